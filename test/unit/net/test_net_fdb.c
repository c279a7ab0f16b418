/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Forwarding table of the switch. It belongs to the process: each case starts and ends with an
 * empty one.
 */
#include "test.h"

#include "net_ports.h"

#define MAX_AGE 24 /* ticks */
#define HOLD_AGE 2
#define AGES 64    /* then they come round again */
#define NB_SLOTS 8192

static struct rte_ether_addr
mac_of(uint32_t n)
{
	struct rte_ether_addr mac;

	mac_set(mac.addr_bytes, n);
	return mac;
}

static void
learn(uint32_t n, uint16_t port_id, unsigned int age)
{
	const struct rte_ether_addr mac = mac_of(n);

	net_fdb_learn(&mac, port_id, age % AGES);
}

static uint16_t
lookup(uint32_t n, unsigned int age)
{
	const struct rte_ether_addr mac = mac_of(n);

	return net_fdb_lookup(&mac, age % AGES);
}

VU_TEST(net_fdb, learns_looks_up_and_forgets)
{
	fdb_forget_all();
	CHECK_EQ(lookup(1, 0), NET_FDB_UNKNOWN);
	learn(1, 0, 0);
	learn(2, VU_MAX_PORTS - 1, 0);
	learn(3, 512, 0);
	CHECK_EQ(lookup(1, 0), 0);
	CHECK_EQ(lookup(2, 0), VU_MAX_PORTS - 1);
	CHECK_EQ(lookup(3, 0), 512);
	CHECK_EQ(lookup(4, 0), NET_FDB_UNKNOWN);
	net_fdb_forget_port(512);
	CHECK_EQ(lookup(3, 0), NET_FDB_UNKNOWN);
	CHECK_EQ(lookup(1, 0), 0);
	fdb_forget_all();
	CHECK_EQ(lookup(1, 0), NET_FDB_UNKNOWN);
}

VU_TEST(net_fdb, addresses_differ_in_every_bit)
{
	struct rte_ether_addr mac;

	fdb_forget_all();
	for (unsigned int bit = 0; bit < 48; bit++) {
		mac = mac_of(0x12345678);
		mac.addr_bytes[bit / 8] ^= 1u << bit % 8;
		/* Multicast is not learned. */
		net_fdb_learn(&mac, bit, 5);
	}
	for (unsigned int bit = 0; bit < 48; bit++) {
		mac = mac_of(0x12345678);
		mac.addr_bytes[bit / 8] ^= 1u << bit % 8;
		CHECK_EQ(net_fdb_lookup(&mac, 5), bit == 0 ? NET_FDB_UNKNOWN : bit);
	}
	CHECK_EQ(lookup(0x12345678, 5), NET_FDB_UNKNOWN);
	fdb_forget_all();
}

VU_TEST(net_fdb, group_and_zero_addresses_are_not_learned)
{
	static const struct rte_ether_addr never[] = {
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } }, { { 0x01, 0, 0x5e, 0, 0, 1 } },
		{ { 0x33, 0x33, 0, 0, 0, 1 } }, { { 0, 0, 0, 0, 0, 0 } },
	};

	fdb_forget_all();
	for (unsigned int i = 0; i < RTE_DIM(never); i++) {
		net_fdb_learn(&never[i], 1, 7);
		for (unsigned int age = 0; age < AGES; age++)
			CHECK_EQ(net_fdb_lookup(&never[i], (uint16_t)age), NET_FDB_UNKNOWN);
	}
}

/* The clock of these cases goes on from one run to the next, as the real one does. */
static uint64_t
far_future(void)
{
	static uint64_t tick = UINT64_C(1) << 40;

	return tick += 1000;
}

/* Its port keeps an address while frames from it come; a guest that went elsewhere is silent. */
VU_TEST(net_fdb, address_moves_once_its_guest_is_silent)
{
	fdb_forget_all();
	learn(1, 3, 0);
	for (unsigned int age = 0; age < AGES + HOLD_AGE; age++) {
		learn(1, 4, age);
		CHECK_EQ(lookup(1, age), 3);
		learn(1, 3, age);
	}
	learn(1, 4, 2 * HOLD_AGE + 1);
	CHECK_EQ(lookup(1, 2 * HOLD_AGE + 1), 4);
	/* The old port holds nothing of it any more. */
	net_fdb_forget_port(3);
	CHECK_EQ(lookup(1, 2 * HOLD_AGE + 1), 4);
	net_fdb_forget_port(4);
	CHECK_EQ(lookup(1, 2 * HOLD_AGE + 1), NET_FDB_UNKNOWN);
}

VU_TEST(net_fdb, address_of_a_port_that_stopped_moves_at_once)
{
	uint16_t age = net_fdb_age_now();

	fdb_forget_all();
	learn(1, 3, age);
	learn(2, 5, age);
	net_fdb_release_port(3);
	CHECK_EQ(lookup(1, net_fdb_age_now()), 3);
	age = net_fdb_age_now();
	learn(1, 4, age);
	learn(2, 4, age);
	CHECK_EQ(lookup(1, age), 4);
	CHECK_EQ(lookup(2, age), 5);
	fdb_forget_all();
}

