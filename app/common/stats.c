/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Order statistics; see stats.h.
 */
#include "stats.h"

#include <stdlib.h>

static int
stats_compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double
stats_quantile(const double *values, unsigned int nb, double fraction)
{
	double position = fraction * (nb - 1);
	unsigned int below = (unsigned int)position;

	if (below + 1 >= nb)
		return values[nb - 1];
	return values[below] + (values[below + 1] - values[below]) * (position - below);
}

struct stats_summary
stats_summarise(double *values, unsigned int nb)
{
	if (nb == 0)
		return (struct stats_summary){ 0 };
	qsort(values, nb, sizeof(*values), stats_compare);
	return (struct stats_summary){
		.median = stats_quantile(values, nb, 0.5),
		.p10 = stats_quantile(values, nb, 0.1), .p90 = stats_quantile(values, nb, 0.9),
	};
}
