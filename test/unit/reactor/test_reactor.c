/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The event loop: fd sources, pollers, run and stop. Most cases drive single turns on
 * eventfds; no case asserts on time.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <rte_errno.h>

#include "vu_fd.h"
#include "vu_reactor.h"

#include "reactor.h"
#include "test.h"

/* An eventfd of interest that takes its event, counts, and acts on a victim if it has one. */
struct probe {
	struct vu_reactor *reactor;
	struct vu_reactor_fd *source;
	struct probe *victim;
	int fd;
	unsigned int nb_calls;
	uint32_t epoll_events; /* of the latest call */
	bool replaces_victim;
};

static void probe_ready(void *arg, uint32_t epoll_events);

static void
probe_add(struct probe *probe)
{
	probe->source = vu_reactor_fd_add(probe->reactor, probe->fd, EPOLLIN, probe_ready, probe);
}

static void
probe_remove(struct probe *probe)
{
	vu_reactor_fd_remove(probe->source);
	probe->source = NULL;
}

static void
probe_ready(void *arg, uint32_t epoll_events)
{
	struct probe *probe = arg;
	uint64_t value;

	probe->nb_calls++;
	probe->epoll_events = epoll_events;
	if (probe->victim != NULL) {
		probe_remove(probe->victim);
		if (probe->replaces_victim)
			probe_add(probe->victim);
		probe->victim = NULL;
	} else if (read(probe->fd, &value, sizeof(value)) < 0) {
		probe->epoll_events = 0;
	}
}

static bool
probe_open(struct probe *probe, struct vu_reactor *reactor)
{
	*probe = (struct probe){ .reactor = reactor, .fd = vu_fd_eventfd() };
	probe_add(probe);
	return probe->source != NULL;
}

static void
probe_close(struct probe *probe)
{
	probe_remove(probe);
	vu_fd_close(&probe->fd);
}

VU_TEST(reactor, calls_ready_source_only)
{
	struct vu_reactor *reactor = vu_reactor_create();
	struct probe a, b;

	CHECK(probe_open(&a, reactor) && probe_open(&b, reactor));
	CHECK_EQ(vu_reactor_turn(reactor, 0), 0);
	vu_fd_signal(a.fd);
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 1);
	CHECK_EQ(a.nb_calls, 1);
	CHECK_EQ(a.epoll_events, EPOLLIN);
	CHECK_EQ(b.nb_calls, 0);
	CHECK_EQ(vu_reactor_turn(reactor, 0), 0);
	probe_close(&a);
	probe_close(&b);
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor, events_are_level_triggered)
{
	struct vu_reactor *reactor = vu_reactor_create();
	struct probe a, b;

	CHECK(probe_open(&a, reactor) && probe_open(&b, reactor));
	/* A victim makes the callback leave its event unread. */
	a.victim = &b;
	vu_fd_signal(a.fd);
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 1);
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 1);
	CHECK_EQ(a.nb_calls, 2);
	probe_close(&a);
	probe_close(&b);
	vu_reactor_destroy(reactor);
}

/* Both are ready in one batch: whichever comes first removes the other. */
VU_TEST(reactor, removed_source_of_same_batch_is_not_called)
{
	struct vu_reactor *reactor = vu_reactor_create();
	struct probe a, b;

	CHECK(probe_open(&a, reactor) && probe_open(&b, reactor));
	a.victim = &b;
	b.victim = &a;
	vu_fd_signal(a.fd);
	vu_fd_signal(b.fd);
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 1);
	CHECK_EQ(a.nb_calls + b.nb_calls, 1);
	probe_close(&a);
	probe_close(&b);
	vu_reactor_destroy(reactor);
}

