/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Signal handlers; vu_daemon_stop() is signal-safe and may be repeated.
 */
#include "signals.h"

#include <signal.h>
#include <stddef.h>

#include "vu_daemon.h"

static struct vu_daemon *volatile signals_daemon;

static void
signals_stop(int signum)
{
	struct vu_daemon *daemon = signals_daemon;

	(void)signum;
	if (daemon != NULL)
		vu_daemon_stop(daemon);
}

static void
signals_set_held(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(how, &set, NULL);
}

void
signals_hold(void)
{
	signals_set_held(SIG_BLOCK);
}

void
signals_install(struct vu_daemon *daemon)
{
	struct sigaction stop = { .sa_handler = signals_stop, .sa_flags = SA_RESTART };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	signals_daemon = daemon;
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	signals_set_held(SIG_UNBLOCK);
}

void
signals_uninstall(void)
{
	signals_daemon = NULL;
}
