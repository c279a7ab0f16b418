/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is left of an lcore for a port, the victim, beside one whose guest does its worst. Rings are
 * filled once and then made available again and again, so that guests cost next to nothing. What a
 * case asserts is a ratio within one run: packets per cycle beside the attacker to those alone. The
 * perf suite prints the ratios, and what fairness itself costs.
 */
#include "test.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include <rte_cycles.h>

#include "net_ports.h"
#include "stats.h"

#define ALONE_MS 20
#define ATTACKED_MS 100 /* what a port may have saved up in a pause is little beside it */
#define NB_FAST_SLICES 3
#define NB_SLICES 9
#define NB_RECEIVERS 30
#define NB_WAITERS 1000
#define MAX_CHAIN_DESCS RING_SIZE

/* Everything on one lcore. Port 0 is the victim, port 1 the attacker, the others help it. */
struct isolate {
	struct net_ports net;
	int waiters[NB_WAITERS];
};

static const unsigned int places[] = { 4, 4 };

static void
isolate_port(struct isolate *iso, const char *args)
{
	struct rig_port *port = &iso->net.ports[iso->net.nb_ports++];

	port_open_on(port, iso->net.sched, args, 1, places);
	port_start(port, F_MERGEABLE | F_INDIRECT);
	/* Only who attacks by notifications wants any. */
	for (unsigned int i = 0; i < 2; i++)
		vu_store(&port->rings[i].ring->avail->flags, VU_AVAIL_F_NO_INTERRUPT);
}

static void
fill_frames(struct rig_port *port, uint32_t dst, uint32_t src, uint32_t frame_bytes)
{
	uint8_t frame[SLOT_BYTES];

	CHECK(frame_bytes <= sizeof(frame) - 12);
	frame_make_ether(frame, frame_bytes, dst, src, 1);
	while (port_send(port, 0, frame, frame_bytes) >= 0)
		;
}

/* As many indirect tables of descriptors of one byte as fit, each byte on a page of its own. */
static void
fill_chains(struct rig_port *port, uint32_t queue_idx, uint32_t nb_descs)
{
	struct fake_ring *ring = port->rings[queue_idx].ring;
	uint64_t table_gpa = fake_guest_alloc(&port->guest, FAKE_HIGH, nb_descs * 16, 16);
	struct fake_buf bufs[MAX_CHAIN_DESCS];
	const struct fake_chain chain = { .bufs = bufs, .nb_bufs = (uint16_t)nb_descs,
		.table_gpa = table_gpa };
	int head;

	for (uint32_t i = 0; i < nb_descs; i++)
		bufs[i] = (struct fake_buf){ FAKE_MID_GPA + 0x1000 * i + 0x800, 1,
			queue_idx % 2 == 0 };
	while ((head = fake_ring_add(ring, &chain)) >= 0)
		fake_ring_offer(ring, (uint16_t)head);
	fake_ring_publish(ring);
}

/* All that the device gave back is available again, as it was. */
static void
ring_again(struct rig_port *port, uint32_t queue_idx)
{
	struct fake_ring *ring = port->rings[queue_idx].ring;

	if (ring->nb_free != ring->size)
		vu_store_release(&ring->avail->idx,
			(uint16_t)(vu_load(&ring->used->idx) + ring->size));
}

/* ---- attacks ---- */

struct attack {
	const char *name;
	const char *victim;    /* its arguments; NULL: it sends to nobody */
	unsigned int nb_ports; /* that want the lcore; the victim has a right to one share */
	void (*begin)(struct isolate *iso);
	void (*end)(struct isolate *iso);
};

static void
honest_begin(struct isolate *iso)
{
	isolate_port(iso, "forward=null");
	fill_frames(&iso->net.ports[1], 0, 1, 60);
}

static void
chains_begin(struct isolate *iso)
{
	isolate_port(iso, "forward=null");
	fill_chains(&iso->net.ports[1], 1, MAX_CHAIN_DESCS);
}

/* Frames for a port whose receive buffers are such chains. */
static void
receive_chains_begin(struct isolate *iso)
{
	for (unsigned int i = 0; i < 2; i++)
		isolate_port(iso, "forward=switch");
	ports_learn(&iso->net);
	fill_frames(&iso->net.ports[1], 2, 1, 200);
	fill_chains(&iso->net.ports[2], 0, MAX_CHAIN_DESCS);
}

