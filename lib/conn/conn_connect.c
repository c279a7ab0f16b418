/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Client mode: connect to a path.
 */
#include "vu_conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "vu_fd.h"

#include "conn.h"

int
conn_address(struct sockaddr_un *address, const char *path)
{
	size_t len = strlen(path);

	/* An empty path would name an address of the kernel's choice. */
	if (len == 0)
		return -EINVAL;
	if (len >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, path, len);
	return 0;
}

int
vu_connect(const char *path)
{
	struct sockaddr_un address;
	int rc = conn_address(&address, path);
	int fd;

	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Unix sockets connect at once or not at all: there is no EINPROGRESS to wait for. */
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		rc = -errno;
		vu_fd_close(&fd);
		return rc;
	}
	return fd;
}
