/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames, guest memory and data path of the generator; see generator.h.
 */
#include "generator.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_byteorder.h>
#include <rte_debug.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "vu_atomic.h"
#include "vu_fd.h"

#define GEN_BURST 64
#define HUGEPAGE_BYTES (UINT64_C(2) << 20)
#define MAX_MEMORY_BYTES (UINT64_C(512) << 20)
#define BUFFER_BYTES 2048
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
	while (memory->nb_buffers > point->burst && memory->nb_buffers > 64 &&
			gen_pair_bytes(memory) * point->nb_pairs > MAX_MEMORY_BYTES)
		memory->nb_buffers /= 2;
	memory->bytes = RTE_ALIGN_CEIL(gen_pair_bytes(memory) * point->nb_pairs, HUGEPAGE_BYTES);
}

/* Pages of 0 bytes are small ones. */
static int
memory_map(struct gen_memory *memory, uint64_t page_bytes)
{
	void *hva = MAP_FAILED;

	memory->has_hugepages = page_bytes != 0;
	memory->fd = vu_fd_memfd("vu-bench", memory->bytes, page_bytes);
	if (memory->fd >= 0)
		hva = mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			memory->fd, 0);
	if (hva == MAP_FAILED) {
		vu_fd_close(&memory->fd);
		return -ENOMEM;
	}
	memory->hva = hva;
	return 0;
}

int
gen_memory_create(struct gen_memory *memory, const struct bench_case *point)
{
	frame_sizes_init(&memory->sizes, point->size_bytes);
	memory_lay_out(memory, point);
	return memory_map(memory, HUGEPAGE_BYTES) == 0 ? 0 : memory_map(memory, 0);
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

/* ---- data path ---- */

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

	memcpy(buffer, &gq->prefix, sizeof(gq->prefix));
	memcpy(buffer + BENCH_HEADER_BYTES + FRAME_NUMBER_OFFSET, &number, sizeof(number));
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
