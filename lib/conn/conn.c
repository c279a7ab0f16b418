/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Framed, non-blocking send and receive; see vu_conn.h. Reads stop at the end of the header and at
 * the end of the frame. As the kernel ends a read behind bytes that brought fds, those can
 * then only belong to the frame in hand.
 */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vu_fd.h"

/* What is left of a frame that the socket did not take. */
struct queued_frame {
	STAILQ_ENTRY(queued_frame) next;
	struct conn_fds fds; /* empty once a byte has left */
	size_t size;         /* of the whole frame */
	size_t len;          /* bytes left */
	size_t offset;       /* of the first byte left */
	uint8_t bytes[];
};

struct vu_conn {
	int fd;
	struct vu_peer *peer; /* whose the fds are */
	bool is_broken;       /* framing is lost: nothing more is read */
	struct conn_fds fds;  /* came with the first byte of the frame in hand */
	size_t nb_bytes;      /* of that frame, so far */
	uint8_t frame[VHOST_USER_HEADER_BYTES + VU_MAX_MSG_BYTES];
	STAILQ_HEAD(, queued_frame) queue;
	unsigned int nb_queued;
	uint64_t queued_bytes;
};

static int
socket_check(int fd)
{
	int domain, type;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
			getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return -errno;
	return domain == AF_UNIX && type == SOCK_STREAM ? 0 : -EPROTOTYPE;
}

struct vu_conn *
vu_conn_create(int fd, struct vu_peer *peer)
{
	struct vu_conn *conn;
	int rc = socket_check(fd);

	if (rc < 0)
		goto close_fd;
	conn = calloc(1, sizeof(*conn));
	if (conn == NULL) {
		rc = -ENOMEM;
		goto close_fd;
	}
	conn->fd = fd;
	conn->peer = peer;
	STAILQ_INIT(&conn->queue);
	return conn;

close_fd:
	vu_fd_close(&fd);
	rte_errno = -rc;
	return NULL;
}

static void
queue_pop(struct vu_conn *conn)
{
	struct queued_frame *frame = STAILQ_FIRST(&conn->queue);

	STAILQ_REMOVE_HEAD(&conn->queue, next);
	conn->nb_queued--;
	conn->queued_bytes -= frame->size;
	conn_fds_close(&frame->fds);
	free(frame);
}

void
vu_conn_destroy(struct vu_conn *conn)
{
	if (conn == NULL)
		return;
	while (!STAILQ_EMPTY(&conn->queue))
		queue_pop(conn);
	conn_fds_close(&conn->fds);
	/* Others may hold this end, too: in a message that nobody took, for example. */
	shutdown(conn->fd, SHUT_RDWR);
	vu_fd_close(&conn->fd);
	free(conn);
}

int
vu_conn_fd(const struct vu_conn *conn)
{
	return conn->fd;
}

typedef int (*name_fn)(int fd, struct sockaddr *name, socklen_t *len);

/* Bytes of a socket's name or its peer's; 0 if it has none. */
static size_t
name_get(int fd, name_fn get, struct sockaddr_un *name)
{
	socklen_t len = sizeof(*name);

	memset(name, 0, sizeof(*name));
	if (get(fd, (struct sockaddr *)name, &len) < 0 || name->sun_family != AF_UNIX ||
			len <= offsetof(struct sockaddr_un, sun_path))
		return 0;
	return RTE_MIN(len, sizeof(*name));
}

static bool
names_agree(int a, name_fn get_a, int b, name_fn get_b)
{
	struct sockaddr_un name_a, name_b;
	size_t len = name_get(a, get_a, &name_a);

	return len != 0 && len == name_get(b, get_b, &name_b) &&
		memcmp(&name_a, &name_b, len) == 0;
}

/* Both ends of a socketpair(2) are nameless: let the kernel choose a name for ours. */
static void
name_give(int fd)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };

	/* Refused if it has one. */
	bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family));
}

bool
vu_conn_is_own_end(const struct vu_conn *conn, int fd)
{
	name_give(conn->fd);
	/* A socket that was accepted has the listener's name. */
	return names_agree(conn->fd, getsockname, fd, getpeername) ||
		names_agree(conn->fd, getpeername, fd, getsockname);
}

