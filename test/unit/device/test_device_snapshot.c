/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changes of rings and memory: when they take effect, what the lcores still see meanwhile, and
 * that nothing is released before they have quiesced.
 */
#include "test.h"

#include "device_fixture.h"

/* ---- start ---- */

/* What a ring needs to run; each is one message. */
enum piece { PIECE_SIZE, PIECE_ADDR, PIECE_MEM, PIECE_START, NB_PIECES };

static void
piece_set(struct rig_port *f, enum piece piece)
{
	const struct vu_vring_conf conf = fake_ring_conf(f->rings[0].ring);

	switch (piece) {
	case PIECE_SIZE:
		CHECK(vu_device_ring_set_size(f->dev, 0, conf.size) == 0);
		break;
	case PIECE_ADDR:
		CHECK(vu_device_ring_set_addr(f->dev, 0, &conf) == 0);
		break;
	case PIECE_MEM:
		vu_device_set_mem(f->dev, fake_guest_mem(&f->guest));
		break;
	case PIECE_START:
		vu_device_ring_start(f->dev, 0, VU_FD_NONE);
		break;
	case NB_PIECES:
		break;
	}
}

VU_TEST(device_snapshot, ring_is_live_with_the_last_piece_in_any_order)
{
	struct rig_port f;

	fixture_open(&f);
	for (unsigned int first = 0; first < NB_PIECES; first++) {
		rig_port_connect(&f);
		for (unsigned int i = 0; i < NB_PIECES; i++) {
			CHECK(!rig_port_stats(&f, 0).is_running);
			piece_set(&f, (first + i) % NB_PIECES);
			CHECK_EQ(rig_port_commit(&f), 0);
		}
		CHECK(rig_port_stats(&f, 0).is_running);
		CHECK_EQ(fake_driver_queue(f.dev, 0)->nb_starts, first + 1);
		CHECK_EQ(rig_port_stats(&f, 0).fault, VU_VRING_OK);
		fixture_put(&f, 0, 2, 3);
		rig_turn(f.sched);
		CHECK_EQ(fixture_collect(&f, 0), 2);
		rig_port_disconnect(&f);
	}
	fixture_close(&f);
}

