/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Server mode: who owns a socket path. Looking at the path, replacing a dead socket and binding are
 * one step under an exclusive flock of the directory. A lock on the directory leaves no file
 * behind, ends with its holder, and reaches across containers that share the directory. Programs
 * that do not take it are at risk only between our last look at a dead file and its removal: bind
 * itself never takes a path over.
 */
#include "vu_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_errno.h>

#include "vu_fd.h"
#include "vu_log.h"

#include "conn.h"

#define BACKLOG 16
#define LOCK_RETRY_US 10000
#define LOCK_TRIES 50

struct vu_listener {
	int fd;
	int dir_fd;                 /* survives a change of the working directory */
	struct sockaddr_un address; /* the path */
	const char *name;           /* last part of the path, inside address */
	dev_t file_dev;             /* of the socket file we made */
	ino_t file_ino;
};

static int
dir_open(const struct sockaddr_un *address, const char *name)
{
	struct sockaddr_un dir = *address;
	int fd;

	dir.sun_path[name - address->sun_path] = '\0';
	fd = open(dir.sun_path[0] == '\0' ? "." : dir.sun_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Anybody who may read the directory can hold its lock: the wait has an end. */
static int
dir_lock(int dir_fd)
{
	unsigned int nb_tries = LOCK_TRIES;

	while (flock(dir_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (--nb_tries == 0)
			return -EBUSY;
		usleep(LOCK_RETRY_US);
	}
	return 0;
}

static void
dir_unlock(int dir_fd)
{
	flock(dir_fd, LOCK_UN);
}

/* Returns 0 if the socket at the path is dead or has just gone, -errno if it must be left alone. */
static int
path_probe(const char *path)
{
	int fd = vu_connect(path);

	switch (fd) {
	case -ECONNREFUSED:
	case -ENOENT:
		return 0;
	case -EAGAIN:     /* a server with a full queue */
	case -EPROTOTYPE: /* a server of another kind, datagrams for example */
		return -EADDRINUSE;
	default:
		break;
	}
	if (fd < 0)
		return fd;
	vu_fd_close(&fd);
	return -EADDRINUSE;
}

static int
path_clear(const struct vu_listener *listener)
{
	struct stat before, now;
	int rc;

	if (fstatat(listener->dir_fd, listener->name, &before, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(before.st_mode))
		return -ENOTSOCK;
	rc = path_probe(listener->address.sun_path);
	if (rc < 0)
		return rc;
	/* Gone, or replaced by somebody without the lock: bind finds out. */
	if (fstatat(listener->dir_fd, listener->name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
			now.st_dev != before.st_dev || now.st_ino != before.st_ino)
		return 0;
	if (unlinkat(listener->dir_fd, listener->name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	VU_LOG(CONN, INFO, "%s: removed the socket of a server that is gone",
			listener->address.sun_path);
	return 0;
}

static int
path_bind(struct vu_listener *listener)
{
	struct stat file;

	if (bind(listener->fd, (const struct sockaddr *)&listener->address,
			sizeof(listener->address)) < 0)
		return -errno;
	if (fstatat(listener->dir_fd, listener->name, &file, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	listener->file_dev = file.st_dev;
	listener->file_ino = file.st_ino;
	return 0;
}

/* The file is ours if it is still there: an inode in use by our socket is not given out again. */
static void
path_remove_own(const struct vu_listener *listener)
{
	struct stat file;

	if (listener->file_ino == 0)
		return;
	if (fstatat(listener->dir_fd, listener->name, &file, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (file.st_dev == listener->file_dev && file.st_ino == listener->file_ino)
		unlinkat(listener->dir_fd, listener->name, 0);
}

/* The directory is locked: nobody sees the socket between bind and listen and takes it for dead. */
static int
listen_locked(struct vu_listener *listener)
{
	int rc = path_clear(listener);

	if (rc < 0)
		return rc;
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener->fd < 0)
		return -errno;
	rc = path_bind(listener);
	if (rc < 0)
		return rc;
	if (listen(listener->fd, BACKLOG) < 0) {
		rc = -errno;
		path_remove_own(listener);
	}
	return rc;
}

static int
listener_open(struct vu_listener *listener)
{
	int rc = dir_open(&listener->address, listener->name);

	if (rc < 0)
		return rc;
	listener->dir_fd = rc;
	rc = dir_lock(listener->dir_fd);
	if (rc < 0)
		return rc;
	rc = listen_locked(listener);
	dir_unlock(listener->dir_fd);
	return rc;
}

static int
listener_set_path(struct vu_listener *listener, const char *path)
{
	int rc = conn_address(&listener->address, path);
	const char *slash;

	if (rc < 0)
		return rc;
	slash = strrchr(listener->address.sun_path, '/');
	listener->name = slash == NULL ? listener->address.sun_path : slash + 1;
	return listener->name[0] == '\0' ? -EINVAL : 0;
}

struct vu_listener *
vu_listener_create(const char *path)
{
	struct vu_listener *listener = calloc(1, sizeof(*listener));
	int rc;

	if (listener == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	listener->fd = listener->dir_fd = VU_FD_NONE;
	rc = listener_set_path(listener, path);
	if (rc == 0)
		rc = listener_open(listener);
	if (rc < 0) {
		vu_fd_close(&listener->fd);
		vu_fd_close(&listener->dir_fd);
		free(listener);
		rte_errno = -rc;
		return NULL;
	}
	return listener;
}

void
vu_listener_destroy(struct vu_listener *listener)
{
	if (listener == NULL)
		return;
	/* No lock needed: as long as the socket listens, no starter takes the file for dead. */
	path_remove_own(listener);
	vu_fd_close(&listener->fd);
	vu_fd_close(&listener->dir_fd);
	free(listener);
}

int
vu_listener_fd(const struct vu_listener *listener)
{
	return listener->fd;
}

int
vu_listener_accept(struct vu_listener *listener)
{
	int fd;

	do
		fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	return fd < 0 ? -errno : fd;
}
