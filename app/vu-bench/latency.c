/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Round trips; see latency.h. The front half polls for the answer in every case, which is the best
 * that an event-driven back half can meet. Between two frames there is a pause, so that a back half
 * that sleeps is asleep when the next one comes.
 */
#include "latency.h"

#include <rte_cycles.h>
#include <rte_launch.h>

#include "vu_atomic.h"

#include "line.h"

#define PAUSE_US 10
#define PATIENCE_S 1

struct echo {
	struct side *side;
	const struct round_conf *conf;
	uint64_t nb_switches; /* of the back half, once it has ended */
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t stop;
};

static int
echo_main(void *arg)
{
	struct echo *echo = arg;
	const struct back_ops *ops = echo->side->ops;
	void **handles = echo->side->handles;
	uint64_t nb_before = round_switches();

	while (vu_load_acquire(&echo->stop) == 0) {
		if (ops->wait != NULL)
			ops->wait(handles[1]);
		while (load_both(echo->side, &echo->conf->load, 0) != 0)
			if (ops->signal != NULL)
				ops->signal(handles[0]);
	}
	echo->nb_switches = round_switches() - nb_before;
	return 0;
}

/* @return cycles; 0 if the frame did not come back */
static uint64_t
latency_trip(struct side *side)
{
	struct front_queue *fq = side->front.queues;
	uint64_t start = rte_rdtsc_precise();
	uint64_t end = start + PATIENCE_S * rte_get_tsc_hz();

	front_send(&fq[1], 1);
	if (side->ops->kick != NULL)
		side->ops->kick(side->handles[1]);
	while (front_receive(fq) == 0)
		if (rte_rdtsc() > end)
			return 0;
	return rte_rdtsc_precise() - start;
}

void
latency_run(struct side *side, const struct round_conf *conf, double *trip_ns,
	struct round_result *result)
{
	struct echo echo = { .side = side, .conf = conf };
	double before_ns = line_round_trip_ns(conf->lcore_id);
	double cycle_ns = 1e9 / (double)rte_get_tsc_hz();
	uint64_t nb_before = round_switches();

	*result = (struct round_result){ 0 };
	rte_eal_remote_launch(echo_main, &echo, conf->lcore_id);
	for (; result->nb_frames < LATENCY_TRIPS; result->nb_frames++) {
		uint64_t cycles;

		rte_delay_us_block(PAUSE_US);
		cycles = latency_trip(side);
		if (cycles == 0)
			break;
		trip_ns[result->nb_frames] = (double)(cycles - conf->clock_cycles) * cycle_ns;
	}
	vu_store_release(&echo.stop, 1);
	if (side->ops->kick != NULL)
		side->ops->kick(side->handles[1]);
	rte_eal_wait_lcore(conf->lcore_id);
	result->nb_switches = round_switches() - nb_before + echo.nb_switches;
	result->line_ns = line_join(before_ns, line_round_trip_ns(conf->lcore_id));
}
