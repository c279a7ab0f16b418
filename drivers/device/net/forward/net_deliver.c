/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Delivery to a receive queue. Frames are copied straight into the guest's memory if this lcore
 * owns the queue; otherwise they go through its handoff ring. Owner lcore of the source queue.
 */
#include "net_forward.h"

#include <rte_cycles.h>

#include "net_burst.h"

#define DEFER_MS 2000 /* a move takes microseconds, or as long as lcores are without a CPU */

/* Why a queue took no more of a burst. */
static unsigned int
enqueue_end_reason(const struct net_queue *nq, bool is_ok)
{
	if (!is_ok)
		return VU_DROP_FAULT;
	return nq->nb_descs < NET_BURST_WRITE_DESCS ? VU_DROP_RING_FULL : NET_DROP_LONG_CHAINS;
}

uint16_t
net_to_guest_enqueue(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames)
{
	uint16_t done = net_snapshot(snap)->burst->enqueue(nq, snap, frames, nb_frames);
	const uint8_t fault = nq->queue->vring.pos.fault;

	/* The queue's own task is to look after a notification that was put off. */
	if (unlikely(nq->queue->vring.pos.is_delayed))
		vu_task_poll_next(&nq->queue->task);
	if (unlikely(fault != VU_VRING_OK))
		vu_device_queue_fail(nq->queue, snap);
	if (likely(done == nb_frames) || fault == VU_VRING_IOTLB_MISS)
		return done;
	vu_device_queue_drop(nq->queue, enqueue_end_reason(nq, fault == VU_VRING_OK),
		nb_frames - done);
	return nb_frames;
}

/* Until translations come the ring takes no others: there is room. */
static __rte_noinline void
hold(struct net_queue *nq, struct rte_mbuf **frames, uint16_t nb_frames)
{
	struct net_forward_queue *to = container_of(nq, struct net_forward_queue, ring);

	memcpy(to->deferred.frames, frames, nb_frames * sizeof(frames[0]));
	to->nb_deferred = nb_frames;
}

void
net_to_guest_push(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames)
{
	uint16_t done = net_to_guest_enqueue(nq, snap, frames, nb_frames);

	if (unlikely(done != nb_frames))
		hold(nq, &frames[done], nb_frames - done);
	rte_pktmbuf_free_bulk(frames, done);
}

void
net_held_push(struct net_forward_queue *to, const struct vu_vring_snapshot *snap)
{
	struct rte_mbuf *frames[NET_MAX_BURST];
	const uint16_t nb_frames = to->nb_deferred;

	memcpy(frames, to->deferred.frames, nb_frames * sizeof(frames[0]));
	to->nb_deferred = 0;
	if (likely(snap->is_enabled))
		net_to_guest_push(&to->ring, snap, frames, nb_frames);
	else
		net_drop(to, VU_DROP_DISABLED, frames, nb_frames);
}

/*
 * Push a burst of what is in the handoff ring of a queue of this lcore. It goes first: it may hold
 * frames of this very flow, sent before source and destination came to the same lcore. One burst at
 * a time, so that the guest can give buffers back.
 */
static __rte_noinline void
push_handoff(struct net_forward_queue *to, const struct vu_vring_snapshot *snap)
{
	struct rte_mbuf *frames[NET_MAX_BURST];
	uint16_t nb_frames = net_handoff_dequeue(to, frames);

	net_to_guest_push(&to->ring, snap, frames, nb_frames);
}

/*
 * Deliver frames to a queue of this lcore, whose port pays. @return false: not now, they are to
 * wait in the handoff ring; *is_overdrawn: until that port has time again
 */
static inline bool
deliver_now(struct net_forward_queue *to, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames, bool *is_overdrawn)
{
	struct vu_task *payer;
	bool is_done;

	*is_overdrawn = !vu_account_pass(&to->ring.queue->task, &payer);
	if (unlikely(*is_overdrawn))
		return false;
	if (unlikely(!rte_ring_empty(to->handoff)) && snap != NULL &&
			to->ring.queue->vring.pos.fault == VU_VRING_OK)
		push_handoff(to, snap);
	is_done = likely(rte_ring_empty(to->handoff) && snap != NULL &&
		to->ring.queue->vring.pos.fault == VU_VRING_OK);
	if (is_done)
		net_to_guest_push(&to->ring, snap, frames, nb_frames);
	vu_account_return(payer);
	return is_done;
}

/* Does the ring lack translations, for as long as its front-end likes? */
static inline bool
is_waiting(const struct net_forward_queue *to, const struct vu_vring_snapshot *snap)
{
	return unlikely(snap == NULL) ||
		vu_load(&to->ring.queue->vring.pos.fault) == VU_VRING_IOTLB_MISS;
}

/* ---- frames that wait ---- */

static inline bool
is_deferred_for(const struct net_forward_queue *from, const struct net_forward_port *port)
{
	return unlikely(from->nb_deferred != 0) && port->serial == from->deferred.serial;
}

