/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One virtqueue as the control lcore sees it: what the messages set, whether it is
 * started and enabled, its fds, its saved position and its fault. The owner lcore sees only
 * `snapshot` and `pos` (vu_vring_poll.h).
 */
#ifndef VU_VRING_H
#define VU_VRING_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_spinlock.h>

#include "vu_export.h"

VU_API_BEGIN

struct vu_mem_iova;
struct vu_mem_log;
struct vu_mem_table;
struct vu_vring_snapshot;

/** Why a ring was given up; the ring stays stopped until the front-end sets it up again. */
enum vu_vring_fault {
	VU_VRING_OK,
	VU_VRING_BAD_AVAIL_IDX,  /**< more entries available than the ring has */
	VU_VRING_BAD_HEAD,       /**< head index not below the ring size */
	VU_VRING_BAD_NEXT,       /**< next index not below the table length */
	/** chain longer than the ring or VU_MAX_CHAIN_SEGS; loops end here */
	VU_VRING_CHAIN_TOO_LONG,
	VU_VRING_BAD_INDIRECT,   /**< nested, empty, ragged or not negotiated indirect table */
	VU_VRING_BAD_ADDRESS,    /**< buffer outside guest memory */
	VU_VRING_BAD_DIRECTION,  /**< readable after writable, or the wrong kind for this queue */
	VU_VRING_BAD_LENGTH,     /**< chain too short for what the device has to store in it */
	VU_VRING_BAD_CALL,       /**< writing the call fd blocked or took too long */
	VU_VRING_BAD_INFLIGHT,   /**< the ring's part of the in-flight region contradicts itself */
	/** no fault: the ring waits for a translation of its guest's IOMMU (vu_vring_miss.h) */
	VU_VRING_IOTLB_MISS,
	VU_VRING_NB_FAULTS
};

/** The ring was given up; false: it works, or waits for a translation. @context any thread */
static inline bool
vu_vring_is_given_up(uint8_t fault)
{
	return fault != VU_VRING_OK && fault != VU_VRING_IOTLB_MISS;
}

/** Base of a packed ring that was never used: both wrap counters set. */
#define VU_PACKED_FRESH_BASE UINT32_C(0x80008000)

/** Flag of a ring's configuration: mark what is written to the ring itself. */
#define VU_VRING_F_LOG 1

/** What the front-end configured; host byte order, as received. */
struct vu_vring_conf {
	uint32_t size;      /**< entries, 1..32768; 0 = not set */
	/** front-end addresses, behind an IOMMU iovas; translated when the ring starts */
	uint64_t desc_uva;
	uint64_t avail_uva;
	uint64_t used_uva;
	uint64_t log_gpa;   /**< of the used ring, packed: of the device event; for the dirty log */
	uint32_t flags;     /**< VU_VRING_F_* */
	uint32_t base;      /**< vring base, encoding of the layout; if has_base */
	bool has_addr;
	bool has_base;      /**< false: the ring starts as a fresh one does */
};

/** Counters of one ring; the owner lcore writes, anyone reads. */
struct vu_vring_counters {
	uint64_t nb_chains;                 /**< chains taken from the ring and given back */
	uint64_t nb_notifications;          /**< call eventfds written */
	uint64_t nb_notifications_suppressed;
	uint64_t nb_notification_errors;
	/** needed, but put off: one write stands for several, or comes later */
	uint64_t nb_notifications_delayed;
};

/** When a guest is notified of used buffers, unless it suppresses that. All zero: at once. */
struct vu_notify_conf {
	/** used buffers since the last time that may stay not yet signalled; 0 or 1: none */
	uint32_t max_buffers;
	uint32_t max_us; /**< microseconds until it is notified of fewer */
};

/**
 * Position of the owner lcore in the ring. Split: free running indices; packed: a slot with its
 * wrap counter in bit 15, as in the vring base.
 */
struct vu_vring_pos {
	uint16_t last_avail_idx; /**< next entry to read */
	uint16_t last_used_idx;  /**< next entry to write */
	/**
	 * split: used index at the last notification decision; packed: slots given back since,
	 * no more than the ring has
	 */
	uint16_t signalled_used;
	bool signalled_used_valid; /**< false after a start: notify once */
	bool is_packed;        /**< what the fields mean; set when the ring starts */
	uint8_t fault;         /**< enum vu_vring_fault; set by the owner lcore */
	uint16_t region_hint;  /**< last region hit; always re-checked against the table */
	bool is_delayed;       /**< a notification was put off until delayed_tsc */
	uint64_t delayed_tsc;
	uint64_t notified_chains; /**< counters.nb_chains at the last notification */
	struct vu_vring_counters counters;
};

