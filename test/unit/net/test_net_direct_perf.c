/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From guest to guest with one copy, against the way through an mbuf: TSC cycles per frame of one
 * lcore that polls both rings, in alternating rounds. Prints, asserts nothing about time.
 */
#include "test.h"

#include <rte_cycles.h>

#include "net_burst.h"
#include "net_ports.h"

#define PERF_BURST 32
#define PERF_BUFFERS 64
#define PERF_STRIDE_BYTES (2048 + 64)
#define PERF_WARM_ROUNDS 200
#define PERF_ROUNDS 4000

enum way {
	WAY_DIRECT,
	WAY_MBUF,
	NB_WAYS
};

/* What net_from_guest_poll() does with frames that may not be copied directly. */
static uint32_t
poll_through_mbufs(struct vu_device_queue *queue, const struct vu_vring_live *live)
{
	struct net_queue *nq = queue->priv;
	struct rte_mbuf *frames[NET_MAX_BURST];
	uint16_t nb_frames;
	uint16_t nb = nq->burst->take(nq, live, frames, NET_MAX_BURST, &nb_frames);

	vu_queue_watch_avail(queue, live);
	net_far_send(nq, frames, nb_frames);
	return nb;
}

static void
perf_open(struct net_ports *f, bool is_packed)
{
	static const unsigned int lcores[2 * MAX_PAIRS] = { 4, 4 };

	ports_init(f, 2);
	for (uint32_t i = 0; i < 2; i++) {
		port_open_on(&f->ports[i], f->sched, "far=switch", 1, lcores);
		if (is_packed)
			port_make_packed(&f->ports[i]);
		port_start(&f->ports[i], F_MERGEABLE | (is_packed ? F_PACKED : 0));
		for (uint32_t q = 0; q < 2; q++)
			fake_ring_set_no_interrupt(f->ports[i].rings[q].ring, true);
	}
	ports_learn(f);
	net_turn(f->sched);
}

/* Buffers of both guests, not all at the same place of a page: they would share few cache sets. */
static struct net_chain
perf_chain(struct net_guest_ring *ring, uint32_t len_bytes, bool is_write)
{
	uint32_t i = ring->next_slot++ % PERF_BUFFERS;

	return (struct net_chain){ .nb_bufs = 1, .bufs[0] = {
		ring->slots_gpa + i * (uint64_t)PERF_STRIDE_BYTES, len_bytes, is_write } };
}

/* One burst from guest 0 to guest 1. @return cycles per frame */
static double
round_cycles(struct net_ports *f, uint32_t len_bytes)
{
	struct vu_split_used_elem elems[PERF_BURST];
	static uint8_t frame[2048];
	uint64_t start_tsc, end_tsc;
	int nb = 0;

	frame_make_ether(frame, RTE_ETHER_HDR_LEN, 1, 0, 1);
	for (unsigned int i = 0; i < PERF_BURST; i++) {
		const struct net_chain from = perf_chain(&f->ports[0].rings[1], len_bytes + 12,
			false);
		const struct net_chain to = perf_chain(&f->ports[1].rings[0], 2048, true);

		port_offer_chain(&f->ports[1], 0, &to);
		port_send_chain(&f->ports[0], 0, &from, frame, len_bytes);
	}
	start_tsc = rte_rdtsc_precise();
	/* The very first frame goes alone. */
	while (nb < PERF_BURST)
		nb += vu_sched_turn(f->sched, 0);
	end_tsc = rte_rdtsc_precise();
	RTE_VERIFY(fake_ring_collect(f->ports[1].rings[0].ring, elems, PERF_BURST) == PERF_BURST);
	RTE_VERIFY(port_collect(&f->ports[0], 1) == PERF_BURST);
	return (double)(end_tsc - start_tsc) / PERF_BURST;
}

static int
compare_double(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
median(double *values)
{
	qsort(values, PERF_ROUNDS, sizeof(*values), compare_double);
	return values[PERF_ROUNDS / 2];
}

static void
measure(struct net_ports *f, const char *layout, uint32_t len_bytes)
{
	static double cycles[NB_WAYS][PERF_ROUNDS];
	struct vu_device_queue *queue = vu_device_queue(f->ports[0].dev, 1);
	vu_queue_poll_fn polls[NB_WAYS] = { queue->poll, poll_through_mbufs };
	double medians[NB_WAYS];

	for (unsigned int i = 0; i < PERF_WARM_ROUNDS + PERF_ROUNDS; i++) {
		for (enum way way = WAY_DIRECT; way < NB_WAYS; way++) {
			queue->poll = polls[way];
			cycles[way][i % PERF_ROUNDS] = round_cycles(f, len_bytes);
		}
	}
	queue->poll = polls[WAY_DIRECT];
	for (enum way way = WAY_DIRECT; way < NB_WAYS; way++)
		medians[way] = median(cycles[way]);
	printf("    %-6s %5u %8.1f %8.1f %6.2f\n", layout, len_bytes, medians[WAY_DIRECT],
		medians[WAY_MBUF], medians[WAY_MBUF] / medians[WAY_DIRECT]);
}

VU_TEST_PERF(net_direct_perf, cycles_per_frame)
{
	static const uint32_t sizes[] = { 64, 512, 1518 };

	printf("\n    rings, bytes, cycles direct, through mbufs, times faster\n");
	for (unsigned int is_packed = 0; is_packed < 2; is_packed++) {
		struct net_ports f;

		if (is_packed != 0 && !port_is_packed_offered())
			break;
		perf_open(&f, is_packed != 0);
		for (unsigned int i = 0; i < RTE_DIM(sizes); i++)
			measure(&f, is_packed != 0 ? "packed" : "split", sizes[i]);
		CHECK(port_stats(&f.ports[0], 1).nb_direct != 0);
		ports_close(&f);
	}
	return TEST_SUCCESS;
}