VU_TEST(net_fdb, pinned_address_stays)
{
	const struct rte_ether_addr mac = mac_of(1);
	struct rte_ether_addr group = mac;

	fdb_forget_all();
	learn(1, 4, 0);
	CHECK(net_fdb_pin(&mac, 3));
	CHECK(!net_fdb_pin(&mac, 4));
	CHECK_EQ(net_fdb_usage(4).nb, 0);
	for (unsigned int age = 0; age < 2 * AGES; age++) {
		learn(1, 4, age);
		CHECK_EQ(lookup(1, age), 3);
	}
	net_fdb_forget_learned(3);
	net_fdb_tick(far_future());
	CHECK_EQ(lookup(1, 0), 3);
	/* The group address that differs in that one bit is not taken for it. */
	group.addr_bytes[0] |= 1;
	CHECK_EQ(net_fdb_lookup(&group, 0), NET_FDB_UNKNOWN);
	net_fdb_forget_port(3);
	CHECK_EQ(lookup(1, 0), NET_FDB_UNKNOWN);
	CHECK_EQ(net_fdb_usage(3).nb, 0);
}

VU_TEST(net_fdb, entries_age)
{
	for (unsigned int born = 0; born < AGES; born++) {
		net_fdb_forget_port(9);
		learn(1, 9, born);
		for (unsigned int age = 0; age <= MAX_AGE; age++)
			CHECK_EQ(lookup(1, born + age), 9);
		for (unsigned int age = MAX_AGE + 1; age < AGES; age++)
			CHECK_EQ(lookup(1, born + age), NET_FDB_UNKNOWN);
		/* A frame in time keeps it. */
		learn(1, 9, born + MAX_AGE);
		CHECK_EQ(lookup(1, born + 2 * MAX_AGE), 9);
	}
	fdb_forget_all();
}

VU_TEST(net_fdb, expired_entries_do_not_come_back_with_their_age)
{
	uint64_t tick = far_future();

	fdb_forget_all();
	net_fdb_tick(tick);
	learn(1, 9, net_fdb_tick(tick));
	learn(2, 9, net_fdb_tick(tick));
	for (unsigned int age = 1; age <= 3 * AGES; age++) {
		uint16_t now = net_fdb_tick(tick + age);

		if (age % 10 == 0)
			learn(2, 9, now);
		CHECK_EQ(lookup(1, now), age <= MAX_AGE ? 9 : NET_FDB_UNKNOWN);
		CHECK_EQ(lookup(2, now), 9);
	}
	fdb_forget_all();
}

VU_TEST(net_fdb, nobody_looks_for_a_while)
{
	static const unsigned int pauses[] = { 1, 24, 25, 39, 40, 63, 64, 65, 84, 85, 128, 500 };

	for (unsigned int i = 0; i < RTE_DIM(pauses); i++) {
		uint64_t tick = far_future();
		uint16_t now;

		fdb_forget_all();
		net_fdb_tick(tick);
		learn(1, 9, net_fdb_tick(tick));
		/* Once more just before it expires, then not for the length of the pause. */
		net_fdb_tick(tick + MAX_AGE);
		now = net_fdb_tick(tick + MAX_AGE + pauses[i]);
		CHECK_EQ(lookup(1, now), NET_FDB_UNKNOWN);
	}
	fdb_forget_all();
}

static unsigned int
count_known(uint32_t nb, uint16_t port_id, unsigned int age)
{
	unsigned int nb_known = 0;

	for (uint32_t n = 0; n < nb; n++)
		nb_known += lookup(n, age) == port_id;
	return nb_known;
}

VU_TEST(net_fdb, port_never_evicts_another_ports_entries)
{
	const uint32_t nb = 100000;

	fdb_forget_all();
	/* One port fills every slot, at the price of its own entries only. */
	for (uint32_t n = 0; n < nb; n++)
		learn(n, 1, 0);
	CHECK_EQ(count_known(nb, 1, 0), NB_SLOTS);
	for (uint32_t n = nb; n < 2 * nb; n++)
		learn(n, 2, 0);
	CHECK_EQ(count_known(nb, 1, 0), NB_SLOTS);
	CHECK_EQ(count_known(2 * nb, 2, 0), 0);
	/* Its own latest address it finds, in place of an older one. */
	learn(3 * nb, 1, 0);
	CHECK_EQ(lookup(3 * nb, 0), 1);
	CHECK_EQ(count_known(nb, 1, 0), NB_SLOTS - 1);
	/* What nobody uses any more is for everyone. */
	for (uint32_t n = nb; n < 2 * nb; n++)
		learn(n, 2, MAX_AGE + 1);
	CHECK_EQ(count_known(2 * nb, 2, MAX_AGE + 1), NB_SLOTS);
	CHECK_EQ(count_known(nb, 1, MAX_AGE + 1), 0);
	fdb_forget_all();
}

VU_TEST(net_fdb, own_entry_goes_only_when_no_slot_is_free)
{
	fdb_forget_all();
	/* Few addresses for so many buckets: all of them fit. */
	for (uint32_t n = 0; n < 500; n++)
		learn(n, 1, 0);
	CHECK_EQ(count_known(500, 1, 0), 500);
	fdb_forget_all();
}

VU_TEST(net_fdb, time_passes)
{
	uint16_t age = net_fdb_age_now();

	CHECK(age < AGES);
	fdb_forget_all();
	learn(1, 2, age);
	CHECK_EQ(lookup(1, net_fdb_age_now()), 2);
	fdb_forget_all();
}
