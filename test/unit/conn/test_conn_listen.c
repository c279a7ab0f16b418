/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who owns a socket path: live and dead servers, foreign files, and starters that race. Threads
 * stand in for processes: the lock belongs to an open directory, and each listener has its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_errno.h>

#include "vu_conn.h"
#include "vu_fd.h"

#include "test.h"

#define NB_STARTERS 4
#define NB_ROUNDS 60

struct fixture {
	char dir[32];
	char path[64];
};

static bool
fixture_open(struct fixture *fixture)
{
	strcpy(fixture->dir, "/tmp/vu-test-XXXXXX");
	if (mkdtemp(fixture->dir) == NULL)
		return false;
	snprintf(fixture->path, sizeof(fixture->path), "%s/s", fixture->dir);
	return true;
}

/* Fails if the case left a file behind that it did not name. */
static bool
fixture_close(struct fixture *fixture)
{
	return rmdir(fixture->dir) == 0;
}

static int
foreign_bind(const char *path, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		vu_fd_close(&fd);
	return fd;
}

/* What a killed server leaves. */
static void
leave_dead_socket(const char *path)
{
	int fd = foreign_bind(path, SOCK_STREAM);

	listen(fd, 1);
	vu_fd_close(&fd);
}

static bool
path_exists(const char *path)
{
	struct stat file;

	return lstat(path, &file) == 0;
}

/* Closes connections that nobody wants: probes of other starters. */
static void
queue_empty(struct vu_listener *listener)
{
	for (int fd = vu_listener_accept(listener); fd >= 0; fd = vu_listener_accept(listener))
		vu_fd_close(&fd);
}

/* A connection through the path arrives at this listener. */
static bool
is_served_by(const char *path, struct vu_listener *listener)
{
	int client = -EAGAIN, server;
	bool ok;

	WAIT_WHILE(client == -EAGAIN) {
		queue_empty(listener);
		client = vu_connect(path);
	}
	server = vu_listener_accept(listener);
	ok = client >= 0 && server >= 0;

	vu_fd_close(&client);
	vu_fd_close(&server);
	return ok;
}

static bool
is_refused_with(const char *path, int error)
{
	rte_errno = 0;
	return vu_listener_create(path) == NULL && rte_errno == error;
}

