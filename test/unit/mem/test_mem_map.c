/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mappings: alignment, huge pages, files that must be refused, missing NUMA rights.
 * Cases that need huge pages are skipped where the system has none free.
 */
#include "test.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <rte_errno.h>

#include "mem_fixture.h"
#include "mem_map.h"

#define KIB UINT64_C(1024)

VU_TEST(mem_map, offset_need_not_be_page_aligned)
{
	int file = memory_file(4 * PAGE_BYTES);
	struct vu_mem_table *table = memory_table(file, 0, PAGE_BYTES, PAGE_BYTES + 0x123);

	CHECK(table != NULL);
	CHECK_EQ(pwrite(file, "x", 1, PAGE_BYTES + 0x123), 1);
	CHECK_EQ(*(char *)memory_hva(table, 0), 'x');
	CHECK_EQ(pwrite(file, "y", 1, 2 * PAGE_BYTES + 0x122), 1);
	CHECK_EQ(*(char *)memory_hva(table, PAGE_BYTES - 1), 'y');
	CHECK(memory_hva(table, PAGE_BYTES) == NULL);
	CHECK_EQ(memory_mapped_bytes(), 2 * PAGE_BYTES);
	vu_mem_table_destroy(table);
	CHECK_EQ(memory_mapped_bytes(), 0);
	vu_fd_close(&file);
}

VU_TEST(mem_map, last_page_of_file_may_be_incomplete)
{
	int file = memory_file(PAGE_BYTES + 100);
	struct vu_mem_table *table = memory_table(file, 0, PAGE_BYTES + 100, 0);

	CHECK(table != NULL);
	*(char *)memory_hva(table, PAGE_BYTES + 99) = 1;
	vu_mem_table_destroy(table);
	CHECK(memory_table(file, 0, PAGE_BYTES + 101, 0) == NULL);
	CHECK_EQ(rte_errno, ERANGE);
	vu_fd_close(&file);
}

static int
refusal_of(int fd)
{
	struct vu_mem_table *table;
	int rc;

	rte_errno = 0;
	table = memory_table(fd, 0, PAGE_BYTES, 0);
	rc = rte_errno;
	vu_mem_table_destroy(table);
	vu_fd_close(&fd);
	return table != NULL ? 0 : rc;
}

VU_TEST(mem_map, refuses_what_is_not_a_writable_file)
{
	int fds[2];

	CHECK_EQ(refusal_of(-1), EBADF);
	CHECK_EQ(refusal_of(vu_fd_eventfd()), EINVAL);
	CHECK_EQ(refusal_of(open("/dev/zero", O_RDWR | O_CLOEXEC)), EINVAL);
	CHECK_EQ(refusal_of(open("/", O_RDONLY | O_CLOEXEC)), EINVAL);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	CHECK_EQ(refusal_of(fds[0]), EINVAL);
	CHECK_EQ(refusal_of(fds[1]), EINVAL);
	CHECK_EQ(memory_mapped_bytes(), 0);
}

/* Regions in the way of `fd`, which lies between two others: they are there, it is a hole. */
static void
check_hole(int fd)
{
	const uint64_t gpas[] = { 0x100000, 0, 0x200000 };
	int file = memory_file(PAGE_BYTES);
	struct vu_mem_region_conf regions[RTE_DIM(gpas)];
	struct vu_mem_table *table;

	CHECK(fd >= 0);
	for (unsigned int i = 0; i < RTE_DIM(gpas); i++)
		regions[i] = memory_region(i == 0 ? fd : file, gpas[i], PAGE_BYTES, 0);
	table = vu_mem_table_create(regions, RTE_DIM(gpas), "test");
	CHECK(table != NULL);
	CHECK_EQ(vu_mem_table_nb_regions(table), 2);
	for (unsigned int i = 0; i < RTE_DIM(gpas); i++) {
		CHECK_EQ(memory_hva(table, gpas[i]) != NULL, i != 0);
		CHECK_EQ(vu_mem_uva_to_hva(table, UVA_BASE + gpas[i], 1) != NULL, i != 0);
	}
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
	vu_fd_close(&fd);
}

