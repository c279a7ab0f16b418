/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The device driver "fake"; see fake_driver.h.
 */
#include "fake_driver.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "vu_vring_notify.h"
#include "vu_vring_split.h"

struct fake_queue *
fake_driver_queue(const struct vu_device *dev, uint32_t queue_idx)
{
	struct fake_device *fake = vu_device_priv(dev);

	return &fake->queues[queue_idx];
}

/* Read entry i. */
static enum vu_vring_fault
entry_read(struct fake_queue *fake, struct vu_device_queue *queue,
	const struct vu_vring_snapshot *snap, const struct vu_burst *burst, uint16_t i)
{
	struct vu_chain chain = { .nb_read = 1, .read_bytes = burst->len_bytes[i] };
	enum vu_vring_fault fault = VU_VRING_OK;

	chain.seg[0] = (struct vu_seg){ burst->hva[i], burst->len_bytes[i] };
	if (burst->hva[i] == NULL)
		fault = vu_split_chain(snap, &queue->vring.pos, burst->head[i], &chain);
	if (fault == VU_VRING_OK && chain.nb_write != 0)
		fault = VU_VRING_BAD_DIRECTION;
	if (fault == VU_VRING_OK && chain.nb_read == 0)
		fault = VU_VRING_BAD_LENGTH;
	if (fault != VU_VRING_OK)
		return fault;
	vu_counter_add(&fake->nb_chains, 1);
	vu_counter_add(&fake->nb_bytes, chain.read_bytes);
	vu_counter_add(&fake->sum, chain.seg[0].hva[0]);
	return VU_VRING_OK;
}

static uint32_t
fake_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct fake_queue *fake = queue->priv;
	struct vu_burst burst;
	uint16_t nb = 0;

	vu_store_release(&fake->is_inside, 1);
	WAIT_UNTIL(vu_load_acquire(&fake->is_gated) == 0);
	vu_store_release(&fake->is_inside, 0);
	vu_counter_add(&fake->nb_polls, 1);
	vu_store(&fake->was_enabled, snap->is_enabled);
	vu_split_peek(snap, &queue->vring.pos, &burst, VU_VRING_BURST, 0);
	for (; nb < burst.nb; nb++) {
		enum vu_vring_fault fault = entry_read(fake, queue, snap, &burst, nb);

		if (fault != VU_VRING_OK) {
			queue->vring.pos.fault = (uint8_t)fault;
			break;
		}
	}
	vu_split_commit(snap, &queue->vring.pos, &burst, nb, false);
	vu_device_queue_set_idle_word(queue, snap);
	if (nb != 0)
		vu_split_signal(snap, &queue->vring.pos);
	vu_device_queue_count(queue, nb, 0);
	return nb;
}

static int
fake_create(struct vu_device *dev, const struct vu_device_conf *conf)
{
	uint32_t nb_queues = vu_device_nb_queues(dev);
	struct fake_device *fake;

	if (conf->driver_args != NULL && strcmp(conf->driver_args, FAKE_ARGS_REFUSED) == 0)
		return -EDOM;
	fake = calloc(1, sizeof(*fake) + nb_queues * sizeof(fake->queues[0]));
	if (fake == NULL)
		return -ENOMEM;
	vu_device_set_priv(dev, fake);
	for (uint32_t i = 0; i < nb_queues; i++) {
		struct vu_device_queue *queue = vu_device_queue(dev, i);

		queue->priv = &fake->queues[i];
		queue->poll = fake_poll;
		queue->direction = VU_DEVICE_QUEUE_FROM_GUEST;
	}
	return 0;
}

static void
fake_detach(struct vu_device *dev)
{
	struct fake_device *fake = vu_device_priv(dev);

	fake->nb_detaches++;
}

static void
fake_destroy(struct vu_device *dev)
{
	free(vu_device_priv(dev));
}

static uint64_t
fake_features(const struct vu_device *dev)
{
	(void)dev;
	return FAKE_F_INDIRECT | FAKE_F_EVENT_IDX | FAKE_F_VERSION_1 | FAKE_F_PACKED;
}

static void
fake_acked_features(struct vu_device *dev, uint64_t features)
{
	struct fake_device *fake = vu_device_priv(dev);

	fake->acked_features = features;
}

static void
fake_reset(struct vu_device *dev)
{
	struct fake_device *fake = vu_device_priv(dev);

	fake->nb_resets++;
}

static void
fake_queue_start(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct fake_queue *fake = queue->priv;

	(void)snap;
	fake->nb_starts++;
}

static int
fake_queue_drain(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct fake_queue *fake = queue->priv;

	fake->draining = snap;
	return fake->has_requests ? -EINPROGRESS : 0;
}

static void
fake_queue_stop(struct vu_device_queue *queue)
{
	struct fake_queue *fake = queue->priv;

	fake->nb_stops++;
}

/* Configuration space, MTU, keys and GET_QUEUE_NUM are left to the defaults. */
static const struct vu_device_ops fake_ops = {
	.name = FAKE_DRIVER_NAME,
	.virtio_id = FAKE_VIRTIO_ID,
	.queue_group = FAKE_GROUP,
	.create = fake_create,
	.detach = fake_detach,
	.destroy = fake_destroy,
	.features = fake_features,
	.acked_features = fake_acked_features,
	.reset_device = fake_reset,
	.queue_start = fake_queue_start,
	.queue_drain = fake_queue_drain,
	.queue_stop = fake_queue_stop,
};

VU_DEVICE_DRIVER(fake_ops)
