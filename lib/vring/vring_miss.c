/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which translations a ring lacks. The search is bounded by descriptors and by misses, whatever a
 * guest makes of its ring: what it does not find is found by the next one.
 */
#include "vu_vring_miss.h"

#include <string.h>

#include <rte_atomic.h>
#include <rte_common.h>

#include "vu_mem_translate.h"
#include "vu_vring_packed.h"
#include "vu_vring_split.h"

#include "vring_part.h"

/* Descriptors and pieces looked at: more than the longest chain has. */
#define MISS_MAX_STEPS (4 * VU_MAX_CHAIN_SEGS)

struct miss_search {
	const struct vu_mem_table *tables[2];
	struct vu_vring_misses *misses;
	uint32_t nb_steps;
};

static bool
search_is_over(const struct miss_search *search)
{
	return search->misses->nb == VU_MAX_IOTLB_MISSES || search->nb_steps >= MISS_MAX_STEPS;
}

static void
misses_add(struct vu_vring_misses *misses, uint64_t iova, uint8_t perm)
{
	for (uint32_t i = 0; i < misses->nb; i++) {
		if ((misses->miss[i].iova ^ iova) < VU_IOTLB_PAGE_BYTES) {
			misses->miss[i].perm |= perm;
			return;
		}
	}
	misses->miss[misses->nb++] = (struct vu_iotlb_miss){ .iova = iova, .perm = perm };
}

/* Pages of a range that are in no entry of one table. @return true if there is one */
static bool
search_range(struct miss_search *search, uint64_t iova, uint64_t len, bool is_write, uint8_t perm)
{
	bool is_missing = false;

	while (len != 0 && !search_is_over(search)) {
		uint64_t piece_bytes = len;
		uint16_t hint;

		search->nb_steps++;
		if (vu_mem_gpa_find(search->tables[is_write], iova, &piece_bytes, &hint) == NULL) {
			misses_add(search->misses, iova, perm);
			is_missing = true;
			piece_bytes = RTE_MIN(len, VU_IOTLB_PAGE_BYTES -
				(iova & (VU_IOTLB_PAGE_BYTES - 1)));
		}
		iova += piece_bytes;
		len -= piece_bytes;
	}
	return is_missing;
}

static void
search_buffer(struct miss_search *search, uint64_t iova, uint32_t len, uint16_t flags)
{
	const bool is_write = (flags & VU_DESC_F_WRITE) != 0;

	search_range(search, iova, len, is_write, is_write ? VU_IOTLB_WRITE : VU_IOTLB_READ);
}

/* Copy a descriptor of a table, which may straddle two entries. */
static bool
search_read(const struct miss_search *search, uint64_t iova, struct vu_split_desc *desc)
{
	uint8_t *dst = (uint8_t *)desc;
	uint64_t left_bytes = sizeof(*desc);

	while (left_bytes != 0) {
		uint64_t piece_bytes = left_bytes;
		uint16_t hint;
		const void *src = vu_mem_gpa_find(search->tables[0], iova, &piece_bytes, &hint);

		if (src == NULL)
			return false;
		memcpy(dst, src, piece_bytes);
		dst += piece_bytes;
		iova += piece_bytes;
		left_bytes -= piece_bytes;
	}
	/* The copy is what gets looked at, as in chain_read_desc(). */
	rte_compiler_barrier();
	return true;
}

/* Descriptors of both layouts begin alike, and are looked at in the order of the table. */
static void
search_indirect(struct miss_search *search, uint64_t iova, uint32_t len, bool is_packed)
{
	if (search_range(search, iova, len, false, VU_IOTLB_READ))
		return;
	for (; len >= sizeof(struct vu_split_desc) && !search_is_over(search);
			len -= sizeof(struct vu_split_desc), iova += sizeof(struct vu_split_desc)) {
		struct vu_packed_desc packed;
		struct vu_split_desc split;

		if (!search_read(search, iova, &split))
			return;
		memcpy(&packed, &split, sizeof(packed));
		search->nb_steps++;
		search_buffer(search, split.gpa, split.len_bytes,
			is_packed ? packed.flags : split.flags);
	}
}

