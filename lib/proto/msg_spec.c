/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The rows of every request in both directions; see vu_msg_spec.h for the columns.
 * Order and numbers follow the tables of the specification.
 */
#include "vu_msg_spec.h"

#include <rte_bitops.h>
#include <rte_common.h>

#include "vu_virtio.h"

#define U64_BYTES sizeof(uint64_t)
#define MEM_TABLE_BYTES(nb_regions) \
	(VHOST_USER_MEM_TABLE_HEADER_BYTES + (nb_regions) * VHOST_USER_MEM_REGION_BYTES)

/* Shapes: sizes, then fds. */
#define LEN(len) .len_min = (len), .len_max = (len)
#define LEN_RANGE(min, max, step) .len_min = (min), .len_max = (max), .len_step = (step)
#define FDS(min, max) .fds_min = (min), .fds_max = (max)

/* Replies. */
#define ACK .reply = VU_REPLY_ACK, .reply_shape = { LEN(U64_BYTES) }
#define ALWAYS(...) .reply = VU_REPLY_ALWAYS, .reply_shape = { __VA_ARGS__ }
#define CONDITIONAL(...) .reply = VU_REPLY_CONDITIONAL, .reply_shape = { __VA_ARGS__ }

/* Payloads of one size and without fds. */
#define U64 .payload = VU_PAYLOAD_U64, .shape = { LEN(U64_BYTES) }
#define VRING_STATE .payload = VU_PAYLOAD_VRING_STATE, \
	.shape = { LEN(sizeof(struct vhost_user_vring_state)) }
#define VRING_FD .payload = VU_PAYLOAD_VRING_FD, .shape = { LEN(U64_BYTES), FDS(0, 1) }
#define CONFIG .payload = VU_PAYLOAD_CONFIG, \
	.shape = { LEN_RANGE(VHOST_USER_CONFIG_HEADER_BYTES + 1, VU_MAX_MSG_BYTES, 1) }
#define UUID .payload = VU_PAYLOAD_UUID, .shape = { LEN(sizeof(struct vhost_user_uuid)) }

/* Payloads with a short and a padded form. */
#define IOTLB_SHAPE LEN_RANGE(VHOST_USER_IOTLB_FIELD_BYTES, sizeof(struct vhost_user_iotlb), \
	sizeof(struct vhost_user_iotlb) - VHOST_USER_IOTLB_FIELD_BYTES)
#define INFLIGHT_SHAPE LEN_RANGE(VHOST_USER_INFLIGHT_FIELD_BYTES, \
	sizeof(struct vhost_user_inflight), \
	sizeof(struct vhost_user_inflight) - VHOST_USER_INFLIGHT_FIELD_BYTES)

#define PROTOCOL(bit) RTE_BIT64(VHOST_USER_PROTOCOL_F_##bit)
#define PROTOCOL_FEATURES_OFFERED .features_offered = RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES)
#define ROW(request_) .name = #request_, .request = VHOST_USER_##request_

