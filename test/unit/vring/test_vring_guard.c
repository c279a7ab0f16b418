/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The comfortable ring API under every lock policy: buffers, notification, configuration, and
 * several threads on one ring.
 */
#include "vring_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

#include <rte_errno.h>

#include "fake_packed.h"
#include "vu_vring_poll.h"

#include "test.h"

#define RING_SIZE 16
#define NB_THREADS 3
#define NB_CHAINS 4000

static struct fake_buf
buf_at(uint64_t offset, uint32_t len_bytes, bool is_write)
{
	return (struct fake_buf){ FAKE_HIGH_GPA + offset, len_bytes, is_write };
}

static void
put(struct vring_fixture *f, unsigned int nb)
{
	const struct fake_buf bufs[] = { buf_at(0, 10, false), buf_at(0x100, 20, true) };

	for (unsigned int i = 0; i < nb; i++)
		CHECK(fake_ring_put(f->ring, bufs, RTE_DIM(bufs)) >= 0);
}

/* Index or position nb chains of put() further on. */
static uint16_t
idx_after(const struct vring_fixture *f, uint16_t idx, uint16_t nb)
{
	return f->ring->is_packed ? fake_packed_advance(f->ring, idx, 2u * nb) :
		(uint16_t)(idx + nb);
}

/* What works the same for any guard with a running ring of RING_SIZE. */
static void
check_buffers(struct vring_fixture *f, struct vu_vring_guard *guard)
{
	struct vu_split_used_elem used[4];
	struct vu_vring_item items[4];
	uint16_t first;

	CHECK_EQ(vu_vring_pop(guard, items, 4), 0);
	put(f, 5);
	first = vu_vring_next_avail(guard);
	CHECK_EQ(vu_vring_pop(guard, items, 3), 3);
	CHECK_EQ(vu_vring_next_avail(guard), idx_after(f, first, 3));
	CHECK_EQ(items[0].chain.nb_read, 1);
	CHECK_EQ(items[0].chain.read_bytes, 10);
	CHECK_EQ(items[0].chain.nb_write, 1);
	CHECK_EQ(items[0].chain.write_bytes, 20);
	CHECK_EQ(fake_ring_nb_used(f->ring), 0);
	/* Back in another order than they came. */
	items[2].used_bytes = 7;
	CHECK_EQ(vu_vring_push(guard, &items[1], 2), 0);
	items[0].used_bytes = 9;
	CHECK_EQ(vu_vring_add_used(guard, &items[0]), 0);
	CHECK_EQ(vu_vring_used_idx(guard), idx_after(f, first, 3));
	CHECK_EQ(fake_ring_collect(f->ring, used, 4), 3);
	CHECK_EQ(used[0].id, items[1].head);
	CHECK_EQ(used[1].id, items[2].head);
	CHECK_EQ(used[1].len_bytes, 7);
	CHECK_EQ(used[2].id, items[0].head);
	CHECK_EQ(used[2].len_bytes, 9);
	/* A head that is none, a chain without slots: nothing of the burst goes back. */
	CHECK_EQ(vu_vring_pop(guard, items, 4), 2);
	items[2] = items[1];
	items[1].head = RING_SIZE;
	items[1].nb_descs = 0;
	CHECK_EQ(vu_vring_push(guard, items, 2), -EINVAL);
	CHECK_EQ(vu_vring_add_used(guard, &items[1]), -EINVAL);
	CHECK_EQ(fake_ring_nb_used(f->ring), 0);
	items[1] = items[2];
	CHECK_EQ(vu_vring_push(guard, items, 2), 0);
	CHECK_EQ(fake_ring_collect(f->ring, used, 4), 2);
}

static void
guard_stop(struct vring_fixture *f, struct vu_vring_guard *guard)
{
	vu_vring_guard_destroy(guard);
	vring_stop(f);
}

