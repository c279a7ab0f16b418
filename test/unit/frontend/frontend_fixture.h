/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A front-end of our library before a session of our back-end, which runs in a thread of its own
 * with a net device (loopback), because the front-end waits for its answers. Functions that the
 * thread has to run go through backend_do().
 */
#ifndef FRONTEND_FIXTURE_H
#define FRONTEND_FIXTURE_H

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rte_bitops.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "test.h"
#include "vu_backend.h"
#include "vu_conn.h"
#include "vu_device.h"
#include "vu_fd.h"
#include "vu_frontend.h"
#include "vu_reactor.h"
#include "vu_sched.h"
#include "vu_virtio.h"
#include "vu_wire.h"

#define FEATURE_VERSION_1 RTE_BIT64(VIRTIO_F_VERSION_1)
#define FEATURE_RING_PACKED RTE_BIT64(VIRTIO_F_RING_PACKED)
#define NET_HEADER_BYTES 12
#define FRAME_BYTES 100
#define BUFFER_BYTES 2048
#define TO_GUEST 0
#define FROM_GUEST 1
#define TIMEOUT_S 20 /* what never happens fails its case and stalls nothing */

struct frontend_fixture {
	/* Back-end thread. */
	pthread_t thread;
	struct vu_reactor *reactor;
	struct vu_reactor_poller *poller;
	struct vu_reactor_fd *source;
	struct vu_sched *sched;
	pthread_t data_lcore;
	struct vu_device *dev;
	struct vu_listener *listener;
	struct vu_backend_session *session;
	unsigned int nb_sessions;

	/* The case. */
	char dir[32];
	char path[64];
	struct vu_frontend *fe;
	uint8_t *mem;
	unsigned int nb_up;
	unsigned int nb_down;
	unsigned int nb_config_changes;
	int down_reason;
};

static inline uint64_t
fixture_poll_sched(void *arg)
{
	struct frontend_fixture *fix = arg;

	return vu_sched_poll(fix->sched);
}

static inline void
backend_closed(void *arg)
{
	struct frontend_fixture *fix = arg;

	fix->session = NULL;
}

static inline void
backend_serve(struct frontend_fixture *fix, int fd)
{
	const struct vu_backend_conf conf = {
		.reactor = fix->reactor, .dev = fix->dev, .fd = fd,
		.closed = backend_closed, .arg = fix,
	};

	fix->session = vu_backend_session_open(&conf);
	fix->nb_sessions++;
}

/* One front-end at a time; others wait in the socket. */
static inline void
backend_accept(void *arg, uint32_t events)
{
	struct frontend_fixture *fix = arg;
	int fd = fix->session == NULL ? vu_listener_accept(fix->listener) : -EAGAIN;

	(void)events;
	if (fd >= 0)
		backend_serve(fix, fd);
}

static inline void *
backend_thread(void *arg)
{
	struct frontend_fixture *fix = arg;

	vu_reactor_run(fix->reactor);
	return NULL;
}

static inline void
backend_listen(void *arg)
{
	struct frontend_fixture *fix = arg;

	fix->listener = vu_listener_create(fix->path);
	fix->source = vu_reactor_fd_add(fix->reactor, vu_listener_fd(fix->listener), EPOLLIN,
		backend_accept, fix);
}

static inline void
backend_connect(void *arg)
{
	struct frontend_fixture *fix = arg;
	int fd = vu_connect(fix->path);

	if (fd >= 0)
		backend_serve(fix, fd);
}

static inline void
backend_hang_up(void *arg)
{
	struct frontend_fixture *fix = arg;

	if (fix->session != NULL)
		vu_backend_session_close(fix->session, "the case wants it");
}

static inline void
backend_do(struct frontend_fixture *fix, vu_reactor_call_fn fn)
{
	CHECK_EQ(vu_reactor_call_sync(fix->reactor, fn, fix), 0);
}

static inline void *
data_lcore_main(void *arg)
{
	struct frontend_fixture *fix = arg;

	vu_sched_loop(fix->sched, 0);
	return NULL;
}

static inline void
fixture_create(struct frontend_fixture *fix)
{
	const unsigned int lcore_id = 7;
	struct vu_assign_conf assign = { .numa_node = -1 };
	struct vu_device_conf conf = {
		.name = "test", .nb_queues = 2, .max_queue_size = 256, .numa_node = -1,
		.assign = &assign, .driver_args = "forward=loopback",
	};

	*fix = (struct frontend_fixture){ .reactor = vu_reactor_create() };
	strcpy(fix->dir, "/tmp/vu-fe-XXXXXX");
	CHECK(mkdtemp(fix->dir) != NULL);
	snprintf(fix->path, sizeof(fix->path), "%s/sock", fix->dir);
	fix->sched = vu_sched_create(&lcore_id, 1);
	fix->poller = vu_reactor_poller_add(fix->reactor, fixture_poll_sched, fix);
	conf.sched = fix->sched;
	fix->dev = vu_device_create("net", &conf);
	CHECK(fix->dev != NULL);
	expect_thread_start(&fix->data_lcore, data_lcore_main, fix);
	WAIT_UNTIL(vu_sched_worker_is_running(fix->sched, 0));
	expect_thread_start(&fix->thread, backend_thread, fix);
}

