/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sleep until a guest sends: receive interrupts, and the address of a word to monitor. A guest can
 * close, replace and misuse its kick eventfd, and take away the memory of its ring. So applications
 * wait for an eventfd and a word of the driver, and the control thread forwards kicks to them.
 */
#include "eth.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <rte_interrupts.h>

#include "vu_atomic.h"
#include "vu_control.h"
#include "vu_fd.h"
#include "vu_net.h"
#include "vu_reactor.h"

void
eth_intr_wake(struct eth_queue *eq)
{
	const uint64_t one = 1;

	__atomic_fetch_add(&eq->wake_word, 1, __ATOMIC_RELEASE);
	/* EAGAIN: the eventfd is readable already. */
	if (vu_load(&eq->is_armed) != 0 && write(eq->intr_fd, &one, sizeof(one)) < 0)
		return;
}

/* A kick. Nobody reads the eventfd: each write to it is an edge. */
static void
kick_ready(void *arg, uint32_t epoll_events)
{
	(void)epoll_events;
	eth_intr_wake(arg);
}

/* Only while a thread may sleep: a guest may kick all the time. Control. */
static void
kick_set_interest(struct eth_queue *eq)
{
	vu_reactor_fd_remove(eq->kick_source);
	eq->kick_source = NULL;
	if (vu_load(&eq->port->has_kicks) != 0 && eq->kick_fd != VU_FD_NONE)
		eq->kick_source = vu_reactor_fd_add(vu_control_reactor(), eq->kick_fd,
			EPOLLIN | EPOLLET, kick_ready, eq);
}

void
eth_kick_changed(void *arg, uint32_t queue_idx, int kick_fd)
{
	struct eth_port *port = arg;
	struct eth_queue *eq = &port->queues[queue_idx];

	if (queue_idx % 2 == 0)
		return;
	eq->kick_fd = kick_fd;
	kick_set_interest(eq);
}

/* Control. */
static void
kicks_begin(void *arg)
{
	struct eth_port *port = arg;

	vu_store(&port->has_kicks, 1);
	for (uint32_t i = 1; i < 2 * port->conf.nb_pairs; i += 2)
		kick_set_interest(&port->queues[i]);
}

/* One vector per receive queue, with an eventfd of the driver. */
static int
intr_fill(struct rte_intr_handle *handle, const struct rte_eth_dev *dev)
{
	const uint16_t nb = dev->data->nb_rx_queues;
	int rc = rte_intr_vec_list_alloc(handle, NULL, nb);

	for (uint16_t i = 0; i < nb && rc == 0; i++) {
		struct eth_queue *eq = eth_rx_queue(dev, i);

		if (eq->intr_fd == VU_FD_NONE)
			eq->intr_fd = vu_fd_eventfd();
		if (eq->intr_fd == VU_FD_NONE ||
				rte_intr_vec_list_index_set(handle, i,
					RTE_INTR_VEC_RXTX_OFFSET + i) != 0 ||
				rte_intr_efds_index_set(handle, i, eq->intr_fd) != 0)
			rc = -ENOMEM;
	}
	if (rc == 0 && (rte_intr_nb_efd_set(handle, nb) != 0 ||
			rte_intr_max_intr_set(handle, nb + 1) != 0 ||
			rte_intr_efd_counter_size_set(handle, sizeof(uint64_t)) != 0 ||
			rte_intr_type_set(handle, RTE_INTR_HANDLE_VDEV) != 0))
		rc = -ENOMEM;
	return rc;
}

static void
intr_handle_free(struct rte_eth_dev *dev)
{
	if (dev->intr_handle == NULL)
		return;
	rte_intr_vec_list_free(dev->intr_handle);
	rte_intr_instance_free(dev->intr_handle);
	dev->intr_handle = NULL;
}

int
eth_intr_start(struct rte_eth_dev *dev)
{
	int rc;

	/* A new configuration may have another number of queues, or no interrupts. */
	if (dev->intr_handle != NULL && dev->data->dev_conf.intr_conf.rxq != 0 &&
			rte_intr_nb_efd_get(dev->intr_handle) == dev->data->nb_rx_queues)
		return 0;
	intr_handle_free(dev);
	if (dev->data->dev_conf.intr_conf.rxq == 0)
		return 0;
	vu_control_call(kicks_begin, dev->data->dev_private);
	dev->intr_handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	rc = dev->intr_handle != NULL ? intr_fill(dev->intr_handle, dev) : -ENOMEM;
	if (rc != 0)
		eth_intr_fini(dev);
	return rc;
}

void
eth_intr_fini(struct rte_eth_dev *dev)
{
	const struct eth_port *port = dev->data->dev_private;

	intr_handle_free(dev);
	for (uint32_t i = 0; i < 2 * port->conf.nb_pairs; i++)
		vu_fd_close(&port->queues[i].intr_fd);
}

int
eth_rx_intr_enable(struct rte_eth_dev *dev, uint16_t queue_id)
{
	struct eth_queue *eq = eth_rx_queue(dev, queue_id);
	int rc;

	if (eq->intr_fd == VU_FD_NONE)
		return -ENOTSUP;
	vu_store_release(&eq->is_armed, 1);
	rc = vu_net_set_kicks(eq->queue, true);
	if (rc > 0)
		eth_intr_wake(eq);
	return RTE_MIN(rc, 0);
}

int
eth_rx_intr_disable(struct rte_eth_dev *dev, uint16_t queue_id)
{
	struct eth_queue *eq = eth_rx_queue(dev, queue_id);

	vu_store(&eq->is_armed, 0);
	return vu_net_set_kicks(eq->queue, false);
}

/* -1: do not sleep, a kick changed the word since it was read. */
static int
monitor_compare(const uint64_t value, const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ])
{
	return value == opaque[0] ? 0 : -1;
}

int
eth_monitor_addr_get(void *rxq, struct rte_power_monitor_cond *condition)
{
	struct eth_queue *eq = rxq;
	uint64_t word;
	int rc;

	/* Only the first call for a port. */
	if (vu_load(&eq->port->has_kicks) == 0)
		vu_control_call(kicks_begin, eq->port);
	word = vu_load_acquire(&eq->wake_word);
	rc = vu_net_set_kicks(eq->queue, true);
	if (rc < 0)
		return rc;
	__atomic_fetch_or(&eq->work, ETH_WORK_MONITOR, __ATOMIC_RELAXED);
	condition->addr = &eq->wake_word;
	condition->size = sizeof(eq->wake_word);
	condition->fn = monitor_compare;
	/* Frames wait already: expect an old value, and do not sleep. */
	condition->opaque[0] = rc == 0 ? word : word - 1;
	return 0;
}

void
eth_monitor_end(struct eth_queue *eq)
{
	__atomic_fetch_and(&eq->work, ~(uint32_t)ETH_WORK_MONITOR, __ATOMIC_RELAXED);
	vu_net_set_kicks(eq->queue, false);
}
