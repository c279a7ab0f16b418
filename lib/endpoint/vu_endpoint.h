/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a device is reached: a socket to listen on, one to connect to again and again, or an
 * inherited connection. One session at a time serves the device, which outlives it; a second
 * front-end that connects to a server waits until the first has left.
 */
#ifndef VU_ENDPOINT_H
#define VU_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

struct vu_device;
struct vu_endpoint;
struct vu_errmsg;
struct vu_reactor;

/** How a device gets its connection. */
enum vu_endpoint_kind {
	VU_ENDPOINT_SERVER, /**< listen on a path; one front-end at a time, the next may wait */
	VU_ENDPOINT_CLIENT, /**< connect to a path; again and again with a growing pause */
	VU_ENDPOINT_FD,     /**< serve a connected socket that was inherited; then close */
};

/** What an endpoint is created from. */
struct vu_endpoint_conf {
	struct vu_reactor *reactor;  /**< outlives the endpoint */
	enum vu_endpoint_kind kind;
	const char *path;            /**< of a server or client, 1..107 characters; copied */
	int fd;                      /**< VU_ENDPOINT_FD: taken */
	uint32_t reconnect_ms;       /**< longest pause between attempts of a client */
	/** The endpoint is closed and may be destroyed, which this function may do. */
	void (*closed)(void *arg);
	void *arg;
	const struct vu_errmsg *errmsg; /**< filled after a failure */
};

/**
 * Create an endpoint. The socket of a server exists afterwards; nothing is accepted yet.
 *
 * @param conf  see struct vu_endpoint_conf
 * @return endpoint; NULL with rte_errno: ENOTSOCK or EINVAL no connected Unix stream socket, errno
 *         of vu_listener_create(), ENOMEM
 * @context control lcore
 */
struct vu_endpoint *vu_endpoint_create(const struct vu_endpoint_conf *conf);

/**
 * Begin to serve or to connect.
 *
 * @param endpoint   new
 * @param dev        idle device; outlives the endpoint
 * @param is_single  close after the first connection
 * @return 0 or -errno
 * @context control lcore
 */
int vu_endpoint_open(struct vu_endpoint *endpoint, struct vu_device *dev, bool is_single);

/**
 * End the session, take no more connections, and detach the device; conf.closed is called when all
 * is done, always later.
 *
 * @param endpoint  was opened; closing twice is allowed
 * @context control lcore
 */
void vu_endpoint_close(struct vu_endpoint *endpoint);

/**
 * Free an endpoint.
 *
 * @param endpoint  closed, or never opened; NULL is allowed
 * @context control lcore
 */
void vu_endpoint_destroy(struct vu_endpoint *endpoint);

/** End each session whose memory failed (vu_mem_fault.h). @context control lcore */
void vu_endpoint_check_mem(void);

VU_API_END

#endif /* VU_ENDPOINT_H */
