/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packed rings from the driver's side. Written against the text of VIRTIO 1.2, 2.8, field by field
 * and not with the word tricks of vu_vring_packed.h: what both sides got wrong alike would not
 * show.
 */
#include "fake_packed.h"

#include <string.h>

#include <rte_atomic.h>
#include <rte_common.h>

#include "expect.h"
#include "vu_atomic.h"

#define GARBAGE_ID 0xdead

static uint16_t
slot_of(uint16_t position)
{
	return position & 0x7fff;
}

static bool
wrap_of(uint16_t position)
{
	return (position & 0x8000) != 0;
}

uint16_t
fake_packed_advance(const struct fake_ring *ring, uint16_t position, uint32_t nb)
{
	uint32_t slot = slot_of(position);
	bool wrap = wrap_of(position);

	while (nb-- != 0) {
		if (++slot == ring->size) {
			slot = 0;
			wrap = !wrap;
		}
	}
	return (uint16_t)(slot | (wrap ? 0x8000 : 0));
}

static uint16_t
flags_avail(bool wrap)
{
	return wrap ? VU_PACKED_F_AVAIL : VU_PACKED_F_USED;
}

static uint16_t
flags_used(bool wrap)
{
	return wrap ? VU_PACKED_F_AVAIL | VU_PACKED_F_USED : 0;
}

void
fake_packed_reset(struct fake_ring *ring)
{
	ring->avail_idx = 0x8000;
	ring->used_idx = 0x8000;
	fake_packed_start(ring);
}

void
fake_packed_start(struct fake_ring *ring)
{
	memset(ring->packed_desc, 0, sizeof(*ring->packed_desc) * ring->size);
	memset(ring->driver_event, 0, sizeof(*ring->driver_event));
	memset(ring->device_event, 0, sizeof(*ring->device_event));
	for (uint16_t slot = 0; slot < ring->size; slot++) {
		bool is_this_lap = slot < slot_of(ring->used_idx);

		ring->packed_desc[slot].flags =
			flags_used(wrap_of(ring->used_idx) == is_this_lap);
		ring->free_desc[slot] = ring->size - 1 - slot;
	}
	ring->nb_free = ring->size;
	ring->nb_ids = ring->size;
	ring->is_pending = false;
}

static void
packed_table_write(const struct fake_ring *ring, const struct fake_chain *chain)
{
	for (uint16_t i = chain->nb_direct; i < chain->nb_bufs; i++) {
		const struct fake_buf *buf = &chain->bufs[i];
		struct vu_packed_desc desc = {
			.gpa = buf->gpa,
			.len_bytes = buf->len_bytes,
			.id = GARBAGE_ID,
			.flags = buf->is_write ? VU_DESC_F_WRITE : 0,
		};

		fake_guest_write(ring->guest, chain->table_gpa + sizeof(desc) *
			(uint64_t)(i - chain->nb_direct), &desc, sizeof(desc));
	}
}

/* Descriptor i in the ring, without its ownership bits. */
static struct vu_packed_desc
packed_desc(const struct fake_chain *chain, uint16_t i, uint16_t id)
{
	bool is_indirect = i == chain->nb_direct;
	bool is_last = is_indirect || i + 1 == chain->nb_bufs;
	uint16_t flags = is_last ? 0 : VU_DESC_F_NEXT;

	if (is_indirect)
		return (struct vu_packed_desc){
			.gpa = chain->table_gpa,
			.len_bytes = UINT32_C(16) * (chain->nb_bufs - chain->nb_direct),
			.id = id,
			.flags = VU_DESC_F_INDIRECT,
		};
	return (struct vu_packed_desc){
		.gpa = chain->bufs[i].gpa,
		.len_bytes = chain->bufs[i].len_bytes,
		.id = is_last ? id : GARBAGE_ID,
		.flags = flags | (chain->bufs[i].is_write ? VU_DESC_F_WRITE : 0),
	};
}

int
fake_packed_add(struct fake_ring *ring, const struct fake_chain *chain)
{
	uint16_t nb_descs = chain->nb_direct + (chain->nb_direct < chain->nb_bufs);
	uint16_t id;

	if (nb_descs > ring->nb_free)
		return -1;
	id = ring->free_desc[--ring->nb_ids];
	packed_table_write(ring, chain);
	for (uint16_t i = 0; i < nb_descs; i++) {
		struct vu_packed_desc *desc = &ring->packed_desc[slot_of(ring->avail_idx)];
		struct vu_packed_desc new_desc = packed_desc(chain, i, id);

		new_desc.flags |= flags_avail(wrap_of(ring->avail_idx));
		desc->gpa = new_desc.gpa;
		desc->len_bytes = new_desc.len_bytes;
		desc->id = new_desc.id;
		/* The device must not see anything before the first one. */
		if (ring->is_pending) {
			desc->flags = new_desc.flags;
		} else {
			ring->is_pending = true;
			ring->pending_idx = ring->avail_idx;
			ring->pending_flags = new_desc.flags;
		}
		ring->avail_idx = fake_packed_advance(ring, ring->avail_idx, 1);
	}
	ring->nb_free -= nb_descs;
	ring->next_desc[id] = nb_descs;
	return id;
}

void
fake_packed_publish(struct fake_ring *ring)
{
	if (!ring->is_pending)
		return;
	ring->is_pending = false;
	/* The rest before the first flags; pairs with the acquire in vu_packed_peek(). */
	vu_store_release(&ring->packed_desc[slot_of(ring->pending_idx)].flags,
		ring->pending_flags);
}

/* Is the entry at a position used? Of a slot that was never made available this is unknown. */
static bool
is_used(const struct fake_ring *ring, uint16_t position)
{
	/* Pairs with the release in vu_packed_commit(). */
	uint16_t flags = vu_load_acquire(&ring->packed_desc[slot_of(position)].flags);

	return (flags & (VU_PACKED_F_AVAIL | VU_PACKED_F_USED)) == flags_used(wrap_of(position));
}

uint16_t
fake_packed_nb_used(const struct fake_ring *ring)
{
	uint16_t nb_out = ring->size - ring->nb_ids;
	uint16_t position = ring->used_idx;
	uint16_t nb = 0;

	while (nb < nb_out && is_used(ring, position)) {
		uint16_t id = vu_load(&ring->packed_desc[slot_of(position)].id);

		CHECK(id < ring->size);
		position = fake_packed_advance(ring, position, ring->next_desc[id]);
		nb++;
	}
	return nb;
}

void
fake_packed_collect(struct fake_ring *ring, struct vu_split_used_elem *elems, uint16_t nb)
{
	for (uint16_t i = 0; i < nb; i++) {
		const struct vu_packed_desc *desc = &ring->packed_desc[slot_of(ring->used_idx)];

		elems[i].id = desc->id;
		/* Without WRITE the length means nothing. */
		elems[i].len_bytes = (desc->flags & VU_DESC_F_WRITE) != 0 ? desc->len_bytes : 0;
		CHECK(desc->id < ring->size && ring->nb_ids < ring->size);
		ring->free_desc[ring->nb_ids++] = desc->id;
		ring->nb_free += ring->next_desc[desc->id];
		ring->used_idx = fake_packed_advance(ring, ring->used_idx,
			ring->next_desc[desc->id]);
	}
}
