/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames to a guest: headers, mergeable buffers at every boundary, what does not fit, and rings
 * that are broken. Frames are pushed by the case itself, in bursts of its choice.
 */
#include "test.h"

#include "net_fixture.h"
#include "vu_vring_burst.h"
#include "vu_vring_snapshot.h"

struct pusher {
	struct vu_sched *sched;
	struct rig_port port;
	struct net_received *received;
	struct rte_mbuf *frames[NET_MAX_BURST];
	uint16_t nb_frames;
};

static void
pusher_open(struct pusher *p, uint64_t features)
{
	p->sched = rig_sched_create(2);
	p->received = net_received_create();
	p->nb_frames = 0;
	port_open(&p->port, p->sched, "forward=null");
	port_start(&p->port, features);
}

static void
pusher_close(struct pusher *p)
{
	port_stop(&p->port);
	port_verify_mbufs(&p->port);
	rig_port_close(&p->port);
	free(p->received);
	vu_sched_destroy(p->sched);
}

/* Add a frame to the burst, in segments of at most seg_bytes. */
static void
add_frame(struct pusher *p, const uint8_t *bytes, uint32_t len_bytes, uint32_t seg_bytes)
{
	struct rte_mempool *pool = port_queue(&p->port, 1)->pool;
	struct rte_mbuf *head = NULL;

	do {
		uint32_t nb = RTE_MIN(len_bytes, seg_bytes);
		struct rte_mbuf *seg = rte_pktmbuf_alloc(pool);

		CHECK(seg != NULL);
		memcpy(rte_pktmbuf_append(seg, (uint16_t)nb), bytes, nb);
		bytes += nb;
		len_bytes -= nb;
		if (head == NULL)
			head = seg;
		else
			CHECK(rte_pktmbuf_chain(head, seg) == 0);
	} while (len_bytes != 0);
	p->frames[p->nb_frames++] = head;
}

static void
push(struct pusher *p)
{
	struct net_queue *nq = port_queue(&p->port, 0);

	net_to_guest_push(nq, vu_vring_snapshot_load(&nq->queue->vring), p->frames, p->nb_frames);
	p->nb_frames = 0;
}

static void
push_one(struct pusher *p, const uint8_t *bytes, uint32_t len_bytes)
{
	add_frame(p, bytes, len_bytes, 2048);
	push(p);
}

/* Next frame is this one, in that many buffers, its header zero except their number. */
static void
check_received(struct pusher *p, const uint8_t *bytes, uint32_t len_bytes, uint16_t nb_buffers)
{
	static const uint8_t zero[10];

	CHECK(port_receive(&p->port, 0, p->received));
	CHECK(memcmp(p->received->header, zero, 10) == 0);
	if (p->port.header_bytes == 12)
		CHECK_EQ(p->received->header[10] | p->received->header[11] << 8, nb_buffers);
	CHECK_EQ(p->received->len_bytes, len_bytes);
	CHECK(memcmp(p->received->frame, bytes, len_bytes) == 0);
}

static uint64_t
drops(const struct pusher *p, unsigned int reason)
{
	return rig_port_stats(&p->port, 0).nb_drops[reason];
}

VU_TEST(net_to_guest, header_variants)
{
	static const uint64_t features[] = { F_LEGACY, F_MODERN, F_MERGEABLE,
		RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF) };
	static const uint32_t header_bytes[] = { 10, 12, 12, 12 };
	uint8_t frame[200];

	frame_make(frame, sizeof(frame), 5);
	for (unsigned int k = 0; k < RTE_DIM(features); k++) {
		struct pusher p;

		pusher_open(&p, features[k]);
		CHECK_EQ(port_snapshot(&p.port, 0)->header_bytes, header_bytes[k]);
		for (uint32_t len = 1; len <= sizeof(frame); len += 13) {
			port_offer(&p.port, 0, 1, SLOT_BYTES);
			push_one(&p, frame, len);
			check_received(&p, frame, len, 1);
		}
		/* No room to spare. */
		port_offer(&p.port, 0, 1, header_bytes[k] + sizeof(frame));
		push_one(&p, frame, sizeof(frame));
		check_received(&p, frame, sizeof(frame), 1);
		CHECK_EQ(rig_port_stats(&p.port, 0).nb_packets, 17);
		pusher_close(&p);
	}
}

