/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One frame that the decoder tests fill, spoil and decode; see msg_frame.h.
 */
#include "msg_frame.h"

struct frame frame;
struct vu_msg msg;
struct vu_msg_limits limits;

bool
request_names_ring(const struct frame *f)
{
	const uint64_t requests = 0x7f00 | RTE_BIT64(18) | RTE_BIT64(23) |
		RTE_BIT64(35) | RTE_BIT64(45);
	const uint64_t backend_requests = 0x38;

	return ((f->stream == VU_STREAM_REQUESTS || f->stream == VU_STREAM_REPLIES ? requests :
		backend_requests) & RTE_BIT64(f->header.request)) != 0;
}

/* Fills in a payload that every rule accepts, and its size. */
static void
payload_fill(const struct vu_msg_spec *spec)
{
	union vu_payload *payload = &frame.payload;
	const struct vhost_user_mem_region region = {
		.gpa = 0x1000, .size = 0x2000, .uva = 0x7f0000000000 };

	frame.header.size = spec->shape.len_max;
	switch (spec->payload) {
	case VU_PAYLOAD_U64:
		payload->u64 = spec->value_min;
		break;
	case VU_PAYLOAD_VRING_STATE:
		payload->state.index = NB_QUEUES - 1;
		payload->state.num = spec->value_min;
		break;
	case VU_PAYLOAD_VRING_ADDR:
		payload->addr = (struct vhost_user_vring_addr) { .index = 1, .descriptor = 0x10,
			.used = 0x4, .available = 0x2 };
		break;
	case VU_PAYLOAD_VRING_FD:
	case VU_PAYLOAD_VRING_AREA:
		payload->area.index = 2;
		payload->area.size = 0x1000;
		frame.nb_fds = 1;
		break;
	case VU_PAYLOAD_MEM_TABLE:
		payload->mem_table.nb_regions = 1;
		payload->mem_table.regions[0] = region;
		frame.header.size = 8 + VHOST_USER_MEM_REGION_BYTES;
		break;
	case VU_PAYLOAD_MEM_REG:
		payload->mem_reg.region = region;
		break;
	case VU_PAYLOAD_IOTLB:
		payload->iotlb.size = 0x1000;
		payload->iotlb.perm = 3;
		payload->iotlb.type = rte_bsf32(spec->iotlb_types);
		break;
	case VU_PAYLOAD_CONFIG:
		payload->config.offset = 8;
		payload->config.size = 20;
		frame.header.size = 12 + 20;
		break;
	case VU_PAYLOAD_INFLIGHT:
		payload->inflight = (struct vhost_user_inflight) { .mmap_size = 0x1000,
			.nb_queues = NB_QUEUES, .queue_size = 256 };
		break;
	case VU_PAYLOAD_UUID:
		payload->uuid.bytes[15] = 1;
		break;
	case VU_PAYLOAD_LOG:
		payload->log.size = 0x1000;
		break;
	case VU_PAYLOAD_MMAP:
		payload->mmap.len = 0x1000;
		break;
	default:
		break;
	}
}

const struct vu_msg_spec *
spec_of(enum vu_msg_stream stream, uint32_t request)
{
	return stream == VU_STREAM_BACKEND_REQUESTS || stream == VU_STREAM_BACKEND_REPLIES ?
		vu_msg_spec_backend(request) : vu_msg_spec(request);
}

void
msg_frame_fill(enum vu_msg_stream stream, uint32_t request)
{
	const struct vu_msg_spec *spec = spec_of(stream, request);

	memset(&frame, 0, sizeof(frame));
	frame.stream = stream;
	frame.header.request = request;
	frame.header.flags = VHOST_USER_VERSION;
	frame.nb_fds = spec->shape.fds_min;
	payload_fill(spec);
	limits = (struct vu_msg_limits) { .stream = stream, .nb_queues = NB_QUEUES };
}

void
front_fill(uint32_t request)
{
	msg_frame_fill(VU_STREAM_REQUESTS, request);
}

int
frame_decode(int *fds)
{
	uint8_t header[sizeof(frame.header) + 1];
	size_t len = RTE_MIN(frame.header.size, sizeof(frame.payload));
	uint8_t *payload = frame.header.size <= VU_MAX_MSG_BYTES ? malloc(len) : NULL;
	unsigned int i;
	int rc;

	if (payload != NULL)
		memcpy(payload, &frame.payload, len);
	memcpy(&header[1], &frame.header, sizeof(frame.header)); /* no alignment */
	for (i = 0; i < frame.nb_fds; i++)
		fds[i] = vu_fd_eventfd();
	memset(&msg, 0xa5, sizeof(msg));
	rc = vu_msg_decode(&msg, &header[1], payload, frame.nb_fds != 0 ? fds : NULL,
		frame.nb_fds, &limits);
	free(payload);
	return rc;
}

int
frame_rc(void)
{
	int fds[MAX_TEST_FDS], copies[VU_MAX_MSG_FDS];
	unsigned int i;
	int rc = frame_decode(fds);

	memcpy(copies, msg.fds, sizeof(copies));
	vu_msg_release(&msg);
	for (i = 0; i < frame.nb_fds; i++)
		if (fds[i] != VU_FD_NONE)
			return LEAKED;
	for (i = 0; i < RTE_MIN(frame.nb_fds, (unsigned int)VU_MAX_MSG_FDS); i++)
		if (copies[i] < 0 || fcntl(copies[i], F_GETFD) != -1)
			return LEAKED;
	return rc;
}

void
rows_each(void (*check)(const struct vu_msg_spec *spec))
{
	const struct { enum vu_msg_stream stream; uint32_t nb; } tables[] = {
		{ VU_STREAM_REQUESTS, VHOST_USER_NB_REQUESTS },
		{ VU_STREAM_BACKEND_REQUESTS, VHOST_USER_BACKEND_NB_REQUESTS },
	};

	for (unsigned int t = 0; t < RTE_DIM(tables); t++) {
		for (uint32_t i = 1; i < tables[t].nb; i++) {
			msg_frame_fill(tables[t].stream, i);
			expect_context(spec_of(tables[t].stream, i)->name);
			check(spec_of(tables[t].stream, i));
		}
	}
}
