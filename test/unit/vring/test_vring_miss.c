/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A ring behind an IOMMU, of either layout: what is translated, what is not and what is asked for,
 * by parts of the ring, buffers and indirect tables that lie in pieces; rings that make the search
 * long.
 */
#include "vring_fixture.h"

#include <rte_errno.h>

#include "test.h"
#include "vu_limits.h"
#include "vu_mem_iotlb.h"
#include "vu_vring_miss.h"

#define F_IOMMU RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM)
#define PAGE UINT64_C(4096)
#define RW (VU_IOTLB_READ | VU_IOTLB_WRITE)
#define SIZE 64
#define IOVA UINT64_C(0xff000000) /* of buffers; those of the ring look like uvas */

struct miss_fixture {
	struct vring_fixture ring;
	struct vu_iotlb *iotlb;
	struct vu_mem_iova *iova;
	uint64_t features;
};

/* The page of buffers that page i means: not in order, so that no two join. */
static uint64_t
uva_of(uint64_t page)
{
	return FAKE_UVA_OFFSET + FAKE_HIGH_GPA + (100 - 2 * page) * PAGE;
}

static uint8_t *
host(const struct miss_fixture *f, uint64_t iova)
{
	return vu_mem_uva_to_hva(f->ring.mem, uva_of((iova - IOVA) / PAGE) + iova % PAGE, 1);
}

static void
map(struct miss_fixture *f, uint64_t iova, uint64_t uva, uint64_t len, uint8_t perm)
{
	const struct vu_iotlb_entry entry = {
		.iova = iova, .len = len, .uva = uva, .perm = perm,
	};

	CHECK_EQ(vu_iotlb_update(f->iotlb, f->ring.mem, &entry), 0);
}

static void
map_page(struct miss_fixture *f, uint64_t page, uint8_t perm)
{
	map(f, IOVA + page * PAGE, uva_of(page), PAGE, perm);
}

static void
renew(struct miss_fixture *f)
{
	vu_mem_iova_destroy(f->iova);
	f->iova = vu_iotlb_tables(f->iotlb);
	CHECK(f->iova != NULL);
	f->ring.vring.iova = f->iova;
}

static void
fixture_create(struct miss_fixture *f, uint64_t features)
{
	const struct fake_ring_place place = { FAKE_MID, 0, (features & F_PACKED) != 0 };

	*f = (struct miss_fixture){ .features = features | F_IOMMU };
	vring_configure(&f->ring, SIZE, &place);
	f->iotlb = vu_iotlb_create();
	CHECK(f->iotlb != NULL);
	renew(f);
}

static void
fixture_destroy(struct miss_fixture *f)
{
	vring_stop(&f->ring);
	vu_mem_iova_destroy(f->iova);
	vu_iotlb_destroy(f->iotlb);
}

static void
map_parts(struct miss_fixture *f, uint8_t perm)
{
	const uint64_t uva = FAKE_UVA_OFFSET + FAKE_MID_GPA;

	map(f, uva, uva, FAKE_MID_BYTES, perm);
}

/* With the ring's parts and whatever else is mapped by now. */
static void
start(struct miss_fixture *f)
{
	map_parts(f, RW);
	renew(f);
	vring_restart(&f->ring, f->features);
}

static enum vu_vring_fault
walk(struct miss_fixture *f, struct vu_chain *chain)
{
	struct vu_burst burst;

	CHECK(engine_peek(&f->ring, &burst, 1) == 1);
	return vu_ring_chain(f->ring.snapshot, &f->ring.vring.pos, &burst, 0, chain);
}

static void
check_misses(struct miss_fixture *f, const struct vu_iotlb_miss *wanted, uint32_t nb)
{
	struct vu_vring_misses found;

	vu_vring_find_misses(f->ring.snapshot, &f->ring.vring.pos, &found);
	CHECK_EQ(found.nb, nb);
	for (uint32_t i = 0; i < nb; i++) {
		CHECK_EQ(found.miss[i].iova, wanted[i].iova);
		CHECK_EQ(found.miss[i].perm, wanted[i].perm);
		CHECK(!vu_iotlb_miss_is_over(f->iova, &found.miss[i]));
	}
}

