/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A back-end and its generator; see subject.h.
 */
#include "subject.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_byteorder.h>
#include <rte_cpuflags.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_udp.h>
#include <rte_vect.h>

#include "vu_atomic.h"
#include "vu_fd.h"
#include "vu_frontend.h"
#include "vu_virtio.h"

#define WAIT_MS 10000
#define GEN_BURST 64
#define HUGEPAGE_BYTES (UINT64_C(2) << 20)
#define MAX_MEMORY_BYTES (UINT64_C(512) << 20)
#define BUFFER_BYTES 2048
#define SCATTER_STEP UINT32_C(0x9e3779b1) /* near numbers become far ones */
#define MAX_MIXED_BYTES 1518

/* ---- frames ---- */

struct frame_headers {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
};

static_assert(sizeof(struct frame_headers) == FRAME_NUMBER_OFFSET, "padding");

void
frame_sizes_init(struct frame_sizes *sizes, uint32_t size_bytes)
{
	static const uint16_t imix[] = {
		64, 64, 64, 64, 64, 64, 64, 594, 594, 594, 594, MAX_MIXED_BYTES,
	};
	uint32_t state = 1;

	sizes->max_bytes = 0;
	for (unsigned int i = 0; i < FRAME_NB_SIZES; i++) {
		uint32_t bytes = size_bytes;

		state = state * 1664525 + 1013904223;
		if (size_bytes == BENCH_SIZE_IMIX)
			bytes = imix[(state >> 8) % RTE_DIM(imix)];
		else if (size_bytes == BENCH_SIZE_RANDOM)
			bytes = BENCH_MIN_FRAME_BYTES + (state >> 8) %
				(MAX_MIXED_BYTES - BENCH_MIN_FRAME_BYTES + 1);
		sizes->bytes[i] = (uint16_t)bytes;
		sizes->max_bytes = RTE_MAX(sizes->max_bytes, sizes->bytes[i]);
	}
}

void
frame_addresses(struct rte_ether_addr addresses[2], uint32_t port)
{
	const struct rte_ether_addr destination = {
		.addr_bytes = { 0x02, 0, 0, (uint8_t)(port >> 8), (uint8_t)port, 0x02 },
	};

	addresses[0] = addresses[1] = destination;
	addresses[1].addr_bytes[5] = 0x01;
}

void
frame_fill(uint8_t *frame, uint32_t len_bytes, uint32_t port)
{
	const uint32_t ip_bytes = len_bytes - sizeof(struct rte_ether_hdr);
	const uint32_t udp_bytes = ip_bytes - sizeof(struct rte_ipv4_hdr);
	struct frame_headers headers = {
		.ether.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.ip = {
			.version_ihl = RTE_IPV4_VHL_DEF, .time_to_live = 64,
			.next_proto_id = IPPROTO_UDP,
			.total_length = rte_cpu_to_be_16((uint16_t)ip_bytes),
			.src_addr = RTE_BE32(UINT32_C(0xc6120001)), /* 198.18.0.1 */
			.dst_addr = RTE_BE32(UINT32_C(0xc6130001)), /* 198.19.0.1 */
		},
		.udp = {
			.src_port = RTE_BE16(9), .dst_port = RTE_BE16(9),
			.dgram_len = rte_cpu_to_be_16((uint16_t)udp_bytes),
		},
	};

	headers.ip.hdr_checksum = rte_ipv4_cksum(&headers.ip);
	/* What a frame has to hold whose checksum is still to be made (VIRTIO 1.2, 5.1.6.2). */
	headers.udp.dgram_cksum = rte_ipv4_phdr_cksum(&headers.ip, 0);
	memcpy(frame, &headers, sizeof(headers));
	frame_addresses((struct rte_ether_addr *)frame, port);
	for (uint32_t i = sizeof(headers); i < len_bytes; i++)
		frame[i] = (uint8_t)i;
}

void
frame_set_len(struct rte_mempool *pool, struct rte_mbuf *frame, uint32_t len_bytes)
{
	struct rte_mbuf *tail = frame;

	frame->pkt_len = len_bytes;
	for (;;) {
		uint32_t room_bytes = tail->buf_len - tail->data_off;

		tail->data_len = (uint16_t)RTE_MIN(len_bytes, room_bytes);
		len_bytes -= tail->data_len;
		if (len_bytes == 0)
			return;
		/* The pool is far larger than what is in use at a time. */
		tail->next = rte_pktmbuf_alloc(pool);
		RTE_VERIFY(tail->next != NULL);
		tail = tail->next;
		frame->nb_segs++;
	}
}

/* ---- guest memory ---- */

