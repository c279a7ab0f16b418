/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checks a frame against its row, then its payload rules. Runs for every frame of every peer and
 * trusts nothing in it. A rule is here if it holds in every state; the session has the rest.
 * Sizes and fd counts that do not fit are -EBADMSG, illegal field values -EPROTO.
 */
#include "vu_msg.h"

#include <errno.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "vu_fd.h"
#include "vu_math.h"

typedef int (*payload_check_fn)(const struct vu_msg *msg, const struct vu_msg_limits *limits);

/* True for requests that map, false for those that only look up or remove the same thing. */
static bool
brings_fd(const struct vu_msg *msg)
{
	return msg->spec->shape.fds_min != 0;
}

static bool
range_fits(uint64_t start, uint64_t len)
{
	uint64_t end;

	return vu_add_fits(start, len, &end);
}

static int
check_value(const struct vu_msg_spec *spec, uint64_t value)
{
	if (spec->value_max != 0 && (value < spec->value_min || value > spec->value_max))
		return -EPROTO;
	return 0;
}

static int
check_vring_idx(uint32_t vring_idx, const struct vu_msg_limits *limits)
{
	return vring_idx < limits->nb_queues ? 0 : -EPROTO;
}

static int
check_u64(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	RTE_SET_USED(limits);
	return check_value(msg->spec, msg->payload.u64);
}

static int
check_vring_state(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	int rc = check_vring_idx(msg->payload.state.index, limits);

	return rc != 0 ? rc : check_value(msg->spec, msg->payload.state.num);
}

static int
check_vring_addr(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	const struct vhost_user_vring_addr *addr = &msg->payload.addr;

	if ((addr->flags & ~VHOST_USER_VRING_F_LOG_MASK) != 0)
		return -EPROTO;
	/* VIRTIO 1.2, 2.7; translation keeps the low bits of all three. */
	if (addr->descriptor % 16 != 0 || addr->available % 2 != 0 || addr->used % 4 != 0)
		return -EPROTO;
	return check_vring_idx(addr->index, limits);
}

/* Both payloads begin with it: ring index, and whether an fd comes along. */
static int
check_vring_fd(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	uint64_t index = msg->payload.u64;
	unsigned int nb_fds = (index & VHOST_USER_VRING_NOFD_MASK) != 0 ? 0 : 1;

	if ((index & ~(uint64_t)(VHOST_USER_VRING_IDX_MASK | VHOST_USER_VRING_NOFD_MASK)) != 0)
		return -EPROTO;
	if (msg->nb_fds != nb_fds)
		return -EBADMSG;
	return check_vring_idx(index & VHOST_USER_VRING_IDX_MASK, limits);
}

static int
check_vring_area(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	const struct vhost_user_vring_area *area = &msg->payload.area;

	if (msg->nb_fds != 0 && (area->size == 0 || !range_fits(area->offset, area->size)))
		return -EPROTO;
	return check_vring_fd(msg, limits);
}

static int
check_region(const struct vhost_user_mem_region *region)
{
	if (region->size == 0 || !range_fits(region->gpa, region->size) ||
			!range_fits(region->uva, region->size))
		return -EPROTO;
	return 0;
}

static int
check_mapped_region(const struct vhost_user_mem_region *region)
{
	return range_fits(region->mmap_offset, region->size) ? check_region(region) : -EPROTO;
}