static void
check_parts(uint64_t features)
{
	struct vu_vring_misses found;
	struct miss_fixture f;

	fixture_create(&f, features);
	CHECK(vu_vring_snapshot_create(&f.ring.vring, f.ring.mem, f.features) == NULL);
	CHECK_EQ(rte_errno, EFAULT);
	vu_vring_find_part_misses(&f.ring.vring, f.features, &found);
	CHECK(found.nb != 0);
	/* To read is not enough: the device writes too. */
	map_parts(&f, VU_IOTLB_READ);
	renew(&f);
	CHECK(vu_vring_snapshot_create(&f.ring.vring, f.ring.mem, f.features) == NULL);
	vu_vring_find_part_misses(&f.ring.vring, f.features, &found);
	CHECK(found.nb != 0);
	for (uint32_t i = 0; i < found.nb; i++)
		CHECK((found.miss[i].perm & VU_IOTLB_WRITE) != 0);
	start(&f);
	vu_vring_find_part_misses(&f.ring.vring, f.features, &found);
	CHECK_EQ(found.nb, 0);
	fixture_destroy(&f);
}

VU_TEST(vring_miss, parts_of_the_ring)
{
	check_parts(0);
	check_parts(F_PACKED);
}

static void
check_buffer(uint64_t features)
{
	const struct fake_buf bufs[] = {
		{ .gpa = IOVA + PAGE - 10, .len_bytes = 20 },
		{ .gpa = IOVA + 3 * PAGE, .len_bytes = 100, .is_write = true },
	};
	const struct vu_iotlb_miss missing[] = {
		{ IOVA + PAGE - 10, VU_IOTLB_READ }, { IOVA + PAGE, VU_IOTLB_READ },
		{ IOVA + 3 * PAGE, VU_IOTLB_WRITE },
	};
	struct miss_fixture f;
	struct vu_chain chain;

	fixture_create(&f, features);
	start(&f);
	CHECK(fake_ring_put(f.ring.ring, bufs, RTE_DIM(bufs)) >= 0);
	CHECK_EQ(walk(&f, &chain), VU_VRING_IOTLB_MISS);
	check_misses(&f, missing, 3);
	map_page(&f, 0, VU_IOTLB_READ);
	map_page(&f, 1, VU_IOTLB_READ);
	map_page(&f, 3, VU_IOTLB_READ);
	start(&f);
	CHECK_EQ(walk(&f, &chain), VU_VRING_IOTLB_MISS);
	check_misses(&f, &missing[2], 1);
	map_page(&f, 3, VU_IOTLB_WRITE);
	start(&f);
	CHECK_EQ(walk(&f, &chain), VU_VRING_OK);
	check_misses(&f, NULL, 0);
	CHECK_EQ(chain.nb_read, 2);
	CHECK_EQ(chain.nb_write, 1);
	CHECK(chain.seg[0].hva == host(&f, IOVA + PAGE - 10) && chain.seg[0].len_bytes == 10);
	CHECK(chain.seg[1].hva == host(&f, IOVA + PAGE) && chain.seg[1].len_bytes == 10);
	CHECK(chain.seg[2].hva == host(&f, IOVA + 3 * PAGE));
	fixture_destroy(&f);
}

VU_TEST(vring_miss, buffers)
{
	check_buffer(0);
	check_buffer(F_PACKED);
}

/* Put one indirect descriptor into slot 0 and make it available. */
static void
put_indirect(struct miss_fixture *f, uint64_t iova, uint32_t len_bytes)
{
	const struct fake_buf buf = { .gpa = iova, .len_bytes = len_bytes };

	CHECK(fake_ring_put(f->ring.ring, &buf, 1) >= 0);
	if (f->ring.snapshot->is_packed)
		f->ring.snapshot->packed_desc[0].flags |= VU_DESC_F_INDIRECT;
	else
		f->ring.snapshot->desc[f->ring.snapshot->avail->ring[0]].flags |=
			VU_DESC_F_INDIRECT;
}

/* Write to memory by iova, over page borders. */
static void
poke(const struct miss_fixture *f, uint64_t iova, const void *src, size_t len)
{
	const uint8_t *bytes = src;

	for (size_t i = 0; i < len; i++)
		*host(f, iova + i) = bytes[i];
}

