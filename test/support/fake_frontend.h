/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scripted front-end at the other end of a socket pair: sends any frame, valid or broken, with any
 * fds, and takes replies. A caller that waits for a reply lets the back-end work meanwhile by the
 * caller's turn function, so that both ends can live on one thread.
 */
#ifndef FAKE_FRONTEND_H
#define FAKE_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vu_msg.h"

struct fake_frontend {
	int sock;                /**< VU_FD_NONE once it was closed */
	void (*turn)(void *arg); /**< lets the back-end work; may wait a millisecond */
	void *arg;
	bool need_reply;         /**< fake_frontend_begin() asks for it; true at first */
	size_t nb_bytes;         /**< of an incomplete reply */
	unsigned int nb_fds;     /**< that came with it */
	int fds[VU_MAX_MSG_FDS];
	uint8_t bytes[VHOST_USER_HEADER_BYTES + VU_MAX_MSG_BYTES];
};

/**
 * Make a socket pair.
 *
 * @param frontend  caller's storage
 * @return the back-end's end, owned by the caller, or -errno
 */
int fake_frontend_open(struct fake_frontend *frontend, void (*turn)(void *arg), void *arg);

/** Hang up; may be repeated. */
void fake_frontend_close(struct fake_frontend *frontend);

/**
 * Send bytes, with fds on the first one. The fds stay the caller's.
 *
 * @return 0, or -errno (-EPIPE: the back-end hung up)
 */
int fake_frontend_send_bytes(struct fake_frontend *frontend, const void *bytes, size_t len,
	const int *fds, unsigned int nb_fds);

/** Send a frame made by fake_frontend_begin() and the builders of vu_msg.h. @return as above */
int fake_frontend_send(struct fake_frontend *frontend, const struct vu_reply *frame);

/** Begin a request with the need_reply flag that `frontend` says. */
void fake_frontend_begin(const struct fake_frontend *frontend, struct vu_reply *frame,
	uint32_t request);

/**
 * Wait for the next reply.
 *
 * @param reply  overwritten; nb_fds counts the fds that came, which are closed already
 * @return 0; -ECONNRESET the back-end hung up; -ETIMEDOUT; or the error of vu_msg_decode()
 */
int fake_frontend_receive(struct fake_frontend *frontend, struct vu_msg *reply);

/**
 * Send a request and wait for its acknowledgement if it asks for one.
 *
 * @return 0 success, or not known; 1 refused; -errno as fake_frontend_receive(), -EBADMSG for a
 *         reply to something else
 */
int fake_frontend_do(struct fake_frontend *frontend, const struct vu_reply *frame);

/** Send a request with a U64. @return as fake_frontend_do() */
int fake_frontend_do_u64(struct fake_frontend *frontend, uint32_t request, uint64_t value);

/** Send a request with a VRING_STATE. @return as fake_frontend_do() */
int fake_frontend_do_state(struct fake_frontend *frontend, uint32_t request, uint32_t idx,
	uint32_t num);

/**
 * Send SET_VRING_KICK, CALL or ERR.
 *
 * @param fd  stays the caller's; VU_FD_NONE sends bit 8 instead
 * @return as fake_frontend_do()
 */
int fake_frontend_do_fd(struct fake_frontend *frontend, uint32_t request, uint32_t idx, int fd);

/** Ask for a U64. @return 0 with *value, or -errno as fake_frontend_do() */
int fake_frontend_get_u64(struct fake_frontend *frontend, uint32_t request, uint64_t *value);

/** Stop a ring. @return 0 with *base, or -errno as fake_frontend_do() */
int fake_frontend_get_base(struct fake_frontend *frontend, uint32_t idx, uint32_t *base);

/**
 * Check that everything sent so far was handled and that no reply is left over: the next one is
 * that to a GET_FEATURES sent now.
 *
 * @return 0, or -errno as fake_frontend_do()
 */
int fake_frontend_sync(struct fake_frontend *frontend);

/** Wait until the back-end hangs up. @return 0; 1 a reply came instead; -ETIMEDOUT */
int fake_frontend_wait_end(struct fake_frontend *frontend);

#endif /* FAKE_FRONTEND_H */
