/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The worked example of doc/guide/write-device-driver.md, driven as a session would drive it.
 */
#include "vu_device.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake_guest.h"
#include "vu_fd.h"
#include "vu_sched.h"

#include "test.h"

#define RING_SIZE 16
#define BYTES 1000

struct entropy_fixture {
	struct vu_sched *sched;
	struct vu_device *dev;
	struct fake_guest guest;
	struct fake_ring *ring;
	int call_fd;
	unsigned int nb_done;
};

static void
fixture_done(void *arg)
{
	((struct entropy_fixture *)arg)->nb_done++;
}

static void
fixture_settle(const struct entropy_fixture *f)
{
	WAIT_UNTIL(vu_sched_poll(f->sched) == UINT64_MAX);
}

static int
fixture_open(struct entropy_fixture *f)
{
	static const unsigned int lcore_id = 5;
	static const struct fake_ring_place place = { FAKE_MID, 0 };
	const struct vu_assign_conf assign = { .numa_node = -1 };
	const struct vu_device_events events = { .arg = f };
	struct vu_vring_conf ring_conf;
	struct vu_device_conf conf = {
		.name = "rng0", .nb_queues = 4, .max_queue_size = 64, .numa_node = -1,
		.assign = &assign,
	};

	*f = (struct entropy_fixture){ .call_fd = vu_fd_eventfd() };
	f->sched = vu_sched_create(&lcore_id, 1);
	conf.sched = f->sched;
	f->dev = vu_device_create("entropy", &conf);
	CHECK(f->dev != NULL);
	CHECK_EQ(vu_device_nb_queues(f->dev), 1);
	CHECK_EQ(vu_device_protocol_features(f->dev), 0);
	fake_guest_init(&f->guest);
	f->ring = fake_ring_create(&f->guest, RING_SIZE, &place);
	ring_conf = fake_ring_conf(f->ring);
	vu_device_connect(f->dev, &events);
	CHECK_EQ(vu_device_set_features(f->dev, vu_device_features(f->dev)), 0);
	vu_device_set_mem(f->dev, fake_guest_mem(&f->guest));
	CHECK_EQ(vu_device_ring_set_size(f->dev, 0, RING_SIZE), 0);
	CHECK_EQ(vu_device_ring_set_addr(f->dev, 0, &ring_conf), 0);
	vu_device_ring_set_call(f->dev, 0, dup(f->call_fd));
	vu_device_ring_start(f->dev, 0, VU_FD_NONE);
	vu_device_commit(f->dev, fixture_done, f);
	fixture_settle(f);
	return 0;
}

static void
fixture_close(struct entropy_fixture *f)
{
	vu_device_disconnect(f->dev, fixture_done, f);
	fixture_settle(f);
	vu_device_destroy(f->dev);
	vu_sched_destroy(f->sched);
	fake_ring_destroy(f->ring);
	fake_guest_fini(&f->guest);
	vu_fd_close(&f->call_fd);
}

static unsigned int
nb_zeroes(const struct entropy_fixture *f, uint64_t gpa, uint32_t len_bytes)
{
	uint8_t bytes[BYTES];
	unsigned int nb = 0;

	fake_guest_read(&f->guest, gpa, bytes, len_bytes);
	for (uint32_t i = 0; i < len_bytes; i++)
		nb += bytes[i] == 0;
	return nb;
}

VU_TEST(example_entropy, fills_buffers)
{
	/* The second lies across the border of two regions, the last is not to be filled. */
	const struct fake_buf bufs[] = {
		{ FAKE_HIGH_GPA, BYTES, true },
		{ FAKE_LOW_GPA + FAKE_LOW_BYTES - 500, BYTES, true },
		{ FAKE_HIGH_GPA + 0x2000, 13, true },
		{ FAKE_HIGH_GPA + 0x3000, 13, false },
	};
	struct vu_split_used_elem used[RTE_DIM(bufs)];
	struct entropy_fixture f;
	eventfd_t count;

	CHECK_EQ(fixture_open(&f), 0);
	for (unsigned int i = 0; i < RTE_DIM(bufs); i++)
		CHECK(fake_ring_put(f.ring, &bufs[i], 1) >= 0);
	/* Not enabled yet: nothing happens. */
	CHECK(vu_sched_turn(f.sched, 0) >= 0);
	CHECK_EQ(fake_ring_nb_used(f.ring), 0);
	vu_device_ring_enable(f.dev, 0, true);
	vu_device_commit(f.dev, fixture_done, &f);
	CHECK(vu_sched_turn(f.sched, 0) >= 0);
	fixture_settle(&f);
	CHECK_EQ(fake_ring_collect(f.ring, used, RTE_DIM(used)), RTE_DIM(bufs));
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(used[i].len_bytes, bufs[i].len_bytes);
		CHECK(nb_zeroes(&f, bufs[i].gpa, bufs[i].len_bytes) < bufs[i].len_bytes / 8 + 3);
	}
	CHECK_EQ(used[3].len_bytes, 0);
	CHECK_EQ(nb_zeroes(&f, bufs[3].gpa, 13), 13);
	CHECK_EQ(eventfd_read(f.call_fd, &count), 0);
	fixture_close(&f);
	return 0;
}
