/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A probe device and its back-end channel; see channel_fixture.h.
 */
#include "channel_fixture.h"

#include <sys/socket.h>

#define CHANNEL_TURNS 6 /* to the session and back */

static void
channel_done(void *arg, int rc, int fd)
{
	struct channel_fixture *f = arg;

	f->nb_done++;
	f->rc = rc;
	vu_fd_close(&f->fd);
	f->fd = fd;
}

struct vu_channel_reply
channel_reply(struct channel_fixture *f)
{
	return (struct vu_channel_reply){ .done = channel_done, .arg = f };
}

int
channel_send_socket(struct session_port *fix, uint32_t request, int *ours)
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

int
channel_connect(struct channel_fixture *f)
{
	int fd = -1;
	int rc = channel_send_socket(&f->fix, VHOST_USER_SET_BACKEND_REQ_FD, &fd);

	vu_conn_destroy(f->peer);
	f->peer = vu_conn_create(fd, NULL);
	CHECK(f->peer != NULL);
	return rc;
}

int
channel_create(struct channel_fixture *f, uint64_t protocol)
{
	*f = (struct channel_fixture){ .fd = VU_FD_NONE };
	fixture_create_probe(&f->fix);
	f->probe = probe_of(f->fix.dev);
	CHECK_EQ(session_port_negotiate(&f->fix, FEATURE_BITS, protocol), 0);
	return fake_frontend_sync(&f->fix.frontend);
}

uint64_t
channel_all_bits(const struct channel_fixture *f)
{
	return session_protocol_features(f->fix.session);
}

void
channel_destroy(struct channel_fixture *f)
{
	vu_fd_close(&f->fd);
	vu_conn_destroy(f->peer);
	fixture_destroy(&f->fix);
}

int
channel_receive(struct channel_fixture *f, struct vu_msg *msg)
{
	const struct vu_msg_limits limits = {
		.stream = VU_STREAM_BACKEND_REQUESTS, .nb_queues = 2,
	};
	int rc = 0;

	for (unsigned int i = 0; i < 2000 && rc == 0; i++) {
		rc = vu_conn_receive(f->peer, msg, &limits);
		if (rc == 0)
			session_rig_turn(f->fix.rig);
	}
	if (rc == 0)
		return -ETIMEDOUT;
	return rc < 0 ? rc : 0;
}

int
channel_answer(struct channel_fixture *f, uint32_t request, uint64_t value, int fd)
{
	struct vu_reply frame;
	int rc;

	vu_reply_u64(&frame, request, value);
	if (fd != VU_FD_NONE)
		vu_reply_add_fd(&frame, fd);
	rc = vu_conn_send(f->peer, &frame);
	for (unsigned int i = 0; i < CHANNEL_TURNS; i++)
		session_rig_turn(f->fix.rig);
	return rc;
}
