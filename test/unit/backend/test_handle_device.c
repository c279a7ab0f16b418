/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests that go to an op of the device, what is offered for which device, and memory as the
 * driver and GPA_ADDRESSES want it.
 */
#include "channel_fixture.h"
#include "expect.h"

#ifdef VU_XEN
#define XEN_BITS RTE_BIT64(VHOST_USER_PROTOCOL_F_XEN_MMAP)
#else
#define XEN_BITS UINT64_C(0)
#endif

static uint64_t
own_bits(void)
{
	return XEN_BITS | RTE_BIT64(VHOST_USER_PROTOCOL_F_MQ) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_STATUS) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_GPA_ADDRESSES);
}

/* What each of two devices offers; what the driver claims without an op is not. */
VU_TEST(handle_device, offers_follow_the_ops)
{
	const uint64_t net_bits = RTE_BIT64(VHOST_USER_PROTOCOL_F_MTU) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIG);
	const uint64_t log_bit = RTE_BIT64(VHOST_USER_PROTOCOL_F_LOG_SHMFD);
	struct channel_fixture f;
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(session_protocol_features(fix.session), own_bits() | net_bits | log_bit);
	fixture_destroy(&fix);
	fixture_create(&fix, "forward=switch");
	CHECK_EQ(session_protocol_features(fix.session), own_bits() | net_bits | log_bit |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_RARP));
	fixture_destroy(&fix);
	CHECK_EQ(channel_create(&f, 0), 0);
	CHECK_EQ(channel_all_bits(&f), own_bits() | net_bits |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_RARP) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_CRYPTO_SESSION) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_HOST_NOTIFIER) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_SHARED_OBJECT) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_DEVICE_STATE) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_SHMEM));
	channel_destroy(&f);
}

/* A probe device with everything but messages instead of fds and guest addresses. */
static int
create(struct channel_fixture *f)
{
	struct vu_reply frame;

	CHECK_EQ(channel_create(f, 0), 0);
	vu_request_begin(&frame, VHOST_USER_SET_PROTOCOL_FEATURES, false);
	vu_request_append_u64(&frame, channel_all_bits(f) &
		~RTE_BIT64(VHOST_USER_PROTOCOL_F_GPA_ADDRESSES));
	CHECK_EQ(fake_frontend_send(&f->fix.frontend, &frame), 0);
	f->fix.frontend.need_reply = true;
	return fake_frontend_sync(&f->fix.frontend);
}

/* Send a request and take the reply, which may bring an fd. */
static int
ask(struct channel_fixture *f, const struct vu_reply *frame, struct vu_msg *reply)
{
	CHECK_EQ(fake_frontend_send(&f->fix.frontend, frame), 0);
	return fake_frontend_receive(&f->fix.frontend, reply);
}

VU_TEST(handle_device, rarp)
{
	const uint8_t mac[8] = { 0x52, 0x54, 0, 1, 2, 3 };
	struct channel_fixture f;
	uint64_t value;

	CHECK_EQ(create(&f), 0);
	memcpy(&value, mac, sizeof(value));
	CHECK_EQ(fake_frontend_do_u64(&f.fix.frontend, VHOST_USER_SEND_RARP, value), 0);
	CHECK_EQ(f.probe->nb_rarps, 1);
	CHECK_EQ(memcmp(f.probe->mac, mac, sizeof(f.probe->mac)), 0);
	f.probe->result = -EINVAL;
	CHECK_EQ(fake_frontend_do_u64(&f.fix.frontend, VHOST_USER_SEND_RARP, value), 1);
	channel_destroy(&f);
}

