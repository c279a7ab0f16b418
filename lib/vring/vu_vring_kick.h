/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Asks the guest for kicks before an lcore sleeps, and not to kick while it polls. Kicks are off
 * from the start of a ring (vu_vring_seek()).
 */
#ifndef VU_VRING_KICK_H
#define VU_VRING_KICK_H

#include "vu_vring_log.h"
#include "vu_vring_packed.h"
#include "vu_vring_split.h"

/**
 * Ask for a kick with the next entry that is made available (VIRTIO 1.2, 2.7.10 and 2.8.14). A full
 * barrier and another look at the ring have to follow: what came before is not kicked for.
 *
 * @param snap  snapshot of the ring
 * @param pos   position
 * @context owner lcore
 */
static inline void
vu_vring_enable_kicks(const struct vu_vring_snapshot *snap, const struct vu_vring_pos *pos)
{
	if (snap->is_packed)
		vu_packed_event_set(snap->device_event, pos->last_avail_idx, snap->has_event_idx ?
			VU_PACKED_EVENT_DESC : VU_PACKED_EVENT_ENABLE);
	else if (snap->has_event_idx)
		vu_store((uint16_t *)(void *)&snap->used->ring[snap->size], pos->last_avail_idx);
	else
		vu_store(&snap->used->flags, 0);
	vu_vring_log_kicks(snap);
}

/**
 * Ask the guest not to kick: the ring is polled. With EVENT_IDX in a split ring there is nothing to
 * do, the event of the last time lies behind the guest.
 *
 * @param snap  snapshot of the ring
 * @context owner lcore
 */
static inline void
vu_vring_disable_kicks(const struct vu_vring_snapshot *snap)
{
	if (snap->is_packed)
		vu_packed_suppress_kicks(snap);
	else
		vu_split_suppress_kicks(snap);
	vu_vring_log_kicks(snap);
}

#endif /* VU_VRING_KICK_H */
