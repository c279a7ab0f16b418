/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A control thread for processes without a control lcore: applications whose own threads poll the
 * queues (vu_exec.h). There is one per process; the first user starts it, the last one ends it.
 * Other headers call it the control lcore. DPDK chooses its CPUs as for all its control threads.
 */
#ifndef VU_CONTROL_H
#define VU_CONTROL_H

#include "vu_export.h"

VU_API_BEGIN

struct vu_exec_app;
struct vu_reactor;

/**
 * Become a user of the control thread; the first one starts it.
 *
 * @return 0; -EBUSY a daemon of this process (vu_daemon.h) is the control lcore; -ENOSYS or -EPERM
 *         the kernel refuses membarrier(2); other -errno
 * @context any thread but the control thread; one at a time
 */
int vu_control_acquire(void);

/**
 * Stop being a user; the last one ends the thread.
 *
 * @context any thread but the control thread; one at a time
 */
void vu_control_release(void);

/** A function to run on the control thread. */
typedef void (*vu_control_fn)(void *arg);

/**
 * Run a function on the control thread and wait until it has returned. A call from the control
 * thread itself runs it at once.
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
