/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: engine of the packed layout (VIRTIO 1.2, 2.8), inlined into the device drivers'
 * loops. The same steps as vu_vring_split.h, on the same burst.
 *
 *   descriptor ring, read at last_avail_idx, overwritten        driver event (guest writes)
 *   +------------------+---+---+---+---+  at last_used_idx      device event (we write)
 *   | gpa len id flags |   |   |   |   | wraps at any size      position and wrap, flags
 *   +------------------+---+---+---+---+
 *
 * flags show who owns a slot: available if AVAIL equals the wrap counter of the lap and USED does
 * not, used if both equal it. id, length and flags share one aligned word: we read and write them
 * as one, so that no half of them is ever seen.
 */
#ifndef VU_VRING_PACKED_H
#define VU_VRING_PACKED_H

#include <assert.h>

#include <rte_atomic.h>
#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "vu_export.h"
#include "vu_mem_translate.h"
#include "vu_packed.h"
#include "vu_vring_burst.h"
#include "vu_vring_chain.h"
#include "vu_vring_snapshot.h"
#include "vu_vring_packed_avx512.h"

VU_API_BEGIN

static_assert(VU_VRING_MAX_PEEK_DESCS >= VU_MAX_CHAIN_SEGS, "the first chain is seen whole");

/** Position `nb` slots further on; nb up to the ring size. @context owner lcore */
static __rte_always_inline uint16_t
vu_packed_advance(const struct vu_vring_snapshot *snap, uint16_t position, uint32_t nb)
{
	return vu_packed_step(snap->size, position, nb);
}

/** Copy the descriptor at a position; each field is read once. @context owner lcore */
static inline void
vu_packed_load_desc(const struct vu_vring_snapshot *snap, uint16_t position,
	struct vu_packed_desc *desc)
{
	struct vu_packed_desc *from = &snap->packed_desc[position & VU_PACKED_SLOT];
	uint64_t word = vu_load(vu_packed_word(from));

	desc->gpa = vu_load(&from->gpa);
	desc->len_bytes = (uint32_t)word;
	desc->id = (uint16_t)(word >> 32);
	desc->flags = (uint16_t)(word >> 48);
}

/** Slots taken from the ring and not given back. @context owner lcore */
static __rte_always_inline uint16_t
vu_packed_nb_taken(const struct vu_vring_snapshot *snap, const struct vu_vring_pos *pos)
{
	uint16_t nb = (uint16_t)((pos->last_avail_idx & VU_PACKED_SLOT) -
		(pos->last_used_idx & VU_PACKED_SLOT));

	return ((pos->last_avail_idx ^ pos->last_used_idx) & VU_PACKED_WRAP) != 0 ? nb + snap->size
										  : nb;
}

/**
 * hva of a single buffer: one descriptor, the right direction, contiguous; NULL for anything else.
 * @context owner lcore
 */
static __rte_always_inline uint8_t *
vu_packed_single_buffer(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	uint64_t gpa, uint64_t word, uint16_t direction)
{
	const uint16_t flags = VU_DESC_F_NEXT | VU_DESC_F_WRITE | VU_DESC_F_INDIRECT;
	uint64_t len_bytes = (uint32_t)word;
	uint8_t *hva;

	if (unlikely(((word >> 48) & flags) != direction || len_bytes == 0))
		return NULL;
	hva = (uint8_t *)vu_mem_gpa_to_hva(vu_vring_buffer_mem(snap, direction), gpa,
		&len_bytes, &pos->region_hint);
	return likely(len_bytes == (uint32_t)word) ? hva : NULL;
}

/**
 * Load up to `max` available entries and translate the single buffers among them; takes nothing
 * from the ring. Chains are followed to their end for the buffer id and the place of the next
 * entry, no further than the slots that the guest may own, and not more of them than is worth the
 * time.
 *
 * @param snap       snapshot of the ring
 * @param pos        position; fault is set only if the very first entry is bad
 * @param burst      filled
 * @param max        1..VU_VRING_MAX_BURST
 * @param direction  0 for buffers we read, VU_DESC_F_WRITE for buffers we write
 * @return burst->nb
 * @context owner lcore
 */
