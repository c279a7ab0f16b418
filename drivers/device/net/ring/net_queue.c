/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a queue's bursts depend on: its pool and what was negotiated. Control lcore.
 */
#include "net_queue.h"

#include <errno.h>
#include <string.h>

#include "net_burst.h"
#include "net_offload.h"
#include "vu_vring_kick.h"

#define NET_HEADER_LEGACY_BYTES 10
#define NET_HEADER_BYTES 12

void
net_snapshot_init(struct vu_device_queue *queue, struct vu_vring_snapshot *snap)
{
	struct net_snapshot *ns = vu_vring_snapshot_priv(snap);
	const uint64_t long_header = RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF) |
		RTE_BIT64(VIRTIO_F_VERSION_1);

	ns->header_bytes = (snap->features & long_header) != 0 ? NET_HEADER_BYTES :
		NET_HEADER_LEGACY_BYTES;
	ns->is_mergeable = (snap->features & RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF)) != 0;
	ns->is_in_order = (snap->features & RTE_BIT64(VIRTIO_F_IN_ORDER)) != 0;
	ns->offloads = net_offload_effective(snap->features);
	ns->burst = net_variant_choose(snap);
	/* DPDK's driver marks the descriptor of the header as one to write, in frames it sends. */
	snap->has_sent_tables = queue->vring.idx % 2 == 1;
	queue->variant = ns->burst->name;
}

/* Slots in a row that the guest gave us: chains count as their descriptors. */
static uint16_t
packed_nb_waiting(const struct vu_vring_snapshot *snap, const struct vu_vring_pos *pos)
{
	const uint16_t room = (uint16_t)(snap->size - vu_packed_nb_taken(snap, pos));
	uint16_t position = pos->last_avail_idx;
	uint16_t nb;

	for (nb = 0; nb < room; nb++) {
		struct vu_packed_desc *desc = &snap->packed_desc[position & VU_PACKED_SLOT];

		if (((vu_load(vu_packed_word(desc)) >> 48) & VU_PACKED_F_OWNER) !=
				vu_packed_avail_flags(position))
			break;
		position = vu_packed_advance(snap, position, 1);
	}
	return nb;
}

/* A fault is the next burst's to find. Within a burst: until then control sets the position. */
static uint16_t
ring_nb_waiting(const struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct vu_vring_pos pos = queue->vring.pos;

	return snap->is_packed ? packed_nb_waiting(snap, &pos) : vu_split_nb_avail(snap, &pos);
}

static inline bool
ring_is_good(const struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	return snap != NULL && !vu_vring_is_given_up(queue->vring.pos.fault);
}

uint16_t
vu_net_nb_waiting(struct vu_device_queue *queue)
{
	const struct vu_vring_snapshot *snap = vu_device_queue_enter(queue);
	uint16_t nb = ring_is_good(queue, snap) ? ring_nb_waiting(queue, snap) : 0;

	vu_device_queue_leave(queue);
	return nb;
}

int
vu_net_set_kicks(struct vu_device_queue *queue, bool is_enabled)
{
	const struct vu_vring_snapshot *snap = vu_device_queue_enter(queue);
	int rc = 0;

	if (ring_is_good(queue, snap) && !snap->has_kick) {
		rc = is_enabled ? -ENOTSUP : 0;
	} else if (ring_is_good(queue, snap) && is_enabled) {
		vu_vring_enable_kicks(snap, &queue->vring.pos);
		/* What came before is not kicked for (VIRTIO 1.2, 2.7.10). */
		rte_smp_mb();
		rc = ring_nb_waiting(queue, snap) != 0;
	} else if (ring_is_good(queue, snap)) {
		vu_vring_disable_kicks(snap);
	}
	vu_device_queue_leave(queue);
	return rc;
}

int
net_queue_set_frames(struct net_queue *nq, const struct vu_net_frames *frames)
{
	const struct rte_mbuf fresh = {
		.data_off = RTE_PKTMBUF_HEADROOM, .nb_segs = 1, .port = frames->port_id,
		.refcnt = 1,
	};

	nq->pool = frames->pool;
	if (frames->pool == NULL)
		return -ENOMEM;
	memcpy(&nq->rearm, &fresh.rearm_data, sizeof(nq->rearm));
	nq->port_id = frames->port_id;
	nq->big_pool = frames->is_linear ? frames->big_pool : NULL;
	nq->has_rx_flags = frames->has_rx_flags;
	nq->has_rx_checksum = frames->has_rx_checksum;
	nq->room_bytes = rte_pktmbuf_data_room_size(frames->pool) - RTE_PKTMBUF_HEADROOM;
	/* The length of one mbuf has 16 bits. */
	nq->max_bytes = !frames->is_linear ? VU_NET_MAX_FRAME_BYTES :
		nq->big_pool != NULL ? UINT16_MAX : nq->room_bytes;
	return 0;
}
