/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Split engine: taking entries, giving them back, and telling the guest, at every place where
 * 16-bit indices wrap.
 */
#include "test.h"

#include "vring_fixture.h"
#include "vu_vring_notify.h"
#include "vu_vring_split.h"

/* A buffer in the HIGH region; readable if nothing else is said. */
static struct fake_buf
buf_at(uint32_t offset, uint32_t len_bytes)
{
	return (struct fake_buf){ .gpa = FAKE_HIGH_GPA + offset, .len_bytes = len_bytes };
}

static uint16_t
peek(struct vring_fixture *f, struct vu_burst *burst, uint16_t max)
{
	return vu_split_peek(f->live, &f->vring.pos, burst, max, 0);
}

static void
put_many(struct vring_fixture *f, unsigned int nb)
{
	const struct fake_buf buf = buf_at(0, 100);

	for (unsigned int i = 0; i < nb; i++)
		RTE_VERIFY(fake_ring_put(f->ring, &buf, 1) >= 0);
}

/* Take and give back up to max entries as reads. */
static uint16_t
take(struct vring_fixture *f, uint16_t max)
{
	struct vu_burst burst;
	uint16_t nb = peek(f, &burst, max);

	vu_split_commit(f->live, &f->vring.pos, &burst, nb, false);
	return nb;
}

VU_TEST(vring_split, peek_translates_plain_buffers_and_takes_nothing)
{
	struct vring_fixture f;
	struct vu_burst burst;
	struct fake_buf buf = buf_at(0x100, 60);
	int head;

	fixture_start(&f, 8, 0);
	CHECK_EQ(peek(&f, &burst, VU_VRING_BURST), 0);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_OK);
	head = fake_ring_put(f.ring, &buf, 1);
	fake_guest_write(&f.guest, buf.gpa, "hello", 5);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(peek(&f, &burst, VU_VRING_BURST), 1);
		CHECK_EQ(burst.nb, 1);
		CHECK_EQ(burst.head[0], head);
		CHECK_EQ(burst.len_bytes[0], 60);
		CHECK(burst.hva[0] != NULL && memcmp(burst.hva[0], "hello", 5) == 0);
	}
	CHECK_EQ(fake_ring_nb_used(f.ring), 0);
	fixture_stop(&f);
	return TEST_SUCCESS;
}

VU_TEST(vring_split, peek_leaves_everything_else_to_the_chain_walk)
{
	struct vring_fixture f;
	struct vu_burst burst;
	const struct fake_buf two[] = { buf_at(0, 10), buf_at(64, 10) };
	const struct fake_buf empty = buf_at(0, 0);
	struct fake_buf write = buf_at(0, 10), crossing = { FAKE_MID_GPA - 5, 10, false };
	const struct fake_buf nowhere = { FAKE_NOWHERE_GPA, 10, false };
	const struct fake_chain indirect = {
		.bufs = two, .nb_bufs = 2, .nb_direct = 0, .table_gpa = FAKE_HIGH_GPA + 0x1000,
	};

	fixture_start(&f, 16, F_INDIRECT);
	write.is_write = true;
	fake_ring_put(f.ring, two, 2);
	fake_ring_put(f.ring, &empty, 1);
	fake_ring_put(f.ring, &write, 1);
	fake_ring_put(f.ring, &crossing, 1);
	fake_ring_put(f.ring, &nowhere, 1);
	fake_ring_offer(f.ring, (uint16_t)fake_ring_add(f.ring, &indirect));
	fake_ring_put(f.ring, two, 1);
	CHECK_EQ(peek(&f, &burst, VU_VRING_BURST), 7);
	for (int i = 0; i < 6; i++)
		CHECK(burst.hva[i] == NULL);
	CHECK(burst.hva[6] != NULL);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_OK);
	/* The other direction: only the writable one is plain. */
	CHECK_EQ(vu_split_peek(f.live, &f.vring.pos, &burst, 32, VU_DESC_F_WRITE), 7);
	for (int i = 0; i < 7; i++)
		CHECK((burst.hva[i] != NULL) == (i == 2));
	fixture_stop(&f);
	return TEST_SUCCESS;
}

