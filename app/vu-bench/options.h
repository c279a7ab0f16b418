/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The command line: our options become lists of values, all others are left for EAL.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "args.h"
#include "bench.h"

/** Result of options_parse(): go on. Other values are exit statuses. */
#define OPTIONS_RUN ARGS_RUN

#define OPTIONS_MAX_VALUES 32

/** Options that have values. */
enum option {
	/* Axes; the one that is named last changes most slowly from row to row. */
	OPTION_DIRECTION,
	OPTION_SIZE,
	OPTION_BURST,
	OPTION_QUEUES,
	OPTION_CALLS,
	OPTION_OFFLOAD,
	OPTION_MERGEABLE,
	OPTION_IN_ORDER,
	OPTION_RING,
	OPTION_CORES,
	OPTION_RING_SIZE, /* one value only, as all that follow but OPTION_BACKEND */
	OPTION_NB_AXES,

	OPTION_BACKEND = OPTION_NB_AXES,
	OPTION_SECONDS,   /* of the whole run; 0: as many as it takes */
	OPTION_ROUNDS,
	OPTION_ROUND_US,
	OPTION_TURNS,     /* of a round; 0: as many as OPTION_ROUND_US takes */
	OPTION_VHOST_STATS,
	OPTION_NB
};

/** Values of one option, in the order given. */
struct value_list {
	uint32_t item[OPTIONS_MAX_VALUES];
	unsigned int nb;
};

struct options {
	struct value_list lists[OPTION_NB];
	enum bench_mode mode;
	const char *json_path; /* NULL: none */
	char **eal_argv;       /* NULL-terminated */
	int eal_argc;
};

/**
 * Take our options out of the command line.
 *
 * @return OPTIONS_RUN, or the status to exit with after something was printed
 */
int options_parse(struct options *options, int argc, char **argv);

/** Free what options_parse() made. */
void options_free(struct options *options);

/** First value of an option. */
static inline uint32_t
options_value(const struct options *options, enum option option)
{
	return options->lists[option].item[0];
}

bool options_has(const struct options *options, enum option option, uint32_t value);

/** The command line as one string, by the program's own name however it was called; to be freed. */
char *options_command(int argc, char **argv);

/** Number of points: the product of all axes. */
unsigned int options_nb_points(const struct options *options);

/** Point number i. */
struct bench_case options_point(const struct options *options, unsigned int i);

/** Where the value of an axis is in a point. */
uint32_t *options_axis(struct bench_case *point, enum option axis);

/** Name of an option: as on the command line, without dashes in front. */
const char *options_name(enum option option);

/** Name of a value, as on the command line; NULL of one that is a number. */
const char *options_value_name(enum option option, uint32_t value);

#endif /* OPTIONS_H */
