/* SPDX-License-Identifier: BSD-3-Clause
 *
 * All variants of the burst functions do the same as net_burst_any: every variant that this
 * processor can run gets the same random traffic, and what comes of it is compared byte by byte
 * after every step. A failure names the seed; VU_TEST_SEED=N begins with that one.
 *
 * How many entries one call takes is a variant's own affair, so from-guest rings are compared when
 * they are drained. With IN_ORDER, which used entries it leaves out is, too; the guest fills them
 * in before they are compared (guest_settle()).
 */
#include "test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_cycles.h>

#include "net_fixture.h"
#include "offload_fixture.h"
#include "variant_log.h"
#include "variant_rig.h"
#include "vu_net.h"

#define F_PACKED RTE_BIT64(VIRTIO_F_RING_PACKED)
#define NB_STEPS 30
#define NB_FAST_SCENARIOS 60 /* of each variant */
#define MAX_PUT 64
#define MAX_SEGS 40

/* ---- plans ---- */

static uint64_t
first_seed(uint64_t otherwise)
{
	const char *text = getenv("VU_TEST_SEED");

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* What a net device offers now; features of the future are tested without being named here. */
static uint64_t
offered_features(void)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct rig_port port;
	uint64_t features;

	port_open(&port, sched, "forward=null");
	features = vu_device_features(port.dev);
	rig_port_close(&port);
	vu_sched_destroy(sched);
	return features;
}

static uint16_t
plan_ring_size(struct fake_rand *rand, bool is_packed)
{
	if (!is_packed)
		return (uint16_t)(1u << fake_rand_in(rand, 0, 8));
	return fake_rand_in(rand, 1, fake_rand_one_in(rand, 2) ? 40 : RIG_MAX_RING);
}

/* Near the end of the index, near the end of the ring, anywhere. */
static uint16_t
plan_start(struct fake_rand *rand, const struct rig_plan *plan)
{
	if (plan->is_packed)
		return (uint16_t)(fake_rand_in(rand, 0, plan->ring_size - 1) |
			fake_rand_in(rand, 0, 1) << 15);
	if (fake_rand_one_in(rand, 3))
		return (uint16_t)fake_rand_in(rand, 0, 3);
	if (fake_rand_one_in(rand, 2))
		return (uint16_t)-fake_rand_in(rand, 1, 2 * plan->ring_size);
	return (uint16_t)fake_rand_u64(rand);
}

static struct fake_rand
plan_rand(uint64_t seed)
{
	return (struct fake_rand){ seed * UINT64_C(0xd1342543de82ef95) | 1 };
}

static struct rig_plan
plan_make(uint64_t seed, uint64_t offered)
{
	struct fake_rand rand = plan_rand(seed);
	struct rig_plan plan = { .seed = seed };

	plan.is_packed = fake_rand_one_in(&rand, 2);
	plan.is_from_guest = fake_rand_one_in(&rand, 2);
	plan.is_hostile = fake_rand_one_in(&rand, 3);
	plan.is_single = !plan.is_hostile && fake_rand_one_in(&rand, 2);
	plan.pool = fake_rand_one_in(&rand, 2) ? RIG_POOL_SMALL : RIG_POOL_DEFAULT;
	plan.features = offered & fake_rand_u64(&rand);
	if (!fake_rand_one_in(&rand, 8))
		plan.features |= F_MODERN;
	plan.features &= ~F_PACKED;
	if (plan.is_packed)
		plan.features |= F_PACKED;
	/* What its guest broke in entries that a batch leaves out, the next lap may find. */
	if (plan.is_packed && plan.is_hostile)
		plan.features &= ~RTE_BIT64(VIRTIO_F_IN_ORDER);
	plan.ring_size = plan_ring_size(&rand, plan.is_packed);
	plan.start = plan_start(&rand, &plan);
	plan.align_bytes = fake_rand_one_in(&rand, 2) ? 0 : 128;
	/* A sane guest would wait for those. */
	if (plan.is_hostile && fake_rand_one_in(&rand, 3))
		plan.nb_held = fake_rand_in(&rand, 0, plan.ring_size);
	return plan;
}

/* ---- from the guest ---- */

/* Mbufs that someone else has. */
struct shortage {
	void *mbufs[2][8192];
	unsigned int nb[2];
};

