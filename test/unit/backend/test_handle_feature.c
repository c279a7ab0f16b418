/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Features, protocol features, number of queues, status, resets.
 */
#include "expect.h"
#include "session_fixture.h"

#define BIT_PROTOCOL RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES)

static uint64_t
get(struct session_port *fix, uint32_t request)
{
	uint64_t value = UINT64_MAX;

	return fake_frontend_get_u64(&fix->frontend, request, &value) == 0 ? value : UINT64_MAX;
}

static int
request(struct session_port *fix, uint32_t nr)
{
	struct vu_reply frame;

	fake_frontend_begin(&fix->frontend, &frame, nr);
	return fake_frontend_do(&fix->frontend, &frame);
}

VU_TEST(handle_feature, offers)
{
	struct session_port fix;
	uint64_t features, protocol;

	fixture_create(&fix, "forward=loopback");
	features = get(&fix, VHOST_USER_GET_FEATURES);
	CHECK_EQ(features, vu_device_features(fix.dev) | BIT_PROTOCOL);
	protocol = get(&fix, VHOST_USER_GET_PROTOCOL_FEATURES);
	/* Without either, QEMU does not migrate. */
	CHECK((features & RTE_BIT64(VHOST_F_LOG_ALL)) != 0);
	CHECK((protocol & RTE_BIT64(VHOST_USER_PROTOCOL_F_LOG_SHMFD)) != 0);
	CHECK_EQ(protocol & PROTOCOL_BITS, PROTOCOL_BITS);
	CHECK_EQ(protocol, session_protocol_features(fix.session));
	fixture_destroy(&fix);
}

/* Every offered protocol feature has all its requests. */
VU_TEST(handle_feature, offers_what_it_can)
{
	struct session_port fix;
	uint64_t offered;

	fixture_create(&fix, "forward=loopback");
	offered = session_protocol_features(fix.session);
	for (uint32_t request = 1; request < VHOST_USER_NB_REQUESTS; request++) {
		uint64_t needed = vu_msg_spec(request)->protocol_features;

		if (needed != 0 && (needed & ~offered) == 0)
			CHECK(session_handler_find(request) != NULL);
	}
	fixture_destroy(&fix);
}

VU_TEST(handle_feature, set_features)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;
	uint64_t all;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(vu_device_acked_features(fix.dev), FEATURE_BITS & ~BIT_PROTOCOL);
	all = get(&fix, VHOST_USER_GET_FEATURES);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES, all), 0);
	CHECK_EQ(vu_device_acked_features(fix.dev), all & ~BIT_PROTOCOL);
	/* Not offered: refused, and nothing of it is taken. */
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES, RTE_BIT64(63)), 1);
	CHECK_EQ(vu_device_acked_features(fix.dev), all & ~BIT_PROTOCOL);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES, 0), 0);
	CHECK_EQ(vu_device_acked_features(fix.dev), 0);
	fixture_destroy(&fix);
}

/* What a front-end acknowledges blindly is said a few times. */
VU_TEST(handle_feature, ignored_features_do_not_fill_the_log)
{
	const uint64_t tso = FEATURE_BITS | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4);
	struct session_port fix;
	unsigned int nb_lines = 0;
	char *text = NULL;
	size_t len = 0;
	FILE *log;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	log = open_memstream(&text, &len);
	rte_openlog_stream(log);
	for (unsigned int i = 0; i < 1000; i++)
		CHECK_EQ(fake_frontend_do_u64(&fix.frontend, VHOST_USER_SET_FEATURES, tso), 0);
	rte_openlog_stream(NULL);
	fclose(log);
	for (const char *line = text; (line = strchr(line, '\n')) != NULL; line++)
		nb_lines++;
	CHECK(nb_lines > 0 && nb_lines < 500);
	free(text);
	fixture_destroy(&fix);
}

VU_TEST(handle_feature, set_features_while_running)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES, FEATURE_BITS), 0);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES, BIT_PROTOCOL), 1);
	session_port_echo(&fix, 5);
	fixture_destroy(&fix);
}

VU_TEST(handle_feature, set_protocol_features)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(fix.session->protocol_features, PROTOCOL_BITS);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_PROTOCOL_FEATURES,
		PROTOCOL_BITS | RTE_BIT64(63)), 1);
	CHECK_EQ(fix.session->protocol_features, PROTOCOL_BITS);
	/* Without REPLY_ACK the same is the end. */
	frontend->need_reply = false;
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_PROTOCOL_FEATURES, 0), 0);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_PROTOCOL_FEATURES,
		RTE_BIT64(40)), 0);
	CHECK_EQ(fake_frontend_wait_end(frontend), 0);
	fixture_destroy(&fix);
}

VU_TEST(handle_feature, queue_num)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(get(&fix, VHOST_USER_GET_QUEUE_NUM), 1);
	fixture_destroy(&fix);
}

