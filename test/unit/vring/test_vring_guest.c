/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver half of a ring against our own device half, and against devices that lie.
 */
#include "test.h"

#include <errno.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "guest_fixture.h"

static const uint64_t layouts[] = {
	F_VERSION_1, F_VERSION_1 | F_IN_ORDER,
	F_VERSION_1 | F_PACKED, F_VERSION_1 | F_PACKED | F_IN_ORDER,
};

static void
in_all_layouts(void (*check)(uint64_t features))
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++)
		check(layouts[i]);
}

VU_TEST(vring_guest, create_refuses_what_it_cannot_drive)
{
	uint8_t memory[64] = { 0 };
	struct vu_vring_guest_conf conf = { .memory = memory, .size = 3 };

	CHECK(vu_vring_guest_create(&conf) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
	conf.size = 0;
	CHECK(vu_vring_guest_create(&conf) == NULL);
	conf.size = 65536;
	CHECK(vu_vring_guest_create(&conf) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
	conf.size = 1;
	conf.features = F_ACCESS_PLATFORM;
	CHECK(vu_vring_guest_create(&conf) == NULL);
	CHECK_EQ(rte_errno, ENOTSUP);
	CHECK_EQ(vu_vring_guest_features() & F_ACCESS_PLATFORM, 0);
}

VU_TEST(vring_guest, layout_keeps_parts_apart_and_aligned)
{
	for (uint32_t size = 1; size <= 32768; size *= 2) {
		struct vu_guest_layout layout;

		vu_vring_guest_layout(size, &layout);
		CHECK_EQ(layout.desc_offset, 0);
		CHECK(layout.avail_offset >= 16u * size);
		CHECK(layout.used_offset >= layout.avail_offset + 6 + 2u * size);
		CHECK(layout.bytes >= layout.used_offset + 6 + 8u * size);
		CHECK_EQ((layout.avail_offset | layout.used_offset | layout.bytes) % 64, 0);
	}
}

static void
check_many_rounds(uint64_t features)
{
	struct guest_fixture f;
	struct vu_guest_done done[64];
	uintptr_t next = 0, back = 0;

	pair_start(&f, 64, features);
	/* Indices wrap twice. */
	WAIT_WHILE(back < 140000) {
		uint16_t want = (uint16_t)(1 + next % 37), nb;

		next += pair_add(&f, next, want, true);
		pair_use(&f, (uint16_t)(1 + next % 29), (uint32_t)(next % 300), VU_DESC_F_WRITE);
		nb = vu_vring_guest_collect(f.ring, done, (uint16_t)(1 + next % 23));
		CHECK(!f.ring->is_broken);
		for (uint16_t i = 0; i < nb; i++) {
			CHECK_EQ(pair_number(&done[i]), back);
			CHECK(done[i].len_bytes <= BUF_BYTES);
			back++;
		}
		CHECK_EQ(vu_vring_guest_nb_out(f.ring), next - back);
		CHECK_EQ(vu_vring_guest_nb_free(f.ring), 64 - (next - back));
	}
	pair_stop(&f);
}

VU_TEST(vring_guest, buffers_come_back_in_both_orders_of_descriptors)
{
	in_all_layouts(check_many_rounds);
}

VU_TEST(vring_guest, a_full_ring_takes_no_more)
{
	struct guest_fixture f;

	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		pair_start(&f, 8, layouts[i]);
		CHECK_EQ(pair_add(&f, 0, 10, false), 8);
		CHECK_EQ(pair_add(&f, 8, 1, false), 0);
		CHECK_EQ(vu_vring_guest_nb_out(f.ring), 8);
		pair_stop(&f);
	}
}

VU_TEST(vring_guest, readable_buffers_report_no_bytes)
{
	struct guest_fixture f;
	struct vu_guest_done done;

	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		pair_start(&f, 8, layouts[i]);
		pair_add(&f, 0, 1, false);
		CHECK_EQ(pair_use(&f, 1, 100, 0), 1);
		CHECK_EQ(vu_vring_guest_collect(f.ring, &done, 1), 1);
		CHECK_EQ(done.len_bytes, 0);
		pair_stop(&f);
	}
}