bool
vu_conn_is_in_frame(const struct vu_conn *conn)
{
	return conn->nb_bytes != 0;
}

/* Append what the socket has, at most nb_wanted bytes of the frame in all. */
static int
frame_read(struct vu_conn *conn, size_t nb_wanted)
{
	struct conn_fds fds;
	ssize_t nb_bytes = conn_recv(conn->fd, conn->frame + conn->nb_bytes,
			nb_wanted - conn->nb_bytes, &fds, conn->peer);

	if (nb_bytes == 0)
		return -ECONNRESET;
	if (nb_bytes < 0)
		return (int)nb_bytes;
	if (fds.nb > 0 && conn->nb_bytes > 0) {
		conn_fds_close(&fds);
		return -EBADMSG;
	}
	if (fds.nb > 0)
		conn->fds = fds;
	conn->nb_bytes += (size_t)nb_bytes;
	return 0;
}

/* Returns 1 with the first nb_wanted bytes of the frame there, 0 if they are not yet, -errno. */
static int
frame_fill(struct vu_conn *conn, size_t nb_wanted)
{
	while (conn->nb_bytes < nb_wanted) {
		int rc = frame_read(conn, nb_wanted);

		if (rc == -EAGAIN)
			return 0;
		if (rc == -EBADMSG)
			conn->is_broken = true;
		if (rc < 0)
			return rc;
	}
	return 1;
}

static int
frame_decode(struct vu_conn *conn, struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	int rc = vu_msg_decode(msg, conn->frame, conn->frame + VHOST_USER_HEADER_BYTES,
			conn->fds.fds, conn->fds.nb, limits);

	conn->fds.nb = 0;
	conn->nb_bytes = 0;
	return rc < 0 ? rc : 1;
}

/* The payload stays as it is: it is large, and nobody reads it without a message. */
static void
msg_clear(struct vu_msg *msg)
{
	memset(msg, 0, offsetof(struct vu_msg, payload));
}

int
vu_conn_receive(struct vu_conn *conn, struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	uint32_t size;
	int rc;

	msg_clear(msg);
	if (conn->is_broken)
		return -EBADMSG;
	rc = frame_fill(conn, VHOST_USER_HEADER_BYTES);
	if (rc <= 0)
		return rc;
	size = vu_msg_header_size(conn->frame);
	if (size > VU_MAX_MSG_BYTES) {
		conn->is_broken = true;
		return frame_decode(conn, msg, limits);
	}
	rc = frame_fill(conn, VHOST_USER_HEADER_BYTES + size);
	if (rc <= 0)
		return rc;
	return frame_decode(conn, msg, limits);
}

int
vu_conn_receive_frame(struct vu_conn *conn, struct vu_frame *frame, vu_frame_check_fn check,
	void *arg)
{
	int rc = conn->is_broken ? -EBADMSG : frame_fill(conn, VHOST_USER_HEADER_BYTES);

	if (rc <= 0)
		return rc;
	memcpy(&frame->header, conn->frame, VHOST_USER_HEADER_BYTES);
	if (!check(arg, &frame->header) || frame->header.size > VU_MAX_MSG_BYTES) {
		conn->is_broken = true;
		return -EBADMSG;
	}
	rc = frame_fill(conn, VHOST_USER_HEADER_BYTES + frame->header.size);
	if (rc <= 0)
		return rc;
	frame->payload = conn->frame + VHOST_USER_HEADER_BYTES;
	conn_fds_close(&conn->fds);
	conn->nb_bytes = 0;
	return 1;
}

static size_t
parts_size(const struct vu_conn_parts *parts)
{
	size_t size = 0;

	for (unsigned int i = 0; i < parts->nb_iov; i++)
		size += parts->iov[i].iov_len;
	return size;
}

