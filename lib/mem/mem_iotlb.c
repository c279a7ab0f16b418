/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IOTLB: a sorted array of ranges that never overlap. An entry lies in one region of guest memory,
 * and neighbours that are neighbours here too are one entry, so a guest whose IOMMU maps all of its
 * memory one to one ends with as many entries as it has regions. Control lcore.
 */
#include "vu_mem_iotlb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "vu_limits.h"
#include "vu_math.h"
#include "vu_mem_translate.h"

struct iotlb_entry {
	uint64_t iova;
	uint64_t end;     /* behind the last byte; never wraps */
	uint64_t uva;
	uintptr_t hva;
	uint16_t region;  /* of the memory table */
	uint8_t perm;
};

struct vu_iotlb {
	unsigned int nb;
	unsigned int victim; /* next one that makes room */
	struct iotlb_entry entries[VU_MAX_IOTLB_ENTRIES];
};

struct vu_iotlb *
vu_iotlb_create(void)
{
	return calloc(1, sizeof(struct vu_iotlb));
}

void
vu_iotlb_destroy(struct vu_iotlb *iotlb)
{
	free(iotlb);
}

unsigned int
vu_iotlb_nb_entries(const struct vu_iotlb *iotlb)
{
	return iotlb->nb;
}

/* First entry that ends behind an iova. */
static unsigned int
iotlb_find(const struct vu_iotlb *iotlb, uint64_t iova)
{
	unsigned int low = 0, nb_left = iotlb->nb;

	while (nb_left > 0) {
		unsigned int half = nb_left / 2;

		if (iotlb->entries[low + half].end <= iova) {
			low += half + 1;
			nb_left -= half + 1;
		} else {
			nb_left = half;
		}
	}
	return low;
}

/* Replace nb_old entries from idx on by nb_new others; there is room. */
static void
iotlb_splice(struct vu_iotlb *iotlb, unsigned int idx, unsigned int nb_old,
	const struct iotlb_entry *new, unsigned int nb_new)
{
	struct iotlb_entry *at = &iotlb->entries[idx];

	memmove(at + nb_new, at + nb_old, (iotlb->nb - idx - nb_old) * sizeof(*at));
	for (unsigned int i = 0; i < nb_new; i++)
		at[i] = new[i];
	iotlb->nb += nb_new - nb_old;
}

static void
entry_cut_front(struct iotlb_entry *entry, uint64_t iova)
{
	entry->uva += iova - entry->iova;
	entry->hva += iova - entry->iova;
	entry->iova = iova;
}

/* Empty a range. An entry around it becomes two: there is room for one more. */
static bool
iotlb_clear(struct vu_iotlb *iotlb, uint64_t iova, uint64_t end)
{
	const unsigned int first = iotlb_find(iotlb, iova);
	struct iotlb_entry left[2];
	unsigned int nb_left = 0;
	unsigned int i;

	for (i = first; i < iotlb->nb && iotlb->entries[i].iova < end; i++) {
		const struct iotlb_entry *entry = &iotlb->entries[i];

		if (entry->iova < iova) {
			left[nb_left] = *entry;
			left[nb_left++].end = iova;
		}
		if (entry->end > end) {
			left[nb_left] = *entry;
			entry_cut_front(&left[nb_left++], end);
		}
	}
	if (i == first)
		return false;
	iotlb_splice(iotlb, first, i - first, left, nb_left);
	return true;
}

static bool
entries_join(const struct iotlb_entry *low, const struct iotlb_entry *high)
{
	const uint64_t len = low->end - low->iova;

	return low->end == high->iova && low->perm == high->perm &&
		low->region == high->region && low->uva + len == high->uva;
}

/* Make one of entries idx - 1 and idx if they are. */
static void
iotlb_join(struct vu_iotlb *iotlb, unsigned int idx)
{
	struct iotlb_entry *at = &iotlb->entries[idx];

	if (idx == 0 || idx >= iotlb->nb || !entries_join(at - 1, at))
		return;
	at[-1].end = at->end;
	iotlb_splice(iotlb, idx, 1, NULL, 0);
}

/* @return true if entries had to go */
static bool
iotlb_make_room(struct vu_iotlb *iotlb, unsigned int nb)
{
	const unsigned int nb_before = iotlb->nb;

	while (iotlb->nb + nb > VU_MAX_IOTLB_ENTRIES) {
		iotlb->victim = (iotlb->victim + 1) % iotlb->nb;
		iotlb_splice(iotlb, iotlb->victim, 1, NULL, 0);
	}
	return iotlb->nb != nb_before;
}

/* Insert one piece into a range that is empty; there is room. */
static void
iotlb_insert(struct vu_iotlb *iotlb, const struct iotlb_entry *piece)
{
	const unsigned int idx = iotlb_find(iotlb, piece->iova);

	iotlb_splice(iotlb, idx, 0, piece, 1);
	iotlb_join(iotlb, idx + 1);
	iotlb_join(iotlb, idx);
}

/* Take the next piece of a range off its front; false: it is no guest memory. */
static bool
entry_next_piece(struct vu_iotlb_entry *left, const struct vu_mem_table *mem,
	struct iotlb_entry *piece)
{
	uint64_t len = left->len;
	uint16_t region = 0;
	void *hva = vu_mem_uva_find(mem, left->uva, &len, &region);

	*piece = (struct iotlb_entry){
		.iova = left->iova, .end = left->iova + len, .uva = left->uva,
		.hva = (uintptr_t)hva, .region = region, .perm = left->perm,
	};
	left->iova += len;
	left->uva += len;
	left->len -= len;
	return hva != NULL;
}

