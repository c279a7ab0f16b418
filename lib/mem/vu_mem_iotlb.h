/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IOTLB: what a guest's IOMMU makes of the addresses (iova) that its driver gives a device, as far
 * as the front-end has said. The cache belongs to the control lcore. Data lcores see translated
 * tables made of it: immutable, of the form of a memory table, one for what the device reads and
 * one for what it writes, so a ring behind an IOMMU translates as any other does.
 * All numbers come from the front-end and its guest and are hostile.
 */
#ifndef VU_MEM_IOTLB_H
#define VU_MEM_IOTLB_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

struct vu_mem_table;

/** Permissions, numbered as in the specification. */
#define VU_IOTLB_READ 1u  /**< the device may read */
#define VU_IOTLB_WRITE 2u /**< the device may write */

/** A range of iovas that is one range of front-end addresses. */
struct vu_iotlb_entry {
	uint64_t iova;
	uint64_t len;  /**< bytes, at least 1 */
	uint64_t uva;  /**< first address in the front-end's process */
	uint8_t perm;  /**< VU_IOTLB_* */
};

/** A translation that is missing. */
struct vu_iotlb_miss {
	uint64_t iova;
	uint8_t perm; /**< VU_IOTLB_*: what it is needed for */
};

/** Cache of translations. */
struct vu_iotlb;

/** Tables made of a cache, by what the device does: [0] reads, [1] writes. Immutable. */
struct vu_mem_iova {
	struct vu_mem_table *tables[2];
};

/** Create an empty cache. @return cache; NULL no memory. @context control lcore */
struct vu_iotlb *vu_iotlb_create(void);

/** Free a cache; NULL is allowed. Tables made of it stay. @context control lcore */
void vu_iotlb_destroy(struct vu_iotlb *iotlb);

/**
 * Add a translation. It replaces whatever there is of its range. A full cache makes room: a range
 * that it drops is asked for again if a ring needs it.
 *
 * @param iotlb  cache
 * @param mem    guest memory
 * @param entry  translation
 * @return 0; -EINVAL no permission, or it reaches the last byte of an address space; -EFAULT not
 *         all of it is guest memory; -E2BIG it lies in more regions than the cache has room for.
 *         The cache is as before then
 * @context control lcore
 */
int vu_iotlb_update(struct vu_iotlb *iotlb, const struct vu_mem_table *mem,
	const struct vu_iotlb_entry *entry);

/**
 * Drop translations of a range.
 *
 * @param iotlb  cache
 * @param iova   first
 * @param len    bytes; 0, or more than there are behind iova: all of them
 * @return true if there were any
 * @context control lcore
 */
bool vu_iotlb_invalidate(struct vu_iotlb *iotlb, uint64_t iova, uint64_t len);

/**
 * Guest memory changes: translations of what is not in the new table are dropped.
 *
 * @param iotlb  cache
 * @param mem    new table; NULL drops all
 * @context control lcore
 */
void vu_iotlb_set_mem(struct vu_iotlb *iotlb, const struct vu_mem_table *mem);

/** Ranges in the cache. @context control lcore */
unsigned int vu_iotlb_nb_entries(const struct vu_iotlb *iotlb);

/**
 * Make tables of what the cache holds now. They are good as long as the memory table that its
 * entries were translated with.
 *
 * @return tables; NULL no memory
 * @context control lcore
 */
struct vu_mem_iova *vu_iotlb_tables(const struct vu_iotlb *iotlb);

/** Free tables that no lcore can reach any more; NULL is allowed. @context control lcore */
void vu_mem_iova_destroy(struct vu_mem_iova *iova);

VU_API_END

#endif /* VU_MEM_IOTLB_H */
