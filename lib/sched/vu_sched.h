/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Data lcores: each worker runs one poll loop over its tasks and never sleeps, allocates or locks.
 * The control lcore adds, wakes, moves and removes tasks through a mailbox per worker and learns
 * from vu_sched_poll() when a worker has quiesced. A worker is addressed by its index, below
 * nb_workers.
 */
#ifndef VU_SCHED_H
#define VU_SCHED_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include "vu_export.h"
#include "vu_quiesce.h"
#include "vu_sched_account.h"
#include "vu_sched_idle.h"

VU_API_BEGIN

struct vu_errmsg;
struct vu_sched;
struct vu_sched_worker;
struct vu_task;

/* ---- idle words ---- */

/**
 * What makes an idle queue cost one load: a task is polled only while
 * ((*word ^ idle) & mask) != 0.
 *
 * word is read as one 32-bit load and may be aligned to 2 bytes only, for example the flags and
 * index of a split available ring with a mask that selects the index. Bits outside the mask may
 * tear, bits inside it must share an aligned 16- or 32-bit field. word is never NULL.
 */
struct vu_idle_word {
	const uint32_t *word;
	uint32_t idle;
	uint32_t mask;
};

/** Always zero; the word of tasks that need none of their own. */
extern const uint32_t vu_idle_word_zero;

/** Initialiser: the task is polled only when it is woken. */
#define VU_IDLE_WORD_NEVER { .word = &vu_idle_word_zero, .idle = 0, .mask = 0 }
/** Initialiser: the task is polled in every turn. */
#define VU_IDLE_WORD_ALWAYS { .word = &vu_idle_word_zero, .idle = 1, .mask = 1 }

/* ---- tasks ---- */

/**
 * Do what there is to do, without blocking, and set the next idle word in task->idle_word.
 *
 * @param task  task being polled; its idle word is still the one that was set last time
 * @return items done (packets, requests), 0 = found nothing to do
 * @context owner lcore
 */
typedef uint32_t (*vu_task_poll_fn)(struct vu_task *task);

/**
 * The lcore is about to sleep, or is awake again (vu_sched_idle.h).
 *
 * @param task      task whose idle word is idle
 * @param is_armed  true: from now on, a change of the idle word has to be followed by a signal to
 *                  an fd of vu_sched_kick_fd_add() or call vu_sched_lcore_wake(); false: no longer.
 *                  The idle word may be gone then
 * @return true: somebody will; false: nobody would, the task has to be polled
 * @context owner lcore
 */
typedef bool (*vu_task_arm_fn)(struct vu_task *task, bool is_armed);

/** Unit of scheduling, in the caller's storage, usually one queue or a group of them. */
struct __rte_cache_aligned vu_task {
	/* Fixed after vu_task_init(). */
	vu_task_poll_fn poll;
	void *arg;
	/**
	 * set before the task is added; NULL: its lcore sleeps only while the idle word has no mask
	 */
	vu_task_arm_fn arm;
	struct vu_account *accounts; /**< of its port, set before the task is added; may be NULL */
	/* Owner lcore. */
	struct vu_idle_word idle_word; /**< written by poll; VU_IDLE_WORD_ALWAYS at first */
	/* Private to lib/sched from here. Owner lcore writes: */
	struct vu_sched_worker *owner; /**< worker that polls the task now, NULL = none */
	/** place in the worker's arrays, never below the true one */
	uint32_t slot;
	uint64_t nb_cycles; /**< TSC cycles that it has paid for, see vu_task_cycles() */

	/* Control lcore writes. */
	alignas(RTE_CACHE_LINE_SIZE) struct vu_sched_worker *home; /**< where it was added */
	struct vu_sched_worker *target; /**< where it is moving to, NULL = it is not moving */
	int worker_idx;                 /**< what vu_task_worker() reports */
	uint32_t is_wake_posted;        /**< 1 = a wake is in the mailbox; the owner clears it */
	struct vu_sched_wait quiesced;  /**< first half of a move */
	struct vu_sched_wait *removal;  /**< wait of a removal under way, NULL = none */
};

/**
 * Prepare a task that belongs to no worker.
 *
 * @param task  caller's storage, aligned to a cache line
 * @param poll  what the owner lcore calls
 * @param arg   left in task->arg for poll
 * @context control lcore
 */
void vu_task_init(struct vu_task *task, vu_task_poll_fn poll, void *arg);

/**
 * Check whether the calling thread runs the loop that owns the task right now.
 *
 * Written by the owner itself as it handles its mailbox, so true can never be stale: it holds
 * until the caller's poll function returns.
 *
 * @param task  initialised task
 * @return true on the owner lcore
 * @context any thread
 */
bool vu_task_is_mine(const struct vu_task *task);

