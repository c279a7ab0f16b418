/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/sched: a scheduler, its workers, and the table a worker keeps its tasks in.
 * Not named sched.h: that would hide the C library's header of that name from everyone.
 * "Owner" below is the thread that holds a worker's claim: its loop, or for a moment the control
 * lcore while no loop runs. Only the owner reads the mailbox and touches the owner's fields.
 */
#ifndef SCHED_WORKER_H
#define SCHED_WORKER_H

#include <pthread.h>

#include <rte_lcore.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "vu_atomic.h"
#include "vu_sched.h"

/* What a port has had of one worker's time; sched_account.c. */
struct vu_account {
	/* Fixed. */
	uint32_t weight;
	uint32_t price;      /* of a cycle on its clock */
	/* Owner; the counters are read by any thread. */
	uint64_t clock;      /* what it has had, by weight */
	uint64_t turn;       /* the last one in which it wanted the lcore */
	uint64_t joined_tsc; /* when that was */
	uint32_t nb_strikes;    /* overdrafts that lead to quarantine */
	uint32_t quarantine;    /* 0 = none; how seldom it is polled */
	uint64_t overdraft_tsc; /* of the last one */
	uint64_t open_tsc;      /* in quarantine: of the next poll */
	uint64_t open_turn;     /* in which it was polled last */
	uint64_t nb_holds;
	uint64_t nb_overdrafts;
	uint64_t nb_quarantines;
} __rte_cache_aligned;

#define IDLE_WORD_GROUP 4      /* idle words tested with one branch */
#define TABLE_MIN_CAPACITY 64u /* power of two, multiple of IDLE_WORD_GROUP */

enum command_op {
	COMMAND_ADD,    /* ptr = task */
	COMMAND_REMOVE, /* ptr = task */
	COMMAND_WAKE,   /* ptr = task */
	COMMAND_GROW,   /* ptr = table to move to; last command of its mailbox */
};

struct command {
	void *ptr;
	uint64_t op;
};

/*
 * A worker's arrays and its mailbox, sized together and replaced together. Control allocates
 * a larger table, hands it over with COMMAND_GROW and frees the old one once that is handled.
 */
struct task_table {
	uint32_t capacity; /* tasks, power of two */
	/* Owner. Entries from nb_tasks on never get ready, so groups need no tail case. */
	struct vu_idle_word *idle_words;
	struct vu_task **tasks;
	/* Control enqueues, owner dequeues. */
	struct rte_ring *mailbox;
	/* Control lcore. */
	struct vu_sched_wait left; /* over when the owner moved to the next table */
};

/* Bits of a worker's flags. None set is the common case and costs a loop one test per turn. */
#define FLAG_STOP 1u       /* leave the loop */
#define FLAG_MEASURE 2u    /* measure the gaps between turns */
#define FLAG_RESET_GAPS 4u /* clear the gaps measured so far */

enum worker_state {
	WORKER_FREE,
	WORKER_CONTROL, /* control lcore handles the mailbox, for a moment */
	WORKER_LOOP,    /* a thread is in vu_sched_loop() or vu_sched_turn() */
};

struct vu_sched_worker {
	/* Fixed after creation. */
	struct vu_sched *sched;
	struct rte_rcu_qsbr *qsbr;
	unsigned int idx; /* also the QSBR thread id */
	unsigned int lcore_id;
	int numa_node;
	/* Fixed while the loop runs. */
	enum vu_idle_policy policy;
	uint64_t idle_cycles; /* TSC cycles without work before a sleep */
	int epoll_fd;         /* of a worker that may sleep: wake_fd and the kicks of its tasks */
	int wake_fd;          /* eventfd */

	/* Written rarely, read by the owner in each turn. */
	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t nb_posted; /* commands sent; control lcore writes */
	uint32_t flags; /* FLAG_*; any thread sets, the loop clears what it has done */
	uint32_t state;  /* enum worker_state; taken by compare-exchange */
	int tid;          /* of the thread in the loop, 0 = none; the owner writes */

