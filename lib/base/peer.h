/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/base: what vu_fd.c asks of peer.c.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>

/**
 * Pass an fd on if it is one of a peer's.
 * @return false: the caller closes it
 */
bool peer_take_fd(int fd);

#endif /* PEER_H */
