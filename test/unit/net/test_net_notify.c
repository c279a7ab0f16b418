/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Notifications of a port that may be put off: whatever the queue's task does meanwhile, the guest
 * is notified of its buffers in the end.
 */
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "net_fixture.h"

#define LONG_US 100000000
#define FRAME_BYTES 80

struct notify_fixture {
	struct vu_sched *sched;
	struct rig_port port;
};

/* A loopback: its receive queue is filled by the task of the other one. */
static void
notify_open(struct notify_fixture *f, uint32_t max_us, uint64_t features)
{
	f->sched = rig_sched_create(2);
	port_notify = (struct vu_notify_conf){ 1000, max_us };
	port_open(&f->port, f->sched, "forward=loopback");
	port_notify = (struct vu_notify_conf){ 0 };
	if ((features & F_PACKED) != 0)
		port_make_packed(&f->port);
	port_start(&f->port, F_MERGEABLE | features);
}

static void
notify_close(struct notify_fixture *f)
{
	rig_port_close(&f->port);
	vu_sched_destroy(f->sched);
}

static void
send_frames(struct notify_fixture *f, unsigned int nb)
{
	uint8_t frame[FRAME_BYTES];

	frame_make(frame, sizeof(frame), 1);
	port_offer(&f->port, 0, nb, 256);
	for (unsigned int i = 0; i < nb; i++)
		CHECK(port_send(&f->port, 0, frame, sizeof(frame)) >= 0);
}

/* One frame there and back: both rings have something to report. */
static void
warm_up(struct notify_fixture *f)
{
	send_frames(f, 1);
	net_turn(f->sched);
}

static uint64_t
nb_calls(struct notify_fixture *f, uint32_t queue_idx)
{
	return rig_events(f->port.rings[queue_idx].call_fd);
}

static const uint64_t layouts[] = { 0, F_EVENT_IDX, F_PACKED, F_PACKED | F_EVENT_IDX };

VU_TEST(net_notify, idle_queues_notify_after_the_time)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		struct notify_fixture f;

		notify_open(&f, 50, layouts[i]);
		send_frames(&f, 3);
		for (uint32_t q = 0; q < 2; q++)
			WAIT_WHILE(nb_calls(&f, q) == 0)
				net_turn(f.sched);
		CHECK(rig_port_stats(&f.port, 0).vring.nb_notifications_delayed != 0);
		CHECK(rig_port_stats(&f.port, 1).vring.nb_notifications_delayed != 0);
		/* With that they are idle again. */
		CHECK_EQ(rig_port_stats(&f.port, 1).vring.nb_notifications, 1);
		notify_close(&f);
	}
}

VU_TEST(net_notify, queues_that_stop_notify_first)
{
	struct notify_fixture f;

	notify_open(&f, LONG_US, 0);
	warm_up(&f);
	send_frames(&f, 3);
	net_turn(f.sched);
	for (uint32_t q = 0; q < 2; q++) {
		CHECK_EQ(nb_calls(&f, q), 0);
		vu_device_ring_stop(f.port.dev, q);
		rig_port_commit(&f.port);
		CHECK_EQ(nb_calls(&f, q), 1);
	}
	notify_close(&f);
}

VU_TEST(net_notify, a_new_call_fd_is_written)
{
	struct notify_fixture f;
	int fd = vu_fd_eventfd();

	notify_open(&f, LONG_US, 0);
	warm_up(&f);
	vu_device_ring_set_call(f.port.dev, 1, dup(fd));
	rig_port_commit(&f.port);
	CHECK_EQ(rig_events(fd), 1);
	vu_device_ring_stop(f.port.dev, 1);
	rig_port_commit(&f.port);
	CHECK_EQ(rig_events(fd), 1);
	vu_fd_close(&fd);
	notify_close(&f);
}

VU_TEST(net_notify, queues_that_are_given_up_notify_first)
{
	struct notify_fixture f;
	struct fake_ring *ring;

	notify_open(&f, LONG_US, 0);
	warm_up(&f);
	CHECK_EQ(nb_calls(&f, 1), 0);
	ring = f.port.rings[1].ring;
	vu_store(&ring->avail->idx, (uint16_t)(ring->avail_idx + RING_SIZE + 1));
	net_turn(f.sched);
	CHECK_EQ(rig_port_stats(&f.port, 1).fault, VU_VRING_BAD_AVAIL_IDX);
	CHECK_EQ(nb_calls(&f, 1), 1);
	notify_close(&f);
}

/* What waits to be signalled is not worth another stall. */
VU_TEST(net_notify, a_call_that_blocked_is_not_written_again)
{
	struct vu_device_queue *queue;
	struct notify_fixture f;

	notify_open(&f, LONG_US, 0);
	warm_up(&f);
	queue = vu_device_queue(f.port.dev, 1);
	CHECK(queue->vring.pos.is_delayed);
	queue->vring.pos.fault = VU_VRING_BAD_CALL;
	vu_device_queue_fail(queue, vu_vring_snapshot_load(&queue->vring));
	CHECK_EQ(f.port.nb_ring_faults, 1);
	CHECK_EQ(nb_calls(&f, 1), 0);
	notify_close(&f);
}

VU_TEST(net_notify, queues_that_move_notify_at_their_new_place)
{
	struct notify_fixture f;

	notify_open(&f, 20000, 0);
	warm_up(&f);
	for (uint32_t q = 0; q < 2; q++) {
		unsigned int lcore_id = rig_port_stats(&f.port, q).lcore_id == 4 ? 7 : 4;

		CHECK(vu_device_queue_move(f.port.dev, q, lcore_id) == 0);
	}
	for (uint32_t q = 0; q < 2; q++) {
		WAIT_WHILE(nb_calls(&f, q) == 0) {
			net_turn(f.sched);
			vu_sched_poll(f.sched);
		}
	}
	notify_close(&f);
}

static void *
owner_loop(void *arg)
{
	CHECK(vu_sched_loop(arg, 0) == 0);
	return NULL;
}

/* A guest that sleeps until it is notified, again and again: a lost notification stalls it. */
VU_TEST(net_notify, guests_that_sleep_are_always_notified)
{
	struct notify_fixture f;
	pthread_t thread;

	notify_open(&f, 1, F_EVENT_IDX);
	expect_thread_start(&thread, owner_loop, f.sched);
	for (unsigned int i = 0; i < 500; i++) {
		struct pollfd call = { f.port.rings[1].call_fd, POLLIN, 0 };

		fake_ring_set_used_event(f.port.rings[1].ring, (uint16_t)i);
		send_frames(&f, 1);
		CHECK_EQ(poll(&call, 1, 20000), 1);
		CHECK(nb_calls(&f, 1) != 0);
		WAIT_UNTIL(port_collect(&f.port, 1) != 0);
		WAIT_UNTIL(port_collect(&f.port, 0) != 0);
	}
	vu_sched_stop(f.sched);
	expect_thread_join(thread);
	notify_close(&f);
}
