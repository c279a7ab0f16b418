/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Connections of the front half; see front_session.h.
 */
#include "front_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "vu_fd.h"
#include "vu_frontend.h"

#define FRONT_WAIT_MS 10000
#define HUGEPAGE_BYTES (UINT64_C(2) << 20)
#define MAX_MEMORY_BYTES (UINT64_C(512) << 20)
#define BUFFER_BYTES 2048

/* Feature bits (VIRTIO 1.2, 5.1.3 and 6). */
#define F_CSUM 0
#define F_GUEST_CSUM 1
#define F_MRG_RXBUF 15
#define F_MQ 22
#define F_VERSION_1 32
#define F_RING_PACKED 34
#define F_IN_ORDER 35

/* virtio_net_hdr: the checksum of UDP in IPv4 is left to the device (VIRTIO 1.2, 5.1.6). */
static const uint8_t offload_header[BENCH_HEADER_BYTES] = {
	[0] = 1,  /* VIRTIO_NET_HDR_F_NEEDS_CSUM */
	[6] = 34, /* csum_start */
	[8] = 6,  /* csum_offset */
};

static uint64_t
front_features(const struct bench_case *point)
{
	uint64_t features = RTE_BIT64(F_VERSION_1);

	if (point->is_mergeable)
		features |= RTE_BIT64(F_MRG_RXBUF);
	if (point->is_in_order)
		features |= RTE_BIT64(F_IN_ORDER);
	if (point->ring == BENCH_PACKED)
		features |= RTE_BIT64(F_RING_PACKED);
	if (point->has_offload)
		features |= RTE_BIT64(F_CSUM) | RTE_BIT64(F_GUEST_CSUM);
	return features;
}

static uint32_t
largest_frame_bytes(const struct bench_case *point)
{
	struct frame_sizes sizes;

	frame_sizes_init(&sizes, point->size_bytes);
	return sizes.max_bytes;
}

/* A frame fits one buffer, unless it may use several. */
static uint32_t
buffer_room_bytes(const struct bench_case *point, bool is_to_guest)
{
	uint32_t frame_bytes = BENCH_HEADER_BYTES + largest_frame_bytes(point);

	if (is_to_guest && point->is_mergeable)
		return BUFFER_BYTES;
	return RTE_MAX(frame_bytes, (uint32_t)BUFFER_BYTES);
}

/* An odd number of cache lines: buffers spread over all sets of a cache, as a mempool's do. */
static uint32_t
buffer_stride_bytes(const struct bench_case *point, bool is_to_guest)
{
	uint32_t nb_lines = RTE_ALIGN_CEIL(buffer_room_bytes(point, is_to_guest),
		(uint32_t)RTE_CACHE_LINE_SIZE) / RTE_CACHE_LINE_SIZE;

	return (nb_lines | 1) * RTE_CACHE_LINE_SIZE;
}

static uint64_t
pair_bytes(const struct bench_case *point, uint32_t nb_buffers)
{
	return (uint64_t)nb_buffers *
		(buffer_stride_bytes(point, true) + buffer_stride_bytes(point, false));
}

/* As many buffers as the ring has entries, as long as the memory for all queues stays small. */
static uint32_t
front_nb_buffers(const struct bench_case *point)
{
	uint32_t nb = point->ring_size;

	while (nb > point->burst && nb > 64 &&
			pair_bytes(point, nb) * point->nb_pairs > MAX_MEMORY_BYTES)
		nb /= 2;
	return nb;
}

static int
memory_map(struct front_memory *memory, uint64_t page_bytes)
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
front_memory_create(struct front_memory *memory, const struct bench_case *point)
{
	uint64_t bytes = pair_bytes(point, front_nb_buffers(point)) * point->nb_pairs;

	memory->bytes = RTE_ALIGN_CEIL(bytes, HUGEPAGE_BYTES);
	if (memory_map(memory, HUGEPAGE_BYTES) == 0)
		return 0;
	return memory_map(memory, 0);
}

void
front_memory_destroy(struct front_memory *memory)
{
	if (memory->hva == NULL)
		return;
	munmap(memory->hva, memory->bytes);
	vu_fd_close(&memory->fd);
	memory->hva = NULL;
}

