/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Guests behind an IOMMU: the IOTLB of a device, rings that wait for translations, and asking the
 * front-end for them. Control lcore, except device_iotlb_miss() and vu_device_queue_retry().
 *
 * Nobody ever waits for a translation. A burst that lacks one ends and posts what it lacks; the
 * request goes out without asking for a reply; when the update comes, the ring's snapshot is
 * replaced like for any other change, and the ring goes on. A post is looked at after it was made,
 * against the tables of that time: one that crosses an update on its way finds nothing missing and
 * lets the ring go on at once.
 */
#include "vu_device_channel.h"
#include "vu_device_control.h"

#include <errno.h>

#include <rte_bitops.h>
#include <rte_cycles.h>

#include "vu_virtio.h"
#include "vu_vring_notify.h"

#include "device.h"

/* Asked for and not there yet, of all queues: what a socket holds. */
#define IOTLB_MAX_ASKED 64
#define IOTLB_ASK_AGAIN_SECONDS 1

static bool
has_iommu(uint64_t features)
{
	return (features & RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM)) != 0;
}

int
device_iotlb_features(struct vu_device *dev, uint64_t features)
{
	if (has_iommu(features) == (dev->iotlb != NULL))
		return 0;
	dev->is_iotlb_dirty = true;
	if (dev->iotlb == NULL) {
		dev->iotlb = vu_iotlb_create();
		return dev->iotlb != NULL ? 0 : -ENOMEM;
	}
	vu_iotlb_destroy(dev->iotlb);
	dev->iotlb = NULL;
	return 0;
}

void
device_iotlb_set_mem(struct vu_device *dev, const struct vu_mem_table *mem)
{
	if (dev->iotlb == NULL)
		return;
	vu_iotlb_set_mem(dev->iotlb, mem);
	dev->is_iotlb_dirty = true;
}

void
device_iotlb_rings_stopped(struct vu_device *dev)
{
	if (dev->iotlb == NULL)
		return;
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		if (dev->queues[i]->head.vring.started)
			return;
	vu_device_iotlb_invalidate(dev, 0, 0);
}

int
vu_device_iotlb_update(struct vu_device *dev, const struct vu_iotlb_entry *entry)
{
	int rc;

	if (dev->iotlb == NULL)
		return -EOPNOTSUPP;
	rc = vu_iotlb_update(dev->iotlb, dev->mem, entry);
	dev->is_iotlb_dirty |= rc == 0;
	return rc;
}

int
vu_device_iotlb_invalidate(struct vu_device *dev, uint64_t iova, uint64_t len)
{
	if (dev->iotlb == NULL)
		return -EOPNOTSUPP;
	dev->is_iotlb_dirty |= vu_iotlb_invalidate(dev->iotlb, iova, len);
	return 0;
}

unsigned int
vu_device_iotlb_nb_entries(const struct vu_device *dev)
{
	return dev->iotlb != NULL ? vu_iotlb_nb_entries(dev->iotlb) : 0;
}

void
device_iotlb_prepare(struct vu_device *dev)
{
	if (!dev->is_iotlb_dirty)
		return;
	dev->change.retired_iova = dev->iova;
	/* Without memory for them rings stop, and the next change tries again. */
	dev->iova = dev->iotlb != NULL ? vu_iotlb_tables(dev->iotlb) : NULL;
	dev->is_iotlb_dirty = dev->iotlb != NULL && dev->iova == NULL;
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		dev->queues[i]->is_dirty |= dev->queues[i]->head.vring.started;
}

bool
device_iotlb_prepare_ring(struct device_queue *queue)
{
	const struct vu_device *dev = queue->head.dev;

	queue->head.vring.iova = dev->iova;
	return dev->iova != NULL || dev->iotlb == NULL;
}

void
device_iotlb_release(struct vu_device *dev)
{
	vu_mem_iova_destroy(dev->change.retired_iova);
	dev->change.retired_iova = NULL;
}

void
device_iotlb_fini(struct vu_device *dev)
{
	vu_iotlb_destroy(dev->iotlb);
	vu_mem_iova_destroy(dev->iova);
	dev->iotlb = NULL;
	dev->iova = NULL;
	dev->is_iotlb_dirty = false;
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		dev->queues[i]->misses.nb_wants = 0;
}

/* ---- what is asked for ---- */

/* When the page was asked for before, so that it is not asked for twice. */
static uint64_t
want_sent_tsc(const struct device_misses *misses, const struct vu_iotlb_miss *miss)
{
	for (uint32_t i = 0; i < misses->nb_wants; i++) {
		const struct device_want *want = &misses->wants[i];

		if ((want->miss.iova ^ miss->iova) < VU_IOTLB_PAGE_BYTES &&
				(miss->perm & ~want->miss.perm) == 0)
			return want->sent_tsc;
	}
	return 0;
}

/* What a queue lacks now takes the place of what it lacked before. */
static void
wants_set(struct device_misses *misses, const struct vu_vring_misses *found)
{
	struct device_want wants[VU_MAX_IOTLB_MISSES];

	for (uint32_t i = 0; i < found->nb; i++)
		wants[i] = (struct device_want){
			.miss = found->miss[i],
			.sent_tsc = want_sent_tsc(misses, &found->miss[i]),
		};
	misses->nb_wants = found->nb;
	memcpy(misses->wants, wants, found->nb * sizeof(wants[0]));
}

