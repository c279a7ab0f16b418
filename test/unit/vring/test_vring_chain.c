/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Descriptor chains: every legal shape comes out as the memory that the guest meant, every illegal
 * one as its fault, and no shape at all leads outside guest memory.
 */
#include "test.h"

#include <stdlib.h>

#include "vring_fixture.h"
#include "vu_math.h"

#define TABLE_GPA (FAKE_HIGH_GPA + UINT64_C(0x80000))

static struct fake_buf
read_buf(uint64_t gpa, uint32_t len_bytes)
{
	return (struct fake_buf){ gpa, len_bytes, false };
}

static struct fake_buf
write_buf(uint64_t gpa, uint32_t len_bytes)
{
	return (struct fake_buf){ gpa, len_bytes, true };
}

/* Walk the chain at head with a fresh hint. */
static enum vu_vring_fault
walk(struct vring_fixture *f, uint16_t head, struct vu_chain *chain)
{
	f->vring.pos.region_hint = 0;
	return vu_split_chain(f->snapshot, &f->vring.pos, head, chain);
}

/* Write a descriptor as it is. */
static void
desc_set(struct vring_fixture *f, uint16_t i, struct vu_split_desc desc)
{
	f->ring->desc[i] = desc;
}

/* A plain descriptor of a good buffer. */
static struct vu_split_desc
good_desc(uint16_t flags, uint16_t next)
{
	return (struct vu_split_desc){ FAKE_HIGH_GPA, 64, flags, next };
}

/* ---- legal chains ---- */

VU_TEST(vring_chain, one_direct_descriptor)
{
	struct vring_fixture f;
	struct vu_chain chain;
	const struct fake_buf buf = read_buf(FAKE_HIGH_GPA + 8, 100);

	vring_start(&f, 8, 0);
	CHECK_EQ(walk(&f, (uint16_t)fake_ring_put(f.ring, &buf, 1), &chain), VU_VRING_OK);
	CHECK(chain.nb_read == 1 && chain.nb_write == 0);
	CHECK(chain.read_bytes == 100 && chain.write_bytes == 0);
	CHECK(chain.seg[0].len_bytes == 100);
	CHECK(chain.seg[0].hva == vu_mem_gpa_range_to_hva(f.mem, buf.gpa, 100));
	vring_stop(&f);
}

VU_TEST(vring_chain, reads_then_writes)
{
	struct vring_fixture f;
	struct vu_chain chain;
	const struct fake_buf bufs[] = {
		read_buf(FAKE_HIGH_GPA, 10), read_buf(FAKE_LOW_GPA, 20),
		write_buf(FAKE_MID_GPA + 0x100000, 30), write_buf(FAKE_HIGH_GPA + 64, 40),
	};

	vring_start(&f, 8, 0);
	CHECK_EQ(walk(&f, (uint16_t)fake_ring_put(f.ring, bufs, 4), &chain), VU_VRING_OK);
	CHECK(chain.nb_read == 2 && chain.nb_write == 2);
	CHECK(chain.read_bytes == 30 && chain.write_bytes == 70);
	for (unsigned int i = 0; i < 4; i++)
		CHECK(chain.seg[i].hva == vu_mem_gpa_range_to_hva(f.mem, bufs[i].gpa, 1) &&
			chain.seg[i].len_bytes == bufs[i].len_bytes);
	vring_stop(&f);
}

VU_TEST(vring_chain, zero_length_descriptors_add_nothing)
{
	struct vring_fixture f;
	struct vu_chain chain;
	/* Their addresses are never used and may be anything. */
	const struct fake_buf bufs[] = {
		read_buf(FAKE_NOWHERE_GPA, 0), read_buf(FAKE_HIGH_GPA, 10),
		read_buf(UINT64_MAX, 0), write_buf(FAKE_HIGH_GPA + 64, 5), write_buf(0, 0),
	};

	vring_start(&f, 8, 0);
	CHECK_EQ(walk(&f, (uint16_t)fake_ring_put(f.ring, bufs, 5), &chain), VU_VRING_OK);
	CHECK(chain.nb_read == 1 && chain.nb_write == 1);
	CHECK(chain.read_bytes == 10 && chain.write_bytes == 5);
	CHECK_EQ(walk(&f, (uint16_t)fake_ring_put(f.ring, bufs, 1), &chain), VU_VRING_OK);
	CHECK(chain.nb_read == 0 && chain.nb_write == 0);
	CHECK(chain.read_bytes == 0 && chain.write_bytes == 0);
	vring_stop(&f);
}

