/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests of the back-end: served while the front-end waits for an answer and while it does not,
 * handed to the right callback, answered as the specification says.
 */
#include "expect.h"
#include "scripted_backend.h"

#include <errno.h>

#include <rte_common.h>

struct channel_case {
	struct scripted_backend script;
	struct vu_frontend *fe;
	unsigned int nb_calls;
	unsigned int nb_config_changes;
	uint32_t queue_idx;
	struct vu_frontend_notifier notifier;
	struct vu_frontend_shmem shmem;
	uint8_t uuid[VU_FRONTEND_UUID_BYTES];
	int rc;               /* what callbacks answer */
	int nested_rc;
	unsigned int nb_down;
};

static const uint8_t some_uuid[16] = { 1, 2, 3, 4 };

static void
on_down(void *arg, int reason)
{
	(void)reason;
	((struct channel_case *)arg)->nb_down++;
}

static void
on_config_changed(void *arg)
{
	struct channel_case *channel = arg;
	uint8_t byte;

	channel->nb_config_changes++;
	channel->nested_rc = vu_frontend_config_get(channel->fe, 0, &byte, 1);
}

static void
on_queue(void *arg, uint32_t queue_idx)
{
	struct channel_case *channel = arg;
	uint8_t status;

	channel->nb_calls++;
	channel->queue_idx = queue_idx;
	channel->nested_rc = vu_frontend_status_get(channel->fe, &status);
}

static int
on_notifier(void *arg, const struct vu_frontend_notifier *notifier)
{
	struct channel_case *channel = arg;

	channel->nb_calls++;
	channel->notifier = *notifier;
	if (notifier->fd != VU_FD_NONE)
		close(notifier->fd);
	return channel->rc;
}

static int
on_object(void *arg, const uint8_t uuid[VU_FRONTEND_UUID_BYTES])
{
	struct channel_case *channel = arg;

	channel->nb_calls++;
	memcpy(channel->uuid, uuid, sizeof(channel->uuid));
	return channel->rc;
}

static int
on_lookup(void *arg, const uint8_t uuid[VU_FRONTEND_UUID_BYTES])
{
	struct channel_case *channel = arg;

	on_object(arg, uuid);
	return channel->rc != 0 ? channel->rc : vu_fd_eventfd();
}

static int
on_shmem(void *arg, const struct vu_frontend_shmem *shmem)
{
	struct channel_case *channel = arg;

	channel->nb_calls++;
	channel->shmem = *shmem;
	if (shmem->fd != VU_FD_NONE)
		close(shmem->fd);
	return channel->rc;
}

static const struct vu_frontend_events events = {
	.down = on_down, .config_changed = on_config_changed, .queue_call = on_queue,
	.queue_error = on_queue, .host_notifier = on_notifier, .shared_object_add = on_object,
	.shared_object_remove = on_object, .shared_object_lookup = on_lookup,
	.shmem_map = on_shmem, .shmem_unmap = on_shmem,
};

static void
channel_open(struct channel_case *channel, const struct vu_frontend_events *with)
{
	struct vu_frontend_conf conf = {
		.name = "channel", .mode = VU_FRONTEND_FD, .nb_queues = 2,
		.protocol_features = UINT64_MAX, .events = with, .arg = channel,
	};

	channel->script.fault_at = VHOST_USER_SET_CONFIG;
	script_start(&channel->script);
	conf.fd = channel->script.fd;
	channel->fe = vu_frontend_open(&conf);
	CHECK(channel->fe != NULL);
	CHECK_EQ(vu_frontend_wait(channel->fe, EXPECT_WAIT_MS), 0);
}

static void
channel_close(struct channel_case *channel)
{
	vu_frontend_close(channel->fe);
	script_stop(&channel->script);
}

