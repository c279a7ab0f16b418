/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The in-flight region: made by us, kept by the front-end, given to the back-end that serves the
 * device next.
 */
#include "session.h"

#include <rte_bitops.h>

#include "vu_device_control.h"
#include "vu_fd.h"
#include "vu_virtio.h"
#include "vu_vring_inflight.h"

int
handle_get_inflight_fd(struct vu_backend_session *session, struct vu_msg *msg)
{
	struct vhost_user_inflight *conf = &msg->payload.inflight;
	const bool is_packed = (vu_device_acked_features(session->dev) &
		RTE_BIT64(VIRTIO_F_RING_PACKED)) != 0;

	conf->mmap_offset = 0;
	conf->mmap_size = conf->nb_queues * vu_inflight_bytes(conf->queue_size, is_packed);
	session->reply_fd = vu_fd_memfd("vu-inflight", conf->mmap_size, 0);
	/* Size 0: there is no region, and nothing is recorded. */
	if (session->reply_fd < 0) {
		session->reply_fd = VU_FD_NONE;
		conf->mmap_size = 0;
	}
	return 0;
}

void
reply_get_inflight_fd(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	(void)rc;
	vu_reply_bytes(reply, msg->request, &msg->payload.inflight, sizeof(msg->payload.inflight));
	if (session->reply_fd != VU_FD_NONE)
		vu_reply_add_fd(reply, session->reply_fd);
}

int
handle_set_inflight_fd(struct vu_backend_session *session, struct vu_msg *msg)
{
	const struct vhost_user_inflight *conf = &msg->payload.inflight;
	struct vu_mem_shared *region = session->request->inflight;

	session->request->inflight = NULL;
	return vu_device_set_inflight(session->dev, region, conf->nb_queues, conf->queue_size);
}