VU_TEST(net_to_guest, header_and_data_split_at_every_byte)
{
	static const uint64_t features[] = { F_LEGACY, F_MODERN, F_MERGEABLE };
	const uint64_t gpa = FAKE_MID_GPA + UINT64_C(0x1000);
	uint8_t frame[30];

	frame_make(frame, sizeof(frame), 5);
	for (unsigned int k = 0; k < RTE_DIM(features); k++) {
		struct pusher p;
		uint32_t total;

		pusher_open(&p, features[k]);
		total = p.port.header_bytes + sizeof(frame);
		for (uint32_t a = 0; a <= total; a++) {
			for (uint32_t b = a; b <= total; b++) {
				const struct net_chain chain = { .nb_bufs = 3, .bufs = {
					{ gpa + 0x100, a, true }, { gpa, b - a, true },
					{ gpa + 0x200, total - b + (a % 3), true },
				} };

				port_offer_chain(&p.port, 0, &chain);
				push_one(&p, frame, sizeof(frame));
				check_received(&p, frame, sizeof(frame), 1);
			}
		}
		pusher_close(&p);
	}
}

VU_TEST(net_to_guest, frames_of_several_mbufs)
{
	static const uint32_t seg_bytes[] = { 1, 7, 60, 999, 1000, 1001, 2048 };
	static const uint64_t features[] = { F_MODERN, F_MERGEABLE };
	uint8_t frame[1000];

	frame_make(frame, sizeof(frame), 5);
	for (unsigned int k = 0; k < RTE_DIM(features); k++) {
		struct pusher p;

		pusher_open(&p, features[k]);
		for (unsigned int i = 0; i < RTE_DIM(seg_bytes); i++) {
			port_offer(&p.port, 0, 1, 1012);
			add_frame(&p, frame, sizeof(frame), seg_bytes[i]);
			push(&p);
			check_received(&p, frame, sizeof(frame), 1);
		}
		pusher_close(&p);
	}
}

VU_TEST(net_to_guest, mbufs_may_be_empty)
{
	struct pusher p;
	uint8_t frame[100];
	const struct net_chain pieces = { .nb_bufs = 2, .bufs = {
		{ FAKE_MID_GPA + UINT64_C(0x1000), 50, true },
		{ FAKE_MID_GPA + UINT64_C(0x2000), 100, true },
	} };

	frame_make(frame, sizeof(frame), 5);
	pusher_open(&p, F_MODERN);
	/* Five of them; bit 0 of the shape says whether the first one holds anything. */
	for (unsigned int shape = 1; shape < 32; shape++) {
		uint32_t len_bytes = 0;

		add_frame(&p, frame, shape & 1 ? 20 : 0, 20);
		len_bytes += shape & 1 ? 20 : 0;
		for (unsigned int i = 1; i < 5; i++) {
			uint32_t nb = shape & (1u << i) ? 20 : 0;

			add_frame(&p, frame + len_bytes, nb, 20);
			len_bytes += nb;
			CHECK(rte_pktmbuf_chain(p.frames[0], p.frames[--p.nb_frames]) == 0);
		}
		port_offer_chain(&p.port, 0, &pieces);
		push(&p);
		check_received(&p, frame, len_bytes, 1);
	}
	pusher_close(&p);
}

