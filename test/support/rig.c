/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scheduler, devices and their guests for a case; see rig.h.
 */
#include "rig.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_log.h>

#include "expect.h"
#include "vu_atomic.h"
#include "vu_exec.h"
#include "vu_fd.h"

#define MAX_QUEUE_SIZE 1024
#define BORDER_BYTES 0x20000 /* of MID: nothing of ours is at the border of two regions */

/* ---- scheduler ---- */

struct vu_sched *
rig_sched_create(unsigned int nb_workers)
{
	static const unsigned int lcore_ids[] = { RIG_LCORE_0, RIG_LCORE_1 };
	struct vu_sched *sched = vu_sched_create(lcore_ids, nb_workers);

	CHECK(sched != NULL);
	/* Cases count turns: how much time they take must not matter. */
	vu_sched_set_fair(sched, false);
	return sched;
}

void
rig_settle(struct vu_sched *sched)
{
	WAIT_UNTIL(vu_sched_poll(sched) == UINT64_MAX);
}

void
rig_turn(struct vu_sched *sched)
{
	CHECK(vu_sched_turn(sched, 0) >= 0 && vu_sched_turn(sched, 1) >= 0);
}

uint64_t
rig_events(int fd)
{
	eventfd_t nb = 0;

	return eventfd_read(fd, &nb) == 0 ? nb : 0;
}

static void *
loop_main(void *arg)
{
	struct rig_loop *loop = arg;

	loop->rc = vu_sched_loop(loop->sched, loop->worker_idx);
	return NULL;
}

static void
loop_undo(void *arg)
{
	struct rig_loop *loop = arg;

	vu_sched_worker_stop(loop->sched, loop->worker_idx);
	expect_thread_join(loop->thread);
}

void
rig_loop_start(struct rig_loop *loop, struct vu_sched *sched, unsigned int worker_idx)
{
	*loop = (struct rig_loop){ .sched = sched, .worker_idx = worker_idx, .rc = -1 };
	expect_thread_start(&loop->thread, loop_main, loop);
	WAIT_UNTIL(vu_sched_worker_is_running(sched, worker_idx));
	expect_at_failure(loop_undo, loop);
}

int
rig_loop_join(struct rig_loop *loop)
{
	expect_thread_join(loop->thread);
	expect_undone(loop_undo, loop);
	return loop->rc;
}

int
rig_loop_stop(struct rig_loop *loop)
{
	vu_sched_worker_stop(loop->sched, loop->worker_idx);
	return rig_loop_join(loop);
}

void
rig_loops_start(struct rig_loops *loops, struct vu_sched *sched)
{
	for (unsigned int i = 0; i < RTE_DIM(loops->loops); i++)
		rig_loop_start(&loops->loops[i], sched, i);
}

void
rig_loops_stop(struct rig_loops *loops)
{
	for (unsigned int i = 0; i < RTE_DIM(loops->loops); i++)
		rig_loop_stop(&loops->loops[i]);
}

/* ---- device ---- */

void
rig_port_done(void *arg)
{
	((struct rig_port *)arg)->nb_done++;
}

void
rig_port_disconnected(void *arg)
{
	((struct rig_port *)arg)->nb_disconnected++;
}

void
rig_port_detached(void *arg)
{
	((struct rig_port *)arg)->nb_detached++;
}

static void
port_ring_fault(void *arg, uint32_t queue_idx)
{
	struct rig_port *port = arg;

	vu_store(&port->fault_queue_idx, queue_idx);
	vu_counter_add(&port->nb_ring_faults, 1);
}

struct vu_device_conf
rig_device_conf(struct vu_sched *sched, const char *name, uint32_t nb_queues)
{
	static const struct vu_assign_conf anywhere = { .numa_node = -1 };

	return (struct vu_device_conf){
		.name = name, .nb_queues = nb_queues, .max_queue_size = MAX_QUEUE_SIZE,
		.numa_node = -1, .sched = sched, .assign = &anywhere,
	};
}

static void
port_settle(const struct rig_port *port)
{
	if (port->app != NULL)
		WAIT_UNTIL(vu_exec_app_poll(port->app) == UINT64_MAX);
	else
		rig_settle(port->sched);
}

void
rig_device_open(struct rig_port *port, const char *driver, const struct vu_device_conf *conf)
{
	*port = (struct rig_port){ .sched = conf->sched, .app = conf->app };
	port->dev = vu_device_create(driver, conf);
	CHECK(port->dev != NULL);
	port->nb_queues = vu_device_nb_queues(port->dev);
	port->rings = calloc(port->nb_queues, sizeof(*port->rings));
	CHECK(port->rings != NULL);
}

