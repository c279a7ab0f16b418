/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Event loop of the control lcore: fds, timers, pollers, and calls from other threads.
 * Everything here belongs to the thread that runs the reactor, except where @context says "any
 * thread". All callbacks run on that thread, one at a time, and may add, change and remove any
 * source, timer or poller, themselves included. The reactor costs no CPU while nothing happens.
 */
#ifndef VU_REACTOR_H
#define VU_REACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

struct vu_reactor;
struct vu_reactor_fd;
struct vu_reactor_timer;
struct vu_reactor_poller;

/** Called when an fd is ready; epoll_events is a set of EPOLL* bits. */
typedef void (*vu_reactor_fd_fn)(void *arg, uint32_t epoll_events);
/** Called for an expired timer or a posted call. */
typedef void (*vu_reactor_call_fn)(void *arg);
/**
 * Called once per turn before the reactor sleeps. Returns in how many microseconds it is to run
 * again at the latest: 0 = do not sleep, VU_REACTOR_POLLER_IDLE = not needed for now.
 */
typedef uint64_t (*vu_reactor_poller_fn)(void *arg);

/** A poller that needs no call until something else ends the sleep. */
#define VU_REACTOR_POLLER_IDLE UINT64_MAX

/** A call that any thread can post; the caller's storage, prepared by vu_reactor_call_init(). */
struct vu_reactor_call {
	struct vu_reactor_call *next; /**< inbox link, valid while queued */
	vu_reactor_call_fn fn;        /**< fixed after init */
	void *arg;                    /**< fixed after init */
	/** atomic: set by the poster, cleared by the control lcore */
	uint32_t queued;
};

/**
 * Create a reactor.
 *
 * @return the reactor; NULL with rte_errno ENOMEM, EMFILE or ENFILE
 * @context control lcore
 */
struct vu_reactor *vu_reactor_create(void);

/**
 * Destroy a reactor. Every fd, timer and poller must have been removed before and nobody
 * may post any more. Calls still queued are dropped. Threads that wait in vu_reactor_call_sync()
 * are sent home with -ESHUTDOWN first.
 *
 * @param reactor  may be NULL
 * @context control lcore, not from a callback of this reactor
 */
void vu_reactor_destroy(struct vu_reactor *reactor);

/**
 * Refuse synchronous calls from now on and send the waiting ones home with -ESHUTDOWN; one that is
 * running ends normally. For owners that must take a lock which such a caller may hold, before
 * they can go on to vu_reactor_destroy(), which does the same.
 *
 * @param reactor  from vu_reactor_create()
 * @context control lcore, also from a callback
 */
void vu_reactor_shutdown(struct vu_reactor *reactor);

/**
 * Run turns until vu_reactor_stop(). A stop requested before the start counts: it is taken when
 * this function returns, after which the reactor can be run again.
 *
 * @param reactor  from vu_reactor_create()
 * @return 0 after a stop, or -errno if waiting for events failed
 * @context control lcore, not from a callback of this reactor
 */
int vu_reactor_run(struct vu_reactor *reactor);

/**
 * Run one turn: pollers, wait, ready fds, expired timers, posted calls.
 *
 * @param reactor     from vu_reactor_create()
 * @param timeout_ms  longest wait in milliseconds; 0 = do not wait, negative = no limit
 * @return number of fd, timer and posted callbacks made, or -errno if waiting failed; a
 *         signal ends the wait early and is no failure
 * @context control lcore, not from a callback of this reactor
 */
int vu_reactor_turn(struct vu_reactor *reactor, int timeout_ms);

/**
 * Make vu_reactor_run() return after its current turn. Repeated requests count as one.
 *
 * @param reactor  from vu_reactor_create()
 * @context any thread, signal-safe
 */
void vu_reactor_stop(struct vu_reactor *reactor);

/**
 * Add interest in an fd. Events are level-triggered unless EPOLLET is among them.
 *
 * @param reactor       from vu_reactor_create()
 * @param fd            stays the caller's; must stay open until vu_reactor_fd_remove()
 * @param epoll_events  EPOLL* bits; 0 means EPOLLHUP and EPOLLERR only
 * @param fn            called with arg and the events that are ready
 * @param arg           passed to fn
 * @return the source; NULL with rte_errno ENOMEM, EEXIST (interest exists), EPERM (a file that
 *         cannot be waited for), EBADF or ENOSPC
 * @context control lcore
 */
struct vu_reactor_fd *vu_reactor_fd_add(struct vu_reactor *reactor, int fd, uint32_t epoll_events,
		vu_reactor_fd_fn fn, void *arg);

