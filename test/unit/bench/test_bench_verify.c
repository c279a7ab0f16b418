/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The verification of vu-bench finds what a back half does wrong: each fault once, somewhere in a
 * run of the `limit`, in each direction.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "back.h"
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

/* A back half around the `limit`. */
static struct {
	enum fault fault;
	uint64_t nb_frames; /* so far */
} faulty;

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
	uint16_t nb = back_limit.from_guest(queue, frames, max);
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
		return back_limit.to_guest(queue, frames, nb);
	memcpy(copy, frames, nb * sizeof(*copy));
	faulty_change(copy, i);
	if (faulty.fault == REPEAT)
		copy[i + 1] = copy[i];
	if (faulty.fault != LOSE)
		return back_limit.to_guest(queue, copy, nb);
	memmove(&copy[i], &copy[i + 1], (size_t)(nb - i - 1) * sizeof(*copy));
	nb_put = back_limit.to_guest(queue, copy, nb - 1);
	return nb_put + 1;
}

/* From guest to guest: at one place the frames are at hand, as in the two above. */
static uint32_t
faulty_forward(void *back, void *from, void *to, uint16_t nb)
{
	struct rte_mbuf *frames[MAX_BURST];
	uint16_t nb_taken = faulty_from_guest(from, frames, nb);
	uint16_t nb_put = back_limit.to_guest(to, frames, nb_taken);

	(void)back;
	rte_pktmbuf_free_bulk(frames, nb_taken);
	return nb_put;
}

static struct back_ops
faulty_ops(void)
{
	struct back_ops ops = back_limit;

	ops.from_guest = faulty_from_guest;
	ops.to_guest = faulty_to_guest;
	if (faulty.fault != NO_FAULT)
		ops.forward = faulty_forward;
	return ops;
}

struct verify_rig {
	struct bench_case point;
	struct frame_sizes sizes;
	struct front_memory memory;
	struct rte_mempool *pool;
	struct back_ops ops;
	struct side side;
};

static int
rig_open(struct verify_rig *rig, enum bench_direction direction, bool is_mergeable)
{
	struct side_conf conf = {
		.point = &rig->point, .sizes = &rig->sizes, .memory = &rig->memory,
	};

	memset(rig, 0, sizeof(*rig));
	rig->point = (struct bench_case){
		.direction = direction, .burst = MAX_BURST, .nb_pairs = 2, .nb_cores = 1,
		.ring_size = 256, .is_mergeable = is_mergeable,
		.size_bytes = is_mergeable ? 5000 : BENCH_SIZE_RANDOM,
	};
	rig->ops = faulty_ops();
	frame_sizes_init(&rig->sizes, rig->point.size_bytes);
	rig->pool = rte_pktmbuf_pool_create("verify", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		SOCKET_ID_ANY);
	conf.pool = rig->pool;
	CHECK(rig->pool != NULL);
	CHECK_EQ(front_memory_create(&rig->memory, &rig->point), 0);
	return side_open(&rig->side, &rig->ops, &conf);
}

static int
rig_close(struct verify_rig *rig)
{
	side_close(&rig->side);
	front_memory_destroy(&rig->memory);
	CHECK_EQ(rte_mempool_avail_count(rig->pool), rig->pool->size);
	rte_mempool_free(rig->pool);
	return TEST_SUCCESS;
}

/* Frames found wrong or missing in a run with a fault. */
static int
run(enum bench_direction direction, bool is_mergeable, enum fault fault, uint64_t *nb_wrong)
{
	struct verify_rig rig;
	struct load_conf load = { .point = &rig.point, .sizes = &rig.sizes };

	faulty.fault = fault;
	faulty.nb_frames = 0;
	CHECK_EQ(rig_open(&rig, direction, is_mergeable), 0);
	load.pool = rig.pool;
	CHECK(verify_run(&rig.side, &load, NB_FRAMES, nb_wrong) >= NB_FRAMES);
	*nb_wrong += side_nb_lost(&rig.side);
	return rig_close(&rig);
}

VU_TEST(bench_verify, a_right_back_half_passes)
{
	for (int direction = BENCH_FROM_GUEST; direction <= BENCH_GUEST_TO_GUEST; direction++)
		for (int is_mergeable = 0; is_mergeable <= 1; is_mergeable++) {
			uint64_t nb_wrong;

			CHECK_EQ(run(direction, is_mergeable != 0, NO_FAULT, &nb_wrong), 0);
			CHECK_EQ(nb_wrong, 0);
		}
	return TEST_SUCCESS;
}

VU_TEST(bench_verify, every_fault_is_found)
{
	for (int direction = BENCH_FROM_GUEST; direction <= BENCH_GUEST_TO_GUEST; direction++)
		for (int fault = NO_FAULT + 1; fault < NB_FAULTS; fault++) {
			uint64_t nb_wrong = 0;

			/* The fault needs a burst that has another frame behind it. */
			for (int try = 0; try < 20 && nb_wrong == 0; try++)
				CHECK_EQ(run(direction, false, fault, &nb_wrong), 0);
			if (nb_wrong != 0)
				continue;
			printf("direction %d: fault %d not found\n", direction, fault);
			return TEST_FAILED;
		}
	return TEST_SUCCESS;
}
