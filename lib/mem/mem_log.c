/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mapping of a dirty log: a region file like those of guest memory, with the same checks and the
 * same guard against a front-end that shrinks it. Mapped and unmapped on the peer's thread.
 */
#include "vu_mem_log.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vu_fd.h"
#include "vu_peer.h"

#include "mem_map.h"

#define WORD_BYTES (VU_MEM_LOG_WORD_BITS / 8)

struct mem_log {
	struct vu_mem_log log;
	struct vu_peer *peer;    /* whose thread unmaps, or NULL */
	struct vu_peer_job job;
};

static int
log_map(const struct vu_mem_region_conf *conf, struct mem_map **map)
{
	const struct mem_usage used = { 0 };
	struct mem_file file;
	int rc = conf->len != 0 ? mem_file_inspect(conf, &file) : -EINVAL;

	return rc == 0 ? mem_map_create(conf, &file, &used, map) : rc;
}

/* A mapping begins at a page border, so the word that has the first byte lies in it. */
static struct vu_mem_log *
log_of_map(struct mem_map *map)
{
	struct mem_log *own = calloc(1, sizeof(*own));
	const uintptr_t start = (uintptr_t)map->hva;
	struct vu_mem_log *log;

	if (own == NULL) {
		mem_map_put(map);
		rte_errno = ENOMEM;
		return NULL;
	}
	log = &own->log;
	log->words = (uint64_t *)(start / WORD_BYTES * WORD_BYTES);
	log->first_bit = start % WORD_BYTES * 8;
	/* Less than the address space: 8 times it does not wrap. */
	log->nb_pages = map->len * 8;
	log->map = map;
	return log;
}

struct vu_mem_log *
vu_mem_log_create(int fd, uint64_t len_bytes, uint64_t offset_bytes)
{
	const struct vu_mem_region_conf conf = {
		.len = len_bytes, .mmap_offset = offset_bytes, .fd = fd,
		.numa_node = VU_MEM_NODE_ANY,
	};
	struct mem_map *map;
	int rc = log_map(&conf, &map);

	vu_fd_close(&fd);
	if (rc < 0) {
		rte_errno = -rc;
		return NULL;
	}
	return log_of_map(map);
}

void
vu_mem_log_set_peer(struct vu_mem_log *log, struct vu_peer *peer)
{
	container_of(log, struct mem_log, log)->peer = vu_peer_get(peer);
}

static void
log_free(struct vu_peer_job *job)
{
	struct mem_log *own = container_of(job, struct mem_log, job);
	struct vu_peer *peer = own->peer;

	mem_map_put(own->log.map);
	free(own);
	if (peer != NULL)
		vu_peer_put(peer);
}

void
vu_mem_log_destroy(struct vu_mem_log *log)
{
	struct mem_log *own;

	if (log == NULL)
		return;
	own = container_of(log, struct mem_log, log);
	own->job.fn = log_free;
	if (own->peer != NULL)
		vu_peer_post(own->peer, &own->job);
	else
		log_free(&own->job);
}

bool
vu_mem_log_has_failed(const struct vu_mem_log *log)
{
	return mem_map_has_failed(log->map);
}
