/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a request needs that may wait for the front-end: fds are looked at, memory is mapped,
 * sockets are set up. Runs on the door, before the control lcore sees the request. To refuse it is
 * up to control.
 */
#include "door_line.h"

#include <errno.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_errno.h>

#include "vu_fd.h"
#include "vu_mem.h"
#include "vu_mem_log.h"
#include "vu_mem_shared.h"
#include "vu_virtio.h"
#include "vu_vring_inflight.h"

static struct vu_mem_region_conf
mem_region_conf(const struct door *door, const struct vhost_user_mem_region *region, int fd)
{
	return (struct vu_mem_region_conf){
		.gpa = region->gpa,
		.len = region->size,
		.uva = region->uva,
		.mmap_offset = region->mmap_offset,
		.fd = fd,
		.numa_node = door->conf.numa_node,
		.policy = door->conf.mem_policy,
#ifdef VU_XEN
		.xen_mmap_flags = region->xen_mmap_flags,
		.xen_domid = region->xen_domid,
#endif
	};
}

static int
mem_take(struct door *door, struct door_request *request, struct vu_mem_table *table)
{
	if (table == NULL)
		return -rte_errno;
	vu_mem_table_set_peer(table, door->peer);
	request->mem = table;
	return 0;
}

/* Flags of a feature that was not negotiated mean nothing that we could obey. */
static bool
mem_xen_is_valid(const struct door *door, const struct vhost_user_mem_region *region)
{
#ifdef VU_XEN
	return region->xen_mmap_flags == 0 || (door->conf.view.protocol_features &
		RTE_BIT64(VHOST_USER_PROTOCOL_F_XEN_MMAP)) != 0;
#else
	(void)door;
	(void)region;
	return true;
#endif
}

/* With GPA_ADDRESSES, what used to be a user address is the guest address once more. */
static bool
mem_region_is_valid(const struct door *door, const struct vhost_user_mem_region *region)
{
	if (!mem_xen_is_valid(door, region))
		return false;
	return region->uva == region->gpa || (door->conf.view.protocol_features &
		RTE_BIT64(VHOST_USER_PROTOCOL_F_GPA_ADDRESSES)) == 0;
}

static int
prepare_mem_table(struct door *door, struct door_request *request)
{
	const struct vu_mem_table *old = door->conf.view.mem;
	const struct vhost_user_mem_table *wanted = &request->msg.payload.mem_table;
	struct vu_mem_region_conf regions[VHOST_USER_MAX_REGIONS];

	for (uint32_t i = 0; i < wanted->nb_regions; i++)
		if (!mem_region_is_valid(door, &wanted->regions[i]))
			return -EINVAL;
	for (uint32_t i = 0; i < wanted->nb_regions; i++)
		regions[i] = mem_region_conf(door, &wanted->regions[i],
			vu_msg_take_fd(&request->msg, i));
	return mem_take(door, request, old != NULL ?
		vu_mem_table_replace(old, regions, wanted->nb_regions) :
		vu_mem_table_create(regions, wanted->nb_regions, door->name));
}

/* QEMU 7.2 sends ADD_MEM_REG and REM_MEM_REG once per queue pair: a repeat changes nothing. */
static int
prepare_add_mem_reg(struct door *door, struct door_request *request)
{
	const struct vu_mem_table *old = door->conf.view.mem;
	struct vu_msg *msg = &request->msg;
	struct vu_mem_region_conf region;

	if (!mem_region_is_valid(door, &msg->payload.mem_reg.region))
		return -EINVAL;
	region = mem_region_conf(door, &msg->payload.mem_reg.region, msg->fds[0]);
	if (old != NULL && vu_mem_table_shows(old, &region))
		return 0;
	region.fd = vu_msg_take_fd(msg, 0);
	return mem_take(door, request, old != NULL ? vu_mem_table_add(old, &region) :
		vu_mem_table_create(&region, 1, door->name));
}

static int
prepare_rem_mem_reg(struct door *door, struct door_request *request)
{
	const struct vu_mem_table *old = door->conf.view.mem;
	const struct vhost_user_mem_region *region = &request->msg.payload.mem_reg.region;
	struct vu_mem_table *table;

	if (old == NULL)
		return 0;
	table = vu_mem_table_remove(old, region->gpa, region->uva, region->size);
	if (table == NULL && rte_errno == ENOENT)
		return 0;
	return mem_take(door, request, table);
}

