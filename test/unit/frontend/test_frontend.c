/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Front-end library and its driver "user" before our own back-end: negotiation, life cycle, data.
 */
#include "expect.h"
#include "frontend_fixture.h"

static void
check_frames(struct frontend_fixture *fix)
{
	CHECK_EQ(vu_frontend_wait(fix->fe, EXPECT_WAIT_MS), 0);
	CHECK(vu_frontend_is_up(fix->fe));
	CHECK_EQ(fix->nb_up, 1);
	for (unsigned int i = 0; i < 40; i++)
		front_round_trip(fix, (uint8_t)i);
}

VU_TEST(frontend, negotiates_as_client_and_carries_frames)
{
	struct frontend_fixture fix;
	uint8_t status = 0;

	front_create_open(&fix, 0);
	check_frames(&fix);
	CHECK_EQ(vu_frontend_features(fix.fe), FEATURE_VERSION_1);
	CHECK(vu_frontend_protocol_features(fix.fe) & RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK));
	CHECK_EQ(vu_frontend_protocol_features(fix.fe) &
		RTE_BIT64(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS), 0);
	CHECK_EQ(vu_frontend_queue_num(fix.fe), 1);
	CHECK_EQ(vu_frontend_status_get(fix.fe, &status), 0);
	CHECK_EQ(status, 0xf);
	front_destroy(&fix);
}

VU_TEST(frontend, negotiates_as_server)
{
	struct frontend_fixture fix;
	struct vu_frontend_conf conf;

	front_create(&fix);
	conf = front_conf(&fix);
	conf.mode = VU_FRONTEND_SERVER;
	front_open(&fix, &conf);
	CHECK_EQ(vu_frontend_wait(fix.fe, 1), -ETIMEDOUT);
	CHECK_EQ(vu_frontend_reason(fix.fe), 0);
	backend_do(&fix, backend_connect);
	check_frames(&fix);
	front_destroy(&fix);
}

VU_TEST(frontend, waits_for_a_back_end_that_is_not_there_yet)
{
	struct frontend_fixture fix;
	struct vu_frontend_conf conf;

	front_create(&fix);
	conf = front_conf(&fix);
	front_open(&fix, &conf);
	CHECK_EQ(vu_frontend_wait(fix.fe, 10), -ETIMEDOUT);
	CHECK_EQ(fix.nb_up + fix.nb_down, 0);
	CHECK_EQ(vu_frontend_reason(fix.fe), -ENOENT);
	backend_do(&fix, backend_listen);
	check_frames(&fix);
	CHECK_EQ(vu_frontend_reason(fix.fe), 0);
	front_destroy(&fix);
}

VU_TEST(frontend, works_with_few_protocol_features)
{
	struct frontend_fixture fix;
	struct vu_frontend_conf conf;
	uint8_t status;

	front_create(&fix);
	backend_do(&fix, backend_listen);
	conf = front_conf(&fix);
	/* No acknowledgements, no memory slots, no status: SET_MEM_TABLE and a barrier. */
	conf.protocol_features = RTE_BIT64(VHOST_USER_PROTOCOL_F_MQ);
	front_open(&fix, &conf);
	check_frames(&fix);
	CHECK_EQ(vu_frontend_protocol_features(fix.fe), RTE_BIT64(VHOST_USER_PROTOCOL_F_MQ));
	CHECK_EQ(vu_frontend_status_get(fix.fe, &status), -EOPNOTSUPP);
	CHECK_EQ(vu_frontend_config_get(fix.fe, 0, &status, 1), -EOPNOTSUPP);
	CHECK(vu_frontend_is_up(fix.fe));
	front_destroy(&fix);
}

