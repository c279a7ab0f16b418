/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The back-end channel: what a device asks of its front-end, what comes back, and that a front-end
 * which misbehaves there loses the channel only.
 */
#include "channel_fixture.h"
#include "expect.h"

#include <fcntl.h>

#include <rte_log.h>

#define PROTOCOL_ACK (RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIG) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_HOST_NOTIFIER) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_SHARED_OBJECT) | RTE_BIT64(VHOST_USER_PROTOCOL_F_SHMEM))

#define MAX_PENDING 64

static const uint8_t uuid[VU_CHANNEL_UUID_BYTES] = { 1, 2, 3, 4, 5 };

/* Everything negotiated and a channel there. */
static void
open_channel(struct channel_fixture *f)
{
	CHECK_EQ(channel_create(f, PROTOCOL_ACK), 0);
	CHECK(!f->probe->has_channel);
	CHECK_EQ(channel_connect(f), 0);
	CHECK(f->probe->has_channel);
}

VU_TEST(backend_channel, acknowledged)
{
	struct channel_fixture f;
	struct vu_channel_reply reply = channel_reply(&f);
	struct vu_msg msg;

	open_channel(&f);
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, &reply), 0);
	CHECK_EQ(channel_receive(&f, &msg), 0);
	CHECK_EQ(msg.request, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG);
	CHECK(msg.need_reply);
	CHECK_EQ(f.nb_done, 0);
	CHECK_EQ(channel_answer(&f, msg.request, 0, VU_FD_NONE), 0);
	CHECK_EQ(f.nb_done, 1);
	CHECK_EQ(f.rc, 0);
	/* A refusal is reported and costs nothing. */
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, &reply), 0);
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, NULL), 0);
	CHECK_EQ(channel_answer(&f, msg.request, 1, VU_FD_NONE), 0);
	CHECK_EQ(f.nb_done, 2);
	CHECK_EQ(f.rc, -EIO);
	CHECK_EQ(channel_answer(&f, msg.request, 1, VU_FD_NONE), 0);
	CHECK(f.probe->has_channel);
	channel_destroy(&f);
}

VU_TEST(backend_channel, without_reply_ack)
{
	struct channel_fixture f;
	struct vu_channel_reply reply = channel_reply(&f);
	struct vu_msg msg;

	CHECK_EQ(channel_create(&f, PROTOCOL_ACK & ~RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)), 0);
	CHECK_EQ(channel_connect(&f), 0);
	CHECK_EQ(fake_frontend_sync(&f.fix.frontend), 0);
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, &reply), 0);
	CHECK_EQ(f.nb_done, 1);
	CHECK_EQ(f.rc, 0);
	CHECK_EQ(channel_receive(&f, &msg), 0);
	CHECK(!msg.need_reply);
	/* A lookup is answered always. */
	CHECK_EQ(vu_device_channel_object_lookup(f.fix.dev, uuid, &reply), 0);
	CHECK_EQ(f.nb_done, 1);
	CHECK_EQ(channel_receive(&f, &msg), 0);
	CHECK_EQ(channel_answer(&f, msg.request, 1, VU_FD_NONE), 0);
	CHECK_EQ(f.nb_done, 2);
	CHECK_EQ(f.rc, -ENOENT);
	channel_destroy(&f);
}

