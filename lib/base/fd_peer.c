/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A table holds which fds came from a peer and whose budget they belong to. The fds of a budget are
 * closed in a thread of its own, one after the other. The thread ends when nothing is left: peers
 * that behave never start one.
 */
#include "vu_fd_peer.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "fd_peer.h"
#include "vu_atomic.h"
#include "vu_fd.h"

#define TABLE_FDS 65536 /* higher numbers belong to nobody's budget */

/*
 * Enough for what arrives before anybody calls vu_fd_budget_is_full(): all fds of a message and the
 * sockets of a session.
 */
#define BUDGET_FDS 1024

struct vu_fd_budget {
	pthread_mutex_t lock; /* of all below; nobody waits while holding it */
	bool has_thread;
	bool is_left;         /* the thread frees it */
	unsigned int first;   /* oldest, being closed */
	unsigned int nb;      /* read by any thread */
	int fds[BUDGET_FDS];
};

static struct vu_fd_budget nobody = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct vu_fd_budget *table[TABLE_FDS];
static int max_fd; /* in the table, ever */
static unsigned int nb_closing;

static void
fd_close_patiently(int fd)
{
	timer_t alarm;
	/* A lingering socket gives up when it is interrupted, a server in user space may not. */
	int rc = fd_alarm_start(&alarm);

	close(fd);
	if (rc == 0)
		fd_alarm_stop(alarm);
}

/* Next fd; VU_FD_NONE ends the thread. */
static int
budget_next(struct vu_fd_budget *budget)
{
	int fd = VU_FD_NONE;
	bool is_last = false;

	pthread_mutex_lock(&budget->lock);
	if (budget->nb != 0) {
		fd = budget->fds[budget->first];
	} else {
		budget->has_thread = false;
		is_last = budget->is_left;
	}
	pthread_mutex_unlock(&budget->lock);
	if (is_last)
		free(budget);
	return fd;
}

static void
budget_done(struct vu_fd_budget *budget)
{
	pthread_mutex_lock(&budget->lock);
	budget->first = (budget->first + 1) % BUDGET_FDS;
	vu_store(&budget->nb, budget->nb - 1);
	pthread_mutex_unlock(&budget->lock);
	__atomic_fetch_sub(&nb_closing, 1, __ATOMIC_RELEASE);
}

static void *
budget_work(void *arg)
{
	struct vu_fd_budget *budget = arg;
	sigset_t alarm_only;
	int fd;

	sigfillset(&alarm_only);
	sigdelset(&alarm_only, SIGURG);
	pthread_sigmask(SIG_SETMASK, &alarm_only, NULL);
	while ((fd = budget_next(budget)) != VU_FD_NONE) {
		fd_close_patiently(fd);
		budget_done(budget);
	}
	return NULL;
}

/* Without a thread now, the next fd tries again. Lock held. */
static void
budget_wake(struct vu_fd_budget *budget)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (budget->has_thread)
		return;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	budget->has_thread = pthread_create(&thread, &attr, budget_work, budget) == 0;
	pthread_attr_destroy(&attr);
}

/* One too many stays open: to close it here is to wait, and its session ends anyway. */
static void
budget_push(struct vu_fd_budget *budget, int fd)
{
	__atomic_fetch_add(&nb_closing, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&budget->lock);
	if (budget->nb < BUDGET_FDS) {
		budget->fds[(budget->first + budget->nb) % BUDGET_FDS] = fd;
		vu_store(&budget->nb, budget->nb + 1);
	}
	budget_wake(budget);
	pthread_mutex_unlock(&budget->lock);
}

bool
fd_peer_take(int fd)
{
	struct vu_fd_budget *budget = &nobody;

	/* Before it is closed: then the number may be somebody else's. */
	if (fd < TABLE_FDS)
		budget = __atomic_exchange_n(&table[fd], NULL, __ATOMIC_RELAXED);
	if (budget == NULL)
		return false;
	budget_push(budget, fd);
	return true;
}

struct vu_fd_budget *
vu_fd_budget_create(void)
{
	struct vu_fd_budget *budget = calloc(1, sizeof(*budget));

	if (budget != NULL)
		pthread_mutex_init(&budget->lock, NULL);
	return budget;
}

/* A driver may have kept an fd that it was given. */
static void
budget_forget(struct vu_fd_budget *budget)
{
	for (int fd = 0; fd <= vu_load(&max_fd); fd++) {
		struct vu_fd_budget *expected = budget;

		__atomic_compare_exchange_n(&table[fd], &expected, &nobody, false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
}

void
vu_fd_budget_destroy(struct vu_fd_budget *budget)
{
	bool is_busy;

	if (budget == NULL)
		return;
	budget_forget(budget);
	pthread_mutex_lock(&budget->lock);
	budget->is_left = true;
	is_busy = budget->has_thread;
	pthread_mutex_unlock(&budget->lock);
	if (!is_busy)
		free(budget);
}

unsigned int
vu_fd_budget_nb_closing(const struct vu_fd_budget *budget)
{
	return vu_load(budget != NULL ? &budget->nb : &nobody.nb);
}

bool
vu_fd_budget_is_full(const struct vu_fd_budget *budget)
{
	return vu_fd_budget_nb_closing(budget) > VU_FD_MAX_CLOSING;
}

/* Of these nobody but the kernel decides how long it takes. */
static bool
fd_closes_at_once(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0 || fcntl(fd, F_GETPIPE_SZ) >= 0 || vu_fd_is_event(fd);
}

void
vu_fd_track(int fd, struct vu_fd_budget *budget)
{
	if (fd < 0 || fd >= TABLE_FDS)
		return;
	if (fd > vu_load(&max_fd))
		vu_store(&max_fd, fd);
	if (fd_closes_at_once(fd))
		budget = NULL;
	else if (budget == NULL)
		budget = &nobody;
	__atomic_store_n(&table[fd], budget, __ATOMIC_RELAXED);
}

void
vu_fd_untrack(int fd)
{
	if (fd >= 0 && fd < TABLE_FDS)
		__atomic_store_n(&table[fd], NULL, __ATOMIC_RELAXED);
}

unsigned int
vu_fd_nb_closing(void)
{
	return __atomic_load_n(&nb_closing, __ATOMIC_ACQUIRE);
}
