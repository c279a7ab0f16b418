/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a test case must leave as it found it: fds, shared mappings, mempools, DPDK heap,
 * idle lcores. Called by the runner around each case; main lcore only.
 */
#ifndef LEAK_CHECK_H
#define LEAK_CHECK_H

struct leak_snapshot;

/** Wait until fds of peers that other threads close are closed; gives up some day. */
void leak_check_settle(void);

/**
 * Record what this process holds now. Ends the process if libc has no memory.
 *
 * @return snapshot for leak_snapshot_free()
 */
struct leak_snapshot *leak_snapshot_take(void);

/**
 * Print one line for each thing that only one of two snapshots has.
 *
 * @return number of lines, 0 if both are equal
 */
unsigned int leak_snapshot_print_diff(const struct leak_snapshot *before,
	const struct leak_snapshot *after);

/** Free a snapshot. */
void leak_snapshot_free(struct leak_snapshot *snapshot);

#endif /* LEAK_CHECK_H */
