/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The rows against a second transcription of the specification's tables, made independently of the
 * first: number, sizes, fds, reply, gate. A slip has to happen twice to stay unnoticed.
 */
#include "vu_msg_spec.h"

#include <string.h>

#include <rte_bitops.h>

#include "test.h"

#define ANY 4096
#define REGION VHOST_USER_MEM_REGION_BYTES /* 32, or 40 for Xen */

struct expected {
	uint32_t request;
	const char *name;
	unsigned int len_min, len_max, fds_min, fds_max;
	enum vu_reply_kind reply;
	uint64_t protocol;
	int feature;      /* bit that must be acknowledged, -1 none */
	int offered;      /* bit that must be offered, -1 none */
};

#define P(bit) (1ULL << (bit))

static const struct expected requests[] = {
	{ 1, "GET_FEATURES", 0, 0, 0, 0, VU_REPLY_ALWAYS, 0, -1, -1 },
	{ 2, "SET_FEATURES", 8, 8, 0, 0, VU_REPLY_ACK, 0, -1, -1 },
	{ 3, "SET_OWNER", 0, 0, 0, 0, VU_REPLY_ACK, 0, -1, -1 },
	{ 4, "RESET_OWNER", 0, 0, 0, 0, VU_REPLY_ACK, 0, -1, -1 },
	{ 5, "SET_MEM_TABLE", 8 + REGION, 8 + 8 * REGION, 1, 8, VU_REPLY_CONDITIONAL, 0, -1, -1 },
	{ 6, "SET_LOG_BASE", 8, 16, 0, 1, VU_REPLY_CONDITIONAL, 0, -1, -1 },
	{ 7, "SET_LOG_FD", 0, 0, 1, 1, VU_REPLY_ACK, 0, -1, -1 },
	{ 8, "SET_VRING_NUM", 8, 8, 0, 0, VU_REPLY_ACK, 0, -1, -1 },
	{ 9, "SET_VRING_ADDR", 40, 40, 0, 0, VU_REPLY_ACK, 0, -1, -1 },
	{ 10, "SET_VRING_BASE", 8, 8, 0, 0, VU_REPLY_ACK, 0, -1, -1 },
	{ 11, "GET_VRING_BASE", 8, 8, 0, 0, VU_REPLY_ALWAYS, 0, -1, -1 },
	{ 12, "SET_VRING_KICK", 8, 8, 0, 1, VU_REPLY_ACK, 0, -1, -1 },
	{ 13, "SET_VRING_CALL", 8, 8, 0, 1, VU_REPLY_ACK, 0, -1, -1 },
	{ 14, "SET_VRING_ERR", 8, 8, 0, 1, VU_REPLY_ACK, 0, -1, -1 },
	{ 15, "GET_PROTOCOL_FEATURES", 0, 0, 0, 0, VU_REPLY_ALWAYS, 0, -1, 30 },
	{ 16, "SET_PROTOCOL_FEATURES", 8, 8, 0, 0, VU_REPLY_ACK, 0, -1, 30 },
	{ 17, "GET_QUEUE_NUM", 0, 0, 0, 0, VU_REPLY_ALWAYS, P(0), -1, -1 },
	{ 18, "SET_VRING_ENABLE", 8, 8, 0, 0, VU_REPLY_ACK, 0, -1, 30 },
	{ 19, "SEND_RARP", 8, 8, 0, 0, VU_REPLY_ACK, P(2), -1, -1 },
	{ 20, "NET_SET_MTU", 8, 8, 0, 0, VU_REPLY_ACK, P(4), -1, 3 },
	{ 21, "SET_BACKEND_REQ_FD", 0, 0, 1, 1, VU_REPLY_ACK, P(5), -1, -1 },
	{ 22, "IOTLB_MSG", 26, 32, 0, 0, VU_REPLY_ALWAYS, 0, 33, -1 },
	{ 23, "SET_VRING_ENDIAN", 8, 8, 0, 0, VU_REPLY_ACK, P(6), -1, -1 },
	{ 24, "GET_CONFIG", 13, ANY, 0, 0, VU_REPLY_ALWAYS, P(9), -1, -1 },
	{ 25, "SET_CONFIG", 13, ANY, 0, 0, VU_REPLY_ACK, P(9), -1, -1 },
	{ 26, "CREATE_CRYPTO_SESSION", 8, ANY, 0, 0, VU_REPLY_ALWAYS, P(7), -1, -1 },
	{ 27, "CLOSE_CRYPTO_SESSION", 8, 8, 0, 0, VU_REPLY_ACK, P(7), -1, -1 },
	{ 28, "POSTCOPY_ADVISE", 0, 0, 0, 0, VU_REPLY_ALWAYS, P(8), -1, -1 },
	{ 29, "POSTCOPY_LISTEN", 0, 0, 0, 0, VU_REPLY_ACK, P(8), -1, -1 },
	{ 30, "POSTCOPY_END", 0, 0, 0, 0, VU_REPLY_ALWAYS, P(8), -1, -1 },
	{ 31, "GET_INFLIGHT_FD", 20, 24, 0, 0, VU_REPLY_ALWAYS, P(12), -1, -1 },
	{ 32, "SET_INFLIGHT_FD", 20, 24, 1, 1, VU_REPLY_ACK, P(12), -1, -1 },
	{ 33, "GPU_SET_SOCKET", 0, 0, 1, 1, VU_REPLY_ACK, 0, -1, -1 },
	{ 34, "RESET_DEVICE", 0, 0, 0, 0, VU_REPLY_ACK, P(13), -1, -1 },
	{ 35, "VRING_KICK", 8, 8, 0, 0, VU_REPLY_ACK, P(14) | P(3) | P(5), -1, -1 },
	{ 36, "GET_MAX_MEM_SLOTS", 0, 0, 0, 0, VU_REPLY_ALWAYS, P(15), -1, -1 },
	{ 37, "ADD_MEM_REG", 8 + REGION, 8 + REGION, 1, 1, VU_REPLY_CONDITIONAL, P(15), -1, -1 },
	{ 38, "REM_MEM_REG", 8 + REGION, 8 + REGION, 0, 1, VU_REPLY_ACK, P(15), -1, -1 },
	{ 39, "SET_STATUS", 8, 8, 0, 0, VU_REPLY_ACK, P(16), -1, -1 },
	{ 40, "GET_STATUS", 0, 0, 0, 0, VU_REPLY_ALWAYS, P(16), -1, -1 },
	{ 41, "GET_SHARED_OBJECT", 16, 16, 0, 0, VU_REPLY_ALWAYS, P(18), -1, -1 },
	{ 42, "SET_DEVICE_STATE_FD", 8, 8, 1, 1, VU_REPLY_ALWAYS, P(19), -1, -1 },
	{ 43, "CHECK_DEVICE_STATE", 0, 0, 0, 0, VU_REPLY_ALWAYS, P(19), -1, -1 },
	{ 44, "GET_SHMEM_CONFIG", 0, 0, 0, 0, VU_REPLY_ALWAYS, P(22), -1, -1 },
	{ 45, "GET_VRING_BASE_SKIP_DRAIN", 8, 8, 0, 0, VU_REPLY_ALWAYS,
		P(12) | P(20) | P(23), -1, -1 },
};

