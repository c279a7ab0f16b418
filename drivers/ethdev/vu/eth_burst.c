/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bursts of a port: those of the net device, and what ethdev adds to them. Polling.
 */
#include "eth.h"

#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_net.h>
#include <rte_pause.h>
#include <rte_tcp.h>

#include "vu_atomic.h"

/* rte_vhost's size classes, which are those of RFC 2819. */
static inline enum eth_size
size_class(uint32_t len_bytes)
{
	if (len_bytes < 64)
		return ETH_SIZE_UNDER;
	if (len_bytes == 64)
		return ETH_SIZE_64;
	if (len_bytes < 1024)
		return ETH_SIZE_65 + (rte_fls_u32(len_bytes) - 7);
	return len_bytes < 1519 ? ETH_SIZE_1024 : ETH_SIZE_1519;
}

static __rte_noinline void
count_sizes(struct eth_queue *eq, struct rte_mbuf **frames, uint16_t nb_frames)
{
	for (uint16_t i = 0; i < nb_frames; i++) {
		const struct rte_ether_addr *to =
			rte_pktmbuf_mtod(frames[i], const struct rte_ether_addr *);

		vu_counter_add(&eq->nb_sizes[size_class(frames[i]->pkt_len)], 1);
		if (rte_is_broadcast_ether_addr(to))
			vu_counter_add(&eq->nb_sizes[ETH_SIZE_BROADCAST], 1);
		else if (rte_is_multicast_ether_addr(to))
			vu_counter_add(&eq->nb_sizes[ETH_SIZE_MULTICAST], 1);
	}
}

/* rte_vlan_strip() checks no length: in a shorter frame it finds what the mbuf held before. */
static inline void
strip_tag(struct rte_mbuf *frame)
{
	if (frame->data_len >= RTE_ETHER_HDR_LEN + sizeof(struct rte_vlan_hdr))
		rte_vlan_strip(frame);
}

static __rte_noinline void
rx_work(struct eth_queue *eq, struct rte_mbuf **frames, uint16_t nb_frames)
{
	const uint32_t work = vu_load(&eq->work);

	if ((work & ETH_WORK_MONITOR) != 0)
		eth_monitor_end(eq);
	if ((work & ETH_WORK_SIZES) != 0)
		count_sizes(eq, frames, nb_frames);
	for (uint16_t i = 0; i < nb_frames && (work & ETH_WORK_VLAN) != 0; i++)
		strip_tag(frames[i]);
}

uint16_t
eth_rx_burst(void *rxq, struct rte_mbuf **frames, uint16_t nb_frames)
{
	struct eth_queue *eq = rxq;
	uint16_t nb = vu_net_from_guest_burst(eq->queue, frames, nb_frames);

	if (unlikely(vu_load(&eq->work) != 0))
		rx_work(eq, frames, nb);
	return nb;
}

/*
 * MBUF_FAST_FREE promises direct mbufs of one segment, from one pool. testpmd sets it by default
 * and still sends chains and external buffers.
 */
static inline bool
tx_is_fast(const struct eth_queue *eq, struct rte_mbuf *const *frames, uint16_t nb_frames)
{
	uint64_t flags = 0;
	uint32_t nb_segs = 0;

	if (!eq->is_fast_free || nb_frames == 0)
		return false;
	for (uint16_t i = 0; i < nb_frames; i++) {
		nb_segs += frames[i]->nb_segs;
		flags |= frames[i]->ol_flags;
	}
	return nb_segs == nb_frames &&
		(flags & (RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT)) == 0;
}

static inline void
tx_free(const struct eth_queue *eq, struct rte_mbuf **frames, uint16_t nb_frames)
{
	if (tx_is_fast(eq, frames, nb_frames))
		rte_mempool_put_bulk(frames[0]->pool, (void **)frames, nb_frames);
	else
		rte_pktmbuf_free_bulk(frames, nb_frames);
}

/* Send to a shared ring, the queue's own or another one: eth_remap.c. */
static uint16_t
tx_shared(struct eth_queue *to, struct rte_mbuf **frames, uint16_t nb_frames)
{
	uint16_t nb;

	rte_ticketlock_lock(&to->lock);
	nb = vu_net_to_guest_burst_shared(to->queue, frames, nb_frames);
	rte_ticketlock_unlock(&to->lock);
	return nb;
}

/*
 * The ring is full or shared: try a few times, because applications such as Open vSwitch never try
 * again. Frames that find no room stay with the application.
 */
