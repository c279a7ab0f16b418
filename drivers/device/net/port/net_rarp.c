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
#include <rte_cycles.h>

#include "vu_log.h"

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

/* A front-end repeats an announcement for each queue pair, or as often as it likes. */
static bool
rarp_is_due(struct net_device *net)
{
	const uint64_t now = rte_rdtsc();

	if (net->rarp_tsc != 0 &&
			now - net->rarp_tsc < net->conf.rarp_ms * rte_get_tsc_hz() / MS_PER_S)
		return false;
	net->rarp_tsc = now;
	return true;
}

/* Another port's address is its guest's to announce; with mac= there is only one. */
static bool
rarp_send(struct net_device *net, const struct rte_ether_addr *addr, struct rte_mbuf *frame)
{
	if (net->conf.has_mac && !rte_is_same_ether_addr(addr, &net->conf.mac)) {
		rte_pktmbuf_free(frame);
		return false;
	}
	/* Shortest Ethernet frame, without its check sequence. */
	frame->data_len = RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN;
	frame->pkt_len = frame->data_len;
	rarp_fill(frame, addr);
	return net->port.ops->announce(&net->port, frame);
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
	if (!rarp_is_due(net)) {
		net->nb_rarp_dropped++;
		return 0;
	}
	frame = rte_pktmbuf_alloc(net->port.queues[1].ring.pool);
	if (frame == NULL)
		return -ENOMEM;
	if (rarp_send(net, &addr, frame))
		return 0;
	net->nb_rarp_dropped++;
	VU_LOG_LIMITED(vu_device_fault_log(dev), NET, WARNING,
		"%s: SEND_RARP not announced: " RTE_ETHER_ADDR_PRT_FMT " is not this port's",
		vu_device_name(dev), RTE_ETHER_ADDR_BYTES(&addr));
	return 0;
}
