/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The SIGBUS guard: files that shrink under a mapping, from one thread and from several; faults
 * that are not ours; installing and uninstalling among other handlers.
 */
#include "test.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "vu_limits.h"
#include "vu_mem_fault.h"

#include "mem_fault.h"
#include "mem_fixture.h"

#define FILE_BYTES (64 * PAGE_BYTES)
#define NB_TOUCHERS 4

struct toucher {
	pthread_t thread;
	pthread_barrier_t *barrier; /* NULL: start at once */
	volatile uint8_t *hva;
	uint64_t stride_bytes;
	unsigned int nb_touches;
	unsigned int sum;
	int errno_after;
};

static void *
touch(void *arg)
{
	struct toucher *toucher = arg;

	if (toucher->barrier != NULL)
		pthread_barrier_wait(toucher->barrier);
	errno = EXDEV;
	for (unsigned int i = 0; i < toucher->nb_touches; i++) {
		toucher->sum += toucher->hva[i * toucher->stride_bytes];
		toucher->hva[i * toucher->stride_bytes] = 1;
	}
	toucher->errno_after = errno;
	return NULL;
}

static bool
eventfd_was_signalled(void)
{
	uint64_t count;

	return read(vu_mem_fault_eventfd(), &count, sizeof(count)) == sizeof(count);
}

static void
check_shrunk_file(int file, int other_file, uint64_t file_bytes)
{
	struct vu_mem_table *table = memory_table(file, 0, file_bytes, 0);
	struct vu_mem_table *other = memory_table(other_file, 0, file_bytes, 0);
	struct toucher toucher = { .nb_touches = 2 };
	struct vu_mem_region_info info;

	CHECK(table != NULL && other != NULL);
	memset(memory_hva(table, 0), 0xff, file_bytes);
	memset(memory_hva(other, 0), 0xee, file_bytes);
	CHECK_EQ(ftruncate(file, 0), 0);

	toucher.hva = (uint8_t *)memory_hva(table, 0) + 12345;
	toucher.stride_bytes = file_bytes / 2;
	expect_thread_start(&toucher.thread, touch, &toucher);
	expect_thread_join(toucher.thread);
	CHECK_EQ(toucher.sum, 0);
	CHECK_EQ(toucher.errno_after, EXDEV);
	CHECK(vu_mem_table_has_failed(table));
	CHECK_EQ(vu_mem_region_info_get(table, 0, &info), 0);
	CHECK(info.has_failed);
	CHECK(eventfd_was_signalled());
	CHECK(!eventfd_was_signalled());

	/* All of it is memory now, for writing too; nothing else has changed. */
	memset(memory_hva(table, 0), 1, file_bytes);
	CHECK(!vu_mem_table_has_failed(other));
	CHECK_EQ(*(uint8_t *)memory_hva(other, file_bytes - 1), 0xee);
	vu_mem_table_destroy(table);
	CHECK_EQ(*(uint8_t *)memory_hva(other, 0), 0xee);
	vu_mem_table_destroy(other);
}

VU_TEST(mem_fault, shrunk_file_reads_as_zero)
{
	int file = memory_file(FILE_BYTES), other_file = memory_file(FILE_BYTES);

	CHECK_EQ(vu_mem_fault_install(), 0);
	check_shrunk_file(file, other_file, FILE_BYTES);
	vu_mem_fault_uninstall();
	vu_fd_close(&file);
	vu_fd_close(&other_file);
}

VU_TEST(mem_fault, shrunk_huge_file_reads_as_zero)
{
	int file = memory_huge_file(2 * HUGE_BYTES);
	int other_file = memory_huge_file(2 * HUGE_BYTES);

	if (file >= 0 && other_file >= 0) {
		CHECK_EQ(vu_mem_fault_install(), 0);
		check_shrunk_file(file, other_file, 2 * HUGE_BYTES);
		vu_mem_fault_uninstall();
	}
	vu_fd_close(&other_file);
	if (file < 0)
		expect_skip();
	vu_fd_close(&file);
}

