/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life of a device: created, connected, negotiated with (features, status), reset, detached,
 * destroyed. Control lcore. Its rings are configured in device_ring.c, start and stop in
 * device_commit.c, and notify in device_notify.c.
 */
#include "device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>

#include "vu_fd.h"
#include "vu_limits.h"
#include "vu_log.h"
#include "vu_peer.h"
#include "vu_virtio.h"
#include "vu_wire.h"

#define LIFE_LINES 16
#define LIFE_LINES_PER_QUEUE 4
#define STATUS_FEATURES_OK 8
#define DEFAULT_FEATURES (RTE_BIT64(VIRTIO_F_VERSION_1) | \
	RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC) | RTE_BIT64(VIRTIO_RING_F_EVENT_IDX))

static TAILQ_HEAD(, vu_device) device_list = TAILQ_HEAD_INITIALIZER(device_list);
static uint32_t device_next_id;

static int
device_init(struct vu_device *dev, const struct vu_device_conf *conf)
{
	int rc;

	snprintf(dev->name, sizeof(dev->name), "%s", conf->name);
	dev->exec = conf->sched != NULL ? &exec_sched_ops : &exec_app_ops;
	dev->sched = conf->sched;
	dev->app = conf->app;
	dev->changed = conf->changed;
	dev->kick_changed = conf->kick_changed;
	dev->changed_arg = conf->changed_arg;
	dev->notify = conf->notify;
	dev->nb_queues = dev->ops->num_queues != NULL ? dev->ops->num_queues(conf) :
		conf->nb_queues;
	dev->max_queue_size = conf->max_queue_size;
	dev->numa_node = conf->numa_node;
	dev->mem_policy = conf->mem_policy;
	dev->has_inband = conf->has_inband;
	if (dev->nb_queues == 0 || dev->nb_queues > VU_MAX_QUEUES ||
			(dev->sched == NULL) == (dev->app == NULL))
		return -EINVAL;
	/* A guest that resets its driver stops and starts all rings. */
	dev->life_log.burst = LIFE_LINES + LIFE_LINES_PER_QUEUE * dev->nb_queues;
	rc = device_queues_create(dev, conf);
	if (rc != 0)
		return rc;
	rc = dev->ops->create != NULL ? dev->ops->create(dev, conf) : 0;
	if (rc != 0)
		device_queues_destroy(dev);
	else if (dev->ops->max_queue_size != NULL)
		dev->max_queue_size = RTE_MIN(dev->max_queue_size, dev->ops->max_queue_size(dev));
	return rc;
}

