/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Command line of vu-bench: lists multiply, each mode has its defaults, EAL gets the rest.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define MAX_WORDS 32

/* Parse words separated by blanks; what is wrong is not printed. */
static int
parse(struct options *options, char *line)
{
	char *argv[MAX_WORDS] = { NULL };
	int saved = dup(STDERR_FILENO);
	int argc = 0;
	int status;

	for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
		argv[argc++] = word;
	fflush(stderr);
	CHECK(freopen("/dev/null", "w", stderr) != NULL);
	status = options_parse(options, argc, argv);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	return status;
}

static int
refuse(const char *text)
{
	struct options options;
	char line[128];
	int status;

	snprintf(line, sizeof(line), "vu-bench %s", text);
	status = parse(&options, line);
	options_free(&options);
	return status;
}

VU_TEST(bench_options, defaults)
{
	char line[] = "vu-bench";
	struct options options;
	struct bench_case point;

	CHECK_EQ(parse(&options, line), ARGS_RUN);
	CHECK_EQ(options.mode, BENCH_COST);
	CHECK_EQ(options.lists[OPTION_BACKEND].nb, 4);
	CHECK_EQ(options_value(&options, OPTION_SECONDS), 0);
	CHECK_EQ(options_nb_points(&options), 12);
	point = options_point(&options, 0);
	CHECK_EQ(point.direction, BENCH_FROM_GUEST);
	CHECK_EQ(point.ring, BENCH_SPLIT);
	CHECK_EQ(point.size_bytes, 64);
	CHECK_EQ(point.burst, 32);
	CHECK_EQ(point.nb_pairs, 1);
	CHECK_EQ(point.nb_cores, 1);
	CHECK_EQ(point.ring_size, 256);
	CHECK(!point.is_in_order && !point.is_mergeable && !point.has_offload && !point.has_calls);
	CHECK_EQ(options_point(&options, 2).direction, BENCH_GUEST_TO_GUEST);
	CHECK_EQ(options_point(&options, 4).direction, BENCH_TO_GUEST);
	CHECK_EQ(options_point(&options, 4).size_bytes, 1518);
	CHECK_EQ(options_point(&options, 11).ring, BENCH_PACKED);
	options_free(&options);
}

VU_TEST(bench_options, lists_multiply)
{
	char line[] = "vu-bench --ring split,packed --in-order on,off --mergeable=on,off "
		"--offload on,off --calls on,off --direction both --size 64,imix,9000 "
		"--burst 1,256 --queues 1,1024 --cores 1,2 --lean on --scattered on";
	struct options options;
	bool seen[4] = { false };
	unsigned int nb;

	CHECK_EQ(parse(&options, line), ARGS_RUN);
	nb = options_nb_points(&options);
	CHECK_EQ(nb, 2 * 2 * 2 * 2 * 2 * 3 * 2 * 2 * 2);
	/* Every combination once: here by four of the axes. */
	for (unsigned int i = 0; i < nb; i++) {
		struct bench_case point = options_point(&options, i);

		CHECK_EQ(point.direction, BENCH_BOTH);
		CHECK(point.is_lean && point.is_scattered);
		seen[0] |= point.ring == BENCH_PACKED && point.size_bytes == BENCH_SIZE_IMIX;
		seen[1] |= point.is_in_order && point.nb_cores == 2 && !point.is_mergeable;
		seen[2] |= point.nb_pairs == 1024 && point.has_calls && point.burst == 256;
		seen[3] |= point.has_offload && point.size_bytes == 9000;
	}
	CHECK(seen[0] && seen[1] && seen[2] && seen[3]);
	options_free(&options);
}

VU_TEST(bench_options, two_directions_with_backends_that_were_named)
{
	char line[] = "vu-bench -l 0-1 --backend vu,rte_vhost,copy --ring split,packed --size 64 "
		"--burst 32 --json out.json";
	struct options options;

	CHECK_EQ(parse(&options, line), ARGS_RUN);
	CHECK_EQ(options.lists[OPTION_DIRECTION].nb, 2);
	CHECK_EQ(options.lists[OPTION_DIRECTION].item[0], BENCH_FROM_GUEST);
	CHECK_EQ(options.lists[OPTION_DIRECTION].item[1], BENCH_TO_GUEST);
	CHECK_EQ(options_nb_points(&options), 4);
	options_free(&options);
}

