/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory table: for every request the door derives a new immutable table; the commit after the
 * handler publishes it and destroys the former one when no data lcore uses it any more.
 */
#include "session.h"

#include "vu_device_control.h"
#include "vu_limits.h"
#include "vu_mem.h"

int
handle_new_mem(struct vu_backend_session *session, struct vu_msg *msg)
{
	struct door_request *request = session->request;
	int rc;

	(void)msg;
	if (request->mem == NULL)
		return 0;
	rc = vu_device_update_memory(session->dev, request->mem);
	if (rc != 0)
		return rc;
	vu_device_set_mem(session->dev, request->mem);
	request->mem = NULL;
	return 0;
}

void
reply_get_max_mem_slots(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	(void)session;
	(void)rc;
	vu_reply_u64(reply, msg->request, VU_MAX_MEM_SLOTS);
}
