/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random guests for variant_rig.h: well-behaved ones, and ones that write anything into their ring.
 * Everything is drawn from side->rand, so that two sides that are alike stay alike.
 */
#include "variant_rig.h"

#include <string.h>

#include <rte_atomic.h>
#include <rte_common.h>

#include "vu_atomic.h"
#include "vu_vring_layout.h"

#define MAX_BUFS 40
#define HEADER_BYTES 12
/* Fewer than an arena has, so that entries in the ring never share memory. */
#define MAX_OUT_BYTES 0xa000

struct guest_chain {
	struct fake_buf bufs[MAX_BUFS];
	struct fake_chain shape;
};

/* ---- buffers ---- */

/* Bytes of an entry, header included: around every border that the driver knows. */
static uint32_t
pick_bytes(struct rig_side *side, const struct rig_plan *plan)
{
	const uint32_t room = side->nq.room_bytes;

	switch (fake_rand_in(&side->rand, 0, plan->is_single ? 255 : 31)) {
	case 0:
		return fake_rand_in(&side->rand, 0, HEADER_BYTES + 2);
	case 1:
		return HEADER_BYTES + room + fake_rand_in(&side->rand, 0, 4) - 2;
	case 2:
	case 3:
		return fake_rand_in(&side->rand, 0, 40);
	case 4:
	case 5:
		return fake_rand_in(&side->rand, HEADER_BYTES + 1, HEADER_BYTES + 2 * room);
	case 6:
		return fake_rand_in(&side->rand, 0, 3000);
	case 7:
		if (!fake_rand_one_in(&side->rand, 8))
			return 1526;
		return VU_NET_MAX_FRAME_BYTES + HEADER_BYTES + fake_rand_in(&side->rand, 0, 4) - 2;
	default:
		if (plan->is_single && !plan->is_from_guest)
			return HEADER_BYTES + fake_rand_in(&side->rand, 200, 600);
		return HEADER_BYTES + fake_rand_in(&side->rand, 1, RTE_MIN(room, 300u));
	}
}

/* A place for bytes that no other entry in the ring has. */
static uint64_t
place_bytes(struct rig_side *side, uint32_t nb)
{
	enum rig_arena arena = fake_rand_one_in(&side->rand, 3) ? RIG_ARENA_BORDER : RIG_ARENA_HIGH;
	/* Gaps show what is written too far. */
	uint32_t gap = fake_rand_in(&side->rand, 0, 70);
	bool is_first = side->out_bytes == 0;
	uint32_t place;

	side->out_bytes += nb + gap;
	/* The last bytes that there are; only while nobody else has them. */
	if (fake_rand_one_in(&side->rand, 16) && is_first && nb <= arena_bytes(RIG_ARENA_END))
		return arena_gpa(RIG_ARENA_END) + arena_bytes(RIG_ARENA_END) - nb;
	if (nb > arena_bytes(arena) / 2)
		arena = RIG_ARENA_HIGH;
	place = side->next_byte[arena];
	if (place + nb > arena_bytes(arena))
		place = 0;
	side->next_byte[arena] = place + nb + gap;
	return arena_gpa(arena) + place;
}

/* One piece of a chain: often short, and empty now and then. */
static uint32_t
pick_piece(struct rig_side *side, uint32_t left_bytes)
{
	switch (fake_rand_in(&side->rand, 0, 7)) {
	case 0:
		return 0;
	case 1:
		return RTE_MIN(left_bytes, (uint32_t)HEADER_BYTES);
	case 2:
		return RTE_MIN(left_bytes, fake_rand_in(&side->rand, 1, HEADER_BYTES + 3));
	default:
		return fake_rand_in(&side->rand, 0, left_bytes);
	}
}

static uint16_t
pick_nb_bufs(struct rig_side *side, const struct rig_plan *plan)
{
	if (!fake_rand_one_in(&side->rand, plan->is_single ? 64 : 3))
		return 1;
	return fake_rand_in(&side->rand, 1, fake_rand_one_in(&side->rand, 8) ? MAX_BUFS : 5);
}

