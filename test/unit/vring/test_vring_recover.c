/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packed rings whose base is out of date: whatever happened on the ring, its descriptors say where
 * it goes on, and a burst that a killed back-end left half done is not lost to the guest. The
 * driver here is the least there is: it writes descriptors and counts.
 */
#include "test.h"

#include <stdlib.h>

#include "store_steps.h"
#include "vring_fixture.h"
#include "vring_recover.h"

#define MAX_SIZE 64
#define MAX_CHAIN 4

/* A ring and its driver. */
struct driver {
	struct vring_fixture f;
	uint16_t size;
	bool is_in_order;            /* an id is the slot; else the last one freed */
	uint16_t next_avail;
	uint16_t last_used;
	uint16_t free_ids[MAX_SIZE];
	uint16_t nb_free_ids;
	uint16_t nb_free;            /* slots */
	uint16_t lens[MAX_SIZE];     /* of an id's chain */
	uint16_t order[MAX_SIZE];    /* ids that are out, oldest first */
	uint16_t nb_out;
};

static void
driver_start(struct driver *d, uint16_t size, bool is_in_order)
{
	*d = (struct driver){ .size = size, .is_in_order = is_in_order, .nb_free = size,
		.nb_free_ids = size, .next_avail = VU_PACKED_WRAP, .last_used = VU_PACKED_WRAP };
	for (uint16_t i = 0; i < size; i++)
		d->free_ids[i] = size - 1 - i;
	vring_start(&d->f, size, F_PACKED);
}

static struct vu_packed_desc *
driver_desc(const struct driver *d, uint16_t position)
{
	return &d->f.ring->packed_desc[position & VU_PACKED_SLOT];
}

static void
driver_put(struct driver *d, uint16_t len, bool is_write)
{
	const uint16_t head = d->next_avail;
	const uint16_t id = d->is_in_order ? head & VU_PACKED_SLOT :
		d->free_ids[--d->nb_free_ids];

	CHECK(len <= d->nb_free);
	for (uint16_t i = 0; i < len; i++) {
		struct vu_packed_desc *desc = driver_desc(d, d->next_avail);

		desc->gpa = FAKE_HIGH_GPA;
		desc->len_bytes = 100;
		desc->id = id;
		vu_store_release(&desc->flags, (uint16_t)(vu_packed_avail_flags(d->next_avail) |
			(i + 1 < len ? VU_DESC_F_NEXT : 0) | (is_write ? VU_DESC_F_WRITE : 0)));
		d->next_avail = vu_packed_step(d->size, d->next_avail, 1);
	}
	d->nb_free -= len;
	d->lens[id] = len;
	d->order[d->nb_out++] = id;
}

static bool
driver_sees_used(const struct driver *d)
{
	return d->nb_out != 0 && (vu_load(&driver_desc(d, d->last_used)->flags) &
		VU_PACKED_F_OWNER) == vu_packed_used_flags(d->last_used);
}

/* A used descriptor names its buffer, or the last one of a batch. */
static void
driver_collect(struct driver *d)
{
	const uint16_t used_id = driver_desc(d, d->last_used)->id;
	uint16_t id;

	do {
		CHECK(d->nb_out != 0);
		id = d->order[0];
		memmove(d->order, &d->order[1], --d->nb_out * sizeof(d->order[0]));
		d->last_used = vu_packed_step(d->size, d->last_used, d->lens[id]);
		d->nb_free += d->lens[id];
		if (!d->is_in_order)
			d->free_ids[d->nb_free_ids++] = id;
	} while (id != used_id);
}

static void
driver_collect_all(struct driver *d)
{
	while (driver_sees_used(d))
		driver_collect(d);
}

/* As the bursts of a device do it. */
static void
device_burst(struct driver *d, uint16_t max, bool is_batch, bool has_bytes)
{
	struct vu_vring_pos *pos = &d->f.vring.pos;
	struct vu_burst burst;
	uint16_t nb = vu_packed_peek(d->f.snapshot, pos, &burst, max, VU_DESC_F_WRITE);
	bool is_single = nb != 0;

	for (uint16_t i = 0; i < nb; i++) {
		burst.used_bytes[i] = 60;
		is_single &= burst.nb_descs[i] == 1;
	}
	if (is_batch)
		vu_packed_commit_batch(d->f.snapshot, pos, &burst, nb, is_single);
	else if (is_single)
		vu_packed_commit_single(d->f.snapshot, pos, &burst, nb, has_bytes);
	else
		vu_packed_commit(d->f.snapshot, pos, &burst, nb, has_bytes);
}

