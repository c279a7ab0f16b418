/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the cases of lib/mem share: files to map, a look at our own mappings, and child processes
 * for cases that change signal actions or system call filters for good.
 */
#ifndef MEM_FIXTURE_H
#define MEM_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_common.h>

#include "vu_fd.h"
#include "vu_mem.h"
#include "vu_mem_translate.h"

#define FIXTURE_NAME "vu-mem-test"
#define PAGE_BYTES UINT64_C(4096)
#define HUGE_BYTES UINT64_C(0x200000)
#define UVA_BASE UINT64_C(0x7f0000000000)

/** A file of ordinary pages. */
int memory_file(uint64_t len_bytes);

/** A file of huge pages that are really there, or a negative value. */
int memory_huge_file(uint64_t len_bytes);

/** A region at gpa whose uva is the gpa plus UVA_BASE; takes a duplicate of the file. */
struct vu_mem_region_conf memory_region(int file, uint64_t gpa, uint64_t len, uint64_t mmap_offset);

/** A table of one region. */
struct vu_mem_table *memory_table(int file, uint64_t gpa, uint64_t len, uint64_t mmap_offset);

/** Where a guest address is mapped; NULL: nowhere. */
void *memory_hva(const struct vu_mem_table *table, uint64_t gpa);

/** Is it? */
bool memory_fd_is_open(int fd);

/** Mapped bytes of fixture files in this process. */
uint64_t memory_mapped_bytes(void);

/** Runs a case in a child; returns the status of waitpid(), 0 for success. */
int child_run(void (*run)(void));

/** Installs a system call filter for the rest of this process's life. */
int child_filter(const struct sock_filter *rules, unsigned short nb_rules);

#endif /* MEM_FIXTURE_H */
