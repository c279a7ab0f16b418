/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of vu_math.h: sums, products and ranges at the edges of 64 bits.
 */
#include "vu_math.h"

#include "test.h"

VU_TEST(math, add_refuses_to_wrap)
{
	uint64_t sum = 7;

	CHECK(vu_add_fits(UINT64_MAX - 1, 1, &sum));
	CHECK_EQ(sum, UINT64_MAX);
	CHECK(!vu_add_fits(UINT64_MAX, 1, &sum));
}

VU_TEST(math, mul_refuses_to_wrap)
{
	uint64_t product = 7;

	CHECK(vu_mul_fits(UINT64_C(1) << 32, (UINT64_C(1) << 32) - 1, &product));
	CHECK_EQ(product, UINT64_MAX - UINT32_MAX);
	CHECK(!vu_mul_fits(UINT64_C(1) << 32, UINT64_C(1) << 32, &product));
}

VU_TEST(math, align_up_refuses_to_wrap)
{
	uint64_t result = 7;

	CHECK(vu_align_up_fits(0, 4096, &result));
	CHECK_EQ(result, 0);
	CHECK(vu_align_up_fits(1, 4096, &result));
	CHECK_EQ(result, 4096);
	CHECK(vu_align_up_fits(4096, 4096, &result));
	CHECK_EQ(result, 4096);
	CHECK(!vu_align_up_fits(UINT64_MAX - 4094, 4096, &result));
}

VU_TEST(math, range_inside_edges)
{
	CHECK(vu_range_inside(100, 50, 100, 50));
	CHECK(vu_range_inside(150, 0, 100, 50));
	CHECK(!vu_range_inside(151, 0, 100, 50));
	CHECK(!vu_range_inside(100, 51, 100, 50));
	CHECK(!vu_range_inside(99, 1, 100, 50));
	CHECK(!vu_range_inside(120, UINT64_MAX, 100, 50));
	CHECK(vu_range_inside(UINT64_MAX - 9, 10, UINT64_MAX - 19, 20));
}

VU_TEST(math, ranges_overlap_edges)
{
	CHECK(vu_ranges_overlap(100, 50, 149, 10));
	CHECK(vu_ranges_overlap(149, 10, 100, 50));
	CHECK(!vu_ranges_overlap(100, 50, 150, 10));
	CHECK(!vu_ranges_overlap(150, 10, 100, 50));
	CHECK(!vu_ranges_overlap(100, 0, 100, 50));
	CHECK(vu_ranges_overlap(UINT64_MAX - 9, 9, 0, UINT64_MAX));
}
