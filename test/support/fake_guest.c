/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory and rings of a guest that exists only in a test; see fake_guest.h.
 */
#include "fake_guest.h"
#include "expect.h"
#include "fake_packed.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_atomic.h>

#include "vu_atomic.h"
#include "vu_fd.h"

/* In the file the regions lie in another order and apart from each other. */
#define FAKE_HIGH_OFFSET UINT64_C(0)
#define FAKE_MID_OFFSET (FAKE_HIGH_BYTES + UINT64_C(0x1000))
#define FAKE_LOW_OFFSET (FAKE_MID_OFFSET + FAKE_MID_BYTES + UINT64_C(0x1000))
#define FILE_BYTES (FAKE_LOW_OFFSET + FAKE_LOW_BYTES)

#define REGION(name) \
	{ name##_GPA, name##_GPA + FAKE_UVA_OFFSET, name##_BYTES, name##_OFFSET }

static const struct fake_memory scattered[FAKE_NB_REGIONS] = {
	[FAKE_LOW] = REGION(FAKE_LOW), [FAKE_MID] = REGION(FAKE_MID),
	[FAKE_HIGH] = REGION(FAKE_HIGH),
};

/* ---- memory ---- */

static void
guest_open(struct fake_guest *guest, uint64_t file_bytes)
{
	*guest = (struct fake_guest){
		.memfd = vu_fd_memfd(FAKE_GUEST_NAME, file_bytes, 0), .file_bytes = file_bytes,
	};
	CHECK(guest->memfd >= 0);
	guest->base = mmap(NULL, file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, guest->memfd, 0);
	CHECK(guest->base != MAP_FAILED);
}

void
fake_guest_init(struct fake_guest *guest)
{
	guest_open(guest, FILE_BYTES);
	guest->nb_regions = FAKE_NB_REGIONS;
	memcpy(guest->regions, scattered, sizeof(scattered));
}

void
fake_guest_init_flat(struct fake_guest *guest, uint64_t gpa, uint64_t uva, uint64_t len_bytes)
{
	guest_open(guest, len_bytes);
	guest->nb_regions = 1;
	guest->regions[FAKE_LOW] = (struct fake_memory){ gpa, uva, len_bytes, 0 };
	if (gpa == UINT64_MAX)
		guest->regions[FAKE_LOW].gpa = guest->regions[FAKE_LOW].uva =
			(uintptr_t)guest->base;
}

void
fake_guest_fini(struct fake_guest *guest)
{
	munmap(guest->base, guest->file_bytes);
	vu_fd_close(&guest->memfd);
}

struct vu_mem_table *
fake_guest_mem_part(const struct fake_guest *guest, unsigned int wanted)
{
	struct vu_mem_region_conf confs[FAKE_NB_REGIONS];
	unsigned int nb_confs = 0;
	struct vu_mem_table *mem;

	for (unsigned int i = 0; i < guest->nb_regions; i++) {
		const struct fake_memory *region = &guest->regions[i];

		if ((wanted & (1u << i)) == 0)
			continue;
		confs[nb_confs++] = (struct vu_mem_region_conf){
			.gpa = region->gpa, .len = region->len_bytes, .uva = region->uva,
			.mmap_offset = region->offset,
			.fd = fcntl(guest->memfd, F_DUPFD_CLOEXEC, 0),
			.numa_node = VU_MEM_NODE_ANY,
		};
	}
	mem = vu_mem_table_create(confs, nb_confs, "test");
	CHECK(mem != NULL);
	return mem;
}

struct vu_mem_table *
fake_guest_mem(const struct fake_guest *guest)
{
	return fake_guest_mem_part(guest, ~0u);
}

uint64_t
fake_region_gpa(enum fake_region region)
{
	return scattered[region].gpa;
}

uint64_t
fake_region_bytes(enum fake_region region)
{
	return scattered[region].len_bytes;
}

uint64_t
fake_guest_alloc(struct fake_guest *guest, enum fake_region region, uint64_t len_bytes,
	uint64_t align)
{
	uint64_t offset = RTE_ALIGN_CEIL(guest->allocated_bytes[region], align);

	CHECK(offset + len_bytes <= guest->regions[region].len_bytes);
	guest->allocated_bytes[region] = offset + len_bytes;
	return guest->regions[region].gpa + offset;
}

static uint8_t *
guest_ptr(const struct fake_guest *guest, uint64_t gpa, uint64_t *left_bytes)
{
	for (unsigned int i = 0; i < guest->nb_regions; i++) {
		const struct fake_memory *region = &guest->regions[i];
		uint64_t offset = gpa - region->gpa;

		if (gpa < region->gpa || offset >= region->len_bytes)
			continue;
		*left_bytes = region->len_bytes - offset;
		return guest->base + region->offset + offset;
	}
	return NULL;
}

void *
fake_guest_ptr(const struct fake_guest *guest, uint64_t gpa)
{
	uint64_t left_bytes;

	return guest_ptr(guest, gpa, &left_bytes);
}

void
fake_guest_write(const struct fake_guest *guest, uint64_t gpa, const void *src, uint64_t len_bytes)
{
	const uint8_t *from = src;

	while (len_bytes != 0) {
		uint64_t piece_bytes;
		uint8_t *to = guest_ptr(guest, gpa, &piece_bytes);

		CHECK(to != NULL);
		piece_bytes = RTE_MIN(piece_bytes, len_bytes);
		memcpy(to, from, piece_bytes);
		gpa += piece_bytes;
		from += piece_bytes;
		len_bytes -= piece_bytes;
	}
}

void
fake_guest_read(const struct fake_guest *guest, uint64_t gpa, void *dst, uint64_t len_bytes)
{
	uint8_t *to = dst;

	while (len_bytes != 0) {
		uint64_t piece_bytes;
		const uint8_t *from = guest_ptr(guest, gpa, &piece_bytes);

		CHECK(from != NULL);
		piece_bytes = RTE_MIN(piece_bytes, len_bytes);
		memcpy(to, from, piece_bytes);
		gpa += piece_bytes;
		to += piece_bytes;
		len_bytes -= piece_bytes;
	}
}

/* ---- rings ---- */

/* With `align` as the only power of two that divides the address, if that is asked for. */
static uint64_t
ring_part_alloc(struct fake_guest *guest, const struct fake_ring_place *place, uint64_t len_bytes,
	uint64_t align)
{
	if (place->align_bytes != 0)
		return fake_guest_alloc(guest, place->region, len_bytes, place->align_bytes);
	return fake_guest_alloc(guest, place->region, len_bytes + align, 2 * align) + align;
}

static void
parts_alloc(struct fake_ring *ring, const struct fake_ring_place *place)
{
	uint64_t avail_bytes = ring->is_packed ? 4 : 6 + UINT64_C(2) * ring->size;
	uint64_t used_bytes = ring->is_packed ? 4 : 6 + UINT64_C(8) * ring->size;

	ring->desc_gpa = ring_part_alloc(ring->guest, place, UINT64_C(16) * ring->size, 16);
	ring->avail_gpa =
		ring_part_alloc(ring->guest, place, avail_bytes, ring->is_packed ? 4 : 2);
	ring->used_gpa = ring_part_alloc(ring->guest, place, used_bytes, 4);
}

struct fake_ring *
fake_ring_create(struct fake_guest *guest, uint16_t size, const struct fake_ring_place *place)
{
	struct fake_ring *ring = calloc(1, sizeof(*ring));

	CHECK(ring != NULL);
	ring->guest = guest;
	ring->size = size;
	ring->is_packed = place->is_packed;
	ring->desc_gpa = place->gpa;
	ring->avail_gpa = place->gpa + FAKE_PART_BYTES;
	ring->used_gpa = place->gpa + 2 * FAKE_PART_BYTES;
	if (place->gpa == 0)
		parts_alloc(ring, place);
	/* Either layout has its own view of them. */
	ring->desc = fake_guest_ptr(guest, ring->desc_gpa);
	ring->avail = fake_guest_ptr(guest, ring->avail_gpa);
	ring->used = fake_guest_ptr(guest, ring->used_gpa);
	ring->packed_desc = (struct vu_packed_desc *)ring->desc;
	ring->driver_event = (struct vu_packed_event *)ring->avail;
	ring->device_event = (struct vu_packed_event *)ring->used;
	ring->free_desc = calloc(size, sizeof(*ring->free_desc));
	ring->next_desc = calloc(size, sizeof(*ring->next_desc));
	CHECK(ring->free_desc != NULL && ring->next_desc != NULL);
	fake_ring_reset(ring);
	return ring;
}

void
fake_ring_destroy(struct fake_ring *ring)
{
	free(ring->free_desc);
	free(ring->next_desc);
	free(ring);
}

void
fake_ring_reset(struct fake_ring *ring)
{
	if (ring->is_packed) {
		fake_packed_reset(ring);
		return;
	}
	memset(ring->desc, 0, sizeof(*ring->desc) * ring->size);
	memset(ring->avail, 0, 6 + sizeof(uint16_t) * ring->size);
	memset(ring->used, 0, 6 + sizeof(struct vu_split_used_elem) * ring->size);
	ring->avail_idx = 0;
	ring->used_idx = 0;
	ring->nb_free = ring->size;
	for (uint16_t i = 0; i < ring->size; i++)
		ring->free_desc[i] = ring->size - 1 - i;
}

struct vu_vring_conf
fake_ring_conf(const struct fake_ring *ring)
{
	/* The same for all regions. */
	const uint64_t uva_offset = ring->guest->regions[0].uva - ring->guest->regions[0].gpa;

	return (struct vu_vring_conf){
		.size = ring->size,
		.desc_uva = ring->desc_gpa + uva_offset,
		.avail_uva = ring->avail_gpa + uva_offset,
		.used_uva = ring->used_gpa + uva_offset,
		.base = ring->used_idx | (ring->is_packed ? (uint32_t)ring->used_idx << 16 : 0),
		.has_addr = true,
		.has_base = true,
	};
}

void
fake_ring_start_at(struct fake_ring *ring, uint16_t idx)
{
	CHECK(ring->nb_free == ring->size);
	ring->avail_idx = idx;
	ring->used_idx = idx;
	if (ring->is_packed) {
		fake_packed_start(ring);
		return;
	}
	vu_store(&ring->used->idx, idx);
	vu_store(&ring->avail->idx, idx);
}

static uint16_t
buf_flags(const struct fake_chain *chain, uint16_t i)
{
	uint16_t flags = chain->bufs[i].is_write ? VU_DESC_F_WRITE : 0;

	return i + 1 < chain->nb_bufs ? flags | VU_DESC_F_NEXT : flags;
}

/* Place in the indirect table of the n-th buffer in it. */
static uint16_t
table_place(const struct fake_chain *chain, uint16_t n)
{
	uint16_t nb_entries = chain->nb_bufs - chain->nb_direct;

	return chain->is_back_to_front && n != 0 ? nb_entries - n : n;
}

static void
table_write(const struct fake_ring *ring, const struct fake_chain *chain)
{
	uint16_t nb_entries = chain->nb_bufs - chain->nb_direct;

	for (uint16_t n = 0; n < nb_entries; n++) {
		const struct fake_buf *buf = &chain->bufs[chain->nb_direct + n];
		struct vu_split_desc desc = {
			.gpa = buf->gpa,
			.len_bytes = buf->len_bytes,
			.flags = buf_flags(chain, chain->nb_direct + n),
			.next = n + 1 < nb_entries ? table_place(chain, n + 1) : 0,
		};

		fake_guest_write(ring->guest,
			chain->table_gpa + sizeof(desc) * table_place(chain, n), &desc,
			sizeof(desc));
	}
}

/* Descriptor i of the chain in the ring's own table: a buffer, or the indirect table at its end. */
static struct vu_split_desc
direct_desc(const struct fake_chain *chain, uint16_t i)
{
	if (i == chain->nb_direct)
		return (struct vu_split_desc){
			.gpa = chain->table_gpa,
			.len_bytes = UINT32_C(16) * (chain->nb_bufs - chain->nb_direct),
			.flags = VU_DESC_F_INDIRECT,
		};
	return (struct vu_split_desc){
		.gpa = chain->bufs[i].gpa,
		.len_bytes = chain->bufs[i].len_bytes,
		.flags = buf_flags(chain, i),
	};
}

int
fake_ring_add(struct fake_ring *ring, const struct fake_chain *chain)
{
	bool is_indirect = chain->nb_direct < chain->nb_bufs;
	uint16_t nb_desc = chain->nb_direct + is_indirect;
	uint16_t next = UINT16_MAX;

	if (ring->is_packed)
		return fake_packed_add(ring, chain);
	if (nb_desc > ring->nb_free)
		return -1;
	if (is_indirect)
		table_write(ring, chain);
	/* From the last one to the first, each pointing to the one before. */
	for (uint16_t i = nb_desc; i-- > 0; next = ring->free_desc[ring->nb_free]) {
		struct vu_split_desc desc = direct_desc(chain, i);
		uint16_t place = ring->free_desc[--ring->nb_free];

		desc.next = next == UINT16_MAX ? 0 : next;
		ring->next_desc[place] = next;
		ring->desc[place] = desc;
	}
	return next;
}

void
fake_ring_offer(struct fake_ring *ring, uint16_t head)
{
	if (ring->is_packed)
		return;
	vu_store(&ring->avail->ring[ring->avail_idx & (ring->size - 1)], head);
	ring->avail_idx++;
}

void
fake_ring_publish(struct fake_ring *ring)
{
	if (ring->is_packed) {
		fake_packed_publish(ring);
		return;
	}
	/* Entries before index; pairs with the acquire in vu_split_nb_avail(). */
	vu_store_release(&ring->avail->idx, ring->avail_idx);
}

int
fake_ring_put(struct fake_ring *ring, const struct fake_buf *bufs, uint16_t nb_bufs)
{
	const struct fake_chain chain = {
		.bufs = bufs, .nb_bufs = nb_bufs, .nb_direct = nb_bufs,
	};
	int head = fake_ring_add(ring, &chain);

	if (head < 0)
		return head;
	fake_ring_offer(ring, (uint16_t)head);
	fake_ring_publish(ring);
	return head;
}

uint16_t
fake_ring_nb_used(const struct fake_ring *ring)
{
	if (ring->is_packed)
		return fake_packed_nb_used(ring);
	/* Pairs with the release in vu_split_commit(). */
	return (uint16_t)(vu_load_acquire(&ring->used->idx) - ring->used_idx);
}

uint16_t
fake_ring_collect(struct fake_ring *ring, struct vu_split_used_elem *elems, uint16_t max)
{
	uint16_t nb = RTE_MIN(fake_ring_nb_used(ring), max);

	if (ring->is_packed) {
		fake_packed_collect(ring, elems, nb);
		return nb;
	}
	for (uint16_t i = 0; i < nb; i++) {
		elems[i] = ring->used->ring[ring->used_idx++ & (ring->size - 1)];
		CHECK(elems[i].id < ring->size);
		for (uint32_t d = elems[i].id; d != UINT16_MAX; d = ring->next_desc[d]) {
			CHECK(ring->nb_free < ring->size);
			ring->free_desc[ring->nb_free++] = (uint16_t)d;
		}
	}
	return nb;
}

void
fake_ring_set_used_event(struct fake_ring *ring, uint16_t event)
{
	if (ring->is_packed) {
		vu_store(&ring->driver_event->position, event);
		vu_store(&ring->driver_event->flags, VU_PACKED_EVENT_DESC);
	} else {
		vu_store(&ring->avail->ring[ring->size], event);
	}
	/* Event before the next look at the index; pairs with vu_split_wants_notification(). */
	rte_smp_mb();
}

void
fake_ring_set_no_interrupt(struct fake_ring *ring, bool is_off)
{
	if (ring->is_packed)
		vu_store(&ring->driver_event->flags,
			is_off ? VU_PACKED_EVENT_DISABLE : VU_PACKED_EVENT_ENABLE);
	else
		vu_store(&ring->avail->flags, is_off ? VU_AVAIL_F_NO_INTERRUPT : 0);
}