static void
shortage_begin(struct variant_rig *rig, struct shortage *shortage, unsigned int nb_left)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct rte_mempool *pool = rig->side[i].nq.pool;

		shortage->nb[i] = rte_mempool_avail_count(pool) - nb_left;
		CHECK(shortage->nb[i] <= RTE_DIM(shortage->mbufs[i]));
		for (unsigned int m = 0; m < shortage->nb[i]; m++)
			CHECK(rte_mempool_get(pool, &shortage->mbufs[i][m]) == 0);
	}
}

static void
shortage_end(struct variant_rig *rig, struct shortage *shortage)
{
	for (unsigned int i = 0; i < 2; i++)
		rte_mempool_put_bulk(rig->side[i].nq.pool, shortage->mbufs[i], shortage->nb[i]);
}

/*
 * A burst may be left in the ring for want of mbufs, and variants differ in what they call a burst;
 * with mbufs again, everything must arrive. Frames of one mbuf: whether a longer one is dropped
 * half-way depends on how many the burst around it holds.
 */
static bool
drain_short_of_mbufs(struct variant_rig *rig, struct fake_rand *rand, uint16_t max)
{
	static struct shortage shortage;
	bool is_same;

	shortage_begin(rig, &shortage, fake_rand_in(rand, 0, 40));
	for (unsigned int i = 0; i < 2; i++)
		side_drain(&rig->side[i], max);
	is_same = rig_compare_frames(rig, false);
	shortage_end(rig, &shortage);
	return is_same;
}

static void
guests_act(struct variant_rig *rig, struct fake_rand *rand, uint32_t max_bytes)
{
	const struct rig_plan *plan = &rig->plan;
	unsigned int nb = fake_rand_in(rand, 0, fake_rand_one_in(rand, 3) ? RIG_MAX_RING : 40);
	bool is_scribble = plan->is_hostile && fake_rand_one_in(rand, 3);

	for (unsigned int i = 0; i < 2; i++) {
		struct rig_side *side = &rig->side[i];

		guest_set_event(side, plan);
		if (is_scribble) {
			guest_scribble(side, plan);
			continue;
		}
		guest_offer(side, plan, nb, max_bytes);
		if (plan->is_hostile)
			guest_break(side, plan);
	}
}

static bool
step_from_guest(struct variant_rig *rig, struct fake_rand *rand)
{
	bool is_short = !rig->plan.is_hostile && fake_rand_one_in(rand, 12);
	bool is_enabled = !fake_rand_one_in(rand, 16);
	uint16_t max = fake_rand_one_in(rand, 2) ? 32 : fake_rand_in(rand, 1, 64);

	guests_act(rig, rand, is_short ? 12 + RIG_SMALL_ROOM : 0);
	for (unsigned int i = 0; i < 2; i++)
		rig->side[i].snapshot->is_enabled = is_enabled;
	if (is_short && !drain_short_of_mbufs(rig, rand, max))
		return false;
	for (unsigned int i = 0; i < 2; i++)
		side_drain(&rig->side[i], max);
	return rig_compare_frames(rig, true);
}

/* ---- to the guest ---- */

static uint16_t
pick_seg_bytes(struct rig_side *side, uint32_t room_bytes)
{
	uint32_t max = RTE_MIN(room_bytes, 300u);

	if (fake_rand_one_in(&side->rand, 10))
		max = room_bytes;
	return fake_rand_in(&side->rand, fake_rand_one_in(&side->rand, 20) ? 0 : 1, max);
}

static struct rte_mbuf *
seg_make(struct rig_side *side)
{
	struct rte_mbuf *seg = rte_pktmbuf_alloc(side->pools[fake_rand_one_in(&side->rand, 4) ?
		RIG_POOL_SMALL : RIG_POOL_DEFAULT]);

	CHECK(seg != NULL);
	seg->data_off = fake_rand_in(&side->rand, 0, 200);
	seg->data_len = pick_seg_bytes(side, seg->buf_len - seg->data_off);
	seg->pkt_len = seg->data_len;
	frame_make(rte_pktmbuf_mtod(seg, uint8_t *), seg->data_len, fake_rand_u64(&side->rand));
	return seg;
}

/* One of many shapes; a clone has its data in another mbuf. */
static struct rte_mbuf *
put_frame_make(struct rig_side *side, const struct rig_plan *plan)
{
	struct rte_mbuf *frame = seg_make(side), *clone;
	unsigned int nb_more = 0;

	if (fake_rand_one_in(&side->rand, plan->is_single ? 64 : 4))
		nb_more = fake_rand_in(&side->rand, 1, fake_rand_one_in(&side->rand, 16) ?
			MAX_SEGS : 4);
	for (unsigned int i = 0; i < nb_more; i++)
		CHECK(rte_pktmbuf_chain(frame, seg_make(side)) == 0);
	if (!fake_rand_one_in(&side->rand, 16))
		return frame;
	clone = rte_pktmbuf_clone(frame, side->pools[RIG_POOL_DEFAULT]);
	CHECK(clone != NULL);
	rte_pktmbuf_free(frame);
	return clone;
}

