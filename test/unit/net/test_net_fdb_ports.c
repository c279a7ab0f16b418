/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the switch knows of a port's addresses while front-ends and ports come and go, and how many
 * it learns.
 */
#include "test.h"

#include "net_ports.h"

#define QUOTA 8
#define GUEST 1 /* the address of the guest that moves */

static uint16_t
port_of(uint32_t n)
{
	struct rte_ether_addr mac;

	mac_set(mac.addr_bytes, n);
	return net_fdb_lookup(&mac, net_fdb_age_now());
}

static void
learn(uint32_t n, uint16_t port_id)
{
	struct rte_ether_addr mac;

	mac_set(mac.addr_bytes, n);
	net_fdb_learn(&mac, port_id, net_fdb_age_now());
}

static void
open_ports(struct net_ports *n, unsigned int nb_ports, const char *args)
{
	ports_init(n, nb_ports);
	for (unsigned int i = 0; i < nb_ports; i++) {
		port_open(&n->ports[i], n->sched, args);
		port_start(&n->ports[i], F_MODERN);
	}
}

/* It comes back behind another port and is silent: frames to it are flooded, not lost. */
VU_TEST(net_fdb_ports, front_end_that_leaves_takes_its_addresses)
{
	struct net_ports n;

	open_ports(&n, 3, "forward=switch");
	send_frame(&n, 0, 2, GUEST, 1);
	net_turn(n.sched);
	CHECK_EQ(port_of(GUEST), port_number(&n.ports[0]));
	port_stop(&n.ports[0]);
	CHECK_EQ(port_of(GUEST), NET_FDB_UNKNOWN);
	port_offer(&n.ports[2], 0, 1, 2048);
	send_frame(&n, 1, GUEST, 2, 2);
	net_turn(n.sched);
	net_turn(n.sched);
	check_frame(&n, 2, GUEST, 2, 2);
	ports_close(&n);
}

/* The guest moved here while its old port is still connected, with rings that have stopped. */
VU_TEST(net_fdb_ports, guest_migrates_from_port_to_port)
{
	struct net_ports n;
	const uint16_t nb_queues = 2;

	open_ports(&n, 2, "forward=switch");
	send_frame(&n, 0, 2, GUEST, 1);
	net_turn(n.sched);
	/* As long as it may send there, another port cannot have its address. */
	send_frame(&n, 1, 2, GUEST, 2);
	net_turn(n.sched);
	CHECK_EQ(port_of(GUEST), port_number(&n.ports[0]));
	for (uint32_t q = 0; q < nb_queues; q++)
		vu_device_ring_stop(n.ports[0].dev, q);
	rig_port_commit(&n.ports[0]);
	CHECK_EQ(port_of(GUEST), port_number(&n.ports[0]));
	send_frame(&n, 1, 2, GUEST, 3);
	net_turn(n.sched);
	CHECK_EQ(port_of(GUEST), port_number(&n.ports[1]));
	ports_close(&n);
}

/* A burst that began before the port was detached learns its address once more. */
VU_TEST(net_fdb_ports, nothing_is_left_for_the_next_owner_of_a_number)
{
	struct net_ports n;
	struct rig_port port = { .nb_queues = 2 };
	struct vu_device_conf conf;

	open_ports(&n, 1, "forward=switch");
	conf = rig_device_conf(n.sched, "short-lived", 2);
	conf.assign = &(const struct vu_assign_conf){ .numa_node = -1 };
	conf.driver_args = "forward=switch";
	port.dev = vu_device_create("net", &conf);
	CHECK(port.dev != NULL);
	learn(GUEST, port_number(&port));
	vu_device_detach(port.dev, rig_port_detached, &port);
	CHECK_EQ(port_of(GUEST), NET_FDB_UNKNOWN);
	learn(GUEST, port_number(&port));
	rig_settle(n.sched);
	CHECK_EQ(port.nb_detached, 1);
	vu_device_destroy(port.dev);
	CHECK_EQ(port_of(GUEST), NET_FDB_UNKNOWN);
	ports_close(&n);
}

VU_TEST(net_fdb_ports, quota)
{
	struct net_fdb_usage usage;
	struct net_ports n;
	uint16_t number;

	open_ports(&n, 2, "forward=switch,macs=8");
	number = port_number(&n.ports[0]);
	for (uint32_t i = 0; i < 1000; i++)
		learn(100 + i, number);
	usage = net_fdb_usage(number);
	CHECK_EQ(usage.nb, QUOTA);
	CHECK_EQ(usage.max, QUOTA);
	CHECK(usage.nb_refused > 0);
	/* Of no harm to the others, who have theirs. */
	for (uint32_t i = 0; i < QUOTA; i++)
		learn(2000 + i, port_number(&n.ports[1]));
	for (uint32_t i = 0; i < QUOTA; i++)
		CHECK_EQ(port_of(2000 + i), port_number(&n.ports[1]));
	port_stop(&n.ports[0]);
	CHECK_EQ(net_fdb_usage(number).nb, 0);
	ports_close(&n);
}

/* mac= is the port's, though another guest sends with it and nobody is connected here. */
VU_TEST(net_fdb_ports, mac_is_pinned)
{
	struct net_ports n;
	struct rte_ether_addr mac;
	char args[64];

	ports_init(&n, 2);
	mac_set(mac.addr_bytes, GUEST);
	snprintf(args, sizeof(args), "forward=switch,mac=" RTE_ETHER_ADDR_PRT_FMT,
		RTE_ETHER_ADDR_BYTES(&mac));
	port_open(&n.ports[0], n.sched, args);
	port_open(&n.ports[1], n.sched, "forward=switch");
	port_start(&n.ports[1], F_MODERN);
	send_frame(&n, 1, 2, GUEST, 1);
	net_turn(n.sched);
	CHECK_EQ(port_of(GUEST), port_number(&n.ports[0]));
	port_start(&n.ports[0], F_MODERN);
	port_stop(&n.ports[0]);
	CHECK_EQ(port_of(GUEST), port_number(&n.ports[0]));
	ports_close(&n);
}
