/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One point of the axes, measured: rounds of all back-ends in turn, and their order statistics. The
 * back-end that begins changes from round to round, so that none always follows the same other one.
 *
 * On one lcore the clock is read behind a full barrier, so that neither generator nor back-end is
 * charged for stores and loads of the other. On two lcores frames are counted where the generator
 * sees them come back, while both run at full speed. For the latency it polls for them in every
 * case, the best that an event-driven back-end can meet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "vu_atomic.h"
#include "vu_fd.h"

#include "subject.h"

/* Machines of their own stay below: few rounds, hardly any spread. */
#define DISTURBED_PART 20
#define DISTURBED_SPREAD 2

/* Of two round trips of a cache line, in different states; those of virtual machines change. */
#define STATE_RATIO 1.6

#define ROUND_NB_TRIPS 100 /* frames of a latency round */
#define PAUSE_US 10 /* between two frames: a back-end that sleeps is asleep when the next comes */
#define PATIENCE_S 1
#define LINE_TRIPS 500
#define LINE_MIN_TRIPS 50
#define LINE_MAX_US 2000 /* lcores that others use as well take very long */

/* What one round measured: a subject driven for a short while. */
struct round {
	uint64_t nb_frames;
	uint64_t cycles;      /* cost: TSC, of the back-end; two lcores: of the whole time */
	uint64_t gen_cycles;  /* cost: TSC, of the generator alone; two lcores: 0 */
	double line_ns;       /* two lcores: round trip of a cache line between them; 0: unknown */
	uint64_t nb_switches; /* times an lcore had to leave its CPU to another thread */
	double *trip_ns;      /* latency: of each frame, room for ROUND_NB_TRIPS */
};

/* One subject under measurement. */
struct measure_subject {
	struct subject subject;
	struct measure_result *result;
	struct round *rounds; /* those that worked; nb_rounds */
	double *trips_ns;     /* those of all rounds */
	unsigned int nb_rounds;
};

struct measure {
	const struct measure_conf *conf;
	const struct bench_case *point;
	struct gen_memory memory;
	uint64_t round_cycles;
	uint64_t clock_cycles; /* what reading the clock twice costs; subtracted */
	double usual_ns;       /* round trip of a cache line; see measure_select() */
	double *values;        /* room for one of each round of all subjects */
	struct measure_subject subjects[BENCH_NB_BACKENDS];
	unsigned int nb_subjects;
};

static uint64_t
clock_cycles(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < 10000; i++) {
		uint64_t start = rte_rdtsc_precise();

		least = RTE_MIN(least, rte_rdtsc_precise() - start);
	}
	return least;
}

static double
clock_ns(uint64_t cycles)
{
	return (double)cycles * 1e9 / (double)rte_get_tsc_hz();
}

/* Times that the calling thread had to leave its CPU to another so far. */
static uint64_t
clock_switches(void)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nivcsw;
}

/* ---- one lcore ---- */

/* One turn, clock in hand: generator before, back-end, generator after. */
static __rte_always_inline void
one_turn(struct subject *subject, uint64_t clock_cycles, struct round *round)
{
	const struct bench_case *point = subject->conf.point;
	uint32_t pair = subject->next_pair;
	struct gen_queue *gq = &subject->queues[2 * pair];
	uint64_t start = rte_rdtsc_precise();
	uint64_t before, after, end;

	if (point->direction != BENCH_TO_GUEST)
		gen_send(&gq[1], gen_nb_fitting(point, gq));
	before = rte_rdtsc_precise();
	round->nb_frames += subject_turn(subject, pair);
	after = rte_rdtsc_precise();
	if (point->direction != BENCH_FROM_GUEST)
		gen_receive(gq);
	end = rte_rdtsc_precise();
	round->cycles += after - before - clock_cycles;
	round->gen_cycles += (before - start) + (end - after) - 2 * clock_cycles;
	subject->next_pair = pair + 1 == point->nb_pairs ? 0 : pair + 1;
}

static void
one_turns(const struct measure *measure, struct subject *subject, uint64_t cycles,
	struct round *round)
{
	const uint32_t nb_asked = measure->conf->nb_turns;
	const uint32_t min_turns = nb_asked != 0 ? nb_asked : measure->point->nb_pairs;
	uint64_t end = nb_asked != 0 ? 0 : rte_rdtsc() + cycles;
	uint32_t nb_turns = 0;

