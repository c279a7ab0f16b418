/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: messages of a GPU device to the front-end's display, on the socket that
 * GPU_SET_SOCKET brought (vhost-user-gpu, ids 1-12). Here the device asks and the front-end
 * answers. Nothing waits: what the socket does not take is queued, replies are called back on the
 * control lcore. Drivers learn from their set_gpu_socket op when the socket is there.
 */
#ifndef VU_DEVICE_GPU_H
#define VU_DEVICE_GPU_H

#include <stdint.h>

#include "vu_export.h"
#include "vu_fd.h"
#include "vu_wire_gpu.h"

VU_API_BEGIN

struct vu_device;

/**
 * Reply of the front-end.
 *
 * @param arg        of struct vu_gpu_reply
 * @param rc         0; -ECONNRESET the socket is gone, without a payload then
 * @param payload    as the specification lays it out, valid during the call
 * @param len_bytes  checked: the one length that the request's reply can have
 * @context control lcore
 */
typedef void (*vu_gpu_done_fn)(void *arg, int rc, const void *payload, uint32_t len_bytes);

/** Who gets the reply. */
struct vu_gpu_reply {
	vu_gpu_done_fn done;
	void *arg;
};

/** A message on its way from the device to its session. */
struct vu_gpu_request {
	uint32_t request;      /**< enum vhost_user_gpu_request */
	const void *head;      /**< fixed part of the payload */
	uint32_t head_bytes;
	const void *pixels;    /**< what follows it; NULL without */
	uint32_t pixels_bytes;
	int fd;                /**< owned by the request; VU_FD_NONE without one */
	struct vu_gpu_reply reply;
};

/**
 * @name Messages
 * All return 0; -ENOTCONN no socket; -EAGAIN the front-end does not keep up, try later; -EINVAL an
 * argument that can never be right; -ENOMEM; or -errno of the socket. `reply` is copied and may be
 * NULL. Fds are taken on every path.
 * @{
 */

/** Reply: U64, bits VHOST_USER_GPU_PROTOCOL_F_*. @context control lcore */
int vu_device_gpu_get_protocol_features(struct vu_device *dev, const struct vu_gpu_reply *reply);

/** Announce the features in use. @context control lcore */
int vu_device_gpu_set_protocol_features(struct vu_device *dev, uint64_t features);

/** Reply: VHOST_USER_GPU_DISPLAY_INFO_BYTES. @context control lcore */
int vu_device_gpu_get_display_info(struct vu_device *dev, const struct vu_gpu_reply *reply);

/** Show the cursor at a place. @context control lcore */
int vu_device_gpu_cursor_pos(struct vu_device *dev, const struct vhost_user_gpu_cursor_pos *pos);

/** Hide the cursor. @context control lcore */
int vu_device_gpu_cursor_hide(struct vu_device *dev, const struct vhost_user_gpu_cursor_pos *pos);

/** Set the cursor's picture. @context control lcore */
int vu_device_gpu_cursor_update(struct vu_device *dev,
	const struct vhost_user_gpu_cursor_update *update);

/** Set the size of a display. @context control lcore */
int vu_device_gpu_scanout(struct vu_device *dev, const struct vhost_user_gpu_scanout *scanout);

/**
 * Show pixels.
 *
 * @param dev     device
 * @param update  place and size
 * @param pixels  width * height times x8r8g8b8, copied if need be
 * @context control lcore
 */
int vu_device_gpu_update(struct vu_device *dev, const struct vhost_user_gpu_update *update,
	const uint32_t *pixels);

/** Show a dma-buf; VU_FD_NONE switches it off. @context control lcore */
int vu_device_gpu_dmabuf_scanout(struct vu_device *dev,
	const struct vhost_user_gpu_dmabuf_scanout *scanout, int fd);

/** Announce a changed dma-buf. Reply: empty, once the change is shown. @context control lcore */
int vu_device_gpu_dmabuf_update(struct vu_device *dev, const struct vhost_user_gpu_update *update,
	const struct vu_gpu_reply *reply);

/** Needs EDID. Reply: VHOST_USER_GPU_EDID_BYTES. @context control lcore */
int vu_device_gpu_get_edid(struct vu_device *dev, uint32_t scanout_id,
	const struct vu_gpu_reply *reply);

/** Needs DMABUF2. Show a dma-buf with a modifier. @context control lcore */
int vu_device_gpu_dmabuf_scanout2(struct vu_device *dev,
	const struct vhost_user_gpu_dmabuf_scanout2 *scanout, int fd);

/** @} */

VU_API_END

#endif /* VU_DEVICE_GPU_H */
