/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where frames go: destinations, the learning switch between several guests, and the way from one
 * lcore to another. Whatever happens to a frame, it is counted once.
 */
#include "test.h"

#include <unistd.h>

#include <rte_cycles.h>

#include "net_ports.h"

static void
far_open(struct net_ports *f, const char *args, unsigned int nb_ports, uint32_t nb_pairs,
	const unsigned int (*lcores)[2 * MAX_PAIRS])
{
	ports_init(f, nb_ports);
	for (unsigned int i = 0; i < nb_ports; i++) {
		port_open_on(&f->ports[i], f->sched, args, nb_pairs,
			lcores != NULL ? lcores[i] : NULL);
		port_start(&f->ports[i], F_MERGEABLE |
			(nb_pairs > 1 ? RTE_BIT64(VIRTIO_NET_F_MQ) : 0));
		for (uint32_t pair = 0; pair < nb_pairs; pair++)
			port_offer(&f->ports[i], pair, RING_SIZE, 256);
	}
}

/* Returns the number of frames. */
static unsigned int
discard_received(struct net_ports *f)
{
	unsigned int nb = 0;

	for (unsigned int port = 0; port < f->nb_ports; port++)
		while (port_receive(&f->ports[port], 0, f->received))
			nb++;
	return nb;
}

static uint64_t
sent_drops(const struct net_ports *f, unsigned int port, unsigned int reason)
{
	return rig_port_stats(&f->ports[port], 1).nb_drops[reason];
}

/* ---- one port ---- */

VU_TEST(net_forward, loopback_returns_frames_as_they_are)
{
	struct net_ports f;

	far_open(&f, "forward=loopback", 1, 1, NULL);
	send_frame(&f, 0, 5, 6, 1);
	send_frame(&f, 0, BROADCAST, 6, 2);
	net_turn(f.sched);
	check_frame(&f, 0, 5, 6, 1);
	check_frame(&f, 0, BROADCAST, 6, 2);
	ports_close(&f);
}

static void
check_macswap(const char *args)
{
	struct net_ports f;
	static const uint8_t short_frame[MAC_BYTES - 1];

	far_open(&f, args, 1, 1, NULL);
	send_frame(&f, 0, 5, 6, 1);
	CHECK(port_send(&f.ports[0], 0, short_frame, sizeof(short_frame)) >= 0);
	send_frame(&f, 0, 7, 8, 2);
	net_turn(f.sched);
	check_frame(&f, 0, 6, 5, 1);
	check_frame(&f, 0, 8, 7, 2);
	CHECK(is_silent(&f, 0));
	CHECK_EQ(sent_drops(&f, 0, VU_DROP_TOO_SHORT), 1);
	ports_close(&f);
}

VU_TEST(net_forward, macswap_returns_frames_with_addresses_swapped)
{
	check_macswap("forward=macswap");
}

VU_TEST(net_forward, a_single_switch_port_echoes_like_macswap)
{
	check_macswap("forward=switch");
}

VU_TEST(net_forward, null_swallows_everything)
{
	struct net_ports f;
	struct vu_device_queue_stats stats;

	far_open(&f, "forward=null", 1, 1, NULL);
	for (uint64_t i = 0; i < 20; i++)
		send_frame(&f, 0, 5, 6, i);
	net_turn(f.sched);
	stats = rig_port_stats(&f.ports[0], 1);
	CHECK_EQ(stats.nb_packets, 20);
	CHECK_EQ(stats.nb_bytes, 20 * FRAME_BYTES);
	CHECK_EQ(stats_all_drops(&stats), 0);
	CHECK_EQ(port_collect(&f.ports[0], 1), 20);
	CHECK(is_silent(&f, 0));
	ports_close(&f);
}

