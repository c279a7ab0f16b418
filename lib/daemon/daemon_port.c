/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One configured port: a device and the endpoint where it is reached. Control lcore.
 */
#include "daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vu_device.h"
#include "vu_fd.h"

struct daemon_port {
	struct vu_daemon *daemon;
	char *path;
	struct vu_device *dev;
	struct vu_endpoint *endpoint;
};

static void
port_closed(void *arg)
{
	struct daemon_port *port = arg;

	daemon_port_closed(port->daemon);
}

struct vu_device *
daemon_port_device(const struct daemon_port *port)
{
	return port->dev;
}

void
daemon_port_close(struct daemon_port *port)
{
	vu_endpoint_close(port->endpoint);
}

int
daemon_port_start(struct daemon_port *port)
{
	return vu_endpoint_open(port->endpoint, port->dev, port->daemon->is_single);
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

/* Where the kernel does not report them, in some containers, every node may be there. */
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
		.mem_policy = {
			.max_bytes = (uint64_t)port_conf->max_memory_mb << 20,
			.max_page_table_bytes = (uint64_t)port_conf->max_page_tables_mb << 20,
			.populate = port_conf->populate, .has_files = port_conf->has_files,
		},
		.has_inband = port_conf->has_inband,
		.weight = port_conf->weight,
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

static int
port_create_endpoint(struct daemon_port *port, struct vu_daemon_conf *conf,
	struct vu_port_conf *port_conf)
{
	const struct vu_errmsg errmsg = { conf->errmsg, sizeof(conf->errmsg) };
	struct vu_endpoint_conf endpoint_conf = {
		.reactor = port->daemon->reactor, .kind = port_conf->endpoint,
		.path = port_conf->path, .fd = vu_fd_take(&port_conf->fd),
		.reconnect_ms = port_conf->reconnect_ms,
		.closed = port_closed, .arg = port, .errmsg = &errmsg,
	};

	port->endpoint = vu_endpoint_create(&endpoint_conf);
	return port->endpoint != NULL ? 0 : -rte_errno;
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
	port->path = port_conf->path != NULL ? strdup(port_conf->path) : NULL;
	rc = port_conf->path == NULL || port->path != NULL ? 0 : -ENOMEM;
	if (rc == 0)
		rc = port_create_endpoint(port, conf, port_conf);
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
	vu_endpoint_destroy(port->endpoint);
	vu_device_destroy(port->dev);
	free(port->path);
	free(port);
}
