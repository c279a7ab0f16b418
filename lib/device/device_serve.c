/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Queues of drivers that serve one chain at a time (serve_chain of struct vu_device_ops): takes
 * and returns bursts, counts, notifies and sets the idle word. Control lcore; the poll function:
 * owner lcore.
 */
#include "device.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_errno.h>

#define SERVE_BURST 8

struct device_server {
	struct vu_vring_guard *guard;
	struct vu_vring_item items[SERVE_BURST]; /* owner lcore */
};

static uint32_t
device_serve_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct device_server *server = queue->dev->queues[queue->vring.idx]->server;
	uint16_t nb;

	/* Buffers stay where they are until the ring is enabled. */
	if (!snap->is_enabled) {
		queue->task.idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
		return 0;
	}
	nb = vu_vring_pop(server->guard, server->items, SERVE_BURST);
	vu_device_queue_set_idle_word(queue, snap);
	if (nb == 0)
		return 0;
	for (uint16_t i = 0; i < nb; i++) {
		struct vu_vring_item *item = &server->items[i];
		uint32_t used_bytes = queue->dev->ops->serve_chain(queue, &item->chain);

		item->used_bytes = RTE_MIN(used_bytes, item->chain.write_bytes);
		vu_device_queue_count(queue, 1, item->chain.read_bytes + item->used_bytes);
	}
	vu_vring_push(server->guard, server->items, nb);
	if (vu_vring_needs_notification(server->guard) == 1)
		vu_vring_signal_used(server->guard);
	return nb;
}

int
device_serve_init(struct device_queue *queue)
{
	struct device_server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return -ENOMEM;
	queue->server = server;
	queue->head.poll = device_serve_poll;
	server->guard = vu_vring_guard_attach(&queue->head.vring, VU_LOCK_NONE);
	return server->guard != NULL ? 0 : -rte_errno;
}

void
device_serve_fini(struct device_queue *queue)
{
	if (queue->server != NULL)
		vu_vring_guard_destroy(queue->server->guard);
	free(queue->server);
	queue->server = NULL;
}
