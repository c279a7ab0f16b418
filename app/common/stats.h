/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Order statistics of what was measured.
 */
#ifndef STATS_H
#define STATS_H

/** Median and the values that a tenth of all are below and above. */
struct stats_summary {
	double median;
	double p10;
	double p90;
};

/** Value below which a fraction of ascending values are, interpolated between neighbours. */
double stats_quantile(const double *values, unsigned int nb, double fraction);

/** Sort values and summarise them; all zero if there are none. */
struct stats_summary stats_summarise(double *values, unsigned int nb);

#endif /* STATS_H */
