/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The front half's connections with a back half, and the guest memory that all of them share.
 */
#ifndef FRONT_SESSION_H
#define FRONT_SESSION_H

#include "back.h"
#include "front.h"

/** The front half of one back half. */
struct front {
	struct vu_frontend **devices;
	unsigned int nb_devices;
	struct front_queue *queues; /* 2 per pair: to guest, from guest */
	uint32_t nb_pairs;
};

/**
 * Guest memory for a point of the axes.
 *
 * @return 0 or -errno
 */
int front_memory_create(struct front_memory *memory, const struct bench_case *point);
void front_memory_destroy(struct front_memory *memory);

/** What a front half is opened with. */
struct front_conf {
	const struct bench_case *point;
	const struct frame_sizes *sizes;
	const struct front_memory *memory;
	const struct back_ops *ops;
	void *back;
	uint32_t first_port; /* of its frames; one for each device of a guest */
};

/**
 * Connect to all devices of a back half and start their queues; receive buffers are posted.
 *
 * @return 0; -EOPNOTSUPP the back half does not offer what the point asks for; -errno
 */
int front_open(struct front *front, const struct front_conf *conf);
void front_close(struct front *front);

#endif /* FRONT_SESSION_H */
