/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A virtio device as its session, telemetry and the daemon see it. A device outlives its session: a
 * new connection starts from a reset device, never from a new one.
 *
 * Changes of rings and memory are made in two steps: mutators (vu_device_ring_*, vu_device_set_mem)
 * note what is to change, vu_device_commit() publishes new snapshots and reports when the old ones
 * are no longer in use. Between a commit that answered -EINPROGRESS and its callback no mutator may
 * be called.
 */
#ifndef VU_DEVICE_H
#define VU_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_bitops.h>

#include "vu_export.h"
#include "vu_mem.h"
#include "vu_vring.h"

VU_API_BEGIN

struct vu_account_stats;
struct vu_channel_request;
struct vu_device;
struct vu_exec_app;
struct vu_peer_group;
struct vu_gpu_request;
struct vu_log_limit;
struct vu_mem_table;
struct vu_key;
struct vu_sched;

/** Life of a device, seen from its session. */
enum vu_device_state {
	VU_DEVICE_IDLE,        /**< no front-end */
	VU_DEVICE_NEGOTIATING, /**< front-end connected, features not set */
	VU_DEVICE_READY,       /**< features set, no ring started */
	VU_DEVICE_RUNNING,     /**< at least one ring started */
	VU_DEVICE_DRAINING,    /**< a change waits for the data lcores */
};

/** Why a packet or request was not carried on; a driver's own reasons follow these. */
enum vu_drop {
	VU_DROP_RING_FULL,    /**< the guest gave no buffers */
	VU_DROP_TOO_BIG,      /**< does not fit the guest's buffers, or longer than we carry */
	VU_DROP_TOO_SHORT,    /**< chain holds no packet behind its header */
	VU_DROP_DISABLED,     /**< ring started but not enabled, or not started */
	VU_DROP_FAULT,        /**< lost with a ring that was given up */
	VU_NB_COMMON_DROPS
};

#define VU_MAX_DROPS 16 /**< reasons of one device, its driver's included */

/** Which way a queue's buffers go. */
enum vu_device_queue_direction {
	VU_DEVICE_QUEUE_TO_GUEST,
	VU_DEVICE_QUEUE_FROM_GUEST,
	VU_DEVICE_QUEUE_BOTH,
};

/** Pin of one virtqueue to one lcore, from --queue-map. */
struct vu_assign_conf;

/** What a device is created from. */
struct vu_device_conf {
	const char *name;           /**< for logs and telemetry, for example "port0"; copied */
	uint32_t nb_queues;         /**< virtqueues, 1..VU_MAX_QUEUES */
	uint32_t max_queue_size;    /**< entries, 1..32768 */
	int numa_node;              /**< -1: wherever the owner lcore is */
	struct vu_mem_policy mem_policy; /**< of guest memory */
	bool has_inband;            /**< offer notifications as messages (protocol feature 14) */
	/** whose data lcores poll the queues; outlives the device */
	struct vu_sched *sched;
	/** without a scheduler: threads of the application poll them (vu_exec.h); outlives it */
	struct vu_exec_app *app;
	const struct vu_assign_conf *assign; /**< placement of the queues; with a scheduler */
	/** for queues whose tasks the scheduler polls; all zero: notify at once */
	struct vu_notify_conf notify;
	/** with a scheduler: share of a lcore's time, see vu_sched_account.h; 0: as everyone */
	uint32_t weight;
	/**
	 * Called on the control lcore when rings, features or the front-end may be other ones;
	 * NULL: nobody asks.
	 */
	void (*changed)(void *arg);
	/**
	 * With app: the kicks of a queue arrive on this eventfd of the front-end, until another
	 * call says VU_FD_NONE; it is not to be read. NULL: nobody waits for kicks.
	 */
	void (*kick_changed)(void *arg, uint32_t queue_idx, int kick_fd);
	void *changed_arg; /**< of both */
	const char *driver_args;    /**< key=value,... for the driver; NULL for none */
	char *errmsg;               /**< one line, filled if the driver refuses its arguments */
	size_t errmsg_bytes;
};

