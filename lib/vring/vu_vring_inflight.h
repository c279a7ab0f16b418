/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: requests in flight, recorded in memory that the front-end keeps when the back-end
 * dies (vhost-user, "Inflight I/O tracking"). The next back-end finds there what it has to do
 * again, and where a packed ring goes on. The layout is the specification's, so that another
 * back-end may go on with it; each store leaves the region in a state that can be recovered from.
 *
 * The front-end can write to the region at any time. What is read from it is checked before use,
 * and what can be remembered is not read.
 */
#ifndef VU_VRING_INFLIGHT_H
#define VU_VRING_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"
#include "vu_vring_chain.h"
#include "vu_vring_snapshot.h"

VU_API_BEGIN

/** No entry. */
#define VU_INFLIGHT_NONE UINT16_MAX

/** Entry of the split layout; its number is that of the chain's first descriptor. */
struct vu_inflight_split_entry {
	uint8_t is_inflight;
	uint8_t padding[5];
	uint16_t next;    /**< entry given back before this one */
	uint64_t counter; /**< order in which they were fetched */
};

/** Part of a region for one split ring. */
struct vu_inflight_split {
	uint64_t features;        /**< 0 */
	uint16_t version;         /**< 0 = never used, 1 */
	uint16_t nb_entries;
	uint16_t last_batch_head; /**< entry given back last */
	uint16_t used_idx;        /**< of the ring, when all of that was recorded */
	struct vu_inflight_split_entry entries[];
};

/** Entry of the packed layout: a copy of one descriptor; the first one of a chain stands for it. */
struct vu_inflight_packed_entry {
	uint8_t is_inflight;
	uint8_t padding;
	uint16_t next; /**< in the chain, or in the list of free entries */
	uint16_t last; /**< of the chain */
	uint16_t num;  /**< descriptors of the chain */
	uint64_t counter;
	uint16_t id;
	uint16_t flags;
	uint32_t len_bytes;
	uint64_t gpa;
};

/** Part of a region for one packed ring; those named old are of the last complete step. */
struct vu_inflight_packed {
	uint64_t features;
	uint16_t version;
	uint16_t nb_entries;
	uint16_t free_head;
	uint16_t old_free_head;
	uint16_t used_idx;
	uint16_t old_used_idx;
	uint8_t used_wrap;
	uint8_t old_used_wrap;
	uint8_t padding[10];
	struct vu_inflight_packed_entry entries[];
};

/** What a driver keeps of one ring's part. Owner lcore, or control while the ring is quiet. */
struct vu_inflight {
	void *area;            /**< shared with the front-end; NULL: nothing is recorded */
	uint16_t nb_entries;
	bool is_packed;
	uint16_t free_head;    /**< packed */
	uint16_t last_head;    /**< split: last_batch_head */
	uint64_t next_counter;
	uint16_t nb_again;     /**< fetched before the back-end died and not given back */
	uint16_t next_again;
	uint16_t *again;       /**< their entries, in order */
};

/**
 * Bytes of one ring's part of a region.
 *
 * @param nb_entries  largest size of the ring, 1..32768
 * @param is_packed   layout
 * @return bytes, a multiple of 64
 * @context any thread
 */
uint64_t vu_inflight_bytes(uint16_t nb_entries, bool is_packed);

/**
 * Begin to record the requests of a ring that is about to start, or go on with what another
 * back-end has left: `pos` is then set to where the ring goes on, and vu_inflight_next() returns
 * the requests to be done again.
 *
 * @param inflight    filled
 * @param area        vu_inflight_bytes() of the region, aligned to 8 bytes
 * @param nb_entries  that it has room for
 * @param snap        of the ring
 * @param pos         position that the base of the ring says
 * @return 0; -EINVAL the ring has more entries, or the region contradicts itself: nothing is
 *         recorded; -ENOMEM
 * @context control lcore, while the ring is quiet
 */
int vu_inflight_open(struct vu_inflight *inflight, void *area, uint16_t nb_entries,
	const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos);

/** Forget the ring; what is recorded stays. @context control lcore, while the ring is quiet */
void vu_inflight_close(struct vu_inflight *inflight);

/** Entry of the next request to be done again; VU_INFLIGHT_NONE: no more. @context owner lcore */
uint16_t vu_inflight_next(struct vu_inflight *inflight);

/**
 * Record that a chain of a split ring was fetched, before anything is done for it.
 *
 * @param inflight  of the ring
 * @param head      first descriptor, below the ring size
 * @context owner lcore
 */
void vu_inflight_fetch_split(struct vu_inflight *inflight, uint16_t head);

/**
 * The same for a packed ring.
 *
 * @param inflight  of the ring
 * @param descs     of the chain, as read from the ring
 * @param nb        of them, 1..nb_entries
 * @return entry; VU_INFLIGHT_NONE: the front-end broke the list of free entries
 * @context owner lcore
 */
uint16_t vu_inflight_fetch_packed(struct vu_inflight *inflight, const struct vu_packed_desc *descs,
	uint16_t nb);

/**
 * Copies of the descriptors of a chain of a packed ring.
 *
 * @param inflight  of the ring
 * @param entry     any value
 * @param descs     filled, up to VU_MAX_CHAIN_SEGS
 * @return descriptors; 0: no such chain
 * @context owner lcore
 */
uint16_t vu_inflight_descs(const struct vu_inflight *inflight, uint16_t entry,
	struct vu_packed_desc *descs);

/**
 * First half of giving chains back: called for each of a batch, before the ring is written to.
 *
 * @param inflight  of the ring
 * @param entry     of the chain, below nb_entries; split: its head
 * @context owner lcore
 */
void vu_inflight_link(struct vu_inflight *inflight, uint16_t entry);

/**
 * After the last of them, for a packed ring: where the ring will be.
 *
 * @param inflight  of the ring
 * @param position  used position after the batch
 * @context owner lcore
 */
void vu_inflight_advance(struct vu_inflight *inflight, uint16_t position);

/**
 * Second half: called for each after the ring was written to.
 *
 * @param inflight  of the ring
 * @param entry     as there
 * @context owner lcore
 */
void vu_inflight_clear(struct vu_inflight *inflight, uint16_t entry);

/**
 * And the end of the batch.
 *
 * @param inflight  of the ring
 * @param used_idx  used index or position of the ring
 * @context owner lcore
 */
void vu_inflight_commit(struct vu_inflight *inflight, uint16_t used_idx);

VU_API_END

#endif /* VU_VRING_INFLIGHT_H */