VU_TEST(net_to_guest, nothing_is_written_behind_the_used_length)
{
	struct pusher p;
	uint8_t frame[100];
	const uint8_t *slot;

	frame_make(frame, sizeof(frame), 5);
	pusher_open(&p, F_MODERN);
	slot = fake_guest_ptr(&p.port.guest, p.port.rings[0].slots_gpa);
	for (uint32_t len = 1; len <= sizeof(frame); len++) {
		memset(fake_guest_ptr(&p.port.guest, p.port.rings[0].slots_gpa), 0x5a, SLOT_BYTES);
		p.port.rings[0].next_slot = 0;
		port_offer(&p.port, 0, 1, SLOT_BYTES);
		push_one(&p, frame, len);
		check_received(&p, frame, len, 1);
		for (uint32_t i = 12 + len; i < SLOT_BYTES; i++)
			CHECK_EQ(slot[i], 0x5a);
	}
	pusher_close(&p);
}

/* ---- mergeable buffers ---- */

VU_TEST(net_to_guest, mergeable_frame_takes_as_many_buffers_as_it_needs)
{
	static const uint32_t buffer_bytes[] = { 12, 13, 60, 100, 1526, 2048 };
	static uint8_t frame[32 * 2048];
	struct pusher p;

	frame_make(frame, sizeof(frame), 5);
	pusher_open(&p, F_MERGEABLE);
	for (unsigned int b = 0; b < RTE_DIM(buffer_bytes); b++) {
		for (uint32_t nb = 1; nb <= 32; nb++) {
			/* One byte less than nb buffers hold, all they hold, and one byte more. */
			for (uint32_t more = 0; more < 3; more++) {
				uint32_t len = buffer_bytes[b] * nb - 12 - 1 + more;
				uint16_t want = more == 2 ? nb + 1 : nb;

				if ((int32_t)len <= 0 || want > 32)
					continue;
				port_offer(&p.port, 0, want, buffer_bytes[b]);
				push_one(&p, frame, len);
				check_received(&p, frame, len, want);
				CHECK_EQ(p.port.rings[0].ring->nb_free, RING_SIZE);
			}
		}
	}
	CHECK_EQ(drops(&p, VU_DROP_TOO_BIG) + drops(&p, VU_DROP_RING_FULL), 0);
	pusher_close(&p);
}

VU_TEST(net_to_guest, all_but_the_last_buffer_are_full)
{
	struct vu_split_used_elem elems[8];
	struct pusher p;
	uint8_t frame[500];

	frame_make(frame, sizeof(frame), 5);
	pusher_open(&p, F_MERGEABLE);
	port_offer(&p.port, 0, 8, 100);
	push_one(&p, frame, sizeof(frame));
	CHECK_EQ(fake_ring_collect(p.port.rings[0].ring, elems, 8), 6);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(elems[i].len_bytes, 100);
	CHECK_EQ(elems[5].len_bytes, 12);
	CHECK_EQ(rig_port_stats(&p.port, 0).vring.nb_chains, 6);
	pusher_close(&p);
}

VU_TEST(net_to_guest, mergeable_frames_of_one_burst_follow_each_other)
{
	static uint8_t frames[32][700];
	struct pusher p;

	pusher_open(&p, F_MERGEABLE);
	/* 32 frames of 1 to 7 buffers need more than the 64 there are: the rest is dropped. */
	port_offer(&p.port, 0, RING_SIZE, 100);
	for (unsigned int i = 0; i < 32; i++) {
		frame_make(frames[i], 20 + 21 * i, i);
		add_frame(&p, frames[i], 20 + 21 * i, 2048);
	}
	push(&p);
	for (unsigned int i = 0; i < rig_port_stats(&p.port, 0).nb_packets; i++)
		check_received(&p, frames[i], 20 + 21 * i, (20 + 21 * i + 12 + 99) / 100);
	CHECK(!port_receive(&p.port, 0, p.received));
	CHECK(rig_port_stats(&p.port, 0).nb_packets >= 18);
	CHECK_EQ(rig_port_stats(&p.port, 0).nb_packets + drops(&p, VU_DROP_RING_FULL), 32);
	pusher_close(&p);
}

