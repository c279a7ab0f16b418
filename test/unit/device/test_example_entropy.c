/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The worked example of doc/guide/write-device-driver.md, driven as a session would drive it.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"
#include "vu_fd.h"

#define BYTES 1000

/* Running, but not enabled. */
static void
entropy_open(struct rig_port *port)
{
	struct vu_device_conf conf = rig_device_conf(rig_sched_create(1), "rng0", 4);
	struct vu_vring_conf ring_conf;

	conf.max_queue_size = RIG_RING_SIZE;
	rig_port_open(port, "entropy", &conf);
	CHECK_EQ(vu_device_nb_queues(port->dev), 1);
	CHECK_EQ(vu_device_protocol_features(port->dev), 0);
	ring_conf = fake_ring_conf(port->rings[0].ring);
	rig_port_connect(port);
	rig_port_negotiate(port, vu_device_features(port->dev));
	/* A front-end that knows nothing of a position sends none. */
	CHECK_EQ(vu_device_ring_set_size(port->dev, 0, RIG_RING_SIZE), 0);
	CHECK_EQ(vu_device_ring_set_addr(port->dev, 0, &ring_conf), 0);
	vu_device_ring_set_call(port->dev, 0, dup(port->rings[0].call_fd));
	vu_device_ring_start(port->dev, 0, VU_FD_NONE);
	rig_port_commit(port);
}

static unsigned int
nb_zeroes(const struct rig_port *port, uint64_t gpa, uint32_t len_bytes)
{
	uint8_t bytes[BYTES];
	unsigned int nb = 0;

	fake_guest_read(&port->guest, gpa, bytes, len_bytes);
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
	struct rig_port port;
	eventfd_t count;

	entropy_open(&port);
	for (unsigned int i = 0; i < RTE_DIM(bufs); i++)
		CHECK(fake_ring_put(port.rings[0].ring, &bufs[i], 1) >= 0);
	/* Not enabled yet: nothing happens. */
	CHECK(vu_sched_turn(port.sched, 0) >= 0);
	CHECK_EQ(fake_ring_nb_used(port.rings[0].ring), 0);
	vu_device_ring_enable(port.dev, 0, true);
	CHECK_EQ(vu_device_commit(port.dev, rig_port_done, &port), -EINPROGRESS);
	CHECK(vu_sched_turn(port.sched, 0) >= 0);
	rig_settle(port.sched);
	CHECK_EQ(fake_ring_collect(port.rings[0].ring, used, RTE_DIM(used)), RTE_DIM(bufs));
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(used[i].len_bytes, bufs[i].len_bytes);
		CHECK(nb_zeroes(&port, bufs[i].gpa, bufs[i].len_bytes) < bufs[i].len_bytes / 8 + 3);
	}
	CHECK_EQ(used[3].len_bytes, 0);
	CHECK_EQ(nb_zeroes(&port, bufs[3].gpa, 13), 13);
	CHECK_EQ(eventfd_read(port.rings[0].call_fd, &count), 0);
	rig_port_close(&port);
	vu_sched_destroy(port.sched);
}