/* @return pieces of a range; negative errno */
static int
entry_nb_pieces(const struct vu_iotlb_entry *entry, const struct vu_mem_table *mem)
{
	struct vu_iotlb_entry left = *entry;
	struct iotlb_entry piece;
	int nb = 0;

	for (; left.len != 0; nb++)
		if (!entry_next_piece(&left, mem, &piece))
			return -EFAULT;
	return nb < VU_MAX_IOTLB_ENTRIES ? nb : -E2BIG;
}

int
vu_iotlb_update(struct vu_iotlb *iotlb, const struct vu_mem_table *mem,
	const struct vu_iotlb_entry *entry)
{
	struct vu_iotlb_entry left = *entry;
	struct iotlb_entry piece;
	uint64_t end;
	int nb;

	if ((entry->perm & (VU_IOTLB_READ | VU_IOTLB_WRITE)) == 0 || entry->len == 0 ||
			!vu_add_fits(entry->iova, entry->len, &end) ||
			!vu_add_fits(entry->uva, entry->len, &end))
		return -EINVAL;
	nb = mem != NULL ? entry_nb_pieces(entry, mem) : -EFAULT;
	if (nb < 0)
		return nb;
	/* One more: an entry around the range becomes two. */
	iotlb_make_room(iotlb, (unsigned int)nb + 1);
	iotlb_clear(iotlb, entry->iova, entry->iova + entry->len);
	while (left.len != 0 && entry_next_piece(&left, mem, &piece))
		iotlb_insert(iotlb, &piece);
	return 0;
}

bool
vu_iotlb_invalidate(struct vu_iotlb *iotlb, uint64_t iova, uint64_t len)
{
	bool is_changed;
	uint64_t end;

	/* All of the space, 2^64 bytes, is a length of 0. */
	if (len == 0)
		iova = 0;
	if (len == 0 || !vu_add_fits(iova, len, &end))
		end = UINT64_MAX;
	is_changed = iotlb_make_room(iotlb, 1);
	return iotlb_clear(iotlb, iova, end) || is_changed;
}

void
vu_iotlb_set_mem(struct vu_iotlb *iotlb, const struct vu_mem_table *mem)
{
	const unsigned int nb_old = iotlb->nb;
	struct iotlb_entry *old = malloc(sizeof(iotlb->entries));

	iotlb->nb = 0;
	if (old == NULL || mem == NULL) {
		free(old);
		return;
	}
	memcpy(old, iotlb->entries, nb_old * sizeof(*old));
	for (unsigned int i = 0; i < nb_old; i++) {
		const struct vu_iotlb_entry entry = {
			.iova = old[i].iova, .len = old[i].end - old[i].iova, .uva = old[i].uva,
			.perm = old[i].perm,
		};

		vu_iotlb_update(iotlb, mem, &entry);
	}
	free(old);
}

static bool
region_continues(const struct vu_mem_region *last, const struct iotlb_entry *entry)
{
	return last->gpa_end == entry->iova &&
		last->hva_minus_gpa == entry->hva - entry->iova;
}

/* The regions of one table: entries with a permission. */
static void
table_fill(struct vu_mem_table *table, const struct vu_iotlb *iotlb, uint8_t perm)
{
	unsigned int last_memory = 0;

	for (unsigned int i = 0; i < iotlb->nb; i++) {
		const struct iotlb_entry *entry = &iotlb->entries[i];
		struct vu_mem_region *next = &table->regions[table->nb_regions];

		if ((entry->perm & perm) == 0)
			continue;
		/* Entries with other permissions were not joined. */
		if (table->nb_regions != 0 && entry->region == last_memory &&
				region_continues(next - 1, entry)) {
			next[-1].len += entry->end - entry->iova;
			next[-1].gpa_end = entry->end;
			continue;
		}
		last_memory = entry->region;
		*next = (struct vu_mem_region){
			.gpa_end = entry->end, .len = entry->end - entry->iova,
			.hva_minus_gpa = entry->hva - entry->iova, .uva = entry->uva,
		};
		table->nb_regions++;
	}
	/* What follows the last one contains nothing. */
	table->regions[table->nb_regions] = (struct vu_mem_region){ .len = 0 };
}

struct vu_mem_iova *
vu_iotlb_tables(const struct vu_iotlb *iotlb)
{
	static const uint8_t perms[] = { VU_IOTLB_READ, VU_IOTLB_WRITE };
	const size_t table_bytes = RTE_ALIGN_CEIL(sizeof(struct vu_mem_table) +
		(iotlb->nb + 1) * sizeof(struct vu_mem_region), (size_t)RTE_CACHE_LINE_SIZE);
	struct vu_mem_iova *iova;
	uint8_t *block;

	if (posix_memalign((void **)&block, RTE_CACHE_LINE_SIZE, RTE_DIM(perms) * table_bytes +
			sizeof(*iova)) != 0)
		return NULL;
	iova = (struct vu_mem_iova *)(block + RTE_DIM(perms) * table_bytes);
	for (unsigned int i = 0; i < RTE_DIM(perms); i++) {
		iova->tables[i] = (struct vu_mem_table *)(block + i * table_bytes);
		memset(iova->tables[i], 0, sizeof(struct vu_mem_table));
		table_fill(iova->tables[i], iotlb, perms[i]);
	}
	return iova;
}

void
vu_mem_iova_destroy(struct vu_mem_iova *iova)
{
	if (iova != NULL)
		free(iova->tables[0]);
}
