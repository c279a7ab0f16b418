/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Verification; see verify.h. The generator is vu-bench's own: a test fills the buffers that it is
 * about to send, and compares those that it has just received, which nobody writes to before the
 * back-end is called again.
 */
#include "verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_random.h>

#include "subject.h"

/* Turns without a frame before a back-end counts as dead. */
#define VERIFY_PATIENCE 1000
#define VERIFY_POISON 0x5a
#define VERIFY_NB_MBUFS 4095

/* What is expected of one pair of queues. */
struct verify_pair {
	uint64_t next_sent;     /* number of the next frame from the guest */
	uint64_t next_received; /* number of the next one to the guest */
	uint32_t offset_bytes;  /* of that: in buffers that came back, header included */
	uint8_t right[BENCH_HEADER_BYTES + BENCH_MAX_FRAME_BYTES];
};

struct verify {
	const struct bench_case *point;
	struct gen_memory memory;
	struct subject subject;
	struct verify_pair *pairs;
	struct verify_result result;
};

void
verify_fill(uint8_t *frame, uint32_t len_bytes, uint32_t port, uint64_t number)
{
	uint64_t mix = number;

	frame_fill(frame, len_bytes, port);
	memcpy(frame + FRAME_NUMBER_OFFSET, &number, sizeof(number));
	for (uint32_t i = FRAME_NUMBER_OFFSET + sizeof(number); i < len_bytes; i++) {
		mix = mix * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		frame[i] = (uint8_t)(mix >> 56);
	}
}

bool
verify_is_filled(const uint8_t *frame, uint32_t len_bytes, uint32_t port, uint64_t number)
{
	uint8_t right[BENCH_MAX_FRAME_BYTES];

	if (len_bytes > sizeof(right) || len_bytes < BENCH_MIN_FRAME_BYTES)
		return false;
	verify_fill(right, len_bytes, port, number);
	return memcmp(frame, right, len_bytes) == 0;
}

static uint16_t
verify_draw(const struct verify *verify)
{
	return (uint16_t)(1 + rte_rand_max(verify->point->burst));
}

/* ---- guest ---- */

static void
verify_send(struct gen_queue *gq, uint16_t nb)
{
	uint32_t nb_free;

	gen_take_back(gq);
	nb_free = gq->nb_buffers - (uint32_t)(gq->nb_given - gq->nb_back);
	nb = (uint16_t)RTE_MIN((uint32_t)nb, nb_free);
	for (uint16_t i = 0; i < nb; i++)
		verify_fill(gen_buffer(gq, gq->nb_given + i) + BENCH_HEADER_BYTES,
			frame_size(gq->sizes, gq->nb_frames + i), gq->port, gq->nb_frames + i);
	gen_send(gq, nb);
}

/* A buffer that came back: the next piece of the next frame. */
static void
verify_buffer(struct verify *verify, struct verify_pair *expected, const struct gen_queue *gq,
	uint8_t *buffer)
{
	uint32_t frame_bytes = frame_size(gq->sizes, expected->next_received);
	uint32_t skip = expected->offset_bytes == 0 ? BENCH_HEADER_BYTES : 0;
	uint32_t left_bytes = BENCH_HEADER_BYTES + frame_bytes - expected->offset_bytes;
	uint32_t piece_bytes = RTE_MIN(left_bytes, gq->room_bytes);

	if (expected->offset_bytes == 0)
		verify_fill(expected->right + BENCH_HEADER_BYTES, frame_bytes, gq->port,
			expected->next_received);
	if (memcmp(buffer + skip, expected->right + expected->offset_bytes + skip,
			piece_bytes - skip) != 0)
		verify->result.nb_wrong++;
	expected->offset_bytes += piece_bytes;
	if (piece_bytes == left_bytes) {
		expected->offset_bytes = 0;
		expected->next_received++;
	}
	/* What is not written must not look right next time. */
	memset(buffer, VERIFY_POISON, gq->room_bytes);
}

static uint16_t
verify_receive(struct verify *verify, uint32_t pair)
{
	struct gen_queue *gq = &verify->subject.queues[2 * pair];
	struct verify_pair *expected = &verify->pairs[pair];
	uint64_t buffer = gq->nb_back;
	uint16_t nb = gen_receive(gq);

	for (; buffer < gq->nb_back; buffer++)
		verify_buffer(verify, expected, gq, gen_buffer(gq, buffer));
	return nb;
}

/* ---- application ---- */

static void
verify_frame(struct verify *verify, uint32_t pair, const struct rte_mbuf *frame)
{
	uint8_t copy[BENCH_MAX_FRAME_BYTES];
	uint64_t number = verify->pairs[pair].next_sent++;
	uint32_t port = verify->subject.queues[2 * pair].port;
	const uint8_t *bytes = NULL;

	if (frame->pkt_len <= sizeof(copy))
		bytes = rte_pktmbuf_read(frame, 0, frame->pkt_len, copy);
	if (bytes == NULL || frame->pkt_len != frame_size(&verify->memory.sizes, number) ||
			!verify_is_filled(bytes, frame->pkt_len, port, number))
		verify->result.nb_wrong++;
}

static uint16_t
verify_take(struct verify *verify, uint32_t pair, struct rte_mbuf **frames)
{
	uint16_t nb = subject_take(&verify->subject, pair, frames, verify_draw(verify));

	for (uint16_t i = 0; i < nb; i++)
		verify_frame(verify, pair, frames[i]);
	return nb;
}

