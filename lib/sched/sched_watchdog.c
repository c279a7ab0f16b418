/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frees a data lcore from a system call that does not return. The only one of the data path is the
 * write to a call eventfd, which waits while its counter is full: whether it does is up to the
 * front-end, whose file it is. A thread of its own: the control lcore may be
 * waiting for a peer itself.
 */
#include "vu_sched.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_debug.h>

#include "sched_worker.h"
#include "vu_fd.h"

/* Ignored by default and used by nobody on sockets like ours. */
#define WATCHDOG_SIGNAL SIGURG
#define WATCHDOG_MS 5
#define WATCHDOG_REST_MS 50 /* while no lcore runs: all are asleep */
#define WATCHDOG_LONG_LOOKS 20 /* one after the other: what began there has not ended by a signal */

static void
watchdog_wake(int signum)
{
	/* Its arrival alone ends the call with EINTR. */
	(void)signum;
}

/* A thread that has left since ignores the signal. */
static void
worker_interrupt(const struct vu_sched_worker *worker)
{
	const int tid = vu_load(&worker->tid);

	if (tid != 0)
		syscall(SYS_tgkill, getpid(), tid, WATCHDOG_SIGNAL);
}

unsigned int
vu_sched_watchdog_check(struct vu_sched *sched)
{
	/* No SA_RESTART: the call must not begin again. */
	const struct sigaction wake = { .sa_handler = watchdog_wake };
	const uint64_t token = sched->watchdog_token;
	unsigned int nb_stuck = 0, nb_online = 0;

	sigaction(WATCHDOG_SIGNAL, &wake, NULL);
	for (unsigned int i = 0; i < sched->nb_workers; i++) {
		/* Pairs with the release in rte_rcu_qsbr_quiescent(); 0: offline. */
		const uint64_t count = vu_load_acquire(&sched->qsbr->qsbr_cnt[i].cnt);

		nb_online += count != 0;
		if (count == 0 || count >= token)
			continue;
		nb_stuck++;
		worker_interrupt(sched->workers[i]);
	}
	sched->is_resting = nb_online == 0;
	sched->watchdog_token = rte_rcu_qsbr_start(sched->qsbr);
	return nb_stuck;
}

static void *
watchdog_main(void *arg)
{
	struct vu_sched *sched = arg;
	struct pollfd end = { .fd = sched->watchdog_fd, .events = POLLIN };
	unsigned int nb_looks = 0;

	while (poll(&end, 1, sched->is_resting ? WATCHDOG_REST_MS : WATCHDOG_MS) <= 0) {
		nb_looks = vu_sched_watchdog_check(sched) != 0 ? nb_looks + 1 : 0;
		if (nb_looks == WATCHDOG_LONG_LOOKS)
			sched->stalled(sched->stalled_arg);
	}
	return NULL;
}

/* Without signals: those of the process are the control lcore's. */
static int
watchdog_thread_start(struct vu_sched *sched)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = -pthread_create(&sched->watchdog_thread, NULL, watchdog_main, sched);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		pthread_setname_np(sched->watchdog_thread, "vu-watchdog");
	return rc;
}

int
vu_sched_watchdog_start(struct vu_sched *sched, void (*stalled)(void *arg), void *arg)
{
	int rc;

	RTE_VERIFY(sched->watchdog_fd == VU_FD_NONE);
	sched->stalled = stalled;
	sched->stalled_arg = arg;
	sched->watchdog_token = 0;
	sched->watchdog_fd = vu_fd_eventfd();
	if (sched->watchdog_fd < 0) {
		rc = sched->watchdog_fd;
		sched->watchdog_fd = VU_FD_NONE;
		return rc;
	}
	rc = watchdog_thread_start(sched);
	if (rc != 0)
		vu_fd_close(&sched->watchdog_fd);
	return rc;
}

void
vu_sched_watchdog_stop(struct vu_sched *sched)
{
	if (sched->watchdog_fd == VU_FD_NONE)
		return;
	vu_fd_signal(sched->watchdog_fd);
	pthread_join(sched->watchdog_thread, NULL);
	vu_fd_close(&sched->watchdog_fd);
}
