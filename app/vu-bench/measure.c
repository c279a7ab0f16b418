/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Alternating rounds; see measure.h. The back half that begins changes from round to round, so that
 * none always follows the same other one.
 */
#include "measure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_lcore.h>

#include "latency.h"
#include "line.h"
#include "round.h"

/* See measure_is_disturbed(). Machines of their own stay below: few rounds, hardly any spread. */
#define DISTURBED_PART 20
#define DISTURBED_SPREAD 2

static const struct back_ops *const measure_backs[BENCH_NB_BACKENDS] = {
	[BENCH_VU] = &back_vu,
	[BENCH_VU_MBUF] = &back_vu_mbuf,
	[BENCH_RTE_VHOST] = &back_rte_vhost,
	[BENCH_LIMIT] = &back_limit,
	[BENCH_NONE] = &back_none,
	[BENCH_EVENTFD] = &back_eventfd,
};

/* One back half under measurement. */
struct measure_side {
	struct side side;
	struct measure_result *result;
	/* One entry of each round that worked; values has nb_values of each. */
	double *values;       /* cycles per packet, or nanoseconds */
	double *front_cycles;
	double *line_ns;      /* two lcores; 0: the state changed during the round */
	bool *is_interrupted;
	unsigned int nb_rounds;
};

struct measure {
	const struct measure_conf *conf;
	const struct bench_case *point;
	struct frame_sizes sizes;
	struct front_memory memory;
	struct round_conf round;
	unsigned int nb_values; /* per round */
	struct measure_side sides[BENCH_NB_BACKENDS];
	unsigned int nb_sides;
};

/* ---- rounds ---- */

static void
round_cost(struct measure *measure, struct measure_side *one)
{
	struct round_result round;
	unsigned int at = one->nb_rounds;

	if (measure->point->nb_cores == 1)
		round_run(&one->side, &measure->round, &round);
	else
		round_run_cross(&one->side, &measure->round, &round);
	if (round.nb_frames == 0)
		return;
	one->result->nb_frames += round.nb_frames;
	one->values[at] = (double)round.back_cycles / round.nb_frames;
	one->front_cycles[at] = (double)round.front_cycles / round.nb_frames;
	one->line_ns[at] = round.line_ns;
	one->is_interrupted[at] = round.nb_switches != 0;
	one->nb_rounds++;
}

/* Caches are another back half's when a round begins: this part does not count. */
static void
round_warm_up(struct measure *measure, struct measure_side *one)
{
	struct round_conf conf = measure->round;
	struct round_result round;

	/* Rounds on two lcores warm up themselves; whoever counts turns wants these only. */
	if (measure->point->nb_cores != 1 || conf.nb_turns != 0)
		return;
	conf.cycles /= 4;
	round_run(&one->side, &conf, &round);
}

static void
round_latency(struct measure *measure, struct measure_side *one)
{
	unsigned int at = one->nb_rounds;
	struct round_result round;

	latency_run(&one->side, &measure->round, &one->values[at * LATENCY_TRIPS], &round);
	one->result->nb_frames += round.nb_frames;
	one->line_ns[at] = round.line_ns;
	one->is_interrupted[at] = round.nb_switches != 0;
	if (round.nb_frames == LATENCY_TRIPS)
		one->nb_rounds++;
	else
		one->result->rc = -ETIMEDOUT;
}

static void
measure_round(struct measure *measure, struct measure_side *one)
{
	if (one->result->rc != 0)
		return;
	if (measure->conf->mode == BENCH_LATENCY) {
		round_latency(measure, one);
		return;
	}
	round_warm_up(measure, one);
	round_cost(measure, one);
}

/*
 * When this point is to be done, so that each of those that are left gets the same time. Its own
 * set-up is over by now: that of the first point of a run takes long.
 */
static uint64_t
measure_end(const struct measure_conf *conf)
{
	uint64_t now = rte_rdtsc();

	if (conf->end_tsc == 0)
		return UINT64_MAX;
	return conf->end_tsc > now ? now + (conf->end_tsc - now) / conf->nb_points_left : now;
}

static void
measure_rounds(struct measure *measure)
{
	const struct measure_conf *conf = measure->conf;
	uint64_t end = measure_end(conf);
	unsigned int nb_rounds = conf->nb_rounds;

	for (unsigned int r = 0; r < nb_rounds; r++) {
		for (unsigned int i = 0; i < measure->nb_sides; i++)
			measure_round(measure, &measure->sides[(r + i) % measure->nb_sides]);
		if (r + 1 >= MEASURE_MIN_ROUNDS && rte_rdtsc() >= end)
			nb_rounds = r + 1;
		if (conf->progress != NULL)
			conf->progress(r + 1, nb_rounds);
	}
}

