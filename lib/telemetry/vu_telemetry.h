/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Views of a running process: DPDK telemetry commands under /vu, and the table of --stats. Nothing
 * here changes what it shows; commands that do are the owner's. Requests arrive on a thread of
 * DPDK's; they are carried to the control lcore, where all state lives, so that no lock is needed
 * anywhere else. See doc/decision/0002.
 */
#ifndef VU_TELEMETRY_H
#define VU_TELEMETRY_H

#include <stdint.h>
#include <stdio.h>

#include "vu_export.h"

VU_API_BEGIN

struct rte_tel_data;
struct vu_sched;

/** A function to be run on the control lcore. */
typedef void (*vu_telemetry_fn)(void *arg);

/** A command of the owner, beside the views. */
struct vu_telemetry_command {
	const char *name; /**< begins with "/vu/" */
	/** Fill the answer. Control lcore. @return 0, or -errno for an answer without content */
	int (*run)(void *call_arg, const char *params, struct rte_tel_data *data);
	const char *help;
};

/** What the owner of the control lcore provides. */
struct vu_telemetry_conf {
	/**
	 * Run fn(arg) on the control lcore and wait for it.
	 * @return 0, or -errno without running it
	 */
	int (*call)(void *call_arg, vu_telemetry_fn fn, void *arg);
	void *call_arg;
	struct vu_sched *sched; /**< NULL: threads of the application poll */
	const struct vu_telemetry_command *commands; /**< the same ones at every start */
	unsigned int nb_commands;
};

/**
 * Register /vu/list, /vu/info, /vu/features, /vu/queue/stats, /vu/mem and /vu/lcore with the
 * owner's commands, and answer from now on.
 *
 * @param conf  copied; its objects must live until vu_telemetry_stop()
 * @return 0; -EBUSY answering for another owner already; -errno of the registration
 * @context control lcore
 */
int vu_telemetry_start(const struct vu_telemetry_conf *conf);

/**
 * Answer with an error from now on; the commands stay registered, DPDK cannot take them back.
 *
 * Make `call` fail before (vu_reactor_shutdown()), so that no request is waiting for this thread.
 *
 * @context control lcore
 */
void vu_telemetry_stop(void);

/**
 * Fill an answer with the measured gaps of the data lcores. No view shows them: the owner's command
 * does, which also starts and stops the measurement.
 *
 * @param sched   scheduler
 * @param params  an lcore, or NULL or empty for all
 * @param data    answer
 * @return 0; -EINVAL no such lcore
 * @context control lcore
 */
int vu_telemetry_gaps(struct vu_sched *sched, const char *params, struct rte_tel_data *data);

/** What one queue and lcore had done when the table was last printed; zero-initialise. */
struct vu_telemetry_table;

/**
 * Create the state of a table that shows rates since it was last printed.
 *
 * @param sched  scheduler shown below the queues
 * @return table; NULL with rte_errno ENOMEM
 * @context control lcore
 */
struct vu_telemetry_table *vu_telemetry_table_create(struct vu_sched *sched);

/** Free a table; NULL is allowed. @context control lcore */
void vu_telemetry_table_destroy(struct vu_telemetry_table *table);

/**
 * Print one line per started queue and per data lcore.
 *
 * @param table  keeps the counters for the next call
 * @param out    stream
 * @context control lcore
 */
void vu_telemetry_table_print(struct vu_telemetry_table *table, FILE *out);

VU_API_END

#endif /* VU_TELEMETRY_H */
