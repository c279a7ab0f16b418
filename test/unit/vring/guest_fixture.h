/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver half and device half of a ring over one piece of memory.
 */
#ifndef GUEST_FIXTURE_H
#define GUEST_FIXTURE_H

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
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
	int fd;
	uint8_t *mem;
	struct vu_mem_table *table;
	struct vu_vring_guest *ring;
	struct vu_vring vring;
	struct vu_vring_snapshot *snapshot;
};

static inline void
pair_attach(struct guest_fixture *f, uint64_t features, uint32_t base)
{
	f->vring.conf = (struct vu_vring_conf){
		.size = f->ring->size, .base = base, .has_addr = true, .has_base = true,
		.desc_uva = (uintptr_t)f->ring->desc,
		.avail_uva = (uintptr_t)f->ring->avail,
		.used_uva = (uintptr_t)f->ring->used,
	};
	f->vring.enabled = true;
	f->snapshot = vu_vring_snapshot_create(&f->vring, f->table, features);
	CHECK(f->snapshot != NULL);
	CHECK(!vu_vring_seek(&f->vring, f->snapshot));
}

static inline void
pair_start(struct guest_fixture *f, uint16_t size, uint64_t features)
{
	struct vu_mem_region_conf region = { .len = MEM_BYTES, .numa_node = -1 };
	struct vu_vring_guest_conf conf = { .size = size, .features = features };

	f->fd = vu_fd_memfd("guest-test", MEM_BYTES, 0);
	f->mem = mmap(NULL, MEM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	CHECK(f->mem != MAP_FAILED);
	region.gpa = region.uva = (uintptr_t)f->mem;
	region.fd = dup(f->fd);
	f->table = vu_mem_table_create(&region, 1, "test");
	conf.memory = f->mem;
	f->ring = vu_vring_guest_create(&conf);
	CHECK(f->table != NULL && f->ring != NULL);
	vu_vring_init(&f->vring, 0);
	pair_attach(f, features, vu_vring_guest_restart(f->ring));
}

/* The device dies and another one takes over, with what the driver half knows. */
static inline void
pair_restart(struct guest_fixture *f, uint64_t features)
{
	vu_vring_snapshot_destroy(f->snapshot);
	pair_attach(f, features, vu_vring_guest_restart(f->ring));
}

static inline void
pair_stop(struct guest_fixture *f)
{
	vu_vring_snapshot_destroy(f->snapshot);
	vu_vring_guest_destroy(f->ring);
	vu_mem_table_destroy(f->table);
	munmap(f->mem, MEM_BYTES);
	vu_fd_close(&f->fd);
}

/* Buffer number n; its cookie is n + 1. */
static inline struct vu_guest_buf
buf(const struct guest_fixture *f, uintptr_t n)
{
	return (struct vu_guest_buf){
		.gpa = (uintptr_t)f->mem + DATA_OFFSET + n % 1024 * BUF_BYTES,
		.cookie = (void *)(n + 1),
		.len_bytes = BUF_BYTES,
	};
}

static inline uint16_t
add(struct guest_fixture *f, uintptr_t first, uint16_t nb, bool is_writable)
{
	uint16_t nb_added = 0;

	for (uint16_t i = 0; i < nb; i++) {
		struct vu_guest_buf one = buf(f, first + i);

		nb_added += is_writable ? vu_vring_guest_add(f->ring, &one, 1, true) :
			vu_vring_guest_add(f->ring, &one, 1, false);
	}
	vu_vring_guest_publish(f->ring);
	return nb_added;
}

/* Device: use up to `max` buffers, reporting that it wrote `len` bytes to each. */
static inline uint16_t
use(struct guest_fixture *f, uint16_t max, uint32_t len, uint16_t direction)
{
	struct vu_burst burst;
	uint16_t nb = vu_ring_peek(f->snapshot, &f->vring.pos, &burst, max, direction,
		f->snapshot->is_packed);

	for (uint16_t i = 0; i < nb; i++)
		burst.used_bytes[i] = len;
	vu_ring_commit(f->snapshot, &f->vring.pos, &burst, nb, true, f->snapshot->is_packed);
	return nb;
}

/* Device: must the guest be notified of it? */
static inline bool
wants_notification(struct guest_fixture *f)
{
	return f->snapshot->is_packed ? vu_packed_wants_notification(f->snapshot, &f->vring.pos) :
		vu_split_wants_notification(f->snapshot, &f->vring.pos);
}

static inline uintptr_t
number(const struct vu_guest_done *done)
{
	return (uintptr_t)done->cookie - 1;
}

/* EAL has put its thread, and all that this one starts, on the first CPU: move the other half. */
static inline void
thread_use_last_cpu(pthread_t thread)
{
	const long nb_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t last;

	if (nb_cpus < 2 || nb_cpus > CPU_SETSIZE)
		return;
	CPU_ZERO(&last);
	CPU_SET((size_t)nb_cpus - 1, &last);
	pthread_setaffinity_np(thread, sizeof(last), &last);
}

#endif /* GUEST_FIXTURE_H */