static uint16_t
id_before(const struct driver *d, uint16_t position)
{
	const uint16_t slot = position & VU_PACKED_SLOT;

	return driver_desc(d, slot == 0 ? d->size - 1 : slot - 1)->id;
}

/* The true base is kept, any other one replaced by it unless it could be another back-end's. */
static void
check_position(const struct driver *d, struct fake_rand *rand)
{
	struct vu_vring_pos pos = d->f.vring.pos;
	uint16_t stale = (uint16_t)(fake_rand_in(rand, 0, d->size - 1) |
		(fake_rand_one_in(rand, 2) ? VU_PACKED_WRAP : 0));

	if (id_before(d, stale) == id_before(d, pos.last_used_idx))
		stale = VU_PACKED_WRAP;
	CHECK(!packed_recover(d->f.snapshot, &pos));
	CHECK_EQ(pos.last_used_idx, d->f.vring.pos.last_used_idx);
	pos.last_used_idx = stale;
	pos.last_avail_idx = stale;
	CHECK_EQ(packed_recover(d->f.snapshot, &pos), stale != d->f.vring.pos.last_used_idx);
	CHECK_EQ(pos.last_used_idx, d->f.vring.pos.last_used_idx);
	CHECK_EQ(pos.last_avail_idx, d->f.vring.pos.last_used_idx);
}

static void
check_history(uint16_t size, uint16_t max_chain, bool is_batch)
{
	struct fake_rand rand = { size * 8u + max_chain };
	struct driver d;

	driver_start(&d, size, is_batch);
	for (unsigned int i = 0; i < 4000; i++) {
		const uint16_t len = (uint16_t)fake_rand_in(&rand, 1, max_chain);

		switch (fake_rand_in(&rand, 0, 3)) {
		case 0:
			device_burst(&d, (uint16_t)fake_rand_in(&rand, 1, 32), is_batch, i & 1);
			break;
		case 1:
			if (driver_sees_used(&d))
				driver_collect(&d);
			break;
		case 2:
			if (fake_rand_one_in(&rand, 4))
				driver_collect_all(&d);
			break;
		default:
			if (len <= d.nb_free)
				driver_put(&d, len, true);
		}
		check_position(&d, &rand);
	}
	vring_stop(&d.f);
}

VU_TEST(vring_recover, any_history)
{
	static const uint16_t sizes[] = { 1, 2, 3, 4, 5, 7, 8, 16, 33, MAX_SIZE };

	for (unsigned int i = 0; i < RTE_DIM(sizes); i++)
		for (uint16_t max = 1; max <= RTE_MIN(MAX_CHAIN, sizes[i]); max++) {
			check_history(sizes[i], max, false);
			check_history(sizes[i], max, true);
		}
}

/* The used descriptor of another back-end's chain: the rest of the chain looks available. */
VU_TEST(vring_recover, chains_that_another_back_end_returned)
{
	struct vu_vring_pos pos;
	struct driver d;
	uint16_t base;

	driver_start(&d, 8, false);
	driver_put(&d, 3, false);
	vu_store(vu_packed_word(driver_desc(&d, VU_PACKED_WRAP)),
		vu_packed_used_word(VU_PACKED_WRAP, d.order[0], 0));
	driver_put(&d, 2, false);
	base = VU_PACKED_WRAP | 3;
	pos = (struct vu_vring_pos){ .is_packed = true, .last_avail_idx = base,
		.last_used_idx = base };
	CHECK(!packed_recover(d.f.snapshot, &pos));
	CHECK_EQ(pos.last_used_idx, base);
	vring_stop(&d.f);
}

/* A guest that writes anything costs itself its frames, nothing else. */
VU_TEST(vring_recover, garbage)
{
	struct fake_rand rand = { 5 };
	struct driver d;

	driver_start(&d, 33, false);
	for (unsigned int i = 0; i < 20000; i++) {
		struct vu_vring_pos pos = { .is_packed = true };

		for (unsigned int k = fake_rand_in(&rand, 1, 20); k != 0; k--) {
			struct vu_packed_desc *desc = driver_desc(&d,
				(uint16_t)fake_rand_in(&rand, 0, 32));

			desc->flags = (uint16_t)fake_rand_u64(&rand);
			desc->len_bytes = fake_rand_one_in(&rand, 2) ? fake_rand_in(&rand, 0, 40) :
				(uint32_t)fake_rand_u64(&rand);
		}
		pos.last_used_idx = (uint16_t)fake_rand_in(&rand, 0, 32);
		pos.last_avail_idx = pos.last_used_idx;
		packed_recover(d.f.snapshot, &pos);
		CHECK_EQ(vu_vring_check_pos(&pos, 33), 0);
	}
	vring_stop(&d.f);
}

