/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Template of the fast burst functions: frames that lie in a single buffer each, with the 12-byte
 * header. Anything else ends the run and goes to net_take_any() or net_enqueue_any(),
 * which see the ring as it is. Included by one file per instruction set, each with its own compiler
 * options. Owner lcore.
 */
#ifndef NET_FAST_H
#define NET_FAST_H

#include <stddef.h>
#include <string.h>

#include <rte_branch_prediction.h>

#include "net_burst.h"
#include "net_offload.h"
#include "vu_copy.h"
#include "vu_vring_layout.h"

#define FAST_HEADER_BYTES 12

/* What an mbuf holds of a received frame, as two stores; the layout is DPDK's ABI. */
_Static_assert(offsetof(struct rte_mbuf, data_off) == 16 &&
	offsetof(struct rte_mbuf, ol_flags) == 24 &&
	offsetof(struct rte_mbuf, packet_type) == 32 &&
	offsetof(struct rte_mbuf, pkt_len) == 36 &&
	offsetof(struct rte_mbuf, data_len) == 40, "struct rte_mbuf");

typedef uint64_t fast_mbuf_words __attribute__((vector_size(16), may_alias));

static __rte_always_inline void
fast_frame_init(struct rte_mbuf *frame, uint64_t rearm, uint32_t len_bytes)
{
	fast_mbuf_words *words = (fast_mbuf_words *)(void *)frame;

	words[1] = (fast_mbuf_words){ rearm, 0 };
	words[2] = (fast_mbuf_words){ (uint64_t)len_bytes << 32, len_bytes };
}

/* Frames of a burst, and the headers among theirs that request something. */
struct fast_requests {
	uint64_t nb_bytes;              /* of all frames */
	uint16_t nb;
	uint16_t frame[VU_VRING_BURST]; /* index in the burst */
	struct net_header header[VU_VRING_BURST];
};

/*
 * Do what headers request, when all frames are copied: a short load right behind a wide store of
 * the same bytes waits for it. @return frames before the first one that net_take_any() drops
 */
static __rte_always_inline uint16_t
fast_offload_in(uint64_t offloads, struct fast_requests *requests, struct rte_mbuf **frames,
	uint16_t nb)
{
	for (uint16_t i = 0; i < requests->nb; i++) {
		uint16_t at = requests->frame[i];

		if (likely(net_offload_from_header_fast(frames[at], &requests->header[i])) ||
				net_offload_from_header(offloads, frames[at], &requests->header[i]))
			continue;
		while (nb > at)
			requests->nb_bytes -= frames[--nb]->pkt_len;
		break;
	}
	return nb;
}

/* Copy the frames at the head of a burst. @return how many of them there are */
static __rte_always_inline uint16_t
fast_copy_in(const struct net_queue *nq, const struct vu_burst *burst, struct rte_mbuf **frames,
	struct fast_requests *requests, const bool has_offloads)
{
	const uint64_t rearm = nq->rearm;
	const uint32_t room_bytes = nq->room_bytes;
	uint16_t nb_requests = 0;
	const uint16_t nb = burst->nb;
	uint64_t sum = 0;
	uint16_t i;

	for (i = 0; i < nb; i++) {
		uint32_t frame_bytes = burst->len_bytes[i] - FAST_HEADER_BYTES;
		struct rte_mbuf *frame = frames[i];

		/* A buffer shorter than the header wraps to a huge length. */
		if (unlikely(frame_bytes - 1 >= room_bytes))
			break;
		fast_frame_init(frame, rearm, frame_bytes);
		vu_copy((uint8_t *)frame->buf_addr + RTE_PKTMBUF_HEADROOM,
			burst->hva[i] + FAST_HEADER_BYTES, frame_bytes);
		if (has_offloads) {
			net_header_read(&requests->header[nb_requests], burst->hva[i]);
			requests->frame[nb_requests] = i;
			nb_requests += net_header_has_request(&requests->header[nb_requests]);
		}
		sum += frame_bytes;
	}
	requests->nb = nb_requests;
	requests->nb_bytes = sum;
	return i;
}

/* The single buffers that come first. */
static __rte_always_inline uint16_t
fast_peek(struct net_queue *nq, const struct vu_vring_snapshot *snap, struct net_peek *peek,
	uint16_t max, const bool is_packed)
{
	peek->is_single = true;
	peek->nb_bytes = 0;
	peek->nb_descs = 0;
	return vu_ring_peek_single(snap, &nq->queue->vring.pos, &peek->burst,
		RTE_MIN(max, VU_VRING_BURST), 0, is_packed);
}

/* By value: whose address nobody else has stays in registers on the fast way. */
static __rte_noinline uint16_t
fast_take_any(struct net_queue *nq, const struct vu_vring_snapshot *snap, struct net_peek peek,
	struct rte_mbuf **frames, uint16_t *nb_frames)
{
	return net_take_any(nq, snap, &peek, frames, nb_frames);
}

