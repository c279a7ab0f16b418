/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private state of the net driver, for fuzz_switch.
 */
#include "switch.h"

#include <rte_mempool.h>

#include "net_forward.h"

static const struct net_forward_queue *
switch_queue(const struct vu_device *dev)
{
	return vu_device_queue(dev, 1)->priv;
}

void
switch_reset(const struct vu_device *dev, uint8_t mac)
{
	const struct rte_ether_addr own = { { 2, 0, 0, 0, 0, mac } };
	uint16_t port_id = switch_queue(dev)->port->port_id;

	net_fdb_forget_port(port_id);
	net_fdb_learn(&own, port_id, net_fdb_age_now());
}

bool
switch_has_all_mbufs(const struct vu_device *dev)
{
	const struct rte_mempool *pool = switch_queue(dev)->ring.pool;

	return rte_mempool_avail_count(pool) == pool->size;
}
