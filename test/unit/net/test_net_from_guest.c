/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames from a guest: every layout of header and data, every length, every drop and every fault.
 * The port is a loopback: what it took from the guest comes back and is compared.
 */
#include "test.h"

#include "net_fixture.h"
#include "vu_net.h"

#define TAILROOM 2048 /* bytes of a frame in one mbuf */
#define TABLE_GPA (FAKE_MID_GPA + UINT64_C(0x100000))

struct loopback {
	struct vu_sched *sched;
	struct rig_port port;
	struct net_received *received;
};

static void
loopback_open(struct loopback *l, const char *args, uint64_t features)
{
	l->sched = rig_sched_create(2);
	l->received = net_received_create();
	port_open(&l->port, l->sched, args);
	port_start(&l->port, features);
}

static void
loopback_close(struct loopback *l)
{
	port_stop(&l->port);
	port_verify_mbufs(&l->port);
	rig_port_close(&l->port);
	free(l->received);
	vu_sched_destroy(l->sched);
}

/* Next frame is this one. */
static void
check_received(struct loopback *l, const uint8_t *frame, uint32_t len_bytes)
{
	CHECK(port_receive(&l->port, 0, l->received));
	CHECK_EQ(l->received->len_bytes, len_bytes);
	CHECK(memcmp(l->received->frame, frame, len_bytes) == 0);
}

/* Send a frame in the given chain; it must come back. */
static void
check_echo(struct loopback *l, const struct net_chain *chain, const uint8_t *frame,
	uint32_t len_bytes)
{
	CHECK_EQ(port_offer(&l->port, 0, 1, BIG_BYTES), 1);
	CHECK(port_send_chain(&l->port, 0, chain, frame, len_bytes) >= 0);
	net_turn(l->sched);
	CHECK_EQ(port_collect(&l->port, 1), 1);
	check_received(l, frame, len_bytes);
}

VU_TEST(net_from_guest, every_length)
{
	static const uint32_t lengths[] = { 1, 2, 13, 14, 15, 60, 63, 64, 65, 1514, 1518,
		TAILROOM - 1, TAILROOM, TAILROOM + 1, 2 * TAILROOM - 1, 2 * TAILROOM,
		2 * TAILROOM + 1, 9018, 8 * TAILROOM, 65535, VU_NET_MAX_FRAME_BYTES };
	static const uint64_t features[] = { F_LEGACY, F_MODERN };
	static uint8_t frame[VU_NET_MAX_FRAME_BYTES];

	for (unsigned int k = 0; k < RTE_DIM(features); k++) {
		struct loopback l;
		uint64_t nb_bytes = 0;

		loopback_open(&l, "forward=loopback", features[k]);
		for (unsigned int i = 0; i < RTE_DIM(lengths); i++) {
			frame_make(frame, lengths[i], i);
			nb_bytes += lengths[i];
			port_offer(&l.port, 0, 1, BIG_BYTES);
			CHECK(port_send(&l.port, 0, frame, lengths[i]) >= 0);
			net_turn(l.sched);
			CHECK_EQ(port_collect(&l.port, 1), 1);
			check_received(&l, frame, lengths[i]);
		}
		CHECK_EQ(rig_port_stats(&l.port, 1).nb_packets, RTE_DIM(lengths));
		CHECK_EQ(rig_port_stats(&l.port, 1).nb_bytes, nb_bytes);
		loopback_close(&l);
	}
}

VU_TEST(net_from_guest, header_and_data_split_at_every_byte)
{
	static const uint64_t features[] = { F_LEGACY, F_MODERN };
	const uint64_t gpa = FAKE_MID_GPA + UINT64_C(0x1000);
	uint8_t frame[40];

	frame_make(frame, sizeof(frame), 1);
	for (unsigned int k = 0; k < RTE_DIM(features); k++) {
		struct loopback l;
		uint32_t total;

		loopback_open(&l, "forward=loopback", features[k]);
		total = l.port.header_bytes + sizeof(frame);
		for (uint32_t a = 0; a <= total; a++) {
			for (uint32_t b = a; b <= total; b += 1 + b / 16) {
				/* The pieces lie in disorder, the middle one may be empty. */
				const struct net_chain chain = { .nb_bufs = 3, .bufs = {
					{ gpa + 0x900, a, false }, { gpa, b - a, false },
					{ gpa + 0x300, total - b, false },
				} };

				check_echo(&l, &chain, frame, sizeof(frame));
			}
		}
		loopback_close(&l);
	}
}

