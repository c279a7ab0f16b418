/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life cycle of a ring on the control lcore: configuration, snapshot, saved position.
 * The position is touched here only while no snapshot is published and the owner lcore has passed a
 * safe point.
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
#include "vu_mem_translate.h"
#include "vu_virtio.h"
#include "vu_vring_live.h"
#include "vu_vring_notify.h"
#include "vu_vring_packed.h"
#include "vu_vring_split.h"


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

	RTE_VERIFY(vring->live == NULL);
	vu_fd_close(&vring->kick_fd);
	vu_fd_close(&vring->call_fd);
	vu_fd_close(&vring->err_fd);
	/* Not `live`: other lcores may look at it at any time. */
	vring->conf = (struct vu_vring_conf){ .size = 0 };
	vring->started = false;
	vring->enabled = false;
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

static bool
vring_has_feature(uint64_t features, unsigned int bit)
{
	return (features & RTE_BIT64(bit)) != 0;
}

/*
 * Translate one part of the ring; it must lie whole in one region and be aligned (VIRTIO 1.2, 2.7).
 */
static void *
vring_part(const struct vu_mem_table *mem, uint64_t uva, uint64_t len_bytes, uint64_t align)
{
	void *hva = vu_mem_uva_to_hva(mem, uva, len_bytes);

	return hva != NULL && (uintptr_t)hva % align == 0 ? hva : NULL;
}

static bool
vring_live_map_split(struct vu_vring_live *live, const struct vu_vring_conf *conf)
{
	/* The event fields behind the rings exist only with EVENT_IDX. */
	uint64_t event_bytes = live->has_event_idx ? sizeof(uint16_t) : 0;

	live->desc = vring_part(live->mem, conf->desc_uva,
		(uint64_t)live->size * sizeof(struct vu_split_desc), 16);
	live->avail = vring_part(live->mem, conf->avail_uva, sizeof(struct vu_split_avail) +
		(uint64_t)live->size * sizeof(uint16_t) + event_bytes, 2);
	live->used = vring_part(live->mem, conf->used_uva, sizeof(struct vu_split_used) +
		(uint64_t)live->size * sizeof(struct vu_split_used_elem) + event_bytes, 4);
	return live->desc != NULL && live->avail != NULL && live->used != NULL;
}

static bool
vring_live_map_packed(struct vu_vring_live *live, const struct vu_vring_conf *conf)
{
	live->packed_desc = vring_part(live->mem, conf->desc_uva,
		(uint64_t)live->size * sizeof(struct vu_packed_desc), 16);
	live->driver_event = vring_part(live->mem, conf->avail_uva,
		sizeof(struct vu_packed_event), 4);
	live->device_event = vring_part(live->mem, conf->used_uva,
		sizeof(struct vu_packed_event), 4);
	return live->packed_desc != NULL && live->driver_event != NULL &&
		live->device_event != NULL;
}

/*
 * Both halves of the base. A front-end that sends only the first one does not know of buffers in
 * flight, so both positions are the same.
 */
static void
packed_seek(const struct vu_vring_conf *conf, struct vu_vring_pos *pos)
{
	uint32_t base = conf->has_base ? conf->base : VU_PACKED_FRESH_BASE;

	pos->avail = (uint16_t)base;
	pos->used = base >> 16 != 0 ? (uint16_t)(base >> 16) : pos->avail;
}

int
vu_vring_check_pos(const struct vu_vring_pos *pos, uint32_t size)
{
	const struct vu_vring_live live = { .size = (uint16_t)size };

	if (!pos->is_packed)
		return 0;
	if ((pos->avail & VU_PACKED_SLOT) >= size || (pos->used & VU_PACKED_SLOT) >= size)
		return -EINVAL;
	return vu_packed_nb_taken(&live, pos) <= size ? 0 : -EINVAL;
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

static int
vring_live_fill(struct vu_vring_live *live, const struct vu_vring *vring,
	const struct vu_mem_table *mem, uint64_t features)
{
	const struct vu_vring_conf *conf = &vring->conf;
	bool is_packed = vring_has_feature(features, VIRTIO_F_RING_PACKED);
	bool is_mapped;

	if (!conf->has_addr || mem == NULL ||
			vu_vring_check_size(conf->size, is_packed, VU_MAX_QUEUE_SIZE) != 0)
		return -EINVAL;
	/* The layout may have been negotiated after the base was set. */
	if (conf->has_base && vu_vring_check_base(conf->base, is_packed, conf->size) != 0)
		return -EINVAL;
	*live = (struct vu_vring_live){
		.mem = mem,
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
	is_mapped = is_packed ? vring_live_map_packed(live, conf) :
		vring_live_map_split(live, conf);
	return is_mapped ? 0 : -EFAULT;
}

struct vu_vring_live *
vu_vring_live_create(const struct vu_vring *vring, const struct vu_mem_table *mem,
	uint64_t features)
{
	struct vu_vring_live *live = rte_malloc_socket("vu_vring_live", sizeof(*live),
		RTE_CACHE_LINE_SIZE, vring->numa_node);
	int rc;

	/* Memory of another node is slow, none is fatal. */
	if (live == NULL)
		live = rte_malloc("vu_vring_live", sizeof(*live), RTE_CACHE_LINE_SIZE);
	if (live == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	rc = vring_live_fill(live, vring, mem, features);
	if (rc != 0) {
		rte_free(live);
		rte_errno = -rc;
		return NULL;
	}
	return live;
}

void
vu_vring_live_destroy(struct vu_vring_live *live)
{
	rte_free(live);
}

/* Take the used index for both if the base contradicts it. */
static bool
split_seek(const struct vu_vring_live *live, uint16_t base, struct vu_vring_pos *pos)
{
	uint16_t used_idx = vu_load(&live->used->idx);
	bool is_inconsistent = (uint16_t)(base - used_idx) > live->size;

	pos->avail = is_inconsistent ? used_idx : base;
	pos->used = used_idx;
	return is_inconsistent;
}

bool
vu_vring_seek(struct vu_vring *vring, const struct vu_vring_live *live)
{
	struct vu_vring_pos *pos = &vring->pos;
	bool is_inconsistent = false;

	*pos = (struct vu_vring_pos){
		.counters = pos->counters,
		.is_packed = live->is_packed,
	};
	if (live->is_packed) {
		packed_seek(&vring->conf, pos);
		vu_packed_suppress_kicks(live);
	} else {
		is_inconsistent = split_seek(live, (uint16_t)vring->conf.base, pos);
		pos->signalled = pos->used;
		vu_split_suppress_kicks(live);
	}
	return is_inconsistent;
}

struct vu_vring_live *
vu_vring_publish(struct vu_vring *vring, struct vu_vring_live *live)
{
	struct vu_vring_live *old = vring->live;

	/* Set-up before pointer; pairs with the acquire in vu_vring_live(). */
	vu_store_release(&vring->live, live);
	return old;
}

uint32_t
vu_vring_base(const struct vu_vring *vring)
{
	const struct vu_vring_pos *pos = &vring->pos;

	return pos->is_packed ? pos->avail | (uint32_t)pos->used << 16 : pos->avail;
}
