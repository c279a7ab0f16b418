/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A back-end and its generator; see subject.h.
 */
#include "subject.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cpuflags.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_vect.h>

#include "vu_frontend.h"
#include "vu_virtio.h"

#define WAIT_MS 10000

const struct backend_ops *
backend_find(enum bench_backend backend)
{
	const uint16_t max_bits = rte_vect_get_max_simd_bitwidth();

	if (backend == BENCH_NONE)
		return &backend_none;
	if (backend == BENCH_RTE_VHOST)
		return &backend_rte_vhost;
	if (backend != BENCH_COPY)
		return &backend_vu;
#ifdef RTE_ARCH_X86
	if (max_bits >= RTE_VECT_SIMD_512 && rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) > 0 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) > 0)
		return &backend_copy_avx512;
	if (max_bits >= RTE_VECT_SIMD_256 && rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) > 0)
		return &backend_copy_avx2;
#endif
	(void)max_bits;
	return &backend_copy_base;
}

/* The checksum of UDP in IPv4 is left to the device (VIRTIO 1.2, 5.1.6). */
static const uint8_t offload_header[BENCH_HEADER_BYTES] = {
	[0] = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	[6] = 34, /* csum_start */
	[8] = 6,  /* csum_offset */
};

static uint64_t
subject_features(const struct bench_case *point)
{
	const uint64_t is_packed = point->ring == BENCH_PACKED;

	return RTE_BIT64(VIRTIO_F_VERSION_1) | is_packed << VIRTIO_F_RING_PACKED |
		(uint64_t)point->is_in_order << VIRTIO_F_IN_ORDER |
		(uint64_t)point->is_mergeable << VIRTIO_NET_F_MRG_RXBUF |
		(uint64_t)point->has_offload << VIRTIO_NET_F_CSUM |
		(uint64_t)point->has_offload << VIRTIO_NET_F_GUEST_CSUM;
}

static int
queue_init(struct gen_queue *gq, const struct backend_conf *conf, uint32_t idx)
{
	const struct bench_case *point = conf->point;
	const struct gen_memory *memory = conf->memory;
	const uint32_t is_from_guest = idx % 2;
	const uint32_t group = idx / 2 / GEN_MAX_PAIRS_PER_DEVICE;

	gq->sizes = &memory->sizes;
	gq->nb_buffers = memory->nb_buffers;
	gq->stride_bytes = memory->stride_bytes[is_from_guest];
	gq->room_bytes = memory->room_bytes[is_from_guest];
	gq->idx = idx;
	gq->device_idx = group;
	if (!is_from_guest && point->direction == BENCH_GUEST_TO_GUEST)
		gq->device_idx += gen_nb_devices_per_guest(point);
	gq->queue_idx = idx % (2 * GEN_MAX_PAIRS_PER_DEVICE);
	gq->port = backend_first_port(conf) + group;
	gq->buffers = memory->hva + idx / 2 * gen_pair_bytes(memory) +
		(uint64_t)is_from_guest * memory->nb_buffers * memory->stride_bytes[0];
	gq->max_frames = gq->nb_buffers / gen_nb_buffers(gq, memory->sizes.max_bytes);
	gq->is_mergeable = point->is_mergeable;
	if (point->has_offload)
		memcpy(gq->prefix.header, offload_header, sizeof(offload_header));
	frame_addresses(gq->prefix.addresses, gq->port);
	for (uint32_t i = 0; i < gq->nb_buffers; i++)
		frame_fill(gen_buffer(gq, i) + BENCH_HEADER_BYTES,
			RTE_MIN(memory->sizes.max_bytes, gq->room_bytes - BENCH_HEADER_BYTES),
			gq->port);
	gq->lens = rte_zmalloc(NULL, gq->nb_buffers * sizeof(*gq->lens), 0);
	return gq->lens != NULL ? 0 : -ENOMEM;
}

