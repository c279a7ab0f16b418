/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From message to answer, for all requests alike: what is refused, who gets how many replies, and
 * that no fd stays behind whatever arrives (the leak check of the runner sees those).
 */
#include "expect.h"
#include "session_fixture.h"

#include <errno.h>

/* A frame of the right shape for any request, with event fds as often as it needs them. */
static void
make_frame(const struct session_port *fix, const struct vu_msg_spec *spec, bool need_reply,
	struct vu_reply *frame)
{
	struct vhost_user_config payload = { 0 };

	vu_request_begin(frame, spec->request, need_reply);
	if (spec->payload == VU_PAYLOAD_CONFIG)
		payload.size = spec->shape.len_min - VHOST_USER_CONFIG_HEADER_BYTES;
	if (spec->payload == VU_PAYLOAD_VRING_FD)
		vu_request_append_u64(frame, VHOST_USER_VRING_NOFD_MASK);
	else
		vu_request_append(frame, &payload, spec->shape.len_min);
	for (unsigned int i = 0; i < spec->shape.fds_min; i++)
		vu_reply_add_fd(frame, fix->base.rings[0].call_fd);
}

/* Is a request served once these bits are acknowledged? */
static bool
is_served(const struct session_port *fix, const struct vu_msg_spec *spec, uint64_t features,
	uint64_t protocol)
{
	return session_handler_find(spec->request) != NULL &&
		vu_msg_is_allowed(spec, session_features(fix->session), features, protocol);
}

/* The refusal of a request that has a reply of its own can only be the end. */
static void
check_end_and_reconnect(struct session_port *fix)
{
	CHECK_EQ(fake_frontend_wait_end(&fix->frontend), 0);
	session_port_disconnect(fix);
	session_port_connect(fix);
}

VU_TEST(session_dispatch, not_negotiated_is_refused_once)
{
	const uint64_t reply_ack = RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK);
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;
	struct vu_reply frame;

	fixture_create(&fix, "forward=loopback");
	for (uint32_t request = 1; request < VHOST_USER_NB_REQUESTS; request++) {
		const struct vu_msg_spec *spec = vu_msg_spec(request);

		if (is_served(&fix, spec, 0, reply_ack))
			continue;
		CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_PROTOCOL_FEATURES,
			reply_ack), 0);
		make_frame(&fix, spec, true, &frame);
		if (spec->reply == VU_REPLY_ALWAYS) {
			CHECK_EQ(fake_frontend_send(frontend, &frame), 0);
			check_end_and_reconnect(&fix);
			continue;
		}
		CHECK_EQ(fake_frontend_do(frontend, &frame), 1);
		CHECK_EQ(fake_frontend_sync(frontend), 0);
	}
	fixture_destroy(&fix);
}

VU_TEST(session_dispatch, not_negotiated_without_reply_ends_it)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	for (uint32_t request = 1; request < VHOST_USER_NB_REQUESTS; request++) {
		const struct vu_msg_spec *spec = vu_msg_spec(request);
		struct vu_reply frame;

		if (is_served(&fix, spec, 0, 0))
			continue;
		make_frame(&fix, spec, false, &frame);
		CHECK_EQ(fake_frontend_send(&fix.frontend, &frame), 0);
		check_end_and_reconnect(&fix);
	}
	fixture_destroy(&fix);
}

/* Before REPLY_ACK is negotiated, a reply that nobody expects would be taken for another one. */
VU_TEST(session_dispatch, no_acknowledgement_before_reply_ack)
{
	struct session_port fix;
	struct vu_reply frame;

	fixture_create(&fix, "forward=loopback");
	vu_request_begin(&frame, VHOST_USER_SET_OWNER, true);
	CHECK_EQ(fake_frontend_send(&fix.frontend, &frame), 0);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	/* A refused one has no other way to be reported. */
	vu_request_begin(&frame, VHOST_USER_SET_VRING_NUM, true);
	vu_request_append_state(&frame, 0, 3);
	CHECK_EQ(fake_frontend_send(&fix.frontend, &frame), 0);
	CHECK_EQ(fake_frontend_wait_end(&fix.frontend), 0);
	fixture_destroy(&fix);
}

/* Captures in `text` what is logged for a request that names this ring. */
static int
log_of_ring(struct session_port *fix, uint32_t idx, char **text)
{
	size_t len;
	FILE *log = open_memstream(text, &len);
	int rc;

	rte_openlog_stream(log);
	rc = fake_frontend_do_state(&fix->frontend, VHOST_USER_SET_VRING_NUM, idx, 64);
	rte_openlog_stream(NULL);
	fclose(log);
	return rc;
}

