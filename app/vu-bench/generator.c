/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Guest memory and data path of the generator; see generator.h.
 */
#include "generator.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vu_atomic.h"
#include "vu_fd.h"

#define GEN_BURST 64
#define HUGEPAGE_BYTES (UINT64_C(2) << 20)
#define MAX_MEMORY_BYTES (UINT64_C(512) << 20)
#define BUFFER_BYTES 2048

static void
memory_lay_out(struct gen_memory *memory, const struct bench_case *point, uint32_t max_frame_bytes)
{
	for (int i = 0; i < 2; i++) {
		uint32_t bytes = BUFFER_BYTES;

		/* A frame fits one buffer, unless it may use several. */
		if (i == 1 || !point->is_mergeable)
			bytes = RTE_MAX(bytes, BENCH_HEADER_BYTES + max_frame_bytes);
		memory->room_bytes[i] = bytes;
		/* An odd number of cache lines spreads buffers over all sets of a cache. */
		memory->stride_bytes[i] = RTE_ALIGN_CEIL(bytes, (uint32_t)RTE_CACHE_LINE_SIZE) |
			RTE_CACHE_LINE_SIZE;
	}
	/* As many buffers as a ring has entries, as long as memory for all queues stays small. */
	memory->nb_buffers = point->ring_size;
	while (memory->nb_buffers > point->burst && memory->nb_buffers > 64 &&
			gen_pair_bytes(memory) * point->nb_pairs > MAX_MEMORY_BYTES)
		memory->nb_buffers /= 2;
	memory->bytes = RTE_ALIGN_CEIL(gen_pair_bytes(memory) * point->nb_pairs, HUGEPAGE_BYTES);
}

static int
memory_map(struct gen_memory *memory, uint64_t page_bytes)
{
	void *hva;

	memory->fd = vu_fd_memfd("vu-bench", memory->bytes, page_bytes);
	if (memory->fd < 0)
		return memory->fd;
	hva = mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		memory->fd, 0);
	if (hva == MAP_FAILED) {
		vu_fd_close(&memory->fd);
		return -ENOMEM;
	}
	memory->hva = hva;
	memory->has_hugepages = page_bytes != 0;
	return 0;
}

int
gen_memory_create(struct gen_memory *memory, const struct bench_case *point,
	const struct frame_sizes *sizes)
{
	memory_lay_out(memory, point, sizes->max_bytes);
	return memory_map(memory, HUGEPAGE_BYTES) == 0 ? 0 : memory_map(memory, 0);
}

void
gen_memory_destroy(struct gen_memory *memory)
{
	if (memory->hva == NULL)
		return;
	munmap(memory->hva, memory->bytes);
	vu_fd_close(&memory->fd);
	memory->hva = NULL;
}

static __rte_always_inline void
gen_publish(struct gen_queue *gq)
{
	if (gq->ring != NULL)
		vu_vring_guest_publish(gq->ring);
	else
		/* Lengths before count; pairs with the acquire in copy_nb_ready(). */
		vu_store_release(&gq->flow.given, gq->nb_given);
}

/* Buffers that came back, in the order in which they were given. */
static __rte_always_inline uint16_t
gen_collect(struct gen_queue *gq, struct vu_guest_done *done, uint16_t max)
{
	uint64_t nb;

	if (gq->ring != NULL)
		return vu_vring_guest_collect(gq->ring, done, max);
	/* Pairs with the release in copy_done(). */
	nb = RTE_MIN(vu_load_acquire(&gq->flow.used) - gq->nb_back, (uint64_t)max);
	for (uint16_t i = 0; i < nb; i++) {
		uint64_t slot = (gq->nb_back + i) & (gq->nb_buffers - 1);

		done[i].cookie = (void *)(uintptr_t)slot;
		done[i].len_bytes = gq->flow.lens[slot];
	}
	return (uint16_t)nb;
}

/* The buffer is the one whose turn it is. */
static __rte_always_inline void
gen_check_turn(struct gen_queue *gq, const struct vu_guest_done *done, uint16_t i)
{
	if (unlikely((uintptr_t)done->cookie != ((gq->nb_back + i) & (gq->nb_buffers - 1))))
		gq->nb_faults++;
}

void
gen_take_back(struct gen_queue *gq)
{
	struct vu_guest_done done[GEN_BURST];
	uint16_t nb;

	do {
		nb = gen_collect(gq, done, GEN_BURST);
		for (uint16_t i = 0; i < nb; i++)
			gen_check_turn(gq, &done[i], i);
		gq->nb_back += nb;
	} while (nb == GEN_BURST);
}

