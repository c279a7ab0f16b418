/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Guest to guest: a frame whose only receiver is a queue of this lcore is copied once, from the
 * sender's buffers to the receiver's, and no mbuf is taken. The functions that fill receive queues
 * get views instead: mbuf structures of this lcore that refer to a frame. What decides about
 * a frame is read once: its place by the peek, its addresses here; what else the sender changes
 * meanwhile, its receiver alone gets to see. Owner lcore of the source queue.
 */
#include "net_forward.h"

#include "net_burst.h"
#include "net_offload.h"
#include "vu_net.h"
#include "vu_vring_layout.h"

#define DIRECT_MAX_VIEWS (2 * NET_MAX_BURST) /* a chain needs one for each descriptor */
#define DIRECT_MAX_FRAME_BYTES UINT16_MAX    /* one descriptor may hold all of them */
#define DIRECT_ADDRESSES_BYTES (2 * RTE_ETHER_ADDR_LEN)

/* What lies between peek and commit. */
struct direct {
	struct net_forward_queue *from;
	const struct vu_vring_snapshot *snapshot;
	struct net_peek peek;
	struct rte_mbuf *frames[NET_MAX_BURST];
	uint16_t nb_views;
	bool has_no_views;
	uint64_t nb_bytes; /* of frames that were sent */
};

static __thread struct rte_mbuf direct_views[DIRECT_MAX_VIEWS];

static inline struct rte_mbuf *
direct_view(struct direct *direct, uint8_t *hva, uint32_t len_bytes)
{
	struct rte_mbuf *view = &direct_views[direct->nb_views++];

	view->buf_addr = hva;
	view->next = NULL;
	view->nb_segs = 1;
	view->pkt_len = len_bytes;
	view->data_len = (uint16_t)len_bytes;
	return view;
}

/* Length of a frame that has an Ethernet header; 0: it has none or is too long. */
static inline uint32_t
direct_frame_bytes(const struct direct *direct, uint32_t len_bytes)
{
	uint32_t frame_bytes = len_bytes - net_snapshot(direct->snapshot)->header_bytes;

	/* Buffers shorter than the header wrap to a huge length. */
	if (unlikely(frame_bytes - RTE_ETHER_HDR_LEN >
			DIRECT_MAX_FRAME_BYTES - RTE_ETHER_HDR_LEN))
		return 0;
	return frame_bytes;
}

/* Does the header ask for what only a frame in mbufs gets? Its first bytes are at hva. */
static inline bool
direct_has_request(const struct direct *direct, const uint8_t *hva, uint32_t len_bytes)
{
	struct net_header header;

	if ((net_snapshot(direct->snapshot)->offloads & RTE_BIT64(VIRTIO_NET_F_CSUM)) == 0)
		return false;
	if (unlikely(len_bytes < sizeof(header)))
		return true;
	net_header_read(&header, hva);
	return net_header_has_request(&header);
}

/* A frame in a chain, or NULL. Out of line: its segment list is large. */
static __rte_noinline struct rte_mbuf *
direct_chain(struct direct *direct, uint16_t i)
{
	uint32_t skip_bytes = net_snapshot(direct->snapshot)->header_bytes;
	struct rte_mbuf *frame = NULL, *tail = NULL;
	struct vu_chain chain;
	uint32_t frame_bytes;

	/* Whatever is wrong with a chain is dealt with, and counted, on the ordinary way. */
	if (vu_ring_chain(direct->snapshot, &direct->from->ring.queue->vring.pos,
			&direct->peek.burst, i, &chain) != VU_VRING_OK || chain.nb_write != 0)
		return NULL;
	direct->from->ring.nb_descs += chain.nb_descs;
	frame_bytes = direct_frame_bytes(direct, chain.read_bytes);
	direct->has_no_views = chain.nb_read > DIRECT_MAX_VIEWS - direct->nb_views;
	if (frame_bytes == 0 || direct->has_no_views ||
			direct_has_request(direct, chain.seg[0].hva, chain.seg[0].len_bytes))
		return NULL;
	for (uint16_t s = 0; s < chain.nb_read; s++) {
		uint32_t nb = RTE_MIN(skip_bytes, chain.seg[s].len_bytes);
		struct rte_mbuf *view;

		skip_bytes -= nb;
		if (nb == chain.seg[s].len_bytes)
			continue;
		view = direct_view(direct, chain.seg[s].hva + nb, chain.seg[s].len_bytes - nb);
		if (frame == NULL)
			frame = view;
		else
			tail->next = view;
		tail = view;
		frame->nb_segs = (uint16_t)(view - frame + 1);
	}
	frame->pkt_len = frame_bytes;
	return frame;
}

