/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Order statistics of vu-bench.
 */
#include "test.h"

#include "bench.h"

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
}

VU_TEST(bench_stats, few_values)
{
	double one[] = { 7 };

	CHECK_EQ(stats_summarise(one, 1).median, 7);
	CHECK_EQ(stats_summarise(one, 1).p90, 7);
	CHECK_EQ(stats_summarise(NULL, 0).median, 0);
}

VU_TEST(bench_stats, lcores_are_as_near_as_usual_or_not)
{
	CHECK(measure_is_alike(66, 70));
	CHECK(measure_is_alike(100, 66));
	CHECK(measure_is_alike(66, 100));
	CHECK(!measure_is_alike(66, 331));
	CHECK(!measure_is_alike(331, 66));
	/* It changed during the round. */
	CHECK(!measure_is_alike(0, 66));
}
