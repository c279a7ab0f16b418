/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: the comfortable ring API. One set of operations for every layout, behind a lock
 * policy that is chosen once. Callers that count cycles fuse the engines of vu_vring_split.h
 * instead.
 *
 * A guard stands in front of a device's ring (attach), which its session configures, or has a ring
 * of its own (create) that the caller configures by the operations at the end. With VU_LOCK_NONE
 * all calls come from one thread at a time. With the others any data lcore may call: between two
 * of its quiescent states, because the snapshot of an attached ring lives that long.
 */
#ifndef VU_VRING_POLL_H
#define VU_VRING_POLL_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"
#include "vu_vring.h"
#include "vu_vring_chain.h"

VU_API_BEGIN

/** How several threads share one ring. */
enum vu_lock_model {
	VU_LOCK_NONE, /**< they do not */
	VU_LOCK_SPIN, /**< one at a time */
	VU_LOCK_RW,   /**< readers together, writers alone */
	VU_LOCK_NB_MODELS
};

struct vu_mem_table;

/** One ring behind a lock policy. */
struct vu_vring_guard;

/** A chain that was taken from a ring. */
struct vu_vring_item {
	uint16_t head;         /**< names the chain towards the guest */
	uint16_t nb_descs;     /**< packed: slots that the chain takes in the ring */
	uint16_t entry;        /**< of a tracked ring: the in-flight region's */
	uint32_t used_bytes;   /**< caller fills: bytes written, for vu_vring_push() */
	struct vu_chain chain; /**< checked segments */
};

/** @name Life cycle
 * @{ */

/**
 * Put a guard in front of a device's ring.
 *
 * @param vring  ring, outlives the guard
 * @param model  lock policy
 * @return guard; NULL with rte_errno EINVAL or ENOMEM
 * @context control lcore
 */
struct vu_vring_guard *vu_vring_guard_attach(struct vu_vring *vring, enum vu_lock_model model);

/**
 * Create a guard with a ring of its own, stopped and not configured.
 *
 * @param mem       guest memory, outlives the guard
 * @param max_size  largest size accepted, entries, 1..32768
 * @param model     lock policy
 * @return guard; NULL with rte_errno EINVAL or ENOMEM
 * @context control lcore
 */
struct vu_vring_guard *vu_vring_guard_create(const struct vu_mem_table *mem, uint32_t max_size,
	enum vu_lock_model model);

/** Free a guard that nobody uses, with its own ring; NULL is allowed. @context control lcore */
void vu_vring_guard_destroy(struct vu_vring_guard *guard);

/**
 * Lock for reading, for several accesses in a row.
 *
 * @return the ring, until vu_vring_guard_unlock_shared(); no other call with this guard meanwhile
 * @context owner lcore, or any data lcore with a lock
 */
const struct vu_vring *vu_vring_guard_lock_shared(struct vu_vring_guard *guard);

/** End of vu_vring_guard_lock_shared(). @context same thread */
void vu_vring_guard_unlock_shared(struct vu_vring_guard *guard);

/** The same for reading and writing. @context owner lcore, or any data lcore with a lock */
struct vu_vring *vu_vring_guard_lock(struct vu_vring_guard *guard);

/** End of vu_vring_guard_lock(). @context same thread */
void vu_vring_guard_unlock(struct vu_vring_guard *guard);

/**
 * Record from now on what is taken and not given back in a part of an in-flight region
 * (vu_vring_inflight.h). What another back-end has left there comes first from vu_vring_pop().
 *
 * @param guard       ring of which nothing is taken
 * @param snap        its snapshot, which may be about to be published; NULL: that of a ready ring
 * @param area        vu_inflight_bytes() for nb_entries; stays valid while the ring is tracked
 * @param nb_entries  that it has room for
 * @return as vu_inflight_open(); -EINVAL also: the ring is not ready. The ring is then given up,
 *         VU_VRING_BAD_INFLIGHT: what it has in flight is not known
 * @context control lcore, while the ring is quiet, or the owner's thread
 */
int vu_vring_guard_track(struct vu_vring_guard *guard, const struct vu_vring_snapshot *snap,
	void *area, uint16_t nb_entries);

/** Record no more; what is there stays. @context as vu_vring_guard_track() */
void vu_vring_guard_untrack(struct vu_vring_guard *guard);

/** @} */
/** @name Buffers
 * -ESHUTDOWN = the ring is stopped or was given up.
 * @{ */

/**
 * Take chains. A bad one gives the ring up: what came before it is returned, then nothing.
 *
 * @param guard  ring
 * @param items  filled
 * @param max    1..65535
 * @return chains taken; 0 = none there, or the ring is stopped
 * @context owner lcore, or any data lcore with a lock
 */
uint16_t vu_vring_pop(struct vu_vring_guard *guard, struct vu_vring_item *items, uint16_t max);

/**
 * Give chains back, in any order, with one update of the used index; does not notify.
 *
 * @param guard  ring
 * @param items  as taken, except used_bytes; `chain` counts for the dirty log: the first used_bytes
 *               of its writable segments are marked, see vu_vring_log_segs() for others
 * @param nb     0..65535
 * @return 0; -EINVAL split: a head not below the ring size, packed: more slots than were taken;
 *         nothing is given back; -ESHUTDOWN
 * @context owner lcore, or any data lcore with a lock
 */
int vu_vring_push(struct vu_vring_guard *guard, const struct vu_vring_item *items, uint16_t nb);

/**
 * Give one chain back.
 *
 * @return as vu_vring_push()
 * @context owner lcore, or any data lcore with a lock
 */
int vu_vring_add_used(struct vu_vring_guard *guard, const struct vu_vring_item *item);

