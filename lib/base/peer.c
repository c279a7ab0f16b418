/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Peers and what they brought. A table says for each fd whose it is; fds that wait for their peer's
 * thread are linked through another one, by number, so that handing one over allocates nothing.
 */
#include "vu_peer.h"

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "peer.h"
#include "vu_atomic.h"
#include "vu_fd.h"

#define TABLE_FDS 65536

enum fd_work {
	FD_SIGNAL = 1,
	FD_CLOSE = 2,
};

struct vu_peer_group {
	uint32_t nb_refs;  /* atomic: its creator's and its peers' */
	uint32_t nb_peers; /* atomic */
};

struct vu_peer {
	struct vu_peer_group *group;
	vu_peer_wake_fn wake;     /* fixed */
	void *wake_arg;
	pthread_t thread;         /* fixed after vu_peer_enter() */
	bool has_thread;
	pthread_mutex_t lock;     /* of all below; nobody waits while holding it */
	uint32_t nb_refs;
	struct vu_peer_job *first_job;
	struct vu_peer_job **last_job;
	int first_fd;             /* linked by next_fd */
	int last_fd;
};

static struct vu_peer *owner[TABLE_FDS];
static int next_fd[TABLE_FDS];      /* under the lock of the fd's peer */
static uint8_t fd_work[TABLE_FDS];  /* the same: set of enum fd_work, 0 not linked */
static uint32_t nb_peers;

struct vu_peer_group *
vu_peer_group_create(void)
{
	struct vu_peer_group *group = calloc(1, sizeof(*group));

	if (group != NULL)
		group->nb_refs = 1;
	return group;
}

