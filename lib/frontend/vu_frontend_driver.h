/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: one way to reach a device from the guest side (vhost-user, kernel vhost, vDPA).
 * A driver is a folder with one ops table and VU_FRONTEND_DRIVER(ops). It moves requests; which
 * requests in which order is the library's business, as are retries and everything remembered from
 * one connection to the next. All on the control thread.
 */
#ifndef VU_FRONTEND_DRIVER_H
#define VU_FRONTEND_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include "vu_export.h"
#include "vu_frontend.h"

VU_API_BEGIN

#define VU_FRONTEND_MAX_FDS 2

/** Where the parts of a ring are, in this process. */
struct vu_frontend_ring_addr {
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
};

/**
 * Operations of a driver. Unless said otherwise they return 0 or -errno: -EREMOTEIO the back-end
 * refused, -EOPNOTSUPP not negotiated or not possible, -EBUSY another request is waiting; any
 * other with error() set afterwards. A NULL op counts as -EOPNOTSUPP.
 */
struct vu_frontend_ops {
	const char *name;
	uint64_t protocol_features; /**< all that the driver knows */

	/** Allocate, listen. Sets vu_frontend_set_priv(). Owns conf->fd on every path. */
	int (*open)(struct vu_frontend *fe, const struct vu_frontend_conf *conf);
	void (*close)(struct vu_frontend *fe);
	/** Without waiting. -EAGAIN: wait for fds(); -ENOTCONN: never again; other: later. */
	int (*connect)(struct vu_frontend *fe);
	void (*disconnect)(struct vu_frontend *fe);
	/** What ended the connection, as -errno; 0 = it is fine. */
	int (*error)(const struct vu_frontend *fe);
	/** Fds to add interest in, for input. Returns their number. */
	unsigned int (*fds)(const struct vu_frontend *fe, int fds[VU_FRONTEND_MAX_FDS]);
	/** Some of them are readable: take requests of the back-end, without waiting. */
	void (*ready)(struct vu_frontend *fe);

	int (*get_features)(struct vu_frontend *fe, uint64_t *features);
	int (*set_features)(struct vu_frontend *fe, uint64_t features);
	/** -EOPNOTSUPP: the back-end knows none. */
	int (*get_protocol_features)(struct vu_frontend *fe, uint64_t *features);
	int (*set_protocol_features)(struct vu_frontend *fe, uint64_t features);
	int (*set_owner)(struct vu_frontend *fe);
	int (*get_queue_num)(struct vu_frontend *fe, uint32_t *nb);
	/** Give the back-end a channel for its own requests. */
	int (*open_channel)(struct vu_frontend *fe);

	int (*get_max_regions)(struct vu_frontend *fe, uint32_t *nb);
	/** -EOPNOTSUPP: the library calls set_mem() with the whole table instead. */
	int (*add_mem)(struct vu_frontend *fe, const struct vu_frontend_region *region);
	int (*remove_mem)(struct vu_frontend *fe, const struct vu_frontend_region *region);
	int (*set_mem)(struct vu_frontend *fe, const struct vu_frontend_region *regions,
		uint32_t nb_regions);

	int (*set_vring_num)(struct vu_frontend *fe, uint32_t idx, uint32_t num);
	int (*set_vring_base)(struct vu_frontend *fe, uint32_t idx, uint32_t base);
	int (*set_vring_addr)(struct vu_frontend *fe, uint32_t idx,
		const struct vu_frontend_ring_addr *addr);
	/** Fds are borrowed; VU_FD_NONE = polled. The kick fd starts the ring. */
	int (*set_vring_call)(struct vu_frontend *fe, uint32_t idx, int fd);
	int (*set_vring_kick)(struct vu_frontend *fe, uint32_t idx, int fd);
	int (*set_vring_enable)(struct vu_frontend *fe, uint32_t idx, bool is_enabled);
	/** Stops the ring. */
	int (*get_vring_base)(struct vu_frontend *fe, uint32_t idx, uint32_t *base);
	/** Kick by message; only if in-band notifications were negotiated. */
	int (*kick)(struct vu_frontend *fe, uint32_t idx);
	/** All earlier requests were handled when it returns. */
	int (*barrier)(struct vu_frontend *fe);

	int (*get_config)(struct vu_frontend *fe, uint32_t offset, void *buf, uint32_t len);
	int (*set_config)(struct vu_frontend *fe, uint32_t offset, const void *buf, uint32_t len);
	int (*get_status)(struct vu_frontend *fe, uint8_t *status);
	int (*set_status)(struct vu_frontend *fe, uint8_t status);
	int (*reset)(struct vu_frontend *fe);
	int (*request)(struct vu_frontend *fe, struct vu_frontend_call *call);
};

/** Driver's own data. @context control lcore */
void *vu_frontend_priv(const struct vu_frontend *fe);

/** Set the driver's own data; from the open op. @context control lcore */
void vu_frontend_set_priv(struct vu_frontend *fe, void *priv);

/** Name for log lines. @context control lcore */
const char *vu_frontend_name(const struct vu_frontend *fe);

/** Milliseconds of a clock that is never set, for ends of waits. @context any thread */
uint64_t vu_frontend_now_ms(void);

/** The user's events, never NULL, and their argument. @context control lcore */
const struct vu_frontend_events *vu_frontend_events(const struct vu_frontend *fe, void **arg);

/** Have config_changed called outside of any request. @context control lcore */
void vu_frontend_config_changed(struct vu_frontend *fe);

/** Worker of VU_FRONTEND_DRIVER(). @context before main */
void vu_frontend_driver_register(const struct vu_frontend_ops *ops);

/** Register a driver at program start. */
#define VU_FRONTEND_DRIVER(ops) \
	RTE_INIT(ops##_register) \
	{ \
		vu_frontend_driver_register(&ops); \
	}

VU_API_END

#endif /* VU_FRONTEND_DRIVER_H */
