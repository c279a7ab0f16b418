/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Poll functions of a net device's queues. Owner lcore.
 */
#include "net_forward.h"

#include "net_burst.h"

const struct net_forward_ops *
net_forward_find(const char *name)
{
	static const struct net_forward_ops *const tables[] = {
		&net_forward_switch, &net_forward_loopback, &net_forward_macswap,
		&net_forward_null,
	};

	for (unsigned int i = 0; i < RTE_DIM(tables); i++)
		if (strcmp(tables[i]->name, name) == 0)
			return tables[i];
	return NULL;
}

/* The ring is looked at once: what goes straight on is copied, the others are taken and sent. */
static __rte_always_inline uint32_t
poll_ring(struct net_forward_queue *from, const struct vu_vring_snapshot *snap)
{
	const struct net_forward_ops *ops = from->port->ops;
	struct vu_device_queue *queue = from->ring.queue;
	struct rte_mbuf *frames[NET_MAX_BURST];
	uint16_t nb_entries, nb_frames;
	struct net_look look;

	look.has_walk = false;
	look.nb_ports = 0;
	if (ops->dequeue != NULL)
		nb_entries = ops->dequeue(from, snap, frames, &nb_frames, &look);
	else
		nb_entries = net_snapshot(snap)->burst->dequeue(&from->ring, snap, frames,
			NET_MAX_BURST, &nb_frames);
	vu_device_queue_set_idle_word(queue, snap);
	if (nb_frames != 0)
		ops->send(from, frames, nb_frames, &look);
	return nb_entries;
}

/* While frames wait that have left the guest no others are taken from it. */
static __rte_noinline uint32_t
poll_deferring(struct net_forward_queue *from, const struct vu_vring_snapshot *snap)
{
	uint32_t nb_items = from->nb_deferred;

	if (nb_items != 0) {
		net_deferred_deliver(from);
		return nb_items - from->nb_deferred;
	}
	nb_items = poll_ring(from, snap);
	if (from->nb_deferred == 0)
		net_deferred_end(from);
	return nb_items;
}

uint32_t
net_from_guest_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct net_forward_queue *from = queue->priv;

	if (unlikely(from->is_deferring))
		return poll_deferring(from, snap);
	return poll_ring(from, snap);
}

static void
handoff_set_idle_word(struct net_forward_queue *to)
{
	struct vu_idle_word *idle_word = &to->ring.queue->task.idle_word;

	idle_word->word = (const uint32_t *)(uintptr_t)&to->handoff->prod.tail;
	idle_word->idle = to->handoff->cons.tail;
	idle_word->mask = UINT32_MAX;
}

uint32_t
net_to_guest_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct net_forward_queue *to = queue->priv;
	struct rte_mbuf *frames[NET_MAX_BURST];
	uint16_t nb_frames = net_handoff_dequeue(to, frames);

	handoff_set_idle_word(to);
	if (nb_frames == 0)
		return 0;
	if (likely(snap->is_enabled))
		net_to_guest_push(&to->ring, snap, frames, nb_frames);
	else
		net_drop(to, VU_DROP_DISABLED, frames, nb_frames);
	return nb_frames;
}

void
net_forward_drain(struct net_forward_queue *fq, unsigned int reason)
{
	struct rte_mbuf *frames[NET_MAX_BURST];
	uint16_t nb_frames;

	net_deferred_drop(fq, reason);
	if (fq->handoff == NULL)
		return;
	while ((nb_frames = net_handoff_dequeue(fq, frames)) != 0)
		net_drop(fq, reason, frames, nb_frames);
}
