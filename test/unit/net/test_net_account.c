/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What one port can cost another one of its lcore: a burst ends early when it becomes dear, and
 * whose ring or eventfd is dear pays for it.
 */
#include "test.h"

#include <sys/epoll.h>
#include <sys/resource.h>

#include "net_burst.h"
#include "net_ports.h"

/* ---- bursts that end early ---- */

#define NB_PIECES 40
#define NB_ENTRIES (NB_PIECES + 1) /* with the one that refers to the table */

/* Frames, or room for them, as indirect tables of pieces of one and the same memory. */
static void
add_scattered(struct rig_port *port, uint32_t queue_idx, unsigned int nb, uint32_t piece_bytes)
{
	struct rig_ring *ring = &port->rings[queue_idx];
	uint64_t table_gpa = fake_guest_alloc(&port->guest, FAKE_HIGH, nb * NB_PIECES * 16, 16);
	uint64_t buf_gpa = fake_guest_alloc(&port->guest, FAKE_HIGH, 4096, 64);
	struct net_chain chain = { .nb_bufs = NB_PIECES };

	for (unsigned int b = 0; b < NB_PIECES; b++)
		chain.bufs[b] = (struct fake_buf){ buf_gpa, piece_bytes, queue_idx % 2 == 0 };
	for (unsigned int i = 0; i < nb; i++, table_gpa += NB_PIECES * 16)
		CHECK(ring_add_chain(ring, &chain, 0, table_gpa) >= 0);
	fake_ring_publish(ring->ring);
}

/* Entries of a full burst that one poll of the ring deals with. */
static unsigned int
nb_taken(const char *args, uint64_t features, uint32_t piece_bytes)
{
	unsigned int nb, nb_all;
	struct net_ports n;

	ports_init(&n, 2);
	for (unsigned int i = 0; i < 2; i++) {
		port_open(&n.ports[i], n.sched, i == 0 ? args : "forward=switch");
		if ((features & F_PACKED) != 0)
			port_make_packed(&n.ports[i]);
		port_start(&n.ports[i], F_MERGEABLE | F_INDIRECT | features);
	}
	port_offer(&n.ports[1], 0, RING_SIZE, 2048);
	net_turn(n.sched);
	add_scattered(&n.ports[0], 1, NET_MAX_BURST, piece_bytes);
	vu_sched_turn(n.sched, 0);
	vu_sched_turn(n.sched, 1);
	nb = port_collect(&n.ports[0], 1);
	nb_all = nb;
	/* None is lost. */
	for (unsigned int i = 0; i < NET_MAX_BURST && nb_all != NET_MAX_BURST; i++) {
		net_turn(n.sched);
		nb_all += port_collect(&n.ports[0], 1);
	}
	CHECK_EQ(nb_all, NET_MAX_BURST);
	ports_close(&n);
	return nb;
}

VU_TEST(net_account, a_burst_of_long_chains_ends_early)
{
	const unsigned int nb = NET_BURST_DESCS / NB_ENTRIES + 1;

	CHECK_EQ(nb_taken("forward=null", 0, 8), nb);
	CHECK_EQ(nb_taken("forward=switch", 0, 8), nb);
	CHECK(nb_taken("forward=null", F_PACKED, 8) <= nb + 1);
}

VU_TEST(net_account, a_burst_of_long_frames_ends_early)
{
	const unsigned int nb = NET_BURST_BYTES / (NB_PIECES * 1600) + 1;

	CHECK_EQ(nb_taken("forward=null", 0, 1600), nb);
	CHECK_EQ(nb_taken("forward=switch", 0, 1600), nb);
}

VU_TEST(net_account, long_receive_chains_cost_their_owner_frames)
{
	const unsigned int nb = NET_BURST_WRITE_DESCS / (2 * NB_ENTRIES) + 1;
	struct vu_device_queue_stats stats;
	struct net_ports n;

	ports_init(&n, 2);
	for (unsigned int i = 0; i < 2; i++) {
		port_open(&n.ports[i], n.sched, "forward=switch");
		port_start(&n.ports[i], F_MERGEABLE | F_INDIRECT);
	}
	ports_learn(&n);
	add_scattered(&n.ports[1], 0, NET_MAX_BURST, 8);
	for (unsigned int i = 0; i < NET_MAX_BURST; i++)
		send_frame(&n, 0, 1, 0, i);
	for (unsigned int i = 0; i < 4; i++)
		net_turn(n.sched);
	stats = rig_port_stats(&n.ports[1], 0);
	CHECK_EQ(stats.nb_packets + stats.nb_drops[NET_DROP_LONG_CHAINS], NET_MAX_BURST);
	CHECK_EQ(stats.nb_packets, nb);
	ports_close(&n);
}

