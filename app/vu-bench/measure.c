/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Alternating rounds; see measure.h. The back half that begins changes from round to round, so that
 * none always follows the same other one.
 */
#include "measure.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include "round.h"

static const struct back_ops *const measure_backs[BENCH_NB_BACKENDS] = {
	[BENCH_VU] = &back_vu,
	[BENCH_RTE_VHOST] = &back_rte_vhost,
	[BENCH_LIMIT] = &back_limit,
};

/* One back half under measurement. */
struct measure_side {
	struct side side;
	struct measure_result *result;
	double *cycles;       /* per packet, one of each round */
	double *front_cycles;
	unsigned int nb_samples;
};

struct measure {
	const struct measure_conf *conf;
	const struct bench_case *point;
	struct frame_sizes sizes;
	struct front_memory memory;
	struct round_conf round;
	struct measure_side sides[BENCH_NB_BACKENDS];
	unsigned int nb_sides;
};

const char *
measure_backend_name(enum bench_backend backend)
{
	return measure_backs[backend]->name;
}

static int
measure_open_side(struct measure *measure, struct measure_side *one)
{
	const struct side_conf conf = {
		.point = measure->point, .sizes = &measure->sizes, .memory = &measure->memory,
		.pool = measure->conf->pool, .lcore_id = measure->conf->lcore_id,
		.folder = measure->conf->folder,
	};

	one->cycles = calloc(measure->conf->nb_rounds, sizeof(*one->cycles));
	one->front_cycles = calloc(measure->conf->nb_rounds, sizeof(*one->front_cycles));
	if (one->cycles == NULL || one->front_cycles == NULL)
		return -ENOMEM;
	return side_open(&one->side, measure_backs[one->result->backend], &conf);
}

static void
measure_round(struct measure *measure, struct measure_side *one, bool is_warm_up)
{
	struct round_result round;

	if (one->result->rc != 0)
		return;
	round_run(&one->side, &measure->round, &round);
	one->result->nb_lost += round.nb_lost;
	if (is_warm_up || round.nb_frames == 0)
		return;
	one->result->nb_frames += round.nb_frames;
	one->cycles[one->nb_samples] = (double)round.back_cycles / round.nb_frames;
	one->front_cycles[one->nb_samples] = (double)round.front_cycles / round.nb_frames;
	one->nb_samples++;
}

/* Caches are another back half's when a round begins: a part of it is not counted. */
static void
measure_rounds(struct measure *measure)
{
	uint64_t cycles = measure->round.cycles;

	for (unsigned int r = 0; r < measure->conf->nb_rounds; r++) {
		for (unsigned int i = 0; i < measure->nb_sides; i++) {
			struct measure_side *one = &measure->sides[(r + i) % measure->nb_sides];

			measure->round.cycles = cycles / 4;
			measure_round(measure, one, true);
			measure->round.cycles = cycles;
			measure_round(measure, one, false);
		}
		if (measure->conf->progress != NULL)
			measure->conf->progress(r + 1, measure->conf->nb_rounds);
	}
}

static void
measure_summarise(struct measure_side *one)
{
	struct measure_result *result = one->result;

	result->cycles = stats_summarise(one->cycles, one->nb_samples);
	result->front_cycles = stats_summarise(one->front_cycles, one->nb_samples);
	if (result->cycles.median > 0)
		result->packets_per_second = (double)rte_get_tsc_hz() / result->cycles.median;
	if (result->rc == 0 && one->nb_samples == 0)
		result->rc = -EIO;
}

/* How many times faster than another back half; 0 if that was not measured. */
static double
measure_ratio(const struct measure_result *results, unsigned int nb, unsigned int i,
	enum bench_backend to)
{
	for (unsigned int k = 0; k < nb; k++)
		if (results[k].backend == to && results[k].rc == 0 && results[i].rc == 0)
			return results[k].cycles.median / results[i].cycles.median;
	return 0;
}

static void
measure_close(struct measure *measure)
{
	for (unsigned int i = 0; i < measure->nb_sides; i++) {
		if (measure->sides[i].side.ops != NULL)
			side_close(&measure->sides[i].side);
		free(measure->sides[i].cycles);
		free(measure->sides[i].front_cycles);
	}
	front_memory_destroy(&measure->memory);
}

static void
measure_start(struct measure *measure, struct measure_result *results)
{
	const struct measure_conf *conf = measure->conf;
	int rc = front_memory_create(&measure->memory, measure->point);

	frame_sizes_init(&measure->sizes, measure->point->size_bytes);
	measure->round = (struct round_conf){
		.point = measure->point, .sizes = &measure->sizes, .pool = conf->pool,
		.cycles = (uint64_t)(conf->round_us * (double)rte_get_tsc_hz() / 1e6),
		.clock_cycles = round_clock_cycles(),
	};
	for (unsigned int b = 0; b < BENCH_NB_BACKENDS; b++) {
		struct measure_side *one = &measure->sides[measure->nb_sides];

		if (!conf->has_backend[b])
			continue;
		one->result = &results[measure->nb_sides++];
		*one->result = (struct measure_result){ .backend = b, .point = *measure->point };
		one->result->rc = rc != 0 ? rc : measure_open_side(measure, one);
	}
}

unsigned int
measure_run(const struct measure_conf *conf, const struct bench_case *point,
	struct measure_result *results)
{
	struct measure measure = { .conf = conf, .point = point };

	measure_start(&measure, results);
	measure_rounds(&measure);
	for (unsigned int i = 0; i < measure.nb_sides; i++)
		measure_summarise(&measure.sides[i]);
	for (unsigned int i = 0; i < measure.nb_sides; i++) {
		results[i].ratio_to_rte_vhost = measure_ratio(results, measure.nb_sides, i,
			BENCH_RTE_VHOST);
		results[i].ratio_to_limit = measure_ratio(results, measure.nb_sides, i,
			BENCH_LIMIT);
	}
	measure_close(&measure);
	return measure.nb_sides;
}
