/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From one guest's memory to another's without an mbuf: what arrives, in every layout, what may
 * not go that way, and whose fault a fault is. In most cases the pool is empty: what arrives then
 * cannot have come through an mbuf.
 */
#include "test.h"

#include <rte_cycles.h>

#include "net_ports.h"
#include "vu_net.h"

#define MAX_MBUFS 16384

/* All queues on one lcore, or the receive queue of port 1 on another. */
static const unsigned int together[2 * MAX_PAIRS] = { 4, 4, 4, 4 };
static const unsigned int apart[2 * MAX_PAIRS] = { 7, 4, 7, 4 };

struct direct_fixture {
	struct net_ports net;
	struct rte_mbuf *mbufs[MAX_MBUFS]; /* kept from the code under test */
	unsigned int nb_mbufs;
};

static void
take_all_mbufs(struct direct_fixture *f)
{
	struct rte_mempool *pool = port_queue(&f->net.ports[0], 1)->pool;

	f->nb_mbufs = rte_mempool_avail_count(pool);
	CHECK(f->nb_mbufs <= MAX_MBUFS);
	while (rte_mempool_get(pool, (void **)&f->mbufs[f->nb_mbufs - 1]) == 0)
		if (--f->nb_mbufs == 0)
			break;
	CHECK(f->nb_mbufs == 0 && rte_mempool_avail_count(pool) == 0);
	f->nb_mbufs = pool->size;
}

static void
give_mbufs_back(struct direct_fixture *f)
{
	if (f->nb_mbufs != 0)
		rte_mempool_put_bulk(port_queue(&f->net.ports[0], 1)->pool, (void **)f->mbufs,
			f->nb_mbufs);
	f->nb_mbufs = 0;
}

static struct direct_fixture *
direct_open(unsigned int nb_ports, const uint64_t *features, const unsigned int *lcores)
{
	struct direct_fixture *f = calloc(1, sizeof(*f));

	CHECK(f != NULL);
	ports_init(&f->net, nb_ports);
	for (unsigned int i = 0; i < nb_ports; i++) {
		port_open_on(&f->net.ports[i], f->net.sched, "forward=switch", 1,
			i == 1 ? lcores : together);
		if ((features[i] & F_PACKED) != 0)
			port_make_packed(&f->net.ports[i]);
		port_start(&f->net.ports[i], features[i] | F_INDIRECT);
	}
	ports_learn(&f->net);
	return f;
}

static struct direct_fixture *
direct_open_modern(unsigned int nb_ports)
{
	static const uint64_t features[] = { F_MERGEABLE, F_MERGEABLE, F_MERGEABLE };
	struct direct_fixture *f = direct_open(nb_ports, features, together);

	for (unsigned int i = 0; i < nb_ports; i++)
		port_offer(&f->net.ports[i], 0, RING_SIZE, 256);
	return f;
}

static void
direct_close(struct direct_fixture *f)
{
	give_mbufs_back(f);
	ports_close(&f->net);
	free(f);
}

static uint64_t
nb_direct(const struct direct_fixture *f, unsigned int port)
{
	return rig_port_stats(&f->net.ports[port], 1).nb_direct;
}

/* ---- what arrives ---- */

/* The receiver's buffers: single ones, several per frame, chains of several descriptors. */
enum room {
	ROOM_SINGLE,
	ROOM_MERGED,
	ROOM_CHAINS,
};

static void
offer_room(struct rig_port *port, enum room room)
{
	while (room == ROOM_CHAINS && port->rings[0].ring->nb_free >= 4) {
		struct net_chain chain = { .nb_bufs = 4 };

		for (uint16_t b = 0; b < 4; b++)
			chain.bufs[b] = (struct fake_buf){ ring_slot(&port->rings[0], 1100),
				b == 0 ? 7 : 1100, true };
		CHECK(port_offer_chain(port, 0, &chain) >= 0);
	}
	if (room != ROOM_CHAINS)
		port_offer(port, 0, RING_SIZE, room == ROOM_MERGED ? 300 : SLOT_BYTES);
}

/* The sender's buffers. */
enum shape {
	SHAPE_SINGLE,
	SHAPE_HEADER_APART, /* virtio-net header and frame in two descriptors */
	SHAPE_SPLINTERS,    /* the Ethernet header lies in several of them */
	SHAPE_INDIRECT,     /* the same in an indirect table */
	NB_SHAPES
};

