/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Taking and giving back on a ring whose requests are recorded (vu_vring_inflight.h): every step is
 * in the region before the next one is made. Data lcores, under the lock.
 */
#include "vring_ops.h"

#include <errno.h>

#include <rte_branch_prediction.h>

#include "vring_layout.h"

/* A chain of copies becomes an item. */
static enum vu_vring_fault
item_of_descs(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_packed_desc *descs, uint16_t nb, struct vu_vring_item *item)
{
	item->head = descs[nb - 1].id;
	item->nb_descs = nb;
	item->used_bytes = 0;
	return vu_packed_chain_of(snap, pos, descs, nb, &item->chain);
}

/* What the former back-end took and did not give back; a broken record is a fault of the ring. */
static bool
item_again(struct vu_vring_guard *guard, const struct vu_vring_snapshot *snap, uint16_t entry,
	struct vu_vring_item *item)
{
	struct vu_vring_pos *pos = &guard->vring->pos;
	struct vu_packed_desc descs[VU_MAX_CHAIN_SEGS];
	uint16_t nb;

	item->entry = entry;
	if (snap->is_packed) {
		nb = vu_inflight_descs(&guard->inflight, entry, descs);
		pos->fault = (uint8_t)(nb == 0 ? VU_VRING_BAD_INFLIGHT :
			item_of_descs(snap, pos, descs, nb, item));
	} else {
		item->head = entry;
		item->nb_descs = 1;
		item->used_bytes = 0;
		pos->fault = (uint8_t)vu_split_chain(snap, pos, entry, &item->chain);
	}
	return pos->fault == VU_VRING_OK;
}

static bool
split_fetch(struct vu_vring_guard *guard, const struct vu_vring_snapshot *snap,
	struct vu_vring_item *item)
{
	if (split_pop(snap, &guard->vring->pos, item, 1) == 0)
		return false;
	item->entry = item->head;
	vu_inflight_fetch_split(&guard->inflight, item->head);
	return true;
}

/* The copy that is recorded is the one that is checked and used. */
static bool
packed_fetch(struct vu_vring_guard *guard, const struct vu_vring_snapshot *snap,
	struct vu_vring_item *item)
{
	struct vu_vring_pos *pos = &guard->vring->pos;
	struct vu_packed_desc descs[VU_MAX_CHAIN_SEGS];
	uint16_t position = pos->last_avail_idx;
	struct vu_burst burst;
	uint16_t nb;

	if (vu_packed_peek(snap, pos, &burst, 1, 0) == 0)
		return false;
	nb = burst.nb_descs[0];
	for (uint16_t i = 0; i < nb; i++, position = vu_packed_advance(snap, position, 1))
		vu_packed_load_desc(snap, position, &descs[i]);
	descs[nb - 1].id = burst.head[0];
	pos->fault = (uint8_t)item_of_descs(snap, pos, descs, nb, item);
	if (unlikely(pos->fault != VU_VRING_OK))
		return false;
	item->entry = vu_inflight_fetch_packed(&guard->inflight, descs, nb);
	if (unlikely(item->entry == VU_INFLIGHT_NONE)) {
		pos->fault = VU_VRING_BAD_INFLIGHT;
		return false;
	}
	pos->last_avail_idx = position;
	return true;
}

uint16_t
vring_tracked_pop(struct vu_vring_guard *guard, const struct vu_vring_snapshot *snap,
	struct vu_vring_item *items, uint16_t max)
{
	uint16_t nb = 0, entry;

	for (; nb < max && (entry = vu_inflight_next(&guard->inflight)) != VU_INFLIGHT_NONE; nb++)
		if (!item_again(guard, snap, entry, &items[nb]))
			return nb;
	while (nb < max && (snap->is_packed ? packed_fetch(guard, snap, &items[nb]) :
			split_fetch(guard, snap, &items[nb])))
		nb++;
	return nb;
}

static bool
push_is_valid(const struct vu_vring_guard *guard, const struct vu_vring_snapshot *snap,
	const struct vu_vring_item *items, uint16_t nb)
{
	for (uint16_t i = 0; i < nb; i++)
		if (items[i].entry >= guard->inflight.nb_entries ||
				(!snap->is_packed && items[i].head >= snap->size))
			return false;
	return !snap->is_packed || packed_nb_slots(snap, &guard->vring->pos, items, nb) != 0;
}

/* Seen by the guest all at once, or not at all. */
static void
push_batch(struct vu_vring_guard *guard, const struct vu_vring_snapshot *snap,
	const struct vu_vring_item *items, uint16_t nb)
{
	struct vu_inflight *inflight = &guard->inflight;
	struct vu_vring_pos *pos = &guard->vring->pos;

	for (uint16_t i = 0; i < nb; i++)
		vu_inflight_link(inflight, items[i].entry);
	if (snap->is_packed)
		vu_inflight_advance(inflight, vu_packed_advance(snap, pos->last_used_idx,
			packed_nb_slots(snap, pos, items, nb)));
	ring_push(snap, pos, items, nb);
	for (uint16_t i = 0; i < nb; i++)
		vu_inflight_clear(inflight, items[i].entry);
	vu_inflight_commit(inflight, pos->last_used_idx);
}

int
vring_tracked_push(struct vu_vring_guard *guard, const struct vu_vring_snapshot *snap,
	const struct vu_vring_item *items, uint16_t nb)
{
	/*
	 * In a packed ring a batch is written from behind. Half of one, left by a back-end that
	 * died, would stay there: used descriptors behind those that the next one writes.
	 */
	const uint16_t step = snap->is_packed ? 1 : nb;

	if (nb == 0)
		return 0;
	if (!push_is_valid(guard, snap, items, nb))
		return -EINVAL;
	for (uint16_t i = 0; i < nb; i += step)
		push_batch(guard, snap, &items[i], step);
	return 0;
}