/* A segmentation offload's largest frame, in the smallest mergeable buffers that Linux offers. */
VU_TEST(net_to_guest, largest_frames_fit_small_buffers)
{
	static uint8_t frame[VU_NET_MAX_FRAME_BYTES];
	struct pusher p;

	frame_make(frame, sizeof(frame), 5);
	pusher_open(&p, F_MERGEABLE);
	for (uint32_t len = 32 * 1536 - 13; len <= sizeof(frame); len += 2113) {
		port_offer(&p.port, 0, RING_SIZE, 1536);
		add_frame(&p, frame, 50, 2048);
		push_one(&p, frame, len);
		check_received(&p, frame, 50, 1);
		check_received(&p, frame, len, (uint16_t)((len + 12 + 1535) / 1536));
	}
	CHECK_EQ(drops(&p, VU_DROP_TOO_BIG) + drops(&p, VU_DROP_RING_FULL), 0);
	pusher_close(&p);
}

VU_TEST(net_to_guest, frame_that_no_burst_can_hold_is_too_big)
{
	static uint8_t frame[RING_SIZE * 100];
	struct pusher p;

	frame_make(frame, sizeof(frame), 5);
	pusher_open(&p, F_MERGEABLE);
	port_offer(&p.port, 0, RING_SIZE, 100);
	add_frame(&p, frame, VU_VRING_MAX_BURST * 100 - 12 + 1, 2048);
	add_frame(&p, frame, 50, 2048);
	add_frame(&p, frame, 60, 2048);
	push(&p);
	CHECK_EQ(drops(&p, VU_DROP_TOO_BIG), 1);
	check_received(&p, frame, 50, 1);
	check_received(&p, frame, 60, 1);
	CHECK(!port_receive(&p.port, 0, p.received));
	pusher_close(&p);
}

VU_TEST(net_to_guest, mergeable_frame_without_enough_buffers_takes_none)
{
	struct pusher p;
	uint8_t frame[500];

	frame_make(frame, sizeof(frame), 5);
	pusher_open(&p, F_MERGEABLE);
	port_offer(&p.port, 0, 5, 100);
	push_one(&p, frame, sizeof(frame));
	CHECK_EQ(drops(&p, VU_DROP_RING_FULL), 1);
	CHECK_EQ(fake_ring_nb_used(p.port.rings[0].ring), 0);
	port_offer(&p.port, 0, 1, 100);
	push_one(&p, frame, sizeof(frame));
	check_received(&p, frame, sizeof(frame), 6);
	pusher_close(&p);
}

/* ---- drops ---- */

VU_TEST(net_to_guest, full_ring_takes_what_fits)
{
	static const uint64_t features[] = { F_LEGACY, F_MODERN, F_MERGEABLE };

	for (unsigned int k = 0; k < RTE_DIM(features); k++) {
		struct pusher p;
		uint8_t frame[64];

		pusher_open(&p, features[k]);
		push_one(&p, frame, sizeof(frame));
		CHECK_EQ(drops(&p, VU_DROP_RING_FULL), 1);
		port_offer(&p.port, 0, 5, 100);
		for (unsigned int i = 0; i < 20; i++) {
			frame_make(frame, sizeof(frame), i);
			add_frame(&p, frame, sizeof(frame), 2048);
		}
		push(&p);
		CHECK_EQ(rig_port_stats(&p.port, 0).nb_packets, 5);
		CHECK_EQ(drops(&p, VU_DROP_RING_FULL), 16);
		for (unsigned int i = 0; i < 5; i++) {
			frame_make(frame, sizeof(frame), i);
			check_received(&p, frame, sizeof(frame), 1);
		}
		CHECK(!port_receive(&p.port, 0, p.received));
		CHECK_EQ(rig_events(p.port.rings[0].call_fd), 1);
		pusher_close(&p);
	}
}

