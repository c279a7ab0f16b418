/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One frame at a time: from the front half through the back half on another lcore and back.
 */
#ifndef LATENCY_H
#define LATENCY_H

#include "round.h"

/** Frames of a round. */
#define LATENCY_TRIPS 100

/**
 * Measure some round trips.
 *
 * @param side     pair 0 is used
 * @param conf     lcore_id is the back half's
 * @param trip_ns  filled: LATENCY_TRIPS times in nanoseconds
 * @param result   out: nb_frames that came back, fewer than LATENCY_TRIPS if one did not within a
 *                 second; line_ns, 0 if it changed meanwhile; nb_switches
 */
void latency_run(struct side *side, const struct round_conf *conf, double *trip_ns,
	struct round_result *result);

#endif /* LATENCY_H */
