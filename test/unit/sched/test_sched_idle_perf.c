/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What idle tasks cost: cycles of one turn by number of idle tasks and by where their idle words
 * lie, and what is left of a busy task's rate beside them. And what each idle policy costs: from a
 * guest's store and kick to the poll. Prints, asserts nothing about time.
 */
#include "vu_sched.h"

#include <inttypes.h>
#include <sys/mman.h>

#include <rte_atomic.h>
#include <rte_cycles.h>
#include <rte_lcore.h>

#include "fake_task.h"
#include "stats.h"
#include "test.h"
#include "vu_fd.h"

#define PERF_TURNS 20000
#define PERF_ROUNDS 9
#define PERF_MAX_TASKS 1000
#define PAGE_BYTES 4096
#define BUSY_ITEMS 32
#define BUSY_ITEM_STEPS 16 /* dependent multiplications, about 50 cycles */
#define WAKE_SAMPLES 2000
#define WAKE_IDLE_US 20
#define WAKE_PAUSE_US 100 /* long enough for a sleep to begin */

/* Where the words lie: rings of guests begin at page borders, which share few sets of a cache. */
enum place {
	PLACE_LINES, /* cache lines in a row */
	PLACE_PAGES, /* the first line of a page each */
};

/* Becomes idle when polled, for ever. */
struct idler {
	struct vu_task task;
	const uint32_t *word;
};

static uint32_t
idler_poll(struct vu_task *task)
{
	struct idler *idler = task->arg;

	task->idle_word = (struct vu_idle_word){ .word = idler->word, .mask = UINT32_MAX };
	return 0;
}

/* The task behind the idle ones is always ready: it counts turns, and works if it is asked to. */
struct worker {
	struct vu_task task;
	struct vu_sched *sched;
	uint32_t nb_items; /* per poll, 0 = an empty poll */
	uint32_t nb_polls;
	uint64_t sum;
};

static uint32_t
worker_poll(struct vu_task *task)
{
	struct worker *worker = task->arg;

	for (uint32_t i = 0; i < worker->nb_items * BUSY_ITEM_STEPS; i++)
		worker->sum = worker->sum * 0x9e3779b97f4a7c15 + i;
	if (++worker->nb_polls == PERF_TURNS)
		vu_sched_worker_stop(worker->sched, 0);
	return worker->nb_items;
}

static double
rounds_median(struct worker *worker)
{
	double rounds[PERF_ROUNDS];

	for (unsigned int i = 0; i < PERF_ROUNDS; i++) {
		const uint64_t start_tsc = rte_rdtsc();

		worker->nb_polls = 0;
		vu_sched_loop(worker->sched, 0);
		rounds[i] = (double)(rte_rdtsc() - start_tsc) / PERF_TURNS;
	}
	return stats_summarise(rounds, PERF_ROUNDS).median;
}