static void
request_pick_shape(struct rig_side *side, struct offload_shape *shape)
{
	*shape = (struct offload_shape){
		.nb_tags = fake_rand_in(&side->rand, 0, 2),
		.is_ipv6 = fake_rand_one_in(&side->rand, 2),
		.nb_extensions = fake_rand_in(&side->rand, 0, 2),
		.proto = fake_rand_one_in(&side->rand, 3) ? PROTO_UDP : PROTO_TCP,
		.tcp_flags = TCP_ACK | (fake_rand_one_in(&side->rand, 4) ? TCP_CWR : 0) |
			(fake_rand_one_in(&side->rand, 2) ? TCP_PSH | TCP_FIN : 0),
		.payload_bytes = fake_rand_in(&side->rand, 0,
			fake_rand_one_in(&side->rand, 4) ? 3000 : 300),
	};
}

/*
 * Something that the stack of the receiver, or software, has to do for the frame. What neither does
 * is dropped, before or after a look at the ring: the same, unless that has a fault.
 */
static void
request_pick(struct rig_side *side, bool is_possible, const struct offload_frame *made,
	struct rte_mbuf *frame)
{
	const bool is_tcp = made->proto == PROTO_TCP;

	frame->l2_len = made->l2_bytes;
	frame->l3_len = made->l3_bytes;
	frame->l4_len = made->l4_bytes;
	frame->ol_flags = made->is_ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	if (!made->is_ipv6 && fake_rand_one_in(&side->rand, 2))
		frame->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
	switch (fake_rand_in(&side->rand, is_possible ? 2 : 0, 5)) {
	case 0: /* what nobody does, among others */
		frame->ol_flags |= fake_rand_u64(&side->rand) & NET_OFFLOAD_FLAGS;
		break;
	case 1: /* headers that are not there */
		frame->ol_flags |= fake_rand_u64(&side->rand) & NET_TX_REQUESTS & ~NET_TX_UNKNOWN;
		frame->l2_len = fake_rand_in(&side->rand, 0, 127);
		frame->l3_len = fake_rand_in(&side->rand, 0, 511);
		frame->l4_len = fake_rand_in(&side->rand, 0, 255);
		frame->tso_segsz = fake_rand_in(&side->rand, 0, 500);
		break;
	case 2:
		frame->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		break;
	case 3:
		frame->ol_flags |= is_tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
		break;
	default:
		frame->ol_flags |= is_tcp ? RTE_MBUF_F_TX_TCP_SEG : RTE_MBUF_F_TX_UDP_CKSUM;
		/* Very short ones make too many segments. */
		frame->tso_segsz = fake_rand_in(&side->rand, is_possible ? 20 : 1,
			fake_rand_one_in(&side->rand, 4) ? 30 : 600);
		break;
	}
}

/* A frame with a request; its headers are in the first segment. */
static struct rte_mbuf *
request_frame_make(struct rig_side *side, const struct rig_plan *plan)
{
	static struct offload_frame made;
	enum rig_pool pool = fake_rand_one_in(&side->rand, 2) ? RIG_POOL_SMALL : RIG_POOL_DEFAULT;
	struct offload_shape shape;
	struct rte_mbuf *frame;

	request_pick_shape(side, &shape);
	offload_frame_make(&made, &shape);
	frame = offload_mbuf(side->pools[pool], made.bytes, made.len_bytes,
		fake_rand_in(&side->rand, 128, pool == RIG_POOL_SMALL ? RIG_SMALL_ROOM : 2000));
	request_pick(side, plan->is_hostile, &made, frame);
	return frame;
}

