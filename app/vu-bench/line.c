/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Round trip of a cache line; see line.h.
 */
#include "line.h"

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_launch.h>

#include "vu_atomic.h"

#define LINE_TRIPS 500
#define LINE_MIN_TRIPS 50
#define LINE_MAX_US 2000 /* lcores that others use as well need for ever */
#define LINE_STOP UINT32_MAX

struct line {
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t turn; /* even: ours, odd: the other lcore's */
};

/* The other lcore: answer until asked to stop. */
static int
line_main(void *arg)
{
	struct line *line = arg;
	uint32_t turn;

	while ((turn = vu_load_acquire(&line->turn)) != LINE_STOP)
		if (turn % 2 == 1)
			/* Not over a stop that comes meanwhile. */
			__atomic_compare_exchange_n(&line->turn, &turn, turn + 1, false,
				__ATOMIC_RELEASE, __ATOMIC_RELAXED);
	return 0;
}

/* One trip. @return false: it did not come back in time */
static bool
line_trip(struct line *line, uint32_t turn, uint64_t end)
{
	vu_store_release(&line->turn, turn + 1);
	while (vu_load_acquire(&line->turn) != turn + 2)
		if (rte_rdtsc() > end)
			return false;
	return true;
}

double
line_round_trip_ns(unsigned int lcore_id)
{
	struct line line = { 0 };
	uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000000 * LINE_MAX_US;
	uint64_t cycles = 0;
	uint32_t nb = 0;

	rte_eal_remote_launch(line_main, &line, lcore_id);
	/* The first trip waits for the other lcore to begin. */
	if (line_trip(&line, 0, end)) {
		cycles = rte_rdtsc();
		while (nb < LINE_TRIPS && line_trip(&line, 2 * nb + 2, end))
			nb++;
		cycles = rte_rdtsc() - cycles;
	}
	vu_store_release(&line.turn, LINE_STOP);
	rte_eal_wait_lcore(lcore_id);
	if (nb < LINE_MIN_TRIPS)
		return 0;
	return (double)cycles * 1e9 / (double)rte_get_tsc_hz() / nb;
}

double
line_join(double before_ns, double after_ns)
{
	bool is_same = before_ns > 0 && before_ns < LINE_STATE_RATIO * after_ns &&
		after_ns < LINE_STATE_RATIO * before_ns;

	return is_same ? (before_ns + after_ns) / 2 : 0;
}
