/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Typed configuration from the texts that users write: parse, defaults, validate. Control lcore.
 * conf->errmsg describes in one line what is wrong.
 */
#include "daemon.h"

#include <errno.h>
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
#include "vu_sched_account.h"

#define CONF_RECONNECT_MS 1000
#define CONF_MAX_KEYS 64
#define CONF_MAX_MEMORY_MB 1048576 /* 1 TiB */
#define CONF_NOTIFY_MAX_US 100000

int
conf_refuse(struct vu_daemon_conf *conf, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(conf->errmsg, sizeof(conf->errmsg), format, args);
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
	vu_uint_list_free(&port->queues_per_thread);
	vu_uint_list_free(&port->lcores);
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
	vu_uint_list_free(&conf->queues_per_thread);
	free(conf->pins.item);
	free(conf->idle_pins);
	vu_daemon_conf_init(conf);
}

/* The whole text is one list. */
static int
list_set(struct vu_uint_list *list, const char *text)
{
	vu_uint_list_free(list);
	return vu_parse_list(text, "", list) != NULL ? 0 : -EINVAL;
}

/* How many queues each lcore gets: a range of counts would mean nothing. */
static int
counts_set(struct vu_uint_list *counts, const char *text)
{
	return strchr(text, '-') == NULL ? list_set(counts, text) : -EINVAL;
}

static int
pins_add(struct vu_pin_list *pins, const struct vu_uint_list *queues, unsigned int lcore_id)
{
	struct vu_assign_pin *item = reallocarray(pins->item, pins->nb + queues->nb,
		sizeof(*item));

	if (item == NULL)
		return -ENOMEM;
	pins->item = item;
	for (unsigned int i = 0; i < queues->nb; i++)
		item[pins->nb++] = (struct vu_assign_pin){
			.queue = queues->item[i], .lcore_id = lcore_id,
		};
	return 0;
}

/* One "QUEUES@LCORE" or "(QUEUES)@LCORE"; returns what follows it, NULL if it is malformed. */
static const char *
pins_entry(struct vu_pin_list *pins, const char *text, char separator)
{
	const char ends[] = { '@', separator, '\0' };
	struct vu_uint_list queues;
	uint32_t lcore_id;

	text = vu_parse_list(text, ends, &queues);
	if (text != NULL && *text++ != '@')
		text = NULL;
	if (text != NULL)
		text = vu_parse_number(text, RTE_MAX_LCORE - 1, &lcore_id);
	if (text != NULL && ((*text != separator && *text != '\0') ||
			pins_add(pins, &queues, lcore_id) != 0))
		text = NULL;
	vu_uint_list_free(&queues);
	return text;
}

static int
pins_set(struct vu_pin_list *pins, const char *text, char separator)
{
	do {
		text = pins_entry(pins, text, separator);
		if (text == NULL)
			return -EINVAL;
	} while (*text++ == separator);
	return 0;
}

/* The port whose keys are being set: the last one. */
static struct vu_port_conf *
conf_port(void *conf)
{
	struct vu_daemon_conf *daemon_conf = conf;

	return &daemon_conf->ports[daemon_conf->nb_ports - 1];
}

static int
port_set_uint(void *conf, const struct vu_key *key, const char *value)
{
	return vu_key_set_uint(conf_port(conf), key, value);
}

static int
port_set_switch(void *conf, const struct vu_key *key, const char *value)
{
	return vu_key_set_switch(conf_port(conf), key, value);
}

/* Taken before all others, see port_set_device(). */
static int
port_set_nothing(void *conf, const struct vu_key *key, const char *value)
{
	(void)conf;
	(void)key;
	(void)value;
	return 0;
}

static int
port_set_mode(void *conf, const struct vu_key *key, const char *value)
{
	struct vu_port_conf *port = conf_port(conf);

	(void)key;
	if (port->endpoint == VU_ENDPOINT_FD)
		return conf_refuse(conf, -EINVAL, "mode=%s: an inherited socket has no mode",
			value);
	if (strcmp(value, "client") == 0)
		port->endpoint = VU_ENDPOINT_CLIENT;
	return strcmp(value, "server") == 0 || port->endpoint == VU_ENDPOINT_CLIENT ? 0 : -EINVAL;
}

static int
port_set_queues(void *conf, const struct vu_key *key, const char *value)
{
	struct vu_port_conf *port = conf_port(conf);
	const uint32_t max = key->max / vu_device_driver_queue_group(port->device);

	if (vu_parse_uint(value, key->min, max, &port->nb_units) == 0)
		return 0;
	return conf_refuse(conf, -EINVAL, "queues=%s: use a number from %u to %u", value, key->min,
		max);
}