VU_TEST(device_snapshot, commit_without_changes_is_complete_at_once)
{
	struct rig_port f;

	fixture_open(&f);
	rig_port_connect(&f);
	CHECK_EQ(rig_port_commit(&f), 0);
	rig_port_disconnect(&f);
	fixture_run(&f);
	CHECK_EQ(rig_port_commit(&f), 0);
	CHECK_EQ(rig_port_commit(&f), 0);
	/* The same enable state again is no change. */
	vu_device_ring_enable(f.dev, 0, true);
	CHECK_EQ(rig_port_commit(&f), 0);
	CHECK_EQ(f.nb_done, 0);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_snapshot, rings_start_one_by_one)
{
	struct rig_port f;

	fixture_open(&f);
	rig_port_connect(&f);
	CHECK_EQ(vu_device_set_features(f.dev, 0), 0);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	rig_port_configure(&f, 1);
	vu_device_ring_start(f.dev, 1, VU_FD_NONE);
	rig_port_commit(&f);
	CHECK(!rig_port_stats(&f, 0).is_running && rig_port_stats(&f, 1).is_running);
	fixture_put(&f, 0, 1, 1);
	fixture_put(&f, 1, 1, 1);
	rig_turn(f.sched);
	CHECK(fixture_collect(&f, 0) == 0 && fixture_collect(&f, 1) == 1);
	rig_port_configure(&f, 0);
	vu_device_ring_start(f.dev, 0, VU_FD_NONE);
	CHECK_EQ(rig_port_commit(&f), 0);
	rig_turn(f.sched);
	/* What was waiting when the ring started is found without a kick. */
	CHECK_EQ(fixture_collect(&f, 0), 1);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_snapshot, restart_goes_on_at_the_saved_base)
{
	struct rig_port f;

	fixture_open(&f);
	for (unsigned int i = 0; i < NB_RINGS; i++)
		fake_ring_start_at(f.rings[i].ring, 65530);
	fixture_run(&f);
	for (unsigned int round = 1; round <= 4; round++) {
		fixture_put(&f, 0, 5, 9);
		rig_turn(f.sched);
		fixture_put(&f, 0, 2, 9);
		vu_device_ring_stop(f.dev, 0);
		CHECK_EQ(rig_port_commit(&f), -EINPROGRESS);
		CHECK(!rig_port_stats(&f, 0).is_running && !rig_port_stats(&f, 0).is_started);
		CHECK_EQ(vu_device_ring_base(f.dev, 0), (uint16_t)(65530 + round * 7 - 2));
		CHECK_EQ(fake_driver_queue(f.dev, 0)->nb_stops, round);
		rig_turn(f.sched);
		CHECK_EQ(fixture_collect(&f, 0), 5);
		CHECK_EQ(vu_device_ring_set_base(f.dev, 0, vu_device_ring_base(f.dev, 0)), 0);
		vu_device_ring_start(f.dev, 0, VU_FD_NONE);
		CHECK_EQ(rig_port_commit(&f), 0);
		rig_turn(f.sched);
		CHECK_EQ(fixture_collect(&f, 0), 2);
	}
	CHECK_EQ(fake_driver_queue(f.dev, 0)->nb_chains, 28);
	CHECK_EQ(rig_port_stats(&f, 0).vring.nb_chains, 28);
	CHECK_EQ(fake_driver_queue(f.dev, 1)->nb_stops, 0);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_snapshot, contradictory_base_yields_to_the_used_index)
{
	struct rig_port f;

	fixture_open(&f);
	fake_ring_start_at(f.rings[0].ring, 500);
	rig_port_connect(&f);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	rig_port_configure(&f, 0);
	CHECK_EQ(vu_device_ring_set_base(f.dev, 0, 499), 0);
	vu_device_ring_start(f.dev, 0, VU_FD_NONE);
	rig_port_commit(&f);
	fixture_put(&f, 0, 3, 1);
	rig_turn(f.sched);
	CHECK_EQ(fixture_collect(&f, 0), 3);
	CHECK_EQ(rig_port_stats(&f, 0).fault, VU_VRING_OK);
	vu_device_ring_stop(f.dev, 0);
	rig_port_commit(&f);
	CHECK_EQ(vu_device_ring_base(f.dev, 0), 503);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_snapshot, ring_outside_memory_is_refused_until_memory_is_right)
{
	struct rig_port f;
	struct vu_vring_conf conf;

	fixture_open(&f);
	conf = fake_ring_conf(f.rings[0].ring);
	rig_port_connect(&f);
	vu_device_set_mem(f.dev, fake_guest_mem_part(&f.guest, 1u << FAKE_HIGH));
	rig_port_configure(&f, 0);
	vu_device_ring_start(f.dev, 0, VU_FD_NONE);
	CHECK_EQ(rig_port_commit(&f), 0);
	CHECK(!rig_port_stats(&f, 0).is_running);
	CHECK_EQ(rig_port_stats(&f, 0).fault, VU_VRING_BAD_ADDRESS);
	CHECK_EQ(rig_port_stats(&f, 0).nb_faults, 1);
	CHECK_EQ(rig_events(f.rings[0].err_fd), 1);
	/* Unaligned: another address, the same end. */
	conf.used_uva += 2;
	CHECK_EQ(vu_device_ring_set_addr(f.dev, 0, &conf), 0);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	CHECK_EQ(rig_port_commit(&f), 0);
	CHECK(!rig_port_stats(&f, 0).is_running);
	CHECK_EQ(rig_port_stats(&f, 0).nb_faults, 2);
	conf.used_uva -= 2;
	CHECK_EQ(vu_device_ring_set_addr(f.dev, 0, &conf), 0);
	CHECK_EQ(rig_port_commit(&f), 0);
	CHECK(rig_port_stats(&f, 0).is_running);
	CHECK_EQ(rig_port_stats(&f, 0).fault, VU_VRING_OK);
	CHECK_EQ(rig_port_stats(&f, 0).nb_faults, 2);
	rig_port_disconnect(&f);
	/* A layout that nobody implements. */
	rig_port_connect(&f);
	CHECK_EQ(vu_device_set_features(f.dev, FAKE_F_PACKED), 0);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	rig_port_configure(&f, 0);
	vu_device_ring_start(f.dev, 0, VU_FD_NONE);
	CHECK_EQ(rig_port_commit(&f), 0);
	CHECK(!rig_port_stats(&f, 0).is_running);
	CHECK_EQ(rig_port_stats(&f, 0).nb_faults, 3);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

/* ---- changes under a running ring ---- */

VU_TEST(device_snapshot, memory_is_swapped_under_a_running_ring)
{
	struct rig_port f;

	fixture_open(&f);
	fixture_run(&f);
	fixture_put(&f, 0, 3, 10);
	rig_turn(f.sched);
	for (unsigned int i = 1; i <= 3; i++) {
		struct vu_mem_table *mem = fake_guest_mem(&f.guest);

		fixture_put(&f, 0, 3, 10);
		vu_device_set_mem(f.dev, mem);
		CHECK_EQ(rig_port_commit(&f), -EINPROGRESS);
		CHECK(vu_device_mem(f.dev) == mem);
		CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_RUNNING);
		rig_turn(f.sched);
		CHECK_EQ(fake_driver_queue(f.dev, 0)->nb_chains, 3 + 3 * i);
	}
	CHECK_EQ(fixture_collect(&f, 0), 12);
	CHECK_EQ(fake_driver_queue(f.dev, 0)->sum, 120);
	CHECK_EQ(fake_driver_queue(f.dev, 0)->nb_starts, 1);
	CHECK_EQ(fake_driver_queue(f.dev, 0)->nb_stops, 0);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_snapshot, old_memory_lives_until_the_lcore_lets_go)
{
	struct rig_port f;

	fixture_open(&f);
	fixture_run(&f);
	rig_loops_start(&f.loops, f.sched);
	fixture_gate_close(&f, 0);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	CHECK_EQ(vu_device_commit(f.dev, rig_port_done, &f), -EINPROGRESS);
	for (int i = 0; i < 100; i++)
		vu_sched_poll(f.sched);
	CHECK_EQ(f.nb_done, 0);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_DRAINING);
	/* The poll function goes on with the old mapping: a crash if it were gone. */
	fixture_gate_open(&f, 0);
	rig_settle(f.sched);
	CHECK_EQ(f.nb_done, 1);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_RUNNING);
	fixture_put(&f, 0, 5, 2);
	fixture_wait_used(&f, 0, 6);
	CHECK_EQ(fixture_collect(&f, 0), 6);
	rig_port_disconnect(&f);
	rig_loops_stop(&f.loops);
	fixture_close(&f);
}