VU_TEST(net_forward, echo_without_a_receive_ring_is_counted)
{
	struct net_ports f;

	far_open(&f, "forward=loopback", 1, 1, NULL);
	vu_device_ring_stop(f.ports[0].dev, 0);
	rig_port_commit(&f.ports[0]);
	send_frame(&f, 0, 5, 6, 1);
	net_turn(f.sched);
	CHECK_EQ(sent_drops(&f, 0, NET_DROP_NO_PORT), 1);
	rig_port_start_ring(&f.ports[0], 0);
	vu_device_ring_enable(f.ports[0].dev, 0, false);
	rig_port_commit(&f.ports[0]);
	send_frame(&f, 0, 5, 6, 1);
	net_turn(f.sched);
	CHECK_EQ(sent_drops(&f, 0, NET_DROP_NO_PORT), 2);
	CHECK(is_silent(&f, 0));
	ports_close(&f);
}

VU_TEST(net_forward, frames_of_several_mbufs_go_round)
{
	static uint8_t frame[9000];
	struct net_ports f;

	far_open(&f, "forward=macswap", 1, 1, NULL);
	fake_ring_reset(f.ports[0].rings[0].ring);
	port_stop(&f.ports[0]);
	port_start(&f.ports[0], F_MERGEABLE);
	port_offer(&f.ports[0], 0, RING_SIZE, 1000);
	frame_make_ether(frame, sizeof(frame), 1, 2, 9);
	CHECK(port_send(&f.ports[0], 0, frame, sizeof(frame)) >= 0);
	net_turn(f.sched);
	frame_make_ether(frame, sizeof(frame), 2, 1, 9);
	CHECK(port_receive(&f.ports[0], 0, f.received));
	CHECK(received_is(f.received, frame, sizeof(frame)));
	CHECK_EQ(f.received->nb_buffers, 10);
	ports_close(&f);
}

/* ---- switch ---- */

VU_TEST(net_forward, switch_floods_what_it_does_not_know_and_learns)
{
	struct net_ports f;

	far_open(&f, "forward=switch", 3, 1, NULL);
	/* 10, 11, 12 are the guests of ports 0, 1, 2. */
	send_frame(&f, 0, 11, 10, 1);
	net_turn(f.sched);
	check_frame(&f, 1, 11, 10, 1);
	check_frame(&f, 2, 11, 10, 1);
	CHECK(is_silent(&f, 0));
	send_frame(&f, 1, 10, 11, 2);
	net_turn(f.sched);
	check_frame(&f, 0, 10, 11, 2);
	CHECK(is_silent(&f, 1) && is_silent(&f, 2));
	send_frame(&f, 0, 11, 10, 3);
	net_turn(f.sched);
	check_frame(&f, 1, 11, 10, 3);
	CHECK(is_silent(&f, 0) && is_silent(&f, 2));
	/* Broadcast and multicast always go everywhere. */
	send_frame(&f, 2, BROADCAST, 12, 4);
	net_turn(f.sched);
	check_frame(&f, 0, BROADCAST, 12, 4);
	check_frame(&f, 1, BROADCAST, 12, 4);
	CHECK(is_silent(&f, 2));
	ports_close(&f);
}

VU_TEST(net_forward, guest_that_moves_is_found_at_its_new_port)
{
	struct net_ports f;

	far_open(&f, "forward=switch", 3, 1, NULL);
	send_frame(&f, 0, BROADCAST, 10, 1);
	net_turn(f.sched);
	/* It sends nothing any more where it was. */
	net_fdb_release_port(port_number(&f.ports[0]));
	send_frame(&f, 2, BROADCAST, 10, 2);
	net_turn(f.sched);
	discard_received(&f);
	send_frame(&f, 1, 10, 11, 3);
	net_turn(f.sched);
	check_frame(&f, 2, 10, 11, 3);
	CHECK(is_silent(&f, 0));
	ports_close(&f);
}

VU_TEST(net_forward, nothing_goes_back_where_it_came_from)
{
	struct net_ports f;

	far_open(&f, "forward=switch", 2, 1, NULL);
	/* Two addresses behind port 0, a bridge inside the guest for example. */
	send_frame(&f, 0, BROADCAST, 10, 1);
	send_frame(&f, 0, BROADCAST, 20, 2);
	net_turn(f.sched);
	send_frame(&f, 0, 20, 10, 3);
	net_turn(f.sched);
	CHECK(is_silent(&f, 0));
	check_frame(&f, 1, BROADCAST, 10, 1);
	check_frame(&f, 1, BROADCAST, 20, 2);
	CHECK(is_silent(&f, 1));
	CHECK_EQ(sent_drops(&f, 0, NET_DROP_NO_PORT), 1);
	ports_close(&f);
}

