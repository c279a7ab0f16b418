/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One point of the axes, measured: rounds of all back-ends in turn, and their order statistics. The
 * back-end that begins changes from round to round, so that none always follows the same other one.
 */
#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_lcore.h>

#include "round.h"

/* See measure_is_disturbed(). Machines of their own stay below: few rounds, hardly any spread. */
#define DISTURBED_PART 20
#define DISTURBED_SPREAD 2

/* One subject under measurement. */
struct measure_subject {
	struct subject subject;
	struct measure_result *result;
	struct round_result *rounds; /* those that worked; nb_rounds */
	double *trips_ns;            /* those of all rounds */
	unsigned int nb_rounds;
};

struct measure {
	const struct measure_conf *conf;
	const struct bench_case *point;
	struct gen_memory memory;
	struct round_conf round;
	unsigned int nb_trips; /* of one round; 1 where there are none, for calloc() */
	double *values; /* room for one of each round of all subjects, or of each trip of one */
	struct measure_subject subjects[BENCH_NB_BACKENDS];
	unsigned int nb_subjects;
};

/* ---- order statistics ---- */

static int
stats_compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double
stats_quantile(const double *values, unsigned int nb, double fraction)
{
	double position = fraction * (nb - 1);
	unsigned int below = (unsigned int)position;

	if (below + 1 >= nb)
		return values[nb - 1];
	return values[below] + (values[below + 1] - values[below]) * (position - below);
}

struct stats_summary
stats_summarise(double *values, unsigned int nb)
{
	if (nb == 0)
		return (struct stats_summary){ 0 };
	qsort(values, nb, sizeof(*values), stats_compare);
	return (struct stats_summary){
		.median = stats_quantile(values, nb, 0.5),
		.p10 = stats_quantile(values, nb, 0.1), .p90 = stats_quantile(values, nb, 0.9),
	};
}

/* ---- rounds ---- */

static void
measure_round(struct measure *measure, struct measure_subject *one)
{
	const bool is_latency = measure->conf->mode == BENCH_LATENCY;
	struct round_result *round = &one->rounds[one->nb_rounds];

	if (one->result->rc != 0)
		return;
	*round = (struct round_result){
		.trip_ns = &one->trips_ns[is_latency ? one->nb_rounds * ROUND_NB_TRIPS : 0],
	};
	round_run(&one->subject, &measure->round, round);
	one->result->nb_frames += round->nb_frames;
	if (is_latency && round->nb_frames < ROUND_NB_TRIPS)
		one->result->rc = -ETIMEDOUT;
	else if (round->nb_frames != 0)
		one->nb_rounds++;
}

static void
measure_rounds(struct measure *measure)
{
	const struct measure_conf *conf = measure->conf;
	unsigned int nb_rounds = conf->nb_rounds;
	uint64_t end = rte_rdtsc();

	/*
	 * Each of the points that are left gets the same time. Set-up is over by now: that of the
	 * first point of a run takes long.
	 */
	if (conf->end_tsc > end)
		end += (conf->end_tsc - end) / conf->nb_points_left;
	for (unsigned int r = 0; r < nb_rounds; r++) {
		for (unsigned int i = 0; i < measure->nb_subjects; i++)
			measure_round(measure,
				&measure->subjects[(r + i) % measure->nb_subjects]);
		if (conf->end_tsc != 0 && r + 1 >= MEASURE_MIN_ROUNDS && rte_rdtsc() >= end)
			nb_rounds = r + 1;
		if (conf->progress != NULL)
			conf->progress(r + 1, nb_rounds);
	}
}

/* ---- rounds of like state ---- */

/* The round trip of a cache line that most rounds of all back-ends are about; 0: unknown. */
static double
state_usual_ns(const struct measure *measure)
{
	unsigned int nb = 0;

	for (unsigned int i = 0; i < measure->nb_subjects; i++)
		for (unsigned int r = 0; r < measure->subjects[i].nb_rounds; r++)
			if (measure->subjects[i].rounds[r].line_ns > 0)
				measure->values[nb++] = measure->subjects[i].rounds[r].line_ns;
	stats_summarise(measure->values, nb);
	return nb != 0 ? measure->values[nb / 2] : 0;
}

