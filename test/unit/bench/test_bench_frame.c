/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames of vu-bench: sizes, and a comparison that sees every byte.
 */
#include "test.h"

#include "frame.h"

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
	return TEST_SUCCESS;
}

VU_TEST(bench_frame, every_changed_byte_is_seen)
{
	uint8_t frame[300];

	frame_fill_number(frame, sizeof(frame), 3, 77);
	CHECK(frame_is_number(frame, sizeof(frame), 3, 77));
	CHECK(!frame_is_number(frame, sizeof(frame), 3, 78));
	CHECK(!frame_is_number(frame, sizeof(frame), 4, 77));
	CHECK(!frame_is_number(frame, sizeof(frame) - 1, 3, 77));
	for (unsigned int i = 0; i < sizeof(frame); i++) {
		frame[i] ^= 0x10;
		CHECK(!frame_is_number(frame, sizeof(frame), 3, 77));
		frame[i] ^= 0x10;
	}
	return TEST_SUCCESS;
}

VU_TEST(bench_frame, impossible_lengths_are_wrong)
{
	static uint8_t frame[BENCH_MAX_FRAME_BYTES];

	frame_fill_number(frame, sizeof(frame), 0, 1);
	CHECK(frame_is_number(frame, sizeof(frame), 0, 1));
	CHECK(!frame_is_number(frame, BENCH_MAX_FRAME_BYTES + 1, 0, 1));
	CHECK(!frame_is_number(frame, UINT32_MAX, 0, 1));
	CHECK(!frame_is_number(frame, 0, 0, 1));
	return TEST_SUCCESS;
}
