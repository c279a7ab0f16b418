/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames we send, byte by byte, and decoded again on the peer's side.
 */
#include "vu_msg.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "test.h"
#include "vu_fd.h"

static struct vu_reply frame;
static struct vu_msg msg;

static uint32_t
word(unsigned int at)
{
	uint32_t value;

	memcpy(&value, &frame.bytes[at], sizeof(value));
	return value;
}

/* Decodes the frame as the peer would; the message owns duplicates of the fds. */
static int
frame_decode(enum vu_msg_stream stream)
{
	const struct vu_msg_limits limits = { .stream = stream, .nb_queues = 8 };
	int fds[VU_MAX_MSG_FDS];

	for (unsigned int i = 0; i < frame.nb_fds; i++)
		fds[i] = dup(frame.fds[i]);
	return vu_msg_decode(&msg, frame.bytes, frame.bytes + VHOST_USER_HEADER_BYTES, fds,
		frame.nb_fds, &limits);
}

VU_TEST(msg_encode, u64_reply)
{
	memset(&frame, 0xa5, sizeof(frame));
	vu_reply_u64(&frame, VHOST_USER_GET_FEATURES, 0x1122334455667788);
	CHECK_EQ(frame.len, 20);
	CHECK_EQ(frame.nb_fds, 0);
	CHECK_EQ(word(0), VHOST_USER_GET_FEATURES);
	CHECK_EQ(word(4), 0x5);
	CHECK_EQ(word(8), 8);
	CHECK_EQ(frame_decode(VU_STREAM_REPLIES), 0);
	CHECK_EQ(msg.payload.u64, 0x1122334455667788);
}

VU_TEST(msg_encode, ack_is_zero_or_one)
{
	vu_reply_ack(&frame, VHOST_USER_SET_MEM_TABLE, 0);
	CHECK_EQ(frame_decode(VU_STREAM_REPLIES), 0);
	CHECK_EQ(msg.payload.u64, 0);
	vu_reply_ack(&frame, VHOST_USER_SET_MEM_TABLE, -EINVAL);
	CHECK_EQ(word(4), 0x5);
	CHECK_EQ(frame_decode(VU_STREAM_REPLIES), 0);
	CHECK_EQ(msg.payload.u64, 1);
}

VU_TEST(msg_encode, state_reply)
{
	vu_reply_state(&frame, VHOST_USER_GET_VRING_BASE, 3, 0x80018001);
	CHECK_EQ(frame.len, 20);
	CHECK_EQ(word(12), 3);
	CHECK_EQ(word(16), 0x80018001);
	CHECK_EQ(frame_decode(VU_STREAM_REPLIES), 0);
}

VU_TEST(msg_encode, config_reply_has_the_size_of_the_request)
{
	static struct vhost_user_config config;

	config.offset = 4;
	config.size = 60;
	memset(config.data, 0x5a, sizeof(config.data));
	vu_reply_config(&frame, &config);
	CHECK_EQ(frame.len, 12 + 12 + 60);
	CHECK_EQ(word(8), 72);
	CHECK_EQ(word(12), 4);
	CHECK_EQ(frame.bytes[24 + 59], 0x5a);
	CHECK_EQ(frame_decode(VU_STREAM_REPLIES), 0);

	config.size = VHOST_USER_CONFIG_MAX_BYTES;
	vu_reply_config(&frame, &config);
	CHECK_EQ(frame.len, sizeof(frame.bytes));
	CHECK_EQ(frame_decode(VU_STREAM_REPLIES), 0);
}

VU_TEST(msg_encode, empty_and_longest_payload)
{
	static uint8_t data[VU_MAX_MSG_BYTES];

	vu_reply_bytes(&frame, VHOST_USER_GET_CONFIG, NULL, 0);
	CHECK_EQ(frame.len, 12);
	CHECK_EQ(word(4), 0x5);
	CHECK_EQ(word(8), 0);
	CHECK_EQ(frame_decode(VU_STREAM_REPLIES), 0);

	memset(data, 0x77, sizeof(data));
	vu_reply_bytes(&frame, VHOST_USER_CREATE_CRYPTO_SESSION, data, sizeof(data));
	CHECK_EQ(frame.len, sizeof(frame.bytes));
	CHECK_EQ(word(8), VU_MAX_MSG_BYTES);
	CHECK_EQ(frame_decode(VU_STREAM_REPLIES), 0);
	CHECK_EQ(memcmp(msg.payload.bytes, data, sizeof(data)), 0);
}

