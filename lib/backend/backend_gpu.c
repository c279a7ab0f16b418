/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The GPU socket: messages of the device to the front-end's display, replies in order
 * (vhost-user-gpu). Its frames have no version and no useful limit, so they are checked here and
 * their bytes are limited, not their number. A front-end that answers rubbish, or hangs up, loses
 * the socket, not the session.
 */
#include "backend_channel.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vu_device_control.h"
#include "vu_fd.h"

#define GPU_MAX_PENDING 16                       /* requests without an answer */
#define GPU_MAX_QUEUED_BYTES (UINT64_C(64) << 20) /* two frames of 4096 x 2160 pixels */

struct gpu_pending {
	uint32_t request;
	struct vu_gpu_reply reply;
};

struct backend_gpu {
	struct vu_backend_session *session;
	struct door_line *line;
	struct vu_reactor_call broken_call;
	bool is_broken;
	unsigned int first;
	unsigned int nb_pending;
	struct gpu_pending pending[GPU_MAX_PENDING];
};

/* Bytes of a request's reply, -1 if it has none. */
static int
gpu_reply_bytes(uint32_t request)
{
	switch (request) {
	case VHOST_USER_GPU_GET_PROTOCOL_FEATURES:
		return sizeof(uint64_t);
	case VHOST_USER_GPU_GET_DISPLAY_INFO:
		return VHOST_USER_GPU_DISPLAY_INFO_BYTES;
	case VHOST_USER_GPU_DMABUF_UPDATE:
		return 0;
	case VHOST_USER_GPU_GET_EDID:
		return VHOST_USER_GPU_EDID_BYTES;
	default:
		return -1;
	}
}

static void
gpu_break(struct backend_gpu *gpu, const char *reason)
{
	if (gpu->is_broken)
		return;
	gpu->is_broken = true;
	VU_LOG_LIMITED(vu_device_fault_log(gpu->session->dev), BACKEND, WARNING,
		"%s: gpu socket dropped: %s", vu_device_name(gpu->session->dev), reason);
	vu_reactor_post(gpu->session->conf.reactor, &gpu->broken_call);
}

static void
gpu_close_broken(void *arg)
{
	struct backend_gpu *gpu = arg;

	backend_gpu_close(gpu->session);
}

static void
gpu_push(struct backend_gpu *gpu, uint32_t request, const struct vu_gpu_reply *reply)
{
	struct gpu_pending *pending =
		&gpu->pending[(gpu->first + gpu->nb_pending++) % GPU_MAX_PENDING];

	pending->request = request;
	pending->reply = *reply;
}

static struct gpu_pending
gpu_pop(struct backend_gpu *gpu)
{
	struct gpu_pending pending = gpu->pending[gpu->first];

	gpu->first = (gpu->first + 1) % GPU_MAX_PENDING;
	gpu->nb_pending--;
	return pending;
}

static void
gpu_message(void *arg, struct door_message *message)
{
	struct backend_gpu *gpu = arg;
	struct gpu_pending pending;

	if (gpu->is_broken)
		return;
	if (message->rc < 0) {
		gpu_break(gpu, message->rc == -EBADMSG ? "malformed reply" :
			message->rc == -ECONNRESET ? "closed by the front-end" :
			rte_strerror(-message->rc));
		return;
	}
	pending = gpu_pop(gpu);
	if (pending.reply.done != NULL)
		pending.reply.done(pending.reply.arg, 0, message->frame.payload,
			message->frame.header.size);
	if (!gpu->is_broken)
		door_line_next(gpu->line);
}

int
backend_gpu_open(struct vu_backend_session *session, struct door_line *line)
{
	struct backend_gpu *gpu = calloc(1, sizeof(*gpu));
	int rc;

	backend_gpu_close(session);
	if (gpu == NULL) {
		door_line_close(line);
		return -ENOMEM;
	}
	gpu->session = session;
	gpu->line = line;
	door_line_start(line, true, gpu_message, gpu);
	vu_reactor_call_init(&gpu->broken_call, gpu_close_broken, gpu);
	session->gpu = gpu;
	rc = vu_device_set_gpu_socket(session->dev, true);
	if (rc != 0)
		backend_gpu_close(session);
	return rc;
}

void
backend_gpu_close(struct vu_backend_session *session)
{
	struct backend_gpu *gpu = session->gpu;

	if (gpu == NULL)
		return;
	session->gpu = NULL;
	vu_reactor_call_cancel(session->conf.reactor, &gpu->broken_call);
	door_line_close(gpu->line);
	while (gpu->nb_pending != 0) {
		struct gpu_pending pending = gpu_pop(gpu);

		if (pending.reply.done != NULL)
			pending.reply.done(pending.reply.arg, -ECONNRESET, NULL, 0);
	}
	free(gpu);
	vu_device_set_gpu_socket(session->dev, false);
}

static int
gpu_admit(const struct backend_gpu *gpu, const struct vu_gpu_request *request)
{
	const uint64_t len = (uint64_t)request->head_bytes + request->pixels_bytes;
	uint64_t queued_bytes;

	if (gpu == NULL || gpu->is_broken)
		return -ENOTCONN;
	if (gpu_reply_bytes(request->request) >= 0 && gpu->nb_pending == GPU_MAX_PENDING)
		return -EAGAIN;
	queued_bytes = door_line_queued_bytes(gpu->line);
	return queued_bytes == 0 || queued_bytes + len <= GPU_MAX_QUEUED_BYTES ? 0 : -EAGAIN;
}

int
backend_gpu_send(void *arg, const struct vu_gpu_request *request)
{
	const struct vu_backend_session *session = arg;
	struct backend_gpu *gpu = session->gpu;
	struct vhost_user_header header = {
		.request = request->request, .size = request->head_bytes + request->pixels_bytes,
	};
	const struct iovec iov[] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = RTE_PTR_ADD(request->head, 0), .iov_len = request->head_bytes },
		{ .iov_base = RTE_PTR_ADD(request->pixels, 0), .iov_len = request->pixels_bytes },
	};
	int fd = request->fd;
	const struct vu_conn_parts parts = {
		.iov = iov, .nb_iov = RTE_DIM(iov), .fds = &request->fd,
		.nb_fds = fd != VU_FD_NONE ? 1 : 0,
	};
	int rc = gpu_admit(gpu, request);

	if (rc == 0) {
		rc = door_line_send(gpu->line, &parts, vu_fd_take(&fd), request->request,
			gpu_reply_bytes(request->request));
		if (rc == -ENOBUFS)
			rc = -EAGAIN;
		else if (rc == 0 && gpu_reply_bytes(request->request) >= 0)
			gpu_push(gpu, request->request, &request->reply);
	}
	vu_fd_close(&fd);
	return rc;
}

int
handle_gpu_set_socket(struct vu_backend_session *session, struct vu_msg *msg)
{
	(void)msg;
	if (!vu_device_has_gpu(session->dev))
		return -EOPNOTSUPP;
	return backend_gpu_open(session, session_take_line(session));
}
