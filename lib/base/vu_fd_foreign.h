/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Descriptors that a peer sent. close() of one may wait for whoever serves the file (a file system
 * in user space), or for a network (a TCP socket that lingers), as long as the peer likes: the
 * control lcore must not be the one that waits. vu_fd_close() hands such a descriptor to a thread
 * that lives as long as there is something to close. See doc/decision/0009.
 */
#ifndef VU_FD_FOREIGN_H
#define VU_FD_FOREIGN_H

#include <stdbool.h>

/** Descriptors of one account that may wait to be closed before its peer is sent away. */
#define VU_FD_MAX_CLOSING 64

/** Whose descriptors they are: one peer's must not make another one's wait. */
struct vu_fd_account;

/**
 * Open an account.
 *
 * @return the account, or NULL without memory
 * @context control lcore
 */
struct vu_fd_account *vu_fd_account_create(void);

/**
 * Close an account; what waits to be closed still is.
 *
 * @param account  may be NULL
 * @context control lcore, while nobody else closes descriptors charged to it
 */
void vu_fd_account_destroy(struct vu_fd_account *account);

/**
 * Tell whether more than VU_FD_MAX_CLOSING descriptors wait to be closed: take no more of them.
 *
 * @param account  account; NULL is the one that all peers without their own share
 * @context any thread
 */
bool vu_fd_account_is_full(const struct vu_fd_account *account);

/** Descriptors of an account that wait to be closed. @context any thread */
unsigned int vu_fd_account_nb_closing(const struct vu_fd_account *account);

/**
 * Charge a descriptor that a peer sent to an account, unless it is of a kind that closes at once:
 * eventfd, pipe, memory file. From now on vu_fd_close() does not wait for it.
 *
 * @param fd       descriptor
 * @param account  lives until fd is handed to vu_fd_close(); NULL as vu_fd_account_is_full()
 * @context control lcore
 */
void vu_fd_charge(int fd, struct vu_fd_account *account);

/**
 * Forget that a descriptor came from a peer: it is known to close at once.
 *
 * @param fd  descriptor
 * @context control lcore
 */
void vu_fd_acquit(int fd);

/**
 * Descriptors that wait to be closed, of all accounts.
 *
 * @return their number; those that nobody could take included
 * @context any thread
 */
unsigned int vu_fd_nb_closing(void);

#endif /* VU_FD_FOREIGN_H */
