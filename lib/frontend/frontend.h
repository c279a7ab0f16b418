/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/frontend: the front-end and what its files share. All on the control thread but
 * the queues' rings, which belong to their owners while the front-end is up.
 */
#ifndef FRONTEND_H
#define FRONTEND_H

#include "vu_backoff.h"
#include "vu_frontend.h"
#include "vu_frontend_driver.h"
#include "vu_limits.h"
#include "vu_log.h"
#include "vu_reactor.h"

#define FRONTEND_MAX_RETRY_FACTOR 32

/* Device status bits (VIRTIO 1.2, 2.1). */
#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER 2
#define STATUS_DRIVER_OK 4
#define STATUS_FEATURES_OK 8

/* One region and what the library did to have it. */
struct frontend_region {
	struct vu_frontend_region conf; /* fd is ours */
	bool is_mapped;                 /* by us: vu_frontend_mem_alloc() */
	bool is_dpdk;
	uint64_t seen_bytes;            /* by the walk of DPDK's memory that is under way */
};

struct frontend_queue {
	struct vu_frontend *fe;
	uint32_t idx;
	struct vu_vring_guest *ring;
	int kick_fd;
	int call_fd;
	struct vu_reactor_call kick;    /* in-band: posted by the owner of the queue */
};

struct vu_frontend {
	const struct vu_frontend_ops *ops;
	void *priv;                     /* the driver's */
	struct vu_frontend_conf conf;
	char *name;
	struct vu_reactor *reactor;
	bool owns_reactor;

	bool is_up;                     /* control writes, owners of queues read */
	bool is_connected;              /* negotiation at least begun */
	bool is_dead;                   /* no further attempt will be made */
	bool is_started;                /* wanted: now, or as soon as up */
	bool is_inband;                 /* kicks are messages; fixed while up */
	uint32_t nb_started;            /* queues */
	int reason;                     /* -errno of the last attempt or connection; 0: none */

	bool has_features;              /* the following two are for good */
	uint64_t features;
	uint64_t protocol_features;
	uint32_t queue_num;
	uint32_t max_regions;

	struct frontend_region *regions;
	uint32_t nb_regions;
	uint8_t *ring_memory;
	struct frontend_queue *queues;

	struct vu_reactor_fd *sources[VU_FRONTEND_MAX_FDS];
	unsigned int nb_sources;
	struct vu_reactor_timer *retry;
	struct vu_backoff backoff;
	struct vu_reactor_call config_call;
};

/* Fetch the op of a driver and call it, -EOPNOTSUPP if there is none. */
#define FRONTEND_OP(fe, op, ...) \
	((fe)->ops->op == NULL ? -EOPNOTSUPP : (fe)->ops->op(fe, ##__VA_ARGS__))

/**
 * End of a public function that made requests: a connection that broke is given up and tried again.
 * @return rc
 */
int frontend_result(struct vu_frontend *fe, int rc);

/** Send all regions to a back-end that has none. */
int frontend_mem_share(struct vu_frontend *fe);

/** Close and unmap all regions. */
void frontend_mem_release(struct vu_frontend *fe);

/** Allocate queues and the memory of their rings. */
int frontend_queues_create(struct vu_frontend *fe);
void frontend_queues_destroy(struct vu_frontend *fe);

/** Create the rings, once the features are known. */
int frontend_rings_create(struct vu_frontend *fe);

/** Set up, start and enable the started queues. */
int frontend_queues_start(struct vu_frontend *fe);

/** Driver of a name, NULL if there is none. */
const struct vu_frontend_ops *frontend_driver_find(const char *name);

#endif /* FRONTEND_H */
