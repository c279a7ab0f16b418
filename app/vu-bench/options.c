/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parses the command line; see options.h. Every axis is a row of one table.
 */
#include "options.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_debug.h>

static const char options_help[] =
"Usage: vu-bench [EAL options] [options]\n"
"\n"
"Measures what a virtio-net back half costs per packet, side by side with others:\n"
"one front half (a driver that polls), the same frames and mbufs, one process,\n"
"rounds that alternate. EAL options and those below may be mixed in any order.\n"
"\n"
"  vu-bench -l 0                       the usual table, on one lcore\n"
"  vu-bench -l 0 --seconds 10          a first look\n"
"  vu-bench -l 0-1 --cores 2           each half on an lcore of its own\n"
"  vu-bench -l 0-1 --latency           round trips of single frames\n"
"  vu-bench -l 0 --ring packed --size 64,imix --burst 1,32 --json out.json\n"
"\n"
"Back halves\n"
"  vu          the net device of this project\n"
"  vu_mbuf     the same with every frame through an mbuf; guest_to_guest only\n"
"  rte_vhost   DPDK's vhost library\n"
"  limit       the least possible: the same mbufs and copies without a ring;\n"
"              guest_to_guest one copy without mbufs\n"
"  none        limit without copies: what the mbufs cost\n"
"  eventfd     vu's rings in a thread that sleeps until kicked; --latency only\n"
"\n"
"Axes: lists, separated by commas; every combination is measured\n"
"  --backend LIST      of the above (default vu,vu_mbuf,rte_vhost,limit)\n"
"  --direction LIST    (default from_guest,to_guest; with vu_mbuf the last, too)\n"
"      from_guest      take frames that a guest sent into mbufs, free them\n"
"      to_guest        allocate mbufs, copy them to a guest, free them\n"
"      both            back to the guest what came from it\n"
"      guest_to_guest  from one guest to another: vu by its switch, without an\n"
"                      mbuf; rte_vhost through mbufs, with no switch\n"
"  --ring LIST         split, packed (default both)\n"
"  --size LIST         bytes of a frame without checksum, 60 to 9216;\n"
"                      imix: 64, 594, 1518 as 7:4:1; random: 60 to 1518\n"
"                      (default 64,1518)\n"
"  --burst LIST        frames per call, 1 to 256 (default 32)\n"
"  --queues LIST       queue pairs served in turn, 1 to 1024 (default 1)\n"
"  --cores LIST        1: the halves take turns on the main lcore; 2: the back\n"
"                      half has the next lcore (default 1)\n"
"  --in-order LIST     on, off: VIRTIO_F_IN_ORDER (default off)\n"
"  --mergeable LIST    on, off: mergeable receive buffers (default off)\n"
"  --offload LIST      on, off: checksum offloads, asked for (default off)\n"
"  --calls LIST        on, off: the front half wants to be notified (default off)\n"
"\n"
"Instead of the cost per packet\n"
"  --latency           single frames between two lcores and back\n"
"\n"
"Method\n"
"  --seconds N         end after about so long: fewer rounds, but 15 at least\n"
"                      (default: no bound)\n"
"  --rounds N          of each back half (default 500)\n"
"  --round-us N        length of one in microseconds (default 500)\n"
"  --turns N           length of one in bursts instead, without warm-up: for\n"
"                      programs that count instructions; one lcore only\n"
"  --ring-size N       entries of a ring, a power of two (default 256)\n"
"  --rte-vhost-stats on  let rte_vhost count as its ethdev driver has it do\n"
"                      (default off, which is faster)\n"
"\n"
"Result\n"
"  --json FILE         all results, for programs; vu-bench(8) names the fields\n"
"  --help, --version   this text; the versions\n"
"\n"
"The table\n"
"  cycles/pkt   TSC cycles per packet of the back half: median of the rounds, and\n"
"               what a tenth of them was below and above (p10 .. p90)\n"
"  Mpps         million packets per second at that cost\n"
"  rte_vhost    times as fast as rte_vhost; latency: times shorter at p99\n"
"  limit        times as fast as limit\n"
"  front        cycles per packet of the front half, in none of the others;\n"
"               two lcores: it works at the same time\n"
"  line ns      two lcores: round trip of a cache line between them. On virtual\n"
"               machines it changes; only rounds with the same one count\n"
"  rounds       that count; a * after it: something else ran on the same CPU\n"
"On two lcores the cycles are those of the whole time. Compare figures of one\n"
"run only: machines differ, and differ from hour to hour.\n"
"\n"
"Ends with status 1 if a back half lost a frame, returned a wrong one, or could not be\n"
"measured for another reason than not offering what was asked for.\n";

