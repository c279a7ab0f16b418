/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tells an application's options from EAL's; see args.h.
 */
#include "args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_version.h>

#include "vu_build.h"

#include "eal_options.h"

/* Row of an option; *value is what stands behind '=' or NULL. */
static const struct args_row *
args_find(const struct args *args, const char *arg, const char **value)
{
	for (const struct args_row *row = args->rows; row->name != NULL; row++) {
		size_t len = strlen(row->name);

		if (strncmp(arg, row->name, len) != 0 || (arg[len] != '=' && arg[len] != '\0'))
			continue;
		*value = arg[len] == '=' ? arg + len + 1 : NULL;
		return row;
	}
	return NULL;
}

static int
args_apply(const struct args *args, const struct args_row *row, const char *value)
{
	if (value == NULL) {
		fprintf(stderr, "%s: %s needs a value; see %s --help\n", args->program, row->name,
			args->program);
		return EXIT_FAILURE;
	}
	if (row->apply(args->arg, row, value) != 0) {
		fprintf(stderr, "%s: %s %s: %s\n", args->program, row->name, value, args->why);
		return EXIT_FAILURE;
	}
	return ARGS_RUN;
}

/* Options that print something and end the program. */
static bool
args_is_question(const struct args *args, const char *arg)
{
	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
		fputs(args->help, stdout);
	else if (strcmp(arg, "--version") == 0)
		printf("%s %s, %s\n", args->program, VU_VERSION, rte_version());
	else
		return args->answer != NULL && args->answer(arg);
	return true;
}

/* Put one argument aside for EAL, with its value if that is a word of its own. */
static int
args_keep(struct args *args, int argc, char **argv, int i)
{
	int nb_words = eal_option_words(argv[i]);

	if (strcmp(argv[i], "--") == 0)
		return i;
	if (nb_words == 0) {
		fprintf(stderr, "%s: %s: unknown option; see %s --help\n", args->program, argv[i],
			args->program);
		return -1;
	}
	if (i + nb_words > argc) {
		fprintf(stderr, "%s: %s needs a value; see %s --help\n", args->program, argv[i],
			args->program);
		return -1;
	}
	for (int word = 0; word < nb_words; word++)
		args->eal_argv[args->eal_argc++] = argv[i + word];
	return i + nb_words - 1;
}

static int
args_take(struct args *args, int argc, char **argv)
{
	int status = ARGS_RUN;

	for (int i = 1; i < argc && status == ARGS_RUN; i++) {
		const char *value = NULL;
		const struct args_row *row = args_find(args, argv[i], &value);

		if (args_is_question(args, argv[i]))
			return EXIT_SUCCESS;
		if (args->flag != NULL && args->flag(args->arg, argv[i]))
			continue;
		if (row != NULL) {
			if (value == NULL && i + 1 < argc)
				value = argv[++i];
			status = args_apply(args, row, value);
			continue;
		}
		i = args_keep(args, argc, argv, i);
		if (i < 0)
			return EXIT_FAILURE;
	}
	return status;
}

int
args_parse(struct args *args, int argc, char **argv)
{
	int status;

	args->eal_argv = calloc((size_t)argc + EAL_MAX_DEFAULTS + 1, sizeof(*args->eal_argv));
	if (args->eal_argv == NULL) {
		fprintf(stderr, "%s: out of memory\n", args->program);
		return EXIT_FAILURE;
	}
	args->eal_argc = 0;
	args->eal_argv[args->eal_argc++] = argv[0];
	status = args_take(args, argc, argv);
	if (status == ARGS_RUN) {
		args->eal_argc = eal_options_add_defaults(args->program, args->is_in_memory,
			args->eal_argc, args->eal_argv);
	} else {
		free(args->eal_argv);
		args->eal_argv = NULL;
	}
	return status;
}
