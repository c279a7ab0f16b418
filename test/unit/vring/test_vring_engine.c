/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What both engines do alike: taking entries, giving them back, and notifying the guest. Where the
 * layouts differ, test_vring_split.c and test_vring_packed.c have the cases.
 */
#include "test.h"

#include "vring_fixture.h"

static const uint64_t layouts[] = { 0, F_PACKED };

static void
check_peek(uint64_t features)
{
	const struct fake_buf buf = engine_buf(0x100, 60);
	struct vring_fixture f;
	struct vu_burst burst;
	int head;

	vring_start(&f, 8, features);
	CHECK_EQ(engine_peek(&f, &burst, VU_VRING_BURST), 0);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_OK);
	head = fake_ring_put(f.ring, &buf, 1);
	fake_guest_write(&f.guest, buf.gpa, "hello", 5);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(engine_peek(&f, &burst, VU_VRING_BURST), 1);
		CHECK_EQ(burst.nb, 1);
		CHECK_EQ(burst.head[0], head);
		CHECK_EQ(burst.len_bytes[0], 60);
		CHECK(burst.hva[0] != NULL && memcmp(burst.hva[0], "hello", 5) == 0);
	}
	CHECK_EQ(fake_ring_nb_used(f.ring), 0);
	vring_stop(&f);
}

VU_TEST(vring_engine, peek_translates_single_buffers_and_takes_nothing)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++)
		check_peek(layouts[i]);
}

/* The shapes that are not single, in this order, then one that is. @return its place */
static int
put_shapes(struct vring_fixture *f, int *heads)
{
	const struct fake_buf three[] = {
		engine_buf(0, 10), engine_buf(64, 10), engine_buf(128, 10),
	};
	const struct fake_buf empty = engine_buf(0, 0), crossing = { FAKE_MID_GPA - 5, 10, false };
	const struct fake_buf nowhere = { FAKE_NOWHERE_GPA, 10, false };
	const struct fake_chain indirect = {
		.bufs = three, .nb_bufs = 2, .nb_direct = 0, .table_gpa = FAKE_HIGH_GPA + 0x1000,
	};
	struct fake_buf write = engine_buf(0, 10);

	write.is_write = true;
	heads[0] = fake_ring_put(f->ring, three, 3);
	heads[1] = fake_ring_put(f->ring, &empty, 1);
	heads[2] = fake_ring_put(f->ring, &write, 1);
	heads[3] = fake_ring_put(f->ring, &crossing, 1);
	heads[4] = fake_ring_put(f->ring, &nowhere, 1);
	heads[5] = fake_ring_add(f->ring, &indirect);
	fake_ring_offer(f->ring, (uint16_t)heads[5]);
	heads[6] = fake_ring_put(f->ring, three, 1);
	return 6;
}

static void
check_shapes(uint64_t features)
{
	struct vring_fixture f;
	struct vu_burst burst;
	int heads[7], single;

	vring_start(&f, 16, features | F_INDIRECT);
	single = put_shapes(&f, heads);
	CHECK_EQ(engine_peek(&f, &burst, VU_VRING_BURST), 7);
	for (int i = 0; i < 7; i++) {
		CHECK((burst.hva[i] != NULL) == (i == single));
		CHECK_EQ(burst.head[i], heads[i]);
		if (f.snapshot->is_packed)
			CHECK_EQ(burst.nb_descs[i], i == 0 ? 3 : 1);
	}
	CHECK_EQ(f.vring.pos.fault, VU_VRING_OK);
	/* The other direction: only the writable one is single. */
	CHECK_EQ(engine_peek_for(&f, &burst, 32, VU_DESC_F_WRITE), 7);
	for (int i = 0; i < 7; i++)
		CHECK((burst.hva[i] != NULL) == (i == 2));
	vring_stop(&f);
}

VU_TEST(vring_engine, peek_leaves_everything_else_to_the_chain_walk)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++)
		check_shapes(layouts[i]);
}

VU_TEST(vring_engine, peek_takes_at_most_max)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		struct vring_fixture f;
		struct vu_burst burst;

		vring_start(&f, 64, layouts[i]);
		engine_put(&f, 64);
		CHECK_EQ(engine_peek(&f, &burst, 1), 1);
		CHECK_EQ(engine_peek(&f, &burst, 31), 31);
		CHECK_EQ(engine_peek(&f, &burst, VU_VRING_BURST), VU_VRING_BURST);
		CHECK_EQ(engine_take(&f, VU_VRING_BURST), 32);
		CHECK_EQ(engine_take(&f, 20), 20);
		CHECK_EQ(engine_take(&f, VU_VRING_BURST), 12);
		CHECK_EQ(engine_take(&f, VU_VRING_BURST), 0);
		CHECK_EQ(f.vring.pos.counters.nb_chains, 64);
		vring_stop(&f);
	}
}

