/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One socket of a connection, on the door's thread: frames in, frames out. Functions of door.h run
 * on the control lcore, all others on the door.
 */
#include "door_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vu_atomic.h"
#include "vu_fd.h"

static void line_work(void *arg);

static void
line_delivered(void *arg)
{
	struct door_line *line = arg;
	struct door *door = line->door;

	if (line->fn != NULL)
		line->fn(line->arg, &line->message);
	else
		door->conf.request(door->conf.arg, &door->request);
}

struct door_line *
line_create(struct door *door, int fd)
{
	struct door_line *line = calloc(1, sizeof(*line));

	if (line == NULL) {
		vu_fd_close(&fd);
		rte_errno = ENOMEM;
		return NULL;
	}
	line->door = door;
	line->conn = vu_conn_create(fd, door->peer);
	if (line->conn == NULL) {
		free(line);
		return NULL;
	}
	STAILQ_INIT(&line->pending);
	vu_reactor_call_init(&line->deliver_call, line_delivered, line);
	vu_reactor_call_init(&line->work_call, line_work, line);
	LIST_INSERT_HEAD(&door->lines, line, link);
	return line;
}

static void
line_frame_free(struct line_frame *frame)
{
	vu_fd_close(&frame->own_fd);
	free(frame);
}

static void
line_frames_free(struct line_frames *frames)
{
	while (!STAILQ_EMPTY(frames)) {
		struct line_frame *frame = STAILQ_FIRST(frames);

		STAILQ_REMOVE_HEAD(frames, next);
		line_frame_free(frame);
	}
}

void
line_destroy(struct door_line *line)
{
	vu_reactor_call_cancel(line->door->reactor, &line->work_call);
	LIST_REMOVE(line, link);
	vu_reactor_fd_remove(line->source);
	vu_conn_destroy(line->conn);
	vu_msg_release(&line->message.msg);
	line_frames_free(&line->pending);
	free(line);
}

void
line_deliver(struct door_line *line, int rc)
{
	line->is_with_control = true;
	line->message.rc = rc;
	line->door->request.rc = line->fn == NULL ? rc : line->door->request.rc;
	door_post_control(line->door, &line->is_closed, &line->deliver_call);
}

/* Is this how the reply to the oldest request begins? */
static bool
line_is_reply(void *arg, const struct vhost_user_header *header)
{
	const struct door_line *line = arg;
	const struct line_reply *reply = &line->replies[line->first_reply];

	return line->nb_replies != 0 && header->request == reply->request &&
		header->flags == VHOST_USER_REPLY_MASK && (int64_t)header->size == reply->bytes;
}

static int
line_receive_raw(struct door_line *line)
{
	int rc = vu_conn_receive_frame(line->conn, &line->message.frame, line_is_reply, line);

	if (rc > 0) {
		line->first_reply = (line->first_reply + 1) % LINE_MAX_REPLIES;
		line->nb_replies--;
	}
	return rc;
}

static int
line_receive_message(struct door_line *line)
{
	struct door *door = line->door;
	const struct vu_msg_limits limits = {
		.stream = line->fn != NULL ? VU_STREAM_BACKEND_REPLIES : VU_STREAM_REQUESTS,
		.nb_queues = door->conf.nb_queues,
	};

	return vu_conn_receive(line->conn,
		line->fn != NULL ? &line->message.msg : &door->request.msg, &limits);
}

/* The rest of a frame may never come, and what came with its first byte stays with us. */
static void
door_time_frame(struct door *door)
{
	const bool is_in_frame = vu_conn_is_in_frame(door->first->conn);

	if (is_in_frame && !door->is_timing)
		vu_reactor_timer_start(door->frame_timer,
			door->conf.frame_ms * UINT64_C(1000), 0);
	else if (!is_in_frame && door->is_timing)
		vu_reactor_timer_stop(door->frame_timer);
	door->is_timing = is_in_frame;
}