/* Header, addresses and number of a frame; the rest of it is in the buffer already. */
static __rte_always_inline uint32_t
gen_write_frame(struct gen_queue *gq, uint64_t number)
{
	uint8_t *buffer = gen_buffer(gq, gq->nb_given);
	uint32_t len_bytes = frame_size(gq->sizes, number);

	memcpy(buffer, gq->prefix, GEN_PREFIX_BYTES);
	memcpy(buffer + BENCH_HEADER_BYTES + FRAME_NUMBER_OFFSET, &number, sizeof(number));
	return BENCH_HEADER_BYTES + len_bytes;
}

/* Put buffers into the ring, or beside it where there is none. */
static __rte_always_inline void
gen_add(struct gen_queue *gq, const struct vu_guest_buf *bufs, uint16_t nb, bool is_writable)
{
	if (gq->ring != NULL) {
		/* There is one descriptor per buffer. */
		gq->nb_faults += vu_vring_guest_add(gq->ring, bufs, nb, is_writable) != nb;
		return;
	}
	for (uint16_t i = 0; i < nb && !is_writable; i++)
		gq->flow.lens[(uintptr_t)bufs[i].cookie] = bufs[i].len_bytes;
}

uint16_t
gen_send(struct gen_queue *gq, uint16_t nb)
{
	struct vu_guest_buf bufs[GEN_BURST];
	uint16_t nb_sent = 0;

	gen_take_back(gq);
	nb = (uint16_t)RTE_MIN(nb, gq->nb_buffers - (uint32_t)(gq->nb_given - gq->nb_back));
	while (nb_sent < nb) {
		uint16_t nb_now = RTE_MIN(nb - nb_sent, GEN_BURST);

		for (uint16_t i = 0; i < nb_now; i++, gq->nb_given++) {
			bufs[i].gpa = (uintptr_t)gen_buffer(gq, gq->nb_given);
			bufs[i].cookie = (void *)(uintptr_t)(gq->nb_given & (gq->nb_buffers - 1));
			bufs[i].len_bytes = gen_write_frame(gq, gq->nb_frames++);
		}
		gen_add(gq, bufs, nb_now, false);
		nb_sent += nb_now;
	}
	gen_publish(gq);
	return nb_sent;
}

/* One used buffer: a frame, or a part of one. */
static __rte_always_inline void
gen_read_buffer(struct gen_queue *gq, const uint8_t *buffer, uint32_t len_bytes)
{
	uint16_t nb_buffers = 1;

	if (gq->nb_left == 0) {
		/* Otherwise a driver does not look, and not every device writes it. */
		if (gq->is_mergeable)
			memcpy(&nb_buffers, buffer + GEN_NB_BUFFERS_OFFSET, sizeof(nb_buffers));
		gq->nb_left = RTE_MAX(nb_buffers, 1);
		gq->frame_bytes = 0;
		gq->nb_faults += nb_buffers == 0 || len_bytes < BENCH_HEADER_BYTES;
	}
	gq->frame_bytes += len_bytes;
	if (--gq->nb_left != 0)
		return;
	if (unlikely(gq->frame_bytes != frame_size(gq->sizes, gq->nb_frames) + BENCH_HEADER_BYTES))
		gq->nb_faults++;
	gq->nb_frames++;
}

uint16_t
gen_receive(struct gen_queue *gq)
{
	struct vu_guest_done done[GEN_BURST];
	struct vu_guest_buf bufs[GEN_BURST];
	uint64_t nb_frames = gq->nb_frames;
	uint16_t nb, nb_total = 0;

	do {
		nb = gen_collect(gq, done, GEN_BURST);
		for (uint16_t i = 0; i < nb; i++) {
			uint8_t *buffer = gen_buffer(gq, gq->nb_back + i);

			gen_check_turn(gq, &done[i], i);
			gen_read_buffer(gq, buffer, done[i].len_bytes);
			bufs[i] = (struct vu_guest_buf){
				.gpa = (uintptr_t)buffer, .cookie = done[i].cookie,
				.len_bytes = gq->room_bytes,
			};
		}
		gq->nb_back += nb;
		gen_add(gq, bufs, nb, true);
		gq->nb_given += nb;
		nb_total += nb;
	} while (nb == GEN_BURST && nb_total < BENCH_MAX_BURST);
	if (nb_total != 0)
		gen_publish(gq);
	return (uint16_t)(gq->nb_frames - nb_frames);
}

void
gen_post(struct gen_queue *gq)
{
	for (; gq->nb_given < gq->nb_buffers; gq->nb_given++) {
		struct vu_guest_buf buf = {
			.gpa = (uintptr_t)gen_buffer(gq, gq->nb_given),
			.cookie = (void *)(uintptr_t)gq->nb_given,
			.len_bytes = gq->room_bytes,
		};

		gen_add(gq, &buf, 1, true);
	}
	gen_publish(gq);
}
