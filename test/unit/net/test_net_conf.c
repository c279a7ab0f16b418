/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Arguments of a net port, and what they make of features and configuration space.
 */
#include "test.h"

#include <rte_errno.h>

#include "net_fixture.h"
#include "vu_wire.h"

/* Bits 0, 1, 7 to 9 and 11 to 13. */
#define F_OFFLOADS UINT64_C(0x3b83)

static int
parse(struct net_conf *conf, const char *args)
{
	char errmsg[128] = "";
	int rc = net_conf_parse(conf, args, errmsg, sizeof(errmsg));

	/* A refusal gives its reason, in one line. */
	if (rc != 0 && (errmsg[0] == '\0' || strchr(errmsg, '\n') != NULL))
		return -EBADMSG;
	return rc;
}

VU_TEST(net_conf, defaults)
{
	static const char *const nothing[] = { NULL, "" };
	struct net_conf conf;

	for (unsigned int i = 0; i < RTE_DIM(nothing); i++) {
		memset(&conf, 0xaa, sizeof(conf));
		CHECK_EQ(parse(&conf, nothing[i]), 0);
		CHECK(conf.forward == &net_forward_switch && conf.has_mrg && conf.has_event_idx);
		CHECK(conf.has_packed && conf.has_in_order && conf.has_offloads);
		CHECK(!conf.has_mac && conf.mtu_bytes == 0);
	}
}

VU_TEST(net_conf, every_key)
{
	static const uint8_t mac[] = { 0x52, 0x54, 0, 0xab, 0xcd, 0xef };
	struct net_conf conf;

	CHECK_EQ(parse(&conf,
		"forward=loopback,mac=52:54:00:ab:CD:ef,mtu=9000,mrg=off,event-idx=off"), 0);
	CHECK(conf.forward == &net_forward_loopback && !conf.has_mrg && !conf.has_event_idx);
	CHECK(conf.has_mac && memcmp(conf.mac.addr_bytes, mac, 6) == 0);
	CHECK(conf.has_packed && conf.has_in_order);
	CHECK_EQ(conf.mtu_bytes, 9000);
	CHECK_EQ(parse(&conf, "packed=off"), 0);
	CHECK(!conf.has_packed && conf.has_in_order && conf.has_mrg && conf.has_event_idx);
	CHECK_EQ(parse(&conf, "in-order=off,packed=on"), 0);
	CHECK(conf.has_packed && !conf.has_in_order && conf.has_mrg && conf.has_event_idx);
	CHECK_EQ(parse(&conf, "forward=switch,mrg=on,event-idx=on,mtu=68"), 0);
	CHECK(conf.forward == &net_forward_switch && conf.has_mrg && conf.has_event_idx);
	CHECK(!conf.has_mac && conf.mtu_bytes == 68);
	CHECK_EQ(parse(&conf, "mtu=65535,forward=macswap"), 0);
	CHECK(conf.forward == &net_forward_macswap && conf.mtu_bytes == 65535);
	CHECK_EQ(parse(&conf, "offloads=on"), 0);
	CHECK(conf.has_offloads);
	CHECK_EQ(parse(&conf, "offloads=off"), 0);
	CHECK(!conf.has_offloads);
	CHECK_EQ(parse(&conf, "forward=null"), 0);
	CHECK(conf.forward == &net_forward_null);
	/* The old name of forward=. */
	CHECK_EQ(parse(&conf, "far=loopback"), 0);
	CHECK(conf.forward == &net_forward_loopback);
}