static void
memory_lay_out(struct gen_memory *memory, const struct bench_case *point)
{
	for (int i = 0; i < 2; i++) {
		uint32_t bytes = BUFFER_BYTES;

		/* A frame fits one buffer, unless it may use several. */
		if (i == 1 || !point->is_mergeable)
			bytes = RTE_MAX(bytes, BENCH_HEADER_BYTES + memory->sizes.max_bytes);
		memory->room_bytes[i] = bytes;
		/* An odd number of cache lines spreads buffers over all sets of a cache. */
		memory->stride_bytes[i] = RTE_ALIGN_CEIL(bytes, (uint32_t)RTE_CACHE_LINE_SIZE) |
			RTE_CACHE_LINE_SIZE;
	}
	/* As many buffers as a ring has entries, as long as memory for all queues stays small. */
	memory->nb_buffers = point->ring_size;
	memory->pair_bytes = (uint64_t)point->ring_size *
		(memory->stride_bytes[0] + memory->stride_bytes[1]);
	while (memory->nb_buffers > point->burst && memory->nb_buffers > 64 &&
			memory->pair_bytes * point->nb_pairs > MAX_MEMORY_BYTES) {
		memory->nb_buffers /= 2;
		memory->pair_bytes /= 2;
	}
	memory->bytes = RTE_ALIGN_CEIL(memory->pair_bytes * point->nb_pairs, HUGEPAGE_BYTES);
}

int
gen_memory_create(struct gen_memory *memory, const struct bench_case *point)
{
	void *hva = MAP_FAILED;

	frame_sizes_init(&memory->sizes, point->size_bytes);
	memory_lay_out(memory, point);
	for (int is_small = 0; is_small <= 1 && hva == MAP_FAILED; is_small++) {
		memory->has_hugepages = !is_small;
		memory->fd = vu_fd_memfd("vu-bench", memory->bytes, is_small ? 0 : HUGEPAGE_BYTES);
		if (memory->fd < 0)
			continue;
		hva = mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			memory->fd, 0);
		if (hva == MAP_FAILED)
			vu_fd_close(&memory->fd);
	}
	memory->hva = hva != MAP_FAILED ? hva : NULL;
	return memory->hva != NULL ? 0 : -ENOMEM;
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

/* ---- generator ---- */

/* A buffer as the ring gets it; its number in the ring is its cookie. */
static __rte_always_inline struct vu_guest_buf
gen_buf(const struct gen_queue *gq, uint64_t number, uint32_t len_bytes)
{
	return (struct vu_guest_buf){
		.gpa = (uintptr_t)gen_buffer(gq, number),
		.cookie = (void *)(uintptr_t)(number & (gq->nb_buffers - 1)),
		.len_bytes = len_bytes,
	};
}

/* Put buffers into the ring, or beside it where there is none. */
static __rte_always_inline void
gen_add(struct gen_queue *gq, const struct vu_guest_buf *bufs, uint16_t nb, bool is_writable)
{
	gq->nb_given += nb;
	if (gq->ring != NULL) {
		/* There is one descriptor per buffer. */
		gq->nb_faults += vu_vring_guest_add(gq->ring, bufs, nb, is_writable) != nb;
		return;
	}
	for (uint16_t i = 0; i < nb && !is_writable; i++)
		gq->lens[(uintptr_t)bufs[i].cookie] = bufs[i].len_bytes;
}

static __rte_always_inline void
gen_publish(struct gen_queue *gq)
{
	if (gq->ring != NULL)
		vu_vring_guest_publish(gq->ring);
	else
		/* Lengths before count; pairs with the acquire in copy_nb_ready(). */
		vu_store_release(&gq->given, gq->nb_given);
}

/* Take up to GEN_BURST buffers that came back, and count those whose turn it is not. */
static __rte_always_inline uint16_t
gen_collect(struct gen_queue *gq, struct vu_guest_done *done)
{
	const uint64_t mask = gq->nb_buffers - 1;
	uint64_t nb;

	if (gq->ring != NULL) {
		nb = vu_vring_guest_collect(gq->ring, done, GEN_BURST);
		for (uint64_t i = 0; i < nb; i++)
			if (unlikely((uintptr_t)done[i].cookie != ((gq->nb_back + i) & mask)))
				gq->nb_faults++;
	} else {
		/* Pairs with the release in copy_done(). */
		nb = RTE_MIN(vu_load_acquire(&gq->used) - gq->nb_back, (uint64_t)GEN_BURST);
		for (uint64_t i = 0; i < nb; i++)
			done[i].len_bytes = gq->lens[(gq->nb_back + i) & mask];
	}
	gq->nb_back += nb;
	return (uint16_t)nb;
}

void
gen_take_back(struct gen_queue *gq)
{
	struct vu_guest_done done[GEN_BURST];

	while (gen_collect(gq, done) == GEN_BURST)
		;
}

