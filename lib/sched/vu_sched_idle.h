/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a data lcore does while it finds nothing to do, chosen per worker: poll on, pause between
 * turns, wait for a store, or sleep until it is woken. doc/guide/threads.md compares them,
 * sched_idle.c holds the argument why nothing is lost in a sleep.
 */
#ifndef VU_SCHED_IDLE_H
#define VU_SCHED_IDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

struct vu_sched;
struct vu_task;

/** What a worker does after a turn that found nothing. */
enum vu_idle_policy {
	VU_IDLE_BUSY,      /**< the next turn; the default */
	VU_IDLE_PAUSE,     /**< a pause of some ten cycles, then the next turn */
	VU_IDLE_MONITOR,   /**< wait for a store to the idle words, where the CPU can */
	VU_IDLE_INTERRUPT, /**< after a while sleep on the kick fds of its tasks */
	VU_NB_IDLE_POLICIES
};

/** Microseconds without work before VU_IDLE_INTERRUPT sleeps, unless the user sets another time. */
#define VU_IDLE_US 100

/** Name of a policy as on the command line; NULL beyond the last one. @context any thread */
const char *vu_idle_policy_name(enum vu_idle_policy policy);

/**
 * Choose what a worker does while it is idle. The devices that are created on the scheduler ask
 * vu_sched_may_sleep(), so policies are chosen before them.
 *
 * @param sched       scheduler
 * @param worker_idx  0..nb_workers - 1
 * @param policy      one of enum vu_idle_policy
 * @param idle_us     VU_IDLE_INTERRUPT: microseconds without work before it sleeps
 * @return 0; -EINVAL no such worker or policy; -EBUSY its loop runs; -ENOTSUP this CPU cannot wait
 *         for a store; -EMFILE or another -errno: no fds to sleep on
 * @context control lcore
 */
int vu_sched_set_idle(struct vu_sched *sched, unsigned int worker_idx,
	enum vu_idle_policy policy, uint32_t idle_us);

/**
 * Check whether some worker has a policy that sleeps.
 *
 * @return true: who changes the idle word of a task calls vu_sched_lcore_wake()
 * @context any thread
 */
bool vu_sched_may_sleep(const struct vu_sched *sched);

/**
 * Let an fd wake a worker from its sleep: the kick eventfd of a task's ring. Nobody reads
 * it. Nothing happens if the worker never sleeps.
 *
 * @param sched       scheduler
 * @param worker_idx  0..nb_workers - 1
 * @param fd          eventfd, stays the caller's
 * @return 0; -EINVAL no such worker; -errno of epoll_ctl(): the worker must not sleep on it
 * @context control lcore
 */
int vu_sched_kick_fd_add(struct vu_sched *sched, unsigned int worker_idx, int fd);

/**
 * Undo vu_sched_kick_fd_add(), before the fd is closed.
 *
 * @context control lcore
 */
void vu_sched_kick_fd_remove(struct vu_sched *sched, unsigned int worker_idx, int fd);

/**
 * Wake the owner of a task if it sleeps: the caller has changed the task's idle word.
 * Costs a full barrier and a load if nobody sleeps.
 *
 * @param task  initialised task; not added is allowed
 * @context any thread
 */
void vu_sched_lcore_wake(const struct vu_task *task);

VU_API_END

#endif /* VU_SCHED_IDLE_H */
