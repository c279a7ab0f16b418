/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One round: a subject driven for a short while, its two parts on one lcore or on two.
 */
#ifndef ROUND_H
#define ROUND_H

#include "subject.h"

/** Frames of a latency round. */
#define ROUND_NB_TRIPS 100

/**
 * Two round trips of a cache line that differ by more than this are different states of the
 * machine: on virtual machines they change from second to second, and throughput with them.
 */
#define ROUND_STATE_RATIO 1.6

/** What a round measured. */
struct round_result {
	uint64_t nb_frames;
	uint64_t cycles;      /* TSC, of the back-end; two lcores: of the whole time */
	uint64_t gen_cycles;  /* TSC, of the generator alone; two lcores: 0 */
	double line_ns;       /* two lcores: round trip of a cache line between them; 0: unknown */
	uint64_t nb_switches; /* times an lcore had to leave its CPU to another thread */
	double *trip_ns;      /* latency: nb_frames times */
};

/** How a round is run. */
struct round_conf {
	uint64_t cycles;       /* TSC, of both parts */
	uint32_t nb_turns;     /* one lcore: that many instead; 0: by time */
	uint64_t clock_cycles; /* TSC, what reading the clock twice costs; subtracted */
};

/** What reading the clock twice costs, in TSC cycles. */
uint64_t round_clock_cycles(void);

/**
 * Run a round on the calling lcore, the two parts in turn. Every pair of queues has its turn at
 * least once; a round begins where the last one ended.
 */
void round_run_one(struct subject *subject, const struct round_conf *conf,
	struct round_result *result);

/** Run a round with the back-end on its lcore and the generator here, both at once. */
void round_run_two(struct subject *subject, const struct round_conf *conf,
	struct round_result *result);

/**
 * Send single frames through the back-end on its lcore and back; pair 0 is used.
 *
 * @param result  trip_ns has room for ROUND_NB_TRIPS; nb_frames out: fewer if one did not come back
 *                within a second
 */
void round_run_latency(struct subject *subject, const struct round_conf *conf,
	struct round_result *result);

#endif /* ROUND_H */
