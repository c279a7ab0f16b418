/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Results for programs; see report.h. The manual page names every field.
 */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <jansson.h>

#include <rte_cycles.h>
#include <rte_version.h>

#include "vu_build.h"

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
	json_object_set_new(json, "ratio_to_rte_vhost", json_ratio(result->ratio_to_rte_vhost));
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
	if (result->point.nb_cores != 1)
		json_object_set_new(json, "line_round_trip_ns", json_real(result->line_ns));
	json_object_update_new(json, json_pack("{s:i, s:i, s:b, s:b, s:I, s:I}",
		"rounds", (int)result->nb_rounds, "interrupted_rounds", (int)result->nb_interrupted,
		"disturbed", measure_is_disturbed(result), "hugepages", result->has_hugepages,
		"packets", (json_int_t)result->nb_frames, "lost", (json_int_t)result->nb_lost));
	return json;
}

/* Text behind "model name" in /proc/cpuinfo. */
static void
json_cpu_name(char *name, size_t bytes)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(name, bytes, "unknown");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || colon == NULL)
			continue;
		snprintf(name, bytes, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
		break;
	}
	if (file != NULL)
		fclose(file);
}

static json_t *
json_run(const struct options *options, const char *command)
{
	struct utsname uts = { 0 };
	char cpu[128];

	json_cpu_name(cpu, sizeof(cpu));
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
