/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life cycle and state of a ring behind a lock policy, and the configuration of one that has no
 * session. Everybody holds the lock (or is the one thread there is), so a set-up can be changed and
 * freed on the spot: no grace period is needed for a ring of our own.
 */
#include "vring_ops.h"

#include <errno.h>
#include <unistd.h>

#include <rte_bitops.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "vu_fd.h"
#include "vu_limits.h"
#include "vu_vring_live.h"

#define FEATURE_INDIRECT_DESC 28
#define FEATURE_EVENT_IDX 29

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
	guard->ops = vring_ops_split(model);
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
	guard->features = RTE_BIT64(FEATURE_INDIRECT_DESC);
	return guard;
}

void
vu_vring_guard_destroy(struct vu_vring_guard *guard)
{
	if (guard == NULL)
		return;
	if (guard->is_own) {
		vu_vring_live_destroy(vu_vring_publish(&guard->own, NULL));
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

uint16_t
vu_vring_next_avail(struct vu_vring_guard *guard)
{
	const struct vu_vring *vring = vu_vring_guard_lock_shared(guard);
	uint16_t idx = vu_vring_live(vring) != NULL ? vring->pos.avail :
		(uint16_t)vring->conf.base;

	vu_vring_guard_unlock_shared(guard);
	return idx;
}

bool
vu_vring_is_ready(struct vu_vring_guard *guard)
{
	const struct vu_vring *vring = vu_vring_guard_lock_shared(guard);
	bool is_ready = vu_vring_live(vring) != NULL && vring->pos.fault == VU_VRING_OK;

	vu_vring_guard_unlock_shared(guard);
	return is_ready;
}

bool
vu_vring_is_enabled(struct vu_vring_guard *guard)
{
	const struct vu_vring *vring = vu_vring_guard_lock_shared(guard);
	const struct vu_vring_live *live = vu_vring_live(vring);
	bool is_enabled = live != NULL ? live->is_enabled : vring->enabled;

	vu_vring_guard_unlock_shared(guard);
	return is_enabled;
}

int
vu_vring_read_kick(struct vu_vring_guard *guard)
{
	const struct vu_vring *vring = vu_vring_guard_lock_shared(guard);
	uint64_t count;
	int rc;

	if (vring->kick_fd == VU_FD_NONE)
		rc = -ENOENT;
	else if (read(vring->kick_fd, &count, sizeof(count)) < 0)
		rc = -errno;
	else
		rc = vring->enabled;
	vu_vring_guard_unlock_shared(guard);
	return rc;
}

/* Lock a ring of our own for a change; NULL if it is a device's. */
static struct vu_vring *
guard_begin(struct vu_vring_guard *guard)
{
	return guard->is_own ? vu_vring_guard_lock(guard) : NULL;
}

static int
guard_end(struct vu_vring_guard *guard, int rc)
{
	vu_vring_guard_unlock(guard);
	return rc;
}

int
vu_vring_set_size(struct vu_vring_guard *guard, uint32_t size)
{
	struct vu_vring *vring = guard_begin(guard);
	int rc;

	if (vring == NULL)
		return -EPERM;
	rc = vring->live != NULL ? -EBUSY : vu_vring_check_size(size, false, guard->max_size);
	if (rc == 0)
		vring->conf.size = size;
	return guard_end(guard, rc);
}

int
vu_vring_set_queue_info(struct vu_vring_guard *guard, uint64_t desc_uva, uint64_t avail_uva,
	uint64_t used_uva)
{
	struct vu_vring *vring = guard_begin(guard);

	if (vring == NULL)
		return -EPERM;
	if (vring->live != NULL)
		return guard_end(guard, -EBUSY);
	vring->conf.desc_uva = desc_uva;
	vring->conf.avail_uva = avail_uva;
	vring->conf.used_uva = used_uva;
	vring->conf.has_addr = true;
	return guard_end(guard, 0);
}

int
vu_vring_set_event_idx(struct vu_vring_guard *guard, bool is_enabled)
{
	struct vu_vring *vring = guard_begin(guard);

	if (vring == NULL)
		return -EPERM;
	if (vring->live != NULL)
		return guard_end(guard, -EBUSY);
	guard->features &= ~RTE_BIT64(FEATURE_EVENT_IDX);
	if (is_enabled)
		guard->features |= RTE_BIT64(FEATURE_EVENT_IDX);
	return guard_end(guard, 0);
}

int
vu_vring_set_next_avail(struct vu_vring_guard *guard, uint16_t idx)
{
	struct vu_vring *vring = guard_begin(guard);

	if (vring == NULL)
		return -EPERM;
	vring->conf.base = idx;
	if (vring->live != NULL)
		vring->pos.avail = idx;
	return guard_end(guard, 0);
}

int
vu_vring_set_next_used(struct vu_vring_guard *guard, uint16_t idx)
{
	struct vu_vring *vring = guard_begin(guard);

	if (vring == NULL)
		return -EPERM;
	guard->has_next_used = vring->live == NULL;
	guard->next_used = idx;
	if (vring->live != NULL)
		vring->pos.used = idx;
	return guard_end(guard, 0);
}

int
vu_vring_set_enabled(struct vu_vring_guard *guard, bool is_enabled)
{
	struct vu_vring *vring = guard_begin(guard);

	if (vring == NULL)
		return -EPERM;
	vring->enabled = is_enabled;
	if (vring->live != NULL)
		vring->live->is_enabled = is_enabled;
	return guard_end(guard, 0);
}

static int
guard_start(struct vu_vring_guard *guard, struct vu_vring *vring)
{
	struct vu_vring_live *live;

	if (vring->live != NULL)
		return 0;
	live = vu_vring_live_create(vring, guard->mem, guard->features);
	if (live == NULL)
		return -rte_errno;
	vu_vring_seek(vring, live);
	if (guard->has_next_used)
		vring->pos.used = guard->next_used;
	guard->has_next_used = false;
	vring->started = true;
	vu_vring_publish(vring, live);
	return 0;
}

static void
guard_stop(struct vu_vring *vring)
{
	if (vring->live == NULL)
		return;
	vring->conf.base = vu_vring_base(vring);
	vring->started = false;
	vu_vring_live_destroy(vu_vring_publish(vring, NULL));
}

int
vu_vring_set_ready(struct vu_vring_guard *guard, bool is_ready)
{
	struct vu_vring *vring = guard_begin(guard);
	int rc = 0;

	if (vring == NULL)
		return -EPERM;
	if (is_ready)
		rc = guard_start(guard, vring);
	else
		guard_stop(vring);
	return guard_end(guard, rc);
}

int
vu_vring_set_kick(struct vu_vring_guard *guard, int fd)
{
	struct vu_vring *vring = guard_begin(guard);

	if (vring == NULL) {
		vu_fd_close(&fd);
		return -EPERM;
	}
	vu_fd_close(&vring->kick_fd);
	vring->kick_fd = fd;
	return guard_end(guard, 0);
}

int
vu_vring_set_call(struct vu_vring_guard *guard, int fd)
{
	struct vu_vring *vring = guard_begin(guard);

	if (vring == NULL) {
		vu_fd_close(&fd);
		return -EPERM;
	}
	vu_fd_close(&vring->call_fd);
	vring->call_fd = fd;
	if (vring->live != NULL)
		vring->live->call_fd = fd;
	return guard_end(guard, 0);
}

int
vu_vring_set_err(struct vu_vring_guard *guard, int fd)
{
	struct vu_vring *vring = guard_begin(guard);

	if (vring == NULL) {
		vu_fd_close(&fd);
		return -EPERM;
	}
	vu_fd_close(&vring->err_fd);
	vring->err_fd = fd;
	if (vring->live != NULL)
		vring->live->err_fd = fd;
	return guard_end(guard, 0);
}
