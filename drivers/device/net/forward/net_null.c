/* SPDX-License-Identifier: BSD-3-Clause
 *
 * forward=null: frames are discarded. Owner lcore.
 */
#include "net_forward.h"

static void
null_send(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames,
	const struct net_look *look)
{
	(void)from;
	(void)look;
	rte_pktmbuf_free_bulk(frames, nb_frames);
}

const struct net_forward_ops net_forward_null = { .name = "null", .send = null_send };
