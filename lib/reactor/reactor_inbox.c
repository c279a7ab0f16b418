/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Calls posted from other threads: a lock-free stack that the control lcore takes as a whole and
 * turns round into posting order. Who pushes onto the empty stack writes the eventfd.
 * A poster touches its call no more once it is on the stack, so that a run or a cancel ends all
 * use of the storage.
 */
#include "vu_reactor.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include <rte_common.h>

#include "vu_atomic.h"
#include "vu_fd.h"

#include "reactor.h"

/* A thread that waits for its function; on that thread's stack. */
struct sync_caller {
	struct vu_reactor_call call;
	struct reactor_inbox *inbox;
	vu_reactor_call_fn fn;
	void *arg;
	int rc;       /* under the mutex */
	bool is_done; /* under the mutex */
};

int
reactor_inbox_init(struct reactor_inbox *inbox)
{
	int fd = vu_fd_eventfd();

	if (fd < 0)
		return fd;
	inbox->fd = fd;
	inbox->ready = NULL;
	inbox->ready_end = &inbox->ready;
	pthread_mutex_init(&inbox->sync_mutex, NULL);
	pthread_cond_init(&inbox->sync_done, NULL);
	return 0;
}

void
reactor_inbox_wake(struct reactor_inbox *inbox)
{
	/* A full counter means that a wake-up is pending already. */
	(void)vu_fd_signal(inbox->fd);
}

void
vu_reactor_call_init(struct vu_reactor_call *call, vu_reactor_call_fn fn, void *arg)
{
	*call = (struct vu_reactor_call){ .fn = fn, .arg = arg };
}

static void
inbox_post(struct reactor_inbox *inbox, struct vu_reactor_call *call)
{
	struct vu_reactor_call *top = vu_load(&inbox->stack);

	do
		call->next = top;
	/* The call's fields before the call; pairs with the acquire in inbox_take(). */
	while (!__atomic_compare_exchange_n(&inbox->stack, &top, call, true,
			__ATOMIC_RELEASE, __ATOMIC_RELAXED));
	if (top == NULL)
		reactor_inbox_wake(inbox);
}

bool
vu_reactor_post(struct vu_reactor *reactor, struct vu_reactor_call *call)
{
	/*
	 * Release even when the call is queued already: the run reads this store when it clears the
	 * flag with acquire in call_run(), and thereby sees what the poster wrote before.
	 */
	if (__atomic_exchange_n(&call->queued, 1, __ATOMIC_ACQ_REL) != 0)
		return false;
	inbox_post(&reactor->inbox, call);
	return true;
}

/* Move the posted calls behind the ready ones, oldest first. */
static void
inbox_take(struct reactor_inbox *inbox)
{
	/* Pairs with the release in inbox_post(). */
	struct vu_reactor_call *call = __atomic_exchange_n(&inbox->stack, NULL, __ATOMIC_ACQUIRE);
	struct vu_reactor_call *oldest = NULL, *newest = call;

	if (call == NULL)
		return;
	while (call != NULL) {
		struct vu_reactor_call *older = call->next;

		call->next = oldest;
		oldest = call;
		call = older;
		inbox->nb_ready++;
	}
	*inbox->ready_end = oldest;
	inbox->ready_end = &newest->next;
}

void
reactor_inbox_receive(struct reactor_inbox *inbox)
{
	uint64_t nb_events;
	/* Before the take: a post that comes after it finds an empty stack and signals again. */
	ssize_t len = read(inbox->fd, &nb_events, sizeof(nb_events));

	RTE_SET_USED(len);
	inbox_take(inbox);
}

static void
ready_unlink(struct reactor_inbox *inbox, struct vu_reactor_call **link)
{
	struct vu_reactor_call *call = *link;

	*link = call->next;
	if (inbox->ready_end == &call->next)
		inbox->ready_end = link;
	inbox->nb_ready--;
}

/* From here on the call can be posted again: its link must have been read. */
static void
call_clear_queued(struct vu_reactor_call *call)
{
	/* Pairs with the release in vu_reactor_post(); its acquire in turn protects the link. */
	__atomic_exchange_n(&call->queued, 0, __ATOMIC_ACQ_REL);
}

unsigned int
reactor_inbox_run(struct reactor_inbox *inbox)
{
	unsigned int nb_calls = 0;

	/*
	 * Bounded by a count: a cancel made by one of these calls takes newer posts over, which
	 * could go on for ever.
	 */
	for (uint32_t nb_left = inbox->nb_ready; nb_left > 0 && inbox->ready != NULL; nb_left--) {
		struct vu_reactor_call *call = inbox->ready;

		ready_unlink(inbox, &inbox->ready);
		call_clear_queued(call);
		call->fn(call->arg);
		nb_calls++;
	}
	return nb_calls;
}

