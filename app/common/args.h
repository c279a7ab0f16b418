/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An application's command line: its own options and EAL's, mixed in any order.
 */
#ifndef ARGS_H
#define ARGS_H

#include <stdbool.h>

/** Result of args_parse(): go on. Other values are exit statuses. */
#define ARGS_RUN (-1)

/** One option of the application that has a value. */
struct args_row {
	const char *name; /* "--socket"; NULL ends a table */
	/* Take the value. @return 0; anything else with a line of text in struct args.why */
	int (*apply)(void *arg, const struct args_row *row, const char *value);
	const void *data; /* for apply */
};

struct args {
	const char *program;
	const char *help;
	bool is_in_memory; /* see eal_options_add_defaults() */
	const struct args_row *rows;
	/* Print what a further option asks for, which then ends the program. NULL: none. */
	bool (*answer)(const char *option);
	/* Take an option that has no value. @return false: it is none. NULL: there are none */
	bool (*flag)(void *arg, const char *option);
	void *arg;        /* for apply and flag */
	const char *why;  /* where apply leaves its line */
	char **eal_argv;  /* out: NULL-terminated; strings belong to argv but for the added ones */
	int eal_argc;
};

/**
 * Take the application's options out of the command line and leave EAL's, with some defaults, in
 * eal_argv, which is to be freed. EAL would take our options for abbreviations of its own, hence
 * this order.
 *
 * @return ARGS_RUN, or the status to exit with after something was printed
 */
int args_parse(struct args *args, int argc, char **argv);

#endif /* ARGS_H */
