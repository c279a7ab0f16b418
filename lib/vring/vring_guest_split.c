/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Split layout of the driver half: what is not inlined. What the device can write is only ever
 * read as a hint or checked.
 */
#include "vring_guest.h"

void
guest_split_add_chain(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs,
	uint16_t nb_read, uint16_t nb_write)
{
	uint16_t nb_descs = (uint16_t)(nb_read + nb_write);
	uint16_t head = vu_guest_free_desc(ring, 0);

	for (uint16_t i = 0; i < nb_descs; i++) {
		uint16_t id = vu_guest_free_desc(ring, i);
		bool is_last = i == nb_descs - 1;
		uint16_t next = is_last ? 0 : vu_guest_free_desc(ring, (uint16_t)(i + 1));

		ring->desc[id] = (struct vu_split_desc){
			.gpa = bufs[i].gpa,
			.len_bytes = bufs[i].len_bytes,
			.flags = (i >= nb_read ? VU_DESC_F_WRITE : 0) |
				(is_last ? 0 : VU_DESC_F_NEXT),
			.next = next,
		};
		ring->slots[id].next = next;
	}
	ring->slots[head].cookie = bufs[0].cookie;
	ring->slots[head].write_bytes = guest_bytes(&bufs[nb_read], nb_write);
	ring->slots[head].nb_descs = nb_descs;
	vu_guest_set_avail(ring, ring->next_avail, head);
	vu_guest_take_descs(ring, nb_descs);
	ring->next_avail++;
}

void
guest_split_add_indirect(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs,
	uint16_t nb_read, uint16_t nb_write, const struct vu_guest_table *table)
{
	struct vu_split_desc *entries = table->memory;
	uint16_t nb = (uint16_t)(nb_read + nb_write);
	struct vu_guest_buf one = {
		.gpa = table->gpa,
		.cookie = bufs[0].cookie,
		.len_bytes = nb * (uint32_t)sizeof(*entries),
	};
	uint16_t head = vu_guest_free_desc(ring, 0);

	for (uint16_t i = 0; i < nb; i++)
		entries[i] = (struct vu_split_desc){
			.gpa = bufs[i].gpa,
			.len_bytes = bufs[i].len_bytes,
			.flags = (i >= nb_read ? VU_DESC_F_WRITE : 0) |
				(i + 1 < nb ? VU_DESC_F_NEXT : 0),
			.next = i + 1 < nb ? (uint16_t)(i + 1) : 0,
		};
	vu_guest_split_add(ring, &one, 1, false);
	ring->desc[head].flags = VU_DESC_F_INDIRECT;
	ring->slots[head].write_bytes = guest_bytes(&bufs[nb_read], nb_write);
}

/*
 * Start a batch: its one used entry names the last buffer (VIRTIO 1.2, 2.7.9). That must be one of
 * the next nb_used buffers, or the chains up to it would not all be ours.
 */
static bool
batch_begin(struct vu_vring_guest *ring, uint32_t id, uint16_t nb_used)
{
	uint16_t position = ring->first_desc;

	for (uint16_t i = 0; i < nb_used; i++) {
		uint16_t head = position & ring->mask;

		if (head == id) {
			ring->batch_id = (int32_t)id;
			return true;
		}
		position += ring->slots[head].nb_descs;
	}
	return false;
}

/* One buffer of a batch of several; those that it skips count as written in full. */
static bool
batch_collect(struct vu_vring_guest *ring, struct vu_guest_done *done, uint16_t nb_used)
{
	const struct vu_split_used_elem *elem = &ring->used->ring[ring->last_used & ring->mask];
	uint16_t head = ring->first_desc & ring->mask;
	const struct vu_guest_slot *slot = &ring->slots[head];

	if (ring->batch_id < 0) {
		if (!batch_begin(ring, vu_load(&elem->id), nb_used))
			return false;
		ring->batch_bytes = vu_load(&elem->len_bytes);
	}
	done->cookie = slot->cookie;
	done->len_bytes = slot->write_bytes;
	if (ring->batch_id == head) {
		done->len_bytes = RTE_MIN(ring->batch_bytes, slot->write_bytes);
		ring->batch_id = -1;
	}
	vu_guest_free_chain(ring, head);
	ring->last_used++;
	return true;
}

/*
 * The common case: outside of any batch, a run of entries that each name the oldest buffer. Returns
 * how many of max there were.
 */
