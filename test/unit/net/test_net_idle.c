/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports whose data lcores sleep while they are idle: guests kick only if they are asked to, frames
 * pass between lcores, and none stays behind.
 */
#include "test.h"

#include <unistd.h>

#include <rte_atomic.h>
#include <rte_cycles.h>

#include "net_ports.h"
#include "vu_vring_packed.h"

#define NB_PORTS 2

/* Receive queues on one lcore, transmit queues on the other: every frame changes lcores. */
static const unsigned int crossed[] = { 4, 7 };

struct idle_net {
	struct net_ports net;
	uint64_t nb_kicks;
};

/* A guest that begins: all its receive buffers are there. */
static void
guest_start(struct rig_port *p, uint64_t features)
{
	port_start(p, features);
	port_offer(p, 0, RING_SIZE, 256);
	for (uint32_t i = 0; i < p->nb_queues; i++)
		p->rings[i].kicked_idx = p->rings[i].ring->avail_idx;
}

static void
idle_net_open(struct idle_net *f, uint64_t features, uint32_t idle_us)
{
	f->nb_kicks = 0;
	ports_init(&f->net, NB_PORTS);
	for (unsigned int i = 0; i < 2; i++)
		CHECK(vu_sched_set_idle(f->net.sched, i, VU_IDLE_INTERRUPT, idle_us) == 0);
	for (unsigned int port = 0; port < NB_PORTS; port++) {
		struct rig_port *p = &f->net.ports[port];

		port_open_on(p, f->net.sched, "forward=switch", 1, crossed);
		if ((features & F_PACKED) != 0)
			port_make_packed(p);
		for (uint32_t i = 0; i < p->nb_queues; i++)
			p->rings[i].kick_fd = vu_fd_eventfd();
		guest_start(p, features);
	}
}

/* Free running number of a position in a packed ring: two laps make a cycle. */
static uint16_t
packed_number(const struct fake_ring *ring, uint16_t position)
{
	return (position & VU_PACKED_SLOT) + ((position & VU_PACKED_WRAP) != 0 ? 0 : ring->size);
}

static bool
packed_wants_kick(const struct fake_ring *ring, uint16_t old)
{
	const uint32_t word = vu_load((const uint32_t *)(const void *)ring->device_event);
	const uint16_t cycle = 2 * ring->size;
	const uint16_t new = packed_number(ring, ring->avail_idx) + cycle;

	if (word >> 16 != VU_PACKED_EVENT_DESC)
		return word >> 16 == VU_PACKED_EVENT_ENABLE;
	return (uint16_t)(new - packed_number(ring, (uint16_t)word) - 1) % cycle <
		(uint16_t)(new - packed_number(ring, old)) % cycle;
}

/* Kick as a driver does: only if the device wants it (VIRTIO 1.2, 2.7.10 and 2.8.14). */
static void
guest_kick(struct idle_net *f, struct rig_port *p, uint32_t queue_idx, bool has_event_idx)
{
	struct rig_ring *ring = &p->rings[queue_idx];
	const struct fake_ring *r = ring->ring;
	const uint16_t old = ring->kicked_idx;
	bool is_wanted;

	ring->kicked_idx = r->avail_idx;
	/* Entries before event; pairs with the fence in worker_sleep(). */
	rte_smp_mb();
	if (r->is_packed) {
		is_wanted = packed_wants_kick(r, old);
	} else if (has_event_idx) {
		uint16_t event = vu_load((uint16_t *)(void *)&r->used->ring[r->size]);

		is_wanted = (uint16_t)(r->avail_idx - event - 1) < (uint16_t)(r->avail_idx - old);
	} else {
		is_wanted = (vu_load(&r->used->flags) & VU_USED_F_NO_NOTIFY) == 0;
	}
	if (!is_wanted)
		return;
	vu_fd_signal(ring->kick_fd);
	f->nb_kicks++;
}

static void
guest_send(struct idle_net *f, unsigned int from, uint64_t seed, bool has_event_idx)
{
	uint8_t frame[FRAME_BYTES];

	frame_make_ether(frame, sizeof(frame), (from + 1) % NB_PORTS, from, seed);
	WAIT_WHILE(port_send(&f->net.ports[from], 0, frame, sizeof(frame)) < 0)
		port_collect(&f->net.ports[from], 1);
	guest_kick(f, &f->net.ports[from], 1, has_event_idx);
}

/* The next frame of a guest is the one that was made with this seed. */
static void
guest_receive(struct idle_net *f, unsigned int to, uint64_t seed)
{
	uint8_t frame[FRAME_BYTES];

	frame_make_ether(frame, sizeof(frame), to, (to + 1) % NB_PORTS, seed);
	WAIT_UNTIL(port_receive(&f->net.ports[to], 0, f->net.received));
	CHECK(received_is(f->net.received, frame, sizeof(frame)));
	port_offer(&f->net.ports[to], 0, 1, 256);
}

/* A few frames each way, with pauses of all lengths; each round waits for all of its frames. */
static void
idle_round(struct idle_net *f, struct fake_rand *rand, bool has_event_idx)
{
	const uint64_t seed = fake_rand_u64(rand);
	uint32_t nb_frames[NB_PORTS];

	for (unsigned int from = 0; from < NB_PORTS; from++) {
		nb_frames[from] = fake_rand_in(rand, 0, 20);
		for (uint32_t i = 0; i < nb_frames[from]; i++) {
			guest_send(f, from, seed + i, has_event_idx);
			if (fake_rand_one_in(rand, 8))
				usleep(fake_rand_in(rand, 0, 4) * 15);
		}
	}
	for (unsigned int from = 0; from < NB_PORTS; from++)
		for (uint32_t i = 0; i < nb_frames[from]; i++)
			guest_receive(f, (from + 1) % NB_PORTS, seed + i);
}

