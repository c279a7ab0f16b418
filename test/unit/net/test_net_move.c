/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Queues that move to other lcores under traffic: no frame of a flow is lost, comes twice or
 * overtakes another one. A flow goes from one guest's queue pair to the same pair of the other.
 */
#include "test.h"

#include <rte_cycles.h>

#include "net_ports.h"

#define NB_PORTS 2
#define NB_PAIRS 2
/* Fewer than the receiver has buffers: what is not delivered was lost by us. */
#define MAX_UNDER_WAY 48

static const unsigned int lcores[] = { 4, 7 };

struct flow {
	uint64_t nb_sent;
	uint64_t nb_received;
};

struct move_fixture {
	struct net_ports net;
	struct flow flows[NB_PORTS][NB_PAIRS]; /* by sender */
	bool has_kicks;
};

/* `places`: lcore of each queue of each port. */
static void
move_open(struct move_fixture *f, const unsigned int *places, enum vu_idle_policy policy)
{
	*f = (struct move_fixture){ .has_kicks = policy == VU_IDLE_INTERRUPT };
	ports_init(&f->net, NB_PORTS);
	for (unsigned int i = 0; i < 2; i++)
		CHECK(vu_sched_set_idle(f->net.sched, i, policy, 0) == 0);
	for (unsigned int port = 0; port < NB_PORTS; port++) {
		struct rig_port *p = &f->net.ports[port];

		port_open_on(p, f->net.sched, "forward=switch", NB_PAIRS, places);
		for (uint32_t i = 0; i < p->nb_queues && f->has_kicks; i++)
			p->rings[i].kick_fd = vu_fd_eventfd();
		port_start(p, F_MODERN);
		for (uint32_t pair = 0; pair < NB_PAIRS; pair++)
			port_offer(p, pair, RING_SIZE, 256);
	}
	ports_learn(&f->net);
}

/* @return false if the flow has enough under way, or the ring is full */
static bool
flow_send(struct move_fixture *f, unsigned int from, uint32_t pair)
{
	struct flow *flow = &f->flows[from][pair];
	struct rig_port *p = &f->net.ports[from];
	uint8_t frame[FRAME_BYTES];

	if (flow->nb_sent - flow->nb_received >= MAX_UNDER_WAY)
		return false;
	port_collect(p, 2 * pair + 1);
	frame_make_ether(frame, sizeof(frame), (from + 1) % NB_PORTS, from, flow->nb_sent);
	if (port_send(p, pair, frame, sizeof(frame)) < 0)
		return false;
	if (f->has_kicks)
		vu_fd_signal(p->rings[2 * pair + 1].kick_fd);
	flow->nb_sent++;
	return true;
}

/* Take what has arrived: the next frames of the flow and no others. */
static void
flow_receive(struct move_fixture *f, unsigned int from, uint32_t pair)
{
	struct rig_port *p = &f->net.ports[(from + 1) % NB_PORTS];
	struct flow *flow = &f->flows[from][pair];
	uint8_t frame[FRAME_BYTES];

	while (port_receive(p, pair, f->net.received)) {
		frame_make_ether(frame, sizeof(frame), (from + 1) % NB_PORTS, from,
			flow->nb_received);
		CHECK(received_is(f->net.received, frame, sizeof(frame)));
		flow->nb_received++;
		port_offer(p, pair, 1, 256);
	}
}

static void
all_receive(struct move_fixture *f)
{
	for (unsigned int from = 0; from < NB_PORTS; from++)
		for (uint32_t pair = 0; pair < NB_PAIRS; pair++)
			flow_receive(f, from, pair);
}

static void
check_nothing_dropped(const struct move_fixture *f)
{
	for (unsigned int port = 0; port < NB_PORTS; port++) {
		for (uint32_t i = 0; i < 2 * NB_PAIRS; i++) {
			struct vu_device_queue_stats stats = rig_port_stats(&f->net.ports[port], i);

			CHECK_EQ(stats_all_drops(&stats), 0);
			CHECK_EQ(stats.fault, VU_VRING_OK);
		}
	}
}

/* ---- one move, turn by turn ---- */

static const unsigned int crossed[] = { 4, 7, 4, 7 };

/* The sender's lcore has taken frames that the receiver's has not seen. */
static void
open_with_frames_under_way(struct move_fixture *f)
{
	move_open(f, crossed, VU_IDLE_BUSY);
	net_turn(f->net.sched);
	for (unsigned int i = 0; i < 40; i++)
		CHECK(flow_send(f, 0, 0));
	CHECK(vu_sched_turn(f->net.sched, 1) >= 0);
	CHECK(rte_ring_count(port_forward_queue(&f->net.ports[1], 0)->handoff) != 0);
}

