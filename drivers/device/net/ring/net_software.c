/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checksums and segmentation in software; see net_software.h.
 */
#include "net_software.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "net_offload.h"

static bool
segments_begin(struct net_software *work)
{
	const struct rte_mbuf *frame = work->frame;
	uint32_t header_bytes = frame->l2_len + frame->l3_len + frame->l4_len;
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(frame, const struct rte_ipv4_hdr *,
		frame->l2_len);
	bool is_ipv4 = (frame->ol_flags & RTE_MBUF_F_TX_IPV4) != 0;
	uint32_t l3_bytes = is_ipv4 ? sizeof(*ip) : sizeof(struct rte_ipv6_hdr);
	uint32_t nb_segments;

	/* A copy has so much room in front of its data. */
	if (!net_offload_has_headers(frame) || frame->l3_len < l3_bytes ||
			(is_ipv4 && rte_ipv4_hdr_len(ip) > frame->l3_len) ||
			header_bytes > RTE_PKTMBUF_HEADROOM)
		return false;
	nb_segments = (frame->pkt_len - header_bytes + frame->tso_segsz - 1) / frame->tso_segsz;
	if (nb_segments > NET_MAX_SEGMENTS)
		return false;
	work->header_bytes = (uint16_t)header_bytes;
	work->nb_segments = (uint16_t)nb_segments;
	return true;
}

/* Are the checksums that a frame asks for inside it? */
static bool
checksums_are_inside(const struct rte_mbuf *frame)
{
	uint32_t l4_offset = frame->l2_len + frame->l3_len;
	uint16_t csum_offset = net_offload_csum_offset(frame);
	bool has_l4 = (frame->ol_flags & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)) != 0;
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(frame, const struct rte_ipv4_hdr *,
		frame->l2_len);

	if (has_l4 && (csum_offset == 0 ||
			frame->pkt_len < l4_offset + csum_offset + sizeof(uint16_t)))
		return false;
	return (frame->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) == 0 ||
		(frame->data_len >= frame->l2_len + sizeof(*ip) &&
		rte_ipv4_hdr_len(ip) >= sizeof(*ip) &&
		frame->data_len >= frame->l2_len + rte_ipv4_hdr_len(ip));
}

bool
net_software_begin(struct net_software *work, const struct rte_mbuf *frame)
{
	struct net_header header;

	work->frame = frame;
	work->header_bytes = 0;
	work->nb_segments = 1;
	work->next_idx = 0;
	work->has_no_mbuf = false;
	if ((frame->ol_flags & NET_TX_UNKNOWN) != 0 || !checksums_are_inside(frame))
		return false;
	return !net_offload_is_segmented(frame) ||
		net_offload_to_header_segments(work->offloads, frame, &header) ||
		segments_begin(work);
}

/* Sum over addresses, protocol and length, which a TCP checksum begins with. */
static uint16_t
tcp_pseudo_sum(const uint8_t *ip, bool is_ipv4, uint16_t tcp_bytes)
{
	const rte_be16_t rest[] = { RTE_BE16(IPPROTO_TCP), rte_cpu_to_be_16(tcp_bytes) };
	uint32_t sum = is_ipv4 ?
		__rte_raw_cksum(ip + offsetof(struct rte_ipv4_hdr, src_addr), 8, 0) :
		__rte_raw_cksum(ip + offsetof(struct rte_ipv6_hdr, src_addr), 32, 0);

	return __rte_raw_cksum_reduce(__rte_raw_cksum(rest, sizeof(rest), sum));
}

static void
segment_fix_ip(struct rte_mbuf *segment, uint8_t *data, uint16_t idx)
{
	uint16_t l3_bytes = (uint16_t)(segment->pkt_len - segment->l2_len);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)data;

	if ((segment->ol_flags & RTE_MBUF_F_TX_IPV4) == 0) {
		((struct rte_ipv6_hdr *)data)->payload_len =
			rte_cpu_to_be_16(l3_bytes - (uint16_t)sizeof(struct rte_ipv6_hdr));
		return;
	}
	ip->total_length = rte_cpu_to_be_16(l3_bytes);
	ip->packet_id = rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(ip->packet_id) + idx));
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void
segment_fix_tcp(const struct net_software *work, struct rte_mbuf *segment,
	struct rte_tcp_hdr *tcp, uint16_t idx)
{
	uint32_t sent_bytes = (uint32_t)idx * work->frame->tso_segsz;

	tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + sent_bytes);
	if (idx != 0)
		tcp->tcp_flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
	if (idx != work->nb_segments - 1)
		tcp->tcp_flags &= (uint8_t)~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
	tcp->cksum = tcp_pseudo_sum(rte_pktmbuf_mtod_offset(segment, const uint8_t *,
		segment->l2_len), (segment->ol_flags & RTE_MBUF_F_TX_IPV4) != 0,
		(uint16_t)(segment->pkt_len - segment->l2_len - segment->l3_len));
}

/* The headers of the large frame, changed as TCP would have made them (RFC 9293). */
static struct rte_mbuf *
segment_make(const struct net_software *work, uint16_t idx)
{
	const struct rte_mbuf *frame = work->frame;
	uint32_t offset = work->header_bytes + (uint32_t)idx * frame->tso_segsz;
	struct rte_mbuf *segment = rte_pktmbuf_copy(frame, work->pool, offset, frame->tso_segsz);
	uint8_t *data;

	if (segment == NULL)
		return NULL;
	data = (uint8_t *)rte_pktmbuf_prepend(segment, work->header_bytes);
	memcpy(data, rte_pktmbuf_mtod(frame, const uint8_t *), work->header_bytes);
	segment->ol_flags &= ~(RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM);
	segment->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
	segment_fix_ip(segment, data + segment->l2_len, idx);
	segment_fix_tcp(work, segment, (struct rte_tcp_hdr *)(data + segment->l2_len +
		segment->l3_len), idx);
	return segment;
}

static void
copy_fix_ip(struct rte_mbuf *copy)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(copy, struct rte_ipv4_hdr *,
		copy->l2_len);

	if ((copy->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) == 0)
		return;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* The transport checksum, if the receiver cannot do it. */
static void
copy_fix_l4(uint64_t offloads, struct rte_mbuf *copy)
{
	uint16_t csum_offset = net_offload_csum_offset(copy);

	if (csum_offset == 0 || (offloads & RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM)) != 0)
		return;
	net_checksum_fill(copy, copy->l2_len + copy->l3_len, csum_offset);
	copy->ol_flags &= ~(RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG);
}

uint16_t
net_software_next(struct net_software *work, struct rte_mbuf **frames, uint16_t max)
{
	uint16_t nb = RTE_MIN(max, (uint16_t)(work->nb_segments - work->next_idx));
	uint16_t i;

	for (i = 0; i < nb && !work->has_no_mbuf; i++) {
		struct rte_mbuf *copy = work->header_bytes != 0 ?
			segment_make(work, work->next_idx) :
			rte_pktmbuf_copy(work->frame, work->pool, 0, UINT32_MAX);

		if (copy == NULL) {
			work->has_no_mbuf = true;
			break;
		}
		copy_fix_ip(copy);
		copy_fix_l4(work->offloads, copy);
		frames[i] = copy;
		work->next_idx++;
	}
	return i;
}