static const struct vu_msg_spec requests[VHOST_USER_NB_REQUESTS] = {
	[VHOST_USER_GET_FEATURES] = { ROW(GET_FEATURES), ALWAYS(LEN(U64_BYTES)) },
	[VHOST_USER_SET_FEATURES] = { ROW(SET_FEATURES), U64, ACK },
	[VHOST_USER_SET_OWNER] = { ROW(SET_OWNER), ACK },
	[VHOST_USER_RESET_OWNER] = { ROW(RESET_OWNER), ACK },
	/* In postcopy the table comes back with our addresses. */
	[VHOST_USER_SET_MEM_TABLE] = { ROW(SET_MEM_TABLE), .payload = VU_PAYLOAD_MEM_TABLE,
		.shape = { LEN_RANGE(MEM_TABLE_BYTES(1), MEM_TABLE_BYTES(VHOST_USER_MAX_REGIONS),
			VHOST_USER_MEM_REGION_BYTES), FDS(1, VHOST_USER_MAX_REGIONS) },
		CONDITIONAL(LEN_RANGE(MEM_TABLE_BYTES(0), MEM_TABLE_BYTES(VHOST_USER_MAX_REGIONS),
			VHOST_USER_MEM_REGION_BYTES)) },
	/* Own reply if LOG_SHMFD was acknowledged: empty, U64 or an echo, as the peer likes. */
	[VHOST_USER_SET_LOG_BASE] = { ROW(SET_LOG_BASE), .payload = VU_PAYLOAD_LOG,
		.shape = { LEN_RANGE(U64_BYTES, sizeof(struct vhost_user_log), U64_BYTES),
			FDS(0, 1) },
		CONDITIONAL(LEN_RANGE(0, sizeof(struct vhost_user_log), U64_BYTES)) },
	[VHOST_USER_SET_LOG_FD] = { ROW(SET_LOG_FD), .shape = { FDS(1, 1) }, ACK },
	[VHOST_USER_SET_VRING_NUM] = { ROW(SET_VRING_NUM), VRING_STATE, ACK,
		.value_min = 1, .value_max = VU_MAX_QUEUE_SIZE },
	[VHOST_USER_SET_VRING_ADDR] = { ROW(SET_VRING_ADDR), .payload = VU_PAYLOAD_VRING_ADDR,
		.shape = { LEN(sizeof(struct vhost_user_vring_addr)) }, ACK },
	[VHOST_USER_SET_VRING_BASE] = { ROW(SET_VRING_BASE), VRING_STATE, ACK },
	[VHOST_USER_GET_VRING_BASE] = { ROW(GET_VRING_BASE), VRING_STATE,
		ALWAYS(LEN(sizeof(struct vhost_user_vring_state))) },
	[VHOST_USER_SET_VRING_KICK] = { ROW(SET_VRING_KICK), VRING_FD, ACK },
	[VHOST_USER_SET_VRING_CALL] = { ROW(SET_VRING_CALL), VRING_FD, ACK },
	[VHOST_USER_SET_VRING_ERR] = { ROW(SET_VRING_ERR), VRING_FD, ACK },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { ROW(GET_PROTOCOL_FEATURES),
		ALWAYS(LEN(U64_BYTES)), PROTOCOL_FEATURES_OFFERED },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { ROW(SET_PROTOCOL_FEATURES), U64, ACK,
		PROTOCOL_FEATURES_OFFERED },
	[VHOST_USER_GET_QUEUE_NUM] = { ROW(GET_QUEUE_NUM), ALWAYS(LEN(U64_BYTES)),
		.protocol_features = PROTOCOL(MQ) },
	/* Offered, not acknowledged: QEMU enables the rings of a net device before SET_FEATURES. */
	[VHOST_USER_SET_VRING_ENABLE] = { ROW(SET_VRING_ENABLE), VRING_STATE, ACK, .value_max = 1,
		PROTOCOL_FEATURES_OFFERED },
	[VHOST_USER_SEND_RARP] = { ROW(SEND_RARP), U64, ACK, .protocol_features = PROTOCOL(RARP) },
	/* Offered for the same reason; the range is that of the device (VIRTIO 1.2, 5.1.4). */
	[VHOST_USER_NET_SET_MTU] = { ROW(NET_SET_MTU), U64, ACK,
		.value_min = 68, .value_max = 65535, .protocol_features = PROTOCOL(MTU),
		.features_offered = RTE_BIT64(VIRTIO_NET_F_MTU) },
	[VHOST_USER_SET_BACKEND_REQ_FD] = { ROW(SET_BACKEND_REQ_FD), .shape = { FDS(1, 1) }, ACK,
		.protocol_features = PROTOCOL(BACKEND_REQ) },
	[VHOST_USER_IOTLB_MSG] = { ROW(IOTLB_MSG), .payload = VU_PAYLOAD_IOTLB,
		.shape = { IOTLB_SHAPE }, ALWAYS(LEN(U64_BYTES)),
		.features = RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM),
		.iotlb_types = RTE_BIT32(VHOST_USER_IOTLB_UPDATE) |
			RTE_BIT32(VHOST_USER_IOTLB_INVALIDATE) },
	[VHOST_USER_SET_VRING_ENDIAN] = { ROW(SET_VRING_ENDIAN), VRING_STATE, ACK, .value_max = 1,
		.protocol_features = PROTOCOL(CROSS_ENDIAN) },
	/* A refused GET_CONFIG is answered with no payload or with the bare 12-byte header. */
	[VHOST_USER_GET_CONFIG] = { ROW(GET_CONFIG), CONFIG,
		ALWAYS(LEN_RANGE(0, VU_MAX_MSG_BYTES, 1)), .protocol_features = PROTOCOL(CONFIG) },
	[VHOST_USER_SET_CONFIG] = { ROW(SET_CONFIG), CONFIG, ACK,
		.protocol_features = PROTOCOL(CONFIG) },
	/* The layout differs between code bases; only the session id at the end is common. */
	[VHOST_USER_CREATE_CRYPTO_SESSION] = { ROW(CREATE_CRYPTO_SESSION),
		.payload = VU_PAYLOAD_BYTES, .shape = { LEN_RANGE(U64_BYTES, VU_MAX_MSG_BYTES, 1) },
		ALWAYS(LEN_RANGE(U64_BYTES, VU_MAX_MSG_BYTES, 1)),
		.protocol_features = PROTOCOL(CRYPTO_SESSION) },
	[VHOST_USER_CLOSE_CRYPTO_SESSION] = { ROW(CLOSE_CRYPTO_SESSION), U64, ACK,
		.protocol_features = PROTOCOL(CRYPTO_SESSION) },
	[VHOST_USER_POSTCOPY_ADVISE] = { ROW(POSTCOPY_ADVISE), ALWAYS(FDS(0, 1)),
		.protocol_features = PROTOCOL(PAGEFAULT) },
	[VHOST_USER_POSTCOPY_LISTEN] = { ROW(POSTCOPY_LISTEN), ACK,
		.protocol_features = PROTOCOL(PAGEFAULT) },
	[VHOST_USER_POSTCOPY_END] = { ROW(POSTCOPY_END), ALWAYS(LEN(U64_BYTES)),
		.protocol_features = PROTOCOL(PAGEFAULT) },
	[VHOST_USER_GET_INFLIGHT_FD] = { ROW(GET_INFLIGHT_FD), .payload = VU_PAYLOAD_INFLIGHT,
		.shape = { INFLIGHT_SHAPE }, ALWAYS(INFLIGHT_SHAPE, FDS(0, 1)),
		.protocol_features = PROTOCOL(INFLIGHT_SHMFD) },
	[VHOST_USER_SET_INFLIGHT_FD] = { ROW(SET_INFLIGHT_FD), .payload = VU_PAYLOAD_INFLIGHT,
		.shape = { INFLIGHT_SHAPE, FDS(1, 1) }, ACK,
		.protocol_features = PROTOCOL(INFLIGHT_SHMFD) },
	[VHOST_USER_GPU_SET_SOCKET] = { ROW(GPU_SET_SOCKET), .shape = { FDS(1, 1) }, ACK },
	[VHOST_USER_RESET_DEVICE] = { ROW(RESET_DEVICE), ACK,
		.protocol_features = PROTOCOL(RESET_DEVICE) },
	/* In-band notifications without acknowledgements and a back-end channel are an error. */
	[VHOST_USER_VRING_KICK] = { ROW(VRING_KICK), VRING_STATE, ACK,
		.protocol_features = PROTOCOL(INBAND_NOTIFICATIONS) | PROTOCOL(REPLY_ACK) |
			PROTOCOL(BACKEND_REQ) },
	[VHOST_USER_GET_MAX_MEM_SLOTS] = { ROW(GET_MAX_MEM_SLOTS), ALWAYS(LEN(U64_BYTES)),
		.protocol_features = PROTOCOL(CONFIGURE_MEM_SLOTS) },
	/* In postcopy of older peers the region comes back. */
	[VHOST_USER_ADD_MEM_REG] = { ROW(ADD_MEM_REG), .payload = VU_PAYLOAD_MEM_REG,
		.shape = { LEN(sizeof(struct vhost_user_mem_reg)), FDS(1, 1) },
		CONDITIONAL(LEN_RANGE(U64_BYTES, sizeof(struct vhost_user_mem_reg),
			VHOST_USER_MEM_REGION_BYTES)),
		.protocol_features = PROTOCOL(CONFIGURE_MEM_SLOTS) },
	/* Some front-ends send the fd again; nobody takes it, so it is closed. */
	[VHOST_USER_REM_MEM_REG] = { ROW(REM_MEM_REG), .payload = VU_PAYLOAD_MEM_REG,
		.shape = { LEN(sizeof(struct vhost_user_mem_reg)), FDS(0, 1) }, ACK,
		.protocol_features = PROTOCOL(CONFIGURE_MEM_SLOTS) },
	[VHOST_USER_SET_STATUS] = { ROW(SET_STATUS), U64, ACK, .value_max = 255,
		.protocol_features = PROTOCOL(STATUS) },
	[VHOST_USER_GET_STATUS] = { ROW(GET_STATUS), ALWAYS(LEN(U64_BYTES)),
		.protocol_features = PROTOCOL(STATUS) },
	[VHOST_USER_GET_SHARED_OBJECT] = { ROW(GET_SHARED_OBJECT), UUID, ALWAYS(FDS(0, 1)),
		.protocol_features = PROTOCOL(SHARED_OBJECT) },
	[VHOST_USER_SET_DEVICE_STATE_FD] = { ROW(SET_DEVICE_STATE_FD),
		.payload = VU_PAYLOAD_TRANSFER,
		.shape = { LEN(sizeof(struct vhost_user_transfer)), FDS(1, 1) },
		ALWAYS(LEN(U64_BYTES), FDS(0, 1)),
		.protocol_features = PROTOCOL(DEVICE_STATE) },
	[VHOST_USER_CHECK_DEVICE_STATE] = { ROW(CHECK_DEVICE_STATE), ALWAYS(LEN(U64_BYTES)),
		.protocol_features = PROTOCOL(DEVICE_STATE) },
	[VHOST_USER_GET_SHMEM_CONFIG] = { ROW(GET_SHMEM_CONFIG),
		ALWAYS(LEN(sizeof(struct vhost_user_shmem_config))),
		.protocol_features = PROTOCOL(SHMEM) },
	[VHOST_USER_GET_VRING_BASE_SKIP_DRAIN] = { ROW(GET_VRING_BASE_SKIP_DRAIN), VRING_STATE,
		ALWAYS(LEN(sizeof(struct vhost_user_vring_state))),
		.protocol_features = PROTOCOL(INFLIGHT_SHMFD) | PROTOCOL(GET_VRING_BASE_INFLIGHT) |
			PROTOCOL(GET_VRING_BASE_SKIP_DRAIN) },
};

