/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SEND_RARP: the frame that the others see, and that the switch knows the guest's place afterwards.
 */
#include "test.h"

#include "net_ports.h"

#define RARP_BYTES 60

static const uint8_t mac[6] = { 0x02, 0, 0, 0, 0, 9 };

struct wanted_figure {
	const char *name;
	uint64_t value;
};

static void
figure_take(void *arg, const char *name, uint64_t value)
{
	struct wanted_figure *wanted = arg;

	if (strcmp(name, wanted->name) == 0)
		wanted->value = value;
}

/* What RFC 903 and SEND_RARP make of the address above. */
static void
expected_frame(uint8_t *frame)
{
	static const uint8_t fixed[] = { 0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3 };

	memset(frame, 0, RARP_BYTES);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	memcpy(frame + 12, fixed, sizeof(fixed));
	memcpy(frame + 22, mac, 6);
	memcpy(frame + 32, mac, 6);
}

VU_TEST(net_rarp, reaches_the_others)
{
	uint8_t frame[RARP_BYTES];
	struct net_ports n;

	ports_init(&n, 3);
	for (unsigned int i = 0; i < n.nb_ports; i++) {
		port_open(&n.ports[i], n.sched, "forward=switch");
		port_start(&n.ports[i], F_MODERN);
		port_offer(&n.ports[i], 0, 4, 2048);
	}
	net_turn(n.sched);
	CHECK_EQ(vu_device_send_rarp(n.ports[1].dev, mac), 0);
	net_turn(n.sched);
	expected_frame(frame);
	for (unsigned int i = 0; i < n.nb_ports; i++) {
		CHECK_EQ(port_receive(&n.ports[i], 0, n.received), i != 1);
		if (i == 1)
			continue;
		CHECK(received_is(n.received, frame, sizeof(frame)));
	}
	CHECK_EQ(net_fdb_lookup((const struct rte_ether_addr *)mac, net_fdb_age_now()),
		port_number(&n.ports[1]));
	ports_close(&n);
}

VU_TEST(net_rarp, refused)
{
	static const uint8_t multicast[6] = { 1 };
	static const uint8_t nil[6];
	struct vu_sched *sched = rig_sched_create(2);
	struct rig_port port;

	port_open(&port, sched, "forward=switch");
	CHECK_EQ(vu_device_send_rarp(port.dev, multicast), -EINVAL);
	CHECK_EQ(vu_device_send_rarp(port.dev, nil), -EINVAL);
	CHECK_EQ(vu_device_send_rarp(port.dev, mac), 0); /* nobody there to receive it */
	rig_port_close(&port);
	port_open(&port, sched, "forward=loopback");
	CHECK_EQ(vu_device_send_rarp(port.dev, mac), -EOPNOTSUPP);
	rig_port_close(&port);
	vu_sched_destroy(sched);
}

static uint64_t
figure(const struct rig_port *port, const char *name)
{
	struct wanted_figure wanted = { .name = name, .value = UINT64_MAX };

	vu_device_figures(port->dev, figure_take, &wanted);
	return wanted.value;
}

/* QEMU repeats it for each queue pair; a flood of them would be everybody's. */
VU_TEST(net_rarp, one_in_a_while)
{
	struct net_ports n;

	ports_init(&n, 2);
	for (unsigned int i = 0; i < n.nb_ports; i++) {
		port_open(&n.ports[i], n.sched, "forward=switch,rarp-ms=60000");
		port_start(&n.ports[i], F_MODERN);
		port_offer(&n.ports[i], 0, 4, 2048);
	}
	for (unsigned int i = 0; i < 10; i++)
		CHECK_EQ(vu_device_send_rarp(n.ports[0].dev, mac), 0);
	net_turn(n.sched);
	CHECK(port_receive(&n.ports[1], 0, n.received));
	CHECK(!port_receive(&n.ports[1], 0, n.received));
	CHECK_EQ(figure(&n.ports[0], "rarp_dropped"), 9);
	ports_close(&n);
}

/* An address that another guest uses, or that mac= gave to another port, stays there. */
VU_TEST(net_rarp, only_its_own_address)
{
	static const uint8_t pinned[6] = { 0x02, 0, 0, 0, 0, 7 };
	const struct rte_ether_addr *addr = (const struct rte_ether_addr *)mac;
	struct net_ports n;
	uint16_t first;

	ports_init(&n, 2);
	port_open(&n.ports[0], n.sched, "forward=switch,rarp-ms=0,mac=02:00:00:00:00:07");
	port_open(&n.ports[1], n.sched, "forward=switch,rarp-ms=0");
	for (unsigned int i = 0; i < n.nb_ports; i++) {
		port_start(&n.ports[i], F_MODERN);
		port_offer(&n.ports[i], 0, 4, 2048);
	}
	first = port_number(&n.ports[0]);
	CHECK(net_fdb_learn(addr, first, net_fdb_age_now()));
	CHECK_EQ(vu_device_send_rarp(n.ports[1].dev, mac), 0);
	CHECK_EQ(vu_device_send_rarp(n.ports[1].dev, pinned), 0);
	CHECK_EQ(vu_device_send_rarp(n.ports[0].dev, mac), 0);
	net_turn(n.sched);
	CHECK(!port_receive(&n.ports[0], 0, n.received));
	CHECK(!port_receive(&n.ports[1], 0, n.received));
	CHECK_EQ(net_fdb_lookup(addr, net_fdb_age_now()), first);
	CHECK_EQ(vu_device_send_rarp(n.ports[0].dev, pinned), 0);
	net_turn(n.sched);
	CHECK(port_receive(&n.ports[1], 0, n.received));
	CHECK_EQ(figure(&n.ports[1], "rarp_dropped"), 2);
	CHECK_EQ(figure(&n.ports[0], "rarp_dropped"), 1);
	ports_close(&n);
}

/* A receive queue whose lcore does not come: the ring to it fills up, the rest is counted. */
VU_TEST(net_rarp, handoff_full)
{
	struct vu_device_queue_stats stats;
	struct vu_sched *sched = rig_sched_create(2);
	struct rig_port ports[2];

	for (unsigned int i = 0; i < RTE_DIM(ports); i++) {
		port_open(&ports[i], sched, "forward=switch,rarp-ms=0");
		port_start(&ports[i], F_MODERN);
	}
	for (unsigned int i = 0; i < 2 * NET_HANDOFF_FRAMES; i++)
		CHECK_EQ(vu_device_send_rarp(ports[0].dev, mac), 0);
	stats = rig_port_stats(&ports[1], 0);
	/* A ring of so many entries holds one less. */
	CHECK_EQ(stats.nb_drops[NET_DROP_HANDOFF_FULL], NET_HANDOFF_FRAMES + 1);
	for (unsigned int i = 0; i < RTE_DIM(ports); i++)
		rig_port_close(&ports[i]);
	vu_sched_destroy(sched);
}
