/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Chains of the packed layout: every shape that VIRTIO allows, and each hostile one with its fault.
 */
#include "test.h"

#include "vring_fixture.h"
#include "vu_vring_packed.h"

#define TABLE_GPA (FAKE_HIGH_GPA + 0x80000)

struct packed_chain_fixture {
	struct vring_fixture f;
	struct vu_burst burst;
	struct vu_chain chain;
};

static void
start(struct packed_chain_fixture *c, uint16_t size, uint64_t features)
{
	vring_start(&c->f, size, F_PACKED | features);
}

/* Walk the next entry. */
static enum vu_vring_fault
walk(struct packed_chain_fixture *c)
{
	CHECK(vu_packed_peek(c->f.snapshot, &c->f.vring.pos, &c->burst, 1, 0) == 1);
	return vu_packed_chain(c->f.snapshot, &c->f.vring.pos, &c->burst, 0, &c->chain);
}

/* Start over with an entry of these buffers, and walk it. */
static enum vu_vring_fault
walk_bufs(struct packed_chain_fixture *c, const struct fake_buf *bufs, uint16_t nb_bufs)
{
	fake_ring_reset(c->f.ring);
	c->f.vring.conf.base = VU_PACKED_FRESH_BASE;
	vu_vring_seek(&c->f.vring, c->f.snapshot);
	CHECK(fake_ring_put(c->f.ring, bufs, nb_bufs) >= 0);
	return walk(c);
}

static enum vu_vring_fault
walk_chain(struct packed_chain_fixture *c, const struct fake_chain *chain)
{
	fake_ring_reset(c->f.ring);
	c->f.vring.conf.base = VU_PACKED_FRESH_BASE;
	vu_vring_seek(&c->f.vring, c->f.snapshot);
	CHECK(fake_ring_add(c->f.ring, chain) >= 0);
	fake_ring_publish(c->f.ring);
	return walk(c);
}

VU_TEST(vring_packed_chain, direct_chain_over_the_wrap)
{
	const struct fake_buf bufs[] = {
		{ FAKE_HIGH_GPA, 12, false }, { FAKE_LOW_GPA, 1000, false },
		{ FAKE_HIGH_GPA + 64, 7, true }, { FAKE_MID_GPA + 9, 1, true },
	};
	struct packed_chain_fixture c;

	start(&c, 5, 0);
	for (uint16_t slot = 0; slot < 5; slot++) {
		fake_ring_reset(c.f.ring);
		fake_ring_start_at(c.f.ring, slot);
		c.f.vring.conf.base = slot | (uint32_t)slot << 16;
		vu_vring_seek(&c.f.vring, c.f.snapshot);
		CHECK(fake_ring_put(c.f.ring, bufs, 4) >= 0);
		CHECK_EQ(walk(&c), VU_VRING_OK);
		CHECK_EQ(c.burst.nb_descs[0], 4);
		CHECK(c.chain.nb_read == 2 && c.chain.nb_write == 2);
		CHECK(c.chain.read_bytes == 1012 && c.chain.write_bytes == 8);
		for (int i = 0; i < 4; i++) {
			CHECK(c.chain.seg[i].hva ==
				vu_mem_gpa_range_to_hva(c.f.mem, bufs[i].gpa, 1));
			CHECK_EQ(c.chain.seg[i].len_bytes, bufs[i].len_bytes);
		}
	}
	vring_stop(&c.f);
}

/* Entry i starts behind the slots of those before it. */
VU_TEST(vring_packed_chain, later_entries_of_a_burst)
{
	struct packed_chain_fixture c;
	struct fake_buf bufs[3];

	start(&c, 32, 0);
	for (uint32_t i = 0; i < 10; i++) {
		for (uint32_t b = 0; b < 3; b++)
			bufs[b] = (struct fake_buf){ FAKE_HIGH_GPA + i, 100 * i + b + 1, false };
		CHECK(fake_ring_put(c.f.ring, bufs, (uint16_t)(1 + i % 3)) >= 0);
	}
	CHECK_EQ(vu_packed_peek(c.f.snapshot, &c.f.vring.pos, &c.burst, 32, 0), 10);
	for (uint16_t i = 0; i < 10; i++) {
		CHECK_EQ(vu_packed_chain(c.f.snapshot, &c.f.vring.pos, &c.burst, i, &c.chain),
			VU_VRING_OK);
		CHECK_EQ(c.chain.nb_read, 1 + i % 3);
		CHECK_EQ(c.chain.seg[0].len_bytes, 100u * i + 1);
	}
	vring_stop(&c.f);
}

