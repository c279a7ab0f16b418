/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A driver whose requests are in flight when its ring stops or its memory is replaced: the ring and
 * the memory that they use stay until it says that they are complete.
 */
#include "test.h"

#include "device_fixture.h"
#include "vu_device_driver.h"
#include "vu_mem_translate.h"

/* Requests of ring i are in flight from now on. */
static struct fake_queue *
begin_requests(struct rig_port *f, uint32_t i)
{
	struct fake_queue *fake = fake_driver_queue(f->dev, i);

	fake->has_requests = true;
	return fake;
}

static void
end_requests(struct rig_port *f, uint32_t i)
{
	fake_driver_queue(f->dev, i)->has_requests = false;
	vu_device_queue_drained(vu_device_queue(f->dev, i));
}

static bool
memory_is_there(const struct vu_mem_table *mem)
{
	uint64_t len_bytes = 1;
	uint16_t hint = 0;
	const volatile uint8_t *hva = vu_mem_gpa_to_hva(mem, FAKE_MID_GPA, &len_bytes, &hint);

	return hva != NULL && *hva == *hva;
}

VU_TEST(device_drain, a_stop_waits_for_requests_in_flight)
{
	struct rig_port f;
	struct fake_queue *fake;

	fixture_open(&f);
	fixture_run(&f);
	fake = begin_requests(&f, 0);
	f.nb_done = 0;
	vu_device_ring_stop(f.dev, 0);
	CHECK_EQ(vu_device_commit(f.dev, rig_port_done, &f), -EINPROGRESS);
	rig_settle(f.sched);
	CHECK_EQ(f.nb_done, 0);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_DRAINING);
	/* Still mapped, and not given up to the front-end. */
	CHECK(fake->draining != NULL);
	CHECK(memory_is_there(fake->draining->mem));
	CHECK_EQ(fake->nb_stops, 0);
	end_requests(&f, 0);
	CHECK_EQ(f.nb_done, 1);
	CHECK_EQ(fake->nb_stops, 1);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_drain, replaced_memory_stays_until_then)
{
	const struct vu_mem_table *former;
	struct rig_port f;
	struct fake_queue *fake;

	fixture_open(&f);
	fixture_run(&f);
	former = vu_device_mem(f.dev);
	fake = begin_requests(&f, 1);
	f.nb_done = 0;
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	CHECK_EQ(vu_device_commit(f.dev, rig_port_done, &f), -EINPROGRESS);
	rig_settle(f.sched);
	CHECK_EQ(f.nb_done, 0);
	CHECK(fake->draining != NULL && fake->draining->mem == former);
	CHECK(memory_is_there(former));
	end_requests(&f, 1);
	CHECK_EQ(f.nb_done, 1);
	/* The ring has gone on all the time. */
	CHECK_EQ(fake->nb_stops, 0);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_RUNNING);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_drain, the_end_of_a_session_waits_for_all_rings)
{
	struct rig_port f;

	fixture_open(&f);
	fixture_run(&f);
	begin_requests(&f, 0);
	begin_requests(&f, 1);
	vu_device_disconnect(f.dev, rig_port_disconnected, &f);
	rig_settle(f.sched);
	CHECK_EQ(f.nb_disconnected, 0);
	end_requests(&f, 1);
	CHECK_EQ(f.nb_disconnected, 0);
	end_requests(&f, 0);
	CHECK_EQ(f.nb_disconnected, 1);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_IDLE);
	fixture_close(&f);
}