VU_TEST(device_snapshot, memory_gone_and_back)
{
	struct rig_port f;

	fixture_open(&f);
	fixture_run(&f);
	fixture_put(&f, 0, 4, 1);
	rig_turn(f.sched);
	vu_device_set_mem(f.dev, NULL);
	CHECK_EQ(rig_port_commit(&f), -EINPROGRESS);
	CHECK(vu_device_mem(f.dev) == NULL && !rig_port_stats(&f, 0).is_running);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_READY);
	CHECK_EQ(rig_port_stats(&f, 0).nb_faults, 0);
	fixture_put(&f, 0, 4, 1);
	rig_turn(f.sched);
	CHECK_EQ(fixture_collect(&f, 0), 4);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	CHECK_EQ(rig_port_commit(&f), 0);
	rig_turn(f.sched);
	CHECK_EQ(fixture_collect(&f, 0), 4);
	CHECK_EQ(fake_driver_queue(f.dev, 0)->nb_chains, 8);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

/* The new table lacks the rings: the lcore may still be inside when control finds out. */
VU_TEST(device_snapshot, running_ring_left_without_memory_is_reported_once)
{
	struct rig_port f;

	fixture_open(&f);
	fixture_run(&f);
	rig_loops_start(&f.loops, f.sched);
	fixture_gate_close(&f, 0);
	vu_device_set_mem(f.dev, fake_guest_mem_part(&f.guest, 1u << FAKE_HIGH));
	CHECK_EQ(vu_device_commit(f.dev, rig_port_done, &f), -EINPROGRESS);
	/* Position and counters are still the lcore's. */
	CHECK_EQ(rig_port_stats(&f, 0).fault, VU_VRING_OK);
	CHECK_EQ(rig_port_stats(&f, 0).nb_faults, 0);
	fixture_gate_open(&f, 0);
	rig_settle(f.sched);
	CHECK_EQ(f.nb_done, 1);
	for (uint32_t i = 0; i < NB_RINGS; i++) {
		CHECK_EQ(rig_port_stats(&f, i).fault, VU_VRING_BAD_ADDRESS);
		CHECK_EQ(rig_port_stats(&f, i).nb_faults, 1);
		CHECK_EQ(rig_events(f.rings[i].err_fd), 1);
		CHECK(!rig_port_stats(&f, i).is_running && rig_port_stats(&f, i).is_started);
	}
	CHECK_EQ(f.nb_ring_faults, 0);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	rig_port_commit(&f);
	fixture_put(&f, 0, 3, 1);
	fixture_wait_used(&f, 0, 4);
	CHECK_EQ(rig_port_stats(&f, 0).fault, VU_VRING_OK);
	rig_port_disconnect(&f);
	rig_loops_stop(&f.loops);
	fixture_close(&f);
}