/* A front-end with more queues than the port has: the log names the way out. */
VU_TEST(session_dispatch, ring_out_of_range_is_explained)
{
	static const struct {
		uint32_t idx;
		const char *errmsg;
	} cases[] = {
		{ 2, "no queue 2, the port has queues 0 to 1; it needs queues=2 or more\n" },
		{ 7, "no queue 7, the port has queues 0 to 1; it needs queues=4 or more\n" },
		{ 256, "no queue 256, the port has queues 0 to 1\n" },
	};
	struct session_port fix;
	char *text = NULL;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	for (unsigned int i = 0; i < RTE_DIM(cases); i++) {
		CHECK_EQ(log_of_ring(&fix, cases[i].idx, &text), 1);
		CHECK(strstr(text, cases[i].errmsg) != NULL);
		free(text);
	}
	/* Refused for another reason. */
	vu_device_ring_set_size(fix.dev, 1, 64);
	CHECK_EQ(log_of_ring(&fix, 1, &text), 0);
	CHECK(strstr(text, "no queue") == NULL);
	free(text);
	fixture_destroy(&fix);
}

/* QEMU's rx_queue_size= above the port's queue-size=: both are named. */
VU_TEST(session_dispatch, ring_size_is_explained)
{
	struct session_port fix;
	char *text = NULL;
	size_t len;
	FILE *log;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	log = open_memstream(&text, &len);
	rte_openlog_stream(log);
	CHECK_EQ(fake_frontend_do_state(&fix.frontend, VHOST_USER_SET_VRING_NUM, 0, 512), 1);
	CHECK_EQ(fake_frontend_do_state(&fix.frontend, VHOST_USER_SET_VRING_NUM, 0, 3), 1);
	rte_openlog_stream(NULL);
	fclose(log);
	CHECK(strstr(text, "a ring of 512 entries, the port takes at most 256, see "
		"queue-size=\n") != NULL);
	CHECK(strstr(text, "a split ring cannot have 3 entries\n") != NULL);
	free(text);
	fixture_destroy(&fix);
}

/* SET_PROTOCOL_FEATURES itself is the first request that can be acknowledged. */
VU_TEST(session_dispatch, reply_ack_counts_at_once)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fake_frontend_do_u64(&fix.frontend, VHOST_USER_SET_PROTOCOL_FEATURES,
		PROTOCOL_BITS), 0);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	fixture_destroy(&fix);
}

VU_TEST(session_dispatch, every_request_gets_one_reply)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	for (uint32_t request = 1; request < VHOST_USER_NB_REQUESTS; request++) {
		const struct vu_msg_spec *spec = vu_msg_spec(request);
		struct vu_reply frame;
		struct vu_msg reply;

		/* The second would take REPLY_ACK back. */
		if (!is_served(&fix, spec, FEATURE_BITS, PROTOCOL_BITS) ||
				request == VHOST_USER_SET_PROTOCOL_FEATURES)
			continue;
		make_frame(&fix, spec, true, &frame);
		CHECK_EQ(fake_frontend_send(&fix.frontend, &frame), 0);
		CHECK_EQ(fake_frontend_receive(&fix.frontend, &reply), 0);
		CHECK_EQ(reply.request, request);
		CHECK_EQ(reply.flags, VHOST_USER_VERSION | VHOST_USER_REPLY_MASK);
		CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	}
	fixture_destroy(&fix);
}

VU_TEST(session_dispatch, unknown_requests)
{
	const uint32_t requests[] = { 0, VHOST_USER_NB_REQUESTS, 200, 0x80000001, UINT32_MAX };
	struct session_port fix;
	struct vu_reply frame;

	fixture_create(&fix, "forward=loopback");
	for (unsigned int i = 0; i < RTE_DIM(requests); i++) {
		CHECK(session_handler_find(requests[i]) == NULL);
		CHECK_EQ(fixture_negotiate(&fix), 0);
		vu_request_begin(&frame, requests[i], true);
		vu_reply_add_fd(&frame, fix.mem_fd);
		CHECK_EQ(fake_frontend_do(&fix.frontend, &frame), 1);
		CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
		vu_request_begin(&frame, requests[i], false);
		CHECK_EQ(fake_frontend_send(&fix.frontend, &frame), 0);
		check_end_and_reconnect(&fix);
	}
	fixture_destroy(&fix);
}

VU_TEST(session_dispatch, errors_are_acknowledged)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 0, 3), 1);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 2, 8), 1);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 0x10000, 8), 1);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, 0, 2), 1);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_CALL, 7,
		fix.base.rings[0].call_fd), 1);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES, RTE_BIT64(60)), 1);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_NET_SET_MTU, 67), 1);
	CHECK_EQ(fake_frontend_sync(frontend), 0);
	fixture_destroy(&fix);
}

/* ---- frames whose framing cannot be trusted ---- */

struct broken_frame {
	uint32_t request;
	uint32_t flags;
	uint32_t size;     /* as the header says */
	uint32_t nb_bytes; /* payload that is really sent */
	unsigned int nb_fds;
};

