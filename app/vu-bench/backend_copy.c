/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What no back-end can do without: allocate mbufs, copy, walk the same buffers in the same order;
 * from guest to guest one copy and no mbuf. Compiled once for each instruction set, with
 * COPY_BACKEND as the name of the result, and once without copies (COPY_IS_COPYING): what mbufs
 * cost, and the application that is measured with it. The copies are those of our data path.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_branch_prediction.h>

#include "vu_atomic.h"
#include "vu_copy.h"

#include "subject.h"

#ifndef COPY_IS_COPYING
#define COPY_IS_COPYING 1
#endif

struct copy_queue {
	struct rte_mempool *pool;
	struct gen_queue *gq;
	uint8_t *buffers; /* the generator's, in a mapping of our own */
	uint64_t rearm;   /* mbuf.rearm_data of a new frame */
};

struct copy_backend {
	const struct backend_conf *conf;
	void *hva; /* of the guest memory */
	struct copy_queue queues[2 * BENCH_MAX_PAIRS];
};

/*
 * Guest memory in a mapping of its own, as every back-end has it: a cache may take two addresses of
 * a line for two lines.
 */
static int
copy_open(void *backend, const struct backend_conf *conf)
{
	struct copy_backend *copy = backend;

	copy->conf = conf;
	copy->hva = mmap(NULL, conf->memory->bytes, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_POPULATE, conf->memory->fd, 0);
	return copy->hva != MAP_FAILED ? 0 : -errno;
}

static void *
copy_queue(void *backend, struct gen_queue *gq)
{
	static const struct rte_mbuf fresh = {
		.data_off = RTE_PKTMBUF_HEADROOM, .nb_segs = 1, .port = RTE_MBUF_PORT_INVALID,
		.refcnt = 1,
	};
	struct copy_backend *copy = backend;
	struct copy_queue *queue = &copy->queues[gq->idx];

	queue->pool = copy->conf->pool;
	queue->gq = gq;
	queue->buffers = RTE_PTR_ADD(copy->hva, gq->buffers - copy->conf->memory->hva);
	memcpy(&queue->rearm, &fresh.data_off, sizeof(queue->rearm));
	return queue;
}

static void
copy_close(void *backend)
{
	struct copy_backend *copy = backend;

	if (copy->hva != MAP_FAILED)
		munmap(copy->hva, copy->conf->memory->bytes);
}

static __rte_always_inline void
copy_bytes(void *dst, const void *src, uint32_t len_bytes)
{
	if (COPY_IS_COPYING)
		vu_copy(dst, src, len_bytes);
}

static __rte_always_inline uint8_t *
copy_buffer(const struct copy_queue *queue, uint64_t number)
{
	return queue->buffers + (number & (queue->gq->nb_buffers - 1)) * queue->gq->stride_bytes;
}

static __rte_always_inline uint32_t *
copy_len(const struct gen_queue *gq, uint64_t number)
{
	return &gq->lens[number & (gq->nb_buffers - 1)];
}

/* Buffers that the generator has given and we have not used. */
static __rte_always_inline uint64_t
copy_nb_ready(const struct gen_queue *gq)
{
	/* Pairs with the release in gen_publish(). */
	return vu_load_acquire(&gq->given) - gq->used;
}

static __rte_always_inline void
copy_done(struct gen_queue *gq, uint64_t used)
{
	/* Copies before count; pairs with the acquire in gen_collect(). */
	vu_store_release(&gq->used, used);
}

/* A frame of one mbuf, in two stores: rearm data, flags; type, lengths. */
static_assert(offsetof(struct rte_mbuf, data_off) == 16 &&
	offsetof(struct rte_mbuf, pkt_len) == 36, "struct rte_mbuf");

typedef uint64_t copy_words __attribute__((vector_size(16), may_alias));

static __rte_always_inline void
copy_frame_init(struct rte_mbuf *frame, uint64_t rearm, uint32_t len_bytes)
{
	copy_words *words = (copy_words *)(void *)frame;

	words[1] = (copy_words){ rearm, 0 };
	words[2] = (copy_words){ (uint64_t)len_bytes << 32, len_bytes };
}

/* A frame that needs several mbufs. */
static __rte_noinline void
copy_from_long(struct rte_mempool *pool, struct rte_mbuf *frame, const uint8_t *src,
	uint32_t len_bytes)
{
	frame_set_len(pool, frame, len_bytes);
	for (; frame != NULL; frame = frame->next) {
		copy_bytes(rte_pktmbuf_mtod(frame, void *), src, frame->data_len);
		src += frame->data_len;
	}
}

