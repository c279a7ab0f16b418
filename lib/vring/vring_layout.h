/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/vring: what the ring API does with the snapshot of a ring, for each layout and,
 * at the end, for either. The caller holds the lock. Between taking and giving back any time may
 * pass and the order may change, so last_avail_idx runs ahead of last_used_idx.
 */
#ifndef VRING_LAYOUT_H
#define VRING_LAYOUT_H

#include <errno.h>

#include "vu_vring_kick.h"
#include "vu_vring_layout.h"
#include "vu_vring_poll.h"

static __rte_always_inline uint16_t
split_pop(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	struct vu_vring_item *items, uint16_t max)
{
	uint16_t nb = RTE_MIN(vu_split_nb_avail(snap, pos), max);

	for (uint16_t i = 0; i < nb; i++) {
		uint16_t head = vu_load(&snap->avail->ring[pos->last_avail_idx & snap->mask]);

		vu_store(&pos->fault, (uint8_t)(unlikely(head >= snap->size) ? VU_VRING_BAD_HEAD :
			vu_split_chain(snap, pos, head, &items[i].chain)));
		if (unlikely(pos->fault != VU_VRING_OK))
			return i;
		items[i].head = head;
		items[i].nb_descs = 1;
		items[i].used_bytes = 0;
		pos->last_avail_idx++;
	}
	return nb;
}

/* What was written to the chains, before they are given back. */
static __rte_noinline void
items_log(const struct vu_vring_snapshot *snap, const struct vu_vring_item *items, uint16_t nb)
{
	for (uint16_t i = 0; i < nb; i++)
		vu_vring_log_segs(snap, &items[i].chain.seg[items[i].chain.nb_read],
			items[i].chain.nb_write, items[i].used_bytes);
}

/* Used elements first, then the index, once. */
static __rte_always_inline int
split_push(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_vring_item *items, uint16_t nb)
{
	for (uint16_t i = 0; i < nb; i++)
		if (unlikely(items[i].head >= snap->size))
			return -EINVAL;
	for (uint16_t i = 0; i < nb; i++) {
		struct vu_split_used_elem *elem =
			&snap->used->ring[(uint16_t)(pos->last_used_idx + i) & snap->mask];

		vu_store(&elem->id, items[i].head);
		vu_store(&elem->len_bytes, items[i].used_bytes);
	}
	pos->last_used_idx += nb;
	vu_counter_add(&pos->counters.nb_chains, nb);
	/* Entries before index; pairs with the acquire in the guest's driver. */
	vu_store_release(&snap->used->idx, pos->last_used_idx);
	return 0;
}

/* Take the next entry; false if there is none, or with the fault set. */
static __rte_always_inline bool
packed_pop_one(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	struct vu_vring_item *item)
{
	struct vu_burst burst;

	if (vu_packed_peek(snap, pos, &burst, 1, 0) == 0)
		return false;
	vu_store(&pos->fault, (uint8_t)vu_packed_chain(snap, pos, &burst, 0, &item->chain));
	if (unlikely(pos->fault != VU_VRING_OK))
		return false;
	item->head = burst.head[0];
	item->nb_descs = burst.nb_descs[0];
	item->used_bytes = 0;
	pos->last_avail_idx = vu_packed_advance(snap, pos->last_avail_idx, item->nb_descs);
	return true;
}

static __rte_always_inline uint16_t
packed_pop(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	struct vu_vring_item *items, uint16_t max)
{
	uint16_t nb = 0;

	while (nb < max && packed_pop_one(snap, pos, &items[nb]))
		nb++;
	return nb;
}

/* Slots of nb items; 0 if they cannot all have been taken from the ring. */
static __rte_always_inline uint32_t
packed_nb_slots(const struct vu_vring_snapshot *snap, const struct vu_vring_pos *pos,
	const struct vu_vring_item *items, uint16_t nb)
{
	uint32_t nb_slots = 0;

	for (uint16_t i = 0; i < nb; i++) {
		if (unlikely(items[i].nb_descs == 0))
			return 0;
		nb_slots += items[i].nb_descs;
	}
	return nb_slots <= vu_packed_nb_taken(snap, pos) ? nb_slots : 0;
}

/* The first one last: until then the guest sees none of them. */
static __rte_always_inline int
packed_push(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_vring_item *items, uint16_t nb)
{
	uint32_t nb_slots = packed_nb_slots(snap, pos, items, nb);
	uint16_t position = pos->last_used_idx;

	if (nb_slots == 0)
		return nb == 0 ? 0 : -EINVAL;
	for (uint16_t i = 0; i < nb; i++) {
		if (i != 0)
			vu_store(vu_packed_word(&snap->packed_desc[position & VU_PACKED_SLOT]),
				vu_packed_used_word(position, items[i].head, items[i].used_bytes));
		position = vu_packed_advance(snap, position, items[i].nb_descs);
	}
	/* Entries before the first one's flags; pairs with the acquire in the guest's driver. */
	vu_store_release(vu_packed_word(&snap->packed_desc[pos->last_used_idx & VU_PACKED_SLOT]),
		vu_packed_used_word(pos->last_used_idx, items[0].head, items[0].used_bytes));
	vu_packed_move_used(snap, pos, nb, nb_slots);
	return 0;
}

static __rte_always_inline bool
packed_has_more(const struct vu_vring_snapshot *snap, const struct vu_vring_pos *pos)
{
	uint32_t idle, mask;
	const uint32_t *word = vu_packed_idle_word(snap, pos, &idle, &mask);

	return vu_packed_nb_taken(snap, pos) < snap->size &&
		((vu_load(word) ^ idle) & mask) != 0;
}

static __rte_always_inline uint16_t
ring_pop(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	struct vu_vring_item *items, uint16_t max)
{
	return snap->is_packed ? packed_pop(snap, pos, items, max) :
		split_pop(snap, pos, items, max);
}

static __rte_always_inline int
ring_push(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_vring_item *items, uint16_t nb)
{
	const uint16_t old_used_idx = pos->last_used_idx;
	int rc;

	if (unlikely(snap->log != NULL))
		items_log(snap, items, nb);
	rc = snap->is_packed ? packed_push(snap, pos, items, nb) :
		split_push(snap, pos, items, nb);
	if (unlikely(snap->log != NULL))
		vu_vring_log_used(snap, pos, old_used_idx);
	return rc;
}

static __rte_always_inline int
ring_signal_used(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	vu_vring_notify(snap, pos);
	return 0;
}

static __rte_always_inline int
ring_needs_notification(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	return snap->is_packed ? vu_packed_wants_notification(snap, pos) :
		vu_split_wants_notification(snap, pos);
}

static __rte_always_inline int
ring_enable_notification(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	vu_vring_enable_kicks(snap, pos);
	/*
	 * Request before look; pairs with the guest's full barrier between publishing a buffer and
	 * reading the request.
	 */
	rte_smp_mb();
	return snap->is_packed ? packed_has_more(snap, pos) :
		vu_load(&snap->avail->idx) != pos->last_avail_idx;
}

static __rte_always_inline int
ring_disable_notification(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	(void)pos;
	vu_vring_disable_kicks(snap);
	return 0;
}

static __rte_always_inline int
ring_used_idx(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	return snap->is_packed ? pos->last_used_idx : vu_load(&snap->used->idx);
}

#endif /* VRING_LAYOUT_H */