static int
prepare_log(struct door *door, struct door_request *request)
{
	const struct vhost_user_log *conf = &request->msg.payload.log;

	/* Control refuses it, or there is nothing to map. */
	if ((door->conf.view.features & RTE_BIT64(VHOST_F_LOG_ALL)) == 0 ||
			request->msg.nb_fds == 0)
		return 0;
	request->log = vu_mem_log_create(vu_msg_take_fd(&request->msg, 0), conf->size,
		conf->offset);
	if (request->log == NULL)
		return -rte_errno;
	vu_mem_log_set_peer(request->log, door->peer);
	return 0;
}

static int
prepare_inflight(struct door *door, struct door_request *request)
{
	const struct vhost_user_inflight *conf = &request->msg.payload.inflight;
	/* The layout may be negotiated later: that of packed rings takes more. */
	const uint64_t max_bytes = conf->nb_queues * vu_inflight_bytes(conf->queue_size, true);

	request->inflight = vu_mem_shared_create(vu_msg_take_fd(&request->msg, 0),
		RTE_MIN(conf->mmap_size, max_bytes), conf->mmap_offset);
	if (request->inflight == NULL)
		return -rte_errno;
	vu_mem_shared_set_peer(request->inflight, door->peer);
	return 0;
}

/*
 * Data lcores write to call and err: an fd that could block them for other reasons than a full
 * counter is refused. A kick that is no eventfd is refused too: it could be the front-end's end of
 * this very connection, which then never ends. O_NONBLOCK stays what it is to the front-end.
 */
static int
prepare_event_fd(struct door *door, struct door_request *request)
{
	const int fd = request->msg.nb_fds != 0 ? request->msg.fds[0] : VU_FD_NONE;

	(void)door;
	return fd == VU_FD_NONE || vu_fd_is_event(fd) ? 0 : -EINVAL;
}

/*
 * An fd to be kept for longer than the request. The other end of the connection itself is refused:
 * with it in our hands, the connection would never end.
 */
static int
prepare_kept_fd(struct door *door, struct door_request *request)
{
	return vu_conn_is_own_end(door->first->conn, request->msg.fds[0]) ? -EINVAL : 0;
}

static int
prepare_socket(struct door *door, struct door_request *request)
{
	int rc = prepare_kept_fd(door, request);

	if (rc != 0)
		return rc;
	request->line = line_create(door, vu_msg_take_fd(&request->msg, 0));
	return request->line != NULL ? 0 : -rte_errno;
}

typedef int prepare_fn(struct door *door, struct door_request *request);

static prepare_fn *const prepare_fns[] = {
	[VHOST_USER_SET_MEM_TABLE] = prepare_mem_table,
	[VHOST_USER_ADD_MEM_REG] = prepare_add_mem_reg,
	[VHOST_USER_REM_MEM_REG] = prepare_rem_mem_reg,
	[VHOST_USER_SET_LOG_BASE] = prepare_log,
	[VHOST_USER_SET_INFLIGHT_FD] = prepare_inflight,
	[VHOST_USER_SET_VRING_KICK] = prepare_event_fd,
	[VHOST_USER_SET_VRING_CALL] = prepare_event_fd,
	[VHOST_USER_SET_VRING_ERR] = prepare_event_fd,
	[VHOST_USER_SET_BACKEND_REQ_FD] = prepare_socket,
	[VHOST_USER_GPU_SET_SOCKET] = prepare_socket,
	[VHOST_USER_SET_DEVICE_STATE_FD] = prepare_kept_fd,
};

void
door_prepare(struct door *door, struct door_request *request)
{
	const struct door_view *view = &door->conf.view;
	const uint32_t id = request->msg.request;

	request->prepared = 0;
	/* What will be refused needs nothing. */
	if (id >= RTE_DIM(prepare_fns) || prepare_fns[id] == NULL ||
			!vu_msg_is_allowed(request->msg.spec, view->features, view->features_acked,
				view->protocol_features))
		return;
	request->prepared = prepare_fns[id](door, request);
}

void
door_drop(struct door_request *request)
{
	vu_msg_release(&request->msg);
	vu_mem_table_destroy(request->mem);
	request->mem = NULL;
	vu_mem_log_destroy(request->log);
	request->log = NULL;
	vu_mem_shared_destroy(request->inflight);
	request->inflight = NULL;
	if (request->line != NULL)
		line_destroy(request->line);
	request->line = NULL;
}
