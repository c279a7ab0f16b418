/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IOTLB of a guest behind an IOMMU. The commit after the handler publishes the change, and the
 * reply follows when no data lcore uses what was dropped. Misses go out on the back-end channel;
 * nothing here waits for what comes of them, because the front-end sends its updates on the very
 * socket that is served here.
 */
#include "session.h"

#include <errno.h>

#include <rte_bitops.h>

#include "vu_device_control.h"
#include "vu_mem_iotlb.h"
#include "vu_virtio.h"

#define TICK_US 250000

static_assert(VU_IOTLB_READ == VHOST_USER_IOTLB_PERM_READ, "permission to read");
static_assert(VU_IOTLB_WRITE == VHOST_USER_IOTLB_PERM_WRITE, "permission to write");

int
handle_iotlb_msg(struct vu_backend_session *session, struct vu_msg *msg)
{
	const struct vhost_user_iotlb *iotlb = &msg->payload.iotlb;
	const struct vu_iotlb_entry entry = {
		.iova = iotlb->iova, .len = iotlb->size, .uva = iotlb->uva, .perm = iotlb->perm,
	};

	if (iotlb->type == VHOST_USER_IOTLB_UPDATE)
		return vu_device_iotlb_update(session->dev, &entry);
	return vu_device_iotlb_invalidate(session->dev, entry.iova, entry.len);
}

void
reply_iotlb_msg(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	(void)session;
	vu_reply_u64(reply, msg->request, rc != 0);
}

/* Data lcore. */
void
session_iotlb_miss(void *arg)
{
	struct vu_backend_session *session = arg;

	vu_reactor_post(session->conf.reactor, &session->miss_call);
}

void
session_collect_misses(void *arg)
{
	struct vu_backend_session *session = arg;

	vu_device_iotlb_collect(session->dev);
}

void
session_iotlb_tick(void *arg)
{
	struct vu_backend_session *session = arg;

	vu_device_iotlb_tick(session->dev);
}

void
session_iotlb_features(struct vu_backend_session *session)
{
	if ((session->features & RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM)) != 0)
		vu_reactor_timer_start(session->iotlb_timer, TICK_US, TICK_US);
	else
		vu_reactor_timer_stop(session->iotlb_timer);
}
