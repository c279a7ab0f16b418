/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rounds on one lcore; see round.h. Everything around the call of the back half is the same code
 * for all of them: allocation, lengths, and bulk free included. The clock is read behind a full
 * barrier, so that no half is charged for stores and loads of the other.
 */
#include "round.h"

#include <rte_branch_prediction.h>
#include <rte_cycles.h>

/* A frame of the application: content is what the mbuf held before, the length is set. */
static __rte_noinline bool
frames_alloc_long(const struct round_conf *conf, struct rte_mbuf *frame, uint32_t len_bytes)
{
	struct rte_mbuf *tail = frame;

	frame->pkt_len = len_bytes;
	for (;;) {
		uint32_t nb = RTE_MIN(len_bytes, (uint32_t)rte_pktmbuf_tailroom(tail));

		tail->data_len = (uint16_t)nb;
		len_bytes -= nb;
		if (len_bytes == 0)
			return true;
		tail->next = rte_pktmbuf_alloc(conf->pool);
		if (tail->next == NULL)
			return false;
		tail = tail->next;
		frame->nb_segs++;
	}
}

static __rte_always_inline void
frames_alloc(const struct round_conf *conf, uint64_t number, struct rte_mbuf **frames, uint16_t nb)
{
	/* The pool is far larger than what is in use at a time. */
	RTE_VERIFY(rte_pktmbuf_alloc_bulk(conf->pool, frames, nb) == 0);
	for (uint16_t i = 0; i < nb; i++) {
		uint32_t len_bytes = frame_size(conf->sizes, number + i);

		if (unlikely(len_bytes > rte_pktmbuf_tailroom(frames[i]))) {
			RTE_VERIFY(frames_alloc_long(conf, frames[i], len_bytes));
			continue;
		}
		frames[i]->data_len = (uint16_t)len_bytes;
		frames[i]->pkt_len = len_bytes;
	}
}

/* The three loads: what one turn of the back half does to one pair of queues. */

static __rte_always_inline uint16_t
turn_from_guest(struct side *side, const struct round_conf *conf, uint32_t pair)
{
	struct rte_mbuf *frames[BENCH_MAX_BURST];
	uint16_t nb = side->ops->from_guest(side->handles[2 * pair + 1], frames,
		(uint16_t)conf->point->burst);

	rte_pktmbuf_free_bulk(frames, nb);
	return nb;
}

static __rte_always_inline uint16_t
turn_to_guest(struct side *side, const struct round_conf *conf, uint32_t pair)
{
	struct rte_mbuf *frames[BENCH_MAX_BURST];
	uint16_t nb = (uint16_t)conf->point->burst;
	uint16_t nb_put;

	frames_alloc(conf, side->front.queues[2 * pair].nb_frames, frames, nb);
	nb_put = side->ops->to_guest(side->handles[2 * pair], frames, nb);
	rte_pktmbuf_free_bulk(frames, nb);
	return nb_put;
}

static __rte_always_inline uint16_t
turn_both(struct side *side, const struct round_conf *conf, uint32_t pair)
{
	struct rte_mbuf *frames[BENCH_MAX_BURST];
	uint16_t nb = side->ops->from_guest(side->handles[2 * pair + 1], frames,
		(uint16_t)conf->point->burst);
	uint16_t nb_put = side->ops->to_guest(side->handles[2 * pair], frames, nb);

	rte_pktmbuf_free_bulk(frames, nb);
	return nb_put;
}

typedef uint16_t (*turn_fn)(struct side *side, const struct round_conf *conf, uint32_t pair);

/* One turn, clock in hand: front half before, back half, front half after. */
static __rte_always_inline void
round_turn(struct side *side, const struct round_conf *conf, uint32_t pair,
	struct round_result *result, const enum bench_direction direction)
{
	const turn_fn turn = direction == BENCH_FROM_GUEST ? turn_from_guest :
		direction == BENCH_TO_GUEST ? turn_to_guest : turn_both;
	struct front_queue *fq = &side->front.queues[2 * pair];
	uint16_t burst = (uint16_t)conf->point->burst;
	uint64_t start = rte_rdtsc_precise();
	uint64_t before, after, end;
	uint16_t nb_in = burst, nb_out;

	if (direction != BENCH_TO_GUEST)
		nb_in = front_send(&fq[1], burst);
	before = rte_rdtsc_precise();
	nb_out = turn(side, conf, pair);
	after = rte_rdtsc_precise();
	if (direction != BENCH_FROM_GUEST)
		nb_out = front_receive(fq);
	end = rte_rdtsc_precise();
	result->nb_frames += nb_out;
	/* What the queue still held would come out at the next turn: none of it may be missing. */
	result->nb_lost += (uint64_t)(burst - nb_in) + (uint64_t)(nb_in - RTE_MIN(nb_in, nb_out));
	result->back_cycles += after - before - conf->clock_cycles;
	result->front_cycles += (before - start) + (end - after) - 2 * conf->clock_cycles;
}

static __rte_always_inline void
round_loop(struct side *side, const struct round_conf *conf, struct round_result *result,
	const enum bench_direction direction)
{
	uint64_t end = rte_rdtsc() + conf->cycles;
	uint32_t pair = 0;

	do {
		round_turn(side, conf, pair, result, direction);
		pair = pair + 1 == conf->point->nb_pairs ? 0 : pair + 1;
	} while (rte_rdtsc() < end);
}

static uint64_t
front_faults(const struct front *front)
{
	uint64_t nb = 0;

	for (uint32_t i = 0; i < 2 * front->nb_pairs; i++) {
		const struct front_queue *fq = &front->queues[i];

		nb += fq->nb_faults + (fq->ring != NULL && fq->ring->is_broken);
	}
	return nb;
}

void
round_run(struct side *side, const struct round_conf *conf, struct round_result *result)
{
	uint64_t nb_faults = front_faults(&side->front);

	*result = (struct round_result){ 0 };
	if (conf->point->direction == BENCH_FROM_GUEST)
		round_loop(side, conf, result, BENCH_FROM_GUEST);
	else if (conf->point->direction == BENCH_TO_GUEST)
		round_loop(side, conf, result, BENCH_TO_GUEST);
	else
		round_loop(side, conf, result, BENCH_BOTH);
	result->nb_lost += front_faults(&side->front) - nb_faults;
}

uint64_t
round_clock_cycles(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < 10000; i++) {
		uint64_t start = rte_rdtsc_precise();

		least = RTE_MIN(least, rte_rdtsc_precise() - start);
	}
	return least;
}
