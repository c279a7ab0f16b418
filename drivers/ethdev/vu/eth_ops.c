/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Operations of a port. Application; parts run on the control thread through vu_control_call().
 */
#include "eth.h"

#include <errno.h>
#include <stdio.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "vu_build.h"
#include "vu_control.h"
#include "vu_device_driver.h"
#include "vu_endpoint.h"
#include "vu_exec.h"

#define MIN_RX_BUF_BYTES 64
#define RX_CHECKSUMS (RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define RX_OFFLOADS (RX_CHECKSUMS | RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_SCATTER | \
	RTE_ETH_RX_OFFLOAD_VLAN_STRIP)
#define TX_OFFLOADS (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | \
	RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO | \
	RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT | \
	RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE)

struct open_call {
	struct eth_port *port;
	uint32_t nb_pairs;
	int rc;
};

/* Control. */
static void
open_endpoint(void *arg)
{
	struct open_call *call = arg;

	vu_net_set_pairs(call->port->device, call->nb_pairs);
	if (!call->port->is_open)
		call->rc = vu_endpoint_open(call->port->endpoint, call->port->device, false);
}

/* The endpoint opens with the first configuration, which says how many queues to offer. */
static int
eth_configure(struct rte_eth_dev *dev)
{
	struct open_call call = {
		.port = eth_port(dev),
		.nb_pairs = RTE_MAX(dev->data->nb_rx_queues, dev->data->nb_tx_queues),
	};

	vu_control_call(open_endpoint, &call);
	if (call.rc == 0)
		call.port->is_open = true;
	return call.rc;
}

/* eth_rx_queue_start() and the like. */
#define QUEUE_OP(way, verb, state) \
static int \
eth_##way##_queue_##verb(struct rte_eth_dev *dev, uint16_t queue_id) \
{ \
	eth_queue_##verb(eth_##way##_queue(dev, queue_id)); \
	dev->data->way##_queue_state[queue_id] = RTE_ETH_QUEUE_STATE_##state; \
	return 0; \
}

QUEUE_OP(rx, start, STARTED)
QUEUE_OP(rx, stop, STOPPED)
QUEUE_OP(tx, start, STARTED)
QUEUE_OP(tx, stop, STOPPED)

/* Apply the receive offloads to a paused queue. */
static int
rx_queue_apply(struct rte_eth_dev *dev, struct eth_queue *eq)
{
	const struct eth_conf *conf = &eth_port(dev)->conf;
	const uint64_t offloads = dev->data->dev_conf.rxmode.offloads;
	const struct vu_net_frames frames = {
		.pool = eq->pool,
		.port_id = dev->data->port_id,
		.is_linear = conf->is_linear || conf->has_big ||
			(offloads & RTE_ETH_RX_OFFLOAD_SCATTER) == 0,
		.big_pool = eth_port(dev)->big_pool,
		.has_rx_flags = !conf->has_tx_flags,
		.has_rx_checksum = conf->has_partial && (offloads & RX_CHECKSUMS) == RX_CHECKSUMS,
	};

	dev->data->scattered_rx = !frames.is_linear;
	eq->work = ((offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0 ? ETH_WORK_VLAN : 0) |
		(conf->has_sizes ? ETH_WORK_SIZES : 0);
	return vu_net_set_frames(eq->queue, &frames);
}

static void
tx_queue_apply(const struct rte_eth_dev *dev, struct eth_queue *eq)
{
	const uint64_t offloads = dev->data->dev_conf.txmode.offloads;

	eq->work = ((offloads & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) != 0 ? ETH_WORK_VLAN : 0) |
		(eq->port->conf.has_sizes ? ETH_WORK_SIZES : 0);
	eq->is_fast_free = (offloads & (RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE |
		RTE_ETH_TX_OFFLOAD_MULTI_SEGS)) == RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
}

static int
eth_start(struct rte_eth_dev *dev)
{
	int rc = eth_intr_start(dev);

	for (uint16_t i = 0; i < dev->data->nb_rx_queues && rc == 0; i++)
		rc = rx_queue_apply(dev, eth_rx_queue(dev, i));
	if (rc != 0)
		return rc;
	for (uint16_t i = 0; i < dev->data->nb_tx_queues; i++) {
		tx_queue_apply(dev, eth_tx_queue(dev, i));
		if (!eth_tx_queue(dev, i)->is_deferred)
			eth_tx_queue_start(dev, i);
	}
	for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++)
		if (!eth_rx_queue(dev, i)->is_deferred)
			eth_rx_queue_start(dev, i);
	return 0;
}

static int
eth_stop(struct rte_eth_dev *dev)
{
	for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++)
		eth_rx_queue_stop(dev, i);
	for (uint16_t i = 0; i < dev->data->nb_tx_queues; i++)
		eth_tx_queue_stop(dev, i);
	return 0;
}

/* Nothing to do: the application configures again, the front-end keeps its state. */
static int
eth_reset(struct rte_eth_dev *dev)
{
	(void)dev;
	return 0;
}

