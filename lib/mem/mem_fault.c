/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SIGBUS guard and the register of mappings behind it. The handler runs on whatever thread faulted,
 * several at once; it takes no lock and makes no call but mmap(2), write(2) and, on the way to the
 * default action, sigaction(2) and raise(3). Entries are changed by control lcores only, while
 * nobody can touch their mapping; a handler that searches for another one meets them at any time.
 */
#include "vu_mem_fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_debug.h>

#include "vu_atomic.h"
#include "vu_fd.h"

#include "mem_fault.h"

#define CHUNK_GUARDS 1024

enum guard_state {
	GUARD_LIVE,      /* shows the front-end's file */
	GUARD_REPLACING, /* one thread is in mmap() for it; others repeat their access */
	GUARD_FAILED,    /* anonymous memory everywhere */
	GUARD_PIECEWISE, /* no room for that: each page is replaced when touched */
};

struct mem_guard {
	uint32_t version; /* odd while control changes the entry */
	uint32_t state;   /* enum guard_state, handlers write */
	uint64_t base;
	uint64_t len;     /* 0: free entry */
	uint64_t page_bytes;
};

/* Never freed: a handler may be anywhere in the list. */
struct guard_chunk {
	struct guard_chunk *next;
	uint32_t nb_used; /* entries from here on were never in use */
	struct mem_guard guards[CHUNK_GUARDS];
};

static struct guard_chunk first_chunk;

static struct {
	pthread_mutex_t lock;   /* among control lcores; no handler takes it */
	unsigned int nb_users;  /* installs minus uninstalls */
	bool is_resident;       /* our handler is the process's, or hidden under another */
	int eventfd;            /* handlers read */
	struct sigaction previous; /* fixed while our handler is resident */
} fault = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.eventfd = VU_FD_NONE,
};

/* A version that did not change proves that base, len and page_bytes belong together: each of them
 * is stored with release after the odd version and loaded with acquire before the second look.
 */
static bool
guard_read(const struct mem_guard *guard, struct mem_guard *copy)
{
	uint32_t version = vu_load_acquire(&guard->version);

	copy->base = vu_load_acquire(&guard->base);
	copy->len = vu_load_acquire(&guard->len);
	copy->page_bytes = vu_load_acquire(&guard->page_bytes);
	return (version & 1) == 0 && vu_load(&guard->version) == version;
}

static void
guard_write(struct mem_guard *guard, uint64_t base, uint64_t len, uint64_t page_bytes)
{
	uint32_t version = vu_load(&guard->version);

	/* All releases below pair with the acquires in guard_read(). */
	vu_store(&guard->version, version + 1);
	vu_store_release(&guard->base, base);
	vu_store_release(&guard->len, len);
	vu_store_release(&guard->page_bytes, page_bytes);
	vu_store_release(&guard->state, (uint32_t)GUARD_LIVE);
	vu_store_release(&guard->version, version + 2);
}

static struct mem_guard *
chunk_find(struct guard_chunk *chunk, uint64_t hva, struct mem_guard *copy)
{
	/* Pairs with the release in chunk_take(). */
	uint32_t nb_used = vu_load_acquire(&chunk->nb_used);

	for (uint32_t i = 0; i < nb_used; i++)
		if (guard_read(&chunk->guards[i], copy) && hva - copy->base < copy->len)
			return &chunk->guards[i];
	return NULL;
}

static struct mem_guard *
guard_find(uint64_t hva, struct mem_guard *copy)
{
	struct mem_guard *guard = NULL;
	struct guard_chunk *chunk;

	/* Pairs with the release in guard_take(). */
	for (chunk = &first_chunk; chunk != NULL && guard == NULL;
			chunk = vu_load_acquire(&chunk->next))
		guard = chunk_find(chunk, hva, copy);
	return guard;
}

