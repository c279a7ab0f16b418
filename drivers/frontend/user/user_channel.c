/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The back-end's own requests. Each was checked by the decoder and is checked here against what was
 * negotiated; then the user of the front-end decides. A refusal leaves the channel usable, a
 * malformed frame ends the connection.
 */
#include "user.h"

#include <errno.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "vu_fd.h"

/* Requests handled before the front-end's own business goes on. */
#define CHANNEL_BATCH 64

typedef int (*channel_handler_fn)(struct user_frontend *user, struct vu_msg *msg,
	const struct vu_frontend_events *events, void *arg);

static int
handle_config_change(struct user_frontend *user, struct vu_msg *msg,
	const struct vu_frontend_events *events, void *arg)
{
	RTE_SET_USED(msg);
	RTE_SET_USED(events);
	RTE_SET_USED(arg);
	vu_frontend_config_changed(user->fe);
	return 0;
}

static int
handle_host_notifier(struct user_frontend *user, struct vu_msg *msg,
	const struct vu_frontend_events *events, void *arg)
{
	const struct vu_frontend_notifier notifier = {
		.queue_idx = vu_msg_vring_idx(msg),
		.offset = msg->payload.area.offset,
		.bytes = msg->payload.area.size,
		.fd = events->host_notifier != NULL ? vu_msg_take_fd(msg, 0) : VU_FD_NONE,
	};

	RTE_SET_USED(user);
	return events->host_notifier != NULL ? events->host_notifier(arg, &notifier) : -EOPNOTSUPP;
}

static int
handle_vring_call(struct user_frontend *user, struct vu_msg *msg,
	const struct vu_frontend_events *events, void *arg)
{
	RTE_SET_USED(user);
	if (events->queue_call != NULL)
		events->queue_call(arg, msg->payload.state.index);
	return 0;
}

static int
handle_vring_err(struct user_frontend *user, struct vu_msg *msg,
	const struct vu_frontend_events *events, void *arg)
{
	RTE_SET_USED(user);
	if (events->queue_error != NULL)
		events->queue_error(arg, msg->payload.state.index);
	return 0;
}

static int
handle_object_add(struct user_frontend *user, struct vu_msg *msg,
	const struct vu_frontend_events *events, void *arg)
{
	RTE_SET_USED(user);
	return events->shared_object_add != NULL ?
		events->shared_object_add(arg, msg->payload.uuid.bytes) : -EOPNOTSUPP;
}

static int
handle_object_remove(struct user_frontend *user, struct vu_msg *msg,
	const struct vu_frontend_events *events, void *arg)
{
	RTE_SET_USED(user);
	return events->shared_object_remove != NULL ?
		events->shared_object_remove(arg, msg->payload.uuid.bytes) : -EOPNOTSUPP;
}

/* Returns the fd to answer with. */
static int
handle_object_lookup(struct user_frontend *user, struct vu_msg *msg,
	const struct vu_frontend_events *events, void *arg)
{
	RTE_SET_USED(user);
	return events->shared_object_lookup != NULL ?
		events->shared_object_lookup(arg, msg->payload.uuid.bytes) : -EOPNOTSUPP;
}

static struct vu_frontend_shmem
shmem_of(struct vu_msg *msg)
{
	const struct vhost_user_mmap *map = &msg->payload.mmap;

	return (struct vu_frontend_shmem){
		.shmid = map->shmid,
		.is_writable = (map->flags & VHOST_USER_MMAP_F_RW_MASK) != 0,
		.fd = vu_msg_take_fd(msg, 0),
		.fd_offset = map->fd_offset,
		.shm_offset = map->shm_offset,
		.bytes = map->len,
	};
}

static int
handle_shmem_map(struct user_frontend *user, struct vu_msg *msg,
	const struct vu_frontend_events *events, void *arg)
{
	struct vu_frontend_shmem shmem;

	RTE_SET_USED(user);
	if (events->shmem_map == NULL)
		return -EOPNOTSUPP;
	shmem = shmem_of(msg);
	return events->shmem_map(arg, &shmem);
}

