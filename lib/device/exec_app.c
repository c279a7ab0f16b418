/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Queues that threads of the application poll. A burst call makes the queue's turn odd, loads the
 * snapshot, works, and makes the turn even again: two plain stores. Control publishes first, then
 * has every CPU that runs a thread of the process execute a full barrier (membarrier(2)), then
 * reads the turns. A thread's odd turn is either seen here, and waited for, or its load of the
 * snapshot comes after the publication. Control lcore.
 */
#include "device.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_debug.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "vu_fd.h"

#define APP_POLL_MIN_US 2   /* a burst is far shorter */
#define APP_POLL_MAX_US 256 /* a thread that lost its CPU in the middle of one */

struct vu_exec_app {
	TAILQ_HEAD(, exec_wait) waits;
	uint64_t poll_delay_us; /* what vu_exec_app_poll() answers next */
};

static int
membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0) == 0 ? 0 : -errno;
}

struct vu_exec_app *
vu_exec_app_create(void)
{
	struct vu_exec_app *app = calloc(1, sizeof(*app));
	int rc = app == NULL ? -ENOMEM : membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);

	if (rc != 0) {
		free(app);
		/* What kernels before 4.14 answer, too. */
		rte_errno = rc == -EINVAL ? ENOSYS : -rc;
		return NULL;
	}
	TAILQ_INIT(&app->waits);
	return app;
}

void
vu_exec_app_destroy(struct vu_exec_app *app)
{
	RTE_VERIFY(app == NULL || TAILQ_EMPTY(&app->waits));
	free(app);
}

/* Odd, and still the one that was odd when the wait began? */
static bool
turn_is_held(const uint32_t *turn, uint32_t before)
{
	/* Pairs with the release in vu_device_queue_leave() and _leave_shared(). */
	return (before & 1) != 0 && vu_load_acquire(turn) == before;
}

static bool
app_is_inside(const struct vu_device *dev)
{
	for (uint32_t i = 0; i < dev->nb_queues; i++) {
		const struct device_queue *queue = dev->queues[i];

		if (turn_is_held(&queue->head.turn, queue->app_turn) ||
				turn_is_held(&queue->head.shared_turn, queue->app_shared_turn))
			return true;
	}
	return false;
}

uint64_t
vu_exec_app_poll(struct vu_exec_app *app)
{
	struct exec_wait *wait, *next;
	bool is_progress = false;

	for (wait = TAILQ_FIRST(&app->waits); wait != NULL; wait = next) {
		next = TAILQ_NEXT(wait, link);
		if (app_is_inside(wait->dev))
			continue;
		TAILQ_REMOVE(&app->waits, wait, link);
		wait->sched.fn(wait->sched.arg);
		is_progress = true;
		/* The function may have started or ended others. */
		next = TAILQ_FIRST(&app->waits);
	}
	if (is_progress || TAILQ_EMPTY(&app->waits))
		app->poll_delay_us = APP_POLL_MIN_US;
	else
		app->poll_delay_us = RTE_MIN(app->poll_delay_us * 2, (uint64_t)APP_POLL_MAX_US);
	return TAILQ_EMPTY(&app->waits) ? UINT64_MAX : app->poll_delay_us;
}

static void
turns_read(struct device_queue *queue)
{
	queue->app_turn = vu_load_acquire(&queue->head.turn);
	queue->app_shared_turn = vu_load_acquire(&queue->head.shared_turn);
}

static void
app_quiesce(struct vu_device *dev, struct exec_wait *wait)
{
	/* Publication before turns; pairs with the order in vu_device_queue_enter(). */
	RTE_VERIFY(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0);
	for (uint32_t i = 0; i < dev->nb_queues; i++)
		turns_read(dev->queues[i]);
	wait->dev = dev;
	TAILQ_INSERT_TAIL(&dev->app->waits, wait, link);
}

/* Bursts that begin from now on see it; one that did not is under way by its turn. */
static void
pause_set(struct vu_device_queue *queue, enum vu_pause pause)
{
	__atomic_store_n(&queue->is_paused, pause, __ATOMIC_RELEASE);
	/* As in app_quiesce(). */
	RTE_VERIFY(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0);
}