static bool
ready_remove(struct reactor_inbox *inbox, const struct vu_reactor_call *call)
{
	struct vu_reactor_call **link = &inbox->ready;

	while (*link != NULL && *link != call)
		link = &(*link)->next;
	if (*link == NULL)
		return false;
	ready_unlink(inbox, link);
	return true;
}

void
vu_reactor_call_cancel(struct vu_reactor *reactor, struct vu_reactor_call *call)
{
	struct reactor_inbox *inbox = &reactor->inbox;

	if (vu_load_acquire(&call->queued) == 0)
		return;
	inbox_take(inbox);
	while (!ready_remove(inbox, call)) {
		/* Its poster has set the flag and is a few instructions away from the push. */
		sched_yield();
		inbox_take(inbox);
	}
	call_clear_queued(call);
}

static void
sync_end(struct sync_caller *caller, int rc)
{
	caller->rc = rc;
	caller->is_done = true;
	pthread_cond_broadcast(&caller->inbox->sync_done);
}

static void
sync_run(void *arg)
{
	struct sync_caller *caller = arg;
	struct reactor_inbox *inbox = caller->inbox;

	caller->fn(caller->arg);
	pthread_mutex_lock(&inbox->sync_mutex);
	sync_end(caller, 0);
	pthread_mutex_unlock(&inbox->sync_mutex);
}

/* Posts under the mutex: a shutdown finds every caller that it did not refuse in the inbox. */
static int
sync_wait(struct vu_reactor *reactor, struct sync_caller *caller)
{
	struct reactor_inbox *inbox = &reactor->inbox;

	if (inbox->is_shut_down)
		return -ESHUTDOWN;
	inbox->nb_sync_callers++;
	vu_reactor_post(reactor, &caller->call);
	while (!caller->is_done)
		pthread_cond_wait(&inbox->sync_done, &inbox->sync_mutex);
	inbox->nb_sync_callers--;
	/* For reactor_inbox_fini(). */
	pthread_cond_broadcast(&inbox->sync_done);
	return caller->rc;
}

int
vu_reactor_call_sync(struct vu_reactor *reactor, vu_reactor_call_fn fn, void *arg)
{
	struct sync_caller caller = { .inbox = &reactor->inbox, .fn = fn, .arg = arg };
	int rc;

	if (vu_load(&reactor->runner) == pthread_self())
		return -EDEADLK;
	vu_reactor_call_init(&caller.call, sync_run, &caller);
	pthread_mutex_lock(&reactor->inbox.sync_mutex);
	rc = sync_wait(reactor, &caller);
	pthread_mutex_unlock(&reactor->inbox.sync_mutex);
	return rc;
}

/* The mutex is held. */
static void
sync_refuse_queued(struct reactor_inbox *inbox)
{
	struct vu_reactor_call **link = &inbox->ready;

	while (*link != NULL) {
		struct vu_reactor_call *call = *link;

		if (call->fn == sync_run) {
			ready_unlink(inbox, link);
			sync_end(call->arg, -ESHUTDOWN);
		} else {
			link = &call->next;
		}
	}
}

static void
inbox_shutdown(struct reactor_inbox *inbox)
{
	pthread_mutex_lock(&inbox->sync_mutex);
	inbox->is_shut_down = true;
	inbox_take(inbox);
	sync_refuse_queued(inbox);
	pthread_mutex_unlock(&inbox->sync_mutex);
}

void
vu_reactor_shutdown(struct vu_reactor *reactor)
{
	inbox_shutdown(&reactor->inbox);
}

void
reactor_inbox_fini(struct reactor_inbox *inbox)
{
	inbox_shutdown(inbox);
	pthread_mutex_lock(&inbox->sync_mutex);
	while (inbox->nb_sync_callers > 0)
		pthread_cond_wait(&inbox->sync_done, &inbox->sync_mutex);
	pthread_mutex_unlock(&inbox->sync_mutex);
	while (inbox->ready != NULL) {
		struct vu_reactor_call *call = inbox->ready;

		ready_unlink(inbox, &inbox->ready);
		call_clear_queued(call);
	}
	pthread_cond_destroy(&inbox->sync_done);
	pthread_mutex_destroy(&inbox->sync_mutex);
	vu_fd_close(&inbox->fd);
}
