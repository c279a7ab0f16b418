/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Calls posted to the reactor: order, coalescing, cancelling, synchronous calls and shutdown.
 * The stress cases are made for the thread sanitizer.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vu_atomic.h"
#include "vu_reactor.h"

#include "reactor.h"
#include "test.h"

#define NB_THREADS 4
#define NB_POSTS 20000

/* A call that writes its letter, then posts or cancels another call if asked to. */
struct probe {
	struct vu_reactor_call call;
	struct vu_reactor *reactor;
	struct probe *posts;
	struct probe *cancels;
	char *log;
	char letter;
};

static void
probe_run(void *arg)
{
	struct probe *probe = arg;

	*strchr(probe->log, '\0') = probe->letter;
	if (probe->posts != NULL)
		vu_reactor_post(probe->reactor, &probe->posts->call);
	if (probe->cancels != NULL)
		vu_reactor_call_cancel(probe->reactor, &probe->cancels->call);
	probe->posts = probe->cancels = NULL;
}

struct fixture {
	struct vu_reactor *reactor;
	char log[32];
	struct probe a, b, c;
};

static void
probe_init(struct probe *probe, struct fixture *fixture, char letter)
{
	probe->reactor = fixture->reactor;
	probe->log = fixture->log;
	probe->letter = letter;
	vu_reactor_call_init(&probe->call, probe_run, probe);
}

static bool
fixture_open(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->reactor = vu_reactor_create();
	probe_init(&fixture->a, fixture, 'a');
	probe_init(&fixture->b, fixture, 'b');
	probe_init(&fixture->c, fixture, 'c');
	return fixture->reactor != NULL;
}

static bool
post(struct fixture *fixture, struct probe *probe)
{
	return vu_reactor_post(fixture->reactor, &probe->call);
}

/* How often the eventfd was written since the last look. */
static uint64_t
nb_wakeups(struct vu_reactor *reactor)
{
	uint64_t value = 0;

	if (read(reactor->inbox.fd, &value, sizeof(value)) < 0)
		return 0;
	return value;
}

VU_TEST(reactor_inbox, calls_run_in_posting_order)
{
	struct fixture f;

	CHECK(fixture_open(&f));
	CHECK(post(&f, &f.b) && post(&f, &f.a) && post(&f, &f.c));
	CHECK_EQ(vu_reactor_turn(f.reactor, EXPECT_WAIT_MS), 3);
	CHECK(strcmp(f.log, "bac") == 0);
	CHECK_EQ(vu_reactor_turn(f.reactor, 0), 0);
	vu_reactor_destroy(f.reactor);
}

VU_TEST(reactor_inbox, posts_coalesce)
{
	struct fixture f;

	CHECK(fixture_open(&f));
	CHECK(post(&f, &f.a));
	CHECK(!post(&f, &f.a));
	CHECK_EQ(vu_reactor_turn(f.reactor, EXPECT_WAIT_MS), 1);
	CHECK(post(&f, &f.a));
	CHECK_EQ(vu_reactor_turn(f.reactor, EXPECT_WAIT_MS), 1);
	CHECK(strcmp(f.log, "aa") == 0);
	vu_reactor_destroy(f.reactor);
}

VU_TEST(reactor_inbox, only_first_post_writes_eventfd)
{
	struct fixture f;

	CHECK(fixture_open(&f));
	post(&f, &f.a);
	post(&f, &f.b);
	post(&f, &f.a);
	CHECK_EQ(nb_wakeups(f.reactor), 1);
	/* The eventfd has been read behind the reactor's back: destroy drops the calls. */
	vu_reactor_destroy(f.reactor);
	CHECK_EQ(f.a.call.queued + f.b.call.queued, 0);
	CHECK(strcmp(f.log, "") == 0);
}

/* Posted from a call of this turn, itself included: the next turn runs it. */
VU_TEST(reactor_inbox, post_from_call_waits_a_turn)
{
	struct fixture f;

	CHECK(fixture_open(&f));
	f.a.posts = &f.a;
	f.b.posts = &f.c;
	post(&f, &f.a);
	post(&f, &f.b);
	CHECK_EQ(vu_reactor_turn(f.reactor, EXPECT_WAIT_MS), 2);
	CHECK(strcmp(f.log, "ab") == 0);
	CHECK_EQ(vu_reactor_turn(f.reactor, EXPECT_WAIT_MS), 2);
	CHECK(strcmp(f.log, "abac") == 0);
	vu_reactor_destroy(f.reactor);
}