/* Connect a front-end to a device and start its queues. */
static int
device_open(struct subject *subject, unsigned int idx)
{
	const struct bench_case *point = subject->conf.point;
	const struct gen_memory *memory = subject->conf.memory;
	uint64_t features = subject_features(point);
	uint32_t nb_pairs = gen_nb_pairs(point, idx);
	struct vu_frontend_conf conf = {
		.features = features | (nb_pairs > 1 ? RTE_BIT64(VIRTIO_NET_F_MQ) : 0),
		.nb_queues = 2 * nb_pairs, .queue_size = point->ring_size,
		.numa_node = SOCKET_ID_ANY, .has_calls = point->has_calls,
	};
	const struct vu_frontend_region region = {
		.hva = memory->hva, .gpa = (uintptr_t)memory->hva,
		.bytes = memory->bytes, .fd = memory->fd,
	};
	struct vu_frontend *fe;
	int rc = subject->ops->endpoint(subject->backend, idx, &conf);

	if (rc != 0)
		return rc;
	fe = vu_frontend_open(&conf);
	if (fe == NULL)
		return -rte_errno;
	subject->devices[subject->nb_devices++] = fe;
	rc = vu_frontend_mem_add(fe, &region);
	if (rc == 0)
		rc = vu_frontend_wait(fe, WAIT_MS);
	if (rc == 0 && (features & ~vu_frontend_features(fe)) != 0)
		return -EOPNOTSUPP;
	return rc == 0 ? vu_frontend_start(fe, 0) : rc;
}

int
subject_open(struct subject *subject, const struct backend_ops *ops,
	const struct backend_conf *conf)
{
	const uint32_t nb_pairs = conf->point->nb_pairs;
	int rc;

	*subject = (struct subject){ .ops = ops, .conf = *conf };
	subject->queues = rte_zmalloc(NULL, 2 * nb_pairs * sizeof(*subject->queues),
		RTE_CACHE_LINE_SIZE);
	subject->handles = calloc(2 * nb_pairs, sizeof(*subject->handles));
	subject->numbers = calloc(nb_pairs, sizeof(*subject->numbers));
	if (subject->queues == NULL || subject->handles == NULL || subject->numbers == NULL)
		return -ENOMEM;
	rc = ops->open(conf, &subject->backend);
	for (uint32_t i = 0; i < 2 * nb_pairs && rc == 0; i++)
		rc = queue_init(&subject->queues[i], conf, i);
	for (uint32_t i = 0; ops->endpoint != NULL && i < gen_nb_devices(conf->point) && rc == 0;
			i++)
		rc = device_open(subject, i);
	if (rc == 0 && ops->ready != NULL)
		rc = ops->ready(subject->backend);
	for (uint32_t i = 0; i < 2 * nb_pairs && rc == 0; i++) {
		struct gen_queue *gq = &subject->queues[i];

		if (ops->endpoint != NULL)
			gq->ring = vu_frontend_ring(subject->devices[gq->device_idx],
				gq->queue_idx);
		if (i % 2 == 0)
			gen_post(gq);
		subject->handles[i] = ops->queue(subject->backend, gq);
	}
	return rc;
}

void
subject_close(struct subject *subject)
{
	/* The front-ends first: their queues are stopped by message. */
	for (unsigned int i = 0; i < subject->nb_devices; i++)
		vu_frontend_close(subject->devices[i]);
	if (subject->backend != NULL)
		subject->ops->close(subject->backend);
	for (uint32_t i = 0; subject->queues != NULL && i < 2 * subject->conf.point->nb_pairs; i++)
		rte_free(subject->queues[i].lens);
	rte_free(subject->queues);
	free(subject->handles);
	free(subject->numbers);
	*subject = (struct subject){ 0 };
}

/* What two counts differ by. */
static uint64_t
distance(uint64_t a, uint64_t b)
{
	return a < b ? b - a : a - b;
}

uint64_t
subject_nb_lost(struct subject *subject)
{
	struct rte_mbuf *frames[BENCH_MAX_BURST];
	uint64_t nb_sent = 0, nb_received = 0, nb_faults = 0;

	for (uint32_t pair = 0; pair < subject->conf.point->nb_pairs; pair++) {
		struct gen_queue *gq = &subject->queues[2 * pair];
		uint16_t nb;

		while ((nb = subject_take(subject, pair, frames, BENCH_MAX_BURST)) != 0)
			rte_pktmbuf_free_bulk(frames, nb);
		gen_take_back(&gq[1]);
		while (gen_receive(gq) != 0)
			;
		nb_received += gq[0].nb_frames;
		nb_sent += gq[1].nb_frames;
		nb_faults += gq[0].nb_faults + gq[1].nb_faults +
			distance(gq[1].nb_given, gq[1].nb_back);
		if (gq->ring != NULL)
			nb_faults += gq[0].ring->is_broken + gq[1].ring->is_broken;
	}
	return nb_faults + distance(nb_sent, subject->nb_taken) +
		distance(subject->nb_put, nb_received);
}
