/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Framing over a socket pair: one end is a connection, the other is driven by hand and misbehaves.
 * A pipe whose write end travels shows whether every copy of an fd was closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_errno.h>

#include "vu_conn.h"
#include "vu_fd.h"
#include "vu_msg.h"

#include "conn.h"
#include "leak_check.h"
#include "test.h"

#define READ_CHUNK 500u
#define MANY_FDS 253 /* the most that one sendmsg takes */

static const struct vu_msg_limits limits = { .nb_queues = 4 };

struct fixture {
	struct vu_conn *conn;
	int peer;      /* the other end, non-blocking */
	int pipe_read; /* hangs up when no copy of pipe_write is left */
	int pipe_write;
};

static bool
fixture_open(struct fixture *fixture)
{
	int pair[2], ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 || pipe(ends) < 0)
		return false;
	fixture->conn = vu_conn_create(pair[0], NULL);
	fixture->peer = pair[1];
	fixture->pipe_read = ends[0];
	fixture->pipe_write = ends[1];
	return fixture->conn != NULL && fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0;
}

static void
fixture_close(struct fixture *fixture)
{
	vu_conn_destroy(fixture->conn);
	vu_fd_close(&fixture->peer);
	vu_fd_close(&fixture->pipe_read);
	vu_fd_close(&fixture->pipe_write);
}

/* Gives up our own copy and returns whether it was the last. */
static bool
all_copies_closed(struct fixture *fixture)
{
	struct pollfd wait = { .fd = fixture->pipe_read };

	vu_fd_close(&fixture->pipe_write);
	leak_check_settle();
	return poll(&wait, 1, 0) == 1 && (wait.revents & POLLHUP) != 0;
}

/* Like conn_send(), with as many copies of one fd as the kernel allows. */
static ssize_t
send_with_fds(int sock, const void *bytes, size_t len, int fd, unsigned int nb_fds)
{
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(MANY_FDS * sizeof(int))];
	} control = {0};
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (nb_fds > 0) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(nb_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&header);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nb_fds * sizeof(int));
		for (unsigned int i = 0; i < nb_fds; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &fd, sizeof(int));
	}
	return sendmsg(sock, &header, MSG_NOSIGNAL);
}

static bool
send_part(struct fixture *fixture, const struct vu_reply *frame, size_t from, size_t to)
{
	unsigned int nb_fds = from == 0 ? frame->nb_fds : 0;

	return send_with_fds(fixture->peer, frame->bytes + from, to - from, fixture->pipe_write,
			nb_fds) == (ssize_t)(to - from);
}

static bool
send_frame(struct fixture *fixture, const struct vu_reply *frame)
{
	return send_part(fixture, frame, 0, frame->len);
}

static void
build_set_features(struct vu_reply *frame, uint64_t value)
{
	vu_request_begin(frame, VHOST_USER_SET_FEATURES, true);
	vu_request_append_u64(frame, value);
}

/* A memory table of nb regions; the fds are copies of the pipe's end. */
static void
build_mem_table(struct vu_reply *frame, uint32_t nb, int fd)
{
	const uint32_t head[2] = { nb, 0 };

	vu_request_begin(frame, VHOST_USER_SET_MEM_TABLE, false);
	vu_request_append(frame, head, sizeof(head));
	for (uint32_t i = 0; i < nb; i++) {
		const struct vhost_user_mem_region region = {
			.gpa = i << 20, .size = 1 << 20, .uva = (i + 16) << 20,
		};

		vu_request_append(frame, &region, sizeof(region));
		vu_reply_add_fd(frame, fd);
	}
}

static void
build_unchecked(struct vu_reply *frame, uint32_t request, uint32_t flags, uint32_t size)
{
	const uint32_t header[3] = { request, flags, size };

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->bytes, header, sizeof(header));
	frame->len = sizeof(header);
}

static bool
msg_is_frame(const struct vu_msg *msg, const struct vu_reply *frame)
{
	size_t size = frame->len - VHOST_USER_HEADER_BYTES;

	return memcmp(&msg->request, frame->bytes, sizeof(msg->request)) == 0 &&
		msg->size == size && msg->nb_fds == frame->nb_fds &&
		memcmp(&msg->payload, frame->bytes + VHOST_USER_HEADER_BYTES, size) == 0;
}

