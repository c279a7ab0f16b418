/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One back half with its front half, ready to be driven.
 */
#ifndef SIDE_H
#define SIDE_H

#include "back.h"
#include "front_session.h"

/** What all sides of one measurement have in common. */
struct side_conf {
	const struct bench_case *point;
	const struct frame_sizes *sizes;
	const struct front_memory *memory;
	struct rte_mempool *pool;
	unsigned int lcore_id; /* of the back half */
	uint32_t number;       /* of this side: its frames have addresses of their own */
	const char *folder;    /* for sockets */
	bool has_vhost_stats;
};

struct side {
	const struct back_ops *ops;
	void *back;
	struct front front;
	void **handles;     /* of the back half, for front.queues */

	/* The lcore of the back half. */
	uint64_t *numbers;  /* of the next frame to each pair */
	uint64_t nb_taken;  /* frames from the guest */
	uint64_t nb_put;    /* frames to the guest */
	uint32_t next_pair;
};

/**
 * Open a back half and connect the front half to it.
 *
 * @return 0; -EOPNOTSUPP it does not offer what the point asks for; -errno. To be closed in any
 *         case
 */
int side_open(struct side *side, const struct back_ops *ops, const struct side_conf *conf);
void side_close(struct side *side);

/**
 * Let what is in the rings come out, and compare what went in with what came out.
 *
 * @return frames that are missing, and buffers and frames that came back wrong
 */
uint64_t side_nb_lost(struct side *side);

#endif /* SIDE_H */
