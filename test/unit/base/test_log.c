/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of vu_log.h: log types exist, repeated lines are limited and counted.
 */
#include "vu_log.h"

#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "test.h"

VU_TEST(log, types_are_registered)
{
	CHECK_EQ(rte_log_set_level_pattern("vu.mem", RTE_LOG_INFO), 0);
	CHECK(rte_log_get_level(rte_log_register("vu.mem")) == RTE_LOG_INFO);
}

VU_TEST(log, burst_is_limited)
{
	struct vu_log_limit limit = {0};
	unsigned int nb_asked = 4 * VU_LOG_RATE, nb_allowed = 0;

	for (unsigned int i = 0; i < nb_asked; i++)
		nb_allowed += vu_log_allowed(&limit);
	/* Time passes, so only the sum is exact. */
	CHECK(nb_allowed >= VU_LOG_RATE);
	CHECK_EQ(nb_allowed + limit.nb_suppressed, nb_asked);
}

VU_TEST(log, no_line_beyond_the_burst)
{
	const uint64_t line_tsc = rte_get_tsc_hz() / VU_LOG_RATE;
	uint64_t start_tsc;
	bool is_allowed;

	/* Until a try was so short that nothing was refilled meanwhile. */
	do {
		struct vu_log_limit limit = { .burst = 3, .nb_used = 2 };

		limit.refill_tsc = start_tsc = rte_rdtsc();
		CHECK(vu_log_allowed(&limit));
		is_allowed = vu_log_allowed(&limit);
	} while (rte_rdtsc() - start_tsc >= line_tsc);
	CHECK(!is_allowed);
}

/* Time that is not enough for another line counts for the next one. */
VU_TEST(log, refill_keeps_fractions)
{
	const uint64_t line_tsc = rte_get_tsc_hz() / VU_LOG_RATE;
	const uint64_t start_tsc = rte_rdtsc() - 5 * line_tsc / 2;
	struct vu_log_limit limit = { .burst = 1000, .nb_used = 900, .refill_tsc = start_tsc };
	uint64_t passed_tsc;

	CHECK(vu_log_allowed(&limit));
	passed_tsc = limit.refill_tsc - start_tsc;
	CHECK(passed_tsc >= 2 * line_tsc && passed_tsc % line_tsc == 0);
	CHECK_EQ(limit.nb_used, 901 - passed_tsc / line_tsc);
}

/* A larger burst, and the line after a gap reports it. */
VU_TEST(log, left_out_lines_are_reported)
{
	struct vu_log_limit limit = { .burst = 20 };
	unsigned int nb_lines = 0;
	char *text = NULL;
	size_t len = 0;
	FILE *log = open_memstream(&text, &len);

	rte_openlog_stream(log);
	for (unsigned int i = 0; i < 400; i++)
		VU_LOG_LIMITED(&limit, MEM, WARNING, "line %u", i);
	limit.nb_used = 0;
	VU_LOG_LIMITED(&limit, MEM, WARNING, "last line");
	rte_openlog_stream(NULL);
	fclose(log);
	for (const char *line = text; (line = strchr(line, '\n')) != NULL; line++)
		nb_lines++;
	CHECK(nb_lines > 20 && nb_lines < 100);
	CHECK(strstr(text, "line 19\n") != NULL);
	CHECK(strstr(text, "last line (") != NULL && strstr(text, " lines before it left out)"));
	CHECK_EQ(limit.nb_suppressed, 0);
	free(text);
}
