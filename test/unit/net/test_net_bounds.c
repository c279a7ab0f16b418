/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a guest's ring costs its neighbours: no frame makes the lcore follow descriptors without
 * end, and nobody looks at a ring again that was given up.
 */
#include "test.h"

#include "net_burst.h"
#include "net_ports.h"

/* ---- scattered receive buffers ---- */

#define NB_PIECES 40
#define PIECE_BYTES 8
#define CHAIN_BYTES (NB_PIECES * PIECE_BYTES)
#define NB_MAX_CHAINS 13 /* of which all but the last have 512 descriptors or less */

/* A full ring, each entry an indirect table of small pieces. */
static void
offer_scattered(struct rig_port *port)
{
	struct rig_ring *ring = &port->rings[0];
	uint64_t table_gpa = fake_guest_alloc(&port->guest, FAKE_HIGH, RING_SIZE * NB_PIECES * 16,
		16);
	struct net_chain chain = { .nb_bufs = NB_PIECES };

	for (unsigned int i = 0; i < RING_SIZE; i++) {
		uint64_t slot = ring_slot(ring, CHAIN_BYTES);

		for (unsigned int b = 0; b < NB_PIECES; b++)
			chain.bufs[b] = (struct fake_buf){ slot + b * PIECE_BYTES, PIECE_BYTES,
				true };
		CHECK(ring_add_chain(ring, &chain, 0, table_gpa) >= 0);
		table_gpa += NB_PIECES * 16;
	}
	fake_ring_publish(ring->ring);
}

static void
push_frame(struct rig_port *port, const uint8_t *bytes, uint32_t len_bytes)
{
	struct net_queue *nq = port_queue(port, 0);
	struct rte_mbuf *frame = rte_pktmbuf_alloc(nq->pool);

	CHECK(frame != NULL);
	for (uint32_t done = 0; done < len_bytes; done += frame->pkt_len - done) {
		uint32_t nb = RTE_MIN(len_bytes - done, 2000u);
		struct rte_mbuf *seg = rte_pktmbuf_alloc(nq->pool);

		CHECK(seg != NULL);
		memcpy(rte_pktmbuf_append(seg, (uint16_t)nb), bytes + done, nb);
		CHECK(rte_pktmbuf_chain(frame, seg) == 0);
	}
	net_to_guest_push(nq, vu_vring_snapshot_load(&nq->queue->vring), &frame, 1);
}

static void
check_scattered(bool is_packed)
{
	static uint8_t bytes[NB_MAX_CHAINS * CHAIN_BYTES];
	const uint32_t max_bytes = sizeof(bytes) - 12;
	struct net_ports n;
	struct rig_port *port = &n.ports[0];

	frame_make(bytes, sizeof(bytes), 3);
	ports_init(&n, 1);
	port_open(port, n.sched, "forward=null");
	if (is_packed)
		port_make_packed(port);
	port_start(port, F_MERGEABLE | F_INDIRECT | (is_packed ? F_PACKED : 0));
	offer_scattered(port);
	push_frame(port, bytes, max_bytes + 1);
	CHECK_EQ(rig_port_stats(port, 0).nb_drops[VU_DROP_TOO_BIG], 1);
	push_frame(port, bytes, max_bytes);
	CHECK(port_receive(port, 0, n.received));
	CHECK_EQ(n.received->nb_buffers, NB_MAX_CHAINS);
	CHECK(received_is(n.received, bytes, max_bytes));
	CHECK(is_silent(&n, 0));
	CHECK_EQ(rig_port_stats(port, 0).fault, VU_VRING_OK);
	ports_close(&n);
}

/* The room would do, but it would take an lcore longer to find it than to fill it. */
VU_TEST(net_bounds, frame_over_too_many_descriptors_is_too_big)
{
	check_scattered(false);
	check_scattered(true);
}

/* ---- rings that were given up ---- */

/* Calls of burst functions that stand in for a queue's own. */
static struct {
	unsigned int nb_peeks; /* that found something */
	unsigned int nb_takes;
	unsigned int nb_puts;
} spy;

static uint16_t
spy_dequeue(struct net_queue *nq, const struct vu_vring_snapshot *snap, struct rte_mbuf **frames,
	uint16_t max, uint16_t *nb_frames)
{
	spy.nb_takes++;
	return net_dequeue_any(nq, snap, frames, max, nb_frames);
}

static uint16_t
spy_peek(struct net_queue *nq, const struct vu_vring_snapshot *snap, struct net_peek *peek,
	uint16_t max)
{
	uint16_t nb = net_peek_any(nq, snap, peek, max);

	spy.nb_peeks += nb != 0;
	return nb;
}

static uint16_t
spy_take(struct net_queue *nq, const struct vu_vring_snapshot *snap, const struct net_peek *peek,
	struct rte_mbuf **frames, uint16_t *nb_frames)
{
	spy.nb_takes++;
	return net_take_any(nq, snap, peek, frames, nb_frames);
}

