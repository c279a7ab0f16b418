/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames of vu-bench: their sizes.
 */
#include "test.h"

#include "subject.h"

VU_TEST(bench_frame, sizes_are_those_asked_for)
{
	struct frame_sizes sizes;
	unsigned int nb[3] = { 0 };

	frame_sizes_init(&sizes, 1024);
	CHECK_EQ(sizes.max_bytes, 1024);
	CHECK_EQ(frame_size(&sizes, 12345), 1024);
	frame_sizes_init(&sizes, BENCH_SIZE_IMIX);
	for (uint64_t i = 0; i < FRAME_NB_SIZES; i++) {
		uint16_t bytes = frame_size(&sizes, i);

		CHECK(bytes == 64 || bytes == 594 || bytes == 1518);
		nb[bytes == 64 ? 0 : bytes == 594 ? 1 : 2]++;
	}
	/* 7:4:1 of 256, about. */
	CHECK(nb[0] > 120 && nb[0] < 180);
	CHECK(nb[1] > 60 && nb[1] < 110);
	CHECK(nb[2] > 8 && nb[2] < 40);
	frame_sizes_init(&sizes, BENCH_SIZE_RANDOM);
	for (uint64_t i = 0; i < FRAME_NB_SIZES; i++)
		CHECK(frame_size(&sizes, i) >= BENCH_MIN_FRAME_BYTES &&
			frame_size(&sizes, i) <= 1518);
}
