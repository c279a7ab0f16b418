/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One connection: receive, dispatch, send what the socket did not take, and close. Nothing here
 * blocks.
 */
#include "backend_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <rte_errno.h>

#include "vu_device_control.h"
#include "vu_fd.h"
#include "vu_mem.h"
#include "vu_mem_log.h"
#include "vu_trace.h"

/* Requests handled before other sources get their turn. */
#define SESSION_BATCH 64

static void
session_update_interest(struct vu_backend_session *session)
{
	uint32_t events = session->is_parked ? 0 : EPOLLIN;

	if (vu_conn_wants_write(session->conn))
		events |= EPOLLOUT;
	vu_reactor_fd_modify(session->source, events);
}

static const char *
session_end_reason(int rc)
{
	switch (rc) {
	case -ECONNRESET:
		return "front-end disconnected";
	case -EBADMSG:
		return "malformed message";
	case -EDQUOT:
		return "it sent too many fds that take long to close";
	case -ENOBUFS:
		return "front-end does not read our replies";
	default:
		return rte_strerror(-rc);
	}
}

/* Handle what has arrived; false if the session was closed. */
static bool
session_receive(struct vu_backend_session *session)
{
	int rc = 0;

	session->is_turn_over = false;
	for (unsigned int i = 0; i < SESSION_BATCH && rc == 0 && !session->is_turn_over; i++) {
		rc = vu_conn_receive(session->conn, &session->msg, &session->limits);
		if (rc == 0)
			return true;
		if (rc < 0 && rc != -EPROTO && rc != -ENOTSUP && rc != -EBADMSG) {
			vu_backend_session_close(session, session_end_reason(rc));
			return false;
		}
		rc = session_dispatch(session, rc);
	}
	if (rc != 0 && rc != -EINPROGRESS) {
		vu_backend_session_close(session, session_end_reason(rc));
		return false;
	}
	return true;
}

static void
session_ready(void *arg, uint32_t events)
{
	struct vu_backend_session *session = arg;
	int rc = 0;

	if ((events & EPOLLOUT) != 0)
		rc = vu_conn_flush(session->conn);
	if (rc < 0 && rc != -EAGAIN) {
		vu_backend_session_close(session, session_end_reason(rc));
		return;
	}
	/* A hang-up cannot be masked: it would be reported in every turn until the wait is over. */
	if (session->is_parked && (events & (EPOLLHUP | EPOLLERR)) != 0) {
		vu_backend_session_close(session, session_end_reason(-ECONNRESET));
		return;
	}
	if (!session->is_parked && !session_receive(session))
		return;
	session_update_interest(session);
}

void
session_unpark(void *arg)
{
	struct vu_backend_session *session = arg;
	int rc;

	session->is_parked = false;
	rc = session_answer(session);
	if (rc != 0) {
		vu_backend_session_close(session, session_end_reason(rc));
		return;
	}
	if (session_receive(session))
		session_update_interest(session);
}

int
session_take_kept_fd(const struct vu_backend_session *session, struct vu_msg *msg, int *fd)
{
	*fd = vu_msg_take_fd(msg, 0);
	if (!vu_conn_is_own_end(session->conn, *fd))
		return 0;
	vu_fd_close(fd);
	return -EINVAL;
}

/* Data lcore: a ring was given up or has to be. */
static void
session_ring_fault(void *arg, uint32_t queue_idx)
{
	struct vu_backend_session *session = arg;

	(void)queue_idx;
	vu_reactor_post(session->conf.reactor, &session->fault_call);
}

/* Its other rings may cost a data lcore as much as this one did. */
static void
session_look_at_faults(void *arg)
{
	struct vu_backend_session *session = arg;

	if (!vu_device_report_faults(session->dev))
		vu_backend_session_close(session, "its eventfd blocks");
}

static int
session_attach(struct vu_backend_session *session)
{
	session->conn = vu_conn_create(session->conf.fd,
		vu_device_fd_budget(session->dev));
	if (session->conn == NULL)
		return -rte_errno;
	session->source = vu_reactor_fd_add(session->conf.reactor, vu_conn_fd(session->conn),
		EPOLLIN, session_ready, session);
	if (session->source == NULL) {
		vu_conn_destroy(session->conn);
		return -rte_errno;
	}
	return 0;
}

struct vu_backend_session *
vu_backend_session_open(const struct vu_backend_conf *conf)
{
	struct vu_backend_session *session = calloc(1, sizeof(*session));
	struct vu_device_events events = {
		.arg = session, .ring_fault = session_ring_fault,
		.channel_send = backend_channel_send, .gpu_send = backend_gpu_send,
		.state_checked = session_state_checked,
	};
	int fd = conf->fd;
	int rc;

	if (session == NULL) {
		vu_fd_close(&fd);
		rte_errno = ENOMEM;
		return NULL;
	}
	session->conf = *conf;
	session->dev = conf->dev;
	session->limits.nb_queues = vu_device_nb_queues(conf->dev);
	session->reply_fd = VU_FD_NONE;
	vu_reactor_call_init(&session->fault_call, session_look_at_faults, session);
	vu_reactor_call_init(&session->state_call, session_unpark, session);
	rc = session_attach(session);
	if (rc != 0) {
		free(session);
		rte_errno = -rc;
		return NULL;
	}
	vu_device_connect(session->dev, &events);
	vu_trace_session_open(vu_device_name(session->dev));
	VU_LOG_LIMITED(vu_device_life_log(session->dev), BACKEND, INFO, "%s: front-end connected",
		vu_device_name(session->dev));
	return session;
}

/* No lcore works for this front-end any more. */
static void
session_disconnected(void *arg)
{
	struct vu_backend_session *session = arg;
	struct vu_backend_conf conf = session->conf;

	vu_reactor_call_cancel(conf.reactor, &session->fault_call);
	free(session);
	conf.closed(conf.arg);
}

void
vu_backend_session_close(struct vu_backend_session *session, const char *reason)
{
	if (session->is_closing)
		return;
	session->is_closing = true;
	vu_trace_session_close(vu_device_name(session->dev), reason);
	VU_LOG_LIMITED(vu_device_life_log(session->dev), BACKEND, INFO, "%s: session ended: %s",
		vu_device_name(session->dev), reason);
	vu_reactor_fd_remove(session->source);
	vu_conn_destroy(session->conn);
	if (session->is_parked)
		vu_msg_release(&session->msg);
	vu_reactor_call_cancel(session->conf.reactor, &session->state_call);
	vu_fd_close(&session->reply_fd);
	backend_channel_close(session);
	backend_gpu_close(session);
	inband_close(session);
	vu_device_disconnect(session->dev, session_disconnected, session);
}

void
vu_backend_session_check_mem(struct vu_backend_session *session)
{
	const struct vu_mem_table *mem = vu_device_mem(session->dev);
	const struct vu_mem_log *log = vu_device_log(session->dev);

	if (mem != NULL && vu_mem_table_has_failed(mem))
		vu_backend_session_close(session, "front-end shrank a memory file that it shares");
	else if (log != NULL && vu_mem_log_has_failed(log))
		vu_backend_session_close(session, "front-end shrank the dirty log");
}
