/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: the entries of a ring that a burst works on, the same for both layouts. A layout's
 * peek fills them in, the driver copies, the layout's commit gives them back.
 */
#ifndef VU_VRING_BURST_H
#define VU_VRING_BURST_H

#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

/** Entries that one peek prepares as a rule. */
#define VU_VRING_BURST 32
/** And at most: 64 KB in mergeable buffers of 1536 bytes, the least that Linux offers, need 43. */
#define VU_VRING_MAX_BURST 64

/** Descriptors that one look at a packed ring follows at most; what chains take more waits. */
#define VU_VRING_MAX_PEEK_DESCS 512

/** Available entries, checked and translated, not yet given back. */
struct vu_burst {
	uint16_t nb;                         /**< valid entries below */
	/** split: index of the first descriptor, below the ring size; packed: buffer id */
	uint16_t head[VU_VRING_MAX_BURST];
	/** packed: ring slots from the entry's first descriptor to the next entry's */
	uint16_t nb_descs[VU_VRING_MAX_BURST];
	uint32_t len_bytes[VU_VRING_MAX_BURST];  /**< length of a single buffer */
	uint8_t *hva[VU_VRING_MAX_BURST];        /**< a single buffer; NULL: a chain, walk it */
	/** driver fills: bytes written, for the commit */
	uint32_t used_bytes[VU_VRING_MAX_BURST];
};

VU_API_END

#endif /* VU_VRING_BURST_H */
