/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the virtio-net device driver: where frames from a guest go and how they get there.
 *
 *   net_forward.c   poll functions of the queues
 *   net_switch.c, net_echo.c, net_null.c   where frames go: one table of operations each
 *   net_direct.c    from one guest to one other with one copy
 *   net_deliver.c   to a receive queue: at once, through its handoff ring, or deferred
 *   net_storm.c     how much a port may flood
 *   net_handoff.c, net_fdb.c   handoff rings; ports and addresses of the switch
 *
 * All of it runs on the lcore that polls the source queue. If the destination queue belongs to
 * another lcore, its handoff ring lies between. Frames of one flow keep their order either way.
 */
#ifndef NET_FORWARD_H
#define NET_FORWARD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "net_queue.h"
#include "vu_atomic.h"
#include "vu_limits.h"

#define NET_HANDOFF_FRAMES 1024     /* between two lcores, per queue */
#define NET_OVERDRAWN_FRAMES 256    /* of them, for a port that has no time left */
#define NET_SHARE_MBUFS 2048        /* of a pool's may be in handoff rings for one port */
#define NET_RESERVED_MBUFS 64       /* of these that the other ports cannot take away */

struct net_forward_port;
struct net_forward_queue;
struct net_look;

/* Where frames from a guest go: one table for each value of forward=. */
struct net_forward_ops {
	const char *name;
	/* Send frames on; all are consumed. Owner lcore of the queue. */
	void (*send)(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames,
		const struct net_look *look);
	/*
	 * Optional: like dequeue of the ring's burst functions, but send the frames that need no
	 * mbuf, and report in `look` what was found out about those that did. Owner lcore of the
	 * queue.
	 */
	uint16_t (*dequeue)(struct net_forward_queue *from, const struct vu_vring_snapshot *snap,
		struct rte_mbuf **frames, uint16_t *nb_frames, struct net_look *look);
	/*
	 * Optional: let other ports find this one, and no longer. Control lcore; after leaving,
	 * wait for a grace period before freeing.
	 */
	void (*join)(struct net_forward_port *port);
	void (*leave)(struct net_forward_port *port);
	/*
	 * Optional: broadcast a frame in the name of the guest; takes it. False: it is not sent,
	 * its source address is another port's. Control lcore.
	 */
	bool (*announce)(struct net_forward_port *from, struct rte_mbuf *frame);
};

extern const struct net_forward_ops net_forward_switch, net_forward_loopback,
	net_forward_macswap, net_forward_null;

/* Frames that have left the guest and wait for a queue that moves between lcores. */
struct net_deferred {
	uint64_t since_tsc; /* 0: nothing was deferred recently */
	uint16_t port_id;   /* where they go */
	uint32_t serial;    /* of that port: another one may have got the number since */
	struct rte_mbuf *frames[NET_MAX_BURST];
};

/* A queue with its way through the driver. */
struct net_forward_queue {
	struct net_queue ring;       /* first: what the device queue's priv points to */
	struct net_forward_port *port; /* fixed */
	uint32_t pair;               /* fixed */
	uint16_t direct_max;         /* from-guest only: frames to try to send straight on first */
	/* frames in deferred; to-guest: they wait for translations */
	uint16_t nb_deferred;
	bool is_deferring;           /* from-guest only: the last poll had deferred frames */
	struct rte_ring *handoff;    /* to-guest only: frames from other lcores */
	uint64_t share_taken;        /* from-guest only: the port's nb_taken, when last looked at */
	struct net_deferred deferred; /* owner lcore */
} __rte_cache_aligned;

/* A net device as frames on their way see it. */
struct net_forward_port {
	const struct net_forward_ops *ops; /* fixed */
	uint32_t nb_pairs;           /* fixed */
	uint16_t port_id;            /* fixed: number among all net devices, and in the switch */
	uint32_t serial;             /* fixed: the same among all that there ever were */
	uint32_t max_addresses;      /* fixed: that the switch learns, 0: any number */
	struct net_forward_queue *queues; /* 2 * nb_pairs */
	uint64_t storm_cycles;       /* fixed: that a copy of a flooded frame costs, 0 = nothing */
	uint64_t storm_tsc;          /* net_storm.c; owner lcores of its queues */
};

