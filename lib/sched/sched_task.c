/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands on tasks: add, wake, remove, move. Control lcore only.
 * A task has a home (the worker whose mailbox its commands go to) and, while it moves, a target in
 * which place is reserved; a move is a removal whose wait adds the task to the target.
 */
#include "vu_sched.h"

#include <errno.h>

#include "sched_worker.h"

void
vu_task_init(struct vu_task *task, vu_task_poll_fn poll, void *arg)
{
	*task = (struct vu_task){
		.poll = poll,
		.arg = arg,
		.idle_word = VU_IDLE_WORD_ALWAYS,
		.worker_idx = -1,
	};
}

int
vu_task_worker(const struct vu_task *task)
{
	return vu_load(&task->worker_idx);
}

static bool
is_added(const struct vu_sched *sched, const struct vu_task *task)
{
	return task->home != NULL && task->home->sched == sched;
}

static void
task_settle(struct vu_task *task, struct vu_sched_worker *worker)
{
	task->home = worker;
	task->target = NULL;
	vu_store(&task->worker_idx, (int)worker->idx);
	mailbox_post(worker, COMMAND_ADD, task);
}

int
vu_sched_task_add(struct vu_sched *sched, struct vu_task *task, unsigned int worker_idx)
{
	struct vu_sched_worker *worker = sched_worker(sched, worker_idx);
	int rc;

	if (worker == NULL)
		return -EINVAL;
	if (task->home != NULL)
		return -EEXIST;
	rc = worker_reserve(worker);
	if (rc != 0)
		return rc;
	task_settle(task, worker);
	return 0;
}

void
vu_sched_task_wake(struct vu_sched *sched, struct vu_task *task)
{
	if (!is_added(sched, task) || task->target != NULL || task->removal != NULL)
		return;
	/* What the caller stored comes before; pairs with the exchange in command_kick(). */
	if (__atomic_exchange_n(&task->is_wake_posted, 1, __ATOMIC_RELEASE) == 0)
		mailbox_post(task->home, COMMAND_WAKE, task);
}

/* Start to take the task from its home; the wait is over once the owner has quiesced. */
static void
task_recall(struct vu_task *task, struct vu_sched_wait *wait)
{
	struct vu_sched_worker *home = task->home;

	wait->token = mailbox_post(home, COMMAND_REMOVE, task);
	wait->task = task;
	wait_append(home->sched, &home->waits, wait);
}

int
vu_sched_task_remove(struct vu_sched *sched, struct vu_task *task, struct vu_sched_wait *wait)
{
	if (!is_added(sched, task))
		return -EINVAL;
	if (task->removal != NULL)
		return -EALREADY;
	task->removal = wait;
	vu_store(&task->worker_idx, -1);
	if (task->target == NULL) {
		task_recall(task, wait);
		return 0;
	}
	/* The move has recalled it already: end there instead of at the target. */
	task->target->nb_attached--;
	task->target = NULL;
	wait->task = task;
	wait_replace(&task->quiesced, wait);
	return 0;
}

int
vu_sched_task_move(struct vu_sched *sched, struct vu_task *task, unsigned int to_worker_idx)
{
	struct vu_sched_worker *target = sched_worker(sched, to_worker_idx);
	struct vu_sched_worker *previous_target = task->target;
	int rc;

	if (target == NULL || !is_added(sched, task))
		return -EINVAL;
	if (task->removal != NULL)
		return -EALREADY;
	if (task->worker_idx == (int)to_worker_idx)
		return 0;
	rc = worker_reserve(target);
	if (rc != 0)
		return rc;
	task->target = target;
	vu_store(&task->worker_idx, (int)to_worker_idx);
	if (previous_target != NULL) {
		previous_target->nb_attached--;
		return 0;
	}
	task_recall(task, &task->quiesced);
	return 0;
}

bool
vu_sched_task_is_moving(const struct vu_task *task)
{
	return task->target != NULL;
}

void
task_quiesced(struct vu_task *task)
{
	struct vu_sched_worker *target = task->target;

	task->home->nb_attached--;
	task->home = NULL;
	task->removal = NULL;
	if (target != NULL)
		task_settle(task, target);
}
