/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Arguments of a net port, as the user wrote them behind --socket PATH. Control lcore.
 */
#include "net.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_kvargs.h>

const char *const net_conf_keys[] = {
	"far", "mac", "mtu", "mrg", "event-idx", "packed", "in-order",
	"offloads", NULL
};

/* Keys that are on or off. */
static const struct {
	const char *key;
	size_t offset; /* of its bool in struct net_conf */
} net_switches[] = {
	{ "mrg", offsetof(struct net_conf, has_mrg) },
	{ "event-idx", offsetof(struct net_conf, has_event_idx) },
	{ "packed", offsetof(struct net_conf, has_packed) },
	{ "in-order", offsetof(struct net_conf, has_in_order) },
	{ "offloads", offsetof(struct net_conf, has_offloads) },
};

struct net_parse {
	struct net_conf *conf;
	char *why;
	size_t why_bytes;
};

static int
net_parse_far(struct net_parse *parse, const char *value)
{
	static const char *const names[] = {
		[NET_FAR_SWITCH] = "switch",
		[NET_FAR_LOOPBACK] = "loopback",
		[NET_FAR_MACSWAP] = "macswap",
		[NET_FAR_NULL] = "null",
	};

	for (unsigned int i = 0; i < RTE_DIM(names); i++) {
		if (strcmp(names[i], value) == 0) {
			parse->conf->far = (enum net_far)i;
			return 0;
		}
	}
	snprintf(parse->why, parse->why_bytes,
		"far=%s: use switch, loopback, macswap or null", value);
	return -EINVAL;
}

static int
net_parse_mac(struct net_parse *parse, const char *value)
{
	if (rte_ether_unformat_addr(value, &parse->conf->mac) == 0 &&
			rte_is_valid_assigned_ether_addr(&parse->conf->mac)) {
		parse->conf->has_mac = true;
		return 0;
	}
	snprintf(parse->why, parse->why_bytes,
		"mac=%s: use a unicast address such as 52:54:00:00:00:01", value);
	return -EINVAL;
}

static int
net_parse_mtu(struct net_parse *parse, const char *value)
{
	char *end;
	unsigned long mtu_bytes = strtoul(value, &end, 10);

	if (*value >= '0' && *value <= '9' && *end == '\0' && mtu_bytes >= NET_MTU_MIN &&
			mtu_bytes <= NET_MTU_MAX) {
		parse->conf->mtu_bytes = (uint16_t)mtu_bytes;
		return 0;
	}
	snprintf(parse->why, parse->why_bytes, "mtu=%s: use %u to %u", value, NET_MTU_MIN,
		NET_MTU_MAX);
	return -EINVAL;
}

static int
net_parse_switch(struct net_parse *parse, const char *key, const char *value)
{
	bool is_on = strcmp(value, "on") == 0;

	if (!is_on && strcmp(value, "off") != 0) {
		snprintf(parse->why, parse->why_bytes, "%s=%s: use on or off", key, value);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < RTE_DIM(net_switches); i++)
		if (strcmp(net_switches[i].key, key) == 0)
			*(bool *)RTE_PTR_ADD(parse->conf, net_switches[i].offset) = is_on;
	return 0;
}

static int
net_parse_arg(const char *key, const char *value, void *opaque)
{
	struct net_parse *parse = opaque;

	if (value == NULL)
		value = "";
	if (strcmp(key, "far") == 0)
		return net_parse_far(parse, value);
	if (strcmp(key, "mac") == 0)
		return net_parse_mac(parse, value);
	if (strcmp(key, "mtu") == 0)
		return net_parse_mtu(parse, value);
	return net_parse_switch(parse, key, value);
}

int
net_conf_parse(struct net_conf *conf, const char *args, char *why, size_t why_bytes)
{
	struct net_parse parse = { .conf = conf, .why = why, .why_bytes = why_bytes };
	struct rte_kvargs *kvargs;
	int rc;

	*conf = (struct net_conf){
		.has_mrg = true, .has_event_idx = true, .has_packed = true, .has_in_order = true,
		.has_offloads = true,
	};
	if (args == NULL || *args == '\0')
		return 0;
	kvargs = rte_kvargs_parse(args, net_conf_keys);
	if (kvargs == NULL) {
		snprintf(why, why_bytes, "%s: use far=, mac=, mtu=, and mrg=, event-idx=, packed=, "
			"in-order=, offloads=on|off", args);
		return -EINVAL;
	}
	rc = rte_kvargs_process(kvargs, NULL, net_parse_arg, &parse);
	rte_kvargs_free(kvargs);
	return rc != 0 ? -EINVAL : 0;
}
