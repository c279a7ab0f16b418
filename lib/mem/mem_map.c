/* SPDX-License-Identifier: BSD-3-Clause
 *
 * mmap() of region files: size checks, huge pages, NUMA placement. Called by mem_table.c. The file
 * can shrink right after the check: that is what the guard of mem_fault.c is for.
 */
#include "mem_map.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_errno.h>

#include "vu_atomic.h"
#include "vu_log.h"
#include "vu_math.h"

#include "mem_fault.h"
#include "mem_xen.h"

#ifndef MADV_POPULATE_WRITE /* C library older than Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

#define MAX_NODES 1024
#define KILO 1024
/* munmap() keeps others from changing mappings while it looks for pages. */
#define UNMAP_BYTES (UINT64_C(256) << 20)

#define POPULATE_PAGES 4096        /* asked about in one call */
#define POPULATE_PARTS_OF_SECOND 5 /* 200 ms a region */
#define LONG_BITS (8 * sizeof(unsigned long))

/* What regions of all tables take; those who map and unmap may be any threads. */
static struct mem_usage map_total;
static struct mem_usage map_max = { .mapped_bytes = VU_MEM_MAX_BYTES };

void
vu_mem_set_max_bytes(uint64_t max_bytes)
{
	vu_store(&map_max.mapped_bytes, max_bytes);
}

void
vu_mem_set_max_page_table_bytes(uint64_t max_bytes)
{
	vu_store(&map_max.page_table_bytes, max_bytes);
}

uint64_t
vu_mem_mapped_bytes(void)
{
	return vu_load(&map_total.mapped_bytes);
}

uint64_t
vu_mem_page_table_bytes(void)
{
	return vu_load(&map_total.page_table_bytes);
}

/* A limit that nobody set is a part of the machine's memory. */
static uint64_t
page_table_limit(uint64_t set_bytes, unsigned int parts)
{
	const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);

	return set_bytes != 0 ? set_bytes : (uint64_t)sysconf(_SC_PHYS_PAGES) * page_bytes / parts;
}

/* Of all levels. A sparse file needs them all once a page of each part is there. */
static uint64_t
map_page_table_bytes(uint64_t mapped_bytes, uint64_t page_bytes)
{
	const uint64_t table_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t nb_entries = table_bytes / sizeof(uint64_t);
	uint64_t nb_entries_left = mapped_bytes / page_bytes, bytes = 0;

	do {
		/* It may begin and end in the middle of one. */
		nb_entries_left = nb_entries_left / nb_entries + 1;
		bytes += nb_entries_left * table_bytes;
	} while (nb_entries_left > 1);
	return bytes;
}

void
mem_usage_add(struct mem_usage *sum, const struct mem_usage *usage)
{
	sum->mapped_bytes += usage->mapped_bytes;
	sum->page_table_bytes += usage->page_table_bytes;
}

static bool
budget_take(uint64_t *total, uint64_t bytes, uint64_t max_bytes)
{
	const uint64_t after = __atomic_add_fetch(total, bytes, __ATOMIC_RELAXED);

	if (after >= bytes && after <= max_bytes)
		return true;
	__atomic_fetch_sub(total, bytes, __ATOMIC_RELAXED);
	return false;
}

static void
map_uncount(const struct mem_usage *usage)
{
	__atomic_fetch_sub(&map_total.mapped_bytes, usage->mapped_bytes, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&map_total.page_table_bytes, usage->page_table_bytes, __ATOMIC_RELAXED);
}

static int
map_count(const struct mem_usage *usage)
{
	if (!budget_take(&map_total.mapped_bytes, usage->mapped_bytes,
			vu_load(&map_max.mapped_bytes)))
		return -ENOSPC;
	if (budget_take(&map_total.page_table_bytes, usage->page_table_bytes, page_table_limit(
			vu_load(&map_max.page_table_bytes), VU_MEM_PAGE_TABLE_PARTS)))
		return 0;
	__atomic_fetch_sub(&map_total.mapped_bytes, usage->mapped_bytes, __ATOMIC_RELAXED);
	return -ENOBUFS;
}