static void
check_chains(uint64_t features)
{
	struct guest_fixture f;
	struct vu_guest_buf bufs[4];
	struct vu_guest_done done[4];
	struct vu_chain chain;
	struct vu_burst burst;

	pair_start(&f, 8, features);
	for (unsigned int round = 0; round < 50; round++) {
		for (unsigned int i = 0; i < 4; i++)
			bufs[i] = pair_buf(&f, 4 * round + i);
		CHECK_EQ(vu_vring_guest_add_chain(f.ring, bufs, 2, 1), 0);
		CHECK_EQ(vu_vring_guest_add_chain(f.ring, bufs, 0, 4), 0);
		CHECK_EQ(vu_vring_guest_add_chain(f.ring, bufs, 1, 1), -ENOSPC);
		CHECK_EQ(vu_vring_guest_nb_free(f.ring), 1);
		vu_vring_guest_publish(f.ring);
		CHECK_EQ(
			vu_ring_peek(f.snapshot, &f.vring.pos, &burst, 4, 0, f.snapshot->is_packed),
			2);
		CHECK_EQ(vu_ring_chain(f.snapshot, &f.vring.pos, &burst, 0, &chain), VU_VRING_OK);
		CHECK_EQ(chain.nb_read, 2);
		CHECK_EQ(chain.read_bytes, 2 * BUF_BYTES);
		CHECK_EQ(chain.write_bytes, BUF_BYTES);
		CHECK_EQ(vu_ring_chain(f.snapshot, &f.vring.pos, &burst, 1, &chain), VU_VRING_OK);
		CHECK_EQ(chain.write_bytes, 4 * BUF_BYTES);
		burst.used_bytes[0] = 5000;
		burst.used_bytes[1] = 1000;
		vu_ring_commit(f.snapshot, &f.vring.pos, &burst, 2, true, f.snapshot->is_packed);
		CHECK_EQ(vu_vring_guest_collect(f.ring, done, 4), 2);
		CHECK_EQ(pair_number(&done[0]), 4 * round);
		CHECK_EQ(done[0].len_bytes, BUF_BYTES);
		CHECK_EQ(done[1].len_bytes, 1000);
		CHECK_EQ(vu_vring_guest_nb_free(f.ring), 8);
	}
	pair_stop(&f);
}

VU_TEST(vring_guest, chains_arrive_whole_and_free_all_descriptors)
{
	in_all_layouts(check_chains);
}

/* Write a used entry at the place of the oldest buffer, without the device half. */
static void
lie_packed(struct guest_fixture *f, uint16_t id)
{
	struct vu_packed_desc *desc = &f->ring->packed_desc[f->ring->last_used & VU_PACKED_SLOT];

	desc->id = id;
	desc->len_bytes = UINT32_MAX;
	desc->flags = vu_packed_used_flags(f->ring->last_used) | VU_DESC_F_WRITE;
}

static void
lie(struct guest_fixture *f, uint32_t id, uint16_t nb)
{
	if (f->ring->is_packed) {
		lie_packed(f, (uint16_t)id);
		return;
	}
	f->ring->used->ring[f->ring->used->idx & f->ring->mask].id = id;
	f->ring->used->ring[f->ring->used->idx & f->ring->mask].len_bytes = UINT32_MAX;
	vu_store_release(&f->ring->used->idx, (uint16_t)(f->ring->used->idx + nb));
}

static void
check_lie(uint64_t features, uint32_t id, uint16_t nb)
{
	struct guest_fixture f;
	struct vu_guest_done done[16];

	pair_start(&f, 8, features);
	pair_add(&f, 0, 3, true);
	lie(&f, id, nb);
	CHECK_EQ(vu_vring_guest_collect(f.ring, done, 16), 0);
	CHECK(f.ring->is_broken);
	CHECK_EQ(vu_vring_guest_collect(f.ring, done, 16), 0);
	/* Nothing is lost: all three can be had back, once each. */
	CHECK_EQ(vu_vring_guest_reclaim(f.ring, done, 2), 2);
	CHECK_EQ(vu_vring_guest_reclaim(f.ring, &done[2], 16), 1);
	CHECK_EQ(vu_vring_guest_reclaim(f.ring, done, 16), 0);
	CHECK_EQ(vu_vring_guest_nb_free(f.ring), 8);
	pair_stop(&f);
}

VU_TEST(vring_guest, a_lying_device_breaks_its_ring_only)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		check_lie(layouts[i], 8, 1);
		check_lie(layouts[i], UINT32_MAX, 1);
		/* In range, but not out. */
		check_lie(layouts[i], 5, 1);
		check_lie(layouts[i], 3, 1);
		if ((layouts[i] & F_PACKED) != 0)
			continue;
		check_lie(layouts[i], 0x10000, 1);
		/* More than are out. */
		check_lie(layouts[i], 7, 4);
		check_lie(layouts[i], 7, 40000);
	}
}

