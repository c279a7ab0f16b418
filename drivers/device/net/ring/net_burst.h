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

#include "net_queue.h"

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
uint16_t net_enqueue_any(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames);

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
