/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the frames from a guest of a net port go. Runs on the lcore that polls the source
 * queue. A frame is copied straight into the destination guest's memory if this lcore owns the
 * destination queue too; otherwise it goes through that queue's handoff ring. Frames of one flow
 * keep their order either way.
 */
#include "net_forward.h"

#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>

#include "vu_limits.h"

#define FAR_FLOOD NET_FDB_UNKNOWN
#define FAR_HOLD_MS 2000 /* a move takes microseconds, or as long as lcores are without a CPU */

/*
 * Ports of the switch by number; control writes, data lcores read and use until their next safe
 * point.
 */
static struct net_forward_port *far_ports[VU_MAX_PORTS];
static uint16_t far_nb_ports;
static uint16_t far_end_port; /* one more than the highest number ever in use */

/* Numbers in use, and how many were given so far. Control lcore. */
static bool far_is_taken[VU_MAX_PORTS];
static uint32_t far_nb_given;

int
net_far_number(struct net_forward_port *net)
{
	for (uint16_t i = 0; i < VU_MAX_PORTS; i++) {
		if (far_is_taken[i])
			continue;
		far_is_taken[i] = true;
		net->port_id = i;
		net->serial = far_nb_given++;
		return 0;
	}
	return -ENOSPC;
}

void
net_far_unnumber(struct net_forward_port *net)
{
	far_is_taken[net->port_id] = false;
}

void
net_far_join(struct net_forward_port *net)
{
	/* Device before pointer; pairs with the acquire in far_port(). */
	vu_store_release(&far_ports[net->port_id], net);
	vu_store(&far_nb_ports, (uint16_t)(far_nb_ports + 1));
	vu_store(&far_end_port, RTE_MAX(far_end_port, (uint16_t)(net->port_id + 1)));
}

void
net_far_leave(struct net_forward_port *net)
{
	vu_store(&far_ports[net->port_id], NULL);
	vu_store(&far_nb_ports, (uint16_t)(far_nb_ports - 1));
	net_fdb_forget_port(net->port_id);
}

static inline struct net_forward_port *
far_port(uint16_t port_id)
{
	/* Pairs with the release in net_far_join(). */
	return vu_load_acquire(&far_ports[port_id]);
}

/* A ring that was given up takes no frames: they would only wait in its handoff ring. */
static inline bool
far_queue_is_open(const struct net_forward_queue *nq, const struct vu_vring_snapshot **snap)
{
	*snap = vu_vring_snapshot_load(&nq->ring.queue->vring);
	return *snap != NULL && (*snap)->is_enabled &&
		vu_load(&nq->ring.queue->vring.pos.fault) == VU_VRING_OK;
}

/*
 * Receive queue of a port for frames of one source queue: the same pair if it is in use, else the
 * first.
 */
static inline struct net_forward_queue *
far_queue(const struct net_forward_port *net, uint32_t pair, const struct vu_vring_snapshot **snap)
{
	struct net_forward_queue *nq = net_queue_to_guest(net, pair % net->nb_pairs);

	if (likely(far_queue_is_open(nq, snap)))
		return nq;
	nq = net_queue_to_guest(net, 0);
	return far_queue_is_open(nq, snap) ? nq : NULL;
}

/*
 * May this lcore push to the queue right away? What is in its handoff ring goes first: it may hold
 * frames of this very flow, sent before source and destination came to the same lcore. One burst of
 * it at a time, so that the guest can give buffers back.
 */
static inline bool
far_can_push(struct net_forward_queue *nq, const struct vu_vring_snapshot *snap)
{
	struct rte_mbuf *frames[NET_MAX_BURST];
	uint16_t nb;

	if (unlikely(!vu_task_is_mine(&nq->ring.queue->task)))
		return false;
	if (likely(rte_ring_empty(nq->handoff)))
		return true;
	nb = net_handoff_dequeue(nq, frames);
	net_to_guest_push(&nq->ring, snap, frames, nb);
	return rte_ring_empty(nq->handoff) && nq->ring.queue->vring.pos.fault == VU_VRING_OK;
}

/* ---- frames held back ---- */

static inline bool
far_is_held_for(const struct net_forward_queue *from, const struct net_forward_port *net)
{
	return unlikely(from->nb_held != 0) && net->serial == from->held.serial;
}

/* The queue is not coming: there was no memory for its arrival. */
static bool
far_is_held_too_long(const struct net_forward_queue *from)
{
	return rte_rdtsc() - from->held.since_tsc > rte_get_tsc_hz() / MS_PER_S * FAR_HOLD_MS;
}

/*
 * A queue on its way between lcores is polled by nobody, and has much to catch up with when it
 * arrives: while its handoff ring is full, keep the frames and take no others from the guest. That
 * is over with the first poll that need not hold any. Returns how many were kept.
 */
