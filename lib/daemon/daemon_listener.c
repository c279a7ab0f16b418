/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fds of the application: the control lcore waits for them, the driver's handle_event op
 * runs on the worker they were registered for. One event is under way at a time: the fd is
 * gets its interest back once the worker is done with it. Also the fds by which drivers end a
 * worker's loop.
 */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "vu_atomic.h"
#include "vu_device_control.h"
#include "vu_fd.h"
#include "vu_log.h"

struct vu_daemon_listener {
	struct vu_task task; /* first: its alignment */
	/* Fixed. */
	struct vu_daemon *daemon;
	struct vu_device *dev;
	struct vu_device_event event;
	uint32_t epoll_events;
	/* Control lcore writes, the worker takes. */
	uint32_t pending;
	/* Posted by the worker. */
	struct vu_reactor_call rearm_call;
	/* Control lcore. */
	LIST_ENTRY(vu_daemon_listener) link;
	struct vu_reactor_fd *source; /* NULL: being removed */
	struct vu_sched_wait removal;
	vu_daemon_fn done;
	void *arg;
};

/* Worker: hand the event over and have the interest in the fd restored. */
static uint32_t
listener_poll(struct vu_task *task)
{
	struct vu_daemon_listener *listener = task->arg;
	struct vu_device_event event = listener->event;

	task->idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
	/* Pairs with the release in listener_ready(). */
	event.epoll_events = __atomic_exchange_n(&listener->pending, 0, __ATOMIC_ACQUIRE);
	if (event.epoll_events == 0)
		return 0;
	vu_device_handle_event(listener->dev, &event);
	vu_reactor_post(listener->daemon->reactor, &listener->rearm_call);
	return 1;
}

static void
listener_ready(void *arg, uint32_t epoll_events)
{
	struct vu_daemon_listener *listener = arg;

	/* Pairs with the acquire in listener_poll(). */
	vu_store_release(&listener->pending, epoll_events);
	vu_sched_task_wake(listener->daemon->sched, &listener->task);
}

static void
listener_rearm(void *arg)
{
	struct vu_daemon_listener *listener = arg;

	if (listener->source != NULL)
		vu_reactor_fd_modify(listener->source, listener->epoll_events | EPOLLONESHOT);
}

static int
listener_check(const struct vu_daemon *daemon, const struct vu_daemon_listener_conf *conf)
{
	const struct vu_device *dev;

	if (conf->port_idx >= daemon->nb_ports || conf->epoll_events == 0 ||
			conf->worker_idx >= vu_sched_nb_workers(daemon->sched))
		return -EINVAL;
	dev = daemon_port_device(daemon->ports[conf->port_idx]);
	if (!vu_device_can_handle_event(dev))
		return -EOPNOTSUPP;
	/* Reserved: one per queue, and one for the exit event. */
	return conf->data > vu_device_nb_queues(dev) ? 0 : -EINVAL;
}

static int
listener_start(struct vu_daemon_listener *listener, int fd)
{
	struct vu_daemon *daemon = listener->daemon;
	int rc = vu_sched_task_add(daemon->sched, &listener->task, listener->event.worker_idx);

	if (rc != 0)
		return rc;
	listener->source = vu_reactor_fd_add(daemon->reactor, fd,
		listener->epoll_events | EPOLLONESHOT, listener_ready, listener);
	if (listener->source != NULL)
		return 0;
	return -rte_errno;
}

static void
listener_removed(void *arg)
{
	struct vu_daemon_listener *listener = arg;
	vu_daemon_fn done = listener->done;
	void *done_arg = listener->arg;

	vu_reactor_call_cancel(listener->daemon->reactor, &listener->rearm_call);
	LIST_REMOVE(listener, link);
	rte_free(listener);
	if (done != NULL)
		done(done_arg);
}