/* All threads meet the same fault; what one of them writes afterwards must not be lost. */
static void
touch_together(int file)
{
	struct vu_mem_table *table = memory_table(file, 0, FILE_BYTES, 0);
	struct toucher touchers[NB_TOUCHERS];
	pthread_barrier_t barrier;

	CHECK(table != NULL);
	pthread_barrier_init(&barrier, NULL, NB_TOUCHERS);
	CHECK_EQ(ftruncate(file, 0), 0);
	for (unsigned int i = 0; i < NB_TOUCHERS; i++) {
		touchers[i] = (struct toucher) {
			.barrier = &barrier, .hva = memory_hva(table, i),
			.stride_bytes = PAGE_BYTES, .nb_touches = FILE_BYTES / PAGE_BYTES,
		};
		expect_thread_start(&touchers[i].thread, touch, &touchers[i]);
	}
	for (unsigned int i = 0; i < NB_TOUCHERS; i++) {
		expect_thread_join(touchers[i].thread);
		CHECK_EQ(touchers[i].sum, 0);
		for (unsigned int page = 0; page < FILE_BYTES / PAGE_BYTES; page++)
			CHECK_EQ(touchers[i].hva[page * PAGE_BYTES], 1);
	}
	pthread_barrier_destroy(&barrier);
	CHECK(vu_mem_table_has_failed(table));
	CHECK(eventfd_was_signalled());
	vu_mem_table_destroy(table);
}

static void
touch_together_often(unsigned int nb_rounds)
{
	int file = memory_file(FILE_BYTES);

	CHECK_EQ(vu_mem_fault_install(), 0);
	for (unsigned int round = 0; round < nb_rounds; round++) {
		CHECK_EQ(ftruncate(file, FILE_BYTES), 0);
		touch_together(file);
	}
	vu_mem_fault_uninstall();
	vu_fd_close(&file);
}

VU_TEST(mem_fault, several_threads_fault_at_once)
{
	touch_together_often(50);
}

VU_TEST_STRESS(mem_fault, several_threads_fault_at_once_often)
{
	touch_together_often(3000);
}

VU_TEST(mem_fault, failure_shows_in_every_table_and_is_not_reused)
{
	int file = memory_file(FILE_BYTES);
	struct vu_mem_table *first = memory_table(file, 0, PAGE_BYTES, 0);
	struct vu_mem_region_conf region = memory_region(file, FILE_BYTES, PAGE_BYTES,
		PAGE_BYTES);
	struct vu_mem_table *both = vu_mem_table_add(first, &region);
	struct vu_mem_region_info info;
	struct vu_mem_table *again;

	CHECK_EQ(vu_mem_fault_install(), 0);
	CHECK(both != NULL);
	CHECK_EQ(ftruncate(file, 0), 0);
	CHECK_EQ(*(volatile uint8_t *)memory_hva(both, 0), 0);
	CHECK(vu_mem_table_has_failed(first));
	CHECK(vu_mem_table_has_failed(both));
	CHECK_EQ(vu_mem_region_info_get(both, 1, &info), 0);
	CHECK(!info.has_failed); /* not touched yet */

	CHECK_EQ(ftruncate(file, FILE_BYTES), 0);
	region = memory_region(file, 0, PAGE_BYTES, 0);
	again = vu_mem_table_replace(both, &region, 1);
	CHECK(again != NULL);
	CHECK(!vu_mem_table_has_failed(again));
	CHECK(memory_hva(again, 0) != memory_hva(both, 0));
	vu_mem_table_destroy(first);
	vu_mem_table_destroy(both);
	vu_mem_table_destroy(again);
	CHECK_EQ(memory_mapped_bytes(), 0);
	vu_mem_fault_uninstall();
	vu_fd_close(&file);
}

