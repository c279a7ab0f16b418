/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device driver for tests, registered as "fake": reads every chain of a split ring, gives it back
 * and notes what it saw. Its poll function can be held inside, so that a case decides when the
 * lcore reports its next quiescent state.
 */
#ifndef FAKE_DRIVER_H
#define FAKE_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_device_driver.h"
#include "vu_virtio.h"

#define FAKE_DRIVER_NAME "fake"
#define FAKE_VIRTIO_ID 77
#define FAKE_GROUP 2
/** Argument that makes creation fail with EDOM. */
#define FAKE_ARGS_REFUSED "refuse"

#define FAKE_F_INDIRECT RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC)
#define FAKE_F_EVENT_IDX RTE_BIT64(VIRTIO_RING_F_EVENT_IDX)
#define FAKE_F_VERSION_1 RTE_BIT64(VIRTIO_F_VERSION_1)
#define FAKE_F_PACKED RTE_BIT64(VIRTIO_F_RING_PACKED)

/** One queue; the owner lcore writes what is not said to be the case's. */
struct fake_queue {
	uint32_t nb_starts;   /**< control lcore */
	uint32_t nb_stops;    /**< control lcore */
	uint32_t nb_polls;
	uint64_t nb_chains;
	uint64_t nb_bytes;
	uint64_t sum;         /**< of the first bytes of all chains */
	bool was_enabled;     /**< at the last poll */
	uint32_t is_gated;    /**< the case's: stay inside poll while 1 */
	uint32_t is_inside;
	bool has_requests;    /**< the case's: a drain is not complete at once */
	const struct vu_vring_snapshot *draining; /**< control lcore: of the last such drain */
};

/** Driver's data of one device. */
struct fake_device {
	uint64_t acked_features;
	uint32_t nb_resets;
	uint32_t nb_detaches;
	struct fake_queue queues[];
};

/** What the driver noted about a queue. */
struct fake_queue *fake_driver_queue(const struct vu_device *dev, uint32_t queue_idx);

#endif /* FAKE_DRIVER_H */