VU_TEST(vring_guest, a_buffer_comes_back_only_once)
{
	struct guest_fixture f;
	struct vu_guest_done done[4];

	pair_start(&f, 8, F_VERSION_1);
	pair_add(&f, 0, 3, true);
	pair_use(&f, 1, 10, VU_DESC_F_WRITE);
	CHECK_EQ(vu_vring_guest_collect(f.ring, done, 4), 1);
	lie(&f, 7, 1);
	lie(&f, f.ring->used->ring[0].id, 1);
	CHECK(vu_vring_guest_collect(f.ring, done, 4) <= 1);
	CHECK(f.ring->is_broken);
	pair_stop(&f);
}

VU_TEST(vring_guest, one_used_entry_ends_a_batch_in_order)
{
	struct guest_fixture f;
	struct vu_guest_done done[8];

	pair_start(&f, 8, F_VERSION_1 | F_IN_ORDER);
	for (unsigned int round = 0; round < 20; round++) {
		uint16_t idx = f.ring->used->idx;

		pair_add(&f, 5 * round, 5, true);
		/* Four buffers with one entry that names the last of them, in the first's place. */
		f.ring->used->ring[idx & 7].id = f.ring->avail->ring[(idx + 3) & 7];
		f.ring->used->ring[idx & 7].len_bytes = 17;
		vu_store_release(&f.ring->used->idx, (uint16_t)(idx + 4));
		CHECK_EQ(vu_vring_guest_collect(f.ring, done, 3), 3);
		CHECK_EQ(done[2].len_bytes, BUF_BYTES);
		CHECK_EQ(vu_vring_guest_collect(f.ring, &done[3], 8), 1);
		CHECK_EQ(pair_number(&done[3]), 5 * round + 3);
		CHECK_EQ(done[3].len_bytes, 17);
		idx += 4;
		f.ring->used->ring[idx & 7].id = f.ring->avail->ring[idx & 7];
		vu_store_release(&f.ring->used->idx, (uint16_t)(idx + 1));
		CHECK_EQ(vu_vring_guest_collect(f.ring, done, 8), 1);
		CHECK(!f.ring->is_broken);
	}
	pair_stop(&f);
}

/* Device: give up to `max` buffers back with one entry. */
static uint16_t
use_batch(struct guest_fixture *f, uint16_t max)
{
	struct vu_burst burst;
	uint16_t nb =
		vu_ring_peek(f->snapshot, &f->vring.pos, &burst, max, 0, f->snapshot->is_packed);

	vu_ring_commit_batch(f->snapshot, &f->vring.pos, &burst, nb, false, f->snapshot->is_packed);
	return nb;
}

/* Single buffers and chains, in batches of every size, collected in pieces of every size. */
static void
check_batches(uint64_t features, uint16_t size)
{
	struct fake_rand rand = { 5 };
	struct guest_fixture f;
	struct vu_guest_done done[32];
	uintptr_t next = 0, back = 0;

	pair_start(&f, size, features | F_IN_ORDER);
	WAIT_WHILE(back < 100000) {
		struct vu_guest_buf bufs[3] = {
			pair_buf(&f, next), pair_buf(&f, next), pair_buf(&f, next),
		};
		uint16_t nb;

		if (fake_rand_one_in(&rand, 4))
			next += vu_vring_guest_add_chain(f.ring, bufs, 3, 0) == 0;
		else
			next += pair_add(&f, next, (uint16_t)fake_rand_in(&rand, 1, 16), false);
		vu_vring_guest_publish(f.ring);
		use_batch(&f, (uint16_t)fake_rand_in(&rand, 1, 32));
		nb = vu_vring_guest_collect(f.ring, done, (uint16_t)fake_rand_in(&rand, 1, 32));
		for (uint16_t i = 0; i < nb; i++) {
			CHECK_EQ(pair_number(&done[i]), back);
			CHECK_EQ(done[i].len_bytes, 0);
			back++;
		}
		CHECK_EQ(f.ring->is_broken, false);
		CHECK_EQ(vu_vring_guest_nb_out(f.ring), next - back);
	}
	pair_stop(&f);
}

VU_TEST(vring_guest, batches_in_order_of_any_shape)
{
	check_batches(F_VERSION_1, 4);
	check_batches(F_VERSION_1, 64);
	check_batches(F_VERSION_1 | F_PACKED, 3);
	check_batches(F_VERSION_1 | F_PACKED, 64);
	check_batches(F_VERSION_1 | F_PACKED, 100);
}

