/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The door's thread, from door_open() until control has closed it and nothing of the front-end's is
 * left: fds and memory that the data lcores still use come back after that, see vu_peer.h.
 */
#include "door_line.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vu_atomic.h"
#include "vu_fd.h"

#define FRAME_MS 10000
#define STACK_BYTES (512 << 10)
/* The control lcore, on whose CPU it may run, comes first. */
#define NICE 5

void
door_post_control(struct door *door, const bool *is_closed, struct vu_reactor_call *call)
{
	pthread_mutex_lock(&door->lock);
	if (!door->is_closed && !*is_closed)
		vu_reactor_post(door->conf.control, call);
	pthread_mutex_unlock(&door->lock);
}

void
door_begin_work(struct door *door)
{
	const bool is_closed = false;

	if (door->has_woken)
		return;
	door->has_woken = true;
	door_post_control(door, &is_closed, &door->woken_call);
}

static void
door_woken(void *arg)
{
	struct door *door = arg;

	door->conf.woken(door->conf.arg);
}

static void
door_hung_up(void *arg)
{
	struct door *door = arg;

	door->conf.hung_up(door->conf.arg);
}

static void
door_pinged(void *arg)
{
	struct door *door = arg;

	/* Nothing is under way: what comes next is reported again. */
	door->has_woken = false;
	vu_store_release(&door->pong, vu_load(&door->ping));
}

static void
door_frame_is_late(void *arg)
{
	struct door *door = arg;

	if (!door->first->is_with_control)
		line_deliver(door->first, -ETIMEDOUT);
}

/* Runs on the door, or on the last thread that had something of a door without a thread. */
static void
door_free(struct door *door)
{
	vu_reactor_timer_destroy(door->frame_timer);
	if (door->reactor != NULL) {
		vu_reactor_call_cancel(door->reactor, &door->peer_call);
		vu_reactor_call_cancel(door->reactor, &door->close_call);
		vu_reactor_call_cancel(door->reactor, &door->ping_call);
	}
	if (!door->conf.is_threadless)
		vu_reactor_destroy(door->reactor);
	pthread_mutex_destroy(&door->lock);
	free(door);
}

/* Control is gone: all that is left are things that others hold. */
static void
door_leave(void *arg)
{
	struct door *door = arg;
	struct vu_peer *peer = door->peer;
	const bool is_threadless = door->conf.is_threadless;

	/* Control may hold it still. */
	pthread_mutex_lock(&door->lock);
	pthread_mutex_unlock(&door->lock);
	door_drop(&door->request);
	while (!LIST_EMPTY(&door->lines))
		line_destroy(LIST_FIRST(&door->lines));
	if (is_threadless)
		door_free(door);
	vu_peer_put(peer);
}

static void
door_work(void *arg)
{
	struct door *door = arg;

	door_begin_work(door);
	door->is_over = !vu_peer_work(door->peer);
}

static void
door_wake(void *arg)
{
	struct door *door = arg;

	vu_reactor_post(door->reactor, &door->peer_call);
}

/* Only faults of this very thread are for it. */
static void
door_block_signals(void)
{
	static const int faults[] = { SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGABRT };
	sigset_t signals;

	sigfillset(&signals);
	for (unsigned int i = 0; i < RTE_DIM(faults); i++)
		sigdelset(&signals, faults[i]);
	pthread_sigmask(SIG_SETMASK, &signals, NULL);
}

static void *
door_run(void *arg)
{
	struct door *door = arg;
	struct vu_peer *peer = door->peer;

	door_block_signals();
	pthread_setname_np(pthread_self(), "vu-door");
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	vu_peer_enter(peer);
	while (!door->is_over)
		vu_reactor_turn(door->reactor, -1);
	door_free(door);
	/* Last: who counts peers takes it for the end of the door's own fds, too. */
	vu_peer_destroy(peer);
	return NULL;
}

static int
door_start_thread(struct door *door)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (door->conf.is_threadless)
		return 0;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	rc = pthread_create(&thread, &attr, door_run, door);
	pthread_attr_destroy(&attr);
	return -rc;
}

