/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/vring: where a packed ring goes on when its base is out of date.
 */
#ifndef VRING_RECOVER_H
#define VRING_RECOVER_H

#include <stdbool.h>

#include "vu_vring_snapshot.h"

/**
 * Compare a position with the descriptors of a ring, and replace it if the ring is elsewhere. A
 * burst that was not published is: its buffers come back empty.
 *
 * @param snap  snapshot of the ring, packed
 * @param pos   position as the base says it, on the ring
 * @return true if it was replaced
 * @context control lcore, while the ring is stopped and quiet
 */
bool packed_recover(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos);

#endif /* VRING_RECOVER_H */
