/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Data path of the front half; see front.h.
 */
#include "front.h"

#include <string.h>

#include <rte_common.h>

#include "vu_atomic.h"

#define FRONT_BURST 64
#define FRONT_POISON 0x5a
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

/*
 * Header, addresses and number of a frame; the rest of it is in the buffer already, unless checked.
 */
static __rte_always_inline uint32_t
front_write_frame(struct front_queue *fq, uint64_t number, const bool is_checked)
{
	uint8_t *buffer = front_buffer(fq, fq->nb_given);
	uint32_t len_bytes = frame_size(fq->sizes, number);

	memcpy(buffer, fq->prefix, FRONT_PREFIX_BYTES);
	if (is_checked)
		frame_fill_number(buffer + BENCH_HEADER_BYTES, len_bytes, fq->port, number);
	else
		memcpy(buffer + BENCH_HEADER_BYTES + FRAME_NUMBER_OFFSET, &number,
			sizeof(number));
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

static __rte_always_inline uint16_t
front_send_frames(struct front_queue *fq, uint16_t nb, const bool is_checked)
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
			bufs[i].len_bytes = front_write_frame(fq, fq->nb_frames++,
				is_checked);
		}
		front_add(fq, bufs, nb_now, false);
		nb_sent += nb_now;
	}
	front_publish(fq);
	return nb_sent;
}

uint16_t
front_send(struct front_queue *fq, uint16_t nb)
{
	return front_send_frames(fq, nb, false);
}

uint16_t
front_send_checked(struct front_queue *fq, uint16_t nb)
{
	return front_send_frames(fq, nb, true);
}

/* Put a piece of a frame behind the others; a whole one must be the next one. */
static void
front_check_piece(struct front_queue *fq, const uint8_t *buffer, uint32_t len_bytes, bool is_last)
{
	uint32_t left_bytes = BENCH_HEADER_BYTES + BENCH_MAX_FRAME_BYTES - fq->frame_bytes;

	/* The device may say any length. */
	memcpy(fq->scratch + fq->frame_bytes, buffer,
		RTE_MIN(RTE_MIN(len_bytes, left_bytes), fq->room_bytes));
	if (is_last && (len_bytes > left_bytes ||
			!frame_is_number(fq->scratch + BENCH_HEADER_BYTES,
				fq->frame_bytes + len_bytes - BENCH_HEADER_BYTES, fq->port,
				fq->nb_frames)))
		fq->nb_faults++;
}

/* One used buffer: a frame, or a part of one. */
static __rte_always_inline void
front_read_buffer(struct front_queue *fq, const uint8_t *buffer, uint32_t len_bytes,
	const bool is_checked)
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
	if (is_checked)
		front_check_piece(fq, buffer, len_bytes, fq->nb_left == 1);
	fq->frame_bytes += len_bytes;
	if (--fq->nb_left != 0)
		return;
	if (unlikely(fq->frame_bytes != frame_size(fq->sizes, fq->nb_frames) + BENCH_HEADER_BYTES))
		fq->nb_faults++;
	fq->nb_frames++;
}

static __rte_always_inline uint16_t
front_receive_frames(struct front_queue *fq, const bool is_checked)
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
			front_read_buffer(fq, buffer, done[i].len_bytes, is_checked);
			/* What is not written must not look right next time. */
			if (is_checked)
				memset(buffer, FRONT_POISON,
					RTE_MIN(done[i].len_bytes, fq->room_bytes));
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

uint16_t
front_receive(struct front_queue *fq)
{
	return front_receive_frames(fq, false);
}

uint16_t
front_receive_checked(struct front_queue *fq)
{
	return front_receive_frames(fq, true);
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
