/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Notifications that a guest needs: written at once, or put off until there are more of them or
 * enough time has passed. Owner lcore.
 *
 * A write to an eventfd takes a microsecond, and wakes all who wait for it: with ten thousand epoll
 * instances there it takes milliseconds. That is on the account of its port (sched_account.c).
 */
#include "vu_vring_notify.h"

#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>

#include "vu_fd.h"

void
vu_vring_err(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	/* Only a call that blocks is interrupted, as below. */
	if (vu_fd_signal(snap->err_fd) == -EINTR)
		vu_counter_add(&pos->counters.nb_notification_errors, 1);
}

void
vu_vring_call(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	struct vu_vring_counters *counters = &pos->counters;
	int rc;

	if (snap->call_fd == VU_FD_NONE)
		return;
	rc = vu_fd_signal(snap->call_fd);
	if (rc == 0 || rc == -EAGAIN)
		vu_counter_add(&counters->nb_notifications, 1);
	else
		vu_counter_add(&counters->nb_notification_errors, 1);
	/*
	 * Only a call that blocks is interrupted (vu_sched_watchdog_check()): it would block again.
	 */
	if (unlikely(rc == -EINTR))
		vu_store(&pos->fault, VU_VRING_BAD_CALL);
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