static const struct expected backend_requests[] = {
	{ 1, "BACKEND_IOTLB_MSG", 26, 32, 0, 0, VU_REPLY_ACK, P(5), 33, -1 },
	{ 2, "BACKEND_CONFIG_CHANGE_MSG", 0, 0, 0, 0, VU_REPLY_ACK, P(5) | P(9), -1, -1 },
	{ 3, "BACKEND_VRING_HOST_NOTIFIER_MSG", 24, 24, 0, 1, VU_REPLY_ACK,
		P(5) | P(10) | P(11), -1, -1 },
	{ 4, "BACKEND_VRING_CALL", 8, 8, 0, 0, VU_REPLY_ACK, P(5) | P(3) | P(14), -1, -1 },
	{ 5, "BACKEND_VRING_ERR", 8, 8, 0, 0, VU_REPLY_ACK, P(5) | P(3) | P(14), -1, -1 },
	{ 6, "BACKEND_SHARED_OBJECT_ADD", 16, 16, 0, 0, VU_REPLY_ACK, P(5) | P(18), -1, -1 },
	{ 7, "BACKEND_SHARED_OBJECT_REMOVE", 16, 16, 0, 0, VU_REPLY_ACK, P(5) | P(18), -1, -1 },
	{ 8, "BACKEND_SHARED_OBJECT_LOOKUP", 16, 16, 0, 0, VU_REPLY_ALWAYS, P(5) | P(18), -1, -1 },
	{ 9, "BACKEND_SHMEM_MAP", 40, 40, 1, 1, VU_REPLY_ACK, P(5) | P(10) | P(22), -1, -1 },
	{ 10, "BACKEND_SHMEM_UNMAP", 40, 40, 0, 0, VU_REPLY_ACK, P(5) | P(22), -1, -1 },
};

