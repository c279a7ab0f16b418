/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Guests that write anything into their rings, at any time: no crash, no stall, no lost mbuf, and
 * afterwards a sane guest is served. A loopback, so that both directions see every ring.
 */
#include "test.h"

#include <rte_cycles.h>

#include "net_fixture.h"

struct hostile_fixture {
	struct vu_sched *sched;
	struct rig_port port;
	struct net_received *received;
};

static void
hostile_open(struct hostile_fixture *f, uint64_t features)
{
	f->sched = rig_sched_create(2);
	f->received = net_received_create();
	port_open(&f->port, f->sched, "forward=loopback");
	port_start(&f->port, features | F_INDIRECT | F_EVENT_IDX);
}

static void
hostile_close(struct hostile_fixture *f)
{
	port_stop(&f->port);
	port_verify_mbufs(&f->port);
	rig_port_close(&f->port);
	free(f->received);
	vu_sched_destroy(f->sched);
}

/* ---- a guest that writes anything anywhere ---- */

struct scribbler {
	struct rig_port *port;
	uint32_t is_stopped;
	pthread_t thread;
};

/* A descriptor that is right, or might be. */
static void
desc_heal(struct fake_ring *ring, struct fake_rand *rand, uint32_t queue_idx, uint16_t i)
{
	uint16_t flags = queue_idx % 2 == 0 ? VU_DESC_F_WRITE : 0;

	vu_store(&ring->desc[i].gpa, FAKE_HIGH_GPA + fake_rand_in(rand, 0, 0x8000));
	vu_store(&ring->desc[i].len_bytes, fake_rand_in(rand, 12, 300));
	vu_store(&ring->desc[i].flags, fake_rand_one_in(rand, 3) ? flags | VU_DESC_F_NEXT : flags);
	vu_store(&ring->desc[i].next, fake_rand_in(rand, 0, RING_SIZE - 1));
}

/* One random write to a ring's memory, sane often enough to get deep. */
static void
scribble(struct rig_port *port, struct fake_rand *rand, uint32_t queue_idx)
{
	struct fake_ring *ring = port->rings[queue_idx].ring;
	uint16_t i = fake_rand_in(rand, 0, RING_SIZE - 1);
	struct vu_split_desc *desc = &ring->desc[i];

	switch (fake_rand_in(rand, 0, 40)) {
	case 0:
		vu_store(&desc->gpa, fake_rand_u64(rand));
		break;
	case 1:
		vu_store(&desc->gpa, FAKE_HIGH_GPA + FAKE_HIGH_BYTES - fake_rand_in(rand, 0, 4096));
		break;
	case 2:
		vu_store(&desc->len_bytes, (uint32_t)fake_rand_u64(rand));
		break;
	case 3:
		vu_store(&desc->len_bytes, fake_rand_in(rand, 0, 40));
		break;
	case 4:
		vu_store(&desc->flags, fake_rand_in(rand, 0, 7));
		break;
	case 5:
		vu_store(&desc->next, (uint16_t)fake_rand_u64(rand));
		break;
	case 6:
		vu_store(&ring->avail->idx,
			(uint16_t)(ring->used->idx + fake_rand_in(rand, 0, 65)));
		break;
	case 7:
		vu_store(&ring->avail->ring[i], (uint16_t)fake_rand_u64(rand));
		break;
	case 8:
		vu_store(&ring->used->ring[i].id, (uint32_t)fake_rand_u64(rand));
		break;
	case 9:
		vu_store(&ring->avail->ring[RING_SIZE], (uint16_t)fake_rand_u64(rand));
		break;
	default:
		desc_heal(ring, rand, queue_idx, i);
		vu_store(&ring->avail->ring[fake_rand_in(rand, 0, RING_SIZE - 1)], i);
		break;
	}
}

static void *
scribbler_main(void *arg)
{
	struct scribbler *scribbler = arg;
	struct fake_rand rand = { 4711 };

	while (vu_load_acquire(&scribbler->is_stopped) == 0 && !expect_has_failed())
		scribble(scribbler->port, &rand, fake_rand_in(&rand, 0, 1));
	return NULL;
}

/* Set up both rings again if one of them was given up. */
static void
revive(struct rig_port *port, struct fake_rand *rand, uint64_t *nb_faults)
{
	for (uint32_t q = 0; q < 2; q++) {
		enum vu_vring_fault fault = rig_port_stats(port, q).fault;

		nb_faults[fault]++;
		if (fault == VU_VRING_OK)
			continue;
		vu_device_ring_stop(port->dev, q);
		rig_port_commit(port);
		for (uint16_t i = 0; i < RING_SIZE; i++) {
			desc_heal(port->rings[q].ring, rand, q, i);
			vu_store(&port->rings[q].ring->avail->ring[i], i);
		}
		vu_device_ring_start(port->dev, q, VU_FD_NONE);
		rig_port_commit(port);
	}
}

