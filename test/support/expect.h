/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Expectations of test code, at any depth and on any thread. One that fails ends its case, and the
 * runner goes on with the next one. Outside of a case, in a fuzz target, it ends the process.
 */
#ifndef EXPECT_H
#define EXPECT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

/** For what blocks and takes a limit; what a wait has by default too. */
#define EXPECT_WAIT_MS 30000 /* for what takes microseconds: no machine is as slow */

/** Outcome of a case; vu-test exits with it. */
#define TEST_SUCCESS 0
#define TEST_FAILED (-1)
#define TEST_SKIPPED 77 /* cannot run here */

/** Fail, with file, line and text, unless the condition holds. */
#define CHECK(condition) \
	do { \
		if (!(condition)) \
			expect_fail(__FILE__, __LINE__, "%s", #condition); \
	} while (0)
/** Same for two integers; prints both. */
#define CHECK_EQ(a, b) \
	do { \
		long long a_ = (long long)(a), b_ = (long long)(b); \
		if (a_ != b_) \
			expect_fail(__FILE__, __LINE__, "%s is %lld, %s is %lld", #a, a_, #b, b_); \
	} while (0)
/**
 * Head of a loop that gives the CPU away after each turn, and fails if it goes on for too long.
 * Every wait of a test is one of these: none is without end.
 */
#define WAIT_WHILE(condition) \
	for (uint64_t end_ms_ = expect_wait_end_ms(); (condition); \
			expect_wait_turn(end_ms_, __FILE__, __LINE__, #condition))
/** The same without a body. */
#define WAIT_UNTIL(condition) \
	do { \
		WAIT_WHILE(!(condition)) \
			; \
	} while (0)

/**
 * Say what failed and end the case. The case's thread goes back to the runner once it has undone
 * what expect_at_failure() asks for; another thread ends, and the case fails at its next wait, at
 * the latest when it returns; a child process ends with status 1.
 */
__rte_noreturn void expect_fail(const char *file, int line, const char *format, ...)
	__rte_format_printf(3, 4);

/** End the case, which has left nothing behind: it cannot run here. */
__rte_noreturn void expect_skip(void);

/** What a case is about to look at, a constant: said with what fails from now on. */
void expect_context(const char *what);

/** When a wait that begins now has taken too long. */
uint64_t expect_wait_end_ms(void);

/** Give the CPU away; fail if it is past the end, or if another thread failed. */
void expect_wait_turn(uint64_t end_ms, const char *file, int line, const char *what);

/** Start a thread. */
void expect_thread_start(pthread_t *thread, void *(*main)(void *arg), void *arg);

/** Wait until a thread ends, but not for ever. @return what its function returned */
void *expect_thread_join(pthread_t thread);

/**
 * If the case fails, call undo(arg) first, latest first: for what must not outlive the case's
 * variables, which is above all a thread. Only for the case's own thread.
 */
void expect_at_failure(void (*undo)(void *arg), void *arg);

/** The case did it itself. */
void expect_undone(void (*undo)(void *arg), void *arg);

/** Has anything failed? For the loop of a thread that goes on until the case stops it. */
bool expect_has_failed(void);

/**
 * Run a case; not from within another one.
 *
 * @return TEST_SUCCESS, TEST_SKIPPED, or TEST_FAILED: an expectation, be it on another thread
 */
int expect_run(void (*run)(void));

#endif /* EXPECT_H */