static int
receive(struct fixture *fixture, struct vu_msg *msg)
{
	return vu_conn_receive(fixture->conn, msg, &limits);
}

/* The kinds of frame that the fragmentation cases cut: no payload, payload, fds. */
static void
build_kind(struct vu_reply *frame, unsigned int kind, int fd)
{
	if (kind == 0)
		vu_request_begin(frame, VHOST_USER_GET_FEATURES, false);
	else if (kind == 1)
		build_set_features(frame, UINT64_C(0x0123456789abcdef));
	else
		build_mem_table(frame, kind == 2 ? 2 : VU_MAX_MSG_FDS, fd);
}

#define NB_KINDS 4

static void
check_pieces_of(unsigned int kind, size_t piece_len)
{
	struct vu_reply frame;
	struct fixture f;
	struct vu_msg msg;
	size_t sent = 0;

	CHECK(fixture_open(&f));
	build_kind(&frame, kind, f.pipe_write);
	for (; sent + piece_len < frame.len; sent += piece_len) {
		CHECK(send_part(&f, &frame, sent, sent + piece_len));
		CHECK_EQ(receive(&f, &msg), 0);
		CHECK_EQ(msg.nb_fds, 0);
	}
	CHECK(send_part(&f, &frame, sent, frame.len));
	CHECK_EQ(receive(&f, &msg), 1);
	CHECK(msg_is_frame(&msg, &frame));
	vu_msg_release(&msg);
	CHECK(all_copies_closed(&f));
	CHECK_EQ(receive(&f, &msg), 0);
	fixture_close(&f);
}

/* From single bytes to one cut before the last byte: the first cut is at every place. */
VU_TEST(conn, frame_cut_at_every_byte)
{
	struct vu_reply frame;

	for (unsigned int kind = 0; kind < NB_KINDS; kind++) {
		build_kind(&frame, kind, 0);
		for (size_t len = 1; len < frame.len; len++)
			check_pieces_of(kind, len);
	}
}

VU_TEST(conn, several_frames_in_one_write)
{
	uint8_t bytes[1024];
	struct vu_reply frame;
	struct fixture f;
	struct vu_msg msg;
	size_t len = 0;

	CHECK(fixture_open(&f));
	for (uint64_t i = 0; i < 5; i++) {
		build_set_features(&frame, i);
		memcpy(bytes + len, frame.bytes, frame.len);
		len += frame.len;
	}
	CHECK_EQ(send_with_fds(f.peer, bytes, len, -1, 0), len);
	for (uint64_t i = 0; i < 5; i++) {
		CHECK_EQ(receive(&f, &msg), 1);
		CHECK_EQ(msg.payload.u64, i);
		CHECK(msg.need_reply);
	}
	CHECK_EQ(receive(&f, &msg), 0);
	fixture_close(&f);
}

/* All three wait in the socket: the fds must stay with the middle one. */
VU_TEST(conn, fds_stay_with_their_frame)
{
	struct vu_reply plain, table;
	struct fixture f;
	struct vu_msg msg;

	CHECK(fixture_open(&f));
	build_set_features(&plain, 7);
	build_mem_table(&table, 3, f.pipe_write);
	CHECK(send_frame(&f, &plain) && send_frame(&f, &table) && send_frame(&f, &plain));
	CHECK_EQ(receive(&f, &msg), 1);
	CHECK_EQ(msg.nb_fds, 0);
	CHECK_EQ(receive(&f, &msg), 1);
	CHECK_EQ(msg.request, VHOST_USER_SET_MEM_TABLE);
	CHECK_EQ(msg.nb_fds, 3);
	CHECK_EQ(fcntl(msg.fds[0], F_GETFD), FD_CLOEXEC);
	vu_msg_release(&msg);
	CHECK_EQ(receive(&f, &msg), 1);
	CHECK_EQ(msg.nb_fds, 0);
	CHECK(all_copies_closed(&f));
	fixture_close(&f);
}

