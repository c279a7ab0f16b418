/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which ring takes the frames of a transmit queue. An application such as Open vSwitch sends on
 * all its queues, while a guest may use fewer: a queue whose ring is disabled sends to another one,
 * and the threads that share that ring take a lock. While every queue has a ring of its own, no
 * lock is taken.
 *
 * A shared queue is paused: its own thread, too, has to take the lock to find the ring.
 * Application or control, one at a time by the port's lock, under which nobody waits for a burst:
 * a front-end decides how long one takes.
 */
#include "eth.h"

#include "vu_device_driver.h"
#include "vu_exec.h"

static bool
ring_is_enabled(const struct eth_queue *eq)
{
	const struct vu_vring *vring = &eq->queue->vring;

	return vu_vring_is_running(vring) && vring->enabled;
}

static bool
tx_is_usable(const struct eth_port *port, uint32_t virtqueue)
{
	return port->is_enabled[virtqueue] && port->queues[virtqueue].is_started;
}

static void
queue_set_shared(struct eth_queue *eq, bool is_shared)
{
	if (is_shared && !eq->is_shared)
		vu_exec_app_share(eq->queue);
	else if (!is_shared && eq->is_shared)
		vu_exec_app_unshare(eq->queue);
	else if (!is_shared && eq->is_started)
		vu_exec_app_resume(eq->queue);
	eq->is_shared = is_shared;
}

/* Spread the queues without a ring over the rings that there are. */
static void
remap(struct eth_port *port)
{
	uint32_t usable[ETH_MAX_PAIRS], nb_usable = 0, nb_started = 0, next = 0;

	for (uint32_t i = 0; i < 2 * port->conf.nb_pairs; i += 2) {
		nb_started += port->queues[i].is_started;
		if (tx_is_usable(port, i))
			usable[nb_usable++] = i;
	}
	for (uint32_t i = 0; i < 2 * port->conf.nb_pairs; i += 2) {
		struct eth_queue *eq = &port->queues[i], *to = NULL;
		const bool is_mapped = nb_usable != 0 && nb_usable != nb_started && eq->is_started;

		if (is_mapped)
			to = tx_is_usable(port, i) ? eq :
				&port->queues[usable[next++ % nb_usable]];
		queue_set_shared(eq, to == eq);
		vu_store_release(&eq->to, to); /* pairs with the acquire in eth_burst.c */
	}
}

static bool
queue_is_tx(const struct eth_queue *eq)
{
	return (eq - eq->port->queues) % 2 == 0;
}

void
eth_queue_start(struct eth_queue *eq)
{
	pthread_mutex_lock(&eq->port->remap_lock);
	eq->is_started = true;
	if (queue_is_tx(eq))
		remap(eq->port);
	else
		vu_exec_app_resume(eq->queue);
	pthread_mutex_unlock(&eq->port->remap_lock);
}

void
eth_queue_stop(struct eth_queue *eq)
{
	pthread_mutex_lock(&eq->port->remap_lock);
	eq->is_started = false;
	if (queue_is_tx(eq))
		remap(eq->port);
	pthread_mutex_unlock(&eq->port->remap_lock);
	/* Nobody shares or resumes a queue that is not started. */
	vu_exec_app_pause(eq->queue);
}

bool
eth_set_enabled(struct eth_port *port, bool *is_any)
{
	bool has_changed = false;

	*is_any = false;
	pthread_mutex_lock(&port->remap_lock);
	for (uint32_t i = 0; i < 2 * port->conf.nb_pairs; i++) {
		const bool is_enabled = ring_is_enabled(&port->queues[i]);

		*is_any |= is_enabled;
		if (is_enabled == port->is_enabled[i])
			continue;
		port->is_enabled[i] = is_enabled;
		vu_store(&port->is_changed[i], 1);
		has_changed = true;
	}
	if (has_changed)
		remap(port);
	pthread_mutex_unlock(&port->remap_lock);
	return has_changed;
}
