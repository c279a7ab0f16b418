/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Illegal values of the fields of each request's payload, among them those whose low bits alone
 * would be legal; see conformance.h.
 */
#include "conformance.h"

#include <string.h>

#include <rte_bitops.h>

#define NOT_IN_MEMORY UINT64_C(0x1000)

/* A right frame, to be spoiled by the caller. */
static struct conf_case *
value_begin(const struct conf_bench *bench, uint32_t request, struct conf_case *test)
{
	*test = (struct conf_case){
		.column = CONF_VALUE, .flaw = CONF_ILLEGAL, .state = CONF_STATE_MEMORY,
	};
	conf_frame_fill(bench, request, &test->frame);
	return test;
}

/* ---- ring indices ---- */

static void
run_index(struct conf_bench *bench, uint32_t request, enum conf_column column, uint64_t index)
{
	const struct vu_msg_spec *spec = vu_msg_spec(request);
	struct conf_case test;

	value_begin(bench, request, &test);
	test.column = column;
	if (spec->payload == VU_PAYLOAD_VRING_FD)
		test.frame.payload.u64 = index;
	else if (spec->payload == VU_PAYLOAD_VRING_ADDR)
		test.frame.payload.addr.index = (uint32_t)index;
	else
		test.frame.payload.state.index = (uint32_t)index;
	conf_bench_run(bench, &test);
}

static void
run_indices(struct conf_bench *bench, uint32_t request)
{
	const struct vu_msg_spec *spec = vu_msg_spec(request);
	const uint64_t nb_queues = vu_device_nb_queues(bench->subject.dev);
	const uint64_t wide[] = {
		RTE_BIT64(16), RTE_BIT64(16) + 1, RTE_BIT64(31), UINT32_MAX - 0x100U,
	};
	struct conf_case test;

	if (spec->payload != VU_PAYLOAD_VRING_STATE && spec->payload != VU_PAYLOAD_VRING_ADDR &&
			spec->payload != VU_PAYLOAD_VRING_FD)
		return;
	run_index(bench, request, CONF_INDEX, nb_queues);
	run_index(bench, request, CONF_INDEX, VHOST_USER_VRING_IDX_MASK);
	for (unsigned int i = 0; i < RTE_DIM(wide); i++)
		run_index(bench, request, CONF_INDEX_32, wide[i]);
	if (spec->payload != VU_PAYLOAD_VRING_FD) {
		run_index(bench, request, CONF_INDEX_32, RTE_BIT64(8));
		return;
	}
	/* A bit that means nothing, beyond 32 bits too; and an index without an fd. */
	run_index(bench, request, CONF_INDEX_32, RTE_BIT64(9));
	run_index(bench, request, CONF_INDEX_32, RTE_BIT64(32));
	value_begin(bench, request, &test);
	test.column = CONF_INDEX;
	test.frame.payload.u64 = nb_queues | VHOST_USER_VRING_NOFD_MASK;
	test.frame.nb_fds = 0;
	conf_bench_run(bench, &test);
}

/* ---- numbers ---- */

