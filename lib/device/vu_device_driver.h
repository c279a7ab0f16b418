/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: what a device driver implements and what it may use of its device.
 * A driver is a folder with one ops table and VU_DEVICE_DRIVER(ops); a NULL op means the default
 * beside it.
 */
#ifndef VU_DEVICE_DRIVER_H
#define VU_DEVICE_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "vu_atomic.h"
#include "vu_device.h"
#include "vu_device_control.h"
#include "vu_exec.h"
#include "vu_export.h"
#include "vu_sched.h"
#include "vu_vring_notify.h"
#include "vu_vring_packed.h"
#include "vu_vring_poll.h"
#include "vu_vring_split.h"

VU_API_BEGIN

struct vu_device_queue;

/** Counters that the owner lcore of a queue writes. */
struct vu_device_queue_counters {
	uint64_t nb_packets;
	uint64_t nb_bytes;
	uint64_t nb_direct; /**< packets copied from guest to guest, without a buffer between */
	uint64_t nb_drops[VU_MAX_DROPS];
	uint64_t nb_faults;
};

/**
 * Handle one queue: take what is there, at most a burst or two, and set the next idle word in
 * queue->task.idle_word.
 *
 * @param queue  queue with a running ring
 * @param snap   its snapshot, valid during the call
 * @return items handled; 0 = nothing to do
 * @context owner lcore
 */
typedef uint32_t (*vu_device_queue_poll_fn)(struct vu_device_queue *queue,
	const struct vu_vring_snapshot *snap);

/** Who finds the ring of a queue that the application polls. */
enum vu_pause {
	VU_PAUSE_NONE,   /**< its owner */
	VU_PAUSE_ALL,    /**< nobody */
	VU_PAUSE_SHARED, /**< threads that take turns; not before the owner's last burst is over */
	VU_PAUSE_BACK,   /**< nobody; the owner again once a burst of those is over */
};

/** One virtqueue of a device: what its driver and those who poll it use. */
struct vu_device_queue {
	struct vu_task task;             /**< first: hot on the owner lcore */
	vu_device_queue_poll_fn poll;    /**< fixed after the driver's create op */
	struct vu_device *dev;           /**< fixed */
	void *priv;                      /**< driver's, fixed after its create op */
	/**
	 * Fixed after the driver's create op: the queue does not wait for its guest; the caller
	 * that changes its idle word calls vu_device_queue_wake().
	 */
	bool is_woken;
	bool may_sleep;                  /**< fixed: data lcores may sleep */
	enum vu_device_queue_direction direction; /**< fixed after the driver's create op */
	/** owner lcore: odd while a thread of the application is in a burst call */
	uint32_t turn;
	uint32_t is_paused;              /**< atomic: enum vu_pause, who finds the ring */
	uint32_t own_turn;               /**< fixed while it is shared: turn when that began */
	/** who holds the lock of a shared queue: odd in a burst call */
	uint32_t shared_turn;
	struct vu_vring vring;
	bool is_failed;                  /**< owner lcore: the fault was reported */
	uint32_t nb_retries_seen;        /**< owner lcore: nb_retries at the last retry */
	uint32_t nb_retries;             /**< control lcore: translations may have come */
	struct vu_device_queue_counters counters __rte_cache_aligned;
	uint64_t nb_control_drops;       /**< control lcore: frames of its own */
	unsigned int control_drop;       /**< why; fixed after the driver's create op */
	const char *variant;             /**< control lcore; static; NULL: there is one way */
};

