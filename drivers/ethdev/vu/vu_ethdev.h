/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Functions of net_vu ports that the ethdev API lacks.
 */
#ifndef VU_ETHDEV_H
#define VU_ETHDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

/** A queue that the front-end enabled or disabled. */
struct vu_ethdev_queue_event {
	uint16_t queue_id; /**< ethdev queue */
	bool is_rx;        /**< receive queue: the guest's transmit queue */
	bool is_enabled;   /**< current state */
};

/**
 * Get the next queue that changed. Call it after RTE_ETH_EVENT_QUEUE_STATE until there is none. A
 * queue that changed several times is reported once.
 *
 * @param port_id  ethdev port
 * @param event    filled
 * @return 0; -ENOENT no other queue changed; -ENODEV not a net_vu port of this process
 * @context any thread
 */
int vu_ethdev_queue_event_get(uint16_t port_id, struct vu_ethdev_queue_event *event);

VU_API_END

#endif /* VU_ETHDEV_H */
