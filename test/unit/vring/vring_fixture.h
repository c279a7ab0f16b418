/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A started ring of the rig's guest, as the owner lcore sees it, and its steps on a ring of either
 * layout; shared by the cases of lib/vring.
 */
#ifndef VRING_FIXTURE_H
#define VRING_FIXTURE_H

#include <string.h>
#include <unistd.h>

#include <rte_bitops.h>

#include "expect.h"
#include "fake_guest.h"
#include "fake_rand.h"
#include "rig.h"
#include "vu_fd.h"
#include "vu_mem_translate.h"
#include "vu_virtio.h"
#include "vu_vring.h"
#include "vu_vring_chain.h"
#include "vu_vring_layout.h"
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

/** Guest, ring and configuration. */
void vring_configure(struct vring_fixture *f, uint16_t size, const struct fake_ring_place *place);

/** Publish a new snapshot. */
void vring_restart(struct vring_fixture *f, uint64_t features);

/** Ring parts aligned no better than they must be. */
void vring_start(struct vring_fixture *f, uint16_t size, uint64_t features);

/** Free everything. */
void vring_stop(struct vring_fixture *f);

/** A buffer in the HIGH region; readable if nothing else is said. */
struct fake_buf engine_buf(uint32_t offset, uint32_t len_bytes);

/** Offer buffers. */
void engine_put(struct vring_fixture *f, unsigned int nb);

/** Entries of a direction. */
uint16_t engine_peek_for(struct vring_fixture *f, struct vu_burst *burst, uint16_t max,
	uint16_t direction);

/** Entries to read. */
uint16_t engine_peek(struct vring_fixture *f, struct vu_burst *burst, uint16_t max);

/** Give entries of a burst back. */
void engine_commit(struct vring_fixture *f, const struct vu_burst *burst, uint16_t nb,
	bool has_bytes);

/** Take and give back up to max entries as reads. */
uint16_t engine_take(struct vring_fixture *f, uint16_t max);

/** Must the guest be notified of what has been given back? */
bool engine_is_wanted(struct vring_fixture *f);

/** Start an empty ring again at an index or position that both sides agree on. */
void engine_start_at(struct vring_fixture *f, uint16_t position, uint64_t features);

#endif /* VRING_FIXTURE_H */
