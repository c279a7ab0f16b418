/* SPDX-License-Identifier: BSD-3-Clause
 *
 * In-band notifications: rings without fds, notified by messages in both directions.
 */
#include "channel_fixture.h"
#include "expect.h"

#define PROTOCOL_INBAND (RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS))

/* Ring 0 configured without any fd, memory set, not started. */
static void
open_rings(struct channel_fixture *f, uint64_t protocol)
{
	struct fake_frontend *frontend = &f->fix.frontend;

	CHECK_EQ(channel_create(f, protocol), 0);
	CHECK_EQ(session_port_set_mem(&f->fix), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 0,
		SESSION_RING_SIZE), 0);
	CHECK_EQ(session_port_set_addr(&f->fix, 0, 0), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, 0, 1), 0);
}

static int
kick(struct channel_fixture *f)
{
	return fake_frontend_do_state(&f->fix.frontend, VHOST_USER_VRING_KICK, 0, 0);
}

/* Offer a buffer and wait until the device gave it back. */
static void
use_buffer(struct channel_fixture *f)
{
	session_port_offer(&f->fix, 0, 64, true);
	session_port_wait_used(&f->fix, 0, f->fix.base.rings[0].ring->avail_idx);
}

static void
receive_call(struct channel_fixture *f)
{
	struct vu_msg msg;

	CHECK_EQ(channel_receive(f, &msg), 0);
	CHECK_EQ(msg.request, VHOST_USER_BACKEND_VRING_CALL);
	CHECK_EQ(msg.payload.state.index, 0);
	CHECK_EQ(msg.payload.state.num, 0);
	CHECK(msg.need_reply);
}

/* True if the session has nothing to say on the channel. */
static bool
is_silent(struct channel_fixture *f)
{
	const struct vu_msg_limits limits = {
		.stream = VU_STREAM_BACKEND_REQUESTS, .nb_queues = 2,
	};
	struct vu_msg msg;

	for (unsigned int i = 0; i < 20; i++)
		session_rig_turn(f->fix.rig);
	return vu_conn_receive(f->peer, &msg, &limits) == 0;
}

VU_TEST(backend_inband, needs_acknowledgements_and_channel)
{
	const uint64_t inband = RTE_BIT64(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS);
	const uint64_t sets[] = {
		inband, inband | RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK),
		inband | RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ),
	};
	struct session_port fix;

	fixture_create_probe(&fix);
	for (unsigned int i = 0; i < RTE_DIM(sets); i++) {
		fix.frontend.need_reply = false;
		CHECK_EQ(fake_frontend_do_u64(&fix.frontend, VHOST_USER_SET_PROTOCOL_FEATURES,
			sets[i]), 0);
		CHECK_EQ(fake_frontend_wait_end(&fix.frontend), 0);
		session_port_disconnect(&fix);
		session_port_connect(&fix);
	}
	fixture_destroy(&fix);
}

VU_TEST(backend_inband, kick_starts_and_call_is_sent)
{
	struct channel_fixture f;

	open_rings(&f, PROTOCOL_INBAND);
	CHECK_EQ(channel_connect(&f), 0);
	CHECK(!fixture_is_live(&f.fix, 0));
	CHECK_EQ(kick(&f), 0);
	CHECK(fixture_is_live(&f.fix, 0));
	/* A ring that starts signals its new fd once. */
	receive_call(&f);
	CHECK_EQ(channel_answer(&f, VHOST_USER_BACKEND_VRING_CALL, 0, VU_FD_NONE), 0);
	use_buffer(&f);
	receive_call(&f);
	CHECK_EQ(channel_answer(&f, VHOST_USER_BACKEND_VRING_CALL, 0, VU_FD_NONE), 0);
	/* A started ring is only looked at. */
	CHECK_EQ(kick(&f), 0);
	CHECK(fixture_is_live(&f.fix, 0));
	CHECK(is_silent(&f));
	channel_destroy(&f);
}

