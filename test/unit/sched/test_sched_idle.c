/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of sched_idle.c: who sleeps when, what wakes it, and that nothing is lost in between. A
 * sleep is read from its counters, never by the time.
 */
#include "vu_sched.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_atomic.h>
#include <rte_cpuflags.h>
#include <rte_cycles.h>

#include "fake_rand.h"
#include "fake_task.h"
#include "sched_worker.h"
#include "test.h"
#include "vu_fd.h"

/* A task that a "guest" kicks, if it was asked to. */
struct sleeper {
	struct fake_task fake;
	int fd;               /* kick eventfd, VU_FD_NONE: woken by vu_sched_lcore_wake() */
	uint32_t is_armed;
	uint32_t nb_arms;
	bool must_be_polled;
	bool stores_in_arm;   /* work arrives while it is being armed, without a wake-up */
};

static bool
sleeper_arm(struct vu_task *task, bool is_armed)
{
	struct sleeper *sleeper = task->arg;

	if (is_armed && sleeper->must_be_polled)
		return false;
	vu_counter_add(&sleeper->nb_arms, is_armed);
	if (is_armed && sleeper->stores_in_arm && sleeper->nb_arms <= 3)
		vu_store(&sleeper->fake.word, sleeper->fake.word + 1);
	vu_store(&sleeper->is_armed, is_armed);
	return true;
}

struct idle_fixture {
	struct vu_sched *sched;
	struct sleeper *sleepers;
	unsigned int nb_sleepers;
	struct rig_loop loops[2];
};

/* Both workers sleep at once when they find nothing; task i on worker i % 2. */
static void
idle_open(struct idle_fixture *f, unsigned int nb_sleepers, uint32_t idle_us)
{
	*f = (struct idle_fixture){ .sched = rig_sched_create(2), .nb_sleepers = nb_sleepers };
	f->sleepers = aligned_alloc(RTE_CACHE_LINE_SIZE, nb_sleepers * sizeof(*f->sleepers));
	for (unsigned int i = 0; i < 2; i++)
		CHECK(vu_sched_set_idle(f->sched, i, VU_IDLE_INTERRUPT, idle_us) == 0);
	for (unsigned int i = 0; i < nb_sleepers; i++) {
		struct sleeper *sleeper = &f->sleepers[i];

		*sleeper = (struct sleeper){ .fd = VU_FD_NONE };
		fake_task_init(&sleeper->fake);
		sleeper->fake.task.arm = sleeper_arm;
		sleeper->fake.task.arg = sleeper;
		CHECK(vu_sched_task_add(f->sched, &sleeper->fake.task, i % 2) == 0);
	}
}

static void
idle_run(struct idle_fixture *f)
{
	for (unsigned int i = 0; i < 2; i++)
		rig_loop_start(&f->loops[i], f->sched, i);
}

static void
idle_close(struct idle_fixture *f)
{
	for (unsigned int i = 0; i < 2; i++)
		if (f->loops[i].sched != NULL)
			CHECK(rig_loop_stop(&f->loops[i]) == 0);
	vu_sched_destroy(f->sched);
	for (unsigned int i = 0; i < f->nb_sleepers; i++)
		vu_fd_close(&f->sleepers[i].fd);
	free(f->sleepers);
}

static void
sleeper_use_fd(struct idle_fixture *f, unsigned int i)
{
	f->sleepers[i].fd = vu_fd_eventfd();
	CHECK(vu_sched_kick_fd_add(f->sched, i % 2, f->sleepers[i].fd) == 0);
}

/* What a guest or another lcore does: store, full barrier, notify if asked to. */
static void
sleeper_give(struct sleeper *sleeper)
{
	vu_store(&sleeper->fake.word, sleeper->fake.word + 1);
	if (sleeper->fd == VU_FD_NONE) {
		vu_sched_lcore_wake(&sleeper->fake.task);
		return;
	}
	rte_smp_mb();
	if (vu_load(&sleeper->is_armed) != 0)
		vu_fd_signal(sleeper->fd);
}

static struct vu_sched_lcore_stats
idle_stats(const struct idle_fixture *f, unsigned int worker_idx)
{
	struct vu_sched_lcore_stats stats;

	CHECK(vu_sched_lcore_stats_get(f->sched, worker_idx, &stats) == 0);
	return stats;
}

static void
wait_for_sleep(const struct idle_fixture *f, unsigned int worker_idx, uint64_t nb_sleeps)
{
	WAIT_UNTIL(idle_stats(f, worker_idx).nb_sleeps >= nb_sleeps);
}

static void
wait_for_word(const struct sleeper *sleeper)
{
	WAIT_WHILE(vu_load(&sleeper->fake.word_seen) != sleeper->fake.word)
		;
}

