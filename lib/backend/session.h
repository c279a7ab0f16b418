/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/backend: the session and its handlers. All on the control lcore.
 */
#ifndef SESSION_H
#define SESSION_H

#include "vu_backend.h"
#include "door.h"
#include "vu_device.h"
#include "vu_log.h"
#include "vu_msg.h"
#include "vu_reactor.h"

struct backend_channel;
struct backend_gpu;
struct inband_line;

struct vu_backend_session {
	struct vu_backend_conf conf;       /* fd belongs to the door */
	struct vu_device *dev;
	struct door *door;
	struct vu_reactor_timer *iotlb_timer;
	struct vu_reactor_timer *check_timer; /* runs while something may be wrong */
	bool is_checking;
	bool has_door_woken;               /* since the last check */
	bool is_silent;                    /* it was at the last check */
	bool is_silence_logged;
	struct vu_reactor_call fault_call; /* posted by data lcores */
	struct vu_reactor_call miss_call;  /* the same */
	struct vu_msg_limits limits;
	uint64_t protocol_features;        /* acknowledged */
	uint64_t features;                 /* acknowledged, vhost-user's own bits included */
	bool is_parked;                    /* msg waits for the data lcores */
	bool is_closing;
	struct door_request *request;      /* being handled; NULL: the door has it */
	uint32_t last_request;             /* for the log; 0 none */
	int result;                        /* of the handler, for the reply after a parked commit */
	struct vu_reactor_call state_call; /* end of a state check that was waited for */
	int reply_fd;                      /* goes with the reply */
	struct backend_channel *channel;   /* to the front-end; NULL without */
	struct inband_line *inband;        /* notifications without fds; NULL without */
	struct backend_gpu *gpu;           /* display of the front-end; NULL without */
};

/** Check and apply a request. @return 0, or -errno: the request is refused */
typedef int session_handle_fn(struct vu_backend_session *session, struct vu_msg *msg);

/** Build the reply of a request. `rc` is what its handler returned. */
typedef void session_reply_fn(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply);

/**
 * What to do for one request. handle() checks against the session's state and applies to the
 * device; the commit follows; reply() builds the answer of a request that always has one.
 */
struct session_handler {
	session_handle_fn *handle;
	session_reply_fn *reply; /**< NULL: the request is acknowledged if it asks for it */
	/** reply() can report that the request was refused, so that the session need not end. */
	bool has_error_reply;
	/** reply() only if these are acknowledged, else as without it; 0: always */
	uint64_t reply_protocol_features;
};

/** Handler of a request; NULL if this back-end has none. */
const struct session_handler *session_handler_find(uint32_t request);

/**
 * Check and handle session->request.
 *
 * @return 0 answered; -EINPROGRESS parked; another -errno: the session has to end
 */
int session_dispatch(struct vu_backend_session *session);

/**
 * The commit that a parked request waited for is complete: answer.
 * @return as session_dispatch()
 */
int session_answer(struct vu_backend_session *session);

/** Give the request back to the door. @param reply  NULL: none. @return as door_answer() */
int session_reply(struct vu_backend_session *session, const struct vu_reply *reply);

/** Go on after a parked request. */
void session_unpark(void *arg);

/** Take the line on the socket that a request brought. */
struct door_line *session_take_line(struct vu_backend_session *session);

/** Protocol features this back-end offers for the session's device. */
uint64_t session_protocol_features(const struct vu_backend_session *session);

/** Features this back-end offers for the session's device. */
uint64_t session_features(const struct vu_backend_session *session);

/** The device's answer to a check that handle_check_device_state() parked; arg is the session. */
void session_state_checked(void *arg, int rc);

/** A ring lacks translations; arg is the session. Data lcore. */
void session_iotlb_miss(void *arg);
/** What it posts, and what the timer calls. */
void session_collect_misses(void *arg);
void session_iotlb_tick(void *arg);
/** Features were acknowledged. */
void session_iotlb_features(struct vu_backend_session *session);

/* Handlers, in the order of their files. */
session_handle_fn handle_set_features, handle_nothing, handle_set_protocol_features,
	handle_reset_owner, handle_reset_device, handle_set_status, handle_new_mem,
	handle_set_vring_num, handle_set_vring_addr, handle_set_vring_base,
	handle_get_vring_base, handle_set_vring_kick, handle_set_vring_call,
	handle_set_vring_err, handle_set_vring_enable, handle_get_config, handle_set_config,
	handle_net_set_mtu, handle_send_rarp, handle_create_crypto_session,
	handle_close_crypto_session, handle_get_shared_object, handle_set_device_state_fd,
	handle_check_device_state, handle_set_backend_req_fd, handle_vring_kick,
	handle_gpu_set_socket, handle_set_log_base, handle_set_log_fd,
	handle_get_inflight_fd, handle_set_inflight_fd, handle_iotlb_msg;
session_reply_fn reply_get_features, reply_get_protocol_features, reply_get_queue_num,
	reply_get_status, reply_get_max_mem_slots, reply_get_vring_base, reply_get_config,
	reply_create_crypto_session, reply_get_shared_object, reply_get_shmem_config,
	reply_set_device_state_fd, reply_check_device_state, reply_set_log_base,
	reply_get_inflight_fd, reply_iotlb_msg;

#endif /* SESSION_H */
