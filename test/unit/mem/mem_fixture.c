/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files to map, our own mappings, and child processes; see mem_fixture.h.
 */
#include "mem_fixture.h"

int
memory_file(uint64_t len_bytes)
{
	return vu_fd_memfd(FIXTURE_NAME, len_bytes, 0);
}

int
memory_huge_file(uint64_t len_bytes)
{
	int fd = vu_fd_memfd(FIXTURE_NAME, len_bytes, HUGE_BYTES);

	if (fd >= 0 && posix_fallocate(fd, 0, (off_t)len_bytes) != 0)
		vu_fd_close(&fd);
	return fd;
}

struct vu_mem_region_conf
memory_region(int file, uint64_t gpa, uint64_t len, uint64_t mmap_offset)
{
	return (struct vu_mem_region_conf) {
		.gpa = gpa, .len = len, .uva = gpa + UVA_BASE, .mmap_offset = mmap_offset,
		.fd = fcntl(file, F_DUPFD_CLOEXEC, 0), .numa_node = VU_MEM_NODE_ANY,
	};
}

struct vu_mem_table *
memory_table(int file, uint64_t gpa, uint64_t len, uint64_t mmap_offset)
{
	struct vu_mem_region_conf region = memory_region(file, gpa, len, mmap_offset);

	return vu_mem_table_create(&region, 1, "test");
}

void *
memory_hva(const struct vu_mem_table *table, uint64_t gpa)
{
	return vu_mem_gpa_range_to_hva(table, gpa, 1);
}

bool
memory_fd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

uint64_t
memory_mapped_bytes(void)
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

int
child_run(void (*run)(void))
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

int
child_filter(const struct sock_filter *rules, unsigned short nb_rules)
{
	struct sock_fprog program = {
		.len = nb_rules, .filter = (struct sock_filter *)(uintptr_t)rules,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}
