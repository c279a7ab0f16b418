/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Accepts or makes connections; one session at a time serves the device, which stays. Control
 * lcore.
 */
#include "vu_endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <rte_common.h>
#include <rte_debug.h>
#include <rte_errno.h>

#include "vu_backend.h"
#include "vu_backoff.h"
#include "vu_conn.h"
#include "vu_device.h"
#include "vu_fd.h"
#include "vu_log.h"
#include "vu_parse.h"
#include "vu_peer.h"
#include "vu_reactor.h"

#define FIRST_RETRY_MS 10
#define ACCEPT_PAUSE_US 1000000
#define FRUITLESS_SESSIONS 3 /* in a row: said once */

enum endpoint_state {
	ENDPOINT_CREATED,
	ENDPOINT_OPEN,
	ENDPOINT_CLOSING, /* the session is ending, then the device is detached */
	ENDPOINT_CLOSED,
};

struct vu_endpoint {
	LIST_ENTRY(vu_endpoint) link;
	struct vu_endpoint_conf conf;    /* its path and errmsg are the creator's */
	enum endpoint_state state;
	bool is_single;                  /* close after the first connection */
	char *path;
	int fd;                          /* inherited, until it is served */
	struct vu_device *dev;
	struct vu_backend_session *session;
	struct vu_listener *listener;
	struct vu_reactor_fd *listen_source;
	struct vu_backoff backoff;       /* until a session gets somewhere */
	unsigned int nb_fruitless;       /* sessions in a row that ended before a ring ran */
	int connect_result;              /* last one logged: 0 or -errno */
	struct vu_reactor_timer *retry_timer; /* next attempt to connect, or to accept */
};

static LIST_HEAD(, vu_endpoint) endpoint_list = LIST_HEAD_INITIALIZER(endpoint_list);

static void endpoint_session_closed(void *arg);

static int
endpoint_serve(struct vu_endpoint *endpoint, int fd)
{
	struct vu_backend_conf conf = {
		.reactor = endpoint->conf.reactor, .dev = endpoint->dev, .fd = fd,
		.closed = endpoint_session_closed, .arg = endpoint,
		.is_quiet = endpoint->nb_fruitless >= FRUITLESS_SESSIONS,
	};

	endpoint->session = vu_backend_session_open(&conf);
	if (endpoint->session != NULL)
		return 0;
	VU_LOG_LIMITED(vu_device_fault_log(endpoint->dev), ENDPOINT, ERR,
		"%s: cannot serve a connection: %s", vu_device_name(endpoint->dev),
		rte_strerror(rte_errno));
	return -rte_errno;
}

/* Listen only while there is a place for the next connection. */
static void
endpoint_set_listen_interest(struct vu_endpoint *endpoint, bool is_interested)
{
	vu_reactor_fd_modify(endpoint->listen_source, is_interested ? EPOLLIN : 0);
}

/* Past front-ends may hold as many threads as they like, but no more than these. */
static int
endpoint_next_connection(struct vu_endpoint *endpoint)
{
	if (vu_peer_group_nb(vu_device_peers(endpoint->dev)) >= VU_MAX_PEERS)
		return -EDQUOT;
	return endpoint->conf.kind == VU_ENDPOINT_CLIENT ? vu_connect(endpoint->path) :
		vu_listener_accept(endpoint->listener);
}

static void
endpoint_accept(void *arg, uint32_t events)
{
	struct vu_endpoint *endpoint = arg;
	int fd;

	(void)events;
	if (endpoint->session != NULL) {
		endpoint_set_listen_interest(endpoint, false);
		VU_LOG_LIMITED(vu_device_fault_log(endpoint->dev), ENDPOINT, WARNING,
			"%s: another front-end connects to %s; it waits for the first to leave",
			vu_device_name(endpoint->dev), endpoint->path);
		return;
	}
	fd = endpoint_next_connection(endpoint);
	if (fd == -EDQUOT)
		VU_LOG_LIMITED(vu_device_fault_log(endpoint->dev), ENDPOINT, WARNING,
			"%s: a front-end waits: what %u earlier ones sent still makes us wait",
			vu_device_name(endpoint->dev), VU_MAX_PEERS);
	else if (fd < 0 && fd != -EAGAIN)
		VU_LOG_LIMITED(vu_device_fault_log(endpoint->dev), ENDPOINT, ERR,
			"%s: cannot accept a front-end yet: %s", vu_device_name(endpoint->dev),
			rte_strerror(-fd));
	if (fd < 0 && fd != -EAGAIN) {
		/* Out of fds or memory: the front-end waits in the backlog until the retry. */
		endpoint_set_listen_interest(endpoint, false);
		vu_reactor_timer_start(endpoint->retry_timer, ACCEPT_PAUSE_US, 0);
	}
	if (fd >= 0)
		endpoint_serve(endpoint, fd);
}