static void
send_shape(struct rig_port *port, enum shape shape, const uint8_t *frame, uint32_t len_bytes)
{
	const uint16_t first_bytes = shape == SHAPE_HEADER_APART ? port->header_bytes : 5;
	struct rig_ring *ring = &port->rings[1];
	uint32_t left_bytes = port->header_bytes + len_bytes;
	uint64_t gpa = ring_slot(ring, left_bytes);
	struct net_chain chain = { .nb_bufs = 0 };
	static uint8_t bytes[SLOT_BYTES];

	memcpy(bytes + port->header_bytes, frame, len_bytes);
	fake_guest_write(&port->guest, gpa, bytes, left_bytes);
	while (left_bytes != 0) {
		uint32_t nb = shape == SHAPE_SINGLE || chain.nb_bufs >= (first_bytes == 5 ? 6 : 1) ?
			left_bytes : RTE_MIN(left_bytes, (uint32_t)first_bytes);

		chain.bufs[chain.nb_bufs++] = (struct fake_buf){ gpa, nb, false };
		gpa += nb;
		left_bytes -= nb;
	}
	CHECK(ring_add_chain(ring, &chain, shape == SHAPE_INDIRECT ? 0 : chain.nb_bufs,
		ring->big_gpa) >= 0);
	fake_ring_publish(ring->ring);
}

static const uint32_t sizes[] = { 14, 15, 60, 63, 64, 65, 128, 287, 288, 289, 1514, 3000 };

/* Header and bytes of the next frame that the guest of port 1 got. */
static void
check_received(struct direct_fixture *f, enum room room, const uint8_t *frame, uint32_t len_bytes)
{
	static const uint8_t zeros[10];
	const struct rig_port *to = &f->net.ports[1];
	uint32_t total_bytes = len_bytes + to->header_bytes;

	CHECK(port_receive(&f->net.ports[1], 0, f->net.received));
	CHECK(received_is(f->net.received, frame, len_bytes));
	CHECK(memcmp(f->net.received->header, zeros, sizeof(zeros)) == 0);
	CHECK_EQ(f->net.received->nb_buffers, room == ROOM_MERGED ? (total_bytes + 299) / 300 : 1);
	if (to->header_bytes == 12)
		CHECK_EQ(f->net.received->header[10] | f->net.received->header[11] << 8,
			f->net.received->nb_buffers);
}

/* All sizes and shapes, several laps of both rings. */
static void
check_layout(uint64_t from, uint64_t to, enum room room)
{
	const uint64_t features[] = { from, to };
	struct direct_fixture *f = direct_open(2, features, together);
	uint64_t nb_frames = 0, nb_bytes = 0;
	uint8_t frame[SLOT_BYTES];

	take_all_mbufs(f);
	for (uint64_t seed = 0; seed < 8 * NB_SHAPES; seed++) {
		for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
			uint32_t len_bytes = sizes[(i + seed) % RTE_DIM(sizes)];

			offer_room(&f->net.ports[1], room);
			frame_make_ether(frame, len_bytes, 1, 0, seed + i);
			send_shape(&f->net.ports[0], (enum shape)(seed % NB_SHAPES), frame,
				len_bytes);
			net_turn(f->net.sched);
			check_received(f, room, frame, len_bytes);
			CHECK_EQ(port_collect(&f->net.ports[0], 1), 1);
			nb_frames++;
			nb_bytes += len_bytes;
		}
	}
	CHECK_EQ(nb_direct(f, 0), nb_frames);
	CHECK_EQ(rig_port_stats(&f->net.ports[0], 1).nb_packets, nb_frames);
	CHECK_EQ(rig_port_stats(&f->net.ports[0], 1).nb_bytes, nb_bytes);
	CHECK_EQ(rig_port_stats(&f->net.ports[1], 0).nb_packets, nb_frames);
	CHECK_EQ(rig_port_stats(&f->net.ports[1], 0).nb_bytes, nb_bytes);
	direct_close(f);
}

