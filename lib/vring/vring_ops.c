/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Buffers and notification under each lock policy. One always-inline body per operation takes the
 * policy as a constant; the table at the end holds its three forms. Runs on data lcores.
 */
#include "vring_ops.h"

#include <errno.h>

#include <rte_branch_prediction.h>

#include "vu_vring_notify.h"
#include "vu_vring_split.h"

/* Set-up of a ring that works; NULL if it is stopped or was given up. */
static __rte_always_inline const struct vu_vring_live *
split_live(const struct vu_vring_guard *guard)
{
	const struct vu_vring *vring = guard->vring;

	return likely(vring->pos.fault == VU_VRING_OK) ? vu_vring_live(vring) : NULL;
}

static __rte_always_inline uint16_t
split_pop_live(const struct vu_vring_live *live, struct vu_vring_pos *pos,
	struct vu_vring_item *items, uint16_t max)
{
	uint16_t nb = RTE_MIN(vu_split_nb_avail(live, pos), max);

	for (uint16_t i = 0; i < nb; i++) {
		uint16_t head = vu_load(&live->avail->ring[pos->avail & live->mask]);

		pos->fault = (uint8_t)(unlikely(head >= live->size) ? VU_VRING_BAD_HEAD :
			vu_split_chain(live, pos, head, &items[i].chain));
		if (unlikely(pos->fault != VU_VRING_OK))
			return i;
		items[i].head = head;
		items[i].used_bytes = 0;
		pos->avail++;
	}
	return nb;
}

static __rte_always_inline uint16_t
split_pop(struct vu_vring_guard *guard, struct vu_vring_item *items, uint16_t max,
	const enum vu_lock_model model)
{
	const struct vu_vring_live *live;
	uint16_t nb = 0;

	vring_lock_write(&guard->lock, model);
	live = split_live(guard);
	if (live != NULL)
		nb = split_pop_live(live, &guard->vring->pos, items, max);
	vring_unlock_write(&guard->lock, model);
	return nb;
}

/* Used elements first, then the index, once. */
static __rte_always_inline int
split_push_live(const struct vu_vring_live *live, struct vu_vring_pos *pos,
	const struct vu_vring_item *items, uint16_t nb)
{
	for (uint16_t i = 0; i < nb; i++)
		if (unlikely(items[i].head >= live->size))
			return -EINVAL;
	for (uint16_t i = 0; i < nb; i++) {
		struct vu_split_used_elem *elem =
			&live->used->ring[(uint16_t)(pos->used + i) & live->mask];

		vu_store(&elem->id, items[i].head);
		vu_store(&elem->len_bytes, items[i].used_bytes);
	}
	pos->used += nb;
	vu_counter_add(&pos->counters.nb_chains, nb);
	/* Entries before index; pairs with the acquire in the guest's driver. */
	vu_store_release(&live->used->idx, pos->used);
	return 0;
}

static __rte_always_inline int
split_push(struct vu_vring_guard *guard, const struct vu_vring_item *items, uint16_t nb,
	const enum vu_lock_model model)
{
	const struct vu_vring_live *live;
	int rc = -ESHUTDOWN;

	vring_lock_write(&guard->lock, model);
	live = split_live(guard);
	if (live != NULL)
		rc = split_push_live(live, &guard->vring->pos, items, nb);
	vring_unlock_write(&guard->lock, model);
	return rc;
}

static __rte_always_inline int
split_add_used_live(const struct vu_vring_live *live, struct vu_vring_pos *pos, uint16_t head,
	uint32_t used_bytes)
{
	struct vu_split_used_elem *elem = &live->used->ring[pos->used & live->mask];

	if (unlikely(head >= live->size))
		return -EINVAL;
	vu_store(&elem->id, head);
	vu_store(&elem->len_bytes, used_bytes);
	pos->used++;
	vu_counter_add(&pos->counters.nb_chains, 1);
	/* Entry before index; pairs with the acquire in the guest's driver. */
	vu_store_release(&live->used->idx, pos->used);
	return 0;
}

static __rte_always_inline int
split_add_used(struct vu_vring_guard *guard, uint16_t head, uint32_t used_bytes,
	const enum vu_lock_model model)
{
	const struct vu_vring_live *live;
	int rc = -ESHUTDOWN;

	vring_lock_write(&guard->lock, model);
	live = split_live(guard);
	if (live != NULL)
		rc = split_add_used_live(live, &guard->vring->pos, head, used_bytes);
	vring_unlock_write(&guard->lock, model);
	return rc;
}

static __rte_always_inline int
split_signal_used(struct vu_vring_guard *guard, const enum vu_lock_model model)
{
	const struct vu_vring_live *live;

	/* Position and counters have one writer at a time. */
	vring_lock_write(&guard->lock, model);
	live = split_live(guard);
	if (live != NULL)
		vu_vring_notify(live, &guard->vring->pos);
	vring_unlock_write(&guard->lock, model);
	return live != NULL ? 0 : -ESHUTDOWN;
}