/* Count frames of a queue as dropped and free them. Owner lcore, or control while it is quiet. */
static inline void
net_drop(struct net_forward_queue *fq, unsigned int reason, struct rte_mbuf **frames,
	unsigned int nb_frames)
{
	vu_device_queue_drop(fq->ring.queue, reason, nb_frames);
	rte_pktmbuf_free_bulk(frames, nb_frames);
}

/*
 * net_forward.c: poll functions. Owner lcore.
 */
uint32_t net_from_guest_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);
uint32_t net_to_guest_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);
/* Drop all frames on their way to or from a ring. Owner lcore, or control while it is quiet. */
void net_forward_drain(struct net_forward_queue *fq, unsigned int reason);
/* The table with this name, or NULL. Any thread. */
const struct net_forward_ops *net_forward_find(const char *name);

/* ---- net_deliver.c: to a receive queue ---- */

/* A ring behind an IOMMU whose parts are not translated: frames wait for it in the handoff ring. */
static inline bool
net_queue_is_paused(const struct net_forward_queue *fq, const struct vu_vring_snapshot **snap)
{
	const struct vu_vring *vring = &fq->ring.queue->vring;
	/* Pairs with the releases in device_commit.c. */
	const bool is_paused = vu_load_acquire(&vring->is_paused);

	/* It may have ended just now. */
	*snap = vu_vring_snapshot_load(vring);
	return is_paused || *snap != NULL;
}

/* A ring that was given up takes no frames: they would only wait in its handoff ring. */
static inline bool
net_queue_is_open(const struct net_forward_queue *fq, const struct vu_vring_snapshot **snap)
{
	*snap = vu_vring_snapshot_load(&fq->ring.queue->vring);
	if (unlikely(*snap == NULL) && !net_queue_is_paused(fq, snap))
		return false;
	return likely(*snap == NULL || (*snap)->is_enabled) &&
		!vu_vring_is_given_up(vu_load(&fq->ring.queue->vring.pos.fault));
}

/*
 * Receive queue of a port for frames of one source queue: the same pair if it is in use, else the
 * first; NULL if there is none. Without a snapshot it is paused. Any data lcore.
 */
static inline struct net_forward_queue *
net_receive_queue(const struct net_forward_port *port, uint32_t pair,
	const struct vu_vring_snapshot **snap)
{
	struct net_forward_queue *to = &port->queues[2 * (pair % port->nb_pairs)];

	if (likely(net_queue_is_open(to, snap)))
		return to;
	to = &port->queues[0];
	return net_queue_is_open(to, snap) ? to : NULL;
}

/*
 * Copy frames into the guest's buffers; what does not fit is dropped and counted. @return frames
 * dealt with; those behind them wait for a translation and stay the caller's. Owner lcore of the
 * queue, whose ring has no fault.
 */
uint16_t net_to_guest_enqueue(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames);
/* The same; all are consumed: those that wait are kept for net_held_push(). */
void net_to_guest_push(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames);
/* Translations may have come: push the frames that wait. Owner lcore of the queue. */
void net_held_push(struct net_forward_queue *to, const struct vu_vring_snapshot *snap);
/*
 * Deliver frames to a port; all are consumed. Drops on the way are the source queue's. Owner lcore.
 */
void net_deliver(struct net_forward_queue *from, const struct net_forward_port *port,
	struct rte_mbuf **frames, uint16_t nb_frames);
/* Deliver what was deferred; what still cannot go is deferred again. Owner lcore. */
void net_deferred_deliver(struct net_forward_queue *from);
/* A poll deferred nothing. Owner lcore. */
void net_deferred_end(struct net_forward_queue *from);
/* Give up what was deferred. Owner lcore, or control while it is quiet. */
void net_deferred_drop(struct net_forward_queue *from, unsigned int reason);

/* ---- net_storm.c ---- */

/* 0: no limit. Control lcore. */
void net_storm_init(struct net_forward_port *port, uint32_t copies_per_second);
/* May the port cause so many copies? Then it has. Owner lcore of a queue of the port. */
bool net_storm_allows(struct net_forward_port *port, uint32_t nb_copies);

