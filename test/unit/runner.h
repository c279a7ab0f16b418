/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Finds and runs test cases by autotest command. Called by main and by the prompt, after EAL is up.
 */
#ifndef RUNNER_H
#define RUNNER_H

/**
 * Choose the suite that <unit>_autotest commands run.
 *
 * @param name  "fast", "perf", "stress", "selftest" or "all", which are the first three
 * @return 0, or -EINVAL for another name
 */
int runner_select_suite(const char *name);

/**
 * Run one command and print its cases and verdict.
 *
 * @param command  <unit>_autotest, fast_tests, perf_tests or stress_tests
 * @return TEST_SUCCESS, TEST_FAILED, TEST_SKIPPED (nothing ran but skips), or -ENOENT
 */
int runner_run(const char *command);

/**
 * Name every command that runner_run() takes.
 *
 * @return names joined by '#', the form the cmdline library matches a token against; free() it
 */
char *runner_commands(void);

/** Print each unit with its number of cases per suite. */
void runner_list(void);

#endif /* RUNNER_H */
