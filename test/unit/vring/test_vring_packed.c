/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packed engine: entries and notifications on rings of any size and at every place where they wrap,
 * and what a guest can get wrong in this layout only.
 */
#include "test.h"

#include "vring_fixture.h"

static const uint16_t sizes[] = { 1, 2, 3, 5, 31, 32, 33, 100, 256, 32768 };

/* No WRITE flag, and the length says so too. */
VU_TEST(vring_packed, nothing_written_is_reported_in_flags)
{
	const struct fake_buf buf = { FAKE_HIGH_GPA, 2000, true };
	struct vring_fixture f;
	struct vu_burst burst;

	vring_start(&f, 3, F_PACKED);
	fake_ring_put(f.ring, &buf, 1);
	CHECK_EQ(engine_peek_for(&f, &burst, 1, VU_DESC_F_WRITE), 1);
	burst.used_bytes[0] = 0;
	engine_commit(&f, &burst, 1, true);
	CHECK_EQ(f.ring->packed_desc[0].flags, VU_PACKED_F_AVAIL | VU_PACKED_F_USED);
	CHECK_EQ(f.ring->packed_desc[0].len_bytes, 0);
	vring_stop(&f);
}

/* Offer a random number of chains of random length; sets their ids. */
static uint32_t
offer_some(struct vring_fixture *f, struct fake_rand *rand, uint16_t *ids)
{
	const struct fake_buf bufs[] = { engine_buf(0, 64), engine_buf(64, 1), engine_buf(128, 9) };
	uint32_t nb = fake_rand_in(rand, 1, 32);
	uint32_t i;

	for (i = 0; i < nb; i++) {
		uint16_t nb_bufs = fake_rand_one_in(rand, 2) ? 1 : (uint16_t)
			fake_rand_in(rand, 1, RTE_MIN(3u, f->ring->size));
		int id = fake_ring_put(f->ring, bufs, nb_bufs);

		if (id < 0)
			break;
		ids[i] = (uint16_t)id;
	}
	return i;
}

/* Run chains through a ring in bursts of changing size; all must come back in order. */
static void
check_run(struct vring_fixture *f, unsigned int nb_rounds)
{
	struct fake_rand rand = { 7 };
	struct vu_split_used_elem used[32];
	uint16_t ids[32];

	while (nb_rounds-- != 0) {
		uint32_t nb = offer_some(f, &rand, ids);

		CHECK_EQ(engine_take(f, 32), nb);
		CHECK_EQ(fake_ring_collect(f->ring, used, 32), nb);
		for (uint32_t i = 0; i < nb; i++)
			CHECK_EQ(used[i].id, ids[i]);
		CHECK_EQ(engine_take(f, 32), 0);
	}
	CHECK_EQ(f->vring.pos.fault, VU_VRING_OK);
	CHECK_EQ(f->vring.pos.last_avail_idx, f->ring->avail_idx);
	CHECK_EQ(f->vring.pos.last_used_idx, f->ring->used_idx);
	CHECK_EQ(vu_packed_nb_taken(f->snapshot, &f->vring.pos), 0);
}

VU_TEST(vring_packed, any_size_wraps_with_any_chains)
{
	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		struct vring_fixture f;
		uint16_t last = sizes[i] - 1;

		vring_start(&f, sizes[i], F_PACKED | F_EVENT_IDX);
		check_run(&f, 300);
		/* In both laps, right before the wrap. */
		engine_start_at(&f, last, F_PACKED);
		check_run(&f, 20);
		engine_start_at(&f, last | VU_PACKED_WRAP, F_PACKED);
		check_run(&f, 20);
		vring_stop(&f);
	}
}

VU_TEST(vring_packed, full_ring_from_every_position)
{
	struct vring_fixture f;
	struct vu_split_used_elem used[7];

	vring_start(&f, 7, F_PACKED);
	for (uint16_t slot = 0; slot < 7; slot++) {
		for (int wrap = 0; wrap < 2; wrap++) {
			engine_start_at(&f, (uint16_t)(slot | wrap << 15), F_PACKED);
			engine_put(&f, 7);
			CHECK_EQ(engine_take(&f, 32), 7);
			CHECK_EQ(engine_take(&f, 32), 0);
			CHECK_EQ(fake_ring_collect(f.ring, used, 7), 7);
			CHECK_EQ(f.vring.pos.last_avail_idx, slot | (wrap ^ 1) << 15);
		}
	}
	vring_stop(&f);
}

VU_TEST(vring_packed, base_over_stop_and_start_goes_on_where_it_was)
{
	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		struct vring_fixture f;

		vring_start(&f, sizes[i], F_PACKED);
		for (int round = 0; round < 10; round++) {
			check_run(&f, 5);
			f.vring.conf.base = vu_vring_base(&f.vring);
			/* DPDK keeps the lower half only. */
			if (round % 2 != 0)
				f.vring.conf.base &= 0xffff;
			vring_restart(&f, F_PACKED);
		}
		vring_stop(&f);
	}
}

