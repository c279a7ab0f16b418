/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: translations that a ring behind an IOMMU lacks (vu_mem_iotlb.h). A burst that meets
 * an address without one ends there with pos->fault VU_VRING_IOTLB_MISS, the entry stays with the
 * guest, and the ring waits until its snapshot has been replaced.
 */
#ifndef VU_VRING_MISS_H
#define VU_VRING_MISS_H

#include "vu_export.h"
#include "vu_limits.h"
#include "vu_mem_iotlb.h"
#include "vu_vring_snapshot.h"

VU_API_BEGIN

/** Granule in which translations are asked for; IOMMUs know no smaller one. */
#define VU_IOTLB_PAGE_BYTES UINT64_C(4096)

/** Translations that are missing, one for each page. */
struct vu_vring_misses {
	uint32_t nb;
	struct vu_iotlb_miss miss[VU_MAX_IOTLB_MISSES];
};

/** Is there a translation for all that it is needed for? @context any thread */
bool vu_iotlb_miss_is_over(const struct vu_mem_iova *iova, const struct vu_iotlb_miss *miss);

/**
 * Translations that the parts of a ring lack.
 *
 * @param vring     ring with all of its configuration and `iova`
 * @param features  negotiated
 * @param misses    filled; none although the ring cannot start: a part lies in pieces here, or is
 *                  not aligned
 * @context control lcore
 */
void vu_vring_find_part_misses(const struct vu_vring *vring, uint64_t features,
	struct vu_vring_misses *misses);

/**
 * Translations that the buffers lack which the guest has made available: of the next entry, and of
 * those behind it, so that one round trip to the front-end serves many.
 *
 * @param snap    snapshot of a ring behind an IOMMU
 * @param pos     position; not changed
 * @param misses  filled
 * @context owner lcore
 */
void vu_vring_find_misses(const struct vu_vring_snapshot *snap, const struct vu_vring_pos *pos,
	struct vu_vring_misses *misses);

VU_API_END

#endif /* VU_VRING_MISS_H */