/* Move the rounds about that round trip to the front. @return their number */
static unsigned int
state_sort(struct measure_subject *one, double usual_ns)
{
	unsigned int nb = 0;

	for (unsigned int r = 0; r < one->nb_rounds; r++) {
		struct round_result round = one->rounds[r];

		if (!round_is_alike(round.line_ns, usual_ns))
			continue;
		one->rounds[r] = one->rounds[nb];
		one->rounds[nb++] = round;
	}
	return nb;
}

/* Only these rounds count, so that all back-ends are compared in the same state. */
static void
measure_select(struct measure *measure)
{
	double usual_ns = state_usual_ns(measure);
	unsigned int nb[BENCH_NB_BACKENDS];

	for (unsigned int i = 0; i < measure->nb_subjects; i++) {
		nb[i] = state_sort(&measure->subjects[i], usual_ns);
		/* On a machine that is busy otherwise no state may be known: all rounds count. */
		if (measure->subjects[i].result->rc == 0 && (usual_ns == 0 || nb[i] == 0))
			return;
	}
	for (unsigned int i = 0; i < measure->nb_subjects; i++)
		measure->subjects[i].nb_rounds = nb[i];
}

/* ---- summary ---- */

static void
measure_summarise(struct measure *measure, struct measure_subject *one)
{
	const unsigned int nb = one->nb_rounds;
	double *cycles = measure->values, *gen = cycles + nb, *line = gen + nb;
	struct measure_result *result = one->result;

	if (result->rc == 0)
		result->nb_lost = subject_nb_lost(&one->subject);
	if (result->rc == 0 && nb == 0)
		result->rc = -EIO;
	if (result->rc != 0)
		return;
	for (unsigned int r = 0; r < nb; r++) {
		const struct round_result *round = &one->rounds[r];

		cycles[r] = (double)round->cycles / round->nb_frames;
		gen[r] = (double)round->gen_cycles / round->nb_frames;
		line[r] = round->line_ns;
		result->nb_interrupted += round->nb_switches != 0;
	}
	result->nb_rounds = nb;
	result->cycles = stats_summarise(cycles, nb);
	result->gen_cycles = stats_summarise(gen, nb);
	result->line_ns = stats_summarise(line, nb).median;
	result->packets_per_second = (double)rte_get_tsc_hz() / result->cycles.median;
}

static void
measure_summarise_latency(const struct measure *measure, const struct measure_subject *one)
{
	double *values = measure->values;
	unsigned int nb = 0;

	for (unsigned int r = 0; r < one->nb_rounds; r++)
		for (unsigned int i = 0; i < ROUND_NB_TRIPS; i++)
			values[nb++] = one->rounds[r].trip_ns[i];
	if (nb == 0)
		return;
	one->result->p50_ns = stats_summarise(values, nb).median;
	one->result->p99_ns = stats_quantile(values, nb, 0.99);
	one->result->p999_ns = stats_quantile(values, nb, 0.999);
}

/* How many times faster than another back-end; 0 if that was not measured. */
static double
measure_ratio(const struct measure *measure, const struct measure_result *result,
	enum bench_backend to)
{
	for (unsigned int i = 0; i < measure->nb_subjects; i++) {
		const struct measure_result *other = measure->subjects[i].result;

		if (other->backend == to && other->rc == 0 && result->rc == 0)
			return measure->conf->mode == BENCH_LATENCY ?
				other->p99_ns / result->p99_ns :
				other->cycles.median / result->cycles.median;
	}
	return 0;
}

