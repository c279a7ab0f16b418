/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Receive queues of the guest: frames are copied into the buffers it made available. Owner lcore.
 * Without mergeable buffers a frame takes one chain; with them it takes as many as it needs, all
 * given back with one index update and the count in the first one's header (VIRTIO 1.2, 5.1.6.4).
 */
#include "net_burst.h"

#include <string.h>

#include <rte_branch_prediction.h>

#include "net_offload.h"
#include "net_software.h"
#include "vu_copy.h"
#include "vu_net.h"
#include "vu_vring_layout.h"

#define NB_BUFFERS_OFFSET 10
/*
 * A frame is not spread over more descriptors than these and those of one chain: to follow them
 * would cost more than to copy the longest frame, as often as its receiver likes.
 */
#define NET_MAX_FRAME_DESCS 512

/* Did this burst follow so many descriptors that it has to end? */
static inline bool
is_over_budget(const struct net_queue *nq)
{
	return unlikely(nq->nb_descs >= NET_BURST_WRITE_DESCS);
}

static inline bool
frame_needs_software(const struct net_snapshot *ns, const struct rte_mbuf *frame)
{
	struct net_header header;

	return unlikely((frame->ol_flags & NET_TX_REQUESTS) != 0) &&
		!net_offload_to_header(ns->offloads, frame, &header);
}

static __rte_always_inline void
header_set_nb_buffers(uint8_t header[NET_HEADER_MAX_BYTES], uint16_t nb_buffers)
{
	memcpy(&header[NB_BUFFERS_OFFSET], &nb_buffers, sizeof(nb_buffers));
}

/*
 * The header of a frame in one buffer: without offloads, zero except their number.
 * @return false: software has to work on the frame first
 */
static __rte_always_inline bool
header_make(const struct net_snapshot *ns, const struct rte_mbuf *frame,
	uint8_t header[NET_HEADER_MAX_BYTES])
{
	header_set_nb_buffers(header, 1);
	if (unlikely((frame->ol_flags & NET_OFFLOAD_FLAGS) != 0))
		return net_offload_to_header(ns->offloads, frame, (struct net_header *)header);
	memset(header, 0, sizeof(struct net_header));
	return true;
}

/* The source of a copy: a header and then the segments of a frame. */
struct frame_reader {
	const uint8_t *piece;
	uint32_t piece_bytes;
	const struct rte_mbuf *next;
};

static void
frame_read(const struct net_snapshot *ns, struct frame_reader *reader, uint8_t *dst,
	uint32_t len_bytes)
{
	while (len_bytes != 0) {
		uint32_t nb = RTE_MIN(len_bytes, reader->piece_bytes);

		ns->burst->copy(dst, reader->piece, nb);
		dst += nb;
		len_bytes -= nb;
		reader->piece += nb;
		reader->piece_bytes -= nb;
		while (reader->piece_bytes == 0 && reader->next != NULL) {
			reader->piece = rte_pktmbuf_mtod(reader->next, const uint8_t *);
			reader->piece_bytes = reader->next->data_len;
			reader->next = reader->next->next;
		}
	}
}

/* Walk entry i, a single buffer too, into `chain`: writable segments. @return false: a fault */
static bool
entry_walk(struct net_queue *nq, const struct vu_vring_snapshot *snap, const struct vu_burst *burst,
	uint16_t i, struct vu_chain *chain)
{
	struct vu_vring_pos *pos = &nq->queue->vring.pos;
	enum vu_vring_fault fault = VU_VRING_OK;

	if (burst->hva[i] != NULL) {
		chain->nb_read = 0;
		chain->nb_write = 1;
		chain->nb_descs = 1;
		chain->write_bytes = burst->len_bytes[i];
		chain->seg[0] = (struct vu_seg){ burst->hva[i], burst->len_bytes[i] };
	} else {
		fault = vu_ring_chain(snap, pos, burst, i, chain);
	}
	if (fault == VU_VRING_OK && chain->nb_read != 0)
		fault = VU_VRING_BAD_DIRECTION;
	else if (fault == VU_VRING_OK && chain->write_bytes < net_snapshot(snap)->header_bytes)
		fault = VU_VRING_BAD_LENGTH;
	vu_store(&pos->fault, (uint8_t)fault);
	return fault == VU_VRING_OK;
}

