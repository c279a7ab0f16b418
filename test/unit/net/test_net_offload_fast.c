/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The shortcuts of the fast burst functions for headers against the functions that know all of
 * them: where a shortcut says anything, it says the same, and it reads nothing behind the frame.
 */
#include "test.h"

#include <sys/mman.h>
#include <unistd.h>

#include "fake_rand.h"
#include "offload_fixture.h"

#define NB_ROUNDS 200000
#define CSUM RTE_BIT64(VIRTIO_NET_F_CSUM)

static struct offload_frame frame; /* too large for a stack */

static const struct offload_shape shapes[] = {
	{ 0, false, 0, PROTO_TCP, TCP_ACK, 0 }, { 0, false, 0, PROTO_UDP, 0, 0 },
	{ 0, true, 0, PROTO_TCP, TCP_ACK, 0 }, { 0, true, 0, PROTO_UDP, 0, 0 },
	{ 0, false, 1, PROTO_TCP, TCP_ACK, 0 }, { 1, false, 0, PROTO_TCP, TCP_ACK, 0 },
	{ 0, true, 1, PROTO_UDP, 0, 0 },
};

/* One change in two to what a shortcut looks at. */
static void
scramble(struct fake_rand *rand, struct net_header *header)
{
	uint8_t *bytes = (uint8_t *)header;

	switch (fake_rand_in(rand, 0, 9)) {
	case 0:
		bytes[fake_rand_in(rand, 0, sizeof(*header) - 1)] ^=
			(uint8_t)(1 << fake_rand_in(rand, 0, 7));
		break;
	case 1:
	case 2:
		frame.bytes[fake_rand_in(rand, 12, 25)] ^=
			(uint8_t)(1 << fake_rand_in(rand, 0, 7));
		break;
	case 3:
		frame.len_bytes = fake_rand_in(rand, 1, frame.len_bytes);
		break;
	case 4:
		header->csum_start = rte_cpu_to_le_16((uint16_t)fake_rand_in(rand, 30, 60));
		break;
	default:
		break;
	}
}

/* Compare for one header and frame; `view` ends where memory ends. @return was it a fast one? */
static void
check_take(const struct rte_mbuf *view, const struct net_header *header, bool *is_fast)
{
	struct rte_mbuf fast = *view, full = *view;

	*is_fast = net_offload_from_header_fast(&fast, header);
	if (!*is_fast) {
		CHECK(memcmp(&fast, view, sizeof(fast)) == 0);
		return;
	}
	CHECK(net_offload_from_header(CSUM, &full, header));
	CHECK_EQ(fast.ol_flags, full.ol_flags);
	CHECK_EQ(fast.tx_offload, full.tx_offload);
}

VU_TEST(net_offload_fast, taken_as_by_the_one_that_knows_all)
{
	const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *pages = mmap(NULL, 2 * page_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t nb_fast[RTE_DIM(shapes)] = { 0 };
	struct fake_rand rand = { 1 };

	CHECK(pages != MAP_FAILED);
	CHECK(mprotect(pages + page_bytes, page_bytes, PROT_NONE) == 0);
	for (uint32_t i = 0; i < NB_ROUNDS; i++) {
		struct offload_shape shape = shapes[i % RTE_DIM(shapes)];
		struct rte_mbuf view = { .buf_addr = pages, .nb_segs = 1 };
		struct net_header header;
		bool is_fast;

		shape.payload_bytes = fake_rand_in(&rand, 0, 20);
		offload_frame_make(&frame, &shape);
		header = offload_header(&frame, 0);
		scramble(&rand, &header);
		view.data_len = (uint16_t)frame.len_bytes;
		view.pkt_len = frame.len_bytes;
		view.data_off = (uint16_t)(page_bytes - frame.len_bytes);
		memcpy(pages + view.data_off, frame.bytes, frame.len_bytes);
		check_take(&view, &header, &is_fast);
		nb_fast[i % RTE_DIM(shapes)] += is_fast;
	}
	/* The first four kinds are what shortcuts are for. */
	for (unsigned int i = 0; i < RTE_DIM(shapes); i++)
		CHECK(i < 4 ? nb_fast[i] > NB_ROUNDS / RTE_DIM(shapes) / 3 :
			nb_fast[i] < NB_ROUNDS / RTE_DIM(shapes) / 3);
	CHECK(munmap(pages, 2 * page_bytes) == 0);
}

/* Flags that a frame may have, alone or two at once. */
static uint64_t
random_flags(struct fake_rand *rand)
{
	static const uint64_t flags[] = {
		0, RTE_MBUF_F_TX_TCP_CKSUM, RTE_MBUF_F_TX_UDP_CKSUM, RTE_MBUF_F_TX_SCTP_CKSUM,
		RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD, RTE_MBUF_F_TX_IP_CKSUM,
		RTE_MBUF_F_TX_TCP_SEG, RTE_MBUF_F_TX_UDP_SEG, RTE_MBUF_F_TX_IPV4,
	};
	uint64_t found = flags[fake_rand_in(rand, 0, RTE_DIM(flags) - 1)];

	if (fake_rand_one_in(rand, 3))
		found |= flags[fake_rand_in(rand, 0, RTE_DIM(flags) - 1)];
	return found | RTE_MBUF_F_TX_IPV4;
}

VU_TEST(net_offload_fast, put_as_by_the_one_that_knows_all)
{
	struct fake_rand rand = { 2 };
	uint32_t nb_fast = 0;

	offload_frame_make(&frame, &shapes[0]);
	for (uint32_t i = 0; i < NB_ROUNDS; i++) {
		uint16_t len_bytes = (uint16_t)fake_rand_in(&rand, 1, frame.len_bytes);
		const struct rte_mbuf view = {
			.buf_addr = frame.bytes, .nb_segs = 1,
			.data_len = len_bytes, .pkt_len = len_bytes,
			.ol_flags = random_flags(&rand),
			.tx_offload = rte_mbuf_tx_offload(fake_rand_in(&rand, 0, 127),
				fake_rand_in(&rand, 0, 30), 20, 1000, 0, 0, 0),
		};
		uint64_t offloads = fake_rand_one_in(&rand, 4) ? 0 :
			RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM);
		struct net_header_words fast = net_header_words_zero, full;
		struct net_header header;

		if (!net_offload_to_header_fast(offloads, &view, &fast)) {
			CHECK_EQ(fast.low, net_header_words_zero.low);
			CHECK_EQ(fast.high, net_header_words_zero.high);
			continue;
		}
		CHECK(net_offload_to_header(offloads, &view, &header));
		full = net_header_words(&header);
		CHECK_EQ(fast.low, full.low);
		CHECK_EQ(fast.high, full.high);
		nb_fast++;
	}
	CHECK(nb_fast > NB_ROUNDS / 20);
}
