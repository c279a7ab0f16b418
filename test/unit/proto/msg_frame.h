/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One frame that the decoder tests fill, spoil and decode; included by each of them.
 * Payloads lie in heap blocks of their exact size, so that a sanitizer sees a read past the end.
 */
#ifndef MSG_FRAME_H
#define MSG_FRAME_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "test.h"
#include "vu_fd.h"
#include "vu_msg.h"

#define NB_QUEUES 6
#define MAX_TEST_FDS 20
#define LEAKED (-1000)

struct frame {
	enum vu_msg_stream stream;
	struct vhost_user_header header;
	unsigned int nb_fds;
	union vu_payload payload;
};

/** What a case is at. */
extern struct frame frame;
extern struct vu_msg msg;
extern struct vu_msg_limits limits;

/** By the specification, not by the rows. */
bool request_names_ring(const struct frame *f);

/** Row of a request. */
const struct vu_msg_spec *spec_of(enum vu_msg_stream stream, uint32_t request);

/** Makes `frame` a good one. */
void msg_frame_fill(enum vu_msg_stream stream, uint32_t request);

/** The same for a request of the front-end. */
void front_fill(uint32_t request);

/** Decodes `frame` into `msg`; the fds stay in the message. */
int frame_decode(int *fds);

/** Result of decoding `frame`, or LEAKED if an fd survives or was not moved. */
int frame_rc(void);

/** Runs a check for each request of both directions on a fresh good frame. */
void rows_each(void (*check)(const struct vu_msg_spec *spec));

#endif /* MSG_FRAME_H */
