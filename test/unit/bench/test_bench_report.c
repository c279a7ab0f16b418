/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reports of vu-bench: the JSON says what the manual page promises, the table has every row.
 */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "bench.h"

static const struct measure_result results[] = {
	{
		.mode = BENCH_COST, .backend = BENCH_VU, .nb_frames = 1000, .nb_rounds = 3,
		.point = { .size_bytes = 64, .burst = 32, .nb_pairs = 1, .nb_cores = 1,
			.is_mergeable = true, .ring_size = 256 },
		.cycles = { 20.5, 19, 22 }, .gen_cycles = { 5, 4, 6 },
		.packets_per_second = 1e8, .ratio_to_rte_vhost = 2.5, .has_hugepages = true,
	},
	{
		.mode = BENCH_COST, .backend = BENCH_RTE_VHOST, .rc = -EOPNOTSUPP,
		.point = { .ring = BENCH_PACKED, .direction = BENCH_TO_GUEST,
			.size_bytes = BENCH_SIZE_IMIX, .nb_cores = 2 },
	},
	{
		.mode = BENCH_LATENCY, .backend = BENCH_EVENTFD, .nb_lost = 2, .line_ns = 80,
		.nb_rounds = 4, .nb_interrupted = 3,
		.point = { .direction = BENCH_BOTH, .size_bytes = 64, .nb_cores = 2 },
		.p50_ns = 300, .p99_ns = 400, .p999_ns = 500,
	},
};

static json_t *
write_and_read(void)
{
	char path[] = "/tmp/vu-test.XXXXXX";
	char command[] = "vu-bench \"x\"";
	const struct options options = { .json_path = path, .command = command };
	int fd = mkstemp(path);
	json_t *json = NULL;

	if (fd < 0)
		return NULL;
	close(fd);
	if (report_json(&options, results, RTE_DIM(results)) == 0)
		json = json_load_file(path, 0, NULL);
	unlink(path);
	return json;
}

static const char *
text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text != NULL ? text : "";
}

VU_TEST(bench_report, json_of_a_cost)
{
	json_t *json = write_and_read();
	json_t *list, *one, *cycles;

	CHECK(json != NULL);
	CHECK(strcmp(text_of(json, "command"), "vu-bench \"x\"") == 0);
	CHECK(strcmp(text_of(json, "mode"), "cost") == 0);
	CHECK(strstr(text_of(json, "dpdk"), "DPDK") != NULL);
	CHECK(text_of(json, "cpu")[0] != '\0');
	list = json_object_get(json, "results");
	CHECK_EQ(json_array_size(list), RTE_DIM(results));
	one = json_array_get(list, 0);
	CHECK(strcmp(text_of(one, "backend"), "vu") == 0);
	CHECK(strcmp(text_of(one, "ring"), "split") == 0);
	CHECK(strcmp(text_of(one, "direction"), "from_guest") == 0);
	CHECK_EQ(json_integer_value(json_object_get(one, "size")), 64);
	CHECK_EQ(json_integer_value(json_object_get(one, "burst")), 32);
	CHECK_EQ(json_integer_value(json_object_get(one, "queues")), 1);
	CHECK_EQ(json_integer_value(json_object_get(one, "cores")), 1);
	CHECK(json_is_false(json_object_get(one, "in_order")));
	CHECK(json_is_true(json_object_get(one, "mergeable")));
	cycles = json_object_get(one, "cycles_per_packet");
	CHECK_EQ(json_real_value(json_object_get(cycles, "median")) * 10, 205);
	CHECK_EQ(json_real_value(json_object_get(cycles, "p10")), 19);
	CHECK_EQ(json_real_value(json_object_get(cycles, "p90")), 22);
	CHECK_EQ(json_real_value(json_object_get(one, "packets_per_second")), 100000000);
	CHECK_EQ(json_real_value(json_object_get(one, "ratio_to_rte_vhost")) * 10, 25);
	CHECK(json_is_null(json_object_get(one, "ratio_to_copy")));
	CHECK(json_object_get(one, "error") == NULL);
	CHECK(json_is_true(json_object_get(one, "hugepages")));
	CHECK_EQ(json_integer_value(json_object_get(one, "interrupted_rounds")), 0);
	CHECK(json_is_false(json_object_get(one, "disturbed")));
	json_decref(json);
}

static bool
is_disturbed(enum bench_mode mode, unsigned int nb_interrupted, double p90)
{
	const struct measure_result result = {
		.mode = mode, .nb_rounds = 100, .nb_interrupted = nb_interrupted,
		.cycles = { .median = 20, .p10 = 19, .p90 = p90 },
	};

	return measure_is_disturbed(&result);
}