/* A name of a value. */
struct value_name {
	const char *name;
	uint32_t value;
};

static const struct value_name backend_names[] = {
	{ "vu", BENCH_VU }, { "vu_mbuf", BENCH_VU_MBUF }, { "rte_vhost", BENCH_RTE_VHOST },
	{ "limit", BENCH_LIMIT }, { "none", BENCH_NONE }, { "eventfd", BENCH_EVENTFD }, { NULL, 0 },
};
static const struct value_name ring_names[] = {
	{ "split", BENCH_SPLIT }, { "packed", BENCH_PACKED }, { NULL, 0 },
};
static const struct value_name direction_names[] = {
	{ "from_guest", BENCH_FROM_GUEST }, { "to_guest", BENCH_TO_GUEST }, { "both", BENCH_BOTH },
	{ "guest_to_guest", BENCH_GUEST_TO_GUEST }, { NULL, 0 },
};
static const struct value_name switch_names[] = { { "off", 0 }, { "on", 1 }, { NULL, 0 } };
static const struct value_name size_names[] = {
	{ "imix", BENCH_SIZE_IMIX }, { "random", BENCH_SIZE_RANDOM }, { NULL, 0 },
};
static const struct value_name no_names[] = { { NULL, 0 } };

/* What an option may be set to, and where that goes. */
struct value_rule {
	const struct value_name *names;
	uint32_t min, max; /* of numbers; max 0: names only */
	size_t offset;     /* in struct options, of a struct value_list or a uint32_t */
	bool is_list;
	bool is_power_of_2;
	const char *initial[BENCH_NB_MODES]; /* NULL: that of BENCH_COST */
};

#define AXIS(names, min, max, member, ...) \
	&(const struct value_rule){ names, min, max, offsetof(struct options, member), true, \
		false, { __VA_ARGS__ } }
#define SWITCHES(member) AXIS(switch_names, 0, 0, member, "off")
#define NUMBER(min, max, member, initial) \
	&(const struct value_rule){ no_names, min, max, offsetof(struct options, member), false, \
		false, { initial } }

static int option_set(void *arg, const struct args_row *row, const char *value);
static int option_set_json(void *arg, const struct args_row *row, const char *value);

static const struct args_row option_rows[] = {
	{ "--backend", option_set, AXIS(backend_names, 0, 0, backends,
		"vu,vu_mbuf,rte_vhost,limit", "vu,rte_vhost,eventfd") },
	{ "--ring", option_set, AXIS(ring_names, 0, 0, rings, "split,packed") },
	{ "--in-order", option_set, SWITCHES(in_order) },
	{ "--mergeable", option_set, SWITCHES(mergeable) },
	{ "--offload", option_set, SWITCHES(offload) },
	{ "--calls", option_set, SWITCHES(calls) },
	{ "--direction", option_set, AXIS(direction_names, 0, 0, directions,
		"from_guest,to_guest", "both") },
	{ "--size", option_set, AXIS(size_names, BENCH_MIN_FRAME_BYTES, BENCH_MAX_FRAME_BYTES,
		sizes, "64,1518", "64") },
	{ "--burst", option_set, AXIS(no_names, 1, BENCH_MAX_BURST, bursts, "32", "1") },
	{ "--queues", option_set, AXIS(no_names, 1, BENCH_MAX_PAIRS, queues, "1") },
	{ "--cores", option_set, AXIS(no_names, 1, 2, cores, "1", "2") },
	{ "--ring-size", option_set, &(const struct value_rule){ no_names, 64, 32768,
		offsetof(struct options, ring_size), false, true, { "256" } } },
	{ "--seconds", option_set, NUMBER(0, 1000000, nb_seconds, "0") },
	{ "--rounds", option_set, NUMBER(1, 1000000, nb_rounds, "500") },
	{ "--round-us", option_set, NUMBER(10, 1000000, round_us, "500") },
	{ "--turns", option_set, NUMBER(0, 1000000, nb_turns, "0") },
	{ "--rte-vhost-stats", option_set, &(const struct value_rule){ switch_names, 0, 0,
		offsetof(struct options, has_vhost_stats), false, false, { "off" } } },
	{ "--json", option_set_json, NULL },
	{ NULL },
};

