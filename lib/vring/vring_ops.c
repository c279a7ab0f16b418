/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Buffers and notification under each lock policy. One always-inline body per operation takes the
 * policy as a constant; the table at the end holds its three forms. Runs on data lcores.
 */
#include "vring_ops.h"

#include <errno.h>

#include <rte_branch_prediction.h>

#include "vring_layout.h"

/* Snapshot of a ring that works, or waits for a translation; NULL if it is stopped or given up. */
static __rte_always_inline const struct vu_vring_snapshot *
guard_live(const struct vu_vring_guard *guard)
{
	const struct vu_vring *vring = guard->vring;

	return likely(!vu_vring_is_given_up(vring->pos.fault)) ? vu_vring_snapshot_load(vring) :
		NULL;
}

static __rte_always_inline uint16_t
guard_pop(struct vu_vring_guard *guard, struct vu_vring_item *items, uint16_t max,
	const enum vu_lock_model model)
{
	const struct vu_vring_snapshot *snap;
	uint16_t nb = 0;

	vring_lock_write(&guard->lock, model);
	snap = guard_live(guard);
	if (snap != NULL)
		nb = likely(guard->inflight.area == NULL) ?
			ring_pop(snap, &guard->vring->pos, items, max) :
			vring_tracked_pop(guard, snap, items, max);
	vring_unlock_write(&guard->lock, model);
	return nb;
}

static __rte_always_inline int
guard_push(struct vu_vring_guard *guard, const struct vu_vring_item *items, uint16_t nb,
	const enum vu_lock_model model)
{
	const struct vu_vring_snapshot *snap;
	int rc = -ESHUTDOWN;

	vring_lock_write(&guard->lock, model);
	snap = guard_live(guard);
	if (snap != NULL)
		rc = likely(guard->inflight.area == NULL) ?
			ring_push(snap, &guard->vring->pos, items, nb) :
			vring_tracked_push(guard, snap, items, nb);
	vring_unlock_write(&guard->lock, model);
	return rc;
}

/* What has no parameters; position and counters have one writer at a time. */
static __rte_always_inline int
guard_do(struct vu_vring_guard *guard, const enum vu_lock_model model,
	int (*op)(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos))
{
	const struct vu_vring_snapshot *snap;
	int rc = -ESHUTDOWN;

	vring_lock_write(&guard->lock, model);
	snap = guard_live(guard);
	if (snap != NULL)
		rc = op(snap, &guard->vring->pos);
	vring_unlock_write(&guard->lock, model);
	return rc;
}

static __rte_always_inline int
guard_used_idx(struct vu_vring_guard *guard, const enum vu_lock_model model)
{
	const struct vu_vring_snapshot *snap;
	int rc = -ESHUTDOWN;

	vring_lock_read(&guard->lock, model);
	snap = guard_live(guard);
	if (snap != NULL)
		rc = ring_used_idx(snap, &guard->vring->pos);
	vring_unlock_read(&guard->lock, model);
	return rc;
}

#define GUARD_DO(op, suffix, model) \
	static int \
	op##_##suffix(struct vu_vring_guard *guard) \
	{ \
		return guard_do(guard, model, ring_##op); \
	}

#define GUARD_OPS(suffix, model) \
	static uint16_t \
	pop_##suffix(struct vu_vring_guard *guard, struct vu_vring_item *items, uint16_t max) \
	{ \
		return guard_pop(guard, items, max, model); \
	} \
	static int \
	push_##suffix(struct vu_vring_guard *guard, const struct vu_vring_item *items, \
		uint16_t nb) \
	{ \
		return guard_push(guard, items, nb, model); \
	} \
	GUARD_DO(signal_used, suffix, model) \
	GUARD_DO(needs_notification, suffix, model) \
	GUARD_DO(enable_notification, suffix, model) \
	GUARD_DO(disable_notification, suffix, model) \
	static int \
	used_idx_##suffix(struct vu_vring_guard *guard) \
	{ \
		return guard_used_idx(guard, model); \
	}

GUARD_OPS(none, VU_LOCK_NONE)
GUARD_OPS(spin, VU_LOCK_SPIN)
GUARD_OPS(rw, VU_LOCK_RW)

#define GUARD_ROW(suffix) { \
	.pop = pop_##suffix, \
	.push = push_##suffix, \
	.signal_used = signal_used_##suffix, \
	.needs_notification = needs_notification_##suffix, \
	.enable_notification = enable_notification_##suffix, \
	.disable_notification = disable_notification_##suffix, \
	.used_idx = used_idx_##suffix, \
}

static const struct vring_ops guard_ops[VU_LOCK_NB_MODELS] = {
	[VU_LOCK_NONE] = GUARD_ROW(none),
	[VU_LOCK_SPIN] = GUARD_ROW(spin),
	[VU_LOCK_RW] = GUARD_ROW(rw),
};

const struct vring_ops *
vring_ops_get(enum vu_lock_model model)
{
	return &guard_ops[model];
}

uint16_t
vu_vring_pop(struct vu_vring_guard *guard, struct vu_vring_item *items, uint16_t max)
{
	return guard->ops->pop(guard, items, max);
}

int
vu_vring_push(struct vu_vring_guard *guard, const struct vu_vring_item *items, uint16_t nb)
{
	return guard->ops->push(guard, items, nb);
}

int
vu_vring_add_used(struct vu_vring_guard *guard, const struct vu_vring_item *item)
{
	return guard->ops->push(guard, item, 1);
}

int
vu_vring_signal_used(struct vu_vring_guard *guard)
{
	return guard->ops->signal_used(guard);
}

int
vu_vring_needs_notification(struct vu_vring_guard *guard)
{
	return guard->ops->needs_notification(guard);
}

int
vu_vring_enable_notification(struct vu_vring_guard *guard)
{
	return guard->ops->enable_notification(guard);
}

int
vu_vring_disable_notification(struct vu_vring_guard *guard)
{
	return guard->ops->disable_notification(guard);
}

int
vu_vring_used_idx(struct vu_vring_guard *guard)
{
	return guard->ops->used_idx(guard);
}