/* Have the back-end run `before` while the front-end waits for its answer to SET_CONFIG. */
static int
channel_provoke(struct channel_case *channel, void (*before)(struct scripted_backend *))
{
	uint8_t byte = 0;

	channel->script.before = before;
	channel->nb_calls = 0;
	return vu_frontend_config_set(channel->fe, 0, &byte, 1);
}

static void
ask(struct scripted_backend *script, uint32_t request, const void *data, size_t len, int fd)
{
	struct vu_reply frame;

	vu_request_begin(&frame, request, true);
	vu_request_append(&frame, data, len);
	if (fd != VU_FD_NONE)
		vu_reply_add_fd(&frame, fd);
	script->answer_rc = script_ask(script, &frame);
}

/* Answer value, or an error that no answer has. */
static int64_t
answer(const struct channel_case *channel)
{
	return channel->script.answer_rc == 0 ? (int64_t)channel->script.answer.payload.u64 : -1;
}

static void
ask_config(struct scripted_backend *script)
{
	ask(script, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, NULL, 0, VU_FD_NONE);
}

VU_TEST(frontend_channel, a_config_change_is_reported_when_requests_are_possible)
{
	struct channel_case channel = { 0 };

	channel_open(&channel, &events);
	CHECK_EQ(channel_provoke(&channel, ask_config), 0);
	CHECK_EQ(answer(&channel), 0);
	CHECK_EQ(channel.nb_config_changes, 0);
	WAIT_WHILE(channel.nb_config_changes == 0)
		vu_frontend_turn(channel.fe, 10);
	CHECK_EQ(channel.nested_rc, 0);
	channel_close(&channel);
}

static void
ask_call(struct scripted_backend *script)
{
	const struct vhost_user_vring_state state = { .index = 1 };

	ask(script, VHOST_USER_BACKEND_VRING_CALL, &state, sizeof(state), VU_FD_NONE);
}

static void
ask_err_of_no_queue(struct scripted_backend *script)
{
	const struct vhost_user_vring_state state = { .index = 2 };

	ask(script, VHOST_USER_BACKEND_VRING_ERR, &state, sizeof(state), VU_FD_NONE);
}

VU_TEST(frontend_channel, in_band_notifications_arrive)
{
	struct channel_case channel = { 0 };

	channel_open(&channel, &events);
	CHECK_EQ(channel_provoke(&channel, ask_call), 0);
	CHECK_EQ(answer(&channel), 0);
	CHECK_EQ(channel.nb_calls, 1);
	CHECK_EQ(channel.queue_idx, 1);
	/* A request inside of a request is refused, not mixed up with it. */
	CHECK_EQ(channel.nested_rc, -EBUSY);
	CHECK_EQ(channel_provoke(&channel, ask_err_of_no_queue), 0);
	CHECK_EQ(answer(&channel), 1);
	CHECK_EQ(channel.nb_calls, 0);
	/* Kicks go the same way. */
	CHECK_EQ(vu_frontend_start(channel.fe, 0), 0);
	channel_close(&channel);
}

static void
ask_notifier(struct scripted_backend *script)
{
	const struct vhost_user_vring_area area = { .index = 1, .size = 4096, .offset = 8192 };

	ask(script, VHOST_USER_BACKEND_VRING_HOST_NOTIFIER_MSG, &area, sizeof(area),
		script->stop_fd);
}

static void
ask_no_notifier(struct scripted_backend *script)
{
	const struct vhost_user_vring_area area = { .index = 0x100 };

	ask(script, VHOST_USER_BACKEND_VRING_HOST_NOTIFIER_MSG, &area, sizeof(area), VU_FD_NONE);
}

