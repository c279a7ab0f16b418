/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The virtio-net device (VIRTIO 1.2, 5.1): creation, features, configuration space, queue start and
 * stop. Control lcore.
 */
#include "net_port.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "net_offload.h"
#include "vu_fd.h"
#include "vu_limits.h"
#include "vu_log.h"
#include "vu_net.h"
#include "vu_wire.h"

#define NET_STATUS_LINK_UP 1
/* What is left of the offloads without segmentation. */
#define NET_CSUM_FEATURES (RTE_BIT64(VIRTIO_NET_F_CSUM) | RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM))

/* Of a device whose queues the application polls. */
static const struct net_forward_ops net_forward_none = { .name = "none" };

/* Configuration space (VIRTIO 1.2, 5.1.4), little-endian. */
struct net_config {
	uint8_t mac[RTE_ETHER_ADDR_LEN];
	rte_le16_t status;
	rte_le16_t max_pairs;
	rte_le16_t mtu_bytes;
};

_Static_assert(sizeof(struct net_config) == 12, "no padding");

/* Numbers in use, and how many were given so far. */
static bool net_is_taken[VU_MAX_PORTS];
static uint32_t net_nb_numbered;

static uint64_t
net_features(const struct vu_device *dev)
{
	const struct net_device *net = vu_device_priv(dev);
	uint64_t features = RTE_BIT64(VIRTIO_NET_F_STATUS) | RTE_BIT64(VIRTIO_F_ANY_LAYOUT) |
		RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC) | RTE_BIT64(VIRTIO_F_VERSION_1) |
		RTE_BIT64(VHOST_F_LOG_ALL) | RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE);

	if (net->conf.has_mac)
		features |= RTE_BIT64(VIRTIO_NET_F_MAC);
	if (net->conf.mtu_bytes != 0)
		features |= RTE_BIT64(VIRTIO_NET_F_MTU);
	if (net->conf.has_mrg)
		features |= RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF);
	if (net->conf.has_event_idx)
		features |= RTE_BIT64(VIRTIO_RING_F_EVENT_IDX);
	if (net->conf.has_packed)
		features |= RTE_BIT64(VIRTIO_F_RING_PACKED);
	/* Every buffer is given back before any later one. */
	if (net->conf.has_in_order)
		features |= RTE_BIT64(VIRTIO_F_IN_ORDER);
	if (net->conf.has_iommu)
		features |= RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM);
	if (net->nb_offered_pairs > 1)
		features |= RTE_BIT64(VIRTIO_NET_F_MQ);
	if (net->conf.has_offloads)
		features |= net_offload_offered() &
			(net->conf.has_tso ? UINT64_MAX : NET_CSUM_FEATURES);
	return features;
}

static uint64_t
net_protocol_features(const struct vu_device *dev)
{
	const struct net_device *net = vu_device_priv(dev);
	uint64_t bits = RTE_BIT64(VHOST_USER_PROTOCOL_F_MTU) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIG) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_LOG_SHMFD);

	/* Elsewhere there is nobody to announce a guest to. */
	if (net->port.ops->announce != NULL)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_RARP);
	return bits;
}

static uint32_t
net_queue_num(const struct vu_device *dev)
{
	const struct net_device *net = vu_device_priv(dev);

	return net->nb_offered_pairs;
}

void
vu_net_set_pairs(struct vu_device *dev, uint32_t nb_pairs)
{
	struct net_device *net = vu_device_priv(dev);

	net->nb_offered_pairs = nb_pairs;
}

