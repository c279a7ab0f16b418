/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fds that a peer sent. close() of one may wait for the server of the file (a file system
 * in user space), or for a network (a TCP socket that lingers), as long as the peer likes: the
 * control lcore must not be the one that waits. vu_fd_close() hands such an fd to a thread
 * that lives as long as there is something to close. See doc/decision/0009.
 */
#ifndef VU_FD_PEER_H
#define VU_FD_PEER_H

#include <stdbool.h>

/** Fds of one budget that may wait to be closed before its peer is sent away. */
#define VU_FD_MAX_CLOSING 64

/** Whose fds they are: those of one peer must not make those of another wait. */
struct vu_fd_budget;

/**
 * Open a budget.
 *
 * @return the budget, or NULL without memory
 * @context control lcore
 */
struct vu_fd_budget *vu_fd_budget_create(void);

/**
 * Close a budget; what waits to be closed still is.
 *
 * @param budget  may be NULL
 * @context control lcore, while nobody else closes fds tracked in it
 */
void vu_fd_budget_destroy(struct vu_fd_budget *budget);

/**
 * Check whether more than VU_FD_MAX_CLOSING fds wait to be closed: take no more of them.
 *
 * @param budget  budget; NULL is the one that all peers without their own share
 * @context any thread
 */
bool vu_fd_budget_is_full(const struct vu_fd_budget *budget);

/** Fds of a budget that wait to be closed. @context any thread */
unsigned int vu_fd_budget_nb_closing(const struct vu_fd_budget *budget);

/**
 * Track an fd that a peer sent in a budget, unless it is of a kind that closes at once: eventfd,
 * pipe, memory file. From now on vu_fd_close() does not wait for it.
 *
 * @param fd      of the peer
 * @param budget  lives until fd is handed to vu_fd_close(); NULL as vu_fd_budget_is_full()
 * @context control lcore
 */
void vu_fd_track(int fd, struct vu_fd_budget *budget);

/**
 * Untrack an fd of a peer: it is known to close at once.
 *
 * @param fd  of the peer
 * @context control lcore
 */
void vu_fd_untrack(int fd);

/**
 * Fds that wait to be closed, of all budgets.
 *
 * @return their number; those that nobody could take included
 * @context any thread
 */
unsigned int vu_fd_nb_closing(void);

#endif /* VU_FD_PEER_H */