VU_TEST(net_from_guest, a_descriptor_per_byte)
{
	struct net_chain chain = { .nb_bufs = 30 };
	struct loopback l;
	uint8_t frame[18];

	frame_make(frame, sizeof(frame), 1);
	loopback_open(&l, "forward=loopback", F_MODERN);
	/* Half of them in one region, half in the next. */
	for (uint16_t i = 0; i < 30; i++)
		chain.bufs[i] = (struct fake_buf){ FAKE_MID_GPA - 15 + i, 1, false };
	check_echo(&l, &chain, frame, sizeof(frame));
	loopback_close(&l);
}

VU_TEST(net_from_guest, buffer_across_regions)
{
	struct loopback l;
	uint8_t frame[3000];

	frame_make(frame, sizeof(frame), 1);
	loopback_open(&l, "forward=loopback", F_MODERN);
	for (uint32_t before = 1; before < 3012; before += 97) {
		const struct net_chain chain = { .nb_bufs = 1, .bufs = {
			{ FAKE_MID_GPA - before, 3012, false },
		} };

		check_echo(&l, &chain, frame, sizeof(frame));
	}
	loopback_close(&l);
}

VU_TEST(net_from_guest, too_short_frames_are_dropped_and_given_back)
{
	static const uint64_t features[] = { F_LEGACY, F_MODERN };
	const uint64_t gpa = FAKE_MID_GPA + UINT64_C(0x1000);

	for (unsigned int k = 0; k < RTE_DIM(features); k++) {
		struct loopback l;
		uint64_t nb_drops = 0;

		loopback_open(&l, "forward=loopback", features[k]);
		for (uint32_t len = 0; len <= l.port.header_bytes; len++) {
			const struct fake_buf plain = { gpa, len, false };
			const struct fake_buf pieces[] = { { gpa, len / 2, false },
				{ gpa, len - len / 2, false } };

			fake_ring_put(l.port.rings[1].ring, &plain, 1);
			fake_ring_put(l.port.rings[1].ring, pieces, 2);
			net_turn(l.sched);
			nb_drops += 2;
			CHECK_EQ(port_collect(&l.port, 1), 2);
			CHECK_EQ(rig_port_stats(&l.port, 1).nb_drops[VU_DROP_TOO_SHORT], nb_drops);
		}
		CHECK_EQ(rig_port_stats(&l.port, 1).nb_packets, 0);
		CHECK_EQ(rig_port_stats(&l.port, 1).fault, VU_VRING_OK);
		loopback_close(&l);
	}
}

VU_TEST(net_from_guest, too_long_frames_are_dropped_and_given_back)
{
	static uint8_t frame[64];
	struct loopback l;
	struct fake_buf bufs[2];

	loopback_open(&l, "forward=loopback", F_MODERN);
	bufs[0] = (struct fake_buf){ l.port.rings[1].big_gpa, VU_NET_MAX_FRAME_BYTES + 13, false };
	fake_ring_put(l.port.rings[1].ring, bufs, 1);
	bufs[0].len_bytes = 12;
	bufs[1] = (struct fake_buf){ l.port.rings[1].big_gpa, VU_NET_MAX_FRAME_BYTES + 1, false };
	fake_ring_put(l.port.rings[1].ring, bufs, 2);
	port_send(&l.port, 0, frame, sizeof(frame));
	port_offer(&l.port, 0, 1, SLOT_BYTES);
	net_turn(l.sched);
	CHECK_EQ(port_collect(&l.port, 1), 3);
	CHECK_EQ(rig_port_stats(&l.port, 1).nb_drops[VU_DROP_TOO_BIG], 2);
	CHECK_EQ(rig_port_stats(&l.port, 1).nb_packets, 1);
	check_received(&l, frame, sizeof(frame));
	loopback_close(&l);
}