VU_TEST(vring_split, peek_takes_at_most_max)
{
	struct vring_fixture f;
	struct vu_burst burst;

	fixture_start(&f, 64, 0);
	put_many(&f, 64);
	CHECK_EQ(peek(&f, &burst, 1), 1);
	CHECK_EQ(peek(&f, &burst, 31), 31);
	CHECK_EQ(peek(&f, &burst, VU_VRING_BURST), VU_VRING_BURST);
	CHECK_EQ(take(&f, VU_VRING_BURST), 32);
	CHECK_EQ(take(&f, 20), 20);
	CHECK_EQ(take(&f, VU_VRING_BURST), 12);
	CHECK_EQ(take(&f, VU_VRING_BURST), 0);
	CHECK_EQ(f.vring.pos.counters.nb_chains, 64);
	fixture_stop(&f);
	return TEST_SUCCESS;
}

VU_TEST(vring_split, commit_reports_heads_and_lengths)
{
	struct vring_fixture f;
	struct vu_burst burst;
	struct vu_split_used_elem used[4];
	int heads[3];

	fixture_start(&f, 8, 0);
	for (int i = 0; i < 3; i++) {
		struct fake_buf buf = { FAKE_HIGH_GPA + 4096 * (uint64_t)i, 2000, true };

		heads[i] = fake_ring_put(f.ring, &buf, 1);
	}
	CHECK_EQ(vu_split_peek(f.live, &f.vring.pos, &burst, 32, VU_DESC_F_WRITE), 3);
	burst.used_bytes[0] = 0;
	burst.used_bytes[1] = UINT32_MAX;
	burst.used_bytes[2] = 77;
	vu_split_commit(f.live, &f.vring.pos, &burst, 2, true);
	CHECK_EQ(fake_ring_collect(f.ring, used, 4), 2);
	CHECK(used[0].id == (uint32_t)heads[0] && used[0].len_bytes == 0);
	CHECK(used[1].id == (uint32_t)heads[1] && used[1].len_bytes == UINT32_MAX);
	/* The third is still there. Lengths that are not set count as 0. */
	CHECK_EQ(vu_split_peek(f.live, &f.vring.pos, &burst, 32, VU_DESC_F_WRITE), 1);
	burst.used_bytes[0] = 55;
	vu_split_commit(f.live, &f.vring.pos, &burst, 1, false);
	CHECK_EQ(fake_ring_collect(f.ring, used, 4), 1);
	CHECK(used[0].id == (uint32_t)heads[2] && used[0].len_bytes == 0);
	vu_split_commit(f.live, &f.vring.pos, &burst, 0, true);
	CHECK_EQ(fake_ring_nb_used(f.ring), 0);
	fixture_stop(&f);
	return TEST_SUCCESS;
}

/* Run `nb` entries through a ring in bursts of changing size; all must come back in order. */
static int
check_run(struct vring_fixture *f, unsigned int nb)
{
	struct fake_rand rand = { 7 };
	struct vu_split_used_elem used[32];
	uint16_t heads[32];
	const struct fake_buf buf = buf_at(0, 64);

	while (nb != 0) {
		uint32_t max = RTE_MIN(RTE_MIN(32u, nb), f->ring->size);
		uint32_t nb_round = fake_rand_in(&rand, 1, max);

		for (uint32_t i = 0; i < nb_round; i++)
			heads[i] = (uint16_t)fake_ring_put(f->ring, &buf, 1);
		CHECK_EQ(take(f, 32), nb_round);
		CHECK_EQ(fake_ring_collect(f->ring, used, 32), nb_round);
		for (uint32_t i = 0; i < nb_round; i++)
			CHECK_EQ(used[i].id, heads[i]);
		nb -= nb_round;
	}
	CHECK_EQ(f->vring.pos.fault, VU_VRING_OK);
	CHECK_EQ(f->vring.pos.avail, f->ring->avail_idx);
	CHECK_EQ(f->vring.pos.used, f->ring->used_idx);
	return TEST_SUCCESS;
}

