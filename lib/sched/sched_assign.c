/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which worker polls which queue. Pure policy on the control lcore: reads loads, moves nothing.
 * Each step only fills what the steps before it left open.
 */
#include "vu_sched.h"

#include <errno.h>
#include <limits.h>

#include "vu_parse.h"

#include "sched_worker.h"

#define WORKER_NONE UINT_MAX
#define LCORES_BYTES 80

struct assignment {
	struct vu_sched *sched;
	const struct vu_assign_conf *conf;
	unsigned int nb_queues;
	unsigned int nb_allowed; /* entries of sched->allowed */
	unsigned int *worker_of_queue;
};

static struct vu_sched_worker *
worker_of_lcore(const struct vu_sched *sched, unsigned int lcore_id)
{
	int worker_idx = vu_sched_lcore_worker(sched, lcore_id);

	return worker_idx >= 0 ? sched->workers[worker_idx] : NULL;
}

static void
queue_give(const struct assignment *a, unsigned int queue, struct vu_sched_worker *worker)
{
	a->worker_of_queue[queue] = worker->idx;
	worker->load++;
}

static void
assignment_reset(const struct assignment *a)
{
	for (unsigned int i = 0; i < a->sched->nb_workers; i++) {
		a->sched->workers[i]->load = a->sched->workers[i]->nb_attached;
		a->sched->workers[i]->is_allowed = false;
	}
	for (unsigned int queue = 0; queue < a->nb_queues; queue++)
		a->worker_of_queue[queue] = WORKER_NONE;
}

static int
allowed_collect(struct assignment *a)
{
	struct vu_sched *sched = a->sched;
	const bool is_any = a->conf->nb_lcores == 0;
	const unsigned int nb = is_any ? sched->nb_workers : a->conf->nb_lcores;
	char text[LCORES_BYTES];

	for (a->nb_allowed = 0; a->nb_allowed < nb; a->nb_allowed++) {
		const unsigned int lcore_id = is_any ? sched->workers[a->nb_allowed]->lcore_id :
			a->conf->lcores[a->nb_allowed];
		struct vu_sched_worker *worker = worker_of_lcore(sched, lcore_id);

		if (worker == NULL)
			return vu_refuse(a->conf->errmsg, -EINVAL,
				"lcores=%u: not a data lcore; data lcores: %s", lcore_id,
				vu_sched_lcores_text(sched, text, sizeof(text)));
		if (worker->is_allowed)
			return vu_refuse(a->conf->errmsg, -EINVAL, "lcores=%u: given twice",
				lcore_id);
		worker->is_allowed = true;
		sched->allowed[a->nb_allowed] = worker;
	}
	return 0;
}

static int
pin_apply(const struct assignment *a, const struct vu_assign_pin *pin)
{
	struct vu_sched_worker *worker = worker_of_lcore(a->sched, pin->lcore_id);
	char text[LCORES_BYTES];

	if (worker == NULL)
		return vu_refuse(a->conf->errmsg, -EINVAL,
			"queue-map=%u@%u: not a data lcore; data lcores: %s", pin->queue,
			pin->lcore_id, vu_sched_lcores_text(a->sched, text, sizeof(text)));
	if (pin->queue >= a->nb_queues)
		return vu_refuse(a->conf->errmsg, -EINVAL,
			"queue-map=%u@%u: the port has queues 0 to %u", pin->queue, pin->lcore_id,
			a->nb_queues - 1);
	if (a->worker_of_queue[pin->queue] != WORKER_NONE)
		return vu_refuse(a->conf->errmsg, -EINVAL,
			"queue-map=%u@%u: queue %u is mapped to lcore %u, too", pin->queue,
			pin->lcore_id, pin->queue,
			a->sched->workers[a->worker_of_queue[pin->queue]]->lcore_id);
	queue_give(a, pin->queue, worker);
	return 0;
}

static int
pins_apply(const struct assignment *a)
{
	int rc = 0;

	for (unsigned int i = 0; i < a->conf->nb_pins && rc == 0; i++)
		rc = pin_apply(a, &a->conf->pins[i]);
	return rc;
}

static int
counts_apply(const struct assignment *a)
{
	unsigned int queue = 0;
	char text[LCORES_BYTES];

	if (a->conf->nb_queues_per_worker > a->nb_allowed)
		return vu_refuse(a->conf->errmsg, -ERANGE,
			"queues-per-thread: counts for %u lcores, the port may use %u; data "
			"lcores: %s", a->conf->nb_queues_per_worker, a->nb_allowed,
			vu_sched_lcores_text(a->sched, text, sizeof(text)));
	for (unsigned int i = 0; i < a->conf->nb_queues_per_worker; i++) {
		const unsigned int left = a->nb_queues - queue;
		const unsigned int end = queue + RTE_MIN(a->conf->queues_per_worker[i], left);

		for (; queue < end; queue++) {
			if (a->worker_of_queue[queue] == WORKER_NONE)
				queue_give(a, queue, a->sched->allowed[i]);
		}
	}
	return 0;
}

static bool
has_local_worker(const struct assignment *a)
{
	for (unsigned int i = 0; i < a->nb_allowed; i++) {
		if (a->sched->allowed[i]->numa_node == a->conf->numa_node)
			return true;
	}
	return false;
}

/* Starts behind the last choice, so that equally loaded workers take turns. */
static struct vu_sched_worker *
least_loaded(const struct assignment *a, bool is_local_only)
{
	struct vu_sched_worker *best = NULL;
	unsigned int best_idx = 0;

	for (unsigned int i = 0; i < a->nb_allowed; i++) {
		const unsigned int idx = (a->sched->assign_next + i) % a->nb_allowed;
		struct vu_sched_worker *worker = a->sched->allowed[idx];

		if (is_local_only && worker->numa_node != a->conf->numa_node)
			continue;
		if (best == NULL || worker->load < best->load) {
			best = worker;
			best_idx = idx;
		}
	}
	a->sched->assign_next = best_idx + 1;
	return best;
}

/* Where some queue of [first, end) is already, or NULL. */
static struct vu_sched_worker *
group_worker(const struct assignment *a, unsigned int first, unsigned int end)
{
	for (unsigned int queue = first; queue < end; queue++) {
		if (a->worker_of_queue[queue] != WORKER_NONE)
			return a->sched->workers[a->worker_of_queue[queue]];
	}
	return NULL;
}

static void
groups_apply(const struct assignment *a)
{
	const unsigned int group = RTE_MAX(a->conf->group, 1u);
	const bool is_local_only = has_local_worker(a);

	for (unsigned int first = 0, end; first < a->nb_queues; first = end) {
		struct vu_sched_worker *worker;

		end = first + RTE_MIN(group, a->nb_queues - first);
		worker = group_worker(a, first, end);
		if (worker == NULL)
			worker = least_loaded(a, is_local_only);
		for (unsigned int queue = first; queue < end; queue++) {
			if (a->worker_of_queue[queue] == WORKER_NONE)
				queue_give(a, queue, worker);
		}
	}
}

int
vu_sched_assign(struct vu_sched *sched, const struct vu_assign_conf *conf,
	unsigned int nb_queues, unsigned int *worker_of_queue)
{
	struct assignment a = {
		.sched = sched,
		.conf = conf,
		.nb_queues = nb_queues,
		.worker_of_queue = worker_of_queue,
	};
	int rc;

	assignment_reset(&a);
	rc = allowed_collect(&a);
	if (rc == 0)
		rc = pins_apply(&a);
	if (rc == 0)
		rc = counts_apply(&a);
	if (rc == 0)
		groups_apply(&a);
	return rc;
}
