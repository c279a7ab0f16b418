/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Expectations, waits and threads of test code; see expect.h.
 */
#include "expect.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "vu_atomic.h"

#define MAX_UNDOS 16

/* The case that runs; its thread writes all except has_failed. */
static struct expect_case {
	jmp_buf end;
	pthread_t thread;
	pid_t pid;
	bool is_running;
	bool is_skipped;
	bool is_undoing;     /* waits again, though something failed */
	uint32_t has_failed; /* 1 = an expectation on any thread */
	const char *context; /* NULL = none */
	unsigned int nb_undos;
	struct {
		void (*fn)(void *arg);
		void *arg;
	} undos[MAX_UNDOS];
} current;

static void
say_failure(const char *file, int line, const char *format, va_list args)
{
	flockfile(stdout);
	printf("%s:%d: failed: ", file, line);
	vprintf(format, args);
	if (current.context != NULL)
		printf(", in %s", current.context);
	printf("\n");
	fflush(stdout);
	funlockfile(stdout);
}

void
expect_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_failure(file, line, format, args);
	va_end(args);
	if (!current.is_running)
		abort();
	if (current.pid != getpid())
		_exit(EXIT_FAILURE);
	vu_store_release(&current.has_failed, 1);
	if (!pthread_equal(current.thread, pthread_self()))
		pthread_exit(NULL);
	/* What fails while undoing comes here again and goes on with the rest. */
	current.is_undoing = true;
	while (current.nb_undos != 0) {
		unsigned int i = --current.nb_undos;

		current.undos[i].fn(current.undos[i].arg);
	}
	longjmp(current.end, 1);
}

void
expect_skip(void)
{
	current.is_skipped = true;
	longjmp(current.end, 1);
}

void
expect_context(const char *what)
{
	current.context = what;
}

bool
expect_has_failed(void)
{
	return vu_load_acquire(&current.has_failed) != 0;
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static unsigned int
wait_seconds(void)
{
	const char *text = getenv("VU_WAIT_SECONDS");

	return text == NULL ? EXPECT_WAIT_MS / 1000 : (unsigned int)strtoul(text, NULL, 10);
}

uint64_t
expect_wait_end_ms(void)
{
	return now_ms() + UINT64_C(1000) * wait_seconds();
}

void
expect_wait_turn(uint64_t end_ms, const char *file, int line, const char *what)
{
	if (now_ms() > end_ms)
		expect_fail(file, line, "for %u s: %s", wait_seconds(), what);
	if (expect_has_failed() && !current.is_undoing)
		expect_fail(file, line, "of no use any more: %s", what);
	sched_yield();
}

void
expect_thread_start(pthread_t *thread, void *(*main)(void *arg), void *arg)
{
	CHECK_EQ(pthread_create(thread, NULL, main, arg), 0);
}

void *
expect_thread_join(pthread_t thread)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	void *result;

	WAIT_WHILE(pthread_tryjoin_np(thread, &result) != 0)
		nanosleep(&pause, NULL);
	return result;
}

void
expect_at_failure(void (*undo)(void *arg), void *arg)
{
	CHECK(current.nb_undos < MAX_UNDOS);
	current.undos[current.nb_undos].fn = undo;
	current.undos[current.nb_undos++].arg = arg;
}

void
expect_undone(void (*undo)(void *arg), void *arg)
{
	unsigned int i = current.nb_undos;

	while (i-- != 0) {
		if (current.undos[i].fn != undo || current.undos[i].arg != arg)
			continue;
		current.nb_undos--;
		for (; i < current.nb_undos; i++)
			current.undos[i] = current.undos[i + 1];
		return;
	}
}

int
expect_run(void (*run)(void))
{
	current = (struct expect_case){
		.thread = pthread_self(), .pid = getpid(), .is_running = true,
	};
	if (setjmp(current.end) == 0)
		run();
	current.is_running = false;
	if (expect_has_failed())
		return TEST_FAILED;
	return current.is_skipped ? TEST_SKIPPED : TEST_SUCCESS;
}
