/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Results for people and for programs. A result becomes a JSON object, whose fields the manual page
 * names; the table shows some of those.
 */
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

#include "bench.h"

#define IN_ALL_MODES BENCH_NB_MODES

/* A column of the table: a field of a result. */
struct column {
	const char *head;
	int width;        /* negative: flush left */
	const char *key;
	const char *part; /* of that field; NULL: the whole */
	int nb_decimals;
	const char *unit;
	double scale;
	unsigned int mode;
};

static const struct column point_columns[] = {
	{ "ring", -6, "ring", NULL, 0, "", 1, IN_ALL_MODES },
	{ "negotiated", -21, "negotiated", NULL, 0, "", 1, IN_ALL_MODES },
	{ "direction", -14, "direction", NULL, 0, "", 1, IN_ALL_MODES },
	{ "size", 6, "size", NULL, 0, "", 1, IN_ALL_MODES },
	{ "burst", 5, "burst", NULL, 0, "", 1, IN_ALL_MODES },
	{ "queues", 6, "queues", NULL, 0, "", 1, IN_ALL_MODES },
	{ "cores", 5, "cores", NULL, 0, "", 1, IN_ALL_MODES },
	{ "backend", -9, "backend", NULL, 0, "", 1, IN_ALL_MODES },
	{ NULL },
};

static const struct column figure_columns[] = {
	{ "cycles/pkt", 10, "cycles_per_packet", "median", 1, "", 1, BENCH_COST },
	{ "p10", 7, "cycles_per_packet", "p10", 1, "", 1, BENCH_COST },
	{ "p90", 7, "cycles_per_packet", "p90", 1, "", 1, BENCH_COST },
	{ "Mpps", 6, "packets_per_second", NULL, 1, "", 1e-6, BENCH_COST },
	{ "p50 ns", 9, "latency_ns", "p50", 0, "", 1, BENCH_LATENCY },
	{ "p99 ns", 9, "latency_ns", "p99", 0, "", 1, BENCH_LATENCY },
	{ "p99.9 ns", 9, "latency_ns", "p99.9", 0, "", 1, BENCH_LATENCY },
	{ "rte_vhost", 9, "ratio_to_rte_vhost", NULL, 2, "x", 1, IN_ALL_MODES },
	{ "copy", 7, "ratio_to_copy", NULL, 2, "x", 1, BENCH_COST },
	{ "gen", 6, "generator_cycles_per_packet", "median", 1, "", 1, BENCH_COST },
	{ "line ns", 7, "line_round_trip_ns", NULL, 0, "", 1, IN_ALL_MODES },
	{ NULL },
};

/* ---- JSON ---- */

/* NULL, which stands for no field, of a result to which the figures do not apply. */
static json_t *
json_summary(const struct stats_summary *summary, bool applies)
{
	return !applies ? NULL : json_pack("{s:f, s:f, s:f}", "median", summary->median,
		"p10", summary->p10, "p90", summary->p90);
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

static json_t *
json_result(const struct measure_result *result)
{
	const bool is_cost = result->mode == BENCH_COST;
	const bool is_one_lcore = result->point.nb_cores == 1;
	json_t *json = json_point(result);

	if (result->rc != 0) {
		json_object_set_new(json, "error", json_string(result->rc == -EOPNOTSUPP ?
			"not offered" : strerror(-result->rc)));
		return json;
	}
	json_object_update_new(json, json_pack("{s:o*, s:o*, s:o*, s:o*, s:o*, s:o, s:o*}",
		"cycles_per_packet", json_summary(&result->cycles, is_cost),
		"packets_per_second", is_cost ? json_real(result->packets_per_second) : NULL,
		"ratio_to_copy", is_cost ? json_ratio(result->ratio_to_copy) : NULL,
		"generator_cycles_per_packet",
		json_summary(&result->gen_cycles, is_cost && is_one_lcore),
		"latency_ns", is_cost ? NULL : json_pack("{s:f, s:f, s:f}", "p50", result->p50_ns,
			"p99", result->p99_ns, "p99.9", result->p999_ns),
		"ratio_to_rte_vhost", json_ratio(result->ratio_to_rte_vhost),
		"line_round_trip_ns", is_one_lcore ? NULL : json_real(result->line_ns)));
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

/* One cell for each column of a mode: the heading of a result that is NULL. */
static void
text_cells(FILE *out, const struct column *column, enum bench_mode mode, const json_t *json)
{
	for (; column->head != NULL; column++) {
		const json_t *value = json_object_get(json, column->key);
		char text[32] = "-";

		if (column->mode != mode && column->mode != IN_ALL_MODES)
			continue;
		if (column->part != NULL)
			value = json_object_get(value, column->part);
		if (json_is_string(value))
			snprintf(text, sizeof(text), "%s", json_string_value(value));
		else if (json_is_number(value))
			snprintf(text, sizeof(text), "%.*f%s", column->nb_decimals,
				json_number_value(value) * column->scale, column->unit);
		fprintf(out, "%*s ", column->width, json != NULL ? text : column->head);
	}
}

void
report_text_head(FILE *out, enum bench_mode mode)
{
	text_cells(out, point_columns, mode, NULL);
	text_cells(out, figure_columns, mode, NULL);
	fputs("rounds\n", out);
}

static void
text_row(FILE *out, const struct measure_result *result)
{
	const struct bench_case *point = &result->point;
	json_t *json = json_result(result);
	char negotiated[32];

	snprintf(negotiated, sizeof(negotiated), "%s%s%s%s", point->is_in_order ? "in-order " : "",
		point->is_mergeable ? "mrg " : "", point->has_offload ? "offl " : "",
		point->has_calls ? "calls" : "");
	if (negotiated[0] != '\0')
		json_object_set_new(json, "negotiated", json_string(negotiated));
	text_cells(out, point_columns, result->mode, json);
	if (result->rc != 0) {
		fprintf(out, "%10s  %s\n", "-",
			json_string_value(json_object_get(json, "error")));
	} else {
		text_cells(out, figure_columns, result->mode, json);
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
		text_row(out, &results[i]);
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