VU_TEST(reactor_inbox, cancel_first_middle_last)
{
	for (unsigned int i = 0; i < 3; i++) {
		static const char *const logs[] = { "bc", "ac", "ab" };
		struct probe *probe;
		struct fixture f;

		CHECK(fixture_open(&f));
		probe = i == 0 ? &f.a : i == 1 ? &f.b : &f.c;
		post(&f, &f.a);
		post(&f, &f.b);
		post(&f, &f.c);
		vu_reactor_call_cancel(f.reactor, &probe->call);
		vu_reactor_call_cancel(f.reactor, &probe->call);
		CHECK_EQ(vu_reactor_turn(f.reactor, EXPECT_WAIT_MS), 2);
		CHECK(strcmp(f.log, logs[i]) == 0);
		/* It can be posted again; the end of the list is where it should be. */
		CHECK(post(&f, &f.b));
		CHECK_EQ(vu_reactor_turn(f.reactor, EXPECT_WAIT_MS), 1);
		vu_reactor_destroy(f.reactor);
	}
}

VU_TEST(reactor_inbox, cancel_from_call_of_same_batch)
{
	struct fixture f;

	CHECK(fixture_open(&f));
	f.a.cancels = &f.b;
	f.c.cancels = &f.c;
	post(&f, &f.a);
	post(&f, &f.b);
	post(&f, &f.c);
	CHECK_EQ(vu_reactor_turn(f.reactor, EXPECT_WAIT_MS), 2);
	CHECK(strcmp(f.log, "ac") == 0);
	vu_reactor_destroy(f.reactor);
}

/* A cancel takes the stack over; what it finds there runs, without a new wake-up. */
VU_TEST(reactor_inbox, cancel_loses_no_other_call)
{
	struct fixture f;

	CHECK(fixture_open(&f));
	post(&f, &f.a);
	post(&f, &f.b);
	vu_reactor_call_cancel(f.reactor, &f.a.call);
	CHECK_EQ(nb_wakeups(f.reactor), 1);
	CHECK_EQ(vu_reactor_turn(f.reactor, EXPECT_WAIT_MS), 1);
	CHECK(strcmp(f.log, "b") == 0);
	vu_reactor_destroy(f.reactor);
}

struct endless {
	struct vu_reactor *reactor;
	struct vu_reactor_call call, other;
};

/* Posts itself, and by its cancel brings the post over into the batch that is running. */
static void
endless_run(void *arg)
{
	struct endless *endless = arg;

	vu_reactor_post(endless->reactor, &endless->call);
	vu_reactor_post(endless->reactor, &endless->other);
	vu_reactor_call_cancel(endless->reactor, &endless->other);
}

VU_TEST(reactor_inbox, turn_ends_though_call_posts_itself)
{
	struct endless endless = { .reactor = vu_reactor_create() };

	vu_reactor_call_init(&endless.call, endless_run, &endless);
	vu_reactor_call_init(&endless.other, endless_run, &endless);
	vu_reactor_post(endless.reactor, &endless.call);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(vu_reactor_turn(endless.reactor, EXPECT_WAIT_MS), 1);
	vu_reactor_destroy(endless.reactor);
}

static void *
run_thread(void *arg)
{
	return (void *)(intptr_t)vu_reactor_run(arg);
}

static void
count_up(void *arg)
{
	unsigned int *count = arg;

	(*count)++;
}

VU_TEST(reactor_inbox, sync_call_runs_on_reactor_thread)
{
	struct vu_reactor *reactor = vu_reactor_create();
	unsigned int count = 0;
	pthread_t thread;

	expect_thread_start(&thread, run_thread, reactor);
	for (unsigned int i = 1; i <= 100; i++) {
		CHECK_EQ(vu_reactor_call_sync(reactor, count_up, &count), 0);
		CHECK_EQ(count, i);
	}
	vu_reactor_stop(reactor);
	expect_thread_join(thread);
	vu_reactor_shutdown(reactor);
	CHECK_EQ(vu_reactor_call_sync(reactor, count_up, &count), -ESHUTDOWN);
	CHECK_EQ(count, 100);
	vu_reactor_destroy(reactor);
}

struct sync_result {
	struct vu_reactor *reactor;
	int rc;
	unsigned int count;
};