/* Whatever the guest writes to slots that it does not own, we go once around at most. */
VU_TEST(vring_packed, guest_cannot_make_us_lap)
{
	struct vring_fixture f;
	struct vu_burst burst;

	vring_start(&f, 3, F_PACKED);
	engine_put(&f, 3);
	CHECK_EQ(engine_peek(&f, &burst, 32), 3);
	/* Taken, as by vu_vring_pop(), and made available for the next lap. */
	f.vring.pos.last_avail_idx = vu_packed_advance(f.snapshot, f.vring.pos.last_avail_idx, 3);
	CHECK_EQ(vu_packed_nb_taken(f.snapshot, &f.vring.pos), 3);
	for (int i = 0; i < 3; i++)
		f.ring->packed_desc[i].flags = VU_PACKED_F_USED;
	CHECK_EQ(engine_peek(&f, &burst, 32), 0);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_OK);
	/* One given back: room for one, and not for a chain of two. */
	f.vring.pos.last_used_idx = vu_packed_advance(f.snapshot, f.vring.pos.last_used_idx, 1);
	CHECK_EQ(engine_peek(&f, &burst, 32), 1);
	f.ring->packed_desc[0].flags |= VU_DESC_F_NEXT;
	CHECK_EQ(engine_peek(&f, &burst, 32), 0);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_CHAIN_TOO_LONG);
	vring_stop(&f);
}

VU_TEST(vring_packed, entries_before_an_endless_chain_are_delivered)
{
	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		struct vring_fixture f;
		uint16_t nb_good = RTE_MIN(sizes[i] - 1, 4);

		vring_start(&f, sizes[i], F_PACKED);
		engine_put(&f, nb_good);
		for (uint32_t slot = nb_good; slot < sizes[i]; slot++)
			f.ring->packed_desc[slot].flags = VU_PACKED_F_AVAIL | VU_DESC_F_NEXT;
		CHECK_EQ(engine_take(&f, 32), nb_good);
		for (uint32_t slot = 0; slot < nb_good; slot++)
			f.ring->packed_desc[slot].flags |= VU_DESC_F_NEXT;
		if (nb_good != 0)
			CHECK_EQ(f.vring.pos.fault, VU_VRING_OK);
		CHECK_EQ(engine_take(&f, 32), 0);
		CHECK_EQ(f.vring.pos.fault, VU_VRING_CHAIN_TOO_LONG);
		CHECK_EQ(fake_ring_nb_used(f.ring), nb_good);
		vring_stop(&f);
	}
}

/* What a guest may have an lcore follow before it does anything else is not all of a large ring. */
VU_TEST(vring_packed, one_look_follows_so_many_descriptors)
{
	const uint16_t nb_bufs = 100, nb_chains = VU_VRING_MAX_PEEK_DESCS / nb_bufs;
	struct fake_buf bufs[100];
	struct vring_fixture f;

	for (uint16_t i = 0; i < nb_bufs; i++)
		bufs[i] = engine_buf(i, 1);
	vring_start(&f, 1024, F_PACKED);
	while (fake_ring_put(f.ring, bufs, nb_bufs) >= 0)
		;
	CHECK_EQ(engine_take(&f, 32), nb_chains);
	CHECK_EQ(engine_take(&f, 32), 10 - nb_chains);
	CHECK_EQ(engine_take(&f, 32), 0);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_OK);
	vring_stop(&f);
}

VU_TEST(vring_packed, only_the_right_ownership_bits_are_available)
{
	static const uint16_t owners[] = { 0, VU_PACKED_F_AVAIL, VU_PACKED_F_USED,
		VU_PACKED_F_AVAIL | VU_PACKED_F_USED };
	struct vring_fixture f;
	struct vu_burst burst;

	vring_start(&f, 5, F_PACKED);
	for (int wrap = 0; wrap < 2; wrap++) {
		engine_start_at(&f, (uint16_t)(2 | wrap << 15), F_PACKED);
		engine_put(&f, 1);
		for (unsigned int i = 0; i < RTE_DIM(owners); i++) {
			/* Reserved bits mean nothing. */
			f.ring->packed_desc[2].flags = owners[i] | 0x7f78;
			CHECK_EQ(engine_peek(&f, &burst, 32), owners[i] == (wrap != 0 ?
				VU_PACKED_F_AVAIL : VU_PACKED_F_USED));
		}
	}
	vring_stop(&f);
}

