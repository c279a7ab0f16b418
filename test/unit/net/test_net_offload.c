/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The header in front of a frame, to and from mbuf fields: what drivers may say, and what hostile
 * ones say.
 */
#include "test.h"

#include <sys/mman.h>
#include <unistd.h>

#include "net_fixture.h"
#include "offload_fixture.h"

#define ALL (~UINT64_C(0))
#define GUARD_BYTES 64

static struct rte_mempool *pool;
static struct offload_frame frame; /* too large for a stack */

static const struct offload_shape shapes[] = {
	{ 0, false, 0, PROTO_TCP, TCP_ACK, 3000 }, { 0, false, 0, PROTO_UDP, 0, 0 },
	{ 0, false, 10, PROTO_TCP, TCP_ACK, 1 }, { 1, false, 0, PROTO_TCP, TCP_ACK, 100 },
	{ 2, false, 3, PROTO_UDP, 0, 77 }, { 4, false, 0, PROTO_TCP, TCP_ACK, 0 },
	{ 0, true, 0, PROTO_TCP, TCP_ACK, 5000 }, { 0, true, 0, PROTO_UDP, 0, 33 },
	{ 1, true, 1, PROTO_TCP, TCP_ACK, 10 }, { 2, true, 5, PROTO_UDP, 0, 1400 },
};

static struct rte_mbuf *
mbuf_of_frame(void)
{
	return offload_mbuf(pool, frame.bytes, frame.len_bytes, 2048);
}

/* What a guest's header makes of a frame. */
static bool
take(uint64_t offloads, struct rte_mbuf *mbuf, const struct net_header *header)
{
	return net_offload_from_header(offloads, mbuf, header);
}

static bool
mbuf_is_frame(const struct rte_mbuf *mbuf)
{
	static uint8_t copy[VU_NET_MAX_FRAME_BYTES];

	return mbuf->pkt_len == frame.len_bytes && memcmp(frame.bytes,
		rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, copy), mbuf->pkt_len) == 0;
}

/* VIRTIO 1.2, 5.1.3.1, said once more. */
static bool
is_valid_set(uint64_t features)
{
	bool host_tso = (features & 0x1800) != 0, guest_tso = (features & 0x180) != 0;

	return (!host_tso || (features & 1) != 0) && (!guest_tso || (features & 2) != 0) &&
		((features & 0x2000) == 0 || host_tso) && ((features & 0x200) == 0 || guest_tso);
}

VU_TEST(net_offload, features_without_those_they_need_do_not_count)
{
	const uint64_t offered = net_offload_offered();

	CHECK_EQ(offered, 0x3b83);
	for (uint64_t set = 0; set < 0x4000; set++) {
		uint64_t effective = net_offload_effective(set | RTE_BIT64(VIRTIO_F_VERSION_1));

		CHECK_EQ(effective & ~(set & offered), 0);
		CHECK(is_valid_set(effective));
		/* No more is taken away than must be. */
		if (is_valid_set(set))
			CHECK_EQ(effective, set & offered);
		CHECK_EQ(effective & 3, set & 3);
	}
}

VU_TEST(net_offload, checksum_becomes_a_request)
{
	pool = net_pool_get(SOCKET_ID_ANY);
	for (unsigned int i = 0; i < RTE_DIM(shapes); i++) {
		const struct offload_shape *shape = &shapes[i];
		struct net_header header, back;
		struct rte_mbuf *mbuf;

		offload_frame_make(&frame, shape);
		header = offload_header(&frame, 0);
		mbuf = mbuf_of_frame();
		CHECK(take(RTE_BIT64(VIRTIO_NET_F_CSUM), mbuf, &header));
		CHECK_EQ(mbuf->ol_flags, (shape->proto == PROTO_TCP ? RTE_MBUF_F_TX_TCP_CKSUM :
			RTE_MBUF_F_TX_UDP_CKSUM) |
			(shape->is_ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4));
		CHECK_EQ(mbuf->l2_len, frame.l2_bytes);
		CHECK_EQ(mbuf->l3_len, frame.l3_bytes);
		CHECK(mbuf_is_frame(mbuf));
		/* The next guest finds the same header, if it can do checksums. */
		CHECK(net_offload_to_header(RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM), mbuf, &back));
		CHECK(memcmp(&back, &header, sizeof(back)) == 0);
		CHECK(!net_offload_to_header(
			ALL & ~RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM), mbuf, &back));
		rte_pktmbuf_free(mbuf);
	}
	net_pool_put(pool);
}

