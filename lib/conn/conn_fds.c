/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bytes with SCM_RIGHTS descriptors, both ways. A received descriptor is either handed to the
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

/*
 * Room for VU_MAX_MSG_FDS and, the padding being zero for an even number, for not one more: the
 * kernel drops what does not fit and sets MSG_CTRUNC.
 */
union control {
	struct cmsghdr align;
	unsigned char bytes[CMSG_SPACE(VU_MAX_MSG_FDS * sizeof(int))];
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

static void
fds_collect(struct msghdr *header, struct conn_fds *fds)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(header); cmsg != NULL; cmsg = CMSG_NXTHDR(header, cmsg)) {
		size_t len = cmsg->cmsg_len - CMSG_LEN(0);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		/* The control buffer bounds the sum over all of them. */
		memcpy(fds->fds + fds->nb, CMSG_DATA(cmsg), len);
		fds->nb += len / sizeof(int);
	}
}

ssize_t
conn_recv(int sock, void *bytes, size_t len, struct conn_fds *fds)
{
	struct iovec iov = { .iov_base = bytes, .iov_len = len };
	union control control;
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t nb_bytes;

	fds->nb = 0;
	do
		/* O_NONBLOCK is not enough: a peer that sent us the socket can take it back. */
		nb_bytes = recvmsg(sock, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (nb_bytes < 0 && errno == EINTR);
	if (nb_bytes < 0)
		return -errno;
	fds_collect(&header, fds);
	if ((header.msg_flags & MSG_CTRUNC) != 0) {
		conn_fds_close(fds);
		return -EBADMSG;
	}
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
conn_send(int sock, const void *bytes, size_t len, const int *fds, unsigned int nb_fds)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t nb_bytes;

	if (nb_fds > 0)
		fds_attach(&header, &control, fds, nb_fds);
	do
		nb_bytes = sendmsg(sock, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (nb_bytes < 0 && errno == EINTR);
	return nb_bytes < 0 ? -errno : nb_bytes;
}
