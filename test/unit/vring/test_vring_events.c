/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two threads on one ring that poll and sleep at random: every kick and call that one of them needs
 * must come. A lost one shows as a case that never ends.
 */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "guest_fixture.h"
#include "vu_vring_poll.h"

#define MAX_ITEMS 8
#define MAX_SIZE 256

struct pair {
	struct guest_fixture f;
	struct vu_vring_guard *guard;
	bool is_in_order;
	int kick_fd; /* blocking, as call_fd */
	int call_fd;
	bool is_over;
};

static uint64_t nb_sleeps[2]; /* guest's, device's, of all runs */

static void
event_wait(int fd)
{
	eventfd_t nb;

	CHECK(eventfd_read(fd, &nb) == 0);
}

static void
event_send(int fd)
{
	CHECK(eventfd_write(fd, 1) == 0);
}

/* ---- device ---- */

static void
shuffle(struct fake_rand *rand, struct vu_vring_item *items, uint16_t nb)
{
	for (uint16_t i = nb; i > 1; i--) {
		uint32_t j = fake_rand_in(rand, 0, i - 1u);
		uint16_t head = items[i - 1].head, nb_descs = items[i - 1].nb_descs;

		items[i - 1].head = items[j].head;
		items[i - 1].nb_descs = items[j].nb_descs;
		items[j].head = head;
		items[j].nb_descs = nb_descs;
	}
}

static void
device_signal(struct pair *pair)
{
	if (vu_vring_needs_notification(pair->guard) == 1)
		event_send(pair->call_fd);
}

/* Nothing is in the ring: sleep, unless something comes meanwhile. */
static void
device_sleep(struct pair *pair)
{
	if (vu_vring_enable_notification(pair->guard) == 0) {
		nb_sleeps[1]++;
		event_wait(pair->kick_fd);
	}
	vu_vring_disable_notification(pair->guard);
}

static void *
device_main(void *arg)
{
	static struct vu_vring_item items[MAX_ITEMS];
	struct fake_rand rand = { 11 };
	struct pair *pair = arg;

	while (!vu_load(&pair->is_over) && !expect_has_failed()) {
		uint16_t nb = vu_vring_pop(pair->guard, items,
			(uint16_t)fake_rand_in(&rand, 1, MAX_ITEMS));

		if (nb != 0) {
			if (!pair->is_in_order)
				shuffle(&rand, items, nb);
			CHECK(vu_vring_push(pair->guard, items, nb) == 0);
			/* Several bursts to one decision. */
			if (fake_rand_one_in(&rand, 2))
				device_signal(pair);
			continue;
		}
		device_signal(pair);
		if (fake_rand_one_in(&rand, 2))
			device_sleep(pair);
		else
			sched_yield();
	}
	return NULL;
}

/* ---- guest ---- */

static uint64_t
guest_offer(struct pair *pair, struct fake_rand *rand, uint64_t next)
{
	struct vu_vring_guest *ring = pair->f.ring;
	uint32_t nb = fake_rand_in(rand, 1, MAX_ITEMS);

	for (; nb != 0; nb--) {
		struct vu_guest_buf bufs[] = { pair_buf(&pair->f, next), pair_buf(&pair->f, next) };

		if (fake_rand_one_in(rand, 3))
			next += vu_vring_guest_add_chain(ring, bufs, 1, 1) == 0;
		else
			next += vu_vring_guest_add(ring, bufs, 1, true);
	}
	vu_vring_guest_publish(ring);
	if (vu_vring_guest_wants_kick(ring))
		event_send(pair->kick_fd);
	return next;
}

static void
guest_sleep(struct pair *pair)
{
	if (vu_vring_guest_arm(pair->f.ring)) {
		nb_sleeps[0]++;
		event_wait(pair->call_fd);
	}
	vu_vring_guest_disarm(pair->f.ring);
}

static void
guest_run(struct pair *pair, uint64_t nb_bufs, uint64_t deadline)
{
	struct vu_vring_guest *ring = pair->f.ring;
	struct vu_guest_done done[MAX_ITEMS];
	struct fake_rand rand = { 13 };
	uint64_t next = 0, back = 0;

	while (back < nb_bufs && rte_rdtsc() < deadline) {
		if (fake_rand_one_in(&rand, 2))
			next = guest_offer(pair, &rand, next);
		back += vu_vring_guest_collect(ring, done,
			(uint16_t)fake_rand_in(&rand, 1, MAX_ITEMS));
		CHECK(!ring->is_broken);
		CHECK(vu_vring_guest_nb_out(ring) == next - back);
		if (next != back && fake_rand_one_in(&rand, 4))
			guest_sleep(pair);
	}
}

static void
check_pair(uint64_t features, uint16_t size, uint64_t nb_bufs, uint64_t deadline)
{
	static struct pair pair;
	pthread_t device;

	pair = (struct pair){ .is_in_order = (features & F_IN_ORDER) != 0 };
	pair_start(&pair.f, size, features);
	vu_vring_publish(&pair.f.vring, pair.f.snapshot);
	pair.guard = vu_vring_guard_attach(&pair.f.vring, VU_LOCK_NONE);
	pair.kick_fd = eventfd(0, EFD_CLOEXEC);
	pair.call_fd = eventfd(0, EFD_CLOEXEC);
	CHECK(pair.guard != NULL && pair.kick_fd >= 0 && pair.call_fd >= 0);
	expect_thread_start(&device, device_main, &pair);
	guest_run(&pair, nb_bufs, deadline);
	vu_store(&pair.is_over, true);
	event_send(pair.kick_fd);
	expect_thread_join(device);
	CHECK_EQ(pair.f.vring.pos.fault, VU_VRING_OK);
	vu_vring_publish(&pair.f.vring, NULL);
	vu_vring_guard_destroy(pair.guard);
	close(pair.kick_fd);
	close(pair.call_fd);
	pair_stop(&pair.f);
}

static void
check_all(uint64_t nb_bufs, double seconds)
{
	static const uint16_t split_sizes[] = { 2, 4, 64 }, packed_sizes[] = { 2, 3, 100 };

	for (unsigned int i = 0; i < 4 * 2 * RTE_DIM(split_sizes); i++) {
		bool is_packed = i % 2 != 0;
		uint16_t size = is_packed ? packed_sizes[i / 8] : split_sizes[i / 8];
		uint64_t features = F_VERSION_1 | (is_packed ? F_PACKED : 0) |
			(i & 2 ? F_EVENT_IDX : 0) | (i & 4 ? F_IN_ORDER : 0);
		uint64_t deadline = seconds != 0 ?
			rte_rdtsc() + (uint64_t)(seconds * (double)rte_get_tsc_hz()) : UINT64_MAX;

		check_pair(features, size, nb_bufs, deadline);
	}
	CHECK(nb_sleeps[0] != 0 && nb_sleeps[1] != 0);
}

VU_TEST(vring_events, nobody_waits_for_ever)
{
	check_all(1000, 0);
}

VU_TEST_STRESS(vring_events, nobody_waits_for_ever_in_the_long_run)
{
	check_all(UINT64_MAX, test_stress_seconds() / 24.0);
}
