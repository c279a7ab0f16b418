/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Time accounts. Owner, except create, destroy and get.
 *
 * The time stamp counter is read when the task that pays changes, so a lone one costs nothing. Each
 * interval is charged to the account of its payer, and shared out by weight among the accounts that
 * wanted the lcore in the turn before:
 *
 *	account->clock += cycles / its weight           what it has had
 *	worker->clock  += cycles / sum of the weights   what each of them had a right to
 *
 * A task whose account is ahead of the worker's clock is held: it is not polled, but counts among
 * those who want the lcore. This is deficit round-robin with the time that a turn took as its
 * quantum: a port that took a millisecond waits until each of the others could take one. If all who
 * want the lcore are held, the worker's clock jumps to the first of them: nothing ever idles. An
 * account that is new, or was not charged for long, stays behind by no more than CREDIT_MS.
 *
 * The bound: in any interval each port that wants the lcore gets its share by weight, less one poll
 * of each other port and CREDIT_MS.
 */
#include "vu_sched.h"

#include <sys/resource.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_malloc.h>

#include "sched_worker.h"

/* Of the clocks, so that weights divide them well; forgotten before they can wrap. */
#define CLOCK_SCALE (1u << 16)
#define CREDIT_MS 10
#define FORGET_SECONDS 60

static inline struct vu_account *
task_account(struct vu_sched_worker *worker, const struct vu_task *task)
{
	return task->accounts != NULL ? &task->accounts[worker->idx] : &worker->others;
}

/* ---- control lcore ---- */

void
account_init(struct vu_account *account, uint32_t weight)
{
	account->weight = weight;
	account->price = CLOCK_SCALE / weight;
}

void
accounts_init_worker(struct vu_sched_worker *worker)
{
	account_init(&worker->others, VU_ACCOUNT_WEIGHT);
	worker->clock_price = worker->others.price;
	worker->credit_cycles = rte_get_tsc_hz() / MS_PER_S * CREDIT_MS;
	worker->forget_cycles = rte_get_tsc_hz() * FORGET_SECONDS;
	worker->turn = 1;
	worker->is_fair = true;
}

void
vu_sched_set_fair(struct vu_sched *sched, bool is_fair)
{
	for (unsigned int i = 0; i < sched->nb_workers; i++)
		sched->workers[i]->is_fair = is_fair;
}

struct vu_account *
vu_sched_accounts_create(const struct vu_sched *sched, uint32_t weight)
{
	const size_t bytes = sched->nb_workers * sizeof(struct vu_account);
	struct vu_account *accounts = zalloc_near(bytes, sched->workers[0]->numa_node);

	for (unsigned int i = 0; i < sched->nb_workers && accounts != NULL; i++)
		account_init(&accounts[i], weight);
	return accounts;
}

void
vu_sched_accounts_destroy(struct vu_account *accounts)
{
	rte_free(accounts);
}

void
vu_sched_accounts_get(const struct vu_sched *sched, const struct vu_account *accounts,
	struct vu_account_stats *stats)
{
	*stats = (struct vu_account_stats){ 0 };
	for (unsigned int i = 0; i < sched->nb_workers && accounts != NULL; i++)
		stats->nb_holds += vu_load(&accounts[i].nb_holds);
}

/* The words are read one after the other: what was just charged may count twice. */
uint64_t
vu_task_cycles(const struct vu_task *task)
{
	const struct vu_sched_worker *worker = vu_load(&task->owner);
	uint64_t cycles = vu_load(&task->nb_cycles);
	uint64_t now, since;

	if (worker == NULL || vu_load(&worker->payer) != task)
		return cycles;
	since = vu_load(&worker->payer_tsc);
	now = rte_rdtsc();
	return now > since ? cycles + (now - since) : cycles;
}

/* ---- owner ---- */

void
account_charge(struct vu_sched_worker *worker, struct vu_task *task, uint64_t cycles)
{
	struct vu_account *account = task_account(worker, task);

	account->clock += cycles * account->price;
	worker->clock += cycles * worker->clock_price;
	vu_counter_add(&task->nb_cycles, cycles);
}

/* Charge the payer for the time up to now. */
static inline void
payer_settle(struct vu_sched_worker *worker)
{
	const uint64_t now = rte_rdtsc();

	if (worker->payer != NULL)
		account_charge(worker, worker->payer, now - worker->payer_tsc);
	vu_store(&worker->payer_tsc, now);
}

/* The account wants the lcore in this turn. The payer is settled. */
static inline void
account_join(struct vu_sched_worker *worker, struct vu_account *account)
{
	const uint64_t credit = worker->credit_cycles * account->price;

	if (account->turn == worker->turn)
		return;
	account->turn = worker->turn;
	worker->turn_weight += account->weight;
	worker->nb_joined++;
	if (unlikely(worker->payer_tsc - account->joined_tsc > worker->forget_cycles))
		account->clock = worker->clock - credit;
	else if ((int64_t)(worker->clock - account->clock) > (int64_t)credit)
		account->clock = worker->clock - credit;
	account->joined_tsc = worker->payer_tsc;
}

/* Has it had more than its share? */
static inline bool
account_is_ahead(struct vu_sched_worker *worker, const struct vu_account *account)
{
	if (likely((int64_t)(account->clock - worker->clock) <= 0) || !worker->is_fair)
		return false;
	if (!worker->is_held || (int64_t)(account->clock - worker->held_clock) < 0)
		worker->held_clock = account->clock;
	worker->is_held = true;
	return true;
}

static bool
account_may_pay(struct vu_sched_worker *worker, struct vu_account *account)
{
	payer_settle(worker);
	account_join(worker, account);
	if (likely(!account_is_ahead(worker, account)))
		return true;
	vu_counter_add(&account->nb_holds, 1);
	return false;
}

bool
account_begin(struct vu_sched_worker *worker, struct vu_task *task)
{
	bool may_pay = account_may_pay(worker, task_account(worker, task));

	vu_store(&worker->payer, may_pay ? task : NULL);
	return may_pay;
}

void
accounts_end_turn(struct vu_sched_worker *worker, uint32_t nb_items)
{
	/* Polled as before, without a look at its account. */
	if (worker->payer != NULL)
		account_join(worker, task_account(worker, worker->payer));
	if (worker->turn_weight != worker->clock_weight && worker->turn_weight != 0) {
		payer_settle(worker);
		worker->clock_weight = worker->turn_weight;
		worker->clock_price = CLOCK_SCALE / worker->turn_weight;
	}
	/* Nobody else wants the time that they would wait. */
	if (worker->is_held && nb_items == 0 &&
			(int64_t)(worker->held_clock - worker->clock) > 0)
		worker->clock = worker->held_clock;
	worker->is_shared = worker->nb_joined > 1;
	worker->is_held = false;
	worker->nb_joined = 0;
	worker->turn_weight = 0;
	worker->turn++;
}

void
account_end(struct vu_sched_worker *worker)
{
	payer_settle(worker);
	vu_store(&worker->payer, NULL);
}

bool
account_pass(struct vu_sched_worker *worker, struct vu_task *task, struct vu_task **payer)
{
	*payer = NULL;
	if (worker->payer == NULL || worker->payer->accounts == task->accounts)
		return true;
	if (!account_may_pay(worker, task_account(worker, task)))
		return false;
	*payer = worker->payer;
	vu_store(&worker->payer, task);
	return true;
}

void
account_return(struct vu_sched_worker *worker, struct vu_task *payer)
{
	payer_settle(worker);
	vu_store(&worker->payer, payer);
}
