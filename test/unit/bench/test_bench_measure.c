/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rounds of vu-bench: as many as asked for, or until the time is up; a row for each back-end that
 * has a place in the direction.
 */
#include "test.h"

#include <pthread.h>
#include <sched.h>

#include <rte_mbuf.h>

#include "vu_atomic.h"

#include "bench.h"

#define NB_ROUNDS 5

struct measure_rig {
	struct measure_conf conf;
	struct bench_case point;
	struct measure_result results[BENCH_NB_BACKENDS];
	unsigned int nb_results;
};

static const struct bench_case usual = {
	.size_bytes = 64, .burst = 32, .nb_pairs = 1, .nb_cores = 1, .ring_size = 256,
};

static void
measure(struct measure_rig *rig, enum bench_direction direction)
{
	rig->point.direction = direction;
	if (rig->conf.nb_rounds == 0)
		rig->conf.nb_rounds = NB_ROUNDS;
	if (rig->conf.round_us == 0)
		rig->conf.round_us = 10;
	rig->conf.has_backend[BENCH_COPY] = true;
	rig->conf.pool = rte_pktmbuf_pool_create("measure", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		SOCKET_ID_ANY);
	CHECK(rig->conf.pool != NULL);
	rig->nb_results = measure_run(&rig->conf, &rig->point, rig->results);
	rte_mempool_free(rig->conf.pool);
}

VU_TEST(bench_measure, all_rounds)
{
	for (int direction = BENCH_FROM_GUEST; direction <= BENCH_GUEST_TO_GUEST; direction++) {
		struct measure_rig rig = { .point = usual };

		measure(&rig, direction);
		CHECK_EQ(rig.nb_results, 1);
		CHECK_EQ(rig.results[0].rc, 0);
		CHECK_EQ(rig.results[0].nb_rounds, NB_ROUNDS);
		CHECK_EQ(rig.results[0].nb_lost, 0);
	}
}

VU_TEST(bench_measure, enough_rounds_for_a_median_when_time_is_up)
{
	struct measure_rig rig = {
		.conf = { .end_tsc = 1, .nb_points_left = 3, .nb_rounds = 10 * MEASURE_MIN_ROUNDS },
		.point = usual,
	};

	measure(&rig, BENCH_TO_GUEST);
	CHECK_EQ(rig.results[0].nb_rounds, MEASURE_MIN_ROUNDS);
	rig.conf.nb_rounds = NB_ROUNDS;
	measure(&rig, BENCH_TO_GUEST);
	CHECK_EQ(rig.results[0].nb_rounds, NB_ROUNDS);
}

VU_TEST(bench_measure, all_rounds_while_there_is_time)
{
	struct measure_rig rig = {
		.conf = { .end_tsc = UINT64_MAX, .nb_points_left = 3,
			.nb_rounds = 2 * MEASURE_MIN_ROUNDS },
		.point = usual,
	};

	measure(&rig, BENCH_TO_GUEST);
	CHECK_EQ(rig.results[0].nb_rounds, 2 * MEASURE_MIN_ROUNDS);
}

static void *
spin(void *stop)
{
	while (vu_load((uint32_t *)stop) == 0)
		;
	return NULL;
}

/* Measure while another thread wants the same CPU. */
static void
measure_beside_another(struct measure_rig *rig)
{
	cpu_set_t before, one;
	uint32_t stop = 0;
	pthread_t thread;

	CHECK_EQ(pthread_getaffinity_np(pthread_self(), sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK_EQ(pthread_setaffinity_np(pthread_self(), sizeof(one), &one), 0);
	/* It inherits the CPU. */
	CHECK_EQ(pthread_create(&thread, NULL, spin, &stop), 0);
	measure(rig, BENCH_TO_GUEST);
	vu_store(&stop, 1);
	pthread_join(thread, NULL);
	pthread_setaffinity_np(pthread_self(), sizeof(before), &before);
}

VU_TEST(bench_measure, a_cpu_that_others_use_is_noticed)
{
	/* Longer than the kernel lets anyone have a CPU that two want. */
	struct measure_rig rig = { .conf.round_us = 100000, .point = usual };

	measure_beside_another(&rig);
	CHECK(rig.results[0].nb_interrupted > 0);
	CHECK(measure_is_disturbed(&rig.results[0]));
}

VU_TEST(bench_measure, nothing_is_sent_that_the_receiver_has_no_room_for)
{
	struct measure_rig rig = {
		.conf.has_backend[BENCH_VU_MBUF] = true,
		.point = usual,
	};

	rig.point.size_bytes = 9000;
	rig.point.burst = 256;
	rig.point.ring_size = 64;
	rig.point.is_mergeable = true;
	measure(&rig, BENCH_GUEST_TO_GUEST);
	CHECK_EQ(rig.nb_results, 2);
	for (unsigned int i = 0; i < rig.nb_results; i++) {
		CHECK_EQ(rig.results[i].rc, 0);
		CHECK_EQ(rig.results[i].nb_rounds, NB_ROUNDS);
		CHECK_EQ(rig.results[i].nb_lost, 0);
	}
}

VU_TEST(bench_measure, two_ways_from_guest_to_guest_only)
{
	struct measure_rig rig = {
		.conf.has_backend[BENCH_VU_MBUF] = true, .point = usual,
	};

	measure(&rig, BENCH_BOTH);
	CHECK_EQ(rig.nb_results, 1);
	measure(&rig, BENCH_GUEST_TO_GUEST);
	CHECK_EQ(rig.nb_results, 2);
	CHECK_EQ(rig.results[0].backend, BENCH_VU_MBUF);
	CHECK_EQ(rig.results[0].rc, 0);
	CHECK_EQ(rig.results[0].nb_lost, 0);
}
