/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two rings of the net driver that must stay alike: the same guest memory, the same traffic from
 * the same random numbers, one served by the burst functions that handle everything, the other by
 * the variant under test. No device and no scheduler are around them: what is called here is what a
 * data lcore calls.
 */
#ifndef VARIANT_RIG_H
#define VARIANT_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "fake_guest.h"
#include "fake_rand.h"
#include "net_burst.h"

/* Frames under way at once: entries of the largest ring and one burst. */
#define RIG_MAX_RING 256
#define RIG_MAX_FRAMES (RIG_MAX_RING + 2 * NET_MAX_BURST)
#define RIG_WHY_BYTES 256

/* Small mbufs make long frames cheap; the others are the driver's own size. */
enum rig_pool {
	RIG_POOL_SMALL,
	RIG_POOL_DEFAULT,
	RIG_NB_POOLS
};

#define RIG_SMALL_ROOM 200 /* bytes of a frame in a small mbuf */

/* Places for buffers; compared after every step. */
enum rig_arena {
	RIG_ARENA_BORDER, /* two regions meet in its middle */
	RIG_ARENA_HIGH,
	RIG_ARENA_END,    /* ends where the last region does */
	RIG_ARENA_RING,   /* the ring itself, first in its region */
	RIG_ARENA_TABLES, /* indirect tables */
	RIG_NB_ARENAS
};

#define RIG_TABLE_DESCS 16

struct rig_side {
	const struct net_burst_ops *ops;
	struct fake_guest guest;
	struct vu_mem_table *mem;
	struct rte_mempool *pools[RIG_NB_POOLS];
	int call_fd;

	/* Made again for each scenario. */
	struct fake_ring *ring;
	struct vu_vring_snapshot *snapshot;
	struct vu_device_queue queue;
	struct net_queue nq;
	struct fake_rand rand;            /* the same on both sides */
	uint32_t next_byte[RIG_NB_ARENAS];
	uint32_t next_table;
	uint32_t out_bytes;               /* in buffers that the device may still write */
	uint16_t order[RIG_MAX_RING];     /* heads or ids that were offered and not settled */
	uint16_t nb_order;

	struct rte_mbuf *frames[RIG_MAX_FRAMES]; /* taken and not yet compared */
	unsigned int nb_frames;
	uint16_t nb_put;                  /* what the last put returned */
	uint64_t nb_calls;                /* eventfd writes since the last comparison */
};

/* How the traffic of a scenario looks; made from its seed alone. */
struct rig_plan {
	uint64_t seed;
	uint64_t features;
	uint16_t ring_size;
	uint16_t start;       /* index or position of the ring's first entry */
	uint16_t nb_held;     /* entries taken before and not given back */
	uint64_t align_bytes; /* of the parts of the ring */
	enum rig_pool pool;
	bool is_packed;
	bool is_from_guest;
	bool is_hostile;      /* breaks its ring; after every step it is set up again */
	bool is_single;       /* mostly what the fast variants are made for */
	struct vu_mem_log *log; /* of the variant's ring, if not NULL */
};

struct variant_rig {
	struct rig_side side[2];  /* 0: net_burst_any, 1: the variant */
	struct rig_plan plan;
	char errmsg[RIG_WHY_BYTES];  /* first difference */
};

/* ---- variant_rig.c ---- */

/* Guests and pools for any number of scenarios. */
void rig_open(struct variant_rig *rig);
void rig_close(struct variant_rig *rig);

/* Set both rings up for a plan; false if the variant does not serve such a ring. */
bool rig_begin(struct variant_rig *rig, const struct rig_plan *plan,
	const struct net_variant *variant);
void rig_end(struct variant_rig *rig);

/* Set up an emptied ring again, at any position. */
void side_restart(struct rig_side *side, const struct rig_plan *plan, uint16_t start);

/* Guest address and bytes of an arena. */
uint64_t arena_gpa(enum rig_arena arena);
uint32_t arena_bytes(enum rig_arena arena);

/* Take until the ring gives nothing more. A caller that learns of a fault calls no more either. */
void side_drain(struct rig_side *side, uint16_t max);

/* Compare the frames taken as far as both sides have them; if `is_all`, both must have the same. */
bool rig_compare_frames(struct variant_rig *rig, bool is_all);

/* Give back what was compared, in a state that the next user must not inherit. */
void rig_free_frames(struct variant_rig *rig);

/* Compare guest memory, position, counters and notifications. */
bool rig_compare(struct variant_rig *rig);

/* Compare all of guest memory and the number of mbufs that are left. */
bool rig_compare_end(struct variant_rig *rig);

/* ---- variant_guest.c: what the guest does; each draws from side->rand ---- */

/* Make entries available; at most `max_bytes` in each if that is not 0. */
void guest_offer(struct rig_side *side, const struct rig_plan *plan, unsigned int nb,
	uint32_t max_bytes);

/*
 * A driver with IN_ORDER finds one used entry for a batch, the last one's, and knows which ones
 * came before: fill in what the device left out, as it would have without the feature. The ring
 * must then be as if it had. Returns false if an entry ends no batch. Without the feature, and with
 * a ring that its guest broke, there is nothing to do.
 */
bool guest_settle(struct rig_side *side, const struct rig_plan *plan);

/* Does the device choose which used entries it writes, beyond what guest_settle() can see? */
bool plan_has_loose_ring(const struct rig_plan *plan);

/* Take used entries back. */
void guest_collect(struct rig_side *side);

/* Choose when to be notified. */
void guest_set_event(struct rig_side *side, const struct rig_plan *plan);

/* Break something that was offered, then show it to the device. */
void guest_break(struct rig_side *side, const struct rig_plan *plan);

/* Fill the whole ring with what may or may not make sense. */
void guest_scribble(struct rig_side *side, const struct rig_plan *plan);

#endif /* VARIANT_RIG_H */
