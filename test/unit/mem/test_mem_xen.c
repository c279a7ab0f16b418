/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mapping through the Xen devices, with a stand-in for the devices: guest frame n, and what grant
 * reference n grants, is page n of a file. Built with the option `xen` only.
 */
#include "test.h"

#include <sys/mman.h>

#include <rte_errno.h>

#include "mem_fixture.h"
#include "mem_xen.h"

#define GUEST_PAGES 16
#define DOMID 7
#define GRANT_INDEX UINT64_C(0x5000)
#define MAX_OPENS 64

static struct {
	int memory;
	const char *path;        /* opened last */
	int fds[MAX_OPENS];      /* every fd handed out */
	unsigned int nb_opens;
	int open_errno;          /* answers of the devices, 0 to work */
	int ioctl_errno;
	int mmap_errno;
	uint32_t bad_frame;      /* index in a batch that fails, UINT32_MAX none */
	uint32_t domid;          /* asked for last */
	uint32_t first_ref;      /* granted pages, from where mmap() finds them */
	uint32_t nb_granted;     /* pages granted now */
} xen;

static int
stand_in_open(const char *path)
{
	errno = xen.open_errno;
	if (errno != 0 || xen.nb_opens == MAX_OPENS)
		return -1;
	xen.path = path;
	xen.fds[xen.nb_opens] = fcntl(xen.memory, F_DUPFD_CLOEXEC, 0);
	return xen.fds[xen.nb_opens++];
}

static int
place_page(uint64_t hva, uint64_t page)
{
	void *base = (void *)(uintptr_t)hva;

	return mmap(base, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, xen.memory,
		(off_t)(page * PAGE_BYTES)) == base ? 0 : -1;
}

static int
stand_in_batch(const struct mem_xen_mmap_batch *batch)
{
	xen.domid = batch->domid;
	for (uint32_t i = 0; i < batch->num; i++) {
		batch->errors[i] = i == xen.bad_frame ? -EPERM : 0;
		if (batch->errors[i] == 0 &&
				place_page(batch->addr + i * PAGE_BYTES, batch->frames[i]) < 0)
			return -1;
	}
	return 0;
}

static int
stand_in_grant(struct mem_xen_map_grant *request)
{
	xen.first_ref = request->refs[0].ref;
	xen.domid = request->refs[0].domid;
	for (uint32_t i = 0; i < request->count; i++) {
		errno = EINVAL;
		if (request->refs[i].ref != xen.first_ref + i ||
				request->refs[i].domid != xen.domid)
			return -1;
	}
	xen.nb_granted += request->count;
	request->index = GRANT_INDEX;
	return 0;
}

static int
stand_in_ioctl(int fd, unsigned long request, void *arg)
{
	const struct mem_xen_unmap_grant *unmap = arg;

	errno = EBADF;
	if (!memory_fd_is_open(fd))
		return -1;
	if (request == MEM_XEN_UNMAP_GRANT && unmap->index == GRANT_INDEX) {
		xen.nb_granted -= unmap->count;
		return 0;
	}
	errno = xen.ioctl_errno;
	if (errno != 0)
		return -1;
	if (request == MEM_XEN_MMAP_BATCH && strcmp(xen.path, "privcmd") == 0)
		return stand_in_batch(arg);
	if (request == MEM_XEN_MAP_GRANT && strcmp(xen.path, "gntdev") == 0)
		return stand_in_grant(arg);
	errno = ENOTTY;
	return -1;
}

/* Foreign frames cannot be touched before the batch; granted pages are there at once. */
static void *
stand_in_mmap(int fd, size_t len, off_t offset)
{
	bool is_grant = strcmp(xen.path, "gntdev") == 0;

	errno = xen.mmap_errno;
	if (errno != 0)
		return MAP_FAILED;
	errno = EINVAL;
	if (offset != (is_grant ? (off_t)GRANT_INDEX : 0))
		return MAP_FAILED;
	return mmap(NULL, len, is_grant ? PROT_READ | PROT_WRITE : PROT_NONE, MAP_SHARED, fd,
		is_grant ? (off_t)(xen.first_ref * PAGE_BYTES) : 0);
}

static const struct mem_xen_ops stand_in = {
	.privcmd_path = "privcmd",
	.gntdev_path = "gntdev",
	.open = stand_in_open,
	.ioctl = stand_in_ioctl,
	.mmap = stand_in_mmap,
};

/* Each page of the guest begins with its own number. */
static void
stand_in_start(void)
{
	memset(&xen, 0, sizeof(xen));
	xen.bad_frame = UINT32_MAX;
	xen.memory = memory_file(GUEST_PAGES * PAGE_BYTES);
	CHECK(xen.memory >= 0);
	for (uint64_t page = 0; page < GUEST_PAGES; page++)
		CHECK_EQ(pwrite(xen.memory, &page, sizeof(page), (off_t)(page * PAGE_BYTES)),
			(ssize_t)sizeof(page));
	mem_xen_ops_set(&stand_in);
}

