/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Queues: their memory, their set-up in the back-end, and the data functions of their owners.
 * Every start is a restart: whatever the last back-end left undone becomes available again.
 */
#include "frontend.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_errno.h>

#include "vu_atomic.h"
#include "vu_fd.h"

static uint64_t
ring_bytes(const struct vu_frontend *fe)
{
	struct vu_guest_layout layout;

	vu_vring_guest_layout(fe->conf.queue_size, &layout);
	return layout.bytes;
}

/* In-band kick: the message that the owner of the queue asked for. */
static void
queue_kick_call(void *arg)
{
	struct frontend_queue *queue = arg;
	struct vu_frontend *fe = queue->fe;

	if (fe->is_up)
		frontend_result(fe, FRONTEND_OP(fe, kick, queue->idx));
}

static int
queue_init(struct vu_frontend *fe, uint32_t idx)
{
	struct frontend_queue *queue = &fe->queues[idx];

	queue->fe = fe;
	queue->idx = idx;
	vu_reactor_call_init(&queue->kick, queue_kick_call, queue);
	queue->call_fd = VU_FD_NONE;
	queue->kick_fd = vu_fd_eventfd();
	if (queue->kick_fd < 0)
		return queue->kick_fd;
	/* Polled queues have one too: not every back-end bears a ring without it. */
	queue->call_fd = vu_fd_eventfd();
	return queue->call_fd < 0 ? queue->call_fd : 0;
}

int
frontend_queues_create(struct vu_frontend *fe)
{
	fe->queues = calloc(fe->conf.nb_queues, sizeof(*fe->queues));
	if (fe->queues == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < fe->conf.nb_queues; i++)
		fe->queues[i].kick_fd = fe->queues[i].call_fd = VU_FD_NONE;
	for (uint32_t i = 0; i < fe->conf.nb_queues; i++) {
		int rc = queue_init(fe, i);

		if (rc != 0)
			return rc;
	}
	fe->ring_memory = vu_frontend_mem_alloc(fe, fe->conf.nb_queues * ring_bytes(fe), 0);
	return fe->ring_memory != NULL ? 0 : -rte_errno;
}

void
frontend_queues_destroy(struct vu_frontend *fe)
{
	for (uint32_t i = 0; fe->queues != NULL && i < fe->conf.nb_queues; i++) {
		struct frontend_queue *queue = &fe->queues[i];

		if (queue->fe != NULL)
			vu_reactor_call_cancel(fe->reactor, &queue->kick);
		vu_vring_guest_destroy(queue->ring);
		vu_fd_close(&queue->kick_fd);
		vu_fd_close(&queue->call_fd);
	}
	free(fe->queues);
}

static struct vu_vring_guest *
ring_create(struct vu_frontend *fe, uint32_t idx)
{
	const struct vu_vring_guest_conf conf = {
		.memory = fe->ring_memory + idx * ring_bytes(fe),
		.size = fe->conf.queue_size,
		.features = fe->features,
		.numa_node = fe->conf.numa_node,
	};
	struct vu_vring_guest *ring = vu_vring_guest_create(&conf);

	if (ring != NULL && !fe->conf.has_calls)
		vu_vring_guest_disarm(ring);
	return ring;
}

int
frontend_rings_create(struct vu_frontend *fe)
{
	for (uint32_t i = 0; i < fe->conf.nb_queues; i++) {
		if (fe->queues[i].ring == NULL)
			fe->queues[i].ring = ring_create(fe, i);
		if (fe->queues[i].ring == NULL)
			return -rte_errno;
	}
	return 0;
}