/* Meets a fault at once. */
static uint16_t
spy_put(struct net_queue *nq, const struct vu_vring_snapshot *snap, struct rte_mbuf **frames,
	uint16_t nb_frames)
{
	(void)snap;
	(void)frames;
	(void)nb_frames;
	spy.nb_puts++;
	nq->queue->vring.pos.fault = VU_VRING_BAD_HEAD;
	return 0;
}

static const struct net_burst_ops spy_ops = {
	.name = "spy", .dequeue = spy_dequeue, .peek = spy_peek, .take = spy_take,
	.enqueue = spy_put};

/* Ports 0 and 1 meet on lcore 7, where port 0 sends to port 1; port 2 sends from lcore 4. */
static void
open_spied(struct net_ports *n, unsigned int nb_ports)
{
	static const unsigned int places[][2] = { { 4, 7 }, { 7, 4 }, { 4, 4 } };

	ports_init(n, nb_ports);
	for (unsigned int i = 0; i < nb_ports; i++) {
		port_open_on(&n->ports[i], n->sched, "forward=switch", 1, places[i]);
		port_start(&n->ports[i], F_MERGEABLE);
		port_offer(&n->ports[i], 0, RING_SIZE, 256);
	}
	ports_learn(n);
	net_turn(n->sched);
	memset(&spy, 0, sizeof(spy));
}

/* Frames that waited break the ring: those behind them are not pushed, nor any later. */
VU_TEST(net_bounds, ring_that_waiting_frames_break_gets_no_more)
{
	struct net_ports n;

	open_spied(&n, 3);
	port_snapshot(&n.ports[1], 0)->burst = &spy_ops;
	for (uint64_t seed = 0; seed < 3; seed++)
		send_frame(&n, 2, 1, 2, seed);
	CHECK(vu_sched_turn(n.sched, 0) >= 0);
	CHECK_EQ(rte_ring_count(port_forward_queue(&n.ports[1], 0)->handoff), 3);
	send_frame(&n, 0, 1, 0, 9);
	/* The sender is polled first, then the ring that was given up. */
	CHECK(vu_sched_turn(n.sched, 1) >= 0);
	CHECK_EQ(spy.nb_puts, 1);
	CHECK_EQ(rig_port_stats(&n.ports[1], 0).nb_drops[VU_DROP_FAULT], 4);
	CHECK_EQ(rig_port_stats(&n.ports[1], 0).nb_faults, 1);
	send_frame(&n, 0, 1, 0, 10);
	send_frame(&n, 2, 1, 2, 11);
	net_turn(n.sched);
	CHECK_EQ(spy.nb_puts, 1);
	CHECK_EQ(rig_port_stats(&n.ports[0], 1).nb_drops[NET_DROP_NO_PORT], 1);
	CHECK_EQ(rig_port_stats(&n.ports[2], 1).nb_drops[NET_DROP_NO_PORT], 1);
	ports_close(&n);
}

/* What goes straight on, what does not, and what might have behind it: all of one look. */
VU_TEST(net_bounds, frames_of_a_burst_are_peeked_at_once)
{
	struct net_ports n;

	open_spied(&n, 2);
	port_snapshot(&n.ports[0], 1)->burst = &spy_ops;
	for (unsigned int i = 0; i < 4; i++)
		send_frame(&n, 0, i == 2 ? BROADCAST : 1, 0, i);
	CHECK(vu_sched_turn(n.sched, 1) >= 0);
	CHECK_EQ(spy.nb_peeks, 1);
	CHECK_EQ(spy.nb_takes, 1);
	CHECK_EQ(rig_port_stats(&n.ports[0], 1).nb_direct, 2);
	CHECK_EQ(rig_port_stats(&n.ports[0], 1).nb_packets, 4);
	for (unsigned int i = 0; i < 4; i++)
		check_frame(&n, 1, i == 2 ? BROADCAST : 1, 0, i);
	CHECK(is_silent(&n, 1));
	ports_close(&n);
}

/* The look for frames to forward directly finds the fault: there is no second one. */
VU_TEST(net_bounds, ring_that_forwarding_finds_bad_is_not_taken_from)
{
	struct net_ports n;
	struct fake_ring *ring;

	open_spied(&n, 2);
	ring = n.ports[0].rings[1].ring;
	port_snapshot(&n.ports[0], 1)->burst = &spy_ops;
	net_turn(n.sched);
	CHECK(spy.nb_takes == 0);
	send_frame(&n, 0, BROADCAST, 0, 1);
	net_turn(n.sched);
	CHECK(spy.nb_takes != 0);
	memset(&spy, 0, sizeof(spy));
	ring->avail_idx += ring->size + 1;
	fake_ring_publish(ring);
	net_turn(n.sched);
	CHECK_EQ(rig_port_stats(&n.ports[0], 1).fault, VU_VRING_BAD_AVAIL_IDX);
	CHECK_EQ(spy.nb_takes, 0);
	ports_close(&n);
}
