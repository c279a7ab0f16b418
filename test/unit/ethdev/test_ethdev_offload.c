/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checksums, segmentation and VLAN tags as ethdev offloads of a net_vu port.
 */
#include "test.h"

#include <rte_ip.h>
#include <rte_tcp.h>

#include "eth_fixture.h"

#define PAYLOAD_BYTES 80
#define POOL_ROUNDS 2048 /* more than the fixture's pool has mbufs */
#define CSUM RTE_BIT64(VIRTIO_NET_F_CSUM)
#define GUEST_CSUM RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM)

/* An IPv4 frame with TCP, its checksums not made. */
struct tcp_frame {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	uint8_t payload[PAYLOAD_BYTES];
} __attribute__((packed, aligned(2)));

/* Of virtio-net, without the number of buffers; little-endian. */
struct virtio_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t header_bytes;
	uint16_t gso_bytes;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t nb_buffers;
};

static struct tcp_frame
tcp_frame_make(void)
{
	struct tcp_frame frame = {
		.ether = {
			.dst_addr.addr_bytes = { 2, 0, 0, 0, 0, 1 },
			.src_addr.addr_bytes = { 2, 0, 0, 0, 0, 2 },
			.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		},
		.ip = {
			.version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = rte_cpu_to_be_16(sizeof(frame) - RTE_ETHER_HDR_LEN),
			.time_to_live = 64, .next_proto_id = IPPROTO_TCP,
			.src_addr = RTE_BE32(0x0a000001), .dst_addr = RTE_BE32(0x0a000002),
		},
		.tcp = { .data_off = sizeof(frame.tcp) << 2, .tcp_flags = RTE_TCP_ACK_FLAG },
	};

	for (unsigned int i = 0; i < PAYLOAD_BYTES; i++)
		frame.payload[i] = (uint8_t)(i * 7);
	frame.ip.hdr_checksum = rte_ipv4_cksum(&frame.ip);
	return frame;
}

static bool
tcp_is_right(const struct tcp_frame *frame)
{
	return rte_ipv4_udptcp_cksum_verify(&frame->ip, &frame->tcp) == 0 &&
		rte_ipv4_cksum(&frame->ip) == 0;
}

/* The guest leaves the checksum to us. */
static void
send_partial(struct eth_fixture *f)
{
	const struct virtio_header header = {
		.flags = 1, .csum_start = RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr),
		.csum_offset = offsetof(struct rte_tcp_hdr, cksum),
	};
	struct tcp_frame frame = tcp_frame_make();

	frame.tcp.cksum = rte_ipv4_phdr_cksum(&frame.ip, 0);
	CHECK(!tcp_is_right(&frame));
	CHECK(ethdev_guest_send(&f->guest, 0, &header, &frame, sizeof(frame)));
}

static struct rte_mbuf *
receive_one(const struct eth_fixture *f)
{
	struct rte_mbuf *frame = NULL;

	CHECK_EQ(rte_eth_rx_burst(f->port_id, 0, &frame, 1), 1);
	return frame;
}

