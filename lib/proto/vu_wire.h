/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Layout and numbers of vhost-user messages, spelled as in the specification.
 * Every integer is in host byte order; all structures have natural alignment and no hidden padding
 * but the tail padding that the peers send too (IOTLB, INFLIGHT).
 * The Xen region form is a build option (VU_XEN): sizes follow from VHOST_USER_MEM_REGION_BYTES.
 */
#ifndef VU_WIRE_H
#define VU_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "vu_export.h"
#include "vu_limits.h"

VU_API_BEGIN

/** Requests of the front-end. */
enum vhost_user_request {
	VHOST_USER_NONE = 0,
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SEND_RARP = 19,
	VHOST_USER_NET_SET_MTU = 20,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_IOTLB_MSG = 22,
	VHOST_USER_SET_VRING_ENDIAN = 23,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_CREATE_CRYPTO_SESSION = 26,
	VHOST_USER_CLOSE_CRYPTO_SESSION = 27,
	VHOST_USER_POSTCOPY_ADVISE = 28,
	VHOST_USER_POSTCOPY_LISTEN = 29,
	VHOST_USER_POSTCOPY_END = 30,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_GPU_SET_SOCKET = 33,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_VRING_KICK = 35,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
	VHOST_USER_GET_SHARED_OBJECT = 41,
	VHOST_USER_SET_DEVICE_STATE_FD = 42,
	VHOST_USER_CHECK_DEVICE_STATE = 43,
	VHOST_USER_GET_SHMEM_CONFIG = 44,
	VHOST_USER_GET_VRING_BASE_SKIP_DRAIN = 45,
	VHOST_USER_NB_REQUESTS /**< one more than the largest request id */
};

/** Requests of the back-end, on the socket passed by SET_BACKEND_REQ_FD. */
enum vhost_user_backend_request {
	VHOST_USER_BACKEND_NONE = 0,
	VHOST_USER_BACKEND_IOTLB_MSG = 1,
	VHOST_USER_BACKEND_CONFIG_CHANGE_MSG = 2,
	VHOST_USER_BACKEND_VRING_HOST_NOTIFIER_MSG = 3,
	VHOST_USER_BACKEND_VRING_CALL = 4,
	VHOST_USER_BACKEND_VRING_ERR = 5,
	VHOST_USER_BACKEND_SHARED_OBJECT_ADD = 6,
	VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE = 7,
	VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP = 8,
	VHOST_USER_BACKEND_SHMEM_MAP = 9,
	VHOST_USER_BACKEND_SHMEM_UNMAP = 10,
	VHOST_USER_BACKEND_NB_REQUESTS /**< one more than the largest request id */
};

/** Bits of GET_PROTOCOL_FEATURES and SET_PROTOCOL_FEATURES. */
enum vhost_user_protocol_feature {
	VHOST_USER_PROTOCOL_F_MQ = 0,
	VHOST_USER_PROTOCOL_F_LOG_SHMFD = 1,
	VHOST_USER_PROTOCOL_F_RARP = 2,
	VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
	VHOST_USER_PROTOCOL_F_MTU = 4,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
	VHOST_USER_PROTOCOL_F_CROSS_ENDIAN = 6,
	VHOST_USER_PROTOCOL_F_CRYPTO_SESSION = 7,
	VHOST_USER_PROTOCOL_F_PAGEFAULT = 8,
	VHOST_USER_PROTOCOL_F_CONFIG = 9,
	VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD = 10,
	VHOST_USER_PROTOCOL_F_HOST_NOTIFIER = 11,
	VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD = 12,
	VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13,
	VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS = 14,
	VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
	VHOST_USER_PROTOCOL_F_STATUS = 16,
	VHOST_USER_PROTOCOL_F_XEN_MMAP = 17,
	VHOST_USER_PROTOCOL_F_SHARED_OBJECT = 18,
	VHOST_USER_PROTOCOL_F_DEVICE_STATE = 19,
	VHOST_USER_PROTOCOL_F_GET_VRING_BASE_INFLIGHT = 20,
	VHOST_USER_PROTOCOL_F_GPA_ADDRESSES = 21,
	VHOST_USER_PROTOCOL_F_SHMEM = 22,
	VHOST_USER_PROTOCOL_F_GET_VRING_BASE_SKIP_DRAIN = 23,
	VHOST_USER_NB_PROTOCOL_FEATURES /**< one more than the largest bit */
};

