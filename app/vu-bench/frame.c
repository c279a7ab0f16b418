/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames; see frame.h.
 */
#include "frame.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_debug.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

/* The same sizes in the same order in every run. */
static uint32_t
frame_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static uint16_t
frame_imix_bytes(uint32_t *state)
{
	uint32_t draw = frame_random(state) % 12;

	return draw < 7 ? 64 : draw < 11 ? 594 : 1518;
}

void
frame_sizes_init(struct frame_sizes *sizes, uint32_t size_bytes)
{
	uint32_t state = 1;

	sizes->max_bytes = 0;
	for (unsigned int i = 0; i < FRAME_NB_SIZES; i++) {
		uint32_t bytes = size_bytes;

		if (size_bytes == BENCH_SIZE_IMIX)
			bytes = frame_imix_bytes(&state);
		else if (size_bytes == BENCH_SIZE_RANDOM)
			bytes = BENCH_MIN_FRAME_BYTES + frame_random(&state) %
				(1518 - BENCH_MIN_FRAME_BYTES + 1);
		sizes->bytes[i] = (uint16_t)bytes;
		sizes->max_bytes = RTE_MAX(sizes->max_bytes, sizes->bytes[i]);
	}
}

static_assert(FRAME_ADDRESSES_BYTES == offsetof(struct rte_ether_hdr, ether_type),
	"Ethernet header");

void
frame_addresses(uint8_t *addresses, uint32_t port)
{
	const uint8_t bytes[FRAME_ADDRESSES_BYTES] = {
		0x02, 0, 0, (uint8_t)(port >> 8), (uint8_t)port, 0x02, /* destination */
		0x02, 0, 0, (uint8_t)(port >> 8), (uint8_t)port, 0x01,
	};

	memcpy(addresses, bytes, sizeof(bytes));
}

void
frame_fill(uint8_t *frame, uint32_t len_bytes, uint32_t port)
{
	struct rte_ether_hdr ether = { .ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4) };
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)(len_bytes - sizeof(ether))),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = RTE_BE32(UINT32_C(0xc6120001)), /* 198.18.0.1 */
		.dst_addr = RTE_BE32(UINT32_C(0xc6130001)), /* 198.19.0.1 */
	};
	struct rte_udp_hdr udp = {
		.src_port = RTE_BE16(9),
		.dst_port = RTE_BE16(9),
		.dgram_len = rte_cpu_to_be_16(
			(uint16_t)(len_bytes - sizeof(ether) - sizeof(ip))),
	};
	uint32_t offset = sizeof(ether) + sizeof(ip) + sizeof(udp);

	frame_addresses((uint8_t *)&ether, port);
	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	/* What a frame has to hold whose checksum is still to be made (VIRTIO 1.2, 5.1.6.2). */
	udp.dgram_cksum = rte_ipv4_phdr_cksum(&ip, 0);
	memcpy(frame, &ether, sizeof(ether));
	memcpy(frame + sizeof(ether), &ip, sizeof(ip));
	memcpy(frame + sizeof(ether) + sizeof(ip), &udp, sizeof(udp));
	for (uint32_t i = offset; i < len_bytes; i++)
		frame[i] = (uint8_t)i;
}

void
frame_set_len(struct rte_mempool *pool, struct rte_mbuf *frame, uint32_t len_bytes)
{
	struct rte_mbuf *tail = frame;

	frame->pkt_len = len_bytes;
	for (;;) {
		uint32_t room_bytes = tail->buf_len - tail->data_off;

		tail->data_len = (uint16_t)RTE_MIN(len_bytes, room_bytes);
		len_bytes -= tail->data_len;
		if (len_bytes == 0)
			return;
		/* The pool is far larger than what is in use at a time. */
		tail->next = rte_pktmbuf_alloc(pool);
		RTE_VERIFY(tail->next != NULL);
		tail = tail->next;
		frame->nb_segs++;
	}
}