VU_TEST(net_from_guest, more_frames_than_one_burst)
{
	struct loopback l;
	uint8_t frame[64];
	unsigned int nb_turns = 0;

	loopback_open(&l, "forward=loopback", F_MODERN);
	port_offer(&l.port, 0, RING_SIZE, 128);
	for (unsigned int i = 0; i < RING_SIZE; i++) {
		frame_make(frame, sizeof(frame), i);
		CHECK(port_send(&l.port, 0, frame, sizeof(frame)) >= 0);
	}
	/* The queue stays ready while frames are left. */
	while (fake_ring_nb_used(l.port.rings[1].ring) != RING_SIZE && nb_turns++ < RING_SIZE)
		net_turn(l.sched);
	CHECK_EQ(port_collect(&l.port, 1), RING_SIZE);
	for (unsigned int i = 0; i < RING_SIZE; i++) {
		frame_make(frame, sizeof(frame), i);
		check_received(&l, frame, sizeof(frame));
	}
	CHECK(!port_receive(&l.port, 0, l.received));
	loopback_close(&l);
}

VU_TEST(net_from_guest, frames_come_from_the_pool_that_was_set)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create("own", 63, 0, 0,
		RTE_PKTMBUF_HEADROOM + 256, SOCKET_ID_ANY);
	struct rte_mempool *no_room = rte_pktmbuf_pool_create("none", 63, 0, 0,
		RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	struct rte_mbuf *frames[2];
	const struct vu_net_frames bad = { .pool = no_room, .port_id = 7 };
	const struct vu_net_frames good = { .pool = pool, .port_id = 7 };
	struct rig_port port;
	struct vu_sched *sched = rig_sched_create(2);
	uint8_t frame[300];

	port_open(&port, sched, "forward=null");
	CHECK_EQ(vu_net_set_frames(vu_device_queue(port.dev, 1), &bad), -EINVAL);
	CHECK_EQ(vu_net_set_frames(vu_device_queue(port.dev, 1), &good), 0);
	port_start(&port, F_MODERN);
	frame_make(frame, sizeof(frame), 1);
	CHECK(port_send(&port, 0, frame, 100) >= 0);
	CHECK(port_send(&port, 0, frame, sizeof(frame)) >= 0);
	CHECK_EQ(vu_net_from_guest_burst(vu_device_queue(port.dev, 1), frames, 2), 2);
	CHECK(frames[0]->pool == pool && frames[1]->pool == pool);
	CHECK_EQ(frames[0]->port, 7);
	CHECK_EQ(frames[1]->port, 7);
	/* Its mbufs are shorter than the usual ones. */
	CHECK_EQ(frames[0]->nb_segs, 1);
	CHECK_EQ(frames[1]->nb_segs, 2);
	CHECK(frames[1]->next->pool == pool);
	rte_pktmbuf_free_bulk(frames, 2);
	rig_port_close(&port);
	CHECK_EQ(rte_mempool_avail_count(pool), pool->size);
	rte_mempool_free(pool);
	rte_mempool_free(no_room);
	vu_sched_destroy(sched);
}

