/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device of the driver "fake" with two rings and a scheduler of its own; shared by the cases of
 * lib/device.
 */
#ifndef DEVICE_FIXTURE_H
#define DEVICE_FIXTURE_H

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake_driver.h"
#include "rig.h"
#include "vu_fd.h"

#define NB_RINGS 2
#define RING_SIZE RIG_RING_SIZE

/** Configuration of another such device on the scheduler of `f`. */
struct vu_device_conf fixture_conf(struct rig_port *f, const struct vu_assign_conf *assign);

/** A device without a front-end, a guest without one either. */
void fixture_open(struct rig_port *f);

/** Free both and the scheduler. */
void fixture_close(struct rig_port *f);

/** A front-end connects; both rings running. */
void fixture_run(struct rig_port *f);

/** Offer nb buffers of one byte each, all of them `value`. */
void fixture_put(struct rig_port *f, uint32_t i, unsigned int nb, uint8_t value);

/** Take all used buffers of a ring back. @return their number */
unsigned int fixture_collect(struct rig_port *f, uint32_t i);

/** Keep the lcore inside the poll function of queue i until the gate opens. */
void fixture_gate_close(struct rig_port *f, uint32_t i);
void fixture_gate_open(struct rig_port *f, uint32_t i);

/** Wait until so many buffers of a ring are used and not collected. */
void fixture_wait_used(const struct rig_port *f, uint32_t i, uint16_t nb);

/** Does this process have such a descriptor? */
bool fixture_fd_is_open(int fd);

#endif /* DEVICE_FIXTURE_H */
