/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One point of the axes, measured: rounds of all back-ends in turn, and their order statistics.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include "bench.h"

struct rte_mempool;

/* Fewer have no median and no spread to speak of. */
#define MEASURE_MIN_ROUNDS 15

/** Median and the values that a tenth of all are below and above. */
struct stats_summary {
	double median;
	double p10;
	double p90;
};

/**
 * Value below which a part of all values are, interpolated between neighbours.
 *
 * @param values    ascending
 * @param nb        at least 1
 * @param fraction  0..1
 */
double stats_quantile(const double *values, unsigned int nb, double fraction);

/**
 * Sort values and summarise them.
 *
 * @param values  sorted afterwards
 * @param nb      0 gives all zero
 */
struct stats_summary stats_summarise(double *values, unsigned int nb);

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

/** Tell whether a round trip of a cache line, 0 if it changed, is about as long as another one. */
bool measure_is_alike(double line_ns, double usual_ns);

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