/* Random frames in random pieces, read at random moments. */
VU_TEST(conn, random_fragmentation)
{
	struct vu_reply frame;
	struct fixture f;
	struct vu_msg msg;

	srandom(2);
	CHECK(fixture_open(&f));
	for (unsigned int i = 0; i < 500; i++) {
		size_t sent = 0;

		build_kind(&frame, random() % NB_KINDS, f.pipe_write);
		while (sent < frame.len) {
			size_t len = 1 + random() % (frame.len - sent);

			CHECK(send_part(&f, &frame, sent, sent + len));
			sent += len;
			if (sent < frame.len && random() % 2 == 0)
				CHECK_EQ(receive(&f, &msg), 0);
		}
		CHECK_EQ(receive(&f, &msg), 1);
		CHECK(msg_is_frame(&msg, &frame));
		vu_msg_release(&msg);
	}
	CHECK(all_copies_closed(&f));
	fixture_close(&f);
}

/* Fds with a later byte of the header or with the payload. */
VU_TEST(conn, fds_in_the_wrong_place)
{
	struct vu_reply frame;

	build_kind(&frame, 2, 0);
	for (size_t cut = 1; cut < frame.len; cut++) {
		struct fixture f;
		struct vu_msg msg;

		CHECK(fixture_open(&f));
		CHECK_EQ(send_with_fds(f.peer, frame.bytes, cut, -1, 0), cut);
		CHECK_EQ(receive(&f, &msg), 0);
		CHECK_EQ(send_with_fds(f.peer, frame.bytes + cut, frame.len - cut, f.pipe_write, 2),
			frame.len - cut);
		CHECK_EQ(receive(&f, &msg), -EBADMSG);
		CHECK_EQ(msg.nb_fds, 0);
		CHECK(all_copies_closed(&f));
		fixture_close(&f);
	}
}

/* A second set of fds, after a legal first one. */
VU_TEST(conn, fds_twice_in_a_frame)
{
	struct vu_reply frame;
	struct fixture f;
	struct vu_msg msg;

	CHECK(fixture_open(&f));
	build_kind(&frame, 2, f.pipe_write);
	CHECK(send_part(&f, &frame, 0, VHOST_USER_HEADER_BYTES));
	CHECK_EQ(send_with_fds(f.peer, frame.bytes + VHOST_USER_HEADER_BYTES, 8, f.pipe_write, 8),
		8);
	CHECK_EQ(receive(&f, &msg), -EBADMSG);
	/* Sticky, whatever follows; the first set goes with the connection. */
	CHECK(send_frame(&f, &frame));
	CHECK_EQ(receive(&f, &msg), -EBADMSG);
	vu_conn_destroy(f.conn);
	f.conn = NULL;
	CHECK(all_copies_closed(&f));
	fixture_close(&f);
}

VU_TEST(conn, fd_flood)
{
	static const unsigned int counts[] = { VU_MAX_MSG_FDS + 1, 64, MANY_FDS };

	for (unsigned int i = 0; i < RTE_DIM(counts); i++) {
		struct vu_reply frame;
		struct fixture f;
		struct vu_msg msg;

		CHECK(fixture_open(&f));
		build_kind(&frame, 0, f.pipe_write);
		CHECK_EQ(send_with_fds(f.peer, frame.bytes, frame.len, f.pipe_write, counts[i]),
			frame.len);
		CHECK_EQ(receive(&f, &msg), -EBADMSG);
		CHECK_EQ(msg.nb_fds, 0);
		/* Good behaviour afterwards does not help. */
		CHECK(send_frame(&f, &frame));
		CHECK_EQ(receive(&f, &msg), -EBADMSG);
		CHECK(all_copies_closed(&f));
		fixture_close(&f);
	}
}

