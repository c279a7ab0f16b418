/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transmit queues of the guest: frames are copied into mbufs, the buffers go back to the guest.
 * Owner lcore. Without offload features negotiated nothing in the header in front of a frame means
 * anything to the device (VIRTIO 1.2, 5.1.6.2); with them it is net_offload.c's.
 */
#include "net_burst.h"

#include <string.h>

#include <rte_branch_prediction.h>

#include "net_offload.h"
#include "vu_copy.h"
#include "vu_net.h"
#include "vu_vring_layout.h"

/* Copy `len_bytes` from the cursor into a frame, adding mbufs to it as needed. */
static bool
frame_fill(struct net_queue *nq, const struct net_snapshot *ns, struct rte_mbuf *frame,
	struct vu_seg_cursor *cursor, uint32_t len_bytes)
{
	struct rte_mbuf *tail = frame;
	uint32_t piece_bytes;

	frame->pkt_len = len_bytes;
	while (len_bytes != 0) {
		uint32_t room_bytes = rte_pktmbuf_tailroom(tail);
		const uint8_t *src;

		if (room_bytes == 0) {
			tail->next = rte_pktmbuf_alloc(nq->pool);
			if (tail->next == NULL)
				return false;
			tail = tail->next;
			frame->nb_segs++;
			continue;
		}
		src = vu_seg_cursor_next(cursor, RTE_MIN(room_bytes, len_bytes), &piece_bytes);
		ns->burst->copy(rte_pktmbuf_mtod_offset(tail, uint8_t *, tail->data_len), src,
			piece_bytes);
		tail->data_len += (uint16_t)piece_bytes;
		len_bytes -= piece_bytes;
	}
	return true;
}

/* Take the header, whose bytes may lie anywhere. */
static void
cursor_header(struct vu_seg_cursor *cursor, struct net_header *header, uint32_t header_bytes)
{
	uint8_t bytes[NET_HEADER_MAX_BYTES];
	uint32_t piece_bytes;

	for (uint32_t done = 0; done < header_bytes; done += piece_bytes) {
		const uint8_t *piece = vu_seg_cursor_next(cursor, header_bytes - done,
			&piece_bytes);

		memcpy(bytes + done, piece, piece_bytes);
	}
	memcpy(header, bytes, sizeof(*header));
}

/* Do what the header requests for; false if it lies and the frame is dropped, which is counted. */
static __rte_always_inline bool
frame_offload(struct net_queue *nq, const struct net_snapshot *ns, struct rte_mbuf *frame,
	const struct net_header *header)
{
	if (likely((ns->offloads & RTE_BIT64(VIRTIO_NET_F_CSUM)) == 0 ||
			!net_header_has_request(header)) ||
			net_offload_from_header(ns->offloads, frame, header))
		return true;
	vu_device_queue_drop(nq->queue, NET_DROP_BAD_HEADER, 1);
	return false;
}

/* Take a frame from a list of segments; false if it is dropped, which is counted. */
static bool
frame_from_segs(struct net_queue *nq, const struct net_snapshot *ns, struct rte_mbuf *frame,
	struct vu_seg_cursor *cursor, uint32_t total_bytes)
{
	struct net_header header;

	if (total_bytes <= ns->header_bytes) {
		vu_device_queue_drop(nq->queue, VU_DROP_TOO_SHORT, 1);
		return false;
	}
	if (total_bytes - ns->header_bytes > nq->max_bytes) {
		vu_device_queue_drop(nq->queue, VU_DROP_TOO_BIG, 1);
		return false;
	}
	cursor_header(cursor, &header, ns->header_bytes);
	if ((nq->big_pool != NULL &&
			!net_big_attach(nq, frame, total_bytes - ns->header_bytes)) ||
			!frame_fill(nq, ns, frame, cursor, total_bytes - ns->header_bytes)) {
		vu_device_queue_drop(nq->queue, NET_DROP_NO_MBUF, 1);
		return false;
	}
	return frame_offload(nq, ns, frame, &header);
}