static __rte_noinline uint16_t
tx_retry(struct eth_queue *eq, struct rte_mbuf **frames, uint16_t nb_frames)
{
	struct eth_queue *to = vu_load_acquire(&eq->to); /* pairs with the release in remap() */
	uint16_t done = to != NULL ? tx_shared(to, frames, nb_frames) : 0;
	/* Without a link nobody makes room. */
	const unsigned int nb_tries = vu_load(&eq->port->is_link_up) ? ETH_TX_RETRIES : 0;

	for (unsigned int i = 0; i < nb_tries && done < nb_frames; i++) {
		rte_pause();
		done += to != NULL ? tx_shared(to, &frames[done], nb_frames - done) :
			vu_net_to_guest_burst(eq->queue, &frames[done], nb_frames - done);
	}
	eq->nb_full += nb_frames - done;
	return done;
}

static inline uint16_t
tx_send(struct eth_queue *eq, struct rte_mbuf **frames, uint16_t nb_frames)
{
	uint16_t done = vu_net_to_guest_burst(eq->queue, frames, nb_frames);

	if (unlikely(done != nb_frames))
		done += tx_retry(eq, &frames[done], nb_frames - done);
	if (unlikely((eq->work & ETH_WORK_SIZES) != 0))
		count_sizes(eq, frames, done);
	tx_free(eq, frames, done);
	return done;
}

/* Insert tags; a frame that has no room for its tag is dropped. */
static __rte_noinline uint16_t
tx_send_tagged(struct eth_queue *eq, struct rte_mbuf **frames, uint16_t nb_frames)
{
	uint16_t done = 0;

	while (done < nb_frames) {
		uint16_t end = done;

		while (end < nb_frames && ((frames[end]->ol_flags & RTE_MBUF_F_TX_VLAN) == 0 ||
				rte_vlan_insert(&frames[end]) == 0))
			end++;
		done += tx_send(eq, &frames[done], end - done);
		if (done != end || end == nb_frames)
			break;
		rte_pktmbuf_free(frames[done++]);
		eq->nb_vlan_drops++;
	}
	return done;
}

uint16_t
eth_tx_burst(void *txq, struct rte_mbuf **frames, uint16_t nb_frames)
{
	struct eth_queue *eq = txq;

	if (unlikely((eq->work & ETH_WORK_VLAN) != 0))
		return tx_send_tagged(eq, frames, nb_frames);
	return tx_send(eq, frames, nb_frames);
}

/*
 * Guests and our software offloads need two things that ethdev leaves open: the checksum of the IP
 * header, and for a segmented frame a pseudo header with its length (VIRTIO 1.2, 5.1.6.2).
 */
static void
prepare_headers(struct rte_mbuf *frame)
{
	const bool is_segmented = (frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
	uint8_t *l3 = rte_pktmbuf_mtod_offset(frame, uint8_t *, frame->l2_len);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(l3 + frame->l3_len);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)l3;

	if ((frame->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0) {
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
		frame->ol_flags &= ~RTE_MBUF_F_TX_IP_CKSUM;
	}
	if (is_segmented)
		tcp->cksum = (frame->ol_flags & RTE_MBUF_F_TX_IPV4) != 0 ?
			rte_ipv4_phdr_cksum(ip, 0) :
			rte_ipv6_phdr_cksum((struct rte_ipv6_hdr *)l3, 0);
}

static int
prepare_frame(struct rte_mbuf *frame)
{
	const uint64_t done = RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK |
		RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 |
		RTE_MBUF_F_TX_VLAN;
	int rc;

	if ((frame->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK & ~done) != 0 ||
			(frame->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_SCTP_CKSUM)
		return -ENOTSUP;
	if ((frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0 && frame->tso_segsz == 0)
		return -EINVAL;
	rc = rte_net_intel_cksum_prepare(frame);
	if (rc == 0)
		prepare_headers(frame);
	return rc;
}

uint16_t
eth_tx_prepare(void *txq, struct rte_mbuf **frames, uint16_t nb_frames)
{
	(void)txq;
	for (uint16_t i = 0; i < nb_frames; i++) {
		int rc = prepare_frame(frames[i]);

		if (rc != 0) {
			rte_errno = -rc;
			return i;
		}
	}
	return nb_frames;
}

vu_eth_queue_count
eth_rx_queue_count(void *rxq)
{
	const struct eth_queue *eq = rxq;

	return vu_net_nb_waiting(eq->queue);
}

int
eth_rx_descriptor_status(void *rxq, uint16_t offset)
{
	const struct eth_queue *eq = rxq;

	return offset < vu_net_nb_waiting(eq->queue) ? RTE_ETH_RX_DESC_DONE :
		RTE_ETH_RX_DESC_AVAIL;
}

/* Sent frames belong to the guest at once: no descriptor waits for completion. */
int
eth_tx_descriptor_status(void *txq, uint16_t offset)
{
	const struct eth_queue *eq = txq;

	return offset < vu_net_nb_waiting(eq->queue) ? RTE_ETH_TX_DESC_DONE :
		RTE_ETH_TX_DESC_FULL;
}
