/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A burst ends early when it becomes dear. What that leaves of an lcore: test_net_isolate.c.
 */
#include "test.h"

#include "net_burst.h"
#include "net_ports.h"

#define NB_PIECES 40
#define NB_ENTRIES (NB_PIECES + 1) /* with the one that refers to the table */

/* Frames, or room for them, as indirect tables of pieces of one and the same memory. */
static void
add_scattered(struct rig_port *port, uint32_t queue_idx, unsigned int nb, uint32_t piece_bytes)
{
	struct rig_ring *ring = &port->rings[queue_idx];
	uint64_t table_gpa = fake_guest_alloc(&port->guest, FAKE_HIGH, nb * NB_PIECES * 16, 16);
	uint64_t buf_gpa = fake_guest_alloc(&port->guest, FAKE_HIGH, 4096, 64);
	struct net_chain chain = { .nb_bufs = NB_PIECES };

	for (unsigned int b = 0; b < NB_PIECES; b++)
		chain.bufs[b] = (struct fake_buf){ buf_gpa, piece_bytes, queue_idx % 2 == 0 };
	for (unsigned int i = 0; i < nb; i++, table_gpa += NB_PIECES * 16)
		CHECK(ring_add_chain(ring, &chain, 0, table_gpa) >= 0);
	fake_ring_publish(ring->ring);
}

/* Entries of a full burst that one poll of the ring deals with. */
static unsigned int
nb_taken(const char *args, uint64_t features, uint32_t piece_bytes)
{
	unsigned int nb, nb_all;
	struct net_ports n;

	ports_init(&n, 2);
	for (unsigned int i = 0; i < 2; i++) {
		port_open(&n.ports[i], n.sched, i == 0 ? args : "forward=switch");
		if ((features & F_PACKED) != 0)
			port_make_packed(&n.ports[i]);
		port_start(&n.ports[i], F_MERGEABLE | F_INDIRECT | features);
	}
	port_offer(&n.ports[1], 0, RING_SIZE, 2048);
	net_turn(n.sched);
	add_scattered(&n.ports[0], 1, NET_MAX_BURST, piece_bytes);
	vu_sched_turn(n.sched, 0);
	vu_sched_turn(n.sched, 1);
	nb = port_collect(&n.ports[0], 1);
	nb_all = nb;
	/* None is lost. */
	for (unsigned int i = 0; i < NET_MAX_BURST && nb_all != NET_MAX_BURST; i++) {
		net_turn(n.sched);
		nb_all += port_collect(&n.ports[0], 1);
	}
	CHECK_EQ(nb_all, NET_MAX_BURST);
	ports_close(&n);
	return nb;
}

VU_TEST(net_account, a_burst_of_long_chains_ends_early)
{
	const unsigned int nb = NET_BURST_DESCS / NB_ENTRIES + 1;

	CHECK_EQ(nb_taken("forward=null", 0, 8), nb);
	CHECK_EQ(nb_taken("forward=switch", 0, 8), nb);
	CHECK(nb_taken("forward=null", F_PACKED, 8) <= nb + 1);
}

VU_TEST(net_account, a_burst_of_long_frames_ends_early)
{
	const unsigned int nb = NET_BURST_BYTES / (NB_PIECES * 1600) + 1;

	CHECK_EQ(nb_taken("forward=null", 0, 1600), nb);
	CHECK_EQ(nb_taken("forward=switch", 0, 1600), nb);
}

VU_TEST(net_account, long_receive_chains_cost_their_owner_frames)
{
	const unsigned int nb = NET_BURST_WRITE_DESCS / (2 * NB_ENTRIES) + 1;
	struct vu_device_queue_stats stats;
	struct net_ports n;

	ports_init(&n, 2);
	for (unsigned int i = 0; i < 2; i++) {
		port_open(&n.ports[i], n.sched, "forward=switch");
		port_start(&n.ports[i], F_MERGEABLE | F_INDIRECT);
	}
	ports_learn(&n);
	add_scattered(&n.ports[1], 0, NET_MAX_BURST, 8);
	for (unsigned int i = 0; i < NET_MAX_BURST; i++)
		send_frame(&n, 0, 1, 0, i);
	for (unsigned int i = 0; i < 4; i++)
		net_turn(n.sched);
	stats = rig_port_stats(&n.ports[1], 0);
	CHECK_EQ(stats.nb_packets + stats.nb_drops[NET_DROP_LONG_CHAINS], NET_MAX_BURST);
	CHECK_EQ(stats.nb_packets, nb);
	ports_close(&n);
}
