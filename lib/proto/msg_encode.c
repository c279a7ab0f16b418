/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Builds frames to send: replies, acknowledgements and requests. Only our own code calls these, so
 * a payload that does not fit is a bug of ours, not of the peer's.
 */
#include "vu_msg.h"

#include <errno.h>
#include <string.h>

#include <rte_debug.h>

static void
frame_begin(struct vu_reply *frame, uint32_t request, uint32_t flags)
{
	const struct vhost_user_header header = {
		.request = request,
		.flags = VHOST_USER_VERSION | flags,
	};

	memcpy(frame->bytes, &header, sizeof(header));
	frame->len = sizeof(header);
	frame->nb_fds = 0;
}

static void
frame_append(struct vu_reply *frame, const void *data, size_t len)
{
	uint32_t size;

	RTE_VERIFY(len <= sizeof(frame->bytes) - frame->len);
	if (len != 0)
		memcpy(frame->bytes + frame->len, data, len);
	frame->len += len;
	size = frame->len - VHOST_USER_HEADER_BYTES;
	memcpy(frame->bytes + offsetof(struct vhost_user_header, size), &size, sizeof(size));
}

void
vu_reply_bytes(struct vu_reply *reply, uint32_t request, const void *data, size_t len)
{
	frame_begin(reply, request, VHOST_USER_REPLY_MASK);
	frame_append(reply, data, len);
}

void
vu_reply_u64(struct vu_reply *reply, uint32_t request, uint64_t value)
{
	vu_reply_bytes(reply, request, &value, sizeof(value));
}

void
vu_reply_ack(struct vu_reply *reply, uint32_t request, int rc)
{
	vu_reply_u64(reply, request, rc == 0 ? 0 : 1);
}

void
vu_reply_state(struct vu_reply *reply, uint32_t request, uint32_t vring_idx, uint32_t num)
{
	const struct vhost_user_vring_state state = { .index = vring_idx, .num = num };

	vu_reply_bytes(reply, request, &state, sizeof(state));
}

void
vu_reply_config(struct vu_reply *reply, const struct vhost_user_config *config)
{
	RTE_VERIFY(config->size <= VHOST_USER_CONFIG_MAX_BYTES);
	vu_reply_bytes(reply, VHOST_USER_GET_CONFIG, config,
		VHOST_USER_CONFIG_HEADER_BYTES + config->size);
}

int
vu_reply_add_fd(struct vu_reply *reply, int fd)
{
	if (fd < 0)
		return -EINVAL;
	if (reply->nb_fds == VU_MAX_MSG_FDS)
		return -ENOSPC;
	reply->fds[reply->nb_fds++] = fd;
	return 0;
}

void
vu_request_begin(struct vu_reply *frame, uint32_t request, bool need_reply)
{
	frame_begin(frame, request, need_reply ? VHOST_USER_NEED_REPLY_MASK : 0);
}

void
vu_request_append(struct vu_reply *frame, const void *data, size_t len)
{
	frame_append(frame, data, len);
}

void
vu_request_append_u64(struct vu_reply *frame, uint64_t value)
{
	frame_append(frame, &value, sizeof(value));
}

void
vu_request_append_state(struct vu_reply *frame, uint32_t vring_idx, uint32_t num)
{
	const struct vhost_user_vring_state state = { .index = vring_idx, .num = num };

	frame_append(frame, &state, sizeof(state));
}
