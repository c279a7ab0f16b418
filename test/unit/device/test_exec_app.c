/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Queues that threads of the application poll: a change is complete when no burst that began
 * before it is under way. The case is the application's thread and the control lcore in turn.
 */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake_driver.h"
#include "fake_guest.h"
#include "vu_device_driver.h"
#include "vu_exec.h"
#include "vu_fd.h"
#include "vu_mem_translate.h"

#define NB_QUEUES 2
#define RING_ENTRIES 64

struct app_fixture {
	struct vu_exec_app *app;
	struct vu_device *dev;
	struct fake_guest guest;
	struct fake_ring *rings[NB_QUEUES];
	unsigned int nb_done;
	unsigned int nb_ring_faults;
	unsigned int nb_changed;
	uint32_t is_paused;     /* by the other thread */
};

static void
app_changed(void *arg)
{
	((struct app_fixture *)arg)->nb_changed++;
}

static void
app_done(void *arg)
{
	((struct app_fixture *)arg)->nb_done++;
}

static void
app_ring_fault(void *arg, uint32_t queue_idx)
{
	(void)queue_idx;
	((struct app_fixture *)arg)->nb_ring_faults++;
}

static void
app_open(struct app_fixture *f)
{
	static const struct fake_ring_place place = { FAKE_MID, 0, false };
	struct vu_device_conf conf = {
		.name = "app0", .nb_queues = NB_QUEUES, .max_queue_size = 1024, .numa_node = -1,
	};

	*f = (struct app_fixture){ .app = vu_exec_app_create() };
	conf.app = f->app;
	conf.changed = app_changed;
	conf.changed_arg = f;
	f->dev = vu_device_create(FAKE_DRIVER_NAME, &conf);
	fake_guest_init(&f->guest);
	for (unsigned int i = 0; i < NB_QUEUES; i++)
		vu_exec_app_resume(vu_device_queue(f->dev, i));
	for (unsigned int i = 0; i < NB_QUEUES; i++)
		f->rings[i] = fake_ring_create(&f->guest, RING_ENTRIES, &place);
}

static void
app_start_ring(struct app_fixture *f, uint32_t i)
{
	const struct vu_vring_conf conf = fake_ring_conf(f->rings[i]);

	vu_device_ring_set_size(f->dev, i, conf.size);
	vu_device_ring_set_addr(f->dev, i, &conf);
	vu_device_ring_start(f->dev, i, VU_FD_NONE);
	vu_device_ring_enable(f->dev, i, true);
}

static void
app_connect(struct app_fixture *f)
{
	const struct vu_device_events events = { .arg = f, .ring_fault = app_ring_fault };

	vu_device_connect(f->dev, &events);
	vu_device_set_features(f->dev, FAKE_F_VERSION_1);
	vu_device_set_mem(f->dev, fake_guest_mem(&f->guest));
	for (uint32_t i = 0; i < NB_QUEUES; i++)
		app_start_ring(f, i);
	vu_device_commit(f->dev, app_done, f);
}

static void
app_close(struct app_fixture *f)
{
	if (vu_device_state(f->dev) != VU_DEVICE_IDLE)
		vu_device_disconnect(f->dev, app_done, f);
	vu_exec_app_poll(f->app);
	vu_device_detach(f->dev, app_done, f);
	vu_exec_app_poll(f->app);
	vu_device_destroy(f->dev);
	vu_exec_app_destroy(f->app);
	for (unsigned int i = 0; i < NB_QUEUES; i++)
		fake_ring_destroy(f->rings[i]);
	fake_guest_fini(&f->guest);
}

static bool
memory_is_there(const struct vu_mem_table *mem)
{
	uint64_t len_bytes = 1;
	uint16_t hint = 0;
	const volatile uint8_t *hva = vu_mem_gpa_to_hva(mem, FAKE_MID_GPA, &len_bytes, &hint);

	return hva != NULL && *hva == *hva;
}

/* Replace the guest memory while a burst holds the snapshot of queue 1. */
VU_TEST(exec_app, a_change_waits_for_the_burst_under_way)
{
	const struct vu_vring_snapshot *snap;
	struct vu_device_queue *queue;
	struct app_fixture f;

	app_open(&f);
	CHECK(f.app != NULL && f.dev != NULL);
	app_connect(&f);
	CHECK_EQ(f.nb_done, 0);
	queue = vu_device_queue(f.dev, 1);
	snap = vu_device_queue_enter(queue);
	CHECK(snap != NULL);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	CHECK_EQ(vu_device_commit(f.dev, app_done, &f), -EINPROGRESS);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(vu_exec_app_poll(f.app) != UINT64_MAX);
	CHECK_EQ(f.nb_done, 0);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_DRAINING);
	/* Both are still there, which AddressSanitizer would deny. */
	CHECK_EQ(snap->size, RING_ENTRIES);
	CHECK(memory_is_there(snap->mem));
	CHECK(queue->vring.snapshot != snap);
	vu_device_queue_leave(queue);
	CHECK_EQ(vu_exec_app_poll(f.app), UINT64_MAX);
	CHECK_EQ(f.nb_done, 1);
	app_close(&f);
}

