/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device's queues: storage and placement (control lcore), and the task that a data lcore runs for
 * each.
 */
#include "device.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_branch_prediction.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "vu_fd.h"
#include "vu_limits.h"
#include "vu_vring_kick.h"
#include "vu_vring_notify.h"

void
vu_device_queue_fail(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	const struct vu_device_events *events = &queue->dev->events;

	if (queue->is_failed)
		return;
	queue->is_failed = true;
	/* What was used before is still to be told, but not to a descriptor that blocks. */
	if (queue->vring.pos.is_delayed && queue->vring.pos.fault != VU_VRING_BAD_CALL)
		vu_vring_notify(snap, &queue->vring.pos);
	vu_counter_add(&queue->counters.nb_faults, 1);
	vu_vring_err(snap, &queue->vring.pos);
	events->ring_fault(events->arg, queue->vring.idx);
}

uint32_t
device_queue_poll(struct vu_task *task)
{
	struct vu_device_queue *queue = task->arg;
	const struct vu_vring_snapshot *snap = vu_vring_snapshot_load(&queue->vring);
	uint32_t nb_items;

	if (unlikely(snap == NULL || queue->vring.pos.fault != VU_VRING_OK)) {
		if (snap != NULL && queue->dev->ops->queue_fault != NULL)
			queue->dev->ops->queue_fault(queue);
		task->watch = (struct vu_watch)VU_WATCH_NEVER;
		return 0;
	}
	nb_items = queue->poll(queue, snap);
	/* Until a notification that was put off is written, each turn looks at the clock. */
	if (unlikely(vu_vring_notify_check(snap, &queue->vring.pos)))
		task->watch = (struct vu_watch)VU_WATCH_ALWAYS;
	if (unlikely(queue->vring.pos.fault != VU_VRING_OK)) {
		vu_device_queue_fail(queue, snap);
		if (queue->dev->ops->queue_fault != NULL)
			queue->dev->ops->queue_fault(queue);
		task->watch = (struct vu_watch)VU_WATCH_NEVER;
	}
	return nb_items;
}

/*
 * The lcore is about to sleep, or is awake again. A ring that was given up waits for the mailbox,
 * which wakes in any case. The snapshot is loaded again: it may have changed during the sleep.
 */
static bool
device_queue_arm(struct vu_task *task, bool is_armed)
{
	struct vu_device_queue *queue = task->arg;
	const struct vu_vring_snapshot *snap = vu_vring_snapshot_load(&queue->vring);

	if (snap == NULL || queue->is_woken || queue->vring.pos.fault != VU_VRING_OK)
		return true;
	if (!is_armed)
		vu_vring_disable_kicks(snap);
	else if (snap->has_kick)
		vu_vring_enable_kicks(snap, &queue->vring.pos);
	/* Without kicks the front-end relies on polling. */
	return snap->has_kick;
}

void
device_queue_watch_kick(struct vu_device_queue *queue)
{
	if (queue->is_kick_watched || queue->vring.kick_fd == VU_FD_NONE)
		return;
	queue->is_kick_watched = vu_sched_kick_fd_add(queue->dev->sched, queue->worker_idx,
		queue->vring.kick_fd) == 0;
}

void
device_queue_unwatch_kick(struct vu_device_queue *queue)
{
	if (queue->is_kick_watched)
		vu_sched_kick_fd_remove(queue->dev->sched, queue->worker_idx,
			queue->vring.kick_fd);
	queue->is_kick_watched = false;
}

/*
 * Kicks go to the new lcore first and leave the former one last. That is awake by then, or about to
 * be: the command that takes the task from it ends its sleep.
 */
static int
queue_move(struct vu_device_queue *queue, unsigned int worker_idx)
{
	struct vu_sched *sched = queue->dev->sched;
	int rc = 0;

	if (queue->is_kick_watched)
		rc = vu_sched_kick_fd_add(sched, worker_idx, queue->vring.kick_fd);
	if (rc != 0)
		return rc;
	/* A ring that is stopping leaves its lcore anyway, and starts again at its new place. */
	if (queue->is_scheduled)
		rc = vu_sched_task_move(sched, &queue->task, worker_idx);
	if (queue->is_kick_watched)
		vu_sched_kick_fd_remove(sched, rc == 0 ? queue->worker_idx : worker_idx,
			queue->vring.kick_fd);
	return rc;
}

