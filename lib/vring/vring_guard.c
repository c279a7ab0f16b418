/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life cycle and state of a ring behind a lock policy, and the configuration of one that has no
 * session. Everybody holds the lock (or is the only thread), so a snapshot can be changed and
 * freed on the spot: no grace period is needed for a ring of our own.
 */
#include "vring_ops.h"

#include <errno.h>

#include <rte_bitops.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "vu_fd.h"
#include "vu_limits.h"
#include "vu_virtio.h"
#include "vu_vring_snapshot.h"


static struct vu_vring_guard *
guard_alloc(enum vu_lock_model model)
{
	struct vu_vring_guard *guard;

	if ((unsigned int)model >= VU_LOCK_NB_MODELS) {
		rte_errno = EINVAL;
		return NULL;
	}
	guard = rte_zmalloc("vu_vring_guard", sizeof(*guard), RTE_CACHE_LINE_SIZE);
	if (guard == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	guard->model = model;
	guard->ops = vring_ops_get(model);
	vring_lock_init(&guard->lock, model);
	return guard;
}

struct vu_vring_guard *
vu_vring_guard_attach(struct vu_vring *vring, enum vu_lock_model model)
{
	struct vu_vring_guard *guard = guard_alloc(model);

	if (guard != NULL)
		guard->vring = vring;
	return guard;
}

struct vu_vring_guard *
vu_vring_guard_create(const struct vu_mem_table *mem, uint32_t max_size, enum vu_lock_model model)
{
	struct vu_vring_guard *guard;

	if (mem == NULL || max_size == 0 || max_size > VU_MAX_QUEUE_SIZE) {
		rte_errno = EINVAL;
		return NULL;
	}
	guard = guard_alloc(model);
	if (guard == NULL)
		return NULL;
	vu_vring_init(&guard->own, 0);
	guard->vring = &guard->own;
	guard->is_own = true;
	guard->mem = mem;
	guard->max_size = max_size;
	guard->features = RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC);
	return guard;
}

void
vu_vring_guard_destroy(struct vu_vring_guard *guard)
{
	if (guard == NULL)
		return;
	vu_inflight_close(&guard->inflight);
	if (guard->is_own) {
		vu_vring_snapshot_destroy(vu_vring_publish(&guard->own, NULL));
		vu_vring_reset(&guard->own);
	}
	rte_free(guard);
}

struct vu_vring *
vu_vring_guard_lock(struct vu_vring_guard *guard)
{
	vring_lock_write(&guard->lock, guard->model);
	return guard->vring;
}

void
vu_vring_guard_unlock(struct vu_vring_guard *guard)
{
	vring_unlock_write(&guard->lock, guard->model);
}

const struct vu_vring *
vu_vring_guard_lock_shared(struct vu_vring_guard *guard)
{
	vring_lock_read(&guard->lock, guard->model);
	return guard->vring;
}

void
vu_vring_guard_unlock_shared(struct vu_vring_guard *guard)
{
	vring_unlock_read(&guard->lock, guard->model);
}

int
vu_vring_guard_track(struct vu_vring_guard *guard, const struct vu_vring_snapshot *snap,
	void *area, uint16_t nb_entries)
{
	struct vu_vring *vring = vu_vring_guard_lock(guard);
	int rc = -EINVAL;

	vu_inflight_close(&guard->inflight);
	if (snap == NULL)
		snap = vring->snapshot;
	if (snap != NULL)
		rc = vu_inflight_open(&guard->inflight, area, nb_entries, snap, &vring->pos);
	if (rc == -EINVAL)
		vu_store(&vring->pos.fault, (uint8_t)VU_VRING_BAD_INFLIGHT);
	vu_vring_guard_unlock(guard);
	return rc;
}

void
vu_vring_guard_untrack(struct vu_vring_guard *guard)
{
	vu_vring_guard_lock(guard);
	vu_inflight_close(&guard->inflight);
	vu_vring_guard_unlock(guard);
}

