/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private layout of the reactor and the steps of its turn, shared by the files of this folder.
 * All fields belong to the control lcore unless their comment names other threads.
 */
#ifndef REACTOR_H
#define REACTOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_common.h>

#include "vu_reactor.h"

/** A point in time that never comes. */
#define REACTOR_NEVER_NS UINT64_MAX

struct vu_reactor_fd {
	struct vu_reactor *reactor;
	vu_reactor_fd_fn fn;
	void *arg;
	SLIST_ENTRY(vu_reactor_fd) next_removed;
	int fd;
	bool removed; /* waits for the end of the turn, which may still hold its event */
};

struct vu_reactor_poller {
	struct vu_reactor *reactor;
	vu_reactor_poller_fn fn;
	void *arg;
	TAILQ_ENTRY(vu_reactor_poller) next;
	bool removed; /* waits for the end of the turn, which may be walking the list */
};

struct vu_reactor_timer {
	struct vu_reactor *reactor;
	vu_reactor_call_fn fn;
	void *arg;
	uint64_t deadline_ns; /* on the reactor's clock */
	uint64_t period_ns;   /* 0 = once */
	uint64_t start_nb;    /* orders timers of equal deadline by their start */
	uint32_t heap_idx;    /* TIMER_STOPPED, or index into the heap */
};

/** Binary heap, earliest deadline first; has room for every existing timer. */
struct reactor_timers {
	struct vu_reactor_timer **heap;
	uint32_t nb_running;
	uint32_t nb_existing;
	uint32_t capacity;
	uint64_t nb_starts;
	uint64_t (*now_ns)(void); /* CLOCK_MONOTONIC; tests put their own */
};

struct reactor_inbox {
	/* Calls taken off the stack, oldest first. */
	struct vu_reactor_call *ready;
	struct vu_reactor_call **ready_end;
	uint32_t nb_ready;
	int fd; /* eventfd, fixed after create */

	/* Threads in vu_reactor_call_sync(): under the mutex. */
	pthread_mutex_t sync_mutex;
	pthread_cond_t sync_done;
	uint32_t nb_sync_callers;
	bool is_shut_down;

	/* Any thread pushes, the control lcore takes all; the newest call is on top. */
	struct vu_reactor_call *stack __rte_cache_aligned;
};

struct vu_reactor {
	int epoll_fd;
	bool in_turn;
	bool has_pwait2;          /* false on kernels before 5.11 */
	bool has_removed_pollers;
	uint32_t nb_fds;          /* sources that exist, the inbox not counted */
	uint32_t nb_pollers;
	SLIST_HEAD(, vu_reactor_fd) removed_fds;
	TAILQ_HEAD(, vu_reactor_poller) pollers;
	struct reactor_timers timers;
	uint32_t stop;            /* atomic: any thread sets, vu_reactor_run() clears */
	pthread_t runner;         /* atomic: thread of the latest turn, 0 before the first */
	struct reactor_inbox inbox;
};

/** Prepare the timer heap. */
void reactor_timers_init(struct reactor_timers *timers);
/** Free the heap; no timer may exist. */
void reactor_timers_fini(struct reactor_timers *timers);
/** @return nanoseconds until the next timer expires, 0 if one has, or REACTOR_NEVER_NS */
uint64_t reactor_timers_wait_ns(const struct reactor_timers *timers);
/** Call what has expired. @return number of calls */
unsigned int reactor_timers_run(struct reactor_timers *timers);

/** Open the inbox. @return 0 or -errno */
int reactor_inbox_init(struct reactor_inbox *inbox);
/** Drop what is queued, wait for synchronous callers to leave, close. */
void reactor_inbox_fini(struct reactor_inbox *inbox);
/** Its eventfd is readable: take over what was posted. */
void reactor_inbox_receive(struct reactor_inbox *inbox);
/** Make the calls taken over so far. @return number of calls */
unsigned int reactor_inbox_run(struct reactor_inbox *inbox);
/** Wake the reactor from any thread or a signal handler. */
void reactor_inbox_wake(struct reactor_inbox *inbox);

#endif /* REACTOR_H */
