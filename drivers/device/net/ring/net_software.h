/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the virtio-net device driver: what a frame asks for and its receiver cannot take, done
 * by software on a copy: frames in the switch are shared, nobody writes to them. Checksums are
 * written in, a large frame is cut into segments. Any function here: owner lcore of the queue.
 */
#ifndef NET_SOFTWARE_H
#define NET_SOFTWARE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

/** Segments of one frame; the headers of more would cost more than their data. */
#define NET_MAX_SEGMENTS 256

/** Work on one frame. */
struct net_software {
	uint64_t offloads;         /* of the receiver, net_offload_effective() */
	struct rte_mempool *pool;  /* for copies */
	const struct rte_mbuf *frame;
	uint16_t header_bytes;     /* that each segment begins with; 0: a copy of the frame */
	uint16_t nb_segments;
	uint16_t next_idx;         /* segment to make next */
	bool has_no_mbuf;          /* ended early */
};

/**
 * Begin with a frame for which net_offload_to_header() returned false.
 *
 * @param work   filled, except offloads and pool
 * @param frame  read until the work is done
 * @return false: it asks for what software does not do either, or contradicts itself
 */
bool net_software_begin(struct net_software *work, const struct rte_mbuf *frame);

/**
 * Make the next frames, for which net_offload_to_header() returns true.
 *
 * @param work    has_no_mbuf is set if the pool ran empty
 * @param frames  filled; the caller's
 * @param max     length of frames
 * @return frames made; 0 = there are no more
 */
uint16_t net_software_next(struct net_software *work, struct rte_mbuf **frames, uint16_t max);

#endif /* NET_SOFTWARE_H */
