/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packed layout of the driver half; vu_vring_guest.h chooses it and documents each step.
 * The first descriptor that is not published is written last: the device stops there and sees
 * nothing of what follows. In order, the id of a buffer is the slot of its first descriptor.
 */
#ifndef VU_GUEST_PACKED_H
#define VU_GUEST_PACKED_H

#include <rte_atomic.h>

#include "vu_export.h"
#include "vu_guest_ring.h"
#include "vu_packed.h"

VU_API_BEGIN

/** The i-th id that is free, as seen from the next slot. @context thread of the driver half */
static __rte_always_inline uint16_t
vu_guest_packed_free_id(const struct vu_vring_guest *ring, uint16_t i)
{
	return ring->is_in_order
		? (vu_packed_step(ring->size, ring->next_avail, i) & VU_PACKED_SLOT)
		: ring->free_ids[ring->nb_free - 1 - i];
}

/**
 * Make the descriptor at the next position available, or keep it back if it is the first.
 * @context thread of the driver half
 */
static __rte_always_inline void
vu_guest_packed_store(struct vu_vring_guest *ring, uint16_t position, uint64_t word)
{
	if (ring->has_pending) {
		vu_store(vu_packed_word(&ring->packed_desc[position & VU_PACKED_SLOT]), word);
		return;
	}
	ring->has_pending = true;
	ring->pending = position;
	ring->pending_word = word;
}

/** Account for buffers in nb_slots slots. @context thread of the driver half */
static __rte_always_inline void
vu_guest_packed_move(struct vu_vring_guest *ring, uint16_t nb_slots, uint16_t nb_bufs)
{
	ring->next_avail = vu_packed_step(ring->size, ring->next_avail, nb_slots);
	ring->kicked = (uint16_t)RTE_MIN((uint32_t)ring->kicked + nb_slots, (uint32_t)ring->size);
	ring->nb_free -= nb_slots;
	ring->nb_out += nb_bufs;
	ring->sequence += nb_bufs;
}

/**
 * Fill nb slots that follow each other up to the end of the ring at most.
 * @context thread of the driver half
 */
static __rte_always_inline void
vu_guest_packed_add_run(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs, uint16_t nb,
	const bool is_writable)
{
	const uint16_t position = ring->next_avail;
	const uint16_t slot = position & VU_PACKED_SLOT;
	const uint16_t flags = is_writable ? VU_DESC_F_WRITE : 0;
	const uint64_t word_flags = (uint64_t)(flags | vu_packed_avail_flags(position)) << 48;
	const uint16_t *ids = &ring->free_ids[ring->nb_free - 1];
	const uint16_t sequence = ring->sequence;

	for (uint16_t i = 0; i < nb; i++) {
		uint16_t id = ring->is_in_order ? slot + i : *(ids - i);
		uint64_t word = word_flags | (uint64_t)id << 32 | bufs[i].len_bytes;

		ring->slots[id].cookie = bufs[i].cookie;
		ring->slots[id].write_bytes = is_writable ? bufs[i].len_bytes : 0;
		ring->slots[id].nb_descs = 1;
		ring->shadow[id] = (struct vu_guest_shadow){
			bufs[i].gpa, bufs[i].len_bytes, flags, (uint16_t)(sequence + i),
		};
		ring->packed_desc[slot + i].gpa = bufs[i].gpa;
		if (i != 0)
			vu_store(vu_packed_word(&ring->packed_desc[slot + i]), word);
		else
			vu_guest_packed_store(ring, position, word);
	}
	vu_guest_packed_move(ring, nb, nb);
}

/** The layout's part of vu_vring_guest_add(). @context as there */
static __rte_always_inline uint16_t
vu_guest_packed_add(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs, uint16_t nb,
	const bool is_writable)
{
	uint16_t nb_run;

	nb = RTE_MIN(nb, ring->nb_free);
	nb_run = RTE_MIN(nb, (uint16_t)(ring->size - (ring->next_avail & VU_PACKED_SLOT)));
	vu_guest_packed_add_run(ring, bufs, nb_run, is_writable);
	if (unlikely(nb_run != nb))
		vu_guest_packed_add_run(ring, &bufs[nb_run], (uint16_t)(nb - nb_run), is_writable);
	return nb;
}

/** The layout's part of vu_vring_guest_publish(). @context as there */
static __rte_always_inline void
vu_guest_packed_publish(struct vu_vring_guest *ring)
{
	if (unlikely(!ring->has_pending))
		return;
	ring->has_pending = false;
	/* All else before the first flags; pairs with the acquire in vu_packed_peek(). */
	vu_store_release(vu_packed_word(&ring->packed_desc[ring->pending & VU_PACKED_SLOT]),
		ring->pending_word);
}

/** The layout's part of vu_vring_guest_wants_kick(). @context as there */
static __rte_always_inline bool
vu_guest_packed_wants_kick(struct vu_vring_guest *ring)
{
	uint16_t nb_slots = ring->kicked;

	ring->kicked = 0;
	/* Flags before event; pairs with the device's barrier between its event and the flags. */
	rte_smp_mb();
	return vu_packed_event_wants(ring->device_event, ring->has_event_idx, ring->size,
		ring->next_avail, nb_slots);
}

/**
 * Word of the descriptor at a position; false if the device has not used it.
 * @context thread of the driver half
 */
