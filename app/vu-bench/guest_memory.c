/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Guest memory; see guest_memory.h.
 */
#include "guest_memory.h"

#include <errno.h>
#include <sys/mman.h>

#include <rte_common.h>

#include "vu_fd.h"

#define HUGEPAGE_BYTES (UINT64_C(2) << 20)
#define MAX_MEMORY_BYTES (UINT64_C(512) << 20)
#define BUFFER_BYTES 2048

static void
memory_lay_out(struct gen_memory *memory, const struct bench_case *point, uint32_t max_frame_bytes)
{
	for (int i = 0; i < 2; i++) {
		uint32_t bytes = BUFFER_BYTES;

		/* A frame fits one buffer, unless it may use several. */
		if (i == 1 || !point->is_mergeable)
			bytes = RTE_MAX(bytes, BENCH_HEADER_BYTES + max_frame_bytes);
		memory->room_bytes[i] = bytes;
		/* An odd number of cache lines spreads buffers over all sets of a cache. */
		memory->stride_bytes[i] = RTE_ALIGN_CEIL(bytes, (uint32_t)RTE_CACHE_LINE_SIZE) |
			RTE_CACHE_LINE_SIZE;
	}
	/* As many buffers as a ring has entries, as long as memory for all queues stays small. */
	memory->nb_buffers = point->ring_size;
	while (memory->nb_buffers > point->burst && memory->nb_buffers > 64 &&
			gen_pair_bytes(memory) * point->nb_pairs > MAX_MEMORY_BYTES)
		memory->nb_buffers /= 2;
	memory->bytes = RTE_ALIGN_CEIL(gen_pair_bytes(memory) * point->nb_pairs, HUGEPAGE_BYTES);
}

static int
memory_map(struct gen_memory *memory, uint64_t page_bytes)
{
	void *hva;

	memory->fd = vu_fd_memfd("vu-bench", memory->bytes, page_bytes);
	if (memory->fd < 0)
		return memory->fd;
	hva = mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		memory->fd, 0);
	if (hva == MAP_FAILED) {
		vu_fd_close(&memory->fd);
		return -ENOMEM;
	}
	memory->hva = hva;
	memory->has_hugepages = page_bytes != 0;
	return 0;
}

int
gen_memory_create(struct gen_memory *memory, const struct bench_case *point,
	const struct frame_sizes *sizes)
{
	memory_lay_out(memory, point, sizes->max_bytes);
	return memory_map(memory, HUGEPAGE_BYTES) == 0 ? 0 : memory_map(memory, 0);
}

void
gen_memory_destroy(struct gen_memory *memory)
{
	if (memory->hva == NULL)
		return;
	munmap(memory->hva, memory->bytes);
	vu_fd_close(&memory->fd);
	memory->hva = NULL;
}
