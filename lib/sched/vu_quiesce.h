/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Call back once every data lcore has quiesced: what was unpublished before may then be
 * freed. Callers publish with a release store, wake the tasks concerned, then start the wait.
 * sched_quiesce.c holds the argument why that order is enough, doc/decision/0004 why it is so.
 */
#ifndef VU_QUIESCE_H
#define VU_QUIESCE_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

struct vu_sched;
struct vu_task;

/**
 * End of a wait. May start, cancel or free waits, its own included, and add or remove tasks.
 *
 * @param arg  value stored in the wait
 * @context control lcore, called by vu_sched_poll()
 */
typedef void (*vu_sched_done_fn)(void *arg);

/**
 * One pending wait, in the caller's storage: no allocation, so starting one cannot fail.
 * The storage must stay valid until fn is called or the wait is cancelled.
 */
struct vu_sched_wait {
	vu_sched_done_fn fn; /**< called once, or NULL */
	void *arg;           /**< handed to fn */
	/* Private to lib/sched, control lcore only. */
	struct vu_sched_wait *prev, *next; /**< list that holds the wait; NULL when in none */
	uint64_t token;                    /**< RCU token, or number of a mailbox command */
	struct vu_task *task;              /**< task whose removal this waits for, or NULL */
};

/**
 * Prepare a wait; needed once before its first use.
 *
 * @param wait  caller's storage
 * @param fn    called when the wait is over, or NULL
 * @param arg   handed to fn
 * @context control lcore
 */
void vu_sched_wait_init(struct vu_sched_wait *wait, vu_sched_done_fn fn, void *arg);

/**
 * Check whether a wait was started and its function has not been called yet.
 *
 * @param wait  initialised wait
 * @return true while the storage is in use by lib/sched
 * @context control lcore
 */
bool vu_sched_wait_is_pending(const struct vu_sched_wait *wait);

/**
 * Call back once every running loop has reported a quiescent state after this call.
 *
 * From then on no lcore uses a pointer that was unpublished before this call, and every command
 * sent before it is handled before its lcore touches a task or an idle word again. Loops that do
 * not run delay nothing; with none running the wait is over at the next vu_sched_poll().
 *
 * @param sched  scheduler
 * @param wait   initialised wait that is not pending
 * @context control lcore
 */
void vu_quiesce_start(struct vu_sched *sched, struct vu_sched_wait *wait);

/**
 * Cancel a wait started by vu_quiesce_start(): its function will not be called.
 *
 * The grace period itself is not shortened: what it protected must not be freed for that reason.
 * A removal cannot be cancelled, because its task stays in use until the lcore has quiesced.
 *
 * @param sched  scheduler the wait was started on
 * @param wait   initialised wait; not pending is allowed and does nothing
 * @context control lcore
 */
void vu_quiesce_cancel(struct vu_sched *sched, struct vu_sched_wait *wait);

VU_API_END

#endif /* VU_QUIESCE_H */
