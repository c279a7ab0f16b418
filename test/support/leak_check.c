/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A snapshot is a sorted list of lines, one per thing held; two snapshots are merged to find what
 * differs. DPDK's own memory segments may come and go with its heap and are left out; what was
 * allocated from that heap is counted.
 */
#include "leak_check.h"

#include <dirent.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_mempool.h>

#include "expect.h"
#include "vu_peer.h"

#define CLOSING_SECONDS 20
#define LINE_BYTES (PATH_MAX + 128)

struct leak_snapshot {
	char **lines;
	size_t nb_lines;
};

static void __rte_format_printf(2, 3)
line_add(struct leak_snapshot *snapshot, const char *format, ...)
{
	va_list args;
	int len;

	snapshot->lines = realloc(snapshot->lines,
		(snapshot->nb_lines + 1) * sizeof(*snapshot->lines));
	CHECK(snapshot->lines != NULL);
	va_start(args, format);
	len = vasprintf(&snapshot->lines[snapshot->nb_lines], format, args);
	va_end(args);
	CHECK(len >= 0);
	snapshot->nb_lines++;
}

/* Files behind DPDK's heap: anonymous "seg_N" or, on a hugetlbfs mount, "<prefix>map_N". */
static bool
is_heap_file(int fd, const char *target)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0 || fs.f_type != HUGETLBFS_MAGIC)
		return false;
	return strncmp(target, "/memfd:seg_", strlen("/memfd:seg_")) == 0 ||
		strstr(target, "map_") != NULL;
}

static void
add_fds(struct leak_snapshot *snapshot)
{
	DIR *dir = opendir("/proc/self/fd");
	char target[PATH_MAX];
	struct dirent *entry;

	CHECK(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		int fd = atoi(entry->d_name);

		if (len < 0 || fd == dirfd(dir))
			continue;
		target[len] = '\0';
		if (!is_heap_file(fd, target))
			line_add(snapshot, "fd %d -> %s", fd, target);
	}
	closedir(dir);
}

static bool
is_heap_memory(uint64_t start)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list((void *)(uintptr_t)start);

	return list != NULL && !list->external;
}

static void
add_mapping(struct leak_snapshot *snapshot, const char *line)
{
	char mode[8], path[PATH_MAX] = "";
	uint64_t start, end, offset;

	if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %4095[^\n]",
			&start, &end, mode, &offset, path) < 4)
		return;
	if (mode[3] != 's' && strncmp(path, "/memfd:", strlen("/memfd:")) != 0 &&
			strstr(path, "hugepage") == NULL)
		return;
	if (!is_heap_memory(start))
		line_add(snapshot, "mapping %#lx-%#lx %s at %#lx of %s",
			start, end, mode, offset, path);
}

static void
add_mappings(struct leak_snapshot *snapshot)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[LINE_BYTES];

	CHECK(maps != NULL);
	while (fgets(line, sizeof(line), maps) != NULL)
		add_mapping(snapshot, line);
	fclose(maps);
}

static void
add_mempool(struct rte_mempool *pool, void *snapshot)
{
	line_add(snapshot, "mempool %s: %u of %u objects free",
		pool->name, rte_mempool_avail_count(pool), pool->size);
}

static void
add_heaps(struct leak_snapshot *snapshot)
{
	struct rte_malloc_socket_stats stats;

	for (unsigned int i = 0; i < rte_socket_count(); i++) {
		int socket = rte_socket_id_by_idx(i);

		if (rte_malloc_get_socket_stats(socket, &stats) == 0)
			line_add(snapshot, "heap of socket %d: %u allocations, %zu bytes",
				socket, stats.alloc_count, stats.heap_allocsz_bytes);
	}
}

static void
add_lcores(struct leak_snapshot *snapshot)
{
	unsigned int lcore_id;

	RTE_LCORE_FOREACH_WORKER(lcore_id)
		if (rte_eal_get_lcore_state(lcore_id) == RUNNING)
			line_add(snapshot, "lcore %u still runs", lcore_id);
}

static int
line_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
leak_check_settle(void)
{
	const time_t end = time(NULL) + CLOSING_SECONDS;

	WAIT_WHILE(vu_peer_nb() != 0 && time(NULL) < end)
		usleep(100);
}

struct leak_snapshot *
leak_snapshot_take(void)
{
	struct leak_snapshot *snapshot = calloc(1, sizeof(*snapshot));

	leak_check_settle();
	CHECK(snapshot != NULL);
	add_fds(snapshot);
	add_mappings(snapshot);
	rte_mempool_walk(add_mempool, snapshot);
	add_heaps(snapshot);
	add_lcores(snapshot);
	qsort(snapshot->lines, snapshot->nb_lines, sizeof(*snapshot->lines), line_compare);
	return snapshot;
}

unsigned int
leak_snapshot_print_diff(const struct leak_snapshot *before, const struct leak_snapshot *after)
{
	unsigned int nb_differences = 0;
	size_t i = 0, j = 0;

	while (i < before->nb_lines || j < after->nb_lines) {
		int order;

		if (i == before->nb_lines)
			order = 1;
		else if (j == after->nb_lines)
			order = -1;
		else
			order = strcmp(before->lines[i], after->lines[j]);
		if (order != 0) {
			nb_differences++;
			printf("\n    leak: %s: %s", order < 0 ? "was" : "is ",
				order < 0 ? before->lines[i] : after->lines[j]);
		}
		i += order <= 0;
		j += order >= 0;
	}
	if (nb_differences != 0)
		printf("\n  ");
	return nb_differences;
}

void
leak_snapshot_free(struct leak_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->nb_lines; i++)
		free(snapshot->lines[i]);
	free(snapshot->lines);
	free(snapshot);
}
