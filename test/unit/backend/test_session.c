/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life of a session: how it begins and ends, in what order it answers, what it does for peers that
 * send too little, too much, or do not read.
 */
#include "expect.h"
#include "door_line.h"
#include "session_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <rte_errno.h>
#include <rte_log.h>

#include "fake_fuse.h"
#include "leak_check.h"

VU_TEST(session, ends_when_front_end_leaves)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(vu_device_state(fix.dev), VU_DEVICE_NEGOTIATING);
	session_port_disconnect(&fix);
	CHECK_EQ(fix.nb_closed, 1);
	fixture_destroy(&fix);
}

VU_TEST(session, ends_when_owner_closes_it)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	vu_backend_session_close(fix.session, "test");
	if (fix.session != NULL)
		vu_backend_session_close(fix.session, "again");
	session_port_wait_closed(&fix);
	CHECK_EQ(fix.nb_closed, 1);
	CHECK_EQ(fake_frontend_wait_end(&fix.frontend), 0);
	fixture_destroy(&fix);
}

VU_TEST(session, refuses_what_is_no_socket)
{
	struct session_port fix;
	struct vu_backend_conf conf = { .closed = session_port_closed, .arg = &fix };

	fixture_create(&fix, "forward=loopback");
	session_port_disconnect(&fix);
	conf.reactor = fix.rig->reactor;
	conf.dev = fix.dev;
	conf.fd = vu_fd_eventfd();
	CHECK(vu_backend_session_open(&conf) == NULL);
	CHECK(rte_errno != 0);
	CHECK_EQ(fcntl(conf.fd, F_GETFD), -1);
	conf.fd = VU_FD_NONE;
	CHECK(vu_backend_session_open(&conf) == NULL);
	CHECK_EQ(vu_device_state(fix.dev), VU_DEVICE_IDLE);
	session_port_connect(&fix);
	fixture_destroy(&fix);
}

VU_TEST(session, follows_session_on_one_device)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	for (unsigned int i = 0; i < 5; i++) {
		fixture_start(&fix);
		session_port_echo(&fix, (uint8_t)(i + 1));
		session_port_disconnect(&fix);
		CHECK_EQ(vu_device_acked_features(fix.dev), 0);
		CHECK_EQ(vu_device_status(fix.dev), 0);
		session_port_connect(&fix);
	}
	fixture_destroy(&fix);
}

/* ---- a set-up, cut off anywhere ---- */

static const uint8_t setup_requests[] = {
	VHOST_USER_GET_FEATURES, VHOST_USER_SET_OWNER, VHOST_USER_GET_PROTOCOL_FEATURES,
	VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_GET_QUEUE_NUM, VHOST_USER_SET_FEATURES,
	VHOST_USER_SET_STATUS, VHOST_USER_SET_MEM_TABLE,
	/* Each ring, see setup_queue(). */
	VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE, VHOST_USER_SET_VRING_ADDR,
	VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_ERR, VHOST_USER_SET_VRING_KICK,
	VHOST_USER_SET_VRING_ENABLE,
	VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE, VHOST_USER_SET_VRING_ADDR,
	VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_ERR, VHOST_USER_SET_VRING_KICK,
	VHOST_USER_SET_VRING_ENABLE,
	/* Both rings run: change things below them, then stop. */
	VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_MEM_TABLE, VHOST_USER_GET_VRING_BASE,
	VHOST_USER_RESET_DEVICE,
};

#define SETUP_FIRST_RING 8
#define SETUP_RING_STEPS 7

static uint32_t
setup_queue(unsigned int step)
{
	return step < SETUP_FIRST_RING + SETUP_RING_STEPS ? 0 : 1;
}

