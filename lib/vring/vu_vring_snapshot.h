/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: the immutable snapshot of a started ring. Control builds and publishes it, the owner
 * lcore loads the pointer once per burst; it stays valid until the lcore's next quiescent state.
 */
#ifndef VU_VRING_SNAPSHOT_H
#define VU_VRING_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include "vu_atomic.h"
#include "vu_export.h"
#include "vu_mem.h"
#include "vu_vring.h"

VU_API_BEGIN

struct vu_mem_log;

/** Descriptor of the split layout (VIRTIO 1.2, 2.7.5); little-endian. */
struct vu_split_desc {
	uint64_t gpa;
	uint32_t len_bytes;
	uint16_t flags;
	uint16_t next;
};

#define VU_DESC_F_NEXT 1
#define VU_DESC_F_WRITE 2
#define VU_DESC_F_INDIRECT 4

/** Available ring (VIRTIO 1.2, 2.7.6); used_event follows the last entry. */
struct vu_split_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
};

#define VU_AVAIL_F_NO_INTERRUPT 1

/** Entry of the used ring: head of the chain, bytes written to it. */
struct vu_split_used_elem {
	uint32_t id;
	uint32_t len_bytes;
};

/** Used ring (VIRTIO 1.2, 2.7.8); avail_event follows the last entry. */
struct vu_split_used {
	uint16_t flags;
	uint16_t idx;
	struct vu_split_used_elem ring[];
};

#define VU_USED_F_NO_NOTIFY 1

/** Descriptor of the packed layout, available or used (VIRTIO 1.2, 2.8.13); little-endian. */
struct vu_packed_desc {
	uint64_t gpa;
	uint32_t len_bytes;
	uint16_t id;    /**< buffer id; in a chain that of the last descriptor counts */
	uint16_t flags;
};

#define VU_PACKED_F_AVAIL 0x0080 /**< in flags, beside VU_DESC_F_* */
#define VU_PACKED_F_USED 0x8000

/** Event suppression structure of the packed layout (VIRTIO 1.2, 2.8.14). */
struct vu_packed_event {
	uint16_t position; /**< bits as VU_PACKED_SLOT and VU_PACKED_WRAP */
	uint16_t flags;    /**< VU_PACKED_EVENT_* in the lowest two bits */
};

#define VU_PACKED_EVENT_ENABLE 0
#define VU_PACKED_EVENT_DISABLE 1
#define VU_PACKED_EVENT_DESC 2     /**< at a position; with EVENT_IDX only */

/** Snapshot of a started ring: read-only once published. */
struct vu_vring_snapshot {
	union {
		struct vu_split_desc *desc;
		struct vu_packed_desc *packed_desc;
	};
	union {
		struct vu_split_avail *avail;
		const struct vu_packed_event *driver_event; /**< packed: the guest writes */
	};
	union {
		struct vu_split_used *used;
		struct vu_packed_event *device_event;       /**< packed: we write */
	};
	/**
	 * By what is done to buffers, [0] read, [1] written: what their addresses are translated
	 * with. Behind an IOMMU tables of iovas, else both are `mem`.
	 */
	const struct vu_mem_table *buffer_mem[2];
	uint64_t features;   /**< negotiated */
	uint16_t mask;       /**< split: size - 1 */
	uint16_t size;       /**< entries, 1..32768; split: a power of two */
	bool is_packed;
	bool has_event_idx;
	bool has_indirect;
	/** packed: indirect tables are to be read, whatever they say; set by the device's driver */
	bool has_sent_tables;
	bool is_enabled;     /**< false: consume without side effects */
	bool has_kick;       /**< a kick wakes the owner lcore if that sleeps */
	bool has_iommu;      /**< a missing translation may come */
	int call_fd;         /**< VU_FD_NONE: the front-end polls */
	int err_fd;
	const struct vu_mem_table *mem; /**< guest memory, by gpa */
	uint32_t notify_buffers; /**< struct vu_notify_conf */
	uint64_t notify_cycles;  /**< the same in TSC cycles */
	struct vu_mem_log *log;  /**< NULL: nothing is to be marked; see vu_vring_log.h */
	bool logs_buffers;       /**< mark what is written to buffers */
	bool logs_used;          /**< and to the ring itself */
	uint64_t log_used_gpa;   /**< of the used ring or the device event, if logs_used */
	uint64_t log_desc_gpa;   /**< packed: of the descriptors, if logs_used */
} __rte_cache_aligned;

/**
 * Table for the addresses of buffers.
 * @param snap       snapshot
 * @param direction  0 for buffers we read, VU_DESC_F_WRITE for buffers we write
 * @context any thread that may use the snapshot
 */
static __rte_always_inline const struct vu_mem_table *
vu_vring_buffer_mem(const struct vu_vring_snapshot *snap, const uint16_t direction)
{
	return snap->buffer_mem[direction != 0];
}

/**
 * Driver's part of a snapshot: vring->priv_bytes, aligned to a cache line, filled before the
 * snapshot is published and read-only from then on.
 *
 * @context any thread that may use the snapshot
 */
static inline void *
vu_vring_snapshot_priv(const struct vu_vring_snapshot *snap)
{
	return (void *)(uintptr_t)(snap + 1);
}

/**
 * Snapshot of a running ring.
 *
 * @return snapshot valid until the lcore's next quiescent state; NULL while stopped
 * @context owner lcore
 */
static inline const struct vu_vring_snapshot *
vu_vring_snapshot_load(const struct vu_vring *vring)
{
	/* Pairs with the release in vu_vring_publish(). */
	return vu_load_acquire(&vring->snapshot);
}

VU_API_END

#endif /* VU_VRING_SNAPSHOT_H */
