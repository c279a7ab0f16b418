/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of sched_quiesce.c: what a grace period waits for, and what its function may do.
 * A trap stops a loop inside its mailbox, at the command that touches a task on a closed page.
 */
#include "vu_quiesce.h"

#include <signal.h>
#include <sys/mman.h>

#include "fake_task.h"
#include "test.h"

VU_TEST(sched_quiesce, no_loop_is_over_at_next_poll)
{
	struct vu_sched *sched = rig_sched_create(2);
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
}

VU_TEST(sched_quiesce, waits_for_the_turn_under_way)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *gate = fake_tasks_create(1);
	struct vu_sched_wait wait;
	struct rig_loop loop;
	bool is_done = false;
	uint64_t delay_us = 0;

	gate->is_gated = 1;
	CHECK_EQ(vu_sched_task_add(sched, &gate->task, 1), 0);
	rig_loop_start(&loop, sched, 1); /* worker 0 does not run and delays nothing */
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
	rig_settle(sched);
	CHECK(is_done);
	CHECK_EQ(rig_loop_stop(&loop), 0);
	vu_sched_destroy(sched);
	free(gate);
}

VU_TEST(sched_quiesce, ended_loop_delays_nothing)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *gate = fake_tasks_create(1);
	struct vu_sched_wait wait;
	struct rig_loop loop;
	bool is_done = false;

	gate->is_gated = 1;
	CHECK_EQ(vu_sched_task_add(sched, &gate->task, 0), 0);
	rig_loop_start(&loop, sched, 0);
	wait_until_inside(gate);
	vu_sched_wait_init(&wait, set_flag, &is_done);
	vu_quiesce_start(sched, &wait);
	vu_sched_worker_stop(sched, 0);
	CHECK(vu_sched_poll(sched) != UINT64_MAX);
	vu_store_release(&gate->is_gated, 0);
	CHECK_EQ(rig_loop_stop(&loop), 0);
	CHECK_EQ(vu_sched_poll(sched), UINT64_MAX);
	CHECK(is_done);
	vu_sched_destroy(sched);
	free(gate);
}

/* A token covers commands sent before it: the wake is answered without a look at the old word. */
VU_TEST(sched_quiesce, covers_commands_sent_before)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fakes = fake_tasks_create(2);
	struct vu_sched_wait wait;
	struct rig_loop loop;
	bool is_done = false;

	vu_sched_wait_init(&wait, set_flag, &is_done);
	for (unsigned int i = 0; i < 2; i++)
		CHECK_EQ(vu_sched_task_add(sched, &fakes[i].task, 0), 0);
	rig_loop_start(&loop, sched, 0);
	for (uint32_t round = 1; round < 50; round++) {
		wait_for_polls(&fakes[1], round);
		vu_sched_task_wake(sched, &fakes[1].task);
		is_done = false;
		vu_quiesce_start(sched, &wait);
		rig_settle(sched);
		CHECK(is_done);
	}
	CHECK_EQ(rig_loop_stop(&loop), 0);
	vu_sched_destroy(sched);
	free(fakes);
}

#define TRAP_BYTES 4096

/*
 * One page with a task in it. A thread that touches it while it is closed waits until it is opened.
 */
static struct trap {
	struct fake_task *fake;
	pthread_t keeper;     /* the thread of the case: it is let through */
	uint32_t is_caught;   /* a loop waits */
	uint32_t is_released; /* it may go on */
	struct sigaction previous;
} trap;

static void
trap_handler(int signal_number)
{
	RTE_SET_USED(signal_number);
	if (!pthread_equal(pthread_self(), trap.keeper)) {
		vu_store_release(&trap.is_caught, 1);
		WAIT_UNTIL(vu_load_acquire(&trap.is_released) != 0);
	}
	mprotect(trap.fake, TRAP_BYTES, PROT_READ | PROT_WRITE);
}

/* Its word is on the page too, and only commands are to step on it. */
static uint32_t
trap_poll(struct vu_task *task)
{
	task->idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
	vu_store_release(&trap.fake->nb_polls, trap.fake->nb_polls + 1);
	return 0;
}

