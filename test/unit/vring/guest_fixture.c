/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver half and device half of a ring; see guest_fixture.h.
 */
#include "guest_fixture.h"

static void
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

void
pair_start(struct guest_fixture *f, uint16_t size, uint64_t features)
{
	struct vu_vring_guest_conf conf = { .size = size, .features = features };

	fake_guest_init_flat(&f->guest, UINT64_MAX, 0, MEM_BYTES);
	f->table = fake_guest_mem(&f->guest);
	conf.memory = f->guest.base;
	f->ring = vu_vring_guest_create(&conf);
	CHECK(f->ring != NULL);
	vu_vring_init(&f->vring, 0);
	pair_attach(f, features, vu_vring_guest_restart(f->ring));
}

void
pair_restart(struct guest_fixture *f, uint64_t features)
{
	vu_vring_snapshot_destroy(f->snapshot);
	pair_attach(f, features, vu_vring_guest_restart(f->ring));
}

void
pair_stop(struct guest_fixture *f)
{
	vu_vring_snapshot_destroy(f->snapshot);
	vu_vring_guest_destroy(f->ring);
	vu_mem_table_destroy(f->table);
	fake_guest_fini(&f->guest);
}

struct vu_guest_buf
pair_buf(const struct guest_fixture *f, uintptr_t n)
{
	return (struct vu_guest_buf){
		.gpa = (uintptr_t)f->guest.base + DATA_OFFSET + n % 1024 * BUF_BYTES,
		.cookie = (void *)(n + 1),
		.len_bytes = BUF_BYTES,
	};
}

uint16_t
pair_add(struct guest_fixture *f, uintptr_t first, uint16_t nb, bool is_writable)
{
	uint16_t nb_added = 0;

	for (uint16_t i = 0; i < nb; i++) {
		struct vu_guest_buf one = pair_buf(f, first + i);

		nb_added += is_writable ? vu_vring_guest_add(f->ring, &one, 1, true) :
			vu_vring_guest_add(f->ring, &one, 1, false);
	}
	vu_vring_guest_publish(f->ring);
	return nb_added;
}

uint16_t
pair_use(struct guest_fixture *f, uint16_t max, uint32_t len, uint16_t direction)
{
	struct vu_burst burst;
	uint16_t nb = vu_ring_peek(f->snapshot, &f->vring.pos, &burst, max, direction,
		f->snapshot->is_packed);

	for (uint16_t i = 0; i < nb; i++)
		burst.used_bytes[i] = len;
	vu_ring_commit(f->snapshot, &f->vring.pos, &burst, nb, true, f->snapshot->is_packed);
	return nb;
}

bool
pair_wants_notification(struct guest_fixture *f)
{
	return f->snapshot->is_packed ? vu_packed_wants_notification(f->snapshot, &f->vring.pos) :
		vu_split_wants_notification(f->snapshot, &f->vring.pos);
}

uintptr_t
pair_number(const struct vu_guest_done *done)
{
	return (uintptr_t)done->cookie - 1;
}

void
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