VU_TEST(ethdev_offload, a_checksum_is_completed_for_who_did_not_ask)
{
	struct rte_mbuf *frame;
	struct eth_fixture f;

	ethdev_open(&f, 1, "");
	ethdev_guest_come(&f, CSUM);
	send_partial(&f);
	frame = receive_one(&f);
	CHECK_EQ(frame->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	CHECK(tcp_is_right(rte_pktmbuf_mtod(frame, const struct tcp_frame *)));
	CHECK_EQ(frame->packet_type & RTE_PTYPE_L4_MASK, RTE_PTYPE_L4_TCP);
	rte_pktmbuf_free(frame);
	ethdev_close(&f);
}

VU_TEST(ethdev_offload, a_checksum_is_left_to_who_asked)
{
	struct rte_mbuf *frame;
	struct eth_fixture f;

	ethdev_plug(&f, 1, ",partial-csum=1");
	f.conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	ethdev_start(&f);
	ethdev_guest_come(&f, CSUM);
	send_partial(&f);
	frame = receive_one(&f);
	CHECK_EQ(frame->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_NONE);
	rte_pktmbuf_free(frame);
	ethdev_close(&f);
}

VU_TEST(ethdev_offload, legacy_flags_are_transmit_requests)
{
	struct rte_mbuf *frame;
	struct eth_fixture f;

	ethdev_open(&f, 1, ",legacy-ol-flags=1");
	ethdev_guest_come(&f, CSUM);
	send_partial(&f);
	frame = receive_one(&f);
	CHECK_EQ(frame->ol_flags, RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4);
	rte_pktmbuf_free(frame);
	ethdev_close(&f);
}

static void
send_request(struct eth_fixture *f, uint64_t ol_flags, uint16_t segment_bytes)
{
	struct tcp_frame bytes = tcp_frame_make();
	struct rte_mbuf *frame;

	bytes.ip.hdr_checksum = 0;
	frame = ethdev_frame(f, &bytes, sizeof(bytes));
	frame->ol_flags = ol_flags | RTE_MBUF_F_TX_IPV4;
	frame->l2_len = RTE_ETHER_HDR_LEN;
	frame->l3_len = sizeof(bytes.ip);
	frame->l4_len = sizeof(bytes.tcp);
	frame->tso_segsz = segment_bytes;
	CHECK_EQ(rte_eth_tx_prepare(f->port_id, 0, &frame, 1), 1);
	CHECK_EQ(rte_eth_tx_burst(f->port_id, 0, &frame, 1), 1);
}

static void
open_for_transmit(struct eth_fixture *f, const char *args, uint64_t features)
{
	ethdev_plug(f, 1, args);
	f->conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
		RTE_ETH_TX_OFFLOAD_TCP_TSO;
	ethdev_start(f);
	ethdev_guest_come(f, features);
	CHECK_EQ(ethdev_guest_offer(&f->guest, 0), ETH_BUFFERS);
}

VU_TEST(ethdev_offload, a_guest_without_offloads_gets_whole_checksums)
{
	struct virtio_header header;
	struct tcp_frame received;
	struct eth_fixture f;

	open_for_transmit(&f, "", 0);
	send_request(&f, RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IP_CKSUM, 0);
	CHECK_EQ(ethdev_guest_receive(&f.guest, 0, &header, &received), sizeof(received));
	CHECK_EQ(header.flags, 0);
	CHECK(tcp_is_right(&received));
	ethdev_close(&f);
}

VU_TEST(ethdev_offload, a_guest_with_offloads_gets_the_request)
{
	struct virtio_header header;
	struct tcp_frame received;
	struct eth_fixture f;

	open_for_transmit(&f, "", GUEST_CSUM);
	send_request(&f, RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IP_CKSUM, 0);
	CHECK_EQ(ethdev_guest_receive(&f.guest, 0, &header, &received), sizeof(received));
	CHECK_EQ(header.flags, 1);
	CHECK_EQ(header.csum_start, RTE_ETHER_HDR_LEN + sizeof(received.ip));
	/* Its part of the sum is there, and the IP header is whole. */
	CHECK_EQ(received.tcp.cksum, rte_ipv4_phdr_cksum(&received.ip, 0));
	CHECK_EQ(rte_ipv4_cksum(&received.ip), 0);
	ethdev_close(&f);
}

VU_TEST(ethdev_offload, large_frames_are_cut_or_handed_on)
{
	struct virtio_header header;
	struct tcp_frame received;
	struct eth_fixture f;
	uint32_t nb_bytes = 0;

	open_for_transmit(&f, "", 0);
	send_request(&f, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM, 32);
	for (unsigned int i = 0; i < 3; i++) {
		uint32_t len = ethdev_guest_receive(&f.guest, 0, &header, &received);

		CHECK_EQ(header.gso_type, 0);
		CHECK(tcp_is_right(&received));
		nb_bytes += len - offsetof(struct tcp_frame, payload);
	}
	CHECK_EQ(nb_bytes, PAYLOAD_BYTES);
	CHECK_EQ(ethdev_guest_receive(&f.guest, 0, &header, &received), 0);
	ethdev_close(&f);

	open_for_transmit(&f, ",tso=1", GUEST_CSUM | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4));
	send_request(&f, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM, 32);
	CHECK_EQ(ethdev_guest_receive(&f.guest, 0, &header, &received), sizeof(received));
	CHECK_EQ(header.gso_type, 1);
	CHECK_EQ(header.gso_bytes, 32);
	/* With the length, which ethdev leaves out. */
	CHECK_EQ(received.tcp.cksum, rte_ipv4_phdr_cksum(&received.ip, 0));
	CHECK_EQ(rte_ipv4_cksum(&received.ip), 0);
	ethdev_close(&f);
}

