/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver half and device half of a ring over one piece of memory.
 */
#ifndef GUEST_FIXTURE_H
#define GUEST_FIXTURE_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "expect.h"
#include "vring_fixture.h"
#include "vu_vring_guest.h"
#include "vu_vring_layout.h"

#define F_VERSION_1 RTE_BIT64(VIRTIO_F_VERSION_1)
#define F_ACCESS_PLATFORM RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM)
#define F_IN_ORDER RTE_BIT64(VIRTIO_F_IN_ORDER)
#define MEM_BYTES 0x100000
#define DATA_OFFSET 0x80000
#define BUF_BYTES 256

/* Both halves over one piece of memory; addresses are those of this process. */
struct guest_fixture {
	struct fake_guest guest; /* for its memory */
	struct vu_mem_table *table;
	struct vu_vring_guest *ring;
	struct vu_vring vring;
	struct vu_vring_snapshot *snapshot;
};

/** Both halves, started. */
void pair_start(struct guest_fixture *f, uint16_t size, uint64_t features);

/** The device dies and another one takes over, with what the driver half knows. */
void pair_restart(struct guest_fixture *f, uint64_t features);

/** Free everything. */
void pair_stop(struct guest_fixture *f);

/** Buffer number n; its cookie is n + 1. */
struct vu_guest_buf pair_buf(const struct guest_fixture *f, uintptr_t n);

/** Driver: offer so many buffers. @return how many had room */
uint16_t pair_add(struct guest_fixture *f, uintptr_t first, uint16_t nb, bool is_writable);

/** Device: use up to `max` buffers, reporting that it wrote `len` bytes to each. */
uint16_t pair_use(struct guest_fixture *f, uint16_t max, uint32_t len, uint16_t direction);

/** Device: must the guest be notified of it? */
bool pair_wants_notification(struct guest_fixture *f);

/** Number of a buffer that came back. */
uintptr_t pair_number(const struct vu_guest_done *done);

/** EAL has put its thread, and all that this one starts, on the first CPU: move the other half. */
void thread_use_last_cpu(pthread_t thread);

#endif /* GUEST_FIXTURE_H */
