/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What one notification costs the lcore that decides on it: not wanted, written, put off.
 * Prints, asserts nothing about time. doc/decision/0012 rests on it.
 */
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "guest_fixture.h"
#include "stats.h"
#include "vu_fd.h"
#include "vu_vring_notify.h"

#define NB_ROUNDS 20000
#define RING_ENTRIES 64

enum way {
	WAY_UNWANTED,
	WAY_INLINE,
	WAY_INLINE_WAKING, /* a thread sleeps on the fd */
	WAY_DELAYED,
	NB_WAYS
};

static const char *const way_names[NB_WAYS] = {
	"not wanted", "written", "written, wakes a thread", "put off",
};

struct perf {
	struct guest_fixture f;
	uint32_t is_stopped;
	uint64_t notified_tsc; /* when the event arrived */
	uint64_t nb_notified;
};

/* The guest's side: asleep until called. */
static void *
sleeper_main(void *arg)
{
	struct perf *perf = arg;
	struct pollfd call = { .fd = perf->f.vring.call_fd, .events = POLLIN };
	eventfd_t nb;

	while (vu_load(&perf->is_stopped) == 0 && !expect_has_failed()) {
		if (poll(&call, 1, 10) <= 0)
			continue;
		eventfd_read(call.fd, &nb);
		vu_store(&perf->notified_tsc, rte_rdtsc());
		vu_store_release(&perf->nb_notified, perf->nb_notified + 1);
	}
	return NULL;
}

static void
perf_start(struct perf *perf, enum way way)
{
	struct guest_fixture *f = &perf->f;

	pair_start(f, RING_ENTRIES, F_VERSION_1);
	if (way == WAY_DELAYED)
		f->vring.notify = (struct vu_notify_conf){ 1000000, 1000000 };
	f->vring.call_fd = vu_fd_eventfd();
	vu_vring_snapshot_destroy(f->snapshot);
	f->snapshot = vu_vring_snapshot_create(&f->vring, f->table, F_VERSION_1);
	CHECK(f->snapshot != NULL);
	if (way == WAY_UNWANTED)
		vu_vring_guest_disarm(f->ring);
	else
		vu_vring_guest_arm(f->ring);
}

static void
measure(enum way way)
{
	static double cost[NB_ROUNDS], delay[NB_ROUNDS];
	const bool has_thread = way == WAY_INLINE_WAKING;
	/* Waking takes its time. */
	const unsigned int nb_rounds = has_thread ? NB_ROUNDS / 20 : NB_ROUNDS;
	struct perf perf = { .is_stopped = 0 };
	pthread_t thread;

	perf_start(&perf, way);
	if (has_thread) {
		expect_thread_start(&thread, sleeper_main, &perf);
		thread_use_last_cpu(thread);
		rte_delay_us_block(20000);
	}
	for (unsigned int i = 0; i < nb_rounds; i++) {
		uint64_t start_tsc = rte_rdtsc_precise();

		vu_split_signal(perf.f.snapshot, &perf.f.vring.pos);
		cost[i] = (double)(rte_rdtsc_precise() - start_tsc);
		WAIT_WHILE(has_thread && vu_load_acquire(&perf.nb_notified) != i + 1)
			;
		delay[i] = has_thread ? (double)(perf.notified_tsc - start_tsc) : 0;
		/* Give a thread that sleeps the time to do so. */
		if (has_thread)
			rte_delay_us_block(20);
	}
	vu_store(&perf.is_stopped, 1);
	if (has_thread)
		expect_thread_join(thread);
	printf("    %-28s %8.0f %8.0f\n", way_names[way], stats_summarise(cost, nb_rounds).median,
		stats_summarise(delay, nb_rounds).median);
	vu_fd_close(&perf.f.vring.call_fd);
	pair_stop(&perf.f);
}

VU_TEST_PERF(vring_notify_perf, cycles_per_notification)
{
	printf("\n    a notification: TSC cycles of the lcore, TSC cycles until it arrives\n");
	for (enum way way = 0; way < NB_WAYS; way++)
		measure(way);
}
