/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Back-ends that answer wrongly: each wrong answer to each request ends the connection and nothing
 * else. The leak check around each case sees fds and mappings.
 */
#include "expect.h"
#include "scripted_backend.h"

#include <errno.h>

#include <rte_common.h>

struct hostile_case {
	struct scripted_backend script;
	struct vu_frontend *fe;
	unsigned int nb_up;
	unsigned int nb_down;
	int reason;
};

static void
case_up(void *arg)
{
	((struct hostile_case *)arg)->nb_up++;
}

static void
case_down(void *arg, int reason)
{
	struct hostile_case *hostile = arg;

	hostile->nb_down++;
	hostile->reason = reason;
}

static const struct vu_frontend_events case_events = { .up = case_up, .down = case_down };

static void
case_open(struct hostile_case *hostile, uint32_t reply_ms)
{
	struct vu_frontend_conf conf = {
		.name = "hostile", .mode = VU_FRONTEND_FD, .nb_queues = 2, .queue_size = 8,
		.reply_ms = reply_ms, .events = &case_events, .arg = hostile,
	};

	script_start(&hostile->script);
	conf.fd = hostile->script.fd;
	hostile->fe = vu_frontend_open(&conf);
	CHECK(hostile->fe != NULL);
}

static void
case_close(struct hostile_case *hostile)
{
	vu_frontend_close(hostile->fe);
	script_stop(&hostile->script);
}

/* Everything a front-end says of its own accord, then what is asked for. */
static void
case_play(struct hostile_case *hostile)
{
	struct vu_frontend *fe = hostile->fe;
	uint8_t bytes[8];

	vu_frontend_start(fe, 0);
	vu_frontend_wait(fe, EXPECT_WAIT_MS);
	vu_frontend_config_get(fe, 0, bytes, sizeof(bytes));
	vu_frontend_config_set(fe, 0, bytes, sizeof(bytes));
	vu_frontend_status_get(fe, bytes);
	vu_frontend_stop(fe);
	vu_frontend_reset(fe);
	/* A second answer is found when nobody waits for one. */
	vu_frontend_turn(fe, hostile->nb_down == 0 ? 100 : 0);
}

static const uint32_t requests[] = {
	VHOST_USER_GET_FEATURES, VHOST_USER_GET_PROTOCOL_FEATURES, VHOST_USER_GET_QUEUE_NUM,
	VHOST_USER_SET_BACKEND_REQ_FD, VHOST_USER_SET_OWNER, VHOST_USER_SET_FEATURES,
	VHOST_USER_SET_STATUS, VHOST_USER_GET_MAX_MEM_SLOTS, VHOST_USER_ADD_MEM_REG,
	VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE, VHOST_USER_SET_VRING_ADDR,
	VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_ENABLE,
	VHOST_USER_GET_VRING_BASE, VHOST_USER_GET_CONFIG, VHOST_USER_SET_CONFIG,
	VHOST_USER_GET_STATUS, VHOST_USER_RESET_DEVICE,
};

static void
check_fault(uint32_t request, enum script_fault fault)
{
	struct hostile_case hostile = { .script = { .fault_at = request, .fault = fault } };

	case_open(&hostile, fault == SCRIPT_SILENT ? 20 : EXPECT_WAIT_MS);
	case_play(&hostile);
	if (hostile.nb_down != 1)
		printf("request %u, fault %d: down %u times\n", request, fault, hostile.nb_down);
	CHECK_EQ(hostile.nb_down, 1);
	CHECK(hostile.reason < 0);
	if (fault == SCRIPT_SILENT)
		CHECK_EQ(hostile.reason, -ETIMEDOUT);
	CHECK(!vu_frontend_is_up(hostile.fe));
	CHECK_EQ(vu_frontend_wait(hostile.fe, 1), -ENOTCONN);
	case_close(&hostile);
}

VU_TEST(frontend_hostile, every_wrong_answer_ends_the_connection)
{
	for (unsigned int i = 0; i < RTE_DIM(requests); i++)
		for (int fault = SCRIPT_WRONG_ID; fault < SCRIPT_NB_FATAL; fault++)
			check_fault(requests[i], fault);
}