/* Whatever came of it: the process lives, the mbufs are all there, and a sane guest is served. */
static void
check_after_scribbling(struct hostile_fixture *f, const uint64_t *nb_faults)
{
	struct rte_mempool *pool = port_queue(&f->port, 1)->pool;
	uint64_t nb_delivered = rig_port_stats(&f->port, 0).nb_packets;
	uint8_t frame[100];

	CHECK_EQ(rte_mempool_avail_count(pool), pool->size);
	/* All that a guest can do wrong was among it. */
	for (unsigned int i = VU_VRING_BAD_AVAIL_IDX; i <= VU_VRING_BAD_LENGTH; i++)
		CHECK(nb_faults[i] != 0);
	CHECK(nb_delivered != 0);
	port_stop(&f->port);
	port_start(&f->port, F_MERGEABLE);
	frame_make(frame, sizeof(frame), 1);
	port_offer(&f->port, 0, 1, 128);
	port_send(&f->port, 0, frame, sizeof(frame));
	net_turn(f->sched);
	CHECK(port_receive(&f->port, 0, f->received));
	CHECK(received_is(f->received, frame, sizeof(frame)));
}

VU_TEST(net_hostile, scribbled_rings_do_no_harm)
{
	uint64_t nb_faults[VU_VRING_NB_FAULTS] = { 0 };
	struct fake_rand rand = { 815 };
	struct hostile_fixture f;

	hostile_open(&f, F_MERGEABLE);
	for (unsigned int i = 0; i < 20000; i++) {
		for (unsigned int n = fake_rand_in(&rand, 1, 8); n != 0; n--)
			scribble(&f.port, &rand, fake_rand_in(&rand, 0, 1));
		net_turn(f.sched);
		revive(&f.port, &rand, nb_faults);
	}
	check_after_scribbling(&f, nb_faults);
	hostile_close(&f);
}

VU_TEST_STRESS(net_hostile, rings_scribbled_while_they_are_polled)
{
	uint64_t nb_faults[VU_VRING_NB_FAULTS] = { 0 };
	const uint64_t end = rte_get_tsc_cycles() + test_stress_seconds() * rte_get_tsc_hz();
	struct scribbler scribbler = { 0 };
	struct fake_rand rand = { 42 };
	struct hostile_fixture f;

	hostile_open(&f, F_MERGEABLE);
	scribbler.port = &f.port;
	expect_thread_start(&scribbler.thread, scribbler_main, &scribbler);
	while (rte_get_tsc_cycles() < end) {
		for (unsigned int i = 0; i < 20; i++)
			net_turn(f.sched);
		revive(&f.port, &rand, nb_faults);
	}
	vu_store_release(&scribbler.is_stopped, 1);
	expect_thread_join(scribbler.thread);
	check_after_scribbling(&f, nb_faults);
	hostile_close(&f);
}

/* ---- a guest that changes chains while they are filled ---- */

struct flipper {
	struct fake_ring *ring;
	uint32_t is_stopped;
	pthread_t thread;
};

/* Lengths and links of legal chains change all the time: both walks over one see something else. */
static void *
flipper_main(void *arg)
{
	struct flipper *flipper = arg;
	struct fake_rand rand = { 77 };

	while (vu_load_acquire(&flipper->is_stopped) == 0 && !expect_has_failed()) {
		uint32_t i = fake_rand_in(&rand, 0, RING_SIZE - 1);
		struct vu_split_desc *desc = &flipper->ring->desc[i];

		vu_store(&desc->len_bytes, fake_rand_in(&rand, 6, 100));
		vu_store(&desc->flags, VU_DESC_F_WRITE | fake_rand_in(&rand, 0, 1));
		vu_store(&flipper->ring->avail->idx,
			(uint16_t)(flipper->ring->used->idx + RING_SIZE));
	}
	return NULL;
}

static void
flipper_prepare(struct fake_ring *ring)
{
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		ring->desc[i] = (struct vu_split_desc){ FAKE_HIGH_GPA + i * UINT64_C(128), 64,
			VU_DESC_F_WRITE, (i + 1) % RING_SIZE };
		ring->avail->ring[i] = i;
	}
	vu_store(&ring->avail->idx, (uint16_t)(ring->used->idx + RING_SIZE));
}

VU_TEST_STRESS(net_hostile, buffers_changed_while_they_are_filled)
{
	const uint64_t end = rte_get_tsc_cycles() + test_stress_seconds() * rte_get_tsc_hz();
	uint64_t nb_sent = 0;
	struct flipper flipper = { 0 };
	struct vu_device_queue_stats stats;
	uint8_t frame[400];
	struct hostile_fixture f;

	frame_make(frame, sizeof(frame), 1);
	hostile_open(&f, F_MERGEABLE);
	flipper.ring = f.port.rings[0].ring;
	flipper_prepare(flipper.ring);
	expect_thread_start(&flipper.thread, flipper_main, &flipper);
	while (rte_get_tsc_cycles() < end) {
		for (uint32_t i = 0; i < 32; i++)
			CHECK(port_send(&f.port, 0, frame, 50 + i * 10) >= 0);
		net_turn(f.sched);
		nb_sent += port_collect(&f.port, 1);
		if (rig_port_stats(&f.port, 0).fault == VU_VRING_OK)
			continue;
		vu_device_ring_stop(f.port.dev, 0);
		rig_port_commit(&f.port);
		vu_device_ring_start(f.port.dev, 0, VU_FD_NONE);
		rig_port_commit(&f.port);
	}
	vu_store_release(&flipper.is_stopped, 1);
	expect_thread_join(flipper.thread);
	stats = rig_port_stats(&f.port, 0);
	CHECK(stats.nb_packets != 0);
	CHECK_EQ(stats.nb_packets + stats_all_drops(&stats), nb_sent);
	CHECK_EQ(rte_mempool_avail_count(port_queue(&f.port, 1)->pool),
		port_queue(&f.port, 1)->pool->size);
	hostile_close(&f);
}