static bool
memory_replace(uint64_t base, uint64_t len)
{
	return mmap((void *)(uintptr_t)base, len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static bool
page_replace(const struct mem_guard *area, uint64_t hva)
{
	return memory_replace(hva & ~(area->page_bytes - 1), area->page_bytes);
}

/* Returns true if the access is worth repeating. */
static bool
guard_fail(struct mem_guard *guard, const struct mem_guard *area, const siginfo_t *info)
{
	uint64_t hva = (uintptr_t)info->si_addr;
	uint32_t state = vu_load_acquire(&guard->state);

	if (state == GUARD_PIECEWISE)
		return page_replace(area, hva);
	/* Too late, the memory is there already; but a broken page of it needs another one. */
	if (state == GUARD_REPLACING || (state == GUARD_FAILED && info->si_code != BUS_MCEERR_AR))
		return true;
	/* The loser repeats its access, and so waits for the winner. */
	if (!__atomic_compare_exchange_n(&guard->state, &state, (uint32_t)GUARD_REPLACING, false,
			__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return true;

	state = memory_replace(area->base, area->len) ? GUARD_FAILED : GUARD_PIECEWISE;
	/* Pairs with the acquire above and in mem_guard_has_failed(). */
	vu_store_release(&guard->state, state);
	vu_fd_signal(vu_load(&fault.eventfd));
	return state == GUARD_FAILED || page_replace(area, hva);
}

/* An access raised it, as opposed to a process that sent it or a patrol scrubber that found it. */
static bool
is_synchronous(const siginfo_t *info)
{
	return info->si_code == BUS_ADRALN || info->si_code == BUS_ADRERR ||
		info->si_code == BUS_OBJERR || info->si_code == BUS_MCEERR_AR;
}

static void
default_action(int signo, const siginfo_t *info)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };

	sigaction(signo, &by_default, NULL);
	/* A repeated access faults where the core dump should point; a signal sent is used up. */
	if (!is_synchronous(info))
		raise(signo);
}

static void
fault_forward(int signo, siginfo_t *info, void *context)
{
	const struct sigaction *previous = &fault.previous;

	if (previous->sa_handler == SIG_IGN && !is_synchronous(info))
		return;
	if (previous->sa_handler == SIG_DFL || previous->sa_handler == SIG_IGN)
		default_action(signo, info);
	else if (previous->sa_flags & SA_SIGINFO)
		previous->sa_sigaction(signo, info, context);
	else
		previous->sa_handler(signo);
}

static void
fault_handle(int signo, siginfo_t *info, void *context)
{
	struct mem_guard *guard = NULL;
	struct mem_guard area = { 0 };
	int saved_errno = errno;

	if (info->si_code == BUS_ADRERR || info->si_code == BUS_MCEERR_AR)
		guard = guard_find((uintptr_t)info->si_addr, &area);
	if (guard == NULL || !guard_fail(guard, &area, info))
		fault_forward(signo, info, context);
	errno = saved_errno;
}

static struct mem_guard *
chunk_take(struct guard_chunk *chunk)
{
	for (uint32_t i = 0; i < chunk->nb_used; i++)
		if (chunk->guards[i].len == 0)
			return &chunk->guards[i];
	if (chunk->nb_used == CHUNK_GUARDS)
		return NULL;
	/* Pairs with the acquire in chunk_find(): an unused entry reads as free. */
	vu_store_release(&chunk->nb_used, chunk->nb_used + 1);
	return &chunk->guards[chunk->nb_used - 1];
}

static struct mem_guard *
guard_take(void)
{
	struct guard_chunk *chunk = &first_chunk;
	struct mem_guard *guard;

	while ((guard = chunk_take(chunk)) == NULL) {
		if (chunk->next == NULL) {
			struct guard_chunk *next = calloc(1, sizeof(*next));

			if (next == NULL)
				return NULL;
			/* Pairs with the acquire in guard_find(). */
			vu_store_release(&chunk->next, next);
		}
		chunk = chunk->next;
	}
	return guard;
}

struct mem_guard *
mem_guard_add(void *base, uint64_t len_bytes, uint64_t page_bytes)
{
	struct mem_guard *guard;

	pthread_mutex_lock(&fault.lock);
	guard = guard_take();
	if (guard != NULL)
		guard_write(guard, (uintptr_t)base, len_bytes, page_bytes);
	pthread_mutex_unlock(&fault.lock);
	return guard;
}

void
mem_guard_remove(struct mem_guard *guard)
{
	pthread_mutex_lock(&fault.lock);
	guard_write(guard, 0, 0, 0);
	pthread_mutex_unlock(&fault.lock);
}

bool
mem_guard_has_failed(const struct mem_guard *guard)
{
	/* Pairs with the release in guard_fail(). */
	return vu_load_acquire(&guard->state) != GUARD_LIVE;
}

static int
handler_install(void)
{
	struct sigaction ours = { .sa_sigaction = fault_handle };

	/* Known before the first fault can need it. */
	if (sigaction(SIGBUS, NULL, &fault.previous) < 0)
		return -errno;
	/* The previous handler runs inside ours: under the mask and the rules that it asked for. */
	ours.sa_mask = fault.previous.sa_mask;
	ours.sa_flags = (fault.previous.sa_flags & (SA_RESTART | SA_NODEFER)) |
		SA_SIGINFO | SA_ONSTACK;
	return sigaction(SIGBUS, &ours, NULL) < 0 ? -errno : 0;
}

static void
handler_uninstall(void)
{
	struct sigaction current;

	/* Somebody on top of us may call us: then there is nothing that can be restored safely. */
	if (sigaction(SIGBUS, NULL, &current) < 0 || !(current.sa_flags & SA_SIGINFO) ||
			current.sa_sigaction != fault_handle)
		return;
	sigaction(SIGBUS, &fault.previous, NULL);
	fault.is_resident = false;
}

static int
guard_start(void)
{
	int fd, rc = 0;

	fd = vu_fd_eventfd();
	if (fd < 0)
		return fd;
	vu_store(&fault.eventfd, fd);
	if (!fault.is_resident)
		rc = handler_install();
	if (rc == 0)
		fault.is_resident = true;
	else
		vu_fd_close(&fault.eventfd);
	return rc;
}

int
vu_mem_fault_install(void)
{
	int rc = 0;

	pthread_mutex_lock(&fault.lock);
	if (fault.nb_users == 0)
		rc = guard_start();
	if (rc == 0)
		fault.nb_users++;
	pthread_mutex_unlock(&fault.lock);
	return rc;
}

void
vu_mem_fault_uninstall(void)
{
	int fd;

	pthread_mutex_lock(&fault.lock);
	RTE_VERIFY(fault.nb_users > 0);
	if (--fault.nb_users == 0) {
		handler_uninstall();
		/* A handler that stays under another one must not write to a number reused. */
		fd = vu_fd_take(&fault.eventfd);
		vu_fd_close(&fd);
	}
	pthread_mutex_unlock(&fault.lock);
}

int
vu_mem_fault_eventfd(void)
{
	return vu_load(&fault.eventfd);
}
