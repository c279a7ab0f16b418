/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The back-end side of one vhost-user connection: receives requests, checks them, applies them to a
 * device, replies. Requests are handled strictly in order; while one waits for the data lcores,
 * later ones stay in the socket. A thread of its own waits for the front-end, the control lcore
 * never does.
 */
#ifndef VU_BACKEND_H
#define VU_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

struct vu_device;
struct vu_reactor;

/** One connection with a front-end. */
struct vu_backend_session;

/** Notifies the owner that a session ended; the session is freed when this returns. */
typedef void (*vu_backend_closed_fn)(void *arg);

/** What a session is opened with. */
struct vu_backend_conf {
	struct vu_reactor *reactor; /**< waits for the socket; outlives the session */
	struct vu_device *dev;      /**< idle device, outlives the session */
	int fd;                     /**< connected stream socket; taken */
	bool is_threadless;         /**< for tests: no thread of its own, the caller may wait */
	uint32_t frame_ms;          /**< for the rest of a message to arrive; 0 = 10 s */
	/** How often the connection's thread has to show that it is not stuck; 0 = 2 s. */
	uint32_t check_ms;
	bool is_quiet;              /**< log that it comes and goes at debug level */
	vu_backend_closed_fn closed;
	void *arg;
};

/**
 * Serve a front-end on a connected socket.
 *
 * @param conf  see struct vu_backend_conf
 * @return session; NULL with rte_errno ENOMEM or what the reactor answered. The socket is closed
 *         then
 * @context control lcore
 */
struct vu_backend_session *vu_backend_session_open(const struct vu_backend_conf *conf);

/**
 * End a session: rings stop, memory is unmapped, fds are closed. The owner's `closed` is
 * called when all that is done, perhaps before this returns.
 *
 * @param session  open session; closing twice is allowed until `closed` was called
 * @param reason   for the log, without a full stop
 * @context control lcore
 */
void vu_backend_session_close(struct vu_backend_session *session, const char *reason);

/**
 * End the session if the front-end took memory away under our mappings (see vu_mem_fault.h).
 *
 * @context control lcore
 */
void vu_backend_session_check_mem(struct vu_backend_session *session);

#endif /* VU_BACKEND_H */
