/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A back-end that answers by rote in a thread of its own, until it comes to the request at which it
 * is to misbehave. It also sends requests of its own when asked to. No device behind it.
 */
#ifndef SCRIPTED_BACKEND_H
#define SCRIPTED_BACKEND_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_bitops.h>

#include "vu_atomic.h"
#include "vu_conn.h"
#include "vu_fd.h"
#include "vu_frontend.h"

#include "test.h"
#include "vu_virtio.h"

#define SCRIPT_FEATURES (RTE_BIT64(VIRTIO_F_VERSION_1) | \
	RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES))
#define SCRIPT_TIMEOUT_MS 20000

enum script_fault {
	SCRIPT_FINE,
	SCRIPT_WRONG_ID,                 /* answers another request */
	SCRIPT_SHORT,                    /* a payload of 3 bytes */
	SCRIPT_LONG,                     /* a payload of 4096 bytes */
	SCRIPT_HUGE,                     /* a size that no frame has */
	SCRIPT_NO_FLAG,                  /* a request instead of a reply */
	SCRIPT_VERSION,                  /* version 2 */
	SCRIPT_RESERVED,                 /* a reserved flag */
	SCRIPT_UNKNOWN,                  /* a request number that does not exist */
	SCRIPT_WITH_FDS,                 /* two fds too many */
	SCRIPT_TWICE,                    /* the answer, and once more */
	SCRIPT_CUT,                      /* half a header, then the end */
	SCRIPT_CLOSE,                    /* the end */
	SCRIPT_SILENT,                   /* nothing */
	SCRIPT_NB_FATAL,
	SCRIPT_REFUSE = SCRIPT_NB_FATAL, /* acknowledges failure, or an empty answer */
	SCRIPT_WRONG_VALUE,              /* a well-formed answer to another question */
	SCRIPT_REGION,                   /* a region, where older peers in postcopy send one */
};

struct scripted_backend {
	pthread_t thread;
	int fd;                      /* for the front-end */
	int stop_fd;
	struct vu_conn *conn;
	struct vu_conn *channel;     /* requests of ours */
	uint64_t protocol_features;  /* offered */
	uint32_t fault_at;           /* request */
	enum script_fault fault;
	/** Run before the answer to fault_at, in the thread. */
	void (*before)(struct scripted_backend *script);
	struct vu_msg msg;
	struct vu_msg answer;        /* to a request of ours */
	int answer_rc;
	unsigned int nb_requests;
};

/* What a well-behaved back-end answers. */
static inline void
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

static inline void
script_edit(struct vu_reply *reply, size_t offset, uint32_t value)
{
	memcpy(reply->bytes + offset, &value, sizeof(value));
}

static inline void
script_refuse(struct scripted_backend *script, struct vu_reply *reply)
{
	uint32_t request = script->msg.request;

	if (request == VHOST_USER_GET_CONFIG)
		vu_reply_bytes(reply, request, NULL, 0);
	else
		vu_reply_ack(reply, request, -EINVAL);
}

/* Turn a good answer into a bad one. */
static inline void
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
static inline bool
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

static inline void
script_take_channel(struct scripted_backend *script)
{
	if (script->msg.request != VHOST_USER_SET_BACKEND_REQ_FD)
		return;
	vu_conn_destroy(script->channel);
	script->channel = vu_conn_create(vu_msg_take_fd(&script->msg, 0), NULL);
}

/* Wait for the socket or the end of the case; false at the end. */
static inline bool
script_wait(struct scripted_backend *script, int fd)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN }, { .fd = script->stop_fd, .events = POLLIN },
	};

	return poll(fds, 2, SCRIPT_TIMEOUT_MS) > 0 && fds[1].revents == 0;
}

static inline void *
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

/* Send a request on the channel; in the thread. */
static inline int
script_request(struct scripted_backend *script, const struct vu_reply *frame)
{
	return script->channel != NULL ? vu_conn_send(script->channel, frame) : -ENOTCONN;
}

/* The same, and wait for the answer: 0, or what vu_conn_receive() says. */
static inline int
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

static inline void
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

static inline void
script_stop(struct scripted_backend *script)
{
	vu_fd_signal(script->stop_fd);
	expect_thread_join(script->thread);
	vu_fd_close(&script->stop_fd);
}

#endif /* SCRIPTED_BACKEND_H */
