/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packed layout of the driver half: what is not inlined. The device overwrites the ring, so what a
 * buffer was is known from private state alone.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* qsort_r() */
#endif
#include "vring_guest.h"

#include <stdlib.h>

/* Descriptor k of a chain: fill the next slot but one, and record what is in it. */
static void
packed_put(struct vu_vring_guest *ring, uint16_t position, uint16_t id,
	const struct vu_guest_shadow *part)
{
	uint64_t flags = (uint64_t)(part->flags | vu_packed_avail_flags(position));

	ring->packed_desc[position & VU_PACKED_SLOT].gpa = part->gpa;
	vu_guest_packed_store(ring, position, flags << 48 | (uint64_t)id << 32 | part->len_bytes);
}

void
guest_packed_add_chain(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs,
	uint16_t nb_read, uint16_t nb_write)
{
	uint16_t nb_descs = (uint16_t)(nb_read + nb_write);
	uint16_t head = vu_guest_packed_free_id(ring, 0);

	for (uint16_t i = 0; i < nb_descs; i++) {
		uint16_t id = vu_guest_packed_free_id(ring, i);
		struct vu_guest_shadow part = {
			.gpa = bufs[i].gpa,
			.len_bytes = bufs[i].len_bytes,
			.flags = i >= nb_read ? VU_DESC_F_WRITE : 0,
			.sequence = ring->sequence,
		};

		ring->shadow[id] = part;
		if (i + 1 < nb_descs) {
			part.flags |= VU_DESC_F_NEXT;
			ring->slots[id].next = vu_guest_packed_free_id(ring, (uint16_t)(i + 1));
		}
		packed_put(ring, vu_packed_step(ring->size, ring->next_avail, i), head, &part);
	}
	ring->slots[head].cookie = bufs[0].cookie;
	ring->slots[head].write_bytes = guest_bytes(&bufs[nb_read], nb_write);
	ring->slots[head].nb_descs = nb_descs;
	vu_guest_packed_move(ring, nb_descs, 1);
}

void
guest_packed_add_indirect(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs,
	uint16_t nb_read, uint16_t nb_write, const struct vu_guest_table *table)
{
	struct vu_packed_desc *entries = table->memory;
	uint16_t nb = (uint16_t)(nb_read + nb_write);
	uint16_t id = vu_guest_packed_free_id(ring, 0);
	const struct vu_guest_shadow part = {
		.gpa = table->gpa,
		.len_bytes = nb * (uint32_t)sizeof(*entries),
		.flags = VU_DESC_F_INDIRECT,
		.sequence = ring->sequence,
	};

	for (uint16_t i = 0; i < nb; i++)
		entries[i] = (struct vu_packed_desc){
			.gpa = bufs[i].gpa,
			.len_bytes = bufs[i].len_bytes,
			.flags = i >= nb_read ? VU_DESC_F_WRITE : 0,
		};
	ring->shadow[id] = part;
	ring->slots[id].cookie = bufs[0].cookie;
	ring->slots[id].write_bytes = guest_bytes(&bufs[nb_read], nb_write);
	ring->slots[id].nb_descs = 1;
	packed_put(ring, ring->next_avail, id, &part);
	vu_guest_packed_move(ring, 1, 1);
}

/*
 * Position behind the buffer whose id ends a batch that begins at `position`; `id` must be one of
 * the nb_out buffers from there on. In order, an id is a slot.
 */
static bool
packed_batch_end(const struct vu_vring_guest *ring, uint16_t *position, uint16_t *nb_out,
	uint16_t id)
{
	while (*nb_out != 0) {
		uint16_t slot = *position & VU_PACKED_SLOT;

		*position = vu_packed_step(ring->size, *position, ring->slots[slot].nb_descs);
		(*nb_out)--;
		if (slot == id)
			return true;
	}
	return false;
}

