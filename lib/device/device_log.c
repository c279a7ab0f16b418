/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The dirty log of a device (vu_mem_log.h): which snapshots mark in it, and until when. Control
 * lcore.
 *
 * A device that starts while its guest is on the move gets the log last: LOG_ALL is set, the rings
 * are started, then the log comes. A front-end that can send logs will do so, thus such rings
 * wait for it, and no page is written without a mark.
 */
#include "vu_device_control.h"

#include <rte_bitops.h>
#include <rte_debug.h>

#include "vu_mem_log.h"
#include "vu_virtio.h"
#include "vu_wire.h"

#include "device.h"

static bool
is_logging(uint64_t features)
{
	return (features & RTE_BIT64(VHOST_F_LOG_ALL)) != 0;
}

static bool
is_any_started(const struct vu_device *dev)
{
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		if (dev->queues[i]->head.vring.started)
			return true;
	return false;
}

static void
log_retire(struct vu_device *dev)
{
	/* Replaced twice since the last commit: no lcore has seen the one in between. */
	if (dev->change.retired_log == NULL)
		dev->change.retired_log = dev->log;
	else if (dev->log != NULL)
		vu_mem_log_destroy(dev->log);
	dev->log = NULL;
}

/* Nobody says when a log ends: the front-end drops its own, and sends another one next time. */
void
device_log_features(struct vu_device *dev, uint64_t features)
{
	const bool was_logging = is_logging(dev->features);

	if (was_logging && (!is_logging(features) || (dev->is_log_used && !is_any_started(dev))))
		vu_device_set_log(dev, NULL);
	/* Rings that wait for a log, or have to. */
	if (was_logging != is_logging(features))
		for (uint32_t i = 0; i < dev->nb_queues; i++)
			dev->queues[i]->is_dirty |= dev->queues[i]->head.vring.started;
}

bool
device_log_prepare(struct vu_device *dev, struct vu_mem_log **log)
{
	*log = dev->log;
	dev->is_log_used |= dev->log != NULL;
	return dev->log != NULL || !is_logging(dev->features) ||
		(dev->protocol_features & RTE_BIT64(VHOST_USER_PROTOCOL_F_LOG_SHMFD)) == 0;
}

void
device_log_release(struct vu_device *dev)
{
	if (dev->change.retired_log == NULL)
		return;
	dev->nb_log_misses += vu_load(&dev->change.retired_log->nb_misses);
	vu_mem_log_destroy(dev->change.retired_log);
	dev->change.retired_log = NULL;
}

void
vu_device_set_log(struct vu_device *dev, struct vu_mem_log *log)
{
	RTE_VERIFY(dev->change.nb_waits == 0);
	if (log == NULL && dev->log == NULL)
		return;
	log_retire(dev);
	dev->log = log;
	dev->is_log_used = false;
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		dev->queues[i]->is_dirty |= dev->queues[i]->head.vring.started;
}

const struct vu_mem_log *
vu_device_log(const struct vu_device *dev)
{
	return dev->log;
}

uint64_t
vu_device_nb_log_misses(const struct vu_device *dev)
{
	return dev->nb_log_misses + (dev->log != NULL ? vu_load(&dev->log->nb_misses) : 0);
}