static void
long_frames_begin(struct isolate *iso)
{
	isolate_port(iso, "forward=macswap");
	fill_frames(&iso->net.ports[1], 0, 1, SLOT_BYTES - 12);
	port_offer(&iso->net.ports[1], 0, RING_SIZE, 512);
}

static void
flood_begin(struct isolate *iso)
{
	for (unsigned int i = 0; i <= NB_RECEIVERS; i++) {
		isolate_port(iso, "forward=switch");
		port_offer(&iso->net.ports[1 + i], 0, RING_SIZE, 512);
	}
	fill_frames(&iso->net.ports[1], BROADCAST, 1, 60);
}

/* Epoll instances that each notification of the attacker's ring wakes, one by one. */
static void
crowd_add(struct isolate *iso, uint32_t queue_idx)
{
	struct rig_ring *ring = &iso->net.ports[1].rings[queue_idx];
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	vu_store(&ring->ring->avail->flags, 0);
	for (unsigned int i = 0; i < NB_WAITERS; i++) {
		iso->waiters[i] = epoll_create1(EPOLL_CLOEXEC);
		CHECK(iso->waiters[i] >= 0);
		CHECK(epoll_ctl(iso->waiters[i], EPOLL_CTL_ADD, ring->call_fd, &event) == 0);
	}
}

static void
crowd_begin(struct isolate *iso)
{
	honest_begin(iso);
	crowd_add(iso, 1);
}

/* The victim's own frames go to the attacker. */
static void
receive_crowd_begin(struct isolate *iso)
{
	isolate_port(iso, "forward=switch");
	ports_learn(&iso->net);
	port_offer(&iso->net.ports[1], 0, RING_SIZE, SLOT_BYTES);
	crowd_add(iso, 0);
}

static void
crowd_end(struct isolate *iso)
{
	for (unsigned int i = 0; i < NB_WAITERS; i++)
		vu_fd_close(&iso->waiters[i]);
}

/* Those who only receive a flood want far less than a share. */
static const struct attack attacks[] = {
	{ "as much as it can, honestly", NULL, 2, honest_begin, NULL },
	{ "64 descriptors of a byte to a frame", NULL, 2, chains_begin, NULL },
	{ "the same to receive", NULL, 3, receive_chains_begin, NULL },
	{ "4 KiB frames back and forth", NULL, 2, long_frames_begin, NULL },
	{ "broadcasts to 30 ports", NULL, 2, flood_begin, NULL },
	{ "1,000 waiters behind its eventfd", NULL, 2, crowd_begin, crowd_end },
	{ "nothing: it receives, with these", "forward=switch", 2, receive_crowd_begin, crowd_end },
};

/* ---- what is left ---- */

static double
cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / NS_PER_S;
}

/* Packets per second of the victim over a slice; what the system takes away does not count. */
static double
slice_rate(struct isolate *iso, bool is_attacked)
{
	const uint64_t nb_before = rig_port_stats(&iso->net.ports[0], 1).nb_packets;
	const double start = cpu_seconds(), max = (is_attacked ? ATTACKED_MS : ALONE_MS) / 1e3;
	unsigned int nb_turns = 0;
	double seconds = 0;

	while (seconds < max) {
		ring_again(&iso->net.ports[0], 1);
		for (unsigned int i = 1; i < iso->net.nb_ports && is_attacked; i++) {
			ring_again(&iso->net.ports[i], 0);
			ring_again(&iso->net.ports[i], 1);
		}
		CHECK(vu_sched_turn(iso->net.sched, 0) >= 0);
		if (++nb_turns % 64 == 0)
			seconds = cpu_seconds() - start;
	}
	return (double)(rig_port_stats(&iso->net.ports[0], 1).nb_packets - nb_before) / seconds;
}

static void
isolate_open(struct isolate *iso, const char *victim, uint32_t frame_bytes, bool is_fair)
{
	ports_init(&iso->net, 0);
	vu_sched_set_fair(iso->net.sched, is_fair);
	isolate_port(iso, victim != NULL ? victim : "forward=null");
	fill_frames(&iso->net.ports[0], 1, 0, frame_bytes);
}