VU_TEST(vring_chain, buffer_across_regions_becomes_pieces)
{
	struct vring_fixture f;
	struct vu_chain chain;
	const struct fake_buf bufs[] = {
		read_buf(FAKE_MID_GPA - 1, 2), write_buf(FAKE_MID_GPA - 100, 1000),
	};

	vring_start(&f, 8, 0);
	CHECK_EQ(walk(&f, (uint16_t)fake_ring_put(f.ring, bufs, 2), &chain), VU_VRING_OK);
	CHECK(chain.nb_read == 2 && chain.nb_write == 2);
	CHECK(chain.read_bytes == 2 && chain.write_bytes == 1000);
	CHECK(chain.seg[0].len_bytes == 1 && chain.seg[1].len_bytes == 1);
	CHECK(chain.seg[2].len_bytes == 100 && chain.seg[3].len_bytes == 900);
	CHECK(chain.seg[3].hva == vu_mem_gpa_range_to_hva(f.mem, FAKE_MID_GPA, 1));
	vring_stop(&f);
}

VU_TEST(vring_chain, indirect_tables_in_every_mixture)
{
	struct vring_fixture f;
	struct vu_chain chain;
	struct fake_buf bufs[6];
	/* The second table lies across two regions, within one of its descriptors. */
	const uint64_t tables[] = { TABLE_GPA, FAKE_MID_GPA - 24, TABLE_GPA + 4 };

	vring_start(&f, 16, F_INDIRECT);
	for (unsigned int i = 0; i < 6; i++)
		bufs[i] = (struct fake_buf){ FAKE_HIGH_GPA + 256 * i, 10 + i, i >= 4 };
	for (unsigned int i = 0; i < 3 * 6 * 2; i++) {
		const struct fake_chain indirect = {
			.bufs = bufs, .nb_bufs = 6, .nb_direct = i % 6,
			.table_gpa = tables[i / 6 % 3],
			.is_back_to_front = i >= 18,
		};

		fake_ring_reset(f.ring);
		CHECK_EQ(walk(&f, (uint16_t)fake_ring_add(f.ring, &indirect), &chain), VU_VRING_OK);
		CHECK(chain.nb_read == 4 && chain.nb_write == 2);
		CHECK(chain.read_bytes == 46 && chain.write_bytes == 29);
		for (unsigned int b = 0; b < 6; b++)
			CHECK(chain.seg[b].hva == vu_mem_gpa_range_to_hva(f.mem, bufs[b].gpa, 1) &&
				chain.seg[b].len_bytes == bufs[b].len_bytes);
	}
	vring_stop(&f);
}

VU_TEST(vring_chain, flags_of_an_indirect_descriptor_but_next_mean_nothing)
{
	struct vring_fixture f;
	struct vu_chain chain;
	const struct vu_split_desc entry = good_desc(VU_DESC_F_WRITE, 0);

	vring_start(&f, 8, F_INDIRECT);
	fake_guest_write(&f.guest, TABLE_GPA, &entry, sizeof(entry));
	desc_set(&f, 0, (struct vu_split_desc){ TABLE_GPA, 16,
		VU_DESC_F_INDIRECT | VU_DESC_F_WRITE, 7 });
	CHECK_EQ(walk(&f, 0, &chain), VU_VRING_OK);
	CHECK(chain.nb_write == 1 && chain.write_bytes == 64);
	vring_stop(&f);
}