static bool
pause_replace(struct vu_device_queue *queue, uint32_t from, enum vu_pause to)
{
	/* Release: pairs with vu_device_queue_enter(). */
	return __atomic_compare_exchange_n(&queue->is_paused, &from, to, false, __ATOMIC_ACQ_REL,
		__ATOMIC_RELAXED);
}

void
vu_exec_app_pause(struct vu_device_queue *queue)
{
	uint32_t turn, shared_turn;

	pause_set(queue, VU_PAUSE_ALL);
	turn = vu_load_acquire(&queue->turn);
	shared_turn = vu_load_acquire(&queue->shared_turn);
	while (turn_is_held(&queue->turn, turn) ||
			turn_is_held(&queue->shared_turn, shared_turn))
		usleep(APP_POLL_MIN_US);
}

void
vu_exec_app_resume(struct vu_device_queue *queue)
{
	pause_replace(queue, VU_PAUSE_ALL, VU_PAUSE_NONE);
}

void
vu_exec_app_share(struct vu_device_queue *queue)
{
	/* The owner has not been back since. */
	if (pause_replace(queue, VU_PAUSE_BACK, VU_PAUSE_SHARED))
		return;
	pause_set(queue, VU_PAUSE_ALL);
	queue->own_turn = vu_load_acquire(&queue->turn);
	/* Pairs with the acquire in vu_device_queue_enter_shared(). */
	vu_store_release(&queue->is_paused, VU_PAUSE_SHARED);
}

void
vu_exec_app_give_back(struct vu_device_queue *queue)
{
	pause_replace(queue, VU_PAUSE_BACK, VU_PAUSE_NONE);
}

void
vu_exec_app_unshare(struct vu_device_queue *queue)
{
	pause_set(queue, VU_PAUSE_BACK);
	/* Else who is in it gives it back. */
	if ((vu_load_acquire(&queue->shared_turn) & 1) == 0)
		vu_exec_app_give_back(queue);
}

/* Any thread may call for any queue: there is nothing to assign. */
static int
app_assign(struct vu_device *dev, const struct vu_device_conf *conf, unsigned int *worker_of_queue)
{
	(void)dev;
	(void)conf;
	(void)worker_of_queue;
	return 0;
}

static void
app_nothing(struct device_queue *queue)
{
	(void)queue;
}

/* Until the application has what its bursts need. */
static void
app_init(struct device_queue *queue)
{
	queue->head.is_paused = VU_PAUSE_ALL;
}

static int
app_attach(struct device_queue *queue)
{
	(void)queue;
	return 0;
}

/* The grace period of the commit covers it. */
static bool
app_detach(struct device_queue *queue, struct exec_wait *wait)
{
	(void)queue;
	(void)wait;
	return false;
}

static int
app_move(struct device_queue *queue, unsigned int lcore_id)
{
	(void)queue;
	(void)lcore_id;
	return -ENOTSUP;
}

static void
app_kick_add(struct device_queue *queue)
{
	const struct vu_device *dev = queue->head.dev;
	const struct vu_vring *vring = &queue->head.vring;

	if (queue->has_kick_interest || dev->kick_changed == NULL || vring->kick_fd == VU_FD_NONE)
		return;
	dev->kick_changed(dev->changed_arg, vring->idx, vring->kick_fd);
	queue->has_kick_interest = true;
}

static void
app_kick_remove(struct device_queue *queue)
{
	const struct vu_device *dev = queue->head.dev;

	if (queue->has_kick_interest)
		dev->kick_changed(dev->changed_arg, queue->head.vring.idx, VU_FD_NONE);
	queue->has_kick_interest = false;
}

static bool
app_is_moving(const struct device_queue *queue)
{
	(void)queue;
	return false;
}

static int
app_lcore(const struct device_queue *queue)
{
	(void)queue;
	return -1;
}

static int
app_node(const struct device_queue *queue)
{
	return queue->head.dev->numa_node;
}

const struct exec_ops exec_app_ops = {
	.assign = app_assign,
	.init = app_init,
	.attach = app_attach,
	.detach = app_detach,
	.refresh = app_nothing,
	.quiesce = app_quiesce,
	.move = app_move,
	.is_moving = app_is_moving,
	.lcore = app_lcore,
	.node = app_node,
	.kick_add = app_kick_add,
	.kick_remove = app_kick_remove,
};