/** Calls from a device to its session. */
struct vu_device_events {
	void *arg;
	/**
	 * A ring was given up or has to be: time for vu_device_report_faults(). Data lcore: must
	 * not block, lock or allocate; two lcores may call at a time.
	 */
	void (*ring_fault)(void *arg, uint32_t queue_idx);
	/**
	 * A ring lacks translations: time for vu_device_iotlb_collect(). Data lcore, as above.
	 * NULL: none of this session's rings is behind an IOMMU.
	 */
	void (*iotlb_miss)(void *arg);
	/**
	 * Send a request to the front-end (vu_device_channel.h); takes its fd. NULL: this
	 * session has no such channel. Control lcore.
	 */
	int (*channel_send)(void *arg, const struct vu_channel_request *request);
	/** The same for the display of a GPU device (vu_device_gpu.h). */
	int (*gpu_send)(void *arg, const struct vu_gpu_request *request);
	/** End of vu_device_check_state(). Control lcore. */
	void (*state_checked)(void *arg, int rc);
};

/** Counters of one queue; see vu_device_queue_stats_get(). */
struct vu_device_queue_stats {
	enum vu_device_queue_direction direction;
	uint64_t nb_packets;
	uint64_t nb_bytes;
	/** of nb_packets: copied from guest to guest; the queue that they came from counts them */
	uint64_t nb_direct;
	uint64_t nb_drops[VU_MAX_DROPS];          /**< by enum vu_drop or driver's */
	const char *drop_names[VU_MAX_DROPS];     /**< static, snake_case; NULL: no such reason */
	struct vu_vring_counters vring;
	enum vu_vring_fault fault;
	uint64_t nb_faults;
	uint64_t nb_cycles;   /**< TSC cycles of data lcores that the queue has paid for */
	uint32_t size;
	bool is_started;
	bool is_enabled;
	bool is_running;      /**< an lcore works on it */
	int lcore_id;      /**< lcore it is assigned to */
	int lcore_node;    /**< NUMA node of that lcore, -1 unknown */
	int state_node;    /**< NUMA node of our own state of the ring, -1 unknown */
	const char *variant; /**< name of the functions chosen for the ring; "" = none so far */
};

/** @name Life cycle
 * @{ */

/**
 * Claim the devices of this process: they have one control lcore, or one control thread.
 *
 * @return 0; -EBUSY another one has them
 * @context any thread
 */
int vu_device_control_claim(void);

/** Undo vu_device_control_claim(). @context any thread */
void vu_device_control_release(void);

/**
 * Create a device.
 *
 * @param driver  name of a registered driver, for example "net"
 * @param conf    see struct vu_device_conf
 * @return device; NULL with rte_errno: ENOENT no such driver, EINVAL or ERANGE placement, ENOMEM,
 *         driver's own
 * @context control lcore
 */
struct vu_device *vu_device_create(const char *driver, const struct vu_device_conf *conf);

/**
 * Argument keys of a driver.
 *
 * @param driver  name of a registered driver
 * @return table that ends in a row without a name; NULL if there is no such driver
 * @context any thread
 */
const struct vu_key *vu_device_driver_keys(const char *driver);

/**
 * Virtqueues per unit of the option queues=, for example 2 for the pairs of a network device.
 *
 * @param driver  name of a registered driver
 * @return 1 or more; 0 if there is no such driver
 * @context any thread
 */
uint32_t vu_device_driver_queue_group(const char *driver);

/**
 * Name of a reason for which queues of a driver drop.
 *
 * @param driver  name of a registered driver
 * @param reason  0..VU_MAX_DROPS - 1, by enum vu_drop or the driver's
 * @return static, snake_case; NULL: no such reason
 * @context any thread
 */
const char *vu_device_driver_drop_name(const char *driver, unsigned int reason);

/**
 * A front-end connected.
 *
 * @param dev     idle device
 * @param events  where ring faults are reported to the session; copied
 * @context control lcore
 */
void vu_device_connect(struct vu_device *dev, const struct vu_device_events *events);