/* A chain of nb buffers, the last nb - nb_direct ones in a table. */
static enum vu_vring_fault
walk_of_length(struct vring_fixture *f, uint16_t nb, uint16_t nb_direct, uint32_t len_bytes)
{
	struct fake_buf *bufs = calloc(nb, sizeof(*bufs));
	const struct fake_chain of_length = {
		.bufs = bufs, .nb_bufs = nb, .nb_direct = nb_direct, .table_gpa = TABLE_GPA,
	};
	struct vu_chain chain;
	int head;

	for (uint16_t i = 0; i < nb; i++)
		bufs[i] = read_buf(FAKE_HIGH_GPA, len_bytes);
	fake_ring_reset(f->ring);
	head = fake_ring_add(f->ring, &of_length);
	free(bufs);
	CHECK(head >= 0);
	return walk(f, (uint16_t)head, &chain);
}

VU_TEST(vring_chain, length_is_limited)
{
	struct vring_fixture f;

	vring_start(&f, 512, F_INDIRECT);
	for (uint32_t len_bytes = 0; len_bytes < 2; len_bytes++) {
		CHECK_EQ(walk_of_length(&f, VU_MAX_CHAIN_SEGS, VU_MAX_CHAIN_SEGS, len_bytes),
			VU_VRING_OK);
		CHECK_EQ(walk_of_length(&f, VU_MAX_CHAIN_SEGS, 0, len_bytes), VU_VRING_OK);
		CHECK_EQ(walk_of_length(&f, VU_MAX_CHAIN_SEGS, 100, len_bytes), VU_VRING_OK);
		CHECK_EQ(walk_of_length(&f, VU_MAX_CHAIN_SEGS + 2, 0, len_bytes),
			VU_VRING_CHAIN_TOO_LONG);
		CHECK_EQ(walk_of_length(&f, VU_MAX_CHAIN_SEGS + 2, VU_MAX_CHAIN_SEGS + 2,
			len_bytes), VU_VRING_CHAIN_TOO_LONG);
	}
	vring_stop(&f);
	/* In a small ring the ring's size is the limit. */
	vring_start(&f, 8, F_INDIRECT);
	CHECK_EQ(walk_of_length(&f, 8, 8, 1), VU_VRING_OK);
	CHECK_EQ(walk_of_length(&f, 8, 0, 1), VU_VRING_OK);
	CHECK_EQ(walk_of_length(&f, 10, 0, 1), VU_VRING_CHAIN_TOO_LONG);
	CHECK_EQ(walk_of_length(&f, 10, 5, 0), VU_VRING_CHAIN_TOO_LONG);
	vring_stop(&f);
}

/* ---- illegal chains ---- */

VU_TEST(vring_chain, loops_end)
{
	struct vring_fixture f;
	struct vu_chain chain;

	vring_start(&f, 8, F_INDIRECT);
	desc_set(&f, 0, good_desc(VU_DESC_F_NEXT, 0));
	CHECK_EQ(walk(&f, 0, &chain), VU_VRING_CHAIN_TOO_LONG);
	for (uint16_t i = 0; i < 8; i++)
		desc_set(&f, i, good_desc(VU_DESC_F_NEXT | VU_DESC_F_WRITE, (i + 1) % 8));
	CHECK_EQ(walk(&f, 5, &chain), VU_VRING_CHAIN_TOO_LONG);
	/* Without a byte in it, so that no list fills up. */
	desc_set(&f, 3, (struct vu_split_desc){ 0, 0, VU_DESC_F_NEXT, 3 });
	CHECK_EQ(walk(&f, 3, &chain), VU_VRING_CHAIN_TOO_LONG);
	/* Inside an indirect table. */
	fake_guest_write(&f.guest, TABLE_GPA, &(struct vu_split_desc){ 0, 0, VU_DESC_F_NEXT, 0 },
		16);
	desc_set(&f, 0, (struct vu_split_desc){ TABLE_GPA, 1600, VU_DESC_F_INDIRECT, 0 });
	CHECK_EQ(walk(&f, 0, &chain), VU_VRING_CHAIN_TOO_LONG);
	vring_stop(&f);
}

