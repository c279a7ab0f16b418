/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Set-up and comparison of the two rings; see variant_rig.h.
 */
#include "variant_rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include <rte_mempool.h>

#include "expect.h"
#include "vu_net.h"
#include "vu_fd.h"
#include "vu_vring_packed.h"

#define POOL_MBUFS 4095
#define BORDER_BYTES 0x18000
#define HIGH_BYTES 0x28000
#define END_BYTES 0x4000
#define RING_BYTES 0x4000
#define TABLES_BYTES 0x20000
#define TABLES_OFFSET UINT64_C(0x100000)
/* The ring lies behind the border's half of this region. */
#define RING_OFFSET UINT64_C(0x20000)

static const struct {
	uint64_t gpa;
	uint32_t bytes;
} arenas[RIG_NB_ARENAS] = {
	[RIG_ARENA_BORDER] = { FAKE_MID_GPA - BORDER_BYTES / 2, BORDER_BYTES },
	[RIG_ARENA_HIGH] = { FAKE_HIGH_GPA, HIGH_BYTES },
	[RIG_ARENA_END] = { FAKE_HIGH_GPA + FAKE_HIGH_BYTES - END_BYTES, END_BYTES },
	[RIG_ARENA_RING] = { FAKE_MID_GPA + RING_OFFSET, RING_BYTES },
	[RIG_ARENA_TABLES] = { FAKE_MID_GPA + TABLES_OFFSET, TABLES_BYTES },
};

uint64_t
arena_gpa(enum rig_arena arena)
{
	return arenas[arena].gpa;
}

uint32_t
arena_bytes(enum rig_arena arena)
{
	return arenas[arena].bytes;
}

/* ---- life ---- */

static struct rte_mempool *
pool_create(unsigned int side_idx, enum rig_pool pool)
{
	uint16_t room_bytes = pool == RIG_POOL_SMALL ? RTE_PKTMBUF_HEADROOM + RIG_SMALL_ROOM :
		RTE_MBUF_DEFAULT_BUF_SIZE;
	struct rte_mempool *mp;
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "rig_%u_%d", side_idx, pool);
	mp = rte_pktmbuf_pool_create(name, POOL_MBUFS, 64, 0, room_bytes, SOCKET_ID_ANY);
	CHECK(mp != NULL);
	return mp;
}

void
rig_open(struct variant_rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	for (unsigned int i = 0; i < 2; i++) {
		struct rig_side *side = &rig->side[i];

		fake_guest_init(&side->guest);
		side->mem = fake_guest_mem(&side->guest);
		side->call_fd = vu_fd_eventfd();
		for (unsigned int pool = 0; pool < RIG_NB_POOLS; pool++)
			side->pools[pool] = pool_create(i, pool);
	}
}

void
rig_close(struct variant_rig *rig)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct rig_side *side = &rig->side[i];

		for (unsigned int pool = 0; pool < RIG_NB_POOLS; pool++)
			rte_mempool_free(side->pools[pool]);
		vu_fd_close(&side->call_fd);
		vu_mem_table_destroy(side->mem);
		fake_guest_fini(&side->guest);
	}
}

/* Memory that no two places of have in common. */
static void
side_fill_memory(struct rig_side *side)
{
	for (unsigned int arena = 0; arena < RIG_NB_ARENAS; arena++) {
		for (uint32_t i = 0; i < arenas[arena].bytes; i += sizeof(uint64_t)) {
			uint64_t word = fake_rand_u64(&side->rand);

			fake_guest_write(&side->guest, arenas[arena].gpa + i, &word, sizeof(word));
		}
	}
}

/*
 * Between the descriptors and the next part of the ring, descriptors as the device likes them: who
 * reads on behind the end finds something to do.
 */