/* What no mbuf flag describes is done at once: any sum at any place, across segments. */
VU_TEST(net_offload, other_checksums_are_written)
{
	static const uint16_t starts[] = { 0, 1, 13, 14, 33, 34, 35, 50, 90 };
	static const uint16_t offsets[] = { 0, 1, 2, 6, 7, 16, 17 };
	const struct offload_shape shape = { .proto = 1 /* ICMP */, .payload_bytes = 100 };

	pool = net_pool_get(SOCKET_ID_ANY);
	offload_frame_make(&frame, &shape);
	for (unsigned int i = 0; i < RTE_DIM(starts) * RTE_DIM(offsets); i++) {
		uint16_t start = starts[i % RTE_DIM(starts)];
		uint16_t offset = offsets[i / RTE_DIM(starts)];
		struct net_header header = { .flags = NET_HEADER_F_NEEDS_CSUM,
			.csum_start = start, .csum_offset = offset };
		struct rte_mbuf *mbuf = offload_mbuf(pool, frame.bytes, frame.len_bytes, 51);
		struct offload_frame *expected = malloc(sizeof(*expected));
		uint16_t sum = sum_add(0, frame.bytes + start, frame.len_bytes - start);

		/* A sum that begins at an odd place has its bytes in the order of that place. */
		memcpy(expected, &frame, sizeof(frame));
		be_put(expected->bytes + start + offset, sum == 0xffff ? sum : (uint16_t)~sum, 2);
		CHECK(take(ALL, mbuf, &header));
		CHECK_EQ(mbuf->ol_flags & NET_OFFLOAD_FLAGS, 0);
		memcpy(&frame, expected, sizeof(frame));
		CHECK(mbuf_is_frame(mbuf));
		rte_pktmbuf_free(mbuf);
		free(expected);
	}
	net_pool_put(pool);
}

VU_TEST(net_offload, zero_checksum_is_written_as_ones)
{
	const struct offload_shape shape = { .proto = 1 };
	struct net_header header = { .flags = NET_HEADER_F_NEEDS_CSUM, .csum_start = 38 };
	struct rte_mbuf *mbuf;

	pool = net_pool_get(SOCKET_ID_ANY);
	offload_frame_make(&frame, &shape);
	be_put(frame.bytes + 38, 0xffff0000, 4);
	mbuf = mbuf_of_frame();
	CHECK(take(ALL, mbuf, &header));
	CHECK(mbuf_is_frame(mbuf));
	rte_pktmbuf_free(mbuf);
	net_pool_put(pool);
}

/* Every place that a checksum can be said to have, with a guard behind the frame. */
VU_TEST(net_offload, checksums_outside_the_frame_are_refused)
{
	static const uint32_t offsets[] = { 0, 1, 6, 16, 58, 59, 60, 61, 62, 0x7fff, 0xfffd,
		0xfffe, 0xffff };
	const struct offload_shape shape = { .proto = PROTO_TCP, .payload_bytes = 0 };

	pool = net_pool_get(SOCKET_ID_ANY);
	offload_frame_make(&frame, &shape);
	for (uint32_t start = 0; start <= 0xffff; start += start < 70 || start > 0xfff0 ? 1 : 97) {
		for (unsigned int i = 0; i < RTE_DIM(offsets); i++) {
			struct net_header header = { .flags = NET_HEADER_F_NEEDS_CSUM,
				.csum_start = (uint16_t)start,
				.csum_offset = (uint16_t)offsets[i] };
			struct rte_mbuf *mbuf = mbuf_of_frame();
			uint8_t *guard = rte_pktmbuf_mtod_offset(mbuf, uint8_t *, frame.len_bytes);

			memset(guard, 0x5a, GUARD_BYTES);
			CHECK_EQ(take(ALL, mbuf, &header),
				start + offsets[i] + 2 <= frame.len_bytes);
			for (unsigned int k = 0; k < GUARD_BYTES; k++)
				CHECK_EQ(guard[k], 0x5a);
			rte_pktmbuf_free(mbuf);
		}
	}
	net_pool_put(pool);
}

