/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/device: the device itself.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <sys/queue.h>

#include "vu_device_driver.h"
#include "vu_log.h"
#include "vu_mem_iotlb.h"
#include "vu_sched.h"
#include "vu_vring_miss.h"

#include "exec.h"

#define DEVICE_NAME_BYTES 32

/** A published change that is not complete. */
struct device_change {
	uint32_t nb_waits;        /**< grace periods, removals and drains still to come */
	bool is_quiesced;         /**< only drains are */
	vu_device_done_fn done;
	void *arg;
	struct exec_wait grace;
	struct vu_mem_table *retired_mem;
	struct vu_mem_log *retired_log;
	struct vu_mem_iova *retired_iova;
};

/** A translation that was asked for. */
struct device_want {
	struct vu_iotlb_miss miss;
	uint64_t sent_tsc; /**< 0: not yet */
};

/** Translations that a queue lacks. */
struct device_misses {
	/* Owner lcore fills and sets, control takes and clears. */
	uint32_t is_posted;
	struct vu_vring_misses posted;
	/** table that they were missing in: compared with others, not used */
	const struct vu_mem_table *table;
	/* Control lcore. */
	uint32_t nb_wants;
	struct device_want wants[VU_MAX_IOTLB_MISSES];
	bool is_late;      /**< nothing was missing: the tick lets the ring go on */
};

/** An in-flight region and what it was made for. */
struct device_inflight {
	struct vu_mem_shared *region; /**< NULL: none */
	uint16_t nb_queues;
	uint16_t queue_size;
};

/** A queue with what its driver does not see. Control lcore. */
struct device_queue {
	struct vu_device_queue head; /**< first */
	/* exec_sched.c */
	unsigned int worker_idx;         /**< worker the queue is assigned to */
	bool is_scheduled;               /**< the task was added to its worker */
	bool has_kick_interest;          /**< a kick wakes the worker */
	uint32_t app_turn;               /**< exec_app.c: the turns when the last wait began */
	uint32_t app_shared_turn;
	/* device_notify.c */
	bool is_fault_reported;          /**< it was logged */
	uint64_t nb_stalls;               /**< notifications that blocked, so far */
	bool has_new_call;               /**< a call fd came, or a position: signal it once */
	int retired_call_fd;
	int retired_err_fd;
	/* device_commit.c */
	bool is_dirty;                   /**< a commit has to rebuild the snapshot */
	bool is_over;                    /**< new values came: stopped until a kick fd or ENABLE */
	bool has_new_base;               /**< they include the base: not the one where it stops */
	bool is_waiting;                 /**< it has no snapshot for want of translations */
	bool is_stopping;                /**< released when the commit is complete */
	bool is_draining;                /**< the driver owes vu_device_queue_drained() */
	uint64_t nb_chains_at_start;     /**< counters.nb_chains when the ring started */
	bool was_kicked_at_start;        /**< its kick fd, which nobody reads, had kicks then */
	int refusal;                     /**< errno of a snapshot that could not be built */
	struct exec_wait removal;
	struct vu_vring_snapshot *retired_snapshot;
	struct device_misses misses;     /**< device_iotlb.c */
	struct device_server *server;    /**< device_serve.c; NULL: the driver polls */
};

/** All fields belong to the control lcore; data lcores see queues, ops and events only. */
struct vu_device {
	TAILQ_ENTRY(vu_device) link;
	char name[DEVICE_NAME_BYTES];
	uint32_t id;
	const struct vu_device_ops *ops;
	void *priv;
	const struct exec_ops *exec;
	struct vu_sched *sched;   /**< of exec_sched.c, else NULL */
	struct vu_account *accounts; /**< exec_sched.c: of its queues, one for each worker */
	struct vu_exec_app *app;  /**< of exec_app.c, else NULL */
	struct vu_notify_conf notify;
	uint32_t nb_queues;
	uint32_t max_queue_size;
	int numa_node;            /**< that the user asked for, -1 none */
	struct vu_mem_policy mem_policy;
	bool has_inband;          /**< offers notifications as messages */
	struct device_queue **queues;
	struct vu_device_events events;
	void (*changed)(void *arg);
	void (*kick_changed)(void *arg, uint32_t queue_idx, int kick_fd);
	void *changed_arg;
	bool is_connected;
	bool has_run;             /**< a ring ran for this front-end, or the last one */
	bool is_detached;
	bool has_features;
	bool is_checking_state;   /**< the driver owes vu_device_state_checked() */
	uint64_t features;        /**< negotiated */
	uint8_t status;
	struct vu_mem_table *mem;
	uint64_t protocol_features; /**< acknowledged */
	struct vu_mem_log *log;   /**< dirty log; NULL: none so far */
	bool is_log_used;         /**< a ring has run with it */
	uint64_t nb_log_misses;   /**< of logs that are gone */
	struct device_inflight inflight;      /**< that rings use */
	struct device_inflight next_inflight; /**< once none of them runs */
	struct vu_iotlb *iotlb;   /**< NULL: the guest's driver gives us guest addresses */
	struct vu_mem_iova *iova; /**< what rings have of it */
	bool is_iotlb_dirty;      /**< a commit has to rebuild that */
	uint64_t nb_iotlb_asked;  /**< misses sent */
	struct device_change change;
	uint32_t nb_stalls;        /**< notifications that blocked, see vu_device_refuses_calls() */
	uint64_t stall_tsc;        /**< of the last one */
	struct vu_peer_group *peers; /**< front-ends, past ones included */
	struct vu_log_limit life_log;  /**< lines about connections and rings that come and go */
	struct vu_log_limit fault_log; /**< lines about what a front-end does wrong */
	vu_device_done_fn disconnected;
	void *disconnected_arg;
};

