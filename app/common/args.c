/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Separates an application's options from EAL's; see args.h.
 */
#include "args.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_version.h>

#include "vu_build.h"

#include "eal_options.h"

static int
args_refuse(const struct args *args, const char *word, const char *errmsg)
{
	fprintf(stderr, "%s: %s%s; see %s --help\n", args->program, word, errmsg, args->program);
	return EXIT_FAILURE;
}

/* By its whole name only: an abbreviation of ours may be an option of EAL's. */
static const struct args_row *
args_find(const struct args *args, const char *word)
{
	const size_t len = strcspn(word, "=");

	for (const struct args_row *row = args->rows; row->name != NULL; row++)
		if (strlen(row->name) == len && strncmp(row->name, word, len) == 0)
			return row;
	return NULL;
}

static bool
args_is_question(const struct args *args, const char *word)
{
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		args->help();
	else if (strcmp(word, "--version") == 0)
		printf("%s %s, %s\n", args->program, VU_VERSION, rte_version());
	else
		return false;
	return true;
}

/* Words of our own options go into `own`, which has its first one, all others to EAL. */
static int
args_split(struct args *args, int argc, char **argv, char **own, int *nb_own)
{
	bool is_open = false; /* the word before was an option that may take this one */

	for (int i = 1; i < argc; i++) {
		const struct args_row *row = args_find(args, argv[i]);
		const bool is_option = argv[i][0] == '-' && argv[i][1] != '\0';
		const bool has_value = strchr(argv[i], '=') != NULL;

		if (args_is_question(args, argv[i]))
			return EXIT_SUCCESS;
		if (row != NULL) {
			own[(*nb_own)++] = argv[i];
			if (!row->is_flag && !has_value && i + 1 < argc)
				own[(*nb_own)++] = argv[++i];
		} else if (strcmp(argv[i], "--") != 0) {
			if (!is_option && !is_open)
				return args_refuse(args, argv[i], ": unknown option");
			args->eal_argv[args->eal_argc++] = argv[i];
			is_open = is_option && !has_value;
			continue;
		}
		is_open = false;
	}
	return ARGS_RUN;
}

static int
args_apply(const struct args *args, const struct args_row *row, const char *value)
{
	int rc = row->apply(args->arg, row, value);

	if (rc < 0)
		fprintf(stderr, "%s: %s %s: %s\n", args->program, row->name,
			value != NULL ? value : "", args->errmsg);
	return rc < 0 ? EXIT_FAILURE : rc > 0 ? EXIT_SUCCESS : ARGS_RUN;
}

static int
args_take(const struct args *args, int nb_words, char **words)
{
	struct option options[ARGS_MAX_ROWS + 1] = { { 0 } };
	int status = ARGS_RUN;
	int found, idx;

	for (int i = 0; args->rows[i].name != NULL && i < ARGS_MAX_ROWS; i++) {
		options[i].name = args->rows[i].name + strlen("--");
		options[i].has_arg = args->rows[i].is_flag ? no_argument : required_argument;
	}
	optind = 0;
	while (status == ARGS_RUN &&
			(found = getopt_long(nb_words, words, ":", options, &idx)) != -1) {
		if (found == 0)
			status = args_apply(args, &args->rows[idx], optarg);
		else
			status = args_refuse(args, words[optind - 1],
				found == ':' ? " needs a value" : " takes no value");
	}
	return status;
}

int
args_parse(struct args *args, int argc, char **argv)
{
	char **own = calloc((size_t)argc + 1, sizeof(*own));
	int nb_own = 1;
	int status;

	args->eal_argv = calloc((size_t)argc + EAL_MAX_DEFAULTS + 1, sizeof(*args->eal_argv));
	if (own == NULL || args->eal_argv == NULL)
		status = args_refuse(args, "", "out of memory");
	else {
		own[0] = args->eal_argv[0] = argv[0];
		args->eal_argc = 1;
		status = args_split(args, argc, argv, own, &nb_own);
	}
	if (status == ARGS_RUN)
		status = args_take(args, nb_own, own);
	free(own);
	if (status == ARGS_RUN) {
		args->eal_argc = eal_options_add_defaults(args->program, args->is_in_memory,
			args->eal_argc, args->eal_argv);
	} else {
		free(args->eal_argv);
		args->eal_argv = NULL;
	}
	return status;
}