static uint16_t
copy_from_guest(void *handle, struct rte_mbuf **frames, uint16_t max)
{
	struct copy_queue *queue = handle;
	struct gen_queue *gq = queue->gq;
	uint32_t room_bytes = rte_pktmbuf_data_room_size(queue->pool) - RTE_PKTMBUF_HEADROOM;
	uint64_t used = gq->used;
	uint16_t nb = (uint16_t)RTE_MIN(copy_nb_ready(gq), (uint64_t)max);

	if (nb == 0 || rte_mempool_get_bulk(queue->pool, (void **)frames, nb) != 0)
		return 0;
	for (uint16_t i = 0; i < nb; i++, used++) {
		const uint8_t *src = copy_buffer(queue, used) + BENCH_HEADER_BYTES;
		uint32_t len_bytes = *copy_len(gq, used) - BENCH_HEADER_BYTES;

		copy_frame_init(frames[i], queue->rearm, len_bytes);
		if (unlikely(len_bytes > room_bytes))
			copy_from_long(queue->pool, frames[i], src, len_bytes);
		else
			copy_bytes(RTE_PTR_ADD(frames[i]->buf_addr, RTE_PKTMBUF_HEADROOM), src,
				len_bytes);
	}
	copy_done(gq, used);
	return nb;
}

static __rte_always_inline void
copy_set_nb_buffers(const struct gen_queue *gq, uint8_t *buffer, uint16_t nb)
{
	if (gq->is_mergeable)
		memcpy(buffer + GEN_NB_BUFFERS_OFFSET, &nb, sizeof(nb));
}

/* A frame of several mbufs, or for several buffers. @return buffers used; 0: no room */
static __rte_noinline uint16_t
copy_to_long(struct copy_queue *queue, uint64_t first, const struct rte_mbuf *frame)
{
	struct gen_queue *gq = queue->gq;
	uint32_t nb_buffers = gen_nb_buffers(gq, frame->pkt_len);
	uint32_t fill = BENCH_HEADER_BYTES, offset = 0;

	if (copy_nb_ready(gq) - (first - gq->used) < nb_buffers)
		return 0;
	for (uint64_t used = first; used < first + nb_buffers; used++, fill = 0) {
		uint32_t nb = RTE_MIN(frame->pkt_len - offset, gq->room_bytes - fill);
		uint8_t *dst = copy_buffer(queue, used) + fill;
		/* Writes to dst only if the bytes are in several mbufs. */
		const void *src = rte_pktmbuf_read(frame, offset, nb, dst);

		if (src != dst)
			copy_bytes(dst, src, nb);
		offset += nb;
		*copy_len(gq, used) = fill + nb;
	}
	copy_set_nb_buffers(gq, copy_buffer(queue, first), (uint16_t)nb_buffers);
	return (uint16_t)nb_buffers;
}

static uint16_t
copy_to_guest(void *handle, struct rte_mbuf **frames, uint16_t nb)
{
	struct copy_queue *queue = handle;
	struct gen_queue *gq = queue->gq;
	uint64_t used = gq->used;
	uint64_t end = used + copy_nb_ready(gq);
	uint16_t i;

	for (i = 0; i < nb && used != end; i++) {
		uint8_t *buffer = copy_buffer(queue, used);
		uint32_t len_bytes = frames[i]->pkt_len;

		if (unlikely(frames[i]->nb_segs > 1 ||
				len_bytes > gq->room_bytes - BENCH_HEADER_BYTES)) {
			uint16_t nb_buffers = copy_to_long(queue, used, frames[i]);

			if (nb_buffers == 0)
				break;
			used += nb_buffers;
			continue;
		}
		copy_set_nb_buffers(gq, buffer, 1);
		copy_bytes(buffer + BENCH_HEADER_BYTES,
			rte_pktmbuf_mtod(frames[i], const void *), len_bytes);
		*copy_len(gq, used) = BENCH_HEADER_BYTES + len_bytes;
		used++;
	}
	copy_done(gq, used);
	return i;
}

static uint32_t
copy_forward(void *backend, void *from_handle, void *to_handle, uint16_t max)
{
	struct copy_queue *from = from_handle, *to = to_handle;
	uint64_t taken = from->gq->used, given = to->gq->used;
	uint64_t nb_room = copy_nb_ready(to->gq);
	uint64_t nb = copy_nb_ready(from->gq);
	uint32_t i;

	(void)backend;
	for (i = 0; i < max && i < nb && i < nb_room; i++, taken++) {
		uint8_t *src = copy_buffer(from, taken) + BENCH_HEADER_BYTES;
		uint8_t *dst = copy_buffer(to, given);
		uint32_t len_bytes = *copy_len(from->gq, taken) - BENCH_HEADER_BYTES;

		if (unlikely(len_bytes > to->gq->room_bytes - BENCH_HEADER_BYTES)) {
			uint16_t nb_buffers = copy_to_long(to, given, &(const struct rte_mbuf){
				.buf_addr = src, .nb_segs = 1, .pkt_len = len_bytes,
				.data_len = (uint16_t)len_bytes });

			if (nb_buffers == 0)
				break;
			given += nb_buffers;
			continue;
		}
		copy_set_nb_buffers(to->gq, dst, 1);
		copy_bytes(dst + BENCH_HEADER_BYTES, src, len_bytes);
		*copy_len(to->gq, given) = BENCH_HEADER_BYTES + len_bytes;
		given++;
	}
	copy_done(from->gq, taken);
	copy_done(to->gq, given);
	return i;
}

const struct backend_ops COPY_BACKEND = {
	.bytes = sizeof(struct copy_backend),
	.open = copy_open,
	.queue = copy_queue,
	.close = copy_close,
	.from_guest = copy_from_guest,
	.to_guest = copy_to_guest,
	.forward = COPY_IS_COPYING ? copy_forward : NULL,
};
