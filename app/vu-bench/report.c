/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Results for people and for programs; see report.h. A result becomes a JSON object, whose fields
 * the manual page names; the table shows some of those.
 */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <jansson.h>

#include <rte_cycles.h>
#include <rte_version.h>

#include "vu_build.h"

/* A column of the table: a field of a result. */
struct column {
	const char *head;
	int width;        /* negative: flush left */
	const char *key;
	const char *part; /* of that field; NULL: the whole */
	int nb_decimals;
	const char *unit;
	double scale;     /* 0: 1 */
};

static const struct column point_columns[] = {
	{ .head = "ring", .width = -6, .key = "ring" },
	{ .head = "negotiated", .width = -21, .key = "negotiated" },
	{ .head = "direction", .width = -14, .key = "direction" },
	{ .head = "size", .width = 6, .key = "size" },
	{ .head = "burst", .width = 5, .key = "burst" },
	{ .head = "queues", .width = 6, .key = "queues" },
	{ .head = "cores", .width = 5, .key = "cores" },
	{ .head = "backend", .width = -9, .key = "backend" },
	{ .head = NULL },
};

static const struct column mode_columns[BENCH_NB_MODES][9] = {
	[BENCH_COST] = {
		{ "cycles/pkt", 10, "cycles_per_packet", "median", 1, "", 0 },
		{ "p10", 7, "cycles_per_packet", "p10", 1, "", 0 },
		{ "p90", 7, "cycles_per_packet", "p90", 1, "", 0 },
		{ "Mpps", 6, "packets_per_second", NULL, 1, "", 1e-6 },
		{ "rte_vhost", 9, "ratio_to_rte_vhost", NULL, 2, "x", 0 },
		{ "copy", 7, "ratio_to_copy", NULL, 2, "x", 0 },
		{ "gen", 6, "generator_cycles_per_packet", "median", 1, "", 0 },
		{ "line ns", 7, "line_round_trip_ns", NULL, 0, "", 0 },
		{ .head = NULL },
	},
	[BENCH_LATENCY] = {
		{ "p50 ns", 9, "latency_ns", "p50", 0, "", 0 },
		{ "p99 ns", 9, "latency_ns", "p99", 0, "", 0 },
		{ "p99.9 ns", 9, "latency_ns", "p99.9", 0, "", 0 },
		{ "rte_vhost", 9, "ratio_to_rte_vhost", NULL, 2, "x", 0 },
		{ "line ns", 7, "line_round_trip_ns", NULL, 0, "", 0 },
		{ .head = NULL },
	},
};

/* ---- JSON ---- */

static json_t *
json_summary(const struct stats_summary *summary)
{
	return json_pack("{s:f, s:f, s:f}", "median", summary->median, "p10", summary->p10,
		"p90", summary->p90);
}

/* A ratio that cannot be formed is null. */
static json_t *
json_ratio(double ratio)
{
	return ratio > 0 ? json_real(ratio) : json_null();
}

/* A number, a name, or true and false for "on" and "off". */
static json_t *
json_value(enum option option, uint32_t value)
{
	const char *name = options_value_name(option, value);

	if (name == NULL)
		return json_integer(value);
	return strcmp(options_value_name(option, 0), "off") == 0 ? json_boolean(value != 0) :
		json_string(name);
}

/* An object with a field for each axis, named like its option, with underscores. */
static json_t *
json_point(const struct measure_result *result)
{
	struct bench_case point = result->point;
	json_t *json = json_object();

	json_object_set_new(json, "backend", json_value(OPTION_BACKEND, result->backend));
	for (unsigned int axis = 0; axis < OPTION_NB_AXES; axis++) {
		char key[32];

		snprintf(key, sizeof(key), "%s", options_name(axis));
		for (char *dash = key; (dash = strchr(dash, '-')) != NULL;)
			*dash = '_';
		json_object_set_new(json, key, json_value(axis, *options_axis(&point, axis)));
	}
	return json;
}

static void
json_add_cost(json_t *json, const struct measure_result *result)
{
	json_object_set_new(json, "cycles_per_packet", json_summary(&result->cycles));
	json_object_set_new(json, "packets_per_second", json_real(result->packets_per_second));
	json_object_set_new(json, "ratio_to_copy", json_ratio(result->ratio_to_copy));
	if (result->point.nb_cores == 1)
		json_object_set_new(json, "generator_cycles_per_packet",
			json_summary(&result->gen_cycles));
}

static json_t *
json_result(const struct measure_result *result)
{
	json_t *json = json_point(result);

	if (result->rc != 0) {
		json_object_set_new(json, "error", json_string(result->rc == -EOPNOTSUPP ?
			"not offered" : strerror(-result->rc)));
		return json;
	}
	if (result->mode == BENCH_COST)
		json_add_cost(json, result);
	else
		json_object_set_new(json, "latency_ns", json_pack("{s:f, s:f, s:f}",
			"p50", result->p50_ns, "p99", result->p99_ns, "p99.9", result->p999_ns));
	json_object_set_new(json, "ratio_to_rte_vhost", json_ratio(result->ratio_to_rte_vhost));
	if (result->point.nb_cores != 1)
		json_object_set_new(json, "line_round_trip_ns", json_real(result->line_ns));
	json_object_update_new(json, json_pack("{s:i, s:i, s:b, s:b, s:I, s:I}",
		"rounds", (int)result->nb_rounds, "interrupted_rounds", (int)result->nb_interrupted,
		"disturbed", measure_is_disturbed(result), "hugepages", result->has_hugepages,
		"packets", (json_int_t)result->nb_frames, "lost", (json_int_t)result->nb_lost));
	return json;
}

