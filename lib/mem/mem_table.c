/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Snapshots of guest memory: built, derived and destroyed on the thread of the peer whose memory it
 * is, searched on any.
 * Every table comes out of one function, table_build(), from a plan that lists its regions;
 * nothing is mapped before the whole plan has been checked.
 */
#include "vu_mem_translate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>

#include "vu_fd.h"
#include "vu_limits.h"
#include "vu_log.h"
#include "vu_math.h"
#include "vu_peer.h"

#include "mem_map.h"

/* The last that becomes of a table. */
struct mem_table_end {
	struct vu_peer_job job;
	struct vu_mem_table *table;
};

/* A region to be: a mapping that another table holds, or a description still to be mapped. */
struct plan_region {
	uint64_t gpa;
	uint64_t uva;
	uint64_t len;
	struct mem_map *map;
	const struct vu_mem_region_conf *conf;
};

struct plan {
	const struct vu_mem_table *old; /* where mappings may be found again, or NULL */
	const char *owner_name;
	unsigned int nb_regions;
	struct plan_region regions[VU_MAX_MEM_SLOTS];
};

/* A peer may try again as often as it likes. */
static struct vu_log_limit refusals;

static int
plan_refuse(const struct plan *plan, const struct plan_region *region, int rc, const char *what)
{
	VU_LOG_LIMITED(&refusals, MEM, WARNING, "%s: region gpa 0x%" PRIx64 " uva 0x%" PRIx64
		" of %" PRIu64 " bytes refused: %s: %s", plan->owner_name, region->gpa,
		region->uva, region->len, what, rte_strerror(-rc));
	return rc;
}

static uint64_t
region_gpa(const struct vu_mem_region *region)
{
	return region->gpa_end - region->len;
}

static void *
region_hva(const struct vu_mem_region *region)
{
	return vu_mem_region_hva(region, region_gpa(region));
}

static void
plan_init(struct plan *plan, const struct vu_mem_table *old, const char *owner_name)
{
	plan->old = old;
	plan->owner_name = owner_name;
	plan->nb_regions = 0;
}

static void
plan_add_conf(struct plan *plan, const struct vu_mem_region_conf *conf)
{
	plan->regions[plan->nb_regions++] = (struct plan_region) {
		.gpa = conf->gpa, .uva = conf->uva, .len = conf->len, .conf = conf,
	};
}

static void
plan_add_mapped(struct plan *plan, const struct vu_mem_table *table, unsigned int region_idx)
{
	const struct vu_mem_region *region = &table->regions[region_idx];

	plan->regions[plan->nb_regions++] = (struct plan_region) {
		.gpa = region_gpa(region), .uva = region->uva, .len = region->len,
		.map = table->maps[region_idx],
	};
}

static int
region_check(const struct plan *plan, const struct plan_region *region)
{
	uint64_t end;

	if (region->len == 0)
		return plan_refuse(plan, region, -EINVAL, "length");
	if (!vu_add_fits(region->gpa, region->len, &end) ||
			!vu_add_fits(region->uva, region->len, &end))
		return plan_refuse(plan, region, -EINVAL, "address wraps around");
	return 0;
}

static int
compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int
compare_gpa(const void *a, const void *b)
{
	const struct plan_region *x = a, *y = b;

	return compare_u64(x->gpa, y->gpa);
}

static int
compare_uva(const void *a, const void *b, void *plan_regions)
{
	const struct plan_region *regions = plan_regions;
	const uint16_t *x = a, *y = b;

	return compare_u64(regions[*x].uva, regions[*y].uva);
}

static int
compare_hva(const void *a, const void *b, void *table_regions)
{
	const struct vu_mem_region *regions = table_regions;
	const uint16_t *x = a, *y = b;

	return compare_u64((uintptr_t)region_hva(&regions[*x]),
		(uintptr_t)region_hva(&regions[*y]));
}

