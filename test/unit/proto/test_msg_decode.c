/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Decoding of frames: every row with good and bad headers, sizes and fds, both directions,
 * requests and replies, and random frames.
 */
#include "expect.h"
#include "msg_frame.h"

static void
row_good(const struct vu_msg_spec *spec)
{
	CHECK_EQ(frame_rc(), 0);
	CHECK(msg.spec == spec);
	CHECK_EQ(msg.request, spec->request);
	CHECK_EQ(msg.flags, VHOST_USER_VERSION);
	CHECK_EQ(msg.size, frame.header.size);
	CHECK_EQ(msg.nb_fds, frame.nb_fds);
	CHECK(!msg.need_reply);
	CHECK_EQ(memcmp(&msg.payload, &frame.payload, frame.header.size), 0);
	CHECK(strcmp(vu_msg_name(&msg), spec->name) == 0);
	frame.header.flags |= VHOST_USER_NEED_REPLY_MASK;
	CHECK_EQ(frame_rc(), 0);
	CHECK(msg.need_reply);
	CHECK_EQ(msg.flags, 0x9);
}

VU_TEST(msg_decode, takes_a_good_frame_of_every_request)
{
	rows_each(row_good);
}

static void
row_flags(const struct vu_msg_spec *spec)
{
	RTE_SET_USED(spec);
	for (uint32_t version = 0; version < 4; version++) {
		frame.header.flags = version;
		CHECK_EQ(frame_rc(), version == 1 ? 0 : -EBADMSG);
	}
	frame.header.flags = VHOST_USER_VERSION | VHOST_USER_REPLY_MASK;
	CHECK_EQ(frame_rc(), -EBADMSG);
	for (unsigned int bit = 4; bit < 32; bit++) {
		frame.header.flags = VHOST_USER_VERSION | RTE_BIT32(bit);
		CHECK_EQ(frame_rc(), -EBADMSG);
	}
}

VU_TEST(msg_decode, refuses_bad_flags_of_every_request)
{
	rows_each(row_flags);
}

static bool
is_len_in_shape(uint32_t len, const struct vu_msg_shape *shape)
{
	uint32_t allowed;

	for (allowed = shape->len_min; allowed <= shape->len_max; allowed += shape->len_step) {
		if (allowed == len)
			return true;
		if (shape->len_step == 0)
			break;
	}
	return false;
}

/* The payload says how long it is. */
static bool
has_own_len(const struct vu_msg_spec *spec)
{
	return spec->payload == VU_PAYLOAD_CONFIG || spec->payload == VU_PAYLOAD_MEM_TABLE;
}

static void
row_lengths(const struct vu_msg_spec *spec)
{
	const uint32_t good = frame.header.size;
	const uint32_t huge[] = { 4097, 4108, 65536 + good, 0x80000000u + good, UINT32_MAX };

	for (uint32_t len = 0; len <= spec->shape.len_max + 9u && len <= VU_MAX_MSG_BYTES; len++) {
		frame.header.size = len;
		if (!is_len_in_shape(len, &spec->shape))
			CHECK_EQ(frame_rc(), -EBADMSG);
		else if (has_own_len(spec))
			CHECK_EQ(frame_rc(), len == good ? 0 : -EBADMSG);
		else
			CHECK_EQ(frame_rc(), 0);
	}
	for (unsigned int i = 0; i < RTE_DIM(huge); i++) {
		frame.header.size = huge[i];
		CHECK_EQ(frame_rc(), -EBADMSG);
		CHECK_EQ(msg.size, huge[i]);
	}
}

VU_TEST(msg_decode, refuses_every_wrong_size_of_every_request)
{
	rows_each(row_lengths);
}

/* The payload says how many fds there are. */
static bool
has_own_nb_fds(const struct vu_msg_spec *spec)
{
	return spec->payload == VU_PAYLOAD_VRING_FD || spec->payload == VU_PAYLOAD_VRING_AREA ||
		spec->payload == VU_PAYLOAD_MEM_TABLE;
}

static void
row_fds(const struct vu_msg_spec *spec)
{
	const unsigned int good = frame.nb_fds;

	for (unsigned int n = 0; n <= MAX_TEST_FDS; n++) {
		frame.nb_fds = n;
		if (n < spec->shape.fds_min || n > spec->shape.fds_max)
			CHECK_EQ(frame_rc(), -EBADMSG);
		else if (has_own_nb_fds(spec))
			CHECK_EQ(frame_rc(), n == good ? 0 : -EBADMSG);
		else
			CHECK_EQ(frame_rc(), 0);
		CHECK_EQ(msg.nb_fds, RTE_MIN(n, (unsigned int)VU_MAX_MSG_FDS));
	}
}

VU_TEST(msg_decode, refuses_and_closes_wrong_fds_of_every_request)
{
	rows_each(row_fds);
}

VU_TEST(msg_decode, unknown_requests_are_recognised)
{
	const uint32_t unknown[] = { 0, 46, 1000, 0x80000001, UINT32_MAX };

	for (unsigned int i = 0; i < RTE_DIM(unknown); i++) {
		front_fill(VHOST_USER_SET_VRING_KICK);
		frame.header.request = unknown[i];
		frame.header.flags |= VHOST_USER_NEED_REPLY_MASK;
		CHECK_EQ(frame_rc(), -ENOTSUP);
		CHECK(msg.spec == NULL);
		CHECK_EQ(msg.request, unknown[i]);
		CHECK(msg.need_reply);
		CHECK(strcmp(vu_msg_name(&msg), "unknown") == 0);
	}
	frame.header.flags = 0;
	CHECK_EQ(frame_rc(), -EBADMSG);
	front_fill(VHOST_USER_RESET_DEVICE);
	limits.stream = VU_STREAM_BACKEND_REQUESTS;
	CHECK_EQ(frame_rc(), -ENOTSUP);
}

