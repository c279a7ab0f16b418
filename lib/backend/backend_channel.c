/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The back-end channel: requests to the front-end and their replies, in order. Never waits, so that
 * the main socket is served meanwhile whatever happens here; a front-end that answers rubbish or
 * hangs up loses the channel, not the session.
 */
#include "backend_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vu_device_control.h"
#include "vu_fd.h"

/* Requests without an answer; more than that are refused until one arrives. */
#define CHANNEL_MAX_PENDING 64
/* Bytes that wait for the socket, beyond which no miss is added. */
#define CHANNEL_MAX_MISS_BYTES 1024

struct channel_pending {
	uint32_t request;
	struct vu_channel_reply reply;
};

struct backend_channel {
	struct vu_backend_session *session;
	struct door_line *line;
	struct vu_reactor_call broken_call; /* closes the channel, but not under a caller's feet */
	bool is_broken;
	unsigned int first;                 /* oldest pending request */
	unsigned int nb_pending;
	struct channel_pending pending[CHANNEL_MAX_PENDING];
};

static const uint32_t channel_requests[VU_CHANNEL_NB_KINDS] = {
	[VU_CHANNEL_CONFIG_CHANGE] = VHOST_USER_BACKEND_CONFIG_CHANGE_MSG,
	[VU_CHANNEL_HOST_NOTIFIER] = VHOST_USER_BACKEND_VRING_HOST_NOTIFIER_MSG,
	[VU_CHANNEL_OBJECT_ADD] = VHOST_USER_BACKEND_SHARED_OBJECT_ADD,
	[VU_CHANNEL_OBJECT_REMOVE] = VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE,
	[VU_CHANNEL_OBJECT_LOOKUP] = VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP,
	[VU_CHANNEL_SHMEM_MAP] = VHOST_USER_BACKEND_SHMEM_MAP,
	[VU_CHANNEL_SHMEM_UNMAP] = VHOST_USER_BACKEND_SHMEM_UNMAP,
	[VU_CHANNEL_IOTLB_MISS] = VHOST_USER_BACKEND_IOTLB_MSG,
};

static void
reply_call(const struct vu_channel_reply *reply, int rc, int fd)
{
	if (reply->done != NULL)
		reply->done(reply->arg, rc, fd);
	else
		vu_fd_close(&fd);
}

static void
channel_push(struct backend_channel *channel, uint32_t request,
	const struct vu_channel_reply *reply)
{
	struct channel_pending *pending = &channel->pending[
		(channel->first + channel->nb_pending++) % CHANNEL_MAX_PENDING];

	pending->request = request;
	pending->reply = *reply;
}

static struct channel_pending
channel_pop(struct backend_channel *channel)
{
	struct channel_pending pending = channel->pending[channel->first];

	channel->first = (channel->first + 1) % CHANNEL_MAX_PENDING;
	channel->nb_pending--;
	return pending;
}

static void
channel_close_broken(void *arg)
{
	struct backend_channel *channel = arg;

	backend_channel_close(channel->session);
}

static void
channel_end(struct backend_channel *channel)
{
	channel->is_broken = true;
	vu_reactor_post(channel->session->conf.reactor, &channel->broken_call);
}

static void
channel_break(struct backend_channel *channel, const char *reason)
{
	if (channel->is_broken)
		return;
	VU_LOG_LIMITED(vu_device_fault_log(channel->session->dev), BACKEND, WARNING,
		"%s: back-end channel dropped: %s",
		vu_device_name(channel->session->dev), reason);
	channel_end(channel);
}

/* Hand a reply to who waits for it; false if nobody asked that. */
static bool
channel_answer(struct backend_channel *channel, struct vu_msg *msg)
{
	struct channel_pending pending;
	bool is_lookup = msg->request == VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP;
	int rc = 0;
	int fd;

	if (channel->nb_pending == 0 ||
			channel->pending[channel->first].request != msg->request) {
		vu_msg_release(msg);
		return false;
	}
	pending = channel_pop(channel);
	fd = vu_msg_take_fd(msg, 0);
	if (msg->payload.u64 != 0)
		rc = is_lookup ? -ENOENT : -EIO;
	else if (is_lookup && fd == VU_FD_NONE)
		rc = -EIO;
	if (rc != 0)
		vu_fd_close(&fd);
	reply_call(&pending.reply, rc, fd);
	return true;
}

