/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The IOTLB cache: ranges that join, overlap, are cut and dropped, in a random walk against a map
 * of single pages too; what a hostile front-end may send.
 */
#include "expect.h"
#include "fake_rand.h"
#include "mem_fixture.h"
#include "test.h"

#include "vu_limits.h"
#include "vu_mem_iotlb.h"

#define RW (VU_IOTLB_READ | VU_IOTLB_WRITE)
#define IOVA UINT64_C(0xfff00000)
#define NB_PAGES 64

struct iotlb_fixture {
	int file;
	struct vu_mem_table *mem;
	struct vu_iotlb *iotlb;
};

/* Two regions whose uvas are neighbours, and whose gpas are not. */
static void
fixture_create(struct iotlb_fixture *f)
{
	struct vu_mem_region_conf regions[2];

	f->file = memory_file(NB_PAGES * PAGE_BYTES);
	CHECK(f->file >= 0);
	regions[0] = memory_region(f->file, 0, NB_PAGES / 2 * PAGE_BYTES, 0);
	regions[1] = memory_region(f->file, UINT64_C(0x100000000), NB_PAGES / 2 * PAGE_BYTES,
		NB_PAGES / 2 * PAGE_BYTES);
	regions[1].uva = UVA_BASE + NB_PAGES / 2 * PAGE_BYTES;
	f->mem = vu_mem_table_create(regions, 2, FIXTURE_NAME);
	f->iotlb = vu_iotlb_create();
	CHECK(f->mem != NULL && f->iotlb != NULL);
}

static void
fixture_destroy(struct iotlb_fixture *f)
{
	vu_iotlb_destroy(f->iotlb);
	vu_mem_table_destroy(f->mem);
	close(f->file);
}

static int
update(struct iotlb_fixture *f, uint64_t iova, uint64_t page, uint64_t nb_pages, uint8_t perm)
{
	const struct vu_iotlb_entry entry = {
		.iova = iova, .len = nb_pages * PAGE_BYTES, .uva = UVA_BASE + page * PAGE_BYTES,
		.perm = perm,
	};

	return vu_iotlb_update(f->iotlb, f->mem, &entry);
}

/* Page that an iova is, -1: none. */
static int
page_at(const struct iotlb_fixture *f, uint64_t iova, uint8_t perm)
{
	struct vu_mem_iova *tables = vu_iotlb_tables(f->iotlb);
	uint16_t hint = 0;
	uint64_t len = 1;
	const uint8_t *hva;
	int page = -1;

	CHECK(tables != NULL);
	hva = vu_mem_gpa_to_hva(tables->tables[perm == VU_IOTLB_WRITE], iova, &len, &hint);
	for (int i = 0; hva != NULL && i < NB_PAGES; i++)
		if (hva == vu_mem_uva_to_hva(f->mem, UVA_BASE + (uint64_t)i * PAGE_BYTES, 1))
			page = i;
	vu_mem_iova_destroy(tables);
	return page;
}

static unsigned int
nb_regions(const struct iotlb_fixture *f, unsigned int idx)
{
	struct vu_mem_iova *tables = vu_iotlb_tables(f->iotlb);
	unsigned int nb = vu_mem_table_nb_regions(tables->tables[idx]);

	vu_mem_iova_destroy(tables);
	return nb;
}

/* Static mappings of single pages end as one region for each region of memory. */
VU_TEST(mem_iotlb, pages_of_a_region_join)
{
	struct iotlb_fixture f;

	fixture_create(&f);
	for (uint64_t i = 0; i < NB_PAGES; i += 2)
		CHECK_EQ(update(&f, IOVA + i * PAGE_BYTES, i, 1, RW), 0);
	CHECK_EQ(vu_iotlb_nb_entries(f.iotlb), NB_PAGES / 2);
	for (uint64_t i = 1; i < NB_PAGES; i += 2)
		CHECK_EQ(update(&f, IOVA + i * PAGE_BYTES, i, 1, RW), 0);
	/* Their guest addresses differ, and the dirty log goes by those. */
	CHECK_EQ(vu_iotlb_nb_entries(f.iotlb), 2);
	CHECK_EQ(nb_regions(&f, 0), 2);
	CHECK_EQ(nb_regions(&f, 1), 2);
	for (int i = 0; i < NB_PAGES; i++)
		CHECK_EQ(page_at(&f, IOVA + (uint64_t)i * PAGE_BYTES, VU_IOTLB_READ), i);
	fixture_destroy(&f);
}

