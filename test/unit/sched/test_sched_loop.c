/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of sched_loop.c and sched.c: which tasks a turn polls, who owns them, life of the loops.
 */
#include "vu_sched.h"

#include <errno.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "fake_task.h"
#include "test.h"

VU_TEST(sched_loop, create_checks_lcores)
{
	const unsigned int repeated[] = { 1, 2, 1 };
	const unsigned int beyond[] = { RTE_MAX_LCORE };
	const unsigned int good[] = { 3, 0 };
	struct vu_sched *sched;

	rte_errno = 0;
	CHECK(vu_sched_create(repeated, 3) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
	CHECK(vu_sched_create(beyond, 1) == NULL);
	CHECK(vu_sched_create(good, 0) == NULL);
	CHECK(vu_sched_create(good, RTE_MAX_LCORE + 1) == NULL);
	sched = vu_sched_create(good, 2);
	CHECK(sched != NULL);
	CHECK_EQ(vu_sched_nb_workers(sched), 2);
	CHECK_EQ(vu_sched_worker_lcore(sched, 0), 3);
	CHECK_EQ(vu_sched_worker_lcore(sched, 1), 0);
	CHECK_EQ(vu_sched_worker_lcore(sched, 2), LCORE_ID_ANY);
	CHECK_EQ(vu_sched_lcore_worker(sched, 3), 0);
	CHECK_EQ(vu_sched_lcore_worker(sched, 0), 1);
	CHECK_EQ(vu_sched_lcore_worker(sched, 1), -1);
	CHECK_EQ(vu_sched_lcore_worker(sched, LCORE_ID_ANY), -1);
	vu_sched_destroy(sched);
	vu_sched_destroy(NULL);
}

VU_TEST(sched_loop, unknown_worker_is_refused)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task fake;

	fake_task_init(&fake);
	CHECK_EQ(vu_sched_turn(sched, 2), -EINVAL);
	CHECK_EQ(vu_sched_loop(sched, 2), -EINVAL);
	CHECK_EQ(vu_sched_worker_stop(sched, 2), -EINVAL);
	CHECK_EQ(vu_sched_task_add(sched, &fake.task, 2), -EINVAL);
	CHECK(!vu_sched_worker_is_running(sched, 2));
	vu_sched_destroy(sched);
}

VU_TEST(sched_loop, turn_polls_what_changed)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fakes = fake_tasks_create(9);

	for (unsigned int i = 0; i < 9; i++)
		CHECK_EQ(vu_sched_task_add(sched, &fakes[i].task, 0), 0);
	CHECK_EQ(fakes[8].nb_polls, 0);
	CHECK_EQ(vu_sched_turn(sched, 0), 0); /* each once at first */
	CHECK_EQ(vu_sched_turn(sched, 0), 0);
	for (unsigned int i = 0; i < 9; i++)
		CHECK_EQ(fakes[i].nb_polls, 1);
	for (unsigned int i = 0; i < 9; i++) {
		fakes[i].word += 5;
		CHECK_EQ(vu_sched_turn(sched, 0), 5);
		CHECK_EQ(vu_sched_turn(sched, 0), 0);
		for (unsigned int other = 0; other < 9; other++)
			CHECK_EQ(fakes[other].nb_polls, other <= i ? 2 : 1);
	}
	fakes[0].word += 2;
	fakes[3].word += 3;
	fakes[8].word += 4;
	CHECK_EQ(vu_sched_turn(sched, 0), 9);
	CHECK_EQ(vu_sched_turn(sched, 1), 0);
	vu_sched_destroy(sched);
	CHECK_EQ(vu_task_worker(&fakes[0].task), -1);
	free(fakes);
}

/* A task whose poll sets the idle word that the case wants. */
struct idler {
	struct vu_task task;
	struct vu_idle_word next;
	unsigned int nb_polls;
};

static uint32_t
idler_poll(struct vu_task *task)
{
	struct idler *idler = task->arg;

	task->idle_word = idler->next;
	idler->nb_polls++;
	return 0;
}