VU_TEST(conn_listen, serves_and_cleans_up)
{
	struct vu_listener *listener;
	struct fixture f;
	int client, server;

	CHECK(fixture_open(&f));
	listener = vu_listener_create(f.path);
	CHECK(listener != NULL);
	CHECK_EQ(vu_listener_accept(listener), -EAGAIN);
	client = vu_connect(f.path);
	server = vu_listener_accept(listener);
	CHECK(client >= 0 && server >= 0);
	CHECK((fcntl(server, F_GETFL) & O_NONBLOCK) != 0);
	CHECK_EQ(fcntl(server, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(vu_listener_fd(listener), F_GETFD), FD_CLOEXEC);
	vu_fd_close(&client);
	vu_fd_close(&server);
	vu_listener_destroy(listener);
	CHECK(!path_exists(f.path));
	CHECK(fixture_close(&f));
	vu_listener_destroy(NULL);
}

VU_TEST(conn_listen, live_server_keeps_its_path)
{
	struct vu_listener *listener;
	struct fixture f;

	CHECK(fixture_open(&f));
	listener = vu_listener_create(f.path);
	CHECK(is_refused_with(f.path, EADDRINUSE));
	CHECK(is_served_by(f.path, listener));
	vu_listener_destroy(listener);
	CHECK(fixture_close(&f));
}

/* A server that is too busy to accept, and one of another socket type, are alive. */
VU_TEST(conn_listen, unusual_live_servers_keep_their_path)
{
	struct fixture f;
	int clients[4], fd;

	CHECK(fixture_open(&f));
	fd = foreign_bind(f.path, SOCK_STREAM);
	listen(fd, 0);
	for (unsigned int i = 0; i < RTE_DIM(clients); i++)
		clients[i] = vu_connect(f.path);
	CHECK_EQ(clients[RTE_DIM(clients) - 1], -EAGAIN);
	CHECK(is_refused_with(f.path, EADDRINUSE));
	for (unsigned int i = 0; i < RTE_DIM(clients); i++)
		vu_fd_close(&clients[i]);
	vu_fd_close(&fd);
	unlink(f.path);

	fd = foreign_bind(f.path, SOCK_DGRAM);
	CHECK(is_refused_with(f.path, EADDRINUSE));
	CHECK(path_exists(f.path));
	vu_fd_close(&fd);
	unlink(f.path);
	CHECK(fixture_close(&f));
}

VU_TEST(conn_listen, dead_socket_is_replaced)
{
	struct vu_listener *listener;
	struct fixture f;

	CHECK(fixture_open(&f));
	leave_dead_socket(f.path);
	listener = vu_listener_create(f.path);
	CHECK(listener != NULL);
	CHECK(is_served_by(f.path, listener));
	vu_listener_destroy(listener);
	CHECK(fixture_close(&f));
}

/* A plain file, a directory, and symbolic links to something and to nothing. */
VU_TEST(conn_listen, other_files_are_left_alone)
{
	char target[80];
	struct fixture f;
	int fd;

	CHECK(fixture_open(&f));
	fd = open(f.path, O_CREAT | O_WRONLY, 0600);
	CHECK_EQ(write(fd, "data", 4), 4);
	vu_fd_close(&fd);
	CHECK(is_refused_with(f.path, ENOTSOCK));
	CHECK(path_exists(f.path));
	CHECK_EQ(unlink(f.path), 0);

	CHECK_EQ(mkdir(f.path, 0700), 0);
	CHECK(is_refused_with(f.path, ENOTSOCK));
	CHECK_EQ(rmdir(f.path), 0);

	snprintf(target, sizeof(target), "%s.target", f.path);
	CHECK_EQ(symlink(target, f.path), 0);
	CHECK(is_refused_with(f.path, ENOTSOCK));
	leave_dead_socket(target);
	CHECK(is_refused_with(f.path, ENOTSOCK));
	CHECK(path_exists(target) && path_exists(f.path));
	unlink(target);
	unlink(f.path);
	CHECK(fixture_close(&f));
}

VU_TEST(conn_listen, successor_on_the_path_survives)
{
	struct vu_listener *listener;
	struct fixture f;
	int fd;

	CHECK(fixture_open(&f));
	listener = vu_listener_create(f.path);
	CHECK_EQ(unlink(f.path), 0);
	fd = foreign_bind(f.path, SOCK_STREAM);
	vu_listener_destroy(listener);
	CHECK(path_exists(f.path));
	vu_fd_close(&fd);
	unlink(f.path);

	/* Nothing there any more is fine, too. */
	listener = vu_listener_create(f.path);
	CHECK_EQ(unlink(f.path), 0);
	vu_listener_destroy(listener);
	CHECK(fixture_close(&f));
}

VU_TEST(conn_listen, bad_paths)
{
	char path[200];
	struct fixture f;

	CHECK(fixture_open(&f));
	CHECK(is_refused_with("", EINVAL));
	snprintf(path, sizeof(path), "%s/", f.dir);
	CHECK(is_refused_with(path, EINVAL));
	snprintf(path, sizeof(path), "%s/none/s", f.dir);
	CHECK(is_refused_with(path, ENOENT));
	snprintf(path, sizeof(path), "%s/%0150d", f.dir, 0);
	CHECK(is_refused_with(path, ENAMETOOLONG));
	CHECK(fixture_close(&f));
}

/* The file is found again though the relative path leads elsewhere by then. */
VU_TEST(conn_listen, relative_path_and_chdir)
{
	int old_dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct vu_listener *listener;
	struct fixture f;

	CHECK(fixture_open(&f));
	CHECK_EQ(chdir(f.dir), 0);
	listener = vu_listener_create("s");
	CHECK_EQ(fchdir(old_dir), 0);
	vu_fd_close(&old_dir);
	CHECK(listener != NULL);
	CHECK(is_served_by(f.path, listener));
	vu_listener_destroy(listener);
	CHECK(!path_exists(f.path));
	CHECK(fixture_close(&f));
}

/* Somebody sits on the lock: a start gives up, a stop still cleans up. */
VU_TEST(conn_listen, lock_held_by_somebody_else)
{
	struct vu_listener *listener;
	struct fixture f;
	int fd;

	CHECK(fixture_open(&f));
	listener = vu_listener_create(f.path);
	fd = open(f.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_EQ(flock(fd, LOCK_EX), 0);
	CHECK(is_refused_with(f.path, EBUSY));
	vu_listener_destroy(listener);
	CHECK(!path_exists(f.path));
	vu_fd_close(&fd);
	CHECK(fixture_close(&f));
}

struct starter {
	pthread_barrier_t *barrier;
	const char *path;
	struct vu_listener *listener;
	int error;
	unsigned int nb_wins;
	unsigned int nb_lost; /* had the path, and it led elsewhere */
};

static void *
start_once(void *arg)
{
	struct starter *starter = arg;

	pthread_barrier_wait(starter->barrier);
	starter->listener = vu_listener_create(starter->path);
	starter->error = starter->listener == NULL ? rte_errno : 0;
	return NULL;
}

static void
run_starters(struct starter *starters, const char *path, void *(*run)(void *))
{
	pthread_t threads[NB_STARTERS];
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, NB_STARTERS);
	for (unsigned int i = 0; i < NB_STARTERS; i++) {
		starters[i] = (struct starter){ .barrier = &barrier, .path = path };
		expect_thread_start(&threads[i], run, &starters[i]);
	}
	for (unsigned int i = 0; i < NB_STARTERS; i++)
		expect_thread_join(threads[i]);
	pthread_barrier_destroy(&barrier);
}

/* All see the same dead socket at once: one of them replaces it, the others see that one alive. */
VU_TEST_STRESS(conn_listen, one_of_many_starters_wins)
{
	struct fixture f;

	CHECK(fixture_open(&f));
	for (unsigned int round = 0; round < NB_ROUNDS; round++) {
		struct starter starters[NB_STARTERS];
		struct vu_listener *winner = NULL;

		if (round % 2 == 0)
			leave_dead_socket(f.path);
		run_starters(starters, f.path, start_once);
		for (unsigned int i = 0; i < NB_STARTERS; i++) {
			if (starters[i].listener == NULL) {
				CHECK_EQ(starters[i].error, EADDRINUSE);
				continue;
			}
			CHECK(winner == NULL);
			winner = starters[i].listener;
		}
		CHECK(winner != NULL && is_served_by(f.path, winner));
		vu_listener_destroy(winner);
		CHECK(!path_exists(f.path));
	}
	CHECK(fixture_close(&f));
}

static void *
start_and_stop(void *arg)
{
	struct starter *starter = arg;

	pthread_barrier_wait(starter->barrier);
	for (unsigned int i = 0; i < NB_ROUNDS; i++) {
		struct vu_listener *listener = vu_listener_create(starter->path);

		if (listener == NULL) {
			if (rte_errno != EADDRINUSE && rte_errno != EBUSY)
				starter->error = rte_errno;
			continue;
		}
		starter->nb_wins++;
		starter->nb_lost += !is_served_by(starter->path, listener);
		vu_listener_destroy(listener);
	}
	return NULL;
}

/* Starts race with stops: who has the path has it until its own stop. */
VU_TEST_STRESS(conn_listen, starts_race_with_stops)
{
	struct starter starters[NB_STARTERS];
	unsigned int nb_wins = 0;
	struct fixture f;

	CHECK(fixture_open(&f));
	run_starters(starters, f.path, start_and_stop);
	for (unsigned int i = 0; i < NB_STARTERS; i++) {
		CHECK_EQ(starters[i].error, 0);
		CHECK_EQ(starters[i].nb_lost, 0);
		nb_wins += starters[i].nb_wins;
	}
	CHECK(nb_wins > 0);
	CHECK(fixture_close(&f));
}
