/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests in flight: the layout of the region, recovery in order, rings with a history, and a
 * back-end that dies after each of its stores: what it leaves is recovered from as the next
 * back-end would find it.
 */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "store_steps.h"
#include "vring_fixture.h"
#include "vu_vring_inflight.h"
#include "vu_vring_poll.h"

#define SIZE 8
#define AREA_BYTES 4096
#define NB_BUFFERS 6

/* A tracked ring; the area is shared memory like the guest's. */
struct tracked {
	struct vring_fixture ring;
	struct vu_vring_guard *guard;
	uint8_t *area;
};

static void
tracked_start(struct tracked *t, uint64_t features)
{
	vring_start(&t->ring, SIZE, features | F_INDIRECT);
	t->area = mmap(NULL, AREA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(t->area != MAP_FAILED);
	t->guard = vu_vring_guard_attach(&t->ring.vring, VU_LOCK_NONE);
	CHECK(t->guard != NULL);
	CHECK_EQ(vu_vring_guard_track(t->guard, NULL, t->area, SIZE), 0);
}

static void
tracked_stop(struct tracked *t)
{
	vu_vring_guard_destroy(t->guard);
	munmap(t->area, AREA_BYTES);
	vring_stop(&t->ring);
}

/* Buffer i is named by its length. */
static void
offer(struct tracked *t, uint32_t i)
{
	const struct fake_buf bufs[] = { engine_buf(i * 256, 100 + i),
		{ .gpa = FAKE_HIGH_GPA + 0x8000 + i * 256, .len_bytes = 200, .is_write = true } };

	CHECK(fake_ring_put(t->ring.ring, bufs, i % 2 + 1) >= 0);
}

static uint32_t
item_number(const struct vu_vring_item *item)
{
	return item->chain.read_bytes - 100;
}

/* The back-end dies and another one takes over; its ring knows nothing but a base of before. */
static void
take_over(struct tracked *t)
{
	t->ring.vring.pos = (struct vu_vring_pos){ .is_packed = t->ring.snapshot->is_packed };
	vu_vring_seek(&t->ring.vring, t->ring.snapshot);
	CHECK_EQ(vu_vring_guard_track(t->guard, NULL, t->area, SIZE), 0);
}

VU_TEST(vring_inflight, strides_of_the_specification)
{
	CHECK_EQ(vu_inflight_bytes(1, false), 64);
	CHECK_EQ(vu_inflight_bytes(128, false), 2112);
	CHECK_EQ(vu_inflight_bytes(3, false), 64);
	CHECK_EQ(vu_inflight_bytes(1, true), 64);
	CHECK_EQ(vu_inflight_bytes(2, true), 128);
	CHECK_EQ(vu_inflight_bytes(128, true), 4160);
	CHECK_EQ(vu_inflight_bytes(32768, true), 1048640);
}

/* Numbers at the places that the specification names. */
VU_TEST(vring_inflight, split_layout)
{
	struct vu_vring_item item;
	struct tracked t;
	uint16_t word;

	tracked_start(&t, 0);
	offer(&t, 0);
	CHECK_EQ(vu_vring_pop(t.guard, &item, 1), 1);
	memcpy(&word, t.area + 8, sizeof(word));
	CHECK_EQ(word, 1);
	memcpy(&word, t.area + 10, sizeof(word));
	CHECK_EQ(word, SIZE);
	CHECK_EQ(t.area[16 + 16 * item.head], 1);
	CHECK_EQ(vu_vring_add_used(t.guard, &item), 0);
	CHECK_EQ(t.area[16 + 16 * item.head], 0);
	memcpy(&word, t.area + 12, sizeof(word));
	CHECK_EQ(word, item.head);
	memcpy(&word, t.area + 14, sizeof(word));
	CHECK_EQ(word, 1);
	tracked_stop(&t);
}

VU_TEST(vring_inflight, packed_layout)
{
	struct vu_vring_item item;
	struct tracked t;
	uint32_t len_bytes;
	uint64_t gpa;
	uint16_t word;

	tracked_start(&t, F_PACKED);
	offer(&t, 0);
	CHECK_EQ(vu_vring_pop(t.guard, &item, 1), 1);
	CHECK_EQ(t.area[32], 1);
	memcpy(&word, t.area + 32 + 6, sizeof(word));
	CHECK_EQ(word, 1);
	memcpy(&len_bytes, t.area + 32 + 20, sizeof(len_bytes));
	CHECK_EQ(len_bytes, 100);
	memcpy(&gpa, t.area + 32 + 24, sizeof(gpa));
	CHECK(gpa == FAKE_HIGH_GPA);
	memcpy(&word, t.area + 14, sizeof(word));
	CHECK_EQ(word, 1);
	CHECK_EQ(vu_vring_add_used(t.guard, &item), 0);
	CHECK_EQ(t.area[32], 0);
	memcpy(&word, t.area + 18, sizeof(word));
	CHECK_EQ(word, 1);
	CHECK(t.area[20] == 1 && t.area[21] == 1);
	tracked_stop(&t);
}

/* Some are given back, in any order; the others come again in the order they came. */
static void
check_order(uint64_t features)
{
	struct vu_vring_item items[NB_BUFFERS], again[NB_BUFFERS];
	const unsigned int nb = 5; /* 7 descriptors */
	struct tracked t;

	tracked_start(&t, features);
	for (unsigned int lap = 0; lap < 40; lap++) {
		struct vu_split_used_elem elems[SIZE];

		for (uint32_t i = 0; i < nb; i++)
			offer(&t, i);
		CHECK_EQ(vu_vring_pop(t.guard, items, NB_BUFFERS), nb);
		CHECK_EQ(vu_vring_add_used(t.guard, &items[3]), 0);
		CHECK_EQ(vu_vring_add_used(t.guard, &items[1]), 0);
		take_over(&t);
		CHECK_EQ(vu_vring_pop(t.guard, again, NB_BUFFERS), nb - 2);
		CHECK_EQ(item_number(&again[0]), 0);
		CHECK_EQ(item_number(&again[1]), 2);
		CHECK_EQ(item_number(&again[2]), 4);
		/* It dies as well, and the next one finds the same and nothing more. */
		take_over(&t);
		CHECK_EQ(vu_vring_pop(t.guard, again, NB_BUFFERS), nb - 2);
		CHECK_EQ(vu_vring_push(t.guard, again, (uint16_t)(nb - 2)), 0);
		take_over(&t);
		CHECK_EQ(vu_vring_pop(t.guard, again, NB_BUFFERS), 0);
		CHECK_EQ(fake_ring_collect(t.ring.ring, elems, SIZE), nb);
	}
	tracked_stop(&t);
}

VU_TEST(vring_inflight, comes_again_in_order)
{
	check_order(0);
	check_order(F_PACKED);
}

/* What was given back before the region was there is not given back by it again. */
VU_TEST(vring_inflight, fresh_region_on_a_ring_with_history)
{
	struct vu_vring_item items[4];
	struct tracked t;

	for (unsigned int packed = 0; packed < 2; packed++) {
		tracked_start(&t, packed != 0 ? F_PACKED : 0);
		vu_vring_guard_untrack(t.guard);
		for (unsigned int i = 0; i < 5 * SIZE; i++) {
			struct vu_split_used_elem elem;

			offer(&t, 0);
			CHECK_EQ(vu_vring_pop(t.guard, items, 1), 1);
			CHECK_EQ(vu_vring_add_used(t.guard, &items[0]), 0);
			CHECK_EQ(fake_ring_collect(t.ring.ring, &elem, 1), 1);
		}
		memset(t.area, 0, AREA_BYTES);
		CHECK_EQ(vu_vring_guard_track(t.guard, NULL, t.area, SIZE), 0);
		offer(&t, 2);
		offer(&t, 4);
		CHECK_EQ(vu_vring_pop(t.guard, items, 4), 2);
		take_over(&t);
		CHECK_EQ(vu_vring_pop(t.guard, items, 4), 2);
		CHECK_EQ(item_number(&items[0]), 2);
		tracked_stop(&t);
	}
}

/* The front-end writes anything: refused, or a fault, and nothing is touched outside. */
static void
check_garbage(uint64_t features)
{
	struct fake_rand rand = { 99 };
	struct vu_vring_item items[SIZE];
	struct tracked t;

	tracked_start(&t, features);
	for (unsigned int i = 0; i < 20000; i++) {
		uint16_t nb;

		for (unsigned int k = fake_rand_in(&rand, 1, 40); k != 0; k--)
			t.area[fake_rand_in(&rand, 0, (uint32_t)vu_inflight_bytes(SIZE,
				t.ring.snapshot->is_packed) - 1)] = (uint8_t)fake_rand_u64(&rand);
		if (!fake_rand_one_in(&rand, 8)) {
			t.area[8] = 1;
			t.area[9] = 0;
			t.area[10] = SIZE;
			t.area[11] = 0;
		}
		t.ring.vring.pos.fault = VU_VRING_OK;
		if (vu_vring_guard_track(t.guard, NULL, t.area, SIZE) != 0)
			continue;
		nb = vu_vring_pop(t.guard, items, SIZE);
		if (nb != 0)
			vu_vring_push(t.guard, items, nb);
	}
	tracked_stop(&t);
}

VU_TEST(vring_inflight, garbage_in_the_region)
{
	check_garbage(0);
	check_garbage(F_PACKED);
}

VU_TEST(vring_inflight, regions_too_small_are_refused)
{
	struct tracked t;

	tracked_start(&t, 0);
	CHECK_EQ(vu_vring_guard_track(t.guard, NULL, t.area, SIZE - 1), -EINVAL);
	CHECK_EQ(vu_vring_guard_track(t.guard, NULL, t.area, 0), -EINVAL);
	tracked_stop(&t);
}

/* ---- after each store ---- */

/* Two are taken and given back in one batch, then two more, of which one is given back. */
static void
work(struct tracked *t)
{
	struct vu_vring_item items[2];

	vu_vring_pop(t->guard, items, 2);
	vu_vring_push(t->guard, items, 2);
	vu_vring_pop(t->guard, items, 2);
	vu_vring_add_used(t->guard, &items[1]);
}

/*
 * What the guest has got back and what comes again make up all that was offered, each once: no
 * buffer is lost, and none comes back twice. `guest` and `area` are what the child has left.
 */
static void
check_recovery(struct tracked *t, const uint8_t *guest, const uint8_t *area)
{
	struct vu_split_used_elem elems[SIZE];
	struct vu_vring_item items[NB_BUFFERS];
	struct fake_ring before = *t->ring.ring;
	uint8_t *lives = malloc(t->ring.guest.file_bytes);
	uint16_t nb_used, nb;

	CHECK(lives != NULL);
	memcpy(lives, t->ring.guest.base, t->ring.guest.file_bytes);
	memcpy(t->ring.guest.base, guest, t->ring.guest.file_bytes);
	memcpy(t->area, area, AREA_BYTES);
	nb_used = fake_ring_nb_used(t->ring.ring);
	take_over(t);
	nb = vu_vring_pop(t->guard, items, NB_BUFFERS);
	CHECK_EQ(t->ring.vring.pos.fault, VU_VRING_OK);
	CHECK_EQ(nb_used + nb, 4);
	CHECK(nb == 0 || vu_vring_push(t->guard, items, nb) == 0);
	/* Collecting fails a head that is not out. */
	CHECK_EQ(fake_ring_collect(t->ring.ring, elems, SIZE), 4);
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int k = 0; k < i; k++)
			CHECK(elems[i].id != elems[k].id);
	*t->ring.ring = before;
	memcpy(t->ring.guest.base, lives, t->ring.guest.file_bytes);
	free(lives);
}

