/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: guest addresses to our own. Called by ring engines and device drivers on data lcores,
 * for every descriptor; nothing here takes a lock, allocates or makes a system call.
 * Addresses and lengths come from the guest and are hostile: no check can wrap around.
 * A pointer got from a table is good until the caller's next quiescent state.
 */
#ifndef VU_MEM_TRANSLATE_H
#define VU_MEM_TRANSLATE_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "vu_export.h"
#include "vu_mem.h"

VU_API_BEGIN

/**
 * One region, laid out so that a hit costs one subtraction, two comparisons and one addition.
 * A region of length 0 contains nothing. Fixed after creation.
 */
struct vu_mem_region {
	uint64_t gpa_end;       /**< guest-physical address behind the last byte; never wraps */
	uint64_t len;           /**< bytes */
	uint64_t hva_minus_gpa; /**< our address minus the guest's, modulo 2^64 */
	uint64_t uva;           /**< first address in the front-end's process */
};

struct mem_map;
struct mem_table_end;
struct vu_peer;

/** Snapshot of guest memory; all of it is fixed after creation. */
struct vu_mem_table {
	uint32_t nb_regions;      /**< 0..VU_MAX_MEM_SLOTS */
	uint16_t *by_uva;         /**< region indices in order of uva */
	uint16_t *by_hva;         /**< and of our own addresses */
	struct mem_map **maps;    /**< mapping of each region; private to this folder */
	const char *owner_name;   /**< for log lines */
	struct vu_peer *peer;     /**< whose thread unmaps; NULL: who destroys the table */
	struct mem_table_end *end; /**< private to this folder */
	/** In order of gpa; one region of length 0 follows the last one. */
	alignas(RTE_CACHE_LINE_SIZE) struct vu_mem_region regions[];
};

/**
 * Ask whether a region holds a whole range of guest-physical addresses.
 *
 * @param region     region, or a copy of it in registers (whole bursts are checked against one)
 * @param gpa        first address
 * @param len_bytes  bytes from there; 0 also passes right behind the last byte
 * @return true if vu_mem_region_hva() may be used for the range
 * @context any thread that may use the table
 */
static __rte_always_inline bool
vu_mem_region_has(const struct vu_mem_region *region, uint64_t gpa, uint64_t len_bytes)
{
	uint64_t left = region->gpa_end - gpa;

	/* Below the region, left exceeds len; behind it, left has wrapped and exceeds gpa_end. */
	return likely(left <= region->len) && likely(len_bytes <= left);
}

/**
 * Translate an address that vu_mem_region_has() found inside the region.
 *
 * @param region  region that holds gpa
 * @param gpa     guest-physical address
 * @return our address
 * @context any thread that may use the table
 */
static __rte_always_inline void *
vu_mem_region_hva(const struct vu_mem_region *region, uint64_t gpa)
{
	return (void *)(uintptr_t)(gpa + region->hva_minus_gpa);
}

/**
 * Region to check a burst against: the one that the hint names, or any other if it is stale.
 * Never NULL; of an empty table it is a region that holds nothing.
 *
 * @param table        table
 * @param hint_region  index from an earlier translation, possibly with another table
 * @return region to be used with vu_mem_region_has()
 * @context any thread that may use the table
 */
static __rte_always_inline const struct vu_mem_region *
vu_mem_region_hinted(const struct vu_mem_table *table, uint16_t hint_region)
{
	return &table->regions[hint_region < table->nb_regions ? hint_region : 0];
}

/**
 * Worker of vu_mem_gpa_to_hva(): binary search. Same parameters and result.
 *
 * @context any thread that may use the table
 */
void *vu_mem_gpa_find(const struct vu_mem_table *table, uint64_t gpa, uint64_t *len_bytes,
		uint16_t *hint_region);

