/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Guest memory before and after a burst, and what the log says; see variant_log.h.
 */
#include "variant_log.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "expect.h"
#include "vu_fd.h"

#define PAGE_BYTES 4096
#define NB_PAGES ((FAKE_HIGH_GPA + FAKE_HIGH_BYTES) / PAGE_BYTES)
#define LOG_BYTES (NB_PAGES / 8)
#define MAX_ARENA_PAGES 64

/* Of the one log that is open. */
static struct variant_log *current;
static uint8_t before[RIG_NB_ARENAS][MAX_ARENA_PAGES][PAGE_BYTES];

void
variant_log_open(struct variant_log *log, uint64_t offset_bytes)
{
	log->offset_bytes = offset_bytes;
	log->is_anywhere = false;
	log->fd = vu_fd_memfd("vu-test-log", offset_bytes + LOG_BYTES, 0);
	CHECK(log->fd >= 0);
	log->bytes = mmap(NULL, offset_bytes + LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		log->fd, 0);
	CHECK(log->bytes != MAP_FAILED);
	log->log = vu_mem_log_create(dup(log->fd), LOG_BYTES, offset_bytes);
	CHECK(log->log != NULL);
	current = log;
}

void
variant_log_close(struct variant_log *log)
{
	CHECK_EQ(log->log->nb_misses, 0);
	vu_mem_log_destroy(log->log);
	munmap(log->bytes, log->offset_bytes + LOG_BYTES);
	vu_fd_close(&log->fd);
	current = NULL;
}

/* Take the bit of a page. */
static bool
log_take(uint64_t page)
{
	uint8_t *byte = &current->bytes[current->offset_bytes + page / 8];
	bool is_marked = (*byte >> page % 8 & 1) != 0;

	*byte &= (uint8_t)~(1u << page % 8);
	return is_marked;
}

static const uint8_t *
arena_page(const struct rig_side *side, enum rig_arena arena, unsigned int page)
{
	return fake_guest_ptr(&side->guest, arena_gpa(arena) + (uint64_t)page * PAGE_BYTES);
}

static void
look_before(const struct rig_side *side)
{
	for (unsigned int arena = 0; arena < RIG_NB_ARENAS; arena++) {
		CHECK(arena_bytes(arena) <= sizeof(before[0]));
		for (unsigned int page = 0; page < arena_bytes(arena) / PAGE_BYTES; page++)
			memcpy(before[arena][page], arena_page(side, arena, page), PAGE_BYTES);
	}
}

/* What was changed is marked; what is marked is memory that this ring may write to. */
static void
look_after(const struct rig_side *side)
{
	for (unsigned int arena = 0; arena < RIG_NB_ARENAS; arena++)
		for (unsigned int page = 0; page < arena_bytes(arena) / PAGE_BYTES; page++) {
			bool is_marked = log_take(arena_gpa(arena) / PAGE_BYTES + page);

			if (memcmp(before[arena][page], arena_page(side, arena, page),
					PAGE_BYTES) != 0 && !is_marked)
				expect_fail(__FILE__, __LINE__,
					"page %u of arena %u: changed, not marked", page, arena);
			CHECK(!is_marked || arena != RIG_ARENA_TABLES || current->is_anywhere);
		}
	if (current->is_anywhere)
		memset(&current->bytes[current->offset_bytes], 0, LOG_BYTES);
	for (uint64_t i = 0; i < LOG_BYTES; i++)
		CHECK(current->bytes[current->offset_bytes + i] == 0);
	for (uint64_t i = 0; i < current->offset_bytes; i++)
		CHECK(current->bytes[i] == 0);
}

static uint16_t
logged_dequeue(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t max, uint16_t *nb_frames)
{
	struct rig_side *side = container_of(nq, struct rig_side, nq);
	uint16_t nb;

	look_before(side);
	nb = net_dequeue_any(nq, snap, frames, max, nb_frames);
	look_after(side);
	return nb;
}

static uint16_t
logged_take(struct net_queue *nq, const struct vu_vring_snapshot *snap, const struct net_peek *peek,
	struct rte_mbuf **frames, uint16_t *nb_frames)
{
	struct rig_side *side = container_of(nq, struct rig_side, nq);
	uint16_t nb;

	look_before(side);
	nb = net_take_any(nq, snap, peek, frames, nb_frames);
	look_after(side);
	return nb;
}

static uint16_t
logged_enqueue(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames)
{
	struct rig_side *side = container_of(nq, struct rig_side, nq);
	uint16_t nb;

	look_before(side);
	nb = net_enqueue_any(nq, snap, frames, nb_frames);
	look_after(side);
	return nb;
}

static void
logged_copy(void *dst, const void *src, size_t len_bytes)
{
	net_burst_any.copy(dst, src, len_bytes);
}

static bool
is_logged(const struct vu_vring_snapshot *snap)
{
	return snap->log != NULL;
}

static const struct net_burst_ops logged_ops = {
	.name = "logged", .dequeue = logged_dequeue, .peek = net_peek_any, .take = logged_take,
	.enqueue = logged_enqueue, .copy = logged_copy,
};

const struct net_variant variant_logged = { .ops = &logged_ops, .is_fit = is_logged };