/* ---- rounds of like state ---- */

/* Where round trips fall into two groups over all back halves, 0 if they do not. */
static double
state_border_ns(const struct measure *measure)
{
	double *all = calloc((size_t)measure->nb_sides * measure->conf->nb_rounds, sizeof(*all));
	double border_ns;
	unsigned int nb = 0;

	for (unsigned int i = 0; i < measure->nb_sides && all != NULL; i++)
		for (unsigned int r = 0; r < measure->sides[i].nb_rounds; r++)
			if (measure->sides[i].line_ns[r] > 0)
				all[nb++] = measure->sides[i].line_ns[r];
	border_ns = all != NULL ? stats_gap(all, nb, LINE_STATE_RATIO) : 0;
	free(all);
	return border_ns;
}

static bool
state_has(double line_ns, double border_ns, bool is_far)
{
	return line_ns > 0 && (border_ns == 0 || (line_ns >= border_ns) == is_far);
}

/* Rounds of a state that the back half with the fewest of them has. */
static unsigned int
state_least_rounds(const struct measure *measure, double border_ns, bool is_far)
{
	unsigned int least = UINT32_MAX;

	for (unsigned int i = 0; i < measure->nb_sides; i++) {
		const struct measure_side *one = &measure->sides[i];
		unsigned int nb = 0;

		for (unsigned int r = 0; r < one->nb_rounds; r++)
			nb += state_has(one->line_ns[r], border_ns, is_far);
		if (one->result->rc == 0)
			least = RTE_MIN(least, nb);
	}
	return least;
}

static void
state_keep(const struct measure *measure, struct measure_side *one, double border_ns, bool is_far)
{
	unsigned int nb = 0;

	for (unsigned int r = 0; r < one->nb_rounds; r++) {
		if (!state_has(one->line_ns[r], border_ns, is_far))
			continue;
		memmove(&one->values[nb * measure->nb_values],
			&one->values[r * measure->nb_values],
			measure->nb_values * sizeof(*one->values));
		one->line_ns[nb] = one->line_ns[r];
		one->is_interrupted[nb] = one->is_interrupted[r];
		nb++;
	}
	one->nb_rounds = nb;
}

/* Forget the rounds of the rarer state, so that all back halves are compared in the same one. */
static void
measure_select(struct measure *measure)
{
	double border_ns = state_border_ns(measure);
	bool is_far = border_ns != 0 && state_least_rounds(measure, border_ns, true) >
		state_least_rounds(measure, border_ns, false);

	/* On a machine that is busy otherwise no state may be known: then all rounds count. */
	if (state_least_rounds(measure, border_ns, is_far) == 0)
		return;
	for (unsigned int i = 0; i < measure->nb_sides; i++)
		state_keep(measure, &measure->sides[i], border_ns, is_far);
}

/* ---- summary ---- */

static void
summarise_latency(struct measure *measure, struct measure_side *one)
{
	struct measure_result *result = one->result;
	unsigned int nb = one->nb_rounds * measure->nb_values;

	stats_summarise(one->values, nb);
	result->p50_ns = stats_quantile(one->values, nb, 0.5);
	result->p99_ns = stats_quantile(one->values, nb, 0.99);
	result->p999_ns = stats_quantile(one->values, nb, 0.999);
}

static void
measure_summarise(struct measure *measure, struct measure_side *one)
{
	struct measure_result *result = one->result;

	if (result->rc == 0)
		result->nb_lost += side_nb_lost(&one->side);
	if (result->rc == 0 && one->nb_rounds == 0)
		result->rc = -EIO;
	if (result->rc != 0)
		return;
	result->nb_rounds = one->nb_rounds;
	for (unsigned int r = 0; r < one->nb_rounds; r++)
		result->nb_interrupted += one->is_interrupted[r];
	result->line_ns = stats_summarise(one->line_ns, one->nb_rounds).median;
	if (measure->conf->mode == BENCH_LATENCY) {
		summarise_latency(measure, one);
		return;
	}
	result->cycles = stats_summarise(one->values, one->nb_rounds);
	result->front_cycles = stats_summarise(one->front_cycles, one->nb_rounds);
	result->packets_per_second = (double)rte_get_tsc_hz() / result->cycles.median;
}

/* How many times faster than another back half; 0 if that was not measured. */
static double
measure_ratio(const struct measure *measure, const struct measure_result *result,
	enum bench_backend to)
{
	for (unsigned int i = 0; i < measure->nb_sides; i++) {
		const struct measure_result *other = measure->sides[i].result;

		if (other->backend == to && other->rc == 0 && result->rc == 0)
			return measure->conf->mode == BENCH_LATENCY ?
				other->p99_ns / result->p99_ns :
				other->cycles.median / result->cycles.median;
	}
	return 0;
}