static const struct vu_msg_spec backend_requests[VHOST_USER_BACKEND_NB_REQUESTS] = {
	[VHOST_USER_BACKEND_IOTLB_MSG] = { ROW(BACKEND_IOTLB_MSG), .payload = VU_PAYLOAD_IOTLB,
		.shape = { IOTLB_SHAPE }, ACK, .protocol_features = PROTOCOL(BACKEND_REQ),
		.features = RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM),
		.iotlb_types = RTE_BIT32(VHOST_USER_IOTLB_MISS) |
			RTE_BIT32(VHOST_USER_IOTLB_ACCESS_FAIL) },
	[VHOST_USER_BACKEND_CONFIG_CHANGE_MSG] = { ROW(BACKEND_CONFIG_CHANGE_MSG), ACK,
		.protocol_features = PROTOCOL(BACKEND_REQ) | PROTOCOL(CONFIG) },
	[VHOST_USER_BACKEND_VRING_HOST_NOTIFIER_MSG] = { ROW(BACKEND_VRING_HOST_NOTIFIER_MSG),
		.payload = VU_PAYLOAD_VRING_AREA,
		.shape = { LEN(sizeof(struct vhost_user_vring_area)), FDS(0, 1) }, ACK,
		.protocol_features = PROTOCOL(BACKEND_REQ) | PROTOCOL(BACKEND_SEND_FD) |
			PROTOCOL(HOST_NOTIFIER) },
	[VHOST_USER_BACKEND_VRING_CALL] = { ROW(BACKEND_VRING_CALL), VRING_STATE, ACK,
		.protocol_features = PROTOCOL(INBAND_NOTIFICATIONS) | PROTOCOL(REPLY_ACK) |
			PROTOCOL(BACKEND_REQ) },
	[VHOST_USER_BACKEND_VRING_ERR] = { ROW(BACKEND_VRING_ERR), VRING_STATE, ACK,
		.protocol_features = PROTOCOL(INBAND_NOTIFICATIONS) | PROTOCOL(REPLY_ACK) |
			PROTOCOL(BACKEND_REQ) },
	[VHOST_USER_BACKEND_SHARED_OBJECT_ADD] = { ROW(BACKEND_SHARED_OBJECT_ADD), UUID, ACK,
		.protocol_features = PROTOCOL(BACKEND_REQ) | PROTOCOL(SHARED_OBJECT) },
	[VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE] = { ROW(BACKEND_SHARED_OBJECT_REMOVE), UUID, ACK,
		.protocol_features = PROTOCOL(BACKEND_REQ) | PROTOCOL(SHARED_OBJECT) },
	[VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP] = { ROW(BACKEND_SHARED_OBJECT_LOOKUP), UUID,
		ALWAYS(LEN(U64_BYTES), FDS(0, 1)),
		.protocol_features = PROTOCOL(BACKEND_REQ) | PROTOCOL(SHARED_OBJECT) },
	[VHOST_USER_BACKEND_SHMEM_MAP] = { ROW(BACKEND_SHMEM_MAP), .payload = VU_PAYLOAD_MMAP,
		.shape = { LEN(sizeof(struct vhost_user_mmap)), FDS(1, 1) }, ACK,
		.protocol_features = PROTOCOL(BACKEND_REQ) | PROTOCOL(BACKEND_SEND_FD) |
			PROTOCOL(SHMEM) },
	[VHOST_USER_BACKEND_SHMEM_UNMAP] = { ROW(BACKEND_SHMEM_UNMAP), .payload = VU_PAYLOAD_MMAP,
		.shape = { LEN(sizeof(struct vhost_user_mmap)) }, ACK,
		.protocol_features = PROTOCOL(BACKEND_REQ) | PROTOCOL(SHMEM) },
};

static const struct vu_msg_spec *
row_find(const struct vu_msg_spec *rows, size_t nb_rows, uint32_t request)
{
	/* Ids are dense, but 0 is no request. */
	return request < nb_rows && rows[request].name != NULL ? &rows[request] : NULL;
}

const struct vu_msg_spec *
vu_msg_spec(uint32_t request)
{
	return row_find(requests, RTE_DIM(requests), request);
}

const struct vu_msg_spec *
vu_msg_spec_backend(uint32_t request)
{
	return row_find(backend_requests, RTE_DIM(backend_requests), request);
}

bool
vu_msg_is_allowed(const struct vu_msg_spec *spec, uint64_t features_offered,
	uint64_t features_acked, uint64_t protocol_acked)
{
	return (spec->features_offered & ~features_offered) == 0 &&
		(spec->features & ~features_acked) == 0 &&
		(spec->protocol_features & ~protocol_acked) == 0;
}