/* The kernel cannot install the fds: they are cut off, which is not the peer's fault. */
VU_TEST(conn, no_fd_left)
{
	struct rlimit before, low;
	struct vu_reply frame;
	struct fixture f;
	struct vu_msg msg;
	int next, rc;

	CHECK(fixture_open(&f));
	build_kind(&frame, 2, f.pipe_write);
	CHECK(send_frame(&f, &frame));
	next = dup(f.peer);
	close(next);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = next + 1; /* room for the first of two */
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
	rc = receive(&f, &msg);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	CHECK_EQ(rc, -EMFILE);
	CHECK(all_copies_closed(&f));
	fixture_close(&f);
}

/* Refused on the header alone: the payload is neither awaited nor read. */
VU_TEST(conn, size_beyond_limit)
{
	static const uint32_t sizes[] = {
		VU_MAX_MSG_BYTES + 1, 1 << 20, UINT32_MAX - 11, UINT32_MAX};

	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		struct vu_reply frame;
		struct fixture f;
		struct vu_msg msg;
		int nb_left;

		CHECK(fixture_open(&f));
		build_unchecked(&frame, VHOST_USER_SET_FEATURES,
			VHOST_USER_VERSION | VHOST_USER_NEED_REPLY_MASK, sizes[i]);
		CHECK_EQ(send_with_fds(f.peer, frame.bytes, frame.len + 100, f.pipe_write, 1),
			frame.len + 100);
		CHECK_EQ(receive(&f, &msg), -EBADMSG);
		CHECK_EQ(msg.request, VHOST_USER_SET_FEATURES);
		CHECK(msg.need_reply);
		vu_msg_release(&msg);
		CHECK(all_copies_closed(&f));
		CHECK_EQ(receive(&f, &msg), -EBADMSG);
		CHECK_EQ(msg.request, 0);
		CHECK_EQ(ioctl(vu_conn_fd(f.conn), FIONREAD, &nb_left), 0);
		CHECK_EQ(nb_left, 100);
		fixture_close(&f);
	}
}

VU_TEST(conn, largest_frame)
{
	struct vu_reply frame;
	struct fixture f;
	struct vu_msg msg;

	CHECK(fixture_open(&f));
	/* No request is that long, but the next frame must be found behind it. */
	build_unchecked(&frame, VHOST_USER_SET_FEATURES, VHOST_USER_VERSION, VU_MAX_MSG_BYTES);
	frame.len += VU_MAX_MSG_BYTES;
	CHECK(send_frame(&f, &frame));
	CHECK_EQ(receive(&f, &msg), -EBADMSG);
	build_set_features(&frame, 9);
	CHECK(send_frame(&f, &frame));
	CHECK_EQ(receive(&f, &msg), 1);
	CHECK_EQ(msg.payload.u64, 9);
	fixture_close(&f);
}

/* What decode refuses costs that message only, its fds included. */
VU_TEST(conn, refused_message_keeps_framing)
{
	struct vu_reply unknown, illegal, good;
	struct fixture f;
	struct vu_msg msg;

	CHECK(fixture_open(&f));
	build_unchecked(&unknown, 999, VHOST_USER_VERSION | VHOST_USER_NEED_REPLY_MASK, 3);
	unknown.len += 3;
	unknown.nb_fds = 1;
	vu_request_begin(&illegal, VHOST_USER_SET_VRING_ENABLE, true);
	vu_request_append_state(&illegal, 0, 2);
	build_set_features(&good, 9);
	CHECK(send_frame(&f, &unknown) && send_frame(&f, &illegal) && send_frame(&f, &good));
	CHECK_EQ(receive(&f, &msg), -ENOTSUP);
	CHECK_EQ(msg.request, 999);
	CHECK(msg.need_reply);
	vu_msg_release(&msg);
	CHECK_EQ(receive(&f, &msg), -EPROTO);
	CHECK_EQ(msg.request, VHOST_USER_SET_VRING_ENABLE);
	vu_msg_release(&msg);
	CHECK_EQ(receive(&f, &msg), 1);
	CHECK(all_copies_closed(&f));
	fixture_close(&f);
}

