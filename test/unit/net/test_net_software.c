/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Unfinished frames on their way to guests: as they are to one that takes them, finished by
 * software to one that does not. Every variant of the burst functions.
 */
#include "test.h"

#include <rte_vect.h>

#include "net_burst.h"
#include "net_ports.h"
#include "net_software.h"
#include "offload_fixture.h"
#include "vu_net.h"

#define F_SEND (RTE_BIT64(VIRTIO_NET_F_CSUM) | RTE_BIT64(VIRTIO_NET_F_HOST_TSO4) | \
	RTE_BIT64(VIRTIO_NET_F_HOST_TSO6) | RTE_BIT64(VIRTIO_NET_F_HOST_ECN))
#define F_TAKE_CSUM RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM)
#define F_TAKE_TSO (F_TAKE_CSUM | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4) | \
	RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6))
#define F_TAKE_ALL (F_TAKE_TSO | RTE_BIT64(VIRTIO_NET_F_GUEST_ECN))
#define F_RINGS (F_MERGEABLE | F_INDIRECT)
#define GSO_BYTES 1000

/* One port whose frames come back to it. */
struct echo {
	struct vu_sched *sched;
	struct rig_port port;
	struct net_received *received;
};

static struct offload_frame frame; /* too large for a stack */
static struct offload_frame part;

static void
echo_open(struct echo *e, uint64_t features)
{
	e->sched = rig_sched_create(2);
	e->received = net_received_create();
	port_open(&e->port, e->sched, "forward=loopback,offloads=on");
	port_start(&e->port, features);
}

static void
echo_close(struct echo *e)
{
	port_stop(&e->port);
	port_verify_mbufs(&e->port);
	rig_port_close(&e->port);
	free(e->received);
	vu_sched_destroy(e->sched);
}

static void
port_send_frame(struct rig_port *port, const struct net_header *header)
{
	memset(port->header, 0xa5, sizeof(port->header));
	memcpy(port->header, header, sizeof(*header));
	CHECK(port_send(port, 0, frame.bytes, frame.len_bytes) >= 0);
}

static uint64_t
drops(const struct rig_port *port, uint32_t queue_idx, unsigned int reason)
{
	return rig_port_stats(port, queue_idx).nb_drops[reason];
}

static void
check_header(const struct net_received *received, const struct net_header *header)
{
	CHECK(memcmp(received->header, header, sizeof(*header)) == 0);
	CHECK_EQ(received->header[10], received->nb_buffers);
}

/* Headers of segment i of the large frame. */
static void
check_segment_headers(struct offload_frame *segment, unsigned int i, bool is_last)
{
	uint8_t *ip = segment->bytes + segment->l2_bytes;
	uint8_t *tcp = frame_l4(segment), *large = frame_l4(&frame);
	uint32_t ip_bytes = segment->len_bytes - segment->l2_bytes;
	uint8_t cut = is_last ? 0 : TCP_FIN | TCP_PSH;

	if (segment->is_ipv6)
		CHECK_EQ(be_get(ip + 4, 2), ip_bytes - 40);
	else
		CHECK_EQ(be_get(ip + 2, 2), ip_bytes);
	if (!segment->is_ipv6)
		CHECK_EQ(be_get(ip + 4, 2), (0xfffe + i) & 0xffff);
	CHECK(frame_has_ip_checksum(segment));
	CHECK_EQ(be_get(tcp + 4, 4), be_get(large + 4, 4) + i * GSO_BYTES);
	CHECK_EQ(tcp[13], large[13] & ~(cut | (i != 0 ? TCP_CWR : 0)));
	/* What the large frame's headers say otherwise. */
	CHECK(memcmp(segment->bytes, frame.bytes, frame.l2_bytes) == 0);
	CHECK(memcmp(tcp, large, 4) == 0 && memcmp(tcp + 8, large + 8, 5) == 0);
	CHECK(memcmp(tcp + 18, large + 18, 14) == 0);
}

