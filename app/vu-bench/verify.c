/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Verification; see verify.h. What the guest sends is compared here, what it receives by the front
 * half.
 */
#include "verify.h"

#include <stdlib.h>

#include <rte_random.h>

/* Turns without a frame before a back half counts as dead. */
#define VERIFY_PATIENCE 1000

struct verify {
	struct side *side;
	const struct load_conf *conf;
	uint64_t *next;    /* number of the next frame from each pair's guest */
	uint64_t nb_wrong;
};

static uint16_t
verify_draw(const struct verify *verify)
{
	return (uint16_t)(1 + rte_rand_max(verify->conf->point->burst));
}

static void
verify_frame(struct verify *verify, uint32_t pair, const struct rte_mbuf *frame)
{
	uint8_t copy[BENCH_MAX_FRAME_BYTES];
	uint64_t number = verify->next[pair]++;
	uint32_t port = verify->side->front.queues[2 * pair].port;
	const uint8_t *bytes = NULL;

	if (frame->pkt_len <= sizeof(copy))
		bytes = rte_pktmbuf_read(frame, 0, frame->pkt_len, copy);
	if (bytes == NULL || frame->pkt_len != frame_size(verify->conf->sizes, number) ||
			!frame_is_number(bytes, frame->pkt_len, port, number))
		verify->nb_wrong++;
}

static uint16_t
verify_take(struct verify *verify, uint32_t pair, struct rte_mbuf **frames)
{
	struct side *side = verify->side;
	uint16_t nb = side->ops->from_guest(side->handles[2 * pair + 1], frames,
		verify_draw(verify));

	for (uint16_t i = 0; i < nb; i++)
		verify_frame(verify, pair, frames[i]);
	side->nb_taken += nb;
	return nb;
}

/* Content of a frame of ours, over all its mbufs. */
static void
verify_write(const struct verify *verify, uint32_t port, uint64_t number, struct rte_mbuf *frame)
{
	uint8_t content[BENCH_MAX_FRAME_BYTES];
	uint32_t len_bytes = frame_size(verify->conf->sizes, number);
	uint32_t offset = 0;

	frame_fill_number(content, len_bytes, port, number);
	for (; frame != NULL; frame = frame->next) {
		memcpy(rte_pktmbuf_mtod(frame, void *), content + offset, frame->data_len);
		offset += frame->data_len;
	}
}

static uint16_t
verify_make(struct verify *verify, uint32_t pair, struct rte_mbuf **frames)
{
	uint16_t nb = verify_draw(verify);
	uint64_t number = verify->side->numbers[pair];

	load_alloc(verify->conf, number, frames, nb);
	for (uint16_t i = 0; i < nb; i++)
		verify_write(verify, verify->side->front.queues[2 * pair].port, number + i,
			frames[i]);
	return nb;
}

static uint16_t
verify_put(struct verify *verify, uint32_t pair, struct rte_mbuf **frames, uint16_t nb)
{
	struct side *side = verify->side;
	uint16_t nb_put = nb == 0 ? 0 : side->ops->to_guest(side->handles[2 * pair], frames, nb);

	side->numbers[pair] += nb_put;
	side->nb_put += nb_put;
	return nb_put;
}

/* What the guest sends in a turn. */
static void
verify_send(struct verify *verify, struct front_queue *fq)
{
	enum bench_direction direction = verify->conf->point->direction;
	uint64_t nb_out = fq[1].nb_frames - fq[0].nb_frames;

	/* Of frames that reach a guest, no more than will find room: the order must stay. */
	if (direction == BENCH_FROM_GUEST || (bench_is_through(direction) &&
			nb_out + verify->conf->point->burst <= fq[0].max_frames))
		front_send_checked(&fq[1], verify_draw(verify));
	else if (bench_is_through(direction) && nb_out == 0)
		front_send_checked(&fq[1], 1);
}

/* @return frames that went through the application, or past it */
static uint32_t
verify_carry(struct verify *verify, uint32_t pair)
{
	enum bench_direction direction = verify->conf->point->direction;
	struct rte_mbuf *frames[BENCH_MAX_BURST];
	uint16_t nb, nb_put = 0;

	if (direction == BENCH_GUEST_TO_GUEST)
		return load_guest_to_guest(verify->side, verify->conf, pair);
	nb = direction == BENCH_TO_GUEST ? verify_make(verify, pair, frames) :
		verify_take(verify, pair, frames);
	if (direction != BENCH_FROM_GUEST)
		nb_put = verify_put(verify, pair, frames, nb);
	rte_pktmbuf_free_bulk(frames, nb);
	return direction == BENCH_FROM_GUEST ? nb : nb_put;
}

/* @return frames carried */
static uint32_t
verify_turn(struct verify *verify, uint32_t pair)
{
	struct front_queue *fq = &verify->side->front.queues[2 * pair];
	uint32_t nb;

	verify_send(verify, fq);
	nb = verify_carry(verify, pair);
	/* Sometimes late, so that rings fill up. */
	if (rte_rand_max(4) != 0)
		front_receive_checked(fq);
	return nb;
}

/* What is still in the rings. */
static void
verify_drain(struct verify *verify, uint32_t pair)
{
	struct front_queue *fq = &verify->side->front.queues[2 * pair];
	struct rte_mbuf *frames[BENCH_MAX_BURST];
	uint16_t nb;

	while (front_receive_checked(fq) != 0)
		;
	while (verify->conf->point->direction == BENCH_GUEST_TO_GUEST &&
			load_guest_to_guest(verify->side, verify->conf, pair) != 0)
		front_receive_checked(fq);
	while ((nb = verify_take(verify, pair, frames)) != 0) {
		if (verify->conf->point->direction == BENCH_BOTH)
			verify_put(verify, pair, frames, nb);
		rte_pktmbuf_free_bulk(frames, nb);
		front_receive_checked(fq);
	}
	while (front_receive_checked(fq) != 0)
		;
}

uint64_t
verify_run(struct side *side, const struct load_conf *conf, uint64_t nb_frames, uint64_t *nb_wrong)
{
	struct verify verify = { .side = side, .conf = conf };
	uint64_t nb_carried = 0;
	unsigned int nb_idle = 0;

	verify.next = calloc(side->front.nb_pairs, sizeof(*verify.next));
	if (verify.next == NULL)
		return 0;
	while (nb_carried < nb_frames && nb_idle < VERIFY_PATIENCE) {
		uint32_t nb = verify_turn(&verify,
			(uint32_t)rte_rand_max(side->front.nb_pairs));

		nb_carried += nb;
		nb_idle = nb == 0 ? nb_idle + 1 : 0;
	}
	for (uint32_t pair = 0; pair < side->front.nb_pairs; pair++)
		verify_drain(&verify, pair);
	free(verify.next);
	*nb_wrong = verify.nb_wrong;
	return nb_carried;
}
