/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One right frame per request, from which the cases are made by spoiling it; see conformance.h.
 */
#include "conformance.h"

#include <string.h>

#include <rte_bitops.h>
#include <rte_debug.h>

#include "vu_virtio.h"

#define SMALL_BYTES UINT64_C(0x1000)

static uint64_t
valid_u64(const struct conf_bench *bench, uint32_t request)
{
	switch (request) {
	case VHOST_USER_SET_FEATURES:
		return conf_rule_features(&bench->facts) |
			RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES);
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		return conf_rule_protocol_features(&bench->facts);
	case VHOST_USER_SEND_RARP:
		return UINT64_C(0x010000005452);
	case VHOST_USER_NET_SET_MTU:
		return 1500;
	case VHOST_USER_SET_STATUS:
		return 15;
	default:
		return 0;
	}
}

/* A region beside the one that CONF_STATE_MEMORY has. */
static struct vhost_user_mem_region
valid_new_region(void)
{
	struct vhost_user_mem_region region = session_region(0, SESSION_MEM_BYTES);

	region.gpa += SESSION_MEM_BYTES;
	region.uva += SESSION_MEM_BYTES;
	region.size = SMALL_BYTES;
	return region;
}

static uint32_t
valid_num(uint32_t request)
{
	switch (request) {
	case VHOST_USER_SET_VRING_NUM:
		return SESSION_RING_SIZE / 2; /* not what a running ring has */
	case VHOST_USER_SET_VRING_BASE: /* nor where it is */
	case VHOST_USER_SET_VRING_ENABLE:
		return 1;
	default:
		return 0;
	}
}

/* Config space of a net device; for a migration, so that it may be written. */
static uint32_t
fill_config(union vu_payload *payload)
{
	payload->config.size = 8;
	payload->config.flags = VHOST_USER_CONFIG_MIGRATION;
	return VHOST_USER_CONFIG_HEADER_BYTES + payload->config.size;
}

static void
fill_inflight(const struct conf_bench *bench, bool has_fd, struct vhost_user_inflight *inflight)
{
	inflight->nb_queues = (uint16_t)vu_device_nb_queues(bench->subject.dev);
	inflight->queue_size = SESSION_RING_SIZE;
	inflight->mmap_size = has_fd ? SMALL_BYTES : 0;
}

/* @return size of the payload */
static uint32_t
fill_payload(const struct conf_bench *bench, const struct vu_msg_spec *spec,
	union vu_payload *payload)
{
	switch (spec->payload) {
	case VU_PAYLOAD_U64:
		payload->u64 = valid_u64(bench, spec->request);
		break;
	case VU_PAYLOAD_VRING_STATE:
		payload->state.num = valid_num(spec->request);
		break;
	case VU_PAYLOAD_VRING_ADDR:
		payload->addr = session_ring_addr(0);
		break;
	case VU_PAYLOAD_MEM_TABLE:
		payload->mem_table.nb_regions = 1;
		payload->mem_table.regions[0] = session_region(0, SESSION_MEM_BYTES);
		return VHOST_USER_MEM_TABLE_HEADER_BYTES + VHOST_USER_MEM_REGION_BYTES;
	case VU_PAYLOAD_MEM_REG:
		payload->mem_reg.region = spec->request == VHOST_USER_ADD_MEM_REG ?
			valid_new_region() : session_region(0, SESSION_MEM_BYTES);
		break;
	case VU_PAYLOAD_LOG:
		payload->log.size = SMALL_BYTES;
		break;
	case VU_PAYLOAD_IOTLB:
		payload->iotlb = (struct vhost_user_iotlb){
			.iova = SESSION_GPA, .size = SMALL_BYTES, .uva = SESSION_UVA,
			.perm = VHOST_USER_IOTLB_PERM_MASK, .type = VHOST_USER_IOTLB_UPDATE,
		};
		break;
	case VU_PAYLOAD_CONFIG:
		return fill_config(payload);
	case VU_PAYLOAD_INFLIGHT:
		fill_inflight(bench, spec->shape.fds_min != 0, &payload->inflight);
		break;
	case VU_PAYLOAD_UUID:
		payload->uuid.bytes[0] = 1;
		break;
	case VU_PAYLOAD_BYTES:
		return 64;
	default:
		break;
	}
	return spec->shape.len_max;
}

static enum conf_fd_kind
valid_fd_kind(uint32_t request)
{
	unsigned int kinds = conf_rule_fd_kinds(request);

	/* Any will do; the specification says what it should be. */
	if (request == VHOST_USER_SET_DEVICE_STATE_FD)
		return CONF_KIND_PIPE;
	return (enum conf_fd_kind)rte_bsf32(kinds);
}

void
conf_frame_fill(const struct conf_bench *bench, uint32_t request, struct conf_frame *frame)
{
	const struct vu_msg_spec *spec = vu_msg_spec(request);

	memset(frame, 0, sizeof(*frame));
	frame->header.request = request;
	frame->header.flags = VHOST_USER_VERSION;
	if (spec == NULL)
		return;
	frame->header.size = fill_payload(bench, spec, &frame->payload);
	frame->nb_fds = spec->shape.fds_min;
	if (spec->payload == VU_PAYLOAD_VRING_FD || spec->payload == VU_PAYLOAD_LOG)
		frame->nb_fds = 1;
	for (unsigned int i = 0; i < CONF_MAX_FDS; i++)
		frame->fds[i] = bench->fds[valid_fd_kind(request)];
}
