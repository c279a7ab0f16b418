/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Typed configuration from the texts that users write: parse, defaults, validate. Control lcore.
 * Whatever is wrong is told in one line in conf->why.
 */
#include "daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "vu_device.h"
#include "vu_fd.h"
#include "vu_limits.h"
#include "vu_parse.h"

#define CONF_RECONNECT_MS 1000
#define CONF_MAX_STATS_SECONDS 3600
#define CONF_KEYS_BYTES 192
#define CONF_NOTIFY_MAX_US 100000u

int
conf_refuse(struct vu_daemon_conf *conf, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(conf->why, sizeof(conf->why), format, args);
	va_end(args);
	return rc;
}

void
vu_daemon_conf_init(struct vu_daemon_conf *conf)
{
	*conf = (struct vu_daemon_conf){ .idle_us = VU_IDLE_US };
}

static void
port_conf_fini(struct vu_port_conf *port)
{
	vu_fd_close(&port->fd);
	list_free(&port->queues_per_thread);
	list_free(&port->lcores);
	free(port->pins.item);
	free(port->path);
	free(port->device);
	free(port->driver_args);
}

void
vu_daemon_conf_fini(struct vu_daemon_conf *conf)
{
	for (unsigned int i = 0; i < conf->nb_ports; i++)
		port_conf_fini(&conf->ports[i]);
	free(conf->ports);
	list_free(&conf->queues_per_thread);
	free(conf->pins.item);
	free(conf->idle_pins);
	vu_daemon_conf_init(conf);
}

int
conf_uint(struct vu_daemon_conf *conf, const char *key, const char *value,
	const struct conf_range *range, uint32_t *result)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(value, &end, 10);
	if (errno != 0 || *value < '0' || *value > '9' || *end != '\0' || number < range->min ||
		number > range->max)
		return conf_refuse(
			conf, -EINVAL, "%s=%s: use a number from %u to %u", key, value, range->min,
			range->max);
	*result = (uint32_t)number;
	return 0;
}

/* How many queues each lcore gets: a range of counts would mean nothing. */
static int
conf_counts(struct vu_daemon_conf *conf, const char *value, struct vu_uint_list *counts,
	char separator)
{
	list_free(counts);
	if (strchr(value, '-') == NULL && list_parse(counts, value, strlen(value)) == 0)
		return 0;
	return conf_refuse(conf, -EINVAL, "queues-per-thread=%s: use counts such as 2%c2%c4", value,
		separator, separator);
}

static int
port_set_lcores(struct vu_daemon_conf *conf, struct vu_port_conf *port, const char *value)
{
	list_free(&port->lcores);
	if (list_parse(&port->lcores, value, strlen(value)) == 0)
		return 0;
	return conf_refuse(conf, -EINVAL, "lcores=%s: use lcores such as 3-5 or 3:5", value);
}

static int
port_set_mode(struct vu_daemon_conf *conf, struct vu_port_conf *port, const char *value)
{
	if (port->endpoint == VU_ENDPOINT_FD)
		return conf_refuse(
			conf, -EINVAL, "mode=%s: an inherited socket has no mode", value);
	if (strcmp(value, "server") == 0)
		port->endpoint = VU_ENDPOINT_SERVER;
	else if (strcmp(value, "client") == 0)
		port->endpoint = VU_ENDPOINT_CLIENT;
	else
		return conf_refuse(conf, -EINVAL, "mode=%s: use server or client", value);
	return 0;
}

static int
port_set_queues(struct vu_daemon_conf *conf, struct vu_port_conf *port, const char *value)
{
	const struct conf_range range = {
		1, VU_MAX_EVENTFD_QUEUES / vu_device_driver_queue_group(port->device),
	};

	return conf_uint(conf, "queues", value, &range, &port->nb_units);
}

static int
port_set_queue_size(struct vu_daemon_conf *conf, struct vu_port_conf *port, const char *value)
{
	const struct conf_range range = { 2, VU_MAX_QUEUE_SIZE };
	int rc = conf_uint(conf, "queue-size", value, &range, &port->max_queue_size);

	if (rc == 0 && !rte_is_power_of_2(port->max_queue_size))
		return conf_refuse(conf, -EINVAL, "queue-size=%s: use a power of two from %u "
			"to %u", value, range.min, range.max);
	return rc;
}

static int
port_set_numa(struct vu_daemon_conf *conf, struct vu_port_conf *port, const char *value)
{
	const struct conf_range range = { 0, RTE_MAX_NUMA_NODES - 1 };
	uint32_t node;
	int rc = conf_uint(conf, "numa", value, &range, &node);

	if (rc == 0)
		port->numa_node = (int)node;
	return rc;
}

/* Commas separate keys: colons take their place. */
static int
port_set_queue_map(struct vu_daemon_conf *conf, struct vu_port_conf *port, const char *value)
{
	if (pins_parse(&port->pins, value, ':') == 0)
		return 0;
	return conf_refuse(conf, -EINVAL,
		"queue-map=%s: use QUEUES@LCORE:... such as (0:1)@3:(2-5)@4", value);
}