/* Control has left: what it had in use, memory above all, may be gone. */
static bool
line_is_left(const struct door_line *line)
{
	struct door *door = line->door;
	bool is_left;

	pthread_mutex_lock(&door->lock);
	is_left = door->is_closed || line->is_closed;
	pthread_mutex_unlock(&door->lock);
	return is_left;
}

static void
line_receive(struct door_line *line)
{
	int rc;

	if (line->is_with_control || !line->is_receiving || line_is_left(line))
		return;
	if (line->error == 0)
		rc = line->is_raw ? line_receive_raw(line) : line_receive_message(line);
	else
		rc = line->error;
	if (line->fn == NULL) {
		door_time_frame(line->door);
		if (rc > 0)
			door_prepare(line->door, &line->door->request);
	}
	if (rc != 0)
		line_deliver(line, rc);
}

static void
line_update_interest(struct door_line *line)
{
	uint32_t events = line->is_with_control ? 0 : EPOLLIN;

	if (vu_conn_wants_write(line->conn))
		events |= EPOLLOUT;
	if (line->source != NULL)
		vu_reactor_fd_modify(line->source, events);
	vu_store(&line->nb_conn_bytes, vu_conn_queued_bytes(line->conn));
}

/* A hang-up cannot be masked: it would be reported in every turn until control is done. */
static void
line_hung_up(struct door_line *line)
{
	vu_reactor_fd_remove(line->source);
	line->source = NULL;
	if (line->fn == NULL)
		door_post_control(line->door, &line->is_closed, &line->door->hup_call);
}

static void
line_ready(void *arg, uint32_t events)
{
	struct door_line *line = arg;
	int rc;

	door_begin_work(line->door);
	rc = (events & EPOLLOUT) != 0 ? vu_conn_flush(line->conn) : 0;
	if (rc < 0)
		line->error = rc;
	if (line->is_with_control && (events & (EPOLLHUP | EPOLLERR)) != 0)
		line_hung_up(line);
	line_receive(line);
	line_update_interest(line);
}

static int
line_send(struct door_line *line, const struct line_frame *frame)
{
	const struct iovec iov = {
		.iov_base = RTE_PTR_ADD(frame->bytes, 0), .iov_len = frame->size,
	};
	const struct vu_conn_parts parts = {
		.iov = &iov, .nb_iov = 1, .fds = frame->fds, .nb_fds = frame->nb_fds,
	};

	if (!line->is_raw && vu_conn_nb_queued(line->conn) == VU_CONN_MAX_QUEUED)
		return -ENOBUFS;
	if (frame->reply_bytes >= 0) {
		if (line->nb_replies == LINE_MAX_REPLIES)
			return -ENOBUFS;
		line->replies[(line->first_reply + line->nb_replies++) % LINE_MAX_REPLIES] =
			(struct line_reply){ frame->reply_request, frame->reply_bytes };
	}
	return vu_conn_send_parts(line->conn, &parts);
}

static void
line_start(struct door_line *line)
{
	line->is_receiving = true;
	line->source = vu_reactor_fd_add(line->door->reactor, vu_conn_fd(line->conn), EPOLLIN,
		line_ready, line);
	if (line->source == NULL)
		line->error = -rte_errno;
}

