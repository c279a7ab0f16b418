/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of sched_account.c: shares of a lcore. Polls are charged far more time than they take, so
 * that what they take, and what the system takes from the lcore, does not count.
 */
#include "vu_sched.h"

#include <rte_cycles.h>

#include "rig.h"
#include "sched_worker.h"
#include "test.h"

#define UNIT (UINT64_C(1) << 33) /* cycles: some seconds */
#define MAX_PORTS 4

/* Has work in `nb_ready` polls, UINT32_MAX: always; each costs `cost` units. */
struct payer_task {
	struct vu_task task;
	uint64_t cost;
	uint32_t nb_ready;
	uint32_t nb_polls;
	struct payer_task *receiver; /* who gets what it sends, and pays for that */
	uint32_t nb_refused;
};

struct account_fixture {
	struct vu_sched *sched;
	struct payer_task ports[MAX_PORTS];
	unsigned int nb_ports;
};

static void
deliver(struct payer_task *from)
{
	struct vu_task *payer;

	if (!vu_account_pass(&from->receiver->task, &payer)) {
		from->nb_refused++;
		return;
	}
	account_charge(from->task.owner, &from->receiver->task, from->receiver->cost * UNIT);
	vu_account_return(payer);
}

static uint32_t
payer_poll(struct vu_task *task)
{
	struct payer_task *port = task->arg;

	if (port->nb_ready == 0) {
		task->idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
		return 0;
	}
	if (port->nb_ready != UINT32_MAX)
		port->nb_ready--;
	port->nb_polls++;
	account_charge(task->owner, task, port->cost * UNIT);
	if (port->receiver != NULL)
		deliver(port);
	return 1;
}

static void
account_open(struct account_fixture *f, const uint64_t *costs, const uint32_t *weights,
	unsigned int nb_ports)
{
	*f = (struct account_fixture){ .sched = rig_sched_create(1), .nb_ports = nb_ports };
	f->sched->workers[0]->credit_cycles = 16 * UNIT;
	f->sched->workers[0]->overdraft_cycles = UINT64_MAX;
	vu_sched_set_fair(f->sched, true);
	for (unsigned int i = 0; i < nb_ports; i++) {
		struct payer_task *port = &f->ports[i];

		vu_task_init(&port->task, payer_poll, port);
		port->task.accounts = vu_sched_accounts_create(f->sched, weights[i]);
		CHECK(port->task.accounts != NULL);
		port->cost = costs[i];
		port->nb_ready = UINT32_MAX;
		CHECK_EQ(vu_sched_task_add(f->sched, &port->task, 0), 0);
	}
}

static void
account_turns(struct account_fixture *f, unsigned int nb)
{
	while (nb-- != 0)
		vu_sched_turn(f->sched, 0);
}

static void
account_close(struct account_fixture *f)
{
	vu_sched_destroy(f->sched);
	for (unsigned int i = 0; i < f->nb_ports; i++)
		vu_sched_accounts_destroy(f->ports[i].task.accounts);
}

static const uint32_t equal[MAX_PORTS] = { 100, 100, 100, 100 };

VU_TEST(sched_account, a_dear_poll_is_followed_by_many_cheap_ones)
{
	const uint64_t costs[] = { 8, 1, 1 };
	struct account_fixture f;

	account_open(&f, costs, equal, 3);
	account_turns(&f, 4000);
	/* By time: a third each. */
	CHECK(f.ports[0].nb_polls * 8 * 2 > f.ports[1].nb_polls);
	CHECK(f.ports[0].nb_polls * 8 * 9 < f.ports[1].nb_polls * 10);
	CHECK(f.ports[2].nb_polls - f.ports[1].nb_polls + 2 <= 4);
	CHECK(f.ports[1].nb_polls > 2000);
	account_close(&f);
}

VU_TEST(sched_account, weights_divide_a_lcore)
{
	const uint32_t weights[] = { 300, 100 };
	const uint64_t costs[] = { 1, 1 };
	struct account_fixture f;

	account_open(&f, costs, weights, 2);
	account_turns(&f, 4000);
	CHECK(f.ports[0].nb_polls > f.ports[1].nb_polls * 28 / 10);
	CHECK(f.ports[0].nb_polls < f.ports[1].nb_polls * 32 / 10);
	account_close(&f);
}

VU_TEST(sched_account, queues_of_one_port_share_its_time)
{
	const uint64_t costs[] = { 1, 1, 1, 1 };
	struct account_fixture f;
	struct vu_account *own[2];

	account_open(&f, costs, equal, 4);
	for (unsigned int i = 0; i < 2; i++) {
		own[i] = f.ports[i].task.accounts;
		f.ports[i].task.accounts = f.ports[2].task.accounts;
	}
	account_turns(&f, 6000);
	CHECK(f.ports[3].nb_polls * 10 > (f.ports[0].nb_polls + f.ports[1].nb_polls +
		f.ports[2].nb_polls) * 9);
	for (unsigned int i = 0; i < 2; i++)
		f.ports[i].task.accounts = own[i];
	account_close(&f);
}