/**
 * Translate a guest-physical address. A range that crosses regions is translated piece by piece:
 * the caller goes on at gpa + *len_bytes until it has everything, because neighbours in guest
 * memory need not be neighbours here.
 *
 * @param table        table
 * @param gpa          guest-physical address
 * @param len_bytes    in: bytes wanted, at least 1; out: how many of them are contiguous here,
 *                     unchanged if all are, 0 if gpa is in no region
 * @param hint_region  in: index of the region to try first, any value; out: index of the region
 *                     found. One variable per queue; start with 0
 * @return our address, or NULL if gpa is in no region. For a length of 0 either may come back,
 *         and nothing may be touched
 * @context any thread that may use the table
 */
static __rte_always_inline void *
vu_mem_gpa_to_hva(const struct vu_mem_table *table, uint64_t gpa, uint64_t *len_bytes,
		uint16_t *hint_region)
{
	size_t region_idx = *hint_region;

	if (likely(region_idx < table->nb_regions)) {
		const struct vu_mem_region *region = &table->regions[region_idx];

		if (likely(vu_mem_region_has(region, gpa, *len_bytes)))
			return vu_mem_region_hva(region, gpa);
	}
	return vu_mem_gpa_find(table, gpa, len_bytes, hint_region);
}

/**
 * Region that holds an address, to go on with when vu_mem_region_has() failed for the last one.
 *
 * @param table        table
 * @param gpa          guest-physical address
 * @param hint_region  out: index of the region found, unchanged if none holds the address
 * @return region to be used with vu_mem_region_has(); never NULL
 * @context any thread that may use the table
 */
static inline const struct vu_mem_region *
vu_mem_region_find(const struct vu_mem_table *table, uint64_t gpa, uint16_t *hint_region)
{
	uint64_t len_bytes = 1;

	vu_mem_gpa_find(table, gpa, &len_bytes, hint_region);
	return vu_mem_region_hinted(table, *hint_region);
}

/**
 * Translate a range of guest-physical addresses that must be contiguous here (ring parts).
 *
 * @param table      table
 * @param gpa        first guest-physical address
 * @param len_bytes  bytes, at least 1
 * @return our address of the whole range, or NULL
 * @context any thread that may use the table
 */
void *vu_mem_gpa_range_to_hva(const struct vu_mem_table *table, uint64_t gpa, uint64_t len_bytes);

/**
 * Translate a range of front-end addresses that must be contiguous here (ring parts).
 *
 * @param table      table
 * @param uva        first address in the front-end's process
 * @param len_bytes  bytes, at least 1
 * @return our address of the whole range, or NULL
 * @context any thread that may use the table
 */
void *vu_mem_uva_to_hva(const struct vu_mem_table *table, uint64_t uva, uint64_t len_bytes);

/**
 * Translate a range of front-end addresses, one piece: what lies in the region of the first one.
 *
 * @param table       table
 * @param uva         first address in the front-end's process
 * @param len_bytes   in: bytes wanted; out: how many of them are contiguous here, 0 if uva is in no
 *                    region
 * @param region_idx  out: the region, if there is one
 * @return our address, or NULL
 * @context any thread that may use the table
 */
void *vu_mem_uva_find(const struct vu_mem_table *table, uint64_t uva, uint64_t *len_bytes,
		uint16_t *region_idx);

/**
 * Worker of vu_mem_hva_to_gpa(): binary search. Same parameters and result.
 *
 * @context any thread that may use the table
 */
uint64_t vu_mem_hva_find(const struct vu_mem_table *table, const void *hva);

/**
 * Guest-physical address of memory that a translation with this table found, whatever address the
 * guest names it by.
 *
 * @param table        table
 * @param hva          our address
 * @param hint_region  index of the region to try first, any value
 * @return guest-physical address; UINT64_MAX if hva is no guest memory
 * @context any thread that may use the table
 */
static inline uint64_t
vu_mem_hva_to_gpa(const struct vu_mem_table *table, const void *hva, uint16_t hint_region)
{
	const struct vu_mem_region *region = vu_mem_region_hinted(table, hint_region);
	uint64_t gpa = (uintptr_t)hva - region->hva_minus_gpa;

	return vu_mem_region_has(region, gpa, 1) ? gpa : vu_mem_hva_find(table, hva);
}

VU_API_END

#endif /* VU_MEM_TRANSLATE_H */
