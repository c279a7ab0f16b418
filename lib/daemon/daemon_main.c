/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A daemon from its configuration to the signal that ends it. Control lcore.
 */
#include "vu_daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_errno.h>

static struct vu_daemon *volatile daemon_to_stop;

/* vu_daemon_stop() is signal-safe and may be repeated. */
static void
daemon_signal(int signum)
{
	struct vu_daemon *daemon = daemon_to_stop;

	(void)signum;
	if (daemon != NULL)
		vu_daemon_stop(daemon);
}

static void
daemon_handle_signals(struct vu_daemon *daemon)
{
	struct sigaction stop = { .sa_handler = daemon_signal, .sa_flags = SA_RESTART };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	daemon_to_stop = daemon;
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int
vu_daemon_main(struct vu_daemon_conf *conf, const char *program)
{
	struct vu_daemon *daemon = vu_daemon_create(conf);
	int rc;

	if (daemon == NULL) {
		fprintf(stderr, "%s: %s\n", program, conf->errmsg);
		return EXIT_FAILURE;
	}
	daemon_handle_signals(daemon);
	rc = vu_daemon_run(daemon);
	daemon_to_stop = NULL;
	vu_daemon_destroy(daemon);
	if (rc != 0)
		fprintf(stderr, "%s: cannot start: %s\n", program, rte_strerror(-rc));
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
