/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vu-pmd: take our options out of the command line, give EAL the rest, run the daemon.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_log.h>

#include "vu_daemon.h"

#include "eal_options.h"
#include "options.h"
#include "outlet.h"

/*
 * Block SIGINT and SIGTERM until vu_daemon_main() handles them: one that comes while sockets and
 * hugepage files are being made would leave them behind. Threads started meanwhile block them for
 * ever, so that the main thread gets them all.
 */
static void
block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* Nothing waits for a reader of the log or of --stats. */
static int
run_with_outlets(struct vu_daemon_conf *conf, const char *program)
{
	FILE *const own_stdout = stdout;
	struct outlet *log = outlet_open(rte_log_get_stream());
	struct outlet *table = outlet_open(own_stdout);
	int status;

	/* Without memory for them nothing else would start either. */
	if (log != NULL)
		rte_openlog_stream(outlet_stream(log));
	if (table != NULL)
		stdout = outlet_stream(table);
	status = vu_daemon_main(conf, program);
	stdout = own_stdout;
	outlet_close(table);
	if (outlet_close(log))
		rte_openlog_stream(NULL);
	return status;
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

	block_signals();
	vu_daemon_conf_init(&conf);
	status = args_parse(&args, argc, argv);
	if (status == ARGS_RUN) {
		status = EXIT_FAILURE;
		if (start(&conf, &args)) {
			status = run_with_outlets(&conf, args.program);
			rte_eal_cleanup();
		}
	}
	free(args.eal_argv);
	vu_daemon_conf_fini(&conf);
	return status;
}
