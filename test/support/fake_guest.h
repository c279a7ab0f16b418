/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The guest's side of rings of both layouts: memory in a memfd, rings in it, chains of any shape,
 * valid and broken. Our view of that memory is a mapping of its own, as in a front-end's process;
 * the code under test gets at it through a memory table of lib/mem. A case that wants a broken ring
 * writes to ring->desc, ->avail or ->used directly, or to ->packed_desc and the events.
 */
#ifndef FAKE_GUEST_H
#define FAKE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_mem.h"
#include "vu_vring.h"
#include "vu_vring_snapshot.h"

/* LOW and MID are neighbours in guest memory, but not in anyone's address space. */
enum fake_region {
	FAKE_LOW,
	FAKE_MID,
	FAKE_HIGH,
	FAKE_NB_REGIONS
};

#define FAKE_LOW_GPA UINT64_C(0x100000)
#define FAKE_LOW_BYTES UINT64_C(0x40000)
#define FAKE_MID_GPA (FAKE_LOW_GPA + FAKE_LOW_BYTES)
#define FAKE_MID_BYTES UINT64_C(0x200000)
#define FAKE_HIGH_GPA UINT64_C(0x100000000)
#define FAKE_HIGH_BYTES UINT64_C(0x100000)
/** An address without memory. */
#define FAKE_NOWHERE_GPA UINT64_C(0x80000000)
/** Front-end address minus guest address. */
#define FAKE_UVA_OFFSET UINT64_C(0x7f0000000000)

#define FAKE_GUEST_NAME "vu-test-guest" /* of the memory file, in /proc/self/maps */

/** One region. */
struct fake_memory {
	uint64_t gpa;
	uint64_t uva;
	uint64_t len_bytes;
	uint64_t offset; /**< in the file */
};

/** Memory of one guest. */
struct fake_guest {
	int memfd;
	uint8_t *base;                            /**< the whole file */
	uint64_t file_bytes;
	unsigned int nb_regions;
	struct fake_memory regions[FAKE_NB_REGIONS];
	uint64_t allocated_bytes[FAKE_NB_REGIONS];
};

/** Create the memory, all zero, in three regions; fails if there is none. */
void fake_guest_init(struct fake_guest *guest);

/**
 * The same in one region, FAKE_LOW, at the start of the file.
 *
 * @param gpa  UINT64_MAX: the region has the addresses of our view
 */
void fake_guest_init_flat(struct fake_guest *guest, uint64_t gpa, uint64_t uva,
	uint64_t len_bytes);

/** Free the memory; memory tables made from it stay valid. */
void fake_guest_fini(struct fake_guest *guest);

/** @return memory table over all regions; the caller destroys it */
struct vu_mem_table *fake_guest_mem(const struct fake_guest *guest);

/** @return table without the regions whose bits are 0 in `regions` */
struct vu_mem_table *fake_guest_mem_part(const struct fake_guest *guest, unsigned int regions);

/** @return first guest address of a region */
uint64_t fake_region_gpa(enum fake_region region);

/** @return bytes of a region */
uint64_t fake_region_bytes(enum fake_region region);

/**
 * Take a piece of a region.
 *
 * @param align  power of two
 * @return guest address; fails if the region is full
 */
uint64_t fake_guest_alloc(struct fake_guest *guest, enum fake_region region, uint64_t len_bytes,
	uint64_t align);

/** Our view of a guest address; good up to the end of its region. NULL: no memory there. */
void *fake_guest_ptr(const struct fake_guest *guest, uint64_t gpa);

/** Copy into guest memory, across regions too. */
void fake_guest_write(const struct fake_guest *guest, uint64_t gpa, const void *src,
	uint64_t len_bytes);

/** Copy out of guest memory, across regions too. */
void fake_guest_read(const struct fake_guest *guest, uint64_t gpa, void *dst, uint64_t len_bytes);

/** One buffer of a chain. */
struct fake_buf {
	uint64_t gpa;
	uint32_t len_bytes;
	bool is_write; /**< the device writes */
};

