/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Arguments of a net port, as the user wrote them behind --socket PATH. Control lcore.
 */
#include "net_port.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static int
net_set_forward(void *arg, const struct vu_key *key, const char *value)
{
	struct net_conf *conf = arg;

	(void)key;
	conf->forward = net_forward_find(value);
	return conf->forward != NULL ? 0 : -EINVAL;
}

static int
net_set_mac(void *arg, const struct vu_key *key, const char *value)
{
	struct net_conf *conf = arg;

	(void)key;
	if (rte_ether_unformat_addr(value, &conf->mac) != 0 ||
			!rte_is_valid_assigned_ether_addr(&conf->mac))
		return -EINVAL;
	conf->has_mac = true;
	return 0;
}

static int
net_set_storm(void *arg, const struct vu_key *key, const char *value)
{
	struct net_conf *conf = arg;

	conf->storm = 0;
	if (strcmp(value, "off") == 0)
		return 0;
	return vu_parse_uint(value, key->min, key->max, &conf->storm);
}

#define FORWARD_USE "switch, loopback, macswap or null"
#define SWITCH(name, member, help) \
	{ name, "on|off", "on", help, "on or off", vu_key_set_switch, \
		offsetof(struct net_conf, member), 0, 0 }

const struct vu_key net_conf_keys[] = {
	{ .name = "forward", .form = "switch|loopback|macswap|null", .initial = "switch",
		.help = "where frames from the guest go: to the learning switch that all such "
		"ports share, on which a lone port answers like macswap (switch), back unchanged "
		"(loopback), back with MAC addresses swapped (macswap), or nowhere (null)",
		.use = FORWARD_USE, .set = net_set_forward },
	/* Its old name, accepted for one more release. */
	{ .name = "far", .use = FORWARD_USE, .set = net_set_forward },
	{ .name = "mac", .form = "ADDRESS", .initial = "none",
		.help = "MAC address offered to the guest, unicast",
		.use = "a unicast address such as 52:54:00:00:00:01", .set = net_set_mac },
	{ .name = "mtu", .form = "N", .initial = "none",
		.help = "MTU offered to the guest, 68 to 65535", .set = vu_key_set_uint,
		.offset = offsetof(struct net_conf, mtu_bytes), .min = NET_MTU_MIN,
		.max = NET_MTU_MAX },
	{ .name = "macs", .form = "N", .initial = "256",
		.help = "most MAC addresses that the switch learns behind the port, 0 = any number",
		.set = vu_key_set_uint, .offset = offsetof(struct net_conf, max_macs),
		.max = 8192 },
	{ .name = "rarp-ms", .form = "N", .initial = "1000",
		.help = "milliseconds between two announcements of a guest that migrated here "
		"(SEND_RARP), 0 to 60000; others are dropped", .set = vu_key_set_uint,
		.offset = offsetof(struct net_conf, rarp_ms), .max = 60000 },
	{ .name = "storm", .form = "N|off", .initial = RTE_STR(NET_STORM_COPIES),
		.help = "copies of broadcast, multicast and unknown-unicast frames that the port "
		"may cause in a second", .use = "1 to 1000000000, or off",
		.set = net_set_storm, .min = 1, .max = 1000000000 },
	SWITCH("mrg", has_mrg, "offer mergeable receive buffers"),
	SWITCH("event-idx", has_event_idx, "offer event indices for notifications"),
	SWITCH("packed", has_packed, "offer the packed ring layout; the front-end decides"),
	SWITCH("in-order", has_in_order, "offer to use buffers in the order of the guest"),
	SWITCH("offloads", has_offloads, "offer checksum and segmentation offloads; what a "
		"receiver does not take is done in software"),
	SWITCH("tso", has_tso, "offer segmentation offloads among them"),
	{ .name = "iommu", .form = "on|off", .initial = "off",
		.help = "offer guests to put the device behind their IOMMU (ACCESS_PLATFORM); the "
		"front-end decides", .use = "on or off", .set = vu_key_set_switch,
		.offset = offsetof(struct net_conf, has_iommu) },
	{ .name = NULL },
};

int
net_conf_parse(struct net_conf *conf, const char *args, char *errmsg, size_t errmsg_bytes)
{
	*conf = (struct net_conf){
		.forward = &net_forward_switch, .max_macs = 256, .rarp_ms = 1000,
		.storm = NET_STORM_COPIES, .has_mrg = true,
		.has_event_idx = true, .has_packed = true, .has_in_order = true,
		.has_offloads = true, .has_tso = true,
	};
	return vu_keys_parse(net_conf_keys, args, conf,
		&(const struct vu_errmsg){ errmsg, errmsg_bytes });
}