VU_TEST(device_snapshot, memory_set_twice_before_a_commit)
{
	struct rig_port f;

	fixture_open(&f);
	fixture_run(&f);
	for (int i = 0; i < 3; i++)
		vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	CHECK_EQ(rig_port_commit(&f), -EINPROGRESS);
	fixture_put(&f, 0, 3, 1);
	rig_turn(f.sched);
	CHECK_EQ(fixture_collect(&f, 0), 3);
	/* And not committed at all. */
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_snapshot, enable_reaches_the_lcore)
{
	struct rig_port f;
	const struct fake_queue *fake;

	fixture_open(&f);
	fake = fake_driver_queue(f.dev, 0);
	fixture_run(&f);
	rig_turn(f.sched);
	CHECK(fake->was_enabled);
	vu_device_ring_enable(f.dev, 0, false);
	CHECK_EQ(rig_port_commit(&f), -EINPROGRESS);
	CHECK(!rig_port_stats(&f, 0).is_enabled && rig_port_stats(&f, 0).is_running);
	rig_turn(f.sched);
	CHECK(!fake->was_enabled && fake_driver_queue(f.dev, 1)->was_enabled);
	vu_device_ring_enable(f.dev, 0, true);
	CHECK_EQ(rig_port_commit(&f), -EINPROGRESS);
	/* Polled without anything new in the ring: what it missed while disabled is found. */
	rig_turn(f.sched);
	CHECK(fake->was_enabled);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_snapshot, enable_is_remembered_while_stopped)
{
	struct rig_port f;

	fixture_open(&f);
	fixture_run(&f);
	vu_device_ring_stop(f.dev, 0);
	rig_port_commit(&f);
	CHECK(rig_port_stats(&f, 0).is_enabled);
	vu_device_ring_enable(f.dev, 0, false);
	CHECK_EQ(rig_port_commit(&f), 0);
	vu_device_ring_start(f.dev, 0, VU_FD_NONE);
	rig_port_commit(&f);
	rig_turn(f.sched);
	CHECK(!fake_driver_queue(f.dev, 0)->was_enabled);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

/* ---- fds ---- */

VU_TEST(device_snapshot, call_fd_is_replaced_without_losing_an_event)
{
	struct rig_port f;
	int old_fd, new_fd = vu_fd_eventfd(), look_fd = dup(new_fd);

	fixture_open(&f);
	fixture_run(&f);
	old_fd = vu_device_queue(f.dev, 0)->vring.call_fd;
	fixture_put(&f, 0, 1, 1);
	rig_turn(f.sched);
	CHECK_EQ(rig_events(f.rings[0].call_fd), 1);
	vu_device_ring_set_call(f.dev, 0, new_fd);
	CHECK_EQ(vu_device_commit(f.dev, rig_port_done, &f), -EINPROGRESS);
	CHECK(fixture_fd_is_open(old_fd));
	rig_settle(f.sched);
	CHECK(!fixture_fd_is_open(old_fd));
	/* Once, for an event that the old one may have swallowed. */
	CHECK_EQ(rig_events(look_fd), 1);
	fixture_put(&f, 0, 1, 1);
	rig_turn(f.sched);
	CHECK_EQ(rig_events(look_fd), 1);
	CHECK_EQ(rig_events(f.rings[0].call_fd), 0);
	/* None: the front-end polls. */
	vu_device_ring_set_call(f.dev, 0, VU_FD_NONE);
	rig_port_commit(&f);
	CHECK(!fixture_fd_is_open(new_fd));
	fixture_put(&f, 0, 1, 1);
	rig_turn(f.sched);
	CHECK_EQ(rig_events(look_fd), 0);
	CHECK_EQ(fixture_collect(&f, 0), 3);
	vu_fd_close(&look_fd);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_snapshot, fds_replaced_twice_before_a_commit)
{
	struct rig_port f;
	const struct vu_vring *vring;
	int old_call, old_err, last_call, last_err;

	fixture_open(&f);
	fixture_run(&f);
	vring = &vu_device_queue(f.dev, 0)->vring;
	old_call = vring->call_fd;
	old_err = vring->err_fd;
	for (int i = 0; i < 3; i++) {
		vu_device_ring_set_call(f.dev, 0, vu_fd_eventfd());
		vu_device_ring_set_err(f.dev, 0, vu_fd_eventfd());
		/* An lcore may be writing to these. */
		CHECK(fixture_fd_is_open(old_call) && fixture_fd_is_open(old_err));
	}
	last_call = vring->call_fd;
	last_err = vring->err_fd;
	CHECK_EQ(rig_port_commit(&f), -EINPROGRESS);
	CHECK(!fixture_fd_is_open(old_call) && !fixture_fd_is_open(old_err));
	CHECK(fixture_fd_is_open(last_call) && fixture_fd_is_open(last_err));
	/* The leak check looks for those in between. */
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_snapshot, kick_fd_is_kept_and_closed)
{
	struct rig_port f;
	int first = vu_fd_eventfd(), second = vu_fd_eventfd();

	fixture_open(&f);
	fixture_run(&f);
	vu_device_ring_start(f.dev, 0, first);
	rig_port_commit(&f);
	CHECK(fixture_fd_is_open(first));
	vu_device_ring_start(f.dev, 0, second);
	rig_port_commit(&f);
	CHECK(!fixture_fd_is_open(first) && fixture_fd_is_open(second));
	vu_device_ring_stop(f.dev, 0);
	rig_port_commit(&f);
	CHECK(!fixture_fd_is_open(second));
	rig_port_disconnect(&f);
	fixture_close(&f);
}

/* ---- the end ---- */

VU_TEST(device_snapshot, disconnect_leaves_nothing_behind)
{
	struct rig_port f;
	const struct vu_vring *vring;
	int call_fd, err_fd;

	fixture_open(&f);
	for (unsigned int i = 1; i <= 3; i++) {
		fixture_run(&f);
		vring = &vu_device_queue(f.dev, 1)->vring;
		call_fd = vring->call_fd;
		err_fd = vring->err_fd;
		fixture_put(&f, 1, 2, 1);
		rig_turn(f.sched);
		CHECK_EQ(fixture_collect(&f, 1), 2);
		vu_device_disconnect(f.dev, rig_port_disconnected, &f);
		CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_DRAINING);
		CHECK(fixture_fd_is_open(call_fd));
		CHECK_EQ(f.nb_disconnected, i - 1);
		rig_settle(f.sched);
		CHECK_EQ(f.nb_disconnected, i);
		CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_IDLE);
		CHECK(!fixture_fd_is_open(call_fd) && !fixture_fd_is_open(err_fd));
		CHECK(vu_device_mem(f.dev) == NULL && !vring->conf.has_addr);
		CHECK(vring->call_fd == VU_FD_NONE && vring->err_fd == VU_FD_NONE);
	}
	/* What was counted stays. */
	CHECK_EQ(rig_port_stats(&f, 1).vring.nb_chains, 6);
	CHECK_EQ(f.nb_done, 0);
	fixture_close(&f);
}