VU_TEST(net_conf, wrong_values_are_refused_with_a_reason)
{
	static const char *const wrong[] = {
		"forward=tap", "forward=", "forward", "far=tap", "forward=SWITCH", "mac=", "mac",
		"mac=52:54:00:ab:cd", "mac=52:54:00:ab:cd:ef:01", "mac=52:54:00:ab:cd:gg",
		"mac=01:00:5e:00:00:01",
		"mac=00:00:00:00:00:00", "mac=ff:ff:ff:ff:ff:ff", "mtu=", "mtu", "mtu=67",
		"mtu=65536", "mtu=-1", "mtu=+1500", "mtu= 1500", "mtu=1500x", "mtu=0x5dc",
		"mtu=18446744073709551616", "mrg=", "mrg", "mrg=1", "mrg=ON", "event-idx=yes",
		"packed=", "packed=1", "in-order=true", "in_order=on",
		"offloads=", "offloads=tso",
		"queues=2", "speed=10", "forward=null,unknown=1", "mtu=100,mtu=200",
	};
	struct net_conf conf;

	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		int rc = parse(&conf, wrong[i]);

		if (rc != -EINVAL)
			printf("%s: ", wrong[i]);
		CHECK_EQ(rc, -EINVAL);
	}
	/* Room for a reason is not needed. */
	CHECK_EQ(net_conf_parse(&conf, "mtu=1", NULL, 0), -EINVAL);
}

VU_TEST(net_conf, listed_keys_are_the_known_ones)
{
	static const char *const known[] = {
		"forward", "far", "mac", "mtu", "macs", "rarp-ms", "storm", "mrg", "event-idx",
		"packed", "in-order",
		"offloads", "tso", "iommu",
	};
	const struct vu_key *keys = vu_device_driver_keys("net");

	CHECK(keys != NULL);
	for (unsigned int i = 0; i < RTE_DIM(known); i++)
		CHECK(keys[i].name != NULL && strcmp(keys[i].name, known[i]) == 0);
	CHECK(keys[RTE_DIM(known)].name == NULL);
	CHECK_EQ(vu_device_driver_queue_group("net"), 2);
}

VU_TEST(net_conf, arguments_decide_features)
{
	const uint64_t always = RTE_BIT64(VIRTIO_F_VERSION_1) | RTE_BIT64(VIRTIO_NET_F_STATUS) |
		RTE_BIT64(VIRTIO_F_ANY_LAYOUT) | RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC) |
		RTE_BIT64(VHOST_F_LOG_ALL) | RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE);
	const uint64_t optional = RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF) |
		RTE_BIT64(VIRTIO_RING_F_EVENT_IDX) |
		RTE_BIT64(VIRTIO_F_RING_PACKED) | RTE_BIT64(VIRTIO_F_IN_ORDER) |
		F_OFFLOADS;
	static const struct {
		const char *args;
		uint32_t nb_pairs;
		uint64_t without;
		uint64_t more;
	} cases[] = {
		{ "mrg=off", 1, RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF), 0 },
		{ "event-idx=off", 1, RTE_BIT64(VIRTIO_RING_F_EVENT_IDX), 0 },
		{ "packed=off", 1, RTE_BIT64(VIRTIO_F_RING_PACKED), 0 },
		{ "in-order=off", 1, RTE_BIT64(VIRTIO_F_IN_ORDER), 0 },
		{ "offloads=off", 1, F_OFFLOADS, 0 },
		{ "mtu=1500", 1, 0, RTE_BIT64(VIRTIO_NET_F_MTU) },
		{ "mac=02:00:00:00:00:01", 1, 0, RTE_BIT64(VIRTIO_NET_F_MAC) },
		{ "", 2, 0, RTE_BIT64(VIRTIO_NET_F_MQ) },
	};
	struct vu_sched *sched = rig_sched_create(2);
	struct rig_port port;

	for (unsigned int i = 0; i < RTE_DIM(cases); i++) {
		port_open_on(&port, sched, cases[i].args, cases[i].nb_pairs, NULL);
		CHECK_EQ(vu_device_features(port.dev), always | cases[i].more |
			(optional & ~cases[i].without));
		CHECK_EQ(vu_device_queue_num(port.dev), cases[i].nb_pairs);
		rig_port_close(&port);
	}
	port_open(&port, sched, NULL);
	CHECK_EQ(vu_device_features(port.dev), always | optional);
	CHECK_EQ(vu_device_virtio_id(port.dev), VIRTIO_ID_NET);
	/* RARP (for the switch only), MTU, CONFIG and LOG_SHMFD. */
	CHECK_EQ(vu_device_protocol_features(port.dev), RTE_BIT64(VHOST_USER_PROTOCOL_F_RARP) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_LOG_SHMFD) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_MTU) | RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIG));
	rig_port_close(&port);
	vu_sched_destroy(sched);
}

