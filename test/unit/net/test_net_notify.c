/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Notifications of a port that may be put off: whatever the queue's task does meanwhile, the guest
 * hears of its buffers in the end.
 */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>

#include "net_fixture.h"

#define LONG_US 100000000
#define FRAME_BYTES 80

struct notify_fixture {
	struct vu_sched *sched;
	struct net_port port;
};

/* A loopback: its receive queue is filled by the task of the other one. */
static void
notify_open(struct notify_fixture *f, uint32_t max_us, uint64_t features)
{
	f->sched = net_sched_create();
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
	port_close(&f->port);
	vu_sched_destroy(f->sched);
}

static void
send_frames(struct notify_fixture *f, unsigned int nb)
{
	uint8_t frame[FRAME_BYTES];

	frame_make(frame, sizeof(frame), 1);
	port_offer(&f->port, 0, nb, 256);
	for (unsigned int i = 0; i < nb; i++)
		RTE_VERIFY(port_send(&f->port, 0, frame, sizeof(frame)) >= 0);
}

/* One frame there and back: both rings have something to tell. */
static void
warm_up(struct notify_fixture *f)
{
	send_frames(f, 1);
	net_turn(f->sched);
}

static uint64_t
nb_calls(struct notify_fixture *f, uint32_t queue_idx)
{
	return port_events(f->port.rings[queue_idx].call_fd);
}

static const uint64_t layouts[] = { 0, F_EVENT_IDX, F_PACKED, F_PACKED | F_EVENT_IDX };

VU_TEST(net_notify, idle_queues_tell_after_the_time)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		struct notify_fixture f;

		notify_open(&f, 50, layouts[i]);
		send_frames(&f, 3);
		for (uint32_t q = 0; q < 2; q++)
			while (nb_calls(&f, q) == 0)
				net_turn(f.sched);
		CHECK(port_stats(&f.port, 0).vring.nb_notifications_delayed != 0);
		CHECK(port_stats(&f.port, 1).vring.nb_notifications_delayed != 0);
		/* With that they are idle again. */
		CHECK_EQ(port_stats(&f.port, 1).vring.nb_notifications, 1);
		notify_close(&f);
	}
	return TEST_SUCCESS;
}

VU_TEST(net_notify, queues_that_stop_tell_first)
{
	struct notify_fixture f;

	notify_open(&f, LONG_US, 0);
	warm_up(&f);
	send_frames(&f, 3);
	net_turn(f.sched);
	for (uint32_t q = 0; q < 2; q++) {
		CHECK_EQ(nb_calls(&f, q), 0);
		vu_device_ring_stop(f.port.dev, q);
		port_commit(&f.port);
		CHECK_EQ(nb_calls(&f, q), 1);
	}
	notify_close(&f);
	return TEST_SUCCESS;
}

VU_TEST(net_notify, a_new_call_descriptor_hears_of_it)
{
	struct notify_fixture f;
	int fd = vu_fd_eventfd();

	notify_open(&f, LONG_US, 0);
	warm_up(&f);
	vu_device_ring_set_call(f.port.dev, 1, dup(fd));
	port_commit(&f.port);
	CHECK_EQ(port_events(fd), 1);
	vu_device_ring_stop(f.port.dev, 1);
	port_commit(&f.port);
	CHECK_EQ(port_events(fd), 1);
	vu_fd_close(&fd);
	notify_close(&f);
	return TEST_SUCCESS;
}

VU_TEST(net_notify, queues_that_are_given_up_tell_first)
{
	struct notify_fixture f;
	struct fake_ring *ring;

	notify_open(&f, LONG_US, 0);
	warm_up(&f);
	CHECK_EQ(nb_calls(&f, 1), 0);
	ring = f.port.rings[1].ring;
	vu_store(&ring->avail->idx, (uint16_t)(ring->avail_idx + RING_SIZE + 1));
	net_turn(f.sched);
	CHECK_EQ(port_stats(&f.port, 1).fault, VU_VRING_BAD_AVAIL_IDX);
	CHECK_EQ(nb_calls(&f, 1), 1);
	notify_close(&f);
	return TEST_SUCCESS;
}

/* What waits to be told is not worth another hang. */
VU_TEST(net_notify, a_call_that_blocked_is_not_written_again)
{
	struct vu_device_queue *queue;
	struct notify_fixture f;

	notify_open(&f, LONG_US, 0);
	warm_up(&f);
	queue = vu_device_queue(f.port.dev, 1);
	CHECK(queue->vring.pos.is_delayed);
	queue->vring.pos.fault = VU_VRING_BAD_CALL;
	vu_queue_fail(queue, vu_vring_live(&queue->vring));
	CHECK_EQ(f.port.nb_ring_faults, 1);
	CHECK_EQ(nb_calls(&f, 1), 0);
	notify_close(&f);
	return TEST_SUCCESS;
}

