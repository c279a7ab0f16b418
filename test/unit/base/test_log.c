/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of vu_log.h: log types exist, repeated lines are limited and counted.
 */
#include "vu_log.h"

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
	unsigned int nb_asked = 4 * VU_LOG_BURST, nb_allowed = 0;

	for (unsigned int i = 0; i < nb_asked; i++)
		nb_allowed += vu_log_allowed(&limit);
	/* A new window may have begun meanwhile, so only the sum is exact. */
	CHECK(nb_allowed >= VU_LOG_BURST);
	CHECK_EQ(nb_allowed + limit.nb_suppressed, nb_asked);
	return TEST_SUCCESS;
}
