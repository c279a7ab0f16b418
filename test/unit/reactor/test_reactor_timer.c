/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Timers on a clock that the case turns by hand; one case uses the real clock to see a sleep end.
 */
#include <errno.h>
#include <stdlib.h>

#include "vu_reactor.h"

#include "reactor.h"
#include "test.h"

#define NB_RANDOM_TIMERS 200
#define MAX_FIRED 1024

static uint64_t fake_now_ns;

static uint64_t
fake_clock(void)
{
	return fake_now_ns;
}

static struct vu_reactor *
reactor_on_fake_clock(void)
{
	struct vu_reactor *reactor = vu_reactor_create();

	if (reactor != NULL)
		reactor->timers.now_ns = fake_clock;
	fake_now_ns = 1000000;
	return reactor;
}

/* Advance, then take one turn that does not wait. */
static int
advance_us(struct vu_reactor *reactor, uint64_t delay_us)
{
	fake_now_ns += delay_us * 1000;
	return vu_reactor_turn(reactor, 0);
}

struct probe {
	struct vu_reactor_timer *timer;
	struct vu_reactor_timer *restarts; /* by each call, with delay 0 */
	struct probe *destroys;
	unsigned int nb_calls;
};

static void
probe_expired(void *arg)
{
	struct probe *probe = arg;

	probe->nb_calls++;
	if (probe->restarts != NULL)
		vu_reactor_timer_start(probe->restarts, 0, 0);
	if (probe->destroys != NULL) {
		vu_reactor_timer_destroy(probe->destroys->timer);
		probe->destroys->timer = NULL;
		probe->destroys = NULL;
	}
}

static bool
probe_open(struct probe *probe, struct vu_reactor *reactor)
{
	*probe = (struct probe){ .timer = vu_reactor_timer_create(reactor, probe_expired, probe) };
	return probe->timer != NULL;
}

VU_TEST(reactor_timer, expires_once)
{
	struct vu_reactor *reactor = reactor_on_fake_clock();
	struct probe a;

	CHECK(probe_open(&a, reactor));
	CHECK_EQ(advance_us(reactor, 1000), 0);
	vu_reactor_timer_start(a.timer, 100, 0);
	CHECK_EQ(advance_us(reactor, 99), 0);
	CHECK_EQ(advance_us(reactor, 1), 1);
	CHECK_EQ(advance_us(reactor, 1000), 0);
	CHECK_EQ(a.nb_calls, 1);
	vu_reactor_timer_destroy(a.timer);
	vu_reactor_timer_destroy(NULL);
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor_timer, start_again_replaces)
{
	struct vu_reactor *reactor = reactor_on_fake_clock();
	struct probe a;

	CHECK(probe_open(&a, reactor));
	vu_reactor_timer_start(a.timer, 100, 0);
	vu_reactor_timer_start(a.timer, 300, 0);
	CHECK_EQ(advance_us(reactor, 299), 0);
	CHECK_EQ(advance_us(reactor, 1), 1);
	vu_reactor_timer_start(a.timer, 100, 0);
	vu_reactor_timer_stop(a.timer);
	vu_reactor_timer_stop(a.timer);
	CHECK_EQ(advance_us(reactor, 1000), 0);
	vu_reactor_timer_destroy(a.timer);
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor_timer, period_skips_what_was_missed)
{
	struct vu_reactor *reactor = reactor_on_fake_clock();
	struct probe a;

	CHECK(probe_open(&a, reactor));
	vu_reactor_timer_start(a.timer, 10, 100);
	CHECK_EQ(advance_us(reactor, 10), 1);
	CHECK_EQ(advance_us(reactor, 99), 0);
	CHECK_EQ(advance_us(reactor, 1), 1);
	/* Due at 210, seen at 1110: one call, and the next is due one period later. */
	CHECK_EQ(advance_us(reactor, 1000), 1);
	CHECK_EQ(advance_us(reactor, 99), 0);
	CHECK_EQ(advance_us(reactor, 1), 1);
	/* A small delay does not shift the grid. */
	CHECK_EQ(advance_us(reactor, 130), 1);
	CHECK_EQ(advance_us(reactor, 70), 1);
	CHECK_EQ(a.nb_calls, 6);
	vu_reactor_timer_destroy(a.timer);
	vu_reactor_destroy(reactor);
}

/* Delay 0 from its own callback: once per turn, or the turn would never end. */
VU_TEST(reactor_timer, restart_of_itself_waits_a_turn)
{
	struct vu_reactor *reactor = reactor_on_fake_clock();
	struct probe a;

	CHECK(probe_open(&a, reactor));
	a.restarts = a.timer;
	vu_reactor_timer_start(a.timer, 0, 0);
	for (unsigned int i = 1; i < 5; i++) {
		CHECK_EQ(advance_us(reactor, 1), 1);
		CHECK_EQ(a.nb_calls, i);
	}
	vu_reactor_timer_destroy(a.timer);
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor_timer, callback_destroys_itself_and_others)
{
	struct vu_reactor *reactor = reactor_on_fake_clock();
	struct probe a, b, c;

	CHECK(probe_open(&a, reactor) && probe_open(&b, reactor) && probe_open(&c, reactor));
	a.destroys = &b;
	c.destroys = &c;
	vu_reactor_timer_start(a.timer, 10, 0);
	vu_reactor_timer_start(b.timer, 10, 0);
	vu_reactor_timer_start(c.timer, 10, 5);
	CHECK_EQ(advance_us(reactor, 10), 2);
	CHECK_EQ(b.nb_calls, 0);
	CHECK_EQ(advance_us(reactor, 100), 0);
	CHECK(b.timer == NULL && c.timer == NULL);
	vu_reactor_timer_destroy(a.timer);
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor_timer, sleep_ends_at_earliest_deadline)
{
	struct vu_reactor *reactor = reactor_on_fake_clock();
	struct probe a, b;

	CHECK(probe_open(&a, reactor) && probe_open(&b, reactor));
	CHECK_EQ(reactor_timers_wait_ns(&reactor->timers), REACTOR_NEVER_NS);
	vu_reactor_timer_start(a.timer, 500, 0);
	vu_reactor_timer_start(b.timer, 20, 0);
	CHECK_EQ(reactor_timers_wait_ns(&reactor->timers), 20000);
	fake_now_ns += 19999;
	CHECK_EQ(reactor_timers_wait_ns(&reactor->timers), 1);
	fake_now_ns += 2;
	CHECK_EQ(reactor_timers_wait_ns(&reactor->timers), 0);
	vu_reactor_timer_stop(b.timer);
	CHECK_EQ(reactor_timers_wait_ns(&reactor->timers), 500000 - 20001);
	vu_reactor_timer_destroy(a.timer);
	vu_reactor_timer_destroy(b.timer);
	vu_reactor_destroy(reactor);
}

