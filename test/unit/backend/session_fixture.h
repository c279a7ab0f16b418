/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the cases of lib/backend share: a session before a real device, a data lcore in a plain
 * thread, and a gate that holds it. Expectations of a request's answer are the case's.
 */
#ifndef SESSION_FIXTURE_H
#define SESSION_FIXTURE_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bitops.h>

#include "fake_task.h"
#include "session.h"
#include "session_rig.h"
#include "test.h"
#include "vu_fd.h"
#include "vu_mem.h"
#include "vu_virtio.h"

#define FEATURE_BITS (RTE_BIT64(VIRTIO_F_VERSION_1) | \
	RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES))
#define PROTOCOL_BITS (RTE_BIT64(VHOST_USER_PROTOCOL_F_MQ) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) | RTE_BIT64(VHOST_USER_PROTOCOL_F_MTU) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIG) | RTE_BIT64(VHOST_USER_PROTOCOL_F_RESET_DEVICE) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_STATUS))

/** A net device, connected; the loop of its data lcore runs. */
void fixture_create(struct session_port *fix, const char *driver_args);

/** A probe device that offers all there is. */
void fixture_create_probe(struct session_port *fix);

/** The same with limits of its own. */
void fixture_create_with_mem(struct session_port *fix, const char *driver_args, int numa_node,
	uint64_t max_mem_bytes);

/** Hang up and free everything. */
void fixture_destroy(struct session_port *fix);

/** The data lcore stays where it is, in a poll function: nothing that waits for it completes. */
void lcore_gate_close(struct session_port *fix);

/** It goes on. */
void lcore_gate_open(struct session_port *fix);

/** Whatever the data lcore was doing, counting included, is over. */
void lcore_gate_pass(struct session_port *fix);

/** Features and protocol features as a present-day front-end sets them. */
int fixture_negotiate(struct session_port *fix);

/** From nothing to two running rings. */
void fixture_start(struct session_port *fix);

/** Does a ring run? */
bool fixture_is_live(const struct session_port *fix, uint32_t q);

/** Wait for an event and take it. */
void event_wait(int fd);

#endif /* SESSION_FIXTURE_H */
