/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Prepare, publish, quiesce, free: how changes of rings and memory reach the data lcores. Control
 * lcore only. What a data lcore may still use (former snapshots, call descriptors, memory tables)
 * is retired at publication and released when every lcore has passed a safe point.
 */
#include "device.h"

#include <errno.h>

#include <rte_errno.h>

#include "vu_fd.h"
#include "vu_log.h"
#include "vu_mem.h"

static void
change_wait_add(struct vu_device *dev, struct vu_sched_wait *wait, vu_sched_done_fn fn, void *arg)
{
	vu_sched_wait_init(wait, fn, arg);
	dev->change.nb_waits++;
}

static void
queue_signal(struct vu_device_queue *queue, int fd)
{
	if (vu_fd_signal_bounded(fd) == -EINTR)
		device_count_hangs(queue->dev, 1);
}

/* A queue has left its lcore: remember where it stopped. */
static void
queue_release(struct vu_device_queue *queue)
{
	device_queue_tell(queue);
	/* A notification that was put off; nobody else writes the position now. */
	if (queue->vring.pos.is_delayed) {
		queue_signal(queue, queue->retired_snapshot->call_fd);
		vu_counter_add(&queue->vring.pos.counters.nb_notifications, 1);
		queue->vring.pos.is_delayed = false;
	}
	queue->vring.conf.base = vu_vring_base(&queue->vring);
	queue->vring.conf.has_base = true;
	if (queue->dev->ops->queue_stop != NULL)
		queue->dev->ops->queue_stop(queue);
}

/* A ring could not become snap, or not stay so. Nobody else writes its counters now. */
static void
queue_refuse(struct vu_device_queue *queue)
{
	vu_store(&queue->vring.pos.fault, (uint8_t)VU_VRING_BAD_ADDRESS);
	vu_counter_add(&queue->counters.nb_faults, 1);
	queue_signal(queue, queue->vring.err_fd);
	VU_LOG_LIMITED(&queue->dev->fault_log, DEVICE, WARNING, "%s: queue %u: cannot start: %s",
		queue->dev->name, queue->vring.idx, queue->refusal == EFAULT ?
		"a ring address lies outside guest memory" : rte_strerror(queue->refusal));
	queue->refusal = 0;
}

static void
change_release(struct vu_device *dev)
{
	for (uint32_t i = 0; i < dev->nb_queues; i++) {
		struct vu_device_queue *queue = dev->queues[i];

		if (queue->retired_snapshot != NULL && queue->vring.snapshot == NULL)
			queue_release(queue);
		if (queue->refusal != 0)
			queue_refuse(queue);
		/* An event on the old descriptor may have been missed: repeat it on the new one. */
		if (queue->has_new_call && queue->vring.snapshot != NULL)
			queue_signal(queue, queue->vring.call_fd);
		queue->has_new_call = false;
		vu_vring_snapshot_destroy(queue->retired_snapshot);
		queue->retired_snapshot = NULL;
		vu_fd_close(&queue->retired_call_fd);
		vu_fd_close(&queue->retired_err_fd);
	}
	vu_mem_table_destroy(dev->change.retired_mem);
	dev->change.retired_mem = NULL;
}

static void device_disconnect_step(struct vu_device *dev);

static void
change_waited(void *arg)
{
	struct vu_device *dev = arg;

	if (--dev->change.nb_waits != 0)
		return;
	change_release(dev);
	if (dev->disconnected != NULL)
		device_disconnect_step(dev);
	else
		dev->change.done(dev->change.arg);
}

static void
queue_removed(void *arg)
{
	struct vu_device_queue *queue = arg;

	change_waited(queue->dev);
}

/* Snapshot that a queue should have now; NULL if it must not or cannot run. */
static struct vu_vring_snapshot *
queue_prepare(struct vu_device_queue *queue)
{
	const struct vu_vring *vring = &queue->vring;
	struct vu_vring_snapshot *snap;

	if (!vring->started || vring->conf.size == 0 || !vring->conf.has_addr ||
			queue->dev->mem == NULL)
		return NULL;
	snap = vu_vring_snapshot_create(vring, queue->dev->mem, queue->dev->features);
	if (snap == NULL) {
		queue->refusal = rte_errno;
		return NULL;
	}
	device_queue_watch_kick(queue);
	snap->has_kick = queue->is_kick_watched;
	return snap;
}

