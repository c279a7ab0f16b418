/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Creation and destruction of devices, their states, and what a session may configure when.
 */
#include "test.h"

#include <rte_cycles.h>
#include <rte_errno.h>

#include "device.h"
#include "device_fixture.h"
#include "vu_limits.h"
#include "vu_parse.h"

/* Errno of a creation that must fail; 0 if it did not. */
static int
create_error(struct rig_port *f, const char *driver, const struct vu_device_conf *conf)
{
	struct vu_device *dev = vu_device_create(driver, conf);

	(void)f;
	if (dev == NULL)
		return rte_errno;
	vu_device_destroy(dev);
	return 0;
}

VU_TEST(device, refused_creations)
{
	static const unsigned int counts[] = { 1, 1, 1 };
	static const struct vu_assign_pin pin = { .queue = 0, .lcore_id = 5 };
	const struct vu_assign_conf any = { .numa_node = -1 };
	const struct vu_assign_conf pinned = { .numa_node = -1, .pins = &pin, .nb_pins = 1 };
	const struct vu_assign_conf counted = {
		.numa_node = -1, .queues_per_worker = counts, .nb_queues_per_worker = 3,
	};
	struct rig_port f;
	struct vu_device_conf conf;

	fixture_open(&f);
	conf = fixture_conf(&f, &any);
	CHECK_EQ(create_error(&f, "none", &conf), ENOENT);
	CHECK_EQ(create_error(&f, FAKE_DRIVER_NAME, &conf), 0);
	conf.driver_args = FAKE_ARGS_REFUSED;
	CHECK_EQ(create_error(&f, FAKE_DRIVER_NAME, &conf), EDOM);
	conf.driver_args = NULL;
	conf.nb_queues = 0;
	CHECK_EQ(create_error(&f, FAKE_DRIVER_NAME, &conf), EINVAL);
	conf.nb_queues = VU_MAX_QUEUES + 1;
	CHECK_EQ(create_error(&f, FAKE_DRIVER_NAME, &conf), EINVAL);
	conf = fixture_conf(&f, &pinned);
	CHECK_EQ(create_error(&f, FAKE_DRIVER_NAME, &conf), EINVAL);
	conf = fixture_conf(&f, &counted);
	CHECK_EQ(create_error(&f, FAKE_DRIVER_NAME, &conf), ERANGE);
	/* None of them stayed in the list. */
	CHECK(vu_device_first() == f.dev && vu_device_next(f.dev) == NULL);
	fixture_close(&f);
}

VU_TEST(device, list_holds_devices_in_order)
{
	const struct vu_assign_conf any = { .numa_node = -1 };
	struct rig_port f;
	struct vu_device_conf conf;
	struct vu_device *second, *third;

	CHECK(vu_device_first() == NULL);
	fixture_open(&f);
	conf = fixture_conf(&f, &any);
	conf.name = "a name that is longer than a device keeps";
	second = vu_device_create(FAKE_DRIVER_NAME, &conf);
	third = vu_device_create(FAKE_DRIVER_NAME, &conf);
	CHECK(second != NULL && third != NULL);
	CHECK(vu_device_first() == f.dev && vu_device_next(f.dev) == second);
	CHECK(vu_device_next(second) == third && vu_device_next(third) == NULL);
	CHECK(vu_device_id(f.dev) < vu_device_id(second));
	CHECK(vu_device_id(second) < vu_device_id(third));
	CHECK(strcmp(vu_device_name(f.dev), "test0") == 0);
	CHECK_EQ(strlen(vu_device_name(second)), 31);
	vu_device_destroy(second);
	CHECK(vu_device_next(f.dev) == third);
	vu_device_destroy(third);
	vu_device_destroy(NULL);
	fixture_close(&f);
	CHECK(vu_device_first() == NULL);
}