/**
 * Worker that a task is meant to run on; the target while it is moving.
 *
 * @param task  initialised task
 * @return worker index, or -1 if it is not added or being removed
 * @context any thread
 */
int vu_task_worker(const struct vu_task *task);

/**
 * Check whether a worker owns the task; none does before it is added and while it is on the move.
 *
 * @param task  initialised task
 * @return false: the idle word of the task is looked at when it arrives at a worker
 * @context any thread; may change at any time
 */
bool vu_task_has_owner(const struct vu_task *task);

/**
 * Time that a task has paid for: its polls, and what vu_account_pass() made it pay.
 *
 * @param task  initialised task
 * @return TSC cycles, roughly
 * @context any thread
 */
uint64_t vu_task_cycles(const struct vu_task *task);

/* ---- life cycle ---- */

/**
 * Create a scheduler with one worker per lcore; no loop runs yet.
 *
 * @param lcore_ids  distinct lcores, 0..RTE_MAX_LCORE - 1; worker i is lcore_ids[i]
 * @param nb_lcores  1..RTE_MAX_LCORE
 * @return scheduler, or NULL with rte_errno: EINVAL bad or repeated lcore, ENOMEM
 * @context control lcore
 */
struct vu_sched *vu_sched_create(const unsigned int *lcore_ids, unsigned int nb_lcores);

/**
 * Free a scheduler. Pending waits are completed first, so their functions may run in here.
 *
 * @param sched  scheduler without a running loop, or NULL; storage of tasks that are still added
 *               must be valid, the tasks count as not added afterwards
 * @context control lcore
 */
void vu_sched_destroy(struct vu_sched *sched);

/**
 * Launch the loop of every worker on its lcore.
 *
 * @param sched  scheduler
 * @return 0; -EINVAL a worker's lcore is not enabled in EAL or is the main lcore;
 *         -EBUSY an lcore or a loop is already running; nothing runs after a failure
 * @context control lcore
 */
int vu_sched_start(struct vu_sched *sched);

/**
 * Make every running loop end and wait for it, those in threads of the application included.
 *
 * @param sched  scheduler; stopping twice is allowed
 * @context control lcore
 */
void vu_sched_stop(struct vu_sched *sched);

/**
 * Run the loop of one worker in the calling thread until it is stopped.
 *
 * vu_sched_start() does this on lcores; tests and embedders call it from threads of their own,
 * which need not be known to EAL.
 *
 * @param sched       scheduler
 * @param worker_idx  0..nb_workers - 1
 * @return 0 after a stop; -EINVAL no such worker; -EBUSY another thread runs this worker
 * @context any thread but the control lcore; becomes the owner lcore of the worker's tasks
 */
int vu_sched_loop(struct vu_sched *sched, unsigned int worker_idx);

/**
 * Run one turn of a worker's loop in the calling thread: mailbox, then every ready task once.
 *
 * For tests without threads and for applications with a main loop of their own.
 *
 * @param sched       scheduler
 * @param worker_idx  0..nb_workers - 1
 * @return items done, at most INT_MAX; -EINVAL no such worker; -EBUSY another thread runs it
 * @context any thread; owner lcore of the worker's tasks during the call
 */
int vu_sched_turn(struct vu_sched *sched, unsigned int worker_idx);

/**
 * Ask one worker's loop to end after its current turn; does not wait.
 *
 * A request made while the loop does not run is kept: the next vu_sched_loop() returns at once.
 * vu_sched_start() drops such requests. Tasks stay with the worker and are not polled.
 *
 * @param sched       scheduler
 * @param worker_idx  0..nb_workers - 1
 * @return 0, or -EINVAL no such worker
 * @context any thread, signal-safe
 */
int vu_sched_worker_stop(struct vu_sched *sched, unsigned int worker_idx);

/**
 * Check whether some thread is inside the loop of a worker.
 *
 * @param sched       scheduler
 * @param worker_idx  0..nb_workers - 1
 * @return true between entry and end of the loop; false for an unknown worker
 * @context any thread
 */
bool vu_sched_worker_is_running(const struct vu_sched *sched, unsigned int worker_idx);

/**
 * Number of workers.
 *
 * @param sched  scheduler
 * @return number of workers, fixed after creation
 * @context any thread
 */
unsigned int vu_sched_nb_workers(const struct vu_sched *sched);

/**
 * Lcore that a worker stands for.
 *
 * @param sched       scheduler
 * @param worker_idx  0..nb_workers - 1
 * @return lcore id, or LCORE_ID_ANY for an unknown worker
 * @context any thread
 */
unsigned int vu_sched_worker_lcore(const struct vu_sched *sched, unsigned int worker_idx);

/**
 * Worker that stands for an lcore.
 *
 * @param sched     scheduler
 * @param lcore_id  any number
 * @return worker index; -1 if it is not a data lcore of this scheduler
 * @context any thread
 */
