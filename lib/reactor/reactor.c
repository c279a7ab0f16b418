/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The epoll loop and its fd and poller sources; see vu_reactor.h.
 * A source removed during a turn is marked, skipped and freed at the end of that turn, as the
 * batch of events in hand may still point to it.
 */
#include "vu_reactor.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <rte_debug.h>
#include <rte_errno.h>

#include "vu_atomic.h"
#include "vu_fd.h"
#include "vu_math.h"

#include "reactor.h"

#define EVENT_BATCH 64
#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static uint64_t
ns_from(uint64_t value, uint64_t unit_ns)
{
	uint64_t ns;

	return vu_mul_fits(value, unit_ns, &ns) ? ns : REACTOR_NEVER_NS;
}

/* The inbox is the one source without an object: its events carry NULL. */
static int
epoll_open(struct vu_reactor *reactor)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (epoll_ctl(fd, EPOLL_CTL_ADD, reactor->inbox.fd, &event) < 0) {
		int rc = -errno;

		vu_fd_close(&fd);
		return rc;
	}
	reactor->epoll_fd = fd;
	return 0;
}

struct vu_reactor *
vu_reactor_create(void)
{
	struct vu_reactor *reactor = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*reactor));
	int rc;

	if (reactor == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	memset(reactor, 0, sizeof(*reactor));
	reactor->has_pwait2 = true;
	SLIST_INIT(&reactor->removed_fds);
	TAILQ_INIT(&reactor->pollers);
	reactor_timers_init(&reactor->timers);
	rc = reactor_inbox_init(&reactor->inbox);
	if (rc < 0)
		goto free_reactor;
	rc = epoll_open(reactor);
	if (rc < 0)
		goto fini_inbox;
	return reactor;

fini_inbox:
	reactor_inbox_fini(&reactor->inbox);
free_reactor:
	free(reactor);
	rte_errno = -rc;
	return NULL;
}

void
vu_reactor_destroy(struct vu_reactor *reactor)
{
	if (reactor == NULL)
		return;
	RTE_VERIFY(!reactor->in_turn);
	RTE_VERIFY(reactor->nb_fds == 0 && reactor->nb_pollers == 0);
	reactor_inbox_fini(&reactor->inbox);
	reactor_timers_fini(&reactor->timers);
	vu_fd_close(&reactor->epoll_fd);
	free(reactor);
}

static uint64_t
pollers_run(struct vu_reactor *reactor)
{
	struct vu_reactor_poller *poller;
	uint64_t wait_us = VU_REACTOR_POLLER_IDLE;

	TAILQ_FOREACH(poller, &reactor->pollers, next) {
		if (poller->removed)
			continue;
		uint64_t wanted_us = poller->fn(poller->arg);

		if (!poller->removed)
			wait_us = RTE_MIN(wait_us, wanted_us);
	}
	return ns_from(wait_us, NS_PER_US);
}

/* Whole milliseconds, rounded up so that a timer is due when the wait ends. */
static int
wait_coarse(struct vu_reactor *reactor, struct epoll_event *events, uint64_t wait_ns)
{
	uint64_t wait_ms = wait_ns / NS_PER_MS + (wait_ns % NS_PER_MS != 0);

	return epoll_wait(reactor->epoll_fd, events, EVENT_BATCH,
		wait_ns == REACTOR_NEVER_NS ? -1 : (int)RTE_MIN(wait_ms, (uint64_t)INT_MAX));
}

static int
wait_fine(struct vu_reactor *reactor, struct epoll_event *events, uint64_t wait_ns)
{
	struct timespec wait = {
		.tv_sec = (time_t)(wait_ns / NS_PER_S),
		.tv_nsec = (long)(wait_ns % NS_PER_S),
	};

	return epoll_pwait2(reactor->epoll_fd, events, EVENT_BATCH,
			wait_ns == REACTOR_NEVER_NS ? NULL : &wait, NULL);
}

static int
wait_for_events(struct vu_reactor *reactor, struct epoll_event *events, uint64_t wait_ns)
{
	int nb_events;

	if (reactor->has_pwait2) {
		nb_events = wait_fine(reactor, events, wait_ns);
		if (nb_events >= 0 || errno != ENOSYS)
			goto done;
		reactor->has_pwait2 = false;
	}
	nb_events = wait_coarse(reactor, events, wait_ns);
done:
	if (nb_events < 0)
		return errno == EINTR ? 0 : -errno;
	return nb_events;
}

static unsigned int
fds_run(struct vu_reactor *reactor, const struct epoll_event *events, int nb_events)
{
	unsigned int nb_calls = 0;

	for (int i = 0; i < nb_events; i++) {
		struct vu_reactor_fd *source = events[i].data.ptr;

		if (source == NULL) {
			reactor_inbox_receive(&reactor->inbox);
		} else if (!source->removed) {
			source->fn(source->arg, events[i].events);
			nb_calls++;
		}
	}
	return nb_calls;
}

