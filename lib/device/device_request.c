/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests of a session or of the daemon that are the driver's to answer: configuration space,
 * crypto, state transfer, shared objects. Each is handed to its op, or gets the default of an
 * absent one. Control lcore, except vu_device_handle_event().
 */
#include "vu_device_control.h"

#include <errno.h>
#include <string.h>

#include <rte_bitops.h>

#include "vu_fd.h"
#include "vu_virtio.h"

#include "device.h"
#include "vu_wire.h"

uint64_t
device_possible_protocol_features(const struct vu_device *dev)
{
	const struct vu_device_ops *ops = dev->ops;
	uint64_t bits = 0;

	/* QEMU does not migrate a guest whose device has one without the other. */
	if ((vu_device_features(dev) & RTE_BIT64(VHOST_F_LOG_ALL)) != 0)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_LOG_SHMFD);

	if (ops->send_rarp != NULL)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_RARP);
	if (ops->set_mtu != NULL)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_MTU);
	if (ops->create_crypto_session != NULL && ops->close_crypto_session != NULL)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_CRYPTO_SESSION);
	if (ops->get_config != NULL)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIG);
	if (ops->get_shared_object != NULL)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_SHARED_OBJECT);
	if (ops->set_device_state_fd != NULL && ops->check_device_state != NULL)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_DEVICE_STATE);
	if (ops->has_inflight)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD);
	if (ops->get_shmem_config != NULL)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_SHMEM);
	return bits;
}

/* Whatever sends requests to the front-end has its line here; without one there is no channel. */
uint64_t
device_add_channel_features(const struct vu_device *dev, uint64_t bits)
{
	const uint64_t with_fds = RTE_BIT64(VHOST_USER_PROTOCOL_F_HOST_NOTIFIER) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_SHMEM);
	bool has_channel = dev->ops->set_backend_req != NULL || dev->has_inband;

	/* Missing translations. */
	has_channel |= (vu_device_features(dev) & RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM)) != 0;
	has_channel |= (bits & (with_fds | RTE_BIT64(VHOST_USER_PROTOCOL_F_SHARED_OBJECT))) != 0;
	if (has_channel)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ);
	if ((bits & with_fds) != 0)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD);
	if (dev->has_inband)
		bits |= RTE_BIT64(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS);
	return bits;
}

int
vu_device_send_rarp(struct vu_device *dev, const uint8_t *mac)
{
	return dev->ops->send_rarp != NULL ? dev->ops->send_rarp(dev, mac) : -EOPNOTSUPP;
}

int
vu_device_update_memory(struct vu_device *dev, const struct vu_mem_table *mem)
{
	return dev->ops->update_memory != NULL ? dev->ops->update_memory(dev, mem) : 0;
}

bool
vu_device_ring_is_started(const struct vu_device *dev, uint32_t queue_idx)
{
	return dev->queues[queue_idx]->head.vring.started;
}

void
vu_device_ring_kick(struct vu_device *dev, uint32_t queue_idx)
{
	dev->exec->refresh(dev->queues[queue_idx]);
}

void
vu_device_set_backend_req(struct vu_device *dev, bool is_available)
{
	if (dev->ops->set_backend_req != NULL)
		dev->ops->set_backend_req(dev, is_available);
}

bool
vu_device_has_gpu(const struct vu_device *dev)
{
	return dev->ops->set_gpu_socket != NULL;
}

int
vu_device_set_gpu_socket(struct vu_device *dev, bool is_available)
{
	return vu_device_has_gpu(dev) ? dev->ops->set_gpu_socket(dev, is_available) : -EOPNOTSUPP;
}

int
vu_device_get_shared_object(struct vu_device *dev, const uint8_t *uuid)
{
	return dev->ops->get_shared_object != NULL ? dev->ops->get_shared_object(dev, uuid) :
		-EOPNOTSUPP;
}

int
vu_device_create_crypto_session(struct vu_device *dev, const void *params, uint32_t len_bytes,
	int64_t *session_id)
{
	return dev->ops->create_crypto_session != NULL ?
		dev->ops->create_crypto_session(dev, params, len_bytes, session_id) : -EOPNOTSUPP;
}

int
vu_device_close_crypto_session(struct vu_device *dev, uint64_t session_id)
{
	return dev->ops->close_crypto_session != NULL ?
		dev->ops->close_crypto_session(dev, session_id) : -EOPNOTSUPP;
}

int
vu_device_set_state_fd(struct vu_device *dev, enum vu_state_direction direction, int fd,
	int *reply_fd)
{
	*reply_fd = VU_FD_NONE;
	if (dev->ops->set_device_state_fd != NULL)
		return dev->ops->set_device_state_fd(dev, direction, fd, reply_fd);
	vu_fd_close(&fd);
	return -EOPNOTSUPP;
}

int
vu_device_check_state(struct vu_device *dev)
{
	int rc;

	if (dev->ops->check_device_state == NULL)
		return -EOPNOTSUPP;
	rc = dev->ops->check_device_state(dev);
	dev->is_checking_state = rc == -EINPROGRESS;
	return rc;
}

void
vu_device_state_checked(struct vu_device *dev, int rc)
{
	/* Nobody waits any more if the front-end left meanwhile. */
	if (!dev->is_checking_state)
		return;
	dev->is_checking_state = false;
	if (dev->events.state_checked != NULL)
		dev->events.state_checked(dev->events.arg, rc);
}

void
vu_device_get_shmem_config(const struct vu_device *dev, uint64_t *sizes)
{
	memset(sizes, 0, VU_DEVICE_MAX_SHMEM * sizeof(*sizes));
	if (dev->ops->get_shmem_config != NULL)
		dev->ops->get_shmem_config(dev, sizes);
}

bool
vu_device_can_handle_event(const struct vu_device *dev)
{
	return dev->ops->handle_event != NULL;
}

void
vu_device_handle_event(struct vu_device *dev, const struct vu_device_event *event)
{
	if (dev->ops->handle_event != NULL)
		dev->ops->handle_event(dev, event);
}

int
vu_device_exit_event(struct vu_device *dev, unsigned int worker_idx)
{
	return dev->ops->exit_event != NULL ? dev->ops->exit_event(dev, worker_idx) : VU_FD_NONE;
}

int
vu_device_config_get(const struct vu_device *dev, uint32_t offset, void *buf, uint32_t len)
{
	return dev->ops->get_config != NULL ? dev->ops->get_config(dev, offset, buf, len) :
		-EOPNOTSUPP;
}

int
vu_device_config_set(struct vu_device *dev, uint32_t offset, const void *buf, uint32_t len,
	bool is_migration)
{
	return dev->ops->set_config != NULL ?
		dev->ops->set_config(dev, offset, buf, len, is_migration) : -EOPNOTSUPP;
}

int
vu_device_set_mtu(struct vu_device *dev, uint64_t mtu_bytes)
{
	return dev->ops->set_mtu != NULL ? dev->ops->set_mtu(dev, mtu_bytes) : -EOPNOTSUPP;
}
