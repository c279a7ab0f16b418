/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the driver half of a ring: what vring_guest.c chooses between.
 */
#ifndef VRING_GUEST_H
#define VRING_GUEST_H

#include "vu_vring_guest.h"

/* In slots[].nb_descs during a restart; chains are shorter than this. */
#define GUEST_MARK 0x8000u

/* Mark a head or id as seen to; false if it is none that is out, or was marked before. */
static inline bool
guest_mark(struct vu_vring_guest *ring, uint32_t head)
{
	if (head >= ring->size || ring->slots[head].nb_descs == 0 ||
			(ring->slots[head].nb_descs & GUEST_MARK) != 0)
		return false;
	ring->slots[head].nb_descs |= GUEST_MARK;
	return true;
}

static inline void
guest_unmark(struct vu_vring_guest *ring)
{
	for (uint32_t head = 0; head < ring->size; head++)
		ring->slots[head].nb_descs &= (uint16_t)~GUEST_MARK;
}

/* Room in nb buffers. */
static inline uint32_t
guest_bytes(const struct vu_guest_buf *bufs, uint16_t nb)
{
	uint32_t bytes = 0;

	for (uint16_t i = 0; i < nb; i++)
		bytes += bufs[i].len_bytes;
	return bytes;
}

/* Steps that differ by layout; vu_vring_guest.h describes them. Room was checked. */
void guest_split_add_chain(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs,
	uint16_t nb_read, uint16_t nb_write);
void guest_split_add_indirect(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs,
	uint16_t nb_read, uint16_t nb_write, const struct vu_guest_table *table);
uint32_t guest_split_restart(struct vu_vring_guest *ring);

void guest_packed_add_chain(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs,
	uint16_t nb_read, uint16_t nb_write);
void guest_packed_add_indirect(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs,
	uint16_t nb_read, uint16_t nb_write, const struct vu_guest_table *table);
uint32_t guest_packed_restart(struct vu_vring_guest *ring);

#endif /* VRING_GUEST_H */
