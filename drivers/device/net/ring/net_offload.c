/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The header in front of a frame, to and from mbuf fields; see net_offload.h. A guest may write
 * anything into its headers and its frames: lengths are checked against the frame as it was copied,
 * in 32 bits, where the sum of two 16-bit fields cannot wrap.
 */
#include "net_offload.h"

#include <string.h>


#define MAX_VLAN_TAGS 4
#define MAX_IPV6_EXTENSIONS 5
#define MAX_L3_BYTES 511 /* of the mbuf's l3_len */

#define HOST_TSO (RTE_BIT64(VIRTIO_NET_F_HOST_TSO4) | RTE_BIT64(VIRTIO_NET_F_HOST_TSO6))
#define GUEST_TSO (RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6))

/* A feature and those of which it needs one (VIRTIO 1.2, 5.1.3.1); needed ones come first. */
static const struct offload_rule {
	unsigned int feature; /* VIRTIO_NET_F_* */
	uint64_t needs; /* 0: nothing */
} offload_rules[] = {
	{ VIRTIO_NET_F_CSUM, 0 },
	{ VIRTIO_NET_F_GUEST_CSUM, 0 },
	{ VIRTIO_NET_F_HOST_TSO4, RTE_BIT64(VIRTIO_NET_F_CSUM) },
	{ VIRTIO_NET_F_HOST_TSO6, RTE_BIT64(VIRTIO_NET_F_CSUM) },
	{ VIRTIO_NET_F_HOST_ECN, HOST_TSO },
	{ VIRTIO_NET_F_GUEST_TSO4, RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) },
	{ VIRTIO_NET_F_GUEST_TSO6, RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) },
	{ VIRTIO_NET_F_GUEST_ECN, GUEST_TSO },
};

uint64_t
net_offload_offered(void)
{
	uint64_t features = 0;

	for (unsigned int i = 0; i < RTE_DIM(offload_rules); i++)
		features |= RTE_BIT64(offload_rules[i].feature);
	return features;
}

uint64_t
net_offload_effective(uint64_t features)
{
	uint64_t effective = 0;

	for (unsigned int i = 0; i < RTE_DIM(offload_rules); i++) {
		const struct offload_rule *rule = &offload_rules[i];

		if (rule->needs == 0 || (effective & rule->needs) != 0)
			effective |= features & RTE_BIT64(rule->feature);
	}
	return effective;
}

/* Headers of a frame, all in its first segment. */
struct frame_headers {
	uint16_t l2_bytes;
	uint16_t l3_bytes;
	uint8_t l4_proto;
	bool is_ipv4;
};

static inline uint16_t
be16_at(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

/* Skip Ethernet header and VLAN tags. @return type of what follows; 0: too short */
static uint16_t
headers_l2(struct frame_headers *headers, const uint8_t *data, uint32_t len_bytes)
{
	uint32_t offset = offsetof(struct rte_ether_hdr, ether_type);

	for (unsigned int i = 0; i <= MAX_VLAN_TAGS && len_bytes >= offset + 2; i++) {
		uint16_t type = be16_at(data + offset);

		if (type != RTE_ETHER_TYPE_VLAN && type != RTE_ETHER_TYPE_QINQ) {
			headers->l2_bytes = (uint16_t)(offset + 2);
			return type;
		}
		offset += sizeof(struct rte_vlan_hdr);
	}
	return 0;
}

static bool
headers_ipv4(struct frame_headers *headers, const uint8_t *data, uint32_t len_bytes)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)data;

	if (len_bytes < sizeof(*ip) || ip->version_ihl >> 4 != 4)
		return false;
	headers->is_ipv4 = true;
	headers->l3_bytes = rte_ipv4_hdr_len(ip);
	headers->l4_proto = ip->next_proto_id;
	return headers->l3_bytes >= sizeof(*ip) && (rte_be_to_cpu_16(ip->fragment_offset) &
		(RTE_IPV4_HDR_OFFSET_MASK | RTE_IPV4_HDR_MF_FLAG)) == 0;
}