VU_TEST(device, defaults_of_absent_operations)
{
	struct rig_port f;
	uint8_t byte = 0;

	fixture_open(&f);
	CHECK(strcmp(vu_device_driver_name(f.dev), FAKE_DRIVER_NAME) == 0);
	CHECK_EQ(vu_device_virtio_id(f.dev), FAKE_VIRTIO_ID);
	CHECK_EQ(vu_device_nb_queues(f.dev), NB_RINGS);
	CHECK_EQ(vu_device_queue_num(f.dev), NB_RINGS);
	CHECK_EQ(vu_device_protocol_features(f.dev), 0);
	CHECK_EQ(vu_device_config_get(f.dev, 0, &byte, 1), -EOPNOTSUPP);
	CHECK_EQ(vu_device_config_set(f.dev, 0, &byte, 1, false), -EOPNOTSUPP);
	CHECK_EQ(vu_device_set_mtu(f.dev, 1500), -EOPNOTSUPP);
	CHECK(vu_device_driver_keys(FAKE_DRIVER_NAME) != NULL &&
		vu_device_driver_keys(FAKE_DRIVER_NAME)[0].name == NULL);
	CHECK(vu_device_driver_keys("none") == NULL);
	CHECK_EQ(vu_device_driver_queue_group(FAKE_DRIVER_NAME), FAKE_GROUP);
	CHECK_EQ(vu_device_driver_queue_group("none"), 0);
	CHECK(vu_device_mem(f.dev) == NULL);
	fixture_close(&f);
}

VU_TEST(device, states_follow_the_session)
{
	struct rig_port f;

	fixture_open(&f);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_IDLE);
	rig_port_connect(&f);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_NEGOTIATING);
	CHECK_EQ(vu_device_set_features(f.dev, 0), 0);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_READY);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	CHECK_EQ(rig_port_commit(&f), 0);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_READY);
	rig_port_configure(&f, 1);
	vu_device_ring_start(f.dev, 1, VU_FD_NONE);
	CHECK_EQ(rig_port_commit(&f), 0);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_RUNNING);
	vu_device_ring_stop(f.dev, 1);
	CHECK_EQ(vu_device_commit(f.dev, rig_port_done, &f), -EINPROGRESS);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_DRAINING);
	rig_settle(f.sched);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_READY);
	CHECK_EQ(f.nb_done, 1);
	rig_port_disconnect(&f);
	CHECK_EQ(vu_device_acked_features(f.dev), 0);
	rig_port_connect(&f);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_NEGOTIATING);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device, every_state_and_drop_has_a_name_of_its_own)
{
	struct vu_device_queue_stats stats;
	struct rig_port f;

	for (unsigned int i = 0; i <= VU_DEVICE_DRAINING; i++) {
		for (unsigned int j = 0; j < i; j++)
			CHECK(strcmp(vu_device_state_name(i), vu_device_state_name(j)) != 0);
		CHECK(strcmp(vu_device_state_name(i), "unknown") != 0);
	}
	CHECK(strcmp(vu_device_state_name(VU_DEVICE_DRAINING + 1), "unknown") == 0);
	fixture_open(&f);
	stats = rig_port_stats(&f, 0);
	for (unsigned int i = 0; i < VU_NB_COMMON_DROPS; i++)
		for (unsigned int j = 0; j < i; j++)
			CHECK(strcmp(stats.drop_names[i], stats.drop_names[j]) != 0);
	/* This driver has none of its own. */
	for (unsigned int i = VU_NB_COMMON_DROPS; i < VU_MAX_DROPS; i++)
		CHECK(stats.drop_names[i] == NULL);
	fixture_close(&f);
}