VU_TEST(bench_options, modes_have_defaults_of_their_own)
{
	char latency[] = "vu-bench --latency";
	struct options options;

	CHECK_EQ(parse(&options, latency), ARGS_RUN);
	CHECK_EQ(options.mode, BENCH_LATENCY);
	CHECK_EQ(options.lists[OPTION_BACKEND].item[2], BENCH_EVENTFD);
	CHECK_EQ(options_nb_points(&options), 2);
	CHECK_EQ(options_point(&options, 0).nb_cores, 2);
	CHECK_EQ(options_point(&options, 0).burst, 1);
	CHECK_EQ(options_point(&options, 0).direction, BENCH_BOTH);
	options_free(&options);
}

VU_TEST(bench_options, eal_gets_the_rest)
{
	char line[] = "vu-bench --seconds 5 --rounds 7 --turns 9 -l 0-1 --size 64 --no-huge -m 64 "
		"--json out.json";
	struct options options;
	bool has_lcores = false, has_memory = false;

	CHECK_EQ(parse(&options, line), ARGS_RUN);
	CHECK_EQ(options_value(&options, OPTION_SECONDS), 5);
	CHECK_EQ(options_value(&options, OPTION_ROUNDS), 7);
	CHECK_EQ(options_value(&options, OPTION_TURNS), 9);
	CHECK(strcmp(options.json_path, "out.json") == 0);
	for (int i = 0; i + 1 < options.eal_argc; i++) {
		has_lcores |= strcmp(options.eal_argv[i], "-l") == 0 &&
			strcmp(options.eal_argv[i + 1], "0-1") == 0;
		has_memory |= strcmp(options.eal_argv[i], "-m") == 0;
		CHECK(strcmp(options.eal_argv[i], "--size") != 0);
		/* DPDK bears no two of them. */
		CHECK(strcmp(options.eal_argv[i], "--in-memory") != 0);
	}
	CHECK(has_lcores && has_memory);
	options_free(&options);
}

/* Whatever it is called: which options EAL has is not known here. */
VU_TEST(bench_options, what_is_not_ours_goes_to_eal_as_it_is)
{
	static const char *const words[] = {
		"-l", "0", "--of-tomorrow", "value", "--siz", "-Xvalue", "--ring-sizes=1", "-n",
	};
	char line[] = "vu-bench -l 0 --size 64 --of-tomorrow value -- --siz -Xvalue "
		"--ring-sizes=1 --latency -n";
	struct options options;
	int first;

	CHECK_EQ(parse(&options, line), ARGS_RUN);
	CHECK(options.mode == BENCH_LATENCY && options.lists[OPTION_SIZE].nb == 1);
	/* Behind the defaults. */
	first = options.eal_argc - (int)RTE_DIM(words);
	CHECK(first > 0 && options.eal_argv[options.eal_argc] == NULL);
	for (unsigned int i = 0; i < RTE_DIM(words); i++)
		CHECK(strcmp(options.eal_argv[first + (int)i], words[i]) == 0);
	options_free(&options);
}

VU_TEST(bench_options, the_command_has_our_name)
{
	char line[] = "b --ring packed";
	struct options options;

	CHECK_EQ(parse(&options, line), ARGS_RUN);
	CHECK(strcmp(options.command, "vu-bench --ring packed") == 0);
	options_free(&options);
}

VU_TEST(bench_options, what_cannot_be_is_refused)
{
	static const char *const bad[] = {
		"--ring round", "--size 59", "--size 9217", "--size 64,", "--burst 0",
		"--burst 257",
		"--queues 1025", "--queues -1", "--queues 1x", "--cores 3", "--in-order yes",
		"--ring-size 100", "--ring-size 32", "--ring-size 64,128", "--rounds 0",
		"--backend nothing", "--rounds",
		/* What one of them asks for, the other could not do. */
		"--latency --cores 1", "--latency --cores 1,2", "--latency --direction to_guest",
		"--latency --burst 32", "--latency --queues 2", "--backend vu,eventfd",
		"--backend vu,vu_mbuf --direction both,to_guest",
		"--latency --backend vu_mbuf", "--latency --direction guest_to_guest",
		"--turns 5 --cores 2", "--turns 5 --latency",
		"nonsense", "--size 64 nonsense", "--latency=1", "--size 18446744073709551680",
		("--size 64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,"
			"64,64,64,64,64,64,64,64,64"),
	};

	for (unsigned int i = 0; i < RTE_DIM(bad); i++) {
		if (refuse(bad[i]) != EXIT_FAILURE)
			expect_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
	}
}