static void
pollers_reap(struct vu_reactor *reactor)
{
	struct vu_reactor_poller *poller = TAILQ_FIRST(&reactor->pollers);

	while (poller != NULL) {
		struct vu_reactor_poller *next = TAILQ_NEXT(poller, next);

		if (poller->removed) {
			TAILQ_REMOVE(&reactor->pollers, poller, next);
			free(poller);
		}
		poller = next;
	}
	reactor->has_removed_pollers = false;
}

static void
removed_free(struct vu_reactor *reactor)
{
	while (!SLIST_EMPTY(&reactor->removed_fds)) {
		struct vu_reactor_fd *source = SLIST_FIRST(&reactor->removed_fds);

		SLIST_REMOVE_HEAD(&reactor->removed_fds, next_removed);
		free(source);
	}
	if (reactor->has_removed_pollers)
		pollers_reap(reactor);
}

int
vu_reactor_turn(struct vu_reactor *reactor, int timeout_ms)
{
	struct epoll_event events[EVENT_BATCH];
	uint64_t wait_ns = timeout_ms < 0 ? REACTOR_NEVER_NS : (uint64_t)timeout_ms * NS_PER_MS;
	int rc;

	RTE_VERIFY(!reactor->in_turn);
	reactor->in_turn = true;
	vu_store(&reactor->runner, pthread_self());

	wait_ns = RTE_MIN(wait_ns, pollers_run(reactor));
	wait_ns = RTE_MIN(wait_ns, reactor_timers_wait_ns(&reactor->timers));
	if (reactor->inbox.ready != NULL)
		wait_ns = 0;
	rc = wait_for_events(reactor, events, wait_ns);
	if (rc >= 0) {
		rc = (int)fds_run(reactor, events, rc);
		rc += (int)reactor_timers_run(&reactor->timers);
		rc += (int)reactor_inbox_run(&reactor->inbox);
	}

	reactor->in_turn = false;
	removed_free(reactor);
	return rc;
}

int
vu_reactor_run(struct vu_reactor *reactor)
{
	/* Pairs with the release in vu_reactor_stop(). */
	while (__atomic_exchange_n(&reactor->stop, 0, __ATOMIC_ACQUIRE) == 0) {
		int rc = vu_reactor_turn(reactor, -1);

		if (rc < 0)
			return rc;
	}
	return 0;
}

void
vu_reactor_stop(struct vu_reactor *reactor)
{
	/* Pairs with the acquire in vu_reactor_run(). */
	vu_store_release(&reactor->stop, 1);
	reactor_inbox_wake(&reactor->inbox);
}

struct vu_reactor_fd *
vu_reactor_fd_add(struct vu_reactor *reactor, int fd, uint32_t epoll_events,
		vu_reactor_fd_fn fn, void *arg)
{
	struct vu_reactor_fd *source = calloc(1, sizeof(*source));
	struct epoll_event event = { .events = epoll_events, .data.ptr = source };

	if (source == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	*source = (struct vu_reactor_fd){ .reactor = reactor, .fn = fn, .arg = arg, .fd = fd };
	if (epoll_ctl(reactor->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		rte_errno = errno;
		free(source);
		return NULL;
	}
	reactor->nb_fds++;
	return source;
}

int
vu_reactor_fd_modify(struct vu_reactor_fd *source, uint32_t epoll_events)
{
	struct epoll_event event = { .events = epoll_events, .data.ptr = source };

	if (epoll_ctl(source->reactor->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
		return -errno;
	return 0;
}

void
vu_reactor_fd_remove(struct vu_reactor_fd *source)
{
	struct vu_reactor *reactor;
	int rc;

	if (source == NULL)
		return;
	reactor = source->reactor;
	rc = epoll_ctl(reactor->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	/*
	 * Fails only if the owner closed the fd first; a duplicate of it would then keep
	 * delivering events for freed memory.
	 */
	RTE_VERIFY(rc == 0);
	reactor->nb_fds--;
	source->removed = true;
	SLIST_INSERT_HEAD(&reactor->removed_fds, source, next_removed);
	if (!reactor->in_turn)
		removed_free(reactor);
}

struct vu_reactor_poller *
vu_reactor_poller_add(struct vu_reactor *reactor, vu_reactor_poller_fn fn, void *arg)
{
	struct vu_reactor_poller *poller = calloc(1, sizeof(*poller));

	if (poller == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	poller->reactor = reactor;
	poller->fn = fn;
	poller->arg = arg;
	TAILQ_INSERT_TAIL(&reactor->pollers, poller, next);
	reactor->nb_pollers++;
	return poller;
}

void
vu_reactor_poller_remove(struct vu_reactor_poller *poller)
{
	struct vu_reactor *reactor;

	if (poller == NULL)
		return;
	reactor = poller->reactor;
	reactor->nb_pollers--;
	poller->removed = true;
	reactor->has_removed_pollers = true;
	if (!reactor->in_turn)
		removed_free(reactor);
}
