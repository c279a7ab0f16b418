/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One configured port: its endpoint gets connections, a session serves one at a time, the device
 * stays. A second front-end that connects to a server waits until the first is gone. Control lcore.
 */
#include "daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vu_backoff.h"
#include "vu_device.h"
#include "vu_fd.h"
#include "vu_fd_peer.h"
#include "vu_log.h"

#define PORT_FIRST_RETRY_MS 10
#define PORT_ACCEPT_PAUSE_US 1000000

enum port_state {
	PORT_CREATED,
	PORT_OPEN,
	PORT_CLOSING, /* the session is ending, then the device is detached */
	PORT_CLOSED,
};

struct daemon_port {
	struct vu_daemon *daemon;
	enum port_state state;
	enum vu_endpoint endpoint;
	char *path;
	int fd;                          /* inherited, until it is served */
	struct vu_device *dev;
	struct vu_backend_session *session;
	struct vu_listener *listener;
	struct vu_reactor_fd *listen_source;
	int waiting_fd;                  /* next front-end of a server */
	struct vu_backoff backoff;
	uint32_t max_retry_ms;
	int connect_result;              /* last one logged: 0 or -errno */
	struct vu_reactor_timer *retry_timer; /* next attempt to connect, or to accept */
};

static void port_session_closed(void *arg);

static int
port_serve(struct daemon_port *port, int fd)
{
	struct vu_backend_conf conf = {
		.reactor = port->daemon->reactor, .dev = port->dev, .fd = fd,
		.closed = port_session_closed, .arg = port,
	};

	port->session = vu_backend_session_open(&conf);
	if (port->session != NULL)
		return 0;
	VU_LOG(DAEMON, ERR, "%s: cannot serve a connection: %s", vu_device_name(port->dev),
		rte_strerror(rte_errno));
	return -rte_errno;
}

/* Keep interest in the listener only while there is a place for what it accepts. */
static void
port_set_listen_interest(struct daemon_port *port, bool is_interested)
{
	vu_reactor_fd_modify(port->listen_source, is_interested ? EPOLLIN : 0);
}

/* A peer whose fds do not close may not send more of them. */
static int
port_next_connection(struct daemon_port *port)
{
	if (vu_fd_budget_is_full(vu_device_fd_budget(port->dev)))
		return -EDQUOT;
	return port->endpoint == VU_ENDPOINT_CLIENT ? vu_connect(port->path) :
		vu_listener_accept(port->listener);
}

static void
port_accept(void *arg, uint32_t events)
{
	struct daemon_port *port = arg;
	int fd = port_next_connection(port);

	(void)events;
	if (fd < 0 && fd != -EAGAIN) {
		/* Out of fds or memory: the front-end still waits, let it. */
		port_set_listen_interest(port, false);
		vu_reactor_timer_start(port->retry_timer, PORT_ACCEPT_PAUSE_US, 0);
	}
	if (fd < 0)
		return;
	if (port->session == NULL) {
		port_serve(port, fd);
		return;
	}
	VU_LOG_LIMITED(vu_device_fault_log(port->dev), DAEMON, WARNING,
		"%s: another front-end connected to %s; it waits for the first to leave",
		vu_device_name(port->dev), port->path);
	port->waiting_fd = fd;
	port_set_listen_interest(port, false);
}

/* A client tries for ever: a line when the outcome is another one, not for each attempt. */
static void
port_log_connect(struct daemon_port *port, int result)
{
	struct vu_log_limit *limit = vu_device_life_log(port->dev);
	const char *name = vu_device_name(port->dev);
	const char *driver = vu_device_driver_name(port->dev);

	if (result == port->connect_result)
		return;
	port->connect_result = result;
	if (result == 0)
		VU_LOG_LIMITED(limit, DAEMON, INFO, "%s: %s: connected to %s", name, driver,
			port->path);
	else
		VU_LOG_LIMITED(limit, DAEMON, WARNING,
			"%s: %s: connecting to %s: %s; tries again every %u ms", name, driver,
			port->path, result == -EDQUOT ? "earlier connections hold too many "
			"fds" : rte_strerror(-result), port->max_retry_ms);
}

static void
port_connect(struct daemon_port *port)
{
	int fd = port_next_connection(port);

	port_log_connect(port, RTE_MIN(fd, 0));
	if (fd >= 0) {
		vu_backoff_reset(&port->backoff);
		if (port_serve(port, fd) == 0)
			return;
	}
	vu_reactor_timer_start(port->retry_timer,
		vu_backoff_next_ms(&port->backoff) * UINT64_C(1000), 0);
}

static void
port_retry(void *arg)
{
	struct daemon_port *port = arg;

	if (port->endpoint == VU_ENDPOINT_CLIENT)
		port_connect(port);
	else
		port_set_listen_interest(port, true);
}

static void
port_detached(void *arg)
{
	struct daemon_port *port = arg;

	port->state = PORT_CLOSED;
	daemon_port_closed(port->daemon);
}

static void
port_detach(struct daemon_port *port)
{
	port->state = PORT_CLOSING;
	vu_device_detach(port->dev, port_detached, port);
}

