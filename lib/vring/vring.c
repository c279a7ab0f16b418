/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life cycle of a ring on the control lcore: configuration, snapshot, saved position.
 * The position is touched here only while no snapshot is published and the owner lcore has
 * quiesced.
 */
#include "vu_vring.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_bitops.h>
#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "vu_fd.h"
#include "vu_limits.h"
#include "vu_mem_iotlb.h"
#include "vu_mem_translate.h"
#include "vu_virtio.h"
#include "vu_vring_snapshot.h"
#include "vu_vring_log.h"
#include "vu_vring_notify.h"
#include "vu_vring_packed.h"
#include "vu_vring_split.h"

#include "vring_part.h"
#include "vring_recover.h"


static const char *const vring_fault_names[VU_VRING_NB_FAULTS] = {
	[VU_VRING_OK] = "ok",
	[VU_VRING_BAD_AVAIL_IDX] = "bad_avail_idx",
	[VU_VRING_BAD_HEAD] = "bad_head",
	[VU_VRING_BAD_NEXT] = "bad_next",
	[VU_VRING_CHAIN_TOO_LONG] = "chain_too_long",
	[VU_VRING_BAD_INDIRECT] = "bad_indirect",
	[VU_VRING_BAD_ADDRESS] = "bad_address",
	[VU_VRING_BAD_DIRECTION] = "bad_direction",
	[VU_VRING_BAD_LENGTH] = "bad_length",
	[VU_VRING_BAD_CALL] = "bad_call",
	[VU_VRING_BAD_INFLIGHT] = "bad_inflight",
	[VU_VRING_IOTLB_MISS] = "iotlb_miss",
};

const char *
vu_vring_fault_name(enum vu_vring_fault fault)
{
	return (unsigned int)fault < VU_VRING_NB_FAULTS ? vring_fault_names[fault] : "unknown";
}

void
vu_vring_init(struct vu_vring *vring, uint32_t idx)
{
	*vring = (struct vu_vring){
		.idx = idx,
		.numa_node = SOCKET_ID_ANY,
		.kick_fd = VU_FD_NONE,
		.call_fd = VU_FD_NONE,
		.err_fd = VU_FD_NONE,
	};
}

void
vu_vring_reset(struct vu_vring *vring)
{
	struct vu_vring_counters counters = vring->pos.counters;

	RTE_VERIFY(vring->snapshot == NULL);
	vu_fd_close(&vring->kick_fd);
	vu_fd_close(&vring->call_fd);
	vu_fd_close(&vring->err_fd);
	/* Not `snapshot`: other lcores may look at it at any time. */
	vring->conf = (struct vu_vring_conf){ .size = 0 };
	vring->started = false;
	vring->enabled = false;
	vring->log = NULL;
	vring->iova = NULL;
	vring->pos = (struct vu_vring_pos){ .counters = counters };
}

int
vu_vring_check_size(uint32_t size, bool is_packed, uint32_t max_size)
{
	if (size == 0 || size > max_size || size > VU_MAX_QUEUE_SIZE)
		return -EINVAL;
	if (!is_packed && !rte_is_power_of_2(size))
		return -EINVAL;
	return 0;
}

/*
 * Translate one part of the ring; it must lie whole in one region and be aligned (VIRTIO 1.2, 2.7).
 */
static void *
vring_part_hva(const struct vu_vring_snapshot *snap, const struct vring_part *part)
{
	void *hva = NULL;

	if (!snap->has_iommu)
		hva = vu_mem_uva_to_hva(snap->mem, part->uva, part->len);
	if (snap->has_iommu && (part->perm & VU_IOTLB_READ) != 0)
		hva = vu_mem_gpa_range_to_hva(snap->buffer_mem[0], part->uva, part->len);
	if (snap->has_iommu && (part->perm & VU_IOTLB_WRITE) != 0 &&
			(hva != NULL || (part->perm & VU_IOTLB_READ) == 0))
		hva = vu_mem_gpa_range_to_hva(snap->buffer_mem[1], part->uva, part->len);
	return hva != NULL && (uintptr_t)hva % part->align == 0 ? hva : NULL;
}

