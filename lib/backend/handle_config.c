/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Device configuration space and MTU.
 */
#include "session.h"

#include <errno.h>

int
handle_get_config(struct vu_backend_session *session, struct vu_msg *msg)
{
	struct vhost_user_config *config = &msg->payload.config;

	return vu_device_config_get(session->dev, config->offset, config->data, config->size);
}

void
reply_get_config(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	(void)session;
	if (rc == 0)
		vu_reply_config(reply, &msg->payload.config);
	else
		vu_reply_bytes(reply, msg->request, NULL, 0);
}

int
handle_set_config(struct vu_backend_session *session, struct vu_msg *msg)
{
	const struct vhost_user_config *config = &msg->payload.config;

	return vu_device_config_set(session->dev, config->offset, config->data, config->size,
		config->flags == VHOST_USER_CONFIG_MIGRATION);
}

int
handle_net_set_mtu(struct vu_backend_session *session, struct vu_msg *msg)
{
	return vu_device_set_mtu(session->dev, msg->payload.u64);
}
