/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames that only the caller knows: sent in pieces, of any length, and received without a look at
 * more than the header.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_common.h>

#include "vu_conn.h"
#include "vu_fd.h"

#include "conn.h"
#include "leak_check.h"
#include "test.h"

struct fixture {
	struct vu_conn *conn;
	int peer;      /* the other end, non-blocking */
	int pipe_read; /* hangs up when no copy of pipe_write is left */
	int pipe_write;
	unsigned int nb_checks;
};

static bool
fixture_open(struct fixture *f)
{
	int pair[2], ends[2], small = 1;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 || pipe(ends) < 0)
		return false;
	*f = (struct fixture){ .conn = vu_conn_create(pair[0], NULL), .peer = pair[1],
		.pipe_read = ends[0], .pipe_write = ends[1] };
	return f->conn != NULL && fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0 &&
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) == 0;
}

static void
fixture_close(struct fixture *f)
{
	vu_conn_destroy(f->conn);
	vu_fd_close(&f->peer);
	vu_fd_close(&f->pipe_read);
	vu_fd_close(&f->pipe_write);
}

/* Gives up our own copy and returns whether it was the last. */
static bool
all_copies_closed(struct fixture *f)
{
	struct pollfd wait = { .fd = f->pipe_read };

	vu_fd_close(&f->pipe_write);
	leak_check_settle();
	return poll(&wait, 1, 0) == 1 && (wait.revents & POLLHUP) != 0;
}

/* Bytes that the socket does not take at once, cut in two; read whole, with the fd in front. */
static void
check_cut(const uint8_t *bytes, size_t size, size_t cut)
{
	static uint8_t got[20000];
	struct fixture f;
	struct conn_fds fds;
	const struct iovec iov[] = {
		{ (void *)(uintptr_t)bytes, cut }, { NULL, 0 },
		{ (void *)(uintptr_t)(bytes + cut), size - cut },
	};
	const struct vu_conn_parts parts = { iov, RTE_DIM(iov), &f.pipe_write, 1 };
	size_t len = 0;

	CHECK(size <= sizeof(got) && fixture_open(&f));
	CHECK_EQ(vu_conn_send_parts(f.conn, &parts), 0);
	CHECK_EQ(vu_conn_queued_bytes(f.conn), size);
	while (len < size) {
		ssize_t nb = conn_recv(f.peer, got + len, size - len, &fds, NULL);

		CHECK(nb > 0);
		CHECK_EQ(fds.nb, len == 0 ? 1 : 0);
		conn_fds_close(&fds);
		len += (size_t)nb;
		CHECK_EQ(vu_conn_flush(f.conn), 0);
	}
	CHECK_EQ(memcmp(got, bytes, size), 0);
	CHECK_EQ(vu_conn_queued_bytes(f.conn), 0);
	CHECK(all_copies_closed(&f));
	fixture_close(&f);
}

VU_TEST(conn_frame, pieces_arrive_as_one)
{
	static uint8_t bytes[20000];
	const size_t cuts[] = { 0, 1, 12, 3000, 19999, sizeof(bytes) };

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 / 3);
	for (unsigned int i = 0; i < RTE_DIM(cuts); i++)
		check_cut(bytes, sizeof(bytes), cuts[i]);
}

static bool
is_even_request(void *arg, const struct vhost_user_header *header)
{
	struct fixture *f = arg;

	f->nb_checks++;
	return header->request % 2 == 0;
}

static int
receive(struct fixture *f, struct vu_frame *frame)
{
	return vu_conn_receive_frame(f->conn, frame, is_even_request, f);
}

/* The peer sends bytes, with an fd if asked to. */
static bool
peer_sends(struct fixture *f, const void *bytes, size_t len, unsigned int nb_fds)
{
	const struct iovec iov = { (void *)(uintptr_t)bytes, len };
	const struct vu_conn_parts parts = { &iov, 1, &f->pipe_write, nb_fds };

	return conn_send(f->peer, &parts) == (ssize_t)len;
}

/* Any flags, and an fd that nobody wants. */
VU_TEST(conn_frame, arrives_in_pieces)
{
	const uint32_t bytes[] = { 1000, 0xf0, 8, 7, 9 };
	struct vu_frame frame;
	struct fixture f;

	CHECK(fixture_open(&f));
	CHECK_EQ(receive(&f, &frame), 0);
	CHECK(peer_sends(&f, bytes, 11, 1));
	CHECK_EQ(receive(&f, &frame), 0);
	CHECK_EQ(f.nb_checks, 0);
	CHECK(peer_sends(&f, (const uint8_t *)bytes + 11, 8, 0));
	CHECK_EQ(receive(&f, &frame), 0);
	CHECK(f.nb_checks != 0);
	CHECK(peer_sends(&f, (const uint8_t *)bytes + 19, 1, 0));
	CHECK_EQ(receive(&f, &frame), 1);
	CHECK_EQ(frame.header.request, 1000);
	CHECK_EQ(frame.header.flags, 0xf0);
	CHECK_EQ(frame.header.size, 8);
	CHECK_EQ(memcmp(frame.payload, &bytes[3], 8), 0);
	CHECK(all_copies_closed(&f));
	fixture_close(&f);
}

/* The header is enough, and nothing is read after that. */
VU_TEST(conn_frame, refused_header_is_the_last)
{
	const struct vhost_user_header bad[] = {
		{ .request = 1001, .size = 8 }, { .request = 1000, .size = VU_MAX_MSG_BYTES + 1 },
	};
	const struct vhost_user_header good = { .request = 1000 };
	struct vu_frame frame;
	struct fixture f;

	for (unsigned int i = 0; i < RTE_DIM(bad); i++) {
		CHECK(fixture_open(&f));
		CHECK(peer_sends(&f, &good, sizeof(good), 0));
		CHECK_EQ(receive(&f, &frame), 1);
		CHECK(peer_sends(&f, &bad[i], sizeof(bad[i]), 0));
		CHECK_EQ(receive(&f, &frame), -EBADMSG);
		CHECK(peer_sends(&f, &good, sizeof(good), 0));
		CHECK_EQ(receive(&f, &frame), -EBADMSG);
		fixture_close(&f);
	}
}

VU_TEST(conn_frame, fd_in_the_middle_and_peer_that_is_gone)
{
	const struct vhost_user_header good = { .request = 1000 };
	struct vu_frame frame;
	struct fixture f;

	CHECK(fixture_open(&f));
	CHECK(peer_sends(&f, &good, 4, 0));
	CHECK_EQ(receive(&f, &frame), 0);
	CHECK(peer_sends(&f, &good.flags, 8, 1));
	CHECK_EQ(receive(&f, &frame), -EBADMSG);
	CHECK(all_copies_closed(&f));
	fixture_close(&f);
	CHECK(fixture_open(&f));
	vu_fd_close(&f.peer);
	CHECK_EQ(receive(&f, &frame), -ECONNRESET);
	fixture_close(&f);
}
