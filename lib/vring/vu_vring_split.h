/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: engine of the split layout (VIRTIO 1.2, 2.7), inlined into the device drivers' loops.
 *
 *   descriptor table          available ring (guest writes)     used ring (we write)
 *   +-----------------+       flags idx | ring[size] event      flags idx | {id,len}[size] event
 *   | gpa len fl next | <---- head index in ring[idx % size]    head index and bytes written
 *   +-----------------+
 *
 * idx fields run freely modulo 65536. The guest may change every byte at any time: each is read
 * once into a local, the local is checked, only the local is used. A burst goes through three
 * steps: vu_split_peek() loads and checks heads, descriptors and addresses for all entries, the
 * driver copies, vu_split_commit() gives back.
 */
#ifndef VU_VRING_SPLIT_H
#define VU_VRING_SPLIT_H

#include <rte_atomic.h>
#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "vu_export.h"
#include "vu_mem_translate.h"
#include "vu_vring_burst.h"
#include "vu_vring_chain.h"
#include "vu_vring_snapshot.h"

VU_API_BEGIN

/**
 * Number of entries the guest has made available.
 *
 * @return 0..size; 0 with pos->fault set if the index is impossible
 * @context owner lcore
 */
static __rte_always_inline uint16_t
vu_split_nb_avail(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	/* Pairs with the guest's release of idx after the entries. */
	uint16_t nb = (uint16_t)(vu_load_acquire(&snap->avail->idx) - pos->last_avail_idx);

	if (unlikely(nb > snap->size)) {
		vu_store(&pos->fault, VU_VRING_BAD_AVAIL_IDX);
		return 0;
	}
	return nb;
}

/** One descriptor in two loads; fields are taken from the locals only. @context owner lcore */
static __rte_always_inline void
vu_split_load_desc(const struct vu_split_desc *desc, struct vu_split_desc *local)
{
	const uint64_t *words = (const uint64_t *)(uintptr_t)desc;
	uint64_t low = vu_load(&words[0]);
	uint64_t high = vu_load(&words[1]);

	local->gpa = low;
	local->len_bytes = (uint32_t)high;
	local->flags = (uint16_t)(high >> 32);
	local->next = (uint16_t)(high >> 48);
}

/**
 * hva of a single buffer: one descriptor, the right direction, contiguous; NULL for anything else.
 * @context owner lcore
 */
static __rte_always_inline uint8_t *
vu_split_single_buffer(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_split_desc *desc, uint16_t direction)
{
	const uint16_t flags = VU_DESC_F_NEXT | VU_DESC_F_WRITE | VU_DESC_F_INDIRECT;
	uint64_t len_bytes = desc->len_bytes;
	uint8_t *hva;

	if (unlikely((desc->flags & flags) != direction || len_bytes == 0))
		return NULL;
	hva = (uint8_t *)vu_mem_gpa_to_hva(vu_vring_buffer_mem(snap, direction),
		desc->gpa, &len_bytes, &pos->region_hint);
	return likely(len_bytes == desc->len_bytes) ? hva : NULL;
}

/**
 * Load up to `max` available entries and translate the single buffers among them; takes nothing
 * from the ring.
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
vu_split_peek(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	struct vu_burst *burst, uint16_t max, const uint16_t direction)
{
	uint16_t nb = RTE_MIN(vu_split_nb_avail(snap, pos), max);
	uint16_t i;

	for (i = 0; i < nb; i++) {
		burst->head[i] = vu_load(
			&snap->avail->ring[(uint16_t)(pos->last_avail_idx + i) & snap->mask]);
		if (unlikely(burst->head[i] >= snap->size)) {
			if (i == 0)
				vu_store(&pos->fault, VU_VRING_BAD_HEAD);
			nb = i;
			break;
		}
		rte_prefetch0(&snap->desc[burst->head[i]]);
	}
	for (i = 0; i < nb; i++) {
		struct vu_split_desc desc;

		vu_split_load_desc(&snap->desc[burst->head[i]], &desc);
		burst->len_bytes[i] = desc.len_bytes;
		burst->hva[i] = vu_split_single_buffer(snap, pos, &desc, direction);
		if (direction == VU_DESC_F_WRITE)
			rte_prefetch0_write(burst->hva[i]);
		else
			rte_prefetch0(burst->hva[i]);
	}
	burst->nb = nb;
	return nb;
}

/**
 * Load the single buffers that come next, up to the first entry that is none or the end of the
 * ring: the short way through a ring of one-descriptor buffers. What stops it is left to
 * vu_split_peek().
 *
 * @param snap       snapshot of the ring
 * @param pos        position; fault is set if the available index is impossible
 * @param burst      filled; hva is never NULL, a length may be 0
 * @param max        1..VU_VRING_MAX_BURST
 * @param direction  0 for buffers we read, VU_DESC_F_WRITE for buffers we write
 * @return burst->nb
 * @context owner lcore
 */
