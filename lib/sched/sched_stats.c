/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cycles of each worker. A stopwatch is one word that its owner stores whole, so any thread reads
 * it without a lock, and only its start and stop read the time stamp counter: a loop that stays
 * busy or stays idle pays nothing.
 */
#include "vu_sched.h"

#include <errno.h>

#include <rte_cycles.h>

#include "sched_worker.h"

/*
 * Stopwatch: stopped, it holds the cycles so far; running, the cycles so far minus the time it was
 * started, so that adding the present time gives the reading. Bit 0 = running; time is even.
 */
#define STOPWATCH_RUNNING UINT64_C(1)

static uint64_t
time_now(void)
{
	return rte_rdtsc() & ~STOPWATCH_RUNNING;
}

static void
stopwatch_start(uint64_t *stopwatch, uint64_t now)
{
	vu_store(stopwatch, (*stopwatch - now) | STOPWATCH_RUNNING);
}

static void
stopwatch_stop(uint64_t *stopwatch, uint64_t now)
{
	vu_store(stopwatch, (*stopwatch & ~STOPWATCH_RUNNING) + now);
}

/* A reader on another socket may be some cycles behind the starter: never below zero. */
static uint64_t
stopwatch_read(const uint64_t *stopwatch, uint64_t now)
{
	uint64_t value = vu_load(stopwatch);

	if ((value & STOPWATCH_RUNNING) == 0)
		return value;
	value = (value & ~STOPWATCH_RUNNING) + now;
	return (int64_t)value < 0 ? 0 : value;
}

void
stats_enter(struct vu_sched_worker *worker)
{
	stopwatch_start(&worker->running_stopwatch, time_now());
}

void
stats_note_work(struct vu_sched_worker *worker)
{
	worker->work_tsc = time_now();
}

void
stats_flip_busy(struct vu_sched_worker *worker)
{
	if (worker->is_busy)
		stopwatch_stop(&worker->busy_stopwatch, time_now());
	else
		stopwatch_start(&worker->busy_stopwatch, worker->work_tsc);
	worker->is_busy = !worker->is_busy;
}

void
stats_leave(struct vu_sched_worker *worker)
{
	if (worker->is_busy)
		stats_flip_busy(worker);
	stopwatch_stop(&worker->running_stopwatch, time_now());
}

void
stats_sleep(struct vu_sched_worker *worker)
{
	stopwatch_start(&worker->sleep_stopwatch, time_now());
}

void
stats_awake(struct vu_sched_worker *worker)
{
	stopwatch_stop(&worker->sleep_stopwatch, time_now());
}

int
vu_sched_lcore_stats_get(struct vu_sched *sched, unsigned int worker_idx,
	struct vu_sched_lcore_stats *stats)
{
	const struct vu_sched_worker *worker = sched_worker(sched, worker_idx);
	uint64_t running_cycles, spent_cycles, now;

	if (worker == NULL)
		return -EINVAL;
	now = time_now();
	running_cycles = stopwatch_read(&worker->running_stopwatch, now);
	*stats = (struct vu_sched_lcore_stats){
		.lcore_id = worker->lcore_id,
		.numa_node = worker->numa_node,
		.nb_tasks = vu_load(&worker->nb_tasks),
		.is_running = vu_load(&worker->state) == WORKER_LOOP,
		.busy_cycles =
			RTE_MIN(stopwatch_read(&worker->busy_stopwatch, now), running_cycles),
		.nb_polls = vu_load(&worker->nb_polls),
		.nb_items = vu_load(&worker->nb_items),
		.policy = worker->policy,
		.sleep_cycles = stopwatch_read(&worker->sleep_stopwatch, now),
		.nb_sleeps = vu_load(&worker->nb_sleeps),
		.nb_kicks = vu_load(&worker->nb_kicks),
	};
	spent_cycles = stats->busy_cycles + stats->sleep_cycles;
	/* The stopwatches are read one after the other. */
	stats->idle_cycles = running_cycles > spent_cycles ? running_cycles - spent_cycles : 0;
	return 0;
}
