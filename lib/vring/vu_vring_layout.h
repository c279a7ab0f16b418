/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: one name per step for both ring layouts. Code for one kind of ring passes a constant
 * and gets that layout's engine inlined; code for any ring passes snap->is_packed.
 */
#ifndef VU_VRING_LAYOUT_H
#define VU_VRING_LAYOUT_H

#include "vu_vring_log.h"
#include "vu_vring_notify.h"
#include "vu_vring_packed.h"
#include "vu_vring_split.h"

/** vu_split_peek() or vu_packed_peek(). @context owner lcore */
static __rte_always_inline uint16_t
vu_ring_peek(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos, struct vu_burst *burst,
	uint16_t max, const uint16_t direction, const bool is_packed)
{
	if (is_packed)
		return vu_packed_peek(snap, pos, burst, max, direction);
	return vu_split_peek(snap, pos, burst, max, direction);
}

/** vu_split_peek_single() or vu_packed_peek_single(). @context owner lcore */
static __rte_always_inline uint16_t
vu_ring_peek_single(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	struct vu_burst *burst, uint16_t max, const uint16_t direction, const bool is_packed)
{
	if (is_packed)
		return vu_packed_peek_single(snap, pos, burst, max, direction);
	return vu_split_peek_single(snap, pos, burst, max, direction);
}

/**
 * Walk entry `i` of a burst, not a single buffer: vu_split_chain() or vu_packed_chain().
 * @context owner lcore
 */
static inline enum vu_vring_fault
vu_ring_chain(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t i, struct vu_chain *chain)
{
	if (snap->is_packed)
		return vu_packed_chain(snap, pos, burst, i, chain);
	return vu_split_chain(snap, pos, burst->head[i], chain);
}

/** vu_split_commit() or vu_packed_commit(), with or without a dirty log. @context owner lcore */
static __rte_always_inline void
vu_ring_commit(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t nb, const bool has_bytes, const bool is_packed)
{
	if (unlikely(snap->log != NULL))
		vu_vring_log_commit(snap, pos, burst, nb, has_bytes);
	else if (is_packed)
		vu_packed_commit(snap, pos, burst, nb, has_bytes);
	else
		vu_split_commit(snap, pos, burst, nb, has_bytes);
}

/**
 * The same for at least one entry of vu_ring_peek_single(), on a ring without a dirty log.
 * @context owner lcore
 */
static __rte_always_inline void
vu_ring_commit_single(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t nb, const bool has_bytes, const bool is_packed)
{
	if (is_packed)
		vu_packed_commit_single(snap, pos, burst, nb, has_bytes);
	else
		vu_split_commit(snap, pos, burst, nb, has_bytes);
}

/**
 * vu_split_commit_batch() or vu_packed_commit_batch(), on a ring without a dirty log.
 * @context owner lcore
 */
static __rte_always_inline void
vu_ring_commit_batch(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t nb, const bool is_single, const bool is_packed)
{
	if (is_packed)
		vu_packed_commit_batch(snap, pos, burst, nb, is_single);
	else
		vu_split_commit_batch(snap, pos, burst, nb);
}

/** vu_split_signal() or vu_packed_signal(). @context owner lcore */
static __rte_always_inline void
vu_ring_signal(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos, const bool is_packed)
{
	if (is_packed)
		vu_packed_signal(snap, pos);
	else
		vu_split_signal(snap, pos);
}

#endif /* VU_VRING_LAYOUT_H */
