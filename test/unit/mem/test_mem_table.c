/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory tables: what is refused, what derived tables share, who owns fds.
 */
#include "test.h"

#include <inttypes.h>

#include <rte_errno.h>

#include "vu_limits.h"

#include "mem_fixture.h"

#define FILE_BYTES (16 * PAGE_BYTES)

struct bad_pair {
	const char *what;
	struct vu_mem_region_conf regions[2];
	int error;
};

/* The first region is sound in every pair: it covers 1000h..4fffh, uva 10000h..13fffh. */
#define SOUND { .gpa = 0x1000, .len = 0x4000, .uva = 0x10000 }

static const struct bad_pair bad_pairs[] = {
	{ "no length", { SOUND, { .gpa = 0x8000, .len = 0, .uva = 0x20000 } }, EINVAL },
	{ "no length inside a page", { SOUND, { .gpa = 0x8000, .len = 0, .uva = 0x20000,
		.mmap_offset = 0x10 } }, EINVAL },
	{ "gpa wraps", { SOUND, { .gpa = UINT64_MAX - 0xfff, .len = 0x2000, .uva = 0x20000 } },
		EINVAL },
	{ "gpa ends at 2^64", { SOUND, { .gpa = UINT64_MAX - 0xfff, .len = 0x1000,
		.uva = 0x20000 } }, EINVAL },
	{ "uva wraps", { SOUND, { .gpa = 0x8000, .len = 0x2000, .uva = UINT64_MAX - 0xfff } },
		EINVAL },
	{ "same gpa", { SOUND, { .gpa = 0x1000, .len = 0x1000, .uva = 0x20000 } }, EEXIST },
	{ "gpa in last byte", { SOUND, { .gpa = 0x4fff, .len = 0x1000, .uva = 0x20000 } },
		EEXIST },
	{ "gpa from below", { SOUND, { .gpa = 0, .len = 0x1001, .uva = 0x20000 } }, EEXIST },
	{ "gpa around", { SOUND, { .gpa = 0, .len = 0x8000, .uva = 0x20000 } }, EEXIST },
	{ "same uva", { SOUND, { .gpa = 0x8000, .len = 0x1000, .uva = 0x10000 } }, EEXIST },
	{ "uva in last byte", { SOUND, { .gpa = 0x8000, .len = 0x1000, .uva = 0x13fff } },
		EEXIST },
	{ "uva from below", { SOUND, { .gpa = 0x8000, .len = 0x1001, .uva = 0xf000 } }, EEXIST },
	{ "past the file", { SOUND, { .gpa = 0x8000, .len = 0x1001, .uva = 0x20000,
		.mmap_offset = FILE_BYTES - 0x1000 } }, ERANGE },
	{ "longer than the file", { SOUND, { .gpa = 0x8000, .len = FILE_BYTES + 1,
		.uva = 0x20000 } }, ERANGE },
	{ "offset behind the file", { SOUND, { .gpa = 0x8000, .len = 1, .uva = 0x20000,
		.mmap_offset = FILE_BYTES } }, ERANGE },
	{ "offset + length wraps", { SOUND, { .gpa = 0x8000, .len = 0x1000, .uva = 0x20000,
		.mmap_offset = UINT64_MAX - 0xfff } }, ERANGE },
	{ "rounding up wraps", { SOUND, { .gpa = 0x8000, .len = 0x10, .uva = 0x20000,
		.mmap_offset = UINT64_MAX - 0x20 } }, ERANGE },
};

static void
check_bad_pair(const struct bad_pair *pair, bool is_swapped)
{
	struct vu_mem_region_conf regions[2] = {
		pair->regions[is_swapped], pair->regions[!is_swapped],
	};
	int fds[2] = { memory_file(FILE_BYTES), memory_file(FILE_BYTES) };
	struct vu_mem_table *table;

	for (unsigned int i = 0; i < 2; i++) {
		CHECK(fds[i] >= 0);
		regions[i].fd = fds[i];
		regions[i].numa_node = VU_MEM_NODE_ANY;
	}
	rte_errno = 0;
	table = vu_mem_table_create(regions, 2, "test");
	if (table != NULL || rte_errno != pair->error)
		printf("%s: rte_errno %d\n", pair->what, rte_errno);
	CHECK(table == NULL);
	CHECK_EQ(rte_errno, pair->error);
	CHECK(!memory_fd_is_open(fds[0]));
	CHECK(!memory_fd_is_open(fds[1]));
	CHECK_EQ(memory_mapped_bytes(), 0);
}

