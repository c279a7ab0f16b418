/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of sched_quiesce.c: what a grace period waits for, and what its function may do.
 */
#include "vu_quiesce.h"

#include "fake_task.h"
#include "test.h"

VU_TEST(sched_quiesce, no_loop_is_over_at_next_poll)
{
	struct vu_sched *sched = fake_sched_create();
	struct vu_sched_wait wait;
	bool is_done = false;

	CHECK_EQ(vu_sched_poll(sched), UINT64_MAX);
	vu_sched_wait_init(&wait, set_flag, &is_done);
	CHECK(!vu_sched_wait_is_pending(&wait));
	vu_quiesce_start(sched, &wait);
	CHECK(vu_sched_wait_is_pending(&wait));
	CHECK(!is_done);
	CHECK_EQ(vu_sched_poll(sched), UINT64_MAX);
	CHECK(is_done);
	CHECK(!vu_sched_wait_is_pending(&wait));
	vu_sched_destroy(sched);
	return TEST_SUCCESS;
}

VU_TEST(sched_quiesce, waits_for_the_turn_under_way)
{
	struct vu_sched *sched = fake_sched_create();
	struct fake_task *gate = fake_tasks_create(1);
	struct vu_sched_wait wait;
	struct loop_thread loop;
	bool is_done = false;
	uint64_t delay_us = 0;

	gate->is_gated = 1;
	CHECK_EQ(vu_sched_task_add(sched, &gate->task, 1), 0);
	loop_thread_start(&loop, sched, 1); /* worker 0 does not run and delays nothing */
	wait_until_inside(gate);
	vu_sched_wait_init(&wait, set_flag, &is_done);
	vu_quiesce_start(sched, &wait);
	for (unsigned int i = 0; i < 20; i++) {
		CHECK(vu_sched_poll(sched) >= delay_us); /* asks less and less often */
		delay_us = vu_sched_poll(sched);
		CHECK(delay_us < 1000);
	}
	CHECK(!is_done);
	vu_store_release(&gate->is_gated, 0);
	sched_settle(sched);
	CHECK(is_done);
	CHECK_EQ(loop_thread_stop(&loop), 0);
	vu_sched_destroy(sched);
	free(gate);
	return TEST_SUCCESS;
}

VU_TEST(sched_quiesce, ended_loop_delays_nothing)
{
	struct vu_sched *sched = fake_sched_create();
	struct fake_task *gate = fake_tasks_create(1);
	struct vu_sched_wait wait;
	struct loop_thread loop;
	bool is_done = false;

	gate->is_gated = 1;
	CHECK_EQ(vu_sched_task_add(sched, &gate->task, 0), 0);
	loop_thread_start(&loop, sched, 0);
	wait_until_inside(gate);
	vu_sched_wait_init(&wait, set_flag, &is_done);
	vu_quiesce_start(sched, &wait);
	vu_sched_worker_stop(sched, 0);
	CHECK(vu_sched_poll(sched) != UINT64_MAX);
	vu_store_release(&gate->is_gated, 0);
	CHECK_EQ(loop_thread_stop(&loop), 0);
	CHECK_EQ(vu_sched_poll(sched), UINT64_MAX);
	CHECK(is_done);
	vu_sched_destroy(sched);
	free(gate);
	return TEST_SUCCESS;
}

/* A token covers commands sent before it: the kick is answered without a look at the old word. */
VU_TEST(sched_quiesce, covers_commands_sent_before)
{
	struct vu_sched *sched = fake_sched_create();
	struct fake_task *fakes = fake_tasks_create(2);
	struct vu_sched_wait wait;
	struct loop_thread loop;
	bool is_done = false;

	vu_sched_wait_init(&wait, set_flag, &is_done);
	for (unsigned int i = 0; i < 2; i++)
		CHECK_EQ(vu_sched_task_add(sched, &fakes[i].task, 0), 0);
	loop_thread_start(&loop, sched, 0);
	for (uint32_t round = 1; round < 50; round++) {
		wait_for_polls(&fakes[1], round);
		vu_sched_task_kick(sched, &fakes[1].task);
		is_done = false;
		vu_quiesce_start(sched, &wait);
		sched_settle(sched);
		CHECK(is_done);
	}
	CHECK_EQ(loop_thread_stop(&loop), 0);
	vu_sched_destroy(sched);
	free(fakes);
	return TEST_SUCCESS;
}

