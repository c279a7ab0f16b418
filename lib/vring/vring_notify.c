/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Notifications that a guest needs: written at once, or put off until there are more of them or
 * enough time has passed. Owner lcore.
 *
 * A write to an eventfd takes a microsecond, but wakes all who wait for it, one after the other: a
 * front-end that has ten thousand epoll instances do so makes it take milliseconds, of an lcore
 * that other guests need, too. So a ring whose writes take long is given up. The clock alone does
 * not show it, as the thread that is woken may get our CPU: after a write that looks long the CPU
 * time of the next ones decides. That is a system call more, but only then.
 */
#include "vu_vring_notify.h"

#include <errno.h>
#include <time.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>

#include "vu_fd.h"

#define SLOW_US 100
#define SLOW_ERR_US 1000 /* there is but one such write */
#define SLOW_STEP 8   /* one that took long weighs as much as so many that did not */
#define SLOW_MAX 128  /* nb_slow_calls of a ring that is given up */

static uint64_t
thread_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Write, and take our own CPU time. */
static int
signal_measured(int fd, uint64_t *cpu_us)
{
	const uint64_t start_ns = thread_cpu_ns();
	int rc = vu_fd_signal(fd);

	*cpu_us = (thread_cpu_ns() - start_ns) / (NS_PER_S / US_PER_S);
	return rc;
}

static __rte_noinline int
call_suspected(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	uint64_t cpu_us;
	int rc = signal_measured(snap->call_fd, &cpu_us);

	pos->nb_slow_calls = (uint8_t)(cpu_us > SLOW_US ? pos->nb_slow_calls + SLOW_STEP :
		pos->nb_slow_calls - 1);
	if (pos->nb_slow_calls < SLOW_MAX)
		return rc;
	pos->nb_slow_calls = 0;
	return -EINTR;
}

static int
call_write(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	uint64_t start_tsc;
	int rc;

	if (unlikely(pos->nb_slow_calls != 0))
		return call_suspected(snap, pos);
	start_tsc = rte_rdtsc();
	rc = vu_fd_signal(snap->call_fd);
	if (unlikely(rte_rdtsc() - start_tsc > rte_get_tsc_hz() / (US_PER_S / SLOW_US)))
		pos->nb_slow_calls = SLOW_STEP;
	return rc;
}

void
vu_vring_err(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	uint64_t cpu_us;

	/* Only a call that blocks is interrupted, as below. */
	if (signal_measured(snap->err_fd, &cpu_us) == -EINTR || cpu_us > SLOW_ERR_US)
		vu_counter_add(&pos->counters.nb_notification_errors, 1);
}

void
vu_vring_call(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	struct vu_vring_counters *counters = &pos->counters;
	int rc;

	if (snap->call_fd == VU_FD_NONE)
		return;
	rc = call_write(snap, pos);
	if (rc == 0 || rc == -EAGAIN)
		vu_counter_add(&counters->nb_notifications, 1);
	else
		vu_counter_add(&counters->nb_notification_errors, 1);
	/*
	 * Only a call that blocks is interrupted (vu_sched_watchdog_check()): it would block again.
	 * One that took long once too often counts as such.
	 */
	if (unlikely(rc == -EINTR))
		pos->fault = VU_VRING_BAD_CALL;
}

void
vu_vring_notify(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	pos->is_delayed = false;
	pos->notified_chains = pos->counters.nb_chains;
	vu_vring_call(snap, pos);
}

/* May the notification wait? It may already do so. */
static bool
notify_can_wait(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	uint64_t now_tsc;

	if (pos->counters.nb_chains - pos->notified_chains >= snap->notify_buffers)
		return false;
	now_tsc = rte_rdtsc();
	if (pos->is_delayed)
		return (int64_t)(now_tsc - pos->delayed_tsc) < 0;
	pos->is_delayed = true;
	pos->delayed_tsc = now_tsc + snap->notify_cycles;
	return true;
}

void
vu_vring_notify_soon(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	/* A snapshot without a delay may follow one with. */
	if (likely(snap->notify_buffers == 0) || snap->call_fd == VU_FD_NONE ||
			!notify_can_wait(snap, pos))
		vu_vring_notify(snap, pos);
	else
		vu_counter_add(&pos->counters.nb_notifications_delayed, 1);
}

void
vu_vring_notify_due(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	if (!notify_can_wait(snap, pos))
		vu_vring_notify(snap, pos);
}
