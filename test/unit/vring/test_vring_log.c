/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Marks in the dirty log for what a ring writes to itself, in both layouts and at every place of
 * the ring, and for the chains of the comfortable API.
 */
#include "test.h"

#include "vring_fixture.h"
#include "vu_mem_log.h"
#include "vu_vring_kick.h"
#include "vu_vring_poll.h"

#define F_LOG_ALL RTE_BIT64(VHOST_F_LOG_ALL)
#define LOG_BYTES ((FAKE_HIGH_GPA + FAKE_HIGH_BYTES) / 4096 / 8)
/* Where the front-end says that the used ring or the device event is. */
#define USED_GPA UINT64_C(0x13370ffc)
#define SIZE 1024 /* entries: the used ring has three pages, the descriptors four */

struct log_fixture {
	struct vring_fixture ring;
	int fd;
	struct vu_mem_log *log;
};

static void
log_start(struct log_fixture *f, uint64_t features)
{
	static const struct fake_ring_place place = { FAKE_MID, 4096, false };
	static const struct fake_ring_place packed = { FAKE_MID, 4096, true };

	f->fd = vu_fd_memfd("vu-test-log", LOG_BYTES, 0);
	f->log = vu_mem_log_create(dup(f->fd), LOG_BYTES, 0);
	CHECK(f->log != NULL);
	vring_configure(&f->ring, SIZE, (features & F_PACKED) != 0 ? &packed : &place);
	f->ring.vring.log = f->log;
	f->ring.vring.conf.flags = VU_VRING_F_LOG;
	f->ring.vring.conf.log_gpa = USED_GPA;
	vring_restart(&f->ring, features);
}

static void
log_stop(struct log_fixture *f)
{
	vring_stop(&f->ring);
	CHECK_EQ(f->log->nb_misses, 0);
	vu_mem_log_destroy(f->log);
	close(f->fd);
}

static bool
log_take(const struct log_fixture *f, uint64_t gpa)
{
	uint64_t page = gpa / 4096;
	uint64_t bit = UINT64_C(1) << page % 64;

	return (__atomic_fetch_and(&f->log->words[page / 64], ~bit, __ATOMIC_RELAXED) & bit) != 0;
}

static bool
log_is_empty(const struct log_fixture *f)
{
	for (uint64_t i = 0; i < LOG_BYTES / sizeof(uint64_t); i++)
		if (f->log->words[i] != 0)
			return false;
	return true;
}

/* The ring suppresses kicks when it starts. */
static void
check_start_marked(const struct log_fixture *f, bool is_written)
{
	CHECK_EQ(log_take(f, USED_GPA), is_written);
	if (is_written)
		log_take(f, USED_GPA + 4);
	CHECK(log_is_empty(f));
}

static void
give_back(struct log_fixture *f, uint16_t nb)
{
	struct vu_burst burst;

	engine_put(&f->ring, nb);
	CHECK_EQ(engine_peek(&f->ring, &burst, nb), nb);
	vu_ring_commit(f->ring.snapshot, &f->ring.vring.pos, &burst, nb, false,
		f->ring.snapshot->is_packed);
}

static void
collect(struct log_fixture *f, uint16_t nb)
{
	struct vu_split_used_elem elems[64];

	CHECK_EQ(fake_ring_collect(f->ring.ring, elems, 64), nb);
}

/* One page of elements after the other, twice around. */
VU_TEST(vring_log, split_used_ring)
{
	struct log_fixture f;

	log_start(&f, F_LOG_ALL);
	log_take(&f, USED_GPA);
	for (uint32_t i = 0; i < 2 * SIZE; i += 32) {
		uint64_t first = USED_GPA + 4 + UINT64_C(8) * (i % SIZE);

		give_back(&f, 32);
		/* Flags and index, and the elements. */
		CHECK(log_take(&f, USED_GPA));
		if (first / 4096 != USED_GPA / 4096)
			CHECK(log_take(&f, first));
		if ((first + 255) / 4096 != first / 4096)
			CHECK(log_take(&f, first + 255));
		CHECK(log_is_empty(&f));
		collect(&f, 32);
	}
	log_stop(&f);
}

/* What the front-end says of the used part is the event's place: descriptors have their own. */
VU_TEST(vring_log, packed_descriptors)
{
	struct log_fixture f;
	uint64_t desc_gpa;

	log_start(&f, F_LOG_ALL | F_PACKED);
	log_take(&f, USED_GPA);
	CHECK(log_is_empty(&f));
	desc_gpa = f.ring.ring->desc_gpa;
	for (uint32_t i = 0; i < 2 * SIZE + 32; i += 32) {
		give_back(&f, 32);
		CHECK(log_take(&f, desc_gpa + UINT64_C(16) * (i % SIZE)));
		CHECK(log_is_empty(&f));
		collect(&f, 32);
	}
	log_stop(&f);
}