static json_t *
json_run(const struct options *options, const char *command)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	struct utsname uts = { 0 };
	char cpu[128] = "unknown", line[256];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL &&
			sscanf(line, "model name : %127[^\n]", cpu) != 1)
		;
	if (file != NULL)
		fclose(file);
	uname(&uts);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:i, s:i, s:i}",
		"program", "vu-bench " VU_VERSION,
		"mode", options->mode == BENCH_COST ? "cost" : "latency",
		"dpdk", rte_version(), "command", command,
		"cpu", cpu, "kernel", uts.release, "tsc_hz", (double)rte_get_tsc_hz(),
		"seconds", (int)options_value(options, OPTION_SECONDS),
		"rounds", (int)options_value(options, OPTION_ROUNDS),
		"round_us", (int)options_value(options, OPTION_ROUND_US));
}

int
report_json_probe(const char *path)
{
	struct stat status;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd >= 0) {
		close(fd);
		unlink(path);
		return 0;
	}
	if (errno != EEXIST || stat(path, &status) != 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	/* Not opened: the reader of a pipe would take that for the end. */
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 ? 0 : -errno;
}

int
report_json(const struct options *options, const char *command,
	const struct measure_result *results, unsigned int nb)
{
	json_t *json = json_run(options, command);
	json_t *list = json_array();
	int rc;

	for (unsigned int i = 0; i < nb; i++)
		json_array_append_new(list, json_result(&results[i]));
	json_object_set_new(json, "results", list);
	rc = json_dump_file(json, options->json_path,
		JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0 ? 0 : -errno;
	json_decref(json);
	return rc;
}

/* ---- the table ---- */

static void
text_head(FILE *out, const struct column *columns)
{
	for (const struct column *column = columns; column->head != NULL; column++)
		fprintf(out, "%*s ", column->width, column->head);
}

/* What a result does not have is a dash. */
static void
text_cells(FILE *out, const struct column *columns, const json_t *json)
{
	for (const struct column *column = columns; column->head != NULL; column++) {
		const json_t *value = json_object_get(json, column->key);
		char text[32] = "-";

		if (column->part != NULL)
			value = json_object_get(value, column->part);
		if (json_is_string(value))
			snprintf(text, sizeof(text), "%s", json_string_value(value));
		else if (json_is_number(value))
			snprintf(text, sizeof(text), "%.*f%s", column->nb_decimals,
				json_number_value(value) * (column->scale != 0 ? column->scale : 1),
				column->unit != NULL ? column->unit : "");
		fprintf(out, "%*s ", column->width, text);
	}
}

void
report_text_head(FILE *out, enum bench_mode mode)
{
	text_head(out, point_columns);
	text_head(out, mode_columns[mode]);
	fputs("rounds\n", out);
}

static void
report_text_result(FILE *out, const struct measure_result *result)
{
	const struct bench_case *point = &result->point;
	json_t *json = json_result(result);
	char negotiated[32];

	snprintf(negotiated, sizeof(negotiated), "%s%s%s%s", point->is_in_order ? "in-order " : "",
		point->is_mergeable ? "mrg " : "", point->has_offload ? "offl " : "",
		point->has_calls ? "calls" : "");
	if (negotiated[0] != '\0')
		json_object_set_new(json, "negotiated", json_string(negotiated));
	text_cells(out, point_columns, json);
	if (result->rc != 0) {
		fprintf(out, "%10s  %s\n", "-",
			json_string_value(json_object_get(json, "error")));
	} else {
		text_cells(out, mode_columns[result->mode], json);
		/* report_text_end() explains the mark. */
		fprintf(out, "%6u%s\n", result->nb_rounds,
			measure_is_disturbed(result) ? " *" : "");
	}
	if (result->nb_lost != 0)
		fprintf(out, "  %s: %" PRIu64 " frames were lost or came back wrong\n",
			options_value_name(OPTION_BACKEND, result->backend), result->nb_lost);
	json_decref(json);
}

void
report_text(FILE *out, const struct measure_result *results, unsigned int nb)
{
	for (unsigned int i = 0; i < nb; i++)
		report_text_result(out, &results[i]);
	fflush(out);
}

void
report_text_end(FILE *out, const struct measure_result *results, unsigned int nb)
{
	unsigned int nb_small = 0, nb_disturbed = 0;

	for (unsigned int i = 0; i < nb; i++) {
		nb_small += results[i].rc == 0 && !results[i].has_hugepages;
		nb_disturbed += measure_is_disturbed(&results[i]);
	}
	if (nb_disturbed != 0)
		fprintf(out, "Rows with a *, while something else ran on their CPU or slowed it "
			"down: %u; measure again on one that has nothing else to do.\n",
			nb_disturbed);
	if (nb_small != 0)
		fprintf(out, "Rows whose guest memory found no hugepages: %u; small pages "
			"cost more.\n", nb_small);
}