/* The flags of the driver's event structure against what they ask for. */
VU_TEST(vring_packed, event_flags_switch_notifications)
{
	struct vring_fixture f;

	for (int has_event_idx = 0; has_event_idx < 2; has_event_idx++) {
		vring_start(&f, 8, F_PACKED | (has_event_idx ? F_EVENT_IDX : 0));
		engine_put(&f, 5);
		engine_take(&f, 1);
		engine_is_wanted(&f);
		/* Bits other than the lowest two mean nothing. */
		f.ring->driver_event->flags = 0xfffc | VU_PACKED_EVENT_ENABLE;
		engine_take(&f, 1);
		CHECK(engine_is_wanted(&f));
		f.ring->driver_event->flags = 0xfffc | VU_PACKED_EVENT_DISABLE;
		engine_take(&f, 1);
		CHECK(!engine_is_wanted(&f));
		/* An event that does not come counts only if it was negotiated. */
		f.ring->driver_event->position = 0x8007;
		f.ring->driver_event->flags = 0xfffc | VU_PACKED_EVENT_DESC;
		engine_take(&f, 1);
		CHECK_EQ(engine_is_wanted(&f), !has_event_idx);
		f.ring->driver_event->flags = 3;
		engine_take(&f, 1);
		CHECK(engine_is_wanted(&f));
		vring_stop(&f);
	}
}

/* Do nb slots from old on hold the event, counted one by one? */
static bool
passes(const struct fake_ring *ring, uint16_t old, uint32_t nb, uint16_t event)
{
	uint16_t size = ring->size;

	for (; nb != 0; nb--) {
		if (old == event)
			return true;
		old = (old & 0x7fff) + 1 == size ? (old & 0x8000) ^ 0x8000 : old + 1;
	}
	return false;
}

/* Events at every slot, in both laps, after steps of any length. */
static void
check_events(struct vring_fixture *f, uint16_t old)
{
	uint16_t size = f->ring->size;

	for (uint32_t step = 0; step <= size; step++) {
		for (uint32_t i = 0; i < 2u * size; i++) {
			uint16_t event = i < size ? i : (i - size) | VU_PACKED_WRAP;

			f->vring.pos.last_used_idx = vu_packed_advance(f->snapshot, old, step);
			f->vring.pos.signalled_used = (uint16_t)step;
			f->vring.pos.signalled_used_valid = true;
			fake_ring_set_used_event(f->ring, event);
			CHECK_EQ(vu_packed_wants_notification(f->snapshot, &f->vring.pos),
				passes(f->ring, old, step, event));
			CHECK_EQ(f->vring.pos.signalled_used, 0);
		}
	}
}

VU_TEST(vring_packed, event_decides_as_counted_one_by_one)
{
	static const uint16_t event_sizes[] = { 1, 2, 3, 7, 16 };
	struct vring_fixture f;

	for (unsigned int i = 0; i < RTE_DIM(event_sizes); i++) {
		vring_start(&f, event_sizes[i], F_PACKED | F_EVENT_IDX);
		for (uint16_t slot = 0; slot < event_sizes[i]; slot++) {
			check_events(&f, slot);
			check_events(&f, slot | VU_PACKED_WRAP);
		}
		vring_stop(&f);
	}
}

/* A guest that polls and then arms must not wait for ever because we decided seldom. */
VU_TEST(vring_packed, laps_without_a_decision_are_not_forgotten)
{
	struct vring_fixture f;
	struct vu_split_used_elem used;

	vring_start(&f, 1, F_PACKED | F_EVENT_IDX);
	engine_put(&f, 1);
	engine_take(&f, 1);
	engine_is_wanted(&f);
	for (int i = 0; i < 6; i++) {
		CHECK_EQ(fake_ring_collect(f.ring, &used, 1), 1);
		/* Armed for the next one. */
		fake_ring_set_used_event(f.ring, f.ring->used_idx);
		engine_put(&f, 1);
		CHECK_EQ(engine_take(&f, 1), 1);
	}
	CHECK(engine_is_wanted(&f));
	CHECK(!engine_is_wanted(&f));
	vring_stop(&f);
}

static bool
is_ready(const struct vring_fixture *f)
{
	uint32_t idle, mask;
	const uint32_t *word = vu_packed_idle_word(f->snapshot, &f->vring.pos, &idle, &mask);

	return ((vu_load(word) ^ idle) & mask) != 0;
}

/* Skipped slots of a chain keep what the guest wrote a lap ago: they must not keep us awake. */
VU_TEST(vring_packed, idle_word_is_ready_when_there_is_an_entry)
{
	const struct fake_buf bufs[] = { engine_buf(0, 9), engine_buf(9, 9), engine_buf(18, 9) };
	struct vu_split_used_elem used;
	struct vring_fixture f;

	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		uint16_t nb_bufs = RTE_MIN(sizes[i], 3);

		vring_start(&f, sizes[i], F_PACKED);
		for (unsigned int round = 0; round < 3u * RTE_MIN(sizes[i], 100); round++) {
			CHECK(!is_ready(&f));
			CHECK(fake_ring_put(f.ring, bufs, nb_bufs) >= 0);
			CHECK(is_ready(&f));
			CHECK_EQ(engine_take(&f, 32), 1);
			CHECK(!is_ready(&f));
			CHECK_EQ(fake_ring_collect(f.ring, &used, 1), 1);
		}
		vring_stop(&f);
	}
}
