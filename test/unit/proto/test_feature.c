/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of feature bits and printing of sets, with buffers of every length.
 */
#include "vu_feature.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "vu_wire.h"

#define NET 1
#define BLK 2

VU_TEST(feature, names_depend_on_the_device)
{
	CHECK(strcmp(vu_feature_name(NET, 15), "MRG_RXBUF") == 0);
	CHECK(strcmp(vu_feature_name(NET, 12), "HOST_TSO6") == 0);
	CHECK(strcmp(vu_feature_name(BLK, 12), "MQ") == 0);
	CHECK(vu_feature_name(0, 12) == NULL);
	CHECK(vu_feature_name(NET, 4) == NULL);
	return TEST_SUCCESS;
}

VU_TEST(feature, transport_names_do_not)
{
	for (uint32_t id = 0; id < 4; id++) {
		CHECK(strcmp(vu_feature_name(id, 26), "LOG_ALL") == 0);
		CHECK(strcmp(vu_feature_name(id, 29), "EVENT_IDX") == 0);
		CHECK(strcmp(vu_feature_name(id, 30), "PROTOCOL_FEATURES") == 0);
		CHECK(strcmp(vu_feature_name(id, 34), "RING_PACKED") == 0);
	}
	return TEST_SUCCESS;
}

VU_TEST(feature, bits_beyond_the_word_have_no_name)
{
	CHECK(vu_feature_name(NET, 64) == NULL);
	CHECK(vu_feature_name(NET, ~0u) == NULL);
	CHECK(vu_protocol_feature_name(64) == NULL);
	CHECK(vu_protocol_feature_name(~0u) == NULL);
	return TEST_SUCCESS;
}

VU_TEST(feature, every_protocol_feature_has_a_name)
{
	for (unsigned int bit = 0; bit < VHOST_USER_NB_PROTOCOL_FEATURES; bit++)
		CHECK(vu_protocol_feature_name(bit) != NULL);
	CHECK(vu_protocol_feature_name(VHOST_USER_NB_PROTOCOL_FEATURES) == NULL);
	CHECK(strcmp(vu_protocol_feature_name(3), "REPLY_ACK") == 0);
	CHECK(strcmp(vu_protocol_feature_name(22), "SHMEM") == 0);
	CHECK(strcmp(vu_protocol_feature_name(23), "GET_VRING_BASE_SKIP_DRAIN") == 0);
	return TEST_SUCCESS;
}

VU_TEST(feature, sets_print_in_bit_order)
{
	char text[VU_FEATURE_STRING_BYTES];

	CHECK_EQ(vu_protocol_feature_to_string(0x9, text, sizeof(text)), 12);
	CHECK(strcmp(text, "MQ,REPLY_ACK") == 0);
	vu_feature_to_string(NET, 1ULL << 32 | 1ULL << 15 | 1, text, sizeof(text));
	CHECK(strcmp(text, "CSUM,MRG_RXBUF,VERSION_1") == 0);
	vu_feature_to_string(NET, 0, text, sizeof(text));
	CHECK(strcmp(text, "none") == 0);
	vu_feature_to_string(0, 1ULL << 63 | 1, text, sizeof(text));
	CHECK(strcmp(text, "BIT_0,BIT_63") == 0);
	return TEST_SUCCESS;
}

VU_TEST(feature, the_largest_sets_fit_the_documented_length)
{
	char text[VU_FEATURE_STRING_BYTES];

	for (uint32_t id = 0; id < 3; id++)
		CHECK(vu_feature_to_string(id, UINT64_MAX, text, sizeof(text)) < sizeof(text));
	CHECK(vu_protocol_feature_to_string(UINT64_MAX, text, sizeof(text)) < sizeof(text));
	return TEST_SUCCESS;
}

VU_TEST(feature, short_buffers_hold_the_beginning)
{
	const char whole[] = "MQ,REPLY_ACK,BIT_40";
	const uint64_t set = 1ULL << 40 | 0x9;

	/* Heap buffers of the exact length: a sanitizer sees one byte too many. */
	for (size_t len = 1; len <= sizeof(whole); len++) {
		char *text = malloc(len);
		size_t printed = vu_protocol_feature_to_string(set, text, len);
		bool is_beginning = strncmp(text, whole, len - 1) == 0 && strlen(text) == len - 1;

		free(text);
		CHECK_EQ(printed, sizeof(whole) - 1);
		CHECK(is_beginning);
	}
	return TEST_SUCCESS;
}