VU_TEST(net_from_guest, linear_frames_are_no_longer_than_an_mbuf)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create("own", 63, 0, 0,
		RTE_PKTMBUF_HEADROOM + 256, SOCKET_ID_ANY);
	const struct vu_net_frames linear = { .pool = pool, .port_id = 7, .is_linear = true };
	struct vu_sched *sched = rig_sched_create(2);
	struct rte_mbuf *frames[4];
	struct rig_port port;
	uint8_t frame[300];

	port_open(&port, sched, "forward=null");
	CHECK_EQ(vu_net_set_frames(vu_device_queue(port.dev, 1), &linear), 0);
	port_start(&port, F_MODERN);
	frame_make(frame, sizeof(frame), 1);
	CHECK(port_send(&port, 0, frame, 256) >= 0);
	CHECK(port_send(&port, 0, frame, 257) >= 0);
	CHECK(port_send(&port, 0, frame, 100) >= 0);
	CHECK_EQ(vu_net_from_guest_burst(vu_device_queue(port.dev, 1), frames, 4), 2);
	CHECK_EQ(frames[0]->pkt_len, 256);
	CHECK_EQ(frames[0]->nb_segs, 1);
	CHECK_EQ(frames[1]->pkt_len, 100);
	CHECK_EQ(rig_port_stats(&port, 1).nb_drops[VU_DROP_TOO_BIG], 1);
	rte_pktmbuf_free_bulk(frames, 2);
	rig_port_close(&port);
	CHECK_EQ(rte_mempool_avail_count(pool), pool->size);
	rte_mempool_free(pool);
	vu_sched_destroy(sched);
}

VU_TEST(net_from_guest, long_frames_have_external_buffers)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create("own", 63, 0, 0,
		RTE_PKTMBUF_HEADROOM + 256, SOCKET_ID_ANY);
	struct rte_mempool *big_pool = vu_net_big_pool_create("big", 1, SOCKET_ID_ANY);
	const struct vu_net_frames linear = {
		.pool = pool, .port_id = 7, .is_linear = true, .big_pool = big_pool,
	};
	struct vu_sched *sched = rig_sched_create(2);
	struct rte_mbuf *frames[4];
	struct rig_port port;
	uint8_t frame[1000];

	port_open(&port, sched, "forward=null");
	CHECK_EQ(vu_net_set_frames(vu_device_queue(port.dev, 1), &linear), 0);
	port_start(&port, F_MODERN);
	frame_make(frame, sizeof(frame), 1);
	CHECK(port_send(&port, 0, frame, 100) >= 0);
	CHECK(port_send(&port, 0, frame, sizeof(frame)) >= 0);
	CHECK(port_send(&port, 0, frame, 257) >= 0);
	CHECK_EQ(vu_net_from_guest_burst(vu_device_queue(port.dev, 1), frames, 4), 2);
	CHECK(!RTE_MBUF_HAS_EXTBUF(frames[0]));
	CHECK(RTE_MBUF_HAS_EXTBUF(frames[1]));
	CHECK_EQ(frames[1]->nb_segs, 1);
	CHECK_EQ(frames[1]->data_len, sizeof(frame));
	CHECK_EQ(frames[1]->data_off, RTE_PKTMBUF_HEADROOM);
	CHECK(memcmp(rte_pktmbuf_mtod(frames[1], void *), frame, sizeof(frame)) == 0);
	/* There is one buffer. */
	CHECK_EQ(rig_port_stats(&port, 1).nb_drops[NET_DROP_NO_MBUF], 1);
	rte_pktmbuf_free_bulk(frames, 2);
	CHECK_EQ(rte_mempool_avail_count(big_pool), 1);
	rig_port_close(&port);
	CHECK_EQ(rte_mempool_avail_count(pool), pool->size);
	rte_mempool_free(pool);
	rte_mempool_free(big_pool);
	vu_sched_destroy(sched);
}

/* ---- disabled ---- */