/* A thread that polls without pause must not keep control waiting for ever. */
VU_TEST(exec_app, the_next_burst_does_not_prolong_the_wait)
{
	struct vu_device_queue *queue;
	struct app_fixture f;

	app_open(&f);
	app_connect(&f);
	queue = vu_device_queue(f.dev, 0);
	vu_device_queue_enter(queue);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	CHECK_EQ(vu_device_commit(f.dev, app_done, &f), -EINPROGRESS);
	vu_device_queue_leave(queue);
	CHECK(vu_device_queue_enter(queue) == queue->vring.snapshot);
	CHECK_EQ(vu_exec_app_poll(f.app), UINT64_MAX);
	CHECK_EQ(f.nb_done, 1);
	vu_device_queue_leave(queue);
	app_close(&f);
}

VU_TEST(exec_app, the_end_of_a_session_waits_too)
{
	const struct vu_vring_snapshot *snap;
	struct vu_device_queue *queue;
	struct app_fixture f;

	app_open(&f);
	app_connect(&f);
	queue = vu_device_queue(f.dev, 0);
	snap = vu_device_queue_enter(queue);
	vu_device_disconnect(f.dev, app_done, &f);
	vu_exec_app_poll(f.app);
	CHECK_EQ(f.nb_done, 0);
	CHECK_EQ(snap->size, RING_ENTRIES);
	vu_device_queue_leave(queue);
	CHECK(vu_device_queue_enter(queue) == NULL);
	vu_device_queue_leave(queue);
	CHECK_EQ(vu_exec_app_poll(f.app), UINT64_MAX);
	CHECK_EQ(f.nb_done, 1);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_IDLE);
	app_close(&f);
}

static void *
app_pause(void *arg)
{
	struct app_fixture *f = arg;

	vu_exec_app_pause(vu_device_queue(f->dev, 0));
	vu_store_release(&f->is_paused, 1);
	return NULL;
}

VU_TEST(exec_app, a_pause_waits_for_the_burst_under_way)
{
	const struct vu_vring_snapshot *snap;
	struct vu_device_queue *queue;
	struct app_fixture f;
	pthread_t thread;

	app_open(&f);
	app_connect(&f);
	queue = vu_device_queue(f.dev, 0);
	snap = vu_device_queue_enter(queue);
	expect_thread_start(&thread, app_pause, &f);
	WAIT_UNTIL(vu_load(&queue->is_paused) != 0);
	usleep(1000);
	CHECK_EQ(vu_load_acquire(&f.is_paused), 0);
	CHECK_EQ(snap->size, RING_ENTRIES);
	vu_device_queue_leave(queue);
	expect_thread_join(thread);
	/* The ring runs on, bursts do not find it, other queues do not care. */
	CHECK(queue->vring.snapshot != NULL);
	CHECK(vu_device_queue_enter(queue) == NULL);
	vu_device_queue_leave(queue);
	CHECK(vu_device_queue_enter(vu_device_queue(f.dev, 1)) != NULL);
	vu_device_queue_leave(vu_device_queue(f.dev, 1));
	vu_exec_app_resume(queue);
	CHECK(vu_device_queue_enter(queue) == snap);
	vu_device_queue_leave(queue);
	app_close(&f);
}

/* The owner knows nothing of those who share its queue, and does not disturb them. */
VU_TEST(exec_app, a_change_waits_for_who_shares_a_paused_queue)
{
	const struct vu_vring_snapshot *snap;
	struct vu_device_queue *queue;
	struct app_fixture f;

	app_open(&f);
	app_connect(&f);
	queue = vu_device_queue(f.dev, 0);
	vu_exec_app_share(queue);
	snap = vu_device_queue_enter_shared(queue);
	CHECK(snap != NULL);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	CHECK_EQ(vu_device_commit(f.dev, app_done, &f), -EINPROGRESS);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK(vu_device_queue_enter(queue) == NULL);
		vu_device_queue_leave(queue);
		CHECK(vu_exec_app_poll(f.app) != UINT64_MAX);
	}
	CHECK_EQ(snap->size, RING_ENTRIES);
	vu_device_queue_leave_shared(queue);
	CHECK_EQ(vu_exec_app_poll(f.app), UINT64_MAX);
	CHECK_EQ(f.nb_done, 1);
	app_close(&f);
}