/* Microseconds whose nanoseconds do not fit, and whose sum with the clock does not. */
VU_TEST(reactor_timer, huge_delay_never_comes)
{
	const uint64_t delays_us[] = { UINT64_MAX, UINT64_MAX / 1000, UINT64_MAX / 1000 + 1 };
	struct vu_reactor *reactor = reactor_on_fake_clock();
	struct probe a;

	CHECK(probe_open(&a, reactor));
	for (unsigned int i = 0; i < RTE_DIM(delays_us); i++) {
		vu_reactor_timer_start(a.timer, delays_us[i], delays_us[i]);
		CHECK_EQ(reactor_timers_wait_ns(&reactor->timers), REACTOR_NEVER_NS);
		CHECK_EQ(advance_us(reactor, 1000000), 0);
	}
	vu_reactor_timer_start(a.timer, 1, UINT64_MAX);
	CHECK_EQ(advance_us(reactor, 1), 1);
	CHECK_EQ(reactor_timers_wait_ns(&reactor->timers), REACTOR_NEVER_NS);
	vu_reactor_timer_destroy(a.timer);
	vu_reactor_destroy(reactor);
}

struct fired {
	unsigned int order[MAX_FIRED];
	unsigned int nb;
};

struct numbered {
	struct vu_reactor_timer *timer;
	struct fired *fired;
	uint64_t delay_us;
	unsigned int idx;
	bool stopped;
};

static void
numbered_expired(void *arg)
{
	struct numbered *numbered = arg;

	numbered->fired->order[numbered->fired->nb++] = numbered->idx;
}

static bool
fires_before(const struct numbered *a, const struct numbered *b)
{
	return a->delay_us < b->delay_us || (a->delay_us == b->delay_us && a->idx < b->idx);
}

static bool
heap_is_sound(const struct reactor_timers *timers)
{
	for (uint32_t i = 0; i < timers->nb_running; i++) {
		const struct vu_reactor_timer *timer = timers->heap[i];

		if (timer->heap_idx != i)
			return false;
		if (i > 0 && timers->heap[(i - 1) / 2]->deadline_ns > timer->deadline_ns)
			return false;
	}
	return true;
}

/* Many equal deadlines and stops out of the middle; ties go by order of start. */
VU_TEST(reactor_timer, random_timers_expire_in_order)
{
	struct vu_reactor *reactor = reactor_on_fake_clock();
	struct numbered timers[NB_RANDOM_TIMERS];
	struct fired fired = {0};
	unsigned int nb_expected = 0;

	srandom(1);
	for (unsigned int i = 0; i < NB_RANDOM_TIMERS; i++) {
		timers[i] = (struct numbered){.fired = &fired, .delay_us = random() % 64, .idx = i};
		timers[i].timer = vu_reactor_timer_create(reactor, numbered_expired, &timers[i]);
		CHECK(timers[i].timer != NULL);
		vu_reactor_timer_start(timers[i].timer, timers[i].delay_us, 0);
	}
	for (unsigned int i = 0; i < NB_RANDOM_TIMERS; i++) {
		timers[i].stopped = random() % 3 == 0;
		if (timers[i].stopped)
			vu_reactor_timer_stop(timers[i].timer);
		CHECK(heap_is_sound(&reactor->timers));
		nb_expected += !timers[i].stopped;
	}
	CHECK_EQ(advance_us(reactor, 64), nb_expected);
	CHECK_EQ(fired.nb, nb_expected);
	for (unsigned int i = 0; i < fired.nb; i++) {
		const struct numbered *now = &timers[fired.order[i]];

		CHECK(!now->stopped);
		CHECK(i == 0 || fires_before(&timers[fired.order[i - 1]], now));
	}
	for (unsigned int i = 0; i < NB_RANDOM_TIMERS; i++)
		vu_reactor_timer_destroy(timers[i].timer);
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor_timer, ends_a_real_sleep)
{
	for (unsigned int has_pwait2 = 0; has_pwait2 < 2; has_pwait2++) {
		struct vu_reactor *reactor = vu_reactor_create();
		struct probe a;

		CHECK(probe_open(&a, reactor));
		reactor->has_pwait2 = has_pwait2;
		vu_reactor_timer_start(a.timer, 1500, 0);
		CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 1);
		vu_reactor_timer_destroy(a.timer);
		vu_reactor_destroy(reactor);
	}
}