/* A client tries for ever: log an attempt only if its result differs from the last one. */
static void
endpoint_log_connect(struct vu_endpoint *endpoint, int result)
{
	struct vu_log_limit *limit = vu_device_life_log(endpoint->dev);
	const char *name = vu_device_name(endpoint->dev);
	const char *driver = vu_device_driver_name(endpoint->dev);

	if (result == endpoint->connect_result)
		return;
	endpoint->connect_result = result;
	if (result == 0)
		VU_LOG_LIMITED(limit, ENDPOINT, INFO, "%s: %s: connected to %s", name, driver,
			endpoint->path);
	else
		VU_LOG_LIMITED(limit, ENDPOINT, WARNING,
			"%s: %s: connecting to %s: %s; tries again every %u ms", name, driver,
			endpoint->path, result == -EDQUOT ?
			"what earlier front-ends sent still makes us wait" : rte_strerror(-result),
			endpoint->conf.reconnect_ms);
}

static void
endpoint_connect(struct vu_endpoint *endpoint)
{
	int fd = endpoint_next_connection(endpoint);

	endpoint_log_connect(endpoint, RTE_MIN(fd, 0));
	if (fd >= 0 && endpoint_serve(endpoint, fd) == 0)
		return;
	vu_reactor_timer_start(endpoint->retry_timer,
		vu_backoff_next_ms(&endpoint->backoff) * UINT64_C(1000), 0);
}

static void
endpoint_retry(void *arg)
{
	struct vu_endpoint *endpoint = arg;

	if (endpoint->conf.kind == VU_ENDPOINT_CLIENT)
		endpoint_connect(endpoint);
	else
		endpoint_set_listen_interest(endpoint, true);
}

static void
endpoint_detached(void *arg)
{
	struct vu_endpoint *endpoint = arg;

	endpoint->state = ENDPOINT_CLOSED;
	endpoint->conf.closed(endpoint->conf.arg);
}

static void
endpoint_detach(struct vu_endpoint *endpoint)
{
	endpoint->state = ENDPOINT_CLOSING;
	vu_device_detach(endpoint->dev, endpoint_detached, endpoint);
}

/* Whether it is worth while to come back soon, and to say so, shows in rings that run. */
static void
endpoint_judge_session(struct vu_endpoint *endpoint)
{
	if (vu_device_has_run(endpoint->dev)) {
		vu_backoff_reset(&endpoint->backoff);
		endpoint->nb_fruitless = 0;
		return;
	}
	if (endpoint->nb_fruitless < FRUITLESS_SESSIONS &&
			++endpoint->nb_fruitless == FRUITLESS_SESSIONS)
		VU_LOG_LIMITED(vu_device_fault_log(endpoint->dev), ENDPOINT, WARNING,
			"%s: %s: %u sessions in a row ended before a ring ran; the next ones are "
			"logged at debug level", vu_device_name(endpoint->dev), endpoint->path !=
			NULL ? endpoint->path : "inherited socket", FRUITLESS_SESSIONS);
}

static void
endpoint_session_closed(void *arg)
{
	struct vu_endpoint *endpoint = arg;

	endpoint->session = NULL;
	endpoint_judge_session(endpoint);
	if (endpoint->is_single && endpoint->state == ENDPOINT_OPEN) {
		vu_endpoint_close(endpoint);
		return;
	}
	if (endpoint->state == ENDPOINT_CLOSING || endpoint->conf.kind == VU_ENDPOINT_FD) {
		endpoint_detach(endpoint);
	} else if (endpoint->conf.kind == VU_ENDPOINT_CLIENT) {
		vu_reactor_timer_start(endpoint->retry_timer,
			vu_backoff_next_ms(&endpoint->backoff) * UINT64_C(1000), 0);
	} else {
		endpoint_set_listen_interest(endpoint, true);
	}
}

void
vu_endpoint_check_mem(void)
{
	struct vu_endpoint *endpoint;

	/* Ending a session destroys no endpoint here: the list stays as it is. */
	LIST_FOREACH(endpoint, &endpoint_list, link)
		if (endpoint->session != NULL)
			vu_backend_session_check_mem(endpoint->session);
}

void
vu_endpoint_close(struct vu_endpoint *endpoint)
{
	if (endpoint->state != ENDPOINT_OPEN)
		return;
	endpoint->state = ENDPOINT_CLOSING;
	vu_reactor_fd_remove(endpoint->listen_source);
	endpoint->listen_source = NULL;
	vu_reactor_timer_stop(endpoint->retry_timer);
	if (endpoint->session != NULL)
		vu_backend_session_close(endpoint->session, "shutting down");
	else
		endpoint_detach(endpoint);
}