static int
queue_init(struct front *front, const struct front_conf *conf, uint32_t idx)
{
	const struct bench_case *point = conf->point;
	struct front_queue *fq = &front->queues[idx];
	bool is_to_guest = idx % 2 == 0;
	bool is_other_guest = is_to_guest && point->direction == BENCH_GUEST_TO_GUEST;
	uint32_t group = idx / 2 / FRONT_MAX_PAIRS_PER_DEVICE;

	fq->sizes = conf->sizes;
	fq->nb_buffers = front_nb_buffers(point);
	fq->stride_bytes = buffer_stride_bytes(point, is_to_guest);
	fq->room_bytes = buffer_room_bytes(point, is_to_guest);
	fq->idx = idx;
	fq->device_idx = group + (is_other_guest ? front_nb_devices_per_guest(point) : 0);
	fq->queue_idx = idx % (2 * FRONT_MAX_PAIRS_PER_DEVICE);
	fq->port = conf->first_port + group;
	fq->buffers = conf->memory->hva + idx / 2 * pair_bytes(point, fq->nb_buffers);
	if (!is_to_guest)
		fq->buffers += (uint64_t)fq->nb_buffers * buffer_stride_bytes(point, true);
	fq->max_frames = fq->nb_buffers / ((BENCH_HEADER_BYTES + conf->sizes->max_bytes +
		fq->room_bytes - 1) / fq->room_bytes);
	fq->is_mergeable = point->is_mergeable;
	if (point->has_offload)
		memcpy(fq->prefix, offload_header, sizeof(offload_header));
	frame_addresses(&fq->prefix[BENCH_HEADER_BYTES], fq->port);
	for (uint32_t i = 0; i < fq->nb_buffers; i++)
		frame_fill(front_buffer(fq, i) + BENCH_HEADER_BYTES,
			RTE_MIN(conf->sizes->max_bytes, fq->room_bytes - BENCH_HEADER_BYTES),
			fq->port);
	if (conf->ops->endpoint != NULL)
		return 0;
	fq->flow.lens = rte_zmalloc(NULL, fq->nb_buffers * sizeof(*fq->flow.lens), 0);
	return fq->flow.lens != NULL ? 0 : -ENOMEM;
}

static int
device_open(struct front *front, const struct front_conf *conf, unsigned int idx)
{
	uint64_t features = front_features(conf->point);
	uint32_t nb_pairs = front_nb_pairs(conf->point, idx);
	struct vu_frontend_conf fe_conf = {
		.features = features | (nb_pairs > 1 ? RTE_BIT64(F_MQ) : 0),
		.nb_queues = 2 * nb_pairs, .queue_size = conf->point->ring_size,
		.numa_node = SOCKET_ID_ANY, .has_calls = conf->point->has_calls,
	};
	const struct vu_frontend_region region = {
		.hva = conf->memory->hva, .gpa = (uintptr_t)conf->memory->hva,
		.bytes = conf->memory->bytes, .fd = conf->memory->fd,
	};
	int rc = conf->ops->endpoint(conf->back, idx, &fe_conf);

	if (rc != 0)
		return rc;
	front->devices[idx] = vu_frontend_open(&fe_conf);
	if (front->devices[idx] == NULL)
		return -rte_errno;
	front->nb_devices++;
	rc = vu_frontend_mem_add(front->devices[idx], &region);
	if (rc == 0)
		rc = vu_frontend_wait(front->devices[idx], FRONT_WAIT_MS);
	if (rc == 0 && (features & ~vu_frontend_features(front->devices[idx])) != 0)
		return -EOPNOTSUPP;
	return rc == 0 ? vu_frontend_start(front->devices[idx], 0) : rc;
}

static int
front_connect(struct front *front, const struct front_conf *conf)
{
	unsigned int nb_devices = front_nb_devices(conf->point);
	int rc = 0;

	front->devices = calloc(nb_devices, sizeof(*front->devices));
	if (front->devices == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < nb_devices && rc == 0; i++)
		rc = device_open(front, conf, i);
	for (uint32_t i = 0; i < 2 * front->nb_pairs && rc == 0; i++)
		front->queues[i].ring = vu_frontend_ring(
			front->devices[front->queues[i].device_idx], front->queues[i].queue_idx);
	return rc == 0 ? conf->ops->ready(conf->back) : rc;
}

int
front_open(struct front *front, const struct front_conf *conf)
{
	int rc = 0;

	*front = (struct front){ .nb_pairs = conf->point->nb_pairs };
	front->queues = rte_zmalloc(NULL, 2 * front->nb_pairs * sizeof(*front->queues),
		RTE_CACHE_LINE_SIZE);
	if (front->queues == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < 2 * front->nb_pairs && rc == 0; i++)
		rc = queue_init(front, conf, i);
	if (rc == 0 && conf->ops->endpoint != NULL)
		rc = front_connect(front, conf);
	for (uint32_t i = 0; i < front->nb_pairs && rc == 0; i++)
		front_post(&front->queues[2 * i]);
	return rc;
}

void
front_close(struct front *front)
{
	for (unsigned int i = 0; i < front->nb_devices; i++)
		vu_frontend_close(front->devices[i]);
	for (uint32_t i = 0; front->queues != NULL && i < 2 * front->nb_pairs; i++)
		rte_free(front->queues[i].flow.lens);
	rte_free(front->queues);
	free(front->devices);
}