void
vu_peer_group_put(struct vu_peer_group *group)
{
	if (group != NULL && __atomic_sub_fetch(&group->nb_refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(group);
}

unsigned int
vu_peer_group_nb(const struct vu_peer_group *group)
{
	return vu_load_acquire(&group->nb_peers);
}

struct vu_peer *
vu_peer_create(struct vu_peer_group *group, vu_peer_wake_fn wake, void *arg)
{
	struct vu_peer *peer = calloc(1, sizeof(*peer));

	if (peer == NULL)
		return NULL;
	*peer = (struct vu_peer){
		.group = group, .wake = wake, .wake_arg = arg, .nb_refs = 1,
		.first_fd = VU_FD_NONE, .last_job = &peer->first_job,
	};
	pthread_mutex_init(&peer->lock, NULL);
	__atomic_add_fetch(&group->nb_refs, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&group->nb_peers, 1, __ATOMIC_RELAXED);
	if (wake != NULL)
		__atomic_add_fetch(&nb_peers, 1, __ATOMIC_RELAXED);
	return peer;
}

void
vu_peer_enter(struct vu_peer *peer)
{
	peer->thread = pthread_self();
	vu_store_release(&peer->has_thread, true);
}

bool
vu_peer_is_here(const struct vu_peer *peer)
{
	return peer->wake == NULL || (vu_load_acquire(&peer->has_thread) &&
		pthread_equal(peer->thread, pthread_self()));
}

struct vu_peer *
vu_peer_get(struct vu_peer *peer)
{
	pthread_mutex_lock(&peer->lock);
	peer->nb_refs++;
	pthread_mutex_unlock(&peer->lock);
	return peer;
}

/* Under the lock: when it is free the thread may end the peer. */
static void
peer_wake(struct vu_peer *peer)
{
	if (peer->wake != NULL)
		peer->wake(peer->wake_arg);
}

void
vu_peer_put(struct vu_peer *peer)
{
	const bool has_thread = peer->wake != NULL;
	bool is_last;

	pthread_mutex_lock(&peer->lock);
	is_last = --peer->nb_refs == 0;
	if (is_last)
		peer_wake(peer);
	pthread_mutex_unlock(&peer->lock);
	/* Its thread may have freed it by now. */
	if (is_last && !has_thread)
		vu_peer_destroy(peer);
}

void
vu_peer_post(struct vu_peer *peer, struct vu_peer_job *job)
{
	if (vu_peer_is_here(peer)) {
		job->fn(job);
		return;
	}
	job->next = NULL;
	pthread_mutex_lock(&peer->lock);
	*peer->last_job = job;
	peer->last_job = &job->next;
	peer_wake(peer);
	pthread_mutex_unlock(&peer->lock);
}

static struct vu_peer_job *
peer_take_jobs(struct vu_peer *peer)
{
	struct vu_peer_job *job;

	pthread_mutex_lock(&peer->lock);
	job = peer->first_job;
	peer->first_job = NULL;
	peer->last_job = &peer->first_job;
	pthread_mutex_unlock(&peer->lock);
	return job;
}

static int
peer_next_fd(struct vu_peer *peer, uint8_t *work)
{
	int fd;

	pthread_mutex_lock(&peer->lock);
	fd = peer->first_fd;
	if (fd != VU_FD_NONE) {
		peer->first_fd = next_fd[fd];
		*work = fd_work[fd];
		fd_work[fd] = 0;
	}
	pthread_mutex_unlock(&peer->lock);
	return fd;
}

/* One that is full has events that nobody took yet: one more says nothing. */
static void
fd_signal_patiently(int fd)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	if (poll(&room, 1, 0) == 1)
		vu_fd_signal(fd);
}

bool
vu_peer_work(struct vu_peer *peer)
{
	struct vu_peer_job *job = peer_take_jobs(peer), *next;
	uint8_t work;
	bool is_held;
	int fd;

	for (; job != NULL; job = next) {
		next = job->next;
		job->fn(job);
	}
	while ((fd = peer_next_fd(peer, &work)) != VU_FD_NONE) {
		if ((work & FD_SIGNAL) != 0)
			fd_signal_patiently(fd);
		if ((work & FD_CLOSE) != 0) {
			close(fd);
			vu_peer_put(peer);
		}
	}
	pthread_mutex_lock(&peer->lock);
	is_held = peer->nb_refs != 0;
	pthread_mutex_unlock(&peer->lock);
	return is_held;
}

void
vu_peer_destroy(struct vu_peer *peer)
{
	const bool is_counted = peer->wake != NULL;

	__atomic_sub_fetch(&peer->group->nb_peers, 1, __ATOMIC_RELEASE);
	vu_peer_group_put(peer->group);
	pthread_mutex_destroy(&peer->lock);
	free(peer);
	if (is_counted)
		__atomic_sub_fetch(&nb_peers, 1, __ATOMIC_RELEASE);
}

static void
peer_push_fd(struct vu_peer *peer, int fd, uint8_t work)
{
	pthread_mutex_lock(&peer->lock);
	if (fd_work[fd] == 0) {
		next_fd[fd] = VU_FD_NONE;
		if (peer->first_fd == VU_FD_NONE)
			peer->first_fd = fd;
		else
			next_fd[peer->last_fd] = fd;
		peer->last_fd = fd;
	}
	fd_work[fd] |= work;
	peer_wake(peer);
	pthread_mutex_unlock(&peer->lock);
}

static struct vu_peer *
fd_owner(int fd)
{
	return fd >= 0 && fd < TABLE_FDS ? vu_load_acquire(&owner[fd]) : NULL;
}

bool
peer_take_fd(int fd)
{
	struct vu_peer *peer = fd_owner(fd);

	if (peer == NULL)
		return false;
	/* Before it is closed: then the number may be somebody else's. */
	vu_store(&owner[fd], NULL);
	/* Without a thread nothing waits in the list. */
	if (peer->wake != NULL) {
		peer_push_fd(peer, fd, FD_CLOSE);
		return true;
	}
	close(fd);
	vu_peer_put(peer);
	return true;
}

bool
vu_fd_track(int fd, struct vu_peer *peer)
{
	if (peer == NULL)
		return true;
	if (fd < 0 || fd >= TABLE_FDS)
		return false;
	vu_store_release(&owner[fd], vu_peer_get(peer));
	return true;
}

void
vu_fd_notify(int fd)
{
	struct vu_peer *peer = fd_owner(fd);

	if (peer == NULL || peer->wake == NULL)
		vu_fd_signal(fd);
	else
		peer_push_fd(peer, fd, FD_SIGNAL);
}

unsigned int
vu_peer_nb(void)
{
	return vu_load_acquire(&nb_peers);
}
