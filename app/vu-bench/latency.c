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
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t stop;
};

static int
echo_main(void *arg)
{
	struct echo *echo = arg;
	const struct back_ops *ops = echo->side->ops;
	void **handles = echo->side->handles;

	while (vu_load_acquire(&echo->stop) == 0) {
		if (ops->wait != NULL)
			ops->wait(handles[1]);
		while (load_both(echo->side, &echo->conf->load, 0) != 0)
			if (ops->signal != NULL)
				ops->signal(handles[0]);
	}
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

unsigned int
latency_run(struct side *side, const struct round_conf *conf, double *trip_ns, double *line_ns)
{
	struct echo echo = { .side = side, .conf = conf };
	double before_ns = line_round_trip_ns(conf->lcore_id);
	double cycle_ns = 1e9 / (double)rte_get_tsc_hz();
	unsigned int i;

	rte_eal_remote_launch(echo_main, &echo, conf->lcore_id);
	for (i = 0; i < LATENCY_TRIPS; i++) {
		uint64_t cycles;

		rte_delay_us_block(PAUSE_US);
		cycles = latency_trip(side);
		if (cycles == 0)
			break;
		trip_ns[i] = (double)(cycles - conf->clock_cycles) * cycle_ns;
	}
	vu_store_release(&echo.stop, 1);
	if (side->ops->kick != NULL)
		side->ops->kick(side->handles[1]);
	rte_eal_wait_lcore(conf->lcore_id);
	*line_ns = line_join(before_ns, line_round_trip_ns(conf->lcore_id));
	return i;
}
