/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Notifications that a guest wants: written at once, or put off until there is more to tell or
 * enough time has passed. Owner lcore.
 */
#include "vu_vring_notify.h"

#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>

#include "vu_fd.h"

void
vu_vring_call(const struct vu_vring_live *live, struct vu_vring_pos *pos)
{
	struct vu_vring_counters *counters = &pos->counters;
	int rc;

	if (live->call_fd == VU_FD_NONE)
		return;
	rc = vu_fd_signal(live->call_fd);
	if (rc == 0 || rc == -EAGAIN)
		vu_counter_add(&counters->nb_notifications, 1);
	else
		vu_counter_add(&counters->nb_notification_errors, 1);
	/* Only a call that blocks is interrupted (vu_sched_watch()): it would block again. */
	if (unlikely(rc == -EINTR))
		pos->fault = VU_VRING_BAD_CALL;
}

void
vu_vring_notify(const struct vu_vring_live *live, struct vu_vring_pos *pos)
{
	pos->is_delayed = false;
	pos->notified_chains = pos->counters.nb_chains;
	if (likely(live->notify_requests == NULL) || live->call_fd == VU_FD_NONE) {
		vu_vring_call(live, pos);
		return;
	}
	vu_counter_add(&pos->counters.nb_notifications_offloaded, 1);
	/* Used buffers before the request; pairs with the acquire in teller_poll(). */
	vu_store_release(live->notify_requests, *live->notify_requests + 1);
}

/* May what is to be told wait? It may already do so. */
static bool
notify_can_wait(const struct vu_vring_live *live, struct vu_vring_pos *pos)
{
	uint64_t now_tsc;

	if (pos->counters.nb_chains - pos->notified_chains >= live->notify_buffers)
		return false;
	now_tsc = rte_rdtsc();
	if (pos->is_delayed)
		return (int64_t)(now_tsc - pos->delayed_tsc) < 0;
	pos->is_delayed = true;
	pos->delayed_tsc = now_tsc + live->notify_cycles;
	return true;
}

void
vu_vring_notify_soon(const struct vu_vring_live *live, struct vu_vring_pos *pos)
{
	/* A set-up without a delay may follow one with. */
	if (likely(live->notify_buffers == 0) || live->call_fd == VU_FD_NONE ||
			!notify_can_wait(live, pos))
		vu_vring_notify(live, pos);
	else
		vu_counter_add(&pos->counters.nb_notifications_delayed, 1);
}

void
vu_vring_notify_due(const struct vu_vring_live *live, struct vu_vring_pos *pos)
{
	if (!notify_can_wait(live, pos))
		vu_vring_notify(live, pos);
}
