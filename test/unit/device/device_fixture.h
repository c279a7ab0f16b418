/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device of the driver "fake" with two rings in a fake guest; shared by the cases of lib/device.
 * The calls that a session would make, in the order in which it makes them.
 */
#ifndef DEVICE_FIXTURE_H
#define DEVICE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_log.h>

#include "expect.h"
#include "fake_driver.h"
#include "fake_guest.h"
#include "vu_device.h"
#include "vu_fd.h"

#define NB_RINGS 2
#define RING_SIZE 64

struct device_fixture {
	struct vu_sched *sched;
	struct vu_device *dev;
	struct fake_guest guest;
	struct fake_ring *rings[NB_RINGS];
	int call_fds[NB_RINGS]; /* duplicates of ours, to look at */
	int err_fds[NB_RINGS];
	uint32_t nb_done;         /* commits that called back */
	uint32_t nb_disconnected;
	uint32_t nb_detached;
	uint32_t nb_ring_faults;
	uint32_t fault_queue_idx;
	pthread_t loops[2];
};

static inline void
fixture_done(void *arg)
{
	((struct device_fixture *)arg)->nb_done++;
}

static inline void
fixture_disconnected(void *arg)
{
	((struct device_fixture *)arg)->nb_disconnected++;
}

static inline void
fixture_detached(void *arg)
{
	((struct device_fixture *)arg)->nb_detached++;
}

static inline void
fixture_ring_fault(void *arg, uint32_t queue_idx)
{
	struct device_fixture *f = arg;

	vu_store(&f->fault_queue_idx, queue_idx);
	vu_counter_add(&f->nb_ring_faults, 1);
}

static inline uint64_t
fixture_events(int fd)
{
	eventfd_t nb = 0;

	return eventfd_read(fd, &nb) == 0 ? nb : 0;
}

/* Complete what is pending, no matter who has to answer. */
static inline void
fixture_settle(const struct device_fixture *f)
{
	WAIT_UNTIL(vu_sched_poll(f->sched) == UINT64_MAX);
}

/* One turn of both workers. */
static inline void
fixture_turn(const struct device_fixture *f)
{
	CHECK(vu_sched_turn(f->sched, 0) >= 0 && vu_sched_turn(f->sched, 1) >= 0);
}

static inline int
fixture_commit(struct device_fixture *f)
{
	uint32_t nb_done = f->nb_done;
	int rc = vu_device_commit(f->dev, fixture_done, f);

	fixture_settle(f);
	CHECK(f->nb_done == nb_done + (rc == -EINPROGRESS));
	return rc;
}

static inline struct vu_device_conf
fixture_conf(struct device_fixture *f, const struct vu_assign_conf *assign)
{
	return (struct vu_device_conf){
		.name = "test0", .nb_queues = NB_RINGS, .max_queue_size = 1024, .numa_node = -1,
		.sched = f->sched, .assign = assign,
	};
}

static inline void
fixture_connect(struct device_fixture *f)
{
	const struct vu_device_events events = { .arg = f, .ring_fault = fixture_ring_fault };

	vu_device_connect(f->dev, &events);
}

/* A device without a front-end, a guest without one either. */
static inline void
fixture_open(struct device_fixture *f)
{
	static const unsigned int lcore_ids[] = { 4, 7 };
	static const struct vu_assign_conf assign = { .numa_node = -1 };
	static const struct fake_ring_place place = { FAKE_MID, 0 };
	struct vu_device_conf conf;

	/* Every start and stop is a line otherwise. */
	rte_log_set_level_pattern("vu.device", RTE_LOG_ERR);
	*f = (struct device_fixture){ .sched = vu_sched_create(lcore_ids, RTE_DIM(lcore_ids)) };
	CHECK(f->sched != NULL);
	conf = fixture_conf(f, &assign);
	f->dev = vu_device_create(FAKE_DRIVER_NAME, &conf);
	CHECK(f->dev != NULL);
	fake_guest_init(&f->guest);
	for (unsigned int i = 0; i < NB_RINGS; i++) {
		f->rings[i] = fake_ring_create(&f->guest, RING_SIZE, &place);
		f->call_fds[i] = vu_fd_eventfd();
		f->err_fds[i] = vu_fd_eventfd();
	}
}

static inline void
fixture_disconnect(struct device_fixture *f)
{
	vu_device_disconnect(f->dev, fixture_disconnected, f);
	fixture_settle(f);
	CHECK(vu_device_state(f->dev) == VU_DEVICE_IDLE);
}