VU_TEST(bench_report, a_shared_cpu_disturbs)
{
	CHECK(!is_disturbed(BENCH_COST, 5, 40));
	CHECK(is_disturbed(BENCH_COST, 6, 40));
	CHECK(is_disturbed(BENCH_COST, 0, 41));
	CHECK(!is_disturbed(BENCH_LATENCY, 5, 41));
	CHECK(is_disturbed(BENCH_LATENCY, 6, 0));
}

VU_TEST(bench_report, disturbed_rows_are_marked)
{
	struct measure_result rows[] = { results[0], results[0], results[2] };
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	CHECK(out != NULL);
	rows[1].nb_interrupted = 1;
	report_text(out, rows, 1);
	report_text_end(out, rows, 1);
	fflush(out);
	CHECK(strchr(text, '*') == NULL);
	report_text(out, &rows[1], 2);
	report_text_end(out, rows, RTE_DIM(rows));
	fclose(out);
	CHECK(strstr(text, "     3 *\n") != NULL);
	CHECK(strstr(text, "Rows with a *") != NULL && strstr(text, "down: 2;") != NULL);
	free(text);
}

VU_TEST(bench_report, json_of_failure_and_latency)
{
	json_t *json = write_and_read();
	json_t *list, *one;

	CHECK(json != NULL);
	list = json_object_get(json, "results");
	one = json_array_get(list, 1);
	CHECK(strcmp(text_of(one, "error"), "not offered") == 0);
	CHECK(strcmp(text_of(one, "ring"), "packed") == 0);
	CHECK(strcmp(text_of(one, "size"), "imix") == 0);
	CHECK(json_object_get(one, "cycles_per_packet") == NULL);
	one = json_array_get(list, 2);
	CHECK(strcmp(text_of(one, "backend"), "eventfd") == 0);
	CHECK_EQ(json_integer_value(json_object_get(one, "lost")), 2);
	CHECK_EQ(json_real_value(json_object_get(one, "line_round_trip_ns")), 80);
	CHECK_EQ(json_integer_value(json_object_get(one, "interrupted_rounds")), 3);
	CHECK(json_is_true(json_object_get(one, "disturbed")));
	one = json_object_get(one, "latency_ns");
	CHECK_EQ(json_real_value(json_object_get(one, "p99")), 400);
	CHECK_EQ(json_real_value(json_object_get(one, "p99.9")), 500);
	json_decref(json);
}

/* As by someone who asks before a long run; -errno, or what the file holds then. */
static int
probe_existing(char *path, char *left, size_t bytes)
{
	FILE *in;
	int rc = report_json_probe(path);

	in = fopen(path, "r");
	if (in == NULL)
		return -ENOENT;
	left[fread(left, 1, bytes - 1, in)] = '\0';
	fclose(in);
	return rc;
}

VU_TEST(bench_report, a_probe_leaves_things_as_they_are)
{
	char path[] = "/tmp/vu-test.XXXXXX";
	char left[16] = "";
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "older", 5), 5);
	close(fd);
	CHECK_EQ(probe_existing(path, left, sizeof(left)), 0);
	CHECK(strcmp(left, "older") == 0);
	unlink(path);
	CHECK_EQ(report_json_probe(path), 0);
	CHECK_EQ(access(path, F_OK), -1);
}

VU_TEST(bench_report, a_probe_says_why_not)
{
	char command[] = "vu-bench";
	const struct options folder = { .json_path = "/nonexistent/x.json", .command = command };
	const struct options full = { .json_path = "/dev/full", .command = command };

	CHECK_EQ(report_json_probe("/nonexistent/x.json"), -ENOENT);
	CHECK_EQ(report_json_probe("/tmp"), -EISDIR);
	CHECK_EQ(report_json_probe("/dev/null/x.json"), -ENOTDIR);
	CHECK_EQ(report_json(&folder, results, 1), -ENOENT);
	CHECK_EQ(report_json(&full, results, 1), -ENOSPC);
}

VU_TEST(bench_report, table_has_every_row)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	CHECK(out != NULL);
	report_text_head(out, BENCH_COST);
	report_text(out, results, RTE_DIM(results));
	report_text_end(out, results, 2);
	fflush(out);
	CHECK(strstr(text, "hugepages") == NULL);
	report_text_end(out, results, RTE_DIM(results));
	fclose(out);
	CHECK(strstr(text, "no hugepages: 1;") != NULL);
	CHECK(strstr(text, "cycles/pkt") != NULL);
	CHECK(strstr(text, "20.5") != NULL && strstr(text, "2.50x") != NULL);
	CHECK(strstr(text, "not offered") != NULL);
	CHECK(strstr(text, "eventfd: 2 frames were lost or came back wrong") != NULL);
	free(text);
}
