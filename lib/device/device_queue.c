/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device's queues: their storage, near who polls them, and where they are. Control lcore.
 */
#include "device.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_malloc.h>

#include "vu_fd.h"

struct vu_device_queue *
vu_device_queue(const struct vu_device *dev, uint32_t queue_idx)
{
	return &dev->queues[queue_idx]->head;
}

int
vu_device_queue_node(const struct vu_device_queue *queue)
{
	return queue->dev->exec->node(queue->dev->queues[queue->vring.idx]);
}

int
vu_device_queue_move(struct vu_device *dev, uint32_t queue_idx, unsigned int lcore_id)
{
	struct vu_device_queue *queue;
	int rc;

	if (queue_idx >= dev->nb_queues)
		return -EINVAL;
	rc = dev->exec->move(dev->queues[queue_idx], lcore_id);
	queue = vu_device_queue(dev, queue_idx);
	queue->vring.numa_node = vu_device_queue_node(queue);
	return rc;
}

bool
vu_device_queue_is_moving(const struct vu_device *dev, uint32_t queue_idx)
{
	return dev->exec->is_moving(dev->queues[queue_idx]);
}

static int
device_queue_create(struct vu_device *dev, uint32_t idx, unsigned int worker_idx)
{
	const struct device_queue where = { .head.dev = dev, .worker_idx = worker_idx };
	struct device_queue *queue;
	int node = dev->exec->node(&where);

	queue = rte_zmalloc_socket("device_queue", sizeof(*queue), RTE_CACHE_LINE_SIZE, node);
	/* Memory of another node is slow, none is fatal. */
	if (queue == NULL)
		queue = rte_zmalloc("device_queue", sizeof(*queue), RTE_CACHE_LINE_SIZE);
	if (queue == NULL)
		return -ENOMEM;
	dev->queues[idx] = queue;
	queue->head.dev = dev;
	queue->worker_idx = worker_idx;
	queue->retired_call_fd = VU_FD_NONE;
	queue->retired_err_fd = VU_FD_NONE;
	vu_vring_init(&queue->head.vring, idx);
	queue->head.vring.notify = dev->notify;
	queue->head.vring.priv_bytes = dev->ops->snapshot_bytes;
	queue->head.vring.is_in_order = dev->ops->is_in_order;
	queue->head.vring.numa_node = node;
	dev->exec->init(queue);
	return dev->ops->serve_chain != NULL ? device_serve_init(queue) : 0;
}

int
device_queues_create(struct vu_device *dev, const struct vu_device_conf *conf)
{
	unsigned int *worker_of_queue = calloc(dev->nb_queues, sizeof(*worker_of_queue));
	int rc = -ENOMEM;

	dev->queues = calloc(dev->nb_queues, sizeof(*dev->queues));
	if (worker_of_queue != NULL && dev->queues != NULL)
		rc = dev->exec->assign(dev, conf, worker_of_queue);
	for (uint32_t i = 0; i < dev->nb_queues && rc == 0; i++)
		rc = device_queue_create(dev, i, worker_of_queue[i]);
	free(worker_of_queue);
	if (rc != 0)
		device_queues_destroy(dev);
	return rc;
}

void
device_queues_destroy(struct vu_device *dev)
{
	for (uint32_t i = 0; i < dev->nb_queues && dev->queues != NULL; i++) {
		if (dev->queues[i] != NULL)
			device_serve_fini(dev->queues[i]);
		rte_free(dev->queues[i]);
	}
	free(dev->queues);
	dev->queues = NULL;
	vu_sched_accounts_destroy(dev->accounts);
	dev->accounts = NULL;
}
