/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rounds; see round.h. On one lcore the clock is read behind a full barrier, so that neither part
 * is charged for stores and loads of the other. On two lcores the distance of the lcores is
 * measured around each round. For the cost, frames are counted there where the generator sees them
 * come back, between two readings of the clock while both run at full speed. For the latency the
 * generator polls for the answer in every case, the best that an event-driven back-end can meet.
 */
#include "round.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <rte_cycles.h>
#include <rte_launch.h>

#include "vu_atomic.h"
#include "vu_fd.h"

#define DRAIN_MS 2000
#define PAUSE_US 10 /* between two frames: a back-end that sleeps is asleep when the next comes */
#define PATIENCE_S 1
#define LINE_TRIPS 500
#define LINE_MIN_TRIPS 50
#define LINE_MAX_US 2000 /* lcores that others use as well take very long */

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

/* Times that the calling thread had to leave its CPU to another so far. */
static uint64_t
round_switches(void)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nivcsw;
}

bool
round_is_alike(double line_ns, double usual_ns)
{
	return line_ns * ROUND_STATE_RATIO >= usual_ns && line_ns <= usual_ns * ROUND_STATE_RATIO;
}

static double
round_ns(uint64_t cycles)
{
	return (double)cycles * 1e9 / (double)rte_get_tsc_hz();
}

/* ---- one lcore ---- */

/* One turn, clock in hand: generator before, back-end, generator after. */
static __rte_always_inline void
one_turn(struct subject *subject, uint64_t clock_cycles, struct round_result *result)
{
	const struct bench_case *point = subject->conf.point;
	uint32_t pair = subject->next_pair;
	struct gen_queue *gq = &subject->queues[2 * pair];
	uint64_t start = rte_rdtsc_precise();
	uint64_t before, after, end;

	if (point->direction != BENCH_TO_GUEST)
		gen_send(&gq[1], gen_nb_fitting(point, gq));
	before = rte_rdtsc_precise();
	result->nb_frames += subject_turn(subject, pair);
	after = rte_rdtsc_precise();
	if (point->direction != BENCH_FROM_GUEST)
		gen_receive(gq);
	end = rte_rdtsc_precise();
	result->cycles += after - before - clock_cycles;
	result->gen_cycles += (before - start) + (end - after) - 2 * clock_cycles;
	subject->next_pair = pair + 1 == point->nb_pairs ? 0 : pair + 1;
}

static void
one_turns(struct subject *subject, const struct round_conf *conf, uint64_t cycles,
	struct round_result *result)
{
	const uint32_t min_turns = conf->nb_turns != 0 ? conf->nb_turns :
		subject->conf.point->nb_pairs;
	uint64_t end = conf->nb_turns != 0 ? 0 : rte_rdtsc() + cycles;
	uint32_t nb_turns = 0;

	do {
		one_turn(subject, conf->clock_cycles, result);
		nb_turns++;
	} while (rte_rdtsc() < end || nb_turns < min_turns);
}

static void
one_run(struct subject *subject, const struct round_conf *conf, struct round_result *result)
{
	struct round_result unused = { 0 };

	/* The caches are another back-end's when a round begins: this part does not count. */
	if (conf->nb_turns == 0)
		one_turns(subject, conf, conf->cycles / 4, &unused);
	result->nb_switches = round_switches();
	one_turns(subject, conf, conf->cycles, result);
	result->nb_switches = round_switches() - result->nb_switches;
}

/* ---- distance of two lcores ---- */

struct line {
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t turn; /* even: ours, odd: the other lcore's */
	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t end;  /* TSC, when either gives up */
};

/* Pass the line on, from a turn to every second one. @return turn that did not come in time */
static uint32_t
line_pass(struct line *line, uint32_t turn, uint32_t end)
{
	for (; turn < end; turn += 2) {
		while (vu_load_acquire(&line->turn) != turn)
			if (rte_rdtsc() > line->end)
				return turn;
		vu_store_release(&line->turn, turn + 1);
	}
	return turn;
}

static int
line_main(void *line)
{
	line_pass(line, 1, 2 * LINE_TRIPS);
	return 0;
}

/*
 * Send a cache line to and fro between this lcore and another, idle one. @return nanoseconds of a
 * round trip, the mean of some hundred; 0 if others use these lcores too much
 */
static double
line_round_trip_ns(unsigned int lcore_id)
{
	struct line line = { .end = rte_rdtsc() + rte_get_tsc_hz() / 1000000 * LINE_MAX_US };
	uint64_t start;
	uint32_t nb;

	rte_eal_remote_launch(line_main, &line, lcore_id);
	/* The first trip waits for the other lcore to begin. */
	line_pass(&line, 0, 4);
	start = rte_rdtsc();
	nb = (line_pass(&line, 4, 2 * LINE_TRIPS) - 4) / 2;
	start = rte_rdtsc() - start;
	rte_eal_wait_lcore(lcore_id);
	return nb < LINE_MIN_TRIPS ? 0 : round_ns(start) / nb;
}

