/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The packed layout of fake_guest.h, which calls these functions for packed rings.
 */
#ifndef FAKE_PACKED_H
#define FAKE_PACKED_H

#include "fake_guest.h"

/** Position (slot, wrap counter in bit 15) that many slots further on. */
uint16_t fake_packed_advance(const struct fake_ring *ring, uint16_t position, uint32_t nb);

/** Forget all chains: a fresh ring. */
void fake_packed_reset(struct fake_ring *ring);

/** Make an empty ring look as if its indices had been reached by use. */
void fake_packed_start(struct fake_ring *ring);

/** As fake_ring_add(); an id that does not count is garbage. */
int fake_packed_add(struct fake_ring *ring, const struct fake_chain *chain);

/** As fake_ring_publish(). */
void fake_packed_publish(struct fake_ring *ring);

/** As fake_ring_nb_used(). */
uint16_t fake_packed_nb_used(const struct fake_ring *ring);

/** As fake_ring_collect(); nb used descriptors are there. */
void fake_packed_collect(struct fake_ring *ring, struct vu_split_used_elem *elems, uint16_t nb);

#endif /* FAKE_PACKED_H */