VU_TEST(net_forward, mixed_destinations_of_one_burst_keep_their_order)
{
	/* 99 is nobody's address. */
	static const uint32_t dsts[] = { 11, 11, 12, BROADCAST, 11, 12, 99, 11 };
	struct net_ports f;

	far_open(&f, "forward=switch", 3, 1, NULL);
	send_frame(&f, 1, BROADCAST, 11, 1);
	send_frame(&f, 2, BROADCAST, 12, 2);
	net_turn(f.sched);
	discard_received(&f);
	for (unsigned int i = 0; i < RTE_DIM(dsts); i++)
		send_frame(&f, 0, dsts[i], 10, 100 + i);
	net_turn(f.sched);
	for (unsigned int port = 1; port <= 2; port++) {
		for (unsigned int i = 0; i < RTE_DIM(dsts); i++) {
			if (dsts[i] == (port == 1 ? 12 : 11))
				continue;
			check_frame(&f, port, dsts[i], 10, 100 + i);
		}
		CHECK(is_silent(&f, port));
	}
	ports_close(&f);
}

VU_TEST(net_forward, ports_without_a_guest_take_no_part)
{
	struct net_ports f;

	far_open(&f, "forward=switch", 3, 1, NULL);
	send_frame(&f, 2, BROADCAST, 12, 1);
	net_turn(f.sched);
	port_stop(&f.ports[2]);
	discard_received(&f);
	/* A flood that somebody got is no drop. */
	send_frame(&f, 0, BROADCAST, 10, 2);
	net_turn(f.sched);
	check_frame(&f, 1, BROADCAST, 10, 2);
	CHECK_EQ(sent_drops(&f, 0, NET_DROP_NO_PORT), 0);
	/* A guest that is gone may be anywhere. */
	send_frame(&f, 0, 12, 10, 3);
	net_turn(f.sched);
	check_frame(&f, 1, 12, 10, 3);
	CHECK_EQ(sent_drops(&f, 0, NET_DROP_NO_PORT), 0);
	/* A flood that nobody got. */
	port_stop(&f.ports[1]);
	send_frame(&f, 0, BROADCAST, 10, 4);
	send_frame(&f, 0, BROADCAST, 10, 5);
	net_turn(f.sched);
	CHECK_EQ(sent_drops(&f, 0, NET_DROP_NO_PORT), 2);
	CHECK_EQ(rig_port_stats(&f.ports[0], 1).nb_packets, 4);
	ports_close(&f);
}

VU_TEST(net_forward, port_that_is_destroyed_leaves_the_switch)
{
	struct net_ports f;

	far_open(&f, "forward=switch", 2, 1, NULL);
	send_frame(&f, 1, BROADCAST, 11, 1);
	net_turn(f.sched);
	check_frame(&f, 0, BROADCAST, 11, 1);
	rig_port_close(&f.ports[1]);
	f.nb_ports = 1;
	/* Alone again: an echo. */
	send_frame(&f, 0, 11, 10, 2);
	net_turn(f.sched);
	check_frame(&f, 0, 10, 11, 2);
	/* Its place is taken by the next one, which does not inherit its addresses. */
	port_open(&f.ports[1], f.sched, "forward=switch");
	port_start(&f.ports[1], F_MERGEABLE);
	port_offer(&f.ports[1], 0, 8, 256);
	port_open(&f.ports[2], f.sched, "forward=switch");
	port_start(&f.ports[2], F_MERGEABLE);
	port_offer(&f.ports[2], 0, 8, 256);
	f.nb_ports = 3;
	send_frame(&f, 0, 11, 10, 3);
	net_turn(f.sched);
	check_frame(&f, 1, 11, 10, 3);
	check_frame(&f, 2, 11, 10, 3);
	ports_close(&f);
}

