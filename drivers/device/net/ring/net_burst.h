/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the virtio-net device driver: the variants of its two burst functions. All of them do
 * the same; a ring gets the fastest one that fits what was negotiated and the processor. They are
 * not called for a ring with a fault.
 * net_from_guest.c and net_to_guest.c hold the one that handles everything; net_fast.h is the
 * template of the others, which hand on to it whatever is not a single buffer.
 */
#ifndef NET_BURST_H
#define NET_BURST_H

#include <string.h>

#include "net_queue.h"
#include "vu_vring_layout.h"

/* Entries of a ring that were looked at and not yet given back. */
struct net_peek {
	struct vu_burst burst;
	bool is_single;    /* they are of vu_ring_peek_single() */
	uint32_t nb_bytes; /* what this poll has spent on others: of NET_BURST_BYTES, */
	uint32_t nb_descs; /* of NET_BURST_DESCS */
};

/** The burst functions of one kind of ring on one kind of processor. */
struct net_burst_ops {
	const char *name; /* for telemetry */
	/*
	 * Take frames from the guest, with at most one look at the ring. Returns the ring entries
	 * dealt with, *nb_frames of which are frames that go on.
	 */
	uint16_t (*dequeue)(struct net_queue *nq, const struct vu_vring_snapshot *snap,
		struct rte_mbuf **frames, uint16_t max, uint16_t *nb_frames);
	/*
	 * The same in two steps, for one who does something else with the first entries and then
	 * calls net_peek_skip(). The ring is enabled. peek returns peek->burst.nb; it may set the
	 * ring's fault.
	 */
	uint16_t (*peek)(struct net_queue *nq, const struct vu_vring_snapshot *snap,
		struct net_peek *peek, uint16_t max);
	uint16_t (*take)(struct net_queue *nq, const struct vu_vring_snapshot *snap,
		const struct net_peek *peek, struct rte_mbuf **frames, uint16_t *nb_frames);
	/*
	 * Deliver frames in order until the ring has no room for the next one. Returns the frames
	 * dealt with: delivered, or counted as dropped because they never fit. They stay the
	 * caller's, and may be views of another guest's memory (net_direct.c): their lengths,
	 * segments and buffer addresses are all that counts.
	 */
	uint16_t (*enqueue)(struct net_queue *nq, const struct vu_vring_snapshot *snap,
		struct rte_mbuf **frames, uint16_t nb_frames);
	/* vu_copy() for pieces of long frames: out of line, with the widest vectors. */
	void (*copy)(void *dst, const void *src, size_t len_bytes);
};

/* net_from_guest.c, net_to_guest.c: any ring, any processor. Owner lcore. */
uint16_t net_dequeue_any(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t max, uint16_t *nb_frames);
uint16_t net_peek_any(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct net_peek *peek, uint16_t max);
uint16_t net_take_any(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	const struct net_peek *peek, struct rte_mbuf **frames, uint16_t *nb_frames);
uint16_t net_enqueue_any(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames);

/* Give the first `nb` entries back to the guest, to whose buffers nothing was written. */
static __rte_always_inline void
net_peek_commit(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct net_peek *peek, uint16_t nb)
{
	if (nb == 0)
		return;
	if (likely(peek->is_single))
		vu_ring_commit_single(snap, pos, &peek->burst, nb, false, snap->is_packed);
	else
		vu_ring_commit(snap, pos, &peek->burst, nb, false, snap->is_packed);
	vu_ring_signal(snap, pos, snap->is_packed);
}

/* The first `nb` entries were given back: the others come first. */
static inline void
net_peek_skip(struct net_peek *peek, uint16_t nb)
{
	struct vu_burst *burst = &peek->burst;

	burst->nb -= nb;
	memmove(burst->head, &burst->head[nb], burst->nb * sizeof(burst->head[0]));
	memmove(burst->len_bytes, &burst->len_bytes[nb], burst->nb * sizeof(burst->len_bytes[0]));
	memmove(burst->hva, &burst->hva[nb], burst->nb * sizeof(burst->hva[0]));
	if (!peek->is_single)
		memmove(burst->nb_descs, &burst->nb_descs[nb],
			burst->nb * sizeof(burst->nb_descs[0]));
}

/* net_big.c: have a frame of that length fit into one mbuf. Owner lcore. @return false: cannot */
bool net_big_attach(const struct net_queue *nq, struct rte_mbuf *frame, uint32_t frame_bytes);

/** A variant and where it can be used. */
struct net_variant {
	const struct net_burst_ops *ops;
	uint16_t simd_bits; /* its widest vectors; the user may forbid them */
	bool (*is_runnable)(void); /* has this processor its instructions? */
	bool (*is_fit)(const struct vu_vring_snapshot *snap); /* does it serve such a ring? */
};

/* net_variant.c: all that were compiled in, best first; the last one is net_burst_any. */
const struct net_variant *net_variant_list(unsigned int *nb_variants);
/* net_variant.c: choose for a ring that is about to start. Control lcore. */
const struct net_burst_ops *net_variant_choose(const struct vu_vring_snapshot *snap);
extern const struct net_burst_ops net_burst_any;

/* net_fast_*.c: per layout and instruction set, without and with offloads; AVX on x86 only. */
#define NET_FAST_DECLARE(isa) \
	extern const struct net_burst_ops net_fast_split_##isa, net_fast_split_offload_##isa, \
		net_fast_packed_##isa, net_fast_packed_offload_##isa
NET_FAST_DECLARE(base);
NET_FAST_DECLARE(avx2);
NET_FAST_DECLARE(avx512);

#endif /* NET_BURST_H */