VU_TEST(msg_decode, fds_can_be_taken_once)
{
	int fds[MAX_TEST_FDS], taken;

	front_fill(VHOST_USER_SET_MEM_TABLE);
	frame.header.size = 8 + 2 * VHOST_USER_MEM_REGION_BYTES;
	frame.payload.mem_table.nb_regions = 2;
	frame.payload.mem_table.regions[1] = frame.payload.mem_table.regions[0];
	frame.nb_fds = 2;
	CHECK_EQ(frame_decode(fds), 0);
	CHECK_EQ(vu_msg_take_fd(&msg, 2), VU_FD_NONE);
	CHECK_EQ(vu_msg_take_fd(&msg, 1000), VU_FD_NONE);
	taken = vu_msg_take_fd(&msg, 1);
	CHECK(taken >= 0);
	CHECK_EQ(vu_msg_take_fd(&msg, 1), VU_FD_NONE);
	vu_msg_release(&msg);
	vu_msg_release(&msg);
	CHECK_EQ(vu_msg_take_fd(&msg, 0), VU_FD_NONE);
	CHECK_EQ(vu_fd_signal(taken), 0);
	vu_fd_close(&taken);
}

VU_TEST(msg_decode, header_size_is_read_unchecked)
{
	struct vhost_user_header header = { .size = 0xfffffff0 };

	CHECK_EQ(vu_msg_header_size(&header), 0xfffffff0);
}

static void
row_reply(const struct vu_msg_spec *spec)
{
	const struct vu_msg_shape *shape = &spec->reply_shape;

	/* The stream of replies follows that of requests. */
	frame.stream++;
	limits.stream++;
	frame.header.flags = VHOST_USER_VERSION | VHOST_USER_REPLY_MASK;
	frame.nb_fds = 0;
	for (uint32_t len = 0; len <= shape->len_max + 1u && len <= VU_MAX_MSG_BYTES + 1; len++) {
		frame.header.size = len;
		CHECK_EQ(frame_rc(), is_len_in_shape(len, shape) ? 0 : -EBADMSG);
	}
	frame.header.size = shape->len_max;
	frame.header.flags |= VHOST_USER_NEED_REPLY_MASK; /* some back-ends leave it set */
	CHECK_EQ(frame_rc(), 0);
	for (frame.nb_fds = 1; frame.nb_fds < 4; frame.nb_fds++)
		CHECK_EQ(frame_rc(), frame.nb_fds <= shape->fds_max ? 0 : -EBADMSG);
	frame.nb_fds = 0;
	frame.header.flags = VHOST_USER_VERSION;
	CHECK_EQ(frame_rc(), -EBADMSG);
	frame.header.flags = VHOST_USER_VERSION | VHOST_USER_REPLY_MASK | 0x10;
	CHECK_EQ(frame_rc(), -EBADMSG);
}

VU_TEST(msg_decode, replies_of_every_request)
{
	rows_each(row_reply);
}

/* xorshift: the same frames in every run. */
static uint64_t
random_next(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* A good frame, or noise, with some bits, the size or the fds changed. */
static void
frame_fill_random(void)
{
	uint64_t dice = random_next();
	bool is_backend = (dice & 1) != 0;
	uint32_t nb = is_backend ? VHOST_USER_BACKEND_NB_REQUESTS : VHOST_USER_NB_REQUESTS;

	msg_frame_fill(is_backend ? VU_STREAM_BACKEND_REQUESTS : VU_STREAM_REQUESTS,
		1 + (dice >> 8) % (nb - 1));
	for (unsigned int i = 0; i < (dice >> 16) % 4; i++)
		frame.payload.bytes[random_next() % 64] ^= random_next();
	if ((dice >> 20) % 8 == 0)
		frame.header.size = random_next() % 300;
	if ((dice >> 24) % 16 == 0)
		frame.nb_fds = random_next() % 10;
	if ((dice >> 28) % 16 == 0)
		frame.header.flags ^= random_next() % 16;
	if ((dice >> 32) % 64 == 0)
		frame.header.request = random_next();
	if ((dice >> 40) % 4 == 0)
		limits.stream = (dice >> 42) % 4;
	limits.mem_table_ack = (dice >> 48) % 2 != 0;
}

VU_TEST(msg_decode, random_frames)
{
	unsigned int nb_good = 0;

	for (unsigned int i = 0; i < 30000; i++) {
		int rc;

		frame_fill_random();
		rc = frame_rc();
		CHECK(rc == 0 || rc == -EBADMSG || rc == -ENOTSUP || rc == -EPROTO);
		CHECK_EQ(msg.size, frame.header.size);
		if (rc != 0)
			continue;
		nb_good++;
		CHECK(msg.spec != NULL);
		if (limits.stream == frame.stream && request_names_ring(&frame))
			CHECK(vu_msg_vring_idx(&msg) < NB_QUEUES);
	}
	/* Both sides of the decision were reached. */
	CHECK(nb_good > 3000 && nb_good < 27000);
}