VU_TEST(sched_idle, names)
{
	CHECK(strcmp(vu_idle_policy_name(VU_IDLE_BUSY), "busy") == 0);
	CHECK(strcmp(vu_idle_policy_name(VU_IDLE_INTERRUPT), "interrupt") == 0);
	CHECK(vu_idle_policy_name(VU_NB_IDLE_POLICIES) == NULL);
}

VU_TEST(sched_idle, what_cannot_be_chosen_is_refused)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct rte_cpu_intrinsics cpu;
	struct rig_loop loop;

	rte_cpu_get_intrinsics_support(&cpu);
	CHECK_EQ(vu_sched_set_idle(sched, 2, VU_IDLE_BUSY, 1), -EINVAL);
	CHECK_EQ(vu_sched_set_idle(sched, 0, VU_NB_IDLE_POLICIES, 1), -EINVAL);
	CHECK_EQ(vu_sched_set_idle(sched, 0, VU_IDLE_MONITOR, 1), cpu.power_monitor ? 0 : -ENOTSUP);
	rig_loop_start(&loop, sched, 0);
	CHECK_EQ(vu_sched_set_idle(sched, 0, VU_IDLE_PAUSE, 1), -EBUSY);
	CHECK(!vu_sched_may_sleep(sched));
	CHECK_EQ(vu_sched_set_idle(sched, 1, VU_IDLE_PAUSE, 1), 0);
	CHECK(!vu_sched_may_sleep(sched));
	CHECK_EQ(vu_sched_set_idle(sched, 1, VU_IDLE_INTERRUPT, 1), 0);
	CHECK(vu_sched_may_sleep(sched));
	CHECK_EQ(rig_loop_stop(&loop), 0);
	vu_sched_destroy(sched);
}

VU_TEST(sched_idle, guest_kicks_end_a_sleep)
{
	struct idle_fixture f;
	uint64_t nb_sleeps;

	idle_open(&f, 6, 0);
	for (unsigned int i = 0; i < 6; i++)
		sleeper_use_fd(&f, i);
	idle_run(&f);
	for (unsigned int round = 1; round <= 20; round++) {
		wait_for_sleep(&f, 0, round);
		sleeper_give(&f.sleepers[round % 3 * 2]);
		wait_for_word(&f.sleepers[round % 3 * 2]);
	}
	nb_sleeps = idle_stats(&f, 0).nb_sleeps;
	CHECK(idle_stats(&f, 0).nb_kicks > 0 && idle_stats(&f, 0).nb_kicks <= nb_sleeps);
	CHECK_EQ(idle_stats(&f, 1).nb_kicks, 0);
	CHECK(idle_stats(&f, 0).policy == VU_IDLE_INTERRUPT);
	idle_close(&f);
}

VU_TEST(sched_idle, another_thread_ends_a_sleep)
{
	struct idle_fixture f;

	idle_open(&f, 2, 0);
	idle_run(&f);
	for (unsigned int round = 1; round <= 20; round++) {
		wait_for_sleep(&f, 1, round);
		sleeper_give(&f.sleepers[1]);
		wait_for_word(&f.sleepers[1]);
	}
	CHECK_EQ(idle_stats(&f, 1).nb_kicks, 0);
	idle_close(&f);
}

struct stopper {
	struct vu_task task;
	struct vu_sched *sched;
	unsigned int nb_polls;
};

/* The worker is awake, so nobody signals it: it has to see the flag itself. */
static uint32_t
stopper_poll(struct vu_task *task)
{
	struct stopper *stopper = task->arg;

	if (stopper->nb_polls++ == 0)
		return 0;
	vu_sched_worker_stop(stopper->sched, 0);
	task->idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
	return 0;
}

VU_TEST(sched_idle, stopped_in_the_turn_before_a_sleep)
{
	struct stopper stopper = { .nb_polls = 0 };
	struct idle_fixture f;

	idle_open(&f, 0, 0);
	stopper.sched = f.sched;
	vu_task_init(&stopper.task, stopper_poll, &stopper);
	CHECK_EQ(vu_sched_task_add(f.sched, &stopper.task, 0), 0);
	CHECK_EQ(vu_sched_loop(f.sched, 0), 0);
	CHECK_EQ(stopper.nb_polls, 2);
	CHECK_EQ(idle_stats(&f, 0).nb_sleeps, 0);
	idle_close(&f);
}

