/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device's queues: where they run, and what happens to one whose ring is broken.
 */
#include "test.h"

#include "device_fixture.h"

#define TABLE_GPA (FAKE_HIGH_GPA + UINT64_C(0x40000))

VU_TEST(device_queue, queues_of_a_group_share_an_lcore)
{
	static const unsigned int counts[] = { 3, 1 };
	static const struct vu_assign_pin pin = { .queue = 1, .lcore_id = 7 };
	const struct vu_assign_conf assigns[] = {
		{ .numa_node = -1 },
		{ .numa_node = -1, .queues_per_worker = counts, .nb_queues_per_worker = 2 },
		{ .numa_node = -1, .pins = &pin, .nb_pins = 1 },
	};
	static const int lcores[][4] = { { 4, 4, 7, 7 }, { 4, 4, 4, 7 }, { 7, 7, 4, 4 } };

	for (unsigned int a = 0; a < RTE_DIM(assigns); a++) {
		struct rig_port f;
		struct vu_device_conf conf;
		struct vu_device *dev;
		struct vu_device_queue_stats stats;

		fixture_open(&f);
		fixture_close(&f);
		f.sched = vu_sched_create((const unsigned int[]){ 4, 7 }, 2);
		conf = fixture_conf(&f, &assigns[a]);
		conf.nb_queues = 4;
		dev = vu_device_create(FAKE_DRIVER_NAME, &conf);
		CHECK(dev != NULL);
		for (uint32_t i = 0; i < 4; i++) {
			vu_device_queue_stats_get(dev, i, &stats);
			CHECK_EQ(stats.lcore_id, lcores[a][i]);
		}
		vu_device_destroy(dev);
		vu_sched_destroy(f.sched);
	}
}