VU_TEST(device, features_are_a_subset_and_fixed_while_rings_are_live)
{
	struct rig_port f;
	const struct fake_device *fake;
	uint64_t offered;

	fixture_open(&f);
	fake = vu_device_priv(f.dev);
	offered = vu_device_features(f.dev);
	rig_port_connect(&f);
	CHECK_EQ(vu_device_set_features(f.dev, offered | 1), -EINVAL);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_NEGOTIATING);
	CHECK_EQ(vu_device_set_features(f.dev, offered), 0);
	CHECK(vu_device_acked_features(f.dev) == offered && fake->acked_features == offered);
	rig_port_disconnect(&f);
	CHECK_EQ(fake->acked_features, 0);
	fixture_run(&f);
	CHECK_EQ(vu_device_set_features(f.dev, FAKE_F_VERSION_1), -EBUSY);
	CHECK_EQ(vu_device_set_features(f.dev, FAKE_F_VERSION_1 | FAKE_F_INDIRECT), 0);
	CHECK_EQ(fake->acked_features, FAKE_F_VERSION_1 | FAKE_F_INDIRECT);
	vu_device_reset(f.dev);
	CHECK_EQ(rig_port_commit(&f), -EINPROGRESS);
	CHECK_EQ(vu_device_set_features(f.dev, FAKE_F_VERSION_1), 0);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device, refused_features_clear_features_ok)
{
	struct rig_port f;

	fixture_open(&f);
	rig_port_connect(&f);
	CHECK_EQ(vu_device_status(f.dev), 0);
	vu_device_set_status(f.dev, 0x0b);
	CHECK_EQ(vu_device_set_features(f.dev, FAKE_F_VERSION_1), 0);
	CHECK_EQ(vu_device_status(f.dev), 0x0b);
	CHECK_EQ(vu_device_set_features(f.dev, 2), -EINVAL);
	CHECK_EQ(vu_device_status(f.dev), 0x03);
	rig_port_disconnect(&f);
	CHECK_EQ(vu_device_status(f.dev), 0);
	fixture_close(&f);
}

VU_TEST(device, ring_settings_are_checked)
{
	struct rig_port f;

	fixture_open(&f);
	rig_port_connect(&f);
	CHECK_EQ(vu_device_ring_set_size(f.dev, 0, 0), -EINVAL);
	CHECK_EQ(vu_device_ring_set_size(f.dev, 0, 100), -EINVAL);
	CHECK_EQ(vu_device_ring_set_size(f.dev, 0, 2048), -EINVAL);
	CHECK_EQ(vu_device_ring_set_size(f.dev, 0, 1024), 0);
	CHECK_EQ(vu_device_ring_set_base(f.dev, 0, 65536), -EINVAL);
	CHECK_EQ(vu_device_ring_set_base(f.dev, 0, 65535), 0);
	CHECK_EQ(vu_device_ring_base(f.dev, 0), 65535);
	CHECK_EQ(vu_device_ring_base(f.dev, 1), 0);
	/* Packed rings may have any size. */
	CHECK_EQ(vu_device_set_features(f.dev, FAKE_F_PACKED), 0);
	CHECK_EQ(vu_device_ring_set_size(f.dev, 0, 100), 0);
	rig_port_disconnect(&f);
	/* Nothing of it is left for the next connection. */
	CHECK_EQ(vu_device_ring_base(f.dev, 0), 0);
	CHECK_EQ(rig_port_stats(&f, 0).size, 0);
	fixture_close(&f);
}

