/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is measured: one back-end with its generator, connected and ready to be driven.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include "backend.h"

struct subject {
	struct backend_conf conf;
	const struct backend_ops *ops;
	void *backend;
	struct vu_frontend **devices;
	unsigned int nb_devices;
	struct gen_queue *queues; /* 2 per pair: to guest, from guest */
	void **handles;           /* of the back-end, for queues */

	/* The lcore of the back-end. */
	uint64_t *numbers;        /* of the next frame to each pair */
	uint64_t nb_taken;        /* frames from the guest */
	uint64_t nb_put;          /* frames to the guest */
	uint32_t next_pair;
};

/**
 * Open a back-end, connect the generator to all its devices, start their queues, post receive
 * buffers.
 *
 * @return 0; -EOPNOTSUPP it does not offer what the point asks for; -errno. To be closed in any
 *         case
 */
int subject_open(struct subject *subject, const struct backend_ops *ops,
	const struct backend_conf *conf);
void subject_close(struct subject *subject);

/**
 * Let what is in the rings come out, and compare what went in with what came out.
 *
 * @return frames that are missing, and buffers and frames that came back wrong
 */
uint64_t subject_nb_lost(struct subject *subject);

#endif /* SUBJECT_H */
