/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ops that shape a device when it is made, and the defaults of a driver that has none of the
 * optional ones.
 */
#include "vu_device.h"

#include <errno.h>
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "device.h"
#include "probe_device.h"
#include "vu_device_channel.h"
#include "vu_device_control.h"
#include "vu_device_gpu.h"
#include "vu_fd.h"
#include "vu_wire.h"

#include "test.h"

static const unsigned int lcore_ids[] = { 2, 4, 6, 8 };

static struct vu_device *
create(const char *driver, struct vu_sched *sched, uint32_t nb_queues, uint32_t max_queue_size,
	const struct vu_assign_conf *assign)
{
	const struct vu_device_conf conf = {
		.name = "test0", .nb_queues = nb_queues, .max_queue_size = max_queue_size,
		.numa_node = -1, .sched = sched, .assign = assign,
	};

	return vu_device_create(driver, &conf);
}

static unsigned int
nb_on_worker(const struct vu_device *dev, unsigned int worker_idx)
{
	unsigned int nb = 0;

	for (uint32_t i = 0; i < vu_device_nb_queues(dev); i++)
		nb += dev->queues[i]->worker_idx == worker_idx;
	return nb;
}

/* The probe wants 1, 2 and 4 queues on its first three workers. */
VU_TEST(device_control, queues_per_thread)
{
	static const unsigned int counts[] = { 3, 4 };
	struct vu_assign_conf assign = { .numa_node = -1 };
	struct vu_sched *sched = vu_sched_create(lcore_ids, RTE_DIM(lcore_ids));
	struct vu_device *dev = create("probe", sched, 7, 64, &assign);

	CHECK(dev != NULL);
	CHECK_EQ(nb_on_worker(dev, 0), 1);
	CHECK_EQ(nb_on_worker(dev, 1), 2);
	CHECK_EQ(nb_on_worker(dev, 2), 4);
	CHECK_EQ(nb_on_worker(dev, 3), 0);
	vu_device_destroy(dev);
	/* The user's counts win. */
	assign.queues_per_worker = counts;
	assign.nb_queues_per_worker = RTE_DIM(counts);
	dev = create("probe", sched, 7, 64, &assign);
	CHECK(dev != NULL);
	CHECK_EQ(nb_on_worker(dev, 0), 3);
	CHECK_EQ(nb_on_worker(dev, 1), 4);
	vu_device_destroy(dev);
	vu_sched_destroy(sched);
}

/* The back-end channel is there for what goes over it, and only for that. */
VU_TEST(device_control, channel_follows_its_users)
{
	const uint64_t channel = RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ);
	const uint64_t inband = RTE_BIT64(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS);
	const uint64_t with_fds = RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD);
	const struct {
		const char *driver;
		bool has_inband;
		uint64_t offered;
	} rows[] = {
		{ "net", false, 0 },
		{ "net", true, channel | inband },
		{ "fake", false, 0 },
		{ "probe", false, channel | with_fds },
		{ "probe", true, channel | with_fds | inband },
	};
	const struct vu_assign_conf assign = { .numa_node = -1 };
	struct vu_sched *sched = vu_sched_create(lcore_ids, RTE_DIM(lcore_ids));

	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		const struct vu_device_conf conf = {
			.name = "test0", .nb_queues = 2, .max_queue_size = 64, .numa_node = -1,
			.sched = sched, .assign = &assign, .has_inband = rows[i].has_inband,
		};
		struct vu_device *dev = vu_device_create(rows[i].driver, &conf);

		CHECK(dev != NULL);
		CHECK_EQ(vu_device_protocol_features(dev) & (channel | inband | with_fds),
			rows[i].offered);
		vu_device_destroy(dev);
	}
	vu_sched_destroy(sched);
}

/* Fewer workers than the driver counts for are no error: the rest goes where there is room. */
VU_TEST(device_control, queues_per_thread_without_threads)
{
	const struct vu_assign_conf assign = { .numa_node = -1 };
	const struct vu_assign_conf narrow = {
		.numa_node = -1, .lcores = &lcore_ids[1], .nb_lcores = 1,
	};
	struct vu_sched *sched = vu_sched_create(lcore_ids, 2);
	struct vu_device *dev = create("probe", sched, 7, 64, &assign);

	CHECK(dev != NULL);
	CHECK(nb_on_worker(dev, 0) >= 1);
	CHECK_EQ(nb_on_worker(dev, 0) + nb_on_worker(dev, 1), 7);
	vu_device_destroy(dev);
	dev = create("probe", sched, 7, 64, &narrow);
	CHECK(dev != NULL);
	CHECK_EQ(nb_on_worker(dev, 1), 7);
	vu_device_destroy(dev);
	vu_sched_destroy(sched);
}

