/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Several ports of the net driver; see net_ports.h.
 */
#include "net_ports.h"

#include <stdlib.h>

#include "vu_limits.h"

void
fdb_forget_all(void)
{
	for (uint16_t id = 0; id < VU_MAX_PORTS; id++)
		net_fdb_forget_port(id);
}

void
ports_init(struct net_ports *n, unsigned int nb_ports)
{
	CHECK(nb_ports <= MAX_PORTS);
	fdb_forget_all();
	*n = (struct net_ports){ .sched = rig_sched_create(2), .nb_ports = nb_ports };
	n->received = net_received_create();
}

void
ports_learn(const struct net_ports *n)
{
	for (uint32_t i = 0; i < n->nb_ports; i++) {
		struct rte_ether_addr mac;

		mac_set(mac.addr_bytes, i);
		net_fdb_learn(&mac, port_number(&n->ports[i]), net_fdb_age_now());
	}
}

void
ports_close(struct net_ports *n)
{
	for (unsigned int i = 0; i < n->nb_ports; i++)
		if (vu_device_state(n->ports[i].dev) != VU_DEVICE_IDLE)
			port_stop(&n->ports[i]);
	port_verify_mbufs(&n->ports[0]);
	for (unsigned int i = 0; i < n->nb_ports; i++)
		rig_port_close(&n->ports[i]);
	free(n->received);
	vu_sched_destroy(n->sched);
	fdb_forget_all();
}

void
send_frame(struct net_ports *n, unsigned int port, uint32_t dst, uint32_t src, uint64_t seed)
{
	uint8_t frame[FRAME_BYTES];

	frame_make_ether(frame, sizeof(frame), dst, src, seed);
	CHECK(port_send(&n->ports[port], 0, frame, sizeof(frame)) >= 0);
}

void
check_frame(struct net_ports *n, unsigned int port, uint32_t dst, uint32_t src, uint64_t seed)
{
	uint8_t frame[FRAME_BYTES];

	frame_make_ether(frame, sizeof(frame), dst, src, seed);
	CHECK(port_receive(&n->ports[port], 0, n->received));
	CHECK(received_is(n->received, frame, sizeof(frame)));
}

bool
is_silent(const struct net_ports *n, unsigned int port)
{
	return fake_ring_nb_used(n->ports[port].rings[0].ring) == 0;
}
