/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of vu_backoff.h: the series of delays and its limits.
 */
#include "vu_backoff.h"

#include "test.h"

VU_TEST(backoff, doubles_up_to_cap)
{
	static const uint32_t delays_ms[] = { 100, 200, 400, 800, 1000, 1000, 1000 };
	struct vu_backoff backoff;

	vu_backoff_init(&backoff, 100, 1000);
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < RTE_DIM(delays_ms); i++)
			CHECK_EQ(vu_backoff_next_ms(&backoff), delays_ms[i]);
		vu_backoff_reset(&backoff);
	}
}

VU_TEST(backoff, limits)
{
	struct vu_backoff backoff;

	vu_backoff_init(&backoff, 0, 0);
	CHECK_EQ(vu_backoff_next_ms(&backoff), 1);
	CHECK_EQ(vu_backoff_next_ms(&backoff), 1);
	vu_backoff_init(&backoff, 500, 100);
	CHECK_EQ(vu_backoff_next_ms(&backoff), 500);
	CHECK_EQ(vu_backoff_next_ms(&backoff), 500);
	/* Neither wraps nor ends, however often it is asked. */
	vu_backoff_init(&backoff, 3, UINT32_MAX);
	for (unsigned int i = 0; i < 100; i++)
		CHECK(vu_backoff_next_ms(&backoff) >= 3);
	CHECK_EQ(vu_backoff_next_ms(&backoff), UINT32_MAX);
}
