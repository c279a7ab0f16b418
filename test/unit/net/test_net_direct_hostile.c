/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two guests that write anything into their rings while frames go straight from one to the other:
 * no crash, no fault on the wrong side, and the ports of others are served. Their frames lie at
 * multiples of 12 bytes in memory that is full of addresses, so most have a known destination.
 */
#include "test.h"

#include <rte_cycles.h>

#include "net_ports.h"

#define NB_PORTS 4 /* 0 and 1 are hostile, 2 and 3 sane */
#define HEADER_BYTES 12
#define DATA_BYTES 0x8000

struct hostile_ports {
	struct net_ports net;
	bool is_packed;
	uint64_t nb_faults[2][2]; /* port, queue */
};

/* ---- random writes ---- */

static uint16_t
random_flags(struct fake_rand *rand, uint32_t queue_idx)
{
	uint16_t flags = queue_idx == 0 ? VU_DESC_F_WRITE : 0;

	if (fake_rand_one_in(rand, 3))
		flags |= VU_DESC_F_NEXT;
	if (fake_rand_one_in(rand, 40))
		flags = fake_rand_in(rand, 0, 7);
	return flags;
}

static uint64_t
random_gpa(struct fake_rand *rand)
{
	if (fake_rand_one_in(rand, 60))
		return fake_rand_u64(rand);
	if (fake_rand_one_in(rand, 60))
		return FAKE_HIGH_GPA + FAKE_HIGH_BYTES - fake_rand_in(rand, 0, 4096);
	return FAKE_HIGH_GPA + HEADER_BYTES * fake_rand_in(rand, 0, DATA_BYTES / HEADER_BYTES);
}

static uint32_t
random_len(struct fake_rand *rand)
{
	if (fake_rand_one_in(rand, 60))
		return (uint32_t)fake_rand_u64(rand);
	return HEADER_BYTES * fake_rand_in(rand, 1, 20) + fake_rand_in(rand, 0, 1);
}

static void
scribble_split(struct fake_ring *ring, struct fake_rand *rand, uint32_t queue_idx)
{
	struct vu_split_desc *desc = &ring->desc[fake_rand_in(rand, 0, RING_SIZE - 1)];

	vu_store(&desc->gpa, random_gpa(rand));
	vu_store(&desc->len_bytes, random_len(rand));
	vu_store(&desc->flags, random_flags(rand, queue_idx));
	vu_store(&desc->next, fake_rand_in(rand, 0, RING_SIZE - 1 + fake_rand_one_in(rand, 50)));
	vu_store(&ring->avail->ring[fake_rand_in(rand, 0, RING_SIZE)],
		fake_rand_in(rand, 0, RING_SIZE - 1 + fake_rand_one_in(rand, 50)));
	vu_store(&ring->avail->idx, (uint16_t)(ring->used->idx +
		fake_rand_in(rand, 0, RING_SIZE + fake_rand_one_in(rand, 50))));
}

/* As if this were the next lap, or some other. */
static void
scribble_packed(struct fake_ring *ring, struct fake_rand *rand, uint32_t queue_idx)
{
	struct vu_packed_desc *desc = &ring->packed_desc[fake_rand_in(rand, 0, RING_SIZE - 1)];
	uint16_t owner = vu_load(&desc->flags) & VU_PACKED_F_AVAIL ?
		VU_PACKED_F_USED : VU_PACKED_F_AVAIL;

	if (fake_rand_one_in(rand, 20))
		owner = (uint16_t)fake_rand_u64(rand) & (VU_PACKED_F_AVAIL | VU_PACKED_F_USED);
	vu_store(&desc->gpa, random_gpa(rand));
	vu_store(&desc->len_bytes, random_len(rand));
	vu_store(&desc->id, (uint16_t)fake_rand_u64(rand));
	vu_store(&desc->flags, random_flags(rand, queue_idx) | owner);
	vu_store(&ring->driver_event->flags, (uint16_t)fake_rand_u64(rand));
}

static void
scribble(const struct hostile_ports *h, struct fake_rand *rand)
{
	uint32_t port = fake_rand_in(rand, 0, 1), queue_idx = fake_rand_in(rand, 0, 1);
	struct fake_ring *ring = h->net.ports[port].rings[queue_idx].ring;

	if (h->is_packed)
		scribble_packed(ring, rand, queue_idx);
	else
		scribble_split(ring, rand, queue_idx);
}

/* ---- ports ---- */

/* Headers of frames to the other one's address, from one's own, all over the guest's memory. */
static void
fill_memory(const struct rig_port *port, uint32_t dst, uint32_t src)
{
	uint8_t macs[HEADER_BYTES];

	mac_set(macs, dst);
	mac_set(macs + 6, src);
	for (uint64_t i = 0; i + sizeof(macs) <= FAKE_HIGH_BYTES; i += sizeof(macs))
		fake_guest_write(&port->guest, FAKE_HIGH_GPA + i, macs, sizeof(macs));
}

