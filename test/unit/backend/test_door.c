/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Doors with a thread: whatever a front-end sends, control and the next front-end go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "door_line.h"
#include "fake_fuse.h"
#include "leak_check.h"
#include "session_fixture.h"
#include "vu_peer.h"

/* Short patience, for a front-end that it is to run out with; 0 is the usual one. */
#define FRAME_MS 20
#define CHECK_MS 400

/* A port whose present session has a thread. */
static void
door_connect_for(struct session_port *fix, uint32_t frame_ms, uint32_t check_ms)
{
	struct vu_backend_conf conf = {
		.reactor = fix->rig->reactor, .dev = fix->dev, .frame_ms = frame_ms,
		.check_ms = check_ms, .closed = session_port_closed, .arg = fix,
	};

	CHECK(fix->session == NULL);
	conf.fd = fake_frontend_open(&fix->frontend, session_port_turn, fix);
	CHECK(conf.fd >= 0);
	fix->session = vu_backend_session_open(&conf);
	CHECK(fix->session != NULL);
}

static void
door_connect(struct session_port *fix)
{
	door_connect_for(fix, 0, 0);
}

static void
door_create_for(struct session_port *fix, uint32_t frame_ms, uint32_t check_ms)
{
	fixture_create(fix, "forward=loopback");
	session_port_disconnect(fix);
	door_connect_for(fix, frame_ms, check_ms);
}

static void
door_create(struct session_port *fix)
{
	door_create_for(fix, 0, 0);
}

static void
door_destroy(struct session_port *fix)
{
	session_port_disconnect(fix);
	leak_check_settle();
	session_port_connect(fix);
	fixture_destroy(fix);
}

VU_TEST(door, serves_a_device_from_nothing_to_traffic)
{
	struct session_port fix;

	door_create(&fix);
	fixture_start(&fix);
	session_port_echo(&fix, 0x5a);
	/* The same table again, then another: mappings come and go on the door. */
	CHECK_EQ(session_port_set_mem(&fix), 0);
	session_port_echo(&fix, 0xa5);
	CHECK_EQ(vu_peer_group_nb(vu_device_peers(fix.dev)), 1);
	door_destroy(&fix);
}

VU_TEST(door, ends_with_its_session)
{
	struct session_port fix;

	door_create(&fix);
	for (unsigned int i = 0; i < 20; i++) {
		fixture_start(&fix);
		session_port_disconnect(&fix);
		leak_check_settle();
		CHECK_EQ(vu_peer_group_nb(vu_device_peers(fix.dev)), 0);
		door_connect(&fix);
	}
	door_destroy(&fix);
}

/* The session ends while control has a request that waits for the data lcore. */
VU_TEST(door, hang_up_while_parked)
{
	struct session_port fix;
	struct vu_reply frame;

	door_create(&fix);
	fixture_start(&fix);
	lcore_gate_close(&fix);
	fake_frontend_begin(&fix.frontend, &frame, VHOST_USER_GET_VRING_BASE);
	vu_request_append_state(&frame, 0, 0);
	CHECK_EQ(fake_frontend_send(&fix.frontend, &frame), 0);
	WAIT_WHILE(!fix.session->is_parked)
		session_rig_turn(fix.rig);
	fake_frontend_close(&fix.frontend);
	WAIT_WHILE(!fix.session->is_closing)
		session_rig_turn(fix.rig);
	lcore_gate_open(&fix);
	session_port_wait_closed(&fix);
	door_connect(&fix);
	door_destroy(&fix);
}

static void
send_kick_fd(struct session_port *fix, int fd)
{
	struct vu_reply frame;
	const uint64_t idx = 0;

	fake_frontend_begin(&fix->frontend, &frame, VHOST_USER_SET_VRING_KICK);
	vu_request_append(&frame, &idx, sizeof(idx));
	vu_reply_add_fd(&frame, fd);
	CHECK_EQ(fake_frontend_send(&fix->frontend, &frame), 0);
}

/* All that there is in pieces that a reply could use. @return list of them, to be freed */
static void *
exhaust_memory(void)
{
	void *first = NULL, **piece;

	for (size_t bytes = 2 * sizeof(struct vu_reply); bytes > 256; bytes /= 2) {
		while ((piece = malloc(bytes)) != NULL) {
			*piece = first;
			first = piece;
		}
	}
	return first;
}

static void
free_memory(void *first)
{
	void *next;

	for (; first != NULL; first = next) {
		next = *(void **)first;
		free(first);
	}
}

/* A front-end would wait for its reply for ever. */
VU_TEST(door, no_memory_for_a_reply_ends_the_session)
{
	/* 0 would mean any (mm/mmap.c: a workaround for valgrind). */
	const struct rlimit none = { .rlim_cur = 4096, .rlim_max = RLIM_INFINITY };
	struct vu_reply reply;
	struct rlimit before;
	struct session_port fix;
	void *memory;
	int rc;

#if defined(RTE_MALLOC_ASAN) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	expect_skip(); /* their malloc() ends the program */
#endif
	door_create(&fix);
	vu_reply_bytes(&reply, VHOST_USER_GET_CONFIG, reply.bytes, VU_MAX_MSG_BYTES);
	CHECK_EQ(getrlimit(RLIMIT_DATA, &before), 0);
	CHECK_EQ(setrlimit(RLIMIT_DATA, &none), 0);
	memory = exhaust_memory();
	rc = session_reply(fix.session, &reply);
	free_memory(memory);
	CHECK_EQ(setrlimit(RLIMIT_DATA, &before), 0);
	CHECK_EQ(rc, -ENOMEM);
	door_destroy(&fix);
}

