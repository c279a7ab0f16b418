/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The in-flight region by messages: sizes of the specification, where a ring's part lies, regions
 * that do not fit, contradict themselves or shrink, and requests that are done again.
 */
#include "channel_fixture.h"
#include "expect.h"

#include <sys/mman.h>
#include <unistd.h>

#include "vu_device_control.h"
#include "vu_device_driver.h"
#include "vu_mem_fault.h"
#include "vu_vring_inflight.h"

#define INFLIGHT_BITS (RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD))
#define QUEUE_SIZE 128
#define QUEUE_BYTES 2112 /* 16 + 16 * 128, in whole cache lines */

static int
set_region(struct channel_fixture *f, int fd, const struct vhost_user_inflight *conf)
{
	struct vu_reply frame;

	vu_request_begin(&frame, VHOST_USER_SET_INFLIGHT_FD, true);
	vu_request_append(&frame, conf, sizeof(*conf));
	vu_reply_add_fd(&frame, fd);
	return fake_frontend_do(&f->fix.frontend, &frame);
}

VU_TEST(handle_inflight, region_of_ours)
{
	const struct vhost_user_inflight conf = { .nb_queues = 2, .queue_size = QUEUE_SIZE };
	struct channel_fixture f;
	struct vu_reply frame;
	struct vu_msg reply;

	CHECK_EQ(channel_create(&f, INFLIGHT_BITS), 0);
	vu_request_begin(&frame, VHOST_USER_GET_INFLIGHT_FD, false);
	vu_request_append(&frame, &conf, sizeof(conf));
	CHECK_EQ(fake_frontend_send(&f.fix.frontend, &frame), 0);
	CHECK_EQ(fake_frontend_receive(&f.fix.frontend, &reply), 0);
	CHECK_EQ(reply.request, VHOST_USER_GET_INFLIGHT_FD);
	CHECK_EQ(reply.size, sizeof(conf));
	CHECK_EQ(reply.nb_fds, 1);
	CHECK_EQ(reply.payload.inflight.mmap_size, 2 * QUEUE_BYTES);
	CHECK_EQ(reply.payload.inflight.mmap_offset, 0);
	CHECK_EQ(reply.payload.inflight.nb_queues, 2);
	CHECK_EQ(reply.payload.inflight.queue_size, QUEUE_SIZE);
	channel_destroy(&f);
}

/* Rings that start from now on have their parts in it, one stride after the other. */
VU_TEST(handle_inflight, parts_of_a_region)
{
	const struct vhost_user_inflight conf = { .mmap_size = 2 * QUEUE_BYTES, .mmap_offset = 64,
		.nb_queues = 2, .queue_size = QUEUE_SIZE };
	int fds[2] = { vu_fd_memfd("vu-test-inflight", 8192, 0),
		vu_fd_memfd("vu-test-inflight", 8192, 0) };
	uint16_t nb_entries = 0;
	struct channel_fixture f;
	uint8_t *theirs, *parts[2];

	theirs = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
	CHECK(theirs != MAP_FAILED);
	CHECK_EQ(channel_create(&f, INFLIGHT_BITS), 0);
	CHECK(vu_device_queue_inflight(vu_device_queue(f.fix.dev, 0), &nb_entries) == NULL);
	/* The second one counts. */
	for (unsigned int i = 0; i < 2; i++)
		CHECK_EQ(set_region(&f, fds[i], &conf), 0);
	CHECK_EQ(session_port_set_mem(&f.fix), 0);
	CHECK_EQ(session_port_start_ring(&f.fix, 0), 0);
	for (uint32_t q = 0; q < 2; q++) {
		parts[q] = vu_device_queue_inflight(vu_device_queue(f.fix.dev, q), &nb_entries);
		CHECK(parts[q] != NULL);
		CHECK_EQ(nb_entries, QUEUE_SIZE);
		*parts[q] = (uint8_t)(7 + q);
	}
	CHECK_EQ(parts[1] - parts[0], QUEUE_BYTES);
	CHECK_EQ(theirs[64], 7);
	CHECK_EQ(theirs[64 + QUEUE_BYTES], 8);
	/* Another one does not come under a running ring. */
	CHECK_EQ(set_region(&f, fds[0], &conf), 0);
	CHECK(vu_device_queue_inflight(vu_device_queue(f.fix.dev, 0), &nb_entries) == parts[0]);
	channel_destroy(&f);
	munmap(theirs, 8192);
	close(fds[0]);
	close(fds[1]);
}

VU_TEST(handle_inflight, regions_that_do_not_fit)
{
	static const struct vhost_user_inflight confs[] = {
		{ .mmap_size = 2 * QUEUE_BYTES - 1, .nb_queues = 2, .queue_size = QUEUE_SIZE },
		{ .mmap_size = 2 * QUEUE_BYTES, .nb_queues = 2, .queue_size = QUEUE_SIZE + 4 },
		{ .mmap_size = 2 * QUEUE_BYTES, .mmap_offset = 4, .nb_queues = 2,
			.queue_size = QUEUE_SIZE },
		{ .mmap_size = 8256, .nb_queues = 2, .queue_size = 255 },
		{ .mmap_size = 64, .mmap_offset = 8192, .nb_queues = 1, .queue_size = 1 },
	};
	int fd = vu_fd_memfd("vu-test-inflight", 8192, 0);
	struct channel_fixture f;
	uint16_t nb_entries;

	CHECK_EQ(channel_create(&f, INFLIGHT_BITS), 0);
	for (unsigned int i = 0; i < RTE_DIM(confs); i++)
		CHECK_EQ(set_region(&f, fd, &confs[i]), 1);
	CHECK_EQ(set_region(&f, f.fix.base.rings[0].call_fd, &confs[0]), 1);
	CHECK(vu_device_queue_inflight(vu_device_queue(f.fix.dev, 0), &nb_entries) == NULL);
	CHECK_EQ(fake_frontend_sync(&f.fix.frontend), 0);
	channel_destroy(&f);
	close(fd);
}

