/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commit: how changes of rings and memory reach those who poll. Prepare new snapshots, publish
 * them, wait until nobody is in a burst with the former ones (grace period), then until no request
 * that was begun with them is in flight (drain), then free. Control lcore.
 * What may still be in use (snapshots, call fds, memory tables) is retired at publication.
 */
#include "device.h"

#include <errno.h>

#include <rte_errno.h>

#include "vu_log.h"
#include "vu_mem.h"
#include "vu_peer.h"
#include "vu_trace.h"

bool
device_is_running(const struct vu_device *dev)
{
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		if (vu_vring_is_running(&dev->queues[i]->head.vring))
			return true;
	return false;
}

static void change_advance(struct vu_device *dev);

static void
change_waited(void *arg)
{
	struct vu_device *dev = arg;

	if (--dev->change.nb_waits == 0)
		change_advance(dev);
}

static void
change_wait_init(struct vu_device *dev, struct exec_wait *wait)
{
	vu_sched_wait_init(&wait->sched, change_waited, dev);
	dev->change.nb_waits++;
}

/* What a ring of the other layout has as base means nothing to the next one. */
static void
queue_record_base(struct device_queue *queue)
{
	struct vu_vring *vring = &queue->head.vring;
	const bool is_packed = device_is_packed(queue->head.dev);

	if (!queue->has_new_base) {
		vring->conf.has_base = vring->pos.is_packed == is_packed;
		vring->conf.base = vring->conf.has_base ? vu_vring_base(vring) : 0;
	}
	queue->has_new_base = false;
}

/* A ring is paused or stopped, and drained. Nobody else writes the position now. */
static void
queue_release_burst(struct device_queue *queue)
{
	struct vu_vring_pos *pos = &queue->head.vring.pos;

	vu_store(&queue->misses.is_posted, 0);
	/* A notification that was put off. */
	if (pos->is_delayed && queue->retired_snapshot != NULL) {
		vu_fd_notify(queue->retired_snapshot->call_fd);
		vu_counter_add(&pos->counters.nb_notifications, 1);
		pos->is_delayed = false;
	}
}

/* A ring stopped: record where. */
static void
queue_release(struct device_queue *queue)
{
	struct vu_device_queue *head = &queue->head;

	queue->is_stopping = false;
	device_queue_report(queue);
	queue_record_base(queue);
	if (head->dev->ops->queue_stop != NULL)
		head->dev->ops->queue_stop(head);
}

/* A ring could not start, or not go on. Nobody else writes its counters now. */
static void
queue_refuse(struct device_queue *queue)
{
	struct vu_device_queue *head = &queue->head;

	vu_store(&head->vring.pos.fault, (uint8_t)VU_VRING_BAD_ADDRESS);
	vu_counter_add(&head->counters.nb_faults, 1);
	vu_fd_notify(head->vring.err_fd);
	VU_LOG_LIMITED(&head->dev->fault_log, DEVICE, WARNING, "%s: queue %u: cannot start: %s",
		head->dev->name, head->vring.idx, queue->refusal == EFAULT ?
		"a ring address lies outside guest memory" : rte_strerror(queue->refusal));
	queue->refusal = 0;
}

static void
change_release(struct vu_device *dev)
{
	for (uint32_t i = 0; i < dev->nb_queues; i++) {
		struct device_queue *queue = dev->queues[i];

		if (queue->is_stopping || (queue->retired_snapshot != NULL &&
				queue->head.vring.snapshot == NULL))
			queue_release_burst(queue);
		if (queue->is_stopping)
			queue_release(queue);
		if (queue->refusal != 0)
			queue_refuse(queue);
		device_queue_close_retired(queue);
		vu_vring_snapshot_destroy(queue->retired_snapshot);
		queue->retired_snapshot = NULL;
	}
	vu_mem_table_destroy(dev->change.retired_mem);
	dev->change.retired_mem = NULL;
	device_log_release(dev);
	device_iotlb_release(dev);
}