struct vu_device *
vu_device_create(const char *driver, const struct vu_device_conf *conf)
{
	const struct vu_device_ops *ops = device_driver_find(driver);
	struct vu_device *dev;
	int rc;

	if (ops == NULL) {
		rte_errno = ENOENT;
		return NULL;
	}
	dev = calloc(1, sizeof(*dev));
	if (dev == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	dev->ops = ops;
	dev->peers = vu_peer_group_create();
	rc = dev->peers == NULL ? -ENOMEM : device_init(dev, conf);
	if (rc != 0) {
		vu_peer_group_put(dev->peers);
		free(dev);
		rte_errno = -rc;
		return NULL;
	}
	dev->id = device_next_id++;
	TAILQ_INSERT_TAIL(&device_list, dev, link);
	return dev;
}

static void
device_detach(struct vu_device *dev)
{
	dev->is_detached = true;
	if (dev->ops->detach != NULL)
		dev->ops->detach(dev);
}

void
vu_device_detach(struct vu_device *dev, vu_device_done_fn done, void *arg)
{
	RTE_VERIFY(!dev->is_connected && !dev->is_detached);
	device_detach(dev);
	vu_sched_wait_init(&dev->change.grace.sched, done, arg);
	dev->exec->quiesce(dev, &dev->change.grace);
}

void
vu_device_destroy(struct vu_device *dev)
{
	if (dev == NULL)
		return;
	RTE_VERIFY(!dev->is_connected && dev->change.nb_waits == 0);
	if (!dev->is_detached)
		device_detach(dev);
	TAILQ_REMOVE(&device_list, dev, link);
	if (dev->ops->destroy != NULL)
		dev->ops->destroy(dev);
	device_queues_destroy(dev);
	vu_peer_group_put(dev->peers);
	free(dev);
}

struct vu_log_limit *
vu_device_life_log(struct vu_device *dev)
{
	return &dev->life_log;
}

struct vu_log_limit *
vu_device_fault_log(struct vu_device *dev)
{
	return &dev->fault_log;
}

struct vu_peer_group *
vu_device_peers(const struct vu_device *dev)
{
	return dev->peers;
}

void
vu_device_connect(struct vu_device *dev, const struct vu_device_events *events)
{
	RTE_VERIFY(!dev->is_connected);
	dev->events = *events;
	dev->is_connected = true;
	dev->has_run = false;
	device_changed(dev);
}

void
device_changed(const struct vu_device *dev)
{
	if (dev->changed != NULL)
		dev->changed(dev->changed_arg);
}

bool
vu_device_has_run(const struct vu_device *dev)
{
	return dev->has_run;
}

struct vu_device *
vu_device_first(void)
{
	return TAILQ_FIRST(&device_list);
}

struct vu_device *
vu_device_next(const struct vu_device *dev)
{
	return TAILQ_NEXT(dev, link);
}

uint32_t
vu_device_id(const struct vu_device *dev)
{
	return dev->id;
}

const char *
vu_device_name(const struct vu_device *dev)
{
	return dev->name;
}

const char *
vu_device_driver_name(const struct vu_device *dev)
{
	return dev->ops->name;
}

uint32_t
vu_device_virtio_id(const struct vu_device *dev)
{
	return dev->ops->virtio_id;
}

void *
vu_device_priv(const struct vu_device *dev)
{
	return dev->priv;
}

void
vu_device_set_priv(struct vu_device *dev, void *priv)
{
	dev->priv = priv;
}

struct vu_sched *
vu_device_sched(const struct vu_device *dev)
{
	return dev->sched;
}

uint32_t
vu_device_max_queue_size(const struct vu_device *dev)
{
	return dev->max_queue_size;
}

const struct vu_mem_policy *
vu_device_mem_policy(const struct vu_device *dev)
{
	return &dev->mem_policy;
}

int
vu_device_numa_node(const struct vu_device *dev)
{
	return dev->numa_node;
}

uint32_t
vu_device_nb_queues(const struct vu_device *dev)
{
	return dev->nb_queues;
}

uint32_t
vu_device_queue_num(const struct vu_device *dev)
{
	return dev->ops->queue_num != NULL ? dev->ops->queue_num(dev) : dev->nb_queues;
}

enum vu_device_state
vu_device_state(const struct vu_device *dev)
{
	if (dev->change.nb_waits != 0)
		return VU_DEVICE_DRAINING;
	if (!dev->is_connected)
		return VU_DEVICE_IDLE;
	if (device_is_running(dev))
		return VU_DEVICE_RUNNING;
	return dev->has_features ? VU_DEVICE_READY : VU_DEVICE_NEGOTIATING;
}

const char *
vu_device_state_name(enum vu_device_state state)
{
	static const char *const names[] = {
		[VU_DEVICE_IDLE] = "idle",
		[VU_DEVICE_NEGOTIATING] = "negotiating",
		[VU_DEVICE_READY] = "ready",
		[VU_DEVICE_RUNNING] = "running",
		[VU_DEVICE_DRAINING] = "draining",
	};

	return (unsigned int)state < RTE_DIM(names) ? names[state] : "unknown";
}

uint64_t
vu_device_features(const struct vu_device *dev)
{
	return dev->ops->features != NULL ? dev->ops->features(dev) : DEFAULT_FEATURES;
}

uint64_t
vu_device_acked_features(const struct vu_device *dev)
{
	return dev->features;
}

uint64_t
vu_device_protocol_features(const struct vu_device *dev)
{
	uint64_t bits = device_possible_protocol_features(dev);

	/* What the driver sends by itself needs no op. */
	if (dev->ops->protocol_features != NULL)
		bits = dev->ops->protocol_features(dev) & (bits |
			RTE_BIT64(VHOST_USER_PROTOCOL_F_HOST_NOTIFIER) |
			RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ));
	return device_add_channel_features(dev, bits);
}

/* Features that no running ring can change: all of them have to be over. */
static int
device_end_queues(struct vu_device *dev)
{
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		if (device_queue_is_in_use(dev->queues[i]))
			return -EBUSY;
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		device_queue_end(dev->queues[i]);
	return 0;
}

int
vu_device_set_features(struct vu_device *dev, uint64_t features)
{
	uint64_t changed;

	if ((features & ~vu_device_features(dev)) != 0) {
		dev->status &= (uint8_t)~STATUS_FEATURES_OK;
		return -EINVAL;
	}
	changed = features ^ dev->features;
	if ((changed & ~(dev->ops->running_features | RTE_BIT64(VHOST_F_LOG_ALL))) != 0 &&
			device_end_queues(dev) != 0)
		return -EBUSY;
	if (device_iotlb_features(dev, features) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		dev->queues[i]->is_dirty |= changed != 0 &&
			vu_vring_is_running(&dev->queues[i]->head.vring);
	device_log_features(dev, features);
	dev->features = features;
	dev->has_features = true;
	if (dev->ops->acked_features != NULL)
		dev->ops->acked_features(dev, features);
	if (dev->ops->set_event_idx != NULL)
		dev->ops->set_event_idx(dev, (features & RTE_BIT64(VIRTIO_RING_F_EVENT_IDX)) != 0);
	return 0;
}

void
vu_device_set_protocol_features(struct vu_device *dev, uint64_t protocol_features)
{
	dev->protocol_features = protocol_features;
}

uint8_t
vu_device_status(const struct vu_device *dev)
{
	return dev->status;
}

void
vu_device_set_status(struct vu_device *dev, uint8_t status)
{
	dev->status = status;
}

void
vu_device_reset(struct vu_device *dev)
{
	for (uint32_t i = 0; i < dev->nb_queues; i++) {
		vu_device_ring_stop(dev, i);
		vu_device_ring_enable(dev, i, false);
	}
	dev->status = 0;
	if (dev->ops->reset_device != NULL)
		dev->ops->reset_device(dev);
}