VU_TEST(backend_channel, gates)
{
	struct channel_fixture f;
	const struct vu_channel_area area = { .fd = VU_FD_NONE };
	const struct vu_channel_shmem map = { .fd = VU_FD_NONE, .len_bytes = 4096 };
	static const uint8_t nil[VU_CHANNEL_UUID_BYTES];
	struct vu_channel_shmem taken = { .len_bytes = 4096 };

	CHECK_EQ(channel_create(&f, RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ)), 0);
	taken.fd = vu_fd_eventfd();
	CHECK_EQ(vu_device_channel_shmem_map(f.fix.dev, &taken, NULL), -ENOTCONN);
	CHECK_EQ(fcntl(taken.fd, F_GETFD), -1);
	CHECK_EQ(channel_connect(&f), 0);
	taken.fd = vu_fd_eventfd();
	CHECK_EQ(vu_device_channel_shmem_map(f.fix.dev, &taken, NULL), -EPERM);
	CHECK_EQ(fcntl(taken.fd, F_GETFD), -1);
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, NULL), -EPERM);
	CHECK_EQ(vu_device_channel_host_notifier(f.fix.dev, 0, NULL, NULL), -EPERM);
	CHECK_EQ(vu_device_channel_host_notifier(f.fix.dev, 0, &area, NULL), -EINVAL);
	CHECK_EQ(vu_device_channel_host_notifier(f.fix.dev, 2, NULL, NULL), -EINVAL);
	CHECK_EQ(vu_device_channel_shmem_map(f.fix.dev, &map, NULL), -EINVAL);
	CHECK_EQ(vu_device_channel_object_add(f.fix.dev, nil, NULL), -EINVAL);
	CHECK_EQ(f.nb_done, 0);
	channel_destroy(&f);
}

VU_TEST(backend_channel, shared_objects)
{
	struct channel_fixture f;
	struct vu_channel_reply reply = channel_reply(&f);
	struct vu_msg msg;

	open_channel(&f);
	CHECK_EQ(vu_device_channel_object_add(f.fix.dev, uuid, &reply), 0);
	CHECK_EQ(channel_receive(&f, &msg), 0);
	CHECK_EQ(msg.request, VHOST_USER_BACKEND_SHARED_OBJECT_ADD);
	CHECK_EQ(memcmp(msg.payload.uuid.bytes, uuid, sizeof(uuid)), 0);
	CHECK_EQ(channel_answer(&f, msg.request, 0, VU_FD_NONE), 0);
	CHECK_EQ(vu_device_channel_object_remove(f.fix.dev, uuid, &reply), 0);
	CHECK_EQ(channel_receive(&f, &msg), 0);
	CHECK_EQ(msg.request, VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE);
	CHECK_EQ(channel_answer(&f, msg.request, 0, VU_FD_NONE), 0);
	CHECK_EQ(f.nb_done, 2);
	CHECK_EQ(vu_device_channel_object_lookup(f.fix.dev, uuid, &reply), 0);
	CHECK_EQ(channel_receive(&f, &msg), 0);
	CHECK_EQ(channel_answer(&f, msg.request, 0, f.fix.mem_fd), 0);
	CHECK_EQ(f.rc, 0);
	CHECK(f.fd != VU_FD_NONE);
	/* Found, but nothing comes along; not found, but something does. */
	CHECK_EQ(vu_device_channel_object_lookup(f.fix.dev, uuid, &reply), 0);
	CHECK_EQ(channel_answer(&f, msg.request, 0, VU_FD_NONE), 0);
	CHECK_EQ(f.rc, -EIO);
	CHECK_EQ(f.fd, VU_FD_NONE);
	CHECK_EQ(vu_device_channel_object_lookup(f.fix.dev, uuid, NULL), 0);
	CHECK_EQ(channel_answer(&f, msg.request, 1, f.fix.mem_fd), 0);
	CHECK_EQ(vu_device_channel_object_lookup(f.fix.dev, uuid, NULL), 0);
	CHECK_EQ(channel_answer(&f, msg.request, 0, f.fix.mem_fd), 0);
	CHECK(f.probe->has_channel);
	channel_destroy(&f);
}

