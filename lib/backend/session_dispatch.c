/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a received message to its answer: gate, handler, commit, reply. A request without a row here
 * is one whose feature we do not offer; it is refused like one that was not negotiated.
 */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vu_trace.h"

static const struct session_handler session_handlers[] = {
	[VHOST_USER_GET_FEATURES] = { handle_nothing, reply_get_features },
	[VHOST_USER_SET_FEATURES] = { handle_set_features, NULL },
	[VHOST_USER_SET_OWNER] = { handle_nothing, NULL },
	[VHOST_USER_RESET_OWNER] = { handle_reset_owner, NULL },
	[VHOST_USER_SET_MEM_TABLE] = { handle_new_mem, NULL },
	[VHOST_USER_SET_LOG_BASE] = { handle_set_log_base, reply_set_log_base,
		.reply_protocol_features = RTE_BIT64(VHOST_USER_PROTOCOL_F_LOG_SHMFD) },
	[VHOST_USER_SET_LOG_FD] = { handle_set_log_fd, NULL },
	[VHOST_USER_SET_VRING_NUM] = { handle_set_vring_num, NULL },
	[VHOST_USER_SET_VRING_ADDR] = { handle_set_vring_addr, NULL },
	[VHOST_USER_SET_VRING_BASE] = { handle_set_vring_base, NULL },
	[VHOST_USER_GET_VRING_BASE] = { handle_get_vring_base, reply_get_vring_base },
	[VHOST_USER_SET_VRING_KICK] = { handle_set_vring_kick, NULL },
	[VHOST_USER_SET_VRING_CALL] = { handle_set_vring_call, NULL },
	[VHOST_USER_SET_VRING_ERR] = { handle_set_vring_err, NULL },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { handle_nothing, reply_get_protocol_features },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { handle_set_protocol_features, NULL },
	[VHOST_USER_GET_QUEUE_NUM] = { handle_nothing, reply_get_queue_num },
	[VHOST_USER_SET_VRING_ENABLE] = { handle_set_vring_enable, NULL },
	[VHOST_USER_SEND_RARP] = { handle_send_rarp, NULL },
	[VHOST_USER_NET_SET_MTU] = { handle_net_set_mtu, NULL },
	[VHOST_USER_SET_BACKEND_REQ_FD] = { handle_set_backend_req_fd, NULL },
	[VHOST_USER_IOTLB_MSG] = { handle_iotlb_msg, reply_iotlb_msg, .has_error_reply = true },
	[VHOST_USER_GET_CONFIG] = { handle_get_config, reply_get_config, .has_error_reply = true },
	[VHOST_USER_SET_CONFIG] = { handle_set_config, NULL },
	[VHOST_USER_GET_INFLIGHT_FD] = { handle_get_inflight_fd, reply_get_inflight_fd },
	[VHOST_USER_SET_INFLIGHT_FD] = { handle_set_inflight_fd, NULL },
	[VHOST_USER_CREATE_CRYPTO_SESSION] = { handle_create_crypto_session,
		reply_create_crypto_session },
	[VHOST_USER_CLOSE_CRYPTO_SESSION] = { handle_close_crypto_session, NULL },
	[VHOST_USER_GPU_SET_SOCKET] = { handle_gpu_set_socket, NULL },
	[VHOST_USER_RESET_DEVICE] = { handle_reset_device, NULL },
	[VHOST_USER_VRING_KICK] = { handle_vring_kick, NULL },
	[VHOST_USER_GET_MAX_MEM_SLOTS] = { handle_nothing, reply_get_max_mem_slots },
	[VHOST_USER_ADD_MEM_REG] = { handle_new_mem, NULL },
	[VHOST_USER_REM_MEM_REG] = { handle_new_mem, NULL },
	[VHOST_USER_SET_STATUS] = { handle_set_status, NULL },
	[VHOST_USER_GET_STATUS] = { handle_nothing, reply_get_status },
	[VHOST_USER_GET_SHARED_OBJECT] = { handle_get_shared_object, reply_get_shared_object,
		.has_error_reply = true },
	[VHOST_USER_SET_DEVICE_STATE_FD] = { handle_set_device_state_fd,
		reply_set_device_state_fd, .has_error_reply = true },
	[VHOST_USER_CHECK_DEVICE_STATE] = { handle_check_device_state, reply_check_device_state },
	[VHOST_USER_GET_SHMEM_CONFIG] = { handle_nothing, reply_get_shmem_config },
	/* Not reachable: its protocol feature is not offered. To drain would be right, too. */
	[VHOST_USER_GET_VRING_BASE_SKIP_DRAIN] = { handle_get_vring_base, reply_get_vring_base },
};

const struct session_handler *
session_handler_find(uint32_t request)
{
	if (request >= RTE_DIM(session_handlers) || session_handlers[request].handle == NULL)
		return NULL;
	return &session_handlers[request];
}

/* For a request with a reply of its own need_reply means nothing: the front-end would take an
 * acknowledgement for that reply.
 */
