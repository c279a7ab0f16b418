/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The vdev driver net_vu: --vdev net_vu0,iface=PATH and hotplug create ports. Application, or the
 * DPDK thread that handles hotplug.
 */
#include "eth.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include <ethdev_vdev.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "vu_control.h"
#include "vu_device_driver.h"
#include "vu_endpoint.h"
#include "vu_fd.h"
#include "vu_log.h"
#include "vu_parse.h"

#define ERROR_BYTES 256
#define BIG_BUFFERS 255 /* of a port with ext-buffer */

/* Several threads may add and remove ports. */
static pthread_mutex_t control_lock = PTHREAD_MUTEX_INITIALIZER;

static int
control_acquire(void)
{
	int rc;

	pthread_mutex_lock(&control_lock);
	rc = vu_control_acquire();
	pthread_mutex_unlock(&control_lock);
	return rc;
}

void
eth_control_release(void)
{
	pthread_mutex_lock(&control_lock);
	vu_control_release();
	pthread_mutex_unlock(&control_lock);
}

/* Control. */
static void
port_closed(void *arg)
{
	struct eth_port *port = arg;

	sem_post(&port->closed);
}

struct create_call {
	struct eth_port *port;
	const char *name;
	struct vu_errmsg errmsg;
	int rc;
};

static int
create_device(struct create_call *call)
{
	struct eth_port *port = call->port;
	const struct vu_device_conf conf = {
		.name = call->name, .nb_queues = 2 * port->conf.nb_pairs,
		.max_queue_size = VU_MAX_QUEUE_SIZE, .numa_node = -1, .app = vu_control_exec(),
		.changed = eth_changed, .kick_changed = eth_kick_changed, .changed_arg = port,
		.driver_args = port->conf.driver_args,
		.errmsg = call->errmsg.text, .errmsg_bytes = call->errmsg.bytes,
	};

	port->device = vu_device_create("net", &conf);
	return port->device != NULL ? 0 : -rte_errno;
}

static int
create_endpoint(struct create_call *call)
{
	struct eth_port *port = call->port;
	const struct vu_endpoint_conf conf = {
		.reactor = vu_control_reactor(),
		.kind = port->conf.is_client ? VU_ENDPOINT_CLIENT : VU_ENDPOINT_SERVER,
		.path = port->conf.path, .fd = VU_FD_NONE,
		.reconnect_ms = port->conf.reconnect_ms,
		.closed = port_closed, .arg = port, .errmsg = &call->errmsg,
	};

	port->endpoint = vu_endpoint_create(&conf);
	return port->endpoint != NULL ? 0 : -rte_errno;
}

/* Control. */
static void
port_create(void *arg)
{
	struct create_call *call = arg;
	struct eth_port *port = call->port;

	call->rc = create_device(call);
	if (call->rc != 0)
		return;
	for (uint32_t i = 0; i < 2 * port->conf.nb_pairs; i++) {
		port->queues[i].queue = vu_device_queue(port->device, i);
		port->queues[i].port = port;
		port->queues[i].intr_fd = VU_FD_NONE;
		port->queues[i].kick_fd = VU_FD_NONE;
	}
	call->rc = create_endpoint(call);
	if (call->rc != 0)
		vu_device_destroy(port->device);
}

/* Create all of a port except its ethdev entry. */
static int
port_init(struct eth_port *port, const char *name, const struct vu_errmsg *errmsg)
{
	struct create_call call = { .port = port, .name = name, .errmsg = *errmsg };
	int rc;

	port->queues = rte_zmalloc("net_vu_queues",
		2 * port->conf.nb_pairs * sizeof(*port->queues), RTE_CACHE_LINE_SIZE);
	if (port->queues == NULL || sem_init(&port->closed, 0, 0) != 0 ||
			pthread_mutex_init(&port->remap_lock, NULL) != 0)
		return -ENOMEM;
	if (port->conf.has_big) {
		port->big_pool = vu_net_big_pool_create(name, BIG_BUFFERS, SOCKET_ID_ANY);
		if (port->big_pool == NULL)
			return -rte_errno;
	}
	rc = control_acquire();
	if (rc != 0)
		return rc;
	vu_control_call(port_create, &call);
	if (call.rc != 0)
		eth_control_release();
	return call.rc;
}