/* Sorts the plan by gpa and an index by uva; neighbours in either order must not overlap. */
static int
plan_check(struct plan *plan, uint16_t *by_uva)
{
	struct plan_region *regions = plan->regions;
	int rc;

	for (unsigned int i = 0; i < plan->nb_regions; i++) {
		rc = region_check(plan, &regions[i]);
		if (rc < 0)
			return rc;
		by_uva[i] = (uint16_t)i;
	}
	qsort(regions, plan->nb_regions, sizeof(*regions), compare_gpa);
	qsort_r(by_uva, plan->nb_regions, sizeof(*by_uva), compare_uva, regions);
	for (unsigned int i = 1; i < plan->nb_regions; i++) {
		const struct plan_region *low = &regions[by_uva[i - 1]];
		const struct plan_region *high = &regions[by_uva[i]];

		if (regions[i].gpa - regions[i - 1].gpa < regions[i - 1].len)
			return plan_refuse(plan, &regions[i], -EEXIST, "overlaps by gpa");
		if (high->uva - low->uva < low->len)
			return plan_refuse(plan, high, -EEXIST, "overlaps by uva");
	}
	return 0;
}

static struct mem_map *
table_find_map(const struct vu_mem_table *table, const struct vu_mem_region_conf *conf,
		const struct mem_file *file)
{
	if (table == NULL)
		return NULL;
	for (unsigned int i = 0; i < table->nb_regions; i++)
		if (mem_map_matches(table->maps[i], conf, file))
			return table->maps[i];
	return NULL;
}

static const char *
map_refusal(int rc)
{
	switch (rc) {
	case -ERANGE:
		return "reaches past its file";
	case -EFBIG:
		return "more than the port may map, see max-memory";
	case -ENOSPC:
		return "more than all ports together may map, see --max-memory-total";
	case -EDQUOT:
		return "needs more page tables than the port may have, see max-page-tables";
	case -ENOBUFS:
		return "needs more page tables than all ports together may have, see "
			"--max-page-tables-total";
	default:
		return "cannot be mapped";
	}
}

/*
 * Memory that data lcores must not touch: the table has a hole there, and only a ring that uses it
 * ends. @return what it is; NULL: another error
 */
static const char *
hole_kind(int rc)
{
	switch (rc) {
	case -EMEDIUMTYPE:
		return "its file is neither shared memory nor hugetlbfs (memfd, /dev/shm, "
			"hugepages), and could make a data lcore wait; memory=files has it mapped";
	case -EXDEV:
		return "its file is neither shared memory nor on a local disk (ext4, xfs, btrfs, "
			"f2fs), and could make a data lcore wait for ever";
	case -EROFS:
		return "its file is read-only or sealed against writing";
	default:
		return NULL;
	}
}

static void
plan_log_hole(const struct plan *plan, const struct plan_region *region, const char *kind)
{
	VU_LOG_LIMITED(&refusals, MEM, WARNING, "%s: region gpa 0x%" PRIx64 " uva 0x%" PRIx64
		" of %" PRIu64 " bytes left out, a ring that uses it will stop: %s",
		plan->owner_name, region->gpa, region->uva, region->len, kind);
}

/* Counts what it takes in `used`. *map is NULL for a hole. */
static int
region_map(const struct plan *plan, const struct plan_region *region, struct mem_usage *used,
		struct mem_map **map)
{
	struct mem_file file;
	int rc;

	rc = mem_file_inspect(region->conf, &file);
	if (rc < 0 && hole_kind(rc) != NULL) {
		plan_log_hole(plan, region, hole_kind(rc));
		*map = NULL;
		return 0;
	}
	if (rc < 0)
		return plan_refuse(plan, region, rc, "fd");
	*map = table_find_map(plan->old, region->conf, &file);
	if (*map != NULL) {
		rc = mem_map_check_table(region->conf, &(*map)->usage, used);
		if (rc == 0)
			mem_map_get(*map);
	} else {
		rc = mem_map_create(region->conf, &file, used, map);
	}
	if (rc < 0)
		return plan_refuse(plan, region, rc, map_refusal(rc));
	mem_usage_add(used, &(*map)->usage);
	return 0;
}

static struct mem_usage
plan_usage(const struct plan *plan)
{
	struct mem_usage usage = { 0 };

	/* All in one address space: the sum cannot wrap. */
	for (unsigned int i = 0; i < plan->nb_regions; i++)
		if (plan->regions[i].map != NULL)
			mem_usage_add(&usage, &plan->regions[i].map->usage);
	return usage;
}