static int
handle_shmem_unmap(struct user_frontend *user, struct vu_msg *msg,
	const struct vu_frontend_events *events, void *arg)
{
	struct vu_frontend_shmem shmem = shmem_of(msg);

	RTE_SET_USED(user);
	return events->shmem_unmap != NULL ? events->shmem_unmap(arg, &shmem) : -EOPNOTSUPP;
}

static const channel_handler_fn channel_handlers[VHOST_USER_BACKEND_NB_REQUESTS] = {
	[VHOST_USER_BACKEND_CONFIG_CHANGE_MSG] = handle_config_change,
	[VHOST_USER_BACKEND_VRING_HOST_NOTIFIER_MSG] = handle_host_notifier,
	[VHOST_USER_BACKEND_VRING_CALL] = handle_vring_call,
	[VHOST_USER_BACKEND_VRING_ERR] = handle_vring_err,
	[VHOST_USER_BACKEND_SHARED_OBJECT_ADD] = handle_object_add,
	[VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE] = handle_object_remove,
	[VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP] = handle_object_lookup,
	[VHOST_USER_BACKEND_SHMEM_MAP] = handle_shmem_map,
	[VHOST_USER_BACKEND_SHMEM_UNMAP] = handle_shmem_unmap,
};

static int
channel_handle(struct user_frontend *user, struct vu_msg *msg)
{
	const struct vu_frontend_events *events;
	channel_handler_fn handle = channel_handlers[msg->request];
	void *arg;

	if (handle == NULL)
		return -EOPNOTSUPP;
	if (!vu_msg_is_allowed(msg->spec, user->features_offered, user->features,
			user->protocol_features))
		return -EPERM;
	events = vu_frontend_events(user->fe, &arg);
	return handle(user, msg, events, arg);
}

/* Answer if the back-end asked, or if the request always has an answer. */
static void
channel_answer(struct user_frontend *user, int rc)
{
	const struct vu_msg *msg = &user->request;
	bool is_lookup = msg->request == VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP;
	int fd = is_lookup && rc >= 0 ? rc : VU_FD_NONE;
	struct vu_reply reply;

	vu_reply_ack(&reply, msg->request, rc < 0 ? rc : 0);
	if (fd != VU_FD_NONE)
		vu_reply_add_fd(&reply, fd);
	if (is_lookup || (msg->need_reply && (user->protocol_features &
			RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0))
		rc = vu_conn_send(user->channel, &reply);
	else
		rc = 0;
	vu_fd_close(&fd);
	/* A back-end that went away is seen at the next receive. */
	if (rc != 0 && rc != -ECONNRESET)
		user->error = rc;
}

static void
channel_handle_one(struct user_frontend *user, int rc)
{
	struct vu_msg *msg = &user->request;

	if (rc > 0)
		rc = channel_handle(user, msg);
	if (rc < 0)
		VU_LOG_LIMITED(&user->log_limit, FRONTEND, WARNING,
			"%s: %s of the back-end refused: %s", vu_frontend_name(user->fe),
			vu_msg_name(msg), strerror(-rc));
	vu_msg_release(msg);
	channel_answer(user, rc);
}

void
user_channel_receive(struct user_frontend *user)
{
	for (unsigned int i = 0; i < CHANNEL_BATCH && user->error == 0; i++) {
		int rc;

		if (user->channel == NULL || user->is_channel_closed)
			return;
		rc = vu_conn_flush(user->channel);
		if (rc == 0)
			rc = vu_conn_receive(user->channel, &user->request,
				&user->channel_limits);
		if (rc == 0)
			return;
		if (rc == -ECONNRESET) {
			user->is_channel_closed = true;
		} else if (rc < 0 && rc != -ENOTSUP && rc != -EPROTO) {
			vu_msg_release(&user->request);
			user->error = rc;
		} else {
			channel_handle_one(user, rc);
		}
	}
}
