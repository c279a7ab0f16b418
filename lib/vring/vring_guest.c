/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The driver half of a ring: creation, and what need not be inlined and is the same for both
 * layouts or chooses between them.
 */
#include "vring_guest.h"

#include <errno.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "vu_limits.h"
#include "vu_virtio.h"


uint64_t
vu_vring_guest_features(void)
{
	return RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC) | RTE_BIT64(VIRTIO_RING_F_EVENT_IDX) |
		RTE_BIT64(VIRTIO_F_VERSION_1) | RTE_BIT64(VIRTIO_F_RING_PACKED) |
		RTE_BIT64(VIRTIO_F_IN_ORDER) | RTE_BIT64(VIRTIO_F_ORDER_PLATFORM);
}

void
vu_vring_guest_layout(uint32_t size, struct vu_guest_layout *layout)
{
	/* The event structures of a packed ring have room where the rings of a split one are. */
	uint64_t avail_bytes = sizeof(struct vu_split_avail) + (size + 1) * sizeof(uint16_t);
	uint64_t used_bytes = sizeof(struct vu_split_used) +
		size * sizeof(struct vu_split_used_elem) + sizeof(uint16_t);

	layout->desc_offset = 0;
	layout->avail_offset = RTE_ALIGN_CEIL(size * sizeof(struct vu_split_desc),
		(uint64_t)RTE_CACHE_LINE_SIZE);
	layout->used_offset = layout->avail_offset +
		RTE_ALIGN_CEIL(avail_bytes, (uint64_t)RTE_CACHE_LINE_SIZE);
	layout->bytes = layout->used_offset +
		RTE_ALIGN_CEIL(used_bytes, (uint64_t)RTE_CACHE_LINE_SIZE);
}

static int
guest_check(const struct vu_vring_guest_conf *conf)
{
	bool is_packed = (conf->features & RTE_BIT64(VIRTIO_F_RING_PACKED)) != 0;

	if (vu_vring_check_size(conf->size, is_packed, VU_MAX_QUEUE_SIZE) != 0)
		return -EINVAL;
	return (conf->features & RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM)) == 0 ? 0 : -ENOTSUP;
}

static void
guest_init(struct vu_vring_guest *ring, const struct vu_vring_guest_conf *conf)
{
	struct vu_guest_layout layout;

	vu_vring_guest_layout(conf->size, &layout);
	memset(conf->memory, 0, layout.bytes);
	ring->desc = RTE_PTR_ADD(conf->memory, layout.desc_offset);
	ring->avail = RTE_PTR_ADD(conf->memory, layout.avail_offset);
	ring->used = RTE_PTR_ADD(conf->memory, layout.used_offset);
	ring->size = (uint16_t)conf->size;
	ring->mask = (uint16_t)(conf->size - 1);
	ring->is_packed = (conf->features & RTE_BIT64(VIRTIO_F_RING_PACKED)) != 0;
	ring->has_indirect = (conf->features & RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC)) != 0;
	ring->has_event_idx = (conf->features & RTE_BIT64(VIRTIO_RING_F_EVENT_IDX)) != 0;
	ring->is_in_order = (conf->features & RTE_BIT64(VIRTIO_F_IN_ORDER)) != 0;
	ring->batch_id = -1;
	ring->nb_free = ring->size;
	if (ring->is_packed)
		ring->next_avail = ring->last_used = VU_PACKED_WRAP;
	for (uint32_t i = 0; i < conf->size; i++)
		ring->free_ids[i] = (uint16_t)(conf->size - 1 - i);
}

struct vu_vring_guest *
vu_vring_guest_create(const struct vu_vring_guest_conf *conf)
{
	struct vu_vring_guest *ring;
	int rc = guest_check(conf);

	if (rc != 0) {
		rte_errno = -rc;
		return NULL;
	}
	ring = rte_zmalloc_socket("vu_vring_guest", RTE_CACHE_LINE_ROUNDUP(sizeof(*ring)) +
		conf->size * (sizeof(*ring->slots) + sizeof(*ring->shadow) +
			sizeof(*ring->free_ids)),
		RTE_CACHE_LINE_SIZE, conf->numa_node);
	if (ring == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	ring->slots = RTE_PTR_ADD(ring, RTE_CACHE_LINE_ROUNDUP(sizeof(*ring)));
	ring->shadow = RTE_PTR_ADD(ring->slots, conf->size * sizeof(*ring->slots));
	ring->free_ids = RTE_PTR_ADD(ring->shadow, conf->size * sizeof(*ring->shadow));
	guest_init(ring, conf);
	return ring;
}

void
vu_vring_guest_destroy(struct vu_vring_guest *ring)
{
	rte_free(ring);
}

int
vu_vring_guest_add_chain(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs,
	uint16_t nb_read, uint16_t nb_write)
{
	uint32_t nb_descs = (uint32_t)nb_read + nb_write;

	if (nb_descs > ring->nb_free || nb_descs >= GUEST_MARK)
		return -ENOSPC;
	if (ring->is_packed)
		guest_packed_add_chain(ring, bufs, nb_read, nb_write);
	else
		guest_split_add_chain(ring, bufs, nb_read, nb_write);
	return 0;
}

int
vu_vring_guest_add_indirect(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs,
	uint16_t nb_read, uint16_t nb_write, const struct vu_guest_table *table)
{
	if (!ring->has_indirect)
		return -ENOTSUP;
	if (ring->nb_free == 0)
		return -ENOSPC;
	if (ring->is_packed)
		guest_packed_add_indirect(ring, bufs, nb_read, nb_write, table);
	else
		guest_split_add_indirect(ring, bufs, nb_read, nb_write, table);
	return 0;
}

uint32_t
vu_vring_guest_restart(struct vu_vring_guest *ring)
{
	return ring->is_packed ? guest_packed_restart(ring) : guest_split_restart(ring);
}

/* Oldest head that is out, or -1. */
static int32_t
reclaim_find(const struct vu_vring_guest *ring, uint32_t *from)
{
	if (ring->nb_free == ring->size)
		return -1;
	if (ring->is_in_order)
		return ring->is_packed ? ring->last_used & VU_PACKED_SLOT :
			ring->first_desc & ring->mask;
	while (*from < ring->size && ring->slots[*from].nb_descs == 0)
		(*from)++;
	return *from < ring->size ? (int32_t)*from : -1;
}

/* Entries that nobody will use: as if the ring had been fresh at this position. */
static void
reclaim_end(struct vu_vring_guest *ring)
{
	ring->last_used = ring->next_avail;
	ring->batch_id = -1;
	ring->has_pending = false;
	if (ring->is_packed)
		return;
	vu_store(&ring->used->idx, ring->next_avail);
	vu_guest_split_publish(ring);
}

uint16_t
vu_vring_guest_reclaim(struct vu_vring_guest *ring, struct vu_guest_done *done, uint16_t max)
{
	uint32_t from = 0;
	uint16_t nb = 0;
	int32_t head;

	while (nb < max && (head = reclaim_find(ring, &from)) >= 0) {
		done[nb].cookie = ring->slots[head].cookie;
		done[nb++].len_bytes = 0;
		if (ring->is_packed) {
			ring->last_used = vu_packed_step(ring->size, ring->last_used,
				ring->slots[head].nb_descs);
			ring->nb_out--;
		}
		vu_guest_free_chain(ring, (uint16_t)head);
	}
	if (ring->nb_free == ring->size)
		reclaim_end(ring);
	return nb;
}
