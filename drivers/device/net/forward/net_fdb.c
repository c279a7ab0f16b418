/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports of the switch, and its forwarding table: MAC address to port, written and read by all data
 * lcores without locks. An entry is one 64-bit word (48 bits MAC, 10 bits port, 6 bits age), so a
 * racing reader sees the old or the new one, never a mixture. A bucket is one cache line. A port
 * never evicts an entry of another port that is still in use, and takes an address over only once
 * its guest is silent: a guest that invents source addresses fills free slots up to its quota and
 * costs floods, not other guests' entries. See doc/decision/0001.
 */
#include "net_forward.h"

#include <rte_bitops.h>
#include <rte_cycles.h>
#include <rte_random.h>

#include "vu_net.h"

#define FDB_BUCKETS 1024
#define FDB_SLOTS 8
#define FDB_PORT_BITS 10
#define FDB_AGE_BITS 6
#define FDB_AGE_MASK ((1u << FDB_AGE_BITS) - 1)
#define FDB_MAX_AGE 24 /* ticks of 2^x TSC cycles, 8 to 16 s each */
#define FDB_TICK_SECONDS 8
/* Ticks of silence after which another port may have the address: one of them was a whole one. */
#define FDB_HOLD_AGE 2
/* Of an address that stays at its port: the group bit, which no entry's address has. */
#define FDB_PINNED (UINT64_C(1) << (FDB_PORT_BITS + FDB_AGE_BITS))
/* Ticks without a sweep after which an age may have come round again. */
#define FDB_MAX_GAP (FDB_AGE_MASK - FDB_MAX_AGE)

static_assert(VU_MAX_PORTS <= 1 << FDB_PORT_BITS, "port number fits an entry");

static struct {
	uint64_t slot[FDB_SLOTS];
} __rte_cache_aligned fdb[FDB_BUCKETS];

static unsigned int fdb_tick_shift;
static uint64_t fdb_last_tick;
static uint64_t fdb_seed = 1; /* odd; random once there are ports */

/* Entries of each port; all lcores count. */
static struct {
	uint32_t nb;
	uint32_t max;        /* 0: any number */
	uint64_t nb_refused;
} fdb_ports[VU_MAX_PORTS];

/* MAC in the upper 48 bits. */
static inline uint64_t
fdb_key(const struct rte_ether_addr *mac)
{
	uint64_t key = 0;

	memcpy(&key, mac->addr_bytes, RTE_ETHER_ADDR_LEN);
	return key << (FDB_PORT_BITS + FDB_AGE_BITS);
}

static inline uint64_t *
fdb_bucket(uint64_t key)
{
	/* Without the seed nobody finds addresses that share a bucket; with CRC anybody would. */
	uint64_t hash = key * fdb_seed;

	hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return fdb[hash >> 32 & (FDB_BUCKETS - 1)].slot;
}

static inline bool
fdb_has_key(uint64_t entry, uint64_t key)
{
	return (((entry & ~FDB_PINNED) ^ key) >> (FDB_PORT_BITS + FDB_AGE_BITS)) == 0;
}

static inline uint16_t
fdb_port(uint64_t entry)
{
	return (uint16_t)(entry >> FDB_AGE_BITS) & ((1u << FDB_PORT_BITS) - 1);
}

/* Ticks since a frame with that address came. */
static inline unsigned int
fdb_silence(uint64_t entry, uint16_t age)
{
	return (age - (unsigned int)entry) & FDB_AGE_MASK;
}

static inline bool
fdb_is_expired(uint64_t entry, uint16_t age)
{
	return entry == 0 || ((entry & FDB_PINNED) == 0 && fdb_silence(entry, age) > FDB_MAX_AGE);
}

/* Put one entry in place of another, 0 is none. @return false: somebody else was faster */
static bool
fdb_replace(uint64_t *slot, uint64_t entry, uint64_t wanted)
{
	if (!__atomic_compare_exchange_n(slot, &entry, wanted, false, __ATOMIC_RELAXED,
			__ATOMIC_RELAXED))
		return false;
	if (entry != 0)
		__atomic_fetch_sub(&fdb_ports[fdb_port(entry)].nb, 1, __ATOMIC_RELAXED);
	if (wanted != 0)
		__atomic_fetch_add(&fdb_ports[fdb_port(wanted)].nb, 1, __ATOMIC_RELAXED);
	return true;
}

