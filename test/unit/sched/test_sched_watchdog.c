/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A data lcore that hangs in a write to a saturated, blocking eventfd gets out of it.
 */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "vu_atomic.h"
#include "vu_sched.h"

struct hang {
	struct vu_sched *sched;
	int fd;
	int error; /* errno of the write, 0 while it hangs */
};

static uint32_t
hang_poll(struct vu_task *task)
{
	struct hang *hang = task->arg;
	const uint64_t one = 1;

	task->idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
	if (write(hang->fd, &one, sizeof(one)) < 0)
		vu_store_release(&hang->error, errno);
	return 1;
}

static void *
hang_loop(void *arg)
{
	struct hang *hang = arg;

	vu_sched_loop(hang->sched, 0);
	return NULL;
}

/* Looks after the lcore until its write ends, then removes the task. */
static int
hang_check(struct hang *hang, struct vu_task *task)
{
	const uint64_t calm_us = vu_sched_watchdog_delay_us(hang->sched);
	struct vu_sched_wait removal;
	unsigned int nb_interrupted = 0;

	while (vu_load_acquire(&hang->error) == 0) {
		nb_interrupted += vu_sched_watchdog_check(hang->sched);
		vu_sched_poll(hang->sched);
		usleep(1000);
	}
	vu_sched_wait_init(&removal, NULL, NULL);
	CHECK_EQ(vu_sched_task_remove(hang->sched, task, &removal), 0);
	while (vu_sched_poll(hang->sched) != UINT64_MAX)
		usleep(100);
	CHECK(nb_interrupted > 0);
	CHECK_EQ(hang->error, EINTR);
	/* It may not be the last one. */
	CHECK(vu_sched_watchdog_delay_us(hang->sched) < calm_us);
	for (unsigned int i = 0; i < 1000 && vu_sched_watchdog_delay_us(hang->sched) < calm_us;
		i++) {
		CHECK_EQ(vu_sched_watchdog_check(hang->sched), 0);
		while (vu_sched_poll(hang->sched) != UINT64_MAX)
			usleep(100);
	}
	CHECK_EQ(vu_sched_watchdog_delay_us(hang->sched), calm_us);
	return TEST_SUCCESS;
}

VU_TEST(sched_watchdog, ends_a_write_that_hangs)
{
	unsigned int lcore_id = rte_lcore_id();
	const uint64_t full = UINT64_MAX - 1;
	struct hang hang = { .fd = eventfd(0, 0) };
	static struct vu_task task;
	pthread_t thread;
	int rc;

	CHECK(hang.fd >= 0);
	CHECK_EQ(write(hang.fd, &full, sizeof(full)), sizeof(full));
	hang.sched = vu_sched_create(&lcore_id, 1);
	CHECK(hang.sched != NULL);
	vu_task_init(&task, hang_poll, &hang);
	CHECK_EQ(vu_sched_task_add(hang.sched, &task, 0), 0);
	CHECK_EQ(pthread_create(&thread, NULL, hang_loop, &hang), 0);
	while (!vu_sched_worker_is_running(hang.sched, 0))
		usleep(100);
	rc = hang_check(&hang, &task);
	vu_sched_stop(hang.sched);
	pthread_join(thread, NULL);
	vu_sched_destroy(hang.sched);
	close(hang.fd);
	return rc;
}

VU_TEST(sched_watchdog, leaves_a_healthy_lcore_alone)
{
	unsigned int lcore_id = rte_lcore_id();
	struct hang hang = { .fd = -1 };
	pthread_t thread;
	unsigned int nb_interrupted = 0;

	hang.sched = vu_sched_create(&lcore_id, 1);
	CHECK(hang.sched != NULL);
	CHECK_EQ(pthread_create(&thread, NULL, hang_loop, &hang), 0);
	while (!vu_sched_worker_is_running(hang.sched, 0))
		usleep(100);
	for (unsigned int i = 0; i < 10; i++) {
		nb_interrupted += vu_sched_watchdog_check(hang.sched);
		while (vu_sched_poll(hang.sched) != UINT64_MAX)
			usleep(100);
	}
	vu_sched_stop(hang.sched);
	pthread_join(thread, NULL);
	vu_sched_destroy(hang.sched);
	CHECK_EQ(nb_interrupted, 0);
	return TEST_SUCCESS;
}
