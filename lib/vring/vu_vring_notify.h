/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: notify the guest of used buffers, once per burst and unless it suppresses that. With
 * struct vu_notify_conf that may be put off: pos->is_delayed is set, and the owner has to call
 * vu_vring_notify_check() again and again until it is not. lib/device does so for the queues of a
 * scheduler's tasks.
 */
#ifndef VU_VRING_NOTIFY_H
#define VU_VRING_NOTIFY_H

#include "vu_export.h"
#include "vu_vring_snapshot.h"
#include "vu_vring_packed.h"
#include "vu_vring_split.h"

VU_API_BEGIN

/**
 * Write the call eventfd; the only system call of the data path. A write that was interrupted is a
 * fault of the ring, for the caller to find in pos->fault.
 *
 * @param snap      snapshot of the ring; without a call fd the front-end polls and nothing
 *                  happens
 * @param pos       for counters and fault: that of the ring, or one of the caller's own
 * @context owner lcore
 */
void vu_vring_call(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos);

/**
 * Write the error eventfd of a ring that is given up. A write that was interrupted counts as a
 * notification error.
 *
 * @param snap  snapshot of the ring
 * @param pos   for the counter
 * @context owner lcore
 */
void vu_vring_err(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos);

/**
 * Write the call eventfd and note that nothing is left to notify of.
 *
 * @param snap      snapshot of the ring
 * @param pos       position of the ring
 * @context owner lcore
 */
void vu_vring_notify(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos);

/**
 * Notify, now or later: worker of the signal functions.
 *
 * @param snap  snapshot of the ring
 * @param pos   position; is_delayed is set if it will be later
 * @context owner lcore
 */
void vu_vring_notify_soon(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos);

/** Worker of vu_vring_notify_check(). @context owner lcore */
void vu_vring_notify_due(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos);

/**
 * Write a notification that was put off, if it is time.
 *
 * @param snap  snapshot of the ring
 * @param pos   position
 * @return true: one is still to come, call again
 * @context owner lcore
 */
static __rte_always_inline bool
vu_vring_notify_check(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	if (likely(!pos->is_delayed))
		return false;
	vu_vring_notify_due(snap, pos);
	return pos->is_delayed;
}

/**
 * Decide once for everything committed since the last call, and notify the guest if needed.
 *
 * @param snap  snapshot of the ring
 * @param pos   position
 * @context owner lcore
 */
static __rte_always_inline void
vu_split_signal(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	if (vu_split_wants_notification(snap, pos) || unlikely(pos->is_delayed))
		vu_vring_notify_soon(snap, pos);
	else
		vu_counter_add(&pos->counters.nb_notifications_suppressed, 1);
}

/**
 * The same for the packed layout.
 *
 * @param snap  snapshot of the ring
 * @param pos   position
 * @context owner lcore
 */
static __rte_always_inline void
vu_packed_signal(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	if (vu_packed_wants_notification(snap, pos) || unlikely(pos->is_delayed))
		vu_vring_notify_soon(snap, pos);
	else
		vu_counter_add(&pos->counters.nb_notifications_suppressed, 1);
}

VU_API_END

#endif /* VU_VRING_NOTIFY_H */
