/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Notification of a front-end: call and error eventfds of the rings, faults that are reported, and
 * the limit on eventfds that block their writers. Control lcore, except
 * vu_device_queue_fail().
 */
#include "device.h"

#include <errno.h>
#include <poll.h>

#include <rte_cycles.h>

#include "vu_fd.h"
#include "vu_peer.h"
#include "vu_vring_notify.h"

#define BLOCKED_SECONDS 60

void
vu_device_queue_fail(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	const struct vu_device_events *events = &queue->dev->events;

	if (queue->vring.pos.fault == VU_VRING_IOTLB_MISS) {
		device_iotlb_miss(queue, snap);
		return;
	}
	if (!queue->is_failed) {
		queue->is_failed = true;
		/* What was used before is still to be signalled, but not to one that blocks. */
		if (queue->vring.pos.is_delayed && queue->vring.pos.fault != VU_VRING_BAD_CALL)
			vu_vring_notify(snap, &queue->vring.pos);
		vu_counter_add(&queue->counters.nb_faults, 1);
		vu_vring_err(snap, &queue->vring.pos);
		events->ring_fault(events->arg, queue->vring.idx);
	}
	if (queue->dev->ops->queue_fault != NULL)
		queue->dev->ops->queue_fault(queue);
}

void
device_count_stalls(struct vu_device *dev, uint64_t nb)
{
	dev->nb_stalls += (uint32_t)nb;
	dev->stall_tsc = rte_rdtsc();
}

bool
vu_device_refuses_calls(struct vu_device *dev)
{
	if (rte_rdtsc() - dev->stall_tsc > BLOCKED_SECONDS * rte_get_tsc_hz())
		dev->nb_stalls = 0;
	return dev->nb_stalls != 0;
}

static bool
queue_has_carried(const struct device_queue *queue)
{
	return vu_load(&queue->head.vring.pos.counters.nb_chains) != queue->nb_chains_at_start;
}

/* A ring that was wrong from the start is rather one that we see in another place. */
static const char *
queue_explain_fault(const struct device_queue *queue, enum vu_vring_fault fault)
{
	if (fault != VU_VRING_BAD_AVAIL_IDX || queue_has_carried(queue))
		return "";
	return "; its memory may not be what the guest sees (DPDK's virtio-user shares files of "
		"several hugepages only with --single-file-segments)";
}

void
device_queue_report(struct device_queue *queue)
{
	struct vu_device *dev = queue->head.dev;
	const struct vu_vring_pos *pos = &queue->head.vring.pos;
	const uint64_t nb_stalls = vu_load(&pos->counters.nb_notification_errors);
	const enum vu_vring_fault fault = vu_load(&pos->fault);

	if (nb_stalls != queue->nb_stalls)
		device_count_stalls(dev, nb_stalls - queue->nb_stalls);
	queue->nb_stalls = nb_stalls;
	if (!vu_vring_is_given_up(fault) || queue->is_fault_reported)
		return;
	queue->is_fault_reported = true;
	VU_LOG_LIMITED(&dev->fault_log, DEVICE, WARNING, "%s: queue %u: given up: %s%s",
		dev->name, queue->head.vring.idx, vu_vring_fault_name(fault),
		queue_explain_fault(queue, fault));
}

bool
vu_device_has_carried(const struct vu_device *dev)
{
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		if (dev->queues[i]->head.vring.snapshot != NULL &&
				queue_has_carried(dev->queues[i]))
			return true;
	return false;
}

bool
device_queue_is_kicked(const struct device_queue *queue)
{
	const int kick_fd = queue->head.vring.kick_fd;
	struct pollfd kick = { .fd = kick_fd, .events = POLLIN };

	return kick_fd != VU_FD_NONE && poll(&kick, 1, 0) == 1;
}

/* Since it started; not known of one whose fd had kicks already, as after a guest's reboot. */
static bool
queue_was_kicked(const struct device_queue *queue)
{
	const struct vu_vring *vring = &queue->head.vring;

	return vring->snapshot != NULL && vu_load(&vring->pos.fault) == VU_VRING_OK &&
		!queue->was_kicked_at_start && device_queue_is_kicked(queue);
}

const char *
vu_device_silence(const struct vu_device *dev)
{
	bool is_kicked = false;

	for (uint32_t i = 0; i < dev->nb_queues; i++)
		is_kicked |= queue_was_kicked(dev->queues[i]);
	if (!is_kicked || vu_device_has_carried(dev))
		return NULL;
	return "the memory may not be shared (QEMU: share=on)";
}

bool
vu_device_report_faults(struct vu_device *dev)
{
	const uint32_t nb_stalls = dev->nb_stalls;

	for (uint32_t i = 0; i < dev->nb_queues; i++)
		if (dev->queues[i]->head.vring.snapshot != NULL)
			device_queue_report(dev->queues[i]);
	return dev->nb_stalls == nb_stalls;
}

/* Put a new fd in place of one that a data lcore may be writing to. */
static void
device_replace_fd(int *fd, int *retired_fd, int new_fd)
{
	/* Replaced twice since the last commit: no lcore has seen the one in between. */
	if (*retired_fd != VU_FD_NONE)
		vu_fd_close(fd);
	else
		*retired_fd = vu_fd_take(fd);
	*fd = new_fd;
}

void
vu_device_ring_set_call(struct vu_device *dev, uint32_t queue_idx, int call_fd)
{
	struct device_queue *queue = dev->queues[queue_idx];

	device_replace_fd(&queue->head.vring.call_fd, &queue->retired_call_fd, call_fd);
	queue->has_new_call = true;
	queue->is_dirty = true;
}

void
vu_device_ring_set_err(struct vu_device *dev, uint32_t queue_idx, int err_fd)
{
	struct device_queue *queue = dev->queues[queue_idx];

	device_replace_fd(&queue->head.vring.err_fd, &queue->retired_err_fd, err_fd);
	queue->is_dirty = true;
}

void
device_queue_close_retired(struct device_queue *queue)
{
	/* An event on the old call fd may have been missed: repeat it on the new one. */
	if (queue->has_new_call && queue->head.vring.snapshot != NULL)
		vu_fd_notify(queue->head.vring.call_fd);
	queue->has_new_call = false;
	vu_fd_close(&queue->retired_call_fd);
	vu_fd_close(&queue->retired_err_fd);
}