static const struct {
	uint32_t request;
	uint64_t value; /* U64, or num of a VRING_STATE */
} wrong_numbers[] = {
	{ VHOST_USER_SET_FEATURES, RTE_BIT64(63) },
	{ VHOST_USER_SET_FEATURES, UINT64_MAX },
	{ VHOST_USER_SET_PROTOCOL_FEATURES, RTE_BIT64(63) },
	{ VHOST_USER_SET_PROTOCOL_FEATURES, RTE_BIT64(VHOST_USER_NB_PROTOCOL_FEATURES) },
	{ VHOST_USER_SET_VRING_NUM, 0 },
	{ VHOST_USER_SET_VRING_NUM, 3 },
	{ VHOST_USER_SET_VRING_NUM, 2 * VU_MAX_QUEUE_SIZE },
	{ VHOST_USER_SET_VRING_NUM, RTE_BIT64(16) + SESSION_RING_SIZE },
	{ VHOST_USER_SET_VRING_NUM, UINT32_MAX },
	{ VHOST_USER_SET_VRING_BASE, RTE_BIT64(16) },
	{ VHOST_USER_SET_VRING_BASE, UINT32_MAX },
	{ VHOST_USER_SET_VRING_ENABLE, 2 },
	{ VHOST_USER_SET_VRING_ENABLE, RTE_BIT64(31) + 1 },
	{ VHOST_USER_SET_VRING_ENDIAN, 2 },
	{ VHOST_USER_SET_VRING_ENDIAN, UINT32_MAX },
	{ VHOST_USER_NET_SET_MTU, 0 },
	{ VHOST_USER_NET_SET_MTU, 67 },
	{ VHOST_USER_NET_SET_MTU, 65536 },
	{ VHOST_USER_NET_SET_MTU, RTE_BIT64(32) + 1500 },
	{ VHOST_USER_SET_STATUS, 256 },
	{ VHOST_USER_SET_STATUS, RTE_BIT64(32) },
};

static void
run_numbers(struct conf_bench *bench, uint32_t request)
{
	const struct vu_msg_spec *spec = vu_msg_spec(request);
	struct conf_case test;

	for (unsigned int i = 0; i < RTE_DIM(wrong_numbers); i++) {
		if (wrong_numbers[i].request != request)
			continue;
		value_begin(bench, request, &test);
		if (spec->payload == VU_PAYLOAD_U64)
			test.frame.payload.u64 = wrong_numbers[i].value;
		else
			test.frame.payload.state.num = (uint32_t)wrong_numbers[i].value;
		conf_bench_run(bench, &test);
	}
}

/* ---- structures ---- */

static void
run_addresses(struct conf_bench *bench, uint32_t request)
{
	struct conf_case test;
	struct vhost_user_vring_addr *addr = &test.frame.payload.addr;

	value_begin(bench, request, &test)->frame.payload.addr.descriptor += 8;
	conf_bench_run(bench, &test);
	value_begin(bench, request, &test);
	addr->available += 1;
	conf_bench_run(bench, &test);
	value_begin(bench, request, &test);
	addr->used += 2;
	conf_bench_run(bench, &test);
	value_begin(bench, request, &test);
	addr->flags = 2;
	conf_bench_run(bench, &test);
	addr->flags = RTE_BIT32(31);
	conf_bench_run(bench, &test);
}

/* Regions that no table may hold; `region` is inside `test`. */
static void
run_region(struct conf_bench *bench, struct conf_case *test,
	struct vhost_user_mem_region *region)
{
	const struct vhost_user_mem_region good = *region;
	const struct vhost_user_mem_region wrong[] = {
		{ good.gpa, 0, good.uva, 0 },
		{ UINT64_MAX - good.size + 1, good.size + 1, good.uva, 0 },
		{ good.gpa, good.size, UINT64_MAX - good.size + 2, 0 },
		{ good.gpa, UINT64_MAX, good.uva, 0 },
	};
	const struct vhost_user_mem_region unmappable[] = {
		{ good.gpa, SESSION_MEM_BYTES + 0x1000, good.uva, 0 },
		{ good.gpa, good.size, good.uva, SESSION_MEM_BYTES - good.size + 0x1000 },
		{ good.gpa, good.size, good.uva, UINT64_MAX - good.size + 2 },
		{ good.gpa, good.size, good.uva, UINT64_MAX - 0xfff },
	};

	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		*region = wrong[i];
		conf_bench_run(bench, test);
	}
	/* To remove a region, its place in the file means nothing. */
	if (test->frame.header.request == VHOST_USER_REM_MEM_REG)
		return;
	for (unsigned int i = 0; i < RTE_DIM(unmappable); i++) {
		*region = unmappable[i];
		conf_bench_run(bench, test);
	}
}