/* A thousand idle ports need not wake the control lcore. */
VU_TEST(door, is_checked_while_it_works)
{
	struct session_port fix;
	uint32_t nb_checks;

	door_create_for(&fix, 0, 200);
	fixture_start(&fix);
	session_port_echo(&fix, 1);
	WAIT_WHILE(fix.session->is_checking)
		session_rig_turn(fix.rig);
	nb_checks = fix.session->door->ping;
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	WAIT_WHILE(fix.session->door->ping == nb_checks)
		session_rig_turn(fix.rig);
	WAIT_WHILE(fix.session->is_checking)
		session_rig_turn(fix.rig);
	CHECK(!fix.session->is_silence_logged);
	door_destroy(&fix);
}

/* QEMU with share=off: its guest puts buffers where nobody else sees them, and kicks. */
VU_TEST(door, kicks_for_rings_that_stay_empty_are_explained)
{
	const uint64_t features[] = { FEATURE_BITS,
		FEATURE_BITS | RTE_BIT64(VIRTIO_F_RING_PACKED) };

	for (unsigned int i = 0; i < RTE_DIM(features); i++) {
		int kick_fd = vu_fd_eventfd();
		struct session_port fix;
		uint32_t base;

		door_create_for(&fix, 0, 200);
		CHECK_EQ(session_port_negotiate(&fix, features[i], PROTOCOL_BITS), 0);
		CHECK_EQ(session_port_set_mem(&fix), 0);
		CHECK_EQ(session_port_configure_ring(&fix, 1), 0);
		CHECK_EQ(fake_frontend_do_fd(&fix.frontend, VHOST_USER_SET_VRING_KICK, 1,
			kick_fd), 0);
		CHECK(vu_device_silence(fix.dev) == NULL);
		CHECK_EQ(vu_fd_signal(kick_fd), 0);
		WAIT_WHILE(!fix.session->is_silence_logged)
			session_rig_turn(fix.rig);
		CHECK(vu_device_silence(fix.dev) != NULL);
		/* After a reboot the fd has the kicks of before. */
		CHECK_EQ(fake_frontend_get_base(&fix.frontend, 1, &base), 0);
		CHECK_EQ(fake_frontend_do_fd(&fix.frontend, VHOST_USER_SET_VRING_KICK, 1,
			kick_fd), 0);
		CHECK(fixture_is_live(&fix, 1));
		CHECK(vu_device_silence(fix.dev) == NULL);
		vu_fd_close(&kick_fd);
		door_destroy(&fix);
	}
}

/* Only the server of its file can close such an fd. */
VU_TEST(door, one_that_is_stuck_is_left_behind)
{
	struct session_port fix;
	struct fake_fuse fuse;
	const int rc = fake_fuse_start(&fuse);

	if (rc == -ENOTSUP)
		expect_skip();
	CHECK_EQ(rc, 0);
	door_create_for(&fix, 0, CHECK_MS);
	fixture_start(&fix);
	send_kick_fd(&fix, fuse.fd);
	/* Its session is closed by itself, and another one served meanwhile. */
	session_port_wait_closed(&fix);
	CHECK_EQ(vu_peer_group_nb(vu_device_peers(fix.dev)), 1);
	fake_frontend_close(&fix.frontend);
	door_connect(&fix);
	CHECK_EQ(vu_peer_group_nb(vu_device_peers(fix.dev)), 2);
	fixture_start(&fix);
	session_port_echo(&fix, 0x77);
	fake_fuse_stop(&fuse);
	close(fuse.fd);
	WAIT_WHILE(vu_peer_group_nb(vu_device_peers(fix.dev)) != 1)
		session_rig_turn(fix.rig);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	door_destroy(&fix);
}

/* With it in our socket, the connection would not end when the front-end does. */
VU_TEST(door, own_end_in_half_a_frame)
{
	struct session_port fix;
	const uint8_t byte = VHOST_USER_GET_FEATURES;

	door_create_for(&fix, FRAME_MS, 0);
	CHECK_EQ(fake_frontend_send_bytes(&fix.frontend, &byte, 1, &fix.frontend.sock, 1), 0);
	fake_frontend_close(&fix.frontend);
	session_port_wait_closed(&fix);
	door_connect(&fix);
	CHECK_EQ(fixture_negotiate(&fix), 0);
	door_destroy(&fix);
}

/* Nobody takes out-of-band data: the kernel reads past it and closes what it brought. */
VU_TEST(door, out_of_band_byte_with_a_lingering_socket)
{
	struct session_port fix;
	int peer;
	int fd = fake_lingering_socket(&peer);
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (uint8_t[1]){ 0 }, .iov_len = 1 };
	struct msghdr header = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	door_create_for(&fix, FRAME_MS, 0);
	control.align = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(int)),
	};
	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	CHECK(sendmsg(fix.frontend.sock, &header, MSG_OOB | MSG_NOSIGNAL) >= 0);
	close(fd);
	CHECK_EQ(fake_frontend_send_bytes(&fix.frontend, "x", 1, NULL, 0), 0);
	session_port_wait_closed(&fix);
	fake_frontend_close(&fix.frontend);
	door_connect(&fix);
	CHECK_EQ(fixture_negotiate(&fix), 0);
	/* It gives up with its other end. */
	close(peer);
	door_destroy(&fix);
}