VU_TEST(vring_chain, next_out_of_range)
{
	static const uint16_t bad_next[] = { 8, 9, 256, 32768, 65535 };
	struct vring_fixture f;
	struct vu_chain chain;

	vring_start(&f, 8, F_INDIRECT);
	for (unsigned int i = 0; i < RTE_DIM(bad_next); i++) {
		const struct vu_split_desc entry = good_desc(VU_DESC_F_NEXT, bad_next[i] - 6);

		desc_set(&f, 0, good_desc(VU_DESC_F_NEXT, bad_next[i]));
		CHECK_EQ(walk(&f, 0, &chain), VU_VRING_BAD_NEXT);
		/* A table of two entries. */
		fake_guest_write(&f.guest, TABLE_GPA, &entry, sizeof(entry));
		desc_set(&f, 1, (struct vu_split_desc){ TABLE_GPA, 32, VU_DESC_F_INDIRECT, 0 });
		CHECK_EQ(walk(&f, 1, &chain), VU_VRING_BAD_NEXT);
	}
	/* Without NEXT the field means nothing. */
	desc_set(&f, 0, good_desc(0, 8));
	CHECK_EQ(walk(&f, 0, &chain), VU_VRING_OK);
	vring_stop(&f);
}

VU_TEST(vring_chain, broken_indirect_tables)
{
	static const uint32_t ragged[] = { 0, 1, 15, 17, 24, UINT32_MAX };
	struct vring_fixture f;
	struct vu_chain chain;
	const struct vu_split_desc nested = { TABLE_GPA, 16, VU_DESC_F_INDIRECT, 0 };
	const struct vu_split_desc good = good_desc(0, 0);

	vring_start(&f, 8, F_INDIRECT);
	fake_guest_write(&f.guest, TABLE_GPA, &good, sizeof(good));
	desc_set(&f, 0, nested);
	CHECK_EQ(walk(&f, 0, &chain), VU_VRING_OK);
	for (unsigned int i = 0; i < RTE_DIM(ragged); i++) {
		desc_set(&f, 0, (struct vu_split_desc){ TABLE_GPA, ragged[i],
			VU_DESC_F_INDIRECT, 0 });
		CHECK_EQ(walk(&f, 0, &chain), VU_VRING_BAD_INDIRECT);
	}
	desc_set(&f, 0, (struct vu_split_desc){ TABLE_GPA, 16,
		VU_DESC_F_INDIRECT | VU_DESC_F_NEXT, 1 });
	CHECK_EQ(walk(&f, 0, &chain), VU_VRING_BAD_INDIRECT);
	fake_guest_write(&f.guest, TABLE_GPA, &nested, sizeof(nested));
	desc_set(&f, 0, nested);
	CHECK_EQ(walk(&f, 0, &chain), VU_VRING_BAD_INDIRECT);
	/* The same good table without the feature. */
	fake_guest_write(&f.guest, TABLE_GPA, &good, sizeof(good));
	vring_restart(&f, 0);
	CHECK_EQ(walk(&f, 0, &chain), VU_VRING_BAD_INDIRECT);
	vring_stop(&f);
}

VU_TEST(vring_chain, addresses_outside_memory)
{
	static const struct fake_buf bad[] = {
		{ FAKE_NOWHERE_GPA, 1, false },
		{ FAKE_HIGH_GPA - 1, 1, false },
		{ FAKE_HIGH_GPA - 1, 2, false },
		{ FAKE_HIGH_GPA + FAKE_HIGH_BYTES, 1, false },
		{ FAKE_HIGH_GPA + FAKE_HIGH_BYTES - 1, 2, true },
		{ FAKE_HIGH_GPA + 1, FAKE_HIGH_BYTES, true },
		{ FAKE_HIGH_GPA, UINT32_MAX, true },
		{ FAKE_LOW_GPA, FAKE_LOW_BYTES + FAKE_MID_BYTES + 1, true },
		{ UINT64_MAX, 1, false },
		{ UINT64_MAX, 2, false },
		{ UINT64_MAX - 15, 4096, false },
		{ 0, 1, false },
	};
	static const uint64_t bad_tables[] = {
		FAKE_NOWHERE_GPA, UINT64_MAX - 15, UINT64_MAX, UINT64_MAX - 7,
		FAKE_HIGH_GPA + FAKE_HIGH_BYTES - 8, FAKE_HIGH_GPA - 8, 0,
	};
	struct vring_fixture f;
	struct vu_chain chain;

	vring_start(&f, 8, F_INDIRECT);
	for (unsigned int i = 0; i < RTE_DIM(bad); i++) {
		fake_ring_reset(f.ring);
		CHECK_EQ(walk(&f, (uint16_t)fake_ring_put(f.ring, &bad[i], 1), &chain),
			VU_VRING_BAD_ADDRESS);
	}
	for (unsigned int i = 0; i < RTE_DIM(bad_tables); i++) {
		desc_set(&f, 0, (struct vu_split_desc){ bad_tables[i], 16, VU_DESC_F_INDIRECT, 0 });
		CHECK_EQ(walk(&f, 0, &chain), VU_VRING_BAD_ADDRESS);
	}
	vring_stop(&f);
}