/* How much of a chain is in an indirect table; the packed layout has all or nothing. */
static void
pick_table(struct rig_side *side, const struct rig_plan *plan, struct fake_chain *shape)
{
	uint16_t nb = shape->nb_bufs;

	shape->nb_direct = nb;
	if (!side->snapshot->has_indirect || nb > RIG_TABLE_DESCS ||
			!fake_rand_one_in(&side->rand, plan->is_single ? 64 : 4))
		return;
	shape->nb_direct = plan->is_packed ? 0 : fake_rand_in(&side->rand, 0, nb - 1);
	shape->is_back_to_front = fake_rand_one_in(&side->rand, 2);
	shape->table_gpa = arena_gpa(RIG_ARENA_TABLES) + UINT64_C(16) * RIG_TABLE_DESCS *
		(side->next_table++ % (2 * RIG_MAX_RING));
}

static void
chain_pick(struct rig_side *side, const struct rig_plan *plan, struct guest_chain *chain,
	uint32_t max_bytes)
{
	uint32_t left_bytes = pick_bytes(side, plan);
	uint16_t nb = pick_nb_bufs(side, plan);

	if (max_bytes != 0)
		left_bytes = RTE_MIN(left_bytes, max_bytes);
	for (uint16_t i = 0; i < nb; i++) {
		uint32_t piece = i + 1 == nb ? left_bytes : pick_piece(side, left_bytes);

		chain->bufs[i] = (struct fake_buf){ place_bytes(side, piece), piece,
			!plan->is_from_guest };
		left_bytes -= piece;
	}
	chain->shape = (struct fake_chain){ .bufs = chain->bufs, .nb_bufs = nb };
	pick_table(side, plan, &chain->shape);
}

/* A header that may mean something, in the first bytes of what the guest sends. */
static void
write_header(struct rig_side *side, const struct rig_plan *plan, const struct fake_buf *buf)
{
	uint8_t header[HEADER_BYTES] = { 0 };

	if (!plan->is_from_guest || buf->len_bytes < sizeof(header))
		return;
	switch (fake_rand_in(&side->rand, 0, 3)) {
	case 0: /* garbage: what is there already */
		return;
	case 1:
		header[0] = (uint8_t)fake_rand_in(&side->rand, 0, 3); /* flags */
		header[1] = (uint8_t)fake_rand_in(&side->rand, 0, 5); /* kind of segmentation */
		header[2] = (uint8_t)fake_rand_in(&side->rand, 0, 80); /* length of headers */
		header[4] = (uint8_t)fake_rand_in(&side->rand, 0, 255); /* segment size */
		header[6] = (uint8_t)fake_rand_in(&side->rand, 0, 60); /* checksum start, offset */
		header[8] = (uint8_t)fake_rand_in(&side->rand, 0, 20);
		break;
	default:
		break;
	}
	fake_guest_write(&side->guest, buf->gpa, header, sizeof(header));
}

/* May the device leave used entries out? */
static bool
plan_is_batched(const struct rig_plan *plan)
{
	return plan->is_from_guest && (plan->features & RTE_BIT64(VIRTIO_F_IN_ORDER)) != 0;
}

bool
plan_has_loose_ring(const struct rig_plan *plan)
{
	return plan_is_batched(plan) && plan->is_hostile;
}

void
guest_offer(struct rig_side *side, const struct rig_plan *plan, unsigned int nb,
	uint32_t max_bytes)
{
	struct fake_ring *ring = side->ring;
	struct guest_chain chain;

	if (ring->nb_free == ring->size)
		side->out_bytes = 0;
	for (unsigned int i = 0; i < nb && side->out_bytes < MAX_OUT_BYTES; i++) {
		int head;

		chain_pick(side, plan, &chain, max_bytes);
		head = fake_ring_add(ring, &chain.shape);
		if (head < 0)
			break;
		write_header(side, plan, &chain.bufs[0]);
		fake_ring_offer(ring, (uint16_t)head);
		if (plan_is_batched(plan) && !plan->is_hostile)
			side->order[side->nb_order++] = (uint16_t)head;
	}
	if (!plan->is_hostile)
		fake_ring_publish(ring);
}