static void
queue_start(struct vu_device_queue *queue, struct vu_vring_snapshot *snap)
{
	struct vu_device *dev = queue->dev;

	if (vu_vring_seek(&queue->vring, snap))
		VU_LOG_LIMITED(&dev->fault_log, DEVICE, WARNING,
			"%s: queue %u: base %u contradicts used index %u, which is taken",
			dev->name, queue->vring.idx, queue->vring.conf.base,
			queue->vring.pos.last_used_idx);
	queue->is_failed = false;
	queue->is_fault_told = false;
	if (dev->ops->queue_start != NULL)
		dev->ops->queue_start(queue, snap);
	vu_vring_publish(&queue->vring, snap);
	VU_LOG_LIMITED(&dev->life_log, DEVICE, INFO,
		"%s: queue %u: started, %u entries, lcore %u", dev->name,
		queue->vring.idx, snap->size, vu_sched_worker_lcore(dev->sched, queue->worker_idx));
	if (vu_sched_task_add(dev->sched, &queue->task, queue->worker_idx) == 0)
		queue->is_scheduled = true;
	else
		VU_LOG(DEVICE, ERR, "%s: queue %u: no memory to schedule it", dev->name,
			queue->vring.idx);
}

static void
queue_stop(struct vu_device_queue *queue)
{
	struct vu_device *dev = queue->dev;

	queue->retired_snapshot = vu_vring_publish(&queue->vring, NULL);
	VU_LOG_LIMITED(&dev->life_log, DEVICE, INFO, "%s: queue %u: stopped", dev->name,
		queue->vring.idx);
	if (!queue->is_scheduled)
		return;
	queue->is_scheduled = false;
	change_wait_add(dev, &queue->removal, queue_removed, queue);
	RTE_VERIFY(vu_sched_task_remove(dev->sched, &queue->task, &queue->removal) == 0);
}

static void
queue_commit(struct vu_device_queue *queue)
{
	struct vu_vring_snapshot *snap = queue_prepare(queue);

	queue->is_dirty = false;
	if (queue->vring.snapshot == NULL && snap == NULL)
		return;
	if (queue->vring.snapshot == NULL) {
		queue_start(queue, snap);
	} else if (snap == NULL) {
		queue_stop(queue);
	} else {
		queue->retired_snapshot = vu_vring_publish(&queue->vring, snap);
		vu_sched_task_kick(queue->dev->sched, &queue->task);
	}
}

void
vu_device_set_mem(struct vu_device *dev, struct vu_mem_table *mem)
{
	RTE_VERIFY(dev->change.nb_waits == 0);
	/* Replaced twice since the last commit: no lcore has seen the one in between. */
	if (dev->change.retired_mem != NULL)
		vu_mem_table_destroy(dev->mem);
	else
		dev->change.retired_mem = dev->mem;
	dev->mem = mem;
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		dev->queues[i]->is_dirty |= dev->queues[i]->vring.started;
}

/* Publish, and wait if a data lcore may hold anything retired. */
static int
device_publish(struct vu_device *dev)
{
	bool is_retired = false;

	for (uint32_t i = 0; i < dev->nb_queues; i++) {
		struct vu_device_queue *queue = dev->queues[i];

		if (queue->is_dirty)
			queue_commit(queue);
		is_retired |= queue->retired_snapshot != NULL;
	}
	if (is_retired) {
		change_wait_add(dev, &dev->change.grace, change_waited, dev);
		vu_quiesce_start(dev->sched, &dev->change.grace);
		return -EINPROGRESS;
	}
	change_release(dev);
	return 0;
}

int
vu_device_commit(struct vu_device *dev, vu_device_done_fn done, void *arg)
{
	RTE_VERIFY(dev->change.nb_waits == 0);
	dev->change.done = done;
	dev->change.arg = arg;
	return device_publish(dev);
}

static void
device_disconnected(struct vu_device *dev)
{
	vu_device_done_fn done = dev->disconnected;

	for (uint32_t i = 0; i < dev->nb_queues; i++)
		vu_vring_reset(&dev->queues[i]->vring);
	dev->is_connected = false;
	dev->has_features = false;
	dev->features = 0;
	dev->status = 0;
	dev->disconnected = NULL;
	if (dev->ops->acked_features != NULL)
		dev->ops->acked_features(dev, 0);
	done(dev->disconnected_arg);
}

/* Stop everything; runs again when a change completes, until nothing is left to wait for. */
static void
device_disconnect_step(struct vu_device *dev)
{
	vu_device_reset(dev);
	if (dev->mem != NULL) {
		vu_device_update_memory(dev, NULL);
		vu_device_set_mem(dev, NULL);
	}
	if (device_publish(dev) == 0)
		device_disconnected(dev);
}

void
vu_device_disconnect(struct vu_device *dev, vu_device_done_fn done, void *arg)
{
	RTE_VERIFY(dev->is_connected && dev->disconnected == NULL);
	dev->disconnected = done;
	dev->disconnected_arg = arg;
	dev->is_checking_state = false;
	if (dev->change.nb_waits == 0)
		device_disconnect_step(dev);
}
