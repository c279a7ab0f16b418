/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands from the control lcore to a worker: one single-producer, single-consumer ring each.
 * A task has at most one ADD, one WAKE and one REMOVE under way, and a mailbox one GROW as its
 * last command, so a ring of four times the table's capacity cannot be full.
 */
#include "vu_sched.h"

#include <errno.h>
#include <string.h>

#include <rte_debug.h>
#include <rte_malloc.h>

#include "sched_worker.h"

#define MAILBOX_PER_TASK 4 /* 3 commands of each task + 1 GROW fit: 4n - 1 >= 3n + 1 for n >= 2 */

/* ---- tables: control lcore ---- */

struct task_table *
task_table_create(uint32_t capacity, int numa_node)
{
	const uint32_t nb_commands = capacity * MAILBOX_PER_TASK;
	const size_t idle_words_offset = RTE_CACHE_LINE_ROUNDUP(sizeof(struct task_table));
	const size_t tasks_offset = idle_words_offset + capacity * sizeof(struct vu_idle_word);
	const size_t mailbox_offset = tasks_offset +
		RTE_CACHE_LINE_ROUNDUP(capacity * sizeof(struct vu_task *));
	const ssize_t mailbox_bytes = rte_ring_get_memsize_elem(sizeof(struct command),
		nb_commands);
	char *memory;
	struct task_table *table;

	if (mailbox_bytes < 0)
		return NULL;
	memory = zalloc_near(mailbox_offset + (size_t)mailbox_bytes, numa_node);
	if (memory == NULL)
		return NULL;
	table = (struct task_table *)memory;
	table->capacity = capacity;
	table->idle_words = (struct vu_idle_word *)(memory + idle_words_offset);
	table->tasks = (struct vu_task **)(memory + tasks_offset);
	table->mailbox = (struct rte_ring *)(memory + mailbox_offset);
	for (uint32_t slot = 0; slot < capacity; slot++)
		table->idle_words[slot] = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
	RTE_VERIFY(rte_ring_init(table->mailbox, "vu_sched", nb_commands,
		RING_F_SP_ENQ | RING_F_SC_DEQ) == 0);
	vu_sched_wait_init(&table->left, task_table_destroy, table);
	return table;
}

void
task_table_destroy(void *table)
{
	rte_free(table);
}

static int
worker_grow(struct vu_sched_worker *worker)
{
	struct task_table *old = worker->posting;
	struct task_table *table = task_table_create(old->capacity * 2, worker->numa_node);

	if (table == NULL)
		return -ENOMEM;
	old->left.token = mailbox_post(worker, COMMAND_GROW, table);
	worker->posting = table;
	wait_append(worker->sched, &worker->waits, &old->left);
	return 0;
}

int
worker_reserve(struct vu_sched_worker *worker)
{
	if (worker->nb_attached == worker->posting->capacity) {
		int rc = worker_grow(worker);

		if (rc != 0)
			return rc;
	}
	worker->nb_attached++;
	return 0;
}

/* ---- sending: control lcore ---- */

uint64_t
mailbox_post(struct vu_sched_worker *worker, enum command_op op, void *ptr)
{
	struct command command = { .ptr = ptr, .op = op };
	const uint64_t number = worker->nb_posted + 1;

	RTE_VERIFY(rte_ring_sp_enqueue_elem(worker->posting->mailbox, &command,
		sizeof(command)) == 0);
	/* Command before count; pairs with the acquire in mailbox_handle(). */
	vu_store_release(&worker->nb_posted, number);
	worker_wake(worker);
	mailbox_handle_if_free(worker);
	return number;
}

void
mailbox_handle_if_free(struct vu_sched_worker *worker)
{
	if (worker->nb_posted == vu_load(&worker->nb_done))
		return;
	if (vu_load(&worker->state) != WORKER_FREE || worker_claim(worker, WORKER_CONTROL) != 0)
		return;
	mailbox_handle(worker);
	worker_release(worker);
}

/* ---- handling: owner ---- */

static void
command_add(struct vu_sched_worker *worker, struct vu_task *task)
{
	struct task_table *table = worker->table;
	const uint32_t slot = worker->nb_tasks;

	table->tasks[slot] = task;
	table->idle_words[slot] = (struct vu_idle_word)VU_IDLE_WORD_ALWAYS;
	task->slot = slot;
	vu_store(&task->owner, worker);
	vu_store(&worker->nb_tasks, slot + 1);
}

/* Removals only shift tasks towards 0, so the slot noted last is never below the true one. */
static uint32_t
task_find(const struct task_table *table, struct vu_task *task)
{
	while (table->tasks[task->slot] != task)
		task->slot--;
	return task->slot;
}

void
vu_task_poll_next(struct vu_task *task)
{
	struct task_table *table = task->owner->table;

	table->idle_words[task_find(table, task)] = (struct vu_idle_word)VU_IDLE_WORD_ALWAYS;
}

static void
command_remove(struct vu_sched_worker *worker, struct vu_task *task)
{
	struct task_table *table = worker->table;
	const uint32_t slot = task_find(table, task);
	const uint32_t last = worker->nb_tasks - 1;
	const uint32_t nb_after = last - slot;

	memmove(&table->idle_words[slot], &table->idle_words[slot + 1],
		nb_after * sizeof(table->idle_words[0]));
	memmove(&table->tasks[slot], &table->tasks[slot + 1], nb_after * sizeof(table->tasks[0]));
	table->idle_words[last] = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
	table->tasks[last] = NULL;
	/* It may be gone before anyone else pays. */
	if (worker->payer == task)
		account_end(worker);
	vu_store(&task->owner, NULL);
	vu_store(&worker->nb_tasks, last);
}

static void
command_kick(struct vu_task *task)
{
	/*
	 * Before the poll: a wake from now on is a new one. What was stored before the wakes that
	 * were merged so far is visible; pairs with the exchange in vu_sched_task_wake().
	 */
	__atomic_exchange_n(&task->is_wake_posted, 0, __ATOMIC_ACQUIRE);
	/* The memory of the old idle word may be gone: replace it without reading it. */
	vu_task_poll_next(task);
}

static void
command_grow(struct vu_sched_worker *worker, struct task_table *table)
{
	const struct task_table *old = worker->table;

	memcpy(table->idle_words, old->idle_words, worker->nb_tasks * sizeof(table->idle_words[0]));
	memcpy(table->tasks, old->tasks, worker->nb_tasks * sizeof(table->tasks[0]));
	worker->table = table;
}

static void
command_handle(struct vu_sched_worker *worker, const struct command *command)
{
	switch ((enum command_op)command->op) {
	case COMMAND_ADD:
		command_add(worker, command->ptr);
		break;
	case COMMAND_REMOVE:
		command_remove(worker, command->ptr);
		break;
	case COMMAND_WAKE:
		command_kick(command->ptr);
		break;
	case COMMAND_GROW:
		command_grow(worker, command->ptr);
		break;
	}
}

void
mailbox_handle(struct vu_sched_worker *worker)
{
	/* Count before commands; pairs with the release in mailbox_post(). */
	const uint64_t nb_posted = vu_load_acquire(&worker->nb_posted);
	struct command command;

	for (uint64_t done = worker->nb_done; done != nb_posted; done++) {
		RTE_VERIFY(rte_ring_sc_dequeue_elem(worker->table->mailbox, &command,
			sizeof(command)) == 0);
		command_handle(worker, &command);
	}
	/* Removed tasks and replaced tables are not used any more; pairs with waits_collect(). */
	vu_store_release(&worker->nb_done, nb_posted);
}
