/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/backend: the session and its handlers. All on the control lcore.
 */
#ifndef SESSION_H
#define SESSION_H

#include "vu_backend.h"
#include "vu_conn.h"
#include "vu_device.h"
#include "vu_log.h"
#include "vu_msg.h"
#include "vu_reactor.h"

struct backend_channel;
struct backend_gpu;
struct inband_line;

struct vu_backend_session {
	struct vu_backend_conf conf;   /* fd belongs to conn */
	struct vu_device *dev;
	struct vu_conn *conn;
	struct vu_reactor_fd *source;
	struct vu_reactor_call fault_call; /* posted by data lcores */
	struct vu_msg_limits limits;
	uint64_t protocol_features;    /* acknowledged */
	uint64_t features;             /* acknowledged, vhost-user's own bits included */
	bool is_parked;                /* msg waits for the data lcores */
	bool is_closing;
	bool is_turn_over;             /* what was handled took its time: others come first */
	struct vu_msg msg;             /* being handled */
	int result;                    /* of the handler, for the reply after a parked commit */
	struct vu_reactor_call state_call; /* end of a state check that was waited for */
	int reply_fd;                  /* goes with the reply; closed when it is sent */
	struct backend_channel *channel; /* to the front-end; NULL without */
	struct inband_line *inband;    /* notifications without descriptors; NULL without */
	struct backend_gpu *gpu;       /* display of the front-end; NULL without */
};

/**
 * What to do for one request. handle() checks against the session's state and applies to the
 * device; the commit follows; reply() builds the answer of a request that always has one.
 */
struct session_handler {
	/** @return 0, or -errno: the request is refused */
	int (*handle)(struct vu_backend_session *session, struct vu_msg *msg);
	/** NULL: the request is acknowledged if it asks for it. `rc` is what handle() returned. */
	void (*reply)(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
		struct vu_reply *reply);
	/** reply() can say that the request was refused, so that the session need not end. */
	bool has_error_reply;
};

/** Handler of a request; NULL if this back-end has none. */
const struct session_handler *session_handler_find(uint32_t request);

/**
 * Check and handle session->msg.
 *
 * @param rc  result of receiving it
 * @return 0 go on; -EINPROGRESS parked; another -errno: the session has to end
 */
int session_dispatch(struct vu_backend_session *session, int rc);

/**
 * The commit that a parked request waited for is complete: answer.
 * @return as session_dispatch()
 */
int session_answer(struct vu_backend_session *session);

/** Go on after a parked request. */
void session_unpark(void *arg);

/**
 * Take the first descriptor of a request to keep it for longer than the request. The other end of
 * the connection itself is refused: with it in our hands, the connection would never end.
 *
 * @return 0; -EINVAL, and it is closed
 */
int session_take_kept_fd(const struct vu_backend_session *session, struct vu_msg *msg, int *fd);

/** Protocol features this back-end offers for the session's device. */
uint64_t session_protocol_features(const struct vu_backend_session *session);

/** Features this back-end offers for the session's device. */
uint64_t session_features(const struct vu_backend_session *session);

int handle_get_features(struct vu_backend_session *session, struct vu_msg *msg);
void reply_get_features(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply);
int handle_set_features(struct vu_backend_session *session, struct vu_msg *msg);
int handle_nothing(struct vu_backend_session *session, struct vu_msg *msg);
void reply_get_protocol_features(struct vu_backend_session *session, const struct vu_msg *msg,
	int rc, struct vu_reply *reply);
int handle_set_protocol_features(struct vu_backend_session *session, struct vu_msg *msg);
void reply_get_queue_num(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply);
int handle_reset_device(struct vu_backend_session *session, struct vu_msg *msg);
int handle_set_status(struct vu_backend_session *session, struct vu_msg *msg);
void reply_get_status(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply);

int handle_set_mem_table(struct vu_backend_session *session, struct vu_msg *msg);
int handle_add_mem_reg(struct vu_backend_session *session, struct vu_msg *msg);
int handle_rem_mem_reg(struct vu_backend_session *session, struct vu_msg *msg);
void reply_get_max_mem_slots(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply);

int handle_set_vring_num(struct vu_backend_session *session, struct vu_msg *msg);
int handle_set_vring_addr(struct vu_backend_session *session, struct vu_msg *msg);
int handle_set_vring_base(struct vu_backend_session *session, struct vu_msg *msg);
int handle_get_vring_base(struct vu_backend_session *session, struct vu_msg *msg);
void reply_get_vring_base(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply);
int handle_set_vring_kick(struct vu_backend_session *session, struct vu_msg *msg);
int handle_set_vring_call(struct vu_backend_session *session, struct vu_msg *msg);
int handle_set_vring_err(struct vu_backend_session *session, struct vu_msg *msg);
int handle_set_vring_enable(struct vu_backend_session *session, struct vu_msg *msg);

int handle_get_config(struct vu_backend_session *session, struct vu_msg *msg);
void reply_get_config(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply);
int handle_set_config(struct vu_backend_session *session, struct vu_msg *msg);
int handle_net_set_mtu(struct vu_backend_session *session, struct vu_msg *msg);

int handle_send_rarp(struct vu_backend_session *session, struct vu_msg *msg);
int handle_create_crypto_session(struct vu_backend_session *session, struct vu_msg *msg);
void reply_create_crypto_session(struct vu_backend_session *session, const struct vu_msg *msg,
	int rc, struct vu_reply *reply);
int handle_close_crypto_session(struct vu_backend_session *session, struct vu_msg *msg);
int handle_get_shared_object(struct vu_backend_session *session, struct vu_msg *msg);
void reply_get_shared_object(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply);
void reply_get_shmem_config(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply);

int handle_set_device_state_fd(struct vu_backend_session *session, struct vu_msg *msg);
void reply_set_device_state_fd(struct vu_backend_session *session, const struct vu_msg *msg,
	int rc, struct vu_reply *reply);
int handle_check_device_state(struct vu_backend_session *session, struct vu_msg *msg);
void reply_check_device_state(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply);
/** The device's answer to a check that handle_check_device_state() parked; arg is the session. */
void session_state_checked(void *arg, int rc);

int handle_set_backend_req_fd(struct vu_backend_session *session, struct vu_msg *msg);
int handle_vring_kick(struct vu_backend_session *session, struct vu_msg *msg);
int handle_gpu_set_socket(struct vu_backend_session *session, struct vu_msg *msg);

#endif /* SESSION_H */
