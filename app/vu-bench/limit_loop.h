/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The loops of the `limit`, to be compiled for several instruction sets: a file that includes this
 * defines LIMIT_WITH_LOOPS first and says LIMIT_LOOPS(name) then. The copies are those of our data
 * path, the best we have.
 */
#ifndef LIMIT_LOOP_H
#define LIMIT_LOOP_H

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_debug.h>
#include <rte_mbuf.h>

#include "vu_atomic.h"
#include "vu_copy.h"

#include "front.h"

struct limit_queue;

/** The loops for one instruction set; those called `empty` copy nothing. */
struct limit_loops {
	uint16_t (*from_guest)(struct limit_queue *queue, struct rte_mbuf **frames, uint16_t max);
	uint16_t (*to_guest)(struct limit_queue *queue, struct rte_mbuf **frames, uint16_t nb);
	uint16_t (*guest_to_guest)(struct limit_queue *from, struct limit_queue *to, uint16_t max);
	uint16_t (*empty_from_guest)(struct limit_queue *queue, struct rte_mbuf **frames,
		uint16_t max);
	uint16_t (*empty_to_guest)(struct limit_queue *queue, struct rte_mbuf **frames,
		uint16_t nb);
};

/** A queue as the `limit` sees it. */
struct limit_queue {
	const struct limit_loops *loops;
	struct rte_mempool *pool;
	struct front_queue *fq;
	uint8_t *buffers; /* the front half's, in a mapping of our own */
	uint64_t rearm;   /* mbuf.rearm_data of a new frame */
};

extern const struct limit_loops limit_loops_base;
extern const struct limit_loops limit_loops_avx2;
extern const struct limit_loops limit_loops_avx512;

#ifdef LIMIT_WITH_LOOPS

#define LIMIT_LOOPS(name) \
	const struct limit_loops name = { limit_from_guest, limit_to_guest, \
		limit_guest_to_guest, limit_empty_from_guest, limit_empty_to_guest }

static __rte_always_inline uint8_t *
limit_buffer(const struct limit_queue *queue, uint64_t number)
{
	return queue->buffers + (number & (queue->fq->nb_buffers - 1)) * queue->fq->stride_bytes;
}

static __rte_always_inline uint16_t
limit_ready(const struct front_queue *fq, uint16_t max)
{
	/* Pairs with the release in front_publish(). */
	uint64_t nb = vu_load_acquire(&fq->flow.given) - fq->flow.used;

	return (uint16_t)RTE_MIN(nb, (uint64_t)max);
}

static __rte_always_inline void
limit_done(struct front_queue *fq, uint64_t used)
{
	/* Copies before count; pairs with the acquire in front_collect(). */
	vu_store_release(&fq->flow.used, used);
}

/* A frame of one mbuf, in two stores: rearm data, flags; type, lengths. */
static_assert(offsetof(struct rte_mbuf, data_off) == 16 &&
	offsetof(struct rte_mbuf, pkt_len) == 36, "struct rte_mbuf");

typedef uint64_t limit_words __attribute__((vector_size(16), may_alias));

static __rte_always_inline void
limit_frame_init(struct rte_mbuf *frame, uint64_t rearm, uint32_t len_bytes)
{
	limit_words *words = (limit_words *)(void *)frame;

	words[1] = (limit_words){ rearm, 0 };
	words[2] = (limit_words){ (uint64_t)len_bytes << 32, len_bytes };
}

/* A frame that needs several mbufs. */
static __rte_noinline void
limit_take_long(struct rte_mempool *pool, struct rte_mbuf *frame, const uint8_t *src,
	uint32_t len_bytes)
{
	struct rte_mbuf *tail = frame;

	frame->data_len = 0;
	for (;;) {
		uint32_t nb = RTE_MIN(len_bytes, (uint32_t)rte_pktmbuf_tailroom(tail));

		vu_copy(rte_pktmbuf_mtod(tail, void *), src, nb);
		tail->data_len = (uint16_t)nb;
		src += nb;
		len_bytes -= nb;
		if (len_bytes == 0)
			return;
		tail->next = rte_pktmbuf_alloc(pool);
		RTE_VERIFY(tail->next != NULL);
		tail = tail->next;
		frame->nb_segs++;
	}
}

static __rte_always_inline uint16_t
limit_take(struct limit_queue *queue, struct rte_mbuf **frames, uint16_t max, const bool is_copying)
{
	struct front_queue *fq = queue->fq;
	uint32_t room_bytes = rte_pktmbuf_data_room_size(queue->pool) - RTE_PKTMBUF_HEADROOM;
	uint64_t used = fq->flow.used;
	uint16_t nb = limit_ready(fq, max);

	if (nb == 0 || rte_mempool_get_bulk(queue->pool, (void **)frames, nb) != 0)
		return 0;
	for (uint16_t i = 0; i < nb; i++, used++) {
		const uint8_t *src = limit_buffer(queue, used) + BENCH_HEADER_BYTES;
		uint32_t len_bytes = fq->flow.lens[used & (fq->nb_buffers - 1)] -
			BENCH_HEADER_BYTES;

		limit_frame_init(frames[i], queue->rearm, len_bytes);
		if (unlikely(is_copying && len_bytes > room_bytes)) {
			limit_take_long(queue->pool, frames[i], src, len_bytes);
			continue;
		}
		if (is_copying)
			vu_copy(RTE_PTR_ADD(frames[i]->buf_addr, RTE_PKTMBUF_HEADROOM), src,
				len_bytes);
	}
	limit_done(fq, used);
	return nb;
}

/* A driver looks for the number of buffers, in the line that the frame begins in. */
static __rte_always_inline void
limit_set_nb_buffers(const struct front_queue *fq, uint8_t *buffer, uint16_t nb)
{
	if (fq->is_mergeable)
		memcpy(buffer + 10, &nb, sizeof(nb));
}