VU_TEST(handle_device, crypto_sessions)
{
	struct channel_fixture f;
	struct vu_reply frame;
	struct vu_msg reply;
	uint8_t params[100];
	int64_t id;

	CHECK_EQ(create(&f), 0);
	for (unsigned int i = 0; i < sizeof(params); i++)
		params[i] = (uint8_t)i;
	f.probe->session_id = 77;
	vu_request_begin(&frame, VHOST_USER_CREATE_CRYPTO_SESSION, false);
	vu_request_append(&frame, params, sizeof(params));
	CHECK_EQ(ask(&f, &frame, &reply), 0);
	CHECK_EQ(reply.size, sizeof(params));
	CHECK_EQ(f.probe->crypto_bytes, sizeof(params));
	memcpy(&id, reply.payload.bytes + sizeof(params) - sizeof(id), sizeof(id));
	CHECK_EQ(id, 77);
	CHECK_EQ(memcmp(reply.payload.bytes, params, sizeof(params) - sizeof(id)), 0);
	f.probe->result = -ENOSPC;
	CHECK_EQ(ask(&f, &frame, &reply), 0);
	memcpy(&id, reply.payload.bytes + sizeof(params) - sizeof(id), sizeof(id));
	CHECK(id < 0);
	CHECK_EQ(fake_frontend_do_u64(&f.fix.frontend, VHOST_USER_CLOSE_CRYPTO_SESSION, 5), 1);
	f.probe->result = 0;
	CHECK_EQ(fake_frontend_do_u64(&f.fix.frontend, VHOST_USER_CLOSE_CRYPTO_SESSION, 77), 0);
	CHECK_EQ(f.probe->closed_session, 77);
	channel_destroy(&f);
}

VU_TEST(handle_device, shared_object)
{
	const uint8_t uuid[16] = { 9, 8, 7 };
	const uint8_t nil[16] = { 0 };
	struct channel_fixture f;
	struct vu_reply frame;
	struct vu_msg reply;

	CHECK_EQ(create(&f), 0);
	vu_request_begin(&frame, VHOST_USER_GET_SHARED_OBJECT, false);
	vu_request_append(&frame, uuid, sizeof(uuid));
	CHECK_EQ(ask(&f, &frame, &reply), 0);
	CHECK_EQ(reply.size, 0);
	CHECK_EQ(reply.nb_fds, 0);
	CHECK_EQ(memcmp(f.probe->uuid, uuid, sizeof(uuid)), 0);
	/* fake_frontend_receive() keeps no fds: that one was sent is seen by hand. */
	f.probe->shared_fd = f.fix.mem_fd;
	CHECK_EQ(ask(&f, &frame, &reply), 0);
	CHECK_EQ(reply.size, 0);
	/* A UUID that cannot be: reported like an object that is not there. */
	vu_request_begin(&frame, VHOST_USER_GET_SHARED_OBJECT, false);
	vu_request_append(&frame, nil, sizeof(nil));
	CHECK_EQ(ask(&f, &frame, &reply), 0);
	CHECK_EQ(reply.size, 0);
	CHECK_EQ(fake_frontend_sync(&f.fix.frontend), 0);
	channel_destroy(&f);
}

VU_TEST(handle_device, shmem_config)
{
	struct channel_fixture f;
	struct vu_reply frame;
	struct vu_msg reply;

	CHECK_EQ(create(&f), 0);
	vu_request_begin(&frame, VHOST_USER_GET_SHMEM_CONFIG, false);
	CHECK_EQ(ask(&f, &frame, &reply), 0);
	CHECK_EQ(reply.size, sizeof(struct vhost_user_shmem_config));
	CHECK_EQ(reply.payload.shmem.nb_regions, 1);
	CHECK_EQ(reply.payload.shmem.sizes[0], 0);
	CHECK_EQ(reply.payload.shmem.sizes[PROBE_SHMID], PROBE_SHMEM_BYTES);
	channel_destroy(&f);
}

