/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Split layout of the driver half; vu_vring_guest.h chooses it and documents each step.
 */
#ifndef VU_GUEST_SPLIT_H
#define VU_GUEST_SPLIT_H

#include <rte_atomic.h>

#include "vu_export.h"
#include "vu_guest_ring.h"

VU_API_BEGIN

/** Buffers that are out. @context thread of the driver half */
static inline uint16_t
vu_guest_split_nb_out(const struct vu_vring_guest *ring)
{
	return (uint16_t)(ring->next_avail - ring->last_used);
}

/** Take the i-th free descriptor without moving on. @context thread of the driver half */
static __rte_always_inline uint16_t
vu_guest_free_desc(const struct vu_vring_guest *ring, uint16_t i)
{
	return ring->is_in_order ? (ring->next_desc + i) & ring->mask :
		ring->free_ids[ring->nb_free - 1 - i];
}

/** Take the next `nb` free descriptors. @context thread of the driver half */
static __rte_always_inline void
vu_guest_take_descs(struct vu_vring_guest *ring, uint16_t nb)
{
	ring->nb_free -= nb;
	ring->next_desc += nb;
}

/** Write one entry of the available ring. @context thread of the driver half */
static __rte_always_inline void
vu_guest_set_avail(struct vu_vring_guest *ring, uint16_t position, uint16_t id)
{
	uint16_t *entry = &ring->avail->ring[position & ring->mask];

	/* An unchanged cache line stays with the device's core. */
	if (*entry != id)
		vu_store(entry, id);
}

/** The layout's part of vu_vring_guest_add(). @context as there */
static __rte_always_inline uint16_t
vu_guest_split_add(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs, uint16_t nb,
	const bool is_writable)
{
	nb = RTE_MIN(nb, ring->nb_free);
	for (uint16_t i = 0; i < nb; i++) {
		uint16_t id = vu_guest_free_desc(ring, i);
		struct vu_guest_slot *slot = &ring->slots[id];

		ring->desc[id] = (struct vu_split_desc){
			.gpa = bufs[i].gpa,
			.len_bytes = bufs[i].len_bytes,
			.flags = (uint16_t)(is_writable ? VU_DESC_F_WRITE : 0),
			.next = 0,
		};
		slot->cookie = bufs[i].cookie;
		slot->write_bytes = is_writable ? bufs[i].len_bytes : 0;
		slot->nb_descs = 1;
		vu_guest_set_avail(ring, (uint16_t)(ring->next_avail + i), id);
	}
	vu_guest_take_descs(ring, nb);
	ring->next_avail += nb;
	return nb;
}

/** The layout's part of vu_vring_guest_publish(). @context as there */
static __rte_always_inline void
vu_guest_split_publish(struct vu_vring_guest *ring)
{
	/* Entries before index; pairs with the acquire of the device, vu_split_nb_avail(). */
	vu_store_release(&ring->avail->idx, ring->next_avail);
}

/** The layout's part of vu_vring_guest_wants_kick(). @context as there */
static __rte_always_inline bool
vu_guest_split_wants_kick(struct vu_vring_guest *ring)
{
	uint16_t old = ring->kicked;
	uint16_t event;

	ring->kicked = ring->next_avail;
	/* Index before event; pairs with the device's barrier between its event and reading idx. */
	rte_smp_mb();
	if (!ring->has_event_idx)
		return (vu_load(&ring->used->flags) & VU_USED_F_NO_NOTIFY) == 0;
	event = vu_load((const uint16_t *)(const void *)&ring->used->ring[ring->size]);
	return (uint16_t)(ring->next_avail - event - 1) < (uint16_t)(ring->next_avail - old);
}

/**
 * Worker of vu_guest_split_collect() for a device that uses buffers in order and may skip entries.
 *
 * @param ring     ring
 * @param done     filled
 * @param max      length of done
 * @param nb_used  used buffers, at most those that are out
 * @return number of buffers
 * @context owner
 */
uint16_t vu_guest_split_collect_in_order(struct vu_vring_guest *ring, struct vu_guest_done *done,
	uint16_t max, uint16_t nb_used);

/** The layout's part of vu_vring_guest_collect(). @context as there */
static __rte_always_inline uint16_t
vu_guest_split_collect(struct vu_vring_guest *ring, struct vu_guest_done *done, uint16_t max)
{
	/* Index before entries; pairs with the release of the device, vu_split_commit(). */
	uint16_t nb = (uint16_t)(vu_load_acquire(&ring->used->idx) - ring->last_used);
	uint16_t i;

	if (nb == 0 || unlikely(ring->is_broken))
		return 0;
	if (unlikely(nb > vu_guest_split_nb_out(ring))) {
		ring->is_broken = true;
		return 0;
	}
	if (ring->is_in_order)
		return vu_guest_split_collect_in_order(ring, done, max, nb);
	nb = RTE_MIN(nb, max);
	for (i = 0; i < nb; i++) {
		const struct vu_split_used_elem *elem =
			&ring->used->ring[(uint16_t)(ring->last_used + i) & ring->mask];
		uint32_t id = vu_load(&elem->id);
		uint32_t len_bytes = vu_load(&elem->len_bytes);

		if (unlikely(id >= ring->size || ring->slots[id].nb_descs == 0)) {
			ring->is_broken = true;
			break;
		}
		done[i].cookie = ring->slots[id].cookie;
		done[i].len_bytes = RTE_MIN(len_bytes, ring->slots[id].write_bytes);
		vu_guest_free_chain(ring, (uint16_t)id);
	}
	ring->last_used += i;
	return i;
}

/** The layout's part of vu_vring_guest_arm(). @context as there */
static inline bool
vu_guest_split_arm(struct vu_vring_guest *ring)
{
	if (ring->has_event_idx)
		vu_store(&ring->avail->ring[ring->size], ring->last_used);
	else
		vu_store(&ring->avail->flags, 0);
	/* Request before index; pairs with the barrier in vu_split_wants_notification(). */
	rte_smp_mb();
	return vu_load(&ring->used->idx) == ring->last_used;
}

/** The layout's part of vu_vring_guest_disarm(). @context as there */
static inline void
vu_guest_split_disarm(struct vu_vring_guest *ring)
{
	if (ring->has_event_idx)
		vu_store(&ring->avail->ring[ring->size], (uint16_t)(ring->last_used - 1));
	else
		vu_store(&ring->avail->flags, VU_AVAIL_F_NO_INTERRUPT);
}

VU_API_END

#endif /* VU_GUEST_SPLIT_H */