VU_TEST(vring_guard, buffers_of_a_devices_ring)
{
	struct vring_fixture f;
	struct vu_vring_guard *guard;

	for (unsigned int model = 0; model < VU_LOCK_NB_MODELS; model++) {
		vring_start(&f, RING_SIZE, F_INDIRECT);
		guard = vu_vring_guard_attach(&f.vring, (enum vu_lock_model)model);
		CHECK(guard != NULL);
		CHECK(vu_vring_is_ready(guard));
		CHECK(vu_vring_is_enabled(guard));
		for (unsigned int i = 0; i < 10; i++)
			check_buffers(&f, guard);
		guard_stop(&f, guard);
		/* A packed one, whose size its chains do not divide. */
		vring_start(&f, RING_SIZE + 5, F_INDIRECT | F_PACKED);
		guard = vu_vring_guard_attach(&f.vring, (enum vu_lock_model)model);
		for (unsigned int i = 0; i < 20; i++)
			check_buffers(&f, guard);
		guard_stop(&f, guard);
	}
	CHECK(vu_vring_guard_attach(&f.vring, VU_LOCK_NB_MODELS) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
}

/* The session configures a device's ring, nobody else; fds are taken all the same. */
VU_TEST(vring_guard, devices_ring_is_not_configured)
{
	struct vring_fixture f;
	struct vu_vring_guard *guard;
	int fd;

	vring_start(&f, RING_SIZE, 0);
	guard = vu_vring_guard_attach(&f.vring, VU_LOCK_NONE);
	CHECK_EQ(vu_vring_set_size(guard, 8), -EPERM);
	CHECK_EQ(vu_vring_set_queue_info(guard, 0, 0, 0), -EPERM);
	CHECK_EQ(vu_vring_set_event_idx(guard, true), -EPERM);
	CHECK_EQ(vu_vring_set_packed(guard, true), -EPERM);
	CHECK_EQ(vu_vring_set_next_avail(guard, 1), -EPERM);
	CHECK_EQ(vu_vring_set_next_used(guard, 1), -EPERM);
	CHECK_EQ(vu_vring_set_enabled(guard, false), -EPERM);
	CHECK_EQ(vu_vring_set_ready(guard, false), -EPERM);
	fd = vu_fd_eventfd();
	CHECK_EQ(vu_vring_set_kick(guard, fd), -EPERM);
	CHECK_EQ(fcntl(fd, F_GETFD), -1);
	fd = vu_fd_eventfd();
	CHECK_EQ(vu_vring_set_call(guard, fd), -EPERM);
	CHECK_EQ(fcntl(fd, F_GETFD), -1);
	fd = vu_fd_eventfd();
	CHECK_EQ(vu_vring_set_err(guard, fd), -EPERM);
	CHECK_EQ(fcntl(fd, F_GETFD), -1);
	check_buffers(&f, guard);
	guard_stop(&f, guard);
}

static void
configure_own(const struct vring_fixture *f, struct vu_vring_guard *guard)
{
	const struct vu_vring_conf conf = fake_ring_conf(f->ring);

	CHECK(vu_vring_set_size(guard, conf.size) == 0);
	CHECK(vu_vring_set_queue_info(guard, conf.desc_uva, conf.avail_uva, conf.used_uva) == 0);
}

/* A ring of its own over the fixture's guest memory, configured except set_ready. */
static struct vu_vring_guard *
create_own(struct vring_fixture *f, enum vu_lock_model model)
{
	static const struct fake_ring_place place = { FAKE_MID, 0 };
	struct vu_vring_guard *guard;

	vring_configure(f, RING_SIZE, &place);
	guard = vu_vring_guard_create(f->mem, RING_SIZE, model);
	CHECK(guard != NULL);
	configure_own(f, guard);
	return guard;
}

/* The same with the packed layout and an odd size. */
static struct vu_vring_guard *
create_own_packed(struct vring_fixture *f)
{
	static const struct fake_ring_place place = { FAKE_MID, 0, true };
	struct vu_vring_guard *guard;

	vring_configure(f, RING_SIZE - 3, &place);
	guard = vu_vring_guard_create(f->mem, RING_SIZE, VU_LOCK_SPIN);
	CHECK(guard != NULL);
	CHECK(vu_vring_set_size(guard, RING_SIZE - 3) == -EINVAL);
	CHECK(vu_vring_set_packed(guard, true) == 0);
	configure_own(f, guard);
	return guard;
}

VU_TEST(vring_guard, own_ring)
{
	struct vring_fixture f;
	struct vu_vring_guard *guard;
	struct vu_vring_item item = { .head = 0 };

	for (unsigned int model = 0; model < VU_LOCK_NB_MODELS; model++) {
		guard = create_own(&f, (enum vu_lock_model)model);
		CHECK(!vu_vring_is_ready(guard));
		CHECK_EQ(vu_vring_pop(guard, &item, 1), 0);
		CHECK_EQ(vu_vring_add_used(guard, &item), -ESHUTDOWN);
		CHECK_EQ(vu_vring_used_idx(guard), -ESHUTDOWN);
		CHECK_EQ(vu_vring_signal_used(guard), -ESHUTDOWN);
		CHECK_EQ(vu_vring_needs_notification(guard), -ESHUTDOWN);
		CHECK_EQ(vu_vring_enable_notification(guard), -ESHUTDOWN);
		CHECK_EQ(vu_vring_disable_notification(guard), -ESHUTDOWN);
		CHECK_EQ(vu_vring_set_ready(guard, true), 0);
		CHECK_EQ(vu_vring_set_ready(guard, true), 0);
		CHECK(vu_vring_is_ready(guard));
		check_buffers(&f, guard);
		CHECK_EQ(vu_vring_set_size(guard, 8), -EBUSY);
		CHECK_EQ(vu_vring_set_queue_info(guard, 0, 0, 0), -EBUSY);
		CHECK_EQ(vu_vring_set_event_idx(guard, true), -EBUSY);
		CHECK_EQ(vu_vring_set_packed(guard, true), -EBUSY);
		CHECK(!vu_vring_is_enabled(guard));
		CHECK_EQ(vu_vring_set_enabled(guard, true), 0);
		CHECK(vu_vring_is_enabled(guard));
		/* Stopped and started, it goes on where it was. */
		CHECK_EQ(vu_vring_set_ready(guard, false), 0);
		CHECK_EQ(vu_vring_next_avail(guard), 5);
		CHECK_EQ(vu_vring_set_ready(guard, true), 0);
		check_buffers(&f, guard);
		guard_stop(&f, guard);
	}
}

VU_TEST(vring_guard, own_packed_ring)
{
	struct vring_fixture f;
	struct vu_vring_guard *guard = create_own_packed(&f);

	CHECK_EQ(vu_vring_set_ready(guard, true), 0);
	CHECK_EQ(vu_vring_next_avail(guard), 0x8000);
	for (int i = 0; i < 10; i++) {
		check_buffers(&f, guard);
		/* Stopped and started, it goes on where it was. */
		CHECK_EQ(vu_vring_set_ready(guard, false), 0);
		CHECK_EQ(vu_vring_set_ready(guard, true), 0);
		CHECK_EQ(vu_vring_next_avail(guard), f.ring->avail_idx);
	}
	CHECK_EQ(vu_vring_set_next_avail(guard, 0x8000), -EBUSY);
	CHECK_EQ(vu_vring_set_next_used(guard, 0x8000), -EBUSY);
	/* Positions off the ring, or too far apart. */
	CHECK_EQ(vu_vring_set_ready(guard, false), 0);
	CHECK_EQ(vu_vring_set_next_avail(guard, 0x8000 + RING_SIZE - 3), 0);
	CHECK_EQ(vu_vring_set_ready(guard, true), -EINVAL);
	CHECK_EQ(vu_vring_set_next_avail(guard, 0x8003), 0);
	CHECK_EQ(vu_vring_set_next_used(guard, 0x8004), 0);
	CHECK_EQ(vu_vring_set_ready(guard, true), -EINVAL);
	CHECK_EQ(vu_vring_set_next_used(guard, 0x8001), 0);
	CHECK_EQ(vu_vring_set_ready(guard, true), 0);
	CHECK_EQ(vu_vring_next_avail(guard), 0x8003);
	CHECK_EQ(vu_vring_used_idx(guard), 0x8001);
	guard_stop(&f, guard);
}

VU_TEST(vring_guard, notification_of_a_packed_ring)
{
	struct vring_fixture f;
	struct vu_vring_guard *guard = create_own_packed(&f);
	struct vu_vring_item items[2];
	const struct vu_packed_event *event;

	CHECK_EQ(vu_vring_set_ready(guard, true), 0);
	event = f.ring->device_event;
	CHECK_EQ(event->flags, VU_PACKED_EVENT_DISABLE);
	CHECK_EQ(vu_vring_enable_notification(guard), 0);
	CHECK_EQ(event->flags, VU_PACKED_EVENT_ENABLE);
	CHECK_EQ(vu_vring_set_ready(guard, false), 0);
	CHECK_EQ(vu_vring_set_event_idx(guard, true), 0);
	CHECK_EQ(vu_vring_set_ready(guard, true), 0);
	put(&f, 2);
	CHECK_EQ(vu_vring_pop(guard, items, 1), 1);
	CHECK_EQ(vu_vring_enable_notification(guard), 1);
	CHECK(event->flags == VU_PACKED_EVENT_DESC && event->position == 0x8002);
	CHECK_EQ(vu_vring_pop(guard, &items[1], 1), 1);
	CHECK_EQ(vu_vring_enable_notification(guard), 0);
	CHECK_EQ(vu_vring_disable_notification(guard), 0);
	CHECK_EQ(event->flags, VU_PACKED_EVENT_DISABLE);
	fake_ring_set_used_event(f.ring, 0x8002);
	CHECK_EQ(vu_vring_push(guard, items, 1), 0);
	CHECK_EQ(vu_vring_needs_notification(guard), 1); /* the first after a start */
	CHECK_EQ(vu_vring_needs_notification(guard), 0);
	CHECK_EQ(vu_vring_push(guard, &items[1], 1), 0);
	CHECK_EQ(vu_vring_needs_notification(guard), 1);
	CHECK_EQ(vu_vring_needs_notification(guard), 0);
	guard_stop(&f, guard);
}

VU_TEST(vring_guard, bad_configuration)
{
	struct vring_fixture f;
	struct vu_vring_guard *guard = create_own(&f, VU_LOCK_NONE);

	CHECK(vu_vring_guard_create(NULL, 8, VU_LOCK_NONE) == NULL);
	CHECK(vu_vring_guard_create(f.mem, 0, VU_LOCK_NONE) == NULL);
	CHECK(vu_vring_guard_create(f.mem, 32769, VU_LOCK_NONE) == NULL);
	CHECK_EQ(vu_vring_set_size(guard, 2 * RING_SIZE), -EINVAL);
	CHECK_EQ(vu_vring_set_size(guard, 12), -EINVAL);
	CHECK_EQ(vu_vring_set_size(guard, 0), -EINVAL);
	CHECK_EQ(vu_vring_set_queue_info(guard, FAKE_NOWHERE_GPA, 0, 0), 0);
	CHECK_EQ(vu_vring_set_ready(guard, true), -EFAULT);
	CHECK(!vu_vring_is_ready(guard));
	guard_stop(&f, guard);
}

VU_TEST(vring_guard, positions_can_be_set)
{
	struct vring_fixture f;
	struct vu_vring_guard *guard = create_own(&f, VU_LOCK_RW);
	struct vu_vring_item item;

	fake_ring_start_at(f.ring, 100);
	CHECK_EQ(vu_vring_set_next_avail(guard, 101), 0);
	CHECK_EQ(vu_vring_set_next_used(guard, 101), 0);
	CHECK_EQ(vu_vring_set_ready(guard, true), 0);
	CHECK_EQ(vu_vring_next_avail(guard), 101);
	put(&f, 2);
	CHECK_EQ(vu_vring_pop(guard, &item, 1), 1);
	CHECK_EQ(vu_vring_push(guard, &item, 1), 0);
	CHECK_EQ(vu_vring_used_idx(guard), 102);
	/* While it runs. */
	CHECK_EQ(vu_vring_set_next_avail(guard, 100), 0);
	CHECK_EQ(vu_vring_set_next_used(guard, 110), 0);
	CHECK_EQ(vu_vring_pop(guard, &item, 1), 1);
	CHECK_EQ(vu_vring_push(guard, &item, 1), 0);
	CHECK_EQ(vu_vring_used_idx(guard), 111);
	guard_stop(&f, guard);
}

VU_TEST(vring_guard, fds)
{
	struct vring_fixture f;
	struct vu_vring_guard *guard = create_own(&f, VU_LOCK_SPIN);
	int kick_fd = vu_fd_eventfd();
	int call_fd = vu_fd_eventfd();

	CHECK_EQ(vu_vring_read_kick(guard), -ENOENT);
	CHECK_EQ(vu_vring_set_kick(guard, dup(kick_fd)), 0);
	CHECK_EQ(vu_vring_read_kick(guard), -EAGAIN);
	vu_fd_signal(kick_fd);
	CHECK_EQ(vu_vring_read_kick(guard), 0);
	CHECK_EQ(vu_vring_set_enabled(guard, true), 0);
	vu_fd_signal(kick_fd);
	CHECK_EQ(vu_vring_read_kick(guard), 1);
	CHECK_EQ(vu_vring_read_kick(guard), -EAGAIN);
	CHECK_EQ(vu_vring_set_ready(guard, true), 0);
	CHECK_EQ(vu_vring_signal_used(guard), 0);
	/* An fd that comes while the ring runs counts at once. */
	CHECK_EQ(vu_vring_set_call(guard, dup(call_fd)), 0);
	CHECK_EQ(vu_vring_signal_used(guard), 0);
	CHECK_EQ(rig_events(call_fd), 1);
	CHECK_EQ(vu_vring_set_call(guard, VU_FD_NONE), 0);
	CHECK_EQ(vu_vring_signal_used(guard), 0);
	CHECK_EQ(rig_events(call_fd), 0);
	CHECK_EQ(vu_vring_set_err(guard, dup(call_fd)), 0);
	CHECK_EQ(vu_vring_set_kick(guard, VU_FD_NONE), 0);
	guard_stop(&f, guard);
	vu_fd_close(&kick_fd);
	vu_fd_close(&call_fd);
}

VU_TEST(vring_guard, notification_by_flags)
{
	struct vring_fixture f;
	struct vu_vring_guard *guard = create_own(&f, VU_LOCK_NONE);
	struct vu_vring_item item;

	CHECK_EQ(vu_vring_set_ready(guard, true), 0);
	CHECK_EQ(f.ring->used->flags, VU_USED_F_NO_NOTIFY);
	CHECK_EQ(vu_vring_enable_notification(guard), 0);
	CHECK_EQ(f.ring->used->flags, 0);
	put(&f, 1);
	CHECK_EQ(vu_vring_enable_notification(guard), 1);
	CHECK_EQ(vu_vring_disable_notification(guard), 0);
	CHECK_EQ(f.ring->used->flags, VU_USED_F_NO_NOTIFY);
	CHECK_EQ(vu_vring_pop(guard, &item, 1), 1);
	CHECK_EQ(vu_vring_push(guard, &item, 1), 0);
	CHECK_EQ(vu_vring_needs_notification(guard), 1);
	fake_ring_set_no_interrupt(f.ring, true);
	CHECK_EQ(vu_vring_needs_notification(guard), 0);
	guard_stop(&f, guard);
}

VU_TEST(vring_guard, notification_by_events)
{
	struct vring_fixture f;
	struct vu_vring_guard *guard = create_own(&f, VU_LOCK_NONE);
	struct vu_vring_item items[4];
	const uint16_t *avail_event;

	CHECK_EQ(vu_vring_set_event_idx(guard, true), 0);
	CHECK_EQ(vu_vring_set_ready(guard, true), 0);
	avail_event = (const uint16_t *)&f.ring->used->ring[RING_SIZE];
	put(&f, 4);
	CHECK_EQ(vu_vring_pop(guard, items, 3), 3);
	CHECK_EQ(vu_vring_enable_notification(guard), 1);
	CHECK_EQ(*avail_event, 3);
	CHECK_EQ(vu_vring_pop(guard, items + 3, 1), 1);
	CHECK_EQ(vu_vring_enable_notification(guard), 0);
	CHECK_EQ(*avail_event, 4);
	CHECK_EQ(vu_vring_disable_notification(guard), 0);
	fake_ring_set_used_event(f.ring, 2);
	CHECK_EQ(vu_vring_push(guard, items, 1), 0);
	CHECK_EQ(vu_vring_needs_notification(guard), 1); /* the first after a start */
	CHECK_EQ(vu_vring_push(guard, items + 1, 1), 0);
	CHECK_EQ(vu_vring_needs_notification(guard), 0);
	CHECK_EQ(vu_vring_push(guard, items + 2, 2), 0);
	CHECK_EQ(vu_vring_needs_notification(guard), 1);
	guard_stop(&f, guard);
}

/* What comes before a bad chain is returned; then the ring is given up. */
VU_TEST(vring_guard, bad_chain_gives_up)
{
	struct vring_fixture f;
	struct vu_vring_guard *guard;
	struct vu_vring_item items[4];
	int head;

	vring_start(&f, RING_SIZE, 0);
	guard = vu_vring_guard_attach(&f.vring, VU_LOCK_SPIN);
	put(&f, 2);
	head = f.ring->avail->ring[1];
	f.ring->desc[head].gpa = FAKE_NOWHERE_GPA;
	CHECK_EQ(vu_vring_pop(guard, items, 4), 1);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_BAD_ADDRESS);
	CHECK_EQ(vu_vring_pop(guard, items, 4), 0);
	CHECK_EQ(vu_vring_push(guard, items, 1), -ESHUTDOWN);
	CHECK(!vu_vring_is_ready(guard));
	guard_stop(&f, guard);
	vring_start(&f, RING_SIZE, F_PACKED);
	guard = vu_vring_guard_attach(&f.vring, VU_LOCK_SPIN);
	put(&f, 2);
	f.ring->packed_desc[3].gpa = FAKE_NOWHERE_GPA;
	CHECK_EQ(vu_vring_pop(guard, items, 4), 1);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_BAD_ADDRESS);
	CHECK_EQ(vu_vring_pop(guard, items, 4), 0);
	guard_stop(&f, guard);
}