/* Median of the cycles from one poll of the last task to the next. */
static double
poll_cycles(unsigned int nb_idle, enum place place, uint32_t nb_items)
{
	const size_t stride = place == PLACE_LINES ? RTE_CACHE_LINE_SIZE : PAGE_BYTES;
	const size_t nb_bytes = (nb_idle + 1) * stride;
	char *words = mmap(NULL, nb_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct idler *idlers = aligned_alloc(RTE_CACHE_LINE_SIZE,
		(nb_idle + 1) * sizeof(*idlers));
	struct worker worker = { .sched = rig_sched_create(2), .nb_items = nb_items };
	double cycles;

	CHECK(words != MAP_FAILED && idlers != NULL);
	for (unsigned int i = 0; i < nb_idle; i++) {
		idlers[i].word = (const uint32_t *)(const void *)(words + i * stride);
		vu_task_init(&idlers[i].task, idler_poll, &idlers[i]);
		vu_sched_task_add(worker.sched, &idlers[i].task, 0);
	}
	vu_task_init(&worker.task, worker_poll, &worker);
	vu_sched_task_add(worker.sched, &worker.task, 0);
	cycles = rounds_median(&worker);
	vu_sched_destroy(worker.sched);
	free(idlers);
	munmap(words, nb_bytes);
	return cycles;
}

static const unsigned int counts[] = { 1, 100, PERF_MAX_TASKS };
static const char *const places[] = { [PLACE_LINES] = "lines", [PLACE_PAGES] = "pages" };

VU_TEST_PERF(sched_idle_perf, cycles_per_idle_task)
{
	printf("\n    TSC cycles: idle tasks, words in, per turn, per idle task\n");
	for (enum place place = PLACE_LINES; place <= PLACE_PAGES; place++) {
		const double base = poll_cycles(0, place, 0);

		printf("    %5u %s %8.1f\n", 0, places[place], base);
		for (unsigned int i = 0; i < RTE_DIM(counts); i++) {
			const double turn = poll_cycles(counts[i], place, 0);

			printf("    %5u %s %8.1f %6.2f\n", counts[i], places[place], turn,
				(turn - base) / counts[i]);
		}
	}
}

VU_TEST_PERF(sched_idle_perf, busy_task_keeps_its_rate)
{
	printf("\n    per poll of %u items: idle tasks beside it, words in, TSC cycles, rate\n",
		BUSY_ITEMS);
	for (enum place place = PLACE_LINES; place <= PLACE_PAGES; place++) {
		const double alone = poll_cycles(0, place, BUSY_ITEMS);

		printf("    %5u %s %8.1f\n", 0, places[place], alone);
		for (unsigned int i = 0; i < RTE_DIM(counts); i++) {
			const double beside = poll_cycles(counts[i], place, BUSY_ITEMS);

			printf("    %5u %s %8.1f %6.1f %%\n", counts[i], places[place], beside,
				100 * alone / beside);
		}
	}
}

/* Polled when its word changes; notes when. */
struct waker {
	struct vu_task task;
	int fd;
	uint32_t is_armed;
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t word;
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t word_seen;
	uint64_t seen_tsc;
};

static uint32_t
waker_poll(struct vu_task *task)
{
	struct waker *waker = task->arg;
	const uint32_t word = vu_load(&waker->word);

	waker->seen_tsc = rte_rdtsc();
	task->idle_word =
		(struct vu_idle_word){.word = &waker->word, .idle = word, .mask = UINT32_MAX};
	/* Time before word; pairs with the acquire in wake_sample(). */
	vu_store_release(&waker->word_seen, word);
	return 1;
}

static bool
waker_arm(struct vu_task *task, bool is_armed)
{
	struct waker *waker = task->arg;

	vu_store(&waker->is_armed, is_armed);
	return true;
}

static double
wake_sample(struct waker *waker)
{
	uint64_t start_tsc;

	rte_delay_us_block(WAKE_PAUSE_US);
	start_tsc = rte_rdtsc();
	vu_store(&waker->word, waker->word + 1);
	rte_smp_mb();
	if (vu_load(&waker->is_armed) != 0)
		vu_fd_signal(waker->fd);
	/* Pairs with the release in waker_poll(). */
	WAIT_WHILE(vu_load_acquire(&waker->word_seen) != waker->word)
		;
	return (double)(waker->seen_tsc - start_tsc) * 1e6 / (double)rte_get_tsc_hz();
}

static void
print_wake_latency(enum vu_idle_policy policy, unsigned int lcore_id)
{
	struct waker *waker = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*waker));
	struct vu_sched *sched = vu_sched_create(&lcore_id, 1);
	struct vu_sched_lcore_stats stats;
	static double samples[WAKE_SAMPLES];
	double median;

	*waker = (struct waker){ .fd = vu_fd_eventfd() };
	vu_task_init(&waker->task, waker_poll, waker);
	waker->task.arm = waker_arm;
	if (vu_sched_set_idle(sched, 0, policy, WAKE_IDLE_US) != 0) {
		printf("    %-9s not on this CPU\n", vu_idle_policy_name(policy));
	} else {
		CHECK_EQ(vu_sched_kick_fd_add(sched, 0, waker->fd), 0);
		CHECK_EQ(vu_sched_task_add(sched, &waker->task, 0), 0);
		CHECK_EQ(vu_sched_start(sched), 0);
		for (unsigned int i = 0; i < WAKE_SAMPLES; i++)
			samples[i] = wake_sample(waker);
		vu_sched_stop(sched);
		median = stats_summarise(samples, WAKE_SAMPLES).median;
		vu_sched_lcore_stats_get(sched, 0, &stats);
		printf("    %-9s %8.2f %8.2f %8" PRIu64 "\n", vu_idle_policy_name(policy),
			median, stats_quantile(samples, WAKE_SAMPLES, 0.99), stats.nb_sleeps);
	}
	vu_fd_close(&waker->fd);
	vu_sched_destroy(sched);
	free(waker);
}

VU_TEST_PERF(sched_idle_perf, from_kick_to_poll)
{
	const unsigned int lcore_id = rte_get_next_lcore(-1, 1, 0);

	if (lcore_id >= RTE_MAX_LCORE)
		expect_skip();
	printf("\n    policy, us from a store to the poll: p50, p99; sleeps, of %u\n",
		WAKE_SAMPLES);
	for (enum vu_idle_policy policy = 0; policy < VU_NB_IDLE_POLICIES; policy++)
		print_wake_latency(policy, lcore_id);
}
