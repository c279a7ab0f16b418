/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every back-end of vu-bench carries every byte, at every point that makes it choose other code:
 * ring layout, features, sizes, bursts, numbers of queues, widths of vectors. A program of its own,
 * because DPDK's vhost library keeps fds for as long as its process lives.
 *
 * Usage: bench-verify [--no-rte-vhost] [EAL options]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_log.h>
#include <rte_vect.h>

#include "bench.h"
#include "verify.h"

#define NB_FRAMES 1000

struct run {
	char folder[32];
	bool has_rte_vhost;
	unsigned int nb_verified;
	unsigned int nb_not_offered;
	unsigned int nb_failed;
};

static void
run_backend(struct run *run, const struct bench_case *point, enum bench_backend backend)
{
	const struct verify_conf conf = {
		.backend = backend, .ops = backend_find(backend), .point = *point,
		.folder = run->folder, .nb_frames = NB_FRAMES,
	};
	struct verify_result result = verify_run(&conf);

	/* DPDK's library may lack a feature, ours may not. */
	if (result.rc == -EOPNOTSUPP && backend == BENCH_RTE_VHOST) {
		run->nb_not_offered++;
		return;
	}
	if (result.rc == 0 && result.nb_wrong == 0) {
		run->nb_verified++;
		return;
	}
	run->nb_failed++;
	printf("%s %s %s%s%s%s%s%s%s size %u burst %u queues %u, vectors of %u bits: %s, "
		"%lu of %lu frames wrong\n", options_value_name(OPTION_BACKEND, backend),
		options_value_name(OPTION_RING, point->ring),
		options_value_name(OPTION_DIRECTION, point->direction),
		point->is_in_order ? " in-order" : "", point->is_mergeable ? " mergeable" : "",
		point->has_offload ? " offload" : "", point->has_calls ? " calls" : "",
		point->is_lean ? " lean" : "", point->is_scattered ? " scattered" : "",
		point->size_bytes, point->burst, point->nb_pairs,
		rte_vect_get_max_simd_bitwidth(), strerror(-result.rc),
		(unsigned long)result.nb_wrong, (unsigned long)result.nb_frames);
}

/* Is there anything new to see? */
static bool
is_new(const struct run *run, const struct bench_case *point, enum bench_backend backend)
{
	/* They carry nothing, or run the code of vu. */
	if (backend == BENCH_NONE || backend == BENCH_EVENTFD)
		return false;
	if (backend == BENCH_VU_MBUF)
		return point->direction == BENCH_GUEST_TO_GUEST;
	if (backend == BENCH_RTE_VHOST)
		return run->has_rte_vhost &&
			rte_vect_get_max_simd_bitwidth() == RTE_VECT_SIMD_512;
	/* It has no rings whose order could matter. */
	return backend != BENCH_COPY || !point->is_in_order;
}

/* Both rings, all directions, all back-ends. */
static void
run_point(struct run *run, struct bench_case point)
{
	point.nb_cores = 1;
	for (int ring = BENCH_SPLIT; ring <= BENCH_PACKED; ring++) {
		for (int way = BENCH_FROM_GUEST; way <= BENCH_GUEST_TO_GUEST; way++) {
			point.ring = ring;
			point.direction = way;
			for (unsigned int b = 0; b < BENCH_NB_BACKENDS; b++)
				if (is_new(run, &point, b))
					run_backend(run, &point, b);
		}
	}
}

/* All that chooses a loop, for each width of vectors that chooses another one. */
static void
run_loops(struct run *run)
{
	static const uint16_t widths[] = {
		RTE_VECT_SIMD_128, RTE_VECT_SIMD_256, RTE_VECT_SIMD_512,
	};

	for (unsigned int i = 0; i < RTE_DIM(widths); i++) {
		rte_vect_set_max_simd_bitwidth(widths[i]);
		for (unsigned int flags = 0; flags < 4; flags++)
			run_point(run, (struct bench_case){
				.size_bytes = BENCH_SIZE_RANDOM, .burst = 32, .nb_pairs = 1,
				.ring_size = 256, .is_in_order = (flags & 1) != 0,
				.is_mergeable = (flags & 2) != 0,
			});
	}
}

/* Frames in several buffers and mbufs, bursts of all lengths, several queues, calls. */
static void
run_shapes(struct run *run)
{
	for (unsigned int flags = 0; flags < 8; flags++)
		run_point(run, (struct bench_case){
			.size_bytes = (flags & 1) != 0 ? 9000 : BENCH_SIZE_IMIX,
			.burst = (flags & 2) != 0 ? 256 : 1, .nb_pairs = 3, .ring_size = 1024,
			.is_mergeable = (flags & 4) != 0, .has_calls = true,
		});
	run_point(run, (struct bench_case){
		.size_bytes = BENCH_SIZE_RANDOM, .burst = 32, .nb_pairs = 1, .ring_size = 256,
		.has_offload = true,
	});
}

/* Generators that leave frames as they are, and use buffers in another order than they lie in. */
static void
run_generators(struct run *run)
{
	for (unsigned int flags = 1; flags < 4; flags++)
		run_point(run, (struct bench_case){
			.size_bytes = BENCH_SIZE_RANDOM, .burst = 32, .nb_pairs = 2,
			.ring_size = 256, .is_lean = (flags & 1) != 0,
			.is_scattered = (flags & 2) != 0, .has_offload = flags == 3,
		});
}

/* More queues than one device has. */
static void
run_queues(struct run *run)
{
	run_point(run, (struct bench_case){
		.size_bytes = BENCH_MIN_FRAME_BYTES, .burst = 32, .nb_pairs = 130,
		.ring_size = 256,
	});
}

int
main(int argc, char **argv)
{
	struct run run = { .folder = "/tmp/vu-verify.XXXXXX", .has_rte_vhost = true };

	if (argc > 1 && strcmp(argv[1], "--no-rte-vhost") == 0) {
		run.has_rte_vhost = false;
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	rte_log_set_level_pattern("lib.vhost.*", RTE_LOG_WARNING);
	rte_log_set_level_pattern("vu.*", RTE_LOG_ERR);
	if (rte_eal_init(argc, argv) < 0 || mkdtemp(run.folder) == NULL)
		return EXIT_FAILURE;
	run_loops(&run);
	run_shapes(&run);
	run_generators(&run);
	run_queues(&run);
	backend_rte_vhost_end();
	rmdir(run.folder);
	printf("%u carry every byte, %u are not offered, %u failed\n", run.nb_verified,
		run.nb_not_offered, run.nb_failed);
	rte_eal_cleanup();
	return run.nb_failed == 0 && run.nb_verified != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
