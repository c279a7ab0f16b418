/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests about memory and rings.
 */
#include "user.h"

#include <errno.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "vu_fd.h"

static bool
user_has(const struct user_frontend *user, unsigned int bit)
{
	return (user->protocol_features & RTE_BIT64(bit)) != 0;
}

static struct vhost_user_mem_region
wire_region(const struct user_frontend *user, const struct vu_frontend_region *region)
{
	bool is_gpa = user_has(user, VHOST_USER_PROTOCOL_F_GPA_ADDRESSES);

	return (struct vhost_user_mem_region){
		.gpa = region->gpa,
		.size = region->bytes,
		.uva = is_gpa ? region->gpa : (uintptr_t)region->hva,
		.mmap_offset = region->mmap_offset,
	};
}

int
user_get_max_regions(struct vu_frontend *fe, uint32_t *nb)
{
	struct user_frontend *user = user_of(fe);
	struct vu_reply frame;
	int rc = user_begin(user, &frame, VHOST_USER_GET_MAX_MEM_SLOTS);

	if (rc == 0)
		rc = user_do(user, &frame);
	if (rc == 0)
		*nb = (uint32_t)RTE_MIN(user->reply.payload.u64, (uint64_t)VU_MAX_MEM_SLOTS);
	if (rc != -EOPNOTSUPP)
		return rc;
	*nb = VHOST_USER_MAX_REGIONS;
	return 0;
}

static int
do_mem_reg(struct vu_frontend *fe, uint32_t request, const struct vu_frontend_region *region,
	int fd)
{
	struct user_frontend *user = user_of(fe);
	const struct vhost_user_mem_reg mem_reg = { .region = wire_region(user, region) };
	struct vu_reply frame;
	int rc = user_begin(user, &frame, request);

	if (rc != 0)
		return rc;
	vu_request_append(&frame, &mem_reg, sizeof(mem_reg));
	if (fd != VU_FD_NONE)
		vu_reply_add_fd(&frame, fd);
	return user_do(user, &frame);
}

int
user_add_mem(struct vu_frontend *fe, const struct vu_frontend_region *region)
{
	return do_mem_reg(fe, VHOST_USER_ADD_MEM_REG, region, region->fd);
}

int
user_remove_mem(struct vu_frontend *fe, const struct vu_frontend_region *region)
{
	return do_mem_reg(fe, VHOST_USER_REM_MEM_REG, region, VU_FD_NONE);
}

int
user_set_mem(struct vu_frontend *fe, const struct vu_frontend_region *regions,
	uint32_t nb_regions)
{
	struct user_frontend *user = user_of(fe);
	struct vhost_user_mem_table table = { .nb_regions = nb_regions };
	struct vu_reply frame;
	int rc = user_begin(user, &frame, VHOST_USER_SET_MEM_TABLE);

	if (rc != 0)
		return rc;
	if (nb_regions == 0 || nb_regions > VHOST_USER_MAX_REGIONS)
		return -ENOSPC;
	for (uint32_t i = 0; i < nb_regions; i++) {
		table.regions[i] = wire_region(user, &regions[i]);
		vu_reply_add_fd(&frame, regions[i].fd);
	}
	vu_request_append(&frame, &table, VHOST_USER_MEM_TABLE_HEADER_BYTES +
		nb_regions * VHOST_USER_MEM_REGION_BYTES);
	return user_do(user, &frame);
}

static int
do_state(struct vu_frontend *fe, uint32_t request, uint32_t idx, uint32_t num)
{
	struct user_frontend *user = user_of(fe);
	struct vu_reply frame;
	int rc = user_begin(user, &frame, request);

	if (rc != 0)
		return rc;
	vu_request_append_state(&frame, idx, num);
	return user_do(user, &frame);
}

int
user_set_vring_num(struct vu_frontend *fe, uint32_t idx, uint32_t num)
{
	return do_state(fe, VHOST_USER_SET_VRING_NUM, idx, num);
}

int
user_set_vring_base(struct vu_frontend *fe, uint32_t idx, uint32_t base)
{
	return do_state(fe, VHOST_USER_SET_VRING_BASE, idx, base);
}

int
user_set_vring_addr(struct vu_frontend *fe, uint32_t idx,
	const struct vu_frontend_ring_addr *addr)
{
	struct user_frontend *user = user_of(fe);
	const struct vhost_user_vring_addr wire = {
		.index = idx,
		.descriptor = addr->desc,
		.used = addr->used,
		.available = addr->avail,
	};
	struct vu_reply frame;
	int rc = user_begin(user, &frame, VHOST_USER_SET_VRING_ADDR);

	if (rc != 0)
		return rc;
	vu_request_append(&frame, &wire, sizeof(wire));
	return user_do(user, &frame);
}

static int
do_vring_fd(struct vu_frontend *fe, uint32_t request, uint32_t idx, int fd)
{
	struct user_frontend *user = user_of(fe);
	struct vu_reply frame;
	int rc = user_begin(user, &frame, request);

	if (rc != 0)
		return rc;
	vu_request_append_u64(&frame,
		idx | (fd == VU_FD_NONE ? VHOST_USER_VRING_NOFD_MASK : 0));
	if (fd != VU_FD_NONE)
		vu_reply_add_fd(&frame, fd);
	return user_do(user, &frame);
}

int
user_set_vring_call(struct vu_frontend *fe, uint32_t idx, int fd)
{
	return do_vring_fd(fe, VHOST_USER_SET_VRING_CALL, idx, fd);
}

int
user_set_vring_kick(struct vu_frontend *fe, uint32_t idx, int fd)
{
	return do_vring_fd(fe, VHOST_USER_SET_VRING_KICK, idx, fd);
}

int
user_set_vring_enable(struct vu_frontend *fe, uint32_t idx, bool is_enabled)
{
	return do_state(fe, VHOST_USER_SET_VRING_ENABLE, idx, is_enabled ? 1 : 0);
}

int
user_get_vring_base(struct vu_frontend *fe, uint32_t idx, uint32_t *base)
{
	struct user_frontend *user = user_of(fe);
	int rc = do_state(fe, VHOST_USER_GET_VRING_BASE, idx, 0);

	if (rc != 0)
		return rc;
	if (user->reply.payload.state.index != idx)
		return user_fail(user, "another ring than was asked for");
	*base = user->reply.payload.state.num;
	return 0;
}

int
user_kick(struct vu_frontend *fe, uint32_t idx)
{
	return do_state(fe, VHOST_USER_VRING_KICK, idx, 0);
}