/* A batch in hand when the device dies: its buffers count as used, the others do not. */
static void
check_restart_in_batch(uint64_t features)
{
	struct guest_fixture f;
	struct vu_guest_done done[16];

	pair_start(&f, 8, features | F_IN_ORDER);
	pair_add(&f, 0, 8, false);
	use_batch(&f, 3);
	use_batch(&f, 2);
	CHECK_EQ(vu_vring_guest_collect(f.ring, done, 1), 1);
	pair_restart(&f, features | F_IN_ORDER);
	CHECK_EQ(vu_vring_guest_collect(f.ring, &done[1], 16), 4);
	CHECK_EQ(use_batch(&f, 16), 3);
	CHECK_EQ(vu_vring_guest_collect(f.ring, &done[5], 16), 3);
	for (unsigned int i = 0; i < 8; i++)
		CHECK_EQ(pair_number(&done[i]), i);
	CHECK(!f.ring->is_broken);
	pair_stop(&f);
}

VU_TEST(vring_guest, restart_in_the_middle_of_a_batch)
{
	check_restart_in_batch(F_VERSION_1);
	check_restart_in_batch(F_VERSION_1 | F_PACKED);
}

static void
check_indirect(uint64_t features)
{
	struct guest_fixture f;
	struct vu_guest_done done[2];
	struct vu_guest_table table;
	struct vu_guest_buf bufs[6];
	struct vu_burst burst;
	struct vu_chain chain;

	pair_start(&f, 8, features);
	table.memory = f.guest.base + DATA_OFFSET - 4096;
	table.gpa = (uintptr_t)table.memory;
	for (unsigned int i = 0; i < RTE_DIM(bufs); i++)
		bufs[i] = pair_buf(&f, i);
	CHECK_EQ(vu_vring_guest_add_indirect(f.ring, bufs, 4, 2, &table),
		(features & F_INDIRECT) != 0 ? 0 : -ENOTSUP);
	if ((features & F_INDIRECT) != 0) {
		CHECK_EQ(pair_add(&f, 1, 8, false), 7);
		CHECK_EQ(vu_vring_guest_add_indirect(f.ring, bufs, 1, 0, &table), -ENOSPC);
		CHECK_EQ(vu_ring_peek(f.snapshot, &f.vring.pos, &burst, 32, 0,
			f.snapshot->is_packed), 8);
		CHECK_EQ(vu_ring_chain(f.snapshot, &f.vring.pos, &burst, 0, &chain), VU_VRING_OK);
		CHECK(chain.read_bytes == 4 * BUF_BYTES && chain.write_bytes == 2 * BUF_BYTES);
		pair_use(&f, 2, 10000, 0);
		CHECK_EQ(vu_vring_guest_collect(f.ring, done, 2), 2);
		CHECK(pair_number(&done[0]) == 0 && done[0].len_bytes == 2 * BUF_BYTES);
		CHECK(pair_number(&done[1]) == 1 && done[1].len_bytes == 0);
	}
	pair_stop(&f);
}

VU_TEST(vring_guest, indirect_tables_arrive_whole)
{
	check_indirect(F_VERSION_1);
	check_indirect(F_VERSION_1 | F_INDIRECT);
	check_indirect(F_VERSION_1 | F_INDIRECT | F_IN_ORDER);
	check_indirect(F_VERSION_1 | F_INDIRECT | F_PACKED);
	check_indirect(F_VERSION_1 | F_INDIRECT | F_PACKED | F_IN_ORDER);
}

VU_TEST(vring_guest, kicks_follow_the_flag)
{
	struct guest_fixture f;

	pair_start(&f, 8, F_VERSION_1);
	vu_store(&f.ring->used->flags, 0);
	pair_add(&f, 0, 1, false);
	CHECK(vu_vring_guest_wants_kick(f.ring));
	vu_store(&f.ring->used->flags, VU_USED_F_NO_NOTIFY);
	pair_add(&f, 1, 1, false);
	CHECK(!vu_vring_guest_wants_kick(f.ring));
	pair_stop(&f);
}