static __rte_always_inline uint16_t
vu_packed_peek(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	struct vu_burst *burst, uint16_t max, const uint16_t direction)
{
	uint16_t room = RTE_MIN((uint16_t)(snap->size - vu_packed_nb_taken(snap, pos)),
		(uint16_t)VU_VRING_MAX_PEEK_DESCS);
	uint16_t slot = pos->last_avail_idx & VU_PACKED_SLOT;
	uint16_t avail_flags = vu_packed_avail_flags(pos->last_avail_idx);
	uint16_t nb;

	for (nb = 0; nb < max && room != 0; nb++) {
		struct vu_packed_desc *desc = &snap->packed_desc[slot];
		/* Pairs with the guest's release of the flags after the rest of the entry. */
		uint64_t word = vu_load_acquire(vu_packed_word(desc));
		uint16_t nb_descs = 1;

		if (((word >> 48) & VU_PACKED_F_OWNER) != avail_flags)
			break;
		burst->head[nb] = (uint16_t)(word >> 32);
		burst->len_bytes[nb] = (uint32_t)word;
		burst->hva[nb] = vu_packed_single_buffer(snap, pos, vu_load(&desc->gpa), word,
			direction);
		if (direction == VU_DESC_F_WRITE)
			rte_prefetch0_write(burst->hva[nb]);
		else
			rte_prefetch0(burst->hva[nb]);
		if (unlikely(((word >> 48) & VU_DESC_F_NEXT) != 0)) {
			nb_descs = vu_packed_follow(snap, slot, room, &burst->head[nb]);
			if (nb_descs == 0) {
				if (nb == 0)
					vu_store(&pos->fault, VU_VRING_CHAIN_TOO_LONG);
				break;
			}
		}
		burst->nb_descs[nb] = nb_descs;
		room -= nb_descs;
		slot += nb_descs;
		if (unlikely(slot >= snap->size)) {
			slot -= snap->size;
			avail_flags ^= VU_PACKED_F_OWNER;
		}
	}
	burst->nb = nb;
	return nb;
}

/** All buffers at once: they are as far away as the guest's core. @context owner lcore */
static __rte_always_inline void
vu_burst_prefetch(const struct vu_burst *burst, const uint16_t direction)
{
	for (uint16_t i = 0; i < burst->nb; i++) {
		if (direction == VU_DESC_F_WRITE)
			rte_prefetch0_write(burst->hva[i]);
		else
			rte_prefetch0(burst->hva[i]);
	}
}

/**
 * Load the single buffers that come next, up to the first entry that is none or the end of the
 * ring: the short way through a ring of one-descriptor buffers. What stops it is left to
 * vu_packed_peek().
 *
 * @param snap       snapshot of the ring
 * @param pos        position
 * @param burst      filled except nb_descs, which are all 1; hva is never NULL, a length may be 0
 * @param max        1..VU_VRING_MAX_BURST
 * @param direction  0 for buffers we read, VU_DESC_F_WRITE for buffers we write
 * @return burst->nb
 * @context owner lcore
 */