/* The kick fd comes last: with it the ring runs. */
static int
queue_start(struct vu_frontend *fe, struct frontend_queue *queue)
{
	struct vu_vring_guest *ring = queue->ring;
	const struct vu_frontend_ring_addr addr = {
		.desc = (uintptr_t)ring->desc,
		.avail = (uintptr_t)ring->avail,
		.used = (uintptr_t)ring->used,
	};
	uint32_t base = vu_vring_guest_restart(ring);
	int rc = FRONTEND_OP(fe, set_vring_num, queue->idx, ring->size);

	if (rc == 0)
		rc = FRONTEND_OP(fe, set_vring_base, queue->idx, base);
	if (rc == 0)
		rc = FRONTEND_OP(fe, set_vring_addr, queue->idx, &addr);
	/* In-band, fds would take precedence over messages. */
	if (rc == 0 && !fe->is_inband)
		rc = FRONTEND_OP(fe, set_vring_call, queue->idx, queue->call_fd);
	if (rc == 0 && !fe->is_inband)
		rc = FRONTEND_OP(fe, set_vring_kick, queue->idx, queue->kick_fd);
	return rc;
}

static int
queue_enable(struct vu_frontend *fe, uint32_t idx, bool is_enabled)
{
	int rc = FRONTEND_OP(fe, set_vring_enable, idx, is_enabled);

	/* Without that request rings are enabled from the start. */
	return rc == -EOPNOTSUPP && is_enabled ? 0 : rc;
}

static int
driver_ok(struct vu_frontend *fe)
{
	int rc = FRONTEND_OP(fe, set_status, STATUS_ACKNOWLEDGE | STATUS_DRIVER |
			STATUS_FEATURES_OK | STATUS_DRIVER_OK);

	if (rc == 0 || rc == -EOPNOTSUPP)
		rc = FRONTEND_OP(fe, barrier);
	return rc == -EOPNOTSUPP ? 0 : rc;
}

int
frontend_queues_start(struct vu_frontend *fe)
{
	int rc = 0;

	for (uint32_t i = 0; i < fe->nb_started && rc == 0; i++)
		rc = queue_start(fe, &fe->queues[i]);
	for (uint32_t i = 0; i < fe->nb_started && rc == 0; i++)
		rc = queue_enable(fe, i, true);
	if (rc == 0)
		rc = driver_ok(fe);
	/* Back-ends of the older rule start at the first kick; all find what is in the ring. */
	for (uint32_t i = 0; i < fe->nb_started && rc == 0; i++)
		rc = fe->is_inband ? FRONTEND_OP(fe, kick, i) :
			vu_fd_signal(fe->queues[i].kick_fd);
	return rc == -EAGAIN ? 0 : rc;
}

int
vu_frontend_start(struct vu_frontend *fe, uint32_t nb_queues)
{
	int rc;

	if (fe->is_started)
		return -EALREADY;
	if (nb_queues > fe->conf.nb_queues)
		return -EINVAL;
	fe->is_started = true;
	fe->nb_started = nb_queues != 0 ? nb_queues : fe->conf.nb_queues;
	if (!fe->is_connected)
		return 0;
	rc = frontend_queues_start(fe);
	/* Refused: undo what was set up. With a lost connection the next one brings the start. */
	if (rc != 0 && fe->ops->error(fe) == 0)
		vu_frontend_stop(fe);
	return frontend_result(fe, rc);
}

static int
queue_stop(struct vu_frontend *fe, uint32_t idx)
{
	uint32_t base;
	int rc = FRONTEND_OP(fe, set_vring_enable, idx, false);

	if (rc != 0 && rc != -EOPNOTSUPP)
		return rc;
	/* What was not used is known here; the answer only confirms the stop of the back-end. */
	return FRONTEND_OP(fe, get_vring_base, idx, &base);
}

int
vu_frontend_stop(struct vu_frontend *fe)
{
	int rc = 0;

	if (!fe->is_started)
		return 0;
	fe->is_started = false;
	for (uint32_t i = 0; i < fe->nb_started && fe->is_connected && rc == 0; i++)
		rc = queue_stop(fe, i);
	return frontend_result(fe, rc);
}

