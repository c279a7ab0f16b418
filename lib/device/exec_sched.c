/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Queues that the data lcores of a scheduler poll: one task each, moved, woken and removed by
 * commands; a grace period is the scheduler's. Control lcore, except the task's own two functions.
 */
#include "device.h"

#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "vu_fd.h"
#include "vu_log.h"
#include "vu_vring_kick.h"

/* A ring with a fault. @return its snapshot if it may go on; NULL it is not polled until woken */
static const struct vu_vring_snapshot *
sched_poll_fault(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	const bool is_waiting = queue->vring.pos.fault == VU_VRING_IOTLB_MISS;
	const struct vu_vring_snapshot *go_on = NULL;

	if (snap != NULL && is_waiting)
		go_on = vu_device_queue_retry(queue);
	/* Frames for a ring that was given up may still arrive. */
	else if (snap != NULL)
		vu_device_queue_fail(queue, snap);
	if (go_on == NULL)
		queue->task.idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
	return go_on;
}

/* Poll function of every queue's task. Owner lcore. */
static uint32_t
sched_poll(struct vu_task *task)
{
	struct vu_device_queue *queue = task->arg;
	const struct vu_vring_snapshot *snap = vu_vring_snapshot_load(&queue->vring);
	uint32_t nb_items;

	if (unlikely(snap == NULL || queue->vring.pos.fault != VU_VRING_OK)) {
		snap = sched_poll_fault(queue, snap);
		if (snap == NULL)
			return 0;
	}
	nb_items = queue->poll(queue, snap);
	vu_device_queue_end_burst(queue, snap);
	return nb_items;
}

/*
 * The lcore is about to sleep, or is awake again. A ring that was given up waits for the mailbox,
 * which wakes in any case. The snapshot is loaded again: it may have changed during the sleep.
 */
static bool
sched_arm(struct vu_task *task, bool is_armed)
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

static int
sched_assign(struct vu_device *dev, const struct vu_device_conf *conf,
	unsigned int *worker_of_queue)
{
	struct vu_assign_conf assign = *conf->assign;
	unsigned int counts[RTE_MAX_LCORE];

	dev->accounts = vu_sched_accounts_create(dev->sched,
		conf->weight != 0 ? conf->weight : VU_ACCOUNT_WEIGHT);
	if (dev->accounts == NULL)
		return -ENOMEM;
	assign.group = RTE_MAX(dev->ops->queue_group, 1U);
	assign_ask_driver(&assign, dev, conf, counts);
	return vu_sched_assign(dev->sched, &assign, dev->nb_queues, worker_of_queue);
}

static void
sched_init(struct device_queue *queue)
{
	struct vu_task *task = &queue->head.task;

	vu_task_init(task, sched_poll, &queue->head);
	task->arm = sched_arm;
	task->accounts = queue->head.dev->accounts;
	queue->head.may_sleep = vu_sched_may_sleep(queue->head.dev->sched);
}

static int
sched_attach(struct device_queue *queue)
{
	int rc = vu_sched_task_add(queue->head.dev->sched, &queue->head.task, queue->worker_idx);

	queue->is_scheduled = rc == 0;
	return rc;
}

static bool
sched_detach(struct device_queue *queue, struct exec_wait *wait)
{
	if (!queue->is_scheduled)
		return false;
	queue->is_scheduled = false;
	RTE_VERIFY(vu_sched_task_remove(queue->head.dev->sched, &queue->head.task,
		&wait->sched) == 0);
	return true;
}

static void
sched_refresh(struct device_queue *queue)
{
	vu_sched_task_wake(queue->head.dev->sched, &queue->head.task);
}

static void
sched_quiesce(struct vu_device *dev, struct exec_wait *wait)
{
	vu_quiesce_start(dev->sched, &wait->sched);
}

static int
sched_lcore(const struct device_queue *queue)
{
	return (int)vu_sched_worker_lcore(queue->head.dev->sched, queue->worker_idx);
}

/* Tests run workers on lcores that EAL does not know. */
static int
sched_node(const struct device_queue *queue)
{
	unsigned int lcore_id = (unsigned int)sched_lcore(queue);

	return rte_lcore_is_enabled(lcore_id) ? (int)rte_lcore_to_socket_id(lcore_id) :
		SOCKET_ID_ANY;
}

static void
sched_kick_add(struct device_queue *queue)
{
	int fd = queue->head.vring.kick_fd;

	if (!queue->has_kick_interest && fd != VU_FD_NONE)
		queue->has_kick_interest = vu_sched_kick_fd_add(queue->head.dev->sched,
			queue->worker_idx, fd) == 0;
}

static void
sched_kick_remove(struct device_queue *queue)
{
	if (queue->has_kick_interest)
		vu_sched_kick_fd_remove(queue->head.dev->sched, queue->worker_idx,
			queue->head.vring.kick_fd);
	queue->has_kick_interest = false;
}

/*
 * Kicks go to the new lcore first and leave the former one last. That is awake by then, or about to
 * be: the command that takes the task from it ends its sleep.
 */
static int
move_task(struct device_queue *queue, unsigned int worker_idx)
{
	struct vu_sched *sched = queue->head.dev->sched;
	const int kick_fd = queue->head.vring.kick_fd;
	int rc = 0;

	if (queue->has_kick_interest)
		rc = vu_sched_kick_fd_add(sched, worker_idx, kick_fd);
	if (rc != 0)
		return rc;
	/* A ring that is stopping leaves its lcore anyway, and starts again at its new place. */
	if (queue->is_scheduled)
		rc = vu_sched_task_move(sched, &queue->head.task, worker_idx);
	if (queue->has_kick_interest)
		vu_sched_kick_fd_remove(sched, rc == 0 ? queue->worker_idx : worker_idx, kick_fd);
	return rc;
}

static int
sched_move(struct device_queue *queue, unsigned int lcore_id)
{
	int worker_idx = vu_sched_lcore_worker(queue->head.dev->sched, lcore_id);
	int rc;

	if (worker_idx < 0)
		return -EINVAL;
	if (queue->worker_idx == (unsigned int)worker_idx)
		return 0;
	rc = move_task(queue, (unsigned int)worker_idx);
	if (rc != 0)
		return rc;
	VU_LOG(DEVICE, INFO, "%s: queue %u: moved from lcore %d to %u", queue->head.dev->name,
		queue->head.vring.idx, sched_lcore(queue), lcore_id);
	queue->worker_idx = (unsigned int)worker_idx;
	return 0;
}

static bool
sched_is_moving(const struct device_queue *queue)
{
	return vu_sched_task_is_moving(&queue->head.task);
}

const struct exec_ops exec_sched_ops = {
	.assign = sched_assign,
	.init = sched_init,
	.attach = sched_attach,
	.detach = sched_detach,
	.refresh = sched_refresh,
	.quiesce = sched_quiesce,
	.move = sched_move,
	.is_moving = sched_is_moving,
	.lcore = sched_lcore,
	.node = sched_node,
	.kick_add = sched_kick_add,
	.kick_remove = sched_kick_remove,
};
