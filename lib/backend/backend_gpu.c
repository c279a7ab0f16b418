/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The GPU socket: messages of the device to the front-end's display, replies in order
 * (vhost-user-gpu). Its frames look like those of lib/conn but have no version and no useful limit,
 * so it has a sender of its own: what the socket does not take is copied and goes on from the
 * reactor. A front-end that answers rubbish, or hangs up, loses the socket, not the session.
 */
#include "backend_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vu_device_control.h"
#include "vu_fd.h"

#define GPU_MAX_PENDING 16                       /* requests without an answer */
#define GPU_MAX_QUEUED_BYTES (UINT64_C(64) << 20) /* two frames of 4096 x 2160 pixels */
#define GPU_MAX_REPLY_BYTES VHOST_USER_GPU_EDID_BYTES
#define GPU_REPLY_FLAGS 0x4u

/* Bytes that wait for the socket. */
struct gpu_frame {
	STAILQ_ENTRY(gpu_frame) link;
	int fd;             /* travels with the first byte */
	size_t len;
	size_t nb_sent;
	uint8_t bytes[];
};

struct gpu_pending {
	uint32_t request;
	struct vu_gpu_reply reply;
};

struct backend_gpu {
	struct vu_backend_session *session;
	int fd;
	struct vu_reactor_fd *source;
	struct vu_reactor_call broken_call;
	bool is_broken;
	STAILQ_HEAD(, gpu_frame) frames;
	uint64_t queued_bytes;
	unsigned int first;
	unsigned int nb_pending;
	struct gpu_pending pending[GPU_MAX_PENDING];
	size_t nb_in;
	uint8_t in[VHOST_USER_HEADER_BYTES + GPU_MAX_REPLY_BYTES];
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
gpu_watch(struct backend_gpu *gpu)
{
	uint32_t events = EPOLLIN | (STAILQ_EMPTY(&gpu->frames) ? 0 : EPOLLOUT);

	vu_reactor_fd_modify(gpu->source, gpu->is_broken ? 0 : events);
}

/* One sendmsg; bytes sent, 0 if the socket takes nothing now, or -errno. */
static ssize_t
gpu_sendmsg(const struct backend_gpu *gpu, struct iovec *iov, unsigned int nb_iov, int fd)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr header = { .msg_iov = iov, .msg_iovlen = nb_iov };
	struct cmsghdr *cmsg = &control.align;
	ssize_t nb;