/* What is wrong with an option. */
static char options_why[160];

static const struct value_name *
value_find(const struct value_name *names, const char *text)
{
	for (; names->name != NULL; names++)
		if (strcmp(names->name, text) == 0)
			return names;
	return NULL;
}

/* One line that says what would have been right. */
static int
value_refuse(const struct value_rule *rule, const char *text)
{
	int len = snprintf(options_why, sizeof(options_why), "'%.30s' is not ", text);

	for (const struct value_name *name = rule->names; name->name != NULL; name++)
		len += snprintf(options_why + len, sizeof(options_why) - len, "%s%s", name->name,
			name[1].name != NULL || rule->max != 0 ? ", " : "");
	if (rule->max != 0)
		snprintf(options_why + len, sizeof(options_why) - len, "%s from %u to %u",
			rule->is_power_of_2 ? "a power of two" : "a number", rule->min, rule->max);
	return -EINVAL;
}

static int
value_parse(const struct value_rule *rule, const char *text, uint32_t *value)
{
	const struct value_name *name = value_find(rule->names, text);
	unsigned long number;
	char *end;

	if (name != NULL) {
		*value = name->value;
		return 0;
	}
	if (text[0] < '0' || text[0] > '9')
		return value_refuse(rule, text);
	number = strtoul(text, &end, 10);
	if (*end != '\0' || number < rule->min || number > rule->max ||
			(rule->is_power_of_2 && !rte_is_power_of_2((uint32_t)number)))
		return value_refuse(rule, text);
	*value = (uint32_t)number;
	return 0;
}

static int
list_parse(const struct value_rule *rule, char *text, struct value_list *list)
{
	char *rest = text;
	char *word;

	list->nb = 0;
	while ((word = strsep(&rest, ",")) != NULL) {
		int rc;

		if (list->nb == OPTIONS_MAX_VALUES) {
			snprintf(options_why, sizeof(options_why), "more than %d values",
				OPTIONS_MAX_VALUES);
			return -E2BIG;
		}
		rc = value_parse(rule, word, &list->item[list->nb]);
		if (rc != 0)
			return rc;
		list->nb++;
	}
	return 0;
}

static int
option_set(void *arg, const struct args_row *row, const char *value)
{
	const struct value_rule *rule = row->data;
	void *member = RTE_PTR_ADD(arg, rule->offset);
	char *copy;
	int rc;

	if (!rule->is_list)
		return value_parse(rule, value, member);
	copy = strdup(value);
	if (copy == NULL)
		return -ENOMEM;
	rc = list_parse(rule, copy, member);
	free(copy);
	return rc;
}

static int
option_set_json(void *arg, const struct args_row *row, const char *value)
{
	struct options *options = arg;

	(void)row;
	options->json_path = value;
	return 0;
}

static bool
list_has(const struct value_list *list, uint32_t value)
{
	for (unsigned int i = 0; i < list->nb; i++)
		if (list->item[i] == value)
			return true;
	return false;
}

/* What was not given gets what suits the mode; a number that was not given is 0. */
static void
options_complete(struct options *options)
{
	const bool has_directions = options->directions.nb != 0;

	for (const struct args_row *row = option_rows; row->name != NULL; row++) {
		const struct value_rule *rule = row->data;
		const struct value_list *list;

		if (rule == NULL || !rule->is_list)
			continue;
		list = RTE_PTR_ADD(options, rule->offset);
		if (list->nb == 0)
			RTE_VERIFY(option_set(options, row,
				rule->initial[options->mode] != NULL ?
				rule->initial[options->mode] : rule->initial[BENCH_COST]) == 0);
	}
	/* There is nothing else for it to do. */
	if (!has_directions && options->mode == BENCH_COST &&
			list_has(&options->backends, BENCH_VU_MBUF))
		options->directions.item[options->directions.nb++] = BENCH_GUEST_TO_GUEST;
}

static void
options_init(struct options *options)
{
	*options = (struct options){ 0 };
	for (const struct args_row *row = option_rows; row->name != NULL; row++) {
		const struct value_rule *rule = row->data;

		if (rule != NULL && !rule->is_list)
			RTE_VERIFY(option_set(options, row, rule->initial[BENCH_COST]) == 0);
	}
}

