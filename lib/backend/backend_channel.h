/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/backend: requests to the front-end. The back-end channel with its in-band
 * notifications, and the GPU socket. All on the control lcore; nothing blocks, and whatever a
 * front-end does on these sockets costs no more than the socket.
 */
#ifndef BACKEND_CHANNEL_H
#define BACKEND_CHANNEL_H

#include "vu_device_channel.h"
#include "vu_device_gpu.h"

#include "session.h"

/** Serve a new channel in place of any former one. Takes line. @return 0 or -errno */
int backend_channel_open(struct vu_backend_session *session, struct door_line *line);

/** Drop the channel; who waits for a reply gets -ECONNRESET. Harmless without a channel. */
void backend_channel_close(struct vu_backend_session *session);

/** Send a device's request; `arg` is the session. See struct vu_device_events. */
int backend_channel_send(void *arg, const struct vu_channel_request *request);

/** Send BACKEND_VRING_CALL or _ERR. @return as in vu_device_channel.h */
int backend_channel_notify(struct vu_backend_session *session, uint32_t request,
	uint32_t queue_idx, const struct vu_channel_reply *reply);

/** Which notification of a ring. */
enum inband_line_kind {
	INBAND_CALL,
	INBAND_ERR,
	INBAND_NB_LINES
};

/** A ring starts: give it what it has no fds for. @return 0 or -errno */
int inband_start_ring(struct vu_backend_session *session, uint32_t queue_idx);

/** The front-end itself set an fd, or none: that counts from now on. */
void inband_give_up(struct vu_backend_session *session, uint32_t queue_idx,
	enum inband_line_kind kind);

/** Send what waits; after a channel was opened or has room again. */
void inband_flush(struct vu_backend_session *session);

/** Drop all lines; after backend_channel_close(). */
void inband_close(struct vu_backend_session *session);

/** Use a new GPU socket in place of any former one. Takes line. @return 0 or -errno */
int backend_gpu_open(struct vu_backend_session *session, struct door_line *line);

/** Drop the GPU socket; who waits for a reply gets -ECONNRESET. Harmless without one. */
void backend_gpu_close(struct vu_backend_session *session);

/** Send a device's message; `arg` is the session. See struct vu_device_events. */
int backend_gpu_send(void *arg, const struct vu_gpu_request *request);

#endif /* BACKEND_CHANNEL_H */
