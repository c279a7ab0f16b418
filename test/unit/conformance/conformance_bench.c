/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Runs one case: brings a session into its state, sends the frame, sees what comes back, looks for
 * what was left behind and asks the neighbour. A session is used again as long as nothing that it
 * did could have changed its state.
 */
#include "conformance.h"
#include "expect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_bitops.h>

#include "vu_device_control.h"
#include "vu_fd.h"
#include "vu_virtio.h"

#define MAX_PRINTED 30 /* a broken back-end fails thousands of cases in the same way */
#define MAX_TURNS 20   /* for what needs two or three */

static void __rte_format_printf(2, 3)
bench_complain(struct conf_bench *bench, const char *format, ...)
{
	va_list args;

	if (bench->nb_failures++ >= MAX_PRINTED)
		return;
	printf("\n    ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

static void
bench_open_fds(struct conf_bench *bench)
{
	int socks[2], ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) == 0);
	CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	bench->fds[CONF_KIND_EVENT] = vu_fd_eventfd();
	bench->fds[CONF_KIND_FILE] = bench->subject.mem_fd;
	bench->fds[CONF_KIND_SOCKET] = socks[0];
	bench->fds[CONF_KIND_PIPE] = ends[1];
	bench->fds[CONF_KIND_NULL] = open("/dev/null", O_RDWR | O_CLOEXEC);
	bench->far_ends[0] = socks[1];
	bench->far_ends[1] = ends[0];
}

static uint32_t
bench_ask_config(const struct conf_bench *bench)
{
	uint8_t config[VHOST_USER_CONFIG_SPACE_BYTES];
	uint32_t len = sizeof(config);

	while (len > 0 && vu_device_config_get(bench->subject.dev, 0, config, len) != 0)
		len--;
	return len;
}

/* What the device offers, asked as any front-end asks. */
static int
bench_ask_facts(struct conf_bench *bench)
{
	struct fake_frontend *frontend = &bench->subject.frontend;
	int rc;

	session_port_connect(&bench->subject);
	rc = fake_frontend_get_u64(frontend, VHOST_USER_GET_FEATURES, &bench->facts.features);
	if (rc == 0)
		rc = fake_frontend_get_u64(frontend, VHOST_USER_GET_PROTOCOL_FEATURES,
			&bench->facts.protocol_features);
	bench->facts.config_bytes = bench_ask_config(bench);
	bench->facts.has_gpu = vu_device_has_gpu(bench->subject.dev);
	session_port_disconnect(&bench->subject);
	return rc;
}

/* From nothing to two running rings. */
static int
bench_start(struct session_port *port)
{
	int rc;

	session_port_connect(port);
	rc = session_port_negotiate(port, RTE_BIT64(VIRTIO_F_VERSION_1),
		RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK));
	if (rc == 0)
		rc = session_port_set_mem(port);
	for (uint32_t q = 0; q < 2 && rc == 0; q++)
		rc = session_port_start_ring(port, q);
	return rc;
}

void
conf_bench_init(struct conf_bench *bench, const struct conf_device *device)
{
	struct vu_device_conf conf;

	memset(bench, 0, sizeof(*bench));
	session_rig_init(&bench->rig);
	conf = session_device_conf(&bench->rig, "forward=loopback");
	session_port_init(&bench->bystander, &bench->rig, "net", &conf);
	conf = session_device_conf(&bench->rig, device->args);
	conf.has_inband = device->has_inband;
	session_port_init(&bench->subject, &bench->rig, device->driver, &conf);
	bench_open_fds(bench);
	if (device->prepare != NULL)
		device->prepare(bench);
	CHECK(bench_ask_facts(bench) == 0);
	CHECK(bench_start(&bench->bystander) == 0);
	rig_held_take(&bench->held);
}

/* Nothing of an ended session may be left. */
static void
bench_close(struct conf_bench *bench)
{
	const struct rig_held before = bench->held;

	if (!bench->is_open)
		return;
	bench->is_open = false;
	session_port_disconnect(&bench->subject);
	if (!rig_held_renew(&bench->held))
		bench_complain(bench, "after a session %u fds instead of %u, "
			"%u mappings instead of %u", bench->held.nb_fds, before.nb_fds,
			bench->held.nb_maps, before.nb_maps);
}