static __rte_always_inline bool
vu_guest_packed_is_used(const struct vu_vring_guest *ring, uint16_t position, uint64_t *word)
{
	/* Pairs with the release in vu_packed_commit(). */
	*word = vu_load_acquire(vu_packed_word(&ring->packed_desc[position & VU_PACKED_SLOT]));
	return ((*word >> 48) & VU_PACKED_F_OWNER) == vu_packed_used_flags(position);
}

/**
 * Bytes that a used descriptor reports: none without WRITE.
 * @context thread of the driver half
 */
static __rte_always_inline uint32_t
vu_guest_packed_used_bytes(uint64_t word)
{
	return ((word >> 48) & VU_DESC_F_WRITE) != 0 ? (uint32_t)word : 0;
}

/**
 * Worker of vu_guest_packed_collect() for a device that uses buffers in order and may skip some.
 *
 * @param ring  ring
 * @param done  filled
 * @param max   length of done
 * @return number of buffers
 * @context owner
 */
uint16_t vu_guest_packed_collect_in_order(struct vu_vring_guest *ring, struct vu_guest_done *done,
	uint16_t max);

/** Where the next used descriptor is: a position taken apart. */
struct guest_packed_cursor {
	uint16_t slot;
	uint16_t used_flags;
};

/** The layout's part of vu_vring_guest_cursor(). @context as there */
static __rte_always_inline struct guest_packed_cursor
vu_guest_packed_cursor(uint16_t position)
{
	return (struct guest_packed_cursor){
		(uint16_t)(position & VU_PACKED_SLOT), vu_packed_used_flags(position),
	};
}

/** The layout's part of vu_vring_guest_cursor_move(). @context as there */
static __rte_always_inline void
vu_guest_packed_cursor_move(struct guest_packed_cursor *cursor, uint16_t size, uint16_t nb_slots)
{
	cursor->slot += nb_slots;
	if (unlikely(cursor->slot >= size)) {
		cursor->slot -= size;
		cursor->used_flags ^= VU_PACKED_F_OWNER;
	}
}

/** The layout's part of vu_vring_guest_cursor_position(). @context as there */
static __rte_always_inline uint16_t
vu_guest_packed_cursor_position(const struct guest_packed_cursor *cursor)
{
	return cursor->slot | (cursor->used_flags & VU_PACKED_WRAP);
}

/** The layout's part of vu_vring_guest_collect(). @context as there */
static __rte_always_inline uint16_t
vu_guest_packed_collect(struct vu_vring_guest *ring, struct vu_guest_done *done, uint16_t max)
{
	struct guest_packed_cursor cursor = vu_guest_packed_cursor(ring->last_used);
	uint16_t nb_free = ring->nb_free;
	uint16_t i;

	if (unlikely(ring->is_broken))
		return 0;
	if (ring->is_in_order)
		return vu_guest_packed_collect_in_order(ring, done, max);
	for (i = 0; i < max; i++) {
		/* Pairs with the release in vu_packed_commit(). */
		uint64_t word = vu_load_acquire(vu_packed_word(&ring->packed_desc[cursor.slot]));
		uint16_t id = (uint16_t)(word >> 32);
		struct vu_guest_slot *slot = &ring->slots[id];
		uint16_t nb_descs;

		if (((word >> 48) & VU_PACKED_F_OWNER) != cursor.used_flags)
			break;
		if (unlikely(id >= ring->size || slot->nb_descs == 0)) {
			ring->is_broken = true;
			break;
		}
		done[i].cookie = slot->cookie;
		done[i].len_bytes = RTE_MIN(vu_guest_packed_used_bytes(word), slot->write_bytes);
		nb_descs = slot->nb_descs;
		slot->nb_descs = 0;
		ring->free_ids[nb_free++] = id;
		/* A guess, so that the next load need not wait for this buffer's length. */
		if (likely(nb_descs == 1)) {
			vu_guest_packed_cursor_move(&cursor, ring->size, 1);
			continue;
		}
		vu_guest_packed_cursor_move(&cursor, ring->size, nb_descs);
		for (; nb_descs > 1; nb_descs--) {
			id = ring->slots[id].next;
			ring->free_ids[nb_free++] = id;
		}
	}
	ring->nb_free = nb_free;
	ring->nb_out -= i;
	ring->last_used = vu_guest_packed_cursor_position(&cursor);
	return i;
}

/** The layout's part of vu_vring_guest_arm(). @context as there */
static inline bool
vu_guest_packed_arm(struct vu_vring_guest *ring)
{
	uint64_t word;

	vu_packed_event_set(ring->driver_event, ring->last_used,
		ring->has_event_idx ? VU_PACKED_EVENT_DESC : VU_PACKED_EVENT_ENABLE);
	/* Request before flags; pairs with the barrier in vu_packed_wants_notification(). */
	rte_smp_mb();
	return ring->batch_id < 0 && !vu_guest_packed_is_used(ring, ring->last_used, &word);
}

/** The layout's part of vu_vring_guest_disarm(). @context as there */
static inline void
vu_guest_packed_disarm(struct vu_vring_guest *ring)
{
	vu_packed_event_set(ring->driver_event, 0, VU_PACKED_EVENT_DISABLE);
}

VU_API_END

#endif /* VU_GUEST_PACKED_H */