/* The application's address; the guest's is mac=. */
static int
dev_set_mac(struct rte_eth_dev *dev)
{
	const uint16_t id = dev->data->port_id;
	const struct rte_ether_addr mac = {
		.addr_bytes = { 0x02, 'v', 'u', 0, (uint8_t)(id >> 8), (uint8_t)id },
	};

	dev->data->mac_addrs = rte_zmalloc("net_vu_mac", sizeof(mac), 0);
	if (dev->data->mac_addrs == NULL)
		return -ENOMEM;
	*dev->data->mac_addrs = mac;
	return 0;
}

static void
dev_set_functions(struct rte_eth_dev *dev)
{
	dev->dev_ops = &eth_primary_ops;
	dev->rx_pkt_burst = eth_rx_burst;
	dev->tx_pkt_burst = eth_tx_burst;
	dev->tx_pkt_prepare = eth_tx_prepare;
	dev->rx_queue_count = eth_rx_queue_count;
	dev->rx_descriptor_status = eth_rx_descriptor_status;
	dev->tx_descriptor_status = eth_tx_descriptor_status;
}

static int
dev_create(struct rte_vdev_device *vdev, struct eth_conf *conf, const struct vu_errmsg *errmsg)
{
	const char *name = rte_vdev_device_name(vdev);
	struct rte_eth_dev *dev;
	struct eth_port *port;
	int rc;

	if (vdev->device.numa_node == SOCKET_ID_ANY)
		vdev->device.numa_node = (int)rte_socket_id();
	dev = rte_eth_vdev_allocate(vdev, sizeof(*port));
	if (dev == NULL)
		return -ENOMEM;
	port = dev->data->dev_private;
	port->dev = dev;
	port->conf = *conf;
	rc = dev_set_mac(dev);
	if (rc == 0)
		rc = port_init(port, name, errmsg);
	if (rc != 0) {
		rte_mempool_free(port->big_pool);
		rte_free(port->queues);
		rte_eth_dev_release_port(dev);
		return rc;
	}
	conf->driver_args = NULL; /* the port's now */
	dev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC | RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
	dev->data->dev_link.link_speed = RTE_ETH_SPEED_NUM_10G;
	dev->data->dev_link.link_duplex = RTE_ETH_LINK_FULL_DUPLEX;
	dev->data->promiscuous = 1;
	dev->data->all_multicast = 1;
	dev_set_functions(dev);
	rte_eth_dev_probing_finish(dev);
	return 0;
}

/* A secondary process sees the port and its counters. */
static int
dev_attach(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *dev = rte_eth_dev_attach_secondary(rte_vdev_device_name(vdev));

	if (dev == NULL)
		return -ENODEV;
	dev->dev_ops = &eth_secondary_ops;
	dev->device = &vdev->device;
	rte_eth_dev_probing_finish(dev);
	return 0;
}

static int
eth_probe(struct rte_vdev_device *vdev)
{
	char text[ERROR_BYTES] = "";
	const struct vu_errmsg errmsg = { text, sizeof(text) };
	struct eth_conf conf;
	int rc;

	if (rte_eal_process_type() == RTE_PROC_SECONDARY)
		return dev_attach(vdev);
	rc = eth_conf_parse(&conf, rte_vdev_device_args(vdev), &errmsg);
	if (rc == 0)
		rc = dev_create(vdev, &conf, &errmsg);
	if (rc != 0)
		VU_LOG(ETHDEV, ERR, "%s: %s", rte_vdev_device_name(vdev),
			text[0] != '\0' ? text : rte_strerror(-rc));
	eth_conf_fini(&conf);
	return rc;
}

static int
eth_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	/* The application has closed it already. */
	if (dev == NULL)
		return 0;
	eth_close(dev);
	return rte_eth_dev_release_port(dev);
}

static struct rte_vdev_driver eth_vdev_driver = {
	.probe = eth_probe,
	.remove = eth_remove,
};

RTE_PMD_REGISTER_VDEV(net_vu, eth_vdev_driver);
RTE_PMD_REGISTER_PARAM_STRING(net_vu,
	"iface=PATH queues=N client=0|1 reconnect-ms=N tso=0|1 iommu-support=0|1 "
	"linear-buffer=0|1 "
	"ext-buffer=0|1 partial-csum=0|1 size-xstats=0|1 legacy-ol-flags=0|1 mac=ADDRESS "
	"mtu=N mrg=on|off event-idx=on|off packed=on|off in-order=on|off offloads=on|off");