VU_TEST(mem_fault, more_mappings_than_one_chunk_of_the_register)
{
	static struct vu_mem_region_conf regions[VU_MAX_MEM_SLOTS];
	int file = memory_file(FILE_BYTES), last_file = memory_file(PAGE_BYTES);
	struct vu_mem_table *tables[3], *last;

	CHECK_EQ(vu_mem_fault_install(), 0);
	for (unsigned int t = 0; t < RTE_DIM(tables); t++) {
		for (unsigned int i = 0; i < VU_MAX_MEM_SLOTS; i++)
			regions[i] = memory_region(file, i * PAGE_BYTES, PAGE_BYTES, 0);
		tables[t] = vu_mem_table_create(regions, VU_MAX_MEM_SLOTS, "test");
		CHECK(tables[t] != NULL);
	}
	last = memory_table(last_file, 0, PAGE_BYTES, 0);
	CHECK(last != NULL);
	CHECK_EQ(ftruncate(last_file, 0), 0);
	CHECK_EQ(*(volatile uint8_t *)memory_hva(last, 0), 0);
	CHECK(vu_mem_table_has_failed(last));
	for (unsigned int t = 0; t < RTE_DIM(tables); t++) {
		CHECK(!vu_mem_table_has_failed(tables[t]));
		vu_mem_table_destroy(tables[t]);
	}
	vu_mem_table_destroy(last);
	vu_mem_fault_uninstall();
	vu_fd_close(&file);
	vu_fd_close(&last_file);
}

static sigjmp_buf foreign_jump;
static volatile sig_atomic_t nb_foreign;
static void *volatile foreign_hva;

static void
foreign_escape(int signo, siginfo_t *info, void *context)
{
	RTE_SET_USED(signo);
	RTE_SET_USED(context);
	foreign_hva = info->si_addr;
	nb_foreign++;
	siglongjmp(foreign_jump, 1);
}

static void
foreign_count(int signo)
{
	RTE_SET_USED(signo);
	nb_foreign++;
}

static const struct sigaction escape_action = {
	.sa_sigaction = foreign_escape, .sa_flags = SA_SIGINFO,
};
static const struct sigaction count_action = { .sa_handler = foreign_count };

