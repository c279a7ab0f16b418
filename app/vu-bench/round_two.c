/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rounds on two lcores; see round.h. How far apart the lcores are, which on virtual machines
 * changes from second to second, is measured around each. For the cost, frames are counted where
 * the generator sees them come back, between two readings of the clock while both run at full
 * speed. For the latency the generator polls for the answer in every case, which is the best that
 * an event-driven back-end can meet.
 */
#include "round.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <rte_cycles.h>
#include <rte_launch.h>

#include "vu_atomic.h"
#include "vu_fd.h"

#include "line.h"
#include "load.h"

#define DRAIN_MS 2000
#define PAUSE_US 10 /* between two frames: a back-end that sleeps is asleep when the next comes */
#define PATIENCE_S 1

/* The back-end's lcore. */
struct worker {
	struct subject *subject;
	void (*turn)(struct worker *worker);
	uint64_t nb_switches; /* once it has ended */
	/* Of a back-end that sleeps, else VU_FD_NONE. */
	int kick_fd;
	int call_fd;
	int epoll_fd;
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t stop;
};

static int
worker_main(void *arg)
{
	struct worker *worker = arg;
	uint64_t nb_before = round_switches();

	while (vu_load_acquire(&worker->stop) == 0)
		worker->turn(worker);
	worker->nb_switches = round_switches() - nb_before;
	return 0;
}

/* Run `drive` here while the worker takes its turns. */
static void
run_beside(struct worker *worker, const struct round_conf *conf, struct round_result *result,
	void (*drive)(struct worker *worker, const struct round_conf *conf,
		struct round_result *result))
{
	unsigned int lcore_id = worker->subject->conf.lcore_id;
	double line_before_ns = line_round_trip_ns(lcore_id);
	uint64_t nb_before = round_switches();

	rte_eal_remote_launch(worker_main, worker, lcore_id);
	drive(worker, conf, result);
	vu_store_release(&worker->stop, 1);
	if (worker->kick_fd >= 0)
		vu_fd_signal(worker->kick_fd);
	rte_eal_wait_lcore(lcore_id);
	result->nb_switches = round_switches() - nb_before + worker->nb_switches;
	result->line_ns = line_join(line_before_ns, line_round_trip_ns(lcore_id));
}

/* ---- cost ---- */

/* What finds no room is dropped, and its number given to the next frame. */
static void
cost_turn(struct worker *worker)
{
	for (uint32_t pair = 0; pair < worker->subject->conf.point->nb_pairs; pair++)
		load_turn(worker->subject, pair);
}

/* Frames that came back to the generator: sent and taken back, or received. */
static __rte_always_inline uint64_t
cost_gen_turn(const struct bench_case *point, struct gen_queue *gq)
{
	uint64_t before = gq[1].nb_back;

	if (point->direction == BENCH_FROM_GUEST) {
		gen_send(&gq[1], (uint16_t)point->burst);
		return gq[1].nb_back - before;
	}
	/* Not before half of what the queue to the guest has room for is back. */
	if (bench_is_through(point) &&
			gq[1].nb_frames - gq[0].nb_frames <= gq[0].max_frames / 2)
		gen_send(&gq[1], gen_nb_fitting(gq, (uint16_t)point->burst));
	return gen_receive(gq);
}

/* Drive the generator until a point in time. @return frames that came back */
static uint64_t
cost_generate(struct subject *subject, uint64_t end)
{
	const struct bench_case *point = subject->conf.point;
	uint64_t nb = 0;

	do {
		for (uint32_t pair = 0; pair < point->nb_pairs; pair++)
			nb += cost_gen_turn(point, &subject->queues[2 * pair]);
	} while (rte_rdtsc() < end);
	return nb;
}

