/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table; see report.h.
 */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "options.h"

static void
text_size(const struct bench_case *point, char *text, size_t bytes)
{
	const char *name = options_size_name(point->size_bytes);

	if (name != NULL)
		snprintf(text, bytes, "%s", name);
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
report_text_head(FILE *out, enum bench_mode mode)
{
	fprintf(out, "%-6s %-21s %-14s %6s %5s %6s %5s  %-9s ", "ring", "negotiated", "direction",
		"size", "burst", "queues", "cores", "backend");
	if (mode == BENCH_LATENCY)
		fprintf(out, "%9s %9s %9s %9s %7s %6s\n", "p50 ns", "p99 ns", "p99.9 ns",
			"rte_vhost", "line ns", "rounds");
	else
		fprintf(out, "%10s %15s %6s %9s %7s %6s %7s %6s\n", "cycles/pkt",
			"(p10 .. p90)", "Mpps", "rte_vhost", "limit", "front", "line ns",
			"rounds");
}

static void
text_negotiated(const struct bench_case *point, char *text, size_t bytes)
{
	snprintf(text, bytes, "%s%s%s%s", point->is_in_order ? "in-order " : "",
		point->is_mergeable ? "mrg " : "", point->has_offload ? "offl " : "",
		point->has_calls ? "calls" : "");
	if (text[0] == '\0')
		snprintf(text, bytes, "-");
}

static void
report_text_point(FILE *out, const struct bench_case *point)
{
	char size[16], negotiated[32];

	text_size(point, size, sizeof(size));
	text_negotiated(point, negotiated, sizeof(negotiated));
	fprintf(out, "%-6s %-21s %-14s %6s %5u %6u %5u  ", options_ring_name(point->ring),
		negotiated, options_direction_name(point->direction), size, point->burst,
		point->nb_pairs, point->nb_cores);
}

/* Behind the last column; report_text_end() explains it. */
static const char *
text_mark(const struct measure_result *result)
{
	return measure_is_disturbed(result) ? " *" : "";
}

static void
text_cost(FILE *out, const struct measure_result *result)
{
	char range[32], to_rte_vhost[16], to_limit[16];

	snprintf(range, sizeof(range), "%.1f .. %.1f", result->cycles.p10, result->cycles.p90);
	text_ratio(result->ratio_to_rte_vhost, to_rte_vhost, sizeof(to_rte_vhost));
	text_ratio(result->ratio_to_limit, to_limit, sizeof(to_limit));
	fprintf(out, "%10.1f %15s %6.1f %9s %7s ", result->cycles.median, range,
		result->packets_per_second / 1e6, to_rte_vhost, to_limit);
	if (result->point.nb_cores == 1)
		fprintf(out, "%6.1f %7s %6u%s\n", result->front_cycles.median, "-",
			result->nb_rounds, text_mark(result));
	else
		fprintf(out, "%6s %7.0f %6u%s\n", "-", result->line_ns, result->nb_rounds,
			text_mark(result));
}

static void
text_latency(FILE *out, const struct measure_result *result)
{
	char to_rte_vhost[16];

	text_ratio(result->ratio_to_rte_vhost, to_rte_vhost, sizeof(to_rte_vhost));
	fprintf(out, "%9.0f %9.0f %9.0f %9s %7.0f %6u%s\n", result->p50_ns, result->p99_ns,
		result->p999_ns, to_rte_vhost, result->line_ns, result->nb_rounds,
		text_mark(result));
}

static void
report_text_result(FILE *out, const struct measure_result *result)
{
	const char *name = options_backend_name(result->backend);

	fprintf(out, "%-9s ", name);
	if (result->rc != 0)
		fprintf(out, "%10s  %s\n", "-", result->rc == -EOPNOTSUPP ?
			"does not offer this" : strerror(-result->rc));
	else if (result->mode == BENCH_LATENCY)
		text_latency(out, result);
	else
		text_cost(out, result);
	if (result->nb_lost != 0)
		fprintf(out, "  %s: %" PRIu64 " frames were lost or came back wrong\n", name,
			result->nb_lost);
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
