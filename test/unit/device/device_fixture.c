/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device of the driver "fake" for a case; see device_fixture.h.
 */
#include "device_fixture.h"

#include <fcntl.h>

#include "expect.h"

struct vu_device_conf
fixture_conf(struct rig_port *f, const struct vu_assign_conf *assign)
{
	struct vu_device_conf conf = rig_device_conf(f->sched, "test0", NB_RINGS);

	conf.assign = assign;
	return conf;
}

void
fixture_open(struct rig_port *f)
{
	const struct vu_device_conf conf = rig_device_conf(rig_sched_create(2), "test0", NB_RINGS);

	rig_port_open(f, FAKE_DRIVER_NAME, &conf);
}

void
fixture_close(struct rig_port *f)
{
	rig_port_close(f);
	vu_sched_destroy(f->sched);
}

void
fixture_run(struct rig_port *f)
{
	rig_port_connect(f);
	rig_port_negotiate(f, FAKE_F_VERSION_1 | FAKE_F_INDIRECT);
	rig_port_start_rings(f);
	CHECK_EQ(vu_device_state(f->dev), VU_DEVICE_RUNNING);
}

void
fixture_put(struct rig_port *f, uint32_t i, unsigned int nb, uint8_t value)
{
	const struct fake_buf buf = { FAKE_HIGH_GPA + value * 16, 1, false };

	*(uint8_t *)fake_guest_ptr(&f->guest, buf.gpa) = value;
	while (nb-- != 0)
		CHECK(fake_ring_put(f->rings[i].ring, &buf, 1) >= 0);
}

unsigned int
fixture_collect(struct rig_port *f, uint32_t i)
{
	struct vu_split_used_elem elems[RING_SIZE];

	return fake_ring_collect(f->rings[i].ring, elems, RING_SIZE);
}

void
fixture_gate_close(struct rig_port *f, uint32_t i)
{
	struct fake_queue *fake = fake_driver_queue(f->dev, i);

	vu_store_release(&fake->is_gated, 1);
	fixture_put(f, i, 1, 1);
	WAIT_UNTIL(vu_load_acquire(&fake->is_inside) != 0);
}

void
fixture_gate_open(struct rig_port *f, uint32_t i)
{
	vu_store_release(&fake_driver_queue(f->dev, i)->is_gated, 0);
}

void
fixture_wait_used(const struct rig_port *f, uint32_t i, uint16_t nb)
{
	WAIT_UNTIL(fake_ring_nb_used(f->rings[i].ring) >= nb);
}

bool
fixture_fd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}
