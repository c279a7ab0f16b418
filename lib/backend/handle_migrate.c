/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transfer of the device's own state (protocol feature 19). The request is answered at once; the
 * device reads or writes the channel on its own, and the check waits for it if need be.
 */
#include "session.h"

#include <errno.h>

#include "vu_device_control.h"
#include "vu_fd.h"

static_assert((int)VU_STATE_SAVE == (int)VHOST_USER_TRANSFER_SAVE, "direction save");
static_assert((int)VU_STATE_LOAD == (int)VHOST_USER_TRANSFER_LOAD, "direction load");

static bool
migrate_is_stopped(const struct vu_device *dev)
{
	for (uint32_t i = 0; i < vu_device_nb_queues(dev); i++)
		if (vu_device_ring_is_started(dev, i))
			return false;
	return true;
}

int
handle_set_device_state_fd(struct vu_backend_session *session, struct vu_msg *msg)
{
	if (!migrate_is_stopped(session->dev))
		return -EBUSY;
	return vu_device_set_state_fd(session->dev,
		(enum vu_state_direction)msg->payload.transfer.direction, vu_msg_take_fd(msg, 0),
		&session->reply_fd);
}

void
reply_set_device_state_fd(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	/* An error and an fd must not be combined. */
	if (rc != 0)
		vu_fd_close(&session->reply_fd);
	vu_reply_u64(reply, msg->request, (rc != 0) |
		(session->reply_fd == VU_FD_NONE ? VHOST_USER_DEVICE_STATE_NOFD_MASK : 0));
	if (session->reply_fd != VU_FD_NONE)
		vu_reply_add_fd(reply, session->reply_fd);
}

int
handle_check_device_state(struct vu_backend_session *session, struct vu_msg *msg)
{
	int rc = vu_device_check_state(session->dev);

	(void)msg;
	session->is_parked = rc == -EINPROGRESS;
	return rc;
}

void
session_state_checked(void *arg, int rc)
{
	struct vu_backend_session *session = arg;

	session->result = rc;
	/* Later: the driver may be in the middle of a callback of ours. */
	vu_reactor_post(session->conf.reactor, &session->state_call);
}

void
reply_check_device_state(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	(void)session;
	vu_reply_u64(reply, msg->request, rc != 0);
}