static inline void
fixture_close(struct device_fixture *f)
{
	vu_device_detach(f->dev, fixture_detached, f);
	fixture_settle(f);
	vu_device_destroy(f->dev);
	vu_sched_destroy(f->sched);
	for (unsigned int i = 0; i < NB_RINGS; i++) {
		fake_ring_destroy(f->rings[i]);
		vu_fd_close(&f->call_fds[i]);
		vu_fd_close(&f->err_fds[i]);
	}
	fake_guest_fini(&f->guest);
}

/* Tell the device about a ring, all but the kick fd. */
static inline void
fixture_configure(struct device_fixture *f, uint32_t i)
{
	const struct vu_vring_conf conf = fake_ring_conf(f->rings[i]);

	CHECK(vu_device_ring_set_size(f->dev, i, conf.size) == 0);
	CHECK(vu_device_ring_set_base(f->dev, i, conf.base) == 0);
	CHECK(vu_device_ring_set_addr(f->dev, i, &conf) == 0);
	vu_device_ring_set_call(f->dev, i, dup(f->call_fds[i]));
	vu_device_ring_set_err(f->dev, i, dup(f->err_fds[i]));
	vu_device_ring_enable(f->dev, i, true);
}

/* Both rings running. */
static inline void
fixture_run(struct device_fixture *f)
{
	fixture_connect(f);
	CHECK(vu_device_set_features(f->dev, FAKE_F_VERSION_1 | FAKE_F_INDIRECT) == 0);
	vu_device_set_mem(f->dev, fake_guest_mem(&f->guest));
	for (uint32_t i = 0; i < NB_RINGS; i++) {
		fixture_configure(f, i);
		vu_device_ring_start(f->dev, i, VU_FD_NONE);
	}
	fixture_commit(f);
	CHECK(vu_device_state(f->dev) == VU_DEVICE_RUNNING);
	/* A call fd that is new to a running ring is signalled once. */
	for (uint32_t i = 0; i < NB_RINGS; i++)
		WAIT_UNTIL(fixture_events(f->call_fds[i]) == 0);
}

static inline struct vu_device_queue_stats
fixture_stats(const struct device_fixture *f, uint32_t i)
{
	struct vu_device_queue_stats stats;

	vu_device_queue_stats_get(f->dev, i, &stats);
	return stats;
}

/* Offer nb buffers of one byte each, all of them `value`. */
static inline void
fixture_put(struct device_fixture *f, uint32_t i, unsigned int nb, uint8_t value)
{
	const struct fake_buf buf = { FAKE_HIGH_GPA + value * 16, 1, false };

	*(uint8_t *)fake_guest_ptr(&f->guest, buf.gpa) = value;
	while (nb-- != 0)
		CHECK(fake_ring_put(f->rings[i], &buf, 1) >= 0);
}

static inline unsigned int
fixture_collect(struct device_fixture *f, uint32_t i)
{
	struct vu_split_used_elem elems[RING_SIZE];

	return fake_ring_collect(f->rings[i], elems, RING_SIZE);
}

static inline bool
fixture_fd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* ---- loops in threads ---- */

struct fixture_loop {
	struct vu_sched *sched;
	unsigned int worker_idx;
};

static inline void *
fixture_loop_main(void *arg)
{
	struct fixture_loop loop = *(struct fixture_loop *)arg;

	free(arg);
	vu_sched_loop(loop.sched, loop.worker_idx);
	return NULL;
}

static inline void
fixture_loops_start(struct device_fixture *f)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct fixture_loop *loop = malloc(sizeof(*loop));

		CHECK(loop != NULL);
		*loop = (struct fixture_loop){ f->sched, i };
		expect_thread_start(&f->loops[i], fixture_loop_main, loop);
		WAIT_UNTIL(vu_sched_worker_is_running(f->sched, i));
	}
}

static inline void
fixture_loops_stop(struct device_fixture *f)
{
	vu_sched_stop(f->sched);
	for (unsigned int i = 0; i < 2; i++)
		expect_thread_join(f->loops[i]);
}

/* Let the lcore stay inside the poll function of queue i. */
static inline void
fixture_gate_close(struct device_fixture *f, uint32_t i)
{
	struct fake_queue *fake = fake_driver_queue(f->dev, i);

	vu_store_release(&fake->is_gated, 1);
	fixture_put(f, i, 1, 1);
	WAIT_UNTIL(vu_load_acquire(&fake->is_inside) != 0);
}

static inline void
fixture_gate_open(struct device_fixture *f, uint32_t i)
{
	vu_store_release(&fake_driver_queue(f->dev, i)->is_gated, 0);
}

static inline void
fixture_wait_used(const struct device_fixture *f, uint32_t i, uint16_t nb)
{
	WAIT_UNTIL(fake_ring_nb_used(f->rings[i]) >= nb);
}

#endif /* DEVICE_FIXTURE_H */
