/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Owned fds; see vu_fd.h.
 */
#include "vu_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fd_peer.h"

#define FD_PATIENCE_NS 10000000 /* 10 ms */

void
vu_fd_close(int *fd)
{
	if (*fd >= 0 && !fd_peer_take(*fd))
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

/* Its arrival alone ends a blocked write with EINTR. */
static void
fd_wake(int signum)
{
	(void)signum;
}

int
fd_alarm_start(timer_t *alarm)
{
	const struct sigaction wake = { .sa_handler = fd_wake }; /* no SA_RESTART */
	/* Again and again: the first one may come before the call. */
	const struct itimerspec soon = { { 0, FD_PATIENCE_NS }, { 0, FD_PATIENCE_NS } };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG };

	event._sigev_un._tid = gettid();
	sigaction(SIGURG, &wake, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, alarm) < 0)
		return -errno;
	timer_settime(*alarm, 0, &soon, NULL);
	return 0;
}

void
fd_alarm_stop(timer_t alarm)
{
	timer_delete(alarm);
}

int
vu_fd_signal_bounded(int fd)
{
	timer_t alarm;
	int rc;

	if (fd < 0)
		return 0;
	rc = fd_alarm_start(&alarm);
	if (rc != 0)
		return rc;
	rc = vu_fd_signal(fd);
	fd_alarm_stop(alarm);
	return rc;
}

int
vu_fd_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
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
