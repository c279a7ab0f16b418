/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests in flight, in memory that outlives us; the steps are those of the specification, in its
 * order. Stores are releases: a process that is killed leaves those it has made, in order. Owner
 * lcore, or control while the ring is quiet.
 */
#include "vu_vring_inflight.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <rte_common.h>

#include "vu_limits.h"
#include "vu_packed.h"

#define REGION_ALIGN 64
#define PACKED_HEADER_BYTES 29 /* without the padding in front of the entries */
#define VERSION 1

static_assert(sizeof(struct vu_inflight_split) == 16, "split header");
static_assert(sizeof(struct vu_inflight_split_entry) == 16, "split entry");
static_assert(offsetof(struct vu_inflight_split_entry, next) == 6, "split next");
static_assert(sizeof(struct vu_inflight_packed) == 32, "packed header");
static_assert(offsetof(struct vu_inflight_packed, used_wrap) == 20, "packed wrap");
static_assert(sizeof(struct vu_inflight_packed_entry) == 32, "packed entry");
static_assert(offsetof(struct vu_inflight_packed_entry, gpa) == 24, "packed address");

uint64_t
vu_inflight_bytes(uint16_t nb_entries, bool is_packed)
{
	const uint64_t header_bytes = is_packed ? PACKED_HEADER_BYTES :
		sizeof(struct vu_inflight_split);
	const uint64_t entry_bytes = is_packed ? sizeof(struct vu_inflight_packed_entry) :
		sizeof(struct vu_inflight_split_entry);

	return RTE_ALIGN_CEIL(header_bytes + nb_entries * entry_bytes, (uint64_t)REGION_ALIGN);
}

static uint16_t
position_of(uint16_t idx, uint8_t wrap)
{
	return (uint16_t)(idx | (wrap != 0 ? VU_PACKED_WRAP : 0));
}

/* ---- fetched ---- */

void
vu_inflight_fetch_split(struct vu_inflight *inflight, uint16_t head)
{
	struct vu_inflight_split *split = inflight->area;

	vu_store_release(&split->entries[head].counter, inflight->next_counter++);
	vu_store_release(&split->entries[head].is_inflight, 1);
}

uint16_t
vu_inflight_fetch_packed(struct vu_inflight *inflight, const struct vu_packed_desc *descs,
	uint16_t nb)
{
	struct vu_inflight_packed *packed = inflight->area;
	const uint16_t head = inflight->free_head;
	uint16_t entry = head, next = head;

	for (uint16_t i = 0; i < nb; i++) {
		struct vu_inflight_packed_entry *copy;

		entry = next;
		if (entry >= inflight->nb_entries)
			return VU_INFLIGHT_NONE;
		copy = &packed->entries[entry];
		if (i == 0) {
			vu_store_release(&copy->num, 0);
			vu_store_release(&copy->counter, inflight->next_counter++);
			vu_store_release(&copy->is_inflight, 1);
		}
		vu_store_release(&copy->gpa, descs[i].gpa);
		vu_store_release(&copy->len_bytes, descs[i].len_bytes);
		vu_store_release(&copy->flags, descs[i].flags);
		vu_store_release(&copy->id, descs[i].id);
		vu_store_release(&packed->entries[head].num, (uint16_t)(i + 1));
		next = vu_load(&copy->next);
		vu_store_release(&packed->free_head, next);
	}
	vu_store_release(&packed->entries[head].last, entry);
	inflight->free_head = next;
	vu_store_release(&packed->old_free_head, next);
	return head;
}

/* ---- given back ---- */

static void
packed_link(struct vu_inflight *inflight, uint16_t entry)
{
	struct vu_inflight_packed *packed = inflight->area;
	uint16_t last = vu_load(&packed->entries[entry].last);

	/* A chain that the front-end broke is forgotten with the entries in it. */
	if (last >= inflight->nb_entries)
		return;
	vu_store_release(&packed->entries[last].next, inflight->free_head);
	inflight->free_head = entry;
	vu_store_release(&packed->free_head, entry);
}