	do {
		one_turn(subject, measure->clock_cycles, round);
		nb_turns++;
	} while (rte_rdtsc() < end || nb_turns < min_turns);
}

static void
one_run(const struct measure *measure, struct subject *subject, struct round *round)
{
	struct round unused = { 0 };

	/* The caches are another back-end's when a round begins: this part does not count. */
	if (measure->conf->nb_turns == 0)
		one_turns(measure, subject, measure->round_cycles / 4, &unused);
	round->nb_switches = clock_switches();
	one_turns(measure, subject, measure->round_cycles, round);
	round->nb_switches = clock_switches() - round->nb_switches;
}

/* ---- distance of two lcores ---- */

bool
measure_is_alike(double line_ns, double usual_ns)
{
	return line_ns * STATE_RATIO >= usual_ns && line_ns <= usual_ns * STATE_RATIO;
}

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
	return nb < LINE_MIN_TRIPS ? 0 : clock_ns(start) / nb;
}

/* ---- two lcores ---- */

/* The lcore of the back-end. */
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
	uint64_t nb_before = clock_switches();
	struct epoll_event event;
	eventfd_t count;
	bool is_last;

	do {
		/* As back-ends that are driven by events: sleep until kicked, write a call. */
		if (worker->epoll_fd >= 0 && epoll_wait(worker->epoll_fd, &event, 1, -1) == 1)
			eventfd_read(worker->kick_fd, &count);
		/* What finds no room is dropped, and its number given to the next frame. */
		is_last = vu_load_acquire(&worker->stop) != 0;
		for (uint32_t pair = 0; pair < subject->conf.point->nb_pairs; pair++)
			while (subject_turn(subject, pair) != 0 &&
					(is_last || worker->epoll_fd >= 0))
				if (worker->call_fd >= 0)
					vu_fd_signal(worker->call_fd);
	} while (!is_last);
	worker->nb_switches = clock_switches() - nb_before;
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

static void
latency_drive(const struct measure *measure, const struct worker *worker, struct round *round)
{
	struct gen_queue *gq = worker->subject->queues;

	for (; round->nb_frames < ROUND_NB_TRIPS; round->nb_frames++) {
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
		round->trip_ns[round->nb_frames] =
			clock_ns(rte_rdtsc_precise() - start - measure->clock_cycles);
	}
}

/* The generator here while the worker takes its turns. */
static void
two_run(const struct measure *measure, struct worker *worker, struct round *round)
{
	const unsigned int lcore_id = worker->subject->conf.lcore_id;
	double before_ns = line_round_trip_ns(lcore_id), after_ns;
	uint64_t nb_before = clock_switches(), start;

	rte_eal_remote_launch(worker_main, worker, lcore_id);
	if (measure->conf->mode == BENCH_LATENCY) {
		latency_drive(measure, worker, round);
	} else {
		/* Until both run and the rings are as full as they will be. */
		cost_generate(worker->subject, rte_rdtsc() + measure->round_cycles / 4);
		start = rte_rdtsc();
		round->nb_frames = cost_generate(worker->subject, start + measure->round_cycles);
		round->cycles = rte_rdtsc() - start;
	}
	vu_store_release(&worker->stop, 1);
	if (worker->kick_fd >= 0)
		vu_fd_signal(worker->kick_fd);
	rte_eal_wait_lcore(lcore_id);
	round->nb_switches = clock_switches() - nb_before + worker->nb_switches;
	after_ns = line_round_trip_ns(lcore_id);
	if (before_ns > 0 && measure_is_alike(before_ns, after_ns))
		round->line_ns = (before_ns + after_ns) / 2;
}