/* Nothing may be left of any mapping, made or refused. */
static void
stand_in_stop(void)
{
	CHECK_EQ(memory_mapped_bytes(), 0);
	CHECK_EQ(xen.nb_granted, 0);
	vu_fd_close(&xen.memory);
	for (unsigned int i = 0; i < xen.nb_opens; i++)
		CHECK(!memory_fd_is_open(xen.fds[i]));
	mem_xen_ops_set(NULL);
}

/* The fd is one that could not be mapped: only its presence counts. */
static struct vu_mem_region_conf
xen_region(uint32_t flags, uint64_t gpa, uint64_t len)
{
	return (struct vu_mem_region_conf) {
		.gpa = gpa, .len = len, .uva = gpa, .mmap_offset = 0x123, .fd = vu_fd_eventfd(),
		.numa_node = 0, .xen_mmap_flags = flags, .xen_domid = DOMID,
	};
}

/* 0, or the error of a region that is refused. */
static int
refusal_of(const struct vu_mem_region_conf *conf)
{
	struct vu_mem_table *table;
	int rc;

	rte_errno = 0;
	table = vu_mem_table_create(conf, 1, "test");
	rc = rte_errno;
	vu_mem_table_destroy(table);
	return table != NULL ? 0 : rc;
}

static int
refusal_of_flags(uint32_t flags)
{
	struct vu_mem_region_conf conf = xen_region(flags, PAGE_BYTES, 2 * PAGE_BYTES);

	return refusal_of(&conf);
}

static uint64_t
page_at(const struct vu_mem_table *table, uint64_t gpa)
{
	const uint64_t *hva = memory_hva(table, gpa);

	return hva != NULL ? *hva : UINT64_MAX;
}

VU_TEST(mem_xen, foreign_maps_the_frames_of_the_region)
{
	struct vu_mem_region_conf conf;
	struct vu_mem_table *table;

	stand_in_start();
	conf = xen_region(MEM_XEN_FOREIGN, 3 * PAGE_BYTES, 5 * PAGE_BYTES);
	table = vu_mem_table_create(&conf, 1, "test");
	CHECK(table != NULL);
	CHECK_EQ(xen.domid, DOMID);
	CHECK(!memory_fd_is_open(xen.fds[0]));
	for (uint64_t page = 3; page < 8; page++)
		CHECK_EQ(page_at(table, page * PAGE_BYTES), page);
	CHECK(memory_hva(table, 8 * PAGE_BYTES) == NULL);
	vu_mem_table_destroy(table);
	stand_in_stop();
}

VU_TEST(mem_xen, grant_maps_the_references_of_the_region)
{
	struct vu_mem_region_conf conf;
	struct vu_mem_table *table;

	stand_in_start();
	conf = xen_region(MEM_XEN_GRANT, MEM_XEN_GRANT_ADDR + 4 * PAGE_BYTES, 3 * PAGE_BYTES);
	table = vu_mem_table_create(&conf, 1, "test");
	CHECK(table != NULL);
	CHECK_EQ(xen.domid, DOMID);
	CHECK_EQ(xen.first_ref, 4);
	CHECK_EQ(xen.nb_granted, 3);
	for (uint64_t page = 4; page < 7; page++)
		CHECK_EQ(page_at(table, MEM_XEN_GRANT_ADDR + page * PAGE_BYTES), page);
	vu_mem_table_destroy(table);
	stand_in_stop();
}

VU_TEST(mem_xen, region_may_start_and_end_inside_a_page)
{
	struct vu_mem_region_conf conf;
	struct vu_mem_table *table;
	uint64_t word = 0x5a;

	stand_in_start();
	CHECK_EQ(pwrite(xen.memory, &word, sizeof(word), 2 * PAGE_BYTES + 0x800), 8);
	conf = xen_region(MEM_XEN_FOREIGN, 2 * PAGE_BYTES + 0x800, PAGE_BYTES);
	table = vu_mem_table_create(&conf, 1, "test");
	CHECK(table != NULL);
	CHECK_EQ(page_at(table, 2 * PAGE_BYTES + 0x800), 0x5a);
	CHECK_EQ(page_at(table, 3 * PAGE_BYTES), 3);
	CHECK_EQ(memory_mapped_bytes(), 2 * PAGE_BYTES);
	vu_mem_table_destroy(table);
	stand_in_stop();
}

