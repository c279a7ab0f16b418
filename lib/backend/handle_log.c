/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Dirty log of a live migration. The commit after the handler publishes it, and the reply follows
 * when no data lcore marks in the former log any more.
 */
#include "session.h"

#include <errno.h>

#include <rte_bitops.h>

#include "vu_device_control.h"
#include "vu_mem_log.h"
#include "vu_virtio.h"

static bool
log_is_offered(const struct vu_backend_session *session)
{
	return (session_features(session) & RTE_BIT64(VHOST_F_LOG_ALL)) != 0;
}

int
handle_set_log_base(struct vu_backend_session *session, struct vu_msg *msg)
{
	const uint64_t shmfd = RTE_BIT64(VHOST_USER_PROTOCOL_F_LOG_SHMFD);

	if (!log_is_offered(session))
		return -EOPNOTSUPP;
	/* The message then names an address in the front-end's process: no log for us. */
	if (msg->nb_fds == 0)
		return (session->protocol_features & shmfd) == 0 ? 0 : -EINVAL;
	vu_device_set_log(session->dev, session->request->log);
	session->request->log = NULL;
	return 0;
}

/* What the reply holds is nowhere said: QEMU takes any, rust-vmm wants the request back. */
void
reply_set_log_base(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	(void)session;
	(void)rc;
	vu_reply_bytes(reply, msg->request, &msg->payload.log, sizeof(msg->payload.log));
}

/* To be written when the log changes. Front-ends look at the log unasked: nobody waits for it. */
int
handle_set_log_fd(struct vu_backend_session *session, struct vu_msg *msg)
{
	(void)msg;
	return log_is_offered(session) ? 0 : -EOPNOTSUPP;
}