static void
measure_round(const struct measure *measure, struct measure_subject *one)
{
	const bool is_latency = measure->conf->mode == BENCH_LATENCY;
	struct round *round = &one->rounds[one->nb_rounds];
	struct worker worker = {
		.subject = &one->subject,
		.kick_fd = VU_FD_NONE, .call_fd = VU_FD_NONE, .epoll_fd = VU_FD_NONE,
	};

	*round = (struct round){
		.trip_ns = is_latency ? &one->trips_ns[one->nb_rounds * ROUND_NB_TRIPS] : NULL,
	};
	if (measure->point->nb_cores == 1)
		one_run(measure, &one->subject, round);
	else if (one->result->backend != BENCH_EVENTFD || worker_open_fds(&worker))
		two_run(measure, &worker, round);
	vu_fd_close(&worker.kick_fd);
	vu_fd_close(&worker.call_fd);
	vu_fd_close(&worker.epoll_fd);
	one->result->nb_frames += round->nb_frames;
	/* A frame that does not come back within PATIENCE_S is lost. */
	if (is_latency && round->nb_frames < ROUND_NB_TRIPS)
		one->result->rc = -ETIMEDOUT;
	else if (round->nb_frames != 0)
		one->nb_rounds++;
}

static void
measure_rounds(struct measure *measure)
{
	const struct measure_conf *conf = measure->conf;
	unsigned int nb_rounds = conf->nb_rounds;
	uint64_t end = rte_rdtsc();

	/* Set-up, which takes long for the first point of a run, is over by now. */
	if (conf->end_tsc > end)
		end += (conf->end_tsc - end) / conf->nb_points_left;
	for (unsigned int r = 0; r < nb_rounds; r++) {
		for (unsigned int i = 0; i < measure->nb_subjects; i++) {
			struct measure_subject *one =
				&measure->subjects[(r + i) % measure->nb_subjects];

			if (one->result->rc == 0)
				measure_round(measure, one);
		}
		if (conf->end_tsc != 0 && r + 1 >= MEASURE_MIN_ROUNDS && rte_rdtsc() >= end)
			nb_rounds = r + 1;
	}
}

/* ---- summary ---- */

/* All rounds count where no state is known. */
static bool
round_counts(const struct measure *measure, const struct round *round)
{
	return measure->usual_ns == 0 || measure_is_alike(round->line_ns, measure->usual_ns);
}

/*
 * Only rounds about the round trip of a cache line that most rounds of all back-ends had count, so
 * that all are compared in the same state. On a machine that is busy otherwise there may be none.
 */
static void
measure_select(struct measure *measure)
{
	unsigned int nb = 0;

	for (unsigned int i = 0; i < measure->nb_subjects; i++)
		for (unsigned int r = 0; r < measure->subjects[i].nb_rounds; r++)
			if (measure->subjects[i].rounds[r].line_ns > 0)
				measure->values[nb++] = measure->subjects[i].rounds[r].line_ns;
	if (nb == 0)
		return;
	stats_summarise(measure->values, nb);
	measure->usual_ns = measure->values[nb / 2];
	for (unsigned int i = 0; i < measure->nb_subjects; i++) {
		const struct measure_subject *one = &measure->subjects[i];
		unsigned int nb_alike = 0;

		for (unsigned int r = 0; r < one->nb_rounds; r++)
			nb_alike += round_counts(measure, &one->rounds[r]);
		if (one->result->rc == 0 && nb_alike == 0)
			measure->usual_ns = 0;
	}
}

static void
measure_summarise(const struct measure *measure, struct measure_subject *one)
{
	struct measure_result *result = one->result;
	double *cycles = measure->values, *gen = cycles + one->nb_rounds;
	double *line = gen + one->nb_rounds;
	unsigned int nb = 0;

	if (result->rc == 0)
		result->nb_lost = subject_nb_lost(&one->subject);
	if (result->rc == 0 && one->nb_rounds == 0)
		result->rc = -EIO;
	if (result->rc != 0)
		return;
	for (unsigned int r = 0; r < one->nb_rounds; r++) {
		const struct round *round = &one->rounds[r];

		if (!round_counts(measure, round))
			continue;
		cycles[nb] = (double)round->cycles / round->nb_frames;
		gen[nb] = (double)round->gen_cycles / round->nb_frames;
		line[nb] = round->line_ns;
		if (round->trip_ns != NULL)
			memmove(&one->trips_ns[nb * ROUND_NB_TRIPS], round->trip_ns,
				ROUND_NB_TRIPS * sizeof(*round->trip_ns));
		result->nb_interrupted += round->nb_switches != 0;
		nb++;
	}
	result->nb_rounds = nb;
	result->cycles = stats_summarise(cycles, nb);
	result->gen_cycles = stats_summarise(gen, nb);
	result->line_ns = stats_summarise(line, nb).median;
	result->packets_per_second = (double)rte_get_tsc_hz() / result->cycles.median;
	if (measure->conf->mode != BENCH_LATENCY)
		return;
	nb *= ROUND_NB_TRIPS;
	result->p50_ns = stats_summarise(one->trips_ns, nb).median;
	result->p99_ns = stats_quantile(one->trips_ns, nb, 0.99);
	result->p999_ns = stats_quantile(one->trips_ns, nb, 0.999);
}

