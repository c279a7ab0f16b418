/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the virtio-net device driver: where frames from a guest go and how they get there, all
 * on the lcore that polls the source queue unless the destination queue belongs to another lcore:
 * then its handoff ring lies between. From one guest to one other on the same lcore there is a
 * shorter way, net_direct.c.
 */
#ifndef NET_FORWARD_H
#define NET_FORWARD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "net_queue.h"

#define NET_HANDOFF_FRAMES 1024     /* between two lcores, per queue */
#define NET_SHARE_MBUFS 2048        /* of a pool's may be in handoff rings for one port */

/* Where frames from a guest go. */
enum net_far {
	/* learning switch that all such ports share; alone, a port echoes like MACSWAP */
	NET_FAR_SWITCH,
	NET_FAR_LOOPBACK, /* back to the guest, unchanged */
	NET_FAR_MACSWAP,  /* back to the guest with MAC addresses swapped */
	NET_FAR_NULL,     /* discarded */
};

/* Frames that have left the guest and wait for a queue that moves between lcores. */
struct net_held {
	uint64_t since_tsc; /* 0: nothing is held */
	uint16_t port_id;   /* where they go */
	uint32_t serial;    /* of that port: another one may have got the number since */
	struct rte_mbuf *frames[NET_MAX_BURST];
};

/* A queue with its way through the driver. */
struct net_forward_queue {
	struct net_queue ring;       /* first: what the device queue's priv points to */
	struct net_forward_port *port; /* fixed */
	uint32_t pair;               /* fixed */
	uint16_t direct_max;         /* from-guest only: frames that may go straight on at once */
	uint16_t nb_held;            /* from-guest only: frames in held; 0: the usual poll */
	struct rte_ring *handoff;    /* to-guest only: frames from other lcores */
	uint64_t share_taken;        /* from-guest only: the port's nb_taken, when last looked at */
	struct net_held held;        /* from-guest only; owner lcore */
} __rte_cache_aligned;

/* A net device as frames on their way see it. */
struct net_forward_port {
	enum net_far far;            /* fixed */
	uint32_t nb_pairs;           /* fixed */
	uint16_t port_id;            /* fixed: number among all net devices, and in the switch */
	uint32_t serial;             /* fixed: the same among all that there ever were */
	struct net_forward_queue *queues; /* 2 * nb_pairs */
};

static inline struct net_forward_queue *
net_queue_to_guest(const struct net_forward_port *port, uint32_t pair)
{
	return &port->queues[2 * pair];
}

/* net_poll.c: poll functions. Owner lcore. */
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
 * net_forward.c: send a burst where the queue's port forwards to; all frames are consumed. Owner
 * lcore.
 */
void net_far_send(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames);
/* Poll function of a queue from the guest that holds frames back. Owner lcore. */
uint32_t net_held_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);
/* Give up what a queue from the guest holds back. Owner lcore, or control while it is quiet. */
void net_held_drop(struct net_forward_queue *from, enum vu_drop reason);
/* Does the destination address decide where the port's frames go? Any data lcore. */
bool net_far_is_switched(const struct net_forward_port *net);
/*
 * Deliver frames to a port of the switch if this lcore may copy them there right away; they stay
 * the caller's. Owner lcore.
 */
bool net_far_put(struct net_forward_queue *from, uint16_t port_id, struct rte_mbuf **frames,
	uint16_t nb_frames);

/*
 * net_handoff.c: put frames into the handoff ring of a queue that another lcore owns. Returns how
 * many there was room for, the first ones; `why` is what keeps the next one out. Owner lcore of
 * `from`.
 */
unsigned int net_handoff_enqueue(struct net_forward_queue *from, const struct net_forward_queue *to,
	struct rte_mbuf **frames, unsigned int nb_frames, enum vu_drop *why);
/* The same for one frame that no guest sent. Control lcore. */
bool net_handoff_enqueue_own(const struct net_forward_queue *to, struct rte_mbuf *frame);
/* Take up to NET_MAX_BURST frames out. Owner lcore of the queue, or control while it is quiet. */
uint16_t net_handoff_dequeue(struct net_forward_queue *to, struct rte_mbuf **frames);

/*
 * net_direct.c: forward frames from the guest's memory to another guest's with one copy. Returns
 * the ring entries dealt with; 0: the next frame has to go the ordinary way. Owner lcore.
 */
uint16_t net_direct_forward(struct net_forward_queue *from, const struct vu_vring_snapshot *snap);

/*
 * Give a device its number, and take it back when no data lcore can know it any more. Control
 * lcore.
 * @return 0; -ENOSPC there are VU_MAX_PORTS of them
 */
int net_far_number(struct net_forward_port *net);
void net_far_unnumber(struct net_forward_port *net);
/*
 * Join and leave the switch. Control lcore; after leaving, wait for a grace period before freeing.
 */
void net_far_join(struct net_forward_port *net);
void net_far_leave(struct net_forward_port *net);
/*
 * Send a broadcast frame of the port's own guest to all other ports; takes it. Control lcore.
 */
void net_far_announce(struct net_forward_port *net, struct rte_mbuf *frame);

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

#endif /* NET_FORWARD_H */
