/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory tables: whole ones and single regions, before and while rings run.
 */
#include "expect.h"
#include "door_line.h"
#include "session_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <numaif.h>

#include "vu_mem_translate.h"

#define HALF (SESSION_MEM_BYTES / 2)

static int
do_mem_reg(struct session_port *fix, uint32_t request,
	const struct vhost_user_mem_region *region, int fd)
{
	const struct vhost_user_mem_reg reg = { .region = *region };
	struct vu_reply frame;

	fake_frontend_begin(&fix->frontend, &frame, request);
	vu_request_append(&frame, &reg, sizeof(reg));
	if (fd != VU_FD_NONE)
		vu_reply_add_fd(&frame, fd);
	return fake_frontend_do(&fix->frontend, &frame);
}

static unsigned int
nb_regions(const struct session_port *fix)
{
	const struct vu_mem_table *mem = vu_device_mem(fix->dev);

	return mem != NULL ? vu_mem_table_nb_regions(mem) : 0;
}

VU_TEST(handle_mem, set_table)
{
	const struct vhost_user_mem_region halves[] = {
		session_region(0, HALF), session_region(HALF, HALF),
	};
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(nb_regions(&fix), 0);
	CHECK_EQ(session_port_set_mem(&fix), 0);
	CHECK_EQ(nb_regions(&fix), 1);
	CHECK_EQ(session_port_set_regions(&fix, halves, 2), 0);
	CHECK_EQ(nb_regions(&fix), 2);
	CHECK_EQ(session_port_set_mem(&fix), 0);
	CHECK_EQ(nb_regions(&fix), 1);
	fixture_destroy(&fix);
}

VU_TEST(handle_mem, refused_table_leaves_the_old_one)
{
	const struct vhost_user_mem_region overlapping[] = {
		session_region(0, HALF), session_region(HALF - 4096, HALF),
	};
	const struct vhost_user_mem_region beyond_file = session_region(4096, SESSION_MEM_BYTES);
	struct vhost_user_mem_region wraps = session_region(0, SESSION_MEM_BYTES);
	struct session_port fix;

	wraps.mmap_offset = UINT64_MAX - 4095;
	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	CHECK_EQ(session_port_set_regions(&fix, overlapping, 2), 1);
	CHECK_EQ(session_port_set_regions(&fix, &beyond_file, 1), 1);
	CHECK_EQ(session_port_set_regions(&fix, &wraps, 1), 1);
	CHECK_EQ(nb_regions(&fix), 1);
	session_port_echo(&fix, 1);
	fixture_destroy(&fix);
}

VU_TEST(handle_mem, refuses_files_it_cannot_map)
{
	const struct vhost_user_mem_region region = session_region(0, 4096);
	struct session_port fix;
	int pipe_fds[2];

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(pipe(pipe_fds), 0);
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &region, pipe_fds[0]), 1);
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &region, fix.base.rings[0].call_fd), 1);
	CHECK_EQ(nb_regions(&fix), 0);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	fixture_destroy(&fix);
}

VU_TEST(handle_mem, refused_without_reply_ends_it)
{
	const struct vhost_user_mem_region beyond_file = session_region(4096, SESSION_MEM_BYTES);
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fix.frontend.need_reply = false;
	CHECK_EQ(session_port_set_regions(&fix, &beyond_file, 1), 0);
	CHECK_EQ(fake_frontend_wait_end(&fix.frontend), 0);
	fixture_destroy(&fix);
}

VU_TEST(handle_mem, new_table_under_running_rings)
{
	const struct vhost_user_mem_region halves[] = {
		session_region(0, HALF), session_region(HALF, HALF),
	};
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	for (uint8_t i = 0; i < 20; i++) {
		session_port_echo(&fix, i);
		CHECK_EQ(session_port_set_regions(&fix, halves, i % 2 + 1), 0);
		session_port_echo(&fix, (uint8_t)(100 + i));
	}
	fixture_destroy(&fix);
}