VU_TEST(net_conf, configuration_space)
{
	static const uint8_t expected[16] = { 0x52, 0x54, 0, 1, 2, 3, 1, 0, 2, 0, 0xdc, 5 };
	struct vu_sched *sched = rig_sched_create(2);
	struct rig_port port;
	uint8_t bytes[64];

	port_open_on(&port, sched, "mac=52:54:00:01:02:03,mtu=1500", 2, NULL);
	/* Every window; what lies behind the fields that we have reads as zero. */
	for (uint32_t offset = 0; offset < sizeof(expected); offset++) {
		for (uint32_t len = 0; len <= sizeof(expected) - offset; len++) {
			memset(bytes, 0xaa, sizeof(bytes));
			CHECK_EQ(vu_device_config_get(port.dev, offset, bytes, len), 0);
			CHECK(memcmp(bytes, expected + offset, len) == 0);
			CHECK_EQ(bytes[len], 0xaa);
		}
	}
	CHECK_EQ(vu_device_config_get(port.dev, 200, bytes, 56), 0);
	CHECK_EQ(bytes[0], 0);
	CHECK_EQ(vu_device_config_get(port.dev, UINT32_MAX, bytes, 56), 0);
	CHECK_EQ(vu_device_config_set(port.dev, 0, expected, 6, false), -EACCES);
	CHECK_EQ(vu_device_config_set(port.dev, 0, expected, 6, true), 0);
	rig_port_close(&port);
	vu_sched_destroy(sched);
}

static unsigned int
config_mtu(struct rig_port *port)
{
	uint8_t bytes[2];

	CHECK(vu_device_config_get(port->dev, 10, bytes, 2) == 0);
	return bytes[0] | bytes[1] << 8;
}

VU_TEST(net_conf, front_end_announces_mtu_for_its_connection)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct rig_port port;

	port_open(&port, sched, "mtu=1500");
	port_connect(&port, F_MODERN | RTE_BIT64(VIRTIO_NET_F_MTU));
	CHECK_EQ(config_mtu(&port), 1500);
	CHECK_EQ(vu_device_set_mtu(port.dev, 67), -EINVAL);
	CHECK_EQ(vu_device_set_mtu(port.dev, 65536), -EINVAL);
	CHECK_EQ(vu_device_set_mtu(port.dev, UINT64_MAX), -EINVAL);
	CHECK_EQ(config_mtu(&port), 1500);
	CHECK_EQ(vu_device_set_mtu(port.dev, 9000), 0);
	CHECK_EQ(config_mtu(&port), 9000);
	rig_port_commit(&port);
	port_stop(&port);
	CHECK_EQ(config_mtu(&port), 1500);
	rig_port_close(&port);
	vu_sched_destroy(sched);
}

VU_TEST(net_conf, refused_creations)
{
	const struct vu_assign_conf assign = { .numa_node = -1 };
	struct vu_sched *sched = rig_sched_create(2);
	char errmsg[128] = "";
	struct vu_device_conf conf = {
		.name = "port", .nb_queues = 3, .max_queue_size = 256, .numa_node = -1,
		.sched = sched, .assign = &assign, .errmsg = errmsg, .errmsg_bytes = sizeof(errmsg),
	};

	CHECK(vu_device_create("net", &conf) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
	conf.nb_queues = 1;
	CHECK(vu_device_create("net", &conf) == NULL);
	conf.nb_queues = 2;
	conf.driver_args = "forward=nowhere";
	CHECK(vu_device_create("net", &conf) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
	CHECK(strstr(errmsg, "forward=nowhere") != NULL);
	vu_sched_destroy(sched);
}