/* Nobody is in a burst with what was retired: ask for the requests that are in flight. */
static void
change_drain(struct vu_device *dev)
{
	dev->change.is_quiesced = true;
	for (uint32_t i = 0; i < dev->nb_queues; i++) {
		struct device_queue *queue = dev->queues[i];

		if (queue->retired_snapshot == NULL || dev->ops->queue_drain == NULL ||
				dev->ops->queue_drain(&queue->head, queue->retired_snapshot) == 0)
			continue;
		queue->is_draining = true;
		dev->change.nb_waits++;
	}
}

static void device_disconnect_step(struct vu_device *dev);

/* The last wait of a step is over. */
static void
change_advance(struct vu_device *dev)
{
	if (!dev->change.is_quiesced)
		change_drain(dev);
	if (dev->change.nb_waits != 0)
		return;
	dev->change.is_quiesced = false;
	change_release(dev);
	if (dev->disconnected != NULL) {
		device_disconnect_step(dev);
		return;
	}
	device_changed(dev);
	dev->change.done(dev->change.arg);
}

void
vu_device_queue_drained(struct vu_device_queue *head)
{
	struct vu_device *dev = head->dev;
	struct device_queue *queue = dev->queues[head->vring.idx];

	RTE_VERIFY(queue->is_draining);
	queue->is_draining = false;
	if (--dev->change.nb_waits == 0)
		change_advance(dev);
}

/* Snapshot that a queue should have now; NULL if it must not or cannot run. */
static struct vu_vring_snapshot *
queue_prepare(struct device_queue *queue)
{
	struct vu_device *dev = queue->head.dev;
	struct vu_vring *vring = &queue->head.vring;
	struct vu_vring_snapshot *snap;

	queue->is_waiting = false;
	if (!vring->started || queue->is_over || vring->conf.size == 0 || !vring->conf.has_addr ||
			dev->mem == NULL)
		return NULL;
	if (!device_log_prepare(dev, &vring->log))
		return NULL;
	queue->is_waiting = !device_iotlb_prepare_ring(queue);
	if (queue->is_waiting)
		return NULL;
	snap = vu_vring_snapshot_create(vring, dev->mem, dev->features);
	if (snap == NULL) {
		queue->is_waiting = rte_errno == EFAULT && device_iotlb_want_parts(queue);
		if (!queue->is_waiting)
			queue->refusal = rte_errno;
		return NULL;
	}
	dev->exec->kick_add(queue);
	snap->has_kick = queue->has_kick_interest;
	if (dev->ops->snapshot_init != NULL)
		dev->ops->snapshot_init(&queue->head, snap);
	return snap;
}

static void
queue_start(struct device_queue *queue, struct vu_vring_snapshot *snap)
{
	struct vu_device *dev = queue->head.dev;
	struct vu_vring *vring = &queue->head.vring;

	dev->has_run = true;
	if (vu_vring_seek(vring, snap)) {
		VU_LOG_LIMITED(&dev->fault_log, DEVICE, WARNING,
			"%s: queue %u: base 0x%x contradicts the ring, which goes on at 0x%x",
			dev->name, vring->idx, vring->conf.base, vring->pos.last_used_idx);
		/* The guest may not know what the last back-end gave back before it died. */
		queue->has_new_call = true;
	}
	device_inflight_start(dev);
	queue->head.is_failed = false;
	queue->is_fault_reported = false;
	queue->nb_chains_at_start = vring->pos.counters.nb_chains;
	queue->was_kicked_at_start = device_queue_is_kicked(queue);
	if (dev->ops->queue_start != NULL)
		dev->ops->queue_start(&queue->head, snap);
	vu_vring_publish(vring, snap);
	vu_trace_ring_start(dev->name, vring->idx, snap->size);
	VU_LOG_LIMITED(&dev->life_log, DEVICE, INFO, "%s: queue %u: started, %u entries, lcore %d",
		dev->name, vring->idx, snap->size, dev->exec->lcore(queue));
	if (dev->exec->attach(queue) != 0)
		VU_LOG_LIMITED(&dev->fault_log, DEVICE, ERR,
			"%s: queue %u: no memory to schedule it", dev->name, vring->idx);
}

