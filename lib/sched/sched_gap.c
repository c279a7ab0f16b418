/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Histogram of the gaps between a worker's turns: shows whether anything ever holds up a data
 * lcore. Off by default; a flag switches a worker to the loop that reads the clock.
 */
#include "vu_sched.h"

#include <errno.h>

#include "sched_worker.h"

void
gaps_clear(struct vu_sched_worker *worker)
{
	for (unsigned int i = 0; i < VU_NB_GAP_BUCKETS; i++)
		vu_store(&worker->nb_gaps[i], 0);
	vu_store(&worker->longest_gap_cycles, 0);
	/* Readers show nothing while it is set; pairs with the acquire in vu_sched_gap_get(). */
	__atomic_fetch_and(&worker->flags, ~FLAG_RESET_GAPS, __ATOMIC_RELEASE);
}

void
gap_count(struct vu_sched_worker *worker, uint64_t gap_cycles)
{
	const unsigned int bucket = 63 - (unsigned int)__builtin_clzll(gap_cycles | 1);

	vu_counter_add(&worker->nb_gaps[bucket], 1);
	if (gap_cycles > worker->longest_gap_cycles)
		vu_store(&worker->longest_gap_cycles, gap_cycles);
}

void
vu_sched_gap_start(struct vu_sched *sched)
{
	for (unsigned int i = 0; i < sched->nb_workers; i++)
		__atomic_fetch_or(&sched->workers[i]->flags, FLAG_MEASURE | FLAG_RESET_GAPS,
			__ATOMIC_RELAXED);
}

void
vu_sched_gap_stop(struct vu_sched *sched)
{
	for (unsigned int i = 0; i < sched->nb_workers; i++)
		__atomic_fetch_and(&sched->workers[i]->flags, ~FLAG_MEASURE, __ATOMIC_RELAXED);
}

int
vu_sched_gap_get(const struct vu_sched *sched, unsigned int worker_idx,
	struct vu_sched_gaps *gaps)
{
	const struct vu_sched_worker *worker = sched_worker(sched, worker_idx);
	uint32_t flags;

	if (worker == NULL)
		return -EINVAL;
	/* Pairs with the release in gaps_clear(). */
	flags = vu_load_acquire(&worker->flags);
	*gaps = (struct vu_sched_gaps){
		.lcore_id = worker->lcore_id,
		.is_measuring = (flags & FLAG_MEASURE) != 0,
	};
	if ((flags & FLAG_RESET_GAPS) != 0)
		return 0;
	for (unsigned int i = 0; i < VU_NB_GAP_BUCKETS; i++)
		gaps->nb_gaps[i] = vu_load(&worker->nb_gaps[i]);
	gaps->longest_cycles = vu_load(&worker->longest_gap_cycles);
	return 0;
}
