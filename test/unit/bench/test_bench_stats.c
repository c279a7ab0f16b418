/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Order statistics of vu-bench.
 */
#include "test.h"

#include "stats.h"

VU_TEST(bench_stats, quantiles_of_an_odd_number_are_values)
{
	double values[] = { 5, 1, 4, 2, 3 };
	struct stats_summary summary = stats_summarise(values, RTE_DIM(values));

	CHECK_EQ(summary.median, 3);
	CHECK_EQ(values[0], 1);
	CHECK_EQ(values[4], 5);
	CHECK_EQ(stats_quantile(values, RTE_DIM(values), 0), 1);
	CHECK_EQ(stats_quantile(values, RTE_DIM(values), 1), 5);
	CHECK_EQ(stats_quantile(values, RTE_DIM(values), 0.25), 2);
	return TEST_SUCCESS;
}

VU_TEST(bench_stats, quantiles_between_values_are_interpolated)
{
	double values[] = { 20, 10 };
	double many[101];

	CHECK_EQ(stats_summarise(values, 2).median, 15);
	CHECK_EQ(stats_quantile(values, 2, 0.1) * 10, 110);
	for (unsigned int i = 0; i < RTE_DIM(many); i++)
		many[i] = (i * 37) % RTE_DIM(many);
	CHECK_EQ(stats_summarise(many, RTE_DIM(many)).p10, 10);
	CHECK_EQ(stats_summarise(many, RTE_DIM(many)).p90, 90);
	return TEST_SUCCESS;
}

VU_TEST(bench_stats, few_values)
{
	double one[] = { 7 };

	CHECK_EQ(stats_summarise(one, 1).median, 7);
	CHECK_EQ(stats_summarise(one, 1).p90, 7);
	CHECK_EQ(stats_summarise(NULL, 0).median, 0);
	return TEST_SUCCESS;
}

VU_TEST(bench_stats, widest_gap_parts_two_groups)
{
	double values[] = { 340, 66, 331, 65, 70, 338, 100 };
	double border = stats_gap(values, RTE_DIM(values), 1.6);

	CHECK(border > 100 && border < 331);
	return TEST_SUCCESS;
}

VU_TEST(bench_stats, one_group_has_no_gap)
{
	double values[] = { 80, 65, 100, 120 };

	CHECK_EQ(stats_gap(values, RTE_DIM(values), 1.6), 0);
	CHECK_EQ(stats_gap(values, 1, 1.6), 0);
	CHECK_EQ(stats_gap(NULL, 0, 1.6), 0);
	return TEST_SUCCESS;
}