VU_TEST(backend_channel, areas_and_mappings)
{
	struct channel_fixture f;
	struct vu_channel_reply reply = channel_reply(&f);
	struct vu_channel_area area = { .offset_bytes = 8192, .len_bytes = 4096 };
	struct vu_channel_shmem map = {
		.shmid = PROBE_SHMID, .is_writable = true, .fd_offset = 4096, .shm_offset = 12288,
		.len_bytes = 8192,
	};
	struct vu_msg msg;

	open_channel(&f);
	area.fd = dup(f.fix.mem_fd);
	CHECK_EQ(vu_device_channel_host_notifier(f.fix.dev, 1, &area, &reply), 0);
	CHECK_EQ(channel_receive(&f, &msg), 0);
	CHECK_EQ(msg.nb_fds, 1);
	CHECK_EQ(msg.payload.area.index, 1);
	CHECK_EQ(msg.payload.area.offset, 8192);
	CHECK_EQ(msg.payload.area.size, 4096);
	vu_msg_release(&msg);
	CHECK_EQ(vu_device_channel_host_notifier(f.fix.dev, 1, NULL, &reply), 0);
	CHECK_EQ(channel_receive(&f, &msg), 0);
	CHECK_EQ(msg.nb_fds, 0);
	CHECK_EQ(msg.payload.area.index, 1 | VHOST_USER_VRING_NOFD_MASK);
	map.fd = dup(f.fix.mem_fd);
	CHECK_EQ(vu_device_channel_shmem_map(f.fix.dev, &map, &reply), 0);
	CHECK_EQ(channel_receive(&f, &msg), 0);
	CHECK_EQ(msg.request, VHOST_USER_BACKEND_SHMEM_MAP);
	CHECK_EQ(msg.payload.mmap.shmid, PROBE_SHMID);
	CHECK_EQ(msg.payload.mmap.fd_offset, 4096);
	CHECK_EQ(msg.payload.mmap.shm_offset, 12288);
	CHECK_EQ(msg.payload.mmap.len, 8192);
	CHECK_EQ(msg.payload.mmap.flags, VHOST_USER_MMAP_F_RW_MASK);
	vu_msg_release(&msg);
	map.fd = VU_FD_NONE;
	CHECK_EQ(vu_device_channel_shmem_unmap(f.fix.dev, &map, &reply), 0);
	CHECK_EQ(channel_receive(&f, &msg), 0);
	CHECK_EQ(msg.request, VHOST_USER_BACKEND_SHMEM_UNMAP);
	CHECK_EQ(msg.payload.mmap.shm_offset, 12288);
	CHECK_EQ(msg.payload.mmap.flags, 0);
	channel_destroy(&f);
}

/* No answer ever: the main socket does not care, and the device is notified in the end. */
VU_TEST(backend_channel, front_end_never_answers)
{
	struct channel_fixture f;
	struct vu_channel_reply reply = channel_reply(&f);

	open_channel(&f);
	for (unsigned int i = 0; i < MAX_PENDING; i++)
		CHECK_EQ(vu_device_channel_config_change(f.fix.dev, &reply), 0);
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, &reply), -EAGAIN);
	CHECK_EQ(fake_frontend_sync(&f.fix.frontend), 0);
	CHECK_EQ(f.nb_done, 0);
	/* One answer makes room for one more. */
	CHECK_EQ(channel_answer(&f, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, 0, VU_FD_NONE), 0);
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, &reply), 0);
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, &reply), -EAGAIN);
	session_port_disconnect(&f.fix);
	CHECK_EQ(f.nb_done, MAX_PENDING + 1);
	CHECK_EQ(f.rc, -ECONNRESET);
	CHECK(!f.probe->has_channel);
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, &reply), -ENOTCONN);
	channel_destroy(&f);
}

/* QEMU closes it first when it ends: no reason for a warning. */
VU_TEST(backend_channel, its_end_is_no_fault)
{
	struct channel_fixture f;
	char *text = NULL;
	size_t len;
	FILE *log = open_memstream(&text, &len);

	open_channel(&f);
	rte_openlog_stream(log);
	vu_conn_destroy(f.peer);
	f.peer = NULL;
	WAIT_WHILE(f.probe->has_channel)
		session_rig_turn(f.fix.rig);
	rte_openlog_stream(NULL);
	fclose(log);
	CHECK_EQ(strcmp(text, ""), 0);
	free(text);
	channel_destroy(&f);
}

