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

/**
 * Find where values fall into two groups.
 *
 * @param values  sorted afterwards; all above 0
 * @param nb      any
 * @param ratio   how many times larger the next value must be for a gap between groups
 * @return a value in the widest gap; 0 if there is none
 */
double stats_gap(double *values, unsigned int nb, double ratio);

#endif /* STATS_H */