static uint64_t
all_sleeps(const struct idle_net *f)
{
	struct vu_sched_lcore_stats stats[2];

	for (unsigned int i = 0; i < 2; i++)
		CHECK(vu_sched_lcore_stats_get(f->net.sched, i, &stats[i]) == 0);
	return stats[0].nb_sleeps + stats[1].nb_sleeps;
}

static void
check_traffic(uint64_t features, uint32_t idle_us, unsigned int seconds)
{
	const uint64_t end_tsc = rte_get_tsc_cycles() + seconds * rte_get_tsc_hz();
	struct fake_rand rand = { 2024 };
	struct rig_loops loops;
	struct idle_net f;
	unsigned int nb_rounds = 0;

	idle_net_open(&f, features, idle_us);
	rig_loops_start(&loops, f.net.sched);
	do {
		idle_round(&f, &rand, (features & F_EVENT_IDX) != 0);
	} while (++nb_rounds < 50 || rte_get_tsc_cycles() < end_tsc);
	CHECK(f.nb_kicks > 0 && all_sleeps(&f) > 0);
	/* A front-end goes and another one comes while the lcores sleep. */
	port_stop(&f.net.ports[0]);
	guest_start(&f.net.ports[0], features);
	idle_round(&f, &rand, (features & F_EVENT_IDX) != 0);
	rig_loops_stop(&loops);
	ports_close(&f.net);
}

/* Both layouts, both ways to ask for a kick. */
static const uint64_t all_features[] = {
	F_MODERN, F_MODERN | F_EVENT_IDX, F_MERGEABLE | F_PACKED, F_MODERN | F_PACKED | F_EVENT_IDX,
};

VU_TEST(net_idle, frames_arrive_while_lcores_sleep)
{
	for (unsigned int i = 0; i < RTE_DIM(all_features); i++)
		check_traffic(all_features[i], 0, 0);
}

VU_TEST_STRESS(net_idle, frames_arrive_for_long)
{
	const unsigned int seconds = test_stress_seconds();

	for (unsigned int i = 0; i < RTE_DIM(all_features); i++)
		check_traffic(all_features[i], i % 2 * 25, seconds);
}

/* Without a kick fd the front-end relies on polling, so its lcore stays awake. */
VU_TEST(net_idle, ring_without_kicks_is_polled)
{
	struct vu_sched_lcore_stats stats[2];
	struct rig_loops loops;
	struct idle_net f;

	idle_net_open(&f, F_MODERN, 0);
	/* Its owner has no other queue that a guest kicks. */
	vu_fd_close(&f.net.ports[0].rings[1].kick_fd);
	port_stop(&f.net.ports[0]);
	guest_start(&f.net.ports[0], F_MODERN);
	rig_loops_start(&loops, f.net.sched);
	for (uint64_t i = 0; i < 100; i++) {
		guest_send(&f, 0, i, false);
		guest_receive(&f, 1, i);
	}
	for (unsigned int i = 0; i < 2; i++)
		CHECK(vu_sched_lcore_stats_get(f.net.sched, i, &stats[i]) == 0);
	rig_loops_stop(&loops);
	CHECK_EQ(stats[1].nb_sleeps, 0);
	ports_close(&f.net);
}

/* Nobody reads them while its lcore is awake. */
VU_TEST(net_idle, kicks_are_asked_for_during_a_sleep_only)
{
	for (unsigned int i = 0; i < 2; i++) {
		const bool is_packed = i != 0;
		struct vu_device_queue *queue;
		const struct fake_ring *ring;
		const uint16_t *flags;
		struct idle_net f;

		idle_net_open(&f, F_MODERN | (is_packed ? F_PACKED : 0), 0);
		net_turn(f.net.sched);
		queue = vu_device_queue(f.net.ports[0].dev, 1);
		ring = f.net.ports[0].rings[1].ring;
		flags = is_packed ? &ring->device_event->flags : &ring->used->flags;
		CHECK_EQ(*flags, 1);
		CHECK(queue->task.arm(&queue->task, true));
		CHECK_EQ(*flags, 0);
		CHECK(queue->task.arm(&queue->task, false));
		CHECK_EQ(*flags, 1);
		/* It wakes its lcore already. */
		CHECK_EQ(vu_device_queue_move(f.net.ports[0].dev, 1, crossed[1]), 0);
		ports_close(&f.net);
	}
}

/* Another kick fd for a ring that runs: the old one is of no use any more. */
VU_TEST(net_idle, new_kick_descriptor_wakes)
{
	struct rig_loops loops;
	struct idle_net f;

	idle_net_open(&f, F_MODERN, 0);
	rig_loops_start(&loops, f.net.sched);
	for (unsigned int round = 0; round < 10; round++) {
		struct rig_ring *ring = &f.net.ports[0].rings[1];

		vu_fd_close(&ring->kick_fd);
		ring->kick_fd = vu_fd_eventfd();
		vu_device_ring_start(f.net.ports[0].dev, 1, dup(ring->kick_fd));
		rig_port_commit(&f.net.ports[0]);
		usleep(1000);
		guest_send(&f, 0, round, false);
		guest_receive(&f, 1, round);
	}
	rig_loops_stop(&loops);
	ports_close(&f.net);
}
