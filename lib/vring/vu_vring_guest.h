/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The driver half of a virtqueue: makes buffers available, takes used ones back, decides on kicks.
 * For front-ends, load generators and tests. One owner at a time; no allocation, no lock and no
 * system call in the data path. The device may write anything at any time: what comes back from it
 * is checked against private state, and nothing private lives in the shared ring.
 * The functions do not name the layout: a packed ring comes behind the same names.
 */
#ifndef VU_VRING_GUEST_H
#define VU_VRING_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_atomic.h>
#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "vu_atomic.h"
#include "vu_vring_live.h"

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

/** Driver half of one ring. */
struct vu_vring_guest {
	/* Fixed after creation. */
	struct vu_split_desc *desc;
	struct vu_split_avail *avail;
	struct vu_split_used *used;
	struct vu_guest_slot *slots;
	uint16_t *free_ids;    /**< stack of nb_free descriptors; unused in order */
	uint16_t size;         /**< entries, 1..32768, a power of two */
	uint16_t mask;         /**< size - 1 */
	bool has_event_idx;
	bool is_in_order;      /**< descriptors are taken and given back in ring order */

	/* Owner. */
	uint16_t next_avail;   /**< next entry to fill, free running */
	uint16_t kicked;       /**< next_avail at the last kick decision */
	uint16_t last_used;    /**< next entry to take back, free running */
	uint16_t nb_free;      /**< descriptors */
	uint16_t next_desc;    /**< in order: next descriptor to take, free running */
	uint16_t first_desc;   /**< in order: oldest descriptor in use, free running */
	uint32_t batch_bytes;  /**< in order: bytes written to the last buffer of the batch */
	int32_t batch_id;      /**< in order: head that ends the batch in hand, -1 = none */
	bool is_broken;        /**< the device returned something it cannot have: stop using it */
};

/** Where the parts of a ring lie in one piece of memory; all on cache lines of their own. */
struct vu_guest_layout {
	uint64_t desc_offset;
	uint64_t avail_offset;
	uint64_t used_offset;
	uint64_t bytes; /**< of the whole, a multiple of the cache line */
};

/** What a driver half is created from. */
struct vu_vring_guest_conf {
	void *memory;      /**< vu_guest_layout.bytes, cache-line aligned; overwritten */
	uint32_t size;     /**< entries, a power of two up to 32768 */
	uint64_t features; /**< negotiated */
	int numa_node;     /**< of the private state, SOCKET_ID_ANY for any */
};

/**
 * Ring features that the driver half can be created with, to be masked with what a device offers.
 * Other ring features (packed ring, platform addresses) must not be negotiated.
 *
 * @return feature bits
 * @context any thread
 */
uint64_t vu_vring_guest_features(void);

/**
 * Lay out a ring.
 *
 * @param size    entries, a power of two up to 32768
 * @param layout  filled
 * @context any thread
 */
void vu_vring_guest_layout(uint32_t size, struct vu_guest_layout *layout);

/**
 * Create the driver half of a ring that no device uses yet.
 *
 * @param conf  see struct vu_vring_guest_conf
 * @return the driver half; NULL with rte_errno EINVAL (size), ENOTSUP (features) or ENOMEM
 * @context control lcore
 */
struct vu_vring_guest *vu_vring_guest_create(const struct vu_vring_guest_conf *conf);

/**
 * Free a driver half; buffers that are still out are forgotten.
 *
 * @param ring  may be NULL
 * @context control lcore; nobody uses the ring
 */
void vu_vring_guest_destroy(struct vu_vring_guest *ring);

/**
 * Make the ring fit for a device that starts now, be it the first one or one that takes over from
 * one that died: what the device finished stays to be collected, what it did not finish becomes
 * available again in the order it was made available.
 *
 * @param ring  ring that no device and no owner uses
 * @return ring base for the device: its next available entry
 * @context control lcore
 */
uint16_t vu_vring_guest_restart(struct vu_vring_guest *ring);

