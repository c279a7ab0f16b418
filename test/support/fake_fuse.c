/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The server is a process of its own, which mounts, has a child open the file and send it here, and
 * then answers what is needed for that.
 */
#include "fake_fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"

#define FILE_NODE 2
#define REQUEST_BYTES 65536
#define LINGER_SECONDS 3600

static void
fuse_answer(int dev, const struct fuse_in_header *in, int error, const void *body, size_t len)
{
	struct fuse_out_header out = {
		.unique = in->unique, .error = -error, .len = (uint32_t)(sizeof(out) + len),
	};
	const struct iovec iov[] = {
		{ .iov_base = &out, .iov_len = sizeof(out) },
		{ .iov_base = (void *)(uintptr_t)body, .iov_len = len },
	};

	if (writev(dev, iov, 2) < 0)
		_exit(1);
}

static void
fuse_answer_attr(int dev, const struct fuse_in_header *in)
{
	const struct fuse_attr_out attr = {
		.attr_valid = 3600, .attr = { .ino = 1, .mode = S_IFDIR | 0755, .nlink = 1 },
	};

	fuse_answer(dev, in, 0, &attr, sizeof(attr));
}

/* Only the child that opened the file may close its copy. */
static void
fuse_serve_one(int dev, const struct fuse_in_header *in, pid_t opener)
{
	const struct fuse_init_out init = { .major = 7, .minor = 23, .max_write = 4096 };
	const struct fuse_entry_out entry = {
		.nodeid = FILE_NODE, .entry_valid = 3600, .attr_valid = 3600,
		.attr = { .ino = FILE_NODE, .mode = S_IFREG | 0644, .nlink = 1 },
	};
	const struct fuse_open_out file = { .fh = 1 };

	switch (in->opcode) {
	case FUSE_INIT:
		fuse_answer(dev, in, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		fuse_answer(dev, in, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		fuse_answer_attr(dev, in);
		break;
	case FUSE_OPEN:
		fuse_answer(dev, in, 0, &file, sizeof(file));
		break;
	case FUSE_FLUSH:
		if ((pid_t)in->pid == opener)
			fuse_answer(dev, in, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	case FUSE_RELEASE:
		fuse_answer(dev, in, 0, NULL, 0);
		break;
	default:
		fuse_answer(dev, in, ENOSYS, NULL, 0);
		break;
	}
}

static void
fd_send(int sock, int fd)
{
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = &(char){ 0 }, .iov_len = 1 };
	const struct msghdr header = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(int)),
	};
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (sendmsg(sock, &header, MSG_NOSIGNAL) < 0)
		_exit(1);
}

static int
fd_receive(int sock)
{
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr header = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sock, &header, MSG_CMSG_CLOEXEC) <= 0 || header.msg_controllen == 0)
		return -ENOTSUP;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static int
fuse_mount(const char *path)
{
	int dev = open("/dev/fuse", O_RDWR);
	char options[64];

	if (dev < 0 || unshare(CLONE_NEWNS) < 0 ||
			mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(1);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%u,group_id=%u", dev,
		geteuid(), getegid());
	if (mount("vu-test", path, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		_exit(1);
	return dev;
}

static void
fuse_serve(const char *path, int sock)
{
	static _Alignas(8) uint8_t request[REQUEST_BYTES];
	char file[64];
	pid_t opener;
	int dev;

	/* A case that fails does not stop us: nobody could end a process that waits for us. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Nothing of what the tests have open may stay open here. */
	dup2(sock, 3);
	close_range(4, ~0u, 0);
	dev = fuse_mount(path);
	snprintf(file, sizeof(file), "%s/file", path);
	opener = fork();
	if (opener == 0) {
		close(dev);
		fd_send(3, open(file, O_RDONLY));
		_exit(0);
	}
	while (read(dev, request, sizeof(request)) > 0)
		fuse_serve_one(dev, (const struct fuse_in_header *)request, opener);
	_exit(0);
}

int
fake_fuse_start(struct fake_fuse *fuse)
{
	int socks[2];

	snprintf(fuse->path, sizeof(fuse->path), "/tmp/vu-fuse-XXXXXX");
	if (mkdtemp(fuse->path) == NULL ||
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	fuse->server = fork();
	if (fuse->server == 0)
		fuse_serve(fuse->path, socks[1]);
	close(socks[1]);
	fuse->fd = fd_receive(socks[0]);
	close(socks[0]);
	if (fuse->fd >= 0)
		return 0;
	fake_fuse_stop(fuse);
	return -ENOTSUP;
}

void
fake_fuse_stop(struct fake_fuse *fuse)
{
	kill(fuse->server, SIGKILL);
	waitpid(fuse->server, NULL, 0);
	rmdir(fuse->path);
}

int
fake_lingering_socket(int *peer)
{
	static const uint8_t bytes[65536];
	const struct linger linger = { .l_onoff = 1, .l_linger = LINGER_SECONDS };
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(bind(listener, (struct sockaddr *)&addr, len) == 0 &&
		listen(listener, 1) == 0 &&
		getsockname(listener, (struct sockaddr *)&addr, &len) == 0 &&
		connect(fd, (struct sockaddr *)&addr, len) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
	*peer = accept(listener, NULL, NULL);
	close(listener);
	return fd;
}
