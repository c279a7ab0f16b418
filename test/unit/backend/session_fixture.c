/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A session, a data lcore and its gate; see session_fixture.h.
 */
#include "session_fixture.h"

#include <poll.h>

static void
create(struct session_port *fix, struct session_rig *rig, const char *driver,
	const struct vu_device_conf *conf)
{
	rig->gate = fake_tasks_create(1);
	vu_sched_task_add(rig->sched, &rig->gate->task, 0);
	session_port_init(fix, rig, driver, conf);
	session_rig_start(rig);
	session_port_connect(fix);
}

static struct session_rig *
create_rig(void)
{
	struct session_rig *rig = malloc(sizeof(*rig));

	CHECK(rig != NULL);
	session_rig_init(rig);
	return rig;
}

void
fixture_create_probe(struct session_port *fix)
{
	struct session_rig *rig = create_rig();
	struct vu_device_conf conf = session_device_conf(rig, NULL);

	conf.has_inband = true;
	create(fix, rig, "probe", &conf);
}

void
fixture_create(struct session_port *fix, const char *driver_args)
{
	struct session_rig *rig = create_rig();
	const struct vu_device_conf conf = session_device_conf(rig, driver_args);

	create(fix, rig, "net", &conf);
}

void
fixture_create_with_mem(struct session_port *fix, const char *driver_args, int numa_node,
	uint64_t max_mem_bytes)
{
	struct session_rig *rig = create_rig();
	struct vu_device_conf conf = session_device_conf(rig, driver_args);

	conf.numa_node = numa_node;
	conf.mem_policy.max_bytes = max_mem_bytes;
	create(fix, rig, "net", &conf);
}

void
fixture_destroy(struct session_port *fix)
{
	session_port_fini(fix);
	session_rig_fini(fix->rig);
	free(fix->rig->gate);
	free(fix->rig);
}

void
lcore_gate_close(struct session_port *fix)
{
	struct fake_task *gate = fix->rig->gate;

	vu_store_release(&gate->is_gated, 1);
	vu_store(&gate->word, gate->word + 1);
	wait_until_inside(gate);
}

void
lcore_gate_open(struct session_port *fix)
{
	vu_store_release(&fix->rig->gate->is_gated, 0);
}

void
lcore_gate_pass(struct session_port *fix)
{
	lcore_gate_close(fix);
	lcore_gate_open(fix);
}

int
fixture_negotiate(struct session_port *fix)
{
	return session_port_negotiate(fix, FEATURE_BITS, PROTOCOL_BITS);
}

void
fixture_start(struct session_port *fix)
{
	CHECK_EQ(fixture_negotiate(fix), 0);
	CHECK_EQ(session_port_set_mem(fix), 0);
	for (uint32_t q = 0; q < 2; q++)
		CHECK_EQ(session_port_start_ring(fix, q), 0);
	CHECK_EQ(vu_device_state(fix->dev), VU_DEVICE_RUNNING);
}

bool
fixture_is_live(const struct session_port *fix, uint32_t q)
{
	return rig_port_stats(&fix->base, q).is_running;
}

void
event_wait(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	CHECK_EQ(poll(&poller, 1, EXPECT_WAIT_MS), 1);
	CHECK(rig_events(fd) != 0);
}