VU_TEST(device_control, sizes)
{
	const struct vu_assign_conf assign = { .numa_node = -1 };
	struct vu_sched *sched = vu_sched_create(lcore_ids, 1);
	struct vu_device *dev = create("probe", sched, 100, 1024, &assign);

	CHECK(dev != NULL);
	CHECK_EQ(vu_device_nb_queues(dev), PROBE_MAX_QUEUES);
	CHECK_EQ(vu_device_ring_set_size(dev, 0, PROBE_MAX_QUEUE_SIZE), 0);
	CHECK_EQ(vu_device_ring_set_size(dev, 0, 2 * PROBE_MAX_QUEUE_SIZE), -EINVAL);
	vu_device_destroy(dev);
	/* The user's limit may be lower. */
	dev = create("probe", sched, 1, 64, &assign);
	CHECK(dev != NULL);
	CHECK_EQ(vu_device_ring_set_size(dev, 0, PROBE_MAX_QUEUE_SIZE), -EINVAL);
	CHECK_EQ(vu_device_ring_set_size(dev, 0, 64), 0);
	vu_device_destroy(dev);
	CHECK(create("probe", sched, 0, 64, &assign) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
	vu_sched_destroy(sched);
}

/* The network device has none of these ops. */
VU_TEST(device_control, defaults)
{
	const struct vu_assign_conf assign = { .numa_node = -1 };
	static const uint8_t uuid[VU_CHANNEL_UUID_BYTES] = { 1 };
	static const struct vhost_user_gpu_dmabuf_scanout scanout;
	uint64_t sizes[VU_DEVICE_MAX_SHMEM];
	struct vu_sched *sched = vu_sched_create(lcore_ids, 1);
	struct vu_device *dev = create("net", sched, 2, 64, &assign);
	struct vu_device_event event = { .data = 3 };
	int64_t session_id;
	int reply_fd = 0;

	CHECK(dev != NULL);
	memset(sizes, 0xff, sizeof(sizes));
	vu_device_get_shmem_config(dev, sizes);
	for (unsigned int i = 0; i < VU_DEVICE_MAX_SHMEM; i++)
		CHECK_EQ(sizes[i], 0);
	CHECK_EQ(vu_device_update_memory(dev, NULL), 0);
	CHECK_EQ(vu_device_get_shared_object(dev, uuid), -EOPNOTSUPP);
	CHECK(!vu_device_has_gpu(dev));
	CHECK_EQ(vu_device_set_gpu_socket(dev, true), -EOPNOTSUPP);
	CHECK_EQ(vu_device_create_crypto_session(dev, uuid, 16, &session_id), -EOPNOTSUPP);
	CHECK_EQ(vu_device_close_crypto_session(dev, 1), -EOPNOTSUPP);
	CHECK_EQ(vu_device_set_state_fd(dev, VU_STATE_SAVE, vu_fd_eventfd(), &reply_fd),
		-EOPNOTSUPP);
	CHECK_EQ(reply_fd, VU_FD_NONE);
	CHECK_EQ(vu_device_check_state(dev), -EOPNOTSUPP);
	CHECK_EQ(vu_device_exit_event(dev, 0), VU_FD_NONE);
	CHECK(!vu_device_can_handle_event(dev));
	vu_device_handle_event(dev, &event);
	vu_device_set_backend_req(dev, true);
	vu_device_state_checked(dev, 0);
	CHECK_EQ(vu_device_send_rarp(dev, uuid), -EINVAL);
	/* Without a session nothing can be sent; fds are taken all the same. */
	CHECK_EQ(vu_device_channel_config_change(dev, NULL), -ENOTCONN);
	CHECK_EQ(vu_device_gpu_dmabuf_scanout(dev, &scanout, vu_fd_eventfd()), -ENOTCONN);
	vu_device_destroy(dev);
	vu_sched_destroy(sched);
}
