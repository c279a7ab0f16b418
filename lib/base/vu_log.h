/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Logging: one DPDK log type per component, named vu.<component>.
 * Called from the control lcore only; data lcores count instead of logging.
 */
#ifndef VU_LOG_H
#define VU_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_log.h>

#include "vu_export.h"

VU_API_BEGIN

/** Components that log; `--log-level=vu.mem:debug` addresses one of them. */
enum vu_log_component {
	VU_LOG_REACTOR,
	VU_LOG_SCHED,
	VU_LOG_PROTO,
	VU_LOG_MEM,
	VU_LOG_CONN,
	VU_LOG_VRING,
	VU_LOG_DEVICE,
	VU_LOG_BACKEND,
	VU_LOG_ENDPOINT,
	VU_LOG_FRONTEND,
	VU_LOG_TELEMETRY,
	VU_LOG_CONTROL,
	VU_LOG_DAEMON,
	VU_LOG_NET,
	VU_LOG_ETHDEV,
	VU_LOG_NB_COMPONENTS
};

/**
 * Log one line. The object comes first, then what failed, values with units, the cause.
 *
 * @param component  suffix of a VU_LOG_* constant, for example MEM
 * @param level      ERR (someone must act), WARNING (peer fault), INFO (life cycle), DEBUG
 *                   (messages)
 * @param ...        printf format without a trailing newline, and its arguments
 */
#define VU_LOG(component, level, ...) \
	vu_log_line(VU_LOG_##component, RTE_LOG_##level, __VA_ARGS__)

/**
 * Limits lines that a peer can provoke; zero-initialise, one per object that a peer can annoy, not
 * per connection: those are as many as the peer likes. Lets `burst` lines through at once and
 * VU_LOG_RATE per second in the long run, and counts the rest.
 */
struct vu_log_limit {
	uint32_t burst;         /**< 0 = VU_LOG_RATE */
	uint32_t nb_used;       /**< of the burst */
	uint64_t refill_tsc;    /**< when nb_used was last made less */
	uint32_t nb_suppressed; /**< lines dropped since the last one that was let through */
};

#define VU_LOG_RATE 5 /* lines per second */

/**
 * Log one line unless there were too many; it counts those that were left out before it.
 *
 * @param limit      struct vu_log_limit * of the object that the line is about
 * @param component  as VU_LOG()
 * @param level      as VU_LOG()
 * @param ...        as VU_LOG()
 */
#define VU_LOG_LIMITED(limit, component, level, ...) \
	vu_log_line_limited(limit, VU_LOG_##component, RTE_LOG_##level, __VA_ARGS__)

/**
 * Ask whether one more line may be written.
 *
 * @param limit  state of the object the line is about
 * @return true if the caller should log; false: limit->nb_suppressed has grown
 * @context control lcore
 */
bool vu_log_allowed(struct vu_log_limit *limit);

/** Worker of VU_LOG_LIMITED(). @context control lcore */
void vu_log_line_limited(struct vu_log_limit *limit, enum vu_log_component component,
	uint32_t level, const char *format, ...) __attribute__((format(printf, 4, 5)));

/** Worker of VU_LOG(). @context control lcore */
void vu_log_line(enum vu_log_component component, uint32_t level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

VU_API_END

#endif /* VU_LOG_H */