	/* Owner; the counters are read by any thread. */
	_Alignas(RTE_CACHE_LINE_SIZE) struct task_table *table;
	uint32_t nb_tasks;
	bool is_busy;               /* the last turn did something */
	uint64_t nb_done;           /* commands handled; control lcore reads */
	uint64_t nb_polls;
	uint64_t nb_items;
	uint64_t busy_stopwatch;    /* stopwatch of busy turns */
	uint64_t work_tsc;          /* time before the last poll of an idle worker */
	uint64_t running_stopwatch; /* stopwatch of the loop */

	/* Owner: time accounts. */
	_Alignas(RTE_CACHE_LINE_SIZE) struct vu_task *payer; /* NULL: nobody pays */
	uint64_t payer_tsc;         /* paid up to here */
	uint64_t clock;             /* what each account had a right to, by weight */
	uint32_t clock_price;       /* of a cycle on it */
	uint32_t clock_weight;      /* sum of weights that the price is for */
	uint32_t turn_weight;       /* sum of weights of this turn */
	uint32_t nb_joined;         /* accounts that wanted the lcore in this turn */
	bool is_shared;             /* so did several in the last one */
	bool is_fair;               /* fixed while the loop runs */
	uint64_t last_clock;        /* least clock of those that wanted it in this turn */
	uint64_t turn;              /* their number, except those of a lone task */
	long nb_preemptions;        /* of the thread, when last looked at */
	uint64_t slack_cycles;      /* fixed */
	uint64_t overdraft_cycles;  /* fixed */
	uint64_t credit_cycles;     /* fixed */
	uint64_t forget_cycles;     /* fixed */
	struct vu_account others;   /* of tasks without accounts */

	/* Owner sets, who wakes it clears. */
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t is_asleep; /* 1 = asleep or about to be */
	/* Owner; the counters are read by any thread. */
	uint64_t idle_items;      /* nb_items when it was last seen to grow */
	uint64_t idle_tsc;        /* time of that, or of the last sleep */
	uint64_t nb_rests;        /* turns that found nothing, except with the policy busy */
	uint64_t nb_sleeps;
	uint64_t nb_kicks;        /* sleeps that guests ended */
	uint64_t sleep_stopwatch; /* stopwatch of sleeps */

	/* Owner, while gaps are measured; read by any thread. */
	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t nb_gaps[VU_NB_GAP_BUCKETS];
	uint64_t longest_gap_cycles;

	/* Control lcore. */
	_Alignas(RTE_CACHE_LINE_SIZE) struct task_table *posting; /* table commands are sent to */
	struct vu_sched_wait waits; /* list head: waits for commands, oldest first */
	uint32_t nb_attached;       /* tasks that may have commands in the mailbox */
	unsigned int load;          /* scratch of vu_sched_assign() */
	bool is_allowed;            /* scratch of vu_sched_assign() */
	bool is_launched;           /* by vu_sched_start(), not yet waited for */
};

struct vu_sched {
	struct vu_sched_worker *workers[RTE_MAX_LCORE]; /* fixed after creation */
	unsigned int nb_workers;                        /* fixed after creation */
	struct rte_rcu_qsbr *qsbr;
	/* Control lcore. */
	struct vu_sched_wait quiesce_waits; /* list head, oldest first */
	struct vu_sched_wait done_waits;    /* list head: over, function not called yet */
	unsigned int nb_pending;            /* waits in any list */
	uint64_t poll_delay_us;             /* what vu_sched_poll() answers next */
	unsigned int assign_next;           /* where equally loaded workers take turns */
	struct vu_sched_worker *allowed[RTE_MAX_LCORE]; /* scratch of vu_sched_assign() */
	/* sched_watchdog.c; fixed while its thread runs. */
	pthread_t watchdog_thread;
	int watchdog_fd;                /* eventfd that ends it, VU_FD_NONE: none runs */
	void (*stalled)(void *arg);
	void *stalled_arg;
	/* Its thread. */
	uint64_t watchdog_token;        /* lcores that have seen it did not stall before */
	bool is_resting;                /* no lcore runs */
};

/* sched.c */

/* Zeroed memory, aligned to cache lines, on a node if it has any; rte_free() it. */
void *zalloc_near(size_t size, int numa_node);
/* Worker by index, or NULL. */
struct vu_sched_worker *sched_worker(const struct vu_sched *sched, unsigned int worker_idx);

