/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Walks descriptor chains of both layouts, indirect tables included; the only code that follows
 * `next`.
 * Runs on the owner lcore. Whatever the guest writes meanwhile, a descriptor is read once into a
 * local.
 */
#include "vu_vring_chain.h"

#include <rte_atomic.h>
#include <rte_branch_prediction.h>

#include "vu_math.h"
#include "vu_mem_translate.h"
#include "vu_vring_packed.h"

/** Where the walk reads descriptors from: the ring's own table or an indirect one. */
struct desc_table {
	const struct vu_split_desc *direct; /* NULL: indirect */
	uint64_t gpa;                       /* of an indirect table */
	uint32_t nb_entries;
};

struct chain_walk {
	const struct vu_vring_snapshot *snapshot;
	struct vu_vring_pos *pos;
	struct vu_chain *chain;
	struct desc_table table;
	uint32_t max_nb_descs; /* longest chain, and one for an indirect table; bounds loops */
};

static void
chain_clear(struct vu_chain *chain)
{
	chain->nb_read = 0;
	chain->nb_write = 0;
	chain->nb_descs = 0;
	chain->read_bytes = 0;
	chain->write_bytes = 0;
}

/* An address that is in no table. */
static enum vu_vring_fault
chain_no_address(const struct chain_walk *walk)
{
	return walk->snapshot->has_iommu ? VU_VRING_IOTLB_MISS : VU_VRING_BAD_ADDRESS;
}

/* Copy one descriptor of an indirect table, which may straddle two regions. */
static bool
chain_read_indirect(struct chain_walk *walk, uint64_t gpa, void *desc)
{
	uint8_t *dst = desc;
	uint64_t left_bytes = sizeof(struct vu_split_desc);

	while (left_bytes != 0) {
		uint64_t piece_bytes = left_bytes;
		const void *src = vu_mem_gpa_to_hva(vu_vring_buffer_mem(walk->snapshot, 0), gpa,
			&piece_bytes, &walk->pos->region_hint);

		if (src == NULL)
			return false;
		memcpy(dst, src, piece_bytes);
		dst += piece_bytes;
		gpa += piece_bytes;
		left_bytes -= piece_bytes;
	}
	return true;
}

static bool
chain_read_desc(struct chain_walk *walk, uint32_t i, struct vu_split_desc *desc)
{
	bool is_read = true;

	if (walk->table.direct != NULL)
		memcpy(desc, &walk->table.direct[i], sizeof(*desc));
	else
		is_read = chain_read_indirect(walk,
			walk->table.gpa + (uint64_t)i * sizeof(*desc), desc);
	/*
	 * The copy is what gets checked and used: keep the compiler from reading the guest again.
	 */
	rte_compiler_barrier();
	return is_read;
}

static enum vu_vring_fault
chain_enter_indirect(struct chain_walk *walk, const struct vu_split_desc *desc)
{
	if (!walk->snapshot->has_indirect || walk->table.direct == NULL ||
			(desc->flags & VU_DESC_F_NEXT) != 0 || desc->len_bytes == 0 ||
			desc->len_bytes % sizeof(*desc) != 0)
		return VU_VRING_BAD_INDIRECT;
	walk->table.direct = NULL;
	walk->table.gpa = desc->gpa;
	walk->table.nb_entries = desc->len_bytes / sizeof(*desc);
	return VU_VRING_OK;
}

/* Append the memory of one descriptor, in as many pieces as regions make of it. */
static enum vu_vring_fault
chain_append(struct chain_walk *walk, uint64_t gpa, uint64_t left_bytes, bool is_write)
{
	struct vu_chain *chain = walk->chain;
	const struct vu_mem_table *mem = vu_vring_buffer_mem(walk->snapshot,
		is_write ? VU_DESC_F_WRITE : 0);
	uint32_t *total_bytes = is_write ? &chain->write_bytes : &chain->read_bytes;

	if (!is_write && chain->nb_write != 0)
		return VU_VRING_BAD_DIRECTION;
	if (left_bytes > UINT32_MAX - *total_bytes)
		return VU_VRING_BAD_LENGTH;
	*total_bytes += (uint32_t)left_bytes;
	while (left_bytes != 0) {
		uint32_t nb_segs = (uint32_t)chain->nb_read + chain->nb_write;
		uint64_t piece_bytes = left_bytes;
		uint8_t *hva = vu_mem_gpa_to_hva(mem, gpa, &piece_bytes,
			&walk->pos->region_hint);

		if (hva == NULL)
			return chain_no_address(walk);
		if (nb_segs == VU_MAX_CHAIN_SEGS)
			return VU_VRING_CHAIN_TOO_LONG;
		chain->seg[nb_segs].hva = hva;
		chain->seg[nb_segs].len_bytes = (uint32_t)piece_bytes;
		if (is_write)
			chain->nb_write++;
		else
			chain->nb_read++;
		gpa += piece_bytes;
		left_bytes -= piece_bytes;
	}
	return VU_VRING_OK;
}

