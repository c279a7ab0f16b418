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
#include "vu_net.h"
#include "vu_virtio.h"

#define NET_MAX_BURST 32            /* frames handled at once */
/*
 * What one burst may cost, whatever a guest makes of its descriptors: one that exceeds this ends
 * with the frame that does. A frame takes no more than a few hundred descriptors.
 */
#define NET_BURST_BYTES (128u << 10)
#define NET_BURST_DESCS 512u          /* from a guest: the next poll goes on */
#define NET_BURST_WRITE_DESCS 2048u   /* to a guest: the others are dropped */

/* Why a frame was not carried on, beside enum vu_drop. */
enum net_drop {
	NET_DROP_NO_MBUF = VU_NB_COMMON_DROPS, /* mempool empty */
	NET_DROP_HANDOFF_FULL,  /* ring between two lcores full */
	NET_DROP_HANDOFF_SHARE, /* too much of this port's waits for other lcores */
	NET_DROP_NO_PORT,       /* nowhere to send it */
	NET_DROP_BAD_HEADER,    /* the guest's offload header contradicts the packet */
	NET_DROP_STORM,         /* floods more than it may */
	NET_DROP_LONG_CHAINS,   /* the receiver's chains are too long for more of a burst */
	NET_DROP_NO_OFFLOAD,    /* asks for an offload that nobody does for this guest */
	NET_NB_DROPS
};

struct net_burst_ops;

/* One virtqueue of a net device; even ones go to the guest, odd ones come from it. */
struct net_queue {
	struct vu_device_queue *queue;
	uint32_t nb_descs;           /* owner lcore: followed in chains by this burst */
	uint32_t room_bytes;         /* from-guest only: what one mbuf holds */
	uint16_t port_id;            /* from-guest only: mbuf.port */
	uint32_t max_bytes;          /* from-guest only: longer frames are dropped */
	struct rte_mempool *big_pool; /* from-guest only: for longer ones; NULL: none */
	bool has_rx_flags;           /* from-guest only: struct vu_net_frames */
	bool has_rx_checksum;
	uint64_t rearm;              /* from-guest only: mbuf.rearm_data of a new frame */
	/*
	 * from-guest: frames are copied into its mbufs; to-guest: what software has to change;
	 * NULL there: the pool of the frame
	 */
	struct rte_mempool *pool;
};

/* What was negotiated for a ring: the driver's part of its snapshot. */
struct net_snapshot {
	const struct net_burst_ops *burst;
	uint64_t offloads;           /* net_offload_effective() */
	uint16_t header_bytes;       /* 10 or 12 */
	bool is_mergeable;
	bool is_in_order;
};

static inline const struct net_snapshot *
net_snapshot(const struct vu_vring_snapshot *snap)
{
	return vu_vring_snapshot_priv(snap);
}

/* net_queue.c: what a queue's frames are made of; fill a new snapshot. Control. */
int net_queue_set_frames(struct net_queue *nq, const struct vu_net_frames *frames);
void net_snapshot_init(struct vu_device_queue *queue, struct vu_vring_snapshot *snap);

#endif /* NET_QUEUE_H */
