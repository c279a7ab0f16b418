/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An application's command line: its own options and EAL's, mixed in any order.
 */
#ifndef ARGS_H
#define ARGS_H

#include <stdbool.h>

/** Result of args_parse(): go on. Other values are exit statuses. */
#define ARGS_RUN (-1)

/** Options that an application may have. */
#define ARGS_MAX_ROWS 32

/** One option of the application; --help and --version are options of all of them. */
struct args_row {
	const char *name; /* "--socket"; NULL ends a table */
	/*
	 * Take the value, NULL if the option has none.
	 * @return 0; positive: the option was a question, which is answered; negative: refused,
	 *         with a line of text in struct args.errmsg
	 */
	int (*apply)(void *arg, const struct args_row *row, const char *value);
	const void *data; /* for apply */
	bool is_flag;     /* has no value */
};

struct args {
	const char *program;
	void (*help)(void);   /* prints it */
	bool is_in_memory;    /* see eal_options_add_defaults() */
	const struct args_row *rows;
	void *arg;            /* for apply */
	const char *errmsg;   /* where apply leaves its line */
	char **eal_argv;      /* out: NULL-terminated; strings are those of argv and static ones */
	int eal_argc;
};

/**
 * Take the application's options out of the command line and leave all other words for EAL, with
 * some defaults, in eal_argv, which is to be freed. Which options EAL has is not known here: one
 * that is not ours is its, and so is the word behind it unless that is an option. EAL refuses what
 * it does not know, see eal_options_check().
 *
 * @return ARGS_RUN, or the status to exit with after something was printed
 */
int args_parse(struct args *args, int argc, char **argv);

#endif /* ARGS_H */
