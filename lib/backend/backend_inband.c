/* SPDX-License-Identifier: BSD-3-Clause
 *
 * In-band notifications (protocol feature 14): a ring for which the front-end set no call or error
 * fd gets an eventfd of the session's, so that the data path stays as it is; what arrives
 * there goes out as a message on the back-end channel. One message per ring and kind is under way
 * at a time, later events wait for its acknowledgement: the socket cannot fill up.
 */
#include "backend_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "vu_device_control.h"
#include "vu_fd.h"

/* One kind of notification of one ring. */
struct inband_line {
	struct vu_backend_session *session;
	struct vu_reactor_fd *source; /* NULL: not in use */
	uint32_t queue_idx;
	enum inband_line_kind kind;
	int fd;                       /* our half of the ring's fd; only with a source */
	bool is_set;                  /* the front-end has set it itself */
	bool is_due;                  /* an event waits to be reported */
	bool is_under_way;            /* a message waits for its acknowledgement */
};

static const uint32_t line_requests[INBAND_NB_LINES] = {
	[INBAND_CALL] = VHOST_USER_BACKEND_VRING_CALL,
	[INBAND_ERR] = VHOST_USER_BACKEND_VRING_ERR,
};

static unsigned int
inband_nb_lines(const struct vu_backend_session *session)
{
	return session->limits.nb_queues * INBAND_NB_LINES;
}

/* Lines of the session, made with the first use; NULL without memory. */
static struct inband_line *
inband_line(struct vu_backend_session *session, uint32_t queue_idx, enum inband_line_kind kind)
{
	if (session->inband == NULL)
		session->inband = calloc(inband_nb_lines(session), sizeof(*session->inband));
	if (session->inband == NULL)
		return NULL;
	return &session->inband[queue_idx * INBAND_NB_LINES + kind];
}

static void line_reported(void *arg, int rc, int fd);

static void
line_tell(struct inband_line *line)
{
	const struct vu_channel_reply reply = { .done = line_reported, .arg = line };

	if (!line->is_due || line->is_under_way)
		return;
	line->is_due = false;
	line->is_under_way = true;
	if (backend_channel_notify(line->session, line_requests[line->kind], line->queue_idx,
			&reply) == 0)
		return;
	/* No channel yet, or no room: inband_flush() comes back to it. */
	line->is_due = true;
	line->is_under_way = false;
}

static void
line_reported(void *arg, int rc, int fd)
{
	struct inband_line *line = arg;

	(void)fd;
	line->is_under_way = false;
	/* Lost with the channel: the next one reports it. */
	if (rc == -ECONNRESET)
		line->is_due |= line->source != NULL;
	else
		line_tell(line);
}

static void
line_ready(void *arg, uint32_t events)
{
	struct inband_line *line = arg;
	uint64_t count;

	(void)events;
	if (read(line->fd, &count, sizeof(count)) < 0)
		return;
	line->is_due = true;
	line_tell(line);
}

static void
line_close(struct inband_line *line)
{
	if (line->source == NULL)
		return;
	vu_reactor_fd_remove(line->source);
	line->source = NULL;
	vu_fd_close(&line->fd);
	line->is_due = false;
}

/* Give the ring one half of an eventfd and add interest in the other. */
static int
line_open(struct inband_line *line)
{
	struct vu_device *dev = line->session->dev;
	int ring_fd;

	line->fd = vu_fd_eventfd();
	if (line->fd < 0)
		return line->fd;
	ring_fd = fcntl(line->fd, F_DUPFD_CLOEXEC, 0);
	if (ring_fd < 0) {
		vu_fd_close(&line->fd);
		return -EMFILE;
	}
	line->source = vu_reactor_fd_add(line->session->conf.reactor, line->fd, EPOLLIN,
		line_ready, line);
	if (line->source == NULL) {
		vu_fd_close(&line->fd);
		vu_fd_close(&ring_fd);
		return -ENOMEM;
	}
	if (line->kind == INBAND_CALL)
		vu_device_ring_set_call(dev, line->queue_idx, ring_fd);
	else
		vu_device_ring_set_err(dev, line->queue_idx, ring_fd);
	return 0;
}

int
inband_start_ring(struct vu_backend_session *session, uint32_t queue_idx)
{
	int rc = 0;

	if ((session->protocol_features &
			RTE_BIT64(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS)) == 0)
		return 0;
	for (unsigned int kind = 0; kind < INBAND_NB_LINES && rc == 0; kind++) {
		struct inband_line *line = inband_line(session, queue_idx,
			(enum inband_line_kind)kind);

		if (line == NULL)
			return -ENOMEM;
		if (line->is_set || line->source != NULL)
			continue;
		line->session = session;
		line->queue_idx = queue_idx;
		line->kind = (enum inband_line_kind)kind;
		rc = line_open(line);
	}
	return rc;
}

void
inband_give_up(struct vu_backend_session *session, uint32_t queue_idx, enum inband_line_kind kind)
{
	struct inband_line *line = inband_line(session, queue_idx, kind);

	if (line == NULL)
		return;
	line->is_set = true;
	line_close(line);
}

void
inband_flush(struct vu_backend_session *session)
{
	if (session->inband == NULL || session->channel == NULL)
		return;
	for (unsigned int i = 0; i < inband_nb_lines(session); i++)
		line_tell(&session->inband[i]);
}

void
inband_close(struct vu_backend_session *session)
{
	if (session->inband == NULL)
		return;
	for (unsigned int i = 0; i < inband_nb_lines(session); i++)
		line_close(&session->inband[i]);
	free(session->inband);
	session->inband = NULL;
}

int
handle_vring_kick(struct vu_backend_session *session, struct vu_msg *msg)
{
	uint32_t queue_idx = msg->payload.state.index;
	int rc = inband_start_ring(session, queue_idx);

	if (rc != 0)
		return rc;
	if (vu_device_ring_is_started(session->dev, queue_idx))
		vu_device_ring_kick(session->dev, queue_idx);
	else
		vu_device_ring_start(session->dev, queue_idx, VU_FD_NONE);
	return 0;
}