struct chain {
	struct vu_sched *sched;
	struct vu_sched_wait wait;
	struct vu_sched_wait *to_cancel;
	unsigned int nb_left;
	unsigned int nb_calls;
};

static void
chain_step(void *arg)
{
	struct chain *chain = arg;

	chain->nb_calls++;
	if (chain->to_cancel != NULL)
		vu_quiesce_cancel(chain->sched, chain->to_cancel);
	if (chain->nb_left-- > 0)
		vu_quiesce_start(chain->sched, &chain->wait);
}

static void
chain_init(struct chain *chain, struct vu_sched *sched, unsigned int nb_left)
{
	*chain = (struct chain){ .sched = sched, .nb_left = nb_left };
	vu_sched_wait_init(&chain->wait, chain_step, chain);
}

VU_TEST(sched_quiesce, function_may_start_again)
{
	struct vu_sched *sched = fake_sched_create();
	struct chain chain;

	chain_init(&chain, sched, 2);
	vu_quiesce_start(sched, &chain.wait);
	CHECK(vu_sched_poll(sched) != UINT64_MAX); /* one step per call */
	CHECK_EQ(chain.nb_calls, 1);
	CHECK(vu_sched_poll(sched) != UINT64_MAX);
	CHECK_EQ(vu_sched_poll(sched), UINT64_MAX);
	CHECK_EQ(chain.nb_calls, 3);
	vu_sched_destroy(sched);
	return TEST_SUCCESS;
}

VU_TEST(sched_quiesce, cancelled_wait_is_not_called)
{
	struct vu_sched *sched = fake_sched_create();
	struct chain chains[3];

	for (unsigned int i = 0; i < 3; i++) {
		chain_init(&chains[i], sched, 0);
		vu_quiesce_start(sched, &chains[i].wait);
	}
	vu_quiesce_cancel(sched, &chains[1].wait);
	vu_quiesce_cancel(sched, &chains[1].wait);
	chains[0].to_cancel = &chains[2].wait; /* over already, its function is the next one */
	CHECK_EQ(vu_sched_poll(sched), UINT64_MAX);
	CHECK_EQ(chains[0].nb_calls, 1);
	CHECK_EQ(chains[1].nb_calls, 0);
	CHECK_EQ(chains[2].nb_calls, 0);
	vu_quiesce_start(sched, &chains[1].wait);
	CHECK_EQ(vu_sched_poll(sched), UINT64_MAX);
	CHECK_EQ(chains[1].nb_calls, 1);
	vu_sched_destroy(sched);
	return TEST_SUCCESS;
}

VU_TEST(sched_quiesce, function_may_free_its_wait)
{
	struct vu_sched *sched = fake_sched_create();

	for (unsigned int i = 0; i < 5; i++) {
		struct vu_sched_wait *wait = malloc(sizeof(*wait));

		vu_sched_wait_init(wait, free, wait);
		vu_quiesce_start(sched, wait);
	}
	CHECK_EQ(vu_sched_poll(sched), UINT64_MAX);
	vu_sched_destroy(sched);
	return TEST_SUCCESS;
}

VU_TEST(sched_quiesce, destroy_completes_waits)
{
	struct vu_sched *sched = fake_sched_create();
	struct fake_task *fake = fake_tasks_create(1);
	struct chain chain;
	struct vu_sched_wait removal;
	bool is_removed = false;

	chain_init(&chain, sched, 3);
	vu_quiesce_start(sched, &chain.wait);
	vu_sched_wait_init(&removal, set_flag, &is_removed);
	CHECK_EQ(vu_sched_task_add(sched, &fake->task, 0), 0);
	CHECK_EQ(vu_sched_task_remove(sched, &fake->task, &removal), 0);
	vu_sched_destroy(sched);
	CHECK_EQ(chain.nb_calls, 4);
	CHECK(is_removed);
	free(fake);
	return TEST_SUCCESS;
}
