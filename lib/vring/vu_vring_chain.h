/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: a descriptor chain as a list of host memory segments, checked in full before anyone
 * uses it.
 */
#ifndef VU_VRING_CHAIN_H
#define VU_VRING_CHAIN_H

#include <stdint.h>
#include <string.h>

#include <rte_common.h>

#include "vu_export.h"
#include "vu_limits.h"
#include "vu_vring_snapshot.h"

VU_API_BEGIN

/** A run of guest memory that is contiguous in our address space. */
struct vu_seg {
	uint8_t *hva;
	uint32_t len_bytes;
};

/** One chain: device-readable segments first, then device-writable ones. */
struct vu_chain {
	uint16_t nb_read;
	uint16_t nb_write;
	uint16_t nb_descs;     /**< walked, an indirect one and those of its table included */
	uint32_t read_bytes;
	uint32_t write_bytes;
	struct vu_seg seg[VU_MAX_CHAIN_SEGS];
};

/**
 * Walk a split-layout chain with any mix of direct and indirect descriptors (VIRTIO 1.2, 2.7.5).
 * Every descriptor is read once, checked, and only the checked values end up in `chain`.
 *
 * @param snap   snapshot of the ring
 * @param pos    position, for the region hint
 * @param head   index of the first descriptor, below snap->size
 * @param chain  filled on success
 * @return VU_VRING_OK or the fault of the ring
 * @context owner lcore
 */
enum vu_vring_fault vu_split_chain(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	uint16_t head, struct vu_chain *chain);

struct vu_burst;

/**
 * Worker of vu_packed_peek(): find the end of a chain in the ring.
 *
 * @param snap  snapshot of the ring
 * @param slot  of the first descriptor, below snap->size, which has NEXT set
 * @param room  slots that the chain may take, 1..snap->size
 * @param id    set to the buffer id, that of the last descriptor
 * @return slots that the chain takes; 0 if it does not end within `room` or VU_MAX_CHAIN_SEGS
 * @context owner lcore
 */
uint16_t vu_packed_follow(const struct vu_vring_snapshot *snap, uint16_t slot, uint16_t room,
	uint16_t *id);

/**
 * Walk entry `i` of a burst of the packed layout, a chain of direct descriptors or one indirect
 * table (VIRTIO 1.2, 2.8.5 to 2.8.7). The length of the chain is the one that vu_packed_peek()
 * found; other than that every descriptor is read once, checked, and only the checked values end up
 * in `chain`.
 *
 * @param snap   snapshot of the ring
 * @param pos    position, as at the peek
 * @param burst  result of the peek
 * @param i      0..burst->nb - 1
 * @param chain  filled on success
 * @return VU_VRING_OK or the fault of the ring
 * @context owner lcore
 */
enum vu_vring_fault vu_packed_chain(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t i, struct vu_chain *chain);

/**
 * The same for descriptors that were read before.
 *
 * @param snap   snapshot of the ring
 * @param pos    position, for the region hint
 * @param descs  of the chain, copies
 * @param nb     of them
 * @param chain  filled on success
 * @return VU_VRING_OK or the fault of the ring
 * @context owner lcore
 */
enum vu_vring_fault vu_packed_chain_of(const struct vu_vring_snapshot *snap,
	struct vu_vring_pos *pos, const struct vu_packed_desc *descs, uint16_t nb,
	struct vu_chain *chain);

/** Reads or writes a list of segments from front to back. */
struct vu_seg_cursor {
	const struct vu_seg *seg;
	uint32_t nb_segs;      /**< segments left, the current one included */
	uint32_t offset_bytes; /**< inside the current segment */
};

/** Start at the first of `nb_segs` segments. @context owner lcore */
static inline void
vu_seg_cursor_init(struct vu_seg_cursor *cursor, const struct vu_seg *seg, uint32_t nb_segs)
{
	cursor->seg = seg;
	cursor->nb_segs = nb_segs;
	cursor->offset_bytes = 0;
}

/**
 * Next contiguous piece, at most `max_bytes` long, and step over it.
 *
 * @param cursor      position, moved on
 * @param max_bytes   longest piece wanted, not 0
 * @param piece_bytes length of the piece; 0 at the end of the list
 * @return start of the piece
 * @context owner lcore
 */
static inline uint8_t *
vu_seg_cursor_next(struct vu_seg_cursor *cursor, uint32_t max_bytes, uint32_t *piece_bytes)
{
	uint8_t *piece;

	*piece_bytes = 0;
	if (cursor->nb_segs == 0)
		return NULL;
	piece = cursor->seg->hva + cursor->offset_bytes;
	*piece_bytes = RTE_MIN(max_bytes, cursor->seg->len_bytes - cursor->offset_bytes);
	cursor->offset_bytes += *piece_bytes;
	if (cursor->offset_bytes == cursor->seg->len_bytes) {
		cursor->seg++;
		cursor->nb_segs--;
		cursor->offset_bytes = 0;
	}
	return piece;
}

VU_API_END

#endif /* VU_VRING_CHAIN_H */