VU_TEST(net_forward, other_ports_are_not_in_the_switch)
{
	struct net_ports f;
	struct rig_port loop;

	far_open(&f, "forward=switch", 2, 1, NULL);
	port_open(&loop, f.sched, "forward=loopback");
	port_start(&loop, F_MERGEABLE);
	port_offer(&loop, 0, 8, 256);
	send_frame(&f, 0, BROADCAST, 10, 1);
	net_turn(f.sched);
	check_frame(&f, 1, BROADCAST, 10, 1);
	CHECK_EQ(fake_ring_nb_used(loop.rings[0].ring), 0);
	rig_port_close(&loop);
	ports_close(&f);
}

VU_TEST(net_forward, flooded_frames_of_several_mbufs_are_freed_once)
{
	static uint8_t frame[5000];
	struct rte_mempool *pool;
	struct net_ports f;

	far_open(&f, "forward=switch", 3, 1, NULL);
	pool = port_queue(&f.ports[0], 1)->pool;
	frame_make_ether(frame, sizeof(frame), BROADCAST, 10, 9);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK(port_send(&f.ports[0], 0, frame, sizeof(frame)) >= 0);
		net_turn(f.sched);
		for (unsigned int port = 1; port < 3; port++) {
			CHECK(port_receive(&f.ports[port], 0, f.received));
			CHECK(received_is(f.received, frame, sizeof(frame)));
			port_offer(&f.ports[port], 0, RING_SIZE, 256);
		}
		CHECK_EQ(rte_mempool_avail_count(pool), pool->size);
	}
	ports_close(&f);
}

/* ---- queue pairs ---- */

VU_TEST(net_forward, pairs_stay_apart_and_fall_back_to_the_first)
{
	struct net_ports f;
	uint8_t frame[FRAME_BYTES];

	far_open(&f, "forward=loopback", 1, 2, NULL);
	frame_make_ether(frame, sizeof(frame), 1, 2, 3);
	CHECK(port_send(&f.ports[0], 1, frame, sizeof(frame)) >= 0);
	net_turn(f.sched);
	CHECK(port_receive(&f.ports[0], 1, f.received) && is_silent(&f, 0));
	vu_device_ring_enable(f.ports[0].dev, 2, false);
	rig_port_commit(&f.ports[0]);
	CHECK(port_send(&f.ports[0], 1, frame, sizeof(frame)) >= 0);
	net_turn(f.sched);
	net_turn(f.sched);
	CHECK(port_receive(&f.ports[0], 0, f.received));
	CHECK(received_is(f.received, frame, sizeof(frame)));
	CHECK_EQ(fake_ring_nb_used(f.ports[0].rings[2].ring), 0);
	ports_close(&f);
}

/* ---- from one lcore to another ---- */

/* Receive queues on one lcore, transmit queues on the other, and the reverse. */
static const unsigned int crossed[][2 * MAX_PAIRS] = {
	{ 4, 7, 4, 7 }, { 7, 4, 7, 4 }, { 4, 4, 7, 7 },
};

VU_TEST(net_forward, frames_for_another_lcore_wait_in_the_handoff_ring)
{
	struct net_ports f;
	struct net_forward_queue *nq;

	far_open(&f, "forward=loopback", 1, 1, crossed);
	nq = port_forward_queue(&f.ports[0], 0);
	net_turn(f.sched);
	for (uint64_t i = 0; i < 20; i++)
		send_frame(&f, 0, 1, 2, i);
	CHECK(vu_sched_turn(f.sched, 1) >= 0);
	CHECK_EQ(rig_port_stats(&f.ports[0], 1).nb_packets, 20);
	CHECK(is_silent(&f, 0));
	CHECK_EQ(rte_ring_count(nq->handoff), 20);
	CHECK(vu_sched_turn(f.sched, 0) >= 0);
	CHECK_EQ(rte_ring_count(nq->handoff), 0);
	for (uint64_t i = 0; i < 20; i++)
		check_frame(&f, 0, 1, 2, i);
	CHECK_EQ(rig_port_stats(&f.ports[0], 0).nb_packets, 20);
	ports_close(&f);
}