VU_TEST(net_direct, every_layout_to_every_other)
{
	static const uint64_t features[] = { F_LEGACY, F_MODERN, F_MERGEABLE,
		F_MODERN | F_PACKED, F_MERGEABLE | F_PACKED };
	const unsigned int nb = port_is_packed_offered() ? 5 : 3;

	for (unsigned int from = 0; from < nb; from++) {
		for (unsigned int to = 0; to < nb; to++) {
			check_layout(features[from], features[to], ROOM_SINGLE);
			check_layout(features[from], features[to], ROOM_CHAINS);
			if ((features[to] & F_MERGEABLE) == F_MERGEABLE)
				check_layout(features[from], features[to], ROOM_MERGED);
		}
	}
}

VU_TEST(net_direct, a_turn_takes_no_more_descriptors_than_it_has_views_for)
{
	struct direct_fixture *f = direct_open_modern(2);

	send_frame(&f->net, 0, 1, 0, 0);
	CHECK_EQ(vu_sched_turn(f->net.sched, 0), 1);
	for (uint64_t i = 1; i <= 3; i++) {
		struct rig_ring *ring = &f->net.ports[0].rings[1];
		struct net_chain chain = { .nb_bufs = 40 };
		uint64_t gpa = ring_slot(ring, SLOT_BYTES);
		uint8_t bytes[FRAME_BYTES + 12];

		frame_make_ether(bytes + 12, FRAME_BYTES, 1, 0, i);
		fake_guest_write(&f->net.ports[0].guest, gpa, bytes, sizeof(bytes));
		for (uint16_t b = 0; b < 40; b++)
			chain.bufs[b] = (struct fake_buf){ gpa + 2 * b,
				b < 39 ? 2 : sizeof(bytes) - 78, false };
		CHECK(ring_add_chain(ring, &chain, 0, ring->big_gpa + 1000 * i) >= 0);
		fake_ring_publish(ring->ring);
	}
	CHECK_EQ(vu_sched_turn(f->net.sched, 0), 1);
	CHECK_EQ(nb_direct(f, 0), 2);
	net_turn(f->net.sched);
	CHECK_EQ(nb_direct(f, 0), 4);
	for (uint64_t i = 0; i <= 3; i++)
		check_frame(&f->net, 1, 1, 0, i);
	direct_close(f);
}

/* Where a buffer may lie: up to the last byte of a region, across two that are neighbours. */
VU_TEST(net_direct, buffers_at_the_borders_of_regions)
{
	const uint32_t total_bytes = FRAME_BYTES + 12;
	const uint64_t places[] = {
		FAKE_HIGH_GPA + FAKE_HIGH_BYTES - total_bytes, FAKE_MID_GPA,
		FAKE_MID_GPA - total_bytes, FAKE_MID_GPA + FAKE_MID_BYTES - total_bytes,
		FAKE_MID_GPA - 20, FAKE_MID_GPA - total_bytes + 1,
	};
	struct direct_fixture *f = direct_open_modern(2);
	uint8_t frame[FRAME_BYTES];

	/* Without the buffers that are there. */
	port_stop(&f->net.ports[1]);
	port_start(&f->net.ports[1], F_MERGEABLE);
	ports_learn(&f->net);
	for (unsigned int i = 0; i < RTE_DIM(places) * RTE_DIM(places); i++) {
		struct net_chain from = { .nb_bufs = 1 }, to = { .nb_bufs = 1 };

		from.bufs[0] = (struct fake_buf){ places[i % RTE_DIM(places)], total_bytes,
			false };
		to.bufs[0] = (struct fake_buf){ places[i / RTE_DIM(places)], total_bytes, true };
		frame_make_ether(frame, sizeof(frame), 1, 0, i);
		CHECK(port_offer_chain(&f->net.ports[1], 0, &to) >= 0);
		CHECK(port_send_chain(&f->net.ports[0], 0, &from, frame, sizeof(frame)) >= 0);
		net_turn(f->net.sched);
		check_frame(&f->net, 1, 1, 0, i);
		CHECK_EQ(port_collect(&f->net.ports[0], 1), 1);
	}
	CHECK_EQ(nb_direct(f, 0), RTE_DIM(places) * RTE_DIM(places));
	direct_close(f);
}

/* ---- order, and what goes the ordinary way ---- */

