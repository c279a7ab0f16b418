/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory that a front-end shares besides that of its guest, as bytes without a guest address.
 */
#ifndef VU_MEM_SHARED_H
#define VU_MEM_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

struct mem_map;
struct vu_peer;

/** A mapped part of a file; fixed after creation. */
struct vu_mem_shared {
	uint8_t *hva;       /**< first byte, at any alignment that the front-end likes */
	uint64_t len_bytes;
	struct mem_map *map;
};

/**
 * Map a part of a file.
 *
 * @param fd            shared memory file; taken on every path
 * @param len_bytes     at least 1
 * @param offset_bytes  where it begins in the file, any alignment
 * @return mapping; NULL with rte_errno: EINVAL length 0, or no such file; ERANGE it reaches past
 *         its file; ENOMEM; or the errno of fstat(2) or mmap(2)
 * @context the peer's thread, or one thread at a time
 */
struct vu_mem_shared *vu_mem_shared_create(int fd, uint64_t len_bytes, uint64_t offset_bytes);

/**
 * Leave unmapping to a peer's thread, from any thread that destroys the mapping.
 *
 * @param shared  new
 * @param peer    held until it is unmapped
 * @context the peer's thread
 */
void vu_mem_shared_set_peer(struct vu_mem_shared *shared, struct vu_peer *peer);

/**
 * Unmap what no lcore can reach any more.
 *
 * @param shared  NULL is allowed
 * @context any thread if it has a peer, else one thread at a time
 */
void vu_mem_shared_destroy(struct vu_mem_shared *shared);

/**
 * Ask whether the front-end shrank the file; see vu_mem_fault.h.
 *
 * @return true: it reads as zero since then, end the session
 * @context any thread that may use it
 */
bool vu_mem_shared_has_failed(const struct vu_mem_shared *shared);

VU_API_END

#endif /* VU_MEM_SHARED_H */
