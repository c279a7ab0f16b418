/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DPDK's vhost library as a back-end, used as its net_vhost driver uses it, but without its
 * per-packet statistics, which is faster.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_debug.h>
#include <rte_vhost.h>

#include "vu_atomic.h"
#include "vu_frontend.h"

#include "subject.h"

#define VHOST_WAIT_MS 5000
#define VHOST_MAX_BURST 32
#define VHOST_NO_VID -1

/*
 * A socket of the library, for one device at a time. It is registered with its first use and stays:
 * the library takes up to a second to notice a new one.
 */
struct vhost_device {
	char path[108];
	bool is_registered;
	int vid; /* while the device is in use; the library's thread writes */
};

struct vhost_queue {
	int vid;
	uint16_t queue_idx;
	struct rte_mempool *pool;
};

struct vhost_backend {
	const struct backend_conf *conf;
	struct vhost_queue queues[2 * BENCH_MAX_PAIRS];
};

/* The library's callbacks have no argument, but know the path. */
static struct vhost_device vhost_devices[GEN_MAX_DEVICES];

static struct vhost_device *
vhost_find(int vid)
{
	struct vhost_device *device = vhost_devices;
	char path[sizeof(device->path)];

	RTE_VERIFY(rte_vhost_get_ifname(vid, path, sizeof(path)) == 0);
	while (strcmp(device->path, path) != 0)
		device++;
	return device;
}

static int
vhost_new_device(int vid)
{
	vu_store_release(&vhost_find(vid)->vid, vid);
	return 0;
}

static void
vhost_destroy_device(int vid)
{
	vu_store_release(&vhost_find(vid)->vid, VHOST_NO_VID);
}

static const struct rte_vhost_device_ops vhost_callbacks = {
	.new_device = vhost_new_device,
	.destroy_device = vhost_destroy_device,
};

/* The library's thread says what the front-ends did some time after it has replied to them. */
static int
vhost_wait(const struct vhost_backend *vhost, bool is_used)
{
	unsigned int ms = 0;

	for (unsigned int i = 0; i < gen_nb_devices(vhost->conf->point); i++)
		for (; (vu_load_acquire(&vhost_devices[i].vid) != VHOST_NO_VID) != is_used; ms++) {
			if (ms == VHOST_WAIT_MS)
				return -ETIMEDOUT;
			usleep(1000);
		}
	return 0;
}

static void
vhost_close(void *backend)
{
	vhost_wait(backend, false);
}

static int
vhost_prepare(struct vhost_device *device, const char *folder, unsigned int idx)
{
	if (device->is_registered)
		/* In use: the last close did not see the end of it. */
		return vu_load_acquire(&device->vid) != VHOST_NO_VID ? -EBUSY : 0;
	device->vid = VHOST_NO_VID;
	snprintf(device->path, sizeof(device->path), "%s/rte_vhost%u", folder, idx);
	if (rte_vhost_driver_register(device->path, RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS) != 0)
		return -EINVAL;
	device->is_registered = true;
	return rte_vhost_driver_callback_register(device->path, &vhost_callbacks) == 0 &&
		rte_vhost_driver_start(device->path) == 0 ? 0 : -EINVAL;
}

static int
vhost_open(void *backend, const struct backend_conf *conf)
{
	struct vhost_backend *vhost = backend;
	int rc = 0;

	vhost->conf = conf;
	for (unsigned int i = 0; i < gen_nb_devices(conf->point) && rc == 0; i++)
		rc = vhost_prepare(&vhost_devices[i], conf->folder, i);
	return rc;
}

void
backend_rte_vhost_end(void)
{
	for (unsigned int i = 0; i < GEN_MAX_DEVICES; i++)
		if (vhost_devices[i].is_registered)
			rte_vhost_driver_unregister(vhost_devices[i].path);
}

static int
vhost_endpoint(void *backend, unsigned int device_idx, struct vu_frontend_conf *conf)
{
	(void)backend;
	conf->mode = VU_FRONTEND_CLIENT;
	conf->path = vhost_devices[device_idx].path;
	return 0;
}

static int
vhost_ready(void *backend)
{
	return vhost_wait(backend, true);
}

static void *
vhost_queue(void *backend, struct gen_queue *gq)
{
	struct vhost_backend *vhost = backend;
	struct vhost_queue *queue = &vhost->queues[gq->idx];

	*queue = (struct vhost_queue){
		.vid = vhost_devices[gq->device_idx].vid,
		.queue_idx = (uint16_t)gq->queue_idx, .pool = vhost->conf->pool,
	};
	/* Kicks are switched off as the library's driver does. */
	rte_vhost_enable_guest_notification(queue->vid, queue->queue_idx, 0);
	return queue;
}

/* The library takes and gives at most so many frames at once; its driver loops like this. */
static __rte_always_inline uint16_t
vhost_burst(const struct vhost_queue *queue, struct rte_mbuf **frames, uint16_t nb, bool is_put)
{
	uint16_t nb_moved = 0, nb_asked, nb_now;

	do {
		nb_asked = RTE_MIN(nb - nb_moved, VHOST_MAX_BURST);
		nb_now = is_put ?
			rte_vhost_enqueue_burst(queue->vid, queue->queue_idx, &frames[nb_moved],
				nb_asked) :
			rte_vhost_dequeue_burst(queue->vid, queue->queue_idx, queue->pool,
				&frames[nb_moved], nb_asked);
		nb_moved += nb_now;
	} while (nb_now == nb_asked && nb_moved < nb);
	return nb_moved;
}

static uint16_t
vhost_from_guest(void *queue, struct rte_mbuf **frames, uint16_t nb)
{
	return vhost_burst(queue, frames, nb, false);
}

static uint16_t
vhost_to_guest(void *queue, struct rte_mbuf **frames, uint16_t nb)
{
	return vhost_burst(queue, frames, nb, true);
}

const struct backend_ops backend_rte_vhost = {
	.bytes = sizeof(struct vhost_backend),
	.open = vhost_open,
	.endpoint = vhost_endpoint,
	.ready = vhost_ready,
	.queue = vhost_queue,
	.close = vhost_close,
	.from_guest = vhost_from_guest,
	.to_guest = vhost_to_guest,
};
