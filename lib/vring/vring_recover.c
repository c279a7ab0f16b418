/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a packed ring is, read from its descriptors: a front-end whose back-end was killed knows
 * only an old base. For devices that return buffers in the order they came. Control lcore, while
 * the ring is quiet; the guest may add buffers meanwhile.
 *
 *   one lap of slots, oldest first:      passed by the device       |    available     |
 *                                    +---+-----------+---+----------+------------------+
 *   begin = driver's position, a lap | s | H  .  . E | s | H  .  . E|                  | driver
 *   ago                              +---+-----------+---+----------+------------------+
 *
 * AVAIL of a slot is the wrap counter of the lap in which the driver last wrote to it, so it
 * changes at the driver's position. The device passed all slots up to the last used one. That is a
 * used descriptor of one slot (s), or the end (E) of a group, a chain or a batch that has one used
 * descriptor in its first slot (H); vu_packed_mark_end() marks it with the length of the group. A
 * burst may lack its first used descriptor, which is written last: the guest has seen none of it.
 */
#include "vring_recover.h"

#include <rte_bitops.h>
#include <rte_common.h>

#include "vu_packed.h"
#include "vu_virtio.h"
#include "vu_vring_burst.h"
#include "vu_vring_log.h"
#include "vu_vring_packed.h"

/* Slots are named by their distance from `begin`. */
struct packed_scan {
	const struct vu_vring_snapshot *snap;
	uint16_t begin;
	uint32_t nb_passed;
};

enum slot_owner {
	SLOT_DEVICE, /* available */
	SLOT_USED,
	SLOT_DRIVER, /* the driver goes on while we look, or the guest writes nonsense */
};

static uint16_t
scan_position(const struct packed_scan *scan, uint32_t i)
{
	return vu_packed_step(scan->snap->size, scan->begin, i);
}

static uint64_t
scan_word(const struct packed_scan *scan, uint32_t i)
{
	return vu_load(vu_packed_word(
		&scan->snap->packed_desc[scan_position(scan, i) & VU_PACKED_SLOT]));
}

static enum slot_owner
scan_owner(const struct packed_scan *scan, uint32_t i)
{
	const uint16_t owner = (scan_word(scan, i) >> 48) & VU_PACKED_F_OWNER;

	if (owner == vu_packed_used_flags(scan_position(scan, i)))
		return SLOT_USED;
	return owner == vu_packed_avail_flags(scan_position(scan, i)) ? SLOT_DEVICE : SLOT_DRIVER;
}

static bool
slot_lap(const struct vu_vring_snapshot *snap, uint16_t slot)
{
	return ((vu_load(vu_packed_word(&snap->packed_desc[slot])) >> 48) &
		VU_PACKED_F_AVAIL) != 0;
}

/* The first slot that the driver has not written to in the lap of slot 0. */
static uint16_t
driver_position(const struct vu_vring_snapshot *snap)
{
	const bool lap = slot_lap(snap, 0);
	uint16_t slot = 1;

	while (slot < snap->size && slot_lap(snap, slot) == lap)
		slot++;
	if (slot == snap->size)
		return lap ? 0 : VU_PACKED_WRAP;
	return slot | (lap ? VU_PACKED_WRAP : 0);
}

static struct packed_scan
packed_look(const struct vu_vring_snapshot *snap)
{
	struct packed_scan scan = {
		.snap = snap, .begin = driver_position(snap) ^ VU_PACKED_WRAP,
	};

	for (uint32_t i = 0; i < snap->size; i++)
		if (scan_owner(&scan, i) == SLOT_USED)
			scan.nb_passed = i + 1;
	return scan;
}

/*
 * Can the available slots from nb_passed up to `end` be the rest of the last group? Another
 * back-end, which ran the ring before us, marks no ends.
 */
static bool
is_rest_of_group(const struct packed_scan *scan, uint32_t end)
{
	const bool is_batch = (scan->snap->features & RTE_BIT64(VIRTIO_F_IN_ORDER)) != 0;
	const uint64_t last = scan_word(scan, end - 1);

	for (uint32_t i = scan->nb_passed; i < end - 1 && !is_batch; i++)
		if (((scan_word(scan, i) >> 48) & VU_DESC_F_NEXT) == 0)
			return false;
	return ((last >> 48) & VU_DESC_F_NEXT) == 0 &&
		(uint16_t)(last >> 32) == (uint16_t)(scan_word(scan, scan->nb_passed - 1) >> 32);
}

/* A front-end that never stopped a ring has the fresh base, which no back-end answered. */
static bool
base_is_good(const struct packed_scan *scan, uint16_t base)
{
	int32_t i = (base & VU_PACKED_SLOT) - (scan->begin & VU_PACKED_SLOT);
	const int32_t nb_passed = (int32_t)scan->nb_passed;

	if (((base ^ scan->begin) & VU_PACKED_WRAP) != 0)
		i += scan->snap->size;
	if (i == nb_passed)
		return true;
	return base != (uint16_t)VU_PACKED_FRESH_BASE && nb_passed != 0 && i > nb_passed &&
		i <= scan->snap->size && is_rest_of_group(scan, (uint32_t)i);
}

/* First slot of the group that ends at `end`; negative: the driver has overwritten it. */
static int32_t
group_head(const struct packed_scan *scan, uint32_t end)
{
	const uint64_t word = scan_word(scan, end);
	const uint32_t len = (uint32_t)word;

	if (scan_owner(scan, end) != SLOT_USED || len < 2 ||
			((word >> 48) & VU_DESC_F_WRITE) != 0)
		return (int32_t)end;
	return len <= end + 1 ? (int32_t)(end + 1 - len) : -1;
}

/* Where the burst begins that is not published; nb_passed: all are. */
static uint32_t
unpublished_begin(const struct packed_scan *scan)
{
	uint32_t begin = scan->nb_passed, i = scan->nb_passed;

	for (unsigned int nb = 0; nb < VU_VRING_MAX_BURST && i != 0; nb++) {
		const int32_t head = group_head(scan, i - 1);

		if (head < 0 || scan_owner(scan, (uint32_t)head) == SLOT_DRIVER)
			break;
		if (scan_owner(scan, (uint32_t)head) == SLOT_DEVICE)
			begin = (uint32_t)head;
		i = (uint32_t)head;
	}
	return begin;
}

/*
 * The lengths of the buffers are lost, and so is whether their frames are whole. From behind: the
 * first used descriptor shows the guest all of them.
 */
static void
publish_empty(const struct packed_scan *scan, uint32_t begin)
{
	uint32_t i = scan->nb_passed;

	while (i > begin) {
		const uint16_t id = (uint16_t)(scan_word(scan, i - 1) >> 32);
		const int32_t head = group_head(scan, i - 1);
		uint16_t position;

		if (head < 0)
			return;
		position = scan_position(scan, (uint32_t)head);
		vu_store_release(vu_packed_word(
			&scan->snap->packed_desc[position & VU_PACKED_SLOT]),
			vu_packed_used_word(position, id, 0));
		i = (uint32_t)head;
	}
}

bool
packed_recover(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos)
{
	const struct packed_scan scan = packed_look(snap);
	uint32_t begin;

	if (base_is_good(&scan, pos->last_used_idx))
		return false;
	begin = unpublished_begin(&scan);
	publish_empty(&scan, begin);
	pos->last_used_idx = scan_position(&scan, scan.nb_passed);
	pos->last_avail_idx = pos->last_used_idx;
	if (snap->log != NULL)
		vu_vring_log_used(snap, pos, scan_position(&scan, begin));
	return true;
}
