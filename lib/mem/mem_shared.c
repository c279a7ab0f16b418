/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files of a front-end that hold no guest memory, mapped with the same checks and the same guard
 * as those that do. Mapped and unmapped on the peer's thread.
 */
#include "vu_mem_shared.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vu_fd.h"
#include "vu_peer.h"

#include "mem_map.h"

struct mem_shared {
	struct vu_mem_shared shared;
	struct vu_peer *peer;    /* whose thread unmaps, or NULL */
	struct vu_peer_job job;
};

static int
shared_map(const struct vu_mem_region_conf *conf, struct mem_map **map)
{
	const struct mem_usage used = { 0 };
	struct mem_file file;
	int rc = conf->len != 0 ? mem_file_inspect(conf, &file) : -EINVAL;

	return rc == 0 ? mem_map_create(conf, &file, &used, map) : rc;
}

struct vu_mem_shared *
vu_mem_shared_create(int fd, uint64_t len_bytes, uint64_t offset_bytes)
{
	const struct vu_mem_region_conf conf = {
		.len = len_bytes, .mmap_offset = offset_bytes, .fd = fd,
		.numa_node = VU_MEM_NODE_ANY,
	};
	struct mem_shared *own = calloc(1, sizeof(*own));
	int rc = own != NULL ? shared_map(&conf, &own->shared.map) : -ENOMEM;

	vu_fd_close(&fd);
	if (rc < 0) {
		free(own);
		rte_errno = -rc;
		return NULL;
	}
	own->shared.hva = own->shared.map->hva;
	own->shared.len_bytes = len_bytes;
	return &own->shared;
}

void
vu_mem_shared_set_peer(struct vu_mem_shared *shared, struct vu_peer *peer)
{
	container_of(shared, struct mem_shared, shared)->peer = vu_peer_get(peer);
}

static void
shared_free(struct vu_peer_job *job)
{
	struct mem_shared *own = container_of(job, struct mem_shared, job);
	struct vu_peer *peer = own->peer;

	mem_map_put(own->shared.map);
	free(own);
	if (peer != NULL)
		vu_peer_put(peer);
}

void
vu_mem_shared_destroy(struct vu_mem_shared *shared)
{
	struct mem_shared *own;

	if (shared == NULL)
		return;
	own = container_of(shared, struct mem_shared, shared);
	own->job.fn = shared_free;
	if (own->peer != NULL)
		vu_peer_post(own->peer, &own->job);
	else
		shared_free(&own->job);
}

bool
vu_mem_shared_has_failed(const struct vu_mem_shared *shared)
{
	return mem_map_has_failed(shared->map);
}