/* Frames of fast_peek(), of one at least. */
static __rte_always_inline uint16_t
fast_take(struct net_queue *nq, const struct vu_vring_snapshot *snap, const struct net_peek *peek,
	struct rte_mbuf **frames, uint16_t *nb_frames, const bool is_packed,
	const bool has_offloads)
{
	const struct net_snapshot *ns = net_snapshot(snap);
	struct vu_vring_pos *pos = &nq->queue->vring.pos;
	const struct vu_burst *burst = &peek->burst;
	struct fast_requests requests;
	uint16_t nb;

	*nb_frames = 0;
	/* Without mbufs the frames stay with the guest. */
	if (unlikely(rte_mempool_get_bulk(nq->pool, (void **)frames, burst->nb) != 0))
		return 0;
	nb = fast_copy_in(nq, burst, frames, &requests, has_offloads);
	if (has_offloads && (ns->offloads & RTE_BIT64(VIRTIO_NET_F_CSUM)) != 0)
		nb = fast_offload_in(ns->offloads, &requests, frames, nb);
	if (unlikely(nb != burst->nb)) {
		rte_mempool_put_bulk(nq->pool, (void **)&frames[nb], burst->nb - nb);
		if (nb == 0)
			return fast_take_any(nq, snap, *peek, frames, nb_frames);
	}
	if (ns->is_in_order)
		vu_ring_commit_batch(snap, pos, burst, nb, true, is_packed);
	else
		vu_ring_commit_single(snap, pos, burst, nb, false, is_packed);
	vu_ring_signal(snap, pos, is_packed);
	vu_device_queue_count(nq->queue, nb, requests.nb_bytes);
	*nb_frames = nb;
	return nb;
}

static __rte_always_inline uint16_t
fast_dequeue(struct net_queue *nq, const struct vu_vring_snapshot *snap, struct rte_mbuf **frames,
	uint16_t max, uint16_t *nb_frames, const bool is_packed, const bool has_offloads)
{
	struct net_peek peek;

	if (unlikely(!snap->is_enabled) || fast_peek(nq, snap, &peek, max, is_packed) == 0)
		return net_dequeue_any(nq, snap, frames, max, nb_frames);
	return fast_take(nq, snap, &peek, frames, nb_frames, is_packed, has_offloads);
}

/*
 * Write header and frame. The first vector has the header and the first bytes of the frame, so
 * that no line of the buffer is written twice and a buffer on a line of its own is written in whole
 * lines. `src` is where the header would be in front of the frame.
 */
#ifdef VU_COPY_HAS_MASKS
static __rte_always_inline void
fast_write(uint8_t *dst, const uint8_t *src, uint32_t total_bytes, struct net_header_words words)
{
	const __m512i header = _mm512_set_epi64(0, 0, 0, 0, 0, 0, words.high, (int64_t)words.low);
	const __mmask64 behind_header = ~(__mmask64)0 << FAST_HEADER_BYTES;
	const uint32_t left_bytes = total_bytes - VU_COPY_VECTOR_BYTES;

	if (unlikely(total_bytes < VU_COPY_VECTOR_BYTES)) {
		__mmask64 frame = vu_copy_mask(total_bytes);

		_mm512_mask_storeu_epi8(dst, frame,
			_mm512_mask_loadu_epi8(header, frame & behind_header, src));
		return;
	}
	/* What the mask hides is not read: there may be nothing. */
	_mm512_storeu_si512(dst, _mm512_mask_loadu_epi8(header, behind_header, src));
	vu_copy(dst + VU_COPY_VECTOR_BYTES, src + VU_COPY_VECTOR_BYTES, left_bytes);
}
#else
static __rte_always_inline void
fast_write(uint8_t *dst, const uint8_t *src, uint32_t total_bytes, struct net_header_words words)
{
	memcpy(dst, &words.low, sizeof(words.low));
	memcpy(dst + sizeof(words.low), &words.high, sizeof(words.high));
	vu_copy(dst + FAST_HEADER_BYTES, src + FAST_HEADER_BYTES, total_bytes - FAST_HEADER_BYTES);
}
#endif

static __rte_noinline bool
fast_header_out_any(uint64_t offloads, const struct rte_mbuf *frame, struct net_header_words *words)
{
	struct net_header header;

	if (!net_offload_to_header(offloads, frame, &header))
		return false;
	*words = net_header_words(&header);
	return true;
}

/* Make the header of a frame that needs more than zeros in it; false: software comes first. */
static __rte_always_inline bool
fast_header_out(uint64_t offloads, const struct rte_mbuf *frame, struct net_header_words *words)
{
	return likely(net_offload_to_header_fast(offloads, frame, words)) ||
		fast_header_out_any(offloads, frame, words);
}

