/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a case of a device stands on: a scheduler whose turns the case makes itself or leaves to
 * threads, devices, and the memory and rings of the guest behind each. The calls are those that a
 * session would make, in its order. What goes wrong here fails the case.
 */
#ifndef RIG_H
#define RIG_H

#include <pthread.h>

#include "fake_guest.h"
#include "vu_device.h"
#include "vu_sched.h"

#define RIG_RING_SIZE 64
#define RIG_LCORE_0 4
#define RIG_LCORE_1 7

/** The loop of a worker in a plain thread. */
struct rig_loop {
	struct vu_sched *sched;
	unsigned int worker_idx;
	pthread_t thread;
	int rc; /**< of vu_sched_loop() */
};

/** The loops of both workers. */
struct rig_loops {
	struct rig_loop loops[2];
};

/** One ring; of a net device even ones are receive queues of the guest. */
struct rig_ring {
	struct fake_ring *ring;
	int kick_fd;               /**< VU_FD_NONE: the device polls */
	int call_fd;               /**< the device has duplicates, these are to look at */
	int err_fd;

	/* What the guest of a net device knows; see net_fixture.h. */
	struct net_chain *chains;  /**< by head: what the guest put there */
	uint64_t slots_gpa;        /**< RIG_RING_SIZE * SLOT_BYTES */
	uint64_t big_gpa;          /**< BIG_BYTES; pairs beyond the first have none */
	uint32_t next_slot;
	uint16_t kicked_idx;       /**< avail_idx at the last kick decision */
};

/** A device and the guest that drives it. */
struct rig_port {
	struct vu_sched *sched;
	struct vu_exec_app *app;   /**< without a scheduler */
	struct rig_loops loops;    /**< for a case with one port */
	struct vu_device *dev;
	struct fake_guest guest;
	uint32_t nb_queues;
	struct rig_ring *rings;
	uint32_t nb_done;          /**< commits that called back */
	uint32_t nb_disconnected;
	uint32_t nb_detached;
	uint32_t nb_ring_faults;
	uint32_t fault_queue_idx;  /**< of the last one */

	/* What the guest of a net device knows. */
	uint32_t header_bytes;
	bool is_mergeable;
	uint8_t header[12];        /**< in front of each frame that the guest sends */
};

/**
 * A scheduler with two workers, or one. Their lcores are names only: turns are the case's, or
 * loops run in plain threads.
 */
struct vu_sched *rig_sched_create(unsigned int nb_workers);

/** Complete what is pending, no matter who has to answer. */
void rig_settle(struct vu_sched *sched);

/** One turn of each of two workers. */
void rig_turn(struct vu_sched *sched);

/** Take all events of an eventfd. */
uint64_t rig_events(int fd);

/** Run a loop, and return once it runs; it ends with the case if that fails. */
void rig_loop_start(struct rig_loop *loop, struct vu_sched *sched, unsigned int worker_idx);

/** End it. @return what it returned */
int rig_loop_stop(struct rig_loop *loop);

/** For a loop that something else has stopped. @return the same */
int rig_loop_join(struct rig_loop *loop);

/** Run the loops of both workers; they end with the case if it fails. */
void rig_loops_start(struct rig_loops *loops, struct vu_sched *sched);

/** End both loops. */
void rig_loops_stop(struct rig_loops *loops);

/** Configuration of a device with nothing special about it: any lcore, any node. */
struct vu_device_conf rig_device_conf(struct vu_sched *sched, const char *name, uint32_t nb_queues);

/** Create a device without memory and rings. */
void rig_device_open(struct rig_port *port, const char *driver, const struct vu_device_conf *conf);

/** Create a ring, empty, in the memory of the guest; kick-less. */
void rig_ring_open(struct rig_port *port, uint32_t i, uint16_t size,
	const struct fake_ring_place *place);

/** Create a device, guest memory and an empty split ring for each queue; nobody is connected. */
void rig_port_open(struct rig_port *port, const char *driver, const struct vu_device_conf *conf);

/** Disconnect, if need be, and free everything but the scheduler. */
void rig_port_close(struct rig_port *port);

/** A front-end arrives. */
void rig_port_connect(struct rig_port *port);

/** Set features and memory. */
void rig_port_negotiate(struct rig_port *port, uint64_t features);

/** Set up a ring of the device, all but the kick; it is enabled. */
void rig_port_configure(struct rig_port *port, uint32_t i);

/** The same and the kick: it runs with the next commit. */
void rig_port_start_ring(struct rig_port *port, uint32_t i);

/** All rings running, and nothing on their call fds. */
void rig_port_start_rings(struct rig_port *port);

/** Commit and wait until that is over. @return as vu_device_commit() */
int rig_port_commit(struct rig_port *port);

/** The front-end leaves: all rings have stopped and the device is idle. */
void rig_port_disconnect(struct rig_port *port);

/** Counters of a queue. */
struct vu_device_queue_stats rig_port_stats(const struct rig_port *port, uint32_t i);

/** Callbacks of vu_device_commit(), _disconnect() and _detach() that count; `arg` is the port. */
void rig_port_done(void *arg);
void rig_port_disconnected(void *arg);
void rig_port_detached(void *arg);

#endif /* RIG_H */
