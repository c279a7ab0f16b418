/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One connection, as the control lcore sees it: requests that the door has made ready come, answers
 * go back to it.
 */
#include "backend_channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_errno.h>

#include "vu_device_control.h"
#include "vu_fd.h"
#include "vu_mem.h"
#include "vu_mem_log.h"
#include "vu_trace.h"

/* How often the door has to show that it is not stuck, and how often it may fail to. */
#define CHECK_MS 2000
#define MAX_MISSED 3

static const char *
session_end_reason(int rc)
{
	switch (rc) {
	case -ECONNRESET:
		return "front-end disconnected";
	case -EBADMSG:
		return "malformed message";
	case -ETIMEDOUT:
		return "the rest of a message does not arrive";
	case -ENOBUFS:
		return "front-end does not read our replies";
	default:
		return rte_strerror(-rc);
	}
}

static bool
session_can_refuse(int rc)
{
	return rc >= 0 || rc == -EPROTO || rc == -ENOTSUP || rc == -EBADMSG;
}

static void
session_request(void *arg, struct door_request *request)
{
	struct vu_backend_session *session = arg;
	int rc = request->rc;

	session->request = request;
	if (session_can_refuse(rc))
		rc = session_dispatch(session);
	if (rc != 0 && rc != -EINPROGRESS)
		vu_backend_session_close(session, session_end_reason(rc));
}

static void
session_hung_up(void *arg)
{
	vu_backend_session_close(arg, session_end_reason(-ECONNRESET));
}

static struct door_view
session_view(const struct vu_backend_session *session)
{
	return (struct door_view){
		.features = session_features(session),
		.features_acked = session->features,
		.protocol_features = session->protocol_features,
		.mem = vu_device_mem(session->dev),
	};
}

int
session_reply(struct vu_backend_session *session, const struct vu_reply *reply)
{
	const struct door_view view = session_view(session);

	session->request = NULL;
	return door_answer(session->door, reply, vu_fd_take(&session->reply_fd), &view);
}

void
session_unpark(void *arg)
{
	struct vu_backend_session *session = arg;
	int rc;

	session->is_parked = false;
	rc = session_answer(session);
	if (rc != 0)
		vu_backend_session_close(session, session_end_reason(rc));
}

struct door_line *
session_take_line(struct vu_backend_session *session)
{
	struct door_line *line = session->request->line;

	session->request->line = NULL;
	return line;
}

/* Once: the user can do something about it. @return false: there is nothing to find any more */
static bool
session_check_silence(struct vu_backend_session *session)
{
	const char *silence;

	if (session->is_silence_logged || !vu_device_has_run(session->dev) ||
			vu_device_has_carried(session->dev))
		return false;
	silence = vu_device_silence(session->dev);
	/* A kick of just now counts at the next check. */
	if (silence == NULL || !session->is_silent) {
		session->is_silent = silence != NULL;
		return true;
	}
	session->is_silence_logged = true;
	VU_LOG_LIMITED(vu_device_fault_log(session->dev), BACKEND, WARNING,
		"%s: the guest kicks, but its rings stay empty: %s", vu_device_name(session->dev),
		silence);
	return false;
}

/* A door that is stuck costs its own port only, and that not for ever. */
static void
session_check(void *arg)
{
	struct vu_backend_session *session = arg;
	const bool has_door_woken = session->has_door_woken;
	const unsigned int nb_missed = door_check(session->door);

	session->has_door_woken = false;
	if (nb_missed >= MAX_MISSED) {
		vu_backend_session_close(session, "something that it sent makes us wait");
	} else if (!session_check_silence(session) && nb_missed == 0 && !has_door_woken) {
		vu_reactor_timer_stop(session->check_timer);
		session->is_checking = false;
	}
}

static void
session_start_checks(struct vu_backend_session *session)
{
	const uint64_t check_us = UINT64_C(1000) * (session->conf.check_ms != 0 ?
		session->conf.check_ms : CHECK_MS);

	if (!session->is_checking)
		vu_reactor_timer_start(session->check_timer, check_us, check_us);
	session->is_checking = true;
}

