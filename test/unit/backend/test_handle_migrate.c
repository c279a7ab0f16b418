/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transfer of the device state: fd both ways, direction and phase, a check that is answered
 * at once or later, and a front-end that does not wait for it.
 */
#include "channel_fixture.h"
#include "expect.h"

#define FAILED 0x101
#define NO_FD 0x100

#define PROTOCOL_STATE (RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_DEVICE_STATE))

/* Hand an fd over; the reply's U64. */
static int64_t
transfer_fd(struct channel_fixture *f, uint32_t direction, uint32_t phase, int fd)
{
	const struct vhost_user_transfer transfer = { .direction = direction, .phase = phase };
	struct vu_reply frame;
	struct vu_msg reply;

	vu_request_begin(&frame, VHOST_USER_SET_DEVICE_STATE_FD, true);
	vu_request_append(&frame, &transfer, sizeof(transfer));
	vu_reply_add_fd(&frame, fd);
	CHECK_EQ(fake_frontend_send(&f->fix.frontend, &frame), 0);
	CHECK_EQ(fake_frontend_receive(&f->fix.frontend, &reply), 0);
	CHECK_EQ(reply.request, VHOST_USER_SET_DEVICE_STATE_FD);
	return (int64_t)reply.payload.u64;
}

static int64_t
transfer(struct channel_fixture *f, uint32_t direction, uint32_t phase)
{
	int64_t result;
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	result = transfer_fd(f, direction, phase, fds[1]);
	close(fds[0]);
	close(fds[1]);
	return result;
}

VU_TEST(handle_migrate, both_directions)
{
	struct channel_fixture f;

	CHECK_EQ(channel_create(&f, PROTOCOL_STATE), 0);
	CHECK_EQ(transfer(&f, VHOST_USER_TRANSFER_LOAD, 0), NO_FD);
	CHECK_EQ(f.probe->direction, VU_STATE_LOAD);
	CHECK(f.probe->state_fd != VU_FD_NONE);
	CHECK_EQ(transfer(&f, VHOST_USER_TRANSFER_SAVE, 0), NO_FD);
	CHECK_EQ(f.probe->direction, VU_STATE_SAVE);
	/* A channel of the device's own. */
	f.probe->channel_fd = f.fix.mem_fd;
	CHECK_EQ(transfer(&f, VHOST_USER_TRANSFER_SAVE, 0), 0);
	/* An error and an fd are not combined. */
	f.probe->result = -EIO;
	CHECK_EQ(transfer(&f, VHOST_USER_TRANSFER_SAVE, 0), FAILED);
	channel_destroy(&f);
}

VU_TEST(handle_migrate, bad_requests)
{
	struct channel_fixture f;

	CHECK_EQ(channel_create(&f, PROTOCOL_STATE), 0);
	CHECK_EQ(transfer(&f, 2, 0), FAILED);
	CHECK_EQ(transfer(&f, 0, 1), FAILED);
	/* Its own end of the connection. */
	CHECK_EQ(transfer_fd(&f, VHOST_USER_TRANSFER_LOAD, 0, f.fix.frontend.sock), FAILED);
	CHECK_EQ(f.probe->state_fd, VU_FD_NONE);
	/* While a ring runs. */
	CHECK_EQ(fake_frontend_do_fd(&f.fix.frontend, VHOST_USER_SET_VRING_KICK, 1, VU_FD_NONE), 0);
	CHECK_EQ(transfer(&f, VHOST_USER_TRANSFER_SAVE, 0), FAILED);
	CHECK_EQ(f.probe->state_fd, VU_FD_NONE);
	channel_destroy(&f);
}

VU_TEST(handle_migrate, check_at_once)
{
	struct channel_fixture f;
	uint64_t value;

	CHECK_EQ(channel_create(&f, PROTOCOL_STATE), 0);
	CHECK_EQ(fake_frontend_get_u64(&f.fix.frontend, VHOST_USER_CHECK_DEVICE_STATE, &value), 0);
	CHECK_EQ(value, 0);
	f.probe->result = -EIO;
	CHECK_EQ(fake_frontend_get_u64(&f.fix.frontend, VHOST_USER_CHECK_DEVICE_STATE, &value), 0);
	CHECK_EQ(value, 1);
	vu_device_state_checked(f.fix.dev, 0); /* nobody asked */
	CHECK_EQ(fake_frontend_sync(&f.fix.frontend), 0);
	channel_destroy(&f);
}

/* The device is not done: the reply waits, and so do later requests. */
VU_TEST(handle_migrate, check_later)
{
	struct channel_fixture f;
	struct vu_reply frame;
	struct vu_msg reply;

	CHECK_EQ(channel_create(&f, PROTOCOL_STATE), 0);
	for (int rc = 0; rc >= -1; rc--) {
		f.probe->result = -EINPROGRESS;
		vu_request_begin(&frame, VHOST_USER_CHECK_DEVICE_STATE, false);
		CHECK_EQ(fake_frontend_send(&f.fix.frontend, &frame), 0);
		vu_request_begin(&frame, VHOST_USER_GET_FEATURES, false);
		CHECK_EQ(fake_frontend_send(&f.fix.frontend, &frame), 0);
		for (unsigned int i = 0; i < 20; i++)
			session_rig_turn(f.fix.rig);
		CHECK(f.fix.session->is_parked);
		vu_device_state_checked(f.fix.dev, rc);
		CHECK_EQ(fake_frontend_receive(&f.fix.frontend, &reply), 0);
		CHECK_EQ(reply.request, VHOST_USER_CHECK_DEVICE_STATE);
		CHECK_EQ(reply.payload.u64, rc != 0);
		CHECK_EQ(fake_frontend_receive(&f.fix.frontend, &reply), 0);
		CHECK_EQ(reply.request, VHOST_USER_GET_FEATURES);
	}
	channel_destroy(&f);
}

VU_TEST(handle_migrate, front_end_leaves_during_check)
{
	struct channel_fixture f;
	struct vu_reply frame;

	CHECK_EQ(channel_create(&f, PROTOCOL_STATE), 0);
	f.probe->result = -EINPROGRESS;
	vu_request_begin(&frame, VHOST_USER_CHECK_DEVICE_STATE, false);
	CHECK_EQ(fake_frontend_send(&f.fix.frontend, &frame), 0);
	for (unsigned int i = 0; i < 20; i++)
		session_rig_turn(f.fix.rig);
	CHECK(f.fix.session->is_parked);
	/* The answer comes in the same turn in which the session ends. */
	vu_device_state_checked(f.fix.dev, 0);
	vu_backend_session_close(f.fix.session, "test");
	session_port_wait_closed(&f.fix);
	vu_device_state_checked(f.fix.dev, 0);
	channel_destroy(&f);
}
