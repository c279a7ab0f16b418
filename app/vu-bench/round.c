/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rounds on one lcore; see round.h. The clock is read behind a full barrier, so that no half is
 * charged for stores and loads of the other.
 */
#include "round.h"

#include <sys/resource.h>

#include <rte_cycles.h>

/* One turn, clock in hand: front half before, back half, front half after. */
static __rte_always_inline void
round_turn(struct side *side, const struct round_conf *conf, struct round_result *result,
	const enum bench_direction direction)
{
	uint32_t pair = side->next_pair;
	struct front_queue *fq = &side->front.queues[2 * pair];
	uint16_t burst = (uint16_t)conf->load.point->burst;
	uint64_t start = rte_rdtsc_precise();
	uint64_t before, after, end;

	if (direction != BENCH_TO_GUEST)
		front_send(&fq[1], bench_is_through(direction) ? front_nb_fitting(fq, burst) :
			burst);
	before = rte_rdtsc_precise();
	result->nb_frames += load_turn(side, &conf->load, pair, direction);
	after = rte_rdtsc_precise();
	if (direction != BENCH_FROM_GUEST)
		front_receive(fq);
	end = rte_rdtsc_precise();
	result->back_cycles += after - before - conf->clock_cycles;
	result->front_cycles += (before - start) + (end - after) - 2 * conf->clock_cycles;
	side->next_pair = pair + 1 == conf->load.point->nb_pairs ? 0 : pair + 1;
}

static __rte_always_inline void
round_loop(struct side *side, const struct round_conf *conf, struct round_result *result,
	const enum bench_direction direction)
{
	const uint32_t min_turns = conf->nb_turns != 0 ? conf->nb_turns :
		conf->load.point->nb_pairs;
	uint64_t end = conf->nb_turns != 0 ? 0 : rte_rdtsc() + conf->cycles;
	uint32_t nb_turns = 0;

	do {
		round_turn(side, conf, result, direction);
		nb_turns++;
	} while (rte_rdtsc() < end || nb_turns < min_turns);
}

uint64_t
round_switches(void)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nivcsw;
}

void
round_run(struct side *side, const struct round_conf *conf, struct round_result *result)
{
	uint64_t nb_before = round_switches();

	*result = (struct round_result){ 0 };
	if (conf->load.point->direction == BENCH_FROM_GUEST)
		round_loop(side, conf, result, BENCH_FROM_GUEST);
	else if (conf->load.point->direction == BENCH_TO_GUEST)
		round_loop(side, conf, result, BENCH_TO_GUEST);
	else if (conf->load.point->direction == BENCH_BOTH)
		round_loop(side, conf, result, BENCH_BOTH);
	else
		round_loop(side, conf, result, BENCH_GUEST_TO_GUEST);
	result->nb_switches = round_switches() - nb_before;
}

uint64_t
round_clock_cycles(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < 10000; i++) {
		uint64_t start = rte_rdtsc_precise();

		least = RTE_MIN(least, rte_rdtsc_precise() - start);
	}
	return least;
}