static inline void
backend_finish(void *arg)
{
	struct frontend_fixture *fix = arg;

	vu_reactor_fd_remove(fix->source);
	vu_listener_destroy(fix->listener);
	backend_hang_up(fix);
}

static inline void
backend_is_idle(void *arg)
{
	struct frontend_fixture *fix = arg;

	if (fix->session == NULL)
		vu_reactor_stop(fix->reactor);
}

static inline void
fixture_destroy(struct frontend_fixture *fix)
{
	vu_frontend_close(fix->fe);
	backend_do(fix, backend_finish);
	WAIT_WHILE(vu_reactor_call_sync(fix->reactor, backend_is_idle, fix) == 0 &&
			fix->session != NULL)
		;
	expect_thread_join(fix->thread);
	vu_sched_worker_stop(fix->sched, 0);
	expect_thread_join(fix->data_lcore);
	vu_device_destroy(fix->dev);
	vu_sched_destroy(fix->sched);
	vu_reactor_poller_remove(fix->poller);
	vu_reactor_destroy(fix->reactor);
	rmdir(fix->dir);
}

static inline void
front_up(void *arg)
{
	((struct frontend_fixture *)arg)->nb_up++;
}

static inline void
front_down(void *arg, int reason)
{
	struct frontend_fixture *fix = arg;

	fix->nb_down++;
	fix->down_reason = reason;
}

static inline void
front_config_changed(void *arg)
{
	((struct frontend_fixture *)arg)->nb_config_changes++;
}

static const struct vu_frontend_events front_events = {
	.up = front_up, .down = front_down, .config_changed = front_config_changed,
};

static inline struct vu_frontend_conf
front_conf(struct frontend_fixture *fix)
{
	return (struct vu_frontend_conf){
		.path = fix->path, .nb_queues = 2, .queue_size = 64,
		.features_required = FEATURE_VERSION_1, .reply_ms = TIMEOUT_S * 1000,
		.retry_ms = 2, .events = &front_events, .arg = fix,
	};
}

/* Open with memory for all buffers, started. */
static inline void
front_open(struct frontend_fixture *fix, const struct vu_frontend_conf *conf)
{
	fix->fe = vu_frontend_open(conf);
	CHECK(fix->fe != NULL);
	fix->mem = vu_frontend_mem_alloc(fix->fe, 256 * BUFFER_BYTES, 0);
	CHECK(fix->mem != NULL);
	CHECK_EQ(vu_frontend_start(fix->fe, 0), 0);
}

/* A back-end that listens, and a front-end that asks it for features. */
static inline void
fixture_create_open(struct frontend_fixture *fix, uint64_t features)
{
	struct vu_frontend_conf conf;

	fixture_create(fix);
	backend_do(fix, backend_listen);
	conf = front_conf(fix);
	conf.features_required |= features;
	front_open(fix, &conf);
}

static inline struct vu_guest_buf
front_buf(void *start, uint32_t len)
{
	return (struct vu_guest_buf){ .gpa = (uintptr_t)start, .cookie = start, .len_bytes = len };
}

/* Turn until the queue gives a buffer back. */
static inline void
front_collect_one(struct frontend_fixture *fix, uint32_t queue_idx, struct vu_guest_done *done)
{
	WAIT_WHILE(vu_frontend_collect(fix->fe, queue_idx, done, 1) == 0)
		vu_frontend_turn(fix->fe, 0);
}

/* Send a frame of one value from `out`, have it back in `in`. */
static inline void
front_round_trip_at(struct frontend_fixture *fix, uint8_t value, uint8_t *out, uint8_t *in)
{
	struct vu_guest_buf buf = front_buf(in, BUFFER_BYTES);
	struct vu_guest_done done;

	CHECK_EQ(vu_frontend_send(fix->fe, TO_GUEST, &buf, 1, true), 1);
	memset(in, 0xee, BUFFER_BYTES);
	memset(out, 0, NET_HEADER_BYTES);
	memset(out + NET_HEADER_BYTES, value, FRAME_BYTES);
	buf = front_buf(out, NET_HEADER_BYTES + FRAME_BYTES);
	CHECK_EQ(vu_frontend_send(fix->fe, FROM_GUEST, &buf, 1, false), 1);
	front_collect_one(fix, FROM_GUEST, &done);
	CHECK(done.cookie == out);
	front_collect_one(fix, TO_GUEST, &done);
	CHECK_EQ(done.len_bytes, NET_HEADER_BYTES + FRAME_BYTES);
	CHECK_EQ(memcmp(out + NET_HEADER_BYTES, (uint8_t *)done.cookie + NET_HEADER_BYTES,
		FRAME_BYTES), 0);
}

static inline void
front_round_trip(struct frontend_fixture *fix, uint8_t value)
{
	front_round_trip_at(fix, value, fix->mem, fix->mem + BUFFER_BYTES);
}

#endif /* FRONTEND_FIXTURE_H */