VU_TEST(frontend_channel, host_notifiers_come_and_go)
{
	struct channel_case channel = { 0 };

	channel_open(&channel, &events);
	CHECK_EQ(channel_provoke(&channel, ask_notifier), 0);
	CHECK_EQ(answer(&channel), 0);
	CHECK_EQ(channel.notifier.queue_idx, 1);
	CHECK_EQ(channel.notifier.bytes, 4096);
	CHECK_EQ(channel.notifier.offset, 8192);
	CHECK(channel.notifier.fd >= 0);
	CHECK_EQ(channel_provoke(&channel, ask_no_notifier), 0);
	CHECK_EQ(answer(&channel), 0);
	CHECK_EQ(channel.notifier.queue_idx, 0);
	CHECK_EQ(channel.notifier.fd, VU_FD_NONE);
	channel.rc = -ENOMEM;
	CHECK_EQ(channel_provoke(&channel, ask_notifier), 0);
	CHECK_EQ(answer(&channel), 1);
	channel_close(&channel);
}

static void
ask_add(struct scripted_backend *script)
{
	ask(script, VHOST_USER_BACKEND_SHARED_OBJECT_ADD, some_uuid, 16, VU_FD_NONE);
}

static void
ask_remove(struct scripted_backend *script)
{
	ask(script, VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE, some_uuid, 16, VU_FD_NONE);
}

static void
ask_lookup(struct scripted_backend *script)
{
	ask(script, VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP, some_uuid, 16, VU_FD_NONE);
}

VU_TEST(frontend_channel, shared_objects)
{
	struct channel_case channel = { 0 };

	channel_open(&channel, &events);
	CHECK_EQ(channel_provoke(&channel, ask_add), 0);
	CHECK_EQ(answer(&channel), 0);
	CHECK_EQ(memcmp(channel.uuid, some_uuid, 16), 0);
	CHECK_EQ(channel_provoke(&channel, ask_remove), 0);
	CHECK_EQ(channel.nb_calls, 1);
	CHECK_EQ(channel_provoke(&channel, ask_lookup), 0);
	CHECK_EQ(answer(&channel), 0);
	CHECK_EQ(channel.script.answer.nb_fds, 1);
	vu_msg_release(&channel.script.answer);
	channel.rc = -ENOENT;
	CHECK_EQ(channel_provoke(&channel, ask_lookup), 0);
	CHECK_EQ(answer(&channel), 1);
	CHECK_EQ(channel.script.answer.nb_fds, 0);
	channel_close(&channel);
}

static void
ask_map(struct scripted_backend *script)
{
	const struct vhost_user_mmap map = {
		.shmid = 3, .fd_offset = 4096, .shm_offset = 8192, .len = 4096, .flags = 1,
	};

	ask(script, VHOST_USER_BACKEND_SHMEM_MAP, &map, sizeof(map), script->stop_fd);
}

static void
ask_unmap(struct scripted_backend *script)
{
	const struct vhost_user_mmap map = { .shmid = 3, .shm_offset = 8192, .len = 4096 };

	ask(script, VHOST_USER_BACKEND_SHMEM_UNMAP, &map, sizeof(map), VU_FD_NONE);
}

VU_TEST(frontend_channel, shared_memory_regions)
{
	struct channel_case channel = { 0 };

	channel_open(&channel, &events);
	CHECK_EQ(channel_provoke(&channel, ask_map), 0);
	CHECK_EQ(answer(&channel), 0);
	CHECK_EQ(channel.shmem.shmid, 3);
	CHECK(channel.shmem.is_writable && channel.shmem.fd >= 0);
	CHECK_EQ(channel.shmem.fd_offset, 4096);
	CHECK_EQ(channel.shmem.shm_offset, 8192);
	CHECK_EQ(channel.shmem.bytes, 4096);
	CHECK_EQ(channel_provoke(&channel, ask_unmap), 0);
	CHECK_EQ(answer(&channel), 0);
	CHECK_EQ(channel.shmem.fd, VU_FD_NONE);
	channel_close(&channel);
}