/* ---- net_echo.c ---- */

/* Drop frames without an Ethernet header. Returns how many are left, in front. Owner lcore. */
uint16_t net_keep_whole(struct net_forward_queue *from, struct rte_mbuf **frames,
	uint16_t nb_frames);
/* Send frames back to the guest with their addresses swapped; all are consumed. Owner lcore. */
void net_echo_swapped(struct net_forward_queue *from, struct rte_mbuf **frames,
	uint16_t nb_frames);

/* ---- net_handoff.c: from one lcore to another ---- */

/*
 * Put frames into the handoff ring of a queue that another lcore owns. Returns how many there was
 * room for, the first ones; `reason` is what keeps the next one out. Owner lcore of `from`.
 */
unsigned int net_handoff_enqueue(struct net_forward_queue *from,
	const struct net_forward_queue *to, struct rte_mbuf **frames, unsigned int nb_frames,
	unsigned int *reason);
/* The same for one frame that no guest sent. Control lcore. */
bool net_handoff_enqueue_own(const struct net_forward_queue *to, struct rte_mbuf *frame);
/* Take up to NET_MAX_BURST frames out. Owner lcore of the queue, or control while it is quiet. */
uint16_t net_handoff_dequeue(struct net_forward_queue *to, struct rte_mbuf **frames);

/* ---- net_fdb.c: ports of the switch, and which of them a MAC address was last seen on ---- */

/* By number; control writes, data lcores read and use until their next quiescent state. */
extern struct net_forward_port *net_switch_ports[VU_MAX_PORTS];
extern uint16_t net_switch_nb_ports;
extern uint16_t net_switch_end_port; /* one more than the highest number ever in use */

/* Port of the switch with that number, or NULL. Any lcore. */
static inline struct net_forward_port *
net_switch_port(uint16_t port_id)
{
	/* Pairs with the release in net_switch_join(). */
	return vu_load_acquire(&net_switch_ports[port_id]);
}

/* A single port has nobody to switch to. Any lcore. */
static inline bool
net_switch_is_alone(void)
{
	return vu_load(&net_switch_nb_ports) <= 1;
}

void net_switch_join(struct net_forward_port *port);
void net_switch_leave(struct net_forward_port *port);

/* Addresses: any data lcore, lock-free. */
#define NET_FDB_UNKNOWN UINT16_MAX
uint16_t net_fdb_age_now(void);
uint16_t net_fdb_tick(uint64_t tick); /* what net_fdb_age_now() does with the time; for tests */
/* False: it is at another port whose guest uses it, or this one has as many as it may have. */
bool net_fdb_learn(const struct rte_ether_addr *mac, uint16_t port_id, uint16_t age);
uint16_t net_fdb_lookup(const struct rte_ether_addr *mac, uint16_t age);

/* Control lcore. */

/* The address stays at this port. False: it does at another one, or there is no room. */
bool net_fdb_pin(const struct rte_ether_addr *mac, uint16_t port_id);
/* All addresses of a port, or those not pinned. */
void net_fdb_forget_port(uint16_t port_id);
void net_fdb_forget_learned(uint16_t port_id);
/* The port's guest sends no more: its addresses may turn up elsewhere at once. */
void net_fdb_release_port(uint16_t port_id);

struct net_fdb_usage {
	uint32_t nb;         /* addresses in the table */
	uint32_t max;
	uint64_t nb_refused; /* frames whose source address was not learned */
};
struct net_fdb_usage net_fdb_usage(uint16_t port_id);

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

/* ---- net_direct.c: from guest to guest ---- */

/* What is known of the frames of a burst when they get to the switch. */
struct net_look {
	bool has_walk;
	uint16_t nb_ports;           /* the first frames, whose port is known */
	uint16_t ports[NET_MAX_BURST]; /* where each of them goes, NET_FDB_UNKNOWN: everywhere */
	struct net_fdb_walk walk;    /* if has_walk: goes on behind them */
};

/* dequeue of the switch: forward frames from guest memory to guest memory with one copy. */
uint16_t net_direct_dequeue(struct net_forward_queue *from, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t *nb_frames, struct net_look *look);

#endif /* NET_FORWARD_H */
