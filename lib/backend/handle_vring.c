/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rings: size, addresses, base, fds, enable, start and stop. Ring indices were checked by
 * the decoder.
 */
#include "backend_channel.h"

#include <errno.h>

#include <rte_common.h>

#include "vu_fd.h"

int
handle_set_vring_num(struct vu_backend_session *session, struct vu_msg *msg)
{
	return vu_device_ring_set_size(
		session->dev, msg->payload.state.index, msg->payload.state.num);
}

int
handle_set_vring_addr(struct vu_backend_session *session, struct vu_msg *msg)
{
	const struct vhost_user_vring_addr *addr = &msg->payload.addr;
	const struct vu_vring_conf conf = {
		.desc_uva = addr->descriptor,
		.avail_uva = addr->available,
		.used_uva = addr->used,
		.log_gpa = addr->log,
		.flags = addr->flags,
	};

	return vu_device_ring_set_addr(session->dev, addr->index, &conf);
}

int
handle_set_vring_base(struct vu_backend_session *session, struct vu_msg *msg)
{
	return vu_device_ring_set_base(
		session->dev, msg->payload.state.index, msg->payload.state.num);
}

int
handle_get_vring_base(struct vu_backend_session *session, struct vu_msg *msg)
{
	vu_device_ring_stop(session->dev, msg->payload.state.index);
	return 0;
}

void
reply_get_vring_base(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	uint32_t idx = msg->payload.state.index;

	(void)rc;
	vu_reply_state(reply, msg->request, idx, vu_device_ring_base(session->dev, idx));
}

/* One that we shall write to; not from front-ends whose fds blocked us. */
static int
vring_take_written_fd(struct vu_backend_session *session, struct vu_msg *msg, int *fd)
{
	*fd = vu_msg_take_fd(msg, 0);
	return *fd != VU_FD_NONE && vu_device_refuses_calls(session->dev) ? -EACCES : 0;
}

int
handle_set_vring_kick(struct vu_backend_session *session, struct vu_msg *msg)
{
	uint32_t idx = vu_msg_vring_idx(msg);
	int rc = inband_start_ring(session, idx);

	if (rc == 0)
		vu_device_ring_start(session->dev, idx, vu_msg_take_fd(msg, 0));
	return rc;
}

int
handle_set_vring_call(struct vu_backend_session *session, struct vu_msg *msg)
{
	int fd;
	int rc = vring_take_written_fd(session, msg, &fd);

	if (rc != 0) {
		vu_fd_close(&fd);
		return rc;
	}
	vu_device_ring_set_call(session->dev, vu_msg_vring_idx(msg), fd);
	inband_give_up(session, vu_msg_vring_idx(msg), INBAND_CALL);
	return 0;
}

int
handle_set_vring_err(struct vu_backend_session *session, struct vu_msg *msg)
{
	int fd;
	int rc = vring_take_written_fd(session, msg, &fd);

	if (rc != 0) {
		vu_fd_close(&fd);
		return rc;
	}
	vu_device_ring_set_err(session->dev, vu_msg_vring_idx(msg), fd);
	inband_give_up(session, vu_msg_vring_idx(msg), INBAND_ERR);
	return 0;
}

int
handle_set_vring_enable(struct vu_backend_session *session, struct vu_msg *msg)
{
	vu_device_ring_enable(session->dev, msg->payload.state.index, msg->payload.state.num != 0);
	return 0;
}
