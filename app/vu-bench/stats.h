/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Order statistics of measured values.
 */
#ifndef STATS_H
#define STATS_H

/** Median and the values that a tenth of all are below and above. */
struct stats_summary {
	double median;
	double p10;
	double p90;
};

/**
 * Value below which a part of all values are, interpolated between neighbours.
 *
 * @param values    ascending
 * @param nb        at least 1
 * @param fraction  0..1
 */
double stats_quantile(const double *values, unsigned int nb, double fraction);

/**
 * Sort values and summarise them.
 *
 * @param values  sorted afterwards
 * @param nb      0 gives all zero
 */
struct stats_summary stats_summarise(double *values, unsigned int nb);

#endif /* STATS_H */