VU_TEST(mem_table, refuses_bad_regions)
{
	for (unsigned int i = 0; i < RTE_DIM(bad_pairs); i++) {
		check_bad_pair(&bad_pairs[i], false);
		check_bad_pair(&bad_pairs[i], true);
	}
}

VU_TEST(mem_table, add_refuses_overlap_and_keeps_old)
{
	int file = memory_file(FILE_BYTES);
	struct vu_mem_table *table = memory_table(file, 0x1000, 0x4000, 0);
	struct vu_mem_region_conf region;

	CHECK(table != NULL);
	region = memory_region(file, 0x4000, 0x1000, 0x8000);
	CHECK(vu_mem_table_add(table, &region) == NULL);
	CHECK_EQ(rte_errno, EEXIST);
	CHECK(!memory_fd_is_open(region.fd));
	region = memory_region(file, 0x8000, 0x1000, 0x8000);
	region.uva = 0x4000 + UVA_BASE;
	CHECK(vu_mem_table_add(table, &region) == NULL);
	CHECK_EQ(rte_errno, EEXIST);
	CHECK(memory_hva(table, 0x1000) != NULL);
	CHECK_EQ(memory_mapped_bytes(), 0x4000);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

VU_TEST(mem_table, address_zero_and_touching_regions_are_legal)
{
	int file = memory_file(FILE_BYTES);
	struct vu_mem_region_conf regions[] = {
		memory_region(file, 0x2000, 0x1000, 0x1000),
		memory_region(file, 0, 0x2000, 0x2000),
	};
	struct vu_mem_table *table;

	regions[0].uva = 0x2000;
	regions[1].uva = 0;
	table = vu_mem_table_create(regions, 2, "test");
	CHECK(table != NULL);
	CHECK(memory_hva(table, 0) != NULL);
	CHECK(vu_mem_uva_to_hva(table, 0, 0x2000) == memory_hva(table, 0));
	CHECK(vu_mem_uva_to_hva(table, 0x2000, 0x1000) == memory_hva(table, 0x2000));
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

VU_TEST(mem_table, empty_table)
{
	struct vu_mem_table *table = vu_mem_table_create(NULL, 0, "test");
	struct vu_mem_region_info info;

	CHECK(table != NULL);
	CHECK_EQ(vu_mem_table_nb_regions(table), 0);
	CHECK(memory_hva(table, 0) == NULL);
	CHECK(vu_mem_uva_to_hva(table, 0, 1) == NULL);
	CHECK(!vu_mem_table_has_failed(table));
	CHECK_EQ(vu_mem_region_info_get(table, 0, &info), -EINVAL);
	CHECK_EQ(vu_mem_region_node(table, 0), VU_MEM_NODE_ANY);
	vu_mem_table_destroy(table);
	vu_mem_table_destroy(NULL);
}

static void
fill_slots(struct vu_mem_region_conf *regions, unsigned int nb_regions, int file)
{
	/* Upwards in gpa, downwards in uva, and neither in the order of the array. */
	for (unsigned int i = 0; i < nb_regions; i++) {
		uint64_t place = (i * 7 + 3) % nb_regions;

		regions[i] = memory_region(file, place * 2 * PAGE_BYTES, PAGE_BYTES,
			place * PAGE_BYTES);
		regions[i].uva = UVA_BASE - place * PAGE_BYTES;
	}
}

VU_TEST(mem_table, all_slots_and_not_one_more)
{
	static struct vu_mem_region_conf regions[VU_MAX_MEM_SLOTS + 1];
	int file = memory_file((VU_MAX_MEM_SLOTS + 1) * PAGE_BYTES);
	struct vu_mem_region_conf one_more;
	struct vu_mem_table *table;

	fill_slots(regions, VU_MAX_MEM_SLOTS + 1, file);
	CHECK(vu_mem_table_create(regions, VU_MAX_MEM_SLOTS + 1, "test") == NULL);
	CHECK_EQ(rte_errno, ENOSPC);
	for (unsigned int i = 0; i <= VU_MAX_MEM_SLOTS; i++)
		CHECK(!memory_fd_is_open(regions[i].fd));

	fill_slots(regions, VU_MAX_MEM_SLOTS, file);
	table = vu_mem_table_create(regions, VU_MAX_MEM_SLOTS, "test");
	CHECK(table != NULL);
	CHECK_EQ(vu_mem_table_nb_regions(table), VU_MAX_MEM_SLOTS);
	for (uint64_t i = 0; i < VU_MAX_MEM_SLOTS; i++) {
		void *hva = memory_hva(table, i * 2 * PAGE_BYTES);

		CHECK(hva != NULL);
		CHECK(vu_mem_uva_to_hva(table, UVA_BASE - i * PAGE_BYTES, PAGE_BYTES) == hva);
		CHECK(memory_hva(table, (i * 2 + 1) * PAGE_BYTES) == NULL);
	}
	one_more = memory_region(file, UINT64_C(1) << 40, PAGE_BYTES, 0);
	CHECK(vu_mem_table_add(table, &one_more) == NULL);
	CHECK_EQ(rte_errno, ENOSPC);
	CHECK(!memory_fd_is_open(one_more.fd));
	vu_mem_table_destroy(table);
	CHECK_EQ(memory_mapped_bytes(), 0);
	vu_fd_close(&file);
}

VU_TEST(mem_table, derived_tables_share_mappings)
{
	int file = memory_file(FILE_BYTES);
	struct vu_mem_table *first = memory_table(file, 0x10000, 0x4000, 0);
	struct vu_mem_region_conf region = memory_region(file, 0, 0x2000, 0x8000);
	struct vu_mem_table *both, *second;
	uint8_t *hva = memory_hva(first, 0x10000);

	CHECK(hva != NULL);
	both = vu_mem_table_add(first, &region);
	CHECK(both != NULL);
	CHECK(!memory_fd_is_open(region.fd));
	CHECK_EQ(vu_mem_table_nb_regions(first), 1);
	CHECK_EQ(vu_mem_table_nb_regions(both), 2);
	CHECK(memory_hva(both, 0x10000) == hva);
	CHECK_EQ(memory_mapped_bytes(), 0x6000);

	second = vu_mem_table_remove(both, 0x10000, 0x10000 + UVA_BASE, 0x4000);
	CHECK(second != NULL);
	CHECK(memory_hva(second, 0x10000) == NULL);
	CHECK(memory_hva(second, 0) == memory_hva(both, 0));

	vu_mem_table_destroy(first);
	*hva = 1; /* still held by both */
	vu_mem_table_destroy(both);
	CHECK_EQ(memory_mapped_bytes(), 0x2000);
	vu_mem_table_destroy(second);
	CHECK_EQ(memory_mapped_bytes(), 0);
	vu_fd_close(&file);
}

VU_TEST(mem_table, remove_wants_all_three_values)
{
	int file = memory_file(FILE_BYTES);
	struct vu_mem_table *table = memory_table(file, 0x1000, 0x4000, 0);
	struct vu_mem_table *empty;

	CHECK(table != NULL);
	CHECK(vu_mem_table_remove(table, 0, 0x1000 + UVA_BASE, 0x4000) == NULL);
	CHECK_EQ(rte_errno, ENOENT);
	CHECK(vu_mem_table_remove(table, 0x1000, UVA_BASE, 0x4000) == NULL);
	CHECK_EQ(rte_errno, ENOENT);
	CHECK(vu_mem_table_remove(table, 0x1000, 0x1000 + UVA_BASE, 0x3000) == NULL);
	CHECK_EQ(rte_errno, ENOENT);
	empty = vu_mem_table_remove(table, 0x1000, 0x1000 + UVA_BASE, 0x4000);
	CHECK(empty != NULL);
	CHECK_EQ(vu_mem_table_nb_regions(empty), 0);
	vu_mem_table_destroy(table);
	CHECK_EQ(memory_mapped_bytes(), 0);
	vu_mem_table_destroy(empty);
	vu_fd_close(&file);
}

VU_TEST(mem_table, replace_keeps_same_bytes_of_same_file)
{
	int file = memory_file(FILE_BYTES), other_file = memory_file(FILE_BYTES);
	struct vu_mem_region_conf regions[] = {
		memory_region(file, 0x0000, 0x2000, 0x0000),
		memory_region(file, 0x4000, 0x2000, 0x2000),
		memory_region(file, 0x8000, 0x2000, 0x4000),
	};
	struct vu_mem_table *old = vu_mem_table_create(regions, 3, "test");
	struct vu_mem_table *table;

	CHECK(old != NULL);
	regions[0] = memory_region(file, 0x1000, 0x2000, 0x0000);       /* other address only */
	regions[1] = memory_region(file, 0x4000, 0x2000, 0x3000);       /* other bytes */
	regions[2] = memory_region(other_file, 0x8000, 0x2000, 0x4000); /* other file */
	table = vu_mem_table_replace(old, regions, 3);
	CHECK(table != NULL);
	CHECK(memory_hva(table, 0x1000) == memory_hva(old, 0x0000));
	CHECK(memory_hva(table, 0x4000) != memory_hva(old, 0x4000));
	CHECK(memory_hva(table, 0x8000) != memory_hva(old, 0x8000));
	CHECK_EQ(memory_mapped_bytes(), 0xa000);
	vu_mem_table_destroy(old);
	CHECK_EQ(memory_mapped_bytes(), 0x6000);
	*(uint8_t *)memory_hva(table, 0x1000) = 1;
	vu_mem_table_destroy(table);
	CHECK_EQ(memory_mapped_bytes(), 0);
	vu_fd_close(&file);
	vu_fd_close(&other_file);
}

VU_TEST(mem_table, failed_replace_gives_back_what_it_took)
{
	int file = memory_file(FILE_BYTES);
	struct vu_mem_table *old = memory_table(file, 0, 0x2000, 0);
	struct vu_mem_region_conf regions[] = {
		memory_region(file, 0x0000, 0x2000, 0x0000),
		memory_region(file, 0x4000, 0x2000, 0x2000),
		memory_region(file, 0x8000, 0x2000, FILE_BYTES), /* the last to be mapped */
	};

	CHECK(old != NULL);
	CHECK(vu_mem_table_replace(old, regions, 3) == NULL);
	CHECK_EQ(rte_errno, ERANGE);
	for (unsigned int i = 0; i < RTE_DIM(regions); i++)
		CHECK(!memory_fd_is_open(regions[i].fd));
	CHECK_EQ(memory_mapped_bytes(), 0x2000);
	*(uint8_t *)memory_hva(old, 0) = 1;
	vu_mem_table_destroy(old);
	CHECK_EQ(memory_mapped_bytes(), 0);
	vu_fd_close(&file);
}

VU_TEST(mem_table, region_info_in_order_of_gpa)
{
	int file = memory_file(FILE_BYTES);
	struct vu_mem_region_conf regions[] = {
		memory_region(file, 0x8000, 0x1800, 0x1000),
		memory_region(file, 0x0000, 0x1000, 0x0000),
	};
	struct vu_mem_table *table = vu_mem_table_create(regions, 2, "test");
	struct vu_mem_region_info info;

	CHECK(table != NULL);
	CHECK_EQ(vu_mem_region_info_get(table, 1, &info), 0);
	CHECK_EQ(info.gpa, 0x8000);
	CHECK_EQ(info.uva, 0x8000 + UVA_BASE);
	CHECK_EQ(info.len, 0x1800);
	CHECK_EQ(info.page_bytes, sysconf(_SC_PAGESIZE));
	CHECK(!info.has_failed);
	CHECK_EQ(vu_mem_region_info_get(table, 0, &info), 0);
	CHECK_EQ(info.gpa, 0);
	CHECK_EQ(vu_mem_region_info_get(table, 2, &info), -EINVAL);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

static struct vu_mem_region_conf
limited_region(int file, unsigned int i, uint64_t max_bytes)
{
	struct vu_mem_region_conf region = memory_region(file, i * 8 * PAGE_BYTES, 8 * PAGE_BYTES,
		i * 8 * PAGE_BYTES);

	region.policy.max_bytes = max_bytes;
	return region;
}

VU_TEST(mem_table, all_regions_count_for_the_limit)
{
	const uint64_t max = 16 * PAGE_BYTES;
	int file = memory_file(32 * PAGE_BYTES);
	struct vu_mem_region_conf regions[] = {
		limited_region(file, 0, max), limited_region(file, 2, max),
	};
	struct vu_mem_region_conf between = limited_region(file, 1, max);
	struct vu_mem_table *table = vu_mem_table_create(regions, 2, "test");
	struct vu_mem_table *next;

	CHECK(table != NULL);
	CHECK(vu_mem_table_add(table, &between) == NULL);
	CHECK_EQ(rte_errno, EFBIG);
	/* What is mapped already counts once, and not less. */
	regions[0] = limited_region(file, 0, max);
	regions[1] = limited_region(file, 2, max);
	next = vu_mem_table_replace(table, regions, 2);
	CHECK(next != NULL);
	vu_mem_table_destroy(table);
	regions[0] = limited_region(file, 0, max - 1);
	regions[1] = limited_region(file, 2, max - 1);
	CHECK(vu_mem_table_replace(next, regions, 2) == NULL);
	CHECK_EQ(rte_errno, EFBIG);
	vu_mem_table_destroy(next);
	vu_fd_close(&file);
}
