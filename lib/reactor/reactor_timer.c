/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Timers in a binary heap; the loop sleeps no longer than until the top one is due.
 * The heap always has room for every existing timer, so that starting one cannot fail.
 */
#include "vu_reactor.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <rte_debug.h>
#include <rte_errno.h>

#include "vu_math.h"

#include "reactor.h"

#define TIMER_STOPPED UINT32_MAX
#define FIRST_CAPACITY 16
#define NS_PER_US UINT64_C(1000)
#define NS_PER_S UINT64_C(1000000000)

static uint64_t
monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void
reactor_timers_init(struct reactor_timers *timers)
{
	*timers = (struct reactor_timers){ .now_ns = monotonic_ns };
}

void
reactor_timers_fini(struct reactor_timers *timers)
{
	RTE_VERIFY(timers->nb_existing == 0);
	free(timers->heap);
}

static bool
is_earlier(const struct vu_reactor_timer *a, const struct vu_reactor_timer *b)
{
	if (a->deadline_ns != b->deadline_ns)
		return a->deadline_ns < b->deadline_ns;
	return a->start_nb < b->start_nb;
}

static void
heap_put(struct reactor_timers *timers, uint32_t idx, struct vu_reactor_timer *timer)
{
	timers->heap[idx] = timer;
	timer->heap_idx = idx;
}

static void
heap_sift_up(struct reactor_timers *timers, uint32_t idx)
{
	struct vu_reactor_timer *timer = timers->heap[idx];

	while (idx > 0) {
		uint32_t parent_idx = (idx - 1) / 2;

		if (!is_earlier(timer, timers->heap[parent_idx]))
			break;
		heap_put(timers, idx, timers->heap[parent_idx]);
		idx = parent_idx;
	}
	heap_put(timers, idx, timer);
}

static void
heap_sift_down(struct reactor_timers *timers, uint32_t idx)
{
	struct vu_reactor_timer *timer = timers->heap[idx];

	for (;;) {
		uint32_t child_idx = 2 * idx + 1;

		if (child_idx >= timers->nb_running)
			break;
		if (child_idx + 1 < timers->nb_running &&
				is_earlier(timers->heap[child_idx + 1], timers->heap[child_idx]))
			child_idx++;
		if (!is_earlier(timers->heap[child_idx], timer))
			break;
		heap_put(timers, idx, timers->heap[child_idx]);
		idx = child_idx;
	}
	heap_put(timers, idx, timer);
}

static void
heap_add(struct reactor_timers *timers, struct vu_reactor_timer *timer)
{
	timer->start_nb = timers->nb_starts++;
	heap_put(timers, timers->nb_running++, timer);
	heap_sift_up(timers, timer->heap_idx);
}

static void
heap_remove(struct reactor_timers *timers, struct vu_reactor_timer *timer)
{
	uint32_t idx = timer->heap_idx;
	struct vu_reactor_timer *last = timers->heap[--timers->nb_running];

	timer->heap_idx = TIMER_STOPPED;
	if (last == timer)
		return;
	heap_put(timers, idx, last);
	heap_sift_up(timers, idx);
	heap_sift_down(timers, last->heap_idx);
}

static int
heap_reserve(struct reactor_timers *timers, uint32_t nb_timers)
{
	uint32_t capacity = timers->capacity == 0 ? FIRST_CAPACITY : 2 * timers->capacity;
	struct vu_reactor_timer **heap;

	if (nb_timers <= timers->capacity)
		return 0;
	heap = realloc(timers->heap, capacity * sizeof(*heap));
	if (heap == NULL)
		return -ENOMEM;
	timers->heap = heap;
	timers->capacity = capacity;
	return 0;
}

struct vu_reactor_timer *
vu_reactor_timer_create(struct vu_reactor *reactor, vu_reactor_call_fn fn, void *arg)
{
	struct vu_reactor_timer *timer = calloc(1, sizeof(*timer));

	if (timer == NULL || heap_reserve(&reactor->timers, reactor->timers.nb_existing + 1) < 0) {
		free(timer);
		rte_errno = ENOMEM;
		return NULL;
	}
	timer->reactor = reactor;
	timer->fn = fn;
	timer->arg = arg;
	timer->heap_idx = TIMER_STOPPED;
	reactor->timers.nb_existing++;
	return timer;
}

static uint64_t
ns_from_us(uint64_t us)
{
	uint64_t ns;

	return vu_mul_fits(us, NS_PER_US, &ns) ? ns : REACTOR_NEVER_NS;
}

static uint64_t
deadline_after(uint64_t now_ns, uint64_t delay_ns)
{
	uint64_t deadline_ns;

	return vu_add_fits(now_ns, delay_ns, &deadline_ns) ? deadline_ns : REACTOR_NEVER_NS;
}

void
vu_reactor_timer_start(struct vu_reactor_timer *timer, uint64_t delay_us, uint64_t period_us)
{
	struct reactor_timers *timers = &timer->reactor->timers;
	uint64_t delay_ns = ns_from_us(delay_us);

	vu_reactor_timer_stop(timer);
	/*
	 * One nanosecond at least: a timer that restarts itself must not expire in the same turn.
	 */
	timer->deadline_ns = deadline_after(timers->now_ns(), RTE_MAX(delay_ns, UINT64_C(1)));
	timer->period_ns = ns_from_us(period_us);
	heap_add(timers, timer);
}

void
vu_reactor_timer_stop(struct vu_reactor_timer *timer)
{
	if (timer->heap_idx != TIMER_STOPPED)
		heap_remove(&timer->reactor->timers, timer);
}

void
vu_reactor_timer_destroy(struct vu_reactor_timer *timer)
{
	if (timer == NULL)
		return;
	vu_reactor_timer_stop(timer);
	timer->reactor->timers.nb_existing--;
	free(timer);
}

uint64_t
reactor_timers_wait_ns(const struct reactor_timers *timers)
{
	uint64_t now_ns, deadline_ns;

	if (timers->nb_running == 0)
		return REACTOR_NEVER_NS;
	deadline_ns = timers->heap[0]->deadline_ns;
	if (deadline_ns == REACTOR_NEVER_NS)
		return REACTOR_NEVER_NS;
	now_ns = timers->now_ns();
	return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

static void
timer_rearm(struct reactor_timers *timers, struct vu_reactor_timer *timer, uint64_t now_ns)
{
	uint64_t next_ns = deadline_after(timer->deadline_ns, timer->period_ns);

	if (next_ns <= now_ns)
		next_ns = deadline_after(now_ns, timer->period_ns);
	timer->deadline_ns = next_ns;
	heap_add(timers, timer);
}

unsigned int
reactor_timers_run(struct reactor_timers *timers)
{
	uint64_t now_ns = timers->nb_running == 0 ? 0 : timers->now_ns();
	unsigned int nb_calls = 0;

	while (timers->nb_running > 0 && timers->heap[0]->deadline_ns <= now_ns) {
		struct vu_reactor_timer *timer = timers->heap[0];

		heap_remove(timers, timer);
		if (timer->period_ns != 0)
			timer_rearm(timers, timer, now_ns);
		/* The function may destroy its timer: nothing of it is read afterwards. */
		timer->fn(timer->arg);
		nb_calls++;
	}
	return nb_calls;
}