void
vu_inflight_link(struct vu_inflight *inflight, uint16_t entry)
{
	struct vu_inflight_split *split = inflight->area;

	if (inflight->is_packed) {
		packed_link(inflight, entry);
		return;
	}
	vu_store_release(&split->entries[entry].next, inflight->last_head);
	inflight->last_head = entry;
	vu_store_release(&split->last_batch_head, entry);
}

void
vu_inflight_advance(struct vu_inflight *inflight, uint16_t position)
{
	struct vu_inflight_packed *packed = inflight->area;

	vu_store_release(&packed->used_idx, (uint16_t)(position & VU_PACKED_SLOT));
	vu_store_release(&packed->used_wrap, (uint8_t)((position & VU_PACKED_WRAP) != 0));
}

void
vu_inflight_clear(struct vu_inflight *inflight, uint16_t entry)
{
	if (inflight->is_packed)
		vu_store_release(&((struct vu_inflight_packed *)inflight->area)
			->entries[entry].is_inflight, 0);
	else
		vu_store_release(&((struct vu_inflight_split *)inflight->area)
			->entries[entry].is_inflight, 0);
}

static void
packed_commit(struct vu_inflight *inflight, uint16_t position)
{
	struct vu_inflight_packed *packed = inflight->area;

	vu_store_release(&packed->old_free_head, inflight->free_head);
	vu_store_release(&packed->old_used_idx, (uint16_t)(position & VU_PACKED_SLOT));
	vu_store_release(&packed->old_used_wrap, (uint8_t)((position & VU_PACKED_WRAP) != 0));
}

void
vu_inflight_commit(struct vu_inflight *inflight, uint16_t used_idx)
{
	if (inflight->is_packed)
		packed_commit(inflight, used_idx);
	else
		vu_store_release(&((struct vu_inflight_split *)inflight->area)->used_idx, used_idx);
}

/* ---- recovered ---- */

struct again {
	uint64_t counter;
	uint16_t entry;
};

/* Counters run freely. */
static int
compare_again(const void *a, const void *b)
{
	int64_t diff = (int64_t)(((const struct again *)a)->counter -
		((const struct again *)b)->counter);

	return (diff > 0) - (diff < 0);
}

static bool
entry_is_inflight(const struct vu_inflight *inflight, uint16_t i, uint64_t *counter)
{
	if (inflight->is_packed) {
		const struct vu_inflight_packed *packed = inflight->area;

		*counter = vu_load(&packed->entries[i].counter);
		return vu_load(&packed->entries[i].is_inflight) != 0;
	}
	*counter = vu_load(&((const struct vu_inflight_split *)inflight->area)->entries[i].counter);
	return vu_load(&((const struct vu_inflight_split *)inflight->area)
		->entries[i].is_inflight) != 0;
}

/* What has to be done again, in the order of old. */
static int
inflight_collect(struct vu_inflight *inflight)
{
	struct again *list = malloc(inflight->nb_entries * sizeof(*list));

	inflight->again = malloc(inflight->nb_entries * sizeof(*inflight->again));
	if (list == NULL || inflight->again == NULL) {
		free(list);
		vu_inflight_close(inflight);
		return -ENOMEM;
	}
	for (uint16_t i = 0; i < inflight->nb_entries; i++) {
		list[inflight->nb_again].entry = i;
		if (entry_is_inflight(inflight, i, &list[inflight->nb_again].counter))
			inflight->nb_again++;
	}
	qsort(list, inflight->nb_again, sizeof(*list), compare_again);
	for (uint16_t i = 0; i < inflight->nb_again; i++)
		inflight->again[i] = list[i].entry;
	if (inflight->nb_again != 0)
		inflight->next_counter = list[inflight->nb_again - 1].counter + 1;
	free(list);
	return 0;
}