/* However much happens, one message per ring is under way. */
VU_TEST(backend_inband, calls_wait_for_the_acknowledgement)
{
	struct channel_fixture f;

	open_rings(&f, PROTOCOL_INBAND);
	CHECK_EQ(channel_connect(&f), 0);
	CHECK_EQ(kick(&f), 0);
	receive_call(&f);
	for (unsigned int i = 0; i < 5; i++)
		use_buffer(&f);
	CHECK(is_silent(&f));
	CHECK_EQ(channel_answer(&f, VHOST_USER_BACKEND_VRING_CALL, 0, VU_FD_NONE), 0);
	receive_call(&f);
	CHECK_EQ(channel_answer(&f, VHOST_USER_BACKEND_VRING_CALL, 0, VU_FD_NONE), 0);
	CHECK(is_silent(&f));
	channel_destroy(&f);
}

/* What happened before there was a channel, or was lost with one, is reported on the next. */
VU_TEST(backend_inband, nothing_is_lost_with_a_channel)
{
	struct channel_fixture f;

	open_rings(&f, PROTOCOL_INBAND);
	CHECK_EQ(kick(&f), 0);
	use_buffer(&f);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(channel_connect(&f), 0);
		receive_call(&f);
	}
	CHECK_EQ(channel_answer(&f, VHOST_USER_BACKEND_VRING_CALL, 0, VU_FD_NONE), 0);
	CHECK_EQ(channel_connect(&f), 0);
	CHECK(is_silent(&f));
	channel_destroy(&f);
}

/* Fds have priority, whenever they come; bit 8 means that the front-end polls. */
VU_TEST(backend_inband, fds_have_priority)
{
	struct channel_fixture f;
	struct fake_frontend *frontend = &f.fix.frontend;

	open_rings(&f, PROTOCOL_INBAND);
	CHECK_EQ(channel_connect(&f), 0);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_CALL, 0,
		f.fix.base.rings[0].call_fd), 0);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, 0, VU_FD_NONE), 0);
	use_buffer(&f);
	event_wait(f.fix.base.rings[0].call_fd);
	CHECK(is_silent(&f));
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_CALL, 0, VU_FD_NONE), 0);
	use_buffer(&f);
	CHECK(is_silent(&f));
	channel_destroy(&f);
}

VU_TEST(backend_inband, fd_replaces_messages)
{
	struct channel_fixture f;
	struct fake_frontend *frontend = &f.fix.frontend;

	open_rings(&f, PROTOCOL_INBAND);
	CHECK_EQ(channel_connect(&f), 0);
	CHECK_EQ(kick(&f), 0);
	receive_call(&f);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_CALL, 0,
		f.fix.base.rings[0].call_fd), 0);
	CHECK_EQ(channel_answer(&f, VHOST_USER_BACKEND_VRING_CALL, 0, VU_FD_NONE), 0);
	rig_events(f.fix.base.rings[0].call_fd);
	use_buffer(&f);
	event_wait(f.fix.base.rings[0].call_fd);
	CHECK(is_silent(&f));
	channel_destroy(&f);
}

VU_TEST(backend_inband, error_is_reported)
{
	struct channel_fixture f;
	struct vu_msg msg;

	open_rings(&f, PROTOCOL_INBAND);
	CHECK_EQ(channel_connect(&f), 0);
	CHECK_EQ(kick(&f), 0);
	receive_call(&f);
	CHECK_EQ(channel_answer(&f, VHOST_USER_BACKEND_VRING_CALL, 0, VU_FD_NONE), 0);
	/* An index that no ring of this size can have. */
	vu_store_release(&f.fix.base.rings[0].ring->avail->idx, SESSION_RING_SIZE + 1);
	CHECK_EQ(channel_receive(&f, &msg), 0);
	CHECK_EQ(msg.request, VHOST_USER_BACKEND_VRING_ERR);
	CHECK_EQ(msg.payload.state.index, 0);
	channel_destroy(&f);
}

VU_TEST(backend_inband, off_unless_negotiated)
{
	struct channel_fixture f;

	open_rings(&f, PROTOCOL_INBAND & ~RTE_BIT64(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS));
	CHECK_EQ(channel_connect(&f), 0);
	CHECK_EQ(kick(&f), 1);
	CHECK_EQ(fake_frontend_do_fd(&f.fix.frontend, VHOST_USER_SET_VRING_KICK, 0, VU_FD_NONE), 0);
	use_buffer(&f);
	CHECK(is_silent(&f));
	channel_destroy(&f);
}