VU_TEST(net_forward, full_handoff_ring_drops_and_counts)
{
	const unsigned int capacity = NET_HANDOFF_FRAMES - 1;
	struct net_ports f;
	unsigned int nb_sent = 0;
	uint64_t nb_received = 0;

	far_open(&f, "forward=loopback", 1, 1, crossed);
	net_turn(f.sched);
	while (nb_sent < capacity + 100) {
		for (uint64_t i = 0; i < 32; i++)
			send_frame(&f, 0, 1, 2, nb_sent + i);
		nb_sent += 32;
		CHECK(vu_sched_turn(f.sched, 1) >= 0);
		CHECK_EQ(port_collect(&f.ports[0], 1), 32);
	}
	CHECK_EQ(sent_drops(&f, 0, NET_DROP_HANDOFF_FULL), nb_sent - capacity);
	/* The oldest ones were kept, in order. */
	WAIT_WHILE(rte_ring_count(port_forward_queue(&f.ports[0], 0)->handoff) != 0) {
		CHECK(vu_sched_turn(f.sched, 0) >= 0);
		while (!is_silent(&f, 0))
			check_frame(&f, 0, 1, 2, nb_received++);
		port_offer(&f.ports[0], 0, RING_SIZE, 256);
	}
	CHECK_EQ(nb_received, capacity);
	ports_close(&f);
}

VU_TEST(net_forward, frames_in_the_handoff_ring_are_freed_with_the_port)
{
	struct net_ports f;

	far_open(&f, "forward=loopback", 1, 1, crossed);
	net_turn(f.sched);
	for (uint64_t i = 0; i < 20; i++)
		send_frame(&f, 0, 1, 2, i);
	CHECK(vu_sched_turn(f.sched, 1) >= 0);
	port_stop(&f.ports[0]);
	CHECK_EQ(rig_port_stats(&f.ports[0], 0).nb_drops[VU_DROP_DISABLED], 20);
	CHECK_EQ(rte_mempool_avail_count(port_queue(&f.ports[0], 1)->pool),
		port_queue(&f.ports[0], 1)->pool->size);
	ports_close(&f);
}

/* ---- traffic between all, with loops in threads ---- */

struct tally {
	uint64_t nb_sent;
	uint64_t nb_received;
};

/* One guest's round: take what came, give buffers back, send a few frames to anybody. */
static void
guest_round(struct net_ports *f, unsigned int port, struct fake_rand *rand, struct tally *tally)
{
	struct rig_port *p = &f->ports[port];

	while (port_receive(p, 0, f->received)) {
		uint8_t expected[FRAME_BYTES];
		uint64_t seed;

		/* The seed travels in the frame: it fixes what the other bytes must be. */
		memcpy(&seed, f->received->frame + MAC_BYTES, sizeof(seed));
		frame_make(expected, sizeof(expected), seed);
		CHECK_EQ(f->received->len_bytes, FRAME_BYTES);
		CHECK(memcmp(f->received->frame + MAC_BYTES + 8, expected + MAC_BYTES + 8,
			FRAME_BYTES - MAC_BYTES - 8) == 0);
		tally->nb_received++;
	}
	port_offer(p, 0, RING_SIZE, 256);
	port_collect(p, 1);
	for (uint32_t i = fake_rand_in(rand, 0, 8); i != 0; i--) {
		uint64_t seed = fake_rand_u64(rand);
		uint32_t dst = (port + fake_rand_in(rand, 1, f->nb_ports - 1)) % f->nb_ports;
		uint8_t frame[FRAME_BYTES];

		frame_make_ether(frame, sizeof(frame), dst, port, seed);
		memcpy(frame + MAC_BYTES, &seed, sizeof(seed));
		tally->nb_sent += port_send(p, 0, frame, sizeof(frame)) >= 0;
	}
}