/* One block: the table, its regions and an empty one, then the arrays that need less alignment. */
static struct vu_mem_table *
table_alloc(unsigned int nb_regions, const char *owner_name)
{
	size_t regions_bytes = (nb_regions + 1) * sizeof(struct vu_mem_region);
	size_t maps_bytes = nb_regions * sizeof(struct mem_map *);
	size_t end_bytes = sizeof(struct mem_table_end);
	size_t order_bytes = 2 * nb_regions * sizeof(uint16_t); /* by uva and by hva */
	size_t name_bytes = strlen(owner_name) + 1;
	size_t bytes = sizeof(struct vu_mem_table) + regions_bytes + maps_bytes + end_bytes +
		order_bytes + name_bytes;
	struct vu_mem_table *table;
	uint8_t *tail;

	if (posix_memalign((void **)&table, RTE_CACHE_LINE_SIZE, bytes) != 0)
		return NULL;
	memset(table, 0, bytes);
	tail = (uint8_t *)&table->regions[nb_regions + 1];
	table->maps = (struct mem_map **)tail;
	tail += maps_bytes;
	table->end = (struct mem_table_end *)tail;
	table->end->table = table;
	tail += end_bytes;
	table->by_uva = (uint16_t *)tail;
	table->by_hva = table->by_uva + nb_regions;
	table->owner_name = memcpy(tail + order_bytes, owner_name, name_bytes);
	return table;
}

static void
plan_remove(struct plan *plan, unsigned int region_idx)
{
	plan->nb_regions--;
	memmove(&plan->regions[region_idx], &plan->regions[region_idx + 1],
		(plan->nb_regions - region_idx) * sizeof(plan->regions[0]));
}

static void
table_append(struct vu_mem_table *table, const struct plan_region *region, struct mem_map *map)
{
	table->maps[table->nb_regions] = map;
	table->by_hva[table->nb_regions] = (uint16_t)table->nb_regions;
	table->regions[table->nb_regions++] = (struct vu_mem_region) {
		.gpa_end = region->gpa + region->len, .len = region->len,
		.hva_minus_gpa = (uintptr_t)map->hva - region->gpa, .uva = region->uva,
	};
}

static int
table_fill(struct vu_mem_table *table, struct plan *plan)
{
	struct mem_usage used = plan_usage(plan);
	int rc;

	rc = plan_check(plan, table->by_uva);
	if (rc < 0)
		return rc;
	/* nb_regions grows with the mappings: a table given up half-way can be destroyed. */
	while (table->nb_regions < plan->nb_regions) {
		const struct plan_region *region = &plan->regions[table->nb_regions];
		struct mem_map *map = NULL;

		if (region->map != NULL)
			map = mem_map_get(region->map);
		else
			rc = region_map(plan, region, &used, &map);
		if (rc < 0)
			return rc;
		if (map == NULL)
			plan_remove(plan, table->nb_regions);
		else
			table_append(table, region, map);
	}
	qsort_r(table->by_hva, table->nb_regions, sizeof(*table->by_hva), compare_hva,
		table->regions);
	/* The order without the holes. */
	return plan_check(plan, table->by_uva);
}

static struct vu_mem_table *
table_build(struct plan *plan)
{
	struct vu_mem_table *table;
	int rc;

	table = table_alloc(plan->nb_regions, plan->owner_name);
	rc = table == NULL ? -ENOMEM : table_fill(table, plan);
	if (rc < 0) {
		vu_mem_table_destroy(table);
		rte_errno = -rc;
		return NULL;
	}
	return table;
}

/* Consumes the fds; a mapping does not need its own any more. */
static struct vu_mem_table *
table_from_confs(struct plan *plan, const struct vu_mem_region_conf *confs, unsigned int nb_confs)
{
	struct vu_mem_table *table = NULL;
	int fd, rc;

	if (nb_confs <= VU_MAX_MEM_SLOTS - plan->nb_regions) {
		for (unsigned int i = 0; i < nb_confs; i++)
			plan_add_conf(plan, &confs[i]);
		table = table_build(plan);
	} else {
		rte_errno = ENOSPC;
	}
	rc = rte_errno;
	for (unsigned int i = 0; i < nb_confs; i++) {
		fd = confs[i].fd;
		vu_fd_close(&fd);
	}
	rte_errno = rc;
	return table;
}

