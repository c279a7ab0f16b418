/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Results for people and for programs. The manual page names the fields of the JSON objects;
 * the table shows some of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <jansson.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_version.h>

#include "vu_build.h"

#include "bench.h"

static const char *
result_error(const struct measure_result *result)
{
	return result->rc == -EOPNOTSUPP ? "not offered" : strerror(-result->rc);
}

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

static json_t *
json_result(const struct measure_result *result)
{
	const bool is_cost = result->mode == BENCH_COST;
	const bool is_one_lcore = result->point.nb_cores == 1;
	json_t *json = json_object();

	json_object_set_new(json, "backend", json_value(OPTION_BACKEND, result->backend));
	/* A field for each axis, named like its option, with underscores. */
	for (unsigned int axis = 0; axis < OPTION_NB_AXES; axis++) {
		char key[32];

		snprintf(key, sizeof(key), "%s", options_name(axis));
		for (char *dash = key; (dash = strchr(dash, '-')) != NULL;)
			*dash = '_';
		json_object_set_new(json, key, json_value(axis, result->point.axis[axis]));
	}
	if (result->rc != 0) {
		json_object_set_new(json, "error", json_string(result_error(result)));
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
json_run(const struct options *options)
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
		"dpdk", rte_version(), "command", options->command,
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
report_json(const struct options *options, const struct measure_result *results,
	unsigned int nb)
{
	json_t *json = json_run(options);
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

void
report_text_head(FILE *out, enum bench_mode mode)
{
	fprintf(out, "%-6s %-21s %-14s %6s %5s %6s %5s %-9s %s rounds\n", "ring", "negotiated",
		"direction", "size", "burst", "queues", "cores", "backend", mode == BENCH_COST ?
		"cycles/pkt     p10     p90   Mpps rte_vhost    copy    gen line ns" :
		"   p50 ns    p99 ns  p99.9 ns rte_vhost line ns");
}

/* 0 stands for a figure that there is not. */
static void
text_figure(FILE *out, int width, const char *format, double value)
{
	char text[32] = "-";

	if (value > 0)
		snprintf(text, sizeof(text), format, value);
	fprintf(out, "%*s ", width, text);
}

static void
text_figures(FILE *out, const struct measure_result *result)
{
	if (result->mode == BENCH_COST) {
		text_figure(out, 10, "%.1f", result->cycles.median);
		text_figure(out, 7, "%.1f", result->cycles.p10);
		text_figure(out, 7, "%.1f", result->cycles.p90);
		text_figure(out, 6, "%.1f", result->packets_per_second / 1e6);
		text_figure(out, 9, "%.2fx", result->ratio_to_rte_vhost);
		text_figure(out, 7, "%.2fx", result->ratio_to_copy);
		text_figure(out, 6, "%.1f", result->gen_cycles.median);
	} else {
		text_figure(out, 9, "%.0f", result->p50_ns);
		text_figure(out, 9, "%.0f", result->p99_ns);
		text_figure(out, 9, "%.0f", result->p999_ns);
		text_figure(out, 9, "%.2fx", result->ratio_to_rte_vhost);
	}
	text_figure(out, 7, "%.0f", result->line_ns);
	/* report_text_end() explains the mark. */
	fprintf(out, "%6u%s\n", result->nb_rounds, measure_is_disturbed(result) ? " *" : "");
}

static void
text_row(FILE *out, const struct measure_result *result)
{
	const struct bench_case *point = &result->point;
	const char *backend = options_value_name(OPTION_BACKEND, result->backend);
	const char *size = options_value_name(OPTION_SIZE, point->size_bytes);
	char negotiated[48], number[16];

	snprintf(number, sizeof(number), "%u", point->size_bytes);
	snprintf(negotiated, sizeof(negotiated), "%s%s%s%s%s%s",
		point->is_in_order ? "in-order " : "", point->is_mergeable ? "mrg " : "",
		point->has_offload ? "offl " : "", point->has_calls ? "calls " : "",
		point->is_lean ? "lean " : "", point->is_scattered ? "scattered" : "");
	fprintf(out, "%-6s %-21s %-14s %6s %5u %6u %5u %-9s ",
		options_value_name(OPTION_RING, point->ring),
		negotiated[0] != '\0' ? negotiated : "-",
		options_value_name(OPTION_DIRECTION, point->direction),
		size != NULL ? size : number, point->burst, point->nb_pairs, point->nb_cores,
		backend);
	if (result->rc != 0)
		fprintf(out, "%s\n", result_error(result));
	else
		text_figures(out, result);
	if (result->nb_lost != 0)
		fprintf(out, "  %s: %" PRIu64 " frames were lost or came back wrong\n", backend,
			result->nb_lost);
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
