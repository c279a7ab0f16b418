/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A probe device behind a session, and the front-end's end of its back-end channel; shared by the
 * cases of lib/backend that look at what a device asks of its front-end.
 */
#ifndef CHANNEL_FIXTURE_H
#define CHANNEL_FIXTURE_H

#include "expect.h"
#include "session_fixture.h"

#include <errno.h>
#include <sys/socket.h>

#include "probe_device.h"
#include "vu_conn.h"
#include "vu_device_channel.h"

struct channel_fixture {
	struct session_fixture fix;
	struct probe *probe;
	struct vu_conn *peer;     /* the front-end's end */
	/* Outcomes of requests. */
	unsigned int nb_done;
	int rc;
	int fd;
};

static inline void
channel_done(void *arg, int rc, int fd)
{
	struct channel_fixture *f = arg;

	f->nb_done++;
	f->rc = rc;
	vu_fd_close(&f->fd);
	f->fd = fd;
}

static inline struct vu_channel_reply
channel_reply(struct channel_fixture *f)
{
	return (struct vu_channel_reply){ .done = channel_done, .arg = f };
}

/* Send a socket with SET_BACKEND_REQ_FD or GPU_SET_SOCKET; *ours is the front-end's end. */
static inline int
channel_send_socket(struct session_fixture *fix, uint32_t request, int *ours)
{
	struct vu_reply frame;
	int socks[2];
	int rc;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks), 0);
	fake_frontend_begin(&fix->frontend, &frame, request);
	vu_reply_add_fd(&frame, socks[1]);
	rc = fake_frontend_do(&fix->frontend, &frame);
	close(socks[1]);
	*ours = socks[0];
	return rc;
}

/* Give the session a new channel. */
static inline int
channel_connect(struct channel_fixture *f)
{
	int fd = -1;
	int rc = channel_send_socket(&f->fix, VHOST_USER_SET_BACKEND_REQ_FD, &fd);

	vu_conn_destroy(f->peer);
	f->peer = vu_conn_create(fd, NULL);
	CHECK(f->peer != NULL);
	return rc;
}

/* A probe device with a front-end that acknowledged `protocol`. */
static inline int
channel_create(struct channel_fixture *f, uint64_t protocol)
{
	*f = (struct channel_fixture){ .fd = VU_FD_NONE };
	fixture_create_driver(&f->fix, "probe", NULL);
	f->probe = probe_of(f->fix.dev);
	f->fix.frontend.need_reply = false;
	CHECK_EQ(fake_frontend_do_u64(&f->fix.frontend, VHOST_USER_SET_PROTOCOL_FEATURES, protocol),
		0);
	f->fix.frontend.need_reply = (protocol & RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0;
	CHECK_EQ(fake_frontend_do_u64(&f->fix.frontend, VHOST_USER_SET_FEATURES, FEATURE_BITS), 0);
	return fake_frontend_sync(&f->fix.frontend);
}

/* Everything the probe offers. */
static inline uint64_t
channel_all_bits(const struct channel_fixture *f)
{
	return session_protocol_features(f->fix.session);
}

static inline void
channel_destroy(struct channel_fixture *f)
{
	vu_fd_close(&f->fd);
	vu_conn_destroy(f->peer);
	fixture_destroy(&f->fix);
}

/* Wait for the next request; 0, or what receiving it said. Release it. */
static inline int
channel_receive(struct channel_fixture *f, struct vu_msg *msg)
{
	const struct vu_msg_limits limits = {
		.stream = VU_STREAM_BACKEND_REQUESTS, .nb_queues = 2,
	};
	int rc = 0;

	for (unsigned int i = 0; i < 2000 && rc == 0; i++) {
		rc = vu_conn_receive(f->peer, msg, &limits);
		if (rc == 0)
			fixture_turn(&f->fix);
	}
	if (rc == 0)
		return -ETIMEDOUT;
	return rc < 0 ? rc : 0;
}

/* Answer a request and let the session receive it. */
static inline int
channel_answer(struct channel_fixture *f, uint32_t request, uint64_t value, int fd)
{
	struct vu_reply frame;
	int rc;

	vu_reply_u64(&frame, request, value);
	if (fd != VU_FD_NONE)
		vu_reply_add_fd(&frame, fd);
	rc = vu_conn_send(f->peer, &frame);
	for (unsigned int i = 0; i < 3; i++)
		fixture_turn(&f->fix);
	return rc;
}

#endif /* CHANNEL_FIXTURE_H */
