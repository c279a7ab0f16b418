/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life of a scheduler and its workers: create, start, stop, destroy. Control lcore.
 * What an lcore reads in its loop lies on the lcore's NUMA node.
 */
#include "vu_sched.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_debug.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_malloc.h>

#include "sched_worker.h"
#include "vu_fd.h"

#define STOP_POLL_US 50

void *
zalloc_near(size_t size, int numa_node)
{
	void *memory = rte_zmalloc_socket("vu_sched", size, RTE_CACHE_LINE_SIZE, numa_node);

	/* Memory of another node is slow, none is fatal. */
	return memory != NULL ? memory : rte_zmalloc("vu_sched", size, RTE_CACHE_LINE_SIZE);
}

/* ---- create, destroy ---- */

static struct vu_sched_worker *
worker_create(struct vu_sched *sched, unsigned int lcore_id)
{
	const int numa_node = (int)rte_lcore_to_socket_id(lcore_id);
	struct vu_sched_worker *worker = zalloc_near(sizeof(*worker), numa_node);

	if (worker == NULL)
		return NULL;
	worker->table = task_table_create(TABLE_MIN_CAPACITY, numa_node);
	if (worker->table == NULL) {
		rte_free(worker);
		return NULL;
	}
	worker->posting = worker->table;
	worker->sched = sched;
	worker->qsbr = sched->qsbr;
	worker->idx = sched->nb_workers;
	worker->lcore_id = lcore_id;
	worker->numa_node = numa_node;
	worker->epoll_fd = VU_FD_NONE;
	worker->wake_fd = VU_FD_NONE;
	accounts_init_worker(worker);
	wait_list_init(&worker->waits);
	/* Registered for good; it delays grace periods only between online and offline. */
	rte_rcu_qsbr_thread_register(worker->qsbr, worker->idx);
	return worker;
}

/* All waits are over: place is taken by the tasks that are still there and by no other. */
static void
worker_destroy(struct vu_sched_worker *worker)
{
	RTE_VERIFY(worker->nb_attached == worker->nb_tasks);
	for (uint32_t slot = 0; slot < worker->nb_tasks; slot++) {
		struct vu_task *task = worker->table->tasks[slot];

		task->owner = NULL;
		task->home = NULL;
		task->worker_idx = -1;
	}
	worker_close_fds(worker);
	task_table_destroy(worker->table);
	rte_free(worker);
}

static struct rte_rcu_qsbr *
qsbr_create(unsigned int nb_threads, int numa_node)
{
	struct rte_rcu_qsbr *qsbr = zalloc_near(rte_rcu_qsbr_get_memsize(nb_threads), numa_node);

	if (qsbr != NULL)
		RTE_VERIFY(rte_rcu_qsbr_init(qsbr, nb_threads) == 0);
	return qsbr;
}

static bool
lcore_ids_are_valid(const unsigned int *lcore_ids, unsigned int nb_lcores)
{
	bool is_seen[RTE_MAX_LCORE] = { false };

	if (nb_lcores == 0 || nb_lcores > RTE_MAX_LCORE)
		return false;
	for (unsigned int i = 0; i < nb_lcores; i++) {
		if (lcore_ids[i] >= RTE_MAX_LCORE || is_seen[lcore_ids[i]])
			return false;
		is_seen[lcore_ids[i]] = true;
	}
	return true;
}

static void
sched_free(struct vu_sched *sched)
{
	for (unsigned int i = 0; i < sched->nb_workers; i++)
		worker_destroy(sched->workers[i]);
	rte_free(sched->qsbr);
	free(sched);
}

