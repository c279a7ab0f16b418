/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counters of a port. Polling threads write them without locks; the application and secondary
 * processes read them in memory that all of them map. A reset saves the values to subtract.
 */
#include "eth.h"

#include <errno.h>
#include <stdio.h>

#include "vu_device_driver.h"

/* Counters other than drop reasons; rte_vhost's names come first. */
static const struct {
	const char *name;
	size_t offset;
	bool is_tx_only;
} eth_xstats[] = {
	{ "good_packets", offsetof(struct eth_counters, nb_packets), false },
	{ "good_bytes", offsetof(struct eth_counters, nb_bytes), false },
	{ "guest_notifications", offsetof(struct eth_counters, nb_notifications), false },
	{ "faults", offsetof(struct eth_counters, nb_faults), false },
	{ "full", offsetof(struct eth_counters, nb_full), true },
	{ "drop_vlan", offsetof(struct eth_counters, nb_vlan_drops), true },
};

static const char *const size_names[ETH_NB_SIZES] = {
	[ETH_SIZE_MULTICAST] = "multicast_packets",
	[ETH_SIZE_BROADCAST] = "broadcast_packets",
	[ETH_SIZE_UNDER] = "undersize_packets",
	[ETH_SIZE_64] = "size_64_packets",
	[ETH_SIZE_65] = "size_65_127_packets",
	[ETH_SIZE_128] = "size_128_255_packets",
	[ETH_SIZE_256] = "size_256_511_packets",
	[ETH_SIZE_512] = "size_512_1023_packets",
	[ETH_SIZE_1024] = "size_1024_1518_packets",
	[ETH_SIZE_1519] = "size_1519_max_packets",
};

static void
counters_read(const struct eth_queue *eq, struct eth_counters *counters)
{
	const struct vu_device_queue *queue = eq->queue;

	counters->nb_packets = vu_load(&queue->counters.nb_packets) - eq->base.nb_packets;
	counters->nb_bytes = vu_load(&queue->counters.nb_bytes) - eq->base.nb_bytes;
	counters->nb_notifications = vu_load(&queue->vring.pos.counters.nb_notifications) -
		eq->base.nb_notifications;
	counters->nb_faults = vu_load(&queue->counters.nb_faults) - eq->base.nb_faults;
	counters->nb_full = vu_load(&eq->nb_full) - eq->base.nb_full;
	counters->nb_vlan_drops = vu_load(&eq->nb_vlan_drops) - eq->base.nb_vlan_drops;
	for (unsigned int i = 0; i < VU_MAX_DROPS; i++)
		counters->nb_drops[i] = vu_load(&queue->counters.nb_drops[i]) -
			eq->base.nb_drops[i];
	for (unsigned int i = 0; i < ETH_NB_SIZES; i++)
		counters->nb_sizes[i] = vu_load(&eq->nb_sizes[i]) - eq->base.nb_sizes[i];
}

static uint64_t
counters_nb_drops(const struct eth_counters *counters)
{
	uint64_t nb = counters->nb_vlan_drops;

	for (unsigned int i = 0; i < VU_MAX_DROPS; i++)
		nb += counters->nb_drops[i];
	return nb;
}

static const struct eth_queue *
eth_virtqueue(const struct rte_eth_dev *dev, uint16_t queue_id, bool is_rx)
{
	const struct eth_port *port = dev->data->dev_private;

	return &port->queues[2 * queue_id + is_rx];
}

