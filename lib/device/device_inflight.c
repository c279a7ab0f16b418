/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The in-flight region of a device: one part for each ring (vu_vring_inflight.h). Rings use the one
 * that is there when the first of them starts. Control lcore.
 */
#include "vu_device_control.h"

#include <errno.h>

#include "vu_mem_shared.h"
#include "vu_vring_inflight.h"

#include "device.h"

#define AREA_ALIGN 8

/* Its parts, in the present layout; the offset is the front-end's. */
static bool
region_fits(const struct vu_device *dev, const struct device_inflight *inflight)
{
	return (uintptr_t)inflight->region->hva % AREA_ALIGN == 0 &&
		inflight->nb_queues <= dev->nb_queues && inflight->nb_queues *
		vu_inflight_bytes(inflight->queue_size, device_is_packed(dev)) <=
		inflight->region->len_bytes;
}

int
vu_device_set_inflight(struct vu_device *dev, struct vu_mem_shared *region, uint16_t nb_queues,
	uint16_t queue_size)
{
	const struct device_inflight inflight = { region, nb_queues, queue_size };

	if (!region_fits(dev, &inflight)) {
		vu_mem_shared_destroy(region);
		return -EINVAL;
	}
	vu_mem_shared_destroy(dev->next_inflight.region);
	dev->next_inflight = inflight;
	return 0;
}

/* Rings that stop with this commit may be in a burst. */
static bool
is_in_use(const struct vu_device *dev)
{
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		if (vu_vring_is_running(&dev->queues[i]->head.vring) ||
				dev->queues[i]->retired_snapshot != NULL)
			return true;
	return false;
}

void
device_inflight_start(struct vu_device *dev)
{
	if (dev->next_inflight.region == NULL || is_in_use(dev))
		return;
	vu_mem_shared_destroy(dev->inflight.region);
	dev->inflight = dev->next_inflight;
	dev->next_inflight.region = NULL;
}

void
device_inflight_end(struct vu_device *dev)
{
	vu_mem_shared_destroy(dev->inflight.region);
	vu_mem_shared_destroy(dev->next_inflight.region);
	dev->inflight.region = NULL;
	dev->next_inflight.region = NULL;
}

bool
vu_device_inflight_has_failed(const struct vu_device *dev)
{
	return dev->inflight.region != NULL && vu_mem_shared_has_failed(dev->inflight.region);
}

void *
vu_device_queue_inflight(const struct vu_device_queue *queue, uint16_t *nb_entries)
{
	const struct device_inflight *inflight = &queue->dev->inflight;

	/* The layout may have been negotiated after the region was set. */
	if (inflight->region == NULL || queue->vring.idx >= inflight->nb_queues ||
			!region_fits(queue->dev, inflight))
		return NULL;
	*nb_entries = inflight->queue_size;
	return inflight->region->hva + queue->vring.idx *
		vu_inflight_bytes(inflight->queue_size, device_is_packed(queue->dev));
}
