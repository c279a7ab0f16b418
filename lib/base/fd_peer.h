/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/base: what vu_fd.c and fd_peer.c have in common.
 */
#ifndef FD_PEER_H
#define FD_PEER_H

#include <stdbool.h>
#include <time.h>

/**
 * Interrupt whatever system call the calling thread makes, every 10 ms from now on.
 * @return 0 or -errno
 */
int fd_alarm_start(timer_t *alarm);
void fd_alarm_stop(timer_t alarm);

/**
 * Pass an fd on if it is one of a peer's.
 * @return false: the caller closes it
 */
bool fd_peer_take(int fd);

#endif /* FD_PEER_H */
