/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: tell the guest about used buffers, once per burst and only if it wants to know.
 */
#ifndef VU_VRING_NOTIFY_H
#define VU_VRING_NOTIFY_H

#include "vu_vring_live.h"
#include "vu_vring_packed.h"
#include "vu_vring_split.h"

/**
 * Write the call eventfd; the only system call of the data path. A write that was interrupted is a
 * fault of the ring, for the caller to find in pos->fault.
 *
 * @param live      set-up of the ring; without a call descriptor the front-end polls and nothing
 *                  happens
 * @param pos       position of the ring, for counters and fault
 * @context owner lcore
 */
void vu_vring_notify(const struct vu_vring_live *live, struct vu_vring_pos *pos);

/**
 * Decide once for everything committed since the last call, and notify if the guest wants to know.
 *
 * @param live  set-up of the ring
 * @param pos   position
 * @context owner lcore
 */
static __rte_always_inline void
vu_split_signal(const struct vu_vring_live *live, struct vu_vring_pos *pos)
{
	if (vu_split_wants_notification(live, pos))
		vu_vring_notify(live, pos);
	else
		vu_counter_add(&pos->counters.nb_notifications_suppressed, 1);
}

/**
 * The same for the packed layout.
 *
 * @param live  set-up of the ring
 * @param pos   position
 * @context owner lcore
 */
static __rte_always_inline void
vu_packed_signal(const struct vu_vring_live *live, struct vu_vring_pos *pos)
{
	if (vu_packed_wants_notification(live, pos))
		vu_vring_notify(live, pos);
	else
		vu_counter_add(&pos->counters.nb_notifications_suppressed, 1);
}

#endif /* VU_VRING_NOTIFY_H */
