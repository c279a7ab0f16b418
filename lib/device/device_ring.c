/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ring setters: note what the messages set in a ring. Nothing takes effect before the next
 * vu_device_commit(). Control lcore.
 */
#include "device.h"

#include <errno.h>

#include "vu_fd.h"
#include "vu_limits.h"
#include "vu_virtio.h"
#include "vu_vring_snapshot.h"

bool
device_is_packed(const struct vu_device *dev)
{
	return (dev->features & RTE_BIT64(VIRTIO_F_RING_PACKED)) != 0;
}

bool
device_queue_is_in_use(const struct device_queue *queue)
{
	const struct vu_vring *vring = &queue->head.vring;

	return vu_vring_is_running(vring) && vring->enabled &&
		!vu_vring_is_given_up(vu_load(&vring->pos.fault));
}

int
device_queue_end(struct device_queue *queue)
{
	if (device_queue_is_in_use(queue))
		return -EBUSY;
	if (vu_vring_is_running(&queue->head.vring)) {
		queue->is_over = true;
		queue->is_dirty = true;
	}
	return 0;
}

int
vu_device_ring_set_size(struct vu_device *dev, uint32_t queue_idx, uint32_t size)
{
	struct device_queue *queue = dev->queues[queue_idx];
	int rc = vu_vring_check_size(size, device_is_packed(dev), dev->max_queue_size);

	if (rc != 0)
		return rc;
	if (size != queue->head.vring.conf.size && device_queue_end(queue) != 0)
		return -EBUSY;
	queue->head.vring.conf.size = size;
	queue->is_dirty = true;
	return 0;
}

int
vu_device_ring_set_addr(struct vu_device *dev, uint32_t queue_idx,
	const struct vu_vring_conf *addr)
{
	struct device_queue *queue = dev->queues[queue_idx];
	struct vu_vring_conf *conf = &queue->head.vring.conf;

	if ((conf->desc_uva != addr->desc_uva || conf->avail_uva != addr->avail_uva ||
			conf->used_uva != addr->used_uva) && device_queue_end(queue) != 0)
		return -EBUSY;
	conf->desc_uva = addr->desc_uva;
	conf->avail_uva = addr->avail_uva;
	conf->used_uva = addr->used_uva;
	conf->log_gpa = addr->log_gpa;
	conf->flags = addr->flags;
	conf->has_addr = true;
	queue->is_dirty = true;
	return 0;
}

/* Its position is the owner lcore's; a split ring has it in guest memory too. */
static bool
ring_is_at(const struct device_queue *queue, uint32_t base)
{
	const struct vu_vring *vring = &queue->head.vring;

	if (vring->snapshot == NULL)
		return false;
	if (!vring->snapshot->is_packed)
		return base == vu_load(&vring->snapshot->used->idx);
	return base == vring->conf.base &&
		vu_load(&vring->pos.counters.nb_chains) == queue->nb_chains_at_start;
}

int
vu_device_ring_set_base(struct vu_device *dev, uint32_t queue_idx, uint32_t base)
{
	struct device_queue *queue = dev->queues[queue_idx];
	struct vu_vring *vring = &queue->head.vring;

	if (device_queue_is_in_use(queue))
		return ring_is_at(queue, base) ? 0 : -EBUSY;
	/* A size that is not known yet is checked when the ring starts. */
	if (vu_vring_check_base(base, device_is_packed(dev), vring->conf.size != 0 ?
			vring->conf.size : VU_MAX_QUEUE_SIZE) != 0)
		return -EINVAL;
	device_queue_end(queue);
	queue->has_new_base = vu_vring_is_running(vring);
	vring->conf.base = base;
	vring->conf.has_base = true;
	return 0;
}

uint32_t
vu_device_ring_base(const struct vu_device *dev, uint32_t queue_idx)
{
	const struct vu_vring_conf *conf = &dev->queues[queue_idx]->head.vring.conf;

	if (!conf->has_base && device_is_packed(dev))
		return VU_PACKED_FRESH_BASE;
	return conf->base;
}

void
vu_device_ring_start(struct vu_device *dev, uint32_t queue_idx, int kick_fd)
{
	struct device_queue *queue = dev->queues[queue_idx];

	/* Nobody reads kicks: data lcores poll, or wait for the fd without reading it. */
	dev->exec->kick_remove(queue);
	vu_fd_close(&queue->head.vring.kick_fd);
	queue->head.vring.kick_fd = kick_fd;
	queue->head.vring.started = true;
	queue->is_over = false;
	queue->is_dirty = true;
}

void
vu_device_ring_stop(struct vu_device *dev, uint32_t queue_idx)
{
	struct device_queue *queue = dev->queues[queue_idx];

	dev->exec->kick_remove(queue);
	vu_fd_close(&queue->head.vring.kick_fd);
	queue->head.vring.started = false;
	queue->is_over = false;
	queue->is_dirty = true;
	device_iotlb_rings_stopped(dev);
}

void
vu_device_ring_enable(struct vu_device *dev, uint32_t queue_idx, bool is_enabled)
{
	struct device_queue *queue = dev->queues[queue_idx];

	queue->is_dirty |= queue->head.vring.enabled != is_enabled;
	queue->head.vring.enabled = is_enabled;
	if (is_enabled)
		queue->is_over = false;
}