VU_TEST(vring_chain, readable_after_writable)
{
	struct vring_fixture f;
	struct vu_chain chain;
	const struct fake_buf bufs[] = {
		read_buf(FAKE_HIGH_GPA, 1), write_buf(FAKE_HIGH_GPA, 1), read_buf(FAKE_HIGH_GPA, 1),
	};
	const struct fake_chain indirect = {
		.bufs = &bufs[1], .nb_bufs = 2, .nb_direct = 1, .table_gpa = TABLE_GPA,
	};

	vring_start(&f, 8, F_INDIRECT);
	CHECK_EQ(walk(&f, (uint16_t)fake_ring_put(f.ring, bufs, 3), &chain),
		VU_VRING_BAD_DIRECTION);
	CHECK_EQ(walk(&f, (uint16_t)fake_ring_add(f.ring, &indirect), &chain),
		VU_VRING_BAD_DIRECTION);
	vring_stop(&f);
}

VU_TEST(vring_chain, total_length_fits_32_bits)
{
	struct vring_fixture f;
	struct vu_chain chain;
	struct fake_buf bufs[3];

	vring_start(&f, 8, 0);
	/* The sum is checked before the addresses, so the lengths need no memory. */
	bufs[0] = write_buf(FAKE_HIGH_GPA, 0x1000);
	bufs[1] = write_buf(FAKE_HIGH_GPA, UINT32_MAX - 0xfff);
	CHECK_EQ(walk(&f, (uint16_t)fake_ring_put(f.ring, bufs, 2), &chain), VU_VRING_BAD_LENGTH);
	bufs[1] = write_buf(FAKE_HIGH_GPA, UINT32_MAX - 0x1000);
	CHECK_EQ(walk(&f, (uint16_t)fake_ring_put(f.ring, bufs, 2), &chain), VU_VRING_BAD_ADDRESS);
	/* Readable and writable bytes are two sums. */
	bufs[0] = read_buf(FAKE_HIGH_GPA, 0x1000);
	bufs[1] = write_buf(FAKE_HIGH_GPA, UINT32_MAX - 0xfff);
	CHECK_EQ(walk(&f, (uint16_t)fake_ring_put(f.ring, bufs, 2), &chain), VU_VRING_BAD_ADDRESS);
	vring_stop(&f);
}

/* ---- cursor ---- */

VU_TEST(vring_chain, cursor_walks_pieces)
{
	uint8_t memory[32];
	const struct vu_seg segs[] = { { &memory[0], 3 }, { &memory[10], 1 }, { &memory[20], 5 } };
	struct vu_seg_cursor cursor;
	uint32_t nb;

	vu_seg_cursor_init(&cursor, segs, 3);
	CHECK(vu_seg_cursor_next(&cursor, 2, &nb) == &memory[0] && nb == 2);
	CHECK(vu_seg_cursor_next(&cursor, 2, &nb) == &memory[2] && nb == 1);
	CHECK(vu_seg_cursor_next(&cursor, 1, &nb) == &memory[10] && nb == 1);
	CHECK(vu_seg_cursor_next(&cursor, UINT32_MAX, &nb) == &memory[20] && nb == 5);
	CHECK(vu_seg_cursor_next(&cursor, 1, &nb) == NULL && nb == 0);
	vu_seg_cursor_init(&cursor, segs, 0);
	CHECK(vu_seg_cursor_next(&cursor, 1, &nb) == NULL && nb == 0);
}