int vu_sched_lcore_worker(const struct vu_sched *sched, unsigned int lcore_id);

/**
 * Write which lcores are data lcores, for messages: "1-3,7".
 *
 * @param sched  scheduler
 * @param text   filled
 * @param bytes  of text, at least 8; a list that is longer ends in "..."
 * @return text
 * @context any thread
 */
const char *vu_sched_lcores_text(const struct vu_sched *sched, char *text, size_t bytes);

/* ---- commands ----
 * With the worker's loop running they travel through its mailbox; otherwise they take effect
 * before the call returns.
 */

/**
 * Give a task to a worker, which polls it once at first, whatever its idle word holds.
 *
 * @param sched       scheduler
 * @param task        initialised task that belongs to no worker
 * @param worker_idx  0..nb_workers - 1
 * @return 0; -EINVAL no such worker; -EEXIST the task is added already; -ENOMEM
 * @context control lcore
 */
int vu_sched_task_add(struct vu_sched *sched, struct vu_task *task, unsigned int worker_idx);

/**
 * Wake a task: poll it once, soon, whatever its idle word holds.
 *
 * Wakes are coalesced: the poll that answers one begins after the latest vu_sched_task_wake() that
 * was merged into it, and sees what was stored before that. A task on the move is polled on
 * arrival. Not added or being removed: nothing happens.
 *
 * @param sched  scheduler
 * @param task   initialised task
 * @context control lcore
 */
void vu_sched_task_wake(struct vu_sched *sched, struct vu_task *task);

/**
 * Have a task of the calling lcore polled in this turn or the next, whatever its idle word holds.
 *
 * @param task  task for which vu_task_is_mine() holds
 * @context owner lcore
 */
void vu_task_poll_next(struct vu_task *task);

/**
 * Take a task from its worker.
 *
 * @param sched  scheduler
 * @param task   task that was added; may be on the move
 * @param wait   initialised; its function runs once the lcore has quiesced: from then on no thread
 *               touches the task or its idle word, and it may be freed or added again
 * @return 0; -EINVAL not added; -EALREADY a removal is under way
 * @context control lcore
 */
int vu_sched_task_remove(struct vu_sched *sched, struct vu_task *task,
	struct vu_sched_wait *wait);

/**
 * Move a task to another worker: it is never owned by both and is polled once on arrival.
 *
 * @param sched          scheduler
 * @param task           task that was added; when it is on the move, its target changes
 * @param to_worker_idx  0..nb_workers - 1; where it is already = nothing happens
 * @return 0, the move ends in a later vu_sched_poll(); -EINVAL no such worker, or not added;
 *         -EALREADY a removal is under way; -ENOMEM, the task stays where it was
 * @context control lcore
 */
int vu_sched_task_move(struct vu_sched *sched, struct vu_task *task, unsigned int to_worker_idx);

/**
 * Check whether a move is under way: the former lcore has not quiesced, or vu_sched_poll() was not
 * called since.
 *
 * @param task  initialised task
 * @return true until vu_sched_poll() has handed the task over
 * @context control lcore
 */
bool vu_sched_task_is_moving(const struct vu_task *task);

/**
 * Complete waits and moves whose lcores have answered.
 *
 * Fits vu_reactor_poller_fn when wrapped; the delay grows while lcores do not answer.
 *
 * @param sched  scheduler
 * @return microseconds until it is to be called again, UINT64_MAX = nothing is pending
 * @context control lcore; not from a wait's function
 */
uint64_t vu_sched_poll(struct vu_sched *sched);

/**
 * Start the thread that looks after the data lcores, every 5 ms: one that has not reported a
 * quiescent state since the last look is interrupted in the system call that it stalls in, if any
 * (sched_watchdog.c).
 *
 * @param sched    scheduler without such a thread
 * @param stalled  called in that thread when looks have found one for 100 ms; must not block
 * @param arg      for it
 * @return 0 or -errno
 * @context control lcore
 */
int vu_sched_watchdog_start(struct vu_sched *sched, void (*stalled)(void *arg), void *arg);

/**
 * End the thread and wait for it.
 *
 * @param sched  scheduler; without such a thread nothing happens
 * @context control lcore
 */
void vu_sched_watchdog_stop(struct vu_sched *sched);

/**
 * One look of that thread, for tests and for those who have one of their own.
 *
 * @param sched  scheduler
 * @return lcores interrupted, usually 0
 * @context one thread at a time
 */
unsigned int vu_sched_watchdog_check(struct vu_sched *sched);

/* ---- assignment of queues to workers ---- */

/** One queue that the user tied to an lcore. */
struct vu_assign_pin {
	unsigned int queue;    /**< 0..nb_queues - 1 */
	unsigned int lcore_id; /**< lcore of some worker, allowed or not */
};