static bool
vring_snapshot_map(struct vu_vring_snapshot *snap, const struct vu_vring_conf *conf)
{
	struct vring_part parts[VRING_NB_PARTS];

	vring_parts(conf, snap->features, parts);
	/* The members of the packed layout have the same places. */
	snap->desc = vring_part_hva(snap, &parts[VRING_DESC]);
	snap->avail = vring_part_hva(snap, &parts[VRING_AVAIL]);
	snap->used = vring_part_hva(snap, &parts[VRING_USED]);
	return snap->desc != NULL && snap->avail != NULL && snap->used != NULL;
}

/*
 * Both halves of the base. A front-end that sends only the first one does not know of buffers in
 * flight, so both positions are the same.
 */
static void
packed_seek(const struct vu_vring_conf *conf, struct vu_vring_pos *pos)
{
	uint32_t base = conf->has_base ? conf->base : VU_PACKED_FRESH_BASE;

	pos->last_avail_idx = (uint16_t)base;
	pos->last_used_idx = base >> 16 != 0 ? (uint16_t)(base >> 16) : pos->last_avail_idx;
}

int
vu_vring_check_pos(const struct vu_vring_pos *pos, uint32_t size)
{
	const struct vu_vring_snapshot snap = { .size = (uint16_t)size };

	if (!pos->is_packed)
		return 0;
	if ((pos->last_avail_idx & VU_PACKED_SLOT) >= size ||
		(pos->last_used_idx & VU_PACKED_SLOT) >= size)
		return -EINVAL;
	return vu_packed_nb_taken(&snap, pos) <= size ? 0 : -EINVAL;
}

int
vu_vring_check_base(uint32_t base, bool is_packed, uint32_t size)
{
	const struct vu_vring_conf conf = { .base = base, .has_base = true };
	struct vu_vring_pos pos = { .is_packed = true };

	if (!is_packed)
		return base <= UINT16_MAX ? 0 : -EINVAL;
	packed_seek(&conf, &pos);
	return vu_vring_check_pos(&pos, size);
}

/* LOG_ALL is about buffers; marks of the ring itself are switched by its own flag. */
static void
vring_snapshot_set_log(struct vu_vring_snapshot *snap, const struct vu_vring *vring)
{
	if (vring->log == NULL)
		return;
	snap->logs_buffers = vring_has_feature(snap->features, VHOST_F_LOG_ALL);
	snap->logs_used = (vring->conf.flags & VU_VRING_F_LOG) != 0;
	if (snap->logs_buffers || snap->logs_used)
		snap->log = vring->log;
	/* Behind an IOMMU it is an iova, that of the part. */
	snap->log_used_gpa = snap->has_iommu ? vu_mem_hva_to_gpa(snap->mem, snap->used, 0) :
		vring->conf.log_gpa;
	snap->log_desc_gpa = vu_mem_hva_to_gpa(snap->mem, snap->desc, 0);
}

