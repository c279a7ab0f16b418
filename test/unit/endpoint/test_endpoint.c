/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Endpoints of a device that nobody polls: connections come, go and come again.
 */
#include "vu_endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rte_errno.h>

#include "fake_driver.h"
#include "test.h"
#include "vu_conn.h"
#include "vu_device.h"
#include "vu_exec.h"
#include "vu_fd.h"
#include "vu_parse.h"
#include "vu_reactor.h"
#include "vu_wire.h"

struct endpoint_fixture {
	struct vu_reactor *reactor;
	struct vu_exec_app *exec;
	struct vu_reactor_poller *poller;
	struct vu_device *dev;
	struct vu_endpoint *endpoint;
	char path[64];
	char text[256];
	struct vu_errmsg errmsg;
	unsigned int nb_closed;
};

static uint64_t
endpoint_poll(void *arg)
{
	struct endpoint_fixture *f = arg;
	uint64_t delay_us = vu_exec_app_poll(f->exec);

	return delay_us == UINT64_MAX ? VU_REACTOR_POLLER_IDLE : delay_us;
}

static void
endpoint_closed(void *arg)
{
	((struct endpoint_fixture *)arg)->nb_closed++;
}

static struct vu_endpoint_conf
fixture_conf(struct endpoint_fixture *f, enum vu_endpoint_kind kind)
{
	return (struct vu_endpoint_conf){
		.reactor = f->reactor, .kind = kind, .path = f->path, .fd = VU_FD_NONE,
		.reconnect_ms = 1, .closed = endpoint_closed, .arg = f, .errmsg = &f->errmsg,
	};
}

static void
fixture_open(struct endpoint_fixture *f)
{
	struct vu_device_conf conf = {
		.name = "end0", .nb_queues = 2, .max_queue_size = 256, .numa_node = -1,
	};

	rte_log_set_level_pattern("vu.*", RTE_LOG_CRIT);
	*f = (struct endpoint_fixture){
		.reactor = vu_reactor_create(), .exec = vu_exec_app_create(),
	};
	f->errmsg = (struct vu_errmsg){ f->text, sizeof(f->text) };
	f->poller = vu_reactor_poller_add(f->reactor, endpoint_poll, f);
	snprintf(f->path, sizeof(f->path), "/tmp/vu-endpoint-test-%d.sock", getpid());
	conf.app = f->exec;
	f->dev = vu_device_create(FAKE_DRIVER_NAME, &conf);
	CHECK(f->dev != NULL);
}

static void
fixture_serve(struct endpoint_fixture *f, enum vu_endpoint_kind kind, bool is_single)
{
	const struct vu_endpoint_conf conf = fixture_conf(f, kind);

	f->endpoint = vu_endpoint_create(&conf);
	CHECK(f->endpoint != NULL);
	CHECK_EQ(vu_endpoint_open(f->endpoint, f->dev, is_single), 0);
}

static void
fixture_wait(struct endpoint_fixture *f, enum vu_device_state state)
{
	WAIT_WHILE(vu_device_state(f->dev) != state)
		vu_reactor_turn(f->reactor, 0);
}

static void
fixture_close(struct endpoint_fixture *f)
{
	if (f->endpoint != NULL)
		vu_endpoint_close(f->endpoint);
	WAIT_WHILE(f->endpoint != NULL && f->nb_closed == 0)
		vu_reactor_turn(f->reactor, 0);
	vu_endpoint_destroy(f->endpoint);
	vu_device_destroy(f->dev);
	vu_reactor_poller_remove(f->poller);
	vu_exec_app_destroy(f->exec);
	vu_reactor_destroy(f->reactor);
}

VU_TEST(endpoint, server_takes_one_front_end_after_the_other)
{
	struct endpoint_fixture f;
	int first, second;

	fixture_open(&f);
	fixture_serve(&f, VU_ENDPOINT_SERVER, false);
	first = vu_connect(f.path);
	fixture_wait(&f, VU_DEVICE_NEGOTIATING);
	second = vu_connect(f.path);
	CHECK(second >= 0);
	vu_reactor_turn(f.reactor, 0);
	vu_fd_close(&first);
	/* The second one waited and is served at once. */
	for (unsigned int i = 0; i < 10; i++)
		vu_reactor_turn(f.reactor, 0);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_NEGOTIATING);
	vu_fd_close(&second);
	fixture_wait(&f, VU_DEVICE_IDLE);
	CHECK_EQ(f.nb_closed, 0);
	fixture_close(&f);
	CHECK_EQ(f.nb_closed, 1);
	CHECK(access(f.path, F_OK) != 0);
}

