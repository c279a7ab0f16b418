/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases that fail, each in another way, and some that must run nevertheless. Not for people: the
 * program run beside this file knows which are to fail.
 */
#include "test.h"

#include <sys/wait.h>
#include <unistd.h>

#include "vu_atomic.h"

#define VU_SELFTEST(unit, name) VU_TEST_IN(TEST_SUITE_SELFTEST, unit, name)

static unsigned int nb_undone;
static uint32_t is_stopped;

static void *
spin_until_stopped(void *arg)
{
	WAIT_UNTIL(vu_load_acquire(&is_stopped) != 0);
	return arg;
}

static void
spinner_stop(void *thread)
{
	nb_undone++;
	vu_store_release(&is_stopped, 1);
	expect_thread_join(*(pthread_t *)thread);
}

static void
fixture_open(pthread_t *thread)
{
	expect_thread_start(thread, spin_until_stopped, NULL);
	expect_at_failure(spinner_stop, thread);
	CHECK_EQ(1 + 1, 3);
}

VU_SELFTEST(selftest, fails_in_a_fixture)
{
	pthread_t thread;

	fixture_open(&thread);
	nb_undone = 77; /* never reached */
}

VU_SELFTEST(selftest, next_case_runs)
{
	CHECK_EQ(nb_undone, 1);
	expect_context("a case that is over");
}

static void *
fail_at_once(void *arg)
{
	CHECK(arg != NULL);
	return NULL;
}

VU_SELFTEST(selftest, fails_on_another_thread)
{
	pthread_t thread;

	expect_thread_start(&thread, fail_at_once, NULL);
	WAIT_UNTIL(expect_has_failed());
	expect_thread_join(thread);
}

VU_SELFTEST(selftest, waits_for_what_never_comes)
{
	WAIT_UNTIL(nb_undone == 0);
}

VU_SELFTEST(selftest, waits_for_what_no_thread_will_do)
{
	pthread_t thread;

	expect_thread_start(&thread, fail_at_once, NULL);
	WAIT_UNTIL(nb_undone == 0);
}

static void
fail_while_undoing(void *arg)
{
	(void)arg;
	CHECK_EQ(nb_undone++, 100);
}

VU_SELFTEST(selftest, fails_while_undoing)
{
	nb_undone = 0;
	expect_at_failure(fail_while_undoing, NULL);
	expect_at_failure(fail_while_undoing, &nb_undone);
	expect_at_failure(fail_while_undoing, &is_stopped);
	expect_undone(fail_while_undoing, &nb_undone);
	CHECK(nb_undone == 200);
}

VU_SELFTEST(selftest, undoes_all_but_what_was_done)
{
	CHECK_EQ(nb_undone, 2);
}

VU_SELFTEST(selftest, child_that_fails_ends)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		CHECK(pid != 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 1);
}

VU_SELFTEST(selftest, leaks)
{
	CHECK(dup(STDOUT_FILENO) >= 0);
}

VU_SELFTEST(selftest, cannot_run_here)
{
	expect_skip();
}

VU_SELFTEST(selftest, says_what_it_looked_at)
{
	expect_context("the second row");
	CHECK(false);
}

static void *
sleep_for_ever(void *arg)
{
	pause();
	return arg;
}

VU_SELFTEST(selftest_thread, fails_and_leaves_a_thread)
{
	pthread_t thread;

	vu_store_release(&is_stopped, 0);
	expect_thread_start(&thread, sleep_for_ever, NULL);
	CHECK(false);
}

VU_SELFTEST(selftest_thread, is_not_run)
{
}
