/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Decoding of payloads: every rule about field values, at its edges.
 */
#include "expect.h"
#include "msg_frame.h"

static void
row_vring_idx(const struct vu_msg_spec *spec)
{
	const uint32_t beyond[] = { NB_QUEUES, 0x100, 0x10000, 0x10001, 0x80000000, UINT32_MAX };
	bool has_idx = spec->payload == VU_PAYLOAD_VRING_STATE ||
		spec->payload == VU_PAYLOAD_VRING_ADDR;

	CHECK_EQ(frame_rc(), 0);
	CHECK_EQ(request_names_ring(&frame), vu_msg_vring_idx(&msg) != UINT32_MAX);
	if (!has_idx)
		return;
	for (unsigned int i = 0; i < RTE_DIM(beyond); i++) {
		frame.payload.state.index = beyond[i];
		CHECK_EQ(frame_rc(), -EPROTO);
	}
	frame.payload.state.index = NB_QUEUES - 1;
	CHECK_EQ(frame_rc(), 0);
	CHECK_EQ(vu_msg_vring_idx(&msg), NB_QUEUES - 1);
	limits.nb_queues = 0;
	CHECK_EQ(frame_rc(), -EPROTO);
}

VU_TEST(msg_payload, checks_vring_indices_in_full_width)
{
	rows_each(row_vring_idx);
}

static void
vring_fd_check(enum vu_msg_stream stream, uint32_t request)
{
	msg_frame_fill(stream, request);
	frame.payload.u64 = NB_QUEUES - 1;
	CHECK_EQ(frame_rc(), 0);
	CHECK_EQ(vu_msg_vring_idx(&msg), NB_QUEUES - 1);
	frame.payload.u64 = NB_QUEUES;
	CHECK_EQ(frame_rc(), -EPROTO);
	frame.payload.u64 = 0xff;
	CHECK_EQ(frame_rc(), -EPROTO);
	frame.payload.u64 = 0x100 | 1;
	CHECK_EQ(frame_rc(), -EBADMSG);
	frame.nb_fds = 0;
	CHECK_EQ(frame_rc(), 0);
	CHECK_EQ(vu_msg_vring_idx(&msg), 1);
	frame.payload.u64 = 1;
	CHECK_EQ(frame_rc(), -EBADMSG);
	for (unsigned int bit = 9; bit < 64; bit++) {
		frame.payload.u64 = RTE_BIT64(bit) | 0x100 | 1;
		CHECK_EQ(frame_rc(), -EPROTO);
	}
}

VU_TEST(msg_payload, vring_fd_and_its_no_fd_bit)
{
	vring_fd_check(VU_STREAM_REQUESTS, VHOST_USER_SET_VRING_KICK);
	vring_fd_check(VU_STREAM_REQUESTS, VHOST_USER_SET_VRING_CALL);
	vring_fd_check(VU_STREAM_REQUESTS, VHOST_USER_SET_VRING_ERR);
	vring_fd_check(VU_STREAM_BACKEND_REQUESTS, VHOST_USER_BACKEND_VRING_HOST_NOTIFIER_MSG);
}

VU_TEST(msg_payload, host_notifier_area)
{
	msg_frame_fill(VU_STREAM_BACKEND_REQUESTS, VHOST_USER_BACKEND_VRING_HOST_NOTIFIER_MSG);
	frame.payload.area.size = 0;
	CHECK_EQ(frame_rc(), -EPROTO);
	frame.payload.area.size = 0x1000;
	frame.payload.area.offset = UINT64_MAX - 0xfff;
	CHECK_EQ(frame_rc(), -EPROTO);
	/* Nothing but the index counts when the notifier goes. */
	frame.nb_fds = 0;
	frame.payload.area.index |= VHOST_USER_VRING_NOFD_MASK;
	frame.payload.area.size = 0;
	CHECK_EQ(frame_rc(), 0);
}

static void
value_check(uint32_t request, uint64_t min, uint64_t max)
{
	const bool is_state = vu_msg_spec(request)->payload == VU_PAYLOAD_VRING_STATE;
	const struct { uint64_t value; int rc; } values[] = {
		{ min, 0 }, { max, 0 }, { max + 1, -EPROTO }, { 0x80000000, -EPROTO },
		{ 0xffffffff, -EPROTO }, { min - 1, -EPROTO }, { 0x10000 + max, -EPROTO },
		{ 0x100000000 + min, is_state ? 0 : -EPROTO },
	};

	front_fill(request);
	for (unsigned int i = 0; i < RTE_DIM(values); i++) {
		if (is_state)
			frame.payload.state.num = values[i].value;
		else
			frame.payload.u64 = values[i].value;
		CHECK_EQ(frame_rc(), values[i].rc);
	}
}

