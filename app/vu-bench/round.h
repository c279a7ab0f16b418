/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One round: a back half driven for a short while in one direction, front half in between, on the
 * calling lcore.
 */
#ifndef ROUND_H
#define ROUND_H

#include "side.h"

/** What a round measured. */
struct round_result {
	uint64_t nb_frames;
	uint64_t back_cycles;  /* TSC, of the back half alone */
	uint64_t front_cycles; /* TSC, of the front half alone */
	uint64_t nb_lost;      /* frames that did not come out, and wrong ones */
};

/** How long a round is. */
struct round_conf {
	const struct bench_case *point;
	const struct frame_sizes *sizes;
	struct rte_mempool *pool;
	uint64_t cycles;         /* TSC, of both halves */
	uint64_t clock_cycles;   /* TSC, what reading the clock twice costs; subtracted */
};

/** What reading the clock twice costs, in TSC cycles. */
uint64_t round_clock_cycles(void);

/** Run a round. */
void round_run(struct side *side, const struct round_conf *conf, struct round_result *result);

#endif /* ROUND_H */
