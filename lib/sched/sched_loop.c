/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The poll loop: report quiescent, handle the mailbox, poll the tasks whose idle word changed.
 * Runs on data lcores: no allocation, lock or system call, except for a worker that sleeps when
 * idle (sched_idle.c). The order of the three steps is what sched_quiesce.c builds on.
 */
#include "vu_sched.h"

#include <errno.h>
#include <limits.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_pause.h>
#include <rte_prefetch.h>

#include "sched_worker.h"

#define HOT_GROUPS 8
#define HOT_PASSES 16
#define HOT_MIN_ITEMS 16 /* per pass: fewer can wait for a scan and make a better burst */

const uint32_t vu_idle_word_zero;

/* Worker whose loop the calling thread is in. */
static __thread struct vu_sched_worker *worker_current;

bool
vu_task_is_mine(const struct vu_task *task)
{
	return worker_current != NULL && vu_load(&task->owner) == worker_current;
}

bool
vu_task_has_owner(const struct vu_task *task)
{
	return vu_load(&task->owner) != NULL;
}

bool
vu_account_pass(struct vu_task *task, struct vu_task **payer)
{
	return account_pass(worker_current, task, payer);
}

void
vu_account_return(struct vu_task *payer)
{
	if (payer != NULL)
		account_return(worker_current, payer);
}

