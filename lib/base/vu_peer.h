/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a peer brings: fds, and mappings of its files. Every call on such an object may wait for as
 * long as the peer likes, close() and munmap() included, so all of them are made on a thread that
 * is the peer's own. This is the list of what that thread has to do, and the count of what it still
 * has to wait for. See doc/decision/0009.
 */
#ifndef VU_PEER_H
#define VU_PEER_H

#include <stdbool.h>

/** Peers of one port whose threads have not ended; more than that are not let in. */
#define VU_MAX_PEERS 4

/** One peer. Lives until it is put by all who hold it: its owner, each fd, each mapping. */
struct vu_peer;

/** All peers of one port, past ones included as long as something of theirs is left. */
struct vu_peer_group;

/** Something to do on a peer's thread; the poster's storage until fn runs. */
struct vu_peer_job {
	struct vu_peer_job *next;
	void (*fn)(struct vu_peer_job *job);
};

/** Has a peer's thread call vu_peer_work(). Runs on any thread; must not wait. */
typedef void (*vu_peer_wake_fn)(void *arg);

/** Create a group without peers. @return group; NULL without memory. @context any thread */
struct vu_peer_group *vu_peer_group_create(void);

/** Leave a group, which ends with its last peer. @param group may be NULL @context any thread */
void vu_peer_group_put(struct vu_peer_group *group);

/** Peers that have not ended. @context any thread */
unsigned int vu_peer_group_nb(const struct vu_peer_group *group);

/**
 * Create a peer, held once.
 *
 * @param group  to be counted in
 * @param wake   see vu_peer_wake_fn; NULL: no thread of its own, any caller does the work
 * @param arg    of wake
 * @return peer; NULL without memory
 * @context any thread
 */
struct vu_peer *vu_peer_create(struct vu_peer_group *group, vu_peer_wake_fn wake, void *arg);

/** The calling thread is the peer's from now on. @context the peer's thread */
void vu_peer_enter(struct vu_peer *peer);

/** Hold a peer once more. @return peer. @context any thread */
struct vu_peer *vu_peer_get(struct vu_peer *peer);

/** Hold a peer once less. @context any thread */
void vu_peer_put(struct vu_peer *peer);

/** True on the peer's thread, or without one. @context any thread */
bool vu_peer_is_here(const struct vu_peer *peer);

/**
 * Have something done on the peer's thread, at once if that is the caller's. Takes no lock that
 * anybody holds while waiting.
 *
 * @param peer  held, by the job too until it has run
 * @param job   its fn is set
 * @context any thread
 */
void vu_peer_post(struct vu_peer *peer, struct vu_peer_job *job);

/**
 * Do what has been posted.
 *
 * @param peer  the caller's
 * @return false: nobody holds it any more, vu_peer_destroy() is to follow
 * @context the peer's thread
 */
bool vu_peer_work(struct vu_peer *peer);

/** Free a peer that nobody holds. @context the peer's thread */
void vu_peer_destroy(struct vu_peer *peer);

/**
 * An fd came from a peer: from now on vu_fd_close() has the peer's thread close it.
 *
 * @param fd    of the peer
 * @param peer  NULL: closing it may make the closer wait
 * @return false: the number is too high to be tracked; close it where the caller is
 * @context the peer's thread
 */
bool vu_fd_track(int fd, struct vu_peer *peer);

/**
 * Signal an eventfd; one of a peer's is written by the peer's thread, later.
 *
 * @param fd  eventfd, or VU_FD_NONE for nothing to do
 * @context any thread that may take a lock
 */
void vu_fd_notify(int fd);

/** Peers of all groups that have a thread and have not ended. @context any thread */
unsigned int vu_peer_nb(void);

#endif /* VU_PEER_H */