/*
 * What the victim has beside the attacker, in parts of its share by weight; 1 or more is right.
 * Slices with and without alternate; the attacker has the first one to show what it can.
 */
static double
share_beside(const struct attack *attack, uint32_t frame_bytes, bool is_fair,
	unsigned int nb_slices, double *alone_mpps)
{
	double shares[NB_SLICES], alone[NB_SLICES];
	struct isolate iso;

	isolate_open(&iso, attack->victim, frame_bytes, is_fair);
	attack->begin(&iso);
	for (unsigned int i = 0; i < nb_slices; i++) {
		const double attacked = slice_rate(&iso, true);

		alone[i] = slice_rate(&iso, false);
		shares[i] = attacked / alone[i] * attack->nb_ports;
	}
	/* Rings that were given up attack nobody. */
	for (unsigned int i = 0; i < 2 * iso.net.nb_ports; i++)
		CHECK_EQ(rig_port_stats(&iso.net.ports[i / 2], i % 2).fault, VU_VRING_OK);
	if (attack->end != NULL)
		attack->end(&iso);
	ports_close(&iso.net);
	*alone_mpps = stats_summarise(alone, nb_slices).median / 1e6;
	return stats_summarise(shares, nb_slices).median;
}

/* Less than is right, for busy machines; without accounts three of the attacks leave less. */
static void
check_attack(unsigned int i)
{
	double alone_mpps, share = share_beside(&attacks[i], 60, true, NB_FAST_SLICES, &alone_mpps);

	if (share < 0.3)
		expect_fail(__FILE__, __LINE__, "%s: %.3f of its share is left",
			attacks[i].name, share);
}

VU_TEST(net_isolate, beside_an_honest_port)
{
	check_attack(0);
}

VU_TEST(net_isolate, beside_long_chains)
{
	check_attack(1);
	check_attack(2);
}

VU_TEST(net_isolate, beside_long_frames)
{
	check_attack(3);
}

VU_TEST(net_isolate, beside_a_flood)
{
	check_attack(4);
}

VU_TEST(net_isolate, beside_a_crowd_of_waiters)
{
	check_attack(5);
	check_attack(6);
}

VU_TEST_PERF(net_isolate, share_beside_each_attack)
{
	static const uint32_t sizes[] = { 60, 1514 };

	printf("\n  %-36s %5s %10s  %12s %16s\n", "what the other port sends", "bytes",
		"alone Mpps", "of its share", "without accounts");
	for (unsigned int s = 0; s < RTE_DIM(sizes); s++) {
		for (unsigned int i = 0; i < RTE_DIM(attacks); i++) {
			double alone_mpps;
			double unfair = share_beside(&attacks[i], sizes[s], false, NB_SLICES,
				&alone_mpps);
			double share = share_beside(&attacks[i], sizes[s], true, NB_SLICES,
				&alone_mpps);

			printf("  %-36s %5u %10.2f  %12.2f %16.2f\n", attacks[i].name, sizes[s],
				alone_mpps, share, unfair);
		}
	}
}

/* Two honest ports, with and without accounts: packets of both. */
VU_TEST_PERF(net_isolate, cost_of_fairness)
{
	static const uint32_t sizes[] = { 60, 1514 };

	for (unsigned int s = 0; s < RTE_DIM(sizes); s++) {
		double ratios[8 * NB_SLICES];
		struct stats_summary summary;
		struct isolate iso;

		isolate_open(&iso, NULL, sizes[s], true);
		isolate_port(&iso, "forward=null");
		fill_frames(&iso.net.ports[1], 0, 1, sizes[s]);
		for (unsigned int i = 0; i < RTE_DIM(ratios); i++) {
			double rates[2];

			for (unsigned int k = 0; k < 2; k++) {
				const bool is_fair = (i + k) % 2 == 0;

				vu_sched_set_fair(iso.net.sched, is_fair);
				rates[is_fair] = slice_rate(&iso, true);
			}
			ratios[i] = rates[1] / rates[0];
		}
		summary = stats_summarise(ratios, RTE_DIM(ratios));
		printf("\n  %u bytes: %.4f of the packets without accounts (%.4f to %.4f)",
			sizes[s], summary.median, summary.p10, summary.p90);
		ports_close(&iso.net);
	}
	printf("\n");
}
