/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames for the cases of offloads; see offload_fixture.h.
 */
#include "offload_fixture.h"

#include <string.h>

#include "expect.h"
#include "fake_rand.h"

void
be_put(uint8_t *to, uint32_t value, unsigned int nb_bytes)
{
	for (unsigned int i = 0; i < nb_bytes; i++)
		to[i] = (uint8_t)(value >> (8 * (nb_bytes - 1 - i)));
}

uint32_t
be_get(const uint8_t *from, unsigned int nb_bytes)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < nb_bytes; i++)
		value = value << 8 | from[i];
	return value;
}

uint16_t
sum_add(uint16_t sum, const uint8_t *bytes, uint32_t len_bytes)
{
	uint32_t wide = sum;

	for (uint32_t i = 0; i < len_bytes; i++) {
		wide += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
		wide = (wide & 0xffff) + (wide >> 16);
	}
	return (uint16_t)wide;
}

uint16_t
frame_pseudo_sum(const struct offload_frame *frame)
{
	const uint8_t *ip = frame->bytes + frame->l2_bytes;
	uint8_t rest[8];
	uint16_t sum = frame->is_ipv6 ? sum_add(0, ip + 8, 32) : sum_add(0, ip + 12, 8);

	be_put(rest, frame->len_bytes - frame->l2_bytes - frame->l3_bytes, 4);
	be_put(rest + 4, frame->proto, 4);
	return sum_add(sum, rest, sizeof(rest));
}

uint8_t *
frame_l4(struct offload_frame *frame)
{
	return frame->bytes + frame->l2_bytes + frame->l3_bytes;
}

uint8_t *
frame_csum(struct offload_frame *frame)
{
	return frame_l4(frame) +
		(frame->proto == PROTO_TCP ? CSUM_OFFSET_TCP : CSUM_OFFSET_UDP);
}

static void
frame_make_ip(struct offload_frame *frame, const struct offload_shape *shape)
{
	uint8_t *ip = frame->bytes + frame->l2_bytes;
	uint32_t ip_bytes = frame->len_bytes - frame->l2_bytes;
	uint16_t sum;

	if (shape->is_ipv6) {
		be_put(ip, 0x60000000, 4);
		be_put(ip + 4, ip_bytes - 40, 2);
		ip[6] = shape->nb_extensions != 0 ? 60 : shape->proto;
		for (unsigned int i = 0; i < shape->nb_extensions; i++) {
			ip[40 + 8 * i] = i + 1 == shape->nb_extensions ? shape->proto : 60;
			ip[41 + 8 * i] = 0;
		}
		return;
	}
	ip[0] = (uint8_t)(0x45 + shape->nb_extensions);
	be_put(ip + 2, ip_bytes, 2);
	be_put(ip + 4, 0xfffe, 2);
	be_put(ip + 6, 0x4000, 2);
	ip[9] = shape->proto;
	be_put(ip + 10, 0, 2);
	sum = (uint16_t)~sum_add(0, ip, frame->l3_bytes);
	be_put(ip + 10, sum, 2);
}

void
offload_frame_make(struct offload_frame *frame, const struct offload_shape *shape)
{
	struct fake_rand rand = { 99 };
	uint8_t *l4;

	frame->is_ipv6 = shape->is_ipv6;
	frame->proto = shape->proto;
	frame->l2_bytes = (uint16_t)(14 + 4 * shape->nb_tags);
	frame->l3_bytes = (uint16_t)(shape->is_ipv6 ? 40 + 8 * shape->nb_extensions :
		20 + 4 * shape->nb_extensions);
	frame->l4_bytes = shape->proto == PROTO_TCP ? 32 : 8;
	frame->len_bytes = frame->l2_bytes + frame->l3_bytes + frame->l4_bytes +
		shape->payload_bytes;
	CHECK(frame->len_bytes <= sizeof(frame->bytes));
	for (uint32_t i = 0; i < frame->len_bytes; i++)
		frame->bytes[i] = (uint8_t)(fake_rand_u64(&rand) >> 56);
	frame->bytes[0] = 2;
	frame->bytes[6] = 2;
	for (unsigned int i = 0; i < shape->nb_tags; i++)
		be_put(frame->bytes + 12 + 4 * i, i == 0 && shape->nb_tags == 2 ? 0x88a8 : 0x8100,
			2);
	be_put(frame->bytes + frame->l2_bytes - 2, shape->is_ipv6 ? 0x86dd : 0x0800, 2);
	frame_make_ip(frame, shape);
	l4 = frame_l4(frame);
	if (shape->proto == PROTO_TCP) {
		be_put(l4 + 4, 0xfffffc00, 4);
		l4[12] = 0x80;
		l4[13] = shape->tcp_flags;
	} else {
		be_put(l4 + 4, frame->len_bytes - frame->l2_bytes - frame->l3_bytes, 2);
	}
	be_put(frame_csum(frame), frame_pseudo_sum(frame), 2);
}

bool
frame_is_complete(const struct offload_frame *frame)
{
	uint32_t l4_offset = frame->l2_bytes + frame->l3_bytes;

	return sum_add(frame_pseudo_sum(frame), frame->bytes + l4_offset,
		frame->len_bytes - l4_offset) == 0xffff;
}

bool
frame_has_ip_checksum(const struct offload_frame *frame)
{
	return frame->is_ipv6 ||
		sum_add(0, frame->bytes + frame->l2_bytes, frame->l3_bytes) == 0xffff;
}

struct net_header
offload_header(const struct offload_frame *frame, uint16_t gso_bytes)
{
	uint32_t l4_offset = frame->l2_bytes + frame->l3_bytes;
	struct net_header header = {
		.flags = NET_HEADER_F_NEEDS_CSUM,
		.csum_start = (uint16_t)l4_offset,
		.csum_offset = frame->proto == PROTO_TCP ? CSUM_OFFSET_TCP : CSUM_OFFSET_UDP,
	};

	if (gso_bytes == 0)
		return header;
	header.gso_type = frame->is_ipv6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4;
	if ((frame->bytes[l4_offset + 13] & TCP_CWR) != 0)
		header.gso_type |= NET_GSO_ECN;
	header.gso_bytes = gso_bytes;
	header.header_bytes = (uint16_t)(l4_offset + frame->l4_bytes);
	return header;
}

struct rte_mbuf *
offload_mbuf(struct rte_mempool *pool, const uint8_t *bytes, uint32_t len_bytes,
	uint32_t seg_bytes)
{
	struct rte_mbuf *head = NULL;

	for (uint32_t done = 0; done < len_bytes; done += seg_bytes) {
		uint16_t nb = (uint16_t)RTE_MIN(len_bytes - done, seg_bytes);
		struct rte_mbuf *seg = rte_pktmbuf_alloc(pool);

		CHECK(seg != NULL);
		memcpy(rte_pktmbuf_append(seg, nb), bytes + done, nb);
		if (head == NULL)
			head = seg;
		else
			CHECK(rte_pktmbuf_chain(head, seg) == 0);
	}
	return head;
}
