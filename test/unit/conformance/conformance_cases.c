/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The cases that every request goes through, whatever its payload: states, sizes, fds,
 * header, cuts, negotiation; see conformance.h. Illegal values are in conformance_values.c.
 */
#include "conformance.h"

#include <string.h>

#include <rte_bitops.h>

#define FLAG_RESERVED 0x10u

/* A right frame in the state in which most requests are right. */
static void
case_begin(const struct conf_bench *bench, uint32_t request, struct conf_case *test)
{
	*test = (struct conf_case){ .state = CONF_STATE_MEMORY };
	conf_frame_fill(bench, request, &test->frame);
}

static size_t
frame_bytes(const struct conf_frame *frame)
{
	return sizeof(frame->header) + frame->header.size;
}

/* ---- right frames ---- */

static void
run_states(struct conf_bench *bench, uint32_t request)
{
	static const struct {
		enum conf_column column;
		enum conf_state state;
	} states[] = {
		{ CONF_VALID, CONF_STATE_MEMORY },
		{ CONF_BEFORE_FEATURES, CONF_STATE_FRESH },
		{ CONF_BEFORE_MEMORY, CONF_STATE_NEGOTIATED },
		{ CONF_WHILE_RUNNING, CONF_STATE_RUNNING },
		{ CONF_AFTER_STOP, CONF_STATE_STOPPED },
	};
	struct conf_case test;

	case_begin(bench, request, &test);
	for (unsigned int i = 0; i < RTE_DIM(states); i++) {
		test.column = states[i].column;
		test.state = states[i].state;
		conf_bench_run(bench, &test);
	}
}

/* The largest frame that is right: eight regions, the whole configuration space, all bytes. */
static void
run_maximum(struct conf_bench *bench, uint32_t request)
{
	const struct vu_msg_spec *spec = vu_msg_spec(request);
	struct conf_case test;

	if (spec == NULL || spec->shape.len_min == spec->shape.len_max)
		return;
	case_begin(bench, request, &test);
	test.column = CONF_MAXIMUM;
	test.frame.header.size = spec->shape.len_max;
	if (spec->payload == VU_PAYLOAD_CONFIG) {
		test.frame.header.size = VHOST_USER_CONFIG_HEADER_BYTES + bench->facts.config_bytes;
		test.frame.payload.config.size = bench->facts.config_bytes;
	}
	if (spec->payload == VU_PAYLOAD_MEM_TABLE) {
		struct vhost_user_mem_table *table = &test.frame.payload.mem_table;

		table->nb_regions = VHOST_USER_MAX_REGIONS;
		for (uint32_t i = 0; i < VHOST_USER_MAX_REGIONS; i++) {
			table->regions[i] = session_region(0, SESSION_MEM_BYTES);
			table->regions[i].gpa += i * SESSION_MEM_BYTES;
			table->regions[i].uva += i * SESSION_MEM_BYTES;
		}
		test.frame.nb_fds = VHOST_USER_MAX_REGIONS;
	}
	conf_bench_run(bench, &test);
}

/* The frame arrives in two pieces, for every byte. */
static void
run_split(struct conf_bench *bench, uint32_t request)
{
	struct conf_case test;

	case_begin(bench, request, &test);
	test.column = CONF_SPLIT;
	for (size_t at = 1; at < frame_bytes(&test.frame); at++) {
		test.frame.pause_at = at;
		conf_bench_run(bench, &test);
	}
}

/* ---- frames that end early, or are marked wrongly ---- */

static void
run_cuts(struct conf_bench *bench, uint32_t request)
{
	struct conf_case test;

	case_begin(bench, request, &test);
	test.flaw = CONF_CUT;
	test.frame.is_cut = true;
	for (size_t at = 1; at < frame_bytes(&test.frame); at++) {
		test.column = at < sizeof(test.frame.header) ? CONF_CUT_HEADER : CONF_CUT_PAYLOAD;
		test.frame.pause_at = at;
		conf_bench_run(bench, &test);
	}
}

static void
run_header_flags(struct conf_bench *bench, uint32_t request)
{
	static const struct {
		enum conf_column column;
		uint32_t flags;
	} wrong[] = {
		{ CONF_VERSION_0, 0 },
		{ CONF_VERSION_2, 2 },
		{ CONF_VERSION_2, 3 },
		{ CONF_REPLY_FLAG, VHOST_USER_VERSION | VHOST_USER_REPLY_MASK },
		{ CONF_RESERVED_FLAG, VHOST_USER_VERSION | FLAG_RESERVED },
		{ CONF_RESERVED_FLAG, VHOST_USER_VERSION | RTE_BIT32(31) },
	};
	struct conf_case test;

	case_begin(bench, request, &test);
	test.flaw = CONF_MALFORMED;
	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		test.column = wrong[i].column;
		test.frame.header.flags = wrong[i].flags;
		conf_bench_run(bench, &test);
	}
}

/* ---- sizes ---- */

static void
run_size(struct conf_bench *bench, uint32_t request, enum conf_column column, uint32_t size)
{
	struct conf_case test;

	case_begin(bench, request, &test);
	test.column = column;
	test.flaw = CONF_MALFORMED;
	test.frame.header.size = size;
	conf_bench_run(bench, &test);
}