static void
port_session_closed(void *arg)
{
	struct daemon_port *port = arg;

	port->session = NULL;
	if (port->daemon->is_single && port->state == PORT_OPEN) {
		daemon_port_close(port);
		return;
	}
	if (port->state == PORT_CLOSING || port->endpoint == VU_ENDPOINT_FD) {
		port_detach(port);
	} else if (port->endpoint == VU_ENDPOINT_CLIENT) {
		vu_reactor_timer_start(port->retry_timer,
			vu_backoff_next_ms(&port->backoff) * UINT64_C(1000), 0);
	} else if (port->waiting_fd != VU_FD_NONE) {
		port_set_listen_interest(port, true);
		port_serve(port, vu_fd_take(&port->waiting_fd));
	}
}

struct vu_device *
daemon_port_device(const struct daemon_port *port)
{
	return port->dev;
}

void
daemon_port_check_mem(struct daemon_port *port)
{
	if (port->session != NULL)
		vu_backend_session_check_mem(port->session);
}

void
daemon_port_close(struct daemon_port *port)
{
	if (port->state != PORT_OPEN)
		return;
	port->state = PORT_CLOSING;
	vu_reactor_fd_remove(port->listen_source);
	port->listen_source = NULL;
	vu_fd_close(&port->waiting_fd);
	vu_reactor_timer_stop(port->retry_timer);
	if (port->session != NULL)
		vu_backend_session_close(port->session, "shutting down");
	else
		port_detach(port);
}

int
daemon_port_start(struct daemon_port *port)
{
	port->state = PORT_OPEN;
	if (port->endpoint == VU_ENDPOINT_FD)
		return port_serve(port, vu_fd_take(&port->fd));
	if (port->endpoint == VU_ENDPOINT_CLIENT) {
		port_connect(port);
		return 0;
	}
	port->listen_source = vu_reactor_fd_add(port->daemon->reactor,
		vu_listener_fd(port->listener), EPOLLIN, port_accept, port);
	if (port->listen_source == NULL)
		return -rte_errno;
	VU_LOG(DAEMON, INFO, "%s: %s: listening on %s", vu_device_name(port->dev),
		vu_device_driver_name(port->dev), port->path);
	return 0;
}

/* What a refused device means to the user; the driver may have said it already. */
static void
port_explain_device(struct vu_daemon_conf *conf, const char *path)
{
	char errmsg[sizeof(conf->errmsg)];

	if (conf->errmsg[0] != '\0') {
		memcpy(errmsg, conf->errmsg, sizeof(errmsg));
		if (snprintf(conf->errmsg, sizeof(conf->errmsg), "%s: %s", path, errmsg) >=
				(int)sizeof(conf->errmsg))
			memcpy(conf->errmsg, errmsg, sizeof(errmsg));
		return;
	}
	snprintf(conf->errmsg, sizeof(conf->errmsg), "%s: cannot create the device: %s%s", path,
		rte_strerror(rte_errno), rte_errno == ENOMEM ?
		"; give DPDK more memory (hugepages, or -m MEGABYTES with --no-huge)" : "");
}

static uint32_t
port_nb_queues(const struct vu_port_conf *port_conf)
{
	return port_conf->nb_units * vu_device_driver_queue_group(port_conf->device);
}

/* Counts for all ports may be more than a small one of them needs. */
static int
port_check_counts(const struct vu_port_conf *port_conf, struct vu_daemon_conf *conf,
	const struct vu_uint_list *counts)
{
	uint32_t nb_max = port_nb_queues(port_conf);
	uint64_t nb_queues = 0;

	for (unsigned int i = 0; i < conf->nb_ports && counts == &conf->queues_per_thread; i++)
		nb_max = RTE_MAX(nb_max, port_nb_queues(&conf->ports[i]));
	for (unsigned int i = 0; i < counts->nb; i++)
		nb_queues += counts->item[i];
	if (nb_queues <= nb_max)
		return 0;
	return conf_refuse(conf, -ERANGE, "queues-per-thread: places %" PRIu64
		" queues, the port has queues 0 to %u", nb_queues, nb_max - 1);
}