/* The large frame arrives in segments. */
static void
check_segments(struct rig_port *port, struct net_received *received, bool is_complete)
{
	uint32_t header_bytes = frame.l2_bytes + frame.l3_bytes + frame.l4_bytes;
	uint32_t done = header_bytes;

	for (unsigned int i = 0; done < frame.len_bytes; i++) {
		uint32_t nb = RTE_MIN(frame.len_bytes - done, (uint32_t)GSO_BYTES);
		struct net_header header = { 0 };

		CHECK(port_receive(port, 0, received));
		memcpy(&part, &frame, sizeof(part));
		part.len_bytes = received->len_bytes;
		memcpy(part.bytes, received->frame, received->len_bytes);
		CHECK_EQ(part.len_bytes, header_bytes + nb);
		CHECK(memcmp(part.bytes + header_bytes, frame.bytes + done, nb) == 0);
		check_segment_headers(&part, i, done + nb == frame.len_bytes);
		CHECK_EQ(frame_is_complete(&part), is_complete);
		if (!is_complete) {
			CHECK_EQ(be_get(frame_csum(&part), 2), frame_pseudo_sum(&part));
			header = offload_header(&part, 0);
		}
		check_header(received, &header);
		done += nb;
	}
	CHECK(!port_receive(port, 0, received));
}

static const struct offload_shape large_shapes[] = {
	{ 0, false, 0, PROTO_TCP, TCP_ACK | TCP_PSH, 10 * GSO_BYTES },
	{ 1, false, 2, PROTO_TCP, TCP_ACK | TCP_FIN, 2 * GSO_BYTES - 1 },
	{ 0, false, 0, PROTO_TCP, TCP_ACK | TCP_PSH | TCP_CWR, GSO_BYTES + 1 },
	{ 0, true, 0, PROTO_TCP, TCP_ACK | TCP_PSH, 40 * GSO_BYTES + 7 },
	{ 2, true, 1, PROTO_TCP, TCP_ACK | TCP_CWR, 3 * GSO_BYTES },
};

/* Send the large frame and let it come back into buffers of 2048 bytes. */
static void
echo_large(struct echo *e, const struct offload_shape *shape)
{
	struct net_header header;

	offload_frame_make(&frame, shape);
	header = offload_header(&frame, GSO_BYTES);
	port_offer(&e->port, 0, RING_SIZE, 2048);
	port_send_frame(&e->port, &header);
	net_turn(e->sched);
	port_collect(&e->port, 1);
}

static void
check_large(uint64_t features, bool is_complete)
{
	for (unsigned int i = 0; i < RTE_DIM(large_shapes); i++) {
		struct echo e;

		echo_open(&e, F_RINGS | F_SEND | features);
		echo_large(&e, &large_shapes[i]);
		check_segments(&e.port, e.received, is_complete);
		CHECK_EQ(drops(&e.port, 0, NET_DROP_NO_OFFLOAD), 0);
		echo_close(&e);
	}
}

VU_TEST(net_software, segments_for_a_guest_without_offloads)
{
	check_large(0, true);
}

VU_TEST(net_software, segments_for_a_guest_that_does_checksums)
{
	check_large(F_TAKE_CSUM, false);
}

/* Each kind of large frame goes whole to a guest that takes that kind, and to no other. */
VU_TEST(net_software, large_frames_go_whole_where_negotiated)
{
	for (unsigned int i = 0; i < RTE_DIM(large_shapes); i++) {
		const struct offload_shape *shape = &large_shapes[i];
		uint64_t other = RTE_BIT64(shape->is_ipv6 ?
			VIRTIO_NET_F_GUEST_TSO4 : VIRTIO_NET_F_GUEST_TSO6);
		struct net_header header;
		struct echo e;

		echo_open(&e, F_RINGS | F_SEND | (F_TAKE_ALL & ~other));
		echo_large(&e, shape);
		header = offload_header(&frame, GSO_BYTES);
		CHECK(port_receive(&e.port, 0, e.received));
		CHECK(received_is(e.received, frame.bytes, frame.len_bytes));
		check_header(e.received, &header);
		echo_close(&e);

		echo_open(&e, F_RINGS | F_SEND | F_TAKE_CSUM | other);
		echo_large(&e, shape);
		check_segments(&e.port, e.received, false);
		echo_close(&e);

		echo_open(&e, F_RINGS | F_SEND | F_TAKE_TSO);
		echo_large(&e, shape);
		if ((shape->tcp_flags & TCP_CWR) != 0)
			check_segments(&e.port, e.received, false);
		else
			CHECK(port_receive(&e.port, 0, e.received) &&
				e.received->len_bytes == frame.len_bytes);
		echo_close(&e);
	}
}

