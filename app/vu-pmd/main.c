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

/* A misspelt --socket went to EAL, which refuses it, before there is nothing to serve. */
static bool
start(const struct vu_daemon_conf *conf, const struct args *args)
{
	if (!eal_options_check(args->program, args->eal_argc, args->eal_argv))
		return false;
	if (conf->nb_ports != 0)
		return eal_options_start(args->program, args->eal_argc, args->eal_argv);
	fputs("vu-pmd: nothing to serve: use --socket PATH[,key=value...]; see --help\n", stderr);
	return false;
}

int
main(int argc, char **argv)
{
	struct vu_daemon_conf conf;
	struct args args = options_args(&conf);
	int status;

	signals_hold();
	vu_daemon_conf_init(&conf);
	status = args_parse(&args, argc, argv);
	if (status == ARGS_RUN) {
		status = EXIT_FAILURE;
		if (start(&conf, &args)) {
			status = run(&conf);
			rte_eal_cleanup();
		}
	}
	free(args.eal_argv);
	vu_daemon_conf_fini(&conf);
	return status;
}