VU_TEST(sched_idle, asleep_it_makes_no_turns)
{
	struct idle_fixture f;
	const struct vu_sched_worker *worker;
	struct vu_sched_lcore_stats before, after;
	uint64_t nb_rests, nb_sleeps;

	idle_open(&f, 2, 0);
	worker = sched_worker(f.sched, 0);
	idle_run(&f);
	wait_for_sleep(&f, 0, 1);
	/* Counted first, measured a moment later. */
	WAIT_UNTIL(idle_stats(&f, 0).sleep_cycles != 0);
	do {
		nb_sleeps = vu_load(&worker->nb_sleeps);
		nb_rests = vu_load(&worker->nb_rests);
		before = idle_stats(&f, 0);
		usleep(10000);
		after = idle_stats(&f, 0);
	} while (vu_load(&worker->nb_sleeps) != nb_sleeps);
	CHECK_EQ(vu_load(&worker->nb_rests), nb_rests);
	/* Its time is asleep, not idle. */
	CHECK(after.sleep_cycles > before.sleep_cycles);
	CHECK_EQ(after.idle_cycles, before.idle_cycles);
	idle_close(&f);
}

VU_TEST(sched_idle, polls_for_a_while_before_it_sleeps)
{
	struct idle_fixture f;
	const struct vu_sched_worker *worker;

	/* An hour. */
	idle_open(&f, 2, 3600u * 1000000u);
	worker = sched_worker(f.sched, 0);
	idle_run(&f);
	WAIT_UNTIL(vu_load(&worker->nb_rests) >= 1000);
	CHECK_EQ(idle_stats(&f, 0).nb_sleeps, 0);
	CHECK_EQ(f.sleepers[0].nb_arms, 0);
	idle_close(&f);
}

/* The same after it was woken, though it was woken for nothing. */
VU_TEST(sched_idle, polls_for_a_while_after_a_sleep)
{
	struct idle_fixture f;
	struct vu_sched_worker *worker;
	uint64_t nb_rests;

	idle_open(&f, 2, 3600u * 1000000u);
	worker = sched_worker(f.sched, 0);
	idle_run(&f);
	WAIT_UNTIL(vu_load(&worker->nb_rests) >= 3);
	/* As if two hours had passed. */
	WAIT_WHILE(vu_load(&worker->nb_sleeps) == 0)
		vu_store(&worker->idle_tsc, rte_rdtsc() - 2 * worker->idle_cycles);
	nb_rests = vu_load(&worker->nb_rests);
	vu_sched_task_wake(f.sched, &f.sleepers[0].fake.task);
	WAIT_WHILE(vu_load(&worker->nb_rests) < nb_rests + 1000 && vu_load(&worker->nb_sleeps) == 1)
		;
	CHECK_EQ(vu_load(&worker->nb_sleeps), 1);
	idle_close(&f);
}

VU_TEST(sched_idle, a_task_that_must_be_polled_keeps_it_awake)
{
	struct idle_fixture f;
	struct fake_task *plain = fake_tasks_create(1);
	const struct vu_sched_worker *workers[2];

	idle_open(&f, 4, 0);
	f.sleepers[2].must_be_polled = true;
	/* It says nothing about sleeping and has an idle word. */
	CHECK_EQ(vu_sched_task_add(f.sched, &plain->task, 1), 0);
	idle_run(&f);
	for (unsigned int i = 0; i < 2; i++) {
		workers[i] = sched_worker(f.sched, i);
		WAIT_UNTIL(vu_load(&workers[i]->nb_rests) >= 1000);
		CHECK_EQ(idle_stats(&f, i).nb_sleeps, 0);
	}
	/* What was armed before the one that refused is awake again, or about to be. */
	WAIT_UNTIL(vu_load(&f.sleepers[0].is_armed) == 0);
	vu_store(&plain->word, 1);
	wait_for_polls(plain, 2);
	idle_close(&f);
	free(plain);
}

/* Stored behind the look at the words of the turn and before the guest was asked to kick. */
VU_TEST(sched_idle, looks_again_before_it_sleeps)
{
	struct idle_fixture f;

	idle_open(&f, 2, 0);
	f.sleepers[0].stores_in_arm = true;
	idle_run(&f);
	WAIT_UNTIL(vu_load(&f.sleepers[0].fake.word_seen) == 3);
	wait_for_sleep(&f, 0, 1);
	CHECK(vu_load(&f.sleepers[0].nb_arms) >= 4);
	idle_close(&f);
}

