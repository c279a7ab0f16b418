/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What no back half can do without: allocate mbufs, copy, walk the same buffers in the same order.
 * From guest to guest that is one copy and no mbuf.
 * No ring, no descriptors, no addresses to translate; two counters tell how far it got. The loops
 * are those for the widest vectors that EAL allows, as our own are chosen.
 */
#include "back.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_cpuflags.h>
#include <rte_errno.h>
#include <rte_vect.h>

#include "limit_loop.h"

struct back_limit {
	const struct limit_loops *loops;
	struct rte_mempool *pool;
	const struct front_memory *memory;
	uint8_t *hva; /* of the guest memory */
	struct limit_queue queues[2 * BENCH_MAX_PAIRS];
};

static const struct limit_loops *
limit_choose(void)
{
#ifdef RTE_ARCH_X86
	uint16_t max_simd_bits = rte_vect_get_max_simd_bitwidth();

	if (max_simd_bits >= RTE_VECT_SIMD_512 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) > 0 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) > 0)
		return &limit_loops_avx512;
	if (max_simd_bits >= RTE_VECT_SIMD_256 && rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) > 0)
		return &limit_loops_avx2;
#endif
	return &limit_loops_base;
}

/*
 * Guest memory in a mapping of its own, as every back half has it: a cache may take two addresses
 * of a line for two lines.
 */
static void *
limit_open(const struct back_conf *conf)
{
	struct back_limit *limit = calloc(1, sizeof(*limit));
	void *hva;

	if (limit == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	limit->loops = limit_choose();
	limit->pool = conf->pool;
	limit->memory = conf->memory;
	hva = mmap(NULL, conf->memory->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		conf->memory->fd, 0);
	if (hva == MAP_FAILED) {
		free(limit);
		rte_errno = ENOMEM;
		return NULL;
	}
	limit->hva = hva;
	return limit;
}

static void *
limit_queue(void *back, struct front_queue *fq)
{
	struct back_limit *limit = back;
	static const struct rte_mbuf fresh = {
		.data_off = RTE_PKTMBUF_HEADROOM, .nb_segs = 1, .port = RTE_MBUF_PORT_INVALID,
		.refcnt = 1,
	};
	struct limit_queue *queue = &limit->queues[fq->idx];

	*queue = (struct limit_queue){
		.loops = limit->loops, .pool = limit->pool, .fq = fq,
		.buffers = limit->hva + (fq->buffers - limit->memory->hva),
	};
	memcpy(&queue->rearm, &fresh.data_off, sizeof(queue->rearm));
	return queue;
}

static void
limit_close(void *back)
{
	struct back_limit *limit = back;

	munmap(limit->hva, limit->memory->bytes);
	free(limit);
}

static uint16_t
limit_take(void *handle, struct rte_mbuf **frames, uint16_t nb)
{
	struct limit_queue *queue = handle;

	return queue->loops->from_guest(queue, frames, nb);
}

static uint16_t
limit_put(void *handle, struct rte_mbuf **frames, uint16_t nb)
{
	struct limit_queue *queue = handle;

	return queue->loops->to_guest(queue, frames, nb);
}

static uint32_t
limit_move(void *back, void *from, void *to, uint16_t nb)
{
	struct limit_queue *queue = from;

	(void)back;
	return queue->loops->guest_to_guest(queue, to, nb);
}

const struct back_ops back_limit = {
	.open = limit_open,
	.queue = limit_queue,
	.close = limit_close,
	.from_guest = limit_take,
	.to_guest = limit_put,
	.forward = limit_move,
};

static uint16_t
none_take(void *handle, struct rte_mbuf **frames, uint16_t nb)
{
	struct limit_queue *queue = handle;

	return queue->loops->empty_from_guest(queue, frames, nb);
}

static uint16_t
none_put(void *handle, struct rte_mbuf **frames, uint16_t nb)
{
	struct limit_queue *queue = handle;

	return queue->loops->empty_to_guest(queue, frames, nb);
}

/* The same without the copies: what mbufs cost, and the application that is measured with it. */
const struct back_ops back_none = {
	.open = limit_open,
	.queue = limit_queue,
	.close = limit_close,
	.from_guest = none_take,
	.to_guest = none_put,
};