static void
run_mem_table(struct conf_bench *bench, uint32_t request)
{
	struct conf_case test;
	struct vhost_user_mem_table *table = &test.frame.payload.mem_table;

	value_begin(bench, request, &test);
	run_region(bench, &test, &table->regions[0]);
	value_begin(bench, request, &test);
	table->nb_regions = 0;
	conf_bench_run(bench, &test);
	table->nb_regions = VHOST_USER_MAX_REGIONS + 1;
	conf_bench_run(bench, &test);
	table->nb_regions = UINT32_MAX;
	conf_bench_run(bench, &test);
	/* Two regions in the same place, by guest address and by user address. */
	value_begin(bench, request, &test);
	table->nb_regions = 2;
	table->regions[1] = table->regions[0];
	table->regions[1].gpa += 2 * SESSION_MEM_BYTES;
	test.frame.nb_fds = 2;
	test.frame.header.size += VHOST_USER_MEM_REGION_BYTES;
	conf_bench_run(bench, &test);
	table->regions[1].gpa = table->regions[0].gpa + SESSION_MEM_BYTES - 1;
	table->regions[1].uva += 2 * SESSION_MEM_BYTES;
	conf_bench_run(bench, &test);
	/* A number of regions that the frame does not have room for. */
	value_begin(bench, request, &test);
	test.flaw = CONF_MALFORMED;
	table->nb_regions = 2;
	conf_bench_run(bench, &test);
	test.frame.nb_fds = 2;
	conf_bench_run(bench, &test);
}

static void
run_mem_reg(struct conf_bench *bench, uint32_t request)
{
	struct conf_case test;
	struct vhost_user_mem_region *region = &test.frame.payload.mem_reg.region;

	value_begin(bench, request, &test);
	run_region(bench, &test, region);
	value_begin(bench, request, &test);
	if (request == VHOST_USER_ADD_MEM_REG) {
		region->gpa = SESSION_GPA + SESSION_MEM_BYTES - 1;
		conf_bench_run(bench, &test);
		value_begin(bench, request, &test);
		region->uva = SESSION_UVA + SESSION_MEM_BYTES - 1;
		conf_bench_run(bench, &test);
		return;
	}
	/* Not there, which QEMU 7.2 makes an everyday thing: it sends this once per queue pair. */
	test.column = CONF_VALID;
	test.flaw = CONF_SOUND;
	region->gpa -= NOT_IN_MEMORY;
	conf_bench_run(bench, &test);
}

static void
run_config(struct conf_bench *bench, uint32_t request)
{
	struct conf_case test;
	struct vhost_user_config *config = &test.frame.payload.config;

	value_begin(bench, request, &test);
	config->offset = VHOST_USER_CONFIG_SPACE_BYTES - config->size + 1;
	conf_bench_run(bench, &test);
	config->offset = UINT32_MAX - config->size + 1;
	conf_bench_run(bench, &test);
	value_begin(bench, request, &test);
	config->flags = VHOST_USER_CONFIG_MIGRATION + 1;
	conf_bench_run(bench, &test);
	value_begin(bench, request, &test);
	config->size = VHOST_USER_CONFIG_MAX_BYTES;
	test.frame.header.size = VU_MAX_MSG_BYTES;
	conf_bench_run(bench, &test);
	value_begin(bench, request, &test);
	test.flaw = CONF_MALFORMED;
	config->size++;
	conf_bench_run(bench, &test);
	config->size = UINT32_MAX;
	conf_bench_run(bench, &test);
	config->size = 0;
	conf_bench_run(bench, &test);
}

static void
run_log(struct conf_bench *bench, uint32_t request)
{
	struct conf_case test;

	value_begin(bench, request, &test)->frame.payload.log.offset = UINT64_MAX;
	conf_bench_run(bench, &test);
	value_begin(bench, request, &test)->frame.payload.log.size = 0;
	conf_bench_run(bench, &test);
	/* The old form has no memory that an fd could be for. */
	value_begin(bench, request, &test)->frame.header.size = sizeof(uint64_t);
	test.flaw = CONF_MALFORMED;
	conf_bench_run(bench, &test);
}