VU_TEST(net_offload, segmentation_becomes_a_request)
{
	pool = net_pool_get(SOCKET_ID_ANY);
	for (unsigned int i = 0; i < RTE_DIM(shapes); i++) {
		struct offload_shape shape = shapes[i];
		struct net_header header, back;
		struct rte_mbuf *mbuf;
		uint64_t ip_flags;

		shape.proto = PROTO_TCP;
		shape.tcp_flags |= i % 2 == 0 ? TCP_CWR : 0;
		shape.payload_bytes += 2;
		offload_frame_make(&frame, &shape);
		header = offload_header(&frame, (uint16_t)(shape.payload_bytes - 1));
		ip_flags = shape.is_ipv6 ? RTE_MBUF_F_TX_IPV6 :
			RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
		mbuf = mbuf_of_frame();
		CHECK(take(ALL, mbuf, &header));
		CHECK_EQ(mbuf->ol_flags, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
			ip_flags);
		CHECK_EQ(mbuf->l2_len, frame.l2_bytes);
		CHECK_EQ(mbuf->l3_len, frame.l3_bytes);
		CHECK_EQ(mbuf->l4_len, frame.l4_bytes);
		CHECK_EQ(mbuf->tso_segsz, shape.payload_bytes - 1);
		CHECK(mbuf_is_frame(mbuf));
		CHECK(net_offload_to_header(ALL, mbuf, &back));
		CHECK(memcmp(&back, &header, sizeof(back)) == 0);
		rte_pktmbuf_free(mbuf);
	}
	net_pool_put(pool);
}

/* Frames that were announced as large and are not ask for a checksum only. */
VU_TEST(net_offload, a_single_segment_is_an_ordinary_frame)
{
	const struct offload_shape shape = { .proto = PROTO_TCP, .payload_bytes = 1000 };
	struct net_header header, back;
	struct rte_mbuf *mbuf;

	pool = net_pool_get(SOCKET_ID_ANY);
	offload_frame_make(&frame, &shape);
	header = offload_header(&frame, 1000);
	mbuf = mbuf_of_frame();
	CHECK(take(ALL, mbuf, &header));
	CHECK_EQ(mbuf->ol_flags, RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4);
	header = offload_header(&frame, 0);
	CHECK(net_offload_to_header(RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM), mbuf, &back));
	CHECK(memcmp(&back, &header, sizeof(back)) == 0);
	rte_pktmbuf_free(mbuf);
	net_pool_put(pool);
}

static bool
is_taken(uint64_t offloads, const struct net_header *header)
{
	struct rte_mbuf *mbuf = mbuf_of_frame();
	bool result = take(offloads, mbuf, header);

	rte_pktmbuf_free(mbuf);
	return result;
}

VU_TEST(net_offload, segmentation_must_be_negotiated)
{
	const uint64_t csum = RTE_BIT64(VIRTIO_NET_F_CSUM);

	pool = net_pool_get(SOCKET_ID_ANY);
	for (unsigned int i = 0; i < 4; i++) {
		const struct offload_shape shape = { .is_ipv6 = i % 2 != 0, .proto = PROTO_TCP,
			.tcp_flags = i / 2 != 0 ? TCP_CWR : 0, .payload_bytes = 4000 };
		uint64_t tso = RTE_BIT64(i % 2 != 0 ?
			VIRTIO_NET_F_HOST_TSO6 : VIRTIO_NET_F_HOST_TSO4);
		uint64_t ecn = i / 2 != 0 ? RTE_BIT64(VIRTIO_NET_F_HOST_ECN) : 0;
		struct net_header header;

		offload_frame_make(&frame, &shape);
		header = offload_header(&frame, 1448);
		CHECK(is_taken(csum | tso | ecn, &header));
		CHECK(!is_taken(ALL & ~tso, &header));
		CHECK(ecn == 0 || !is_taken(ALL & ~ecn, &header));
	}
	net_pool_put(pool);
}

