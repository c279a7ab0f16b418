/* SPDX-License-Identifier: BSD-3-Clause
 *
 * forward=loopback and forward=macswap: frames go back to the guest. Owner lcore.
 */
#include "net_forward.h"

uint16_t
net_keep_whole(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames)
{
	uint16_t nb_kept = 0;

	for (uint16_t i = 0; i < nb_frames; i++) {
		if (likely(frames[i]->data_len >= RTE_ETHER_HDR_LEN))
			frames[nb_kept++] = frames[i];
		else
			net_drop(from, VU_DROP_TOO_SHORT, &frames[i], 1);
	}
	return nb_kept;
}

static void
swap_macs(struct rte_mbuf **frames, uint16_t nb_frames)
{
	for (uint16_t i = 0; i < nb_frames; i++) {
		struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frames[i], struct rte_ether_hdr *);
		struct rte_ether_addr dst = eth->dst_addr;

		eth->dst_addr = eth->src_addr;
		eth->src_addr = dst;
	}
}

void
net_echo_swapped(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames)
{
	nb_frames = net_keep_whole(from, frames, nb_frames);
	swap_macs(frames, nb_frames);
	net_deliver(from, from->port, frames, nb_frames);
}

static void
loopback_send(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames,
	const struct net_look *look)
{
	(void)look;
	net_deliver(from, from->port, frames, nb_frames);
}

static void
macswap_send(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames,
	const struct net_look *look)
{
	(void)look;
	net_echo_swapped(from, frames, nb_frames);
}

const struct net_forward_ops net_forward_loopback = { .name = "loopback", .send = loopback_send };
const struct net_forward_ops net_forward_macswap = { .name = "macswap", .send = macswap_send };