uint16_t
vu_vring_next_avail(struct vu_vring_guard *guard)
{
	const struct vu_vring *vring = vu_vring_guard_lock_shared(guard);
	uint16_t idx = vu_vring_snapshot_load(vring) != NULL ? vring->pos.last_avail_idx :
		(uint16_t)vring->conf.base;

	vu_vring_guard_unlock_shared(guard);
	return idx;
}

bool
vu_vring_is_ready(struct vu_vring_guard *guard)
{
	const struct vu_vring *vring = vu_vring_guard_lock_shared(guard);
	bool is_ready = vu_vring_snapshot_load(vring) != NULL &&
		!vu_vring_is_given_up(vring->pos.fault);

	vu_vring_guard_unlock_shared(guard);
	return is_ready;
}

bool
vu_vring_is_enabled(struct vu_vring_guard *guard)
{
	const struct vu_vring *vring = vu_vring_guard_lock_shared(guard);
	const struct vu_vring_snapshot *snap = vu_vring_snapshot_load(vring);
	bool is_enabled = snap != NULL ? snap->is_enabled : vring->enabled;

	vu_vring_guard_unlock_shared(guard);
	return is_enabled;
}

int
vu_vring_read_kick(struct vu_vring_guard *guard)
{
	const struct vu_vring *vring = vu_vring_guard_lock_shared(guard);
	int rc = vring->kick_fd != VU_FD_NONE ? vu_fd_take_events(vring->kick_fd) : -ENOENT;

	if (rc == 0)
		rc = vring->enabled;
	vu_vring_guard_unlock_shared(guard);
	return rc;
}

/* Lock a ring of our own for a change; -EPERM if it is a device's, which leaves it unlocked. */
static int
guard_begin(struct vu_vring_guard *guard)
{
	if (!guard->is_own)
		return -EPERM;
	vu_vring_guard_lock(guard);
	return 0;
}

/* The same for a change that a ready ring does not allow. */
static int
guard_begin_stopped(struct vu_vring_guard *guard)
{
	int rc = guard_begin(guard);

	if (rc != 0 || guard->own.snapshot == NULL)
		return rc;
	vu_vring_guard_unlock(guard);
	return -EBUSY;
}

static int
guard_end(struct vu_vring_guard *guard, int rc)
{
	vu_vring_guard_unlock(guard);
	return rc;
}

static bool
guard_is_packed(const struct vu_vring_guard *guard)
{
	return (guard->features & RTE_BIT64(VIRTIO_F_RING_PACKED)) != 0;
}

int
vu_vring_set_size(struct vu_vring_guard *guard, uint32_t size)
{
	int rc = guard_begin_stopped(guard);

	if (rc != 0)
		return rc;
	rc = vu_vring_check_size(size, guard_is_packed(guard), guard->max_size);
	if (rc == 0)
		guard->own.conf.size = size;
	return guard_end(guard, rc);
}

int
vu_vring_set_queue_info(struct vu_vring_guard *guard, uint64_t desc_uva, uint64_t avail_uva,
	uint64_t used_uva)
{
	struct vu_vring_conf *conf = &guard->own.conf;
	int rc = guard_begin_stopped(guard);

	if (rc != 0)
		return rc;
	conf->desc_uva = desc_uva;
	conf->avail_uva = avail_uva;
	conf->used_uva = used_uva;
	conf->has_addr = true;
	return guard_end(guard, 0);
}

static int
guard_set_feature(struct vu_vring_guard *guard, unsigned int bit, bool is_enabled)
{
	int rc = guard_begin_stopped(guard);

	if (rc != 0)
		return rc;
	guard->features &= ~RTE_BIT64(bit);
	if (is_enabled)
		guard->features |= RTE_BIT64(bit);
	return guard_end(guard, 0);
}

int
vu_vring_set_event_idx(struct vu_vring_guard *guard, bool is_enabled)
{
	return guard_set_feature(guard, VIRTIO_RING_F_EVENT_IDX, is_enabled);
}

int
vu_vring_set_packed(struct vu_vring_guard *guard, bool is_packed)
{
	return guard_set_feature(guard, VIRTIO_F_RING_PACKED, is_packed);
}

/* For changes of the position: what a packed ring holds belongs to a lap. */
static int
guard_begin_move(struct vu_vring_guard *guard)
{
	return guard->is_own && guard_is_packed(guard) ? guard_begin_stopped(guard) :
		guard_begin(guard);
}

