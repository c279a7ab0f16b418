/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vu-test: runs the named autotests, or offers a prompt, in the manner of dpdk-test.
 * Exit status: 0 passed, 1 failed, 77 nothing ran but skips.
 */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

#include "dump.h"
#include "prompt.h"
#include "runner.h"
#include "test.h"

#define MAX_ARGS 128

/* Words of a command line, owned by the list. */
struct arg_list {
	char *argv[MAX_ARGS + 1]; /* EAL wants a NULL at the end */
	int argc;
};

static void
usage(const char *program)
{
	printf("\nUsage: %s [EAL options] [test ...]\n"
		"Tests: <unit>_autotest, fast_tests, perf_tests, stress_tests; dump_* commands.\n"
		"Without a test: the RTE>> prompt. Without EAL options: no hugepages, no PCI,\n"
		"256 MB, two lcores.\n"
		"  DPDK_TEST         tests to run before those named, comma separated\n"
		"  DPDK_TEST_SKIP    of them, those not to run, comma separated\n"
		"  DPDK_TEST_SUITE   cases of <unit>_autotest: fast (default), perf, stress, all\n"
		"  DPDK_TEST_PARAMS  further EAL options, blank separated\n"
		"  VU_STRESS_SECONDS length of a stress case, 2 if unset\n"
		"  VU_WAIT_SECONDS   how long a case waits for anything, 30 if unset\n"
		"Exit status: 0 passed, 1 failed, 77 skipped\n", program);
}

static void
args_add(struct arg_list *args, const char *arg)
{
	if (args->argc == MAX_ARGS) {
		fprintf(stderr, "vu-test: more than %d arguments\n", MAX_ARGS);
		exit(EXIT_FAILURE);
	}
	args->argv[args->argc] = strdup(arg);
	args->argv[++args->argc] = NULL;
}

static void
args_add_words(struct arg_list *args, const char *text, const char *separators)
{
	char *copy = strdup(text);
	char *rest = NULL;

	for (char *word = strtok_r(copy, separators, &rest); word != NULL;
			word = strtok_r(NULL, separators, &rest))
		args_add(args, word);
	free(copy);
}

static void
args_free(struct arg_list *args)
{
	while (args->argc > 0)
		free(args->argv[--args->argc]);
}

/* The first two CPUs this process may run on, or the only one. */
static void
args_add_lcores(struct arg_list *args)
{
	char list[32] = "";
	cpu_set_t cpus;
	int nb_found = 0;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE && nb_found < 2; cpu++) {
		size_t len = strlen(list);

		if (!CPU_ISSET(cpu, &cpus))
			continue;
		snprintf(list + len, sizeof(list) - len, "%s%d", nb_found == 0 ? "" : ",", cpu);
		nb_found++;
	}
	args_add(args, "-l");
	args_add(args, list);
}

static void
remove_runtime_dir(void)
{
	rmdir(rte_eal_get_runtime_dir());
}

/*
 * EAL refuses --no-huge together with --in-memory; --no-shconf gives the same privacy. With a
 * prefix of our own, no other DPDK process probes our telemetry socket: the fd of that
 * connection would look like a leak.
 */
static void
args_add_defaults(struct arg_list *args)
{
	char prefix[48];

	snprintf(prefix, sizeof(prefix), "--file-prefix=vu-test-%d", getpid());
	args_add(args, prefix);
	args_add_words(args, "--no-huge --no-shconf --no-pci -m 256"
		" --log-level=lib.eal:notice --log-level=lib.telemetry:error", " ");
	args_add_lcores(args);
	/* Handlers run in reverse: EAL's have emptied the folder by then. */
	atexit(remove_runtime_dir);
}

static void
args_fill(struct arg_list *args, int argc, char **argv)
{
	const char *params = getenv("DPDK_TEST_PARAMS");
	bool is_eal_given = params != NULL && params[0] != '\0';

	for (int i = 1; i < argc; i++)
		is_eal_given |= argv[i][0] == '-';
	args_add(args, argv[0]);
	if (!is_eal_given)
		args_add_defaults(args);
	if (params != NULL)
		args_add_words(args, params, " ");
	for (int i = 1; i < argc; i++)
		args_add(args, argv[i]);
}

static bool
is_skipped(const char *name)
{
	const char *text = getenv("DPDK_TEST_SKIP");
	struct arg_list skipped = {0};
	bool is_found = false;

	if (text != NULL)
		args_add_words(&skipped, text, ",");
	for (int i = 0; i < skipped.argc; i++)
		is_found |= strcmp(name, skipped.argv[i]) == 0;
	args_free(&skipped);
	return is_found;
}

/* A test, or another command of the prompt. */
static int
run_name(const char *name)
{
	int rc;

	if (is_skipped(name)) {
		printf("%s\nTest Skipped\n", name);
		return TEST_SKIPPED;
	}
	rc = runner_run(name);
	if (rc == -ENOENT)
		rc = dump_run(name, NULL);
	if (rc == -ENOENT)
		fprintf(stderr, "vu-test: no test %s\n", name);
	return rc;
}

/* Any failure wins, then any pass. */
static int
run_named(const struct arg_list *names)
{
	int result = TEST_SKIPPED;

	for (int i = 0; i < names->argc; i++) {
		int rc = run_name(names->argv[i]);

		if (rc != TEST_SUCCESS && rc != TEST_SKIPPED)
			result = TEST_FAILED;
		else if (rc == TEST_SUCCESS && result == TEST_SKIPPED)
			result = TEST_SUCCESS;
	}
	return result;
}

static int
run_tests(int nb_names, char **argv_names)
{
	const char *env_names = getenv("DPDK_TEST");
	struct arg_list names = {0};
	int rc;

	if (env_names != NULL)
		args_add_words(&names, env_names, ",");
	for (int i = 0; i < nb_names; i++)
		args_add(&names, argv_names[i]);
	rc = names.argc == 0 ? prompt_run() : run_named(&names);
	args_free(&names);
	return rc;
}

int
main(int argc, char **argv)
{
	const char *suite = getenv("DPDK_TEST_SUITE");
	struct arg_list owned = {0}, args;
	uint64_t owner_id;
	int nb_eal_args, rc;

	if (suite != NULL && runner_select_suite(suite) < 0) {
		fprintf(stderr, "vu-test: DPDK_TEST_SUITE is %s, not fast, perf, stress or all\n",
			suite);
		return EXIT_FAILURE;
	}
	args_fill(&owned, argc, argv);
	/* EAL reorders and overwrites its array: the one that is freed is not the one it gets. */
	args = owned;
	rte_set_application_usage_hook(usage);
	nb_eal_args = rte_eal_init(args.argc, args.argv);
	if (nb_eal_args < 0) {
		fprintf(stderr, "vu-test: EAL did not start\n");
		return EXIT_FAILURE;
	}
	/* What ethdev keeps from its first port on is there before the first case. */
	rte_eth_dev_owner_new(&owner_id);
	rc = run_tests(args.argc - nb_eal_args - 1, args.argv + nb_eal_args + 1);
	rte_eal_cleanup();
	args_free(&owned);
	return rc == TEST_SUCCESS || rc == TEST_SKIPPED ? rc : EXIT_FAILURE;
}
