/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A control thread for processes that have no control lcore: applications whose own threads poll
 * the queues (vu_exec.h). One per process, started for its first user and ended by the last. It is
 * what other headers call the control lcore; DPDK places it as all its control threads.
 */
#ifndef VU_CONTROL_H
#define VU_CONTROL_H

#include "vu_export.h"

VU_API_BEGIN

struct vu_exec_app;
struct vu_reactor;

/**
 * Start the control thread, or count one more user of it.
 *
 * @return 0; -EBUSY a daemon of this process (vu_daemon.h) has the control lcore; -ENOSYS or -EPERM
 *         the kernel lets us have no membarrier(2); other -errno
 * @context any thread but the control thread; one at a time
 */
int vu_control_acquire(void);

/**
 * Count one user less; the last one ends the thread.
 *
 * @context any thread but the control thread; one at a time
 */
void vu_control_release(void);

/** To be run on the control thread. */
typedef void (*vu_control_fn)(void *arg);

/**
 * Run a function on the control thread and wait until it has returned. On the control thread
 * itself it is called at once.
 *
 * @context any user's thread; sleeps
 */
void vu_control_call(vu_control_fn fn, void *arg);

/** Reactor of the control thread. @context any user's thread */
struct vu_reactor *vu_control_reactor(void);

/** Executor for devices of this process. @context any user's thread */
struct vu_exec_app *vu_control_exec(void);

VU_API_END

#endif /* VU_CONTROL_H */
