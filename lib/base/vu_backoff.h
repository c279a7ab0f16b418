/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Delays between attempts to connect: doubling up to a cap, without an end.
 */
#ifndef VU_BACKOFF_H
#define VU_BACKOFF_H

#include <stdint.h>

#include <rte_common.h>

/** A series of delays. */
struct vu_backoff {
	uint32_t first_ms; /**< at least 1, fixed after init */
	uint32_t max_ms;   /**< at least first_ms, fixed after init */
	uint32_t next_ms;  /**< what vu_backoff_next_ms() will return */
};

/** Begin again with the first delay, after a success. @context any thread */
static inline void
vu_backoff_reset(struct vu_backoff *backoff)
{
	backoff->next_ms = backoff->first_ms;
}

/**
 * Set up a series.
 *
 * @param backoff   caller's storage
 * @param first_ms  first delay in milliseconds; 0 counts as 1
 * @param max_ms    longest delay in milliseconds; first_ms if that is greater
 * @context any thread
 */
static inline void
vu_backoff_init(struct vu_backoff *backoff, uint32_t first_ms, uint32_t max_ms)
{
	backoff->first_ms = RTE_MAX(first_ms, UINT32_C(1));
	backoff->max_ms = RTE_MAX(max_ms, backoff->first_ms);
	vu_backoff_reset(backoff);
}

/**
 * Time to wait before the next attempt.
 *
 * @param backoff  series
 * @return milliseconds, first_ms..max_ms
 * @context any thread
 */
static inline uint32_t
vu_backoff_next_ms(struct vu_backoff *backoff)
{
	uint32_t delay_ms = backoff->next_ms;

	backoff->next_ms = delay_ms > backoff->max_ms / 2 ? backoff->max_ms : 2 * delay_ms;
	return delay_ms;
}

#endif /* VU_BACKOFF_H */
