/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Poll functions of a net device's queues, and what happens to frames at a receive ring. Owner
 * lcore.
 */
#include "net_forward.h"

#include <rte_branch_prediction.h>

#include "net_burst.h"

void
net_to_guest_enqueue(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames)
{
	uint16_t done = nq->burst->enqueue(nq, snap, frames, nb_frames);
	bool is_ok = likely(nq->queue->vring.pos.fault == VU_VRING_OK);

	vu_device_queue_drop(
		nq->queue, is_ok ? VU_DROP_RING_FULL : VU_DROP_FAULT, nb_frames - done);
	/* The queue's own task is to look after a notification that was put off. */
	if (unlikely(nq->queue->vring.pos.is_delayed))
		vu_task_poll_next(&nq->queue->task);
	if (unlikely(!is_ok))
		vu_device_queue_fail(nq->queue, snap);
}

void
net_to_guest_push(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames)
{
	net_to_guest_enqueue(nq, snap, frames, nb_frames);
	rte_pktmbuf_free_bulk(frames, nb_frames);
}

static void
handoff_set_idle_word(struct net_forward_queue *nq)
{
	struct vu_idle_word *idle_word = &nq->ring.queue->task.idle_word;

	idle_word->word = (const uint32_t *)(uintptr_t)&nq->handoff->prod.tail;
	idle_word->idle = nq->handoff->cons.tail;
	idle_word->mask = UINT32_MAX;
}

uint32_t
net_to_guest_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct net_forward_queue *nq = queue->priv;
	struct rte_mbuf *frames[NET_MAX_BURST];
	uint16_t nb_frames = net_handoff_dequeue(nq, frames);

	handoff_set_idle_word(nq);
	if (nb_frames == 0)
		return 0;
	if (likely(snap->is_enabled)) {
		net_to_guest_push(&nq->ring, snap, frames, nb_frames);
	} else {
		vu_device_queue_drop(queue, VU_DROP_DISABLED, nb_frames);
		rte_pktmbuf_free_bulk(frames, nb_frames);
	}
	return nb_frames;
}

uint32_t
net_from_guest_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct net_forward_queue *nq = queue->priv;
	struct rte_mbuf *frames[NET_MAX_BURST];
	uint16_t nb_frames = 0;
	uint16_t nb_entries = net_direct_forward(nq, snap);

	if (nb_entries == 0 && likely(queue->vring.pos.fault == VU_VRING_OK))
		nb_entries = nq->ring.burst->dequeue(&nq->ring, snap, frames, NET_MAX_BURST,
			&nb_frames);
	vu_device_queue_set_idle_word(queue, snap);
	if (nb_frames != 0)
		net_far_send(nq, frames, nb_frames);
	return nb_entries;
}