VU_TEST(net_offload, headers_that_contradict_the_frame_are_refused)
{
	const struct offload_shape shape = { .proto = PROTO_TCP, .payload_bytes = 4000 };
	struct net_header good, bad;

	pool = net_pool_get(SOCKET_ID_ANY);
	offload_frame_make(&frame, &shape);
	good = offload_header(&frame, 1448);
	CHECK(is_taken(ALL, &good));
	for (unsigned int type = 0; type <= UINT8_MAX; type++) {
		bad = good;
		bad.gso_type = (uint8_t)type;
		/* Nothing to cut, or what the frame is, with ECN or without it. */
		CHECK_EQ(is_taken(ALL, &bad), (type & 0x7f) == 1 || type == 0);
	}
	bad = good;
	bad.flags = 0;
	CHECK(!is_taken(ALL, &bad));
	bad = good;
	bad.gso_bytes = 0;
	CHECK(!is_taken(ALL, &bad));
	for (uint32_t start = 0; start < 100; start++) {
		bad = good;
		bad.csum_start = (uint16_t)start;
		CHECK_EQ(is_taken(ALL, &bad), start == 34);
		bad = good;
		bad.csum_offset = (uint16_t)start;
		CHECK_EQ(is_taken(ALL, &bad), start == 16);
		/* A hint. */
		bad = good;
		bad.header_bytes = (uint16_t)(start * 655);
		CHECK(is_taken(ALL, &bad));
	}
	/* Every length of the TCP header that the frame may name. */
	for (unsigned int words = 0; words < 16; words++) {
		frame.bytes[34 + 12] = (uint8_t)(words << 4);
		CHECK_EQ(is_taken(ALL, &good), words >= 5);
	}
	net_pool_put(pool);
}

/* No frame is long enough for all the headers that its bytes announce. */
VU_TEST(net_offload, frames_cut_anywhere)
{
	pool = net_pool_get(SOCKET_ID_ANY);
	for (unsigned int i = 0; i < RTE_DIM(shapes); i++) {
		struct offload_shape shape = shapes[i];
		struct net_header header;
		uint32_t header_bytes;

		shape.proto = PROTO_TCP;
		shape.payload_bytes = 2000;
		offload_frame_make(&frame, &shape);
		header = offload_header(&frame, 1);
		header_bytes = header.header_bytes;
		for (frame.len_bytes = 1; frame.len_bytes < header_bytes + 3; frame.len_bytes++)
			CHECK_EQ(is_taken(ALL, &header), frame.len_bytes >= header_bytes);
	}
	net_pool_put(pool);
}

/* Frame and header with some bytes changed: whatever is taken, nothing behind the frame is read. */
static void
scramble(struct fake_rand *rand, struct net_header *header)
{
	uint32_t end = RTE_MIN(frame.len_bytes, 120u);

	for (unsigned int i = fake_rand_in(rand, 1, 4); i != 0; i--)
		frame.bytes[12 + fake_rand_in(rand, 0, end - 13)] =
			(uint8_t)fake_rand_in(rand, 0, UINT8_MAX);
	if (fake_rand_one_in(rand, 2))
		header->csum_start = (uint16_t)fake_rand_in(rand, 0, frame.len_bytes);
}

