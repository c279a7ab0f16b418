/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What no back-end can do without: allocate mbufs, copy, walk the same buffers in the same order.
 * From guest to guest that is one copy and no mbuf.
 * No ring, no fds, no addresses to translate; two counters tell how far it got. The loops
 * are those for the widest vectors that EAL allows, as our own are chosen.
 */
#include "backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_cpuflags.h>
#include <rte_vect.h>

#include "copy_loops.h"

struct copy_backend {
	const struct copy_loops *loops;
	struct rte_mempool *pool;
	const struct gen_memory *memory;
	void *hva; /* of the guest memory */
	struct copy_queue queues[2 * BENCH_MAX_PAIRS];
};

static const struct copy_loops *
copy_choose(void)
{
#ifdef RTE_ARCH_X86
	uint16_t max_simd_bits = rte_vect_get_max_simd_bitwidth();

	if (max_simd_bits >= RTE_VECT_SIMD_512 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) > 0 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) > 0)
		return &copy_loops_avx512;
	if (max_simd_bits >= RTE_VECT_SIMD_256 && rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) > 0)
		return &copy_loops_avx2;
#endif
	return &copy_loops_base;
}

/*
 * Guest memory in a mapping of its own, as every back-end has it: a cache may take two addresses of
 * a line for two lines.
 */
static int
copy_open(const struct backend_conf *conf, void **backend)
{
	struct copy_backend *copy = calloc(1, sizeof(*copy));

	if (copy == NULL)
		return -ENOMEM;
	*backend = copy;
	copy->loops = conf->backend == BENCH_NONE ? &copy_loops_none : copy_choose();
	copy->pool = conf->pool;
	copy->memory = conf->memory;
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

	*queue = (struct copy_queue){
		.loops = copy->loops, .pool = copy->pool, .gq = gq,
		.buffers = RTE_PTR_ADD(copy->hva, gq->buffers - copy->memory->hva),
	};
	memcpy(&queue->rearm, &fresh.data_off, sizeof(queue->rearm));
	return queue;
}

static void
copy_close(void *backend)
{
	struct copy_backend *copy = backend;

	if (copy->hva != MAP_FAILED)
		munmap(copy->hva, copy->memory->bytes);
	free(copy);
}

static uint16_t
copy_from_guest(void *handle, struct rte_mbuf **frames, uint16_t nb)
{
	struct copy_queue *queue = handle;

	return queue->loops->from_guest(queue, frames, nb);
}

static uint16_t
copy_to_guest(void *handle, struct rte_mbuf **frames, uint16_t nb)
{
	struct copy_queue *queue = handle;

	return queue->loops->to_guest(queue, frames, nb);
}

static uint32_t
copy_forward(void *backend, void *from, void *to, uint16_t nb)
{
	struct copy_queue *queue = from;

	(void)backend;
	return queue->loops->guest_to_guest(queue, to, nb);
}

const struct backend_ops backend_copy = {
	.open = copy_open,
	.queue = copy_queue,
	.close = copy_close,
	.from_guest = copy_from_guest,
	.to_guest = copy_to_guest,
	.forward = copy_forward,
};

/* The same without the copies: what mbufs cost, and the application that is measured with it. */
const struct backend_ops backend_none = {
	.open = copy_open,
	.queue = copy_queue,
	.close = copy_close,
	.from_guest = copy_from_guest,
	.to_guest = copy_to_guest,
};