/* Header, addresses and number of a frame; the rest of it is in the buffer already. */
static __rte_always_inline struct vu_guest_buf
gen_write_frame(struct gen_queue *gq, uint64_t buffer_number)
{
	uint8_t *buffer = gen_buffer(gq, buffer_number);
	uint64_t number = gq->nb_frames++;

	if (!gq->is_lean) {
		memcpy(buffer, &gq->prefix, sizeof(gq->prefix));
		memcpy(buffer + BENCH_HEADER_BYTES + FRAME_NUMBER_OFFSET, &number, sizeof(number));
	}
	return gen_buf(gq, buffer_number, BENCH_HEADER_BYTES + frame_size(gq->sizes, number));
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

		for (uint16_t i = 0; i < nb_now; i++)
			bufs[i] = gen_write_frame(gq, gq->nb_given + i);
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
		/* Not every device writes it where buffers are not mergeable. */
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
		uint64_t first = gq->nb_back;

		nb = gen_collect(gq, done);
		for (uint16_t i = 0; i < nb; i++) {
			gen_read_buffer(gq, gen_buffer(gq, first + i), done[i].len_bytes);
			bufs[i] = gen_buf(gq, first + i, gq->room_bytes);
		}
		gen_add(gq, bufs, nb, true);
		nb_total += nb;
	} while (nb == GEN_BURST && nb_total < BENCH_MAX_BURST);
	if (nb_total != 0)
		gen_publish(gq);
	return (uint16_t)(gq->nb_frames - nb_frames);
}

void
gen_post(struct gen_queue *gq)
{
	while (gq->nb_given < gq->nb_buffers) {
		struct vu_guest_buf buf = gen_buf(gq, gq->nb_given, gq->room_bytes);

		gen_add(gq, &buf, 1, true);
	}
	gen_publish(gq);
}

/* ---- subject ---- */

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

static int
queue_init(struct gen_queue *gq, const struct backend_conf *conf, uint32_t idx, bool has_rings)
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
	gq->buffers = memory->hva + idx / 2 * memory->pair_bytes +
		(uint64_t)is_from_guest * memory->nb_buffers * memory->stride_bytes[0];
	gq->max_frames = gq->nb_buffers / gen_nb_buffers(gq, memory->sizes.max_bytes);
	gq->is_mergeable = point->is_mergeable;
	if (point->has_offload)
		memcpy(gq->prefix.header, offload_header, sizeof(offload_header));
	frame_addresses(gq->prefix.addresses, gq->port);
	gq->is_lean = point->is_lean;
	/* Without rings they are walked as they lie. */
	gq->step = point->is_scattered && has_rings ? SCATTER_STEP : 1;
	for (uint32_t i = 0; i < gq->nb_buffers; i++) {
		memcpy(gen_buffer(gq, i), gq->prefix.header, BENCH_HEADER_BYTES);
		frame_fill(gen_buffer(gq, i) + BENCH_HEADER_BYTES,
			RTE_MIN(memory->sizes.max_bytes, gq->room_bytes - BENCH_HEADER_BYTES),
			gq->port);
	}
	gq->lens = rte_zmalloc(NULL, gq->nb_buffers * sizeof(*gq->lens), 0);
	return gq->lens != NULL ? 0 : -ENOMEM;
}

/* Connect a front-end to a device and start its queues. */
static int
device_open(struct subject *subject, unsigned int idx)
{
	const struct bench_case *point = subject->conf.point;
	const struct gen_memory *memory = subject->conf.memory;
	const uint64_t features = RTE_BIT64(VIRTIO_F_VERSION_1) |
		(uint64_t)(point->ring == BENCH_PACKED) << VIRTIO_F_RING_PACKED |
		(uint64_t)point->is_in_order << VIRTIO_F_IN_ORDER |
		(uint64_t)point->is_mergeable << VIRTIO_NET_F_MRG_RXBUF |
		(uint64_t)point->has_offload << VIRTIO_NET_F_CSUM |
		(uint64_t)point->has_offload << VIRTIO_NET_F_GUEST_CSUM;
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
	subject->backend = calloc(1, ops->bytes);
	if (subject->backend == NULL)
		return -ENOMEM;
	rc = ops->open(subject->backend, &subject->conf);
	for (uint32_t i = 0; i < 2 * nb_pairs && rc == 0; i++)
		rc = queue_init(&subject->queues[i], conf, i, ops->endpoint != NULL);
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
	free(subject->backend);
	for (uint32_t i = 0; subject->queues != NULL && i < 2 * subject->conf.point->nb_pairs; i++)
		rte_free(subject->queues[i].lens);
	rte_free(subject->queues);
	free(subject->handles);
	free(subject->numbers);
	*subject = (struct subject){ 0 };
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
			(uint64_t)llabs((long long)(gq[1].nb_given - gq[1].nb_back));
		if (gq->ring != NULL)
			nb_faults += gq[0].ring->is_broken + gq[1].ring->is_broken;
	}
	return nb_faults + (uint64_t)llabs((long long)(nb_sent - subject->nb_taken)) +
		(uint64_t)llabs((long long)(nb_received - subject->nb_put));
}
