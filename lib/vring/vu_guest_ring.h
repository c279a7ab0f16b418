/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Types of the driver half of a virtqueue, vu_vring_guest.h.
 */
#ifndef VU_GUEST_RING_H
#define VU_GUEST_RING_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "vu_atomic.h"
#include "vu_export.h"
#include "vu_vring_snapshot.h"

VU_API_BEGIN

/** A buffer to make available. */
struct vu_guest_buf {
	uint64_t gpa;       /**< address as the device knows it */
	void *cookie;       /**< comes back with the used buffer */
	uint32_t len_bytes; /**< at least 1 */
};

/** A used buffer. */
struct vu_guest_done {
	void *cookie;
	uint32_t len_bytes; /**< bytes the device wrote, never more than the buffer has room for */
};

/** Private state of one descriptor; meaningful for the first of a chain. */
struct vu_guest_slot {
	void *cookie;
	uint32_t write_bytes; /**< room for the device in the whole chain */
	uint16_t nb_descs;    /**< of the chain; 0 = not the head of a chain in use */
	uint16_t next;        /**< next descriptor of the chain */
};

/** Content of a descriptor of a packed ring: the ring itself loses it when another is used. */
struct vu_guest_shadow {
	uint64_t gpa;
	uint32_t len_bytes;
	uint16_t flags;    /**< without NEXT and ownership */
	uint16_t sequence; /**< of the buffer it begins, free running */
};

/** Driver half of one ring. */
struct vu_vring_guest {
	/* Fixed after creation. */
	union {
		struct vu_split_desc *desc;
		struct vu_packed_desc *packed_desc;
	};
	union {
		struct vu_split_avail *avail;
		struct vu_packed_event *driver_event;       /**< packed: we write */
	};
	union {
		struct vu_split_used *used;
		const struct vu_packed_event *device_event; /**< packed: the device writes */
	};
	struct vu_guest_slot *slots;    /**< split: of a descriptor; packed: of an id */
	struct vu_guest_shadow *shadow; /**< packed: by id */
	uint16_t *free_ids;    /**< stack of nb_free descriptors or ids; unused in order */
	uint16_t size;         /**< entries, 1..32768; split: a power of two */
	uint16_t mask;         /**< split: size - 1 */
	bool is_packed;
	bool has_event_idx;
	bool has_indirect;
	/** Split: descriptors are taken and given back in ring order; packed: an id is a slot. */
	bool is_in_order;

	/* Owner. */
	/* Entries: split: free running; packed: positions. */
	uint16_t next_avail;   /**< next entry to fill */
	/** Split: next_avail at the last kick decision; packed: slots filled since. */
	uint16_t kicked;
	uint16_t last_used;    /**< next entry to take back */
	uint16_t nb_free;      /**< descriptors */
	uint16_t next_desc;    /**< split, in order: next descriptor to take, free running */
	uint16_t first_desc;   /**< split, in order: oldest descriptor in use, free running */
	uint16_t nb_out;       /**< packed: buffers */
	uint16_t sequence;     /**< packed: of the next buffer */
	uint16_t pending;      /**< packed: position of the first buffer that is not published */
	bool has_pending;      /**< packed: there is one */
	uint64_t pending_word; /**< packed: its length, id and flags */
	uint32_t batch_bytes;  /**< in order: bytes written to the last buffer of the batch */
	int32_t batch_id;      /**< in order: head that ends the batch in hand, -1 = none */
	bool is_broken;        /**< the device returned something it cannot have: stop using it */
};

/** Give the descriptors of the chain at `head` back. @context thread of the driver half */
static __rte_always_inline void
vu_guest_free_chain(struct vu_vring_guest *ring, uint16_t head)
{
	struct vu_guest_slot *slot = &ring->slots[head];
	uint16_t nb_descs = slot->nb_descs;

	slot->nb_descs = 0;
	ring->first_desc += nb_descs;
	if (ring->is_in_order) {
		ring->nb_free += nb_descs;
		return;
	}
	ring->free_ids[ring->nb_free++] = head;
	while (unlikely(--nb_descs != 0)) {
		head = ring->slots[head].next;
		ring->free_ids[ring->nb_free++] = head;
	}
}

VU_API_END

#endif /* VU_GUEST_RING_H */
