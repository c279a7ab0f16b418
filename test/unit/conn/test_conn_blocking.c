/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a peer can do to make us wait. The O_NONBLOCK of a socket that it sent us is its own and
 * stays as it is: receiving half a frame and sending to one that does not read must still return.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vu_conn.h"
#include "vu_fd.h"
#include "vu_msg.h"

#include "test.h"

#define MANY_FDS 200

#ifndef SO_PASSPIDFD /* C library older than Linux 6.5 */
#define SO_PASSPIDFD 76
#endif

/* A connection in blocking mode; its peer goes to *peer. */
static struct vu_conn *
blocking_conn(int *peer)
{
	struct vu_conn *conn;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return NULL;
	*peer = pair[1];
	conn = vu_conn_create(pair[0], NULL);
	CHECK_EQ(fcntl(pair[0], F_GETFL) & O_NONBLOCK, 0);
	return conn;
}

VU_TEST(conn_blocking, half_a_frame_returns)
{
	const struct vu_msg_limits limits = { .nb_queues = 4 };
	const char first_byte = 1;
	struct vu_msg msg;
	int peer = VU_FD_NONE;
	struct vu_conn *conn = blocking_conn(&peer);

	CHECK(conn != NULL);
	CHECK_EQ(write(peer, &first_byte, 1), 1);
	CHECK_EQ(vu_conn_receive(conn, &msg, &limits), 0);
	vu_msg_release(&msg);
	vu_conn_destroy(conn);
	vu_fd_close(&peer);
}

VU_TEST(conn_blocking, peer_that_does_not_read)
{
	static struct vu_reply reply;
	static const char bytes[VU_MAX_MSG_BYTES];
	int peer = VU_FD_NONE;
	struct vu_conn *conn = blocking_conn(&peer);

	CHECK(conn != NULL);
	vu_reply_bytes(&reply, VHOST_USER_GET_CONFIG, bytes, sizeof(bytes));
	while (!vu_conn_wants_write(conn))
		CHECK_EQ(vu_conn_send(conn, &reply), 0);
	vu_conn_destroy(conn);
	vu_fd_close(&peer);
}

/* A byte with fds. */
static bool
send_fds(int sock, unsigned int nb_fds)
{
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(MANY_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = &(char){ 1 }, .iov_len = 1 };
	const struct msghdr header = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = CMSG_SPACE(nb_fds * sizeof(int)),
	};
	int fds[MANY_FDS];
	ssize_t nb;

	control.header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(nb_fds * sizeof(int)),
	};
	for (unsigned int i = 0; i < nb_fds; i++)
		fds[i] = vu_fd_eventfd();
	memcpy(CMSG_DATA(&control.header), fds, nb_fds * sizeof(int));
	nb = sendmsg(sock, &header, MSG_NOSIGNAL);
	for (unsigned int i = 0; i < nb_fds; i++)
		close(fds[i]);
	return nb == 1;
}

VU_TEST(conn_blocking, more_fds_than_a_message_has)
{
	const struct vu_msg_limits limits = { .nb_queues = 4 };
	struct vu_msg msg;
	int peer = VU_FD_NONE;
	struct vu_conn *conn = blocking_conn(&peer);

	CHECK(conn != NULL);
	CHECK(send_fds(peer, MANY_FDS));
	CHECK_EQ(vu_conn_receive(conn, &msg, &limits), -EBADMSG);
	vu_msg_release(&msg);
	vu_conn_destroy(conn);
	vu_fd_close(&peer);
}

/* Who gave us a socket can have the kernel add fds to what we receive. */
VU_TEST(conn_blocking, fds_that_the_kernel_adds)
{
	const struct vu_msg_limits limits = { .nb_queues = 4 };
	const char first_byte = 1;
	struct vu_msg msg;
	int peer = VU_FD_NONE;
	struct vu_conn *conn = blocking_conn(&peer);
	bool is_known;

	CHECK(conn != NULL);
	is_known = setsockopt(vu_conn_fd(conn), SOL_SOCKET, SO_PASSPIDFD, &(int){ 1 },
		sizeof(int)) == 0;
	if (is_known) {
		CHECK_EQ(write(peer, &first_byte, 1), 1);
		CHECK_EQ(vu_conn_receive(conn, &msg, &limits), -EBADMSG);
	}
	vu_conn_destroy(conn);
	vu_fd_close(&peer);
	if (!is_known)
		expect_skip(); /* older than Linux 6.5 */
}

static bool
any_header(void *arg, const struct vhost_user_header *header)
{
	(void)arg;
	return header->request == 1;
}

VU_TEST(conn_blocking, fds_where_none_belong)
{
	static const char rest[VHOST_USER_HEADER_BYTES - 1];
	struct vu_frame frame;
	int peer = VU_FD_NONE;
	struct vu_conn *conn = blocking_conn(&peer);

	CHECK(conn != NULL);
	CHECK(send_fds(peer, 1));
	CHECK_EQ(write(peer, rest, sizeof(rest)), sizeof(rest));
	CHECK_EQ(vu_conn_receive_frame(conn, &frame, any_header, NULL), 1);
	vu_conn_destroy(conn);
	vu_fd_close(&peer);
}
