/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rounds on one lcore; see round.h. The clock is read behind a full barrier, so that neither part
 * is charged for stores and loads of the other.
 */
#include "round.h"

#include <sys/resource.h>

#include <rte_cycles.h>

#include "load.h"

/* One turn, clock in hand: generator before, back-end, generator after. */
static __rte_always_inline void
round_turn(struct subject *subject, const struct round_conf *conf, struct round_result *result)
{
	const struct bench_case *point = subject->conf.point;
	uint32_t pair = subject->next_pair;
	struct gen_queue *gq = &subject->queues[2 * pair];
	uint16_t burst = (uint16_t)point->burst;
	uint64_t start = rte_rdtsc_precise();
	uint64_t before, after, end;

	if (point->direction != BENCH_TO_GUEST)
		gen_send(&gq[1], bench_is_through(point) ? gen_nb_fitting(gq, burst) : burst);
	before = rte_rdtsc_precise();
	result->nb_frames += load_turn(subject, pair);
	after = rte_rdtsc_precise();
	if (point->direction != BENCH_FROM_GUEST)
		gen_receive(gq);
	end = rte_rdtsc_precise();
	result->cycles += after - before - conf->clock_cycles;
	result->gen_cycles += (before - start) + (end - after) - 2 * conf->clock_cycles;
	subject->next_pair = pair + 1 == point->nb_pairs ? 0 : pair + 1;
}

void
round_run_one(struct subject *subject, const struct round_conf *conf, struct round_result *result)
{
	const uint32_t min_turns = conf->nb_turns != 0 ? conf->nb_turns :
		subject->conf.point->nb_pairs;
	uint64_t end = conf->nb_turns != 0 ? 0 : rte_rdtsc() + conf->cycles;
	uint64_t nb_before = round_switches();
	uint32_t nb_turns = 0;

	do {
		round_turn(subject, conf, result);
		nb_turns++;
	} while (rte_rdtsc() < end || nb_turns < min_turns);
	result->nb_switches = round_switches() - nb_before;
}

uint64_t
round_switches(void)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nivcsw;
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
