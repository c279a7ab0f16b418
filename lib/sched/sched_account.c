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
 * quantum: a port that took a millisecond waits until each of the others could take one. The
 * worker's clock is never behind the last of those who want the lcore: nothing ever idles. An
 * account that is new, or was not charged for long, stays behind by no more than CREDIT_US.
 *
 * A port that is dear in long pieces is polled seldom, whether it owes time or not: fair shares of
 * whole milliseconds are of little use to the others. That is its quarantine. It takes several
 * overdrafts, none of which can be the system's doing.
 *
 * The bound: in any interval each port that wants the lcore gets its share by weight, less one poll
 * of each other port, and CREDIT_US for each that comes back from a pause.
 */
#include "vu_sched.h"

#include <sys/resource.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_malloc.h>

#include "sched_worker.h"

/* Of the clocks, so that weights divide them well; forgotten before they can wrap. */
#define CLOCK_SCALE (1u << 20)
#define CREDIT_US 1000
#define SLACK_US 20 /* ahead of the clock by so much is no reason to wait */
#define OVERDRAFT_US 1000
#define MAX_STRIKES 8 /* milliseconds in overdrafts, each a second after the last at most */
#define FORGET_SECONDS 60

/* How often a port is polled, and for how long after its last overdraft. */
static const struct {
	uint32_t period_ms;
	uint32_t seconds;
} quarantines[] = { { 0, 0 }, { 1, 1 }, { 1000, 60 } };

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
	worker->credit_cycles = rte_get_tsc_hz() / US_PER_S * CREDIT_US;
	worker->slack_cycles = rte_get_tsc_hz() / US_PER_S * SLACK_US;
	worker->overdraft_cycles = rte_get_tsc_hz() / US_PER_S * OVERDRAFT_US;
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
	for (unsigned int i = 0; i < sched->nb_workers && accounts != NULL; i++) {
		stats->nb_holds += vu_load(&accounts[i].nb_holds);
		stats->nb_overdrafts += vu_load(&accounts[i].nb_overdrafts);
		stats->nb_quarantines += vu_load(&accounts[i].nb_quarantines);
		stats->quarantine = RTE_MAX(stats->quarantine, vu_load(&accounts[i].quarantine));
	}
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

/* ---- quarantine: owner ---- */

/* Did the system take the CPU from this thread since the last call? */
static bool
worker_was_preempted(struct vu_sched_worker *worker)
{
	const long nb_before = worker->nb_preemptions;
	struct rusage usage;

	if (getrusage(RUSAGE_THREAD, &usage) != 0)
		return true;
	worker->nb_preemptions = usage.ru_nivcsw;
	return usage.ru_nivcsw != nb_before;
}

static void
quarantine_enter(struct vu_account *account, uint64_t now)
{
	const uint32_t level = RTE_MIN(account->quarantine + 1, (uint32_t)RTE_DIM(quarantines) - 1);

	account->nb_strikes = 0;
	account->open_tsc = now + rte_get_tsc_hz() / MS_PER_S * quarantines[level].period_ms;
	vu_store(&account->quarantine, level);
	vu_counter_add(&account->nb_quarantines, 1);
}

/* It took the lcore for long while others wanted it, or in quarantine. */
static __rte_noinline void
account_overdraw(struct vu_sched_worker *worker, struct vu_account *account, uint64_t cycles)
{
	const uint64_t now = rte_rdtsc();

	vu_counter_add(&account->nb_overdrafts, 1);
	if (worker_was_preempted(worker))
		return;
	if (now - account->overdraft_tsc > rte_get_tsc_hz())
		account->nb_strikes = 0;
	account->overdraft_tsc = now;
	account->nb_strikes += (uint32_t)RTE_MIN(cycles / worker->overdraft_cycles,
		(uint64_t)MAX_STRIKES);
	if (account->nb_strikes >= MAX_STRIKES)
		quarantine_enter(account, now);
}

/* May it be polled in this turn? */
static __rte_noinline bool
quarantine_is_open(struct vu_sched_worker *worker, struct vu_account *account)
{
	const uint64_t hz = rte_get_tsc_hz();
	const uint64_t now = rte_rdtsc();

	if (account->open_turn == worker->turn)
		return true;
	if (now - account->overdraft_tsc > hz * quarantines[account->quarantine].seconds) {
		account->overdraft_tsc = now;
		account->open_tsc = now;
		vu_store(&account->quarantine, account->quarantine - 1);
		if (account->quarantine == 0)
			return true;
	}
	if ((int64_t)(now - account->open_tsc) < 0)
		return false;
	account->open_tsc = now + hz / MS_PER_S * quarantines[account->quarantine].period_ms;
	account->open_turn = worker->turn;
	return true;
}

/* ---- owner ---- */

void
account_charge(struct vu_sched_worker *worker, struct vu_task *task, uint64_t cycles)
{
	struct vu_account *account = task_account(worker, task);

	account->clock += cycles * account->price;
	worker->clock += cycles * worker->clock_price;
	vu_counter_add(&task->nb_cycles, cycles);
	if (unlikely(cycles > worker->overdraft_cycles) && worker->is_fair &&
			(worker->is_shared || account->quarantine != 0))
		account_overdraw(worker, account, cycles);
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
	if (unlikely(worker->payer_tsc - account->joined_tsc > worker->forget_cycles))
		account->clock = worker->clock - credit;
	else if ((int64_t)(worker->clock - account->clock) > (int64_t)credit)
		account->clock = worker->clock - credit;
	account->joined_tsc = worker->payer_tsc;
	if (worker->nb_joined == 0 || (int64_t)(account->clock - worker->last_clock) < 0)
		worker->last_clock = account->clock;
	worker->turn_weight += account->weight;
	worker->nb_joined++;
}

/* Has it had more than its share? */
static inline bool
account_is_ahead(const struct vu_sched_worker *worker, const struct vu_account *account)
{
	const uint64_t slack = worker->slack_cycles * account->price;

	return (int64_t)(account->clock - worker->clock) > (int64_t)slack && worker->is_fair;
}

static bool
account_may_pay(struct vu_sched_worker *worker, struct vu_account *account)
{
	payer_settle(worker);
	if (likely(account->quarantine == 0 || quarantine_is_open(worker, account))) {
		account_join(worker, account);
		if (likely(!account_is_ahead(worker, account)))
			return true;
	}
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
accounts_end_turn(struct vu_sched_worker *worker)
{
	struct vu_account *account;

	/* Polled as before, without a look at its account. */
	if (worker->payer != NULL) {
		account = task_account(worker, worker->payer);
		account_join(worker, account);
		if (unlikely(account->quarantine != 0))
			account_end(worker);
	}
	if (worker->turn_weight != worker->clock_weight && worker->turn_weight != 0) {
		payer_settle(worker);
		worker->clock_weight = worker->turn_weight;
		worker->clock_price = CLOCK_SCALE / worker->turn_weight;
	}
	if (worker->nb_joined != 0 && (int64_t)(worker->last_clock - worker->clock) > 0)
		worker->clock = worker->last_clock;
	worker->is_shared = worker->nb_joined > 1;
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
