/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames for an application that takes them as if a NIC had received them: what the guest asks for
 * becomes receive flags, or is done at once. Owner lcore.
 */
#include "net_offload.h"

#include <rte_mbuf_ptype.h>

static uint32_t
receive_packet_type(uint64_t request)
{
	uint32_t type = RTE_PTYPE_L2_ETHER;

	type |= (request & RTE_MBUF_F_TX_IPV4) != 0 ? RTE_PTYPE_L3_IPV4_EXT_UNKNOWN :
		RTE_PTYPE_L3_IPV6_EXT_UNKNOWN;
	return type | ((request & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM ?
		RTE_PTYPE_L4_UDP : RTE_PTYPE_L4_TCP);
}

void
net_receive_flags(const struct net_queue *nq, struct rte_mbuf **frames, uint16_t nb_frames)
{
	for (uint16_t i = 0; i < nb_frames; i++) {
		struct rte_mbuf *frame = frames[i];
		const uint64_t request = frame->ol_flags & NET_TX_REQUESTS;

		if (request == 0)
			continue;
		frame->packet_type = receive_packet_type(frame->ol_flags);
		if ((request & RTE_MBUF_F_TX_TCP_SEG) != 0) {
			frame->ol_flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
		} else if (nq->has_rx_checksum) {
			frame->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
		} else {
			net_checksum_fill(frame, frame->l2_len + frame->l3_len,
				net_offload_csum_offset(frame));
			frame->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		}
	}
}