/* Frames still under way: in a ring between lcores or not polled yet. */
static void
wait_until_quiet(struct net_ports *f, struct tally *tally)
{
	uint64_t before;

	do {
		before = tally->nb_received;
		for (unsigned int i = 0; i < f->nb_ports; i++) {
			struct rig_port *p = &f->ports[i];

			WAIT_WHILE(p->rings[1].ring->nb_free != RING_SIZE)
				port_collect(p, 1);
			WAIT_UNTIL(rte_ring_count(port_forward_queue(p, 0)->handoff) == 0);
			tally->nb_received += discard_received(f);
			port_offer(p, 0, RING_SIZE, 256);
		}
		usleep(2000);
	} while (before != tally->nb_received);
}

/* Everything that was sent was received, or dropped for a counted reason. */
static void
check_tally(struct net_ports *f, const struct tally *tally)
{
	uint64_t nb_sent = 0, nb_delivered = 0, nb_dropped = 0;

	for (unsigned int i = 0; i < f->nb_ports; i++) {
		struct vu_device_queue_stats from = rig_port_stats(&f->ports[i], 1);
		struct vu_device_queue_stats to = rig_port_stats(&f->ports[i], 0);

		nb_sent += from.nb_packets;
		nb_delivered += to.nb_packets;
		nb_dropped += stats_all_drops(&from) + stats_all_drops(&to);
		CHECK(from.fault == VU_VRING_OK && to.fault == VU_VRING_OK);
	}
	CHECK_EQ(nb_sent, tally->nb_sent);
	CHECK_EQ(nb_delivered, tally->nb_received);
	CHECK_EQ(nb_delivered + nb_dropped, nb_sent);
	CHECK(nb_delivered != 0);
}

static void
check_traffic(unsigned int nb_rounds)
{
	struct fake_rand rand = { 31337 };
	struct tally tally = { 0 };
	struct rig_loops loops;
	struct net_ports f;

	far_open(&f, "forward=switch", RTE_DIM(crossed), 1, crossed);
	/* Nobody is unknown later: a flood would make three frames of two. */
	ports_learn(&f);
	rig_loops_start(&loops, f.sched);
	for (unsigned int round = 0; round < nb_rounds; round++)
		for (unsigned int port = 0; port < RTE_DIM(crossed); port++)
			guest_round(&f, port, &rand, &tally);
	wait_until_quiet(&f, &tally);
	rig_loops_stop(&loops);
	tally.nb_received += discard_received(&f);
	check_tally(&f, &tally);
	ports_close(&f);
}

VU_TEST(net_forward, traffic_across_lcores_adds_up)
{
	check_traffic(3000);
}

VU_TEST_STRESS(net_forward, ports_come_and_go_under_traffic)
{
	const uint64_t end = rte_get_tsc_cycles() + test_stress_seconds() * rte_get_tsc_hz();
	struct fake_rand rand = { 4242 };
	struct tally tally = { 0 };
	struct rig_loops loops;
	struct net_ports f;

	far_open(&f, "forward=switch", RTE_DIM(crossed), 1, crossed);
	rig_loops_start(&loops, f.sched);
	while (rte_get_tsc_cycles() < end) {
		unsigned int gone = fake_rand_in(&rand, 0, RTE_DIM(crossed) - 1);

		/* One guest is away, or its port is, while the others send to it. */
		if (fake_rand_one_in(&rand, 2)) {
			port_stop(&f.ports[gone]);
		} else {
			rig_port_close(&f.ports[gone]);
			port_open_on(&f.ports[gone], f.sched, "forward=switch", 1, crossed[gone]);
		}
		for (unsigned int round = 0; round < 20; round++)
			for (unsigned int port = 0; port < RTE_DIM(crossed); port++)
				if (port != gone)
					guest_round(&f, port, &rand, &tally);
		port_start(&f.ports[gone], F_MERGEABLE);
	}
	rig_loops_stop(&loops);
	CHECK(tally.nb_received != 0);
	ports_close(&f);
}