VU_TEST(vring_packed_chain, buffers_are_split_where_regions_end)
{
	const struct fake_buf crossing = { FAKE_MID_GPA - 5, 10, false };
	const struct fake_buf outside = { FAKE_HIGH_GPA + FAKE_HIGH_BYTES - 5, 6, false };
	const struct fake_buf nowhere = { FAKE_NOWHERE_GPA, 1, true };
	const struct fake_buf wrapping = { UINT64_MAX - 3, 8, false };
	const struct fake_buf empty = { FAKE_NOWHERE_GPA, 0, false };
	struct packed_chain_fixture c;

	start(&c, 4, 0);
	CHECK_EQ(walk_bufs(&c, &crossing, 1), VU_VRING_OK);
	CHECK(c.chain.nb_read == 2 && c.chain.read_bytes == 10);
	CHECK(c.chain.seg[0].len_bytes == 5 && c.chain.seg[1].len_bytes == 5);
	CHECK_EQ(walk_bufs(&c, &outside, 1), VU_VRING_BAD_ADDRESS);
	CHECK_EQ(walk_bufs(&c, &nowhere, 1), VU_VRING_BAD_ADDRESS);
	CHECK_EQ(walk_bufs(&c, &wrapping, 1), VU_VRING_BAD_ADDRESS);
	CHECK_EQ(walk_bufs(&c, &empty, 1), VU_VRING_OK);
	CHECK(c.chain.nb_read == 0 && c.chain.nb_write == 0);
	vring_stop(&c.f);
}

VU_TEST(vring_packed_chain, readable_after_writable_is_a_fault)
{
	const struct fake_buf bufs[] = {
		{ FAKE_HIGH_GPA, 12, true }, { FAKE_HIGH_GPA, 12, false },
	};
	const struct fake_chain indirect = { .bufs = bufs, .nb_bufs = 2, .table_gpa = TABLE_GPA };
	struct packed_chain_fixture c;

	start(&c, 4, F_INDIRECT);
	CHECK_EQ(walk_bufs(&c, bufs, 2), VU_VRING_BAD_DIRECTION);
	CHECK_EQ(walk_chain(&c, &indirect), VU_VRING_BAD_DIRECTION);
	vring_stop(&c.f);
}

VU_TEST(vring_packed_chain, more_than_32_bits_of_bytes_is_a_fault)
{
	const struct fake_buf bufs[] = {
		{ FAKE_HIGH_GPA, 1, false }, { FAKE_HIGH_GPA, UINT32_MAX, false },
	};
	struct packed_chain_fixture c;

	start(&c, 4, 0);
	CHECK_EQ(walk_bufs(&c, bufs, 2), VU_VRING_BAD_LENGTH);
	vring_stop(&c.f);
}

VU_TEST(vring_packed_chain, indirect_table_longer_than_the_ring)
{
	struct fake_buf bufs[VU_MAX_CHAIN_SEGS + 1];
	struct fake_chain indirect = { .bufs = bufs, .table_gpa = TABLE_GPA };
	struct packed_chain_fixture c;
	int id;

	for (uint32_t i = 0; i < RTE_DIM(bufs); i++)
		bufs[i] = (struct fake_buf){ FAKE_HIGH_GPA + i, i + 1, i >= 100 };
	start(&c, 3, F_INDIRECT);
	indirect.nb_bufs = VU_MAX_CHAIN_SEGS;
	CHECK_EQ(walk_chain(&c, &indirect), VU_VRING_OK);
	CHECK(c.chain.nb_read == 100 && c.chain.nb_write == VU_MAX_CHAIN_SEGS - 100);
	for (uint32_t i = 0; i < VU_MAX_CHAIN_SEGS; i++)
		CHECK_EQ(c.chain.seg[i].len_bytes, i + 1);
	/* It is one slot, and its id is the ring's descriptor's. */
	CHECK_EQ(c.burst.nb_descs[0], 1);
	id = c.f.ring->packed_desc[0].id;
	CHECK_EQ(c.burst.head[0], id);
	/* WRITE on it means nothing. */
	c.f.ring->packed_desc[0].flags |= VU_DESC_F_WRITE;
	CHECK_EQ(walk(&c), VU_VRING_OK);
	CHECK_EQ(c.chain.nb_read, 100);
	indirect.nb_bufs = VU_MAX_CHAIN_SEGS + 1;
	CHECK_EQ(walk_chain(&c, &indirect), VU_VRING_CHAIN_TOO_LONG);
	vring_stop(&c.f);
}