/* It does something, and may be stuck in it. */
static void
session_door_woken(void *arg)
{
	struct vu_backend_session *session = arg;

	session->has_door_woken = true;
	session_start_checks(session);
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

/* What the answer to a front-end's last request lacked, if it was for that that it left. */
static const char *
session_missed(uint32_t request)
{
	switch (request) {
	case VHOST_USER_GET_FEATURES:
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		return "; it may want a feature that is not offered: /vu/features lists them";
	case VHOST_USER_GET_QUEUE_NUM:
		return "; it may want more queues: queues= gives the port more";
	default:
		return "";
	}
}

static void
session_log_life(struct vu_backend_session *session, const char *event, const char *cause)
{
	const char *name = vu_device_name(session->dev);

	if (session->conf.is_quiet && !vu_device_has_run(session->dev))
		VU_LOG(BACKEND, DEBUG, "%s: %s%s", name, event, cause);
	else
		VU_LOG_LIMITED(vu_device_life_log(session->dev), BACKEND, INFO, "%s: %s%s", name,
			event, cause);
}

/* One that leaves before anything ran did not find what it looked for. */
static void
session_log_end(struct vu_backend_session *session, const char *reason)
{
	const struct vu_msg_spec *spec = vu_msg_spec(session->last_request);
	char cause[200];

	if (vu_device_has_run(session->dev) || spec == NULL)
		snprintf(cause, sizeof(cause), "%s", reason);
	else
		snprintf(cause, sizeof(cause), "%s after %s, before a ring ran%s", reason,
			spec->name, session_missed(session->last_request));
	session_log_life(session, "session ended: ", cause);
}

static int
session_attach(struct vu_backend_session *session)
{
	const struct vu_device *dev = session->dev;
	const struct door_conf conf = {
		.control = session->conf.reactor, .peers = vu_device_peers(dev),
		.fd = session->conf.fd, .is_threadless = session->conf.is_threadless,
		.frame_ms = session->conf.frame_ms, .nb_queues = session->limits.nb_queues,
		.name = vu_device_name(dev), .numa_node = vu_device_numa_node(dev),
		.mem_policy = *vu_device_mem_policy(dev), .view = session_view(session),
		.request = session_request, .hung_up = session_hung_up,
		.woken = session_door_woken, .arg = session,
	};
	int fd = conf.fd;

	session->check_timer = vu_reactor_timer_create(conf.control, session_check, session);
	session->iotlb_timer = vu_reactor_timer_create(conf.control, session_iotlb_tick, session);
	if (session->check_timer == NULL || session->iotlb_timer == NULL) {
		vu_fd_close(&fd);
		rte_errno = ENOMEM;
	} else {
		session->door = door_open(&conf);
	}
	if (session->door == NULL) {
		vu_reactor_timer_destroy(session->check_timer);
		vu_reactor_timer_destroy(session->iotlb_timer);
		return -rte_errno;
	}
	session_start_checks(session);
	return 0;
}

struct vu_backend_session *
vu_backend_session_open(const struct vu_backend_conf *conf)
{
	struct vu_backend_session *session = calloc(1, sizeof(*session));
	struct vu_device_events events = {
		.arg = session, .ring_fault = session_ring_fault,
		.iotlb_miss = session_iotlb_miss,
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
	vu_reactor_call_init(&session->miss_call, session_collect_misses, session);
	vu_reactor_call_init(&session->state_call, session_unpark, session);
	rc = session_attach(session);
	if (rc != 0) {
		free(session);
		rte_errno = -rc;
		return NULL;
	}
	vu_device_connect(session->dev, &events);
	vu_trace_session_open(vu_device_name(session->dev));
	session_log_life(session, "front-end connected", "");
	return session;
}

/* No lcore works for this front-end any more. */
static void
session_disconnected(void *arg)
{
	struct vu_backend_session *session = arg;
	struct vu_backend_conf conf = session->conf;

	vu_reactor_call_cancel(conf.reactor, &session->fault_call);
	vu_reactor_call_cancel(conf.reactor, &session->miss_call);
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
	session_log_end(session, reason);
	vu_reactor_timer_destroy(session->check_timer);
	vu_reactor_timer_destroy(session->iotlb_timer);
	vu_reactor_call_cancel(session->conf.reactor, &session->state_call);
	vu_fd_close(&session->reply_fd);
	backend_channel_close(session);
	backend_gpu_close(session);
	inband_close(session);
	door_close(session->door);
	vu_device_disconnect(session->dev, session_disconnected, session);
}

void
vu_backend_session_check_mem(struct vu_backend_session *session)
{
	const struct vu_mem_table *mem = vu_device_mem(session->dev);
	const struct vu_mem_log *log = vu_device_log(session->dev);

	if (mem != NULL && vu_mem_table_has_failed(mem))
		vu_backend_session_close(session, "front-end shrank a memory file that it shares");
	else if (vu_device_inflight_has_failed(session->dev))
		vu_backend_session_close(session, "front-end shrank the in-flight region");
	else if (log != NULL && vu_mem_log_has_failed(log))
		vu_backend_session_close(session, "front-end shrank the dirty log");
}