/* The front-end moved its memory elsewhere: our rings have nowhere to be. */
VU_TEST(handle_mem, table_without_the_rings_stops_them)
{
	const struct vhost_user_mem_region elsewhere = session_region(HALF, HALF);
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	CHECK_EQ(session_port_set_regions(&fix, &elsewhere, 1), 0);
	CHECK(!fixture_is_live(&fix, 0) && !fixture_is_live(&fix, 1));
	event_wait(fix.base.rings[0].err_fd);
	event_wait(fix.base.rings[1].err_fd);
	/* With the memory back they go on where they were. */
	CHECK_EQ(session_port_set_mem(&fix), 0);
	CHECK(fixture_is_live(&fix, 0) && fixture_is_live(&fix, 1));
	session_port_echo(&fix, 7);
	fixture_destroy(&fix);
}

VU_TEST(handle_mem, add_and_remove_regions)
{
	const struct vhost_user_mem_region low = session_region(0, HALF);
	const struct vhost_user_mem_region high = session_region(HALF, HALF);
	struct vhost_user_mem_region other = high;
	struct session_port fix;
	uint64_t nb_slots;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(fake_frontend_get_u64(&fix.frontend, VHOST_USER_GET_MAX_MEM_SLOTS, &nb_slots), 0);
	CHECK_EQ(nb_slots, VU_MAX_MEM_SLOTS);
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &low, fix.mem_fd), 0);
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &high, fix.mem_fd), 0);
	CHECK_EQ(nb_regions(&fix), 2);
	other.size -= 4096;
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &other, fix.mem_fd), 1);
	CHECK_EQ(nb_regions(&fix), 2);
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_REM_MEM_REG, &high, fix.mem_fd), 0);
	CHECK_EQ(nb_regions(&fix), 1);
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_REM_MEM_REG, &low, VU_FD_NONE), 0);
	CHECK_EQ(nb_regions(&fix), 0);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	fixture_destroy(&fix);
}

/* QEMU 7.2 sends each region once per queue pair. */
VU_TEST(handle_mem, repeated_regions_change_nothing)
{
	const struct vhost_user_mem_region region = session_region(0, HALF);
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &region, fix.mem_fd), 0);
		CHECK_EQ(nb_regions(&fix), 1);
	}
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(do_mem_reg(&fix, VHOST_USER_REM_MEM_REG, &region, VU_FD_NONE), 0);
		CHECK_EQ(nb_regions(&fix), 0);
	}
	fixture_destroy(&fix);
}

/* The port's max-memory counts all regions, however they come. */
VU_TEST(handle_mem, more_than_the_port_may_have)
{
	const struct vhost_user_mem_region low = session_region(0, HALF);
	const struct vhost_user_mem_region high = session_region(HALF, HALF);
	struct session_port fix;

	fixture_create_with_mem(&fix, "forward=loopback", -1, SESSION_MEM_BYTES - 4096);
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(session_port_set_mem(&fix), 1);
	CHECK_EQ(nb_regions(&fix), 0);
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &low, fix.mem_fd), 0);
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &high, fix.mem_fd), 1);
	CHECK_EQ(nb_regions(&fix), 1);
	fixture_destroy(&fix);
}

VU_TEST(handle_mem, a_repeat_with_other_bytes_is_refused)
{
	struct vhost_user_mem_region region = session_region(0, HALF);
	const int other_fd = vu_fd_memfd("vu-other", SESSION_MEM_BYTES, 0);
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &region, fix.mem_fd), 0);
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &region, other_fd), 1);
	region.mmap_offset = HALF;
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &region, fix.mem_fd), 1);
	region.mmap_offset = 0;
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &region, fix.mem_fd), 0);
	CHECK_EQ(nb_regions(&fix), 1);
	close(other_fd);
	fixture_destroy(&fix);
}

VU_TEST(handle_mem, add_and_remove_under_running_rings)
{
	struct vhost_user_mem_region extra = session_region(0, HALF);
	struct session_port fix;

	extra.gpa += SESSION_MEM_BYTES;
	extra.uva += SESSION_MEM_BYTES;
	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	for (uint8_t i = 0; i < 10; i++) {
		CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &extra, fix.mem_fd), 0);
		session_port_echo(&fix, i);
		CHECK_EQ(do_mem_reg(&fix, VHOST_USER_REM_MEM_REG, &extra, VU_FD_NONE), 0);
		session_port_echo(&fix, i);
	}
	fixture_destroy(&fix);
}