/* All that control asked for since the last time. */
static void
line_work(void *arg)
{
	struct door_line *line = arg;
	struct door *door = line->door;
	struct line_frames frames = STAILQ_HEAD_INITIALIZER(frames);
	struct line_frame *frame;
	bool is_closed, is_started, is_next;

	door_begin_work(door);
	pthread_mutex_lock(&door->lock);
	STAILQ_CONCAT(&frames, &line->pending);
	line->nb_pending = 0;
	is_closed = line->is_closed;
	is_started = line->is_started;
	is_next = line->is_next;
	line->is_next = false;
	pthread_mutex_unlock(&door->lock);
	if (!is_closed && is_started && !line->is_receiving)
		line_start(line);
	STAILQ_FOREACH(frame, &frames, next) {
		if (!is_closed && line->error == 0)
			line->error = line_send(line, frame);
		__atomic_sub_fetch(&line->nb_pending_bytes, frame->size, __ATOMIC_RELAXED);
	}
	line_frames_free(&frames);
	if (is_closed) {
		line_destroy(line);
		return;
	}
	if (is_next) {
		line->is_with_control = false;
		if (line->fn == NULL)
			door_drop(&door->request);
	}
	line_receive(line);
	line_update_interest(line);
}

void
line_wake(struct door_line *line)
{
	vu_reactor_post(line->door->reactor, &line->work_call);
}

struct line_frame *
line_frame_create(const struct vu_conn_parts *parts, int fd)
{
	struct line_frame *frame;
	size_t size = 0;

	for (unsigned int i = 0; i < parts->nb_iov; i++)
		size += parts->iov[i].iov_len;
	frame = malloc(sizeof(*frame) + size);
	if (frame == NULL) {
		vu_fd_close(&fd);
		return NULL;
	}
	*frame = (struct line_frame){
		.own_fd = fd, .nb_fds = parts->nb_fds, .reply_bytes = -1, .size = size,
	};
	memcpy(frame->fds, parts->fds, parts->nb_fds * sizeof(frame->fds[0]));
	size = 0;
	for (unsigned int i = 0; i < parts->nb_iov; i++) {
		if (parts->iov[i].iov_len != 0)
			memcpy(frame->bytes + size, parts->iov[i].iov_base, parts->iov[i].iov_len);
		size += parts->iov[i].iov_len;
	}
	return frame;
}

void
line_queue(struct door_line *line, struct line_frame *frame)
{
	__atomic_add_fetch(&line->nb_pending_bytes, frame->size, __ATOMIC_RELAXED);
	STAILQ_INSERT_TAIL(&line->pending, frame, next);
	line->nb_pending++;
	line_wake(line);
}

void
door_line_start(struct door_line *line, bool is_raw, door_message_fn fn, void *arg)
{
	pthread_mutex_lock(&line->door->lock);
	line->is_raw = is_raw;
	line->fn = fn;
	line->arg = arg;
	line->is_started = true;
	line_wake(line);
	pthread_mutex_unlock(&line->door->lock);
}

int
door_line_send(struct door_line *line, const struct vu_conn_parts *parts, int fd,
	uint32_t reply_request, int reply_bytes)
{
	struct line_frame *frame = line_frame_create(parts, fd);
	bool has_room;

	if (frame == NULL)
		return -ENOMEM;
	frame->reply_request = reply_request;
	frame->reply_bytes = reply_bytes;
	pthread_mutex_lock(&line->door->lock);
	has_room = line->nb_pending < LINE_MAX_PENDING;
	if (has_room)
		line_queue(line, frame);
	pthread_mutex_unlock(&line->door->lock);
	if (!has_room)
		line_frame_free(frame);
	return has_room ? 0 : -ENOBUFS;
}

uint64_t
door_line_queued_bytes(const struct door_line *line)
{
	return vu_load(&line->nb_pending_bytes) + vu_load(&line->nb_conn_bytes);
}

void
door_line_next(struct door_line *line)
{
	pthread_mutex_lock(&line->door->lock);
	line->is_next = true;
	line_wake(line);
	pthread_mutex_unlock(&line->door->lock);
}

void
door_line_close(struct door_line *line)
{
	struct door *door;

	if (line == NULL)
		return;
	door = line->door;
	pthread_mutex_lock(&door->lock);
	line->is_closed = true;
	/* Before the door can free it. */
	vu_reactor_call_cancel(door->conf.control, &line->deliver_call);
	line_wake(line);
	pthread_mutex_unlock(&door->lock);
}
