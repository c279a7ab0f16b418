/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages as the code sees them: decoding with all checks that need no session state, and building
 * of replies and requests. Pure functions on the caller's storage: no I/O, no state, no globals.
 * A decoded message owns the fds that came with it until somebody takes them.
 */
#ifndef VU_MSG_H
#define VU_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vu_limits.h"
#include "vu_msg_spec.h"
#include "vu_wire.h"

/** What the peer sends on the socket that a frame came from. */
enum vu_msg_stream {
	VU_STREAM_REQUESTS,         /**< requests of a front-end */
	VU_STREAM_REPLIES,          /**< a back-end's replies to them */
	VU_STREAM_BACKEND_REQUESTS, /**< requests of a back-end */
	VU_STREAM_BACKEND_REPLIES,  /**< a front-end's replies to them */
};

/**
 * What the decoder has to know about the receiver. Zero is a valid default except for nb_queues.
 */
struct vu_msg_limits {
	enum vu_msg_stream stream;
	uint32_t nb_queues;    /**< rings of the device; every ring index must be below */
	uint32_t config_bytes; /**< end of the configuration space; 0 = 256, at most 4084 */
	/** Also accept the empty SET_MEM_TABLE (0 or 8 zero bytes) that ends a postcopy set-up. */
	bool mem_table_ack;
};

/** Payload of a message; vu_msg.spec->payload names the member. */
union vu_payload {
	uint8_t bytes[VU_MAX_MSG_BYTES];
	uint64_t u64;
	struct vhost_user_vring_state state;
	struct vhost_user_vring_addr addr;
	struct vhost_user_mem_table mem_table; /**< nb_regions 0 only with mem_table_ack */
	struct vhost_user_mem_reg mem_reg;
	struct vhost_user_log log;
	struct vhost_user_iotlb iotlb;
	struct vhost_user_config config;
	struct vhost_user_vring_area area;
	struct vhost_user_inflight inflight;
	struct vhost_user_uuid uuid;
	struct vhost_user_transfer transfer;
	struct vhost_user_mmap mmap;
	struct vhost_user_shmem_config shmem;
};

/** One received message. Bytes of the payload beyond `size` are zero. */
struct vu_msg {
	uint32_t request;
	uint32_t flags;
	uint32_t size;                  /**< payload bytes, by the header */
	bool need_reply;                /**< the sender waits for an acknowledgement */
	const struct vu_msg_spec *spec; /**< NULL for an unknown request */
	int fds[VU_MAX_MSG_FDS];        /**< VU_FD_NONE once taken */
	unsigned int nb_fds;            /**< how many came, taken ones included */
	union vu_payload payload;
};

/**
 * Decode and check one whole frame.
 *
 * All fds move into the message on every path, so the caller ends with vu_msg_release()
 * whatever is returned; those beyond VU_MAX_MSG_FDS are closed here. The header fields, need_reply
 * and spec are set on every path too, so that a refused request can be answered or logged.
 *
 * @param msg      overwritten, nothing in it is read
 * @param header   12 bytes
 * @param payload  as many bytes as the header announces; not read, and may be NULL, if that is 0 or
 *                 more than VU_MAX_MSG_BYTES
 * @param fds      nb_fds of them; VU_FD_NONE afterwards; may be NULL without fds
 * @param nb_fds   any number
 * @param limits   of the receiver
 * @return 0; -EBADMSG frame malformed: version, direction, reserved flags, size or number of
 *         fds; -ENOTSUP no such request; -EPROTO a field has a value that is never legal
 * @context any thread
 */
int vu_msg_decode(struct vu_msg *msg, const void *header, const void *payload, int *fds,
	unsigned int nb_fds, const struct vu_msg_limits *limits);

/**
 * Read the payload size from a header, unchecked.
 *
 * @param header  12 bytes
 * @return bytes that follow the header, any value; above VU_MAX_MSG_BYTES the frame is malformed
 * @context any thread
 */
uint32_t vu_msg_header_size(const void *header);

/**
 * Take an fd out of a message.
 *
 * @param msg  decoded message
 * @param i    position in the message, from 0
 * @return fd, now the caller's, or VU_FD_NONE if there is none or it was taken before
 * @context any thread
 */
int vu_msg_take_fd(struct vu_msg *msg, unsigned int i);

/**
 * Close the fds that nobody took. May be repeated.
 *
 * @param msg  message that vu_msg_decode() filled, with whatever result
 * @context any thread
 */