static int
setup_step(struct session_port *fix, unsigned int step)
{
	struct fake_frontend *frontend = &fix->frontend;
	uint32_t request = setup_requests[step];
	uint32_t q = setup_queue(step);
	struct vu_reply frame;

	switch (request) {
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		return fake_frontend_do_u64(frontend, request, PROTOCOL_BITS);
	case VHOST_USER_SET_FEATURES:
		return fake_frontend_do_u64(frontend, request, FEATURE_BITS);
	case VHOST_USER_SET_STATUS:
		return fake_frontend_do_u64(frontend, request, 15);
	case VHOST_USER_SET_MEM_TABLE:
		return session_port_set_mem(fix);
	case VHOST_USER_SET_VRING_NUM:
		return fake_frontend_do_state(frontend, request, q, SESSION_RING_SIZE);
	case VHOST_USER_SET_VRING_BASE:
	case VHOST_USER_GET_VRING_BASE:
		return fake_frontend_do_state(frontend, request, q, 0);
	case VHOST_USER_SET_VRING_ADDR:
		return session_port_set_addr(fix, q, 0);
	case VHOST_USER_SET_VRING_CALL:
		return fake_frontend_do_fd(frontend, request, q, fix->base.rings[q].call_fd);
	case VHOST_USER_SET_VRING_ERR:
	case VHOST_USER_SET_VRING_KICK:
		return fake_frontend_do_fd(frontend, request, q, fix->base.rings[q].err_fd);
	case VHOST_USER_SET_VRING_ENABLE:
		return fake_frontend_do_state(frontend, request, q, 1);
	default:
		fake_frontend_begin(frontend, &frame, request);
		return fake_frontend_do(frontend, &frame);
	}
}

VU_TEST(session, disconnect_anywhere_in_a_setup)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	for (unsigned int nb_steps = 0; nb_steps <= RTE_DIM(setup_requests); nb_steps++) {
		memset(fix.mem, 0, SESSION_BUFFER_OFFSET);
		fix.frontend.need_reply = false;
		for (unsigned int i = 0; i < nb_steps; i++)
			CHECK_EQ(setup_step(&fix, i), 0);
		/* Every second time all of it was handled, else most is still in the socket. */
		if (nb_steps % 2 == 0)
			WAIT_UNTIL(vu_reactor_turn(fix.rig->reactor, 1) == 0);
		session_port_disconnect(&fix);
		session_port_connect(&fix);
	}
	fixture_start(&fix);
	session_port_echo(&fix, 1);
	fixture_destroy(&fix);
}

VU_TEST(session, disconnect_inside_a_frame)
{
	struct session_port fix;
	struct vu_reply frame;

	fixture_create(&fix, "forward=loopback");
	vu_request_begin(&frame, VHOST_USER_SET_VRING_KICK, false);
	vu_request_append_u64(&frame, 0);
	for (size_t len = 1; len < frame.len; len++) {
		CHECK_EQ(fake_frontend_send_bytes(&fix.frontend, frame.bytes, len,
			&fix.mem_fd, 1), 0);
		session_rig_turn(fix.rig);
		session_port_disconnect(&fix);
		session_port_connect(&fix);
	}
	fixture_destroy(&fix);
}

VU_TEST(session, takes_frames_byte_by_byte)
{
	struct session_port fix;
	struct vu_reply frame;
	struct vu_msg reply;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	vu_request_begin(&frame, VHOST_USER_SET_VRING_NUM, true);
	vu_request_append_state(&frame, 1, SESSION_RING_SIZE);
	for (size_t i = 0; i < frame.len; i++) {
		CHECK_EQ(fake_frontend_send_bytes(&fix.frontend, &frame.bytes[i], 1, NULL, 0), 0);
		session_rig_turn(fix.rig);
	}
	CHECK_EQ(fake_frontend_receive(&fix.frontend, &reply), 0);
	CHECK_EQ(reply.request, VHOST_USER_SET_VRING_NUM);
	CHECK_EQ(reply.payload.u64, 0);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	fixture_destroy(&fix);
}

/* ---- requests that wait for the data lcore ---- */

static int
send_get_base(struct session_port *fix, uint32_t q)
{
	struct vu_reply frame;

	vu_request_begin(&frame, VHOST_USER_GET_VRING_BASE, false);
	vu_request_append_state(&frame, q, 0);
	return fake_frontend_send(&fix->frontend, &frame);
}