/* A ring that has been used before: what it gave back until now was not recorded. */
static void
split_init(struct vu_inflight *inflight, uint16_t used_idx)
{
	struct vu_inflight_split *split = inflight->area;

	for (uint16_t i = 0; i < inflight->nb_entries; i++)
		vu_store_release(&split->entries[i].is_inflight, 0);
	vu_store_release(&split->features, 0);
	vu_store_release(&split->nb_entries, inflight->nb_entries);
	vu_store_release(&split->last_batch_head, 0);
	vu_store_release(&split->used_idx, used_idx);
	vu_store_release(&split->version, VERSION);
}

/* The last batch may be in the ring and not recorded in full: k entries of it are. */
static int
split_settle(struct vu_inflight *inflight, uint16_t used_idx)
{
	struct vu_inflight_split *split = inflight->area;
	uint16_t k = (uint16_t)(used_idx - vu_load(&split->used_idx));
	uint16_t i = vu_load(&split->last_batch_head);

	if (k > inflight->nb_entries || i >= inflight->nb_entries)
		return -EINVAL;
	inflight->last_head = i;
	for (; k != 0; k--) {
		if (i >= inflight->nb_entries)
			return -EINVAL;
		vu_store_release(&split->entries[i].is_inflight, 0);
		i = vu_load(&split->entries[i].next);
	}
	vu_store_release(&split->used_idx, used_idx);
	return 0;
}

static int
split_open(struct vu_inflight *inflight, const struct vu_vring_snapshot *snap,
	struct vu_vring_pos *pos)
{
	const struct vu_inflight_split *split = inflight->area;
	const uint16_t used_idx = vu_load(&snap->used->idx);
	const uint16_t version = vu_load(&split->version);
	int rc;

	if (version == 0) {
		split_init(inflight, used_idx);
		return inflight_collect(inflight);
	}
	if (version != VERSION || vu_load(&split->nb_entries) != inflight->nb_entries)
		return -EINVAL;
	rc = split_settle(inflight, used_idx);
	if (rc == 0)
		rc = inflight_collect(inflight);
	if (rc != 0)
		return rc;
	if (inflight->nb_again > snap->size)
		return -EINVAL;
	for (uint16_t i = 0; i < inflight->nb_again; i++)
		if (inflight->again[i] >= snap->size)
			return -EINVAL;
	pos->last_used_idx = used_idx;
	pos->last_avail_idx = (uint16_t)(used_idx + inflight->nb_again);
	pos->signalled_used = used_idx;
	return 0;
}

static void
packed_init(struct vu_inflight *inflight, uint16_t position)
{
	struct vu_inflight_packed *packed = inflight->area;

	for (uint16_t i = 0; i < inflight->nb_entries; i++) {
		vu_store_release(&packed->entries[i].is_inflight, 0);
		vu_store_release(&packed->entries[i].next, (uint16_t)(i + 1));
	}
	vu_store_release(&packed->features, 0);
	vu_store_release(&packed->nb_entries, inflight->nb_entries);
	vu_store_release(&packed->free_head, 0);
	vu_inflight_advance(inflight, position);
	packed_commit(inflight, position);
	vu_store_release(&packed->version, VERSION);
}

/* Did the last batch reach the ring? Its first descriptor is written last. */
static bool
packed_has_committed(const struct vu_inflight_packed *packed, const struct vu_vring_snapshot *snap,
	uint16_t old)
{
	uint16_t flags = (uint16_t)(vu_load(
		vu_packed_word(&snap->packed_desc[old & VU_PACKED_SLOT])) >> 48);

	if (position_of(vu_load(&packed->used_idx), vu_load(&packed->used_wrap)) == old)
		return false;
	return (flags & VU_PACKED_F_OWNER) != vu_packed_avail_flags(old);
}

/* Entries on the list of free ones are not in flight, whatever they say. */
static int
packed_free_all(struct vu_inflight *inflight)
{
	struct vu_inflight_packed *packed = inflight->area;
	uint16_t i = inflight->free_head;

	for (uint16_t nb = 0; i < inflight->nb_entries; nb++) {
		if (nb == inflight->nb_entries)
			return -EINVAL;
		vu_store_release(&packed->entries[i].is_inflight, 0);
		i = vu_load(&packed->entries[i].next);
	}
	return 0;
}