/**
 * Take back buffers that the device has not used, after it let go of the ring. Collect the used
 * ones before.
 *
 * @param ring  ring that no device uses
 * @param done  filled, len_bytes 0
 * @param max   length of done
 * @return number of buffers, 0 when all are back
 * @context owner
 */
uint16_t vu_vring_guest_reclaim(struct vu_vring_guest *ring, struct vu_guest_done *done,
	uint16_t max);

/** Buffers that are out: made available and not collected. @context owner */
static inline uint16_t
vu_vring_guest_nb_out(const struct vu_vring_guest *ring)
{
	return (uint16_t)(ring->next_avail - ring->last_used);
}

/** Descriptors that can be filled now. @context owner */
static inline uint16_t
vu_vring_guest_nb_free(const struct vu_vring_guest *ring)
{
	return ring->nb_free;
}

/* Take the i-th free descriptor without moving on. */
static __rte_always_inline uint16_t
guest_free_desc(const struct vu_vring_guest *ring, uint16_t i)
{
	return ring->is_in_order ? (ring->next_desc + i) & ring->mask :
		ring->free_ids[ring->nb_free - 1 - i];
}

static __rte_always_inline void
guest_take_descs(struct vu_vring_guest *ring, uint16_t nb)
{
	ring->nb_free -= nb;
	ring->next_desc += nb;
}

static __rte_always_inline void
guest_set_avail(struct vu_vring_guest *ring, uint16_t position, uint16_t id)
{
	uint16_t *entry = &ring->avail->ring[position & ring->mask];

	/* An unchanged cache line stays with the device's core. */
	if (*entry != id)
		vu_store(entry, id);
}

/**
 * Fill available entries with buffers of one descriptor each. The device sees them with
 * vu_vring_guest_publish().
 *
 * @param ring         ring
 * @param bufs         buffers
 * @param nb           length of bufs
 * @param is_writable  true: the device writes to them, false: it reads them
 * @return number taken, from the front; less than nb if the ring is full
 * @context owner
 */
static __rte_always_inline uint16_t
vu_vring_guest_add(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs, uint16_t nb,
	const bool is_writable)
{
	nb = RTE_MIN(nb, ring->nb_free);
	for (uint16_t i = 0; i < nb; i++) {
		uint16_t id = guest_free_desc(ring, i);
		struct vu_guest_slot *slot = &ring->slots[id];

		ring->desc[id] = (struct vu_split_desc){
			.gpa = bufs[i].gpa,
			.len_bytes = bufs[i].len_bytes,
			.flags = is_writable ? VU_DESC_F_WRITE : 0,
		};
		slot->cookie = bufs[i].cookie;
		slot->write_bytes = is_writable ? bufs[i].len_bytes : 0;
		slot->nb_descs = 1;
		guest_set_avail(ring, (uint16_t)(ring->next_avail + i), id);
	}
	guest_take_descs(ring, nb);
	ring->next_avail += nb;
	return nb;
}

/**
 * Fill one available entry with a chain of buffers; only the first one's cookie counts.
 *
 * @param ring      ring
 * @param bufs      parts that the device reads, then parts that it writes
 * @param nb_read   number of the former
 * @param nb_write  number of the latter; at least one part in all
 * @return 0; -ENOSPC the ring has not enough free descriptors
 * @context owner
 */
int vu_vring_guest_add_chain(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs,
	uint16_t nb_read, uint16_t nb_write);

/**
 * Show the device everything added so far.
 * @context owner
 */
static __rte_always_inline void
vu_vring_guest_publish(struct vu_vring_guest *ring)
{
	/* Entries before index; pairs with the acquire of the device, vu_split_nb_avail(). */
	vu_store_release(&ring->avail->idx, ring->next_avail);
}

/**
 * Does the device want a kick for what was published since the last call (VIRTIO 1.2, 2.7.7 and
 * 2.7.10)?
 *
 * @return true: kick
 * @context owner
 */