static __rte_always_inline uint16_t
vu_packed_peek_single(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	struct vu_burst *burst, uint16_t max, const uint16_t direction)
{
	const uint64_t flags = VU_DESC_F_NEXT | VU_DESC_F_WRITE | VU_DESC_F_INDIRECT |
		VU_PACKED_F_OWNER;
	const uint64_t single_flags = direction | vu_packed_avail_flags(pos->last_avail_idx);
	const uint16_t slot = pos->last_avail_idx & VU_PACKED_SLOT;
	struct vu_packed_desc *descs = &snap->packed_desc[slot];
	const struct vu_mem_table *mem = vu_vring_buffer_mem(snap, direction);
	struct vu_mem_region region = *vu_mem_region_hinted(mem, pos->region_hint);
	uint16_t nb = RTE_MIN(max, (uint16_t)(snap->size - slot));
	uint16_t i = 0;

	/* The guest may own no more than the ring has: what we hold is not available again. */
	nb = RTE_MIN(nb, (uint16_t)(snap->size - vu_packed_nb_taken(snap, pos)));
#if VU_PACKED_HAS_EIGHTS
	/* Nothing there yet: stay off the lines that the driver is about to write. */
	if (((vu_load(vu_packed_word(descs)) >> 48) & flags) == single_flags)
		i = vu_packed_peek_eights(descs, &region, burst, nb, flags, single_flags);
#endif
	for (; i < nb; i++) {
		/* Pairs with the guest's release of the flags after the rest of the entry. */
		uint64_t word = vu_load_acquire(vu_packed_word(&descs[i]));
		uint64_t gpa = vu_load(&descs[i].gpa);

		if (((word >> 48) & flags) != single_flags)
			break;
		if (unlikely(!vu_mem_region_has(&region, gpa, (uint32_t)word))) {
			region = *vu_mem_region_find(mem, gpa, &pos->region_hint);
			if (!vu_mem_region_has(&region, gpa, (uint32_t)word))
				break;
		}
		burst->head[i] = (uint16_t)(word >> 32);
		burst->len_bytes[i] = (uint32_t)word;
		burst->hva[i] = (uint8_t *)vu_mem_region_hva(&region, gpa);
	}
	burst->nb = i;
	vu_burst_prefetch(burst, direction);
	return i;
}

/**
 * What makes the slot at a position a used descriptor; a length counts only with WRITE. Stored at
 * once: the guest sees all of it or nothing.
 * @context owner lcore
 */
static __rte_always_inline uint64_t
vu_packed_used_word(uint16_t position, uint16_t id, uint32_t used_bytes)
{
	uint16_t flags = vu_packed_used_flags(position);

	if (used_bytes != 0)
		flags |= VU_DESC_F_WRITE;
	return used_bytes | (uint64_t)id << 32 | (uint64_t)flags << 48;
}

/**
 * Account for nb entries in nb_slots slots, at most as many as there are.
 * @context owner lcore
 */
static __rte_always_inline void
vu_packed_move_used(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos, uint16_t nb,
	uint32_t nb_slots)
{
	pos->last_used_idx = vu_packed_advance(snap, pos->last_used_idx, nb_slots);
	pos->signalled_used =
		(uint16_t)RTE_MIN(pos->signalled_used + nb_slots, (uint32_t)snap->size);
	vu_counter_add(&pos->counters.nb_chains, nb);
}

/**
 * Mark the last slot of a group, a chain or a batch, before its one used descriptor is written to
 * the first. The driver skips that slot; vring_recover.c finds by it where the ring is.
 *
 * @param snap      snapshot of the ring
 * @param position  of the group
 * @param nb_slots  of it; one slot needs no mark
 * @param id        that its used descriptor gets
 * @context owner lcore
 */
static __rte_always_inline void
vu_packed_mark_end(const struct vu_vring_snapshot *snap, uint16_t position, uint32_t nb_slots,
	uint16_t id)
{
	uint16_t end;

	if (likely(nb_slots < 2))
		return;
	end = vu_packed_advance(snap, position, nb_slots - 1);
	vu_store(vu_packed_word(&snap->packed_desc[end & VU_PACKED_SLOT]),
		(uint64_t)vu_packed_used_flags(end) << 48 | (uint64_t)id << 32 | nb_slots);
}

