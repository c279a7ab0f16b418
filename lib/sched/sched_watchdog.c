/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frees a data lcore from a system call that does not return. The only one of the data path is the
 * write to a call eventfd; O_NONBLOCK lies in the file description that the front-end shares, so a
 * hostile one can take it back and fill the counter. Control lcore.
 */
#include "vu_sched.h"

#include <pthread.h>
#include <signal.h>

#include "sched_worker.h"

/* Ignored by default and used by nobody on sockets like ours. */
#define WATCHDOG_SIGNAL SIGURG

#define WATCHDOG_CALM_US 100000 /* ten wake-ups a second are nothing to the control lcore */
/* After a stall more are to be expected: other rings of that front-end. */
#define WATCHDOG_ALERT_US 5000
#define WATCHDOG_ALERT_LOOKS 200

static void
watchdog_wake(int signum)
{
	/* Its arrival alone ends the call with EINTR. */
	(void)signum;
}

static unsigned int
watchdog_interrupt(struct vu_sched *sched)
{
	/* No SA_RESTART: the call must not begin again. */
	const struct sigaction wake = { .sa_handler = watchdog_wake };
	unsigned int nb_woken = 0;

	sigaction(WATCHDOG_SIGNAL, &wake, NULL);
	for (unsigned int i = 0; i < sched->nb_workers; i++) {
		if (!vu_sched_worker_is_running(sched, i))
			continue;
		pthread_kill(sched->workers[i]->thread, WATCHDOG_SIGNAL);
		nb_woken++;
	}
	return nb_woken;
}

unsigned int
vu_sched_watchdog_check(struct vu_sched *sched)
{
	if (vu_sched_wait_is_pending(&sched->heartbeat)) {
		sched->nb_alert_looks = WATCHDOG_ALERT_LOOKS;
		return watchdog_interrupt(sched);
	}
	if (sched->nb_alert_looks != 0)
		sched->nb_alert_looks--;
	vu_quiesce_start(sched, &sched->heartbeat);
	return 0;
}

uint64_t
vu_sched_watchdog_delay_us(const struct vu_sched *sched)
{
	return sched->nb_alert_looks != 0 ? WATCHDOG_ALERT_US : WATCHDOG_CALM_US;
}
