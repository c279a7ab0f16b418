/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Idle policies: what a worker does between turns that find nothing. Owner, except the setters.
 *
 * Why nothing is lost in a sleep
 *
 * Who has work for a sleeper:            Sleeper:
 *   W1 store it (index of a ring,          S1 is_asleep = 1; arm: ask guests for kicks
 *      tail of a handoff ring,             S2 full fence
 *      nb_posted, flags)                   S3 mailbox, flags, every idle word: still nothing?
 *   W2 full fence                          S4 offline (release), wait for fds,
 *   W3 is the sleeper asleep, is the          online (full fence)
 *      guest asked for a kick?             S5 is_asleep = 0; disarm: no kicks
 *      then signal an fd                   S6 turn: mailbox, idle words
 *
 * 1. One of S3 and W3 sees the other's store, because both stores come before a full fence and both
 *    loads behind it: either there is no sleep, or an fd is signalled. It stays ready until
 *    S4 takes it, so a signal that arrives before the wait ends it. Guests run W1-W3 as every
 *    driver does before a kick (VIRTIO 1.2, 2.7.13 and 2.8.21).
 * 2. Of several threads in W3 one signals: it takes is_asleep from 1 to 0.
 * 3. A task on the move is nobody's, and W3 finds no owner or the former one. The new owner stored
 *    itself as such before its S2. A sender that did not see that has its fence before that S2, so
 *    S3 sees what it stored.
 * 4. Between the two halves of S4 the worker is offline: grace periods do not wait for it, and what
 *    it used may be freed. S1 to S3 read words and snapshots that belong to the quiescent state of
 *    the turn before. S5 loads each snapshot again, after the fence of S4, as a worker does that
 *    enters its loop (sched_quiesce.c, 4.); idle words are not read before the mailbox was, in S6.
 *    A change of a snapshot comes with a wake of its task through the mailbox, which ends the
 *    sleep.
 */
#include "vu_sched_idle.h"

#include <errno.h>
#include <sys/epoll.h>

#include <rte_atomic.h>
#include <rte_cpuflags.h>
#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_power_intrinsics.h>

#include "sched_worker.h"
#include "vu_fd.h"

#define MONITOR_MAX_WORDS 16
#define MONITOR_US 20  /* commands and other lcores store to words that are not monitored */
#define TPAUSE_US 2    /* nothing at all is monitored */
#define SLEEP_EVENTS 32

static const char *const idle_policy_names[VU_NB_IDLE_POLICIES] = {
	[VU_IDLE_BUSY] = "busy",
	[VU_IDLE_PAUSE] = "pause",
	[VU_IDLE_MONITOR] = "monitor",
	[VU_IDLE_INTERRUPT] = "interrupt",
};

const char *
vu_idle_policy_name(enum vu_idle_policy policy)
{
	return (unsigned int)policy < VU_NB_IDLE_POLICIES ? idle_policy_names[policy] : NULL;
}

/* ---- choosing: control lcore ---- */

enum sleep_event {
	SLEEP_EVENT_WAKE, /* another thread of ours */
	SLEEP_EVENT_KICK, /* a guest */
};

static int
sleep_fd_add(const struct vu_sched_worker *worker, int fd, enum sleep_event what)
{
	/* Edge-triggered: nobody has to read the counters that grow behind it. */
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = what };

	return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void
worker_close_fds(struct vu_sched_worker *worker)
{
	vu_fd_close(&worker->epoll_fd);
	vu_fd_close(&worker->wake_fd);
}

static int
worker_open_fds(struct vu_sched_worker *worker)
{
	int rc;

	if (worker->epoll_fd != VU_FD_NONE)
		return 0;
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (worker->epoll_fd < 0)
		return -errno;
	worker->wake_fd = vu_fd_eventfd();
	rc = worker->wake_fd < 0 ? worker->wake_fd :
		sleep_fd_add(worker, worker->wake_fd, SLEEP_EVENT_WAKE);
	if (rc != 0)
		worker_close_fds(worker);
	return rc;
}

static bool
cpu_can_monitor(void)
{
	struct rte_cpu_intrinsics intrinsics;

	rte_cpu_get_intrinsics_support(&intrinsics);
	return intrinsics.power_monitor;
}

