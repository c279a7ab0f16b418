/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The driver half of a ring: creation, restart for another device, and the paths that need not be
 * inlined. What the device can write is only ever read as a hint or checked.
 */
#include "vu_vring_guest.h"

#include <errno.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "vu_limits.h"

#define FEATURE_INDIRECT_DESC 28
#define FEATURE_EVENT_IDX 29
#define FEATURE_VERSION_1 32
#define FEATURE_ACCESS_PLATFORM 33
#define FEATURE_RING_PACKED 34
#define FEATURE_IN_ORDER 35
#define FEATURE_ORDER_PLATFORM 36

/* In slots[].nb_descs during a restart; chains are shorter than this. */
#define RESTART_MARK 0x8000u

uint64_t
vu_vring_guest_features(void)
{
	return RTE_BIT64(FEATURE_INDIRECT_DESC) | RTE_BIT64(FEATURE_EVENT_IDX) |
		RTE_BIT64(FEATURE_VERSION_1) | RTE_BIT64(FEATURE_IN_ORDER) |
		RTE_BIT64(FEATURE_ORDER_PLATFORM);
}

void
vu_vring_guest_layout(uint32_t size, struct vu_guest_layout *layout)
{
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
	const uint64_t refused = RTE_BIT64(FEATURE_RING_PACKED) |
		RTE_BIT64(FEATURE_ACCESS_PLATFORM);

	if (conf->size == 0 || conf->size > VU_MAX_QUEUE_SIZE || !rte_is_power_of_2(conf->size))
		return -EINVAL;
	return (conf->features & refused) == 0 ? 0 : -ENOTSUP;
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
	ring->has_event_idx = (conf->features & RTE_BIT64(FEATURE_EVENT_IDX)) != 0;
	ring->is_in_order = (conf->features & RTE_BIT64(FEATURE_IN_ORDER)) != 0;
	ring->batch_id = -1;
	ring->nb_free = ring->size;
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
		conf->size * (sizeof(*ring->slots) + sizeof(*ring->free_ids)),
		RTE_CACHE_LINE_SIZE, conf->numa_node);
	if (ring == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	ring->slots = RTE_PTR_ADD(ring, RTE_CACHE_LINE_ROUNDUP(sizeof(*ring)));
	ring->free_ids = RTE_PTR_ADD(ring->slots, conf->size * sizeof(*ring->slots));
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
	uint16_t nb_descs = (uint16_t)(nb_read + nb_write);
	uint16_t head = guest_free_desc(ring, 0);
	uint32_t write_bytes = 0;

	if (nb_descs > ring->nb_free || nb_descs >= RESTART_MARK)
		return -ENOSPC;
	for (uint16_t i = 0; i < nb_descs; i++) {
		uint16_t id = guest_free_desc(ring, i);
		bool is_last = i == nb_descs - 1;
		uint16_t next = is_last ? 0 : guest_free_desc(ring, (uint16_t)(i + 1));

		ring->desc[id] = (struct vu_split_desc){
			.gpa = bufs[i].gpa,
			.len_bytes = bufs[i].len_bytes,
			.flags = (i >= nb_read ? VU_DESC_F_WRITE : 0) |
				(is_last ? 0 : VU_DESC_F_NEXT),
			.next = next,
		};
		ring->slots[id].next = next;
		write_bytes += i >= nb_read ? bufs[i].len_bytes : 0;
	}
	ring->slots[head].cookie = bufs[0].cookie;
	ring->slots[head].write_bytes = write_bytes;
	ring->slots[head].nb_descs = nb_descs;
	guest_set_avail(ring, ring->next_avail, head);
	guest_take_descs(ring, nb_descs);
	ring->next_avail++;
	return 0;
}

/*
 * Start a batch: its one used entry names the last buffer (VIRTIO 1.2, 2.7.9). That must be one of
 * the next nb_used buffers, or the chains up to it would not all be ours.
 */
static bool
batch_begin(struct vu_vring_guest *ring, uint32_t id, uint16_t nb_used)
{
	uint16_t position = ring->first_desc;

	for (uint16_t i = 0; i < nb_used; i++) {
		uint16_t head = position & ring->mask;

		if (head == id) {
			ring->batch_id = (int32_t)id;
			return true;
		}
		position += ring->slots[head].nb_descs;
	}
	return false;
}

/* One buffer of a batch of several; those that it skips count as written in full. */
static bool
batch_collect(struct vu_vring_guest *ring, struct vu_guest_done *done, uint16_t nb_used)
{
	const struct vu_split_used_elem *elem = &ring->used->ring[ring->last_used & ring->mask];
	uint16_t head = ring->first_desc & ring->mask;
	const struct vu_guest_slot *slot = &ring->slots[head];

	if (ring->batch_id < 0) {
		if (!batch_begin(ring, vu_load(&elem->id), nb_used))
			return false;
		ring->batch_bytes = vu_load(&elem->len_bytes);
	}
	done->cookie = slot->cookie;
	done->len_bytes = slot->write_bytes;
	if (ring->batch_id == head) {
		done->len_bytes = RTE_MIN(ring->batch_bytes, slot->write_bytes);
		ring->batch_id = -1;
	}
	guest_free_chain(ring, head);
	ring->last_used++;
	return true;
}

/*
 * The common case: outside of any batch, a run of entries that each name the oldest buffer. Returns
 * how many of max there were.
 */
