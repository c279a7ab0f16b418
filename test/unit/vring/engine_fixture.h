/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Steps of the owner lcore on a ring of either layout, for the cases of the two engines.
 */
#ifndef ENGINE_FIXTURE_H
#define ENGINE_FIXTURE_H

#include "expect.h"
#include "vring_fixture.h"
#include "vu_vring_layout.h"

/* A buffer in the HIGH region; readable if nothing else is said. */
static inline struct fake_buf
buf_at(uint32_t offset, uint32_t len_bytes)
{
	return (struct fake_buf){ .gpa = FAKE_HIGH_GPA + offset, .len_bytes = len_bytes };
}

static inline void
put_many(struct vring_fixture *f, unsigned int nb)
{
	const struct fake_buf buf = buf_at(0, 100);

	for (unsigned int i = 0; i < nb; i++)
		CHECK(fake_ring_put(f->ring, &buf, 1) >= 0);
}

static inline uint16_t
peek_for(struct vring_fixture *f, struct vu_burst *burst, uint16_t max, uint16_t direction)
{
	return vu_ring_peek(
		f->snapshot, &f->vring.pos, burst, max, direction, f->snapshot->is_packed);
}

/* Entries to read. */
static inline uint16_t
peek(struct vring_fixture *f, struct vu_burst *burst, uint16_t max)
{
	return peek_for(f, burst, max, 0);
}

static inline void
commit(struct vring_fixture *f, const struct vu_burst *burst, uint16_t nb, bool has_bytes)
{
	vu_ring_commit(f->snapshot, &f->vring.pos, burst, nb, has_bytes, f->snapshot->is_packed);
}

/* Take and give back up to max entries as reads. */
static inline uint16_t
take(struct vring_fixture *f, uint16_t max)
{
	struct vu_burst burst;
	uint16_t nb = peek(f, &burst, max);

	commit(f, &burst, nb, false);
	return nb;
}

/* Must the guest be notified of what has been given back? */
static inline bool
is_wanted(struct vring_fixture *f)
{
	return f->snapshot->is_packed ? vu_packed_wants_notification(f->snapshot, &f->vring.pos) :
		vu_split_wants_notification(f->snapshot, &f->vring.pos);
}

/* Start an empty ring again at an index or position that both sides agree on. */
static inline void
start_at(struct vring_fixture *f, uint16_t position, uint64_t features)
{
	fake_ring_reset(f->ring);
	fake_ring_start_at(f->ring, position);
	f->vring.conf.base = position;
	if ((features & F_PACKED) != 0)
		f->vring.conf.base |= (uint32_t)position << 16;
	fixture_restart(f, features);
}

#endif /* ENGINE_FIXTURE_H */
