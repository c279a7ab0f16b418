/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/vring: a ring behind a lock policy, and the table of its operations.
 */
#ifndef VRING_OPS_H
#define VRING_OPS_H

#include "vring_lock.h"
#include "vu_vring_inflight.h"

/** Operations under one lock policy. */
struct vring_ops {
	uint16_t (*pop)(struct vu_vring_guard *guard, struct vu_vring_item *items, uint16_t max);
	int (*push)(struct vu_vring_guard *guard, const struct vu_vring_item *items, uint16_t nb);
	int (*signal_used)(struct vu_vring_guard *guard);
	int (*needs_notification)(struct vu_vring_guard *guard);
	int (*enable_notification)(struct vu_vring_guard *guard);
	int (*disable_notification)(struct vu_vring_guard *guard);
	int (*used_idx)(struct vu_vring_guard *guard);
};

struct vu_vring_guard {
	/* Fixed after creation. */
	const struct vring_ops *ops;
	struct vu_vring *vring;
	enum vu_lock_model model;
	bool is_own;                     /**< vring is `own`, the caller configures it */
	const struct vu_mem_table *mem;  /**< of an own ring */
	uint32_t max_size;               /**< of an own ring */

	/* Under the lock. */
	union vring_lock lock;
	uint64_t features;               /**< of an own ring */
	bool has_next_used;
	uint16_t next_used;              /**< to start from; if has_next_used */
	struct vu_inflight inflight;     /**< if it has an area: the ring is tracked */
	struct vu_vring own;
};

/* vring_tracked.c: a ring whose requests are recorded. Under the lock. */
uint16_t vring_tracked_pop(struct vu_vring_guard *guard, const struct vu_vring_snapshot *snap,
	struct vu_vring_item *items, uint16_t max);
int vring_tracked_push(struct vu_vring_guard *guard, const struct vu_vring_snapshot *snap,
	const struct vu_vring_item *items, uint16_t nb);

/** Operations under a lock policy. */
const struct vring_ops *vring_ops_get(enum vu_lock_model model);

#endif /* VRING_OPS_H */
