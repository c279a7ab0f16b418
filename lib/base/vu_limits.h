/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ceilings that a peer cannot exceed, in one place.
 */
#ifndef VU_LIMITS_H
#define VU_LIMITS_H

#define VU_MAX_MEM_SLOTS 509      /**< regions in one memory table, as in the seeds */
#define VU_MAX_QUEUES 2048        /**< virtqueues of one device, 1024 pairs of a net device */
#define VU_MAX_EVENTFD_QUEUES 256 /**< rings that SET_VRING_KICK/CALL/ERR can name (8 bit index) */
#define VU_MAX_QUEUE_SIZE 32768   /**< entries of one ring (VIRTIO 1.2, 2.7 and 2.8) */
#define VU_MAX_CHAIN_SEGS 256     /**< descriptors of one chain, indirect ones included */
#define VU_MAX_MSG_BYTES 4096     /**< payload of one vhost-user message */
#define VU_MAX_MSG_FDS 8          /**< fds of one vhost-user message */
#define VU_MAX_PORTS 1024         /**< sockets of one process */
#define VU_MAX_IOTLB_ENTRIES 2048 /**< ranges that the IOTLB of one device holds */
#define VU_MAX_IOTLB_MISSES 32    /**< translations that one ring waits for at a time */

#endif /* VU_LIMITS_H */
