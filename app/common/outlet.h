/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Output that never waits for its reader: what is written goes through a buffer to a thread, which
 * alone waits. What finds the buffer full is left out and counted, and the count is said once there
 * is room again.
 */
#ifndef OUTLET_H
#define OUTLET_H

#include <stdbool.h>
#include <stdio.h>

struct outlet;

/**
 * Put an outlet in front of a stream.
 *
 * @param to  stays the caller's, and belongs to the outlet's thread until outlet_close()
 * @return outlet, or NULL: no memory
 * @context any thread
 */
struct outlet *outlet_open(FILE *to);

/** What to write to in place of the stream. @context any thread */
FILE *outlet_stream(const struct outlet *outlet);

/**
 * Wait, for a moment, until all is written, and free the outlet.
 *
 * @param outlet  NULL is allowed
 * @return false: the reader still does not read. What waits is lost, and so is what is written to
 *         the outlet's stream from now on, which stays
 * @context any thread
 */
bool outlet_close(struct outlet *outlet);

#endif /* OUTLET_H */
