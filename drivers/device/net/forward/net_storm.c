/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Storm limit: how many copies of flooded frames, those to broadcast, multicast and unknown
 * addresses, a port may cause in a second. Copies, because they are what a flood costs: with two
 * ports a frame is one of them, with thirty it is twenty-nine. Owner lcores of the port's queues.
 */
#include "net_forward.h"

#include <rte_cycles.h>

#define STORM_BURST_MS 100 /* of copies at once */

void
net_storm_init(struct net_forward_port *port, uint32_t copies_per_second)
{
	port->storm_cycles = copies_per_second != 0 ? rte_get_tsc_hz() / copies_per_second : 0;
	port->storm_tsc = 0;
}

/*
 * storm_tsc is when all copies so far are paid for. Lcores that change it at the same time may miss
 * what another one added: a burst of each.
 */
bool
net_storm_allows(struct net_forward_port *port, uint32_t nb_copies)
{
	const uint64_t now = rte_rdtsc();
	const uint64_t earliest = now - rte_get_tsc_hz() / MS_PER_S * STORM_BURST_MS;
	uint64_t paid = vu_load(&port->storm_tsc);

	if (port->storm_cycles == 0)
		return true;
	if ((int64_t)(paid - now) > 0)
		return false;
	if ((int64_t)(paid - earliest) < 0)
		paid = earliest;
	vu_store(&port->storm_tsc, paid + nb_copies * port->storm_cycles);
	return true;
}
