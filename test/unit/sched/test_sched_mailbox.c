/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of sched_mailbox.c and sched_task.c: commands take effect once, in order, and none is lost
 * while tasks are woken, moved and removed or arrays grow. The gate of a fake task keeps the loop
 * busy, so that commands pile up.
 */
#include "vu_sched.h"

#include <errno.h>
#include <sys/mman.h>

#include "fake_task.h"
#include "test.h"

#define NB_MANY 1000 /* several times the first capacity of a table */

VU_TEST(sched_mailbox, wrong_order_is_refused)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fake = fake_tasks_create(1);
	struct vu_sched_wait wait, other;
	bool is_done = false;

	vu_sched_wait_init(&wait, set_flag, &is_done);
	vu_sched_wait_init(&other, set_flag, &is_done);
	vu_sched_task_wake(sched, &fake->task);
	CHECK_EQ(vu_sched_task_remove(sched, &fake->task, &wait), -EINVAL);
	CHECK_EQ(vu_sched_task_move(sched, &fake->task, 1), -EINVAL);
	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 0), 0);
	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 1), -EEXIST);
	CHECK_EQ(vu_sched_task_move(sched, &fake->task, 2), -EINVAL);
	CHECK_EQ(vu_sched_task_remove(sched, &fake->task, &wait), 0);
	CHECK(vu_sched_wait_is_pending(&wait));
	CHECK_EQ(vu_sched_task_remove(sched, &fake->task, &other), -EALREADY);
	CHECK_EQ(vu_sched_task_move(sched, &fake->task, 1), -EALREADY);
	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 1), -EEXIST);
	vu_sched_task_wake(sched, &fake->task);
	CHECK(!is_done);
	CHECK_EQ(vu_task_worker(&fake->task), -1);
	rig_settle(sched);
	CHECK(is_done);
	CHECK(!vu_sched_wait_is_pending(&wait));
	vu_sched_turn(sched, 0);
	CHECK_EQ(fake->nb_polls, 0);
	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 1), 0);
	CHECK_EQ(vu_task_worker(&fake->task), 1);
	vu_sched_destroy(sched);
	free(fake);
}

VU_TEST(sched_mailbox, other_scheduler_is_refused)
{
	struct vu_sched *sched = rig_sched_create(2), *stranger = rig_sched_create(2);
	struct fake_task *fake = fake_tasks_create(1);
	struct vu_sched_wait wait;

	vu_sched_wait_init(&wait, NULL, NULL);
	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 0), 0);
	vu_sched_turn(sched, 0);
	CHECK_EQ(vu_sched_task_remove(stranger, &fake->task, &wait), -EINVAL);
	CHECK_EQ(vu_sched_task_move(stranger, &fake->task, 1), -EINVAL);
	vu_sched_task_wake(stranger, &fake->task);
	vu_sched_turn(sched, 0);
	CHECK_EQ(fake->nb_polls, 1);
	vu_sched_destroy(stranger);
	vu_sched_destroy(sched);
	free(fake);
}

VU_TEST(sched_mailbox, wake_polls_once)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fake = fake_tasks_create(1);

	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 0), 0);
	vu_sched_turn(sched, 0);
	vu_sched_task_wake(sched, &fake->task);
	vu_sched_task_wake(sched, &fake->task);
	CHECK_EQ(fake->nb_polls, 1);
	for (unsigned int turn = 0; turn < 3; turn++)
		vu_sched_turn(sched, 0);
	CHECK_EQ(fake->nb_polls, 2);
	vu_sched_task_wake(sched, &fake->task);
	vu_sched_turn(sched, 0);
	CHECK_EQ(fake->nb_polls, 3);
	vu_sched_destroy(sched);
	free(fake);
}

/* The first poll sets an idle word in a page that goes away, the second one does not. */
struct page_idler {
	struct vu_task task;
	const uint32_t *word;
};

static uint32_t
page_idler_poll(struct vu_task *task)
{
	struct page_idler *idler = task->arg;

	if (idler->word != NULL)
		task->idle_word = (struct vu_idle_word){ .word = idler->word, .mask = 1 };
	else
		task->idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
	idler->word = NULL;
	return 0;
}

VU_TEST(sched_mailbox, wake_does_not_read_old_word)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct page_idler idler;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	idler.word = page;
	vu_task_init(&idler.task, page_idler_poll, &idler);
	CHECK_EQ(vu_sched_task_add(sched, &idler.task, 0), 0);
	vu_sched_turn(sched, 0);
	vu_sched_turn(sched, 0);
	munmap(page, 4096);
	vu_sched_task_wake(sched, &idler.task);
	vu_sched_turn(sched, 0);
	vu_sched_turn(sched, 0);
	vu_sched_destroy(sched);
}