void vu_msg_release(struct vu_msg *msg);

/**
 * Index of the ring that a request names.
 *
 * @param msg  decoded request with a spec, refused or not
 * @return ring index, below vu_msg_limits.nb_queues unless refused; UINT32_MAX if the request names
 *         none
 * @context any thread
 */
uint32_t vu_msg_vring_idx(const struct vu_msg *msg);

/**
 * Name a message for a log line.
 *
 * @param msg  decoded message, refused or not
 * @return name of the request as in the specification, or "unknown"
 * @context any thread
 */
const char *vu_msg_name(const struct vu_msg *msg);

/**
 * One frame to send: a reply, or a request in the other direction. Some kilobytes: fine on the
 * control lcore's stack, not in a per-device array.
 * Fds are borrowed: the sender of the frame duplicates those it cannot send at once, and
 * the caller closes its own when it likes.
 */
struct vu_reply {
	size_t len;              /**< bytes of the frame, header included */
	int fds[VU_MAX_MSG_FDS]; /**< travel with the first byte */
	unsigned int nb_fds;
	uint8_t bytes[VHOST_USER_HEADER_BYTES + VU_MAX_MSG_BYTES];
};

/**
 * Build a reply with any payload; flags are version and reply only, whatever the request had.
 *
 * @param reply    overwritten
 * @param request  id of the request that is answered
 * @param data     payload; may be NULL if len is 0
 * @param len      0..VU_MAX_MSG_BYTES
 * @context any thread
 */
void vu_reply_bytes(struct vu_reply *reply, uint32_t request, const void *data, size_t len);

/**
 * Build a U64 reply.
 *
 * @param reply    overwritten
 * @param request  id of the request that is answered
 * @param value    payload
 * @context any thread
 */
void vu_reply_u64(struct vu_reply *reply, uint32_t request, uint64_t value);

/**
 * Build the acknowledgement of a request with need_reply.
 *
 * @param reply    overwritten
 * @param request  id of the request that is answered
 * @param rc       0 = success, anything else = failure
 * @context any thread
 */
void vu_reply_ack(struct vu_reply *reply, uint32_t request, int rc);

/**
 * Build a VRING_STATE reply.
 *
 * @param reply      overwritten
 * @param request    id of the request that is answered
 * @param vring_idx  ring
 * @param num        ring base, encoded
 * @context any thread
 */
void vu_reply_state(struct vu_reply *reply, uint32_t request, uint32_t vring_idx, uint32_t num);

/**
 * Build the reply of GET_CONFIG: the same size as the request asked for.
 * A refused GET_CONFIG is answered by vu_reply_bytes() with no payload.
 *
 * @param reply   overwritten
 * @param config  decoded request with the bytes filled in; size at most VHOST_USER_CONFIG_MAX_BYTES
 * @context any thread
 */
void vu_reply_config(struct vu_reply *reply, const struct vhost_user_config *config);

/**
 * Attach an fd to a reply or request. It stays the caller's, see struct vu_reply.
 *
 * @param reply  frame, already begun
 * @param fd     to attach
 * @return 0; -EINVAL fd is negative; -ENOSPC there are VU_MAX_MSG_FDS already
 * @context any thread
 */
int vu_reply_add_fd(struct vu_reply *reply, int fd);

/**
 * Begin a request without payload; the other builders add to it.
 *
 * @param frame       overwritten
 * @param request     id, of either direction
 * @param need_reply  ask for an acknowledgement
 * @context any thread
 */
void vu_request_begin(struct vu_reply *frame, uint32_t request, bool need_reply);

/**
 * Append payload to a request.
 *
 * @param frame  begun by vu_request_begin()
 * @param data   bytes to append; may be NULL if len is 0
 * @param len    bytes; the whole payload is at most VU_MAX_MSG_BYTES
 * @context any thread
 */
void vu_request_append(struct vu_reply *frame, const void *data, size_t len);

/**
 * Append a U64 to a request.
 *
 * @param frame  begun by vu_request_begin()
 * @param value  payload
 * @context any thread
 */
void vu_request_append_u64(struct vu_reply *frame, uint64_t value);

/**
 * Append a VRING_STATE to a request.
 *
 * @param frame      begun by vu_request_begin()
 * @param vring_idx  ring
 * @param num        meaning depends on the request
 * @context any thread
 */
void vu_request_append_state(struct vu_reply *frame, uint32_t vring_idx, uint32_t num);

#endif /* VU_MSG_H */