VU_TEST(vring_guest, kicks_follow_the_event_structure)
{
	static const struct { uint16_t position; bool is_wanted; } events[] = {
		{ 0x8000, true }, { 0x8001, true }, { 0x8002, false }, { 0x0000, false },
	};
	struct guest_fixture f;
	struct vu_packed_event *event;

	for (unsigned int i = 0; i < RTE_DIM(events); i++) {
		pair_start(&f, 3, F_VERSION_1 | F_PACKED | F_EVENT_IDX);
		event = f.snapshot->device_event;
		event->flags = VU_PACKED_EVENT_DESC;
		event->position = events[i].position;
		pair_add(&f, 0, 2, false);
		CHECK_EQ(vu_vring_guest_wants_kick(f.ring), events[i].is_wanted);
		CHECK(!vu_vring_guest_wants_kick(f.ring));
		event->flags = VU_PACKED_EVENT_ENABLE;
		CHECK(vu_vring_guest_wants_kick(f.ring));
		event->flags = VU_PACKED_EVENT_DISABLE;
		pair_add(&f, 2, 1, false);
		CHECK(!vu_vring_guest_wants_kick(f.ring));
		pair_stop(&f);
	}
}

VU_TEST(vring_guest, kicks_follow_the_event_index)
{
	struct guest_fixture f;
	uint16_t *event;

	pair_start(&f, 8, F_VERSION_1 | F_EVENT_IDX);
	event = (uint16_t *)(void *)&f.ring->used->ring[8];
	*event = 1;
	pair_add(&f, 0, 1, false);
	CHECK(!vu_vring_guest_wants_kick(f.ring));
	pair_add(&f, 1, 1, false);
	CHECK(vu_vring_guest_wants_kick(f.ring));
	pair_add(&f, 2, 1, false);
	CHECK(!vu_vring_guest_wants_kick(f.ring));
	/* Flags count for nothing then. */
	vu_store(&f.ring->used->flags, VU_USED_F_NO_NOTIFY);
	*event = 4;
	pair_add(&f, 3, 4, false);
	CHECK(vu_vring_guest_wants_kick(f.ring));
	pair_stop(&f);
}

static void
check_calls(uint64_t features)
{
	struct guest_fixture f;
	struct vu_guest_done done[8];

	pair_start(&f, 8, features);
	pair_add(&f, 0, 8, true);
	vu_vring_guest_disarm(f.ring);
	pair_use(&f, 1, 0, VU_DESC_F_WRITE);
	pair_wants_notification(&f); /* first one after a start: always */
	pair_use(&f, 1, 0, VU_DESC_F_WRITE);
	CHECK(!pair_wants_notification(&f));
	CHECK(!vu_vring_guest_arm(f.ring));
	CHECK_EQ(vu_vring_guest_collect(f.ring, done, 8), 2);
	CHECK(vu_vring_guest_arm(f.ring));
	pair_use(&f, 1, 0, VU_DESC_F_WRITE);
	CHECK(pair_wants_notification(&f));
	pair_stop(&f);
}

VU_TEST(vring_guest, calls_come_when_armed)
{
	check_calls(F_VERSION_1);
	check_calls(F_VERSION_1 | F_EVENT_IDX);
	check_calls(F_VERSION_1 | F_PACKED);
	check_calls(F_VERSION_1 | F_PACKED | F_EVENT_IDX);
}

/* Spoil what the driver half can do without. */
static void
scribble(struct guest_fixture *f)
{
	const struct vu_vring_guest *ring = f->ring;
	uint16_t position = ring->next_avail;

	if (!ring->is_packed) {
		memset(ring->avail->ring, 0xff, 16 * sizeof(uint16_t));
		return;
	}
	/* All but the used descriptors that are not collected. */
	for (uint16_t i = 0; i < ring->size; i++) {
		struct vu_packed_desc *desc = &ring->packed_desc[position & VU_PACKED_SLOT];

		if (i < ring->nb_free || (desc->flags & VU_PACKED_F_OWNER) !=
				vu_packed_used_flags(position ^ VU_PACKED_WRAP))
			*desc = (struct vu_packed_desc){ 1, 2, 3,
				vu_packed_avail_flags(position) | VU_DESC_F_NEXT };
		position = vu_packed_step(ring->size, position, 1);
	}
}