VU_TEST(sched_loop, mask_selects_bits)
{
	static _Alignas(4) uint16_t ring[4];
	struct vu_sched *sched = rig_sched_create(2);
	struct idler idler = {
		/* The upper half at a 2-byte boundary: ring[2]. */
		.next = { .idle = 7u << 16, .mask = 0xffff0000 },
	};

	idler.next.word = (const uint32_t *)(const void *)&ring[1];
	ring[2] = 7;
	vu_task_init(&idler.task, idler_poll, &idler);
	CHECK_EQ(vu_sched_task_add(sched, &idler.task, 1), 0);
	CHECK_EQ(vu_sched_turn(sched, 1), 0);
	ring[0] = ring[1] = ring[3] = 0xffff;
	CHECK_EQ(vu_sched_turn(sched, 1), 0);
	CHECK_EQ(idler.nb_polls, 1);
	ring[2] = 8;
	CHECK_EQ(vu_sched_turn(sched, 1), 0);
	CHECK_EQ(idler.nb_polls, 2);
	vu_sched_destroy(sched);
}

VU_TEST(sched_loop, never_and_always)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct idler never = {.next = VU_IDLE_WORD_NEVER}, always = {.next = VU_IDLE_WORD_ALWAYS};

	vu_task_init(&never.task, idler_poll, &never);
	vu_task_init(&always.task, idler_poll, &always);
	CHECK_EQ(vu_sched_task_add(sched, &never.task, 0), 0);
	CHECK_EQ(vu_sched_task_add(sched, &always.task, 0), 0);
	for (unsigned int turn = 0; turn < 10; turn++)
		CHECK_EQ(vu_sched_turn(sched, 0), 0);
	CHECK_EQ(never.nb_polls, 1);
	CHECK_EQ(always.nb_polls, 10);
	vu_sched_destroy(sched);
}

VU_TEST(sched_loop, owner_is_the_polling_thread)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fakes = fake_tasks_create(2);
	struct rig_loop loop;

	CHECK(!vu_task_is_mine(&fakes[0].task));
	CHECK_EQ(vu_sched_task_add(sched, &fakes[0].task, 0), 0);
	CHECK_EQ(vu_sched_task_add(sched, &fakes[1].task, 1), 0);
	CHECK(!vu_task_is_mine(&fakes[0].task));
	vu_sched_turn(sched, 0);
	CHECK_EQ(fakes[0].nb_polls_mine, 1);
	CHECK(!vu_task_is_mine(&fakes[0].task));
	rig_loop_start(&loop, sched, 1);
	wait_for_polls(&fakes[1], 1);
	CHECK(!vu_task_is_mine(&fakes[1].task));
	CHECK_EQ(rig_loop_stop(&loop), 0);
	CHECK_EQ(fakes[1].nb_polls_mine, 1);
	vu_sched_destroy(sched);
	free(fakes);
}

VU_TEST(sched_loop, one_thread_per_worker)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct rig_loop loop;

	rig_loop_start(&loop, sched, 0);
	CHECK_EQ(vu_sched_loop(sched, 0), -EBUSY);
	CHECK_EQ(vu_sched_turn(sched, 0), -EBUSY);
	CHECK_EQ(vu_sched_turn(sched, 1), 0);
	CHECK_EQ(rig_loop_stop(&loop), 0);
	CHECK(!vu_sched_worker_is_running(sched, 0));
	CHECK_EQ(vu_sched_turn(sched, 0), 0);
	vu_sched_destroy(sched);
}

VU_TEST(sched_loop, early_stop_is_kept)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct rig_loop loop;

	CHECK_EQ(vu_sched_worker_stop(sched, 0), 0);
	CHECK_EQ(vu_sched_loop(sched, 0), 0); /* would not return */
	rig_loop_start(&loop, sched, 0);   /* the request was used up */
	vu_sched_stop(sched);
	CHECK(!vu_sched_worker_is_running(sched, 0));
	CHECK_EQ(rig_loop_join(&loop), 0);
	vu_sched_destroy(sched);
}

