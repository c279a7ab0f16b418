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

/** Values of one axis, in the order given. */
struct value_list {
	uint32_t item[OPTIONS_MAX_VALUES];
	unsigned int nb;
};

struct options {
	struct value_list backends;   /* enum bench_backend */
	struct value_list rings;      /* enum bench_ring */
	struct value_list in_order;   /* 0 or 1, as the next ones */
	struct value_list mergeable;
	struct value_list offload;
	struct value_list directions; /* enum bench_direction */
	struct value_list sizes;      /* bytes or BENCH_SIZE_IMIX */
	struct value_list bursts;
	struct value_list queues;     /* pairs */
	struct value_list cores;
	struct value_list calls;      /* 0 or 1 */
	enum bench_mode mode;
	uint32_t ring_size;
	uint32_t nb_seconds;          /* of the whole run; 0: as many as it takes */
	uint32_t nb_rounds;
	uint32_t round_us;
	uint32_t nb_turns;            /* of a round; 0: as many as round_us takes */
	uint32_t has_vhost_stats;     /* 0 or 1 */
	const char *json_path;        /* NULL: none */
	char **eal_argv;              /* NULL-terminated */
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

/** The command line as one string, by the program's own name however it was called; to be freed. */
char *options_command(int argc, char **argv);

/** Number of points: the product of all axes. */
unsigned int options_nb_points(const struct options *options);

/** Point number i. */
struct bench_case options_point(const struct options *options, unsigned int i);

/** Names of values, as on the command line; NULL of a size that is a number. */
const char *options_size_name(uint32_t size_bytes);
const char *options_backend_name(enum bench_backend backend);
const char *options_ring_name(enum bench_ring ring);
const char *options_direction_name(enum bench_direction direction);

#endif /* OPTIONS_H */