/**
 * Give the first `nb` entries of a burst back to the guest. It sees none of them before it sees the
 * first: that one is written last (VIRTIO 1.2, 2.8.10).
 *
 * @param snap      snapshot of the ring
 * @param pos       position, moved on
 * @param burst     entries of the last peek; used_bytes[] set if `has_bytes`
 * @param nb        0..burst->nb
 * @param has_bytes false: nothing was written to any buffer
 * @context owner lcore
 */
static __rte_always_inline void
vu_packed_commit(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t nb, const bool has_bytes)
{
	uint16_t position = pos->last_used_idx;
	uint32_t nb_slots = 0;
	uint16_t i;

	for (i = 0; i < nb; i++) {
		vu_packed_mark_end(snap, position, burst->nb_descs[i], burst->head[i]);
		if (i != 0)
			vu_store(vu_packed_word(&snap->packed_desc[position & VU_PACKED_SLOT]),
				vu_packed_used_word(position, burst->head[i],
					has_bytes ? burst->used_bytes[i] : 0));
		position = vu_packed_advance(snap, position, burst->nb_descs[i]);
		nb_slots += burst->nb_descs[i];
	}
	if (nb == 0)
		return;
	/* Entries before the first one's flags; pairs with the acquire in the guest's driver. */
	vu_store_release(vu_packed_word(&snap->packed_desc[pos->last_used_idx & VU_PACKED_SLOT]),
		vu_packed_used_word(
			pos->last_used_idx, burst->head[0], has_bytes ? burst->used_bytes[0] : 0));
	vu_packed_move_used(snap, pos, nb, nb_slots);
	pos->last_avail_idx = vu_packed_advance(snap, pos->last_avail_idx, nb_slots);
}

/**
 * Used descriptors of entries begin..end - 1, in slots that follow each other. Entry 0 is left out.
 * @context owner lcore
 */
static __rte_always_inline void
vu_packed_write_used(struct vu_packed_desc *descs, const struct vu_burst *burst, uint16_t begin,
	uint16_t end, uint16_t position, const bool has_bytes)
{
	const uint64_t flags = (uint64_t)vu_packed_used_flags(position) << 48;
	uint16_t i = begin;

#if VU_PACKED_HAS_EIGHTS
	if (begin == 0)
		i = vu_packed_commit_eights(descs, burst, end, vu_packed_used_flags(position),
			has_bytes);
#endif
	for (i = RTE_MAX(i, (uint16_t)1); i < end; i++) {
		uint32_t used_bytes = has_bytes ? burst->used_bytes[i] : 0;
		uint64_t write = used_bytes != 0 ? (uint64_t)VU_DESC_F_WRITE << 48 : 0;

		vu_store(vu_packed_word(&descs[i - begin]),
			flags | write | (uint64_t)burst->head[i] << 32 | used_bytes);
	}
}

/**
 * vu_packed_commit() for the entries of vu_packed_peek_single(), one slot each.
 *
 * @param snap      snapshot of the ring
 * @param pos       position, moved on
 * @param burst     entries of the last peek; used_bytes[] set if `has_bytes`
 * @param nb        1..burst->nb
 * @param has_bytes false: nothing was written to any buffer
 * @context owner lcore
 */
static __rte_always_inline void
vu_packed_commit_single(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t nb, const bool has_bytes)
{
	const uint16_t slot = pos->last_used_idx & VU_PACKED_SLOT;
	const uint16_t nb_to_end = RTE_MIN(nb, (uint16_t)(snap->size - slot));
	struct vu_packed_desc *first = &snap->packed_desc[slot];

	vu_packed_write_used(first, burst, 0, nb_to_end, pos->last_used_idx, has_bytes);
	if (unlikely(nb_to_end != nb))
		vu_packed_write_used(snap->packed_desc, burst, nb_to_end, nb,
			pos->last_used_idx ^ VU_PACKED_WRAP, has_bytes);
	/* Entries before the first one's flags; pairs with the acquire in the guest's driver. */
	vu_store_release(vu_packed_word(first),
		vu_packed_used_word(
			pos->last_used_idx, burst->head[0], has_bytes ? burst->used_bytes[0] : 0));
	vu_packed_move_used(snap, pos, nb, nb);
	pos->last_avail_idx = vu_packed_advance(snap, pos->last_avail_idx, nb);
}

