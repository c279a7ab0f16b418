/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A whole daemon with a probe device: listeners on a worker, exit events, one connection and then
 * the end, a stop from another thread. The daemon runs in the case's own thread.
 */
#include "vu_daemon.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "probe_device.h"
#include "vu_conn.h"
#include "vu_fd.h"
#include "vu_peer.h"

#include "test.h"

#define MAX_SPINS 20000 /* of a millisecond */
#define DATA 1000

struct daemon_fixture {
	struct vu_daemon *daemon;
	struct vu_device *dev;
	struct probe *probe;
	char path[64];
	int event_fd;
	int exit_fd;
	struct vu_daemon_listener *listener;
	unsigned int nb_removed;
	struct vu_peer *peers[VU_MAX_PEERS];
	bool is_served;          /* the other thread had its answer */
};

static void
fixture_create(struct daemon_fixture *f)
{
	struct vu_daemon_conf conf;
	char text[96];

	*f = (struct daemon_fixture){ 0 };
	if (rte_lcore_count() < 2)
		expect_skip();
	f->event_fd = vu_fd_eventfd();
	f->exit_fd = vu_fd_eventfd();
	snprintf(f->path, sizeof(f->path), "/tmp/vu-daemon-test-%d.sock", getpid());
	snprintf(text, sizeof(text), "%s,device=probe,queues=2", f->path);
	vu_daemon_conf_init(&conf);
	CHECK_EQ(vu_daemon_conf_set(&conf, "socket", text), 0);
	f->daemon = vu_daemon_create(&conf);
	if (f->daemon == NULL)
		printf("%s\n", conf.errmsg);
	vu_daemon_conf_fini(&conf);
	CHECK(f->daemon != NULL);
	f->dev = vu_device_first();
	f->probe = probe_of(f->dev);
	f->probe->exit_fd = f->exit_fd;
}

static void
fixture_destroy(struct daemon_fixture *f)
{
	vu_daemon_destroy(f->daemon);
	vu_fd_close(&f->event_fd);
	vu_fd_close(&f->exit_fd);
}

static struct vu_daemon_listener_conf
listener_conf(const struct daemon_fixture *f)
{
	return (struct vu_daemon_listener_conf){
		.fd = f->event_fd, .epoll_events = EPOLLIN, .data = DATA,
	};
}

static void
wait_for(const uint32_t *word, uint32_t least)
{
	WAIT_WHILE(vu_load_acquire(word) < least)
		poll(NULL, 0, 1);
}

struct stopper {
	struct daemon_fixture *f;
	void *(*fn)(void *arg);
};

static void
stop_daemon(void *arg)
{
	struct daemon_fixture *f = arg;

	vu_daemon_stop(f->daemon);
}

/* What fails in `fn` ends the thread: the daemon stops all the same. */
static void *
stopper_main(void *arg)
{
	const struct stopper *stopper = arg;

	pthread_cleanup_push(stop_daemon, stopper->f);
	stopper->fn(stopper->f);
	pthread_cleanup_pop(0);
	return NULL;
}

/* Run the daemon here and `fn` in another thread, which stops it. */
static void
run_with(struct daemon_fixture *f, void *(*fn)(void *arg))
{
	struct stopper stopper = { f, fn };
	pthread_t thread;
	int rc;

	expect_thread_start(&thread, stopper_main, &stopper);
	rc = vu_daemon_run(f->daemon);
	expect_thread_join(thread);
	CHECK_EQ(rc, 0);
}

/* One daemon for one run, with a listener if the case is about events. */
static void
run_once(bool has_listener, void *(*fn)(void *arg))
{
	struct daemon_fixture f;
	struct vu_daemon_listener_conf conf;

	fixture_create(&f);
	conf = listener_conf(&f);
	if (has_listener) {
		f.listener = vu_daemon_listener_add(f.daemon, &conf);
		CHECK(f.listener != NULL);
	}
	run_with(&f, fn);
	fixture_destroy(&f);
}

VU_TEST(daemon_listener, refuses)
{
	struct daemon_fixture f;
	struct vu_daemon_listener_conf conf;

	fixture_create(&f);
	/* 0..2 are the queues' and the exit event's. */
	for (uint64_t data = 0; data <= 2; data++) {
		conf = listener_conf(&f);
		conf.data = data;
		CHECK(vu_daemon_listener_add(f.daemon, &conf) == NULL);
		CHECK_EQ(rte_errno, EINVAL);
	}
	conf = listener_conf(&f);
	conf.worker_idx = RTE_MAX_LCORE;
	CHECK(vu_daemon_listener_add(f.daemon, &conf) == NULL);
	conf = listener_conf(&f);
	conf.port_idx = 1;
	CHECK(vu_daemon_listener_add(f.daemon, &conf) == NULL);
	conf = listener_conf(&f);
	conf.epoll_events = 0;
	CHECK(vu_daemon_listener_add(f.daemon, &conf) == NULL);
	conf = listener_conf(&f);
	conf.fd = VU_FD_NONE;
	CHECK(vu_daemon_listener_add(f.daemon, &conf) == NULL);
	CHECK_EQ(rte_errno, EBADF);
	conf = listener_conf(&f);
	conf.data = 3;
	f.listener = vu_daemon_listener_add(f.daemon, &conf);
	CHECK(f.listener != NULL);
	CHECK(vu_daemon_listener_add(f.daemon, &conf) == NULL);
	CHECK_EQ(rte_errno, EEXIST);
	fixture_destroy(&f);
}

static void
count_removed(void *arg)
{
	struct daemon_fixture *f = arg;

	vu_store_release(&f->nb_removed, f->nb_removed + 1);
}