VU_TEST(net_from_guest, disabled_ring_consumes_and_drops)
{
	struct loopback l;
	uint8_t frame[64] = { 0 };

	loopback_open(&l, "forward=loopback", F_MODERN);
	port_offer(&l.port, 0, 8, 128);
	port_send(&l.port, 0, frame, sizeof(frame));
	net_turn(l.sched);
	CHECK_EQ(port_collect(&l.port, 1), 1);
	CHECK_EQ(rig_events(l.port.rings[1].call_fd), 1);
	vu_device_ring_enable(l.port.dev, 1, false);
	rig_port_commit(&l.port);
	for (int i = 0; i < 3; i++)
		port_send(&l.port, 0, frame, sizeof(frame));
	net_turn(l.sched);
	CHECK_EQ(port_collect(&l.port, 1), 3);
	CHECK_EQ(rig_port_stats(&l.port, 1).nb_drops[VU_DROP_DISABLED], 3);
	CHECK_EQ(rig_port_stats(&l.port, 1).nb_packets, 1);
	/*
	 * A guest that waits for these buffers must be notified of them: nobody else will wake it.
	 */
	CHECK_EQ(rig_events(l.port.rings[1].call_fd), 1);
	CHECK_EQ(fake_ring_nb_used(l.port.rings[0].ring), 1);
	vu_device_ring_enable(l.port.dev, 1, true);
	rig_port_commit(&l.port);
	port_send(&l.port, 0, frame, sizeof(frame));
	net_turn(l.sched);
	CHECK_EQ(rig_port_stats(&l.port, 1).nb_packets, 2);
	loopback_close(&l);
}

/* ---- notifications ---- */

VU_TEST(net_from_guest, one_notification_per_burst_and_only_if_wanted)
{
	struct loopback l;
	struct rig_ring *ring;
	uint8_t frame[64] = { 0 };

	loopback_open(&l, "forward=null", F_MODERN | F_EVENT_IDX);
	ring = &l.port.rings[1];
	for (int i = 0; i < 10; i++)
		port_send(&l.port, 0, frame, sizeof(frame));
	net_turn(l.sched);
	CHECK_EQ(rig_events(ring->call_fd), 1);
	/* Wanted after the 15th buffer. */
	fake_ring_set_used_event(ring->ring, 14);
	for (int i = 0; i < 4; i++)
		port_send(&l.port, 0, frame, sizeof(frame));
	net_turn(l.sched);
	CHECK_EQ(rig_events(ring->call_fd), 0);
	for (int i = 0; i < 6; i++)
		port_send(&l.port, 0, frame, sizeof(frame));
	net_turn(l.sched);
	CHECK_EQ(rig_events(ring->call_fd), 1);
	port_send(&l.port, 0, frame, sizeof(frame));
	net_turn(l.sched);
	CHECK_EQ(rig_events(ring->call_fd), 0);
	CHECK_EQ(rig_port_stats(&l.port, 1).vring.nb_notifications, 2);
	CHECK_EQ(rig_port_stats(&l.port, 1).vring.nb_notifications_suppressed, 2);
	loopback_close(&l);
}

/* ---- shortage of mbufs ---- */

/* Take all mbufs but `nb_left`. @return number of those taken */
static unsigned int
mbufs_take(struct rte_mempool *pool, struct rte_mbuf **mbufs, unsigned int nb_left)
{
	unsigned int nb = 0;

	while ((mbufs[nb] = rte_pktmbuf_alloc(pool)) != NULL)
		nb++;
	while (nb_left-- != 0)
		rte_pktmbuf_free(mbufs[--nb]);
	return nb;
}

VU_TEST(net_from_guest, without_mbufs_frames_stay_with_the_guest)
{
	struct loopback l;
	struct rte_mempool *pool;
	struct rte_mbuf **mbufs;
	uint8_t frame[64];
	unsigned int nb;

	frame_make(frame, sizeof(frame), 1);
	loopback_open(&l, "forward=loopback", F_MODERN);
	pool = port_queue(&l.port, 1)->pool;
	mbufs = calloc(pool->size + 1, sizeof(*mbufs));
	CHECK(mbufs != NULL);
	port_offer(&l.port, 0, 8, 128);
	for (int i = 0; i < 4; i++)
		port_send(&l.port, 0, frame, sizeof(frame));
	nb = mbufs_take(pool, mbufs, 0);
	net_turn(l.sched);
	net_turn(l.sched);
	CHECK_EQ(fake_ring_nb_used(l.port.rings[1].ring), 0);
	rte_pktmbuf_free_bulk(mbufs, nb);
	/* Tried again without a kick or a new frame. */
	net_turn(l.sched);
	CHECK_EQ(port_collect(&l.port, 1), 4);
	for (int i = 0; i < 4; i++)
		check_received(&l, frame, sizeof(frame));
	CHECK_EQ(rig_port_stats(&l.port, 1).nb_drops[NET_DROP_NO_MBUF], 0);
	free(mbufs);
	loopback_close(&l);
}

