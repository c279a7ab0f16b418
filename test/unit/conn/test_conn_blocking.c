/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A peer that sent us the socket shares its O_NONBLOCK and can take it back: receiving half a frame
 * and sending to a peer that does not read must still return.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vu_conn.h"
#include "vu_fd.h"
#include "vu_msg.h"

#include "test.h"

/* A connection in blocking mode; its peer goes to *peer. */
static struct vu_conn *
blocking_conn(int *peer)
{
	struct vu_conn *conn;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return NULL;
	*peer = pair[1];
	conn = vu_conn_create(pair[0]);
	if (conn != NULL)
		fcntl(vu_conn_fd(conn), F_SETFL, 0);
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
	return TEST_SUCCESS;
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
	return TEST_SUCCESS;
}