/** Operations of a device driver; control lcore unless said otherwise. */
struct vu_device_ops {
	const char *name;                /**< "net" */
	uint32_t virtio_id;              /**< device type of the virtio specification */
	/** queues that belong on one lcore together, 2 for pairs */
	uint32_t queue_group;
	/** names of the driver's own drop reasons, from VU_NB_COMMON_DROPS on */
	const char *const *drop_names;
	uint32_t nb_drop_names;          /**< at most VU_MAX_DROPS - VU_NB_COMMON_DROPS */
	const struct vu_key *keys;       /**< arguments, ends in a row without a name; NULL: none */
	/**
	 * Allocate and check; fills queue->priv, poll and direction. Default: nothing, for a driver
	 * with serve_chain.
	 *
	 * @return 0 or -errno
	 */
	int (*create)(struct vu_device *dev, const struct vu_device_conf *conf);
	/**
	 * First half of destruction: let no data lcore find the device any more. A grace period
	 * follows.
	 */
	void (*detach)(struct vu_device *dev);
	void (*destroy)(struct vu_device *dev);
	/**
	 * Offered features without vhost-user's own bits; default: VERSION_1, INDIRECT_DESC and
	 * EVENT_IDX.
	 */
	uint64_t (*features)(const struct vu_device *dev);
	/** Negotiated features changed; default: nothing. */
	void (*acked_features)(struct vu_device *dev, uint64_t features);
	/**
	 * Protocol features of this kind of device, VHOST_USER_PROTOCOL_F_* bits. One without its
	 * ops here is not offered, whatever this allows. Default: all that the ops make possible,
	 * without HOST_NOTIFIER. The back-end channel (BACKEND_REQ) is offered if it is among
	 * them, if another one of them needs it, or with the op set_backend_req.
	 */
	uint64_t (*protocol_features)(const struct vu_device *dev);
	/** GET_QUEUE_NUM; default: number of virtqueues. */
	uint32_t (*queue_num)(const struct vu_device *dev);
	/** Configuration space; default: -EOPNOTSUPP. */
	int (*get_config)(const struct vu_device *dev, uint32_t offset, void *buf, uint32_t len);
	int (*set_config)(struct vu_device *dev, uint32_t offset, const void *buf, uint32_t len,
		bool is_migration);
	/** NET_SET_MTU; default: -EOPNOTSUPP. */
	int (*set_mtu)(struct vu_device *dev, uint64_t mtu_bytes);
	/** Device reset; default: nothing. */
	void (*reset_device)(struct vu_device *dev);
	/** How the driver's own threads share a ring, see vu_vring_poll.h; default: they do not. */
	enum vu_lock_model lock_model;
	/** Number of virtqueues; called before create; default: what the user configured. */
	uint32_t (*num_queues)(const struct vu_device_conf *conf);
	/** Largest ring in entries, at most the configured one; default: that. */
	uint32_t (*max_queue_size)(const struct vu_device *dev);
	/**
	 * Queues for the first, second, ... worker if the user gave no counts; called before
	 * create; default: by load.
	 *
	 * @param counts      filled, at most max_counts entries
	 * @return entries filled; [2, 2, 4] = two queues, two queues, four queues. Entries beyond
	 *         the workers there are do not count
	 */
	unsigned int (*queues_per_thread)(const struct vu_device_conf *conf,
		unsigned int *counts, unsigned int max_counts);
	/** EVENT_IDX was negotiated or not; default: nothing. */
	void (*set_event_idx)(struct vu_device *dev, bool is_enabled);
	/**
	 * Guest memory is about to become `mem`, NULL = gone; the former table stays valid until
	 * the rings have left it. Default: accepted.
	 *
	 * @return 0; -errno refuses the table, not if it is NULL
	 */
	int (*update_memory)(struct vu_device *dev, const struct vu_mem_table *mem);
	/** The back-end channel (vu_device_channel.h) is there or gone; default: nothing. */
	void (*set_backend_req)(struct vu_device *dev, bool is_available);
	/** Fd of a shared object, now the caller's, or -errno; default: feature off. */
	int (*get_shared_object)(struct vu_device *dev, const uint8_t *uuid);
	/** The GPU socket (vu_device_gpu.h) is there or gone; default: GPU_SET_SOCKET refused. */
	int (*set_gpu_socket)(struct vu_device *dev, bool is_available);
	/** Crypto sessions, see vu_device_control.h; default: CRYPTO_SESSION is off. */
	int (*create_crypto_session)(struct vu_device *dev, const void *params, uint32_t len_bytes,
		int64_t *session_id);
	int (*close_crypto_session)(struct vu_device *dev, uint64_t session_id);
	/** State transfer, see vu_device_control.h; default: DEVICE_STATE is off. */
	int (*set_device_state_fd)(struct vu_device *dev, enum vu_state_direction direction, int fd,
		int *reply_fd);
	/** @return 0, -errno, or -EINPROGRESS and vu_device_state_checked() later */
	int (*check_device_state)(struct vu_device *dev);
	/** Fill in the shared memory regions; sizes[] is all zero; default: SHMEM is off. */
	void (*get_shmem_config)(const struct vu_device *dev, uint64_t *sizes);
	/** SEND_RARP; default: RARP is off. */
	int (*send_rarp)(struct vu_device *dev, const uint8_t *mac);
	/**
	 * Handle an fd that the application registered (vu_daemon_listener_add()). Owner
	 * lcore: that of event->worker_idx. Queues for which vu_task_is_mine() holds may be used.
	 * Default: none can be registered.
	 */
	void (*handle_event)(struct vu_device *dev, const struct vu_device_event *event);
	/**
	 * Eventfd, stays the driver's, that ends a worker's loop when written to;
	 * VU_FD_NONE = none; default: none.
	 */
	int (*exit_event)(struct vu_device *dev, unsigned int worker_idx);
	/** Bytes of a ring's snapshot that are the driver's, see vu_vring_snapshot_priv(). */
	uint32_t snapshot_bytes;
	/**
	 * A snapshot is about to be published, the first of a ring that starts or one in place of
	 * another: fill the driver's part with all that a burst depends on. Default: nothing.
	 */
	void (*snapshot_init)(struct vu_device_queue *queue, struct vu_vring_snapshot *snap);
	/** A ring is about to start; its position is set. Default: nothing. */
	void (*queue_start)(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);
	/** Owner lcore: a ring was given up; release what waits for it. Default: nothing. */
	void (*queue_fault)(struct vu_device_queue *queue);
	/**
	 * Owner lcore: a ring that waited for a translation goes on; first with what waits for it.
	 * Default: nothing waits.
	 */
	void (*queue_retry)(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);
	/**
	 * No burst uses `snap` any more: its ring stops (queue->vring.snapshot is NULL) or has
	 * another one. Requests that were begun with it may still be in flight: they, their guest
	 * memory and the ring stay valid until the driver calls vu_device_queue_drained(), and
	 * GET_VRING_BASE or the end of the session waits for that. Default: nothing is in flight.
	 *
	 * @return 0; -EINPROGRESS vu_device_queue_drained() follows
	 */
	int (*queue_drain)(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);
	/** A ring is quiet and drained; what the driver held for it is released. */
	void (*queue_stop)(struct vu_device_queue *queue);
	/** The front-end left and no lcore works for it any more. Default: nothing. */
	void (*disconnected)(struct vu_device *dev);
	/** Numbers of the driver's own for /vu/info: call `add` for each. Default: none. */
	void (*figures)(const struct vu_device *dev, vu_device_figure_fn *add, void *arg);
	/**
	 * Features that may change while rings run: their snapshots are replaced. Default: only
	 * VHOST_F_LOG_ALL.
	 */
	uint64_t running_features;
	/**
	 * Serve one chain of buffers: read its first chain->nb_read segments, write to the others.
	 * Set in place of queue->poll, for all queues; taking and returning chains, notifications
	 * and counters are done by the library. Owner lcore. Default: queue->poll.
	 *
	 * @return bytes written, from the first one that can be written to on
	 */
	uint32_t (*serve_chain)(struct vu_device_queue *queue, const struct vu_chain *chain);
	/**
	 * Buffers are returned by vu_ring_commit() and the like, in the order they came: a packed
	 * ring whose last back-end was killed goes on where its descriptors say. Default: where the
	 * front-end's base says.
	 */
	bool is_in_order;
	/** Rings are tracked in vu_device_queue_inflight(). Default: INFLIGHT_SHMFD is off. */
	bool has_inflight;
};