static void
run_iotlb(struct conf_bench *bench, uint32_t request)
{
	static const uint8_t wrong_types[] = { 0, VHOST_USER_IOTLB_MISS, 5, 32, 255 };
	struct conf_case test;
	struct vhost_user_iotlb *iotlb = &test.frame.payload.iotlb;

	for (unsigned int i = 0; i < RTE_DIM(wrong_types); i++) {
		value_begin(bench, request, &test);
		iotlb->type = wrong_types[i];
		conf_bench_run(bench, &test);
	}
	value_begin(bench, request, &test);
	iotlb->perm = 4;
	conf_bench_run(bench, &test);
	value_begin(bench, request, &test);
	iotlb->iova = UINT64_MAX;
	conf_bench_run(bench, &test);
}

static void
run_inflight(struct conf_bench *bench, uint32_t request)
{
	struct conf_case test;
	struct vhost_user_inflight *inflight = &test.frame.payload.inflight;

	value_begin(bench, request, &test);
	inflight->nb_queues = 0;
	conf_bench_run(bench, &test);
	inflight->nb_queues = UINT16_MAX;
	conf_bench_run(bench, &test);
	value_begin(bench, request, &test);
	inflight->queue_size = 0;
	conf_bench_run(bench, &test);
	inflight->queue_size = UINT16_MAX;
	conf_bench_run(bench, &test);
	if (request != VHOST_USER_SET_INFLIGHT_FD)
		return;
	value_begin(bench, request, &test);
	inflight->mmap_offset = UINT64_MAX;
	conf_bench_run(bench, &test);
}

static void
run_uuid(struct conf_bench *bench, uint32_t request)
{
	struct conf_case test;
	struct vhost_user_uuid *uuid = &test.frame.payload.uuid;

	value_begin(bench, request, &test);
	memset(uuid, 0, sizeof(*uuid));
	conf_bench_run(bench, &test);
	memset(uuid, 0xff, sizeof(*uuid));
	conf_bench_run(bench, &test);
}

static void
run_transfer(struct conf_bench *bench, uint32_t request)
{
	struct conf_case test;
	struct vhost_user_transfer *transfer = &test.frame.payload.transfer;

	value_begin(bench, request, &test);
	transfer->direction = VHOST_USER_TRANSFER_LOAD + 1;
	conf_bench_run(bench, &test);
	value_begin(bench, request, &test);
	transfer->phase = VHOST_USER_TRANSFER_STOPPED + 1;
	conf_bench_run(bench, &test);
}

typedef void (*run_fn)(struct conf_bench *bench, uint32_t request);

static const run_fn run_structures[VU_PAYLOAD_NB_KINDS] = {
	[VU_PAYLOAD_VRING_ADDR] = run_addresses,
	[VU_PAYLOAD_MEM_TABLE] = run_mem_table,
	[VU_PAYLOAD_MEM_REG] = run_mem_reg,
	[VU_PAYLOAD_LOG] = run_log,
	[VU_PAYLOAD_IOTLB] = run_iotlb,
	[VU_PAYLOAD_CONFIG] = run_config,
	[VU_PAYLOAD_INFLIGHT] = run_inflight,
	[VU_PAYLOAD_UUID] = run_uuid,
	[VU_PAYLOAD_TRANSFER] = run_transfer,
};

void
conf_values_run(struct conf_bench *bench, uint32_t request)
{
	const struct vu_msg_spec *spec = vu_msg_spec(request);

	if (spec == NULL)
		return;
	run_indices(bench, request);
	run_numbers(bench, request);
	if (run_structures[spec->payload] != NULL)
		run_structures[spec->payload](bench, request);
}