VU_TEST(net_to_guest, frame_longer_than_its_chain_is_too_big)
{
	struct pusher p;
	uint8_t frame[200];

	frame_make(frame, sizeof(frame), 5);
	pusher_open(&p, F_MODERN);
	port_offer(&p.port, 0, 2, 100);
	add_frame(&p, frame, 89, 2048);
	add_frame(&p, frame, 88, 2048);
	add_frame(&p, frame, 200, 2048);
	add_frame(&p, frame, 20, 2048);
	add_frame(&p, frame, 20, 2048);
	push(&p);
	/* The buffers were kept for frames that fit. */
	CHECK_EQ(drops(&p, VU_DROP_TOO_BIG), 2);
	CHECK_EQ(drops(&p, VU_DROP_RING_FULL), 1);
	check_received(&p, frame, 88, 1);
	check_received(&p, frame, 20, 1);
	CHECK(!port_receive(&p.port, 0, p.received));
	pusher_close(&p);
}

VU_TEST(net_to_guest, disabled_and_stopped_rings_get_nothing)
{
	struct net_forward_queue *nq;
	struct pusher p;
	uint8_t frame[64] = { 0 };

	pusher_open(&p, F_MODERN);
	nq = port_forward_queue(&p.port, 0);
	port_offer(&p.port, 0, 8, 100);
	/* On their way when the ring is disabled. */
	for (unsigned int i = 0; i < 3; i++)
		add_frame(&p, frame, sizeof(frame), 2048);
	CHECK_EQ(rte_ring_enqueue_bulk(nq->handoff, (void **)p.frames, 3, NULL), 3);
	vu_device_ring_enable(p.port.dev, 0, false);
	rig_port_commit(&p.port);
	net_turn(p.sched);
	CHECK_EQ(drops(&p, VU_DROP_DISABLED), 3);
	CHECK_EQ(fake_ring_nb_used(p.port.rings[0].ring), 0);
	/* And when it is stopped: nobody polls the queue then. */
	p.nb_frames = 0;
	for (unsigned int i = 0; i < 2; i++)
		add_frame(&p, frame, sizeof(frame), 2048);
	CHECK_EQ(rte_ring_enqueue_bulk(nq->handoff, (void **)p.frames, 2, NULL), 2);
	vu_device_ring_stop(p.port.dev, 0);
	rig_port_commit(&p.port);
	CHECK_EQ(drops(&p, VU_DROP_DISABLED), 5);
	CHECK_EQ(rte_ring_count(nq->handoff), 0);
	CHECK_EQ(rig_port_stats(&p.port, 0).nb_packets, 0);
	pusher_close(&p);
}

VU_TEST(net_to_guest, handoff_is_polled_until_it_is_empty)
{
	struct net_forward_queue *nq;
	struct pusher p;
	uint8_t frame[64];

	pusher_open(&p, F_MODERN);
	nq = port_forward_queue(&p.port, 0);
	port_offer(&p.port, 0, RING_SIZE, 100);
	for (unsigned int i = 0; i < 50; i++) {
		frame_make(frame, sizeof(frame), i);
		p.nb_frames = 0;
		add_frame(&p, frame, sizeof(frame), 2048);
		CHECK_EQ(rte_ring_enqueue(nq->handoff, p.frames[0]), 0);
	}
	net_turn(p.sched);
	net_turn(p.sched);
	for (unsigned int i = 0; i < 50; i++) {
		frame_make(frame, sizeof(frame), i);
		check_received(&p, frame, sizeof(frame), 1);
	}
	CHECK_EQ(rig_port_stats(&p.port, 0).nb_packets, 50);
	pusher_close(&p);
}

/* ---- faults ---- */

struct bad_entry {
	enum vu_vring_fault fault;
	struct vu_split_desc desc;
};