static __rte_always_inline uint16_t
vu_split_peek_single(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	struct vu_burst *burst, uint16_t max, const uint16_t direction)
{
	const uint16_t other_flags = VU_DESC_F_NEXT | VU_DESC_F_WRITE | VU_DESC_F_INDIRECT;
	const struct vu_split_desc *table = snap->desc;
	const uint16_t size = snap->size;
	const uint16_t first = pos->last_avail_idx & snap->mask;
	const uint16_t *entries = &snap->avail->ring[first];
	uint16_t nb = RTE_MIN(vu_split_nb_avail(snap, pos), max);
	const struct vu_mem_table *mem = vu_vring_buffer_mem(snap, direction);
	struct vu_mem_region region = *vu_mem_region_hinted(mem, pos->region_hint);
	uint16_t i;

	nb = RTE_MIN(nb, (uint16_t)(size - first));
	for (i = 0; i < nb; i++) {
		uint16_t head = vu_load(&entries[i]);
		struct vu_split_desc desc;

		if (unlikely(head >= size))
			break;
		vu_split_load_desc(&table[head], &desc);
		if (unlikely((desc.flags & other_flags) != direction))
			break;
		if (unlikely(!vu_mem_region_has(&region, desc.gpa, desc.len_bytes))) {
			region = *vu_mem_region_find(mem, desc.gpa, &pos->region_hint);
			if (!vu_mem_region_has(&region, desc.gpa, desc.len_bytes))
				break;
		}
		burst->head[i] = head;
		burst->len_bytes[i] = desc.len_bytes;
		burst->hva[i] = (uint8_t *)vu_mem_region_hva(&region, desc.gpa);
		if (direction == VU_DESC_F_WRITE)
			rte_prefetch0_write(burst->hva[i]);
		else
			rte_prefetch0(burst->hva[i]);
	}
	burst->nb = i;
	return i;
}

/** A used element in one access; elements are aligned to 4 bytes only (VIRTIO 1.2, 2.7). */
typedef uint64_t vu_split_used_word __attribute__((aligned(4), may_alias));

/**
 * Used elements of entries begin..end - 1. Where nothing was written to the buffers and the guest
 * takes its descriptors in turn, the elements of the last lap hold the same already: then the cache
 * line stays with the guest's core.
 * @context owner lcore
 */
static __rte_always_inline void
vu_split_write_used(struct vu_split_used_elem *elems, const struct vu_burst *burst, uint16_t begin,
	uint16_t end, const bool has_bytes)
{
	vu_split_used_word *to = (vu_split_used_word *)elems;
	uint64_t change = has_bytes;

	if (!has_bytes) {
		for (uint16_t i = begin; i < end; i++)
			change |= to[i - begin] ^ burst->head[i];
	}
	if (change == 0)
		return;
	for (uint16_t i = begin; i < end; i++)
		to[i - begin] = burst->head[i] |
			(has_bytes ? (uint64_t)burst->used_bytes[i] << 32 : 0);
}

/**
 * Give the first `nb` entries of a burst back to the guest with one index update.
 *
 * @param snap      snapshot of the ring
 * @param pos       position, moved on
 * @param burst     entries of the last peek; used_bytes[] set if `has_bytes`
 * @param nb        0..burst->nb
 * @param has_bytes false: nothing was written to any buffer
 * @context owner lcore
 */