VU_TEST(frontend_channel, nobody_interested_means_refusal)
{
	static const struct vu_frontend_events none;
	void (*const requests[])(struct scripted_backend *) = {
		ask_notifier, ask_add, ask_remove, ask_lookup, ask_map, ask_unmap,
	};
	struct channel_case channel = { 0 };

	channel_open(&channel, &none);
	for (unsigned int i = 0; i < RTE_DIM(requests); i++) {
		CHECK_EQ(channel_provoke(&channel, requests[i]), 0);
		CHECK_EQ(answer(&channel), 1);
	}
	CHECK_EQ(channel_provoke(&channel, ask_config), 0);
	CHECK_EQ(answer(&channel), 0);
	CHECK(vu_frontend_is_up(channel.fe));
	channel_close(&channel);
}

static void
ask_iotlb(struct scripted_backend *script)
{
	const struct vhost_user_iotlb iotlb = { .size = 4096, .type = VHOST_USER_IOTLB_MISS };

	ask(script, VHOST_USER_BACKEND_IOTLB_MSG, &iotlb, sizeof(iotlb), VU_FD_NONE);
}

VU_TEST(frontend_channel, what_was_not_negotiated_is_refused)
{
	struct channel_case channel = { .script.protocol_features =
		RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIG) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) };
	void (*const requests[])(struct scripted_backend *) = {
		ask_notifier, ask_add, ask_lookup, ask_map, ask_unmap, ask_call, ask_iotlb,
	};

	channel_open(&channel, &events);
	for (unsigned int i = 0; i < RTE_DIM(requests); i++) {
		CHECK_EQ(channel_provoke(&channel, requests[i]), 0);
		CHECK_EQ(answer(&channel), 1);
		CHECK_EQ(channel.nb_calls, 0);
	}
	CHECK(vu_frontend_is_up(channel.fe));
	channel_close(&channel);
}

static void
ask_unknown(struct scripted_backend *script)
{
	struct vu_reply frame;

	/* The answer to a request that nobody knows cannot be decoded here: only send. */
	vu_request_begin(&frame, 99, true);
	script_request(script, &frame);
	ask_config(script);
}

static void
send_malformed(struct scripted_backend *script)
{
	struct vu_reply frame;

	vu_request_begin(&frame, VHOST_USER_BACKEND_SHMEM_MAP, true);
	vu_request_append(&frame, some_uuid, 5);
	script_request(script, &frame);
}

static void
close_channel(struct scripted_backend *script)
{
	vu_conn_destroy(script->channel);
	script->channel = NULL;
}

VU_TEST(frontend_channel, a_malformed_request_ends_the_connection)
{
	struct channel_case channel = { 0 };

	channel_open(&channel, &events);
	channel_provoke(&channel, send_malformed);
	WAIT_WHILE(channel.nb_down == 0)
		vu_frontend_turn(channel.fe, 10);
	channel_close(&channel);
}

VU_TEST(frontend_channel, an_unknown_request_does_not)
{
	struct channel_case channel = { 0 };

	channel_open(&channel, &events);
	CHECK_EQ(channel_provoke(&channel, ask_unknown), 0);
	/* What came first was the refusal. */
	CHECK_EQ(channel.script.answer_rc, -ENOTSUP);
	CHECK_EQ(channel.script.answer.request, 99);
	CHECK(vu_frontend_is_up(channel.fe));
	channel_close(&channel);
}

VU_TEST(frontend_channel, the_connection_outlives_its_channel)
{
	struct channel_case channel = { 0 };
	int nb_turns = 0;

	channel_open(&channel, &events);
	CHECK_EQ(channel_provoke(&channel, close_channel), 0);
	for (int i = 0; i < 20; i++)
		nb_turns += vu_frontend_turn(channel.fe, 1) > 0 ? 1 : 0;
	/* Its end is noticed once, not for ever. */
	CHECK(nb_turns <= 2);
	CHECK_EQ(channel_provoke(&channel, NULL), 0);
	CHECK(vu_frontend_is_up(channel.fe));
	CHECK_EQ(channel.nb_down, 0);
	channel_close(&channel);
}