	if (fd != VU_FD_NONE) {
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	do {
		nb = sendmsg(gpu->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (nb < 0 && errno == EINTR);
	if (nb < 0)
		return errno == EAGAIN ? 0 : -errno;
	return nb;
}

static void
frame_free(struct backend_gpu *gpu, struct gpu_frame *frame)
{
	STAILQ_REMOVE_HEAD(&gpu->frames, link);
	gpu->queued_bytes -= frame->len;
	vu_fd_close(&frame->fd);
	free(frame);
}

/* Copy what was not sent of a message. */
static int
gpu_queue(struct backend_gpu *gpu, const struct iovec *iov, unsigned int nb_iov, size_t nb_sent,
	int *fd)
{
	struct gpu_frame *frame;
	size_t len = 0;

	for (unsigned int i = 0; i < nb_iov; i++)
		len += iov[i].iov_len;
	frame = malloc(sizeof(*frame) + len);
	if (frame == NULL)
		return -ENOMEM;
	frame->len = 0;
	frame->nb_sent = nb_sent;
	frame->fd = vu_fd_take(fd);
	for (unsigned int i = 0; i < nb_iov; i++) {
		if (iov[i].iov_len != 0)
			memcpy(frame->bytes + frame->len, iov[i].iov_base, iov[i].iov_len);
		frame->len += iov[i].iov_len;
	}
	gpu->queued_bytes += len;
	STAILQ_INSERT_TAIL(&gpu->frames, frame, link);
	return 0;
}

static void
gpu_flush(struct backend_gpu *gpu)
{
	struct gpu_frame *frame;

	while ((frame = STAILQ_FIRST(&gpu->frames)) != NULL) {
		struct iovec iov = {
			.iov_base = frame->bytes + frame->nb_sent,
			.iov_len = frame->len - frame->nb_sent,
		};
		ssize_t nb = gpu_sendmsg(gpu, &iov, 1, frame->fd);

		if (nb < 0)
			gpu_break(gpu, rte_strerror((int)-nb));
		if (nb <= 0)
			return;
		vu_fd_close(&frame->fd);
		frame->nb_sent += (size_t)nb;
		if (frame->nb_sent == frame->len)
			frame_free(gpu, frame);
	}
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

/* Bytes of the present reply that are still missing; -1 if it cannot be right. */
static int
gpu_missing(const struct backend_gpu *gpu)
{
	const struct gpu_pending *pending = &gpu->pending[gpu->first];
	struct vhost_user_header header;

	if (gpu->nb_in < sizeof(header))
		return (int)(sizeof(header) - gpu->nb_in);
	memcpy(&header, gpu->in, sizeof(header));
	if (gpu->nb_pending == 0 || header.request != pending->request ||
			header.flags != GPU_REPLY_FLAGS ||
			(int64_t)header.size != gpu_reply_bytes(header.request))
		return -1;
	return (int)(sizeof(header) + header.size - gpu->nb_in);
}

static void
gpu_answer(struct backend_gpu *gpu)
{
	struct gpu_pending pending = gpu_pop(gpu);
	uint32_t len_bytes = (uint32_t)(gpu->nb_in - VHOST_USER_HEADER_BYTES);

	gpu->nb_in = 0;
	if (pending.reply.done != NULL)
		pending.reply.done(pending.reply.arg, 0, gpu->in + VHOST_USER_HEADER_BYTES,
			len_bytes);
}

static void
gpu_receive(struct backend_gpu *gpu)
{
	while (!gpu->is_broken) {
		int missing = gpu_missing(gpu);
		ssize_t nb;

		if (missing == 0) {
			gpu_answer(gpu);
			continue;
		}
		if (missing < 0) {
			gpu_break(gpu, "malformed reply");
			return;
		}
		nb = vu_conn_read(gpu->fd, gpu->in + gpu->nb_in, (size_t)missing,
			vu_device_fd_account(gpu->session->dev));
		if (nb == -EAGAIN)
			return;
		if (nb <= 0)
			gpu_break(gpu, "closed by the front-end");
		else
			gpu->nb_in += (size_t)nb;
	}
}

static void
gpu_ready(void *arg, uint32_t events)
{
	struct backend_gpu *gpu = arg;

	if ((events & EPOLLOUT) != 0)
		gpu_flush(gpu);
	if (!gpu->is_broken)
		gpu_receive(gpu);
	gpu_watch(gpu);
}

static int
gpu_check_socket(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return -errno;
	return type == SOCK_STREAM ? 0 : -EPROTOTYPE;
}

int
backend_gpu_open(struct vu_backend_session *session, int fd)
{
	struct backend_gpu *gpu = calloc(1, sizeof(*gpu));
	int rc = gpu == NULL ? -ENOMEM : gpu_check_socket(fd);

	backend_gpu_close(session);
	if (rc != 0) {
		vu_fd_close(&fd);
		free(gpu);
		return rc;
	}
	gpu->session = session;
	gpu->fd = fd;
	STAILQ_INIT(&gpu->frames);
	vu_reactor_call_init(&gpu->broken_call, gpu_close_broken, gpu);
	gpu->source = vu_reactor_fd_add(session->conf.reactor, fd, EPOLLIN, gpu_ready, gpu);
	if (gpu->source == NULL) {
		rc = -rte_errno;
		vu_fd_close(&fd);
		free(gpu);
		return rc;
	}
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
	vu_reactor_fd_remove(gpu->source);
	vu_fd_close(&gpu->fd);
	while (!STAILQ_EMPTY(&gpu->frames))
		frame_free(gpu, STAILQ_FIRST(&gpu->frames));
	while (gpu->nb_pending != 0) {
		struct gpu_pending pending = gpu_pop(gpu);

		if (pending.reply.done != NULL)
			pending.reply.done(pending.reply.arg, -ECONNRESET, NULL, 0);
	}
	free(gpu);
	vu_device_set_gpu_socket(session->dev, false);
}

/* Send at once if nothing waits, and queue what the socket does not take. */
static int
gpu_transmit(struct backend_gpu *gpu, struct iovec *iov, unsigned int nb_iov, int *fd)
{
	ssize_t nb = 0;
	size_t len = 0;
	int rc = 0;

	for (unsigned int i = 0; i < nb_iov; i++)
		len += iov[i].iov_len;
	if (STAILQ_EMPTY(&gpu->frames))
		nb = gpu_sendmsg(gpu, iov, nb_iov, *fd);
	if (nb < 0) {
		gpu_break(gpu, rte_strerror((int)-nb));
		return (int)nb;
	}
	if (nb > 0)
		vu_fd_close(fd);
	if ((size_t)nb < len)
		rc = gpu_queue(gpu, iov, nb_iov, (size_t)nb, fd);
	/* Half a message has left: nothing sensible can follow. */
	if (rc != 0 && nb > 0)
		gpu_break(gpu, rte_strerror(-rc));
	gpu_watch(gpu);
	return rc;
}

static int
gpu_admit(const struct backend_gpu *gpu, const struct vu_gpu_request *request)
{
	uint64_t len = (uint64_t)request->head_bytes + request->pixels_bytes;

	if (gpu == NULL || gpu->is_broken)
		return -ENOTCONN;
	if (gpu_reply_bytes(request->request) >= 0 && gpu->nb_pending == GPU_MAX_PENDING)
		return -EAGAIN;
	return gpu->queued_bytes == 0 || gpu->queued_bytes + len <= GPU_MAX_QUEUED_BYTES ? 0 :
		-EAGAIN;
}

int
backend_gpu_send(void *arg, const struct vu_gpu_request *request)
{
	const struct vu_backend_session *session = arg;
	struct backend_gpu *gpu = session->gpu;
	struct vhost_user_header header = {
		.request = request->request, .size = request->head_bytes + request->pixels_bytes,
	};
	struct iovec iov[] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = RTE_PTR_ADD(request->head, 0), .iov_len = request->head_bytes },
		{ .iov_base = RTE_PTR_ADD(request->pixels, 0), .iov_len = request->pixels_bytes },
	};
	int rc = gpu_admit(gpu, request);
	int fd = request->fd;

	if (rc == 0)
		rc = gpu_transmit(gpu, iov, RTE_DIM(iov), &fd);
	if (rc == 0 && gpu_reply_bytes(request->request) >= 0)
		gpu_push(gpu, request->request, &request->reply);
	vu_fd_close(&fd);
	return rc;
}

int
handle_gpu_set_socket(struct vu_backend_session *session, struct vu_msg *msg)
{
	int fd, rc;

	if (!vu_device_has_gpu(session->dev))
		return -EOPNOTSUPP;
	rc = session_take_kept_fd(session, msg, &fd);
	return rc != 0 ? rc : backend_gpu_open(session, fd);
}