static const struct broken_frame broken_frames[] = {
	/* version */
	{ VHOST_USER_SET_OWNER, 0x8, 0, 0, 1 },
	{ VHOST_USER_SET_OWNER, 0x2 | 0x8, 0, 0, 0 },
	{ VHOST_USER_SET_OWNER, 0x3 | 0x8, 0, 0, 8 },
	/* a reply, reserved flags */
	{ VHOST_USER_SET_OWNER, 0x1 | 0x4, 0, 0, 1 },
	{ VHOST_USER_SET_OWNER, 0x1 | 0x8 | 0x10, 0, 0, 1 },
	{ VHOST_USER_SET_OWNER, 0x80000009, 0, 0, 1 },
	/* size */
	{ VHOST_USER_SET_OWNER, 0x9, VU_MAX_MSG_BYTES + 1, 16, 2 },
	{ VHOST_USER_SET_OWNER, 0x9, UINT32_MAX, 0, 1 },
	{ VHOST_USER_SET_OWNER, 0x9, 1, 1, 0 },
	{ VHOST_USER_SET_FEATURES, 0x9, 7, 7, 1 },
	{ VHOST_USER_SET_FEATURES, 0x9, 9, 9, 0 },
	{ VHOST_USER_SET_VRING_ADDR, 0x9, 39, 39, 3 },
	{ VHOST_USER_SET_MEM_TABLE, 0x9, 8 + 31, 8 + 31, 1 },
	{ VHOST_USER_SET_MEM_TABLE, 0x9, 8 + 9 * 32, 8 + 9 * 32, 8 },
	{ VHOST_USER_GET_CONFIG, 0x9, 11, 11, 0 },
	/* fds */
	{ VHOST_USER_SET_FEATURES, 0x9, 8, 8, 1 },
	{ VHOST_USER_SET_VRING_CALL, 0x9, 8, 8, 2 },
	{ VHOST_USER_SET_VRING_CALL, 0x9, 8, 8, 0 },
	{ VHOST_USER_SET_VRING_KICK, 0x9, 8, 8, 8 },
	{ VHOST_USER_SET_MEM_TABLE, 0x9, 8 + 32, 8 + 32, 8 },
	{ VHOST_USER_SET_VRING_ERR, 0x9, 8, 8, 9 },
	{ VHOST_USER_SET_OWNER, 0x9, 0, 0, 16 },
	{ VHOST_USER_ADD_MEM_REG, 0x9, 40, 40, 0 },
};

static int
send_broken(struct session_port *fix, const struct broken_frame *broken)
{
	const struct vhost_user_header header = {
		.request = broken->request, .flags = broken->flags, .size = broken->size,
	};
	uint8_t bytes[VHOST_USER_HEADER_BYTES + VU_MAX_MSG_BYTES] = { 0 };
	int fds[16];

	memcpy(bytes, &header, sizeof(header));
	/* Where a memory table is: one region. */
	bytes[sizeof(header)] = broken->request == VHOST_USER_SET_MEM_TABLE ? 1 : 0;
	for (unsigned int i = 0; i < RTE_DIM(fds); i++)
		fds[i] = fix->mem_fd;
	return fake_frontend_send_bytes(&fix->frontend, bytes, sizeof(header) + broken->nb_bytes,
		fds, broken->nb_fds);
}

VU_TEST(session_dispatch, broken_frames_end_it)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	for (unsigned int i = 0; i < RTE_DIM(broken_frames); i++) {
		CHECK_EQ(fixture_negotiate(&fix), 0);
		CHECK_EQ(send_broken(&fix, &broken_frames[i]), 0);
		if (fake_frontend_wait_end(&fix.frontend) != 0)
			printf("frame %u\n", i);
		session_port_wait_closed(&fix);
		session_port_disconnect(&fix);
		session_port_connect(&fix);
	}
	fixture_start(&fix);
	session_port_echo(&fix, 9);
	fixture_destroy(&fix);
}

/* The same while rings run: the end of the session has to wait for the data lcore. */
VU_TEST(session_dispatch, broken_frame_under_traffic)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	for (unsigned int i = 0; i < 3; i++) {
		fixture_start(&fix);
		session_port_echo(&fix, 9);
		CHECK_EQ(send_broken(&fix, &broken_frames[i]), 0);
		session_port_wait_closed(&fix);
		session_port_disconnect(&fix);
		session_port_connect(&fix);
	}
	fixture_destroy(&fix);
}

VU_TEST(session_dispatch, fds_in_the_middle_end_it)
{
	struct session_port fix;
	struct vu_reply frame;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	vu_request_begin(&frame, VHOST_USER_SET_FEATURES, true);
	vu_request_append_u64(&frame, FEATURE_BITS);
	CHECK_EQ(fake_frontend_send_bytes(&fix.frontend, frame.bytes, 12, NULL, 0), 0);
	CHECK_EQ(fake_frontend_send_bytes(&fix.frontend, frame.bytes + 12, 8, &fix.mem_fd, 1), 0);
	CHECK_EQ(fake_frontend_wait_end(&fix.frontend), 0);
	fixture_destroy(&fix);
}