/* Put frames that the variant must not change, since others may have them too. */
static bool
side_put(struct variant_rig *rig, struct rig_side *side, uint16_t nb)
{
	struct rte_mbuf before[MAX_PUT];

	for (uint16_t i = 0; i < nb; i++)
		side->frames[i] = fake_rand_one_in(&side->rand, rig->plan.is_single ? 32 : 4) ?
			request_frame_make(side, &rig->plan) : put_frame_make(side, &rig->plan);
	side->nb_frames = nb;
	for (uint16_t i = 0; i < nb; i++)
		before[i] = *side->frames[i];
	side->nb_put = side->ops->enqueue(&side->nq, side->snapshot, side->frames, nb);
	for (uint16_t i = 0; i < nb; i++) {
		if (memcmp(&before[i], side->frames[i], sizeof(before[i])) == 0)
			continue;
		snprintf(rig->errmsg, sizeof(rig->errmsg), "%s changed mbuf %u", side->ops->name,
			i);
		return false;
	}
	return true;
}

static bool
step_to_guest(struct variant_rig *rig, struct fake_rand *rand)
{
	uint16_t nb = fake_rand_one_in(rand, 2) ? 32 : fake_rand_in(rand, 1, MAX_PUT);

	guests_act(rig, rand, 0);
	for (unsigned int i = 0; i < 2; i++)
		if (!side_put(rig, &rig->side[i], nb))
			return false;
	if (rig->side[0].nb_put == rig->side[1].nb_put)
		return rig_compare_frames(rig, true);
	snprintf(rig->errmsg, sizeof(rig->errmsg),
		"put: any dealt with %u of %u frames, %s with %u",
		rig->side[0].nb_put, nb, rig->side[1].ops->name, rig->side[1].nb_put);
	return false;
}

/* ---- scenarios ---- */

/* The guests go on; after a fault, and after what hostile ones did, only with a new ring. */
static void
guests_end_step(struct variant_rig *rig, struct fake_rand *rand)
{
	uint16_t start = plan_start(rand, &rig->plan);

	for (unsigned int i = 0; i < 2; i++) {
		/* Sane ones offer buffers, too, that are shorter than a header. */
		if (rig->plan.is_hostile || rig->side[i].queue.vring.pos.fault != VU_VRING_OK)
			side_restart(&rig->side[i], &rig->plan, start);
		else
			guest_collect(&rig->side[i]);
	}
}

static bool
scenario_run(struct variant_rig *rig, unsigned int *step)
{
	struct fake_rand rand = plan_rand(~rig->plan.seed);

	for (*step = 0; *step < NB_STEPS; (*step)++) {
		bool is_same = rig->plan.is_from_guest ? step_from_guest(rig, &rand) :
			step_to_guest(rig, &rand);

		for (unsigned int i = 0; i < 2; i++) {
			is_same = is_same && guest_settle(&rig->side[i], &rig->plan);
			if (!is_same && rig->errmsg[0] == '\0')
				snprintf(rig->errmsg, sizeof(rig->errmsg), "%s: a used entry ends "
					"no batch", rig->side[i].ops->name);
		}
		if (!is_same || !rig_compare(rig))
			return false;
		rig_free_frames(rig);
		guests_end_step(rig, &rand);
	}
	return rig_compare_end(rig);
}

static void
check_scenario(struct variant_rig *rig)
{
	const struct rig_plan *plan = &rig->plan;
	unsigned int step;

	if (scenario_run(rig, &step))
		return;
	printf("VU_TEST_SEED=%" PRIu64 ", step %u: %s\n", plan->seed, step, rig->errmsg);
	expect_fail(__FILE__, __LINE__,
		"%s, %s, %s guest, %s, %u entries from 0x%x on, %s mbufs, features 0x%" PRIx64,
		rig->side[1].ops->name, plan->is_from_guest ? "from guest" : "to guest",
		plan->is_hostile ? "hostile" : "sane", plan->is_single ? "single" : "mixed",
		plan->ring_size, plan->start, plan->pool == RIG_POOL_SMALL ? "small" : "default",
		plan->features);
}

/* One seed for all variants that such a ring can have. */
static void
check_seed(struct variant_rig *rig, uint64_t seed, uint64_t offered, unsigned int *nb_runs)
{
	const struct rig_plan plan = plan_make(seed, offered);
	unsigned int nb_variants;
	const struct net_variant *variants = net_variant_list(&nb_variants);

	for (unsigned int i = 0; i < nb_variants; i++) {
		if (variants[i].ops == &net_burst_any || !variants[i].is_runnable() ||
				!rig_begin(rig, &plan, &variants[i]))
			continue;
		check_scenario(rig);
		rig_end(rig);
		nb_runs[i]++;
	}
}

