/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One mbuf pool per NUMA node for all net devices, made with the first user and freed with the
 * last. Control lcore.
 */
#include "net_port.h"

#include <errno.h>
#include <stdio.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "vu_log.h"
#include "vu_net.h"

#define POOL_CACHE_MBUFS 256

static struct {
	struct rte_mempool *pool;
	uint32_t nb_users;
} pools[RTE_MAX_NUMA_NODES + 1]; /* the last one is for SOCKET_ID_ANY */

struct rte_mempool *
net_pool_get(int numa_node)
{
	unsigned int slot = numa_node >= 0 && numa_node < RTE_MAX_NUMA_NODES ?
		(unsigned int)numa_node : RTE_MAX_NUMA_NODES;
	char name[RTE_MEMPOOL_NAMESIZE];

	if (pools[slot].pool == NULL) {
		snprintf(name, sizeof(name), "vu_net_%u", slot);
		pools[slot].pool = rte_pktmbuf_pool_create(name, NET_POOL_MBUFS,
			POOL_CACHE_MBUFS, 0, RTE_MBUF_DEFAULT_BUF_SIZE, numa_node);
		if (pools[slot].pool == NULL)
			return NULL;
		VU_LOG(NET, INFO, "node %d: pool of %u mbufs", numa_node, NET_POOL_MBUFS);
	}
	pools[slot].nb_users++;
	return pools[slot].pool;
}

void
net_pool_put(struct rte_mempool *pool)
{
	for (unsigned int slot = 0; slot < RTE_DIM(pools); slot++) {
		if (pool == NULL || pools[slot].pool != pool)
			continue;
		/* Frames of a port may outlive it on their way to another one. */
		if (--pools[slot].nb_users == 0 && rte_mempool_full(pool)) {
			rte_mempool_free(pool);
			pools[slot].pool = NULL;
		}
		return;
	}
}

int
vu_net_set_frames(struct vu_device_queue *queue, const struct vu_net_frames *frames)
{
	struct net_queue *nq = queue->priv;

	if (rte_pktmbuf_data_room_size(frames->pool) <= RTE_PKTMBUF_HEADROOM)
		return -EINVAL;
	/* One of the caller's, from an earlier call, is none of those that are counted. */
	net_pool_put(nq->pool);
	return net_queue_set_frames(nq, frames);
}
