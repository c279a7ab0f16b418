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

#include "vu_device_driver.h"
#include "vu_virtio.h"

struct entropy_device {
	uint64_t state; /* owner lcore: of the generator */
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

/* Owner lcore: fill what the guest wants filled; it may want nothing, which is no fault. */
static uint32_t
entropy_serve(struct vu_device_queue *queue, const struct vu_chain *chain)
{
	struct entropy_device *entropy = queue->priv;
	struct vu_seg_cursor cursor;
	uint32_t nb_bytes;
	uint8_t *dst;

	vu_seg_cursor_init(&cursor, &chain->seg[chain->nb_read], chain->nb_write);
	while ((dst = vu_seg_cursor_next(&cursor, sizeof(uint64_t), &nb_bytes)) != NULL) {
		uint64_t number = entropy_next(entropy);

		memcpy(dst, &number, nb_bytes);
	}
	return chain->write_bytes;
}

static int
entropy_create(struct vu_device *dev, const struct vu_device_conf *conf)
{
	struct entropy_device *entropy = calloc(1, sizeof(*entropy));

	(void)conf; /* no arguments of our own: see struct vu_device_ops, keys */
	if (entropy == NULL)
		return -ENOMEM;
	vu_device_queue(dev, 0)->priv = entropy;
	vu_device_queue(dev, 0)->direction = VU_DEVICE_QUEUE_TO_GUEST;
	vu_device_set_priv(dev, entropy);
	return 0;
}

static void
entropy_destroy(struct vu_device *dev)
{
	free(vu_device_priv(dev));
}

static uint32_t
entropy_num_queues(const struct vu_device_conf *conf)
{
	(void)conf;
	return 1;
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
	.queue_start = entropy_queue_start,
	.serve_chain = entropy_serve,
};

VU_DEVICE_DRIVER(entropy_ops)
