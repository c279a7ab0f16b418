/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TCP and UDP frames as a driver hands them over that leaves checksums and segmentation to the
 * device, and an independent look at what became of them. Shared by the cases of offloads.
 */
#ifndef OFFLOAD_FIXTURE_H
#define OFFLOAD_FIXTURE_H

#include <rte_mbuf.h>

#include "net_offload.h"

#define PROTO_TCP 6
#define PROTO_UDP 17
#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_CWR 0x80
#define CSUM_OFFSET_TCP 16
#define CSUM_OFFSET_UDP 6

/* What a frame is made of. */
struct offload_shape {
	unsigned int nb_tags;         /* VLAN */
	bool is_ipv6;
	unsigned int nb_extensions;   /* of IPv6, 8 bytes each; of IPv4 options, 4 bytes each */
	uint8_t proto;
	uint8_t tcp_flags;
	uint32_t payload_bytes;
};

struct offload_frame {
	uint8_t bytes[VU_NET_MAX_FRAME_BYTES];
	uint32_t len_bytes;
	uint16_t l2_bytes;
	uint16_t l3_bytes;
	uint16_t l4_bytes;
	bool is_ipv6;
	uint8_t proto;
};

/** Numbers in network byte order. */
void be_put(uint8_t *to, uint32_t value, unsigned int nb_bytes);
uint32_t be_get(const uint8_t *from, unsigned int nb_bytes);

/** The transport header and its checksum. */
uint8_t *frame_l4(struct offload_frame *frame);
uint8_t *frame_csum(struct offload_frame *frame);

/** Internet checksum, byte by byte, going on from a sum; not complemented. */
uint16_t sum_add(uint16_t sum, const uint8_t *bytes, uint32_t len_bytes);

/** Sum of the pseudo header that TCP and UDP begin with (RFC 9293, RFC 8200). */
uint16_t frame_pseudo_sum(const struct offload_frame *frame);

/** A frame whose transport checksum holds the sum of the pseudo header only. */
void offload_frame_make(struct offload_frame *frame, const struct offload_shape *shape);

/** Does the whole transport packet, with its pseudo header, add up? */
bool frame_is_complete(const struct offload_frame *frame);

/** Is the checksum of the IPv4 header, if it has one, right? */
bool frame_has_ip_checksum(const struct offload_frame *frame);

/** The header that a driver puts in front of such a frame. */
struct net_header offload_header(const struct offload_frame *frame, uint16_t gso_bytes);

/** An mbuf with these bytes, in segments of at most seg_bytes. */
struct rte_mbuf *offload_mbuf(struct rte_mempool *pool, const uint8_t *bytes, uint32_t len_bytes,
	uint32_t seg_bytes);

#endif /* OFFLOAD_FIXTURE_H */