/* The device dies with buffers in every state; the next one gets those that were not used. */
static void
check_restart(uint64_t features, bool scribbles)
{
	struct guest_fixture f;
	struct vu_guest_done done[64];
	unsigned int seen[300] = { 0 };
	uintptr_t next = 0;
	uint16_t nb;

	pair_start(&f, 16, features);
	for (unsigned int round = 0; round < 12; round++) {
		next += pair_add(&f, next, 9, true);
		pair_use(&f, 5, 1, VU_DESC_F_WRITE);
		nb = vu_vring_guest_collect(f.ring, done, 2);
		for (uint16_t i = 0; i < nb; i++)
			seen[pair_number(&done[i])]++;
		if (scribbles)
			scribble(&f);
		pair_restart(&f, features);
	}
	while (pair_use(&f, 16, 1, VU_DESC_F_WRITE) != 0)
		;
	CHECK_EQ(f.vring.pos.fault, VU_VRING_OK);
	nb = vu_vring_guest_collect(f.ring, done, 64);
	for (uint16_t i = 0; i < nb; i++)
		seen[pair_number(&done[i])]++;
	CHECK(!f.ring->is_broken);
	CHECK_EQ(vu_vring_guest_nb_free(f.ring), 16);
	for (uintptr_t i = 0; i < next; i++)
		CHECK_EQ(seen[i], 1);
	pair_stop(&f);
}

VU_TEST(vring_guest, restart_hands_over_what_was_not_used)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		check_restart(layouts[i], false);
		check_restart(layouts[i], true);
	}
}

static void
check_restart_order(uint64_t features)
{
	struct guest_fixture f;
	struct vu_guest_done done[16];

	pair_start(&f, 8, features);
	/* Shuffle the stack of free descriptors. */
	pair_add(&f, 0, 8, true);
	pair_use(&f, 5, 1, VU_DESC_F_WRITE);
	vu_vring_guest_collect(f.ring, done, 5);
	pair_add(&f, 8, 5, true);
	pair_restart(&f, features);
	CHECK_EQ(pair_use(&f, 16, 1, VU_DESC_F_WRITE), 8);
	CHECK_EQ(vu_vring_guest_collect(f.ring, done, 16), 8);
	for (unsigned int i = 0; i < 8; i++)
		CHECK_EQ(pair_number(&done[i]), 5 + i);
	pair_stop(&f);
}

VU_TEST(vring_guest, restart_keeps_the_order_of_buffers)
{
	in_all_layouts(check_restart_order);
}

static void
check_restart_after_nonsense(uint64_t features)
{
	struct guest_fixture f;
	struct vu_guest_done done[16];

	pair_start(&f, 8, features);
	pair_add(&f, 0, 6, true);
	lie(&f, 99, 40000);
	vu_vring_guest_collect(f.ring, done, 16);
	CHECK(f.ring->is_broken);
	pair_restart(&f, features);
	CHECK_EQ(pair_use(&f, 16, 1, VU_DESC_F_WRITE), 6);
	CHECK_EQ(vu_vring_guest_collect(f.ring, done, 16), 6);
	for (unsigned int i = 0; i < 6; i++)
		CHECK_EQ(pair_number(&done[i]), i);
	pair_stop(&f);
}

VU_TEST(vring_guest, restart_after_nonsense_makes_the_ring_sane)
{
	in_all_layouts(check_restart_after_nonsense);
}

/* Cycles per buffer of the driver half alone, best of many rounds of one burst. */
static void
measure(const char *what, uint64_t features)
{
	struct guest_fixture f;
	struct vu_guest_buf bufs[32];
	struct vu_guest_done done[32];
	uint64_t best_add = UINT64_MAX, best_collect = UINT64_MAX;

	pair_start(&f, 256, features);
	for (unsigned int i = 0; i < RTE_DIM(bufs); i++)
		bufs[i] = pair_buf(&f, i);
	for (unsigned int round = 0; round < 200000; round++) {
		uint64_t start = rte_rdtsc_precise(), added, used;

		vu_vring_guest_add(f.ring, bufs, RTE_DIM(bufs), true);
		vu_vring_guest_publish(f.ring);
		added = rte_rdtsc_precise();
		pair_use(&f, RTE_DIM(bufs), 60, VU_DESC_F_WRITE);
		used = rte_rdtsc_precise();
		vu_vring_guest_collect(f.ring, done, RTE_DIM(done));
		best_collect = RTE_MIN(best_collect, rte_rdtsc_precise() - used);
		best_add = RTE_MIN(best_add, added - start);
	}
	printf("%s: add %.1f, collect %.1f cycles per buffer\n    ", what,
		(double)best_add / RTE_DIM(bufs), (double)best_collect / RTE_DIM(bufs));
	pair_stop(&f);
}

VU_TEST_PERF(vring_guest, cycles_per_buffer)
{
	measure("free list", F_VERSION_1);
	measure("in order", F_VERSION_1 | F_IN_ORDER);
	measure("packed, free list", F_VERSION_1 | F_PACKED);
	measure("packed, in order", F_VERSION_1 | F_PACKED | F_IN_ORDER);
}