bool
measure_is_disturbed(const struct measure_result *result)
{
	return result->rc == 0 && (DISTURBED_PART * result->nb_interrupted > result->nb_rounds ||
		(result->mode == BENCH_COST &&
			result->cycles.p90 > DISTURBED_SPREAD * result->cycles.median));
}

/* ---- set-up ---- */

static int
measure_open_subject(struct measure *measure, struct measure_subject *one)
{
	const struct measure_conf *conf = measure->conf;
	const struct backend_conf subject_conf = {
		.backend = one->result->backend, .point = measure->point,
		.memory = &measure->memory, .pool = conf->pool, .folder = conf->folder,
		/* The main lcore, or the first of the others. */
		.lcore_id = measure->point->nb_cores == 1 ? rte_get_main_lcore() :
			rte_get_next_lcore(-1, 1, 0),
		.has_vhost_stats = conf->has_vhost_stats,
	};

	one->rounds = calloc(conf->nb_rounds, sizeof(*one->rounds));
	one->trips_ns = calloc((size_t)conf->nb_rounds * measure->nb_trips, sizeof(double));
	if (one->rounds == NULL || one->trips_ns == NULL)
		return -ENOMEM;
	return subject_open(&one->subject, backend_find(subject_conf.backend), &subject_conf);
}

static void
measure_open(struct measure *measure, struct measure_result *results)
{
	const struct measure_conf *conf = measure->conf;
	const enum bench_direction direction = measure->point->direction;
	int rc = gen_memory_create(&measure->memory, measure->point);

	measure->nb_trips = conf->mode == BENCH_LATENCY ? ROUND_NB_TRIPS : 1;
	measure->values = calloc((size_t)conf->nb_rounds * (measure->nb_trips + BENCH_NB_BACKENDS),
		sizeof(*measure->values));
	if (measure->values == NULL)
		rc = -ENOMEM;
	measure->round = (struct round_conf){
		.mode = conf->mode, .nb_turns = conf->nb_turns,
		.cycles = (uint64_t)(conf->round_us * (double)rte_get_tsc_hz() / 1e6),
		.clock_cycles = round_clock_cycles(),
	};
	for (unsigned int b = 0; b < BENCH_NB_BACKENDS; b++) {
		struct measure_subject *one = &measure->subjects[measure->nb_subjects];

		/* Only from guest to guest frames of ours have two ways. */
		if (!conf->has_backend[b] ||
				(b == BENCH_VU_MBUF && direction != BENCH_GUEST_TO_GUEST))
			continue;
		one->result = &results[measure->nb_subjects++];
		*one->result = (struct measure_result){
			.mode = conf->mode, .backend = b, .point = *measure->point,
			.has_hugepages = measure->memory.has_hugepages,
		};
		one->result->rc = rc != 0 ? rc : measure_open_subject(measure, one);
	}
}

unsigned int
measure_run(const struct measure_conf *conf, const struct bench_case *point,
	struct measure_result results[BENCH_NB_BACKENDS])
{
	struct measure measure = { .conf = conf, .point = point };

	measure_open(&measure, results);
	measure_rounds(&measure);
	if (point->nb_cores != 1)
		measure_select(&measure);
	for (unsigned int i = 0; i < measure.nb_subjects; i++) {
		measure_summarise(&measure, &measure.subjects[i]);
		if (conf->mode == BENCH_LATENCY)
			measure_summarise_latency(&measure, &measure.subjects[i]);
	}
	for (unsigned int i = 0; i < measure.nb_subjects; i++) {
		struct measure_subject *one = &measure.subjects[i];

		results[i].ratio_to_rte_vhost = measure_ratio(&measure, &results[i],
			BENCH_RTE_VHOST);
		results[i].ratio_to_copy = measure_ratio(&measure, &results[i], BENCH_COPY);
		if (one->subject.ops != NULL)
			subject_close(&one->subject);
		free(one->rounds);
		free(one->trips_ns);
	}
	gen_memory_destroy(&measure.memory);
	free(measure.values);
	return measure.nb_subjects;
}