/* The frame of entry i, or NULL if it has to go the ordinary way. */
static inline struct rte_mbuf *
direct_frame(struct direct *direct, uint16_t i)
{
	const uint16_t header_bytes = net_snapshot(direct->snapshot)->header_bytes;
	uint8_t *hva = direct->peek.burst.hva[i];
	uint32_t frame_bytes;

	if (unlikely(hva == NULL))
		return direct_chain(direct, i);
	frame_bytes = direct_frame_bytes(direct, direct->peek.burst.len_bytes[i]);
	direct->has_no_views = direct->nb_views == DIRECT_MAX_VIEWS;
	if (unlikely(frame_bytes == 0 || direct->has_no_views ||
			direct_has_request(direct, hva, header_bytes)))
		return NULL;
	return direct_view(direct, hva + header_bytes, frame_bytes);
}

/*
 * Read the addresses, for the only time. Not the type behind them: 14 bytes are two stores that
 * overlap, whose sum the processor cannot forward to the comparison that follows.
 */
static inline void
direct_read_addresses(struct rte_ether_hdr *eth, const struct rte_mbuf *frame)
{
	uint32_t done_bytes = 0;

	if (likely(frame->data_len >= DIRECT_ADDRESSES_BYTES)) {
		memcpy(eth, frame->buf_addr, DIRECT_ADDRESSES_BYTES);
	} else {
		for (; done_bytes < DIRECT_ADDRESSES_BYTES; frame = frame->next) {
			uint32_t nb = RTE_MIN((uint32_t)DIRECT_ADDRESSES_BYTES - done_bytes,
				(uint32_t)frame->data_len);

			memcpy((uint8_t *)eth + done_bytes, frame->buf_addr, nb);
			done_bytes += nb;
		}
	}
	/* From here on the compiler must not read the guest's memory in place of the copy. */
	rte_compiler_barrier();
}

/*
 * Describe the frames start..end - 1 of the burst that may go straight on, and find out where they
 * and the next one go. @return the first one that may not
 */
static uint16_t
direct_find(struct direct *direct, struct net_look *look, uint16_t start, uint16_t end)
{
	struct net_fdb_walk walk = look->walk;
	uint64_t nb_bytes = direct->nb_bytes;
	uint16_t i;

	for (i = start; i < end && nb_bytes < NET_BURST_BYTES &&
			direct->from->ring.nb_descs < NET_BURST_DESCS; i++) {
		struct rte_ether_hdr eth;

		direct->frames[i] = direct_frame(direct, i);
		if (unlikely(direct->frames[i] == NULL))
			break;
		nb_bytes += direct->frames[i]->pkt_len;
		direct_read_addresses(&eth, direct->frames[i]);
		look->ports[i] = net_fdb_walk_next(&walk, &eth);
		look->nb_ports = i + 1;
		if (look->ports[i] == NET_FDB_UNKNOWN)
			break;
	}
	look->walk = walk;
	return i;
}

/* Copy frames to a port as far as this lcore may do so right away. @return frames dealt with */
static uint16_t
direct_enqueue(struct direct *direct, uint16_t port_id, uint16_t start, uint16_t nb)
{
	const struct net_forward_port *port = net_switch_port(port_id);
	const struct vu_vring_snapshot *snap;
	struct net_forward_queue *to;
	struct vu_task *payer;

	if (port == NULL || port == direct->from->port)
		return 0;
	to = net_receive_queue(port, direct->from->pair, &snap);
	/* Frames in the handoff ring, or before a missing translation, may be older ones. */
	if (to == NULL || snap == NULL || !vu_task_is_mine(&to->ring.queue->task) ||
			!rte_ring_empty(to->handoff) ||
			to->ring.queue->vring.pos.fault != VU_VRING_OK)
		return 0;
	/* One that has no time left gets them when it has. */
	if (unlikely(!vu_account_pass(&to->ring.queue->task, &payer)))
		return 0;
	nb = net_to_guest_enqueue(&to->ring, snap, &direct->frames[start], nb);
	vu_account_return(payer);
	return nb;
}