/* An NVDIMM in a file, flash that is read-only: the device need not do without its other memory. */
VU_TEST(mem_map, leaves_out_what_it_must_not_touch)
{
	int file = memory_file(PAGE_BYTES);
	char path[64];
	int sealed = memfd_create("vu-mem-sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	check_hole(open(path, O_RDONLY | O_CLOEXEC));
	check_hole(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	CHECK_EQ(ftruncate(sealed, (off_t)PAGE_BYTES), 0);
	CHECK_EQ(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE), 0);
	check_hole(sealed);
	CHECK_EQ(memory_mapped_bytes(), 0);
	vu_fd_close(&file);
}

/* One front-end with files of nothing must not take the address space of all others. */
VU_TEST(mem_map, address_space_of_all_tables_is_limited)
{
	int file = memory_file(8 * PAGE_BYTES);
	const uint64_t before = vu_mem_mapped_bytes();
	struct vu_mem_table *first, *second;

	vu_mem_set_max_bytes(before + 8 * PAGE_BYTES);
	first = memory_table(file, 0, 5 * PAGE_BYTES, 0);
	CHECK(first != NULL);
	CHECK_EQ(vu_mem_mapped_bytes(), before + 5 * PAGE_BYTES);
	CHECK(memory_table(file, 0, 4 * PAGE_BYTES, 0) == NULL);
	CHECK_EQ(rte_errno, ENOSPC);
	second = memory_table(file, 0, 3 * PAGE_BYTES, 0);
	CHECK(second != NULL);
	vu_mem_table_destroy(first);
	vu_mem_table_destroy(second);
	CHECK_EQ(vu_mem_mapped_bytes(), before);
	vu_mem_set_max_bytes(VU_MEM_MAX_BYTES);
	vu_fd_close(&file);
}

/* One page in each 2 MiB of a file that is mapped again and again: a page table for each. */
VU_TEST(mem_map, page_tables_are_limited)
{
	const uint64_t bytes = 16 * HUGE_BYTES;
	/* A table for each 2 MiB, one more since a mapping may begin anywhere, one for 1 GiB. */
	const uint64_t table_bytes = (16 + 1 + 1) * PAGE_BYTES;
	const uint64_t before = vu_mem_page_table_bytes();
	int file = memory_file(bytes);
	struct vu_mem_region_conf regions[3];
	struct vu_mem_table *table;

	for (unsigned int i = 0; i < RTE_DIM(regions); i++) {
		regions[i] = memory_region(file, i * bytes, bytes, 0);
		regions[i].policy.max_page_table_bytes = 2 * table_bytes;
	}
	table = vu_mem_table_create(regions, 2, "test");
	CHECK(table != NULL);
	CHECK_EQ(vu_mem_table_page_table_bytes(table), 2 * table_bytes);
	CHECK_EQ(vu_mem_page_table_bytes(), before + 2 * table_bytes);
	CHECK(vu_mem_table_add(table, &regions[2]) == NULL);
	CHECK_EQ(rte_errno, EDQUOT);
	vu_mem_set_max_page_table_bytes(before + 2 * table_bytes + 1);
	CHECK(memory_table(file, 0, bytes, 0) == NULL);
	CHECK_EQ(rte_errno, ENOBUFS);
	vu_mem_set_max_page_table_bytes(0);
	vu_mem_table_destroy(table);
	CHECK_EQ(vu_mem_page_table_bytes(), before);
	/* Without a limit that somebody set, the machine's memory is one. */
	table = memory_table(file, 0, bytes, 0);
	CHECK(table != NULL);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

static long
allocated_bytes(int file)
{
	struct stat st;

	return fstat(file, &st) == 0 ? st.st_blocks * 512 : -1;
}

static unsigned long
nb_free_huge_pages(void)
{
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned long nb;

	if (file == NULL || fscanf(file, "%lu", &nb) != 1)
		expect_skip();
	fclose(file);
	return nb;
}

/* Populating page by page until there is none would leave all of them in the file. */
VU_TEST(mem_map, takes_no_huge_page_if_there_are_too_few)
{
	const uint64_t bytes = (nb_free_huge_pages() + 10000) * HUGE_BYTES;
	int file = vu_fd_memfd("vu-mem-sparse", bytes, HUGE_BYTES);

	if (file < 0)
		expect_skip();
	CHECK(memory_table(file, 0, bytes, 0) == NULL);
	CHECK_EQ(rte_errno, ENOMEM);
	CHECK_EQ(allocated_bytes(file), 0);
	vu_fd_close(&file);
}

/* Where its allocated pages lie does not show in their number: all are reserved, or none. */
VU_TEST(mem_map, reserves_huge_pages_before_it_takes_any)
{
	const uint64_t nb_allocated = 4;
	const uint64_t nb = nb_free_huge_pages();
	int file = memory_huge_file(nb_allocated * HUGE_BYTES);
	const off_t bytes = (off_t)((nb_allocated + nb) * HUGE_BYTES);

	if (file < 0)
		expect_skip();
	CHECK_EQ(ftruncate(file, bytes), 0);
	CHECK(memory_table(file, 0, nb * HUGE_BYTES, nb_allocated * HUGE_BYTES) == NULL);
	CHECK_EQ(rte_errno, ENOMEM);
	CHECK_EQ(allocated_bytes(file), nb_allocated * HUGE_BYTES);
	vu_fd_close(&file);
}

/* The front-end decides which pages there are. */
VU_TEST(mem_map, populates_nothing_when_off)
{
	int file = vu_fd_memfd(FIXTURE_NAME, 2 * HUGE_BYTES, HUGE_BYTES);
	struct vu_mem_region_conf region = memory_region(file, 0, 2 * HUGE_BYTES, 0);
	struct vu_mem_table *table;

	if (file < 0 || nb_free_huge_pages() < 2)
		expect_skip();
	region.policy.populate = VU_MEM_POPULATE_NONE;
	table = vu_mem_table_create(&region, 1, "test");
	CHECK(table != NULL);
	CHECK_EQ(allocated_bytes(file), 0);
	*(char *)memory_hva(table, HUGE_BYTES) = 1;
	CHECK_EQ(allocated_bytes(file), HUGE_BYTES);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

/* A region of a file that is asked for, or a hole. */
static bool
is_mapped_as_file(int file)
{
	struct vu_mem_region_conf region = memory_region(file, 0, PAGE_BYTES, 0);
	struct vu_mem_table *table;
	bool is_mapped;

	region.policy.has_files = true;
	table = vu_mem_table_create(&region, 1, "test");
	CHECK(table != NULL);
	is_mapped = vu_mem_table_nb_regions(table) == 1;
	if (is_mapped)
		*(char *)memory_hva(table, 0) = 'x';
	vu_mem_table_destroy(table);
	return is_mapped;
}

/* RAM in a file on a disk, if the user says so; never where somebody can keep us waiting. */
VU_TEST(mem_map, maps_files_of_local_disks_when_asked)
{
	char path[] = "/tmp/vu-mem-XXXXXX";
	int other = open("/proc/self/comm", O_RDWR | O_CLOEXEC);
	int file = mkostemp(path, O_CLOEXEC);
	struct statfs fs;
	char byte = 0;

	CHECK(file >= 0);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(ftruncate(file, (off_t)PAGE_BYTES), 0);
	CHECK_EQ(fstatfs(file, &fs), 0);
	check_hole(fcntl(file, F_DUPFD_CLOEXEC, 0));
	CHECK(other >= 0);
	CHECK(!is_mapped_as_file(other));
	vu_fd_close(&other);
	if (fs.f_type != EXT4_SUPER_MAGIC) {
		vu_fd_close(&file);
		expect_skip();
	}
	CHECK(is_mapped_as_file(file));
	CHECK_EQ(pread(file, &byte, 1, 0), 1);
	CHECK_EQ(byte, 'x');
	vu_fd_close(&file);
}

VU_TEST(mem_map, prefaults_when_asked)
{
	int file = memory_file(16 * PAGE_BYTES);
	struct vu_mem_region_conf region = memory_region(file, 0, 8 * PAGE_BYTES, 0);
	struct vu_mem_table *table;

	table = memory_table(file, 0, 16 * PAGE_BYTES, 0);
	CHECK(table != NULL);
	CHECK_EQ(allocated_bytes(file), 0);
	vu_mem_table_destroy(table);
	region.policy.populate = VU_MEM_POPULATE_ALL;
	table = vu_mem_table_create(&region, 1, "test");
	CHECK(table != NULL);
	CHECK_EQ(allocated_bytes(file), 8 * PAGE_BYTES);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

/* Does an access to this page succeed without a page fault? -1: the kernel does not report it. */
static int
is_mapped(const void *hva)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;
	ssize_t len;

	len = pread(pagemap, &entry, sizeof(entry),
		(off_t)((uintptr_t)hva / PAGE_BYTES * sizeof(entry)));
	vu_fd_close(&pagemap);
	return len == sizeof(entry) ? (int)(entry >> 63) : -1;
}

/* What the guest has written before is there without a fault; nothing else is allocated. */
VU_TEST(mem_map, maps_pages_that_exist)
{
	const unsigned int written[] = { 0, 3, 4, 9000, 9999 };
	int file = memory_file(10000 * PAGE_BYTES);
	struct vu_mem_table *table;

	for (unsigned int i = 0; i < RTE_DIM(written); i++)
		CHECK_EQ(pwrite(file, "x", 1, (off_t)(written[i] * PAGE_BYTES)), 1);
	table = memory_table(file, 0, 10000 * PAGE_BYTES, 0);
	CHECK(table != NULL);
	for (unsigned int i = 0; i < RTE_DIM(written); i++)
		CHECK(is_mapped(memory_hva(table, written[i] * PAGE_BYTES)) != 0);
	CHECK(is_mapped(memory_hva(table, PAGE_BYTES)) != 1);
	CHECK(is_mapped(memory_hva(table, 5 * PAGE_BYTES)) != 1);
	CHECK_EQ(allocated_bytes(file), RTE_DIM(written) * PAGE_BYTES);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

VU_TEST(mem_map, huge_pages_are_there_at_once)
{
	int probe = memory_huge_file(2 * HUGE_BYTES);
	struct vu_mem_table *table;
	int file;

	if (probe < 0)
		expect_skip();
	vu_fd_close(&probe);
	file = vu_fd_memfd(FIXTURE_NAME, 2 * HUGE_BYTES, HUGE_BYTES);
	table = memory_table(file, 0, 2 * HUGE_BYTES, 0);
	CHECK(table != NULL);
	CHECK(is_mapped(memory_hva(table, 0)) != 0);
	CHECK(is_mapped(memory_hva(table, HUGE_BYTES)) != 0);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

/* A byte of each huge page is a table of huge pages, allocated at our cost. */
VU_TEST(mem_map, huge_pages_count_as_a_whole)
{
	int file = vu_fd_memfd(FIXTURE_NAME, 2 * HUGE_BYTES, HUGE_BYTES);
	struct vu_mem_region_conf region = memory_region(file, 0, 1, HUGE_BYTES - 1);
	struct vu_mem_table *table;

	region.policy.max_bytes = HUGE_BYTES - 1;
	table = vu_mem_table_create(&region, 1, "test");
	CHECK(table == NULL);
	CHECK_EQ(rte_errno, EFBIG);
	CHECK_EQ(allocated_bytes(file), 0);
	vu_fd_close(&file);
}

VU_TEST(mem_map, huge_pages_with_offsets_inside_a_page)
{
	int file = memory_huge_file(2 * HUGE_BYTES);
	struct vu_mem_region_conf regions[] = {
		memory_region(file, 0, 640 * KIB, 0),
		memory_region(file, 768 * KIB, 2 * HUGE_BYTES - 768 * KIB, 768 * KIB),
	};
	struct vu_mem_region_info info;
	struct vu_mem_table *table;
	char *window;

	if (file < 0)
		expect_skip();
	window = mmap(NULL, 2 * HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK(window != MAP_FAILED);
	table = vu_mem_table_create(regions, 2, "test");
	CHECK(table != NULL);
	CHECK_EQ(vu_mem_region_info_get(table, 1, &info), 0);
	CHECK_EQ(info.page_bytes, HUGE_BYTES);
	*(char *)memory_hva(table, 640 * KIB - 1) = 'a';
	*(char *)memory_hva(table, 768 * KIB) = 'b';
	*(char *)memory_hva(table, 2 * HUGE_BYTES - 1) = 'c';
	CHECK_EQ(window[640 * KIB - 1], 'a');
	CHECK_EQ(window[768 * KIB], 'b');
	CHECK_EQ(window[2 * HUGE_BYTES - 1], 'c');
	CHECK(memory_hva(table, 640 * KIB) == NULL);
	CHECK_EQ(memory_mapped_bytes(), (2 + 1 + 2) * HUGE_BYTES);
	vu_mem_table_destroy(table);
	CHECK_EQ(munmap(window, 2 * HUGE_BYTES), 0);
	CHECK_EQ(memory_mapped_bytes(), 0);
	CHECK(memory_table(file, 0, HUGE_BYTES + 1, HUGE_BYTES) == NULL);
	CHECK_EQ(rte_errno, ERANGE);
	vu_fd_close(&file);
}

VU_TEST(mem_map, huge_pages_that_are_missing_are_an_error)
{
	uint64_t page_bytes = UINT64_C(1) << 30;
	int file = vu_fd_memfd(FIXTURE_NAME, page_bytes, page_bytes);

	if (file < 0)
		expect_skip();
	if (posix_fallocate(file, 0, (off_t)page_bytes) == 0) {
		vu_fd_close(&file);
		expect_skip();
	}
	CHECK(memory_table(file, 0, PAGE_BYTES, 0) == NULL);
	CHECK(rte_errno == EFAULT || rte_errno == ENOMEM);
	CHECK_EQ(memory_mapped_bytes(), 0);
	vu_fd_close(&file);
}

VU_TEST(mem_map, knows_the_node_of_a_region)
{
	int file = memory_file(PAGE_BYTES);
	struct vu_mem_region_conf region = memory_region(file, 0, PAGE_BYTES, 0);
	struct vu_mem_table *table;

	region.numa_node = 0;
	table = vu_mem_table_create(&region, 1, "test");
	CHECK(table != NULL);
	/* -1 where the test itself runs without the right to ask. */
	CHECK(vu_mem_region_node(table, 0) >= VU_MEM_NODE_ANY);
	CHECK_EQ(vu_mem_region_node(table, 1), VU_MEM_NODE_ANY);
	vu_mem_table_destroy(table);

	/* A node that does not exist is a wish that cannot be granted. */
	region = memory_region(file, 0, PAGE_BYTES, 0);
	region.numa_node = INT32_MAX;
	table = vu_mem_table_create(&region, 1, "test");
	CHECK(table != NULL);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

static const struct sock_filter forbid_numa[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mbind, 3, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_get_mempolicy, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_move_pages, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
};

static void
map_without_numa_rights(void)
{
	int file = memory_file(PAGE_BYTES);
	struct vu_mem_region_conf region = memory_region(file, 0, PAGE_BYTES, 0);
	struct vu_mem_table *table;

	CHECK_EQ(child_filter(forbid_numa, RTE_DIM(forbid_numa)), 0);
	region.numa_node = 0;
	table = vu_mem_table_create(&region, 1, "test");
	CHECK(table != NULL);
	CHECK_EQ(vu_mem_region_node(table, 0), VU_MEM_NODE_ANY);
	vu_mem_table_destroy(table);
}

VU_TEST(mem_map, works_where_numa_calls_are_forbidden)
{
	CHECK_EQ(child_run(map_without_numa_rights), 0);
}

VU_TEST(mem_map, references_are_counted)
{
	struct vu_mem_region_conf conf = { .len = PAGE_BYTES, .fd = memory_file(PAGE_BYTES),
		.numa_node = VU_MEM_NODE_ANY };
	struct vu_mem_region_conf other = conf;
	const struct mem_usage used = { 0 };
	struct mem_file file;
	struct mem_map *map;

	CHECK_EQ(mem_file_inspect(&conf, &file), 0);
	CHECK_EQ(mem_map_create(&conf, &file, &used, &map), 0);
	CHECK(mem_map_matches(map, &conf, &file));
	other.len--;
	CHECK(!mem_map_matches(map, &other, &file));
	CHECK(mem_map_get(map) == map);
	mem_map_put(map);
	CHECK_EQ(memory_mapped_bytes(), PAGE_BYTES);
	mem_map_put(map);
	CHECK_EQ(memory_mapped_bytes(), 0);
	vu_fd_close(&conf.fd);
}