static __rte_always_inline void
vu_split_commit(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t nb, const bool has_bytes)
{
	uint16_t first = pos->last_used_idx & snap->mask;
	uint16_t nb_to_end = RTE_MIN(nb, (uint16_t)(snap->size - first));

	vu_split_write_used(&snap->used->ring[first], burst, 0, nb_to_end, has_bytes);
	if (unlikely(nb_to_end != nb))
		vu_split_write_used(snap->used->ring, burst, nb_to_end, nb, has_bytes);
	pos->last_avail_idx += nb;
	pos->last_used_idx += nb;
	vu_counter_add(&pos->counters.nb_chains, nb);
	/* Entries before index; pairs with the acquire in the guest's driver. */
	vu_store_release(&snap->used->idx, pos->last_used_idx);
}

/**
 * Give the first `nb` entries of a burst back with one used element, the last one's (VIRTIO 1.2,
 * 2.7.9): for a ring with IN_ORDER and buffers that nothing was written to, as the guest takes
 * those that are skipped for used in full.
 *
 * @param snap   snapshot of the ring
 * @param pos    position, moved on
 * @param burst  entries of the last peek
 * @param nb     0..burst->nb
 * @context owner lcore
 */
static __rte_always_inline void
vu_split_commit_batch(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t nb)
{
	if (unlikely(nb == 0))
		return;
	*(vu_split_used_word *)&snap->used->ring[pos->last_used_idx & snap->mask] =
		burst->head[nb - 1];
	pos->last_avail_idx += nb;
	pos->last_used_idx += nb;
	vu_counter_add(&pos->counters.nb_chains, nb);
	/* Entry before index; pairs with the acquire in the guest's driver. */
	vu_store_release(&snap->used->idx, pos->last_used_idx);
}

/**
 * Must the guest be notified of what was committed since the last call (VIRTIO 1.2, 2.7.7 and
 * 2.7.10)?
 *
 * @return true: write the call eventfd
 * @context owner lcore
 */
static __rte_always_inline bool
vu_split_wants_notification(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	uint16_t old = pos->signalled_used;
	bool is_first = !pos->signalled_used_valid;
	uint16_t event;

	pos->signalled_used = pos->last_used_idx;
	pos->signalled_used_valid = true;
	/*
	 * Index before event; pairs with the guest's full barrier between writing its event and
	 * reading idx.
	 */
	rte_smp_mb();
	if (unlikely(is_first))
		return true;
	if (!snap->has_event_idx)
		return (vu_load(&snap->avail->flags) & VU_AVAIL_F_NO_INTERRUPT) == 0;
	event = vu_load(&snap->avail->ring[snap->size]);
	return (uint16_t)(pos->last_used_idx - event - 1) < (uint16_t)(pos->last_used_idx - old);
}

/**
 * Suppress the guest's kicks: this ring is polled.
 * @context owner lcore or control while the ring is stopped
 */
static inline void
vu_split_suppress_kicks(const struct vu_vring_snapshot *snap)
{
	if (!snap->has_event_idx)
		vu_store(&snap->used->flags, VU_USED_F_NO_NOTIFY);
}

/**
 * Idle word of the ring: there are entries if ((*word ^ idle) & mask) != 0.
 *
 * @param snap  snapshot of the ring
 * @param pos   position
 * @param idle  set to the idle value
 * @param mask  set to the mask
 * @return word, aligned to 2 bytes, valid as long as the snapshot
 * @context owner lcore
 */
static __rte_always_inline const uint32_t *
vu_split_idle_word(const struct vu_vring_snapshot *snap, const struct vu_vring_pos *pos,
	uint32_t *idle, uint32_t *mask)
{
	/* flags and idx as one word; only the upper half, idx, is compared. */
	*mask = 0xffff0000;
	*idle = (uint32_t)pos->last_avail_idx << 16;
	return (const uint32_t *)(const void *)snap->avail;
}

VU_API_END

#endif /* VU_VRING_SPLIT_H */
