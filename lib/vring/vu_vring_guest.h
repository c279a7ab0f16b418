/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The driver half of a virtqueue of either layout: makes buffers available, takes used ones back,
 * decides on kicks. For front-ends, load generators and tests. One owner at a time; no allocation,
 * no lock and no system call in the data path. The device may write anything at any time: what
 * comes back from it is checked against private state, and nothing private lives in the shared
 * ring.
 */
#ifndef VU_VRING_GUEST_H
#define VU_VRING_GUEST_H

#include "vu_export.h"
#include "vu_guest_packed.h"
#include "vu_guest_ring.h"
#include "vu_guest_split.h"

VU_API_BEGIN

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
	uint32_t size;     /**< entries, 1..32768; split: a power of two */
	uint64_t features; /**< negotiated */
	int numa_node;     /**< of the private state, SOCKET_ID_ANY for any */
};

/**
 * Ring features that the driver half can be created with, to be masked with what a device offers.
 * Other ring features (platform addresses) must not be negotiated.
 *
 * @return feature bits
 * @context any thread
 */
uint64_t vu_vring_guest_features(void);

/**
 * Lay out a ring; the same for both layouts.
 *
 * @param size    entries, 1..32768
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
 * @return ring base for the device, in the encoding of the layout
 * @context control lcore
 */
uint32_t vu_vring_guest_restart(struct vu_vring_guest *ring);

/**
 * Take back buffers that the device has not used, after it has stopped the ring. Collect the used
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
	return ring->is_packed ? ring->nb_out : vu_guest_split_nb_out(ring);
}

/** Descriptors that can be filled now. @context owner */
static inline uint16_t
vu_vring_guest_nb_free(const struct vu_vring_guest *ring)
{
	return ring->nb_free;
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
	return ring->is_packed ? vu_guest_packed_add(ring, bufs, nb, is_writable) :
		vu_guest_split_add(ring, bufs, nb, is_writable);
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

/** Memory for an indirect table. */
struct vu_guest_table {
	void *memory; /**< 16 bytes per part, aligned to 16; unchanged until the buffer is back */
	uint64_t gpa; /**< its address as the device knows it */
};

/**
 * Fill one available entry with a chain of buffers in an indirect table: one descriptor, however
 * many parts.
 *
 * @param ring      ring with INDIRECT_DESC
 * @param bufs      parts that the device reads, then parts that it writes
 * @param nb_read   number of the former
 * @param nb_write  number of the latter; at least one part in all
 * @param table     memory for the table
 * @return 0; -ENOSPC the ring has no free descriptor; -ENOTSUP not negotiated
 * @context owner
 */
int vu_vring_guest_add_indirect(struct vu_vring_guest *ring, const struct vu_guest_buf *bufs,
	uint16_t nb_read, uint16_t nb_write, const struct vu_guest_table *table);

/**
 * Show the device everything added so far.
 * @context owner
 */
static __rte_always_inline void
vu_vring_guest_publish(struct vu_vring_guest *ring)
{
	if (ring->is_packed)
		vu_guest_packed_publish(ring);
	else
		vu_guest_split_publish(ring);
}

/**
 * Must the device be kicked for what was published since the last call (VIRTIO 1.2, 2.7.10
 * and 2.8.10)?
 *
 * @return true: kick
 * @context owner
 */
static __rte_always_inline bool
vu_vring_guest_wants_kick(struct vu_vring_guest *ring)
{
	return ring->is_packed ? vu_guest_packed_wants_kick(ring) : vu_guest_split_wants_kick(ring);
}

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
	return ring->is_packed ? vu_guest_packed_collect(ring, done, max) :
		vu_guest_split_collect(ring, done, max);
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
	return ring->is_packed ? vu_guest_packed_arm(ring) : vu_guest_split_arm(ring);
}

/**
 * Ask the device not to call: this ring is polled. Split with an event index, once per 65536
 * buffers one call may still come.
 * @context owner
 */
static inline void
vu_vring_guest_disarm(struct vu_vring_guest *ring)
{
	if (ring->is_packed)
		vu_guest_packed_disarm(ring);
	else
		vu_guest_split_disarm(ring);
}

VU_API_END

#endif /* VU_VRING_GUEST_H */
