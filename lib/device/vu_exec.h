/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who polls the queues of a device: the data lcores of a scheduler (vu_sched.h), or threads of the
 * application, which call a driver's burst functions whenever they like. This header is about the
 * second kind. doc/decision/0013 says why it is safe.
 */
#ifndef VU_EXEC_H
#define VU_EXEC_H

#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

struct vu_device_queue;
struct vu_exec_app;

/**
 * Stand for threads of the application. Registers the process for membarrier(2).
 *
 * @return executor; NULL with rte_errno: ENOMEM, ENOSYS or EPERM the kernel lets us have no
 *         membarrier
 * @context control lcore
 */
struct vu_exec_app *vu_exec_app_create(void);

/**
 * Destroy it.
 *
 * @param app  executor of no device; NULL is allowed
 * @context control lcore
 */
void vu_exec_app_destroy(struct vu_exec_app *app);

/**
 * Complete the changes whose queues the application has left. Fits vu_reactor_poller_fn when
 * wrapped, as vu_sched_poll() does.
 *
 * @param app  executor
 * @return microseconds until it is to be called again, UINT64_MAX = nothing is pending
 * @context control lcore
 */
uint64_t vu_exec_app_poll(struct vu_exec_app *app);

/**
 * Let burst calls of a queue find no ring from now on, whatever the front-end does, and wait until
 * none is under way. The guest's buffers stay where they are.
 *
 * @param queue  of a device that threads of the application poll
 * @context any thread that is in no burst call of the queue; sleeps if one is under way
 */
void vu_exec_app_pause(struct vu_device_queue *queue);

/**
 * Let burst calls of a paused queue find the ring. All queues are paused at first.
 *
 * @param queue  as above; its driver has what it needs to be polled, mbufs for example
 * @context any thread, one at a time with those below
 */
void vu_exec_app_resume(struct vu_device_queue *queue);

/**
 * Let threads that take turns find the ring (vu_device_queue_enter_shared()), its owner no longer.
 * Does not wait: they find none until the burst of the owner that is under way is over.
 *
 * @context any thread, one at a time
 */
void vu_exec_app_share(struct vu_device_queue *queue);

/**
 * Undo it, without waiting either: the owner finds no ring until a shared burst is over.
 *
 * @context any thread, one at a time
 */
void vu_exec_app_unshare(struct vu_device_queue *queue);

/** A shared burst is over: the owner's turn, if it is to have it. @context any thread */
void vu_exec_app_give_back(struct vu_device_queue *queue);

VU_API_END

#endif /* VU_EXEC_H */