/* The second descriptor of the table lies in two pages that are not neighbours here. */
static void
check_indirect(uint64_t features)
{
	const bool is_packed = (features & F_PACKED) != 0;
	const uint64_t table = IOVA + PAGE - 24;
	const struct vu_iotlb_miss missing[] = {
		{ table, VU_IOTLB_READ }, { IOVA + PAGE, VU_IOTLB_READ },
	};
	const struct vu_iotlb_miss target = { IOVA + 5 * PAGE, VU_IOTLB_WRITE };
	struct miss_fixture f;
	struct vu_chain chain;

	fixture_create(&f, features | F_INDIRECT);
	start(&f);
	for (uint32_t i = 0; i < 2; i++) {
		const struct vu_split_desc split = {
			.gpa = IOVA + (4 + i) * PAGE, .len_bytes = 64,
			.flags = i == 0 ? VU_DESC_F_NEXT : VU_DESC_F_WRITE, .next = 1,
		};
		const struct vu_packed_desc packed = {
			.gpa = split.gpa, .len_bytes = 64, .flags = i == 0 ? 0 : VU_DESC_F_WRITE,
		};

		poke(&f, table + i * sizeof(split), is_packed ? (const void *)&packed : &split,
			sizeof(split));
	}
	put_indirect(&f, table, 2 * sizeof(struct vu_split_desc));
	CHECK_EQ(walk(&f, &chain), VU_VRING_IOTLB_MISS);
	check_misses(&f, missing, 2);
	map_page(&f, 0, VU_IOTLB_READ);
	map_page(&f, 1, VU_IOTLB_READ);
	map_page(&f, 4, VU_IOTLB_READ);
	start(&f);
	CHECK_EQ(walk(&f, &chain), VU_VRING_IOTLB_MISS);
	check_misses(&f, &target, 1);
	map_page(&f, 5, RW);
	start(&f);
	CHECK_EQ(walk(&f, &chain), VU_VRING_OK);
	CHECK(chain.seg[0].hva == host(&f, IOVA + 4 * PAGE));
	CHECK(chain.seg[1].hva == host(&f, IOVA + 5 * PAGE));
	fixture_destroy(&f);
}

VU_TEST(vring_miss, indirect_tables_across_entries)
{
	check_indirect(0);
	check_indirect(F_PACKED);
}

/* One round trip serves many, and no more than are allowed. */
static void
check_ahead(uint64_t features)
{
	struct vu_vring_misses found;
	struct miss_fixture f;

	fixture_create(&f, features);
	start(&f);
	for (uint64_t i = 0; i < SIZE; i++) {
		const struct fake_buf buf = { .gpa = IOVA + i / 2 * PAGE, .len_bytes = 64 };

		CHECK(fake_ring_put(f.ring.ring, &buf, 1) >= 0);
		vu_vring_find_misses(f.ring.snapshot, &f.ring.vring.pos, &found);
		CHECK_EQ(found.nb, RTE_MIN(i / 2 + 1, (uint64_t)VU_MAX_IOTLB_MISSES));
	}
	fixture_destroy(&f);
}

VU_TEST(vring_miss, buffers_behind_the_first)
{
	check_ahead(0);
	check_ahead(F_PACKED);
}

/* Chains without an end, tables of tables, 4 GB in each descriptor: the search ends. */
VU_TEST(vring_miss, hostile_rings)
{
	struct vu_vring_misses found;
	struct miss_fixture f;

	fixture_create(&f, F_INDIRECT);
	map_page(&f, 0, VU_IOTLB_READ);
	start(&f);
	for (unsigned int flags = 0; flags < 8; flags++) {
		for (uint32_t i = 0; i < SIZE; i++) {
			f.ring.snapshot->desc[i] = (struct vu_split_desc){
				.gpa = IOVA + (i % 2) * PAGE, .len_bytes = UINT32_MAX,
				.flags = (uint16_t)flags, .next = 0,
			};
			f.ring.snapshot->avail->ring[i] = (uint16_t)i;
		}
		vu_store(&f.ring.snapshot->avail->idx, SIZE);
		vu_vring_find_misses(f.ring.snapshot, &f.ring.vring.pos, &found);
		CHECK(found.nb != 0 && found.nb <= VU_MAX_IOTLB_MISSES);
	}
	/* An index that cannot be is the walk's to find. */
	vu_store(&f.ring.snapshot->avail->idx, SIZE + 1);
	vu_vring_find_misses(f.ring.snapshot, &f.ring.vring.pos, &found);
	CHECK_EQ(found.nb, 0);
	CHECK_EQ(f.ring.vring.pos.fault, VU_VRING_OK);
	fixture_destroy(&f);
}