VU_TEST(device, live_rings_keep_their_settings)
{
	struct rig_port f;
	struct vu_vring_conf conf;

	fixture_open(&f);
	fixture_run(&f);
	conf = fake_ring_conf(f.rings[0].ring);
	CHECK_EQ(vu_device_ring_set_size(f.dev, 0, RING_SIZE / 2), -EBUSY);
	CHECK_EQ(vu_device_ring_set_size(f.dev, 0, RING_SIZE), 0);
	CHECK_EQ(vu_device_ring_set_base(f.dev, 0, 1), -EBUSY);
	CHECK_EQ(vu_device_ring_set_base(f.dev, 0, 0), 0);
	/* QEMU sends the addresses again to switch logging on; only they must not change. */
	conf.flags = 1;
	conf.log_gpa = 4096;
	CHECK_EQ(vu_device_ring_set_addr(f.dev, 0, &conf), 0);
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t *const parts[] = { &conf.desc_uva, &conf.avail_uva, &conf.used_uva };

		*parts[i] += 64;
		CHECK_EQ(vu_device_ring_set_addr(f.dev, 0, &conf), -EBUSY);
		*parts[i] -= 64;
	}
	rig_port_commit(&f);
	fixture_put(&f, 0, 3, 1);
	rig_turn(f.sched);
	CHECK_EQ(fixture_collect(&f, 0), 3);
	/* A stopped ring may be set up again, its neighbour not. */
	vu_device_ring_stop(f.dev, 0);
	rig_port_commit(&f);
	CHECK_EQ(vu_device_ring_set_base(f.dev, 0, 3), 0);
	CHECK_EQ(vu_device_ring_set_size(f.dev, 0, RING_SIZE / 2), 0);
	CHECK_EQ(vu_device_ring_set_base(f.dev, 1, 1), -EBUSY);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device, reset_stops_and_disables_everything)
{
	struct rig_port f;
	const struct fake_device *fake;

	fixture_open(&f);
	fake = vu_device_priv(f.dev);
	fixture_run(&f);
	vu_device_set_status(f.dev, 0x0f);
	vu_device_reset(f.dev);
	CHECK_EQ(rig_port_commit(&f), -EINPROGRESS);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_READY);
	CHECK_EQ(vu_device_status(f.dev), 0);
	CHECK_EQ(fake->nb_resets, 1);
	for (uint32_t i = 0; i < NB_RINGS; i++) {
		struct vu_device_queue_stats stats = rig_port_stats(&f, i);

		CHECK(!stats.is_started && !stats.is_enabled && !stats.is_running);
		CHECK_EQ(fake_driver_queue(f.dev, i)->nb_stops, 1);
		fixture_put(&f, i, 1, 1);
	}
	/* Nobody looks at the rings any more. */
	rig_turn(f.sched);
	CHECK_EQ(fixture_collect(&f, 0) + fixture_collect(&f, 1), 0);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device, detach_waits_for_running_loops)
{
	const struct vu_assign_conf any = { .numa_node = -1 };
	struct rig_port f;
	struct vu_device_conf conf;
	struct vu_device *other;

	fixture_open(&f);
	conf = fixture_conf(&f, &any);
	other = vu_device_create(FAKE_DRIVER_NAME, &conf);
	CHECK(other != NULL);
	fixture_run(&f);
	rig_loops_start(&f.loops, f.sched);
	fixture_gate_close(&f, 0);
	vu_device_detach(other, rig_port_detached, &f);
	CHECK_EQ(((const struct fake_device *)vu_device_priv(other))->nb_detaches, 1);
	for (int i = 0; i < 100; i++)
		vu_sched_poll(f.sched);
	CHECK_EQ(f.nb_detached, 0);
	fixture_gate_open(&f, 0);
	rig_settle(f.sched);
	CHECK_EQ(f.nb_detached, 1);
	CHECK_EQ(((const struct fake_device *)vu_device_priv(other))->nb_detaches, 1);
	vu_device_destroy(other);
	rig_port_disconnect(&f);
	rig_loops_stop(&f.loops);
	fixture_close(&f);
}

/* A minute later it may try again. */
VU_TEST(device, calls_are_refused_for_a_minute)
{
	struct rig_port f;

	fixture_open(&f);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK(!vu_device_refuses_calls(f.dev));
		device_count_stalls(f.dev, 1);
		CHECK(vu_device_refuses_calls(f.dev));
		f.dev->stall_tsc -= 61 * rte_get_tsc_hz();
	}
	CHECK(!vu_device_refuses_calls(f.dev));
	fixture_close(&f);
}