/* A mapping of an empty file that the register does not know. */
static volatile uint8_t *
foreign_mapping(void)
{
	int file = memory_file(0);
	void *hva = mmap(NULL, 3 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	vu_fd_close(&file);
	return hva;
}

VU_TEST(mem_fault, foreign_fault_reaches_previous_handler)
{
	volatile uint8_t *hva = foreign_mapping();
	struct sigaction saved;

	CHECK(hva != MAP_FAILED);
	CHECK_EQ(sigaction(SIGBUS, &escape_action, &saved), 0);
	CHECK_EQ(vu_mem_fault_install(), 0);
	nb_foreign = 0;
	if (sigsetjmp(foreign_jump, 1) == 0)
		CHECK(hva[5] == 1); /* does not come back */
	CHECK_EQ(nb_foreign, 1);
	CHECK(foreign_hva == hva + 5);
	CHECK(!eventfd_was_signalled());
	vu_mem_fault_uninstall();
	CHECK_EQ(sigaction(SIGBUS, &saved, NULL), 0);
	CHECK_EQ(munmap((void *)(uintptr_t)hva, 3 * PAGE_BYTES), 0);
}

static bool
is_foreign(volatile uint8_t *hva)
{
	nb_foreign = 0;
	if (sigsetjmp(foreign_jump, 1) == 0)
		*hva = 1;
	return nb_foreign != 0;
}

VU_TEST(mem_fault, neighbours_of_a_mapping_are_foreign)
{
	volatile uint8_t *hva = foreign_mapping();
	void *middle = (void *)(uintptr_t)(hva + PAGE_BYTES);
	struct mem_guard *guard;
	struct sigaction saved;

	CHECK(hva != MAP_FAILED);
	CHECK_EQ(sigaction(SIGBUS, &escape_action, &saved), 0);
	CHECK_EQ(vu_mem_fault_install(), 0);
	guard = mem_guard_add(middle, PAGE_BYTES, PAGE_BYTES);
	CHECK(guard != NULL);
	CHECK(is_foreign(hva + PAGE_BYTES - 1));
	CHECK(is_foreign(hva + 2 * PAGE_BYTES));
	CHECK(!mem_guard_has_failed(guard));
	CHECK(!is_foreign(hva + PAGE_BYTES));
	CHECK(!is_foreign(hva + 2 * PAGE_BYTES - 1));
	CHECK(mem_guard_has_failed(guard));

	/* The entry is free again, and fresh for the next mapping. */
	mem_guard_remove(guard);
	CHECK(mem_guard_add(middle, PAGE_BYTES, PAGE_BYTES) == guard);
	CHECK(!mem_guard_has_failed(guard));
	mem_guard_remove(guard);
	vu_mem_fault_uninstall();
	CHECK_EQ(sigaction(SIGBUS, &saved, NULL), 0);
	CHECK_EQ(munmap((void *)(uintptr_t)hva, 3 * PAGE_BYTES), 0);
}

/* A second thread faulted before the memory was there, and gets to its handler long after. */
VU_TEST(mem_fault, late_fault_does_not_clear_memory_again)
{
	int file = memory_file(PAGE_BYTES);
	struct vu_mem_table *table = memory_table(file, 0, PAGE_BYTES, 0);
	volatile uint8_t *hva = memory_hva(table, 0);
	siginfo_t info = { .si_signo = SIGBUS, .si_code = BUS_ADRERR };
	struct sigaction current;

	CHECK_EQ(vu_mem_fault_install(), 0);
	CHECK_EQ(sigaction(SIGBUS, NULL, &current), 0);
	CHECK_EQ(ftruncate(file, 0), 0);
	hva[9] = 9;
	info.si_addr = (void *)(uintptr_t)hva;
	current.sa_sigaction(SIGBUS, &info, NULL);
	CHECK_EQ(hva[9], 9);

	/* A broken page is another matter: without a new one the access would fault for ever. */
	info.si_code = BUS_MCEERR_AR;
	current.sa_sigaction(SIGBUS, &info, NULL);
	CHECK_EQ(hva[9], 0);
	vu_mem_table_destroy(table);
	vu_mem_fault_uninstall();
	vu_fd_close(&file);
}

/* The address of a signal that was sent is no address: here it would name our mapping. */
VU_TEST(mem_fault, sent_signal_reaches_previous_handler)
{
	int file = memory_file(PAGE_BYTES);
	struct vu_mem_table *table = memory_table(file, 0, PAGE_BYTES, 0);
	siginfo_t info = { .si_signo = SIGBUS, .si_code = SI_QUEUE };
	struct sigaction saved;

	CHECK(table != NULL);
	CHECK_EQ(sigaction(SIGBUS, &count_action, &saved), 0);
	CHECK_EQ(vu_mem_fault_install(), 0);
	nb_foreign = 0;
	CHECK_EQ(raise(SIGBUS), 0);
	CHECK_EQ(nb_foreign, 1);
	info.si_addr = memory_hva(table, 0);
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info), 0);
	CHECK_EQ(nb_foreign, 2);
	CHECK(!vu_mem_table_has_failed(table));
	vu_mem_fault_uninstall();
	CHECK_EQ(sigaction(SIGBUS, &saved, NULL), 0);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

static void
install_over(void (*previous)(int))
{
	signal(SIGBUS, previous);
	CHECK_EQ(vu_mem_fault_install(), 0);
}

static void
fault_over_default(void)
{
	install_over(SIG_DFL);
	CHECK_EQ(*foreign_mapping(), 1);
}

static void
raise_over_default(void)
{
	install_over(SIG_DFL);
	CHECK_EQ(raise(SIGBUS), 0);
}

static void
fault_over_ignore(void)
{
	install_over(SIG_IGN);
	CHECK_EQ(*foreign_mapping(), 1);
}

static void
raise_over_ignore(void)
{
	install_over(SIG_IGN);
	CHECK_EQ(raise(SIGBUS), 0);
}

VU_TEST(mem_fault, default_action_is_kept)
{
	int status;

	status = child_run(fault_over_default);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	status = child_run(raise_over_default);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	status = child_run(fault_over_ignore);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	CHECK_EQ(child_run(raise_over_ignore), 0);
}

