/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the virtio-net device driver: the header in front of each frame (VIRTIO 1.2, 5.1.6)
 * and its checksum and segmentation fields, to and from mbuf fields. A frame that a guest
 * sends unfinished carries a transmit request (RTE_MBUF_F_TX_*), as an ethdev would take it; where
 * it leaves to a guest, the request becomes that guest's header again, or net_software.c fulfils
 * it. Any function here: owner lcore of the queue.
 */
#ifndef NET_OFFLOAD_H
#define NET_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "net_queue.h"

/* The header without the number of buffers. */
struct net_header {
	uint8_t flags;
	uint8_t gso_type;
	rte_le16_t header_bytes;
	rte_le16_t gso_bytes;
	rte_le16_t csum_start;
	rte_le16_t csum_offset; /* from csum_start */
} __attribute__((packed)); /* newer DPDK has no __rte_packed */

#define NET_HEADER_MAX_BYTES 12 /* with the number of buffers */
#define NET_HEADER_F_NEEDS_CSUM 1
#define NET_HEADER_F_DATA_VALID 2
#define NET_GSO_NONE 0
#define NET_GSO_TCPV4 1
#define NET_GSO_TCPV6 4
#define NET_GSO_ECN 0x80

#define NET_CSUM_BYTES 2

/* Requests that neither a header can express nor software fulfils. */
#define NET_TX_UNKNOWN (RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_OUTER_IP_CKSUM | \
	RTE_MBUF_F_TX_OUTER_UDP_CKSUM | RTE_MBUF_F_TX_TUNNEL_MASK)
/* Requests that a frame must not leave with, unless its header can express them. */
#define NET_TX_REQUESTS (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | \
	NET_TX_UNKNOWN)
/* All that can make a header to a guest differ from zero. */
#define NET_OFFLOAD_FLAGS (NET_TX_REQUESTS | RTE_MBUF_F_RX_L4_CKSUM_MASK)

/**
 * Offload features that count: one without those it builds on counts as not negotiated (VIRTIO 1.2,
 * 5.1.3.1).
 */
uint64_t net_offload_effective(uint64_t features);

/** Offload features that a device offers. */
uint64_t net_offload_offered(void);

/*
 * Read the header of a buffer, each byte once: volatile keeps the compiler from reading again what
 * the guest may have changed.
 */
static __rte_always_inline void
net_header_read(struct net_header *header, const uint8_t *hva)
{
	struct header_words {
		uint64_t low;
		uint16_t high;
	} __attribute__((packed)); /* newer DPDK has no __rte_packed */
	const volatile struct header_words *words = (const volatile struct header_words *)hva;
	const struct header_words copy = { words->low, words->high };

	_Static_assert(sizeof(copy) == sizeof(*header), "two loads");
	memcpy(header, &copy, sizeof(*header));
}

/** Does a header ask for anything, if such features were negotiated? */
static __rte_always_inline bool
net_header_has_request(const struct net_header *header)
{
	return (header->flags & NET_HEADER_F_NEEDS_CSUM) != 0 || header->gso_type != NET_GSO_NONE;
}

/**
 * Put into mbuf fields what a guest's header asks for. What they cannot express, a checksum
 * anywhere in the frame, is done at once.
 *
 * @param offloads  net_offload_effective() with VIRTIO_NET_F_CSUM
 * @param frame     nobody else's yet
 * @param header    a copy; each field is checked before use
 * @return false: the header contradicts the frame or what was negotiated
 */
bool net_offload_from_header(
	uint64_t offloads, struct rte_mbuf *frame, const struct net_header *header);

/**
 * Make the header of a frame for a guest.
 *
 * @param offloads  net_offload_effective()
 * @param frame     not changed
 * @param header    filled if true
 * @return false: it asks for what this guest cannot take; software has to do it first
 */
bool net_offload_to_header(
	uint64_t offloads, const struct rte_mbuf *frame, struct net_header *header);

/** Fill in what a receiver of large frames needs to know; false: this guest is none. */
bool net_offload_to_header_segments(uint64_t offloads, const struct rte_mbuf *frame,
	struct net_header *header);

/**
 * Write the checksum of all bytes from `start` on into the two bytes at start + offset, which hold
 * what else belongs to the sum.
 *
 * @param frame   nobody else's
 * @param start   with `offset` inside the frame
 * @param offset  from start
 */
void net_checksum_fill(struct rte_mbuf *frame, uint32_t start, uint32_t offset);

/** Does the frame ask for an IPv4 header checksum that it does not have yet? */
bool net_offload_lacks_ip_checksum(const struct rte_mbuf *frame);
/** Does it ask to be cut into more than one segment? */
bool net_offload_is_segmented(const struct rte_mbuf *frame);
/** Has it, in its first segment, the headers that segmentation needs? */
bool net_offload_has_headers(const struct rte_mbuf *frame);