static uint16_t
single_collect(struct vu_vring_guest *ring, struct vu_guest_done *done, uint16_t max)
{
	uint16_t position = ring->first_desc, last_used = ring->last_used;
	uint16_t i;

	if (ring->batch_id >= 0)
		return 0;
	for (i = 0; i < max; i++) {
		const struct vu_split_used_elem *elem = &ring->used->ring[last_used & ring->mask];
		uint16_t head = position & ring->mask;
		struct vu_guest_slot *slot = &ring->slots[head];

		if (vu_load(&elem->id) != head)
			break;
		done[i].cookie = slot->cookie;
		done[i].len_bytes = RTE_MIN(vu_load(&elem->len_bytes), slot->write_bytes);
		position += slot->nb_descs;
		slot->nb_descs = 0;
		last_used++;
	}
	ring->nb_free += (uint16_t)(position - ring->first_desc);
	ring->first_desc = position;
	ring->last_used = last_used;
	return i;
}

uint16_t
vu_guest_split_collect_in_order(struct vu_vring_guest *ring, struct vu_guest_done *done,
	uint16_t max, uint16_t nb_used)
{
	uint16_t nb = 0;

	max = RTE_MIN(max, nb_used);
	while (nb < max) {
		uint16_t nb_single = single_collect(ring, &done[nb], (uint16_t)(max - nb));

		nb += nb_single;
		if (nb_single != 0)
			continue;
		if (!batch_collect(ring, &done[nb], (uint16_t)(nb_used - nb))) {
			ring->is_broken = true;
			break;
		}
		nb++;
	}
	return nb;
}

/* Used entries that are still to be collected, as far as they make sense. */
static uint16_t
restart_count_used(const struct vu_vring_guest *ring)
{
	uint16_t nb = (uint16_t)(vu_load_acquire(&ring->used->idx) - ring->last_used);

	return nb <= vu_guest_split_nb_out(ring) && !ring->is_broken ? nb : 0;
}

/* Heads in order are found by private state alone. */
static uint16_t
restart_list_in_order(struct vu_vring_guest *ring, uint16_t nb_used, uint16_t *heads)
{
	uint16_t nb_out = vu_guest_split_nb_out(ring);
	uint16_t position = ring->first_desc;

	for (uint16_t i = 0; i < nb_out; i++) {
		uint16_t head = position & ring->mask;

		if (i >= nb_used)
			heads[i - nb_used] = head;
		position += ring->slots[head].nb_descs;
	}
	return (uint16_t)(nb_out - nb_used);
}

/*
 * Heads that are out and not used, oldest first; nb_used shrinks to what makes sense. The available
 * ring has the order of the last `size` of them; the device may have scribbled on it, and older
 * ones are no longer in it: the last pass finds what is missing.
 */
static uint16_t
restart_list(struct vu_vring_guest *ring, uint16_t *nb_used, uint16_t *heads)
{
	uint16_t nb = 0;
	uint16_t i = 0;

	while (i < *nb_used && guest_mark(ring, vu_load(
			&ring->used->ring[(uint16_t)(ring->last_used + i) & ring->mask].id)))
		i++;
	*nb_used = i;
	for (uint32_t back = ring->size; back > 0; back--) {
		uint16_t head = vu_load(&ring->avail->ring[(ring->next_avail - back) & ring->mask]);

		if (guest_mark(ring, head))
			heads[nb++] = head;
	}
	for (uint32_t head = 0; head < ring->size; head++)
		if (guest_mark(ring, head))
			heads[nb++] = (uint16_t)head;
	guest_unmark(ring);
	return nb;
}

uint32_t
guest_split_restart(struct vu_vring_guest *ring)
{
	/* The unused part of the stack: there are at most as many heads as descriptors taken. */
	uint16_t *heads = &ring->free_ids[ring->nb_free];
	uint16_t nb_used = restart_count_used(ring);
	uint16_t nb = ring->is_in_order ? restart_list_in_order(ring, nb_used, heads) :
		restart_list(ring, &nb_used, heads);
	uint16_t base = (uint16_t)(ring->last_used + nb_used);

	for (uint16_t i = 0; i < nb; i++)
		vu_guest_set_avail(ring, (uint16_t)(base + i), heads[i]);
	ring->next_avail = (uint16_t)(base + nb);
	ring->kicked = ring->next_avail;
	if (ring->is_broken)
		ring->batch_id = -1;
	ring->is_broken = false;
	vu_store(&ring->used->flags, 0);
	vu_store(&ring->used->idx, base);
	vu_guest_split_publish(ring);
	return base;
}
