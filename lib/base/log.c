/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Registers the log types and writes lines to them.
 */
#include "vu_log.h"

#include <stdarg.h>
#include <stdio.h>

#include <rte_common.h>
#include <rte_cycles.h>

#define LOG_LINE_BYTES 512

static int log_types[VU_LOG_NB_COMPONENTS];

static const char *const log_names[VU_LOG_NB_COMPONENTS] = {
	[VU_LOG_REACTOR] = "vu.reactor",
	[VU_LOG_SCHED] = "vu.sched",
	[VU_LOG_PROTO] = "vu.proto",
	[VU_LOG_MEM] = "vu.mem",
	[VU_LOG_CONN] = "vu.conn",
	[VU_LOG_VRING] = "vu.vring",
	[VU_LOG_DEVICE] = "vu.device",
	[VU_LOG_BACKEND] = "vu.backend",
	[VU_LOG_ENDPOINT] = "vu.endpoint",
	[VU_LOG_FRONTEND] = "vu.frontend",
	[VU_LOG_TELEMETRY] = "vu.telemetry",
	[VU_LOG_CONTROL] = "vu.control",
	[VU_LOG_DAEMON] = "vu.daemon",
	[VU_LOG_NET] = "vu.net",
	[VU_LOG_ETHDEV] = "vu.ethdev",
};

RTE_INIT(log_register)
{
	for (unsigned int i = 0; i < VU_LOG_NB_COMPONENTS; i++)
		log_types[i] = rte_log_register_type_and_pick_level(log_names[i], RTE_LOG_INFO);
}

void
vu_log_line(enum vu_log_component component, uint32_t level, const char *format, ...)
{
	char line[LOG_LINE_BYTES];
	va_list args;

	if (!rte_log_can_log(log_types[component], level))
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	rte_log(level, log_types[component], "%s: %s\n", log_names[component], line);
}

static void
limit_refill(struct vu_log_limit *limit)
{
	const uint64_t line_tsc = rte_get_tsc_hz() / VU_LOG_RATE;
	const uint64_t now_tsc = rte_rdtsc();
	const uint64_t nb_lines = (now_tsc - limit->refill_tsc) / line_tsc;

	if (nb_lines >= limit->nb_used) {
		limit->nb_used = 0;
		limit->refill_tsc = now_tsc;
	} else {
		limit->nb_used -= (uint32_t)nb_lines;
		limit->refill_tsc += nb_lines * line_tsc;
	}
}

bool
vu_log_allowed(struct vu_log_limit *limit)
{
	limit_refill(limit);
	if (limit->nb_used >= (limit->burst != 0 ? limit->burst : VU_LOG_RATE)) {
		limit->nb_suppressed++;
		return false;
	}
	limit->nb_used++;
	return true;
}

void
vu_log_line_limited(struct vu_log_limit *limit, enum vu_log_component component, uint32_t level,
	const char *format, ...)
{
	char line[LOG_LINE_BYTES];
	va_list args;

	if (!rte_log_can_log(log_types[component], level) || !vu_log_allowed(limit))
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (limit->nb_suppressed != 0)
		vu_log_line(component, level, "%s (%u lines before it left out)", line,
			limit->nb_suppressed);
	else
		vu_log_line(component, level, "%s", line);
	limit->nb_suppressed = 0;
}