VU_TEST(sched_mailbox, removal_keeps_order)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fakes = fake_tasks_create(10);
	const unsigned int removed[] = { 3, 0, 9, 4 };
	const unsigned int left[] = { 1, 2, 5, 6, 7, 8 };
	struct vu_sched_wait waits[RTE_DIM(removed)];
	uint32_t order = 0;

	for (unsigned int i = 0; i < 10; i++)
		CHECK_EQ(vu_sched_task_add(sched, &fakes[i].task, 0), 0);
	vu_sched_turn(sched, 0);
	for (unsigned int i = 0; i < RTE_DIM(removed); i++) {
		vu_sched_wait_init(&waits[i], NULL, NULL);
		CHECK_EQ(vu_sched_task_remove(sched, &fakes[removed[i]].task, &waits[i]), 0);
	}
	rig_settle(sched);
	for (unsigned int i = 0; i < RTE_DIM(left); i++) {
		fakes[left[i]].order = &order;
		vu_sched_task_wake(sched, &fakes[left[i]].task);
	}
	vu_sched_turn(sched, 0);
	for (unsigned int i = 0; i < RTE_DIM(left); i++) {
		CHECK_EQ(fakes[left[i]].nb_polls, 2);
		CHECK_EQ(fakes[left[i]].polled_as, i + 1);
	}
	for (unsigned int i = 0; i < RTE_DIM(removed); i++)
		CHECK_EQ(fakes[removed[i]].nb_polls, 1);
	vu_sched_destroy(sched);
	free(fakes);
}

VU_TEST(sched_mailbox, grows_without_loop)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fakes = fake_tasks_create(NB_MANY);

	for (unsigned int i = 0; i < NB_MANY; i++)
		CHECK_EQ(vu_sched_task_add(sched, &fakes[i].task, 0), 0);
	vu_sched_turn(sched, 0);
	for (unsigned int i = 0; i < NB_MANY; i++)
		vu_sched_task_wake(sched, &fakes[i].task);
	vu_sched_turn(sched, 0);
	for (unsigned int i = 0; i < NB_MANY; i++)
		CHECK_EQ(fakes[i].nb_polls, 2);
	vu_sched_destroy(sched);
	free(fakes);
}

static void
count_done(void *arg)
{
	++*(unsigned int *)arg;
}

/* Every task has its three commands under way, through all the tables that takes. */
VU_TEST(sched_mailbox, holds_all_commands_of_a_busy_loop)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fakes = fake_tasks_create(NB_MANY);
	struct fake_task *gate = fake_tasks_create(1);
	struct vu_sched_wait *waits = calloc(NB_MANY, sizeof(*waits));
	struct rig_loop loop;
	unsigned int nb_done = 0;

	gate->is_gated = 1;
	CHECK_EQ(vu_sched_task_add(sched, &gate->task, 0), 0);
	rig_loop_start(&loop, sched, 0);
	wait_until_inside(gate);
	for (unsigned int i = 0; i < NB_MANY; i++) {
		CHECK_EQ(vu_sched_task_add(sched, &fakes[i].task, 0), 0);
		for (unsigned int wake = 0; wake < 5; wake++)
			vu_sched_task_wake(sched, &fakes[i].task);
		if (i % 4 == 1)
			continue;
		vu_sched_wait_init(&waits[i], count_done, &nb_done);
		CHECK_EQ(vu_sched_task_remove(sched, &fakes[i].task, &waits[i]), 0);
	}
	CHECK(vu_sched_poll(sched) != UINT64_MAX);
	CHECK_EQ(nb_done, 0);
	vu_store_release(&gate->is_gated, 0);
	rig_settle(sched);
	CHECK_EQ(nb_done, NB_MANY / 4 * 3);
	for (unsigned int i = 1; i < NB_MANY; i += 4)
		wait_for_polls(&fakes[i], 1);
	CHECK_EQ(rig_loop_stop(&loop), 0);
	for (unsigned int i = 0; i < NB_MANY; i++)
		CHECK_EQ(fakes[i].nb_polls, i % 4 == 1);
	vu_sched_destroy(sched);
	free(waits);
	free(gate);
	free(fakes);
}

VU_TEST(sched_mailbox, removal_waits_for_the_loop)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fakes = fake_tasks_create(2);
	struct vu_sched_wait wait;
	struct rig_loop loop;
	bool is_done = false;

	fakes[0].is_gated = 1;
	for (unsigned int i = 0; i < 2; i++)
		CHECK_EQ(vu_sched_task_add(sched, &fakes[i].task, 0), 0);
	rig_loop_start(&loop, sched, 0);
	wait_until_inside(&fakes[0]);
	vu_sched_wait_init(&wait, set_flag, &is_done);
	CHECK_EQ(vu_sched_task_remove(sched, &fakes[1].task, &wait), 0);
	for (unsigned int i = 0; i < 10; i++)
		CHECK(vu_sched_poll(sched) != UINT64_MAX);
	CHECK(!is_done);
	vu_store_release(&fakes[0].is_gated, 0);
	rig_settle(sched);
	CHECK(is_done);
	CHECK(vu_load(&fakes[1].task.owner) == NULL);
	CHECK_EQ(rig_loop_stop(&loop), 0);
	vu_sched_destroy(sched);
	free(fakes);
}