VU_TEST(mem_xen, refuses_flags)
{
	stand_in_start();
	CHECK_EQ(refusal_of_flags(MEM_XEN_FOREIGN | MEM_XEN_GRANT), EINVAL);
	CHECK_EQ(refusal_of_flags(MEM_XEN_FOREIGN | 0x8), EINVAL);
	CHECK_EQ(refusal_of_flags(MEM_XEN_GRANT | MEM_XEN_NO_ADVANCE_MAP), ENOTSUP);
	CHECK_EQ(refusal_of_flags(MEM_XEN_FOREIGN | MEM_XEN_NO_ADVANCE_MAP), ENOTSUP);
	CHECK_EQ(refusal_of_flags(MEM_XEN_NO_ADVANCE_MAP), ENOTSUP);
	CHECK_EQ(xen.nb_opens, 0);
	stand_in_stop();
}

VU_TEST(mem_xen, refuses_domains_and_ranges)
{
	struct vu_mem_region_conf conf;

	stand_in_start();
	conf = xen_region(MEM_XEN_FOREIGN, 0, PAGE_BYTES);
	conf.xen_domid = MEM_XEN_FIRST_RESERVED_DOMID;
	CHECK_EQ(refusal_of(&conf), EINVAL);
	conf = xen_region(MEM_XEN_FOREIGN, 0, PAGE_BYTES);
	conf.xen_domid = 0x10000 + DOMID;
	CHECK_EQ(refusal_of(&conf), EINVAL);
	conf = xen_region(MEM_XEN_FOREIGN, 0, (MEM_XEN_MAX_PAGES + 1) * PAGE_BYTES);
	CHECK_EQ(refusal_of(&conf), ERANGE);
	conf = xen_region(MEM_XEN_FOREIGN, 0, UINT64_MAX);
	CHECK_EQ(refusal_of(&conf), ERANGE);
	conf = xen_region(MEM_XEN_GRANT, MEM_XEN_GRANT_ADDR + (UINT64_C(1) << 44) - PAGE_BYTES,
		2 * PAGE_BYTES);
	CHECK_EQ(refusal_of(&conf), ERANGE);
	CHECK_EQ(xen.nb_opens, 0);
	stand_in_stop();
}

VU_TEST(mem_xen, device_that_fails_leaves_nothing)
{
	static const uint32_t kinds[] = { MEM_XEN_FOREIGN, MEM_XEN_GRANT };

	stand_in_start();
	for (unsigned int i = 0; i < RTE_DIM(kinds); i++) {
		xen.open_errno = ENOENT;
		CHECK_EQ(refusal_of_flags(kinds[i]), ENOENT);
		xen.open_errno = 0;
		xen.ioctl_errno = EACCES;
		CHECK_EQ(refusal_of_flags(kinds[i]), EACCES);
		xen.ioctl_errno = 0;
		xen.mmap_errno = ENOMEM;
		CHECK_EQ(refusal_of_flags(kinds[i]), ENOMEM);
		xen.mmap_errno = 0;
		CHECK_EQ(memory_mapped_bytes(), 0);
		CHECK_EQ(xen.nb_granted, 0);
	}
	xen.bad_frame = 1;
	CHECK_EQ(refusal_of_flags(MEM_XEN_FOREIGN), EPERM);
	stand_in_stop();
}

VU_TEST(mem_xen, replaced_table_keeps_only_the_same_memory)
{
	struct vu_mem_table *table, *same, *other;
	struct vu_mem_region_conf conf;

	stand_in_start();
	conf = xen_region(MEM_XEN_GRANT, PAGE_BYTES, PAGE_BYTES);
	table = vu_mem_table_create(&conf, 1, "test");
	CHECK(table != NULL);
	conf = xen_region(MEM_XEN_GRANT, PAGE_BYTES, PAGE_BYTES);
	same = vu_mem_table_replace(table, &conf, 1);
	CHECK(same != NULL);
	CHECK_EQ(xen.nb_opens, 1);
	conf = xen_region(MEM_XEN_GRANT, PAGE_BYTES, PAGE_BYTES);
	conf.xen_domid = DOMID + 1;
	other = vu_mem_table_replace(same, &conf, 1);
	CHECK(other != NULL);
	CHECK_EQ(xen.nb_opens, 2);
	CHECK_EQ(xen.domid, DOMID + 1);
	vu_mem_table_destroy(table);
	CHECK_EQ(xen.nb_granted, 2);
	vu_mem_table_destroy(same);
	CHECK_EQ(xen.nb_granted, 1);
	vu_mem_table_destroy(other);
	stand_in_stop();
}

VU_TEST(mem_xen, region_without_flags_shows_its_file)
{
	struct vu_mem_table *table;

	stand_in_start();
	table = memory_table(xen.memory, 0, PAGE_BYTES, 9 * PAGE_BYTES);
	CHECK(table != NULL);
	CHECK_EQ(page_at(table, 0), 9);
	CHECK_EQ(xen.nb_opens, 0);
	vu_mem_table_destroy(table);
	stand_in_stop();
}
