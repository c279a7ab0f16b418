/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parses the command line: our options become lists of values, all others are left for EAL. Every
 * option is a row of one table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_debug.h>

#include "bench.h"

/* Names of values, which count from 0; NULL-terminated. */
static const char *const backend_names[] = {
	[BENCH_VU] = "vu", [BENCH_VU_MBUF] = "vu_mbuf", [BENCH_RTE_VHOST] = "rte_vhost",
	[BENCH_COPY] = "copy", [BENCH_NONE] = "none", [BENCH_EVENTFD] = "eventfd", NULL,
};
static const char *const ring_names[] = {
	[BENCH_SPLIT] = "split", [BENCH_PACKED] = "packed", NULL,
};
static const char *const direction_names[] = {
	[BENCH_FROM_GUEST] = "from_guest", [BENCH_TO_GUEST] = "to_guest", [BENCH_BOTH] = "both",
	[BENCH_GUEST_TO_GUEST] = "guest_to_guest", NULL,
};
static const char *const size_names[] = {
	[BENCH_SIZE_IMIX] = "imix", [BENCH_SIZE_RANDOM] = "random", NULL,
};
static const char *const switch_names[] = { "off", "on", NULL };
static const char *const no_names[] = { NULL };

/* An option with values. */
struct option_rule {
	const char *help;
	struct value_rule values;
	const char *initial[BENCH_NB_MODES]; /* NULL: that of BENCH_COST */
};

static int option_set(void *arg, const struct args_row *row, const char *value);

#define ROW(name, ...) { name, option_set, &(const struct option_rule){ __VA_ARGS__ } }
#define NAMES(name, help, names, ...) \
	ROW(name, help, { names, 0, 0, false, false }, { __VA_ARGS__ })
#define NUMBERS(name, help, min, max, ...) \
	ROW(name, help, { no_names, min, max, false, false }, { __VA_ARGS__ })
#define NUMBER(name, help, min, max, initial) \
	ROW(name, help, { no_names, min, max, true, false }, { initial })

static const struct args_row option_rows[] = {
	[OPTION_DIRECTION] = NAMES("--direction", "where frames go; vu_mbuf adds guest_to_guest",
		direction_names, "from_guest,to_guest", "both"),
	[OPTION_SIZE] = ROW("--size", "bytes of a frame", { size_names, BENCH_MIN_FRAME_BYTES,
		BENCH_MAX_FRAME_BYTES, false, false }, { "64,1518", "64" }),
	[OPTION_BURST] = NUMBERS("--burst", "frames per call", 1, BENCH_MAX_BURST, "32", "1"),
	[OPTION_QUEUES] = NUMBERS("--queues", "pairs, served in turn", 1, BENCH_MAX_PAIRS, "1"),
	[OPTION_CALLS] = NAMES("--calls", "the guest wants notifications", switch_names, "off"),
	[OPTION_OFFLOAD] = NAMES("--offload", "the receiver makes checksums", switch_names, "off"),
	[OPTION_MERGEABLE] = NAMES("--mergeable", "mergeable receive buffers", switch_names, "off"),
	[OPTION_IN_ORDER] = NAMES("--in-order", "VIRTIO_F_IN_ORDER", switch_names, "off"),
	[OPTION_LEAN] = NAMES("--lean", "the generator writes no frames", switch_names, "off"),
	[OPTION_SCATTERED] = NAMES("--scattered", "buffers lie in no order", switch_names, "off"),
	[OPTION_RING] = NAMES("--ring", "layout of the rings", ring_names, "split,packed"),
	[OPTION_CORES] = NUMBERS("--cores", "2: generator and back-end on an lcore each", 1, 2, "1",
		"2"),
	[OPTION_RING_SIZE] = ROW("--ring-size", "entries of a ring",
		{ no_names, 64, 32768, true, true }, { "256" }),
	[OPTION_BACKEND] = NAMES("--backend", "copy: the copies alone; none: no copies; vu_mbuf: "
		"from guest to guest only; eventfd: --latency only", backend_names,
		"vu,vu_mbuf,rte_vhost,copy", "vu,rte_vhost,eventfd"),
	[OPTION_SECONDS] = NUMBER("--seconds", "end after about so long, with 15 rounds at least",
		0, 1000000, "0"),
	[OPTION_ROUNDS] = NUMBER("--rounds", "of each back-end", 1, 1000000, "500"),
	[OPTION_ROUND_US] = NUMBER("--round-us", "microseconds of a round", 10, 1000000, "500"),
	[OPTION_TURNS] = NUMBER("--turns", "bursts of a round, instead; one lcore only", 0, 1000000,
		"0"),
	[OPTION_NB] = { "--json", option_set },
	{ "--latency", option_set, .is_flag = true },
	{ NULL },
};

/* What is wrong with an option. */
static char options_errmsg[160];

static int
option_set(void *arg, const struct args_row *row, const char *value)
{
	const struct vu_errmsg errmsg = { options_errmsg, sizeof(options_errmsg) };
	const struct option_rule *rule = row->data;
	struct options *options = arg;

	if (row->is_flag)
		options->mode = BENCH_LATENCY;
	else if (rule == NULL)
		options->json_path = value;
	return rule == NULL ? 0 : value_list_parse(&rule->values, value,
		&options->lists[row - option_rows], &errmsg);
}