/* Commands left behind by a loop that ended are handled by the control lcore. */
VU_TEST(sched_mailbox, ended_loop_leaves_nothing)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fakes = fake_tasks_create(2);
	struct vu_sched_wait wait;
	struct rig_loop loop;
	bool is_done = false;

	fakes[0].is_gated = 1;
	CHECK_EQ(vu_sched_task_add(sched, &fakes[0].task, 0), 0);
	rig_loop_start(&loop, sched, 0);
	wait_until_inside(&fakes[0]);
	vu_sched_worker_stop(sched, 0);
	CHECK_EQ(vu_sched_task_add(sched, &fakes[1].task, 0), 0);
	vu_sched_wait_init(&wait, set_flag, &is_done);
	CHECK_EQ(vu_sched_task_remove(sched, &fakes[0].task, &wait), 0);
	vu_store_release(&fakes[0].is_gated, 0);
	CHECK_EQ(rig_loop_stop(&loop), 0);
	rig_settle(sched);
	CHECK(is_done);
	vu_sched_turn(sched, 0);
	CHECK_EQ(fakes[0].nb_polls, 1);
	CHECK_EQ(fakes[1].nb_polls, 1);
	vu_sched_destroy(sched);
	free(fakes);
}

VU_TEST(sched_mailbox, move_polls_on_arrival)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fake = fake_tasks_create(1);

	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 0), 0);
	vu_sched_turn(sched, 0);
	CHECK_EQ(vu_sched_task_move(sched, &fake->task, 0), 0);
	CHECK_EQ(vu_sched_poll(sched), UINT64_MAX);
	CHECK_EQ(vu_sched_task_move(sched, &fake->task, 1), 0);
	CHECK_EQ(vu_task_worker(&fake->task), 1);
	vu_sched_task_wake(sched, &fake->task);
	vu_sched_turn(sched, 0);
	vu_sched_turn(sched, 1);
	CHECK_EQ(fake->nb_polls, 1); /* in no array until vu_sched_poll() */
	rig_settle(sched);
	vu_sched_turn(sched, 0);
	CHECK_EQ(fake->nb_polls, 1);
	vu_sched_turn(sched, 1);
	CHECK_EQ(fake->nb_polls, 2);
	CHECK_EQ(fake->nb_polls_mine, 2);
	vu_sched_turn(sched, 1);
	CHECK_EQ(fake->nb_polls, 2);
	vu_sched_destroy(sched);
	free(fake);
}

VU_TEST(sched_mailbox, move_can_turn_back)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fake = fake_tasks_create(1);

	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 0), 0);
	vu_sched_turn(sched, 0);
	CHECK_EQ(vu_sched_task_move(sched, &fake->task, 1), 0);
	CHECK_EQ(vu_sched_task_move(sched, &fake->task, 0), 0);
	CHECK_EQ(vu_sched_task_move(sched, &fake->task, 1), 0);
	CHECK_EQ(vu_sched_task_move(sched, &fake->task, 0), 0);
	rig_settle(sched);
	vu_sched_turn(sched, 1);
	CHECK_EQ(fake->nb_polls, 1);
	vu_sched_turn(sched, 0);
	CHECK_EQ(fake->nb_polls, 2);
	CHECK_EQ(vu_task_worker(&fake->task), 0);
	vu_sched_destroy(sched);
	free(fake);
}

VU_TEST(sched_mailbox, removal_ends_a_move)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fake = fake_tasks_create(1);
	struct vu_sched_wait wait;
	bool is_done = false;

	vu_sched_wait_init(&wait, set_flag, &is_done);
	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 0), 0);
	CHECK_EQ(vu_sched_task_move(sched, &fake->task, 1), 0);
	CHECK_EQ(vu_sched_task_remove(sched, &fake->task, &wait), 0);
	rig_settle(sched);
	CHECK(is_done);
	vu_sched_turn(sched, 0);
	vu_sched_turn(sched, 1);
	CHECK_EQ(fake->nb_polls, 0);
	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 1), 0);
	CHECK_EQ(vu_sched_task_move(sched, &fake->task, 0), 0);
	rig_settle(sched);
	vu_sched_turn(sched, 0);
	CHECK_EQ(fake->nb_polls, 1);
	vu_sched_destroy(sched);
	free(fake);
}

VU_TEST(sched_mailbox, moves_between_running_loops)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fake = fake_tasks_create(1);
	struct rig_loop loops[2];

	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 0), 0);
	for (unsigned int i = 0; i < 2; i++)
		rig_loop_start(&loops[i], sched, i);
	for (uint32_t move = 1; move <= 20; move++) {
		CHECK_EQ(vu_sched_task_move(sched, &fake->task, move & 1), 0);
		rig_settle(sched);
		wait_for_polls(fake, move); /* the first poll may have been left out */
	}
	vu_sched_stop(sched);
	for (unsigned int i = 0; i < 2; i++)
		rig_loop_join(&loops[i]);
	CHECK_EQ(fake->nb_polls_mine, fake->nb_polls);
	vu_sched_destroy(sched);
	free(fake);
}