/* ---- in order ---- */

/* The next used entry as a driver reads it; false: there is none. */
static bool
used_next(const struct rig_side *side, uint16_t position, uint16_t *id)
{
	const struct fake_ring *ring = side->ring;
	const struct vu_packed_desc *desc;

	if (!ring->is_packed) {
		*id = (uint16_t)ring->used->ring[position & (ring->size - 1)].id;
		return position != ring->used->idx;
	}
	desc = &ring->packed_desc[position & VU_PACKED_SLOT];
	*id = desc->id;
	return (desc->flags & VU_PACKED_F_OWNER) == vu_packed_used_flags(position);
}

/* Write a used entry; returns the position of the next one. */
static uint16_t
used_fill(const struct rig_side *side, uint16_t position, uint16_t id)
{
	const struct fake_ring *ring = side->ring;
	struct vu_packed_desc *desc;

	if (!ring->is_packed) {
		ring->used->ring[position & (ring->size - 1)] =
			(struct vu_split_used_elem){ .id = id };
		return position + 1;
	}
	desc = &ring->packed_desc[position & VU_PACKED_SLOT];
	desc->len_bytes = 0;
	desc->id = id;
	desc->flags = vu_packed_used_flags(position);
	return vu_packed_advance(side->snapshot, position, ring->next_desc[id]);
}

bool
guest_settle(struct rig_side *side, const struct rig_plan *plan)
{
	uint16_t position = side->ring->used_idx;
	uint16_t nb = 0, end, id;

	if (!plan_is_batched(plan) || plan->is_hostile)
		return true;
	while (nb < side->nb_order && used_next(side, position, &id)) {
		for (end = nb; end < side->nb_order && side->order[end] != id; end++)
			;
		if (end == side->nb_order)
			return false;
		for (; nb <= end; nb++)
			position = used_fill(side, position, side->order[nb]);
	}
	side->nb_order -= nb;
	memmove(side->order, &side->order[nb], side->nb_order * sizeof(side->order[0]));
	return position == side->queue.vring.pos.last_used_idx;
}

void
guest_collect(struct rig_side *side)
{
	struct vu_split_used_elem elems[RIG_MAX_RING];

	fake_ring_collect(side->ring, elems, RIG_MAX_RING);
}

void
guest_set_event(struct rig_side *side, const struct rig_plan *plan)
{
	struct fake_ring *ring = side->ring;
	uint32_t ahead = fake_rand_in(&side->rand, 0, 70);

	if (fake_rand_one_in(&side->rand, 16)) {
		/* Reserved values and places off the ring too. */
		if (plan->is_packed)
			vu_store(&ring->driver_event->flags, (uint16_t)fake_rand_u64(&side->rand));
		fake_ring_set_used_event(ring, (uint16_t)fake_rand_u64(&side->rand));
		return;
	}
	fake_ring_set_no_interrupt(ring, fake_rand_one_in(&side->rand, 3));
	if (!side->snapshot->has_event_idx || fake_rand_one_in(&side->rand, 4))
		return;
	if (plan->is_packed)
		fake_ring_set_used_event(ring, vu_packed_advance(side->snapshot, ring->used_idx,
			ahead % ring->size));
	else
		fake_ring_set_used_event(ring, (uint16_t)(ring->used_idx + ahead - 1));
}

/* ---- hostile guests ---- */