static int
port_set_queue_size(void *conf, const struct vu_key *key, const char *value)
{
	int rc = port_set_uint(conf, key, value);

	return rc == 0 && !rte_is_power_of_2(conf_port(conf)->max_queue_size) ? -EINVAL : rc;
}

static int
port_set_lcores(void *conf, const struct vu_key *key, const char *value)
{
	(void)key;
	return list_set(&conf_port(conf)->lcores, value);
}

static int
port_set_counts(void *conf, const struct vu_key *key, const char *value)
{
	(void)key;
	return counts_set(&conf_port(conf)->queues_per_thread, value);
}

/* Commas separate keys: colons take their place. */
static int
port_set_queue_map(void *conf, const struct vu_key *key, const char *value)
{
	(void)key;
	return pins_set(&conf_port(conf)->pins, value, ':');
}

static int
port_set_populate(void *conf, const struct vu_key *key, const char *value)
{
	static const char *const names[] = {
		[VU_MEM_POPULATE_HUGE] = "huge", [VU_MEM_POPULATE_ALL] = "on",
		[VU_MEM_POPULATE_NONE] = "off",
	};

	(void)key;
	for (unsigned int i = 0; i < RTE_DIM(names); i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		conf_port(conf)->populate = (enum vu_mem_populate)i;
		return 0;
	}
	return -EINVAL;
}

static int
port_set_memory(void *conf, const struct vu_key *key, const char *value)
{
	struct vu_port_conf *port = conf_port(conf);

	(void)key;
	port->has_files = strcmp(value, "files") == 0;
	return port->has_files || strcmp(value, "shared") == 0 ? 0 : -EINVAL;
}

static int
port_set_notify(void *conf, const struct vu_key *key, const char *value)
{
	struct vu_notify_conf *notify = &conf_port(conf)->notify;
	const char *rest = vu_parse_number(value, VU_MAX_QUEUE_SIZE, &notify->max_buffers);

	if (rest == NULL || *rest != ':' || notify->max_buffers == 0)
		return -EINVAL;
	return vu_parse_uint(rest + 1, key->min, key->max, &notify->max_us);
}

/* Arguments of the driver are collected and checked by it later; here only their keys. */
static int
port_add_driver_arg(void *conf, const struct vu_key *key, const char *value)
{
	struct vu_port_conf *port = conf_port(conf);
	const char *before = port->driver_args != NULL ? port->driver_args : "";
	char *args;

	if (asprintf(&args, "%s%s%s=%s", before, *before != '\0' ? "," : "", key->name, value) < 0)
		return -ENOMEM;
	free(port->driver_args);
	port->driver_args = args;
	return 0;
}

#define PORT_MEMBER(member) .offset = offsetof(struct vu_port_conf, member)