/** Driver's own data of a device, as set by vu_device_set_priv(). @context any thread */
void *vu_device_priv(const struct vu_device *dev);

/** Set the driver's own data; from the create op. @context control lcore */
void vu_device_set_priv(struct vu_device *dev, void *priv);

/** Queue of a device; queue_idx below vu_device_nb_queues(). @context any thread */
struct vu_device_queue *vu_device_queue(const struct vu_device *dev, uint32_t queue_idx);

/** Scheduler the device's tasks run on. @context control lcore */
struct vu_sched *vu_device_sched(const struct vu_device *dev);

/**
 * NUMA node of the lcore a queue is assigned to, SOCKET_ID_ANY if unknown.
 * @context control lcore
 */
int vu_device_queue_node(const struct vu_device_queue *queue);

/**
 * Give up a ring in which a fault was found (queue->vring.pos.fault): error eventfd, counter,
 * session, once; and the driver's queue_fault op. The ring is not touched again until the front-end
 * sets it up again. A ring that only lacks a translation (VU_VRING_IOTLB_MISS) is not given up: it
 * is asked for, and vu_device_queue_retry() ends the wait. A poll function need not call this for
 * its own queue.
 *
 * @param queue  queue owned by the calling lcore
 * @param snap   its snapshot
 * @context owner lcore
 */
