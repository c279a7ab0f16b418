/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to door.c, door_line.c and door_prepare.c: what the door's thread sees.
 */
#ifndef DOOR_LINE_H
#define DOOR_LINE_H

#include <pthread.h>
#include <sys/queue.h>

#include "door.h"
#include "vu_peer.h"
#include "vu_reactor.h"

#define LINE_MAX_REPLIES 16  /* that a raw line waits for */
#define LINE_MAX_PENDING 256 /* frames that the door has not looked at */
#define DOOR_NAME_BYTES 32

/** A frame that control sends. */
struct line_frame {
	STAILQ_ENTRY(line_frame) next;
	int fds[VU_MAX_MSG_FDS];
	unsigned int nb_fds;
	int own_fd;             /**< closed afterwards */
	uint32_t reply_request;
	int reply_bytes;
	size_t size;
	uint8_t bytes[];
};

STAILQ_HEAD(line_frames, line_frame);

struct line_reply {
	uint32_t request;
	int bytes;
};

struct door_line {
	struct door *door;
	LIST_ENTRY(door_line) link;        /* the door's */
	struct vu_reactor_call deliver_call; /* runs on control */
	struct vu_reactor_call work_call;  /* runs on the door */
	door_message_fn fn;                /* control's; NULL: the first line */
	void *arg;
	bool is_raw;                       /* fixed when it starts */
	uint64_t nb_pending_bytes;         /* atomic */
	uint64_t nb_conn_bytes;            /* atomic */
	/* Under the door's lock. */
	bool is_started;
	bool is_closed;
	bool is_next;
	unsigned int nb_pending;
	struct line_frames pending;
	/* The door's. */
	struct vu_conn *conn;
	struct vu_reactor_fd *source;
	bool is_receiving;
	bool is_with_control;              /* the message below is control's */
	int error;                         /* of sending, to be delivered */
	unsigned int first_reply;
	unsigned int nb_replies;
	struct line_reply replies[LINE_MAX_REPLIES];
	struct door_message message;
};

struct door {
	struct door_conf conf;             /* fixed; its view belongs to who has the request */
	char name[DOOR_NAME_BYTES];
	struct vu_reactor *reactor;
	struct vu_peer *peer;
	struct vu_reactor_call peer_call;  /* runs on the door */
	struct vu_reactor_call close_call; /* the same */
	struct vu_reactor_call ping_call;  /* the same */
	struct vu_reactor_call hup_call;   /* runs on control */
	struct vu_reactor_call woken_call; /* the same */
	uint32_t ping;                     /* control's */
	uint32_t nb_missed;
	uint32_t pong;                     /* atomic: the last ping seen */
	pthread_mutex_t lock;              /* nobody waits while holding it */
	bool is_closed;                    /* control is gone; under the lock */
	/* The door's. */
	bool is_over;
	bool has_woken;                    /* control knows */
	struct vu_reactor_timer *frame_timer;
	bool is_timing;                    /* a part of a frame is there */
	LIST_HEAD(, door_line) lines;
	struct door_line *first;           /* the front-end's requests */
	struct door_request request;
};

/** Make a line of a socket, not started. @return line; NULL with rte_errno, the socket is closed */
struct door_line *line_create(struct door *door, int fd);

/** Free a line with its socket. @context the door */
void line_destroy(struct door_line *line);

/** Hand a message over. @context the door */
void line_deliver(struct door_line *line, int rc);

/** Have line_work() called. @context control, door locked */
void line_wake(struct door_line *line);

/** Frame with a copy of the bytes. @return frame; NULL without memory, then fd is closed */
struct line_frame *line_frame_create(const struct vu_conn_parts *parts, int fd);

/** Have a frame sent. @context control, door locked */
void line_queue(struct door_line *line, struct line_frame *frame);

/** Do for a request what may wait for the front-end. @context the door */
void door_prepare(struct door *door, struct door_request *request);

/** Undo what nobody took. @context the door */
void door_drop(struct door_request *request);

/** Something begins that may not end: have control check the door. @context the door */
void door_begin_work(struct door *door);

/** Post to control unless it is gone. @context the door */
void door_post_control(struct door *door, const bool *is_closed, struct vu_reactor_call *call);

#endif /* DOOR_LINE_H */