VU_TEST(mem_iotlb, newer_replaces)
{
	struct iotlb_fixture f;

	fixture_create(&f);
	CHECK_EQ(update(&f, IOVA, 0, 8, VU_IOTLB_READ), 0);
	CHECK_EQ(page_at(&f, IOVA, VU_IOTLB_WRITE), -1);
	/* A permission more, of the same pages. */
	CHECK_EQ(update(&f, IOVA + 2 * PAGE_BYTES, 2, 2, RW), 0);
	CHECK_EQ(page_at(&f, IOVA + 2 * PAGE_BYTES, VU_IOTLB_WRITE), 2);
	CHECK_EQ(page_at(&f, IOVA + 4 * PAGE_BYTES, VU_IOTLB_WRITE), -1);
	CHECK_EQ(vu_iotlb_nb_entries(f.iotlb), 3);
	CHECK_EQ(nb_regions(&f, 0), 1);
	CHECK_EQ(nb_regions(&f, 1), 1);
	/* And one less, of another page. */
	CHECK_EQ(update(&f, IOVA + 3 * PAGE_BYTES, 20, 1, VU_IOTLB_WRITE), 0);
	CHECK_EQ(page_at(&f, IOVA + 3 * PAGE_BYTES, VU_IOTLB_READ), -1);
	CHECK_EQ(page_at(&f, IOVA + 3 * PAGE_BYTES, VU_IOTLB_WRITE), 20);
	CHECK_EQ(page_at(&f, IOVA + 7 * PAGE_BYTES, VU_IOTLB_READ), 7);
	fixture_destroy(&f);
}

VU_TEST(mem_iotlb, invalidated)
{
	struct iotlb_fixture f;

	fixture_create(&f);
	CHECK_EQ(update(&f, IOVA, 0, NB_PAGES, RW), 0);
	CHECK(vu_iotlb_invalidate(f.iotlb, IOVA + 10 * PAGE_BYTES, PAGE_BYTES));
	CHECK(!vu_iotlb_invalidate(f.iotlb, IOVA + 10 * PAGE_BYTES, PAGE_BYTES));
	CHECK_EQ(page_at(&f, IOVA + 9 * PAGE_BYTES, VU_IOTLB_READ), 9);
	CHECK_EQ(page_at(&f, IOVA + 10 * PAGE_BYTES, VU_IOTLB_READ), -1);
	CHECK_EQ(page_at(&f, IOVA + 11 * PAGE_BYTES, VU_IOTLB_READ), 11);
	/* Sizes that reach past the end of the space. */
	CHECK(vu_iotlb_invalidate(f.iotlb, IOVA + 60 * PAGE_BYTES, UINT64_MAX));
	CHECK_EQ(page_at(&f, IOVA + 59 * PAGE_BYTES, VU_IOTLB_READ), 59);
	CHECK_EQ(page_at(&f, IOVA + 60 * PAGE_BYTES, VU_IOTLB_READ), -1);
	CHECK(!vu_iotlb_invalidate(f.iotlb, UINT64_MAX, UINT64_MAX));
	/* 2^64 bytes. */
	CHECK(vu_iotlb_invalidate(f.iotlb, 0, 0));
	CHECK_EQ(vu_iotlb_nb_entries(f.iotlb), 0);
	CHECK_EQ(page_at(&f, IOVA, VU_IOTLB_READ), -1);
	fixture_destroy(&f);
}

/* Each page on its own is the model. */
VU_TEST(mem_iotlb, random_walk)
{
	struct fake_rand rand = { .state = 33 };
	struct iotlb_fixture f;
	int model[NB_PAGES];

	fixture_create(&f);
	memset(model, -1, sizeof(model));
	for (unsigned int turn = 0; turn < 2000; turn++) {
		const uint64_t first = fake_rand_in(&rand, 0, NB_PAGES - 1);
		const uint64_t nb = fake_rand_in(&rand, 1, (uint32_t)(NB_PAGES - first));
		const uint64_t page = fake_rand_in(&rand, 0, (uint32_t)(NB_PAGES - nb));
		const bool is_update = !fake_rand_one_in(&rand, 3);

		if (is_update)
			CHECK_EQ(update(&f, IOVA + first * PAGE_BYTES, page, nb, RW), 0);
		else
			vu_iotlb_invalidate(f.iotlb, IOVA + first * PAGE_BYTES, nb * PAGE_BYTES);
		for (uint64_t i = 0; i < nb; i++)
			model[first + i] = is_update ? (int)(page + i) : -1;
		for (uint64_t i = 0; i < NB_PAGES; i += 7)
			CHECK_EQ(page_at(&f, IOVA + i * PAGE_BYTES, VU_IOTLB_WRITE), model[i]);
	}
	fixture_destroy(&f);
}