/* The stale event of the old source must not reach the new one on the same fd. */
VU_TEST(reactor, replaced_source_waits_for_own_event)
{
	struct vu_reactor *reactor = vu_reactor_create();
	struct probe a, b;

	CHECK(probe_open(&a, reactor) && probe_open(&b, reactor));
	a.victim = &b;
	b.victim = &a;
	a.replaces_victim = b.replaces_victim = true;
	vu_fd_signal(a.fd);
	vu_fd_signal(b.fd);
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 1);
	a.victim = b.victim = NULL;
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 2);
	CHECK_EQ(vu_reactor_turn(reactor, 0), 0);
	probe_close(&a);
	probe_close(&b);
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor, source_removes_itself)
{
	struct vu_reactor *reactor = vu_reactor_create();
	struct probe a;

	CHECK(probe_open(&a, reactor));
	a.victim = &a;
	vu_fd_signal(a.fd);
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 1);
	CHECK(a.source == NULL);
	CHECK_EQ(vu_reactor_turn(reactor, 0), 0);
	probe_close(&a);
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor, modify_changes_events)
{
	struct vu_reactor *reactor = vu_reactor_create();
	struct probe a;

	CHECK(probe_open(&a, reactor));
	vu_fd_signal(a.fd);
	CHECK_EQ(vu_reactor_fd_modify(a.source, 0), 0);
	CHECK_EQ(vu_reactor_turn(reactor, 0), 0);
	CHECK_EQ(vu_reactor_fd_modify(a.source, EPOLLOUT), 0);
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 1);
	CHECK_EQ(a.epoll_events, EPOLLOUT);
	probe_close(&a);
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor, more_sources_than_one_batch)
{
	struct vu_reactor *reactor = vu_reactor_create();
	struct probe probes[150];
	unsigned int nb_calls = 0;

	for (unsigned int i = 0; i < RTE_DIM(probes); i++) {
		CHECK(probe_open(&probes[i], reactor));
		vu_fd_signal(probes[i].fd);
	}
	for (int n = 1; n > 0; nb_calls += n)
		n = vu_reactor_turn(reactor, 0);
	CHECK_EQ(nb_calls, RTE_DIM(probes));
	for (unsigned int i = 0; i < RTE_DIM(probes); i++) {
		CHECK_EQ(probes[i].nb_calls, 1);
		probe_close(&probes[i]);
	}
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor, add_reports_errors)
{
	struct vu_reactor *reactor = vu_reactor_create();
	FILE *file = tmpfile();
	struct probe a;

	CHECK(file != NULL && probe_open(&a, reactor));
	rte_errno = 0;
	CHECK(vu_reactor_fd_add(reactor, a.fd, EPOLLIN, probe_ready, &a) == NULL);
	CHECK_EQ(rte_errno, EEXIST);
	CHECK(vu_reactor_fd_add(reactor, -1, EPOLLIN, probe_ready, &a) == NULL);
	CHECK_EQ(rte_errno, EBADF);
	CHECK(vu_reactor_fd_add(reactor, fileno(file), EPOLLIN, probe_ready, &a) == NULL);
	CHECK_EQ(rte_errno, EPERM);
	fclose(file);
	probe_close(&a);
	vu_reactor_fd_remove(NULL);
	vu_reactor_destroy(reactor);
	vu_reactor_destroy(NULL);
}

/* Pollers write their letter, so that a case can compare who ran in which order. */
struct poll_probe {
	struct vu_reactor *reactor;
	struct vu_reactor_poller *poller;
	struct poll_probe *victim;  /* removed by the next run */
	struct poll_probe *recruit; /* added by the next run */
	char *log;
	uint64_t wait_us;
	char letter;
};

static uint64_t
poll_probe_run(void *arg)
{
	struct poll_probe *probe = arg;

	*strchr(probe->log, '\0') = probe->letter;
	if (probe->victim != NULL) {
		vu_reactor_poller_remove(probe->victim->poller);
		probe->victim = NULL;
	}
	if (probe->recruit != NULL) {
		probe->recruit->poller = vu_reactor_poller_add(probe->reactor, poll_probe_run,
				probe->recruit);
		probe->recruit = NULL;
	}
	return probe->wait_us;
}

VU_TEST(reactor, pollers_run_in_order_before_wait)
{
	struct vu_reactor *reactor = vu_reactor_create();
	char log[16] = "";
	struct poll_probe a = { .reactor = reactor, .log = log, .letter = 'a' };
	struct poll_probe b = { .reactor = reactor, .log = log, .letter = 'b' };

	a.wait_us = VU_REACTOR_POLLER_IDLE;
	a.poller = vu_reactor_poller_add(reactor, poll_probe_run, &a);
	b.poller = vu_reactor_poller_add(reactor, poll_probe_run, &b);
	/* b wants no sleep, then a short one: an unlimited turn returns both times. */
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 0);
	b.wait_us = 20;
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 0);
	CHECK(strcmp(log, "abab") == 0);
	vu_reactor_poller_remove(a.poller);
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 0);
	CHECK(strcmp(log, "ababb") == 0);
	vu_reactor_poller_remove(b.poller);
	vu_reactor_poller_remove(NULL);
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor, pollers_change_the_list_they_are_in)
{
	struct vu_reactor *reactor = vu_reactor_create();
	char log[16] = "";
	struct poll_probe a = { .reactor = reactor, .log = log, .letter = 'a' };
	struct poll_probe b = { .reactor = reactor, .log = log, .letter = 'b' };
	struct poll_probe c = { .reactor = reactor, .log = log, .letter = 'c' };

	a.poller = vu_reactor_poller_add(reactor, poll_probe_run, &a);
	b.poller = vu_reactor_poller_add(reactor, poll_probe_run, &b);
	a.victim = &b;
	CHECK_EQ(vu_reactor_turn(reactor, 0), 0);
	CHECK(strcmp(log, "a") == 0);
	/* The last of the list leaves and brings another in: that one must run before the sleep. */
	a.victim = &a;
	a.recruit = &c;
	CHECK_EQ(vu_reactor_turn(reactor, 0), 0);
	CHECK(strcmp(log, "aac") == 0);
	CHECK_EQ(vu_reactor_turn(reactor, 0), 0);
	CHECK(strcmp(log, "aacc") == 0);
	vu_reactor_poller_remove(c.poller);
	vu_reactor_destroy(reactor);
}

