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
	const char *folder;    /* for sockets */
};

struct side {
	const struct back_ops *ops;
	void *back;
	struct front front;
	void **handles; /* of the back half, for front.queues */
};

/**
 * Open a back half and connect the front half to it.
 *
 * @return 0; -EOPNOTSUPP it does not offer what the point asks for; -errno. To be closed in any
 *         case
 */
int side_open(struct side *side, const struct back_ops *ops, const struct side_conf *conf);
void side_close(struct side *side);

#endif /* SIDE_H */