static void
check_kicks(uint64_t features)
{
	struct log_fixture f;
	const bool is_packed = (features & F_PACKED) != 0;
	const bool has_event_idx = (features & F_EVENT_IDX) != 0;
	uint64_t event_gpa = USED_GPA + 4 + UINT64_C(8) * SIZE;

	log_start(&f, F_LOG_ALL | features);
	check_start_marked(&f, true);
	vu_vring_enable_kicks(f.ring.snapshot, &f.ring.vring.pos);
	CHECK(log_take(&f, USED_GPA));
	if (!is_packed && has_event_idx)
		CHECK(log_take(&f, event_gpa));
	vu_vring_disable_kicks(f.ring.snapshot);
	CHECK(log_take(&f, USED_GPA));
	log_take(&f, event_gpa);
	CHECK(log_is_empty(&f));
	log_stop(&f);
}

VU_TEST(vring_log, kick_requests)
{
	check_kicks(0);
	check_kicks(F_PACKED);
	check_kicks(F_PACKED | F_EVENT_IDX);
}

/* avail_event has the fourth page of such a ring. */
VU_TEST(vring_log, avail_event)
{
	struct log_fixture f;

	log_start(&f, F_LOG_ALL | F_EVENT_IDX);
	log_take(&f, USED_GPA);
	log_take(&f, USED_GPA + 4 + UINT64_C(8) * SIZE);
	vu_vring_enable_kicks(f.ring.snapshot, &f.ring.vring.pos);
	CHECK(log_take(&f, USED_GPA + 4 + UINT64_C(8) * SIZE));
	log_take(&f, USED_GPA);
	CHECK(log_is_empty(&f));
	log_stop(&f);
}

/* Only what LOG_ALL and the flag ask for. */
VU_TEST(vring_log, switched_off)
{
	struct log_fixture f;

	log_start(&f, 0);
	CHECK(f.ring.snapshot->log != NULL && !f.ring.snapshot->logs_buffers);
	f.ring.vring.conf.flags = 0;
	vring_restart(&f.ring, F_LOG_ALL);
	log_take(&f, USED_GPA);
	CHECK(log_is_empty(&f));
	CHECK(f.ring.snapshot->log != NULL && !f.ring.snapshot->logs_used);
	give_back(&f, 8);
	CHECK(log_is_empty(&f));
	vring_restart(&f.ring, 0);
	CHECK(f.ring.snapshot->log == NULL);
	log_stop(&f);
}

/* A chain over the border of two regions, and buffers of which a part is written. */
static void
check_items(uint64_t features)
{
	const struct fake_buf bufs[] = {
		{ .gpa = FAKE_HIGH_GPA, .len_bytes = 64 },
		{ .gpa = FAKE_MID_GPA - 6000, .len_bytes = 12000, .is_write = true },
		{ .gpa = FAKE_HIGH_GPA + 0x10000, .len_bytes = 4096, .is_write = true },
	};
	struct vu_vring_guard *guard;
	struct vu_vring_item item;
	struct log_fixture f;

	log_start(&f, F_LOG_ALL | features);
	guard = vu_vring_guard_attach(&f.ring.vring, VU_LOCK_NONE);
	CHECK(guard != NULL);
	for (uint32_t used_bytes = 0; used_bytes <= 16096; used_bytes += 503) {
		log_take(&f, USED_GPA);
		log_take(&f, USED_GPA + 4);
		CHECK(fake_ring_put(f.ring.ring, bufs, 3) >= 0);
		CHECK_EQ(vu_vring_pop(guard, &item, 1), 1);
		CHECK(log_is_empty(&f));
		item.used_bytes = used_bytes;
		CHECK_EQ(vu_vring_add_used(guard, &item), 0);
		for (uint64_t at = 0; at < 12000; at += 1000)
			CHECK(used_bytes <= at || log_take(&f, bufs[1].gpa + at) ||
				at % 4096 != 0);
		for (unsigned int page = 0; page < 4; page++)
			log_take(&f, bufs[1].gpa + 4096 * page);
		CHECK_EQ(log_take(&f, bufs[2].gpa), used_bytes > 12000);
		CHECK(log_take(&f, (features & F_PACKED) != 0 ? f.ring.ring->desc_gpa : USED_GPA));
		log_take(&f, USED_GPA + 4);
		CHECK(log_is_empty(&f));
		collect(&f, 1);
	}
	vu_vring_guard_destroy(guard);
	log_stop(&f);
}

VU_TEST(vring_log, chains_given_back_by_item)
{
	check_items(0);
	check_items(F_PACKED);
}