static bool
shared_finds_ring(struct vu_device_queue *queue)
{
	bool is_found = vu_device_queue_enter_shared(queue) != NULL;

	vu_device_queue_leave_shared(queue);
	return is_found;
}

static bool
owner_finds_ring(struct vu_device_queue *queue)
{
	bool is_found = vu_device_queue_enter(queue) != NULL;

	vu_device_queue_leave(queue);
	return is_found;
}

/* A front-end decides how long a burst takes: who changes hands does not wait for it. */
VU_TEST(exec_app, sharing_a_queue_waits_for_no_burst)
{
	struct vu_device_queue *queue;
	struct app_fixture f;

	app_open(&f);
	app_connect(&f);
	queue = vu_device_queue(f.dev, 0);
	CHECK(vu_device_queue_enter(queue) != NULL);
	vu_exec_app_share(queue);
	CHECK(!shared_finds_ring(queue));
	vu_device_queue_leave(queue);
	CHECK(!owner_finds_ring(queue));
	CHECK(vu_device_queue_enter_shared(queue) != NULL);
	vu_exec_app_unshare(queue);
	CHECK(!owner_finds_ring(queue));
	/* Taken back before the burst is over: the owner gets nothing. */
	vu_exec_app_share(queue);
	vu_device_queue_leave_shared(queue);
	CHECK(!owner_finds_ring(queue));
	CHECK(vu_device_queue_enter_shared(queue) != NULL);
	vu_exec_app_unshare(queue);
	vu_device_queue_leave_shared(queue);
	CHECK(owner_finds_ring(queue));
	CHECK(!shared_finds_ring(queue));
	/* With nobody in it, at once. */
	vu_exec_app_share(queue);
	vu_exec_app_unshare(queue);
	CHECK(owner_finds_ring(queue));
	app_close(&f);
}

VU_TEST(exec_app, changes_are_reported_to_the_creator)
{
	struct app_fixture f;

	app_open(&f);
	CHECK_EQ(f.nb_changed, 0);
	app_connect(&f);
	/* The connection, and the first commit. */
	CHECK_EQ(f.nb_changed, 2);
	vu_device_ring_stop(f.dev, 0);
	CHECK_EQ(vu_device_commit(f.dev, app_done, &f), -EINPROGRESS);
	CHECK_EQ(f.nb_changed, 2);
	vu_exec_app_poll(f.app);
	CHECK_EQ(f.nb_changed, 3);
	vu_device_disconnect(f.dev, app_done, &f);
	vu_exec_app_poll(f.app);
	CHECK_EQ(f.nb_changed, 4);
	app_close(&f);
}

VU_TEST(exec_app, a_fault_is_reported_at_the_end_of_the_burst)
{
	const struct vu_vring_snapshot *snap;
	struct vu_device_queue *queue;
	struct app_fixture f;

	app_open(&f);
	app_connect(&f);
	queue = vu_device_queue(f.dev, 1);
	for (unsigned int i = 0; i < 2; i++) {
		snap = vu_device_queue_enter(queue);
		queue->vring.pos.fault = VU_VRING_BAD_HEAD;
		vu_device_queue_end_burst(queue, snap);
		vu_device_queue_leave(queue);
	}
	CHECK_EQ(f.nb_ring_faults, 1);
	app_close(&f);
}

VU_TEST(exec_app, a_queue_has_no_lcore)
{
	struct vu_device_queue_stats stats;
	struct app_fixture f;

	app_open(&f);
	vu_device_queue_stats_get(f.dev, 0, &stats);
	CHECK_EQ(stats.lcore_id, -1);
	CHECK_EQ(vu_device_queue_move(f.dev, 0, 1), -ENOTSUP);
	CHECK(!vu_device_queue_is_moving(f.dev, 0));
	app_close(&f);
}

/* One of both, never none. */
VU_TEST(exec_app, a_device_needs_somebody_who_polls)
{
	const struct vu_device_conf conf = {
		.name = "app0", .nb_queues = NB_QUEUES, .max_queue_size = 1024, .numa_node = -1,
	};

	CHECK(vu_device_create(FAKE_DRIVER_NAME, &conf) == NULL);
}