static int
net_get_config(const struct vu_device *dev, uint32_t offset, void *buf, uint32_t len)
{
	const struct net_device *net = vu_device_priv(dev);
	struct net_config config = {
		.status = rte_cpu_to_le_16(NET_STATUS_LINK_UP),
		.max_pairs = rte_cpu_to_le_16((uint16_t)net->nb_offered_pairs),
		.mtu_bytes = rte_cpu_to_le_16(net->mtu_bytes),
	};

	memcpy(config.mac, net->conf.mac.addr_bytes, sizeof(config.mac));
	/* QEMU asks for its own, longer structure: fields that we do not have read as zero. */
	memset(buf, 0, len);
	if (offset < sizeof(config))
		memcpy(buf, (const uint8_t *)&config + offset,
			RTE_MIN(len, sizeof(config) - offset));
	return 0;
}

static int
net_set_config(struct vu_device *dev, uint32_t offset, const void *buf, uint32_t len,
	bool is_migration)
{
	(void)dev;
	(void)offset;
	(void)buf;
	(void)len;
	/*
	 * All fields are read-only for the driver; a restore brings what the destination has
	 * anyway.
	 */
	return is_migration ? 0 : -EACCES;
}

static int
net_set_mtu(struct vu_device *dev, uint64_t mtu_bytes)
{
	struct net_device *net = vu_device_priv(dev);

	if (mtu_bytes < NET_MTU_MIN || mtu_bytes > NET_MTU_MAX)
		return -EINVAL;
	net->mtu_bytes = (uint16_t)mtu_bytes;
	return 0;
}

/* A new front-end starts from what the user configured. */
static void
net_acked_features(struct vu_device *dev, uint64_t features)
{
	struct net_device *net = vu_device_priv(dev);
	uint64_t ignored = features & net_offload_offered() & ~net_offload_effective(features);

	if (features == 0)
		net->mtu_bytes = (uint16_t)net->conf.mtu_bytes;
	/* Drivers acknowledge them blindly where a user switched off what they build on. */
	if (ignored != 0)
		VU_LOG_LIMITED(vu_device_fault_log(dev), NET, WARNING,
			"%s: offload features 0x%" PRIx64 " ignored: acknowledged without those "
			"they need", vu_device_name(dev), ignored);
}

static bool
net_is_silent(const struct net_device *net)
{
	for (uint32_t i = 1; i < 2 * net->port.nb_pairs; i += 2)
		if (vu_vring_is_running(&vu_device_queue(net->dev, i)->vring))
			return false;
	return true;
}

/* No lcore uses the queue. */
static void
net_queue_stop(struct vu_device_queue *queue)
{
	const struct net_device *net = vu_device_priv(queue->dev);

	net_forward_drain(queue->priv, VU_DROP_DISABLED);
	if (queue->direction == VU_DEVICE_QUEUE_FROM_GUEST && net->port.ops->join != NULL &&
			net_is_silent(net))
		net_fdb_release_port(net->port.port_id);
}

/* Its guest may come back behind another port, and be silent there. */
static void
net_disconnected(struct vu_device *dev)
{
	const struct net_device *net = vu_device_priv(dev);

	if (net->port.ops->join != NULL)
		net_fdb_forget_learned(net->port.port_id);
}

static void
net_figures(const struct vu_device *dev, vu_device_figure_fn *add, void *arg)
{
	const struct net_device *net = vu_device_priv(dev);
	const struct net_fdb_usage usage = net_fdb_usage(net->port.port_id);

	if (net->port.ops->join == NULL)
		return;
	add(arg, "macs", usage.nb);
	add(arg, "macs_max", usage.max);
	add(arg, "macs_refused", usage.nb_refused);
	add(arg, "rarp_dropped", net->nb_rarp_dropped);
}

/* Owner lcore: what waits for a dead ring would keep mbufs from the other ports. */
static void
net_queue_fault(struct vu_device_queue *queue)
{
	net_forward_drain(queue->priv, VU_DROP_FAULT);
}

/* Owner lcore: translations came, frames that wait for them are the first ones. */
static void
net_queue_retry(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct net_forward_queue *fq = queue->priv;

	if (queue->direction == VU_DEVICE_QUEUE_TO_GUEST && fq->nb_deferred != 0)
		net_held_push(fq, snap);
}

