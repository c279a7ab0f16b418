/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A back-end that answers by rote; see scripted_backend.h.
 */
#include "scripted_backend.h"

/* What a well-behaved back-end answers. */
static void
script_reply(struct scripted_backend *script, struct vu_reply *reply)
{
	static uint8_t zeroes[sizeof(struct vhost_user_shmem_config)];
	struct vu_msg *msg = &script->msg;

	switch (msg->request) {
	case VHOST_USER_GET_FEATURES:
		vu_reply_u64(reply, msg->request, SCRIPT_FEATURES);
		break;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		vu_reply_u64(reply, msg->request, script->protocol_features);
		break;
	case VHOST_USER_GET_QUEUE_NUM:
		vu_reply_u64(reply, msg->request, 2);
		break;
	case VHOST_USER_GET_MAX_MEM_SLOTS:
		vu_reply_u64(reply, msg->request, 32);
		break;
	case VHOST_USER_GET_STATUS:
		vu_reply_u64(reply, msg->request, 15);
		break;
	case VHOST_USER_GET_VRING_BASE:
		vu_reply_state(reply, msg->request, msg->payload.state.index, 0);
		break;
	case VHOST_USER_GET_CONFIG:
		vu_reply_config(reply, &msg->payload.config);
		break;
	case VHOST_USER_GET_SHMEM_CONFIG:
		vu_reply_bytes(reply, msg->request, zeroes, sizeof(zeroes));
		break;
	default:
		vu_reply_ack(reply, msg->request, 0);
	}
}

static void
script_edit(struct vu_reply *reply, size_t offset, uint32_t value)
{
	memcpy(reply->bytes + offset, &value, sizeof(value));
}

static void
script_refuse(struct scripted_backend *script, struct vu_reply *reply)
{
	uint32_t request = script->msg.request;

	if (request == VHOST_USER_GET_CONFIG)
		vu_reply_bytes(reply, request, NULL, 0);
	else
		vu_reply_ack(reply, request, -EINVAL);
}

/* Turn a good answer into a bad one. */
static void
script_spoil(struct scripted_backend *script, struct vu_reply *reply)
{
	static const uint8_t junk[VU_MAX_MSG_BYTES];
	uint32_t request = script->msg.request;

	switch (script->fault) {
	case SCRIPT_WRONG_ID:
		script_edit(reply, 0, request == VHOST_USER_GET_FEATURES ?
			VHOST_USER_GET_QUEUE_NUM : VHOST_USER_GET_FEATURES);
		break;
	case SCRIPT_SHORT:
		vu_reply_bytes(reply, request, junk, 3);
		break;
	case SCRIPT_LONG:
		vu_reply_bytes(reply, request, junk, sizeof(junk));
		break;
	case SCRIPT_HUGE:
		script_edit(reply, 8, UINT32_MAX);
		break;
	case SCRIPT_NO_FLAG:
		script_edit(reply, 4, 1);
		break;
	case SCRIPT_VERSION:
		script_edit(reply, 4, 6);
		break;
	case SCRIPT_RESERVED:
		script_edit(reply, 4, 0x15);
		break;
	case SCRIPT_UNKNOWN:
		script_edit(reply, 0, 77);
		break;
	case SCRIPT_WITH_FDS:
		vu_reply_add_fd(reply, script->stop_fd);
		vu_reply_add_fd(reply, script->stop_fd);
		break;
	case SCRIPT_CUT:
		reply->len = 6;
		break;
	case SCRIPT_REFUSE:
		script_refuse(script, reply);
		break;
	case SCRIPT_REGION:
		vu_reply_bytes(reply, request, junk, sizeof(struct vhost_user_mem_reg));
		break;
	case SCRIPT_WRONG_VALUE:
		script_edit(reply, VHOST_USER_HEADER_BYTES, 0x1234567);
		break;
	default:
		break;
	}
}

/* Returns false if the thread shall end. */
static bool
script_answer(struct scripted_backend *script)
{
	bool is_spoiled = script->fault_at == script->msg.request;
	struct vu_reply reply;

	if (is_spoiled && script->before != NULL)
		script->before(script);
	if (script->msg.spec->reply != VU_REPLY_ALWAYS && !script->msg.need_reply)
		return true;
	script_reply(script, &reply);
	if (is_spoiled)
		script_spoil(script, &reply);
	if (is_spoiled && script->fault == SCRIPT_CLOSE)
		return false;
	if (is_spoiled && script->fault == SCRIPT_SILENT)
		return true;
	vu_conn_send(script->conn, &reply);
	if (is_spoiled && script->fault == SCRIPT_TWICE)
		vu_conn_send(script->conn, &reply);
	return !is_spoiled || script->fault != SCRIPT_CUT;
}

static void
script_take_channel(struct scripted_backend *script)
{
	if (script->msg.request != VHOST_USER_SET_BACKEND_REQ_FD)
		return;
	vu_conn_destroy(script->channel);
	script->channel = vu_conn_create(vu_msg_take_fd(&script->msg, 0), NULL);
}

/* Wait for the socket or the end of the case; false at the end. */
static bool
script_wait(struct scripted_backend *script, int fd)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN }, { .fd = script->stop_fd, .events = POLLIN },
	};

	return poll(fds, 2, EXPECT_WAIT_MS) > 0 && fds[1].revents == 0;
}

static void *
script_main(void *arg)
{
	const struct vu_msg_limits limits = { .nb_queues = 256 };
	struct scripted_backend *script = arg;
	bool goes_on = true;

	while (goes_on && script_wait(script, vu_conn_fd(script->conn))) {
		int rc = vu_conn_receive(script->conn, &script->msg, &limits);

		if (rc > 0) {
			script_take_channel(script);
			vu_counter_add(&script->nb_requests, 1);
			goes_on = script_answer(script);
		}
		vu_msg_release(&script->msg);
		goes_on = goes_on && rc >= 0;
	}
	vu_conn_destroy(script->channel);
	vu_conn_destroy(script->conn);
	return NULL;
}

int
script_request(struct scripted_backend *script, const struct vu_reply *frame)
{
	return script->channel != NULL ? vu_conn_send(script->channel, frame) : -ENOTCONN;
}

int
script_ask(struct scripted_backend *script, const struct vu_reply *frame)
{
	const struct vu_msg_limits limits = {
		.stream = VU_STREAM_BACKEND_REPLIES, .nb_queues = 256,
	};
	int rc = script_request(script, frame);

	while (rc == 0) {
		rc = vu_conn_receive(script->channel, &script->answer, &limits);
		if (rc == 0 && !script_wait(script, vu_conn_fd(script->channel)))
			rc = -ETIMEDOUT;
	}
	return rc > 0 ? 0 : rc;
}

void
script_start(struct scripted_backend *script)
{
	int socks[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks), 0);
	script->fd = socks[0];
	script->conn = vu_conn_create(socks[1], NULL);
	script->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	script->protocol_features = script->protocol_features != 0 ? script->protocol_features :
		RTE_BIT64(VHOST_USER_NB_PROTOCOL_FEATURES) - 1;
	expect_thread_start(&script->thread, script_main, script);
}

void
script_stop(struct scripted_backend *script)
{
	vu_fd_signal(script->stop_fd);
	expect_thread_join(script->thread);
	vu_fd_close(&script->stop_fd);
}
