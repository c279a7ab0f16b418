/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vu-bench: measure every point that the command line names, report.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include "eal_options.h"
#include "subject.h"

/* The shape of the pools of our net device. */
#define POOL_NB_MBUFS 16383
#define POOL_CACHE_MBUFS 256

/* Was the JSON written, or can it be? Reports why not. */
static bool
is_written(const struct options *options, int rc)
{
	if (rc != 0)
		fprintf(stderr, "vu-bench: cannot write %s: %s\n", options->json_path,
			strerror(-rc));
	return rc == 0;
}

/* Measure and report all points. @return exit status */
static int
run(const struct options *options, struct measure_conf *conf)
{
	const unsigned int nb_points = options_nb_points(options);
	struct measure_result *results = calloc((size_t)nb_points * BENCH_NB_BACKENDS,
		sizeof(*results));
	unsigned int nb = 0;
	bool is_good = true;

	if (results == NULL)
		return EXIT_FAILURE;
	report_text_head(stdout, conf->mode);
	for (unsigned int i = 0; i < nb_points; i++) {
		struct bench_case point = options_point(options, i);
		unsigned int nb_new;

		conf->nb_points_left = nb_points - i;
		nb_new = measure_run(conf, &point, &results[nb]);
		report_text(stdout, &results[nb], nb_new);
		nb += nb_new;
	}
	report_text_end(stdout, results, nb);
	for (unsigned int i = 0; i < nb; i++)
		is_good &= results[i].nb_lost == 0 &&
			(results[i].rc == 0 || results[i].rc == -EOPNOTSUPP);
	if (options->json_path != NULL)
		is_good &= is_written(options, report_json(options, results, nb));
	free(results);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* @return exit status */
static int
start(const struct options *options)
{
	char folder[] = "/tmp/vu-bench.XXXXXX";
	struct measure_conf conf = {
		.mode = options->mode, .folder = folder,
		.nb_rounds = options_value(options, OPTION_ROUNDS),
		.round_us = options_value(options, OPTION_ROUND_US),
		.nb_turns = options_value(options, OPTION_TURNS),
	};
	const uint32_t nb_seconds = options_value(options, OPTION_SECONDS);
	int status;

	if (options_has(options, OPTION_CORES, 2) && rte_lcore_count() < 2) {
		fputs("vu-bench: two lcores are needed for that: use -l 0-1\n", stderr);
		return EXIT_FAILURE;
	}
	for (unsigned int b = 0; b < BENCH_NB_BACKENDS; b++)
		conf.has_backend[b] = options_has(options, OPTION_BACKEND, b);
	conf.pool = rte_pktmbuf_pool_create("bench", POOL_NB_MBUFS, POOL_CACHE_MBUFS, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	if (conf.pool == NULL || mkdtemp(folder) == NULL) {
		fprintf(stderr, "vu-bench: no mbufs or no folder for sockets: %s\n",
			rte_strerror(rte_errno));
		return EXIT_FAILURE;
	}
	if (nb_seconds != 0)
		conf.end_tsc = rte_rdtsc() + nb_seconds * rte_get_tsc_hz();
	status = run(options, &conf);
	backend_rte_vhost_end();
	rmdir(folder);
	rte_mempool_free(conf.pool);
	return status;
}

int
main(int argc, char **argv)
{
	struct options options;
	int status = options_parse(&options, argc, argv);

	if (status != ARGS_RUN)
		return status;
	/* The set-up of each back-end would fill the screen; --log-level brings it back. */
	rte_log_set_level_pattern("lib.vhost.*", RTE_LOG_WARNING);
	rte_log_set_level_pattern("vu.*", RTE_LOG_ERR);
	status = EXIT_FAILURE;
	/* What would be in vain is found before minutes are spent on it. */
	if (options.command != NULL &&
			eal_options_check("vu-bench", options.eal_argc, options.eal_argv) &&
			(options.json_path == NULL ||
				is_written(&options, report_json_probe(options.json_path))) &&
			eal_options_start("vu-bench", options.eal_argc, options.eal_argv)) {
		status = start(&options);
		rte_eal_cleanup();
	}
	options_free(&options);
	return status;
}
