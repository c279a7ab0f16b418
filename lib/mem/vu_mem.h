/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Guest memory as the control lcore handles it: a memory table is an immutable snapshot of up to
 * VU_MAX_MEM_SLOTS mapped regions. Changing memory means deriving a new table, publishing its
 * pointer, and destroying the old table once every lcore has quiesced. Tables of one
 * lineage share their mappings; a mapping goes away with the last table that holds it.
 * Reads by data lcores are in vu_mem_translate.h.
 */
#ifndef VU_MEM_H
#define VU_MEM_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

/** Snapshot of guest memory; immutable once created. */
struct vu_mem_table;
struct vu_peer;

/** Value of a NUMA node that nobody asked for or nobody knows. */
#define VU_MEM_NODE_ANY (-1)

/** Address space that all tables of the process may take, unless another limit is set. */
#define VU_MEM_MAX_BYTES (UINT64_C(64) << 40)

/** Set another limit; what is mapped stays. @context control lcore */
void vu_mem_set_max_bytes(uint64_t max_bytes);

/** Address space that regions of all tables take now. @context any thread */
uint64_t vu_mem_mapped_bytes(void);

/** Page tables that all tables of the process may take, in parts of the machine's memory. */
#define VU_MEM_PAGE_TABLE_PARTS 64
/** The same for one table. */
#define VU_MEM_PAGE_TABLE_PARTS_OF_TABLE 256

/** Set another limit; 0: VU_MEM_PAGE_TABLE_PARTS. @context control lcore */
void vu_mem_set_max_page_table_bytes(uint64_t max_bytes);

/** Page tables that regions of all tables may need, present or not. @context any thread */
uint64_t vu_mem_page_table_bytes(void);

/** Which pages that a file has not allocated yet are allocated when a region comes. */
enum vu_mem_populate {
	VU_MEM_POPULATE_HUGE, /**< huge pages: all of them, or the region is refused */
	VU_MEM_POPULATE_ALL,  /**< normal pages too */
	VU_MEM_POPULATE_NONE, /**< none: the first who writes there takes a page, if there is one */
};

/** How the memory of a front-end is mapped, and how much of it. All zero: the defaults. */
struct vu_mem_policy {
	/**
	 * most bytes that all regions of a table may map, in whole pages of their files; 0: as many
	 * as there are
	 */
	uint64_t max_bytes;
	/**
	 * most bytes of page tables that they may need, however few of their pages are there; 0:
	 * VU_MEM_PAGE_TABLE_PARTS_OF_TABLE
	 */
	uint64_t max_page_table_bytes;
	enum vu_mem_populate populate;
	/** map files of local disks, too: they can make a data lcore wait for the disk */
	bool has_files;
};

/** One region as a front-end describes it. Address 0 is legal in both address spaces. */
struct vu_mem_region_conf {
	uint64_t gpa;         /**< first guest-physical address */
	uint64_t len;         /**< bytes, at least 1 */
	uint64_t uva;         /**< first address in the front-end's process */
	uint64_t mmap_offset; /**< byte of the file at which the region starts, any alignment */
	int fd;               /**< regular file (memfd, shm, hugetlbfs); owned by the callee */
	int numa_node;        /**< preferred node of pages not allocated yet, or VU_MEM_NODE_ANY */
	/**
	 * pages that exist are mapped in any case, as far as 200 ms suffice: users of them meet no
	 * page fault
	 */
	struct vu_mem_policy policy;
#ifdef VU_XEN
	/**
	 * bit 0: foreign frames, bit 1: grant references; one of them at most. The region is then
	 * mapped by gpa and domid, fd and mmap_offset mean nothing. Bit 8, mapping on demand, is
	 * refused: data lcores use pointers into memory that is mapped all the time. 0: the file.
	 */
	uint32_t xen_mmap_flags;
	uint32_t xen_domid; /**< domain whose memory it is, below 0x7ff0 */
#endif
};

/** One region as telemetry shows it; our own addresses are left out on purpose. */
struct vu_mem_region_info {
	uint64_t gpa;        /**< first guest-physical address */
	uint64_t uva;        /**< first address in the front-end's process */
	uint64_t len;        /**< bytes */
	uint64_t page_bytes; /**< page size of the backing file system */
	bool has_failed;     /**< the file shrank under us; reads as zero now */
};