VU_TEST(frontend, reads_the_configuration_space)
{
	struct frontend_fixture fix;
	uint8_t mac[6], same[6];

	front_create_open(&fix, 0);
	CHECK_EQ(vu_frontend_config_get(fix.fe, 0, mac, sizeof(mac)), -ENOTCONN);
	CHECK_EQ(vu_frontend_wait(fix.fe, EXPECT_WAIT_MS), 0);
	CHECK_EQ(vu_frontend_config_get(fix.fe, 0, mac, sizeof(mac)), 0);
	CHECK_EQ(vu_frontend_config_get(fix.fe, 2, same, 4), 0);
	CHECK_EQ(memcmp(&mac[2], same, 4), 0);
	CHECK_EQ(vu_frontend_config_get(fix.fe, 255, same, 2), -EINVAL);
	CHECK_EQ(vu_frontend_config_get(fix.fe, UINT32_MAX, same, 2), -EINVAL);
	CHECK_EQ(vu_frontend_config_get(fix.fe, 0, same, 0), -EINVAL);
	/* None of that hurt the connection. */
	CHECK(vu_frontend_is_up(fix.fe));
	front_round_trip(&fix, 1);
	front_destroy(&fix);
}

VU_TEST(frontend, sends_messages_without_a_function_of_their_own)
{
	struct frontend_fixture fix;
	uint64_t value = 1500;
	struct vu_frontend_call call = {
		.request = VHOST_USER_GET_QUEUE_NUM, .reply = &value, .reply_max = sizeof(value),
	};

	front_create_open(&fix, 0);
	CHECK_EQ(vu_frontend_request(fix.fe, &call), -ENOTCONN);
	CHECK_EQ(vu_frontend_wait(fix.fe, EXPECT_WAIT_MS), 0);
	CHECK_EQ(vu_frontend_request(fix.fe, &call), 0);
	CHECK_EQ(call.reply_bytes, 8);
	CHECK_EQ(call.reply_fd, VU_FD_NONE);
	CHECK_EQ(value, 1);
	call.data = &value;
	call.data_bytes = sizeof(value);
	CHECK_EQ(vu_frontend_request(fix.fe, &call), -EINVAL);
	call.request = VHOST_USER_SET_FEATURES;
	CHECK_EQ(vu_frontend_request(fix.fe, &call), -EPERM);
	call.request = VHOST_USER_POSTCOPY_END;
	CHECK_EQ(vu_frontend_request(fix.fe, &call), -EOPNOTSUPP);
	call.request = 46;
	CHECK_EQ(vu_frontend_request(fix.fe, &call), -EOPNOTSUPP);
	call.request = UINT32_MAX;
	CHECK_EQ(vu_frontend_request(fix.fe, &call), -EOPNOTSUPP);
	front_round_trip(&fix, 1);
	front_destroy(&fix);
}

/* Sixteen frames out and sixteen buffers in the receive queue, all the time. */
static void
check_reconnect(struct frontend_fixture *fix)
{
	unsigned int nb_up = fix->nb_up;

	backend_do(fix, backend_hang_up);
	WAIT_WHILE(fix->nb_up == nb_up)
		vu_frontend_turn(fix->fe, 10);
	CHECK_EQ(fix->nb_down, nb_up);
	CHECK_EQ(fix->down_reason, -ECONNRESET);
	front_round_trip(fix, (uint8_t)nb_up);
}

static void
check_comes_back(uint64_t features)
{
	struct frontend_fixture fix;
	struct vu_guest_done done[8];
	struct vu_guest_buf buf;

	front_create_open(&fix, features);
	check_frames(&fix);
	/* A buffer that waits all the time is what the first frame of each connection fills. */
	buf = front_buf(fix.mem + 8 * BUFFER_BYTES, BUFFER_BYTES);
	CHECK_EQ(vu_frontend_send(fix.fe, TO_GUEST, &buf, 1, true), 1);
	for (unsigned int i = 0; i < 10; i++)
		check_reconnect(&fix);
	CHECK_EQ(fix.nb_sessions, 11);
	CHECK_EQ(vu_frontend_stop(fix.fe), 0);
	CHECK_EQ(vu_frontend_collect(fix.fe, TO_GUEST, done, 8), 0);
	CHECK_EQ(vu_frontend_reclaim(fix.fe, TO_GUEST, done, 8), 1);
	front_destroy(&fix);
}