/* The same frames at the end of a page: what is read behind them ends the program. */
VU_TEST(net_offload, nothing_behind_the_frame_is_read)
{
	const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *pages = mmap(NULL, 2 * page_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct fake_rand rand = { 1 };

	CHECK(pages != MAP_FAILED);
	CHECK(mprotect(pages + page_bytes, page_bytes, PROT_NONE) == 0);
	for (unsigned int i = 0; i < RTE_DIM(shapes); i++) {
		struct offload_shape shape = shapes[i];
		struct net_header headers[2];

		shape.proto = PROTO_TCP;
		shape.payload_bytes = 4;
		offload_frame_make(&frame, &shape);
		headers[0] = offload_header(&frame, 0);
		headers[1] = offload_header(&frame, 1);
		for (uint16_t len = 1; len <= frame.len_bytes; len++) {
			for (unsigned int k = 0; k < 2; k++) {
				struct rte_mbuf view = { .buf_addr = pages, .nb_segs = 1,
					.data_off = (uint16_t)(page_bytes - len),
					.data_len = len, .pkt_len = len };
				struct net_header back;

				memcpy(pages + page_bytes - len, frame.bytes, len);
				take(ALL, &view, &headers[k]);
				view.ol_flags |= RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_SEG;
				net_offload_to_header(ALL, &view, &back);
			}
		}
	}
	for (unsigned int i = 0; i < 20000; i++) {
		struct offload_shape shape = shapes[i % RTE_DIM(shapes)];
		struct net_header header;
		struct rte_mbuf view = { .buf_addr = pages, .nb_segs = 1 };

		shape.payload_bytes = i % 50;
		offload_frame_make(&frame, &shape);
		header = offload_header(&frame, shape.proto == PROTO_TCP ? i % 3 : 0);
		scramble(&rand, &header);
		view.data_len = (uint16_t)frame.len_bytes;
		view.pkt_len = frame.len_bytes;
		view.data_off = (uint16_t)(page_bytes - frame.len_bytes);
		memcpy(pages + view.data_off, frame.bytes, frame.len_bytes);
		take(ALL, &view, &header);
	}
	CHECK(munmap(pages, 2 * page_bytes) == 0);
}

/* Fragments, other versions, other protocols: nothing to segment; a checksum is done at once. */
VU_TEST(net_offload, frames_that_are_no_tcp)
{
	static const struct { uint8_t offset, value; } changes[] = {
		{ 12, 0x88 }, { 14, 0x44 }, { 14, 0x55 }, { 14, 0 }, { 20, 0x20 }, { 21, 1 },
		{ 23, PROTO_UDP },
	};
	const struct offload_shape shape = { .proto = PROTO_TCP, .payload_bytes = 1000 };
	struct net_header header;

	pool = net_pool_get(SOCKET_ID_ANY);
	for (unsigned int i = 0; i < RTE_DIM(changes); i++) {
		struct rte_mbuf *mbuf;

		offload_frame_make(&frame, &shape);
		frame.bytes[changes[i].offset] = changes[i].value;
		header = offload_header(&frame, 100);
		CHECK(!is_taken(ALL, &header));
		header.csum_offset = CSUM_OFFSET_TCP;
		header.gso_type = NET_GSO_NONE;
		mbuf = mbuf_of_frame();
		CHECK(take(ALL, mbuf, &header));
		CHECK_EQ(mbuf->ol_flags, 0);
		rte_pktmbuf_free(mbuf);
	}
	net_pool_put(pool);
}

VU_TEST(net_offload, known_good_checksums_are_reported)
{
	static const uint64_t flags[] = { RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN,
		RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD,
		RTE_MBUF_F_RX_L4_CKSUM_NONE };
	static const struct net_header zero;
	struct rte_mbuf *mbuf;

	pool = net_pool_get(SOCKET_ID_ANY);
	offload_frame_make(&frame, &shapes[0]);
	mbuf = mbuf_of_frame();
	for (unsigned int i = 0; i < RTE_DIM(flags); i++) {
		struct net_header expected = { .flags =
			flags[i] == RTE_MBUF_F_RX_L4_CKSUM_GOOD ? NET_HEADER_F_DATA_VALID : 0 };
		struct net_header header;

		mbuf->ol_flags = flags[i] | RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_RSS_HASH;
		CHECK(net_offload_to_header(RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM), mbuf, &header));
		CHECK(memcmp(&header, &expected, sizeof(header)) == 0);
		CHECK(net_offload_to_header(0, mbuf, &header));
		CHECK(memcmp(&header, &zero, sizeof(header)) == 0);
	}
	rte_pktmbuf_free(mbuf);
	net_pool_put(pool);
}

/* Requests of an application that no header expresses are left to software. */
VU_TEST(net_offload, requests_that_no_header_expresses)
{
	static const uint64_t flags[] = { RTE_MBUF_F_TX_SCTP_CKSUM, RTE_MBUF_F_TX_UDP_SEG,
		RTE_MBUF_F_TX_OUTER_IP_CKSUM, RTE_MBUF_F_TX_OUTER_UDP_CKSUM,
		RTE_MBUF_F_TX_TUNNEL_VXLAN | RTE_MBUF_F_TX_TCP_CKSUM };
	struct net_header header;
	struct rte_mbuf *mbuf;

	pool = net_pool_get(SOCKET_ID_ANY);
	offload_frame_make(&frame, &shapes[0]);
	mbuf = mbuf_of_frame();
	mbuf->l2_len = frame.l2_bytes;
	mbuf->l3_len = frame.l3_bytes;
	for (unsigned int i = 0; i < RTE_DIM(flags); i++) {
		mbuf->ol_flags = flags[i];
		CHECK(!net_offload_to_header(ALL, mbuf, &header));
	}
	/* The IPv4 checksum is the frame's business, unless it is there already. */
	mbuf->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	CHECK(net_offload_to_header(ALL, mbuf, &header));
	rte_pktmbuf_mtod(mbuf, uint8_t *)[14 + 10] ^= 1;
	CHECK(!net_offload_to_header(ALL, mbuf, &header));
	rte_pktmbuf_free(mbuf);
	net_pool_put(pool);
}
