/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Copies a queue's counters for readers; the owner lcore goes on counting meanwhile.
 */
#include "device.h"

#include <rte_memory.h>

#include "vu_atomic.h"

static const char *const drop_names[VU_NB_COMMON_DROPS] = {
	[VU_DROP_RING_FULL] = "ring_full",
	[VU_DROP_TOO_BIG] = "too_big",
	[VU_DROP_TOO_SHORT] = "too_short",
	[VU_DROP_DISABLED] = "disabled",
	[VU_DROP_FAULT] = "fault",
};

static const char *
drop_name(const struct vu_device_ops *ops, unsigned int reason)
{
	if (reason < VU_NB_COMMON_DROPS)
		return drop_names[reason];
	reason -= VU_NB_COMMON_DROPS;
	return reason < ops->nb_drop_names ? ops->drop_names[reason] : NULL;
}

const char *
vu_device_driver_drop_name(const char *driver, unsigned int reason)
{
	const struct vu_device_ops *ops = device_driver_find(driver);

	return ops != NULL ? drop_name(ops, reason) : NULL;
}

static void
stats_copy_drops(const struct vu_device_queue *queue, struct vu_device_queue_stats *stats)
{
	const struct vu_device_ops *ops = queue->dev->ops;

	for (unsigned int i = 0; i < VU_MAX_DROPS; i++) {
		stats->nb_drops[i] = vu_load(&queue->counters.nb_drops[i]);
		stats->drop_names[i] = drop_name(ops, i);
	}
	stats->nb_drops[queue->control_drop] += queue->nb_control_drops;
}

static void
stats_copy_vring(const struct vu_vring *vring, struct vu_device_queue_stats *stats)
{
	const struct vu_vring_counters *counters = &vring->pos.counters;

	stats->vring.nb_chains = vu_load(&counters->nb_chains);
	stats->vring.nb_notifications = vu_load(&counters->nb_notifications);
	stats->vring.nb_notifications_suppressed = vu_load(&counters->nb_notifications_suppressed);
	stats->vring.nb_notification_errors = vu_load(&counters->nb_notification_errors);
	stats->vring.nb_notifications_delayed = vu_load(&counters->nb_notifications_delayed);
	stats->fault = vu_load(&vring->pos.fault);
	stats->size = vring->conf.size;
	stats->is_started = vring->started;
	stats->is_enabled = vring->enabled;
	stats->is_running = vu_vring_is_running(vring);
}

void
vu_device_account_get(const struct vu_device *dev, struct vu_account_stats *stats)
{
	*stats = (struct vu_account_stats){ 0 };
	if (dev->sched != NULL)
		vu_sched_accounts_get(dev->sched, dev->accounts, stats);
}

/* Where the position lies and, while there is one, the snapshot: -1 if they disagree. */
static int
queue_state_node(const struct vu_device_queue *queue)
{
	const struct rte_memseg_list *position = rte_mem_virt2memseg_list(queue);
	const struct rte_memseg_list *snap = queue->vring.snapshot != NULL ?
		rte_mem_virt2memseg_list(queue->vring.snapshot) : position;

	if (position == NULL || snap == NULL || position->socket_id != snap->socket_id)
		return -1;
	return position->socket_id;
}

void
vu_device_queue_stats_get(const struct vu_device *dev, uint32_t queue_idx,
	struct vu_device_queue_stats *stats)
{
	const struct vu_device_queue *queue = vu_device_queue(dev, queue_idx);

	stats->direction = queue->direction;
	stats->nb_packets = vu_load(&queue->counters.nb_packets);
	stats->nb_bytes = vu_load(&queue->counters.nb_bytes);
	stats->nb_direct = vu_load(&queue->counters.nb_direct);
	stats->nb_faults = vu_load(&queue->counters.nb_faults);
	stats->nb_cycles = vu_task_cycles(&queue->task);
	stats_copy_drops(queue, stats);
	stats_copy_vring(&queue->vring, stats);
	stats->lcore_id = dev->exec->lcore(dev->queues[queue_idx]);
	stats->lcore_node = vu_device_queue_node(queue);
	stats->state_node = queue_state_node(queue);
	stats->variant = queue->variant != NULL ? queue->variant : "";
}

void
vu_device_figures(const struct vu_device *dev, vu_device_figure_fn *add, void *arg)
{
	if (dev->ops->figures != NULL)
		dev->ops->figures(dev, add, arg);
}
