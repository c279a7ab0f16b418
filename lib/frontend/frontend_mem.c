/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory that is shared with the back-end: the list of regions, and its changes while connected.
 * The list outlives connections; each new one gets all of it.
 */
#include "frontend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "vu_fd.h"
#include "vu_math.h"

static int
region_check(const struct vu_frontend *fe, const struct vu_frontend_region *region)
{
	uint64_t page_mask = (uint64_t)getpagesize() - 1;
	uint64_t start = (uintptr_t)region->hva;

	if (region->bytes == 0 || region->gpa + region->bytes < region->gpa ||
			((region->bytes | start | region->mmap_offset) & page_mask) != 0)
		return -EINVAL;
	for (uint32_t i = 0; i < fe->nb_regions; i++) {
		const struct vu_frontend_region *other = &fe->regions[i].conf;

		if (vu_ranges_overlap(region->gpa, region->bytes, other->gpa, other->bytes) ||
				vu_ranges_overlap(start, region->bytes, (uintptr_t)other->hva,
					other->bytes))
			return -EEXIST;
	}
	return fe->nb_regions < VU_MAX_MEM_SLOTS ? 0 : -ENOSPC;
}

/* Drop a region; the order of the others does not matter. */
static void
region_drop(struct vu_frontend *fe, uint32_t i)
{
	struct frontend_region *region = &fe->regions[i];

	vu_fd_close(&region->conf.fd);
	if (region->is_mapped)
		munmap(region->conf.hva, region->conf.bytes);
	fe->nb_regions--;
	*region = fe->regions[fe->nb_regions];
}

static int
mem_send_table(struct vu_frontend *fe)
{
	struct vu_frontend_region confs[VU_MAX_MSG_FDS];

	if (fe->nb_regions > RTE_DIM(confs))
		return -ENOSPC;
	for (uint32_t i = 0; i < fe->nb_regions; i++)
		confs[i] = fe->regions[i].conf;
	return FRONTEND_OP(fe, set_mem, confs, fe->nb_regions);
}

/* Send one region, or the table with it. */
static int
mem_send(struct vu_frontend *fe, const struct vu_frontend_region *region)
{
	int rc;

	if (fe->nb_regions > fe->max_regions)
		return -ENOSPC;
	rc = FRONTEND_OP(fe, add_mem, region);
	return rc == -EOPNOTSUPP ? mem_send_table(fe) : rc;
}

int
frontend_mem_share(struct vu_frontend *fe)
{
	for (uint32_t i = 0; i < fe->nb_regions; i++) {
		int rc = fe->nb_regions > fe->max_regions ? -ENOSPC :
			FRONTEND_OP(fe, add_mem, &fe->regions[i].conf);

		if (rc == -EOPNOTSUPP)
			return mem_send_table(fe);
		if (rc != 0) {
			VU_LOG(FRONTEND, ERR, "%s: region %u of %u: %s", fe->name, i,
				fe->nb_regions, rte_strerror(-rc));
			return rc;
		}
	}
	return 0;
}

/* Add a region; its fd is owned on every path. */
static int
mem_add(struct vu_frontend *fe, const struct frontend_region *region)
{
	int fd = region->conf.fd;
	int rc = region_check(fe, &region->conf);

	if (rc != 0) {
		vu_fd_close(&fd);
		return rc;
	}
	fe->regions[fe->nb_regions++] = *region;
	rc = fe->is_connected ? mem_send(fe, &region->conf) : 0;
	if (rc == 0)
		return 0;
	fe->regions[fe->nb_regions - 1].is_mapped = false;
	region_drop(fe, fe->nb_regions - 1);
	return rc;
}

static int
mem_add_dup(struct vu_frontend *fe, const struct vu_frontend_region *conf)
{
	struct frontend_region region = { .conf = *conf };

	region.conf.fd = fcntl(conf->fd, F_DUPFD_CLOEXEC, 0);
	if (region.conf.fd < 0)
		return -errno;
	return mem_add(fe, &region);
}

int
vu_frontend_mem_add(struct vu_frontend *fe, const struct vu_frontend_region *region)
{
	return frontend_result(fe, mem_add_dup(fe, region));
}

/* The back-end drops it first; whatever it answers, so do we. */
static int
mem_remove(struct vu_frontend *fe, uint32_t i)
{
	struct vu_frontend_region conf = fe->regions[i].conf;
	int rc = fe->is_connected ? FRONTEND_OP(fe, remove_mem, &conf) : 0;

	region_drop(fe, i);
	return rc == -EOPNOTSUPP ? mem_send_table(fe) : rc;
}

int
vu_frontend_mem_remove(struct vu_frontend *fe, uint64_t gpa)
{
	for (uint32_t i = 0; i < fe->nb_regions; i++)
		if (fe->regions[i].conf.gpa == gpa)
			return frontend_result(fe, mem_remove(fe, i));
	return -ENOENT;
}