static const struct bad_entry bad_entries[] = {
	{ VU_VRING_BAD_NEXT, { FAKE_HIGH_GPA, 64, VU_DESC_F_WRITE | VU_DESC_F_NEXT, RING_SIZE } },
	{ VU_VRING_CHAIN_TOO_LONG, { FAKE_HIGH_GPA, 64, VU_DESC_F_WRITE | VU_DESC_F_NEXT,
		RING_SIZE - 1 } },
	{ VU_VRING_BAD_INDIRECT, { FAKE_HIGH_GPA, 64, VU_DESC_F_INDIRECT, 0 } },
	{ VU_VRING_BAD_ADDRESS, { FAKE_NOWHERE_GPA, 128, VU_DESC_F_WRITE, 0 } },
	{ VU_VRING_BAD_ADDRESS, { UINT64_MAX - 10, 128, VU_DESC_F_WRITE, 0 } },
	{ VU_VRING_BAD_DIRECTION, { FAKE_HIGH_GPA, 128, 0, 0 } },
	{ VU_VRING_BAD_LENGTH, { FAKE_HIGH_GPA, 0, VU_DESC_F_WRITE, 0 } },
	{ VU_VRING_BAD_LENGTH, { FAKE_HIGH_GPA, 11, VU_DESC_F_WRITE, 0 } },
};

static void
check_bad_entry(const struct bad_entry *bad, uint64_t features)
{
	struct pusher p;
	uint8_t frame[64];
	struct fake_ring *ring;

	pusher_open(&p, features);
	ring = p.port.rings[0].ring;
	frame_make(frame, sizeof(frame), 5);
	port_offer(&p.port, 0, 4, 100);
	ring->desc[RING_SIZE - 1] = bad->desc;
	fake_ring_offer(ring, RING_SIZE - 1);
	port_offer(&p.port, 0, 4, 100);
	for (unsigned int i = 0; i < 10; i++)
		add_frame(&p, frame, sizeof(frame), 2048);
	push(&p);
	for (unsigned int i = 0; i < 4; i++)
		check_received(&p, frame, sizeof(frame), 1);
	CHECK(!port_receive(&p.port, 0, p.received));
	CHECK_EQ(rig_port_stats(&p.port, 0).nb_packets, 4);
	CHECK_EQ(drops(&p, VU_DROP_FAULT), 6);
	CHECK_EQ(rig_port_stats(&p.port, 0).fault, bad->fault);
	CHECK_EQ(rig_port_stats(&p.port, 0).nb_faults, 1);
	CHECK_EQ(rig_events(p.port.rings[0].call_fd), 1);
	CHECK_EQ(rig_events(p.port.rings[0].err_fd), 1);
	CHECK_EQ(p.port.nb_ring_faults, 1);
	/* Given up: frames go nowhere, and it is not reported again. */
	push_one(&p, frame, sizeof(frame));
	net_turn(p.sched);
	CHECK_EQ(drops(&p, VU_DROP_FAULT), 7);
	CHECK(rig_events(p.port.rings[0].err_fd) == 0 && p.port.nb_ring_faults == 1);
	CHECK(rig_port_stats(&p.port, 1).fault == VU_VRING_OK);
	pusher_close(&p);
}

VU_TEST(net_to_guest, frames_before_a_bad_entry_arrive)
{
	for (unsigned int b = 0; b < RTE_DIM(bad_entries); b++) {
		check_bad_entry(&bad_entries[b], F_MODERN);
		check_bad_entry(&bad_entries[b], F_MERGEABLE);
	}
}

VU_TEST(net_to_guest, frame_across_a_bad_entry_is_not_delivered_at_all)
{
	struct pusher p;
	struct fake_ring *ring;
	uint8_t frame[250];

	frame_make(frame, sizeof(frame), 5);
	pusher_open(&p, F_MERGEABLE);
	ring = p.port.rings[0].ring;
	port_offer(&p.port, 0, 2, 100);
	ring->desc[RING_SIZE - 1] = (struct vu_split_desc){ FAKE_NOWHERE_GPA, 100,
		VU_DESC_F_WRITE, 0 };
	fake_ring_offer(ring, RING_SIZE - 1);
	fake_ring_publish(ring);
	push_one(&p, frame, sizeof(frame));
	CHECK_EQ(fake_ring_nb_used(ring), 0);
	CHECK_EQ(drops(&p, VU_DROP_FAULT), 1);
	CHECK_EQ(rig_port_stats(&p.port, 0).fault, VU_VRING_BAD_ADDRESS);
	pusher_close(&p);
}

/* ---- random buffers against what was pushed ---- */

