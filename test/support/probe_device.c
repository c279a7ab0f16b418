/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver with every op; see probe_device.h.
 */
#include "probe_device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>

#include "expect.h"
#include "vu_fd.h"
#include "vu_virtio.h"

#define PROBE_VIRTIO_ID 60
#define PROBE_BURST 8

struct probe *
probe_of(const struct vu_device *dev)
{
	return vu_device_priv(dev);
}

static uint32_t
probe_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct vu_vring_guard *guard = queue->priv;
	struct probe *probe = probe_of(queue->dev);
	struct vu_vring_item items[PROBE_BURST];
	uint16_t nb = vu_vring_pop(guard, items, PROBE_BURST);

	vu_device_queue_set_idle_word(queue, snap);
	if (queue->vring.pos.fault != VU_VRING_OK)
		vu_device_queue_fail(queue, snap);
	probe->nb_chains += nb;
	if (nb == 0 || probe->keeps_chains)
		return nb;
	vu_vring_push(guard, items, nb);
	if (vu_vring_needs_notification(guard) == 1)
		vu_vring_signal_used(guard);
	vu_device_queue_count(queue, nb, 0);
	return nb;
}

static int
probe_create(struct vu_device *dev, const struct vu_device_conf *conf)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	(void)conf;
	if (probe == NULL)
		return -ENOMEM;
	probe->dev = dev;
	probe->state_fd = VU_FD_NONE;
	probe->shared_fd = VU_FD_NONE;
	probe->channel_fd = VU_FD_NONE;
	probe->exit_fd = VU_FD_NONE;
	for (uint32_t i = 0; i < vu_device_nb_queues(dev); i++) {
		struct vu_device_queue *queue = vu_device_queue(dev, i);

		probe->guards[i] = vu_vring_guard_attach(&queue->vring, VU_LOCK_SPIN);
		CHECK(probe->guards[i] != NULL);
		queue->priv = probe->guards[i];
		queue->poll = probe_poll;
		queue->direction = VU_DEVICE_QUEUE_BOTH;
	}
	vu_device_set_priv(dev, probe);
	return 0;
}

static void
probe_destroy(struct vu_device *dev)
{
	struct probe *probe = probe_of(dev);

	for (uint32_t i = 0; i < vu_device_nb_queues(dev); i++)
		vu_vring_guard_destroy(probe->guards[i]);
	vu_fd_close(&probe->state_fd);
	free(probe);
}

static uint32_t
probe_num_queues(const struct vu_device_conf *conf)
{
	return RTE_MIN(conf->nb_queues, (uint32_t)PROBE_MAX_QUEUES);
}

static uint32_t
probe_max_queue_size(const struct vu_device *dev)
{
	(void)dev;
	return PROBE_MAX_QUEUE_SIZE;
}

static unsigned int
probe_queues_per_thread(const struct vu_device_conf *conf, unsigned int *counts,
	unsigned int max_counts)
{
	static const unsigned int wanted[] = { 1, 2, 4 };

	(void)conf;
	CHECK(max_counts >= RTE_DIM(wanted));
	memcpy(counts, wanted, sizeof(wanted));
	return RTE_DIM(wanted);
}

static uint64_t
probe_features(const struct vu_device *dev)
{
	(void)dev;
	return RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC) | RTE_BIT64(VIRTIO_RING_F_EVENT_IDX) |
		RTE_BIT64(VIRTIO_F_VERSION_1);
}

static void
probe_acked_features(struct vu_device *dev, uint64_t features)
{
	probe_of(dev)->features = features;
}

static void
probe_set_event_idx(struct vu_device *dev, bool is_enabled)
{
	probe_of(dev)->has_event_idx = is_enabled;
}

static uint64_t
probe_protocol_features(const struct vu_device *dev)
{
	(void)dev;
	return UINT64_MAX;
}

static int
probe_get_config(const struct vu_device *dev, uint32_t offset, void *buf, uint32_t len)
{
	if (offset > PROBE_CONFIG_BYTES || len > PROBE_CONFIG_BYTES - offset)
		return -EINVAL;
	memcpy(buf, probe_of(dev)->config + offset, len);
	return 0;
}

static int
probe_set_config(struct vu_device *dev, uint32_t offset, const void *buf, uint32_t len,
	bool is_migration)
{
	(void)is_migration;
	if (offset > PROBE_CONFIG_BYTES || len > PROBE_CONFIG_BYTES - offset)
		return -EINVAL;
	memcpy(probe_of(dev)->config + offset, buf, len);
	return 0;
}

static void
probe_reset_device(struct vu_device *dev)
{
	probe_of(dev)->nb_resets++;
}

static int
probe_update_memory(struct vu_device *dev, const struct vu_mem_table *mem)
{
	struct probe *probe = probe_of(dev);

	if (mem != NULL && probe->result != 0)
		return probe->result;
	probe->nb_memory++;
	probe->mem = mem;
	return 0;
}