static uint32_t
limit_nb_buffers(const struct front_queue *fq, uint32_t len_bytes)
{
	return (BENCH_HEADER_BYTES + len_bytes + fq->room_bytes - 1) / fq->room_bytes;
}

/* A frame of several mbufs, or for several buffers. @return buffers used */
static __rte_noinline uint16_t
limit_give_long(struct limit_queue *queue, uint64_t first, const struct rte_mbuf *frame)
{
	struct front_queue *fq = queue->fq;
	uint64_t used = first;
	uint32_t fill = BENCH_HEADER_BYTES;

	for (; frame != NULL; frame = frame->next) {
		const uint8_t *src = rte_pktmbuf_mtod(frame, const uint8_t *);
		uint32_t left = frame->data_len;

		while (left != 0) {
			uint32_t nb = RTE_MIN(left, fq->room_bytes - fill);

			vu_copy(limit_buffer(queue, used) + fill, src, nb);
			src += nb;
			left -= nb;
			fill += nb;
			fq->flow.lens[used & (fq->nb_buffers - 1)] = fill;
			if (fill == fq->room_bytes && (left != 0 || frame->next != NULL)) {
				used++;
				fill = 0;
			}
		}
	}
	used++;
	limit_set_nb_buffers(fq, limit_buffer(queue, first), (uint16_t)(used - first));
	return (uint16_t)(used - first);
}

static __rte_always_inline uint16_t
limit_give(struct limit_queue *queue, struct rte_mbuf **frames, uint16_t nb, const bool is_copying)
{
	struct front_queue *fq = queue->fq;
	uint64_t used = fq->flow.used;
	/* Pairs with the release in front_publish(). */
	uint64_t given = vu_load_acquire(&fq->flow.given);
	uint16_t i;

	for (i = 0; i < nb && used != given; i++) {
		uint8_t *buffer = limit_buffer(queue, used);
		uint32_t len_bytes = frames[i]->pkt_len;

		if (unlikely(frames[i]->nb_segs > 1 ||
				len_bytes > fq->room_bytes - BENCH_HEADER_BYTES)) {
			if (given - used < limit_nb_buffers(fq, len_bytes))
				break;
			used += limit_give_long(queue, used, frames[i]);
			continue;
		}
		limit_set_nb_buffers(fq, buffer, 1);
		if (is_copying)
			vu_copy(buffer + BENCH_HEADER_BYTES,
				rte_pktmbuf_mtod(frames[i], const void *), len_bytes);
		fq->flow.lens[used & (fq->nb_buffers - 1)] = BENCH_HEADER_BYTES + len_bytes;
		used++;
	}
	limit_done(fq, used);
	return i;
}

/* A frame that a buffer of the receiver may be too small for. @return buffers used; 0: no room */
static __rte_noinline uint16_t
limit_move_long(struct limit_queue *to, uint64_t used, uint8_t *src, uint32_t len_bytes)
{
	const struct rte_mbuf view = {
		.buf_addr = src, .nb_segs = 1, .pkt_len = len_bytes,
		.data_len = (uint16_t)len_bytes,
	};
	/* Pairs with the release in front_publish(). */
	uint64_t given = vu_load_acquire(&to->fq->flow.given);

	if (given - used < limit_nb_buffers(to->fq, len_bytes))
		return 0;
	return limit_give_long(to, used, &view);
}

static uint16_t
limit_guest_to_guest(struct limit_queue *from, struct limit_queue *to, uint16_t max)
{
	uint64_t taken = from->fq->flow.used, given = to->fq->flow.used;
	uint64_t nb_room = limit_ready(to->fq, max);
	uint16_t nb = limit_ready(from->fq, max);
	uint16_t i;

	for (i = 0; i < nb && i < nb_room; i++, taken++) {
		uint8_t *src = limit_buffer(from, taken) + BENCH_HEADER_BYTES;
		uint8_t *dst = limit_buffer(to, given);
		uint32_t len_bytes = from->fq->flow.lens[taken & (from->fq->nb_buffers - 1)] -
			BENCH_HEADER_BYTES;

		if (unlikely(len_bytes > to->fq->room_bytes - BENCH_HEADER_BYTES)) {
			uint16_t nb_buffers = limit_move_long(to, given, src, len_bytes);

			if (nb_buffers == 0)
				break;
			given += nb_buffers;
			continue;
		}
		limit_set_nb_buffers(to->fq, dst, 1);
		vu_copy(dst + BENCH_HEADER_BYTES, src, len_bytes);
		to->fq->flow.lens[given & (to->fq->nb_buffers - 1)] = BENCH_HEADER_BYTES +
			len_bytes;
		given++;
	}
	limit_done(from->fq, taken);
	limit_done(to->fq, given);
	return i;
}

static uint16_t
limit_from_guest(struct limit_queue *queue, struct rte_mbuf **frames, uint16_t max)
{
	return limit_take(queue, frames, max, true);
}

static uint16_t
limit_to_guest(struct limit_queue *queue, struct rte_mbuf **frames, uint16_t nb)
{
	return limit_give(queue, frames, nb, true);
}

static uint16_t
limit_empty_from_guest(struct limit_queue *queue, struct rte_mbuf **frames, uint16_t max)
{
	return limit_take(queue, frames, max, false);
}

static uint16_t
limit_empty_to_guest(struct limit_queue *queue, struct rte_mbuf **frames, uint16_t nb)
{
	return limit_give(queue, frames, nb, false);
}

#endif /* LIMIT_WITH_LOOPS */

#endif /* LIMIT_LOOP_H */
