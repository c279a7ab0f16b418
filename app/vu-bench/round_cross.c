/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rounds on two lcores; see round.h. Frames are counted where the front half sees them come back,
 * between two readings of the clock while both halves run at full speed. How far apart the two
 * lcores are, which on virtual machines changes from second to second, is measured around it.
 */
#include "round.h"

#include <rte_cycles.h>
#include <rte_launch.h>

#include "vu_atomic.h"

#include "line.h"

#define DRAIN_MS 2000

struct cross {
	struct side *side;
	const struct round_conf *conf;
	uint64_t nb_switches; /* of the back half, once it has ended */
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t stop;
};

/* Back half: what finds no room is dropped, and its number given to the next frame. */
static __rte_always_inline void
cross_back_loop(struct cross *cross, const enum bench_direction direction)
{
	const struct round_conf *conf = cross->conf;

	while (vu_load(&cross->stop) == 0) {
		for (uint32_t pair = 0; pair < conf->load.point->nb_pairs; pair++)
			load_turn(cross->side, &conf->load, pair, direction);
	}
}

static int
cross_back_main(void *arg)
{
	struct cross *cross = arg;
	uint64_t nb_before = round_switches();

	if (cross->conf->load.point->direction == BENCH_FROM_GUEST)
		cross_back_loop(cross, BENCH_FROM_GUEST);
	else if (cross->conf->load.point->direction == BENCH_TO_GUEST)
		cross_back_loop(cross, BENCH_TO_GUEST);
	else if (cross->conf->load.point->direction == BENCH_BOTH)
		cross_back_loop(cross, BENCH_BOTH);
	else
		cross_back_loop(cross, BENCH_GUEST_TO_GUEST);
	cross->nb_switches = round_switches() - nb_before;
	return 0;
}

/* Frames that came back to the front half: sent and taken back, or received. */
static __rte_always_inline uint64_t
cross_front_turn(struct front_queue *fq, uint16_t burst, const enum bench_direction direction)
{
	uint64_t before = fq[1].nb_back;

	if (direction == BENCH_FROM_GUEST) {
		front_send(&fq[1], burst);
		return fq[1].nb_back - before;
	}
	/* Not before half of what the queue to the guest has room for is back. */
	if (bench_is_through(direction) &&
			fq[1].nb_frames - fq[0].nb_frames <= fq[0].max_frames / 2)
		front_send(&fq[1], front_nb_fitting(fq, burst));
	return front_receive(fq);
}

/* Drive the front half until a point in time. @return frames that came back */
static __rte_always_inline uint64_t
cross_front_loop(struct side *side, const struct round_conf *conf, uint64_t end,
	const enum bench_direction direction)
{
	uint16_t burst = (uint16_t)conf->load.point->burst;
	uint64_t nb = 0;

	do {
		for (uint32_t pair = 0; pair < conf->load.point->nb_pairs; pair++)
			nb += cross_front_turn(&side->front.queues[2 * pair], burst, direction);
	} while (rte_rdtsc() < end);
	return nb;
}

static uint64_t
cross_front(struct side *side, const struct round_conf *conf, uint64_t end)
{
	if (conf->load.point->direction == BENCH_FROM_GUEST)
		return cross_front_loop(side, conf, end, BENCH_FROM_GUEST);
	if (conf->load.point->direction == BENCH_TO_GUEST)
		return cross_front_loop(side, conf, end, BENCH_TO_GUEST);
	return cross_front_loop(side, conf, end, BENCH_BOTH);
}

/* The back half still works: let it finish what was sent. */
static void
cross_drain(struct side *side)
{
	uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000 * DRAIN_MS;
	bool is_done;

	do {
		is_done = true;
		for (uint32_t pair = 0; pair < side->front.nb_pairs; pair++) {
			struct front_queue *fq = &side->front.queues[2 * pair];

			front_take_back(&fq[1]);
			is_done &= fq[1].nb_back == fq[1].nb_given;
			front_receive(fq);
		}
	} while (!is_done && rte_rdtsc() < end);
}

void
round_run_cross(struct side *side, const struct round_conf *conf, struct round_result *result)
{
	struct cross cross = { .side = side, .conf = conf };
	double line_before_ns = line_round_trip_ns(conf->lcore_id);
	uint64_t nb_before = round_switches();
	uint64_t start;

	*result = (struct round_result){ 0 };
	rte_eal_remote_launch(cross_back_main, &cross, conf->lcore_id);
	/* Until both run and the rings are as full as they will be. */
	cross_front(side, conf, rte_rdtsc() + conf->cycles / 4);
	start = rte_rdtsc();
	result->nb_frames = cross_front(side, conf, start + conf->cycles);
	result->back_cycles = rte_rdtsc() - start;
	cross_drain(side);
	vu_store(&cross.stop, 1);
	rte_eal_wait_lcore(conf->lcore_id);
	cross_drain(side);
	result->nb_switches = round_switches() - nb_before + cross.nb_switches;
	result->line_ns = line_join(line_before_ns, line_round_trip_ns(conf->lcore_id));
}