int
vu_frontend_queue_enable(struct vu_frontend *fe, uint32_t queue_idx, bool is_enabled)
{
	if (!fe->is_started || queue_idx >= fe->nb_started || !fe->is_connected)
		return -EINVAL;
	return frontend_result(fe, queue_enable(fe, queue_idx, is_enabled));
}

struct vu_vring_guest *
vu_frontend_ring(const struct vu_frontend *fe, uint32_t queue_idx)
{
	return queue_idx < fe->conf.nb_queues ? fe->queues[queue_idx].ring : NULL;
}

int
vu_frontend_call_fd(const struct vu_frontend *fe, uint32_t queue_idx)
{
	return queue_idx < fe->conf.nb_queues ? fe->queues[queue_idx].call_fd : VU_FD_NONE;
}

/* Queue of a front-end that is up; NULL otherwise. */
static struct frontend_queue *
frontend_queue_get(struct vu_frontend *fe, uint32_t queue_idx)
{
	/* Pairs with the release in frontend_connected(). */
	if (!vu_load_acquire(&fe->is_up) || queue_idx >= fe->conf.nb_queues)
		return NULL;
	return &fe->queues[queue_idx];
}

static void
queue_kick(struct frontend_queue *queue)
{
	if (!vu_vring_guest_wants_kick(queue->ring))
		return;
	if (queue->fe->is_inband)
		vu_reactor_post(queue->fe->reactor, &queue->kick);
	else
		vu_fd_signal(queue->kick_fd);
}

void
vu_frontend_kick(struct vu_frontend *fe, uint32_t queue_idx)
{
	struct frontend_queue *queue = frontend_queue_get(fe, queue_idx);

	if (queue != NULL)
		queue_kick(queue);
}

uint16_t
vu_frontend_send(struct vu_frontend *fe, uint32_t queue_idx, const struct vu_guest_buf *bufs,
	uint16_t nb, bool is_writable)
{
	struct frontend_queue *queue = frontend_queue_get(fe, queue_idx);

	if (queue == NULL)
		return 0;
	nb = is_writable ? vu_vring_guest_add(queue->ring, bufs, nb, true) :
		vu_vring_guest_add(queue->ring, bufs, nb, false);
	if (nb == 0)
		return 0;
	vu_vring_guest_publish(queue->ring);
	queue_kick(queue);
	return nb;
}

int
vu_frontend_send_chain(struct vu_frontend *fe, uint32_t queue_idx,
	const struct vu_guest_buf *bufs, uint16_t nb_read, uint16_t nb_write)
{
	struct frontend_queue *queue = frontend_queue_get(fe, queue_idx);
	int rc;

	if (queue == NULL)
		return -ENOTCONN;
	rc = vu_vring_guest_add_chain(queue->ring, bufs, nb_read, nb_write);
	if (rc != 0)
		return rc;
	vu_vring_guest_publish(queue->ring);
	queue_kick(queue);
	return 0;
}

uint16_t
vu_frontend_collect(struct vu_frontend *fe, uint32_t queue_idx, struct vu_guest_done *done,
	uint16_t max)
{
	struct vu_vring_guest *ring = vu_frontend_ring(fe, queue_idx);
	uint16_t nb = ring != NULL ? vu_vring_guest_collect(ring, done, max) : 0;

	/* What comes before this takes effect is found by the next collect. */
	if (nb != 0 && fe->conf.has_calls)
		vu_vring_guest_arm(ring);
	return nb;
}

uint16_t
vu_frontend_reclaim(struct vu_frontend *fe, uint32_t queue_idx, struct vu_guest_done *done,
	uint16_t max)
{
	struct vu_vring_guest *ring = vu_frontend_ring(fe, queue_idx);

	return ring != NULL ? vu_vring_guest_reclaim(ring, done, max) : 0;
}

bool
vu_frontend_queue_is_broken(const struct vu_frontend *fe, uint32_t queue_idx)
{
	const struct vu_vring_guest *ring = vu_frontend_ring(fe, queue_idx);

	return ring != NULL && ring->is_broken;
}