VU_TEST(frontend_hostile, a_good_back_end_passes_the_same_play)
{
	struct hostile_case hostile = { 0 };

	case_open(&hostile, EXPECT_WAIT_MS);
	case_play(&hostile);
	CHECK_EQ(hostile.nb_up, 1);
	CHECK_EQ(hostile.nb_down, 0);
	CHECK(vu_load(&hostile.script.nb_requests) > RTE_DIM(requests));
	case_close(&hostile);
}

VU_TEST(frontend_hostile, a_refusal_is_no_reason_to_part)
{
	static const uint32_t refusable[] = {
		VHOST_USER_SET_CONFIG, VHOST_USER_GET_CONFIG, VHOST_USER_RESET_DEVICE,
	};

	for (unsigned int i = 0; i < RTE_DIM(refusable); i++) {
		struct hostile_case hostile = {
			.script = { .fault_at = refusable[i], .fault = SCRIPT_REFUSE },
		};
		uint8_t byte = 0;
		int rc[3];

		case_open(&hostile, EXPECT_WAIT_MS);
		CHECK_EQ(vu_frontend_wait(hostile.fe, EXPECT_WAIT_MS), 0);
		rc[0] = vu_frontend_config_set(hostile.fe, 0, &byte, 1);
		rc[1] = vu_frontend_config_get(hostile.fe, 0, &byte, 1);
		rc[2] = vu_frontend_reset(hostile.fe);
		for (unsigned int j = 0; j < 3; j++)
			CHECK_EQ(rc[j], i == j ? -EREMOTEIO : 0);
		CHECK(vu_frontend_is_up(hostile.fe));
		CHECK_EQ(hostile.nb_down, 0);
		case_close(&hostile);
	}
}

VU_TEST(frontend_hostile, a_refusal_during_negotiation_is)
{
	static const uint32_t needed[] = {
		VHOST_USER_SET_FEATURES, VHOST_USER_ADD_MEM_REG, VHOST_USER_SET_VRING_ADDR,
		VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_ENABLE,
	};

	for (unsigned int i = 0; i < RTE_DIM(needed); i++) {
		struct hostile_case hostile = {
			.script = { .fault_at = needed[i], .fault = SCRIPT_REFUSE },
		};

		case_open(&hostile, EXPECT_WAIT_MS);
		CHECK_EQ(vu_frontend_start(hostile.fe, 0), 0);
		CHECK_EQ(vu_frontend_wait(hostile.fe, EXPECT_WAIT_MS), -ENOTCONN);
		CHECK_EQ(hostile.nb_up, 0);
		case_close(&hostile);
	}
}

VU_TEST(frontend_hostile, answers_to_other_questions_are_noticed)
{
	static const uint32_t checked[] = {
		VHOST_USER_GET_VRING_BASE, VHOST_USER_GET_CONFIG, VHOST_USER_GET_STATUS,
	};

	for (unsigned int i = 0; i < RTE_DIM(checked); i++)
		check_fault(checked[i], SCRIPT_WRONG_VALUE);
	/* An answer that has its place elsewhere is no acknowledgement. */
	check_fault(VHOST_USER_ADD_MEM_REG, SCRIPT_REGION);
}

VU_TEST(frontend_hostile, a_refused_start_can_be_repeated)
{
	struct hostile_case hostile = {
		.script = { .fault_at = VHOST_USER_SET_VRING_ADDR, .fault = SCRIPT_REFUSE },
	};

	case_open(&hostile, EXPECT_WAIT_MS);
	CHECK_EQ(vu_frontend_wait(hostile.fe, EXPECT_WAIT_MS), 0);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(vu_frontend_start(hostile.fe, 0), -EREMOTEIO);
	CHECK(vu_frontend_is_up(hostile.fe));
	CHECK_EQ(hostile.nb_down, 0);
	case_close(&hostile);
}

/* Offers that make no sense together are not taken up. */
VU_TEST(frontend_hostile, in_band_needs_its_companions)
{
	struct hostile_case hostile = { .script.protocol_features =
		RTE_BIT64(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ) };
	struct vu_frontend_conf conf = {
		.mode = VU_FRONTEND_FD, .nb_queues = 1, .protocol_features = UINT64_MAX,
	};

	script_start(&hostile.script);
	conf.fd = hostile.script.fd;
	hostile.fe = vu_frontend_open(&conf);
	CHECK_EQ(vu_frontend_wait(hostile.fe, EXPECT_WAIT_MS), 0);
	CHECK_EQ(vu_frontend_protocol_features(hostile.fe),
		RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ));
	case_close(&hostile);
}