/*
 * Entries from `first` on that a frame needs. They are walked here and again for the copy: the
 * guest may change them in between, so the copy goes by its own walk and stops at whatever room
 * that finds.
 * @return 0: the entries at hand do not suffice, have too many descriptors, or a fault
 */
static uint16_t
frame_nb_entries(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	const struct vu_burst *burst, uint16_t first, uint32_t total_bytes)
{
	const bool is_mergeable = net_snapshot(snap)->is_mergeable;
	uint16_t end = is_mergeable ? burst->nb : RTE_MIN(burst->nb, (uint16_t)(first + 1));
	uint32_t room_bytes = 0, nb_descs = 0;
	struct vu_chain chain;

	for (uint16_t i = first; i < end && nb_descs <= NET_MAX_FRAME_DESCS; i++) {
		if (!entry_walk(nq, snap, burst, i, &chain))
			return 0;
		nb_descs += chain.nb_descs;
		nq->nb_descs += 2u * chain.nb_descs;
		room_bytes += RTE_MIN(chain.write_bytes, total_bytes);
		if (room_bytes >= total_bytes)
			return i - first + 1;
	}
	return 0;
}

/* Fill entry i with up to left_bytes. @return bytes written; 0 with the fault set */
static uint32_t
entry_fill(struct net_queue *nq, const struct vu_vring_snapshot *snap, struct vu_burst *burst,
	uint16_t i, struct frame_reader *reader, uint32_t left_bytes)
{
	struct vu_chain chain;
	uint32_t done_bytes = 0;

	if (!entry_walk(nq, snap, burst, i, &chain))
		return 0;
	for (uint16_t s = 0; s < chain.nb_write && done_bytes < left_bytes; s++) {
		uint32_t nb = RTE_MIN(chain.seg[s].len_bytes, left_bytes - done_bytes);

		frame_read(net_snapshot(snap), reader, chain.seg[s].hva, nb);
		done_bytes += nb;
	}
	burst->used_bytes[i] = done_bytes;
	/* Even if the frame ends in a fault and is not committed. */
	if (unlikely(snap->log != NULL))
		vu_vring_log_segs(snap, chain.seg, chain.nb_write, done_bytes);
	return done_bytes;
}

/* Copy a frame into several buffers or a chain; 0 entries on a fault or if it does not fit. */
static __rte_noinline uint16_t
frame_enqueue_slow(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct vu_burst *burst, uint16_t first, const struct rte_mbuf *frame,
	uint8_t header[NET_HEADER_MAX_BYTES])
{
	struct vu_vring_pos *pos = &nq->queue->vring.pos;
	const uint16_t header_bytes = net_snapshot(snap)->header_bytes;
	uint32_t left_bytes = frame->pkt_len + header_bytes;
	uint16_t nb_entries = frame_nb_entries(nq, snap, burst, first, left_bytes);
	struct frame_reader reader = { header, header_bytes, frame };

	if (nb_entries == 0)
		return 0;
	header_set_nb_buffers(header, nb_entries);
	for (uint16_t i = first; i < first + nb_entries && pos->fault == VU_VRING_OK; i++)
		left_bytes -= entry_fill(nq, snap, burst, i, &reader, left_bytes);
	/* The guest shortened a buffer between the two walks. */
	if (left_bytes != 0 && pos->fault == VU_VRING_OK)
		vu_store(&pos->fault, VU_VRING_BAD_LENGTH);
	return pos->fault == VU_VRING_OK ? nb_entries : 0;
}

