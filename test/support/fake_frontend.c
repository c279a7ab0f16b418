/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scripted front-end; see fake_frontend.h.
 */
#include "fake_frontend.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <rte_common.h>

#include "expect.h"
#include "vu_fd.h"

#define MAX_FDS 16       /* more than a valid frame may have */
#define TIMEOUT_S 20     /* a lost reply fails its case and stalls nothing */

int
fake_frontend_open(struct fake_frontend *frontend, void (*turn)(void *arg), void *arg)
{
	int socks[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	*frontend = (struct fake_frontend){
		.sock = socks[0], .turn = turn, .arg = arg, .need_reply = true,
	};
	return socks[1];
}

static void
reply_close_fds(struct fake_frontend *frontend)
{
	while (frontend->nb_fds > 0)
		vu_fd_close(&frontend->fds[--frontend->nb_fds]);
}

void
fake_frontend_close(struct fake_frontend *frontend)
{
	vu_fd_close(&frontend->sock);
	reply_close_fds(frontend);
}

int
fake_frontend_send_bytes(struct fake_frontend *frontend, const void *bytes, size_t len,
	const int *fds, unsigned int nb_fds)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = RTE_PTR_ADD(bytes, 0), .iov_len = len };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg = &control.align;

	CHECK(nb_fds <= MAX_FDS);
	if (nb_fds != 0) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(nb_fds * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nb_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nb_fds * sizeof(int));
	}
	return sendmsg(frontend->sock, &header, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int
fake_frontend_send(struct fake_frontend *frontend, const struct vu_reply *frame)
{
	return fake_frontend_send_bytes(frontend, frame->bytes, frame->len, frame->fds,
		frame->nb_fds);
}

void
fake_frontend_begin(const struct fake_frontend *frontend, struct vu_reply *frame,
	uint32_t request)
{
	vu_request_begin(frame, request, frontend->need_reply);
}

/* Take more of the reply in hand. @return as recv() */
static ssize_t
reply_read(struct fake_frontend *frontend, size_t len)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(VU_MAX_MSG_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = frontend->bytes + frontend->nb_bytes, .iov_len = len };
	struct msghdr header = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t nb = recvmsg(frontend->sock, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *cmsg = nb > 0 ? CMSG_FIRSTHDR(&header) : NULL;

	if (cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS) {
		reply_close_fds(frontend);
		frontend->nb_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(frontend->fds, CMSG_DATA(cmsg), frontend->nb_fds * sizeof(int));
	}
	return nb;
}

/* Bytes of the reply in hand that are still missing. */
static size_t
reply_missing(const struct fake_frontend *frontend)
{
	size_t len = VHOST_USER_HEADER_BYTES;

	if (frontend->nb_bytes >= len)
		len += RTE_MIN(vu_msg_header_size(frontend->bytes), (uint32_t)VU_MAX_MSG_BYTES);
	return len - frontend->nb_bytes;
}

static int
reply_decode(struct fake_frontend *frontend, struct vu_msg *reply)
{
	const struct vu_msg_limits limits = {
		.stream = VU_STREAM_REPLIES, .nb_queues = UINT32_MAX,
	};
	const uint8_t *payload = frontend->bytes + VHOST_USER_HEADER_BYTES;
	int rc = vu_msg_decode(reply, frontend->bytes, payload, frontend->fds, frontend->nb_fds,
		&limits);

	vu_msg_release(reply);
	frontend->nb_fds = 0;
	frontend->nb_bytes = 0;
	if (rc != -ENOTSUP)
		return rc;
	/* The refusal of a request that does not exist. */
	memcpy(reply->payload.bytes, payload, reply->size);
	return 0;
}

static time_t
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

int
fake_frontend_receive(struct fake_frontend *frontend, struct vu_msg *reply)
{
	time_t end_s = now_s() + TIMEOUT_S;

	while (now_s() <= end_s) {
		size_t missing = reply_missing(frontend);
		ssize_t nb = reply_read(frontend, missing);

		if (nb == 0 || (nb < 0 && errno == ECONNRESET))
			return -ECONNRESET;
		if (nb < 0 && errno != EAGAIN)
			return -errno;
		if (nb > 0)
			frontend->nb_bytes += (size_t)nb;
		else
			frontend->turn(frontend->arg);
		if (reply_missing(frontend) == 0)
			return reply_decode(frontend, reply);
	}
	return -ETIMEDOUT;
}

int
fake_frontend_do(struct fake_frontend *frontend, const struct vu_reply *frame)
{
	struct vhost_user_header header;
	struct vu_msg reply;
	int rc = fake_frontend_send(frontend, frame);

	memcpy(&header, frame->bytes, sizeof(header));
	if (rc < 0 || (header.flags & VHOST_USER_NEED_REPLY_MASK) == 0)
		return rc;
	rc = fake_frontend_receive(frontend, &reply);
	if (rc < 0)
		return rc;
	if (reply.request != header.request || reply.size != sizeof(uint64_t))
		return -EBADMSG;
	return reply.payload.u64 != 0;
}

int
fake_frontend_do_u64(struct fake_frontend *frontend, uint32_t request, uint64_t value)
{
	struct vu_reply frame;

	fake_frontend_begin(frontend, &frame, request);
	vu_request_append_u64(&frame, value);
	return fake_frontend_do(frontend, &frame);
}

int
fake_frontend_do_state(struct fake_frontend *frontend, uint32_t request, uint32_t idx,
	uint32_t num)
{
	struct vu_reply frame;

	fake_frontend_begin(frontend, &frame, request);
	vu_request_append_state(&frame, idx, num);
	return fake_frontend_do(frontend, &frame);
}

int
fake_frontend_do_fd(struct fake_frontend *frontend, uint32_t request, uint32_t idx, int fd)
{
	struct vu_reply frame;

	fake_frontend_begin(frontend, &frame, request);
	vu_request_append_u64(&frame, idx | (fd == VU_FD_NONE ? VHOST_USER_VRING_NOFD_MASK : 0));
	if (fd != VU_FD_NONE)
		vu_reply_add_fd(&frame, fd);
	return fake_frontend_do(frontend, &frame);
}

/* Send a request that is always answered, and wait for the answer. */
static int
frontend_ask(struct fake_frontend *frontend, const struct vu_reply *frame, uint32_t request,
	struct vu_msg *reply)
{
	int rc = fake_frontend_send(frontend, frame);

	if (rc == 0)
		rc = fake_frontend_receive(frontend, reply);
	if (rc == 0 && (reply->request != request || reply->size != sizeof(uint64_t)))
		rc = -EBADMSG;
	return rc;
}

int
fake_frontend_get_u64(struct fake_frontend *frontend, uint32_t request, uint64_t *value)
{
	struct vu_reply frame;
	struct vu_msg reply;
	int rc;

	vu_request_begin(&frame, request, false);
	rc = frontend_ask(frontend, &frame, request, &reply);
	if (rc == 0)
		*value = reply.payload.u64;
	return rc;
}

int
fake_frontend_get_base(struct fake_frontend *frontend, uint32_t idx, uint32_t *base)
{
	struct vu_reply frame;
	struct vu_msg reply;
	int rc;

	vu_request_begin(&frame, VHOST_USER_GET_VRING_BASE, false);
	vu_request_append_state(&frame, idx, 0);
	rc = frontend_ask(frontend, &frame, VHOST_USER_GET_VRING_BASE, &reply);
	if (rc == 0 && reply.payload.state.index != idx)
		rc = -EBADMSG;
	if (rc == 0)
		*base = reply.payload.state.num;
	return rc;
}

int
fake_frontend_sync(struct fake_frontend *frontend)
{
	uint64_t features;

	return fake_frontend_get_u64(frontend, VHOST_USER_GET_FEATURES, &features);
}

int
fake_frontend_wait_end(struct fake_frontend *frontend)
{
	struct vu_msg reply;
	int rc = fake_frontend_receive(frontend, &reply);

	if (rc == -ECONNRESET)
		return 0;
	return rc == -ETIMEDOUT ? rc : 1;
}