static __rte_noinline unsigned int
far_hold(struct net_forward_queue *from, const struct net_forward_port *net,
	const struct net_forward_queue *nq, struct rte_mbuf **frames, unsigned int nb_frames)
{
	const struct vu_task *task = &nq->ring.queue->task;
	const bool is_on_its_way = !vu_task_has_owner(task) || vu_task_is_mine(task);

	/* Those that are held already go elsewhere, or all of this is but an overload. */
	if (from->nb_held != 0 ? !far_is_held_for(from, net) :
			!is_on_its_way && from->held.since_tsc == 0)
		return 0;
	if (from->held.since_tsc == 0)
		from->held.since_tsc = rte_rdtsc();
	if (far_is_held_too_long(from))
		return 0;
	nb_frames = RTE_MIN(nb_frames, (unsigned int)NET_MAX_BURST - from->nb_held);
	memcpy(&from->held.frames[from->nb_held], frames, nb_frames * sizeof(frames[0]));
	from->nb_held += (uint16_t)nb_frames;
	from->held.port_id = net->port_id;
	from->held.serial = net->serial;
	from->ring.queue->poll = net_held_poll;
	from->ring.queue->task.idle_word = (struct vu_idle_word)VU_IDLE_WORD_ALWAYS;
	return nb_frames;
}

/* Deliver to a port; takes the frames. Drops on the way are the source queue's. */
static void
far_deliver(struct net_forward_queue *from, const struct net_forward_port *net,
	struct rte_mbuf **frames, uint16_t nb_frames)
{
	const struct vu_vring_snapshot *snap;
	struct net_forward_queue *nq = far_queue(net, from->pair, &snap);
	const bool is_behind_others = far_is_held_for(from, net);
	enum vu_drop why = nq != NULL ? VU_DROP_HANDOFF_FULL : VU_DROP_NO_PORT;
	unsigned int nb_sent = 0;

	if (nq != NULL && likely(!is_behind_others) && far_can_push(nq, snap)) {
		net_to_guest_push(&nq->ring, snap, frames, nb_frames);
		return;
	}
	if (nq != NULL && !is_behind_others)
		nb_sent = net_handoff_enqueue(from, nq, frames, nb_frames, &why);
	if (nq != NULL && nb_sent < nb_frames)
		nb_sent += far_hold(from, net, nq, &frames[nb_sent], nb_frames - nb_sent);
	if (nb_sent == nb_frames)
		return;
	vu_device_queue_drop(from->ring.queue, why, nb_frames - nb_sent);
	rte_pktmbuf_free_bulk(&frames[nb_sent], nb_frames - nb_sent);
}

/* The port that frames are held for, NULL if it has gone. Only ports of the switch have others'. */
static const struct net_forward_port *
far_held_port(const struct net_forward_queue *from)
{
	const struct net_forward_port *net = from->port;

	if (from->held.serial != net->serial)
		net = far_port(from->held.port_id);
	return net != NULL && net->serial == from->held.serial ? net : NULL;
}

/* Send what was held back; what cannot be sent yet is held again. */
static void
far_deliver_held(struct net_forward_queue *from)
{
	struct rte_mbuf *frames[NET_MAX_BURST];
	const uint16_t nb_frames = from->nb_held;
	const struct net_forward_port *net = far_held_port(from);

	memcpy(frames, from->held.frames, nb_frames * sizeof(frames[0]));
	from->nb_held = 0;
	if (net != NULL) {
		far_deliver(from, net, frames, nb_frames);
		return;
	}
	vu_device_queue_drop(from->ring.queue, VU_DROP_NO_PORT, nb_frames);
	rte_pktmbuf_free_bulk(frames, nb_frames);
}

uint32_t
net_held_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct net_forward_queue *from = queue->priv;
	const uint32_t nb_held = from->nb_held;
	uint32_t nb_items;

	if (nb_held != 0) {
		far_deliver_held(from);
		return nb_held - from->nb_held;
	}
	nb_items = net_from_guest_poll(queue, snap);
	if (from->nb_held != 0)
		return nb_items;
	/* One that never came is not waited for again before the ring starts again. */
	if (!far_is_held_too_long(from))
		from->held.since_tsc = 0;
	queue->poll = net_from_guest_poll;
	return nb_items;
}

void
net_held_drop(struct net_forward_queue *from, enum vu_drop reason)
{
	from->held.since_tsc = 0;
	if (from->nb_held == 0)
		return;
	vu_device_queue_drop(from->ring.queue, reason, from->nb_held);
	rte_pktmbuf_free_bulk(from->held.frames, from->nb_held);
	from->nb_held = 0;
	from->ring.queue->poll = net_from_guest_poll;
}

/* Copies share the frames' memory: nobody writes to a frame once it is in the switch. */
static void
far_flood(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames)
{
	uint16_t end_port = vu_load(&far_end_port);
	struct rte_mbuf *copies[NET_MAX_BURST];

	uint16_t nb_ports = 0;

	for (uint16_t id = 0; id < end_port; id++) {
		const struct vu_vring_snapshot *snap;
		struct net_forward_port *net = far_port(id);

		/* A port without a guest takes no part; its share of a flood is no drop. */
		if (net == NULL || net == from->port || far_queue(net, from->pair, &snap) == NULL)
			continue;
		nb_ports++;
		for (uint16_t i = 0; i < nb_frames; i++) {
			rte_pktmbuf_refcnt_update(frames[i], 1);
			copies[i] = frames[i];
		}
		far_deliver(from, net, copies, nb_frames);
	}
	if (nb_ports == 0)
		vu_device_queue_drop(from->ring.queue, VU_DROP_NO_PORT, nb_frames);
	rte_pktmbuf_free_bulk(frames, nb_frames);
}

