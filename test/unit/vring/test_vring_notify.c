/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Notifications that are put off: by number of buffers, by time, never for ever. The stress cases
 * are a driver that sleeps on its call fd whenever it likes, against a device that polls.
 */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "fake_rand.h"
#include "guest_fixture.h"
#include "vu_fd.h"
#include "vu_vring_notify.h"

#define LONG_US 100000000
#define RING_ENTRIES 64
#define STALL_MS 20000

static void
notify_start(struct guest_fixture *f, uint64_t features, struct vu_notify_conf notify)
{
	pair_start(f, RING_ENTRIES, F_VERSION_1 | features);
	f->vring.notify = notify;
	f->vring.call_fd = vu_fd_eventfd();
	vu_vring_snapshot_destroy(f->snapshot);
	f->snapshot = vu_vring_snapshot_create(&f->vring, f->table, F_VERSION_1 | features);
	CHECK(f->snapshot != NULL);
}

static void
notify_stop(struct guest_fixture *f)
{
	vu_fd_close(&f->vring.call_fd);
	pair_stop(f);
}

/* Events written to the call fd since the last look. */
static uint64_t
events(const struct guest_fixture *f)
{
	eventfd_t nb = 0;

	return eventfd_read(f->vring.call_fd, &nb) == 0 ? nb : 0;
}

/* A burst of the device, and what it notifies of it. */
static void
carry(struct guest_fixture *f, uint16_t nb)
{
	struct vu_guest_done done[RING_ENTRIES];

	CHECK(pair_add(f, 0, nb, false) == nb);
	vu_vring_guest_arm(f->ring);
	CHECK(pair_use(f, nb, 0, 0) == nb);
	vu_ring_signal(f->snapshot, &f->vring.pos, f->snapshot->is_packed);
	CHECK(vu_vring_guest_collect(f->ring, done, RING_ENTRIES) == nb);
}

static const uint64_t layouts[] = { 0, F_EVENT_IDX, F_PACKED, F_PACKED | F_EVENT_IDX };

VU_TEST(vring_notify, at_once_unless_asked_otherwise)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		struct guest_fixture f;

		notify_start(&f, layouts[i], (struct vu_notify_conf){ 0 });
		for (unsigned int n = 0; n < 5; n++) {
			carry(&f, 1);
			CHECK_EQ(events(&f), 1);
			CHECK(!vu_vring_notify_check(f.snapshot, &f.vring.pos));
		}
		CHECK_EQ(f.vring.pos.counters.nb_notifications, 5);
		CHECK_EQ(f.vring.pos.counters.nb_notifications_delayed, 0);
		notify_stop(&f);
	}
}

VU_TEST(vring_notify, waits_for_a_number_of_buffers)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		struct guest_fixture f;

		notify_start(&f, layouts[i], (struct vu_notify_conf){ 10, LONG_US });
		for (unsigned int n = 0; n < 3; n++) {
			carry(&f, 4);
			carry(&f, 5);
			CHECK_EQ(events(&f), 0);
			CHECK(vu_vring_notify_check(f.snapshot, &f.vring.pos));
			carry(&f, 1);
			CHECK_EQ(events(&f), 1);
			CHECK(!vu_vring_notify_check(f.snapshot, &f.vring.pos));
		}
		/* A burst that is large enough does not wait. */
		carry(&f, 32);
		CHECK_EQ(events(&f), 1);
		CHECK(!f.vring.pos.is_delayed);
		CHECK_EQ(f.vring.pos.counters.nb_notifications, 4);
		notify_stop(&f);
	}
}

/* The guest looks away after it asked; buffers used meanwhile count all the same. */
VU_TEST(vring_notify, what_waits_is_notified_though_the_guest_looked_away)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		struct vu_guest_done done[RING_ENTRIES];
		struct guest_fixture f;

		notify_start(&f, layouts[i], (struct vu_notify_conf){ 3, LONG_US });
		carry(&f, 1);
		vu_vring_guest_disarm(f.ring);
		pair_add(&f, 0, 2, false);
		pair_use(&f, 2, 0, 0);
		vu_ring_signal(f.snapshot, &f.vring.pos, f.snapshot->is_packed);
		CHECK_EQ(events(&f), 1);
		vu_vring_guest_collect(f.ring, done, RING_ENTRIES);
		notify_stop(&f);
	}
}

VU_TEST(vring_notify, waits_no_longer_than_a_time)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		struct guest_fixture f;

		notify_start(&f, layouts[i], (struct vu_notify_conf){ 1000, 50 });
		carry(&f, 1);
		while (vu_vring_notify_check(f.snapshot, &f.vring.pos))
			;
		CHECK_EQ(events(&f), 1);
		/* Without anyone looking at the clock, the next burst does. */
		carry(&f, 1);
		rte_delay_us_block(60);
		carry(&f, 1);
		CHECK_EQ(events(&f), 1);
		CHECK(!f.vring.pos.is_delayed);
		notify_stop(&f);
	}
}