static int
eth_rx_queue_setup(struct rte_eth_dev *dev, uint16_t queue_id, uint16_t nb_desc,
	unsigned int socket_id, const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	struct eth_queue *eq = eth_rx_queue(dev, queue_id);

	(void)nb_desc;
	(void)socket_id;
	eq->pool = pool;
	eq->is_deferred = conf->rx_deferred_start != 0;
	dev->data->rx_queues[queue_id] = eq;
	return 0;
}

static int
eth_tx_queue_setup(struct rte_eth_dev *dev, uint16_t queue_id, uint16_t nb_desc,
	unsigned int socket_id, const struct rte_eth_txconf *conf)
{
	struct eth_queue *eq = eth_tx_queue(dev, queue_id);

	(void)nb_desc;
	(void)socket_id;
	eq->is_deferred = conf->tx_deferred_start != 0;
	dev->data->tx_queues[queue_id] = eq;
	return 0;
}

static int
eth_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	const struct eth_conf *conf = &eth_port(dev)->conf;
	const struct rte_eth_desc_lim lim = {
		.nb_max = VU_MAX_QUEUE_SIZE, .nb_min = 1, .nb_align = 1,
		.nb_seg_max = UINT16_MAX, .nb_mtu_seg_max = UINT16_MAX,
	};

	info->max_mac_addrs = 1;
	info->min_mtu = RTE_ETHER_MIN_MTU;
	info->max_mtu = UINT16_MAX;
	info->max_rx_pktlen = VU_NET_MAX_FRAME_BYTES;
	info->min_rx_bufsize = MIN_RX_BUF_BYTES;
	info->max_rx_queues = (uint16_t)conf->nb_pairs;
	info->max_tx_queues = (uint16_t)conf->nb_pairs;
	info->rx_offload_capa = RX_OFFLOADS;
	if (conf->has_tso) {
		info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_TCP_LRO;
		info->max_lro_pkt_size = VU_NET_MAX_FRAME_BYTES;
	}
	info->tx_offload_capa = TX_OFFLOADS;
	info->rx_desc_lim = lim;
	info->tx_desc_lim = lim;
	info->speed_capa = RTE_ETH_LINK_SPEED_10G;
	info->default_rxportconf = (struct rte_eth_dev_portconf){ 32, 256, 1 };
	info->default_txportconf = info->default_rxportconf;
	return 0;
}

static void
eth_rxq_info_get(struct rte_eth_dev *dev, uint16_t queue_id, struct rte_eth_rxq_info *info)
{
	const struct eth_queue *eq = eth_rx_queue(dev, queue_id);

	info->mp = eq->pool;
	info->nb_desc = (uint16_t)eq->queue->vring.conf.size;
	info->scattered_rx = dev->data->scattered_rx;
	info->conf.offloads = dev->data->dev_conf.rxmode.offloads;
	info->conf.rx_deferred_start = eq->is_deferred;
	info->conf.rx_drop_en = 1;
}

static void
eth_txq_info_get(struct rte_eth_dev *dev, uint16_t queue_id, struct rte_eth_txq_info *info)
{
	const struct eth_queue *eq = eth_tx_queue(dev, queue_id);

	info->nb_desc = (uint16_t)eq->queue->vring.conf.size;
	info->conf.offloads = dev->data->dev_conf.txmode.offloads;
	info->conf.tx_deferred_start = eq->is_deferred;
}

/* Name of the burst variant that the current front-end's ring has, or the last one's had. */
static int
burst_mode(const struct eth_queue *eq, struct rte_eth_burst_mode *mode)
{
	const char *variant = vu_load(&eq->queue->variant);

	snprintf(mode->info, sizeof(mode->info), "%s",
		variant != NULL ? variant : "no front-end yet");
	return 0;
}

static int
eth_rx_burst_mode_get(struct rte_eth_dev *dev, uint16_t queue_id, struct rte_eth_burst_mode *mode)
{
	return burst_mode(eth_rx_queue(dev, queue_id), mode);
}

static int
eth_tx_burst_mode_get(struct rte_eth_dev *dev, uint16_t queue_id, struct rte_eth_burst_mode *mode)
{
	return burst_mode(eth_tx_queue(dev, queue_id), mode);
}

static int
eth_link_update(struct rte_eth_dev *dev, int wait_to_complete)
{
	(void)dev;
	(void)wait_to_complete;
	return 0; /* eth_event.c writes it */
}

/* There is no filter: a port receives every frame of its guest. */
static int
eth_filter_set(struct rte_eth_dev *dev)
{
	(void)dev;
	return 0;
}

static int
eth_mac_addr_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac)
{
	(void)dev;
	(void)mac;
	return 0;
}

static int
eth_mtu_set(struct rte_eth_dev *dev, uint16_t mtu)
{
	(void)dev;
	(void)mtu;
	return 0;
}