/* In the order of the documents. */
static const struct vu_key port_keys[] = {
	{ .name = "device", .form = "net", .initial = "net",
		.help = "the driver; net is the only one",
		.set = port_set_nothing },
	{ .name = "mode", .form = "server|client", .initial = "server",
		.help = "listen on PATH (server), or connect to it again and again "
		"(client)",
		.use = "server or client", .set = port_set_mode },
	{ .name = "queues", .form = "N", .initial = "1",
		.help = "queue pairs, 1 to 128",
		.set = port_set_queues, .min = 1,
		.max = VU_MAX_EVENTFD_QUEUES },
	{ .name = "queue-size", .form = "N", .initial = "32768",
		.help = "largest ring accepted, a power of two from 2 to 32768",
		.use = "a power of two from 2 to " RTE_STR(VU_MAX_QUEUE_SIZE),
		.set = port_set_queue_size, PORT_MEMBER(max_queue_size), .min = 2,
		.max = VU_MAX_QUEUE_SIZE },
	{ .name = "lcores", .form = "LIST", .initial = "all",
		.help = "data lcores that the port may use, such as 3-5 or 3:5",
		.use = "lcores such as 3-5 or 3:5", .set = port_set_lcores },
	{ .name = "queues-per-thread", .form = "COUNTS", .initial = "none",
		.help = "virtqueues on the first, second, ... of them, such as 2:2:4, in place of "
		"--queues-per-thread",
		.use = "counts such as 2:2:4", .set = port_set_counts },
	{ .name = "queue-map", .form = "MAP", .initial = "none",
		.help = "virtqueues pinned to lcores, such as (0:1)@3:(2-5)@4, in place of "
		"--queue-map",
		.use = "QUEUES@LCORE:... such as (0:1)@3:(2-5)@4", .set = port_set_queue_map },
	{ .name = "numa", .form = "N", .initial = "any",
		.help = "prefer lcores of this NUMA node, which has to be there, and guest memory "
		"on it that is not allocated yet",
		.set = port_set_uint, PORT_MEMBER(numa_node), .max = RTE_MAX_NUMA_NODES - 1 },
	{ .name = "max-memory", .form = "MEGABYTES", .initial = RTE_STR(CONF_MAX_MEMORY_MB),
		.help = "guest memory that a front-end may share, in whole pages of its files, "
		"0 = any; more is refused",
		.set = port_set_uint, PORT_MEMBER(max_memory_mb), .max = UINT32_MAX },
	{ .name = "max-page-tables", .form = "MEGABYTES",
		.initial = "1/256 of the machine's memory",
		.help = "page tables that it may need, in full however few of its pages are there; "
		"more is refused",
		.set = port_set_uint, PORT_MEMBER(max_page_tables_mb), .min = 1,
		.max = UINT32_MAX },
	{ .name = "memory", .form = "shared|files", .initial = "shared",
		.help = "kinds of files that a front-end may share as its memory: shared memory "
		"and hugepages, or files on local disks too, which make a data lcore wait for the "
		"disk",
		.use = "shared or files", .set = port_set_memory },
	{ .name = "populate", .form = "huge|on|off", .initial = "huge",
		.help = "pages of guest memory that do not exist yet are allocated when it comes: "
		"huge ones (huge), all (on), or none (off)",
		.use = "huge, on or off", .set = port_set_populate },
	{ .name = "weight", .form = "N", .initial = RTE_STR(VU_ACCOUNT_WEIGHT),
		.help = "share of a data lcore's time, beside that of the other ports there; 1 to "
		RTE_STR(VU_ACCOUNT_MAX_WEIGHT),
		.set = port_set_uint, PORT_MEMBER(weight), .min = 1,
		.max = VU_ACCOUNT_MAX_WEIGHT },
	{ .name = "notify-coalesce", .form = "BUFFERS:US", .initial = "at once",
		.help = "notify a guest once for so many used buffers (1 to 32768), or after so "
		"many microseconds (1 to 100000)",
		.use = "BUFFERS:MICROSECONDS such as 32:50, up to " RTE_STR(VU_MAX_QUEUE_SIZE) ":"
		RTE_STR(CONF_NOTIFY_MAX_US),
		.set = port_set_notify, .min = 1, .max = CONF_NOTIFY_MAX_US },
	{ .name = "inband", .form = "on|off", .initial = "off",
		.help = "offer kicks and calls as messages, for front-ends that have no eventfds",
		.use = "on or off", .set = port_set_switch, PORT_MEMBER(has_inband) },
	{ .name = "reconnect-ms", .form = "N", .initial = RTE_STR(CONF_RECONNECT_MS),
		.help = "longest pause between attempts, 1 to 60000; with mode=client only",
		.set = port_set_uint, PORT_MEMBER(reconnect_ms), .min = 1, .max = 60000 },
	{ .name = NULL },
};

const struct vu_key *
vu_daemon_keys(const char *device)
{
	return device != NULL ? vu_device_driver_keys(device) : port_keys;
}

/* The driver decides which other keys are known: find device= first. */
static int
port_set_device(struct vu_daemon_conf *conf, struct vu_port_conf *port, const char *keys)
{
	static const char device[] = ",device=";
	const char *found = strstr(keys, device);
	const char *name = found != NULL ? found + strlen(device) : "net";

	port->device = strndup(name, strcspn(name, ","));
	if (port->device == NULL)
		return conf_refuse(conf, -ENOMEM, "out of memory");
	if (vu_device_driver_keys(port->device) == NULL)
		return conf_refuse(conf, -EINVAL, "device=%s: no such driver; use net",
			port->device);
	return 0;
}

/* The daemon's keys and those of the driver, which gets them as they are. */
static int
port_set_keys(struct vu_daemon_conf *conf, struct vu_port_conf *port, const char *text)
{
	const struct vu_errmsg errmsg = { conf->errmsg, sizeof(conf->errmsg) };
	struct vu_key keys[CONF_MAX_KEYS] = { { 0 } };
	unsigned int nb = RTE_DIM(port_keys) - 1;

	memcpy(keys, port_keys, sizeof(port_keys));
	for (const struct vu_key *key = vu_device_driver_keys(port->device);
			key->name != NULL && nb < RTE_DIM(keys) - 1; key++) {
		keys[nb] = *key;
		keys[nb++].set = port_add_driver_arg;
	}
	return vu_keys_parse(keys, text, conf, &errmsg);
}