static uint64_t
mask_of(int bit)
{
	return bit < 0 ? 0 : 1ULL << bit;
}

static void
row_compare(const struct vu_msg_spec *row, const struct expected *want)
{
	printf("request %u %s\n", want->request, want->name);
	CHECK(row != NULL);
	CHECK(strcmp(row->name, want->name) == 0);
	CHECK_EQ(row->request, want->request);
	CHECK_EQ(row->shape.len_min, want->len_min);
	CHECK_EQ(row->shape.len_max, want->len_max);
	CHECK_EQ(row->shape.fds_min, want->fds_min);
	CHECK_EQ(row->shape.fds_max, want->fds_max);
	CHECK_EQ(row->reply, want->reply);
	CHECK_EQ(row->protocol_features, want->protocol);
	CHECK_EQ(row->features, mask_of(want->feature));
	CHECK_EQ(row->features_offered, mask_of(want->offered));
}

VU_TEST(msg_spec, every_front_end_request_has_its_row)
{
	for (uint32_t i = 0; i < RTE_DIM(requests); i++) {
		CHECK_EQ(requests[i].request, i + 1);
		row_compare(vu_msg_spec(i + 1), &requests[i]);
	}
	CHECK_EQ(RTE_DIM(requests), VHOST_USER_NB_REQUESTS - 1);
}

VU_TEST(msg_spec, every_back_end_request_has_its_row)
{
	for (uint32_t i = 0; i < RTE_DIM(backend_requests); i++) {
		CHECK_EQ(backend_requests[i].request, i + 1);
		row_compare(vu_msg_spec_backend(i + 1), &backend_requests[i]);
	}
	CHECK_EQ(RTE_DIM(backend_requests), VHOST_USER_BACKEND_NB_REQUESTS - 1);
}

VU_TEST(msg_spec, other_numbers_have_none)
{
	const uint32_t numbers[] = { 0, 46, 47, 255, 256 + 1, 65536 + 1, 0x80000001, UINT32_MAX };

	for (uint32_t i = 0; i < RTE_DIM(numbers); i++) {
		CHECK(vu_msg_spec(numbers[i]) == NULL);
		CHECK(vu_msg_spec_backend(numbers[i]) == NULL);
	}
	CHECK(vu_msg_spec_backend(11) == NULL);
}

static void
row_check_sense(const struct vu_msg_spec *row)
{
	const struct vu_msg_shape *shapes[] = { &row->shape, &row->reply_shape };

	for (unsigned int i = 0; i < RTE_DIM(shapes); i++) {
		CHECK(shapes[i]->len_min <= shapes[i]->len_max);
		CHECK(shapes[i]->len_max <= VU_MAX_MSG_BYTES);
		CHECK(shapes[i]->fds_min <= shapes[i]->fds_max);
		CHECK(shapes[i]->fds_max <= VU_MAX_MSG_FDS);
		CHECK_EQ(shapes[i]->len_step == 0, shapes[i]->len_min == shapes[i]->len_max);
		if (shapes[i]->len_step != 0)
			CHECK_EQ(shapes[i]->len_max % shapes[i]->len_step,
				shapes[i]->len_min % shapes[i]->len_step);
	}
	CHECK_EQ(row->payload == VU_PAYLOAD_NONE, row->shape.len_max == 0);
	CHECK_EQ(row->payload == VU_PAYLOAD_IOTLB, row->iotlb_types != 0);
	CHECK(row->value_min <= row->value_max);
}

