/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Dirty log of a live migration: one bit for each page of 4096 bytes of guest memory, in a file
 * that the front-end shares with all devices of its guest. The front-end takes words from it by
 * atomic exchange with 0, and other devices, in other processes too, set bits in the same words:
 * bits are set by atomic OR only.
 */
#ifndef VU_MEM_LOG_H
#define VU_MEM_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include "vu_atomic.h"
#include "vu_export.h"

VU_API_BEGIN

#define VU_MEM_LOG_PAGE_SHIFT 12 /**< of any guest, whatever its pages are */
#define VU_MEM_LOG_PAGE_BYTES (UINT64_C(1) << VU_MEM_LOG_PAGE_SHIFT)
#define VU_MEM_LOG_WORD_BITS 64

struct vu_peer;

/** A mapped log; fixed after creation, except the counter. */
struct vu_mem_log {
	uint64_t *words;    /**< aligned; the first one has the bit of page 0 */
	uint64_t first_bit; /**< of page 0 in words[0]: the log may begin at any byte of its file */
	uint64_t nb_pages;  /**< pages that it has bits for */
	uint64_t nb_misses; /**< any thread: pages written that it has no bit for */
};

/**
 * Map a log.
 *
 * @param fd            shared memory file; taken on every path
 * @param len_bytes     of the log, at least 1
 * @param offset_bytes  where it begins in the file, any alignment
 * @return log; NULL with rte_errno: EINVAL length 0, or no such file; ERANGE it reaches past its
 *         file; ENOMEM; or the errno of fstat(2) or mmap(2)
 * @context the peer's thread, or one thread at a time
 */
struct vu_mem_log *vu_mem_log_create(int fd, uint64_t len_bytes, uint64_t offset_bytes);

/**
 * Leave unmapping to a peer's thread, from any thread that destroys the log.
 *
 * @param log   new
 * @param peer  held until the log is freed
 * @context the peer's thread
 */
void vu_mem_log_set_peer(struct vu_mem_log *log, struct vu_peer *peer);

/**
 * Unmap a log that no lcore can reach any more.
 *
 * @param log  NULL is allowed
 * @context any thread if the log has a peer, else one thread at a time
 */
void vu_mem_log_destroy(struct vu_mem_log *log);

/**
 * Ask whether the front-end shrank the file; see vu_mem_fault.h.
 *
 * @return true: marks are lost since then, end the session
 * @context any thread that may use the log
 */
bool vu_mem_log_has_failed(const struct vu_mem_log *log);

/**
 * Mark the pages of a range. Between the stores to them and this call lies a full barrier: a bit
 * that is set already is left alone, so the stores must be visible to a front-end that takes that
 * bit from now on. Pairs with its exchange.
 *
 * @param log        log
 * @param gpa        first guest-physical address, any value; what is beyond the log is counted
 * @param len_bytes  bytes
 * @context any thread that may use the log
 */
static inline void
vu_mem_log_mark(struct vu_mem_log *log, uint64_t gpa, uint64_t len_bytes)
{
	const uint64_t page = gpa >> VU_MEM_LOG_PAGE_SHIFT;
	uint64_t nb = ((gpa & (VU_MEM_LOG_PAGE_BYTES - 1)) + len_bytes +
		VU_MEM_LOG_PAGE_BYTES - 1) >> VU_MEM_LOG_PAGE_SHIFT;
	uint64_t left = page < log->nb_pages ? log->nb_pages - page : 0;
	uint64_t bit = page + log->first_bit;

	if (unlikely(len_bytes == 0))
		return;
	if (unlikely(nb > left)) {
		__atomic_fetch_add(&log->nb_misses, nb - left, __ATOMIC_RELAXED);
		nb = left;
	}
	while (nb != 0) {
		uint64_t *word = &log->words[bit / VU_MEM_LOG_WORD_BITS];
		uint64_t nb_here = RTE_MIN(nb, VU_MEM_LOG_WORD_BITS - bit % VU_MEM_LOG_WORD_BITS);
		uint64_t mask = UINT64_MAX >> (VU_MEM_LOG_WORD_BITS - nb_here) <<
			bit % VU_MEM_LOG_WORD_BITS;

		/* Byte p / 8 has the bit of page p on any processor. */
		mask = rte_cpu_to_le_64(mask);
		if ((vu_load(word) & mask) != mask)
			__atomic_fetch_or(word, mask, __ATOMIC_RELAXED);
		bit += nb_here;
		nb -= nb_here;
	}
}

VU_API_END

#endif /* VU_MEM_LOG_H */