/* ---- several threads ---- */

struct shared_ring {
	struct vu_vring_guard *guard;
	uint32_t nb_done;
	uint32_t is_locked; /* counts threads between lock and unlock */
	uint32_t nb_clashes;
};

static void *
consumer_main(void *arg)
{
	struct shared_ring *shared = arg;
	struct vu_vring_item items[3];
	unsigned int nb_turns = 0;

	while (vu_load(&shared->nb_done) < NB_CHAINS && !expect_has_failed()) {
		uint16_t nb = vu_vring_pop(shared->guard, items, 3);

		CHECK(vu_vring_push(shared->guard, items, nb) == 0);
		__atomic_add_fetch(&shared->nb_done, nb, __ATOMIC_RELAXED);
		vu_vring_guard_lock(shared->guard);
		if (__atomic_add_fetch(&shared->is_locked, 1, __ATOMIC_RELAXED) != 1)
			vu_store(&shared->nb_clashes, 1);
		/* Now and then an invitation to clash; a spinning thread spins for long. */
		if (nb_turns++ % 256 == 0)
			sched_yield();
		__atomic_sub_fetch(&shared->is_locked, 1, __ATOMIC_RELAXED);
		vu_vring_guard_unlock(shared->guard);
		CHECK(vu_vring_used_idx(shared->guard) >= 0);
		if (nb == 0)
			sched_yield();
	}
	return NULL;
}

