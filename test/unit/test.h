/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Self-registering test cases of vu-test. One file test_<unit>.c = one autotest command
 * <unit>_autotest that runs the file's cases, each with a leak check around it. Expectations and
 * waits: expect.h.
 */
#ifndef VU_TEST_H
#define VU_TEST_H

#include <stdbool.h>
#include <stdio.h>

#include <rte_common.h>

#include "expect.h"

enum test_suite {
	TEST_SUITE_FAST,   /**< seconds, runs everywhere */
	TEST_SUITE_PERF,   /**< prints cycles, asserts nothing about time */
	TEST_SUITE_STRESS, /**< races under load */
	TEST_SUITE_SELFTEST, /**< fails where it should; in no other suite's company */
};

struct test_case {
	struct test_case *next;
	const char *unit; /**< autotest the case belongs to, without _autotest */
	const char *name;
	enum test_suite suite;
	void (*run)(void);
};

/** Adds a case to the list; called by the constructors that VU_TEST() makes. */
void test_register(struct test_case *test);

/** @return seconds that one stress case should spend: VU_STRESS_SECONDS, or 2 */
unsigned int test_stress_seconds(void);

#define VU_TEST_IN(suite_, unit_, name_) \
	static void unit_##_##name_##_case(void); \
	RTE_INIT(unit_##_##name_##_register) \
	{ \
		static struct test_case entry = { \
			.unit = #unit_, .name = #name_, .suite = suite_, \
			.run = unit_##_##name_##_case, \
		}; \
		test_register(&entry); \
	} \
	static void unit_##_##name_##_case(void)

/** A fast case: VU_TEST(mem_table, refuses_overlap) { CHECK(...); } */
#define VU_TEST(unit, name) VU_TEST_IN(TEST_SUITE_FAST, unit, name)
#define VU_TEST_PERF(unit, name) VU_TEST_IN(TEST_SUITE_PERF, unit, name)
#define VU_TEST_STRESS(unit, name) VU_TEST_IN(TEST_SUITE_STRESS, unit, name)

#endif /* VU_TEST_H */
