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

/* Address space that regions of all tables take; those who map and unmap may be any threads. */
static uint64_t map_total_bytes;
static uint64_t map_max_bytes = VU_MEM_MAX_BYTES;

void
vu_mem_set_max_bytes(uint64_t max_bytes)
{
	__atomic_store_n(&map_max_bytes, max_bytes, __ATOMIC_RELAXED);
}

uint64_t
vu_mem_mapped_bytes(void)
{
	return __atomic_load_n(&map_total_bytes, __ATOMIC_RELAXED);
}

static void
map_uncount(uint64_t bytes)
{
	__atomic_fetch_sub(&map_total_bytes, bytes, __ATOMIC_RELAXED);
}

static int
map_count(uint64_t bytes)
{
	const uint64_t total = __atomic_add_fetch(&map_total_bytes, bytes, __ATOMIC_RELAXED);

	if (total >= bytes && total <= __atomic_load_n(&map_max_bytes, __ATOMIC_RELAXED))
		return 0;
	map_uncount(bytes);
	return -ENOSPC;
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

int
mem_file_inspect(const struct vu_mem_region_conf *conf, struct mem_file *file)
{
	struct statfs fs;
	struct stat st;
	int seals;

	if (mem_xen_is_requested(conf))
		return mem_xen_inspect(conf, file);
	/* Shared memory and hugetlbfs only: another file system may make us wait for its server. */
	seals = fcntl(conf->fd, F_GET_SEALS);
	if (seals < 0)
		return errno == EINVAL && map_is_regular(conf->fd) ? -EMEDIUMTYPE : -errno;
	if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0 ||
			(fcntl(conf->fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		return -EROFS;
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
	map->mapped_bytes = mapped_end - *file_start;
	return 0;
}

int
mem_map_check_total(const struct vu_mem_region_conf *conf, uint64_t mapped_bytes,
		uint64_t used_bytes)
{
	uint64_t total_bytes;

	if (conf->max_table_bytes == 0)
		return 0;
	return vu_add_fits(mapped_bytes, used_bytes, &total_bytes) &&
		total_bytes <= conf->max_table_bytes ? 0 : -EFBIG;
}

static int
map_file_open(struct mem_map *map, const struct vu_mem_region_conf *conf, uint64_t used_bytes)
{
	uint64_t file_start;
	int rc;

	rc = map_place(map, &file_start);
	if (rc == 0)
		rc = mem_map_check_total(conf, map->mapped_bytes, used_bytes);
	if (rc == 0)
		rc = map_count(map->mapped_bytes);
	if (rc < 0)
		return rc;
	map->base = mmap(NULL, map->mapped_bytes, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_NORESERVE, conf->fd, (off_t)file_start);
	if (map->base == MAP_FAILED) {
		rc = -errno;
		map_uncount(map->mapped_bytes);
		return rc;
	}
	map->hva = RTE_PTR_ADD(map->base, map->mmap_offset - file_start);
	return 0;
}

static int
map_open(struct mem_map *map, const struct vu_mem_region_conf *conf, uint64_t used_bytes)
{
	int rc;

	/* Frames of another domain are the guest's, however many. */
	rc = mem_xen_is_requested(conf) ? mem_xen_open(map, conf) :
		map_file_open(map, conf, used_bytes);
	if (rc < 0)
		return rc;
	/* A core dump without gigabytes of somebody else's secrets; no reason to fail. */
	madvise(map->base, map->mapped_bytes, MADV_DONTDUMP);
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
	for (uint64_t done = 0; done < map->mapped_bytes; done += step)
		munmap(RTE_PTR_ADD(map->base, done), RTE_MIN(step, map->mapped_bytes - done));
	map_uncount(map->mapped_bytes);
}

static struct vu_log_limit placements;

/* Placement is a wish: a container may forbid it, and the pages may be there already. */
static void
map_prefer_node(const struct mem_map *map, int numa_node)
{
	unsigned long nodes[MAX_NODES / LONG_BITS] = { 0 };

	if (numa_node < 0 || numa_node >= MAX_NODES)
		return;
	nodes[(unsigned int)numa_node / LONG_BITS] = 1UL << ((unsigned int)numa_node % LONG_BITS);
	if (mbind(map->base, map->mapped_bytes, MPOL_PREFERRED, nodes, MAX_NODES, 0) < 0)
		VU_LOG_LIMITED(&placements, MEM, INFO,
			"node %d: cannot place %" PRIu64 " bytes there: %s", numa_node,
			map->mapped_bytes, rte_strerror(errno));
}

static uint64_t
map_nb_free_pages(uint64_t page_bytes)
{
	unsigned long long nb = 0;
	char path[80];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64
		"kB/free_hugepages", page_bytes / KILO);
	file = fopen(path, "re");
	if (file == NULL || fscanf(file, "%llu", &nb) != 1)
		nb = UINT64_MAX; /* not known: try */
	if (file != NULL)
		fclose(file);
	return nb;
}

/*
 * Pages that a file has not allocated yet come from a pool that all ports share, and they stay in
 * the file: where there are too few of them, none is taken.
 */
static int
map_check_pool(const struct mem_map *map)
{
	const uint64_t page_bytes = map->file.page_bytes;
	uint64_t nb_wanted, nb_free;

	if (!map->file.is_huge || map->mapped_bytes <= map->file.allocated_bytes)
		return 0;
	nb_wanted = (map->mapped_bytes - map->file.allocated_bytes) / page_bytes;
	nb_free = map_nb_free_pages(page_bytes);
	if (nb_wanted <= nb_free)
		return 0;
	VU_LOG_LIMITED(&placements, MEM, WARNING, "a region wants %" PRIu64 " more pages of %"
		PRIu64 " kB, %" PRIu64 " are free: none is taken", nb_wanted, page_bytes / KILO,
		nb_free);
	return -ENOMEM;
}

/* Turns pages that cannot be had into an error now instead of a SIGBUS later. */
static int
map_populate(const struct mem_map *map)
{
	int rc = map_check_pool(map);

	if (rc != 0)
		return rc;
	do {
		rc = madvise(map->base, map->mapped_bytes, MADV_POPULATE_WRITE) < 0 ? -errno : 0;
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
	const uint64_t deadline_tsc = rte_rdtsc() + rte_get_tsc_hz() / POPULATE_PARTS_OF_SECOND;
	unsigned char is_present[POPULATE_PAGES];

	for (uint64_t done = 0; done < map->mapped_bytes; done += POPULATE_PAGES * page_bytes) {
		uint8_t *hva = RTE_PTR_ADD(map->base, done);
		uint64_t bytes = RTE_MIN(map->mapped_bytes - done, POPULATE_PAGES * page_bytes);
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
	if (map->file.is_huge || conf->prefault)
		return map_populate(map);
	map_populate_present(map);
	return 0;
}

int
mem_map_create(const struct vu_mem_region_conf *conf, const struct mem_file *file,
		uint64_t used_bytes, struct mem_map **created)
{
	struct mem_map *map;
	int rc;

	map = malloc(sizeof(*map));
	if (map == NULL)
		return -ENOMEM;
	*map = (struct mem_map) {
		.len = conf->len, .mmap_offset = conf->mmap_offset, .file = *file, .nb_refs = 1,
	};
	rc = map_open(map, conf, used_bytes);
	if (rc < 0)
		goto free_map;
	rc = map_prepare(map, conf);
	if (rc < 0)
		goto unmap;
	map->guard = mem_guard_add(map->base, map->mapped_bytes, file->page_bytes);
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