static void
run_threads(enum vu_lock_model model, uint64_t features)
{
	struct shared_ring shared = { 0 };
	struct vu_split_used_elem used[RING_SIZE];
	pthread_t threads[NB_THREADS];
	struct vring_fixture f;
	unsigned int nb_put = 0;
	unsigned int nb_used = 0;

	vring_start(&f, RING_SIZE, features);
	shared.guard = vu_vring_guard_attach(&f.vring, model);
	for (unsigned int i = 0; i < NB_THREADS; i++)
		expect_thread_start(&threads[i], consumer_main, &shared);
	/* fake_ring_collect() fails if a chain comes back twice. */
	WAIT_WHILE(nb_used < NB_CHAINS) {
		while (nb_put < NB_CHAINS && f.ring->nb_free >= 2) {
			put(&f, 1);
			nb_put++;
		}
		nb_used += fake_ring_collect(f.ring, used, RING_SIZE);
	}
	for (unsigned int i = 0; i < NB_THREADS; i++)
		expect_thread_join(threads[i]);
	CHECK_EQ(shared.nb_done, NB_CHAINS);
	CHECK_EQ(shared.nb_clashes, 0);
	CHECK_EQ(f.vring.pos.counters.nb_chains, NB_CHAINS);
	vu_vring_guard_destroy(shared.guard);
	vring_stop(&f);
}

VU_TEST(vring_guard, spinlock_between_threads)
{
	run_threads(VU_LOCK_SPIN, 0);
	run_threads(VU_LOCK_SPIN, F_PACKED);
}

VU_TEST(vring_guard, rwlock_between_threads)
{
	run_threads(VU_LOCK_RW, 0);
	run_threads(VU_LOCK_RW, F_PACKED);
}
