/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table; see report.h.
 */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

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
			"(p10 .. p90)", "Mpps", "rte_vhost", "copy", "gen", "line ns", "rounds");
}

static void
report_text_point(FILE *out, const struct bench_case *point)
{
	const char *size = options_value_name(OPTION_SIZE, point->size_bytes);
	char negotiated[32], number[16];

	snprintf(negotiated, sizeof(negotiated), "%s%s%s%s", point->is_in_order ? "in-order " : "",
		point->is_mergeable ? "mrg " : "", point->has_offload ? "offl " : "",
		point->has_calls ? "calls" : "");
	snprintf(number, sizeof(number), "%u", point->size_bytes);
	fprintf(out, "%-6s %-21s %-14s %6s %5u %6u %5u  ",
		options_value_name(OPTION_RING, point->ring),
		negotiated[0] != '\0' ? negotiated : "-",
		options_value_name(OPTION_DIRECTION, point->direction),
		size != NULL ? size : number, point->burst, point->nb_pairs, point->nb_cores);
}

/* "3.14x", or a dash where there is nothing to compare with. */
static const char *
text_ratio(double ratio, char text[static 16])
{
	if (ratio > 0)
		snprintf(text, 16, "%.2fx", ratio);
	else
		strcpy(text, "-");
	return text;
}

static void
text_cost(FILE *out, const struct measure_result *result)
{
	char range[32], ratios[2][16], gen[16] = "-", line[16] = "-";

	snprintf(range, sizeof(range), "%.1f .. %.1f", result->cycles.p10, result->cycles.p90);
	if (result->point.nb_cores == 1)
		snprintf(gen, sizeof(gen), "%.1f", result->gen_cycles.median);
	else
		snprintf(line, sizeof(line), "%.0f", result->line_ns);
	fprintf(out, "%10.1f %15s %6.1f %9s %7s %6s %7s", result->cycles.median, range,
		result->packets_per_second / 1e6, text_ratio(result->ratio_to_rte_vhost, ratios[0]),
		text_ratio(result->ratio_to_copy, ratios[1]), gen, line);
}

static void
text_latency(FILE *out, const struct measure_result *result)
{
	char ratio[16];

	fprintf(out, "%9.0f %9.0f %9.0f %9s %7.0f", result->p50_ns, result->p99_ns,
		result->p999_ns, text_ratio(result->ratio_to_rte_vhost, ratio), result->line_ns);
}

static void
report_text_result(FILE *out, const struct measure_result *result)
{
	const char *name = options_value_name(OPTION_BACKEND, result->backend);

	fprintf(out, "%-9s ", name);
	if (result->rc != 0) {
		fprintf(out, "%10s  %s\n", "-", result->rc == -EOPNOTSUPP ?
			"does not offer this" : strerror(-result->rc));
	} else {
		(result->mode == BENCH_LATENCY ? text_latency : text_cost)(out, result);
		/* report_text_end() explains the mark. */
		fprintf(out, " %6u%s\n", result->nb_rounds,
			measure_is_disturbed(result) ? " *" : "");
	}
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
