/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Time accounts: who pays for the time of a data lcore. A port has one account on each worker, all
 * of its tasks there share it. A port that has had more than its share, by weight, sits out while
 * others want the lcore (sched_account.c). Tasks without accounts share one of their worker's.
 */
#ifndef VU_SCHED_ACCOUNT_H
#define VU_SCHED_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

struct vu_account;
struct vu_sched;
struct vu_task;

#define VU_ACCOUNT_MAX_WEIGHT 1000
#define VU_ACCOUNT_WEIGHT 100 /**< of a port, unless the user says otherwise */

/**
 * Create the accounts of a port: one for each worker.
 *
 * @param sched   scheduler
 * @param weight  1..VU_ACCOUNT_MAX_WEIGHT; shares of a lcore are in proportion to it
 * @return for the `accounts` of all its tasks; NULL: no memory
 * @context control lcore
 */
struct vu_account *vu_sched_accounts_create(const struct vu_sched *sched, uint32_t weight);

/**
 * Destroy accounts; NULL is allowed.
 *
 * @param accounts  of tasks that are not added any more
 * @context control lcore
 */
void vu_sched_accounts_destroy(struct vu_account *accounts);

/**
 * Choose whether ports have to wait for each other. They do, unless this says otherwise.
 *
 * @param sched    scheduler of which no loop runs
 * @param is_fair  false: every ready task is polled in each turn, whatever its port has had
 * @context control lcore
 */
void vu_sched_set_fair(struct vu_sched *sched, bool is_fair);

/** What became of a port's accounts. */
struct vu_account_stats {
	uint64_t nb_holds;       /**< turns and deliveries in which one of its tasks had to wait */
	uint64_t nb_overdrafts;  /**< times that it took a lcore for long which others wanted */
	uint64_t nb_quarantines; /**< times that it came to be polled less often */
	uint32_t quarantine;     /**< 0: none, 1: polled once a millisecond, 2: once a second */
};

/**
 * Read the accounts of a port: sums over all workers, and the severest quarantine.
 *
 * @param sched     scheduler
 * @param accounts  accounts; NULL reads as zero
 * @param stats     out
 * @context any thread
 */
void vu_sched_accounts_get(const struct vu_sched *sched, const struct vu_account *accounts,
	struct vu_account_stats *stats);

/**
 * Let another task of this lcore pay for what follows, until vu_account_return().
 *
 * @param task   task for which vu_task_is_mine() holds
 * @param payer  out, for vu_account_return()
 * @return false: its port has no time left, and nothing changed
 * @context owner lcore
 */
bool vu_account_pass(struct vu_task *task, struct vu_task **payer);

/** End of what vu_account_pass() began. @context owner lcore */
void vu_account_return(struct vu_task *payer);

VU_API_END

#endif /* VU_SCHED_ACCOUNT_H */