/* Content of a frame of ours, over all its mbufs. */
static void
verify_write(const struct verify *verify, uint32_t port, uint64_t number, struct rte_mbuf *frame)
{
	uint8_t content[BENCH_MAX_FRAME_BYTES];
	uint32_t len_bytes = frame_size(&verify->memory.sizes, number);
	uint32_t offset = 0;

	verify_fill(content, len_bytes, port, number);
	for (; frame != NULL; frame = frame->next) {
		memcpy(rte_pktmbuf_mtod(frame, void *), content + offset, frame->data_len);
		offset += frame->data_len;
	}
}

static uint16_t
verify_make(struct verify *verify, uint32_t pair, struct rte_mbuf **frames)
{
	uint16_t nb = verify_draw(verify);
	uint64_t number = verify->subject.numbers[pair];

	subject_make(&verify->subject, pair, frames, nb);
	for (uint16_t i = 0; i < nb; i++)
		verify_write(verify, verify->subject.queues[2 * pair].port, number + i,
			frames[i]);
	return nb;
}

/* What the guest sends in a turn. */
static void
verify_send_some(struct verify *verify, struct gen_queue *gq)
{
	enum bench_direction direction = verify->point->direction;
	uint64_t nb_out = gq[1].nb_frames - gq[0].nb_frames;

	/* Of frames that reach a guest, no more than will find room: the order must stay. */
	if (direction == BENCH_FROM_GUEST || (bench_is_through(verify->point) &&
			nb_out + verify->point->burst <= gq[0].max_frames))
		verify_send(&gq[1], verify_draw(verify));
	else if (bench_is_through(verify->point) && nb_out == 0)
		verify_send(&gq[1], 1);
}

/* @return frames that went through the application, or past it */
static uint32_t
verify_carry(struct verify *verify, uint32_t pair)
{
	enum bench_direction direction = verify->point->direction;
	struct rte_mbuf *frames[BENCH_MAX_BURST];
	uint16_t nb, nb_put = 0;

	if (direction == BENCH_GUEST_TO_GUEST)
		return subject_turn(&verify->subject, pair);
	nb = direction == BENCH_TO_GUEST ? verify_make(verify, pair, frames) :
		verify_take(verify, pair, frames);
	if (direction != BENCH_FROM_GUEST)
		nb_put = subject_put(&verify->subject, pair, frames, nb);
	rte_pktmbuf_free_bulk(frames, nb);
	return direction == BENCH_FROM_GUEST ? nb : nb_put;
}

/* @return frames carried */
static uint32_t
verify_turn(struct verify *verify, uint32_t pair)
{
	uint32_t nb;

	verify_send_some(verify, &verify->subject.queues[2 * pair]);
	nb = verify_carry(verify, pair);
	/* Sometimes late, so that rings fill up. */
	if (rte_rand_max(4) != 0)
		verify_receive(verify, pair);
	return nb;
}

/* What is still in the rings. */
static void
verify_drain(struct verify *verify, uint32_t pair)
{
	struct rte_mbuf *frames[BENCH_MAX_BURST];
	uint16_t nb;

	while (verify_receive(verify, pair) != 0)
		;
	while (verify->point->direction == BENCH_GUEST_TO_GUEST &&
			subject_turn(&verify->subject, pair) != 0)
		verify_receive(verify, pair);
	while ((nb = verify_take(verify, pair, frames)) != 0) {
		if (verify->point->direction == BENCH_BOTH)
			subject_put(&verify->subject, pair, frames, nb);
		rte_pktmbuf_free_bulk(frames, nb);
		verify_receive(verify, pair);
	}
	while (verify_receive(verify, pair) != 0)
		;
}

static void
verify_frames(struct verify *verify, uint64_t nb_frames)
{
	uint32_t nb_pairs = verify->point->nb_pairs;
	unsigned int nb_idle = 0;

	while (verify->result.nb_frames < nb_frames && nb_idle < VERIFY_PATIENCE) {
		uint32_t nb = verify_turn(verify, (uint32_t)rte_rand_max(nb_pairs));

		verify->result.nb_frames += nb;
		nb_idle = nb == 0 ? nb_idle + 1 : 0;
	}
	for (uint32_t pair = 0; pair < nb_pairs; pair++)
		verify_drain(verify, pair);
	verify->result.nb_wrong += subject_nb_lost(&verify->subject);
	if (verify->result.nb_frames < nb_frames)
		verify->result.rc = -ETIMEDOUT;
}

struct verify_result
verify_run(const struct verify_conf *conf)
{
	struct verify verify = { .point = &conf->point };
	struct backend_conf subject_conf = {
		.backend = conf->backend, .point = verify.point, .memory = &verify.memory,
		.lcore_id = rte_lcore_id(), .folder = conf->folder,
	};
	int rc = 0;

	subject_conf.pool = rte_pktmbuf_pool_create("verify", VERIFY_NB_MBUFS, 0, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	verify.pairs = calloc(verify.point->nb_pairs, sizeof(*verify.pairs));
	if (subject_conf.pool == NULL || verify.pairs == NULL)
		rc = -ENOMEM;
	if (rc == 0)
		rc = gen_memory_create(&verify.memory, verify.point);
	if (rc == 0)
		rc = subject_open(&verify.subject, conf->ops, &subject_conf);
	if (rc == 0)
		verify_frames(&verify, conf->nb_frames);
	else
		verify.result.rc = rc;
	if (verify.subject.ops != NULL)
		subject_close(&verify.subject);
	gen_memory_destroy(&verify.memory);
	/* A frame that nobody freed is wrong, too. */
	if (subject_conf.pool != NULL)
		verify.result.nb_wrong += rte_mempool_in_use_count(subject_conf.pool);
	rte_mempool_free(subject_conf.pool);
	free(verify.pairs);
	return verify.result;
}