static void
measure_costs(struct measure *measure)
{
	measure_rounds(measure);
	if (measure->point->nb_cores != 1)
		measure_select(measure);
	for (unsigned int i = 0; i < measure->nb_sides; i++)
		measure_summarise(measure, &measure->sides[i]);
	for (unsigned int i = 0; i < measure->nb_sides; i++) {
		struct measure_result *result = measure->sides[i].result;

		result->ratio_to_rte_vhost = measure_ratio(measure, result, BENCH_RTE_VHOST);
		result->ratio_to_limit = measure_ratio(measure, result, BENCH_LIMIT);
	}
}

/* ---- set-up ---- */

static int
measure_open_side(struct measure *measure, struct measure_side *one)
{
	const struct side_conf conf = {
		.point = measure->point, .sizes = &measure->sizes, .memory = &measure->memory,
		.pool = measure->conf->pool, .lcore_id = measure->round.lcore_id,
		.number = one->result->backend, .folder = measure->conf->folder,
		.has_vhost_stats = measure->conf->has_vhost_stats,
	};
	const struct back_ops *ops = measure_backs[one->result->backend];
	unsigned int nb_rounds = measure->conf->nb_rounds;

	one->values = calloc((size_t)nb_rounds * measure->nb_values, sizeof(*one->values));
	one->front_cycles = calloc(nb_rounds, sizeof(*one->front_cycles));
	one->line_ns = calloc(nb_rounds, sizeof(*one->line_ns));
	one->is_interrupted = calloc(nb_rounds, sizeof(*one->is_interrupted));
	if (one->values == NULL || one->front_cycles == NULL || one->line_ns == NULL ||
			one->is_interrupted == NULL)
		return -ENOMEM;
	return side_open(&one->side, ops, &conf);
}

static void
measure_close(struct measure *measure)
{
	for (unsigned int i = 0; i < measure->nb_sides; i++) {
		struct measure_side *one = &measure->sides[i];

		if (one->side.ops != NULL)
			side_close(&one->side);
		free(one->values);
		free(one->front_cycles);
		free(one->line_ns);
		free(one->is_interrupted);
	}
	front_memory_destroy(&measure->memory);
}

/* The main lcore, or the first of the others. */
static unsigned int
measure_back_lcore(const struct measure *measure)
{
	return measure->point->nb_cores == 1 ? rte_get_main_lcore() :
		rte_get_next_lcore(-1, 1, 0);
}

static void
measure_start(struct measure *measure, struct measure_result *results)
{
	const struct measure_conf *conf = measure->conf;
	int rc = front_memory_create(&measure->memory, measure->point);

	frame_sizes_init(&measure->sizes, measure->point->size_bytes);
	measure->nb_values = conf->mode == BENCH_LATENCY ? LATENCY_TRIPS : 1;
	measure->round = (struct round_conf){
		.load = { .point = measure->point, .sizes = &measure->sizes, .pool = conf->pool },
		.lcore_id = measure_back_lcore(measure),
		.nb_turns = conf->nb_turns,
		.cycles = (uint64_t)(conf->round_us * (double)rte_get_tsc_hz() / 1e6),
		.clock_cycles = round_clock_cycles(),
	};
	for (unsigned int b = 0; b < BENCH_NB_BACKENDS; b++) {
		struct measure_side *one = &measure->sides[measure->nb_sides];

		/* Only from guest to guest frames of ours have two ways. */
		if (!conf->has_backend[b] || (b == BENCH_VU_MBUF &&
				measure->point->direction != BENCH_GUEST_TO_GUEST))
			continue;
		one->result = &results[measure->nb_sides++];
		*one->result = (struct measure_result){
			.mode = conf->mode, .backend = b, .point = *measure->point,
			.has_hugepages = measure->memory.has_hugepages,
		};
		one->result->rc = rc != 0 ? rc : measure_open_side(measure, one);
	}
}

bool
measure_is_disturbed(const struct measure_result *result)
{
	if (result->rc != 0)
		return false;
	return DISTURBED_PART * result->nb_interrupted > result->nb_rounds ||
		(result->mode == BENCH_COST &&
			result->cycles.p90 > DISTURBED_SPREAD * result->cycles.median);
}

unsigned int
measure_run(const struct measure_conf *conf, const struct bench_case *point,
	struct measure_result *results)
{
	struct measure measure = { .conf = conf, .point = point };

	measure_start(&measure, results);
	measure_costs(&measure);
	measure_close(&measure);
	return measure.nb_sides;
}
