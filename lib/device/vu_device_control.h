/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a session or the daemon asks of a device besides rings, memory and configuration: hands over
 * to the driver's op, or answers with the default if it has none. Control lcore, unless said
 * otherwise.
 */
#ifndef VU_DEVICE_CONTROL_H
#define VU_DEVICE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_device.h"
#include "vu_export.h"

VU_API_BEGIN

struct vu_iotlb_entry;
struct vu_mem_log;
struct vu_mem_shared;

#define VU_DEVICE_MAX_SHMEM 256 /**< shared memory regions of one device */

/** Direction of a device state transfer, numbered as in the specification. */
enum vu_state_direction {
	VU_STATE_SAVE = 0, /**< the device writes its state */
	VU_STATE_LOAD = 1, /**< the device reads its state */
};

/** @name Network
 * @{ */

/**
 * Announce a guest that came here by migration (SEND_RARP).
 *
 * @param dev  device
 * @param mac  6 bytes
 * @return 0; -EOPNOTSUPP the device cannot; driver's own
 * @context control lcore
 */
int vu_device_send_rarp(struct vu_device *dev, const uint8_t *mac);

/** @} */
/** @name Memory and rings
 * @{ */

/**
 * Show a new memory table to the driver before it is set.
 *
 * @param dev  device
 * @param mem  table about to be set; NULL: there is none any more
 * @return 0, set it now; otherwise the driver refuses it and the present table stays
 * @context control lcore
 */
int vu_device_update_memory(struct vu_device *dev, const struct vu_mem_table *mem);

/** The front-end started the ring and did not stop it since. @context control lcore */
bool vu_device_ring_is_started(const struct vu_device *dev, uint32_t queue_idx);

/** Have a ring polled once, whatever its idle word holds (VRING_KICK). @context control lcore */
void vu_device_ring_kick(struct vu_device *dev, uint32_t queue_idx);

/** The front-end acknowledged protocol features; 0 after its end. @context control lcore */
void vu_device_set_protocol_features(struct vu_device *dev, uint64_t protocol_features);

/**
 * Replace the dirty log (vu_mem_log.h). Rings mark in it from the next commit on, as far as LOG_ALL
 * and their flags ask for it.
 *
 * @param dev  device
 * @param log  taken; NULL for none. The former one is unmapped once the next commit is complete
 * @context control lcore
 */
void vu_device_set_log(struct vu_device *dev, struct vu_mem_log *log);

/** Dirty log of the device; NULL for none. @context control lcore */
const struct vu_mem_log *vu_device_log(const struct vu_device *dev);

/**
 * Set the in-flight region (vu_vring_inflight.h) that rings use from their next start on.
 *
 * @param dev         device
 * @param region      taken on every path
 * @param nb_queues   rings that it has parts for
 * @param queue_size  entries of each part
 * @return 0; -EINVAL it is too small for them, or not aligned
 * @context control lcore
 */
int vu_device_set_inflight(struct vu_device *dev, struct vu_mem_shared *region, uint16_t nb_queues,
	uint16_t queue_size);

/** The front-end shrank the in-flight region in use: end the session. @context control lcore */
bool vu_device_inflight_has_failed(const struct vu_device *dev);

/** @} */
/** @name IOTLB, see vu_mem_iotlb.h
 * @{ */

/**
 * Add a translation; with the next commit rings use it.
 *
 * @return 0; -EOPNOTSUPP the guest's driver has not negotiated ACCESS_PLATFORM; or as
 *         vu_iotlb_update()
 * @context control lcore
 */
int vu_device_iotlb_update(struct vu_device *dev, const struct vu_iotlb_entry *entry);

/**
 * Drop translations of a range, see vu_iotlb_invalidate(); once the next commit is complete nobody
 * uses them any more.
 *
 * @return 0; -EOPNOTSUPP
 * @context control lcore
 */
int vu_device_iotlb_invalidate(struct vu_device *dev, uint64_t iova, uint64_t len);

/** Ask the front-end for what data lcores reported as missing. @context control lcore */
void vu_device_iotlb_collect(struct vu_device *dev);

