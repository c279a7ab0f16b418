/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests that change nothing in this library: configuration space, status, reset, and messages
 * without a function of their own.
 */
#include "frontend.h"

#include <errno.h>

#include "vu_fd.h"
#include "vu_math.h"

static int
config_check(const struct vu_frontend *fe, uint32_t offset, uint32_t len)
{
	if (!fe->is_connected)
		return -ENOTCONN;
	return len != 0 && vu_range_inside(offset, len, 0, fe->conf.config_bytes) ? 0 : -EINVAL;
}

int
vu_frontend_config_get(struct vu_frontend *fe, uint32_t offset, void *buf, uint32_t len)
{
	int rc = config_check(fe, offset, len);

	if (rc == 0)
		rc = FRONTEND_OP(fe, get_config, offset, buf, len);
	return frontend_result(fe, rc);
}

int
vu_frontend_config_set(struct vu_frontend *fe, uint32_t offset, const void *buf, uint32_t len)
{
	int rc = config_check(fe, offset, len);

	if (rc == 0)
		rc = FRONTEND_OP(fe, set_config, offset, buf, len);
	return frontend_result(fe, rc);
}

int
vu_frontend_status_get(struct vu_frontend *fe, uint8_t *status)
{
	if (!fe->is_connected)
		return -ENOTCONN;
	return frontend_result(fe, FRONTEND_OP(fe, get_status, status));
}

int
vu_frontend_status_set(struct vu_frontend *fe, uint8_t status)
{
	if (!fe->is_connected)
		return -ENOTCONN;
	return frontend_result(fe, FRONTEND_OP(fe, set_status, status));
}

int
vu_frontend_reset(struct vu_frontend *fe)
{
	if (!fe->is_connected)
		return -ENOTCONN;
	return frontend_result(fe, FRONTEND_OP(fe, reset));
}

int
vu_frontend_request(struct vu_frontend *fe, struct vu_frontend_call *call)
{
	call->reply_bytes = 0;
	call->reply_fd = VU_FD_NONE;
	if (!fe->is_connected)
		return -ENOTCONN;
	return frontend_result(fe, FRONTEND_OP(fe, request, call));
}