/**
 * Give the first `nb` entries of a burst back with one used descriptor that has the last one's id
 * (VIRTIO 1.2, 2.8.9): for a ring with IN_ORDER and buffers that nothing was written to, as the
 * guest takes those that are skipped for used in full.
 *
 * @param snap      snapshot of the ring
 * @param pos       position, moved on
 * @param burst     entries of the last peek
 * @param nb        0..burst->nb
 * @param is_single  true: they are of vu_packed_peek_single()
 * @context owner lcore
 */
static __rte_always_inline void
vu_packed_commit_batch(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t nb, const bool is_single)
{
	uint32_t nb_slots = is_single ? nb : 0;

	if (unlikely(nb == 0))
		return;
	for (uint16_t i = 0; i < nb && !is_single; i++)
		nb_slots += burst->nb_descs[i];
	vu_packed_mark_end(snap, pos->last_used_idx, nb_slots, burst->head[nb - 1]);
	/* Reads of the buffers before it; pairs with the acquire in the guest's driver. */
	vu_store_release(vu_packed_word(&snap->packed_desc[pos->last_used_idx & VU_PACKED_SLOT]),
		vu_packed_used_word(pos->last_used_idx, burst->head[nb - 1], 0));
	vu_packed_move_used(snap, pos, nb, nb_slots);
	pos->last_avail_idx = vu_packed_advance(snap, pos->last_avail_idx, nb_slots);
}

/**
 * Must the guest be notified of what was committed since the last call (VIRTIO 1.2, 2.8.10)?
 *
 * @return true: write the call eventfd
 * @context owner lcore
 */
static __rte_always_inline bool
vu_packed_wants_notification(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	bool is_first = !pos->signalled_used_valid;
	uint16_t nb_slots = pos->signalled_used;

	pos->signalled_used = 0;
	pos->signalled_used_valid = true;
	/*
	 * Flags before event; pairs with the guest's full barrier between writing its event and
	 * reading the flags.
	 */
	rte_smp_mb();
	if (unlikely(is_first))
		return true;
	return vu_packed_event_wants(
		snap->driver_event, snap->has_event_idx, snap->size, pos->last_used_idx, nb_slots);
}

/**
 * Suppress the guest's kicks: this ring is polled.
 * @context owner lcore or control while the ring is stopped
 */
static inline void
vu_packed_suppress_kicks(const struct vu_vring_snapshot *snap)
{
	vu_store(&snap->device_event->flags, VU_PACKED_EVENT_DISABLE);
}

/**
 * Idle word of the ring: an entry can be there only if ((*word ^ idle) & mask) != 0.
 * It reads AVAIL of the next slot; USED shows nothing new, the slot may be a former used or a
 * skipped one.
 *
 * @param snap  snapshot of the ring
 * @param pos   position
 * @param idle  set to the idle value
 * @param mask  set to the mask
 * @return word, valid as long as the snapshot
 * @context owner lcore
 */
static __rte_always_inline const uint32_t *
vu_packed_idle_word(const struct vu_vring_snapshot *snap, const struct vu_vring_pos *pos,
	uint32_t *idle, uint32_t *mask)
{
	*mask = VU_PACKED_F_AVAIL << 16;
	*idle = (pos->last_avail_idx & VU_PACKED_WRAP) != 0 ? 0 : *mask;
	/* id and flags as one word. */
	return (const uint32_t *)(const void *)&snap
		->packed_desc[pos->last_avail_idx & VU_PACKED_SLOT]
		.id;
}

VU_API_END

#endif /* VU_VRING_PACKED_H */