static void
far_forward(struct net_forward_queue *from, uint16_t port_id, struct rte_mbuf **frames,
	uint16_t nb_frames)
{
	struct net_forward_port *net;

	if (nb_frames == 0)
		return;
	if (port_id == FAR_FLOOD) {
		far_flood(from, frames, nb_frames);
		return;
	}
	net = far_port(port_id);
	/* Nothing goes back where it came from: its receiver is behind the same port and has it. */
	if (likely(net != NULL && net != from->port)) {
		far_deliver(from, net, frames, nb_frames);
		return;
	}
	vu_device_queue_drop(from->ring.queue, VU_DROP_NO_PORT, nb_frames);
	rte_pktmbuf_free_bulk(frames, nb_frames);
}

/* Keep the frames that have an Ethernet header; the others are dropped. */
static uint16_t
far_keep_whole(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames)
{
	uint16_t nb_kept = 0;

	for (uint16_t i = 0; i < nb_frames; i++) {
		if (likely(frames[i]->data_len >= RTE_ETHER_HDR_LEN)) {
			frames[nb_kept++] = frames[i];
			continue;
		}
		vu_device_queue_drop(from->ring.queue, VU_DROP_TOO_SHORT, 1);
		rte_pktmbuf_free(frames[i]);
	}
	return nb_kept;
}

static void
far_switch(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames)
{
	struct net_fdb_walk walk = net_fdb_walk_start(from->port->port_id);
	uint16_t run_port = FAR_FLOOD;
	uint16_t run_start = 0;

	nb_frames = far_keep_whole(from, frames, nb_frames);
	for (uint16_t i = 0; i < nb_frames; i++) {
		const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frames[i],
			const struct rte_ether_hdr *);
		uint16_t port_id = net_fdb_walk_next(&walk, eth);

		if (port_id == run_port)
			continue;
		far_forward(from, run_port, &frames[run_start], i - run_start);
		run_start = i;
		run_port = port_id;
	}
	far_forward(from, run_port, &frames[run_start], nb_frames - run_start);
}

static void
far_swap_macs(struct rte_mbuf **frames, uint16_t nb_frames)
{
	for (uint16_t i = 0; i < nb_frames; i++) {
		struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frames[i], struct rte_ether_hdr *);
		struct rte_ether_addr dst = eth->dst_addr;

		eth->dst_addr = eth->src_addr;
		eth->src_addr = dst;
	}
}

bool
net_far_is_switched(const struct net_forward_port *net)
{
	return net->far == NET_FAR_SWITCH && vu_load(&far_nb_ports) > 1;
}

bool
net_far_put(struct net_forward_queue *from, uint16_t port_id, struct rte_mbuf **frames,
	uint16_t nb_frames)
{
	const struct net_forward_port *net = far_port(port_id);
	const struct vu_vring_snapshot *snap;
	struct net_forward_queue *nq;

	if (net == NULL || net == from->port)
		return false;
	nq = far_queue(net, from->pair, &snap);
	/* Frames in the handoff ring may be older ones of the same flow. */
	if (nq == NULL || !vu_task_is_mine(&nq->ring.queue->task) || !rte_ring_empty(nq->handoff))
		return false;
	net_to_guest_enqueue(&nq->ring, snap, frames, nb_frames);
	return true;
}

void
net_far_send(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames)
{
	enum net_far far = from->port->far;

	if (net_far_is_switched(from->port)) {
		far_switch(from, frames, nb_frames);
		return;
	}
	if (far == NET_FAR_NULL) {
		rte_pktmbuf_free_bulk(frames, nb_frames);
		return;
	}
	if (far != NET_FAR_LOOPBACK) {
		nb_frames = far_keep_whole(from, frames, nb_frames);
		far_swap_macs(frames, nb_frames);
	}
	far_deliver(from, from->port, frames, nb_frames);
}

void
net_far_announce(struct net_forward_port *from, struct rte_mbuf *frame)
{
	for (uint16_t id = 0; id < far_end_port; id++) {
		const struct vu_vring_snapshot *snap;
		struct net_forward_port *net = far_port(id);
		struct net_forward_queue *nq;

		if (net == NULL || net == from)
			continue;
		nq = far_queue(net, 0, &snap);
		if (nq == NULL)
			continue;
		/* This lcore owns no queue: the frame waits for the one that does. */
		rte_pktmbuf_refcnt_update(frame, 1);
		if (!net_handoff_enqueue_own(nq, frame)) {
			nq->ring.queue->nb_control_drops++;
			rte_pktmbuf_free(frame);
		}
	}
	rte_pktmbuf_free(frame);
}
