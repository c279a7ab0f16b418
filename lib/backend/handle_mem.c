/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory table: every request derives a new immutable table; the commit after the handler publishes
 * it and destroys the former one when no data lcore uses it any more. How long it takes to map a
 * file is up to the front-end, so that a session has one such request handled in a turn.
 */
#include "session.h"

#include <errno.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vu_device_control.h"
#include "vu_limits.h"
#include "vu_mem.h"

static struct vu_mem_region_conf
mem_region_conf(const struct vu_backend_session *session,
	const struct vhost_user_mem_region *region, int fd)
{
	return (struct vu_mem_region_conf){
		.gpa = region->gpa,
		.len = region->size,
		.uva = region->uva,
		.mmap_offset = region->mmap_offset,
		.fd = fd,
		.numa_node = vu_device_numa_node(session->dev),
		.max_table_bytes = vu_device_max_mem_bytes(session->dev),
#ifdef VU_XEN
		.xen_mmap_flags = region->xen_mmap_flags,
		.xen_domid = region->xen_domid,
#endif
	};
}

static int
mem_apply(struct vu_backend_session *session, struct vu_mem_table *table)
{
	int rc;

	if (table == NULL)
		return -rte_errno;
	rc = vu_device_update_memory(session->dev, table);
	if (rc != 0) {
		vu_mem_table_destroy(table);
		return rc;
	}
	vu_device_set_mem(session->dev, table);
	return 0;
}

/* Flags of a feature that was not negotiated mean nothing that we could obey. */
static bool
mem_xen_is_valid(const struct vu_backend_session *session,
	const struct vhost_user_mem_region *region)
{
#ifdef VU_XEN
	return region->xen_mmap_flags == 0 || (session->protocol_features &
		RTE_BIT64(VHOST_USER_PROTOCOL_F_XEN_MMAP)) != 0;
#else
	(void)session;
	(void)region;
	return true;
#endif
}

/* With GPA_ADDRESSES, what used to be a user address is the guest address once more. */
static bool
mem_region_is_valid(const struct vu_backend_session *session,
	const struct vhost_user_mem_region *region)
{
	if (!mem_xen_is_valid(session, region))
		return false;
	return region->uva == region->gpa || (session->protocol_features &
		RTE_BIT64(VHOST_USER_PROTOCOL_F_GPA_ADDRESSES)) == 0;
}

int
handle_set_mem_table(struct vu_backend_session *session, struct vu_msg *msg)
{
	const struct vu_mem_table *old = vu_device_mem(session->dev);
	struct vu_mem_region_conf regions[VHOST_USER_MAX_REGIONS];
	uint32_t nb_regions = msg->payload.mem_table.nb_regions;

	session->is_turn_over = true;
	for (uint32_t i = 0; i < nb_regions; i++)
		if (!mem_region_is_valid(session, &msg->payload.mem_table.regions[i]))
			return -EINVAL;
	for (uint32_t i = 0; i < nb_regions; i++)
		regions[i] = mem_region_conf(session, &msg->payload.mem_table.regions[i],
			vu_msg_take_fd(msg, i));
	return mem_apply(session, old != NULL ?
		vu_mem_table_replace(old, regions, nb_regions) :
		vu_mem_table_create(regions, nb_regions, vu_device_name(session->dev)));
}

/* QEMU 7.2 sends ADD_MEM_REG and REM_MEM_REG once per queue pair: a repeat changes nothing. */
int
handle_add_mem_reg(struct vu_backend_session *session, struct vu_msg *msg)
{
	const struct vu_mem_table *old = vu_device_mem(session->dev);
	struct vu_mem_region_conf region;

	session->is_turn_over = true;
	if (!mem_region_is_valid(session, &msg->payload.mem_reg.region))
		return -EINVAL;
	region = mem_region_conf(session, &msg->payload.mem_reg.region, msg->fds[0]);
	if (old != NULL && vu_mem_table_shows(old, &region))
		return 0;
	region.fd = vu_msg_take_fd(msg, 0);
	return mem_apply(session, old != NULL ? vu_mem_table_add(old, &region) :
		vu_mem_table_create(&region, 1, vu_device_name(session->dev)));
}

int
handle_rem_mem_reg(struct vu_backend_session *session, struct vu_msg *msg)
{
	const struct vu_mem_table *old = vu_device_mem(session->dev);
	const struct vhost_user_mem_region *region = &msg->payload.mem_reg.region;
	struct vu_mem_table *table;

	if (old == NULL)
		return 0;
	table = vu_mem_table_remove(old, region->gpa, region->uva, region->size);
	if (table == NULL && rte_errno == ENOENT)
		return 0;
	return mem_apply(session, table);
}

void
reply_get_max_mem_slots(struct vu_backend_session *session, const struct vu_msg *msg, int rc,
	struct vu_reply *reply)
{
	(void)session;
	(void)rc;
	vu_reply_u64(reply, msg->request, VU_MAX_MEM_SLOTS);
}