/* Find the batch that the device has finished; false if there is none, or a wrong one. */
static bool
packed_batch_begin(struct vu_vring_guest *ring)
{
	uint16_t position = ring->last_used, nb_out = ring->nb_out;
	uint64_t word;

	if (!vu_guest_packed_is_used(ring, position, &word))
		return false;
	if (!packed_batch_end(ring, &position, &nb_out, (uint16_t)(word >> 32))) {
		ring->is_broken = true;
		return false;
	}
	ring->batch_id = (uint16_t)(word >> 32);
	ring->batch_bytes = vu_guest_packed_used_bytes(word);
	return true;
}

/* One buffer of a batch; those that it skips count as written in full. */
static void
packed_batch_collect(struct vu_vring_guest *ring, struct vu_guest_done *done)
{
	uint16_t head = ring->last_used & VU_PACKED_SLOT;
	const struct vu_guest_slot *slot = &ring->slots[head];

	done->cookie = slot->cookie;
	done->len_bytes = slot->write_bytes;
	if (ring->batch_id == head) {
		done->len_bytes = RTE_MIN(ring->batch_bytes, slot->write_bytes);
		ring->batch_id = -1;
	}
	ring->last_used = vu_packed_step(ring->size, ring->last_used, slot->nb_descs);
	vu_guest_free_chain(ring, head);
	ring->nb_out--;
}

/*
 * The common case: outside of any batch, a run of used descriptors that each name the oldest
 * buffer. Returns how many of max there were.
 */
static uint16_t
packed_single_collect(struct vu_vring_guest *ring, struct vu_guest_done *done, uint16_t max)
{
	struct guest_packed_cursor cursor = vu_guest_packed_cursor(ring->last_used);
	uint16_t nb_free = ring->nb_free;
	uint16_t i;

	max = RTE_MIN(max, ring->nb_out);
	for (i = 0; i < max; i++) {
		/* Pairs with the release in vu_packed_commit(). */
		uint64_t word = vu_load_acquire(vu_packed_word(&ring->packed_desc[cursor.slot]));
		struct vu_guest_slot *slot = &ring->slots[cursor.slot];

		if (((word >> 48) & VU_PACKED_F_OWNER) != cursor.used_flags ||
				(uint16_t)(word >> 32) != cursor.slot)
			break;
		done[i].cookie = slot->cookie;
		done[i].len_bytes = RTE_MIN(vu_guest_packed_used_bytes(word), slot->write_bytes);
		nb_free += slot->nb_descs;
		vu_guest_packed_cursor_move(&cursor, ring->size, slot->nb_descs);
		slot->nb_descs = 0;
	}
	ring->nb_free = nb_free;
	ring->nb_out -= i;
	ring->last_used = vu_guest_packed_cursor_position(&cursor);
	return i;
}

uint16_t
vu_guest_packed_collect_in_order(struct vu_vring_guest *ring, struct vu_guest_done *done,
	uint16_t max)
{
	uint16_t nb = 0;

	while (nb < max) {
		if (ring->batch_id < 0) {
			nb += packed_single_collect(ring, &done[nb], (uint16_t)(max - nb));
			if (nb == max || !packed_batch_begin(ring))
				break;
		}
		packed_batch_collect(ring, &done[nb++]);
	}
	return nb;
}

/* Used buffers that are still to be collected: mark them, return the position behind them. */
static uint16_t
packed_mark_used(struct vu_vring_guest *ring, uint16_t *nb_out)
{
	uint16_t position = ring->last_used;
	uint64_t word;

	while (*nb_out != 0 && vu_guest_packed_is_used(ring, position, &word)) {
		uint16_t id = (uint16_t)(word >> 32);

		if (!guest_mark(ring, id))
			break;
		position = vu_packed_step(ring->size, position,
			ring->slots[id].nb_descs & ~GUEST_MARK);
		(*nb_out)--;
	}
	return position;
}

