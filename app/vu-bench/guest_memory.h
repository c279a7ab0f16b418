/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Guest memory: all buffers of a point, seen by the generator and by all back-ends.
 */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include "frame.h"

struct gen_memory {
	uint8_t *hva;
	uint64_t bytes;
	int fd;
	bool has_hugepages;
	uint32_t nb_buffers;      /* of each queue; a power of two */
	uint32_t room_bytes[2];   /* of a buffer, header included; [0] to guest, [1] from guest */
	uint32_t stride_bytes[2]; /* from one buffer to the next */
};

/** Bytes that a pair of queues has. */
static inline uint64_t
gen_pair_bytes(const struct gen_memory *memory)
{
	return (uint64_t)memory->nb_buffers * (memory->stride_bytes[0] + memory->stride_bytes[1]);
}

/** @return 0 or -errno */
int gen_memory_create(struct gen_memory *memory, const struct bench_case *point,
	const struct frame_sizes *sizes);
void gen_memory_destroy(struct gen_memory *memory);

#endif /* GUEST_MEMORY_H */