/* Header flags. */
#define VHOST_USER_VERSION 0x1u         /**< the only protocol version */
#define VHOST_USER_VERSION_MASK 0x3u
#define VHOST_USER_REPLY_MASK 0x4u      /**< set in every reply */
#define VHOST_USER_NEED_REPLY_MASK 0x8u /**< the sender waits for an acknowledgement */
#define VHOST_USER_FLAGS_MASK \
	(VHOST_USER_VERSION_MASK | VHOST_USER_REPLY_MASK | VHOST_USER_NEED_REPLY_MASK)

#define VHOST_USER_HEADER_BYTES 12
#define VHOST_USER_MAX_REGIONS 8                /**< regions in one SET_MEM_TABLE */
#define VHOST_USER_CONFIG_HEADER_BYTES 12
#define VHOST_USER_CONFIG_SPACE_BYTES 256       /**< device configuration, common limit */
#define VHOST_USER_CONFIG_MAX_BYTES (VU_MAX_MSG_BYTES - VHOST_USER_CONFIG_HEADER_BYTES)
#define VHOST_USER_IOTLB_FIELD_BYTES 26         /**< fields only; the structure has 32 */
#define VHOST_USER_INFLIGHT_FIELD_BYTES 20      /**< fields only; the structure has 24 */
#define VHOST_USER_MAX_SHMEM_REGIONS 256

/* U64 of SET_VRING_KICK, CALL and ERR, and the first field of VRING_AREA. */
#define VHOST_USER_VRING_IDX_MASK 0xffu
#define VHOST_USER_VRING_NOFD_MASK 0x100u

#define VHOST_USER_VRING_F_LOG_MASK 0x1u /**< VRING_ADDR flags: log writes to the used ring */

/** Type of an IOTLB message. */
enum vhost_user_iotlb_type {
	VHOST_USER_IOTLB_MISS = 1,
	VHOST_USER_IOTLB_UPDATE = 2,
	VHOST_USER_IOTLB_INVALIDATE = 3,
	VHOST_USER_IOTLB_ACCESS_FAIL = 4,
};

#define VHOST_USER_IOTLB_PERM_READ 0x1u
#define VHOST_USER_IOTLB_PERM_WRITE 0x2u
#define VHOST_USER_IOTLB_PERM_MASK 0x3u

/** Flags value of a configuration message: a number, not a bit set. */
enum vhost_user_config_flags {
	VHOST_USER_CONFIG_DRIVER = 0,    /**< ordinary access by the driver */
	VHOST_USER_CONFIG_MIGRATION = 1, /**< restore at the destination: read-only fields too */
};

/** Direction of a device state transfer. */
enum vhost_user_transfer_direction {
	VHOST_USER_TRANSFER_SAVE = 0, /**< back-end writes its state */
	VHOST_USER_TRANSFER_LOAD = 1, /**< back-end reads its state */
};

/** When a device state transfer happens. */
enum vhost_user_transfer_phase {
	VHOST_USER_TRANSFER_STOPPED = 0, /**< all rings stopped; no other phase is defined */
};

#define VHOST_USER_DEVICE_STATE_NOFD_MASK 0x100u /**< U64 reply of SET_DEVICE_STATE_FD: no fd */
#define VHOST_USER_MMAP_F_RW_MASK 0x1u           /**< SHMEM_MAP: writable mapping */

/** Begins every message. */
struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /**< payload bytes that follow */
};

/** A ring and a value whose meaning depends on the request. */
struct vhost_user_vring_state {
	uint32_t index;
	uint32_t num;
};

/** Where the parts of a ring are: user addresses, or IOVAs with ACCESS_PLATFORM. */
struct vhost_user_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t descriptor;
	uint64_t used;      /**< the used ring comes before the available ring */
	uint64_t available;
	uint64_t log;
};

/** One region of guest memory; its bytes start at mmap_offset of its fd. */
struct vhost_user_mem_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t uva;
	uint64_t mmap_offset;
