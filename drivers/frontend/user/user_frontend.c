/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver "user": a back-end in another process, behind a Unix socket. Life of the connection; the
 * requests are in the other files.
 */
#include "user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_errno.h>

#include "vu_fd.h"

struct user_frontend *
user_of(struct vu_frontend *fe)
{
	return vu_frontend_priv(fe);
}

static int
user_open_socket(struct user_frontend *user)
{
	if (user->mode != VU_FRONTEND_SERVER)
		return 0;
	user->listener = vu_listener_create(user->path);
	return user->listener != NULL ? 0 : -rte_errno;
}

static void
user_close(struct vu_frontend *fe)
{
	struct user_frontend *user = user_of(fe);

	vu_listener_destroy(user->listener);
	vu_fd_close(&user->fd);
	free(user->path);
	free(user);
}

static int
user_open(struct vu_frontend *fe, const struct vu_frontend_conf *conf)
{
	struct user_frontend *user = calloc(1, sizeof(*user));
	int fd = conf->fd;
	int rc;

	if (user == NULL) {
		vu_fd_close(&fd);
		return -ENOMEM;
	}
	user->fe = fe;
	user->mode = conf->mode;
	user->reply_ms = conf->reply_ms;
	user->fd = fd;
	user->limits = (struct vu_msg_limits){
		.stream = VU_STREAM_REPLIES, .nb_queues = conf->nb_queues,
	};
	user->channel_limits = (struct vu_msg_limits){
		.stream = VU_STREAM_BACKEND_REQUESTS, .nb_queues = conf->nb_queues,
	};
	user->path = strdup(conf->path != NULL ? conf->path : "");
	rc = user->path != NULL ? user_open_socket(user) : -ENOMEM;
	vu_frontend_set_priv(fe, user);
	if (rc != 0)
		user_close(fe);
	return rc;
}

static int
user_socket(struct user_frontend *user)
{
	switch (user->mode) {
	case VU_FRONTEND_CLIENT:
		return vu_connect(user->path);
	case VU_FRONTEND_SERVER:
		return vu_listener_accept(user->listener);
	default:
		return user->fd != VU_FD_NONE ? vu_fd_take(&user->fd) : -ENOTCONN;
	}
}

static int
user_connect(struct vu_frontend *fe)
{
	struct user_frontend *user = user_of(fe);
	int fd = user_socket(user);

	/* A full queue of a server is worth another attempt, a listener without a client a wait. */
	if (fd == -EAGAIN && user->mode == VU_FRONTEND_CLIENT)
		return -ECONNREFUSED;
	if (fd < 0)
		return fd;
	user->conn = vu_conn_create(fd, NULL);
	if (user->conn == NULL)
		return -rte_errno;
	user->error = 0;
	user->features_offered = 0;
	user->features = 0;
	user->protocol_features = 0;
	return 0;
}

static void
user_disconnect(struct vu_frontend *fe)
{
	struct user_frontend *user = user_of(fe);

	vu_msg_release(&user->reply);
	vu_conn_destroy(user->channel);
	vu_conn_destroy(user->conn);
	user->channel = NULL;
	user->conn = NULL;
	user->is_channel_closed = false;
}

static int
user_error(const struct vu_frontend *fe)
{
	const struct user_frontend *user = vu_frontend_priv(fe);

	return user->error;
}

static unsigned int
user_fds(const struct vu_frontend *fe, int fds[VU_FRONTEND_MAX_FDS])
{
	const struct user_frontend *user = vu_frontend_priv(fe);

	if (user->conn == NULL) {
		fds[0] = user->listener != NULL ? vu_listener_fd(user->listener) : VU_FD_NONE;
		return user->listener != NULL ? 1 : 0;
	}
	fds[0] = vu_conn_fd(user->conn);
	if (user->channel == NULL || user->is_channel_closed)
		return 1;
	fds[1] = vu_conn_fd(user->channel);
	return 2;
}

/* Nobody asked for anything: all that may come on the main socket is its end. */
static void
user_ready(struct vu_frontend *fe)
{
	struct user_frontend *user = user_of(fe);
	int rc;

	if (user->is_busy)
		return;
	vu_msg_release(&user->reply);
	rc = vu_conn_receive(user->conn, &user->reply, &user->limits);
	if (rc > 0)
		user_fail(user, "unexpected reply");
	else if (rc < 0)
		user->error = rc;
	user->is_busy = true;
	user_channel_receive(user);
	user->is_busy = false;
}

static const struct vu_frontend_ops user_ops = {
	.name = "user",
	.protocol_features = RTE_BIT64(VHOST_USER_PROTOCOL_F_MQ) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_LOG_SHMFD) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_RARP) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_MTU) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_CRYPTO_SESSION) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIG) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_HOST_NOTIFIER) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_STATUS) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_SHARED_OBJECT) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_DEVICE_STATE) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_GPA_ADDRESSES) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_SHMEM),
	.open = user_open,
	.close = user_close,
	.connect = user_connect,
	.disconnect = user_disconnect,
	.error = user_error,
	.fds = user_fds,
	.ready = user_ready,
	.get_features = user_get_features,
	.set_features = user_set_features,
	.get_protocol_features = user_get_protocol_features,
	.set_protocol_features = user_set_protocol_features,
	.set_owner = user_set_owner,
	.get_queue_num = user_get_queue_num,
	.open_channel = user_open_channel,
	.get_max_regions = user_get_max_regions,
	.add_mem = user_add_mem,
	.remove_mem = user_remove_mem,
	.set_mem = user_set_mem,
	.set_vring_num = user_set_vring_num,
	.set_vring_base = user_set_vring_base,
	.set_vring_addr = user_set_vring_addr,
	.set_vring_call = user_set_vring_call,
	.set_vring_kick = user_set_vring_kick,
	.set_vring_enable = user_set_vring_enable,
	.get_vring_base = user_get_vring_base,
	.kick = user_kick,
	.barrier = user_barrier,
	.get_config = user_get_config,
	.set_config = user_set_config,
	.get_status = user_get_status,
	.set_status = user_set_status,
	.reset = user_reset,
	.request = user_request,
};

VU_FRONTEND_DRIVER(user_ops)