/* ---- random chains against a model ---- */

#define MODEL_MAX_BUFS 24

struct model {
	struct fake_buf bufs[MODEL_MAX_BUFS];
	uint16_t nb_bufs;
	uint8_t bytes[MODEL_MAX_BUFS * 300]; /* of the readable ones, one behind the other */
	uint32_t read_bytes;
	uint32_t write_bytes;
};

/* Anywhere, often across the border of two regions. */
static uint64_t
random_gpa(struct fake_rand *rand)
{
	if (fake_rand_one_in(rand, 4))
		return FAKE_MID_GPA - fake_rand_in(rand, 0, 400);
	if (fake_rand_one_in(rand, 2))
		return FAKE_LOW_GPA + fake_rand_in(rand, 0, FAKE_LOW_BYTES - 400);
	return FAKE_HIGH_GPA + fake_rand_in(rand, 0, 0x70000);
}

static void
model_make(struct model *model, struct fake_rand *rand)
{
	uint16_t nb_read;

	model->nb_bufs = fake_rand_in(rand, 1, MODEL_MAX_BUFS);
	nb_read = fake_rand_in(rand, 0, model->nb_bufs);
	model->read_bytes = model->write_bytes = 0;
	for (uint16_t i = 0; i < model->nb_bufs; i++) {
		uint32_t len_bytes = fake_rand_one_in(rand, 6) ? 0 : fake_rand_in(rand, 1, 300);

		model->bufs[i] = (struct fake_buf){ random_gpa(rand), len_bytes, i >= nb_read };
		if (i < nb_read)
			model->read_bytes += len_bytes;
		else
			model->write_bytes += len_bytes;
	}
}

/* What the guest's own view of its memory says. */
static void
model_read(struct model *model, const struct fake_guest *guest)
{
	uint32_t done = 0;

	for (uint16_t i = 0; i < model->nb_bufs; i++) {
		if (model->bufs[i].is_write)
			continue;
		fake_guest_read(guest, model->bufs[i].gpa, &model->bytes[done],
			model->bufs[i].len_bytes);
		done += model->bufs[i].len_bytes;
	}
}

static void
model_check(const struct model *model, const struct vu_chain *chain)
{
	uint32_t done = 0, write_bytes = 0;

	CHECK_EQ(chain->read_bytes, model->read_bytes);
	CHECK_EQ(chain->write_bytes, model->write_bytes);
	for (uint16_t i = 0; i < chain->nb_read; i++) {
		CHECK(chain->seg[i].len_bytes != 0);
		CHECK(memcmp(chain->seg[i].hva, &model->bytes[done], chain->seg[i].len_bytes) == 0);
		done += chain->seg[i].len_bytes;
	}
	for (uint16_t i = 0; i < chain->nb_write; i++)
		write_bytes += chain->seg[chain->nb_read + i].len_bytes;
	CHECK_EQ(done, model->read_bytes);
	CHECK_EQ(write_bytes, model->write_bytes);
}

VU_TEST(vring_chain, random_chains_are_what_the_guest_meant)
{
	struct vring_fixture f;
	struct fake_rand rand = { 0x1234567 };
	struct model model;
	struct vu_chain chain;

	vring_start(&f, 64, F_INDIRECT);
	for (uint64_t gpa = FAKE_LOW_GPA; gpa < FAKE_MID_GPA + 4096; gpa += 8)
		*(uint64_t *)fake_guest_ptr(&f.guest, gpa) = fake_rand_u64(&rand);
	for (uint64_t gpa = FAKE_HIGH_GPA; gpa < FAKE_HIGH_GPA + 0x70000 + 400; gpa += 8)
		*(uint64_t *)fake_guest_ptr(&f.guest, gpa) = fake_rand_u64(&rand);
	for (unsigned int i = 0; i < 20000; i++) {
		struct fake_chain shape;

		model_make(&model, &rand);
		shape = (struct fake_chain){
			.bufs = model.bufs, .nb_bufs = model.nb_bufs,
			.nb_direct = fake_rand_in(&rand, 0, model.nb_bufs),
			.table_gpa = TABLE_GPA + fake_rand_in(&rand, 0, 4096),
			.is_back_to_front = fake_rand_one_in(&rand, 2),
		};
		model_read(&model, &f.guest);
		fake_ring_reset(f.ring);
		f.vring.pos.region_hint = (uint16_t)fake_rand_u64(&rand);
		CHECK_EQ(vu_split_chain(f.snapshot, &f.vring.pos,
			(uint16_t)fake_ring_add(f.ring, &shape), &chain), VU_VRING_OK);
		model_check(&model, &chain);
	}
	vring_stop(&f);
}