/*
 * A chain of several descriptors. Out of line: its segment list is large and the common frame needs
 * none.
 */
static __rte_noinline enum vu_vring_fault
frame_from_chain(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	const struct vu_burst *burst, uint16_t i, struct rte_mbuf *frame, bool *is_kept)
{
	struct vu_seg_cursor cursor;
	struct vu_chain chain;
	enum vu_vring_fault fault = vu_ring_chain(snap, &nq->queue->vring.pos, burst, i,
		&chain);

	if (fault != VU_VRING_OK)
		return fault;
	nq->nb_descs += chain.nb_descs;
	if (chain.nb_write != 0)
		return VU_VRING_BAD_DIRECTION;
	vu_seg_cursor_init(&cursor, chain.seg, chain.nb_read);
	*is_kept = frame_from_segs(nq, net_snapshot(snap), frame, &cursor, chain.read_bytes);
	return VU_VRING_OK;
}

/* Copy entry i of the burst into a frame. A fault leaves the entry in the ring. */
static __rte_always_inline enum vu_vring_fault
frame_dequeue(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	const struct vu_burst *burst, uint16_t i, struct rte_mbuf *frame, bool *is_kept)
{
	const struct net_snapshot *ns = net_snapshot(snap);
	uint32_t frame_bytes = burst->len_bytes[i] - ns->header_bytes;
	struct vu_seg seg = { burst->hva[i], burst->len_bytes[i] };
	struct vu_seg_cursor cursor;
	struct net_header header;

	if (unlikely(burst->hva[i] == NULL))
		return frame_from_chain(nq, snap, burst, i, frame, is_kept);
	/* A buffer shorter than the header wraps to a huge length and takes the checked way. */
	if (unlikely(frame_bytes - 1 >= rte_pktmbuf_tailroom(frame))) {
		vu_seg_cursor_init(&cursor, &seg, 1);
		*is_kept = frame_from_segs(nq, ns, frame, &cursor, seg.len_bytes);
		return VU_VRING_OK;
	}
	net_header_read(&header, burst->hva[i]);
	vu_copy(rte_pktmbuf_mtod(frame, void *), burst->hva[i] + ns->header_bytes, frame_bytes);
	frame->data_len = (uint16_t)frame_bytes;
	frame->pkt_len = frame_bytes;
	*is_kept = frame_offload(nq, ns, frame, &header);
	return VU_VRING_OK;
}

struct net_dequeued {
	uint16_t nb_entries; /* ring entries dealt with */
	uint16_t nb_frames;  /* frames among them that go on, first in the array */
	uint64_t nb_bytes;
};

/* Copy a burst; frames that are not used stay behind the used ones in the array. */
static __rte_always_inline struct net_dequeued
frames_dequeue(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	const struct net_peek *peek, struct rte_mbuf **frames)
{
	const struct vu_burst *burst = &peek->burst;
	struct net_dequeued dequeued = { 0 };
	struct rte_mbuf *unused[NET_MAX_BURST];
	uint16_t nb_unused = 0;

	nq->nb_descs = peek->nb_descs;
	for (; dequeued.nb_entries < burst->nb && nq->nb_descs < NET_BURST_DESCS &&
			peek->nb_bytes + dequeued.nb_bytes < NET_BURST_BYTES;
			dequeued.nb_entries++) {
		struct rte_mbuf *frame = frames[dequeued.nb_entries];
		bool is_kept = false;
		enum vu_vring_fault fault =
			frame_dequeue(nq, snap, burst, dequeued.nb_entries, frame, &is_kept);

		if (unlikely(fault != VU_VRING_OK)) {
			vu_store(&nq->queue->vring.pos.fault, (uint8_t)fault);
			break;
		}
		if (likely(is_kept)) {
			frame->port = nq->port_id;
			dequeued.nb_bytes += frame->pkt_len;
			frames[dequeued.nb_frames++] = frame;
		} else {
			unused[nb_unused++] = frame;
		}
	}
	rte_pktmbuf_free_bulk(unused, nb_unused);
	rte_pktmbuf_free_bulk(&frames[dequeued.nb_entries], burst->nb - dequeued.nb_entries);
	return dequeued;
}

