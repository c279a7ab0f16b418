/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rings: configuration, both generations of starting, stopping, fds, enabling.
 */
#include "expect.h"
#include "door_line.h"
#include "session_fixture.h"

#include <fcntl.h>
#include <sys/eventfd.h>

VU_TEST(handle_vring, sizes)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;
	const uint32_t good[] = { 1, 2, 64, 256 };
	const uint32_t bad[] = { 0, 3, 100, 512, 32768, 65536, UINT32_MAX };

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	for (unsigned int i = 0; i < RTE_DIM(good); i++)
		CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 0, good[i]), 0);
	for (unsigned int i = 0; i < RTE_DIM(bad); i++)
		CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 0, bad[i]), 1);
	fixture_destroy(&fix);
}

VU_TEST(handle_vring, indices_in_full_width)
{
	const uint32_t indices[] = { 2, 0xff, 0x100, 0x10000, 0x80000000, UINT32_MAX };
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	for (unsigned int i = 0; i < RTE_DIM(indices); i++) {
		uint32_t idx = indices[i];

		CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, idx, 16), 1);
		CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, idx, 0), 1);
		CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, idx, 1), 1);
		CHECK_EQ(session_port_set_addr(&fix, idx, 0), 1);
	}
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, 2, VU_FD_NONE), 1);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_CALL, 0xff, fix.mem_fd), 1);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_VRING_KICK, 0x10000 | 0x100), 1);
	CHECK_EQ(fake_frontend_sync(frontend), 0);
	fixture_destroy(&fix);
}

VU_TEST(handle_vring, no_changes_while_running)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 1,
		2 * SESSION_RING_SIZE), 1);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, 1, 5), 1);
	CHECK_EQ(session_port_set_addr(&fix, 1, SESSION_RING_BYTES), 1);
	/* What is there already may be sent again: it carries the log flag. */
	CHECK_EQ(session_port_set_addr(&fix, 1, 0), 0);
	session_port_echo(&fix, 1);
	fixture_destroy(&fix);
}

/* The open file is the front-end's, too: its blocking read() must go on to wait. */
VU_TEST(handle_vring, lent_fds_keep_their_flags)
{
	const uint32_t requests[] = { VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_CALL,
		VHOST_USER_SET_VRING_ERR };
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	for (unsigned int i = 0; i < RTE_DIM(requests); i++) {
		int fd = eventfd(0, EFD_CLOEXEC);

		CHECK_EQ(fake_frontend_do_fd(&fix.frontend, requests[i], 0, fd), 0);
		CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR);
		vu_fd_close(&fd);
	}
	CHECK_EQ(fcntl(vu_conn_fd(fix.session->door->first->conn), F_GETFL) & O_NONBLOCK, 0);
	fixture_destroy(&fix);
}

/* Without GET_VRING_BASE: what comes for a disabled ring stops it, and it starts with that. */
VU_TEST(handle_vring, disabled_ring_is_set_up_again)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	session_port_echo(&fix, 1);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, 1, 0), 0);
	CHECK_EQ(session_port_set_mem(&fix), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 1,
		SESSION_RING_SIZE), 0);
	CHECK(fixture_is_live(&fix, 1));
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 1,
		2 * SESSION_RING_SIZE), 0);
	CHECK(!fixture_is_live(&fix, 1) && fixture_is_live(&fix, 0));
	CHECK_EQ(session_port_start_ring(&fix, 1), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, 1, 1), 0);
	session_port_echo(&fix, 2);
	fixture_destroy(&fix);
}

/* The new base counts, not the one where the ring stopped for it; ENABLE alone starts it. */
VU_TEST(handle_vring, disabled_ring_takes_a_base)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;
	uint32_t base;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	session_port_echo(&fix, 1);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, 1, 0), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, 1, 0), 0);
	CHECK(!fixture_is_live(&fix, 1));
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, 1, 1), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, 1, 1), 0);
	CHECK(fixture_is_live(&fix, 1));
	session_port_echo(&fix, 2);
	CHECK_EQ(fake_frontend_get_base(frontend, 1, &base), 0);
	CHECK_EQ(base, 2);
	fixture_destroy(&fix);
}

