/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fds with one owner. A function that takes an fd owns it on every path.
 */
#ifndef VU_FD_H
#define VU_FD_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

/** Value of an fd variable that owns nothing. */
#define VU_FD_NONE (-1)

/**
 * Close an fd and clear the variable. One that a peer sent is closed later, by the peer's thread:
 * vu_peer.h.
 *
 * @param fd  variable that owns an fd or VU_FD_NONE; VU_FD_NONE afterwards
 * @context any thread
 */
void vu_fd_close(int *fd);

/**
 * Move an fd out of a variable.
 *
 * @param fd  owner so far; VU_FD_NONE afterwards
 * @return the fd, now owned by the caller
 * @context any thread
 */
int vu_fd_take(int *fd);

/**
 * Create a non-blocking, close-on-exec eventfd.
 *
 * @return fd, or -errno
 * @context any thread
 */
int vu_fd_eventfd(void);

/**
 * Create an anonymous shared memory file.
 *
 * @param name         shown in /proc/self/maps
 * @param len_bytes    size of the file
 * @param page_bytes   0 for normal pages, or the size of huge pages to use
 * @return fd, or -errno (-ENOMEM without free huge pages shows only when pages are touched)
 * @context any thread
 */
int vu_fd_memfd(const char *name, uint64_t len_bytes, uint64_t page_bytes);

/**
 * Signal an eventfd or pipe: one 8-byte write, never blocks for an eventfd made non-blocking.
 *
 * @param fd  eventfd, pipe, or VU_FD_NONE for nothing to do
 * @return 0, or -errno (-EAGAIN: the reader has not taken earlier events, which is no loss)
 * @context any thread, signal-safe
 */
int vu_fd_signal(int fd);

/**
 * Take the events of an eventfd that a peer lent us, without waiting for one. O_NONBLOCK lies in
 * the open file, which the peer uses too, and stays as it is.
 *
 * @return 0; -EAGAIN there is none; another -errno of preadv2(2)
 * @context any thread
 */
int vu_fd_take_events(int fd);

/**
 * Check whether an fd is an eventfd. Writing to anything else that a peer may send (a file on
 * a file system of its own, a terminal, a pipe that nobody reads) could block or do harm. See
 * doc/decision/0006.
 *
 * @return true for an eventfd
 * @context any thread
 */
bool vu_fd_is_event(int fd);

VU_API_END

#endif /* VU_FD_H */