VU_TEST(ethdev_offload, unknown_requests_are_refused_by_prepare)
{
	const struct tcp_frame bytes = tcp_frame_make();
	struct rte_mbuf *frame;
	struct eth_fixture f;

	ethdev_open(&f, 1, "");
	frame = ethdev_frame(&f, &bytes, sizeof(bytes));
	frame->ol_flags = RTE_MBUF_F_TX_TUNNEL_VXLAN | RTE_MBUF_F_TX_OUTER_IPV4;
	CHECK_EQ(rte_eth_tx_prepare(f.port_id, 0, &frame, 1), 0);
	CHECK_EQ(rte_errno, ENOTSUP);
	frame->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;
	CHECK_EQ(rte_eth_tx_prepare(f.port_id, 0, &frame, 1), 0);
	CHECK_EQ(rte_errno, EINVAL);
	rte_pktmbuf_free(frame);
	ethdev_close(&f);
}

/* The mbuf still holds the tag of the frame before: DPDK's function takes it for this one's. */
VU_TEST(ethdev_offload, a_frame_too_short_for_a_tag_has_none)
{
	uint8_t tagged[64] = { [12] = 0x81 };
	struct rte_mbuf *frame;
	struct eth_fixture f;

	ethdev_plug(&f, 1, "");
	f.conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	ethdev_start(&f);
	ethdev_guest_come(&f, 0);
	/* Each mbuf of the pool once, then short ones in all of them. */
	for (unsigned int i = 0; i < 2 * POOL_ROUNDS; i++) {
		const uint32_t len_bytes = i < POOL_ROUNDS ? sizeof(tagged) : 1 + i % 17;

		CHECK(ethdev_guest_send(&f.guest, 0, NULL, tagged, len_bytes));
		frame = receive_one(&f);
		CHECK_EQ(frame->pkt_len, i < POOL_ROUNDS ? len_bytes - 4 : len_bytes);
		rte_pktmbuf_free(frame);
		ethdev_guest_collect_sent(&f.guest, 0);
	}
	ethdev_close(&f);
}

VU_TEST(ethdev_offload, tags_are_stripped_and_inserted)
{
	struct tcp_frame bytes = tcp_frame_make(), received;
	uint8_t tagged[sizeof(bytes) + sizeof(struct rte_vlan_hdr)];
	struct rte_mbuf *frame;
	struct eth_fixture f;

	ethdev_plug(&f, 1, "");
	f.conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	f.conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
	ethdev_start(&f);
	ethdev_guest_come(&f, 0);
	CHECK_EQ(ethdev_guest_offer(&f.guest, 0), ETH_BUFFERS);
	frame = ethdev_frame(&f, &bytes, sizeof(bytes));
	frame->ol_flags = RTE_MBUF_F_TX_VLAN;
	frame->vlan_tci = 77;
	CHECK_EQ(rte_eth_tx_burst(f.port_id, 0, &frame, 1), 1);
	CHECK_EQ(ethdev_guest_receive(&f.guest, 0, NULL, tagged), sizeof(tagged));
	CHECK_EQ(tagged[12], 0x81);
	CHECK_EQ(tagged[15], 77);
	/* The same frame back: it loses its tag. */
	CHECK(ethdev_guest_send(&f.guest, 0, NULL, tagged, sizeof(tagged)));
	frame = receive_one(&f);
	CHECK_EQ(frame->pkt_len, sizeof(bytes));
	CHECK_EQ(frame->vlan_tci, 77);
	CHECK((frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0);
	memcpy(&received, rte_pktmbuf_mtod(frame, const void *), sizeof(received));
	CHECK(memcmp(&received, &bytes, sizeof(bytes)) == 0);
	rte_pktmbuf_free(frame);
	ethdev_close(&f);
}
