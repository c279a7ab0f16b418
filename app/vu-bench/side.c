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
	};
	int rc = front_open(&side->front, &front_conf);

	if (rc != 0)
		return rc;
	side->handles = calloc(2 * side->front.nb_pairs, sizeof(*side->handles));
	if (side->handles == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < 2 * side->front.nb_pairs; i++)
		side->handles[i] = side->ops->queue(side->back, &side->front.queues[i]);
	return 0;
}

int
side_open(struct side *side, const struct back_ops *ops, const struct side_conf *conf)
{
	struct back_conf back_conf = {
		.point = conf->point, .pool = conf->pool, .lcore_id = conf->lcore_id,
		.folder = conf->folder,
		.nb_devices = (conf->point->nb_pairs + FRONT_MAX_PAIRS_PER_DEVICE - 1) /
			FRONT_MAX_PAIRS_PER_DEVICE,
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
	*side = (struct side){ 0 };
}