/* A frame without an mbuf waits in the ring; only a long one that needs more mbufs is dropped. */
int
eth_stats_get(VU_ETH_STATS_PARAMS(dev, stats, queue_stats))
{
	struct vu_eth_queue_stats *queues = VU_ETH_QUEUE_STATS(stats, queue_stats);
	struct eth_counters counters;

	for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++) {
		counters_read(eth_virtqueue(dev, i, true), &counters);
		stats->ipackets += counters.nb_packets;
		stats->ibytes += counters.nb_bytes;
		stats->ierrors += counters_nb_drops(&counters);
		if (queues == NULL || i >= RTE_ETHDEV_QUEUE_STAT_CNTRS)
			continue;
		queues->q_ipackets[i] = counters.nb_packets;
		queues->q_ibytes[i] = counters.nb_bytes;
		queues->q_errors[i] = counters_nb_drops(&counters);
	}
	for (uint16_t i = 0; i < dev->data->nb_tx_queues; i++) {
		counters_read(eth_virtqueue(dev, i, false), &counters);
		stats->opackets += counters.nb_packets;
		stats->obytes += counters.nb_bytes;
		stats->oerrors += counters_nb_drops(&counters);
		if (queues == NULL || i >= RTE_ETHDEV_QUEUE_STAT_CNTRS)
			continue;
		queues->q_opackets[i] = counters.nb_packets;
		queues->q_obytes[i] = counters.nb_bytes;
	}
	return 0;
}

int
eth_stats_reset(struct rte_eth_dev *dev)
{
	struct eth_port *port = dev->data->dev_private;

	for (uint32_t i = 0; i < 2 * port->conf.nb_pairs; i++) {
		struct eth_counters counters;

		memset(&port->queues[i].base, 0, sizeof(port->queues[i].base));
		counters_read(&port->queues[i], &counters);
		port->queues[i].base = counters;
	}
	return 0;
}

/* Values or names of all queues, one after the other; nb counts even those beyond max. */
struct xstats_out {
	struct rte_eth_xstat *values;
	struct rte_eth_xstat_name *names;
	unsigned int max;
	unsigned int nb;
};

static void
xstats_add(struct xstats_out *out, const char *queue, const char *prefix, const char *name,
	uint64_t value)
{
	if (out->nb < out->max && out->names != NULL)
		snprintf(out->names[out->nb].name, sizeof(out->names[0].name), "%s_%s%s", queue,
			prefix, name);
	if (out->nb < out->max && out->values != NULL)
		out->values[out->nb] = (struct rte_eth_xstat){ out->nb, value };
	out->nb++;
}

static void
xstats_add_queue(struct xstats_out *out, const struct rte_eth_dev *dev, uint16_t queue_id,
	bool is_rx)
{
	const struct eth_port *port = dev->data->dev_private;
	struct eth_counters counters;
	char queue[16];

	snprintf(queue, sizeof(queue), "%s_q%u", is_rx ? "rx" : "tx", queue_id);
	counters_read(eth_virtqueue(dev, queue_id, is_rx), &counters);
	for (unsigned int i = 0; i < ETH_NB_SIZES && port->conf.has_sizes; i++)
		xstats_add(out, queue, "", size_names[i], counters.nb_sizes[i]);
	for (unsigned int i = 0; i < RTE_DIM(eth_xstats); i++)
		if (!is_rx || !eth_xstats[i].is_tx_only)
			xstats_add(out, queue, "", eth_xstats[i].name,
				*(uint64_t *)RTE_PTR_ADD(&counters, eth_xstats[i].offset));
	for (unsigned int i = 0; i < VU_MAX_DROPS; i++) {
		const char *name = vu_device_driver_drop_name("net", i);

		if (name != NULL)
			xstats_add(out, queue, "drop_", name, counters.nb_drops[i]);
	}
}

static int
xstats_fill(struct xstats_out *out, const struct rte_eth_dev *dev)
{
	for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++)
		xstats_add_queue(out, dev, i, true);
	for (uint16_t i = 0; i < dev->data->nb_tx_queues; i++)
		xstats_add_queue(out, dev, i, false);
	return (int)out->nb;
}

int
eth_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int max)
{
	struct xstats_out out = { .values = xstats, .max = max };

	return xstats_fill(&out, dev);
}

int
eth_xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names, unsigned int max)
{
	struct xstats_out out = { .names = names, .max = max };

	return xstats_fill(&out, dev);
}
