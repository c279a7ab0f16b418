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

static inline int
fixture_file(uint64_t len_bytes)
{
	return vu_fd_memfd(FIXTURE_NAME, len_bytes, 0);
}

/* A file of huge pages that are really there, or a negative value. */
static inline int
fixture_huge_file(uint64_t len_bytes)
{
	int fd = vu_fd_memfd(FIXTURE_NAME, len_bytes, HUGE_BYTES);

	if (fd >= 0 && posix_fallocate(fd, 0, (off_t)len_bytes) != 0)
		vu_fd_close(&fd);
	return fd;
}

/* A region at gpa whose uva is the gpa plus UVA_BASE; takes a duplicate of the file. */
static inline struct vu_mem_region_conf
fixture_region(int file, uint64_t gpa, uint64_t len, uint64_t mmap_offset)
{
	return (struct vu_mem_region_conf) {
		.gpa = gpa, .len = len, .uva = gpa + UVA_BASE, .mmap_offset = mmap_offset,
		.fd = fcntl(file, F_DUPFD_CLOEXEC, 0), .numa_node = VU_MEM_NODE_ANY,
	};
}

static inline struct vu_mem_table *
fixture_table(int file, uint64_t gpa, uint64_t len, uint64_t mmap_offset)
{
	struct vu_mem_region_conf region = fixture_region(file, gpa, len, mmap_offset);

	return vu_mem_table_create(&region, 1, "test");
}

static inline void *
fixture_hva(const struct vu_mem_table *table, uint64_t gpa)
{
	return vu_mem_gpa_range_to_hva(table, gpa, 1);
}

static inline bool
fixture_fd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Mapped bytes of fixture files in this process. */
static inline uint64_t
fixture_mapped_bytes(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	uint64_t total = 0;
	char line[512];

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		if (strstr(line, FIXTURE_NAME) != NULL &&
				sscanf(line, "%lx-%lx", &start, &end) == 2)
			total += end - start;
	if (maps != NULL)
		fclose(maps);
	return total;
}

/* Runs a case in a child; returns the status of waitpid(), 0 for success. */
static inline int
fixture_run_child(void (*run)(void))
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		run();
		fflush(stdout);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	return status;
}

/* Installs a system call filter for the rest of this process's life. */
static inline int
fixture_filter(const struct sock_filter *rules, unsigned short nb_rules)
{
	struct sock_fprog program = {
		.len = nb_rules, .filter = (struct sock_filter *)(uintptr_t)rules,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

#endif /* MEM_FIXTURE_H */
