/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A started ring of a fake guest, as the owner lcore sees it; shared by the cases of lib/vring.
 */
#ifndef VRING_FIXTURE_H
#define VRING_FIXTURE_H

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_bitops.h>

#include "expect.h"
#include "fake_guest.h"
#include "fake_rand.h"
#include "vu_fd.h"
#include "vu_mem_translate.h"
#include "vu_virtio.h"
#include "vu_vring.h"
#include "vu_vring_chain.h"
#include "vu_vring_snapshot.h"

#define F_INDIRECT RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC)
#define F_EVENT_IDX RTE_BIT64(VIRTIO_RING_F_EVENT_IDX)
#define F_PACKED RTE_BIT64(VIRTIO_F_RING_PACKED)

struct vring_fixture {
	struct fake_guest guest;
	struct fake_ring *ring;
	struct vu_mem_table *mem;
	struct vu_vring vring;
	struct vu_vring_snapshot *snapshot;
};

static inline void
fixture_configure(struct vring_fixture *f, uint16_t size, const struct fake_ring_place *place)
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

static inline void
fixture_restart(struct vring_fixture *f, uint64_t features)
{
	vu_vring_snapshot_destroy(vu_vring_publish(&f->vring, NULL));
	f->snapshot = vu_vring_snapshot_create(&f->vring, f->mem, features);
	CHECK(f->snapshot != NULL);
	vu_vring_seek(&f->vring, f->snapshot);
	vu_vring_publish(&f->vring, f->snapshot);
}

/* Ring parts aligned no better than they must be. */
static inline void
fixture_start(struct vring_fixture *f, uint16_t size, uint64_t features)
{
	const struct fake_ring_place place = { FAKE_MID, 0, (features & F_PACKED) != 0 };

	fixture_configure(f, size, &place);
	fixture_restart(f, features);
}

static inline void
fixture_stop(struct vring_fixture *f)
{
	vu_vring_snapshot_destroy(vu_vring_publish(&f->vring, NULL));
	vu_vring_reset(&f->vring);
	vu_mem_table_destroy(f->mem);
	fake_ring_destroy(f->ring);
	fake_guest_fini(&f->guest);
}

/* Events on an fd since the last call. */
static inline uint64_t
fixture_events(int fd)
{
	eventfd_t nb = 0;

	return eventfd_read(fd, &nb) == 0 ? nb : 0;
}

#endif /* VRING_FIXTURE_H */