VU_TEST(handle_vring, running_ring_takes_its_own_base)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	session_port_echo(&fix, 1);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, 1, 1), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, 1, 0), 1);
	session_port_echo(&fix, 2);
	fixture_destroy(&fix);
}

/* A guest that resets a driver whose ring we gave up. */
VU_TEST(handle_vring, failed_ring_is_set_up_again)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	session_port_echo(&fix, 1);
	fix.base.rings[1].ring->avail->idx = 3 * SESSION_RING_SIZE;
	event_wait(fix.base.rings[1].err_fd);
	CHECK_EQ(session_port_start_ring(&fix, 1), 0);
	session_port_echo(&fix, 2);
	fixture_destroy(&fix);
}

VU_TEST(handle_vring, base)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;
	uint32_t base;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, 0, 0x10000), 1);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, 0, 0xffff), 0);
	/* A ring that never ran is where it was set to. */
	CHECK_EQ(fake_frontend_get_base(frontend, 0, &base), 0);
	CHECK_EQ(base, 0xffff);
	fixture_start(&fix);
	for (unsigned int i = 0; i < 40; i++)
		session_port_echo(&fix, (uint8_t)i);
	for (uint32_t q = 0; q < 2; q++) {
		CHECK_EQ(fake_frontend_get_base(frontend, q, &base), 0);
		CHECK_EQ(base, 40);
		CHECK(!fixture_is_live(&fix, q));
	}
	fixture_destroy(&fix);
}

VU_TEST(handle_vring, base_of_a_packed_ring)
{
	static const struct { uint32_t base; uint64_t result; } cases[] = {
		{ 0x80638063, 0 }, { 0x00000000, 0 }, { 0x80008000, 0 }, { 0x80058063, 0 },
		{ 0x80008064, 1 }, { 0x80648000, 1 }, { 0x80638062, 1 },
		/* DPDK's virtio-user. */
		{ 0x00008000, 0 },
	};
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;
	uint32_t base;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES,
		FEATURE_BITS | RTE_BIT64(VIRTIO_F_RING_PACKED)), 0);
	/* Both wrap counters are set in a fresh ring. */
	CHECK_EQ(fake_frontend_get_base(frontend, 0, &base), 0);
	CHECK_EQ(base, 0x80008000);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 0, 100), 0);
	for (unsigned int i = 0; i < RTE_DIM(cases); i++) {
		uint32_t before = base;

		CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, 0,
			cases[i].base), cases[i].result);
		CHECK_EQ(fake_frontend_get_base(frontend, 0, &base), 0);
		CHECK_EQ(base, cases[i].result == 0 ? cases[i].base : before);
	}
	fixture_destroy(&fix);
}

/* A front-end may stop a ring and go on from the same place. */
VU_TEST(handle_vring, stop_and_resume)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;
	uint32_t base;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	for (uint8_t i = 0; i < 5; i++) {
		session_port_echo(&fix, i);
		for (uint32_t q = 0; q < 2; q++) {
			CHECK_EQ(fake_frontend_get_base(frontend, q, &base), 0);
			CHECK_EQ(base, i + 1u);
		}
		for (uint32_t q = 0; q < 2; q++) {
			CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, q,
				base), 0);
			CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, q,
				VU_FD_NONE), 0);
		}
	}
	session_port_echo(&fix, 9);
	fixture_destroy(&fix);
}

