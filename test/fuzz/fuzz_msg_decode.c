/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Decoder, both directions, requests and replies. What it lets through must keep the promises of
 * vu_msg.h; what it refuses must have moved all fds all the same.
 *
 * Input: limits (4 bytes), number of fds, header, payload.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "fuzz.h"
#include "session_rig.h"
#include "vu_fd.h"
#include "vu_msg.h"

#define MAX_FDS 12 /* more than a message may have */

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_start_eal();
	return 0;
}

static void
check_request(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	const struct vu_msg_spec *spec = msg->spec;

	if (spec->payload == VU_PAYLOAD_VRING_STATE || spec->payload == VU_PAYLOAD_VRING_ADDR ||
			spec->payload == VU_PAYLOAD_VRING_FD ||
			spec->payload == VU_PAYLOAD_VRING_AREA)
		CHECK(vu_msg_vring_idx(msg) < limits->nb_queues);
	if (!limits->mem_table_ack)
		CHECK(msg->size >= spec->shape.len_min && msg->size <= spec->shape.len_max);
	CHECK(msg->nb_fds <= spec->shape.fds_max);
	if (spec->payload == VU_PAYLOAD_MEM_TABLE)
		CHECK(msg->payload.mem_table.nb_regions == msg->nb_fds);
	if (spec->payload == VU_PAYLOAD_CONFIG)
		CHECK(msg->payload.config.size + VHOST_USER_CONFIG_HEADER_BYTES == msg->size);
}

static void
check_accepted(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	bool is_reply = limits->stream == VU_STREAM_REPLIES ||
		limits->stream == VU_STREAM_BACKEND_REPLIES;

	CHECK(msg->spec != NULL && msg->size <= VU_MAX_MSG_BYTES);
	CHECK((msg->flags & VHOST_USER_VERSION_MASK) == VHOST_USER_VERSION);
	CHECK(((msg->flags & VHOST_USER_REPLY_MASK) != 0) == is_reply);
	for (size_t i = msg->size; i < sizeof(msg->payload); i++)
		CHECK(msg->payload.bytes[i] == 0);
	if (!is_reply)
		check_request(msg, limits);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct fuzz_input input = { bytes, len };
	struct vu_msg_limits limits = { 0 };
	uint8_t header[VHOST_USER_HEADER_BYTES];
	const unsigned int nb_fds_before = rig_count_fds();
	unsigned int nb_fds;
	int fds[MAX_FDS];
	uint8_t *payload = NULL;
	struct vu_msg msg;
	uint8_t options = fuzz_take_u8(&input);
	int rc;

	limits.stream = (enum vu_msg_stream)(options & 3);
	limits.mem_table_ack = (options & 4) != 0;
	limits.nb_queues = fuzz_take_u8(&input);
	limits.config_bytes = fuzz_take_u16(&input) % (VHOST_USER_CONFIG_MAX_BYTES + 1);
	nb_fds = fuzz_take_u8(&input) % (MAX_FDS + 1);
	for (unsigned int i = 0; i < nb_fds; i++)
		fds[i] = vu_fd_eventfd();
	fuzz_take(&input, header, sizeof(header));
	if (vu_msg_header_size(header) <= VU_MAX_MSG_BYTES) {
		payload = malloc(vu_msg_header_size(header));
		fuzz_take(&input, payload, vu_msg_header_size(header));
	}
	memset(&msg, 0xa5, sizeof(msg));
	rc = vu_msg_decode(&msg, header, payload, fds, nb_fds, &limits);
	CHECK(rc == 0 || rc == -EBADMSG || rc == -ENOTSUP || rc == -EPROTO);
	CHECK(msg.nb_fds <= VU_MAX_MSG_FDS && vu_msg_name(&msg) != NULL);
	if (rc == 0)
		check_accepted(&msg, &limits);
	vu_msg_release(&msg);
	free(payload);
	CHECK(rig_count_fds() == nb_fds_before);
	return 0;
}