static void
sync_from_call(void *arg)
{
	struct sync_result *result = arg;

	result->rc = vu_reactor_call_sync(result->reactor, count_up, &result->count);
}

VU_TEST(reactor_inbox, sync_call_from_own_thread_is_refused)
{
	struct sync_result result = { .reactor = vu_reactor_create() };
	struct vu_reactor_call call;

	vu_reactor_call_init(&call, sync_from_call, &result);
	vu_reactor_post(result.reactor, &call);
	CHECK_EQ(vu_reactor_turn(result.reactor, EXPECT_WAIT_MS), 1);
	CHECK_EQ(result.rc, -EDEADLK);
	CHECK_EQ(result.count, 0);
	vu_reactor_destroy(result.reactor);
}

static void *
sync_thread(void *arg)
{
	sync_from_call(arg);
	return NULL;
}

static uint32_t
nb_waiting(struct vu_reactor *reactor)
{
	uint32_t nb;

	pthread_mutex_lock(&reactor->inbox.sync_mutex);
	nb = reactor->inbox.nb_sync_callers;
	pthread_mutex_unlock(&reactor->inbox.sync_mutex);
	return nb;
}

/* Nobody runs the reactor: without help the callers would wait for ever. */
VU_TEST(reactor_inbox, destroy_sends_sync_callers_home)
{
	struct vu_reactor *reactor = vu_reactor_create();
	struct sync_result results[NB_THREADS];
	pthread_t threads[NB_THREADS];
	char log[4] = "";
	struct probe other = { .log = log, .letter = 'o' };

	vu_reactor_call_init(&other.call, probe_run, &other);
	for (unsigned int i = 0; i < NB_THREADS; i++) {
		results[i] = (struct sync_result){ .reactor = reactor };
		expect_thread_start(&threads[i], sync_thread, &results[i]);
	}
	WAIT_UNTIL(nb_waiting(reactor) >= NB_THREADS);
	vu_reactor_post(reactor, &other.call);
	vu_reactor_destroy(reactor);
	for (unsigned int i = 0; i < NB_THREADS; i++) {
		expect_thread_join(threads[i]);
		CHECK_EQ(results[i].rc, -ESHUTDOWN);
		CHECK_EQ(results[i].count, 0);
	}
	CHECK_EQ(other.call.queued, 0);
	CHECK(strcmp(log, "") == 0);
}

static void
shut_down(void *arg)
{
	vu_reactor_shutdown(arg);
}

/* The running synchronous call ends normally, those behind it are refused. */
VU_TEST(reactor_inbox, shutdown_inside_sync_call)
{
	struct vu_reactor *reactor = vu_reactor_create();
	unsigned int count = 0;
	pthread_t thread;

	expect_thread_start(&thread, run_thread, reactor);
	CHECK_EQ(vu_reactor_call_sync(reactor, shut_down, reactor), 0);
	CHECK_EQ(vu_reactor_call_sync(reactor, count_up, &count), -ESHUTDOWN);
	vu_reactor_stop(reactor);
	expect_thread_join(thread);
	vu_reactor_destroy(reactor);
}

/* Each thread posts a call of its own and one that all share, with a value the run must see. */
struct poster {
	struct vu_reactor_call call;
	struct vu_reactor *reactor;
	struct vu_reactor_call *shared;
	uint32_t posted;    /* poster writes, control reads */
	uint32_t seen;      /* control */
	uint32_t nb_queued; /* poster */
	uint32_t nb_runs;   /* control */
	uint32_t nb_shared_queued;
};

static void
poster_run(void *arg)
{
	struct poster *poster = arg;

	poster->seen = vu_load(&poster->posted);
	poster->nb_runs++;
}

static void *
poster_thread(void *arg)
{
	struct poster *poster = arg;

	for (uint32_t i = 1; i <= NB_POSTS; i++) {
		vu_store(&poster->posted, i);
		poster->nb_queued += vu_reactor_post(poster->reactor, &poster->call);
		poster->nb_shared_queued += vu_reactor_post(poster->reactor, poster->shared);
	}
	return NULL;
}

/* Ends when every poster's last value was seen: a lost wake-up or a lost call fails here. */
static void
turn_until_all_seen(struct vu_reactor *reactor, const struct poster *posters)
{
	unsigned int nb_done = 0;

	while (nb_done < NB_THREADS) {
		CHECK(vu_reactor_turn(reactor, EXPECT_WAIT_MS) != 0);
		nb_done = 0;
		for (unsigned int i = 0; i < NB_THREADS; i++)
			nb_done += posters[i].seen == NB_POSTS;
	}
}

