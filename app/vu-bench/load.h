/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the application above a back half does: one turn on a pair of queues in each direction. The
 * code around the call of the back half is the same for all of them.
 */
#ifndef LOAD_H
#define LOAD_H

#include <rte_branch_prediction.h>
#include <rte_debug.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include "side.h"

/** What a load works with. */
struct load_conf {
	const struct bench_case *point;
	const struct frame_sizes *sizes;
	struct rte_mempool *pool;
};

/** Give a frame as many mbufs as its length needs. */
void load_set_long(struct rte_mempool *pool, struct rte_mbuf *frame, uint32_t len_bytes);

/* Leave the checksum of UDP in IPv4 to the guest. */
static __rte_always_inline void
load_ask_checksum(struct rte_mbuf **frames, uint16_t nb)
{
	for (uint16_t i = 0; i < nb; i++) {
		frames[i]->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
		frames[i]->tx_offload = 0;
		frames[i]->l2_len = sizeof(struct rte_ether_hdr);
		frames[i]->l3_len = sizeof(struct rte_ipv4_hdr);
	}
}

/* Frames of the application: content is what the mbufs held before, the lengths are set. */
static __rte_always_inline void
load_alloc(const struct load_conf *conf, uint64_t number, struct rte_mbuf **frames, uint16_t nb)
{
	/* The pool is far larger than what is in use at a time. */
	RTE_VERIFY(rte_pktmbuf_alloc_bulk(conf->pool, frames, nb) == 0);
	for (uint16_t i = 0; i < nb; i++) {
		uint32_t len_bytes = frame_size(conf->sizes, number + i);

		if (unlikely(len_bytes > rte_pktmbuf_tailroom(frames[i]))) {
			load_set_long(conf->pool, frames[i], len_bytes);
			continue;
		}
		frames[i]->data_len = (uint16_t)len_bytes;
		frames[i]->pkt_len = len_bytes;
	}
	if (conf->point->has_offload)
		load_ask_checksum(frames, nb);
}

/** Take a burst and free it. @return frames */
static __rte_always_inline uint16_t
load_from_guest(struct side *side, const struct load_conf *conf, uint32_t pair)
{
	struct rte_mbuf *frames[BENCH_MAX_BURST];
	uint16_t nb = side->ops->from_guest(side->handles[2 * pair + 1], frames,
		(uint16_t)conf->point->burst);

	rte_pktmbuf_free_bulk(frames, nb);
	side->nb_taken += nb;
	return nb;
}

/** Allocate a burst, copy it to the guest, free it. @return frames that found room */
static __rte_always_inline uint16_t
load_to_guest(struct side *side, const struct load_conf *conf, uint32_t pair)
{
	struct rte_mbuf *frames[BENCH_MAX_BURST];
	uint16_t nb = (uint16_t)conf->point->burst;
	uint16_t nb_put;

	load_alloc(conf, side->numbers[pair], frames, nb);
	nb_put = side->ops->to_guest(side->handles[2 * pair], frames, nb);
	rte_pktmbuf_free_bulk(frames, nb);
	side->numbers[pair] += nb_put;
	side->nb_put += nb_put;
	return nb_put;
}

/** Take a burst, copy it to the guest of the queue, free it. @return frames that found room */
static __rte_always_inline uint16_t
load_both(struct side *side, const struct load_conf *conf, uint32_t pair)
{
	struct rte_mbuf *frames[BENCH_MAX_BURST];
	uint16_t nb = side->ops->from_guest(side->handles[2 * pair + 1], frames,
		(uint16_t)conf->point->burst);
	uint16_t nb_put = side->ops->to_guest(side->handles[2 * pair], frames, nb);

	rte_pktmbuf_free_bulk(frames, nb);
	side->nb_taken += nb;
	side->nb_put += nb_put;
	return nb_put;
}

/** Move a burst from one guest to the other. @return frames that found room */
static __rte_always_inline uint32_t
load_guest_to_guest(struct side *side, const struct load_conf *conf, uint32_t pair)
{
	uint32_t nb;

	if (side->ops->forward == NULL)
		return load_both(side, conf, pair);
	nb = side->ops->forward(side->back, side->handles[2 * pair + 1], side->handles[2 * pair],
		(uint16_t)conf->point->burst);
	side->nb_taken += nb;
	side->nb_put += nb;
	return nb;
}

/** One of the four, chosen at compile time. */
static __rte_always_inline uint32_t
load_turn(struct side *side, const struct load_conf *conf, uint32_t pair,
	const enum bench_direction direction)
{
	if (direction == BENCH_FROM_GUEST)
		return load_from_guest(side, conf, pair);
	if (direction == BENCH_TO_GUEST)
		return load_to_guest(side, conf, pair);
	if (direction == BENCH_GUEST_TO_GUEST)
		return load_guest_to_guest(side, conf, pair);
	return load_both(side, conf, pair);
}

#endif /* LOAD_H */