/* Copy frames to the buffers at the head of a burst. @return how many went there */
static __rte_always_inline uint16_t
fast_copy_out(const struct vu_vring_snapshot *snap, struct vu_burst *burst,
	struct rte_mbuf **frames, uint64_t *nb_bytes, const bool has_offloads)
{
	const uint64_t flags = has_offloads ? NET_OFFLOAD_FLAGS : NET_TX_REQUESTS;
	uint64_t sum = 0;
	uint16_t i;

	for (i = 0; i < burst->nb; i++) {
		const struct rte_mbuf *frame = frames[i];
		uint32_t total_bytes = frame->data_len + FAST_HEADER_BYTES;
		const uint8_t *src = (const uint8_t *)frame->buf_addr + frame->data_off -
			FAST_HEADER_BYTES;
		struct net_header_words words;

		if (unlikely((burst->len_bytes[i] < total_bytes) | (frame->nb_segs != 1)))
			break;
		if (likely((frame->ol_flags & flags) == 0)) {
			fast_write(burst->hva[i], src, total_bytes, net_header_words_zero);
		} else {
			if (!has_offloads || !fast_header_out(net_snapshot(snap)->offloads, frame,
				&words))
				break;
			fast_write(burst->hva[i], src, total_bytes, words);
		}
		burst->used_bytes[i] = total_bytes;
		sum += total_bytes;
	}
	*nb_bytes = sum - (uint64_t)i * FAST_HEADER_BYTES;
	return i;
}

static __rte_always_inline uint16_t
fast_enqueue(struct net_queue *nq, const struct vu_vring_snapshot *snap, struct rte_mbuf **frames,
	uint16_t nb_frames, const bool is_packed, const bool has_offloads)
{
	struct vu_vring_pos *pos = &nq->queue->vring.pos;
	struct vu_burst burst;
	uint16_t done = 0;

	while (done < nb_frames) {
		uint16_t nb = RTE_MIN((uint16_t)(nb_frames - done), VU_VRING_BURST);
		uint64_t nb_bytes;

		vu_ring_peek_single(snap, pos, &burst, nb, VU_DESC_F_WRITE, is_packed);
		nb = fast_copy_out(snap, &burst, &frames[done], &nb_bytes, has_offloads);
		if (nb == 0)
			break;
		vu_ring_commit_single(snap, pos, &burst, nb, true, is_packed);
		vu_device_queue_count(nq->queue, nb, nb_bytes);
		done += nb;
	}
	if (likely(done != 0))
		vu_ring_signal(snap, pos, is_packed);
	if (unlikely(done != nb_frames))
		done += net_enqueue_any(nq, snap, &frames[done], nb_frames - done);
	return done;
}

static void
fast_copy(void *dst, const void *src, size_t len_bytes)
{
	vu_copy(dst, src, len_bytes);
}

/* The functions of one layout, one instruction set, without and with offloads; their table. */
#define NET_FAST_DEFINE_ONE(layout, isa, is_packed, kind, kind_name, has_offloads) \
static uint16_t \
fast_dequeue_##layout##kind(struct net_queue *nq, const struct vu_vring_snapshot *snap, \
	struct rte_mbuf **frames, uint16_t max, uint16_t *nb_frames) \
{ \
	return fast_dequeue(nq, snap, frames, max, nb_frames, is_packed, has_offloads); \
} \
static uint16_t \
fast_peek_##layout##kind(struct net_queue *nq, const struct vu_vring_snapshot *snap, \
	struct net_peek *peek, uint16_t max) \
{ \
	uint16_t nb = fast_peek(nq, snap, peek, max, is_packed); \
	return likely(nb != 0) ? nb : net_peek_any(nq, snap, peek, max); \
} \
static uint16_t \
fast_take_##layout##kind(struct net_queue *nq, const struct vu_vring_snapshot *snap, \
	const struct net_peek *peek, struct rte_mbuf **frames, uint16_t *nb_frames) \
{ \
	if (unlikely(!peek->is_single)) \
		return net_take_any(nq, snap, peek, frames, nb_frames); \
	return fast_take(nq, snap, peek, frames, nb_frames, is_packed, has_offloads); \
} \
static uint16_t \
fast_enqueue_##layout##kind(struct net_queue *nq, const struct vu_vring_snapshot *snap, \
	struct rte_mbuf **frames, uint16_t nb_frames) \
{ \
	return fast_enqueue(nq, snap, frames, nb_frames, is_packed, has_offloads); \
} \
const struct net_burst_ops net_fast_##layout##kind##_##isa = { \
	.name = #layout " fast" kind_name " " #isa, \
	.dequeue = fast_dequeue_##layout##kind, \
	.peek = fast_peek_##layout##kind, \
	.take = fast_take_##layout##kind, \
	.enqueue = fast_enqueue_##layout##kind, \
	.copy = fast_copy, \
};
#define NET_FAST_DEFINE(layout, isa, is_packed) \
	NET_FAST_DEFINE_ONE(layout, isa, is_packed, , "", false) \
	NET_FAST_DEFINE_ONE(layout, isa, is_packed, _offload, " offload", true)

#endif /* NET_FAST_H */
