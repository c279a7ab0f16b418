/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the specification wants, from the request's row, what the device offers, and the state of
 * the session; see conformance.h. Knows nothing of how the back-end does it.
 */
#include "conformance.h"
#include "expect.h"

#include <rte_bitops.h>

#include "vu_virtio.h"

#define PROTOCOL(bit) RTE_BIT64(VHOST_USER_PROTOCOL_F_##bit)

uint64_t
conf_rule_without(uint64_t without)
{
	static const struct {
		uint64_t feature;
		uint64_t needs;
	} rules[] = {
		{ PROTOCOL(GET_VRING_BASE_INFLIGHT), PROTOCOL(INFLIGHT_SHMFD) },
		{ PROTOCOL(GET_VRING_BASE_SKIP_DRAIN), PROTOCOL(GET_VRING_BASE_INFLIGHT) },
		{ PROTOCOL(INBAND_NOTIFICATIONS), PROTOCOL(REPLY_ACK) | PROTOCOL(BACKEND_REQ) },
	};

	for (unsigned int i = 0; i < RTE_DIM(rules); i++)
		if ((without & rules[i].needs) != 0)
			without |= rules[i].feature;
	return without;
}

uint64_t
conf_rule_acked(const struct conf_facts *facts, const struct conf_case *test)
{
	/* In force from the very request on. */
	if (test->frame.header.request == VHOST_USER_SET_PROTOCOL_FEATURES &&
			test->flaw == CONF_SOUND)
		return conf_rule_protocol_features(facts);
	if (test->state == CONF_STATE_FRESH)
		return 0;
	return conf_rule_protocol_features(facts) & ~test->without;
}

uint64_t
conf_rule_protocol_features(const struct conf_facts *facts)
{
	/* Its user addresses are its own. */
	return facts->protocol_features & ~PROTOCOL(GPA_ADDRESSES);
}

uint64_t
conf_rule_features(const struct conf_facts *facts)
{
	/* The front-end of this test has split rings, no IOMMU, and migrates nothing. */
	return facts->features & ~(RTE_BIT64(VIRTIO_F_RING_PACKED) |
		RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM) | RTE_BIT64(VHOST_F_LOG_ALL));
}

unsigned int
conf_rule_fd_kinds(uint32_t request)
{
	switch (request) {
	case VHOST_USER_SET_MEM_TABLE:
	case VHOST_USER_ADD_MEM_REG:
	case VHOST_USER_SET_LOG_BASE:
	case VHOST_USER_SET_INFLIGHT_FD:
		return RTE_BIT32(CONF_KIND_FILE);
	/* A data lcore writes to these: doc/decision/0006. */
	case VHOST_USER_SET_VRING_KICK:
	case VHOST_USER_SET_VRING_CALL:
	case VHOST_USER_SET_VRING_ERR:
		return RTE_BIT32(CONF_KIND_EVENT);
	case VHOST_USER_SET_BACKEND_REQ_FD:
	case VHOST_USER_GPU_SET_SOCKET:
		return RTE_BIT32(CONF_KIND_SOCKET);
	default:
		return RTE_BIT32(CONF_NB_KINDS) - 1;
	}
}

/* Gate of the row, and for requests without one whether the device can do it at all. */
static bool
rule_is_negotiated(const struct conf_facts *facts, const struct vu_msg_spec *spec,
	uint64_t features, uint64_t protocol_acked)
{
	switch (spec->request) {
	case VHOST_USER_GPU_SET_SOCKET:
		return facts->has_gpu;
	case VHOST_USER_SET_LOG_BASE:
	case VHOST_USER_SET_LOG_FD:
		return (facts->features & RTE_BIT64(VHOST_F_LOG_ALL)) != 0;
	default:
		return vu_msg_is_allowed(spec, facts->features, features, protocol_acked);
	}
}

static bool
rule_is_legal_state(const struct conf_case *test, const struct vu_msg_spec *spec)
{
	switch (spec->request) {
	case VHOST_USER_SET_VRING_NUM:
	case VHOST_USER_SET_VRING_BASE:
	case VHOST_USER_SET_VRING_ENDIAN:
	case VHOST_USER_SET_DEVICE_STATE_FD:
		return test->state != CONF_STATE_RUNNING;
	case VHOST_USER_POSTCOPY_LISTEN:
	case VHOST_USER_POSTCOPY_END:
		return false;
	default:
		return true;
	}
}