void *
vu_frontend_mem_alloc(struct vu_frontend *fe, size_t bytes, size_t page_bytes)
{
	size_t align = page_bytes != 0 ? page_bytes : (size_t)getpagesize();
	struct frontend_region region = { .is_mapped = true };
	uint64_t rounded;
	void *hva;
	int rc;

	if (bytes == 0 || !vu_align_up_fits(bytes, align, &rounded)) {
		rte_errno = EINVAL;
		return NULL;
	}
	region.conf.fd = vu_fd_memfd("vu-frontend", rounded, page_bytes);
	if (region.conf.fd < 0) {
		rte_errno = -region.conf.fd;
		return NULL;
	}
	hva = mmap(NULL, rounded, PROT_READ | PROT_WRITE, MAP_SHARED, region.conf.fd, 0);
	if (hva == MAP_FAILED) {
		vu_fd_close(&region.conf.fd);
		rte_errno = ENOMEM;
		return NULL;
	}
	region.conf.hva = hva;
	region.conf.gpa = (uintptr_t)hva;
	region.conf.bytes = rounded;
	rc = frontend_result(fe, mem_add(fe, &region));
	if (rc == 0)
		return hva;
	munmap(hva, rounded);
	rte_errno = -rc;
	return NULL;
}

/*
 * Walk of DPDK's memory. DPDK's lock is held meanwhile: pages are only noted, requests come later.
 * Fds of runs belong to DPDK until the end of the walk, which duplicates them.
 */
struct dpdk_walk {
	struct vu_frontend *fe;
	struct vu_frontend_region *runs; /* pages that are not shared yet; NULL: not wanted */
	uint32_t nb_runs;
};

static bool
is_same_file(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
		sa.st_ino == sb.st_ino;
}

/* Region through which this very page is shared already. */
static struct frontend_region *
dpdk_find(struct vu_frontend *fe, const struct vu_frontend_region *page)
{
	for (uint32_t i = 0; i < fe->nb_regions; i++) {
		struct frontend_region *region = &fe->regions[i];
		uint64_t offset = page->gpa - region->conf.gpa;

		if (region->is_dpdk && offset < region->conf.bytes &&
				region->conf.mmap_offset + offset == page->mmap_offset &&
				is_same_file(region->conf.fd, page->fd))
			return region;
	}
	return NULL;
}

static int
dpdk_note(struct dpdk_walk *walk, const struct vu_frontend_region *page)
{
	struct vu_frontend_region *run = walk->nb_runs == 0 ? NULL :
		&walk->runs[walk->nb_runs - 1];
	int fd;

	if (run != NULL && page->gpa == run->gpa + run->bytes &&
			page->mmap_offset == run->mmap_offset + run->bytes &&
			is_same_file(page->fd, run->fd)) {
		run->bytes += page->bytes;
		return 0;
	}
	if (walk->nb_runs == VU_MAX_MEM_SLOTS)
		return -ENOSPC;
	fd = fcntl(page->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	walk->runs[walk->nb_runs] = *page;
	walk->runs[walk->nb_runs++].fd = fd;
	return 0;
}

static int
dpdk_page(const struct rte_memseg_list *msl, const struct rte_memseg *seg, void *arg)
{
	struct dpdk_walk *walk = arg;
	struct vu_frontend_region page = {
		.hva = seg->addr, .gpa = seg->addr_64, .bytes = seg->len,
	};
	struct frontend_region *known;
	size_t offset;

	if (msl->external)
		return 0;
	page.fd = rte_memseg_get_fd_thread_unsafe(seg);
	if (page.fd < 0 || rte_memseg_get_fd_offset_thread_unsafe(seg, &offset) < 0)
		return -ENOTSUP;
	page.mmap_offset = offset;
	known = dpdk_find(walk->fe, &page);
	if (known != NULL)
		known->seen_bytes += page.bytes;
	return known == NULL && walk->runs != NULL ? dpdk_note(walk, &page) : 0;
}

/* Regions of which DPDK gave back a part. */
static int
dpdk_remove_gone(struct vu_frontend *fe)
{
	struct dpdk_walk walk = { .fe = fe };
	int rc;

	for (uint32_t i = 0; i < fe->nb_regions; i++)
		fe->regions[i].seen_bytes = 0;
	rc = rte_memseg_walk(dpdk_page, &walk);
	for (uint32_t i = fe->nb_regions; i-- > 0 && rc == 0;)
		if (fe->regions[i].is_dpdk &&
				fe->regions[i].seen_bytes < fe->regions[i].conf.bytes)
			rc = mem_remove(fe, i);
	return rc;
}

static int
dpdk_add_new(struct vu_frontend *fe)
{
	struct dpdk_walk walk = { .fe = fe, .runs = calloc(VU_MAX_MEM_SLOTS, sizeof(*walk.runs)) };
	int rc;

	if (walk.runs == NULL)
		return -ENOMEM;
	rc = rte_memseg_walk(dpdk_page, &walk);
	for (uint32_t i = 0; i < walk.nb_runs; i++) {
		struct frontend_region region = { .conf = walk.runs[i], .is_dpdk = true };

		if (rc == 0)
			rc = mem_add(fe, &region);
		else
			vu_fd_close(&walk.runs[i].fd);
	}
	free(walk.runs);
	return rc;
}

int
vu_frontend_mem_share_dpdk(struct vu_frontend *fe)
{
	int rc = dpdk_remove_gone(fe);

	return frontend_result(fe, rc == 0 ? dpdk_add_new(fe) : rc);
}

void
frontend_mem_release(struct vu_frontend *fe)
{
	while (fe->nb_regions > 0)
		region_drop(fe, fe->nb_regions - 1);
}