VU_TEST(endpoint, client_connects_again_for_ever)
{
	struct endpoint_fixture f;
	struct vu_listener *listener;
	int fd;

	fixture_open(&f);
	fixture_serve(&f, VU_ENDPOINT_CLIENT, false);
	for (unsigned int i = 0; i < 3; i++) {
		listener = vu_listener_create(f.path);
		CHECK(listener != NULL);
		WAIT_WHILE((fd = vu_listener_accept(listener)) < 0)
			vu_reactor_turn(f.reactor, 0);
		fixture_wait(&f, VU_DEVICE_NEGOTIATING);
		vu_fd_close(&fd);
		vu_listener_destroy(listener);
		fixture_wait(&f, VU_DEVICE_IDLE);
	}
	fixture_close(&f);
}

static unsigned int
count_lines(const char *text, const char *part)
{
	unsigned int nb = 0;

	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		nb++;
	return nb;
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A server that disconnects at once: connect() succeeds each time, and still the delays grow. */
VU_TEST(endpoint, client_backs_off_until_a_ring_runs)
{
	const uint32_t request[3] = { VHOST_USER_GET_QUEUE_NUM, VHOST_USER_VERSION, 0 };
	struct endpoint_fixture f;
	struct vu_endpoint_conf conf;
	struct vu_listener *listener;
	char *text = NULL;
	size_t len = 0;
	FILE *log = open_memstream(&text, &len);
	uint64_t start_ms;

	fixture_open(&f);
	rte_log_set_level_pattern("vu.*", RTE_LOG_INFO);
	rte_openlog_stream(log);
	listener = vu_listener_create(f.path);
	conf = fixture_conf(&f, VU_ENDPOINT_CLIENT);
	conf.reconnect_ms = 60000;
	f.endpoint = vu_endpoint_create(&conf);
	CHECK_EQ(vu_endpoint_open(f.endpoint, f.dev, false), 0);
	start_ms = now_ms();
	for (unsigned int i = 0; i < 7; i++) {
		int fd;

		WAIT_WHILE((fd = vu_listener_accept(listener)) < 0)
			vu_reactor_turn(f.reactor, 0);
		fixture_wait(&f, VU_DEVICE_NEGOTIATING);
		CHECK_EQ(write(fd, request, sizeof(request)), (ssize_t)sizeof(request));
		vu_reactor_turn(f.reactor, 0);
		vu_fd_close(&fd);
		fixture_wait(&f, VU_DEVICE_IDLE);
	}
	/* 10, 20, ... 320 ms: a timer never comes early. */
	CHECK(now_ms() - start_ms >= 630);
	rte_openlog_stream(NULL);
	fclose(log);
	CHECK_EQ(count_lines(text, "3 sessions in a row ended before a ring ran"), 1);
	CHECK_EQ(count_lines(text, "after GET_QUEUE_NUM, before a ring ran; it may want more "
		"queues: queues= gives the port more"), 3);
	free(text);
	vu_listener_destroy(listener);
	rte_log_set_level_pattern("vu.*", RTE_LOG_CRIT);
	fixture_close(&f);
}

VU_TEST(endpoint, single_closes_with_its_front_end)
{
	struct endpoint_fixture f;
	int fd;

	fixture_open(&f);
	fixture_serve(&f, VU_ENDPOINT_SERVER, true);
	fd = vu_connect(f.path);
	fixture_wait(&f, VU_DEVICE_NEGOTIATING);
	vu_fd_close(&fd);
	WAIT_WHILE(f.nb_closed == 0)
		vu_reactor_turn(f.reactor, 0);
	fixture_close(&f);
	CHECK_EQ(f.nb_closed, 1);
}

VU_TEST(endpoint, refuses_what_it_cannot_serve)
{
	struct endpoint_fixture f;
	struct vu_endpoint_conf conf;
	int fds[2];

	fixture_open(&f);
	conf = fixture_conf(&f, VU_ENDPOINT_FD);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	conf.fd = fds[0];
	CHECK(vu_endpoint_create(&conf) == NULL);
	CHECK_EQ(rte_errno, ENOTSOCK);
	CHECK(strstr(f.text, "not an inherited Unix stream socket") != NULL);
	vu_fd_close(&fds[1]);
	fixture_serve(&f, VU_ENDPOINT_SERVER, false);
	conf = fixture_conf(&f, VU_ENDPOINT_SERVER);
	CHECK(vu_endpoint_create(&conf) == NULL);
	CHECK_EQ(rte_errno, EADDRINUSE);
	CHECK(strstr(f.text, "another port has this socket, its path may be spelled") != NULL);
	fixture_close(&f);
}