struct vu_mem_table *
vu_mem_table_create(const struct vu_mem_region_conf *regions, unsigned int nb_regions,
		const char *owner_name)
{
	struct plan plan;

	plan_init(&plan, NULL, owner_name);
	return table_from_confs(&plan, regions, nb_regions);
}

struct vu_mem_table *
vu_mem_table_replace(const struct vu_mem_table *old, const struct vu_mem_region_conf *regions,
		unsigned int nb_regions)
{
	struct plan plan;

	plan_init(&plan, old, old->owner_name);
	return table_from_confs(&plan, regions, nb_regions);
}

struct vu_mem_table *
vu_mem_table_add(const struct vu_mem_table *old, const struct vu_mem_region_conf *region)
{
	struct plan plan;

	plan_init(&plan, NULL, old->owner_name);
	for (unsigned int i = 0; i < old->nb_regions; i++)
		plan_add_mapped(&plan, old, i);
	return table_from_confs(&plan, region, 1);
}

static bool
region_is(const struct vu_mem_region *region, uint64_t gpa, uint64_t uva, uint64_t len)
{
	return region_gpa(region) == gpa && region->uva == uva && region->len == len;
}

bool
vu_mem_table_shows(const struct vu_mem_table *table, const struct vu_mem_region_conf *region)
{
	struct mem_file file;

	for (unsigned int i = 0; i < table->nb_regions; i++)
		if (region_is(&table->regions[i], region->gpa, region->uva, region->len))
			return mem_file_inspect(region, &file) == 0 &&
				mem_map_matches(table->maps[i], region, &file);
	return false;
}

struct vu_mem_table *
vu_mem_table_remove(const struct vu_mem_table *old, uint64_t gpa, uint64_t uva, uint64_t len)
{
	struct plan plan;

	plan_init(&plan, NULL, old->owner_name);
	for (unsigned int i = 0; i < old->nb_regions; i++)
		if (!region_is(&old->regions[i], gpa, uva, len))
			plan_add_mapped(&plan, old, i);
	if (plan.nb_regions == old->nb_regions) {
		rte_errno = ENOENT;
		return NULL;
	}
	return table_build(&plan);
}

void
vu_mem_table_set_peer(struct vu_mem_table *table, struct vu_peer *peer)
{
	table->peer = vu_peer_get(peer);
}

static void
table_free(struct vu_peer_job *job)
{
	struct vu_mem_table *table = container_of(job, struct mem_table_end, job)->table;
	struct vu_peer *peer = table->peer;

	for (unsigned int i = 0; i < table->nb_regions; i++)
		mem_map_put(table->maps[i]);
	free(table);
	if (peer != NULL)
		vu_peer_put(peer);
}

void
vu_mem_table_destroy(struct vu_mem_table *table)
{
	if (table == NULL)
		return;
	table->end->job.fn = table_free;
	if (table->peer != NULL)
		vu_peer_post(table->peer, &table->end->job);
	else
		table_free(&table->end->job);
}

uint64_t
vu_mem_table_page_table_bytes(const struct vu_mem_table *table)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < table->nb_regions; i++)
		bytes += table->maps[i]->usage.page_table_bytes;
	return bytes;
}

bool
vu_mem_table_has_failed(const struct vu_mem_table *table)
{
	for (unsigned int i = 0; i < table->nb_regions; i++)
		if (mem_map_has_failed(table->maps[i]))
			return true;
	return false;
}

unsigned int
vu_mem_table_nb_regions(const struct vu_mem_table *table)
{
	return table->nb_regions;
}

int
vu_mem_region_info_get(const struct vu_mem_table *table, unsigned int region_idx,
		struct vu_mem_region_info *info)
{
	const struct vu_mem_region *region = &table->regions[region_idx];