static bool
headers_ipv6(struct frame_headers *headers, const uint8_t *data, uint32_t len_bytes)
{
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)data;
	uint32_t offset = sizeof(*ip);

	if (len_bytes < sizeof(*ip) || data[0] >> 4 != 6)
		return false;
	headers->is_ipv4 = false;
	headers->l4_proto = ip->proto;
	for (unsigned int i = 0; i < MAX_IPV6_EXTENSIONS; i++) {
		if (headers->l4_proto != IPPROTO_HOPOPTS &&
				headers->l4_proto != IPPROTO_ROUTING &&
				headers->l4_proto != IPPROTO_DSTOPTS)
			break;
		if (len_bytes < offset + 2)
			return false;
		headers->l4_proto = data[offset];
		offset += (data[offset + 1] + 1) * 8;
	}
	headers->l3_bytes = (uint16_t)offset;
	return offset <= MAX_L3_BYTES;
}

/* Find the transport header of a frame; false: nothing that an mbuf could describe. */
static bool
headers_find(struct frame_headers *headers, const struct rte_mbuf *frame)
{
	const uint8_t *data = rte_pktmbuf_mtod(frame, const uint8_t *);
	uint16_t type = headers_l2(headers, data, frame->data_len);

	if (type == RTE_ETHER_TYPE_IPV4)
		return headers_ipv4(headers, data + headers->l2_bytes,
			frame->data_len - headers->l2_bytes);
	if (type == RTE_ETHER_TYPE_IPV6)
		return headers_ipv6(headers, data + headers->l2_bytes,
			frame->data_len - headers->l2_bytes);
	return false;
}

static uint8_t *
frame_byte(struct rte_mbuf *frame, uint32_t offset)
{
	while (offset >= frame->data_len) {
		offset -= frame->data_len;
		frame = frame->next;
	}
	return rte_pktmbuf_mtod_offset(frame, uint8_t *, offset);
}

/*
 * Sum over all bytes from `start` on. rte_raw_cksum_mbuf() of DPDK 22.11 loses carries where a
 * segment begins at an odd byte of the sum.
 */
static uint16_t
frame_sum(const struct rte_mbuf *frame, uint32_t start)
{
	uint32_t sum = 0;
	bool is_odd = false;

	for (; frame != NULL; frame = frame->next) {
		uint16_t piece_bytes, piece;

		if (start >= frame->data_len) {
			start -= frame->data_len;
			continue;
		}
		piece_bytes = (uint16_t)(frame->data_len - start);
		piece = rte_raw_cksum(rte_pktmbuf_mtod_offset(frame, const uint8_t *, start),
			piece_bytes);
		sum += is_odd ? rte_bswap16(piece) : piece;
		is_odd ^= piece_bytes % 2 != 0;
		start = 0;
	}
	return __rte_raw_cksum_reduce(sum);
}

void
net_checksum_fill(struct rte_mbuf *frame, uint32_t start, uint32_t offset)
{
	uint16_t sum = frame_sum(frame, start);
	uint8_t bytes[NET_CSUM_BYTES];

	/* Both mean zero, but to UDP the other one means that there is none. */
	sum = sum == UINT16_MAX ? UINT16_MAX : (uint16_t)~sum;
	memcpy(bytes, &sum, sizeof(bytes));
	for (unsigned int i = 0; i < NET_CSUM_BYTES; i++)
		*frame_byte(frame, start + offset + i) = bytes[i];
}

/* Does a checksum of these fields lie in the frame? */
static inline bool
csum_is_inside(const struct rte_mbuf *frame, uint32_t start, uint32_t offset)
{
	return start <= frame->pkt_len && offset + NET_CSUM_BYTES <= frame->pkt_len - start;
}

/* Is it the checksum of that transport header? */
static inline bool
csum_is_of(const struct net_header *header, const struct frame_headers *headers, uint8_t proto,
	uint16_t offset)
{
	return headers->l4_proto == proto &&
		rte_le_to_cpu_16(header->csum_start) == headers->l2_bytes + headers->l3_bytes &&
		rte_le_to_cpu_16(header->csum_offset) == offset;
}