/** A chain: the first nb_direct buffers in the ring's own table, the others in an indirect one. */
struct fake_chain {
	const struct fake_buf *bufs;
	uint16_t nb_bufs;
	uint16_t nb_direct;    /**< nb_bufs: no indirect table */
	uint64_t table_gpa;    /**< 16 * (nb_bufs - nb_direct) bytes for the indirect table */
	bool is_back_to_front; /**< indirect table: entry 0, then from the last one down */
};

/** One ring, driver side. */
struct fake_ring {
	struct fake_guest *guest;
	uint16_t size;
	bool is_packed;
	uint64_t desc_gpa;
	uint64_t avail_gpa;
	uint64_t used_gpa;
	/** Split. */
	struct vu_split_desc *desc;
	struct vu_split_avail *avail;
	struct vu_split_used *used;
	/** Packed. */
	struct vu_packed_desc *packed_desc;
	struct vu_packed_event *driver_event;
	struct vu_packed_event *device_event;
	/** Where the next entry goes, published or not: split: free running, packed: position. */
	uint16_t avail_idx;
	uint16_t used_idx;       /**< next entry to collect, the same way */
	uint16_t nb_free;        /**< descriptors */
	uint16_t *free_desc;     /**< split: stack of free descriptors, packed: of buffer ids */
	/** Shadow of the chains; the guest's own memory, as it were. Packed: slots of an id. */
	uint16_t *next_desc;
	uint16_t nb_ids;         /**< packed: free ones */
	bool is_pending;         /**< packed: there is an entry to publish */
	uint16_t pending_idx;    /**< packed: position of the first of them */
	uint16_t pending_flags;  /**< packed: which it is to get */
};

/** Where the parts of a ring go; align_bytes of 0: the least that VIRTIO allows, and no more. */
struct fake_ring_place {
	enum fake_region region;
	uint64_t align_bytes;
	bool is_packed;
	uint64_t gpa; /**< if not 0: there, and each part FAKE_PART_BYTES after the one before */
};
#define FAKE_PART_BYTES 0x1000

/** Create a ring with room for the event fields; fails if there is no memory. */
struct fake_ring *fake_ring_create(struct fake_guest *guest, uint16_t size,
	const struct fake_ring_place *place);

/** Free a ring; its place in guest memory stays taken. */
void fake_ring_destroy(struct fake_ring *ring);

/** Configuration as the messages would set it. */
struct vu_vring_conf fake_ring_conf(const struct fake_ring *ring);

/** Let an empty ring start at any index or position. */
void fake_ring_start_at(struct fake_ring *ring, uint16_t idx);

/** Forget all chains: an empty table, indices 0. */
void fake_ring_reset(struct fake_ring *ring);

/**
 * Write a chain into the tables; packed: into the ring, in the order of the calls.
 *
 * @return head or buffer id; -1 without enough free descriptors
 */
int fake_ring_add(struct fake_ring *ring, const struct fake_chain *chain);

/** Write an entry of the available ring; packed: nothing is left to do. */
void fake_ring_offer(struct fake_ring *ring, uint16_t head);

/** Let the device see what was offered. */
void fake_ring_publish(struct fake_ring *ring);

/** Add direct buffers, offer and publish them. @return head; -1 without free descriptors */
int fake_ring_put(struct fake_ring *ring, const struct fake_buf *bufs, uint16_t nb_bufs);

/** Collect used elements and free their descriptors. @return number of elements, at most max */
uint16_t fake_ring_collect(struct fake_ring *ring, struct vu_split_used_elem *elems, uint16_t max);

/** Used elements not collected yet. */
uint16_t fake_ring_nb_used(const struct fake_ring *ring);

/** With EVENT_IDX: interrupt wanted when the used index passes this one. */
void fake_ring_set_used_event(struct fake_ring *ring, uint16_t event);

/** Without EVENT_IDX: no interrupts wanted. */
void fake_ring_set_no_interrupt(struct fake_ring *ring, bool is_off);

#endif /* FAKE_GUEST_H */
