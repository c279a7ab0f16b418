/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: marks in the dirty log (vu_mem_log.h) for what a device writes through a ring. Only
 * rings whose snapshot has a log come here. What was written to buffers is marked before they are
 * given back, the ring itself after that. No mark is pending between two bursts, so the log may be
 * replaced with the snapshot.
 */
#ifndef VU_VRING_LOG_H
#define VU_VRING_LOG_H

#include <rte_branch_prediction.h>

#include "vu_export.h"
#include "vu_vring_burst.h"
#include "vu_vring_chain.h"
#include "vu_vring_snapshot.h"

VU_API_BEGIN

/**
 * Mark what was written to the first bytes of a list of segments.
 *
 * @param snap       snapshot with a log
 * @param segs       as translated with the snapshot's memory
 * @param nb_segs    of them
 * @param len_bytes  written, from the first segment on
 * @context owner lcore
 */
void vu_vring_log_segs(const struct vu_vring_snapshot *snap, const struct vu_seg *segs,
	uint16_t nb_segs, uint32_t len_bytes);

/**
 * Mark what giving back has changed in the ring.
 *
 * @param snap          snapshot with a log
 * @param pos           position, moved on
 * @param old_used_idx  pos->last_used_idx before
 * @context owner lcore
 */
void vu_vring_log_used(const struct vu_vring_snapshot *snap, const struct vu_vring_pos *pos,
	uint16_t old_used_idx);

/**
 * Worker of vu_ring_commit(): give back with all marks. Chains, entries without hva, are marked by
 * who fills them.
 *
 * @param snap       snapshot with a log
 * @param pos        position, moved on
 * @param burst      entries of the last peek; used_bytes[] set if `has_bytes`
 * @param nb         0..burst->nb
 * @param has_bytes  false: nothing was written to any buffer
 * @context owner lcore
 */
void vu_vring_log_commit(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t nb, bool has_bytes);

/** Worker of vu_vring_log_kicks(). @context owner lcore, or control while the ring is stopped */
void vu_vring_log_event(const struct vu_vring_snapshot *snap);

/**
 * Mark that kicks were asked for or suppressed.
 *
 * @param snap  snapshot, with or without a log
 * @context owner lcore, or control while the ring is stopped
 */
static inline void
vu_vring_log_kicks(const struct vu_vring_snapshot *snap)
{
	if (unlikely(snap->log != NULL))
		vu_vring_log_event(snap);
}

VU_API_END

#endif /* VU_VRING_LOG_H */