static bool
option_flag(void *arg, const char *option)
{
	struct options *options = arg;

	if (strcmp(option, "--latency") != 0)
		return false;
	options->mode = BENCH_LATENCY;
	return true;
}

static bool
list_is(const struct value_list *list, uint32_t value)
{
	return list->nb == 1 && list->item[0] == value;
}

/* What cannot be had together, or NULL. A row of the result must not say what was not done. */
static const char *
options_conflict(const struct options *options)
{
	const bool is_latency = options->mode == BENCH_LATENCY;

	if (is_latency && !list_is(&options->cores, 2))
		return "--latency is between two lcores: --cores 2 only";
	if (is_latency && !list_is(&options->directions, BENCH_BOTH))
		return "--latency is that of round trips: --direction both only";
	if (is_latency && (!list_is(&options->bursts, 1) || !list_is(&options->queues, 1)))
		return "--latency is that of single frames: --burst 1, --queues 1 only";
	if (!is_latency && list_has(&options->backends, BENCH_EVENTFD))
		return "the back half eventfd is for --latency only";
	if (options->nb_turns != 0 && (is_latency || !list_is(&options->cores, 1)))
		return "--turns is for the cost per packet on one lcore";
	return NULL;
}

int
options_parse(struct options *options, int argc, char **argv)
{
	struct args args = {
		.program = "vu-bench", .help = options_help, .is_in_memory = true,
		.rows = option_rows, .flag = option_flag, .arg = options, .why = options_why,
	};
	const char *conflict;
	bool has_mbuf;
	int status;

	options_init(options);
	status = args_parse(&args, argc, argv);
	options->eal_argc = args.eal_argc;
	options->eal_argv = args.eal_argv;
	if (status != OPTIONS_RUN)
		return status;
	/* By default it is left out where it does not belong. */
	has_mbuf = list_has(&options->backends, BENCH_VU_MBUF);
	options_complete(options);
	conflict = options_conflict(options);
	if (has_mbuf && !list_has(&options->directions, BENCH_GUEST_TO_GUEST))
		conflict = "the back half vu_mbuf is for --direction guest_to_guest only";
	if (conflict == NULL)
		return OPTIONS_RUN;
	fprintf(stderr, "vu-bench: %s; see vu-bench --help\n", conflict);
	options_free(options);
	return EXIT_FAILURE;
}

void
options_free(struct options *options)
{
	free(options->eal_argv);
	options->eal_argv = NULL;
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
	return options->rings.nb * options->in_order.nb * options->mergeable.nb *
		options->offload.nb * options->directions.nb * options->sizes.nb *
		options->bursts.nb * options->queues.nb * options->calls.nb * options->cores.nb;
}

/* Next digit of a number whose bases are the lengths of the lists. */
static uint32_t
options_digit(const struct value_list *list, unsigned int *i)
{
	uint32_t value = list->item[*i % list->nb];

	*i /= list->nb;
	return value;
}

struct bench_case
options_point(const struct options *options, unsigned int i)
{
	struct bench_case point = { .ring_size = options->ring_size };

	/* What is named last changes most slowly from row to row. */
	point.direction = options_digit(&options->directions, &i);
	point.size_bytes = options_digit(&options->sizes, &i);
	point.burst = options_digit(&options->bursts, &i);
	point.nb_pairs = options_digit(&options->queues, &i);
	point.has_calls = options_digit(&options->calls, &i) != 0;
	point.has_offload = options_digit(&options->offload, &i) != 0;
	point.is_mergeable = options_digit(&options->mergeable, &i) != 0;
	point.is_in_order = options_digit(&options->in_order, &i) != 0;
	point.ring = options_digit(&options->rings, &i);
	point.nb_cores = options_digit(&options->cores, &i);
	return point;
}

static const char *
value_name_of(const struct value_name *names, uint32_t value)
{
	for (; names->name != NULL; names++)
		if (names->value == value)
			return names->name;
	return NULL;
}

const char *
options_size_name(uint32_t size_bytes)
{
	return value_name_of(size_names, size_bytes);
}

const char *
options_backend_name(enum bench_backend backend)
{
	return value_name_of(backend_names, backend);
}

const char *
options_ring_name(enum bench_ring ring)
{
	return value_name_of(ring_names, ring);
}

const char *
options_direction_name(enum bench_direction direction)
{
	return value_name_of(direction_names, direction);
}