/** Reports that a change is complete. @context control lcore */
typedef void (*vu_device_done_fn)(void *arg);

/**
 * The front-end is gone: stop all rings, close their fds, unmap its memory, forget its
 * features. May be called while a commit is under way; that commit's callback is not called then.
 *
 * @param dev   connected device
 * @param done  called when nothing of the front-end is in use any more; also when that is at once
 * @param arg   for done
 * @context control lcore
 */
void vu_device_disconnect(struct vu_device *dev, vu_device_done_fn done, void *arg);

/**
 * Take a device out of reach of the data lcores, before it is destroyed.
 *
 * @param dev   device without a front-end
 * @param done  called, always later, when vu_device_destroy() may be
 * @param arg   for done
 * @context control lcore
 */
void vu_device_detach(struct vu_device *dev, vu_device_done_fn done, void *arg);

/**
 * Destroy a device.
 *
 * @param dev  detached device, or one whose scheduler never ran; NULL is allowed
 * @context control lcore
 */
void vu_device_destroy(struct vu_device *dev);

/** @} */
/** @name Features and configuration
 * @{ */

/** Did a ring run for the front-end that is connected, or was last? @context control lcore */
bool vu_device_has_run(const struct vu_device *dev);

/** Has a running ring had a buffer since it started? @context control lcore */
bool vu_device_has_carried(const struct vu_device *dev);

/**
 * What may be wrong with rings that run and have never had a buffer, though their guest kicks.
 *
 * @return for people; NULL: nothing, or nobody kicked
 * @context control lcore
 */
const char *vu_device_silence(const struct vu_device *dev);

/**
 * Features the device offers, VHOST_USER_F_PROTOCOL_FEATURES not included.
 * @context control lcore
 */
uint64_t vu_device_features(const struct vu_device *dev);

/** What became of the device's time accounts; all zero without a scheduler. @context any thread */
void vu_device_account_get(const struct vu_device *dev, struct vu_account_stats *stats);

/** Negotiated features. @context control lcore */
uint64_t vu_device_acked_features(const struct vu_device *dev);

/**
 * Protocol features that this kind of device supports (bit numbers of the specification).
 * @context control lcore
 */
uint64_t vu_device_protocol_features(const struct vu_device *dev);

/**
 * Set the negotiated features.
 *
 * @param dev       device
 * @param features  feature word without vhost-user's own bits
 * @return 0; -EINVAL not a subset of what is offered; -EBUSY the rings that run and are enabled
 *         do not allow it; the driver names the features that may change then, with the next
 *         commit
 * @context control lcore
 */
int vu_device_set_features(struct vu_device *dev, uint64_t features);

/**
 * Read the configuration space.
 *
 * @param dev     device
 * @param offset  bytes from its start
 * @param buf     filled with len bytes
 * @param len     bytes
 * @return 0; -EINVAL outside the space; -EOPNOTSUPP device has none
 * @context control lcore
 */
int vu_device_config_get(const struct vu_device *dev, uint32_t offset, void *buf, uint32_t len);

/**
 * Write the configuration space.
 *
 * @param dev           device
 * @param offset        bytes from its start
 * @param buf           len bytes
 * @param len           bytes
 * @param is_migration  restore by a migration: read-only fields may be written
 * @return 0; -EINVAL outside the space; -EACCES read-only field; -EOPNOTSUPP device has none
 * @context control lcore
 */
int vu_device_config_set(struct vu_device *dev, uint32_t offset, const void *buf, uint32_t len,
	bool is_migration);

/**
 * The front-end announces the MTU (NET_SET_MTU).
 *
 * @return 0; -EINVAL value not possible; -EOPNOTSUPP not a network device
 * @context control lcore
 */
int vu_device_set_mtu(struct vu_device *dev, uint64_t mtu_bytes);

/** Virtio device status byte; 0 after a reset. @context control lcore */
uint8_t vu_device_status(const struct vu_device *dev);

/** Set the virtio device status byte. @context control lcore */
void vu_device_set_status(struct vu_device *dev, uint8_t status);

