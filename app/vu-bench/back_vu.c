/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Our own back half: a net device per front-end, whose messages a control thread handles as in
 * vu-pmd; its rings are driven by the functions that an application calls which polls itself. From
 * guest to guest the scheduler drives them, a turn of vu-pmd's loop for each burst, and the switch
 * finds the way; otherwise it is there because a device needs one and never runs.
 */
#include "back.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_errno.h>

#include "vu_backend.h"
#include "vu_device_driver.h"
#include "vu_fd.h"
#include "vu_frontend.h"
#include "vu_net.h"
#include "vu_reactor.h"
#include "vu_sched.h"

#define VU_READY_MS 5000
#define VU_LEARN_CALLS 65536 /* seconds; the switch forgets after minutes */

struct vu_side_device {
	struct vu_device *dev;
	struct vu_backend_session *session;
	int front_fd; /* of the front-end, until it takes it */
};

struct back_vu {
	struct back_conf conf;
	pthread_t thread;
	bool has_thread;
	struct vu_reactor *reactor;
	struct vu_reactor_poller *poller;
	struct vu_sched *sched;
	struct vu_side_device devices[FRONT_MAX_DEVICES];
	unsigned int nb_devices;
	bool is_direct;      /* from guest to guest without mbufs */
	uint32_t nb_calls;   /* lcore that calls: of vu_forward() */
	int rc;              /* of the call on the control thread */
	unsigned int nb_open;
	bool is_ready;
};

static void *
vu_control_main(void *arg)
{
	struct back_vu *vu = arg;

	vu_reactor_run(vu->reactor);
	return NULL;
}

static uint64_t
vu_poll_sched(void *arg)
{
	struct back_vu *vu = arg;
	uint64_t delay_us = vu_sched_poll(vu->sched);

	return delay_us == UINT64_MAX ? VU_REACTOR_POLLER_IDLE : delay_us;
}

static void
vu_session_closed(void *arg)
{
	struct vu_side_device *side = arg;

	side->session = NULL;
}