/* ---- a back-end dies, the next one finds the region ---- */

#define NB_CHAINS 3

static const struct vhost_user_inflight two_rings = {
	.mmap_size = 2 * QUEUE_BYTES, .nb_queues = 2, .queue_size = QUEUE_SIZE,
};

static void
start_again(struct channel_fixture *f, int fd)
{
	struct fake_frontend *frontend = &f->fix.frontend;

	session_port_disconnect(&f->fix);
	session_port_connect(&f->fix);
	CHECK_EQ(session_port_negotiate(&f->fix, FEATURE_BITS, INFLIGHT_BITS), 0);
	CHECK_EQ(set_region(f, fd, &two_rings), 0);
	CHECK_EQ(session_port_set_mem(&f->fix), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, 0,
		SESSION_RING_SIZE), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, 0, 0), 0);
	CHECK_EQ(session_port_set_addr(&f->fix, 0, 0), 0);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, 0, VU_FD_NONE), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, 0, 1), 0);
}

/* A tracked ring with chains that its device has taken and keeps. */
static void
start_and_keep(struct channel_fixture *f, int fd)
{
	CHECK_EQ(channel_create(f, INFLIGHT_BITS), 0);
	f->probe->keeps_chains = true;
	CHECK_EQ(set_region(f, fd, &two_rings), 0);
	CHECK_EQ(session_port_set_mem(&f->fix), 0);
	CHECK_EQ(session_port_start_ring(&f->fix, 0), 0);
	for (unsigned int i = 0; i < NB_CHAINS; i++)
		session_port_offer(&f->fix, 0, 100, false);
	WAIT_WHILE(vu_load(&f->probe->nb_chains) != NB_CHAINS)
		session_rig_turn(f->fix.rig);
}

VU_TEST(handle_inflight, done_again_in_order)
{
	int fd = vu_fd_memfd("vu-test-inflight", 8192, 0);
	const struct fake_ring *ring;
	struct channel_fixture f;

	start_and_keep(&f, fd);
	ring = f.fix.base.rings[0].ring;
	/* This one dies too. */
	start_again(&f, fd);
	WAIT_WHILE(vu_load(&f.probe->nb_chains) != 2 * NB_CHAINS)
		session_rig_turn(f.fix.rig);
	CHECK_EQ(vu_load(&ring->used->idx), 0);
	f.probe->keeps_chains = false;
	start_again(&f, fd);
	session_port_wait_used(&f.fix, 0, NB_CHAINS);
	for (unsigned int i = 0; i < NB_CHAINS; i++)
		CHECK_EQ(ring->used->ring[i].id, ring->avail->ring[i]);
	session_port_offer(&f.fix, 0, 100, false);
	session_port_wait_used(&f.fix, 0, NB_CHAINS + 1);
	CHECK_EQ(f.probe->nb_chains, 3 * NB_CHAINS + 1);
	channel_destroy(&f);
	close(fd);
}

/* The ring is given up and says why; its device goes on. */
VU_TEST(handle_inflight, region_that_contradicts_itself)
{
	int fd = vu_fd_memfd("vu-test-inflight", 8192, 0);
	const uint16_t version = 7;
	struct vu_device_queue *queue;
	struct channel_fixture f;

	start_and_keep(&f, fd);
	queue = vu_device_queue(f.fix.dev, 0);
	CHECK_EQ(pwrite(fd, &version, sizeof(version), 8), sizeof(version));
	start_again(&f, fd);
	WAIT_WHILE(vu_load(&queue->counters.nb_faults) == 0)
		session_rig_turn(f.fix.rig);
	CHECK_EQ(queue->vring.pos.fault, VU_VRING_BAD_INFLIGHT);
	CHECK_EQ(session_port_start_ring(&f.fix, 1), 0);
	f.probe->keeps_chains = false;
	session_port_offer(&f.fix, 1, 100, false);
	session_port_wait_used(&f.fix, 1, 1);
	channel_destroy(&f);
	close(fd);
}

VU_TEST(handle_inflight, region_that_shrinks)
{
	int fd = vu_fd_memfd("vu-test-inflight", 8192, 0);
	struct channel_fixture f;

	CHECK_EQ(vu_mem_fault_install(), 0);
	start_and_keep(&f, fd);
	CHECK_EQ(ftruncate(fd, 0), 0);
	session_port_offer(&f.fix, 0, 100, false);
	WAIT_WHILE(!vu_device_inflight_has_failed(f.fix.dev))
		session_rig_turn(f.fix.rig);
	vu_backend_session_check_mem(f.fix.session);
	session_port_wait_closed(&f.fix);
	fake_frontend_close(&f.fix.frontend);
	/* The next one is served. */
	f.probe->keeps_chains = false;
	session_port_connect(&f.fix);
	CHECK_EQ(session_port_negotiate(&f.fix, FEATURE_BITS, INFLIGHT_BITS), 0);
	CHECK_EQ(session_port_set_mem(&f.fix), 0);
	CHECK_EQ(session_port_start_ring(&f.fix, 0), 0);
	session_port_offer(&f.fix, 0, 100, false);
	session_port_wait_used(&f.fix, 0, 1);
	channel_destroy(&f);
	vu_mem_fault_uninstall();
	close(fd);
}

/* A driver that records nothing does not offer to. */
VU_TEST(handle_inflight, not_offered_by_the_net_device)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK((session_protocol_features(fix.session) &
		RTE_BIT64(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD)) == 0);
	fixture_destroy(&fix);
}
