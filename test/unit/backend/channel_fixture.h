/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A probe device behind a session, and the front-end's end of its back-end channel; shared by the
 * cases of lib/backend that look at what a device asks of its front-end.
 */
#ifndef CHANNEL_FIXTURE_H
#define CHANNEL_FIXTURE_H

#include <errno.h>

#include "probe_device.h"
#include "session_fixture.h"
#include "vu_conn.h"
#include "vu_device_channel.h"

struct channel_fixture {
	struct session_port fix;
	struct probe *probe;
	struct vu_conn *peer; /**< the front-end's end */

	/* Outcomes of requests. */
	unsigned int nb_done;
	int rc;
	int fd;
};

/** For requests of the device: counts and keeps the outcome. */
struct vu_channel_reply channel_reply(struct channel_fixture *f);

/** Send a socket with SET_BACKEND_REQ_FD or GPU_SET_SOCKET; *ours is the front-end's end. */
int channel_send_socket(struct session_port *fix, uint32_t request, int *ours);

/** Give the session a new channel. @return as fake_frontend_do() */
int channel_connect(struct channel_fixture *f);

/** A probe device with a front-end that acknowledged `protocol`. @return the same */
int channel_create(struct channel_fixture *f, uint64_t protocol);

/** Everything the probe offers. */
uint64_t channel_all_bits(const struct channel_fixture *f);

/** Hang up and free everything. */
void channel_destroy(struct channel_fixture *f);

/** Wait for the next request, to be released. @return 0, or what receiving it said */
int channel_receive(struct channel_fixture *f, struct vu_msg *msg);

/** Answer a request and let the session receive it. @return as vu_conn_send() */
int channel_answer(struct channel_fixture *f, uint32_t request, uint64_t value, int fd);

#endif /* CHANNEL_FIXTURE_H */