/* Offset of the checksum that a frame asks for from csum_start; 0: it asks for none of ours. */
static inline uint16_t
net_offload_csum_offset(const struct rte_mbuf *frame)
{
	switch (frame->ol_flags & RTE_MBUF_F_TX_L4_MASK) {
	case RTE_MBUF_F_TX_TCP_CKSUM:
		return 16;
	case RTE_MBUF_F_TX_UDP_CKSUM:
		return 6;
	default:
		return (frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0 ? 16 : 0;
	}
}

/* A header with the number of buffers, as two stores, little-endian. */
struct net_header_words {
	uint64_t low;
	uint32_t high;
};

/* Of a frame in one buffer that asks for nothing. */
static const struct net_header_words net_header_words_zero = {
	.low = 0,
	.high = RTE_LE32(1 << 16),
};

/* Of a frame in one buffer. */
static inline struct net_header_words
net_header_words(const struct net_header *header)
{
	struct net_header_words words = net_header_words_zero;

	memcpy(&words.low, header, sizeof(words.low));
	words.high |= rte_cpu_to_le_32(rte_le_to_cpu_16(header->csum_offset));
	return words;
}

/*
 * net_offload_from_header() for what most frames of a guest are, TCP or UDP over IP without
 * options, if no segmentation is asked for. @return false: something else, nothing was changed
 */
static __rte_always_inline bool
net_offload_from_header_fast(struct rte_mbuf *frame, const struct net_header *header)
{
	struct fast_headers {
		uint8_t macs[2 * RTE_ETHER_ADDR_LEN];
		rte_be16_t ether_type;
		union {
			struct rte_ipv4_hdr ip4;
			struct rte_ipv6_hdr ip6;
		};
	} __attribute__((packed)); /* newer DPDK has no __rte_packed */
	const struct fast_headers *headers = rte_pktmbuf_mtod(frame, const struct fast_headers *);
	const uint16_t fragment = RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK | RTE_IPV4_HDR_MF_FLAG);
	uint32_t start, offset;
	uint64_t flags;
	uint8_t proto;

	if (header->flags != NET_HEADER_F_NEEDS_CSUM || header->gso_type != NET_GSO_NONE ||
			frame->data_len < RTE_ETHER_HDR_LEN + sizeof(headers->ip4))
		return false;
	if (headers->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		if (headers->ip4.version_ihl != RTE_IPV4_VHL_DEF ||
				(headers->ip4.fragment_offset & fragment) != 0)
			return false;
		start = RTE_ETHER_HDR_LEN + sizeof(headers->ip4);
		proto = headers->ip4.next_proto_id;
		flags = RTE_MBUF_F_TX_IPV4;
	} else {
		if (headers->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV6) ||
				(headers->ip6.vtc_flow & RTE_BE32(0xf0000000)) !=
				RTE_BE32(0x60000000))
			return false;
		start = RTE_ETHER_HDR_LEN + sizeof(headers->ip6);
		proto = headers->ip6.proto;
		flags = RTE_MBUF_F_TX_IPV6;
	}
	if (proto == IPPROTO_TCP) {
		offset = offsetof(struct rte_tcp_hdr, cksum);
		flags |= RTE_MBUF_F_TX_TCP_CKSUM;
	} else {
		offset = offsetof(struct rte_udp_hdr, dgram_cksum);
		flags |= RTE_MBUF_F_TX_UDP_CKSUM;
		if (proto != IPPROTO_UDP)
			return false;
	}
	if (rte_le_to_cpu_16(header->csum_start) != start ||
			rte_le_to_cpu_16(header->csum_offset) != offset ||
			start + offset + NET_CSUM_BYTES > frame->data_len)
		return false;
	frame->ol_flags = flags;
	frame->tx_offload = rte_mbuf_tx_offload(RTE_ETHER_HDR_LEN,
		start - RTE_ETHER_HDR_LEN, 0, 0, 0, 0, 0);
	return true;
}

/*
 * net_offload_to_header() for a frame that asks for a checksum, or that a device found right, and
 * nothing else. @return false: something else, nothing was written
 */
static __rte_always_inline bool
net_offload_to_header_fast(uint64_t offloads, const struct rte_mbuf *frame,
	struct net_header_words *words)
{
	uint64_t flags = frame->ol_flags & NET_OFFLOAD_FLAGS;
	uint32_t start, offset;

	if ((offloads & RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM)) == 0)
		return false;
	if (flags == RTE_MBUF_F_RX_L4_CKSUM_GOOD) {
		*words = net_header_words_zero;
		words->low = rte_cpu_to_le_64(NET_HEADER_F_DATA_VALID);
		return true;
	}
	if (flags == RTE_MBUF_F_TX_TCP_CKSUM)
		offset = offsetof(struct rte_tcp_hdr, cksum);
	else if (flags == RTE_MBUF_F_TX_UDP_CKSUM)
		offset = offsetof(struct rte_udp_hdr, dgram_cksum);
	else
		return false;
	start = frame->l2_len + frame->l3_len;
	if (start + offset + NET_CSUM_BYTES > frame->data_len)
		return false;
	words->low = rte_cpu_to_le_64(NET_HEADER_F_NEEDS_CSUM | (uint64_t)start << 48);
	words->high = net_header_words_zero.high | rte_cpu_to_le_32(offset);
	return true;
}

/** net_receive.c: turn transmit requests into receive flags. */
void net_receive_flags(const struct net_queue *nq, struct rte_mbuf **frames, uint16_t nb_frames);

#endif /* NET_OFFLOAD_H */