VU_TEST(device_queue, idle_queue_is_not_polled)
{
	struct rig_port f;
	uint32_t nb_polls;

	fixture_open(&f);
	fixture_run(&f);
	rig_turn(f.sched);
	nb_polls = fake_driver_queue(f.dev, 0)->nb_polls;
	for (int i = 0; i < 10; i++)
		rig_turn(f.sched);
	CHECK_EQ(fake_driver_queue(f.dev, 0)->nb_polls, nb_polls);
	/* Flags share a word with the idle word. */
	f.rings[0].ring->avail->flags = 1;
	rig_turn(f.sched);
	CHECK_EQ(fake_driver_queue(f.dev, 0)->nb_polls, nb_polls);
	fixture_put(&f, 0, 1, 1);
	rig_turn(f.sched);
	CHECK_EQ(fake_driver_queue(f.dev, 0)->nb_polls, nb_polls + 1);
	CHECK_EQ(fixture_collect(&f, 0), 1);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_queue, stats_count_what_happened)
{
	struct rig_port f;
	struct vu_device_queue_stats stats;

	fixture_open(&f);
	stats = rig_port_stats(&f, 0);
	CHECK(!stats.is_started && !stats.is_enabled && !stats.is_running && stats.size == 0);
	fixture_run(&f);
	fixture_put(&f, 0, 5, 1);
	rig_turn(f.sched);
	fake_ring_set_no_interrupt(f.rings[0].ring, true);
	fixture_put(&f, 0, 5, 1);
	rig_turn(f.sched);
	vu_device_queue_drop(vu_device_queue(f.dev, 0), VU_DROP_TOO_BIG, 3);
	vu_device_queue_count(vu_device_queue(f.dev, 0), 1, 1000);
	stats = rig_port_stats(&f, 0);
	CHECK(stats.is_started && stats.is_enabled && stats.is_running);
	CHECK_EQ(stats.size, RING_SIZE);
	CHECK_EQ(stats.direction, VU_DEVICE_QUEUE_FROM_GUEST);
	CHECK_EQ(stats.nb_packets, 11);
	CHECK_EQ(stats.nb_bytes, 1000);
	CHECK_EQ(stats.nb_drops[VU_DROP_TOO_BIG], 3);
	CHECK_EQ(stats.nb_drops[VU_DROP_TOO_SHORT], 0);
	CHECK_EQ(stats.vring.nb_chains, 10);
	CHECK_EQ(stats.vring.nb_notifications, 1);
	CHECK_EQ(stats.vring.nb_notifications_suppressed, 1);
	CHECK_EQ(rig_events(f.rings[0].call_fd), 1);
	CHECK_EQ(rig_port_stats(&f, 1).vring.nb_chains, 0);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

/* ---- faults ---- */

/* Breaks the ring behind what was put before. */
struct breakage {
	enum vu_vring_fault fault;
	void (*make)(struct rig_port *f);
};

/* Offer a descriptor as it is; the last one of the table, which the cases never take otherwise. */
static void
offer_desc(struct rig_port *f, struct vu_split_desc desc)
{
	f->rings[0].ring->desc[RING_SIZE - 1] = desc;
	fake_ring_offer(f->rings[0].ring, RING_SIZE - 1);
	fake_ring_publish(f->rings[0].ring);
}

static void
break_avail_idx(struct rig_port *f)
{
	struct fake_ring *ring = f->rings[0].ring;

	vu_store(&ring->avail->idx, (uint16_t)(ring->used->idx + RING_SIZE + 1));
}

static void
break_head(struct rig_port *f)
{
	fake_ring_offer(f->rings[0].ring, RING_SIZE);
	fake_ring_publish(f->rings[0].ring);
}

static void
break_next(struct rig_port *f)
{
	offer_desc(f, (struct vu_split_desc){ FAKE_HIGH_GPA, 1, VU_DESC_F_NEXT, RING_SIZE });
}

static void
break_loop(struct rig_port *f)
{
	offer_desc(f, (struct vu_split_desc){ FAKE_HIGH_GPA, 1, VU_DESC_F_NEXT, RING_SIZE - 1 });
}

static void
break_indirect(struct rig_port *f)
{
	offer_desc(f, (struct vu_split_desc){ TABLE_GPA, 24, VU_DESC_F_INDIRECT, 0 });
}

static void
break_address(struct rig_port *f)
{
	offer_desc(f, (struct vu_split_desc){ FAKE_NOWHERE_GPA, 1, 0, 0 });
}

static void
break_direction(struct rig_port *f)
{
	offer_desc(f, (struct vu_split_desc){ FAKE_HIGH_GPA, 1, VU_DESC_F_WRITE, 0 });
}

static void
break_length(struct rig_port *f)
{
	offer_desc(f, (struct vu_split_desc){ FAKE_HIGH_GPA, 0, 0, 0 });
}

static const struct breakage breakages[] = {
	{ VU_VRING_BAD_AVAIL_IDX, break_avail_idx },
	{ VU_VRING_BAD_HEAD, break_head },
	{ VU_VRING_BAD_NEXT, break_next },
	{ VU_VRING_CHAIN_TOO_LONG, break_loop },
	{ VU_VRING_BAD_INDIRECT, break_indirect },
	{ VU_VRING_BAD_ADDRESS, break_address },
	{ VU_VRING_BAD_DIRECTION, break_direction },
	{ VU_VRING_BAD_LENGTH, break_length },
};

static void
check_given_up(struct rig_port *f, enum vu_vring_fault fault)
{
	struct vu_device_queue_stats stats;

	/* Nothing revives it, neither work nor a change of memory. */
	for (int i = 0; i < 3; i++) {
		stats = rig_port_stats(f, 0);
		CHECK_EQ(stats.fault, fault);
		CHECK_EQ(stats.nb_faults, 1);
		CHECK_EQ(stats.vring.nb_chains, 5);
		CHECK_EQ(f->nb_ring_faults, 1);
		CHECK_EQ(f->fault_queue_idx, 0);
		CHECK_EQ(f->rings[0].ring->used->idx, 5);
		vu_store(&f->rings[0].ring->avail->idx, 10 + i);
		rig_turn(f->sched);
		if (i == 1) {
			vu_device_set_mem(f->dev, fake_guest_mem(&f->guest));
			CHECK_EQ(rig_port_commit(f), -EINPROGRESS);
			rig_turn(f->sched);
		}
	}
	CHECK_EQ(rig_events(f->rings[0].err_fd), 1);
}

VU_TEST(device_queue, each_fault_costs_its_ring_and_no_other)
{
	for (unsigned int b = 0; b < RTE_DIM(breakages); b++) {
		struct rig_port f;

		fixture_open(&f);
		fixture_run(&f);
		fixture_put(&f, 0, 5, 1);
		if (breakages[b].fault == VU_VRING_BAD_AVAIL_IDX)
			rig_turn(f.sched);
		breakages[b].make(&f);
		rig_turn(f.sched);
		rig_turn(f.sched);
		/* Entries before the bad one were handled, and the guest was notified of them. */
		CHECK_EQ(fixture_collect(&f, 0), 5);
		CHECK_EQ(rig_events(f.rings[0].call_fd), 1);
		check_given_up(&f, breakages[b].fault);
		fixture_put(&f, 1, 4, 1);
		rig_turn(f.sched);
		CHECK_EQ(fixture_collect(&f, 1), 4);
		CHECK_EQ(rig_port_stats(&f, 1).fault, VU_VRING_OK);
		CHECK_EQ(rig_events(f.rings[1].err_fd), 0);
		rig_port_disconnect(&f);
		fixture_close(&f);
	}
}

VU_TEST(device_queue, broken_ring_works_after_a_restart)
{
	struct rig_port f;

	fixture_open(&f);
	fixture_run(&f);
	for (unsigned int i = 1; i <= 3; i++) {
		fixture_put(&f, 0, 2, 1);
		break_head(&f);
		rig_turn(f.sched);
		rig_turn(f.sched);
		CHECK_EQ(rig_port_stats(&f, 0).fault, VU_VRING_BAD_HEAD);
		CHECK_EQ(rig_port_stats(&f, 0).nb_faults, i);
		vu_device_ring_stop(f.dev, 0);
		rig_port_commit(&f);
		/* The position is that of the bad entry. */
		CHECK_EQ(vu_device_ring_base(f.dev, 0), 2);
		fake_ring_reset(f.rings[0].ring);
		CHECK_EQ(vu_device_ring_set_base(f.dev, 0, 0), 0);
		vu_device_ring_start(f.dev, 0, VU_FD_NONE);
		rig_port_commit(&f);
		CHECK_EQ(rig_port_stats(&f, 0).fault, VU_VRING_OK);
		CHECK_EQ(rig_events(f.rings[0].err_fd), 1);
		fixture_put(&f, 0, 3, 1);
		rig_turn(f.sched);
		CHECK_EQ(fixture_collect(&f, 0), 3);
		vu_device_ring_stop(f.dev, 0);
		rig_port_commit(&f);
		fake_ring_reset(f.rings[0].ring);
		CHECK_EQ(vu_device_ring_set_base(f.dev, 0, 0), 0);
		vu_device_ring_start(f.dev, 0, VU_FD_NONE);
		rig_port_commit(&f);
	}
	CHECK_EQ(f.nb_ring_faults, 3);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_queue, fault_without_error_descriptor)
{
	struct rig_port f;

	fixture_open(&f);
	fixture_run(&f);
	vu_device_ring_set_err(f.dev, 0, VU_FD_NONE);
	rig_port_commit(&f);
	break_head(&f);
	rig_turn(f.sched);
	CHECK_EQ(rig_port_stats(&f, 0).nb_faults, 1);
	CHECK_EQ(f.nb_ring_faults, 1);
	CHECK_EQ(rig_events(f.rings[0].err_fd), 0);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

/* However often somebody looks, and when the ring stops in the end. */
VU_TEST(device_queue, fault_is_logged_once)
{
	struct rig_port f;
	unsigned int nb_lines = 0;
	char *text = NULL;
	size_t len = 0;
	FILE *log;

	fixture_open(&f);
	fixture_run(&f);
	break_head(&f);
	rig_turn(f.sched);
	log = open_memstream(&text, &len);
	rte_log_set_level_pattern("vu.device", RTE_LOG_WARNING);
	rte_openlog_stream(log);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(vu_device_report_faults(f.dev));
	rig_port_disconnect(&f);
	rte_openlog_stream(NULL);
	fclose(log);
	for (const char *line = text; (line = strstr(line, "given up")) != NULL; line++)
		nb_lines++;
	CHECK_EQ(nb_lines, 1);
	free(text);
	fixture_close(&f);
}

/* ---- moves ---- */

VU_TEST(device_queue, moves_while_it_runs)
{
	struct rig_port f;
	uint32_t nb_polls;

	fixture_open(&f);
	fixture_run(&f);
	rig_turn(f.sched);
	CHECK_EQ(vu_device_queue_move(f.dev, 0, 5), -EINVAL);
	CHECK_EQ(vu_device_queue_move(f.dev, NB_RINGS, 7), -EINVAL);
	for (unsigned int round = 0; round < 4; round++) {
		const unsigned int lcore_ids[] = { 4, 7 };
		const unsigned int to = rig_port_stats(&f, 0).lcore_id == 4 ? 1 : 0;

		CHECK_EQ(vu_device_queue_move(f.dev, 0, lcore_ids[to]), 0);
		CHECK(vu_device_queue_is_moving(f.dev, 0));
		CHECK_EQ(rig_port_stats(&f, 0).lcore_id, lcore_ids[to]);
		fixture_put(&f, 0, 3, 1);
		rig_settle(f.sched);
		CHECK(!vu_device_queue_is_moving(f.dev, 0));
		nb_polls = fake_driver_queue(f.dev, 0)->nb_polls;
		CHECK(vu_sched_turn(f.sched, 1 - to) >= 0);
		CHECK_EQ(fake_driver_queue(f.dev, 0)->nb_polls, nb_polls);
		CHECK(vu_sched_turn(f.sched, to) >= 0);
		CHECK_EQ(fixture_collect(&f, 0), 3);
		/* Where it is already. */
		CHECK_EQ(vu_device_queue_move(f.dev, 0, lcore_ids[to]), 0);
		CHECK(!vu_device_queue_is_moving(f.dev, 0));
	}
	rig_port_disconnect(&f);
	fixture_close(&f);
}

VU_TEST(device_queue, place_outlives_a_stop)
{
	struct rig_port f;
	unsigned int other;

	fixture_open(&f);
	fixture_run(&f);
	other = rig_port_stats(&f, 0).lcore_id == 4 ? 7 : 4;
	/* A ring that is on its way is stopped, and one that is stopped is moved. */
	CHECK_EQ(vu_device_queue_move(f.dev, 0, other), 0);
	vu_device_ring_stop(f.dev, 0);
	rig_port_commit(&f);
	vu_device_ring_start(f.dev, 0, VU_FD_NONE);
	rig_port_commit(&f);
	CHECK_EQ(rig_port_stats(&f, 0).lcore_id, other);
	vu_device_ring_stop(f.dev, 0);
	rig_port_commit(&f);
	CHECK_EQ(vu_device_queue_move(f.dev, 0, 11 - other), 0);
	vu_device_ring_start(f.dev, 0, VU_FD_NONE);
	rig_port_commit(&f);
	CHECK_EQ(rig_port_stats(&f, 0).lcore_id, 11 - other);
	fixture_put(&f, 0, 3, 1);
	CHECK(vu_sched_turn(f.sched, other == 4) >= 0);
	CHECK_EQ(fixture_collect(&f, 0), 3);
	rig_port_disconnect(&f);
	fixture_close(&f);
}

/* Moves, stops and starts with both loops running. */
VU_TEST(device_queue, moves_among_running_loops)
{
	struct rig_port f;

	fixture_open(&f);
	fixture_run(&f);
	rig_loops_start(&f.loops, f.sched);
	for (unsigned int round = 0; round < 100; round++) {
		const uint32_t idx = round % NB_RINGS;

		CHECK_EQ(vu_device_queue_move(f.dev, idx, round % 3 == 0 ? 4 : 7), 0);
		fixture_put(&f, idx, 2, 1);
		if (round % 5 == 0) {
			vu_device_set_mem(f.dev, fake_guest_mem(&f.guest));
			rig_port_commit(&f);
		} else if (round % 2 == 0) {
			vu_sched_poll(f.sched);
			continue;
		}
		rig_settle(f.sched);
		WAIT_WHILE(f.rings[idx].ring->nb_free != RING_SIZE)
			fixture_collect(&f, idx);
	}
	rig_settle(f.sched);
	for (uint32_t i = 0; i < NB_RINGS; i++)
		WAIT_WHILE(f.rings[i].ring->nb_free != RING_SIZE)
			fixture_collect(&f, i);
	CHECK_EQ(f.nb_ring_faults, 0);
	rig_loops_stop(&f.loops);
	rig_port_disconnect(&f);
	fixture_close(&f);
}