VU_TEST(vring_split, indices_wrap_at_65536)
{
	static const uint16_t sizes[] = { 1, 2, 8, 256, 32768 };

	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		struct vring_fixture f;

		fixture_start(&f, sizes[i], F_EVENT_IDX);
		CHECK(check_run(&f, 100) == TEST_SUCCESS);
		fake_ring_start_at(f.ring, 65500);
		f.vring.conf.base = 65500;
		fixture_restart(&f, F_EVENT_IDX);
		CHECK(check_run(&f, 200) == TEST_SUCCESS);
		CHECK_EQ(f.vring.pos.avail, (uint16_t)(65500 + 200));
		fixture_stop(&f);
	}
	return TEST_SUCCESS;
}

VU_TEST(vring_split, full_ring_at_the_wrap)
{
	struct vring_fixture f;

	fixture_start(&f, 32768, 0);
	fake_ring_start_at(f.ring, 40000);
	f.vring.conf.base = 40000;
	fixture_restart(&f, 0);
	put_many(&f, 32768);
	CHECK_EQ(vu_split_nb_avail(f.live, &f.vring.pos), 32768);
	for (unsigned int i = 0; i < 32768 / 32; i++)
		CHECK_EQ(take(&f, 32), 32);
	CHECK_EQ(vu_split_nb_avail(f.live, &f.vring.pos), 0);
	CHECK_EQ(fake_ring_nb_used(f.ring), 32768);
	fixture_stop(&f);
	return TEST_SUCCESS;
}

VU_TEST(vring_split, available_index_too_far_is_a_fault)
{
	struct vring_fixture f;
	struct vu_burst burst;

	fixture_start(&f, 8, 0);
	f.ring->avail->idx = 8;
	CHECK_EQ(vu_split_nb_avail(f.live, &f.vring.pos), 8);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_OK);
	f.ring->avail->idx = 9;
	CHECK_EQ(peek(&f, &burst, 32), 0);
	CHECK_EQ(burst.nb, 0);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_BAD_AVAIL_IDX);
	/* Behind our position is as wrong. */
	f.vring.pos.fault = VU_VRING_OK;
	f.ring->avail->idx = 65535;
	CHECK_EQ(peek(&f, &burst, 32), 0);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_BAD_AVAIL_IDX);
	fixture_stop(&f);
	return TEST_SUCCESS;
}

VU_TEST(vring_split, entries_before_a_bad_head_are_delivered)
{
	static const uint16_t bad_heads[] = { 8, 9, 255, 32768, 65535 };
	struct vring_fixture f;
	struct vu_burst burst;

	fixture_start(&f, 8, 0);
	for (unsigned int i = 0; i < RTE_DIM(bad_heads); i++) {
		fake_ring_reset(f.ring);
		f.vring.conf.base = 0;
		fixture_restart(&f, 0);
		put_many(&f, 3);
		fake_ring_offer(f.ring, bad_heads[i]);
		fake_ring_publish(f.ring);
		put_many(&f, 1);
		CHECK_EQ(peek(&f, &burst, 32), 3);
		CHECK_EQ(f.vring.pos.fault, VU_VRING_OK);
		vu_split_commit(f.live, &f.vring.pos, &burst, 3, false);
		CHECK_EQ(peek(&f, &burst, 32), 0);
		CHECK_EQ(f.vring.pos.fault, VU_VRING_BAD_HEAD);
		CHECK_EQ(fake_ring_nb_used(f.ring), 3);
	}
	fixture_stop(&f);
	return TEST_SUCCESS;
}

VU_TEST(vring_split, first_notification_after_start_is_unconditional)
{
	struct vring_fixture f;

	fixture_start(&f, 8, F_EVENT_IDX);
	fake_ring_set_used_event(f.ring, 1000);
	put_many(&f, 2);
	take(&f, 1);
	CHECK(vu_split_wants_notification(f.live, &f.vring.pos));
	take(&f, 1);
	CHECK(!vu_split_wants_notification(f.live, &f.vring.pos));
	fake_ring_reset(f.ring);
	f.vring.conf.base = 0;
	fixture_restart(&f, 0);
	fake_ring_set_no_interrupt(f.ring, true);
	put_many(&f, 2);
	take(&f, 1);
	CHECK(vu_split_wants_notification(f.live, &f.vring.pos));
	take(&f, 1);
	CHECK(!vu_split_wants_notification(f.live, &f.vring.pos));
	fixture_stop(&f);
	return TEST_SUCCESS;
}

