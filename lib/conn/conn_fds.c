/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bytes with SCM_RIGHTS fds, both ways. A received fd is either handed to the
 * caller or closed here.
 */
#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vu_fd.h"

#ifndef SCM_PIDFD /* C library older than Linux 6.5 */
#define SCM_PIDFD 4
#endif

/*
 * The kernel puts at most 253 fds into one message, and other things that a peer can switch on in a
 * socket that it gave us.
 */
#define CONTROL_FDS 253
#define CONTROL_OTHERS 512

union control {
	struct cmsghdr align;
	unsigned char bytes[CMSG_SPACE(CONTROL_FDS * sizeof(int)) + CONTROL_OTHERS];
};

void
conn_fds_close(struct conn_fds *fds)
{
	for (unsigned int i = 0; i < fds->nb; i++)
		vu_fd_close(&fds->fds[i]);
	fds->nb = 0;
}

int
conn_fds_dup(struct conn_fds *fds, const int *from, unsigned int nb)
{
	for (fds->nb = 0; fds->nb < nb; fds->nb++) {
		int fd = fcntl(from[fds->nb], F_DUPFD_CLOEXEC, 0);

		if (fd < 0) {
			int rc = -errno;

			conn_fds_close(fds);
			return rc;
		}
		fds->fds[fds->nb] = fd;
	}
	return 0;
}

/* Keep the first VU_MAX_MSG_FDS; returns how many came. */
static unsigned int
fds_collect(struct msghdr *header, struct conn_fds *fds, struct vu_peer *peer)
{
	struct cmsghdr *cmsg;
	unsigned int nb = 0;

	for (cmsg = CMSG_FIRSTHDR(header); cmsg != NULL; cmsg = CMSG_NXTHDR(header, cmsg)) {
		const size_t len = cmsg->cmsg_len - CMSG_LEN(0);

		if (cmsg->cmsg_level != SOL_SOCKET ||
				(cmsg->cmsg_type != SCM_RIGHTS && cmsg->cmsg_type != SCM_PIDFD))
			continue;
		for (size_t i = 0; i < len / sizeof(int); i++, nb++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (vu_fd_track(fd, peer) && cmsg->cmsg_type == SCM_RIGHTS &&
					fds->nb < VU_MAX_MSG_FDS)
				fds->fds[fds->nb++] = fd;
			else
				vu_fd_close(&fd);
		}
	}
	return nb;
}

/* The kernel drops fds that it has no number for and says what it says of too many. */
static bool
fds_are_used_up(int sock)
{
	int fd = fcntl(sock, F_DUPFD_CLOEXEC, 0);
	const bool is_full = fd < 0 && (errno == EMFILE || errno == ENFILE);

	vu_fd_close(&fd);
	return is_full;
}

ssize_t
conn_recv(int sock, void *bytes, size_t len, struct conn_fds *fds, struct vu_peer *peer)
{
	struct iovec iov = { .iov_base = bytes, .iov_len = len };
	union control control;
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	unsigned int nb_fds;
	ssize_t nb_bytes;

	fds->nb = 0;
	do
		/* O_NONBLOCK is the peer's, too, if it sent us the socket: it stays as it is. */
		nb_bytes = recvmsg(sock, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (nb_bytes < 0 && errno == EINTR);
	if (nb_bytes < 0)
		return -errno;
	nb_fds = fds_collect(&header, fds, peer);
	if ((header.msg_flags & MSG_CTRUNC) != 0 || nb_fds != fds->nb)
		nb_bytes = fds_are_used_up(sock) ? -EMFILE : -EBADMSG;
	if (nb_bytes < 0)
		conn_fds_close(fds);
	return nb_bytes;
}

static void
fds_attach(struct msghdr *header, union control *control, const int *fds, unsigned int nb_fds)
{
	struct cmsghdr *cmsg;

	memset(control, 0, sizeof(*control));
	header->msg_control = control;
	header->msg_controllen = CMSG_SPACE(nb_fds * sizeof(int));
	cmsg = CMSG_FIRSTHDR(header);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(nb_fds * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, nb_fds * sizeof(int));
}

ssize_t
conn_send(int sock, const struct vu_conn_parts *parts)
{
	struct msghdr header = {
		.msg_iov = (struct iovec *)(uintptr_t)parts->iov, .msg_iovlen = parts->nb_iov,
	};
	union control control;
	ssize_t nb_bytes;

	if (parts->nb_fds > 0)
		fds_attach(&header, &control, parts->fds, parts->nb_fds);
	do
		nb_bytes = sendmsg(sock, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (nb_bytes < 0 && errno == EINTR);
	return nb_bytes < 0 ? -errno : nb_bytes;
}