struct vu_daemon_listener *
vu_daemon_listener_add(struct vu_daemon *daemon, const struct vu_daemon_listener_conf *conf)
{
	struct vu_daemon_listener *listener;
	int rc = listener_check(daemon, conf);

	if (rc != 0) {
		rte_errno = -rc;
		return NULL;
	}
	listener = rte_zmalloc("vu_listener", sizeof(*listener), RTE_CACHE_LINE_SIZE);
	if (listener == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	vu_task_init(&listener->task, listener_poll, listener);
	vu_reactor_call_init(&listener->rearm_call, listener_rearm, listener);
	listener->daemon = daemon;
	listener->dev = daemon_port_device(daemon->ports[conf->port_idx]);
	listener->event.data = conf->data;
	listener->event.worker_idx = conf->worker_idx;
	listener->epoll_events = conf->epoll_events;
	LIST_INSERT_HEAD(&daemon->listeners, listener, link);
	rc = listener_start(listener, conf->fd);
	if (rc == 0)
		return listener;
	/* The task may be on its worker already: the storage is freed when that has quiesced. */
	vu_daemon_listener_remove(listener, NULL, NULL);
	rte_errno = -rc;
	return NULL;
}

void
vu_daemon_listener_remove(struct vu_daemon_listener *listener, vu_daemon_fn done, void *arg)
{
	vu_reactor_fd_remove(listener->source);
	listener->source = NULL;
	listener->done = done;
	listener->arg = arg;
	vu_sched_wait_init(&listener->removal, listener_removed, listener);
	if (vu_sched_task_remove(listener->daemon->sched, &listener->task,
			&listener->removal) == -EINVAL)
		listener_removed(listener); /* never got to its worker */
}

void
daemon_listeners_destroy(struct vu_daemon *daemon)
{
	struct vu_daemon_listener *listener;

	/* No loop runs any more: nothing delays a removal. */
	while ((listener = LIST_FIRST(&daemon->listeners)) != NULL) {
		if (listener->source != NULL)
			vu_daemon_listener_remove(listener, NULL, NULL);
		vu_sched_poll(daemon->sched);
	}
}

/* An exit event of a driver for one worker. */
struct daemon_exit {
	LIST_ENTRY(daemon_exit) link;
	struct vu_daemon *daemon;
	struct vu_reactor_fd *source;
	unsigned int worker_idx;
};

static void
exit_ready(void *arg, uint32_t epoll_events)
{
	struct daemon_exit *exit_event = arg;

	(void)epoll_events;
	VU_LOG(DAEMON, INFO, "lcore %u: asked to leave by its device",
		vu_sched_worker_lcore(exit_event->daemon->sched, exit_event->worker_idx));
	vu_sched_worker_stop(exit_event->daemon->sched, exit_event->worker_idx);
}

static int
exit_add(struct vu_daemon *daemon, int fd, unsigned int worker_idx)
{
	struct daemon_exit *exit_event = calloc(1, sizeof(*exit_event));
	int rc;

	if (exit_event == NULL)
		return -ENOMEM;
	exit_event->daemon = daemon;
	exit_event->worker_idx = worker_idx;
	/* The event stays the driver's, so it is not taken: once is enough. */
	exit_event->source = vu_reactor_fd_add(daemon->reactor, fd, EPOLLIN | EPOLLONESHOT,
		exit_ready, exit_event);
	if (exit_event->source == NULL) {
		rc = -rte_errno;
		free(exit_event);
		return rc;
	}
	LIST_INSERT_HEAD(&daemon->exits, exit_event, link);
	return 0;
}

int
daemon_exits_start(struct vu_daemon *daemon)
{
	int rc = 0;

	for (unsigned int i = 0; i < daemon->nb_ports; i++) {
		struct vu_device *dev = daemon_port_device(daemon->ports[i]);

		for (unsigned int w = 0; w < vu_sched_nb_workers(daemon->sched) && rc == 0; w++) {
			int fd = vu_device_exit_event(dev, w);

			if (fd != VU_FD_NONE)
				rc = exit_add(daemon, fd, w);
		}
	}
	return rc;
}

void
daemon_exits_stop(struct vu_daemon *daemon)
{
	struct daemon_exit *exit_event;

	while ((exit_event = LIST_FIRST(&daemon->exits)) != NULL) {
		LIST_REMOVE(exit_event, link);
		vu_reactor_fd_remove(exit_event->source);
		free(exit_event);
	}
}