/* What can be checked only once all keys are known. */
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
 * Parse "NAME[,key=value...]" into a new last port; NAME is a path or the number of an fd.
 */
static int
conf_add_port(struct vu_daemon_conf *conf, const char *text, enum vu_endpoint_kind endpoint)
{
	const char *keys = text + strcspn(text, ",");
	struct vu_port_conf *ports;
	struct vu_port_conf *port;
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
		.max_memory_mb = CONF_MAX_MEMORY_MB,
		.path = strndup(text, (size_t)(keys - text)),
	};
	if (port->path == NULL)
		return conf_refuse(conf, -ENOMEM, "out of memory");
	rc = port_set_device(conf, port, keys);
	if (rc == 0 && *keys != '\0')
		rc = keys[1] == '\0' ? conf_refuse(conf, -EINVAL, "a comma without key=value "
			"behind it") : port_set_keys(conf, port, keys + 1);
	return rc != 0 ? rc : port_set_rest(conf, port);
}

static int
conf_add_socket(void *arg, const struct vu_key *key, const char *text)
{
	const size_t max_bytes = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	struct vu_daemon_conf *conf = arg;
	int rc = conf_add_port(conf, text, VU_ENDPOINT_SERVER);
	const char *path;

	(void)key;
	if (rc != 0)
		return rc;
	path = conf_port(conf)->path;
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

static int
conf_add_fd(void *arg, const struct vu_key *key, const char *text)
{
	struct vu_daemon_conf *conf = arg;
	int rc = conf_add_port(conf, text, VU_ENDPOINT_FD);
	struct vu_port_conf *port;
	uint32_t fd;

	if (rc != 0)
		return rc;
	port = conf_port(conf);
	if (vu_parse_uint(port->path, key->min, key->max, &fd) != 0)
		rc = conf_refuse(conf, -EINVAL, "fd=%s: use a number from %u to %u", port->path,
			key->min, key->max);
	for (unsigned int i = 0; i + 1 < conf->nb_ports && rc == 0; i++)
		if (conf->ports[i].fd == (int)fd)
			rc = conf_refuse(conf, -EINVAL, "%u: given twice", fd);
	if (rc == 0)
		port->fd = (int)fd;
	free(port->path);
	port->path = NULL;
	return rc;
}

static int
conf_set_counts(void *arg, const struct vu_key *key, const char *text)
{
	struct vu_daemon_conf *conf = arg;

	(void)key;
	return counts_set(&conf->queues_per_thread, text);
}

static int
conf_set_queue_map(void *arg, const struct vu_key *key, const char *text)
{
	struct vu_daemon_conf *conf = arg;

	(void)key;
	return pins_set(&conf->pins, text, ',');
}

static const struct vu_key conf_options[] = {
	{ .name = "socket", .set = conf_add_socket },
	{ .name = "fd", .set = conf_add_fd, .min = 3, .max = INT32_MAX },
	{ .name = "queues-per-thread", .use = "counts such as 2,2,4", .set = conf_set_counts },
	{ .name = "queue-map", .use = "QUEUES@LCORE,... such as (0,1)@3,(2-5)@4",
		.set = conf_set_queue_map },
	{ .name = "idle", .use = "busy, pause, monitor or interrupt, for some lcores as in "
		"pause@3,interrupt@4-5", .set = conf_set_idle },
	{ .name = "idle-us", .set = vu_key_set_uint,
		.offset = offsetof(struct vu_daemon_conf, idle_us), .max = 1000000 },
	{ .name = "max-memory-total", .set = vu_key_set_uint,
		.offset = offsetof(struct vu_daemon_conf, max_memory_total_mb), .min = 1,
		.max = UINT32_MAX },
	{ .name = "max-page-tables-total", .set = vu_key_set_uint,
		.offset = offsetof(struct vu_daemon_conf, max_page_tables_total_mb), .min = 1,
		.max = UINT32_MAX },
	{ .name = "stats", .set = vu_key_set_uint,
		.offset = offsetof(struct vu_daemon_conf, stats_seconds), .min = 1, .max = 3600 },
	{ .name = NULL },
};

int
vu_daemon_conf_set(struct vu_daemon_conf *conf, const char *option, const char *text)
{
	const struct vu_errmsg errmsg = { conf->errmsg, sizeof(conf->errmsg) };

	for (const struct vu_key *key = conf_options; key->name != NULL; key++)
		if (strcmp(key->name, option) == 0)
			return vu_key_set(key, text, conf, &errmsg);
	return conf_refuse(conf, -EINVAL, "%s: unknown option", option);
}
