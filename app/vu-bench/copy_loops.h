/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The loops of the copy baseline, compiled for several instruction sets.
 */
#ifndef COPY_LOOPS_H
#define COPY_LOOPS_H

#include <rte_mbuf.h>

#include "generator.h"

struct copy_queue;

/** The loops for one instruction set. */
struct copy_loops {
	uint16_t (*from_guest)(struct copy_queue *queue, struct rte_mbuf **frames, uint16_t max);
	uint16_t (*to_guest)(struct copy_queue *queue, struct rte_mbuf **frames, uint16_t nb);
	uint16_t (*guest_to_guest)(struct copy_queue *from, struct copy_queue *to, uint16_t max);
};

/** A queue as the copy baseline sees it. */
struct copy_queue {
	const struct copy_loops *loops;
	struct rte_mempool *pool;
	struct gen_queue *gq;
	uint8_t *buffers; /* the generator's, in a mapping of our own */
	uint64_t rearm;   /* mbuf.rearm_data of a new frame */
};

extern const struct copy_loops copy_loops_base;
extern const struct copy_loops copy_loops_avx2;
extern const struct copy_loops copy_loops_avx512;
extern const struct copy_loops copy_loops_none; /* walks and allocates, but copies nothing */

#endif /* COPY_LOOPS_H */