static void
side_add_decoys(struct rig_side *side, const struct rig_plan *plan)
{
	const struct fake_ring *ring = side->ring;
	uint16_t direction = plan->is_from_guest ? 0 : VU_DESC_F_WRITE;
	uint64_t gpa = ring->desc_gpa + UINT64_C(16) * ring->size;

	for (uint16_t i = 0; gpa + 16 <= ring->avail_gpa; gpa += 16, i++) {
		const struct vu_split_desc split = { FAKE_HIGH_GPA, 150, direction, 0 };
		const struct vu_packed_desc packed = { FAKE_HIGH_GPA, 150, i, direction |
			(i % 4 == 3 ? VU_PACKED_F_USED : VU_PACKED_F_AVAIL) };

		if (plan->is_packed)
			fake_guest_write(&side->guest, gpa, &packed, sizeof(packed));
		else
			fake_guest_write(&side->guest, gpa, &split, sizeof(split));
	}
}

static void
side_open_ring(struct rig_side *side, const struct rig_plan *plan)
{
	const struct fake_ring_place place = { .region = FAKE_MID, .is_packed = plan->is_packed,
		.align_bytes = plan->align_bytes };

	memset(side->guest.allocated_bytes, 0, sizeof(side->guest.allocated_bytes));
	fake_guest_alloc(&side->guest, FAKE_MID, RING_OFFSET, 1);
	side->ring = fake_ring_create(&side->guest, plan->ring_size, &place);
	CHECK(side->guest.allocated_bytes[FAKE_MID] <= RING_OFFSET + RING_BYTES);
	fake_ring_start_at(side->ring, plan->start);
	side_add_decoys(side, plan);
}

/* As after a base that names buffers in flight. */
static void
side_hold(struct rig_side *side, const struct rig_plan *plan)
{
	struct vu_vring_pos *pos = &side->queue.vring.pos;

	if (plan->is_packed)
		pos->last_used_idx = vu_packed_advance(side->snapshot, pos->last_used_idx,
			plan->ring_size - plan->nb_held) ^ VU_PACKED_WRAP;
	else
		pos->last_used_idx -= plan->nb_held;
}

/* Marks of all kinds in a log; returns the features of such a ring. */
static uint64_t
side_set_log(struct rig_side *side, const struct rig_plan *plan, struct vu_mem_log *log)
{
	struct vu_vring *vring = &side->queue.vring;

	vring->log = log;
	if (log == NULL)
		return plan->features;
	vring->conf.flags |= VU_VRING_F_LOG;
	vring->conf.log_gpa = side->ring->used_gpa;
	return plan->features | RTE_BIT64(VHOST_F_LOG_ALL);
}

static void
side_open_queue(struct rig_side *side, const struct rig_plan *plan, struct vu_mem_log *log)
{
	struct vu_device_queue *queue = &side->queue;
	struct net_queue *nq = &side->nq;
	const struct vu_net_frames frames = {
		.pool = side->pools[plan->pool], .port_id = RTE_MBUF_PORT_INVALID,
	};
	uint64_t features;

	memset(queue, 0, sizeof(*queue));
	memset(nq, 0, sizeof(*nq));
	vu_vring_init(&queue->vring, 0);
	queue->vring.conf = fake_ring_conf(side->ring);
	queue->vring.call_fd = side->call_fd;
	queue->vring.enabled = true;
	queue->priv = nq;
	nq->queue = queue;
	CHECK(net_queue_set_frames(nq, &frames) == 0);
	queue->vring.priv_bytes = sizeof(struct net_snapshot);
	features = side_set_log(side, plan, log);
	side->snapshot = vu_vring_snapshot_create(&queue->vring, side->mem, features);
	CHECK(side->snapshot != NULL);
	net_snapshot_init(queue, side->snapshot);
	((struct net_snapshot *)vu_vring_snapshot_priv(side->snapshot))->burst = side->ops;
	CHECK(!vu_vring_seek(&queue->vring, side->snapshot));
	side_hold(side, plan);
	vu_vring_publish(&queue->vring, side->snapshot);
}