VU_TEST(net_notify, queues_that_move_tell_at_their_new_place)
{
	struct notify_fixture f;

	notify_open(&f, 20000, 0);
	warm_up(&f);
	for (uint32_t q = 0; q < 2; q++) {
		unsigned int lcore_id = port_stats(&f.port, q).lcore_id == 4 ? 7 : 4;

		RTE_VERIFY(vu_device_queue_move(f.port.dev, q, lcore_id) == 0);
	}
	for (uint32_t q = 0; q < 2; q++) {
		while (nb_calls(&f, q) == 0) {
			net_turn(f.sched);
			vu_sched_poll(f.sched);
		}
	}
	notify_close(&f);
	return TEST_SUCCESS;
}

/* ---- another lcore writes them ---- */

#define OWNER 0  /* worker on lcore 4 */
#define TELLER 1 /* worker on lcore 7 */

static void
teller_open(struct notify_fixture *f, uint64_t features)
{
	static const unsigned int lcores[] = { 4, 4 };

	f->sched = net_sched_create();
	port_notify = (struct vu_notify_conf){ .has_lcore = true, .lcore_id = 7 };
	port_open_on(&f->port, f->sched, "forward=loopback", 1, lcores);
	port_notify = (struct vu_notify_conf){ 0 };
	if ((features & F_PACKED) != 0)
		port_make_packed(&f->port);
	port_start(&f->port, F_MERGEABLE | features);
}

static void
turns(struct notify_fixture *f, unsigned int worker_idx)
{
	for (unsigned int i = 0; i < 4; i++)
		RTE_VERIFY(vu_sched_turn(f->sched, worker_idx) >= 0);
}

VU_TEST(net_notify, the_other_lcore_writes_once_for_all)
{
	for (unsigned int i = 0; i < RTE_DIM(layouts); i++) {
		struct notify_fixture f;

		teller_open(&f, layouts[i]);
		turns(&f, TELLER);
		send_frames(&f, 3);
		turns(&f, OWNER);
		CHECK_EQ(nb_calls(&f, 0) + nb_calls(&f, 1), 0);
		turns(&f, TELLER);
		for (uint32_t q = 0; q < 2; q++) {
			CHECK_EQ(nb_calls(&f, q), 1);
			CHECK_EQ(port_stats(&f.port, q).vring.nb_notifications, 1);
			CHECK(port_stats(&f.port, q).vring.nb_notifications_offloaded != 0);
		}
		turns(&f, TELLER);
		CHECK_EQ(nb_calls(&f, 1), 0);
		notify_close(&f);
	}
	return TEST_SUCCESS;
}

VU_TEST(net_notify, the_other_lcore_writes_for_the_next_front_end_too)
{
	struct notify_fixture f;

	teller_open(&f, 0);
	for (unsigned int i = 0; i < 3; i++) {
		turns(&f, TELLER);
		send_frames(&f, 3);
		turns(&f, OWNER);
		CHECK_EQ(nb_calls(&f, 0) + nb_calls(&f, 1), 0);
		turns(&f, TELLER);
		CHECK(nb_calls(&f, 0) == 1 && nb_calls(&f, 1) == 1);
		port_stop(&f.port);
		port_start(&f.port, F_MERGEABLE);
	}
	notify_close(&f);
	return TEST_SUCCESS;
}

VU_TEST(net_notify, what_the_other_lcore_has_not_written_is_told_at_the_stop)
{
	struct notify_fixture f;

	teller_open(&f, 0);
	turns(&f, TELLER);
	send_frames(&f, 3);
	turns(&f, OWNER);
	vu_device_ring_stop(f.port.dev, 1);
	port_commit(&f.port);
	CHECK_EQ(nb_calls(&f, 1), 1);
	notify_close(&f);
	return TEST_SUCCESS;
}

VU_TEST(net_notify, a_call_that_blocks_the_other_lcore_ends_the_ring)
{
	struct notify_fixture f;

	teller_open(&f, 0);
	turns(&f, TELLER);
	vu_store(&vu_device_queue(f.port.dev, 1)->teller.pos.fault, (uint8_t)VU_VRING_BAD_CALL);
	send_frames(&f, 1);
	turns(&f, OWNER);
	CHECK_EQ(port_stats(&f.port, 1).fault, VU_VRING_BAD_CALL);
	CHECK_EQ(f.port.nb_ring_faults, 1);
	notify_close(&f);
	return TEST_SUCCESS;
}

static void
ignore_signal(int number)
{
	(void)number;
}