struct image {
	uint8_t *guest;
	uint8_t area[AREA_BYTES];
};

/* Has the child stored something since the last look? The ring lies in a few pages. */
static bool
image_renew(struct image *image, const struct tracked *t, uint64_t first, uint64_t nb_bytes)
{
	const uint8_t *guest = t->ring.guest.base + first;

	if (memcmp(image->area, t->area, AREA_BYTES) == 0 &&
			memcmp(image->guest + first, guest, nb_bytes) == 0)
		return false;
	memcpy(image->area, t->area, AREA_BYTES);
	memcpy(image->guest + first, guest, nb_bytes);
	return true;
}

struct dying {
	struct tracked t, other;
	struct image image;
	uint64_t first;
	unsigned int nb_images;
};

static void
dying_work(void *arg)
{
	work(&((struct dying *)arg)->t);
}

static void
dying_look(void *arg)
{
	struct dying *d = arg;

	if (!image_renew(&d->image, &d->t, d->first, 0x1000))
		return;
	d->nb_images++;
	check_recovery(&d->other, d->image.guest, d->image.area);
}

static void
check_every_store(uint64_t features)
{
	struct dying d = { .nb_images = 0 };
	const struct fake_guest *guest = &d.t.ring.guest;
	unsigned int nb_steps;

	tracked_start(&d.t, features);
	tracked_start(&d.other, features);
	for (uint32_t i = 0; i < 4; i++) {
		offer(&d.t, i);
		offer(&d.other, i);
	}
	d.first = (uint64_t)((uint8_t *)fake_guest_ptr(guest, d.t.ring.ring->desc_gpa) -
		guest->base);
	d.image.guest = malloc(guest->file_bytes);
	CHECK(d.image.guest != NULL);
	memcpy(d.image.guest, guest->base, guest->file_bytes);
	memcpy(d.image.area, d.t.area, AREA_BYTES);
	nb_steps = store_steps_run(dying_work, dying_look, &d);
	/* Fewer would mean that the steps were not seen. */
	CHECK(d.nb_images > 15);
	printf("%u stores in %u steps ... ", d.nb_images, nb_steps);
	free(d.image.guest);
	tracked_stop(&d.t);
	tracked_stop(&d.other);
}

VU_TEST(vring_inflight, dies_after_each_store_of_a_split_ring)
{
	check_every_store(0);
}

VU_TEST(vring_inflight, dies_after_each_store_of_a_packed_ring)
{
	check_every_store(F_PACKED);
}
