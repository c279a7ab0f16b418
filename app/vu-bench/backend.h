/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The back-ends: one ops table each. All of them take frames from queues and give frames to queues
 * of one and the same generator, and are called in the same way.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "bench.h"
#include "frame.h"
#include "generator.h"

struct vu_frontend_conf;

/** What a back-end and its generator are opened with. */
struct backend_conf {
	enum bench_backend backend;
	const struct bench_case *point;
	const struct frame_sizes *sizes;
	const struct gen_memory *memory;
	struct rte_mempool *pool; /* for frames from the guest, and those of the application */
	unsigned int lcore_id;    /* that will call the back-end */
	const char *folder;       /* for sockets */
	bool has_vhost_stats;     /* rte_vhost counts packets by size and kind */
};

/** Frames of each back-end have addresses of their own; a port for each device of a guest. */
static inline uint32_t
backend_first_port(const struct backend_conf *conf)
{
	return conf->backend * GEN_MAX_DEVICES_PER_GUEST;
}

/** One back-end. */
struct backend_ops {
	/** @return 0 or -errno; closed in any case. Main lcore, as all but the bursts. */
	int (*open)(const struct backend_conf *conf, void **backend);
	/** Where the front-end of a device connects to. NULL: no rings. */
	int (*endpoint)(void *backend, unsigned int device_idx, struct vu_frontend_conf *conf);
	/** The front-ends are started: wait until the queues can be used. NULL: they can. */
	int (*ready)(void *backend);
	/** Handle of a queue for the bursts. */
	void *(*queue)(void *backend, struct gen_queue *gq);
	/** The front-ends are closed; not called if `open` set no back-end. */
	void (*close)(void *backend);
	/** Take up to nb frames from a queue. @return frames */
	uint16_t (*from_guest)(void *queue, struct rte_mbuf **frames, uint16_t nb);
	/** Copy frames, which stay the caller's, to a queue. @return frames that found room */
	uint16_t (*to_guest)(void *queue, struct rte_mbuf **frames, uint16_t nb);
	/**
	 * Move up to nb frames from a queue of one guest to a queue of another, or more: what the
	 * scheduler finds on the lcore. NULL: the two above. @return frames
	 */
	uint32_t (*forward)(void *backend, void *from, void *to, uint16_t nb);
};

extern const struct backend_ops backend_vu; /* vu_mbuf and eventfd, too */
extern const struct backend_ops backend_rte_vhost;
extern const struct backend_ops backend_copy_base;
extern const struct backend_ops backend_copy_avx2;
extern const struct backend_ops backend_copy_avx512;
extern const struct backend_ops backend_none;

/** Ops of a back-end; of the copy baseline those for the widest vectors that EAL allows. */
const struct backend_ops *backend_find(enum bench_backend backend);

/** Remove the sockets that backend_rte_vhost keeps from one use to the next. */
void backend_rte_vhost_end(void);

#endif /* BACKEND_H */
