/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Several ports of the net driver that share a scheduler and the switch. MAC number n is the
 * address of the guest behind port n, where a case does not say otherwise.
 */
#ifndef NET_PORTS_H
#define NET_PORTS_H

#include "test.h"

#include "net_fixture.h"

#define MAX_PORTS 32
#define FRAME_BYTES 80
#define BROADCAST UINT32_MAX

struct net_ports {
	struct vu_sched *sched;
	struct rig_port ports[MAX_PORTS];
	unsigned int nb_ports;
	struct net_received *received;
};

/** Forget all addresses of all ports. */
void fdb_forget_all(void);

/** For a case that opens the ports in its own way. */
void ports_init(struct net_ports *n, unsigned int nb_ports);

/** Let the switch learn where the guests are: nobody is unknown, nothing is flooded. */
void ports_learn(const struct net_ports *n);

/** The mbufs must be back before the first port goes, and the pool with the last one. */
void ports_close(struct net_ports *n);

/** Send a frame that its seed identifies. */
void send_frame(struct net_ports *n, unsigned int port, uint32_t dst, uint32_t src, uint64_t seed);

/** The next frame of a port is that one. */
void check_frame(struct net_ports *n, unsigned int port, uint32_t dst, uint32_t src, uint64_t seed);

/** Nothing has come that was not looked at. */
bool is_silent(const struct net_ports *n, unsigned int port);

#endif /* NET_PORTS_H */