/* Forget what came. @return those asked for that did not */
static unsigned int
wants_clean(const struct vu_device *dev, struct device_misses *misses)
{
	unsigned int nb_asked = 0;
	uint32_t nb = 0;

	for (uint32_t i = 0; i < misses->nb_wants; i++) {
		if (vu_iotlb_miss_is_over(dev->iova, &misses->wants[i].miss))
			continue;
		nb_asked += misses->wants[i].sent_tsc != 0;
		misses->wants[nb++] = misses->wants[i];
	}
	misses->nb_wants = nb;
	return nb_asked;
}

static bool
want_is_due(const struct device_want *want, uint64_t now)
{
	return want->sent_tsc == 0 ||
		now - want->sent_tsc > IOTLB_ASK_AGAIN_SECONDS * rte_get_tsc_hz();
}

static bool
want_send(struct vu_device *dev, struct device_want *want, uint64_t now)
{
	const struct vu_channel_request request = {
		.kind = VU_CHANNEL_IOTLB_MISS, .miss = want->miss, .fd = VU_FD_NONE,
	};

	/* No channel, or it is full: the tick tries again. */
	if (dev->events.channel_send == NULL ||
			dev->events.channel_send(dev->events.arg, &request) != 0)
		return false;
	want->sent_tsc = now;
	dev->nb_iotlb_asked++;
	return true;
}

void
device_iotlb_ask(struct vu_device *dev)
{
	const uint64_t now = rte_rdtsc();
	unsigned int nb_asked = 0;

	if (dev->iova == NULL || !dev->is_connected || dev->disconnected != NULL)
		return;
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		nb_asked += wants_clean(dev, &dev->queues[i]->misses);
	for (uint32_t i = 0; i < dev->nb_queues; i++) {
		struct device_misses *misses = &dev->queues[i]->misses;

		for (uint32_t w = 0; w < misses->nb_wants; w++) {
			struct device_want *want = &misses->wants[w];

			if (!want_is_due(want, now))
				continue;
			nb_asked += want->sent_tsc == 0;
			if (nb_asked > IOTLB_MAX_ASKED || !want_send(dev, want, now))
				return;
		}
	}
}

bool
device_iotlb_want_parts(struct device_queue *queue)
{
	struct vu_vring_misses found;

	if (queue->head.vring.iova == NULL)
		return false;
	vu_vring_find_part_misses(&queue->head.vring, queue->head.dev->features, &found);
	wants_set(&queue->misses, &found);
	return found.nb != 0;
}

/* Let a ring go on that waits. */
static void
queue_go_on(struct device_queue *queue)
{
	struct vu_device_queue *head = &queue->head;

	queue->misses.is_late = false;
	/* Pairs with the acquire in vu_device_queue_retry(). */
	vu_store_release(&head->nb_retries, head->nb_retries + 1);
	head->dev->exec->refresh(queue);
}

/*
 * Nothing is missing although it was just now: an update crossed the post on its way, or the guest
 * plays with its descriptors, which must not keep us busy.
 */
static void
queue_collect(struct device_queue *queue)
{
	const struct vu_device *dev = queue->head.dev;
	struct device_misses *misses = &queue->misses;
	bool is_other_table;

	/* Pairs with the release in device_iotlb_miss(). */
	if (vu_load_acquire(&misses->is_posted) == 0 || queue->head.vring.snapshot == NULL)
		return;
	wants_set(misses, &misses->posted);
	is_other_table = misses->table != dev->iova->tables[0];
	/* Pairs with the acquire there: the post has been read. */
	vu_store_release(&misses->is_posted, 0);
	wants_clean(dev, misses);
	if (misses->nb_wants != 0)
		return;
	if (is_other_table)
		queue_go_on(queue);
	else
		misses->is_late = true;
}

void
vu_device_iotlb_collect(struct vu_device *dev)
{
	if (dev->iova == NULL)
		return;
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		queue_collect(dev->queues[i]);
	device_iotlb_ask(dev);
}

void
vu_device_iotlb_tick(struct vu_device *dev)
{
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		if (dev->queues[i]->misses.is_late && dev->queues[i]->head.vring.snapshot != NULL)
			queue_go_on(dev->queues[i]);
	device_iotlb_ask(dev);
}

/* ---- owner lcore ---- */

void
device_iotlb_miss(struct vu_device_queue *head, const struct vu_vring_snapshot *snap)
{
	const struct vu_device_events *events = &head->dev->events;
	struct device_misses *misses = &head->dev->queues[head->vring.idx]->misses;

	/* What was used before is still to be signalled: the ring may wait for long. */
	if (head->vring.pos.is_delayed)
		vu_vring_notify(snap, &head->vring.pos);
	/* Pairs with the release in queue_collect(): it has read the last one. */
	if (vu_load_acquire(&misses->is_posted) != 0 || events->iotlb_miss == NULL)
		return;
	vu_vring_find_misses(snap, &head->vring.pos, &misses->posted);
	misses->table = snap->buffer_mem[0];
	vu_store_release(&misses->is_posted, 1);
	events->iotlb_miss(events->arg);
}

const struct vu_vring_snapshot *
vu_device_queue_retry(struct vu_device_queue *queue)
{
	/* Count before snapshot, so that one that was replaced meanwhile is tried once more. */
	const uint32_t nb_retries = vu_load_acquire(&queue->nb_retries);
	const struct vu_vring_snapshot *snap = vu_vring_snapshot_load(&queue->vring);

	if (snap == NULL || nb_retries == queue->nb_retries_seen)
		return NULL;
	queue->nb_retries_seen = nb_retries;
	vu_store(&queue->vring.pos.fault, VU_VRING_OK);
	if (queue->dev->ops->queue_retry != NULL)
		queue->dev->ops->queue_retry(queue, snap);
	return queue->vring.pos.fault == VU_VRING_OK ? snap : NULL;
}
