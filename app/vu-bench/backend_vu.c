/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Our own back-end: a net device per front-end, served by the control thread of applications that
 * poll queues themselves; its rings are driven by the functions that such applications call. From
 * guest to guest a scheduler drives them, a turn of vu-pmd's loop for each burst, and the switch
 * finds the way.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>

#include <rte_errno.h>

#include "vu_control.h"
#include "vu_device_driver.h"
#include "vu_endpoint.h"
#include "vu_exec.h"
#include "vu_fd.h"
#include "vu_frontend.h"
#include "vu_limits.h"
#include "vu_net.h"
#include "vu_reactor.h"
#include "vu_sched.h"
#include "vu_sched_account.h"

#include "subject.h"

#define VU_LEARN_CALLS 65536 /* seconds; the switch forgets after minutes */

struct vu_served {
	struct vu_device *dev;
	struct vu_endpoint *endpoint;
	int front_fd; /* of the front-end, until it takes it */
};

/* All but the bursts belongs to the control thread. */
struct vu_backend {
	const struct backend_conf *conf; /* NULL: no control thread */
	int rc;                  /* of vu_open_devices() */
	struct vu_sched *sched;  /* guest to guest only */
	struct vu_reactor_poller *poller;
	struct vu_served served[GEN_MAX_DEVICES];
	unsigned int nb_devices;
	sem_t closed;      /* counts endpoints */
	uint32_t nb_calls; /* of vu_forward(), by the lcore that calls it */
};

static uint64_t
vu_poll_sched(void *sched)
{
	uint64_t delay_us = vu_sched_poll(sched);

	return delay_us == UINT64_MAX ? VU_REACTOR_POLLER_IDLE : delay_us;
}

static void
vu_endpoint_closed(void *closed)
{
	sem_post(closed);
}

