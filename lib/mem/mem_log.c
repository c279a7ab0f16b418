/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mapping of a dirty log: a file that the front-end shares, with words that several processes mark.
 */
#include "vu_mem_log.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vu_mem_shared.h"

#define WORD_BYTES (VU_MEM_LOG_WORD_BITS / 8)

struct mem_log {
	struct vu_mem_log log;
	struct vu_mem_shared *shared;
};

/* A mapping begins at a page border, so the word that has the first byte lies in it. */
struct vu_mem_log *
vu_mem_log_create(int fd, uint64_t len_bytes, uint64_t offset_bytes)
{
	struct vu_mem_shared *shared = vu_mem_shared_create(fd, len_bytes, offset_bytes);
	struct mem_log *own;
	uintptr_t start;

	if (shared == NULL)
		return NULL;
	own = calloc(1, sizeof(*own));
	if (own == NULL) {
		vu_mem_shared_destroy(shared);
		rte_errno = ENOMEM;
		return NULL;
	}
	start = (uintptr_t)shared->hva;
	own->shared = shared;
	own->log.words = (uint64_t *)(start / WORD_BYTES * WORD_BYTES);
	own->log.first_bit = start % WORD_BYTES * 8;
	/* Less than the address space: 8 times it does not wrap. */
	own->log.nb_pages = shared->len_bytes * 8;
	return &own->log;
}

void
vu_mem_log_set_peer(struct vu_mem_log *log, struct vu_peer *peer)
{
	vu_mem_shared_set_peer(container_of(log, struct mem_log, log)->shared, peer);
}

void
vu_mem_log_destroy(struct vu_mem_log *log)
{
	struct mem_log *own;

	if (log == NULL)
		return;
	own = container_of(log, struct mem_log, log);
	vu_mem_shared_destroy(own->shared);
	free(own);
}

bool
vu_mem_log_has_failed(const struct vu_mem_log *log)
{
	return vu_mem_shared_has_failed(container_of(log, const struct mem_log, log)->shared);
}
