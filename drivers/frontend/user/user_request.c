/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests about the device as a whole: features, status, configuration space, and everything that
 * the library has no operation for.
 */
#include "user.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_errno.h>

#include "vu_fd.h"

/* A request without payload. */
static int
do_empty(struct vu_frontend *fe, uint32_t request)
{
	struct user_frontend *user = user_of(fe);
	struct vu_reply frame;
	int rc = user_begin(user, &frame, request);

	return rc == 0 ? user_do(user, &frame) : rc;
}

static int
do_set_u64(struct vu_frontend *fe, uint32_t request, uint64_t value)
{
	struct user_frontend *user = user_of(fe);
	struct vu_reply frame;
	int rc = user_begin(user, &frame, request);

	if (rc != 0)
		return rc;
	vu_request_append_u64(&frame, value);
	return user_do(user, &frame);
}

static int
do_get_u64(struct vu_frontend *fe, uint32_t request, uint64_t *value)
{
	int rc = do_empty(fe, request);

	if (rc == 0)
		*value = user_of(fe)->reply.payload.u64;
	return rc;
}

int
user_get_features(struct vu_frontend *fe, uint64_t *features)
{
	int rc = do_get_u64(fe, VHOST_USER_GET_FEATURES, features);

	if (rc == 0)
		user_of(fe)->features_offered = *features;
	return rc;
}

int
user_set_features(struct vu_frontend *fe, uint64_t features)
{
	int rc = do_set_u64(fe, VHOST_USER_SET_FEATURES, features);

	if (rc == 0)
		user_of(fe)->features = features;
	return rc;
}

int
user_get_protocol_features(struct vu_frontend *fe, uint64_t *features)
{
	return do_get_u64(fe, VHOST_USER_GET_PROTOCOL_FEATURES, features);
}

int
user_set_protocol_features(struct vu_frontend *fe, uint64_t features)
{
	int rc = do_set_u64(fe, VHOST_USER_SET_PROTOCOL_FEATURES, features);

	/* Only now: the request itself cannot be acknowledged. */
	if (rc == 0)
		user_of(fe)->protocol_features = features;
	return rc;
}

int
user_set_owner(struct vu_frontend *fe)
{
	return do_empty(fe, VHOST_USER_SET_OWNER);
}

int
user_get_queue_num(struct vu_frontend *fe, uint32_t *nb)
{
	uint64_t value = 0;
	int rc = do_get_u64(fe, VHOST_USER_GET_QUEUE_NUM, &value);

	*nb = (uint32_t)RTE_MIN(value, (uint64_t)UINT32_MAX);
	return rc;
}

