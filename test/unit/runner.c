/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Registry and runner of test cases; see test.h and runner.h. Constructors fill the list before
 * main, one thread reads it afterwards.
 */
#include "runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_log.h>

#include "leak_check.h"
#include "test.h"

#define AUTOTEST_SUFFIX "_autotest"
#define NB_SUITES (TEST_SUITE_SELFTEST + 1)
#define ALL_SUITES ((1u << TEST_SUITE_SELFTEST) - 1)
#define STRESS_SECONDS_DEFAULT 2
#define MAX_THREAD_WAITS 1000 /* of a millisecond, for threads of a failed case to end */

struct tally {
	unsigned int nb_passed;
	unsigned int nb_failed;
	unsigned int nb_skipped;
};

static struct test_case *cases_head;
static struct test_case **cases_tail = &cases_head;
static unsigned int selected_suites = 1u << TEST_SUITE_FAST;

static const char *const suite_names[NB_SUITES] = {
	[TEST_SUITE_FAST] = "fast",
	[TEST_SUITE_PERF] = "perf",
	[TEST_SUITE_STRESS] = "stress",
	[TEST_SUITE_SELFTEST] = "selftest",
};

void
test_register(struct test_case *test)
{
	*cases_tail = test;
	cases_tail = &test->next;
}

unsigned int
test_stress_seconds(void)
{
	const char *text = getenv("VU_STRESS_SECONDS");
	unsigned long seconds = text == NULL ? 0 : strtoul(text, NULL, 10);

	return seconds == 0 ? STRESS_SECONDS_DEFAULT : (unsigned int)seconds;
}

int
runner_select_suite(const char *name)
{
	if (strcmp(name, "all") == 0) {
		selected_suites = ALL_SUITES;
		return 0;
	}
	for (unsigned int i = 0; i < NB_SUITES; i++) {
		if (strcmp(name, suite_names[i]) == 0) {
			selected_suites = 1u << i;
			return 0;
		}
	}
	return -EINVAL;
}

static bool
is_selected(const struct test_case *test, const char *unit, unsigned int suites)
{
	return strcmp(test->unit, unit) == 0 && (suites & (1u << test->suite)) != 0;
}

/* The list is short and read by people: quadratic is fine. */
static bool
is_first_of_unit(const struct test_case *test)
{
	const struct test_case *other = cases_head;

	while (strcmp(other->unit, test->unit) != 0)
		other = other->next;
	return other == test;
}

static unsigned int
count_threads(void)
{
	struct stat tasks;

	/* One link for each, and two of the folder's own. */
	return stat("/proc/self/task", &tasks) == 0 ? (unsigned int)tasks.st_nlink - 2 : 0;
}

/* Variables of a case that ended are gone: a thread that still uses them spoils any other case. */
static void
end_without_threads(unsigned int nb_threads)
{
	for (unsigned int i = 0; i < MAX_THREAD_WAITS; i++) {
		if (count_threads() <= nb_threads)
			return;
		usleep(1000);
	}
	printf("FAILED\nvu-test: threads of this case still run: no other case can\n");
	fflush(stdout);
	_exit(EXIT_FAILURE);
}

/* What a failed case has left behind says nothing. */
static int
run_with_leak_check(const struct test_case *test)
{
	const unsigned int nb_threads = count_threads();
	struct leak_snapshot *before = leak_snapshot_take();
	int rc = expect_run(test->run);
	struct leak_snapshot *after;

	if (rc != TEST_SUCCESS && rc != TEST_SKIPPED) {
		end_without_threads(nb_threads);
		leak_snapshot_free(before);
		return rc;
	}
	after = leak_snapshot_take();
	if (leak_snapshot_print_diff(before, after) != 0)
		rc = TEST_FAILED;
	leak_snapshot_free(before);
	leak_snapshot_free(after);
	return rc;
}