VU_TEST(sched_loop, start_needs_data_lcores)
{
	const unsigned int main_lcore[] = { rte_get_main_lcore() };
	const unsigned int unused[] = { RTE_MAX_LCORE - 1 };
	struct vu_sched *sched = vu_sched_create(main_lcore, 1);

	CHECK_EQ(vu_sched_start(sched), -EINVAL);
	vu_sched_destroy(sched);
	sched = vu_sched_create(unused, 1);
	CHECK_EQ(vu_sched_start(sched), -EINVAL);
	vu_sched_stop(sched);
	vu_sched_destroy(sched);
}

VU_TEST(sched_loop, start_and_stop_on_lcore)
{
	const unsigned int lcore_id = rte_get_next_lcore(-1, 1, 0);
	struct fake_task *fake;
	struct vu_sched *sched;

	if (lcore_id >= RTE_MAX_LCORE)
		expect_skip();
	sched = vu_sched_create(&lcore_id, 1);
	fake = fake_tasks_create(1);
	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 0), 0);
	for (uint32_t round = 1; round <= 3; round++) {
		CHECK_EQ(vu_sched_start(sched), 0);
		CHECK_EQ(vu_sched_start(sched), -EBUSY);
		vu_sched_task_wake(sched, &fake->task);
		wait_for_polls(fake, round);
		vu_sched_stop(sched);
		vu_sched_stop(sched);
		CHECK_EQ(rte_eal_get_lcore_state(lcore_id), WAIT);
	}
	vu_sched_destroy(sched);
	free(fake);
}

/* Finds that many items in the first poll and in every later one. */
struct giver {
	struct vu_task task;
	uint32_t nb_items;
	uint32_t nb_items_later;
	uint32_t nb_polls;
};

static uint32_t
giver_poll(struct vu_task *task)
{
	struct giver *giver = task->arg;

	return giver->nb_polls++ == 0 ? giver->nb_items : giver->nb_items_later;
}

VU_TEST(sched_loop, busy_task_beside_many_idle_ones_is_polled_again)
{
	static const struct {
		unsigned int nb_idle;
		uint32_t nb_items;
		uint32_t nb_items_later;
		uint32_t nb_polls;
	} rows[] = {
		{ 31, 32, 32, 1 },   /* one burst pays for a look at 31 idle tasks */
		{ 99, 32, 32, 4 },   /* 128 items for 100 tasks */
		{ 999, 32, 32, 16 }, /* as many passes as there may be */
		{ 999, 15, 15, 1 },  /* too little work to come back for */
		{ 999, 32, 15, 2 },  /* the same, found out by coming back */
		{ 999, 1000, 1000, 1 },
	};

	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct vu_sched *sched = rig_sched_create(2);
		struct fake_task *fakes = fake_tasks_create(rows[i].nb_idle);
		struct giver giver = {
			.nb_items = rows[i].nb_items, .nb_items_later = rows[i].nb_items_later,
		};

		for (unsigned int n = 0; n < rows[i].nb_idle; n++)
			CHECK_EQ(vu_sched_task_add(sched, &fakes[n].task, 0), 0);
		vu_task_init(&giver.task, giver_poll, &giver);
		CHECK_EQ(vu_sched_task_add(sched, &giver.task, 0), 0);
		CHECK_EQ(vu_sched_turn(sched, 0), rows[i].nb_items +
			(rows[i].nb_polls - 1) * rows[i].nb_items_later);
		CHECK_EQ(giver.nb_polls, rows[i].nb_polls);
		for (unsigned int n = 0; n < rows[i].nb_idle; n++)
			CHECK_EQ(fakes[n].nb_polls, 1);
		vu_sched_destroy(sched);
		free(fakes);
	}
}
