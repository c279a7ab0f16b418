/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The dirty log: which bit a page has, at any offset of the file; ranges; what does not fit; words
 * that others take and set at the same time; files that shrink.
 */
#include "test.h"

#include <stdlib.h>
#include <sys/mman.h>

#include <rte_atomic.h>
#include <rte_errno.h>

#include "fake_rand.h"
#include "mem_fixture.h"
#include "vu_mem_fault.h"
#include "vu_mem_log.h"

#define FILE_BYTES (8 * PAGE_BYTES)
#define NB_MARKERS 3
#define NB_MARKS 200000
#define NB_SHARED_PAGES 256

/* A log in a file, and the front-end's view of the whole file. */
struct log_file {
	int fd;
	uint8_t *bytes;
	struct vu_mem_log *log;
};

static void
log_file_open(struct log_file *file, uint64_t len_bytes, uint64_t offset_bytes)
{
	file->fd = memory_file(FILE_BYTES);
	file->bytes = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
	CHECK(file->bytes != MAP_FAILED);
	file->log = vu_mem_log_create(dup(file->fd), len_bytes, offset_bytes);
	CHECK(file->log != NULL);
}

static void
log_file_close(struct log_file *file)
{
	vu_mem_log_destroy(file->log);
	munmap(file->bytes, FILE_BYTES);
	close(file->fd);
}

/* The bit of a page, as the specification counts. */
static bool
file_has(const struct log_file *file, uint64_t offset_bytes, uint64_t page)
{
	return (file->bytes[offset_bytes + page / 8] >> page % 8 & 1) != 0;
}

static unsigned int
file_nb_bits(const struct log_file *file)
{
	unsigned int nb = 0;

	for (uint64_t i = 0; i < FILE_BYTES; i++)
		nb += (unsigned int)__builtin_popcount(file->bytes[i]);
	return nb;
}

static void
check_marks(uint64_t len_bytes, uint64_t offset_bytes, struct fake_rand *rand)
{
	const uint64_t nb_pages = 8 * len_bytes;
	struct log_file file;

	log_file_open(&file, len_bytes, offset_bytes);
	for (unsigned int i = 0; i < 100; i++) {
		uint64_t first = fake_rand_u64(rand) % nb_pages;
		uint64_t nb = 1 + fake_rand_u64(rand) % RTE_MIN(nb_pages - first, UINT64_C(200));
		uint64_t in_first = fake_rand_in(rand, 0, PAGE_BYTES - 1);
		uint64_t end = (first + nb - 1) * PAGE_BYTES + (nb == 1 ? in_first : 0) +
			fake_rand_in(rand, 1, nb == 1 ? PAGE_BYTES - in_first : PAGE_BYTES);

		memset(file.bytes, 0, FILE_BYTES);
		vu_mem_log_mark(file.log, first * PAGE_BYTES + in_first,
			end - first * PAGE_BYTES - in_first);
		for (uint64_t page = first; page < first + nb; page++)
			CHECK(file_has(&file, offset_bytes, page));
		CHECK_EQ(file_nb_bits(&file), nb);
	}
	CHECK_EQ(file.log->nb_misses, 0);
	log_file_close(&file);
}

VU_TEST(mem_log, any_offset_and_length)
{
	static const uint64_t offsets[] = { 0, 1, 3, 7, 8, 63, 4095, 4096, 4099, 8191, 12345 };
	static const uint64_t lens[] = { 1, 2, 7, 8, 9, 511, 4096, 8192 };
	struct fake_rand rand = { 1 };

	for (unsigned int i = 0; i < RTE_DIM(offsets); i++)
		for (unsigned int k = 0; k < RTE_DIM(lens); k++)
			check_marks(lens[k], offsets[i], &rand);
	check_marks(5, FILE_BYTES - 5, &rand);
}

VU_TEST(mem_log, pages_beyond_it_are_counted)
{
	static const uint64_t gpas[] = { 16 * PAGE_BYTES, 1000 * PAGE_BYTES, UINT64_MAX,
		UINT64_MAX - PAGE_BYTES, UINT64_C(1) << 63 };
	struct log_file file;

	log_file_open(&file, 2, 9);
	for (unsigned int i = 0; i < RTE_DIM(gpas); i++)
		vu_mem_log_mark(file.log, gpas[i], 1);
	CHECK_EQ(file_nb_bits(&file), 0);
	CHECK_EQ(file.log->nb_misses, RTE_DIM(gpas));
	/* Half of it has bits. */
	vu_mem_log_mark(file.log, 14 * PAGE_BYTES, 4 * PAGE_BYTES);
	CHECK_EQ(file_nb_bits(&file), 2);
	CHECK(file_has(&file, 9, 14) && file_has(&file, 9, 15));
	CHECK_EQ(file.log->nb_misses, RTE_DIM(gpas) + 2);
	vu_mem_log_mark(file.log, 0, 0);
	CHECK_EQ(file_nb_bits(&file), 2);
	log_file_close(&file);
}