static void
remove_listener(void *arg)
{
	struct daemon_fixture *f = arg;

	vu_daemon_listener_remove(f->listener, count_removed, f);
}

static void *
events_thread(void *arg)
{
	struct daemon_fixture *f = arg;
	uint64_t count;
	uint32_t nb_events;

	vu_fd_signal(f->event_fd);
	/* Not taken: the fd stays ready, so it comes again and again. */
	wait_for(&f->probe->nb_events, 3);
	CHECK_EQ(f->probe->event.data, DATA);
	CHECK_EQ(f->probe->event.worker_idx, 0);
	CHECK_EQ(f->probe->event.epoll_events, EPOLLIN);
	CHECK_EQ(read(f->event_fd, &count, sizeof(count)), sizeof(count));
	CHECK_EQ(vu_daemon_call(f->daemon, remove_listener, f), 0);
	wait_for(&f->nb_removed, 1);
	nb_events = vu_load_acquire(&f->probe->nb_events);
	vu_fd_signal(f->event_fd);
	poll(NULL, 0, 10);
	CHECK_EQ(vu_load_acquire(&f->probe->nb_events), nb_events);
	vu_daemon_stop(f->daemon);
	return NULL;
}

VU_TEST(daemon_listener, events_run_on_the_worker)
{
	run_once(true, events_thread);
}

static void *
ready_thread(void *arg)
{
	struct daemon_fixture *f = arg;

	vu_fd_signal(f->event_fd);
	wait_for(&f->probe->nb_events, 10);
	vu_daemon_stop(f->daemon);
	vu_daemon_stop(f->daemon);
	return NULL;
}

/* Stopped with a listener that is ready all the time. */
VU_TEST(daemon_listener, stop_while_ready)
{
	run_once(true, ready_thread);
}

static bool
is_lcore_running(const struct daemon_fixture *f)
{
	return vu_sched_worker_is_running(vu_device_sched(f->dev), 0);
}

static void *
exit_thread(void *arg)
{
	struct daemon_fixture *f = arg;

	WAIT_UNTIL(is_lcore_running(f));
	vu_fd_signal(f->exit_fd);
	WAIT_WHILE(is_lcore_running(f))
		;
	vu_daemon_stop(f->daemon);
	return NULL;
}

VU_TEST(daemon_listener, exit_event_ends_the_loop)
{
	run_once(false, exit_thread);
}

/* Connect and ask for the features; NULL: there is nobody. */
static struct vu_conn *
client_connect(const struct daemon_fixture *f)
{
	struct vu_conn *conn = NULL;
	struct vu_reply frame;
	int fd = -ENOENT;

	for (unsigned int i = 0; i < MAX_SPINS && fd < 0; i++) {
		fd = vu_connect(f->path);
		poll(NULL, 0, fd < 0);
	}
	if (fd >= 0)
		conn = vu_conn_create(fd, NULL);
	if (conn == NULL) {
		vu_daemon_stop(f->daemon);
		return NULL;
	}
	vu_request_begin(&frame, VHOST_USER_GET_FEATURES, false);
	vu_conn_send(conn, &frame);
	return conn;
}

/* 1 = the answer came within so many milliseconds. */
static int
client_wait(struct vu_conn *conn, unsigned int timeout_ms)
{
	struct vu_msg_limits limits = { .stream = VU_STREAM_REPLIES };
	struct vu_msg msg;
	int rc = 0;

	for (unsigned int i = 0; i < timeout_ms && rc == 0; i++) {
		rc = vu_conn_receive(conn, &msg, &limits);
		poll(NULL, 0, rc == 0);
	}
	return rc;
}

/* One front-end comes and goes, then another one finds nobody. */
static void *
client_thread(void *arg)
{
	struct daemon_fixture *f = arg;
	struct vu_conn *conn = client_connect(f);

	if (conn == NULL)
		return NULL;
	f->is_served = client_wait(conn, MAX_SPINS) == 1;
	vu_conn_destroy(conn);
	return NULL;
}

VU_TEST(daemon_listener, serves_one_connection)
{
	struct daemon_fixture f;
	pthread_t thread;

	fixture_create(&f);
	expect_thread_start(&thread, client_thread, &f);
	CHECK_EQ(vu_daemon_serve(f.daemon), 0);
	expect_thread_join(thread);
	CHECK(f.is_served);
	fixture_destroy(&f);
	CHECK(vu_connect(f.path) < 0);
}

/* Nobody is served at a port with too many fds to close, until they are. */
static void *
shut_out_thread(void *arg)
{
	struct daemon_fixture *f = arg;
	struct vu_conn *conn = client_connect(f);

	if (conn == NULL)
		return NULL;
	if (client_wait(conn, 50) == 0) {
		vu_peer_put(f->peers[0]);
		f->is_served = client_wait(conn, MAX_SPINS) == 1;
	}
	vu_conn_destroy(conn);
	vu_daemon_stop(f->daemon);
	return NULL;
}

VU_TEST(daemon_listener, accepts_nobody_while_doors_do_not_end)
{
	struct daemon_fixture f;

	fixture_create(&f);
	for (unsigned int i = 0; i < VU_MAX_PEERS; i++) {
		f.peers[i] = vu_peer_create(vu_device_peers(f.dev), NULL, NULL);
		CHECK(f.peers[i] != NULL);
	}
	run_with(&f, shut_out_thread);
	CHECK(f.is_served);
	for (unsigned int i = 1; i < VU_MAX_PEERS; i++)
		vu_peer_put(f.peers[i]);
	fixture_destroy(&f);
}