/* sched_loop.c */

/*
 * Become the owner of a worker. Waits while the control lcore handles the mailbox, which is
 * a matter of a few commands. Returns -EBUSY if a loop owns it.
 */
int worker_claim(struct vu_sched_worker *worker, enum worker_state as);
void worker_release(struct vu_sched_worker *worker);

/* The bits in which the word differs from its idle value. */
static __rte_always_inline uint32_t
idle_word_change(const struct vu_idle_word *idle_word)
{
	return (vu_load(idle_word->word) ^ idle_word->idle) & idle_word->mask;
}

/* sched_account.c */

/* Control lcore: prepare an account, and the worker's own. */
void account_init(struct vu_account *account, uint32_t weight);
void accounts_init_worker(struct vu_sched_worker *worker);
/* Owner: the task is about to be polled. @return false: its account is held, do not */
bool account_begin(struct vu_sched_worker *worker, struct vu_task *task);
/* Owner: nobody pays from here on. */
void account_end(struct vu_sched_worker *worker);
/* Owner: after each turn with more than one task that pays. */
void accounts_end_turn(struct vu_sched_worker *worker);
/* Owner: vu_account_pass() and vu_account_return(). */
bool account_pass(struct vu_sched_worker *worker, struct vu_task *task, struct vu_task **payer);
void account_return(struct vu_sched_worker *worker, struct vu_task *payer);
/* Owner: charge a task for time; tests charge more than what passed. */
void account_charge(struct vu_sched_worker *worker, struct vu_task *task, uint64_t cycles);

/* sched_idle.c */

/* Owner: the last turn found nothing, follow the policy. */
void worker_rest(struct vu_sched_worker *worker);
/* Any thread: something was stored for the worker that is no idle word; wake it if it sleeps. */
void worker_wake(struct vu_sched_worker *worker);
void worker_close_fds(struct vu_sched_worker *worker);

/* sched_mailbox.c */

struct task_table *task_table_create(uint32_t capacity, int numa_node);
void task_table_destroy(void *table);

/*
 * Control lcore: make place for one more task in arrays and mailbox; -ENOMEM. Given back by
 * decrementing nb_attached, not before all commands of the task are handled.
 */
int worker_reserve(struct vu_sched_worker *worker);
/* Control lcore: send a command; returns its number, which nb_done reaches once it is handled. */
uint64_t mailbox_post(struct vu_sched_worker *worker, enum command_op op, void *ptr);
/* Owner: handle every command that was posted before the call. */
void mailbox_handle(struct vu_sched_worker *worker);
/* Control lcore: the same if no thread owns the worker, else nothing. */
void mailbox_handle_if_free(struct vu_sched_worker *worker);

/* sched_quiesce.c, control lcore */

void wait_list_init(struct vu_sched_wait *head);
/* Append to a list of this scheduler. */
void wait_append(struct vu_sched *sched, struct vu_sched_wait *head, struct vu_sched_wait *wait);
void wait_remove(struct vu_sched *sched, struct vu_sched_wait *wait);
/* Let the second wait take the place of the first, token included. */
void wait_replace(struct vu_sched_wait *old, struct vu_sched_wait *wait);

/*
 * sched_task.c, control lcore: the owner does not use the task any more; go on with its move or
 * removal.
 */
void task_quiesced(struct vu_task *task);

/* sched_stats.c, owner */

void stats_enter(struct vu_sched_worker *worker);
/* Take the time: what the worker does from here on may turn out to be work. */
void stats_note_work(struct vu_sched_worker *worker);
void stats_flip_busy(struct vu_sched_worker *worker);
void stats_leave(struct vu_sched_worker *worker);
void stats_sleep(struct vu_sched_worker *worker);
void stats_awake(struct vu_sched_worker *worker);

/* sched_gap.c, owner */

/* Clear what was measured, and the flag that asks for it. */
void gaps_clear(struct vu_sched_worker *worker);
void gap_count(struct vu_sched_worker *worker, uint64_t gap_cycles);

#endif /* SCHED_WORKER_H */
