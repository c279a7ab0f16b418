/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests that go straight to an op of the device: configuration space, MTU, RARP, crypto
 * sessions, shared objects, shared memory.
 */
#include "session.h"

#include <errno.h>
#include <string.h>

#include "vu_device_control.h"
#include "vu_fd.h"

static_assert(VU_DEVICE_MAX_SHMEM == VHOST_USER_MAX_SHMEM_REGIONS, "shared memory regions");

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

int
handle_send_rarp(struct vu_backend_session *session, struct vu_msg *msg)
{
	return vu_device_send_rarp(session->dev, msg->payload.bytes);
}

/* The layout is the front-end's and the device's; what all have in common is the id at the end. */
static void
crypto_set_id(struct vu_msg *msg, int64_t session_id)
{
	memcpy(msg->payload.bytes + msg->size - sizeof(session_id), &session_id,
		sizeof(session_id));
}

int
handle_create_crypto_session(struct vu_backend_session *session, struct vu_msg *msg)
{
	int64_t session_id = -1;
	int rc = vu_device_create_crypto_session(session->dev, msg->payload.bytes, msg->size,
		&session_id);

	crypto_set_id(msg, rc == 0 ? session_id : -1);
	return rc;
}

void
reply_create_crypto_session(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	(void)session;
	(void)rc;
	vu_reply_bytes(reply, msg->request, msg->payload.bytes, msg->size);
}

int
handle_close_crypto_session(struct vu_backend_session *session, struct vu_msg *msg)
{
	return vu_device_close_crypto_session(session->dev, msg->payload.u64);
}

int
handle_get_shared_object(struct vu_backend_session *session, struct vu_msg *msg)
{
	int fd = vu_device_get_shared_object(session->dev, msg->payload.uuid.bytes);

	if (fd < 0)
		return fd;
	session->reply_fd = fd;
	return 0;
}

void
reply_get_shared_object(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	vu_reply_bytes(reply, msg->request, NULL, 0);
	if (rc == 0)
		vu_reply_add_fd(reply, session->reply_fd);
}

void
reply_get_shmem_config(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	struct vhost_user_shmem_config config = { 0 };

	(void)rc;
	vu_device_get_shmem_config(session->dev, config.sizes);
	for (unsigned int i = 0; i < VHOST_USER_MAX_SHMEM_REGIONS; i++)
		config.nb_regions += config.sizes[i] != 0;
	vu_reply_bytes(reply, msg->request, &config, sizeof(config));
}