/*
 * Copy one frame to the entries from `i` on.
 * @return entries filled, 0 if it did not fit, needs software or on a fault
 */
static __rte_always_inline uint16_t
frame_enqueue(struct net_queue *nq, const struct vu_vring_snapshot *snap, struct vu_burst *burst,
	uint16_t i, const struct rte_mbuf *frame)
{
	const struct net_snapshot *ns = net_snapshot(snap);
	uint32_t total_bytes = frame->pkt_len + ns->header_bytes;
	uint8_t header[NET_HEADER_MAX_BYTES];
	uint8_t *dst = burst->hva[i];

	if (unlikely(!header_make(ns, frame, header)))
		return 0;
	if (unlikely(dst == NULL || burst->len_bytes[i] < total_bytes || frame->nb_segs != 1))
		return frame_enqueue_slow(nq, snap, burst, i, frame, header);
	memcpy(dst, header, 8);
	if (likely(ns->header_bytes == NET_HEADER_MAX_BYTES))
		memcpy(dst + 8, header + 8, 4);
	else
		memcpy(dst + 8, header + 8, 2);
	vu_copy(dst + ns->header_bytes, rte_pktmbuf_mtod(frame, const void *), frame->data_len);
	burst->used_bytes[i] = total_bytes;
	return 1;
}

struct net_enqueued {
	uint16_t nb_entries; /* ring entries filled */
	uint16_t nb_frames;  /* frames delivered */
	uint64_t nb_bytes;
};

/* Deliver as many of the frames, in order, as the burst's entries hold. */
static __rte_always_inline struct net_enqueued
frames_enqueue(struct net_queue *nq, const struct vu_vring_snapshot *snap, struct vu_burst *burst,
	struct rte_mbuf **frames, uint16_t nb_frames)
{
	struct net_enqueued enqueued = { 0 };

	while (enqueued.nb_frames < nb_frames && enqueued.nb_entries < burst->nb &&
			!is_over_budget(nq)) {
		const struct rte_mbuf *frame = frames[enqueued.nb_frames];
		uint16_t nb_entries = frame_enqueue(nq, snap, burst, enqueued.nb_entries, frame);

		if (nb_entries == 0)
			break;
		enqueued.nb_entries += nb_entries;
		enqueued.nb_bytes += frame->pkt_len;
		enqueued.nb_frames++;
	}
	return enqueued;
}

/*
 * Does the next frame, which found no room in a whole peek, never find any? With mergeable buffers
 * more of them may come; otherwise each single buffer is too small.
 */
static bool
never_fits(const struct vu_vring_pos *pos, const struct net_snapshot *ns,
	const struct vu_burst *burst)
{
	return pos->fault == VU_VRING_OK && burst->nb != 0 &&
		(!ns->is_mergeable || burst->nb == VU_VRING_MAX_BURST);
}

/* net_enqueue_any() up to the first frame that needs software; the guest is not notified. */
static uint16_t
enqueue_run(struct net_queue *nq, const struct vu_vring_snapshot *snap, struct rte_mbuf **frames,
	uint16_t nb_frames)
{
	const struct net_snapshot *ns = net_snapshot(snap);
	struct vu_vring_pos *pos = &nq->queue->vring.pos;
	uint16_t nb_peek = VU_VRING_BURST;
	struct vu_burst burst;
	uint16_t done = 0;

	while (done < nb_frames && pos->fault == VU_VRING_OK && !is_over_budget(nq) &&
			!frame_needs_software(ns, frames[done])) {
		struct net_enqueued enqueued;

		vu_ring_peek(snap, pos, &burst, nb_peek, VU_DESC_F_WRITE, snap->is_packed);
		enqueued = frames_enqueue(nq, snap, &burst, &frames[done], nb_frames - done);
		if (enqueued.nb_frames == 0) {
			if (ns->is_mergeable && nb_peek == burst.nb && burst.nb == VU_VRING_BURST) {
				nb_peek = VU_VRING_MAX_BURST;
				continue;
			}
			if (!never_fits(pos, ns, &burst))
				break;
			vu_device_queue_drop(nq->queue, VU_DROP_TOO_BIG, 1);
			done++;
			continue;
		}
		vu_ring_commit(snap, pos, &burst, enqueued.nb_entries, true, snap->is_packed);
		vu_device_queue_count(nq->queue, enqueued.nb_frames, enqueued.nb_bytes);
		done += enqueued.nb_frames;
	}
	return done;
}

