/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A ring as the owner lcore sees it; see vring_fixture.h.
 */
#include "vring_fixture.h"

void
vring_configure(struct vring_fixture *f, uint16_t size, const struct fake_ring_place *place)
{
	fake_guest_init(&f->guest);
	/* Buffers of the cases cross the border of LOW and MID: keep the ring away from it. */
	fake_guest_alloc(&f->guest, FAKE_MID, 0x10000, 1);
	f->ring = fake_ring_create(&f->guest, size, place);
	f->mem = fake_guest_mem(&f->guest);
	f->snapshot = NULL;
	vu_vring_init(&f->vring, 0);
	f->vring.conf = fake_ring_conf(f->ring);
	f->vring.enabled = true;
}

void
vring_restart(struct vring_fixture *f, uint64_t features)
{
	vu_vring_snapshot_destroy(vu_vring_publish(&f->vring, NULL));
	f->snapshot = vu_vring_snapshot_create(&f->vring, f->mem, features);
	CHECK(f->snapshot != NULL);
	vu_vring_seek(&f->vring, f->snapshot);
	vu_vring_publish(&f->vring, f->snapshot);
}

void
vring_start(struct vring_fixture *f, uint16_t size, uint64_t features)
{
	const struct fake_ring_place place = { FAKE_MID, 0, (features & F_PACKED) != 0 };

	vring_configure(f, size, &place);
	vring_restart(f, features);
}

void
vring_stop(struct vring_fixture *f)
{
	vu_vring_snapshot_destroy(vu_vring_publish(&f->vring, NULL));
	vu_vring_reset(&f->vring);
	vu_mem_table_destroy(f->mem);
	fake_ring_destroy(f->ring);
	fake_guest_fini(&f->guest);
}

struct fake_buf
engine_buf(uint32_t offset, uint32_t len_bytes)
{
	return (struct fake_buf){ .gpa = FAKE_HIGH_GPA + offset, .len_bytes = len_bytes };
}

void
engine_put(struct vring_fixture *f, unsigned int nb)
{
	const struct fake_buf buf = engine_buf(0, 100);

	for (unsigned int i = 0; i < nb; i++)
		CHECK(fake_ring_put(f->ring, &buf, 1) >= 0);
}

uint16_t
engine_peek_for(struct vring_fixture *f, struct vu_burst *burst, uint16_t max, uint16_t direction)
{
	return vu_ring_peek(
		f->snapshot, &f->vring.pos, burst, max, direction, f->snapshot->is_packed);
}

uint16_t
engine_peek(struct vring_fixture *f, struct vu_burst *burst, uint16_t max)
{
	return engine_peek_for(f, burst, max, 0);
}

void
engine_commit(struct vring_fixture *f, const struct vu_burst *burst, uint16_t nb, bool has_bytes)
{
	vu_ring_commit(f->snapshot, &f->vring.pos, burst, nb, has_bytes, f->snapshot->is_packed);
}

uint16_t
engine_take(struct vring_fixture *f, uint16_t max)
{
	struct vu_burst burst;
	uint16_t nb = engine_peek(f, &burst, max);

	engine_commit(f, &burst, nb, false);
	return nb;
}

bool
engine_is_wanted(struct vring_fixture *f)
{
	return f->snapshot->is_packed ? vu_packed_wants_notification(f->snapshot, &f->vring.pos) :
		vu_split_wants_notification(f->snapshot, &f->vring.pos);
}

void
engine_start_at(struct vring_fixture *f, uint16_t position, uint64_t features)
{
	fake_ring_reset(f->ring);
	fake_ring_start_at(f->ring, position);
	f->vring.conf.base = position;
	if ((features & F_PACKED) != 0)
		f->vring.conf.base |= (uint32_t)position << 16;
	vring_restart(f, features);
}
