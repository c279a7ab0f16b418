/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to drivers/frontend/user: the vhost-user connection of one front-end.
 * One request at a time: it is sent, its answer awaited for at most reply_ms, and the back-end's
 * own requests are served meanwhile. What the decoder refuses ends the connection.
 */
#ifndef USER_H
#define USER_H

#include "vu_conn.h"
#include "vu_frontend_driver.h"
#include "vu_log.h"
#include "vu_msg.h"

struct user_frontend {
	struct vu_frontend *fe;
	enum vu_frontend_mode mode;
	char *path;
	uint32_t reply_ms;
	int fd;                         /* VU_FRONTEND_FD, until used */
	struct vu_listener *listener;

	struct vu_conn *conn;           /* NULL: not connected */
	struct vu_conn *channel;        /* back-end's requests; NULL: none */
	bool is_channel_closed;         /* by the back-end; freed with the connection */
	bool is_busy;                   /* a request waits, or the back-end's are served */
	int error;                      /* what ended the connection, -errno */
	uint64_t features_offered;
	uint64_t features;              /* acknowledged, vhost-user's own bit included */
	uint64_t protocol_features;     /* acknowledged */
	struct vu_msg_limits limits;
	struct vu_msg_limits channel_limits;
	struct vu_log_limit log_limit;
	struct vu_msg reply;            /* to the last request */
	struct vu_msg request;          /* of the back-end, being handled */
};

/** The driver's data of a front-end. */
struct user_frontend *user_of(struct vu_frontend *fe);

/**
 * Begin a request.
 *
 * @return 0; -ENOTCONN; -EBUSY; -EOPNOTSUPP unknown or its gate is closed
 */
int user_begin(struct user_frontend *user, struct vu_reply *frame, uint32_t request);

/**
 * Send the request and await its answer, if it has one; user->reply is valid until the next.
 *
 * @return 0; -EREMOTEIO the back-end refused; else user->error is set
 */
int user_do(struct user_frontend *user, const struct vu_reply *frame);

/** The answer broke a rule: the connection has to end. @return -EPROTO */
int user_fail(struct user_frontend *user, const char *what);

/** Take requests that the back-end sent on its channel. */
void user_channel_receive(struct user_frontend *user);

/** Requests, one function per operation of the same name. */
int user_get_features(struct vu_frontend *fe, uint64_t *features);
int user_set_features(struct vu_frontend *fe, uint64_t features);
int user_get_protocol_features(struct vu_frontend *fe, uint64_t *features);
int user_set_protocol_features(struct vu_frontend *fe, uint64_t features);
int user_set_owner(struct vu_frontend *fe);
int user_get_queue_num(struct vu_frontend *fe, uint32_t *nb);
int user_open_channel(struct vu_frontend *fe);
int user_get_max_regions(struct vu_frontend *fe, uint32_t *nb);
int user_add_mem(struct vu_frontend *fe, const struct vu_frontend_region *region);
int user_remove_mem(struct vu_frontend *fe, const struct vu_frontend_region *region);
int user_set_mem(struct vu_frontend *fe, const struct vu_frontend_region *regions,
	uint32_t nb_regions);
int user_set_vring_num(struct vu_frontend *fe, uint32_t idx, uint32_t num);
int user_set_vring_base(struct vu_frontend *fe, uint32_t idx, uint32_t base);
int user_set_vring_addr(struct vu_frontend *fe, uint32_t idx,
	const struct vu_frontend_ring_addr *addr);
int user_set_vring_call(struct vu_frontend *fe, uint32_t idx, int fd);
int user_set_vring_kick(struct vu_frontend *fe, uint32_t idx, int fd);
int user_set_vring_enable(struct vu_frontend *fe, uint32_t idx, bool is_enabled);
int user_get_vring_base(struct vu_frontend *fe, uint32_t idx, uint32_t *base);
int user_kick(struct vu_frontend *fe, uint32_t idx);
int user_barrier(struct vu_frontend *fe);
int user_get_config(struct vu_frontend *fe, uint32_t offset, void *buf, uint32_t len);
int user_set_config(struct vu_frontend *fe, uint32_t offset, const void *buf, uint32_t len);
int user_get_status(struct vu_frontend *fe, uint8_t *status);
int user_set_status(struct vu_frontend *fe, uint8_t status);
int user_reset(struct vu_frontend *fe);
int user_request(struct vu_frontend *fe, struct vu_frontend_call *call);

#endif /* USER_H */