VU_TEST(vring_split, flags_switch_notifications)
{
	struct vring_fixture f;

	fixture_start(&f, 8, 0);
	put_many(&f, 4);
	take(&f, 1);
	vu_split_wants_notification(f.live, &f.vring.pos);
	take(&f, 1);
	CHECK(vu_split_wants_notification(f.live, &f.vring.pos));
	fake_ring_set_no_interrupt(f.ring, true);
	take(&f, 1);
	CHECK(!vu_split_wants_notification(f.live, &f.vring.pos));
	/* Bits other than the lowest mean nothing. */
	f.ring->avail->flags = 0xfffe;
	take(&f, 1);
	CHECK(vu_split_wants_notification(f.live, &f.vring.pos));
	fixture_stop(&f);
	return TEST_SUCCESS;
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

	fixture_start(&f, 8, F_EVENT_IDX);
	for (unsigned int s = 0; s < RTE_DIM(starts); s++) {
		for (uint16_t step = 1; step <= 8; step++) {
			for (int event = -12; event < 12; event++) {
				uint16_t old = starts[s], new = old + step;

				f.vring.pos.signalled = old;
				f.vring.pos.signalled_valid = true;
				f.vring.pos.used = new;
				fake_ring_set_used_event(f.ring, (uint16_t)(old + event));
				CHECK_EQ(vu_split_wants_notification(f.live, &f.vring.pos),
					passes(old, new, (uint16_t)(old + event)));
				CHECK_EQ(f.vring.pos.signalled, new);
			}
		}
	}
	fixture_stop(&f);
	return TEST_SUCCESS;
}

VU_TEST(vring_split, event_index_ignores_flags)
{
	struct vring_fixture f;

	fixture_start(&f, 8, F_EVENT_IDX);
	put_many(&f, 2);
	take(&f, 1);
	vu_split_wants_notification(f.live, &f.vring.pos);
	fake_ring_set_no_interrupt(f.ring, true);
	fake_ring_set_used_event(f.ring, 1);
	take(&f, 1);
	CHECK(vu_split_wants_notification(f.live, &f.vring.pos));
	fixture_stop(&f);
	return TEST_SUCCESS;
}

VU_TEST(vring_split, signal_counts_both_outcomes)
{
	struct vring_fixture f;
	const struct vu_vring_counters *counters = &f.vring.pos.counters;

	fixture_start(&f, 8, 0);
	f.vring.call_fd = vu_fd_eventfd();
	fixture_restart(&f, 0);
	put_many(&f, 3);
	take(&f, 1);
	vu_split_signal(f.live, &f.vring.pos);
	CHECK_EQ(fixture_events(f.vring.call_fd), 1);
	fake_ring_set_no_interrupt(f.ring, true);
	take(&f, 1);
	vu_split_signal(f.live, &f.vring.pos);
	CHECK_EQ(fixture_events(f.vring.call_fd), 0);
	CHECK(counters->nb_notifications == 1 && counters->nb_notifications_suppressed == 1);
	fake_ring_set_no_interrupt(f.ring, false);
	take(&f, 1);
	vu_split_signal(f.live, &f.vring.pos);
	CHECK_EQ(fixture_events(f.vring.call_fd), 1);
	CHECK(counters->nb_notifications == 2 && counters->nb_notifications_suppressed == 1);
	fixture_stop(&f);
	return TEST_SUCCESS;
}

VU_TEST(vring_split, stale_region_hint_is_harmless)
{
	struct vring_fixture f;
	struct vu_burst burst;
	static const uint16_t hints[] = { 0, 1, 2, 3, 508, 65535 };

	fixture_start(&f, 8, 0);
	put_many(&f, 1);
	for (unsigned int i = 0; i < RTE_DIM(hints); i++) {
		f.vring.pos.region_hint = hints[i];
		CHECK_EQ(peek(&f, &burst, 1), 1);
		CHECK(burst.hva[0] != NULL && burst.hva[0] ==
			vu_mem_gpa_range_to_hva(f.mem, FAKE_HIGH_GPA, 100));
	}
	fixture_stop(&f);
	return TEST_SUCCESS;
}
