/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A back-end that answers by rote in a thread of its own, until it comes to the request at which it
 * is to misbehave. It also sends requests of its own when asked to. No device behind it.
 */
#ifndef SCRIPTED_BACKEND_H
#define SCRIPTED_BACKEND_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_bitops.h>

#include "vu_atomic.h"
#include "vu_conn.h"
#include "vu_fd.h"
#include "vu_frontend.h"

#include "test.h"
#include "vu_virtio.h"

#define SCRIPT_FEATURES (RTE_BIT64(VIRTIO_F_VERSION_1) | \
	RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES))

enum script_fault {
	SCRIPT_FINE,
	SCRIPT_WRONG_ID,                 /* answers another request */
	SCRIPT_SHORT,                    /* a payload of 3 bytes */
	SCRIPT_LONG,                     /* a payload of 4096 bytes */
	SCRIPT_HUGE,                     /* a size that no frame has */
	SCRIPT_NO_FLAG,                  /* a request instead of a reply */
	SCRIPT_VERSION,                  /* version 2 */
	SCRIPT_RESERVED,                 /* a reserved flag */
	SCRIPT_UNKNOWN,                  /* a request number that does not exist */
	SCRIPT_WITH_FDS,                 /* two fds too many */
	SCRIPT_TWICE,                    /* the answer, and once more */
	SCRIPT_CUT,                      /* half a header, then the end */
	SCRIPT_CLOSE,                    /* the end */
	SCRIPT_SILENT,                   /* nothing */
	SCRIPT_NB_FATAL,
	SCRIPT_REFUSE = SCRIPT_NB_FATAL, /* acknowledges failure, or an empty answer */
	SCRIPT_WRONG_VALUE,              /* a well-formed answer to another question */
	SCRIPT_REGION,                   /* a region, where older peers in postcopy send one */
};

struct scripted_backend {
	pthread_t thread;
	int fd;                      /* for the front-end */
	int stop_fd;
	struct vu_conn *conn;
	struct vu_conn *channel;     /* requests of ours */
	uint64_t protocol_features;  /* offered */
	uint32_t fault_at;           /* request */
	enum script_fault fault;
	/** Run before the answer to fault_at, in the thread. */
	void (*before)(struct scripted_backend *script);
	struct vu_msg msg;
	struct vu_msg answer;        /* to a request of ours */
	int answer_rc;
	unsigned int nb_requests;
};

/** Send a request on the channel; in the thread. */
int script_request(struct scripted_backend *script, const struct vu_reply *frame);

/** The same, and wait for the answer: 0, or what vu_conn_receive() says. */
int script_ask(struct scripted_backend *script, const struct vu_reply *frame);

/** Start it; what is to be offered and spoiled is set. */
void script_start(struct scripted_backend *script);

/** End it. */
void script_stop(struct scripted_backend *script);

#endif /* SCRIPTED_BACKEND_H */