VU_TEST(device_snapshot, disconnect_of_an_unused_connection_is_immediate)
{
	struct rig_port f;

	fixture_open(&f);
	rig_port_connect(&f);
	vu_device_disconnect(f.dev, rig_port_disconnected, &f);
	CHECK_EQ(f.nb_disconnected, 1);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_IDLE);
	/* Configured, never started. */
	rig_port_connect(&f);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	rig_port_configure(&f, 0);
	rig_port_commit(&f);
	vu_device_disconnect(f.dev, rig_port_disconnected, &f);
	CHECK_EQ(f.nb_disconnected, 2);
	fixture_close(&f);
}

VU_TEST(device_snapshot, disconnect_during_a_commit_takes_over)
{
	struct rig_port f;

	fixture_open(&f);
	fixture_run(&f);
	rig_loops_start(&f.loops, f.sched);
	fixture_gate_close(&f, 0);
	vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
	vu_device_ring_set_call(f.dev, 0, VU_FD_NONE);
	CHECK_EQ(vu_device_commit(f.dev, rig_port_done, &f), -EINPROGRESS);
	vu_device_disconnect(f.dev, rig_port_disconnected, &f);
	for (int i = 0; i < 100; i++)
		vu_sched_poll(f.sched);
	CHECK_EQ(f.nb_disconnected, 0);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_DRAINING);
	fixture_gate_open(&f, 0);
	rig_settle(f.sched);
	CHECK_EQ(f.nb_disconnected, 1);
	CHECK_EQ(f.nb_done, 0);
	CHECK_EQ(vu_device_state(f.dev), VU_DEVICE_IDLE);
	CHECK_EQ(fake_driver_queue(f.dev, 0)->nb_stops, 1);
	/* The next front-end finds a device as good as new. */
	for (unsigned int i = 0; i < NB_RINGS; i++)
		fake_ring_reset(f.rings[i].ring);
	fixture_run(&f);
	fixture_put(&f, 0, 3, 1);
	fixture_wait_used(&f, 0, 3);
	rig_port_disconnect(&f);
	rig_loops_stop(&f.loops);
	fixture_close(&f);
}

