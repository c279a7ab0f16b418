/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parses the command line: our options become lists of values, all others are left for EAL. Every
 * option is a row of one table.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_debug.h>

#include "vu_parse.h"

#include "bench.h"

static const char options_help[] =
"Usage: vu-bench [EAL options] [options]\n"
"\n"
"Measures what virtio-net back-ends cost per packet, side by side, in rounds that\n"
"alternate. vu-bench(8) explains options and results.\n"
"\n"
"  vu-bench -l 0                  the usual table, on one lcore\n"
"  vu-bench -l 0 --seconds 10     a first look\n"
"  vu-bench -l 0-1 --cores 2      generator and back-end on an lcore each\n"
"  vu-bench -l 0-1 --latency      round trips of single frames\n"
"\n"
"Axes: lists, separated by commas; every combination is measured\n"
"  --backend LIST      vu, rte_vhost, copy (the copies alone), none (no copies),\n"
"                      vu_mbuf (guest_to_guest only), eventfd (--latency only)\n"
"                      (default vu,vu_mbuf,rte_vhost,copy)\n"
"  --direction LIST    from_guest, to_guest, both, guest_to_guest\n"
"                      (default from_guest,to_guest; with vu_mbuf the last, too)\n"
"  --ring LIST         split, packed (default both)\n"
"  --size LIST         bytes of a frame, 60 to 9216; imix, random (default 64,1518)\n"
"  --burst LIST        frames per call, 1 to 256 (default 32)\n"
"  --queues LIST       queue pairs served in turn, 1 to 1024 (default 1)\n"
"  --cores LIST        1, 2 (default 1)\n"
"  --in-order, --mergeable, --offload, --calls LIST\n"
"                      features: on, off (default off)\n"
"\n"
"Method and result\n"
"  --latency           round trips instead of the cost per packet\n"
"  --seconds N         end after about so long, with 15 rounds at least\n"
"  --rounds N          of each back-end (default 500)\n"
"  --round-us N        length of one in microseconds (default 500)\n"
"  --turns N           length of one in bursts instead; one lcore only\n"
"  --ring-size N       entries of a ring, a power of two (default 256)\n"
"  --rte-vhost-stats on  let rte_vhost count as its ethdev driver does (default off)\n"
"  --json FILE         all results, for programs\n"
"  --help, --version   this text; the versions\n"
"\n"
"Ends with status 1 if a back-end lost a frame, returned a wrong one, or could not\n"
"be measured for another reason than not offering what was asked for.\n";

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

/* What an option may be set to, and where that goes. */
struct value_rule {
	const char *const *names;
	uint32_t min, max;    /* of numbers; max 0: names only */
	size_t offset;        /* of an axis: in struct bench_case */
	bool is_single;       /* one value, no list */
	bool is_power_of_2;
	const char *initial[BENCH_NB_MODES]; /* NULL: that of BENCH_COST */
};

static int option_set(void *arg, const struct args_row *row, const char *value);

#define ROW(name, ...) { name, option_set, &(const struct value_rule){ __VA_ARGS__ } }
#define AXIS(name, names, min, max, member, ...) \
	ROW(name, names, min, max, offsetof(struct bench_case, member), false, false, \
		{ __VA_ARGS__ })
#define NUMBER(name, min, max, initial) ROW(name, no_names, min, max, 0, true, false, { initial })

static const struct args_row option_rows[] = {
	[OPTION_DIRECTION] = AXIS("--direction", direction_names, 0, 0, direction,
		"from_guest,to_guest", "both"),
	[OPTION_SIZE] = AXIS("--size", size_names, BENCH_MIN_FRAME_BYTES, BENCH_MAX_FRAME_BYTES,
		size_bytes, "64,1518", "64"),
	[OPTION_BURST] = AXIS("--burst", no_names, 1, BENCH_MAX_BURST, burst, "32", "1"),
	[OPTION_QUEUES] = AXIS("--queues", no_names, 1, BENCH_MAX_PAIRS, nb_pairs, "1"),
	[OPTION_CALLS] = AXIS("--calls", switch_names, 0, 0, has_calls, "off"),
	[OPTION_OFFLOAD] = AXIS("--offload", switch_names, 0, 0, has_offload, "off"),
	[OPTION_MERGEABLE] = AXIS("--mergeable", switch_names, 0, 0, is_mergeable, "off"),
	[OPTION_IN_ORDER] = AXIS("--in-order", switch_names, 0, 0, is_in_order, "off"),
	[OPTION_RING] = AXIS("--ring", ring_names, 0, 0, ring, "split,packed"),
	[OPTION_CORES] = AXIS("--cores", no_names, 1, 2, nb_cores, "1", "2"),
	[OPTION_RING_SIZE] = ROW("--ring-size", no_names, 64, 32768,
		offsetof(struct bench_case, ring_size), true, true, { "256" }),
	[OPTION_BACKEND] = ROW("--backend", backend_names, 0, 0, 0, false, false,
		{ "vu,vu_mbuf,rte_vhost,copy", "vu,rte_vhost,eventfd" }),
	[OPTION_SECONDS] = NUMBER("--seconds", 0, 1000000, "0"),
	[OPTION_ROUNDS] = NUMBER("--rounds", 1, 1000000, "500"),
	[OPTION_ROUND_US] = NUMBER("--round-us", 10, 1000000, "500"),
	[OPTION_TURNS] = NUMBER("--turns", 0, 1000000, "0"),
	[OPTION_VHOST_STATS] = ROW("--rte-vhost-stats", switch_names, 0, 0, 0, true, false,
		{ "off" }),
	[OPTION_NB] = { "--json", option_set },
	{ "--latency", option_set, .is_flag = true },
	{ NULL },
};

