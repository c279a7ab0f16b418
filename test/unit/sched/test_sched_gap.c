/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of sched_gap.c: what is measured and when, never how long something took.
 */
#include "vu_sched.h"

#include <errno.h>

#include "fake_task.h"
#include "test.h"

static uint64_t
nb_gaps(const struct vu_sched *sched, unsigned int worker_idx)
{
	struct vu_sched_gaps gaps;
	uint64_t total = 0;

	vu_sched_gap_get(sched, worker_idx, &gaps);
	for (unsigned int i = 0; i < VU_NB_GAP_BUCKETS; i++)
		total += gaps.nb_gaps[i];
	return total;
}

static void
wait_for_gaps(const struct vu_sched *sched, unsigned int worker_idx)
{
	WAIT_UNTIL(nb_gaps(sched, worker_idx) >= 100);
}

VU_TEST(sched_gap, measures_nothing_unless_asked)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fake = fake_tasks_create(1);
	struct rig_loop loop;
	struct vu_sched_gaps gaps;

	CHECK_EQ(vu_sched_gap_get(sched, 2, &gaps), -EINVAL);
	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 1), 0);
	rig_loop_start(&loop, sched, 1);
	wait_for_polls(fake, 1);
	CHECK_EQ(vu_sched_gap_get(sched, 1, &gaps), 0);
	CHECK_EQ(gaps.lcore_id, 7);
	CHECK(!gaps.is_measuring);
	CHECK_EQ(nb_gaps(sched, 1), 0);
	CHECK_EQ(gaps.longest_cycles, 0);
	CHECK_EQ(rig_loop_stop(&loop), 0);
	vu_sched_destroy(sched);
	free(fake);
}

/* The longest gap is in the highest bucket that has any, and what was measured stays. */
VU_TEST(sched_gap, counts_every_turn_while_on)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct rig_loop loop;
	struct vu_sched_gaps gaps;
	unsigned int highest = 0;

	rig_loop_start(&loop, sched, 0);
	vu_sched_gap_start(sched);
	wait_for_gaps(sched, 0);
	CHECK_EQ(vu_sched_gap_get(sched, 0, &gaps), 0);
	CHECK(gaps.is_measuring);
	vu_sched_gap_stop(sched);
	CHECK_EQ(rig_loop_stop(&loop), 0);
	CHECK_EQ(vu_sched_gap_get(sched, 0, &gaps), 0);
	CHECK(!gaps.is_measuring);
	for (unsigned int i = 0; i < VU_NB_GAP_BUCKETS; i++)
		highest = gaps.nb_gaps[i] != 0 ? i : highest;
	CHECK_EQ(gaps.longest_cycles >> highest, 1);
	/* The other worker runs no loop. */
	CHECK_EQ(nb_gaps(sched, 1), 0);
	vu_sched_destroy(sched);
}

VU_TEST(sched_gap, starts_again)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct rig_loop loop;

	vu_sched_gap_start(sched);
	rig_loop_start(&loop, sched, 0);
	wait_for_gaps(sched, 0);
	CHECK_EQ(rig_loop_stop(&loop), 0);
	CHECK(nb_gaps(sched, 0) >= 100);
	vu_sched_gap_start(sched);
	CHECK_EQ(nb_gaps(sched, 0), 0);
	/* Also when it is ended before a loop got to it. */
	vu_sched_gap_stop(sched);
	rig_loop_start(&loop, sched, 0);
	CHECK_EQ(rig_loop_stop(&loop), 0);
	CHECK_EQ(nb_gaps(sched, 0), 0);
	vu_sched_destroy(sched);
}

/* A loop that measures still does its work and still stops. */
VU_TEST(sched_gap, loop_works_while_measuring)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fake = fake_tasks_create(1);
	struct rig_loop loop;
	bool is_over = false;
	struct vu_sched_wait wait;

	rig_loop_start(&loop, sched, 0);
	for (uint32_t round = 1; round <= 10; round++) {
		vu_sched_gap_start(sched);
		CHECK_EQ(vu_sched_task_add(sched, &fake->task, 0), 0);
		wait_for_polls(fake, round);
		is_over = false;
		vu_sched_wait_init(&wait, set_flag, &is_over);
		CHECK_EQ(vu_sched_task_remove(sched, &fake->task, &wait), 0);
		if (round % 2 == 0)
			vu_sched_gap_stop(sched);
		rig_settle(sched);
		CHECK(is_over);
	}
	CHECK_EQ(rig_loop_stop(&loop), 0);
	vu_sched_destroy(sched);
	free(fake);
}