/* Copy frames, port by port in order, until one must not be copied. @return the first of these */
static uint16_t
direct_enqueue_runs(struct direct *direct, const struct net_look *look, uint16_t start,
	uint16_t end)
{
	while (start < end) {
		uint16_t next = start, done;

		while (next < end && look->ports[next] == look->ports[start])
			next++;
		done = direct_enqueue(direct, look->ports[start], start, next - start);
		for (uint16_t i = start; i < start + done; i++)
			direct->nb_bytes += direct->frames[i]->pkt_len;
		start += done;
		if (start != next)
			break;
	}
	return start;
}

/*
 * Send on what may go straight on. Behind a frame that went the ordinary way only the first one is
 * tried, as the next ones mostly do so too. @return frames sent
 */
static uint16_t
direct_send(struct direct *direct, struct net_look *look)
{
	const uint16_t nb = direct->peek.burst.nb;
	uint16_t end = RTE_MIN(nb, direct->from->direct_max);
	uint16_t start = 0;

	look->walk = net_fdb_walk_start(direct->from->port->port_id);
	look->has_walk = true;
	for (;;) {
		uint16_t found = direct_find(direct, look, start, end);

		start = direct_enqueue_runs(direct, look, start, found);
		if (likely(start != end || end == nb))
			return start;
		end = nb;
	}
}

/* Has what was sent used up what a poll has? One that sent nothing takes a frame at least. */
static bool
direct_is_over(const struct direct *direct)
{
	return direct->nb_bytes != 0 && (direct->has_no_views ||
		direct->nb_bytes >= NET_BURST_BYTES ||
		direct->from->ring.nb_descs >= NET_BURST_DESCS);
}

/* Take the frames behind those that were sent into mbufs. @return entries */
static uint16_t
direct_take_rest(struct direct *direct, uint16_t nb_sent, struct rte_mbuf **frames,
	uint16_t *nb_frames, struct net_look *look)
{
	uint16_t nb_entries;

	if (nb_sent != 0) {
		direct->peek.nb_bytes = (uint32_t)direct->nb_bytes;
		direct->peek.nb_descs = direct->from->ring.nb_descs;
		net_peek_skip(&direct->peek, nb_sent);
		look->nb_ports -= nb_sent;
		memmove(look->ports, &look->ports[nb_sent],
			look->nb_ports * sizeof(look->ports[0]));
	}
	nb_entries = net_snapshot(direct->snapshot)->burst->take(&direct->from->ring,
		direct->snapshot, &direct->peek, frames, nb_frames);
	/* A frame that was dropped leaves no gap: which one it was is not known. */
	if (unlikely(*nb_frames != nb_entries))
		look->nb_ports = 0;
	return nb_entries;
}

uint16_t
net_direct_dequeue(struct net_forward_queue *from, const struct vu_vring_snapshot *snap,
	struct rte_mbuf **frames, uint16_t *nb_frames, struct net_look *look)
{
	const struct net_burst_ops *burst = net_snapshot(snap)->burst;
	struct direct direct;
	uint16_t nb;

	if (from->direct_max == 0 || net_switch_is_alone() || unlikely(!snap->is_enabled))
		return burst->dequeue(&from->ring, snap, frames, NET_MAX_BURST, nb_frames);
	*nb_frames = 0;
	if (burst->peek(&from->ring, snap, &direct.peek, NET_MAX_BURST) == 0)
		return 0;
	direct.from = from;
	direct.snapshot = snap;
	direct.nb_views = 0;
	direct.has_no_views = false;
	direct.nb_bytes = 0;
	from->ring.nb_descs = 0;
	nb = direct_send(&direct, look);
	from->direct_max = nb != 0 ? NET_MAX_BURST : 1;
	if (likely(nb != 0)) {
		net_peek_commit(snap, &from->ring.queue->vring.pos, &direct.peek, nb);
		vu_device_queue_count(from->ring.queue, nb, direct.nb_bytes);
		vu_counter_add(&from->ring.queue->counters.nb_direct, nb);
	}
	if (likely(nb == direct.peek.burst.nb) || unlikely(direct_is_over(&direct)))
		return nb;
	return nb + direct_take_rest(&direct, nb, frames, nb_frames, look);
}

void
vu_net_set_direct(struct vu_device_queue *queue, bool is_direct)
{
	struct net_forward_queue *from = queue->priv;

	from->direct_max = is_direct ? 1 : 0;
}
