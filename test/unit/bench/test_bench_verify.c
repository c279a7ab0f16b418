/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The verification of back-ends (verify.h) finds what a back-end does wrong: each fault once,
 * somewhere in a run of the copy baseline, in each direction.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "subject.h"
#include "verify.h"

#define NB_FRAMES 2000
#define FAULT_AT 1000
#define MAX_BURST 32

/* What goes wrong with frame number FAULT_AT. */
enum fault {
	NO_FAULT,
	LOSE,
	SWAP,
	DAMAGE,
	SHORTEN,
	REPEAT,
	NB_FAULTS
};

/* A back-end around the copy baseline. */
static struct {
	enum fault fault;
	uint64_t nb_frames; /* so far */
} faulty;

static const struct backend_ops *
copy_ops(void)
{
	return backend_find(BENCH_COPY);
}

/* Where in a burst the fault is to happen, -1 if not in this one. */
static int
faulty_position(uint16_t nb)
{
	uint64_t first = faulty.nb_frames;

	faulty.nb_frames += nb;
	return faulty.fault != NO_FAULT && first <= FAULT_AT && FAULT_AT + 1 < first + nb ?
		(int)(FAULT_AT - first) : -1;
}

static void
faulty_swap(struct rte_mbuf **frames, int i)
{
	struct rte_mbuf *frame = frames[i];

	frames[i] = frames[i + 1];
	frames[i + 1] = frame;
}

/* Apply the fault to frames in hand. */
static void
faulty_change(struct rte_mbuf **frames, int i)
{
	if (faulty.fault == SWAP)
		faulty_swap(frames, i);
	if (faulty.fault == DAMAGE)
		rte_pktmbuf_mtod(frames[i], uint8_t *)[frames[i]->data_len - 1] ^= 1;
	if (faulty.fault == SHORTEN)
		rte_pktmbuf_trim(frames[i], 1);
}

static uint16_t
faulty_from_guest(void *queue, struct rte_mbuf **frames, uint16_t max)
{
	uint16_t nb = copy_ops()->from_guest(queue, frames, max);
	int i = faulty_position(nb);

	if (i < 0)
		return nb;
	faulty_change(frames, i);
	if (faulty.fault == REPEAT) {
		rte_pktmbuf_free(frames[i + 1]);
		rte_mbuf_refcnt_update(frames[i], 1);
		frames[i + 1] = frames[i];
	}
	if (faulty.fault != LOSE)
		return nb;
	rte_pktmbuf_free(frames[i]);
	memmove(&frames[i], &frames[i + 1], (size_t)(nb - i - 1) * sizeof(*frames));
	return nb - 1;
}

static uint16_t
faulty_to_guest(void *queue, struct rte_mbuf **frames, uint16_t nb)
{
	struct rte_mbuf *copy[MAX_BURST];
	int i = faulty_position(nb);
	uint16_t nb_put;

	if (i < 0)
		return copy_ops()->to_guest(queue, frames, nb);
	memcpy(copy, frames, nb * sizeof(*copy));
	faulty_change(copy, i);
	if (faulty.fault == REPEAT)
		copy[i + 1] = copy[i];
	if (faulty.fault != LOSE)
		return copy_ops()->to_guest(queue, copy, nb);
	memmove(&copy[i], &copy[i + 1], (size_t)(nb - i - 1) * sizeof(*copy));
	nb_put = copy_ops()->to_guest(queue, copy, nb - 1);
	return nb_put + 1;
}

/* From guest to guest: at one place the frames are at hand, as in the two above. */
static uint32_t
faulty_forward(void *back, void *from, void *to, uint16_t nb)
{
	struct rte_mbuf *frames[MAX_BURST];
	uint16_t nb_taken = faulty_from_guest(from, frames, nb);
	uint16_t nb_put = copy_ops()->to_guest(to, frames, nb_taken);

	(void)back;
	rte_pktmbuf_free_bulk(frames, nb_taken);
	return nb_put;
}

static struct backend_ops
faulty_ops(enum fault fault)
{
	struct backend_ops ops = *copy_ops();

	faulty.fault = fault;
	faulty.nb_frames = 0;
	ops.from_guest = faulty_from_guest;
	ops.to_guest = faulty_to_guest;
	if (fault != NO_FAULT)
		ops.forward = faulty_forward;
	return ops;
}

/* Frames found wrong or missing in a run with a fault. */
static void
run(enum bench_direction direction, bool is_mergeable, enum fault fault, uint64_t *nb_wrong)
{
	const struct backend_ops ops = faulty_ops(fault);
	const struct verify_conf conf = {
		.backend = BENCH_COPY, .ops = &ops, .nb_frames = NB_FRAMES,
		.point = {
			.direction = direction, .burst = MAX_BURST, .nb_pairs = 2, .nb_cores = 1,
			.ring_size = 256, .is_mergeable = is_mergeable,
			.size_bytes = is_mergeable ? 5000 : BENCH_SIZE_RANDOM,
		},
	};
	struct verify_result result = verify_run(&conf);

	CHECK_EQ(result.rc, 0);
	CHECK(result.nb_frames >= NB_FRAMES);
	*nb_wrong = result.nb_wrong;
}

VU_TEST(bench_verify, a_right_backend_passes)
{
	for (int direction = BENCH_FROM_GUEST; direction <= BENCH_GUEST_TO_GUEST; direction++)
		for (int is_mergeable = 0; is_mergeable <= 1; is_mergeable++) {
			uint64_t nb_wrong;

			run(direction, is_mergeable != 0, NO_FAULT, &nb_wrong);
			CHECK_EQ(nb_wrong, 0);
		}
}

VU_TEST(bench_verify, every_fault_is_found)
{
	for (int direction = BENCH_FROM_GUEST; direction <= BENCH_GUEST_TO_GUEST; direction++)
		for (int fault = NO_FAULT + 1; fault < NB_FAULTS; fault++) {
			uint64_t nb_wrong = 0;

			/* The fault needs a burst that has another frame behind it. */
			for (int try = 0; try < 20 && nb_wrong == 0; try++)
				run(direction, false, fault, &nb_wrong);
			if (nb_wrong == 0)
				expect_fail(__FILE__, __LINE__, "direction %d: fault %d not found",
					direction, fault);
		}
}

VU_TEST(bench_verify, every_changed_byte_is_seen)
{
	uint8_t frame[300];

	verify_fill(frame, sizeof(frame), 3, 77);
	CHECK(verify_is_filled(frame, sizeof(frame), 3, 77));
	CHECK(!verify_is_filled(frame, sizeof(frame), 3, 78));
	CHECK(!verify_is_filled(frame, sizeof(frame), 4, 77));
	CHECK(!verify_is_filled(frame, sizeof(frame) - 1, 3, 77));
	for (unsigned int i = 0; i < sizeof(frame); i++) {
		frame[i] ^= 0x10;
		CHECK(!verify_is_filled(frame, sizeof(frame), 3, 77));
		frame[i] ^= 0x10;
	}
}

VU_TEST(bench_verify, impossible_lengths_are_wrong)
{
	static uint8_t frame[BENCH_MAX_FRAME_BYTES];

	verify_fill(frame, sizeof(frame), 0, 1);
	CHECK(verify_is_filled(frame, sizeof(frame), 0, 1));
	CHECK(!verify_is_filled(frame, BENCH_MAX_FRAME_BYTES + 1, 0, 1));
	CHECK(!verify_is_filled(frame, UINT32_MAX, 0, 1));
	CHECK(!verify_is_filled(frame, 0, 0, 1));
}