/* Placement policy of the first page of a device's memory; -1: the kernel does not report it. */
static int
mem_policy(const struct session_port *fix)
{
	void *hva = vu_mem_gpa_range_to_hva(vu_device_mem(fix->dev), SESSION_GPA, 1);
	int mode;

	return get_mempolicy(&mode, NULL, 0, hva, MPOL_F_ADDR) == 0 ? mode : -1;
}

/* Placed where the port asks for it; otherwise the front-end's business. */
VU_TEST(handle_mem, region_goes_to_the_node_of_the_port)
{
	const struct vhost_user_mem_region region = session_region(0, SESSION_MEM_BYTES);
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	fixture_start(&fix);
	if (mem_policy(&fix) == -1) {
		fixture_destroy(&fix);
		expect_skip();
	}
	CHECK_EQ(mem_policy(&fix), MPOL_DEFAULT);
	fixture_destroy(&fix);
	fixture_create_with_mem(&fix, "forward=loopback", 0, 0);
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(session_port_set_mem(&fix), 0);
	CHECK_EQ(mem_policy(&fix), MPOL_PREFERRED);
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_REM_MEM_REG, &region, VU_FD_NONE), 0);
	CHECK_EQ(do_mem_reg(&fix, VHOST_USER_ADD_MEM_REG, &region, fix.mem_fd), 0);
	CHECK_EQ(mem_policy(&fix), MPOL_PREFERRED);
	fixture_destroy(&fix);
}

#ifdef VU_XEN

#define XEN_FOREIGN 0x1u
#define XEN_NO_ADVANCE_MAP 0x100u
#define XEN_DOMID_SELF 0x7ff0u

static int
xen_prepare(struct session_port *fix, struct vu_msg *msg)
{
	struct door *door = fix->session->door;
	struct door_request request = { .msg = *msg };

	request.msg.spec = vu_msg_spec(msg->request);
	request.msg.nb_fds = 1;
	request.msg.fds[0] = fcntl(fix->mem_fd, F_DUPFD_CLOEXEC, 0);
	door->conf.view.protocol_features = fix->session->protocol_features;
	door_prepare(door, &request);
	door_drop(&request);
	return request.prepared;
}

/* What the door says of a region in both requests; it must agree. */
static int
xen_refusal(struct session_port *fix, uint32_t flags, uint32_t domid)
{
	struct vu_msg table = { .request = VHOST_USER_SET_MEM_TABLE };
	struct vu_msg reg = { .request = VHOST_USER_ADD_MEM_REG };
	struct vhost_user_mem_region region = session_region(0, HALF);
	int rc;

	region.xen_mmap_flags = flags;
	region.xen_domid = domid;
	table.payload.mem_table.nb_regions = 1;
	table.payload.mem_table.regions[0] = region;
	reg.payload.mem_reg.region = region;
	rc = xen_prepare(fix, &table);
	CHECK_EQ(xen_prepare(fix, &reg), rc);
	return rc;
}

/* Mapping on demand is refused by lib/mem alone, and a bad domain before it. */
VU_TEST(handle_mem, xen_flags_and_domain_reach_the_region)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(xen_refusal(&fix, XEN_FOREIGN | XEN_NO_ADVANCE_MAP, 1), -EINVAL);
	fix.session->protocol_features |= RTE_BIT64(VHOST_USER_PROTOCOL_F_XEN_MMAP);
	CHECK_EQ(xen_refusal(&fix, XEN_FOREIGN | XEN_NO_ADVANCE_MAP, 1), -ENOTSUP);
	CHECK_EQ(xen_refusal(&fix, XEN_FOREIGN | XEN_NO_ADVANCE_MAP, XEN_DOMID_SELF), -EINVAL);
	CHECK_EQ(nb_regions(&fix), 0);
	fixture_destroy(&fix);
}

VU_TEST(handle_mem, xen_is_offered_without_post_copy)
{
	struct session_port fix;
	uint64_t offered;

	fixture_create(&fix, "forward=loopback");
	offered = session_protocol_features(fix.session);
	CHECK((offered & RTE_BIT64(VHOST_USER_PROTOCOL_F_XEN_MMAP)) != 0);
	CHECK_EQ(offered & RTE_BIT64(VHOST_USER_PROTOCOL_F_PAGEFAULT), 0);
	fixture_destroy(&fix);
}

#endif /* VU_XEN */
