/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Views of a running process: DPDK telemetry commands under /vu, and the table of --stats. One
 * command moves queues, which it leaves to the owner. Telemetry requests arrive on a thread of
 * DPDK's; they are carried to the control lcore, where all state lives, so that no lock is needed
 * anywhere else. See doc/decision/0002.
 */
#ifndef VU_TELEMETRY_H
#define VU_TELEMETRY_H

#include <stdint.h>
#include <stdio.h>

struct vu_device;
struct vu_sched;

/** A function to be run on the control lcore. */
typedef void (*vu_telemetry_fn)(void *arg);

/** What the owner of the control lcore provides. */
struct vu_telemetry_conf {
	/**
	 * Run fn(arg) on the control lcore and wait for it.
	 * @return 0, or -errno without running it
	 */
	int (*call)(void *call_arg, vu_telemetry_fn fn, void *arg);
	/**
	 * Move a queue to the data lcore of that number; NULL: refused. Control lcore.
	 * @return 0 or -errno
	 */
	int (*move)(void *call_arg, struct vu_device *dev, uint32_t queue_idx,
		unsigned int lcore_id);
	void *call_arg;
	struct vu_sched *sched;
};

/**
 * Register /vu/list, /vu/info, /vu/features, /vu/queue/stats, /vu/queue/move, /vu/mem, /vu/lcore
 * and /vu/lcore/gaps, and answer from now on.
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
 * @param table  remembers the counters for the next call
 * @param out    stream
 * @context control lcore
 */
void vu_telemetry_table_print(struct vu_telemetry_table *table, FILE *out);

#endif /* VU_TELEMETRY_H */