#ifdef VU_XEN
	uint32_t xen_mmap_flags;
	uint32_t xen_domid;
#endif
};

#ifdef VU_XEN
#define VHOST_USER_MEM_REGION_BYTES 40
#else
#define VHOST_USER_MEM_REGION_BYTES 32
#endif
#define VHOST_USER_MEM_TABLE_HEADER_BYTES 8

/** SET_MEM_TABLE: the whole table, one fd per region in the same order. */
struct vhost_user_mem_table {
	uint32_t nb_regions;
	uint32_t padding;
	struct vhost_user_mem_region regions[VHOST_USER_MAX_REGIONS];
};

/** ADD_MEM_REG and REM_MEM_REG. */
struct vhost_user_mem_reg {
	uint64_t padding;
	struct vhost_user_mem_region region;
};

/** SET_LOG_BASE: the dirty-page log in shared memory. */
struct vhost_user_log {
	uint64_t size;
	uint64_t offset;
};

/** IOTLB message of either direction. */
struct vhost_user_iotlb {
	uint64_t iova;
	uint64_t size;
	uint64_t uva;
	uint8_t perm; /**< VHOST_USER_IOTLB_PERM_* */
	uint8_t type; /**< enum vhost_user_iotlb_type */
	uint8_t padding[6];
};

/** GET_CONFIG and SET_CONFIG. */
struct vhost_user_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags; /**< enum vhost_user_config_flags */
	uint8_t data[VHOST_USER_CONFIG_MAX_BYTES]; /**< only `size` bytes travel */
};

/** Host notifier of a ring. */
struct vhost_user_vring_area {
	uint64_t index; /**< ring index and VHOST_USER_VRING_NOFD_MASK */
	uint64_t size;
	uint64_t offset;
};

/** GET_INFLIGHT_FD and SET_INFLIGHT_FD. */
struct vhost_user_inflight {
	uint64_t mmap_size;
	uint64_t mmap_offset;
	uint16_t nb_queues;
	uint16_t queue_size;
	uint8_t padding[4];
};

/** Name of a shared object. */
struct vhost_user_uuid {
	uint8_t bytes[16]; /**< as in RFC 4122: first three fields big-endian */
};

/** SET_DEVICE_STATE_FD. */
struct vhost_user_transfer {
	uint32_t direction; /**< enum vhost_user_transfer_direction */
	uint32_t phase;     /**< enum vhost_user_transfer_phase */
};

/** SHMEM_MAP and SHMEM_UNMAP. */
struct vhost_user_mmap {
	uint8_t shmid;
	uint8_t padding[7];
	uint64_t fd_offset;
	uint64_t shm_offset;
	uint64_t len;
	uint64_t flags; /**< VHOST_USER_MMAP_F_* */
};

/** Reply of GET_SHMEM_CONFIG. */
struct vhost_user_shmem_config {
	uint32_t nb_regions; /**< entries with a size, not the length of a prefix */
	uint32_t padding;
	uint64_t sizes[VHOST_USER_MAX_SHMEM_REGIONS]; /**< index is the shmid */
};

static_assert(sizeof(struct vhost_user_header) == VHOST_USER_HEADER_BYTES, "header");
static_assert(offsetof(struct vhost_user_header, flags) == 4, "header flags");
static_assert(offsetof(struct vhost_user_header, size) == 8, "header size");
static_assert(sizeof(struct vhost_user_vring_state) == 8, "vring state");
static_assert(offsetof(struct vhost_user_vring_state, num) == 4, "vring state num");
static_assert(sizeof(struct vhost_user_vring_addr) == 40, "vring addr");
static_assert(offsetof(struct vhost_user_vring_addr, flags) == 4, "vring addr flags");
static_assert(offsetof(struct vhost_user_vring_addr, descriptor) == 8, "vring addr descriptor");
static_assert(offsetof(struct vhost_user_vring_addr, used) == 16, "vring addr used");
static_assert(offsetof(struct vhost_user_vring_addr, available) == 24, "vring addr available");
static_assert(offsetof(struct vhost_user_vring_addr, log) == 32, "vring addr log");
static_assert(sizeof(struct vhost_user_mem_region) == VHOST_USER_MEM_REGION_BYTES, "region");
static_assert(offsetof(struct vhost_user_mem_region, size) == 8, "region size");
static_assert(offsetof(struct vhost_user_mem_region, uva) == 16, "region uva");
static_assert(offsetof(struct vhost_user_mem_region, mmap_offset) == 24, "region mmap offset");
#ifdef VU_XEN
static_assert(offsetof(struct vhost_user_mem_region, xen_mmap_flags) == 32, "xen mmap flags");
static_assert(offsetof(struct vhost_user_mem_region, xen_domid) == 36, "xen domid");
#endif
static_assert(sizeof(struct vhost_user_mem_table) == VHOST_USER_MEM_TABLE_HEADER_BYTES +
	VHOST_USER_MAX_REGIONS * VHOST_USER_MEM_REGION_BYTES, "memory table");