static void
queue_stop(struct device_queue *queue)
{
	struct vu_device *dev = queue->head.dev;

	queue->retired_snapshot = vu_vring_publish(&queue->head.vring, NULL);
	vu_store_release(&queue->head.vring.is_paused, false);
	queue->is_stopping = true;
	vu_trace_ring_stop(dev->name, queue->head.vring.idx);
	VU_LOG_LIMITED(&dev->life_log, DEVICE, INFO, "%s: queue %u: stopped", dev->name,
		queue->head.vring.idx);
	change_wait_init(dev, &queue->removal);
	if (!dev->exec->detach(queue, &queue->removal))
		dev->change.nb_waits--;
}

/* Reason before snapshot: a lcore that finds none looks for it. */
static void
queue_pause(struct device_queue *queue)
{
	vu_store_release(&queue->head.vring.is_paused, true);
	queue->retired_snapshot = vu_vring_publish(&queue->head.vring, NULL);
}

/* Another snapshot, also after a pause. */
static void
queue_replace(struct device_queue *queue, struct vu_vring_snapshot *snap)
{
	struct vu_device_queue *head = &queue->head;

	queue->retired_snapshot = vu_vring_publish(&head->vring, snap);
	vu_store_release(&head->vring.is_paused, false);
	/* Snapshot before count; pairs with the acquire in vu_device_queue_retry(). */
	vu_store_release(&head->nb_retries, head->nb_retries + 1);
	head->dev->exec->refresh(queue);
}

static void
queue_commit(struct device_queue *queue)
{
	struct vu_vring_snapshot *snap = queue_prepare(queue);
	struct vu_vring *vring = &queue->head.vring;

	queue->is_dirty = false;
	if (!vu_vring_is_running(vring)) {
		if (snap != NULL)
			queue_start(queue, snap);
	} else if (snap != NULL) {
		queue_replace(queue, snap);
	} else if (!queue->is_waiting) {
		queue_stop(queue);
	} else if (!vring->is_paused) {
		queue_pause(queue);
	}
}

const struct vu_mem_table *
vu_device_mem(const struct vu_device *dev)
{
	return dev->mem;
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
	device_iotlb_set_mem(dev, mem);
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		dev->queues[i]->is_dirty |= dev->queues[i]->head.vring.started;
}

/* Publish, and wait if anything that was retired may still be in use. */
static int
device_publish(struct vu_device *dev)
{
	bool is_retired = false;

	device_iotlb_prepare(dev);
	for (uint32_t i = 0; i < dev->nb_queues; i++) {
		struct device_queue *queue = dev->queues[i];

		if (queue->is_dirty)
			queue_commit(queue);
		is_retired |= queue->retired_snapshot != NULL || queue->is_stopping;
	}
	device_iotlb_ask(dev);
	if (is_retired) {
		change_wait_init(dev, &dev->change.grace);
		dev->exec->quiesce(dev, &dev->change.grace);
		return -EINPROGRESS;
	}
	change_release(dev);
	return 0;
}

int
vu_device_commit(struct vu_device *dev, vu_device_done_fn done, void *arg)
{
	int rc;

	RTE_VERIFY(dev->change.nb_waits == 0);
	dev->change.done = done;
	dev->change.arg = arg;
	rc = device_publish(dev);
	if (rc == 0)
		device_changed(dev);
	return rc;
}

static void
device_disconnected(struct vu_device *dev)
{
	vu_device_done_fn done = dev->disconnected;

	for (uint32_t i = 0; i < dev->nb_queues; i++)
		vu_vring_reset(&dev->queues[i]->head.vring);
	device_inflight_end(dev);
	device_iotlb_fini(dev);
	dev->is_connected = false;
	dev->has_features = false;
	dev->features = 0;
	dev->protocol_features = 0;
	dev->status = 0;
	dev->disconnected = NULL;
	if (dev->ops->acked_features != NULL)
		dev->ops->acked_features(dev, 0);
	if (dev->ops->disconnected != NULL)
		dev->ops->disconnected(dev);
	device_changed(dev);
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
	vu_device_set_log(dev, NULL);
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