int
vu_endpoint_open(struct vu_endpoint *endpoint, struct vu_device *dev, bool is_single)
{
	endpoint->dev = dev;
	endpoint->is_single = is_single;
	endpoint->state = ENDPOINT_OPEN;
	if (endpoint->conf.kind == VU_ENDPOINT_FD)
		return endpoint_serve(endpoint, vu_fd_take(&endpoint->fd));
	if (endpoint->conf.kind == VU_ENDPOINT_CLIENT) {
		endpoint_connect(endpoint);
		return 0;
	}
	endpoint->listen_source = vu_reactor_fd_add(endpoint->conf.reactor,
		vu_listener_fd(endpoint->listener), EPOLLIN, endpoint_accept, endpoint);
	if (endpoint->listen_source == NULL)
		return -rte_errno;
	VU_LOG(ENDPOINT, INFO, "%s: %s: listening on %s", vu_device_name(dev),
		vu_device_driver_name(dev), endpoint->path);
	return 0;
}

/* Is an inherited fd a connected Unix stream socket? */
static int
endpoint_check_fd(const struct vu_endpoint *endpoint)
{
	int domain, type, is_listening;
	socklen_t len = sizeof(int);

	if (getsockopt(endpoint->fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
			domain != AF_UNIX ||
			getsockopt(endpoint->fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
			type != SOCK_STREAM)
		return vu_refuse(endpoint->conf.errmsg, -ENOTSOCK,
			"fd %d: not an inherited Unix stream socket", endpoint->fd);
	if (getsockopt(endpoint->fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) == 0 &&
			is_listening != 0)
		return vu_refuse(endpoint->conf.errmsg, -EINVAL, "fd %d: a listening socket; "
			"use a connected one, or --socket PATH", endpoint->fd);
	return 0;
}

/* One path in two spellings. */
static bool
endpoint_is_served_here(const struct vu_endpoint *endpoint)
{
	const struct vu_endpoint *other;
	struct stat wanted, found;

	if (stat(endpoint->path, &wanted) < 0)
		return false;
	LIST_FOREACH(other, &endpoint_list, link)
		if (other != endpoint && other->listener != NULL &&
				stat(other->path, &found) == 0 &&
				found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino)
			return true;
	return false;
}

static int
endpoint_listen(struct vu_endpoint *endpoint)
{
	int rc;

	endpoint->listener = vu_listener_create(endpoint->path);
	if (endpoint->listener != NULL)
		return 0;
	rc = -rte_errno;
	if (rc == -EADDRINUSE && endpoint_is_served_here(endpoint))
		return vu_refuse(endpoint->conf.errmsg, rc, "%s: another port has this socket, its "
			"path may be spelled otherwise", endpoint->path);
	return vu_refuse(endpoint->conf.errmsg, rc, "%s: %s", endpoint->path,
		rc == -EADDRINUSE ? "another process serves this socket; choose another path"
			: rc == -ENOTSOCK ? "exists and is not a socket; choose another path"
					  : rte_strerror(-rc));
}

static int
endpoint_init(struct vu_endpoint *endpoint, const struct vu_endpoint_conf *conf)
{
	endpoint->conf = *conf;
	endpoint->fd = conf->kind == VU_ENDPOINT_FD ? conf->fd : VU_FD_NONE;
	endpoint->connect_result = -EINPROGRESS;
	vu_backoff_init(&endpoint->backoff, FIRST_RETRY_MS, conf->reconnect_ms);
	endpoint->retry_timer = vu_reactor_timer_create(conf->reactor, endpoint_retry, endpoint);
	if (endpoint->retry_timer == NULL)
		return -rte_errno;
	if (conf->kind == VU_ENDPOINT_FD)
		return endpoint_check_fd(endpoint);
	endpoint->path = strdup(conf->path);
	if (endpoint->path == NULL)
		return -ENOMEM;
	return conf->kind == VU_ENDPOINT_SERVER ? endpoint_listen(endpoint) : 0;
}

struct vu_endpoint *
vu_endpoint_create(const struct vu_endpoint_conf *conf)
{
	struct vu_endpoint *endpoint = calloc(1, sizeof(*endpoint));
	int rc = endpoint != NULL ? endpoint_init(endpoint, conf) : -ENOMEM;

	if (endpoint != NULL)
		LIST_INSERT_HEAD(&endpoint_list, endpoint, link);
	if (rc == 0) {
		endpoint->conf.errmsg = NULL;
		return endpoint;
	}
	vu_endpoint_destroy(endpoint);
	rte_errno = -rc;
	return NULL;
}

void
vu_endpoint_destroy(struct vu_endpoint *endpoint)
{
	if (endpoint == NULL)
		return;
	RTE_VERIFY(endpoint->session == NULL);
	LIST_REMOVE(endpoint, link);
	vu_reactor_fd_remove(endpoint->listen_source);
	vu_reactor_timer_destroy(endpoint->retry_timer);
	vu_listener_destroy(endpoint->listener);
	vu_fd_close(&endpoint->fd);
	free(endpoint->path);
	free(endpoint);
}
