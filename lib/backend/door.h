/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/backend: the door, a thread of its own for each connection. Whatever may wait for
 * the front-end happens there: receiving and sending on its sockets, looking at its fds and closing
 * them, mapping and unmapping its memory. The control lcore gets requests that are ready to be
 * applied and gives back answers; neither side waits for the other. A door that is stuck costs its
 * own port: the session is closed and the door left to end by itself.
 *
 * Each socket is a line. A line has one message on its way at a time: the door hands it over and
 * goes on when control has given it back.
 */
#ifndef DOOR_H
#define DOOR_H

#include "vu_conn.h"
#include "vu_mem.h"
#include "vu_msg.h"

struct door;
struct door_line;
struct vu_mem_log;
struct vu_mem_shared;
struct vu_mem_table;
struct vu_peer_group;
struct vu_reactor;

/** What the session knows and the door needs for the next request. */
struct door_view {
	uint64_t features;              /**< offered */
	uint64_t features_acked;
	uint64_t protocol_features;     /**< acknowledged */
	const struct vu_mem_table *mem; /**< in use; NULL none */
};

/** A request; control's from door_conf.request to door_answer(). */
struct door_request {
	int rc;                   /**< of receiving it, see vu_conn_receive() */
	struct vu_msg msg;
	int prepared;             /**< 0; -errno: what the door did for it failed */
	struct vu_mem_table *mem; /**< new table, to be taken; NULL: nothing changes */
	struct vu_mem_log *log;   /**< new dirty log, to be taken; else NULL */
	struct vu_mem_shared *inflight; /**< new in-flight region, to be taken; else NULL */
	struct door_line *line;   /**< on the socket that it brought, to be taken; else NULL */
};

struct door_conf {
	struct vu_reactor *control;   /**< outlives door_close() */
	struct vu_peer_group *peers;
	int fd;                       /**< connected socket; taken */
	bool is_threadless;           /**< for tests: the control lcore is the door, too */
	uint32_t frame_ms;            /**< for the rest of a frame to arrive; 0 = 10 s */
	uint32_t nb_queues;
	const char *name;             /**< of the device; copied */
	int numa_node;                /**< as struct vu_mem_region_conf */
	struct vu_mem_policy mem_policy;
	struct door_view view;
	void (*request)(void *arg, struct door_request *request);
	void (*hung_up)(void *arg);   /**< while control has a request */
	void (*woken)(void *arg);     /**< first sign of work after door_check() saw none */
	void *arg;
};

/** A message on a line other than the first; control's until door_line_next(). */
struct door_message {
	int rc;                /**< of receiving it; negative: the last one */
	struct vu_msg msg;     /**< of a line that is not raw */
	struct vu_frame frame; /**< of a raw one */
};

typedef void (*door_message_fn)(void *arg, struct door_message *message);

/** Open a door and receive. @return door; NULL with rte_errno, then the socket is closed */
struct door *door_open(const struct door_conf *conf);

/** Leave a door to itself. Nothing of conf is called any more, nothing of it may be touched. */
void door_close(struct door *door);

/**
 * Give a request back and have the next one received.
 *
 * @param reply     to be sent first, or NULL
 * @param reply_fd  goes with it, in reply too; taken. VU_FD_NONE: none
 * @param view      what counts from now on
 * @return 0; -ENOMEM there is none for the reply: the connection has to end
 */
int door_answer(struct door *door, const struct vu_reply *reply, int reply_fd,
	const struct door_view *view);

/** Call once in a while. @return calls without a sign of life of the door's thread in between */
unsigned int door_check(struct door *door);

/** Begin to receive on a line taken from a request. @param is_raw  frames, not messages */
void door_line_start(struct door_line *line, bool is_raw, door_message_fn fn, void *arg);

/**
 * Send a frame, later.
 *
 * @param fd             goes with it; taken. VU_FD_NONE: none
 * @param reply_request  raw line: request of the reply to wait for
 * @param reply_bytes    payload of that reply; -1 none will come
 * @return 0; -ENOMEM; -ENOBUFS the peer does not read
 */
int door_line_send(struct door_line *line, const struct vu_conn_parts *parts, int fd,
	uint32_t reply_request, int reply_bytes);

/** Bytes that have not left. */
uint64_t door_line_queued_bytes(const struct door_line *line);

/** Give a message back. */
void door_line_next(struct door_line *line);

/** Close a line; it must not be touched any more. NULL is allowed. */
void door_line_close(struct door_line *line);

#endif /* DOOR_H */