VU_TEST(mem_fault, installs_are_counted)
{
	struct sigaction before, current;

	CHECK_EQ(vu_mem_fault_eventfd(), -1);
	CHECK_EQ(sigaction(SIGBUS, NULL, &before), 0);
	CHECK_EQ(vu_mem_fault_install(), 0);
	CHECK_EQ(vu_mem_fault_install(), 0);
	vu_mem_fault_uninstall();
	CHECK(vu_mem_fault_eventfd() >= 0);
	CHECK_EQ(sigaction(SIGBUS, NULL, &current), 0);
	CHECK(current.sa_sigaction != before.sa_sigaction);
	vu_mem_fault_uninstall();
	CHECK_EQ(vu_mem_fault_eventfd(), -1);
	CHECK_EQ(sigaction(SIGBUS, NULL, &current), 0);
	CHECK(current.sa_sigaction == before.sa_sigaction);
}

static struct sigaction below_top;

/* A handler put on top of ours, which passes everything down as it should. */
static void
top_handler(int signo, siginfo_t *info, void *context)
{
	nb_foreign++;
	below_top.sa_sigaction(signo, info, context);
}

VU_TEST(mem_fault, survives_a_handler_on_top)
{
	const struct sigaction top = { .sa_sigaction = top_handler, .sa_flags = SA_SIGINFO };
	int file = memory_file(PAGE_BYTES);
	struct vu_mem_table *table = memory_table(file, 0, PAGE_BYTES, 0);
	struct sigaction saved, current;

	CHECK(table != NULL);
	CHECK_EQ(sigaction(SIGBUS, &count_action, &saved), 0);
	CHECK_EQ(vu_mem_fault_install(), 0);
	CHECK_EQ(sigaction(SIGBUS, &top, &below_top), 0);
	vu_mem_fault_uninstall();
	CHECK_EQ(sigaction(SIGBUS, NULL, &current), 0);
	CHECK(current.sa_sigaction == top_handler);

	/* Installed again below the other one: no handler may end up calling itself. */
	CHECK_EQ(vu_mem_fault_install(), 0);
	nb_foreign = 0;
	CHECK_EQ(raise(SIGBUS), 0);
	CHECK_EQ(nb_foreign, 2);
	CHECK_EQ(ftruncate(file, 0), 0);
	CHECK_EQ(*(volatile uint8_t *)memory_hva(table, 0), 0);
	CHECK(vu_mem_table_has_failed(table));

	/* The other one leaves; then so can we. */
	CHECK_EQ(sigaction(SIGBUS, &below_top, NULL), 0);
	vu_mem_fault_uninstall();
	CHECK_EQ(sigaction(SIGBUS, &saved, &current), 0);
	CHECK(current.sa_handler == foreign_count);
	vu_mem_table_destroy(table);
	vu_fd_close(&file);
}

/* mmap() of more than one page fails from here on, as under strict overcommit. */
static const struct sock_filter forbid_large_maps[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 4096, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static void
fault_without_room(void)
{
	int file = memory_file(FILE_BYTES);
	struct vu_mem_table *table = memory_table(file, 0, FILE_BYTES, 0);
	volatile uint8_t *hva = memory_hva(table, 0);

	install_over(SIG_DFL);
	CHECK_EQ(ftruncate(file, 0), 0);
	CHECK_EQ(child_filter(forbid_large_maps, RTE_DIM(forbid_large_maps)), 0);
	for (unsigned int i = 0; i < FILE_BYTES / PAGE_BYTES; i++) {
		hva[i * PAGE_BYTES + 7] = (uint8_t)(i + 1);
		CHECK_EQ(hva[i * PAGE_BYTES + 8], 0);
	}
	for (unsigned int i = 0; i < FILE_BYTES / PAGE_BYTES; i++)
		CHECK_EQ(hva[i * PAGE_BYTES + 7], i + 1);
	CHECK(vu_mem_table_has_failed(table));
	CHECK(eventfd_was_signalled());
	vu_mem_table_destroy(table);
	CHECK_EQ(memory_mapped_bytes(), 0);
}

VU_TEST(mem_fault, page_by_page_where_memory_is_short)
{
	CHECK_EQ(child_run(fault_without_room), 0);
}