VU_TEST(net_direct, mixed_bursts_keep_their_order)
{
	/* 99 is nobody's address, 0 is the sender's own. */
	static const uint32_t dsts[] = { 1, 1, 2, BROADCAST, 1, 2, 99, 1, 1, 0, 1, 2 };
	struct direct_fixture *f = direct_open_modern(3);

	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < RTE_DIM(dsts); i++)
			send_frame(&f->net, 0, dsts[i], 0, 100 * round + i);
		for (unsigned int i = 0; i < RTE_DIM(dsts); i++)
			net_turn(f->net.sched);
		for (unsigned int port = 1; port <= 2; port++) {
			for (unsigned int i = 0; i < RTE_DIM(dsts); i++) {
				if (dsts[i] == 3 - port || dsts[i] == 0)
					continue;
				check_frame(&f->net, port, dsts[i], 0, 100 * round + i);
			}
			CHECK(is_silent(&f->net, port));
			port_offer(&f->net.ports[port], 0, RING_SIZE, 256);
		}
		CHECK_EQ(port_collect(&f->net.ports[0], 1), RTE_DIM(dsts));
	}
	CHECK(nb_direct(f, 0) != 0);
	CHECK(nb_direct(f, 0) < rig_port_stats(&f->net.ports[0], 1).nb_packets);
	direct_close(f);
}

VU_TEST(net_direct, receiver_on_another_lcore_gets_frames_through_its_handoff_ring)
{
	static const uint64_t features[] = { F_MERGEABLE, F_MERGEABLE };
	struct direct_fixture *f = direct_open(2, features, apart);

	port_offer(&f->net.ports[1], 0, RING_SIZE, 256);
	for (uint64_t i = 0; i < 20; i++)
		send_frame(&f->net, 0, 1, 0, i);
	net_turn(f->net.sched);
	net_turn(f->net.sched);
	for (uint64_t i = 0; i < 20; i++)
		check_frame(&f->net, 1, 1, 0, i);
	CHECK_EQ(nb_direct(f, 0), 0);
	direct_close(f);
}

/* The first frame finds no second mbuf; what was found out about it is not the next one's. */
VU_TEST(net_direct, a_frame_that_is_dropped_leaves_the_next_one_its_receiver)
{
	static const uint64_t features[] = { F_MERGEABLE, F_MERGEABLE, F_MERGEABLE };
	struct direct_fixture *f = direct_open(3, features, apart);
	uint8_t frame[SLOT_BYTES - 96];

	port_offer(&f->net.ports[1], 0, RING_SIZE, 256);
	port_offer(&f->net.ports[2], 0, RING_SIZE, 256);
	take_all_mbufs(f);
	f->nb_mbufs -= 2;
	rte_mempool_put_bulk(port_queue(&f->net.ports[0], 1)->pool,
		(void **)&f->mbufs[f->nb_mbufs], 2);
	frame_make_ether(frame, sizeof(frame), 1, 0, 0);
	CHECK(port_send(&f->net.ports[0], 0, frame, sizeof(frame)) >= 0);
	send_frame(&f->net, 0, 2, 0, 1);
	net_turn(f->net.sched);
	CHECK_EQ(rig_port_stats(&f->net.ports[0], 1).nb_drops[NET_DROP_NO_MBUF], 1);
	check_frame(&f->net, 2, 2, 0, 1);
	CHECK(is_silent(&f->net, 1));
	direct_close(f);
}

VU_TEST(net_direct, nothing_overtakes_what_waits_in_the_handoff_ring)
{
	struct direct_fixture *f = direct_open_modern(2);
	struct net_forward_queue *to = port_forward_queue(&f->net.ports[1], 0);
	struct rte_mbuf *frame = rte_pktmbuf_alloc(port_queue(&f->net.ports[0], 1)->pool);

	CHECK(frame != NULL && rte_pktmbuf_append(frame, FRAME_BYTES) != NULL);
	send_frame(&f->net, 0, 1, 0, 1);
	net_turn(f->net.sched);
	CHECK_EQ(nb_direct(f, 0), 1);
	CHECK(rte_ring_mp_enqueue(to->handoff, frame) == 0);
	send_frame(&f->net, 0, 1, 0, 2);
	CHECK(vu_sched_turn(f->net.sched, 0) > 0);
	CHECK_EQ(nb_direct(f, 0), 1);
	CHECK_EQ(rig_port_stats(&f->net.ports[1], 0).nb_packets, 3);
	send_frame(&f->net, 0, 1, 0, 3);
	net_turn(f->net.sched);
	CHECK_EQ(nb_direct(f, 0), 2);
	direct_close(f);
}

