/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the specification says about each request, as data: one row per request and direction.
 * The decoder checks frames against rows; both ends find the gate and the kind of reply there.
 */
#ifndef VU_MSG_SPEC_H
#define VU_MSG_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_wire.h"

/** When a request is answered. Whatever the kind, one request never gets two replies. */
enum vu_reply_kind {
	VU_REPLY_ACK,         /**< acknowledgement (U64), only if need_reply is set */
	VU_REPLY_ALWAYS,      /**< reply of its own, need_reply or not */
	VU_REPLY_CONDITIONAL, /**< own reply in one protocol state, else as VU_REPLY_ACK */
};

/** Structure of a request's payload; selects the member of union vu_payload and its checks. */
enum vu_payload_kind {
	VU_PAYLOAD_NONE,
	VU_PAYLOAD_U64,
	VU_PAYLOAD_VRING_STATE,
	VU_PAYLOAD_VRING_ADDR,
	VU_PAYLOAD_VRING_FD,  /**< U64: ring index in bits 0-7, bit 8 "no fd attached" */
	VU_PAYLOAD_MEM_TABLE,
	VU_PAYLOAD_MEM_REG,
	VU_PAYLOAD_LOG,       /**< 16 bytes, or the historic U64 of 8 bytes: see vu_msg.size */
	VU_PAYLOAD_IOTLB,
	VU_PAYLOAD_CONFIG,
	VU_PAYLOAD_VRING_AREA,
	VU_PAYLOAD_INFLIGHT,
	VU_PAYLOAD_UUID,
	VU_PAYLOAD_TRANSFER,
	VU_PAYLOAD_MMAP,
	VU_PAYLOAD_BYTES,     /**< layout defined by the two peers (crypto session) */
	VU_PAYLOAD_NB_KINDS
};

/** Allowed size and fds of a frame. */
struct vu_msg_shape {
	uint16_t len_min;  /**< payload bytes */
	uint16_t len_max;  /**< payload bytes */
	uint16_t len_step; /**< size - len_min is a multiple of it; 0 with len_min == len_max */
	uint8_t fds_min;
	uint8_t fds_max;
};

/** One request. Rows are constants; pointers to them stay valid for ever. */
struct vu_msg_spec {
	const char *name;                /**< as in the specification, without VHOST_USER_ */
	uint32_t request;
	struct vu_msg_shape shape;       /**< of the request */
	struct vu_msg_shape reply_shape; /**< of its reply, all forms that peers send */
	enum vu_reply_kind reply;
	enum vu_payload_kind payload;
	/** Gate: every bit of each mask must be set. */
	uint64_t protocol_features;      /**< acknowledged protocol features */
	uint64_t features;               /**< acknowledged features */
	uint64_t features_offered;       /**< offered features, acknowledged or not */
	/** Range of the U64, of VRING_STATE num or of the like; value_max 0 = any value. */
	uint64_t value_min;
	uint64_t value_max;
	uint32_t iotlb_types;            /**< mask of 1 << enum vhost_user_iotlb_type */
};

/**
 * Find the row of a front-end request.
 *
 * @param request  any value, as received
 * @return row, or NULL if the specification has no such request
 * @context any thread
 */
const struct vu_msg_spec *vu_msg_spec(uint32_t request);

/**
 * Find the row of a back-end request.
 *
 * @param request  any value, as received
 * @return row, or NULL if the specification has no such request
 * @context any thread
 */
const struct vu_msg_spec *vu_msg_spec_backend(uint32_t request);

/**
 * Check a request's gate: is it legal with what was negotiated?
 *
 * @param spec                row of the request
 * @param features_offered    what GET_FEATURES answered
 * @param features_acked      what SET_FEATURES brought, 0 before it
 * @param protocol_acked      what SET_PROTOCOL_FEATURES brought, 0 before it
 * @return true if the request may be handled
 * @context any thread
 */
bool vu_msg_is_allowed(const struct vu_msg_spec *spec, uint64_t features_offered,
	uint64_t features_acked, uint64_t protocol_acked);

#endif /* VU_MSG_SPEC_H */