/* Where the kernel does not tell, in some containers, every node may be there. */
static int
port_check_node(const struct vu_port_conf *port_conf, struct vu_daemon_conf *conf, const char *name)
{
	static const char nodes[] = "/sys/devices/system/node";
	char path[64];
	char online[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/node%d", nodes, port_conf->numa_node);
	if (port_conf->numa_node < 0 || access(nodes, F_OK) != 0 || access(path, F_OK) == 0)
		return 0;
	snprintf(path, sizeof(path), "%s/online", nodes);
	file = fopen(path, "re");
	if (file != NULL && fscanf(file, "%63s", online) != 1)
		online[0] = '\0';
	if (file != NULL)
		fclose(file);
	return conf_refuse(conf, -EINVAL, "%s: numa=%d: this machine has no such node%s%s", name,
		port_conf->numa_node, online[0] != '\0' ? "; nodes: " : "", online);
}

static int
port_create_device(struct daemon_port *port, struct vu_daemon_conf *conf,
	const struct vu_port_conf *port_conf, unsigned int idx)
{
	const struct vu_errmsg errmsg = { conf->errmsg, sizeof(conf->errmsg) };
	const struct vu_uint_list *counts = port_conf->queues_per_thread.nb != 0 ?
		&port_conf->queues_per_thread : &conf->queues_per_thread;
	const struct vu_pin_list *pins = port_conf->pins.nb != 0 ? &port_conf->pins : &conf->pins;
	struct vu_assign_conf assign = {
		.queues_per_worker = counts->item, .nb_queues_per_worker = counts->nb,
		.pins = pins->item, .nb_pins = pins->nb,
		.lcores = port_conf->lcores.item, .nb_lcores = port_conf->lcores.nb,
		.numa_node = port_conf->numa_node, .errmsg = &errmsg,
	};
	char name[16];
	struct vu_device_conf dev_conf = {
		.name = name,
		.nb_queues = port_nb_queues(port_conf),
		.max_queue_size = port_conf->max_queue_size,
		.max_mem_bytes = (uint64_t)port_conf->max_memory_mb << 20,
		.numa_node = port_conf->numa_node,
		.sched = port->daemon->sched,
		.assign = &assign,
		.notify = port_conf->notify,
		.driver_args = port_conf->driver_args,
		.errmsg = conf->errmsg, .errmsg_bytes = sizeof(conf->errmsg),
	};
	int rc;

	snprintf(name, sizeof(name), "port%u", idx);
	rc = port_check_node(port_conf, conf, port->path != NULL ? port->path : name);
	if (rc != 0)
		return rc;
	rc = port_check_counts(port_conf, conf, counts);
	if (rc == 0)
		port->dev = vu_device_create(port_conf->device, &dev_conf);
	if (port->dev != NULL)
		return 0;
	rc = rc != 0 ? rc : -rte_errno;
	port_explain_device(conf, port->path != NULL ? port->path : name);
	return rc;
}

/* Look at an inherited fd before anything is made for it. */
static int
port_check_fd(const struct daemon_port *port, struct vu_daemon_conf *conf)
{
	int domain, type, is_listening;
	socklen_t len = sizeof(int);

	if (getsockopt(port->fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 || domain != AF_UNIX ||
			getsockopt(port->fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
			type != SOCK_STREAM)
		return conf_refuse(
			conf, -ENOTSOCK, "fd %d: not an inherited Unix stream socket", port->fd);
	if (getsockopt(port->fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) == 0 &&
			is_listening != 0)
		return conf_refuse(conf, -EINVAL, "fd %d: a listening socket; use a connected one, "
			"or --socket PATH", port->fd);
	return 0;
}

static int
port_create_endpoint(struct daemon_port *port, struct vu_daemon_conf *conf)
{
	port->retry_timer = vu_reactor_timer_create(port->daemon->reactor, port_retry, port);
	if (port->retry_timer == NULL)
		return -rte_errno;
	if (port->endpoint == VU_ENDPOINT_FD)
		return port_check_fd(port, conf);
	if (port->endpoint == VU_ENDPOINT_CLIENT)
		return 0;
	port->listener = vu_listener_create(port->path);
	if (port->listener != NULL)
		return 0;
	snprintf(conf->errmsg, sizeof(conf->errmsg), "%s: %s", port->path,
		rte_errno == EADDRINUSE ? "another process serves this socket; choose another path"
			: rte_errno == ENOTSOCK ? "exists and is not a socket; choose another path"
						: rte_strerror(rte_errno));
	return -rte_errno;
}

struct daemon_port *
daemon_port_create(struct vu_daemon *daemon, struct vu_daemon_conf *conf,
	struct vu_port_conf *port_conf, unsigned int idx)
{
	struct daemon_port *port = calloc(1, sizeof(*port));
	int rc;

	if (port == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	port->daemon = daemon;
	port->endpoint = port_conf->endpoint;
	port->waiting_fd = VU_FD_NONE;
	port->fd = vu_fd_take(&port_conf->fd);
	vu_backoff_init(&port->backoff, PORT_FIRST_RETRY_MS, port_conf->reconnect_ms);
	port->max_retry_ms = port_conf->reconnect_ms;
	port->connect_result = -EINPROGRESS;
	port->path = port_conf->path != NULL ? strdup(port_conf->path) : NULL;
	rc = port_conf->path == NULL || port->path != NULL ? 0 : -ENOMEM;
	if (rc == 0)
		rc = port_create_endpoint(port, conf);
	if (rc == 0)
		rc = port_create_device(port, conf, port_conf, idx);
	if (rc != 0) {
		daemon_port_destroy(port);
		rte_errno = -rc;
		return NULL;
	}
	return port;
}

void
daemon_port_destroy(struct daemon_port *port)
{
	RTE_VERIFY(port->session == NULL);
	vu_reactor_fd_remove(port->listen_source);
	vu_reactor_timer_destroy(port->retry_timer);
	vu_listener_destroy(port->listener);
	vu_device_destroy(port->dev);
	vu_fd_close(&port->waiting_fd);
	vu_fd_close(&port->fd);
	free(port->path);
	free(port);
}
