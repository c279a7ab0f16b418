/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/vring: the three parts of a ring in memory, of either layout.
 */
#ifndef VRING_PART_H
#define VRING_PART_H

#include <rte_bitops.h>

#include "vu_mem_iotlb.h"
#include "vu_virtio.h"
#include "vu_vring_snapshot.h"

enum {
	VRING_DESC,
	VRING_AVAIL, /* packed: the driver's event suppression structure */
	VRING_USED,  /* packed: the device's */
	VRING_NB_PARTS
};

struct vring_part {
	uint64_t uva;  /* behind an IOMMU: the iova */
	uint64_t len;  /* bytes */
	uint64_t align;
	uint8_t perm;  /* VU_IOTLB_*: what the device needs */
};

static inline bool
vring_has_feature(uint64_t features, unsigned int bit)
{
	return (features & RTE_BIT64(bit)) != 0;
}

static inline void
vring_parts(const struct vu_vring_conf *conf, uint64_t features,
	struct vring_part parts[VRING_NB_PARTS])
{
	const bool is_packed = vring_has_feature(features, VIRTIO_F_RING_PACKED);
	const uint64_t size = conf->size;
	/* The event fields behind the rings exist only with EVENT_IDX. */
	const uint64_t event_bytes = vring_has_feature(features, VIRTIO_RING_F_EVENT_IDX) ?
		sizeof(uint16_t) : 0;
	const uint64_t avail_bytes = is_packed ? sizeof(struct vu_packed_event) :
		sizeof(struct vu_split_avail) + size * sizeof(uint16_t) + event_bytes;
	const uint64_t used_bytes = is_packed ? sizeof(struct vu_packed_event) :
		sizeof(struct vu_split_used) + size * sizeof(struct vu_split_used_elem) +
		event_bytes;

	_Static_assert(sizeof(struct vu_packed_desc) == sizeof(struct vu_split_desc), "one size");
	parts[VRING_DESC] = (struct vring_part){ conf->desc_uva,
		size * sizeof(struct vu_split_desc), 16,
		is_packed ? VU_IOTLB_READ | VU_IOTLB_WRITE : VU_IOTLB_READ };
	parts[VRING_AVAIL] = (struct vring_part){ conf->avail_uva, avail_bytes,
		is_packed ? 4 : 2, VU_IOTLB_READ };
	/* We read back what we wrote: where to go on. */
	parts[VRING_USED] = (struct vring_part){ conf->used_uva, used_bytes, 4,
		is_packed ? VU_IOTLB_WRITE : VU_IOTLB_READ | VU_IOTLB_WRITE };
}

#endif /* VRING_PART_H */