VU_TEST(net_from_guest, long_frame_without_mbufs_for_its_rest_is_dropped)
{
	static uint8_t frame[5 * TAILROOM];
	struct loopback l;
	struct rte_mempool *pool;
	struct rte_mbuf **mbufs;
	unsigned int nb;

	loopback_open(&l, "forward=loopback", F_MODERN);
	pool = port_queue(&l.port, 1)->pool;
	mbufs = calloc(pool->size + 1, sizeof(*mbufs));
	CHECK(mbufs != NULL);
	nb = mbufs_take(pool, mbufs, 3);
	port_send(&l.port, 0, frame, sizeof(frame));
	net_turn(l.sched);
	CHECK_EQ(port_collect(&l.port, 1), 1);
	CHECK_EQ(rig_port_stats(&l.port, 1).nb_drops[NET_DROP_NO_MBUF], 1);
	CHECK_EQ(rig_port_stats(&l.port, 1).nb_packets, 0);
	/* The three came back. */
	CHECK_EQ(rte_mempool_avail_count(pool), 3);
	rte_pktmbuf_free_bulk(mbufs, nb);
	free(mbufs);
	loopback_close(&l);
}

/* ---- faults ---- */

struct bad_entry {
	enum vu_vring_fault fault;
	struct vu_split_desc desc;
};

static const struct bad_entry bad_entries[] = {
	{ VU_VRING_BAD_NEXT, { FAKE_HIGH_GPA, 64, VU_DESC_F_NEXT, RING_SIZE } },
	{ VU_VRING_CHAIN_TOO_LONG, { FAKE_HIGH_GPA, 64, VU_DESC_F_NEXT, RING_SIZE - 1 } },
	{ VU_VRING_BAD_INDIRECT, { TABLE_GPA, 17, VU_DESC_F_INDIRECT, 0 } },
	{ VU_VRING_BAD_INDIRECT, { TABLE_GPA, 16, VU_DESC_F_INDIRECT | VU_DESC_F_NEXT, 0 } },
	{ VU_VRING_BAD_ADDRESS, { FAKE_NOWHERE_GPA, 64, 0, 0 } },
	{ VU_VRING_BAD_ADDRESS, { UINT64_MAX - 10, 64, 0, 0 } },
	{ VU_VRING_BAD_ADDRESS, { FAKE_HIGH_GPA + FAKE_HIGH_BYTES - 10, 64, 0, 0 } },
	{ VU_VRING_BAD_ADDRESS, { FAKE_NOWHERE_GPA, 16, VU_DESC_F_INDIRECT, 0 } },
	{ VU_VRING_BAD_DIRECTION, { FAKE_HIGH_GPA, 64, VU_DESC_F_WRITE, 0 } },
};