/* ---- two lcores: the back-end's ---- */

struct worker {
	struct subject *subject;
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
	struct subject *subject = worker->subject;
	uint64_t nb_before = round_switches();
	struct epoll_event event;
	eventfd_t count;

	while (vu_load_acquire(&worker->stop) == 0) {
		/* As back-ends that are driven by events: sleep until kicked, write a call. */
		if (worker->epoll_fd >= 0 && epoll_wait(worker->epoll_fd, &event, 1, -1) == 1)
			eventfd_read(worker->kick_fd, &count);
		/* What finds no room is dropped, and its number given to the next frame. */
		for (uint32_t pair = 0; pair < subject->conf.point->nb_pairs; pair++)
			while (subject_turn(subject, pair) != 0 && worker->epoll_fd >= 0)
				vu_fd_signal(worker->call_fd);
	}
	worker->nb_switches = round_switches() - nb_before;
	return 0;
}

/* The eventfds of a back-end that sleeps; those of the rings are not used. */
static bool
worker_open_fds(struct worker *worker)
{
	struct epoll_event event = { .events = EPOLLIN };

	worker->kick_fd = vu_fd_eventfd();
	worker->call_fd = vu_fd_eventfd();
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return worker->kick_fd >= 0 && worker->call_fd >= 0 && worker->epoll_fd >= 0 &&
		epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->kick_fd, &event) == 0;
}

/* ---- two lcores: the generator's, for the cost ---- */

/* Drive the generator until a point in time. @return frames sent and taken back, or received */
static uint64_t
cost_generate(struct subject *subject, uint64_t end)
{
	const struct bench_case *point = subject->conf.point;
	const bool is_from_guest = point->direction == BENCH_FROM_GUEST;
	uint64_t nb = 0;

	do {
		for (uint32_t pair = 0; pair < point->nb_pairs; pair++) {
			struct gen_queue *gq = &subject->queues[2 * pair];
			uint64_t nb_out = gq[1].nb_frames - gq[0].nb_frames;
			uint64_t nb_back = gq[1].nb_back;

			/* What goes through waits until half of what has room is back. */
			if (is_from_guest || (bench_is_through(point) &&
					nb_out <= gq[0].max_frames / 2))
				gen_send(&gq[1], gen_nb_fitting(point, gq));
			nb += is_from_guest ? gq[1].nb_back - nb_back : gen_receive(gq);
		}
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

/* ---- two lcores: the generator's, for the latency ---- */

static void
latency_drive(struct worker *worker, const struct round_conf *conf, struct round_result *result)
{
	struct gen_queue *gq = worker->subject->queues;

	for (; result->nb_frames < ROUND_NB_TRIPS; result->nb_frames++) {
		uint64_t start, end;

		rte_delay_us_block(PAUSE_US);
		start = rte_rdtsc_precise();
		end = start + PATIENCE_S * rte_get_tsc_hz();
		gen_send(&gq[1], 1);
		if (worker->kick_fd >= 0)
			vu_fd_signal(worker->kick_fd);
		while (gen_receive(gq) == 0)
			if (rte_rdtsc() > end)
				return;
		result->trip_ns[result->nb_frames] =
			round_ns(rte_rdtsc_precise() - start - conf->clock_cycles);
	}
}

/* ---- two lcores ---- */

/* The generator here while the worker takes its turns. */
static void
two_run(struct worker *worker, const struct round_conf *conf, struct round_result *result)
{
	const unsigned int lcore_id = worker->subject->conf.lcore_id;
	double before_ns = line_round_trip_ns(lcore_id), after_ns;
	uint64_t nb_before = round_switches();

	rte_eal_remote_launch(worker_main, worker, lcore_id);
	if (conf->mode == BENCH_LATENCY)
		latency_drive(worker, conf, result);
	else
		cost_drive(worker, conf, result);
	vu_store_release(&worker->stop, 1);
	if (worker->kick_fd >= 0)
		vu_fd_signal(worker->kick_fd);
	rte_eal_wait_lcore(lcore_id);
	cost_drain(worker->subject);
	result->nb_switches = round_switches() - nb_before + worker->nb_switches;
	after_ns = line_round_trip_ns(lcore_id);
	if (before_ns > 0 && round_is_alike(before_ns, after_ns))
		result->line_ns = (before_ns + after_ns) / 2;
}

void
round_run(struct subject *subject, const struct round_conf *conf, struct round_result *result)
{
	struct worker worker = {
		.subject = subject,
		.kick_fd = VU_FD_NONE, .call_fd = VU_FD_NONE, .epoll_fd = VU_FD_NONE,
	};

	if (subject->conf.point->nb_cores == 1)
		one_run(subject, conf, result);
	else if (subject->conf.backend != BENCH_EVENTFD || worker_open_fds(&worker))
		two_run(&worker, conf, result);
	vu_fd_close(&worker.kick_fd);
	vu_fd_close(&worker.call_fd);
	vu_fd_close(&worker.epoll_fd);
}