static void
use_variant(struct rig_port *port, const struct net_variant *variant)
{
	for (uint32_t i = 0; i < port->nb_queues; i++)
		port_snapshot(port, i)->burst = variant->ops;
}

/* Frames of all kinds in one burst: finished ones and such that the guest finishes. */
static void
check_mixed_burst(const struct net_variant *variant, uint64_t features)
{
	static const struct offload_shape small_shapes[] = {
		{ 0, false, 0, PROTO_TCP, TCP_ACK, 1400 }, { 0, true, 0, PROTO_UDP, 0, 20 },
		{ 1, false, 0, PROTO_UDP, 0, 700 }, { 0, true, 1, PROTO_TCP, TCP_ACK, 0 },
	};
	const struct net_header zero = { 0 };
	struct net_header header;
	struct echo e;

	echo_open(&e, F_MODERN | F_SEND | features);
	use_variant(&e.port, variant);
	port_offer(&e.port, 0, RING_SIZE, 2048);
	for (unsigned int i = 0; i < 24; i++) {
		offload_frame_make(&frame, &small_shapes[i / 3 % RTE_DIM(small_shapes)]);
		header = offload_header(&frame, 0);
		port_send_frame(&e.port, i % 3 == 0 ? &zero : &header);
	}
	net_turn(e.sched);
	CHECK_EQ(port_collect(&e.port, 1), 24);
	for (unsigned int i = 0; i < 24; i++) {
		offload_frame_make(&frame, &small_shapes[i / 3 % RTE_DIM(small_shapes)]);
		header = offload_header(&frame, 0);
		CHECK(port_receive(&e.port, 0, e.received));
		CHECK_EQ(e.received->len_bytes, frame.len_bytes);
		if (i % 3 != 0 && (features & F_TAKE_CSUM) == 0) {
			memcpy(frame_csum(&frame), e.received->frame +
				(frame_csum(&frame) - frame.bytes), 2);
			CHECK(frame_is_complete(&frame));
		}
		CHECK(received_is(e.received, frame.bytes, frame.len_bytes));
		CHECK(memcmp(e.received->header, i % 3 == 0 || (features & F_TAKE_CSUM) == 0 ?
			&zero : &header, sizeof(header)) == 0);
	}
	CHECK_EQ(rig_port_stats(&e.port, 0).nb_packets, 24);
	echo_close(&e);
}

VU_TEST(net_software, mixed_bursts_in_every_variant)
{
	unsigned int nb_variants;
	const struct net_variant *variants = net_variant_list(&nb_variants);
	const struct vu_vring_snapshot split = { .features = F_MODERN | F_SEND };

	for (unsigned int i = 0; i < nb_variants; i++) {
		if (!variants[i].is_runnable() || !variants[i].is_fit(&split))
			continue;
		check_mixed_burst(&variants[i], 0);
		check_mixed_burst(&variants[i], F_TAKE_CSUM);
	}
}

