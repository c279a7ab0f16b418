/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: messages of a GPU device to the front-end's display, on the socket that
 * GPU_SET_SOCKET brought (vhost-user-gpu, ids 1-12). Here the device asks and the front-end
 * answers. Nothing waits: what the socket does not take is queued, replies are called back on the
 * control lcore. Drivers learn from their set_gpu_socket op when the socket is there.
 */
#ifndef VU_DEVICE_GPU_H
#define VU_DEVICE_GPU_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "vu_fd.h"

struct vu_device;

/** Requests, spelled as in the specification. */
enum vhost_user_gpu_request {
	VHOST_USER_GPU_NONE = 0,
	VHOST_USER_GPU_GET_PROTOCOL_FEATURES = 1,
	VHOST_USER_GPU_SET_PROTOCOL_FEATURES = 2,
	VHOST_USER_GPU_GET_DISPLAY_INFO = 3,
	VHOST_USER_GPU_CURSOR_POS = 4,
	VHOST_USER_GPU_CURSOR_POS_HIDE = 5,
	VHOST_USER_GPU_CURSOR_UPDATE = 6,
	VHOST_USER_GPU_SCANOUT = 7,
	VHOST_USER_GPU_UPDATE = 8,
	VHOST_USER_GPU_DMABUF_SCANOUT = 9,
	VHOST_USER_GPU_DMABUF_UPDATE = 10,
	VHOST_USER_GPU_GET_EDID = 11,
	VHOST_USER_GPU_DMABUF_SCANOUT2 = 12,
	VHOST_USER_GPU_NB_REQUESTS
};

/** Bits of GET_PROTOCOL_FEATURES. */
enum vhost_user_gpu_protocol_feature {
	VHOST_USER_GPU_PROTOCOL_F_EDID = 0,
	VHOST_USER_GPU_PROTOCOL_F_DMABUF2 = 1,
};

#define VHOST_USER_GPU_CURSOR_EDGE 64          /**< pixels of a cursor, both ways */
#define VHOST_USER_GPU_DISPLAY_INFO_BYTES 408  /**< virtio-gpu response with 16 displays */
#define VHOST_USER_GPU_EDID_BYTES 1056         /**< virtio-gpu response */

/** Where the cursor is. */
struct vhost_user_gpu_cursor_pos {
	uint32_t scanout_id;
	uint32_t x;
	uint32_t y;
};

/** Picture of the cursor. */
struct vhost_user_gpu_cursor_update {
	struct vhost_user_gpu_cursor_pos pos;
	uint32_t hot_x;
	uint32_t hot_y;
	uint32_t pixels[VHOST_USER_GPU_CURSOR_EDGE * VHOST_USER_GPU_CURSOR_EDGE];
};

/** Size of a display; 0 x 0 switches it off. */
struct vhost_user_gpu_scanout {
	uint32_t scanout_id;
	uint32_t width;
	uint32_t height;
};

/** UPDATE and DMABUF_UPDATE; the former is followed by the pixels. */
struct vhost_user_gpu_update {
	uint32_t scanout_id;
	uint32_t x;
	uint32_t y;
	uint32_t width;
	uint32_t height;
};

/** Picture in a dma-buf. */
struct vhost_user_gpu_dmabuf_scanout {
	uint32_t scanout_id;
	uint32_t x;
	uint32_t y;
	uint32_t width;
	uint32_t height;
	uint32_t fd_width;
	uint32_t fd_height;
	uint32_t fd_stride;
	uint32_t fd_flags;
	int32_t fd_drm_fourcc;
};

/** The same with a modifier. */
struct vhost_user_gpu_dmabuf_scanout2 {
	struct vhost_user_gpu_dmabuf_scanout scanout;
	uint64_t modifier;
};

static_assert(sizeof(struct vhost_user_gpu_cursor_pos) == 12, "cursor position");
static_assert(sizeof(struct vhost_user_gpu_cursor_update) == 16404, "cursor");
static_assert(sizeof(struct vhost_user_gpu_scanout) == 12, "scanout");
static_assert(sizeof(struct vhost_user_gpu_update) == 20, "update");
static_assert(sizeof(struct vhost_user_gpu_dmabuf_scanout) == 40, "dmabuf scanout");
static_assert(sizeof(struct vhost_user_gpu_dmabuf_scanout2) == 48, "dmabuf scanout 2");

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

/** Who wants the reply. */
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
 * NULL. Descriptors are taken on every path.
 * @{
 */

/** Reply: U64, bits VHOST_USER_GPU_PROTOCOL_F_*. @context control lcore */
int vu_device_gpu_get_protocol_features(struct vu_device *dev, const struct vu_gpu_reply *reply);

/** Tell the features in use. @context control lcore */
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

/** Tell that a dma-buf changed. Reply: empty, once the change is shown. @context control lcore */
int vu_device_gpu_dmabuf_update(struct vu_device *dev, const struct vhost_user_gpu_update *update,
	const struct vu_gpu_reply *reply);

/** Needs EDID. Reply: VHOST_USER_GPU_EDID_BYTES. @context control lcore */
int vu_device_gpu_get_edid(struct vu_device *dev, uint32_t scanout_id,
	const struct vu_gpu_reply *reply);

/** Needs DMABUF2. Show a dma-buf with a modifier. @context control lcore */
int vu_device_gpu_dmabuf_scanout2(struct vu_device *dev,
	const struct vhost_user_gpu_dmabuf_scanout2 *scanout, int fd);

/** @} */

#endif /* VU_DEVICE_GPU_H */
