/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Waits for data lcores: grace periods (RCU QSBR) and commands that have to be handled.
 * Called by the control lcore, which never blocks here: vu_sched_poll() asks and goes on.
 *
 * Why a grace period protects what a task reads
 *
 * Control:  C1 publish new snapshot (release store)     Loop, each turn:
 *           C2 wake the tasks that read it               L1 load token (acquire), store it as
 *              (nb_posted, release store)                   own count (release)
 *           C3 full fence, then token T                  L2 handle mailbox (nb_posted, acquire)
 *              (release read-modify-write)               L3 read idle words, poll tasks
 *           C4 read every count (acquire);
 *              all >= T or offline: free old snapshot
 *
 * 1. Reads of the old snapshot that came before C4 are over. A count >= T was released by an L1
 *    that came after all earlier L3 of that loop; C4 acquires it: those reads happen before the
 *    free.
 * 2. Nothing reads it later. That L1 acquired a token >= T, released by C3, so C1 and C2 happen
 *    before the L2 and L3 that follow. L2 finds nb_posted of C2 or newer and handles every wake;
 *    a wake replaces the idle word without reading it, so L3 neither loads a word of the old
 *    mapping nor polls with the old pointer. This is why L2 must stand between L1 and L3: with L2
 *    first, a wake posted between L2 and L1 would be covered by T and yet L3 would use the stale
 *    idle word.
 * 3. Merged wakes keep 2. is_wake_posted == 1 means that a WAKE is posted and not handled yet; the
 *    owner's exchange comes later in the order of that word, reads our value and acquires C1. A
 *    task on the move is in no array between REMOVE and ADD, and ADD sets the idle word like a wake
 *    does.
 * 4. A loop that is offline at C4 reads nothing. If it goes online concurrently, it stores its
 *    count, fences (rte_rcu_qsbr_thread_online), and then reads memory; we store C1 and C2, fence,
 *    and then read the count. One of the two sees the other: either C4 waits for it, or its first
 *    L2 and L3 come after C1 and C2. If the count it goes online with is >= T already, the same
 *    fence, after its load of the token, makes C1 and C2 visible as L1 would.
 *
 * Why a removal waits for nb_done and not for a token: a completed token shows that the REMOVE
 * will be handled before L3, but its handler still writes to the task, which the caller is going
 * to free. nb_done >= its number (release in mailbox_handle, acquire in waits_collect) shows that
 * it has been handled; the loop is a single thread, so it never touches the task again.
 */
#include "vu_quiesce.h"

#include <rte_atomic.h>
#include <rte_debug.h>

#include "sched_worker.h"

#define POLL_MIN_US 2   /* a turn of an idle loop is far shorter */
#define POLL_MAX_US 256 /* an lcore that is preempted, or busy for long in one turn */

/* ---- lists: circular, so that a wait can be unlinked without knowing its list ---- */

void
wait_list_init(struct vu_sched_wait *head)
{
	head->prev = head;
	head->next = head;
}

static bool
wait_list_is_empty(const struct vu_sched_wait *head)
{
	return head->next == head;
}

static void
wait_link(struct vu_sched_wait *head, struct vu_sched_wait *wait)
{
	wait->prev = head->prev;
	wait->next = head;
	head->prev->next = wait;
	head->prev = wait;
}

static void
wait_unlink(struct vu_sched_wait *wait)
{
	wait->prev->next = wait->next;
	wait->next->prev = wait->prev;
	wait->prev = NULL;
	wait->next = NULL;
}

void
wait_append(struct vu_sched *sched, struct vu_sched_wait *head, struct vu_sched_wait *wait)
{
	RTE_VERIFY(!vu_sched_wait_is_pending(wait));
	wait_link(head, wait);
	sched->nb_pending++;
}

void
wait_remove(struct vu_sched *sched, struct vu_sched_wait *wait)
{
	wait_unlink(wait);
	sched->nb_pending--;
}

void
wait_replace(struct vu_sched_wait *old, struct vu_sched_wait *wait)
{
	RTE_VERIFY(!vu_sched_wait_is_pending(wait));
	wait->token = old->token;
	wait_link(old, wait);
	wait_unlink(old);
}

/* ---- waits ---- */

void
vu_sched_wait_init(struct vu_sched_wait *wait, vu_sched_done_fn fn, void *arg)
{
	*wait = (struct vu_sched_wait){ .fn = fn, .arg = arg };
}

bool
vu_sched_wait_is_pending(const struct vu_sched_wait *wait)
{
	return wait->next != NULL;
}

void
vu_quiesce_start(struct vu_sched *sched, struct vu_sched_wait *wait)
{
	/* Publication before reading counts; pairs with rte_rcu_qsbr_thread_online(). */
	rte_smp_mb();
	/* Its release pairs with the acquire in rte_rcu_qsbr_quiescent(). */
	wait->token = rte_rcu_qsbr_start(sched->qsbr);
	wait_append(sched, &sched->quiesce_waits, wait);
}

void
vu_quiesce_cancel(struct vu_sched *sched, struct vu_sched_wait *wait)
{
	if (!vu_sched_wait_is_pending(wait))
		return;
	RTE_VERIFY(wait->task == NULL);
	wait_remove(sched, wait);
}

/* ---- completion ---- */

/* Tokens of a list only grow, so its first wait is over first. */
static void
waits_collect(struct vu_sched *sched, struct vu_sched_worker *worker)
{
	/* Pairs with the release in mailbox_handle(). */
	const uint64_t nb_done = vu_load_acquire(&worker->nb_done);

	while (!wait_list_is_empty(&worker->waits) && worker->waits.next->token <= nb_done) {
		struct vu_sched_wait *wait = worker->waits.next;

		wait_unlink(wait);
		wait_link(&sched->done_waits, wait);
	}
}

static void
quiesce_collect(struct vu_sched *sched)
{
	/* The acquire in rte_rcu_qsbr_check() pairs with the release of each loop's count. */
	while (!wait_list_is_empty(&sched->quiesce_waits) &&
			rte_rcu_qsbr_check(sched->qsbr, sched->quiesce_waits.next->token, false)) {
		struct vu_sched_wait *wait = sched->quiesce_waits.next;

		wait_unlink(wait);
		wait_link(&sched->done_waits, wait);
	}
}

/* The wait belongs to its function from the call on, which may free it. */
static void
wait_finish(struct vu_sched *sched, struct vu_sched_wait *wait)
{
	struct vu_task *task = wait->task;

	wait_remove(sched, wait);
	wait->task = NULL;
	if (task != NULL)
		task_quiesced(task);
	if (wait->fn != NULL)
		wait->fn(wait->arg);
}

uint64_t
vu_sched_poll(struct vu_sched *sched)
{
	bool is_progress;

	for (unsigned int i = 0; i < sched->nb_workers; i++) {
		/* A loop may have ended just after a command was posted. */
		mailbox_handle_if_free(sched->workers[i]);
		waits_collect(sched, sched->workers[i]);
	}
	quiesce_collect(sched);
	is_progress = !wait_list_is_empty(&sched->done_waits);
	while (!wait_list_is_empty(&sched->done_waits))
		wait_finish(sched, sched->done_waits.next);
	if (is_progress || sched->nb_pending == 0)
		sched->poll_delay_us = POLL_MIN_US;
	else
		sched->poll_delay_us = RTE_MIN(sched->poll_delay_us * 2, (uint64_t)POLL_MAX_US);
	return sched->nb_pending == 0 ? UINT64_MAX : sched->poll_delay_us;
}
