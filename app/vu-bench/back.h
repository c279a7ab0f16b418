/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The back halves: one ops table each. All of them take frames from queues and give frames to
 * queues of one and the same front half, and are called in the same way.
 */
#ifndef BACK_H
#define BACK_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "bench.h"
#include "front.h"

struct vu_frontend_conf;

/** What a back half is opened with. */
struct back_conf {
	const struct bench_case *point;
	const struct front_memory *memory;
	struct rte_mempool *pool; /* for frames from the guest */
	unsigned int lcore_id;    /* that will call it */
	uint32_t first_port;      /* of the frames; see struct front_conf */
	const char *folder;       /* for sockets */
	bool has_vhost_stats;     /* rte_vhost counts packets by size and kind */
};

/** Take up to nb frames from a queue. @return frames */
typedef uint16_t (*back_from_guest_fn)(void *queue, struct rte_mbuf **frames, uint16_t nb);

/** Copy frames, which stay the caller's, to a queue. @return frames that found room */
typedef uint16_t (*back_to_guest_fn)(void *queue, struct rte_mbuf **frames, uint16_t nb);

/**
 * Move up to nb frames from a queue of one guest to a queue of another, or more: what the scheduler
 * finds on the lcore. @return frames
 */
typedef uint32_t (*back_forward_fn)(void *back, void *from, void *to, uint16_t nb);

/** One back half. */
struct back_ops {
	/** @return the back half; NULL with rte_errno. Main lcore, as all but the bursts. */
	void *(*open)(const struct back_conf *conf);
	/** Where the front-end of a device connects to. NULL: no rings. */
	int (*endpoint)(void *back, unsigned int device_idx, struct vu_frontend_conf *conf);
	/** The front-ends are up and started: wait until the queues can be used. */
	int (*ready)(void *back);
	/** Handle of a queue for the bursts. */
	void *(*queue)(void *back, struct front_queue *fq);
	/** The front-ends are closed. */
	void (*close)(void *back);
	back_from_guest_fn from_guest;
	back_to_guest_fn to_guest;
	/** From guest to guest; NULL: the two above. */
	back_forward_fn forward;

	/* For a back half that sleeps; NULL for those that poll. */
	void (*kick)(void *queue);   /**< front half: there are frames in a queue */
	void (*wait)(void *queue);   /**< back half: sleep until that, or return at once */
	void (*signal)(void *queue); /**< back half: frames were given to a queue */
};

extern const struct back_ops back_vu;
extern const struct back_ops back_vu_mbuf;
extern const struct back_ops back_rte_vhost;
extern const struct back_ops back_limit;
extern const struct back_ops back_none;
extern const struct back_ops back_eventfd;

/** Remove the sockets that back_rte_vhost keeps from one use to the next. */
void back_rte_vhost_end(void);

#endif /* BACK_H */