static uint16_t
single_collect(struct vu_vring_guest *ring, struct vu_guest_done *done, uint16_t max)
{
	uint16_t position = ring->first_desc, last_used = ring->last_used;
	uint16_t i;

	if (ring->batch_id >= 0)
		return 0;
	for (i = 0; i < max; i++) {
		const struct vu_split_used_elem *elem = &ring->used->ring[last_used & ring->mask];
		uint16_t head = position & ring->mask;
		struct vu_guest_slot *slot = &ring->slots[head];

		if (vu_load(&elem->id) != head)
			break;
		done[i].cookie = slot->cookie;
		done[i].len_bytes = RTE_MIN(vu_load(&elem->len_bytes), slot->write_bytes);
		position += slot->nb_descs;
		slot->nb_descs = 0;
		last_used++;
	}
	ring->nb_free += (uint16_t)(position - ring->first_desc);
	ring->first_desc = position;
	ring->last_used = last_used;
	return i;
}

uint16_t
vu_vring_guest_collect_in_order(struct vu_vring_guest *ring, struct vu_guest_done *done,
	uint16_t max, uint16_t nb_used)
{
	uint16_t nb = 0;

	max = RTE_MIN(max, nb_used);
	while (nb < max) {
		uint16_t nb_single = single_collect(ring, &done[nb], (uint16_t)(max - nb));

		nb += nb_single;
		if (nb_single != 0)
			continue;
		if (!batch_collect(ring, &done[nb], (uint16_t)(nb_used - nb))) {
			ring->is_broken = true;
			break;
		}
		nb++;
	}
	return nb;
}

/* Used entries that are still to be collected, as far as they make sense. */
static uint16_t
restart_count_used(const struct vu_vring_guest *ring)
{
	uint16_t nb = (uint16_t)(vu_load_acquire(&ring->used->idx) - ring->last_used);

	return nb <= vu_vring_guest_nb_out(ring) && !ring->is_broken ? nb : 0;
}

/* Mark a head as seen to; false if it is none that is out, or was marked before. */
static bool
restart_mark(struct vu_vring_guest *ring, uint32_t head)
{
	struct vu_guest_slot *slot = &ring->slots[head & ring->mask];

	if (head >= ring->size || slot->nb_descs == 0 || (slot->nb_descs & RESTART_MARK) != 0)
		return false;
	slot->nb_descs |= RESTART_MARK;
	return true;
}

/* Heads in order are found by private state alone. */
static uint16_t
restart_list_in_order(struct vu_vring_guest *ring, uint16_t nb_used, uint16_t *heads)
{
	uint16_t nb_out = vu_vring_guest_nb_out(ring);
	uint16_t position = ring->first_desc;

	for (uint16_t i = 0; i < nb_out; i++) {
		uint16_t head = position & ring->mask;

		if (i >= nb_used)
			heads[i - nb_used] = head;
		position += ring->slots[head].nb_descs;
	}
	return (uint16_t)(nb_out - nb_used);
}

/*
 * Heads that are out and not used, oldest first; nb_used shrinks to what makes sense. The available
 * ring has the order of the last `size` of them; the device may have scribbled on it, and older
 * ones are no longer in it: the last pass finds what is missing.
 */
static uint16_t
restart_list(struct vu_vring_guest *ring, uint16_t *nb_used, uint16_t *heads)
{
	uint16_t nb = 0;
	uint16_t i = 0;

	while (i < *nb_used && restart_mark(ring, vu_load(
			&ring->used->ring[(uint16_t)(ring->last_used + i) & ring->mask].id)))
		i++;
	*nb_used = i;
	for (uint32_t back = ring->size; back > 0; back--) {
		uint16_t head = vu_load(&ring->avail->ring[(ring->next_avail - back) & ring->mask]);

		if (restart_mark(ring, head))
			heads[nb++] = head;
	}
	for (uint32_t head = 0; head < ring->size; head++)
		if (restart_mark(ring, head))
			heads[nb++] = (uint16_t)head;
	for (uint32_t head = 0; head < ring->size; head++)
		ring->slots[head].nb_descs &= (uint16_t)~RESTART_MARK;
	return nb;
}

uint16_t
vu_vring_guest_restart(struct vu_vring_guest *ring)
{
	/* The unused part of the stack: there are at most as many heads as descriptors taken. */
	uint16_t *heads = &ring->free_ids[ring->nb_free];
	uint16_t nb_used = restart_count_used(ring);
	uint16_t nb = ring->is_in_order ? restart_list_in_order(ring, nb_used, heads) :
		restart_list(ring, &nb_used, heads);
	uint16_t base = (uint16_t)(ring->last_used + nb_used);

	for (uint16_t i = 0; i < nb; i++)
		guest_set_avail(ring, (uint16_t)(base + i), heads[i]);
	ring->next_avail = (uint16_t)(base + nb);
	ring->kicked = ring->next_avail;
	if (ring->is_broken)
		ring->batch_id = -1;
	ring->is_broken = false;
	vu_store(&ring->used->flags, 0);
	vu_store(&ring->used->idx, base);
	vu_vring_guest_publish(ring);
	return base;
}

/* Oldest head that is out, or -1. */
static int32_t
reclaim_find(const struct vu_vring_guest *ring, uint32_t *from)
{
	if (ring->nb_free == ring->size)
		return -1;
	if (ring->is_in_order)
		return ring->first_desc & ring->mask;
	while (*from < ring->size && ring->slots[*from].nb_descs == 0)
		(*from)++;
	return *from < ring->size ? (int32_t)*from : -1;
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
		guest_free_chain(ring, (uint16_t)head);
	}
	/* Entries that nobody will use: as if the ring had been fresh at this position. */
	if (ring->nb_free == ring->size) {
		ring->last_used = ring->next_avail;
		ring->batch_id = -1;
		vu_store(&ring->used->idx, ring->next_avail);
		vu_vring_guest_publish(ring);
	}
	return nb;
}
