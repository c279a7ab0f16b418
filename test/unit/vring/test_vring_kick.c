/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Kicks asked for and refused, in both layouts, with flags and with event indices.
 */
#include "vu_vring_kick.h"

#include <string.h>

#include "test.h"

#define SIZE 4

struct kick_ring {
	_Alignas(4) uint8_t used[sizeof(struct vu_split_used) +
		SIZE * sizeof(struct vu_split_used_elem) + sizeof(uint16_t)];
	struct vu_packed_event event;
	struct vu_vring_snapshot snapshot;
	struct vu_vring_pos pos;
};

static void
ring_init(struct kick_ring *ring, bool is_packed, bool has_event_idx)
{
	memset(ring, 0, sizeof(*ring));
	ring->snapshot = (struct vu_vring_snapshot){
		.size = SIZE, .mask = SIZE - 1, .is_packed = is_packed,
		.has_event_idx = has_event_idx,
	};
	ring->pos.last_avail_idx = 0x8003;
	if (is_packed)
		ring->snapshot.device_event = &ring->event;
	else
		ring->snapshot.used = (struct vu_split_used *)(void *)ring->used;
}

VU_TEST(vring_kick, split_flag)
{
	struct kick_ring ring;

	ring_init(&ring, false, false);
	vu_vring_disable_kicks(&ring.snapshot);
	CHECK_EQ(ring.snapshot.used->flags, VU_USED_F_NO_NOTIFY);
	vu_vring_enable_kicks(&ring.snapshot, &ring.pos);
	CHECK_EQ(ring.snapshot.used->flags, 0);
	vu_vring_disable_kicks(&ring.snapshot);
	CHECK_EQ(ring.snapshot.used->flags, VU_USED_F_NO_NOTIFY);
}

/* avail_event lies behind the last entry of the used ring. */
VU_TEST(vring_kick, split_event_index)
{
	struct kick_ring ring;
	uint16_t event;

	ring_init(&ring, false, true);
	vu_vring_enable_kicks(&ring.snapshot, &ring.pos);
	memcpy(&event, &ring.used[sizeof(ring.used) - sizeof(event)], sizeof(event));
	CHECK_EQ(event, ring.pos.last_avail_idx);
	for (size_t i = 0; i < sizeof(ring.used) - sizeof(event); i++)
		CHECK_EQ(ring.used[i], 0);
	vu_vring_disable_kicks(&ring.snapshot);
	CHECK_EQ(ring.snapshot.used->flags, 0);
}

VU_TEST(vring_kick, packed_flags)
{
	struct kick_ring ring;

	ring_init(&ring, true, false);
	vu_vring_disable_kicks(&ring.snapshot);
	CHECK_EQ(ring.event.flags, VU_PACKED_EVENT_DISABLE);
	vu_vring_enable_kicks(&ring.snapshot, &ring.pos);
	CHECK_EQ(ring.event.flags, VU_PACKED_EVENT_ENABLE);
}

VU_TEST(vring_kick, packed_position)
{
	struct kick_ring ring;

	ring_init(&ring, true, true);
	vu_vring_enable_kicks(&ring.snapshot, &ring.pos);
	CHECK_EQ(ring.event.flags, VU_PACKED_EVENT_DESC);
	CHECK_EQ(ring.event.position, 0x8003);
	vu_vring_disable_kicks(&ring.snapshot);
	CHECK_EQ(ring.event.flags, VU_PACKED_EVENT_DISABLE);
}
