/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The dump_* commands of dpdk-test: what DPDK knows of this process. Called after EAL is up.
 */
#ifndef DUMP_H
#define DUMP_H

/** Commands without a name, joined by '#', the form the cmdline library matches a token against. */
#define DUMP_ALL "dump_physmem#dump_memzone#dump_struct_sizes#dump_ring#dump_mempool#" \
	"dump_malloc_stats#dump_malloc_heaps#dump_devargs#dump_log_types"
/** Commands that take the name of one. */
#define DUMP_ONE "dump_ring#dump_mempool"

/**
 * Print what a command asks for.
 *
 * @param command  one of DUMP_ALL
 * @param name     of a ring or mempool, NULL for all
 * @return 0; -ENOENT for a command or a name that there is not
 */
int dump_run(const char *command, const char *name);

#endif /* DUMP_H */
