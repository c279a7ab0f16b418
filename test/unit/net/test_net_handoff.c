/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What waits for other lcores: no guest has more than its port's share of the mbufs there, whatever
 * it sends and wherever to, and gets all of it back.
 */
#include "test.h"

#include "net_fixture.h"
#include "vu_limits.h"

#define NB_PORTS 4
#define SHORT_BYTES 60
#define LONG_BYTES 64000
#define BROADCAST UINT32_MAX

/* Lcore 4 stands still unless a case says otherwise; port 3's guest is polled by lcore 7 alone. */
static const unsigned int places[NB_PORTS][2] = { { 4, 7 }, { 4, 7 }, { 4, 7 }, { 7, 7 } };

struct handoff_fixture {
	struct vu_sched *sched;
	struct rig_port ports[NB_PORTS];
	unsigned int nb_long; /* long frames in a share */
	uint8_t frame[LONG_BYTES];
};

static void
handoff_open_port(struct handoff_fixture *f, unsigned int i)
{
	struct rte_ether_addr mac;

	port_open_on(&f->ports[i], f->sched, "forward=switch", 1, places[i]);
	port_start(&f->ports[i], F_MERGEABLE);
	mac_set(mac.addr_bytes, i);
	net_fdb_learn(&mac, port_number(&f->ports[i]), net_fdb_age_now());
}

static struct handoff_fixture *
handoff_open(void)
{
	struct handoff_fixture *f = calloc(1, sizeof(*f));
	uint32_t room_bytes;

	CHECK(f != NULL);
	for (uint16_t id = 0; id < VU_MAX_PORTS; id++)
		net_fdb_forget_port(id);
	f->sched = rig_sched_create(2);
	for (unsigned int i = 0; i < NB_PORTS; i++)
		handoff_open_port(f, i);
	net_turn(f->sched);
	room_bytes = port_queue(&f->ports[0], 1)->room_bytes;
	f->nb_long = NET_SHARE_MBUFS / ((LONG_BYTES + room_bytes - 1) / room_bytes);
	return f;
}

static void
handoff_close(struct handoff_fixture *f)
{
	for (unsigned int i = 0; i < NB_PORTS; i++)
		port_stop(&f->ports[i]);
	port_verify_mbufs(&f->ports[0]);
	for (unsigned int i = 0; i < NB_PORTS; i++)
		rig_port_close(&f->ports[i]);
	vu_sched_destroy(f->sched);
	free(f);
}

/* Send frames and have lcore 7 take them. */
static void
handoff_send(struct handoff_fixture *f, unsigned int from, uint32_t to, uint32_t len_bytes,
	unsigned int nb)
{
	frame_make_ether(f->frame, len_bytes, to, from, 1);
	for (; nb != 0; nb--) {
		CHECK(port_send(&f->ports[from], 0, f->frame, len_bytes) >= 0);
		CHECK(vu_sched_turn(f->sched, 1) >= 0);
		port_collect(&f->ports[from], 1);
	}
}

static unsigned int
nb_waiting(const struct handoff_fixture *f, unsigned int port)
{
	return rte_ring_count(port_forward_queue(&f->ports[port], 0)->handoff);
}

static void
lcore_4_catches_up(struct handoff_fixture *f)
{
	WAIT_WHILE(nb_waiting(f, 0) + nb_waiting(f, 1) + nb_waiting(f, 2) != 0)
		CHECK(vu_sched_turn(f->sched, 0) >= 0);
}

static uint64_t
nb_dropped(const struct handoff_fixture *f, unsigned int reason)
{
	return rig_port_stats(&f->ports[0], 1).nb_drops[reason];
}

/* Nothing of port 0's waits, and as much as ever may. */
static void
check_share_is_whole(struct handoff_fixture *f)
{
	const uint64_t before = nb_dropped(f, NET_DROP_HANDOFF_SHARE);

	handoff_send(f, 0, 1, LONG_BYTES, f->nb_long);
	CHECK_EQ(nb_dropped(f, NET_DROP_HANDOFF_SHARE), before);
	CHECK_EQ(nb_waiting(f, 1), f->nb_long);
	handoff_send(f, 0, 1, LONG_BYTES, 1);
	CHECK_EQ(nb_dropped(f, NET_DROP_HANDOFF_SHARE), before + 1);
	CHECK_EQ(nb_dropped(f, NET_DROP_NO_MBUF), 0);
	lcore_4_catches_up(f);
}

VU_TEST(net_handoff, one_guest_leaves_mbufs_to_the_others)
{
	struct handoff_fixture *f = handoff_open();
	const struct rte_mempool *pool = port_queue(&f->ports[0], 1)->pool;

	/* More than all the mbufs there are. */
	handoff_send(f, 0, 1, LONG_BYTES, 10 * f->nb_long);
	CHECK_EQ(nb_waiting(f, 1), f->nb_long);
	CHECK_EQ(nb_dropped(f, NET_DROP_HANDOFF_SHARE), 9 * f->nb_long);
	CHECK(rte_mempool_avail_count(pool) >= NET_POOL_MBUFS - NET_SHARE_MBUFS);
	/* Others reach guests on this lcore and on the other one. */
	port_offer(&f->ports[3], 0, 1, 256);
	handoff_send(f, 1, 3, SHORT_BYTES, 1);
	CHECK_EQ(fake_ring_nb_used(f->ports[3].rings[0].ring), 1);
	handoff_send(f, 2, 1, SHORT_BYTES, 1);
	CHECK_EQ(nb_waiting(f, 1), f->nb_long + 1);
	lcore_4_catches_up(f);
	check_share_is_whole(f);
	check_share_is_whole(f);
	handoff_close(f);
}