/* Turn the other lcore while writing to the call descriptor takes until a signal comes. */
static void
turns_that_block(struct notify_fixture *f, int call_fd)
{
	const struct itimerval interval = { { 0, 1000 }, { 0, 1000 } };
	const struct itimerval off = { { 0, 0 }, { 0, 0 } };
	const struct sigaction action = { .sa_handler = ignore_signal };
	struct sigaction before;

	RTE_VERIFY(fcntl(call_fd, F_SETFL, 0) == 0);
	RTE_VERIFY(eventfd_write(call_fd, UINT64_MAX - 1) == 0);
	RTE_VERIFY(sigaction(SIGALRM, &action, &before) == 0);
	RTE_VERIFY(setitimer(ITIMER_REAL, &interval, NULL) == 0);
	turns(f, TELLER);
	RTE_VERIFY(setitimer(ITIMER_REAL, &off, NULL) == 0);
	RTE_VERIFY(sigaction(SIGALRM, &before, NULL) == 0);
	RTE_VERIFY(fcntl(call_fd, F_SETFL, O_NONBLOCK) == 0);
}

/* Its guest has nothing new: without being told, the owner would not look at the ring again. */
VU_TEST(net_notify, an_idle_ring_ends_too_if_its_call_blocks_the_other_lcore)
{
	struct notify_fixture f;

	teller_open(&f, 0);
	turns(&f, TELLER);
	send_frames(&f, 1);
	turns(&f, OWNER);
	turns_that_block(&f, f.port.rings[1].call_fd);
	CHECK_EQ(f.port.nb_ring_faults, 1);
	/* Not once more, whatever the owner asks for meanwhile. */
	CHECK(nb_calls(&f, 1) != 0);
	vu_device_queue(f.port.dev, 1)->teller.requests++;
	turns(&f, TELLER);
	CHECK_EQ(nb_calls(&f, 1), 0);
	turns(&f, OWNER);
	CHECK_EQ(port_stats(&f.port, 1).fault, VU_VRING_OK);
	CHECK(!vu_device_tell_faults(f.port.dev));
	turns(&f, OWNER);
	CHECK_EQ(port_stats(&f.port, 1).fault, VU_VRING_BAD_CALL);
	CHECK_EQ(port_stats(&f.port, 0).fault, VU_VRING_OK);
	/* Once for the owner to be told, once by the owner. */
	CHECK_EQ(f.port.nb_ring_faults, 2);
	CHECK(vu_device_tell_faults(f.port.dev));
	turns(&f, OWNER);
	CHECK_EQ(f.port.nb_ring_faults, 2);
	/* The next front-end may have a better one. */
	port_stop(&f.port);
	port_start(&f.port, F_MERGEABLE);
	turns(&f, TELLER);
	send_frames(&f, 1);
	turns(&f, OWNER);
	turns(&f, TELLER);
	turns(&f, OWNER);
	CHECK_EQ(port_stats(&f.port, 1).fault, VU_VRING_OK);
	CHECK_EQ(nb_calls(&f, 1), 1);
	notify_close(&f);
	return TEST_SUCCESS;
}

VU_TEST(net_notify, only_data_lcores_can_write)
{
	struct notify_fixture f = { .sched = net_sched_create() };
	const struct vu_assign_conf assign = { .numa_node = -1 };
	char why[100] = "";
	const struct vu_device_conf conf = {
		.name = "port", .nb_queues = 2, .max_queue_size = 64, .numa_node = -1,
		.sched = f.sched, .assign = &assign, .driver_args = "forward=null",
		.notify = { .has_lcore = true, .lcore_id = 5 },
		.why = why, .why_bytes = sizeof(why),
	};

	CHECK(vu_device_create("net", &conf) == NULL);
	CHECK(strcmp(why, "notify-lcore=5: not a data lcore; data lcores: 4,7") == 0);
	vu_sched_destroy(f.sched);
	return TEST_SUCCESS;
}

static void *
owner_loop(void *arg)
{
	RTE_VERIFY(vu_sched_loop(arg, OWNER) == 0);
	return NULL;
}

static void *
teller_loop(void *arg)
{
	RTE_VERIFY(vu_sched_loop(arg, TELLER) == 0);
	return NULL;
}

/* A guest that sleeps until it is told, again and again: a lost notification hangs it. */
VU_TEST(net_notify, guests_that_sleep_are_always_told)
{
	struct notify_fixture f;
	pthread_t threads[2];

	teller_open(&f, F_EVENT_IDX);
	RTE_VERIFY(pthread_create(&threads[OWNER], NULL, owner_loop, f.sched) == 0);
	RTE_VERIFY(pthread_create(&threads[TELLER], NULL, teller_loop, f.sched) == 0);
	for (unsigned int i = 0; i < 500; i++) {
		struct pollfd call = { f.port.rings[1].call_fd, POLLIN, 0 };

		fake_ring_set_used_event(f.port.rings[1].ring, (uint16_t)i);
		send_frames(&f, 1);
		CHECK_EQ(poll(&call, 1, 20000), 1);
		CHECK(nb_calls(&f, 1) != 0);
		while (port_collect(&f.port, 1) == 0)
			sched_yield();
		while (port_collect(&f.port, 0) == 0)
			sched_yield();
	}
	vu_sched_stop(f.sched);
	pthread_join(threads[OWNER], NULL);
	pthread_join(threads[TELLER], NULL);
	notify_close(&f);
	return TEST_SUCCESS;
}