static int
vu_open_device(struct vu_backend *vu, unsigned int idx)
{
	struct vu_served *served = &vu->served[idx];
	struct vu_assign_conf assign = { .numa_node = -1 };
	char name[16];
	const struct vu_device_conf conf = {
		.name = name, .nb_queues = 2 * gen_nb_pairs(vu->conf->point, idx),
		.max_queue_size = VU_MAX_QUEUE_SIZE, .numa_node = -1,
		.sched = vu->sched, .assign = &assign,
		.app = vu->sched == NULL ? vu_control_exec() : NULL,
		.driver_args = "forward=switch", /* with a scheduler */
	};
	const struct vu_net_frames frames = {
		.pool = vu->conf->pool, .port_id = RTE_MBUF_PORT_INVALID,
	};
	struct vu_endpoint_conf endpoint_conf = {
		.reactor = vu_control_reactor(), .kind = VU_ENDPOINT_FD,
		.closed = vu_endpoint_closed, .arg = &vu->closed,
	};
	int fds[2];

	served->front_fd = VU_FD_NONE;
	snprintf(name, sizeof(name), "bench%u", idx);
	served->dev = vu_device_create("net", &conf);
	if (served->dev == NULL)
		return -rte_errno;
	for (uint32_t i = 0; i < conf.nb_queues; i++) {
		struct vu_device_queue *queue = vu_device_queue(served->dev, i);

		if (i % 2 != 0) {
			vu_net_set_frames(queue, &frames);
			vu_net_set_direct(queue, vu->conf->backend != BENCH_VU_MBUF);
		}
		if (vu->sched == NULL)
			vu_exec_app_resume(queue);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return -errno;
	served->front_fd = fds[0];
	endpoint_conf.fd = fds[1];
	served->endpoint = vu_endpoint_create(&endpoint_conf);
	if (served->endpoint != NULL &&
			vu_endpoint_open(served->endpoint, served->dev, true) == 0)
		return 0;
	vu_endpoint_destroy(served->endpoint);
	served->endpoint = NULL;
	return -rte_errno;
}

/* From guest to guest: the receiver, who never sends, is behind the second half of the devices. */
static void
vu_learn(const struct vu_backend *vu)
{
	unsigned int nb = vu->nb_devices / 2;

	for (unsigned int i = 0; i < nb; i++) {
		struct rte_ether_addr addresses[2];

		frame_addresses(addresses, backend_first_port(vu->conf) + i);
		vu_net_learn(vu_device_queue(vu->served[nb + i].dev, 0), &addresses[0]);
	}
}

static void
vu_open_devices(void *arg)
{
	struct vu_backend *vu = arg;
	const bool is_switched = vu->conf->point->direction == BENCH_GUEST_TO_GUEST;

	if (is_switched) {
		vu->sched = vu_sched_create(&vu->conf->lcore_id, 1);
		if (vu->sched != NULL)
			vu->poller = vu_reactor_poller_add(vu_control_reactor(), vu_poll_sched,
				vu->sched);
		if (vu->poller == NULL)
			vu->rc = -rte_errno;
	}
	/* The generator has its share of the thread, too: nobody waits for his. */
	if (vu->poller != NULL)
		vu_sched_set_fair(vu->sched, false);
	while (vu->nb_devices < gen_nb_devices(vu->conf->point) && vu->rc == 0)
		vu->rc = vu_open_device(vu, vu->nb_devices++);
	if (vu->rc == 0 && is_switched)
		vu_learn(vu);
}

static int
vu_open(void *backend, const struct backend_conf *conf)
{
	struct vu_backend *vu = backend;
	int rc = vu_control_acquire();

	if (rc != 0)
		return rc;
	vu->conf = conf;
	sem_init(&vu->closed, 0, 0);
	vu_control_call(vu_open_devices, vu);
	return vu->rc;
}

static void
vu_destroy_devices(void *arg)
{
	struct vu_backend *vu = arg;

	for (unsigned int i = 0; i < vu->nb_devices; i++) {
		vu_endpoint_destroy(vu->served[i].endpoint);
		vu_device_destroy(vu->served[i].dev);
	}
	vu_reactor_poller_remove(vu->poller);
	vu_sched_destroy(vu->sched);
}

/* An endpoint closes when its front-end leaves. */
static void
vu_close(void *backend)
{
	struct vu_backend *vu = backend;

	if (vu->conf == NULL)
		return;
	for (unsigned int i = 0; i < vu->nb_devices; i++) {
		vu_fd_close(&vu->served[i].front_fd);
		if (vu->served[i].endpoint != NULL)
			sem_wait(&vu->closed);
	}
	vu_control_call(vu_destroy_devices, vu);
	vu_control_release();
	sem_destroy(&vu->closed);
}

static int
vu_endpoint(void *backend, unsigned int device_idx, struct vu_frontend_conf *conf)
{
	struct vu_backend *vu = backend;

	conf->mode = VU_FRONTEND_FD;
	conf->fd = vu_fd_take(&vu->served[device_idx].front_fd);
	return 0;
}

static void *
vu_queue(void *backend, struct gen_queue *gq)
{
	struct vu_backend *vu = backend;

	return vu_device_queue(vu->served[gq->device_idx].dev, gq->queue_idx);
}

static uint16_t
vu_from_guest(void *queue, struct rte_mbuf **frames, uint16_t nb)
{
	return vu_net_from_guest_burst(queue, frames, nb);
}

static uint16_t
vu_to_guest(void *queue, struct rte_mbuf **frames, uint16_t nb)
{
	return vu_net_to_guest_burst(queue, frames, nb);
}

/* One turn takes at most a burst of the device from each queue. */
static uint32_t
vu_forward(void *backend, void *from, void *to, uint16_t nb)
{
	struct vu_backend *vu = backend;
	uint32_t nb_moved = 0;
	int nb_now;

	(void)from;
	(void)to;
	if (++vu->nb_calls % VU_LEARN_CALLS == 0)
		vu_learn(vu);
	do {
		nb_now = vu_sched_turn(vu->sched, 0);
		nb_moved += (uint32_t)RTE_MAX(nb_now, 0);
	} while (nb_now > 0 && nb_moved < nb);
	return nb_moved;
}

const struct backend_ops backend_vu = {
	.bytes = sizeof(struct vu_backend),
	.open = vu_open,
	.endpoint = vu_endpoint,
	.queue = vu_queue,
	.close = vu_close,
	.from_guest = vu_from_guest,
	.to_guest = vu_to_guest,
	.forward = vu_forward,
};