int
vu_sched_set_idle(struct vu_sched *sched, unsigned int worker_idx, enum vu_idle_policy policy,
	uint32_t idle_us)
{
	struct vu_sched_worker *worker = sched_worker(sched, worker_idx);
	int rc = 0;

	if (worker == NULL || vu_idle_policy_name(policy) == NULL)
		return -EINVAL;
	if (vu_sched_worker_is_running(sched, worker_idx))
		return -EBUSY;
	if (policy == VU_IDLE_MONITOR && !cpu_can_monitor())
		return -ENOTSUP;
	if (policy == VU_IDLE_INTERRUPT)
		rc = worker_open_fds(worker);
	if (rc != 0)
		return rc;
	worker->policy = policy;
	worker->idle_cycles = idle_us * rte_get_tsc_hz() / US_PER_S;
	return 0;
}

bool
vu_sched_may_sleep(const struct vu_sched *sched)
{
	for (unsigned int i = 0; i < sched->nb_workers; i++)
		if (sched->workers[i]->policy == VU_IDLE_INTERRUPT)
			return true;
	return false;
}

int
vu_sched_kick_fd_add(struct vu_sched *sched, unsigned int worker_idx, int fd)
{
	const struct vu_sched_worker *worker = sched_worker(sched, worker_idx);

	if (worker == NULL)
		return -EINVAL;
	if (worker->policy != VU_IDLE_INTERRUPT)
		return 0;
	return sleep_fd_add(worker, fd, SLEEP_EVENT_KICK);
}

void
vu_sched_kick_fd_remove(struct vu_sched *sched, unsigned int worker_idx, int fd)
{
	const struct vu_sched_worker *worker = sched_worker(sched, worker_idx);

	if (worker != NULL && worker->policy == VU_IDLE_INTERRUPT)
		epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* ---- waking: any thread ---- */

void
worker_wake(struct vu_sched_worker *worker)
{
	if (worker->policy != VU_IDLE_INTERRUPT)
		return;
	/* W2: pairs with the fence in worker_sleep(). */
	rte_smp_mb();
	if (vu_load(&worker->is_asleep) != 0 &&
			__atomic_exchange_n(&worker->is_asleep, 0, __ATOMIC_RELAXED) != 0)
		vu_fd_signal(worker->wake_fd);
}

void
vu_sched_lcore_wake(const struct vu_task *task)
{
	struct vu_sched_worker *worker;

	/* W2: before the owner is looked at, see 3. above. */
	rte_smp_mb();
	worker = vu_load(&task->owner);
	if (worker != NULL && vu_load(&worker->is_asleep) != 0)
		worker_wake(worker);
}

/* ---- sleeping: owner ---- */

/* Without a way to arm it, only a task that waits for wakes through the mailbox allows a sleep. */
static bool
task_arm(struct vu_task *task, const struct vu_idle_word *idle_word)
{
	return task->arm != NULL ? task->arm(task, true) : idle_word->mask == 0;
}

static void
tasks_disarm(const struct vu_sched_worker *worker, uint32_t nb_tasks)
{
	for (uint32_t slot = 0; slot < nb_tasks; slot++) {
		struct vu_task *task = worker->table->tasks[slot];

		if (task->arm != NULL)
			task->arm(task, false);
	}
}

/* Returns how many tasks, from the first on, are armed: all, or one of them must be polled. */
static uint32_t
tasks_arm(const struct vu_sched_worker *worker)
{
	const struct task_table *table = worker->table;
	uint32_t slot = 0;

	while (slot < worker->nb_tasks && task_arm(table->tasks[slot], &table->idle_words[slot]))
		slot++;
	return slot;
}

static bool
worker_has_work(const struct vu_sched_worker *worker)
{
	const struct vu_idle_word *idle_words = worker->table->idle_words;
	uint32_t change = 0;

	if (vu_load(&worker->nb_posted) != worker->nb_done ||
			(vu_load(&worker->flags) & FLAG_STOP) != 0)
		return true;
	for (uint32_t slot = 0; slot < worker->nb_tasks; slot++)
		change |= idle_word_change(&idle_words[slot]);
	return change != 0;
}

/* Wait for an fd, without anything that a grace period protects. */
static void
worker_wait(struct vu_sched_worker *worker)
{
	struct epoll_event events[SLEEP_EVENTS];
	bool is_kick = false;
	int nb_events;

	vu_counter_add(&worker->nb_sleeps, 1);
	stats_sleep(worker);
	/* S4: its release pairs with the acquire in rte_rcu_qsbr_check(). */
	rte_rcu_qsbr_thread_offline(worker->qsbr, worker->idx);
	nb_events = epoll_wait(worker->epoll_fd, events, SLEEP_EVENTS, -1);
	/* Its full fence pairs with vu_quiesce_start(). */
	rte_rcu_qsbr_thread_online(worker->qsbr, worker->idx);
	stats_awake(worker);
	for (int i = 0; i < nb_events; i++)
		is_kick |= events[i].data.u32 == SLEEP_EVENT_KICK;
	if (is_kick)
		vu_counter_add(&worker->nb_kicks, 1);
}

static void
worker_sleep(struct vu_sched_worker *worker)
{
	uint32_t nb_armed;

	/* S1 to S5, see the top of the file. */
	vu_store(&worker->is_asleep, 1);
	nb_armed = tasks_arm(worker);
	if (nb_armed == worker->nb_tasks) {
		/*
		 * S2: pairs with the fence in worker_wake(), vu_sched_lcore_wake() and every guest.
		 */
		rte_smp_mb();
		if (!worker_has_work(worker))
			worker_wait(worker);
	}
	vu_store(&worker->is_asleep, 0);
	tasks_disarm(worker, nb_armed);
}

/* Sleep if nothing was done for long enough. */
static void
interrupt_rest(struct vu_sched_worker *worker)
{
	const uint64_t now_tsc = rte_rdtsc();

	if (worker->nb_items == worker->idle_items &&
			now_tsc - worker->idle_tsc >= worker->idle_cycles) {
		worker_sleep(worker);
		/* Awake it polls for a while, whatever it was woken for. */
		worker->idle_tsc = rte_rdtsc();
	} else if (worker->nb_items != worker->idle_items) {
		worker->idle_items = worker->nb_items;
		worker->idle_tsc = now_tsc;
	}
}

/* ---- waiting for a store: owner ---- */

static int
monitor_check(const uint64_t value, const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ])
{
	return (((uint32_t)value ^ (uint32_t)opaque[0]) & (uint32_t)opaque[1]) != 0 ? -1 : 0;
}