VU_TEST(sched_account, a_lone_port_never_waits)
{
	const uint64_t costs[] = { 8, 1 };
	struct vu_account_stats stats;
	struct account_fixture f;

	account_open(&f, costs, equal, 2);
	f.ports[1].nb_ready = 0;
	account_turns(&f, 1000);
	CHECK(f.ports[0].nb_polls >= 990);
	/* Nor does it owe anything for what nobody else wanted. */
	f.ports[1].nb_ready = 1;
	vu_sched_task_wake(f.sched, &f.ports[1].task);
	account_turns(&f, 100);
	CHECK_EQ(f.ports[1].nb_polls, 1);
	CHECK(f.ports[0].nb_polls >= 1090);
	vu_sched_accounts_get(f.sched, f.ports[1].task.accounts, &stats);
	CHECK_EQ(stats.nb_holds, 0);
	account_close(&f);
}

VU_TEST(sched_account, the_receiver_pays_for_delivery)
{
	const uint64_t costs[] = { 1, 8, 1 };
	struct vu_account_stats stats;
	struct account_fixture f;

	account_open(&f, costs, equal, 3);
	/* Port 0 sends to port 1, which polls nothing: it is the receiver that is dear. */
	f.ports[0].receiver = &f.ports[1];
	f.ports[1].nb_ready = 0;
	account_turns(&f, 4000);
	CHECK(f.ports[0].nb_polls > 3500);
	CHECK(f.ports[2].nb_polls > 3500);
	CHECK(f.ports[0].nb_refused > f.ports[0].nb_polls / 2);
	CHECK(f.ports[0].nb_refused < f.ports[0].nb_polls);
	vu_sched_accounts_get(f.sched, f.ports[1].task.accounts, &stats);
	CHECK_EQ(stats.nb_holds, f.ports[0].nb_refused);
	account_close(&f);
}

VU_TEST(sched_account, a_task_that_leaves_pays_no_more)
{
	const uint64_t costs[] = { 1, 1 };
	struct account_fixture f;
	struct vu_sched_wait wait;

	account_open(&f, costs, equal, 2);
	account_turns(&f, 10);
	vu_sched_wait_init(&wait, NULL, NULL);
	CHECK_EQ(vu_sched_task_remove(f.sched, &f.ports[1].task, &wait), 0);
	WAIT_UNTIL(vu_sched_poll(f.sched) == UINT64_MAX);
	f.ports[1].task = (struct vu_task){ .accounts = f.ports[1].task.accounts };
	account_turns(&f, 100);
	CHECK(f.ports[0].nb_polls >= 109);
	CHECK(vu_task_cycles(&f.ports[0].task) >= f.ports[0].nb_polls * UNIT);
	account_close(&f);
}

/* Its overdrafts count only while the system does not take the CPU from this thread. */
static struct vu_account_stats
turns_until_quarantine(struct account_fixture *f, uint32_t level)
{
	struct vu_account_stats stats;

	WAIT_UNTIL((account_turns(f, 100),
		vu_sched_accounts_get(f->sched, f->ports[0].task.accounts, &stats),
		stats.quarantine >= level));
	return stats;
}

VU_TEST(sched_account, who_overdraws_often_is_polled_seldom)
{
	const uint64_t costs[] = { 8, 1 };
	struct vu_account_stats stats;
	struct account_fixture f;
	uint32_t nb_before;

	account_open(&f, costs, equal, 2);
	f.sched->workers[0]->overdraft_cycles = 4 * UNIT;
	stats = turns_until_quarantine(&f, 2);
	CHECK(stats.nb_overdrafts >= 8);
	CHECK_EQ(stats.nb_quarantines, 2);
	/* Once a second. That nobody else wants the lcore does not change it. */
	nb_before = f.ports[0].nb_polls;
	f.ports[1].nb_ready = 0;
	account_turns(&f, 1000);
	CHECK(f.ports[0].nb_polls - nb_before < 100);
	vu_sched_accounts_get(f.sched, f.ports[1].task.accounts, &stats);
	CHECK_EQ(stats.nb_overdrafts, 0);
	/* A minute later it is better, and a second after that it is over. */
	f.ports[0].task.accounts[0].overdraft_tsc -= 61 * rte_get_tsc_hz();
	account_turns(&f, 10);
	vu_sched_accounts_get(f.sched, f.ports[0].task.accounts, &stats);
	CHECK_EQ(stats.quarantine, 1);
	f.ports[0].task.accounts[0].overdraft_tsc -= 2 * rte_get_tsc_hz();
	account_turns(&f, 100);
	vu_sched_accounts_get(f.sched, f.ports[0].task.accounts, &stats);
	CHECK_EQ(stats.quarantine, 0);
	account_close(&f);
}