/** One virtqueue. Fields are grouped by writer. */
struct vu_vring {
	/* Fixed after creation. */
	uint32_t idx;
	int numa_node; /**< where snapshots are to be; SOCKET_ID_ANY unless the owner sets it */
	struct vu_notify_conf notify; /**< all zero unless the owner sets it */
	uint32_t priv_bytes; /**< of each snapshot, the driver's; 0 unless the owner sets it */
	bool is_in_order;    /**< buffers return in the order they came; false unless it sets it */
	/** of snapshots to come, if features or flags ask for it; NULL unless the owner sets it */
	struct vu_mem_log *log;
	/** of snapshots to come, behind an IOMMU; NULL, for gpas, unless the owner sets it */
	const struct vu_mem_iova *iova;

	/* Control lcore only. */
	struct vu_vring_conf conf;
	int kick_fd;
	int call_fd;
	int err_fd;
	bool started;
	bool enabled;

	/* Control lcore publishes with release, owner lcore loads with acquire. */
	struct vu_vring_snapshot *snapshot;
	/** without a snapshot: not stopped, translations of its own parts are to come */
	bool is_paused;

	/* Owner lcore; control touches it only while the ring is stopped and quiet. */
	struct vu_vring_pos pos __rte_cache_aligned;
};

/** The ring runs, or is paused; false: it is stopped. @context control lcore */
static inline bool
vu_vring_is_running(const struct vu_vring *vring)
{
	return vring->snapshot != NULL || vring->is_paused;
}

/**
 * Bring a ring into the state of a new connection: stopped, disabled, nothing configured.
 *
 * @param vring  caller's storage
 * @param idx    virtqueue index
 * @context control lcore
 */
void vu_vring_init(struct vu_vring *vring, uint32_t idx);

/**
 * Close the ring's fds and clear its configuration; the ring must be stopped and quiet.
 *
 * @param vring  ring without a published snapshot
 * @context control lcore
 */
void vu_vring_reset(struct vu_vring *vring);

/**
 * Check a new ring size.
 *
 * @param size       entries
 * @param is_packed  packed layout: any value, split: a power of two
 * @param max_size   device's limit in entries
 * @return 0; -EINVAL zero, too large or not a power of two
 * @context control lcore
 */
int vu_vring_check_size(uint32_t size, bool is_packed, uint32_t max_size);

/**
 * Check a vring base.
 *
 * @param base       as SET_VRING_BASE has it: split: bits 0-15 next available index; packed: bits
 *                   0-14 and 16-30 available and used position, 15 and 31 their wrap counters; bits
 *                   16-31 are 0 if the sender knows of no difference between the two
 * @param is_packed  packed layout
 * @param size       entries; packed only
 * @return 0; -EINVAL bits that must be zero, a position off the ring, or positions further apart
 *         than the ring is long
 * @context control lcore
 */
int vu_vring_check_base(uint32_t base, bool is_packed, uint32_t size);

/**
 * Check a position before a ring starts there.
 *
 * @param pos   position; split: any is possible
 * @param size  entries
 * @return 0; -EINVAL as vu_vring_check_base()
 * @context control lcore
 */
int vu_vring_check_pos(const struct vu_vring_pos *pos, uint32_t size);

/**
 * Build the immutable snapshot that the owner lcore works with (VIRTIO 1.2, 2.7 and 2.8).
 *
 * @param vring     configured ring
 * @param mem       guest memory the snapshot refers to; must outlive it
 * @param features  negotiated features
 * @return snapshot to publish; NULL with rte_errno: EINVAL not configured, or size or base do not
 *         fit the layout; EFAULT a part of the ring lies outside guest memory or is misaligned;
 *         ENOMEM
 * @context control lcore
 */
struct vu_vring_snapshot *vu_vring_snapshot_create(const struct vu_vring *vring,
	const struct vu_mem_table *mem, uint64_t features);

/** Free a snapshot after its grace period; NULL is allowed. @context control lcore */
void vu_vring_snapshot_destroy(struct vu_vring_snapshot *snap);

/**
 * Set the position from the configured base and from guest memory: the used index of a split ring,
 * the descriptors of a packed one whose device returns buffers in order.
 *
 * @param vring  ring that is stopped and quiet
 * @param snap   snapshot about to be published for it
 * @return true if they contradicted each other and guest memory was taken
 * @context control lcore
 */
bool vu_vring_seek(struct vu_vring *vring, const struct vu_vring_snapshot *snap);

/**
 * Publish a snapshot, NULL to take the ring away from the owner lcore.
 *
 * @param vring  ring
 * @param snap   new snapshot
 * @return the former snapshot, to be destroyed after a grace period
 * @context control lcore
 */
struct vu_vring_snapshot *vu_vring_publish(struct vu_vring *vring, struct vu_vring_snapshot *snap);

/**
 * Saved position, as GET_VRING_BASE answers it.
 *
 * @param vring  ring that is stopped and quiet
 * @return vring base in the encoding of the layout
 * @context control lcore
 */
uint32_t vu_vring_base(const struct vu_vring *vring);

/** Name of a fault for logs and telemetry. @context any thread */
const char *vu_vring_fault_name(enum vu_vring_fault fault);

VU_API_END

#endif /* VU_VRING_H */