/* How many times faster than another back-end; 0 if that was not measured. */
static double
measure_ratio(const struct measure *measure, const struct measure_result *result,
	enum bench_backend to)
{
	for (unsigned int i = 0; i < measure->nb_subjects; i++) {
		const struct measure_result *other = measure->subjects[i].result;

		if (other->backend == to && other->rc == 0 && result->rc == 0)
			return measure->conf->mode == BENCH_LATENCY ?
				other->p99_ns / result->p99_ns :
				other->cycles.median / result->cycles.median;
	}
	return 0;
}

bool
measure_is_disturbed(const struct measure_result *result)
{
	return result->rc == 0 && (DISTURBED_PART * result->nb_interrupted > result->nb_rounds ||
		(result->mode == BENCH_COST &&
			result->cycles.p90 > DISTURBED_SPREAD * result->cycles.median));
}

static void
measure_open(struct measure *measure, enum bench_backend backend, struct measure_subject *one)
{
	const struct measure_conf *conf = measure->conf;
	const struct backend_conf subject_conf = {
		.backend = backend, .point = measure->point,
		.memory = &measure->memory, .pool = conf->pool, .folder = conf->folder,
		/* The main lcore, or the first of the others. */
		.lcore_id = measure->point->nb_cores == 1 ? rte_get_main_lcore() :
			rte_get_next_lcore(-1, 1, 0),
	};

	*one->result = (struct measure_result){
		.mode = conf->mode, .backend = backend, .point = *measure->point,
		.has_hugepages = measure->memory.has_hugepages, .rc = -ENOMEM,
	};
	one->rounds = calloc(conf->nb_rounds, sizeof(*one->rounds));
	one->trips_ns = calloc(conf->mode == BENCH_LATENCY ? conf->nb_rounds : 1,
		ROUND_NB_TRIPS * sizeof(*one->trips_ns));
	if (measure->memory.hva != NULL && measure->values != NULL && one->rounds != NULL &&
			one->trips_ns != NULL)
		one->result->rc = subject_open(&one->subject, backend_find(backend),
			&subject_conf);
}

unsigned int
measure_run(const struct measure_conf *conf, const struct bench_case *point,
	struct measure_result results[BENCH_NB_BACKENDS])
{
	struct measure measure = {
		.conf = conf, .point = point,
		.round_cycles = (uint64_t)(conf->round_us * (double)rte_get_tsc_hz() / 1e6),
		.clock_cycles = clock_cycles(),
		.values = calloc((size_t)conf->nb_rounds * BENCH_NB_BACKENDS, sizeof(double)),
	};

	gen_memory_create(&measure.memory, point);
	for (unsigned int b = 0; b < BENCH_NB_BACKENDS; b++) {
		/* Only from guest to guest frames of ours have two ways. */
		if (!conf->has_backend[b] ||
				(b == BENCH_VU_MBUF && point->direction != BENCH_GUEST_TO_GUEST))
			continue;
		measure.subjects[measure.nb_subjects].result = &results[measure.nb_subjects];
		measure_open(&measure, b, &measure.subjects[measure.nb_subjects++]);
	}
	measure_rounds(&measure);
	measure_select(&measure);
	for (unsigned int i = 0; i < measure.nb_subjects; i++)
		measure_summarise(&measure, &measure.subjects[i]);
	for (unsigned int i = 0; i < measure.nb_subjects; i++) {
		struct measure_subject *one = &measure.subjects[i];

		results[i].ratio_to_rte_vhost = measure_ratio(&measure, &results[i],
			BENCH_RTE_VHOST);
		results[i].ratio_to_copy = measure_ratio(&measure, &results[i], BENCH_COPY);
		if (one->subject.ops != NULL)
			subject_close(&one->subject);
		free(one->rounds);
		free(one->trips_ns);
	}
	gen_memory_destroy(&measure.memory);
	free(measure.values);
	return measure.nb_subjects;
}