static __rte_always_inline int
split_needs_notification(struct vu_vring_guard *guard, const enum vu_lock_model model)
{
	const struct vu_vring_live *live;
	int rc = -ESHUTDOWN;

	vring_lock_write(&guard->lock, model);
	live = split_live(guard);
	if (live != NULL)
		rc = vu_split_wants_notification(live, &guard->vring->pos);
	vring_unlock_write(&guard->lock, model);
	return rc;
}

static __rte_always_inline int
split_enable_live(const struct vu_vring_live *live, const struct vu_vring_pos *pos)
{
	if (live->has_event_idx)
		vu_store((uint16_t *)(uintptr_t)&live->used->ring[live->size], pos->avail);
	else
		vu_store(&live->used->flags, 0);
	/*
	 * Request before look; pairs with the guest's full barrier between publishing a buffer and
	 * reading the request.
	 */
	rte_smp_mb();
	return vu_load(&live->avail->idx) != pos->avail;
}

static __rte_always_inline int
split_enable_notification(struct vu_vring_guard *guard, const enum vu_lock_model model)
{
	const struct vu_vring_live *live;
	int rc = -ESHUTDOWN;

	vring_lock_write(&guard->lock, model);
	live = split_live(guard);
	if (live != NULL)
		rc = split_enable_live(live, &guard->vring->pos);
	vring_unlock_write(&guard->lock, model);
	return rc;
}

static __rte_always_inline int
split_disable_notification(struct vu_vring_guard *guard, const enum vu_lock_model model)
{
	const struct vu_vring_live *live;

	vring_lock_write(&guard->lock, model);
	live = split_live(guard);
	if (live != NULL)
		vu_split_suppress_kicks(live);
	vring_unlock_write(&guard->lock, model);
	return live != NULL ? 0 : -ESHUTDOWN;
}

static __rte_always_inline int
split_used_idx(struct vu_vring_guard *guard, const enum vu_lock_model model)
{
	const struct vu_vring_live *live;
	int rc = -ESHUTDOWN;

	vring_lock_read(&guard->lock, model);
	live = split_live(guard);
	if (live != NULL)
		rc = vu_load(&live->used->idx);
	vring_unlock_read(&guard->lock, model);
	return rc;
}

#define SPLIT_OPS(suffix, model) \
	static uint16_t \
	split_pop_##suffix(struct vu_vring_guard *guard, struct vu_vring_item *items, \
		uint16_t max) \
	{ \
		return split_pop(guard, items, max, model); \
	} \
	static int \
	split_push_##suffix(struct vu_vring_guard *guard, const struct vu_vring_item *items, \
		uint16_t nb) \
	{ \
		return split_push(guard, items, nb, model); \
	} \
	static int \
	split_add_used_##suffix(struct vu_vring_guard *guard, uint16_t head, \
		uint32_t used_bytes) \
	{ \
		return split_add_used(guard, head, used_bytes, model); \
	} \
	SPLIT_OP(signal_used, suffix, model) \
	SPLIT_OP(needs_notification, suffix, model) \
	SPLIT_OP(enable_notification, suffix, model) \
	SPLIT_OP(disable_notification, suffix, model) \
	SPLIT_OP(used_idx, suffix, model)

#define SPLIT_OP(op, suffix, model) \
	static int \
	split_##op##_##suffix(struct vu_vring_guard *guard) \
	{ \
		return split_##op(guard, model); \
	}

SPLIT_OPS(none, VU_LOCK_NONE)
SPLIT_OPS(spin, VU_LOCK_SPIN)
SPLIT_OPS(rw, VU_LOCK_RW)

#define SPLIT_ROW(suffix) { \
	.pop = split_pop_##suffix, \
	.push = split_push_##suffix, \
	.add_used = split_add_used_##suffix, \
	.signal_used = split_signal_used_##suffix, \
	.needs_notification = split_needs_notification_##suffix, \
	.enable_notification = split_enable_notification_##suffix, \
	.disable_notification = split_disable_notification_##suffix, \
	.used_idx = split_used_idx_##suffix, \
}

static const struct vring_ops split_ops[VU_LOCK_NB_MODELS] = {
	[VU_LOCK_NONE] = SPLIT_ROW(none),
	[VU_LOCK_SPIN] = SPLIT_ROW(spin),
	[VU_LOCK_RW] = SPLIT_ROW(rw),
};

const struct vring_ops *
vring_ops_split(enum vu_lock_model model)
{
	return &split_ops[model];
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
vu_vring_add_used(struct vu_vring_guard *guard, uint16_t head, uint32_t used_bytes)
{
	return guard->ops->add_used(guard, head, used_bytes);
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