static void
probe_set_backend_req(struct vu_device *dev, bool is_available)
{
	probe_of(dev)->has_channel = is_available;
	probe_of(dev)->nb_channels += is_available;
}

static int
probe_get_shared_object(struct vu_device *dev, const uint8_t *uuid)
{
	struct probe *probe = probe_of(dev);

	memcpy(probe->uuid, uuid, sizeof(probe->uuid));
	return probe->shared_fd == VU_FD_NONE ? -ENOENT :
		fcntl(probe->shared_fd, F_DUPFD_CLOEXEC, 0);
}

static int
probe_set_gpu_socket(struct vu_device *dev, bool is_available)
{
	struct probe *probe = probe_of(dev);

	if (is_available && probe->result != 0)
		return probe->result;
	probe->has_gpu = is_available;
	return 0;
}

static int
probe_create_crypto_session(struct vu_device *dev, const void *params, uint32_t len_bytes,
	int64_t *session_id)
{
	struct probe *probe = probe_of(dev);

	(void)params;
	probe->crypto_bytes = len_bytes;
	*session_id = probe->session_id;
	return probe->result;
}

static int
probe_close_crypto_session(struct vu_device *dev, uint64_t session_id)
{
	probe_of(dev)->closed_session = session_id;
	return probe_of(dev)->result;
}

static int
probe_set_device_state_fd(struct vu_device *dev, enum vu_state_direction direction, int fd,
	int *reply_fd)
{
	struct probe *probe = probe_of(dev);

	vu_fd_close(&probe->state_fd);
	probe->state_fd = fd;
	probe->direction = direction;
	if (probe->channel_fd != VU_FD_NONE)
		*reply_fd = fcntl(probe->channel_fd, F_DUPFD_CLOEXEC, 0);
	return probe->result;
}

static int
probe_check_device_state(struct vu_device *dev)
{
	return probe_of(dev)->result;
}

static void
probe_get_shmem_config(const struct vu_device *dev, uint64_t *sizes)
{
	(void)dev;
	sizes[PROBE_SHMID] = PROBE_SHMEM_BYTES;
}

static int
probe_send_rarp(struct vu_device *dev, const uint8_t *mac)
{
	struct probe *probe = probe_of(dev);

	memcpy(probe->mac, mac, sizeof(probe->mac));
	probe->nb_rarps++;
	return probe->result;
}

static int
probe_set_mtu(struct vu_device *dev, uint64_t mtu_bytes)
{
	(void)mtu_bytes;
	return probe_of(dev)->result;
}

static void
probe_handle_event(struct vu_device *dev, const struct vu_device_event *event)
{
	struct probe *probe = probe_of(dev);

	probe->event = *event;
	/* Record before count; pairs with the acquire in the case. */
	vu_store_release(&probe->nb_events, probe->nb_events + 1);
}

static int
probe_exit_event(struct vu_device *dev, unsigned int worker_idx)
{
	return worker_idx == 0 ? probe_of(dev)->exit_fd : VU_FD_NONE;
}

/* One that cannot be tracked was given up, or goes on without. */
static void
probe_queue_start(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	uint16_t nb_entries;
	void *area = vu_device_queue_inflight(queue, &nb_entries);

	if (area != NULL)
		vu_vring_guard_track(queue->priv, snap, area, nb_entries);
}

static void
probe_queue_stop(struct vu_device_queue *queue)
{
	vu_vring_guard_untrack(queue->priv);
}

static const struct vu_device_ops probe_ops = {
	.name = "probe",
	.virtio_id = PROBE_VIRTIO_ID,
	.lock_model = VU_LOCK_SPIN,
	.create = probe_create,
	.destroy = probe_destroy,
	.num_queues = probe_num_queues,
	.max_queue_size = probe_max_queue_size,
	.queues_per_thread = probe_queues_per_thread,
	.features = probe_features,
	.acked_features = probe_acked_features,
	.set_event_idx = probe_set_event_idx,
	.protocol_features = probe_protocol_features,
	.get_config = probe_get_config,
	.set_config = probe_set_config,
	.reset_device = probe_reset_device,
	.update_memory = probe_update_memory,
	.set_backend_req = probe_set_backend_req,
	.get_shared_object = probe_get_shared_object,
	.set_gpu_socket = probe_set_gpu_socket,
	.create_crypto_session = probe_create_crypto_session,
	.close_crypto_session = probe_close_crypto_session,
	.set_device_state_fd = probe_set_device_state_fd,
	.check_device_state = probe_check_device_state,
	.get_shmem_config = probe_get_shmem_config,
	.has_inflight = true,
	.queue_start = probe_queue_start,
	.queue_stop = probe_queue_stop,
	.send_rarp = probe_send_rarp,
	.set_mtu = probe_set_mtu,
	.handle_event = probe_handle_event,
	.exit_event = probe_exit_event,
};

VU_DEVICE_DRIVER(probe_ops)