static int
send_get_features(struct session_port *fix)
{
	struct vu_reply frame;

	vu_request_begin(&frame, VHOST_USER_GET_FEATURES, false);
	return fake_frontend_send(&fix->frontend, &frame);
}

/* Let the control lcore do all it can without the data lcore. */
static void
turn_often(struct session_port *fix)
{
	for (unsigned int i = 0; i < 50; i++)
		session_rig_turn(fix->rig);
}

VU_TEST(session, later_requests_wait_for_a_parked_one)
{
	const uint32_t order[] = { VHOST_USER_GET_VRING_BASE, VHOST_USER_GET_FEATURES,
		VHOST_USER_GET_VRING_BASE, VHOST_USER_GET_FEATURES };
	struct session_port fix;
	struct vu_msg reply;
	uint8_t byte;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	lcore_gate_close(&fix);
	for (uint32_t q = 0; q < 2; q++) {
		CHECK_EQ(send_get_base(&fix, q), 0);
		CHECK_EQ(send_get_features(&fix), 0);
	}
	turn_often(&fix);
	CHECK_EQ(recv(fix.frontend.sock, &byte, 1, MSG_DONTWAIT), -1);
	CHECK_EQ(vu_device_state(fix.dev), VU_DEVICE_DRAINING);
	lcore_gate_open(&fix);
	for (unsigned int i = 0; i < RTE_DIM(order); i++) {
		CHECK_EQ(fake_frontend_receive(&fix.frontend, &reply), 0);
		CHECK_EQ(reply.request, order[i]);
	}
	CHECK_EQ(vu_device_state(fix.dev), VU_DEVICE_READY);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	fixture_destroy(&fix);
}

/* The session may not be freed, nor memory unmapped, before the data lcore has quiesced. */
static void
check_end_while_parked(bool is_hang_up)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	lcore_gate_close(&fix);
	CHECK_EQ(send_get_base(&fix, 1), 0);
	CHECK_EQ(send_get_features(&fix), 0);
	turn_often(&fix);
	if (is_hang_up)
		fake_frontend_close(&fix.frontend);
	else
		vu_backend_session_close(fix.session, "test");
	turn_often(&fix);
	CHECK(fix.session != NULL);
	CHECK(vu_device_mem(fix.dev) != NULL);
	lcore_gate_open(&fix);
	session_port_wait_closed(&fix);
	CHECK_EQ(fix.nb_closed, 1);
	fixture_destroy(&fix);
}

VU_TEST(session, hang_up_while_parked)
{
	check_end_while_parked(true);
}

VU_TEST(session, close_while_parked)
{
	check_end_while_parked(false);
}

/* One that nobody takes, in the message that waits and in one behind it. */
VU_TEST(session, parked_fds_are_closed)
{
	const struct vhost_user_mem_reg reg = { .region = session_region(0, SESSION_MEM_BYTES) };
	struct session_port fix;
	struct vu_reply frame;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	lcore_gate_close(&fix);
	vu_request_begin(&frame, VHOST_USER_REM_MEM_REG, true);
	vu_request_append(&frame, &reg, sizeof(reg));
	vu_reply_add_fd(&frame, fix.mem_fd);
	CHECK_EQ(fake_frontend_send(&fix.frontend, &frame), 0);
	CHECK_EQ(fake_frontend_send(&fix.frontend, &frame), 0);
	turn_often(&fix);
	CHECK_EQ(vu_device_state(fix.dev), VU_DEVICE_DRAINING);
	vu_backend_session_close(fix.session, "test");
	lcore_gate_open(&fix);
	session_port_wait_closed(&fix);
	fixture_destroy(&fix);
}

