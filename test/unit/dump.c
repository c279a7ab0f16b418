/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The dump_* commands; see dump.h.
 */
#include "dump.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_devargs.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_memory.h>
#include <rte_mempool.h>
#include <rte_memzone.h>
#include <rte_ring.h>

static void
dump_malloc_stats(FILE *out)
{
	rte_malloc_dump_stats(out, NULL);
}

static void
dump_struct_sizes(FILE *out)
{
	fprintf(out, "struct rte_mbuf: %zu bytes\nstruct rte_mempool: %zu bytes\n"
		"struct rte_ring: %zu bytes\n", sizeof(struct rte_mbuf),
		sizeof(struct rte_mempool), sizeof(struct rte_ring));
}

static const struct {
	const char *command;
	void (*dump)(FILE *out);
} dumps[] = {
	{ "dump_physmem", rte_dump_physmem_layout },
	{ "dump_memzone", rte_memzone_dump },
	{ "dump_struct_sizes", dump_struct_sizes },
	{ "dump_ring", rte_ring_list_dump },
	{ "dump_mempool", rte_mempool_list_dump },
	{ "dump_malloc_stats", dump_malloc_stats },
	{ "dump_malloc_heaps", rte_malloc_dump_heaps },
	{ "dump_devargs", rte_devargs_dump },
	{ "dump_log_types", rte_log_dump },
};

static int
dump_ring(const char *name)
{
	const struct rte_ring *ring = rte_ring_lookup(name);

	if (ring == NULL)
		return -ENOENT;
	rte_ring_dump(stdout, ring);
	return 0;
}

static int
dump_mempool(const char *name)
{
	struct rte_mempool *pool = rte_mempool_lookup(name);

	if (pool == NULL)
		return -ENOENT;
	rte_mempool_dump(stdout, pool);
	return 0;
}

int
dump_run(const char *command, const char *name)
{
	if (name != NULL && strcmp(command, "dump_ring") == 0)
		return dump_ring(name);
	if (name != NULL && strcmp(command, "dump_mempool") == 0)
		return dump_mempool(name);
	for (unsigned int i = 0; name == NULL && i < RTE_DIM(dumps); i++) {
		if (strcmp(command, dumps[i].command) != 0)
			continue;
		dumps[i].dump(stdout);
		fflush(stdout);
		return 0;
	}
	return -ENOENT;
}
