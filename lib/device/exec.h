/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/device: what a device asks of those who poll its queues. Two implementations:
 * exec_sched.c, the data lcores of a scheduler, and exec_app.c, threads of the application.
 * Control lcore.
 */
#ifndef EXEC_H
#define EXEC_H

#include <sys/queue.h>

#include "vu_exec.h"
#include "vu_quiesce.h"

struct device_queue;
struct vu_device;
struct vu_device_conf;

/** End of a wait; in the caller's storage until its function is called. */
struct exec_wait {
	struct vu_sched_wait sched;  /* fn and arg for both; the rest is exec_sched.c's */
	/* exec_app.c */
	TAILQ_ENTRY(exec_wait) link;
	struct vu_device *dev;
};

struct exec_ops {
	/* Choose who polls each queue of a new device, by index. @return 0 or -errno */
	int (*assign)(struct vu_device *dev, const struct vu_device_conf *conf,
		unsigned int *worker_of_queue);
	/* Prepare a queue that was assigned. */
	void (*init)(struct device_queue *queue);
	/* The queue has its first snapshot: have it polled. @return 0 or -ENOMEM */
	int (*attach)(struct device_queue *queue);
	/* Its snapshot was taken away: no more polls. @return true: the wait was started */
	bool (*detach)(struct device_queue *queue, struct exec_wait *wait);
	/* Another snapshot took its place, or a kick came: have it looked at. */
	void (*refresh)(struct device_queue *queue);
	/* The wait is over when nobody uses what was unpublished before this call. */
	void (*quiesce)(struct vu_device *dev, struct exec_wait *wait);
	/* Have another lcore poll it. @return 0 or -errno: it stays */
	int (*move)(struct device_queue *queue, unsigned int lcore_id);
	bool (*is_moving)(const struct device_queue *queue);
	/* Lcore that polls it, and its NUMA node; -1 = not known. */
	int (*lcore)(const struct device_queue *queue);
	int (*node)(const struct device_queue *queue);
	/* Let kicks wake who polls the queue, if it has a kick fd; and no longer. */
	void (*kick_add)(struct device_queue *queue);
	void (*kick_remove)(struct device_queue *queue);
};

extern const struct exec_ops exec_sched_ops;
extern const struct exec_ops exec_app_ops;

#endif /* EXEC_H */