static void
options_print_help(void)
{
	puts("Usage: vu-bench [EAL options] [options]\n\n"
		"Measures what virtio-net back-ends cost per packet, side by side, in rounds that\n"
		"alternate. vu-bench(8) explains options and results.\n\n"
		"  --latency           round trips instead of the cost per packet\n"
		"  --json FILE         all results, for programs\n"
		"  --help, --version   this text; the versions\n\n"
		"Lists are separated by commas; every combination is measured.");
	for (unsigned int i = 0; i < OPTION_NB; i++) {
		const struct option_rule *rule = option_rows[i].data;

		printf("  %s %s: %s\n      ", option_rows[i].name,
			rule->values.is_single ? "VALUE" : "LIST", rule->help);
		value_describe(stdout, &rule->values);
		printf(" (default %s)\n", rule->initial[BENCH_COST]);
	}
}

bool
options_has(const struct options *options, enum option option, uint32_t value)
{
	for (unsigned int i = 0; i < options->lists[option].nb; i++)
		if (options->lists[option].item[i] == value)
			return true;
	return false;
}

/* What was not given gets what suits the mode. */
static void
options_complete(struct options *options)
{
	struct value_list *directions = &options->lists[OPTION_DIRECTION];
	const bool has_directions = directions->nb != 0;

	for (unsigned int i = 0; i < OPTION_NB; i++) {
		const struct option_rule *rule = option_rows[i].data;
		const char *initial = rule->initial[options->mode];

		if (options->lists[i].nb == 0)
			RTE_VERIFY(option_set(options, &option_rows[i], initial != NULL ?
				initial : rule->initial[BENCH_COST]) == 0);
	}
	/* There is nothing else for it to do. */
	if (!has_directions && options->mode == BENCH_COST &&
			options_has(options, OPTION_BACKEND, BENCH_VU_MBUF))
		directions->item[directions->nb++] = BENCH_GUEST_TO_GUEST;
}

static bool
option_is(const struct options *options, enum option option, uint32_t value)
{
	return options->lists[option].nb == 1 && options_value(options, option) == value;
}

/* What cannot be had together, or NULL: a row of the result names what was really done. */
static const char *
options_conflict(const struct options *options)
{
	const bool is_latency = options->mode == BENCH_LATENCY;

	if (is_latency && (!option_is(options, OPTION_CORES, 2) ||
			!option_is(options, OPTION_DIRECTION, BENCH_BOTH) ||
			!option_is(options, OPTION_BURST, 1) ||
			!option_is(options, OPTION_QUEUES, 1)))
		return "--latency is that of round trips of single frames between two lcores: "
			"--cores 2, --direction both, --burst 1, --queues 1 only";
	if (!is_latency && options_has(options, OPTION_BACKEND, BENCH_EVENTFD))
		return "the back-end eventfd is for --latency only";
	if (options_value(options, OPTION_TURNS) != 0 &&
			(is_latency || !option_is(options, OPTION_CORES, 1)))
		return "--turns is for the cost per packet on one lcore";
	return NULL;
}

static char *
command_join(int argc, char **argv)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (out == NULL)
		return NULL;
	fputs("vu-bench", out);
	for (int i = 1; i < argc; i++)
		fprintf(out, " %s", argv[i]);
	return fclose(out) == 0 ? text : NULL;
}

void
options_free(struct options *options)
{
	free(options->command);
	free(options->eal_argv);
	*options = (struct options){ 0 };
}

int
options_parse(struct options *options, int argc, char **argv)
{
	struct args args = {
		.program = "vu-bench", .help = options_print_help, .is_in_memory = true,
		.rows = option_rows, .arg = options, .errmsg = options_errmsg,
	};
	const char *conflict;
	bool has_mbuf;
	int status;

	*options = (struct options){ .command = command_join(argc, argv) };
	status = args_parse(&args, argc, argv);
	options->eal_argc = args.eal_argc;
	options->eal_argv = args.eal_argv;
	if (status != ARGS_RUN) {
		options_free(options);
		return status;
	}
	/* By default it is left out where it does not belong. */
	has_mbuf = options_has(options, OPTION_BACKEND, BENCH_VU_MBUF);
	options_complete(options);
	conflict = options_conflict(options);
	if (has_mbuf && !options_has(options, OPTION_DIRECTION, BENCH_GUEST_TO_GUEST))
		conflict = "the back-end vu_mbuf is for --direction guest_to_guest only";
	if (conflict == NULL)
		return ARGS_RUN;
	fprintf(stderr, "vu-bench: %s; see vu-bench --help\n", conflict);
	options_free(options);
	return EXIT_FAILURE;
}

unsigned int
options_nb_points(const struct options *options)
{
	unsigned int nb = 1;

	for (unsigned int axis = 0; axis < OPTION_NB_AXES; axis++)
		nb *= options->lists[axis].nb;
	return nb;
}

/* i is a number whose digits have the lengths of the lists as their bases. */
struct bench_case
options_point(const struct options *options, unsigned int i)
{
	struct bench_case point;

	for (unsigned int axis = 0; axis < OPTION_NB_AXES; axis++) {
		const struct value_list *list = &options->lists[axis];

		point.axis[axis] = list->item[i % list->nb];
		i /= list->nb;
	}
	return point;
}

const char *
options_name(enum option option)
{
	return option_rows[option].name + strlen("--");
}

const char *
options_value_name(enum option option, uint32_t value)
{
	return value_name(&((const struct option_rule *)option_rows[option].data)->values, value);
}