/* The channel is gone, the session is not, and the next channel works. */
static void
check_dropped(struct channel_fixture *f, unsigned int nb_done)
{
	struct vu_channel_reply reply = channel_reply(f);
	struct vu_msg msg;

	for (unsigned int i = 0; i < 100 && f->probe->has_channel; i++)
		session_rig_turn(f->fix.rig);
	CHECK(!f->probe->has_channel);
	CHECK_EQ(f->nb_done, nb_done);
	CHECK_EQ(vu_device_channel_config_change(f->fix.dev, &reply), -ENOTCONN);
	CHECK_EQ(fake_frontend_sync(&f->fix.frontend), 0);
	CHECK_EQ(channel_connect(f), 0);
	CHECK_EQ(vu_device_channel_config_change(f->fix.dev, &reply), 0);
	CHECK_EQ(channel_receive(f, &msg), 0);
	CHECK_EQ(channel_answer(f, msg.request, 0, VU_FD_NONE), 0);
	CHECK_EQ(f->nb_done, nb_done + 1);
	CHECK_EQ(f->rc, 0);
}

VU_TEST(backend_channel, rubbish_costs_the_channel)
{
	struct channel_fixture f;
	struct vu_channel_reply reply = channel_reply(&f);
	struct vu_reply frame;

	open_channel(&f);
	/* An answer that nobody waits for. */
	CHECK_EQ(channel_answer(&f, VHOST_USER_BACKEND_VRING_CALL, 0, VU_FD_NONE), 0);
	check_dropped(&f, 0);
	/* One to something else. */
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, &reply), 0);
	CHECK_EQ(channel_answer(&f, VHOST_USER_BACKEND_SHMEM_MAP, 0, VU_FD_NONE), 0);
	check_dropped(&f, 2);
	/* A request where a reply belongs. */
	vu_request_begin(&frame, VHOST_USER_GET_FEATURES, false);
	CHECK_EQ(vu_conn_send(f.peer, &frame), 0);
	check_dropped(&f, 3);
	/* Wrong size, and an fd that does not belong there. */
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, &reply), 0);
	vu_reply_bytes(&frame, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, NULL, 0);
	CHECK_EQ(vu_conn_send(f.peer, &frame), 0);
	check_dropped(&f, 5);
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, &reply), 0);
	CHECK_EQ(channel_answer(&f, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, 0, f.fix.mem_fd), 0);
	check_dropped(&f, 7);
	/* A hang-up. */
	vu_conn_destroy(f.peer);
	f.peer = NULL;
	check_dropped(&f, 8);
	channel_destroy(&f);
}

VU_TEST(backend_channel, a_new_one_replaces_it)
{
	struct channel_fixture f;
	struct vu_channel_reply reply = channel_reply(&f);
	struct vu_reply frame;

	open_channel(&f);
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, &reply), 0);
	CHECK_EQ(channel_connect(&f), 0);
	CHECK_EQ(f.nb_done, 1);
	CHECK_EQ(f.rc, -ECONNRESET);
	CHECK(f.probe->has_channel);
	CHECK_EQ(f.probe->nb_channels, 2);
	/* What is no socket is refused, and changes nothing. */
	fake_frontend_begin(&f.fix.frontend, &frame, VHOST_USER_SET_BACKEND_REQ_FD);
	vu_reply_add_fd(&frame, f.fix.mem_fd);
	CHECK_EQ(fake_frontend_do(&f.fix.frontend, &frame), 1);
	CHECK(f.probe->has_channel);
	channel_destroy(&f);
}

/* The front-end reads nothing at all: the socket fills up, the queue behind it too. */
VU_TEST(backend_channel, front_end_never_reads)
{
	struct channel_fixture f;
	unsigned int i;
	int rc = 0;

	CHECK_EQ(channel_create(&f, PROTOCOL_ACK & ~RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)), 0);
	CHECK_EQ(channel_connect(&f), 0);
	CHECK_EQ(fake_frontend_sync(&f.fix.frontend), 0);
	for (i = 0; i < 100000 && rc == 0; i++)
		rc = vu_device_channel_config_change(f.fix.dev, NULL);
	CHECK_EQ(rc, -ENOBUFS);
	CHECK_EQ(vu_device_channel_config_change(f.fix.dev, NULL), -ENOTCONN);
	CHECK_EQ(fake_frontend_sync(&f.fix.frontend), 0);
	CHECK(!f.probe->has_channel);
	channel_destroy(&f);
}