VU_TEST_STRESS(reactor_inbox, many_posters)
{
	struct vu_reactor *reactor = vu_reactor_create();
	struct poster posters[NB_THREADS];
	pthread_t threads[NB_THREADS];
	unsigned int nb_shared_runs = 0, nb_shared_queued = 0;
	struct vu_reactor_call shared;

	vu_reactor_call_init(&shared, count_up, &nb_shared_runs);
	for (unsigned int i = 0; i < NB_THREADS; i++) {
		posters[i] = (struct poster){ .reactor = reactor, .shared = &shared };
		vu_reactor_call_init(&posters[i].call, poster_run, &posters[i]);
	}
	for (unsigned int i = 0; i < NB_THREADS; i++)
		expect_thread_start(&threads[i], poster_thread, &posters[i]);
	turn_until_all_seen(reactor, posters);
	for (unsigned int i = 0; i < NB_THREADS; i++)
		expect_thread_join(threads[i]);
	WAIT_WHILE(vu_reactor_turn(reactor, 0) > 0)
		;
	for (unsigned int i = 0; i < NB_THREADS; i++) {
		CHECK_EQ(posters[i].nb_runs, posters[i].nb_queued);
		nb_shared_queued += posters[i].nb_shared_queued;
	}
	CHECK_EQ(nb_shared_runs, nb_shared_queued);
	vu_reactor_destroy(reactor);
}

/* Cancels race with posts; once the posters are gone a cancelled call can be freed. */
VU_TEST_STRESS(reactor_inbox, cancel_against_posters)
{
	struct vu_reactor *reactor = vu_reactor_create();
	struct poster *posters = calloc(NB_THREADS, sizeof(*posters));
	pthread_t threads[NB_THREADS];
	unsigned int nb_shared_runs = 0;
	struct vu_reactor_call shared;

	vu_reactor_call_init(&shared, count_up, &nb_shared_runs);
	for (unsigned int i = 0; i < NB_THREADS; i++) {
		posters[i] = (struct poster){ .reactor = reactor, .shared = &shared };
		vu_reactor_call_init(&posters[i].call, poster_run, &posters[i]);
		expect_thread_start(&threads[i], poster_thread, &posters[i]);
	}
	for (unsigned int i = 0; i < NB_POSTS / 4; i++) {
		vu_reactor_call_cancel(reactor, &posters[i % NB_THREADS].call);
		vu_reactor_call_cancel(reactor, &shared);
		vu_reactor_turn(reactor, 0);
	}
	for (unsigned int i = 0; i < NB_THREADS; i++) {
		expect_thread_join(threads[i]);
		vu_reactor_call_cancel(reactor, &posters[i].call);
		CHECK(posters[i].nb_runs <= posters[i].nb_queued);
	}
	free(posters);
	vu_reactor_call_cancel(reactor, &shared);
	CHECK_EQ(vu_reactor_turn(reactor, 0), 0);
	vu_reactor_destroy(reactor);
}

static void *
sync_until_shutdown(void *arg)
{
	struct sync_result *result = arg;

	do
		sync_from_call(result);
	while (result->rc == 0 && !expect_has_failed());
	return NULL;
}

/* Synchronous callers at full speed while the reactor stops and goes away. */
VU_TEST_STRESS(reactor_inbox, sync_callers_against_shutdown)
{
	for (unsigned int round = 0; round < 50; round++) {
		struct vu_reactor *reactor = vu_reactor_create();
		struct sync_result results[NB_THREADS];
		pthread_t threads[NB_THREADS], runner;

		expect_thread_start(&runner, run_thread, reactor);
		for (unsigned int i = 0; i < NB_THREADS; i++) {
			results[i] = (struct sync_result){ .reactor = reactor };
			expect_thread_start(&threads[i], sync_until_shutdown, &results[i]);
		}
		usleep(random() % 2000);
		vu_reactor_stop(reactor);
		expect_thread_join(runner);
		vu_reactor_shutdown(reactor);
		for (unsigned int i = 0; i < NB_THREADS; i++) {
			expect_thread_join(threads[i]);
			CHECK_EQ(results[i].rc, -ESHUTDOWN);
		}
		vu_reactor_destroy(reactor);
	}
}