/**
 * To be called a few times in a second while ACCESS_PLATFORM is negotiated: asks again for what did
 * not come.
 *
 * @context control lcore
 */
void vu_device_iotlb_tick(struct vu_device *dev);

/** Ranges in the IOTLB. @context control lcore */
unsigned int vu_device_iotlb_nb_entries(const struct vu_device *dev);

/** @} */
/** @name Channels
 * @{ */

/** A back-end channel is there or gone. @context control lcore */
void vu_device_set_backend_req(struct vu_device *dev, bool is_available);

/** The device has a display and can use a GPU socket. @context control lcore */
bool vu_device_has_gpu(const struct vu_device *dev);

/**
 * A GPU socket is there or gone.
 *
 * @return 0; -EOPNOTSUPP not a GPU device; driver's own
 * @context control lcore
 */
int vu_device_set_gpu_socket(struct vu_device *dev, bool is_available);

/**
 * Fd of an object that this device shares.
 *
 * @param dev   device
 * @param uuid  16 bytes
 * @return fd, the caller's; -ENOENT no such object; -EOPNOTSUPP the device shares none
 * @context control lcore
 */
int vu_device_get_shared_object(struct vu_device *dev, const uint8_t *uuid);

/** @} */
/** @name Crypto sessions
 * @{ */

/**
 * Create a crypto session.
 *
 * @param dev         device
 * @param params      parameters in the layout of the front-end
 * @param len_bytes   of params, at least 8
 * @param session_id  out: id, not negative
 * @return 0; -EOPNOTSUPP not a crypto device; driver's own
 * @context control lcore
 */
int vu_device_create_crypto_session(struct vu_device *dev, const void *params, uint32_t len_bytes,
	int64_t *session_id);

/** Close a crypto session. @return 0; -EOPNOTSUPP; driver's own. @context control lcore */
int vu_device_close_crypto_session(struct vu_device *dev, uint64_t session_id);

/** @} */
/** @name State transfer
 * @{ */

/**
 * Begin to write or read the device state; all rings are stopped. The transfer goes on
 * asynchronously.
 *
 * @param dev        device
 * @param direction  save or load
 * @param fd         pipe or the like of the front-end; taken
 * @param reply_fd   out: channel of the device to use instead, the caller's; VU_FD_NONE = none
 * @return 0; -EOPNOTSUPP the device has no state to transfer; driver's own
 * @context control lcore
 */
int vu_device_set_state_fd(struct vu_device *dev, enum vu_state_direction direction, int fd,
	int *reply_fd);

/**
 * Ask for the result of the transfer. The other end has seen or written the end of the data.
 *
 * @return 0; -EINPROGRESS the device calls vu_device_state_checked() later; else it failed
 * @context control lcore
 */
int vu_device_check_state(struct vu_device *dev);

/** @} */
/** @name Shared memory
 * @{ */

/**
 * Sizes of the device's shared memory regions.
 *
 * @param dev    device
 * @param sizes  VU_DEVICE_MAX_SHMEM entries in bytes, index is the shmid; 0 = no such region
 * @context control lcore
 */
void vu_device_get_shmem_config(const struct vu_device *dev, uint64_t *sizes);

/** @} */
/** @name Events on workers
 * @{ */

/** An fd became ready that the application registered for a device. */
struct vu_device_event {
	uint64_t data;           /**< as registered, above the device's number of queues */
	uint32_t epoll_events;   /**< what is ready */
	unsigned int worker_idx; /**< worker that handles it */
};

/** The driver handles events. @context any thread */
bool vu_device_can_handle_event(const struct vu_device *dev);

/** Have the driver handle an event. @context owner lcore: that of the worker */
void vu_device_handle_event(struct vu_device *dev, const struct vu_device_event *event);

/**
 * Fd by which the driver ends a worker's loop.
 *
 * @return fd, stays the driver's; VU_FD_NONE = none
 * @context control lcore
 */
int vu_device_exit_event(struct vu_device *dev, unsigned int worker_idx);

/** @} */

VU_API_END

#endif /* VU_DEVICE_CONTROL_H */