VU_TEST(net_software, variant_says_offload)
{
	static const struct { uint64_t features; bool has_offload; } cases[] = {
		{ F_MODERN, false }, { F_MODERN | RTE_BIT64(VIRTIO_NET_F_CSUM), true },
		{ F_MODERN | F_TAKE_CSUM, true },
		/* Without what it needs, a feature is none. */
		{ F_MODERN | RTE_BIT64(VIRTIO_NET_F_HOST_TSO4), false },
	};

	for (unsigned int i = 0; i < 2 * RTE_DIM(cases); i++) {
		const struct vu_vring_snapshot snap = { .features = cases[i / 2].features,
			.is_packed = i % 2 != 0 };
		const struct net_burst_ops *ops = net_variant_choose(&snap);

		CHECK_EQ(strstr(ops->name, "fast offload ") != NULL, cases[i / 2].has_offload);
		CHECK_EQ(strncmp(ops->name, "packed", 6) == 0, snap.is_packed);
	}
}

/* Bad headers cost their frames only, in every variant; chains and buffers of one piece alike. */
VU_TEST(net_software, bad_headers_are_dropped_and_counted)
{
	const struct offload_shape shape = { .proto = PROTO_TCP, .payload_bytes = 100 };
	const uint64_t gpa = FAKE_MID_GPA + UINT64_C(0x1000);
	unsigned int nb_variants;
	const struct net_variant *variants = net_variant_list(&nb_variants);

	for (unsigned int i = 0; i < nb_variants; i++) {
		struct net_header good, bad;
		struct net_chain chain = { .nb_bufs = 3 };
		struct echo e;

		if (!variants[i].is_runnable() || strncmp(variants[i].ops->name, "packed", 6) == 0)
			continue;
		offload_frame_make(&frame, &shape);
		good = offload_header(&frame, 0);
		bad = good;
		bad.csum_start = UINT16_MAX;
		chain.bufs[0] = (struct fake_buf){ gpa, 5, false };
		chain.bufs[1] = (struct fake_buf){ gpa + 0x100, 20, false };
		chain.bufs[2] = (struct fake_buf){ gpa + 0x200, 12 + frame.len_bytes - 25, false };
		echo_open(&e, F_MODERN | F_SEND | F_TAKE_ALL);
		if (strstr(variants[i].ops->name, "offload") == NULL &&
				variants[i].ops != &net_burst_any) {
			echo_close(&e);
			continue;
		}
		use_variant(&e.port, &variants[i]);
		port_offer(&e.port, 0, 8, 2048);
		port_send_frame(&e.port, &good);
		port_send_frame(&e.port, &bad);
		CHECK(port_send_chain(&e.port, 0, &chain, frame.bytes, frame.len_bytes) >= 0);
		port_send_frame(&e.port, &good);
		net_turn(e.sched);
		net_turn(e.sched);
		CHECK_EQ(port_collect(&e.port, 1), 4);
		CHECK_EQ(drops(&e.port, 1, NET_DROP_BAD_HEADER), 2);
		CHECK_EQ(rig_port_stats(&e.port, 1).nb_packets, 2);
		CHECK_EQ(rig_port_stats(&e.port, 1).fault, VU_VRING_OK);
		for (unsigned int k = 0; k < 2; k++) {
			CHECK(port_receive(&e.port, 0, e.received));
			check_header(e.received, &good);
			CHECK(received_is(e.received, frame.bytes, frame.len_bytes));
		}
		echo_close(&e);
	}
}

/* What is not negotiated means nothing, whatever it says. */
VU_TEST(net_software, headers_are_ignored_without_the_feature)
{
	static const uint64_t features[] = { F_LEGACY, F_MODERN, F_MODERN | F_TAKE_ALL,
		F_MODERN | RTE_BIT64(VIRTIO_NET_F_HOST_TSO4) | RTE_BIT64(VIRTIO_NET_F_HOST_ECN) };
	const struct offload_shape shape = { .proto = PROTO_TCP, .payload_bytes = 1500 };

	for (unsigned int i = 0; i < RTE_DIM(features); i++) {
		static const struct net_header zero;
		struct net_header header;
		struct echo e;

		echo_open(&e, features[i]);
		offload_frame_make(&frame, &shape);
		header = offload_header(&frame, 100);
		port_offer(&e.port, 0, 1, 2048);
		port_send_frame(&e.port, &header);
		net_turn(e.sched);
		CHECK_EQ(port_collect(&e.port, 1), 1);
		CHECK(port_receive(&e.port, 0, e.received));
		CHECK(memcmp(e.received->header, &zero, sizeof(zero)) == 0);
		CHECK(received_is(e.received, frame.bytes, frame.len_bytes));
		echo_close(&e);
	}
}