/* Frames in the handoff ring come before those that are pushed directly after the move. */
VU_TEST(net_move, receiver_comes_to_the_sender)
{
	struct move_fixture f;

	open_with_frames_under_way(&f);
	CHECK_EQ(vu_device_queue_move(f.net.ports[1].dev, 0, 7), 0);
	rig_settle(f.net.ports[0].sched);
	for (unsigned int i = 0; i < 8; i++)
		CHECK(flow_send(&f, 0, 0));
	/* The sender is polled before the newcomer. */
	CHECK(vu_sched_turn(f.net.sched, 1) >= 0);
	CHECK(vu_sched_turn(f.net.sched, 1) >= 0);
	flow_receive(&f, 0, 0);
	CHECK_EQ(f.flows[0][0].nb_received, 48);
	check_nothing_dropped(&f);
	ports_close(&f.net);
}

VU_TEST(net_move, sender_comes_to_the_receiver)
{
	struct move_fixture f;

	open_with_frames_under_way(&f);
	CHECK_EQ(vu_device_queue_move(f.net.ports[0].dev, 1, 4), 0);
	rig_settle(f.net.ports[0].sched);
	/* Both are on one lcore now; there and back again, and the sender is polled first. */
	CHECK_EQ(vu_device_queue_move(f.net.ports[1].dev, 0, 7), 0);
	rig_settle(f.net.ports[0].sched);
	CHECK_EQ(vu_device_queue_move(f.net.ports[1].dev, 0, 4), 0);
	rig_settle(f.net.ports[0].sched);
	for (unsigned int i = 0; i < 8; i++)
		CHECK(flow_send(&f, 0, 0));
	CHECK(vu_sched_turn(f.net.sched, 0) >= 0);
	CHECK(vu_sched_turn(f.net.sched, 0) >= 0);
	flow_receive(&f, 0, 0);
	CHECK_EQ(f.flows[0][0].nb_received, 48);
	ports_close(&f.net);
}

/* Send as fast as the sender's lcore takes frames, until it takes no more. */
static void
fill_the_way(struct move_fixture *f)
{
	struct rig_port *p = &f->net.ports[0];
	struct flow *flow = &f->flows[0][0];
	uint8_t frame[FRAME_BYTES];
	unsigned int nb_back = 1;

	WAIT_WHILE(nb_back != 0) {
		do {
			frame_make_ether(frame, sizeof(frame), 1, 0, flow->nb_sent);
			flow->nb_sent += port_send(p, 0, frame, sizeof(frame)) >= 0;
		} while (p->rings[1].ring->nb_free != 0);
		CHECK(vu_sched_turn(f->net.sched, 1) >= 0);
		nb_back = port_collect(p, 1);
	}
}

/* The receiver is on its way to the sender's lcore, and more has been sent than fits on the way. */
static void
open_with_receiver_under_way(struct move_fixture *f)
{
	move_open(f, crossed, VU_IDLE_BUSY);
	net_turn(f->net.sched);
	CHECK_EQ(vu_device_queue_move(f->net.ports[1].dev, 0, 7), 0);
	fill_the_way(f);
}

/* Nobody polls the receiver for long: its handoff ring fills up, and the guest has to wait. */
VU_TEST(net_move, nothing_is_dropped_while_a_queue_is_on_its_way)
{
	struct move_fixture f;

	for (unsigned int i = 0; i < 2; i++) {
		const unsigned int to = lcores[i];

		open_with_receiver_under_way(&f);
		/* All but the last one of 32 bursts fit. */
		CHECK_EQ(port_forward_queue(&f.net.ports[0], 1)->nb_deferred, 1);
		CHECK_EQ(f.flows[0][0].nb_sent, NET_HANDOFF_FRAMES + RING_SIZE);
		/* It goes back, or stays. */
		CHECK_EQ(vu_device_queue_move(f.net.ports[1].dev, 0, to), 0);
		rig_settle(f.net.ports[0].sched);
		for (unsigned int turn = 0; f.flows[0][0].nb_received != f.flows[0][0].nb_sent;
				turn++) {
			CHECK(turn < 1000);
			/* The guest gives buffers back after each burst. */
			CHECK(vu_sched_turn(f.net.sched, turn % 2) >= 0);
			flow_receive(&f, 0, 0);
			port_collect(&f.net.ports[0], 1);
		}
		check_nothing_dropped(&f);
		CHECK_EQ(port_forward_queue(&f.net.ports[0], 1)->nb_deferred, 0);
		ports_close(&f.net);
	}
}