/* The ring is started but disabled: consume without side effects (vhost-user, ring states). */
static void
net_discard(
	struct net_queue *nq, const struct vu_vring_snapshot *snap, const struct vu_burst *burst)
{
	vu_ring_commit(snap, &nq->queue->vring.pos, burst, burst->nb, false, snap->is_packed);
	/* A guest that waits for its buffers would not start again when the ring is enabled. */
	vu_ring_signal(snap, &nq->queue->vring.pos, snap->is_packed);
	vu_device_queue_drop(nq->queue, VU_DROP_DISABLED, burst->nb);
}

uint16_t
net_peek_any(struct net_queue *nq, const struct vu_vring_snapshot *snap, struct net_peek *peek,
	uint16_t max)
{
	peek->is_single = false;
	peek->nb_bytes = 0;
	peek->nb_descs = 0;
	return vu_ring_peek(snap, &nq->queue->vring.pos, &peek->burst,
		RTE_MIN(max, VU_VRING_BURST), 0, snap->is_packed);
}

uint16_t
net_take_any(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	const struct net_peek *peek, struct rte_mbuf **frames, uint16_t *nb_frames)
{
	struct net_dequeued dequeued;

	*nb_frames = 0;
	/*
	 * Without mbufs the frames stay with the guest: nothing is lost, the queue is tried again.
	 */
	if (unlikely(rte_pktmbuf_alloc_bulk(nq->pool, frames, peek->burst.nb) != 0))
		return 0;
	dequeued = frames_dequeue(nq, snap, peek, frames);
	net_peek_commit(snap, &nq->queue->vring.pos, peek, dequeued.nb_entries);
	vu_device_queue_count(nq->queue, dequeued.nb_frames, dequeued.nb_bytes);
	*nb_frames = dequeued.nb_frames;
	return dequeued.nb_entries;
}

uint16_t
net_dequeue_any(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t max, uint16_t *nb_frames)
{
	struct net_peek peek;

	*nb_frames = 0;
	if (net_peek_any(nq, snap, &peek, max) == 0)
		return 0;
	if (likely(snap->is_enabled))
		return net_take_any(nq, snap, &peek, frames, nb_frames);
	net_discard(nq, snap, &peek.burst);
	return peek.burst.nb;
}

static __rte_always_inline uint16_t
burst_from_guest(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t max)
{
	const struct net_burst_ops *burst = net_snapshot(snap)->burst;
	uint16_t done = 0, nb_entries, nb_frames;

	do {
		nb_entries = burst->dequeue(queue->priv, snap, &frames[done], max - done,
			&nb_frames);
		done += nb_frames;
	} while (nb_entries != 0 && done < max && likely(queue->vring.pos.fault == VU_VRING_OK));
	vu_device_queue_end_burst(queue, snap);
	if (unlikely((net_snapshot(snap)->offloads & RTE_BIT64(VIRTIO_NET_F_CSUM)) != 0 &&
			((const struct net_queue *)queue->priv)->has_rx_flags))
		net_receive_flags(queue->priv, frames, done);
	return done;
}

uint16_t
vu_net_from_guest_burst(struct vu_device_queue *queue, struct rte_mbuf **frames, uint16_t max)
{
	const struct vu_vring_snapshot *snap = vu_device_queue_usable(queue,
		vu_device_queue_enter(queue));
	uint16_t nb = 0;

	if (likely(snap != NULL && max != 0))
		nb = burst_from_guest(queue, snap, frames, max);
	vu_device_queue_leave(queue);
	return nb;
}
