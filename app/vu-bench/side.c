/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A back half and its front half; see side.h.
 */
#include "side.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_errno.h>

static int
side_connect(struct side *side, const struct side_conf *conf)
{
	struct front_conf front_conf = {
		.point = conf->point, .sizes = conf->sizes, .memory = conf->memory,
		.ops = side->ops, .back = side->back,
		.first_port = conf->number * FRONT_MAX_DEVICES_PER_GUEST,
	};
	int rc = front_open(&side->front, &front_conf);

	if (rc != 0)
		return rc;
	side->handles = calloc(2 * side->front.nb_pairs, sizeof(*side->handles));
	side->numbers = calloc(side->front.nb_pairs, sizeof(*side->numbers));
	if (side->handles == NULL || side->numbers == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < 2 * side->front.nb_pairs; i++)
		side->handles[i] = side->ops->queue(side->back, &side->front.queues[i]);
	return 0;
}

int
side_open(struct side *side, const struct back_ops *ops, const struct side_conf *conf)
{
	struct back_conf back_conf = {
		.point = conf->point, .memory = conf->memory, .pool = conf->pool,
		.lcore_id = conf->lcore_id,
		.first_port = conf->number * FRONT_MAX_DEVICES_PER_GUEST,
		.folder = conf->folder,
		.has_vhost_stats = conf->has_vhost_stats,
	};

	*side = (struct side){ .ops = ops };
	side->back = ops->open(&back_conf);
	if (side->back == NULL)
		return -rte_errno;
	return side_connect(side, conf);
}

void
side_close(struct side *side)
{
	/* The front-ends first: their queues are stopped by message. */
	front_close(&side->front);
	if (side->back != NULL)
		side->ops->close(side->back);
	free(side->handles);
	free(side->numbers);
	*side = (struct side){ 0 };
}

static void
side_drain(struct side *side, uint32_t pair)
{
	struct rte_mbuf *frames[BENCH_MAX_BURST];
	struct front_queue *fq = &side->front.queues[2 * pair];
	uint16_t nb;

	do {
		nb = side->ops->from_guest(side->handles[2 * pair + 1], frames, BENCH_MAX_BURST);
		rte_pktmbuf_free_bulk(frames, nb);
		side->nb_taken += nb;
	} while (nb != 0);
	front_take_back(&fq[1]);
	while (front_receive(fq) != 0)
		;
}

static uint64_t
distance(uint64_t a, uint64_t b)
{
	return a < b ? b - a : a - b;
}

uint64_t
side_nb_lost(struct side *side)
{
	uint64_t nb_sent = 0, nb_received = 0, nb_faults = 0;

	for (uint32_t pair = 0; pair < side->front.nb_pairs; pair++) {
		const struct front_queue *fq = &side->front.queues[2 * pair];

		side_drain(side, pair);
		nb_received += fq[0].nb_frames;
		nb_sent += fq[1].nb_frames;
		nb_faults += fq[0].nb_faults + fq[1].nb_faults +
			distance(fq[1].nb_given, fq[1].nb_back);
		if (fq->ring != NULL)
			nb_faults += fq[0].ring->is_broken + fq[1].ring->is_broken;
	}
	return nb_faults + distance(nb_sent, side->nb_taken) +
		distance(side->nb_put, nb_received);
}
