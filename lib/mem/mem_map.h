/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One mapping of one region, held by any number of tables of one peer. Used by mem_table.c on the
 * peer's thread, which alone counts references. The mapping starts at a page boundary of the file
 * at or before the region and ends at one at or behind it.
 */
#ifndef MEM_MAP_H
#define MEM_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vu_mem.h"

struct mem_guard;
struct mem_xen;

/** What an fd refers to. */
struct mem_file {
	dev_t dev;
	ino_t ino;
	uint64_t size_bytes;
	uint64_t allocated_bytes; /**< of it */
	uint64_t page_bytes; /**< huge page size on hugetlbfs, else the system's page size */
	bool is_huge;
};

/** What mappings take. */
struct mem_usage {
	uint64_t mapped_bytes;
	uint64_t page_table_bytes; /**< if a page of each part is there */
};

/** One mapping. */
struct mem_map {
	void *base;              /**< as mmap() returned it */
	struct mem_usage usage;  /**< mapped_bytes: as munmap() takes it */
	void *hva;               /**< first byte of the region, inside the mapping */
	uint64_t len;            /**< bytes of the region */
	uint64_t mmap_offset;    /**< byte of the file at hva */
	struct mem_file file;    /**< as it was when it was mapped */
	struct mem_guard *guard;
	struct mem_xen *xen;     /**< NULL: mapped from the file */
	unsigned int nb_refs;
};

/**
 * Look at the file of a region.
 *
 * @param conf  region; its fd may be any fd, hostile
 * @param file  receives the facts
 * @return 0, -EMEDIUMTYPE a file that the policy has not mapped, -EXDEV it is not on a disk of
 *         ours, -EROFS it cannot be written,
 *         -EINVAL not a regular file, what mem_xen_inspect() returns for a region that asks for
 *         a Xen device, or -errno
 */
int mem_file_inspect(const struct vu_mem_region_conf *conf, struct mem_file *file);

/**
 * Map a region; the caller gets the first reference.
 *
 * @param conf        region; its fd stays the caller's and is not needed afterwards
 * @param file        what mem_file_inspect() found out about the region
 * @param used        by the other regions of the table
 * @param map         receives the mapping
 * @return 0; -ERANGE outside the file; as mem_map_check_table(); -ENOSPC or -ENOBUFS the same for
 *         all tables; -EFAULT or -ENOMEM pages missing; or -errno
 */
int mem_map_create(const struct vu_mem_region_conf *conf, const struct mem_file *file,
		const struct mem_usage *used, struct mem_map **map);

/**
 * Check a mapping against the limits of its table.
 * @return 0; -EFBIG address space, -EDQUOT page tables would be more than the policy allows
 */
int mem_map_check_table(const struct vu_mem_region_conf *conf, const struct mem_usage *wanted,
		const struct mem_usage *used);

/** Add what a mapping takes to the sum of its table. */
void mem_usage_add(struct mem_usage *sum, const struct mem_usage *usage);

/** Add a reference. @return map */
struct mem_map *mem_map_get(struct mem_map *map);

/** Drop a reference; the last one unmaps. */
void mem_map_put(struct mem_map *map);

/** @return true if the mapping is sound and shows exactly the bytes that conf asks for */
bool mem_map_matches(const struct mem_map *map, const struct vu_mem_region_conf *conf,
		const struct mem_file *file);

/** @return node of the first page; VU_MEM_NODE_ANY: there is none yet, or it is not reported */
int mem_map_node(const struct mem_map *map);

/** @return true if the file shrank under the mapping */
bool mem_map_has_failed(const struct mem_map *map);

#endif /* MEM_MAP_H */