static struct hostile_ports *
hostile_ports_open(bool is_packed)
{
	static const unsigned int lcores[2 * MAX_PAIRS] = { 4, 4 };
	struct hostile_ports *h = calloc(1, sizeof(*h));

	CHECK(h != NULL);
	h->is_packed = is_packed;
	ports_init(&h->net, NB_PORTS);
	for (uint32_t i = 0; i < NB_PORTS; i++) {
		port_open_on(&h->net.ports[i], h->net.sched, "forward=switch", 1, lcores);
		if (is_packed)
			port_make_packed(&h->net.ports[i]);
		port_start(&h->net.ports[i], F_MERGEABLE | F_INDIRECT | F_EVENT_IDX |
			(is_packed ? F_PACKED : 0));
	}
	ports_learn(&h->net);
	fill_memory(&h->net.ports[0], 1, 0);
	fill_memory(&h->net.ports[1], 0, 1);
	return h;
}

static void
hostile_ports_close(struct hostile_ports *h)
{
	ports_close(&h->net);
	free(h);
}

/* Restart rings that were given up. */
static void
revive(struct hostile_ports *h)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct rig_port *port = &h->net.ports[i];

		for (uint32_t q = 0; q < 2; q++) {
			struct rig_ring *ring = &port->rings[q];
			const struct vu_vring_conf conf = fake_ring_conf(ring->ring);

			if (rig_port_stats(port, q).fault == VU_VRING_OK)
				continue;
			h->nb_faults[i][q]++;
			vu_device_ring_stop(port->dev, q);
			rig_port_commit(port);
			fake_ring_reset(ring->ring);
			CHECK(vu_device_ring_set_base(port->dev, q, conf.base) == 0);
			vu_device_ring_start(port->dev, q, VU_FD_NONE);
			rig_port_commit(port);
		}
	}
}

/* A frame from one sane guest to the other. */
static bool
is_carried(struct hostile_ports *h, uint64_t seed)
{
	bool is_received = false;
	uint8_t frame[100];

	frame_make_ether(frame, sizeof(frame), 3, 2, seed);
	port_offer(&h->net.ports[3], 0, RING_SIZE, 128);
	CHECK(port_send(&h->net.ports[2], 0, frame, sizeof(frame)) >= 0);
	net_turn(h->net.sched);
	while (port_receive(&h->net.ports[3], 0, h->net.received))
		is_received |= received_is(h->net.received, frame, sizeof(frame));
	return port_collect(&h->net.ports[2], 1) == 1 && is_received;
}

static void
check_sane(struct hostile_ports *h, uint64_t seed)
{
	unsigned int nb_tries = 1;

	/* Now and then a hostile guest's frame to nobody known floods and takes all buffers. */
	while (!is_carried(h, seed))
		CHECK(++nb_tries < 20);
	for (unsigned int i = 2; i < NB_PORTS; i++)
		CHECK_EQ(h->net.ports[i].nb_ring_faults, 0);
}

static void
check_end(const struct hostile_ports *h)
{
	for (uint32_t i = 0; i < 2; i++) {
		CHECK(rig_port_stats(&h->net.ports[i], 1).nb_direct != 0);
		CHECK(rig_port_stats(&h->net.ports[i], 0).nb_packets != 0);
		CHECK(h->nb_faults[i][0] + h->nb_faults[i][1] != 0);
	}
}

static void
check_scribbled(bool is_packed)
{
	struct hostile_ports *h = hostile_ports_open(is_packed);
	struct fake_rand rand = { 99 };

	for (uint64_t i = 0; i < 10000; i++) {
		for (unsigned int n = fake_rand_in(&rand, 1, 16); n != 0; n--)
			scribble(h, &rand);
		net_turn(h->net.sched);
		revive(h);
		if (i % 16 == 0)
			check_sane(h, i);
	}
	check_end(h);
	hostile_ports_close(h);
}

VU_TEST(net_direct_hostile, scribbled_split_rings_do_no_harm)
{
	check_scribbled(false);
}

VU_TEST(net_direct_hostile, scribbled_packed_rings_do_no_harm)
{
	if (!port_is_packed_offered())
		expect_skip();
	check_scribbled(true);
}

struct scribbler {
	const struct hostile_ports *h;
	uint32_t is_stopped;
};

static void *
scribbler_main(void *arg)
{
	struct scribbler *scribbler = arg;
	struct fake_rand rand = { 4711 };

	while (vu_load_acquire(&scribbler->is_stopped) == 0 && !expect_has_failed())
		scribble(scribbler->h, &rand);
	return NULL;
}

static void
check_scribbled_meanwhile(bool is_packed)
{
	const uint64_t end = rte_get_tsc_cycles() + test_stress_seconds() * rte_get_tsc_hz();
	struct scribbler scribbler = { .h = hostile_ports_open(is_packed) };
	struct hostile_ports *h = (struct hostile_ports *)(uintptr_t)scribbler.h;
	pthread_t thread;

	expect_thread_start(&thread, scribbler_main, &scribbler);
	for (uint64_t i = 0; rte_get_tsc_cycles() < end; i++) {
		for (unsigned int n = 0; n < 10; n++)
			net_turn(h->net.sched);
		revive(h);
		check_sane(h, i);
	}
	vu_store_release(&scribbler.is_stopped, 1);
	expect_thread_join(thread);
	check_end(h);
	hostile_ports_close(h);
}

VU_TEST_STRESS(net_direct_hostile, split_rings_scribbled_while_frames_go_straight)
{
	check_scribbled_meanwhile(false);
}

VU_TEST_STRESS(net_direct_hostile, packed_rings_scribbled_while_frames_go_straight)
{
	if (!port_is_packed_offered())
		expect_skip();
	check_scribbled_meanwhile(true);
}
