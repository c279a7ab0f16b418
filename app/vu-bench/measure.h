/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One point of the axes, measured: rounds of all back halves in turn.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include "bench.h"
#include "stats.h"

struct rte_mempool;

/** What came out for one back half. */
struct measure_result {
	enum bench_backend backend;
	struct bench_case point;
	int rc;                      /* 0; -EOPNOTSUPP not offered; -errno of the set-up */
	struct stats_summary cycles; /* TSC per packet, of the back half */
	struct stats_summary front_cycles;
	double packets_per_second;
	double ratio_to_rte_vhost;   /* > 1: faster; 0: no such back half in the run */
	double ratio_to_limit;
	uint64_t nb_frames;
	uint64_t nb_lost;
};

/** How to measure. */
struct measure_conf {
	bool has_backend[BENCH_NB_BACKENDS];
	unsigned int nb_rounds;  /* of each back half, 1 or more */
	double round_us;
	struct rte_mempool *pool;
	unsigned int lcore_id;   /* of the back half */
	const char *folder;      /* for sockets */
	void (*progress)(unsigned int round, unsigned int nb_rounds);
};

/** Name of a back half, as on the command line. */
const char *measure_backend_name(enum bench_backend backend);

/**
 * Measure a point.
 *
 * @param conf     how
 * @param point    what
 * @param results  filled, room for BENCH_NB_BACKENDS
 * @return number of results, one per back half of conf
 */
unsigned int measure_run(const struct measure_conf *conf, const struct bench_case *point,
	struct measure_result *results);

#endif /* MEASURE_H */