VU_TEST(msg_payload, value_ranges)
{
	value_check(VHOST_USER_SET_VRING_NUM, 1, 32768);
	value_check(VHOST_USER_SET_VRING_ENABLE, 0, 1);
	value_check(VHOST_USER_SET_VRING_ENDIAN, 0, 1);
	value_check(VHOST_USER_SET_STATUS, 0, 255);
	value_check(VHOST_USER_NET_SET_MTU, 68, 65535);
}

VU_TEST(msg_payload, free_values)
{
	const uint32_t with_num[] = { VHOST_USER_SET_VRING_BASE, VHOST_USER_GET_VRING_BASE,
		VHOST_USER_GET_VRING_BASE_SKIP_DRAIN, VHOST_USER_VRING_KICK };
	const uint32_t with_u64[] = { VHOST_USER_SET_FEATURES, VHOST_USER_SET_PROTOCOL_FEATURES,
		VHOST_USER_SEND_RARP, VHOST_USER_CLOSE_CRYPTO_SESSION };

	for (unsigned int i = 0; i < RTE_DIM(with_num); i++) {
		front_fill(with_num[i]);
		frame.payload.state.num = UINT32_MAX;
		CHECK_EQ(frame_rc(), 0);
	}
	for (unsigned int i = 0; i < RTE_DIM(with_u64); i++) {
		front_fill(with_u64[i]);
		frame.payload.u64 = UINT64_MAX;
		CHECK_EQ(frame_rc(), 0);
	}
}

VU_TEST(msg_payload, vring_addr_alignment_and_flags)
{
	struct vhost_user_vring_addr *addr = &frame.payload.addr;

	front_fill(VHOST_USER_SET_VRING_ADDR);
	*addr = (struct vhost_user_vring_addr) { .flags = 1, .log = 3 };
	CHECK_EQ(frame_rc(), 0);
	for (unsigned int bit = 1; bit < 32; bit++) {
		addr->flags = RTE_BIT32(bit);
		CHECK_EQ(frame_rc(), -EPROTO);
	}
	addr->flags = 0;
	for (uint64_t offset = 1; offset <= 16; offset++) {
		addr->descriptor = 0x7fff00000000 + offset;
		CHECK_EQ(frame_rc(), offset % 16 == 0 ? 0 : -EPROTO);
		addr->descriptor = 0;
		addr->available = 0x7fff00000000 + offset;
		CHECK_EQ(frame_rc(), offset % 2 == 0 ? 0 : -EPROTO);
		addr->available = 0;
		addr->used = 0x7fff00000000 + offset;
		CHECK_EQ(frame_rc(), offset % 4 == 0 ? 0 : -EPROTO);
		addr->used = 0;
	}
}

/* Every rule of one region of `frame`; has_mmap_offset if that field counts. */
static void
region_check(struct vhost_user_mem_region *region, bool has_mmap_offset)
{
	const struct vhost_user_mem_region good = *region;
	uint64_t *starts[] = { &region->gpa, &region->uva, &region->mmap_offset };

	CHECK_EQ(frame_rc(), 0);
	region->size = 0;
	CHECK_EQ(frame_rc(), -EPROTO);
	*region = good;
	for (unsigned int i = 0; i < RTE_DIM(starts); i++) {
		bool counts = i != 2 || has_mmap_offset;

		*starts[i] = UINT64_MAX - good.size;
		CHECK_EQ(frame_rc(), 0);
		*starts[i] += 1;
		CHECK_EQ(frame_rc(), counts ? -EPROTO : 0);
		*starts[i] = UINT64_MAX;
		CHECK_EQ(frame_rc(), counts ? -EPROTO : 0);
		*region = good;
	}
	/* Zero is an address like any other: GPA_ADDRESSES sends it as user address. */
	region->gpa = 0;
	region->uva = 0;
	CHECK_EQ(frame_rc(), 0);
	*region = good;
}

