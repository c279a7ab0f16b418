/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vu-pmd: take our options out of the command line, give EAL the rest, run the daemon.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "vu_daemon.h"

#include "eal_options.h"
#include "options.h"
#include "signals.h"

static int
run(struct vu_daemon_conf *conf)
{
	struct vu_daemon *daemon = vu_daemon_create(conf);
	int rc;

	if (daemon == NULL) {
		fprintf(stderr, "vu-pmd: %s\n", conf->why);
		return EXIT_FAILURE;
	}
	signals_install(daemon);
	rc = vu_daemon_run(daemon);
	signals_uninstall();
	vu_daemon_destroy(daemon);
	if (rc != 0)
		fprintf(stderr, "vu-pmd: cannot start: %s\n", rte_strerror(-rc));
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	struct options options;
	int status;

	signals_hold();
	status = options_parse(&options, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	if (!eal_options_check("vu-pmd", options.eal_argc, options.eal_argv)) {
		options_free(&options);
		return EXIT_FAILURE;
	}
	if (eal_options_start(options.eal_argc, options.eal_argv) < 0) {
		eal_options_tell("vu-pmd", rte_errno, options.eal_argc, options.eal_argv);
		options_free(&options);
		return EXIT_FAILURE;
	}
	status = run(&options.conf);
	options_free(&options);
	rte_eal_cleanup();
	return status;
}