/* Requests whose own reply can say "failed". */
static bool
rule_can_refuse(uint32_t request)
{
	switch (request) {
	case VHOST_USER_IOTLB_MSG:
	case VHOST_USER_GET_CONFIG:
	case VHOST_USER_CREATE_CRYPTO_SESSION:
	case VHOST_USER_POSTCOPY_END:
	case VHOST_USER_GET_SHARED_OBJECT:
	case VHOST_USER_SET_DEVICE_STATE_FD:
	case VHOST_USER_CHECK_DEVICE_STATE:
		return true;
	default:
		return false;
	}
}

static enum conf_result
rule_accept(const struct vu_msg_spec *spec, uint64_t protocol_acked, bool can_ack)
{
	if (spec->reply == VU_REPLY_ALWAYS)
		return CONF_REPLY;
	if (spec->request == VHOST_USER_SET_LOG_BASE && (protocol_acked & PROTOCOL(LOG_SHMFD)) != 0)
		return CONF_REPLY;
	return can_ack ? CONF_ACK : CONF_QUIET;
}

static enum conf_result
rule_refuse(const struct vu_msg_spec *spec, bool is_negotiated, bool can_ack)
{
	if (is_negotiated && rule_can_refuse(spec->request))
		return CONF_REFUSAL;
	/* In place of a reply the front-end would take it for that. */
	return can_ack && spec->reply != VU_REPLY_ALWAYS ? CONF_FAIL : CONF_END;
}

enum conf_result
conf_rule(const struct conf_facts *facts, const struct conf_case *test, bool need_reply)
{
	const struct vu_msg_spec *spec = vu_msg_spec(test->frame.header.request);
	uint64_t acked = conf_rule_acked(facts, test);
	uint64_t features = test->state == CONF_STATE_FRESH ? 0 : conf_rule_features(facts);
	bool can_ack = need_reply && (acked & PROTOCOL(REPLY_ACK)) != 0;
	bool is_negotiated;

	if (test->flaw == CONF_MALFORMED || test->flaw == CONF_CUT)
		return CONF_END;
	if (spec == NULL)
		return can_ack ? CONF_FAIL : CONF_END;
	is_negotiated = rule_is_negotiated(facts, spec, features, acked);
	if (is_negotiated && test->flaw == CONF_SOUND && rule_is_legal_state(test, spec))
		return rule_accept(spec, acked, can_ack);
	return rule_refuse(spec, is_negotiated, can_ack);
}

static bool
reply_has_failed(const struct vu_msg *reply)
{
	switch (reply->request) {
	case VHOST_USER_GET_CONFIG:
		return reply->size <= VHOST_USER_CONFIG_HEADER_BYTES;
	case VHOST_USER_CREATE_CRYPTO_SESSION:
		return (reply->payload.bytes[reply->size - 1] & 0x80) != 0;
	case VHOST_USER_GET_SHARED_OBJECT:
		return reply->nb_fds == 0;
	case VHOST_USER_SET_DEVICE_STATE_FD:
		return (reply->payload.u64 & 0xff) != 0;
	case VHOST_USER_IOTLB_MSG:
	case VHOST_USER_POSTCOPY_END:
	case VHOST_USER_CHECK_DEVICE_STATE:
		return reply->payload.u64 != 0;
	default:
		return false;
	}
}

enum conf_result
conf_rule_reply_kind(const struct vu_msg *reply)
{
	const struct vu_msg_spec *spec = vu_msg_spec(reply->request);

	if (spec != NULL && spec->reply == VU_REPLY_ALWAYS)
		return reply_has_failed(reply) ? CONF_REFUSAL : CONF_REPLY;
	/* An echo of the request. */
	if (reply->request == VHOST_USER_SET_LOG_BASE && reply->size != sizeof(uint64_t))
		return CONF_REPLY;
	if (reply->size != sizeof(uint64_t))
		return CONF_BROKEN;
	return reply->payload.u64 == 0 ? CONF_ACK : CONF_FAIL;
}
