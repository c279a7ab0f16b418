/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Layout and numbers of vhost-user-gpu messages, spelled as in the specification. They travel on
 * the socket of GPU_SET_SOCKET behind a struct vhost_user_header whose flags are 0, or
 * VHOST_USER_REPLY_MASK in replies.
 */
#ifndef VU_WIRE_GPU_H
#define VU_WIRE_GPU_H

#include <assert.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

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

VU_API_END

#endif /* VU_WIRE_GPU_H */