/* Handle descriptor i of the current table and find which one follows. */
static enum vu_vring_fault
chain_step(struct chain_walk *walk, uint32_t i, uint32_t *next, bool *is_last)
{
	struct vu_split_desc desc;
	enum vu_vring_fault fault;

	if (unlikely(i >= walk->table.nb_entries))
		return VU_VRING_BAD_NEXT;
	if (unlikely(++walk->chain->nb_descs > walk->max_nb_descs))
		return VU_VRING_CHAIN_TOO_LONG;
	if (unlikely(!chain_read_desc(walk, i, &desc)))
		return chain_no_address(walk);
	*is_last = false;
	if ((desc.flags & VU_DESC_F_INDIRECT) != 0) {
		*next = 0;
		return chain_enter_indirect(walk, &desc);
	}
	fault = chain_append(walk, desc.gpa, desc.len_bytes, (desc.flags & VU_DESC_F_WRITE) != 0);
	*is_last = (desc.flags & VU_DESC_F_NEXT) == 0;
	*next = desc.next;
	return fault;
}

enum vu_vring_fault
vu_split_chain(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos, uint16_t head,
	struct vu_chain *chain)
{
	struct chain_walk walk = {
		.snapshot = snap, .pos = pos, .chain = chain,
		.table = { .direct = snap->desc, .nb_entries = snap->size },
		.max_nb_descs = RTE_MIN((uint32_t)snap->size, (uint32_t)VU_MAX_CHAIN_SEGS) + 1,
	};
	enum vu_vring_fault fault;
	uint32_t next = head;
	bool is_last;

	chain_clear(chain);
	do {
		fault = chain_step(&walk, next, &next, &is_last);
	} while (fault == VU_VRING_OK && !is_last);
	return fault;
}

uint16_t
vu_packed_follow(const struct vu_vring_snapshot *snap, uint16_t slot, uint16_t room, uint16_t *id)
{
	uint16_t max = RTE_MIN(room, (uint16_t)VU_MAX_CHAIN_SEGS);

	for (uint16_t nb = 2; nb <= max; nb++) {
		uint64_t word;

		slot = slot + 1 < snap->size ? (uint16_t)(slot + 1) : 0;
		/* Behind the acquire of the chain's first descriptor. */
		word = vu_load(vu_packed_word(&snap->packed_desc[slot]));
		*id = (uint16_t)(word >> 32);
		if (((word >> 48) & VU_DESC_F_NEXT) == 0)
			return nb;
	}
	return 0;
}

/* All of an indirect table; its descriptors have no flag but WRITE (VIRTIO 1.2, 2.8.7). */
static enum vu_vring_fault
packed_walk_indirect(struct chain_walk *walk, uint64_t gpa, uint32_t len_bytes)
{
	struct vu_packed_desc desc;

	if (!walk->snapshot->has_indirect || len_bytes == 0 || len_bytes % sizeof(desc) != 0)
		return VU_VRING_BAD_INDIRECT;
	if (len_bytes / sizeof(desc) > VU_MAX_CHAIN_SEGS)
		return VU_VRING_CHAIN_TOO_LONG;
	for (uint32_t i = 0; i < len_bytes / sizeof(desc); i++) {
		enum vu_vring_fault fault;

		walk->chain->nb_descs++;
		if (!chain_read_indirect(walk, gpa + i * sizeof(desc), &desc))
			return chain_no_address(walk);
		/* The copy is what gets checked and used, as in chain_read_desc(). */
		rte_compiler_barrier();
		fault = chain_append(walk, desc.gpa, desc.len_bytes,
			(desc.flags & VU_DESC_F_WRITE) != 0 && !walk->snapshot->has_sent_tables);
		if (fault != VU_VRING_OK)
			return fault;
	}
	return VU_VRING_OK;
}

/* One of the nb descriptors of a chain. */
static enum vu_vring_fault
packed_walk_desc(struct chain_walk *walk, const struct vu_packed_desc *desc, uint16_t nb)
{
	walk->chain->nb_descs++;
	if ((desc->flags & VU_DESC_F_INDIRECT) == 0)
		return chain_append(walk, desc->gpa, desc->len_bytes,
			(desc->flags & VU_DESC_F_WRITE) != 0);
	return nb == 1 ? packed_walk_indirect(walk, desc->gpa, desc->len_bytes) :
		VU_VRING_BAD_INDIRECT;
}

enum vu_vring_fault
vu_packed_chain_of(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_packed_desc *descs, uint16_t nb, struct vu_chain *chain)
{
	struct chain_walk walk = { .snapshot = snap, .pos = pos, .chain = chain };
	enum vu_vring_fault fault = VU_VRING_OK;

	chain_clear(chain);
	for (uint16_t i = 0; i < nb && fault == VU_VRING_OK; i++)
		fault = packed_walk_desc(&walk, &descs[i], nb);
	return fault;
}

enum vu_vring_fault
vu_packed_chain(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t i, struct vu_chain *chain)
{
	struct chain_walk walk = { .snapshot = snap, .pos = pos, .chain = chain };
	enum vu_vring_fault fault = VU_VRING_OK;
	uint16_t position = pos->last_avail_idx;

	for (uint16_t before = 0; before < i; before++)
		position = vu_packed_advance(snap, position, burst->nb_descs[before]);
	chain_clear(chain);
	for (uint16_t nb = 0; nb < burst->nb_descs[i] && fault == VU_VRING_OK; nb++) {
		struct vu_packed_desc desc;

		vu_packed_load_desc(snap, position, &desc);
		fault = packed_walk_desc(&walk, &desc, burst->nb_descs[i]);
		position = vu_packed_advance(snap, position, 1);
	}
	return fault;
}