static_assert(offsetof(struct vhost_user_mem_table, regions) == VHOST_USER_MEM_TABLE_HEADER_BYTES,
	"memory table regions");
static_assert(sizeof(struct vhost_user_mem_reg) == 8 + VHOST_USER_MEM_REGION_BYTES, "memory reg");
static_assert(offsetof(struct vhost_user_mem_reg, region) == 8, "memory reg region");
static_assert(sizeof(struct vhost_user_log) == 16, "log");
static_assert(offsetof(struct vhost_user_log, offset) == 8, "log offset");
static_assert(sizeof(struct vhost_user_iotlb) == 32, "iotlb");
static_assert(offsetof(struct vhost_user_iotlb, size) == 8, "iotlb size");
static_assert(offsetof(struct vhost_user_iotlb, uva) == 16, "iotlb uva");
static_assert(offsetof(struct vhost_user_iotlb, perm) == 24, "iotlb permissions");
static_assert(offsetof(struct vhost_user_iotlb, type) == 25, "iotlb type");
static_assert(offsetof(struct vhost_user_iotlb, padding) == VHOST_USER_IOTLB_FIELD_BYTES, "iotlb");
static_assert(sizeof(struct vhost_user_config) == VU_MAX_MSG_BYTES, "config");
static_assert(offsetof(struct vhost_user_config, size) == 4, "config size");
static_assert(offsetof(struct vhost_user_config, flags) == 8, "config flags");
static_assert(offsetof(struct vhost_user_config, data) == VHOST_USER_CONFIG_HEADER_BYTES, "config");
static_assert(sizeof(struct vhost_user_vring_area) == 24, "vring area");
static_assert(offsetof(struct vhost_user_vring_area, size) == 8, "vring area size");
static_assert(offsetof(struct vhost_user_vring_area, offset) == 16, "vring area offset");
static_assert(sizeof(struct vhost_user_inflight) == 24, "inflight");
static_assert(offsetof(struct vhost_user_inflight, mmap_offset) == 8, "inflight offset");
static_assert(offsetof(struct vhost_user_inflight, nb_queues) == 16, "inflight queues");
static_assert(offsetof(struct vhost_user_inflight, queue_size) == 18, "inflight queue size");
static_assert(offsetof(struct vhost_user_inflight, padding) == VHOST_USER_INFLIGHT_FIELD_BYTES,
	"inflight padding");
static_assert(sizeof(struct vhost_user_uuid) == 16, "uuid");
static_assert(sizeof(struct vhost_user_transfer) == 8, "transfer");
static_assert(offsetof(struct vhost_user_transfer, phase) == 4, "transfer phase");
static_assert(sizeof(struct vhost_user_mmap) == 40, "mmap");
static_assert(offsetof(struct vhost_user_mmap, fd_offset) == 8, "mmap fd offset");
static_assert(offsetof(struct vhost_user_mmap, shm_offset) == 16, "mmap shm offset");
static_assert(offsetof(struct vhost_user_mmap, len) == 24, "mmap len");
static_assert(offsetof(struct vhost_user_mmap, flags) == 32, "mmap flags");
static_assert(sizeof(struct vhost_user_shmem_config) == 2056, "shmem config");
static_assert(offsetof(struct vhost_user_shmem_config, sizes) == 8, "shmem config sizes");

VU_API_END

#endif /* VU_WIRE_H */