static int
check_mem_table(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	const struct vhost_user_mem_table *table = &msg->payload.mem_table;
	uint32_t i;
	int rc;

	RTE_SET_USED(limits);
	if (table->nb_regions == 0 || table->nb_regions > VHOST_USER_MAX_REGIONS)
		return -EPROTO;
	if (msg->size != VHOST_USER_MEM_TABLE_HEADER_BYTES +
			table->nb_regions * VHOST_USER_MEM_REGION_BYTES ||
			msg->nb_fds != table->nb_regions)
		return -EBADMSG;
	for (i = 0; i < table->nb_regions; i++) {
		rc = check_mapped_region(&table->regions[i]);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
check_mem_reg(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	const struct vhost_user_mem_region *region = &msg->payload.mem_reg.region;

	RTE_SET_USED(limits);
	/* A removed region is found by addresses and size; its mmap offset means nothing. */
	return brings_fd(msg) ? check_mapped_region(region) : check_region(region);
}

static int
check_log(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	const struct vhost_user_log *log = &msg->payload.log;

	RTE_SET_USED(limits);
	/* The historic form is an address of the sender's and describes no shared memory. */
	if (msg->size == sizeof(msg->payload.u64))
		return msg->nb_fds == 0 ? 0 : -EBADMSG;
	if (!range_fits(log->offset, log->size) || (msg->nb_fds != 0 && log->size == 0))
		return -EPROTO;
	return 0;
}

static int
check_iotlb(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	const struct vhost_user_iotlb *iotlb = &msg->payload.iotlb;

	RTE_SET_USED(limits);
	if (iotlb->type >= 32 || (msg->spec->iotlb_types & RTE_BIT32(iotlb->type)) == 0)
		return -EPROTO;
	/*
	 * QEMU invalidates with sizes that reach past the end of the space, or are 2^64, thus 0,
	 * and with whatever is on its stack as address and permission.
	 */
	if (iotlb->type == VHOST_USER_IOTLB_INVALIDATE)
		return 0;
	if ((iotlb->perm & ~VHOST_USER_IOTLB_PERM_MASK) != 0)
		return -EPROTO;
	if (iotlb->type != VHOST_USER_IOTLB_UPDATE)
		return 0;
	/* Last bytes, not ends: a range may reach the top of the space. */
	return iotlb->size != 0 && range_fits(iotlb->iova, iotlb->size - 1) &&
		range_fits(iotlb->uva, iotlb->size - 1) ? 0 : -EPROTO;
}

static int
check_config(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	const struct vhost_user_config *config = &msg->payload.config;
	uint32_t end = limits->config_bytes != 0 ? limits->config_bytes :
		VHOST_USER_CONFIG_SPACE_BYTES;

	if (config->size != msg->size - VHOST_USER_CONFIG_HEADER_BYTES)
		return -EBADMSG;
	if (!vu_range_inside(config->offset, config->size, 0, end) ||
			config->flags > VHOST_USER_CONFIG_MIGRATION)
		return -EPROTO;
	return 0;
}

static int
check_inflight(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	const struct vhost_user_inflight *inflight = &msg->payload.inflight;

	if (inflight->nb_queues == 0 || inflight->nb_queues > limits->nb_queues ||
			inflight->queue_size == 0 || inflight->queue_size > VU_MAX_QUEUE_SIZE)
		return -EPROTO;
	/* The query leaves the mapping to us. */
	if (brings_fd(msg) && (inflight->mmap_size == 0 ||
			!range_fits(inflight->mmap_offset, inflight->mmap_size)))
		return -EPROTO;
	return 0;
}

static int
check_uuid(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	uint64_t half[2];

	RTE_SET_USED(limits);
	memcpy(half, msg->payload.uuid.bytes, sizeof(half));
	return (half[0] | half[1]) == 0 || (half[0] & half[1]) == UINT64_MAX ? -EPROTO : 0;
}

static int
check_transfer(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	const struct vhost_user_transfer *transfer = &msg->payload.transfer;

	RTE_SET_USED(limits);
	if (transfer->direction > VHOST_USER_TRANSFER_LOAD ||
			transfer->phase != VHOST_USER_TRANSFER_STOPPED)
		return -EPROTO;
	return 0;
}

static int
check_mmap(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	const struct vhost_user_mmap *map = &msg->payload.mmap;

	RTE_SET_USED(limits);
	if (map->len == 0 || !range_fits(map->shm_offset, map->len))
		return -EPROTO;
	/* An unmap uses neither fd_offset nor flags. */
	if (brings_fd(msg) && (!range_fits(map->fd_offset, map->len) ||
			(map->flags & ~(uint64_t)VHOST_USER_MMAP_F_RW_MASK) != 0))
		return -EPROTO;
	return 0;
}

static const payload_check_fn payload_checks[VU_PAYLOAD_NB_KINDS] = {
	[VU_PAYLOAD_U64] = check_u64,
	[VU_PAYLOAD_VRING_STATE] = check_vring_state,
	[VU_PAYLOAD_VRING_ADDR] = check_vring_addr,
	[VU_PAYLOAD_VRING_FD] = check_vring_fd,
	[VU_PAYLOAD_MEM_TABLE] = check_mem_table,
	[VU_PAYLOAD_MEM_REG] = check_mem_reg,
	[VU_PAYLOAD_LOG] = check_log,
	[VU_PAYLOAD_IOTLB] = check_iotlb,
	[VU_PAYLOAD_CONFIG] = check_config,
	[VU_PAYLOAD_VRING_AREA] = check_vring_area,
	[VU_PAYLOAD_INFLIGHT] = check_inflight,
	[VU_PAYLOAD_UUID] = check_uuid,
	[VU_PAYLOAD_TRANSFER] = check_transfer,
	[VU_PAYLOAD_MMAP] = check_mmap,
};

static bool
is_reply_stream(enum vu_msg_stream stream)
{
	return stream == VU_STREAM_REPLIES || stream == VU_STREAM_BACKEND_REPLIES;
}

static const struct vu_msg_spec *
spec_find(uint32_t request, enum vu_msg_stream stream)
{
	if (stream == VU_STREAM_BACKEND_REQUESTS || stream == VU_STREAM_BACKEND_REPLIES)
		return vu_msg_spec_backend(request);
	return vu_msg_spec(request);
}

static int
check_header(const struct vu_msg *msg, enum vu_msg_stream stream)
{
	bool is_reply = (msg->flags & VHOST_USER_REPLY_MASK) != 0;

	if ((msg->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION ||
			(msg->flags & ~VHOST_USER_FLAGS_MASK) != 0 ||
			is_reply != is_reply_stream(stream) || msg->size > VU_MAX_MSG_BYTES)
		return -EBADMSG;
	return 0;
}

static int
check_shape(const struct vu_msg *msg, const struct vu_msg_shape *shape)
{
	if (msg->size < shape->len_min || msg->size > shape->len_max)
		return -EBADMSG;
	if (shape->len_step != 0 && (msg->size - shape->len_min) % shape->len_step != 0)
		return -EBADMSG;
	if (msg->nb_fds < shape->fds_min || msg->nb_fds > shape->fds_max)
		return -EBADMSG;
	return 0;
}

static bool
is_mem_table_ack(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	return limits->mem_table_ack && msg->spec->payload == VU_PAYLOAD_MEM_TABLE &&
		(msg->size == 0 || msg->size == sizeof(uint64_t));
}

static int
check_request(const struct vu_msg *msg, const struct vu_msg_limits *limits)
{
	payload_check_fn check = payload_checks[msg->spec->payload];
	int rc;

	if (is_mem_table_ack(msg, limits)) {
		if (msg->nb_fds != 0)
			return -EBADMSG;
		return msg->payload.u64 == 0 ? 0 : -EPROTO;
	}
	rc = check_shape(msg, &msg->spec->shape);
	if (rc != 0 || check == NULL)
		return rc;
	return check(msg, limits);
}

static void
fds_move(struct vu_msg *msg, int *fds, unsigned int nb_fds)
{
	unsigned int i;

	for (i = 0; i < VU_MAX_MSG_FDS; i++)
		msg->fds[i] = i < nb_fds ? vu_fd_take(&fds[i]) : VU_FD_NONE;
	for (; i < nb_fds; i++)
		vu_fd_close(&fds[i]);
	msg->nb_fds = RTE_MIN(nb_fds, (unsigned int)VU_MAX_MSG_FDS);
}

static void
header_parse(struct vu_msg *msg, const void *bytes)
{
	struct vhost_user_header header;

	memcpy(&header, bytes, sizeof(header));
	msg->request = header.request;
	msg->flags = header.flags;
	msg->size = header.size;
	msg->need_reply = (header.flags & VHOST_USER_NEED_REPLY_MASK) != 0;
}

int
vu_msg_decode(struct vu_msg *msg, const void *header, const void *payload, int *fds,
	unsigned int nb_fds, const struct vu_msg_limits *limits)
{
	int rc;

	memset(msg, 0, sizeof(*msg));
	fds_move(msg, fds, nb_fds);
	header_parse(msg, header);
	msg->spec = spec_find(msg->request, limits->stream);

	rc = check_header(msg, limits->stream);
	if (rc == 0 && nb_fds > VU_MAX_MSG_FDS)
		rc = -EBADMSG;
	if (rc == 0 && msg->spec == NULL)
		rc = -ENOTSUP;
	if (rc != 0)
		return rc;
	if (msg->size != 0)
		memcpy(msg->payload.bytes, payload, msg->size);
	if (is_reply_stream(limits->stream))
		return check_shape(msg, &msg->spec->reply_shape);
	return check_request(msg, limits);
}

uint32_t
vu_msg_header_size(const void *header)
{
	uint32_t size;

	memcpy(&size, (const uint8_t *)header + offsetof(struct vhost_user_header, size),
		sizeof(size));
	return size;
}

int
vu_msg_take_fd(struct vu_msg *msg, unsigned int i)
{
	return i < msg->nb_fds ? vu_fd_take(&msg->fds[i]) : VU_FD_NONE;
}

void
vu_msg_release(struct vu_msg *msg)
{
	unsigned int i;

	for (i = 0; i < msg->nb_fds; i++)
		vu_fd_close(&msg->fds[i]);
}

uint32_t
vu_msg_vring_idx(const struct vu_msg *msg)
{
	switch (msg->spec->payload) {
	case VU_PAYLOAD_VRING_STATE:
		return msg->payload.state.index;
	case VU_PAYLOAD_VRING_ADDR:
		return msg->payload.addr.index;
	case VU_PAYLOAD_VRING_FD:
	case VU_PAYLOAD_VRING_AREA:
		return msg->payload.u64 & VHOST_USER_VRING_IDX_MASK;
	default:
		return UINT32_MAX;
	}
}

const char *
vu_msg_name(const struct vu_msg *msg)
{
	return msg->spec != NULL ? msg->spec->name : "unknown";
}
