/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/device: the device itself.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <sys/queue.h>

#include "vu_device_driver.h"
#include "vu_log.h"
#include "vu_quiesce.h"
#include "vu_sched.h"

#define DEVICE_NAME_BYTES 32

/** A published change that waits for the data lcores. */
struct device_change {
	uint32_t nb_waits;        /**< grace periods and removals still to come */
	vu_device_done_fn done;
	void *arg;
	struct vu_sched_wait grace;
	struct vu_mem_table *retired_mem;
};

/** All fields belong to the control lcore; data lcores see queues, ops and events only. */
struct vu_device {
	TAILQ_ENTRY(vu_device) link;
	char name[DEVICE_NAME_BYTES];
	uint32_t id;
	const struct vu_device_ops *ops;
	void *priv;
	struct vu_sched *sched;
	struct vu_notify_conf notify;
	uint32_t nb_queues;
	uint32_t max_queue_size;
	int numa_node;            /**< that the user asked for, -1 none */
	uint64_t max_mem_bytes;   /**< 0: any */
	struct vu_device_queue **queues;
	struct vu_device_events events;
	bool is_connected;
	bool is_detached;
	bool has_features;
	bool is_checking_state;   /**< the driver owes vu_device_state_checked() */
	uint64_t features;        /**< negotiated */
	uint8_t status;
	struct vu_mem_table *mem;
	struct device_change change;
	uint32_t nb_hangs;        /**< notifications that blocked, see vu_device_refuses_calls() */
	uint64_t hang_tsc;        /**< of the last one */
	struct vu_fd_account *fd_account; /* of what front-ends send */
	struct vu_log_limit life_log;  /**< lines about connections and rings that come and go */
	struct vu_log_limit fault_log; /**< lines about what a front-end does wrong */
	vu_device_done_fn disconnected;
	void *disconnected_arg;
};

/** Driver by name; NULL if unknown. */
const struct vu_device_ops *device_driver_find(const char *name);

/** Create the queues and place them on workers. @return 0 or -errno */
int device_queues_create(struct vu_device *dev, const struct vu_device_conf *conf);

/** Free the queues; none may be scheduled. */
void device_queues_destroy(struct vu_device *dev);

/**
 * Let kicks wake the queue's worker, if it has a kick descriptor; and no longer, before that is
 * closed or the queue moves.
 */
void device_queue_watch_kick(struct vu_device_queue *queue);
void device_queue_unwatch_kick(struct vu_device_queue *queue);

/** Poll function of every queue's task. */
uint32_t device_queue_poll(struct vu_task *task);

/** Protocol features that the driver's ops make possible. */
uint64_t device_possible_protocol_features(const struct vu_device *dev);

/** Log the fault of a ring that was given up, once, and count notifications that blocked. */
void device_queue_tell(struct vu_device_queue *queue);

/** A descriptor of the front-end blocked who wrote to it. */
void device_count_hangs(struct vu_device *dev, uint32_t nb);

/** True if some ring has a published snapshot. */
bool device_is_running(const struct vu_device *dev);

#endif /* DEVICE_H */
