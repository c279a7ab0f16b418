/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Peers: what they brought is closed, written and freed on their own thread. Without that thread
 * the cases with a stuck file never end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_common.h>

#include "expect.h"
#include "fake_fuse.h"
#include "leak_check.h"
#include "test.h"
#include "vu_atomic.h"
#include "vu_fd.h"
#include "vu_peer.h"

/** A peer and its thread. */
struct worker {
	struct vu_peer *peer;
	int wake_fd;
	pthread_t thread;
	uint32_t nb_jobs;
};

struct counted_job {
	struct vu_peer_job job;
	struct worker *worker;
	bool was_here;
};

static void
worker_wake(void *arg)
{
	vu_fd_signal(((struct worker *)arg)->wake_fd);
}

static void *
worker_run(void *arg)
{
	struct worker *worker = arg;
	uint64_t count;

	vu_peer_enter(worker->peer);
	while (vu_peer_work(worker->peer)) {
		struct pollfd waiter = { .fd = worker->wake_fd, .events = POLLIN };

		poll(&waiter, 1, EXPECT_WAIT_MS);
		if (read(worker->wake_fd, &count, sizeof(count)) < 0)
			continue;
	}
	vu_peer_destroy(worker->peer);
	return NULL;
}

static void
worker_start(struct worker *worker, struct vu_peer_group *group)
{
	*worker = (struct worker){ .wake_fd = vu_fd_eventfd() };
	worker->peer = vu_peer_create(group, worker_wake, worker);
	CHECK(worker->peer != NULL);
	expect_thread_start(&worker->thread, worker_run, worker);
}

/* It ends when nothing of its is left. */
static void
worker_put(struct worker *worker)
{
	vu_peer_put(worker->peer);
}

static void
worker_join(struct worker *worker)
{
	expect_thread_join(worker->thread);
	vu_fd_close(&worker->wake_fd);
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
job_run(struct vu_peer_job *job)
{
	struct counted_job *counted = container_of(job, struct counted_job, job);

	counted->was_here = vu_peer_is_here(counted->worker->peer);
	vu_store_release(&counted->worker->nb_jobs, counted->worker->nb_jobs + 1);
}

VU_TEST(peer, jobs_run_on_its_thread)
{
	struct vu_peer_group *group = vu_peer_group_create();
	struct worker worker;
	struct counted_job jobs[3];

	worker_start(&worker, group);
	for (unsigned int i = 0; i < RTE_DIM(jobs); i++) {
		jobs[i] = (struct counted_job){ .job.fn = job_run, .worker = &worker };
		vu_peer_post(worker.peer, &jobs[i].job);
	}
	CHECK(!vu_peer_is_here(worker.peer));
	WAIT_WHILE(vu_load_acquire(&worker.nb_jobs) < RTE_DIM(jobs))
		usleep(100);
	for (unsigned int i = 0; i < RTE_DIM(jobs); i++)
		CHECK(jobs[i].was_here);
	CHECK_EQ(vu_peer_group_nb(group), 1);
	worker_put(&worker);
	worker_join(&worker);
	CHECK_EQ(vu_peer_group_nb(group), 0);
	vu_peer_group_put(group);
}

VU_TEST(peer, fds_are_closed_on_its_thread_and_hold_it)
{
	struct vu_peer_group *group = vu_peer_group_create();
	int fds[] = { vu_fd_eventfd(), vu_fd_memfd("vu-peer", 4096, 0) };
	const int numbers[] = { fds[0], fds[1] };
	struct worker worker;

	worker_start(&worker, group);
	for (unsigned int i = 0; i < RTE_DIM(fds); i++)
		CHECK(vu_fd_track(fds[i], worker.peer));
	worker_put(&worker);
	vu_fd_close(&fds[0]);
	CHECK_EQ(fds[0], VU_FD_NONE);
	WAIT_WHILE(is_open(numbers[0]))
		usleep(100);
	/* The other one holds it still. */
	CHECK_EQ(vu_peer_group_nb(group), 1);
	vu_fd_close(&fds[1]);
	worker_join(&worker);
	CHECK(!is_open(numbers[1]));
	CHECK_EQ(vu_peer_group_nb(group), 0);
	vu_peer_group_put(group);
}

/* Nobody but the server of its file, and the peer of its socket, can end these. */
VU_TEST(peer, one_that_is_stuck_costs_itself_only)
{
	struct vu_peer_group *group = vu_peer_group_create();
	struct worker stuck, other;
	struct fake_fuse fuse;
	const int rc = fake_fuse_start(&fuse);
	int fd, number;

	if (rc == -ENOTSUP) {
		vu_peer_group_put(group);
		expect_skip();
	}
	CHECK_EQ(rc, 0);
	worker_start(&stuck, group);
	worker_start(&other, group);
	fd = fcntl(fuse.fd, F_DUPFD_CLOEXEC, 0);
	CHECK(vu_fd_track(fd, stuck.peer));
	vu_fd_close(&fd);
	worker_put(&stuck);
	fd = vu_fd_eventfd();
	number = fd;
	CHECK(vu_fd_track(fd, other.peer));
	vu_fd_close(&fd);
	WAIT_WHILE(is_open(number))
		usleep(100);
	worker_put(&other);
	worker_join(&other);
	CHECK_EQ(vu_peer_group_nb(group), 1);
	/* The group outlives its creator. */
	vu_peer_group_put(group);
	fake_fuse_stop(&fuse);
	worker_join(&stuck);
	close(fuse.fd);
}

/* A peer that shares the eventfd made it blocking and filled the counter. */
VU_TEST(peer, notifying_never_waits)
{
	const uint64_t full = UINT64_MAX - 1;
	struct vu_peer_group *group = vu_peer_group_create();
	struct worker worker;
	uint64_t count;
	int fd = eventfd(0, EFD_CLOEXEC), own_fd = vu_fd_eventfd();

	worker_start(&worker, group);
	CHECK(vu_fd_track(fd, worker.peer));
	vu_fd_notify(VU_FD_NONE);
	vu_fd_notify(own_fd);
	CHECK_EQ(read(own_fd, &count, sizeof(count)), sizeof(count));
	vu_fd_notify(fd);
	CHECK_EQ(read(fd, &count, sizeof(count)), sizeof(count));
	CHECK_EQ(count, 1);
	CHECK_EQ(write(fd, &full, sizeof(full)), sizeof(full));
	vu_fd_notify(fd);
	vu_fd_close(&fd);
	worker_put(&worker);
	worker_join(&worker);
	vu_fd_close(&own_fd);
	vu_peer_group_put(group);
}

VU_TEST(peer, without_a_thread_things_happen_at_once)
{
	struct vu_peer_group *group = vu_peer_group_create();
	struct worker worker = { .peer = vu_peer_create(group, NULL, NULL) };
	struct counted_job job = { .job.fn = job_run, .worker = &worker };
	int fd = vu_fd_eventfd();
	const int number = fd;

	CHECK(vu_peer_is_here(worker.peer));
	vu_peer_post(worker.peer, &job.job);
	CHECK_EQ(worker.nb_jobs, 1);
	CHECK(vu_fd_track(fd, worker.peer));
	vu_peer_put(worker.peer);
	CHECK_EQ(vu_peer_group_nb(group), 1);
	vu_fd_close(&fd);
	CHECK(!is_open(number));
	CHECK_EQ(vu_peer_group_nb(group), 0);
	vu_peer_group_put(group);
}