/* ---- hostile tables ---- */

/* Half of the values are random, half are such that the walk gets somewhere. */
static struct vu_split_desc
hostile_desc(struct fake_rand *rand, uint16_t size)
{
	struct vu_split_desc desc;
	bool is_sane = !fake_rand_one_in(rand, 4);

	desc.gpa = is_sane ? random_gpa(rand) : fake_rand_u64(rand);
	desc.len_bytes = is_sane ? fake_rand_in(rand, 0, 40) * 16 : (uint32_t)fake_rand_u64(rand);
	desc.flags = (uint16_t)fake_rand_in(rand, 0, fake_rand_one_in(rand, 3) ? 7 : 3);
	desc.next = fake_rand_one_in(rand, 30) ? (uint16_t)fake_rand_u64(rand) :
		(uint16_t)fake_rand_in(rand, 0, size - 1);
	return desc;
}

/* Is every segment inside one of the mappings? */
static bool
segs_are_inside(const struct vring_fixture *f, const struct vu_chain *chain)
{
	uint64_t bytes[2] = { 0, 0 };

	for (unsigned int i = 0; i < (unsigned int)chain->nb_read + chain->nb_write; i++) {
		const struct vu_seg *seg = &chain->seg[i];
		bool is_inside = false;

		for (unsigned int r = 0; r < FAKE_NB_REGIONS; r++) {
			const uint8_t *start = vu_mem_gpa_range_to_hva(f->mem,
				fake_region_gpa(r), 1);

			is_inside |= vu_range_inside((uintptr_t)seg->hva, seg->len_bytes,
				(uintptr_t)start, fake_region_bytes(r));
		}
		if (!is_inside || seg->len_bytes == 0)
			return false;
		bytes[i >= chain->nb_read] += seg->len_bytes;
	}
	return bytes[0] == chain->read_bytes && bytes[1] == chain->write_bytes;
}

VU_TEST(vring_chain, hostile_tables_end_in_memory_or_in_a_fault)
{
	struct vring_fixture f;
	struct fake_rand rand = { 99 };
	unsigned int nb_seen[VU_VRING_NB_FAULTS] = { 0 };
	struct vu_chain chain;

	vring_start(&f, 32, F_INDIRECT);
	for (unsigned int i = 0; i < 100000; i++) {
		enum vu_vring_fault fault;
		struct vu_split_desc desc = hostile_desc(&rand, 32);

		f.ring->desc[fake_rand_in(&rand, 0, 31)] = hostile_desc(&rand, 32);
		fake_guest_write(&f.guest, random_gpa(&rand), &desc, sizeof(desc));
		fault = walk(&f, (uint16_t)fake_rand_in(&rand, 0, 31), &chain);
		nb_seen[fault]++;
		CHECK(chain.nb_read + chain.nb_write <= VU_MAX_CHAIN_SEGS);
		if (fault == VU_VRING_OK)
			CHECK(segs_are_inside(&f, &chain));
	}
	/* The tables were neither all broken nor all good. */
	CHECK(nb_seen[VU_VRING_OK] != 0 && nb_seen[VU_VRING_BAD_NEXT] != 0);
	CHECK(nb_seen[VU_VRING_CHAIN_TOO_LONG] != 0 && nb_seen[VU_VRING_BAD_INDIRECT] != 0);
	CHECK(nb_seen[VU_VRING_BAD_ADDRESS] != 0 && nb_seen[VU_VRING_BAD_DIRECTION] != 0);
	vring_stop(&f);
}