bool
rig_begin(struct variant_rig *rig, const struct rig_plan *plan, const struct net_variant *variant)
{
	rig->plan = *plan;
	rig->errmsg[0] = '\0';
	rig->side[0].ops = &net_burst_any;
	rig->side[1].ops = variant->ops;
	for (unsigned int i = 0; i < 2; i++) {
		struct rig_side *side = &rig->side[i];

		/* Small seeds alone begin alike. */
		side->rand = (struct fake_rand){ plan->seed * UINT64_C(0x9e3779b97f4a7c15) | 1 };
		side->out_bytes = 0;
		side->nb_order = 0;
		memset(side->next_byte, 0, sizeof(side->next_byte));
		side_fill_memory(side);
		side_open_ring(side, plan);
		side_open_queue(side, plan, i == 1 ? plan->log : NULL);
	}
	if (variant->is_fit(rig->side[1].snapshot))
		return true;
	rig_end(rig);
	return false;
}

void
rig_end(struct variant_rig *rig)
{
	eventfd_t nb;

	rig_free_frames(rig);
	for (unsigned int i = 0; i < 2; i++) {
		struct rig_side *side = &rig->side[i];

		vu_vring_snapshot_destroy(vu_vring_publish(&side->queue.vring, NULL));
		fake_ring_destroy(side->ring);
		eventfd_read(side->call_fd, &nb);
	}
}

void
side_restart(struct rig_side *side, const struct rig_plan *plan, uint16_t start)
{
	fake_ring_reset(side->ring);
	fake_ring_start_at(side->ring, start);
	side->queue.vring.conf = fake_ring_conf(side->ring);
	CHECK(!vu_vring_seek(&side->queue.vring, side->snapshot));
	side_hold(side, plan);
	side->out_bytes = 0;
	side->nb_order = 0;
}

/* ---- the device ---- */

/* One burst, in one step or in two. */
static uint16_t
side_dequeue(struct rig_side *side, uint16_t max, bool is_apart, uint16_t *nb_frames)
{
	struct rte_mbuf **frames = &side->frames[side->nb_frames];
	struct net_peek peek;

	if (!is_apart || !side->snapshot->is_enabled)
		return side->ops->dequeue(&side->nq, side->snapshot, frames, max, nb_frames);
	if (side->ops->peek(&side->nq, side->snapshot, &peek, max) == 0)
		return 0;
	return side->ops->take(&side->nq, side->snapshot, &peek, frames, nb_frames);
}

void
side_drain(struct rig_side *side, uint16_t max)
{
	const struct vu_vring_pos *pos = &side->queue.vring.pos;
	unsigned int nb_calls = 0;

	/* What a broken variant does not take away comes again for ever. */
	while (pos->fault == VU_VRING_OK && nb_calls++ < 2 * RIG_MAX_RING &&
			side->nb_frames + NET_MAX_BURST <= RIG_MAX_FRAMES) {
		uint16_t nb = 0;

		if (side_dequeue(side, max, nb_calls % 2 == 0, &nb) == 0)
			break;
		side->nb_frames += nb;
	}
}

/* ---- comparison ---- */

#define SAY(rig, ...) (snprintf((rig)->errmsg, sizeof((rig)->errmsg), __VA_ARGS__), false)

/* Both values, in the order any, variant; false if they differ. */
static bool
same(struct variant_rig *rig, const char *what, uint64_t any, uint64_t variant)
{
	return any == variant || SAY(rig, "%s: any has %" PRIu64 " (0x%" PRIx64 "), %s has %" PRIu64
		" (0x%" PRIx64 ")", what, any, any, rig->side[1].ops->name, variant, variant);
}