static void
search_desc(struct miss_search *search, uint64_t iova, uint32_t len, uint16_t flags, bool is_packed)
{
	search->nb_steps++;
	if ((flags & VU_DESC_F_INDIRECT) != 0)
		search_indirect(search, iova, len, is_packed);
	else
		search_buffer(search, iova, len, flags);
}

static void
search_split_chain(struct miss_search *search, const struct vu_vring_snapshot *snap, uint16_t head)
{
	struct vu_split_desc desc;

	do {
		if (head >= snap->size)
			return;
		vu_split_load_desc(&snap->desc[head], &desc);
		search_desc(search, desc.gpa, desc.len_bytes, desc.flags, false);
		head = desc.next;
	} while ((desc.flags & VU_DESC_F_NEXT) != 0 && !search_is_over(search));
}

static void
search_split(struct miss_search *search, const struct vu_vring_snapshot *snap,
	const struct vu_vring_pos *pos)
{
	struct vu_vring_pos look = *pos;
	const uint16_t nb = vu_split_nb_avail(snap, &look);

	for (uint16_t i = 0; i < nb && !search_is_over(search); i++)
		search_split_chain(search, snap, vu_load(
			&snap->avail->ring[(uint16_t)(pos->last_avail_idx + i) & snap->mask]));
}

/* Chains are descriptors in a row: where one ends does not matter. */
static void
search_packed(struct miss_search *search, const struct vu_vring_snapshot *snap,
	const struct vu_vring_pos *pos)
{
	const uint16_t room = (uint16_t)(snap->size - vu_packed_nb_taken(snap, pos));
	uint16_t position = pos->last_avail_idx;
	bool is_chain = false;

	for (uint16_t i = 0; i < room && !search_is_over(search); i++) {
		struct vu_packed_desc *desc = &snap->packed_desc[position & VU_PACKED_SLOT];
		/* Pairs with the guest's release of the flags after the rest of the entry. */
		const uint64_t word = vu_load_acquire(vu_packed_word(desc));
		const uint16_t flags = (uint16_t)(word >> 48);

		/* Behind the first one of a chain they say nothing (VIRTIO 1.2, 2.8.6). */
		if (!is_chain && (flags & VU_PACKED_F_OWNER) != vu_packed_avail_flags(position))
			return;
		search_desc(search, vu_load(&desc->gpa), (uint32_t)word, flags, true);
		is_chain = (flags & VU_DESC_F_NEXT) != 0;
		position = vu_packed_advance(snap, position, 1);
	}
}

void
vu_vring_find_misses(const struct vu_vring_snapshot *snap, const struct vu_vring_pos *pos,
	struct vu_vring_misses *misses)
{
	struct miss_search search = {
		.tables = { snap->buffer_mem[0], snap->buffer_mem[1] }, .misses = misses,
	};

	misses->nb = 0;
	if (snap->is_packed)
		search_packed(&search, snap, pos);
	else
		search_split(&search, snap, pos);
}

void
vu_vring_find_part_misses(const struct vu_vring *vring, uint64_t features,
	struct vu_vring_misses *misses)
{
	struct miss_search search = {
		.tables = { vring->iova->tables[0], vring->iova->tables[1] }, .misses = misses,
	};
	struct vring_part parts[VRING_NB_PARTS];

	vring_parts(&vring->conf, features, parts);
	misses->nb = 0;
	for (unsigned int i = 0; i < VRING_NB_PARTS; i++) {
		if ((parts[i].perm & VU_IOTLB_READ) != 0)
			search_range(&search, parts[i].uva, parts[i].len, false, parts[i].perm);
		if ((parts[i].perm & VU_IOTLB_WRITE) != 0)
			search_range(&search, parts[i].uva, parts[i].len, true, parts[i].perm);
	}
}

bool
vu_iotlb_miss_is_over(const struct vu_mem_iova *iova, const struct vu_iotlb_miss *miss)
{
	for (unsigned int i = 0; i < RTE_DIM(iova->tables); i++) {
		const uint8_t perm = i == 0 ? VU_IOTLB_READ : VU_IOTLB_WRITE;
		uint64_t len = 1;
		uint16_t hint;

		if ((miss->perm & perm) != 0 &&
				vu_mem_gpa_find(iova->tables[i], miss->iova, &len, &hint) == NULL)
			return false;
	}
	return true;
}
