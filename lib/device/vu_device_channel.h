/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: requests of a device to its front-end, over the back-end channel. Nothing waits: a
 * request is queued and its reply comes later, on the control lcore. A front-end that does not
 * answer, or hangs up the channel, costs these requests only. Drivers learn from their
 * set_backend_req op when a channel is there.
 */
#ifndef VU_DEVICE_CHANNEL_H
#define VU_DEVICE_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"
#include "vu_fd.h"
#include "vu_mem_iotlb.h"

VU_API_BEGIN

struct vu_device;

#define VU_CHANNEL_UUID_BYTES 16

/** What is asked of the front-end. */
enum vu_channel_kind {
	VU_CHANNEL_CONFIG_CHANGE, /**< the configuration space changed: read it again */
	VU_CHANNEL_HOST_NOTIFIER, /**< set or remove a ring's notification area */
	VU_CHANNEL_OBJECT_ADD,    /**< this device shares an object */
	VU_CHANNEL_OBJECT_REMOVE,
	VU_CHANNEL_OBJECT_LOOKUP, /**< get the fd of another device's object */
	VU_CHANNEL_SHMEM_MAP,     /**< map a file into a shared memory region of the device */
	VU_CHANNEL_SHMEM_UNMAP,
	VU_CHANNEL_IOTLB_MISS,    /**< the library's own: nobody answers, an update may come */
	VU_CHANNEL_NB_KINDS
};

/** Where a ring's notifications may be written, inside a file that can be mapped. */
struct vu_channel_area {
	int fd;                /**< taken */
	uint64_t offset_bytes; /**< in the file */
	uint64_t len_bytes;    /**< one page of the host */
};

/** A mapping in a shared memory region. */
struct vu_channel_shmem {
	uint8_t shmid;          /**< region, as in the get_shmem_config op */
	bool is_writable;
	int fd;                 /**< to map: taken; unused to unmap */
	uint64_t fd_offset;     /**< to map: bytes, multiple of the page size */
	uint64_t shm_offset;    /**< bytes, multiple of the page size */
	uint64_t len_bytes;     /**< multiple of the page size; to unmap as it was mapped */
};

/**
 * Outcome of a request.
 *
 * @param arg  of struct vu_channel_reply
 * @param rc   0; -EIO refused; -ENOENT looked up object does not exist; -ECONNRESET the channel is
 *             gone. Without REPLY_ACK 0 means no more than "sent"
 * @param fd   looked up object, now the callee's; VU_FD_NONE otherwise
 * @context control lcore
 */
typedef void (*vu_channel_done_fn)(void *arg, int rc, int fd);

/** Who is notified of the outcome. */
struct vu_channel_reply {
	vu_channel_done_fn done;
	void *arg;
};

/** A request on its way from the device to its session. */
struct vu_channel_request {
	enum vu_channel_kind kind;
	uint32_t queue_idx;                  /**< host notifier */
	bool has_area;                       /**< host notifier: false = remove it */
	struct vu_channel_area area;         /**< host notifier; fd in `fd` */
	struct vu_channel_shmem shmem;       /**< map and unmap; fd in `fd` */
	struct vu_iotlb_miss miss;           /**< IOTLB miss */
	uint8_t uuid[VU_CHANNEL_UUID_BYTES]; /**< objects; first three fields big-endian */
	int fd;                              /**< owned by the request; VU_FD_NONE without one */
	struct vu_channel_reply reply;       /**< done may be NULL */
};

/**
 * @name Requests
 * All return 0, after which `reply` is called once (perhaps before the function returns, if the
 * front-end acknowledges nothing); -ENOTCONN no channel; -EPERM not negotiated; -EAGAIN too many
 * requests without an answer, try later; -EINVAL an argument that can never be right; or -errno of
 * the socket. `reply` may be NULL; it is copied. Fds are taken on every path.
 * @{
 */

/** Announce that the configuration space changed. @context control lcore */
int vu_device_channel_config_change(struct vu_device *dev, const struct vu_channel_reply *reply);

/**
 * Set or remove a ring's host notifier.
 *
 * @param dev        device
 * @param queue_idx  below vu_device_nb_queues() and 256
 * @param area       NULL removes the notifier
 * @param reply      who gets the outcome
 * @context control lcore
 */
int vu_device_channel_host_notifier(struct vu_device *dev, uint32_t queue_idx,
	const struct vu_channel_area *area, const struct vu_channel_reply *reply);

/** Share an object under a UUID, neither all zero nor all ones. @context control lcore */
int vu_device_channel_object_add(struct vu_device *dev, const uint8_t *uuid,
	const struct vu_channel_reply *reply);

/** Stop sharing an object of this device. @context control lcore */
int vu_device_channel_object_remove(struct vu_device *dev, const uint8_t *uuid,
	const struct vu_channel_reply *reply);

/** Get the fd of a shared object; it comes with the reply. @context control lcore */
int vu_device_channel_object_lookup(struct vu_device *dev, const uint8_t *uuid,
	const struct vu_channel_reply *reply);

/** Map a file into a shared memory region. @context control lcore */
int vu_device_channel_shmem_map(struct vu_device *dev, const struct vu_channel_shmem *map,
	const struct vu_channel_reply *reply);

/** Undo one earlier mapping exactly. @context control lcore */
int vu_device_channel_shmem_unmap(struct vu_device *dev, const struct vu_channel_shmem *map,
	const struct vu_channel_reply *reply);

/** @} */

VU_API_END

#endif /* VU_DEVICE_CHANNEL_H */
