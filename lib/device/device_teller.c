/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Notifications of a queue written by another lcore (notify-lcore=): a second task, on that lcore,
 * which watches the owner's count of requests. It loads the queue's set-up like any reader of it,
 * so that the descriptor cannot be closed under it, and the owner pays one store instead of a
 * system call.
 */
#include "device.h"

#include <rte_branch_prediction.h>

#include "vu_vring_notify.h"

/* Any number of requests since the last time are one notification. Teller's lcore. */
static uint32_t
teller_poll(struct vu_task *task)
{
	struct vu_device_queue *queue = task->arg;
	const struct vu_device_events *events = &queue->dev->events;
	struct vu_queue_teller *teller = &queue->teller;
	/* Pairs with the release in vu_vring_notify(). */
	uint32_t requests = vu_load_acquire(&teller->requests);
	const struct vu_vring_live *live = vu_vring_live(&queue->vring);

	task->watch = (struct vu_watch){ &teller->requests, requests, UINT32_MAX };
	/* Without a set-up the ring is stopping, and control tells the guest in the end. */
	if (requests == teller->nb_done || live == NULL || teller->pos.fault != VU_VRING_OK)
		return 0;
	teller->nb_done = requests;
	vu_vring_call(live, &teller->pos);
	if (unlikely(teller->pos.fault != VU_VRING_OK))
		events->ring_fault(events->arg, queue->vring.idx);
	return 1;
}

void
device_teller_init(struct vu_device_queue *queue, unsigned int worker_idx)
{
	vu_task_init(&queue->teller.task, teller_poll, queue);
	queue->teller.worker_idx = worker_idx;
	queue->vring.notify_requests = &queue->teller.requests;
}

void
device_teller_start(struct vu_device_queue *queue, struct vu_vring_live *live)
{
	struct vu_queue_teller *teller = &queue->teller;

	if (live->notify_requests == NULL)
		return;
	teller->nb_done = teller->requests;
	teller->pos.fault = VU_VRING_OK;
	teller->pos.nb_slow_calls = 0;
	teller->is_scheduled = vu_sched_task_add(queue->dev->sched, &teller->task,
		teller->worker_idx) == 0;
	if (teller->is_scheduled)
		return;
	VU_LOG(DEVICE, ERR, "%s: queue %u: no memory to notify from lcore %u", queue->dev->name,
		queue->vring.idx, vu_sched_worker_lcore(queue->dev->sched, teller->worker_idx));
	live->notify_requests = NULL;
	queue->vring.notify_requests = NULL;
}

/* The owner may sleep, and polls no ring in which its guest has nothing new. */
void
device_teller_pass_fault(struct vu_device_queue *queue)
{
	if (vu_load(&queue->teller.pos.fault) != VU_VRING_OK &&
			vu_load(&queue->vring.pos.fault) == VU_VRING_OK)
		vu_sched_task_kick(queue->dev->sched, &queue->task);
}

bool
device_teller_is_behind(const struct vu_device_queue *queue)
{
	return queue->teller.nb_done != queue->teller.requests;
}
