/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of vu_fd.h: one owner at any time, and what the created fds can do.
 */
#include "vu_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

VU_TEST(fd, close_forgets)
{
	int fd = vu_fd_eventfd();
	int copy = fd;

	CHECK(fd >= 0);
	vu_fd_close(&fd);
	CHECK_EQ(fd, VU_FD_NONE);
	CHECK_EQ(fcntl(copy, F_GETFD), -1);
	vu_fd_close(&fd);
	CHECK_EQ(fd, VU_FD_NONE);
}

VU_TEST(fd, take_moves)
{
	int fd = vu_fd_eventfd();
	int taken = vu_fd_take(&fd);

	CHECK_EQ(fd, VU_FD_NONE);
	CHECK(fcntl(taken, F_GETFD) & FD_CLOEXEC);
	vu_fd_close(&taken);
}

VU_TEST(fd, signal_adds_one)
{
	int fd = vu_fd_eventfd();
	uint64_t value = 0;

	CHECK_EQ(vu_fd_signal(fd), 0);
	CHECK_EQ(vu_fd_signal(fd), 0);
	CHECK_EQ(read(fd, &value, sizeof(value)), sizeof(value));
	CHECK_EQ(value, 2);
	CHECK_EQ(read(fd, &value, sizeof(value)), -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(vu_fd_signal(VU_FD_NONE), 0);
	vu_fd_close(&fd);
}

VU_TEST(fd, signal_keeps_errno)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	errno = ENOTTY;
	CHECK_EQ(vu_fd_signal(ends[0]), -EBADF);
	CHECK_EQ(errno, ENOTTY);
	vu_fd_close(&ends[0]);
	vu_fd_close(&ends[1]);
}

VU_TEST(fd, memfd_has_its_size)
{
	int fd = vu_fd_memfd("test", 3 * 4096, 0);
	struct stat st;

	CHECK(fd >= 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 3 * 4096);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	vu_fd_close(&fd);
}

/* Of a blocking eventfd, too, which stays one. */
VU_TEST(fd, taking_events_does_not_wait)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(vu_fd_take_events(fd), -EAGAIN);
	CHECK_EQ(vu_fd_signal(fd), 0);
	CHECK_EQ(vu_fd_take_events(fd), 0);
	CHECK_EQ(vu_fd_take_events(fd), -EAGAIN);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	vu_fd_close(&fd);
	CHECK_EQ(vu_fd_take_events(VU_FD_NONE), -EBADF);
}