int
vu_vring_set_next_avail(struct vu_vring_guard *guard, uint16_t idx)
{
	struct vu_vring *vring = &guard->own;
	int rc = guard_begin_move(guard);

	if (rc != 0)
		return rc;
	vring->conf.base = idx;
	vring->conf.has_base = true;
	if (vring->snapshot != NULL)
		vring->pos.last_avail_idx = idx;
	return guard_end(guard, 0);
}

int
vu_vring_set_next_used(struct vu_vring_guard *guard, uint16_t idx)
{
	struct vu_vring *vring = &guard->own;
	int rc = guard_begin_move(guard);

	if (rc != 0)
		return rc;
	guard->has_next_used = vring->snapshot == NULL;
	guard->next_used = idx;
	if (vring->snapshot != NULL)
		vring->pos.last_used_idx = idx;
	return guard_end(guard, 0);
}

int
vu_vring_set_enabled(struct vu_vring_guard *guard, bool is_enabled)
{
	struct vu_vring *vring = &guard->own;
	int rc = guard_begin(guard);

	if (rc != 0)
		return rc;
	vring->enabled = is_enabled;
	if (vring->snapshot != NULL)
		vring->snapshot->is_enabled = is_enabled;
	return guard_end(guard, 0);
}

/* Position of a ring that starts. */
static int
guard_seek(struct vu_vring_guard *guard, const struct vu_vring_snapshot *snap)
{
	struct vu_vring_pos *pos = &guard->own.pos;

	vu_vring_seek(&guard->own, snap);
	if (!guard->has_next_used)
		return 0;
	pos->last_used_idx = guard->next_used;
	return vu_vring_check_pos(pos, snap->size);
}

static int
guard_start(struct vu_vring_guard *guard)
{
	struct vu_vring *vring = &guard->own;
	struct vu_vring_snapshot *snap;
	int rc;

	if (vring->snapshot != NULL)
		return 0;
	snap = vu_vring_snapshot_create(vring, guard->mem, guard->features);
	if (snap == NULL)
		return -rte_errno;
	rc = guard_seek(guard, snap);
	if (rc != 0) {
		vu_vring_snapshot_destroy(snap);
		return rc;
	}
	guard->has_next_used = false;
	vring->started = true;
	vu_vring_publish(vring, snap);
	return 0;
}

static void
guard_stop(struct vu_vring *vring)
{
	if (vring->snapshot == NULL)
		return;
	vring->conf.base = vu_vring_base(vring);
	vring->conf.has_base = true;
	vring->started = false;
	vu_vring_snapshot_destroy(vu_vring_publish(vring, NULL));
}

int
vu_vring_set_ready(struct vu_vring_guard *guard, bool is_ready)
{
	int rc = guard_begin(guard);

	if (rc != 0)
		return rc;
	if (is_ready)
		rc = guard_start(guard);
	else
		guard_stop(&guard->own);
	return guard_end(guard, rc);
}

/* Replace one of the fds; takes fd on every path. */
static int
guard_set_fd(struct vu_vring_guard *guard, int *own_fd, int fd)
{
	struct vu_vring *vring = &guard->own;
	int rc = guard_begin(guard);

	if (rc != 0) {
		vu_fd_close(&fd);
		return rc;
	}
	vu_fd_close(own_fd);
	*own_fd = fd;
	if (vring->snapshot != NULL) {
		vring->snapshot->call_fd = vring->call_fd;
		vring->snapshot->err_fd = vring->err_fd;
	}
	return guard_end(guard, 0);
}

int
vu_vring_set_kick(struct vu_vring_guard *guard, int fd)
{
	return guard_set_fd(guard, &guard->own.kick_fd, fd);
}

int
vu_vring_set_call(struct vu_vring_guard *guard, int fd)
{
	return guard_set_fd(guard, &guard->own.call_fd, fd);
}

int
vu_vring_set_err(struct vu_vring_guard *guard, int fd)
{
	return guard_set_fd(guard, &guard->own.err_fd, fd);
}