static bool
same_bytes(struct variant_rig *rig, const char *what, const uint8_t *any, const uint8_t *variant,
	uint64_t nb)
{
	uint64_t i = 0;

	if (memcmp(any, variant, nb) == 0)
		return true;
	while (any[i] == variant[i])
		i++;
	return SAY(rig, "%s: byte 0x%" PRIx64 " of 0x%" PRIx64 ": any has 0x%02x, %s has 0x%02x",
		what, i, nb, any[i], rig->side[1].ops->name, variant[i]);
}

/* Fields that a frame's next owner goes by; others mean nothing without a flag. */
static bool
same_mbuf(struct variant_rig *rig, const struct rte_mbuf *any, const struct rte_mbuf *variant)
{
	bool is_same = same(rig, "data_len", any->data_len, variant->data_len) &&
		same(rig, "data_off", any->data_off, variant->data_off) &&
		same(rig, "refcnt", rte_mbuf_refcnt_read(any), rte_mbuf_refcnt_read(variant)) &&
		same(rig, "port", any->port, variant->port) &&
		same(rig, "ol_flags", any->ol_flags, variant->ol_flags) &&
		same(rig, "next", any->next != NULL, variant->next != NULL);

	if (is_same && any->ol_flags != 0)
		is_same = same(rig, "tx_offload", any->tx_offload, variant->tx_offload);
	return is_same && same_bytes(rig, "frame", rte_pktmbuf_mtod(any, const uint8_t *),
		rte_pktmbuf_mtod(variant, const uint8_t *), any->data_len);
}

static bool
same_frame(struct variant_rig *rig, const struct rte_mbuf *any, const struct rte_mbuf *variant)
{
	if (!same(rig, "pkt_len", any->pkt_len, variant->pkt_len) ||
			!same(rig, "nb_segs", any->nb_segs, variant->nb_segs) ||
			!same(rig, "packet_type", any->packet_type, variant->packet_type))
		return false;
	for (; any != NULL; any = any->next, variant = variant->next)
		if (!same_mbuf(rig, any, variant))
			return false;
	return true;
}

bool
rig_compare_frames(struct variant_rig *rig, bool is_all)
{
	const struct rig_side *any = &rig->side[0], *variant = &rig->side[1];
	unsigned int nb = RTE_MIN(any->nb_frames, variant->nb_frames);

	for (unsigned int i = 0; i < nb; i++) {
		size_t len;

		if (same_frame(rig, any->frames[i], variant->frames[i]))
			continue;
		len = strlen(rig->errmsg);
		snprintf(rig->errmsg + len, sizeof(rig->errmsg) - len, ", frame %u of %u", i, nb);
		return false;
	}
	return !is_all || same(rig, "frames taken", any->nb_frames, variant->nb_frames);
}

/* The last user of this mbuf may have left anything in these fields. */
static void
mbuf_spoil(struct rte_mbuf *mbuf)
{
	mbuf->data_off = 7;
	mbuf->port = 77;
	mbuf->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_TX_TCP_SEG;
	mbuf->packet_type = 0x777;
	mbuf->pkt_len = 7777;
	mbuf->data_len = 777;
	mbuf->vlan_tci = 7;
	mbuf->hash.rss = 77777;
	mbuf->tx_offload = 0x7777777777;
}

void
rig_free_frames(struct variant_rig *rig)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct rig_side *side = &rig->side[i];

		for (unsigned int f = 0; f < side->nb_frames; f++) {
			for (struct rte_mbuf *seg = side->frames[f]; seg != NULL; seg = seg->next)
				if (RTE_MBUF_DIRECT(seg))
					mbuf_spoil(seg);
			rte_pktmbuf_free(side->frames[f]);
		}
		side->nb_frames = 0;
	}
}

/*
 * One burst of net_burst_any may be several of a variant, and a variant that hands on to the former
 * decides twice. So the number of notifications may differ; whether the guest was notified may not.
 */