VU_TEST(mem_iotlb, hostile_updates)
{
	struct iotlb_fixture f;
	struct vu_iotlb_entry entry = { .iova = IOVA, .len = PAGE_BYTES, .uva = UVA_BASE };

	fixture_create(&f);
	CHECK_EQ(vu_iotlb_update(f.iotlb, f.mem, &entry), -EINVAL); /* no permission */
	entry.perm = RW;
	CHECK_EQ(vu_iotlb_update(f.iotlb, NULL, &entry), -EFAULT);
	entry.len = 0;
	CHECK_EQ(vu_iotlb_update(f.iotlb, f.mem, &entry), -EINVAL);
	entry.len = UINT64_MAX;
	CHECK_EQ(vu_iotlb_update(f.iotlb, f.mem, &entry), -EINVAL);
	/* A byte more than there is, in either direction. */
	entry.len = NB_PAGES * PAGE_BYTES + 1;
	CHECK_EQ(vu_iotlb_update(f.iotlb, f.mem, &entry), -EFAULT);
	entry.len = PAGE_BYTES;
	entry.uva = UVA_BASE - 1;
	CHECK_EQ(vu_iotlb_update(f.iotlb, f.mem, &entry), -EFAULT);
	entry.uva = UVA_BASE;
	entry.iova = UINT64_MAX - PAGE_BYTES + 1;
	CHECK_EQ(vu_iotlb_update(f.iotlb, f.mem, &entry), -EINVAL);
	CHECK_EQ(vu_iotlb_nb_entries(f.iotlb), 0);
	/* Up to the last byte but one. */
	entry.iova--;
	CHECK_EQ(vu_iotlb_update(f.iotlb, f.mem, &entry), 0);
	CHECK_EQ(page_at(&f, entry.iova, VU_IOTLB_READ), 0);
	CHECK(vu_iotlb_invalidate(f.iotlb, 0, 0));
	fixture_destroy(&f);
}

/* The last one is always there, whatever had to go. */
VU_TEST(mem_iotlb, bounded)
{
	struct iotlb_fixture f;

	fixture_create(&f);
	for (uint64_t i = 0; i < 3 * VU_MAX_IOTLB_ENTRIES; i++) {
		CHECK_EQ(update(&f, IOVA + 2 * i * PAGE_BYTES, i % NB_PAGES, 1, RW), 0);
		CHECK(vu_iotlb_nb_entries(f.iotlb) < VU_MAX_IOTLB_ENTRIES);
		if (i % 64 == 0)
			CHECK_EQ(page_at(&f, IOVA + 2 * i * PAGE_BYTES, VU_IOTLB_READ),
				(int)(i % NB_PAGES));
	}
	CHECK_EQ(vu_iotlb_nb_entries(f.iotlb), VU_MAX_IOTLB_ENTRIES - 1);
	/* Cutting holes needs room too. */
	for (uint64_t i = 0; i < 2 * VU_MAX_IOTLB_ENTRIES; i++)
		vu_iotlb_invalidate(f.iotlb, IOVA + 2 * i * PAGE_BYTES + 1024, 1024);
	CHECK(vu_iotlb_nb_entries(f.iotlb) <= VU_MAX_IOTLB_ENTRIES);
	fixture_destroy(&f);
}

/* By target: what an iova means does not say where it is. */
VU_TEST(mem_iotlb, memory_goes)
{
	struct iotlb_fixture f;
	struct vu_mem_table *less;

	fixture_create(&f);
	CHECK_EQ(update(&f, IOVA, 30, 4, RW), 0);
	less = vu_mem_table_remove(f.mem, UINT64_C(0x100000000),
		UVA_BASE + NB_PAGES / 2 * PAGE_BYTES, NB_PAGES / 2 * PAGE_BYTES);
	CHECK(less != NULL);
	vu_iotlb_set_mem(f.iotlb, less);
	CHECK_EQ(page_at(&f, IOVA + 1 * PAGE_BYTES, VU_IOTLB_READ), 31);
	CHECK_EQ(page_at(&f, IOVA + 2 * PAGE_BYTES, VU_IOTLB_READ), -1);
	vu_iotlb_set_mem(f.iotlb, NULL);
	CHECK_EQ(vu_iotlb_nb_entries(f.iotlb), 0);
	vu_mem_table_destroy(less);
	fixture_destroy(&f);
}