VU_TEST(handle_feature, set_owner_changes_nothing)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	CHECK_EQ(request(&fix, VHOST_USER_SET_OWNER), 0);
	session_port_echo(&fix, 1);
	fixture_destroy(&fix);
}

VU_TEST(handle_feature, reset_owner_ends_the_rings)
{
	struct session_port fix;
	struct vu_device_queue_stats stats;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	session_port_echo(&fix, 1);
	CHECK_EQ(request(&fix, VHOST_USER_RESET_OWNER), 0);
	for (uint32_t q = 0; q < 2; q++) {
		vu_device_queue_stats_get(fix.dev, q, &stats);
		CHECK(!stats.is_running && !stats.is_started && !stats.is_enabled);
	}
	CHECK(vu_device_mem(fix.dev) != NULL);
	CHECK_EQ(fake_frontend_do_u64(&fix.frontend, VHOST_USER_SET_FEATURES, BIT_PROTOCOL), 0);
	fixture_start(&fix);
	session_port_echo(&fix, 5);
	fixture_destroy(&fix);
}

/* Without SET_VRING_ENABLE a ring is enabled from its start on, after RESET_OWNER too. */
VU_TEST(handle_feature, reset_owner_without_protocol_features)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fix.frontend.need_reply = false;
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(fake_frontend_do_u64(&fix.frontend, VHOST_USER_SET_FEATURES,
			RTE_BIT64(VIRTIO_F_VERSION_1)), 0);
		CHECK_EQ(session_port_set_mem(&fix), 0);
		for (uint32_t q = 0; q < 2; q++) {
			CHECK_EQ(session_port_configure_ring(&fix, q), 0);
			CHECK_EQ(fake_frontend_do_fd(&fix.frontend, VHOST_USER_SET_VRING_KICK, q,
				VU_FD_NONE), 0);
		}
		CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
		session_port_echo(&fix, (uint8_t)i);
		CHECK_EQ(request(&fix, VHOST_USER_RESET_OWNER), 0);
		CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
		CHECK(!fixture_is_live(&fix, 0) && !fixture_is_live(&fix, 1));
	}
	fixture_destroy(&fix);
}

/* Some front-ends only disable their rings before the guest sets them up again. */
VU_TEST(handle_feature, disabled_rings_take_other_features)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	session_port_echo(&fix, 1);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, 0, 0), 0);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES, BIT_PROTOCOL), 1);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, 1, 0), 0);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES, FEATURE_BITS), 0);
	CHECK(fixture_is_live(&fix, 0) && fixture_is_live(&fix, 1));
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES, BIT_PROTOCOL), 0);
	CHECK(!fixture_is_live(&fix, 0) && !fixture_is_live(&fix, 1));
	fixture_start(&fix);
	session_port_echo(&fix, 5);
	fixture_destroy(&fix);
}

VU_TEST(handle_feature, status)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(get(&fix, VHOST_USER_GET_STATUS), 0);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_STATUS, 0xf), 0);
	CHECK_EQ(get(&fix, VHOST_USER_GET_STATUS), 0xf);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_STATUS, 256), 1);
	CHECK_EQ(get(&fix, VHOST_USER_GET_STATUS), 0xf);
	/* FEATURES_OK is ours to take back when the features cannot be. */
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES, RTE_BIT64(63)), 1);
	CHECK_EQ(get(&fix, VHOST_USER_GET_STATUS), 0x7);
	fixture_destroy(&fix);
}

VU_TEST(handle_feature, status_0_stops_the_rings)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	CHECK_EQ(fake_frontend_do_u64(&fix.frontend, VHOST_USER_SET_STATUS, 0), 0);
	CHECK(!fixture_is_live(&fix, 0) && !fixture_is_live(&fix, 1));
	fixture_start(&fix);
	session_port_echo(&fix, 5);
	fixture_destroy(&fix);
}

VU_TEST(handle_feature, reset_device)
{
	struct session_port fix;
	struct vu_device_queue_stats stats;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	CHECK_EQ(fake_frontend_do_u64(&fix.frontend, VHOST_USER_SET_STATUS, 0xf), 0);
	CHECK_EQ(request(&fix, VHOST_USER_RESET_DEVICE), 0);
	CHECK_EQ(get(&fix, VHOST_USER_GET_STATUS), 0);
	for (uint32_t q = 0; q < 2; q++) {
		vu_device_queue_stats_get(fix.dev, q, &stats);
		CHECK(!stats.is_running && !stats.is_started && !stats.is_enabled);
	}
	/* The protocol stays negotiated, memory stays shared: rings may start again. */
	CHECK(vu_device_mem(fix.dev) != NULL);
	fixture_start(&fix);
	session_port_echo(&fix, 5);
	fixture_destroy(&fix);
}