/* Only devices that return buffers in order leave a ring that says where it is. */
VU_TEST(vring_recover, asked_for_by_the_owner)
{
	struct driver d;

	driver_start(&d, 8, false);
	driver_put(&d, 2, false);
	driver_put(&d, 1, false);
	device_burst(&d, 1, false, false);
	CHECK(!vu_vring_seek(&d.f.vring, d.f.snapshot));
	CHECK_EQ(d.f.vring.pos.last_used_idx, VU_PACKED_WRAP);
	d.f.vring.is_in_order = true;
	CHECK(vu_vring_seek(&d.f.vring, d.f.snapshot));
	CHECK_EQ(d.f.vring.pos.last_used_idx, VU_PACKED_WRAP | 2);
	vring_stop(&d.f);
}

/* ---- after each store ---- */

struct dying {
	struct driver d;
	uint16_t nb_published;  /* buffers that the guest can see */
	bool is_batch;
	bool has_bytes;
	unsigned int nb_images;
	struct vu_packed_desc image[MAX_SIZE];
};

/* Twice: at the end of the ring, and over it. */
static void
dying_work(void *arg)
{
	struct dying *dying = arg;

	for (unsigned int i = 0; i < 3; i++)
		device_burst(&dying->d, 20, dying->is_batch, dying->has_bytes);
}

/*
 * The next back-end goes on from here. What it says is passed must be what the guest can see, each
 * buffer once and in order: none is lost.
 */
static void
dying_look(void *arg)
{
	struct dying *dying = arg;
	const size_t bytes = dying->d.size * sizeof(dying->image[0]);
	struct vu_packed_desc *ring = dying->d.f.ring->packed_desc;
	struct vu_vring_pos pos = { .is_packed = true };
	struct driver guest = dying->d;
	struct vu_burst burst;

	if (memcmp(dying->image, ring, bytes) == 0)
		return;
	dying->nb_images++;
	memcpy(dying->image, ring, bytes);
	packed_recover(dying->d.f.snapshot, &pos);
	driver_collect_all(&guest);
	CHECK_EQ(guest.last_used, pos.last_used_idx);
	/* The rest is there for the next one, all of it. */
	for (uint16_t nb; guest.nb_out != 0; ) {
		nb = vu_packed_peek(dying->d.f.snapshot, &pos, &burst, 1, VU_DESC_F_WRITE);
		CHECK_EQ(nb, 1);
		vu_packed_commit(dying->d.f.snapshot, &pos, &burst, 1, false);
		CHECK(driver_sees_used(&guest));
		driver_collect(&guest);
	}
	CHECK_EQ(guest.nb_free, guest.size);
	memcpy(ring, dying->image, bytes);
}

static void
check_every_store(bool is_batch, bool has_bytes, uint16_t max_chain)
{
	struct dying dying = { .is_batch = is_batch, .has_bytes = has_bytes };
	struct driver *d = &dying.d;
	unsigned int nb_steps;

	driver_start(d, MAX_SIZE, is_batch);
	/* A history of more than a lap. */
	for (unsigned int i = 0; i < 70; i++) {
		driver_put(d, 1 + i % max_chain, has_bytes);
		device_burst(d, 1, is_batch, has_bytes);
		driver_collect_all(d);
	}
	for (unsigned int i = 0; d->nb_free >= max_chain; i++)
		driver_put(d, 1 + i % max_chain, has_bytes);
	memcpy(dying.image, d->f.ring->packed_desc, sizeof(dying.image));
	nb_steps = store_steps_run(dying_work, dying_look, &dying);
	CHECK(dying.nb_images >= 3);
	printf("%u stores in %u steps ... ", dying.nb_images, nb_steps);
	vring_stop(&d->f);
}

VU_TEST(vring_recover, dies_after_each_store_of_a_burst)
{
	check_every_store(false, true, 1);
	check_every_store(false, false, 1);
}

VU_TEST(vring_recover, dies_after_each_store_with_chains)
{
	check_every_store(false, true, MAX_CHAIN);
	check_every_store(false, false, MAX_CHAIN);
}

VU_TEST(vring_recover, dies_after_each_store_of_batches)
{
	check_every_store(true, false, 1);
	check_every_store(true, false, MAX_CHAIN);
}
