/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The storm limit: floods beyond it are dropped and counted, everything else goes on.
 */
#include "test.h"

#include "net_ports.h"

#define NB_PORTS 4
#define NB_FLOODS 8

static void
storm_open(struct net_ports *n, const char *args)
{
	ports_init(n, NB_PORTS);
	for (unsigned int i = 0; i < NB_PORTS; i++) {
		port_open(&n->ports[i], n->sched, args);
		port_start(&n->ports[i], F_MERGEABLE);
		port_offer(&n->ports[i], 0, RING_SIZE, 256);
	}
	ports_learn(n);
}

static void
storm_send(struct net_ports *n, uint32_t dst)
{
	for (unsigned int i = 0; i < NB_FLOODS; i++) {
		send_frame(n, 0, dst, 0, i);
		net_turn(n->sched);
	}
}

static uint64_t
nb_storm_drops(struct net_ports *n)
{
	return rig_port_stats(&n->ports[0], 1).nb_drops[NET_DROP_STORM];
}

/* One copy a second: a flood to three ports takes three seconds to pay for. */
VU_TEST(net_storm, floods_beyond_the_limit_are_dropped)
{
	struct net_ports n;

	storm_open(&n, "storm=1");
	storm_send(&n, BROADCAST);
	CHECK(nb_storm_drops(&n) >= NB_FLOODS / 2);
	for (unsigned int i = 1; i < NB_PORTS; i++)
		CHECK_EQ(rig_port_stats(&n.ports[i], 0).nb_packets,
			NB_FLOODS - nb_storm_drops(&n));
	/* Nobody's address: the same. */
	storm_send(&n, 4711);
	CHECK(nb_storm_drops(&n) >= NB_FLOODS);
	ports_close(&n);
}

VU_TEST(net_storm, other_frames_are_not_limited)
{
	struct net_ports n;

	storm_open(&n, "storm=1");
	storm_send(&n, BROADCAST);
	storm_send(&n, 2);
	CHECK(rig_port_stats(&n.ports[2], 0).nb_packets >= NB_FLOODS);
	/* Nor are the floods of another port. */
	send_frame(&n, 1, BROADCAST, 1, 1);
	net_turn(n.sched);
	CHECK_EQ(rig_port_stats(&n.ports[1], 1).nb_drops[NET_DROP_STORM], 0);
	ports_close(&n);
}

VU_TEST(net_storm, it_can_be_switched_off)
{
	struct net_ports n;

	storm_open(&n, "storm=off");
	storm_send(&n, BROADCAST);
	CHECK_EQ(nb_storm_drops(&n), 0);
	CHECK_EQ(rig_port_stats(&n.ports[3], 0).nb_packets, NB_FLOODS);
	ports_close(&n);
}