static void
frame_request(struct rte_mbuf *frame, const struct frame_headers *headers, uint64_t flags)
{
	frame->ol_flags |= flags | (headers->is_ipv4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
	frame->tx_offload = 0;
	frame->l2_len = headers->l2_bytes;
	frame->l3_len = headers->l3_bytes;
}

static void
take_checksum(struct rte_mbuf *frame, const struct net_header *header)
{
	struct frame_headers headers;
	bool is_known = headers_find(&headers, frame);

	if (is_known && csum_is_of(header, &headers, IPPROTO_TCP,
			offsetof(struct rte_tcp_hdr, cksum)))
		frame_request(frame, &headers, RTE_MBUF_F_TX_TCP_CKSUM);
	else if (is_known && csum_is_of(header, &headers, IPPROTO_UDP,
			offsetof(struct rte_udp_hdr, dgram_cksum)))
		frame_request(frame, &headers, RTE_MBUF_F_TX_UDP_CKSUM);
	else
		net_checksum_fill(frame, rte_le_to_cpu_16(header->csum_start),
			rte_le_to_cpu_16(header->csum_offset));
}

/* Was this kind of segmentation negotiated, and does it fit the frame? */
static bool
gso_is_allowed(uint64_t offloads, const struct net_header *header, bool is_ipv4)
{
	uint8_t type = is_ipv4 ? NET_GSO_TCPV4 : NET_GSO_TCPV6;
	uint64_t needs = RTE_BIT64(is_ipv4 ? VIRTIO_NET_F_HOST_TSO4 : VIRTIO_NET_F_HOST_TSO6);

	if ((header->gso_type & NET_GSO_ECN) != 0)
		needs |= RTE_BIT64(VIRTIO_NET_F_HOST_ECN);
	return (header->gso_type & ~NET_GSO_ECN) == type && (offloads & needs) == needs;
}

/* hdr_len is a hint that nobody needs (VIRTIO 1.2, 5.1.6.2.2): the frame itself is more exact. */
static bool
take_segments(uint64_t offloads, struct rte_mbuf *frame, const struct net_header *header)
{
	uint16_t gso_bytes = rte_le_to_cpu_16(header->gso_bytes);
	struct frame_headers headers;
	uint32_t l4_offset, end;
	uint8_t l4_bytes;

	if (gso_bytes == 0 || !headers_find(&headers, frame) ||
			!csum_is_of(header, &headers, IPPROTO_TCP,
				offsetof(struct rte_tcp_hdr, cksum)) ||
			!gso_is_allowed(offloads, header, headers.is_ipv4))
		return false;
	l4_offset = headers.l2_bytes + headers.l3_bytes;
	if (frame->data_len < l4_offset + sizeof(struct rte_tcp_hdr))
		return false;
	l4_bytes = (rte_pktmbuf_mtod_offset(frame, const struct rte_tcp_hdr *,
		l4_offset)->data_off & 0xf0) >> 2;
	end = l4_offset + l4_bytes;
	if (l4_bytes < sizeof(struct rte_tcp_hdr) || end > frame->data_len)
		return false;
	frame_request(frame, &headers, RTE_MBUF_F_TX_TCP_CKSUM);
	/* What fits one segment is no more than that. */
	if (frame->pkt_len - end <= gso_bytes)
		return true;
	frame->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | (headers.is_ipv4 ? RTE_MBUF_F_TX_IP_CKSUM : 0);
	frame->l4_len = l4_bytes;
	frame->tso_segsz = gso_bytes;
	return true;
}

bool
net_offload_from_header(uint64_t offloads, struct rte_mbuf *frame, const struct net_header *header)
{
	if ((header->flags & NET_HEADER_F_NEEDS_CSUM) == 0)
		return header->gso_type == NET_GSO_NONE;
	if (!csum_is_inside(frame, rte_le_to_cpu_16(header->csum_start),
			rte_le_to_cpu_16(header->csum_offset)))
		return false;
	if (header->gso_type != NET_GSO_NONE)
		return take_segments(offloads, frame, header);
	take_checksum(frame, header);
	return true;
}

bool
net_offload_lacks_ip_checksum(const struct rte_mbuf *frame)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(frame, const struct rte_ipv4_hdr *,
		frame->l2_len);

	if ((frame->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) == 0)
		return false;
	/* With its checksum a header adds up to nothing. */
	return frame->data_len < frame->l2_len + sizeof(*ip) ||
		frame->data_len < frame->l2_len + rte_ipv4_hdr_len(ip) ||
		rte_ipv4_cksum(ip) != 0;
}

