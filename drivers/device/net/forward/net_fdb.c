/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports of the switch, and its forwarding table: MAC address to port, written and read by all data
 * lcores without locks. An entry is one 64-bit word (48 bits MAC, 10 bits port, 6 bits age), so a
 * racing reader sees the old or the new one, never a mixture. A bucket is one cache line. A port
 * never evicts an entry of another port that is still in use: a guest that invents source addresses
 * fills free slots and costs floods, not other guests' entries. See doc/decision/0001.
 */
#include "net_forward.h"

#include <rte_bitops.h>
#include <rte_cycles.h>
#include <rte_hash_crc.h>

#include "vu_net.h"

#define FDB_BUCKETS 1024
#define FDB_SLOTS 8
#define FDB_PORT_BITS 10
#define FDB_AGE_BITS 6
#define FDB_AGE_MASK ((1u << FDB_AGE_BITS) - 1)
#define FDB_MAX_AGE 20 /* ticks of 2^x TSC cycles, 16 to 32 s each */
#define FDB_TICK_SECONDS 16
/* Ticks without a sweep after which an age may have come round again. */
#define FDB_MAX_GAP (FDB_AGE_MASK - FDB_MAX_AGE)

static_assert(VU_MAX_PORTS <= 1 << FDB_PORT_BITS, "port number fits an entry");

static struct {
	uint64_t slot[FDB_SLOTS];
} __rte_cache_aligned fdb[FDB_BUCKETS];

static unsigned int fdb_tick_shift;
static uint64_t fdb_last_tick;

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
	return fdb[rte_hash_crc_8byte(key, 0) % FDB_BUCKETS].slot;
}

static inline bool
fdb_has_key(uint64_t entry, uint64_t key)
{
	return ((entry ^ key) >> (FDB_PORT_BITS + FDB_AGE_BITS)) == 0;
}

static inline uint16_t
fdb_port(uint64_t entry)
{
	return (uint16_t)(entry >> FDB_AGE_BITS) & ((1u << FDB_PORT_BITS) - 1);
}

static inline bool
fdb_is_expired(uint64_t entry, uint16_t age)
{
	return entry == 0 || ((age - (unsigned int)entry) & FDB_AGE_MASK) > FDB_MAX_AGE;
}

/* Remove what is expired, or everything. An entry that changes meanwhile is in use and stays. */
static void
fdb_sweep(uint16_t age, bool is_all)
{
	for (unsigned int i = 0; i < FDB_BUCKETS * FDB_SLOTS; i++) {
		uint64_t *slot = &fdb[i / FDB_SLOTS].slot[i % FDB_SLOTS];
		uint64_t entry = vu_load(slot);

		if (entry != 0 && (is_all || fdb_is_expired(entry, age)))
			__atomic_compare_exchange_n(slot, &entry, 0, false, __ATOMIC_RELAXED,
				__ATOMIC_RELAXED);
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

void
net_fdb_learn(const struct rte_ether_addr *mac, uint16_t port_id, uint16_t age)
{
	uint64_t key = fdb_key(mac);
	uint64_t *slot = fdb_bucket(key);
	uint64_t wanted = key | (uint64_t)port_id << FDB_AGE_BITS | age;
	int free_slot = -1;

	if (unlikely(!rte_is_unicast_ether_addr(mac) || key == 0))
		return;
	for (int i = 0; i < FDB_SLOTS; i++) {
		uint64_t entry = vu_load(&slot[i]);

		if (entry == wanted)
			return;
		if (fdb_has_key(entry, key)) {
			vu_store(&slot[i], wanted);
			return;
		}
		if (fdb_is_expired(entry, age) || (free_slot < 0 && fdb_port(entry) == port_id))
			free_slot = i;
	}
	if (free_slot >= 0)
		vu_store(&slot[free_slot], wanted);
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

void
net_fdb_forget_port(uint16_t port_id)
{
	for (unsigned int i = 0; i < FDB_BUCKETS * FDB_SLOTS; i++) {
		uint64_t *slot = &fdb[i / FDB_SLOTS].slot[i % FDB_SLOTS];
		uint64_t entry = vu_load(slot);

		if (entry != 0 && fdb_port(entry) == port_id)
			vu_store(slot, (uint64_t)0);
	}
}

struct net_forward_port *net_switch_ports[VU_MAX_PORTS];
uint16_t net_switch_nb_ports;
uint16_t net_switch_end_port;

void
net_switch_join(struct net_forward_port *port)
{
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
	net_fdb_forget_port(port->port_id);
}