/* What is wrong with an option. */
static char options_errmsg[160];

/* Refuse a value, and report what would have been right. */
static int
value_refuse(const struct value_rule *rule, const char *text)
{
	FILE *out = fmemopen(options_errmsg, sizeof(options_errmsg), "w");

	if (out == NULL)
		return -ENOMEM;
	fprintf(out, "'%.30s' is not ", text);
	for (const char *const *name = rule->names; *name != NULL; name++)
		fprintf(out, "%s%s", *name, name[1] != NULL || rule->max != 0 ? ", " : "");
	if (rule->max != 0)
		fprintf(out, "%s from %u to %u", rule->is_power_of_2 ? "a power of two" :
			"a number", rule->min, rule->max);
	fclose(out);
	return -EINVAL;
}

static int
value_parse(const struct value_rule *rule, const char *text, uint32_t *value)
{
	for (uint32_t i = 0; rule->names[i] != NULL; i++) {
		if (strcmp(rule->names[i], text) == 0) {
			*value = i;
			return 0;
		}
	}
	if (vu_parse_uint(text, rule->min, rule->max, value) != 0 ||
			(rule->is_power_of_2 && !rte_is_power_of_2(*value)))
		return value_refuse(rule, text);
	return 0;
}

static int
list_parse(const struct value_rule *rule, char *text, struct value_list *list)
{
	const unsigned int max = rule->is_single ? 1 : OPTIONS_MAX_VALUES;
	char *word;
	int rc = 0;

	list->nb = 0;
	while (rc == 0 && (word = strsep(&text, ",")) != NULL) {
		if (list->nb == max) {
			snprintf(options_errmsg, sizeof(options_errmsg), "more than %u value%s",
				max, max == 1 ? "" : "s");
			return -E2BIG;
		}
		rc = value_parse(rule, word, &list->item[list->nb++]);
	}
	return rc;
}

static int
option_set(void *arg, const struct args_row *row, const char *value)
{
	struct options *options = arg;
	char *copy;
	int rc;

	if (row->is_flag)
		options->mode = BENCH_LATENCY;
	else if (row->data == NULL)
		options->json_path = value;
	if (row->data == NULL)
		return 0;
	copy = strdup(value);
	if (copy == NULL)
		return -ENOMEM;
	rc = list_parse(row->data, copy, &options->lists[row - option_rows]);
	free(copy);
	return rc;
}

static void
options_print_help(void)
{
	fputs(options_help, stdout);
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
		const struct value_rule *rule = option_rows[i].data;
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

	if (is_latency && !option_is(options, OPTION_CORES, 2))
		return "--latency is between two lcores: --cores 2 only";
	if (is_latency && !option_is(options, OPTION_DIRECTION, BENCH_BOTH))
		return "--latency is that of round trips: --direction both only";
	if (is_latency && (!option_is(options, OPTION_BURST, 1) ||
			!option_is(options, OPTION_QUEUES, 1)))
		return "--latency is that of single frames: --burst 1, --queues 1 only";
	if (!is_latency && options_has(options, OPTION_BACKEND, BENCH_EVENTFD))
		return "the back-end eventfd is for --latency only";
	if (options_value(options, OPTION_TURNS) != 0 &&
			(is_latency || !option_is(options, OPTION_CORES, 1)))
		return "--turns is for the cost per packet on one lcore";
	return NULL;
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

	*options = (struct options){ 0 };
	status = args_parse(&args, argc, argv);
	options->eal_argc = args.eal_argc;
	options->eal_argv = args.eal_argv;
	if (status != OPTIONS_RUN)
		return status;
	/* By default it is left out where it does not belong. */
	has_mbuf = options_has(options, OPTION_BACKEND, BENCH_VU_MBUF);
	options_complete(options);
	conflict = options_conflict(options);
	if (has_mbuf && !options_has(options, OPTION_DIRECTION, BENCH_GUEST_TO_GUEST))
		conflict = "the back-end vu_mbuf is for --direction guest_to_guest only";
	if (conflict == NULL)
		return OPTIONS_RUN;
	fprintf(stderr, "vu-bench: %s; see vu-bench --help\n", conflict);
	free(options->eal_argv);
	options->eal_argv = NULL;
	return EXIT_FAILURE;
}

char *
options_command(int argc, char **argv)
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

unsigned int
options_nb_points(const struct options *options)
{
	unsigned int nb = 1;

	for (unsigned int axis = 0; axis < OPTION_NB_AXES; axis++)
		nb *= options->lists[axis].nb;
	return nb;
}

uint32_t *
options_axis(struct bench_case *point, enum option axis)
{
	const struct value_rule *rule = option_rows[axis].data;

	return RTE_PTR_ADD(point, rule->offset);
}

/* i is a number whose digits have the lengths of the lists as their bases. */
struct bench_case
options_point(const struct options *options, unsigned int i)
{
	struct bench_case point;

	for (unsigned int axis = 0; axis < OPTION_NB_AXES; axis++) {
		const struct value_list *list = &options->lists[axis];

		*options_axis(&point, axis) = list->item[i % list->nb];
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
	const struct value_rule *rule = option_rows[option].data;
	const bool is_number = rule->max != 0 && value >= rule->min;

	return is_number ? NULL : rule->names[value];
}