static bool
session_can_ack(const struct vu_backend_session *session)
{
	const struct vu_msg *msg = &session->request->msg;

	return msg->need_reply && (msg->spec == NULL || msg->spec->reply != VU_REPLY_ALWAYS) &&
		(session->protocol_features & RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0;
}

/* A ring size that the port does not take. */
static void
session_explain_size(const struct vu_backend_session *session, char *text, size_t bytes)
{
	const uint32_t size = session->request->msg.payload.state.num;
	const uint32_t max_size = vu_device_max_queue_size(session->dev);

	if (size > max_size)
		snprintf(text, bytes, ": a ring of %u entries, the port takes at most %u, see "
			"queue-size=", size, max_size);
	else
		snprintf(text, bytes, ": a split ring cannot have %u entries", size);
}

/* What a front-end with more queues than the port meets first; empty for other refusals. */
static void
session_explain_ring(const struct vu_backend_session *session, int rc, char *text, size_t bytes)
{
	const char *driver = vu_device_driver_name(session->dev);
	const uint32_t nb_queues = session->limits.nb_queues;
	uint32_t idx = UINT32_MAX;
	int len;

	text[0] = '\0';
	if (rc == -EINVAL && session->request->msg.request == VHOST_USER_SET_VRING_NUM) {
		session_explain_size(session, text, bytes);
		return;
	}
	if (rc == -EPROTO && session->request->msg.spec != NULL)
		idx = vu_msg_vring_idx(&session->request->msg);
	if (idx == UINT32_MAX || idx < nb_queues)
		return;
	len = snprintf(text, bytes, ": no queue %u, the port has queues 0 to %u", idx,
		nb_queues - 1);
	if (idx < VU_MAX_EVENTFD_QUEUES && len > 0 && (size_t)len < bytes)
		snprintf(text + len, bytes - (size_t)len, "; it needs queues=%u or more",
			idx / vu_device_driver_queue_group(driver) + 1);
}

static void
session_log_refusal(struct vu_backend_session *session, int rc)
{
	const struct vu_msg *msg = &session->request->msg;
	char ring[120];

	session_explain_ring(session, rc, ring, sizeof(ring));
	VU_LOG_LIMITED(vu_device_fault_log(session->dev), BACKEND, WARNING,
		"%s: %s (request %u, %u bytes, %u fds) refused: %s%s", vu_device_name(session->dev),
		vu_msg_name(msg), msg->request, msg->size, msg->nb_fds, rte_strerror(-rc), ring);
}

static bool
session_is_allowed(const struct vu_backend_session *session)
{
	return vu_msg_is_allowed(session->request->msg.spec, session_features(session),
		session->features, session->protocol_features);
}

/* Refuse: by a reply or acknowledgement if there is one, else by the end of the connection. */
static int
session_refuse(struct vu_backend_session *session, int rc)
{
	const struct session_handler *handler = session_handler_find(session->request->msg.request);
	struct vu_reply reply;

	session_log_refusal(session, rc);
	if (rc == -EBADMSG)
		return rc;
	if (handler != NULL && handler->has_error_reply && session_is_allowed(session))
		handler->reply(session, &session->request->msg, rc, &reply);
	else if (session_can_ack(session))
		vu_reply_ack(&reply, session->request->msg.request, rc);
	else
		return rc;
	return session_reply(session, &reply);
}

/* reply() of a request that has one now; it reports a failure too, unless it is conditional. */
static session_reply_fn *
session_reply_of(const struct vu_backend_session *session, const struct session_handler *handler)
{
	const uint64_t needed = handler->reply_protocol_features;

	if (needed != 0 && ((session->protocol_features & needed) != needed ||
			session->result != 0))
		return NULL;
	return handler->reply;
}

int
session_answer(struct vu_backend_session *session)
{
	const struct session_handler *handler = session_handler_find(session->request->msg.request);
	session_reply_fn *build_reply = session_reply_of(session, handler);
	struct vu_reply reply;
	bool is_silent = false;

	if (build_reply == NULL && session->result != 0)
		return session_refuse(session, session->result);
	if (build_reply != NULL)
		build_reply(session, &session->request->msg, session->result, &reply);
	else if (session_can_ack(session))
		vu_reply_ack(&reply, session->request->msg.request, 0);
	else
		is_silent = true;
	return session_reply(session, is_silent ? NULL : &reply);
}

/* A request that is legal now and that we have a handler for; 0 or -errno. */
static int
session_admit(const struct vu_backend_session *session)
{
	if (session_handler_find(session->request->msg.request) == NULL)
		return -EOPNOTSUPP;
	return session_is_allowed(session) ? 0 : -EPERM;
}

int
session_dispatch(struct vu_backend_session *session)
{
	struct vu_msg *msg = &session->request->msg;
	int rc = session->request->rc;

	session->last_request = msg->request;
	if (rc >= 0)
		rc = session_admit(session);
	if (rc < 0)
		return session_refuse(session, rc);
	VU_LOG(BACKEND, DEBUG, "%s: %s, %u bytes, %u fds", vu_device_name(session->dev),
		vu_msg_name(msg), msg->size, msg->nb_fds);
	session->result = session->request->prepared;
	if (session->result == 0)
		session->result = session_handler_find(msg->request)->handle(session, msg);
	vu_trace_request(vu_device_name(session->dev), msg->request, session->result);
	if (session->is_parked)
		return -EINPROGRESS;
	if (vu_device_commit(session->dev, session_unpark, session) == -EINPROGRESS) {
		session->is_parked = true;
		return -EINPROGRESS;
	}
	return session_answer(session);
}