/* The next frame of a port, with its checksum or without. */
static void
check_is_complete(struct net_ports *n, unsigned int port, bool is_complete)
{
	CHECK(port_receive(&n->ports[port], 0, n->received));
	memcpy(&part, &frame, sizeof(part));
	memcpy(part.bytes, n->received->frame, frame.len_bytes);
	CHECK_EQ(frame_is_complete(&part), is_complete);
}

/* One frame, flooded to guests that finish it and to such that cannot: none spoils another's. */
VU_TEST(net_software, flooded_frames_are_not_written_to)
{
	static const uint64_t features[] = { F_SEND | F_TAKE_ALL, 0, F_TAKE_ALL, 0 };
	const struct offload_shape shape = { .proto = PROTO_TCP, .payload_bytes = 900 };
	struct net_header header;
	struct net_ports n;

	ports_init(&n, RTE_DIM(features));
	for (unsigned int i = 0; i < n.nb_ports; i++) {
		port_open(&n.ports[i], n.sched, "offloads=on");
		port_start(&n.ports[i], F_MODERN | features[i]);
		port_offer(&n.ports[i], 0, 4, 2048);
	}
	offload_frame_make(&frame, &shape);
	memset(frame.bytes, 0xff, 6);
	header = offload_header(&frame, 0);
	port_send_frame(&n.ports[0], &header);
	net_turn(n.sched);
	for (unsigned int i = 1; i < n.nb_ports; i++) {
		check_is_complete(&n, i, features[i] == 0);
		CHECK_EQ(n.received->header[0], features[i] != 0);
	}
	ports_close(&n);
}

/* Unfinished frames do not take the short way from guest to guest, finished ones do. */
VU_TEST(net_software, unfinished_frames_take_the_ordinary_way)
{
	static const unsigned int lcores[] = { 4, 4 };
	const struct offload_shape shape = { .proto = PROTO_TCP, .payload_bytes = 900 };
	static const struct net_header zero;
	struct net_header header;
	struct net_ports n;

	ports_init(&n, 2);
	for (unsigned int i = 0; i < n.nb_ports; i++) {
		port_open_on(&n.ports[i], n.sched, "offloads=on", 1, lcores);
		port_start(&n.ports[i], F_MODERN | F_INDIRECT | (i == 0 ? F_SEND : 0));
		port_offer(&n.ports[i], 0, 8, 2048);
	}
	ports_learn(&n);
	offload_frame_make(&frame, &shape);
	mac_set(frame.bytes, 1);
	mac_set(frame.bytes + 6, 0);
	header = offload_header(&frame, 0);
	for (unsigned int i = 0; i < 4; i++) {
		port_send_frame(&n.ports[0], i < 2 ? &header : &zero);
		net_turn(n.sched);
		check_is_complete(&n, 1, i < 2);
		CHECK_EQ(rig_port_stats(&n.ports[0], 1).nb_direct, i < 2 ? 0 : i - 1);
	}
	ports_close(&n);
}

/* A large frame of an application for the guest. */
static struct rte_mbuf *
large_mbuf(struct echo *e, uint16_t gso_bytes, uint32_t payload_bytes)
{
	const struct offload_shape shape = { .proto = PROTO_TCP, .payload_bytes = payload_bytes };
	struct rte_mbuf *mbuf;

	offload_frame_make(&frame, &shape);
	/* As applications of DPDK do, the IPv4 checksum is left out. */
	be_put(frame.bytes + 14 + 10, 0, 2);
	mbuf = offload_mbuf(port_queue(&e->port, 1)->pool, frame.bytes, frame.len_bytes, 2048);
	mbuf->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_SEG;
	mbuf->l2_len = frame.l2_bytes;
	mbuf->l3_len = frame.l3_bytes;
	mbuf->l4_len = frame.l4_bytes;
	mbuf->tso_segsz = gso_bytes;
	return mbuf;
}

