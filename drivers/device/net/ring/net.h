/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the virtio-net device driver: types shared by its files.
 * A frame's way: net_from_guest.c -> net_far.c -> net_to_guest.c, all on the lcore that polls the
 * source queue unless the destination queue belongs to another lcore: then its handoff ring lies
 * between. From one guest to one other on the same lcore there is a shorter way, net_direct.c.
 */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "vu_device_driver.h"
#include "vu_parse.h"
#include "vu_virtio.h"

#define NET_MAX_BURST 32            /* frames handled at once */
/* Longer frames are dropped: the longest IP packet, with an Ethernet header and two VLAN tags. */
#define NET_MAX_FRAME_BYTES (65535 + 14 + 2 * 4)
#define NET_HANDOFF_FRAMES 1024     /* between two lcores, per queue */
#define NET_POOL_MBUFS 16383        /* of a NUMA node, for all net devices there */
#define NET_SHARE_MBUFS 2048        /* of them may be in handoff rings for one port */
#define NET_MTU_MIN 68
#define NET_MTU_MAX 65535

/* Where frames from a guest go. */
enum net_far {
	/* learning switch that all such ports share; alone, a port echoes like MACSWAP */
	NET_FAR_SWITCH,
	NET_FAR_LOOPBACK, /* back to the guest, unchanged */
	NET_FAR_MACSWAP,  /* back to the guest with MAC addresses swapped */
	NET_FAR_NULL,     /* discarded */
};

/* The port's arguments. */
struct net_conf {
	enum net_far far;
	bool has_mac;
	struct rte_ether_addr mac;
	uint32_t mtu_bytes;  /* 0 = not offered */
	bool has_mrg;        /* offer mergeable receive buffers */
	bool has_event_idx;
	bool has_packed;     /* offer packed rings */
	bool has_in_order;
	bool has_offloads;   /* offer checksum and segmentation offloads */
};

struct net_burst_ops;
struct net_device;

/* Frames that have left the guest and wait for a queue that moves between lcores. */
struct net_held {
	uint64_t since_tsc; /* 0: nothing was held of late */
	uint16_t port_id;   /* where they go */
	uint32_t serial;    /* of that port: another one may have got the number since */
	struct rte_mbuf *frames[NET_MAX_BURST];
};

/* One virtqueue of a net device; even ones go to the guest, odd ones come from it. */
struct net_queue {
	struct vu_device_queue *queue;
	struct net_device *net;
	uint32_t pair;               /* fixed */
	uint16_t header_bytes;       /* 10 or 12, set when the ring starts */
	bool is_mergeable;           /* set when the ring starts */
	bool is_in_order;            /* set when the ring starts */
	uint16_t direct_max;         /* from-guest only: frames that may go straight on at once */
	uint64_t offloads;           /* set when the ring starts: net_offload_effective() */
	const struct net_burst_ops *burst; /* set when the ring starts */
	uint64_t rearm;              /* from-guest only: mbuf.rearm_data of a new frame */
	uint32_t room_bytes;         /* from-guest only: what one mbuf holds */
	uint16_t nb_held;            /* from-guest only: frames in held; 0: the usual poll */
	/* from-guest: frames are copied into its mbufs; to-guest: what software has to change */
	struct rte_mempool *pool;
	struct rte_ring *handoff;    /* to-guest only: frames from other lcores */
	uint64_t share_taken;        /* from-guest only: the port's nb_taken, when last looked at */
	struct net_held held;        /* from-guest only; owner lcore */
} __rte_cache_aligned;

struct net_device {
	struct vu_device *dev;
	struct net_conf conf;
	uint32_t nb_pairs;
	uint16_t mtu_bytes;          /* control lcore: NET_SET_MTU or conf */
	uint16_t port_id;            /* fixed: number among all net devices, and in the switch */
	uint32_t serial;             /* fixed: the same among all that there ever were */
	struct net_queue *queues;    /* 2 * nb_pairs */
};

static inline struct net_queue *
net_queue_to_guest(const struct net_device *net, uint32_t pair)
{
	return &net->queues[2 * pair];
}

/* net_conf.c: parse "key=value,..."; after a failure one line in `errmsg`. Control lcore. */
int net_conf_parse(struct net_conf *conf, const char *args, char *errmsg, size_t errmsg_bytes);
extern const struct vu_key net_conf_keys[];

/* net_pool.c: mbufs shared by all net devices of a NUMA node; counted. Control lcore. */
struct rte_mempool *net_pool_get(int numa_node);
void net_pool_put(struct rte_mempool *pool);

/* net_driver.c: what a queue's frames are made of; what a ring about to start gets. Control. */
int net_queue_set_pool(struct net_queue *nq, struct rte_mempool *pool);
void net_queue_start(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);

/* net_from_guest.c, net_to_guest.c: poll functions. Owner lcore. */
uint32_t net_from_guest_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);
uint32_t net_to_guest_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);