static inline bool
fdb_has_room(uint16_t port_id)
{
	const uint32_t max = vu_load(&fdb_ports[port_id].max);

	return max == 0 || vu_load(&fdb_ports[port_id].nb) < max;
}

static bool
fdb_refuse(uint16_t port_id)
{
	__atomic_fetch_add(&fdb_ports[port_id].nb_refused, 1, __ATOMIC_RELAXED);
	return false;
}

/* Remove what is expired, or everything. An entry that changes meanwhile is in use and stays. */
static void
fdb_sweep(uint16_t age, bool is_all)
{
	for (unsigned int i = 0; i < FDB_BUCKETS * FDB_SLOTS; i++) {
		uint64_t *slot = &fdb[i / FDB_SLOTS].slot[i % FDB_SLOTS];
		uint64_t entry = vu_load(slot);

		if (entry != 0 && (fdb_is_expired(entry, age) ||
				(is_all && (entry & FDB_PINNED) == 0)))
			fdb_replace(slot, entry, 0);
	}
}

uint16_t
net_fdb_tick(uint64_t tick)
{
	uint16_t age = (uint16_t)(tick & FDB_AGE_MASK);
	uint64_t last = vu_load(&fdb_last_tick);

	/* One lcore sweeps per tick: an expired entry must be gone before its age comes round. */
	if (unlikely((int64_t)(tick - last) > 0) && __atomic_compare_exchange_n(&fdb_last_tick,
			&last, tick, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		fdb_sweep(age, tick - last > FDB_MAX_GAP);
	return age;
}

uint16_t
net_fdb_age_now(void)
{
	unsigned int shift = vu_load(&fdb_tick_shift);

	if (unlikely(shift == 0)) {
		shift = rte_log2_u64(rte_get_tsc_hz() * FDB_TICK_SECONDS);
		vu_store(&fdb_tick_shift, shift);
	}
	return net_fdb_tick(rte_rdtsc() >> shift);
}

/* The address is in the table: was it this port's, or may this port have it? */
static bool
fdb_renew(uint64_t *slot, uint64_t entry, uint64_t wanted, uint16_t age)
{
	const uint16_t port_id = fdb_port(wanted);

	if (fdb_port(entry) == port_id)
		return (entry & FDB_PINNED) != 0 || fdb_replace(slot, entry, wanted);
	if ((entry & FDB_PINNED) != 0 || fdb_silence(entry, age) < FDB_HOLD_AGE ||
			!fdb_has_room(port_id))
		return fdb_refuse(port_id);
	return fdb_replace(slot, entry, wanted);
}

/* A slot that is free, else one of the port's own. */
static __rte_noinline bool
fdb_insert(uint64_t *bucket, uint64_t wanted, uint16_t age)
{
	const uint16_t port_id = fdb_port(wanted);
	const bool has_room = fdb_has_room(port_id);
	uint64_t *slot = NULL, old = 0;

	for (int i = 0; i < FDB_SLOTS; i++) {
		const uint64_t entry = vu_load(&bucket[i]);
		const bool is_own = entry != 0 && fdb_port(entry) == port_id;

		if (fdb_is_expired(entry, age) ? !has_room && !is_own :
				slot != NULL || !is_own || (entry & FDB_PINNED) != 0)
			continue;
		slot = &bucket[i];
		old = entry;
	}
	return slot != NULL ? fdb_replace(slot, old, wanted) : fdb_refuse(port_id);
}

bool
net_fdb_learn(const struct rte_ether_addr *mac, uint16_t port_id, uint16_t age)
{
	uint64_t key = fdb_key(mac);
	uint64_t *bucket = fdb_bucket(key);
	uint64_t wanted = key | (uint64_t)port_id << FDB_AGE_BITS | age;

	if (unlikely(!rte_is_unicast_ether_addr(mac) || key == 0))
		return false;
	for (int i = 0; i < FDB_SLOTS; i++) {
		uint64_t entry = vu_load(&bucket[i]);

		if (entry == wanted)
			return true;
		if (fdb_has_key(entry, key))
			return fdb_renew(&bucket[i], entry, wanted, age);
	}
	return fdb_insert(bucket, wanted, age);
}

bool
net_fdb_pin(const struct rte_ether_addr *mac, uint16_t port_id)
{
	uint64_t key = fdb_key(mac);
	uint64_t *bucket = fdb_bucket(key);
	uint64_t wanted = key | FDB_PINNED | (uint64_t)port_id << FDB_AGE_BITS;
	uint64_t *slot = NULL;

	for (int i = 0; i < FDB_SLOTS; i++) {
		uint64_t entry = vu_load(&bucket[i]);

		if (fdb_has_key(entry, key)) {
			slot = &bucket[i];
			break;
		}
		if (entry == 0 || (slot == NULL && (entry & FDB_PINNED) == 0))
			slot = &bucket[i];
	}
	if (slot == NULL || (vu_load(slot) & FDB_PINNED) != 0)
		return false;
	/* Data lcores learn meanwhile. */
	while (!fdb_replace(slot, vu_load(slot), wanted))
		continue;
	return true;
}

uint16_t
net_fdb_lookup(const struct rte_ether_addr *mac, uint16_t age)
{
	uint64_t key = fdb_key(mac);
	const uint64_t *slot = fdb_bucket(key);

	for (int i = 0; i < FDB_SLOTS; i++) {
		uint64_t entry = vu_load(&slot[i]);

		if (fdb_has_key(entry, key) && !fdb_is_expired(entry, age))
			return fdb_port(entry);
	}
	return NET_FDB_UNKNOWN;
}

void
vu_net_learn(const struct vu_device_queue *queue, const struct rte_ether_addr *mac)
{
	const struct net_forward_queue *nq = queue->priv;

	net_fdb_learn(mac, nq->port->port_id, net_fdb_age_now());
}

/* Put `wanted` of each entry of a port in its place, which others may renew meanwhile. */
static void
fdb_change_port(uint16_t port_id, bool has_pinned, uint64_t (*wanted)(uint64_t entry))
{
	for (unsigned int i = 0; i < FDB_BUCKETS * FDB_SLOTS; i++) {
		uint64_t *slot = &fdb[i / FDB_SLOTS].slot[i % FDB_SLOTS];
		uint64_t entry = vu_load(slot);

		while (entry != 0 && fdb_port(entry) == port_id &&
				(has_pinned || (entry & FDB_PINNED) == 0) &&
				!fdb_replace(slot, entry, wanted(entry)))
			entry = vu_load(slot);
	}
}

static uint64_t
fdb_nothing(uint64_t entry)
{
	(void)entry;
	return 0;
}

static uint64_t
fdb_silent(uint64_t entry)
{
	const uint16_t age = net_fdb_age_now();

	if (fdb_silence(entry, age) >= FDB_HOLD_AGE)
		return entry;
	return (entry & ~(uint64_t)FDB_AGE_MASK) | ((age - FDB_HOLD_AGE) & FDB_AGE_MASK);
}

void
net_fdb_forget_port(uint16_t port_id)
{
	fdb_change_port(port_id, true, fdb_nothing);
}

void
net_fdb_forget_learned(uint16_t port_id)
{
	fdb_change_port(port_id, false, fdb_nothing);
}

void
net_fdb_release_port(uint16_t port_id)
{
	fdb_change_port(port_id, false, fdb_silent);
}

struct net_fdb_usage
net_fdb_usage(uint16_t port_id)
{
	return (struct net_fdb_usage){
		.nb = vu_load(&fdb_ports[port_id].nb),
		.max = vu_load(&fdb_ports[port_id].max),
		.nb_refused = vu_load(&fdb_ports[port_id].nb_refused),
	};
}

struct net_forward_port *net_switch_ports[VU_MAX_PORTS];
uint16_t net_switch_nb_ports;
uint16_t net_switch_end_port;

void
net_switch_join(struct net_forward_port *port)
{
	/* With the first port: nothing is in the table. */
	if (fdb_seed == 1)
		fdb_seed = rte_rand() | 1;
	vu_store(&fdb_ports[port->port_id].max, port->max_addresses);
	vu_store(&fdb_ports[port->port_id].nb_refused, (uint64_t)0);
	/* Device before pointer; pairs with the acquire in net_switch_port(). */
	vu_store_release(&net_switch_ports[port->port_id], port);
	vu_store(&net_switch_nb_ports, (uint16_t)(net_switch_nb_ports + 1));
	vu_store(&net_switch_end_port, RTE_MAX(net_switch_end_port,
		(uint16_t)(port->port_id + 1)));
}

void
net_switch_leave(struct net_forward_port *port)
{
	vu_store(&net_switch_ports[port->port_id], NULL);
	vu_store(&net_switch_nb_ports, (uint16_t)(net_switch_nb_ports - 1));
	/* Once more after the grace period: a burst of the port may learn its addresses again. */
	net_fdb_forget_port(port->port_id);
}
