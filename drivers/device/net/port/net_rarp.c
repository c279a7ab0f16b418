/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SEND_RARP: a guest that came here by migration cannot announce itself, so the device sends the
 * reverse ARP request in its name (RFC 903). The switch learns the guest's new port from it.
 * Control lcore.
 */
#include "net_port.h"

#include <errno.h>
#include <string.h>

#include <rte_arp.h>

static void
rarp_fill(struct rte_mbuf *frame, const struct rte_ether_addr *mac)
{
	struct rte_ether_hdr *ether = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);
	struct rte_arp_hdr *rarp = (struct rte_arp_hdr *)(ether + 1);

	memset(ether, 0, frame->data_len);
	memset(&ether->dst_addr, 0xff, sizeof(ether->dst_addr));
	rte_ether_addr_copy(mac, &ether->src_addr);
	ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_RARP);
	rarp->arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
	rarp->arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	rarp->arp_hlen = RTE_ETHER_ADDR_LEN;
	rarp->arp_plen = sizeof(rte_be32_t);
	rarp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REVREQUEST);
	rte_ether_addr_copy(mac, &rarp->arp_data.arp_sha);
	rte_ether_addr_copy(mac, &rarp->arp_data.arp_tha);
}

int
net_send_rarp(struct vu_device *dev, const uint8_t *mac)
{
	struct net_device *net = vu_device_priv(dev);
	struct rte_ether_addr addr;
	struct rte_mbuf *frame;

	memcpy(&addr, mac, sizeof(addr));
	if (net->port.ops->announce == NULL)
		return -EOPNOTSUPP;
	if (!rte_is_valid_assigned_ether_addr(&addr))
		return -EINVAL;
	frame = rte_pktmbuf_alloc(net->port.queues[1].ring.pool);
	if (frame == NULL)
		return -ENOMEM;
	/* Shortest Ethernet frame, without its check sequence. */
	frame->data_len = RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN;
	frame->pkt_len = frame->data_len;
	rarp_fill(frame, &addr);
	net->port.ops->announce(&net->port, frame);
	return 0;
}