/* device.c */

/** Report to the creator that something may have changed. */
void device_changed(const struct vu_device *dev);

/* device_registry.c */

/** Driver by name; NULL if unknown. */
const struct vu_device_ops *device_driver_find(const char *name);

/* device_ring.c */

/** True if the packed layout was negotiated. */
bool device_is_packed(const struct vu_device *dev);
/** True if a ring runs that its front-end has not disabled and that was not given up. */
bool device_queue_is_in_use(const struct device_queue *queue);
/**
 * New values come for a ring: with the next commit it stops, as if GET_VRING_BASE had been sent,
 * and waits for a kick fd or for being enabled.
 *
 * @return 0, also if it does not run; -EBUSY it is in use
 */
int device_queue_end(struct device_queue *queue);

/* device_queue.c */

/** Create the queues and have them assigned. @return 0 or -errno */
int device_queues_create(struct vu_device *dev, const struct vu_device_conf *conf);
/** Free the queues; nobody may poll them. */
void device_queues_destroy(struct vu_device *dev);

/* device_serve.c */

/** Have a queue served by the driver's serve_chain op. @return 0; -errno, call the next one */
int device_serve_init(struct device_queue *queue);
/** Free what device_serve_init() made, if anything. */
void device_serve_fini(struct device_queue *queue);

/* device_request.c */

/** Protocol features that the driver's ops make possible. */
uint64_t device_possible_protocol_features(const struct vu_device *dev);
/** Protocol features `bits`, and the back-end channel if something of them goes over it. */
uint64_t device_add_channel_features(const struct vu_device *dev, uint64_t bits);

/* device_commit.c */

/** True if some ring has a published snapshot. */
bool device_is_running(const struct vu_device *dev);

/* device_inflight.c */

/** A ring is about to start. */
void device_inflight_start(struct vu_device *dev);
/** The front-end is gone, and no ring runs. */
void device_inflight_end(struct vu_device *dev);

/* device_log.c */

/** Features or rings changed: is the dirty log still that of this migration? */
void device_log_features(struct vu_device *dev, uint64_t features);
/** Log for a ring's next snapshot in `log`. @return false: it must not run before one is there */
bool device_log_prepare(struct vu_device *dev, struct vu_mem_log **log);
/** Unmap what no snapshot refers to any more. */
void device_log_release(struct vu_device *dev);

/* device_iotlb.c */

/** Features are about to change. @return 0 or -ENOMEM */
int device_iotlb_features(struct vu_device *dev, uint64_t features);
/** Guest memory changed, to none with NULL. */
void device_iotlb_set_mem(struct vu_device *dev, const struct vu_mem_table *mem);
/** Rings stopped: what a guest unmaps is not reported any more. */
void device_iotlb_rings_stopped(struct vu_device *dev);
/** Start of a commit: make new tables if need be, and have all rings take them. */
void device_iotlb_prepare(struct vu_device *dev);
/** Tables for a ring's next snapshot in `iova`. @return false: there are none, it must not run */
bool device_iotlb_prepare_ring(struct device_queue *queue);
/** A snapshot was refused. @return true: the ring waits for translations of its own parts */
bool device_iotlb_want_parts(struct device_queue *queue);
/** The commit's snapshots are published: ask for what is missing. */
void device_iotlb_ask(struct vu_device *dev);
/** Free what no snapshot refers to any more. */
void device_iotlb_release(struct vu_device *dev);
/** The front-end left, nobody uses its memory. */
void device_iotlb_fini(struct vu_device *dev);
/** A burst ended at a missing translation. Owner lcore. */
void device_iotlb_miss(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);

/* device_notify.c */

/** Log the fault of a ring that was given up, once, and count notifications that blocked. */
void device_queue_report(struct device_queue *queue);
/** Fds of the front-end blocked who wrote to them. */
void device_count_stalls(struct vu_device *dev, uint64_t nb);
/** Are kicks in its kick fd? Nobody reads it: one is seen ever after. */
bool device_queue_is_kicked(const struct device_queue *queue);
/** Close the fds that data lcores have left. */
void device_queue_close_retired(struct device_queue *queue);

#endif /* DEVICE_H */