VU_TEST(frontend, comes_back_after_a_lost_connection)
{
	check_comes_back(0);
	check_comes_back(FEATURE_RING_PACKED);
}

VU_TEST(frontend, nothing_moves_while_down)
{
	struct frontend_fixture fix;
	struct vu_frontend_conf conf;
	struct vu_guest_buf buf;
	struct vu_guest_done done;

	front_create(&fix);
	conf = front_conf(&fix);
	front_open(&fix, &conf);
	buf = front_buf(fix.mem, BUFFER_BYTES);
	CHECK(vu_frontend_ring(fix.fe, 0) == NULL);
	CHECK_EQ(vu_frontend_send(fix.fe, TO_GUEST, &buf, 1, true), 0);
	CHECK_EQ(vu_frontend_send_chain(fix.fe, TO_GUEST, &buf, 0, 1), -ENOTCONN);
	CHECK_EQ(vu_frontend_collect(fix.fe, TO_GUEST, &done, 1), 0);
	CHECK_EQ(vu_frontend_reclaim(fix.fe, TO_GUEST, &done, 1), 0);
	CHECK_EQ(vu_frontend_start(fix.fe, 0), -EALREADY);
	vu_frontend_kick(fix.fe, 0);
	vu_frontend_kick(fix.fe, 7);
	CHECK(vu_frontend_call_fd(fix.fe, 7) == VU_FD_NONE);
	front_destroy(&fix);
}

static void
check_stops_and_starts(uint64_t features)
{
	struct frontend_fixture fix;
	struct vu_guest_done done[8];
	struct vu_guest_buf buf;

	front_create_open(&fix, features);
	check_frames(&fix);
	for (unsigned int i = 0; i < 5; i++) {
		buf = front_buf(fix.mem + 8 * BUFFER_BYTES, BUFFER_BYTES);
		CHECK_EQ(vu_frontend_send(fix.fe, TO_GUEST, &buf, 1, true), 1);
		CHECK_EQ(vu_frontend_stop(fix.fe), 0);
		CHECK_EQ(vu_frontend_queue_enable(fix.fe, 0, true), -EINVAL);
		CHECK_EQ(vu_frontend_reclaim(fix.fe, TO_GUEST, done, 8), 1);
		CHECK(done[0].cookie == buf.cookie);
		CHECK_EQ(vu_frontend_start(fix.fe, 3), -EINVAL);
		CHECK_EQ(vu_frontend_start(fix.fe, 2), 0);
		front_round_trip(&fix, (uint8_t)i);
	}
	CHECK_EQ(vu_frontend_queue_enable(fix.fe, TO_GUEST, false), 0);
	CHECK_EQ(vu_frontend_queue_enable(fix.fe, TO_GUEST, true), 0);
	front_round_trip(&fix, 77);
	front_destroy(&fix);
}

/* A ring of 3 wraps with every frame or two. */
VU_TEST(frontend, packed_rings_have_any_size)
{
	static const uint32_t sizes[] = { 3, 100 };

	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		struct frontend_fixture fix;
		struct vu_frontend_conf conf;

		front_create(&fix);
		backend_do(&fix, backend_listen);
		conf = front_conf(&fix);
		conf.queue_size = sizes[i];
		conf.features = FEATURE_RING_PACKED;
		front_open(&fix, &conf);
		CHECK_EQ(vu_frontend_wait(fix.fe, EXPECT_WAIT_MS), 0);
		for (unsigned int n = 0; n < 10; n++)
			front_round_trip(&fix, (uint8_t)n);
		CHECK_EQ(vu_frontend_ring(fix.fe, 0)->size, sizes[i]);
		CHECK_EQ(vu_frontend_stop(fix.fe), 0);
		CHECK_EQ(vu_frontend_start(fix.fe, 0), 0);
		front_round_trip(&fix, 77);
		front_destroy(&fix);
	}
}