static bool
same_notifications(struct variant_rig *rig)
{
	eventfd_t nb_calls[2] = { 0, 0 };
	bool is_notified[2];

	for (unsigned int i = 0; i < 2; i++) {
		struct vu_vring_counters *counters = &rig->side[i].queue.vring.pos.counters;

		if (eventfd_read(rig->side[i].call_fd, &nb_calls[i]) != 0)
			nb_calls[i] = 0;
		is_notified[i] = nb_calls[i] != 0;
		if (!same(rig, "eventfd and its counter", nb_calls[i], counters->nb_notifications))
			return false;
		counters->nb_notifications = 0;
	}
	return same(rig, "guest was notified", is_notified[0], is_notified[1]);
}

static bool
same_counters(struct variant_rig *rig)
{
	const struct vu_device_queue *any = &rig->side[0].queue, *variant = &rig->side[1].queue;
	const struct vu_vring_counters *a = &any->vring.pos.counters;
	const struct vu_vring_counters *v = &variant->vring.pos.counters;

	for (unsigned int i = 0; i < VU_MAX_DROPS; i++)
		if (!same(rig, "drops by reason", any->counters.nb_drops[i],
				variant->counters.nb_drops[i]))
			return false;
	return same(rig, "packets", any->counters.nb_packets, variant->counters.nb_packets) &&
		same(rig, "bytes", any->counters.nb_bytes, variant->counters.nb_bytes) &&
		same(rig, "chains", a->nb_chains, v->nb_chains) &&
		same(rig, "errors", a->nb_notification_errors, v->nb_notification_errors);
}

static bool
same_position(struct variant_rig *rig)
{
	const struct vu_vring_pos *any = &rig->side[0].queue.vring.pos;
	const struct vu_vring_pos *variant = &rig->side[1].queue.vring.pos;

	return same(rig, "fault", any->fault, variant->fault) &&
		same(rig, "avail position", any->last_avail_idx, variant->last_avail_idx) &&
		same(rig, "used position", any->last_used_idx, variant->last_used_idx) &&
		same(rig, "signalled", any->signalled_used, variant->signalled_used) &&
		same(rig, "signalled_used_valid", any->signalled_used_valid,
			variant->signalled_used_valid);
}

static bool
same_memory(struct variant_rig *rig, uint64_t gpa, uint64_t nb, const char *what)
{
	const struct fake_guest *any = &rig->side[0].guest, *variant = &rig->side[1].guest;

	return same_bytes(rig, what, fake_guest_ptr(any, gpa), fake_guest_ptr(variant, gpa), nb);
}

bool
rig_compare(struct variant_rig *rig)
{
	return same_position(rig) && same_counters(rig) && same_notifications(rig) &&
		(plan_has_loose_ring(&rig->plan) ||
		same_memory(rig, arenas[RIG_ARENA_RING].gpa, RING_BYTES, "ring")) &&
		same_memory(rig, FAKE_MID_GPA - BORDER_BYTES / 2, BORDER_BYTES / 2, "low region") &&
		same_memory(rig, FAKE_MID_GPA, BORDER_BYTES / 2, "middle region") &&
		same_memory(rig, FAKE_HIGH_GPA, HIGH_BYTES, "high region") &&
		same_memory(rig, arenas[RIG_ARENA_END].gpa, END_BYTES, "end of the high region");
}

bool
rig_compare_end(struct variant_rig *rig)
{
	for (unsigned int i = 0; i < 2 && plan_has_loose_ring(&rig->plan); i++)
		memset(fake_guest_ptr(&rig->side[i].guest, arenas[RIG_ARENA_RING].gpa), 0,
			RING_BYTES);
	for (unsigned int region = 0; region < FAKE_NB_REGIONS; region++)
		if (!same_memory(rig, fake_region_gpa(region), fake_region_bytes(region), "region"))
			return false;
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int pool = 0; pool < RIG_NB_POOLS; pool++)
			if (rte_mempool_avail_count(rig->side[i].pools[pool]) != POOL_MBUFS)
				return SAY(rig, "%s lost mbufs", rig->side[i].ops->name);
	return true;
}
