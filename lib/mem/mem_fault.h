/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Register of live mappings that the SIGBUS handler searches. Filled by mem_map.c on the control
 * lcore; an entry outlives every access to its mapping.
 */
#ifndef MEM_FAULT_H
#define MEM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/** One entry of the register. */
struct mem_guard;

/**
 * Put a mapping under guard.
 *
 * @param base        first byte, aligned to page_bytes
 * @param len_bytes   multiple of page_bytes, at least one
 * @param page_bytes  page size of the mapping
 * @return entry, or NULL without memory
 * @context control lcore, before anybody can touch the mapping
 */
struct mem_guard *mem_guard_add(void *base, uint64_t len_bytes, uint64_t page_bytes);

/**
 * Drop a mapping. To be called before munmap(2): the handler must not replace memory that may
 * already belong to somebody else.
 *
 * @context control lcore, when nobody touches the mapping any more
 */
void mem_guard_remove(struct mem_guard *guard);

/**
 * @return true if the mapping has been replaced by anonymous memory
 * @context any thread
 */
bool mem_guard_has_failed(const struct mem_guard *guard);

#endif /* MEM_FAULT_H */
