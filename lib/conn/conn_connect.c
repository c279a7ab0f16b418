/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Client mode: connect to a path, and the delays between attempts.
 */
#include "vu_conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <rte_common.h>

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

void
vu_backoff_init(struct vu_backoff *backoff, uint32_t first_ms, uint32_t max_ms)
{
	backoff->first_ms = RTE_MAX(first_ms, UINT32_C(1));
	backoff->max_ms = RTE_MAX(max_ms, backoff->first_ms);
	vu_backoff_reset(backoff);
}

void
vu_backoff_reset(struct vu_backoff *backoff)
{
	backoff->next_ms = backoff->first_ms;
}

uint32_t
vu_backoff_next_ms(struct vu_backoff *backoff)
{
	uint32_t delay_ms = backoff->next_ms;

	backoff->next_ms = delay_ms > backoff->max_ms / 2 ? backoff->max_ms : 2 * delay_ms;
	return delay_ms;
}