VU_TEST(msg_encode, fds_stay_with_the_caller)
{
	const struct vhost_user_inflight inflight = { .mmap_size = 4096, .nb_queues = 2,
		.queue_size = 8 };
	int fd = vu_fd_eventfd();

	vu_reply_bytes(&frame, VHOST_USER_GET_INFLIGHT_FD, &inflight, sizeof(inflight));
	CHECK_EQ(vu_reply_add_fd(&frame, fd), 0);
	CHECK_EQ(frame.nb_fds, 1);
	CHECK_EQ(frame.fds[0], fd);
	CHECK_EQ(frame_decode(VU_STREAM_REPLIES), 0);
	CHECK_EQ(msg.nb_fds, 1);
	vu_msg_release(&msg);
	CHECK_EQ(vu_fd_signal(fd), 0);
	vu_fd_close(&fd);
}

VU_TEST(msg_encode, fds_are_limited)
{
	vu_request_begin(&frame, VHOST_USER_SET_MEM_TABLE, false);
	CHECK_EQ(vu_reply_add_fd(&frame, -1), -EINVAL);
	for (unsigned int i = 0; i < VU_MAX_MSG_FDS; i++)
		CHECK_EQ(vu_reply_add_fd(&frame, i), 0);
	CHECK_EQ(vu_reply_add_fd(&frame, 0), -ENOSPC);
	CHECK_EQ(frame.nb_fds, VU_MAX_MSG_FDS);
	/* A frame that is begun again forgets them. */
	vu_reply_u64(&frame, VHOST_USER_GET_FEATURES, 0);
	CHECK_EQ(frame.nb_fds, 0);
}

VU_TEST(msg_encode, request_grows)
{
	memset(&frame, 0xa5, sizeof(frame));
	vu_request_begin(&frame, VHOST_USER_SET_OWNER, false);
	CHECK_EQ(frame.len, 12);
	CHECK_EQ(word(0), VHOST_USER_SET_OWNER);
	CHECK_EQ(word(4), 0x1);
	CHECK_EQ(word(8), 0);
	CHECK_EQ(frame_decode(VU_STREAM_REQUESTS), 0);
	CHECK(!msg.need_reply);

	vu_request_begin(&frame, VHOST_USER_SET_LOG_BASE, true);
	CHECK_EQ(word(4), 0x9);
	vu_request_append_u64(&frame, 0x1000);
	CHECK_EQ(word(8), 8);
	vu_request_append_u64(&frame, 0x2000);
	CHECK_EQ(word(8), 16);
	CHECK_EQ(frame.len, 28);
	CHECK_EQ(frame_decode(VU_STREAM_REQUESTS), 0);
	CHECK(msg.need_reply);
	CHECK_EQ(msg.payload.log.size, 0x1000);
	CHECK_EQ(msg.payload.log.offset, 0x2000);
}

VU_TEST(msg_encode, back_end_request)
{
	struct vhost_user_iotlb iotlb = { .iova = 0x1000, .perm = 1,
		.type = VHOST_USER_IOTLB_MISS };

	vu_request_begin(&frame, VHOST_USER_BACKEND_IOTLB_MSG, true);
	vu_request_append(&frame, &iotlb, sizeof(iotlb));
	CHECK_EQ(frame.len, 44);
	CHECK_EQ(frame_decode(VU_STREAM_BACKEND_REQUESTS), 0);
	CHECK_EQ(msg.payload.iotlb.iova, 0x1000);

	vu_request_begin(&frame, VHOST_USER_BACKEND_VRING_CALL, true);
	vu_request_append_state(&frame, 7, 0);
	CHECK_EQ(frame_decode(VU_STREAM_BACKEND_REQUESTS), 0);
	CHECK_EQ(vu_msg_vring_idx(&msg), 7);

	vu_reply_ack(&frame, VHOST_USER_BACKEND_VRING_CALL, 0);
	CHECK_EQ(frame_decode(VU_STREAM_BACKEND_REPLIES), 0);
}