VU_TEST(net_from_guest, frames_before_a_bad_entry_arrive)
{
	for (unsigned int b = 0; b < RTE_DIM(bad_entries); b++) {
		struct loopback l;
		struct rig_port other;
		uint8_t frame[64];
		struct fake_ring *ring;

		loopback_open(&l, "forward=loopback", F_MODERN | F_INDIRECT);
		port_open(&other, l.sched, "forward=loopback");
		port_start(&other, F_MODERN);
		ring = l.port.rings[1].ring;
		frame_make(frame, sizeof(frame), b);
		port_offer(&l.port, 0, 16, 128);
		for (int i = 0; i < 5; i++)
			port_send(&l.port, 0, frame, sizeof(frame));
		ring->desc[RING_SIZE - 1] = bad_entries[b].desc;
		fake_ring_offer(ring, RING_SIZE - 1);
		port_send(&l.port, 0, frame, sizeof(frame));
		for (int i = 0; i < 3; i++)
			net_turn(l.sched);
		CHECK_EQ(port_collect(&l.port, 1), 5);
		for (int i = 0; i < 5; i++)
			check_received(&l, frame, sizeof(frame));
		CHECK(!port_receive(&l.port, 0, l.received));
		CHECK_EQ(rig_port_stats(&l.port, 1).fault, bad_entries[b].fault);
		CHECK_EQ(rig_port_stats(&l.port, 1).nb_faults, 1);
		CHECK_EQ(rig_events(l.port.rings[1].err_fd), 1);
		CHECK_EQ(l.port.nb_ring_faults, 1);
		/* Neither the port's other ring nor another port takes part in it. */
		CHECK(rig_port_stats(&l.port, 0).fault == VU_VRING_OK && other.nb_ring_faults == 0);
		port_offer(&other, 0, 1, 128);
		port_send(&other, 0, frame, sizeof(frame));
		net_turn(l.sched);
		CHECK(port_receive(&other, 0, l.received) && port_collect(&other, 1) == 1);
		rig_port_close(&other);
		loopback_close(&l);
	}
}

/* ---- random layouts against what was sent ---- */

/* A chain of random pieces for total_bytes, zero-length ones among them. */
static void
chain_make(struct net_chain *chain, struct fake_rand *rand, uint64_t gpa, uint32_t total_bytes)
{
	uint32_t left = total_bytes;

	chain->nb_bufs = 0;
	while (left != 0 || chain->nb_bufs == 0) {
		bool is_last = chain->nb_bufs == MAX_CHAIN_BUFS / 4;
		uint32_t nb = is_last ? left : fake_rand_in(rand, 0, left);

		if (fake_rand_one_in(rand, 4))
			nb = RTE_MIN(left, 5u);
		/* Gaps between them, and now and then the border of two regions inside one. */
		chain->bufs[chain->nb_bufs++] = (struct fake_buf){ gpa, nb, false };
		gpa += nb + fake_rand_in(rand, 0, 3);
		left -= nb;
		if (is_last)
			break;
	}
	if (left != 0)
		chain->bufs[chain->nb_bufs - 1].len_bytes += left;
}

/* Slot i for random chains: 4 KB each, the sixteenth at the border of LOW and MID. */
static uint64_t
random_slot(unsigned int i)
{
	return FAKE_MID_GPA - UINT64_C(0xf800) + UINT64_C(0x1000) * i;
}

struct sent {
	uint8_t frame[3000];
	uint32_t len_bytes;
};

/* Up to 16 frames in one go. Returns the number that should come back; the others are too short. */
static unsigned int
send_random(struct loopback *l, struct fake_rand *rand, struct sent *sent, unsigned int *nb_short)
{
	unsigned int nb = fake_rand_in(rand, 1, 16), nb_whole = 0;

	for (unsigned int i = 0; i < nb; i++) {
		struct sent *s = &sent[nb_whole];
		struct net_chain chain;
		uint16_t nb_direct;
		static uint8_t bytes[4096];

		s->len_bytes = fake_rand_one_in(rand, 10) ? 0 : fake_rand_in(rand, 1, 3000);
		frame_make(s->frame, s->len_bytes, fake_rand_u64(rand));
		chain_make(&chain, rand, random_slot(i), l->port.header_bytes + s->len_bytes);
		memset(bytes, 0xa5, l->port.header_bytes);
		memcpy(bytes + l->port.header_bytes, s->frame, s->len_bytes);
		chain_write(&l->port.guest, &chain, bytes, l->port.header_bytes + s->len_bytes);
		nb_direct = fake_rand_one_in(rand, 2) ? chain.nb_bufs :
			fake_rand_in(rand, 0, chain.nb_bufs);
		if (ring_add_chain(&l->port.rings[1], &chain, nb_direct, TABLE_GPA + 1024 * i) < 0)
			break;
		*nb_short += s->len_bytes == 0;
		nb_whole += s->len_bytes != 0;
	}
	fake_ring_publish(l->port.rings[1].ring);
	return nb_whole;
}