static int
vring_snapshot_fill(struct vu_vring_snapshot *snap, const struct vu_vring *vring,
	const struct vu_mem_table *mem, uint64_t features)
{
	const struct vu_vring_conf *conf = &vring->conf;
	bool is_packed = vring_has_feature(features, VIRTIO_F_RING_PACKED);

	if (!conf->has_addr || mem == NULL ||
			vu_vring_check_size(conf->size, is_packed, VU_MAX_QUEUE_SIZE) != 0)
		return -EINVAL;
	/* The layout may have been negotiated after the base was set. */
	if (conf->has_base && vu_vring_check_base(conf->base, is_packed, conf->size) != 0)
		return -EINVAL;
	*snap = (struct vu_vring_snapshot){
		.mem = mem,
		.buffer_mem = {
			vring->iova != NULL ? vring->iova->tables[0] : mem,
			vring->iova != NULL ? vring->iova->tables[1] : mem,
		},
		.has_iommu = vring->iova != NULL,
		.features = features,
		.size = (uint16_t)conf->size,
		.mask = (uint16_t)(conf->size - 1),
		.is_packed = is_packed,
		.has_event_idx = vring_has_feature(features, VIRTIO_RING_F_EVENT_IDX),
		.has_indirect = vring_has_feature(features, VIRTIO_RING_F_INDIRECT_DESC),
		.is_enabled = vring->enabled,
		.call_fd = vring->call_fd,
		.err_fd = vring->err_fd,
		.notify_buffers = vring->notify.max_buffers,
		.notify_cycles = vring->notify.max_us * rte_get_tsc_hz() / US_PER_S,
	};
	if (!vring_snapshot_map(snap, conf))
		return -EFAULT;
	vring_snapshot_set_log(snap, vring);
	return 0;
}

struct vu_vring_snapshot *
vu_vring_snapshot_create(const struct vu_vring *vring, const struct vu_mem_table *mem,
	uint64_t features)
{
	const size_t bytes = sizeof(struct vu_vring_snapshot) + vring->priv_bytes;
	struct vu_vring_snapshot *snap = rte_zmalloc_socket("vu_vring_snapshot", bytes,
		RTE_CACHE_LINE_SIZE, vring->numa_node);
	int rc;

	/* Memory of another node is slow, none is fatal. */
	if (snap == NULL)
		snap = rte_zmalloc("vu_vring_snapshot", bytes, RTE_CACHE_LINE_SIZE);
	if (snap == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	rc = vring_snapshot_fill(snap, vring, mem, features);
	if (rc != 0) {
		rte_free(snap);
		rte_errno = -rc;
		return NULL;
	}
	return snap;
}

void
vu_vring_snapshot_destroy(struct vu_vring_snapshot *snap)
{
	rte_free(snap);
}

/* Take the used index for both if the base contradicts it. */
static bool
split_seek(const struct vu_vring_snapshot *snap, uint16_t base, struct vu_vring_pos *pos)
{
	uint16_t used_idx = vu_load(&snap->used->idx);
	bool is_inconsistent = (uint16_t)(base - used_idx) > snap->size;

	pos->last_avail_idx = is_inconsistent ? used_idx : base;
	pos->last_used_idx = used_idx;
	return is_inconsistent;
}

bool
vu_vring_seek(struct vu_vring *vring, const struct vu_vring_snapshot *snap)
{
	struct vu_vring_pos *pos = &vring->pos;
	bool is_inconsistent = false;

	*pos = (struct vu_vring_pos){
		.counters = pos->counters,
		.is_packed = snap->is_packed,
	};
	if (snap->is_packed) {
		packed_seek(&vring->conf, pos);
		is_inconsistent = vring->is_in_order && packed_recover(snap, pos);
		vu_packed_suppress_kicks(snap);
	} else {
		is_inconsistent = split_seek(snap, (uint16_t)vring->conf.base, pos);
		pos->signalled_used = pos->last_used_idx;
		vu_split_suppress_kicks(snap);
	}
	vu_vring_log_kicks(snap);
	return is_inconsistent;
}

struct vu_vring_snapshot *
vu_vring_publish(struct vu_vring *vring, struct vu_vring_snapshot *snap)
{
	struct vu_vring_snapshot *old = vring->snapshot;

	/* Snapshot before pointer; pairs with the acquire in vu_vring_snapshot_load(). */
	vu_store_release(&vring->snapshot, snap);
	return old;
}

uint32_t
vu_vring_base(const struct vu_vring *vring)
{
	const struct vu_vring_pos *pos = &vring->pos;

	return pos->is_packed ? pos->last_avail_idx | (uint32_t)pos->last_used_idx << 16
			      : pos->last_avail_idx;
}