	if (region_idx >= table->nb_regions)
		return -EINVAL;
	*info = (struct vu_mem_region_info) {
		.gpa = region_gpa(region), .uva = region->uva, .len = region->len,
		.page_bytes = table->maps[region_idx]->file.page_bytes,
		.has_failed = mem_map_has_failed(table->maps[region_idx]),
	};
	return 0;
}

int
vu_mem_region_node(const struct vu_mem_table *table, unsigned int region_idx)
{
	if (region_idx >= table->nb_regions)
		return VU_MEM_NODE_ANY;
	return mem_map_node(table->maps[region_idx]);
}

void *
vu_mem_gpa_find(const struct vu_mem_table *table, uint64_t gpa, uint64_t *len_bytes,
		uint16_t *hint_region)
{
	const struct vu_mem_region *region = table->regions;
	uint32_t nb_left = table->nb_regions;
	uint64_t left;

	/* First region that ends behind gpa; if there is none, the empty one behind the last. */
	while (nb_left > 0) {
		uint32_t half = nb_left / 2;

		if (region[half].gpa_end <= gpa) {
			region += half + 1;
			nb_left -= half + 1;
		} else {
			nb_left = half;
		}
	}
	left = region->gpa_end - gpa;
	if (left == 0 || left > region->len) {
		*len_bytes = 0;
		return NULL;
	}
	*hint_region = (uint16_t)(region - table->regions);
	*len_bytes = RTE_MIN(*len_bytes, left);
	return vu_mem_region_hva(region, gpa);
}

void *
vu_mem_gpa_range_to_hva(const struct vu_mem_table *table, uint64_t gpa, uint64_t len_bytes)
{
	uint64_t contiguous_bytes = len_bytes;
	uint16_t region_idx;
	void *hva;

	hva = vu_mem_gpa_find(table, gpa, &contiguous_bytes, &region_idx);
	return contiguous_bytes == len_bytes ? hva : NULL;
}

/* Address of a region in one of the orders that are not that of gpa. */
static uint64_t
region_uva(const struct vu_mem_region *region)
{
	return region->uva;
}

static uint64_t
region_hva_number(const struct vu_mem_region *region)
{
	return (uintptr_t)region_hva(region);
}

/* The last region, in an order, that starts at or before an address; NULL if there is none. */
static __rte_always_inline const struct vu_mem_region *
region_before(const struct vu_mem_table *table, const uint16_t *order, uint64_t address,
		uint64_t (*start)(const struct vu_mem_region *region))
{
	uint32_t low = 0, nb_left = table->nb_regions;

	while (nb_left > 0) {
		uint32_t half = nb_left / 2;

		if (start(&table->regions[order[low + half]]) <= address) {
			low += half + 1;
			nb_left -= half + 1;
		} else {
			nb_left = half;
		}
	}
	return low != 0 ? &table->regions[order[low - 1]] : NULL;
}

void *
vu_mem_uva_to_hva(const struct vu_mem_table *table, uint64_t uva, uint64_t len_bytes)
{
	const struct vu_mem_region *region = region_before(table, table->by_uva, uva, region_uva);

	if (region == NULL || !vu_range_inside(uva, len_bytes, region->uva, region->len))
		return NULL;
	return RTE_PTR_ADD(region_hva(region), uva - region->uva);
}

void *
vu_mem_uva_find(const struct vu_mem_table *table, uint64_t uva, uint64_t *len_bytes,
		uint16_t *region_idx)
{
	const struct vu_mem_region *region = region_before(table, table->by_uva, uva, region_uva);

	if (region == NULL || uva - region->uva >= region->len) {
		*len_bytes = 0;
		return NULL;
	}
	*region_idx = (uint16_t)(region - table->regions);
	*len_bytes = RTE_MIN(*len_bytes, region->len - (uva - region->uva));
	return RTE_PTR_ADD(region_hva(region), uva - region->uva);
}

uint64_t
vu_mem_hva_find(const struct vu_mem_table *table, const void *hva)
{
	const struct vu_mem_region *region = region_before(table, table->by_hva, (uintptr_t)hva,
		region_hva_number);
	uint64_t gpa;

	if (region == NULL)
		return UINT64_MAX;
	gpa = (uintptr_t)hva - region->hva_minus_gpa;
	return gpa < region->gpa_end ? gpa : UINT64_MAX;
}