VU_TEST(msg_payload, memory_regions)
{
	front_fill(VHOST_USER_ADD_MEM_REG);
	region_check(&frame.payload.mem_reg.region, true);
	front_fill(VHOST_USER_REM_MEM_REG);
	region_check(&frame.payload.mem_reg.region, false);
}

VU_TEST(msg_payload, memory_table)
{
	struct vhost_user_mem_table *table = &frame.payload.mem_table;

	front_fill(VHOST_USER_SET_MEM_TABLE);
	for (uint32_t n = 1; n <= VHOST_USER_MAX_REGIONS; n++) {
		table->nb_regions = n;
		table->regions[n - 1] = (struct vhost_user_mem_region) {
			.gpa = n * 0x1000, .size = 0x1000, .uva = n * 0x1000 };
		frame.header.size = 8 + n * VHOST_USER_MEM_REGION_BYTES;
		frame.nb_fds = n;
		region_check(&table->regions[n - 1], true);
		frame.nb_fds = n - 1;
		CHECK_EQ(frame_rc(), -EBADMSG);
		frame.nb_fds = n + 1;
		CHECK_EQ(frame_rc(), -EBADMSG);
	}
}

VU_TEST(msg_payload, memory_table_count)
{
	const struct { uint32_t nb; int rc; } counts[] = {
		{ 0, -EPROTO }, { 1, -EBADMSG }, { 8, -EBADMSG }, { 9, -EPROTO },
		{ 0x08000002, -EPROTO }, { 0x80000002, -EPROTO }, { UINT32_MAX, -EPROTO },
	};

	front_fill(VHOST_USER_SET_MEM_TABLE);
	frame.header.size = 8 + 2 * VHOST_USER_MEM_REGION_BYTES;
	frame.nb_fds = 2;
	for (unsigned int i = 0; i < RTE_DIM(counts); i++) {
		frame.payload.mem_table.nb_regions = counts[i].nb;
		CHECK_EQ(frame_rc(), counts[i].rc);
	}
}

VU_TEST(msg_payload, empty_memory_table_only_when_asked_for)
{
	for (uint32_t size = 0; size <= 16; size++) {
		front_fill(VHOST_USER_SET_MEM_TABLE);
		memset(&frame.payload, 0, sizeof(frame.payload));
		frame.header.size = size;
		frame.nb_fds = 0;
		CHECK_EQ(frame_rc(), -EBADMSG);
		limits.mem_table_ack = true;
		CHECK_EQ(frame_rc(), size == 0 || size == 8 ? 0 : -EBADMSG);
		CHECK_EQ(msg.payload.mem_table.nb_regions, 0);
		frame.nb_fds = 1;
		CHECK_EQ(frame_rc(), -EBADMSG);
	}
	frame.nb_fds = 0;
	frame.header.size = 8;
	frame.payload.u64 = 1ULL << 40;
	CHECK_EQ(frame_rc(), -EPROTO);
	/* The flag adds a form and takes none away; other requests do not know it. */
	front_fill(VHOST_USER_SET_MEM_TABLE);
	limits.mem_table_ack = true;
	CHECK_EQ(frame_rc(), 0);
	front_fill(VHOST_USER_ADD_MEM_REG);
	limits.mem_table_ack = true;
	frame.header.size = 0;
	CHECK_EQ(frame_rc(), -EBADMSG);
}

VU_TEST(msg_payload, log_in_both_forms)
{
	struct vhost_user_log *log = &frame.payload.log;

	front_fill(VHOST_USER_SET_LOG_BASE);
	log->size = 0;
	CHECK_EQ(frame_rc(), 0);
	frame.nb_fds = 1;
	CHECK_EQ(frame_rc(), -EPROTO);
	log->size = 0x1000;
	CHECK_EQ(frame_rc(), 0);
	log->offset = UINT64_MAX - 0x1000;
	CHECK_EQ(frame_rc(), 0);
	log->offset++;
	CHECK_EQ(frame_rc(), -EPROTO);
	frame.nb_fds = 0;
	CHECK_EQ(frame_rc(), -EPROTO);

	frame.header.size = 8;
	frame.payload.u64 = UINT64_MAX;
	CHECK_EQ(frame_rc(), 0);
	CHECK_EQ(msg.payload.u64, -1);
	frame.nb_fds = 1;
	CHECK_EQ(frame_rc(), -EBADMSG);
}