VU_TEST(net_direct, other_destinations_and_single_ports_are_not_direct)
{
	struct direct_fixture *f = direct_open_modern(1);
	struct rig_port loop;
	uint8_t frame[FRAME_BYTES];

	port_open(&loop, f->net.sched, "forward=loopback");
	port_start(&loop, F_MERGEABLE);
	port_offer(&loop, 0, 8, 256);
	frame_make_ether(frame, sizeof(frame), 0, 1, 7);
	CHECK(port_send(&loop, 0, frame, sizeof(frame)) >= 0);
	send_frame(&f->net, 0, 0, 0, 1);
	net_turn(f->net.sched);
	CHECK(port_receive(&loop, 0, f->net.received));
	CHECK(received_is(f->net.received, frame, sizeof(frame)));
	CHECK_EQ(rig_port_stats(&loop, 1).nb_direct, 0);
	check_frame(&f->net, 0, 0, 0, 1);
	CHECK_EQ(nb_direct(f, 0), 0);
	rig_port_close(&loop);
	direct_close(f);
}

VU_TEST(net_direct, the_switch_learns_on_the_way)
{
	struct direct_fixture *f = direct_open_modern(3);
	uint8_t frame[FRAME_BYTES];

	/* Guest 0 has a second address, 50, that nobody has learned before. */
	frame_make_ether(frame, sizeof(frame), 1, 50, 3);
	CHECK(port_send(&f->net.ports[0], 0, frame, sizeof(frame)) >= 0);
	net_turn(f->net.sched);
	CHECK_EQ(nb_direct(f, 0), 1);
	send_frame(&f->net, 2, 50, 2, 4);
	net_turn(f->net.sched);
	CHECK_EQ(nb_direct(f, 2), 1);
	check_frame(&f->net, 0, 50, 2, 4);
	direct_close(f);
}

VU_TEST(net_direct, addresses_can_be_distinguished_and_the_way_be_chosen)
{
	struct direct_fixture *f = direct_open_modern(2);
	struct vu_device_queue *queue = vu_device_queue(f->net.ports[0].dev, 1);
	struct rte_ether_addr mac;

	mac_set(mac.addr_bytes, 60);
	vu_net_learn(vu_device_queue(f->net.ports[1].dev, 0), &mac);
	for (uint64_t seed = 0; seed < 3; seed++) {
		vu_net_set_direct(queue, seed != 1);
		send_frame(&f->net, 0, 60, 0, seed);
		net_turn(f->net.sched);
		check_frame(&f->net, 1, 60, 0, seed);
		CHECK_EQ(nb_direct(f, 0), (seed + 2) / 2);
	}
	direct_close(f);
}

/* ---- drops ---- */

VU_TEST(net_direct, a_full_receiver_drops_and_counts)
{
	struct direct_fixture *f = direct_open_modern(2);

	for (unsigned int round = 0; round < 3; round++) {
		for (uint64_t i = 0; i < 32; i++)
			send_frame(&f->net, 0, 1, 0, 100 * round + i);
		net_turn(f->net.sched);
		net_turn(f->net.sched);
		CHECK_EQ(port_collect(&f->net.ports[0], 1), 32);
	}
	for (uint64_t i = 0; i < RING_SIZE; i++)
		check_frame(&f->net, 1, 1, 0, 100 * (i / 32) + i % 32);
	CHECK_EQ(rig_port_stats(&f->net.ports[1], 0).nb_drops[VU_DROP_RING_FULL], 32);
	CHECK_EQ(rig_port_stats(&f->net.ports[1], 0).nb_packets, RING_SIZE);
	CHECK_EQ(rig_port_stats(&f->net.ports[0], 1).nb_packets, 96);
	CHECK_EQ(nb_direct(f, 0), 96);
	direct_close(f);
}

VU_TEST(net_direct, frames_that_never_fit_are_dropped)
{
	static const uint64_t features[] = { F_MODERN, F_MODERN };
	struct direct_fixture *f = direct_open(2, features, together);
	uint8_t frame[200];

	port_offer(&f->net.ports[1], 0, 8, 100);
	frame_make_ether(frame, sizeof(frame), 1, 0, 1);
	send_frame(&f->net, 0, 1, 0, 5);
	CHECK(port_send(&f->net.ports[0], 0, frame, sizeof(frame)) >= 0);
	send_frame(&f->net, 0, 1, 0, 6);
	net_turn(f->net.sched);
	check_frame(&f->net, 1, 1, 0, 5);
	check_frame(&f->net, 1, 1, 0, 6);
	CHECK_EQ(rig_port_stats(&f->net.ports[1], 0).nb_drops[VU_DROP_TOO_BIG], 1);
	direct_close(f);
}