/* After GET_VRING_BASE was answered nothing of the ring is touched. */
VU_TEST(handle_vring, stopped_ring_is_left_alone)
{
	struct session_port fix;
	uint32_t base;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	CHECK_EQ(fake_frontend_get_base(&fix.frontend, 1, &base), 0);
	session_port_offer(&fix, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	CHECK_EQ(fix.base.rings[1].ring->used->idx, 0);
	/* Starting it again finds the frame. */
	session_port_offer(&fix, 0, SESSION_BUFFER_BYTES, true);
	CHECK_EQ(fake_frontend_do_fd(&fix.frontend, VHOST_USER_SET_VRING_KICK, 1, VU_FD_NONE), 0);
	session_port_wait_used(&fix, 1, 1);
	session_port_wait_used(&fix, 0, 1);
	fixture_destroy(&fix);
}

VU_TEST(handle_vring, starts_with_a_kick_fd)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;
	int kick_fd = vu_fd_eventfd();

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(session_port_set_mem(&fix), 0);
	for (uint32_t q = 0; q < 2; q++) {
		CHECK_EQ(session_port_configure_ring(&fix, q), 0);
		CHECK(!fixture_is_live(&fix, q));
		CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, q, kick_fd), 0);
		CHECK(fixture_is_live(&fix, q));
		CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, q, 1), 0);
	}
	session_port_echo(&fix, 1);
	/* A second one replaces the first; the ring goes on. */
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, 1, kick_fd), 0);
	session_port_echo(&fix, 2);
	vu_fd_close(&kick_fd);
	fixture_destroy(&fix);
}

/* One ring of a pair, as firmware does it, and the kick before the rest. */
VU_TEST(handle_vring, rings_start_one_by_one)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;

	fixture_create(&fix, "forward=null");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, 1, VU_FD_NONE), 0);
	CHECK(!fixture_is_live(&fix, 1));
	CHECK_EQ(session_port_configure_ring(&fix, 1), 0);
	CHECK(!fixture_is_live(&fix, 1));
	CHECK_EQ(session_port_set_mem(&fix), 0);
	CHECK(fixture_is_live(&fix, 1));
	CHECK(!fixture_is_live(&fix, 0));
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, 1, 1), 0);
	session_port_offer(&fix, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
	session_port_wait_used(&fix, 1, 1);
	fixture_destroy(&fix);
}

/* Without bit 30 there is no SET_VRING_ENABLE: started means enabled. */
VU_TEST(handle_vring, enabled_without_protocol_features)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;

	fixture_create(&fix, "forward=loopback");
	frontend->need_reply = false;
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES,
		RTE_BIT64(VIRTIO_F_VERSION_1)), 0);
	CHECK_EQ(session_port_set_mem(&fix), 0);
	for (uint32_t q = 0; q < 2; q++) {
		CHECK_EQ(session_port_configure_ring(&fix, q), 0);
		CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, q,
			VU_FD_NONE), 0);
	}
	CHECK_EQ(fake_frontend_sync(frontend), 0);
	session_port_echo(&fix, 1);
	fixture_destroy(&fix);
}

/* With it a started ring is disabled: what the guest sends is consumed and goes nowhere. */
VU_TEST(handle_vring, disabled_ring_discards)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;
	struct vu_device_queue_stats stats;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(session_port_set_mem(&fix), 0);
	CHECK_EQ(session_port_start_ring(&fix, 0), 0);
	CHECK_EQ(session_port_configure_ring(&fix, 1), 0);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, 1, VU_FD_NONE), 0);
	session_port_offer(&fix, 0, SESSION_BUFFER_BYTES, true);
	session_port_offer(&fix, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
	session_port_wait_used(&fix, 1, 1);
	CHECK_EQ(fix.base.rings[0].ring->used->idx, 0);
	lcore_gate_pass(&fix);
	vu_device_queue_stats_get(fix.dev, 1, &stats);
	CHECK_EQ(stats.nb_drops[VU_DROP_DISABLED], 1);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, 1, 1), 0);
	session_port_offer(&fix, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
	session_port_wait_used(&fix, 1, 2);
	session_port_wait_used(&fix, 0, 1);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, 1, 0), 0);
	session_port_offer(&fix, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
	session_port_wait_used(&fix, 1, 3);
	lcore_gate_pass(&fix);
	vu_device_queue_stats_get(fix.dev, 1, &stats);
	CHECK_EQ(stats.nb_drops[VU_DROP_DISABLED], 2);
	fixture_destroy(&fix);
}