/* Copy all but the first nb_sent bytes. */
static void
parts_copy(const struct vu_conn_parts *parts, size_t nb_sent, uint8_t *bytes)
{
	for (unsigned int i = 0; i < parts->nb_iov; i++) {
		const size_t skip = RTE_MIN(nb_sent, parts->iov[i].iov_len);
		const size_t len = parts->iov[i].iov_len - skip;

		if (len != 0)
			memcpy(bytes, RTE_PTR_ADD(parts->iov[i].iov_base, skip), len);
		bytes += len;
		nb_sent -= skip;
	}
}

/* Queue a frame whose first nb_sent bytes have left; its fds went with the first. */
static int
queue_push(struct vu_conn *conn, const struct vu_conn_parts *parts, size_t nb_sent)
{
	const size_t size = parts_size(parts);
	struct queued_frame *frame = malloc(sizeof(*frame) + size - nb_sent);
	int rc;

	if (frame == NULL)
		return -ENOMEM;
	rc = conn_fds_dup(&frame->fds, parts->fds, nb_sent > 0 ? 0 : parts->nb_fds);
	if (rc < 0) {
		free(frame);
		return rc;
	}
	frame->size = size;
	frame->len = size - nb_sent;
	frame->offset = 0;
	parts_copy(parts, nb_sent, frame->bytes);
	STAILQ_INSERT_TAIL(&conn->queue, frame, next);
	conn->nb_queued++;
	conn->queued_bytes += size;
	return 0;
}

static int
send_error(ssize_t rc)
{
	return rc == -EPIPE ? -ECONNRESET : (int)rc;
}

int
vu_conn_send_parts(struct vu_conn *conn, const struct vu_conn_parts *parts)
{
	ssize_t nb_bytes;
	int rc;

	if (!STAILQ_EMPTY(&conn->queue))
		return queue_push(conn, parts, 0);
	nb_bytes = conn_send(conn->fd, parts);
	if (nb_bytes == -EAGAIN)
		nb_bytes = 0;
	if (nb_bytes < 0)
		return send_error(nb_bytes);
	if ((size_t)nb_bytes == parts_size(parts))
		return 0;
	rc = queue_push(conn, parts, (size_t)nb_bytes);
	/* Nothing sensible can follow half a frame. */
	return rc < 0 && nb_bytes > 0 ? -ECONNRESET : rc;
}

int
vu_conn_send(struct vu_conn *conn, const struct vu_reply *reply)
{
	const struct iovec iov = {
		.iov_base = (void *)(uintptr_t)reply->bytes, .iov_len = reply->len,
	};
	const struct vu_conn_parts parts = {
		.iov = &iov, .nb_iov = 1, .fds = reply->fds, .nb_fds = reply->nb_fds,
	};

	return conn->nb_queued == VU_CONN_MAX_QUEUED ? -ENOBUFS : vu_conn_send_parts(conn, &parts);
}

unsigned int
vu_conn_nb_queued(const struct vu_conn *conn)
{
	return conn->nb_queued;
}

uint64_t
vu_conn_queued_bytes(const struct vu_conn *conn)
{
	return conn->queued_bytes;
}

bool
vu_conn_wants_write(const struct vu_conn *conn)
{
	return !STAILQ_EMPTY(&conn->queue);
}

int
vu_conn_flush(struct vu_conn *conn)
{
	while (!STAILQ_EMPTY(&conn->queue)) {
		struct queued_frame *frame = STAILQ_FIRST(&conn->queue);
		const struct iovec iov = {
			.iov_base = frame->bytes + frame->offset, .iov_len = frame->len,
		};
		const struct vu_conn_parts parts = {
			.iov = &iov, .nb_iov = 1, .fds = frame->fds.fds, .nb_fds = frame->fds.nb,
		};
		ssize_t nb_bytes = conn_send(conn->fd, &parts);

		if (nb_bytes == -EAGAIN)
			return 0;
		if (nb_bytes < 0)
			return send_error(nb_bytes);
		conn_fds_close(&frame->fds);
		frame->offset += (size_t)nb_bytes;
		frame->len -= (size_t)nb_bytes;
		if (frame->len == 0)
			queue_pop(conn);
	}
	return 0;
}
