/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Split engine: entries and notifications at every place where 16-bit indices wrap, and what a
 * guest can get wrong in this layout only.
 */
#include "test.h"

#include "vring_fixture.h"

/* Run `nb` entries through a ring in bursts of changing size; all must come back in order. */
static void
check_run(struct vring_fixture *f, unsigned int nb)
{
	struct fake_rand rand = { 7 };
	struct vu_split_used_elem used[32];
	uint16_t heads[32];
	const struct fake_buf buf = engine_buf(0, 64);

	while (nb != 0) {
		uint32_t max = RTE_MIN(RTE_MIN(32u, nb), f->ring->size);
		uint32_t nb_round = fake_rand_in(&rand, 1, max);

		for (uint32_t i = 0; i < nb_round; i++)
			heads[i] = (uint16_t)fake_ring_put(f->ring, &buf, 1);
		CHECK_EQ(engine_take(f, 32), nb_round);
		CHECK_EQ(fake_ring_collect(f->ring, used, 32), nb_round);
		for (uint32_t i = 0; i < nb_round; i++)
			CHECK_EQ(used[i].id, heads[i]);
		nb -= nb_round;
	}
	CHECK_EQ(f->vring.pos.fault, VU_VRING_OK);
	CHECK_EQ(f->vring.pos.last_avail_idx, f->ring->avail_idx);
	CHECK_EQ(f->vring.pos.last_used_idx, f->ring->used_idx);
}

VU_TEST(vring_split, indices_wrap_at_65536)
{
	static const uint16_t sizes[] = { 1, 2, 8, 256, 32768 };

	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		struct vring_fixture f;

		vring_start(&f, sizes[i], F_EVENT_IDX);
		check_run(&f, 100);
		engine_start_at(&f, 65500, F_EVENT_IDX);
		check_run(&f, 200);
		CHECK_EQ(f.vring.pos.last_avail_idx, (uint16_t)(65500 + 200));
		vring_stop(&f);
	}
}

VU_TEST(vring_split, full_ring_at_the_wrap)
{
	struct vring_fixture f;

	vring_start(&f, 32768, 0);
	engine_start_at(&f, 40000, 0);
	engine_put(&f, 32768);
	CHECK_EQ(vu_split_nb_avail(f.snapshot, &f.vring.pos), 32768);
	for (unsigned int i = 0; i < 32768 / 32; i++)
		CHECK_EQ(engine_take(&f, 32), 32);
	CHECK_EQ(vu_split_nb_avail(f.snapshot, &f.vring.pos), 0);
	CHECK_EQ(fake_ring_nb_used(f.ring), 32768);
	vring_stop(&f);
}

VU_TEST(vring_split, available_index_too_far_is_a_fault)
{
	struct vring_fixture f;
	struct vu_burst burst;

	vring_start(&f, 8, 0);
	f.ring->avail->idx = 8;
	CHECK_EQ(vu_split_nb_avail(f.snapshot, &f.vring.pos), 8);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_OK);
	f.ring->avail->idx = 9;
	CHECK_EQ(engine_peek(&f, &burst, 32), 0);
	CHECK_EQ(burst.nb, 0);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_BAD_AVAIL_IDX);
	/* Behind our position is as wrong. */
	f.vring.pos.fault = VU_VRING_OK;
	f.ring->avail->idx = 65535;
	CHECK_EQ(engine_peek(&f, &burst, 32), 0);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_BAD_AVAIL_IDX);
	vring_stop(&f);
}

VU_TEST(vring_split, entries_before_a_bad_head_are_delivered)
{
	static const uint16_t bad_heads[] = { 8, 9, 255, 32768, 65535 };
	struct vring_fixture f;
	struct vu_burst burst;

	vring_start(&f, 8, 0);
	for (unsigned int i = 0; i < RTE_DIM(bad_heads); i++) {
		engine_start_at(&f, 0, 0);
		engine_put(&f, 3);
		fake_ring_offer(f.ring, bad_heads[i]);
		fake_ring_publish(f.ring);
		engine_put(&f, 1);
		CHECK_EQ(engine_peek(&f, &burst, 32), 3);
		CHECK_EQ(f.vring.pos.fault, VU_VRING_OK);
		engine_commit(&f, &burst, 3, false);
		CHECK_EQ(engine_peek(&f, &burst, 32), 0);
		CHECK_EQ(f.vring.pos.fault, VU_VRING_BAD_HEAD);
		CHECK_EQ(fake_ring_nb_used(f.ring), 3);
	}
	vring_stop(&f);
}

VU_TEST(vring_split, flags_switch_notifications)
{
	struct vring_fixture f;

	vring_start(&f, 8, 0);
	engine_put(&f, 4);
	engine_take(&f, 1);
	engine_is_wanted(&f);
	engine_take(&f, 1);
	CHECK(engine_is_wanted(&f));
	fake_ring_set_no_interrupt(f.ring, true);
	engine_take(&f, 1);
	CHECK(!engine_is_wanted(&f));
	/* Bits other than the lowest mean nothing. */
	f.ring->avail->flags = 0xfffe;
	engine_take(&f, 1);
	CHECK(engine_is_wanted(&f));
	vring_stop(&f);
}

/* Does the step from old to new pass the event, counted one by one? */
static bool
passes(uint16_t old, uint16_t new, uint16_t event)
{
	for (uint16_t idx = old; idx != new; idx++)
		if (idx == event)
			return true;
	return false;
}

VU_TEST(vring_split, event_index_decides_as_counted_one_by_one)
{
	static const uint16_t starts[] = { 0, 1, 100, 32767, 65530, 65535 };
	struct vring_fixture f;

	vring_start(&f, 8, F_EVENT_IDX);
	for (unsigned int s = 0; s < RTE_DIM(starts); s++) {
		for (uint16_t step = 1; step <= 8; step++) {
			for (int event = -12; event < 12; event++) {
				uint16_t old = starts[s], new = old + step;

				f.vring.pos.signalled_used = old;
				f.vring.pos.signalled_used_valid = true;
				f.vring.pos.last_used_idx = new;
				fake_ring_set_used_event(f.ring, (uint16_t)(old + event));
				CHECK_EQ(engine_is_wanted(&f), passes(old, new,
					(uint16_t)(old + event)));
				CHECK_EQ(f.vring.pos.signalled_used, new);
			}
		}
	}
	vring_stop(&f);
}

VU_TEST(vring_split, event_index_ignores_flags)
{
	struct vring_fixture f;

	vring_start(&f, 8, F_EVENT_IDX);
	engine_put(&f, 2);
	engine_take(&f, 1);
	engine_is_wanted(&f);
	fake_ring_set_no_interrupt(f.ring, true);
	fake_ring_set_used_event(f.ring, 1);
	engine_take(&f, 1);
	CHECK(engine_is_wanted(&f));
	vring_stop(&f);
}
