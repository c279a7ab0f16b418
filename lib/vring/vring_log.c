/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Marks of a ring in the dirty log. Owner lcore. Pages are named by where we wrote, not by what the
 * guest asked for: hva, region, guest address. With an IOMMU that is the same.
 */
#include "vu_vring_log.h"

#include <rte_atomic.h>

#include "vu_mem_log.h"
#include "vu_mem_translate.h"
#include "vu_vring_packed.h"
#include "vu_vring_split.h"

/* Behind a full barrier, see vu_mem_log_mark(). */
static void
log_hva(const struct vu_vring_snapshot *snap, const void *hva, uint32_t len_bytes,
	uint16_t hint_region)
{
	vu_mem_log_mark(snap->log, vu_mem_hva_to_gpa(snap->mem, hva, hint_region), len_bytes);
}

void
vu_vring_log_segs(const struct vu_vring_snapshot *snap, const struct vu_seg *segs,
	uint16_t nb_segs, uint32_t len_bytes)
{
	if (!snap->logs_buffers)
		return;
	rte_smp_mb(); /* bytes before marks */
	for (uint16_t i = 0; i < nb_segs && len_bytes != 0; i++) {
		uint32_t nb = RTE_MIN(segs[i].len_bytes, len_bytes);

		log_hva(snap, segs[i].hva, nb, 0);
		len_bytes -= nb;
	}
}

static void
log_buffers(const struct vu_vring_snapshot *snap, const struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t nb)
{
	if (!snap->logs_buffers)
		return;
	rte_smp_mb(); /* bytes before marks */
	for (uint16_t i = 0; i < nb; i++)
		if (burst->hva[i] != NULL)
			log_hva(snap, burst->hva[i], burst->used_bytes[i], pos->region_hint);
}

/* Entries of an array that wraps; at most `size` of them. */
static void
log_entries(const struct vu_vring_snapshot *snap, uint64_t gpa, uint16_t first, uint32_t nb,
	uint32_t entry_bytes)
{
	const uint32_t nb_to_end = RTE_MIN(nb, (uint32_t)(snap->size - first));

	vu_mem_log_mark(snap->log, gpa + (uint64_t)first * entry_bytes,
		(uint64_t)nb_to_end * entry_bytes);
	vu_mem_log_mark(snap->log, gpa, (uint64_t)(nb - nb_to_end) * entry_bytes);
}

void
vu_vring_log_used(const struct vu_vring_snapshot *snap, const struct vu_vring_pos *pos,
	uint16_t old_used_idx)
{
	const struct vu_vring_pos given = {
		.last_avail_idx = pos->last_used_idx, .last_used_idx = old_used_idx,
	};

	if (!snap->logs_used || pos->last_used_idx == old_used_idx)
		return;
	rte_smp_mb(); /* ring before marks */
	if (snap->is_packed) {
		log_entries(snap, snap->log_desc_gpa, old_used_idx & VU_PACKED_SLOT,
			vu_packed_nb_taken(snap, &given), sizeof(struct vu_packed_desc));
		return;
	}
	log_entries(snap, snap->log_used_gpa + sizeof(struct vu_split_used),
		old_used_idx & snap->mask, (uint16_t)(pos->last_used_idx - old_used_idx),
		sizeof(struct vu_split_used_elem));
	vu_mem_log_mark(snap->log, snap->log_used_gpa, sizeof(struct vu_split_used));
}

void
vu_vring_log_commit(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t nb, bool has_bytes)
{
	const uint16_t old_used_idx = pos->last_used_idx;

	if (has_bytes)
		log_buffers(snap, pos, burst, nb);
	if (snap->is_packed)
		vu_packed_commit(snap, pos, burst, nb, has_bytes);
	else
		vu_split_commit(snap, pos, burst, nb, has_bytes);
	vu_vring_log_used(snap, pos, old_used_idx);
}

void
vu_vring_log_event(const struct vu_vring_snapshot *snap)
{
	if (!snap->logs_used)
		return;
	rte_smp_mb(); /* ring before marks */
	vu_mem_log_mark(snap->log, snap->log_used_gpa, snap->is_packed ?
		sizeof(struct vu_packed_event) : sizeof(struct vu_split_used));
	if (!snap->is_packed && snap->has_event_idx)
		vu_mem_log_mark(snap->log, snap->log_used_gpa + sizeof(struct vu_split_used) +
			(uint64_t)snap->size * sizeof(struct vu_split_used_elem),
			sizeof(uint16_t));
}