int
worker_claim(struct vu_sched_worker *worker, enum worker_state as)
{
	uint32_t seen;

	do {
		seen = WORKER_FREE;
		/* Takes over what the last owner left; pairs with worker_release(). */
		if (__atomic_compare_exchange_n(&worker->state, &seen, as, false,
				__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return 0;
		rte_pause();
	} while (seen == WORKER_CONTROL);
	return -EBUSY;
}

void
worker_release(struct vu_sched_worker *worker)
{
	/* Hands the owner's fields on; pairs with the acquire in worker_claim(). */
	vu_store_release(&worker->state, WORKER_FREE);
}

static int
worker_enter(struct vu_sched *sched, unsigned int worker_idx, struct vu_sched_worker **entered)
{
	struct vu_sched_worker *worker = sched_worker(sched, worker_idx);
	int rc = worker != NULL ? worker_claim(worker, WORKER_LOOP) : -EINVAL;

	if (rc != 0)
		return rc;
	*entered = worker;
	worker_current = worker;
	vu_store(&worker->tid, rte_gettid());
	worker->idle_items = UINT64_MAX;
	/* Grace periods wait for us from here; its full fence pairs with vu_quiesce_start(). */
	rte_rcu_qsbr_thread_online(worker->qsbr, worker->idx);
	stats_enter(worker);
	return 0;
}

static void
worker_leave(struct vu_sched_worker *worker)
{
	account_end(worker);
	stats_leave(worker);
	/* Its release pairs with the acquire in rte_rcu_qsbr_check(). */
	rte_rcu_qsbr_thread_offline(worker->qsbr, worker->idx);
	worker_current = NULL;
	vu_store(&worker->tid, 0);
	worker_release(worker);
}

static uint32_t
task_poll(struct vu_sched_worker *worker, uint32_t slot)
{
	struct vu_task *task = worker->table->tasks[slot];
	uint32_t nb_items;

	if (unlikely(worker->payer != task) && !account_begin(worker, task))
		return 0;
	nb_items = task->poll(task);
	worker->table->idle_words[slot] = task->idle_word;
	vu_counter_add(&worker->nb_polls, 1);
	return nb_items;
}

/* Out of line: keeps the scan of idle tasks free of spills. */
static __rte_noinline uint32_t
group_poll(struct vu_sched_worker *worker, uint32_t first)
{
	const struct vu_idle_word *idle_words = worker->table->idle_words;
	uint32_t nb_items = 0;

	for (uint32_t slot = first; slot < first + IDLE_WORD_GROUP; slot++)
		rte_prefetch0(worker->table->tasks[slot]);
	for (uint32_t slot = first; slot < first + IDLE_WORD_GROUP; slot++) {
		if (idle_word_change(&idle_words[slot]) != 0)
			nb_items += task_poll(worker, slot);
	}
	return nb_items;
}

/* Groups that had work in a scan. */
struct hot_groups {
	uint32_t nb;
	uint32_t first[HOT_GROUPS];
};

/*
 * A scan of many idle tasks costs as much as a burst or more: go back to the few that have work
 * before the next one, as long as they have much of it. As many items as there are tasks pay for
 * the scan; no task waits longer for it than it would beside HOT_PASSES busy ones.
 */
static __rte_noinline uint32_t
hot_groups_poll(struct vu_sched_worker *worker, const struct hot_groups *hot, uint32_t nb_items)
{
	uint32_t nb_all = 0, nb_pass = nb_items;

	for (uint32_t pass = 1; pass < HOT_PASSES && nb_pass >= HOT_MIN_ITEMS &&
			nb_items + nb_all < worker->nb_tasks; pass++) {
		nb_pass = 0;
		for (uint32_t i = 0; i < hot->nb; i++)
			nb_pass += group_poll(worker, hot->first[i]);
		nb_all += nb_pass;
	}
	return nb_all;
}

static __rte_always_inline uint32_t
tasks_poll_ready(struct vu_sched_worker *worker)
{
	const struct vu_idle_word *idle_words = worker->table->idle_words;
	const uint32_t nb_tasks = worker->nb_tasks;
	struct hot_groups hot;
	uint32_t nb_items = 0;

	hot.nb = 0;
	for (uint32_t slot = 0; slot < nb_tasks; slot += IDLE_WORD_GROUP) {
		const struct vu_idle_word *group = &idle_words[slot];

		if (unlikely((idle_word_change(&group[0]) | idle_word_change(&group[1]) |
				idle_word_change(&group[2]) | idle_word_change(&group[3])) != 0)) {
			uint32_t nb_found;

			/* An idle worker becomes busy at the first poll that finds something. */
			if (nb_items == 0 && !worker->is_busy)
				stats_note_work(worker);
			nb_found = group_poll(worker, slot);
			nb_items += nb_found;
			if (nb_found != 0 && hot.nb < HOT_GROUPS)
				hot.first[hot.nb++] = slot;
		}
	}
	if (nb_items >= HOT_MIN_ITEMS && nb_items < nb_tasks)
		nb_items += hot_groups_poll(worker, &hot, nb_items);
	return nb_items;
}

static __rte_always_inline uint32_t
worker_turn(struct vu_sched_worker *worker)
{
	uint32_t nb_items;

	/* 1. Acquires the token that vu_quiesce_start() released, and releases our count. */
	rte_rcu_qsbr_quiescent(worker->qsbr, worker->idx);
	/* 2. Never before 1: all that was posted ahead of the token has to be found here. */
	if (unlikely(vu_load(&worker->nb_posted) != worker->nb_done))
		mailbox_handle(worker);
	/* 3. Never before 2: only now may idle words and tasks be touched. */
	nb_items = tasks_poll_ready(worker);
	if (unlikely(worker->nb_joined != 0 || worker->is_shared))
		accounts_end_turn(worker);
	if (nb_items != 0)
		vu_counter_add(&worker->nb_items, nb_items);
	else if (unlikely(worker->payer != NULL))
		account_end(worker);
	if (unlikely((nb_items != 0) != worker->is_busy))
		stats_flip_busy(worker);
	return nb_items;
}

static void
turns_fast(struct vu_sched_worker *worker)
{
	while (vu_load(&worker->flags) == 0)
		worker_turn(worker);
}

/* The loop of workers that rest when they are idle, and of all while gaps are measured. */
static void
turns_slow(struct vu_sched_worker *worker, const uint32_t flags)
{
	uint64_t last = rte_rdtsc();

	while (vu_load(&worker->flags) == flags) {
		const uint32_t nb_items = worker_turn(worker);

		if (flags == FLAG_MEASURE) {
			const uint64_t now = rte_rdtsc();

			gap_count(worker, now - last);
			last = now;
		}
		if (nb_items != 0 || worker->policy == VU_IDLE_BUSY)
			continue;
		worker_rest(worker);
		/* It rests because there is nothing to do: nobody waits for the next turn. */
		if (flags == FLAG_MEASURE)
			last = rte_rdtsc();
	}
}

int
vu_sched_loop(struct vu_sched *sched, unsigned int worker_idx)
{
	struct vu_sched_worker *worker;
	int rc = worker_enter(sched, worker_idx, &worker);

	if (rc != 0)
		return rc;
	while ((vu_load(&worker->flags) & FLAG_STOP) == 0) {
		if ((vu_load(&worker->flags) & FLAG_RESET_GAPS) != 0)
			gaps_clear(worker);
		if (worker->policy == VU_IDLE_BUSY)
			turns_fast(worker);
		turns_slow(worker, vu_load(&worker->flags) & FLAG_MEASURE);
	}
	__atomic_fetch_and(&worker->flags, ~FLAG_STOP, __ATOMIC_RELAXED);
	worker_leave(worker);
	return 0;
}

int
vu_sched_turn(struct vu_sched *sched, unsigned int worker_idx)
{
	struct vu_sched_worker *worker;
	uint32_t nb_items;
	int rc = worker_enter(sched, worker_idx, &worker);

	if (rc != 0)
		return rc;
	nb_items = worker_turn(worker);
	worker_leave(worker);
	return (int)RTE_MIN(nb_items, (uint32_t)INT_MAX);
}