struct vu_sched *
vu_sched_create(const unsigned int *lcore_ids, unsigned int nb_lcores)
{
	struct vu_sched *sched;

	if (!lcore_ids_are_valid(lcore_ids, nb_lcores)) {
		rte_errno = EINVAL;
		return NULL;
	}
	sched = calloc(1, sizeof(*sched));
	if (sched == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	wait_list_init(&sched->quiesce_waits);
	wait_list_init(&sched->done_waits);
	sched->watchdog_fd = VU_FD_NONE;
	sched->qsbr = qsbr_create(nb_lcores, (int)rte_lcore_to_socket_id(lcore_ids[0]));
	if (sched->qsbr == NULL)
		goto free_sched;
	for (; sched->nb_workers < nb_lcores; sched->nb_workers++) {
		struct vu_sched_worker *worker =
			worker_create(sched, lcore_ids[sched->nb_workers]);

		if (worker == NULL)
			goto free_sched;
		sched->workers[sched->nb_workers] = worker;
	}
	return sched;

free_sched:
	sched_free(sched);
	rte_errno = ENOMEM;
	return NULL;
}

void
vu_sched_destroy(struct vu_sched *sched)
{
	if (sched == NULL)
		return;
	vu_sched_watchdog_stop(sched);
	for (unsigned int i = 0; i < sched->nb_workers; i++)
		RTE_VERIFY(!vu_sched_worker_is_running(sched, i));
	/* No loop runs, so each round completes all that was pending before it. */
	while (vu_sched_poll(sched) != UINT64_MAX)
		;
	sched_free(sched);
}

/* ---- start, stop ---- */

static int
worker_main(void *arg)
{
	struct vu_sched_worker *worker = arg;

	return vu_sched_loop(worker->sched, worker->idx);
}

static int
worker_can_start(const struct vu_sched *sched, unsigned int worker_idx)
{
	const struct vu_sched_worker *worker = sched->workers[worker_idx];

	if (!rte_lcore_is_enabled(worker->lcore_id) ||
			worker->lcore_id == rte_get_main_lcore())
		return -EINVAL;
	if (worker->is_launched || vu_sched_worker_is_running(sched, worker_idx))
		return -EBUSY;
	return 0;
}

static int
worker_launch(struct vu_sched_worker *worker)
{
	int rc;

	__atomic_fetch_and(&worker->flags, ~FLAG_STOP, __ATOMIC_RELAXED);
	rc = rte_eal_remote_launch(worker_main, worker, worker->lcore_id);
	if (rc == 0)
		worker->is_launched = true;
	return rc;
}

int
vu_sched_start(struct vu_sched *sched)
{
	int rc;

	for (unsigned int i = 0; i < sched->nb_workers; i++) {
		rc = worker_can_start(sched, i);
		if (rc != 0)
			return rc;
	}
	for (unsigned int i = 0; i < sched->nb_workers; i++) {
		rc = worker_launch(sched->workers[i]);
		if (rc != 0) {
			vu_sched_stop(sched);
			return rc;
		}
	}
	return 0;
}

static void
worker_join(struct vu_sched_worker *worker)
{
	if (worker->is_launched)
		rte_eal_wait_lcore(worker->lcore_id);
	worker->is_launched = false;
	/* A loop in a thread of the application. */
	while (vu_sched_worker_is_running(worker->sched, worker->idx))
		usleep(STOP_POLL_US);
	mailbox_handle_if_free(worker);
}

void
vu_sched_stop(struct vu_sched *sched)
{
	for (unsigned int i = 0; i < sched->nb_workers; i++)
		vu_sched_worker_stop(sched, i);
	for (unsigned int i = 0; i < sched->nb_workers; i++)
		worker_join(sched->workers[i]);
}

int
vu_sched_worker_stop(struct vu_sched *sched, unsigned int worker_idx)
{
	struct vu_sched_worker *worker = sched_worker(sched, worker_idx);

	if (worker == NULL)
		return -EINVAL;
	__atomic_fetch_or(&worker->flags, FLAG_STOP, __ATOMIC_RELAXED);
	worker_wake(worker);
	return 0;
}

/* ---- getters ---- */

struct vu_sched_worker *
sched_worker(const struct vu_sched *sched, unsigned int worker_idx)
{
	return worker_idx < sched->nb_workers ? sched->workers[worker_idx] : NULL;
}

bool
vu_sched_worker_is_running(const struct vu_sched *sched, unsigned int worker_idx)
{
	const struct vu_sched_worker *worker = sched_worker(sched, worker_idx);

	/* Not running: what the loop did is visible. Pairs with worker_release(). */
	return worker != NULL && vu_load_acquire(&worker->state) == WORKER_LOOP;
}

unsigned int
vu_sched_nb_workers(const struct vu_sched *sched)
{
	return sched->nb_workers;
}

unsigned int
vu_sched_worker_lcore(const struct vu_sched *sched, unsigned int worker_idx)
{
	const struct vu_sched_worker *worker = sched_worker(sched, worker_idx);

	return worker != NULL ? worker->lcore_id : LCORE_ID_ANY;
}

int
vu_sched_lcore_worker(const struct vu_sched *sched, unsigned int lcore_id)
{
	for (unsigned int i = 0; i < sched->nb_workers; i++)
		if (sched->workers[i]->lcore_id == lcore_id)
			return (int)i;
	return -1;
}

const char *
vu_sched_lcores_text(const struct vu_sched *sched, char *text, size_t bytes)
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned int i = 0, end; i < sched->nb_workers; i = end) {
		const unsigned int first = sched->workers[i]->lcore_id;
		char part[32];
		int part_len = snprintf(part, sizeof(part), "%s%u", i == 0 ? "" : ",", first);

		for (end = i + 1; end < sched->nb_workers; end++)
			if (sched->workers[end]->lcore_id != first + (end - i))
				break;
		if (end - i > 1)
			part_len += snprintf(part + part_len, sizeof(part) - (size_t)part_len,
				"-%u", first + (end - i) - 1);
		if (len + (size_t)part_len + sizeof("...") > bytes) {
			memcpy(text + len, "...", sizeof("..."));
			break;
		}
		memcpy(text + len, part, (size_t)part_len + 1);
		len += (size_t)part_len;
	}
	return text;
}