void vu_device_queue_fail(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap);

/**
 * Part of the in-flight region for a ring, for vu_vring_guard_track() in the queue_start op.
 *
 * @param queue       queue
 * @param nb_entries  set to the entries that it has
 * @return stays valid until the ring has stopped; NULL: the front-end keeps none
 * @context control lcore
 */
void *vu_device_queue_inflight(const struct vu_device_queue *queue, uint16_t *nb_entries);

/**
 * Go on with a ring that waits for a translation, if there are others now than when it was found
 * missing.
 *
 * @param queue  queue with VU_VRING_IOTLB_MISS in its fault
 * @return snapshot to go on with; NULL it waits, or waits again
 * @context owner lcore
 */
const struct vu_vring_snapshot *vu_device_queue_retry(struct vu_device_queue *queue);

/**
 * All requests that queue_drain answered -EINPROGRESS for are complete.
 *
 * @param queue  queue
 * @context control lcore
 */
void vu_device_queue_drained(struct vu_device_queue *queue);

/**
 * Result of a state transfer for which check_device_state answered -EINPROGRESS. Nothing happens if
 * the front-end left meanwhile.
 *
 * @param dev  device
 * @param rc   0 or -errno
 * @context control lcore
 */
void vu_device_state_checked(struct vu_device *dev, int rc);

/**
 * Begin a burst on a queue that the application polls. Each call is followed by
 * vu_device_queue_leave(), in the same thread; they do not nest.
 *
 * @param queue  queue that no other thread is polling
 * @return snapshot, valid until vu_device_queue_leave(); NULL while the ring does not run or the
 *         queue is paused
 * @context thread of the application that polls the queue
 */
static __rte_always_inline const struct vu_vring_snapshot *
vu_device_queue_enter(struct vu_device_queue *queue)
{
	vu_store(&queue->turn, queue->turn + 1);
	/* Turn before the others: a compiler's order here, a processor's by membarrier() there. */
	rte_compiler_barrier();
	/* Pairs with the release in vu_exec_app_resume(): what was set up before is there. */
	if (unlikely(vu_load_acquire(&queue->is_paused) != 0))
		return NULL;
	return vu_vring_snapshot_load(&queue->vring);
}

/** End of a burst, see vu_device_queue_enter(). @context as there */
static __rte_always_inline void
vu_device_queue_leave(struct vu_device_queue *queue)
{
	/* Pairs with the acquire in exec_app.c: what used the snapshot is over. */
	vu_store_release(&queue->turn, queue->turn + 1);
}

/**
 * Snapshot of a burst that may begin: none if the ring was given up, or waits for a translation.
 *
 * @param queue  queue
 * @param snap   what vu_device_queue_enter() returned
 * @return snapshot, or NULL
 * @context thread of the application that polls the queue
 */
static __rte_always_inline const struct vu_vring_snapshot *
vu_device_queue_usable(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	if (likely(queue->vring.pos.fault == VU_VRING_OK))
		return snap;
	return queue->vring.pos.fault == VU_VRING_IOTLB_MISS ? vu_device_queue_retry(queue) : NULL;
}