static int
door_init(struct door *door, const struct door_conf *conf)
{
	door->conf = *conf;
	snprintf(door->name, sizeof(door->name), "%s", conf->name);
	door->conf.name = door->name;
	if (door->conf.frame_ms == 0)
		door->conf.frame_ms = FRAME_MS;
	pthread_mutex_init(&door->lock, NULL);
	vu_reactor_call_init(&door->peer_call, door_work, door);
	vu_reactor_call_init(&door->close_call, door_leave, door);
	vu_reactor_call_init(&door->ping_call, door_pinged, door);
	vu_reactor_call_init(&door->hup_call, door_hung_up, door);
	vu_reactor_call_init(&door->woken_call, door_woken, door);
	door->reactor = conf->is_threadless ? conf->control : vu_reactor_create();
	if (door->reactor == NULL)
		return -rte_errno;
	door->frame_timer = vu_reactor_timer_create(door->reactor, door_frame_is_late, door);
	if (door->frame_timer == NULL)
		return -rte_errno;
	door->peer = vu_peer_create(conf->peers, conf->is_threadless ? NULL : door_wake, door);
	return door->peer != NULL ? 0 : -ENOMEM;
}

static void
door_abort(struct door *door, int rc)
{
	if (door->first != NULL)
		line_destroy(door->first);
	if (door->peer != NULL)
		vu_peer_destroy(door->peer);
	door_free(door);
	rte_errno = -rc;
}

struct door *
door_open(const struct door_conf *conf)
{
	struct door *door = calloc(1, sizeof(*door));
	int fd = conf->fd;
	int rc = door != NULL ? door_init(door, conf) : -ENOMEM;

	if (door == NULL || rc != 0) {
		vu_fd_close(&fd);
		if (door != NULL)
			door_abort(door, rc);
		rte_errno = -rc;
		return NULL;
	}
	door->first = line_create(door, fd);
	rc = door->first == NULL ? -rte_errno : 0;
	if (rc == 0) {
		door->first->is_started = true;
		line_wake(door->first);
		rc = door_start_thread(door);
	}
	if (rc == 0)
		return door;
	door_abort(door, rc);
	return NULL;
}

void
door_close(struct door *door)
{
	pthread_mutex_lock(&door->lock);
	door->is_closed = true;
	vu_reactor_call_cancel(door->conf.control, &door->first->deliver_call);
	vu_reactor_call_cancel(door->conf.control, &door->hup_call);
	vu_reactor_call_cancel(door->conf.control, &door->woken_call);
	vu_reactor_post(door->reactor, &door->close_call);
	pthread_mutex_unlock(&door->lock);
}

int
door_answer(struct door *door, const struct vu_reply *reply, int reply_fd,
	const struct door_view *view)
{
	struct door_line *line = door->first;
	struct line_frame *frame = NULL;

	door->conf.view = *view;
	if (reply != NULL) {
		const struct iovec iov = {
			.iov_base = (void *)(uintptr_t)reply->bytes, .iov_len = reply->len,
		};
		const struct vu_conn_parts parts = {
			.iov = &iov, .nb_iov = 1, .fds = reply->fds, .nb_fds = reply->nb_fds,
		};

		frame = line_frame_create(&parts, reply_fd);
		if (frame == NULL)
			return -ENOMEM;
	} else {
		vu_fd_close(&reply_fd);
	}
	pthread_mutex_lock(&door->lock);
	if (frame != NULL)
		line_queue(line, frame);
	line->is_next = true;
	line_wake(line);
	pthread_mutex_unlock(&door->lock);
	return 0;
}

unsigned int
door_check(struct door *door)
{
	if (vu_load_acquire(&door->pong) != door->ping) {
		door->nb_missed++;
	} else {
		door->nb_missed = 0;
		vu_store(&door->ping, door->ping + 1);
	}
	vu_reactor_post(door->reactor, &door->ping_call);
	return door->nb_missed;
}