static uint64_t
bad_gpa(struct rig_side *side, uint32_t len_bytes)
{
	switch (fake_rand_in(&side->rand, 0, 6)) {
	case 0:
		return FAKE_NOWHERE_GPA;
	case 1:
		return UINT64_MAX - fake_rand_in(&side->rand, 0, 40);
	case 2: /* ends behind the end, at it, before it */
		return FAKE_HIGH_GPA + FAKE_HIGH_BYTES - len_bytes + fake_rand_in(&side->rand, 0, 2)
			- 1;
	case 3:
		return FAKE_LOW_GPA - fake_rand_in(&side->rand, 0, 2);
	case 4:
		return FAKE_HIGH_GPA + FAKE_HIGH_BYTES;
	case 5:
		return FAKE_MID_GPA - fake_rand_in(&side->rand, 0, 64);
	default:
		return fake_rand_u64(&side->rand);
	}
}

static uint32_t
bad_bytes(struct rig_side *side)
{
	switch (fake_rand_in(&side->rand, 0, 5)) {
	case 0:
		return 0;
	case 1:
		return UINT32_MAX - fake_rand_in(&side->rand, 0, 20);
	case 2:
		return UINT32_C(0x80000000);
	case 3:
		return (uint32_t)FAKE_HIGH_BYTES;
	default:
		return fake_rand_in(&side->rand, 0, 16);
	}
}

static void
break_split_desc(struct rig_side *side, struct vu_split_desc *desc)
{
	switch (fake_rand_in(&side->rand, 0, 4)) {
	case 0:
		desc->gpa = bad_gpa(side, desc->len_bytes);
		break;
	case 1:
		desc->len_bytes = bad_bytes(side);
		break;
	case 2:
		desc->flags ^= (uint16_t)(1u << fake_rand_in(&side->rand, 0, 2));
		break;
	case 3:
		desc->flags = (uint16_t)fake_rand_u64(&side->rand);
		break;
	default: /* loops, places off the table */
		desc->flags |= VU_DESC_F_NEXT;
		desc->next = fake_rand_in(&side->rand, 0, side->ring->size);
		break;
	}
}

static void
break_packed_desc(struct rig_side *side, struct vu_packed_desc *desc)
{
	static const uint16_t flags[] = { VU_DESC_F_NEXT, VU_DESC_F_WRITE, VU_DESC_F_INDIRECT,
		VU_PACKED_F_AVAIL, VU_PACKED_F_USED };

	switch (fake_rand_in(&side->rand, 0, 4)) {
	case 0:
		desc->gpa = bad_gpa(side, desc->len_bytes);
		break;
	case 1:
		desc->len_bytes = bad_bytes(side);
		break;
	case 2:
		desc->flags = (uint16_t)fake_rand_u64(&side->rand);
		break;
	case 3: /* no check of ids is the device's */
		desc->id = (uint16_t)fake_rand_u64(&side->rand);
		break;
	default:
		desc->flags ^= flags[fake_rand_in(&side->rand, 0, RTE_DIM(flags) - 1)];
		break;
	}
}

/* One of the last entries; which of them is drawn. */
static void
break_split(struct rig_side *side)
{
	struct fake_ring *ring = side->ring;
	uint16_t mask = ring->size - 1;
	uint16_t place = (ring->avail_idx - 1 - fake_rand_in(&side->rand, 0, 40)) & mask;

	switch (fake_rand_in(&side->rand, 0, 7)) {
	case 0: /* a head that is none, or twice the same */
		ring->avail->ring[place] = (uint16_t)fake_rand_in(&side->rand, 0, ring->size);
		break;
	case 1:
		ring->avail->ring[place] = (uint16_t)fake_rand_u64(&side->rand);
		break;
	case 2: /* more entries than the ring has, or as many */
		ring->avail_idx = side->queue.vring.pos.last_avail_idx + ring->size +
			fake_rand_in(&side->rand, 0, 2);
		break;
	default:
		break_split_desc(side, &ring->desc[ring->avail->ring[place] & mask]);
		break;
	}
}

static void
break_packed(struct rig_side *side)
{
	struct fake_ring *ring = side->ring;
	uint32_t nb = ring->size - ring->nb_free;
	uint32_t slot = (side->queue.vring.pos.last_avail_idx & VU_PACKED_SLOT) +
		fake_rand_in(&side->rand, 0, nb);

	break_packed_desc(side, &ring->packed_desc[slot % ring->size]);
}