VU_TEST(net_direct, a_receiver_that_is_away_is_counted_at_the_sender)
{
	struct direct_fixture *f = direct_open_modern(3);

	vu_device_ring_enable(f->net.ports[1].dev, 0, false);
	rig_port_commit(&f->net.ports[1]);
	send_frame(&f->net, 0, 1, 0, 1);
	net_turn(f->net.sched);
	CHECK_EQ(rig_port_stats(&f->net.ports[0], 1).nb_drops[NET_DROP_NO_PORT], 1);
	port_stop(&f->net.ports[1]);
	ports_learn(&f->net);
	send_frame(&f->net, 0, 1, 0, 2);
	net_turn(f->net.sched);
	CHECK_EQ(rig_port_stats(&f->net.ports[0], 1).nb_drops[NET_DROP_NO_PORT], 2);
	CHECK_EQ(nb_direct(f, 0), 0);
	/* A sender that is switched off is drained, no matter who it sends to. */
	vu_device_ring_enable(f->net.ports[0].dev, 1, false);
	rig_port_commit(&f->net.ports[0]);
	send_frame(&f->net, 0, 2, 0, 3);
	net_turn(f->net.sched);
	CHECK_EQ(rig_port_stats(&f->net.ports[0], 1).nb_drops[VU_DROP_DISABLED], 1);
	CHECK(is_silent(&f->net, 2));
	direct_close(f);
}

VU_TEST(net_direct, frames_without_an_ethernet_header_are_dropped)
{
	static const uint8_t zeros[13];
	struct direct_fixture *f = direct_open_modern(2);

	CHECK(port_send(&f->net.ports[0], 0, zeros, sizeof(zeros)) >= 0);
	CHECK(port_send(&f->net.ports[0], 0, zeros, 0) >= 0);
	send_frame(&f->net, 0, 1, 0, 1);
	net_turn(f->net.sched);
	net_turn(f->net.sched);
	check_frame(&f->net, 1, 1, 0, 1);
	CHECK(is_silent(&f->net, 1));
	CHECK_EQ(rig_port_stats(&f->net.ports[0], 1).nb_drops[VU_DROP_TOO_SHORT], 2);
	CHECK_EQ(port_collect(&f->net.ports[0], 1), 3);
	direct_close(f);
}

/* ---- faults ---- */

VU_TEST(net_direct, a_bad_sender_is_stopped_and_the_receiver_goes_on)
{
	struct direct_fixture *f = direct_open_modern(3);
	struct fake_ring *ring = f->net.ports[0].rings[1].ring;

	send_frame(&f->net, 0, 1, 0, 1);
	net_turn(f->net.sched);
	vu_store(&ring->avail->ring[ring->avail_idx % RING_SIZE], RING_SIZE);
	vu_store(&ring->avail->idx, (uint16_t)(ring->avail_idx + 1));
	net_turn(f->net.sched);
	CHECK_EQ(rig_port_stats(&f->net.ports[0], 1).fault, VU_VRING_BAD_HEAD);
	CHECK_EQ(f->net.ports[0].nb_ring_faults, 1);
	CHECK_EQ(f->net.ports[1].nb_ring_faults, 0);
	send_frame(&f->net, 2, 1, 2, 2);
	net_turn(f->net.sched);
	check_frame(&f->net, 1, 1, 0, 1);
	check_frame(&f->net, 1, 1, 2, 2);
	direct_close(f);
}