VU_TEST(net_software, missing_ip_checksum_is_written_on_a_copy)
{
	struct rte_mbuf *mbuf;
	struct echo e;

	echo_open(&e, F_RINGS | F_TAKE_ALL);
	mbuf = large_mbuf(&e, GSO_BYTES, 3000);
	port_offer(&e.port, 0, 8, 4096);
	CHECK_EQ(vu_net_to_guest_burst(vu_device_queue(e.port.dev, 0), &mbuf, 1), 1);
	CHECK(port_receive(&e.port, 0, e.received));
	memcpy(&part, &frame, sizeof(part));
	memcpy(part.bytes, e.received->frame, frame.len_bytes);
	CHECK(!frame_has_ip_checksum(&frame) && frame_has_ip_checksum(&part));
	CHECK_EQ(e.received->header[1], NET_GSO_TCPV4);
	CHECK_EQ(rte_pktmbuf_mtod(mbuf, uint8_t *)[14 + 10], 0);
	rte_pktmbuf_free(mbuf);
	echo_close(&e);
}

VU_TEST(net_software, a_full_ring_takes_what_it_can)
{
	struct vu_device_queue *queue;
	struct rte_mbuf *mbuf;
	struct echo e;

	echo_open(&e, F_MODERN);
	queue = vu_device_queue(e.port.dev, 0);
	mbuf = large_mbuf(&e, GSO_BYTES, 10 * GSO_BYTES);
	/* No room for the first segment: the frame may be tried again. */
	CHECK_EQ(vu_net_to_guest_burst(queue, &mbuf, 1), 0);
	CHECK_EQ(drops(&e.port, 0, VU_DROP_RING_FULL), 0);
	/* Room for three of ten: there is no way back. */
	port_offer(&e.port, 0, 3, 2048);
	CHECK_EQ(vu_net_to_guest_burst(queue, &mbuf, 1), 1);
	CHECK_EQ(drops(&e.port, 0, VU_DROP_RING_FULL), 7);
	CHECK_EQ(rig_port_stats(&e.port, 0).nb_packets, 3);
	rte_pktmbuf_free(mbuf);
	echo_close(&e);
}

VU_TEST(net_software, an_empty_pool_is_counted)
{
	static struct rte_mbuf *held[1 << 16];
	struct rte_mempool *pool;
	struct rte_mbuf *mbuf;
	unsigned int nb = 0;
	struct echo e;

	echo_open(&e, F_MODERN);
	mbuf = large_mbuf(&e, GSO_BYTES, 10 * GSO_BYTES);
	pool = port_queue(&e.port, 0)->pool;
	while (nb < RTE_DIM(held) && (held[nb] = rte_pktmbuf_alloc(pool)) != NULL)
		nb++;
	/* Mbufs for four segments. */
	for (unsigned int i = 0; i < 4; i++)
		rte_pktmbuf_free(held[--nb]);
	port_offer(&e.port, 0, 16, 2048);
	CHECK_EQ(vu_net_to_guest_burst(vu_device_queue(e.port.dev, 0), &mbuf, 1), 1);
	CHECK_EQ(drops(&e.port, 0, NET_DROP_NO_MBUF), 1);
	rte_pktmbuf_free_bulk(held, nb);
	rte_pktmbuf_free(mbuf);
	echo_close(&e);
}