VU_TEST(conn, peer_gone_inside_frame)
{
	struct vu_reply frame;

	build_kind(&frame, 2, 0);
	for (size_t cut = 0; cut <= frame.len; cut++) {
		struct fixture f;
		struct vu_msg msg;

		CHECK(fixture_open(&f));
		build_kind(&frame, 2, f.pipe_write);
		if (cut > 0)
			CHECK(send_part(&f, &frame, 0, cut));
		vu_fd_close(&f.peer);
		if (cut == frame.len) {
			CHECK_EQ(receive(&f, &msg), 1);
			vu_msg_release(&msg);
		}
		CHECK_EQ(receive(&f, &msg), -ECONNRESET);
		CHECK_EQ(receive(&f, &msg), -ECONNRESET);
		CHECK_EQ(msg.nb_fds, 0);
		vu_conn_destroy(f.conn);
		f.conn = NULL;
		CHECK(all_copies_closed(&f));
		fixture_close(&f);
	}
}

/* The peer went away with our bytes unread, which the kernel reports as a reset. */
VU_TEST(conn, peer_reset)
{
	struct vu_reply reply;
	struct fixture f;
	struct vu_msg msg;

	CHECK(fixture_open(&f));
	vu_reply_u64(&reply, VHOST_USER_GET_FEATURES, 1);
	CHECK_EQ(vu_conn_send(f.conn, &reply), 0);
	vu_fd_close(&f.peer);
	CHECK_EQ(receive(&f, &msg), -ECONNRESET);
	CHECK_EQ(vu_conn_send(f.conn, &reply), -ECONNRESET);
	fixture_close(&f);
}

/* The peer reads one frame in small chunks, while we flush before each of them or not at all. */
static bool
peer_gets(struct fixture *fixture, const struct vu_reply *frame, bool flush)
{
	uint8_t bytes[sizeof(frame->bytes)];
	struct conn_fds fds;
	size_t len = 0;

	while (len < frame->len) {
		ssize_t nb_bytes;

		if (flush && vu_conn_flush(fixture->conn) < 0)
			return false;
		nb_bytes = conn_recv(fixture->peer, bytes + len,
				RTE_MIN(frame->len - len, READ_CHUNK), &fds, NULL);
		if (nb_bytes <= 0 || fds.nb != (len == 0 ? frame->nb_fds : 0))
			return false;
		conn_fds_close(&fds);
		len += nb_bytes;
	}
	return memcmp(bytes, frame->bytes, len) == 0;
}

VU_TEST(conn, reply_with_fds)
{
	struct vu_reply reply;
	struct fixture f;

	CHECK(fixture_open(&f));
	vu_reply_u64(&reply, VHOST_USER_GET_FEATURES, 1);
	vu_reply_add_fd(&reply, f.pipe_write);
	vu_reply_add_fd(&reply, f.pipe_write);
	CHECK_EQ(vu_conn_send(f.conn, &reply), 0);
	CHECK(!vu_conn_wants_write(f.conn));
	CHECK_EQ(vu_conn_flush(f.conn), 0);
	CHECK(peer_gets(&f, &reply, false));
	CHECK(all_copies_closed(&f));
	fixture_close(&f);
}

/* Frame nb of a series: every byte shows which, every third one carries fds. */
static void
build_series(struct vu_reply *reply, unsigned int nb, int fd)
{
	uint8_t bytes[VU_MAX_MSG_BYTES];

	memset(bytes, (int)nb, sizeof(bytes));
	vu_reply_bytes(reply, VHOST_USER_GET_CONFIG, bytes, sizeof(bytes) - nb % 7);
	for (unsigned int i = 0; nb % 3 == 0 && i < 2; i++)
		vu_reply_add_fd(reply, fd);
}

static unsigned int
send_series_until_full(struct fixture *fixture, int *rc)
{
	unsigned int nb_sent = 0;
	struct vu_reply reply;

	do {
		build_series(&reply, nb_sent, fixture->pipe_write);
		*rc = vu_conn_send(fixture->conn, &reply);
		nb_sent += *rc == 0;
	} while (*rc == 0 && nb_sent < 10000);
	return nb_sent;
}