void
conf_bench_check_echo(struct conf_bench *bench)
{
	bench_close(bench);
	expect_context("the echo in the end");
	CHECK_EQ(bench_start(&bench->subject), 0);
	session_port_echo(&bench->subject, 1);
	bench->is_open = true;
}

void
conf_bench_fini(struct conf_bench *bench)
{
	bench_close(bench);
	for (unsigned int kind = 0; kind < CONF_NB_KINDS; kind++)
		if (kind != CONF_KIND_FILE)
			vu_fd_close(&bench->fds[kind]);
	vu_fd_close(&bench->far_ends[0]);
	vu_fd_close(&bench->far_ends[1]);
	session_port_fini(&bench->subject);
	session_port_fini(&bench->bystander);
	session_rig_fini(&bench->rig);
}

/* From a new connection to the state that a case wants. */
static int
bench_advance(struct conf_bench *bench, const struct conf_case *test)
{
	struct session_port *port = &bench->subject;
	uint32_t base;
	int rc = 0;

	if (test->state >= CONF_STATE_NEGOTIATED)
		rc = session_port_negotiate(port, conf_rule_features(&bench->facts),
			conf_rule_protocol_features(&bench->facts) & ~test->without);
	if (rc == 0 && test->state >= CONF_STATE_MEMORY)
		rc = session_port_set_mem(port);
	if (rc == 0 && test->state >= CONF_STATE_RUNNING)
		rc = session_port_start_ring(port, 0);
	if (rc == 0 && test->state == CONF_STATE_STOPPED)
		rc = fake_frontend_get_base(&port->frontend, 0, &base);
	return rc == 0 ? fake_frontend_sync(&port->frontend) : rc;
}

static void
bench_prepare(struct conf_bench *bench, const struct conf_case *test)
{
	int rc;

	if (bench->is_open && bench->state == test->state && bench->without == test->without)
		return;
	bench_close(bench);
	session_port_connect(&bench->subject);
	bench->is_open = true;
	bench->state = test->state;
	bench->without = test->without;
	rc = bench_advance(bench, test);
	if (rc != 0)
		bench_complain(bench, "a session that comes next does not work: %d", rc);
}

/* Bytes from..to, and the fds if they travel with the first of them. The back-end may be
 * gone already; who reads from it will see.
 */
static void
bench_send(struct conf_bench *bench, const struct vu_reply *bytes, size_t from, size_t to,
	const struct conf_frame *frame)
{
	fake_frontend_send_bytes(&bench->subject.frontend, bytes->bytes + from, to - from,
		frame->fds, frame->fds_at == from ? frame->nb_fds : 0);
}

static void
bench_send_frame(struct conf_bench *bench, const struct conf_frame *frame, bool need_reply)
{
	struct vhost_user_header header = frame->header;
	size_t pause_at = RTE_MAX(frame->pause_at, frame->fds_at);
	struct vu_reply bytes;

	if (need_reply)
		header.flags |= VHOST_USER_NEED_REPLY_MASK;
	bytes.len = sizeof(header) + RTE_MIN(header.size, (uint32_t)VU_MAX_MSG_BYTES);
	memcpy(bytes.bytes, &header, sizeof(header));
	memcpy(bytes.bytes + sizeof(header), &frame->payload, bytes.len - sizeof(header));
	if (pause_at == 0) {
		bench_send(bench, &bytes, 0, bytes.len, frame);
		return;
	}
	bench_send(bench, &bytes, 0, pause_at, frame);
	if (frame->is_cut)
		return;
	session_rig_turn(&bench->rig);
	bench_send(bench, &bytes, pause_at, bytes.len, frame);
}