/* The same in order: whole batches, the one in hand first. */
static uint16_t
packed_skip_used(const struct vu_vring_guest *ring, uint16_t *nb_out)
{
	uint16_t position = ring->last_used;
	uint64_t word;

	if (ring->batch_id >= 0)
		packed_batch_end(ring, &position, nb_out, (uint16_t)ring->batch_id);
	while (*nb_out != 0 && vu_guest_packed_is_used(ring, position, &word)) {
		uint16_t end = position, nb = *nb_out;

		if (!packed_batch_end(ring, &end, &nb, (uint16_t)(word >> 32)))
			break;
		position = end;
		*nb_out = nb;
	}
	return position;
}

/* Older buffers first; those more than 65535 buffers apart count as neighbours. */
static int
packed_compare_age(const void *left, const void *right, void *arg)
{
	const struct vu_vring_guest *ring = arg;
	uint16_t left_age = ring->sequence - ring->shadow[*(const uint16_t *)left].sequence;
	uint16_t right_age = ring->sequence - ring->shadow[*(const uint16_t *)right].sequence;

	return (int)right_age - (int)left_age;
}

/* Heads that are out and not used, oldest first. */
static uint16_t
packed_list(struct vu_vring_guest *ring, uint16_t position, uint16_t nb_out, uint16_t *heads)
{
	uint16_t nb = 0;

	if (ring->is_in_order) {
		for (; nb < nb_out; nb++) {
			heads[nb] = position & VU_PACKED_SLOT;
			position = vu_packed_step(ring->size, position,
				ring->slots[heads[nb]].nb_descs);
		}
		return nb;
	}
	for (uint32_t id = 0; id < ring->size; id++)
		if (guest_mark(ring, id))
			heads[nb++] = (uint16_t)id;
	guest_unmark(ring);
	qsort_r(heads, nb, sizeof(*heads), packed_compare_age, ring);
	return nb;
}

/* Make a chain available again at a position; returns the next one. */
static uint16_t
packed_put_again(struct vu_vring_guest *ring, uint16_t position, uint16_t head)
{
	uint16_t nb_descs = ring->slots[head].nb_descs;
	uint16_t id = head;

	for (uint16_t i = 0; i < nb_descs; i++) {
		struct vu_guest_shadow part = ring->shadow[id];

		if (i + 1 < nb_descs)
			part.flags |= VU_DESC_F_NEXT;
		packed_put(ring, position, head, &part);
		position = vu_packed_step(ring->size, position, 1);
		id = ring->slots[id].next;
	}
	return position;
}

/* Slots without a buffer look as if they had been used a lap ago, whatever the device left. */
static void
packed_clear_free(struct vu_vring_guest *ring)
{
	uint16_t position = ring->next_avail;

	for (uint16_t i = 0; i < ring->nb_free; i++) {
		vu_store(&ring->packed_desc[position & VU_PACKED_SLOT].flags,
			vu_packed_used_flags(position ^ VU_PACKED_WRAP));
		position = vu_packed_step(ring->size, position, 1);
	}
}

uint32_t
guest_packed_restart(struct vu_vring_guest *ring)
{
	/* The unused part of the stack: there are at most as many heads as ids taken. */
	uint16_t *heads = ring->is_in_order ? ring->free_ids : &ring->free_ids[ring->nb_free];
	uint16_t nb_out = ring->nb_out;
	uint16_t base, nb;

	if (ring->is_broken) {
		ring->batch_id = -1;
		base = ring->last_used;
	} else {
		base = ring->is_in_order ? packed_skip_used(ring, &nb_out) :
			packed_mark_used(ring, &nb_out);
	}
	nb = packed_list(ring, base, nb_out, heads);
	ring->has_pending = false;
	ring->next_avail = base;
	for (uint16_t i = 0; i < nb; i++)
		ring->next_avail = packed_put_again(ring, ring->next_avail, heads[i]);
	packed_clear_free(ring);
	ring->kicked = 0;
	ring->is_broken = false;
	vu_guest_packed_publish(ring);
	return base | (uint32_t)base << 16;
}
