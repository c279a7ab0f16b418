/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A table says which descriptors came from a peer and whom they are charged to. Each account closes
 * its own in a thread of its own, one after the other. The thread ends when nothing is left: peers
 * that behave never start one.
 */
#include "vu_fd_foreign.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "fd_foreign.h"
#include "vu_atomic.h"
#include "vu_fd.h"

#define TABLE_FDS 65536 /* higher numbers count as charged to nobody's account */

/*
 * Room for what comes before anybody asks vu_fd_account_is_full(): all descriptors of a message and
 * the sockets of a session.
 */
#define ACCOUNT_ROOM 1024

struct vu_fd_account {
	pthread_mutex_t lock;   /* of all below; nobody waits while holding it */
	bool has_thread;
	bool is_left;           /* the thread frees it */
	unsigned int first;     /* oldest, being closed */
	unsigned int nb;        /* read by any thread */
	int fds[ACCOUNT_ROOM];
};

static struct vu_fd_account nobody = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct vu_fd_account *table[TABLE_FDS];
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

/* Next descriptor; VU_FD_NONE ends the thread. */
static int
account_next(struct vu_fd_account *account)
{
	int fd = VU_FD_NONE;
	bool is_last = false;

	pthread_mutex_lock(&account->lock);
	if (account->nb != 0) {
		fd = account->fds[account->first];
	} else {
		account->has_thread = false;
		is_last = account->is_left;
	}
	pthread_mutex_unlock(&account->lock);
	if (is_last)
		free(account);
	return fd;
}

static void
account_done(struct vu_fd_account *account)
{
	pthread_mutex_lock(&account->lock);
	account->first = (account->first + 1) % ACCOUNT_ROOM;
	vu_store(&account->nb, account->nb - 1);
	pthread_mutex_unlock(&account->lock);
	__atomic_fetch_sub(&nb_closing, 1, __ATOMIC_RELEASE);
}

static void *
account_work(void *arg)
{
	struct vu_fd_account *account = arg;
	sigset_t alarm_only;
	int fd;

	sigfillset(&alarm_only);
	sigdelset(&alarm_only, SIGURG);
	pthread_sigmask(SIG_SETMASK, &alarm_only, NULL);
	while ((fd = account_next(account)) != VU_FD_NONE) {
		fd_close_patiently(fd);
		account_done(account);
	}
	return NULL;
}

/* Without a thread now, the next descriptor tries again. Lock held. */
static void
account_wake(struct vu_fd_account *account)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (account->has_thread)
		return;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	account->has_thread = pthread_create(&thread, &attr, account_work, account) == 0;
	pthread_attr_destroy(&attr);
}

/* One too many stays open: to close it here is to wait, and its session ends anyway. */
static void
account_push(struct vu_fd_account *account, int fd)
{
	__atomic_fetch_add(&nb_closing, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&account->lock);
	if (account->nb < ACCOUNT_ROOM) {
		account->fds[(account->first + account->nb) % ACCOUNT_ROOM] = fd;
		vu_store(&account->nb, account->nb + 1);
	}
	account_wake(account);
	pthread_mutex_unlock(&account->lock);
}

bool
fd_foreign_take(int fd)
{
	struct vu_fd_account *account = &nobody;

	/* Before it is closed: then the number may be somebody else's. */
	if (fd < TABLE_FDS)
		account = __atomic_exchange_n(&table[fd], NULL, __ATOMIC_RELAXED);
	if (account == NULL)
		return false;
	account_push(account, fd);
	return true;
}

struct vu_fd_account *
vu_fd_account_create(void)
{
	struct vu_fd_account *account = calloc(1, sizeof(*account));

	if (account != NULL)
		pthread_mutex_init(&account->lock, NULL);
	return account;
}

/* A driver may have kept a descriptor that it was given. */
static void
account_forget(struct vu_fd_account *account)
{
	for (int fd = 0; fd <= vu_load(&max_fd); fd++) {
		struct vu_fd_account *expected = account;

		__atomic_compare_exchange_n(&table[fd], &expected, &nobody, false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
}

void
vu_fd_account_destroy(struct vu_fd_account *account)
{
	bool is_busy;

	if (account == NULL)
		return;
	account_forget(account);
	pthread_mutex_lock(&account->lock);
	account->is_left = true;
	is_busy = account->has_thread;
	pthread_mutex_unlock(&account->lock);
	if (!is_busy)
		free(account);
}

unsigned int
vu_fd_account_nb_closing(const struct vu_fd_account *account)
{
	return vu_load(account != NULL ? &account->nb : &nobody.nb);
}

bool
vu_fd_account_is_full(const struct vu_fd_account *account)
{
	return vu_fd_account_nb_closing(account) > VU_FD_MAX_CLOSING;
}

/* Of these nobody but the kernel decides how long it takes. */
static bool
fd_closes_at_once(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0 || fcntl(fd, F_GETPIPE_SZ) >= 0 || vu_fd_is_event(fd);
}

void
vu_fd_charge(int fd, struct vu_fd_account *account)
{
	if (fd < 0 || fd >= TABLE_FDS)
		return;
	if (fd > vu_load(&max_fd))
		vu_store(&max_fd, fd);
	if (fd_closes_at_once(fd))
		account = NULL;
	else if (account == NULL)
		account = &nobody;
	__atomic_store_n(&table[fd], account, __ATOMIC_RELAXED);
}

void
vu_fd_acquit(int fd)
{
	if (fd >= 0 && fd < TABLE_FDS)
		__atomic_store_n(&table[fd], NULL, __ATOMIC_RELAXED);
}

unsigned int
vu_fd_nb_closing(void)
{
	return __atomic_load_n(&nb_closing, __ATOMIC_ACQUIRE);
}
