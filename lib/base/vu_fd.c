/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Owned fds; see vu_fd.h.
 */
#include "vu_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "peer.h"

void
vu_fd_close(int *fd)
{
	if (*fd >= 0 && !peer_take_fd(*fd))
		close(*fd);
	*fd = VU_FD_NONE;
}

int
vu_fd_take(int *fd)
{
	int taken = *fd;

	*fd = VU_FD_NONE;
	return taken;
}

int
vu_fd_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int
vu_fd_memfd(const char *name, uint64_t len_bytes, uint64_t page_bytes)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd, rc;

	if (page_bytes != 0)
		flags |=
			MFD_HUGETLB | ((unsigned int)__builtin_ctzll(page_bytes) << MFD_HUGE_SHIFT);
	fd = memfd_create(name, flags);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)len_bytes) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int
vu_fd_signal(int fd)
{
	const uint64_t one = 1;
	int saved_errno = errno;
	int rc = 0;

	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		rc = -errno;
	errno = saved_errno;
	return rc;
}

int
vu_fd_take_events(int fd)
{
	uint64_t count;
	const struct iovec iov = { .iov_base = &count, .iov_len = sizeof(count) };

	return preadv2(fd, &iov, 1, -1, RWF_NOWAIT) < 0 ? -errno : 0;
}

bool
vu_fd_is_event(int fd)
{
	static const char eventfd_link[] = "anon_inode:[eventfd]";
	char link[sizeof(eventfd_link)];
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, link, sizeof(link)) == (ssize_t)sizeof(eventfd_link) - 1 &&
		memcmp(link, eventfd_link, sizeof(eventfd_link) - 1) == 0;
}