static void
channel_message(void *arg, struct door_message *message)
{
	struct backend_channel *channel = arg;

	if (channel->is_broken)
		return;
	/* QEMU closes it before the connection. */
	if (message->rc == -ECONNRESET)
		channel_end(channel);
	else if (message->rc < 0)
		channel_break(channel, message->rc == -ENOBUFS ? "front-end does not read it" :
			"malformed reply");
	else if (!channel_answer(channel, &message->msg))
		channel_break(channel, "reply that nobody waits for");
	if (channel->is_broken)
		return;
	door_line_next(channel->line);
	inband_flush(channel->session);
}

int
backend_channel_open(struct vu_backend_session *session, struct door_line *line)
{
	struct backend_channel *channel = calloc(1, sizeof(*channel));

	backend_channel_close(session);
	if (channel == NULL) {
		door_line_close(line);
		return -ENOMEM;
	}
	channel->session = session;
	channel->line = line;
	door_line_start(line, false, channel_message, channel);
	vu_reactor_call_init(&channel->broken_call, channel_close_broken, channel);
	session->channel = channel;
	inband_flush(session);
	vu_device_set_backend_req(session->dev, true);
	return 0;
}

void
backend_channel_close(struct vu_backend_session *session)
{
	struct backend_channel *channel = session->channel;

	if (channel == NULL)
		return;
	session->channel = NULL;
	vu_reactor_call_cancel(session->conf.reactor, &channel->broken_call);
	door_line_close(channel->line);
	while (channel->nb_pending != 0) {
		struct channel_pending pending = channel_pop(channel);

		reply_call(&pending.reply, -ECONNRESET, VU_FD_NONE);
	}
	free(channel);
	vu_device_set_backend_req(session->dev, false);
}