/* Frames between the lcores of a scheduler: mbufs to make them of, rings to hand them over. */
static int
net_queue_create_way(struct net_forward_queue *fq, bool is_to_guest)
{
	const int node = vu_device_queue_node(fq->ring.queue);
	const struct vu_net_frames frames = {
		.pool = net_pool_get(node), .port_id = RTE_MBUF_PORT_INVALID,
	};
	char name[RTE_RING_NAMESIZE];
	int rc = net_queue_set_frames(&fq->ring, &frames);

	if (!is_to_guest || rc != 0)
		return rc;
	snprintf(name, sizeof(name), "vu_%p", (void *)fq);
	fq->handoff = rte_ring_create(name, NET_HANDOFF_FRAMES, node, RING_F_SC_DEQ);
	return fq->handoff != NULL ? 0 : -ENOMEM;
}

static int
net_queue_create(struct net_device *net, struct net_forward_queue *fq, uint32_t queue_idx)
{
	bool is_to_guest = queue_idx % 2 == 0;
	struct vu_device_queue *queue = vu_device_queue(net->dev, queue_idx);

	fq->ring.queue = queue;
	fq->port = &net->port;
	fq->pair = queue_idx / 2;
	queue->priv = fq;
	queue->direction = is_to_guest ? VU_DEVICE_QUEUE_TO_GUEST : VU_DEVICE_QUEUE_FROM_GUEST;
	/* The application polls, forwards, and brings its mbufs. */
	if (vu_device_sched(net->dev) == NULL)
		return 0;
	queue->poll = is_to_guest ? net_to_guest_poll : net_from_guest_poll;
	vu_net_set_direct(queue, !is_to_guest);
	/* Its idle word is the tail of its handoff ring. */
	queue->is_woken = is_to_guest;
	queue->control_drop = NET_DROP_HANDOFF_FULL;
	return net_queue_create_way(fq, is_to_guest);
}

static void
net_destroy_queues(struct net_device *net)
{
	for (uint32_t i = 0; i < 2 * net->port.nb_pairs; i++) {
		net_pool_put(net->port.queues[i].ring.pool);
		rte_ring_free(net->port.queues[i].handoff);
	}
	rte_free(net->port.queues);
}

static int
net_create_queues(struct net_device *net)
{
	uint32_t nb_queues = 2 * net->port.nb_pairs;
	int rc = 0;

	net->port.queues = rte_zmalloc("vu_net_queues",
		nb_queues * sizeof(*net->port.queues), RTE_CACHE_LINE_SIZE);
	if (net->port.queues == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < nb_queues && rc == 0; i++)
		rc = net_queue_create(net, &net->port.queues[i], i);
	if (rc != 0)
		net_destroy_queues(net);
	return rc;
}

/* Give a port its number, among all net devices; the serial is never given again. */
static int
net_number(struct net_forward_port *port)
{
	for (uint16_t i = 0; i < VU_MAX_PORTS; i++) {
		if (net_is_taken[i])
			continue;
		net_is_taken[i] = true;
		port->port_id = i;
		port->serial = net_nb_numbered++;
		return 0;
	}
	return -ENOSPC;
}

static void
net_join(struct net_device *net)
{
	if (net->port.ops->join == NULL)
		return;
	net->port.max_addresses = net->conf.max_macs;
	net->port.ops->join(&net->port);
	if (net->conf.has_mac && !net_fdb_pin(&net->conf.mac, net->port.port_id))
		VU_LOG(NET, WARNING, "%s: mac=" RTE_ETHER_ADDR_PRT_FMT " is another port's too, "
			"which keeps it", vu_device_name(net->dev),
			RTE_ETHER_ADDR_BYTES(&net->conf.mac));
}