/*
 * Copy frames into the guest's buffers; what does not fit is dropped and counted. put leaves them
 * with the caller, push frees them. Owner lcore of the queue.
 */
void net_to_guest_enqueue(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames);
void net_to_guest_push(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames);

/*
 * net_far.c: hand a burst over to the far end of the queue's port; all frames are consumed. Owner
 * lcore.
 */
void net_far_send(struct net_queue *from, struct rte_mbuf **frames, uint16_t nb_frames);
/* Poll function of a queue from the guest that holds frames back. Owner lcore. */
uint32_t net_held_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);
/* Give up what a queue from the guest holds back. Owner lcore, or control while it is quiet. */
void net_held_drop(struct net_queue *from, enum vu_drop reason);
/* Does the destination address decide where the port's frames go? Any data lcore. */
bool net_far_is_switched(const struct net_device *net);
/*
 * Deliver frames to a port of the switch if this lcore may copy them there right away; they stay
 * the caller's. Owner lcore.
 */
bool net_far_put(struct net_queue *from, uint16_t port_id, struct rte_mbuf **frames,
	uint16_t nb_frames);

/*
 * net_handoff.c: put frames into the handoff ring of a queue that another lcore owns. Returns how
 * many there was room for, the first ones; `why` is what keeps the next one out. Owner lcore of
 * `from`.
 */
unsigned int net_handoff_enqueue(struct net_queue *from, const struct net_queue *to,
	struct rte_mbuf **frames, unsigned int nb_frames, enum vu_drop *why);
/* The same for one frame that no guest sent. Control lcore. */
bool net_handoff_enqueue_own(const struct net_queue *to, struct rte_mbuf *frame);
/* Take up to NET_MAX_BURST frames out. Owner lcore of the queue, or control while it is quiet. */
uint16_t net_handoff_dequeue(struct net_queue *to, struct rte_mbuf **frames);

/*
 * net_direct.c: forward frames from the guest's memory to another guest's with one copy. Returns
 * the ring entries dealt with; 0: the next frame has to go the ordinary way. Owner lcore.
 */
uint16_t net_direct_forward(struct net_queue *from, const struct vu_vring_snapshot *snap);

/*
 * Give a device its number, and take it back when no data lcore can know it any more. Control
 * lcore.
 * @return 0; -ENOSPC there are VU_MAX_PORTS of them
 */
int net_far_number(struct net_device *net);
void net_far_unnumber(struct net_device *net);
/*
 * Join and leave the switch. Control lcore; after leaving, wait for a grace period before freeing.
 */
void net_far_join(struct net_device *net);
void net_far_leave(struct net_device *net);
/*
 * Send a broadcast frame of the port's own guest to all other ports; takes it. Control lcore.
 */
void net_far_announce(struct net_device *net, struct rte_mbuf *frame);

/* net_rarp.c: a guest came here by migration: tell the switch where it is now. Control lcore. */
int net_send_rarp(struct vu_device *dev, const uint8_t *mac);

/* net_fdb.c: which port a MAC address was last seen on. Any data lcore, lock-free. */
#define NET_FDB_UNKNOWN UINT16_MAX
uint16_t net_fdb_age_now(void);
uint16_t net_fdb_tick(uint64_t tick); /* what net_fdb_age_now() does with the time; for tests */
void net_fdb_learn(const struct rte_ether_addr *mac, uint16_t port_id, uint16_t age);
uint16_t net_fdb_lookup(const struct rte_ether_addr *mac, uint16_t age);
void net_fdb_forget_port(uint16_t port_id);
/*
 * Look up where a frame goes and learn where it came from, one frame of a burst after the other:
 * most have the addresses of the one before.
 */
struct net_fdb_walk {
	uint16_t from_port_id;
	uint16_t age;
	uint16_t port_id; /* of the last frame */
	uint8_t macs[2 * RTE_ETHER_ADDR_LEN]; /* of the last frame, as in its header */
};

static inline struct net_fdb_walk
net_fdb_walk_start(uint16_t from_port_id)
{
	/* Address 0 is nobody's: what is there is true of it. */
	return (struct net_fdb_walk){ .from_port_id = from_port_id, .age = net_fdb_age_now(),
		.port_id = NET_FDB_UNKNOWN };
}

static inline uint16_t
net_fdb_walk_next(struct net_fdb_walk *walk, const struct rte_ether_hdr *eth)
{
	if (memcmp(walk->macs, eth, sizeof(walk->macs)) == 0)
		return walk->port_id;
	memcpy(walk->macs, eth, sizeof(walk->macs));
	walk->port_id = net_fdb_lookup(&eth->dst_addr, walk->age);
	net_fdb_learn(&eth->src_addr, walk->from_port_id, walk->age);
	return walk->port_id;
}

#endif /* NET_H */
