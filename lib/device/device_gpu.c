/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages of a GPU device to the front-end's display: put together here, handed to the session,
 * which owns the socket. Control lcore.
 */
#include "vu_device_gpu.h"

#include <errno.h>

#include "vu_math.h"

#include "device.h"

/* Takes request->fd on every path. */
static int
gpu_send(struct vu_device *dev, struct vu_gpu_request *request, const struct vu_gpu_reply *reply)
{
	if (reply != NULL)
		request->reply = *reply;
	if (dev->is_connected && dev->events.gpu_send != NULL)
		return dev->events.gpu_send(dev->events.arg, request);
	vu_fd_close(&request->fd);
	return -ENOTCONN;
}

static int
gpu_send_head(struct vu_device *dev, uint32_t id, const void *head, uint32_t head_bytes,
	const struct vu_gpu_reply *reply)
{
	struct vu_gpu_request request = {
		.request = id, .head = head, .head_bytes = head_bytes, .fd = VU_FD_NONE,
	};

	return gpu_send(dev, &request, reply);
}

int
vu_device_gpu_get_protocol_features(struct vu_device *dev, const struct vu_gpu_reply *reply)
{
	return gpu_send_head(dev, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, NULL, 0, reply);
}

int
vu_device_gpu_set_protocol_features(struct vu_device *dev, uint64_t features)
{
	return gpu_send_head(dev, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, &features,
		sizeof(features), NULL);
}

int
vu_device_gpu_get_display_info(struct vu_device *dev, const struct vu_gpu_reply *reply)
{
	return gpu_send_head(dev, VHOST_USER_GPU_GET_DISPLAY_INFO, NULL, 0, reply);
}

int
vu_device_gpu_cursor_pos(struct vu_device *dev, const struct vhost_user_gpu_cursor_pos *pos)
{
	return gpu_send_head(dev, VHOST_USER_GPU_CURSOR_POS, pos, sizeof(*pos), NULL);
}

int
vu_device_gpu_cursor_hide(struct vu_device *dev, const struct vhost_user_gpu_cursor_pos *pos)
{
	return gpu_send_head(dev, VHOST_USER_GPU_CURSOR_POS_HIDE, pos, sizeof(*pos), NULL);
}

int
vu_device_gpu_cursor_update(struct vu_device *dev,
	const struct vhost_user_gpu_cursor_update *update)
{
	return gpu_send_head(dev, VHOST_USER_GPU_CURSOR_UPDATE, update, sizeof(*update), NULL);
}

int
vu_device_gpu_scanout(struct vu_device *dev, const struct vhost_user_gpu_scanout *scanout)
{
	return gpu_send_head(dev, VHOST_USER_GPU_SCANOUT, scanout, sizeof(*scanout), NULL);
}

int
vu_device_gpu_update(struct vu_device *dev, const struct vhost_user_gpu_update *update,
	const uint32_t *pixels)
{
	uint64_t pixels_bytes = (uint64_t)update->width * update->height;
	struct vu_gpu_request request = {
		.request = VHOST_USER_GPU_UPDATE, .head = update, .head_bytes = sizeof(*update),
		.pixels = pixels, .fd = VU_FD_NONE,
	};

	if (!vu_mul_fits(pixels_bytes, sizeof(*pixels), &pixels_bytes) ||
			pixels_bytes > UINT32_MAX - sizeof(*update))
		return -EINVAL;
	request.pixels_bytes = (uint32_t)pixels_bytes;
	return gpu_send(dev, &request, NULL);
}

int
vu_device_gpu_dmabuf_scanout(struct vu_device *dev,
	const struct vhost_user_gpu_dmabuf_scanout *scanout, int fd)
{
	struct vu_gpu_request request = {
		.request = VHOST_USER_GPU_DMABUF_SCANOUT, .head = scanout,
		.head_bytes = sizeof(*scanout), .fd = fd,
	};

	return gpu_send(dev, &request, NULL);
}

int
vu_device_gpu_dmabuf_update(struct vu_device *dev, const struct vhost_user_gpu_update *update,
	const struct vu_gpu_reply *reply)
{
	return gpu_send_head(dev, VHOST_USER_GPU_DMABUF_UPDATE, update, sizeof(*update), reply);
}

int
vu_device_gpu_get_edid(struct vu_device *dev, uint32_t scanout_id,
	const struct vu_gpu_reply *reply)
{
	return gpu_send_head(dev, VHOST_USER_GPU_GET_EDID, &scanout_id, sizeof(scanout_id), reply);
}

int
vu_device_gpu_dmabuf_scanout2(struct vu_device *dev,
	const struct vhost_user_gpu_dmabuf_scanout2 *scanout, int fd)
{
	struct vu_gpu_request request = {
		.request = VHOST_USER_GPU_DMABUF_SCANOUT2, .head = scanout,
		.head_bytes = sizeof(*scanout), .fd = fd,
	};

	return gpu_send(dev, &request, NULL);
}