VU_TEST(msg_spec, columns_agree_with_each_other)
{
	for (uint32_t i = 1; i < VHOST_USER_NB_REQUESTS; i++)
		row_check_sense(vu_msg_spec(i));
	for (uint32_t i = 1; i < VHOST_USER_BACKEND_NB_REQUESTS; i++)
		row_check_sense(vu_msg_spec_backend(i));
}

VU_TEST(msg_spec, reply_shapes_are_those_of_the_peers)
{
	const struct vu_msg_shape *shape;

	/* Acknowledgement, empty reply with an fd, both error forms of a configuration. */
	shape = &vu_msg_spec(VHOST_USER_SET_VRING_KICK)->reply_shape;
	CHECK_EQ(shape->len_min, 8);
	CHECK_EQ(shape->len_max, 8);
	shape = &vu_msg_spec(VHOST_USER_POSTCOPY_ADVISE)->reply_shape;
	CHECK_EQ(shape->len_max, 0);
	CHECK_EQ(shape->fds_max, 1);
	shape = &vu_msg_spec(VHOST_USER_GET_CONFIG)->reply_shape;
	CHECK_EQ(shape->len_min, 0);
	CHECK_EQ(shape->len_step, 1);
	shape = &vu_msg_spec(VHOST_USER_SET_LOG_BASE)->reply_shape;
	CHECK_EQ(shape->len_min, 0);
	CHECK_EQ(shape->len_step, 8);
	CHECK_EQ(shape->len_max, 16);
	shape = &vu_msg_spec(VHOST_USER_GET_SHMEM_CONFIG)->reply_shape;
	CHECK_EQ(shape->len_min, 2056);
	shape = &vu_msg_spec(VHOST_USER_SET_DEVICE_STATE_FD)->reply_shape;
	CHECK_EQ(shape->fds_min, 0);
	CHECK_EQ(shape->fds_max, 1);
}

static void
gate_check(const struct vu_msg_spec *row)
{
	CHECK(vu_msg_is_allowed(row, row->features_offered, row->features, row->protocol_features));
	CHECK(vu_msg_is_allowed(row, UINT64_MAX, UINT64_MAX, UINT64_MAX));
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t missing = ~RTE_BIT64(bit);

		CHECK_EQ(vu_msg_is_allowed(row, UINT64_MAX, UINT64_MAX, missing),
			(row->protocol_features & RTE_BIT64(bit)) == 0);
		CHECK_EQ(vu_msg_is_allowed(row, UINT64_MAX, missing, UINT64_MAX),
			(row->features & RTE_BIT64(bit)) == 0);
		CHECK_EQ(vu_msg_is_allowed(row, missing, UINT64_MAX, UINT64_MAX),
			(row->features_offered & RTE_BIT64(bit)) == 0);
	}
}

VU_TEST(msg_spec, gate_needs_each_of_its_bits)
{
	for (uint32_t i = 1; i < VHOST_USER_NB_REQUESTS; i++)
		gate_check(vu_msg_spec(i));
	for (uint32_t i = 1; i < VHOST_USER_BACKEND_NB_REQUESTS; i++)
		gate_check(vu_msg_spec_backend(i));
}

VU_TEST(msg_spec, gate_opens_before_set_features_where_qemu_needs_it)
{
	/* QEMU sends these before SET_FEATURES: only what was offered may count. */
	CHECK(vu_msg_is_allowed(vu_msg_spec(VHOST_USER_SET_VRING_ENABLE), 1ULL << 30, 0, 0));
	CHECK(!vu_msg_is_allowed(vu_msg_spec(VHOST_USER_SET_VRING_ENABLE), 0, 1ULL << 30, 0));
	CHECK(vu_msg_is_allowed(vu_msg_spec(VHOST_USER_NET_SET_MTU), 1ULL << 3, 0, P(4)));
	CHECK(vu_msg_is_allowed(vu_msg_spec(VHOST_USER_GET_FEATURES), 0, 0, 0));
	CHECK(!vu_msg_is_allowed(vu_msg_spec(VHOST_USER_GET_PROTOCOL_FEATURES), 0, 0, 0));
}
