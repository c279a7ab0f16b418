/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of sched_stats.c: what counts as busy, and that readings fit together. Only order and
 * equality of readings are checked, never how long something took.
 */
#include "vu_sched.h"

#include <errno.h>

#include <rte_cycles.h>

#include "fake_task.h"
#include "test.h"

VU_TEST(sched_stats, starts_at_zero)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct vu_sched_lcore_stats stats;

	CHECK_EQ(vu_sched_lcore_stats_get(sched, 2, &stats), -EINVAL);
	CHECK_EQ(vu_sched_lcore_stats_get(sched, 1, &stats), 0);
	CHECK_EQ(stats.lcore_id, 7);
	CHECK_EQ(stats.nb_tasks, 0);
	CHECK(!stats.is_running);
	CHECK_EQ(stats.busy_cycles, 0);
	CHECK_EQ(stats.idle_cycles, 0);
	CHECK_EQ(stats.nb_polls, 0);
	CHECK_EQ(stats.nb_items, 0);
	vu_sched_destroy(sched);
}

VU_TEST(sched_stats, counts_polls_and_items)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fakes = fake_tasks_create(3);
	struct vu_sched_lcore_stats stats;

	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(vu_sched_task_add(sched, &fakes[i].task, 0), 0);
	vu_sched_turn(sched, 0);
	fakes[0].word += 10;
	fakes[2].word += 7;
	vu_sched_turn(sched, 0);
	vu_sched_turn(sched, 0);
	CHECK_EQ(vu_sched_lcore_stats_get(sched, 0, &stats), 0);
	CHECK_EQ(stats.nb_tasks, 3);
	CHECK_EQ(stats.nb_polls, 5);
	CHECK_EQ(stats.nb_items, 17);
	vu_sched_destroy(sched);
	free(fakes);
}

/* Time outside the loop stands still. */
VU_TEST(sched_stats, stopped_loop_counts_nothing)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct vu_sched_lcore_stats before, after;

	vu_sched_turn(sched, 0);
	CHECK_EQ(vu_sched_lcore_stats_get(sched, 0, &before), 0);
	CHECK_EQ(vu_sched_lcore_stats_get(sched, 0, &after), 0);
	CHECK(before.idle_cycles > 0);
	CHECK_EQ(before.busy_cycles, 0);
	CHECK_EQ(after.idle_cycles, before.idle_cycles);
	vu_sched_turn(sched, 0);
	CHECK_EQ(vu_sched_lcore_stats_get(sched, 0, &after), 0);
	CHECK(after.idle_cycles > before.idle_cycles);
	CHECK(!after.is_running);
	vu_sched_destroy(sched);
}

/* Polled in every turn; busy only while the case wants it. */
struct load {
	struct vu_task task;
	uint32_t nb_items;
	uint32_t nb_seen; /* nb_items that the last poll reported */
};

static uint32_t
load_poll(struct vu_task *task)
{
	struct load *load = task->arg;
	const uint32_t nb_items = vu_load(&load->nb_items);

	vu_store(&load->nb_seen, nb_items);
	return nb_items;
}

/* Returns after two whole turns of the new kind. */
static void
load_set(struct vu_sched *sched, struct load *load, uint32_t nb_items)
{
	struct vu_sched_lcore_stats stats;
	uint64_t nb_polls;

	vu_store(&load->nb_items, nb_items);
	WAIT_UNTIL(vu_load(&load->nb_seen) == nb_items);
	vu_sched_lcore_stats_get(sched, 0, &stats);
	nb_polls = stats.nb_polls;
	WAIT_WHILE(stats.nb_polls < nb_polls + 2)
		vu_sched_lcore_stats_get(sched, 0, &stats);
}

VU_TEST(sched_stats, running_loop_is_busy_or_idle)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct load load = { .nb_items = 0 };
	struct vu_sched_lcore_stats first, second;
	struct rig_loop loop;

	vu_task_init(&load.task, load_poll, &load);
	CHECK_EQ(vu_sched_task_add(sched, &load.task, 0), 0);
	rig_loop_start(&loop, sched, 0);
	for (unsigned int round = 0; round < 8; round++) {
		load_set(sched, &load, 4);
		CHECK_EQ(vu_sched_lcore_stats_get(sched, 0, &first), 0);
		CHECK(first.is_running);
		load_set(sched, &load, 4);
		CHECK_EQ(vu_sched_lcore_stats_get(sched, 0, &second), 0);
		CHECK(second.busy_cycles > first.busy_cycles);
		CHECK_EQ(second.idle_cycles, first.idle_cycles);
		CHECK(second.nb_items >= first.nb_items + 4);
		load_set(sched, &load, 0);
		CHECK_EQ(vu_sched_lcore_stats_get(sched, 0, &first), 0);
		load_set(sched, &load, 0);
		CHECK_EQ(vu_sched_lcore_stats_get(sched, 0, &second), 0);
		CHECK(second.idle_cycles > first.idle_cycles);
		CHECK_EQ(second.busy_cycles, first.busy_cycles);
		CHECK_EQ(second.nb_items, first.nb_items);
	}
	CHECK_EQ(rig_loop_stop(&loop), 0);
	vu_sched_destroy(sched);
}

/* Works for a while, once, and notes how many cycles it had at least. */
struct burst {
	struct vu_task task;
	uint64_t cycles;
};

static uint32_t
burst_poll(struct vu_task *task)
{
	struct burst *burst = task->arg;
	const uint64_t start = rte_rdtsc();

	task->idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
	while (rte_rdtsc() - start < 100000)
		;
	burst->cycles = rte_rdtsc() - start;
	return 1;
}

VU_TEST(sched_stats, first_turn_of_a_burst_is_busy)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct vu_sched_lcore_stats stats;
	static struct burst burst;

	vu_task_init(&burst.task, burst_poll, &burst);
	CHECK_EQ(vu_sched_task_add(sched, &burst.task, 0), 0);
	vu_sched_turn(sched, 0);
	vu_sched_task_wake(sched, &burst.task);
	vu_sched_turn(sched, 0);
	CHECK_EQ(vu_sched_lcore_stats_get(sched, 0, &stats), 0);
	CHECK(burst.cycles >= 100000);
	CHECK(stats.busy_cycles >= burst.cycles);
	vu_sched_destroy(sched);
}
