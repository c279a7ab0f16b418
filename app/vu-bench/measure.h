/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One point of the axes, measured: rounds of all back-ends in turn.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include "bench.h"
#include "stats.h"

struct rte_mempool;

/* Fewer have no median and no spread to speak of. */
#define MEASURE_MIN_ROUNDS 15

/** What came out for one back-end. */
struct measure_result {
	enum bench_mode mode;
	enum bench_backend backend;
	struct bench_case point;
	int rc;                      /* 0; -EOPNOTSUPP not offered; -errno of the set-up */
	uint64_t nb_frames;
	uint64_t nb_lost;            /* that is missing, or came out wrong */
	unsigned int nb_rounds;      /* that count */
	unsigned int nb_interrupted; /* of those: another thread had a CPU of ours meanwhile */
	bool has_hugepages;          /* the guest's memory */
	double line_ns;              /* two lcores: round trip of a cache line during those */
	double ratio_to_rte_vhost;   /* > 1: faster; 0: no such back-end in the run */

	/* BENCH_COST */
	struct stats_summary cycles; /* TSC per packet, of the back-end */
	struct stats_summary gen_cycles; /* one lcore */
	double packets_per_second;
	double ratio_to_copy;

	/* BENCH_LATENCY, nanoseconds */
	double p50_ns;
	double p99_ns;
	double p999_ns;
};

/**
 * Tell whether the figures suffered from something else that ran on the same CPU: other threads
 * interrupted more than one round of 20, or a tenth of the rounds took more than twice the median.
 */
bool measure_is_disturbed(const struct measure_result *result);

/** How to measure. */
struct measure_conf {
	enum bench_mode mode;
	bool has_backend[BENCH_NB_BACKENDS];
	unsigned int nb_rounds;  /* of each back-end, 1 or more */
	uint64_t end_tsc;        /* of the whole run, about; 0: no end */
	unsigned int nb_points_left; /* that share the time until then, this one included */
	double round_us;
	uint32_t nb_turns;       /* bursts of a round on one lcore; 0: by time */
	struct rte_mempool *pool;
	const char *folder;      /* for sockets */
	bool has_vhost_stats;
	void (*progress)(unsigned int round, unsigned int nb_rounds);
};

/**
 * Measure a point.
 *
 * @param conf     how
 * @param point    what
 * @param results  filled, room for BENCH_NB_BACKENDS
 * @return number of results, one per back-end of conf
 */
unsigned int measure_run(const struct measure_conf *conf, const struct bench_case *point,
	struct measure_result *results);

#endif /* MEASURE_H */
