/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A front-end of our library before a session of our back-end, which runs in a thread of its own
 * with a net device (loopback), because the front-end waits for its answers. Functions that the
 * thread has to run go through backend_do().
 */
#ifndef FRONTEND_FIXTURE_H
#define FRONTEND_FIXTURE_H

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_bitops.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "session_rig.h"
#include "test.h"
#include "vu_conn.h"
#include "vu_fd.h"
#include "vu_frontend.h"
#include "vu_virtio.h"
#include "vu_wire.h"

#define FEATURE_VERSION_1 RTE_BIT64(VIRTIO_F_VERSION_1)
#define FEATURE_RING_PACKED RTE_BIT64(VIRTIO_F_RING_PACKED)
#define BUFFER_BYTES 2048
#define TO_GUEST 0
#define FROM_GUEST 1

struct frontend_fixture {
	/* Back-end thread. */
	pthread_t thread;
	struct session_rig rig;
	struct vu_reactor_fd *source;
	struct vu_device *dev;
	struct vu_listener *listener;
	struct vu_backend_session *session;
	unsigned int nb_sessions;

	/* The case. */
	char dir[32];
	char path[64];
	struct vu_frontend *fe;
	uint8_t *mem;
	unsigned int nb_up;
	unsigned int nb_down;
	unsigned int nb_config_changes;
	int down_reason;
};

/** Listen at the path; for backend_do(), as the next two. */
void backend_listen(void *arg);

/** Connect to the path. */
void backend_connect(void *arg);

/** End the session. */
void backend_hang_up(void *arg);

/** Run a function in the thread of the back-end. */
void backend_do(struct frontend_fixture *fix, vu_reactor_call_fn fn);

/** A back-end that does nothing yet. */
void front_create(struct frontend_fixture *fix);

/** Close the front-end and free everything. */
void front_destroy(struct frontend_fixture *fix);

/** Configuration of a front-end that comes back quickly. */
struct vu_frontend_conf front_conf(struct frontend_fixture *fix);

/** Open with memory for all buffers, started. */
void front_open(struct frontend_fixture *fix, const struct vu_frontend_conf *conf);

/** A back-end that listens, and a front-end that asks it for features. */
void front_create_open(struct frontend_fixture *fix, uint64_t features);

/** A buffer at an address of ours. */
struct vu_guest_buf front_buf(void *start, uint32_t len);

/** Turn until the queue gives a buffer back. */
void front_collect_one(struct frontend_fixture *fix, uint32_t queue_idx,
	struct vu_guest_done *done);

/** Send a frame of one value from `out`, have it back in `in`. */
void front_round_trip_at(struct frontend_fixture *fix, uint8_t value, uint8_t *out, uint8_t *in);

/** The same in the memory of the fixture. */
void front_round_trip(struct frontend_fixture *fix, uint8_t value);

#endif /* FRONTEND_FIXTURE_H */
