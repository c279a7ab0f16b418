/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One request and its answer. The wait has an end; it serves the back-end's channel, because a
 * back-end may need its answer before it can give ours.
 */
#include "user.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_errno.h>

int
user_fail(struct user_frontend *user, const char *what)
{
	VU_LOG_LIMITED(&user->log_limit, FRONTEND, WARNING, "%s: %s: %s (%u bytes, %u fds)",
		vu_frontend_name(user->fe), vu_msg_name(&user->reply), what, user->reply.size,
		user->reply.nb_fds);
	user->error = -EPROTO;
	return -EPROTO;
}

/* Will the back-end answer, and is it asked to? */
static bool
wants_reply(const struct user_frontend *user, const struct vu_msg_spec *spec, bool *need_reply)
{
	bool has_ack = (user->protocol_features & RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0;
	bool has_log = (user->protocol_features &
		RTE_BIT64(VHOST_USER_PROTOCOL_F_LOG_SHMFD)) != 0;
	bool has_own = spec->reply == VU_REPLY_ALWAYS ||
		(spec->request == VHOST_USER_SET_LOG_BASE && has_log);

	/* Some back-ends answer an IOTLB message only if asked. */
	*need_reply = has_ack && (!has_own || spec->request == VHOST_USER_IOTLB_MSG);
	return has_own || has_ack;
}

int
user_begin(struct user_frontend *user, struct vu_reply *frame, uint32_t request)
{
	const struct vu_msg_spec *spec = vu_msg_spec(request);
	bool need_reply;

	if (user->conn == NULL || user->error != 0)
		return -ENOTCONN;
	if (user->is_busy)
		return -EBUSY;
	if (spec == NULL || !vu_msg_is_allowed(spec, user->features_offered, user->features,
			user->protocol_features))
		return -EOPNOTSUPP;
	wants_reply(user, spec, &need_reply);
	vu_request_begin(frame, request, need_reply);
	return 0;
}

/* Wait for the main socket; the channel is served. */
static int
wait_socket(struct user_frontend *user, short events, uint64_t end_ms)
{
	uint64_t at_ms = vu_frontend_now_ms();
	bool has_channel = user->channel != NULL && !user->is_channel_closed;
	struct pollfd fds[] = {
		{ .fd = vu_conn_fd(user->conn), .events = events },
		{ .fd = has_channel ? vu_conn_fd(user->channel) : -1, .events = POLLIN },
	};

	if (at_ms >= end_ms)
		return -ETIMEDOUT;
	if (poll(fds, RTE_DIM(fds), (int)RTE_MIN(end_ms - at_ms, UINT64_C(60000))) < 0 &&
			errno != EINTR)
		return -errno;
	if (fds[1].revents != 0)
		user_channel_receive(user);
	return user->error;
}

static int
send_frame(struct user_frontend *user, const struct vu_reply *frame, uint64_t end_ms)
{
	int rc = vu_conn_send(user->conn, frame);

	while (rc == 0 && vu_conn_wants_write(user->conn)) {
		rc = wait_socket(user, POLLOUT, end_ms);
		if (rc == 0)
			rc = vu_conn_flush(user->conn);
	}
	return rc;
}

static int
receive_reply(struct user_frontend *user, uint32_t request, uint64_t end_ms)
{
	int rc = 0;

	while (rc == 0) {
		rc = vu_conn_receive(user->conn, &user->reply, &user->limits);
		if (rc == 0)
			rc = wait_socket(user, POLLIN, end_ms);
	}
	if (rc > 0 && user->reply.request != request)
		return -EPROTO;
	return rc > 0 ? 0 : rc;
}

/* Neither answer has a name for its failure: any value but 0 is one. */
static int
check_ack(struct user_frontend *user)
{
	if (user->reply.size != sizeof(uint64_t))
		return user_fail(user, "not an acknowledgement");
	return user->reply.payload.u64 == 0 ? 0 : -EREMOTEIO;
}

static int
exchange(struct user_frontend *user, const struct vu_reply *frame,
	const struct vu_msg_spec *spec)
{
	uint64_t end_ms = vu_frontend_now_ms() + user->reply_ms;
	bool need_reply;
	bool has_reply = wants_reply(user, spec, &need_reply);
	int rc;

	vu_msg_release(&user->reply);
	user->reply.nb_fds = 0;
	rc = send_frame(user, frame, end_ms);
	if (rc == 0 && has_reply)
		rc = receive_reply(user, spec->request, end_ms);
	if (rc != 0) {
		VU_LOG(FRONTEND, WARNING, "%s: %s: %s", vu_frontend_name(user->fe), spec->name,
			rte_strerror(-rc));
		user->error = rc;
		return rc;
	}
	return need_reply ? check_ack(user) : 0;
}

int
user_do(struct user_frontend *user, const struct vu_reply *frame)
{
	struct vhost_user_header header;
	const struct vu_msg_spec *spec;
	int rc;

	memcpy(&header, frame->bytes, sizeof(header));
	spec = vu_msg_spec(header.request);
	user->is_busy = true;
	rc = exchange(user, frame, spec);
	user->is_busy = false;
	VU_LOG(FRONTEND, DEBUG, "%s: %s, %u bytes, %u fds: %d", vu_frontend_name(user->fe),
		spec->name, header.size, frame->nb_fds, rc);
	return rc;
}