/* The queue is not coming: there was no memory for its arrival. */
static bool
is_deferred_too_long(const struct net_forward_queue *from)
{
	return rte_rdtsc() - from->deferred.since_tsc > rte_get_tsc_hz() / MS_PER_S * DEFER_MS;
}

/*
 * A queue on its way between lcores is polled by nobody, and has much to catch up with when it
 * arrives: while its handoff ring is full, keep the frames and take no others from the guest. That
 * is over with the first poll that need not defer any. Returns how many were kept.
 */
static __rte_noinline unsigned int
defer(struct net_forward_queue *from, const struct net_forward_port *port,
	const struct net_forward_queue *to, struct rte_mbuf **frames, unsigned int nb_frames)
{
	const struct vu_task *task = &to->ring.queue->task;
	const bool is_on_its_way = !vu_task_has_owner(task) || vu_task_is_mine(task);
	struct net_deferred *deferred = &from->deferred;

	/* Those that wait already go elsewhere, or all of this is only an overload. */
	if (from->nb_deferred != 0 ? !is_deferred_for(from, port) :
			!is_on_its_way && deferred->since_tsc == 0)
		return 0;
	if (deferred->since_tsc == 0)
		deferred->since_tsc = rte_rdtsc();
	if (is_deferred_too_long(from))
		return 0;
	nb_frames = RTE_MIN(nb_frames, (unsigned int)NET_MAX_BURST - from->nb_deferred);
	memcpy(&deferred->frames[from->nb_deferred], frames, nb_frames * sizeof(frames[0]));
	from->nb_deferred += (uint16_t)nb_frames;
	from->is_deferring = true;
	deferred->port_id = port->port_id;
	deferred->serial = port->serial;
	from->ring.queue->task.idle_word = (struct vu_idle_word)VU_IDLE_WORD_ALWAYS;
	return nb_frames;
}

void
net_deliver(struct net_forward_queue *from, const struct net_forward_port *port,
	struct rte_mbuf **frames, uint16_t nb_frames)
{
	const struct vu_vring_snapshot *snap;
	struct net_forward_queue *to = net_receive_queue(port, from->pair, &snap);
	unsigned int reason = NET_DROP_HANDOFF_FULL;
	unsigned int nb_sent = 0;
	bool is_overdrawn = false;

	if (unlikely(to == NULL)) {
		net_drop(from, NET_DROP_NO_PORT, frames, nb_frames);
		return;
	}
	if (likely(!is_deferred_for(from, port))) {
		if (vu_task_is_mine(&to->ring.queue->task) &&
				deliver_now(to, snap, frames, nb_frames, &is_overdrawn))
			return;
		is_overdrawn |= is_waiting(to, snap);
		/*
		 * One that owes time, or lacks a translation, must not keep all the mbufs that this
		 * port may have there.
		 */
		if (likely(!is_overdrawn || rte_ring_count(to->handoff) < NET_OVERDRAWN_FRAMES))
			nb_sent = net_handoff_enqueue(from, to, frames, nb_frames, &reason);
	}
	/* Nor must it keep the sender waiting. */
	if (nb_sent < nb_frames && likely(!is_overdrawn))
		nb_sent += defer(from, port, to, &frames[nb_sent], nb_frames - nb_sent);
	if (nb_sent < nb_frames)
		net_drop(from, reason, &frames[nb_sent], nb_frames - nb_sent);
}

/* The port that frames wait for, NULL if it has gone. Only ports of the switch have others'. */
static const struct net_forward_port *
deferred_port(const struct net_forward_queue *from)
{
	const struct net_forward_port *port = from->port;

	if (from->deferred.serial != port->serial)
		port = net_switch_port(from->deferred.port_id);
	return port != NULL && port->serial == from->deferred.serial ? port : NULL;
}

void
net_deferred_deliver(struct net_forward_queue *from)
{
	struct rte_mbuf *frames[NET_MAX_BURST];
	const uint16_t nb_frames = from->nb_deferred;
	const struct net_forward_port *port = deferred_port(from);

	memcpy(frames, from->deferred.frames, nb_frames * sizeof(frames[0]));
	from->nb_deferred = 0;
	if (port != NULL)
		net_deliver(from, port, frames, nb_frames);
	else
		net_drop(from, NET_DROP_NO_PORT, frames, nb_frames);
}

void
net_deferred_end(struct net_forward_queue *from)
{
	from->is_deferring = false;
	/* A queue that never came is not waited for again before the ring is started again. */
	if (!is_deferred_too_long(from))
		from->deferred.since_tsc = 0;
}

void
net_deferred_drop(struct net_forward_queue *from, unsigned int reason)
{
	net_drop(from, reason, from->deferred.frames, from->nb_deferred);
	from->nb_deferred = 0;
	from->is_deferring = false;
	from->deferred.since_tsc = 0;
}