void
rig_ring_open(struct rig_port *port, uint32_t i, uint16_t size,
	const struct fake_ring_place *place)
{
	port->rings[i] = (struct rig_ring){
		.ring = fake_ring_create(&port->guest, size, place),
		.kick_fd = VU_FD_NONE, .call_fd = vu_fd_eventfd(), .err_fd = vu_fd_eventfd(),
	};
}

void
rig_port_open(struct rig_port *port, const char *driver, const struct vu_device_conf *conf)
{
	static const struct fake_ring_place place = { .region = FAKE_MID };

	/* Every start and stop is a line otherwise. */
	rte_log_set_level_pattern("vu.device", RTE_LOG_ERR);
	rte_log_set_level_pattern("vu.net", RTE_LOG_ERR);
	rig_device_open(port, driver, conf);
	fake_guest_init(&port->guest);
	fake_guest_alloc(&port->guest, FAKE_MID, BORDER_BYTES, 1);
	for (uint32_t i = 0; i < port->nb_queues; i++)
		rig_ring_open(port, i, RIG_RING_SIZE, &place);
}

void
rig_port_close(struct rig_port *port)
{
	if (vu_device_state(port->dev) != VU_DEVICE_IDLE)
		rig_port_disconnect(port);
	vu_device_detach(port->dev, rig_port_detached, port);
	port_settle(port);
	vu_device_destroy(port->dev);
	for (uint32_t i = 0; i < port->nb_queues; i++) {
		fake_ring_destroy(port->rings[i].ring);
		free(port->rings[i].chains);
		vu_fd_close(&port->rings[i].kick_fd);
		vu_fd_close(&port->rings[i].call_fd);
		vu_fd_close(&port->rings[i].err_fd);
	}
	free(port->rings);
	fake_guest_fini(&port->guest);
}

void
rig_port_connect(struct rig_port *port)
{
	const struct vu_device_events events = { .arg = port, .ring_fault = port_ring_fault };

	vu_device_connect(port->dev, &events);
}

void
rig_port_negotiate(struct rig_port *port, uint64_t features)
{
	CHECK_EQ(vu_device_set_features(port->dev, features), 0);
	vu_device_set_mem(port->dev, fake_guest_mem(&port->guest));
}

void
rig_port_configure(struct rig_port *port, uint32_t i)
{
	const struct vu_vring_conf conf = fake_ring_conf(port->rings[i].ring);

	CHECK_EQ(vu_device_ring_set_size(port->dev, i, conf.size), 0);
	CHECK_EQ(vu_device_ring_set_base(port->dev, i, conf.base), 0);
	CHECK_EQ(vu_device_ring_set_addr(port->dev, i, &conf), 0);
	vu_device_ring_set_call(port->dev, i, dup(port->rings[i].call_fd));
	vu_device_ring_set_err(port->dev, i, dup(port->rings[i].err_fd));
	vu_device_ring_enable(port->dev, i, true);
}

void
rig_port_start_ring(struct rig_port *port, uint32_t i)
{
	const int kick_fd = port->rings[i].kick_fd;

	rig_port_configure(port, i);
	vu_device_ring_start(port->dev, i, kick_fd == VU_FD_NONE ? VU_FD_NONE : dup(kick_fd));
}

void
rig_port_start_rings(struct rig_port *port)
{
	for (uint32_t i = 0; i < port->nb_queues; i++)
		rig_port_start_ring(port, i);
	rig_port_commit(port);
	/* A call fd that is new to a running ring is signalled once. */
	for (uint32_t i = 0; i < port->nb_queues; i++)
		WAIT_UNTIL(rig_events(port->rings[i].call_fd) == 0);
}

int
rig_port_commit(struct rig_port *port)
{
	const uint32_t nb_done = port->nb_done;
	int rc = vu_device_commit(port->dev, rig_port_done, port);

	port_settle(port);
	CHECK_EQ(port->nb_done, nb_done + (rc == -EINPROGRESS));
	return rc;
}

void
rig_port_disconnect(struct rig_port *port)
{
	vu_device_disconnect(port->dev, rig_port_disconnected, port);
	port_settle(port);
	CHECK_EQ(vu_device_state(port->dev), VU_DEVICE_IDLE);
}

struct vu_device_queue_stats
rig_port_stats(const struct rig_port *port, uint32_t i)
{
	struct vu_device_queue_stats stats;

	vu_device_queue_stats_get(port->dev, i, &stats);
	return stats;
}