/** @} */
/** @name Notification
 * @{ */

/**
 * Write the call fd; nothing happens without one.
 *
 * @return 0; -ESHUTDOWN
 * @context owner lcore, or any data lcore with a lock
 */
int vu_vring_signal_used(struct vu_vring_guard *guard);

/**
 * Must the guest be notified of what was given back?
 *
 * @return 1 yes, 0 no; -ESHUTDOWN
 * @context owner lcore, or any data lcore with a lock
 */
int vu_vring_needs_notification(struct vu_vring_guard *guard);

/**
 * Ask the guest to kick.
 * @return 1: buffers came meanwhile, look again; 0: none; -ESHUTDOWN
 * @context owner lcore, or any data lcore with a lock
 */
int vu_vring_enable_notification(struct vu_vring_guard *guard);

/**
 * Ask the guest not to kick.
 *
 * @return 0; -ESHUTDOWN
 * @context owner lcore, or any data lcore with a lock
 */
int vu_vring_disable_notification(struct vu_vring_guard *guard);

/**
 * Take what is in the kick fd.
 *
 * @return 1: the ring is enabled, 0: it is not; -EAGAIN nobody kicked; -ENOENT no fd, the
 *         ring is to be polled; other -errno of reading
 * @context control lcore, or the thread that waits for kicks
 */
int vu_vring_read_kick(struct vu_vring_guard *guard);

/** @} */
/** @name State
 * @{ */

/**
 * Next available index that vu_vring_pop() reads, also while stopped. Packed: the position, a slot
 * and in bit 15 the wrap counter.
 *
 * @context owner lcore, or any data lcore with a lock
 */
uint16_t vu_vring_next_avail(struct vu_vring_guard *guard);

/**
 * Used index in guest memory. Packed: the position where the next chain goes back.
 *
 * @return 0..65535; -ESHUTDOWN
 * @context owner lcore, or any data lcore with a lock
 */
int vu_vring_used_idx(struct vu_vring_guard *guard);

/**
 * The ring is set up and working.
 *
 * @context owner lcore, or any data lcore with a lock
 */
bool vu_vring_is_ready(struct vu_vring_guard *guard);

/**
 * False while the ring is to be processed without side effects.
 *
 * @context owner lcore, or any data lcore with a lock
 */
bool vu_vring_is_enabled(struct vu_vring_guard *guard);

/** @} */
/** @name Configuration
 * Of a guard with a ring of its own; -EPERM for a device's ring: its session does that.
 * @{ */

/**
 * Set the size in entries.
 *
 * @return 0; -EINVAL too large, or split and not a power of two; -EBUSY ring is ready; -EPERM
 * @context control lcore, or the owner's thread
 */
int vu_vring_set_size(struct vu_vring_guard *guard, uint32_t size);

/**
 * Set the addresses, as user addresses of the memory table.
 * @return 0; -EBUSY ring is ready; -EPERM
 * @context control lcore, or the owner's thread
 */
int vu_vring_set_queue_info(struct vu_vring_guard *guard, uint64_t desc_uva, uint64_t avail_uva,
	uint64_t used_uva);

/**
 * Use event indices instead of flags.
 *
 * @return 0; -EBUSY ring is ready; -EPERM
 * @context control lcore, or the owner's thread
 */
int vu_vring_set_event_idx(struct vu_vring_guard *guard, bool is_enabled);

/**
 * Use the packed layout instead of the split one.
 *
 * @return 0; -EBUSY ring is ready; -EPERM
 * @context control lcore, or the owner's thread
 */
int vu_vring_set_packed(struct vu_vring_guard *guard, bool is_packed);

/**
 * Set the next available index to read; packed: the position, while the ring is not ready.
 *
 * @return 0; -EBUSY packed and ready; -EPERM
 * @context control lcore, or the owner's thread
 */
int vu_vring_set_next_avail(struct vu_vring_guard *guard, uint16_t idx);

/**
 * Set the next used index to write; without it, that in guest memory counts. Packed: the position,
 * while the ring is not ready; without it, the available one counts.
 *
 * @return 0; -EBUSY packed and ready; -EPERM
 * @context control lcore, or the owner's thread
 */
int vu_vring_set_next_used(struct vu_vring_guard *guard, uint16_t idx);

/**
 * Set whether the ring is processed with side effects.
 *
 * @return 0; -EPERM
 * @context control lcore, or the owner's thread
 */
int vu_vring_set_enabled(struct vu_vring_guard *guard, bool is_enabled);

/**
 * Start the ring, or stop it and keep its position.
 * @return 0; -EINVAL not configured, or positions off the ring; -EFAULT an address outside guest
 *         memory; -ENOMEM; -EPERM
 * @context control lcore, or the owner's thread
 */
int vu_vring_set_ready(struct vu_vring_guard *guard, bool is_ready);

/**
 * Replace the kick fd, VU_FD_NONE for none; taken on every path.
 *
 * @return 0; -EPERM
 * @context control lcore, or the owner's thread
 */
int vu_vring_set_kick(struct vu_vring_guard *guard, int fd);

/**
 * Replace the call fd, VU_FD_NONE for none; taken on every path.
 *
 * @return 0; -EPERM
 * @context control lcore, or the owner's thread
 */
int vu_vring_set_call(struct vu_vring_guard *guard, int fd);

/**
 * Replace the error fd, VU_FD_NONE for none; taken on every path.
 *
 * @return 0; -EPERM
 * @context control lcore, or the owner's thread
 */
int vu_vring_set_err(struct vu_vring_guard *guard, int fd);

/** @} */

VU_API_END

#endif /* VU_VRING_POLL_H */
