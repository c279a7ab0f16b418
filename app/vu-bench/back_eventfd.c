/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A back half that sleeps, for the latency that polling saves: our own rings, but a thread waits in
 * epoll for a kick eventfd, empties the queue, and writes a call eventfd, as back-ends do that are
 * driven by events. The descriptors are its own: those of the rings are not used.
 */
#include "back.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <rte_errno.h>

#include "vu_fd.h"

struct event_queue {
	void *queue;  /* of back_vu */
	int kick_fd;
	int call_fd;
	int epoll_fd;
};

struct back_event {
	void *vu;
	uint32_t nb_queues;
	struct event_queue queues[]; /* two per pair */
};

static int
event_queue_init(struct event_queue *queue)
{
	struct epoll_event event = { .events = EPOLLIN };

	queue->kick_fd = vu_fd_eventfd();
	queue->call_fd = vu_fd_eventfd();
	queue->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (queue->kick_fd < 0 || queue->call_fd < 0 || queue->epoll_fd < 0)
		return -EMFILE;
	return epoll_ctl(queue->epoll_fd, EPOLL_CTL_ADD, queue->kick_fd, &event) == 0 ? 0 : -errno;
}

static void
event_close(void *back)
{
	struct back_event *event = back;

	if (event->vu != NULL)
		back_vu.close(event->vu);
	for (uint32_t i = 0; i < event->nb_queues; i++) {
		vu_fd_close(&event->queues[i].kick_fd);
		vu_fd_close(&event->queues[i].call_fd);
		vu_fd_close(&event->queues[i].epoll_fd);
	}
	free(event);
}

static void *
event_open(const struct back_conf *conf)
{
	uint32_t nb_queues = 2 * conf->point->nb_pairs;
	struct back_event *event = calloc(1, sizeof(*event) + nb_queues * sizeof(*event->queues));
	int rc = 0;

	if (event == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	for (; event->nb_queues < nb_queues && rc == 0; event->nb_queues++)
		rc = event_queue_init(&event->queues[event->nb_queues]);
	if (rc == 0) {
		event->vu = back_vu.open(conf);
		rc = event->vu != NULL ? 0 : -rte_errno;
	}
	if (rc == 0)
		return event;
	event_close(event);
	rte_errno = -rc;
	return NULL;
}

static int
event_endpoint(void *back, unsigned int device_idx, struct vu_frontend_conf *conf)
{
	return back_vu.endpoint(((struct back_event *)back)->vu, device_idx, conf);
}

static int
event_ready(void *back)
{
	return back_vu.ready(((struct back_event *)back)->vu);
}

static void *
event_queue(void *back, struct front_queue *fq)
{
	struct back_event *event = back;
	struct event_queue *queue = &event->queues[fq->idx];

	queue->queue = back_vu.queue(event->vu, fq);
	return queue;
}

static uint16_t
event_from_guest(void *handle, struct rte_mbuf **frames, uint16_t nb)
{
	return back_vu.from_guest(((struct event_queue *)handle)->queue, frames, nb);
}

static uint16_t
event_to_guest(void *handle, struct rte_mbuf **frames, uint16_t nb)
{
	return back_vu.to_guest(((struct event_queue *)handle)->queue, frames, nb);
}

static void
event_kick(void *handle)
{
	vu_fd_signal(((struct event_queue *)handle)->kick_fd);
}

static void
event_wait(void *handle)
{
	struct event_queue *queue = handle;
	struct epoll_event event;
	eventfd_t count;

	if (epoll_wait(queue->epoll_fd, &event, 1, -1) == 1)
		eventfd_read(queue->kick_fd, &count);
}

static void
event_signal(void *handle)
{
	vu_fd_signal(((struct event_queue *)handle)->call_fd);
}

const struct back_ops back_eventfd = {
	.open = event_open,
	.endpoint = event_endpoint,
	.ready = event_ready,
	.queue = event_queue,
	.close = event_close,
	.from_guest = event_from_guest,
	.to_guest = event_to_guest,
	.kick = event_kick,
	.wait = event_wait,
	.signal = event_signal,
};