/* Was there enough for each variant? */
static bool
has_all(const unsigned int *nb_runs, unsigned int nb_wanted)
{
	unsigned int nb_variants;
	const struct net_variant *variants = net_variant_list(&nb_variants);

	for (unsigned int i = 0; i < nb_variants; i++)
		if (variants[i].ops != &net_burst_any && variants[i].is_runnable() &&
				nb_runs[i] < nb_wanted)
			return false;
	return true;
}

static void
check_variants(uint64_t seed, unsigned int nb_scenarios, uint64_t end_tsc)
{
	static struct variant_rig rig;
	const uint64_t offered = offered_features();
	unsigned int nb_runs[64] = { 0 };

	rig_open(&rig);
	while (!has_all(nb_runs, nb_scenarios) || rte_rdtsc() < end_tsc)
		check_seed(&rig, seed++, offered, nb_runs);
	rig_close(&rig);
}

/* One buffer of either direction in a ring that has a fault. */
static void
check_left_alone(struct rig_side *side, bool is_write)
{
	const struct fake_buf buf = { arena_gpa(RIG_ARENA_HIGH), 100, is_write };
	const uint16_t used = side->queue.vring.pos.last_used_idx;
	struct rte_mbuf *frame = rte_pktmbuf_alloc(side->nq.pool);
	struct rte_mbuf *taken;

	CHECK(frame != NULL && fake_ring_put(side->ring, &buf, 1) >= 0);
	side->queue.vring.pos.fault = VU_VRING_BAD_HEAD;
	CHECK_EQ(vu_net_to_guest_burst(&side->queue, &frame, 1), 0);
	CHECK_EQ(vu_net_from_guest_burst(&side->queue, &taken, 1), 0);
	CHECK_EQ(side->queue.vring.pos.last_used_idx, used);
	rte_pktmbuf_free(frame);
}

/* A variant does not look: the burst functions that applications call do. */
VU_TEST(net_variants, a_ring_with_a_fault_is_left_alone)
{
	static struct variant_rig rig;
	unsigned int nb_variants;
	const struct net_variant *variants = net_variant_list(&nb_variants);

	rig_open(&rig);
	for (unsigned int i = 0; i < 4 * nb_variants; i++) {
		const struct net_variant *variant = &variants[i / 4];
		const struct rig_plan plan = { .seed = i + 1, .ring_size = 16,
			.is_packed = i % 2 != 0, .features = i % 2 != 0 ? F_PACKED | F_MODERN :
			F_MODERN };

		if (!variant->is_runnable() || !rig_begin(&rig, &plan, variant))
			continue;
		check_left_alone(&rig.side[1], i % 4 < 2);
		rig_end(&rig);
	}
	rig_close(&rig);
}

VU_TEST(net_variants, all_do_the_same)
{
	check_variants(first_seed(1), NB_FAST_SCENARIOS, 0);
}

static void
check_logged(uint64_t seed, unsigned int nb_scenarios, uint64_t end_tsc)
{
	static struct variant_rig rig;
	const uint64_t offered = offered_features();
	unsigned int nb_variants;
	const struct net_variant *variants = net_variant_list(&nb_variants);
	const uint64_t end = seed + nb_scenarios;

	rig_open(&rig);
	for (; seed < end || rte_rdtsc() < end_tsc; seed++) {
		struct rig_plan plan = plan_make(seed, offered);
		struct variant_log log;

		variant_log_open(&log, seed * 4099 % 20000);
		log.is_anywhere = plan.is_hostile;
		plan.log = log.log;
		CHECK(rig_begin(&rig, &plan, &variant_logged));
		/* The others do not know of it. */
		CHECK(net_variant_choose(rig.side[1].snapshot) == &net_burst_any);
		for (unsigned int i = 0; i + 1 < nb_variants; i++)
			CHECK(!variants[i].is_fit(rig.side[1].snapshot));
		check_scenario(&rig);
		rig_end(&rig);
		variant_log_close(&log);
	}
	rig_close(&rig);
}

/* The oracle is guest memory before and after each burst. */
VU_TEST(net_variants, a_log_has_all_that_is_written)
{
	check_logged(first_seed(1), 100, 0);
}

VU_TEST_STRESS(net_variants, a_log_has_all_that_is_written_for_long)
{
	const uint64_t now = rte_rdtsc();

	check_logged(first_seed(now), 1, now + test_stress_seconds() * rte_get_tsc_hz());
}

VU_TEST_STRESS(net_variants, all_do_the_same_for_long)
{
	const uint64_t now = rte_rdtsc();

	check_variants(first_seed(now), 1, now + test_stress_seconds() * rte_get_tsc_hz());
}
