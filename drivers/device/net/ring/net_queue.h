/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the virtio-net device driver: a virtqueue as its burst functions see it.
 */
#ifndef NET_QUEUE_H
#define NET_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "vu_device_driver.h"
#include "vu_virtio.h"

#define NET_MAX_BURST 32            /* frames handled at once */
/* Longer frames are dropped: the longest IP packet, with an Ethernet header and two VLAN tags. */
#define NET_MAX_FRAME_BYTES (65535 + 14 + 2 * 4)

struct net_burst_ops;

/* One virtqueue of a net device; even ones go to the guest, odd ones come from it. */
struct net_queue {
	struct vu_device_queue *queue;
	uint16_t header_bytes;       /* 10 or 12, set when the ring starts */
	bool is_mergeable;           /* set when the ring starts */
	bool is_in_order;            /* set when the ring starts */
	uint32_t room_bytes;         /* from-guest only: what one mbuf holds */
	uint64_t offloads;           /* set when the ring starts: net_offload_effective() */
	const struct net_burst_ops *burst; /* set when the ring starts */
	uint64_t rearm;              /* from-guest only: mbuf.rearm_data of a new frame */
	/* from-guest: frames are copied into its mbufs; to-guest: what software has to change */
	struct rte_mempool *pool;
};

/* net_queue.c: what a queue's frames are made of; what a ring about to start gets. Control. */
int net_queue_set_pool(struct net_queue *nq, struct rte_mempool *pool);
void net_queue_start(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);

#endif /* NET_QUEUE_H */