/* notify-coalesce=BUFFERS:MICROSECONDS */
static int
port_set_notify(struct vu_daemon_conf *conf, struct vu_port_conf *port, const char *value)
{
	struct vu_notify_conf *notify = &port->notify;
	int nb_chars = 0;

	if (value[0] >= '0' && value[0] <= '9' && sscanf(value, "%9" SCNu32 ":%9" SCNu32 "%n",
			&notify->max_buffers, &notify->max_us, &nb_chars) == 2 &&
			value[nb_chars] == '\0' && notify->max_buffers >= 1 &&
			notify->max_buffers <= VU_MAX_QUEUE_SIZE && notify->max_us >= 1 &&
			notify->max_us <= CONF_NOTIFY_MAX_US)
		return 0;
	return conf_refuse(conf, -EINVAL, "notify-coalesce=%s: use BUFFERS:MICROSECONDS such as "
		"32:50, up to %u:%u", value, VU_MAX_QUEUE_SIZE, CONF_NOTIFY_MAX_US);
}

/* Arguments of the driver are collected and checked by it later; here only their keys. */
static int
port_add_driver_arg(struct vu_daemon_conf *conf, struct vu_port_conf *port, const char *key,
	const char *value)
{
	const struct vu_key *keys = vu_device_driver_keys(port->device);
	char allowed[CONF_KEYS_BYTES] = "";
	char *args;

	for (const struct vu_key *k = keys; k->name != NULL; k++) {
		if (strcmp(k->name, key) != 0) {
			if (k->help == NULL)
				continue;
			strncat(allowed, ", ", sizeof(allowed) - strlen(allowed) - 1);
			strncat(allowed, k->name, sizeof(allowed) - strlen(allowed) - 1);
			continue;
		}
		if (asprintf(&args, "%s%s%s=%s", port->driver_args != NULL ? port->driver_args : "",
				port->driver_args != NULL ? "," : "", key, value) < 0)
			return conf_refuse(conf, -ENOMEM, "out of memory");
		free(port->driver_args);
		port->driver_args = args;
		return 0;
	}
	return conf_refuse(conf, -EINVAL, "unknown key %s: use device, mode, queues, queue-size, "
		"queues-per-thread, queue-map, lcores, reconnect-ms, numa, max-memory, "
		"notify-coalesce%s", key, allowed);
}

static int
port_set(struct vu_daemon_conf *conf, struct vu_port_conf *port, const char *key,
	const char *value)
{
	if (strcmp(key, "device") == 0)
		return 0; /* taken before all others */
	if (strcmp(key, "mode") == 0)
		return port_set_mode(conf, port, value);
	if (strcmp(key, "queues") == 0)
		return port_set_queues(conf, port, value);
	if (strcmp(key, "queue-size") == 0)
		return port_set_queue_size(conf, port, value);
	if (strcmp(key, "queues-per-thread") == 0)
		return conf_counts(conf, value, &port->queues_per_thread, ':');
	if (strcmp(key, "lcores") == 0)
		return port_set_lcores(conf, port, value);
	if (strcmp(key, "queue-map") == 0)
		return port_set_queue_map(conf, port, value);
	if (strcmp(key, "reconnect-ms") == 0)
		return conf_uint(conf, key, value, &(struct conf_range){ 1, 60000 },
			&port->reconnect_ms);
	if (strcmp(key, "max-memory") == 0)
		return conf_uint(conf, key, value, &(struct conf_range){ 1, UINT32_MAX },
			&port->max_memory_mb);
	if (strcmp(key, "numa") == 0)
		return port_set_numa(conf, port, value);
	if (strcmp(key, "notify-coalesce") == 0)
		return port_set_notify(conf, port, value);
	return port_add_driver_arg(conf, port, key, value);
}

/* The driver decides which other keys are known: find device= first. */
static int
port_set_device(struct vu_daemon_conf *conf, struct vu_port_conf *port, const char *keys)
{
	const char *key = keys;
	size_t len = strlen("net");
	const char *name = "net";

	while (key != NULL && strncmp(key, "device=", strlen("device=")) != 0) {
		key = strchr(key, ',');
		key = key != NULL ? key + 1 : NULL;
	}
	if (key != NULL) {
		name = key + strlen("device=");
		len = strcspn(name, ",");
	}
	port->device = strndup(name, len);
	if (port->device == NULL)
		return conf_refuse(conf, -ENOMEM, "out of memory");
	if (vu_device_driver_keys(port->device) == NULL)
		return conf_refuse(
			conf, -EINVAL, "device=%s: no such driver; use net", port->device);
	return 0;
}

/* Tells whether the keys that follow name this one again. */
static bool
keys_repeat(const char *keys, const char *key)
{
	size_t len = strlen(key);

	while (keys != NULL) {
		if (strncmp(keys, key, len) == 0 && keys[len] == '=')
			return true;
		keys = strchr(keys, ',');
		keys = keys != NULL ? keys + 1 : NULL;
	}
	return false;
}

