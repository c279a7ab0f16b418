/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of vu_log.h: log types exist, repeated lines are limited and counted.
 */
#include "vu_log.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

VU_TEST(log, types_are_registered)
{
	CHECK_EQ(rte_log_set_level_pattern("vu.mem", RTE_LOG_INFO), 0);
	CHECK(rte_log_get_level(rte_log_register("vu.mem")) == RTE_LOG_INFO);
	return TEST_SUCCESS;
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
	return TEST_SUCCESS;
}

/* A larger burst, and the line after a gap tells of it. */
VU_TEST(log, left_out_lines_are_told)
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
	return TEST_SUCCESS;
}
