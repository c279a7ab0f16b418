/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A dirty log for one side of variant_rig.h, and burst functions that hold it against what they did
 * to guest memory: every page that a call changed must be marked when it returns.
 */
#ifndef VARIANT_LOG_H
#define VARIANT_LOG_H

#include "variant_rig.h"
#include "vu_mem_log.h"

/** net_burst_any between two looks at guest memory; for a ring with a log. */
extern const struct net_variant variant_logged;

/** The front-end's side of a log, and ours. */
struct variant_log {
	int fd;
	uint8_t *bytes;
	uint64_t offset_bytes;
	struct vu_mem_log *log;
	bool is_anywhere; /**< the guest has us write outside of the arenas, too */
};

/** A log for all of the guest that begins at any byte of its file. */
void variant_log_open(struct variant_log *log, uint64_t offset_bytes);
void variant_log_close(struct variant_log *log);

#endif /* VARIANT_LOG_H */
