/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Configuration space and MTU.
 */
#include "expect.h"
#include "session_fixture.h"

#define CONFIG_ARGS "forward=loopback,mac=52:54:00:00:00:01,mtu=1500"
#define MTU_OFFSET 10

static int
send_config(struct session_port *fix, uint32_t request, uint32_t offset, uint32_t len,
	uint32_t flags)
{
	struct vhost_user_config config = { .offset = offset, .size = len, .flags = flags };
	struct vu_reply frame;

	fake_frontend_begin(&fix->frontend, &frame, request);
	vu_request_append(&frame, &config, VHOST_USER_CONFIG_HEADER_BYTES + len);
	return fake_frontend_send(&fix->frontend, &frame);
}

/* Read the configuration into reply->payload.config. */
static int
get_config(struct session_port *fix, uint32_t offset, uint32_t len, struct vu_msg *reply)
{
	CHECK_EQ(send_config(fix, VHOST_USER_GET_CONFIG, offset, len, 0), 0);
	CHECK_EQ(fake_frontend_receive(&fix->frontend, reply), 0);
	CHECK_EQ(reply->request, VHOST_USER_GET_CONFIG);
	return fake_frontend_sync(&fix->frontend);
}

static int
set_config(struct session_port *fix, uint32_t flags)
{
	struct vu_msg reply;

	CHECK_EQ(send_config(fix, VHOST_USER_SET_CONFIG, 0, 6, flags), 0);
	CHECK_EQ(fake_frontend_receive(&fix->frontend, &reply), 0);
	CHECK_EQ(reply.request, VHOST_USER_SET_CONFIG);
	return reply.payload.u64 != 0;
}

VU_TEST(handle_config, get)
{
	const uint8_t mac[] = { 0x52, 0x54, 0, 0, 0, 1 };
	struct session_port fix;
	struct vu_msg reply;

	fixture_create(&fix, CONFIG_ARGS);
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(get_config(&fix, 0, 12, &reply), 0);
	CHECK_EQ(reply.size, VHOST_USER_CONFIG_HEADER_BYTES + 12);
	CHECK_EQ(memcmp(reply.payload.config.data, mac, sizeof(mac)), 0);
	CHECK_EQ(reply.payload.config.data[MTU_OFFSET], 1500 & 0xff);
	CHECK_EQ(reply.payload.config.data[MTU_OFFSET + 1], 1500 >> 8);
	/* A part of it, and QEMU's longer structure. */
	CHECK_EQ(get_config(&fix, MTU_OFFSET, 2, &reply), 0);
	CHECK_EQ(reply.payload.config.data[0], 1500 & 0xff);
	CHECK_EQ(get_config(&fix, 0, 256, &reply), 0);
	CHECK_EQ(reply.size, VHOST_USER_CONFIG_HEADER_BYTES + 256);
	CHECK_EQ(reply.payload.config.data[255], 0);
	fixture_destroy(&fix);
}

/* An answer without payload is how a refusal of GET_CONFIG looks, need_reply or not. */
VU_TEST(handle_config, get_outside)
{
	const uint32_t offsets[] = { 1, 256, 257, UINT32_MAX };
	struct session_port fix;
	struct vu_msg reply;

	fixture_create(&fix, CONFIG_ARGS);
	CHECK_EQ(fixture_negotiate(&fix), 0);
	for (unsigned int i = 0; i < 2 * RTE_DIM(offsets); i++) {
		fix.frontend.need_reply = i % 2 == 0;
		CHECK_EQ(get_config(&fix, offsets[i / 2], 256, &reply), 0);
		CHECK_EQ(reply.size, 0);
	}
	fixture_destroy(&fix);
}

VU_TEST(handle_config, set)
{
	struct session_port fix;

	fixture_create(&fix, CONFIG_ARGS);
	CHECK_EQ(fixture_negotiate(&fix), 0);
	/* The driver may write nothing; a restore brings what is there anyway. */
	CHECK_EQ(set_config(&fix, VHOST_USER_CONFIG_DRIVER), 1);
	CHECK_EQ(set_config(&fix, VHOST_USER_CONFIG_MIGRATION), 0);
	CHECK_EQ(set_config(&fix, 2), 1);
	fixture_destroy(&fix);
}

VU_TEST(handle_config, mtu)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;
	struct vu_msg reply;

	fixture_create(&fix, CONFIG_ARGS);
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_NET_SET_MTU, 67), 1);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_NET_SET_MTU, 65536), 1);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_NET_SET_MTU, UINT64_MAX), 1);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_NET_SET_MTU, 1400), 0);
	CHECK_EQ(get_config(&fix, MTU_OFFSET, 2, &reply), 0);
	CHECK_EQ(reply.payload.config.data[0], 1400 & 0xff);
	/* The next front-end starts from what the user configured. */
	session_port_disconnect(&fix);
	session_port_connect(&fix);
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(get_config(&fix, MTU_OFFSET, 2, &reply), 0);
	CHECK_EQ(reply.payload.config.data[0], 1500 & 0xff);
	fixture_destroy(&fix);
}

/* Without mtu= the feature is not offered, hence the request is none of ours. */
VU_TEST(handle_config, mtu_not_offered)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(fake_frontend_do_u64(&fix.frontend, VHOST_USER_NET_SET_MTU, 1400), 1);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	fixture_destroy(&fix);
}
