/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bursts of a virtio-net queue for an application that polls the queue itself instead of leaving it
 * to a scheduler's worker: mbufs in, mbufs out.
 */
#ifndef VU_NET_H
#define VU_NET_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "vu_export.h"

VU_API_BEGIN

struct vu_device;
struct vu_device_queue;

/** The longest frame of a queue: the longest IP packet, with Ethernet header and two VLAN tags. */
#define VU_NET_MAX_FRAME_BYTES (65535 + 14 + 2 * 4)

/** What the frames of a queue are made of. */
struct vu_net_frames {
	struct rte_mempool *pool; /**< outlives the device */
	uint16_t port_id;         /**< mbuf.port; RTE_MBUF_PORT_INVALID if there is no ethdev */
	/** a frame that is longer than one mbuf's room is dropped and counted, not spread */
	bool is_linear;
	/**
	 * with is_linear: external buffers for such frames instead, vu_net_big_pool_create();
	 * outlives the frames; NULL: none
	 */
	struct rte_mempool *big_pool;
	/**
	 * for vu_net_from_guest_burst(): frames as from a NIC, with receive flags in place of
	 * transmit requests: RTE_MBUF_F_RX_L4_CKSUM_NONE for one whose checksum is partial,
	 * _GOOD for one whose checksum was completed here, _LRO with tso_segsz for a large one
	 */
	bool has_rx_flags;
	bool has_rx_checksum; /**< with has_rx_flags: partial checksums are the caller's work */
};

/**
 * Create a pool of buffers that hold the longest frame in one piece.
 *
 * @param name       of the mempool, unique
 * @param nb         buffers, of some 64 KiB each
 * @param numa_node  SOCKET_ID_ANY: any
 * @return mempool; NULL with rte_errno
 * @context any thread
 */
struct rte_mempool *vu_net_big_pool_create(const char *name, unsigned int nb, int numa_node);

/**
 * Have a queue make its frames of the caller's mbufs instead of those that all net devices of a
 * NUMA node share. A queue that threads of the application poll has no other ones.
 *
 * @param queue   odd queue of a net device
 * @param frames  see struct vu_net_frames
 * @return 0; -EINVAL mbufs of the pool have no room for data
 * @context any thread, while the queue is paused (vu_exec.h) or before its ring is started
 */
int vu_net_set_frames(struct vu_device_queue *queue, const struct vu_net_frames *frames);

/**
 * Offer front-ends that come from now on fewer queue pairs than the device has.
 *
 * @param dev       net device
 * @param nb_pairs  1 to half its queues
 * @context control lcore
 */
void vu_net_set_pairs(struct vu_device *dev, uint32_t nb_pairs);

/**
 * Have frames from a guest to one on the same lcore go straight on, with one copy, where nothing
 * else needs them, or through mbufs always, to measure the difference.
 *
 * @param queue      odd queue of a net device with forward=switch
 * @param is_direct  true at first
 * @context control lcore before the ring is started, or owner lcore
 */
void vu_net_set_direct(struct vu_device_queue *queue, bool is_direct);

/**
 * Let the switch learn that an address is behind a port, as a frame from the port's guest does.
 * Like all it has learned, that is dropped after some minutes without such a frame.
 *
 * @param queue  any queue of a net device with forward=switch
 * @param mac    address; nothing happens if it is no unicast address
 * @context any thread
 */
void vu_net_learn(const struct vu_device_queue *queue, const struct rte_ether_addr *mac);

/**
 * Buffers of the guest that wait for a burst. A moment later there may be others.
 *
 * @param queue  queue of a net device
 * @return ring entries that the guest made available; 0 while the ring does not run
 * @context thread of the application that polls the queue
 */
uint16_t vu_net_nb_waiting(struct vu_device_queue *queue);

/**
 * Ask the guest to kick when it makes buffers available, or not to, as at first.
 *
 * @param queue       queue of a net device with vu_device_conf.kick_changed
 * @param is_enabled  ask for kicks
 * @return 1 buffers are available now, nobody kicks for these; 0; -ENOTSUP the front-end sends no
 *         kicks
 * @context thread of the application that polls the queue
 */
int vu_net_set_kicks(struct vu_device_queue *queue, bool is_enabled);

/**
 * Take frames that the guest sent (a transmit queue, VIRTIO 1.2, 5.1.6.2). A ring that is not
 * snap, or was given up (queue->vring.pos.fault), has none.
 *
 * @param queue   odd queue of a net device
 * @param frames  filled; the caller's from now on. Where offloads were negotiated a frame may
 *                carry a transmit request: RTE_MBUF_F_TX_TCP_CKSUM, _UDP_CKSUM or _TCP_SEG with its
 *                lengths and, for IPv4 to be segmented, _IP_CKSUM. Its transport checksum then
 *                holds the sum of the pseudo header, with the length of the whole frame
 * @param max     length of frames
 * @return frames taken
 * @context thread of the application that polls the queue, of a device with vu_device_conf.app
 */
uint16_t vu_net_from_guest_burst(struct vu_device_queue *queue, struct rte_mbuf **frames,
	uint16_t max);

/**
 * Copy frames into buffers that the guest made available (a receive queue, VIRTIO 1.2, 5.1.6.4).
 *
 * @param queue      even queue of a net device
 * @param frames     stay the caller's, who may free them at once; not written to. The same requests
 *                   are fulfilled, by the guest if it negotiated that, else by software;
 *                   RTE_MBUF_F_RX_L4_CKSUM_GOOD is reported to the guest
 * @param nb_frames  length of frames
 * @return frames dealt with, from the front: delivered, or counted as dropped because the guest's
 *         buffers are too small for them or nobody fulfils their request; the others found no room
 * @context thread of the application that polls the queue, of a device with vu_device_conf.app
 */
uint16_t vu_net_to_guest_burst(struct vu_device_queue *queue, struct rte_mbuf **frames,
	uint16_t nb_frames);

/**
 * The same on a paused queue, for callers that take turns: several threads, one at a time.
 *
 * @context any thread while no other one is in a burst call of the queue
 */
uint16_t vu_net_to_guest_burst_shared(struct vu_device_queue *queue, struct rte_mbuf **frames,
	uint16_t nb_frames);

VU_API_END

#endif /* VU_NET_H */
