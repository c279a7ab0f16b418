/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Our own back-end: a net device per front-end, whose messages a control thread handles as in
 * vu-pmd; its rings are driven by the functions that an application calls which polls itself. From
 * guest to guest a scheduler drives them, a turn of vu-pmd's loop for each burst, and the switch
 * finds the way.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <rte_errno.h>

#include "vu_backend.h"
#include "vu_device_driver.h"
#include "vu_exec.h"
#include "vu_fd.h"
#include "vu_frontend.h"
#include "vu_net.h"
#include "vu_reactor.h"
#include "vu_sched.h"

#include "subject.h"

#define VU_TURN_MS 1 /* grace periods end without an event */
#define VU_LEARN_CALLS 65536 /* seconds; the switch forgets after minutes */

struct vu_served {
	struct vu_device *dev;
	struct vu_backend_session *session;
	int front_fd; /* of the front-end, until it takes it */
};

/* All but the bursts belongs to the control thread while that runs, else to the main lcore. */
struct vu_backend {
	struct backend_conf conf;
	pthread_t thread;
	bool has_thread;
	struct vu_reactor *reactor;
	struct vu_reactor_poller *poller;
	struct vu_sched *sched;  /* guest to guest only */
	struct vu_exec_app *app; /* otherwise */
	struct vu_served served[GEN_MAX_DEVICES];
	unsigned int nb_devices;
	unsigned int nb_detaching;
	uint32_t nb_calls; /* of vu_forward(), by the lcore that calls it */
};

static void *
vu_control_main(void *arg)
{
	vu_reactor_run(((struct vu_backend *)arg)->reactor);
	return NULL;
}

/* Complete what waits for those who poll the queues. */
static uint64_t
vu_poll(void *arg)
{
	const struct vu_backend *vu = arg;
	uint64_t delay_us = vu->sched != NULL ? vu_sched_poll(vu->sched) :
		vu_exec_app_poll(vu->app);

	return delay_us == UINT64_MAX ? VU_REACTOR_POLLER_IDLE : delay_us;
}

static void
vu_session_closed(void *arg)
{
	((struct vu_served *)arg)->session = NULL;
}

static int
vu_open_device(struct vu_backend *vu, unsigned int idx)
{
	const bool is_switched = vu->conf.point->direction == BENCH_GUEST_TO_GUEST;
	struct vu_served *served = &vu->served[idx];
	struct vu_assign_conf assign = { .numa_node = -1 };
	char name[16], errmsg[256] = "";
	struct vu_device_conf conf = {
		.name = name, .nb_queues = 2 * gen_nb_pairs(vu->conf.point, idx),
		.max_queue_size = 32768, .numa_node = -1, .sched = vu->sched,
		.app = vu->app, .assign = &assign,
		.driver_args = is_switched ? "forward=switch" : "forward=null",
		.errmsg = errmsg, .errmsg_bytes = sizeof(errmsg),
	};
	struct vu_backend_conf session_conf = {
		.reactor = vu->reactor, .closed = vu_session_closed, .arg = served,
	};
	int fds[2];

	snprintf(name, sizeof(name), "bench%u", idx);
	served->dev = vu_device_create("net", &conf);
	if (served->dev == NULL)
		return -rte_errno;
	for (uint32_t i = 1; i < conf.nb_queues; i += 2) {
		const struct vu_net_frames frames = {
			.pool = vu->conf.pool, .port_id = RTE_MBUF_PORT_INVALID,
		};

		vu_net_set_frames(vu_device_queue(served->dev, i), &frames);
		vu_net_set_direct(vu_device_queue(served->dev, i),
			vu->conf.backend != BENCH_VU_MBUF);
	}
	for (uint32_t i = 0; i < conf.nb_queues && vu->app != NULL; i++)
		vu_exec_app_resume(vu_device_queue(served->dev, i));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return -errno;
	served->front_fd = fds[0];
	session_conf.fd = fds[1];
	session_conf.dev = served->dev;
	served->session = vu_backend_session_open(&session_conf);
	return served->session != NULL ? 0 : -rte_errno;
}

/* From guest to guest: the receiver, who never sends, is behind the second half of the devices. */
static void
vu_learn(const struct vu_backend *vu)
{
	unsigned int nb = vu->nb_devices / 2;

	for (unsigned int i = 0; i < nb; i++) {
		struct rte_ether_addr addresses[2];

		frame_addresses(addresses, backend_first_port(&vu->conf) + i);
		vu_net_learn(vu_device_queue(vu->served[nb + i].dev, 0), &addresses[0]);
	}
}

/* @return 0 or -errno; what is open by then stays for vu_close() */
static int
vu_open(const struct backend_conf *conf, void **backend)
{
	const bool is_switched = conf->point->direction == BENCH_GUEST_TO_GUEST;
	struct vu_backend *vu = calloc(1, sizeof(*vu));
	int rc = 0;

	if (vu == NULL)
		return -ENOMEM;
	*backend = vu;
	vu->conf = *conf;
	for (unsigned int i = 0; i < GEN_MAX_DEVICES; i++)
		vu->served[i].front_fd = VU_FD_NONE;
	vu->reactor = vu_reactor_create();
	if (is_switched)
		vu->sched = vu_sched_create(&vu->conf.lcore_id, 1);
	else
		vu->app = vu_exec_app_create();
	if (vu->reactor == NULL || (vu->sched == NULL && vu->app == NULL))
		return -rte_errno;
	vu->poller = vu_reactor_poller_add(vu->reactor, vu_poll, vu);
	if (vu->poller == NULL)
		return -rte_errno;
	while (vu->nb_devices < gen_nb_devices(conf->point) && rc == 0)
		rc = vu_open_device(vu, vu->nb_devices++);
	if (rc != 0)
		return rc;
	if (is_switched)
		vu_learn(vu);
	rc = pthread_create(&vu->thread, NULL, vu_control_main, vu);
	vu->has_thread = rc == 0;
	return -rc;
}

static void
vu_detached(void *arg)
{
	((struct vu_backend *)arg)->nb_detaching--;
}

/* Put the devices out of use, once the front-ends have left. */
static void
vu_close_devices(struct vu_backend *vu)
{
	for (unsigned int i = 0; i < vu->nb_devices; i++) {
		struct vu_served *served = &vu->served[i];

		vu_fd_close(&served->front_fd);
		if (served->session != NULL)
			vu_backend_session_close(served->session, "end of the measurement");
		while (served->session != NULL)
			vu_reactor_turn(vu->reactor, VU_TURN_MS);
		if (served->dev == NULL)
			continue;
		vu->nb_detaching++;
		vu_device_detach(served->dev, vu_detached, vu);
	}
	while (vu->nb_detaching != 0)
		vu_reactor_turn(vu->reactor, VU_TURN_MS);
	for (unsigned int i = 0; i < vu->nb_devices; i++)
		vu_device_destroy(vu->served[i].dev);
}

static void
vu_close(void *backend)
{
	struct vu_backend *vu = backend;

	if (vu->has_thread) {
		vu_reactor_stop(vu->reactor);
		pthread_join(vu->thread, NULL);
	}
	vu_close_devices(vu);
	if (vu->poller != NULL)
		vu_reactor_poller_remove(vu->poller);
	vu_sched_destroy(vu->sched);
	vu_exec_app_destroy(vu->app);
	vu_reactor_destroy(vu->reactor);
	free(vu);
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
	.open = vu_open,
	.endpoint = vu_endpoint,
	.queue = vu_queue,
	.close = vu_close,
	.from_guest = vu_from_guest,
	.to_guest = vu_to_guest,
	.forward = vu_forward,
};
