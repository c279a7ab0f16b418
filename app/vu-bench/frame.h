/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The frames of a measurement: sizes by number, and their content, Ethernet with UDP in IPv4.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "bench.h"

/* Where the number of a frame is: behind its headers, in its first cache line. */
#define FRAME_NUMBER_OFFSET 42
#define FRAME_NB_SIZES 256
#define FRAME_ADDRESSES_BYTES 12 /* at the head of a frame */

/** Sizes of consecutive frames, again and again. */
struct frame_sizes {
	uint16_t bytes[FRAME_NB_SIZES];
	uint16_t max_bytes;
};

/** Fill in the sizes of struct bench_case.size_bytes. */
void frame_sizes_init(struct frame_sizes *sizes, uint32_t size_bytes);

static inline uint16_t
frame_size(const struct frame_sizes *sizes, uint64_t number)
{
	return sizes->bytes[number % FRAME_NB_SIZES];
}

/**
 * Write the Ethernet addresses of a frame.
 *
 * @param addresses  filled: FRAME_ADDRESSES_BYTES
 * @param port       whose they are, 0..65535: a switch tells ports by them
 */
void frame_addresses(uint8_t *addresses, uint32_t port);

/** Write a frame of a port, whose headers say that it has len_bytes. */
void frame_fill(uint8_t *frame, uint32_t len_bytes, uint32_t port);

/** Set the length of a new frame, and give it as many mbufs as that needs. */
void frame_set_len(struct rte_mempool *pool, struct rte_mbuf *frame, uint32_t len_bytes);

#endif /* FRAME_H */