/* All flags but WRITE are reserved there; a split driver's NEXT or a nested table would be one. */
VU_TEST(vring_packed_chain, flags_inside_an_indirect_table_are_ignored)
{
	const struct fake_buf bufs[] = {
		{ FAKE_HIGH_GPA, 1, false }, { FAKE_HIGH_GPA, 2, false },
		{ FAKE_HIGH_GPA, 3, true },
	};
	const struct fake_chain indirect = { .bufs = bufs, .nb_bufs = 3, .table_gpa = TABLE_GPA };
	struct packed_chain_fixture c;
	struct vu_packed_desc *table;

	start(&c, 4, F_INDIRECT);
	CHECK_EQ(walk_chain(&c, &indirect), VU_VRING_OK);
	table = fake_guest_ptr(&c.f.guest, TABLE_GPA);
	for (int i = 0; i < 3; i++)
		table[i].flags ^= 0xffff ^ VU_DESC_F_WRITE;
	CHECK_EQ(walk(&c), VU_VRING_OK);
	CHECK(c.chain.nb_read == 2 && c.chain.nb_write == 1);
	CHECK(c.chain.read_bytes == 3 && c.chain.write_bytes == 3);
	vring_stop(&c.f);
}

VU_TEST(vring_packed_chain, broken_indirect_tables)
{
	const struct fake_buf bufs[] = {
		{ FAKE_HIGH_GPA, 1, false }, { FAKE_HIGH_GPA, 2, false },
		{ FAKE_HIGH_GPA, 3, true },
	};
	const struct fake_chain indirect = { .bufs = bufs, .nb_bufs = 3, .table_gpa = TABLE_GPA };
	const struct fake_chain mixed = {
		.bufs = bufs, .nb_bufs = 3, .nb_direct = 1, .table_gpa = TABLE_GPA,
	};
	static const uint32_t lengths[] = { 0, 1, 15, 17, 47, UINT32_MAX };
	struct packed_chain_fixture c;

	start(&c, 8, F_INDIRECT);
	for (unsigned int i = 0; i < RTE_DIM(lengths); i++) {
		CHECK_EQ(walk_chain(&c, &indirect), VU_VRING_OK);
		c.f.ring->packed_desc[0].len_bytes = lengths[i];
		CHECK_EQ(walk(&c), VU_VRING_BAD_INDIRECT);
	}
	c.f.ring->packed_desc[0].len_bytes = UINT32_MAX - 15;
	CHECK_EQ(walk(&c), VU_VRING_CHAIN_TOO_LONG);
	c.f.ring->packed_desc[0].len_bytes = 48;
	c.f.ring->packed_desc[0].gpa = FAKE_NOWHERE_GPA;
	CHECK_EQ(walk(&c), VU_VRING_BAD_ADDRESS);
	c.f.ring->packed_desc[0].gpa = FAKE_HIGH_GPA + FAKE_HIGH_BYTES - 40;
	CHECK_EQ(walk(&c), VU_VRING_BAD_ADDRESS);
	/* As part of a chain, last or first. */
	CHECK_EQ(walk_chain(&c, &mixed), VU_VRING_BAD_INDIRECT);
	CHECK_EQ(walk_bufs(&c, bufs, 3), VU_VRING_OK);
	c.f.ring->packed_desc[0].flags |= VU_DESC_F_INDIRECT;
	CHECK_EQ(walk(&c), VU_VRING_BAD_INDIRECT);
	/* Not negotiated. */
	vring_restart(&c.f, F_PACKED);
	CHECK_EQ(walk_chain(&c, &indirect), VU_VRING_BAD_INDIRECT);
	vring_stop(&c.f);
}