static void
run_case(const struct test_case *test, struct tally *tally)
{
	int rc;

	/* As others found it. */
	rte_log_set_level_pattern("vu.*", RTE_LOG_INFO);
	/* Without a newline, and flushed: a case that crashes has its name on the last line. */
	printf("  %s ... ", test->name);
	fflush(stdout);
	rc = run_with_leak_check(test);
	if (rc == TEST_SUCCESS) {
		tally->nb_passed++;
		printf("ok\n");
	} else if (rc == TEST_SKIPPED) {
		tally->nb_skipped++;
		printf("skipped\n");
	} else {
		tally->nb_failed++;
		printf("FAILED\n");
	}
	fflush(stdout);
}

static int
print_verdict(const struct tally *tally)
{
	int rc = TEST_SUCCESS;

	if (tally->nb_failed != 0)
		rc = TEST_FAILED;
	else if (tally->nb_passed == 0)
		rc = TEST_SKIPPED;
	printf("  cases: %u ok, %u failed, %u skipped\n",
		tally->nb_passed, tally->nb_failed, tally->nb_skipped);
	printf("Test %s\n", rc == TEST_SUCCESS ? "OK" : rc == TEST_FAILED ? "Failed" : "Skipped");
	fflush(stdout);
	return rc;
}

static int
run_unit(const char *unit, unsigned int suites, struct tally *total)
{
	struct tally tally = {0};

	printf("%s" AUTOTEST_SUFFIX "\n", unit);
	for (const struct test_case *test = cases_head; test != NULL; test = test->next)
		if (is_selected(test, unit, suites))
			run_case(test, &tally);
	total->nb_passed += tally.nb_passed;
	total->nb_failed += tally.nb_failed;
	total->nb_skipped += tally.nb_skipped;
	return print_verdict(&tally);
}

static bool
unit_has_suite(const char *unit, unsigned int suites)
{
	for (const struct test_case *test = cases_head; test != NULL; test = test->next)
		if (is_selected(test, unit, suites))
			return true;
	return false;
}

static int
run_suite(unsigned int suite)
{
	struct tally total = {0};

	for (const struct test_case *test = cases_head; test != NULL; test = test->next)
		if (is_first_of_unit(test) && unit_has_suite(test->unit, 1u << suite))
			run_unit(test->unit, 1u << suite, &total);
	printf("%s_tests\n", suite_names[suite]);
	return print_verdict(&total);
}

int
runner_run(const char *command)
{
	struct tally total = {0};
	char name[64];

	for (unsigned int i = 0; i < NB_SUITES; i++) {
		snprintf(name, sizeof(name), "%s_tests", suite_names[i]);
		if (strcmp(command, name) == 0)
			return run_suite(i);
	}
	for (const struct test_case *test = cases_head; test != NULL; test = test->next) {
		snprintf(name, sizeof(name), "%s" AUTOTEST_SUFFIX, test->unit);
		if (strcmp(command, name) == 0)
			return run_unit(test->unit, selected_suites, &total);
	}
	return -ENOENT;
}

char *
runner_commands(void)
{
	char *names = NULL;
	size_t len;
	FILE *out = open_memstream(&names, &len);

	if (out == NULL)
		return NULL;
	for (unsigned int i = 0; i < NB_SUITES; i++)
		fprintf(out, "%s%s_tests", i == 0 ? "" : "#", suite_names[i]);
	for (const struct test_case *test = cases_head; test != NULL; test = test->next)
		if (is_first_of_unit(test))
			fprintf(out, "#%s" AUTOTEST_SUFFIX, test->unit);
	fclose(out);
	return names;
}

static void
list_unit(const char *unit)
{
	unsigned int nb_cases[NB_SUITES] = {0};

	for (const struct test_case *test = cases_head; test != NULL; test = test->next)
		if (strcmp(test->unit, unit) == 0)
			nb_cases[test->suite]++;
	printf("%s" AUTOTEST_SUFFIX, unit);
	for (unsigned int i = 0; i < NB_SUITES; i++)
		if (nb_cases[i] != 0)
			printf(" %s:%u", suite_names[i], nb_cases[i]);
	printf("\n");
}

void
runner_list(void)
{
	for (const struct test_case *test = cases_head; test != NULL; test = test->next)
		if (is_first_of_unit(test))
			list_unit(test->unit);
}
