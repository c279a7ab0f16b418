/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of vu-bench share: the axes of a measurement, and one point of them.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_MAX_BURST 256
#define BENCH_MAX_PAIRS 1024
#define BENCH_MAX_FRAME_BYTES 9216
#define BENCH_MIN_FRAME_BYTES 60
#define BENCH_HEADER_BYTES 12u /* virtio_net_hdr of a modern device (VIRTIO 1.2, 5.1.6) */

enum bench_mode {
	BENCH_COST,    /* cycles per packet */
	BENCH_LATENCY, /* round trips of single frames */
	BENCH_NB_MODES
};

enum bench_backend {
	BENCH_VU,
	BENCH_VU_MBUF, /* guest to guest only: what BENCH_VU does without mbufs */
	BENCH_RTE_VHOST,
	BENCH_COPY,
	BENCH_NONE,    /* cost only */
	BENCH_EVENTFD, /* latency only */
	BENCH_NB_BACKENDS
};

enum bench_ring {
	BENCH_SPLIT,
	BENCH_PACKED,
};

enum bench_direction {
	BENCH_FROM_GUEST,
	BENCH_TO_GUEST,
	BENCH_BOTH, /* what comes from the guest goes back to it */
	BENCH_GUEST_TO_GUEST,
};

/* Frame sizes that are no single number. */
#define BENCH_SIZE_IMIX 0   /* 7 * 64, 4 * 594, 1 * 1518 bytes */
#define BENCH_SIZE_RANDOM 1 /* 60 to 1518 bytes */

/* One point of the axes; all members have one type, so that a table can fill them in. */
struct bench_case {
	uint32_t ring;         /* enum bench_ring */
	uint32_t direction;    /* enum bench_direction */
	uint32_t size_bytes;   /* of a frame, or BENCH_SIZE_* */
	uint32_t burst;        /* frames per call, 1..BENCH_MAX_BURST */
	uint32_t nb_pairs;     /* queue pairs of a guest; their queues are polled in turn */
	uint32_t nb_cores;     /* 1: generator and back-end on one lcore */
	uint32_t is_in_order;  /* 0 or 1, as the next ones */
	uint32_t is_mergeable;
	uint32_t has_offload;
	uint32_t has_calls;    /* the generator wants to be notified */
	uint32_t ring_size;    /* entries */
};

/* Does every frame that a guest sent come out at a guest? */
static inline bool
bench_is_through(const struct bench_case *point)
{
	return point->direction == BENCH_BOTH || point->direction == BENCH_GUEST_TO_GUEST;
}

#endif /* BENCH_H */