static int
eth_vlan_offload_set(struct rte_eth_dev *dev, int mask)
{
	const bool is_on = (dev->data->dev_conf.rxmode.offloads &
		RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0;

	for (uint16_t i = 0; i < dev->data->nb_rx_queues &&
			(mask & RTE_ETH_VLAN_STRIP_MASK) != 0; i++) {
		uint32_t *work = &eth_rx_queue(dev, i)->work;

		if (is_on)
			__atomic_fetch_or(work, ETH_WORK_VLAN, __ATOMIC_RELAXED);
		else
			__atomic_fetch_and(work, ~(uint32_t)ETH_WORK_VLAN, __ATOMIC_RELAXED);
	}
	return 0;
}

/* Sent frames are copied and freed at once. */
static int
eth_tx_done_cleanup(void *txq, uint32_t free_cnt)
{
	(void)txq;
	(void)free_cnt;
	return 0;
}

static int
eth_fw_version_get(struct rte_eth_dev *dev, char *version, size_t size)
{
	int len = snprintf(version, size, "vu-pmd " VU_VERSION);

	(void)dev;
	return (size_t)len < size ? 0 : len + 1;
}

static int
eth_priv_dump(struct rte_eth_dev *dev, FILE *file)
{
	const struct eth_port *port = eth_port(dev);

	fprintf(file, "  iface: %s (%s)\n  queues: %u\n  features: 0x%" PRIx64 "\n  net: %s\n",
		port->conf.path, port->conf.is_client ? "client" : "server", port->conf.nb_pairs,
		port->features, port->conf.driver_args);
	return 0;
}

/* Control. */
static void
close_endpoint(void *arg)
{
	struct eth_port *port = arg;

	vu_endpoint_close(port->endpoint);
}

/* Control. */
static void
destroy_device(void *arg)
{
	struct eth_port *port = arg;

	vu_endpoint_destroy(port->endpoint);
	vu_device_destroy(port->device);
}

int
eth_close(struct rte_eth_dev *dev)
{
	struct eth_port *port = eth_port(dev);

	if (rte_eal_process_type() != RTE_PROC_PRIMARY || port == NULL)
		return 0;
	for (uint32_t i = 0; i < 2 * port->conf.nb_pairs; i++)
		eth_queue_stop(&port->queues[i]);
	if (port->is_open) {
		vu_control_call(close_endpoint, port);
		while (sem_wait(&port->closed) != 0)
			; /* interrupted by a signal */
	}
	vu_control_call(destroy_device, port);
	eth_events_stop(port);
	eth_intr_fini(dev);
	eth_control_release();
	sem_destroy(&port->closed);
	pthread_mutex_destroy(&port->remap_lock);
	eth_conf_fini(&port->conf);
	rte_mempool_free(port->big_pool);
	rte_free(port->queues);
	port->queues = NULL;
	return 0;
}

const struct eth_dev_ops eth_primary_ops = {
	.dev_configure = eth_configure,
	.dev_start = eth_start,
	.dev_stop = eth_stop,
	.dev_close = eth_close,
	.dev_reset = eth_reset,
	.link_update = eth_link_update,
	.promiscuous_enable = eth_filter_set,
	.promiscuous_disable = eth_filter_set,
	.allmulticast_enable = eth_filter_set,
	.allmulticast_disable = eth_filter_set,
	.mac_addr_set = eth_mac_addr_set,
	.mtu_set = eth_mtu_set,
	.vlan_offload_set = eth_vlan_offload_set,
	.stats_get = eth_stats_get,
	.stats_reset = eth_stats_reset,
	.xstats_get = eth_xstats_get,
	.xstats_reset = eth_stats_reset,
	.xstats_get_names = eth_xstats_get_names,
	.dev_infos_get = eth_infos_get,
	.rxq_info_get = eth_rxq_info_get,
	.txq_info_get = eth_txq_info_get,
	.rx_burst_mode_get = eth_rx_burst_mode_get,
	.tx_burst_mode_get = eth_tx_burst_mode_get,
	.fw_version_get = eth_fw_version_get,
	.rx_queue_start = eth_rx_queue_start,
	.rx_queue_stop = eth_rx_queue_stop,
	.tx_queue_start = eth_tx_queue_start,
	.tx_queue_stop = eth_tx_queue_stop,
	.rx_queue_setup = eth_rx_queue_setup,
	.tx_queue_setup = eth_tx_queue_setup,
	.rx_queue_intr_enable = eth_rx_intr_enable,
	.rx_queue_intr_disable = eth_rx_intr_disable,
	.get_monitor_addr = eth_monitor_addr_get,
	.tx_done_cleanup = eth_tx_done_cleanup,
	.eth_dev_priv_dump = eth_priv_dump,
};

/* A secondary process may only read. */
const struct eth_dev_ops eth_secondary_ops = {
	.link_update = eth_link_update,
	.stats_get = eth_stats_get,
	.stats_reset = eth_stats_reset,
	.xstats_get = eth_xstats_get,
	.xstats_reset = eth_stats_reset,
	.xstats_get_names = eth_xstats_get_names,
	.dev_infos_get = eth_infos_get,
	.rxq_info_get = eth_rxq_info_get,
	.txq_info_get = eth_txq_info_get,
	.dev_close = eth_close,
};