int
user_barrier(struct vu_frontend *fe)
{
	uint64_t features;
	bool has_ack = (user_of(fe)->protocol_features &
		RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0;

	/* Requests are handled in order: any answer will do. */
	return has_ack ? 0 : do_get_u64(fe, VHOST_USER_GET_FEATURES, &features);
}

/* Hand the back-end one end of a new socket. */
int
user_open_channel(struct vu_frontend *fe)
{
	struct user_frontend *user = user_of(fe);
	struct vu_reply frame;
	int rc = user_begin(user, &frame, VHOST_USER_SET_BACKEND_REQ_FD);
	int socks[2];

	if (rc != 0)
		return rc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	user->channel = vu_conn_create(socks[0], NULL);
	if (user->channel == NULL) {
		vu_fd_close(&socks[1]);
		return -rte_errno;
	}
	vu_reply_add_fd(&frame, socks[1]);
	rc = user_do(user, &frame);
	vu_fd_close(&socks[1]);
	return rc;
}

static int
config_begin(struct user_frontend *user, struct vu_reply *frame, uint32_t request,
	const struct vhost_user_config *config)
{
	int rc;

	if (config->size > sizeof(config->data))
		return -EINVAL;
	rc = user_begin(user, frame, request);
	if (rc == 0)
		vu_request_append(frame, config, VHOST_USER_CONFIG_HEADER_BYTES + config->size);
	return rc;
}

int
user_get_config(struct vu_frontend *fe, uint32_t offset, void *buf, uint32_t len)
{
	struct user_frontend *user = user_of(fe);
	const struct vhost_user_config *answer = &user->reply.payload.config;
	struct vhost_user_config config = { .offset = offset, .size = len };
	struct vu_reply frame;
	int rc = config_begin(user, &frame, VHOST_USER_GET_CONFIG, &config);

	if (rc == 0)
		rc = user_do(user, &frame);
	if (rc != 0)
		return rc;
	/* The two forms of a refusal. */
	if (user->reply.size == 0 || user->reply.size == VHOST_USER_CONFIG_HEADER_BYTES)
		return -EREMOTEIO;
	if (user->reply.size != VHOST_USER_CONFIG_HEADER_BYTES + len || answer->size != len ||
			answer->offset != offset)
		return user_fail(user, "not what was asked for");
	memcpy(buf, answer->data, len);
	return 0;
}

int
user_set_config(struct vu_frontend *fe, uint32_t offset, const void *buf, uint32_t len)
{
	struct user_frontend *user = user_of(fe);
	struct vhost_user_config config = { .offset = offset, .size = len };
	struct vu_reply frame;
	int rc;

	memcpy(config.data, buf, RTE_MIN(len, (uint32_t)sizeof(config.data)));
	rc = config_begin(user, &frame, VHOST_USER_SET_CONFIG, &config);
	return rc == 0 ? user_do(user, &frame) : rc;
}

int
user_get_status(struct vu_frontend *fe, uint8_t *status)
{
	uint64_t value;
	int rc = do_get_u64(fe, VHOST_USER_GET_STATUS, &value);

	if (rc != 0)
		return rc;
	if (value > UINT8_MAX)
		return user_fail(user_of(fe), "status above 255");
	*status = (uint8_t)value;
	return 0;
}

int
user_set_status(struct vu_frontend *fe, uint8_t status)
{
	return do_set_u64(fe, VHOST_USER_SET_STATUS, status);
}

int
user_reset(struct vu_frontend *fe)
{
	return do_empty(fe, VHOST_USER_RESET_DEVICE);
}

/* Requests about which the library keeps state of its own. */
static bool
is_reserved(uint32_t request)
{
	static const uint32_t reserved[] = {
		VHOST_USER_SET_FEATURES, VHOST_USER_SET_PROTOCOL_FEATURES,
		VHOST_USER_SET_OWNER, VHOST_USER_RESET_OWNER, VHOST_USER_SET_MEM_TABLE,
		VHOST_USER_ADD_MEM_REG, VHOST_USER_REM_MEM_REG, VHOST_USER_SET_VRING_NUM,
		VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_BASE, VHOST_USER_GET_VRING_BASE,
		VHOST_USER_GET_VRING_BASE_SKIP_DRAIN, VHOST_USER_SET_VRING_KICK,
		VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_ENABLE,
		VHOST_USER_SET_BACKEND_REQ_FD, VHOST_USER_VRING_KICK, VHOST_USER_RESET_DEVICE,
	};

	for (unsigned int i = 0; i < RTE_DIM(reserved); i++)
		if (reserved[i] == request)
			return true;
	return false;
}

static bool
call_fits(const struct vu_frontend_call *call, const struct vu_msg_shape *shape)
{
	return call->data_bytes >= shape->len_min && call->data_bytes <= shape->len_max &&
		call->nb_fds >= shape->fds_min && call->nb_fds <= shape->fds_max;
}

int
user_request(struct vu_frontend *fe, struct vu_frontend_call *call)
{
	struct user_frontend *user = user_of(fe);
	struct vu_reply frame;
	int rc;

	if (is_reserved(call->request))
		return -EPERM;
	rc = user_begin(user, &frame, call->request);
	if (rc != 0)
		return rc;
	if (!call_fits(call, &vu_msg_spec(call->request)->shape))
		return -EINVAL;
	vu_request_append(&frame, call->data, call->data_bytes);
	for (unsigned int i = 0; i < call->nb_fds && rc == 0; i++)
		rc = vu_reply_add_fd(&frame, call->fds[i]);
	if (rc == 0)
		rc = user_do(user, &frame);
	if (rc != 0)
		return rc;
	call->reply_bytes = user->reply.size;
	call->reply_fd = vu_msg_take_fd(&user->reply, 0);
	memcpy(call->reply, user->reply.payload.bytes, RTE_MIN(user->reply.size, call->reply_max));
	return 0;
}