static void
log_timer(void *arg)
{
	char *log = arg;

	*strchr(log, '\0') = 't';
}

/* It wants no sleep but is gone: the turn must last until the timer. */
VU_TEST(reactor, removed_poller_does_not_limit_sleep)
{
	struct vu_reactor *reactor = vu_reactor_create();
	char log[16] = "";
	struct poll_probe a = { .reactor = reactor, .log = log, .letter = 'a' };
	struct vu_reactor_timer *timer = vu_reactor_timer_create(reactor, log_timer, log);

	a.poller = vu_reactor_poller_add(reactor, poll_probe_run, &a);
	a.victim = &a;
	vu_reactor_timer_start(timer, 1000, 0);
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 1);
	CHECK(strcmp(log, "at") == 0);
	vu_reactor_timer_destroy(timer);
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor, waits_without_pwait2)
{
	struct vu_reactor *reactor = vu_reactor_create();
	char log[16] = "";
	struct poll_probe a = { .reactor = reactor, .log = log, .letter = 'a', .wait_us = 20 };
	struct probe ready;

	reactor->has_pwait2 = false;
	CHECK(probe_open(&ready, reactor));
	vu_fd_signal(ready.fd);
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 1);
	a.poller = vu_reactor_poller_add(reactor, poll_probe_run, &a);
	CHECK_EQ(vu_reactor_turn(reactor, EXPECT_WAIT_MS), 0);
	CHECK(!reactor->has_pwait2);
	vu_reactor_poller_remove(a.poller);
	probe_close(&ready);
	vu_reactor_destroy(reactor);
}

VU_TEST(reactor, stop_before_run_counts_once)
{
	struct vu_reactor *reactor = vu_reactor_create();
	char log[16] = "";
	struct poll_probe a = { .reactor = reactor, .log = log, .letter = 'a' };

	a.poller = vu_reactor_poller_add(reactor, poll_probe_run, &a);
	vu_reactor_stop(reactor);
	vu_reactor_stop(reactor);
	CHECK_EQ(vu_reactor_run(reactor), 0);
	CHECK(strcmp(log, "") == 0);
	CHECK_EQ(reactor->stop, 0);
	vu_reactor_poller_remove(a.poller);
	vu_reactor_destroy(reactor);
}

static void *
run_thread(void *arg)
{
	int rc = vu_reactor_run(arg);

	return (void *)(intptr_t)rc;
}

static uint64_t
count_turn(void *arg)
{
	uint32_t *nb_turns = arg;

	__atomic_fetch_add(nb_turns, 1, __ATOMIC_RELAXED);
	return VU_REACTOR_POLLER_IDLE;
}

/* A reactor that nobody wakes takes one turn and stays in it, however long the case lasts. */
VU_TEST(reactor, sleeps_until_stopped)
{
	struct vu_reactor *reactor = vu_reactor_create();
	uint32_t nb_turns = 0;
	struct vu_reactor_poller *poller = vu_reactor_poller_add(reactor, count_turn, &nb_turns);
	pthread_t thread;
	void *rc;

	expect_thread_start(&thread, run_thread, reactor);
	WAIT_UNTIL(__atomic_load_n(&nb_turns, __ATOMIC_RELAXED) != 0);
	usleep(20000);
	CHECK_EQ(__atomic_load_n(&nb_turns, __ATOMIC_RELAXED), 1);
	vu_reactor_stop(reactor);
	rc = expect_thread_join(thread);
	CHECK(rc == NULL);
	CHECK_EQ(nb_turns, 1);
	vu_reactor_poller_remove(poller);
	vu_reactor_destroy(reactor);
}
