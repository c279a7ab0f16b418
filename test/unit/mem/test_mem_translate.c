/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Address translation: edges, hostile values, stale hints, and random tables against a plain
 * search through the descriptions that the table was made of.
 */
#include "test.h"

#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "vu_limits.h"

#include "mem_fixture.h"

#define GAP_GPA UINT64_C(0x5000)

/* 0..1fff, 2000..4fff touching it, a gap, 8000..9fff; bytes of the file in another order. */
static struct vu_mem_table *
three_regions(int file)
{
	struct vu_mem_region_conf regions[] = {
		memory_region(file, 0x8000, 0x2000, 0x0000),
		memory_region(file, 0x2000, 0x3000, 0x8000),
		memory_region(file, 0x0000, 0x2000, 0x4000),
	};

	return vu_mem_table_create(regions, RTE_DIM(regions), "test");
}

static void *
translate(const struct vu_mem_table *table, uint64_t gpa, uint64_t *len_bytes)
{
	uint16_t hint = 0;

	return vu_mem_gpa_to_hva(table, gpa, len_bytes, &hint);
}

VU_TEST(mem_translate, shows_the_bytes_of_the_file)
{
	int file = memory_file(0x10000);
	struct vu_mem_table *table = three_regions(file);
	uint64_t len_bytes = 4;
	char *hva;

	CHECK(table != NULL);
	CHECK_EQ(pwrite(file, "abcd", 4, 0x8123), 4);
	hva = translate(table, 0x2123, &len_bytes);
	CHECK(hva != NULL);
	CHECK_EQ(len_bytes, 4);
	CHECK_EQ(memcmp(hva, "abcd", 4), 0);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

struct edge {
	uint64_t gpa;
	uint64_t wanted;
	uint64_t got; /* 0: no translation */
};

static const struct edge edges[] = {
	{ 0, 1, 1 },
	{ 0, 0x2000, 0x2000 },
	{ 0, 0x2001, 0x2000 },
	{ 0x1fff, 1, 1 },
	{ 0x1fff, 2, 1 },
	{ 0x2000, 0x3000, 0x3000 },
	{ 0x4fff, 1, 1 },
	{ 0x4fff, UINT64_MAX, 1 },
	{ GAP_GPA, 1, 0 },
	{ 0x7fff, 1, 0 },
	{ 0x7fff, 2, 0 },
	{ 0x8000, UINT64_MAX, 0x2000 },
	{ 0x9fff, 1, 1 },
	{ 0xa000, 1, 0 },
	{ UINT64_MAX, 1, 0 },
	{ UINT64_MAX, UINT64_MAX, 0 },
	{ UINT64_MAX - 0xfff, 0x2000, 0 },
	{ UINT64_C(1) << 63, 1, 0 },
};

VU_TEST(mem_translate, edges_with_every_hint)
{
	static const uint16_t hints[] = { 0, 1, 2, 3, 4, 508, 509, UINT16_MAX };
	int file = memory_file(0x10000);
	struct vu_mem_table *table = three_regions(file);

	CHECK(table != NULL);
	for (unsigned int i = 0; i < RTE_DIM(edges) * RTE_DIM(hints); i++) {
		const struct edge *edge = &edges[i / RTE_DIM(hints)];
		uint16_t hint = hints[i % RTE_DIM(hints)];
		uint64_t len_bytes = edge->wanted;
		void *hva = vu_mem_gpa_to_hva(table, edge->gpa, &len_bytes, &hint);

		CHECK_EQ(len_bytes, edge->got);
		CHECK_EQ(hva != NULL, edge->got != 0);
		if (hva != NULL)
			CHECK(vu_mem_region_has(&table->regions[hint], edge->gpa, edge->got));
		else
			CHECK_EQ(hint, hints[i % RTE_DIM(hints)]);
		CHECK_EQ(vu_mem_gpa_range_to_hva(table, edge->gpa, edge->wanted) != NULL,
			edge->got == edge->wanted);
	}
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

VU_TEST(mem_translate, range_across_regions_in_pieces)
{
	int file = memory_file(0x10000);
	struct vu_mem_table *table = three_regions(file);
	uint64_t len_bytes = 0x400;
	uint16_t hint = 0;
	char *low, *high;

	CHECK(table != NULL);
	low = vu_mem_gpa_to_hva(table, 0x1f00, &len_bytes, &hint);
	CHECK_EQ(len_bytes, 0x100);
	CHECK_EQ(hint, 0);
	len_bytes = 0x300;
	high = vu_mem_gpa_to_hva(table, 0x2000, &len_bytes, &hint);
	CHECK_EQ(len_bytes, 0x300);
	CHECK_EQ(hint, 1);
	memset(low, 'l', 0x100);
	memset(high, 'h', 0x300);
	CHECK_EQ(pread(file, &hint, 2, 0x5ffe), 2);
	CHECK_EQ(hint, 'l' << 8 | 'l');
	CHECK_EQ(pread(file, &hint, 2, 0x8000), 2);
	CHECK_EQ(hint, 'h' << 8 | 'h');
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

VU_TEST(mem_translate, uva_whole_or_nothing)
{
	int file = memory_file(0x10000);
	struct vu_mem_table *table = three_regions(file);

	CHECK(table != NULL);
	for (unsigned int i = 0; i < RTE_DIM(edges); i++) {
		const struct edge *edge = &edges[i];
		void *hva = vu_mem_uva_to_hva(table, edge->gpa + UVA_BASE, edge->wanted);

		CHECK(hva == vu_mem_gpa_range_to_hva(table, edge->gpa, edge->wanted));
	}
	CHECK(vu_mem_uva_to_hva(table, 0, 1) == NULL);
	CHECK(vu_mem_uva_to_hva(table, UVA_BASE - 1, 1) == NULL);
	CHECK(vu_mem_uva_to_hva(table, UVA_BASE - 1, 2) == NULL);
	CHECK(vu_mem_uva_to_hva(table, UINT64_MAX, UINT64_MAX) == NULL);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

VU_TEST(mem_translate, hinted_region_is_always_there)
{
	struct vu_mem_table *table = vu_mem_table_create(NULL, 0, "test");
	uint64_t len_bytes = 1;

	CHECK(table != NULL);
	CHECK(!vu_mem_region_has(vu_mem_region_hinted(table, 0), 0, 1));
	CHECK(!vu_mem_region_has(vu_mem_region_hinted(table, UINT16_MAX), UINT64_MAX, 1));
	CHECK(translate(table, 0, &len_bytes) == NULL);
	CHECK_EQ(len_bytes, 0);
	vu_mem_table_destroy(table);
}

/* Same numbers in every run. */
static uint64_t
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static void
random_regions(struct vu_mem_region_conf *regions, unsigned int nb_regions, int file,
		uint64_t *state)
{
	uint64_t gpa = next_random(state) % 2 * PAGE_BYTES;

	for (unsigned int i = 0; i < nb_regions; i++) {
		uint64_t len = 1 + next_random(state) % (3 * PAGE_BYTES);

		regions[i] = memory_region(file, gpa, len, next_random(state) % PAGE_BYTES);
		gpa += len + next_random(state) % 3 * (PAGE_BYTES / 2);
	}
}

static uint64_t
expected_bytes(const struct vu_mem_region_conf *regions, unsigned int nb_regions, uint64_t gpa,
		uint64_t wanted)
{
	for (unsigned int i = 0; i < nb_regions; i++)
		if (gpa >= regions[i].gpa && gpa - regions[i].gpa < regions[i].len)
			return RTE_MIN(wanted, regions[i].gpa + regions[i].len - gpa);
	return 0;
}

static void
check_random_table(unsigned int nb_regions, int file, uint64_t *state)
{
	static struct vu_mem_region_conf regions[VU_MAX_MEM_SLOTS];
	struct vu_mem_table *table;
	uint64_t end;
	uint16_t hint = 0;

	random_regions(regions, nb_regions, file, state);
	end = regions[nb_regions - 1].gpa + 4 * PAGE_BYTES;
	table = vu_mem_table_create(regions, nb_regions, "test");
	CHECK(table != NULL);
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t gpa = next_random(state) % end;
		uint64_t wanted = 1 + next_random(state) % PAGE_BYTES, got = wanted;
		void *hva = vu_mem_gpa_to_hva(table, gpa, &got, &hint);

		CHECK_EQ(got, expected_bytes(regions, nb_regions, gpa, wanted));
		CHECK_EQ(hva != NULL, got != 0);
		if (got != 0)
			CHECK(hva == vu_mem_uva_to_hva(table, gpa + UVA_BASE, got));
	}
	vu_mem_table_destroy(table);
}

VU_TEST(mem_translate, random_tables)
{
	static const unsigned int sizes[] = { 1, 2, 3, 8, 63, VU_MAX_MEM_SLOTS };
	int file = memory_file(4 * PAGE_BYTES);
	uint64_t state = 1;

	CHECK(file >= 0);
	for (unsigned int i = 0; i < RTE_DIM(sizes); i++)
		check_random_table(sizes[i], file, &state);
	vu_fd_close(&file);
}

VU_TEST_PERF(mem_translate, cycles)
{
	enum { NB_ROUNDS = 1000000 };
	int file = memory_file(0x10000);
	struct vu_mem_table *table = three_regions(file);
	uint16_t hint = 0;
	uint64_t start_tsc, sum = 0;

	CHECK(table != NULL);
	start_tsc = rte_rdtsc();
	for (uint64_t i = 0; i < NB_ROUNDS; i++) {
		uint64_t len_bytes = 64;

		sum += (uintptr_t)vu_mem_gpa_to_hva(table, 0x2000 + (i & 0xfff), &len_bytes, &hint);
	}
	printf("hit: %.2f cycles (sum %#x)\n", (double)(rte_rdtsc() - start_tsc) / NB_ROUNDS,
		(unsigned int)sum);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}
