/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests of a device to its front-end: checked here, handed to the session, which owns the socket
 * and knows what was negotiated. Control lcore.
 */
#include "vu_device_channel.h"

#include <errno.h>
#include <string.h>

#include <rte_common.h>

#include "vu_limits.h"
#include "vu_math.h"

#include "device.h"

/* Takes request->fd on every path. */
static int
channel_send(struct vu_device *dev, struct vu_channel_request *request,
	const struct vu_channel_reply *reply)
{
	if (reply != NULL)
		request->reply = *reply;
	if (dev->is_connected && dev->events.channel_send != NULL)
		return dev->events.channel_send(dev->events.arg, request);
	vu_fd_close(&request->fd);
	return -ENOTCONN;
}

static int
channel_refuse(struct vu_channel_request *request)
{
	vu_fd_close(&request->fd);
	return -EINVAL;
}

int
vu_device_channel_config_change(struct vu_device *dev, const struct vu_channel_reply *reply)
{
	struct vu_channel_request request = {
		.kind = VU_CHANNEL_CONFIG_CHANGE, .fd = VU_FD_NONE,
	};

	return channel_send(dev, &request, reply);
}

int
vu_device_channel_host_notifier(struct vu_device *dev, uint32_t queue_idx,
	const struct vu_channel_area *area, const struct vu_channel_reply *reply)
{
	struct vu_channel_request request = {
		.kind = VU_CHANNEL_HOST_NOTIFIER, .queue_idx = queue_idx, .fd = VU_FD_NONE,
	};
	uint64_t end;

	if (area != NULL) {
		request.has_area = true;
		request.area = *area;
		request.fd = area->fd;
	}
	/* The message has 8 bits for the ring. */
	if (queue_idx >= RTE_MIN(dev->nb_queues, (uint32_t)VU_MAX_EVENTFD_QUEUES))
		return channel_refuse(&request);
	if (area != NULL && (area->fd < 0 || area->len_bytes == 0 ||
			!vu_add_fits(area->offset_bytes, area->len_bytes, &end)))
		return channel_refuse(&request);
	return channel_send(dev, &request, reply);
}

static int
channel_send_object(struct vu_device *dev, enum vu_channel_kind kind, const uint8_t *uuid,
	const struct vu_channel_reply *reply)
{
	struct vu_channel_request request = { .kind = kind, .fd = VU_FD_NONE };
	uint64_t half[2];

	memcpy(half, uuid, sizeof(half));
	if ((half[0] | half[1]) == 0 || (half[0] & half[1]) == UINT64_MAX)
		return -EINVAL;
	memcpy(request.uuid, uuid, sizeof(request.uuid));
	return channel_send(dev, &request, reply);
}

int
vu_device_channel_object_add(struct vu_device *dev, const uint8_t *uuid,
	const struct vu_channel_reply *reply)
{
	return channel_send_object(dev, VU_CHANNEL_OBJECT_ADD, uuid, reply);
}

int
vu_device_channel_object_remove(struct vu_device *dev, const uint8_t *uuid,
	const struct vu_channel_reply *reply)
{
	return channel_send_object(dev, VU_CHANNEL_OBJECT_REMOVE, uuid, reply);
}

int
vu_device_channel_object_lookup(struct vu_device *dev, const uint8_t *uuid,
	const struct vu_channel_reply *reply)
{
	return channel_send_object(dev, VU_CHANNEL_OBJECT_LOOKUP, uuid, reply);
}

int
vu_device_channel_shmem_map(struct vu_device *dev, const struct vu_channel_shmem *map,
	const struct vu_channel_reply *reply)
{
	struct vu_channel_request request = {
		.kind = VU_CHANNEL_SHMEM_MAP, .shmem = *map, .fd = map->fd,
	};
	uint64_t end;

	if (map->fd < 0 || map->len_bytes == 0 ||
			!vu_add_fits(map->shm_offset, map->len_bytes, &end) ||
			!vu_add_fits(map->fd_offset, map->len_bytes, &end))
		return channel_refuse(&request);
	return channel_send(dev, &request, reply);
}

int
vu_device_channel_shmem_unmap(struct vu_device *dev, const struct vu_channel_shmem *map,
	const struct vu_channel_reply *reply)
{
	struct vu_channel_request request = {
		.kind = VU_CHANNEL_SHMEM_UNMAP, .shmem = *map, .fd = VU_FD_NONE,
	};
	uint64_t end;

	if (map->len_bytes == 0 || !vu_add_fits(map->shm_offset, map->len_bytes, &end))
		return channel_refuse(&request);
	return channel_send(dev, &request, reply);
}
