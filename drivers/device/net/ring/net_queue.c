/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a queue's bursts depend on: its pool and what was negotiated. Control lcore.
 */
#include "net_queue.h"

#include <errno.h>
#include <string.h>

#include "net_burst.h"
#include "net_offload.h"

#define NET_HEADER_LEGACY_BYTES 10
#define NET_HEADER_BYTES 12

void
net_snapshot_init(struct vu_device_queue *queue, struct vu_vring_snapshot *snap)
{
	struct net_snapshot *ns = vu_vring_snapshot_priv(snap);
	const uint64_t long_header = RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF) |
		RTE_BIT64(VIRTIO_F_VERSION_1);

	ns->header_bytes = (snap->features & long_header) != 0 ? NET_HEADER_BYTES :
		NET_HEADER_LEGACY_BYTES;
	ns->is_mergeable = (snap->features & RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF)) != 0;
	ns->is_in_order = (snap->features & RTE_BIT64(VIRTIO_F_IN_ORDER)) != 0;
	ns->offloads = net_offload_effective(snap->features);
	ns->burst = net_variant_choose(snap);
	queue->variant = ns->burst->name;
}

/* What frames from this pool look like when they are new. */
int
net_queue_set_pool(struct net_queue *nq, struct rte_mempool *pool)
{
	const struct rte_mbuf fresh = {
		.data_off = RTE_PKTMBUF_HEADROOM, .nb_segs = 1, .port = RTE_MBUF_PORT_INVALID,
		.refcnt = 1,
	};

	nq->pool = pool;
	if (pool == NULL)
		return -ENOMEM;
	memcpy(&nq->rearm, &fresh.rearm_data, sizeof(nq->rearm));
	nq->room_bytes = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	return 0;
}