/* Deliver what software makes of a frame. @return false: there was no room for any of it */
static __rte_noinline bool
enqueue_in_software(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	const struct rte_mbuf *frame)
{
	struct net_software work = {
		.offloads = net_snapshot(snap)->offloads,
		.pool = nq->pool != NULL ? nq->pool : frame->pool,
	};
	struct rte_mbuf *parts[NET_MAX_BURST];
	uint16_t nb_before = 0, nb;

	if (!net_software_begin(&work, frame)) {
		vu_device_queue_drop(nq->queue, NET_DROP_NO_OFFLOAD, 1);
		return true;
	}
	while ((nb = net_software_next(&work, parts, NET_MAX_BURST)) != 0) {
		uint16_t done = enqueue_run(nq, snap, parts, nb);

		rte_pktmbuf_free_bulk(parts, nb);
		if (done != nb && nb_before + done == 0)
			return false;
		nb_before += done;
		if (done != nb)
			break;
	}
	/* What was delivered cannot be taken back: the rest of the frame is lost. */
	if (work.has_no_mbuf)
		vu_device_queue_drop(nq->queue, NET_DROP_NO_MBUF, 1);
	else
		vu_device_queue_drop(nq->queue,
			vu_vring_is_given_up(nq->queue->vring.pos.fault) ? VU_DROP_FAULT :
			VU_DROP_RING_FULL, work.nb_segments - nb_before);
	return true;
}

uint16_t
net_enqueue_any(struct net_queue *nq, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames)
{
	struct vu_vring_pos *pos = &nq->queue->vring.pos;
	uint64_t nb_chains = pos->counters.nb_chains;
	uint16_t done = 0;

	nq->nb_descs = 0;
	for (;;) {
		done += enqueue_run(nq, snap, &frames[done], nb_frames - done);
		if (done == nb_frames || pos->fault != VU_VRING_OK || is_over_budget(nq) ||
				!frame_needs_software(net_snapshot(snap), frames[done]) ||
				!enqueue_in_software(nq, snap, frames[done]))
			break;
		done++;
	}
	if (pos->counters.nb_chains != nb_chains)
		vu_ring_signal(snap, pos, snap->is_packed);
	return done;
}

static __rte_always_inline uint16_t
burst_to_guest(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t nb_frames)
{
	uint16_t nb;

	snap = vu_device_queue_usable(queue, snap);
	if (unlikely(snap == NULL || !snap->is_enabled))
		return 0;
	nb = net_snapshot(snap)->burst->enqueue(queue->priv, snap, frames, nb_frames);
	vu_device_queue_end_burst(queue, snap);
	return nb;
}

uint16_t
vu_net_to_guest_burst(struct vu_device_queue *queue, struct rte_mbuf **frames, uint16_t nb_frames)
{
	uint16_t nb = burst_to_guest(queue, vu_device_queue_enter(queue), frames, nb_frames);

	vu_device_queue_leave(queue);
	return nb;
}

uint16_t
vu_net_to_guest_burst_shared(struct vu_device_queue *queue, struct rte_mbuf **frames,
	uint16_t nb_frames)
{
	uint16_t nb = burst_to_guest(queue, vu_device_queue_enter_shared(queue), frames, nb_frames);

	vu_device_queue_leave_shared(queue);
	return nb;
}
