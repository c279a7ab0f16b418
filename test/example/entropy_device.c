/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The worked example of doc/guide/write-device-driver.md: an entropy device (VIRTIO 1.2, 5.4). Its
 * only queue gives buffers that the device fills with random bytes. The generator is fast and
 * statistically sound, but not made for keys.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <rte_errno.h>

#include "vu_device_driver.h"
#include "vu_virtio.h"

#define ENTROPY_BURST 8

struct entropy_device {
	struct vu_vring_guard *guard; /* the ring API, in front of the queue's ring */
	uint64_t state;               /* owner lcore: of the generator */
	struct vu_vring_item items[ENTROPY_BURST];
};

/* One number; xorshift64* of Marsaglia and Vigna. */
static uint64_t
entropy_next(struct entropy_device *entropy)
{
	uint64_t x = entropy->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	entropy->state = x;
	return x * UINT64_C(0x2545f4914f6cdd1d);
}

/* Fill what the guest wants filled; it may want nothing, which is no fault. */
static void
entropy_fill(struct entropy_device *entropy, struct vu_vring_item *item)
{
	const struct vu_chain *chain = &item->chain;
	struct vu_seg_cursor cursor;
	uint32_t nb_bytes;
	uint8_t *dst;

	vu_seg_cursor_init(&cursor, &chain->seg[chain->nb_read], chain->nb_write);
	while ((dst = vu_seg_cursor_next(&cursor, sizeof(uint64_t), &nb_bytes)) != NULL) {
		uint64_t number = entropy_next(entropy);

		memcpy(dst, &number, nb_bytes);
	}
	item->used_bytes = chain->write_bytes;
}

/* Owner lcore: take a burst, fill it, give it back, notify at most once. */
static uint32_t
entropy_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct entropy_device *entropy = queue->priv;
	uint16_t nb;

	/* Started but disabled: leave the buffers where they are until that changes. */
	if (!snap->is_enabled) {
		queue->task.idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
		return 0;
	}
	nb = vu_vring_pop(entropy->guard, entropy->items, ENTROPY_BURST);
	vu_device_queue_set_idle_word(queue, snap);
	if (nb == 0)
		return 0;
	for (uint16_t i = 0; i < nb; i++) {
		entropy_fill(entropy, &entropy->items[i]);
		vu_device_queue_count(queue, 1, entropy->items[i].used_bytes);
	}
	vu_vring_push(entropy->guard, entropy->items, nb);
	if (vu_vring_needs_notification(entropy->guard) == 1)
		vu_vring_signal_used(entropy->guard);
	return nb;
}

static int
entropy_create(struct vu_device *dev, const struct vu_device_conf *conf)
{
	struct vu_device_queue *queue = vu_device_queue(dev, 0);
	struct entropy_device *entropy = calloc(1, sizeof(*entropy));

	(void)conf; /* no arguments of our own: see struct vu_device_ops, keys */
	if (entropy == NULL)
		return -ENOMEM;
	entropy->guard = vu_vring_guard_attach(&queue->vring, VU_LOCK_NONE);
	if (entropy->guard == NULL) {
		free(entropy);
		return -rte_errno;
	}
	queue->priv = entropy;
	queue->poll = entropy_poll;
	queue->direction = VU_DEVICE_QUEUE_TO_GUEST;
	vu_device_set_priv(dev, entropy);
	return 0;
}

static void
entropy_destroy(struct vu_device *dev)
{
	struct entropy_device *entropy = vu_device_priv(dev);

	vu_vring_guard_destroy(entropy->guard);
	free(entropy);
}

static uint32_t
entropy_num_queues(const struct vu_device_conf *conf)
{
	(void)conf;
	return 1;
}

static uint64_t
entropy_features(const struct vu_device *dev)
{
	(void)dev;
	return RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC) | RTE_BIT64(VIRTIO_RING_F_EVENT_IDX) |
		RTE_BIT64(VIRTIO_F_VERSION_1);
}

/* Control lcore: the place for system calls. */
static void
entropy_queue_start(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct entropy_device *entropy = queue->priv;

	(void)snap;
	if (getrandom(&entropy->state, sizeof(entropy->state), 0) < 0 || entropy->state == 0)
		entropy->state = 1; /* the generator never leaves 0 */
}

static const struct vu_device_ops entropy_ops = {
	.name = "entropy",
	.virtio_id = VIRTIO_ID_RNG,
	.num_queues = entropy_num_queues,
	.create = entropy_create,
	.destroy = entropy_destroy,
	.features = entropy_features,
	.queue_start = entropy_queue_start,
};

VU_DEVICE_DRIVER(entropy_ops)