static void
check_used(uint64_t features)
{
	struct vu_split_used_elem used[4];
	struct vring_fixture f;
	struct vu_burst burst;
	int heads[3];

	vring_start(&f, 4, features);
	for (int i = 0; i < 3; i++) {
		struct fake_buf buf = { FAKE_HIGH_GPA + 4096 * (uint64_t)i, 2000, true };

		heads[i] = fake_ring_put(f.ring, &buf, 1);
	}
	CHECK_EQ(engine_peek_for(&f, &burst, 32, VU_DESC_F_WRITE), 3);
	burst.used_bytes[0] = 0;
	burst.used_bytes[1] = UINT32_MAX;
	burst.used_bytes[2] = 77;
	engine_commit(&f, &burst, 2, true);
	CHECK_EQ(fake_ring_collect(f.ring, used, 4), 2);
	CHECK(used[0].id == (uint32_t)heads[0] && used[0].len_bytes == 0);
	CHECK(used[1].id == (uint32_t)heads[1] && used[1].len_bytes == UINT32_MAX);
	/* The third is still there. Lengths that are not set count as 0. */
	CHECK_EQ(engine_peek_for(&f, &burst, 32, VU_DESC_F_WRITE), 1);
	burst.used_bytes[0] = 55;
	engine_commit(&f, &burst, 1, false);
	CHECK_EQ(fake_ring_collect(f.ring, used, 4), 1);
	CHECK(used[0].id == (uint32_t)heads[2] && used[0].len_bytes == 0);
	engine_commit(&f, &burst, 0, true);
	CHECK_EQ(fake_ring_nb_used(f.ring), 0);
	vring_stop(&f);
}

VU_TEST(vring_engine, commit_reports_heads_and_lengths)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++)
		check_used(layouts[i]);
}

VU_TEST(vring_engine, stale_region_hint_is_harmless)
{
	static const uint16_t hints[] = { 0, 1, 2, 3, 508, 65535 };

	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		struct vring_fixture f;
		struct vu_burst burst;

		vring_start(&f, 8, layouts[i]);
		engine_put(&f, 1);
		for (unsigned int k = 0; k < RTE_DIM(hints); k++) {
			f.vring.pos.region_hint = hints[k];
			CHECK_EQ(engine_peek(&f, &burst, 1), 1);
			CHECK(burst.hva[0] != NULL && burst.hva[0] ==
				vu_mem_gpa_range_to_hva(f.mem, FAKE_HIGH_GPA, 100));
		}
		vring_stop(&f);
	}
}

/* The guest asks for no notification soon. */
static void
look_away(struct fake_ring *ring, uint64_t features)
{
	if ((features & F_EVENT_IDX) != 0 && !ring->is_packed)
		fake_ring_set_used_event(ring, 1000);
	else
		fake_ring_set_no_interrupt(ring, true);
}

/* What it asked for before the start need not have been meant for us. */
static void
check_first_notification(uint64_t features)
{
	struct vring_fixture f;

	vring_start(&f, 8, features);
	for (int round = 0; round < 2; round++) {
		look_away(f.ring, features);
		engine_put(&f, 2);
		engine_take(&f, 1);
		CHECK(engine_is_wanted(&f));
		engine_take(&f, 1);
		CHECK(!engine_is_wanted(&f));
		engine_start_at(&f, f.snapshot->is_packed ? 0x8003 : 3, features);
	}
	vring_stop(&f);
}

VU_TEST(vring_engine, first_notification_after_start_is_unconditional)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		check_first_notification(layouts[i]);
		check_first_notification(layouts[i] | F_EVENT_IDX);
	}
}

static void
check_signal(uint64_t features)
{
	struct vring_fixture f;
	const struct vu_vring_counters *counters = &f.vring.pos.counters;

	vring_start(&f, 8, features);
	f.vring.call_fd = vu_fd_eventfd();
	vring_restart(&f, features);
	engine_put(&f, 3);
	for (unsigned int i = 0; i < 3; i++) {
		/* Wanted, not wanted, wanted again. */
		fake_ring_set_no_interrupt(f.ring, i == 1);
		engine_take(&f, 1);
		vu_ring_signal(f.snapshot, &f.vring.pos, f.snapshot->is_packed);
		CHECK_EQ(rig_events(f.vring.call_fd), i != 1);
	}
	CHECK_EQ(counters->nb_notifications, 2);
	CHECK_EQ(counters->nb_notifications_suppressed, 1);
	vring_stop(&f);
}

VU_TEST(vring_engine, signal_counts_both_outcomes)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++)
		check_signal(layouts[i]);
}