static void
iotlb_types_check(enum vu_msg_stream stream, uint32_t request, uint32_t types)
{
	msg_frame_fill(stream, request);
	for (unsigned int type = 0; type < 256; type++) {
		frame.payload.iotlb.type = type;
		CHECK_EQ(frame_rc(), type < 32 && (types & RTE_BIT32(type)) != 0 ? 0 : -EPROTO);
	}
}

VU_TEST(msg_payload, iotlb_types_depend_on_the_direction)
{
	iotlb_types_check(VU_STREAM_REQUESTS, VHOST_USER_IOTLB_MSG, RTE_BIT32(2) | RTE_BIT32(3));
	iotlb_types_check(VU_STREAM_BACKEND_REQUESTS, VHOST_USER_BACKEND_IOTLB_MSG,
		RTE_BIT32(1) | RTE_BIT32(4));
}

VU_TEST(msg_payload, iotlb_ranges)
{
	struct vhost_user_iotlb *iotlb = &frame.payload.iotlb;

	front_fill(VHOST_USER_IOTLB_MSG);
	frame.header.size = VHOST_USER_IOTLB_FIELD_BYTES;
	for (unsigned int perm = 0; perm < 256; perm++) {
		iotlb->perm = perm;
		CHECK_EQ(frame_rc(), perm < 4 ? 0 : -EPROTO);
	}
	iotlb->perm = 3;
	iotlb->size = 0;
	CHECK_EQ(frame_rc(), -EPROTO);
	iotlb->size = 0x1000;
	iotlb->iova = UINT64_MAX - 0xfff;
	iotlb->uva = UINT64_MAX - 0xfff;
	CHECK_EQ(frame_rc(), 0);
	iotlb->iova++;
	CHECK_EQ(frame_rc(), -EPROTO);
	iotlb->iova = 0;
	iotlb->uva++;
	CHECK_EQ(frame_rc(), -EPROTO);
	/* An invalidation has no user address, and may cover everything and reach past the end. */
	iotlb->type = VHOST_USER_IOTLB_INVALIDATE;
	CHECK_EQ(frame_rc(), 0);
	iotlb->iova = UINT64_MAX;
	CHECK_EQ(frame_rc(), 0);
	/* QEMU leaves uninitialized what does not count. */
	iotlb->perm = 0xa5;
	CHECK_EQ(frame_rc(), 0);
	iotlb->iova = 0;
	iotlb->size = 0;
	CHECK_EQ(frame_rc(), 0);
}

static void
config_check(uint32_t request)
{
	struct vhost_user_config *config = &frame.payload.config;

	front_fill(request);
	for (uint32_t flags = 0; flags < 4; flags++) {
		config->flags = flags;
		CHECK_EQ(frame_rc(), flags <= 1 ? 0 : -EPROTO);
	}
	config->flags = 0;
	config->offset = 256 - 20;
	CHECK_EQ(frame_rc(), 0);
	config->offset++;
	CHECK_EQ(frame_rc(), -EPROTO);
	config->offset = UINT32_MAX - 19; /* offset + size is 0 in 32 bits */
	CHECK_EQ(frame_rc(), -EPROTO);
	config->offset = 256 - 19;
	limits.config_bytes = 257;
	CHECK_EQ(frame_rc(), 0);
	config->offset = 0;
	config->size = 19;
	CHECK_EQ(frame_rc(), -EBADMSG);
	config->size = UINT32_MAX;
	CHECK_EQ(frame_rc(), -EBADMSG);
	config->size = 256;
	frame.header.size = 12 + 256;
	limits.config_bytes = 0;
	CHECK_EQ(frame_rc(), 0);
	config->size = 257;
	frame.header.size = 12 + 257;
	CHECK_EQ(frame_rc(), -EPROTO);
	config->size = VHOST_USER_CONFIG_MAX_BYTES;
	frame.header.size = VU_MAX_MSG_BYTES;
	limits.config_bytes = VHOST_USER_CONFIG_MAX_BYTES;
	CHECK_EQ(frame_rc(), 0);
}

VU_TEST(msg_payload, config_space)
{
	config_check(VHOST_USER_GET_CONFIG);
	config_check(VHOST_USER_SET_CONFIG);
}