VU_TEST(handle_vring, wrong_addresses_do_not_start)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(session_port_set_mem(&fix), 0);
	CHECK_EQ(session_port_configure_ring(&fix, 0), 0);
	CHECK_EQ(session_port_set_addr(&fix, 0, SESSION_MEM_BYTES), 0);
	fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, 0, VU_FD_NONE);
	CHECK(!fixture_is_live(&fix, 0));
	event_wait(fix.base.rings[0].err_fd);
	/* Misaligned ones are against the protocol. */
	CHECK_EQ(session_port_set_addr(&fix, 0, 8), 1);
	CHECK_EQ(fake_frontend_sync(frontend), 0);
	fixture_destroy(&fix);
}

/* ---- call and error fds ---- */

VU_TEST(handle_vring, calls_when_buffers_are_used)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	session_port_echo(&fix, 1);
	event_wait(fix.base.rings[0].call_fd);
	event_wait(fix.base.rings[1].call_fd);
	fixture_destroy(&fix);
}

/* An event may have gone to the old fd just before: it is repeated on the new one. */
VU_TEST(handle_vring, second_call_fd_is_signalled)
{
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;
	int new_fd = vu_fd_eventfd();

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	CHECK_EQ(rig_events(new_fd), 0);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_CALL, 1, new_fd), 0);
	CHECK(rig_events(new_fd) != 0);
	session_port_echo(&fix, 1);
	event_wait(new_fd);
	CHECK_EQ(rig_events(fix.base.rings[1].call_fd), 0);
	/* None at all: the front-end polls. */
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_CALL, 1, VU_FD_NONE), 0);
	session_port_echo(&fix, 2);
	CHECK_EQ(rig_events(new_fd), 0);
	vu_fd_close(&new_fd);
	fixture_destroy(&fix);
}

/* A ring that does not run has nothing to report. */
VU_TEST(handle_vring, call_fd_of_a_stopped_ring)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(fake_frontend_do_fd(&fix.frontend, VHOST_USER_SET_VRING_CALL, 1,
			fix.base.rings[1].call_fd), 0);
	CHECK_EQ(rig_events(fix.base.rings[1].call_fd), 0);
	fixture_destroy(&fix);
}

/* Data lcores write to it: anything that could block or do harm is refused. */
VU_TEST(handle_vring, only_eventfds_are_called)
{
	const uint32_t requests[] = { VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_ERR };
	struct session_port fix;
	struct fake_frontend *frontend = &fix.frontend;
	int pipe_fds[2];

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	CHECK_EQ(pipe(pipe_fds), 0);
	for (unsigned int i = 0; i < RTE_DIM(requests); i++) {
		CHECK_EQ(fake_frontend_do_fd(frontend, requests[i], 1, pipe_fds[1]), 1);
		CHECK_EQ(fake_frontend_do_fd(frontend, requests[i], 1, fix.mem_fd), 1);
		CHECK_EQ(fake_frontend_do_fd(frontend, requests[i], 1, frontend->sock), 1);
	}
	/* The good ones from before stay. */
	session_port_echo(&fix, 1);
	event_wait(fix.base.rings[1].call_fd);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	fixture_destroy(&fix);
}

VU_TEST(handle_vring, full_eventfd_does_not_block)
{
	struct session_port fix;
	const uint64_t full = UINT64_MAX - 1;
	int fd = vu_fd_eventfd();

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	CHECK_EQ(write(fd, &full, sizeof(full)), (ssize_t)sizeof(full));
	CHECK_EQ(fake_frontend_do_fd(&fix.frontend, VHOST_USER_SET_VRING_CALL, 1, fd), 0);
	for (uint8_t i = 0; i < 3; i++)
		session_port_echo(&fix, i);
	vu_fd_close(&fd);
	fixture_destroy(&fix);
}