static void
run_sizes(struct conf_bench *bench, uint32_t request)
{
	const struct vu_msg_spec *spec = vu_msg_spec(request);
	const struct vu_msg_shape *shape;

	run_size(bench, request, CONF_SIZE_BEYOND, VU_MAX_MSG_BYTES + 1);
	run_size(bench, request, CONF_SIZE_BEYOND, RTE_BIT32(31));
	run_size(bench, request, CONF_SIZE_BEYOND, UINT32_MAX);
	if (spec == NULL)
		return;
	shape = &spec->shape;
	if (shape->len_min > 0) {
		run_size(bench, request, CONF_SIZE_ZERO, 0);
		run_size(bench, request, CONF_SIZE_SMALL, shape->len_min - 1);
	}
	if (shape->len_max < VU_MAX_MSG_BYTES) {
		run_size(bench, request, CONF_SIZE_LARGE, shape->len_max + 1);
		run_size(bench, request, CONF_SIZE_MOST, VU_MAX_MSG_BYTES);
	}
	if (shape->len_step <= 1)
		return;
	for (uint32_t size = shape->len_min + 1; size < shape->len_max; size++)
		if ((size - shape->len_min) % shape->len_step != 0)
			run_size(bench, request, CONF_SIZE_BETWEEN, size);
}

/* ---- fds ---- */

static void
run_nb_fds(struct conf_bench *bench, uint32_t request, enum conf_column column,
	unsigned int nb_fds)
{
	struct conf_case test;

	case_begin(bench, request, &test);
	test.column = column;
	test.flaw = CONF_MALFORMED;
	test.frame.nb_fds = nb_fds;
	conf_bench_run(bench, &test);
}

/* Fds that come with any byte but the first. */
static void
run_late_fds(struct conf_bench *bench, uint32_t request)
{
	struct conf_case test;

	case_begin(bench, request, &test);
	test.column = CONF_FDS_LATE;
	test.flaw = CONF_MALFORMED;
	test.frame.nb_fds = RTE_MAX(test.frame.nb_fds, 1U);
	for (size_t at = 1; at < frame_bytes(&test.frame); at++) {
		test.frame.fds_at = at;
		conf_bench_run(bench, &test);
	}
}

static void
run_fd_kinds(struct conf_bench *bench, uint32_t request)
{
	struct conf_case test;

	case_begin(bench, request, &test);
	if (vu_msg_spec(request)->shape.fds_max == 0)
		return;
	/* Optional, but here it comes. */
	test.frame.nb_fds = RTE_MAX(test.frame.nb_fds, 1U);
	for (unsigned int kind = 0; kind < CONF_NB_KINDS; kind++) {
		test.column = (enum conf_column)(CONF_FD_EVENT + kind);
		test.flaw = (conf_rule_fd_kinds(request) & RTE_BIT32(kind)) != 0 ? CONF_SOUND :
			CONF_ILLEGAL;
		for (unsigned int i = 0; i < CONF_MAX_FDS; i++)
			test.frame.fds[i] = bench->fds[kind];
		conf_bench_run(bench, &test);
	}
}

static void
run_fds(struct conf_bench *bench, uint32_t request)
{
	const struct vu_msg_spec *spec = vu_msg_spec(request);
	struct conf_case test;

	run_nb_fds(bench, request, CONF_FDS_NINE, VU_MAX_MSG_FDS + 1);
	run_late_fds(bench, request);
	if (spec == NULL)
		return;
	case_begin(bench, request, &test);
	/* One per region: what is too many depends on the frame. */
	run_nb_fds(bench, request, CONF_FDS_MANY, test.frame.nb_fds == 0 ?
		spec->shape.fds_max + 1U : test.frame.nb_fds + 1U);
	if (spec->shape.fds_min != 0 || spec->payload == VU_PAYLOAD_VRING_FD)
		run_nb_fds(bench, request, CONF_FDS_FEW, test.frame.nb_fds - 1);
	run_fd_kinds(bench, request);
	if (spec->payload != VU_PAYLOAD_VRING_FD)
		return;
	/* "No fd attached", and one is. */
	test.column = CONF_FDS_MANY;
	test.flaw = CONF_MALFORMED;
	test.frame.payload.u64 |= VHOST_USER_VRING_NOFD_MASK;
	conf_bench_run(bench, &test);
	test.column = CONF_VALID;
	test.flaw = CONF_SOUND;
	test.frame.nb_fds = 0;
	conf_bench_run(bench, &test);
}

/* ---- negotiation ---- */

static void
run_without(struct conf_bench *bench, uint32_t request)
{
	const struct vu_msg_spec *spec = vu_msg_spec(request);
	uint64_t needed = spec != NULL ? spec->protocol_features : 0;
	struct conf_case test;

	case_begin(bench, request, &test);
	test.column = CONF_WITHOUT_ALL;
	test.without = UINT64_MAX;
	conf_bench_run(bench, &test);
	test.column = CONF_WITHOUT_ONE;
	for (unsigned int bit = 0; bit < VHOST_USER_NB_PROTOCOL_FEATURES; bit++) {
		if ((needed & bench->facts.protocol_features & RTE_BIT64(bit)) == 0)
			continue;
		test.without = conf_rule_without(RTE_BIT64(bit));
		conf_bench_run(bench, &test);
	}
}

void
conf_cases_run(struct conf_bench *bench, uint32_t request)
{
	run_states(bench, request);
	run_maximum(bench, request);
	run_split(bench, request);
	run_cuts(bench, request);
	run_header_flags(bench, request);
	run_sizes(bench, request);
	run_fds(bench, request);
	run_without(bench, request);
	conf_values_run(bench, request);
}