static void
break_table(struct rig_side *side)
{
	uint64_t gpa = arena_gpa(RIG_ARENA_TABLES) + UINT64_C(16) * RIG_TABLE_DESCS *
		((side->next_table - 1) % (2 * RIG_MAX_RING)) +
		UINT64_C(16) * fake_rand_in(&side->rand, 0, 3);
	union {
		struct vu_split_desc split;
		struct vu_packed_desc packed;
	} desc;

	fake_guest_read(&side->guest, gpa, &desc, sizeof(desc));
	if (side->ring->is_packed)
		break_packed_desc(side, &desc.packed);
	else
		break_split_desc(side, &desc.split);
	fake_guest_write(&side->guest, gpa, &desc, sizeof(desc));
}

void
guest_break(struct rig_side *side, const struct rig_plan *plan)
{
	unsigned int nb = fake_rand_in(&side->rand, 0, 3);

	for (unsigned int i = 0; i < nb; i++) {
		if (fake_rand_one_in(&side->rand, 8) && side->next_table != 0)
			break_table(side);
		else if (plan->is_packed)
			break_packed(side);
		else
			break_split(side);
	}
	fake_ring_publish(side->ring);
}

/*
 * Descriptor i in its own piece of memory: of two frames that go to overlapping buffers it is not
 * said which bytes remain.
 */
static void
scribble_split(struct rig_side *side, const struct rig_plan *plan, uint16_t i)
{
	struct vu_split_desc *desc = &side->ring->desc[i];

	*desc = (struct vu_split_desc){
		.gpa = arena_gpa(RIG_ARENA_HIGH) + UINT64_C(512) * i,
		.len_bytes = HEADER_BYTES + fake_rand_in(&side->rand, 0, 400),
		.flags = plan->is_from_guest ? 0 : VU_DESC_F_WRITE,
		.next = fake_rand_in(&side->rand, 0, side->ring->size - 1),
	};
	if (fake_rand_one_in(&side->rand, 4))
		desc->flags |= VU_DESC_F_NEXT;
	if (fake_rand_one_in(&side->rand, 40))
		break_split_desc(side, desc);
	side->ring->avail->ring[i] = (uint16_t)fake_rand_in(&side->rand, 0, side->ring->size - 1);
}

static void
scribble_packed(struct rig_side *side, const struct rig_plan *plan, uint16_t i)
{
	const uint16_t position = side->queue.vring.pos.last_avail_idx;
	struct vu_packed_desc *desc = &side->ring->packed_desc[i];
	bool is_wrap = ((position & VU_PACKED_WRAP) != 0) == (i >= (position & VU_PACKED_SLOT));

	*desc = (struct vu_packed_desc){
		.gpa = arena_gpa(RIG_ARENA_HIGH) + UINT64_C(512) * i,
		.len_bytes = HEADER_BYTES + fake_rand_in(&side->rand, 0, 400),
		.id = (uint16_t)fake_rand_u64(&side->rand),
		.flags = (plan->is_from_guest ? 0 : VU_DESC_F_WRITE) |
			(is_wrap ? VU_PACKED_F_AVAIL : VU_PACKED_F_USED),
	};
	if (fake_rand_one_in(&side->rand, 4))
		desc->flags |= VU_DESC_F_NEXT;
	if (fake_rand_one_in(&side->rand, 40))
		break_packed_desc(side, desc);
}

void
guest_scribble(struct rig_side *side, const struct rig_plan *plan)
{
	struct fake_ring *ring = side->ring;

	for (uint16_t i = 0; i < ring->size; i++) {
		if (plan->is_packed)
			scribble_packed(side, plan, i);
		else
			scribble_split(side, plan, i);
	}
	if (!plan->is_packed)
		vu_store_release(&ring->avail->idx,
			(uint16_t)(side->queue.vring.pos.last_avail_idx +
				fake_rand_in(&side->rand, 0,
					ring->size + fake_rand_one_in(&side->rand, 30))));
}
