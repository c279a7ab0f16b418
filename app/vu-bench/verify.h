/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every byte of every frame compared: numbers, lengths, contents, bursts of random length.
 */
#ifndef VERIFY_H
#define VERIFY_H

#include "load.h"
#include "side.h"

/**
 * Carry frames through a back half and compare what comes out.
 *
 * @param side       its front half is drained afterwards
 * @param conf       point, sizes and pool
 * @param nb_frames  to carry at least
 * @param nb_wrong   out: frames that came from the guest wrong
 * @return frames that were carried; fewer if the back half stands still
 */
uint64_t verify_run(struct side *side, const struct load_conf *conf, uint64_t nb_frames,
	uint64_t *nb_wrong);

#endif /* VERIFY_H */
