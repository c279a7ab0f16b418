/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Several ports of the net driver that share a scheduler and the switch. MAC number n is the
 * address of the guest behind port n, where a case does not say otherwise.
 */
#ifndef NET_PORTS_H
#define NET_PORTS_H

#include "test.h"

#include "net_fixture.h"
#include "vu_limits.h"

#define MAX_PORTS 4
#define FRAME_BYTES 80
#define BROADCAST UINT32_MAX

struct net_ports {
	struct vu_sched *sched;
	struct net_port ports[MAX_PORTS];
	unsigned int nb_ports;
	struct net_received *received;
};

static inline void
fdb_forget_all(void)
{
	for (uint16_t id = 0; id < VU_MAX_PORTS; id++)
		net_fdb_forget_port(id);
}

/* For a case that opens the ports in its own way. */
static inline void
ports_init(struct net_ports *n, unsigned int nb_ports)
{
	CHECK(nb_ports <= MAX_PORTS);
	fdb_forget_all();
	*n = (struct net_ports){ .sched = net_sched_create(), .nb_ports = nb_ports };
	n->received = net_received_create();
}

/* Tell the switch where the guests are: nobody is unknown, nothing is flooded. */
static inline void
ports_learn(const struct net_ports *n)
{
	for (uint32_t i = 0; i < n->nb_ports; i++) {
		struct rte_ether_addr mac;

		mac_set(mac.addr_bytes, i);
		net_fdb_learn(&mac, port_number(&n->ports[i]), net_fdb_age_now());
	}
}

/* The mbufs must be back before the first port goes, and the pool with the last one. */
static inline void
ports_close(struct net_ports *n)
{
	for (unsigned int i = 0; i < n->nb_ports; i++)
		if (vu_device_state(n->ports[i].dev) != VU_DEVICE_IDLE)
			port_stop(&n->ports[i]);
	port_verify_mbufs(&n->ports[0]);
	for (unsigned int i = 0; i < n->nb_ports; i++)
		port_close(&n->ports[i]);
	free(n->received);
	vu_sched_destroy(n->sched);
	fdb_forget_all();
}

/* Send a frame that its seed identifies. */
static inline void
send_frame(struct net_ports *n, unsigned int port, uint32_t dst, uint32_t src, uint64_t seed)
{
	uint8_t frame[FRAME_BYTES];

	frame_make_ether(frame, sizeof(frame), dst, src, seed);
	CHECK(port_send(&n->ports[port], 0, frame, sizeof(frame)) >= 0);
}

/* The next frame of a port is that one. */
static inline int
check_frame(struct net_ports *n, unsigned int port, uint32_t dst, uint32_t src, uint64_t seed)
{
	uint8_t frame[FRAME_BYTES];

	frame_make_ether(frame, sizeof(frame), dst, src, seed);
	CHECK(port_receive(&n->ports[port], 0, n->received));
	CHECK(received_is(n->received, frame, sizeof(frame)));
	return TEST_SUCCESS;
}

/* Nothing has come that was not looked at. */
static inline bool
is_silent(const struct net_ports *n, unsigned int port)
{
	return fake_ring_nb_used(n->ports[port].rings[0].ring) == 0;
}

#endif /* NET_PORTS_H */