/* Others hold nearly all mbufs, as many ports that collude may: each still gets its minimum. */
VU_TEST(net_handoff, each_guest_has_a_minimum_of_mbufs)
{
	struct handoff_fixture *f = handoff_open();
	struct rte_mempool *pool = port_queue(&f->ports[0], 1)->pool;
	const unsigned int nb = NET_POOL_MBUFS - NB_PORTS * NET_RESERVED_MBUFS;
	struct rte_mbuf **mbufs = calloc(nb, sizeof(*mbufs));

	CHECK(mbufs != NULL);
	handoff_send(f, 0, 1, SHORT_BYTES, 10 * NET_RESERVED_MBUFS);
	CHECK_EQ(nb_waiting(f, 1), 10 * NET_RESERVED_MBUFS);
	lcore_4_catches_up(f);
	CHECK(rte_mempool_generic_get(pool, (void **)mbufs, nb, NULL) == 0);
	for (unsigned int from = 0; from < 2; from++)
		handoff_send(f, from, 2, SHORT_BYTES, 2 * NET_RESERVED_MBUFS);
	CHECK_EQ(nb_waiting(f, 2), 2 * NET_RESERVED_MBUFS);
	CHECK_EQ(nb_dropped(f, NET_DROP_HANDOFF_SHARE), NET_RESERVED_MBUFS);
	CHECK_EQ(nb_dropped(f, NET_DROP_NO_MBUF), 0);
	rte_mempool_generic_put(pool, (void **)mbufs, nb, NULL);
	free(mbufs);
	lcore_4_catches_up(f);
	check_share_is_whole(f);
	handoff_close(f);
}

/* Short frames fill two handoff rings, and a third only as far as the share goes. */
VU_TEST(net_handoff, share_is_for_all_destinations)
{
	struct handoff_fixture *f = handoff_open();
	struct rig_port *late = &f->ports[3];

	rig_port_close(late);
	port_open_on(late, f->sched, "forward=switch", 1, places[0]);
	port_start(late, F_MERGEABLE);
	for (uint32_t to = 1; to < 3; to++) {
		handoff_send(f, 0, to, SHORT_BYTES, NET_HANDOFF_FRAMES + 10);
		CHECK_EQ(nb_waiting(f, to), NET_HANDOFF_FRAMES - 1);
	}
	CHECK_EQ(nb_dropped(f, NET_DROP_HANDOFF_FULL), 22);
	CHECK_EQ(nb_dropped(f, NET_DROP_HANDOFF_SHARE), 0);
	handoff_send(f, 3, BROADCAST, SHORT_BYTES, 1);
	handoff_send(f, 0, 3, SHORT_BYTES, 10);
	CHECK_EQ(nb_waiting(f, 3), 2);
	CHECK_EQ(nb_dropped(f, NET_DROP_HANDOFF_SHARE), 8);
	lcore_4_catches_up(f);
	check_share_is_whole(f);
	handoff_close(f);
}

VU_TEST(net_handoff, flooded_frames_count_in_each_ring)
{
	struct handoff_fixture *f = handoff_open();

	handoff_send(f, 0, BROADCAST, LONG_BYTES, f->nb_long);
	CHECK_EQ(nb_waiting(f, 1), f->nb_long / 2);
	CHECK_EQ(nb_waiting(f, 2), f->nb_long / 2);
	CHECK_EQ(nb_dropped(f, NET_DROP_HANDOFF_SHARE), f->nb_long);
	lcore_4_catches_up(f);
	check_share_is_whole(f);
	handoff_close(f);
}

/* What waits for a guest that goes is given up, and no longer charged. */
VU_TEST(net_handoff, share_comes_back_from_a_ring_that_stops)
{
	struct handoff_fixture *f = handoff_open();

	handoff_send(f, 0, 2, LONG_BYTES, f->nb_long);
	CHECK_EQ(nb_waiting(f, 2), f->nb_long);
	port_stop(&f->ports[2]);
	CHECK_EQ(nb_waiting(f, 2), 0);
	check_share_is_whole(f);
	port_start(&f->ports[2], F_MERGEABLE);
	handoff_close(f);
}

/* Frames outlive their port; the next one of that number has what they leave. */
VU_TEST(net_handoff, share_goes_with_the_number)
{
	struct handoff_fixture *f = handoff_open();

	handoff_send(f, 0, 2, LONG_BYTES, f->nb_long);
	rig_port_close(&f->ports[0]);
	handoff_open_port(f, 0);
	/* Its queue learns of its lcore. */
	CHECK(vu_sched_turn(f->sched, 1) >= 0);
	handoff_send(f, 0, 1, LONG_BYTES, 1);
	CHECK_EQ(nb_dropped(f, NET_DROP_HANDOFF_SHARE), 1);
	lcore_4_catches_up(f);
	check_share_is_whole(f);
	handoff_close(f);
}
