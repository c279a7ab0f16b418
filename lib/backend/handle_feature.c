/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Features, protocol features, queue count, status, reset.
 */
#include "session.h"

#include <errno.h>

#include <rte_common.h>

#include "vu_device_control.h"
#include "vu_virtio.h"

uint64_t
session_features(const struct vu_backend_session *session)
{
	return vu_device_features(session->dev) | RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES);
}

/* userfaultfd(2) does not take mappings of the Xen devices: no post-copy in that build. */
static uint64_t
protocol_features_of_build(uint64_t features)
{
#ifdef VU_XEN
	features |= RTE_BIT64(VHOST_USER_PROTOCOL_F_XEN_MMAP);
	features &= ~RTE_BIT64(VHOST_USER_PROTOCOL_F_PAGEFAULT);
#endif
	return features;
}

uint64_t
session_protocol_features(const struct vu_backend_session *session)
{
	return protocol_features_of_build(vu_device_protocol_features(session->dev) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_MQ) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_STATUS) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_GPA_ADDRESSES));
}

int
handle_nothing(struct vu_backend_session *session, struct vu_msg *msg)
{
	(void)session;
	(void)msg;
	return 0;
}

void
reply_get_features(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	(void)rc;
	vu_reply_u64(reply, msg->request, session_features(session));
}

int
handle_set_features(struct vu_backend_session *session, struct vu_msg *msg)
{
	const uint64_t own_bits = RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES);
	uint64_t features = msg->payload.u64;
	int rc = vu_device_set_features(session->dev, features & ~own_bits);

	if (rc != 0)
		return rc;
	session->features = features;
	session_iotlb_features(session);
	/* A front-end without SET_VRING_ENABLE has its rings enabled from here on. */
	if ((features & own_bits) == 0)
		for (uint32_t i = 0; i < vu_device_nb_queues(session->dev); i++)
			vu_device_ring_enable(session->dev, i, true);
	return 0;
}

void
reply_get_protocol_features(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	(void)rc;
	vu_reply_u64(reply, msg->request, session_protocol_features(session));
}

int
handle_set_protocol_features(struct vu_backend_session *session, struct vu_msg *msg)
{
	const uint64_t inband = RTE_BIT64(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS);
	const uint64_t inband_needs = RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ);

	if ((msg->payload.u64 & ~session_protocol_features(session)) != 0)
		return -EINVAL;
	/* An error that the specification answers with the end of the connection. */
	if ((msg->payload.u64 & inband) != 0 && (msg->payload.u64 & inband_needs) != inband_needs)
		return -EBADMSG;
	session->protocol_features = msg->payload.u64;
	vu_device_set_protocol_features(session->dev, msg->payload.u64);
	return 0;
}

void
reply_get_queue_num(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	(void)rc;
	vu_reply_u64(reply, msg->request, vu_device_queue_num(session->dev));
}

static void
session_stop_rings(struct vu_backend_session *session)
{
	for (uint32_t i = 0; i < vu_device_nb_queues(session->dev); i++)
		vu_device_ring_stop(session->dev, i);
}

/*
 * Deprecated. Treating it as a disconnect broke old front-ends, but all of them that send it are
 * done with their rings.
 */
int
handle_reset_owner(struct vu_backend_session *session, struct vu_msg *msg)
{
	(void)msg;
	session_stop_rings(session);
	/* Without SET_VRING_ENABLE nobody would enable them again. */
	if ((session->features & RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES)) != 0)
		for (uint32_t i = 0; i < vu_device_nb_queues(session->dev); i++)
			vu_device_ring_enable(session->dev, i, false);
	return 0;
}

int
handle_reset_device(struct vu_backend_session *session, struct vu_msg *msg)
{
	(void)msg;
	vu_device_reset(session->dev);
	return 0;
}

int
handle_set_status(struct vu_backend_session *session, struct vu_msg *msg)
{
	vu_device_set_status(session->dev, (uint8_t)msg->payload.u64);
	/* Status 0 is the driver's reset (VIRTIO 1.2, 2.1): no ring may be touched any more. */
	if (msg->payload.u64 == 0)
		session_stop_rings(session);
	return 0;
}

void
reply_get_status(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	(void)rc;
	vu_reply_u64(reply, msg->request, vu_device_status(session->dev));
}