static int
packed_settle(struct vu_inflight *inflight, const struct vu_vring_snapshot *snap, uint16_t *used)
{
	struct vu_inflight_packed *packed = inflight->area;
	uint16_t old = position_of(vu_load(&packed->old_used_idx), vu_load(&packed->old_used_wrap));
	uint16_t now = position_of(vu_load(&packed->used_idx), vu_load(&packed->used_wrap));

	if ((old & VU_PACKED_SLOT) >= snap->size || (now & VU_PACKED_SLOT) >= snap->size)
		return -EINVAL;
	if (packed_has_committed(packed, snap, old)) {
		inflight->free_head = vu_load(&packed->free_head);
		old = now;
	} else {
		inflight->free_head = vu_load(&packed->old_free_head);
	}
	vu_store_release(&packed->free_head, inflight->free_head);
	vu_inflight_advance(inflight, old);
	packed_commit(inflight, old);
	*used = old;
	return packed_free_all(inflight);
}

static int
packed_open(struct vu_inflight *inflight, const struct vu_vring_snapshot *snap,
	struct vu_vring_pos *pos)
{
	const struct vu_inflight_packed *packed = inflight->area;
	const uint16_t version = vu_load(&packed->version);
	uint32_t nb_slots = 0;
	uint16_t used;
	int rc;

	if (version == 0) {
		packed_init(inflight, pos->last_used_idx);
		return inflight_collect(inflight);
	}
	if (version != VERSION || vu_load(&packed->nb_entries) != inflight->nb_entries)
		return -EINVAL;
	rc = packed_settle(inflight, snap, &used);
	if (rc == 0)
		rc = inflight_collect(inflight);
	if (rc != 0)
		return rc;
	for (uint16_t i = 0; i < inflight->nb_again; i++)
		nb_slots += vu_load(&packed->entries[inflight->again[i]].num);
	if (nb_slots > snap->size)
		return -EINVAL;
	/* The front-end does not know: its base is of before. */
	pos->last_used_idx = used;
	pos->last_avail_idx = vu_packed_step(snap->size, used, nb_slots);
	return 0;
}

int
vu_inflight_open(struct vu_inflight *inflight, void *area, uint16_t nb_entries,
	const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	int rc;

	*inflight = (struct vu_inflight){
		.area = area, .nb_entries = nb_entries, .is_packed = snap->is_packed,
	};
	if (nb_entries < snap->size || nb_entries > VU_MAX_QUEUE_SIZE)
		rc = -EINVAL;
	else
		rc = snap->is_packed ? packed_open(inflight, snap, pos) :
			split_open(inflight, snap, pos);
	if (rc != 0)
		vu_inflight_close(inflight);
	return rc;
}

void
vu_inflight_close(struct vu_inflight *inflight)
{
	free(inflight->again);
	*inflight = (struct vu_inflight){ .area = NULL };
}

uint16_t
vu_inflight_next(struct vu_inflight *inflight)
{
	return inflight->next_again < inflight->nb_again ?
		inflight->again[inflight->next_again++] : VU_INFLIGHT_NONE;
}

uint16_t
vu_inflight_descs(const struct vu_inflight *inflight, uint16_t entry, struct vu_packed_desc *descs)
{
	const struct vu_inflight_packed *packed = inflight->area;
	uint16_t nb;

	if (entry >= inflight->nb_entries)
		return 0;
	nb = vu_load(&packed->entries[entry].num);
	if (nb > VU_MAX_CHAIN_SEGS)
		return 0;
	for (uint16_t i = 0; i < nb; i++) {
		const struct vu_inflight_packed_entry *copy = &packed->entries[entry];

		descs[i] = (struct vu_packed_desc){
			.gpa = vu_load(&copy->gpa), .len_bytes = vu_load(&copy->len_bytes),
			.id = vu_load(&copy->id), .flags = vu_load(&copy->flags),
		};
		entry = vu_load(&copy->next);
		if (entry >= inflight->nb_entries && i + 1 < nb)
			return 0;
	}
	return nb;
}