/* Let the back-end finish what was sent. */
static void
cost_drain(struct subject *subject)
{
	uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000 * DRAIN_MS;
	bool is_done;

	do {
		is_done = true;
		for (uint32_t pair = 0; pair < subject->conf.point->nb_pairs; pair++) {
			struct gen_queue *gq = &subject->queues[2 * pair];

			gen_take_back(&gq[1]);
			is_done &= gq[1].nb_back == gq[1].nb_given;
			gen_receive(gq);
		}
	} while (!is_done && rte_rdtsc() < end);
}

static void
cost_drive(struct worker *worker, const struct round_conf *conf, struct round_result *result)
{
	uint64_t start;

	/* Until both run and the rings are as full as they will be. */
	cost_generate(worker->subject, rte_rdtsc() + conf->cycles / 4);
	start = rte_rdtsc();
	result->nb_frames = cost_generate(worker->subject, start + conf->cycles);
	result->cycles = rte_rdtsc() - start;
	cost_drain(worker->subject);
}

void
round_run_two(struct subject *subject, const struct round_conf *conf, struct round_result *result)
{
	struct worker worker = {
		.subject = subject, .turn = cost_turn, .kick_fd = VU_FD_NONE,
	};

	run_beside(&worker, conf, result, cost_drive);
	cost_drain(subject);
}

/* ---- latency ---- */

static void
echo_turn(struct worker *worker)
{
	load_turn(worker->subject, 0);
}

/* As back-ends that are driven by events: sleep until kicked, empty the queue, write a call. */
static void
echo_turn_asleep(struct worker *worker)
{
	struct epoll_event event;
	eventfd_t count;

	if (epoll_wait(worker->epoll_fd, &event, 1, -1) == 1)
		eventfd_read(worker->kick_fd, &count);
	while (load_turn(worker->subject, 0) != 0)
		vu_fd_signal(worker->call_fd);
}

/* @return cycles; 0 if the frame did not come back */
static uint64_t
latency_trip(const struct worker *worker)
{
	struct gen_queue *gq = worker->subject->queues;
	uint64_t start = rte_rdtsc_precise();
	uint64_t end = start + PATIENCE_S * rte_get_tsc_hz();

	gen_send(&gq[1], 1);
	if (worker->kick_fd >= 0)
		vu_fd_signal(worker->kick_fd);
	while (gen_receive(gq) == 0)
		if (rte_rdtsc() > end)
			return 0;
	return rte_rdtsc_precise() - start;
}

static void
latency_drive(struct worker *worker, const struct round_conf *conf, struct round_result *result)
{
	double cycle_ns = 1e9 / (double)rte_get_tsc_hz();

	for (; result->nb_frames < ROUND_NB_TRIPS; result->nb_frames++) {
		uint64_t cycles;

		rte_delay_us_block(PAUSE_US);
		cycles = latency_trip(worker);
		if (cycles == 0)
			return;
		result->trip_ns[result->nb_frames] =
			(double)(cycles - conf->clock_cycles) * cycle_ns;
	}
}

/* The eventfds of a back-end that sleeps; those of the rings are not used. */
static int
worker_open_fds(struct worker *worker)
{
	struct epoll_event event = { .events = EPOLLIN };

	worker->kick_fd = vu_fd_eventfd();
	worker->call_fd = vu_fd_eventfd();
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (worker->kick_fd < 0 || worker->call_fd < 0 || worker->epoll_fd < 0)
		return -EMFILE;
	return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->kick_fd, &event);
}

void
round_run_latency(struct subject *subject, const struct round_conf *conf,
	struct round_result *result)
{
	struct worker worker = {
		.subject = subject, .turn = echo_turn,
		.kick_fd = VU_FD_NONE, .call_fd = VU_FD_NONE, .epoll_fd = VU_FD_NONE,
	};
	int rc = 0;

	if (subject->conf.backend == BENCH_EVENTFD) {
		worker.turn = echo_turn_asleep;
		rc = worker_open_fds(&worker);
	}
	if (rc == 0)
		run_beside(&worker, conf, result, latency_drive);
	vu_fd_close(&worker.kick_fd);
	vu_fd_close(&worker.call_fd);
	vu_fd_close(&worker.epoll_fd);
}