static void
check_random(uint64_t features, uint64_t seed, unsigned int nb_rounds)
{
	static struct sent sent[17];
	struct fake_rand rand = { seed };
	struct loopback l;
	unsigned int nb_short = 0;
	uint64_t nb_sent = 0, nb_bytes = 0;
	struct vu_device_queue_stats stats;

	loopback_open(&l, "forward=loopback", features | F_INDIRECT);
	for (unsigned int round = 0; round < nb_rounds; round++) {
		unsigned int nb;

		port_offer(&l.port, 0, RING_SIZE, SLOT_BYTES);
		nb = send_random(&l, &rand, sent, &nb_short);
		net_turn(l.sched);
		port_collect(&l.port, 1);
		CHECK_EQ(l.port.rings[1].ring->nb_free, RING_SIZE);
		for (unsigned int i = 0; i < nb; i++) {
			check_received(&l, sent[i].frame, sent[i].len_bytes);
			nb_bytes += sent[i].len_bytes;
		}
		CHECK(!port_receive(&l.port, 0, l.received));
		nb_sent += nb;
	}
	stats = rig_port_stats(&l.port, 1);
	CHECK_EQ(stats.nb_packets, nb_sent);
	CHECK_EQ(stats.nb_bytes, nb_bytes);
	CHECK_EQ(stats.nb_drops[VU_DROP_TOO_SHORT], nb_short);
	CHECK_EQ(stats_all_drops(&stats), nb_short);
	CHECK_EQ(stats.vring.nb_chains, nb_sent + nb_short);
	CHECK(nb_short != 0);
	loopback_close(&l);
}

VU_TEST(net_from_guest, random_layouts_carry_the_same_bytes)
{
	check_random(F_LEGACY, 11, 700);
	check_random(F_MODERN, 22, 700);
	check_random(F_MERGEABLE, 33, 700);
}

/* With IN_ORDER one used element stands for a burst: that of its last buffer. */
VU_TEST(net_from_guest, in_order_bursts_end_with_their_last_buffer)
{
	struct vu_split_used_elem elems[4];
	struct loopback l;
	uint8_t frame[60];
	int head = -1;

	loopback_open(&l, "forward=null", F_MODERN | RTE_BIT64(VIRTIO_F_IN_ORDER));
	frame_make(frame, sizeof(frame), 1);
	for (unsigned int i = 0; i < RTE_DIM(elems); i++)
		head = port_send(&l.port, 0, frame, sizeof(frame));
	net_turn(l.sched);
	CHECK_EQ(rig_port_stats(&l.port, 1).nb_packets, RTE_DIM(elems));
	CHECK_EQ(fake_ring_nb_used(l.port.rings[1].ring), RTE_DIM(elems));
	fake_ring_collect(l.port.rings[1].ring, elems, 1);
	CHECK_EQ(elems[0].id, (uint32_t)head);
	CHECK_EQ(elems[0].len_bytes, 0);
	loopback_close(&l);
}

/* Frames of a port may wait in another one's handoff ring when it is gone. */
VU_TEST(net_from_guest, pools_stay_as_long_as_their_frames)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool = net_pool_get(-1);
	struct rte_mbuf *frame = rte_pktmbuf_alloc(pool);

	CHECK(frame != NULL);
	snprintf(name, sizeof(name), "%s", pool->name);
	net_pool_put(pool);
	CHECK(rte_mempool_lookup(name) == pool);
	rte_pktmbuf_free(frame);
	CHECK(net_pool_get(-1) == pool);
	net_pool_put(pool);
	CHECK(rte_mempool_lookup(name) == NULL);
}