/**
 * Map a whole memory table (SET_MEM_TABLE without a predecessor, or the empty start of a session
 * that adds regions one by one).
 *
 * @param regions     nb_regions descriptions in any order; every fd is consumed on every path
 * @param nb_regions  0..VU_MAX_MEM_SLOTS
 * @param owner_name  object that log lines start with; copied, and inherited by derived tables
 * @return table, or NULL with rte_errno: ENOSPC too many regions; EINVAL zero length, address
 *         wrap-around, or not a regular file; EEXIST regions overlap by gpa or by uva; ERANGE the
 *         region lies outside its file; EFBIG or EDQUOT more than the policy allows; ENOSPC or
 *         ENOBUFS more than all tables may have; EFAULT or ENOMEM pages could not be allocated; or
 *         the errno of fstat(2) or mmap(2). In a build for Xen also EINVAL flags that exclude each
 *         other, ENOTSUP mapping on demand, or that of a Xen device
 * @context the peer's thread, or one thread at a time
 */
struct vu_mem_table *vu_mem_table_create(const struct vu_mem_region_conf *regions,
		unsigned int nb_regions, const char *owner_name);

/**
 * Derive a table with other regions (SET_MEM_TABLE sent again). Mappings of the old table that
 * show the same bytes of the same file are kept, which makes an unchanged table cheap.
 *
 * @param old         table in use; stays valid and unchanged
 * @param regions     as for vu_mem_table_create()
 * @param nb_regions  0..VU_MAX_MEM_SLOTS
 * @return table, or NULL with rte_errno as vu_mem_table_create()
 * @context the peer's thread, or one thread at a time
 */
struct vu_mem_table *vu_mem_table_replace(const struct vu_mem_table *old,
		const struct vu_mem_region_conf *regions, unsigned int nb_regions);

/**
 * Derive a table with one region more (ADD_MEM_REG).
 *
 * @param old     table in use; stays valid and unchanged
 * @param region  new region; its fd is consumed on every path
 * @return table, or NULL with rte_errno as vu_mem_table_create()
 * @context the peer's thread, or one thread at a time
 */
struct vu_mem_table *vu_mem_table_add(const struct vu_mem_table *old,
		const struct vu_mem_region_conf *region);

/**
 * Ask whether a table holds a region already: same addresses, same bytes of the same file, and the
 * file has not shrunk. Same addresses with another file overlap: vu_mem_table_add() refuses that.
 *
 * @param table   table
 * @param region  region to look for; its fd stays the caller's
 * @return true if adding the region would change nothing
 * @context the peer's thread, or one thread at a time
 */
bool vu_mem_table_shows(const struct vu_mem_table *table, const struct vu_mem_region_conf *region);

/**
 * Derive a table without one region (REM_MEM_REG); all three values must match it.
 *
 * @param old  table in use; stays valid and unchanged
 * @param gpa  first guest-physical address of the region
 * @param uva  first front-end address of the region
 * @param len  bytes of the region
 * @return table, or NULL with rte_errno: ENOENT no such region; ENOMEM
 * @context the peer's thread, or one thread at a time
 */
struct vu_mem_table *vu_mem_table_remove(const struct vu_mem_table *old, uint64_t gpa,
		uint64_t uva, uint64_t len);

/**
 * Leave unmapping to a peer's thread, from any thread that destroys the table.
 *
 * @param table  new
 * @param peer   held until the table is freed
 * @context the peer's thread
 */
void vu_mem_table_set_peer(struct vu_mem_table *table, struct vu_peer *peer);

/**
 * Free a table and unmap what no other table of its lineage holds.
 *
 * @param table  table that no lcore can reach any more (grace period over), or NULL
 * @context any thread if the table has a peer, else one thread at a time
 */
void vu_mem_table_destroy(struct vu_mem_table *table);

/**
 * Ask whether the front-end shrank a file under a region; see vu_mem_fault.h.
 *
 * @param table  table
 * @return true if a region of the table reads as zero since then: end the session
 * @context any thread that may use the table
 */
bool vu_mem_table_has_failed(const struct vu_mem_table *table);

/**
 * Number of regions.
 *
 * @param table  table
 * @return 0..VU_MAX_MEM_SLOTS
 * @context any thread that may use the table
 */
unsigned int vu_mem_table_nb_regions(const struct vu_mem_table *table);

/** Page tables that its regions may need, present or not. @context any thread that may use it */
uint64_t vu_mem_table_page_table_bytes(const struct vu_mem_table *table);

/**
 * Describe one region, in order of guest addresses.
 *
 * @param table       table
 * @param region_idx  0..nb_regions-1
 * @param info        receives the description
 * @return 0, or -EINVAL no such region
 * @context any thread that may use the table
 */
int vu_mem_region_info_get(const struct vu_mem_table *table, unsigned int region_idx,
		struct vu_mem_region_info *info);

/**
 * NUMA node that holds the first page of a region.
 *
 * @param table       table
 * @param region_idx  0..nb_regions-1
 * @return node, or VU_MEM_NODE_ANY: no such region, no page yet, or the kernel does not report it
 * @context any thread that may use the table
 */
int vu_mem_region_node(const struct vu_mem_table *table, unsigned int region_idx);

VU_API_END

#endif /* VU_MEM_H */
