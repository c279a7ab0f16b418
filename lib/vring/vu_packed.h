/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Arithmetic of the packed layout that its two halves share (VIRTIO 1.2, 2.8): positions, who owns
 * a descriptor, event suppression. A position is a slot with the wrap counter of its lap in bit 15.
 */
#ifndef VU_PACKED_H
#define VU_PACKED_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "vu_export.h"
#include "vu_vring_snapshot.h"

VU_API_BEGIN

/** Parts of a position. */
#define VU_PACKED_SLOT 0x7fff
#define VU_PACKED_WRAP 0x8000

#define VU_PACKED_F_OWNER (VU_PACKED_F_AVAIL | VU_PACKED_F_USED)

/** Position `nb` slots further on in a ring of `size`; nb up to size. @context owner lcore */
static __rte_always_inline uint16_t
vu_packed_step(uint16_t size, uint16_t position, uint32_t nb)
{
	uint32_t slot = (position & VU_PACKED_SLOT) + nb;
	uint16_t wrap = position & VU_PACKED_WRAP;

	return (uint16_t)(slot < size ? slot | wrap : (slot - size) | (wrap ^ VU_PACKED_WRAP));
}

/** Ownership bits of a slot that is available in the lap of a position. @context owner lcore */
static __rte_always_inline uint16_t
vu_packed_avail_flags(uint16_t position)
{
	return (position & VU_PACKED_WRAP) != 0 ? VU_PACKED_F_AVAIL : VU_PACKED_F_USED;
}

/** And of one that is used. @context owner lcore */
static __rte_always_inline uint16_t
vu_packed_used_flags(uint16_t position)
{
	return (position & VU_PACKED_WRAP) != 0 ? VU_PACKED_F_OWNER : 0;
}

/** Length, id and flags of a descriptor as one word. @context owner lcore */
static __rte_always_inline uint64_t *
vu_packed_word(struct vu_packed_desc *desc)
{
	return (uint64_t *)(void *)&desc->len_bytes;
}

/** Was the slot at `event` among the nb_slots before `position`?. @context owner lcore */
static __rte_always_inline bool
vu_packed_has_passed(uint16_t size, uint16_t position, uint16_t event, uint16_t nb_slots)
{
	uint32_t nb_behind = (position & VU_PACKED_SLOT) - (uint32_t)(event & VU_PACKED_SLOT);

	/* In the lap before. One ahead of us has wrapped to far more than nb_slots. */
	if (((position ^ event) & VU_PACKED_WRAP) != 0)
		nb_behind += size;
	return nb_behind - 1 < nb_slots;
}

/**
 * Must the other half be notified of the nb_slots before `position`? Its structure is read once.
 * The caller has put a full barrier between the descriptors and this.
 * @context owner lcore
 */
static __rte_always_inline bool
vu_packed_event_wants(const struct vu_packed_event *event, bool has_event_idx, uint16_t size,
	uint16_t position, uint16_t nb_slots)
{
	uint32_t word = vu_load((const uint32_t *)(const void *)event);

	switch ((word >> 16) & 3) {
	case VU_PACKED_EVENT_DISABLE:
		return false;
	case VU_PACKED_EVENT_DESC:
		/* Not negotiated is as undefined as the reserved value: better once too often. */
		return !has_event_idx ||
			vu_packed_has_passed(size, position, (uint16_t)word, nb_slots);
	default:
		return true;
	}
}

/**
 * Ask the other half for a notification at a position, or for the next one. Position and flags at
 * once: it must not see the one without the other.
 * @context owner lcore
 */
static __rte_always_inline void
vu_packed_event_set(struct vu_packed_event *event, uint16_t position, uint16_t flags)
{
	vu_store((uint32_t *)(void *)event, position | (uint32_t)flags << 16);
}

VU_API_END

#endif /* VU_PACKED_H */