/** What the user asked for; zero-initialise, then set numa_node (-1 = any). */
struct vu_assign_conf {
	const unsigned int *queues_per_worker; /**< counts for the allowed workers in order */
	unsigned int nb_queues_per_worker;     /**< 0 = no counts */
	const struct vu_assign_pin *pins;
	unsigned int nb_pins;
	const unsigned int *lcores; /**< lcores of the allowed workers, in the user's order */
	unsigned int nb_lcores;     /**< 0 = every worker is allowed */
	/** consecutive queues to keep together, 2 = net pairs; 0 = 1 */
	unsigned int group;
	int numa_node;              /**< prefer workers of this node, -1 = any */
	/** which of them cannot be had, as the options of vu-pmd name it; NULL = nobody asks */
	const struct vu_errmsg *errmsg;
};

/**
 * Choose a worker for each queue of a device; starts nothing.
 *
 * Order: pins; then counts: the first queues_per_worker[0] queues go to the first allowed worker,
 * and so on, pinned queues keeping their place in the count; then groups in order, each to where
 * one of its queues already is, or else to the least loaded allowed worker of numa_node, or of any
 * node when none of the allowed ones is there; equally loaded workers take turns.
 * Load = tasks on the worker + queues given to it in this call.
 *
 * @param sched            scheduler
 * @param conf             what the user asked for
 * @param nb_queues        number of queues of the device
 * @param worker_of_queue  out: nb_queues worker indices; undefined after an error
 * @return 0; with conf->errmsg set: -EINVAL a pin or conf->lcores names an lcore without a worker
 *         or the same one twice, or a pin names a queue twice or one that is not there;
 *         -ERANGE counts for more workers than are allowed
 * @context control lcore
 */
int vu_sched_assign(struct vu_sched *sched, const struct vu_assign_conf *conf,
	unsigned int nb_queues, unsigned int *worker_of_queue);

/* ---- statistics ---- */

/** What one worker did since it was created. Busy = turns that did at least one item. */
struct vu_sched_lcore_stats {
	unsigned int lcore_id;
	int numa_node;         /**< of the lcore */
	unsigned int nb_tasks; /**< polled by the worker now */
	bool is_running;
	enum vu_idle_policy policy;
	uint64_t busy_cycles;  /**< TSC cycles */
	uint64_t idle_cycles;  /**< TSC cycles; time outside the loop counts as neither */
	uint64_t sleep_cycles; /**< TSC cycles asleep, not part of idle_cycles */
	uint64_t nb_sleeps;    /**< times it slept */
	uint64_t nb_kicks;     /**< sleeps that a guest ended, the others were ended by vu-pmd */
	uint64_t nb_polls;    /**< calls of poll functions */
	uint64_t nb_items;    /**< sum of what they returned */
};

/**
 * Read the statistics of one worker. Values of one call may be a turn apart from each other.
 *
 * @param sched       scheduler
 * @param worker_idx  0..nb_workers - 1
 * @param stats       out
 * @return 0, or -EINVAL no such worker
 * @context any thread
 */
int vu_sched_lcore_stats_get(struct vu_sched *sched, unsigned int worker_idx,
	struct vu_sched_lcore_stats *stats);

/* ---- gaps between turns ---- */

/** Buckets of a histogram of gaps, one per power of two. */
#define VU_NB_GAP_BUCKETS 64

/** How long one worker's tasks had to wait for their next turn. */
struct vu_sched_gaps {
	unsigned int lcore_id;
	bool is_measuring;
	/** bucket i: gaps of 2^i to 2^(i + 1) - 1 TSC cycles, 0 counts as 1 */
	uint64_t nb_gaps[VU_NB_GAP_BUCKETS];
	uint64_t longest_cycles; /**< TSC cycles */
};

/**
 * Measure, on every worker, the time from the end of one turn to the end of the next one. Forgets
 * what was measured before. Costs about 50 cycles per turn while it lasts and nothing afterwards.
 * Turns of vu_sched_turn() are not measured.
 *
 * @param sched  scheduler
 * @context any thread
 */
void vu_sched_gap_start(struct vu_sched *sched);

/**
 * End the measurement; its result stays readable.
 *
 * @param sched  scheduler; stopping twice is allowed
 * @context any thread
 */
void vu_sched_gap_stop(struct vu_sched *sched);

/**
 * Read what one worker has measured since the last vu_sched_gap_start().
 *
 * @param sched       scheduler
 * @param worker_idx  0..nb_workers - 1
 * @param gaps        out; all zero until the worker's loop has begun to measure
 * @return 0, or -EINVAL no such worker
 * @context any thread
 */
int vu_sched_gap_get(const struct vu_sched *sched, unsigned int worker_idx,
	struct vu_sched_gaps *gaps);

VU_API_END

#endif /* VU_SCHED_H */