VU_TEST(session, busy_peer_does_not_starve_others)
{
	struct session_port fix;
	struct vu_reply frame;
	bool has_run = false;
	struct vu_reactor_call call;

	fixture_create(&fix, "forward=loopback");
	vu_request_begin(&frame, VHOST_USER_SET_OWNER, false);
	for (unsigned int i = 0; i < 200; i++)
		CHECK_EQ(fake_frontend_send(&fix.frontend, &frame), 0);
	vu_reactor_call_init(&call, set_flag, &has_run);
	vu_reactor_post(fix.rig->reactor, &call);
	for (unsigned int i = 0; i < 2; i++)
		session_rig_turn(fix.rig);
	CHECK(has_run);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	fixture_destroy(&fix);
}

static uint32_t
nb_regions(const struct session_port *fix)
{
	const struct vu_mem_table *mem = vu_device_mem(fix->dev);

	return mem != NULL ? vu_mem_table_nb_regions(mem) : 0;
}

static int
send_region(struct session_port *fix, uint64_t page)
{
	const struct vhost_user_mem_reg reg = { .region = session_region(page * 4096, 4096) };
	struct vu_reply frame;

	vu_request_begin(&frame, VHOST_USER_ADD_MEM_REG, false);
	vu_request_append(&frame, &reg, sizeof(reg));
	vu_reply_add_fd(&frame, fix->mem_fd);
	return fake_frontend_send(&fix->frontend, &frame);
}

/* Each of them takes as long as it likes: a file of terabytes, for example. */
VU_TEST(session, memory_is_mapped_in_turns)
{
	const uint32_t nb = 20;
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	for (uint32_t i = 0; i < nb; i++)
		CHECK_EQ(send_region(&fix, i), 0);
	for (uint32_t i = 0; i < nb; i++) {
		uint32_t nb_before = nb_regions(&fix);

		session_rig_turn(fix.rig);
		CHECK(nb_regions(&fix) <= nb_before + 1);
	}
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	CHECK_EQ(nb_regions(&fix), nb);
	fixture_destroy(&fix);
}

/* ---- a peer that does not read ---- */

VU_TEST(session, replies_wait_for_a_slow_reader)
{
	struct session_port fix;
	struct vu_msg reply;
	int bytes = 1;

	fixture_create(&fix, "forward=loopback");
	/* The kernel makes this its minimum: room for a few replies. */
	CHECK_EQ(setsockopt(vu_conn_fd(fix.session->door->first->conn), SOL_SOCKET, SO_SNDBUF,
		&bytes, sizeof(bytes)), 0);
	for (unsigned int i = 0; i < 25; i++)
		CHECK_EQ(send_get_features(&fix), 0);
	turn_often(&fix);
	CHECK(vu_conn_wants_write(fix.session->door->first->conn));
	for (unsigned int i = 0; i < 25; i++) {
		CHECK_EQ(fake_frontend_receive(&fix.frontend, &reply), 0);
		CHECK_EQ(reply.request, VHOST_USER_GET_FEATURES);
	}
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	fixture_destroy(&fix);
}

VU_TEST(session, ends_for_a_peer_that_never_reads)
{
	struct session_port fix;
	int bytes = 1;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(setsockopt(vu_conn_fd(fix.session->door->first->conn), SOL_SOCKET, SO_SNDBUF,
		&bytes, sizeof(bytes)), 0);
	for (unsigned int i = 0; i < 100; i++)
		CHECK_EQ(send_get_features(&fix), 0);
	session_port_wait_closed(&fix);
	fixture_destroy(&fix);
}

/* ---- faults ---- */

VU_TEST(session, ring_fault_leaves_the_session)
{
	struct session_port fix;
	struct vu_device_queue_stats stats;
	struct fake_ring *ring;
	uint32_t base;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	ring = fix.base.rings[1].ring;
	ring->avail->ring[0] = SESSION_RING_SIZE;
	vu_store_release(&ring->avail->idx, 1);
	event_wait(fix.base.rings[1].err_fd);
	turn_often(&fix);
	vu_device_queue_stats_get(fix.dev, 1, &stats);
	CHECK_EQ(stats.fault, VU_VRING_BAD_HEAD);
	CHECK_EQ(stats.nb_faults, 1);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	/* Set up again it works again. */
	for (uint32_t q = 0; q < 2; q++)
		CHECK_EQ(fake_frontend_get_base(&fix.frontend, q, &base), 0);
	fixture_start(&fix);
	session_port_echo(&fix, 3);
	fixture_destroy(&fix);
}