bool
net_offload_is_segmented(const struct rte_mbuf *frame)
{
	return (frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0 &&
		frame->pkt_len > (uint32_t)frame->l2_len + frame->l3_len + frame->l4_len +
			frame->tso_segsz;
}

bool
net_offload_has_headers(const struct rte_mbuf *frame)
{
	return (frame->ol_flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6)) != 0 &&
		frame->tso_segsz != 0 && frame->l4_len >= sizeof(struct rte_tcp_hdr) &&
		frame->data_len >= frame->l2_len + frame->l3_len + frame->l4_len;
}

bool
net_offload_to_header_segments(
	uint64_t offloads, const struct rte_mbuf *frame, struct net_header *header)
{
	bool is_ipv4 = (frame->ol_flags & RTE_MBUF_F_TX_IPV4) != 0;
	uint64_t needs = RTE_BIT64(is_ipv4 ? VIRTIO_NET_F_GUEST_TSO4 : VIRTIO_NET_F_GUEST_TSO6);
	const struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(frame, const struct rte_tcp_hdr *,
		frame->l2_len + frame->l3_len);

	if (!net_offload_has_headers(frame))
		return false;
	header->gso_type = is_ipv4 ? NET_GSO_TCPV4 : NET_GSO_TCPV6;
	/* Congestion window reduced: only the first segment may carry it. */
	if ((tcp->tcp_flags & RTE_TCP_CWR_FLAG) != 0) {
		header->gso_type |= NET_GSO_ECN;
		needs |= RTE_BIT64(VIRTIO_NET_F_GUEST_ECN);
	}
	header->gso_bytes = rte_cpu_to_le_16(frame->tso_segsz);
	header->header_bytes = rte_cpu_to_le_16((uint16_t)(frame->l2_len + frame->l3_len +
		frame->l4_len));
	return (offloads & needs) == needs;
}

/* Fill in where the checksum goes; false: not there, or the guest cannot do it. */
static bool
put_checksum(uint64_t offloads, const struct rte_mbuf *frame, struct net_header *header)
{
	uint16_t start = frame->l2_len + frame->l3_len;
	uint16_t offset = net_offload_csum_offset(frame);

	if (offset == 0 || (offloads & RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM)) == 0 ||
			!csum_is_inside(frame, start, offset))
		return false;
	header->flags = NET_HEADER_F_NEEDS_CSUM;
	header->csum_start = rte_cpu_to_le_16(start);
	header->csum_offset = rte_cpu_to_le_16(offset);
	return true;
}

bool
net_offload_to_header(uint64_t offloads, const struct rte_mbuf *frame, struct net_header *header)
{
	uint64_t flags = frame->ol_flags;

	memset(header, 0, sizeof(*header));
	if ((flags & NET_TX_UNKNOWN) != 0 || net_offload_lacks_ip_checksum(frame))
		return false;
	if ((flags & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)) != 0)
		return put_checksum(offloads, frame, header) && (!net_offload_is_segmented(frame) ||
			net_offload_to_header_segments(offloads, frame, header));
	if ((flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD &&
			(offloads & RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM)) != 0)
		header->flags = NET_HEADER_F_DATA_VALID;
	return true;
}