struct pushed {
	uint8_t bytes[4000];
	uint32_t len_bytes;
};

/* A random receive chain; most of them single. */
static void
offer_random(struct pusher *p, struct fake_rand *rand)
{
	struct rig_ring *ring = &p->port.rings[0];
	uint64_t gpa = ring_slot(ring, SLOT_BYTES);
	struct net_chain chain = { .nb_bufs = 1 };
	uint16_t nb_direct;

	if (fake_rand_one_in(rand, 3))
		chain.nb_bufs = fake_rand_in(rand, 1, 6);
	for (uint16_t i = 0; i < chain.nb_bufs; i++) {
		uint32_t len = fake_rand_in(rand, 0, 600);

		/* A buffer that no frame fits would keep its place for good. */
		chain.bufs[i] = (struct fake_buf){ gpa, i == 0 ? len + 100 : len, true };
		gpa += len + 100;
	}
	nb_direct = fake_rand_one_in(rand, 4) ? fake_rand_in(rand, 0, chain.nb_bufs) :
		chain.nb_bufs;
	ring_add_chain(ring, &chain, nb_direct, FAKE_MID_GPA + UINT64_C(0x100000) +
		(uint64_t)(ring->ring->avail_idx % RING_SIZE) * 256);
}

static void
push_random(struct pusher *p, struct fake_rand *rand, struct pushed *pushed, unsigned int nb)
{
	for (unsigned int i = 0; i < nb; i++) {
		pushed[i].len_bytes = fake_rand_in(rand, 1, fake_rand_one_in(rand, 3) ? 4000 : 500);
		frame_make(pushed[i].bytes, pushed[i].len_bytes, fake_rand_u64(rand));
		add_frame(p, pushed[i].bytes, pushed[i].len_bytes, fake_rand_in(rand, 60, 2048));
	}
	push(p);
}

/* What arrives is a subsequence of what was pushed; skipped ones are dropped ones. */
static void
check_subsequence(struct pusher *p, const struct pushed *pushed, unsigned int nb,
	uint64_t *nb_delivered)
{
	unsigned int next = 0;

	while (port_receive(&p->port, 0, p->received)) {
		while (next < nb && !received_is(p->received, pushed[next].bytes,
				pushed[next].len_bytes))
			next++;
		CHECK(next < nb);
		next++;
		(*nb_delivered)++;
	}
}

static void
check_random(uint64_t features, uint64_t seed)
{
	static struct pushed pushed[32];
	struct fake_rand rand = { seed };
	uint64_t nb_pushed = 0, nb_delivered = 0;
	struct vu_device_queue_stats stats;
	struct pusher p;

	pusher_open(&p, features | F_INDIRECT);
	for (unsigned int round = 0; round < 1500; round++) {
		unsigned int nb = fake_rand_in(&rand, 1, 32);

		for (unsigned int i = fake_rand_in(&rand, 0, 40); i != 0; i--)
			if (p.port.rings[0].ring->nb_free >= 7)
				offer_random(&p, &rand);
		fake_ring_publish(p.port.rings[0].ring);
		push_random(&p, &rand, pushed, nb);
		nb_pushed += nb;
		check_subsequence(&p, pushed, nb, &nb_delivered);
	}
	stats = rig_port_stats(&p.port, 0);
	CHECK_EQ(stats.fault, VU_VRING_OK);
	CHECK_EQ(stats.nb_packets, nb_delivered);
	CHECK_EQ(stats.nb_packets + stats_all_drops(&stats), nb_pushed);
	CHECK_EQ(stats.nb_drops[VU_DROP_RING_FULL] + stats.nb_drops[VU_DROP_TOO_BIG],
		stats_all_drops(&stats));
	CHECK(nb_delivered > 500 && nb_delivered < nb_pushed);
	pusher_close(&p);
}

VU_TEST(net_to_guest, random_buffers_carry_the_same_bytes)
{
	check_random(F_LEGACY, 1);
	check_random(F_MODERN, 2);
	check_random(F_MERGEABLE, 3);
}
