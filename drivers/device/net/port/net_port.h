/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the virtio-net device driver: a device and its configuration. Control lcore.
 */
#ifndef NET_PORT_H
#define NET_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ether.h>

#include "net_forward.h"
#include "vu_parse.h"

#define NET_POOL_MBUFS 16383        /* of a NUMA node, for all net devices there */
#define NET_STORM_COPIES 1000000    /* less than a tenth of a lcore */
#define NET_MTU_MIN 68
#define NET_MTU_MAX 65535

/* The port's arguments. */
struct net_conf {
	const struct net_forward_ops *forward;
	bool has_mac;
	struct rte_ether_addr mac;
	uint32_t mtu_bytes;  /* 0 = not offered */
	uint32_t max_macs;   /* that the switch learns; 0 = any number */
	uint32_t rarp_ms;    /* between two announcements */
	uint32_t storm;      /* copies of flooded frames a second, 0 = any number */
	bool has_mrg;        /* offer mergeable receive buffers */
	bool has_event_idx;
	bool has_packed;     /* offer packed rings */
	bool has_in_order;
	bool has_offloads;   /* offer checksum and segmentation offloads */
	bool has_tso;        /* the latter too */
	bool has_iommu;      /* offer ACCESS_PLATFORM */
};

struct net_device {
	struct net_forward_port port;
	struct vu_device *dev;
	struct net_conf conf;
	uint32_t nb_offered_pairs;
	uint16_t mtu_bytes;          /* NET_SET_MTU or conf */
	uint64_t rarp_tsc;           /* of the last announcement, 0: none */
	uint64_t nb_rarp_dropped;    /* announcements too early, or of another's address */
};

/* net_conf.c: parse "key=value,..."; after a failure one line in `errmsg`. Control lcore. */
int net_conf_parse(struct net_conf *conf, const char *args, char *errmsg, size_t errmsg_bytes);
extern const struct vu_key net_conf_keys[];

/* net_pool.c: mbufs shared by all net devices of a NUMA node; counted. Control lcore. */
struct rte_mempool *net_pool_get(int numa_node);
void net_pool_put(struct rte_mempool *pool);

/* net_rarp.c: a guest came here by migration: let the switch learn where it is. Control lcore. */
int net_send_rarp(struct vu_device *dev, const uint8_t *mac);

#endif /* NET_PORT_H */
