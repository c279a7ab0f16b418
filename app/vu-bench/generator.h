/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The generator, the same for all back-ends: guest memory, frames, and a lean driver that polls. Of
 * each frame it touches what any driver touches, its header and its first cache line. Buffers are
 * used in turn and must come back in turn, as every back-end here returns them. For a back-end
 * without rings (`copy`) two counters stand for the ring.
 */
#ifndef GENERATOR_H
#define GENERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "vu_vring_guest.h"

#include "bench.h"

#define GEN_MAX_PAIRS_PER_DEVICE 128
#define GEN_MAX_DEVICES_PER_GUEST (BENCH_MAX_PAIRS / GEN_MAX_PAIRS_PER_DEVICE)
#define GEN_MAX_DEVICES (2 * GEN_MAX_DEVICES_PER_GUEST)
#define GEN_NB_BUFFERS_OFFSET 10 /* in the header (VIRTIO 1.2, 5.1.6) */

/* Where the number of a frame is: behind its headers, in its first cache line. */
#define FRAME_NUMBER_OFFSET 42
#define FRAME_NB_SIZES 256

/** Sizes of consecutive frames, repeated without end. */
struct frame_sizes {
	uint16_t bytes[FRAME_NB_SIZES];
	uint16_t max_bytes;
};

static inline uint16_t
frame_size(const struct frame_sizes *sizes, uint64_t number)
{
	return sizes->bytes[number % FRAME_NB_SIZES];
}

/** Fill in the sizes of struct bench_case.size_bytes: the same in every run. */
void frame_sizes_init(struct frame_sizes *sizes, uint32_t size_bytes);

/** Fill in destination and source of a frame; a switch learns the ports 0..65535 by them. */
void frame_addresses(struct rte_ether_addr addresses[2], uint32_t port);

/** Write a frame of a port: Ethernet with UDP in IPv4, of len_bytes by its headers. */
void frame_fill(uint8_t *frame, uint32_t len_bytes, uint32_t port);

/** Set the length of a new frame and give it as many mbufs as that needs. */
void frame_set_len(struct rte_mempool *pool, struct rte_mbuf *frame, uint32_t len_bytes);

/** Guest memory: all buffers of a point, seen by the generator and by all back-ends. */
struct gen_memory {
	struct frame_sizes sizes; /* that it has room for */
	uint8_t *hva;
	uint64_t bytes;
	int fd;
	bool has_hugepages;
	uint32_t nb_buffers;      /* of each queue; a power of two */
	uint32_t room_bytes[2];   /* of a buffer, header included; [0] to guest, [1] from guest */
	uint32_t stride_bytes[2]; /* from one buffer to the next */
};

/** @return 0 or -errno */
int gen_memory_create(struct gen_memory *memory, const struct bench_case *point);
void gen_memory_destroy(struct gen_memory *memory);

/** Bytes that a pair of queues has. */
static inline uint64_t
gen_pair_bytes(const struct gen_memory *memory)
{
	return (uint64_t)memory->nb_buffers * (memory->stride_bytes[0] + memory->stride_bytes[1]);
}

/** One virtqueue as its driver sees it. Owned by one lcore. */
struct gen_queue {
	/* Fixed while a measurement lasts. */
	struct vu_vring_guest *ring; /* NULL: the three fields at the end instead */
	const struct frame_sizes *sizes;
	uint8_t *buffers;
	uint32_t stride_bytes;       /* from one buffer to the next */
	uint32_t room_bytes;         /* of a buffer to be written to, header included */
	uint32_t nb_buffers;         /* a power of two */
	uint32_t idx;                /* of all queues; even: to guest, odd: from guest */
	uint32_t device_idx;
	uint32_t queue_idx;          /* in its device; even and odd as idx */
	uint32_t port;               /* for the addresses of frames */
	uint32_t max_frames;         /* that the buffers have room for, however long they are */
	bool is_mergeable;
	struct {
		uint8_t header[BENCH_HEADER_BYTES];
		struct rte_ether_addr addresses[2];
	} prefix;                    /* of every frame from the guest */

	/* Owner. */
	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t nb_given; /* buffers made available */
	uint64_t nb_back;            /* buffers that came back */
	uint64_t nb_frames;          /* sent, or received whole */
	uint64_t nb_faults;          /* buffers or frames that came back wrong */
	uint32_t frame_bytes;        /* received so far of a frame in several buffers */
	uint32_t nb_left;            /* buffers of it still to come */

	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t given; /* buffers; generator writes */
	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t used;  /* back-end writes */
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t *lens; /* bytes in each buffer, header included */
};

/** Devices of one guest: as many as its queue pairs need. */
static inline uint32_t
gen_nb_devices_per_guest(const struct bench_case *point)
{
	return (point->nb_pairs + GEN_MAX_PAIRS_PER_DEVICE - 1) / GEN_MAX_PAIRS_PER_DEVICE;
}

/** Devices of all guests; from guest to guest those of the sender come first. */
static inline uint32_t
gen_nb_devices(const struct bench_case *point)
{
	return gen_nb_devices_per_guest(point) *
		(point->direction == BENCH_GUEST_TO_GUEST ? 2 : 1);
}

/** Queue pairs of a device; the last one of a guest has the rest. */
static inline uint32_t
gen_nb_pairs(const struct bench_case *point, uint32_t device_idx)
{
	uint32_t first = device_idx % gen_nb_devices_per_guest(point) * GEN_MAX_PAIRS_PER_DEVICE;

	return RTE_MIN(point->nb_pairs - first, (uint32_t)GEN_MAX_PAIRS_PER_DEVICE);
}

static inline uint8_t *
gen_buffer(const struct gen_queue *gq, uint64_t number)
{
	return gq->buffers + (number & (gq->nb_buffers - 1)) * gq->stride_bytes;
}

/** Buffers that a frame takes. */
static inline uint32_t
gen_nb_buffers(const struct gen_queue *gq, uint32_t len_bytes)
{
	return (BENCH_HEADER_BYTES + len_bytes + gq->room_bytes - 1) / gq->room_bytes;
}

/**
 * Frames of a burst to send with a pair of queues, the one to the guest first: no more than find
 * room where they come out, because a switch drops the others.
 */
static inline uint16_t
gen_nb_fitting(const struct bench_case *point, const struct gen_queue *pair)
{
	uint64_t nb_out = pair[1].nb_frames - pair[0].nb_frames;

	if (!bench_is_through(point))
		return (uint16_t)point->burst;
	return (uint16_t)RTE_MIN((uint64_t)point->burst, pair[0].max_frames - nb_out);
}

/** Send up to nb frames. @return frames sent; less than nb if buffers are still out */
uint16_t gen_send(struct gen_queue *gq, uint16_t nb);

/** Take buffers back after sending, without sending more. */
void gen_take_back(struct gen_queue *gq);

/** Receive and make the buffers available again. @return frames, at most about BENCH_MAX_BURST */
uint16_t gen_receive(struct gen_queue *gq);

/** Make all buffers of a queue to the guest available for the first time. */
void gen_post(struct gen_queue *gq);

#endif /* GENERATOR_H */
