/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file on a file system in user space whose server never answers a close(), and a socket whose
 * close() waits for a peer that does not read: what a hostile front-end can send.
 */
#ifndef FAKE_FUSE_H
#define FAKE_FUSE_H

#include <sys/types.h>

struct fake_fuse {
	int fd;       /**< the file; the caller's to close: that takes until fake_fuse_stop() */
	pid_t server;
	char path[32];
};

/**
 * Mount in a namespace of its own, open a file.
 * @return 0, -ENOTSUP if this cannot be done here, or another -errno
 */
int fake_fuse_start(struct fake_fuse *fuse);

/** End the server: its waiters go on. */
void fake_fuse_stop(struct fake_fuse *fuse);

/**
 * A connected TCP socket with unsent data and an hour to send it.
 * @return fd; peer receives the other end, which does not read
 */
int fake_lingering_socket(int *peer);

#endif /* FAKE_FUSE_H */
