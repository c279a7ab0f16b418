/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The front half of a measurement, the same for all back halves: a driver that polls, lean, which
 * touches of each frame what any driver touches, its header and its first cache line. Buffers are
 * used in turn and must come back in turn, as every back half here returns them. For a back half
 * without rings (`limit`) two counters stand for the ring.
 */
#ifndef FRONT_H
#define FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include "vu_vring_guest.h"

#include "bench.h"
#include "frame.h"

#define FRONT_MAX_PAIRS_PER_DEVICE 128
#define FRONT_MAX_DEVICES_PER_GUEST (BENCH_MAX_PAIRS / FRONT_MAX_PAIRS_PER_DEVICE)
#define FRONT_MAX_DEVICES (2 * FRONT_MAX_DEVICES_PER_GUEST)
#define FRONT_PREFIX_BYTES (BENCH_HEADER_BYTES + FRAME_ADDRESSES_BYTES)

/** Guest memory: all buffers of a measurement, seen by all back halves. */
struct front_memory {
	uint8_t *hva;
	uint64_t bytes;
	int fd;
	bool has_hugepages;
};

/** What stands for a ring where there is none. */
struct front_flow {
	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t given; /* buffers; front half writes */
	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t used;  /* back half writes */
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t *lens; /* bytes in each buffer, header included */
};

/** One virtqueue as its driver sees it. Owned by one lcore. */
struct front_queue {
	/* Fixed while a measurement lasts. */
	struct vu_vring_guest *ring; /* NULL: `flow` instead */
	struct front_flow flow;
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
	uint8_t prefix[FRONT_PREFIX_BYTES]; /* of every frame from the guest */

	/* Owner. */
	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t nb_given; /* buffers made available */
	uint64_t nb_back;            /* buffers that came back */
	uint64_t nb_frames;          /* sent, or received whole */
	uint64_t nb_faults;          /* buffers or frames that came back wrong */
	uint32_t frame_bytes;        /* received so far of a frame in several buffers */
	uint32_t nb_left;            /* buffers of it still to come */
};

/** Devices of one guest: as many as its queue pairs need. */
static inline uint32_t
front_nb_devices_per_guest(const struct bench_case *point)
{
	return (point->nb_pairs + FRONT_MAX_PAIRS_PER_DEVICE - 1) / FRONT_MAX_PAIRS_PER_DEVICE;
}

/** Devices of all guests; from guest to guest those of the sender come first. */
static inline uint32_t
front_nb_devices(const struct bench_case *point)
{
	return front_nb_devices_per_guest(point) *
		(point->direction == BENCH_GUEST_TO_GUEST ? 2 : 1);
}

/** Queue pairs of a device; the last one of a guest has the rest. */
static inline uint32_t
front_nb_pairs(const struct bench_case *point, uint32_t device_idx)
{
	uint32_t first = device_idx % front_nb_devices_per_guest(point) *
		FRONT_MAX_PAIRS_PER_DEVICE;

	return RTE_MIN(point->nb_pairs - first, (uint32_t)FRONT_MAX_PAIRS_PER_DEVICE);
}

static inline uint8_t *
front_buffer(const struct front_queue *fq, uint64_t number)
{
	return fq->buffers + (number & (fq->nb_buffers - 1)) * fq->stride_bytes;
}

/**
 * Frames of a burst that will find room where they come out, behind those that are on the way: a
 * switch drops the others.
 *
 * @param pair   the two queues of a pair; what the second one sends the first one receives
 * @param burst  frames
 */
static inline uint16_t
front_nb_fitting(const struct front_queue *pair, uint16_t burst)
{
	uint64_t nb_out = pair[1].nb_frames - pair[0].nb_frames;

	return (uint16_t)RTE_MIN((uint64_t)burst, pair[0].max_frames - nb_out);
}

/**
 * Send frames: take back what the back half is through with, then fill buffers and publish them.
 *
 * @param fq  queue from the guest
 * @param nb  frames
 * @return frames sent; less than nb if buffers are still out
 */
uint16_t front_send(struct front_queue *fq, uint16_t nb);

/** Take buffers back after sending, without sending more. */
void front_take_back(struct front_queue *fq);

/**
 * Receive: look at the frames in used buffers and make those buffers available again.
 *
 * @param fq  queue to the guest
 * @return frames received, at most about BENCH_MAX_BURST
 */
uint16_t front_receive(struct front_queue *fq);

/** Make all buffers of a queue to the guest available for the first time. */
void front_post(struct front_queue *fq);

#endif /* FRONT_H */