/* ---- an eventfd that is dear ---- */

#define NB_WAITERS 8000 /* a write that wakes them takes more than a millisecond */
#define NB_TURNS 1000

struct crowd {
	int fds[NB_WAITERS];
	struct rlimit limit;
};

/* Epoll instances that are woken with each write, one by one. @return false: not so many fds */
static bool
crowd_wait(struct crowd *crowd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct rlimit more;

	CHECK(getrlimit(RLIMIT_NOFILE, &crowd->limit) == 0);
	more = crowd->limit;
	more.rlim_cur = more.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &more) == 0);
	memset(crowd->fds, 0xff, sizeof(crowd->fds));
	for (unsigned int i = 0; i < NB_WAITERS; i++) {
		crowd->fds[i] = epoll_create1(EPOLL_CLOEXEC);
		if (crowd->fds[i] < 0)
			return false;
		CHECK(epoll_ctl(crowd->fds[i], EPOLL_CTL_ADD, fd, &event) == 0);
	}
	return true;
}

static void
crowd_leave(struct crowd *crowd)
{
	for (unsigned int i = 0; i < NB_WAITERS; i++)
		vu_fd_close(&crowd->fds[i]);
	CHECK(setrlimit(RLIMIT_NOFILE, &crowd->limit) == 0);
}

/* All queues on one lcore, which is fair. */
static void
ports_open_fair(struct net_ports *n, const char *args)
{
	static const unsigned int places[] = { 4, 4 };

	ports_init(n, 3);
	vu_sched_set_fair(n->sched, true);
	for (unsigned int i = 0; i < n->nb_ports; i++) {
		port_open_on(&n->ports[i], n->sched, args, 1, places);
		port_start(&n->ports[i], F_MERGEABLE);
	}
	ports_learn(n);
	net_turn(n->sched);
}

/*
 * In each turn ports 0 and 1 have a frame for port 2. What they had had of the lcore before is
 * little beside a write to an eventfd with a crowd behind it.
 * @return notifications of a queue with such a one
 */
static uint64_t
notifications_beside(struct net_ports *n, uint32_t port, uint32_t queue_idx, bool *has_crowd)
{
	static struct crowd crowd;
	const int fd = n->ports[port].rings[queue_idx].call_fd;
	const uint64_t nb_before = rig_port_stats(&n->ports[port],
		queue_idx).vring.nb_notifications;

	*has_crowd = crowd_wait(&crowd, fd);
	for (unsigned int turn = 0; turn < NB_TURNS && *has_crowd; turn++) {
		for (unsigned int i = 0; i < 2; i++) {
			port_collect(&n->ports[i], 1);
			if (n->ports[i].rings[1].ring->nb_free != 0)
				send_frame(n, i, 2, i, turn);
		}
		while (port_receive(&n->ports[2], 0, n->received))
			;
		port_offer(&n->ports[2], 0, RING_SIZE, 256);
		vu_sched_turn(n->sched, 0);
		rig_events(fd);
	}
	crowd_leave(&crowd);
	return rig_port_stats(&n->ports[port], queue_idx).vring.nb_notifications - nb_before;
}

VU_TEST(net_account, who_is_dear_to_notify_pays_for_it)
{
	struct net_ports n;
	bool has_crowd;
	uint64_t nb;

	ports_open_fair(&n, "forward=null");
	nb = notifications_beside(&n, 0, 1, &has_crowd);
	CHECK(nb < NB_TURNS / 4);
	/* The other one waited at most for what the system took from the lcore. */
	CHECK(!has_crowd || rig_port_stats(&n.ports[1], 1).nb_packets > NB_TURNS / 2);
	ports_close(&n);
	if (!has_crowd)
		expect_skip();
}

VU_TEST(net_account, a_receiver_that_is_dear_to_notify_pays_for_it)
{
	struct net_ports n;
	bool has_crowd;
	uint64_t nb;

	ports_open_fair(&n, "forward=switch");
	nb = notifications_beside(&n, 2, 0, &has_crowd);
	CHECK(nb < NB_TURNS / 4);
	/* Its senders did not wait for it. */
	for (unsigned int i = 0; i < 2 && has_crowd; i++)
		CHECK(rig_port_stats(&n.ports[i], 1).nb_packets > NB_TURNS / 2);
	ports_close(&n);
	if (!has_crowd)
		expect_skip();
}
