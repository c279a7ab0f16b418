/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Data path of the front half; see front.h.
 */
#include "front.h"

#include <string.h>

#include <rte_common.h>

#include "vu_atomic.h"

#define FRONT_BURST 64
#define HEADER_NB_BUFFERS_OFFSET 10

static __rte_always_inline void
front_publish(struct front_queue *fq)
{
	if (fq->ring != NULL)
		vu_vring_guest_publish(fq->ring);
	else
		/* Lengths before count; pairs with the acquire in limit_ready(). */
		vu_store_release(&fq->flow.given, fq->nb_given);
}

/* Buffers that came back, in the order in which they were given. */
static __rte_always_inline uint16_t
front_collect(struct front_queue *fq, struct vu_guest_done *done, uint16_t max)
{
	uint64_t nb;

	if (fq->ring != NULL)
		return vu_vring_guest_collect(fq->ring, done, max);
	/* Pairs with the release in limit_done(). */
	nb = RTE_MIN(vu_load_acquire(&fq->flow.used) - fq->nb_back, (uint64_t)max);
	for (uint16_t i = 0; i < nb; i++) {
		uint64_t slot = (fq->nb_back + i) & (fq->nb_buffers - 1);

		done[i].cookie = (void *)(uintptr_t)slot;
		done[i].len_bytes = fq->flow.lens[slot];
	}
	return (uint16_t)nb;
}

/* The buffer is the one whose turn it is. */
static __rte_always_inline void
front_check_turn(struct front_queue *fq, const struct vu_guest_done *done, uint16_t i)
{
	if (unlikely((uintptr_t)done->cookie != ((fq->nb_back + i) & (fq->nb_buffers - 1))))
		fq->nb_faults++;
}

void
front_take_back(struct front_queue *fq)
{
	struct vu_guest_done done[FRONT_BURST];
	uint16_t nb;

	do {
		nb = front_collect(fq, done, FRONT_BURST);
		for (uint16_t i = 0; i < nb; i++)
			front_check_turn(fq, &done[i], i);
		fq->nb_back += nb;
	} while (nb == FRONT_BURST);
}

/* Header, addresses and number of a frame; the rest of it is in the buffer already. */
static __rte_always_inline uint32_t
front_write_frame(struct front_queue *fq, uint64_t number)
{
	uint8_t *buffer = front_buffer(fq, fq->nb_given);
	uint32_t len_bytes = frame_size(fq->sizes, number);

	memcpy(buffer, fq->prefix, FRONT_PREFIX_BYTES);
	memcpy(buffer + BENCH_HEADER_BYTES + FRAME_NUMBER_OFFSET, &number, sizeof(number));
	return BENCH_HEADER_BYTES + len_bytes;
}

/* Put buffers into the ring, or beside it where there is none. */
static __rte_always_inline void
front_add(struct front_queue *fq, const struct vu_guest_buf *bufs, uint16_t nb, bool is_writable)
{
	if (fq->ring != NULL) {
		/* There is one descriptor per buffer. */
		fq->nb_faults += vu_vring_guest_add(fq->ring, bufs, nb, is_writable) != nb;
		return;
	}
	for (uint16_t i = 0; i < nb && !is_writable; i++)
		fq->flow.lens[(uintptr_t)bufs[i].cookie] = bufs[i].len_bytes;
}

uint16_t
front_send(struct front_queue *fq, uint16_t nb)
{
	struct vu_guest_buf bufs[FRONT_BURST];
	uint16_t nb_sent = 0;

	front_take_back(fq);
	nb = (uint16_t)RTE_MIN(nb, fq->nb_buffers - (uint32_t)(fq->nb_given - fq->nb_back));
	while (nb_sent < nb) {
		uint16_t nb_now = RTE_MIN(nb - nb_sent, FRONT_BURST);

		for (uint16_t i = 0; i < nb_now; i++, fq->nb_given++) {
			bufs[i].gpa = (uintptr_t)front_buffer(fq, fq->nb_given);
			bufs[i].cookie = (void *)(uintptr_t)(fq->nb_given & (fq->nb_buffers - 1));
			bufs[i].len_bytes = front_write_frame(fq, fq->nb_frames++);
		}
		front_add(fq, bufs, nb_now, false);
		nb_sent += nb_now;
	}
	front_publish(fq);
	return nb_sent;
}

/* One used buffer: a frame, or a part of one. */
static __rte_always_inline void
front_read_buffer(struct front_queue *fq, const uint8_t *buffer, uint32_t len_bytes)
{
	uint16_t nb_buffers = 1;

	if (fq->nb_left == 0) {
		/* Otherwise a driver does not look, and not every device writes it. */
		if (fq->is_mergeable)
			memcpy(&nb_buffers, buffer + HEADER_NB_BUFFERS_OFFSET, sizeof(nb_buffers));
		fq->nb_left = RTE_MAX(nb_buffers, 1);
		fq->frame_bytes = 0;
		fq->nb_faults += nb_buffers == 0 || len_bytes < BENCH_HEADER_BYTES;
	}
	fq->frame_bytes += len_bytes;
	if (--fq->nb_left != 0)
		return;
	if (unlikely(fq->frame_bytes != frame_size(fq->sizes, fq->nb_frames) + BENCH_HEADER_BYTES))
		fq->nb_faults++;
	fq->nb_frames++;
}

uint16_t
front_receive(struct front_queue *fq)
{
	struct vu_guest_done done[FRONT_BURST];
	struct vu_guest_buf bufs[FRONT_BURST];
	uint64_t nb_frames = fq->nb_frames;
	uint16_t nb, nb_total = 0;

	do {
		nb = front_collect(fq, done, FRONT_BURST);
		for (uint16_t i = 0; i < nb; i++) {
			uint8_t *buffer = front_buffer(fq, fq->nb_back + i);

			front_check_turn(fq, &done[i], i);
			front_read_buffer(fq, buffer, done[i].len_bytes);
			bufs[i] = (struct vu_guest_buf){
				.gpa = (uintptr_t)buffer, .cookie = done[i].cookie,
				.len_bytes = fq->room_bytes,
			};
		}
		fq->nb_back += nb;
		front_add(fq, bufs, nb, true);
		fq->nb_given += nb;
		nb_total += nb;
	} while (nb == FRONT_BURST && nb_total < BENCH_MAX_BURST);
	if (nb_total != 0)
		front_publish(fq);
	return (uint16_t)(fq->nb_frames - nb_frames);
}

void
front_post(struct front_queue *fq)
{
	for (; fq->nb_given < fq->nb_buffers; fq->nb_given++) {
		struct vu_guest_buf buf = {
			.gpa = (uintptr_t)front_buffer(fq, fq->nb_given),
			.cookie = (void *)(uintptr_t)fq->nb_given,
			.len_bytes = fq->room_bytes,
		};

		front_add(fq, &buf, 1, true);
	}
	front_publish(fq);
}