VU_TEST(net_move, frames_held_back_are_freed_with_the_port)
{
	struct move_fixture f;

	open_with_receiver_under_way(&f);
	port_stop(&f.net.ports[0]);
	CHECK_EQ(rig_port_stats(&f.net.ports[0], 1).nb_drops[VU_DROP_DISABLED], 1);
	ports_close(&f.net);
}

/* The port they wait for is closed: they go nowhere. */
VU_TEST(net_move, frames_held_back_outlive_their_destination)
{
	struct move_fixture f;

	open_with_receiver_under_way(&f);
	rig_port_close(&f.net.ports[1]);
	f.net.nb_ports = 1;
	net_turn(f.net.sched);
	CHECK_EQ(port_forward_queue(&f.net.ports[0], 1)->nb_deferred, 0);
	CHECK(rig_port_stats(&f.net.ports[0], 1).nb_drops[NET_DROP_NO_PORT] == 1);
	ports_close(&f.net);
}

/* So do they if there is a new port of its number: they are not for that one. */
VU_TEST(net_move, frames_held_back_are_not_for_the_next_port)
{
	struct move_fixture f;
	struct rig_port *next = &f.net.ports[1];
	uint16_t port_id;

	open_with_receiver_under_way(&f);
	port_id = port_number(next);
	rig_port_close(next);
	port_open_on(next, f.net.sched, "forward=switch", NB_PAIRS, crossed);
	port_start(next, F_MODERN);
	port_offer(next, 0, RING_SIZE, 256);
	CHECK_EQ(port_number(next), port_id);
	net_turn(f.net.sched);
	CHECK_EQ(port_forward_queue(&f.net.ports[0], 1)->nb_deferred, 0);
	CHECK_EQ(rig_port_stats(&f.net.ports[0], 1).nb_drops[NET_DROP_NO_PORT], 1);
	CHECK_EQ(fake_ring_nb_used(next->rings[0].ring), 0);
	ports_close(&f.net);
}

/* ---- moves at random ---- */

static void
move_round(struct move_fixture *f, struct fake_rand *rand)
{
	for (uint32_t i = fake_rand_in(rand, 1, 40); i != 0; i--)
		flow_send(f, fake_rand_in(rand, 0, NB_PORTS - 1),
			fake_rand_in(rand, 0, NB_PAIRS - 1));
	if (fake_rand_one_in(rand, 2))
		CHECK_EQ(vu_device_queue_move(f->net.ports[fake_rand_in(rand, 0, NB_PORTS - 1)].dev,
			fake_rand_in(rand, 0, 2 * NB_PAIRS - 1),
			lcores[fake_rand_in(rand, 0, 1)]), 0);
	/* A queue that has left its lcore stays nobody's for a while. */
	if (fake_rand_one_in(rand, 3))
		vu_sched_poll(f->net.sched);
	all_receive(f);
}

static bool
has_frames_under_way(const struct move_fixture *f)
{
	for (unsigned int from = 0; from < NB_PORTS; from++)
		for (uint32_t pair = 0; pair < NB_PAIRS; pair++)
			if (f->flows[from][pair].nb_received != f->flows[from][pair].nb_sent)
				return true;
	return false;
}

static void
check_moves(enum vu_idle_policy policy, unsigned int nb_rounds, unsigned int seconds)
{
	const uint64_t end_tsc = rte_get_tsc_cycles() + seconds * rte_get_tsc_hz();
	struct fake_rand rand = { 777 };
	struct rig_loops loops;
	struct move_fixture f;
	unsigned int round = 0;

	move_open(&f, crossed, policy);
	rig_loops_start(&loops, f.net.sched);
	while (round++ < nb_rounds || rte_get_tsc_cycles() < end_tsc) {
		move_round(&f, &rand);
		/* Addresses age while the machine is slow. */
		ports_learn(&f.net);
	}
	rig_settle(f.net.ports[0].sched);
	WAIT_WHILE(has_frames_under_way(&f))
		all_receive(&f);
	rig_loops_stop(&loops);
	check_nothing_dropped(&f);
	CHECK(f.flows[0][0].nb_sent != 0 && f.flows[1][1].nb_sent != 0);
	ports_close(&f.net);
}

VU_TEST(net_move, random_moves_keep_every_flow_in_order)
{
	check_moves(VU_IDLE_BUSY, 1000, 0);
	check_moves(VU_IDLE_INTERRUPT, 1000, 0);
}

VU_TEST_STRESS(net_move, random_moves_for_long)
{
	check_moves(VU_IDLE_BUSY, 1000, test_stress_seconds());
	check_moves(VU_IDLE_INTERRUPT, 1000, test_stress_seconds());
}