/* ---- changes while loops run and guests send ---- */

/* One change of those that a session can ask for. */
static void
change_something(struct rig_port *f, unsigned int n)
{
	switch (n % 5) {
	case 0:
		vu_device_set_mem(f->dev, fake_guest_mem(&f->guest));
		break;
	case 1:
		vu_device_ring_stop(f->dev, n % 2);
		break;
	case 2:
		vu_device_ring_start(f->dev, (n - 1) % 2, VU_FD_NONE);
		break;
	case 3:
		vu_device_ring_enable(f->dev, n % 2, n % 3 != 0);
		break;
	case 4:
		vu_device_ring_set_call(f->dev, n % 2, dup(f->rings[n % 2].call_fd));
		break;
	}
}

/* Top the rings up and count what came back. */
static void
guest_work(struct rig_port *f, unsigned int *nb_put, unsigned int *nb_collected)
{
	for (uint32_t i = 0; i < NB_RINGS; i++) {
		unsigned int nb = f->rings[i].ring->nb_free;

		fixture_put(f, i, nb, 7);
		nb_put[i] += nb;
		nb_collected[i] += fixture_collect(f, i);
	}
}

static void
check_changes(unsigned int nb_changes)
{
	struct rig_port f;
	unsigned int nb_put[NB_RINGS] = { 0 }, nb_collected[NB_RINGS] = { 0 };

	fixture_open(&f);
	fixture_run(&f);
	rig_loops_start(&f.loops, f.sched);
	for (unsigned int n = 0; n < nb_changes; n++) {
		int rc;

		change_something(&f, n);
		f.nb_done = 0;
		rc = vu_device_commit(f.dev, rig_port_done, &f);
		guest_work(&f, nb_put, nb_collected);
		WAIT_WHILE(rc == -EINPROGRESS && f.nb_done == 0) {
			vu_sched_poll(f.sched);
			guest_work(&f, nb_put, nb_collected);
		}
	}
	for (uint32_t i = 0; i < NB_RINGS; i++)
		vu_device_ring_start(f.dev, i, VU_FD_NONE);
	rig_port_commit(&f);
	for (uint32_t i = 0; i < NB_RINGS; i++)
		WAIT_WHILE(nb_collected[i] != nb_put[i]) nb_collected[i] += fixture_collect(&f, i);
	rig_port_disconnect(&f);
	for (uint32_t i = 0; i < NB_RINGS; i++) {
		const struct fake_queue *fake = fake_driver_queue(f.dev, i);

		CHECK_EQ(fake->nb_chains, nb_put[i]);
		CHECK_EQ(fake->sum, 7 * (uint64_t)nb_put[i]);
		CHECK_EQ(rig_port_stats(&f, i).nb_faults, 0);
	}
	rig_loops_stop(&f.loops);
	fixture_close(&f);
}

VU_TEST(device_snapshot, nothing_is_lost_or_repeated_by_changes)
{
	check_changes(300);
}
