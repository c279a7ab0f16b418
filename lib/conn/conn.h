/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Helpers shared by the files of this folder: fds beside bytes, and socket addresses.
 */
#ifndef CONN_H
#define CONN_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#include "vu_conn.h"
#include "vu_limits.h"
#include "vu_peer.h"

/** Fds in flight; those in [0, nb) are owned. */
struct conn_fds {
	int fds[VU_MAX_MSG_FDS];
	unsigned int nb;
};

/** Close all. */
void conn_fds_close(struct conn_fds *fds);

/** Duplicate fds. @return 0 or -errno, then fds is empty */
int conn_fds_dup(struct conn_fds *fds, const int *from, unsigned int nb);

/**
 * Read bytes and the fds that come with them, which are a peer's.
 * @return number of bytes, 0 at the end of the stream, -EBADMSG if fds were cut off or are
 *         too many, or -errno; fds is filled if the number is positive, else empty
 */
ssize_t conn_recv(int sock, void *bytes, size_t len, struct conn_fds *fds, struct vu_peer *peer);

/** Write bytes, with borrowed fds on the first. @return number of bytes, or -errno */
ssize_t conn_send(int sock, const struct vu_conn_parts *parts);

/** Fill in an address. @return 0, -EINVAL for an empty path, or -ENAMETOOLONG */
int conn_address(struct sockaddr_un *address, const char *path);

#endif /* CONN_H */
