/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Round trip of a cache line; see line.h.
 */
#include "line.h"

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_launch.h>

#include "vu_atomic.h"

#define LINE_TRIPS 500

struct line {
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t turn; /* even: ours, odd: the other lcore's */
};

/* Take every second turn from `first` on. */
static void
line_pass(struct line *line, uint32_t first)
{
	for (uint32_t turn = first; turn < 2 * LINE_TRIPS; turn += 2) {
		while (vu_load_acquire(&line->turn) != turn)
			;
		vu_store_release(&line->turn, turn + 1);
	}
}

static int
line_main(void *arg)
{
	line_pass(arg, 1);
	return 0;
}

double
line_round_trip_ns(unsigned int lcore_id)
{
	struct line line = { 0 };
	uint64_t start;

	rte_eal_remote_launch(line_main, &line, lcore_id);
	/* The first trip waits for the other lcore to begin. */
	vu_store_release(&line.turn, 1);
	while (vu_load_acquire(&line.turn) != 2)
		;
	start = rte_rdtsc();
	line_pass(&line, 2);
	rte_eal_wait_lcore(lcore_id);
	return (double)(rte_rdtsc() - start) * 1e9 / (double)rte_get_tsc_hz() / (LINE_TRIPS - 1);
}

double
line_join(double before_ns, double after_ns)
{
	bool is_same = before_ns < LINE_STATE_RATIO * after_ns &&
		after_ns < LINE_STATE_RATIO * before_ns;

	return is_same ? (before_ns + after_ns) / 2 : 0;
}