/**
 * Return the device to its initial state: all rings stopped and disabled (RESET_DEVICE). Commit
 * afterwards.
 *
 * @context control lcore
 */
void vu_device_reset(struct vu_device *dev);

/** @} */
/** @name Rings and memory
 * A queue_idx is checked by the caller against vu_device_nb_queues().
 * @{ */

/**
 * NUMA node that guest memory is to be on, as far as it is not allocated yet.
 *
 * @return node that the user asked for, -1 = leave it to the front-end
 * @context control lcore
 */
int vu_device_numa_node(const struct vu_device *dev);

/** Largest ring that the device takes, entries. @context control lcore */
uint32_t vu_device_max_queue_size(const struct vu_device *dev);

/** What the user said of guest memory. @return valid as long as dev. @context control lcore */
const struct vu_mem_policy *vu_device_mem_policy(const struct vu_device *dev);

/** Limit of log lines about sessions and rings that come and go. @context control lcore */
struct vu_log_limit *vu_device_life_log(struct vu_device *dev);

/** Limit of log lines about faults of the device's front-ends. @context control lcore */
struct vu_log_limit *vu_device_fault_log(struct vu_device *dev);

/** Front-ends of the device, with past ones of whom something is left. @context control lcore */
struct vu_peer_group *vu_device_peers(const struct vu_device *dev);

/** Virtqueues of the device. @context control lcore */
uint32_t vu_device_nb_queues(const struct vu_device *dev);

/**
 * Answer to GET_QUEUE_NUM: pairs for a network device, virtqueues for others.
 * @context control lcore
 */
uint32_t vu_device_queue_num(const struct vu_device *dev);

/**
 * Set the ring size. A ring that runs but is disabled, or was given up, stops with the next commit
 * when it gets another size, address or base, or the device other features; it runs again once it
 * gets a kick fd or is enabled.
 *
 * @return 0; -EINVAL size; -EBUSY the ring is running and enabled.
 * @context control lcore
 */
int vu_device_ring_set_size(struct vu_device *dev, uint32_t queue_idx, uint32_t size);

/**
 * Set the ring addresses.
 * @return 0; -EBUSY other addresses while the ring is running and enabled.
 * @context control lcore
 */
int vu_device_ring_set_addr(struct vu_device *dev, uint32_t queue_idx,
	const struct vu_vring_conf *addr);

/**
 * Set the vring base.
 * @return 0; -EINVAL not a position of this layout; -EBUSY not the one of a ring that is running
 *         and enabled.
 * @context control lcore
 */
int vu_device_ring_set_base(struct vu_device *dev, uint32_t queue_idx, uint32_t base);

/** Vring base of a ring that does not run. @context control lcore */
uint32_t vu_device_ring_base(const struct vu_device *dev, uint32_t queue_idx);

/**
 * Start a ring (SET_VRING_KICK): it becomes running with the next commit for which everything is
 * configured.
 *
 * @param dev        device
 * @param queue_idx  ring
 * @param kick_fd    taken; VU_FD_NONE if the front-end relies on polling
 * @context control lcore
 */
void vu_device_ring_start(struct vu_device *dev, uint32_t queue_idx, int kick_fd);

/** Stop a ring (GET_VRING_BASE); it is quiet after the next commit. @context control lcore */
void vu_device_ring_stop(struct vu_device *dev, uint32_t queue_idx);

/** Enable or disable a ring. @context control lcore */
void vu_device_ring_enable(struct vu_device *dev, uint32_t queue_idx, bool is_enabled);

/**
 * Check whether eventfds of the device's front-ends blocked us three times, the last time less than
 * a minute ago: they get no notifications then.
 *
 * @return true: refuse call and error fds
 * @context control lcore
 */
bool vu_device_refuses_calls(struct vu_device *dev);

/**
 * Log the faults of rings that were given up and have not been reported yet, and have the owners
 * give up those whose notifications blocked another lcore.
 *
 * @return false if an eventfd blocked a data lcore: others of that front-end may do the same
 * @context control lcore
 */