/* Requests that nobody fulfils, and such that name bytes outside the frame. */
VU_TEST(net_software, impossible_requests_are_dropped_and_counted)
{
	static const struct { uint64_t flags; uint16_t l2, l3, l4, segsz; } cases[] = {
		{ RTE_MBUF_F_TX_SCTP_CKSUM, 14, 20, 0, 0 },
		{ RTE_MBUF_F_TX_UDP_SEG, 14, 20, 8, 100 },
		{ RTE_MBUF_F_TX_OUTER_IP_CKSUM, 14, 20, 0, 0 },
		{ RTE_MBUF_F_TX_TUNNEL_VXLAN | RTE_MBUF_F_TX_TCP_CKSUM, 14, 20, 20, 0 },
		{ RTE_MBUF_F_TX_TCP_CKSUM, 127, 511, 0, 0 },
		{ RTE_MBUF_F_TX_UDP_CKSUM, 100, 61, 0, 0 },
		{ RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM, 127, 20, 0, 0 },
		{ RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG, 14, 20, 20, 0 },
		{ RTE_MBUF_F_TX_TCP_SEG, 14, 20, 20, 100 },
		{ RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG, 14, 20, 19, 100 },
		{ RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG, 14, 19, 20, 100 },
		{ RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_SEG, 14, 39, 20, 10 },
		{ RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG, 14, 20, 100, 1 },
		{ RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG, 80, 20, 20, 10 },
	};
	const struct offload_shape shape = { .proto = PROTO_TCP, .payload_bytes = 100 };

	for (unsigned int i = 0; i < RTE_DIM(cases); i++) {
		struct rte_mbuf *mbuf;
		struct echo e;

		echo_open(&e, F_MODERN);
		offload_frame_make(&frame, &shape);
		/* Where l2_len is 80 or 127, an IPv4 header of 60 bytes. */
		frame.bytes[80] = 0x4f;
		frame.bytes[127] = 0x4f;
		mbuf = offload_mbuf(port_queue(&e.port, 1)->pool, frame.bytes, 166, 2048);
		mbuf->ol_flags = cases[i].flags;
		mbuf->l2_len = cases[i].l2;
		mbuf->l3_len = cases[i].l3;
		mbuf->l4_len = cases[i].l4;
		mbuf->tso_segsz = cases[i].segsz;
		port_offer(&e.port, 0, 4, 2048);
		if (vu_net_to_guest_burst(vu_device_queue(e.port.dev, 0), &mbuf, 1) != 1 ||
				drops(&e.port, 0, NET_DROP_NO_OFFLOAD) != 1) printf("case %u: ", i);
		CHECK_EQ(drops(&e.port, 0, NET_DROP_NO_OFFLOAD), 1);
		CHECK_EQ(rig_port_stats(&e.port, 0).nb_packets, 0);
		rte_pktmbuf_free(mbuf);
		echo_close(&e);
	}
}

/* A guest chooses how many segments its frame has; not without limit. */
VU_TEST(net_software, too_many_segments_are_dropped)
{
	struct echo e;

	for (uint16_t gso_bytes = 15; gso_bytes <= 16; gso_bytes++) {
		const struct offload_shape shape = { .proto = PROTO_TCP,
			.payload_bytes = 16 * NET_MAX_SEGMENTS };
		struct net_header header;

		echo_open(&e, F_MODERN | F_SEND);
		offload_frame_make(&frame, &shape);
		header = offload_header(&frame, gso_bytes);
		port_offer(&e.port, 0, RING_SIZE, 2048);
		port_send_frame(&e.port, &header);
		net_turn(e.sched);
		CHECK_EQ(port_collect(&e.port, 1), 1);
		CHECK_EQ(drops(&e.port, 0, NET_DROP_NO_OFFLOAD), gso_bytes == 15);
		CHECK_EQ(rig_port_stats(&e.port, 0).nb_packets, gso_bytes == 15 ? 0 : RING_SIZE);
		CHECK_EQ(drops(&e.port, 0, VU_DROP_RING_FULL),
			gso_bytes == 15 ? 0 : NET_MAX_SEGMENTS - RING_SIZE);
		while (port_receive(&e.port, 0, e.received))
			;
		echo_close(&e);
	}
}