/* Wait for what a barrier request behind the frame brings to light. */
static enum conf_result
bench_observe(struct conf_bench *bench, uint32_t request)
{
	struct fake_frontend *frontend = &bench->subject.frontend;
	uint32_t barrier = request == VHOST_USER_GET_FEATURES ? VHOST_USER_GET_PROTOCOL_FEATURES :
		VHOST_USER_GET_FEATURES;
	enum conf_result result = CONF_QUIET;
	struct vu_reply frame;
	struct vu_msg reply;

	vu_request_begin(&frame, barrier, false);
	fake_frontend_send(frontend, &frame);
	for (;;) {
		int rc = fake_frontend_receive(frontend, &reply);

		if (rc == -ECONNRESET && result == CONF_QUIET)
			return CONF_END;
		if (rc != 0)
			return CONF_BROKEN;
		if (reply.request == barrier)
			return result;
		if (reply.request != request || result != CONF_QUIET)
			return CONF_BROKEN;
		result = conf_rule_reply_kind(&reply);
	}
}

/* The front-end hangs up in the middle of a frame: no reply may have come. */
static enum conf_result
bench_observe_cut(struct conf_bench *bench)
{
	struct session_port *port = &bench->subject;
	uint8_t byte;
	ssize_t nb;

	session_rig_turn(&bench->rig);
	if (port->session == NULL)
		return CONF_BROKEN;
	shutdown(port->frontend.sock, SHUT_WR);
	for (unsigned int i = 0; i < MAX_TURNS && port->session != NULL; i++)
		session_rig_turn(&bench->rig);
	/* The door closes the socket. */
	session_rig_turn(&bench->rig);
	nb = recv(port->frontend.sock, &byte, 1, MSG_DONTWAIT);
	return port->session == NULL && (nb == 0 || (nb < 0 && errno == ECONNRESET)) ?
		CONF_END : CONF_BROKEN;
}

/* Can a session be used again after this? */
static bool
result_keeps_state(const struct conf_case *test, enum conf_result result)
{
	const struct vu_msg_spec *spec = vu_msg_spec(test->frame.header.request);

	if (result == CONF_FAIL || result == CONF_REFUSAL)
		return true;
	if (result != CONF_REPLY || spec->shape.fds_max != 0)
		return false;
	switch (spec->request) {
	case VHOST_USER_GET_VRING_BASE:
	case VHOST_USER_GET_VRING_BASE_SKIP_DRAIN:
	case VHOST_USER_IOTLB_MSG:
	case VHOST_USER_GET_INFLIGHT_FD:
		return false;
	default:
		return true;
	}
}

static void
bench_run_once(struct conf_bench *bench, const struct conf_case *test, bool need_reply)
{
	const uint32_t request = test->frame.header.request;
	const struct vu_msg_spec *spec = vu_msg_spec(request);
	const char *name = spec != NULL ? spec->name : "unknown request";
	const char *column = conf_column_name(test->column);
	char wanted_words[CONF_WORDS_BYTES], seen_words[CONF_WORDS_BYTES];
	enum conf_result wanted = conf_rule(&bench->facts, test, need_reply);
	enum conf_result seen;
	unsigned int nb_fds;

	bench_prepare(bench, test);
	nb_fds = rig_count_fds();
	bench_send_frame(bench, &test->frame, need_reply);
	seen = test->flaw == CONF_CUT ? bench_observe_cut(bench) : bench_observe(bench, request);
	bench->nb_cases++;
	bench->seen[request][test->column][need_reply ? 0 : 1] |= seen;
	if (seen != wanted)
		bench_complain(bench, "%s, %s, need_reply %d, %u bytes, %u fds: %s wanted, %s seen",
			name, column, need_reply, test->frame.header.size, test->frame.nb_fds,
			conf_result_words(wanted, wanted_words),
			conf_result_words(seen, seen_words));
	if (!result_keeps_state(test, seen))
		bench_close(bench);
	else if (rig_count_fds() != nb_fds)
		bench_complain(bench, "%s, %s: %u fds before, %u after", name, column,
			nb_fds, rig_count_fds());
	expect_context(name);
	session_port_echo(&bench->bystander, (uint8_t)bench->nb_cases);
}

void
conf_bench_run(struct conf_bench *bench, const struct conf_case *test)
{
	bench_run_once(bench, test, true);
	bench_run_once(bench, test, false);
}
