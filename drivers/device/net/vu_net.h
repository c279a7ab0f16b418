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

struct vu_device_queue;

/**
 * Have a queue make its frames from a pool of the caller's instead of the one that all net devices
 * of a NUMA node share.
 *
 * @param queue  odd queue of a net device
 * @param pool   outlives the device
 * @return 0; -EINVAL its mbufs have no room for data
 * @context control lcore, before the ring is started
 */
int vu_net_set_pool(struct vu_device_queue *queue, struct rte_mempool *pool);

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

#endif /* VU_NET_H */
