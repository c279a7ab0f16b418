/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Results for programs; see report.h. The manual page names every field.
 */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <jansson.h>

#include <rte_version.h>

#include "vu_build.h"

#include "options.h"

static json_t *
json_summary(const struct stats_summary *summary)
{
	return json_pack("{s:f, s:f, s:f}", "median", summary->median, "p10", summary->p10,
		"p90", summary->p90);
}

static json_t *
json_size(const struct bench_case *point)
{
	const char *name = options_size_name(point->size_bytes);

	return name != NULL ? json_string(name) : json_integer(point->size_bytes);
}

/* A ratio that cannot be formed is null. */
static json_t *
json_ratio(double ratio)
{
	return ratio > 0 ? json_real(ratio) : json_null();
}

static json_t *
json_point(const struct measure_result *result)
{
	const struct bench_case *point = &result->point;

	return json_pack("{s:s, s:s, s:s, s:o, s:i, s:i, s:i, s:b, s:b, s:b, s:b, s:i}",
		"backend", options_backend_name(result->backend),
		"ring", options_ring_name(point->ring),
		"direction", options_direction_name(point->direction),
		"size", json_size(point), "burst", (int)point->burst,
		"queues", (int)point->nb_pairs, "cores", (int)point->nb_cores,
		"in_order", point->is_in_order, "mergeable", point->is_mergeable,
		"offload", point->has_offload, "calls", point->has_calls,
		"ring_size", (int)point->ring_size);
}

static void
json_add_cost(json_t *json, const struct measure_result *result)
{
	json_object_set_new(json, "cycles_per_packet", json_summary(&result->cycles));
	json_object_set_new(json, "packets_per_second", json_real(result->packets_per_second));
	json_object_set_new(json, "ratio_to_rte_vhost", json_ratio(result->ratio_to_rte_vhost));
	json_object_set_new(json, "ratio_to_limit", json_ratio(result->ratio_to_limit));
	if (result->point.nb_cores == 1)
		json_object_set_new(json, "front_cycles_per_packet",
			json_summary(&result->front_cycles));
}

static void
json_add_rounds(json_t *json, const struct measure_result *result)
{
	json_object_set_new(json, "rounds", json_integer(result->nb_rounds));
	json_object_set_new(json, "interrupted_rounds", json_integer(result->nb_interrupted));
	json_object_set_new(json, "disturbed", json_boolean(measure_is_disturbed(result)));
	if (result->point.nb_cores != 1)
		json_object_set_new(json, "line_round_trip_ns", json_real(result->line_ns));
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
	if (result->mode == BENCH_LATENCY)
		json_object_set_new(json, "latency_ns", json_pack("{s:f, s:f, s:f}",
			"p50", result->p50_ns, "p99", result->p99_ns, "p99.9", result->p999_ns));
	json_add_rounds(json, result);
	json_object_set_new(json, "hugepages", json_boolean(result->has_hugepages));
	json_object_set_new(json, "packets", json_integer((json_int_t)result->nb_frames));
	json_object_set_new(json, "lost", json_integer((json_int_t)result->nb_lost));
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
json_run(const struct report_run *run)
{
	static const char *const modes[BENCH_NB_MODES] = { "cost", "latency" };
	struct utsname uts = { 0 };
	char cpu[128];

	json_cpu_name(cpu, sizeof(cpu));
	uname(&uts);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:i, s:i, s:i}",
		"program", "vu-bench " VU_VERSION, "mode", modes[run->mode],
		"dpdk", rte_version(), "command", run->command,
		"cpu", cpu, "kernel", uts.release, "tsc_hz", run->tsc_hz,
		"seconds", (int)run->nb_seconds, "rounds", (int)run->nb_rounds,
		"round_us", (int)run->round_us);
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
	/* Not opened: whoever reads from a pipe would take that for the end. */
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 ? 0 : -errno;
}

static int
json_write(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");
	int rc = 0;

	if (out == NULL)
		return -errno;
	if (fputs(text, out) < 0 || fflush(out) != 0)
		rc = -errno;
	if (fclose(out) != 0 && rc == 0)
		rc = -errno;
	return rc;
}

int
report_json(const char *path, const struct report_run *run, const struct measure_result *results,
	unsigned int nb)
{
	json_t *json = json_run(run);
	json_t *list = json_array();
	char *text;
	int rc;

	for (unsigned int i = 0; i < nb; i++)
		json_array_append_new(list, json_result(&results[i]));
	json_object_set_new(json, "results", list);
	text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	rc = text != NULL ? json_write(path, text) : -ENOMEM;
	free(text);
	json_decref(json);
	return rc;
}