/* Without asking a server. */
static bool
map_is_regular(int fd)
{
	struct statx found;
	const int rc = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &found);

	errno = EINVAL;
	return rc == 0 && S_ISREG(found.stx_mode);
}

/* Others may belong to a server that lets who touches a page wait for ever. */
static bool
map_is_local(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((uint32_t)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

/* Shared memory and hugetlbfs know seals, other files do not. */
static int
map_check_kind(const struct vu_mem_region_conf *conf)
{
	int seals = fcntl(conf->fd, F_GET_SEALS);

	if (seals < 0 && (errno != EINVAL || !map_is_regular(conf->fd)))
		return -errno;
	if (seals < 0 && !conf->policy.has_files)
		return -EMEDIUMTYPE;
	if (seals < 0 && !map_is_local(conf->fd))
		return -EXDEV;
	if ((seals >= 0 && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0) ||
			(fcntl(conf->fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		return -EROFS;
	return 0;
}

int
mem_file_inspect(const struct vu_mem_region_conf *conf, struct mem_file *file)
{
	struct statfs fs;
	struct stat st;
	int rc;

	if (mem_xen_is_requested(conf))
		return mem_xen_inspect(conf, file);
	rc = map_check_kind(conf);
	if (rc < 0)
		return rc;
	if (fstat(conf->fd, &st) < 0 || fstatfs(conf->fd, &fs) < 0)
		return -errno;
	/* Device memory and pipes have no size to check against. */
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->size_bytes = (uint64_t)st.st_size;
	file->allocated_bytes = (uint64_t)st.st_blocks * 512;
	file->is_huge = (uint64_t)fs.f_type == HUGETLBFS_MAGIC;
	file->page_bytes = (uint64_t)(file->is_huge ? fs.f_bsize : sysconf(_SC_PAGESIZE));
	return 0;
}

/* hugetlbfs takes offset and length in whole huge pages; guests have regions such as 0-640 KiB. */
static int
map_place(struct mem_map *map, uint64_t *file_start)
{
	uint64_t page_bytes = map->file.page_bytes;
	uint64_t end, mapped_end;

	if (!vu_add_fits(map->mmap_offset, map->len, &end) || end > map->file.size_bytes ||
			!vu_align_up_fits(end, page_bytes, &mapped_end))
		return -ERANGE;
	/* Only the last normal page may reach beyond the end of the file without a fault. */
	if (map->file.is_huge && mapped_end > map->file.size_bytes)
		return -ERANGE;
	*file_start = map->mmap_offset & ~(page_bytes - 1);
	map->usage.mapped_bytes = mapped_end - *file_start;
	map->usage.page_table_bytes = map_page_table_bytes(map->usage.mapped_bytes, page_bytes);
	return 0;
}

int
mem_map_check_table(const struct vu_mem_region_conf *conf, const struct mem_usage *wanted,
		const struct mem_usage *used)
{
	const struct vu_mem_policy *policy = &conf->policy;
	uint64_t total_bytes;

	if (!vu_add_fits(wanted->mapped_bytes, used->mapped_bytes, &total_bytes) ||
			(policy->max_bytes != 0 && total_bytes > policy->max_bytes))
		return -EFBIG;
	total_bytes = wanted->page_table_bytes + used->page_table_bytes;
	return total_bytes <= page_table_limit(policy->max_page_table_bytes,
		VU_MEM_PAGE_TABLE_PARTS_OF_TABLE) ? 0 : -EDQUOT;
}

/* Has the pages that are missing allocated in advance? */
static bool
map_is_populated(const struct mem_map *map, const struct vu_mem_region_conf *conf)
{
	return conf->policy.populate == VU_MEM_POPULATE_ALL ||
		(conf->policy.populate == VU_MEM_POPULATE_HUGE && map->file.is_huge);
}

static struct vu_log_limit placements;

static uint64_t
pool_read(uint64_t page_bytes, const char *name)
{
	unsigned long long nb = 0;
	char path[80];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/%s",
		page_bytes / KILO, name);
	file = fopen(path, "re");
	if (file != NULL && fscanf(file, "%llu", &nb) != 1)
		nb = 0;
	if (file != NULL)
		fclose(file);
	return nb;
}

/* A mapping that was refused: huge pages that its file has not allocated come from one pool. */
static void
map_explain(const struct mem_map *map, const struct vu_mem_region_conf *conf)
{
	const uint64_t page_bytes = map->file.page_bytes;

	if (!map->file.is_huge || !map_is_populated(map, conf))
		return;
	VU_LOG_LIMITED(&placements, MEM, WARNING, "a region wants %" PRIu64 " pages of %" PRIu64
		" kB, its file has %" PRIu64 ", %" PRIu64 " are free: none is taken",
		map->usage.mapped_bytes / page_bytes, page_bytes / KILO,
		map->file.allocated_bytes / page_bytes, pool_read(page_bytes, "free_hugepages") -
		pool_read(page_bytes, "resv_hugepages"));
}

static int
map_file_open(struct mem_map *map, const struct vu_mem_region_conf *conf,
		const struct mem_usage *used)
{
	/* Huge pages are reserved with the mapping, all or none. */
	const int flags = MAP_SHARED | (map_is_populated(map, conf) ? 0 : MAP_NORESERVE);
	uint64_t file_start;
	int rc;

	rc = map_place(map, &file_start);
	if (rc == 0)
		rc = mem_map_check_table(conf, &map->usage, used);
	if (rc == 0)
		rc = map_count(&map->usage);
	if (rc < 0)
		return rc;
	map->base = mmap(NULL, map->usage.mapped_bytes, PROT_READ | PROT_WRITE, flags, conf->fd,
		(off_t)file_start);
	if (map->base == MAP_FAILED) {
		rc = -errno;
		map_uncount(&map->usage);
		map_explain(map, conf);
		return rc;
	}
	map->hva = RTE_PTR_ADD(map->base, map->mmap_offset - file_start);
	return 0;
}

static int
map_open(struct mem_map *map, const struct vu_mem_region_conf *conf, const struct mem_usage *used)
{
	int rc;

	/* Frames of another domain are the guest's, however many. */
	rc = mem_xen_is_requested(conf) ? mem_xen_open(map, conf) :
		map_file_open(map, conf, used);
	if (rc < 0)
		return rc;
	/* A core dump without gigabytes of somebody else's secrets; no reason to fail. */
	madvise(map->base, map->usage.mapped_bytes, MADV_DONTDUMP);
	return 0;
}

static void
map_close(struct mem_map *map)
{
	const uint64_t step = RTE_MAX(UNMAP_BYTES, map->file.page_bytes);

	if (map->xen != NULL) {
		mem_xen_close(map);
		return;
	}
	for (uint64_t done = 0; done < map->usage.mapped_bytes; done += step)
		munmap(RTE_PTR_ADD(map->base, done), RTE_MIN(step, map->usage.mapped_bytes - done));
	map_uncount(&map->usage);
}

/* Placement is a wish: a container may forbid it, and the pages may be there already. */
static void
map_prefer_node(const struct mem_map *map, int numa_node)
{
	unsigned long nodes[MAX_NODES / LONG_BITS] = { 0 };

	if (numa_node < 0 || numa_node >= MAX_NODES)
		return;
	nodes[(unsigned int)numa_node / LONG_BITS] = 1UL << ((unsigned int)numa_node % LONG_BITS);
	if (mbind(map->base, map->usage.mapped_bytes, MPOL_PREFERRED, nodes, MAX_NODES, 0) < 0)
		VU_LOG_LIMITED(&placements, MEM, INFO,
			"node %d: cannot place %" PRIu64 " bytes there: %s", numa_node,
			map->usage.mapped_bytes, rte_strerror(errno));
}

/* Turns pages that cannot be had into an error now instead of a SIGBUS later. */
static int
map_populate(const struct mem_map *map)
{
	int rc;

	do {
		rc = madvise(map->base, map->usage.mapped_bytes, MADV_POPULATE_WRITE) < 0 ?
			-errno : 0;
	} while (rc == -EINTR || rc == -EAGAIN);
	/* Before Linux 5.14 nothing is known in advance. */
	return rc == -EINVAL ? 0 : rc;
}

/*
 * Give the pages that the file has already their entries in our page tables, so that no data lcore
 * takes a page fault for them, and allocate none. Best effort: others fault in later, and the
 * front-end waits for the answer meanwhile, with terabytes of nothing perhaps.
 */
static void
map_populate_present(const struct mem_map *map)
{
	const uint64_t page_bytes = map->file.page_bytes;
	const uint64_t mapped_bytes = map->usage.mapped_bytes;
	const uint64_t deadline_tsc = rte_rdtsc() + rte_get_tsc_hz() / POPULATE_PARTS_OF_SECOND;
	unsigned char is_present[POPULATE_PAGES];

	for (uint64_t done = 0; done < mapped_bytes; done += POPULATE_PAGES * page_bytes) {
		uint8_t *hva = RTE_PTR_ADD(map->base, done);
		uint64_t bytes = RTE_MIN(mapped_bytes - done, POPULATE_PAGES * page_bytes);
		uint64_t nb_pages = bytes / page_bytes;
		uint64_t end;

		if (rte_rdtsc() > deadline_tsc || mincore(hva, bytes, is_present) < 0)
			return;
		for (uint64_t first = 0; first < nb_pages; first = end + 1) {
			for (end = first; end < nb_pages && (is_present[end] & 1) != 0; end++)
				;
			if (end != first && madvise(hva + first * page_bytes,
					(end - first) * page_bytes, MADV_POPULATE_WRITE) < 0)
				return;
		}
	}
}

static int
map_prepare(struct mem_map *map, const struct vu_mem_region_conf *conf)
{
	/* The guest's own pages: they are where they are, and mapped already. */
	if (map->xen != NULL)
		return 0;
	map_prefer_node(map, conf->numa_node);
	if (map_is_populated(map, conf))
		return map_populate(map);
	/* mincore() does not know which huge pages a file has. */
	if (!map->file.is_huge)
		map_populate_present(map);
	return 0;
}

int
mem_map_create(const struct vu_mem_region_conf *conf, const struct mem_file *file,
		const struct mem_usage *used, struct mem_map **created)
{
	struct mem_map *map;
	int rc;

	map = malloc(sizeof(*map));
	if (map == NULL)
		return -ENOMEM;
	*map = (struct mem_map) {
		.len = conf->len, .mmap_offset = conf->mmap_offset, .file = *file, .nb_refs = 1,
	};
	rc = map_open(map, conf, used);
	if (rc < 0)
		goto free_map;
	rc = map_prepare(map, conf);
	if (rc < 0)
		goto unmap;
	map->guard = mem_guard_add(map->base, map->usage.mapped_bytes, file->page_bytes);
	if (map->guard == NULL) {
		rc = -ENOMEM;
		goto unmap;
	}
	*created = map;
	return 0;

unmap:
	map_close(map);
free_map:
	free(map);
	return rc;
}

struct mem_map *
mem_map_get(struct mem_map *map)
{
	map->nb_refs++;
	return map;
}

void
mem_map_put(struct mem_map *map)
{
	if (--map->nb_refs > 0)
		return;
	mem_guard_remove(map->guard);
	map_close(map);
	free(map);
}

bool
mem_map_matches(const struct mem_map *map, const struct vu_mem_region_conf *conf,
		const struct mem_file *file)
{
	return map->file.dev == file->dev && map->file.ino == file->ino &&
		map->mmap_offset == conf->mmap_offset && map->len == conf->len &&
		mem_xen_shows(map->xen, conf) && !mem_map_has_failed(map);
}

int
mem_map_node(const struct mem_map *map)
{
	void *page = map->hva;
	int node;

	/* Unlike get_mempolicy(2), this does not fault the page in: anybody may ask. */
	if (move_pages(0, 1, &page, NULL, &node, 0) < 0 || node < 0)
		return VU_MEM_NODE_ANY;
	return node;
}

bool
mem_map_has_failed(const struct mem_map *map)
{
	return mem_guard_has_failed(map->guard);
}
