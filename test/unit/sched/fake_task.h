/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Shared by the cases of lib/sched: a task that counts its polls, and loops in plain threads.
 * A gate keeps a loop inside a poll function, so that a case decides what the loop has seen.
 */
#ifndef FAKE_TASK_H
#define FAKE_TASK_H

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "expect.h"
#include "rig.h"
#include "vu_atomic.h"
#include "vu_sched.h"

/* Becomes idle when polled, ready when `word` changes; reports the change as items. */
struct fake_task {
	struct vu_task task;
	uint32_t word;
	uint32_t word_seen;
	uint32_t nb_polls;
	uint32_t nb_polls_mine; /* polls in which vu_task_is_mine() held */
	uint32_t *order;        /* shared counter that numbers polls, or NULL */
	uint32_t polled_as;     /* number of the last poll */
	uint32_t is_gated;      /* 1 = stay in poll until the case writes 0 */
	uint32_t is_inside;
};

static inline uint32_t
fake_task_poll(struct vu_task *task)
{
	struct fake_task *fake = task->arg;
	const uint32_t word = vu_load(&fake->word);
	const uint32_t nb_items = word - fake->word_seen;

	vu_store_release(&fake->is_inside, 1);
	WAIT_UNTIL(vu_load_acquire(&fake->is_gated) == 0);
	vu_store_release(&fake->is_inside, 0);
	vu_store(&fake->word_seen, word);
	if (vu_task_is_mine(task))
		vu_counter_add(&fake->nb_polls_mine, 1);
	if (fake->order != NULL)
		fake->polled_as = ++*fake->order;
	task->idle_word =
		(struct vu_idle_word){.word = &fake->word, .idle = word, .mask = UINT32_MAX};
	vu_store_release(&fake->nb_polls, fake->nb_polls + 1);
	return nb_items;
}

static inline void
fake_task_init(struct fake_task *fake)
{
	*fake = (struct fake_task){ .word = 0 };
	vu_task_init(&fake->task, fake_task_poll, fake);
}

/* Cache-aligned array of initialised tasks; free() it. */
static inline struct fake_task *
fake_tasks_create(unsigned int nb_tasks)
{
	struct fake_task *fakes = aligned_alloc(RTE_CACHE_LINE_SIZE, nb_tasks * sizeof(*fakes));

	for (unsigned int i = 0; i < nb_tasks; i++)
		fake_task_init(&fakes[i]);
	return fakes;
}

static inline void
set_flag(void *flag)
{
	*(bool *)flag = true;
}

struct loop_thread {
	struct vu_sched *sched;
	unsigned int worker_idx;
	pthread_t thread;
	int rc;
};

static inline void *
loop_thread_main(void *arg)
{
	struct loop_thread *loop = arg;

	loop->rc = vu_sched_loop(loop->sched, loop->worker_idx);
	return NULL;
}

static inline void
loop_thread_undo(void *arg)
{
	struct loop_thread *loop = arg;

	vu_sched_worker_stop(loop->sched, loop->worker_idx);
	expect_thread_join(loop->thread);
}

/* Returns once the loop runs. */
static inline void
loop_thread_start(struct loop_thread *loop, struct vu_sched *sched, unsigned int worker_idx)
{
	*loop = (struct loop_thread){ .sched = sched, .worker_idx = worker_idx, .rc = -1 };
	expect_thread_start(&loop->thread, loop_thread_main, loop);
	WAIT_UNTIL(vu_sched_worker_is_running(sched, worker_idx));
	expect_at_failure(loop_thread_undo, loop);
}

/* For a loop that something else has stopped. */
static inline void
loop_thread_join(struct loop_thread *loop)
{
	expect_thread_join(loop->thread);
	expect_undone(loop_thread_undo, loop);
}

static inline int
loop_thread_stop(struct loop_thread *loop)
{
	loop_thread_undo(loop);
	expect_undone(loop_thread_undo, loop);
	return loop->rc;
}

static inline void
wait_for_polls(const struct fake_task *fake, uint32_t nb_polls)
{
	WAIT_UNTIL(vu_load_acquire(&fake->nb_polls) >= nb_polls);
}

static inline void
wait_until_inside(const struct fake_task *fake)
{
	WAIT_UNTIL(vu_load_acquire(&fake->is_inside) != 0);
}

#endif /* FAKE_TASK_H */
