/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Client mode: what connecting reports.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vu_conn.h"
#include "vu_fd.h"

#include "test.h"

#define TEMP_DIR "/tmp/vu-test-XXXXXX"

/* A bound socket, listening or not, with the given backlog. */
static int
server_open(const char *path, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		vu_fd_close(&fd);
	if (backlog >= 0)
		listen(fd, backlog);
	return fd;
}

VU_TEST(conn_connect, connects)
{
	char dir[] = TEMP_DIR, path[64];
	int server, client;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/s", dir);
	server = server_open(path, 1);
	client = vu_connect(path);
	CHECK(client >= 0);
	CHECK((fcntl(client, F_GETFL) & O_NONBLOCK) != 0);
	CHECK_EQ(fcntl(client, F_GETFD), FD_CLOEXEC);
	vu_fd_close(&client);
	vu_fd_close(&server);
	unlink(path);
	rmdir(dir);
}

/* The server's end of any connection to it would keep that open for ever, no matter who made it. */
VU_TEST(conn_connect, knows_the_ends_that_its_server_holds)
{
	char dir[] = TEMP_DIR, path[64];
	int server, others[2], accepted[2];
	struct vu_conn *conn;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/s", dir);
	server = server_open(path, 2);
	conn = vu_conn_create(vu_connect(path), NULL);
	CHECK(conn != NULL);
	accepted[0] = accept(server, NULL, NULL);
	others[0] = vu_connect(path);
	accepted[1] = accept(server, NULL, NULL);
	CHECK(vu_conn_is_own_end(conn, accepted[0]) && vu_conn_is_own_end(conn, accepted[1]));
	CHECK(!vu_conn_is_own_end(conn, VU_FD_NONE));
	vu_fd_close(&others[0]);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, others), 0);
	CHECK(!vu_conn_is_own_end(conn, others[0]) && !vu_conn_is_own_end(conn, others[1]));
	vu_conn_destroy(conn);
	for (unsigned int i = 0; i < 2; i++) {
		vu_fd_close(&others[i]);
		vu_fd_close(&accepted[i]);
	}
	vu_fd_close(&server);
	unlink(path);
	rmdir(dir);
}

VU_TEST(conn_connect, reports_why_not)
{
	char dir[] = TEMP_DIR, path[64], longest[200];
	int server;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/s", dir);
	CHECK_EQ(vu_connect(path), -ENOENT);
	server = server_open(path, -1);
	CHECK_EQ(vu_connect(path), -ECONNREFUSED);
	vu_fd_close(&server);
	CHECK_EQ(vu_connect(path), -ECONNREFUSED);
	unlink(path);
	rmdir(dir);

	CHECK_EQ(vu_connect(""), -EINVAL);
	memset(longest, 'x', sizeof(longest));
	longest[108] = '\0';
	CHECK_EQ(vu_connect(longest), -ENAMETOOLONG);
	longest[107] = '\0';
	CHECK_EQ(vu_connect(longest), -ENOENT);
}

VU_TEST(conn_connect, full_queue_is_worth_another_attempt)
{
	char dir[] = TEMP_DIR, path[64];
	int clients[8], server, rc = 0;
	unsigned int nb_clients = 0;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/s", dir);
	server = server_open(path, 1);
	while (rc >= 0 && nb_clients < RTE_DIM(clients)) {
		rc = vu_connect(path);
		if (rc >= 0)
			clients[nb_clients++] = rc;
	}
	CHECK_EQ(rc, -EAGAIN);
	while (nb_clients > 0)
		vu_fd_close(&clients[--nb_clients]);
	vu_fd_close(&server);
	unlink(path);
	rmdir(dir);
}