/**
 * Change the events of interest of an fd.
 *
 * @param source        from vu_reactor_fd_add()
 * @param epoll_events  EPOLL* bits, replace the earlier ones
 * @return 0, or -ENOMEM
 * @context control lcore
 */
int vu_reactor_fd_modify(struct vu_reactor_fd *source, uint32_t epoll_events);

/**
 * Remove interest in an fd. Its callback is not called again, not even for an event that this
 * turn has already fetched. Call it before closing the fd.
 *
 * @param source  invalid afterwards; may be NULL
 * @context control lcore
 */
void vu_reactor_fd_remove(struct vu_reactor_fd *source);

/**
 * Create a timer, not running.
 *
 * @param reactor  from vu_reactor_create()
 * @param fn       runs on the control lcore
 * @param arg      passed to fn
 * @return the timer; NULL with rte_errno ENOMEM
 * @context control lcore
 */
struct vu_reactor_timer *vu_reactor_timer_create(struct vu_reactor *reactor, vu_reactor_call_fn fn,
		void *arg);

/**
 * Start a timer, or restart it. A periodic timer that falls behind skips the missed periods.
 *
 * @param timer      from vu_reactor_timer_create()
 * @param delay_us   microseconds to the first call; 0 = in the next turn
 * @param period_us  microseconds between later calls; 0 = call once
 * @context control lcore
 */
void vu_reactor_timer_start(struct vu_reactor_timer *timer, uint64_t delay_us, uint64_t period_us);

/**
 * Stop a timer; its function is not called again until the next start. Harmless if not running.
 *
 * @param timer  from vu_reactor_timer_create()
 * @context control lcore
 */
void vu_reactor_timer_stop(struct vu_reactor_timer *timer);

/**
 * Stop and free a timer.
 *
 * @param timer  invalid afterwards; may be NULL
 * @context control lcore
 */
void vu_reactor_timer_destroy(struct vu_reactor_timer *timer);

/**
 * Prepare a call for posting; it must not be queued.
 *
 * @param call  caller's storage
 * @param fn    runs on the control lcore
 * @param arg   passed to fn
 * @context control lcore, or the thread that owns the storage
 */
void vu_reactor_call_init(struct vu_reactor_call *call, vu_reactor_call_fn fn, void *arg);

/**
 * Have a call made on the control lcore. Posts coalesce: one that finds the call queued changes
 * nothing, and the run to come sees all memory the poster wrote before. The call can be posted
 * again from the moment it starts to run. Calls of one poster are made in order. Lock-free and
 * without allocation; one eventfd write if the inbox was empty.
 *
 * @param reactor  from vu_reactor_create()
 * @param call     caller's storage
 * @return true if the call was queued, false if it was already
 * @context any thread, data lcores included
 */
bool vu_reactor_post(struct vu_reactor *reactor, struct vu_reactor_call *call);

/**
 * Take back a posted call. Afterwards its function will not run and the storage may be freed,
 * provided that nobody can post it any more: see to that first.
 *
 * @param reactor  from vu_reactor_create()
 * @param call     caller's storage
 * @context control lcore, also from a callback, also the call's own
 */
void vu_reactor_call_cancel(struct vu_reactor *reactor, struct vu_reactor_call *call);

/**
 * Run a function on the control lcore and wait until it has returned.
 *
 * @param reactor  from vu_reactor_create()
 * @param fn       runs on the control lcore
 * @param arg      passed to fn
 * @return 0 after the function ran; without running it -ESHUTDOWN if the reactor is being shut
 *         down, -EDEADLK if called on the thread that runs the reactor
 * @context any thread but the control lcore; sleeps, so no data lcore
 */
int vu_reactor_call_sync(struct vu_reactor *reactor, vu_reactor_call_fn fn, void *arg);

/**
 * Add a function that runs before each sleep, in the order of addition. A poller is for state that
 * no fd announces, such as a grace period. One that makes work for another poller posts a
 * call, so that the reactor does not sleep in between.
 *
 * @param reactor  from vu_reactor_create()
 * @param fn       runs on the control lcore
 * @param arg      passed to fn
 * @return the poller; NULL with rte_errno ENOMEM
 * @context control lcore
 */
struct vu_reactor_poller *vu_reactor_poller_add(struct vu_reactor *reactor,
		vu_reactor_poller_fn fn, void *arg);

/**
 * Remove a poller; it is not called again.
 *
 * @param poller  invalid afterwards; may be NULL
 * @context control lcore
 */
void vu_reactor_poller_remove(struct vu_reactor_poller *poller);

VU_API_END

#endif /* VU_REACTOR_H */