VU_TEST(vring_notify, a_front_end_that_polls_is_not_waited_for)
{
	struct guest_fixture f;

	notify_start(&f, 0, (struct vu_notify_conf){ 100, LONG_US });
	f.snapshot->call_fd = VU_FD_NONE;
	carry(&f, 1);
	CHECK(!f.vring.pos.is_delayed);
	notify_stop(&f);
}

/* ---- a driver that sleeps ---- */

struct sleeper {
	struct guest_fixture f;
	uint32_t is_stopped;
	uint64_t nb_sleeps;
	uint64_t nb_stalls;
};

/* What a data lcore does: bursts, signals, and looks at the clock. */
static void *
device_main(void *arg)
{
	struct sleeper *s = arg;
	struct fake_rand rand = { 7 };

	while (vu_load(&s->is_stopped) == 0 && !expect_has_failed()) {
		if (pair_use(&s->f, (uint16_t)fake_rand_in(&rand, 1, 32), 0, 0) != 0)
			vu_ring_signal(s->f.snapshot, &s->f.vring.pos, s->f.snapshot->is_packed);
		vu_vring_notify_check(s->f.snapshot, &s->f.vring.pos);
	}
	return NULL;
}

/* Wait for a call, as a guest whose driver halts its processor. */
static bool
wait_for_event(const struct sleeper *s)
{
	struct pollfd call = { .fd = s->f.vring.call_fd, .events = POLLIN };
	bool is_called = poll(&call, 1, STALL_MS) != 0;

	events(&s->f);
	return is_called;
}

/* The same without a system call: more sleeps meet the moment in which one could be missed. */
static bool
wait_for_count(const struct sleeper *s, uint64_t nb_calls)
{
	const uint64_t end = rte_get_tsc_cycles() + STALL_MS * rte_get_tsc_hz() / 1000;

	while (vu_load(&s->f.vring.pos.counters.nb_notifications) == nb_calls) {
		if (rte_get_tsc_cycles() > end)
			return false;
	}
	return true;
}

/* What a driver does between two sleeps. */
static void
driver_step(struct sleeper *s, struct fake_rand *rand)
{
	const uint64_t nb_calls = vu_load(&s->f.vring.pos.counters.nb_notifications);
	const bool is_wide_awake = fake_rand_one_in(rand, 8);
	struct vu_guest_done done[RING_ENTRIES];

	if (fake_rand_one_in(rand, 2))
		pair_add(&s->f, 0, (uint16_t)fake_rand_in(rand, 1, is_wide_awake ? 20 : 2), false);
	if (is_wide_awake)
		vu_vring_guest_disarm(s->f.ring);
	for (unsigned int n = fake_rand_in(rand, 0, 20); n != 0; n--)
		vu_load(&s->is_stopped);
	if (fake_rand_one_in(rand, 2))
		vu_vring_guest_collect(s->f.ring, done, (uint16_t)fake_rand_in(rand, 1, 64));
	/* Asleep with buffers out and none of them back: only a call can end that. */
	if (vu_vring_guest_nb_out(s->f.ring) == 0 || !vu_vring_guest_arm(s->f.ring))
		return;
	s->nb_sleeps++;
	s->nb_stalls += is_wide_awake ? !wait_for_event(s) : !wait_for_count(s, nb_calls);
}

static void
check_sleeper(uint64_t features, struct vu_notify_conf notify, uint64_t cycles)
{
	struct sleeper s = { .is_stopped = 0 };
	const uint64_t end = rte_get_tsc_cycles() + cycles;
	struct fake_rand rand = { features + notify.max_us };
	pthread_t device;

	notify_start(&s.f, features, notify);
	expect_thread_start(&device, device_main, &s);
	thread_use_last_cpu(device);
	while (rte_get_tsc_cycles() < end && s.nb_stalls == 0)
		driver_step(&s, &rand);
	vu_store(&s.is_stopped, 1);
	expect_thread_join(device);
	CHECK_EQ(s.nb_stalls, 0);
	CHECK(s.nb_sleeps != 0);
	CHECK(!s.f.ring->is_broken);
	CHECK_EQ(s.f.vring.pos.fault, VU_VRING_OK);
	notify_stop(&s.f);
}

VU_TEST_STRESS(vring_notify, a_driver_that_sleeps_is_always_woken)
{
	static const struct vu_notify_conf confs[] = { { 0, 0 }, { 8, 20 }, { 32, 200 } };
	const uint64_t cycles = test_stress_seconds() * rte_get_tsc_hz() /
		(RTE_DIM(confs) * RTE_DIM(layouts));

	for (unsigned int i = 0; i < RTE_DIM(layouts); i++)
		for (unsigned int n = 0; n < RTE_DIM(confs); n++)
			check_sleeper(layouts[i], confs[n], cycles);
}
