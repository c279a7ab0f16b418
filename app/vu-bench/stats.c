/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Order statistics; see stats.h.
 */
#include "stats.h"

#include <math.h>
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
	struct stats_summary summary = { 0 };

	if (nb == 0)
		return summary;
	qsort(values, nb, sizeof(*values), stats_compare);
	summary.median = stats_quantile(values, nb, 0.5);
	summary.p10 = stats_quantile(values, nb, 0.1);
	summary.p90 = stats_quantile(values, nb, 0.9);
	return summary;
}

double
stats_gap(double *values, unsigned int nb, double ratio)
{
	double middle = 0;

	if (nb == 0)
		return 0;
	qsort(values, nb, sizeof(*values), stats_compare);
	for (unsigned int i = 1; i < nb; i++) {
		if (values[i] < ratio * values[i - 1])
			continue;
		ratio = values[i] / values[i - 1];
		middle = sqrt(values[i] * values[i - 1]);
	}
	return middle;
}
