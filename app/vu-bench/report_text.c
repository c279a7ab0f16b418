/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table; see report.h.
 */
#include "report.h"

#include <errno.h>
#include <string.h>

#include "options.h"

static void
text_size(const struct bench_case *point, char *text, size_t bytes)
{
	if (point->size_bytes == BENCH_SIZE_IMIX)
		snprintf(text, bytes, "imix");
	else
		snprintf(text, bytes, "%u", point->size_bytes);
}

/* "3.14x", or a dash where there is nothing to compare with. */
static void
text_ratio(double ratio, char *text, size_t bytes)
{
	if (ratio > 0)
		snprintf(text, bytes, "%.2fx", ratio);
	else
		snprintf(text, bytes, "-");
}

void
report_text_head(FILE *out)
{
	fprintf(out, "%-6s %-5s %-4s %-4s %-10s %5s %5s %6s  %-9s %10s %15s %7s %9s %7s %6s\n",
		"ring", "order", "mrg", "offl", "direction", "size", "burst", "queues", "backend",
		"cycles/pkt", "(p10 .. p90)", "Mpps", "rte_vhost", "limit", "front");
}

static void
report_text_point(FILE *out, const struct bench_case *point)
{
	char size[16];

	text_size(point, size, sizeof(size));
	fprintf(out, "%-6s %-5s %-4s %-4s %-10s %5s %5u %6u  ", options_ring_name(point->ring),
		point->is_in_order ? "on" : "off", point->is_mergeable ? "on" : "off",
		point->has_offload ? "on" : "off", options_direction_name(point->direction), size,
		point->burst, point->nb_pairs);
}

static void
report_text_result(FILE *out, const struct measure_result *result)
{
	char range[32], to_rte_vhost[16], to_limit[16];

	fprintf(out, "%-9s ", measure_backend_name(result->backend));
	if (result->rc != 0) {
		fprintf(out, "%10s %s\n", "-", result->rc == -EOPNOTSUPP ?
			"does not offer this" : strerror(-result->rc));
		return;
	}
	snprintf(range, sizeof(range), "%.1f .. %.1f", result->cycles.p10, result->cycles.p90);
	text_ratio(result->ratio_to_rte_vhost, to_rte_vhost, sizeof(to_rte_vhost));
	text_ratio(result->ratio_to_limit, to_limit, sizeof(to_limit));
	fprintf(out, "%10.1f %15s %7.1f %9s %7s %6.1f\n", result->cycles.median, range,
		result->packets_per_second / 1e6, to_rte_vhost, to_limit,
		result->front_cycles.median);
	if (result->nb_lost != 0)
		fprintf(out, "  %s: %llu frames were lost or came back wrong\n",
			measure_backend_name(result->backend), (unsigned long long)result->nb_lost);
}

void
report_text(FILE *out, const struct measure_result *results, unsigned int nb)
{
	for (unsigned int i = 0; i < nb; i++) {
		report_text_point(out, &results[i].point);
		report_text_result(out, &results[i]);
	}
	fflush(out);
}
