/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Turns changes of the device into ethdev events. The control thread compares states and posts
 * events; DPDK's interrupt thread runs the application's callbacks, as it does for NICs, so a slow
 * callback delays no socket.
 */
#include "eth.h"

#include <errno.h>

#include <rte_alarm.h>

#include "vu_device_driver.h"
#include "vu_ethdev.h"

enum eth_event {
	ETH_EVENT_LINK = 1,
	ETH_EVENT_QUEUE = 2,
	ETH_EVENT_RESET = 4,
};

static void
events_report(void *arg)
{
	struct eth_port *port = arg;
	const uint32_t events = __atomic_exchange_n(&port->events, 0, __ATOMIC_ACQUIRE);

	if ((events & ETH_EVENT_RESET) != 0)
		rte_eth_dev_callback_process(port->dev, RTE_ETH_EVENT_INTR_RESET, NULL);
	if ((events & ETH_EVENT_QUEUE) != 0)
		rte_eth_dev_callback_process(port->dev, RTE_ETH_EVENT_QUEUE_STATE, NULL);
	if ((events & ETH_EVENT_LINK) != 0)
		rte_eth_dev_callback_process(port->dev, RTE_ETH_EVENT_INTR_LSC, NULL);
}

static void
events_post(struct eth_port *port, uint32_t events)
{
	/* Pairs with the acquire above: callbacks find the state that the event is about. */
	if (events == 0 || __atomic_fetch_or(&port->events, events, __ATOMIC_RELEASE) != 0)
		return;
	/* Out of memory: this event is lost, the next one is reported. */
	if (rte_eal_alarm_set(1, events_report, port) != 0)
		vu_store(&port->events, 0);
}

void
eth_events_stop(struct eth_port *port)
{
	rte_eal_alarm_cancel(events_report, port);
}

/* Threads that sleep have not asked the new rings for kicks. */
static void
wake_all(struct eth_port *port)
{
	for (uint32_t i = 1; i < 2 * port->conf.nb_pairs; i += 2)
		eth_intr_wake(&port->queues[i]);
}

void
eth_changed(void *arg)
{
	struct eth_port *port = arg;
	struct rte_eth_link link = {
		.link_speed = RTE_ETH_SPEED_NUM_10G, .link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,
	};
	const uint64_t features = vu_device_acked_features(port->device);
	bool is_link_up;
	uint32_t events = 0;

	if (eth_set_enabled(port, &is_link_up)) {
		events |= ETH_EVENT_QUEUE;
		wake_all(port);
	}
	/* Only a front-end with other features than the last one asks for a reset. */
	if (is_link_up && features != port->features) {
		if (port->features != 0)
			events |= ETH_EVENT_RESET;
		port->features = features;
	}
	if (is_link_up != port->is_link_up) {
		vu_store(&port->is_link_up, is_link_up);
		link.link_status = is_link_up ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
		rte_eth_linkstatus_set(port->dev, &link);
		events |= ETH_EVENT_LINK;
	}
	events_post(port, events);
}

int
vu_ethdev_queue_event_get(uint16_t port_id, struct vu_ethdev_queue_event *event)
{
	struct eth_port *port;

	if (!rte_eth_dev_is_valid_port(port_id) ||
			rte_eth_devices[port_id].dev_ops != &eth_primary_ops)
		return -ENODEV;
	port = rte_eth_devices[port_id].data->dev_private;
	for (uint32_t i = 0; i < 2 * port->conf.nb_pairs; i++) {
		if (__atomic_exchange_n(&port->is_changed[i], 0, __ATOMIC_ACQUIRE) == 0)
			continue;
		event->queue_id = (uint16_t)(i / 2);
		event->is_rx = i % 2 != 0;
		event->is_enabled = port->is_enabled[i];
		return 0;
	}
	return -ENOENT;
}