static void
trap_set_up(void)
{
	const struct sigaction action = { .sa_handler = trap_handler };

	RTE_BUILD_BUG_ON(sizeof(struct fake_task) > TRAP_BYTES);
	trap = (struct trap){ .keeper = pthread_self() };
	trap.fake = mmap(NULL, TRAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
	CHECK(trap.fake != MAP_FAILED);
	fake_task_init(trap.fake);
	trap.fake->task.poll = trap_poll;
	sigaction(SIGSEGV, &action, &trap.previous);
}

static void
trap_close(void)
{
	mprotect(trap.fake, TRAP_BYTES, PROT_NONE);
}

static void
trap_wait_until_caught(void)
{
	WAIT_UNTIL(vu_load_acquire(&trap.is_caught) != 0);
}

static void
trap_tear_down(void)
{
	sigaction(SIGSEGV, &trap.previous, NULL);
	munmap(trap.fake, TRAP_BYTES);
}

static void
gate_close(struct vu_sched *sched, struct fake_task *gate)
{
	vu_store_release(&gate->is_gated, 1);
	vu_sched_task_wake(sched, &gate->task);
	wait_until_inside(gate);
}

/* Let the loop out of its gate and into its next mailbox, up to the command on the trap. */
static void
gate_to_trap(struct fake_task *gate)
{
	trap_close();
	vu_store_release(&gate->is_gated, 0);
	trap_wait_until_caught();
}

/*
 * The wake and the token come while the loop is in its mailbox and will not see the wake in this
 * turn. Then the loop is held in the same turn, before it looks at the word of the woken task.
 */
VU_TEST(sched_quiesce, mailbox_stands_after_the_quiescent_state)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *fakes = fake_tasks_create(5);
	struct fake_task *gate = &fakes[0], *woken = &fakes[4]; /* in another word group */
	struct vu_sched_wait wait;
	struct rig_loop loop;
	bool is_done = false;

	trap_set_up();
	for (unsigned int i = 0; i < 5; i++)
		CHECK_EQ(vu_sched_task_add(sched, &fakes[i].task, 0), 0);
	rig_loop_start(&loop, sched, 0);
	wait_for_polls(woken, 1);
	gate_close(sched, gate);
	CHECK_EQ(vu_sched_task_add(sched, &trap.fake->task, 0), 0);
	gate_to_trap(gate);
	vu_sched_task_wake(sched, &woken->task);
	vu_sched_wait_init(&wait, set_flag, &is_done);
	vu_quiesce_start(sched, &wait);
	vu_store_release(&gate->is_gated, 1);
	vu_store(&gate->word, 1);
	vu_store_release(&trap.is_released, 1);
	wait_until_inside(gate);
	CHECK_EQ(woken->nb_polls, 1);
	for (unsigned int i = 0; i < 10; i++)
		CHECK(vu_sched_poll(sched) != UINT64_MAX);
	CHECK(!is_done);
	vu_store_release(&gate->is_gated, 0);
	rig_settle(sched);
	CHECK(is_done);
	wait_for_polls(woken, 2);
	CHECK_EQ(rig_loop_stop(&loop), 0);
	vu_sched_destroy(sched);
	trap_tear_down();
	free(fakes);
}

/* The loop is held inside the handler of REMOVE, which still needs the task. */
VU_TEST(sched_quiesce, removal_outlasts_its_handler)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct fake_task *gate = fake_tasks_create(1);
	struct vu_sched_wait removal, grace;
	struct rig_loop loop;
	bool is_removed = false, is_over = false;

	trap_set_up();
	CHECK_EQ(vu_sched_task_add(sched, &gate->task, 0), 0);
	CHECK_EQ(vu_sched_task_add(sched, &trap.fake->task, 0), 0);
	rig_loop_start(&loop, sched, 0);
	wait_for_polls(trap.fake, 1);
	gate_close(sched, gate);
	vu_sched_wait_init(&removal, set_flag, &is_removed);
	vu_sched_wait_init(&grace, set_flag, &is_over);
	CHECK_EQ(vu_sched_task_remove(sched, &trap.fake->task, &removal), 0);
	vu_quiesce_start(sched, &grace);
	gate_to_trap(gate);
	for (unsigned int i = 0; i < 10; i++)
		CHECK(vu_sched_poll(sched) != UINT64_MAX);
	CHECK(is_over); /* a token alone would not do */
	CHECK(!is_removed);
	vu_store_release(&trap.is_released, 1);
	rig_settle(sched);
	CHECK(is_removed);
	CHECK_EQ(rig_loop_stop(&loop), 0);
	vu_sched_destroy(sched);
	trap_tear_down();
	free(gate);
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
	struct vu_sched *sched = rig_sched_create(2);
	struct chain chain;

	chain_init(&chain, sched, 2);
	vu_quiesce_start(sched, &chain.wait);
	CHECK(vu_sched_poll(sched) != UINT64_MAX); /* one step per call */
	CHECK_EQ(chain.nb_calls, 1);
	CHECK(vu_sched_poll(sched) != UINT64_MAX);
	CHECK_EQ(vu_sched_poll(sched), UINT64_MAX);
	CHECK_EQ(chain.nb_calls, 3);
	vu_sched_destroy(sched);
}

VU_TEST(sched_quiesce, cancelled_wait_is_not_called)
{
	struct vu_sched *sched = rig_sched_create(2);
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
}

VU_TEST(sched_quiesce, function_may_free_its_wait)
{
	struct vu_sched *sched = rig_sched_create(2);

	for (unsigned int i = 0; i < 5; i++) {
		struct vu_sched_wait *wait = malloc(sizeof(*wait));

		vu_sched_wait_init(wait, free, wait);
		vu_quiesce_start(sched, wait);
	}
	CHECK_EQ(vu_sched_poll(sched), UINT64_MAX);
	vu_sched_destroy(sched);
}

VU_TEST(sched_quiesce, destroy_completes_waits)
{
	struct vu_sched *sched = rig_sched_create(2);
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
}