static bool
channel_has_ack(const struct vu_backend_session *session)
{
	return (session->protocol_features &
		RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0;
}

/* A miss is answered by an update on the main socket, before which no reply would come. */
static bool
channel_wants_reply(const struct vu_backend_session *session, uint32_t request)
{
	return channel_has_ack(session) && request != VHOST_USER_BACKEND_IOTLB_MSG;
}

/* May this request be sent now? */
static int
channel_admit(const struct vu_backend_session *session, uint32_t request)
{
	const struct backend_channel *channel = session->channel;

	if (channel == NULL || channel->is_broken)
		return -ENOTCONN;
	if (!vu_msg_is_allowed(vu_msg_spec_backend(request), session_features(session),
			session->features, session->protocol_features))
		return -EPERM;
	/* Nothing but the socket says whether it is read. */
	if (request == VHOST_USER_BACKEND_IOTLB_MSG &&
			door_line_queued_bytes(channel->line) > CHANNEL_MAX_MISS_BYTES)
		return -EAGAIN;
	return channel->nb_pending < CHANNEL_MAX_PENDING ? 0 : -EAGAIN;
}

/* Takes fd. */
static int
channel_send_frame(struct backend_channel *channel, uint32_t request,
	const struct vu_reply *frame, int fd, const struct vu_channel_reply *reply)
{
	const bool is_answered = channel_wants_reply(channel->session, request) ||
		vu_msg_spec_backend(request)->reply == VU_REPLY_ALWAYS;
	const struct iovec iov = {
		.iov_base = (void *)(uintptr_t)frame->bytes, .iov_len = frame->len,
	};
	const struct vu_conn_parts parts = {
		.iov = &iov, .nb_iov = 1, .fds = frame->fds, .nb_fds = frame->nb_fds,
	};
	int rc = door_line_send(channel->line, &parts, fd, 0, -1);

	if (rc < 0) {
		channel_break(channel, rc == -ENOBUFS ? "front-end does not read it" :
			"cannot send");
		return rc;
	}
	if (is_answered)
		channel_push(channel, request, reply);
	else
		reply_call(reply, 0, VU_FD_NONE);
	return 0;
}

static void
frame_append_area(struct vu_reply *frame, const struct vu_channel_request *request)
{
	struct vhost_user_vring_area area = {
		.index = request->queue_idx | (request->has_area ? 0 : VHOST_USER_VRING_NOFD_MASK),
	};

	if (request->has_area) {
		area.size = request->area.len_bytes;
		area.offset = request->area.offset_bytes;
	}
	vu_request_append(frame, &area, sizeof(area));
}

static void
frame_append_mmap(struct vu_reply *frame, const struct vu_channel_request *request)
{
	bool is_map = request->kind == VU_CHANNEL_SHMEM_MAP;
	const struct vhost_user_mmap map = {
		.shmid = request->shmem.shmid,
		.fd_offset = is_map ? request->shmem.fd_offset : 0,
		.shm_offset = request->shmem.shm_offset,
		.len = request->shmem.len_bytes,
		.flags = is_map && request->shmem.is_writable ? VHOST_USER_MMAP_F_RW_MASK : 0,
	};

	vu_request_append(frame, &map, sizeof(map));
}

static void
frame_append_miss(struct vu_reply *frame, const struct vu_channel_request *request)
{
	const struct vhost_user_iotlb iotlb = {
		.iova = request->miss.iova, .perm = request->miss.perm,
		.type = VHOST_USER_IOTLB_MISS,
	};

	vu_request_append(frame, &iotlb, sizeof(iotlb));
}

static void
frame_append_payload(struct vu_reply *frame, const struct vu_channel_request *request)
{
	switch (request->kind) {
	case VU_CHANNEL_HOST_NOTIFIER:
		frame_append_area(frame, request);
		break;
	case VU_CHANNEL_OBJECT_ADD:
	case VU_CHANNEL_OBJECT_REMOVE:
	case VU_CHANNEL_OBJECT_LOOKUP:
		vu_request_append(frame, request->uuid, sizeof(request->uuid));
		break;
	case VU_CHANNEL_SHMEM_MAP:
	case VU_CHANNEL_SHMEM_UNMAP:
		frame_append_mmap(frame, request);
		break;
	case VU_CHANNEL_IOTLB_MISS:
		frame_append_miss(frame, request);
		break;
	default:
		break;
	}
}

int
backend_channel_send(void *arg, const struct vu_channel_request *request)
{
	struct vu_backend_session *session = arg;
	uint32_t id = channel_requests[request->kind];
	int rc = channel_admit(session, id);
	int fd = request->fd;
	struct vu_reply frame;

	if (rc == 0) {
		vu_request_begin(&frame, id, channel_wants_reply(session, id));
		frame_append_payload(&frame, request);
		if (fd != VU_FD_NONE)
			vu_reply_add_fd(&frame, fd);
		rc = channel_send_frame(session->channel, id, &frame, vu_fd_take(&fd),
			&request->reply);
	}
	vu_fd_close(&fd);
	return rc;
}

int
backend_channel_notify(struct vu_backend_session *session, uint32_t request, uint32_t queue_idx,
	const struct vu_channel_reply *reply)
{
	struct vu_reply frame;
	int rc = channel_admit(session, request);

	if (rc != 0)
		return rc;
	vu_request_begin(&frame, request, channel_has_ack(session));
	vu_request_append_state(&frame, queue_idx, 0);
	return channel_send_frame(session->channel, request, &frame, VU_FD_NONE, reply);
}

int
handle_set_backend_req_fd(struct vu_backend_session *session, struct vu_msg *msg)
{
	(void)msg;
	return backend_channel_open(session, session_take_line(session));
}
