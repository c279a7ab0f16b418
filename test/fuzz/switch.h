/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What fuzz_switch has to know of the net driver's private state.
 */
#ifndef SWITCH_H
#define SWITCH_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_device.h"

/** Forget what a port sent, but that 02:00:00:00:00:<mac> is behind it. */
void switch_reset(const struct vu_device *dev, uint8_t mac);

/** @return true if every mbuf is back where it came from; all rings are stopped */
bool switch_has_all_mbufs(const struct vu_device *dev);

#endif /* SWITCH_H */