static void
inflight_check(uint32_t request, bool has_mapping)
{
	struct vhost_user_inflight *inflight = &frame.payload.inflight;
	const struct { uint16_t nb_queues, queue_size; int rc; } values[] = {
		{ 1, 1, 0 }, { NB_QUEUES, 32768, 0 }, { 0, 1, -EPROTO },
		{ NB_QUEUES + 1, 1, -EPROTO }, { 65535, 1, -EPROTO }, { 1, 0, -EPROTO },
		{ 1, 32769, -EPROTO }, { 1, 65535, -EPROTO },
	};

	front_fill(request);
	frame.header.size = VHOST_USER_INFLIGHT_FIELD_BYTES;
	for (unsigned int i = 0; i < RTE_DIM(values); i++) {
		inflight->nb_queues = values[i].nb_queues;
		inflight->queue_size = values[i].queue_size;
		CHECK_EQ(frame_rc(), values[i].rc);
	}
	inflight->queue_size = 256;
	inflight->mmap_offset = UINT64_MAX - 0xfff;
	CHECK_EQ(frame_rc(), has_mapping ? -EPROTO : 0);
	inflight->mmap_offset--;
	CHECK_EQ(frame_rc(), 0);
	inflight->mmap_size = 0;
	CHECK_EQ(frame_rc(), has_mapping ? -EPROTO : 0);
}

VU_TEST(msg_payload, inflight)
{
	inflight_check(VHOST_USER_GET_INFLIGHT_FD, false);
	inflight_check(VHOST_USER_SET_INFLIGHT_FD, true);
}

static void
row_uuid(const struct vu_msg_spec *spec)
{
	if (spec->payload != VU_PAYLOAD_UUID)
		return;
	memset(&frame.payload, 0, 16);
	CHECK_EQ(frame_rc(), -EPROTO);
	memset(&frame.payload, 0xff, 16);
	CHECK_EQ(frame_rc(), -EPROTO);
	for (unsigned int i = 0; i < 16; i++) {
		memset(&frame.payload, 0, 16);
		frame.payload.uuid.bytes[i] = 0x01;
		CHECK_EQ(frame_rc(), 0);
		memset(&frame.payload, 0xff, 16);
		frame.payload.uuid.bytes[i] = 0xfe;
		CHECK_EQ(frame_rc(), 0);
	}
}

VU_TEST(msg_payload, uuid_is_neither_nil_nor_all_ones)
{
	rows_each(row_uuid);
}

VU_TEST(msg_payload, device_state_transfer)
{
	const struct { uint32_t direction, phase; int rc; } values[] = {
		{ 0, 0, 0 }, { 1, 0, 0 }, { 2, 0, -EPROTO }, { 0, 1, -EPROTO }, { 1, 1, -EPROTO },
		{ 0x100000, 0, -EPROTO }, { 0, 0x80000000, -EPROTO },
	};

	front_fill(VHOST_USER_SET_DEVICE_STATE_FD);
	for (unsigned int i = 0; i < RTE_DIM(values); i++) {
		frame.payload.transfer.direction = values[i].direction;
		frame.payload.transfer.phase = values[i].phase;
		CHECK_EQ(frame_rc(), values[i].rc);
	}
}

static void
mmap_check(uint32_t request, bool is_map)
{
	struct vhost_user_mmap *map = &frame.payload.mmap;

	msg_frame_fill(VU_STREAM_BACKEND_REQUESTS, request);
	map->flags = 1;
	CHECK_EQ(frame_rc(), 0);
	for (unsigned int bit = 1; bit < 64; bit++) {
		map->flags = RTE_BIT64(bit);
		CHECK_EQ(frame_rc(), is_map ? -EPROTO : 0);
	}
	map->flags = 0;
	map->shm_offset = UINT64_MAX - 0xfff;
	CHECK_EQ(frame_rc(), -EPROTO);
	map->shm_offset = 0;
	map->fd_offset = UINT64_MAX - 0xfff;
	CHECK_EQ(frame_rc(), is_map ? -EPROTO : 0);
	map->fd_offset = 0;
	map->len = 0;
	CHECK_EQ(frame_rc(), -EPROTO);
}

VU_TEST(msg_payload, shmem_map_and_unmap)
{
	mmap_check(VHOST_USER_BACKEND_SHMEM_MAP, true);
	mmap_check(VHOST_USER_BACKEND_SHMEM_UNMAP, false);
}