VU_TEST(vring_packed_chain, indirect_table_across_regions)
{
	struct fake_buf bufs[4];
	struct fake_chain indirect = { .bufs = bufs, .nb_bufs = 4 };
	struct packed_chain_fixture c;

	for (uint32_t i = 0; i < 4; i++)
		bufs[i] = (struct fake_buf){ FAKE_HIGH_GPA + 64 * i, 10 + i, i == 3 };
	start(&c, 4, F_INDIRECT);
	for (uint32_t before = 0; before <= 64; before++) {
		indirect.table_gpa = FAKE_MID_GPA - before;
		CHECK_EQ(walk_chain(&c, &indirect), VU_VRING_OK);
		CHECK(c.chain.nb_read == 3 && c.chain.nb_write == 1);
		for (uint32_t i = 0; i < 4; i++)
			CHECK_EQ(c.chain.seg[i].len_bytes, 10 + i);
	}
	vring_stop(&c.f);
}

VU_TEST(vring_packed_chain, longest_chain)
{
	struct fake_buf bufs[VU_MAX_CHAIN_SEGS + 1];
	struct packed_chain_fixture c;

	for (uint32_t i = 0; i < RTE_DIM(bufs); i++)
		bufs[i] = (struct fake_buf){ FAKE_HIGH_GPA + i, 1, false };
	start(&c, 300, 0);
	CHECK_EQ(walk_bufs(&c, bufs, VU_MAX_CHAIN_SEGS), VU_VRING_OK);
	CHECK(c.chain.nb_read == VU_MAX_CHAIN_SEGS && c.burst.nb_descs[0] == VU_MAX_CHAIN_SEGS);
	/* As many descriptors, but one of them crosses a border. */
	bufs[3] = (struct fake_buf){ FAKE_MID_GPA - 5, 10, false };
	CHECK_EQ(walk_bufs(&c, bufs, VU_MAX_CHAIN_SEGS), VU_VRING_CHAIN_TOO_LONG);
	fake_ring_reset(c.f.ring);
	vu_vring_seek(&c.f.vring, c.f.snapshot);
	CHECK(fake_ring_put(c.f.ring, bufs, VU_MAX_CHAIN_SEGS + 1) >= 0);
	CHECK_EQ(vu_packed_peek(c.f.snapshot, &c.f.vring.pos, &c.burst, 1, 0), 0);
	CHECK_EQ(c.f.vring.pos.fault, VU_VRING_CHAIN_TOO_LONG);
	vring_stop(&c.f);
}

/* What the guest writes between the peek and the walk changes what is in the chain, not how far. */
VU_TEST(vring_packed_chain, guest_that_changes_its_mind_gains_nothing)
{
	const struct fake_buf bufs[] = {
		{ FAKE_HIGH_GPA, 1, false }, { FAKE_HIGH_GPA, 2, false },
		{ FAKE_HIGH_GPA, 3, false },
	};
	struct packed_chain_fixture c;

	start(&c, 4, F_INDIRECT);
	CHECK_EQ(walk_bufs(&c, bufs, 3), VU_VRING_OK);
	for (int i = 0; i < 4; i++)
		c.f.ring->packed_desc[i].flags ^= VU_DESC_F_NEXT;
	CHECK_EQ(vu_packed_chain(c.f.snapshot, &c.f.vring.pos, &c.burst, 0, &c.chain), VU_VRING_OK);
	CHECK_EQ(c.chain.nb_read, 3);
	c.f.ring->packed_desc[1].flags |= VU_DESC_F_INDIRECT;
	CHECK_EQ(vu_packed_chain(c.f.snapshot, &c.f.vring.pos, &c.burst, 0, &c.chain),
		VU_VRING_BAD_INDIRECT);
	vring_stop(&c.f);
}
