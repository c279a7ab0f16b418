/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A data lcore that stalls in a write to a saturated, blocking eventfd gets out of it.
 */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "vu_atomic.h"
#include "vu_sched.h"

struct stall {
	struct vu_sched *sched;
	int fd;
	int error; /* errno of the write, 0 while it stalls */
};

static uint32_t
stall_poll(struct vu_task *task)
{
	struct stall *stall = task->arg;
	const uint64_t one = 1;

	task->idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
	if (write(stall->fd, &one, sizeof(one)) < 0)
		vu_store_release(&stall->error, errno);
	return 1;
}

static void *
stall_loop(void *arg)
{
	struct stall *stall = arg;

	vu_sched_loop(stall->sched, 0);
	return NULL;
}

static void
ignore_stall(void *arg)
{
	(void)arg;
}

/* Nobody but the watchdog's thread does anything about it: the control lcore may stand still. */
static void
stall_wait(struct stall *stall)
{
	CHECK_EQ(vu_sched_watchdog_start(stall->sched, ignore_stall, NULL), 0);
	WAIT_UNTIL(vu_load_acquire(&stall->error) != 0);
	vu_sched_watchdog_stop(stall->sched);
	CHECK_EQ(stall->error, EINTR);
}

static void
task_take(struct vu_sched *sched, struct vu_task *task)
{
	struct vu_sched_wait removal;

	vu_sched_wait_init(&removal, NULL, NULL);
	CHECK_EQ(vu_sched_task_remove(sched, task, &removal), 0);
	WAIT_UNTIL(vu_sched_poll(sched) == UINT64_MAX);
}

VU_TEST(sched_watchdog, ends_a_write_that_stalls)
{
	unsigned int lcore_id = rte_lcore_id();
	const uint64_t full = UINT64_MAX - 1;
	struct stall stall = { .fd = eventfd(0, 0) };
	static struct vu_task task;
	pthread_t thread;

	CHECK(stall.fd >= 0);
	CHECK_EQ(write(stall.fd, &full, sizeof(full)), sizeof(full));
	stall.sched = vu_sched_create(&lcore_id, 1);
	CHECK(stall.sched != NULL);
	vu_task_init(&task, stall_poll, &stall);
	CHECK_EQ(vu_sched_task_add(stall.sched, &task, 0), 0);
	expect_thread_start(&thread, stall_loop, &stall);
	WAIT_UNTIL(vu_sched_worker_is_running(stall.sched, 0));
	stall_wait(&stall);
	task_take(stall.sched, &task);
	vu_sched_stop(stall.sched);
	expect_thread_join(thread);
	vu_sched_destroy(stall.sched);
	close(stall.fd);
}

VU_TEST(sched_watchdog, leaves_a_healthy_lcore_alone)
{
	unsigned int lcore_id = rte_lcore_id();
	struct stall stall = { .fd = -1 };
	pthread_t thread;
	unsigned int nb_interrupted = 0;
	struct vu_sched_wait quiet;

	vu_sched_wait_init(&quiet, NULL, NULL);
	stall.sched = vu_sched_create(&lcore_id, 1);
	CHECK(stall.sched != NULL);
	expect_thread_start(&thread, stall_loop, &stall);
	WAIT_UNTIL(vu_sched_worker_is_running(stall.sched, 0));
	for (unsigned int i = 0; i < 10; i++) {
		nb_interrupted += vu_sched_watchdog_check(stall.sched);
		/* However long the system does not let it run. */
		vu_quiesce_start(stall.sched, &quiet);
		WAIT_UNTIL(vu_sched_poll(stall.sched) == UINT64_MAX);
	}
	vu_sched_stop(stall.sched);
	expect_thread_join(thread);
	vu_sched_destroy(stall.sched);
	CHECK_EQ(nb_interrupted, 0);
}