bool vu_device_report_faults(struct vu_device *dev);

/** Replace the call fd, VU_FD_NONE for none; taken. @context control lcore */
void vu_device_ring_set_call(struct vu_device *dev, uint32_t queue_idx, int call_fd);

/** Replace the error fd, VU_FD_NONE for none; taken. @context control lcore */
void vu_device_ring_set_err(struct vu_device *dev, uint32_t queue_idx, int err_fd);

/** Guest memory in use; NULL for none. @context control lcore */
const struct vu_mem_table *vu_device_mem(const struct vu_device *dev);

/**
 * Replace the guest memory.
 *
 * @param dev  device
 * @param mem  taken; NULL for none. The former table is destroyed once the next commit is complete
 * @context control lcore
 */
void vu_device_set_mem(struct vu_device *dev, struct vu_mem_table *mem);

/**
 * Publish what the mutators noted.
 *
 * @param dev   device without a commit under way
 * @param done  called on completion, only if -EINPROGRESS is returned
 * @param arg   for done
 * @return 0 complete; -EINPROGRESS the data lcores still may use former snapshots
 * @context control lcore
 */
int vu_device_commit(struct vu_device *dev, vu_device_done_fn done, void *arg);

/** @} */
/** @name Views
 * @{ */

/** Name of the device. @context control lcore */
const char *vu_device_name(const struct vu_device *dev);

/** Name of the device's driver. @context control lcore */
const char *vu_device_driver_name(const struct vu_device *dev);

/** Device type of the virtio specification, 1 for a network device. @context control lcore */
uint32_t vu_device_virtio_id(const struct vu_device *dev);

/** Present state. @context control lcore */
enum vu_device_state vu_device_state(const struct vu_device *dev);

/** Name of a state. @context any thread */
const char *vu_device_state_name(enum vu_device_state state);

/**
 * Poll a queue on another data lcore from now on. A ring that is running goes on while it moves: it
 * is never polled by two lcores, and what waits for it waits in order. The place stays the queue's
 * when its ring stops and starts again.
 *
 * @param dev        device
 * @param queue_idx  below vu_device_nb_queues()
 * @param lcore_id   data lcore
 * @return 0, the former lcore may still be polling it, see vu_device_queue_is_moving(); -EINVAL no
 *         such queue, or the lcore is not a data lcore; -ENOMEM or another -errno: it stays where
 *         it was; -ENOTSUP the application polls it
 * @context control lcore
 */
int vu_device_queue_move(struct vu_device *dev, uint32_t queue_idx, unsigned int lcore_id);

/** Check whether a move is not completed by vu_sched_poll() yet. @context control lcore */
bool vu_device_queue_is_moving(const struct vu_device *dev, uint32_t queue_idx);

/** Takes a number by its name, which is static. */
typedef void vu_device_figure_fn(void *arg, const char *name, uint64_t value);

/** Numbers of the driver's own, for /vu/info. @context control lcore */
void vu_device_figures(const struct vu_device *dev, vu_device_figure_fn *add, void *arg);

/**
 * Counters and state of one queue.
 *
 * @param dev        device
 * @param queue_idx  below vu_device_nb_queues()
 * @param stats      filled
 * @context control lcore
 */
void vu_device_queue_stats_get(const struct vu_device *dev, uint32_t queue_idx,
	struct vu_device_queue_stats *stats);

/**
 * Pages that were written while dirty logs of the device had no bit for them.
 * @context control lcore
 */
uint64_t vu_device_nb_log_misses(const struct vu_device *dev);

/** First device of the process, in order of creation; NULL without any. @context control lcore */
struct vu_device *vu_device_first(void);

/** Device after `dev`; NULL after the last. @context control lcore */
struct vu_device *vu_device_next(const struct vu_device *dev);

/**
 * Number of the device in telemetry, unique in the process and never used again.
 * @context control lcore
 */
uint32_t vu_device_id(const struct vu_device *dev);

/** @} */

VU_API_END

#endif /* VU_DEVICE_H */
