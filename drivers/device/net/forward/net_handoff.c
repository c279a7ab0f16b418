/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Handoff rings: frames on their way to another lcore, which owns the receive queue. What waits
 * there holds mbufs that all ports of the node share, and a long frame has many. So each port has a
 * share of them: a guest cannot keep the others from sending by filling the rings of lcores that do
 * not keep up. When few are left in the pool, a port gets no more than the minimum that is reserved
 * for each: several ports together cannot do it either. Senders and receivers count in words of
 * their own, and a sender reads the receivers' only when what it read last no longer does.
 */
#include "net_forward.h"

/*
 * Mbufs of a port's frames, by its number. They outlive the port: what still waits when it has gone
 * the next port that gets the number would lose until it arrives.
 */
static struct handoff_share {
	uint64_t nb_put __rte_cache_aligned;   /* lcores that poll the port's queues add */
	uint64_t nb_taken __rte_cache_aligned; /* lcores that take its frames add */
} handoff_shares[VU_MAX_PORTS];

/* Are no more mbufs left than the ports have reserved? Those in caches of lcores do not count. */
static bool
pool_is_short(const struct rte_mempool *pool)
{
	const uint32_t nb_reserved = vu_load(&net_switch_nb_ports) * NET_RESERVED_MBUFS;

	return rte_mempool_get_ops(pool->ops_index)->get_count(pool) <
		RTE_MIN(nb_reserved, pool->size / 2);
}

/*
 * Charge frames to their port. Several lcores may do so at a time, each on what it saw: a port may
 * exceed its share by one burst of each.
 * @return those, from the first on, that there is room for
 */
static unsigned int
share_charge(struct net_forward_queue *from, struct rte_mbuf **frames, unsigned int nb_frames)
{
	struct handoff_share *share = &handoff_shares[from->port->port_id];
	uint64_t end = vu_load(&share->nb_put);
	int64_t max_mbufs = NET_SHARE_MBUFS;
	uint64_t nb_mbufs = 0;

	for (unsigned int i = 0; i < nb_frames; i++)
		nb_mbufs += frames[i]->nb_segs;
	end += nb_mbufs;
	if ((int64_t)(end - from->share_taken) > NET_RESERVED_MBUFS &&
			unlikely(pool_is_short(from->ring.pool)))
		max_mbufs = NET_RESERVED_MBUFS;
	if (unlikely((int64_t)(end - from->share_taken) > max_mbufs))
		from->share_taken = vu_load(&share->nb_taken);
	while (nb_frames != 0 && (int64_t)(end - from->share_taken) > max_mbufs) {
		nb_frames--;
		end -= frames[nb_frames]->nb_segs;
		nb_mbufs -= frames[nb_frames]->nb_segs;
	}
	__atomic_fetch_add(&share->nb_put, nb_mbufs, __ATOMIC_RELAXED);
	return nb_frames;
}

/* These frames wait no longer. Most of a burst are from one port. */
static void
share_return(struct rte_mbuf **frames, unsigned int nb_frames)
{
	unsigned int i = 0;

	while (i < nb_frames) {
		const uint16_t port_id = frames[i]->port;
		uint64_t nb_mbufs = 0;

		for (; i < nb_frames && frames[i]->port == port_id; i++)
			nb_mbufs += frames[i]->nb_segs;
		/* Those of the control lcore are no port's. */
		if (likely(port_id < VU_MAX_PORTS))
			__atomic_fetch_add(&handoff_shares[port_id].nb_taken, nb_mbufs,
				__ATOMIC_RELAXED);
	}
}

static unsigned int
handoff_enqueue(const struct net_forward_queue *to, struct rte_mbuf **frames,
	unsigned int nb_frames)
{
	unsigned int nb = rte_ring_mp_enqueue_burst(to->handoff, (void **)frames, nb_frames, NULL);

	vu_device_queue_wake(to->ring.queue);
	return nb;
}

unsigned int
net_handoff_enqueue(struct net_forward_queue *from, const struct net_forward_queue *to,
	struct rte_mbuf **frames, unsigned int nb_frames, unsigned int *reason)
{
	const uint16_t port_id = from->port->port_id;
	unsigned int nb_charged = share_charge(from, frames, nb_frames);
	unsigned int nb;

	for (unsigned int i = 0; i < nb_charged; i++)
		/* A flooded frame waits elsewhere already: then this is a read, as it is there. */
		if (frames[i]->port != port_id)
			frames[i]->port = port_id;
	nb = handoff_enqueue(to, frames, nb_charged);
	share_return(&frames[nb], nb_charged - nb);
	*reason = nb != nb_charged ? NET_DROP_HANDOFF_FULL : NET_DROP_HANDOFF_SHARE;
	return nb;
}

bool
net_handoff_enqueue_own(const struct net_forward_queue *to, struct rte_mbuf *frame)
{
	return handoff_enqueue(to, &frame, 1) == 1;
}

uint16_t
net_handoff_dequeue(struct net_forward_queue *to, struct rte_mbuf **frames)
{
	unsigned int nb = rte_ring_sc_dequeue_burst(to->handoff, (void **)frames, NET_MAX_BURST,
		NULL);

	share_return(frames, nb);
	return (uint16_t)nb;
}
