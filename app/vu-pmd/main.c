/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vu-pmd: take our options out of the command line, give EAL the rest, run the daemon.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_errno.h>

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
		fprintf(stderr, "vu-pmd: %s\n", conf->errmsg);
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

/* A misspelt --socket went to EAL, which says so, before there is nothing to serve. */
static bool
start(const struct options *options)
{
	if (!eal_options_check("vu-pmd", options->eal_argc, options->eal_argv))
		return false;
	if (options->conf.nb_ports != 0)
		return eal_options_start("vu-pmd", options->eal_argc, options->eal_argv);
	fputs("vu-pmd: nothing to serve: use --socket PATH[,key=value...]; see --help\n", stderr);
	return false;
}

int
main(int argc, char **argv)
{
	int status = EXIT_FAILURE;
	struct options options;
	int parsed;

	signals_hold();
	parsed = options_parse(&options, argc, argv);
	if (parsed != OPTIONS_RUN)
		return parsed;
	if (start(&options)) {
		status = run(&options.conf);
		rte_eal_cleanup();
	}
	options_free(&options);
	return status;
}