static int
net_create(struct vu_device *dev, const struct vu_device_conf *conf)
{
	struct net_device *net = calloc(1, sizeof(*net));
	int rc;

	if (net == NULL)
		return -ENOMEM;
	net->dev = dev;
	net->port.nb_pairs = vu_device_nb_queues(dev) / 2;
	net->nb_offered_pairs = net->port.nb_pairs;
	rc = net_conf_parse(&net->conf, conf->driver_args, conf->errmsg, conf->errmsg_bytes);
	if (rc == 0 && (net->port.nb_pairs == 0 || vu_device_nb_queues(dev) % 2 != 0))
		rc = -EINVAL;
	net->port.ops = conf->sched != NULL ? net->conf.forward : &net_forward_none;
	net_storm_init(&net->port, net->conf.storm);
	if (rc == 0)
		rc = net_create_queues(net);
	if (rc != 0) {
		free(net);
		return rc;
	}
	rc = net_number(&net->port);
	if (rc != 0) {
		net_destroy_queues(net);
		free(net);
		return rc;
	}
	net->mtu_bytes = (uint16_t)net->conf.mtu_bytes;
	vu_device_set_priv(dev, net);
	net_join(net);
	return 0;
}

static void
net_destroy(struct vu_device *dev)
{
	struct net_device *net = vu_device_priv(dev);

	/* No data lcore can know the number any more, nor learn an address for it. */
	net_fdb_forget_port(net->port.port_id);
	net_is_taken[net->port.port_id] = false;
	net_destroy_queues(net);
	free(net);
}

/* First half of destruction, one grace period before it: data lcores stop finding the port. */
static void
net_detach(struct vu_device *dev)
{
	struct net_device *net = vu_device_priv(dev);

	if (net->port.ops->leave != NULL)
		net->port.ops->leave(&net->port);
}

static const char *const net_drop_names[NET_NB_DROPS - VU_NB_COMMON_DROPS] = {
	[NET_DROP_NO_MBUF - VU_NB_COMMON_DROPS] = "no_mbuf",
	[NET_DROP_HANDOFF_FULL - VU_NB_COMMON_DROPS] = "handoff_full",
	[NET_DROP_HANDOFF_SHARE - VU_NB_COMMON_DROPS] = "handoff_share",
	[NET_DROP_NO_PORT - VU_NB_COMMON_DROPS] = "no_port",
	[NET_DROP_BAD_HEADER - VU_NB_COMMON_DROPS] = "bad_header",
	[NET_DROP_STORM - VU_NB_COMMON_DROPS] = "storm",
	[NET_DROP_LONG_CHAINS - VU_NB_COMMON_DROPS] = "long_chains",
	[NET_DROP_NO_OFFLOAD - VU_NB_COMMON_DROPS] = "no_offload",
};

_Static_assert(NET_NB_DROPS <= VU_MAX_DROPS, "counters for all reasons");

static const struct vu_device_ops net_ops = {
	.name = "net",
	.virtio_id = VIRTIO_ID_NET,
	.queue_group = 2,
	.drop_names = net_drop_names,
	.nb_drop_names = RTE_DIM(net_drop_names),
	.keys = net_conf_keys,
	.create = net_create,
	.detach = net_detach,
	.destroy = net_destroy,
	.features = net_features,
	.acked_features = net_acked_features,
	.protocol_features = net_protocol_features,
	.queue_num = net_queue_num,
	.get_config = net_get_config,
	.set_config = net_set_config,
	.set_mtu = net_set_mtu,
	.send_rarp = net_send_rarp,
	.is_in_order = true,
	.snapshot_bytes = sizeof(struct net_snapshot),
	.snapshot_init = net_snapshot_init,
	/* What the guest takes finished or not; frames on their way are finished in software. */
	.running_features = RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) |
		RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6) |
		RTE_BIT64(VIRTIO_NET_F_GUEST_ECN),
	.queue_fault = net_queue_fault,
	.queue_retry = net_queue_retry,
	.queue_stop = net_queue_stop,
	.disconnected = net_disconnected,
	.figures = net_figures,
};

VU_DEVICE_DRIVER(net_ops)