static __rte_always_inline bool
vu_vring_guest_wants_kick(struct vu_vring_guest *ring)
{
	uint16_t old = ring->kicked;
	uint16_t event;

	ring->kicked = ring->next_avail;
	/* Index before event; pairs with the device's barrier between its event and reading idx. */
	rte_smp_mb();
	if (!ring->has_event_idx)
		return (vu_load(&ring->used->flags) & VU_USED_F_NO_NOTIFY) == 0;
	event = vu_load((const uint16_t *)(const void *)&ring->used->ring[ring->size]);
	return (uint16_t)(ring->next_avail - event - 1) < (uint16_t)(ring->next_avail - old);
}

/** Give the descriptors of the chain at `head` back; for the collecting functions. */
static __rte_always_inline void
guest_free_chain(struct vu_vring_guest *ring, uint16_t head)
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

/**
 * Worker of vu_vring_guest_collect() for a device that uses buffers in order and may skip entries.
 *
 * @param ring     ring
 * @param done     filled
 * @param max      length of done
 * @param nb_used  used buffers, at most vu_vring_guest_nb_out()
 * @return number of buffers
 * @context owner
 */
uint16_t vu_vring_guest_collect_in_order(struct vu_vring_guest *ring, struct vu_guest_done *done,
	uint16_t max, uint16_t nb_used);

/**
 * Take used buffers back.
 *
 * @param ring  ring; is_broken is set if the device returned what it cannot have, and nothing more
 *              is collected then
 * @param done  filled
 * @param max   length of done
 * @return number of buffers
 * @context owner
 */
static __rte_always_inline uint16_t
vu_vring_guest_collect(struct vu_vring_guest *ring, struct vu_guest_done *done, uint16_t max)
{
	/* Index before entries; pairs with the release of the device, vu_split_commit(). */
	uint16_t nb = (uint16_t)(vu_load_acquire(&ring->used->idx) - ring->last_used);
	uint16_t i;

	if (nb == 0 || unlikely(ring->is_broken))
		return 0;
	if (unlikely(nb > vu_vring_guest_nb_out(ring))) {
		ring->is_broken = true;
		return 0;
	}
	if (ring->is_in_order)
		return vu_vring_guest_collect_in_order(ring, done, max, nb);
	nb = RTE_MIN(nb, max);
	for (i = 0; i < nb; i++) {
		const struct vu_split_used_elem *elem =
			&ring->used->ring[(uint16_t)(ring->last_used + i) & ring->mask];
		uint32_t id = vu_load(&elem->id);
		uint32_t len_bytes = vu_load(&elem->len_bytes);

		if (unlikely(id >= ring->size || ring->slots[id].nb_descs == 0)) {
			ring->is_broken = true;
			break;
		}
		done[i].cookie = ring->slots[id].cookie;
		done[i].len_bytes = RTE_MIN(len_bytes, ring->slots[id].write_bytes);
		guest_free_chain(ring, (uint16_t)id);
	}
	ring->last_used += i;
	return i;
}

/**
 * Ask the device to call when it uses the next buffer.
 *
 * @return false: there are used buffers already, collect them and ask again
 * @context owner
 */
static inline bool
vu_vring_guest_arm(struct vu_vring_guest *ring)
{
	if (ring->has_event_idx)
		vu_store(&ring->avail->ring[ring->size], ring->last_used);
	else
		vu_store(&ring->avail->flags, 0);
	/* Request before index; pairs with the barrier in vu_split_wants_notification(). */
	rte_smp_mb();
	return vu_load(&ring->used->idx) == ring->last_used;
}

/**
 * Ask the device not to call: this ring is polled. With an event index, once per 65536 buffers one
 * call may still come.
 * @context owner
 */
static inline void
vu_vring_guest_disarm(struct vu_vring_guest *ring)
{
	if (ring->has_event_idx)
		vu_store(&ring->avail->ring[ring->size], (uint16_t)(ring->last_used - 1));
	else
		vu_store(&ring->avail->flags, VU_AVAIL_F_NO_INTERRUPT);
}

#endif /* VU_VRING_GUEST_H */
