/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How far apart two lcores are: the round trip of a cache line. On virtual machines it changes from
 * second to second, and what two lcores do together with it.
 */
#ifndef LINE_H
#define LINE_H

/**
 * Send a cache line to and fro between this lcore and another, idle one.
 *
 * @return nanoseconds of a round trip, the mean of some hundred; 0 if others use these lcores so
 *         much that no cost is known
 */
double line_round_trip_ns(unsigned int lcore_id);

/** Two round trips that differ by more than this are different states of the machine. */
#define LINE_STATE_RATIO 1.6

/** Round trip around a measurement; 0 if the state changed meanwhile or is not known. */
double line_join(double before_ns, double after_ns);

#endif /* LINE_H */
