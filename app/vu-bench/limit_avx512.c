/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Loops of the `limit` for AVX-512.
 */
#define LIMIT_WITH_LOOPS
#include "limit_loop.h"

LIMIT_LOOPS(limit_loops_avx512);