static void
check_refused(uint64_t len_bytes, uint64_t offset_bytes, int wanted)
{
	int fd = memory_file(FILE_BYTES);

	rte_errno = 0;
	CHECK(vu_mem_log_create(fd, len_bytes, offset_bytes) == NULL);
	CHECK_EQ(rte_errno, wanted);
	CHECK(!memory_fd_is_open(fd));
}

VU_TEST(mem_log, must_lie_in_its_file)
{
	int fds[2];

	check_refused(0, 0, EINVAL);
	check_refused(FILE_BYTES + 1, 0, ERANGE);
	check_refused(FILE_BYTES, 1, ERANGE);
	check_refused(1, FILE_BYTES, ERANGE);
	check_refused(UINT64_MAX, 2, ERANGE);
	check_refused(2, UINT64_MAX, ERANGE);
	check_refused(UINT64_MAX, UINT64_MAX, ERANGE);
	CHECK_EQ(pipe(fds), 0);
	CHECK(vu_mem_log_create(fds[0], 1, 0) == NULL);
	CHECK(!memory_fd_is_open(fds[0]));
	close(fds[1]);
	CHECK_EQ(memory_mapped_bytes(), 0);
}

/* ---- others in the same words ---- */

struct marker {
	pthread_t thread;
	struct log_file *file;
	struct fake_rand rand;
	uint64_t *pages;     /* of the guest: what marker number `idx` wrote last */
	unsigned int idx;
	uint32_t *nb_running;
};

static void *
marker_main(void *arg)
{
	struct marker *marker = arg;

	for (uint64_t i = 1; i <= NB_MARKS; i++) {
		uint64_t page = fake_rand_u64(&marker->rand) % NB_SHARED_PAGES;

		vu_store(&marker->pages[page * NB_MARKERS + marker->idx], i);
		rte_smp_mb();
		vu_mem_log_mark(marker->file->log, page * PAGE_BYTES, 1);
	}
	__atomic_fetch_sub(marker->nb_running, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* As QEMU does: take words, then copy the pages whose bits were in them. */
static void
take_log(const struct log_file *file, const uint64_t *pages, uint64_t *copy)
{
	uint64_t *words = (uint64_t *)(void *)file->bytes;

	for (unsigned int w = 0; w < NB_SHARED_PAGES / 64; w++) {
		uint64_t taken = __atomic_exchange_n(&words[w], 0, __ATOMIC_SEQ_CST);

		for (unsigned int bit = 0; bit < 64; bit++) {
			unsigned int first = (w * 64 + bit) * NB_MARKERS;

			for (unsigned int m = 0; (taken >> bit & 1) != 0 && m < NB_MARKERS; m++)
				copy[first + m] = vu_load(&pages[first + m]);
		}
	}
}

/* Several devices mark while the front-end takes the log: its copy ends up the same. */
VU_TEST(mem_log, no_mark_is_lost_to_others)
{
	static uint64_t pages[NB_SHARED_PAGES * NB_MARKERS], copy[NB_SHARED_PAGES * NB_MARKERS];
	struct marker markers[NB_MARKERS];
	uint32_t nb_running = NB_MARKERS;
	struct log_file file;

	memset(pages, 0, sizeof(pages));
	memset(copy, 0, sizeof(copy));
	log_file_open(&file, NB_SHARED_PAGES / 8, 0);
	for (unsigned int i = 0; i < NB_MARKERS; i++) {
		markers[i] = (struct marker){ .file = &file, .rand = { 10 + i }, .pages = pages,
			.idx = i, .nb_running = &nb_running };
		expect_thread_start(&markers[i].thread, marker_main, &markers[i]);
	}
	WAIT_WHILE(__atomic_load_n(&nb_running, __ATOMIC_ACQUIRE) != 0)
		take_log(&file, pages, copy);
	for (unsigned int i = 0; i < NB_MARKERS; i++)
		expect_thread_join(markers[i].thread);
	take_log(&file, pages, copy);
	CHECK(memcmp(pages, copy, sizeof(pages)) == 0);
	log_file_close(&file);
}

VU_TEST(mem_log, a_file_that_shrinks_costs_its_marks_only)
{
	struct log_file file;

	CHECK_EQ(vu_mem_fault_install(), 0);
	log_file_open(&file, FILE_BYTES, 0);
	CHECK(!vu_mem_log_has_failed(file.log));
	CHECK_EQ(ftruncate(file.fd, 0), 0);
	vu_mem_log_mark(file.log, 0, FILE_BYTES * 8 * PAGE_BYTES);
	CHECK(vu_mem_log_has_failed(file.log));
	log_file_close(&file);
	vu_mem_fault_uninstall();
}