static void
monitor_rest(struct vu_sched_worker *worker)
{
	struct rte_power_monitor_cond conds[MONITOR_MAX_WORDS];
	const uint64_t us_cycles = rte_get_tsc_hz() / US_PER_S;
	const uint64_t now_tsc = rte_rdtsc();
	int rc = -ENOTSUP;

	for (uint32_t i = 0; i < RTE_MIN(worker->nb_tasks, (uint32_t)MONITOR_MAX_WORDS); i++) {
		const struct vu_idle_word *idle_word = &worker->table->idle_words[i];

		conds[i] = (struct rte_power_monitor_cond){
			.addr = (volatile void *)(uintptr_t)idle_word->word,
			.size = sizeof(*idle_word->word), .fn = monitor_check,
			.opaque = { idle_word->idle, idle_word->mask },
		};
	}
	if (worker->nb_tasks == 1)
		rc = rte_power_monitor(conds, now_tsc + MONITOR_US * us_cycles);
	else if (worker->nb_tasks > 1 && worker->nb_tasks <= MONITOR_MAX_WORDS)
		rc = rte_power_monitor_multi(conds, worker->nb_tasks,
			now_tsc + MONITOR_US * us_cycles);
	/* More words than the CPU can wait for at once. */
	if (rc != 0 && rte_power_pause(now_tsc + TPAUSE_US * us_cycles) != 0)
		rte_pause();
}

void
worker_rest(struct vu_sched_worker *worker)
{
	vu_counter_add(&worker->nb_rests, 1);
	switch (worker->policy) {
	case VU_IDLE_PAUSE:
		rte_pause();
		break;
	case VU_IDLE_MONITOR:
		monitor_rest(worker);
		break;
	case VU_IDLE_INTERRUPT:
		interrupt_rest(worker);
		break;
	default:
		break;
	}
}