/* The data lcore's report arrives when its session is gone. */
VU_TEST(session, ring_fault_as_the_session_ends)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	vu_store_release(&fix.base.rings[1].ring->avail->idx, SESSION_RING_SIZE + 1);
	event_wait(fix.base.rings[1].err_fd);
	lcore_gate_close(&fix); /* the poll that reported is over */
	vu_backend_session_close(fix.session, "test");
	lcore_gate_open(&fix);
	while (fix.session != NULL)
		vu_sched_poll(fix.rig->sched);
	turn_often(&fix);
	CHECK_EQ(fix.nb_closed, 1);
	fixture_destroy(&fix);
}

/* The counter of a blocking eventfd is full: the data lcore stalls in its write. */
static void
call_block(int fd)
{
	const uint64_t full = UINT64_MAX - 1;

	rig_events(fd);
	CHECK(write(fd, &full, sizeof(full)) == sizeof(full));
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

/* What the watchdog of the daemon does. */
static void
check_until_closed(struct session_port *fix)
{
	WAIT_WHILE(fix->session != NULL) {
		vu_sched_watchdog_check(fix->rig->sched);
		session_rig_turn(fix->rig);
	}
}

VU_TEST(session, call_that_blocks_ends_it)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	call_block(fix.base.rings[1].call_fd);
	session_port_offer(&fix, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
	check_until_closed(&fix);
	rig_events(fix.base.rings[1].call_fd);
	fcntl(fix.base.rings[1].call_fd, F_SETFL, O_NONBLOCK);
	fake_frontend_close(&fix.frontend);
	session_port_connect(&fix);
	/* Once is enough: rings without notifications still work. */
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(fake_frontend_do_fd(&fix.frontend, VHOST_USER_SET_VRING_CALL, 0,
		fix.base.rings[0].call_fd), 1);
	CHECK_EQ(fake_frontend_do_fd(&fix.frontend, VHOST_USER_SET_VRING_ERR, 0,
		fix.base.rings[0].err_fd), 1);
	CHECK_EQ(fake_frontend_do_fd(&fix.frontend, VHOST_USER_SET_VRING_CALL, 0, VU_FD_NONE), 0);
	fixture_destroy(&fix);
}

/* Let the device find an index that no ring of this size can have. @return what it logs */
static char *
break_index(struct session_port *fix)
{
	char *text = NULL;
	size_t len;
	FILE *log = open_memstream(&text, &len);

	rte_openlog_stream(log);
	vu_store_release(&fix->base.rings[1].ring->avail->idx, 3 * SESSION_RING_SIZE);
	event_wait(fix->base.rings[1].err_fd);
	WAIT_WHILE(ftell(log) == 0)
		session_rig_turn(fix->rig);
	rte_openlog_stream(NULL);
	fclose(log);
	return text;
}

/* What was never right is rather other memory than the guest's. */
VU_TEST(session, a_ring_that_was_never_right_is_explained)
{
	struct session_port fix;
	char *text;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	text = break_index(&fix);
	CHECK(strstr(text, "--single-file-segments") != NULL);
	free(text);
	CHECK_EQ(session_port_start_ring(&fix, 1), 0);
	session_port_echo(&fix, 1);
	text = break_index(&fix);
	CHECK(strstr(text, "bad_avail_idx\n") != NULL);
	free(text);
	fixture_destroy(&fix);
}

/* However often a front-end comes back, and whatever it does wrong then. */
VU_TEST(session, reconnecting_does_not_fill_the_log)
{
	struct session_port fix;
	unsigned int nb_lines = 0;
	char *text = NULL;
	size_t len = 0;
	FILE *log;

	fixture_create(&fix, "forward=loopback");
	log = open_memstream(&text, &len);
	rte_openlog_stream(log);
	for (unsigned int i = 0; i < 400; i++) {
		fake_frontend_do_state(&fix.frontend, VHOST_USER_SET_VRING_NUM, 0, 3);
		session_port_disconnect(&fix);
		session_port_connect(&fix);
	}
	rte_openlog_stream(NULL);
	fclose(log);
	for (const char *line = text; (line = strchr(line, '\n')) != NULL; line++)
		nb_lines++;
	CHECK(nb_lines > 4 && nb_lines < 200);
	free(text);
	fixture_destroy(&fix);
}

/* The front-end leaves while the data lcore stalls: the log says what happened all the same. */
VU_TEST(session, call_that_blocks_as_the_session_ends)
{
	struct session_port fix;
	char *text = NULL;
	size_t len = 0;
	FILE *log;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	call_block(fix.base.rings[1].call_fd);
	session_port_offer(&fix, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
	session_port_wait_used(&fix, 1, 1);
	log = open_memstream(&text, &len);
	rte_openlog_stream(log);
	fake_frontend_close(&fix.frontend);
	check_until_closed(&fix);
	rte_openlog_stream(NULL);
	fclose(log);
	CHECK(strstr(text, "queue 1: given up: bad_call") != NULL);
	free(text);
	fixture_destroy(&fix);
}

VU_TEST(session, check_mem_leaves_healthy_sessions)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	vu_backend_session_check_mem(fix.session);
	fixture_start(&fix);
	vu_backend_session_check_mem(fix.session);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	fixture_destroy(&fix);
}

/* A session by way of a listening socket, as a port has it. */
static void
connect_by_path(struct session_port *fix, struct vu_listener *listener, const char *path)
{
	struct vu_backend_conf conf = {
		.reactor = fix->rig->reactor, .dev = fix->dev, .is_threadless = true,
		.closed = session_port_closed, .arg = fix,
	};

	fix->frontend = (struct fake_frontend){
		.sock = vu_connect(path), .turn = session_port_turn, .arg = fix, .need_reply = true,
	};
	conf.fd = vu_listener_accept(listener);
	CHECK(conf.fd >= 0);
	fix->session = vu_backend_session_open(&conf);
	CHECK(fix->session != NULL);
}

static int
send_channel(struct session_port *fix, int fd)
{
	struct vu_reply frame;

	fake_frontend_begin(&fix->frontend, &frame, VHOST_USER_SET_BACKEND_REQ_FD);
	vu_reply_add_fd(&frame, fd);
	return fake_frontend_do(&fix->frontend, &frame);
}

/* A channel is negotiated, but not with that end. */
static void
check_own_end_is_refused(struct session_port *fix)
{
	int ends[2];

	fix->frontend.need_reply = false;
	CHECK_EQ(fake_frontend_do_u64(&fix->frontend, VHOST_USER_SET_PROTOCOL_FEATURES,
		PROTOCOL_BITS | RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ)), 0);
	fix->frontend.need_reply = true;
	CHECK_EQ(send_channel(fix, fix->frontend.sock), 1);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	CHECK_EQ(send_channel(fix, ends[0]), 0);
	close(ends[0]);
	close(ends[1]);
}

/* With the front-end's own end as its channel, a connection would never end. */
VU_TEST(session, does_not_keep_its_own_other_end)
{
	char path[64];
	struct session_port fix;
	struct vu_listener *listener;
	int other_fd;

	snprintf(path, sizeof(path), "/tmp/vu-session-test-%d.sock", getpid());
	listener = vu_listener_create(path);
	CHECK(listener != NULL);
	fixture_create_probe(&fix);
	/* As from socketpair(2), without names. */
	check_own_end_is_refused(&fix);
	session_port_disconnect(&fix);
	connect_by_path(&fix, listener, path);
	check_own_end_is_refused(&fix);
	/* Nor that of a front-end that waits to be served. */
	other_fd = vu_connect(path);
	CHECK(other_fd >= 0);
	CHECK_EQ(send_channel(&fix, other_fd), 1);
	vu_fd_close(&other_fd);
	vu_listener_destroy(listener);
	/* Waits for the session's end. */
	fixture_destroy(&fix);
}
