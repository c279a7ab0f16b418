/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Device arguments: those of net_vhost under the same names, the driver's own, and those of the net
 * device, which checks them itself. Application.
 */
#include "eth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vu_parse.h"

#define DEFAULT_RECONNECT_MS 1000
#define MAX_RECONNECT_MS 60000
#define MAX_KEYS 32

static int
set_path(void *arg, const struct vu_key *key, const char *value)
{
	struct eth_conf *conf = arg;

	(void)key;
	if (strlen(value) >= sizeof(conf->path))
		return vu_refuse(conf->errmsg, -EINVAL, "iface=%s: a socket path has at most %zu "
			"characters", value, sizeof(conf->path) - 1);
	strcpy(conf->path, value);
	return 0;
}

/* Flags of net_vhost are 0 or 1. */
static int
set_flag(void *arg, const struct vu_key *key, const char *value)
{
	uint32_t flag;

	if (vu_parse_uint(value, 0, 1, &flag) != 0)
		return -EINVAL;
	*(bool *)RTE_PTR_ADD(arg, key->offset) = flag != 0;
	return 0;
}

static int
set_unsupported(void *arg, const struct vu_key *key, const char *value)
{
	struct eth_conf *conf = arg;

	if (strcmp(value, "0") == 0)
		return 0;
	return vu_refuse(conf->errmsg, -ENOTSUP, "%s=%s: not supported; leave it out", key->name,
		value);
}

static int
set_driver_arg(void *arg, const struct vu_key *key, const char *value)
{
	struct eth_conf *conf = arg;
	const char *before = conf->driver_args != NULL ? conf->driver_args : "";
	char *args;

	if (asprintf(&args, "%s%s%s=%s", before, *before != '\0' ? "," : "", key->name, value) < 0)
		return -ENOMEM;
	free(conf->driver_args);
	conf->driver_args = args;
	return 0;
}

#define FLAG(name, member, help) \
	{ name, "0|1", "0", help, "0 or 1", set_flag, offsetof(struct eth_conf, member), 0, 0 }
#define NUMBER(name, initial, member, help, min, max) \
	{ name, "N", initial, help, NULL, vu_key_set_uint, offsetof(struct eth_conf, member), \
		min, max }

static const struct vu_key eth_keys[] = {
	{ .name = "iface", .form = "PATH", .help = "Unix socket of the vhost-user connection",
		.use = "a path", .set = set_path },
	NUMBER("queues", "1", nb_pairs, "queue pairs, 1 to 128", 1, ETH_MAX_PAIRS),
	FLAG("client", is_client, "connect to PATH again and again, instead of listening on it"),
	NUMBER("reconnect-ms", "1000", reconnect_ms,
		"longest pause between attempts of a client, 1 to 60000", 1, MAX_RECONNECT_MS),
	FLAG("tso", has_tso, "offer segmentation offloads"),
	FLAG("linear-buffer", is_linear, "one mbuf a frame, even with RTE_ETH_RX_OFFLOAD_SCATTER"),
	FLAG("ext-buffer", has_big, "one mbuf a frame, with an external buffer for a long one"),
	FLAG("partial-csum", has_partial, "leave partial checksums to an application with Rx "
		"checksum offloads, as RTE_MBUF_F_RX_L4_CKSUM_NONE"),
	FLAG("size-xstats", has_sizes, "count frames by length and address, as rte_vhost does"),
	FLAG("legacy-ol-flags", has_tx_flags,
		"transmit requests (RTE_MBUF_F_TX_*) on received frames"),
	FLAG("iommu-support", has_iommu, "offer guests to put the device behind their IOMMU"),
	{ .name = "postcopy-support", .use = "0", .set = set_unsupported },
};

/* Keys for ports of vu-pmd only. */
static bool
is_hidden(const struct vu_key *key)
{
	return strcmp(key->name, "forward") == 0 || strcmp(key->name, "far") == 0 ||
		strcmp(key->name, "tso") == 0 || strcmp(key->name, "iommu") == 0;
}

/* The driver's keys, then those of the net device, which it passes on. */
static void
keys_fill(struct vu_key *keys)
{
	unsigned int nb = RTE_DIM(eth_keys);

	memcpy(keys, eth_keys, sizeof(eth_keys));
	for (const struct vu_key *key = vu_device_driver_keys("net"); key->name != NULL; key++) {
		RTE_VERIFY(nb < MAX_KEYS - 1);
		if (is_hidden(key))
			continue;
		keys[nb] = *key;
		keys[nb++].set = set_driver_arg;
	}
	keys[nb].name = NULL;
}

int
eth_conf_parse(struct eth_conf *conf, const char *args, const struct vu_errmsg *errmsg)
{
	const struct vu_key tso = { .name = "tso" }, iommu = { .name = "iommu" };
	struct vu_key keys[MAX_KEYS];
	int rc;

	*conf = (struct eth_conf){
		.nb_pairs = 1, .reconnect_ms = DEFAULT_RECONNECT_MS, .errmsg = errmsg,
	};
	keys_fill(keys);
	rc = vu_keys_parse(keys, args, conf, errmsg);
	if (rc == 0 && conf->path[0] == '\0')
		rc = vu_refuse(errmsg, -EINVAL, "iface=PATH is missing");
	if (rc == 0)
		rc = set_driver_arg(conf, &tso, conf->has_tso ? "on" : "off");
	if (rc == 0)
		rc = set_driver_arg(conf, &iommu, conf->has_iommu ? "on" : "off");
	if (rc != 0)
		eth_conf_fini(conf);
	return rc;
}

void
eth_conf_fini(struct eth_conf *conf)
{
	free(conf->driver_args);
	conf->driver_args = NULL;
}