VU_TEST(frontend, stops_and_starts_again)
{
	check_stops_and_starts(0);
	check_stops_and_starts(FEATURE_RING_PACKED);
}

VU_TEST(frontend, calls_when_asked_to)
{
	struct frontend_fixture fix;
	struct vu_frontend_conf conf;
	struct pollfd pollfd = { .events = POLLIN };
	struct vu_guest_done done;
	struct vu_guest_buf buf;
	uint64_t events;

	front_create(&fix);
	backend_do(&fix, backend_listen);
	conf = front_conf(&fix);
	conf.has_calls = true;
	conf.features = RTE_BIT64(VIRTIO_RING_F_EVENT_IDX);
	front_open(&fix, &conf);
	CHECK_EQ(vu_frontend_wait(fix.fe, EXPECT_WAIT_MS), 0);
	pollfd.fd = vu_frontend_call_fd(fix.fe, FROM_GUEST);
	for (unsigned int i = 0; i < 20; i++) {
		memset(fix.mem, 0, NET_HEADER_BYTES + FRAME_BYTES);
		buf = front_buf(fix.mem, NET_HEADER_BYTES + FRAME_BYTES);
		CHECK_EQ(vu_frontend_send(fix.fe, FROM_GUEST, &buf, 1, false), 1);
		CHECK_EQ(poll(&pollfd, 1, EXPECT_WAIT_MS), 1);
		CHECK_EQ(read(pollfd.fd, &events, sizeof(events)), 8);
		front_collect_one(&fix, FROM_GUEST, &done);
		CHECK_EQ(vu_frontend_collect(fix.fe, FROM_GUEST, &done, 1), 0);
	}
	front_destroy(&fix);
}

VU_TEST(frontend, open_refuses_bad_configurations)
{
	struct vu_frontend_conf conf = { .path = "/nowhere/sock", .nb_queues = 2 };
	int socks[2];

	conf.nb_queues = 0;
	CHECK(vu_frontend_open(&conf) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
	conf.nb_queues = 257;
	CHECK(vu_frontend_open(&conf) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
	conf.nb_queues = 2;
	conf.queue_size = 3;
	CHECK(vu_frontend_open(&conf) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
	conf.queue_size = 32769;
	conf.features = FEATURE_RING_PACKED;
	CHECK(vu_frontend_open(&conf) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
	conf.queue_size = 0;
	conf.driver = "nobody";
	CHECK(vu_frontend_open(&conf) == NULL);
	CHECK_EQ(rte_errno, ENOENT);
	conf.driver = NULL;
	conf.mode = VU_FRONTEND_SERVER;
	CHECK(vu_frontend_open(&conf) == NULL);
	CHECK_EQ(rte_errno, ENOENT);
	conf.path = NULL;
	CHECK(vu_frontend_open(&conf) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
	/* An fd is owned also when opening fails. */
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	conf = (struct vu_frontend_conf){ .mode = VU_FRONTEND_FD, .fd = socks[0] };
	CHECK(vu_frontend_open(&conf) == NULL);
	CHECK_EQ(read(socks[1], &conf, 1), 0);
	close(socks[1]);
	vu_frontend_close(NULL);
}

VU_TEST(frontend, required_features_that_are_missing_keep_it_down)
{
	struct frontend_fixture fix;
	struct vu_frontend_conf conf;

	front_create(&fix);
	backend_do(&fix, backend_listen);
	conf = front_conf(&fix);
	conf.features_required = RTE_BIT64(VIRTIO_NET_F_STANDBY);
	front_open(&fix, &conf);
	CHECK_EQ(vu_frontend_wait(fix.fe, 50), -ETIMEDOUT);
	CHECK_EQ(fix.nb_up, 0);
	CHECK(vu_frontend_reason(fix.fe) != 0);
	front_destroy(&fix);
}
