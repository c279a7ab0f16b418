/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fds of peers whose close() waits. Without the thread that waits for them these cases
 * never end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>

#include "fake_fuse.h"
#include "leak_check.h"
#include "test.h"
#include "vu_fd.h"
#include "vu_fd_peer.h"

#define TIMEOUT_S 20

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* As many fds as these stay open, or less. */
static bool
closing_reaches(unsigned int nb)
{
	const time_t end = time(NULL) + TIMEOUT_S;

	WAIT_WHILE(vu_fd_nb_closing() > nb && time(NULL) < end)
		usleep(100);
	return vu_fd_nb_closing() == nb;
}

VU_TEST(fd_peer, lingering_socket)
{
	int peer;
	int fd = fake_lingering_socket(&peer);
	const int number = fd;

	vu_fd_track(fd, NULL);
	vu_fd_close(&fd);
	CHECK_EQ(fd, VU_FD_NONE);
	CHECK(closing_reaches(0));
	CHECK(!is_open(number));
	close(peer);
}

VU_TEST(fd_peer, kinds_that_close_at_once)
{
	int fds[4] = { vu_fd_eventfd(), vu_fd_memfd("vu-kind", 4096, 0) };

	CHECK_EQ(pipe2(&fds[2], O_CLOEXEC), 0);
	for (unsigned int i = 0; i < RTE_DIM(fds); i++) {
		const int number = fds[i];

		vu_fd_track(fds[i], NULL);
		vu_fd_close(&fds[i]);
		CHECK(!is_open(number));
		CHECK_EQ(vu_fd_nb_closing(), 0);
	}
}

VU_TEST(fd_peer, own_fds_close_at_once)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int number = fd;

	vu_fd_track(fd, NULL);
	vu_fd_untrack(fd);
	vu_fd_close(&fd);
	CHECK(!is_open(number));
	/* The number means nothing to the next one that has it. */
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	CHECK_EQ(fd, number);
	vu_fd_track(fd, NULL);
	vu_fd_close(&fd);
	leak_check_settle();
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	CHECK_EQ(fd, number);
	vu_fd_close(&fd);
	CHECK(!is_open(number));
}

static void
track_and_close(int fd, struct vu_fd_budget *budget)
{
	vu_fd_track(fd, budget);
	vu_fd_close(&fd);
}

VU_TEST(fd_peer, stuck_file_costs_its_own_budget_only)
{
	struct vu_fd_budget *stuck = vu_fd_budget_create(), *other = vu_fd_budget_create();
	struct fake_fuse fuse;
	const int rc = fake_fuse_start(&fuse);
	int peer;

	if (rc == -ENOTSUP) {
		vu_fd_budget_destroy(stuck);
		vu_fd_budget_destroy(other);
		expect_skip();
	}
	CHECK_EQ(rc, 0);
	for (unsigned int i = 0; i < VU_FD_MAX_CLOSING; i++)
		track_and_close(fcntl(fuse.fd, F_DUPFD_CLOEXEC, 0), stuck);
	CHECK(!vu_fd_budget_is_full(stuck));
	track_and_close(fuse.fd, stuck);
	CHECK(vu_fd_budget_is_full(stuck));
	track_and_close(fake_lingering_socket(&peer), other);
	CHECK(closing_reaches(VU_FD_MAX_CLOSING + 1));
	CHECK(!vu_fd_budget_is_full(other));
	/* What waits outlives its budget. */
	vu_fd_budget_destroy(stuck);
	vu_fd_budget_destroy(other);
	fake_fuse_stop(&fuse);
	CHECK(closing_reaches(0));
	close(peer);
}

/* A driver kept it longer than the budget lived. */
VU_TEST(fd_peer, fd_outlives_its_budget)
{
	struct vu_fd_budget *budget = vu_fd_budget_create();
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int number = fd;

	vu_fd_track(fd, budget);
	vu_fd_budget_destroy(budget);
	vu_fd_close(&fd);
	CHECK(closing_reaches(0));
	CHECK(!is_open(number));
}
