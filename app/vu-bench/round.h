/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One round: a back half driven for a short while, on the lcore of the front half or on one of its
 * own.
 */
#ifndef ROUND_H
#define ROUND_H

#include "load.h"
#include "side.h"

/** What a round measured. */
struct round_result {
	uint64_t nb_frames;
	uint64_t back_cycles;  /* TSC; two lcores: of the whole time */
	uint64_t front_cycles; /* TSC, of the front half alone; two lcores: 0 */
	double line_ns;        /* two lcores: round trip of a cache line between them */
	uint64_t nb_switches;  /* times an lcore had to leave its CPU to another thread */
};

/** How a round is run. */
struct round_conf {
	struct load_conf load;
	uint64_t cycles;         /* TSC, of both halves */
	uint32_t nb_turns;       /* one lcore: that many instead; 0: by time */
	uint64_t clock_cycles;   /* TSC, what reading the clock twice costs; subtracted */
	unsigned int lcore_id;   /* two lcores: of the back half */
};

/** Times that the calling thread had to leave its CPU to another so far. */
uint64_t round_switches(void);

/** What reading the clock twice costs, in TSC cycles. */
uint64_t round_clock_cycles(void);

/**
 * Run a round on the calling lcore, the halves in turn. Every pair of queues has its turn at least
 * once; a round begins where the last one ended.
 */
void round_run(struct side *side, const struct round_conf *conf, struct round_result *result);

/** Run a round with the back half on conf->lcore_id and the front half here, both at once. */
void round_run_cross(struct side *side, const struct round_conf *conf,
	struct round_result *result);

#endif /* ROUND_H */
