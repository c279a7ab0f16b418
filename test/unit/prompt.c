/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The RTE>> prompt: DPDK's cmdline library in front of the runner, with completion of test names.
 * It takes the commands of dpdk-test that are not about its own tests.
 */
#include "prompt.h"

#include <errno.h>
#include <stdlib.h>

#include <cmdline.h>
#include <cmdline_parse.h>
#include <cmdline_parse_string.h>
#include <cmdline_socket.h>

#include "dump.h"
#include "runner.h"
#include "test.h"

struct command_words {
	cmdline_fixed_string_t first;
	cmdline_fixed_string_t name;
};

static int prompt_result;

static void
run_command(void *parsed, struct cmdline *cl __rte_unused, void *data __rte_unused)
{
	const struct command_words *words = parsed;

	if (runner_run(words->first) == TEST_FAILED)
		prompt_result = TEST_FAILED;
}

static void
list_command(void *parsed __rte_unused, struct cmdline *cl __rte_unused, void *data __rte_unused)
{
	runner_list();
}

static void
dump_command(void *parsed, struct cmdline *cl __rte_unused, void *data __rte_unused)
{
	const struct command_words *words = parsed;

	dump_run(words->first, NULL);
}

static void
dump_one_command(void *parsed, struct cmdline *cl, void *data __rte_unused)
{
	const struct command_words *words = parsed;

	if (dump_run(words->first, words->name) != 0)
		cmdline_printf(cl, "%s: no %s\n", words->first, words->name);
}

static void
help_command(void *parsed __rte_unused, struct cmdline *cl, void *data __rte_unused)
{
	cmdline_printf(cl, "<unit>_autotest  run one unit\n"
		"fast_tests, perf_tests, stress_tests  run every unit of a suite\n"
		"list  show units and their number of cases\n"
		"dump_physmem, dump_memzone, dump_struct_sizes, dump_malloc_stats,\n"
		"dump_malloc_heaps, dump_devargs, dump_log_types,\n"
		"dump_ring [name], dump_mempool [name]  show what DPDK knows\n"
		"quit  leave\n");
}

static void
quit_command(void *parsed __rte_unused, struct cmdline *cl, void *data __rte_unused)
{
	cmdline_quit(cl);
}

/* The choices are known only after the constructors ran: filled in by prompt_run(). */
static cmdline_parse_token_string_t run_token =
	TOKEN_STRING_INITIALIZER(struct command_words, first, "");
static cmdline_parse_token_string_t list_token =
	TOKEN_STRING_INITIALIZER(struct command_words, first, "list");
static cmdline_parse_token_string_t dump_token =
	TOKEN_STRING_INITIALIZER(struct command_words, first, DUMP_ALL);
static cmdline_parse_token_string_t dump_one_token =
	TOKEN_STRING_INITIALIZER(struct command_words, first, DUMP_ONE);
static cmdline_parse_token_string_t dump_name_token =
	TOKEN_STRING_INITIALIZER(struct command_words, name, NULL);
static cmdline_parse_token_string_t help_token =
	TOKEN_STRING_INITIALIZER(struct command_words, first, "help");
static cmdline_parse_token_string_t quit_token =
	TOKEN_STRING_INITIALIZER(struct command_words, first, "quit");

static cmdline_parse_inst_t run_inst = {
	.f = run_command, .help_str = "run tests", .tokens = { (void *)&run_token, NULL },
};
static cmdline_parse_inst_t list_inst = {
	.f = list_command, .help_str = "list units", .tokens = { (void *)&list_token, NULL },
};
static cmdline_parse_inst_t dump_inst = {
	.f = dump_command, .help_str = "dump all", .tokens = { (void *)&dump_token, NULL },
};
static cmdline_parse_inst_t dump_one_inst = {
	.f = dump_one_command, .help_str = "dump one",
	.tokens = { (void *)&dump_one_token, (void *)&dump_name_token, NULL },
};
static cmdline_parse_inst_t help_inst = {
	.f = help_command, .help_str = "help", .tokens = { (void *)&help_token, NULL },
};
static cmdline_parse_inst_t quit_inst = {
	.f = quit_command, .help_str = "quit", .tokens = { (void *)&quit_token, NULL },
};

static cmdline_parse_ctx_t commands[] = {
	&run_inst, &list_inst, &dump_inst, &dump_one_inst, &help_inst, &quit_inst, NULL,
};

int
prompt_run(void)
{
	char *names = runner_commands();
	struct cmdline *cl;

	if (names == NULL)
		return -ENOMEM;
	run_token.string_data.str = names;
	cl = cmdline_stdin_new(commands, "RTE>>");
	if (cl != NULL) {
		cmdline_interact(cl);
		cmdline_stdin_exit(cl);
	}
	free(names);
	return cl == NULL ? -ENOMEM : prompt_result;
}