/**
 * vu_device_queue_enter() on a shared queue (vu_exec_app_share()), for threads that take turns by a
 * lock of their own; vu_device_queue_leave_shared() follows. The owner of the queue may call the
 * other one meanwhile, and finds no ring.
 *
 * @context any thread that holds the lock
 */
static __rte_always_inline const struct vu_vring_snapshot *
vu_device_queue_enter_shared(struct vu_device_queue *queue)
{
	vu_store(&queue->shared_turn, queue->shared_turn + 1);
	rte_compiler_barrier(); /* as there */
	/* Pairs with the release in vu_exec_app_share(): own_turn is set. */
	if (unlikely(vu_load_acquire(&queue->is_paused) != VU_PAUSE_SHARED))
		return NULL;
	/* The owner is still in the burst that it was in: pairs with its release. */
	if (unlikely((queue->own_turn & 1) != 0 &&
			vu_load_acquire(&queue->turn) == queue->own_turn))
		return NULL;
	return vu_vring_snapshot_load(&queue->vring);
}

/** End of a burst, see vu_device_queue_enter_shared(). @context as there */
static __rte_always_inline void
vu_device_queue_leave_shared(struct vu_device_queue *queue)
{
	vu_store_release(&queue->shared_turn, queue->shared_turn + 1); /* pairs as above */
	rte_compiler_barrier(); /* turn before the other, as in vu_device_queue_enter() */
	if (unlikely(vu_load(&queue->is_paused) == VU_PAUSE_BACK))
		vu_exec_app_give_back(queue);
}

/**
 * After the part of the driver in a burst, no matter who polls: write a notification that is due,
 * give up a ring with a fault, and see that the task of such a queue is polled as often as that
 * needs.
 *
 * @param queue  queue
 * @param snap   its snapshot
 * @context owner lcore
 */
static __rte_always_inline void
vu_device_queue_end_burst(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	/* Until a notification that was put off is written, each turn reads the clock. */
	if (unlikely(vu_vring_notify_check(snap, &queue->vring.pos)))
		queue->task.idle_word = (struct vu_idle_word)VU_IDLE_WORD_ALWAYS;
	if (unlikely(queue->vring.pos.fault != VU_VRING_OK)) {
		vu_device_queue_fail(queue, snap);
		queue->task.idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
	}
}

/** Count a drop. @context owner lcore */
static inline void
vu_device_queue_drop(struct vu_device_queue *queue, unsigned int reason, uint64_t nb)
{
	vu_counter_add(&queue->counters.nb_drops[reason], nb);
}

/** Count packets carried. @context owner lcore */
static inline void
vu_device_queue_count(struct vu_device_queue *queue, uint64_t nb_packets, uint64_t nb_bytes)
{
	vu_counter_add(&queue->counters.nb_packets, nb_packets);
	vu_counter_add(&queue->counters.nb_bytes, nb_bytes);
}

/**
 * Set the idle word of a queue: ready when the guest makes buffers available.
 * @context owner lcore
 */
static inline void
vu_device_queue_set_idle_word(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct vu_idle_word *idle_word = &queue->task.idle_word;
	const struct vu_vring_pos *pos = &queue->vring.pos;

	idle_word->word = snap->is_packed ?
		vu_packed_idle_word(snap, pos, &idle_word->idle, &idle_word->mask) :
		vu_split_idle_word(snap, pos, &idle_word->idle, &idle_word->mask);
}

/**
 * Wake the owner lcore of a queue if it sleeps, after its idle word was changed.
 * @context any thread
 */
static inline void
vu_device_queue_wake(const struct vu_device_queue *queue)
{
	if (unlikely(queue->may_sleep))
		vu_sched_lcore_wake(&queue->task);
}

/** Worker of VU_DEVICE_DRIVER(). @context constructors, before main() */
void vu_device_driver_register(const struct vu_device_ops *ops);

/** Register a driver at program start. */
#define VU_DEVICE_DRIVER(ops) \
	RTE_INIT(ops##_register) \
	{ \
		vu_device_driver_register(&ops); \
	}

VU_API_END

#endif /* VU_DEVICE_DRIVER_H */