VU_TEST(net_direct, a_sender_with_a_writable_descriptor_is_stopped)
{
	struct direct_fixture *f = direct_open_modern(2);
	struct net_chain chain = { .nb_bufs = 2 };
	uint8_t frame[FRAME_BYTES];

	frame_make_ether(frame, sizeof(frame), 1, 0, 2);
	chain.bufs[0] = (struct fake_buf){ ring_slot(&f->net.ports[0].rings[1], SLOT_BYTES),
		sizeof(frame) + 12, false };
	chain.bufs[1] = (struct fake_buf){ f->net.ports[0].rings[1].big_gpa, 100, true };
	send_frame(&f->net, 0, 1, 0, 1);
	CHECK(port_send_chain(&f->net.ports[0], 0, &chain, frame, sizeof(frame)) >= 0);
	net_turn(f->net.sched);
	CHECK_EQ(rig_port_stats(&f->net.ports[0], 1).fault, VU_VRING_BAD_DIRECTION);
	CHECK_EQ(f->net.ports[1].nb_ring_faults, 0);
	check_frame(&f->net, 1, 1, 0, 1);
	CHECK(is_silent(&f->net, 1));
	direct_close(f);
}

/* A frame in two parts, the first or both to be written they say, in an indirect table or not. */
static void
send_writable(struct rig_port *port, bool is_indirect, bool is_both, uint64_t seed)
{
	struct rig_ring *ring = &port->rings[1];
	uint64_t gpa = ring_slot(ring, SLOT_BYTES);
	uint8_t bytes[12 + FRAME_BYTES] = { 0 };
	const struct net_chain chain = { .nb_bufs = 2,
		.bufs = { { gpa, 12, true }, { gpa + 12, FRAME_BYTES, is_both } } };

	frame_make_ether(bytes + 12, FRAME_BYTES, 1, 0, seed);
	fake_guest_write(&port->guest, gpa, bytes, sizeof(bytes));
	CHECK(ring_add_chain(ring, &chain, is_indirect ? 0 : 2, ring->big_gpa + 64 * seed) >= 0);
	fake_ring_publish(ring->ring);
}

/* DPDK's driver marks the header so in tables of packed rings. Whichever way the frame goes. */
VU_TEST(net_direct, packed_indirect_tables_to_write_are_read)
{
	static const uint64_t features[] = { F_MERGEABLE | F_PACKED, F_MERGEABLE };
	struct direct_fixture *f = direct_open(2, features, together);
	struct rig_port *port = &f->net.ports[0];

	port_offer(&f->net.ports[1], 0, RING_SIZE, 256);
	for (uint64_t seed = 0; seed < 4; seed++) {
		vu_net_set_direct(port_queue(port, 1)->queue, seed % 2 == 0);
		send_writable(port, true, seed >= 2, seed);
		net_turn(f->net.sched);
		check_frame(&f->net, 1, 1, 0, seed);
	}
	CHECK_EQ(nb_direct(f, 0), 2);
	send_writable(port, false, true, 4);
	net_turn(f->net.sched);
	CHECK_EQ(rig_port_stats(port, 1).fault, VU_VRING_BAD_DIRECTION);
	direct_close(f);
}

VU_TEST(net_direct, a_bad_receiver_is_stopped_and_the_sender_goes_on)
{
	struct direct_fixture *f = direct_open_modern(3);
	struct fake_ring *ring = f->net.ports[1].rings[0].ring;

	/* The third buffer is one that the device may not write to. */
	ring->desc[ring->avail->ring[2]].flags = 0;
	for (uint64_t i = 0; i < 5; i++)
		send_frame(&f->net, 0, 1, 0, i);
	send_frame(&f->net, 0, 2, 0, 5);
	net_turn(f->net.sched);
	CHECK_EQ(rig_port_stats(&f->net.ports[1], 0).fault, VU_VRING_BAD_DIRECTION);
	CHECK_EQ(rig_port_stats(&f->net.ports[0], 1).fault, VU_VRING_OK);
	CHECK_EQ(f->net.ports[0].nb_ring_faults, 0);
	CHECK_EQ(f->net.ports[1].nb_ring_faults, 1);
	CHECK_EQ(rig_events(f->net.ports[1].rings[0].err_fd), 1);
	CHECK_EQ(rig_port_stats(&f->net.ports[1], 0).nb_packets +
		rig_port_stats(&f->net.ports[1], 0).nb_drops[VU_DROP_FAULT] +
		rig_port_stats(&f->net.ports[0], 1).nb_drops[NET_DROP_NO_PORT], 5);
	CHECK_EQ(rig_port_stats(&f->net.ports[1], 0).nb_packets, 2);
	net_turn(f->net.sched);
	check_frame(&f->net, 2, 2, 0, 5);
	CHECK_EQ(port_collect(&f->net.ports[0], 1), 6);
	direct_close(f);
}