VU_TEST(conn, peer_that_does_not_read_is_bounded)
{
	unsigned int nb_sent;
	struct fixture f;
	int rc;

	CHECK(fixture_open(&f));
	nb_sent = send_series_until_full(&f, &rc);
	CHECK_EQ(rc, -ENOBUFS);
	CHECK(nb_sent >= VU_CONN_MAX_QUEUED);
	CHECK(vu_conn_wants_write(f.conn));
	CHECK_EQ(vu_conn_flush(f.conn), 0);
	CHECK(vu_conn_wants_write(f.conn));
	/* Queued copies of fds go with the connection, the sent ones with the peer. */
	vu_conn_destroy(f.conn);
	f.conn = NULL;
	vu_fd_close(&f.peer);
	CHECK(all_copies_closed(&f));
	fixture_close(&f);
}

/*
 * A small send buffer cuts frames; the peer must get all bytes in order, fds in front. The
 * single bytes before them move the place of the cut.
 */
static void
check_small_buffer(unsigned int nb_bytes_wanted)
{
	unsigned int nb_bytes_before = 0;
	struct vu_reply reply;
	int rc, small = 1;
	struct fixture f;

	CHECK(fixture_open(&f));
	CHECK_EQ(setsockopt(vu_conn_fd(f.conn), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	while (nb_bytes_before < nb_bytes_wanted &&
			send(vu_conn_fd(f.conn), "x", 1, MSG_DONTWAIT) == 1)
		nb_bytes_before++;
	/* Twice: a queue that was full and ran empty takes as much again. */
	for (unsigned int round = 0; round < 2; round++) {
		unsigned int nb_sent = send_series_until_full(&f, &rc);
		char byte;

		CHECK_EQ(rc, -ENOBUFS);
		CHECK(nb_sent >= VU_CONN_MAX_QUEUED);
		for (; nb_bytes_before > 0; nb_bytes_before--)
			CHECK_EQ(recv(f.peer, &byte, 1, 0), 1);
		for (unsigned int i = 0; i < nb_sent; i++) {
			build_series(&reply, i, f.pipe_write);
			CHECK(peer_gets(&f, &reply, true));
		}
		CHECK(!vu_conn_wants_write(f.conn));
	}
	CHECK(all_copies_closed(&f));
	fixture_close(&f);
}

VU_TEST(conn, queued_frames_arrive_whole)
{
	for (unsigned int nb_bytes = 0; nb_bytes < 8; nb_bytes++)
		check_small_buffer(nb_bytes);
}

/* The socket has room, but older frames still wait. */
VU_TEST(conn, new_frame_does_not_overtake)
{
	struct vu_reply first, late;
	struct fixture f;
	int rc;

	CHECK(fixture_open(&f));
	send_series_until_full(&f, &rc);
	build_series(&first, 0, f.pipe_write);
	CHECK(peer_gets(&f, &first, false));
	build_series(&late, 1, f.pipe_write);
	CHECK_EQ(vu_conn_send(f.conn, &late), -ENOBUFS);
	fixture_close(&f);
}

VU_TEST(conn, flush_to_gone_peer)
{
	struct fixture f;
	int rc;

	CHECK(fixture_open(&f));
	send_series_until_full(&f, &rc);
	vu_fd_close(&f.peer);
	CHECK_EQ(vu_conn_flush(f.conn), -ECONNRESET);
	fixture_close(&f);
}

VU_TEST(conn, create_refuses_other_fds)
{
	int datagram[2], stream[2], fd = vu_fd_eventfd();

	CHECK(vu_conn_create(fd, NULL) == NULL);
	CHECK_EQ(rte_errno, ENOTSOCK);
	CHECK(fcntl(fd, F_GETFD) < 0);
	CHECK(vu_conn_create(VU_FD_NONE, NULL) == NULL);
	CHECK_EQ(rte_errno, EBADF);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagram), 0);
	CHECK(vu_conn_create(datagram[0], NULL) == NULL);
	CHECK_EQ(rte_errno, EPROTOTYPE);
	close(datagram[1]);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	vu_conn_destroy(vu_conn_create(stream[0], NULL));
	CHECK_EQ(close(stream[0]), -1);
	close(stream[1]);
	vu_conn_destroy(NULL);
}