static int
port_set_all(struct vu_daemon_conf *conf, struct vu_port_conf *port, char *keys)
{
	int rc = port_set_device(conf, port, keys);
	char *key;

	while (rc == 0 && (key = strsep(&keys, ",")) != NULL) {
		char *value = strchr(key, '=');

		if (*key == '\0')
			return conf_refuse(conf, -EINVAL,
				"%s: a comma without key=value behind it", port->path);
		if (value == NULL || value == key || value[1] == '\0')
			return conf_refuse(conf, -EINVAL, "%s: use key=value", key);
		*value++ = '\0';
		if (keys_repeat(keys, key))
			return conf_refuse(conf, -EINVAL, "%s: given twice", key);
		rc = port_set(conf, port, key, value);
	}
	return rc;
}

/* What can be told only once all keys are known. */
static int
port_set_rest(struct vu_daemon_conf *conf, struct vu_port_conf *port)
{
	if (port->reconnect_ms != 0 && port->endpoint != VU_ENDPOINT_CLIENT)
		return conf_refuse(conf, -EINVAL, "reconnect-ms=%u: only a port with mode=client "
			"connects", port->reconnect_ms);
	if (port->reconnect_ms == 0)
		port->reconnect_ms = CONF_RECONNECT_MS;
	return 0;
}

/*
 * Parse "NAME[,key=value...]" into a new last port; NAME is a path or the number of a descriptor.
 */
static int
conf_add_port(struct vu_daemon_conf *conf, const char *text, enum vu_endpoint endpoint)
{
	struct vu_port_conf *ports;
	struct vu_port_conf *port;
	char *keys;
	int rc;

	if (conf->nb_ports == VU_MAX_PORTS)
		return conf_refuse(conf, -EINVAL, "more than %u ports", VU_MAX_PORTS);
	ports = reallocarray(conf->ports, conf->nb_ports + 1, sizeof(*ports));
	if (ports == NULL)
		return conf_refuse(conf, -ENOMEM, "out of memory");
	conf->ports = ports;
	port = &ports[conf->nb_ports++];
	*port = (struct vu_port_conf){
		.endpoint = endpoint, .fd = VU_FD_NONE, .nb_units = 1, .numa_node = -1,
		.max_queue_size = VU_MAX_QUEUE_SIZE,
	};
	port->path = strdup(text);
	if (port->path == NULL)
		return conf_refuse(conf, -ENOMEM, "out of memory");
	keys = port->path;
	strsep(&keys, ",");
	rc = port_set_all(conf, port, keys);
	return rc != 0 ? rc : port_set_rest(conf, port);
}

int
vu_daemon_conf_add_socket(struct vu_daemon_conf *conf, const char *text)
{
	const size_t max_bytes = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	int rc = conf_add_port(conf, text, VU_ENDPOINT_SERVER);
	const char *path;

	if (rc != 0)
		return rc;
	path = conf->ports[conf->nb_ports - 1].path;
	if (*path == '\0')
		return conf_refuse(
			conf, -EINVAL, "empty socket path: use --socket PATH[,key=value...]");
	if (strlen(path) > max_bytes)
		return conf_refuse(conf, -EINVAL, "%.32s...: socket path longer than %zu bytes",
			path, max_bytes);
	for (unsigned int i = 0; i + 1 < conf->nb_ports; i++)
		if (conf->ports[i].path != NULL && strcmp(conf->ports[i].path, path) == 0)
			return conf_refuse(conf, -EINVAL, "%s: given twice", path);
	return 0;
}

int
vu_daemon_conf_add_fd(struct vu_daemon_conf *conf, const char *text)
{
	int rc = conf_add_port(conf, text, VU_ENDPOINT_FD);
	struct vu_port_conf *port;
	uint32_t fd;

	if (rc != 0)
		return rc;
	port = &conf->ports[conf->nb_ports - 1];
	rc = conf_uint(conf, "fd", port->path, &(struct conf_range){ 3, INT32_MAX }, &fd);
	for (unsigned int i = 0; i + 1 < conf->nb_ports && rc == 0; i++)
		if (conf->ports[i].fd == (int)fd)
			rc = conf_refuse(conf, -EINVAL, "%u: given twice", fd);
	if (rc == 0)
		port->fd = (int)fd;
	free(port->path);
	port->path = NULL;
	return rc;
}

int
vu_daemon_conf_set_queues_per_thread(struct vu_daemon_conf *conf, const char *text)
{
	return conf_counts(conf, text, &conf->queues_per_thread, ',');
}

int
vu_daemon_conf_set_queue_map(struct vu_daemon_conf *conf, const char *text)
{
	if (pins_parse(&conf->pins, text, ',') == 0)
		return 0;
	return conf_refuse(conf, -EINVAL,
		"queue-map=%s: use QUEUES@LCORE,... such as (0,1)@3,(2-5)@4", text);
}

int
vu_daemon_conf_set_stats(struct vu_daemon_conf *conf, const char *text)
{
	const struct conf_range range = { 1, CONF_MAX_STATS_SECONDS };

	return conf_uint(conf, "stats", text, &range, &conf->stats_seconds);
}
