/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the application above a back-end does: one turn on a pair of queues in each direction. The
 * code around the call of the back-end is the same for all of them.
 */
#ifndef LOAD_H
#define LOAD_H

#include <rte_branch_prediction.h>
#include <rte_debug.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include "subject.h"

/* Leave the checksum of UDP in IPv4 to the guest. */
static __rte_always_inline void
load_ask_checksum(struct rte_mbuf *frame)
{
	frame->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
	frame->tx_offload = 0;
	frame->l2_len = sizeof(struct rte_ether_hdr);
	frame->l3_len = sizeof(struct rte_ipv4_hdr);
}

/* Frames of the application: content is what the mbufs held before, the lengths are set. */
static __rte_always_inline void
load_alloc(const struct backend_conf *conf, uint64_t number, struct rte_mbuf **frames, uint16_t nb)
{
	/* The pool is far larger than what is in use at a time. */
	RTE_VERIFY(rte_pktmbuf_alloc_bulk(conf->pool, frames, nb) == 0);
	for (uint16_t i = 0; i < nb; i++) {
		uint32_t len_bytes = frame_size(conf->sizes, number + i);

		if (unlikely(len_bytes > rte_pktmbuf_tailroom(frames[i]))) {
			frame_set_len(conf->pool, frames[i], len_bytes);
			continue;
		}
		frames[i]->data_len = (uint16_t)len_bytes;
		frames[i]->pkt_len = len_bytes;
	}
	for (uint16_t i = 0; i < nb && conf->point->has_offload; i++)
		load_ask_checksum(frames[i]);
}

/** Take a burst. @return frames */
static __rte_always_inline uint16_t
load_take(struct subject *subject, uint32_t pair, struct rte_mbuf **frames, uint16_t nb)
{
	nb = subject->ops->from_guest(subject->handles[2 * pair + 1], frames, nb);
	subject->nb_taken += nb;
	return nb;
}

/** Give a burst to a guest; the frames stay the caller's. @return frames that found room */
static __rte_always_inline uint16_t
load_put(struct subject *subject, uint32_t pair, struct rte_mbuf **frames, uint16_t nb)
{
	nb = subject->ops->to_guest(subject->handles[2 * pair], frames, nb);
	subject->numbers[pair] += nb;
	subject->nb_put += nb;
	return nb;
}

/** Move a burst from one guest to the other without seeing it. @return frames */
static __rte_always_inline uint32_t
load_forward(struct subject *subject, uint32_t pair)
{
	uint32_t nb = subject->ops->forward(subject->backend, subject->handles[2 * pair + 1],
		subject->handles[2 * pair], (uint16_t)subject->conf.point->burst);

	subject->nb_taken += nb;
	subject->nb_put += nb;
	return nb;
}

/** One turn: frames that got where they are to go. */
static __rte_always_inline uint32_t
load_turn(struct subject *subject, uint32_t pair)
{
	const enum bench_direction direction = subject->conf.point->direction;
	uint16_t nb = (uint16_t)subject->conf.point->burst, nb_put;
	struct rte_mbuf *frames[BENCH_MAX_BURST];

	if (direction == BENCH_GUEST_TO_GUEST && subject->ops->forward != NULL)
		return load_forward(subject, pair);
	if (direction == BENCH_TO_GUEST)
		load_alloc(&subject->conf, subject->numbers[pair], frames, nb);
	else
		nb = load_take(subject, pair, frames, nb);
	nb_put = direction == BENCH_FROM_GUEST ? nb : load_put(subject, pair, frames, nb);
	rte_pktmbuf_free_bulk(frames, nb);
	return nb_put;
}

#endif /* LOAD_H */