VU_TEST(sched_idle, commands_end_a_sleep)
{
	struct idle_fixture f;
	struct vu_sched_wait removal;
	bool is_removed = false;

	idle_open(&f, 2, 0);
	idle_run(&f);
	wait_for_sleep(&f, 0, 1);
	wait_for_polls(&f.sleepers[0].fake, 1);
	vu_sched_task_wake(f.sched, &f.sleepers[0].fake.task);
	wait_for_polls(&f.sleepers[0].fake, 2);
	WAIT_UNTIL(vu_load(&sched_worker(f.sched, 0)->is_asleep) != 0);
	CHECK_EQ(vu_sched_task_move(f.sched, &f.sleepers[0].fake.task, 1), 0);
	rig_settle(f.sched);
	wait_for_polls(&f.sleepers[0].fake, 3);
	CHECK_EQ(idle_stats(&f, 1).nb_tasks, 2);
	vu_sched_wait_init(&removal, set_flag, &is_removed);
	CHECK_EQ(vu_sched_task_remove(f.sched, &f.sleepers[0].fake.task, &removal), 0);
	rig_settle(f.sched);
	CHECK(is_removed);
	idle_close(&f); /* the loops end, asleep or not */
}

VU_TEST(sched_idle, grace_periods_do_not_wait_for_a_sleeper)
{
	struct idle_fixture f;
	struct vu_sched_wait waits[20];
	bool is_over = false;

	idle_open(&f, 2, 0);
	idle_run(&f);
	for (unsigned int i = 0; i < RTE_DIM(waits); i++) {
		wait_for_sleep(&f, 0, 1);
		is_over = false;
		vu_sched_wait_init(&waits[i], set_flag, &is_over);
		vu_quiesce_start(f.sched, &waits[i]);
		rig_settle(f.sched);
		CHECK(is_over);
		/* Nor does the watchdog report a stall. */
		CHECK_EQ(vu_sched_watchdog_check(f.sched), 0);
		rig_settle(f.sched);
	}
	idle_close(&f);
}

/* Gives and sleeps of all lengths; the last give of each round has to arrive. */
static void
check_nothing_is_lost(uint32_t idle_us, unsigned int seconds)
{
	const time_t end = time(NULL) + seconds;
	struct fake_rand rand = { 99 };
	struct idle_fixture f;
	unsigned int nb_rounds = 0;

	idle_open(&f, 6, idle_us);
	for (unsigned int i = 0; i < 3; i++)
		sleeper_use_fd(&f, i);
	idle_run(&f);
	do {
		for (uint32_t i = fake_rand_in(&rand, 1, 50); i != 0; i--) {
			sleeper_give(&f.sleepers[fake_rand_in(&rand, 0, f.nb_sleepers - 1)]);
			if (fake_rand_one_in(&rand, 4))
				usleep(fake_rand_in(&rand, 0, 3) * 20);
		}
		for (unsigned int i = 0; i < f.nb_sleepers; i++)
			wait_for_word(&f.sleepers[i]);
	} while (++nb_rounds < 200 || time(NULL) < end);
	CHECK(idle_stats(&f, 0).nb_sleeps > 0 && idle_stats(&f, 1).nb_sleeps > 0);
	idle_close(&f);
}

VU_TEST(sched_idle, nothing_is_lost)
{
	check_nothing_is_lost(0, 0);
}

VU_TEST_STRESS(sched_idle, nothing_is_lost_for_long)
{
	check_nothing_is_lost(0, test_stress_seconds());
	check_nothing_is_lost(30, test_stress_seconds());
}

/* The policies that never sleep: same loop, other way to wait. */
VU_TEST(sched_idle, every_policy_polls)
{
	for (enum vu_idle_policy policy = 0; policy < VU_NB_IDLE_POLICIES; policy++) {
		struct vu_sched *sched = rig_sched_create(2);
		struct fake_task *fakes = fake_tasks_create(20);
		struct rig_loop loop;

		/* Where the CPU cannot wait for a store, the loop makes do without. */
		CHECK(vu_sched_set_idle(sched, 0, VU_IDLE_PAUSE, 0) == 0);
		if (policy == VU_IDLE_MONITOR)
			sched_worker(sched, 0)->policy = policy;
		else
			CHECK_EQ(vu_sched_set_idle(sched, 0, policy, 0), 0);
		for (unsigned int nb_tasks = 1; nb_tasks <= 20; nb_tasks++) {
			CHECK_EQ(vu_sched_task_add(sched, &fakes[nb_tasks - 1].task, 0), 0);
			if (nb_tasks != 1 && nb_tasks != 2 && nb_tasks != 20)
				continue;
			rig_loop_start(&loop, sched, 0);
			vu_store(&fakes[0].word, fakes[0].word + 1);
			WAIT_UNTIL(vu_load(&fakes[0].word_seen) == fakes[0].word);
			CHECK_EQ(rig_loop_stop(&loop), 0);
		}
		CHECK((sched_worker(sched, 0)->nb_rests != 0) == (policy != VU_IDLE_BUSY));
		vu_sched_destroy(sched);
		free(fakes);
	}
}
