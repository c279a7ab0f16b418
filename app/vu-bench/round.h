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
	uint64_t cycles;      /* cost: TSC, of the back-end; two lcores: of the whole time */
	uint64_t gen_cycles;  /* cost: TSC, of the generator alone; two lcores: 0 */
	double line_ns;       /* two lcores: round trip of a cache line between them; 0: unknown */
	uint64_t nb_switches; /* times an lcore had to leave its CPU to another thread */
	double *trip_ns;      /* latency: nb_frames times, room for ROUND_NB_TRIPS */
};

/** How a round is run. */
struct round_conf {
	enum bench_mode mode;
	uint64_t cycles;       /* TSC, of both parts */
	uint32_t nb_turns;     /* one lcore: that many instead; 0: by time */
	uint64_t clock_cycles; /* TSC, what reading the clock twice costs; subtracted */
};

/** Is a round trip of a cache line, 0 if it changed, of the same state as another one? */
bool round_is_alike(double line_ns, double usual_ns);

/** What reading the clock twice costs, in TSC cycles. */
uint64_t round_clock_cycles(void);

/**
 * Run a round. On one lcore the two parts take turns, and every pair of queues has its turn at
 * least once. On two lcores the back-end runs on its own. For the latency single frames go through
 * pair 0 and back.
 *
 * @param result  trip_ns is set; nb_frames out: for the latency fewer than ROUND_NB_TRIPS if a
 *                frame did not come back within a second
 */
void round_run(struct subject *subject, const struct round_conf *conf, struct round_result *result);

#endif /* ROUND_H */