VU_TEST(handle_device, ops_see_features_and_resets)
{
	struct channel_fixture f;
	struct fake_frontend *frontend = &f.fix.frontend;
	struct vu_reply frame;

	CHECK_EQ(create(&f), 0);
	CHECK(!f.probe->has_event_idx);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES,
		FEATURE_BITS | RTE_BIT64(VIRTIO_RING_F_EVENT_IDX)), 0);
	CHECK(f.probe->has_event_idx);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES, FEATURE_BITS), 0);
	CHECK(!f.probe->has_event_idx);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 0,
		PROBE_MAX_QUEUE_SIZE), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 0,
		2 * PROBE_MAX_QUEUE_SIZE), 1);
	fake_frontend_begin(frontend, &frame, VHOST_USER_RESET_DEVICE);
	CHECK_EQ(fake_frontend_do(frontend, &frame), 0);
	CHECK_EQ(f.probe->nb_resets, 1);
	channel_destroy(&f);
}

/*
 * The driver sees each table before it counts, may refuse it, and is notified when there is none.
 */
VU_TEST(handle_device, driver_sees_memory)
{
	struct channel_fixture f;
	const struct vu_mem_table *mem;

	CHECK_EQ(create(&f), 0);
	f.probe->result = -EIO;
	CHECK_EQ(session_port_set_mem(&f.fix), 1);
	CHECK(vu_device_mem(f.fix.dev) == NULL);
	f.probe->result = 0;
	CHECK_EQ(session_port_set_mem(&f.fix), 0);
	CHECK_EQ(f.probe->nb_memory, 1);
	mem = vu_device_mem(f.fix.dev);
	CHECK(mem != NULL && f.probe->mem == mem);
	f.probe->result = -EIO;
	CHECK_EQ(session_port_set_mem(&f.fix), 1);
	CHECK(vu_device_mem(f.fix.dev) == mem);
	session_port_disconnect(&f.fix);
	CHECK(f.probe->mem == NULL);
	CHECK_EQ(f.probe->nb_memory, 2);
	channel_destroy(&f);
}

/* With GPA_ADDRESSES user addresses are guest addresses, 0 among them. */
VU_TEST(handle_device, guest_addresses)
{
	struct channel_fixture f;
	struct fake_frontend *frontend = &f.fix.frontend;
	struct vhost_user_mem_region region = {
		.gpa = 0, .size = SESSION_MEM_BYTES, .uva = 0, .mmap_offset = 0,
	};
	const struct vhost_user_vring_addr addr = {
		.index = 0, .descriptor = 0, .available = 0x1000, .used = 0x2000,
	};
	struct vu_reply frame;

	CHECK_EQ(channel_create(&f, RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_GPA_ADDRESSES)), 0);
	CHECK_EQ(session_port_set_mem(&f.fix), 1);
	CHECK_EQ(session_port_set_regions(&f.fix, &region, 1), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 0,
		SESSION_RING_SIZE), 0);
	fake_frontend_begin(frontend, &frame, VHOST_USER_SET_VRING_ADDR);
	vu_request_append(&frame, &addr, sizeof(addr));
	CHECK_EQ(fake_frontend_do(frontend, &frame), 0);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, 0, VU_FD_NONE), 0);
	CHECK(fixture_is_live(&f.fix, 0));
	region.uva = region.gpa + SESSION_MEM_BYTES;
	fake_frontend_begin(frontend, &frame, VHOST_USER_ADD_MEM_REG);
	vu_request_append_u64(&frame, 0);
	vu_request_append(&frame, &region, sizeof(region));
	vu_reply_add_fd(&frame, f.fix.mem_fd);
	CHECK_EQ(fake_frontend_do(frontend, &frame), 1);
	channel_destroy(&f);
}

/* Not offered, so refused, and without a reply of their own that is an acknowledgement. */
VU_TEST(handle_device, cross_endian_is_refused)
{
	struct channel_fixture f;

	CHECK_EQ(create(&f), 0);
	CHECK_EQ(fake_frontend_do_state(&f.fix.frontend, VHOST_USER_SET_VRING_ENDIAN, 0, 0), 1);
	CHECK_EQ(fake_frontend_do_state(&f.fix.frontend, VHOST_USER_SET_VRING_ENDIAN, 0, 1), 1);
	CHECK_EQ(fake_frontend_sync(&f.fix.frontend), 0);
	channel_destroy(&f);
}