static int
vu_open_device(struct back_vu *vu, unsigned int idx)
{
	struct vu_side_device *side = &vu->devices[idx];
	struct vu_assign_conf assign = { .numa_node = -1 };
	char name[16], why[256] = "";
	struct vu_device_conf dev_conf = {
		.name = name, .nb_queues = 2 * front_nb_pairs(vu->conf.point, idx),
		.max_queue_size = 32768, .numa_node = -1, .sched = vu->sched, .assign = &assign,
		.driver_args = vu->conf.point->direction == BENCH_GUEST_TO_GUEST ?
			"forward=switch" : "forward=null",
		.why = why, .why_bytes = sizeof(why),
	};
	struct vu_backend_conf session_conf = {
		.reactor = vu->reactor, .closed = vu_session_closed, .arg = side,
	};
	int fds[2];

	snprintf(name, sizeof(name), "bench%u", idx);
	side->dev = vu_device_create("net", &dev_conf);
	if (side->dev == NULL)
		return -rte_errno;
	for (uint32_t i = 1; i < dev_conf.nb_queues; i += 2) {
		vu_net_set_pool(vu_device_queue(side->dev, i), vu->conf.pool);
		vu_net_set_direct(vu_device_queue(side->dev, i), vu->is_direct);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return -errno;
	side->front_fd = fds[0];
	session_conf.fd = fds[1];
	session_conf.dev = side->dev;
	side->session = vu_backend_session_open(&session_conf);
	return side->session != NULL ? 0 : -rte_errno;
}

/* From guest to guest: the receiver, who never sends, is behind the second half of the devices. */
static void
vu_learn(const struct back_vu *vu)
{
	unsigned int nb = vu->nb_devices / 2;

	for (unsigned int i = 0; i < nb; i++) {
		uint8_t addresses[FRAME_ADDRESSES_BYTES];
		struct rte_ether_addr mac;

		frame_addresses(addresses, vu->conf.first_port + i);
		memcpy(&mac, addresses, sizeof(mac));
		vu_net_learn(vu_device_queue(vu->devices[nb + i].dev, 0), &mac);
	}
}

/* Control thread. */
static void
vu_open_devices(void *arg)
{
	struct back_vu *vu = arg;

	vu->nb_devices = front_nb_devices(vu->conf.point);
	vu->sched = vu_sched_create(&vu->conf.lcore_id, 1);
	vu->rc = vu->sched != NULL ? 0 : -rte_errno;
	if (vu->rc == 0) {
		vu->poller = vu_reactor_poller_add(vu->reactor, vu_poll_sched, vu);
		vu->rc = vu->poller != NULL ? 0 : -rte_errno;
	}
	for (unsigned int i = 0; i < vu->nb_devices && vu->rc == 0; i++)
		vu->rc = vu_open_device(vu, i);
	if (vu->rc == 0 && vu->conf.point->direction == BENCH_GUEST_TO_GUEST)
		vu_learn(vu);
}

/* Control thread: are the sessions gone? */
static void
vu_count_open(void *arg)
{
	struct back_vu *vu = arg;

	vu->nb_open = 0;
	for (unsigned int i = 0; i < vu->nb_devices; i++)
		vu->nb_open += vu->devices[i].session != NULL;
}

/* Control thread: end what the front-ends' leaving has not ended. */
static void
vu_close_sessions(void *arg)
{
	struct back_vu *vu = arg;

	for (unsigned int i = 0; i < vu->nb_devices; i++) {
		vu_fd_close(&vu->devices[i].front_fd);
		if (vu->devices[i].session != NULL)
			vu_backend_session_close(vu->devices[i].session, "end of the measurement");
	}
}

static void
vu_detached(void *arg)
{
	struct back_vu *vu = arg;

	vu->nb_open--;
}

/* Control thread. */
static void
vu_detach_devices(void *arg)
{
	struct back_vu *vu = arg;

	vu->nb_open = 0;
	for (unsigned int i = 0; i < vu->nb_devices; i++) {
		if (vu->devices[i].dev == NULL)
			continue;
		vu->nb_open++;
		vu_device_detach(vu->devices[i].dev, vu_detached, vu);
	}
}

static void
vu_nothing(void *arg)
{
	(void)arg;
}

static void
vu_wait_none_open(struct back_vu *vu, vu_reactor_call_fn look)
{
	for (;;) {
		vu_reactor_call_sync(vu->reactor, look, vu);
		if (vu->nb_open == 0)
			return;
		usleep(1000);
	}
}

static void
vu_stop(struct back_vu *vu)
{
	vu_reactor_call_sync(vu->reactor, vu_close_sessions, vu);
	vu_wait_none_open(vu, vu_count_open);
	vu_reactor_call_sync(vu->reactor, vu_detach_devices, vu);
	vu_wait_none_open(vu, vu_nothing);
	vu_reactor_stop(vu->reactor);
	pthread_join(vu->thread, NULL);
	/* From here this thread is the control thread. */
	for (unsigned int i = 0; i < vu->nb_devices; i++)
		vu_device_destroy(vu->devices[i].dev);
	vu_reactor_poller_remove(vu->poller);
	vu_sched_destroy(vu->sched);
}

static void
vu_close(void *back)
{
	struct back_vu *vu = back;

	if (vu->has_thread)
		vu_stop(vu);
	vu_reactor_destroy(vu->reactor);
	free(vu);
}

static int
vu_start(struct back_vu *vu)
{
	int rc;

	vu->reactor = vu_reactor_create();
	if (vu->reactor == NULL)
		return -rte_errno;
	rc = pthread_create(&vu->thread, NULL, vu_control_main, vu);
	if (rc != 0)
		return -rc;
	vu->has_thread = true;
	vu_reactor_call_sync(vu->reactor, vu_open_devices, vu);
	return vu->rc;
}

static void *
vu_open_way(const struct back_conf *conf, bool is_direct)
{
	struct back_vu *vu = calloc(1, sizeof(*vu));
	int rc;

	if (vu == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	vu->conf = *conf;
	vu->is_direct = is_direct;
	for (unsigned int i = 0; i < FRONT_MAX_DEVICES; i++)
		vu->devices[i].front_fd = VU_FD_NONE;
	rc = vu_start(vu);
	if (rc == 0)
		return vu;
	vu_close(vu);
	rte_errno = -rc;
	return NULL;
}

static void *
vu_open(const struct back_conf *conf)
{
	return vu_open_way(conf, true);
}

static void *
vu_open_mbuf(const struct back_conf *conf)
{
	return vu_open_way(conf, false);
}

static int
vu_endpoint(void *back, unsigned int device_idx, struct vu_frontend_conf *conf)
{
	struct back_vu *vu = back;

	conf->mode = VU_FRONTEND_FD;
	conf->fd = vu_fd_take(&vu->devices[device_idx].front_fd);
	return 0;
}

/* Control thread: does every queue have its ring? */
static void
vu_look_ready(void *arg)
{
	struct back_vu *vu = arg;
	struct vu_device_queue_stats stats;

	vu->is_ready = true;
	for (unsigned int i = 0; i < vu->nb_devices; i++) {
		for (uint32_t q = 0; q < 2 * front_nb_pairs(vu->conf.point, i); q++) {
			vu_device_queue_stats_get(vu->devices[i].dev, q, &stats);
			vu->is_ready &= stats.is_started && stats.is_enabled;
		}
	}
}

static int
vu_ready(void *back)
{
	struct back_vu *vu = back;

	for (unsigned int ms = 0; ms < VU_READY_MS; ms++) {
		vu_reactor_call_sync(vu->reactor, vu_look_ready, vu);
		if (vu->is_ready)
			return 0;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

static void *
vu_queue(void *back, struct front_queue *fq)
{
	struct back_vu *vu = back;

	return vu_device_queue(vu->devices[fq->device_idx].dev, fq->queue_idx);
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
vu_forward(void *back, void *from, void *to, uint16_t nb)
{
	struct back_vu *vu = back;
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

const struct back_ops back_vu = {
	.open = vu_open,
	.endpoint = vu_endpoint,
	.ready = vu_ready,
	.queue = vu_queue,
	.close = vu_close,
	.from_guest = vu_from_guest,
	.to_guest = vu_to_guest,
	.forward = vu_forward,
};

const struct back_ops back_vu_mbuf = {
	.open = vu_open_mbuf,
	.endpoint = vu_endpoint,
	.ready = vu_ready,
	.queue = vu_queue,
	.close = vu_close,
	.from_guest = vu_from_guest,
	.to_guest = vu_to_guest,
	.forward = vu_forward,
};