int
vu_device_queue_move(struct vu_device *dev, uint32_t queue_idx, unsigned int lcore_id)
{
	int worker_idx = vu_sched_lcore_worker(dev->sched, lcore_id);
	struct vu_device_queue *queue;
	int rc;

	if (queue_idx >= dev->nb_queues || worker_idx < 0)
		return -EINVAL;
	queue = dev->queues[queue_idx];
	if (queue->worker_idx == (uint32_t)worker_idx)
		return 0;
	rc = queue_move(queue, (unsigned int)worker_idx);
	if (rc != 0)
		return rc;
	VU_LOG(DEVICE, INFO, "%s: queue %u: moved from lcore %u to %u", dev->name, queue_idx,
		vu_sched_worker_lcore(dev->sched, queue->worker_idx), lcore_id);
	queue->worker_idx = (uint32_t)worker_idx;
	queue->vring.numa_node = vu_device_queue_node(queue);
	return 0;
}

bool
vu_device_queue_is_moving(const struct vu_device *dev, uint32_t queue_idx)
{
	return vu_sched_task_is_moving(&dev->queues[queue_idx]->task);
}

struct vu_device_queue *
vu_device_queue(const struct vu_device *dev, uint32_t queue_idx)
{
	return dev->queues[queue_idx];
}

/* NUMA node of a worker's lcore; tests run workers on lcores that EAL does not know. */
static int
worker_node(const struct vu_device *dev, unsigned int worker_idx)
{
	unsigned int lcore_id = vu_sched_worker_lcore(dev->sched, worker_idx);

	if (!rte_lcore_is_enabled(lcore_id))
		return SOCKET_ID_ANY;
	return (int)rte_lcore_to_socket_id(lcore_id);
}

int
vu_device_queue_node(const struct vu_device_queue *queue)
{
	return worker_node(queue->dev, queue->worker_idx);
}

static struct vu_device_queue *
device_queue_create(struct vu_device *dev, uint32_t idx, unsigned int worker_idx)
{
	struct vu_device_queue *queue;
	int node = worker_node(dev, worker_idx);

	queue = rte_zmalloc_socket("vu_device_queue", sizeof(*queue), RTE_CACHE_LINE_SIZE, node);
	/* Memory of another node is slow, none is fatal. */
	if (queue == NULL)
		queue = rte_zmalloc("vu_device_queue", sizeof(*queue), RTE_CACHE_LINE_SIZE);
	if (queue == NULL)
		return NULL;
	vu_task_init(&queue->task, device_queue_poll, queue);
	queue->task.arm = device_queue_arm;
	queue->may_sleep = vu_sched_may_sleep(dev->sched);
	queue->dev = dev;
	queue->worker_idx = worker_idx;
	queue->retired_call_fd = VU_FD_NONE;
	queue->retired_err_fd = VU_FD_NONE;
	vu_vring_init(&queue->vring, idx);
	queue->vring.notify = dev->notify;
	queue->vring.numa_node = node;
	return queue;
}

/* Without counts of the user's, those of the driver, as far as there are workers for them. */
static void
assign_ask_driver(struct vu_assign_conf *assign, const struct vu_device *dev,
	const struct vu_device_conf *conf, unsigned int *counts)
{
	unsigned int nb_workers = assign->nb_lcores != 0 ? assign->nb_lcores :
		vu_sched_nb_workers(dev->sched);
	unsigned int nb_counts;

	if (assign->nb_queues_per_worker != 0 || dev->ops->queues_per_thread == NULL)
		return;
	nb_counts = dev->ops->queues_per_thread(conf, counts, RTE_MAX_LCORE);
	assign->queues_per_worker = counts;
	assign->nb_queues_per_worker = RTE_MIN(nb_counts, nb_workers);
}

int
device_queues_create(struct vu_device *dev, const struct vu_device_conf *conf)
{
	struct vu_assign_conf assign = *conf->assign;
	unsigned int counts[RTE_MAX_LCORE];
	unsigned int *worker_of_queue;
	int rc;

	worker_of_queue = calloc(dev->nb_queues, sizeof(*worker_of_queue));
	dev->queues = calloc(dev->nb_queues, sizeof(*dev->queues));
	if (worker_of_queue == NULL || dev->queues == NULL) {
		free(worker_of_queue);
		free(dev->queues);
		return -ENOMEM;
	}
	assign.group = RTE_MAX(dev->ops->queue_group, 1U);
	assign_ask_driver(&assign, dev, conf, counts);
	rc = vu_sched_assign(dev->sched, &assign, dev->nb_queues, worker_of_queue);
	for (uint32_t i = 0; i < dev->nb_queues && rc == 0; i++) {
		dev->queues[i] = device_queue_create(dev, i, worker_of_queue[i]);
		if (dev->queues[i] == NULL)
			rc = -ENOMEM;
	}
	free(worker_of_queue);
	if (rc != 0)
		device_queues_destroy(dev);
	return rc;
}

void
device_queues_destroy(struct vu_device *dev)
{
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		rte_free(dev->queues[i]);
	free(dev->queues);
	dev->queues = NULL;
}
